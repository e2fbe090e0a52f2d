//! Findings that do not decide the verdict: optional libraries, and paths that depend on the working directory.
//! It must never turn a verdict; it adds to the list.
//! Follows the `ELF dlopen metadata` note format and glibc elf/dl-load.c:fillin_rpath (relative elements).

use serde::Deserialize;

use crate::analyzer::disk::Disk;
use crate::analyzer::finding::Finding;
use crate::analyzer::image::elf::ElfFacts;
use crate::analyzer::link_map::{LinkMap, Node};
use crate::analyzer::provenance::Provenance;
use crate::analyzer::verdict::Judgement;

/// One entry of a `.note.dlopen`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DlopenEntry {
    /// What it is for.
    #[serde(default)]
    pub feature: String,
    /// In words.
    #[serde(default)]
    pub description: String,
    /// "required", "recommended" or "suggested" (the default).
    #[serde(default)]
    pub priority: String,
    /// Names, the first that loads is used.
    #[serde(default)]
    pub soname: Vec<String>,
}

/// Most entries read from one file.
const ENTRIES: usize = 256;

/// The optional libraries a file says it loads itself.
pub fn dlopen_entries(facts: &ElfFacts<'_>) -> Vec<DlopenEntry> {
    let mut out: Vec<DlopenEntry> = Vec::new();
    for text in &facts.dlopen_notes {
        if let Ok(entries) = serde_json::from_slice::<Vec<DlopenEntry>>(text) {
            out.extend(entries);
        }
    }
    out.truncate(ENTRIES);
    out
}

/// Adds the findings about the root of `map`.
pub fn notes<'h>(disk: &Disk<'_, 'h>, map: &LinkMap<'h>, judgement: &mut Judgement) {
    let Some(node) = map.node(map.root).filter(|n| !n.before) else { return };
    let Some(facts) = node.facts() else { return };
    for entry in dlopen_entries(facts) {
        if entry.soname.is_empty()
            || entry.soname.iter().any(|s| map.would_find(disk, map.root, s.as_bytes()))
        {
            continue;
        }
        let priority = if entry.priority.is_empty() { "suggested".to_owned() } else { entry.priority };
        judgement.findings.push(Finding::OptionalMissing {
            sonames: entry.soname,
            priority,
            feature: entry.feature,
        });
    }
    working_directory(map, node, facts, judgement);
    beyond_end(node, facts, judgement);
    if let Some(defect) = &facts.constructors.unload {
        judgement.findings.push(Finding::Unload { object: node.name.clone(), defect: defect.clone() });
    }
}

/// The loader never compares segments with the size of the file: cut libraries load until a page is missing.
fn beyond_end(node: &Node<'_>, facts: &ElfFacts<'_>, judgement: &mut Judgement) {
    let Some(image) = &node.image else { return };
    let size = image.bytes.len() as u64;
    let end = facts.header.loaded_end();
    if end > size {
        judgement.findings.push(Finding::BeyondEnd { object: node.name.clone(), end, size });
    }
}

/// Relative elements matter only where a search passes them: the object needs something by plain name.
fn working_directory(map: &LinkMap<'_>, node: &Node<'_>, facts: &ElfFacts<'_>, judgement: &mut Judgement) {
    let lists = [("DT_RUNPATH", &facts.runpath), ("DT_RPATH", &facts.rpath)];
    for (tag, list) in lists {
        let Some(Ok(list)) = list else { continue };
        if list.is_empty() || facts.needs.is_empty() {
            continue;
        }
        for element in list.split(|b| *b == b':') {
            if !element.starts_with(b"/") && !element.starts_with(b"$") {
                let finding =
                    Finding::WorkingDirectory { object: node.name.clone(), element: element.to_vec(), tag };
                judgement.findings.push(finding);
            }
        }
    }
    for child in map.nodes.iter().skip(map.before) {
        if child.provenance == Provenance::Slash && !child.name.starts_with(b"/") {
            judgement.findings.push(Finding::WorkingDirectory {
                object: node.name.clone(),
                element: child.name.clone(),
                tag: "DT_NEEDED",
            });
        }
    }
}
