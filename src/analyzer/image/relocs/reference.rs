//! What one record refers to, and what it leaves where a constructor's address is expected.
//! It must never look a name up: a reference is a number and a hash until it is bound.
//! Follows glibc elf/dl-reloc.c:resolve_map and the machines' elf_machine_rel(a).

use super::super::limits;
use super::super::reloc_types::{self, Action, Kind};
use super::super::symbols::{STB_LOCAL, STB_WEAK, STT_GNU_IFUNC, Symbol, gnu_hash};
use super::record::Record;
use super::walk::{Step, Walk};
use super::{
    COPY, DEFINED, Import, LAZY, NEEDS_VALUE, OWN, OWN_IFUNC, PLT, PROTECTED, STATIC_TLS, TLS_DESCRIPTOR,
    Target, WEAK,
};
use crate::analyzer::defect::{Defect, Structure};

impl Walk<'_, '_> {
    pub(super) fn record(&mut self, r: Record) -> Step {
        let known = reloc_types::lookup(self.model, r.number);
        if let Some(table) = self.versym {
            // The version index is read before the type is looked at, that of symbol 0 too.
            self.symbols.version_index(self.vm, table, r.symbol)?;
        }
        match known {
            Some(Kind { action: Action::Irelative, .. }) => {
                self.out.irelative = true;
                self.late.push(r);
                return Ok(());
            }
            Some(Kind { action: Action::None, .. }) if !reloc_types::looks_up_always(self.model.machine) => {
                return Ok(());
            }
            Some(k @ Kind { action: Action::Relative, .. }) => {
                self.store(r.offset, u64::from(k.width))?;
                return self.constructor_slot(r);
            }
            _ => {}
        }
        if let (Some((symbol, at @ None)), Some(written)) = (&mut self.mark, &self.written)
            && *symbol == r.symbol
        {
            *at = Some(written.len());
        }
        let own = self.reference(r, known)?;
        let Some(k) = known else {
            return Err(Defect::RelocationType { number: r.number, plt: false });
        };
        if k.width > 0 && !matches!(k.action, Action::None) {
            self.store(r.offset, u64::from(k.width))?;
        }
        let symbol = if own { self.symbols.symbol(self.vm, r.symbol)?.value } else { 0 };
        self.slot(r, symbol, !own)
    }

    /// Notes what the record refers to; true when it binds to the object itself.
    fn reference(&mut self, r: Record, known: Option<Kind>) -> Result<bool, Defect> {
        let kind = known.unwrap_or(Kind { action: Action::None, plt: false, width: 0 });
        let extra = match kind.action {
            Action::Size => NEEDS_VALUE,
            Action::TlsStatic => STATIC_TLS,
            Action::TlsDescriptor => TLS_DESCRIPTOR,
            Action::Copy => COPY,
            Action::JumpSlot => LAZY,
            _ => 0,
        };
        let class = if kind.plt { PLT } else { 0 } | extra;
        let bit = match class {
            0 => 1u8,
            PLT => 2,
            c if c & LAZY != 0 => 128,
            NEEDS_VALUE => 4,
            COPY => 8,
            c if c & STATIC_TLS != 0 => 16,
            _ => 32,
        };
        let index = r.symbol as usize;
        if let Some(seen) = self.seen.get(index)
            && seen & bit != 0
        {
            return Ok(seen & 64 != 0);
        }
        let s = self.symbols.symbol(self.vm, r.symbol)?;
        let own = s.binding() == STB_LOCAL || s.binds_local();
        self.remember(index, bit | if own { 64 } else { 0 });
        if own {
            if s.kind() == STT_GNU_IFUNC && s.shndx != 0 {
                self.vm.executable(self.vm.format.wrap(s.value)).map_err(Defect::Code)?;
            }
            if class & (STATIC_TLS | TLS_DESCRIPTOR) != 0 || s.kind() == STT_GNU_IFUNC {
                let import =
                    Import { symbol: r.symbol, name: s.name, hash: 0, version: 0, flags: class | OWN };
                self.out.imports.push(import);
            }
            return Ok(true);
        }
        let version = self.version(r.symbol)?;
        let name = self.symbols.string(self.vm, u64::from(s.name))?;
        let import = Import {
            symbol: r.symbol,
            name: s.name,
            hash: gnu_hash(&name),
            version,
            flags: class | reference_flags(&s),
        };
        self.out.may_need_value |= import.flags & (NEEDS_VALUE | WEAK) == NEEDS_VALUE | WEAK;
        self.out.imports.push(import);
        Ok(false)
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

    pub(super) fn constructor_slot(&mut self, r: Record) -> Step {
        self.slot(r, 0, false)
    }

    /// Notes what a record leaves in a slot that the loader will call: `base` and the addend, or a binding.
    fn slot(&mut self, r: Record, base: u64, bound: bool) -> Step {
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
