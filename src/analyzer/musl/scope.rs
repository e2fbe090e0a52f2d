//! Which object's symbol a name is bound to: the first in scope that musl accepts.
//! It must never look at a version beyond its hidden bit, nor at visibility: musl does not.
//! Follows musl ldso/dynlink.c: find_sym2, gnu_lookup_filtered, gnu_lookup, sysv_lookup.

use crate::analyzer::defect::{Defect, Structure};
use crate::analyzer::image::dynamic::Dynamic;
use crate::analyzer::image::elf::ElfFacts;
use crate::analyzer::image::limits;
use crate::analyzer::image::symbols::{STT_TLS, Symbol, elf_hash};
use crate::analyzer::image::vm::{Fault, FaultKind, Vm};
use crate::analyzer::link_map::LinkMap;
use crate::analyzer::model::NodeIx;

/// Symbol types that count: NOTYPE, OBJECT, FUNC, COMMON, TLS. An IFUNC is none of them.
const KINDS: u16 = 1 | 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6;
/// Bindings that count: GLOBAL, WEAK, GNU_UNIQUE.
const BINDINGS: u16 = 1 << 1 | 1 << 2 | 1 << 10;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'n> {
    /// The name.
    pub name: &'n [u8],
    /// Its GNU hash.
    pub hash: u32,
    /// Undefined symbols with a value do not count.
    pub defined: bool,
}

/// The objects searched, in order.
pub(super) struct Scope<'m, 'h> {
    objects: Vec<(NodeIx, &'m ElfFacts<'h>)>,
}

impl<'m, 'h> Scope<'m, 'h> {
    /// The global scope, then the root and all it needs, breadth first.
    pub(super) fn new(map: &'m LinkMap<'h>, global: &[NodeIx]) -> Self {
        let mut listed = vec![false; map.nodes.len()];
        let all = global.iter().chain(std::iter::once(&map.root)).chain(&map.list);
        let objects = all
            .filter(|ix| listed.get_mut(ix.index()).is_some_and(|seen| !std::mem::replace(seen, true)))
            .filter_map(|ix| Some((*ix, map.facts(*ix)?)))
            .collect();
        Scope { objects }
    }

    /// Looks in all objects, or in those behind the main program.
    ///
    /// # Errors
    /// What reading a table on the way does.
    pub(super) fn find(&self, wanted: Wanted<'_>, copy: bool) -> Result<Option<(NodeIx, Symbol)>, Defect> {
        self.find_from(wanted, |ix| !(copy && ix.index() == 0))
    }

    /// Looks from `first` on.
    ///
    /// # Errors
    /// As `find`.
    pub(super) fn find_behind(
        &self,
        wanted: Wanted<'_>,
        first: NodeIx,
    ) -> Result<Option<(NodeIx, Symbol)>, Defect> {
        let mut reached = false;
        self.find_from(wanted, |ix| {
            reached |= ix == first;
            reached
        })
    }

    fn find_from(
        &self,
        wanted: Wanted<'_>,
        mut searched: impl FnMut(NodeIx) -> bool,
    ) -> Result<Option<(NodeIx, Symbol)>, Defect> {
        for (ix, facts) in &self.objects {
            if !searched(*ix) || facts.symbols.rules_out(wanted.hash) {
                continue;
            }
            if let Some(symbol) = find_in(facts, wanted)? {
                return Ok(Some((*ix, symbol)));
            }
        }
        Ok(None)
    }
}

/// One object's answer.
///
/// # Errors
/// What reading its tables does.
pub(super) fn find_in(facts: &ElfFacts<'_>, wanted: Wanted<'_>) -> Result<Option<Symbol>, Defect> {
    let tables = Tables { vm: &facts.vm, d: &facts.dynamic };
    let found = match (facts.dynamic.gnu_hash, facts.dynamic.hash) {
        (Some(at), _) => tables.gnu(at, wanted)?,
        (None, at) => tables.sysv(at, wanted)?,
    };
    Ok(found.filter(|s| accepted(s, wanted.defined)))
}

fn accepted(s: &Symbol, defined: bool) -> bool {
    if s.shndx == 0 && (defined || s.kind() == STT_TLS) {
        return false;
    }
    (s.value != 0 || s.kind() == STT_TLS) && KINDS >> s.kind() & 1 != 0 && BINDINGS >> s.binding() & 1 != 0
}

/// A symbol table's entry.
///
/// # Errors
/// The fault of reading it.
pub(super) fn entry(vm: &Vm<'_>, d: &Dynamic, index: u32) -> Result<Symbol, Fault> {
    let f = vm.format;
    let size = if f.is64 { 24 } else { 16 };
    let at = f.wrap(d.symtab.unwrap_or(0).wrapping_add(size * u64::from(index)));
    let byte = |offset: u64| {
        let mut b = [0];
        vm.read(f.wrap(at.wrapping_add(offset)), &mut b).map(|()| b[0])
    };
    let (name, value_at, size_at, info_at) = (vm.u32(at)?, 4, 8, 12);
    let (value_at, size_at, info_at) = if f.is64 { (8, 16, 4) } else { (value_at, size_at, info_at) };
    Ok(Symbol {
        name,
        info: byte(info_at)?,
        other: byte(info_at + 1)?,
        shndx: vm.u16(f.wrap(at.wrapping_add(info_at + 2)))?,
        value: vm.addr(f.wrap(at.wrapping_add(value_at)))?,
        size: vm.addr(f.wrap(at.wrapping_add(size_at)))?,
    })
}

