//! Many libraries at once: which files, in parallel, and what they have in common.
//! The only user of threads. Its output must not depend on how many there are.
//! Each library is one `dlopen` in a fresh process, as glibc's loader would do it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::call;
use super::catalogue::because;
use super::checks::{self, Mode, Unresolved};
use super::classify::{Because, Classifier};
use super::defect::{Defect, Structure};
use super::dyld;
use super::finding::Finding;
use super::host::{EntryKind, Errno, Host, Kind};
use super::image::{header, limits};
use super::level_1;
use super::link_map::{LinkMap, MissReason};
use super::loaders::{Assigned, Loaders, Room};
use super::memo::Memo;
use super::target;
use super::timings::{self, Phase};
use super::verdict::{Class, InitSummary, Judgement, Verdict};

/// How deep the analysis goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// The file alone.
    One,
    /// The whole call.
    Two,
}

/// How each file is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// How deep.
    pub level: Level,
    /// How jump slots of libraries are bound.
    pub mode: Mode,
    /// Programs are judged as programs that start; otherwise as files given to `dlopen`.
    pub programs: bool,
}

impl From<Level> for Plan {
    /// `dlopen(path, RTLD_NOW)` of everything.
    fn from(level: Level) -> Plan {
        Plan { level, mode: Mode::Now, programs: false }
    }
}

/// What is collected below a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// Executables too.
    pub executables: bool,
}

/// One judged library.
#[derive(Clone, Debug)]
pub struct Library {
    /// The path as it was given or found.
    pub path: Vec<u8>,
    /// Verdict and findings.
    pub judgement: Judgement,
    /// Why a failure should worry, or not; none if it does not fail.
    pub class: Option<Class>,
    /// Missing symbols, as (object, symbol, version).
    pub missing: Vec<MissingSymbol>,
    /// What the class rests on.
    pub because: Option<Because>,
    /// The loader whose verdict it is, as `--loader` takes it.
    pub loader: Arc<str>,
    /// Code that runs while it is loaded; none of a program, which is started instead.
    pub init: Option<InitSummary>,
}

/// A strong reference nothing defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingSymbol {
    /// The object that refers to it.
    pub object: Vec<u8>,
    /// Name.
    pub name: Vec<u8>,
    /// Version.
    pub version: Option<Vec<u8>>,
}

impl MissingSymbol {
    /// Of a call's unresolved reference.
    pub fn of(map: &LinkMap<'_>, unresolved: Unresolved) -> MissingSymbol {
        MissingSymbol {
            object: map.node(unresolved.object).map(|n| n.name.clone()).unwrap_or_default(),
            name: unresolved.reference.name,
            version: unresolved.reference.version,
        }
    }
}

/// A path that could not be listed or read while collecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlisted {
    /// The path.
    pub path: Vec<u8>,
    /// Why.
    pub errno: Errno,
}

/// What a directory walk found.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// Libraries, sorted, one path a file.
    pub paths: Vec<Vec<u8>>,
    /// What could not be looked at.
    pub unlisted: Vec<Unlisted>,
    /// Files seen.
    pub files: usize,
}

/// Bytes looked at to tell what a file is.
const HEAD: usize = 4096;

