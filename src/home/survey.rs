//! A home judged: what to look at in each tree, the verdicts with and without the wrapper's environment, and where they differ.
//! It must never change a verdict of the analyzer; it only says which of two counts.
//! What counts is how tsuku runs a file: libraries behind a wrapper that names every `libs/*/lib`, tools as they are started.

use std::ops::Range;

use super::files::{self, Entry, Listing, What, base, has_library_name, parent};
use super::finding::HomeFinding;
use super::integrity::{self, Integrity, Recorded};
use super::layout::resolved;
use super::mend::Mend;
use super::providers::{self, Index};
use super::targets::{Home, Record, Room, Tree};
use crate::analyzer::audit::{self, Level, Library};
use crate::analyzer::disk::{Disk, Opening};
use crate::analyzer::finding::{Finding, Severity};
use crate::analyzer::host::Host;
use crate::analyzer::image::elf::Image;
use crate::analyzer::link_map::MissReason;
use crate::analyzer::loaders::Loaders;
use crate::analyzer::verdict::{Class, Verdict};

/// An environment that files of a home are judged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// As asked for, without anything of the home.
    Plain,
    /// LD_LIBRARY_PATH names every library directory of the home.
    Wrapper,
}

/// One file judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Path inside the tree.
    pub rel: Vec<u8>,
    /// The whole path.
    pub path: Vec<u8>,
    /// It is started, not loaded.
    pub program: bool,
    /// The wrapper's environment is its own.
    pub wrapped: bool,
    /// The verdict without.
    pub plain: Option<Library>,
    /// The verdict with the wrapper's environment.
    pub wrapper: Option<Library>,
    /// What would mend it, if it fails.
    pub mend: Option<Mend>,
}

impl Judged {
    /// The verdict that counts.
    pub fn counting(&self) -> Option<&Library> {
        let (first, second) =
            if self.wrapped { (&self.wrapper, &self.plain) } else { (&self.plain, &self.wrapper) };
        first.as_ref().or(second.as_ref())
    }

    /// That verdict, if it is the one of `surroundings`.
    pub fn counting_in(&self, surroundings: Surroundings) -> Option<&Library> {
        let own = if self.wrapped && self.wrapper.is_some() || self.plain.is_none() {
            Surroundings::Wrapper
        } else {
            Surroundings::Plain
        };
        self.counting().filter(|_| own == surroundings)
    }

    /// Somebody has to mend it. What only lacks its host program is nobody's fault, unless all is asked for.
    pub fn is_broken(&self, strict: bool) -> bool {
        self.counting().is_some_and(|l| {
            matches!(l.judgement.verdict, Verdict::Fails { .. })
                && (strict || l.class != Some(Class::NeedsHost))
        })
    }
}

/// One tree judged.
#[derive(Clone, Debug)]
pub struct TreeReport {
    /// The tree.
    pub tree: Tree,
    /// Its files.
    pub listing: Listing,
    /// The files that were judged.
    pub judged: Vec<Judged>,
    /// The comparison with what was recorded, if it was asked for.
    pub integrity: Option<Integrity>,
    /// What else there is to say.
    pub findings: Vec<HomeFinding>,
    /// What would mend it.
    pub mends: Vec<Mend>,
}

/// How a tree is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Everything loads.
    Ok,
    /// There is nothing to load.
    NoLibraries,
    /// Worth a look.
    Warned,
    /// Some verdict depends on what files do not tell.
    Undecided,
    /// It is not there.
    Missing,
    /// Files are not as they were installed.
    Changed,
    /// Something does not load.
    Broken,
}

impl Status {
    /// As reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::NoLibraries => "no-libraries",
            Status::Warned => "warning",
            Status::Undecided => "undecided",
            Status::Missing => "missing",
            Status::Changed => "changed",
            Status::Broken => "broken",
        }
    }

    /// The run fails for it.
    pub fn is_failure(self) -> bool {
        self >= Status::Missing
    }
}

