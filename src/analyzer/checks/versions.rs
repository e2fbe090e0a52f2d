//! Are the versions that each object needs defined by the files it names?
//! It must never compare names without their hashes first: the loader does not.
//! Follows glibc elf/dl-version.c:_dl_check_map_versions and match_symbol.

use super::Stop;
use crate::analyzer::bind::Scope;
use crate::analyzer::defect::{Assertion, Defect};
use crate::analyzer::finding::Finding;
use crate::analyzer::image::dynamic::NeedKind;
use crate::analyzer::image::elf::ElfFacts;
use crate::analyzer::image::relocs;
use crate::analyzer::image::symbols::elf_hash;
use crate::analyzer::image::versions::{NeedStep, WEAK};
use crate::analyzer::link_map::{LinkMap, Node};
use crate::analyzer::loader_model::LoaderModel;

const RELR_VERSION: &[u8] = b"GLIBC_ABI_DT_RELR";
const RELR_HASH: u32 = elf_hash(RELR_VERSION);

/// Checks every new object, in breadth-first order.
pub fn check(map: &LinkMap<'_>, model: &LoaderModel) -> Option<Stop> {
    for ix in &map.list {
        let node = map.node(*ix)?;
        if node.before {
            continue;
        }
        let Some(facts) = node.facts() else { continue };
        if facts.dynamic.strtab.is_none() {
            continue;
        }
        if let Some(stop) = object(map, node, facts, model) {
            return Some(stop);
        }
    }
    None
}

fn object<'h>(map: &LinkMap<'h>, node: &Node<'h>, facts: &ElfFacts<'h>, model: &LoaderModel) -> Option<Stop> {
    let mut provider = None;
    let mut announces_relr = false;
    for step in &facts.versions.needs {
        match step {
            NeedStep::Revision(revision) => {
                let text = format!("unsupported version {revision} of Verneed record");
                let finding = Finding::VersionRevision {
                    object: node.name.clone(),
                    revision: *revision,
                    table: "Verneed",
                };
                return Some(Stop::says(&node.name, &text, finding));
            }
            NeedStep::Fault(defect) => return Some(Stop::of(&node.name, defect.clone())),
            NeedStep::File(Err(defect)) => return Some(Stop::of(&node.name, (**defect).clone())),
            NeedStep::File(Ok(file)) => match map.by_alias(file).and_then(|ix| map.node(ix)) {
                Some(n) => provider = Some(n),
                None => {
                    let finding =
                        Finding::VersionFileNotLoaded { file: file.to_vec(), requester: node.name.clone() };
                    let abort = Defect::Assertion(Assertion::VersionFile);
                    return Some(Stop::from_effect(&node.name, &abort, finding));
                }
            },
            NeedStep::Version { hash, flags, other, name } => {
                let text = name.as_deref().map_err(|d| (**d).clone());
                if *hash == RELR_HASH {
                    match &text {
                        Ok(t) => announces_relr |= *t == RELR_VERSION,
                        Err(defect) => return Some(Stop::of(&node.name, defect.clone())),
                    }
                }
                let Some(p) = provider else { continue };
                let want = Wanted { hash: *hash, weak: flags & WEAK != 0, row: other & 0x7fff, text };
                if let Some(stop) = match_symbol(node, facts, p, &want) {
                    return Some(stop);
                }
            }
        }
    }
    if let Some(defect) = &facts.versions.table_fault {
        return Some(Stop::of(&node.name, defect.clone()));
    }
    let needs_libc = || {
        facts
            .needs
            .iter()
            .any(|n| n.kind == NeedKind::Needed && n.name.as_ref().is_ok_and(|s| s.starts_with(b"libc.so.")))
    };
    let has_relr = model.rules.relr && facts.dynamic.relr.0.is_some();
    if has_relr && facts.dynamic.verneed.is_some() && !announces_relr && needs_libc() {
        let finding = Finding::RelrWithoutVersion { object: node.name.clone() };
        return Some(Stop::says(&node.name, "DT_RELR without GLIBC_ABI_DT_RELR dependency", finding));
    }
    None
}

struct Wanted<'a> {
    hash: u32,
    weak: bool,
    row: u16,
    text: Result<&'a [u8], Defect>,
}

/// `match_symbol`: nothing to say if the provider defines the version, or has no definitions at all.
fn match_symbol<'h>(
    node: &Node<'h>,
    facts: &ElfFacts<'h>,
    provider: &Node<'h>,
    want: &Wanted<'_>,
) -> Option<Stop> {
    let from = provider.facts()?;
    if !from.versions.has_definitions {
        return None;
    }
    for d in &from.versions.definitions {
        if d.revision != 1 {
            let text = format!("unsupported version {} of Verdef record", d.revision);
            let finding = Finding::VersionRevision {
                object: provider.name.clone(),
                revision: d.revision,
                table: "Verdef",
            };
            return Some(Stop::says(&provider.name, &text, finding));
        }
        if d.hash == want.hash {
            match (&want.text, &d.name) {
                (Ok(a), Ok(b)) if **a == **b => return None,
                (Ok(_), Ok(_)) => {}
                (Err(defect), _) => return Some(Stop::of(&node.name, defect.clone())),
                (_, Err(defect)) => return Some(Stop::of(&provider.name, (**defect).clone())),
            }
        }
    }
    if let Some(defect) = &from.versions.definition_fault {
        return Some(Stop::of(&provider.name, defect.clone()));
    }
    if want.weak {
        return None;
    }
    let version = match &want.text {
        Ok(v) => v.to_vec(),
        Err(defect) => return Some(Stop::of(&node.name, defect.clone())),
    };
    let users: Vec<_> =
        facts.relocs.imports.iter().filter(|i| i.version == want.row && i.version != 0).collect();
    let finding = Finding::VersionNotFound {
        provider: provider.name.clone(),
        version: version.clone(),
        requester: node.name.clone(),
        symbols: users.iter().take(8).map(|i| Scope::reference(facts, i).name).collect(),
        only_weak: users.iter().all(|i| i.flags & relocs::WEAK != 0),
    };
    let mut message = provider.name.clone();
    message.extend_from_slice(b": version `");
    message.extend_from_slice(&version);
    message.extend_from_slice(b"' not found (required by ");
    message.extend_from_slice(&node.name);
    message.push(b')');
    Some(Stop { message: Some(message), dies: None, finding })
}
