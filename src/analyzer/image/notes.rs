//! Notes that the loader or its users act on: GNU properties (ISA level) and `.note.dlopen`.
//! It must never fail a file for a malformed note: the loader does not either.
//! Follows glibc sysdeps/x86/dl-prop.h and the uapi-group `ELF dlopen metadata` specification.

use object::elf;

use super::header::Segment;
use super::limits;
use super::vm::{Fault, Vm};
use crate::analyzer::loader_model::LoaderModel;
use crate::analyzer::model::Machine;

const AARCH64_FEATURE_1_AND: u32 = 0xc000_0000;
const FEATURE_1_AND: u32 = 0xc000_0002;
const ISA_1_NEEDED: u32 = 0xc000_8002;
const ONE_NEEDED: u32 = 0xb000_8000;
const PROPERTY_NOTE: u32 = 5;
const DLOPEN_NOTE: u32 = 0x407c_0c0a;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Property {
    Unknown,
    None,
    Valid,
}

/// The x86 ISA bits an object needs, 0 elsewhere.
///
/// # Errors
/// The fault of reading a note segment.
pub fn isa_needed(vm: &Vm<'_>, segments: &[Segment], model: &LoaderModel) -> Result<u32, Fault> {
    let checks = model.rules.checks_isa && matches!(model.machine, Machine::X86_64 | Machine::I386);
    let mut state = (Property::Unknown, 0);
    for s in segments.iter().rev() {
        match elf::ProgramType(s.kind) {
            elf::PT_NOTE if checks => scan(vm, s, &mut state)?,
            elf::PT_GNU_PROPERTY if checks && model.rules.gnu_property_segment => scan(vm, s, &mut state)?,
            elf::PT_GNU_PROPERTY if model.rules.walks_gnu_property => walk(vm, s, model.machine)?,
            _ => {}
        }
    }
    Ok(if state.0 == Property::Valid { state.1 } else { 0 })
}

/// The head of one note.
struct Note {
    at: u64,
    name: u32,
    size: u32,
    kind: u32,
}

impl Note {
    fn read(vm: &Vm<'_>, at: u64) -> Result<Note, Fault> {
        let (name, size, kind) = (vm.u32(at)?, vm.u32(at.wrapping_add(4))?, vm.u32(at.wrapping_add(8))?);
        Ok(Note { at, name, size, kind })
    }

    /// NT_GNU_PROPERTY_TYPE_0 of `GNU`.
    fn is_property(&self, vm: &Vm<'_>) -> Result<bool, Fault> {
        Ok(self.name == 4 && self.kind == PROPERTY_NOTE && is_gnu(vm, self.at.wrapping_add(12))?)
    }

    /// Its descriptor holds no whole properties.
    fn is_malformed(&self, word: u64) -> bool {
        self.size < 8 || !u64::from(self.size).is_multiple_of(word)
    }

    /// `ELF_NOTE_NEXT_OFFSET`: where the one behind it begins.
    fn next(&self, word: u64) -> u64 {
        let name_end = 12u64.wrapping_add(u64::from(self.name)).next_multiple_of(word);
        self.at.wrapping_add(name_end.wrapping_add(u64::from(self.size)).next_multiple_of(word))
    }
}

/// elf/dl-load.c:_dl_process_pt_gnu_property: only aarch64 makes anything of it, but all read it.
fn walk(vm: &Vm<'_>, s: &Segment, machine: Machine) -> Result<(), Fault> {
    let word = vm.format.word();
    if s.align != word {
        return Ok(());
    }
    let mut at = s.vaddr;
    for _ in 0..limits::NOTE_STEPS {
        if at.wrapping_add(12).wrapping_sub(s.vaddr) >= s.memsz {
            break;
        }
        let note = Note::read(vm, at)?;
        if note.is_property(vm)? {
            return if note.is_malformed(word) {
                Ok(())
            } else {
                properties(vm, at.wrapping_add(16), u64::from(note.size), machine)
            };
        }
        at = note.next(word);
    }
    Ok(())
}

