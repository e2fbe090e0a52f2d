//! Symbol, string and hash tables of one object, as they stand in its memory.
//! It must never walk a table by its section header.
//! Follows glibc elf/dl-setup_hash.c and elf/dl-lookup.c.

mod lookup;
mod whole;

use std::borrow::Cow;

use super::dynamic::Dynamic;
use super::limits;
use super::vm::{Fault, Vm};
use crate::analyzer::defect::{Assertion, Defect, Structure};

pub use lookup::{Found, Query, Wanted};
pub use whole::Filter;
use whole::Whole;

/// STB_LOCAL.
pub const STB_LOCAL: u8 = 0;
/// STB_WEAK.
pub const STB_WEAK: u8 = 2;
/// STT_TLS.
pub const STT_TLS: u8 = 6;
/// STT_GNU_IFUNC.
pub const STT_GNU_IFUNC: u8 = 10;
/// SHN_ABS.
pub const SHN_ABS: u16 = 0xfff1;

/// One dynamic symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Symbol {
    /// Offset of the name.
    pub name: u32,
    /// Binding and type.
    pub info: u8,
    /// Visibility.
    pub other: u8,
    /// Section index.
    pub shndx: u16,
    /// Value.
    pub value: u64,
    /// Size.
    pub size: u64,
}

impl Symbol {
    /// STB_*.
    pub fn binding(&self) -> u8 {
        self.info >> 4
    }

    /// STT_*.
    pub fn kind(&self) -> u8 {
        self.info & 15
    }

    /// STV_HIDDEN or STV_INTERNAL.
    pub fn binds_local(&self) -> bool {
        matches!(self.other & 3, 1 | 2)
    }

    /// STV_PROTECTED.
    pub fn is_protected(&self) -> bool {
        self.other & 3 == 3
    }
}

/// The hash table that is in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hash {
    /// None, or no buckets: the object exports nothing.
    None,
    /// DT_GNU_HASH.
    Gnu {
        /// Bucket count, not 0.
        buckets: u32,
        /// Bloom words minus one.
        mask: u32,
        /// Second bloom bit's shift; 32 and more give bit 0 where hashes are wide.
        shift: u32,
        /// The shift is that of a 64-bit number.
        wide: bool,
        /// Address of the bloom filter.
        bloom_at: u64,
        /// Address of the buckets.
        buckets_at: u64,
        /// Address the chain entry of symbol 0 would have.
        chain_zero: u64,
    },
    /// DT_HASH.
    Sysv {
        /// Bucket count, not 0.
        buckets: u32,
        /// Address of the buckets.
        buckets_at: u64,
        /// Address of the chains.
        chain_at: u64,
    },
}

/// The tables of one object, ready for look-ups.
#[derive(Clone, Debug)]
pub struct Symbols<'h> {
    /// The hash table.
    pub hash: Hash,
    /// DT_SYMTAB.
    pub symtab: Option<u64>,
    /// DT_STRTAB.
    pub strtab: Option<u64>,
    /// DT_VERSYM.
    pub versym: Option<u64>,
    symtab_bytes: &'h [u8],
    strtab_bytes: &'h [u8],
    versym_bytes: &'h [u8],
    hash_bytes: &'h [u8],
    hash_base: u64,
    /// The parts of a DT_GNU_HASH that was found whole: no address arithmetic is left to do.
    whole: Option<Whole<'h>>,
}

/// The hash of DT_GNU_HASH: times 33, plus the byte, for every byte. Four at a time, so that one multiplication has to
/// wait for another only once in four.
#[inline]
pub fn gnu_hash(name: &[u8]) -> u32 {
    const P: [u32; 4] = [33, 33 * 33, 33 * 33 * 33, 33 * 33 * 33 * 33];
    let (fours, rest) = name.as_chunks::<4>();
    let start = fours.iter().fold(5381u32, |hash, four| {
        let [a, b, c, d] = four.map(u32::from);
        let sum = a * P[2] + b * P[1] + c * P[0] + d;
        hash.wrapping_mul(P[3]).wrapping_add(sum)
    });
    rest.iter().fold(start, |hash, byte| hash.wrapping_mul(P[0]).wrapping_add(u32::from(*byte)))
}