impl TreeReport {
    /// All findings about the home's side of it.
    pub fn all_findings(&self) -> impl Iterator<Item = &HomeFinding> {
        let compared = match &self.integrity {
            Some(Integrity::Compared { findings, .. }) => findings.as_slice(),
            _ => &[],
        };
        self.findings.iter().chain(compared)
    }

    /// How it is.
    pub fn status(&self, strict: bool) -> Status {
        let errors = || self.all_findings().filter(|f| f.severity() == Severity::Error);
        let undecided = |j: &Judged| j.counting().is_some_and(|l| l.judgement.verdict == Verdict::Undecided);
        if !self.tree.present {
            return if self.tree.room == Room::Library { Status::Missing } else { Status::Warned };
        }
        let loading = |f: &HomeFinding| !f.is_integrity();
        match () {
            () if self.judged.iter().any(|j| j.is_broken(strict)) || errors().any(loading) => Status::Broken,
            () if errors().next().is_some() => Status::Changed,
            () if self.judged.iter().any(undecided) => Status::Undecided,
            () if self.all_findings().any(|f| f.severity() == Severity::Warning) => Status::Warned,
            () if self.judged.is_empty() => Status::NoLibraries,
            () => Status::Ok,
        }
    }
}

/// A whole home, or the chosen part of it.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The home.
    pub home: Home,
    /// The chosen trees.
    pub trees: Vec<TreeReport>,
    /// Files of the other trees, in which what is missing may be.
    pub others: Vec<(Tree, Listing)>,
}

impl Survey {
    /// Lists the files of all trees; those of `chosen` will be judged.
    pub fn new<'h>(host: &dyn Host<'h>, home: Home, chosen: &[usize]) -> Survey {
        let listings = audit::parallel(&home.trees, |t| match t.present {
            true => files::list(host, &t.path),
            false => Listing::default(),
        });
        let mut survey = Survey { home, trees: Vec::new(), others: Vec::new() };
        for (ix, (tree, listing)) in survey.home.trees.iter().zip(listings).enumerate() {
            if !chosen.contains(&ix) {
                survey.others.push((tree.clone(), listing));
                continue;
            }
            let judged = listing.entries.iter().filter_map(|e| to_judge(host, tree, e)).collect();
            survey.trees.push(TreeReport {
                tree: tree.clone(),
                listing,
                judged,
                integrity: None,
                findings: Vec::new(),
                mends: Vec::new(),
            });
        }
        survey
    }

    /// Files to judge.
    pub fn len(&self) -> usize {
        self.trees.iter().map(|t| t.judged.len()).sum()
    }

    /// There is nothing to judge.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Judges the files of `trees` as their loader would in `surroundings`, which are those of the loaders' models.
    pub fn judge(
        &mut self,
        trees: Range<usize>,
        loaders: &Loaders<'_, '_>,
        level: Level,
        surroundings: Surroundings,
        done: &(dyn Fn(&Library) + Sync),
    ) {
        let chosen = self.trees.get_mut(trees).unwrap_or_default();
        let paths = |programs: bool| -> Vec<Vec<u8>> {
            let all = chosen.iter().flat_map(|t| &t.judged);
            all.filter(|j| j.program == programs).map(|j| j.path.clone()).collect()
        };
        let mut libraries = audit::run(loaders, &paths(false), level, done).into_iter();
        let mut programs = audit::parallel(&paths(true), |path| {
            let started = audit::start(loaders, path);
            done(&started);
            started
        })
        .into_iter();
        for j in chosen.iter_mut().flat_map(|t| &mut t.judged) {
            let verdict = if j.program { programs.next() } else { libraries.next() };
            match surroundings {
                Surroundings::Plain => j.plain = verdict,
                Surroundings::Wrapper => j.wrapper = verdict,
            }
        }
    }

    /// Everything that follows from files and verdicts of `trees`. To be called when their verdicts are there.
    pub fn conclude<'h>(
        &mut self,
        trees: Range<usize>,
        host: &dyn Host<'h>,
        disk: &Disk<'_, 'h>,
        index: &Index,
        with_integrity: bool,
    ) {
        let home = self.home.real.clone();
        let chosen = self.trees.get_mut(trees).unwrap_or_default();
        let told = audit::parallel(chosen, |report| {
            let compare = with_integrity && report.tree.present;
            (findings(host, disk, &home, report), compare.then(|| compared(host, disk, report)))
        });
        for (report, (findings, integrity)) in chosen.iter_mut().zip(told) {
            report.findings = findings;
            report.integrity = integrity;
        }
        let mends = audit::parallel(chosen, |report| {
            let of_file = |j: &Judged| providers::of_file(index, disk, report, j);
            let files: Vec<Option<Mend>> = report.judged.iter().map(of_file).collect();
            (providers::of_tree(index, report), files)
        });
        for (report, (tree, files)) in chosen.iter_mut().zip(mends) {
            report.mends = tree.into_iter().chain(files.iter().flatten().cloned()).collect();
            report.mends.sort();
            report.mends.dedup();
            for (judged, mend) in report.judged.iter_mut().zip(files) {
                judged.mend = mend;
            }
        }
    }
}

