//! Relocation of a call whose objects are all in order, by what is known of each object alone.
//! It must give up (and leave the call to `relocate.rs`) wherever order or damage could matter.
//! Same rules as glibc elf/dl-reloc.c; the shortcut is only that more objects can only add definitions.

use std::collections::HashSet;
use std::sync::Arc;

use super::relocate::Relocation;
use super::{Stop, Unresolved};
use crate::analyzer::bind::{Binding, Scope, calls_resolver};
use crate::analyzer::image::elf::ElfFacts;
use crate::analyzer::image::relocs;
use crate::analyzer::image::symbols::Query;
use crate::analyzer::link_map::LinkMap;
use crate::analyzer::memo::{Key, Memo, Own};
use crate::analyzer::model::{ImageId, NodeIx};

/// The outcome of the shortcut.
pub enum Fast {
    /// Everything binds, or this is the first thing that does not.
    Done(Option<Stop>),
    /// Order or damage matters: work it out step by step.
    Undecided,
}

impl<'h> Relocation<'_, 'h> {
    /// Tries the shortcut for a whole call.
    pub fn fast(&mut self, sorted: &[NodeIx], memo: &Memo) -> Fast {
        if self.model.rules.strict_version_file || self.model.env.dynamic_weak {
            return Fast::Undecided;
        }
        let new: Vec<NodeIx> =
            sorted.iter().rev().copied().filter(|ix| ix.index() >= self.map.before).collect();
        let ordinary = self.map.nodes.iter().filter_map(|n| n.facts()).all(|f| f.traits.regular);
        let plain = |f: &ElfFacts<'_>| f.relocs.fatal.is_none() && f.relro_fault.is_none() && !f.relocs.wants_value;
        if !ordinary || !new.iter().filter_map(|ix| self.map.facts(*ix)).all(plain) {
            return Fast::Undecided;
        }
        if self.ifunc_order_matters(&new, memo) || self.unversioned_provider(&new) {
            return Fast::Undecided;
        }
        let scope = Scope::new(self.map, self.process, self.model);
        let mut first: Option<(NodeIx, u32)> = None;
        let mut walk = Reach::new(self.map);
        for ix in &new {
            let Some(facts) = self.map.facts(*ix) else { continue };
            let own = self.own(&scope, *ix, facts, memo, &mut walk);
            // What it reaches is all there is: nothing more to look through.
            let whole = walk.reached.len() == new.len();
            let mut named = HashSet::new();
            for position in &own.missing {
                let Some(import) = facts.relocs.imports.get(*position as usize) else { continue };
                let binding = if whole {
                    Ok(Binding::Missing)
                } else {
                    let before = self.map.before;
                    scope.bind_among(*ix, facts, import, |n| n.index() >= before && !walk.has_reached(n))
                };
                match binding {
                    Ok(Binding::Missing) => {
                        first.get_or_insert((*ix, *position));
                        if !named.insert(import.symbol) {
                            continue;
                        }
                        let reference = Scope::reference(facts, import);
                        self.unresolved.push(Unresolved { object: *ix, reference });
                    }
                    // Found in the larger scope: an IFUNC there may not be ready yet.
                    Ok(Binding::To(_, s)) if calls_resolver(&s) => return self.give_up(),
                    Ok(_) => {}
                    Err(_) => return self.give_up(),
                }
            }
        }
        let tls = self.only_static_tls(&scope, &new);
        match (first, tls) {
            (None, stop) => Fast::Done(stop),
            (Some((ix, position)), None) => {
                let stop = self.map.node(ix).and_then(|node| {
                    let facts = node.facts()?;
                    let import = facts.relocs.imports.get(position as usize)?;
                    Some(self.undefined(node, Scope::reference(facts, import)))
                });
                Fast::Done(stop)
            }
            // Which of the two comes first is a matter of order.
            (Some(_), Some(_)) => self.give_up(),
        }
    }

    fn give_up(&mut self) -> Fast {
        self.unresolved.clear();
        Fast::Undecided
    }

    /// The binding of one object within what it reaches.
    fn own(
        &self,
        scope: &Scope<'_, 'h>,
        ix: NodeIx,
        facts: &ElfFacts<'h>,
        memo: &Memo,
        walk: &mut Reach,
    ) -> Arc<Own> {
        let Some(image) = image_id(self.map, ix) else { return Arc::default() };
        let key = walk.key(self.map, ix, image);
        memo.own(key, || scope.own(ix, facts, &walk.reached))
    }

    /// An object that exports an IFUNC, is relocated after one that refers to it, and so is not ready.
    fn ifunc_order_matters(&self, order: &[NodeIx], memo: &Memo) -> bool {
        for (at, provider) in order.iter().enumerate() {
            let Some(owner) = self.map.facts(*provider).filter(|f| f.traits.exports_ifunc) else { continue };
            for user in order.iter().take(at) {
                let Some(facts) = self.map.facts(*user) else { continue };
                let (Some(a), Some(b)) = (image_id(self.map, *user), image_id(self.map, *provider)) else {
                    continue;
                };
                if memo.pair(a, b, || refers_to_ifunc(facts, owner)) {
                    return true;
                }
            }
        }
        false
    }

    /// An object without versions that somebody needs a version of (an assertion up to 2.40).
    fn unversioned_provider(&self, new: &[NodeIx]) -> bool {
        use crate::analyzer::image::versions::NeedStep;
        if !self.model.rules.asserts_unversioned_provider {
            return false;
        }
        let bare: Vec<_> = new
            .iter()
            .filter_map(|ix| self.map.node(*ix))
            .filter(|n| n.facts().is_some_and(|f| !f.versions.has_table()))
            .collect();
        !bare.is_empty()
            && new.iter().filter_map(|ix| self.map.facts(*ix)).any(|f| {
                f.versions.needs.iter().any(|s| match s {
                    NeedStep::File(Ok(file)) => bare.iter().any(|n| n.answers_to(file)),
                    _ => false,
                })
            })
    }
}

