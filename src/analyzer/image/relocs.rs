//! The relocations of one object as a list of what must be looked up, and the first thing that goes
//! wrong for reasons the object carries in itself. It must never depend on other objects.
//! Follows glibc elf/dynamic-link.h, elf/do-rel.h and elf/dl-reloc.c:resolve_map.

use std::ops::ControlFlow;

use object::read::elf::{Rel, Rela};
use object::{BigEndian, LittleEndian, elf, endian, pod};

use super::dynamic::{self, Dynamic};
use super::limits;
use super::reloc_types::{self, Action, Kind};
use super::symbols::{STB_LOCAL, STB_WEAK, Symbol, Symbols, gnu_hash};
use super::versions::Versions;
use super::vm::{Fault, FaultKind, Vm};
use crate::analyzer::defect::{Assertion, Defect, Structure};
use crate::analyzer::loader_model::LoaderModel;

/// The reference is weak: not finding it is no error.
pub const WEAK: u16 = 1;
/// PLT class.
pub const PLT: u16 = 2;
/// Copy class: the main program is not searched.
pub const COPY: u16 = 4;
/// Binds to the object itself without a look-up.
pub const OWN: u16 = 8;
/// A missing weak definition is a null dereference.
pub const NEEDS_VALUE: u16 = 16;
/// The definition's object needs static TLS.
pub const STATIC_TLS: u16 = 32;
/// The definition's object gets static TLS if there is room.
pub const TLS_DESCRIPTOR: u16 = 64;
/// The object itself defines the symbol.
pub const DEFINED: u16 = 128;
/// A jump slot: bound at the first call where binding is lazy.
pub const LAZY: u16 = 512;
/// The object's own definition is an IFUNC.
pub const OWN_IFUNC: u16 = 1024;
/// STV_PROTECTED reference: binds to itself when found elsewhere.
pub const PROTECTED: u16 = 256;

/// One thing a relocation refers to; the first of equal ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Import {
    /// Symbol table index.
    pub symbol: u32,
    /// Offset of the name.
    pub name: u32,
    /// GNU hash of the name.
    pub hash: u32,
    /// Row of the version table, 0 for none.
    pub version: u16,
    /// The constants above.
    pub flags: u16,
}

/// What ends up in a constructor slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// An address of this object.
    Address(u64),
    /// The address of what this import is bound to, plus a number.
    Symbol(u32, u64),
}

/// The relocations of one object.
#[derive(Clone, Debug, Default)]
pub struct Relocs {
    /// What is looked up, in the loader's order, without repetitions.
    pub imports: Vec<Import>,
    /// What goes wrong, after this many imports.
    pub fatal: Option<(usize, Defect)>,
    /// Constructor slots that a relocation fills.
    pub slots: Vec<(u64, Target)>,
    /// Records read.
    pub records: u64,
    /// Positions of imports that do more than bind: static TLS, and own IFUNCs.
    pub special: Vec<u32>,
    /// Any weak import with NEEDS_VALUE.
    pub may_need_value: bool,
    /// Any IRELATIVE record.
    pub irelative: bool,
}

/// One record, widened.
#[derive(Clone, Copy)]
struct Record {
    offset: u64,
    symbol: u32,
    number: u32,
    /// None for REL: the addend stands at the target.
    addend: Option<u64>,
}

struct Walk<'a, 'h> {
    model: &'a LoaderModel,
    vm: &'a Vm<'h>,
    symbols: &'a Symbols<'h>,
    versions: &'a Versions<'h>,
    versym: Option<u64>,
    out: Relocs,
    seen: Vec<u8>,
    /// The writable area the last store went to.
    hot: (u64, u64),
    init: [(u64, u64); 2],
    live: &'a [(u64, u64)],
    in_relr: bool,
    late: Vec<Record>,
    /// Every place written to, if somebody wants to know.
    written: Option<Vec<u64>>,
    /// A symbol, and how many places were written before its first record.
    mark: Option<(u32, Option<usize>)>,
}

type Step = Result<(), Defect>;

/// Walks all relocations in the loader's order.
pub fn read<'h>(
    vm: &Vm<'h>,
    d: &Dynamic,
    symbols: &Symbols<'h>,
    versions: &Versions<'h>,
    model: &LoaderModel,
) -> Relocs {
    let mut w = walk(vm, d, symbols, versions, model);
    if let Err(defect) = w.all(d) {
        w.out.fatal = Some((w.out.imports.len(), defect));
    }
    w.out.imports.shrink_to_fit();
    let special = STATIC_TLS | TLS_DESCRIPTOR | OWN | OWN_IFUNC;
    let all = w.out.imports.iter().enumerate().filter(|(_, i)| i.flags & special != 0);
    w.out.special = all.filter_map(|(at, _)| u32::try_from(at).ok()).collect();
    w.out
}

/// The places that relocation fills in, sorted.
pub fn places<'h>(
    vm: &Vm<'h>,
    d: &Dynamic,
    symbols: &Symbols<'h>,
    versions: &Versions<'h>,
    model: &LoaderModel,
) -> Vec<u64> {
    let mut w = walk(vm, d, symbols, versions, model);
    w.written = Some(Vec::new());
    let _ = w.all(d);
    let mut places = w.written.take().unwrap_or_default();
    places.sort_unstable();
    places
}

