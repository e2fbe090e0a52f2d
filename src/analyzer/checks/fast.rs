//! Relocation of a call whose objects are all in order, by what is known of each object alone.
//! It must give up (and leave the call to `relocate.rs`) wherever order or damage could matter.
//! Same rules as glibc elf/dl-reloc.c; the shortcut is only that more objects can only add definitions.

use std::collections::HashSet;
use std::sync::Arc;

use super::relocate::{Relocation, State};
use super::{Stop, Unresolved};
use crate::analyzer::bind::{Binding, Scope};
use crate::analyzer::image::elf::ElfFacts;
use crate::analyzer::image::relocs::{self, Import};
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
        let plain = |f: &ElfFacts<'_>| {
            f.relocs.fatal.is_none() && f.relro_fault.is_none() && !f.relocs.may_need_value
        };
        if !ordinary || !new.iter().filter_map(|ix| self.map.facts(*ix)).all(plain) {
            return Fast::Undecided;
        }
        if self.unversioned_provider(&new) {
            return Fast::Undecided;
        }
        let scope = Scope::new(self.map, self.process, self.model);
        let mut walk = Reach::new(self.map);
        let mut state = State::new(self.map);
        let mut first: Option<Stop> = None;
        for (at, ix) in new.iter().enumerate() {
            let Some(node) = self.map.node(*ix) else { continue };
            let Some(facts) = node.facts() else { continue };
            let own = self.own(&scope, *ix, facts, memo, &mut walk);
            // What it reaches is all there is: nothing more to look through.
            let whole = walk.reached.len() == new.len();
            let missing = own.missing.iter().map(|p| (*p, true));
            let special = facts.relocs.special.iter().map(|p| (*p, false));
            let mut events: Vec<(u32, bool)> = missing.chain(special).collect();
            self.unready_ifuncs(&new, at, memo, &mut events);
            // A position that is there twice is one that is missing first.
            events.sort_unstable_by_key(|(p, missing)| (*p, !*missing));
            events.dedup_by_key(|(p, _)| *p);
            let mut named = HashSet::new();
            for (position, is_missing) in events {
                let Some(import) = facts.relocs.imports.get(position as usize) else { continue };
                let before = self.map.before;
                let binding = match (is_missing, whole) {
                    (true, true) => Ok(Binding::Missing),
                    (true, false) => {
                        scope.bind_among(*ix, facts, import, |n| n.index() >= before && !walk.has_reached(n))
                    }
                    (false, _) => scope.bind(*ix, facts, import),
                };
                if binding == Ok(Binding::Missing) && named.insert(import.symbol) {
                    let reference = Scope::reference(facts, import);
                    self.unresolved.push(Unresolved { object: *ix, reference });
                }
                if first.is_none() {
                    first = self.settle(*ix, node, facts, import, binding, &mut state);
                }
            }
            state.relocated(*ix);
        }
        Fast::Done(first.or(state.late))
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

    /// The imports of object `at` that may be bound to an IFUNC of an object relocated later.
    fn unready_ifuncs(&self, order: &[NodeIx], at: usize, memo: &Memo, events: &mut Vec<(u32, bool)>) {
        let Some(user) = order.get(at) else { return };
        let (Some(facts), Some(user)) = (self.map.facts(*user), image_id(self.map, *user)) else { return };
        for provider in order.iter().skip(at + 1) {
            let Some(owner) = self.map.facts(*provider).filter(|f| f.traits.exports_ifunc) else { continue };
            let Some(id) = image_id(self.map, *provider) else { continue };
            let named = memo.pair(user, id, || ifuncs_named(facts, owner));
            events.extend(named.iter().map(|p| (*p, false)));
        }
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

/// The imports of `user` that are, by name, an IFUNC of `owner`.
fn ifuncs_named(user: &ElfFacts<'_>, owner: &ElfFacts<'_>) -> Vec<u32> {
    let is_ifunc = |import: &Import| {
        if import.flags & relocs::OWN != 0 || owner.symbols.rules_out(&owner.vm, import.hash) {
            return false;
        }
        let Ok(name) = user.symbols.string(&user.vm, u64::from(import.name)) else { return true };
        let query = Query {
            name: &name,
            hash: import.hash,
            version: None,
            plt: false,
            own: None,
            prefers_exact: false,
        };
        owner.symbols.any_ifunc(&owner.vm, &query)
    };
    let all = user.relocs.imports.iter().enumerate();
    all.filter(|(_, i)| is_ifunc(i)).filter_map(|(at, _)| u32::try_from(at).ok()).collect()
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
