//! The order in which the loader relocates and initialises the objects of a call.
//! It must never drop or repeat an object, whatever the cycles.
//! Follows glibc elf/dl-sort-maps.c and the copying before it in elf/dl-deps.c.

use crate::analyzer::link_map::LinkMap;
use crate::analyzer::loader_model::LoaderModel;
use crate::analyzer::model::NodeIx;

/// `l_initfini` of the root: relocation and constructors go from the last to the first.
pub fn sorted(map: &LinkMap<'_>, model: &LoaderModel) -> Vec<NodeIx> {
    let mut start = Vec::with_capacity(map.list.len());
    start.push(map.root);
    start.extend(map.list.iter().copied().filter(|n| *n != map.root));
    let depth_first = model.rules.dfs_sort && model.env.dynamic_sort != Some(1);
    if depth_first { dfs(map, &start, model.rules.root_first) } else { original(map, start) }
}

/// What an object's `l_initfini` lists while the root's is not made yet.
fn children<'m>(map: &'m LinkMap<'_>, ix: NodeIx) -> &'m [NodeIx] {
    match map.node(ix) {
        Some(n) if ix != map.root => &n.needs,
        _ => &[],
    }
}

/// Reverse postorder from the last element to the first, children in the order of their DT_NEEDED.
fn dfs(map: &LinkMap<'_>, start: &[NodeIx], root_first: bool) -> Vec<NodeIx> {
    let mut visited = vec![false; map.nodes.len()];
    let mut post: Vec<NodeIx> = Vec::with_capacity(start.len());
    for from in start.iter().rev() {
        let mut stack: Vec<(NodeIx, usize)> = Vec::new();
        let mut enter = Some(*from);
        loop {
            if let Some(ix) = enter.take() {
                match visited.get_mut(ix.index()) {
                    Some(seen) if !*seen => {
                        *seen = true;
                        stack.push((ix, 0));
                    }
                    _ => {}
                }
            }
            let Some((ix, next)) = stack.last_mut() else { break };
            match children(map, *ix).get(*next) {
                Some(child) => {
                    *next += 1;
                    // The main program is never entered.
                    if child.index() != 0 {
                        enter = Some(*child);
                    }
                }
                None => {
                    post.push(*ix);
                    stack.pop();
                }
            }
        }
    }
    post.reverse();
    if root_first && let Some(at) = post.iter().position(|n| *n == map.root) {
        post.remove(at);
        post.insert(0, map.root);
    }
    post
}

/// The order before 2.35: the root stays first; an object moves behind the last one that needs it.
fn original(map: &LinkMap<'_>, start: Vec<NodeIx>) -> Vec<NodeIx> {
    let mut all = start;
    let Some((_, maps)) = all.split_first_mut() else { return all };
    let n = maps.len();
    if n <= 1 {
        return all;
    }
    let mut seen = vec![0u32; n];
    let mut i = 0;
    'outer: while i < n {
        if let Some(s) = seen.get_mut(i) {
            *s += 1;
        }
        let Some(this) = maps.get(i).copied() else { break };
        let mut k = n - 1;
        while k > i {
            let needs_this = maps.get(k).is_some_and(|m| children(map, *m).contains(&this));
            if needs_this {
                if let Some(part) = maps.get_mut(i..=k) {
                    part.rotate_left(1);
                }
                if seen.get(i + 1).is_some_and(|s| *s as usize > n - i) {
                    i += 1;
                    if let Some(tail) = seen.get_mut(i..) {
                        tail.fill(0);
                    }
                    continue 'outer;
                }
                if let Some(part) = seen.get_mut(i..=k) {
                    part.rotate_left(1);
                }
                continue 'outer;
            }
            k -= 1;
        }
        i += 1;
        if let Some(tail) = seen.get_mut(i..) {
            tail.fill(0);
        }
    }
    all
}
