//! The import table of LC_DYLD_CHAINED_FIXUPS.
//! It must never trust a count or an offset, and never walk a chain (`chains.rs` does).
//! Follows dyld common/MachOFile.cpp: forEachChainedFixupTarget.

use object::macho as raw;
use object::read::ReadRef;
use object::{LittleEndian as LE, U32, U64};

use super::binds::{Bind, BindKind, Binds, Context, Ordinal, Source};
use super::facts::Range;
use super::fault::{Fault, Part, Problem};
use super::stream;
use crate::analyzer::image::limits;

/// Reads the import table. dyld bounds the names only, and those by the size of the command.
pub(super) fn imports<'h>(context: &Context<'_, 'h>, range: Range) -> Binds<'h> {
    let mut binds = Binds { source: Source::Chained, ..Binds::default() };
    binds.fault = read(context.image, range, &mut binds.records).err();
    binds
}

/// The fixups header.
pub(super) fn header(image: &[u8], range: Range) -> Result<&raw::DyldChainedFixupsHeader<LE>, Fault> {
    let at = u64::from(range.offset);
    image
        .read_at::<raw::DyldChainedFixupsHeader<LE>>(at)
        .map_err(|()| Fault::new(Part::ChainedFixups, at, Problem::OutOfRange))
}

fn read<'h>(image: &'h [u8], range: Range, records: &mut Vec<Bind<'h>>) -> Result<(), Fault> {
    let base = u64::from(range.offset);
    let head = header(image, range)?;
    let fault = |offset: u64, problem| Fault::new(Part::ChainedFixups, base + offset, problem);
    let (imports, symbols) = (head.imports_offset.get(LE), head.symbols_offset.get(LE));
    if imports > range.size || symbols > range.size {
        return Err(fault(0, Problem::BadSize(range.size.into())));
    }
    let format = head.imports_format.get(LE);
    let entry = match format {
        raw::DYLD_CHAINED_IMPORT => 4u64,
        raw::DYLD_CHAINED_IMPORT_ADDEND => 8,
        raw::DYLD_CHAINED_IMPORT_ADDEND64 => 16,
        other => return Err(fault(0, Problem::UnknownFormat(other.0))),
    };
    let count = head.imports_count.get(LE);
    let present = (image.len() as u64).saturating_sub(base + u64::from(imports)) / entry;
    records.reserve(usize::try_from(u64::from(count).min(present)).unwrap_or(0).min(limits::BINDS));
    let pool_size = range.size - symbols;
    let pool = usize::try_from(base + u64::from(symbols)).ok().and_then(|at| image.get(at..));
    let pool = pool.unwrap_or_default();
    for index in 0..u64::from(count) {
        let offset = u64::from(imports) + index * entry;
        if records.len() >= limits::BINDS {
            return Err(fault(offset, Problem::TooMuch));
        }
        let import =
            import(image, base + offset, format).ok_or_else(|| fault(offset, Problem::OutOfRange))?;
        if import.name > u64::from(pool_size) {
            return Err(fault(offset, Problem::Unterminated));
        }
        let at = usize::try_from(import.name).unwrap_or(usize::MAX);
        let name = stream::string_at(pool, at).ok_or_else(|| fault(offset, Problem::OutOfRange))?;
        records.push(Bind {
            name,
            ordinal: Ordinal::of(import.ordinal),
            weak_import: import.weak,
            addend: import.addend,
            kind: BindKind::Regular,
        });
    }
    Ok(())
}

/// One entry of the table.
struct Import {
    ordinal: i32,
    weak: bool,
    name: u64,
    addend: i64,
}

fn import(image: &[u8], at: u64, format: raw::DyldChainedImportFormat) -> Option<Import> {
    if format == raw::DYLD_CHAINED_IMPORT_ADDEND64 {
        let word = image.read_at::<U64<LE>>(at).ok()?.get(LE);
        let addend = image.read_at::<U64<LE>>(at + 8).ok()?.get(LE).cast_signed();
        let ordinal = (word & 0xffff) as u16;
        let ordinal = if ordinal > 0xfff0 { i32::from(ordinal.cast_signed()) } else { i32::from(ordinal) };
        return Some(Import { ordinal, weak: word >> 16 & 1 != 0, name: word >> 32, addend });
    }
    let word = image.read_at::<U32<LE>>(at).ok()?.get(LE);
    let addend = if format == raw::DYLD_CHAINED_IMPORT_ADDEND {
        image.read_at::<U32<LE>>(at + 4).ok()?.get(LE).cast_signed().into()
    } else {
        0
    };
    let ordinal = (word & 0xff) as u8;
    let ordinal = if ordinal > 0xf0 { i32::from(ordinal.cast_signed()) } else { i32::from(ordinal) };
    Some(Import { ordinal, weak: word >> 8 & 1 != 0, name: u64::from(word >> 9), addend })
}
