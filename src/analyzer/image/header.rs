//! The ELF header and program headers as `open_verify` checks them, in its order.
//! It never looks at section headers and never trusts an offset.
//! Follows glibc elf/dl-load.c:open_verify, and Debian's local-ld-multiarch patch to it.

use object::read::elf::ProgramHeader;
use object::{Endianness, elf, pod};

use super::fmt::Format;
use super::vm::{Fault, FaultKind};
use crate::analyzer::defect::{Defect, Structure};
use crate::analyzer::errno::Errno;
use crate::analyzer::loader_model::{Distribution, LoaderModel};
use crate::analyzer::model::Machine;

/// One program header, widened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// `p_type`.
    pub kind: u32,
    /// `p_flags`.
    pub flags: u32,
    /// `p_offset`.
    pub offset: u64,
    /// `p_vaddr`.
    pub vaddr: u64,
    /// `p_filesz`.
    pub filesz: u64,
    /// `p_memsz`.
    pub memsz: u64,
    /// `p_align`.
    pub align: u64,
}

/// What is kept of the ELF header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Class and byte order.
    pub format: Format,
    /// `e_machine`.
    pub machine: u16,
    /// `e_type`.
    pub kind: u16,
    /// `e_flags`.
    pub flags: u32,
    /// `e_phoff`.
    pub phoff: u64,
    /// Program headers in file order.
    pub segments: Vec<Segment>,
}

impl Header {
    /// Where the last byte stands that a PT_LOAD takes from the file.
    pub fn loaded_end(&self) -> u64 {
        let loads = self.segments.iter().filter(|s| s.kind == elf::PT_LOAD.0);
        loads.map(|s| s.offset.saturating_add(s.filesz)).max().unwrap_or(0)
    }
}

/// Reads what can be read of a header without judging it (for reports about foreign files).
pub fn peek(bytes: &[u8]) -> Option<(Format, u16, u16)> {
    let format = Format { is64: *bytes.get(4)? == 2, big: *bytes.get(5)? == 2 };
    (bytes.get(..4)? == b"\x7fELF").then_some(())?;
    Some((format, format.u16(bytes, 18)?, format.u16(bytes, 16)?))
}

/// `open_verify`: the checks in the loader's order.
///
/// # Errors
/// The first defect; its `effect` says whether the search goes on.
pub fn open_verify(bytes: &[u8], model: &LoaderModel) -> Result<Header, Defect> {
    let format = Format::of(model.machine);
    let size = if format.is64 { 64 } else { 52 };
    if bytes.len() < size {
        return Err(Defect::TooShort);
    }
    let ident = bytes.get(..16).ok_or(Defect::TooShort)?;
    let byte = |i: usize| ident.get(i).copied().unwrap_or(0);
    let machine = format.u16(bytes, 18).unwrap_or(0);
    let flags = format.u32(bytes, if format.is64 { 48 } else { 36 }).unwrap_or(0);
    check_ident(ident, machine, flags, model, format, &byte)?;
    let version = format.u32(bytes, 20).unwrap_or(0);
    if version != 1 {
        return Err(Defect::FileVersion(version));
    }
    if !matches_host(machine, flags, byte(4), model) {
        return Err(Defect::WrongMachine(machine));
    }
    let kind = format.u16(bytes, 16).unwrap_or(0);
    if kind != elf::ET_DYN.0 && kind != elf::ET_EXEC.0 {
        return Err(Defect::FileType(kind));
    }
    if model.rules.exec_refused_early && kind == elf::ET_EXEC.0 {
        return Err(Defect::Executable);
    }
    let (at, entry) = if format.is64 { (54, 56u64) } else { (42, 32) };
    let phentsize = format.u16(bytes, at).unwrap_or(0);
    if u64::from(phentsize) != entry {
        return Err(Defect::PhentSize(phentsize));
    }
    let count = format.u16(bytes, at + 2).unwrap_or(0);
    let phoff = format.addr(bytes, if format.is64 { 32 } else { 28 }).unwrap_or(0);
    let segments = match wrapped_headers(bytes, format, phoff, count) {
        Some(stack) => stack.ok_or(Defect::Memory {
            structure: Structure::ProgramHeaders,
            fault: Fault { kind: FaultKind::Unknown, addr: phoff },
        })?,
        None => program_headers(bytes, format, phoff, count)
            .ok_or_else(|| Defect::HeadersUnreadable(refused_offset(phoff, count, entry)))?,
    };
    let header = Header { format, machine, kind, flags, phoff, segments };
    if model.rules.checks_abi_tag {
        abi_tag(bytes, &header, model.kernel)?;
    }
    Ok(header)
}

