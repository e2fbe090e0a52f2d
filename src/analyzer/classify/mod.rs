//! Why a library fails, in terms of who has to act: its host program, its link line, or its owner.
//! It must never change a verdict, nor say "proved" of anything that was not judged in that very process.
//! Rests on the real programs and libraries of the disk, put together as glibc elf/rtld.c and elf/dl-open.c would.

mod applications;
mod hosts;
mod index;
mod languages;
mod pattern;
mod places;
mod repair;
mod worlds;

use super::audit::MissingSymbol;
use super::defect::Defect;
use super::disk::{Disk, Opening};
use super::finding::Finding;
use super::image::elf::Image;
use super::image::header;
use super::image::symbols::{Query, gnu_hash};
use super::link_map::{MissReason, Process};
use super::target::Target;
use super::verdict::{Class, Judgement, Verdict};
use hosts::Kind;
use index::Index;
use places::{Candidate, Places, base};
use worlds::{Failure, Ground, Trial, Way, Worlds};

pub use index::Pick as Provider;

/// What a class rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// Nothing explains it.
    Nothing {
        /// The hosts it was tried in all the same.
        tried: Vec<Tried>,
    },
    /// The file itself is for another machine.
    Foreign {
        /// How that shows.
        defect: Defect,
    },
    /// It is made for another C library or system than the loader's.
    OtherTarget(Target),
    /// A Mach-O file for another architecture or platform than the process's: what there is, as dyld lists it.
    OtherMachO(String),
    /// What it lacks is what a host program gives.
    NeedsHost(NeedsHost),
    /// What it lacks is in libraries it does not list.
    Underlinked(Underlinked),
}

/// A host in which a library did not load either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Kind of host, or the program's name.
    pub host: String,
    /// The program, or the library programs embed.
    pub program: Vec<u8>,
    /// Code of the finding that decides there.
    pub code: &'static str,
    /// What that finding is about: the symbol or library that is missing there too.
    pub subject: Vec<u8>,
}

/// The host that makes a library load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedsHost {
    /// Kind of host, or the program's name.
    pub host: String,
    /// The program it was tried in, or the library programs embed; none if there is none on this disk.
    pub program: Option<Vec<u8>>,
    /// It loads in that program. Otherwise only the names speak for it.
    pub proved: bool,
    /// Other plugins of the host that have to be opened before.
    pub after: Vec<Vec<u8>>,
    /// Needed libraries that are not found without the host, and the file that stands for each in its process.
    pub libraries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Missing symbols that bear the names of the host's interface.
    pub symbols: usize,
}

/// The libraries that should have been listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Underlinked {
    /// If these were listed, it would load. No one of them can be left out.
    pub libraries: Vec<Provider>,
    /// It needs this host besides: name and program.
    pub host: Option<(String, Vec<u8>)>,
}

impl Because {
    /// The class.
    pub fn class(&self) -> Class {
        match self {
            Because::Nothing { .. } => Class::Broken,
            Because::Foreign { .. } | Because::OtherTarget(_) | Because::OtherMachO(_) => Class::Foreign,
            Because::NeedsHost(_) => Class::NeedsHost,
            Because::Underlinked(_) => Class::Underlinked,
        }
    }
}

/// The kind of host whose interface has a symbol, by the name as Mach-O files write it. Only interpreters count: their
/// prefixes are their own, so that no library of a system has such a name.
pub fn host_of_symbol(name: &[u8]) -> Option<&'static str> {
    let name = name.strip_prefix(b"_")?;
    languages::LANGUAGES.iter().find(|kind| kind.has_symbol(name)).map(|kind| kind.name)
}

/// Most kinds of host tried for one library.
const KINDS_TRIED: usize = 3;

/// Sorts failing libraries. Shared by all threads of a run; what it remembers follows from the disk alone, so that
/// the answers depend neither on the order of the questions nor on the number of threads.
pub struct Classifier<'a, 'h> {
    disk: &'a Disk<'a, 'h>,
    worlds: Worlds<'a, 'h>,
    index: Index<'a, 'h>,
    places: Places,
}

/// What speaks for a host.
struct Signs<'l> {
    path: Vec<u8>,
    missing: &'l [MissingSymbol],
    absent: Vec<Vec<u8>>,
}

impl<'a, 'h> Classifier<'a, 'h> {
    /// For libraries that fail in `process`; what is tried has at most `objects` objects.
    pub fn new(disk: &'a Disk<'a, 'h>, process: &'a Process<'h>, objects: usize) -> Self {
        Classifier {
            disk,
            worlds: Worlds::new(disk, process, objects),
            index: Index::new(disk),
            places: Places::default(),
        }
    }

    /// Sorts one library; none if it does not fail.
    pub fn classify(&self, path: &[u8], judgement: &Judgement, missing: &[MissingSymbol]) -> Option<Because> {
        if !matches!(judgement.verdict, Verdict::Fails { .. }) {
            return None;
        }
        let because = self.sort(path, judgement, missing);
        if let Opening::Image(image) = self.disk.open(&self.disk.absolute(path)) {
            self.disk.forget(&image);
        }
        Some(because)
    }

