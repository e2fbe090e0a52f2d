//! All facts of one ELF file, in the order the loader would learn them.
//! It must never stop at a defect that the loader would only meet later: that defect is a fact too.
//! Follows glibc elf/dl-load.c:_dl_map_object_from_fd.

use super::constructors::{self, Constructors};
use super::dynamic::{self, Dynamic, NeedKind};
use super::header::{self, Header};
use super::notes;
use super::relocs::{self, Relocs};
use super::scan::{self, Traits};
use super::segments::{self, Mapped, Tls};
use super::symbols::{self, Symbols};
use super::versions::{self, Name, Versions};
use super::vm::{self, Fault, FaultKind, Vm};
use crate::analyzer::defect::{Defect, Structure};
use crate::analyzer::loader_model::LoaderModel;

/// A dependency entry with its string.
#[derive(Clone, Debug)]
pub struct Need<'h> {
    /// Which tag.
    pub kind: NeedKind,
    /// The string, or what reading it does.
    pub name: Name<'h>,
}

/// What is known of an object the loader has mapped.
#[derive(Clone, Debug)]
pub struct ElfFacts<'h> {
    /// Its memory.
    pub vm: Vm<'h>,
    /// Header and program headers.
    pub header: Header,
    /// The dynamic section's values.
    pub dynamic: Dynamic,
    /// DT_SONAME.
    pub soname: Option<Name<'h>>,
    /// DT_NEEDED and the like.
    pub needs: Vec<Need<'h>>,
    /// DT_RPATH, unless DT_RUNPATH overrides it.
    pub rpath: Option<Name<'h>>,
    /// DT_RUNPATH.
    pub runpath: Option<Name<'h>>,
    /// Symbol and hash tables.
    pub symbols: Symbols<'h>,
    /// Symbol versions.
    pub versions: Versions<'h>,
    /// Whether the tables are whole.
    pub traits: Traits,
    /// Relocations.
    pub relocs: Relocs,
    /// Constructors.
    pub constructors: Constructors,
    /// PT_TLS.
    pub tls: Option<Tls>,
    /// What applying PT_GNU_RELRO does.
    pub relro_fault: Option<Defect>,
    /// x86 ISA bits needed.
    pub isa_needed: u32,
    /// PT_INTERP.
    pub interpreter: Option<&'h [u8]>,
    /// JSON texts of `.note.dlopen`.
    pub dlopen_notes: Vec<&'h [u8]>,
}

/// One file: refused, or mapped.
#[derive(Clone, Debug)]
pub enum Image<'h> {
    /// The loader does not map it, for this reason.
    Refused(Defect),
    /// The loader maps it.
    Mapped(Box<ElfFacts<'h>>),
}

/// What a file is opened as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// By `dlopen`, itself or as somebody's dependency.
    Library,
    /// At program start: DF_1_NOOPEN and an executable stack are fine (no `__RTLD_DLOPEN`).
    StartUp,
    /// As the main program (`__RTLD_OPENEXEC`): ET_EXEC, PIE and an executable stack are fine.
    Program,
}

/// Reads one file as `model`'s loader would.
pub fn read<'h>(bytes: &'h [u8], model: &LoaderModel, noexec: bool, role: Role) -> Image<'h> {
    match try_read(bytes, model, noexec, role) {
        Ok(facts) => Image::Mapped(Box::new(facts)),
        Err(defect) => Image::Refused(defect),
    }
}

