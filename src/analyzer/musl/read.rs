//! One file as musl maps it: almost nothing is checked, so almost everything is a matter of what the kernel does.
//! It must never refuse a file for what musl does not look at (`unchecked` says such things to people).
//! Follows musl ldso/dynlink.c: map_library, and Linux mm/mmap.c for what a mapping can be refused for.

use super::{dynamic, relocs};
use crate::analyzer::defect::{Defect, Structure};
use crate::analyzer::errno::Errno;
use crate::analyzer::image::constructors;
use crate::analyzer::image::elf::{self, ElfFacts, Image, Role, Texts};
use crate::analyzer::image::fmt::Format;
use crate::analyzer::image::header::{self, Header, Segment};
use crate::analyzer::image::notes;
use crate::analyzer::image::scan;
use crate::analyzer::image::segments::{ANONYMOUS_REFUSED, ANONYMOUS_SURE, Tls, task_size};
use crate::analyzer::image::symbols;
use crate::analyzer::image::versions;
use crate::analyzer::image::vm::{Builder, Fault, FaultKind, R, Vm, W, X};
use crate::analyzer::loader_model::{LoaderModel, MuslModel};

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_TLS: u32 = 7;
const PT_GNU_RELRO: u32 = 0x6474_e552;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
/// Below this nothing is mapped unless it is asked for by force (`vm.mmap_min_addr`).
const LOWEST_ADDRESS: u64 = 0x1_0000;

/// Reads one file as `model`'s loader would.
pub fn read<'h>(
    bytes: &'h [u8],
    model: &LoaderModel,
    musl: &MuslModel,
    noexec: bool,
    role: Role,
) -> Image<'h> {
    match try_read(bytes, model, musl, noexec, role) {
        Ok(facts) => Image::Mapped(Box::new(facts)),
        Err(defect) => Image::Refused(defect),
    }
}

fn try_read<'h>(
    bytes: &'h [u8],
    model: &LoaderModel,
    musl: &MuslModel,
    noexec: bool,
    role: Role,
) -> Result<ElfFacts<'h>, Defect> {
    let header = read_header(bytes, Format::of(model.machine))?;
    let last = |kind: u32| header.segments.iter().rev().find(|s| s.kind == kind);
    let Some(at) = last(PT_DYNAMIC).map(|s| s.vaddr).filter(|at| *at != 0) else {
        return Err(Defect::NoDynamic);
    };
    let vm = map(bytes, &header, model, musl, noexec, role)?;
    let dynamic = dynamic::read(&vm, at, model.machine)?;
    let vm = if dynamic.textrel {
        if noexec {
            return Err(Defect::Unmappable(Errno::EACCES));
        }
        vm.with_added(&[vm.range()], R | W | X)
    } else {
        vm
    };
    let mut symbols =
        symbols::setup(&vm, &dynamic, false).unwrap_or_else(|_| symbols::without_hash(&vm, &dynamic));
    let versions = versions::read(&vm, &dynamic, &symbols);
    let traits = scan::scan(&vm, &symbols, &versions);
    if traits.regular {
        symbols.vouch(&vm, traits.first);
    }
    let (relocs, changed) = relocs::read(&vm, &dynamic, &versions, model, musl);
    let mut constructors =
        constructors::read(&vm, &dynamic, &relocs, header.kind == ET_EXEC, (model.machine, u64::MAX));
    // Code from the wrong part of the file is not the code that was meant.
    let displaced = |s: &Segment| {
        s.kind == PT_LOAD && s.flags & 1 != 0 && s.vaddr.wrapping_sub(s.offset) & (model.page_size - 1) != 0
    };
    let calls = constructors.calls > 0 || changed;
    if constructors.fatal.is_none() && calls && (changed || header.segments.iter().any(displaced)) {
        constructors.fatal = Some(Defect::Code(Fault { kind: FaultKind::Unknown, addr: at }));
    }
    let Texts { soname, needs, rpath, runpath } = Texts::read(&symbols, &vm, &dynamic);
    let relro = last(PT_GNU_RELRO).map(|s| (s.vaddr, s.memsz));
    let tls = last(PT_TLS).filter(|s| s.memsz != 0).map(|s| Tls {
        size: s.memsz,
        align: s.align,
        first_byte: s.vaddr & s.align.wrapping_sub(1),
        image: (s.vaddr, s.filesz),
    });
    Ok(ElfFacts {
        soname,
        needs,
        rpath,
        runpath,
        traits,
        versions,
        relocs,
        constructors,
        tls,
        relro_fault: relro.and_then(|range| elf::relro(&vm, range, model.page_size)),
        isa_needed: 0,
        interpreter: header::interpreter_in(bytes, &header.segments),
        dlopen_notes: notes::dlopen_texts(&vm, &header.segments),
        symbols,
        vm,
        header,
        dynamic,
    })
}