/// Collects the libraries below `dirs` (by content, links not followed).
pub fn collect<'h>(host: &dyn Host<'h>, dirs: &[Vec<u8>], wanted: Wanted) -> Collected {
    let mut out = Collected::default();
    let mut wave: Vec<Vec<u8>> = dirs.to_vec();
    let mut files: Vec<Vec<u8>> = Vec::new();
    while !wave.is_empty() {
        let listed: Vec<_> = wave.par_iter().map(|d| (d, host.list(d))).collect();
        let mut next = Vec::new();
        for (dir, entries) in listed {
            match entries {
                Err(Errno::ENOTDIR) => files.push(dir.clone()),
                Err(errno) => out.unlisted.push(Unlisted { path: dir.clone(), errno }),
                Ok(entries) => {
                    for e in entries {
                        let mut path = dir.clone();
                        if !path.ends_with(b"/") {
                            path.push(b'/');
                        }
                        path.extend_from_slice(&e.name);
                        match e.kind {
                            EntryKind::Dir => next.push(path),
                            EntryKind::File => files.push(path),
                            EntryKind::Link | EntryKind::Other => {}
                        }
                    }
                }
            }
        }
        wave = next;
    }
    for operand in dirs {
        // Below a directory a pipe or device is no library; named, it deserves an answer.
        if host.stat(operand).is_ok_and(|s| !matches!(s.kind, Kind::File | Kind::Dir)) {
            out.unlisted.push(Unlisted { path: operand.clone(), errno: Errno::ENXIO });
        }
    }
    files.sort_unstable();
    out.files = files.len();
    let kept: Vec<_> = files.par_iter().map(|p| (p, wanted_file(host, p, wanted))).collect();
    let mut seen = std::collections::HashSet::new();
    for (path, answer) in kept {
        match answer {
            Ok(Some(identity)) if seen.insert(identity) => out.paths.push(path.clone()),
            Ok(_) => {}
            Err(errno) => out.unlisted.push(Unlisted { path: path.clone(), errno }),
        }
    }
    out
}

/// Identity of a file that is to be judged.
fn wanted_file<'h>(host: &dyn Host<'h>, path: &[u8], wanted: Wanted) -> Result<Option<(u64, u64)>, Errno> {
    let (stat, head) = host.head(path, HEAD)?;
    if stat.kind != Kind::File {
        return Ok(None);
    }
    let identity = Some((stat.dev, stat.ino));
    let whole = || match host.open(path) {
        Ok(super::host::Opened::File(_, bytes)) => Some(bytes),
        _ => None,
    };
    if is_debug_file(path) {
        return Ok(None);
    }
    match header::kind_of(&head, stat.size, whole) {
        header::FileKind::Library => Ok(identity),
        header::FileKind::Program if wanted.executables => Ok(identity),
        header::FileKind::Program | header::FileKind::OtherElf => Ok(None),
        header::FileKind::NotElf if target::is_macho(&head) => {
            Ok(identity.filter(|_| target::is_macho_library(&head, whole)))
        }
        // A versioned name is one a loader opens: an empty or garbled file there is a broken library.
        header::FileKind::NotElf => Ok(identity.filter(|_| has_versioned_name(path))),
    }
}

/// Separate debug information: never loaded, and its segments are not in the file.
fn is_debug_file(path: &[u8]) -> bool {
    path.ends_with(b".debug") || path.windows(15).any(|w| w == b"/usr/lib/debug/")
}

/// `libfoo.so.1`, `libfoo.so.1.2.3`.
fn has_versioned_name(path: &[u8]) -> bool {
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
    let Some(at) = name.windows(4).rposition(|w| w == b".so.") else { return false };
    let version = name.get(at + 4..).unwrap_or_default();
    !version.is_empty() && version.iter().all(|b| b.is_ascii_digit() || *b == b'.')
}

