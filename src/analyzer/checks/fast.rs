//! Relocation of a call whose objects are all in order, by what is known of each object alone.
//! It must give up (and leave the call to `relocate.rs`) wherever order or damage could matter.
//! Same rules as glibc elf/dl-reloc.c; the shortcut is only that more objects can only add definitions.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::HashSet;
use std::ops::Deref;

use super::relocate::{Relocation, State};
use super::{Stop, Unresolved};
use crate::analyzer::bind::{Binding, Scope};
use crate::analyzer::image::elf::ElfFacts;
use crate::analyzer::image::relocs::{self, Import};
use crate::analyzer::image::symbols::Query;
use crate::analyzer::link_map::LinkMap;
use crate::analyzer::memo::{Key, Memo};
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
        if !ordinary || !new.iter().filter_map(|ix| self.map.facts(*ix)).all(|f| f.traits.plain) {
            return Fast::Undecided;
        }
        if self.unversioned_provider(&new) {
            return Fast::Undecided;
        }
        let mut bindings = Bindings::new(self.map, memo, &new);
        // Made when something is looked up: mostly all is known.
        let scope = LazyCell::new(|| Scope::new(self.map, self.process, self.model));
        let mut state = State::new(self.map);
        let mut first: Option<Stop> = None;
        let ifuncs: Vec<usize> = (0..new.len())
            .filter(|at| {
                new.get(*at).and_then(|ix| self.map.facts(*ix)).is_some_and(|f| f.traits.exports_ifunc)
            })
            .collect();
        for (at, ix) in new.iter().enumerate() {
            let Some(node) = self.map.node(*ix) else { continue };
            let Some(facts) = node.facts() else { continue };
            let missing = bindings.missing(&scope, *ix, facts);
            let special = facts.relocs.special.iter().map(|p| (*p, false));
            let mut events: Vec<(u32, bool)> = missing.iter().map(|p| (*p, true)).chain(special).collect();
            let later = ifuncs.iter().filter(|p| **p > at).filter_map(|p| new.get(*p));
            self.unready_ifuncs(*ix, later, memo, &mut events);
            // A position that is there twice is one that is missing first.
            events.sort_unstable_by_key(|(p, missing)| (*p, !*missing));
            events.dedup_by_key(|(p, _)| *p);
            if missing.is_empty() && events.is_empty() {
                state.relocated(*ix);
                continue;
            }
            bindings.walk.from(self.map, *ix);
            // What it reaches is all there is: nothing more to look through.
            let whole = bindings.walk.reached.len() == new.len();
            let mut named = HashSet::new();
            for (position, is_missing) in events {
                let Some(import) = facts.relocs.imports.get(position as usize) else { continue };
                let (before, walk) = (self.map.before, &bindings.walk);
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

    /// The imports of `user` that may be bound to an IFUNC of an object relocated later.
    fn unready_ifuncs<'n>(
        &self,
        user: NodeIx,
        later: impl Iterator<Item = &'n NodeIx>,
        memo: &Memo,
        events: &mut Vec<(u32, bool)>,
    ) {
        let (Some(facts), Some(user)) = (self.map.facts(user), image_id(self.map, user)) else { return };
        for provider in later {
            let Some(owner) = self.map.facts(*provider) else { continue };
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
        if import.flags & relocs::OWN != 0 || owner.symbols.rules_out(import.hash) {
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

/// What each object of a call misses in what it reaches.
struct Bindings<'w, 'h> {
    map: &'w LinkMap<'h>,
    memo: &'w Memo,
    /// Every object needs what it always needs.
    usual: bool,
    walk: Reach,
}

impl<'w, 'h> Bindings<'w, 'h> {
    fn new(map: &'w LinkMap<'h>, memo: &'w Memo, new: &[NodeIx]) -> Self {
        let usual = new.iter().all(|ix| {
            let Some(node) = map.node(*ix) else { return false };
            let needs = node.needs.iter().map(|need| image_id(map, *need));
            image_id(map, *ix).is_some_and(|image| memo.is_usual(image, needs))
        });
        Bindings { map, memo, usual, walk: Reach::new(map) }
    }

    /// Positions of the imports of one object that nothing it reaches defines.
    fn missing<'s>(
        &mut self,
        scope: &impl Deref<Target = Scope<'s, 'h>>,
        ix: NodeIx,
        facts: &ElfFacts<'h>,
    ) -> Cow<'w, [u32]>
    where
        'h: 's,
    {
        let Bindings { map, memo, usual, walk } = self;
        let Some(image) = image_id(map, ix) else { return Cow::default() };
        if *usual {
            let own = memo.usual_own(image, || {
                walk.from(map, ix);
                scope.own(ix, facts, &walk.reached)
            });
            if let Some(own) = own {
                return Cow::Borrowed(&own.missing);
            }
        }
        walk.from(map, ix);
        let own = memo.own(walk.key(map, image), || scope.own(ix, facts, &walk.reached));
        Cow::Owned(own.missing.clone())
    }
}

/// Walks over needs, with storage that is used again.
struct Reach {
    seen: Vec<u32>,
    round: u32,
    stack: Vec<NodeIx>,
    /// The objects reached by the last walk, the start first.
    reached: Vec<NodeIx>,
}

impl Reach {
    fn new(map: &LinkMap<'_>) -> Reach {
        Reach { seen: vec![0; map.nodes.len()], round: 0, stack: Vec::new(), reached: Vec::new() }
    }

    fn has_reached(&self, ix: NodeIx) -> bool {
        self.seen.get(ix.index()).is_some_and(|s| *s == self.round)
    }

    /// Goes through all that `from` reaches.
    fn from(&mut self, map: &LinkMap<'_>, from: NodeIx) {
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
            if node.image.is_some() {
                self.reached.push(ix);
            }
            self.stack.extend_from_slice(&node.needs);
        }
    }

    /// The key of `image` with what was reached last.
    fn key(&self, map: &LinkMap<'_>, image: ImageId) -> Key {
        let mut key = Key::new(image);
        self.reached.iter().filter_map(|ix| image_id(map, *ix)).for_each(|id| key.reach(id));
        key
    }
}
