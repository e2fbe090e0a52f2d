//! One name, one object, one answer: the chains of both hash tables and the match of versions.
//! It must never assume that a chain ends, nor that a table is where the file says.
//! Follows glibc elf/dl-lookup.c (do_lookup_x, check_match).

use super::super::limits;
use super::super::versions::Versions;
use super::super::vm::{Fault, FaultKind, Vm};
use super::whole::{Whole, second_hash};
use super::{Hash, SHN_ABS, STT_GNU_IFUNC, STT_TLS, Symbol, Symbols, elf_hash};
use crate::analyzer::defect::{Defect, Structure};

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

impl<'h> Symbols<'h> {
    /// The chain of the queried hash in whole tables.
    fn whole_chain(
        &self,
        w: &Whole<'h>,
        vm: &Vm<'h>,
        m: &mut Match<'_, '_>,
        versions: &Versions<'h>,
    ) -> Result<Found, Defect> {
        let hash = m.query.hash;
        let mut index = w.head(hash);
        if index == 0 {
            return Ok(Found::No);
        }
        while let Some(entry) = w.entry(index) {
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
        if let Some(w) = &self.whole {
            if w.filter.rules_out(q.hash) {
                return Ok(Found::No);
            }
            return self.whole_chain(w, vm, &mut m, versions);
        }
        match self.hash {
            Hash::None => {}
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