/// The header and the program headers, from where the loader reads them: the first kilobyte, or a second read.
fn read_header(bytes: &[u8], f: Format) -> Result<Header, Defect> {
    let size = if f.is64 { 64usize } else { 52 };
    let buffer = size * ((896 + size) / size);
    let first = bytes.get(..buffer).unwrap_or(bytes);
    if first.len() < size {
        return Err(Defect::TooShort);
    }
    let half = |at: usize| f.u16(first, at).unwrap_or(0);
    let kind = half(16);
    if kind != ET_DYN && kind != ET_EXEC {
        return Err(Defect::FileType(kind));
    }
    let (entry_at, entry) = if f.is64 { (54, 56usize) } else { (42, 32) };
    let (step, count) = (usize::from(half(entry_at)), usize::from(half(entry_at + 2)));
    let phoff = f.addr(first, if f.is64 { 32 } else { 28 }).unwrap_or(0);
    let wanted = step * count;
    if wanted > i32::MAX as usize {
        // The product is computed as an int.
        return Err(Defect::Unmappable(Errno::ENOMEM));
    }
    let unknown = Defect::Memory {
        structure: Structure::ProgramHeaders,
        fault: Fault { kind: FaultKind::Unknown, addr: phoff },
    };
    let (table, start): (Vec<u8>, usize) = if wanted > buffer - size {
        (pread(bytes, phoff, wanted)?.to_vec(), 0)
    } else if f.wrap(phoff.wrapping_add(wanted as u64)) > first.len() as u64 {
        let mut table = first.to_vec();
        table.truncate(table.len().max(size + wanted));
        table.resize(table.len().max(size + wanted), 0);
        if let Some(part) = table.get_mut(size..size + wanted) {
            part.copy_from_slice(pread(bytes, phoff, wanted)?);
        }
        (table, size)
    } else {
        // An offset that wraps round leads before the buffer.
        (first.to_vec(), usize::try_from(phoff).ok().filter(|at| *at <= first.len()).ok_or(unknown.clone())?)
    };
    let mut segments = Vec::with_capacity(count);
    for i in 0..count {
        let at = start + i * step;
        // Beyond what was read lies memory nobody knows.
        let p = table.get(at..at + entry).ok_or(unknown.clone())?;
        let word = |at: usize| u64::from(f.u32(p, at).unwrap_or(0));
        let long = |at: usize| f.addr(p, at).unwrap_or(0);
        segments.push(if f.is64 {
            Segment {
                kind: word(0) as u32,
                flags: word(4) as u32,
                offset: long(8),
                vaddr: long(16),
                filesz: long(32),
                memsz: long(40),
                align: long(48),
            }
        } else {
            Segment {
                kind: word(0) as u32,
                flags: word(24) as u32,
                offset: word(4),
                vaddr: word(8),
                filesz: word(16),
                memsz: word(20),
                align: word(28),
            }
        });
    }
    let flags = f.u32(first, if f.is64 { 48 } else { 36 }).unwrap_or(0);
    Ok(Header { format: f, machine: half(18), kind, flags, phoff, segments })
}

/// `pread` of exactly `len` bytes.
fn pread(bytes: &[u8], offset: u64, len: usize) -> Result<&[u8], Defect> {
    if offset.saturating_add(len as u64) > i64::MAX as u64 {
        return Err(Defect::Unmappable(Errno::EINVAL));
    }
    let at = usize::try_from(offset).unwrap_or(usize::MAX);
    if len == 0 {
        return Ok(&[]);
    }
    let end = at.checked_add(len);
    end.and_then(|end| bytes.get(at..end)).ok_or(Defect::HeadersUnreadable(None))
}