/// Judges every path by the loader it is made for, then sorts those that fail. The result has the order of the input.
///
/// `done` is called once a library, from any thread and in any order: for one that does not fail as soon as it is
/// judged; for a failing one in the second pass, when its class is known, after all are judged.
pub fn run(
    loaders: &Loaders<'_, '_>,
    paths: &[Vec<u8>],
    plan: impl Into<Plan>,
    done: &(dyn Fn(&Library) + Sync),
) -> Vec<Library> {
    let plan = plan.into();
    let objects = limits::share_of(paths.len());
    // What is known of bindings under one loader is wrong under the other.
    let memos = [Memo::new(), Memo::new()];
    let mut judged: Vec<(Assigned<'_, '_, '_>, Library)> = paths
        .par_iter()
        .map(|path| {
            let (assigned, library) = match at_level_1(loaders, path, plan) {
                Some(judged) => judged,
                None => {
                    let assigned = loaders.assign(path);
                    let [main, other] = &memos;
                    let memo = if assigned.room.other { other } else { main };
                    let judge = || judge(assigned, path, plan, Some(memo), objects);
                    (assigned, guarded(assigned.room, path, judge))
                }
            };
            if !fails(&library) || assigned.macos.is_some() {
                done(&library);
            }
            (assigned, library)
        })
        .collect();
    let timings = loaders.main().disk.timings();
    timings.inspect(|t| memos.iter().for_each(|memo| memo.tell(t)));
    loaders.main().disk.forget_all();
    let classifiers = Classifiers { objects, main: OnceLock::new(), other: OnceLock::new() };
    // Programs have their class already: nothing is their host.
    let mut failing: Vec<&mut (Assigned<'_, '_, '_>, Library)> =
        judged.iter_mut().filter(|(_, l)| fails(l) && l.class.is_none()).collect();
    failing.par_iter_mut().for_each(|(assigned, library)| {
        // A class lost to a fault of ours is not worth the run.
        let sort = || sort(classifiers.of(assigned.room), *assigned, library);
        let sorted = catch_unwind(AssertUnwindSafe(|| timings::time(timings, Phase::Classes, sort)));
        if sorted.is_err() || library.class.is_none() {
            library.class.get_or_insert(Class::Broken);
        }
        done(library);
    });
    judged.into_iter().map(|(_, library)| library).collect()
}

/// One classifier a loader, made when the first library of it fails.
struct Classifiers<'l, 'h> {
    objects: usize,
    main: OnceLock<Classifier<'l, 'h>>,
    other: OnceLock<Classifier<'l, 'h>>,
}

impl<'l, 'h> Classifiers<'l, 'h> {
    fn of(&self, room: Room<'l, 'l, 'h>) -> &Classifier<'l, 'h> {
        let cell = if room.other { &self.other } else { &self.main };
        cell.get_or_init(|| Classifier::new(room.disk, room.process, self.objects))
    }
}

/// `f` of every item, on all threads, in the order of the input: for work of other rooms that is not a judgement.
pub fn parallel<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    items.par_iter().map(&f).collect()
}

/// Whether `f` holds of every item, on all threads; it is not asked further once it does not.
pub fn all<T: Sync>(items: &[T], f: impl Fn(&T) -> bool + Sync) -> bool {
    items.par_iter().all(&f)
}

/// Judges one path, and sorts it if it fails.
pub fn one(loaders: &Loaders<'_, '_>, path: &[u8], plan: impl Into<Plan>) -> Library {
    let assigned = loaders.assign(path);
    let objects = limits::LINK_MAP_NODES;
    let mut library = judge(assigned, path, plan.into(), None, objects);
    if assigned.macos.is_some() {
        return library;
    }
    sort(&Classifier::new(assigned.room.disk, assigned.room.process, objects), assigned, &mut library);
    library
}

fn fails(library: &Library) -> bool {
    matches!(library.judgement.verdict, Verdict::Fails { .. })
}

fn sort(classifier: &Classifier<'_, '_>, assigned: Assigned<'_, '_, '_>, library: &mut Library) {
    library.because = match assigned.foreign {
        Some(made_for) if fails(library) => Some(Because::OtherTarget(made_for)),
        _ => classifier.classify(&library.path, &library.judgement, &library.missing),
    };
    library.class = library.because.as_ref().map(Because::class);
}

/// A fault of our own costs one verdict, never the run.
fn guarded(room: Room<'_, '_, '_>, path: &[u8], judge: impl FnOnce() -> Library) -> Library {
    catch_unwind(AssertUnwindSafe(judge)).unwrap_or_else(|_| {
        let finding =
            Finding::Undecidable { object: path.to_vec(), structure: Structure::Header, fault: None };
        let judgement = Judgement { verdict: Verdict::Undecided, findings: vec![finding], level_reached: 0 };
        let init = Some(InitSummary { unknown: true, ..InitSummary::default() });
        Library { init, ..library(room, path, judgement) }
    })
}

fn library(room: Room<'_, '_, '_>, path: &[u8], judgement: Judgement) -> Library {
    let loader = Arc::clone(room.name);
    Library {
        path: path.to_vec(),
        judgement,
        class: None,
        missing: Vec::new(),
        because: None,
        loader,
        init: None,
    }
}

/// A program as the kernel and the loader start it.
pub fn start(loaders: &Loaders<'_, '_>, path: &[u8]) -> Library {
    started(loaders.assign(path).room, path)
}

fn started(room: Room<'_, '_, '_>, path: &[u8]) -> Library {
    let start = call::program(room.disk, &room.disk.absolute(path));
    let unresolved = start.judged.unresolved;
    let missing = match &start.map {
        Some(map) => unresolved.into_iter().map(|u| MissingSymbol::of(map, u)).collect(),
        None => Vec::new(),
    };
    let judgement = start.judged.judgement;
    let foreign = matches!(
        judgement.findings.first(),
        Some(Finding::File { defect: Defect::WrongMachine(_) | Defect::WrongClass(_), .. })
    );
    let class = matches!(judgement.verdict, Verdict::Fails { .. }).then_some(if foreign {
        Class::Foreign
    } else {
        Class::Broken
    });
    Library { class, missing, ..library(room, path, judgement) }
}

/// A library that passes Level 1, if nothing more is asked. The main loader judges by what stands in every header.
fn at_level_1<'l, 'a, 'h>(
    loaders: &'l Loaders<'a, 'h>,
    path: &[u8],
    plan: Plan,
) -> Option<(Assigned<'l, 'a, 'h>, Library)> {
    let assigned = loaders.by_header().filter(|_| plan.level == Level::One)?;
    let judgement = level_1::judge(assigned.room.disk, path, plan.programs)?;
    Some((assigned, library(assigned.room, path, judgement)))
}