/// The places that are still to be filled when the first record of `symbol` is reached, sorted.
pub fn places_behind<'h>(
    vm: &Vm<'h>,
    d: &Dynamic,
    symbols: &Symbols<'h>,
    versions: &Versions<'h>,
    model: &LoaderModel,
    symbol: u32,
) -> Vec<u64> {
    let mut w = walk(vm, d, symbols, versions, model);
    w.written = Some(Vec::new());
    w.mark = Some((symbol, None));
    let _ = w.all(d);
    let from = w.mark.and_then(|(_, at)| at).unwrap_or(0);
    let mut places = w.written.take().unwrap_or_default().split_off(from);
    places.sort_unstable();
    places
}

fn walk<'a, 'h>(
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
    Walk {
        model,
        vm,
        symbols,
        versions,
        versym: d.versym,
        out: Relocs::default(),
        seen: Vec::new(),
        hot: (0, 0),
        init: [array(d.init_array), array(d.preinit_array)],
        live: &d.live,
        in_relr: false,
        late: Vec::new(),
        written: None,
        mark: None,
    }
}

impl Walk<'_, '_> {
    fn all(&mut self, d: &Dynamic) -> Step {
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
        let entry: u64 = match (f.is64, rela) {
            (true, true) => 24,
            (true, false) => 16,
            (false, true) => 12,
            (false, false) => 8,
        };
        // The table's address is taken before anything is looked at, records or not.
        if self.symbols.symtab.is_none() {
            return Err(Defect::MissingTable(Structure::Symbols));
        }
        // Pointer arithmetic of the loader, which may wrap: a silly count can even lead backwards.
        let behind = f.wrap(start.wrapping_add(relative.wrapping_mul(entry)));
        let end = f.wrap(start.wrapping_add(size));
        self.late.clear();
        if f.pointer(behind) > f.pointer(start) {
            self.each(start, f.wrap(behind.wrapping_sub(start)), entry, rela, Self::relative)?;
        }
        if f.pointer(end) > f.pointer(behind) {
            self.each(behind, f.wrap(end.wrapping_sub(behind)), entry, rela, Self::record)?;
        }
        for r in std::mem::take(&mut self.late) {
            self.irelative(r)?;
        }
        Ok(())
    }

    /// Calls `each` for every record that starts in `[start, start + size)`.
    fn each(
        &mut self,
        start: u64,
        size: u64,
        entry: u64,
        rela: bool,
        each: fn(&mut Self, Record) -> Step,
    ) -> Step {
        let f = self.vm.format;
        let window = self.vm.window(start).unwrap_or_default();
        let whole =
            usize::try_from(size.div_ceil(entry)).unwrap_or(usize::MAX).min(window.len() / entry as usize);
        let flow = match (f.is64, rela, f.big) {
            (true, true, false) => {
                rela_slice::<elf::Rela64<LittleEndian>, _>(window, whole, LittleEndian, |r| {
                    self.step(r, each)
                })
            }
            (true, true, true) => {
                rela_slice::<elf::Rela64<BigEndian>, _>(window, whole, BigEndian, |r| self.step(r, each))
            }
            (true, false, false) => {
                rel_slice::<elf::Rel64<LittleEndian>, _>(window, whole, LittleEndian, |r| self.step(r, each))
            }
            (true, false, true) => {
                rel_slice::<elf::Rel64<BigEndian>, _>(window, whole, BigEndian, |r| self.step(r, each))
            }
            (false, true, false) => {
                rela_slice::<elf::Rela32<LittleEndian>, _>(window, whole, LittleEndian, |r| {
                    self.step(r, each)
                })
            }
            (false, true, true) => {
                rela_slice::<elf::Rela32<BigEndian>, _>(window, whole, BigEndian, |r| self.step(r, each))
            }
            (false, false, false) => {
                rel_slice::<elf::Rel32<LittleEndian>, _>(window, whole, LittleEndian, |r| self.step(r, each))
            }
            (false, false, true) => {
                rel_slice::<elf::Rel32<BigEndian>, _>(window, whole, BigEndian, |r| self.step(r, each))
            }
        };
        if let ControlFlow::Break(defect) = flow {
            return Err(defect);
        }
        // What the window does not hold is read piece by piece: other areas, zeros, or a fault.
        let mut done = whole as u64 * entry;
        while done < size {
            let at = f.wrap(start.wrapping_add(done));
            let r = self.slow(at, rela).map_err(table_fault)?;
            if let ControlFlow::Break(defect) = self.step(r, each) {
                return Err(defect);
            }
            done += entry;
        }
        Ok(())
    }

