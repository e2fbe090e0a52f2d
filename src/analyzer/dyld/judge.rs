//! The verdict of dyld on one `dlopen`: what was loaded, bound and doubted, put into findings and one answer.
//! It must never search or look up; the first thing that is certain decides, doubts only where nothing is.
//! Follows the order of DyldAPIs.cpp: dlopen_from.

use super::bind::{self, Bound, Expected, Fault};
use super::files::Files;
use super::finding::DyldFinding;
use super::graph::{self, Body, Doubt, Graph, Ix, Node, Target};
use super::mapping;
use super::refusal::{Kind, Tried};
use super::release::RELEASES;
use super::system::Presence;
use crate::analyzer::audit::MissingSymbol;
use crate::analyzer::classify::{Because, NeedsHost, host_of_symbol};
use crate::analyzer::defect::Structure;
use crate::analyzer::finding::Finding;
use crate::analyzer::model::{Death, Signal};
use crate::analyzer::verdict::{InitSummary, Judgement, Verdict};

/// The answer with all that is known beside it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Verdict and findings.
    pub judgement: Judgement,
    /// Symbols that are certainly missing.
    pub missing: Vec<MissingSymbol>,
    /// Who has to act; none if it does not fail.
    pub because: Option<Because>,
    /// Code that runs while it is loaded.
    pub init: InitSummary,
}

/// How deep, and how lazily.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// The file alone.
    pub file_only: bool,
    /// RTLD_LAZY instead of RTLD_NOW.
    pub lazy: bool,
}

/// Most unverified symbols that are listed.
const LISTED: usize = 50;

/// Judges `dlopen(path)`.
pub fn judge(files: &Files<'_, '_>, path: &[u8], depth: Depth) -> Judged {
    let asked = files.absolute(path);
    let graph = graph::open(files, &asked);
    let bound = if graph.failure.is_some() || graph.killed_by.is_some() || depth.file_only {
        Bound::default()
    } else {
        bind::all(files, &graph, depth.lazy, &|name| host_of_symbol(name).is_some())
    };
    let judged = Answer { files, graph: &graph, bound: &bound, asked: &asked, depth }.put();
    for node in graph.nodes.iter().skip(graph.before) {
        if let Body::File(file) = &node.body {
            files.forget(file);
        }
    }
    judged
}

struct Answer<'j, 'a, 'h> {
    files: &'j Files<'a, 'h>,
    graph: &'j Graph<'h>,
    bound: &'j Bound,
    asked: &'j [u8],
    depth: Depth,
}