/// The tables of one object.
struct Tables<'t, 'h> {
    vm: &'t Vm<'h>,
    d: &'t Dynamic,
}

fn hash_fault(fault: Fault) -> Defect {
    Defect::Memory { structure: Structure::Hash, fault }
}

impl Tables<'_, '_> {
    fn word(&self, at: u64) -> Result<u32, Defect> {
        self.vm.u32(self.vm.format.wrap(at)).map_err(hash_fault)
    }

    fn gnu(&self, at: u64, wanted: Wanted<'_>) -> Result<Option<Symbol>, Defect> {
        let f = self.vm.format;
        let (hash, bits) = (wanted.hash, 8 * f.word() as u32);
        let (buckets, first, words, shift) = (
            self.word(at)?,
            self.word(at.wrapping_add(4))?,
            self.word(at.wrapping_add(8))?,
            self.word(at.wrapping_add(12))?,
        );
        let index = u64::from((hash / bits) & words.wrapping_sub(1));
        let bloom_at = at.wrapping_add(16);
        let bloom = self.vm.addr(f.wrap(bloom_at.wrapping_add(index * f.word()))).map_err(hash_fault)?;
        // The processor counts shifts modulo the width.
        if bloom >> (hash % bits) & 1 == 0 || bloom >> ((hash >> (shift & 31)) % bits) & 1 == 0 {
            return Ok(None);
        }
        let buckets_at = bloom_at.wrapping_add(u64::from(words).wrapping_mul(f.word()));
        let bucket = hash.checked_rem(buckets).ok_or(Defect::DividesByZero(Structure::Hash))?;
        let mut i = self.word(buckets_at.wrapping_add(4 * u64::from(bucket)))?;
        if i == 0 {
            return Ok(None);
        }
        let chain = buckets_at.wrapping_add(4 * u64::from(buckets));
        let mut at = chain.wrapping_add(4 * u64::from(i.wrapping_sub(first)));
        for _ in 0..limits::GNU_CHAIN_STEPS {
            let link = self.word(at)?;
            if link | 1 == hash | 1
                && let Some(symbol) = self.named(i, wanted.name)?
            {
                return Ok(Some(symbol));
            }
            if link & 1 != 0 {
                return Ok(None);
            }
            at = at.wrapping_add(4);
            i = i.wrapping_add(1);
        }
        Err(hash_fault(Fault { kind: FaultKind::Limit, addr: at }))
    }

    fn sysv(&self, at: Option<u64>, wanted: Wanted<'_>) -> Result<Option<Symbol>, Defect> {
        let Some(at) = at else { return Err(Defect::MissingTable(Structure::Hash)) };
        let buckets = self.word(at)?;
        let bucket =
            elf_hash(wanted.name).checked_rem(buckets).ok_or(Defect::DividesByZero(Structure::Hash))?;
        let mut i = self.word(at.wrapping_add(8 + 4 * u64::from(bucket)))?;
        for _ in 0..limits::SYSV_CHAIN_STEPS {
            if i == 0 {
                return Ok(None);
            }
            if let Some(symbol) = self.named(i, wanted.name)? {
                return Ok(Some(symbol));
            }
            i = self.word(at.wrapping_add(8 + 4 * (u64::from(buckets) + u64::from(i))))?;
        }
        Err(Defect::HashCycle)
    }

    /// Symbol `i`, if it is not of a hidden version and has the name.
    fn named(&self, i: u32, name: &[u8]) -> Result<Option<Symbol>, Defect> {
        let f = self.vm.format;
        if let Some(table) = self.d.versym {
            let at = f.wrap(table.wrapping_add(2 * u64::from(i)));
            let index = self
                .vm
                .u16(at)
                .map_err(|fault| Defect::Memory { structure: Structure::VersionIndex, fault })?;
            if index & 0x8000 != 0 {
                return Ok(None);
            }
        }
        let symbol = entry(self.vm, self.d, i)
            .map_err(|fault| Defect::Memory { structure: Structure::Symbols, fault })?;
        let at = f.wrap(self.d.strtab.unwrap_or(0).wrapping_add(u64::from(symbol.name)));
        let same = same_string(self.vm, at, name)
            .map_err(|fault| Defect::Memory { structure: Structure::Strings, fault })?;
        Ok(same.then_some(symbol))
    }
}

/// `strcmp`: reads no further than the first difference.
fn same_string(vm: &Vm<'_>, at: u64, name: &[u8]) -> Result<bool, Fault> {
    if let Some(window) = vm.window(at)
        && let Some(text) = window.get(..=name.len())
    {
        return Ok(text.strip_prefix(name) == Some(b"\0"));
    }
    for (i, want) in name.iter().chain(std::iter::once(&0)).enumerate() {
        let mut b = [0];
        vm.read(vm.format.wrap(at.wrapping_add(i as u64)), &mut b)?;
        if b[0] != *want {
            return Ok(false);
        }
    }
    Ok(true)
}