/// Whether any reference of `user` is, by name, an IFUNC of `owner`.
fn refers_to_ifunc(user: &ElfFacts<'_>, owner: &ElfFacts<'_>) -> bool {
    user.relocs.imports.iter().filter(|i| i.flags & relocs::OWN == 0).any(|i| {
        let Ok(name) = user.symbols.string(&user.vm, u64::from(i.name)) else { return true };
        let query = Query {
            name: &name,
            hash: i.hash,
            version: None,
            plt: false,
            own: None,
            prefers_exact: false,
        };
        owner.symbols.any_ifunc(&owner.vm, &query)
    })
}

fn image_id(map: &LinkMap<'_>, ix: NodeIx) -> Option<ImageId> {
    map.node(ix).and_then(|n| n.image.as_ref()).map(|i| i.id)
}

/// Walks over needs, with storage that is used again.
pub struct Reach {
    seen: Vec<u32>,
    round: u32,
    stack: Vec<NodeIx>,
    /// The objects reached by the last walk, the start first.
    pub reached: Vec<NodeIx>,
}

impl Reach {
    fn new(map: &LinkMap<'_>) -> Reach {
        Reach { seen: vec![0; map.nodes.len()], round: 0, stack: Vec::new(), reached: Vec::new() }
    }

    fn has_reached(&self, ix: NodeIx) -> bool {
        self.seen.get(ix.index()).is_some_and(|s| *s == self.round)
    }

    fn key(&mut self, map: &LinkMap<'_>, from: NodeIx, image: ImageId) -> Key {
        let mut key = Key::new(image);
        self.round += 1;
        self.reached.clear();
        self.stack.clear();
        self.stack.push(from);
        while let Some(ix) = self.stack.pop() {
            match self.seen.get_mut(ix.index()) {
                Some(seen) if *seen != self.round => *seen = self.round,
                _ => continue,
            }
            let Some(node) = map.node(ix) else { continue };
            if node.before {
                continue;
            }
            if let Some(image) = &node.image {
                key.reach(image.id);
                self.reached.push(ix);
            }
            self.stack.extend_from_slice(&node.needs);
        }
        key
    }
}