/// The hash of DT_HASH and of version names.
pub const fn elf_hash(name: &[u8]) -> u32 {
    let mut hash = 0u32;
    let mut rest = name;
    while let [byte, tail @ ..] = rest {
        hash = (hash << 4).wrapping_add(*byte as u32);
        let high = hash & 0xf000_0000;
        hash = (hash ^ (high >> 24)) & !high;
        rest = tail;
    }
    hash
}

/// `_dl_setup_hash`.
///
/// # Errors
/// A fault of the table's header, or the assertion on its size.
pub fn setup<'h>(vm: &Vm<'h>, d: &Dynamic, wide: bool) -> Result<Symbols<'h>, Defect> {
    let memory = |fault: Fault| Defect::Memory { structure: Structure::Hash, fault };
    let hash = if let Some(at) = d.gnu_hash {
        let buckets = vm.u32(at).map_err(memory)?;
        let bias = vm.u32(at.wrapping_add(4)).map_err(memory)?;
        let words = vm.u32(at.wrapping_add(8)).map_err(memory)?;
        if words & words.wrapping_sub(1) != 0 {
            return Err(Defect::Assertion(Assertion::BloomSize));
        }
        let shift = vm.u32(at.wrapping_add(12)).map_err(memory)?;
        let bloom_at = at.wrapping_add(16);
        let buckets_at = bloom_at.wrapping_add(vm.format.word() * u64::from(words));
        let chain_zero = buckets_at.wrapping_add(4 * u64::from(buckets)).wrapping_sub(4 * u64::from(bias));
        match buckets {
            0 => Hash::None,
            _ => Hash::Gnu {
                buckets,
                mask: words.wrapping_sub(1),
                shift,
                wide,
                bloom_at,
                buckets_at,
                chain_zero,
            },
        }
    } else if let Some(at) = d.hash {
        let buckets = vm.u32(at).map_err(memory)?;
        let buckets_at = at.wrapping_add(8);
        match buckets {
            0 => Hash::None,
            _ => {
                Hash::Sysv { buckets, buckets_at, chain_at: buckets_at.wrapping_add(4 * u64::from(buckets)) }
            }
        }
    } else {
        Hash::None
    };
    Ok(tables(vm, d, hash))
}

/// The tables of an object whose hash table is not to be used.
pub fn without_hash<'h>(vm: &Vm<'h>, d: &Dynamic) -> Symbols<'h> {
    tables(vm, d, Hash::None)
}

fn tables<'h>(vm: &Vm<'h>, d: &Dynamic, hash: Hash) -> Symbols<'h> {
    let hash_base = d.gnu_hash.or(d.hash).unwrap_or(0);
    let window = |at: Option<u64>| at.and_then(|a| vm.window(a)).unwrap_or_default();
    Symbols {
        hash,
        symtab: d.symtab,
        strtab: d.strtab,
        versym: d.versym,
        symtab_bytes: window(d.symtab),
        strtab_bytes: window(d.strtab),
        versym_bytes: window(d.versym),
        hash_bytes: window(d.gnu_hash.or(d.hash)),
        hash_base,
        whole: None,
    }
}