/// A link into another directory is opened with another `$ORIGIN` than its target: it has its own verdict.
fn to_judge<'h>(host: &dyn Host<'h>, tree: &Tree, e: &Entry) -> Option<Judged> {
    let program = match &e.what {
        What::Library => false,
        What::Program => true,
        What::Link { leads: Some(leads), .. } if has_library_name(&e.rel) => {
            let own = resolved(host, parent(&e.path))?;
            if own == parent(leads) {
                return None;
            }
            false
        }
        _ => return None,
    };
    let wrapped = tree.room == Room::Library || tree.wrapped;
    Some(Judged {
        rel: e.rel.clone(),
        path: e.path.clone(),
        program,
        wrapped,
        plain: None,
        wrapper: None,
        mend: None,
    })
}

/// DT_SONAME of a file.
pub(super) fn soname(disk: &Disk<'_, '_>, path: &[u8]) -> Option<Vec<u8>> {
    let Opening::Image(image) = disk.open(path) else { return None };
    let Image::Mapped(facts) = &image.image else { return None };
    facts.soname.as_ref()?.as_ref().ok().map(|name| name.to_vec())
}

fn compared<'h>(host: &dyn Host<'h>, disk: &Disk<'_, 'h>, report: &TreeReport) -> Integrity {
    let soname = |path: &[u8]| soname(disk, path);
    let tree = &report.tree;
    let recorded = match &tree.record {
        Record::Library(library) => library.checksums.as_ref().map(|sums| Recorded {
            checksums: sums,
            sonames: &library.sonames,
            whole: true,
        }),
        Record::Tool(tool) => (!tool.checksums.is_empty()).then_some(Recorded {
            checksums: &tool.checksums,
            sonames: &[],
            whole: false,
        }),
        Record::None => None,
    };
    match recorded {
        Some(recorded) => integrity::compare(host, &tree.path, recorded, &report.listing, &soname),
        None => Integrity::NotRecorded,
    }
}

