//! One relocation record in any of its eight layouts, and all records of a range.
//! It must never read outside the object's memory; what the file does not hold is read piece by piece.
//! Follows the System V gABI: Rel and Rela of both classes and byte orders.

use std::ops::ControlFlow;

use object::read::elf::{Rel, Rela};
use object::{BigEndian, LittleEndian, elf, endian, pod};

use super::super::limits;
use super::super::vm::{Fault, FaultKind};
use super::walk::{Step, Walk, table_fault};
use crate::analyzer::defect::Defect;

/// One record, widened.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) offset: u64,
    pub(super) symbol: u32,
    pub(super) number: u32,
    /// None for REL: the addend stands at the target.
    pub(super) addend: Option<u64>,
}

impl Walk<'_, '_> {
    /// Calls `each` for every record that starts in `[start, start + size)`.
    pub(super) fn each(
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
