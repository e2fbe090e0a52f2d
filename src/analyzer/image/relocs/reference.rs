//! What one record refers to, and what it leaves where a constructor's address is expected.
//! It must never look a name up: a reference is a number and a hash until it is bound.
//! Follows glibc elf/dl-reloc.c:resolve_map and the machines' elf_machine_rel(a).

use super::super::limits;
use super::super::reloc_types::{self, Action, Kind};
use super::super::symbols::{STB_LOCAL, STB_WEAK, STT_GNU_IFUNC, Symbol};
use super::record::Record;
use super::walk::{Step, Walk};
use super::{
    COPY, DEFINED, Import, LAZY, NEEDS_VALUE, OWN, OWN_IFUNC, PLT, PROTECTED, STATIC_TLS, TLS_DESCRIPTOR,
    Target, WEAK,
};
use crate::analyzer::defect::{Defect, Structure};
use crate::analyzer::loader_model::LoaderModel;

/// A relocation type as this walk uses it.
#[derive(Clone, Copy)]
pub(super) struct Use {
    number: u32,
    /// The loader knows it.
    known: bool,
    /// Flags of an import.
    class: u16,
    /// The bit of `seen` for this class of reference.
    bit: u8,
    /// Bytes stored.
    width: u8,
    /// What comes before anything is looked up.
    first: First,
}

/// What the loader does before it looks at the symbol of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    /// Nothing: it refers to the symbol.
    Refers,
    /// It puts the record off.
    Later,
    /// It goes on to the next record.
    Skips,
    /// It stores an address of the object.
    Relative,
}

/// In `seen`: the symbol binds to the object itself.
const BINDS_HERE: u8 = 64;

impl Use {
    /// A type's number under `model`.
    pub(super) fn of(model: &LoaderModel, number: u32) -> Use {
        let kind = reloc_types::lookup(model, number);
        let known = kind.unwrap_or(Kind { action: Action::None, plt: false, width: 0 });
        let extra = match known.action {
            Action::Size => NEEDS_VALUE,
            Action::TlsStatic => STATIC_TLS,
            Action::TlsDescriptor => TLS_DESCRIPTOR,
            Action::Copy => COPY,
            Action::JumpSlot => LAZY,
            _ => 0,
        };
        let class = if known.plt { PLT } else { 0 } | extra;
        let bit = match class {
            0 => 1u8,
            PLT => 2,
            c if c & LAZY != 0 => 128,
            NEEDS_VALUE => 4,
            COPY => 8,
            c if c & STATIC_TLS != 0 => 16,
            _ => 32,
        };
        let first = match kind.map(|k| k.action) {
            Some(Action::Irelative) => First::Later,
            Some(Action::None) if !reloc_types::looks_up_always(model.machine) => First::Skips,
            Some(Action::Relative) => First::Relative,
            _ => First::Refers,
        };
        let width = if known.action == Action::None { 0 } else { known.width };
        Use { number, known: kind.is_some(), class, bit, width, first }
    }
}

impl Walk<'_, '_> {
    /// One record behind the relative prefix.
    #[inline]
    pub(super) fn record(&mut self, r: Record) -> Step {
        if self.last.number != r.number {
            self.last = Use::of(self.model, r.number);
        }
        let u = self.last;
        if r.symbol >= self.versym_rows
            && let Some(table) = self.versym
        {
            // The version index is read before the type is looked at, that of symbol 0 too.
            self.symbols.version_index(self.vm, table, r.symbol)?;
        }
        let seen = self.seen.get(r.symbol as usize).copied().unwrap_or(0);
        let own = match u.first {
            // Referred to in the same way before: it was read then, and nothing went wrong.
            First::Refers if seen & u.bit != 0 => seen & BINDS_HERE != 0,
            First::Refers => self.reference(r, u)?,
            First::Skips => return Ok(()),
            First::Later => {
                self.out.irelative = true;
                self.late.push(r);
                return Ok(());
            }
            First::Relative => {
                self.store(r.offset, u64::from(u.width))?;
                return self.constructor_slot(r);
            }
        };
        if !u.known {
            return Err(Defect::RelocationType { number: r.number, plt: false });
        }
        if u.width > 0 {
            self.store(r.offset, u64::from(u.width))?;
        }
        if r.offset < self.init_range.0 || r.offset >= self.init_range.1 {
            return Ok(());
        }
        let symbol = if own { self.symbols.symbol(self.vm, r.symbol)?.value } else { 0 };
        self.slot(r, symbol, !own)
    }