/// The mappings: first the whole span with the lowest segment's offset and protection, then the others over it.
fn map<'h>(
    bytes: &'h [u8],
    header: &Header,
    model: &LoaderModel,
    musl: &MuslModel,
    noexec: bool,
    role: Role,
) -> Result<Vm<'h>, Defect> {
    let f = header.format;
    let page = model.page_size;
    let down = |v: u64| v & !(page - 1);
    let up = |v: u64| f.wrap(v.wrapping_add(page - 1)) & !(page - 1);
    let end_of = |s: &Segment| f.wrap(s.vaddr.wrapping_add(s.memsz));
    let loads: Vec<&Segment> = header.segments.iter().filter(|s| s.kind == PT_LOAD).collect();
    // The first of those at the lowest address.
    let top = f.wrap(u64::MAX);
    let Some(lowest) = loads.iter().filter(|s| s.vaddr < top).min_by_key(|s| s.vaddr) else {
        return Err(Defect::Unmappable(Errno::ENOMEM));
    };
    let (low, offset, prot) = (down(lowest.vaddr), down(lowest.offset), (lowest.flags & 7) as u8);
    let high = up(loads.iter().map(|s| end_of(s)).max().unwrap_or(0));
    let length = f.wrap(high.wrapping_sub(low).wrapping_add(offset));
    let check = Kernel { limit: task_size(model.machine), noexec, is64: f.is64 };
    check.mapping(length, prot, offset)?;
    if header.kind != ET_DYN && low != 0 && role == Role::Library {
        let end = low.saturating_add(length);
        if low < LOWEST_ADDRESS || end > check.limit {
            return Err(Defect::Unmappable(Errno::EBUSY));
        }
    }
    let end = f.wrap(low.wrapping_add(length));
    if end < low {
        return Err(Defect::Unmappable(Errno::ENOMEM));
    }
    let mut space = Builder::new(bytes, page, f);
    space.map_file(low, end, prot, offset);
    for s in loads {
        let (start, stop) = (down(s.vaddr), up(end_of(s)));
        let prot = (s.flags & 7) as u8;
        if start != low {
            let length = f.wrap(stop.wrapping_sub(start));
            if length > 0 || !musl.maps_empty_segments() {
                check.mapping(length, prot, down(s.offset))?;
                space.map_file(start, stop, prot, down(s.offset));
            }
        }
        if s.memsz > s.filesz && prot & W != 0 {
            let data_end = f.wrap(s.vaddr.wrapping_add(s.filesz));
            let page_end = up(data_end);
            if page_end != data_end {
                let memory = |kind| Defect::Memory {
                    structure: Structure::Segments,
                    fault: Fault { kind, addr: data_end },
                };
                match space.store_fault(data_end) {
                    Some(kind) => return Err(memory(kind)),
                    None => space.clear(data_end, page_end),
                }
            }
            if page_end < stop {
                check.mapping(stop - page_end, prot & !X, 0)?;
                space.map_zero(page_end, stop, prot);
            }
        }
    }
    Ok(space.finish(low, end))
}

/// What a mapping can be refused for.
struct Kernel {
    limit: u64,
    noexec: bool,
    is64: bool,
}

impl Kernel {
    /// `mmap` of `length` bytes.
    fn mapping(&self, length: u64, prot: u8, offset: u64) -> Result<(), Defect> {
        let refused = |errno| Err(Defect::Unmappable(errno));
        let most = if self.is64 { i64::MAX as u64 } else { i64::from(i32::MAX) as u64 };
        if length >= most || length > self.limit {
            return refused(Errno::ENOMEM);
        }
        if length == 0 {
            return refused(Errno::EINVAL);
        }
        if offset.saturating_add(length) > i64::MAX as u64 {
            return refused(Errno::EOVERFLOW);
        }
        if self.noexec && prot & X != 0 {
            return refused(Errno::EPERM);
        }
        if prot & W != 0 && length > ANONYMOUS_REFUSED {
            return refused(Errno::ENOMEM);
        }
        if prot & W != 0 && length > ANONYMOUS_SURE {
            let fault = Fault { kind: FaultKind::Limit, addr: 0 };
            return Err(Defect::Memory { structure: Structure::Segments, fault });
        }
        Ok(())
    }
}
