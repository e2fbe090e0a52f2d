//! The map of a library as if it, or what it needs, listed libraries that are not listed: what owners could do about it.
//! It must never serve a verdict; the loader lists nothing by itself.
//! What is added stands behind the last DT_NEEDED, as glibc elf/dl-deps.c:_dl_map_object_deps would take it.

use std::borrow::Cow;

use super::needs::mark;
use super::{LinkMap, Miss, Process};
use crate::analyzer::disk::Disk;
use crate::analyzer::model::NodeIx;

/// One DT_NEEDED that is not there: the path of the object it should be in, and the path of the library.
pub type Listing = (Vec<u8>, Vec<u8>);

/// Builds the map of `dlopen(path)` with the listings `also`.
pub fn build<'h>(
    disk: &Disk<'_, 'h>,
    process: &Process<'h>,
    path: &[u8],
    also: &[Listing],
    objects: usize,
) -> LinkMap<'h> {
    let mut m = LinkMap::within(process, objects);
    match m.need(disk, process, None, Cow::Owned(path.to_vec())) {
        Ok(root) => {
            m.root = root;
            m.dependencies(disk, process, also);
        }
        Err(miss) => m.miss = Some(*miss),
    }
    m
}

impl<'h> LinkMap<'h> {
    /// Puts what `also` has for an object behind its own needs.
    pub(super) fn list_also(
        &mut self,
        disk: &Disk<'_, 'h>,
        process: &Process<'h>,
        ix: NodeIx,
        also: &[Listing],
        list: &mut Vec<(NodeIx, bool)>,
        listed: &mut Vec<bool>,
    ) -> Result<(), Box<Miss>> {
        for (object, library) in also {
            if self.node(ix).is_none_or(|n| n.name != *object) {
                continue;
            }
            let dep = self.need(disk, process, Some(ix), Cow::Owned(library.clone()))?;
            if mark(listed, dep) {
                list.push((dep, false));
            }
            if let Some(node) = self.nodes.get_mut(ix.index()) {
                node.needs.push(dep);
            }
        }
        Ok(())
    }
}
