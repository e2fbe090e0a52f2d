//! What musl does not look at and this program does: a file that cannot work, though the loader takes it.
//! It must never change a verdict.
//! musl ldso/dynlink.c: map_library compares nothing but e_type; the values are those of the System V gABI.

use crate::analyzer::defect::Defect;
use crate::analyzer::finding::Finding;
use crate::analyzer::image::dynamic::{DF_1_NOOPEN, DF_1_PIE};
use crate::analyzer::image::elf::ElfFacts;
use crate::analyzer::image::fmt::Format;
use crate::analyzer::link_map::LinkMap;
use crate::analyzer::loader_model::LoaderModel;

/// The findings about the new objects of a map.
pub(super) fn findings(map: &LinkMap<'_>, model: &LoaderModel) -> Vec<Finding> {
    let new = map.nodes.iter().skip(map.before).filter(|n| !n.before);
    let pairs = new.filter_map(|n| Some((n, n.image.as_ref()?, n.facts()?)));
    pairs
        .filter_map(|(node, image, facts)| {
            let defect = of(image.bytes, facts, model)?;
            Some(Finding::Unchecked { object: node.name.clone(), defect })
        })
        .collect()
}

/// The first thing another loader would refuse the file for.
fn of(bytes: &[u8], facts: &ElfFacts<'_>, model: &LoaderModel) -> Option<Defect> {
    let f = Format::of(model.machine);
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let (class, data) = (if f.is64 { 2 } else { 1 }, if f.big { 2 } else { 1 });
    if !bytes.starts_with(b"\x7fELF") {
        return Some(Defect::NotElf);
    }
    if byte(4) != class {
        return Some(Defect::WrongClass(byte(4)));
    }
    if byte(5) != data {
        return Some(Defect::WrongByteOrder { found: byte(5), big: f.big });
    }
    if facts.header.machine != model.machine.e_machine() {
        return Some(Defect::WrongMachine(facts.header.machine));
    }
    if facts.header.kind == 2 {
        return Some(Defect::Executable);
    }
    if facts.dynamic.flags_1 & DF_1_PIE != 0 {
        return Some(Defect::Pie);
    }
    if facts.dynamic.flags_1 & DF_1_NOOPEN != 0 {
        return Some(Defect::NoOpen);
    }
    let crooked = |s: &crate::analyzer::image::header::Segment| {
        s.kind == 1 && s.vaddr.wrapping_sub(s.offset) & (model.page_size - 1) != 0
    };
    facts.header.segments.iter().any(crooked).then_some(Defect::OffsetNotPage)
}
