//! Relocation of the new objects, one after the other, up to the first thing that goes wrong.
//! It must never stop collecting missing symbols at the first one: people want all of them.
//! Follows glibc elf/dl-reloc.c:_dl_relocate_object and the machines' elf_machine_rel(a).

use super::fast::Fast;
use super::{Stop, Unresolved, sentence};
use crate::analyzer::bind::{Binding, Reference, Scope, calls_resolver};
use crate::analyzer::defect::{Defect, Structure};
use crate::analyzer::finding::Finding;
use crate::analyzer::image::elf::ElfFacts;
use crate::analyzer::image::relocs::{self, Import};
use crate::analyzer::image::resolver;
use crate::analyzer::image::segments::Tls;
use crate::analyzer::image::symbols::{SHN_ABS, Symbol};
use crate::analyzer::image::vm::{Fault, FaultKind};
use crate::analyzer::link_map::{LinkMap, Node, Process};
use crate::analyzer::loader_model::LoaderModel;
use crate::analyzer::memo::Memo;
use crate::analyzer::model::{Death, Machine, NodeIx, Signal};
use crate::analyzer::static_tls::{Grant, StaticTls};

/// The relocation of one call.
pub struct Relocation<'w, 'h> {
    /// The objects.
    pub map: &'w LinkMap<'h>,
    /// The process before the call.
    pub process: &'w Process<'h>,
    /// The loader.
    pub model: &'w LoaderModel,
    /// Jump slots of objects that do not ask for RTLD_NOW wait for their first call.
    pub lazy: bool,
    /// Results of other calls.
    pub memo: Option<&'w Memo>,
    /// Out: all strong references without a definition.
    pub unresolved: &'w mut Vec<Unresolved>,
    /// In and out: static TLS.
    pub static_tls: &'w mut StaticTls,
    /// Out: findings that do not end the call.
    pub notes: &'w mut Vec<Finding>,
}

/// Per-object state while relocating.
pub(super) struct State {
    relocated: Vec<bool>,
    static_tls: Vec<bool>,
    /// What happens once everything is relocated.
    pub(super) late: Option<Stop>,
}

impl State {
    /// Only what was there before is relocated and has its TLS.
    pub(super) fn new(map: &LinkMap<'_>) -> State {
        let before: Vec<bool> = map.nodes.iter().map(|n| n.before).collect();
        State { relocated: before.clone(), static_tls: before, late: None }
    }

    /// An object is done.
    pub(super) fn relocated(&mut self, ix: NodeIx) {
        if let Some(flag) = self.relocated.get_mut(ix.index()) {
            *flag = true;
        }
    }
}

