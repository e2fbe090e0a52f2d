//! Symbol binding of one call: which definition each reference gets, in the loader's order of work.
//! It must never read a file or search a path; it works on a finished link map.
//! Follows glibc elf/dl-lookup.c:_dl_lookup_symbol_x and elf/dl-reloc.c:_dl_relocate_object.

use std::borrow::Cow;

use super::defect::{Assertion, Defect};
use super::image::elf::ElfFacts;
use super::image::relocs::{self, Import};
use super::image::symbols::{Filter, Found, Query, SHN_ABS, STT_GNU_IFUNC, STT_TLS, Symbol, Wanted};
use super::link_map::{LinkMap, Process};
use super::loader_model::LoaderModel;
use super::memo::Own;
use super::model::NodeIx;

/// What a reference is bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binding {
    /// This object's symbol.
    To(NodeIx, Symbol),
    /// Nothing; the reference is weak.
    Zero,
    /// Nothing; the loader says so and gives up.
    Missing,
    /// Up to 2.29: the file the version is needed of lacks it.
    NotInVersionFile,
}

/// One reference as a person would name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference {
    /// Symbol name.
    pub name: Vec<u8>,
    /// Version, if any.
    pub version: Option<Vec<u8>>,
    /// The file the version is needed of.
    pub version_file: Option<Vec<u8>>,
}

/// The objects searched for a reference of `from`: itself if symbolic, the global scope, the root's list.
pub struct Scope<'m, 'h> {
    map: &'m LinkMap<'h>,
    /// The global scope and the root's list behind it. What was not found in the global scope
    /// the first time is not found the second, so its objects are not listed twice.
    objects: Vec<(NodeIx, &'m ElfFacts<'h>)>,
    /// How many of them are the global scope.
    global: usize,
    model: &'m LoaderModel,
}

impl<'m, 'h> Scope<'m, 'h> {
    /// The scopes of one call.
    pub fn new(map: &'m LinkMap<'h>, process: &'m Process<'h>, model: &'m LoaderModel) -> Self {
        let with_facts = |ix: &NodeIx| Some((*ix, map.facts(*ix)?));
        let mut objects: Vec<_> = process.global.iter().filter_map(with_facts).collect();
        let global = objects.len();
        objects.extend(map.list.iter().filter(|ix| !process.global.contains(ix)).filter_map(with_facts));
        Scope { map, objects, global, model }
    }

    /// Binds one import of `from`.
    ///
    /// # Errors
    /// A fault or assertion of the loader on the way.
    pub fn bind(&self, from: NodeIx, facts: &ElfFacts<'h>, import: &Import) -> Result<Binding, Defect> {
        self.bind_among(from, facts, import, |_| true)
    }

    /// The same among part of the objects: the others are known not to have it.
    ///
    /// # Errors
    /// As `bind`.
    pub fn bind_among(
        &self,
        from: NodeIx,
        facts: &ElfFacts<'h>,
        import: &Import,
        search: impl Fn(NodeIx) -> bool,
    ) -> Result<Binding, Defect> {
        if import.flags & relocs::OWN != 0 {
            return Ok(Binding::To(from, facts.symbols.symbol(&facts.vm, import.symbol)?));
        }
        let sought = Sought::of(facts, import, self.model)?;
        let mut query = sought.query();
        let symbolic = facts.dynamic.symbolic.then_some((from, facts));
        for (ix, f) in symbolic.iter().chain(&self.objects) {
            let ix = *ix;
            if !search(ix) {
                continue;
            }
            if f.symbols.rules_out(import.hash) && !self.model.rules.strict_version_file {
                continue;
            }
            if import.flags & relocs::COPY != 0 && ix.index() == 0 {
                continue;
            }
            query.own = (ix == from).then_some(import.symbol);
            let found = match f.symbols.lookup(&f.vm, &f.versions, &query)? {
                Found::No => None,
                Found::Yes(_, s) => Some(s),
                Found::Unversioned(_, s) => {
                    let named = sought.file.is_some_and(|name| self.answers_to(ix, name));
                    if named && self.model.rules.asserts_unversioned_provider {
                        return Err(Defect::Assertion(Assertion::UnversionedProvider));
                    }
                    Some(s)
                }
            };
            match found {
                Some(s) if may_bind(&s) => {
                    if import.flags & relocs::PROTECTED != 0 && ix != from {
                        let own = facts.symbols.symbol(&facts.vm, import.symbol)?;
                        return Ok(Binding::To(from, own));
                    }
                    return Ok(Binding::To(ix, s));
                }
                Some(_) => {}
                None => {
                    let strict = self.model.rules.strict_version_file;
                    if strict && sought.file.is_some_and(|name| self.answers_to(ix, name)) {
                        return Ok(Binding::NotInVersionFile);
                    }
                }
            }
        }
        Ok(if import.flags & relocs::WEAK != 0 { Binding::Zero } else { Binding::Missing })
    }

    fn answers_to(&self, ix: NodeIx, name: &[u8]) -> bool {
        self.map.node(ix).is_some_and(|n| n.answers_to(name))
    }