fn try_read<'h>(
    bytes: &'h [u8],
    model: &LoaderModel,
    noexec: bool,
    role: Role,
) -> Result<ElfFacts<'h>, Defect> {
    let header = header::open_verify(bytes, model)?;
    let mapped = segments::map(bytes, bytes.len() as u64, &header, model, noexec, role)?;
    let dynamic = dynamic::read(&mapped, model, role)?;
    let isa_needed = after_dynamic(&mapped, &header, model, role)?;
    let vm = mapped.vm.with_changed(&dynamic.adjusted);
    let vm = if dynamic.textrel { vm.with_write(&mapped.readonly) } else { vm };
    let mut symbols = symbols::setup(&vm, &dynamic, model.rules.wide_hash_shift && header.format.is64)?;
    let versions = versions::read(&vm, &dynamic, &symbols);
    let mut traits = scan::scan(&vm, &symbols, &versions);
    if traits.regular {
        symbols.vouch(&vm, traits.first);
    }
    let relocs = relocs::read(&vm, &dynamic, &symbols, &versions, model);
    let constructors =
        constructors::read(&vm, &dynamic, &relocs, header.kind == 2, (model.machine, u64::from(u32::MAX)));
    let Texts { soname, needs, rpath, runpath } = Texts::read(&symbols, &vm, &dynamic);
    let relro_fault = mapped.relro.and_then(|r| relro(&vm, r, model.page_size));
    traits.plain =
        traits.regular && relocs.fatal.is_none() && relro_fault.is_none() && !relocs.may_need_value;
    let dlopen_notes = notes::dlopen_texts(&vm, &header.segments);
    Ok(ElfFacts {
        soname,
        needs,
        rpath,
        runpath,
        traits,
        versions,
        relocs,
        constructors,
        tls: mapped.tls,
        relro_fault,
        isa_needed,
        interpreter: header::interpreter_in(bytes, &header.segments),
        dlopen_notes,
        symbols,
        vm,
        header,
        dynamic,
    })
}

/// The strings that the dynamic section names.
pub(crate) struct Texts<'h> {
    pub soname: Option<Name<'h>>,
    pub needs: Vec<Need<'h>>,
    pub rpath: Option<Name<'h>>,
    pub runpath: Option<Name<'h>>,
}

impl<'h> Texts<'h> {
    /// Each, or what reading it does.
    pub(crate) fn read(symbols: &Symbols<'h>, vm: &Vm<'h>, dynamic: &Dynamic) -> Self {
        let text = |offset: u64| symbols.string(vm, offset).map_err(Box::new);
        Texts {
            soname: dynamic.soname.map(text),
            needs: dynamic.needs.iter().map(|(kind, at)| Need { kind: *kind, name: text(*at) }).collect(),
            rpath: dynamic.rpath.map(text),
            runpath: dynamic.runpath.map(text),
        }
    }
}

/// What the loader checks between the dynamic section and the symbol tables; the ISA bits needed.
pub(crate) fn after_dynamic(
    mapped: &Mapped<'_>,
    header: &Header,
    model: &LoaderModel,
    role: Role,
) -> Result<u32, Defect> {
    let refuses = model.rules.refuses_execstack && model.env.execstack != Some(2);
    if role == Role::Library && mapped.stack_flags & 1 != 0 && refuses {
        return Err(Defect::ExecStack);
    }
    let fault = |structure| move |fault: Fault| Defect::Memory { structure, fault };
    if let Some(at) = mapped.phdr {
        // The loader walks the table again where it is mapped, not where it was read from.
        let size = if header.format.is64 { 56u64 } else { 32 };
        for i in (0..header.segments.len() as u64).rev() {
            mapped.vm.u32(at.wrapping_add(i * size)).map_err(fault(Structure::ProgramHeaders))?;
        }
    }
    notes::isa_needed(&mapped.vm, &header.segments, model).map_err(fault(Structure::Notes))
}

/// `_dl_protect_relro`: whole pages only, both ends rounded down.
pub(crate) fn relro(vm: &Vm<'_>, (at, size): (u64, u64), page: u64) -> Option<Defect> {
    if size == 0 {
        return None;
    }
    let start = at & !(page - 1);
    let end = at.wrapping_add(size) & !(page - 1);
    if start == end {
        return None;
    }
    if vm.format.pointer(end) < vm.format.pointer(start) {
        return Some(Defect::RelroRange);
    }
    if vm.area(start).is_none() {
        let fault = vm.unmapped(start);
        return Some(match fault.kind {
            FaultKind::Segv => Defect::RelroRange,
            _ => Defect::Memory { structure: Structure::Relro, fault },
        });
    }
    let (low, high) = vm.range();
    if start >= low && start < high && end.saturating_sub(high) > vm::NEIGHBOURHOOD {
        // The call fails at the first hole, but only after it took the right to write from every
        // object in between, libc and the loader among them.
        let fault = Fault { kind: FaultKind::Segv, addr: high };
        return Some(Defect::Memory { structure: Structure::Relro, fault });
    }
    match vm.all_mapped(start, end) {
        Ok(()) => None,
        Err(Fault { kind: FaultKind::Segv, .. }) => Some(Defect::RelroRange),
        Err(fault) => Some(Defect::Memory { structure: Structure::Relro, fault }),
    }
}