/// Verdict and findings, without a class; the link map has at most `objects` objects.
fn judge(
    assigned: Assigned<'_, '_, '_>,
    path: &[u8],
    plan: Plan,
    memo: Option<&Memo>,
    objects: usize,
) -> Library {
    if let Some(macos) = assigned.macos {
        return on_macos(macos, path, plan);
    }
    let Room { disk, process, .. } = assigned.room;
    if plan.programs && disk.is_program(path) {
        return started(assigned.room, path);
    }
    // The path goes to dlopen as an absolute one, so that it is never searched for.
    let asked = disk.absolute(path);
    let timings = disk.timings();
    let map = timings::time(timings, Phase::Maps, || call::map_within(disk, process, &asked, &[], objects));
    let (mut judgement, unresolved) = match plan.level {
        Level::One => (call::level_1(disk, &map), Vec::new()),
        Level::Two => {
            let judge = || call::judge(disk, &map, process, memo, plan.mode);
            let judged = timings::time(timings, Phase::Checks, judge);
            (judged.judgement, judged.unresolved)
        }
    };
    let missing = unresolved.into_iter().map(|u| MissingSymbol::of(&map, u)).collect();
    if let Some(image) = map.node(map.root).filter(|n| !n.before).and_then(|n| n.image.as_ref()) {
        disk.forget(image);
    }
    checks::advice::notes(disk, &map, &mut judgement);
    if let Some(made_for) = assigned.foreign {
        // Next to what decides: it is the reason behind it.
        let at = judgement.findings.len().min(1);
        judgement.findings.insert(at, Finding::OtherTarget { made_for, loader: disk.model().kind() });
    }
    let init = Some(checks::deaths::constructors_of(&map));
    Library { missing, init, ..library(assigned.room, path, judgement) }
}

/// A Mach-O file as dyld loads it; its class comes with the verdict.
fn on_macos(macos: &dyld::Room<'_, '_>, path: &[u8], plan: Plan) -> Library {
    let depth = dyld::Depth { file_only: plan.level == Level::One, lazy: plan.mode == Mode::Lazy };
    let judged = dyld::judge(&macos.files, path, depth);
    Library {
        path: path.to_vec(),
        class: judged.because.as_ref().map(Because::class),
        judgement: judged.judgement,
        missing: judged.missing,
        because: judged.because,
        // Only a Mac could load it to see.
        init: cfg!(target_os = "macos").then_some(judged.init),
        loader: Arc::clone(&macos.name),
    }
}

