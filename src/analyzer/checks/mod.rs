//! From a finished link map to a verdict: the loader's steps after mapping, in its order.
//! It must never open a file or search a path. The first failure decides; later ones are collected for people.
//! Follows glibc elf/dl-open.c:dl_open_worker_begin.

pub mod advice;
pub mod deaths;
pub mod fast;
pub mod order;
pub mod relocate;
pub mod versions;

use super::bind::Reference;
use super::defect::{Assertion, Defect, Effect, Structure};
use super::errno::Errno;
use super::finding::Finding;
use super::link_map::{LinkMap, Miss, MissReason, Process};
use super::loader_model::LoaderModel;
use super::memo::Memo;
use super::model::{Death, NodeIx};
use super::provenance::Outcome;
use super::static_tls::StaticTls;
use super::verdict::{Judgement, Verdict};

/// What ends the call, or keeps it from being known.
#[derive(Clone, Debug)]
pub struct Stop {
    /// The loader's sentence, if it gives up with one.
    pub message: Option<Vec<u8>>,
    /// How it dies, if it does.
    pub dies: Option<Death>,
    /// The evidence.
    pub finding: Finding,
}

impl Stop {
    /// `OBJ: TEXT`.
    pub fn says(object: &[u8], text: &str, finding: Finding) -> Stop {
        Stop { message: Some(sentence(object, text, None)), dies: None, finding }
    }

    /// A defect of `object`, in a step where the loader names the object by its path.
    pub fn of(object: &[u8], defect: Defect) -> Stop {
        let finding = Finding::Relocation { object: object.to_vec(), defect: defect.clone() };
        Stop::from_effect(object, &defect, finding)
    }

    /// The loader's reaction to `defect`, with OBJ as given.
    pub fn from_effect(object: &[u8], defect: &Defect, finding: Finding) -> Stop {
        match defect.effect() {
            Effect::Error { text, errno } => {
                Stop { message: Some(sentence(object, &text, errno)), dies: None, finding }
            }
            Effect::Dies(death) => Stop { message: None, dies: Some(death), finding },
            // Skips do not end a call by themselves; what follows from them is the caller's business.
            Effect::Skip { .. } | Effect::Unknown => {
                let (structure, fault) = match defect {
                    Defect::Memory { structure, fault } => (*structure, Some(*fault)),
                    Defect::Code(fault) => (Structure::Resolver, Some(*fault)),
                    _ => (Structure::Segments, None),
                };
                let finding = Finding::Undecidable { object: object.to_vec(), structure, fault };
                Stop { message: None, dies: None, finding }
            }
        }
    }

    /// Whether the outcome is known.
    pub fn is_known(&self) -> bool {
        self.message.is_some() || self.dies.is_some()
    }

    /// What it means for the call, and the evidence.
    pub fn verdict(self) -> (Verdict, Finding) {
        let verdict = match self.is_known() {
            true => Verdict::Fails { message: self.message, dies: self.dies },
            false => Verdict::Undecided,
        };
        (verdict, self.finding)
    }
}

/// `OBJ: TEXT[: STRERROR]`, as `__dlerror` builds it.
pub fn sentence(object: &[u8], text: &str, errno: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(object.len() + text.len() + 32);
    if !object.is_empty() {
        out.extend_from_slice(object);
        out.extend_from_slice(b": ");
    }
    out.extend_from_slice(text.as_bytes());
    if let Some(e) = errno {
        out.extend_from_slice(b": ");
        out.extend_from_slice(e.as_bytes());
    }
    out
}

/// A reference nothing in scope defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The object that refers to it.
    pub object: NodeIx,
    /// The reference.
    pub reference: Reference,
}

/// A judgement with what the classification needs.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Verdict and findings.
    pub judgement: Judgement,
    /// All strong references that nothing in scope defines.
    pub unresolved: Vec<Unresolved>,
    /// The static TLS left after the call.
    pub static_tls: StaticTls,
}