impl<'h> Symbols<'h> {
    /// Symbol `index`.
    ///
    /// # Errors
    /// The fault of reading its entry, or a missing table.
    #[inline]
    pub fn symbol(&self, vm: &Vm<'h>, index: u32) -> Result<Symbol, Defect> {
        let f = vm.format;
        let entry = if f.is64 { 24 } else { 16 };
        let off = index as usize * entry;
        let mut slow = [0u8; 24];
        let b: &[u8] = match self.symtab_bytes.get(off..off + entry) {
            Some(b) => b,
            None => {
                let base = self.symtab.ok_or(Defect::MissingTable(Structure::Symbols))?;
                let at = f.wrap(base.wrapping_add(off as u64));
                let buf = slow.get_mut(..entry).unwrap_or_default();
                vm.read(at, buf).map_err(|fault| Defect::Memory { structure: Structure::Symbols, fault })?;
                buf
            }
        };
        let s = if f.is64 {
            Symbol {
                name: f.u32(b, 0).unwrap_or(0),
                info: b.get(4).copied().unwrap_or(0),
                other: b.get(5).copied().unwrap_or(0),
                shndx: f.u16(b, 6).unwrap_or(0),
                value: f.u64(b, 8).unwrap_or(0),
                size: f.u64(b, 16).unwrap_or(0),
            }
        } else {
            Symbol {
                name: f.u32(b, 0).unwrap_or(0),
                value: u64::from(f.u32(b, 4).unwrap_or(0)),
                size: u64::from(f.u32(b, 8).unwrap_or(0)),
                info: b.get(12).copied().unwrap_or(0),
                other: b.get(13).copied().unwrap_or(0),
                shndx: f.u16(b, 14).unwrap_or(0),
            }
        };
        Ok(s)
    }

    /// The string at `offset` of the string table.
    ///
    /// # Errors
    /// The fault of reading it, or a missing table.
    pub fn string(&self, vm: &Vm<'h>, offset: u64) -> Result<Cow<'h, [u8]>, Defect> {
        if let Some(tail) = usize::try_from(offset).ok().and_then(|o| self.strtab_bytes.get(o..))
            && let Some(n) = memchr_zero(tail)
        {
            return Ok(Cow::Borrowed(tail.get(..n).unwrap_or_default()));
        }
        let base = self.strtab.ok_or(Defect::MissingTable(Structure::Strings))?;
        vm.string(vm.format.wrap(base.wrapping_add(offset)))
            .map_err(|fault| Defect::Memory { structure: Structure::Strings, fault })
    }

    /// The GNU hash of the string at `offset`.
    ///
    /// # Errors
    /// As `string`.
    #[inline]
    pub fn hash_of_name(&self, vm: &Vm<'h>, offset: u32) -> Result<u32, Defect> {
        Ok(gnu_hash(&self.string(vm, u64::from(offset))?))
    }

    /// How many version indices can be read without a fault.
    pub fn version_rows(&self) -> u32 {
        u32::try_from(self.versym_bytes.len() / 2).unwrap_or(u32::MAX)
    }

    /// The version index of symbol `index`, with its hidden bit.
    ///
    /// # Errors
    /// The fault of reading it.
    #[inline]
    pub fn version_index(&self, vm: &Vm<'h>, table: u64, index: u32) -> Result<u16, Defect> {
        if let Some(v) = vm.format.u16(self.versym_bytes, index as usize * 2) {
            return Ok(v);
        }
        let at = vm.format.wrap(table.wrapping_add(2 * u64::from(index)));
        vm.u16(at).map_err(|fault| Defect::Memory { structure: Structure::VersionIndex, fault })
    }
}

/// Position of the first NUL, within the string limit.
#[inline]
fn memchr_zero(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(0, bytes.get(..limits::STRING_BYTES).unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_definition() {
        let name: Vec<u8> = (0..=255).chain(0..=255).collect();
        for len in 0..name.len() {
            let one_by_one =
                name[..len].iter().fold(5381u32, |h, b| h.wrapping_mul(33).wrapping_add(u32::from(*b)));
            assert_eq!(gnu_hash(&name[..len]), one_by_one, "{len}");
        }
        // The values that binutils and glibc's tests have for these names.
        assert_eq!(
            (gnu_hash(b""), gnu_hash(b"printf"), gnu_hash(b"exit")),
            (0x1505, 0x156b_2bb8, 0x7c96_7e3f)
        );
        assert_eq!((elf_hash(b""), elf_hash(b"printf"), elf_hash(b"exit")), (0, 0x0779_05a6, 0x0006_cf04));
    }
}
