//! Knows the binary `ld.so.cache` in its three formats and both byte orders, and finds in it what the loader would find.
//! It must never open the paths it names, trust an offset or count of the file, or allocate by one.
//! It follows glibc `elf/dl-cache.c` (`search_cache`, `_dl_cache_libcmp`) and `sysdeps/generic/dl-cache.h`.

mod query;
mod search;
#[cfg(test)]
mod tests;

use thiserror::Error;

pub use query::CacheQuery;

const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;
const NEW_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const NEW_HEADER: usize = 48;
const NEW_ENTRY: usize = 24;
const EXTENSION_MAGIC: u32 = 0xEAA4_2174;
const TAG_GENERATOR: u32 = 0;
const TAG_HWCAPS: u32 = 1;
/// Marks an entry of a `glibc-hwcaps` directory in the upper half of its hwcap field.
const HWCAP_EXTENSION: u64 = 1 << 30;
/// Bits of the upper half that hold the number of the ISA level.
const HWCAP_LEVEL: u64 = 0x3ff;

/// Why a file is not a cache. The loader ignores such a file without a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum CacheFault {
    /// Neither magic is there.
    #[error("not an ld.so.cache")]
    NotACache,
    /// The entries announced do not fit into the file.
    #[error("the ld.so.cache is cut off")]
    Truncated,
    /// The header says the other byte order (or "invalid").
    #[error("the ld.so.cache is for the other byte order")]
    WrongByteOrder,
}

/// Which tables the file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheFormat {
    /// Only the table of libc5 and glibc 2.0.
    Old,
    /// The old table with the new one behind it (`ldconfig` up to 2.31).
    Both,
    /// Only the new table.
    New,
}

/// A parsed cache. It owns the bytes of the file; entries are read on demand.
#[derive(Clone, PartialEq, Eq)]
pub struct LdCache {
    bytes: Vec<u8>,
    big_endian: bool,
    old: Option<Table>,
    /// The new table where a loader looks for it that aligns 64-bit integers to 8 bytes.
    new: Option<Table>,
    /// Where the i386 loader looks for it: there 64-bit integers are aligned to 4 bytes, so behind an odd number of old
    /// entries it misses the table that other loaders see.
    new_i386: Option<Table>,
    hwcaps: Option<Names>,
}

/// Where a table of entries lies.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Table {
    at: usize,
    count: usize,
    entry: usize,
    /// What string offsets count from.
    strings: usize,
}

/// Where the array of hwcaps names lies: offsets of strings, from the start of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Names {
    at: usize,
    count: usize,
}

/// What an entry asks of the processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryHwcap<'c> {
    /// Nothing.
    None,
    /// Bits of the mechanism removed in 2.37.
    Legacy(u64),
    /// The `glibc-hwcaps` directory of this name, with the number of its ISA level.
    Named {
        /// Name of the directory; empty if the file does not say.
        name: &'c [u8],
        /// ISA level bit.
        level: u32,
    },
}

/// One row of the cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheEntry<'c> {
    /// The soname asked for.
    pub name: &'c [u8],
    /// The path it leads to.
    pub path: &'c [u8],
    /// Kind of library and machine.
    pub flags: i32,
    /// Oldest kernel the library accepts, `a << 16 | b << 8 | c`.
    pub osversion: u32,
    /// Which processors it is for.
    pub hwcap: EntryHwcap<'c>,
}

impl LdCache {
    /// Takes the content of a cache written for a machine of that byte order.
    ///
    /// # Errors
    /// When the loader would ignore the file; or crash, which [`CacheFault::Truncated`] stands for.
    pub fn parse(bytes: Vec<u8>, big_endian: bool) -> Result<LdCache, CacheFault> {
        let mut cache = LdCache { bytes, big_endian, old: None, new: None, new_i386: None, hwcaps: None };
        if cache.bytes.starts_with(NEW_MAGIC) {
            cache.new = Some(cache.new_table(0)?);
            cache.new_i386 = cache.new;
        } else if cache.bytes.starts_with(OLD_MAGIC) {
            let count = cache.u32(12).ok_or(CacheFault::Truncated)? as usize;
            let end = count.checked_mul(OLD_ENTRY).and_then(|size| size.checked_add(OLD_HEADER));
            let end = end.filter(|&end| end <= cache.bytes.len()).ok_or(CacheFault::Truncated)?;
            cache.old = Some(Table { at: OLD_HEADER, count, entry: OLD_ENTRY, strings: end });
            cache.new = cache.embedded(end.next_multiple_of(8))?;
            cache.new_i386 = cache.embedded(end.next_multiple_of(4))?;
        } else {
            return Err(CacheFault::NotACache);
        }
        if let Some(table) = cache.new.or(cache.new_i386) {
            cache.hwcaps = cache
                .section(table, TAG_HWCAPS)
                .filter(|&(at, size)| size > 0 && (at | size).is_multiple_of(4))
                .map(|(at, size)| Names { at, count: size / 4 });
        }
        Ok(cache)
    }

    fn embedded(&self, at: usize) -> Result<Option<Table>, CacheFault> {
        let there =
            self.bytes.get(at..).is_some_and(|rest| rest.len() >= NEW_HEADER && rest.starts_with(NEW_MAGIC));
        if there { self.new_table(at).map(Some) } else { Ok(None) }
    }

