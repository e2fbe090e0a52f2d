//! Constructors that cannot even be called: their table or their first instruction is not there.
//! It must never judge what a constructor does; that is Level 3's business.
//! Follows glibc elf/dl-init.c:_dl_init and call_init.

use super::Stop;
use crate::analyzer::bind::{Binding, Scope, calls_resolver};
use crate::analyzer::defect::Defect;
use crate::analyzer::image::dynamic::DF_1_INITFIRST;
use crate::analyzer::image::vm::{Fault, FaultKind};
use crate::analyzer::link_map::{LinkMap, Process};
use crate::analyzer::loader_model::LoaderModel;
use crate::analyzer::model::NodeIx;
use crate::analyzer::verdict::InitSummary;

/// The first call that cannot work, in the loader's order.
pub fn constructors<'h>(
    map: &LinkMap<'h>,
    process: &Process<'h>,
    model: &LoaderModel,
    sorted: &[NodeIx],
) -> Option<Stop> {
    let call = |map: &LinkMap<'h>, ix: NodeIx| call(map, ix).or_else(|| bound(map, process, model, ix));
    // `dl_initfirst` holds the last object mapped with the flag.
    let first = (map.before..map.nodes.len())
        .rev()
        .map(NodeIx::from_index)
        .find(|ix| map.facts(*ix).is_some_and(|f| f.dynamic.flags_1 & DF_1_INITFIRST != 0));
    if let Some(stop) = first.and_then(|ix| call(map, ix)) {
        return Some(stop);
    }
    if let Some(facts) = map.facts(map.root)
        && let Some(defect) = facts.constructors.preinit_fatal.as_ref().filter(|_| facts.constructors.preinit)
    {
        let name = map.node(map.root).map(|n| n.name.clone()).unwrap_or_default();
        return Some(Stop::of(&name, defect.clone()));
    }
    sorted.iter().rev().find_map(|ix| call(map, *ix))
}

/// A slot that a symbol fills: null where a weak one is not found, or something that is no code.
fn bound<'h>(map: &LinkMap<'h>, process: &Process<'h>, model: &LoaderModel, ix: NodeIx) -> Option<Stop> {
    let node = map.node(ix).filter(|n| !n.before)?;
    let facts = node.facts().filter(|f| !f.constructors.bound.is_empty())?;
    let scope = Scope::new(map, process, model);
    for (import, addend) in &facts.constructors.bound {
        let import = facts.relocs.imports.get(*import as usize)?;
        let fault = match scope.bind(ix, facts, import) {
            Ok(Binding::Zero) => Some(Fault { kind: FaultKind::Segv, addr: *addend }),
            Ok(Binding::To(owner, s)) if !calls_resolver(&s) => {
                let owner = map.facts(owner)?;
                let at = owner.vm.format.wrap(s.value.wrapping_add(*addend));
                owner.vm.executable(at).err()
            }
            _ => None,
        };
        if let Some(fault) = fault {
            return Some(Stop::of(&node.name, Defect::Code(fault)));
        }
    }
    None
}

fn call(map: &LinkMap<'_>, ix: NodeIx) -> Option<Stop> {
    let node = map.node(ix).filter(|n| !n.before)?;
    let defect = node.facts()?.constructors.fatal.as_ref()?;
    Some(Stop::of(&node.name, defect.clone()))
}

/// Code that runs when the new objects of the map are loaded: what a run-time load could add to the verdict.
pub fn constructors_of(map: &LinkMap<'_>) -> InitSummary {
    let mut summary = InitSummary::default();
    for node in map.nodes.iter().filter(|node| !node.before) {
        let Some(facts) = node.facts() else {
            summary.unknown = true;
            continue;
        };
        summary.with_initialisers += usize::from(facts.constructors.own > 0);
        summary.with_ifuncs += usize::from(facts.traits.exports_ifunc || facts.relocs.irelative);
    }
    summary
}
