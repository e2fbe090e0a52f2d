//! One relocation record in any of its eight layouts, and all records of a range.
//! It must never read outside the object's memory; what the file does not hold is read piece by piece.
//! Follows the System V gABI: Rel and Rela of both classes and byte orders.

use super::super::fmt::Format;
use super::super::limits;
use super::super::vm::{Fault, FaultKind};
use super::walk::{Step, Walk, table_fault};

/// One record, widened.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) offset: u64,
    pub(super) symbol: u32,
    pub(super) number: u32,
    /// None for REL: the addend stands at the target.
    pub(super) addend: Option<u64>,
}

/// How a record is laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) format: Format,
    /// With an addend.
    pub(super) rela: bool,
}

/// The layout most machines use; the walk is compiled for it a second time, without a question left.
const COMMON: Layout = Layout { format: Format { is64: true, big: false }, rela: true };

/// Records looked at together.
const BLOCK: usize = 64;

impl Layout {
    /// Bytes of one record.
    #[inline(always)]
    pub(super) fn size(self) -> usize {
        let words = if self.rela { 3 } else { 2 };
        if self.format.is64 { words * 8 } else { words * 4 }
    }

    /// A record whose words are `offset`, `info` and `addend`.
    #[inline(always)]
    fn record(self, offset: u64, info: u64, addend: Option<u64>) -> Record {
        let (symbol, number) = if self.format.is64 {
            ((info >> 32) as u32, info as u32)
        } else {
            ((info >> 8) as u32, (info & 0xff) as u32)
        };
        Record { offset, symbol, number, addend }
    }

    #[inline(always)]
    fn decode(self, b: &[u8]) -> Record {
        let word = if self.format.is64 { 8 } else { 4 };
        let at = |n: usize| self.format.addr(b, n * word).unwrap_or(0);
        self.record(at(0), at(1), self.rela.then(|| at(2)))
    }

    /// The records of `block`.
    #[inline(always)]
    pub(super) fn records(self, block: &[u8]) -> impl Iterator<Item = Record> {
        block.chunks_exact(self.size()).map(move |b| self.decode(b))
    }
}

impl Walk<'_, '_> {
    /// Calls `each` for every record that starts in `[start, start + size)`, but for blocks of records that `skip`
    /// has found to be in order.
    pub(super) fn each(
        &mut self,
        start: u64,
        size: u64,
        layout: Layout,
        skip: impl Fn(&Self, &[u8], Layout) -> bool,
        each: impl Fn(&mut Self, Record) -> Step,
    ) -> Step {
        let f = self.vm.format;
        let entry = layout.size();
        let window = self.vm.window(start).unwrap_or_default();
        let all = usize::try_from(size.div_ceil(entry as u64)).unwrap_or(usize::MAX);
        let whole = all.min(window.len() / entry);
        let table = window.get(..whole * entry).unwrap_or_default();
        if layout == COMMON {
            self.table(table, COMMON, &skip, &each)?;
        } else {
            self.table(table, layout, &skip, &each)?;
        }
        // What the window does not hold is read piece by piece: other areas, zeros, or a fault.
        let mut done = (whole * entry) as u64;
        while done < size {
            let at = f.wrap(start.wrapping_add(done));
            let r = self.slow(at, layout).map_err(table_fault)?;
            self.count(1, at)?;
            each(self, r)?;
            done += entry as u64;
        }
        Ok(())
    }

    #[inline(always)]
    fn table(
        &mut self,
        table: &[u8],
        layout: Layout,
        skip: &impl Fn(&Self, &[u8], Layout) -> bool,
        each: &impl Fn(&mut Self, Record) -> Step,
    ) -> Step {
        for block in table.chunks(BLOCK * layout.size()) {
            self.count((block.len() / layout.size()) as u64, 0)?;
            if !skip(self, block, layout) {
                for r in layout.records(block) {
                    each(self, r)?;
                }
            }
        }
        Ok(())
    }

    fn slow(&self, at: u64, layout: Layout) -> Result<Record, Fault> {
        let word = self.vm.format.word();
        let offset = self.vm.addr(at)?;
        let info = self.vm.addr(at.wrapping_add(word))?;
        let addend = if layout.rela { Some(self.vm.addr(at.wrapping_add(2 * word))?) } else { None };
        Ok(layout.record(offset, info, addend))
    }

    /// Counts records; one file may not have too many.
    pub(super) fn count(&mut self, more: u64, addr: u64) -> Step {
        self.records += more;
        if self.records > limits::RELOCATIONS {
            return Err(table_fault(Fault { kind: FaultKind::Limit, addr }));
        }
        Ok(())
    }
}
