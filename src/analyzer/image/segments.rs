//! From program headers to a mapped object, with the loader's checks on the way.
//! It must never look at file contents beyond what the loader maps.
//! Follows glibc elf/dl-load.c:_dl_map_object_from_fd and elf/dl-map-segments.h.

use object::elf;

use super::elf::Role;
use super::header::{Header, Segment};
use super::vm::{Builder, Fault, FaultKind, Vm, W};
use crate::analyzer::defect::{Defect, Structure};
use crate::analyzer::loader_model::LoaderModel;
use crate::analyzer::model::Machine;

/// PT_TLS as the loader keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tls {
    /// `p_memsz`, never 0.
    pub size: u64,
    /// `p_align`, possibly 0 or no power of two.
    pub align: u64,
    /// `p_vaddr` modulo the alignment.
    pub first_byte: u64,
    /// `p_vaddr` and `p_filesz`: the initial contents.
    pub image: (u64, u64),
}

/// What the program headers say besides the mapping.
#[derive(Clone, Debug)]
pub struct Mapped<'h> {
    /// The object's memory.
    pub vm: Vm<'h>,
    /// Address of the dynamic section.
    pub dynamic: u64,
    /// PT_DYNAMIC carries no PF_W.
    pub dynamic_readonly: bool,
    /// PT_GNU_STACK flags, or the machine's default.
    pub stack_flags: u32,
    /// PT_TLS, if it is not empty.
    pub tls: Option<Tls>,
    /// PT_GNU_RELRO, address and size.
    pub relro: Option<(u64, u64)>,
    /// Address of the program headers, if a segment holds them.
    pub phdr: Option<u64>,
    /// PT_LOAD segments without PF_W, page-rounded (what DT_TEXTREL makes writable).
    pub readonly: Vec<(u64, u64)>,
}

/// One PT_LOAD as the loader sees it.
struct Load {
    mapstart: u64,
    mapend: u64,
    dataend: u64,
    allocend: u64,
    mapoff: u64,
    prot: u8,
}

/// The address space of a process, for mappings that can never fit.
pub(crate) fn task_size(machine: Machine) -> u64 {
    match machine {
        // The largest hole is the one below a position-independent program.
        Machine::X86_64 => 0x5700_0000_0000,
        Machine::Ppc64 => 1 << 47,
        Machine::Aarch64 => 1 << 48,
        Machine::Riscv64 => 1 << 38,
        Machine::S390x => 1 << 53,
        Machine::I386 | Machine::Arm => 0xc000_0000,
    }
}

/// `DEFAULT_STACK_PERMS`: what the absence of PT_GNU_STACK means.
fn default_stack(machine: Machine) -> u32 {
    match machine {
        Machine::X86_64 | Machine::I386 | Machine::Arm | Machine::S390x => 7,
        Machine::Aarch64 | Machine::Riscv64 | Machine::Ppc64 => 6,
    }
}

/// Objects lie at most this far below the top of a 64-bit address space: a segment that ends further from its
/// object's start does not fit (mmap_rnd_bits is 28 to 33, so the distance is below 2^45).
const BELOW_TOP: u64 = 1 << 46;

/// Anonymous memory above this is refused on any machine; below it depends on the machine's memory.
pub(crate) const ANONYMOUS_REFUSED: u64 = 1 << 40;
pub(crate) const ANONYMOUS_SURE: u64 = 4 << 30;