/// The identification bytes: first one comparison, and only when it fails the reasons one by one.
fn check_ident(
    ident: &[u8],
    machine: u16,
    flags: u32,
    model: &LoaderModel,
    format: Format,
    byte: &dyn Fn(usize) -> u8,
) -> Result<(), Defect> {
    let class = if format.is64 { 2 } else { 1 };
    let data = if format.big { 2 } else { 1 };
    let os_abi_ok = byte(7) == 0 || byte(7) == 3 || (model.machine == Machine::Arm && byte(7) == 64);
    let abi_version_ok = byte(8) == 0 || (byte(7) == 3 && byte(8) <= model.rules.max_abi_version);
    let padding_ok = ident.get(9..16).is_some_and(|p| p.iter().all(|b| *b == 0));
    // One comparison of the whole identification; the reasons are only asked for when it fails.
    let float_ok = model.machine != Machine::Arm || !arm_float_mismatch(flags);
    let same = ident.starts_with(b"\x7fELF") && byte(4) == class && byte(5) == data && byte(6) == 1;
    if same && os_abi_ok && abi_version_ok && padding_ok && float_ok {
        return Ok(());
    }
    if !ident.starts_with(b"\x7fELF") {
        return Err(Defect::NotElf);
    }
    if byte(4) != class {
        return Err(Defect::WrongClass(byte(4)));
    }
    if model.rules.skip_foreign_machine_early {
        // Debian reads e_machine in the loader's own byte order, before it looks at EI_DATA.
        let foreign = machine != model.machine.e_machine();
        if foreign || (model.machine == Machine::Arm && arm_float_mismatch(flags)) {
            return Err(Defect::WrongMachine(machine));
        }
    }
    if byte(5) != data {
        return Err(Defect::WrongByteOrder { found: byte(5), big: format.big });
    }
    if byte(6) != 1 {
        return Err(Defect::IdentVersion(byte(6)));
    }
    if !os_abi_ok {
        return Err(Defect::OsAbi(byte(7)));
    }
    if !abi_version_ok {
        return Err(Defect::AbiVersion(byte(8)));
    }
    if !padding_ok {
        return Err(Defect::IdentPadding);
    }
    if model.machine == Machine::Arm && arm_float_mismatch(flags) {
        return Err(Defect::HeaderInternal);
    }
    Ok(())
}

/// `VALID_ELF_HEADER` of a hard-float ARM loader: a soft-float EABI5 file does not fit.
fn arm_float_mismatch(flags: u32) -> bool {
    flags & 0xff00_0000 == 0x0500_0000 && flags & 0x200 != 0
}

/// `elf_machine_matches_host` of the machines.
fn matches_host(machine: u16, flags: u32, class: u8, model: &LoaderModel) -> bool {
    match model.machine {
        Machine::Riscv64 => machine == 243 && flags & 6 == model.float_abi,
        Machine::Ppc64 => {
            machine == 21
                && matches!((flags & 3, model.machine.is_big_endian()), (0 | 2, false) | (0 | 1, true))
        }
        Machine::S390x => (machine == 22 || machine == 0xA390) && class == 2,
        other => machine == other.e_machine(),
    }
}

/// `pread` refuses positions a file cannot have.
fn refused_offset(phoff: u64, count: u16, entry: u64) -> Option<Errno> {
    let end = phoff.checked_add(u64::from(count) * entry);
    end.is_none_or(|e| e > i64::MAX as u64).then_some(Errno::EINVAL)
}

