//! One pass over an object's exports: are its tables whole, and does it export an IFUNC?
//! It must never call a table whole that a look-up could leave, loop in, or read a wild string from.
//! What it vouches for is exactly what glibc elf/dl-lookup.c:do_lookup_x touches.

use super::symbols::{Hash, SHN_ABS, STT_GNU_IFUNC, Symbols};
use super::versions::Versions;
use super::vm::Vm;

/// What the pass found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traits {
    /// No look-up in this object can fault, loop or read beyond a table.
    pub regular: bool,
    /// Some exported symbol is an IFUNC.
    pub exports_ifunc: bool,
    /// The lowest symbol number in a chain.
    pub first: u32,
    /// Regular, and nothing the object carries in itself can end its relocation.
    pub plain: bool,
}

/// Looks at every symbol that a look-up can reach.
pub fn scan<'h>(vm: &Vm<'h>, symbols: &Symbols<'h>, versions: &Versions<'h>) -> Traits {
    let mut t = Traits { exports_ifunc: true, ..Traits::default() };
    if symbols.hash == Hash::None {
        return Traits { regular: true, ..Traits::default() };
    }
    let Some(range) = reachable(vm, symbols) else { return t };
    let Some(strings) = symbols.strtab.and_then(|a| vm.window(a)) else { return t };
    // A string that starts before the last NUL ends before it.
    let Some(last_nul) = strings.iter().rposition(|b| *b == 0) else { return t };
    let f = vm.format;
    let entry = if f.is64 { 24usize } else { 16 };
    let Some(table) = symbols.symtab.and_then(|a| vm.window(a)) else { return t };
    let Some(table) = table.get(range.start as usize * entry..range.end as usize * entry) else { return t };
    let (info_at, value_at) = if f.is64 { (4, 8) } else { (12, 4) };
    let mut ifunc = false;
    let mut worst = 0u32;
    for s in table.chunks_exact(entry) {
        let name = match (f.big, s) {
            (false, [a, b, c, d, ..]) => u32::from_le_bytes([*a, *b, *c, *d]),
            (true, [a, b, c, d, ..]) => u32::from_be_bytes([*a, *b, *c, *d]),
            _ => u32::MAX,
        };
        worst = worst.max(name);
        if s.get(info_at).is_some_and(|i| i & 15 == STT_GNU_IFUNC) {
            ifunc = true;
            // Whoever binds to it makes the loader call it there and then.
            let absolute = f.u16(s, if f.is64 { 6 } else { 14 }) == Some(SHN_ABS);
            if absolute || f.addr(s, value_at).is_none_or(|at| vm.executable(at).is_err()) {
                return t;
            }
        }
    }
    if worst as usize > last_nul || !versions_whole(vm, symbols, versions, &range) {
        return t;
    }
    t.regular = true;
    t.exports_ifunc = ifunc;
    t.first = range.start;
    t
}

/// The symbol numbers that chains lead to, if all chains stay inside the table and end.
fn reachable(vm: &Vm<'_>, symbols: &Symbols<'_>) -> Option<std::ops::Range<u32>> {
    let f = vm.format;
    match symbols.hash {
        Hash::None => Some(0..0),
        Hash::Gnu { buckets, mask, bloom_at, buckets_at, chain_zero, .. } => {
            // Every bloom word can be asked for.
            let words = u64::from(mask).checked_add(1)?;
            let bloom = vm.window(bloom_at)?;
            (words.checked_mul(f.word())? <= bloom.len() as u64).then_some(())?;
            let heads = vm.window(buckets_at)?.get(..buckets as usize * 4)?;
            let value = |b: &[u8]| f.u32(b, 0).unwrap_or(0);
            let first = heads.chunks_exact(4).map(value).filter(|v| *v != 0).min();
            let last = heads.chunks_exact(4).map(value).max().unwrap_or(0);
            let Some(first) = first else { return Some(0..0) };
            // The chain behind the highest bucket ends the table.
            let base = chain_zero.wrapping_add(4 * u64::from(first));
            let chain = vm.window(base)?;
            let from = (last - first) as usize * 4;
            let tail = chain.get(from..)?;
            let end = tail.chunks_exact(4).position(|c| value(c) & 1 != 0)?;
            let count = u32::try_from(end).ok()?.checked_add(1)?;
            Some(first..last.checked_add(count)?)
        }
        Hash::Sysv { buckets, buckets_at, chain_at } => {
            let heads = vm.window(buckets_at)?.get(..buckets as usize * 4)?;
            let chain = vm.window(chain_at)?;
            let mut seen = vec![false; chain.len() / 4];
            let mut highest = 0;
            for head in heads.chunks_exact(4) {
                let mut index = f.u32(head, 0)?;
                while index != 0 {
                    let slot = seen.get_mut(index as usize)?;
                    if std::mem::replace(slot, true) {
                        // Two chains that meet are legal but not worth telling from a loop.
                        return None;
                    }
                    highest = highest.max(index);
                    index = f.u32(chain, index as usize * 4)?;
                }
            }
            Some(0..highest.checked_add(1)?)
        }
    }
}

/// Every version index leads to a row, and every row's name can be read.
fn versions_whole(
    vm: &Vm<'_>,
    symbols: &Symbols<'_>,
    versions: &Versions<'_>,
    range: &std::ops::Range<u32>,
) -> bool {
    if !versions.has_table() {
        return true;
    }
    if versions.entries().any(|(_, e)| e.name().is_err()) {
        return false;
    }
    let Some(table) = symbols.versym.and_then(|a| vm.window(a)) else { return false };
    let Some(rows) = table.get(range.start as usize * 2..range.end as usize * 2) else { return false };
    let rows_max = versions.rows();
    rows.chunks_exact(2).all(|c| vm.format.u16(c, 0).is_some_and(|v| usize::from(v & 0x7fff) < rows_max))
}
