//! Symbol and hash tables as the loader searches them: one name, one object, one answer.
//! It must never walk a table by its section header or assume a chain ends.
//! Follows glibc elf/dl-lookup.c (do_lookup_x, check_match) and elf/dl-setup_hash.c.

use std::borrow::Cow;

use super::dynamic::Dynamic;
use super::limits;
use super::versions::Versions;
use super::vm::{Fault, FaultKind, Vm};
use crate::analyzer::defect::{Assertion, Defect, Structure};

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
    hash_bytes: &'h [u8],
    hash_base: u64,
    /// The parts of a DT_GNU_HASH that was found whole: no address arithmetic is left to do.
    whole: Option<Whole<'h>>,
}

/// A DT_GNU_HASH in which every look-up stays inside.
#[derive(Clone, Copy, Debug)]
struct Whole<'h> {
    bloom: &'h [u8],
    buckets: &'h [u8],
    chain: &'h [u8],
    first: u32,
}

/// The version a reference asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// ELF hash of the name.
    pub hash: u32,
    /// `GLIBC_2.34`.
    pub name: &'a [u8],
    /// The hidden bit of the need.
    pub hidden: bool,
}

/// What is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Symbol name.
    pub name: &'a [u8],
    /// GNU hash of the name.
    pub hash: u32,
    /// Version, if the reference has one.
    pub version: Option<Wanted<'a>>,
    /// The reference is of the PLT class: undefined symbols do not count.
    pub plt: bool,
    /// The reference's own entry, when the object searched is the referring one.
    pub own: Option<u32>,
    /// An exact version is preferred to a default (2.42).
    pub prefers_exact: bool,
}

/// The answer of one object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Not here.
    No,
    /// This symbol.
    Yes(u32, Symbol),
    /// A version is asked for, the symbol is here, but the object has no versions at all.
    Unversioned(u32, Symbol),
}

/// The hash of DT_GNU_HASH.
#[inline]
pub fn gnu_hash(name: &[u8]) -> u32 {
    name.iter().fold(5381u32, |h, b| h.wrapping_mul(33).wrapping_add(u32::from(*b)))
}

/// The hash for the second bloom bit; the processor masks the count to the width it shifts.
#[inline]
fn second_hash(hash: u32, shift: u32, wide: bool) -> u32 {
    if wide { u64::from(hash).wrapping_shr(shift) as u32 } else { hash.wrapping_shr(shift) }
}

/// The hash of DT_HASH and of version names.
pub fn elf_hash(name: &[u8]) -> u32 {
    name.iter().fold(0u32, |h, b| {
        let h = (h << 4).wrapping_add(u32::from(*b));
        let high = h & 0xf000_0000;
        (h ^ (high >> 24)) & !high
    })
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
        hash_bytes: window(d.gnu_hash.or(d.hash)),
        hash_base,
        whole: None,
    }
}

impl<'h> Symbols<'h> {
    /// Says that the tables were checked (see `scan.rs`) and that chains start at symbol `first`.
    pub fn vouch(&mut self, vm: &Vm<'h>, first: u32) {
        if let Hash::Gnu { buckets, mask, bloom_at, buckets_at, chain_zero, .. } = self.hash {
            let words = (u64::from(mask) + 1) * vm.format.word();
            let part = |at: u64, len: u64| vm.window(at).and_then(|w| w.get(..usize::try_from(len).ok()?));
            let chain = vm.window(chain_zero.wrapping_add(4 * u64::from(first)));
            if let (Some(bloom), Some(buckets), Some(chain)) =
                (part(bloom_at, words), part(buckets_at, 4 * u64::from(buckets)), chain)
            {
                self.whole = Some(Whole { bloom, buckets, chain, first });
            }
        }
    }

    /// Whether the bloom filter of whole tables rules a hash out. Cheap, so that callers ask it first.
    #[inline]
    pub fn rules_out(&self, vm: &Vm<'h>, hash: u32) -> bool {
        let (Some(w), Hash::Gnu { mask, shift, wide, .. }) = (&self.whole, self.hash) else { return false };
        let f = vm.format;
        let word = if f.is64 {
            f.u64(w.bloom, ((hash / 64) & mask) as usize * 8)
        } else {
            f.u32(w.bloom, ((hash / 32) & mask) as usize * 4).map(u64::from)
        };
        let bits = if f.is64 { 63 } else { 31 };
        word.is_some_and(|b| (b >> (hash & bits)) & (b >> (second_hash(hash, shift, wide) & bits)) & 1 == 0)
    }

