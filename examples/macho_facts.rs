//! Prints the facts of Mach-O files below a directory, one JSON line a slice: one side of `scripts/second-reader-macho`.
//! It must never judge: it prints what `image::macho` read, faults and all.
//! Usage: `macho_facts PATH...`; with `--quiet` only one line with the counts; `read_us` is the time in `read` alone.
#![allow(clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tsuku_verify::analyzer::image::macho::exports::{Export, ExportKind};
use tsuku_verify::analyzer::image::macho::facts::Dependent;
use tsuku_verify::analyzer::image::macho::valid::{Inspection, objection};
use tsuku_verify::analyzer::image::macho::{
    Container, MachoFacts, chains, container, looks_like, read, rebases,
};

/// Files, slices and faults seen.
#[derive(Default)]
struct Counts {
    files: usize,
    slices: usize,
    faults: usize,
    binds: usize,
    exports: usize,
    damaged: usize,
    chained: u64,
    rebases: u64,
    objections: usize,
    reading: std::time::Duration,
}

fn main() {
    let mut quiet = false;
    let mut paths = Vec::new();
    for arg in std::env::args_os().skip(1) {
        if arg == "--quiet" { quiet = true } else { files(Path::new(&arg), &mut paths) }
    }
    paths.sort();
    let mut counts = Counts::default();
    for path in paths {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        if looks_like(&bytes) {
            counts.files += 1;
            file(&path, &bytes, quiet, &mut counts);
        }
    }
    let Counts { files, slices, faults, binds, exports, damaged, chained, rebases, objections, reading } =
        counts;
    let total = json!({
        "files": files, "slices": slices, "faults": faults, "binds": binds, "exports": exports, "damaged_signatures": damaged,
        "chained_pointers": chained, "rebases": rebases, "objections": objections, "read_us": reading.as_micros(),
    });
    println!("{}", json!({ "total": total }));
}

fn files(path: &Path, into: &mut Vec<PathBuf>) {
    let Ok(kind) = std::fs::symlink_metadata(path) else { return };
    if kind.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            files(&entry.path(), into);
        }
    } else if kind.is_file() {
        into.push(path.to_owned());
    }
}

fn file(path: &Path, bytes: &[u8], quiet: bool, counts: &mut Counts) {
    let slices = match container(bytes) {
        Err(fault) => return fault_line(path, &fault.to_string(), counts),
        Ok(Container::Thin) => vec![bytes],
        Ok(Container::Fat(fat)) => {
            if let Some(fault) = &fat.fault {
                fault_line(path, &fault.loader_words(), counts);
            }
            fat.slices.iter().map(|slice| slice.bytes(bytes)).collect()
        }
    };
    for slice in slices {
        counts.slices += 1;
        let start = std::time::Instant::now();
        let facts = read(slice);
        counts.reading += start.elapsed();
        match facts {
            Err(fault) => fault_line(path, &fault.to_string(), counts),
            Ok(facts) => {
                let line = facts_line(path, &facts, bytes.len() as u64, counts);
                if !quiet {
                    println!("{line}");
                }
            }
        }
    }
}

fn fault_line(path: &Path, fault: &str, counts: &mut Counts) {
    counts.faults += 1;
    println!("{}", json!({ "path": path.to_string_lossy(), "fault": fault }));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn facts_line(path: &Path, facts: &MachoFacts<'_>, size: u64, counts: &mut Counts) -> Value {
    let mut faults: Vec<String> = Vec::new();
    faults.extend(facts.malformed.map(|f| f.to_string()));
    faults.extend(facts.binds.fault.map(|f| f.to_string()));
    faults.extend(facts.binds.place_fault.map(|f| f.to_string()));
    let mut exports = Vec::new();
    let walked = facts.exports.walk(|name, export| {
        // The look-up must find what the walk finds.
        if facts.exports.find(name) != Ok(Some(export)) {
            faults.push(format!("look-up of {} differs", text(name)));
        }
        exports.push(export_value(name, &export));
        ControlFlow::Continue(())
    });
    faults.extend(walked.err().map(|f| f.to_string()));
    match chains::check(facts) {
        Ok(found) => counts.chained += found.pointers,
        Err(fault) => faults.push(fault.to_string()),
    }
    match rebases::check(facts) {
        Ok(found) => {
            counts.rebases += found.places;
            faults.extend(found.place_fault.map(|f| f.to_string()));
        }
        Err(fault) => faults.push(fault.to_string()),
    }
    let objections: Vec<Value> = [Inspection::Spring2025, Inspection::Fall2025]
        .map(|inspection| json!(objection(facts, size, inspection).map(|o| o.loader_words())))
        .into();
    counts.objections += usize::from(objections.iter().any(|o| !o.is_null()));
    let signature = match &facts.signature {
        None => Value::Null,
        Some(Err(fault)) => {
            faults.push(fault.to_string());
            Value::Null
        }
        Some(Ok(signature)) => {
            let pages = signature.check_pages(facts.bytes);
            counts.damaged += usize::from(pages.damaged > 0);
            let ad_hoc = signature.directory().is_some_and(|d| d.ad_hoc());
            json!({ "covers": signature.covers_image(), "pages": pages.total, "damaged": pages.damaged, "ad_hoc": ad_hoc })
        }
    };
    counts.faults += faults.len();
    counts.binds += facts.binds.records.len();
    counts.exports += exports.len();
    let binds: Vec<Value> = facts
        .binds
        .records
        .iter()
        .map(|b| json!([text(b.name), b.ordinal.value(), b.weak_import, format!("{:?}", b.kind)]))
        .collect();
    let platforms: Vec<Value> = facts
        .platforms
        .iter()
        .map(|p| json!([p.platform.0, p.minos.to_string(), p.sdk.to_string()]))
        .collect();
    json!({
        "path": path.to_string_lossy(),
        "arch": facts.arch.name(),
        "kind": facts.kind.0,
        "id": facts.id().map(text),
        "dependents": facts.dependents.iter().map(dependent).collect::<Vec<_>>(),
        "rpaths": facts.rpaths.iter().map(|r| text(r)).collect::<Vec<_>>(),
        "platforms": platforms,
        "uuid": facts.uuid.map(|u| u.iter().map(|b| format!("{b:02x}")).collect::<String>()),
        "segments": facts.segments.iter().map(|s| json!([text(s.name), s.sections.len()])).collect::<Vec<_>>(),
        "source": format!("{:?}", facts.binds.source),
        "binds": binds,
        "exports": exports,
        "signature": signature,
        "objections": objections,
        "faults": faults,
    })
}

fn dependent(d: &Dependent<'_>) -> Value {
    let l = d.linkage;
    let flags =
        [(l.weak, "weak"), (l.reexport, "reexport"), (l.upward, "upward"), (l.delay_init, "delay-init")];
    let flags: Vec<&str> = flags.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
    json!([text(d.name), flags.join(","), d.current.to_string(), d.compatibility.to_string()])
}

fn export_value(name: &[u8], export: &Export<'_>) -> Value {
    let (kind, value) = match export.kind {
        ExportKind::Regular(at) => ("regular", json!(at)),
        ExportKind::ThreadLocal(at) => ("tls", json!(at)),
        ExportKind::Absolute(at) => ("absolute", json!(at)),
        ExportKind::Resolver { stub, .. } => ("resolver", json!(stub)),
        ExportKind::Variant { default, .. } => ("variant", json!(default)),
        ExportKind::Reexport { ordinal, name } => ("reexport", json!([ordinal, text(name)])),
    };
    json!([text(name), kind, export.weak, value])
}