/// The properties of one note. A machine that knows none stops at the first.
fn properties(vm: &Vm<'_>, start: u64, size: u64, machine: Machine) -> Result<(), Fault> {
    let (mut at, end, mut last) = (start, start.wrapping_add(size), 0);
    for _ in 0..limits::NOTE_STEPS {
        let (kind, len) = (vm.u32(at)?, u64::from(vm.u32(at.wrapping_add(4))?));
        at = at.wrapping_add(8);
        if kind < last || at.wrapping_add(len) > end || machine != Machine::Aarch64 {
            break;
        }
        if kind == AARCH64_FEATURE_1_AND {
            if len != 4 {
                break;
            }
            vm.u32(at)?;
        }
        last = kind;
        at = at.wrapping_add(len.next_multiple_of(vm.format.word()));
        if (end.wrapping_sub(at) as i64) < 8 {
            break;
        }
    }
    Ok(())
}

/// `_dl_process_property_note`.
fn scan(vm: &Vm<'_>, s: &Segment, state: &mut (Property, u32)) -> Result<(), Fault> {
    let word = vm.format.word();
    if state.0 != Property::Unknown || s.align != word {
        return Ok(());
    }
    let (mut isa, mut other) = (0u32, 0u32);
    let mut last = 0u32;
    let mut at = s.vaddr;
    let mut steps = 0;
    while at.wrapping_add(12).wrapping_sub(s.vaddr) < s.memsz {
        steps += 1;
        if steps > limits::NOTE_STEPS {
            break;
        }
        let note = Note::read(vm, at)?;
        if note.is_property(vm)? {
            if state.0 != Property::Unknown {
                return Ok(());
            }
            state.0 = Property::None;
            if note.is_malformed(word) {
                return Ok(());
            }
            let mut p = at.wrapping_add(16);
            let end = p.wrapping_add(u64::from(note.size));
            loop {
                let (kind, len) = (vm.u32(p)?, vm.u32(p.wrapping_add(4))?);
                if kind < last {
                    return Ok(());
                }
                p = p.wrapping_add(8);
                if p.wrapping_add(u64::from(len)) > end {
                    return Ok(());
                }
                last = kind;
                if matches!(kind, FEATURE_1_AND | ISA_1_NEEDED | ONE_NEEDED) {
                    if len != 4 {
                        return Ok(());
                    }
                    let value = vm.u32(p)?;
                    if kind == ISA_1_NEEDED {
                        isa = value;
                        break;
                    }
                    other |= value;
                } else if kind > ISA_1_NEEDED {
                    break;
                }
                p = p.wrapping_add(u64::from(len).next_multiple_of(word));
                if end.wrapping_sub(p) as i64 <= 7 {
                    break;
                }
            }
        }
        at = note.next(word);
    }
    *state = if isa != 0 || other != 0 { (Property::Valid, isa) } else { (Property::None, 0) };
    Ok(())
}

fn is_gnu(vm: &Vm<'_>, at: u64) -> Result<bool, Fault> {
    let mut b = [0; 4];
    vm.read(at, &mut b)?;
    Ok(&b == b"GNU\0")
}

/// The JSON texts of all `.note.dlopen` notes (type 0x407c0c0a, owner "FDO").
pub fn dlopen_texts<'h>(vm: &Vm<'h>, segments: &[Segment]) -> Vec<&'h [u8]> {
    let mut out = Vec::new();
    for s in segments.iter().filter(|s| s.kind == elf::PT_NOTE.0) {
        let Some(window) = vm.window(s.vaddr) else { continue };
        let bytes = window.get(..usize::try_from(s.memsz).unwrap_or(usize::MAX)).unwrap_or(window);
        let align = if s.align == 8 { 8 } else { 4 };
        let mut at = 0usize;
        for _ in 0..limits::NOTE_STEPS {
            let word = |o: usize| vm.format.u32(bytes, at.saturating_add(o)).map(|v| v as usize);
            let (Some(name), Some(size), Some(kind)) = (word(0), word(4), word(8)) else { break };
            let text = at.saturating_add(12).saturating_add(name).saturating_sub(at).next_multiple_of(align);
            let text = at.saturating_add(text);
            let end = text.saturating_add(size);
            let owner = bytes.get(at.saturating_add(12)..at.saturating_add(16));
            if kind == DLOPEN_NOTE as usize
                && name == 4
                && owner == Some(b"FDO\0")
                && let Some(json) = bytes.get(text..end)
            {
                let stop = json.iter().position(|b| *b == 0).unwrap_or(json.len());
                out.push(json.get(..stop).unwrap_or_default());
            }
            let Some(next) = end.checked_next_multiple_of(align) else { break };
            at = next;
        }
    }
    out
}