    /// The chain of `hash` in whole tables.
    fn whole_chain(
        &self,
        w: &Whole<'h>,
        vm: &Vm<'h>,
        buckets: u32,
        m: &mut Match<'_, '_>,
        versions: &Versions<'h>,
    ) -> Result<Found, Defect> {
        let f = vm.format;
        let hash = m.query.hash;
        let mut index = f.u32(w.buckets, (hash % buckets) as usize * 4).unwrap_or(0);
        if index == 0 {
            return Ok(Found::No);
        }
        while let Some(entry) = f.u32(w.chain, index.wrapping_sub(w.first) as usize * 4) {
            if (entry ^ hash) >> 1 == 0
                && let Some(found) = m.check(self, vm, versions, index)?
            {
                return Ok(found);
            }
            if entry & 1 != 0 {
                break;
            }
            index = index.wrapping_add(1);
        }
        Ok(m.fallback())
    }

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

    /// The version index of symbol `index`, with its hidden bit.
    ///
    /// # Errors
    /// The fault of reading it.
    pub fn version_index(&self, vm: &Vm<'h>, table: u64, index: u32) -> Result<u16, Defect> {
        let at = vm.format.wrap(table.wrapping_add(2 * u64::from(index)));
        vm.u16(at).map_err(|fault| Defect::Memory { structure: Structure::VersionIndex, fault })
    }

    #[inline]
    fn hash_word(&self, vm: &Vm<'h>, at: u64) -> Result<u32, Defect> {
        if let Some(v) = usize::try_from(at.wrapping_sub(self.hash_base))
            .ok()
            .and_then(|off| vm.format.u32(self.hash_bytes, off))
        {
            return Ok(v);
        }
        vm.u32(vm.format.wrap(at)).map_err(|fault| Defect::Memory { structure: Structure::Hash, fault })
    }

    /// `do_lookup_x` for this one object.
    ///
    /// # Errors
    /// The fault, loop or missing table the loader meets on the way.
    pub fn lookup(&self, vm: &Vm<'h>, versions: &Versions<'h>, q: &Query<'_>) -> Result<Found, Defect> {
        if self.hash == Hash::None {
            return Ok(Found::No);
        }
        if self.symtab.is_none() {
            return Err(Defect::MissingTable(Structure::Symbols));
        }
        if self.strtab.is_none() {
            return Err(Defect::MissingTable(Structure::Strings));
        }
        let mut m = Match { query: q, defaults: 0, first: None };
        match self.hash {
            Hash::None => {}
            Hash::Gnu { buckets, .. } if self.whole.is_some() => {
                if self.rules_out(vm, q.hash) {
                    return Ok(Found::No);
                }
                if let Some(w) = &self.whole {
                    return self.whole_chain(w, vm, buckets, &mut m, versions);
                }
            }
            Hash::Gnu { buckets, mask, shift, wide, bloom_at, buckets_at, chain_zero } => {
                let bits = if vm.format.is64 { 64u32 } else { 32 };
                let at = bloom_at.wrapping_add(vm.format.word() * u64::from((q.hash / bits) & mask));
                let word = self.bloom_word(vm, at)?;
                let second = second_hash(q.hash, shift, wide);
                if word >> (q.hash % bits) & (word >> (second % bits)) & 1 == 0 {
                    return Ok(Found::No);
                }
                let bucket = self.hash_word(vm, buckets_at.wrapping_add(4 * u64::from(q.hash % buckets)))?;
                if bucket == 0 {
                    return Ok(Found::No);
                }
                let mut index = bucket;
                for _ in 0..limits::GNU_CHAIN_STEPS {
                    let entry = self.hash_word(vm, chain_zero.wrapping_add(4 * u64::from(index)))?;
                    if (entry ^ q.hash) >> 1 == 0
                        && let Some(found) = m.check(self, vm, versions, index)?
                    {
                        return Ok(found);
                    }
                    if entry & 1 != 0 {
                        return Ok(m.fallback());
                    }
                    index = index.wrapping_add(1);
                }
                let fault = Fault { kind: FaultKind::Limit, addr: chain_zero };
                return Err(Defect::Memory { structure: Structure::Hash, fault });
            }
            Hash::Sysv { buckets, buckets_at, chain_at } => {
                let bucket = elf_hash(q.name) % buckets;
                let mut index = self.hash_word(vm, buckets_at.wrapping_add(4 * u64::from(bucket)))?;
                let mut steps = 0;
                while index != 0 {
                    if let Some(found) = m.check(self, vm, versions, index)? {
                        return Ok(found);
                    }
                    index = self.hash_word(vm, chain_at.wrapping_add(4 * u64::from(index)))?;
                    steps += 1;
                    if steps > limits::SYSV_CHAIN_STEPS {
                        return Err(Defect::HashCycle);
                    }
                }
            }
        }
        Ok(m.fallback())
    }