/// How jump slots are bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// RTLD_NOW.
    Now,
    /// RTLD_LAZY, as programs start.
    Lazy,
}

/// Judges one call at Level 2.
pub fn judge(map: &LinkMap<'_>, process: &Process<'_>, model: &LoaderModel) -> Judged {
    judge_mode(map, process, model, None, Mode::Now)
}

/// Judges one call in a binding mode, with what is known of its objects' bindings from other calls. That only serves RTLD_NOW.
pub fn judge_mode(
    map: &LinkMap<'_>,
    process: &Process<'_>,
    model: &LoaderModel,
    memo: Option<&Memo>,
    mode: Mode,
) -> Judged {
    let memo = memo.filter(|_| mode == Mode::Now);
    let mut unresolved = Vec::new();
    let mut static_tls = process.static_tls;
    let mut notes = Vec::new();
    let mut work = relocate::Relocation {
        map,
        process,
        model,
        lazy: mode == Mode::Lazy,
        memo,
        unresolved: &mut unresolved,
        static_tls: &mut static_tls,
        notes: &mut notes,
    };
    let stop = steps(&mut work);
    let mut judgement = judgement(map, stop, &unresolved);
    let findings = &mut judgement.findings;
    findings.extend(map.absent_filtees.iter().map(|m| Finding::FilteeMissing { name: m.name.clone() }));
    findings.extend(notes);
    Judged { judgement, unresolved, static_tls }
}

/// What follows from where the call ends, and the needs behind the first one that are missing too.
pub(crate) fn judgement(map: &LinkMap<'_>, stop: Option<Stop>, unresolved: &[Unresolved]) -> Judgement {
    let level_reached = match (&stop, &map.miss) {
        (None, _) => 2,
        (Some(_), Some(Miss { requester: None, .. })) => 0,
        (Some(_), _) => 1,
    };
    let mut judgement = Judgement { verdict: Verdict::Loads, findings: Vec::new(), level_reached };
    if let Some(stop) = stop {
        let (verdict, mut finding) = stop.verdict();
        if let Finding::SymbolNotFound { more, .. } = &mut finding {
            *more = unresolved.len().saturating_sub(1);
        }
        judgement.verdict = verdict;
        judgement.findings.push(finding);
    }
    judgement.findings.extend(map.more_misses.iter().map(|m| missing(map, m)));
    judgement
}

fn steps(work: &mut relocate::Relocation<'_, '_>) -> Option<Stop> {
    let (map, model) = (work.map, work.model);
    let filtered = map.list.first().is_some_and(|first| *first != map.root);
    if model.rules.asserts_root_first && filtered {
        let object = map.node(map.root).map(|n| n.name.clone()).unwrap_or_default();
        return Some(Stop::of(&object, Defect::Assertion(Assertion::RootFirst)));
    }
    if let Some(miss) = &map.miss {
        return Some(miss_stop(map, miss));
    }
    if map.root_was_loaded() {
        return None;
    }
    if let Some(stop) = versions::check(map, model) {
        return Some(stop);
    }
    let sorted = order::sorted(map, model);
    if let Some(stop) = isa(map, &sorted, model) {
        return Some(stop);
    }
    if let Some(stop) = work.run(&sorted) {
        return Some(stop);
    }
    deaths::constructors(map, work.process, model, &sorted)
}

/// `_dl_open_check` on x86: from the last object to the first.
fn isa(map: &LinkMap<'_>, sorted: &[NodeIx], model: &LoaderModel) -> Option<Stop> {
    for ix in sorted.iter().rev() {
        let node = map.node(*ix)?;
        let Some(facts) = node.facts().filter(|_| !node.before) else { continue };
        if facts.isa_needed & model.isa != facts.isa_needed {
            let finding =
                Finding::IsaLevel { object: node.name.clone(), needed: facts.isa_needed, has: model.isa };
            return Some(Stop::says(&node.name, "CPU ISA level is lower than required", finding));
        }
    }
    None
}

