//! Finds what would mend a home: who has the name that is missing, whose file is in the way, which pinned version is gone.
//! It must never offer a file that the loader refuses as well.
//! Rests on the loader's own list of attempts, which every finding about a need carries.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use super::files::{What, base, parent};
use super::finding::HomeFinding;
use super::integrity::is_below;
use super::mend::{Mend, Reason};
use super::survey::{Judged, Survey, TreeReport, soname};
use super::targets::{Room, Tree};
use crate::analyzer::audit::Library;
use crate::analyzer::bind::{Reference, satisfies};
use crate::analyzer::disk::{Disk, Opening};
use crate::analyzer::finding::Finding;
use crate::analyzer::image::elf::Image;
use crate::analyzer::image::symbols::{Query, gnu_hash};
use crate::analyzer::link_map::MissReason;
use crate::analyzer::provenance::Provenance;
use crate::analyzer::verdict::{Class, Verdict};

/// What the home has under each name a loader may ask for.
pub struct Index {
    /// By names of files and links.
    names: HashMap<Vec<u8>, Vec<Provider>>,
    /// By DT_SONAME, where that is the name of no file: read when the first name is missing.
    sonames: OnceLock<HashMap<Vec<u8>, Vec<Provider>>>,
    trees: Vec<Tree>,
    home: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Provider {
    tree: usize,
    path: Vec<u8>,
    /// The name is its own for the loader, but that of no file.
    only_soname: bool,
    /// It is a file, not a link to one.
    real: bool,
}

impl Index {
    /// Reads names off files and links.
    pub fn new(survey: &Survey) -> Index {
        let mut index = Index {
            names: HashMap::new(),
            sonames: OnceLock::new(),
            trees: Vec::new(),
            home: lexical(&survey.home.place.path),
        };
        let chosen = survey.trees.iter().map(|r| (&r.tree, &r.listing));
        let others = survey.others.iter().map(|(tree, listing)| (tree, listing));
        for (tree, listing) in chosen.chain(others).filter(|(t, _)| t.room == Room::Library) {
            let at = index.trees.len();
            index.trees.push(tree.clone());
            for e in &listing.entries {
                let real = match &e.what {
                    What::Library => true,
                    What::Link { leads: Some(_), .. } => false,
                    _ => continue,
                };
                let provider = Provider { tree: at, path: e.path.clone(), only_soname: false, real };
                index.names.entry(base(&e.rel).to_vec()).or_default().push(provider);
            }
        }
        index
    }

    fn sonames(&self, disk: &Disk<'_, '_>) -> &HashMap<Vec<u8>, Vec<Provider>> {
        self.sonames.get_or_init(|| {
            let mut files: Vec<&Provider> = self.names.values().flatten().filter(|p| p.real).collect();
            files.sort_unstable_by(|a, b| (a.tree, &a.path).cmp(&(b.tree, &b.path)));
            let mut all: HashMap<Vec<u8>, Vec<Provider>> = HashMap::new();
            for p in files {
                if let Some(soname) = soname(disk, &p.path).filter(|s| *s != base(&p.path)) {
                    all.entry(soname).or_default().push(Provider { only_soname: true, ..p.clone() });
                }
            }
            all
        })
    }

    /// Files that would do for `name`: those the loader maps.
    fn providers(&self, disk: &Disk<'_, '_>, name: &[u8]) -> Vec<&Provider> {
        let usable = |p: &&Provider| matches!(disk.open(&p.path), Opening::Image(i) if matches!(i.image, Image::Mapped(_)));
        let sonames = self.sonames(disk).get(name);
        self.names.get(name).into_iter().chain(sonames).flatten().filter(usable).collect()
    }

