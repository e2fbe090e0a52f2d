//! Constructors that cannot even be called: their table or their first instruction is not there.
//! It must never judge what a constructor does; that is Level 3's business.
//! Follows glibc elf/dl-init.c:_dl_init and call_init.

use super::Stop;
use crate::analyzer::image::dynamic::DF_1_INITFIRST;
use crate::analyzer::link_map::LinkMap;
use crate::analyzer::model::NodeIx;
use crate::analyzer::verdict::InitSummary;

/// The first call that cannot work, in the loader's order.
pub fn constructors(map: &LinkMap<'_>, sorted: &[NodeIx]) -> Option<Stop> {
    // `dl_initfirst` holds the last object mapped with the flag.
    let first = (map.before..map.nodes.len())
        .rev()
        .map(NodeIx::from_index)
        .find(|ix| map.facts(*ix).is_some_and(|f| f.dynamic.flags_1 & DF_1_INITFIRST != 0));
    if let Some(stop) = first.and_then(|ix| call(map, ix)) {
        return Some(stop);
    }
    if let Some(facts) = map.facts(map.root)
        && let Some(defect) = facts.constructors.preinit_fatal.as_ref().filter(|_| facts.constructors.preinit) {
            let name = map.node(map.root).map(|n| n.name.clone()).unwrap_or_default();
            return Some(Stop::of(&name, defect.clone()));
        }
    sorted.iter().rev().find_map(|ix| call(map, *ix))
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
