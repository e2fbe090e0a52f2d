//! What an object needs, breadth first, and what else is missing behind the first miss.
//! It must never change the order in which the loader meets names: the first failure decides.
//! Follows glibc elf/dl-deps.c:_dl_map_object_deps.

use std::borrow::Cow;
use std::collections::HashSet;

use super::listing::Listing;
use super::{LinkMap, Miss, MissReason, Process};
use crate::analyzer::defect::Effect;
use crate::analyzer::disk::{Disk, ImageEntry};
use crate::analyzer::errno::Errno;
use crate::analyzer::image::dynamic::NeedKind;
use crate::analyzer::image::elf::Image;
use crate::analyzer::image::limits;
use crate::analyzer::image::versions::Name;
use crate::analyzer::model::NodeIx;
use crate::analyzer::search::{Hit, tokens};

impl<'h> LinkMap<'h> {
    /// Breadth-first over DT_NEEDED, with filtees inserted before the object that names them.
    pub(super) fn dependencies(&mut self, disk: &Disk<'_, 'h>, process: &Process<'h>, also: &[Listing]) {
        let mut list: Vec<(NodeIx, bool)> = vec![(self.root, false)];
        let mut listed = vec![false; self.nodes.len()];
        mark(&mut listed, self.root);
        let mut cursor = 0;
        while let Some(at) = list.iter().skip(cursor).position(|(_, done)| !done).map(|p| p + cursor) {
            cursor = at;
            let Some((ix, done)) = list.get_mut(at) else { break };
            *done = true;
            let ix = *ix;
            let needs = self.needs_of(disk, process, ix, at, &mut list, &mut listed);
            let all = needs.and_then(|()| self.list_also(disk, process, ix, also, &mut list, &mut listed));
            if let Err(miss) = all {
                self.miss = Some(*miss);
                break;
            }
        }
        self.list = list.into_iter().map(|(ix, _)| ix).collect();
        if self.miss.is_some() {
            self.collect_more_misses(disk, process, cursor);
        }
    }

    pub(super) fn needs_of(
        &mut self,
        disk: &Disk<'_, 'h>,
        process: &Process<'h>,
        ix: NodeIx,
        at: usize,
        list: &mut Vec<(NodeIx, bool)>,
        listed: &mut Vec<bool>,
    ) -> Result<(), Box<Miss>> {
        let Some(node) = self.node(ix) else { return Ok(()) };
        if node.facts().is_none() {
            return Ok(());
        }
        let image = node.image.clone();
        let Some(ImageEntry { image: Image::Mapped(facts), .. }) = image.as_deref() else { return Ok(()) };
        let record = !node.before && ix != self.root;
        let mut place = at;
        let mut resolved = Vec::new();
        for need in &facts.needs {
            let asked = match self.expand(&need.name, ix, need.kind, disk) {
                Ok(Some(name)) => name,
                Ok(None) => continue,
                Err(miss) => return Err(miss),
            };
            match (need.kind, self.need(disk, process, Some(ix), asked.clone())) {
                (NeedKind::Needed, Ok(dep)) => {
                    if mark(listed, dep) {
                        list.push((dep, false));
                    }
                    resolved.push(dep);
                }
                (NeedKind::Auxiliary, Err(miss)) if survives(&miss.reason) => self.absent_filtees.push(*miss),
                (_, Err(miss)) => return Err(miss),
                // The main program is the head of the loader's list, and moving it loses the objects behind it.
                (_, Ok(filtee)) if filtee.index() == 0 => {
                    let (name, reason) = (asked.into_owned(), MissReason::Unknowable(Vec::new()));
                    return Err(Box::new(Miss { name, requester: Some(ix), reason, attempts: Vec::new() }));
                }
                (_, Ok(filtee)) => {
                    resolved.push(filtee);
                    if mark(listed, filtee) {
                        list.insert(place, (filtee, false));
                        place += 1;
                    } else if let Some(late) =
                        list.iter().position(|(n, _)| *n == filtee).filter(|p| *p > place)
                    {
                        list.remove(late);
                        list.insert(place, (filtee, false));
                        place += 1;
                    }
                }
            }
        }
        if (record || ix == self.root)
            && let Some(n) = self.nodes.get_mut(ix.index())
        {
            n.needs = resolved;
        }
        Ok(())
    }