    fn is_in_home(&self, path: &[u8]) -> bool {
        is_below(&lexical(path), &self.home)
    }
}

/// The suggestions for one tree as a whole, each once.
pub fn of_tree(index: &Index, report: &TreeReport) -> BTreeSet<Mend> {
    let package = report.tree.spec();
    let mut out = BTreeSet::new();
    let again = |because| Mend::Reinstall { package: package.clone(), because };
    for f in report.all_findings() {
        match f {
            HomeFinding::FileChanged { .. }
            | HomeFinding::LinkRepointed { .. }
            | HomeFinding::LinkLeaves { .. } => {
                out.insert(again(Reason::Changed));
            }
            HomeFinding::FileMissing { .. }
            | HomeFinding::LinkDangling { .. }
            | HomeFinding::LinkLoop { .. }
            | HomeFinding::GhostEntry { tool: false, .. } => {
                out.insert(again(Reason::Gone));
            }
            HomeFinding::SonameLinkMissing { file, soname } => {
                out.insert(link(file, soname));
            }
            // A name that is no text cannot be given to tsuku.
            HomeFinding::UntrackedTree { .. }
                if !report.listing.entries.is_empty()
                    && std::str::from_utf8(&report.tree.directory).is_ok() =>
            {
                out.insert(Mend::Track { package: package.clone() });
            }
            HomeFinding::EmptyTree { path } | HomeFinding::LeftOver { path, .. } => {
                out.insert(Mend::Remove { path: path.clone() });
            }
            HomeFinding::FailsUnderWrapper { culprit: Some(by), .. } => {
                let in_home = index.is_in_home(by);
                out.insert(Mend::Shadowed { package: package.clone(), by: by.clone(), in_home });
            }
            _ => {}
        }
    }
    out
}

/// What would mend one file of it, if it fails.
pub fn of_file(index: &Index, disk: &Disk<'_, '_>, report: &TreeReport, judged: &Judged) -> Option<Mend> {
    let library = judged.counting()?;
    let fails = matches!(library.judgement.verdict, Verdict::Fails { .. });
    if fails { of_library(index, disk, report, library) } else { None }
}

fn link(file: &[u8], soname: &[u8]) -> Mend {
    Mend::LinkSoname { target: base(file).to_vec(), link: [parent(file), b"/", soname].concat() }
}

fn of_library(index: &Index, disk: &Disk<'_, '_>, report: &TreeReport, l: &Library) -> Option<Mend> {
    let package = report.tree.spec();
    if l.class == Some(Class::NeedsHost) {
        return Some(Mend::NeedsHost { package });
    }
    let again = |because| Some(Mend::Reinstall { package: package.clone(), because });
    let of_file = |object: &[u8], code: &str| {
        if lexical(object) != lexical(&l.path) {
            return match index.owner(object) {
                Some(owner) => Some(Mend::Reinstall { package: owner.spec(), because: Reason::Damaged }),
                None => {
                    Some(Mend::Shadowed { package: package.clone(), by: object.to_vec(), in_home: false })
                }
            };
        }
        match code {
            _ if l.class == Some(Class::Foreign) => {
                let beside = |p: &&Provider| p.path != l.path;
                let right = index.providers(disk, base(&l.path)).into_iter().find(beside).is_some();
                again(if right { Reason::WrongMachineBesideRight } else { Reason::WrongMachine })
            }
            _ => again(Reason::Damaged),
        }
    };
    let first = l.judgement.findings.first()?;
    match first {
        Finding::File { object, .. } | Finding::Relocation { object, .. } => of_file(object, first.code()),
        Finding::NeededNotFound { reason: MissReason::Refused { path, .. }, .. } => {
            of_file(path, first.code())
        }
        Finding::NeededNotFound { name, requester, attempts, .. } => {
            let requester: &[u8] = if requester.is_empty() { &l.path } else { requester };
            let found = index.providers(disk, name);
            let pins = attempts
                .iter()
                .filter(|a| matches!(a.provenance, Provenance::Rpath(_) | Provenance::Runpath));
            for attempt in pins {
                if let Some(mend) = index.stale_pin(&package, &attempt.path, name, &found) {
                    return Some(mend);
                }
            }
            match found.first() {
                Some(p) if p.only_soname => Some(link(&p.path, name)),
                Some(p) => {
                    let tree = index.trees.get(p.tree)?;
                    let rpath = relative(parent(requester), parent(&p.path));
                    Some(Mend::AddDependency {
                        package: index.owner(requester).map_or(package, Tree::spec),
                        needed: name.clone(),
                        dependency: tree.spec(),
                        rpath: [b"$ORIGIN/".as_slice(), &rpath].concat(),
                    })
                }
                None => Some(Mend::InstallProvider {
                    package: index.owner(requester).map_or(package, Tree::spec),
                    needed: name.clone(),
                }),
            }
        }
        Finding::Dyld(_) if l.class == Some(Class::Foreign) => of_file(&l.path, first.code()),
        Finding::SymbolNotFound { object, reference, .. } => index.definer(disk, &package, object, reference),
        Finding::VersionNotFound { provider, version, symbols, only_weak, .. } => {
            let name = base(provider).to_vec();
            if index.is_in_home(provider) {
                return Some(Mend::Shadowed { package, by: provider.clone(), in_home: true });
            }
            if !index.providers(disk, &name).is_empty() {
                return Some(Mend::Shadowed { package, by: provider.clone(), in_home: false });
            }
            Some(Mend::OlderBuild {
                package,
                provider: provider.clone(),
                version: version.clone(),
                symbols: symbols.clone(),
                only_weak: *only_weak,
            })
        }
        _ => None,
    }
}

impl Index {
    /// A needed name that the system answered, while the home's file of that name defines the symbol.
    fn definer(
        &self,
        disk: &Disk<'_, '_>,
        package: &str,
        object: &[u8],
        reference: &Reference,
    ) -> Option<Mend> {
        let Opening::Image(image) = disk.open(object) else { return None };
        let Image::Mapped(facts) = &image.image else { return None };
        facts.needs.iter().filter_map(|n| n.name.as_ref().ok()).find_map(|needed| {
            let with = |p: &&&Provider| defines(disk, &p.path, &reference.name);
            let found = self.providers(disk, needed);
            let provider = found.iter().find(with)?;
            let way = relative(parent(object), parent(&provider.path));
            Some(Mend::AddDependency {
                package: self.owner(object).map_or_else(|| package.to_owned(), Tree::spec),
                needed: [reference.name.as_slice(), b" of ", needed].concat(),
                dependency: self.trees.get(provider.tree)?.spec(),
                rpath: [b"$ORIGIN/".as_slice(), &way].concat(),
            })
        })
    }