    fn sort(&self, path: &[u8], judgement: &Judgement, missing: &[MissingSymbol]) -> Because {
        let nothing = || Because::Nothing { tried: Vec::new() };
        let Some(first) = judgement.findings.first() else { return nothing() };
        if let Some(defect) = foreign(first).or_else(|| self.other_machine(path, first)) {
            return Because::Foreign { defect };
        }
        if !may_be_explained(first) {
            return nothing();
        }
        let absent = judgement.findings.iter().filter_map(|f| match f {
            Finding::NeededNotFound { name, .. } => Some(name.clone()),
            _ => None,
        });
        let signs = Signs { path: plain(&self.disk.absolute(path)), missing, absent: absent.collect() };
        let mut tried = Vec::new();
        let kinds = self.kinds(&signs);
        for kind in kinds.iter().take(KINDS_TRIED) {
            for host in self.places.hosts(self.disk, kind, &signs.path) {
                if let Some(found) = self.in_host(kind.name, Some(kind), &host, &signs, &mut tried) {
                    return found;
                }
            }
        }
        if (!missing.is_empty() || !signs.absent.is_empty()) && tried.is_empty() {
            for host in self.places.namesakes(self.disk, &signs.path) {
                let name = String::from_utf8_lossy(base(&host.path)).into_owned();
                if let Some(found) = self.in_host(&name, None, &host, &signs, &mut tried) {
                    return found;
                }
            }
        }
        let asked = |kind: &Kind| tried.iter().any(|t| t.host == kind.name);
        let not_here = kinds.iter().filter(|k| !asked(k)).find_map(|k| self.unproved(&[k], &signs, &tried));
        let found = not_here.or_else(|| self.underlinked(&signs, first, &kinds)).or_else(|| {
            let one = kinds.iter().map(std::slice::from_ref);
            let two = kinds.chunks_exact(2).take(1);
            one.chain(two).find_map(|kinds| self.unproved(kinds, &signs, &tried))
        });
        found.unwrap_or(Because::Nothing { tried })
    }

    /// That a refused file is for another machine, where the loader does not look at that (musl).
    fn other_machine(&self, path: &[u8], first: &Finding) -> Option<Defect> {
        let Finding::File { .. } = first else { return None };
        let Opening::Image(image) = self.disk.open(&self.disk.absolute(path)) else { return None };
        let (format, machine, _) = header::peek(image.bytes)?;
        let own = self.disk.model().machine;
        if format.is64 != own.is_64() {
            return Some(Defect::WrongClass(if format.is64 { 2 } else { 1 }));
        }
        (machine != own.e_machine()).then_some(Defect::WrongMachine(machine))
    }