/// How often each cause breaks a library, largest first.
pub fn root_causes<'l>(libraries: impl IntoIterator<Item = &'l Library>) -> Vec<RootCause> {
    let mut table: HashMap<(&'static str, Vec<u8>), RootCause> = HashMap::new();
    for l in libraries {
        if !matches!(l.judgement.verdict, Verdict::Fails { .. }) {
            continue;
        }
        let Some(first) = l.judgement.findings.first() else { continue };
        // Who has to act says more than which of a hundred symbols is missed first.
        let shared = l.because.as_ref().and_then(because::subject);
        let (code, subject) = shared.unwrap_or_else(|| behind(first));
        let row = table.entry((code, subject.clone())).or_insert_with(|| RootCause {
            code,
            subject,
            class: l.class.unwrap_or(Class::Broken),
            libraries: Vec::new(),
        });
        row.libraries.push(l.path.clone());
    }
    let mut rows: Vec<_> = table.into_values().collect();
    rows.sort_by(|a, b| {
        b.libraries
            .len()
            .cmp(&a.libraries.len())
            .then_with(|| (a.code, &a.subject).cmp(&(b.code, &b.subject)))
    });
    rows
}

/// The code and subject behind a finding: a need that leads to a defective file fails for that file's defect.
fn behind(f: &Finding) -> (&'static str, Vec<u8>) {
    match f {
        Finding::NeededNotFound { reason: MissReason::Refused { path, defect }, .. } => {
            let own = Finding::File { object: path.clone(), defect: defect.clone() };
            (own.code(), path.clone())
        }
        _ => (f.code(), subject(f)),
    }
}

/// One cause that several libraries share.
#[derive(Clone, Debug)]
pub struct RootCause {
    /// Code of the finding.
    pub code: &'static str,
    /// What is missing or wrong: a library name, a symbol, a file.
    pub subject: Vec<u8>,
    /// Class of the first library.
    pub class: Class,
    /// Whom it breaks.
    pub libraries: Vec<Vec<u8>>,
}

/// What a finding is about, so that equal causes meet.
pub fn subject(f: &Finding) -> Vec<u8> {
    match f {
        Finding::NeededNotFound { name, .. } => name.clone(),
        Finding::VersionNotFound { provider, version, .. } => [provider.as_slice(), b" ", version].concat(),
        Finding::VersionFileNotLoaded { file, .. } => file.clone(),
        Finding::SymbolNotFound { reference, .. } | Finding::SymbolNotInVersionFile { reference, .. } => {
            reference.name.clone()
        }
        Finding::File { object, .. }
        | Finding::Relocation { object, .. }
        | Finding::VersionRevision { object, .. }
        | Finding::RelrWithoutVersion { object }
        | Finding::Unchecked { object, .. }
        | Finding::IsaLevel { object, .. }
        | Finding::Undecidable { object, .. }
        | Finding::BeyondEnd { object, .. }
        | Finding::Unload { object, .. }
        | Finding::WorkingDirectory { object, .. } => object.clone(),
        Finding::StaticTls { owner, .. }
        | Finding::TlsWithoutSegment { owner, .. }
        | Finding::InitialExecTls { owner, .. } => owner.clone(),
        Finding::IfuncOrder { provider, .. } => provider.clone(),
        Finding::InterpreterNotFound { interpreter } => interpreter.clone(),
        Finding::FilteeMissing { name } => name.clone(),
        Finding::CannotOpen { .. }
        | Finding::NotAFile { .. }
        | Finding::ChangedWhileReading
        | Finding::OtherTarget { .. }
        | Finding::OptionalMissing { .. } => Vec::new(),
        Finding::Dyld(f) => f.subject(),
    }
}
