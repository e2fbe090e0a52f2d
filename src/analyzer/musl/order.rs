//! The order in which musl runs constructors: what an object needs before it, circles cut where they close.
//! It must never name an object twice.
//! Follows musl ldso/dynlink.c: queue_ctors.

use crate::analyzer::link_map::LinkMap;
use crate::analyzer::model::NodeIx;

/// The queue of the root.
pub(super) fn constructors(map: &LinkMap<'_>) -> Vec<NodeIx> {
    let mut marked = vec![false; map.nodes.len()];
    let mut queue = Vec::new();
    let mut stack: Vec<(NodeIx, usize)> = vec![(map.root, 0)];
    if let Some(mark) = marked.get_mut(map.root.index()) {
        *mark = true;
    }
    while let Some((ix, next)) = stack.last_mut() {
        match map.node(*ix).and_then(|n| n.needs.get(*next)).copied() {
            Some(need) => {
                *next += 1;
                if let Some(mark) = marked.get_mut(need.index()).filter(|mark| !**mark) {
                    *mark = true;
                    stack.push((need, 0));
                }
            }
            None => {
                queue.push(*ix);
                stack.pop();
            }
        }
    }
    queue
}