    /// The binding of `from` among `reached` and the global scope: which strong references find nothing.
    pub fn own(&self, from: NodeIx, facts: &ElfFacts<'h>, reached: &[NodeIx]) -> Own {
        let near = reached.iter().filter_map(|ix| Some((*ix, self.map.facts(*ix)?)));
        let objects: Vec<Searched<'_, 'h>> = near
            .chain(self.objects.iter().take(self.global).copied())
            .map(|(ix, facts)| Searched { ix, facts, filter: facts.symbols.filter() })
            .collect();
        let mut makers = Makers::of(facts);
        // Consecutive references are often answered by the same object.
        let mut last = 0;
        let mut missing = Vec::new();
        let mut lookups = 0;
        for (i, import) in facts.relocs.imports.iter().enumerate() {
            if import.flags & (relocs::OWN | relocs::WEAK) != 0
                || (import.flags & relocs::DEFINED != 0 && defines_itself(facts, import))
            {
                continue;
            }
            let Ok(sought) = Sought::of(facts, import, self.model) else { continue };
            let mut query = sought.query();
            let mut has = |o: &Searched<'_, 'h>| {
                if o.filter.is_some_and(|f| f.rules_out(import.hash))
                    || (import.flags & relocs::COPY != 0 && o.ix.index() == 0)
                {
                    return false;
                }
                query.own = (o.ix == from).then_some(import.symbol);
                lookups += 1;
                o.facts.symbols.lookup(&o.facts.vm, &o.facts.versions, &query).is_ok_and(satisfies)
            };
            let maker = makers.place(import.version, || {
                let file = sought.file?;
                objects.iter().position(|o| self.answers_to(o.ix, file))
            });
            let likely = maker.unwrap_or(last);
            if objects.get(likely).is_some_and(&mut has) {
                continue;
            }
            match objects.iter().position(has) {
                Some(at) => last = at,
                None => missing.push(u32::try_from(i).unwrap_or(u32::MAX)),
            }
        }
        Own { missing, lookups }
    }

    /// The reference behind an import.
    pub fn reference(facts: &ElfFacts<'h>, import: &Import) -> Reference {
        let name = facts.symbols.string(&facts.vm, u64::from(import.name)).unwrap_or_default().into_owned();
        let entry = match import.version {
            0 => None,
            v => facts.versions.entry(v).ok().flatten(),
        };
        let version = entry.and_then(|e| e.name().ok()).map(<[u8]>::to_vec);
        let version_file = match entry.and_then(|e| e.file.as_ref()) {
            Some(Ok(f)) => Some(f.to_vec()),
            _ => None,
        };
        Reference { name, version, version_file }
    }
}

/// An object that is searched again and again.
struct Searched<'m, 'h> {
    ix: NodeIx,
    facts: &'m ElfFacts<'h>,
    filter: Option<Filter<'h>>,
}

/// Where among the searched objects the file of each version is.
struct Makers(Vec<Option<Option<usize>>>);

impl Makers {
    fn of(facts: &ElfFacts<'_>) -> Makers {
        Makers(vec![None; facts.versions.rows()])
    }

    /// The place of the file that row `version` is needed of, found out the first time.
    fn place(&mut self, version: u16, find: impl FnOnce() -> Option<usize>) -> Option<usize> {
        let known = self.0.get_mut(usize::from(version)).filter(|_| version != 0)?;
        *known.get_or_insert_with(find)
    }
}

/// A reference made ready for look-ups.
struct Sought<'f> {
    name: Cow<'f, [u8]>,
    version: Option<Wanted<'f>>,
    /// The file the version is needed of.
    file: Option<&'f [u8]>,
    hash: u32,
    plt: bool,
    prefers_exact: bool,
}

impl<'f> Sought<'f> {
    fn of(facts: &'f ElfFacts<'_>, import: &Import, model: &LoaderModel) -> Result<Sought<'f>, Defect> {
        let name = facts.symbols.string(&facts.vm, u64::from(import.name))?;
        let entry = match import.version {
            0 => None,
            v => facts.versions.entry(v)?,
        };
        let version = match entry {
            Some(e) => Some(Wanted { hash: e.hash, name: e.name()?, hidden: e.hidden }),
            None => None,
        };
        let file = match entry.and_then(|e| e.file.as_ref()) {
            Some(Ok(f)) => Some(f.as_ref()),
            Some(Err(d)) if model.rules.strict_version_file => return Err((**d).clone()),
            _ => None,
        };
        let plt = import.flags & relocs::PLT != 0;
        let prefers_exact = model.rules.prefers_exact_version;
        Ok(Sought { name, version, file, hash: import.hash, plt, prefers_exact })
    }

    fn query(&self) -> Query<'_> {
        Query {
            name: &self.name,
            hash: self.hash,
            version: self.version,
            plt: self.plt,
            own: None,
            prefers_exact: self.prefers_exact,
        }
    }
}

/// Whether a look-up in the object itself comes to the very symbol it refers to, and takes it.
fn defines_itself(facts: &ElfFacts<'_>, import: &Import) -> bool {
    let Ok(s) = facts.symbols.symbol(&facts.vm, import.symbol) else { return false };
    let has_value = s.value != 0 || s.shndx == SHN_ABS || s.kind() == STT_TLS;
    if s.shndx == 0 || !has_value || !matches!(s.kind(), 0 | 1 | 2 | 5 | 6 | 10) || !may_bind(&s) {
        return false;
    }
    // A version of its own is the one it is defined with; without one, the plain and the base version match.
    let matches = import.version != 0
        || !facts.versions.has_table()
        || facts.symbols.versym.is_some_and(|table| {
            let row = facts.symbols.version_index(&facts.vm, table, import.symbol);
            row.is_ok_and(|v| v & 0x7fff < 3)
        });
    matches && facts.symbols.passes(import.hash, import.symbol)
}

/// Whether a definition can be taken: visible, and global, weak or unique.
fn may_bind(s: &Symbol) -> bool {
    !s.binds_local() && matches!(s.binding(), 1 | 2 | 10)
}

/// Whether a find ends the search.
pub fn satisfies(found: Found) -> bool {
    match found {
        Found::No => false,
        Found::Yes(_, s) | Found::Unversioned(_, s) => may_bind(&s),
    }
}

/// Whether binding to `s` makes the loader call a resolver.
pub fn calls_resolver(s: &Symbol) -> bool {
    s.kind() == STT_GNU_IFUNC && s.shndx != 0
}