impl Answer<'_, '_, '_> {
    fn put(self) -> Judged {
        let mut findings = Vec::new();
        let verdict = self.verdict(&mut findings);
        let failed = matches!(verdict, Verdict::Fails { .. });
        if !self.depth.file_only {
            self.doubts(&mut findings);
        }
        let undecided = !failed && self.is_doubtful(&findings);
        self.advice(&mut findings);
        let level_one = findings.iter().all(|f| !matches!(f, DyldFinding::Refused { .. }));
        let level_reached = match (failed || undecided, level_one) {
            (false, _) if self.depth.file_only => 1,
            (false, _) => 2,
            (true, level_one) => u8::from(level_one),
        };
        let mut all: Vec<Finding> = findings.into_iter().map(|f| Finding::Dyld(Box::new(f))).collect();
        let unreadable = self.graph.doubts.iter().filter_map(|doubt| match doubt {
            Doubt::Unreadable(path) => Some(path.clone()),
            Doubt::TooMuch => Some(self.asked.to_vec()),
            Doubt::MainProgram { .. } => None,
        });
        all.extend(unreadable.map(|object| Finding::Undecidable {
            object,
            structure: Structure::Header,
            fault: None,
        }));
        let verdict = if undecided { Verdict::Undecided } else { verdict };
        let because = failed.then(|| self.because());
        Judged {
            judgement: Judgement { verdict, findings: all, level_reached },
            missing: self.missing(),
            because,
            init: self.init(),
        }
    }

    fn path_of(&self, ix: Ix) -> Vec<u8> {
        self.graph.nodes.get(ix).map(|n| n.path.clone()).unwrap_or_default()
    }

    /// What is certain, the deciding finding first.
    fn verdict(&self, findings: &mut Vec<DyldFinding>) -> Verdict {
        if let Some(ix) = self.graph.killed_by {
            findings.extend(self.damage(ix));
            return Verdict::Fails { message: None, dies: Some(Death::Signal(Signal::Kill)) };
        }
        if self.graph.root.is_none() {
            if let Some(words) = &self.graph.failure {
                findings.extend(self.refused());
                return self.fails(words);
            }
            return Verdict::Undecided;
        }
        if self.depth.file_only {
            return Verdict::Loads;
        }
        if let Some(words) = &self.graph.failure {
            let misses = self.graph.misses.iter().map(|miss| DyldFinding::LibraryNotLoaded {
                name: miss.name.clone(),
                requester: miss.requester.clone(),
                tried: miss.tried.clone(),
            });
            findings.extend(misses);
            return self.fails(words);
        }
        match (&self.bound.failure, self.bound.dies) {
            (Some((image, fault, words)), _) => {
                findings.push(self.fault(*image, fault));
                self.fails(words)
            }
            (None, Some(image)) => {
                findings.push(DyldFinding::Truncated { image: self.path_of(image) });
                Verdict::Fails { message: None, dies: Some(Death::Signal(Signal::Bus)) }
            }
            (None, None) => Verdict::Loads,
        }
    }

    fn fails(&self, words: &[u8]) -> Verdict {
        let mode = if self.depth.lazy { "0x0005" } else { "0x0006" };
        let message = [b"dlopen(", self.asked, b", ", mode.as_bytes(), b"): ", words].concat();
        Verdict::Fails { message: Some(message), dies: None }
    }

    /// The reason that says most: one about the file rather than about its absence.
    fn refused(&self) -> Option<DyldFinding> {
        let about_file = |t: &&Tried| !matches!(t.refusal.kind, Kind::NoFile | Kind::Errno(_));
        let tried = &self.graph.root_tried;
        let chosen = tried.iter().find(about_file).or(tried.first())?;
        Some(DyldFinding::Refused { path: chosen.path.clone(), refusal: chosen.refusal.clone() })
    }

    fn fault(&self, image: Ix, fault: &Fault) -> DyldFinding {
        let path = self.path_of(image);
        match fault {
            Fault::Missing => {
                let first = self.bound.missing.first();
                DyldFinding::SymbolNotFound {
                    image: path,
                    symbol: first.map(|m| m.symbol.clone()).unwrap_or_default(),
                    expected: first.map_or(Expected::NoLibrary, |m| m.expected.clone()),
                    more: self.bound.missing.len().saturating_sub(1),
                }
            }
            Fault::Malformed(words) => DyldFinding::MalformedTables { image: path, words: words.clone() },
            Fault::Ordinal(ordinal) => DyldFinding::BadOrdinal { image: path, ordinal: *ordinal },
            Fault::ThreadLocals => DyldFinding::ThreadLocals { image: path },
        }
    }

    fn damage(&self, ix: Ix) -> Option<DyldFinding> {
        let node = self.graph.nodes.get(ix)?;
        let damaged = node.slice()?.mapped.as_ref().ok()?.damaged?;
        Some(DyldFinding::SignatureDamaged {
            image: node.path.clone(),
            offset: damaged.offset,
            pages: damaged.pages,
            fatal: damaged.touched,
        })
    }

    /// What only the system, or somebody who knows the process, could tell.
    fn doubts(&self, findings: &mut Vec<DyldFinding>) {
        for doubt in &self.graph.doubts {
            if let Doubt::MainProgram { name, requester } = doubt {
                let (name, requester) = (name.clone(), requester.clone());
                findings.push(DyldFinding::MainProgramUnknown { name, requester });
            }
        }
        for node in self.graph.nodes.iter().skip(self.graph.before) {
            for need in &node.needs {
                let Target::Image(target) = need.target else { continue };
                let Some(system) = self.graph.nodes.get(target) else { continue };
                if matches!(system.body, Body::System(Presence::Assumed)) {
                    findings.push(DyldFinding::LibraryUnverified {
                        library: need.name.clone(),
                        requester: node.path.clone(),
                        weak: need.linkage.weak,
                    });
                }
            }
        }
        if !self.bound.unsure.is_empty() {
            let listed = self.bound.unsure.iter().take(LISTED).map(|u| (u.symbol.clone(), u.library.clone()));
            findings.push(DyldFinding::SymbolsUnverified {
                symbols: listed.collect(),
                count: self.bound.unsure.len(),
            });
        }
        for image in &self.bound.doubtful {
            findings.push(DyldFinding::MalformedTables { image: self.path_of(*image), words: None });
        }
        for ix in self.graph.before..self.graph.nodes.len() {
            let fatal = |f: &DyldFinding| matches!(f, DyldFinding::SignatureDamaged { fatal: true, .. });
            findings.extend(self.damage(ix).filter(|f| !fatal(f)));
        }
    }

    /// Whether the doubts leave the verdict open.
    fn is_doubtful(&self, findings: &[DyldFinding]) -> bool {
        let open = |f: &DyldFinding| match f {
            DyldFinding::MainProgramUnknown { .. }
            | DyldFinding::LibraryUnverified { weak: false, .. }
            | DyldFinding::SymbolsUnverified { .. }
            | DyldFinding::MalformedTables { words: None, .. } => true,
            DyldFinding::SignatureDamaged { image, fatal: false, .. } => self.runs_code(image),
            _ => false,
        };
        findings.iter().any(open) || self.graph.doubts.iter().any(|d| !matches!(d, Doubt::MainProgram { .. }))
    }

    /// Whether loading an image runs code of it, which may lie on a page that kills.
    fn runs_code(&self, path: &[u8]) -> bool {
        self.graph.nodes.iter().any(|n| n.path == path && has_initialisers(n))
    }

    fn init(&self) -> InitSummary {
        let new = || self.graph.nodes.iter().skip(self.graph.before);
        InitSummary {
            with_initialisers: new().filter(|n| has_initialisers(n)).count(),
            with_ifuncs: 0,
            unknown: new().any(|n| matches!(n.body, Body::System(_))),
        }
    }

    /// What decides nothing here.
    fn advice(&self, findings: &mut Vec<DyldFinding>) {
        if self.bound.assumed > 0 {
            findings.push(DyldFinding::SystemAssumed {
                libraries: self.bound.assumed_in.clone(),
                symbols: self.bound.assumed,
            });
        }
        let model = self.files.model();
        let root = self.graph.root.and_then(|ix| self.graph.nodes.get(ix));
        let (Some(node), Some(facts)) = (root, root.and_then(Node::facts)) else { return };
        let Body::File(file) = &node.body else { return };
        let later = RELEASES.iter().filter(|r| r.since > model.release.since);
        let refused = later
            .into_iter()
            .find_map(|r| mapping::objection(facts, file.stat.size, r).map(|w| (r.since, w)));
        if let Some((macos, words)) = refused {
            findings.push(DyldFinding::RefusedLater { macos, words });
        }
        let built = facts.effective_platforms().into_iter().map(|p| p.minos).max();
        if let Some(built_for) =
            built.filter(|b| graph::newer(facts, model.macos).is_some() && *b > model.macos)
        {
            findings.push(DyldFinding::BuiltForNewer { built_for, macos: model.macos });
        }
    }

    fn missing(&self) -> Vec<MissingSymbol> {
        let of = |m: &bind::Missing| MissingSymbol {
            object: self.path_of(m.image),
            name: m.symbol.clone(),
            version: None,
        };
        self.bound.missing.iter().map(of).collect()
    }

    /// Who has to act.
    fn because(&self) -> Because {
        let refusal = self.refused();
        if let Some(DyldFinding::Refused { refusal, .. }) = &refusal {
            match &refusal.kind {
                Kind::Arch { have } => return Because::OtherMachO(have.clone()),
                Kind::Platform { have } => return Because::OtherMachO((*have).to_owned()),
                _ => {}
            }
        }
        let nothing = Because::Nothing { tried: Vec::new() };
        if !matches!(self.bound.failure, Some((_, Fault::Missing, _))) {
            return nothing;
        }
        let hosts = self.bound.missing.iter().map(|m| {
            let program = m.expected == Expected::MainProgram;
            host_of_symbol(&m.symbol).map(str::to_owned).or(program.then(|| "a program".to_owned()))
        });
        let Some(hosts) = hosts.collect::<Option<Vec<String>>>() else { return nothing };
        // The host most of the names speak for.
        let votes = |name: &str| hosts.iter().filter(|h| *h == name).count();
        let Some(host) = hosts.iter().max_by_key(|h| (votes(h), std::cmp::Reverse((*h).clone()))) else {
            return nothing;
        };
        Because::NeedsHost(NeedsHost {
            host: host.clone(),
            program: self.files.model().executable.clone(),
            proved: false,
            after: Vec::new(),
            libraries: Vec::new(),
            symbols: hosts.len(),
        })
    }
}

fn has_initialisers(node: &Node<'_>) -> bool {
    let segments = node.facts().into_iter().flat_map(|f| &f.segments);
    segments.flat_map(|s| &s.sections).any(|s| s.has_initialisers() && s.size != 0)
}
