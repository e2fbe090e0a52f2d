//! The symbol table (`nlist`), which dyld reads only for images without a newer form.
//! It must never be walked where an export trie or bind information exists.
//! Follows dyld common/MachOLoaded.cpp: forEachGlobalSymbol.

use object::LittleEndian as LE;
use object::macho as raw;
use object::read::ReadRef;

use super::facts::{Dysymtab, Symtab};
use super::stream;

/// N_EXT.
const EXTERNAL: u8 = 0x01;
/// N_PEXT.
pub const PRIVATE_EXTERN: u8 = 0x10;
/// N_STAB.
const STAB: u8 = 0xe0;
/// N_TYPE, and N_SECT in it.
const TYPE: u8 = 0x0e;
const IN_SECTION: u8 = 0x0e;
/// N_WEAK_REF.
pub const WEAK_REF: u16 = 0x40;
/// N_WEAK_DEF.
const WEAK_DEF: u16 = 0x80;

/// One symbol.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Offset of its name in the string table.
    pub string: u32,
    /// `n_type`.
    pub kind: u8,
    /// `n_desc`.
    pub desc: u16,
    /// `n_value`.
    pub value: u64,
}

impl Entry {
    /// The symbol with this number.
    pub fn read(image: &[u8], table: &Symtab, is64: bool, index: u32) -> Option<Entry> {
        if index >= table.count {
            return None;
        }
        let at = |size: usize| u64::from(table.symbols) + u64::from(index) * size as u64;
        if is64 {
            let n = image.read_at::<raw::Nlist64<LE>>(at(size_of::<raw::Nlist64<LE>>())).ok()?;
            let (string, desc) = (n.n_strx.get(LE), n.n_desc.get(LE).0);
            Some(Entry { string, kind: n.n_type.0, desc, value: n.n_value.get(LE) })
        } else {
            let n = image.read_at::<raw::Nlist32<LE>>(at(size_of::<raw::Nlist32<LE>>())).ok()?;
            let (string, desc) = (n.n_strx.get(LE), n.n_desc.get(LE).0);
            Some(Entry { string, kind: n.n_type.0, desc, value: n.n_value.get(LE).into() })
        }
    }

    /// Its name, if it starts inside the string table and ends in the image.
    pub fn name<'h>(&self, image: &'h [u8], table: &Symtab) -> Option<&'h [u8]> {
        if self.string > table.strings.size {
            return None;
        }
        stream::string_at(
            image,
            usize::try_from(u64::from(table.strings.offset) + u64::from(self.string)).ok()?,
        )
    }

    /// Defined here and visible to others.
    pub fn is_export(&self) -> bool {
        self.kind & EXTERNAL != 0 && self.kind & TYPE == IN_SECTION && self.kind & STAB == 0
    }

    /// Defined here, visible, and weak.
    pub fn is_weak_definition(&self) -> bool {
        self.kind & TYPE == IN_SECTION && self.kind & EXTERNAL != 0 && self.desc & WEAK_DEF != 0
    }

    /// The library ordinal in the upper byte of `n_desc`.
    pub fn ordinal(&self) -> i32 {
        match self.desc >> 8 {
            // EXECUTABLE_ORDINAL and DYNAMIC_LOOKUP_ORDINAL.
            0xff => -1,
            0xfe => -2,
            ordinal => ordinal.into(),
        }
    }
}

/// The numbers of the symbols that can be exports.
pub fn globals(table: &Symtab, dysymtab: Option<&Dysymtab>) -> std::ops::Range<u32> {
    match dysymtab {
        Some(d) => d.first_global..d.first_global.saturating_add(d.globals).min(table.count),
        None => 0..table.count,
    }
}