    /// A need's string with its tokens replaced; `None` when the loader passes the entry over.
    fn expand(
        &self,
        name: &Name<'h>,
        ix: NodeIx,
        kind: NeedKind,
        disk: &Disk<'_, 'h>,
    ) -> Result<Option<Cow<'h, [u8]>>, Box<Miss>> {
        let miss = |name: &[u8], reason| {
            Box::new(Miss { name: name.to_vec(), requester: Some(ix), reason, attempts: Vec::new() })
        };
        let raw = match name {
            Ok(raw) => raw,
            Err(d) => return Err(miss(b"", MissReason::Memory((**d).clone()))),
        };
        if !raw.contains(&b'$') {
            return Ok(Some(raw.clone()));
        }
        let origin = self.origin(Some(ix), &disk.model().cwd);
        match tokens::expand(raw, origin.as_deref(), disk.model(), false) {
            Some(name) if !name.is_empty() => Ok(Some(Cow::Owned(name.into_owned()))),
            _ if kind == NeedKind::Auxiliary => Err(miss(raw, MissReason::EmptyToken)),
            _ => Ok(None),
        }
    }

    /// After the first miss: what else of the objects already mapped cannot be found.
    fn collect_more_misses(&mut self, disk: &Disk<'_, 'h>, process: &Process<'h>, from: usize) {
        let first = self.miss.as_ref().map(|m| m.name.clone());
        let mut extra: Vec<Miss> = Vec::new();
        let mut looked_up: HashSet<Vec<u8>> = first.clone().into_iter().collect();
        for ix in self.list.iter().skip(from).copied().collect::<Vec<_>>() {
            let image = self.node(ix).and_then(|n| n.image.clone());
            let Some(ImageEntry { image: Image::Mapped(facts), .. }) = image.as_deref() else { continue };
            for need in facts.needs.iter().filter(|n| n.kind == NeedKind::Needed) {
                let Ok(Some(name)) = self.expand(&need.name, ix, need.kind, disk) else { continue };
                if extra.len() >= limits::FURTHER_MISSES {
                    break;
                }
                let name = name.into_owned();
                if self.by_name(&name).is_some() || !looked_up.insert(name.clone()) {
                    continue;
                }
                let mut errno = Errno::ENOENT;
                let reason = match self.find(disk, &process.env_path, Some(ix), &name, &mut errno, None) {
                    Hit::NotFound(e) => MissReason::NotFound(e),
                    Hit::OtherClass => MissReason::OtherClass,
                    Hit::Refused { path, defect } => MissReason::Refused { path, defect },
                    _ => continue,
                };
                extra.push(Miss { name, requester: Some(ix), reason, attempts: Vec::new() });
            }
        }
        self.more_misses = extra;
    }
}

/// A missing DT_AUXILIARY filtee is forgiven unless the loader dies or never returns.
fn survives(reason: &MissReason) -> bool {
    match reason {
        MissReason::NotFound(_) | MissReason::OtherClass => true,
        MissReason::Refused { defect, .. } => {
            matches!(defect.effect(), Effect::Error { .. } | Effect::Skip { .. })
        }
        _ => false,
    }
}

/// Marks an object as listed; true if it was not.
pub(super) fn mark(listed: &mut Vec<bool>, ix: NodeIx) -> bool {
    if ix.index() >= listed.len() {
        listed.resize(ix.index() + 1, false);
    }
    match listed.get_mut(ix.index()) {
        Some(seen) if !*seen => {
            *seen = true;
            true
        }
        _ => false,
    }
}