/// Maps the object. `bytes` is the file or the beginning of it, `size` the size of the file.
///
/// # Errors
/// The first check that fails, in the loader's order.
pub fn map<'h>(
    bytes: &'h [u8],
    size: u64,
    header: &Header,
    model: &LoaderModel,
    noexec: bool,
    role: Role,
) -> Result<Mapped<'h>, Defect> {
    let page = model.page_size;
    let mut loads: Vec<Load> = Vec::new();
    let mut readonly = Vec::new();
    let (mut dynamic, mut dynamic_readonly, mut empty_dynamic) = (0, false, false);
    let (mut tls, mut relro, mut phdr) = (None, None, None);
    let mut stack_flags = default_stack(model.machine);
    let mut align_max = 0;
    for s in &header.segments {
        match elf::ProgramType(s.kind) {
            elf::PT_DYNAMIC if s.filesz == 0 => empty_dynamic = true,
            elf::PT_DYNAMIC => {
                dynamic = s.vaddr;
                dynamic_readonly = s.flags & 2 == 0;
            }
            elf::PT_PHDR => phdr = Some(s.vaddr),
            elf::PT_LOAD => {
                check_alignment(s, model)?;
                if s.align.is_power_of_two() {
                    align_max = align_max.max(s.align);
                }
                let load = load(s, page, header.format.is64);
                if s.flags & 2 == 0 {
                    let end = up(s.vaddr.wrapping_add(s.memsz), page);
                    readonly.push((load.mapstart, end));
                }
                loads.push(load);
            }
            elf::PT_TLS if s.memsz != 0 => {
                let first_byte = if s.align == 0 { 0 } else { s.vaddr & (s.align.wrapping_sub(1)) };
                tls = Some(Tls { size: s.memsz, align: s.align, first_byte, image: (s.vaddr, s.filesz) });
            }
            elf::PT_GNU_STACK => stack_flags = s.flags,
            elf::PT_GNU_RELRO => relro = Some((s.vaddr, s.memsz)),
            _ => {}
        }
    }
    let (Some(first), Some(last)) = (loads.first(), loads.last()) else { return Err(Defect::NoSegments) };
    if header.kind != elf::ET_DYN.0 && role != Role::Program {
        return Err(Defect::Executable);
    }
    if model.rules.early_no_dynamic && (dynamic == 0 || empty_dynamic) {
        return Err(Defect::NoDynamic);
    }
    let f = header.format;
    let length = f.wrap(last.allocend.wrapping_sub(first.mapstart));
    let limit = task_size(model.machine);
    let reserve = if model.rules.honours_align && align_max > page {
        if length >= align_max { length.saturating_add(align_max) } else { align_max.saturating_mul(2) }
    } else {
        length
    };
    let offset_too_far =
        |l: &Load| l.mapoff.saturating_add(l.mapend.wrapping_sub(l.mapstart)) > i64::MAX as u64;
    if length == 0
        || reserve > limit
        || first.mapoff.saturating_add(length) > i64::MAX as u64
        || (noexec && first.prot & 1 != 0)
    {
        return Err(Defect::MapRefused);
    }
    let high = up(first.mapstart.wrapping_add(length), page);
    if high < first.mapstart {
        // Linked across the end of the address space. The loader's sums wrap round and it goes on; those made here do not.
        return Err(overlaid());
    }
    let holes = loads.windows(2).any(|w| matches!(w, [a, b] if a.mapend != b.mapstart));
    let mut space = Builder::new(bytes, page, f).of_size(size);
    space.map_file(first.mapstart, high, first.prot, first.mapoff);
    if holes {
        if last.mapstart < first.mapend {
            // Before the check existed, the length of the gap came out negative and mprotect refused it.
            return Err(if model.rules.checks_holes {
                Defect::OffsetNotPage
            } else {
                Defect::ProtectRefused
            });
        }
        space.protect(first.mapend, last.mapstart, 0);
    }
    let mut stray = false;
    for (i, l) in loads.iter().enumerate() {
        if i > 0 && l.mapend > l.mapstart {
            let too_high =
                f.is64 && high < BELOW_TOP && (BELOW_TOP..BELOW_TOP.wrapping_neg()).contains(&l.mapend);
            if too_high || offset_too_far(l) || (noexec && l.prot & 1 != 0) {
                return Err(if stray { overlaid() } else { Defect::MapRefused });
            }
            stray |= l.mapstart < first.mapstart || l.mapend > high;
            space.map_file(l.mapstart, l.mapend, l.prot, l.mapoff);
        }
        if phdr.is_none() && holds_headers(l, header) {
            phdr = Some(l.mapstart.wrapping_add(header.phoff).wrapping_sub(l.mapoff));
        }
        fill_zeros(&mut space, l, page).map_err(|defect| if stray { overlaid() } else { defect })?;
        stray |= l.allocend > l.dataend && l.allocend > high && !ends_below(l, f.is64);
    }
    if stray {
        return Err(overlaid());
    }
    if dynamic == 0 {
        return Err(Defect::NoDynamic);
    }
    let vm = space.finish(first.mapstart, high);
    Ok(Mapped { vm, dynamic, dynamic_readonly, stack_flags, tls, relro, phdr, readonly })
}