    /// The library whose tree holds `path`.
    fn owner(&self, path: &[u8]) -> Option<&Tree> {
        let path = lexical(path);
        self.trees.iter().find(|t| is_below(&path, &lexical(&t.path)))
    }

    /// The tried path lies in a version of a library that is gone, while another version has the name.
    fn stale_pin(&self, package: &str, tried: &[u8], name: &[u8], found: &[&Provider]) -> Option<Mend> {
        let flat = lexical(tried);
        let at = flat.windows(6).rposition(|w| w == b"/libs/")? + 6;
        let directory = flat.get(at..)?.split(|b| *b == b'/').next()?;
        if self.trees.iter().any(|t| t.present && t.directory == directory) {
            return None;
        }
        let (gone, _) = super::layout::parsed(directory);
        let same = |p: &&&Provider| self.trees.get(p.tree).is_some_and(|t| t.name.as_bytes() == gone);
        let provider = found.iter().find(same).or(found.first())?;
        let present = self.trees.get(provider.tree)?.directory.clone();
        debug_assert!(!name.is_empty());
        Some(Mend::StalePin { package: package.to_owned(), pinned: directory.to_vec(), present })
    }
}

/// Whether a file exports a symbol of that name, whatever its version.
fn defines(disk: &Disk<'_, '_>, path: &[u8], name: &[u8]) -> bool {
    let Opening::Image(image) = disk.open(path) else { return false };
    let Image::Mapped(facts) = &image.image else { return false };
    let query =
        Query { name, hash: gnu_hash(name), version: None, plt: true, own: None, prefers_exact: false };
    facts.symbols.lookup(&facts.vm, &facts.versions, &query).is_ok_and(satisfies)
}

/// `path` with `.` and `..` taken out by their letters.
pub(super) fn lexical(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".") {
        if part == b".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    [b"/".as_slice(), &parts.join(&b'/')].concat()
}

/// The way from one directory to another.
fn relative(from: &[u8], to: &[u8]) -> Vec<u8> {
    let split = |p: &[u8]| -> Vec<Vec<u8>> {
        lexical(p).split(|b| *b == b'/').filter(|p| !p.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (from, to) = (split(from), split(to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let mut way: Vec<Vec<u8>> = vec![b"..".to_vec(); from.len() - common];
    way.extend(to.into_iter().skip(common));
    way.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_directories_is_relative() {
        assert_eq!(relative(b"/h/libs/curl-8/lib", b"/h/libs/openssl-3/lib"), b"../../openssl-3/lib");
        assert_eq!(relative(b"/h/libs/a-1/lib/engines", b"/h/libs/a-1/lib"), b"..");
        assert_eq!(lexical(b"/h/libs/a-1/lib/../../z-1/lib/./x"), b"/h/libs/z-1/lib/x");
    }
}
