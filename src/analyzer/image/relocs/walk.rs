//! The walk over the relocation tables: which records there are, in which order, and what each one stores to.
//! It must never trust a count or an address; the loader's pointer arithmetic is repeated with its wrapping.
//! Follows glibc elf/dynamic-link.h and elf/do-rel.h.

use super::super::dynamic::{self, Dynamic};
use super::super::reloc_types;
use super::super::symbols::Symbols;
use super::super::versions::Versions;
use super::super::vm::{Fault, FaultKind, Vm};
use super::Relocs;
use super::record::{Layout, Record};
use super::reference::Use;
use crate::analyzer::defect::{Assertion, Defect, Structure};
use crate::analyzer::loader_model::LoaderModel;

/// A walk under way.
pub(super) struct Walk<'a, 'h> {
    pub(super) model: &'a LoaderModel,
    pub(super) vm: &'a Vm<'h>,
    pub(super) symbols: &'a Symbols<'h>,
    pub(super) versions: &'a Versions<'h>,
    pub(super) versym: Option<u64>,
    /// How many version indices can be read without a fault.
    pub(super) versym_rows: u32,
    pub(super) out: Relocs,
    /// What each symbol was referred to as; see `reference.rs`.
    pub(super) seen: Vec<u8>,
    /// The type looked at last.
    pub(super) last: Use,
    /// Records read.
    pub(super) records: u64,
    /// The type that the loader asserts of the relative prefix.
    relative: Option<u32>,
    /// The writable area the last store went to.
    hot: (u64, u64),
    pub(super) init: [(u64, u64); 2],
    /// Both arrays of constructors and what lies between them.
    pub(super) init_range: (u64, u64),
    live: &'a [(u64, u64)],
    in_relr: bool,
    pub(super) late: Vec<Record>,
    /// Every place written to, if somebody wants to know.
    pub(super) written: Option<Vec<u64>>,
    /// A symbol, and how many places were written before its first record.
    pub(super) mark: Option<(u32, Option<usize>)>,
}

/// What goes wrong with a record, if anything.
pub(super) type Step = Result<(), Defect>;

/// A walk that has not begun.
pub(super) fn walk<'a, 'h>(
    vm: &'a Vm<'h>,
    d: &'a Dynamic,
    symbols: &'a Symbols<'h>,
    versions: &'a Versions<'h>,
    model: &'a LoaderModel,
) -> Walk<'a, 'h> {
    let array = |a: (Option<u64>, Option<u64>)| {
        let start = a.0.unwrap_or(0);
        (start, start.saturating_add(a.1.unwrap_or(0)))
    };
    let init = [array(d.init_array), array(d.preinit_array)];
    let some = init.iter().filter(|(start, end)| start < end);
    let init_range = some.fold((u64::MAX, 0), |(low, high), (start, end)| (low.min(*start), high.max(*end)));
    Walk {
        model,
        vm,
        symbols,
        versions,
        versym: d.versym,
        versym_rows: symbols.version_rows(),
        out: Relocs::default(),
        seen: Vec::new(),
        last: Use::of(model, 0),
        records: 0,
        relative: reloc_types::asserts_relative(model.machine),
        hot: (0, 0),
        init,
        init_range,
        live: &d.live,
        in_relr: false,
        late: Vec::new(),
        written: None,
        mark: None,
    }
}

impl Walk<'_, '_> {
    pub(super) fn all(&mut self, d: &Dynamic) -> Step {
        if self.model.rules.relr {
            self.in_relr = true;
            self.relr(d)?;
            self.in_relr = false;
        }
        if self.model.machine.uses_rel() {
            let plt = d.jmprel.2 == Some(17);
            self.ranges(d, d.rel, plt, false)?;
            let plt = d.jmprel.2 == Some(7);
            self.ranges(d, d.rela, plt, true)
        } else {
            self.ranges(d, d.rela, d.jmprel.2.is_some(), true)
        }
    }

    /// `_ELF_DYNAMIC_DO_RELOC`: the general and the PLT range, merged when contiguous.
    fn ranges(
        &mut self,
        d: &Dynamic,
        general: (Option<u64>, Option<u64>, Option<u64>),
        plt: bool,
        rela: bool,
    ) -> Step {
        let missing = Defect::MissingTable(Structure::Relocations);
        let (mut first, mut second) = ((0u64, 0u64, 0u64), (0u64, 0u64));
        if let Some(start) = general.0.filter(|s| *s != 0 || !self.model.rules.relr) {
            first = (start, general.1.ok_or(missing.clone())?, general.2.unwrap_or(0));
        }
        if plt {
            let start = d.jmprel.0.ok_or(missing.clone())?;
            let size = d.jmprel.1.ok_or(missing)?;
            if first.0 == 0 {
                first.0 = start;
            }
            if first.0.wrapping_add(first.1) == start.wrapping_add(size) {
                first.1 = first.1.wrapping_sub(size);
            }
            if first.0.wrapping_add(first.1) == start {
                first.1 = first.1.wrapping_add(size);
            } else {
                second = (start, size);
            }
        }
        self.range(first.0, first.1, first.2, rela)?;
        self.range(second.0, second.1, 0, rela)
    }

