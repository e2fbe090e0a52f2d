//! From a finished map to musl's verdict: relocation object by object, thread-local storage, constructors.
//! It must never open a file or search a path. The first failure decides; later ones are collected for people.
//! Follows musl ldso/dynlink.c: dlopen, reloc_all, install_new_tls, do_init_fini.

use super::scope::{Scope, Wanted};
use super::{lfs64, order, relocs, texts, unchecked};
use crate::analyzer::bind::Reference;
use crate::analyzer::checks::{self, Judged, Mode, Stop, Unresolved, missing};
use crate::analyzer::defect::{Defect, Structure};
use crate::analyzer::errno::Errno;
use crate::analyzer::finding::Finding;
use crate::analyzer::image::elf::ElfFacts;
use crate::analyzer::image::relocs::{COPY, Import, LAZY, NEEDS_VALUE, OWN, PLT, STATIC_TLS, WEAK};
use crate::analyzer::image::symbols::Symbol;
use crate::analyzer::image::vm::{Fault, FaultKind};
use crate::analyzer::link_map::{LinkMap, Miss, MissReason, Node, Process};
use crate::analyzer::loader_model::{LoaderModel, MuslModel, MuslVersion};
use crate::analyzer::model::{Death, NodeIx};
use crate::analyzer::verdict::{Judgement, Verdict};

/// Judges one call.
pub fn judge(map: &LinkMap<'_>, process: &Process<'_>, model: &LoaderModel, mode: Mode) -> Judged {
    let Some(musl) = model.musl() else { return undecided(process) };
    let mut work = Work::new(map, &process.global, model, musl, mode == Mode::Lazy);
    let stop = steps(&mut work);
    let unresolved = work.unresolved;
    let mut judgement = checks::judgement(map, stop, &unresolved);
    judgement.findings.extend(unchecked::findings(map, model));
    Judged { judgement, unresolved, static_tls: process.static_tls }
}

/// Level 1 alone: would the loader map the root?
pub fn level_1(map: &LinkMap<'_>, model: &LoaderModel) -> Judgement {
    checks::root_refused(map, miss_stop).unwrap_or_else(|| {
        let findings = unchecked::findings(map, model);
        Judgement { verdict: Verdict::Loads, findings, level_reached: 1 }
    })
}

fn undecided(process: &Process<'_>) -> Judged {
    let judgement = Judgement { verdict: Verdict::Undecided, findings: Vec::new(), level_reached: 0 };
    Judged { judgement, unresolved: Vec::new(), static_tls: process.static_tls }
}

fn steps(work: &mut Work<'_, '_>) -> Option<Stop> {
    let map = work.map;
    if let Some(miss) = &map.miss {
        return Some(miss_stop(map, miss));
    }
    if map.root_was_loaded() {
        return None;
    }
    let new: Vec<NodeIx> = (map.before..map.nodes.len()).map(NodeIx::from_index).collect();
    work.relocate(&new).or_else(|| thread_storage(map, &new)).or_else(|| work.constructors())
}

/// How a miss ends the call.
pub(super) fn miss_stop(map: &LinkMap<'_>, miss: &Miss) -> Stop {
    let needed_by = miss.requester.and_then(|r| map.node(r)).map(|n| n.name.as_slice());
    let says = |errno: Errno, finding| Stop {
        message: Some(texts::loading(&miss.name, errno, needed_by)),
        dies: None,
        finding,
    };
    let of_root = |finding: Finding| if needed_by.is_none() { finding } else { missing(map, miss) };
    let unknown = |object: &[u8], structure| Stop {
        message: None,
        dies: None,
        finding: Finding::Undecidable { object: object.to_vec(), structure, fault: None },
    };
    match &miss.reason {
        MissReason::NotFound(errno) => says(*errno, of_root(Finding::CannotOpen { errno: *errno })),
        MissReason::Refused { path, defect } => {
            let finding = of_root(Finding::File { object: path.clone(), defect: defect.clone() });
            match texts::errno_of(defect) {
                Some(errno) => says(errno, finding),
                None => dies(path, defect, finding),
            }
        }
        MissReason::Memory(defect) => dies(&miss.name, defect, missing(map, miss)),
        MissReason::Blocks(_) => Stop {
            message: None,
            dies: Some(Death::Hang),
            finding: of_root(Finding::NotAFile { kind: "pipe" }),
        },
        MissReason::Changed(_) => Stop { message: None, dies: None, finding: Finding::ChangedWhileReading },
        MissReason::Unknowable(path) => unknown(path, Structure::Header),
        MissReason::OtherClass | MissReason::EmptyToken | MissReason::Limit => {
            unknown(&miss.name, Structure::Dynamic)
        }
    }
}