impl<'h> Relocation<'_, 'h> {
    /// Relocates from the last object to the first; the first failure.
    pub fn run(&mut self, sorted: &[NodeIx]) -> Option<Stop> {
        if let Some(memo) = self.memo
            && let Fast::Done(stop) = self.fast(sorted, memo)
        {
            return stop;
        }
        let scope = Scope::new(self.map, self.process, self.model);
        let mut state = State::new(self.map);
        let mut first: Option<Stop> = None;
        for ix in sorted.iter().rev() {
            let Some(node) = self.map.node(*ix) else { continue };
            let Some(facts) = node.facts().filter(|_| !node.before) else { continue };
            match &first {
                None => first = self.object(&scope, *ix, node, facts, &mut state),
                Some(_) => {
                    let lazy = self.lazy && !facts.dynamic.bind_now && !self.model.env.bind_now;
                    self.only_missing(&scope, *ix, facts, 0, lazy);
                }
            }
            state.relocated(*ix);
        }
        first.or(state.late)
    }

    fn object(
        &mut self,
        scope: &Scope<'_, 'h>,
        ix: NodeIx,
        node: &Node<'h>,
        facts: &ElfFacts<'h>,
        state: &mut State,
    ) -> Option<Stop> {
        let lazy = self.lazy && !facts.dynamic.bind_now && !self.model.env.bind_now;
        let limit = facts.relocs.fatal.as_ref().map_or(usize::MAX, |(after, _)| *after);
        for (i, import) in facts.relocs.imports.iter().enumerate() {
            if i >= limit {
                break;
            }
            if lazy && import.flags & relocs::LAZY != 0 {
                continue;
            }
            if let Some(stop) = self.import(scope, ix, node, facts, import, state) {
                self.only_missing(scope, ix, facts, i, lazy);
                return Some(stop);
            }
        }
        if let Some((_, defect)) = &facts.relocs.fatal {
            return Some(Stop::of(&node.name, self.beyond_heap(facts, defect.clone())));
        }
        facts.relro_fault.as_ref().map(|defect| Stop::of(&node.name, defect.clone()))
    }

    /// A version index so high that its row lies behind the heap, where nothing is mapped. The heap of a process
    /// that ran no constructor yet is what `malloc` takes at first, and as much again for every few objects.
    fn beyond_heap(&self, facts: &ElfFacts<'h>, defect: Defect) -> Defect {
        const FIRST: u64 = 0x21000;
        const AN_OBJECT: u64 = 4096;
        // A table as large as that is mapped apart from the heap, beside anything.
        const MAPPED: u64 = 128 << 10;
        let Defect::Memory { structure: structure @ Structure::VersionTable, fault } = defect else {
            return defect;
        };
        let row = if self.model.machine.is_64() { 24 } else { 16 };
        let heap = FIRST * (1 + (self.map.nodes.len() as u64 * AN_OBJECT).div_ceil(FIRST));
        let table = facts.versions.rows() as u64 * row;
        let bare = self.map.before <= self.model.program_needs.len() + 3 && table < MAPPED;
        let kind = if bare && fault.addr * row > heap { FaultKind::Segv } else { fault.kind };
        Defect::Memory { structure, fault: Fault { kind, ..fault } }
    }

    /// Notes the missing symbols from import `from` on.
    fn only_missing(
        &mut self,
        scope: &Scope<'_, 'h>,
        ix: NodeIx,
        facts: &ElfFacts<'h>,
        from: usize,
        lazy: bool,
    ) {
        for import in facts.relocs.imports.iter().skip(from) {
            if lazy && import.flags & relocs::LAZY != 0 {
                continue;
            }
            if matches!(scope.bind(ix, facts, import), Ok(Binding::Missing | Binding::NotInVersionFile)) {
                self.missing(ix, Scope::reference(facts, import));
            }
        }
    }

    fn missing(&mut self, object: NodeIx, reference: Reference) {
        let new = Unresolved { object, reference };
        if !self.unresolved.contains(&new) {
            self.unresolved.push(new);
        }
    }

    fn import(
        &mut self,
        scope: &Scope<'_, 'h>,
        ix: NodeIx,
        node: &Node<'h>,
        facts: &ElfFacts<'h>,
        import: &Import,
        state: &mut State,
    ) -> Option<Stop> {
        let binding = scope.bind(ix, facts, import);
        self.settle(ix, node, facts, import, binding, state)
    }

    /// What the loader does with the outcome of a look-up.
    pub(super) fn settle(
        &mut self,
        ix: NodeIx,
        node: &Node<'h>,
        facts: &ElfFacts<'h>,
        import: &Import,
        binding: Result<Binding, Defect>,
        state: &mut State,
    ) -> Option<Stop> {
        let binding = match binding {
            Ok(b) => b,
            Err(defect) => return Some(Stop::of(&node.name, self.beyond_heap(facts, defect))),
        };
        match binding {
            Binding::Zero if import.flags & relocs::NEEDS_VALUE != 0 => {
                let fault = Fault { kind: FaultKind::Segv, addr: 0 };
                let structure = Structure::Symbols;
                Some(Stop::of(&node.name, Defect::Memory { structure, fault }))
            }
            Binding::Zero => None,
            Binding::Missing => Some(self.undefined(node, Scope::reference(facts, import))),
            Binding::NotInVersionFile => Some(self.not_in_file(node, Scope::reference(facts, import))),
            Binding::To(owner, symbol) => self.bound(ix, node, facts, import, owner, symbol, state),
        }
    }

    fn undefined(&mut self, node: &Node<'h>, reference: Reference) -> Stop {
        let mut message = sentence(&node.name, "undefined symbol: ", None);
        message.extend_from_slice(&reference.name);
        if let Some(v) = &reference.version {
            message.extend_from_slice(b", version ");
            message.extend_from_slice(v);
        }
        let finding = Finding::SymbolNotFound { object: node.name.clone(), reference, more: 0 };
        Stop { message: Some(message), dies: None, finding }
    }

    fn not_in_file(&mut self, node: &Node<'h>, reference: Reference) -> Stop {
        let comma = if self.model.glibc().minor < 27 { "," } else { "" };
        let mut message = sentence(&node.name, "symbol ", None);
        message.extend_from_slice(&reference.name);
        message.extend_from_slice(format!("{comma} version ").as_bytes());
        message.extend_from_slice(reference.version.as_deref().unwrap_or_default());
        message.extend_from_slice(b" not defined in file ");
        message.extend_from_slice(reference.version_file.as_deref().unwrap_or_default());
        message.extend_from_slice(b" with link time reference");
        let finding = Finding::SymbolNotInVersionFile { object: node.name.clone(), reference };
        Stop { message: Some(message), dies: None, finding }
    }

    #[expect(clippy::too_many_arguments, reason = "one import in its place; a struct would only rename them")]
    fn bound(
        &mut self,
        ix: NodeIx,
        node: &Node<'h>,
        facts: &ElfFacts<'h>,
        import: &Import,
        owner: NodeIx,
        symbol: Symbol,
        state: &mut State,
    ) -> Option<Stop> {
        let provider = self.map.node(owner)?;
        if calls_resolver(&symbol) {
            let relocated = owner == ix || state.relocated.get(owner.index()).copied().unwrap_or(false);
            if let Some(stop) = self.resolver(node, facts, import, provider, symbol, relocated) {
                return Some(stop);
            }
        }
        if import.flags & (relocs::STATIC_TLS | relocs::TLS_DESCRIPTOR) == 0 {
            return None;
        }
        self.static_tls(node, import, owner, provider, state)
    }

    /// The loader calls the resolver of an IFUNC at once, even if its object is not relocated yet.
    fn resolver(
        &mut self,
        node: &Node<'h>,
        facts: &ElfFacts<'h>,
        import: &Import,
        provider: &Node<'h>,
        symbol: Symbol,
        relocated: bool,
    ) -> Option<Stop> {
        let owner = provider.facts()?;
        // An absolute symbol's value is called as it stands, which is no address of any object.
        let absolute = Fault { kind: FaultKind::Segv, addr: symbol.value };
        let callable =
            if symbol.shndx == SHN_ABS { Err(absolute) } else { owner.vm.executable(symbol.value) };
        if let Err(fault) = callable {
            return Some(Stop::of(&provider.name, Defect::Code(fault)));
        }
        if relocated {
            return self.own_resolver(node, facts, import, symbol);
        }
        let places = relocs::places(&owner.vm, &owner.dynamic, &owner.symbols, &owner.versions, self.model);
        let harmless = !resolver::needs_relocation(owner, &symbol, &places, self.model.machine);
        let finding = Finding::IfuncOrder {
            object: node.name.clone(),
            provider: provider.name.clone(),
            symbol: Scope::reference(facts, import).name,
            harmless,
        };
        if harmless {
            // The loader only prints "Relink" and goes on.
            self.notes.push(finding);
            return None;
        }
        Some(Stop { message: None, dies: Some(Death::Signal(Signal::Segv)), finding })
    }

    /// A resolver of the object itself runs while the object is being relocated: what it finds in places
    /// that are still to be filled, only running it would tell.
    fn own_resolver(
        &self,
        node: &Node<'h>,
        facts: &ElfFacts<'h>,
        import: &Import,
        symbol: Symbol,
    ) -> Option<Stop> {
        if import.flags & relocs::OWN_IFUNC == 0 || self.model.machine != Machine::X86_64 {
            return None;
        }
        let (vm, d) = (&facts.vm, &facts.dynamic);
        let behind = relocs::places_behind(vm, d, &facts.symbols, &facts.versions, self.model, import.symbol);
        if !resolver::needs_relocation(facts, &symbol, &behind, self.model.machine) {
            return None;
        }
        let fault = Some(Fault { kind: FaultKind::Unknown, addr: symbol.value });
        let finding =
            Finding::Undecidable { object: node.name.clone(), structure: Structure::Resolver, fault };
        Some(Stop { message: None, dies: None, finding })
    }

    /// `CHECK_STATIC_TLS` and `TRY_STATIC_TLS`.
    fn static_tls(
        &mut self,
        node: &Node<'h>,
        import: &Import,
        owner: NodeIx,
        provider: &Node<'h>,
        state: &mut State,
    ) -> Option<Stop> {
        let tls: Option<Tls> = provider.facts().and_then(|f| f.tls);
        let has = state.static_tls.get(owner.index()).copied().unwrap_or(false);
        if has && tls.is_some() {
            return None;
        }
        let optional = import.flags & relocs::TLS_DESCRIPTOR != 0;
        if optional && !descriptor_is_static(self.model.machine) {
            return None;
        }
        match self.static_tls.allocate(tls, optional) {
            Grant::Given => {
                if let Some(flag) = state.static_tls.get_mut(owner.index()) {
                    *flag = true;
                }
                if state.late.is_none() {
                    state.late = initial_image(provider, tls);
                }
                None
            }
            Grant::Refused if optional => None,
            Grant::Refused => {
                let t = tls.unwrap_or(Tls { size: 0, align: 0, first_byte: 0, image: (0, 0) });
                let finding = Finding::StaticTls {
                    owner: provider.name.clone(),
                    size: t.size,
                    align: t.align,
                    left: self.static_tls.size.saturating_sub(self.static_tls.used),
                    block_align: self.static_tls.align,
                };
                Some(Stop::says(&provider.name, "cannot allocate memory in static TLS block", finding))
            }
            Grant::DividesByZero => {
                let finding =
                    Finding::TlsWithoutSegment { object: node.name.clone(), owner: provider.name.clone() };
                Some(Stop { message: None, dies: Some(Death::Signal(Signal::Fpe)), finding })
            }
        }
    }
}

/// Copying the initial contents into the static block (`dl_init_static_tls`).
fn initial_image(owner: &Node<'_>, tls: Option<Tls>) -> Option<Stop> {
    let (t, facts) = (tls?, owner.facts()?);
    let (at, size) = t.image;
    let structure = Structure::Tls;
    if let Some(fault) = facts.vm.readable(at, size).err().filter(|f| f.kind != FaultKind::Unknown) {
        return Some(Stop::of(&owner.name, Defect::Memory { structure, fault }));
    }
    if size > t.size {
        // The rest to clear is a negative length: what memset makes of it differs from processor to processor.
        let fault = Fault { kind: FaultKind::Unknown, addr: at };
        return Some(Stop::of(&owner.name, Defect::Memory { structure, fault }));
    }
    let fault = facts.vm.readable(at, size).err()?;
    Some(Stop::of(&owner.name, Defect::Memory { structure, fault }))
}

/// Machines whose TLS descriptors try static TLS first.
fn descriptor_is_static(machine: Machine) -> bool {
    matches!(machine, Machine::X86_64 | Machine::I386 | Machine::Aarch64 | Machine::Arm)
}