/// A need that was not satisfied, as a finding.
pub(crate) fn missing(map: &LinkMap<'_>, miss: &Miss) -> Finding {
    let requester = miss.requester.and_then(|r| map.node(r)).map(|n| n.name.clone()).unwrap_or_default();
    Finding::NeededNotFound {
        name: miss.name.clone(),
        requester,
        reason: miss.reason.clone(),
        attempts: miss.attempts.clone(),
    }
}

/// How a miss ends the call.
fn miss_stop(map: &LinkMap<'_>, miss: &Miss) -> Stop {
    let is_root = miss.requester.is_none();
    let says = |text: &str, errno: Option<&str>, finding| Stop {
        message: Some(sentence(&miss.name, text, errno)),
        dies: None,
        finding,
    };
    match &miss.reason {
        MissReason::NotFound(e) => {
            let finding = match (is_root, passed_over(miss)) {
                (true, Some(defect)) => Finding::File { object: miss.name.clone(), defect },
                (true, None) => Finding::CannotOpen { errno: *e },
                _ => missing(map, miss),
            };
            let errno = (*e != Errno::NONE).then(|| e.text());
            says("cannot open shared object file", errno, finding)
        }
        MissReason::OtherClass => {
            let class = if map_class_is_64(map) { "ELFCLASS32" } else { "ELFCLASS64" };
            let finding = match (is_root, passed_over(miss)) {
                (true, Some(defect)) => Finding::File { object: miss.name.clone(), defect },
                _ => missing(map, miss),
            };
            says(&format!("wrong ELF class: {class}"), None, finding)
        }
        MissReason::EmptyToken => says("empty dynamic string token substitution", None, missing(map, miss)),
        MissReason::Refused { path, defect } => {
            let finding = if is_root {
                Finding::File { object: path.clone(), defect: defect.clone() }
            } else {
                missing(map, miss)
            };
            let object = if defect.names_path() { path } else { &miss.name };
            Stop::from_effect(object, defect, finding)
        }
        MissReason::Memory(defect) => Stop::from_effect(&miss.name, defect, missing(map, miss)),
        MissReason::Blocks(_) => Stop {
            message: None,
            dies: Some(Death::Hang),
            finding: if is_root { Finding::NotAFile { kind: "pipe" } } else { missing(map, miss) },
        },
        MissReason::Changed(_) => Stop { message: None, dies: None, finding: Finding::ChangedWhileReading },
        MissReason::Unknowable(path) => Stop {
            message: None,
            dies: None,
            finding: Finding::Undecidable { object: path.clone(), structure: Structure::Header, fault: None },
        },
        MissReason::Limit => Stop { message: None, dies: None, finding: missing(map, miss) },
    }
}

/// The defect for which the only candidate was passed over.
fn passed_over(miss: &Miss) -> Option<Defect> {
    miss.attempts.iter().find_map(|a| match &a.outcome {
        Outcome::PassedOver(d) => Some(d.clone()),
        _ => None,
    })
}

/// The loader's own class, from any mapped object.
fn map_class_is_64(map: &LinkMap<'_>) -> bool {
    map.nodes.iter().find_map(|n| n.facts().map(|f| f.vm.format.is64)).unwrap_or(true)
}

/// Level 1 alone: would the loader map this file?
pub fn level_1(map: &LinkMap<'_>) -> Judgement {
    root_refused(map, miss_stop).unwrap_or(Judgement {
        verdict: Verdict::Loads,
        findings: Vec::new(),
        level_reached: 1,
    })
}

/// The judgement of a call whose own file is not loaded; `stop` says how a miss ends it.
pub(crate) fn root_refused(
    map: &LinkMap<'_>,
    stop: impl FnOnce(&LinkMap<'_>, &Miss) -> Stop,
) -> Option<Judgement> {
    let miss = map.miss.as_ref().filter(|m| m.requester.is_none())?;
    let (verdict, finding) = stop(map, miss).verdict();
    Some(Judgement { verdict, findings: vec![finding], level_reached: 0 })
}