/// The loader dies of a defect, or nobody knows.
fn dies(object: &[u8], defect: &Defect, finding: Finding) -> Stop {
    match texts::death_of(defect) {
        Some(death) => Stop { message: None, dies: Some(death), finding },
        None => Stop::from_effect(object, defect, finding),
    }
}

fn broken(node: &Node<'_>, defect: &Defect) -> Stop {
    let finding = Finding::Relocation { object: node.name.clone(), defect: defect.clone() };
    let says = |rest: &[&[u8]], finding| Stop {
        message: Some(texts::relocating(&node.name, rest)),
        dies: None,
        finding,
    };
    match defect {
        Defect::RelocationType { number, .. } => {
            says(&[b"unsupported relocation type ", number.to_string().as_bytes()], finding)
        }
        _ => dies(&node.name, defect, finding),
    }
}

/// Copies the initial contents of the new objects' thread-local variables.
fn thread_storage(map: &LinkMap<'_>, new: &[NodeIx]) -> Option<Stop> {
    for node in new.iter().filter_map(|ix| map.node(*ix)).filter(|n| !n.before) {
        let Some((facts, tls)) = node.facts().and_then(|f| Some((f, f.tls?))) else { continue };
        let (at, size) = tls.image;
        let fault = match facts.vm.readable(at, size) {
            Err(fault) => Some(fault),
            // More is copied than room was made for.
            Ok(()) if size > tls.size => Some(Fault { kind: FaultKind::Unknown, addr: at }),
            // The place is aligned to nothing less than the image itself, which is copied over itself.
            Ok(()) if tls.align == 0 && size > 0 => Some(Fault { kind: FaultKind::Unknown, addr: at }),
            Ok(()) => None,
        };
        if let Some(fault) = fault {
            return Some(broken(node, &Defect::Memory { structure: Structure::Tls, fault }));
        }
    }
    None
}

/// The relocation of one call, or of a start.
pub(super) struct Work<'w, 'h> {
    map: &'w LinkMap<'h>,
    musl: &'w MuslModel,
    scope: Scope<'w, 'h>,
    /// The loader, where LFS64 names are looked for.
    own: Option<NodeIx>,
    lazy: bool,
    /// At the start all thread-local storage is static.
    pub(super) starting: bool,
    /// All strong references without a definition.
    pub(super) unresolved: Vec<Unresolved>,
    /// The last name looked up, which a variable of the loader still points to.
    last_name: Vec<u8>,
}

impl<'w, 'h> Work<'w, 'h> {
    pub(super) fn new(
        map: &'w LinkMap<'h>,
        global: &[NodeIx],
        model: &'w LoaderModel,
        musl: &'w MuslModel,
        lazy: bool,
    ) -> Self {
        let own = map.nodes.iter().position(|n| n.name == model.interpreter).map(NodeIx::from_index);
        let scope = Scope::new(map, global);
        Work { map, musl, scope, own, lazy, starting: false, unresolved: Vec::new(), last_name: Vec::new() }
    }

    /// The first failure; what else is missing is noted.
    fn relocate(&mut self, order: &[NodeIx]) -> Option<Stop> {
        let mut first = None;
        for ix in order {
            let Some(node) = self.map.node(*ix).filter(|n| !n.before) else { continue };
            let Some(facts) = node.facts() else { continue };
            match first {
                None => first = self.object(*ix, node, facts),
                Some(_) => self.note_missing(*ix, facts, 0),
            }
        }
        first
    }