/// A segment lies outside the range reserved for the object and may now cover any other one.
fn overlaid() -> Defect {
    Defect::Memory { structure: Structure::Segments, fault: Fault { kind: FaultKind::Unknown, addr: 0 } }
}

fn check_alignment(s: &Segment, model: &LoaderModel) -> Result<(), Defect> {
    let page = model.page_size;
    let delta = s.vaddr.wrapping_sub(s.offset);
    if model.rules.strict_segment_align {
        if s.align & (page - 1) != 0 {
            return Err(Defect::AlignNotPage(s.align));
        }
        if delta & s.align.wrapping_sub(1) != 0 {
            return Err(Defect::OffsetNotAligned);
        }
    } else if delta & (page - 1) != 0 {
        return Err(Defect::OffsetNotPage);
    }
    Ok(())
}

fn load(s: &Segment, page: u64, is64: bool) -> Load {
    let cut = |v: u64| if is64 { v } else { v & 0xffff_ffff };
    let dataend = cut(s.vaddr.wrapping_add(s.filesz));
    Load {
        mapstart: s.vaddr & !(page - 1),
        mapend: cut(up(dataend, page)),
        dataend,
        allocend: cut(s.vaddr.wrapping_add(s.memsz)),
        mapoff: s.offset & !(page - 1),
        prot: (s.flags & 7) as u8,
    }
}

/// Rounds up to a page, wrapping as the loader's arithmetic does.
fn up(value: u64, page: u64) -> u64 {
    value.wrapping_add(page - 1) & !(page - 1)
}

/// `_dl_postprocess_loadcmd`: the segment whose file range holds the program headers.
fn holds_headers(l: &Load, header: &Header) -> bool {
    let entry = if header.format.is64 { 56 } else { 32 };
    let end = header.phoff.wrapping_add(entry * header.segments.len() as u64);
    l.mapoff <= header.phoff && l.mapend.wrapping_sub(l.mapstart).wrapping_add(l.mapoff) >= end
}

/// `l_addr + allocend` wraps round: the bss ends below its own start, and nothing is cleared or mapped.
fn ends_below(l: &Load, is64: bool) -> bool {
    is64 && l.allocend >= BELOW_TOP.wrapping_neg()
}

/// The bss of one segment: the rest of its last file page is cleared in place, further pages are anonymous.
fn fill_zeros(space: &mut Builder<'_>, l: &Load, page: u64) -> Result<(), Defect> {
    if l.allocend <= l.dataend || ends_below(l, space.is64()) {
        return Ok(());
    }
    let zeropage = up(l.dataend, page).min(l.allocend);
    if zeropage > l.dataend {
        if let Some(kind) = space.fault_at(l.dataend) {
            let fault = Fault { kind, addr: l.dataend };
            if l.prot & W == 0 && kind == FaultKind::Segv {
                return Err(Defect::ProtectRefused);
            }
            return Err(Defect::Memory { structure: Structure::Segments, fault });
        }
        space.clear(l.dataend, zeropage);
    }
    if l.allocend > zeropage {
        let size = l.allocend - zeropage;
        if size > ANONYMOUS_REFUSED {
            return Err(Defect::ZeroFillRefused);
        }
        if size > ANONYMOUS_SURE {
            let fault = Fault { kind: FaultKind::Limit, addr: zeropage };
            return Err(Defect::Memory { structure: Structure::Segments, fault });
        }
        space.map_zero(zeropage, up(l.allocend, page), l.prot);
    }
    Ok(())
}