    /// Reads the new header at `at`.
    fn new_table(&self, at: usize) -> Result<Table, CacheFault> {
        let entries = self.bytes.len().checked_sub(at + NEW_HEADER).ok_or(CacheFault::Truncated)?;
        let flags = self.bytes.get(at + 28).copied().unwrap_or(0);
        // 0 is an `ldconfig` that does not mark the byte order (up to 2.32).
        if flags != 0 && flags & 3 != if self.big_endian { 3 } else { 2 } {
            return Err(CacheFault::WrongByteOrder);
        }
        let count = self.u32(at + 20).ok_or(CacheFault::Truncated)? as usize;
        if count > entries / NEW_ENTRY {
            return Err(CacheFault::Truncated);
        }
        Ok(Table { at: at + NEW_HEADER, count, entry: NEW_ENTRY, strings: at })
    }

    /// Position and size of an extension section. As in the loader one bad section spoils all, and the last of a tag wins.
    fn section(&self, table: Table, tag: u32) -> Option<(usize, usize)> {
        let at = self.u32(table.strings + 32)? as usize;
        if at == 0 || !at.is_multiple_of(4) || self.u32(at)? != EXTENSION_MAGIC {
            return None;
        }
        let mut found = None;
        for index in 0..self.u32(at + 4)? as usize {
            let row = index.checked_mul(16)?.checked_add(at + 8)?;
            let (offset, size) = (self.u32(row + 8)? as usize, self.u32(row + 12)? as usize);
            self.bytes.get(offset..)?.get(..size)?;
            if self.u32(row)? == tag {
                found = Some((offset, size));
            }
        }
        found
    }

    /// Which tables there are.
    pub fn format(&self) -> CacheFormat {
        match (self.old, self.new.or(self.new_i386)) {
            (None, _) => CacheFormat::New,
            (Some(_), Some(_)) => CacheFormat::Both,
            (Some(_), None) => CacheFormat::Old,
        }
    }

    /// What wrote the file, if it says so.
    pub fn generator(&self) -> Option<&[u8]> {
        let (at, size) = self.section(self.new.or(self.new_i386)?, TAG_GENERATOR)?;
        self.bytes.get(at..at.checked_add(size)?)
    }

    /// Number of entries of the table a present loader uses.
    pub fn len(&self) -> usize {
        self.table().map_or(0, |table| table.count)
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries in file order; those with a string outside the file are left out.
    pub fn entries(&self) -> impl Iterator<Item = CacheEntry<'_>> {
        self.table()
            .into_iter()
            .flat_map(move |table| (0..table.count).filter_map(move |index| self.entry(table, index)))
    }

    fn table(&self) -> Option<Table> {
        self.new.or(self.new_i386).or(self.old)
    }

    fn entry(&self, table: Table, index: usize) -> Option<CacheEntry<'_>> {
        let raw = self.raw(table, index)?;
        let hwcap = match raw.hwcap {
            0 => EntryHwcap::None,
            _ if raw.is_named() => EntryHwcap::Named {
                name: self.hwcap_name(raw.hwcap_index()).unwrap_or_default(),
                level: raw.level(),
            },
            bits => EntryHwcap::Legacy(bits),
        };
        let (name, path) = (self.string(table, raw.key)?, self.string(table, raw.value)?);
        Some(CacheEntry { name, path, flags: raw.flags, osversion: raw.osversion, hwcap })
    }

    /// The path the loader described by `query` takes for a soname, if it takes one.
    pub fn lookup(&self, name: &[u8], query: &CacheQuery<'_>) -> Option<&[u8]> {
        search::lookup(self, name, query)
    }

    fn raw(&self, table: Table, index: usize) -> Option<Raw> {
        if index >= table.count {
            return None;
        }
        let at = index.checked_mul(table.entry)?.checked_add(table.at)?;
        let mut raw = Raw {
            flags: self.u32(at)?.cast_signed(),
            key: self.u32(at + 4)?,
            value: self.u32(at + 8)?,
            osversion: 0,
            hwcap: 0,
        };
        if table.entry == NEW_ENTRY {
            raw.osversion = self.u32(at + 12)?;
            let (first, second) = (u64::from(self.u32(at + 16)?), u64::from(self.u32(at + 20)?));
            raw.hwcap = if self.big_endian { first << 32 | second } else { second << 32 | first };
        }
        Some(raw)
    }

    fn hwcap_name(&self, index: usize) -> Option<&[u8]> {
        let names = self.hwcaps.filter(|names| index < names.count)?;
        self.string_at(self.u32(names.at + index * 4)? as usize)
    }

    fn string(&self, table: Table, offset: u32) -> Option<&[u8]> {
        self.string_at(table.strings.checked_add(offset as usize)?)
    }

    /// The string at a file offset. The last one may lack its NUL: the rest of the page reads as zero.
    fn string_at(&self, at: usize) -> Option<&[u8]> {
        let rest = self.bytes.get(at..).filter(|rest| !rest.is_empty())?;
        rest.split(|&byte| byte == 0).next()
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes: [u8; 4] = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}

impl std::fmt::Debug for LdCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LdCache")
            .field("format", &self.format())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The numbers of one entry.
#[derive(Clone, Copy)]
struct Raw {
    flags: i32,
    key: u32,
    value: u32,
    osversion: u32,
    hwcap: u64,
}

impl Raw {
    /// Whether the hwcap field names a `glibc-hwcaps` directory: the mark and nothing else but level and index.
    fn is_named(&self) -> bool {
        (self.hwcap >> 32) & !HWCAP_LEVEL == HWCAP_EXTENSION
    }

    fn level(&self) -> u32 {
        u32::try_from((self.hwcap >> 32) & HWCAP_LEVEL).unwrap_or(0)
    }

    fn hwcap_index(&self) -> usize {
        usize::try_from(self.hwcap & 0xffff_ffff).unwrap_or(usize::MAX)
    }
}
