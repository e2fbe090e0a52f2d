//! Which libraries of this disk define given symbols: those of one directory, and those the loader finds by name.
//! It must never look at what other parts of the run happened to open; the candidates follow from the disk alone.
//! A definition counts as in glibc elf/dl-lookup.c:do_lookup_x, version included.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::places::{Places, base};
use crate::analyzer::audit::MissingSymbol;
use crate::analyzer::bind;
use crate::analyzer::disk::{Disk, ImageEntry, Opening};
use crate::analyzer::image::elf::{ElfFacts, Image};
use crate::analyzer::image::symbols::{Found, Query, Wanted, elf_hash, gnu_hash};

/// Most symbols looked for at a time; what is left over shows when the library is tried again.
pub const AT_A_TIME: usize = 64;

/// A library that may define something.
#[derive(Clone, Debug)]
pub struct Exporter<'h> {
    /// A path the loader finds it by.
    pub path: Vec<u8>,
    image: Arc<ImageEntry<'h>>,
}

impl<'h> Exporter<'h> {
    /// Its identity.
    pub fn identity(&self) -> (u64, u64) {
        (self.image.stat.dev, self.image.stat.ino)
    }

    fn facts(&self) -> Option<&ElfFacts<'h>> {
        match &self.image.image {
            Image::Mapped(facts) => Some(facts),
            Image::Refused(_) => None,
        }
    }

    fn defines(&self, want: &Want<'_>) -> bool {
        let Some(f) = self.facts() else { return false };
        if f.symbols.rules_out(want.hash) {
            return false;
        }
        let version = want.version.map(|v| Wanted { hash: elf_hash(v), name: v, hidden: false });
        let query =
            Query { name: want.name, hash: want.hash, version, plt: true, own: None, prefers_exact: false };
        match f.symbols.lookup(&f.vm, &f.versions, &query) {
            // The loader would take it, but nobody linked against that.
            Ok(Found::Unversioned(..)) | Err(_) => false,
            Ok(found) => bind::satisfies(found),
        }
    }
}

struct Want<'m> {
    object: &'m [u8],
    name: &'m [u8],
    version: Option<&'m [u8]>,
    hash: u32,
}

/// One library chosen for what it defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The library.
    pub path: Vec<u8>,
    /// Who refers to it without listing it: the failing library, or one that it needs.
    pub object: Vec<u8>,
    /// What it defines of the symbols asked for.
    pub symbols: Vec<Vec<u8>>,
}

type Exporters<'h> = Arc<Vec<Exporter<'h>>>;
/// Name and version.
type Symbol = (Vec<u8>, Option<Vec<u8>>);

/// The libraries of one run.
pub struct Index<'a, 'h> {
    disk: &'a Disk<'a, 'h>,
    system: OnceLock<Exporters<'h>>,
    dirs: Mutex<HashMap<Vec<u8>, Exporters<'h>>>,
    /// Places in `system` of those that define a symbol, by name and version.
    definers: Mutex<HashMap<Symbol, Arc<[usize]>>>,
}

impl<'a, 'h> Index<'a, 'h> {
    /// Nothing opened yet.
    pub fn new(disk: &'a Disk<'a, 'h>) -> Self {
        Index { disk, system: OnceLock::new(), dirs: Mutex::default(), definers: Mutex::default() }
    }