    /// `elf_dynamic_do_Rel(a)`: relative prefix, the others, then IRELATIVE.
    fn range(&mut self, start: u64, size: u64, relative: u64, rela: bool) -> Step {
        let f = self.vm.format;
        let layout = Layout { format: f, rela };
        let entry = layout.size() as u64;
        // The table's address is taken before anything is looked at, records or not.
        if self.symbols.symtab.is_none() {
            return Err(Defect::MissingTable(Structure::Symbols));
        }
        // Pointer arithmetic of the loader, which may wrap: a silly count can even lead backwards.
        let behind = f.wrap(start.wrapping_add(relative.wrapping_mul(entry)));
        let end = f.wrap(start.wrapping_add(size));
        self.late.clear();
        if f.pointer(behind) > f.pointer(start) {
            let size = f.wrap(behind.wrapping_sub(start));
            self.each(start, size, layout, Self::plainly_relative, Self::relative)?;
        }
        if f.pointer(end) > f.pointer(behind) {
            let size = f.wrap(end.wrapping_sub(behind));
            self.expect(size / entry);
            self.each(behind, size, layout, |_, _, _| false, Self::record)?;
        }
        for r in std::mem::take(&mut self.late) {
            self.irelative(r)?;
        }
        Ok(())
    }

    /// Makes room for the imports of so many records at once; what is not needed goes back.
    fn expect(&mut self, records: u64) {
        let most = records.min(u64::from(self.versym_rows)).min(1 << 20);
        self.out.imports.reserve(usize::try_from(most).unwrap_or(0));
    }

    /// Whether stores to all of `[start, end)` are in order and leave nothing that has to be noted.
    #[inline]
    fn is_plain(&self, start: u64, end: u64) -> bool {
        let apart = end <= self.init_range.0 || start >= self.init_range.1;
        start >= self.hot.0 && end <= self.hot.1 && apart && self.written.is_none()
    }

    /// Whether a block of the prefix that DT_RELACOUNT promises to be RELATIVE is just that, with every store where
    /// the one before the block went.
    #[inline(always)]
    fn plainly_relative(&self, block: &[u8], layout: Layout) -> bool {
        let relative = self.relative;
        let (mut low, mut high, mut other) = (u64::MAX, 0, false);
        for r in layout.records(block) {
            low = low.min(r.offset);
            high = high.max(r.offset);
            other |= relative.is_some_and(|number| number != r.number);
        }
        !other && high < u64::MAX - 16 && self.is_plain(low, high + self.vm.format.word())
    }

    #[inline]
    pub(super) fn store(&mut self, at: u64, width: u64) -> Step {
        let at = self.vm.format.wrap(at);
        if let Some(written) = &mut self.written {
            written.push(at);
        }
        if at >= self.hot.0 && at.saturating_add(width) <= self.hot.1 {
            return Ok(());
        }
        self.vm
            .writable(at, width)
            .map_err(|fault| Defect::Memory { structure: Structure::RelocationTarget, fault })?;
        let Some(a) = self.vm.area(at) else { return Ok(()) };
        // The part of the area around the store without a value that is read again.
        let (mut low, mut high) = (a.start, a.end);
        let word = self.vm.format.word();
        for (_, slot) in self.live.iter().filter(|(tag, _)| self.in_relr || !dynamic::makes_ranges(*tag)) {
            let end = slot.saturating_add(word);
            if end <= at {
                low = low.max(end);
            } else if *slot >= at.saturating_add(width) {
                high = high.min(*slot);
            } else {
                // The loader goes on with what is stored here.
                let fault = Fault { kind: FaultKind::Unknown, addr: *slot };
                return Err(Defect::Memory { structure: Structure::Dynamic, fault });
            }
        }
        self.hot = (low, high);
        Ok(())
    }

    pub(super) fn addend(&self, r: Record) -> Result<u64, Defect> {
        match r.addend {
            Some(a) => Ok(a),
            None => self
                .vm
                .addr(r.offset)
                .map_err(|fault| Defect::Memory { structure: Structure::RelocationTarget, fault }),
        }
    }

    /// One record of the prefix that DT_RELACOUNT promises to be RELATIVE.
    pub(super) fn relative(&mut self, r: Record) -> Step {
        if self.relative.is_some_and(|number| number != r.number) {
            return Err(Defect::Assertion(Assertion::RelativeCount));
        }
        self.store(r.offset, self.vm.format.word())?;
        self.constructor_slot(r)
    }

    fn irelative(&mut self, r: Record) -> Step {
        let target = self.addend(r)?;
        self.store(r.offset, self.vm.format.word())?;
        self.vm.executable(self.vm.format.wrap(target)).map_err(Defect::Code)
    }

    /// `ELF_DYNAMIC_DO_RELR`.
    fn relr(&mut self, d: &Dynamic) -> Step {
        let Some(start) = d.relr.0 else { return Ok(()) };
        let size = d.relr.1.ok_or(Defect::MissingTable(Structure::Relocations))?;
        let word = self.vm.format.word();
        let mut place = 0u64;
        let f = self.vm.format;
        let mut at = start;
        let end = f.wrap(start.wrapping_add(size));
        while f.pointer(at) < f.pointer(end) {
            let entry = self.vm.addr(at).map_err(table_fault)?;
            if entry & 1 == 0 {
                self.relr_store(entry)?;
                place = entry.wrapping_add(word);
            } else {
                let span = (word * 8 - 1) * word;
                if !self.is_plain(place, place.saturating_add(span)) {
                    for i in 0..word * 8 - 1 {
                        if entry >> (i + 1) & 1 != 0 {
                            self.relr_store(place.wrapping_add(i * word))?;
                        }
                    }
                }
                place = place.wrapping_add(span);
            }
            at = f.wrap(at.wrapping_add(word));
            self.count(1, at)?;
        }
        Ok(())
    }

    fn relr_store(&mut self, at: u64) -> Step {
        self.store(at, self.vm.format.word())?;
        self.constructor_slot(Record { offset: at, symbol: 0, number: 0, addend: None })
    }
}

pub(super) fn table_fault(fault: Fault) -> Defect {
    Defect::Memory { structure: Structure::Relocations, fault }
}