    fn slow(&self, at: u64, rela: bool) -> Result<Record, Fault> {
        let word = self.vm.format.word();
        let offset = self.vm.addr(at)?;
        let info = self.vm.addr(at.wrapping_add(word))?;
        let addend = if rela { Some(self.vm.addr(at.wrapping_add(2 * word))?) } else { None };
        let (symbol, number) = if word == 8 {
            ((info >> 32) as u32, info as u32)
        } else {
            ((info >> 8) as u32, (info & 0xff) as u32)
        };
        Ok(Record { offset, symbol, number, addend })
    }

    fn step(&mut self, r: Record, each: fn(&mut Self, Record) -> Step) -> ControlFlow<Defect> {
        self.out.records += 1;
        if self.out.records > limits::RELOCATIONS {
            return ControlFlow::Break(table_fault(Fault { kind: FaultKind::Limit, addr: r.offset }));
        }
        match each(self, r) {
            Ok(()) => ControlFlow::Continue(()),
            Err(defect) => ControlFlow::Break(defect),
        }
    }

    #[inline]
    fn store(&mut self, at: u64, width: u64) -> Step {
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

    fn addend(&self, r: Record) -> Result<u64, Defect> {
        match r.addend {
            Some(a) => Ok(a),
            None => self
                .vm
                .addr(r.offset)
                .map_err(|fault| Defect::Memory { structure: Structure::RelocationTarget, fault }),
        }
    }

    /// One record of the prefix that DT_RELACOUNT promises to be RELATIVE.
    fn relative(&mut self, r: Record) -> Step {
        if reloc_types::asserts_relative(self.model.machine) {
            let fits =
                reloc_types::lookup(self.model, r.number).is_some_and(|k| k.action == Action::Relative);
            if !fits {
                return Err(Defect::Assertion(Assertion::RelativeCount));
            }
        }
        self.store(r.offset, self.vm.format.word())?;
        self.constructor_slot(r)
    }

    fn record(&mut self, r: Record) -> Step {
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

    fn irelative(&mut self, r: Record) -> Step {
        let target = self.addend(r)?;
        self.store(r.offset, self.vm.format.word())?;
        self.vm.executable(self.vm.format.wrap(target)).map_err(Defect::Code)
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
            if s.kind() == super::symbols::STT_GNU_IFUNC && s.shndx != 0 {
                self.vm.executable(self.vm.format.wrap(s.value)).map_err(Defect::Code)?;
            }
            if class & (STATIC_TLS | TLS_DESCRIPTOR) != 0 || s.kind() == super::symbols::STT_GNU_IFUNC {
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

    fn constructor_slot(&mut self, r: Record) -> Step {
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
                for i in 0..word * 8 - 1 {
                    if entry >> (i + 1) & 1 != 0 {
                        self.relr_store(place.wrapping_add(i * word))?;
                    }
                }
                place = place.wrapping_add((word * 8 - 1) * word);
            }
            at = f.wrap(at.wrapping_add(word));
            self.out.records += 1;
            if self.out.records > limits::RELOCATIONS {
                return Err(table_fault(Fault { kind: FaultKind::Limit, addr: at }));
            }
        }
        Ok(())
    }

    fn relr_store(&mut self, at: u64) -> Step {
        self.store(at, self.vm.format.word())?;
        self.constructor_slot(Record { offset: at, symbol: 0, number: 0, addend: None })
    }
}

fn reference_flags(s: &Symbol) -> u16 {
    (if s.binding() == STB_WEAK { WEAK } else { 0 })
        | (if s.shndx != 0 { DEFINED } else { 0 })
        | (if s.is_protected() { PROTECTED } else { 0 })
        | (if s.shndx != 0 && s.kind() == super::symbols::STT_GNU_IFUNC { OWN_IFUNC } else { 0 })
}

fn table_fault(fault: Fault) -> Defect {
    Defect::Memory { structure: Structure::Relocations, fault }
}

fn rela_slice<R, E>(
    window: &[u8],
    count: usize,
    e: E,
    mut each: impl FnMut(Record) -> ControlFlow<Defect>,
) -> ControlFlow<Defect>
where
    E: endian::Endian,
    R: Rela<Endian = E>,
    R::Word: Into<u64>,
    R::Sword: Into<i64>,
{
    let Ok((records, _)) = pod::slice_from_bytes::<R>(window, count) else {
        return ControlFlow::Continue(());
    };
    for r in records {
        each(Record {
            offset: r.r_offset(e).into(),
            symbol: r.r_sym(e, false),
            number: r.r_type(e, false).0,
            addend: Some(r.r_addend(e).into() as u64),
        })?;
    }
    ControlFlow::Continue(())
}

fn rel_slice<R, E>(
    window: &[u8],
    count: usize,
    e: E,
    mut each: impl FnMut(Record) -> ControlFlow<Defect>,
) -> ControlFlow<Defect>
where
    E: endian::Endian,
    R: Rel<Endian = E>,
    R::Word: Into<u64>,
{
    let Ok((records, _)) = pod::slice_from_bytes::<R>(window, count) else {
        return ControlFlow::Continue(());
    };
    for r in records {
        each(Record {
            offset: r.r_offset(e).into(),
            symbol: r.r_sym(e),
            number: r.r_type(e).0,
            addend: None,
        })?;
    }
    ControlFlow::Continue(())
}