    /// The libraries of one directory.
    pub fn directory(&self, places: &Places, dir: &[u8]) -> Exporters<'h> {
        if let Some(known) = self.dirs.lock().unwrap_or_else(PoisonError::into_inner).get(dir) {
            return Arc::clone(known);
        }
        let names = places.names(self.disk, dir);
        let like_a_library = |n: &&Vec<u8>| n.windows(3).any(|w| w == b".so");
        let paths = names.iter().filter(like_a_library).map(|n| [dir, b"/", n].concat()).collect();
        let found = self.open(paths);
        let mut table = self.dirs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(table.entry(dir.to_vec()).or_insert(found))
    }

    /// The libraries the loader finds by name: the cache and the default directories.
    pub fn system(&self, places: &Places) -> Exporters<'h> {
        let all = self.system.get_or_init(|| {
            let model = self.disk.model();
            let mut paths: Vec<Vec<u8>> = Vec::new();
            if let Some(cache) = &model.cache {
                let query = model.cache_query();
                paths
                    .extend(cache.entries().filter_map(|e| cache.lookup(e.name, &query)).map(<[u8]>::to_vec));
            }
            for dir in &model.system_dirs {
                let dir = dir.strip_suffix(b"/").unwrap_or(dir);
                let names = places.names(self.disk, dir);
                let library = |n: &&Vec<u8>| n.starts_with(b"lib") && n.windows(3).any(|w| w == b".so");
                paths.extend(names.iter().filter(library).map(|n| [dir, b"/", n].concat()));
            }
            self.open(paths)
        });
        Arc::clone(all)
    }

    /// Opens what is a library, each file once, under its best name.
    fn open(&self, mut paths: Vec<Vec<u8>>) -> Exporters<'h> {
        // The name others link by is shorter than that of the file, but longer than the one of the linker's link.
        paths.sort_by(|a, b| rank(a).cmp(&rank(b)));
        paths.dedup();
        let mut groups: Vec<Vec<Vec<u8>>> = Vec::new();
        let mut known: HashMap<(u64, u64), usize> = HashMap::new();
        for path in paths {
            let Some(identity) = self.disk.identity(&path) else { continue };
            let at = *known.entry(identity).or_insert(groups.len());
            match groups.get_mut(at) {
                Some(names) => names.push(path),
                None => groups.push(vec![path]),
            }
        }
        let one = |names: Vec<Vec<u8>>| {
            // Opened by the longest name: that of the file itself, which is often open already.
            let Opening::Image(image) = self.disk.open(names.last()?) else { return None };
            self.disk.forget(&image);
            let Image::Mapped(facts) = &image.image else { return None };
            let own = |path: &Vec<u8>| match &facts.soname {
                Some(Ok(soname)) => **soname == *base(path),
                _ => true,
            };
            let path = names.iter().find(|p| own(p))?.clone();
            Some(Exporter { path, image })
        };
        Arc::new(groups.into_iter().filter_map(one).collect())
    }

    /// Which of `exporters` define a symbol. Asked again and again of the system's: many plugins lack the same.
    fn definers(&self, exporters: &Exporters<'h>, want: &Want<'_>) -> Arc<[usize]> {
        let all = || (0..exporters.len()).filter(|at| exporters.get(*at).is_some_and(|e| e.defines(want)));
        if !self.system.get().is_some_and(|system| Arc::ptr_eq(system, exporters)) {
            return all().collect();
        }
        let key = (want.name.to_vec(), want.version.map(<[u8]>::to_vec));
        if let Some(known) = self.definers.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let found: Arc<[usize]> = all().collect();
        let mut table = self.definers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(table.entry(key).or_insert(found))
    }

    /// A small set of libraries that together define all of `missing`; none if there is no such set.
    /// `from` comes in tiers: a later one is only asked for what the earlier ones lack.
    pub fn cover(
        &self,
        missing: &[MissingSymbol],
        tiers: &[&dyn Fn() -> Exporters<'h>],
        usable: &dyn Fn(&Exporter<'h>) -> bool,
    ) -> Option<Vec<Pick>> {
        let mut wants: Vec<Want<'_>> = Vec::new();
        for m in missing {
            let version = m.version.as_deref();
            if wants.len() < AT_A_TIME && !wants.iter().any(|w| w.name == m.name && w.version == version) {
                wants.push(Want { object: &m.object, name: &m.name, version, hash: gnu_hash(&m.name) });
            }
        }
        let mut picks: Vec<Pick> = Vec::new();
        for tier in tiers {
            if wants.is_empty() {
                break;
            }
            let exporters = tier();
            let mut defined: HashMap<usize, u64> = HashMap::new();
            for (i, want) in wants.iter().enumerate() {
                for at in self.definers(&exporters, want).iter() {
                    *defined.entry(*at).or_default() |= 1 << (i % AT_A_TIME);
                }
            }
            let rows = defined.into_iter().filter_map(|(at, bits)| Some((bits, exporters.get(at)?)));
            let mut rows: Vec<(u64, &Exporter<'h>)> = rows.filter(|(_, e)| usable(e)).collect();
            rows.sort_by(|a, b| rank(&a.1.path).cmp(&rank(&b.1.path)));
            let mut left = u64::MAX;
            loop {
                // The first of those that define most.
                let best = rows.iter().rev().max_by_key(|(bits, _)| (bits & left).count_ones());
                let Some((bits, e)) = best.filter(|(bits, _)| bits & left != 0) else { break };
                let mut named =
                    wants.iter().enumerate().filter(|(i, _)| (bits & left) >> i & 1 == 1).peekable();
                picks.push(Pick {
                    path: e.path.clone(),
                    object: named.peek().map(|(_, w)| w.object.to_vec()).unwrap_or_default(),
                    symbols: named.map(|(_, w)| w.name.to_vec()).collect(),
                });
                left &= !bits;
            }
            let mut i = 0;
            wants.retain(|_| {
                i += 1;
                left >> (i - 1) & 1 == 1
            });
        }
        (wants.is_empty() && !picks.is_empty()).then_some(picks)
    }
}

/// Order of preference between libraries that define the same: a short name first.
fn rank(path: &[u8]) -> (usize, &[u8]) {
    (base(path).len(), path)
}