    /// Notes what the record refers to, the first time; true when it binds to the object itself.
    fn reference(&mut self, r: Record, u: Use) -> Result<bool, Defect> {
        if let (Some((symbol, at @ None)), Some(written)) = (&mut self.mark, &self.written)
            && *symbol == r.symbol
        {
            *at = Some(written.len());
        }
        let s = self.symbols.symbol(self.vm, r.symbol)?;
        let own = s.binding() == STB_LOCAL || s.binds_local();
        if own {
            if s.kind() == STT_GNU_IFUNC && s.shndx != 0 {
                self.vm.executable(self.vm.format.wrap(s.value)).map_err(Defect::Code)?;
            }
            if u.class & (STATIC_TLS | TLS_DESCRIPTOR) != 0 || s.kind() == STT_GNU_IFUNC {
                let import =
                    Import { symbol: r.symbol, name: s.name, hash: 0, version: 0, flags: u.class | OWN };
                self.out.imports.push(import);
            }
        } else {
            let version = self.version(r.symbol)?;
            let hash = self.symbols.hash_of_name(self.vm, s.name)?;
            let flags = u.class | reference_flags(&s);
            self.out.may_need_value |= flags & (NEEDS_VALUE | WEAK) == NEEDS_VALUE | WEAK;
            self.out.imports.push(Import { symbol: r.symbol, name: s.name, hash, version, flags });
        }
        self.remember(r.symbol as usize, u.bit | if own { BINDS_HERE } else { 0 });
        Ok(own)
    }

    fn remember(&mut self, index: usize, bits: u8) {
        // Symbol entries were read from the file, so the table is no larger than the file allows;
        // a symbol table in bss could be: such references are simply not remembered.
        if index >= self.seen.len() && index < (1 << 22) {
            self.seen.resize((index + 1).next_power_of_two().max(256), 0);
        }
        if let Some(slot) = self.seen.get_mut(index) {
            *slot |= bits;
        }
    }

    /// The row of `l_versions` a reference uses; 0 when it is unversioned.
    fn version(&self, symbol: u32) -> Result<u16, Defect> {
        let Some(table) = self.versym else { return Ok(0) };
        let index = self.symbols.version_index(self.vm, table, symbol)? & 0x7fff;
        if !self.versions.has_table() {
            // `&l_versions[index]` of a null table: only row 0 compares as "no version".
            return if index == 0 { Ok(0) } else { Err(Defect::MissingTable(Structure::VersionIndex)) };
        }
        Ok(match self.versions.entry(index)? {
            Some(e) if e.hash != 0 => index,
            _ => 0,
        })
    }

    /// The same for an address of the object.
    #[inline]
    pub(super) fn constructor_slot(&mut self, r: Record) -> Step {
        self.slot(r, 0, false)
    }

    /// Notes what a record leaves in a slot that the loader will call: `base` and the addend, or a binding.
    #[inline]
    fn slot(&mut self, r: Record, base: u64, bound: bool) -> Step {
        if r.offset < self.init_range.0 || r.offset >= self.init_range.1 {
            return Ok(());
        }
        if self.init.iter().any(|(s, e)| r.offset >= *s && r.offset < *e)
            && self.out.slots.len() < limits::CONSTRUCTORS
        {
            let addend = self.addend(r)?;
            let import = self.out.imports.iter().rposition(|i| i.symbol == r.symbol);
            let target = match import.and_then(|i| u32::try_from(i).ok()).filter(|_| bound) {
                Some(import) => Target::Symbol(import, addend),
                None => Target::Address(base.wrapping_add(addend)),
            };
            self.out.slots.push((r.offset, target));
        }
        Ok(())
    }
}

fn reference_flags(s: &Symbol) -> u16 {
    (if s.binding() == STB_WEAK { WEAK } else { 0 })
        | (if s.shndx != 0 { DEFINED } else { 0 })
        | (if s.is_protected() { PROTECTED } else { 0 })
        | (if s.shndx != 0 && s.kind() == STT_GNU_IFUNC { OWN_IFUNC } else { 0 })
}