/// `e_phoff + size` wraps: the loader takes the table from its stack, just before the buffer that holds the
/// head of the file. There stand a word nobody knows and the length of what was read, then the file.
/// `None`: it does not wrap. `Some(None)`: it begins further down the stack.
fn wrapped_headers(bytes: &[u8], f: Format, phoff: u64, count: u16) -> Option<Option<Vec<Segment>>> {
    if !f.is64 {
        return None;
    }
    let head = bytes.get(..832).unwrap_or(bytes);
    let end = phoff
        .checked_add(56 * u64::from(count))
        .is_none()
        .then(|| phoff.wrapping_add(56 * u64::from(count)))?;
    if end > head.len() as u64 {
        return None;
    }
    let mut stack = vec![0u8; 8];
    let length = head.len() as u64;
    stack.extend_from_slice(&if f.big { length.to_be_bytes() } else { length.to_le_bytes() });
    stack.extend_from_slice(head);
    let from = 16u64.checked_sub(phoff.wrapping_neg());
    Some(from.and_then(|at| program_headers(&stack, f, at, count)))
}

/// The table at `phoff`, every entry of it in the file.
pub(super) fn program_headers(bytes: &[u8], f: Format, phoff: u64, count: u16) -> Option<Vec<Segment>> {
    let table = bytes.get(usize::try_from(phoff).ok()?..)?;
    if f.is64 {
        widen::<elf::ProgramHeader64<Endianness>>(table, count, f)
    } else {
        widen::<elf::ProgramHeader32<Endianness>>(table, count, f)
    }
}

fn widen<P: ProgramHeader<Endian = Endianness>>(table: &[u8], count: u16, f: Format) -> Option<Vec<Segment>> {
    let endian = f.endian();
    let (headers, _) = pod::slice_from_bytes::<P>(table, usize::from(count)).ok()?;
    Some(
        headers
            .iter()
            .map(|p| Segment {
                kind: p.p_type(endian).0,
                flags: p.p_flags(endian).0,
                offset: p.p_offset(endian).into(),
                vaddr: p.p_vaddr(endian).into(),
                filesz: p.p_filesz(endian).into(),
                memsz: p.p_memsz(endian).into(),
                align: p.p_align(endian).into(),
            })
            .collect(),
    )
}

/// The kernel ABI note of old loaders: the first NT_GNU_ABI_TAG of a segment must name Linux and a kernel
/// that is not newer than the running one. The notes are read from the file, not from memory.
fn abi_tag(bytes: &[u8], header: &Header, kernel: Option<u32>) -> Result<(), Defect> {
    let f = header.format;
    for s in &header.segments {
        if s.kind != elf::PT_NOTE.0 || s.filesz < 32 || (s.align != 4 && s.align != 8) {
            continue;
        }
        let range = usize::try_from(s.offset).ok().zip(usize::try_from(s.filesz).ok());
        let note = range.and_then(|(o, n)| bytes.get(o..o.checked_add(n)?));
        let note = note.ok_or(Defect::HeadersUnreadable(None))?;
        let align = usize::try_from(s.align).unwrap_or(4);
        let mut at = 0usize;
        while at + 32 <= note.len() {
            let word = |o: usize| f.u32(note, at + o).unwrap_or(0);
            if (word(0), word(4), word(8)) == (4, 16, 1) && note.get(at + 12..at + 16) == Some(b"GNU\0") {
                let wanted = (word(20) & 0xff) << 16 | (word(24) & 0xff) << 8 | word(28) & 0xff;
                if word(16) != 0 || kernel.is_some_and(|k| k < wanted) {
                    return Err(Defect::AbiTag);
                }
                break;
            }
            let name = 12usize.saturating_add(word(0) as usize).next_multiple_of(align);
            at = at.saturating_add(name.saturating_add(word(4) as usize).next_multiple_of(align));
        }
    }
    Ok(())
}

/// Whether a distribution's patches apply to the header checks (for reports).
pub fn patched(model: &LoaderModel) -> bool {
    model.distribution == Distribution::Debian
}