/// What is to be said about a tree without its sums.
fn findings<'h>(
    host: &dyn Host<'h>,
    disk: &Disk<'_, 'h>,
    home: &[u8],
    report: &TreeReport,
) -> Vec<HomeFinding> {
    let tree = &report.tree;
    let mut out = Vec::new();
    if !tree.present {
        out.push(HomeFinding::GhostEntry { path: tree.path.clone(), tool: tree.room == Room::Tool });
        return out;
    }
    if !tree.is_tracked() {
        out.push(HomeFinding::UntrackedTree { path: tree.path.clone() });
    }
    if let Some(leads) = resolved(host, &tree.path).filter(|leads| !integrity::is_below(leads, home)) {
        out.push(HomeFinding::TreeElsewhere { path: tree.path.clone(), leads });
    }
    if report.listing.entries.is_empty() && report.listing.unlisted.is_empty() {
        out.push(HomeFinding::EmptyTree { path: tree.path.clone() });
    }
    if matches!(&tree.record, Record::Library(l) if l.checksums.is_none()) {
        out.push(HomeFinding::NotRecorded { path: tree.path.clone() });
    }
    for (path, errno) in &report.listing.unlisted {
        out.push(HomeFinding::Unlisted { path: path.clone(), errno: errno.text() });
    }
    for e in &report.listing.entries {
        let path = e.path.clone();
        match &e.what {
            What::Link { round: true, .. } => out.push(HomeFinding::LinkLoop { path }),
            What::Link { leads: None, target, .. } => {
                out.push(HomeFinding::LinkDangling { path, target: target.clone() });
            }
            What::LinkerScript => out.push(HomeFinding::LinkerScript { path }),
            What::Special => out.push(HomeFinding::NotAFile { path }),
            _ => {}
        }
    }
    out.extend(missing_links(host, disk, report));
    // A tool with a wrapper is meant to need it.
    let expected =
        |f: &HomeFinding| tree.room == Room::Tool && matches!(f, HomeFinding::LoadsOnlyUnderWrapper { .. });
    out.extend(report.judged.iter().filter_map(difference).filter(|f| !expected(f)));
    out
}

/// Files of `lib/` whose own name for the loader is that of no entry beside them.
fn missing_links<'h>(host: &dyn Host<'h>, disk: &Disk<'_, 'h>, report: &TreeReport) -> Vec<HomeFinding> {
    let Record::Library(recorded) = &report.tree.record else { return Vec::new() };
    let mut out = Vec::new();
    for e in report.listing.entries.iter().filter(|e| e.what == What::Library && parent(&e.rel) == b"lib") {
        let Some(soname) = soname(disk, &e.path) else { continue };
        let is_recorded = recorded.sonames.iter().any(|s| s.as_bytes() == soname);
        let link = [parent(&e.path), b"/", &soname].concat();
        if is_recorded && base(&e.rel) != soname && !soname.contains(&b'/') && host.stat(&link).is_err() {
            out.push(HomeFinding::SonameLinkMissing { file: e.path.clone(), soname });
        }
    }
    out
}

/// Where the two environments disagree about a file that runs in the wrapper's.
fn difference(j: &Judged) -> Option<HomeFinding> {
    if !j.wrapped {
        return None;
    }
    let (plain, wrapper) = (j.plain.as_ref()?, j.wrapper.as_ref()?);
    let said = |l: &Library| match &l.judgement.verdict {
        Verdict::Fails { message, .. } => message.clone().unwrap_or_else(|| b"the loader dies".to_vec()),
        Verdict::Loads | Verdict::Undecided => Vec::new(),
    };
    match (&plain.judgement.verdict, &wrapper.judgement.verdict) {
        (Verdict::Loads, Verdict::Fails { .. }) => Some(HomeFinding::FailsUnderWrapper {
            path: j.path.clone(),
            message: said(wrapper),
            culprit: wrapper.judgement.findings.first().and_then(|f| culprit(f, &j.path)),
        }),
        (Verdict::Fails { .. }, Verdict::Loads) => {
            Some(HomeFinding::LoadsOnlyUnderWrapper { path: j.path.clone(), message: said(plain) })
        }
        _ => None,
    }
}

/// The file that another one fails for.
fn culprit(f: &Finding, own: &[u8]) -> Option<Vec<u8>> {
    let file = match f {
        Finding::File { object, .. } | Finding::Relocation { object, .. } => object,
        Finding::VersionNotFound { provider, .. } => provider,
        Finding::NeededNotFound { reason: MissReason::Refused { path, .. }, .. } => path,
        Finding::SymbolNotFound { object, .. } => object,
        _ => return None,
    };
    (file != own).then(|| file.clone())
}
