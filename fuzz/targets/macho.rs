//! Facts of one Mach-O file, and everything that is asked of them apart: look-ups, chains, signatures, dyld's inspection.
#![no_main]

use std::hint::black_box;
use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use tsuku_verify::analyzer::image::macho::valid::{Inspection, objection};
use tsuku_verify::analyzer::image::macho::{Container, chains, container, read, rebases, tables};

fuzz_target!(|bytes: &[u8]| {
    let images: Vec<&[u8]> = match container(bytes) {
        Err(_) => return,
        Ok(Container::Thin) => vec![bytes],
        Ok(Container::Fat(fat)) => fat.slices.iter().map(|slice| slice.bytes(bytes)).collect(),
    };
    for image in images {
        let Ok(facts) = read(image) else { continue };
        for bind in facts.binds.records.iter().take(8) {
            let _ = black_box(facts.exports.find(bind.name));
        }
        let mut names = 0;
        let _ = facts.exports.walk(|name, _| {
            let _ = black_box(facts.exports.find(name));
            names += 1;
            if names < 64 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let _ = black_box(chains::check(&facts));
        let _ = black_box(rebases::check(&facts));
        black_box(tables::conflict(&facts));
        for inspection in [Inspection::Spring2025, Inspection::Fall2025] {
            black_box(objection(&facts, bytes.len() as u64, inspection).map(|o| o.loader_words()));
        }
        if let Some(Ok(signature)) = &facts.signature {
            black_box(signature.check_pages(image));
        }
    }
});