    /// The kinds that anything speaks for, best first.
    fn kinds(&self, signs: &Signs<'_>) -> Vec<&'static Kind> {
        let mut kinds: Vec<(usize, &'static Kind)> = Vec::new();
        for kind in hosts::kinds() {
            let named = signs.missing.iter().filter(|m| kind.has_symbol(&m.name)).count();
            let share = (named * 8).checked_div(signs.missing.len()).unwrap_or(0);
            let library = signs.absent.iter().any(|n| kind.has_library(n));
            let place = kind.has_place(&signs.path);
            let strong =
                8 * usize::from(library) + 6 * usize::from(place) + 6 * usize::from(self.enters(kind, signs));
            // A few symbols that sound like it do not make a plugin.
            if strong > 0 || share >= 4 {
                kinds.push((strong + share, kind));
            }
        }
        kinds.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        kinds.into_iter().map(|(_, kind)| kind).collect()
    }

    /// Whether the library has the host's way in.
    fn enters(&self, kind: &Kind, signs: &Signs<'_>) -> bool {
        let Opening::Image(image) = self.disk.open(&signs.path) else { return false };
        let Image::Mapped(f) = &image.image else { return false };
        let name = base(&signs.path);
        let stem = name.split(|b| *b == b'.').next().unwrap_or(name);
        kind.entries.iter().any(|entry| {
            let symbol: Vec<u8> = match entry.as_bytes().split(|b| *b == b'@').collect::<Vec<_>>().as_slice()
            {
                [head, tail] => [head, stem, tail].concat(),
                _ => entry.as_bytes().to_vec(),
            };
            let hash = gnu_hash(&symbol);
            let query =
                Query { name: &symbol, hash, version: None, plt: true, own: None, prefers_exact: false };
            !f.symbols.rules_out(hash)
                && f.symbols.lookup(&f.vm, &f.versions, &query).is_ok_and(super::bind::satisfies)
        })
    }

    /// Tries the library in one host.
    fn in_host(
        &self,
        name: &str,
        kind: Option<&Kind>,
        host: &Candidate,
        signs: &Signs<'_>,
        tried: &mut Vec<Tried>,
    ) -> Option<Because> {
        let ground = Ground::Host(host);
        let failure = match self.worlds.try_in(ground, Way::Alone, &signs.path) {
            Ok(Trial::Loads) => None,
            Ok(Trial::Fails(failure)) => Some(failure),
            // A program that does not start is nobody's host.
            Err(_) => return None,
        };
        let after = match failure {
            None => Vec::new(),
            Some(failure) => {
                let global = kind.is_some_and(|k| k.global);
                let first = if global { self.to_open(ground, &signs.path, &failure, 0) } else { None };
                match first {
                    Some(first) => first,
                    None => {
                        let (code, subject) = match &failure.finding {
                            Some(f) => (f.code(), super::audit::subject(f)),
                            None => ("undecidable", Vec::new()),
                        };
                        tried.push(Tried {
                            host: name.to_owned(),
                            program: host.path.clone(),
                            code,
                            subject,
                        });
                        return None;
                    }
                }
            }
        };
        let stands = |wanted: &Vec<u8>| {
            let there = self.worlds.with(ground, &after, |w| {
                let node = w.process.known.names.get(wanted.as_slice())?;
                w.process.nodes.get(node.index()).map(|n| n.name.clone())
            });
            (wanted.clone(), there.ok().flatten())
        };
        let symbols = signs.missing.iter().filter(|m| kind.is_none_or(|k| k.has_symbol(&m.name))).count();
        Some(Because::NeedsHost(NeedsHost {
            host: name.to_owned(),
            program: Some(host.path.clone()),
            proved: true,
            libraries: signs.absent.iter().map(stands).collect(),
            after,
            symbols,
        }))
    }

    /// The names alone: everything missing is of one kind (or of two together), and no program here settles it.
    fn unproved(&self, kinds: &[&'static Kind], signs: &Signs<'_>, tried: &[Tried]) -> Option<Because> {
        let first = kinds.first()?;
        let asked = |k: &Kind| tried.iter().any(|t| t.host == k.name);
        if kinds.iter().any(|k| asked(k) && k.version(&signs.path).is_some()) {
            // It was made for the very program that refuses it.
            return None;
        }
        // With the host's own way in and in the host's own place, whatever it lacks is the host's.
        let open = !asked(first) || first.distinct;
        let certain = kinds.len() == 1 && open && first.has_place(&signs.path) && self.enters(first, signs);
        let of_theirs = |m: &MissingSymbol| certain || kinds.iter().any(|k| k.has_symbol(&m.name));
        let some = !signs.missing.is_empty() || !signs.absent.is_empty();
        let all = signs.missing.iter().all(of_theirs)
            && signs.absent.iter().all(|n| kinds.iter().any(|k| k.has_library(n)));
        (some && all).then(|| {
            Because::NeedsHost(NeedsHost {
                host: kinds.iter().map(|k| k.name).collect::<Vec<_>>().join(" and "),
                program: tried.iter().find(|t| t.host == first.name).map(|t| t.program.clone()),
                proved: false,
                after: Vec::new(),
                libraries: signs.absent.iter().map(|n| (n.clone(), None)).collect(),
                symbols: signs.missing.len(),
            })
        })
    }

    /// Looks for the libraries that should have been listed: in the process of the run, then in the likeliest host.
    fn underlinked(&self, signs: &Signs<'_>, first: &Finding, kinds: &[&'static Kind]) -> Option<Because> {
        let failure = Failure { finding: Some(first.clone()), missing: signs.missing.to_vec() };
        if let Some(libraries) = self.to_list(Ground::Given, &signs.path, &failure) {
            return Some(Because::Underlinked(Underlinked { libraries, host: None }));
        }
        let kind = kinds.first()?;
        for host in self.places.hosts(self.disk, kind, &signs.path) {
            let ground = Ground::Host(&host);
            let Ok(Trial::Fails(failure)) = self.worlds.try_in(ground, Way::Alone, &signs.path) else {
                continue;
            };
            if let Some(libraries) = self.to_list(ground, &signs.path, &failure) {
                let host = Some((kind.name.to_owned(), host.path.clone()));
                return Some(Because::Underlinked(Underlinked { libraries, host }));
            }
        }
        None
    }
}

/// The defect that makes a file one for another machine.
fn foreign(first: &Finding) -> Option<Defect> {
    match first {
        Finding::File {
            defect: defect @ (Defect::WrongClass(_) | Defect::WrongMachine(_) | Defect::WrongByteOrder { .. }),
            ..
        } => Some(defect.clone()),
        _ => None,
    }
}

/// Whether other objects in the process could change the outcome.
fn may_be_explained(first: &Finding) -> bool {
    match first {
        Finding::SymbolNotFound { .. }
        | Finding::SymbolNotInVersionFile { .. }
        | Finding::VersionNotFound { .. }
        | Finding::VersionFileNotLoaded { .. }
        | Finding::IfuncOrder { .. }
        | Finding::StaticTls { .. } => true,
        Finding::NeededNotFound { reason, .. } => {
            matches!(reason, MissReason::NotFound(_) | MissReason::OtherClass | MissReason::Refused { .. })
        }
        _ => false,
    }
}

/// A path without empty, `.` and `..` components, for the rules on places.
fn plain(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    [b"/".as_slice(), &parts.join(b"/".as_slice())].concat()
}
