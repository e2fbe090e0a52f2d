//! Binds of images older than LC_DYLD_INFO: external relocations, then the indirect symbol table.
//! It must never be asked where there is a newer form, and never on arm64, which has no such images.
//! Follows dyld common/MachOLayout.cpp: forEachBind_Relocations, forEachIndirectPointer.

use object::read::ReadRef;
use object::{LittleEndian as LE, U32};

use super::binds::{Bind, BindKind, Binds, Context, Ordinal, Source};
use super::facts::{Dysymtab, Section, Symtab};
use super::fault::{Fault, Part, Problem};
use super::symbols::{self, Entry};
use crate::analyzer::image::limits;

const LAZY_POINTERS: u32 = 0x7;
const NON_LAZY_POINTERS: u32 = 0x6;
const STUBS: u32 = 0x8;
/// S_ATTR_SELF_MODIFYING_CODE.
const SELF_MODIFYING: u32 = 0x0400_0000;
/// INDIRECT_SYMBOL_LOCAL and INDIRECT_SYMBOL_ABS: nothing to bind.
const LOCAL: u32 = 0x8000_0000;
const ABSOLUTE: u32 = 0x4000_0000;

/// Reads both tables.
pub(super) fn read<'h>(context: &Context<'_, 'h>) -> Binds<'h> {
    let mut binds = Binds::default();
    let (Some(symtab), Some(dysymtab)) = (context.linkedit.symtab, context.linkedit.dysymtab) else {
        return binds;
    };
    binds.source = Source::Relocations;
    let reader = Reader { context, symtab, dysymtab };
    let result = reader.external(&mut binds.records).and_then(|()| {
        context
            .segments
            .iter()
            .flat_map(|s| &s.sections)
            .try_for_each(|section| reader.indirect(section, &mut binds.records))
    });
    binds.fault = result.err();
    binds
}

struct Reader<'a, 'h> {
    context: &'a Context<'a, 'h>,
    symtab: Symtab,
    dysymtab: Dysymtab,
}

fn fault(offset: u64, problem: Problem) -> Fault {
    Fault::new(Part::Symbols, offset, problem)
}

impl<'h> Reader<'_, 'h> {
    fn external(&self, records: &mut Vec<Bind<'h>>) -> Result<(), Fault> {
        let length = if self.context.is64 { 3 } else { 2 };
        let base = self.relocation_base();
        let mut last = None;
        for index in 0..u64::from(self.dysymtab.relocation_count) {
            let at = u64::from(self.dysymtab.relocations) + index * 8;
            let words = self.context.image.read_slice_at::<U32<LE>>(at, 2);
            let Ok([address, info]) = words else { return Err(fault(at, Problem::OutOfRange)) };
            let (address, info) = (address.get(LE), info.get(LE));
            if info >> 25 & 3 != length || info >> 28 != 0 {
                return Err(fault(at, Problem::BadValue(info.into())));
            }
            let place = base.wrapping_add(address.into());
            let addend = self.content(place).ok_or_else(|| fault(at, Problem::BadIndex(place)))?;
            let symbol = info & 0x00ff_ffff;
            if last != Some((symbol, addend)) {
                self.push(symbol, addend, BindKind::Regular, at, records)?;
            }
            last = Some((symbol, addend));
        }
        Ok(())
    }

    fn indirect(&self, section: &Section<'h>, records: &mut Vec<Bind<'h>>) -> Result<(), Fault> {
        let modifying = section.flags & SELF_MODIFYING != 0;
        let stubs =
            section.kind() == STUBS && modifying && section.reserved2 == 5 && self.context.arch.is_i386();
        if !stubs && !matches!(section.kind(), LAZY_POINTERS | NON_LAZY_POINTERS) {
            return Ok(());
        }
        if modifying && !stubs {
            return Err(fault(section.offset, Problem::BadValue(section.flags.into())));
        }
        let element = if stubs { 5 } else { self.context.word() };
        let first = u64::from(section.reserved1);
        let count = section.size / element;
        if first.checked_add(count).is_none_or(|end| end > self.dysymtab.indirect_count.into()) {
            return Err(fault(section.offset, Problem::BadSize(section.size)));
        }
        let kind = if section.kind() == LAZY_POINTERS { BindKind::Lazy } else { BindKind::Regular };
        for index in first..first + count {
            let at = u64::from(self.dysymtab.indirect) + index * 4;
            let word =
                self.context.image.read_at::<U32<LE>>(at).map_err(|()| fault(at, Problem::OutOfRange))?;
            match word.get(LE) {
                LOCAL | ABSOLUTE => {}
                symbol => self.push(symbol, 0, kind, at, records)?,
            }
        }
        Ok(())
    }

    fn push(
        &self,
        symbol: u32,
        addend: i64,
        kind: BindKind,
        at: u64,
        records: &mut Vec<Bind<'h>>,
    ) -> Result<(), Fault> {
        if records.len() >= limits::BINDS {
            return Err(fault(at, Problem::TooMuch));
        }
        let entry = Entry::read(self.context.image, &self.symtab, self.context.is64, symbol)
            .ok_or_else(|| fault(at, Problem::BadIndex(symbol.into())))?;
        // A private symbol in a lazy pointer is its own definition: dyld fills it in without a look-up.
        if kind == BindKind::Lazy && entry.kind & symbols::PRIVATE_EXTERN != 0 {
            return Ok(());
        }
        let name = entry
            .name(self.context.image, &self.symtab)
            .ok_or_else(|| fault(at, Problem::BadIndex(entry.string.into())))?;
        let ordinal = if entry.is_weak_definition() {
            Ordinal::Weak
        } else if self.context.two_level {
            Ordinal::of(entry.ordinal())
        } else {
            Ordinal::Flat
        };
        records.push(Bind { name, ordinal, weak_import: entry.desc & symbols::WEAK_REF != 0, addend, kind });
        Ok(())
    }

    /// Relocations of x86-64 count from the first segment that can be written.
    fn relocation_base(&self) -> u64 {
        if !self.context.arch.is_x86_64() {
            return 0;
        }
        let segments = self.context.segments;
        segments.iter().find(|s| s.writable()).or(segments.first()).map_or(0, |s| s.vmaddr)
    }

    /// The pointer at an address: the addend.
    fn content(&self, address: u64) -> Option<i64> {
        let inside = |s: &&super::facts::Segment<'_>| {
            address.checked_sub(s.vmaddr).is_some_and(|offset| offset < s.vmsize)
        };
        let segment = self.context.segments.iter().find(inside)?;
        let offset = address - segment.vmaddr;
        if offset >= segment.filesize {
            return Some(0);
        }
        let at = segment.fileoff.checked_add(offset)?;
        if self.context.is64 {
            Some(self.context.image.read_at::<object::U64<LE>>(at).ok()?.get(LE).cast_signed())
        } else {
            Some(self.context.image.read_at::<U32<LE>>(at).ok()?.get(LE).into())
        }
    }
}