    /// One object.
    pub(super) fn object(&mut self, ix: NodeIx, node: &Node<'h>, facts: &ElfFacts<'h>) -> Option<Stop> {
        let end = facts.relocs.fatal.as_ref().map_or(usize::MAX, |(after, _)| *after);
        for (at, import) in facts.relocs.imports.iter().enumerate().take(end) {
            if let Some(stop) = self.import(ix, node, facts, import) {
                self.note_missing(ix, facts, at);
                return Some(stop);
            }
        }
        if let Some((_, defect)) = &facts.relocs.fatal {
            return Some(broken(node, defect));
        }
        if let Some(name) = facts.relocs.last_name {
            self.last_name =
                facts.symbols.string(&facts.vm, u64::from(name)).unwrap_or_default().into_owned();
        }
        facts.relro_fault.as_ref().map(|defect| self.protection(node, defect))
    }

    /// All that is printed of one object at the start: what is not found does not end the work.
    pub(super) fn every_complaint(&mut self, ix: NodeIx, node: &Node<'h>, facts: &ElfFacts<'h>) -> Vec<Stop> {
        let end = facts.relocs.fatal.as_ref().map_or(usize::MAX, |(after, _)| *after);
        let imports = facts.relocs.imports.iter().take(end);
        let mut stops: Vec<Stop> = imports.filter_map(|i| self.import(ix, node, facts, i)).collect();
        self.note_missing(ix, facts, 0);
        if let Some((_, defect)) = &facts.relocs.fatal {
            stops.push(broken(node, defect));
        } else {
            stops.extend(facts.relro_fault.as_ref().map(|defect| self.protection(node, defect)));
        }
        stops
    }

    fn protection(&self, node: &Node<'h>, defect: &Defect) -> Stop {
        if *defect != Defect::RelroRange {
            return broken(node, defect);
        }
        // From 1.2.4 on the reason is whatever the last failed open left behind.
        let errno = if self.musl.version < (MuslVersion { minor: 2, patch: 4 }) {
            Errno::ENOMEM
        } else {
            self.map.last_errno()
        };
        let rest: [&[u8]; 2] = [b"RELRO protection failed: ", errno.musl_text().as_bytes()];
        let finding = Finding::Relocation { object: node.name.clone(), defect: defect.clone() };
        Stop { message: Some(texts::relocating(&node.name, &rest)), dies: None, finding }
    }

    fn note_missing(&mut self, ix: NodeIx, facts: &ElfFacts<'h>, from: usize) {
        for import in facts.relocs.imports.iter().skip(from) {
            if matches!(self.bind(ix, facts, import), Ok(None))
                && import.flags & WEAK == 0
                && !self.may_wait(facts, import)
            {
                let new = Unresolved { object: ix, reference: reference(facts, import) };
                if !self.unresolved.contains(&new) {
                    self.unresolved.push(new);
                }
            }
        }
    }

    /// RTLD_LAZY: functions are looked for again later.
    fn may_wait(&self, facts: &ElfFacts<'h>, import: &Import) -> bool {
        self.lazy && import.flags & LAZY != 0 && !facts.dynamic.bind_now
    }

    /// What a reference is bound to; the object's own symbols need no look-up.
    fn bind(
        &self,
        ix: NodeIx,
        facts: &ElfFacts<'h>,
        import: &Import,
    ) -> Result<Option<(NodeIx, Symbol)>, Defect> {
        if import.flags & OWN != 0 {
            return Ok(Some((ix, Symbol::default())));
        }
        let name = facts.symbols.string(&facts.vm, u64::from(import.name))?;
        let wanted = Wanted { name: &name, hash: import.hash, defined: import.flags & PLT != 0 };
        let found = self.scope.find(wanted, import.flags & COPY != 0)?;
        match (found, self.own, lfs64::plain(&name, self.musl)) {
            (None, Some(own), Some(plain)) => {
                let hash = crate::analyzer::image::symbols::gnu_hash(plain);
                self.scope.find_behind(Wanted { name: plain, hash, defined: true }, own)
            }
            (found, ..) => Ok(found),
        }
    }