/// What the first bytes of a file say it is (`object`'s constants name the values).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// A shared object: ET_DYN without an interpreter, or with a DT_SONAME beside it.
    Library,
    /// An executable, fixed or position-independent.
    Program,
    /// ELF, but neither (relocatable, core, no program headers).
    OtherElf,
    /// Something else.
    NotElf,
}

/// Sorts a file by its head: the first bytes of `size`. `whole` gives all of it, if that is needed.
pub fn kind_of<'b>(head: &[u8], size: u64, whole: impl FnOnce() -> Option<&'b [u8]>) -> FileKind {
    let Some((format, _, kind)) = peek(head) else { return FileKind::NotElf };
    match elf::FileType(kind) {
        elf::ET_EXEC => return FileKind::Program,
        elf::ET_DYN => {}
        elf::ET_REL | elf::ET_CORE => return FileKind::OtherElf,
        _ => return FileKind::Library,
    }
    let phoff = format.addr(head, if format.is64 { 32 } else { 28 }).unwrap_or(0);
    let count = format.u16(head, if format.is64 { 56 } else { 44 }).unwrap_or(0);
    // Headers that do not stand in front are rare; such a file is judged, which costs little.
    let Some(segments) = program_headers(head, format, phoff, count) else { return FileKind::Library };
    let find = |kind: elf::ProgramType| segments.iter().rev().find(|s| s.kind == kind.0);
    let Some(dynamic) = find(elf::PT_DYNAMIC) else {
        // Static programs; a file cut behind its header still says what it was.
        return if size < phoff.saturating_add(4096) { FileKind::Library } else { FileKind::OtherElf };
    };
    if dynamic.filesz == 0 {
        return FileKind::OtherElf;
    }
    let entry = format.addr(head, 24).unwrap_or(0);
    if find(elf::PT_INTERP).is_none() && entry == 0 {
        return FileKind::Library;
    }
    match whole() {
        // A static program that can stand anywhere has no interpreter, but an entry and DF_1_PIE.
        Some(bytes) if is_program(bytes, format, dynamic) => FileKind::Program,
        _ => FileKind::Library,
    }
}

/// The path in PT_INTERP of a file nobody has judged yet.
pub fn interpreter(bytes: &[u8]) -> Option<&[u8]> {
    let (format, ..) = peek(bytes)?;
    let phoff = format.addr(bytes, if format.is64 { 32 } else { 28 })?;
    let count = format.u16(bytes, if format.is64 { 56 } else { 44 })?;
    interpreter_in(bytes, &program_headers(bytes, format, phoff, count)?)
}

/// The path in PT_INTERP, which the kernel reads from the file.
pub fn interpreter_in<'b>(bytes: &'b [u8], segments: &[Segment]) -> Option<&'b [u8]> {
    let s = segments.iter().find(|s| s.kind == elf::PT_INTERP.0)?;
    let start = usize::try_from(s.offset).ok()?;
    let text = bytes.get(start..start.checked_add(usize::try_from(s.filesz).ok()?)?)?;
    text.get(..text.iter().position(|b| *b == 0)?)
}

/// Whether the rest of the file has to be asked if it is a program.
pub fn may_be_program(head: &[u8]) -> bool {
    !matches!(kind_of(head, u64::MAX, || None), FileKind::Library) || {
        let entry = peek(head).and_then(|(format, ..)| format.addr(head, 24));
        entry != Some(0)
    }
}

/// DF_1_PIE, or DT_DEBUG (which only link editors of programs write).
fn is_program(bytes: &[u8], f: Format, dynamic: &Segment) -> bool {
    let step = if f.is64 { 16 } else { 8 };
    let word = step / 2;
    let Ok(start) = usize::try_from(dynamic.offset) else { return false };
    let mut at = start;
    let end = start.saturating_add(usize::try_from(dynamic.filesz).unwrap_or(0));
    while at < end {
        let (Some(tag), Some(value)) = (f.addr(bytes, at), f.addr(bytes, at + word)) else { return false };
        match tag {
            0 => return false,
            21 => return true,
            0x6fff_fffb if value & 0x0800_0000 != 0 => return true,
            _ => at += step,
        }
    }
    false
}