    /// Whether any symbol of the queried name is an IFUNC, whatever its version (of a whole table).
    pub fn any_ifunc(&self, vm: &Vm<'h>, q: &Query<'_>) -> bool {
        let (mut index, gnu) = match self.hash {
            Hash::None => return false,
            Hash::Gnu { buckets, buckets_at, .. } => {
                let at = buckets_at.wrapping_add(4 * u64::from(q.hash % buckets));
                (self.hash_word(vm, at).unwrap_or(0), true)
            }
            Hash::Sysv { buckets, buckets_at, .. } => {
                let at = buckets_at.wrapping_add(4 * u64::from(elf_hash(q.name) % buckets));
                (self.hash_word(vm, at).unwrap_or(0), false)
            }
        };
        for _ in 0..limits::SYSV_CHAIN_STEPS {
            if index == 0 {
                return false;
            }
            let candidate = self.symbol(vm, index).is_ok_and(|s| {
                s.kind() == STT_GNU_IFUNC && same_name(self, vm, s.name, q.name).unwrap_or(true)
            });
            if candidate {
                return true;
            }
            index = match self.hash {
                Hash::Gnu { chain_zero, .. } if gnu => {
                    let at = chain_zero.wrapping_add(4 * u64::from(index));
                    if self.hash_word(vm, at).unwrap_or(1) & 1 != 0 { 0 } else { index.wrapping_add(1) }
                }
                Hash::Sysv { chain_at, .. } => {
                    self.hash_word(vm, chain_at.wrapping_add(4 * u64::from(index))).unwrap_or(0)
                }
                _ => 0,
            };
        }
        true
    }

    #[inline]
    fn bloom_word(&self, vm: &Vm<'h>, at: u64) -> Result<u64, Defect> {
        if let Some(v) = usize::try_from(at.wrapping_sub(self.hash_base))
            .ok()
            .and_then(|off| vm.format.addr(self.hash_bytes, off))
        {
            return Ok(v);
        }
        vm.addr(vm.format.wrap(at)).map_err(|fault| Defect::Memory { structure: Structure::Hash, fault })
    }
}

/// Position of the first NUL, within the string limit.
#[inline]
fn memchr_zero(bytes: &[u8]) -> Option<usize> {
    bytes.get(..limits::STRING_BYTES).unwrap_or(bytes).iter().position(|b| *b == 0)
}

/// `check_match` over one chain, with the candidate that is used when it stays the only one.
struct Match<'q, 'a> {
    query: &'q Query<'a>,
    defaults: u32,
    first: Option<(u32, Symbol)>,
}

impl Match<'_, '_> {
    fn check<'h>(
        &mut self,
        t: &Symbols<'h>,
        vm: &Vm<'h>,
        versions: &Versions<'h>,
        index: u32,
    ) -> Result<Option<Found>, Defect> {
        let s = t.symbol(vm, index)?;
        let kind = s.kind();
        if (s.value == 0 && s.shndx != SHN_ABS && kind != STT_TLS) || (self.query.plt && s.shndx == 0) {
            return Ok(None);
        }
        if !matches!(kind, 0 | 1 | 2 | 5 | 6 | 10) {
            return Ok(None);
        }
        if self.query.own != Some(index) && !same_name(t, vm, s.name, self.query.name)? {
            return Ok(None);
        }
        let found = Ok(Some(Found::Yes(index, s)));
        // `l_versyms` is only set when the object has at least one version record.
        let table = t.versym.filter(|_| versions.has_table());
        match (self.query.version, table) {
            (None, None) => found,
            (Some(_), None) => Ok(Some(Found::Unversioned(index, s))),
            (None, Some(table)) => {
                let v = t.version_index(vm, table, index)?;
                if v & 0x7fff < 3 {
                    return found;
                }
                if v & 0x8000 == 0 {
                    self.defaults += 1;
                    self.first.get_or_insert((index, s));
                }
                Ok(None)
            }
            (Some(wanted), Some(table)) => {
                let v = t.version_index(vm, table, index)?;
                let entry = versions.entry(v & 0x7fff)?;
                if let Some(e) = entry.filter(|e| e.hash == wanted.hash)
                    && e.name()? == wanted.name
                {
                    return found;
                }
                let has_version = entry.is_some_and(|e| e.hash != 0);
                if wanted.hidden || has_version || v & 0x8000 != 0 {
                    return Ok(None);
                }
                if self.query.prefers_exact {
                    self.defaults += 1;
                    self.first.get_or_insert((index, s));
                    return Ok(None);
                }
                found
            }
        }
    }

    fn fallback(&self) -> Found {
        match self.first {
            Some((index, s)) if self.defaults == 1 => Found::Yes(index, s),
            _ => Found::No,
        }
    }
}

/// `strcmp` against a string of the table: only as far as it has to look.
#[inline]
fn same_name<'h>(t: &Symbols<'h>, vm: &Vm<'h>, offset: u32, name: &[u8]) -> Result<bool, Defect> {
    let from = offset as usize;
    if let Some(b) = t.strtab_bytes.get(from..from.saturating_add(name.len() + 1)) {
        return Ok(b.split_last().is_some_and(|(nul, head)| *nul == 0 && head == name));
    }
    Ok(*t.string(vm, u64::from(offset))? == *name)
}