    fn import(&mut self, ix: NodeIx, node: &Node<'h>, facts: &ElfFacts<'h>, import: &Import) -> Option<Stop> {
        let owner = match self.bind(ix, facts, import) {
            Err(defect) => return Some(broken(node, &defect)),
            Ok(Some((owner, _))) => owner,
            Ok(None) if import.flags & WEAK != 0 => {
                let null = Fault { kind: FaultKind::Segv, addr: 0 };
                let defect = Defect::Memory { structure: Structure::Symbols, fault: null };
                return (import.flags & NEEDS_VALUE != 0).then(|| broken(node, &defect));
            }
            Ok(None) if self.may_wait(facts, import) => return None,
            Ok(None) => {
                let reference = reference(facts, import);
                let message = texts::relocating(&node.name, &[&reference.name, b": symbol not found"]);
                let finding = Finding::SymbolNotFound { object: node.name.clone(), reference, more: 0 };
                return Some(Stop { message: Some(message), dies: None, finding });
            }
        };
        if import.flags & STATIC_TLS == 0 || self.starting {
            return None;
        }
        let provider = self.map.node(owner).filter(|n| !(n.before && self.static_before(owner)))?;
        provider.facts()?.tls?;
        let symbol = match import.name {
            relocs::NO_NAME => self.last_name.clone(),
            _ => reference(facts, import).name,
        };
        let rest: [&[u8]; 3] =
            [&symbol, b": initial-exec TLS resolves to dynamic definition in ", &provider.name];
        let message = texts::relocating(&node.name, &rest);
        let (object, owner) = (node.name.clone(), provider.name.clone());
        let finding = Finding::InitialExecTls { object, owner, symbol };
        Some(Stop { message: Some(message), dies: None, finding })
    }

    /// Loaded at program start, so that its variables lie in the static block; what was opened since does not.
    fn static_before(&self, owner: NodeIx) -> bool {
        self.map.node(owner).is_some_and(|n| n.at_start)
    }

    /// The first constructor that cannot be called.
    fn constructors(&self) -> Option<Stop> {
        order::constructors(self.map).into_iter().find_map(|ix| {
            let node = self.map.node(ix).filter(|n| !n.before)?;
            let facts = node.facts()?;
            let defect = facts.constructors.fatal.as_ref();
            defect.map(|defect| broken(node, defect)).or_else(|| self.bound_constructor(ix, node, facts))
        })
    }

    /// A slot that a symbol fills: null where a weak one is not found, or something that is no code.
    fn bound_constructor(&self, ix: NodeIx, node: &Node<'h>, facts: &ElfFacts<'h>) -> Option<Stop> {
        facts.constructors.bound.iter().find_map(|(import, addend)| {
            let import = facts.relocs.imports.get(*import as usize)?;
            let fault = match self.bind(ix, facts, import).ok()? {
                None => Fault { kind: FaultKind::Segv, addr: *addend },
                Some((owner, s)) => {
                    let owner = self.map.facts(owner)?;
                    let at = owner.vm.format.wrap(s.value.wrapping_add(*addend));
                    owner.vm.executable(at).err()?
                }
            };
            Some(broken(node, &Defect::Code(fault)))
        })
    }
}

/// The reference behind an import, with the version nobody checks.
fn reference(facts: &ElfFacts<'_>, import: &Import) -> Reference {
    let name = facts.symbols.string(&facts.vm, u64::from(import.name)).unwrap_or_default().into_owned();
    let entry = match import.version {
        0 => None,
        row => facts.versions.entry(row).ok().flatten(),
    };
    let version = entry.and_then(|e| e.name().ok()).map(<[u8]>::to_vec);
    let version_file = match entry.and_then(|e| e.file.as_ref()) {
        Some(Ok(file)) => Some(file.to_vec()),
        _ => None,
    };
    Reference { name, version, version_file }
}
