//! Knows the walk over a sorted cache: the binary search, the comparison, and which of several entries wins.
//! It must never take a shortcut the loader does not take: an unsorted cache must mislead it in the same way.
//! It follows `SEARCH_CACHE` (up to 2.32) and `search_cache` (from 2.33) of glibc's `elf/dl-cache.c`.

use std::cmp::Ordering;

use super::{CacheQuery, LdCache, NEW_ENTRY, Raw, Table};
use crate::analyzer::model::Machine;

/// Names of `glibc-hwcaps` directories a cache may announce before we stop believing it; `ldconfig` writes a handful.
const MAX_NAMES: usize = 4096;

pub(super) fn lookup<'c>(cache: &'c LdCache, name: &[u8], query: &CacheQuery<'_>) -> Option<&'c [u8]> {
    let new = if query.machine == Machine::I386 { cache.new_i386 } else { cache.new };
    let table = new.or(cache.old)?;
    let signed = query.signed_chars();
    let compare = |raw: &Raw| cache.string(table, raw.key).map(|key| libcmp(name, key, signed));
    let (mut left, mut right) = (0, table.count.checked_sub(1)?);
    loop {
        let middle = usize::midpoint(left, right);
        // A key outside the file ends the search.
        match compare(&cache.raw(table, middle)?)? {
            Ordering::Equal => {
                let mut first = middle;
                while first > 0 && compare(&cache.raw(table, first - 1)?) == Some(Ordering::Equal) {
                    first -= 1;
                }
                let equal = (first..=right).map_while(|index| {
                    let raw = cache.raw(table, index)?;
                    (index <= middle || compare(&raw) == Some(Ordering::Equal)).then_some(raw)
                });
                return choose(cache, table, equal, query);
            }
            // The table is sorted in descending order.
            Ordering::Less => left = middle.checked_add(1)?,
            Ordering::Greater => right = middle.checked_sub(1)?,
        }
        if left > right {
            return None;
        }
    }
}

/// Picks among the entries of one name.
fn choose<'c>(
    cache: &'c LdCache,
    table: Table,
    entries: impl Iterator<Item = Raw>,
    query: &CacheQuery<'_>,
) -> Option<&'c [u8]> {
    let minor = query.version.minor;
    let mut best = None;
    let mut best_priority = usize::MAX;
    for raw in entries {
        let own = raw.flags == query.own_flags();
        let Some(path) = cache.string(table, raw.value).filter(|_| query.accepts(raw.flags)) else {
            continue;
        };
        // Up to 2.33 a second candidate counts only if it has the machine's own flags.
        if minor <= 33 && best.is_some() && !own {
            continue;
        }
        let mut named = false;
        if table.entry == NEW_ENTRY {
            named = minor >= 33 && raw.is_named();
            if named && !query.level_fits(raw.level()) {
                continue;
            }
            // Named entries come first; what they gave is final.
            if minor >= 33 && !named && best.is_some() {
                break;
            }
            let allowed = if query.no_legacy { 0 } else { query.legacy_hwcap };
            if !named && raw.hwcap & !allowed != 0 {
                continue;
            }
            if query.kernel.is_some_and(|kernel| raw.osversion > kernel) {
                continue;
            }
            if named {
                match priority(cache, raw.hwcap_index(), query) {
                    Some(priority) if best.is_none() || priority < best_priority => best_priority = priority,
                    _ => continue,
                }
            }
        }
        best = Some(path);
        if own && !named {
            break;
        }
    }
    best
}

/// Rank of the hwcaps name with this index, 0 best; none if it is not active. The loader merges the cache's names, which
/// it takes to be sorted, with its own sorted ones, so a name out of order is lost.
fn priority(cache: &LdCache, index: usize, query: &CacheQuery<'_>) -> Option<usize> {
    let count = cache.hwcaps?.count;
    if index >= count || count > MAX_NAMES {
        return None;
    }
    let mut active: Vec<(&[u8], usize)> =
        query.hwcaps.iter().enumerate().map(|(rank, name)| (name.as_slice(), rank)).collect();
    active.sort();
    let mut active = active.into_iter().peekable();
    for at in 0..=index {
        // The loader never gets past a name outside the file.
        let name = cache.hwcap_name(at)?;
        while active.next_if(|&(own, _)| own < name).is_some() {}
        let found = active.next_if(|&(own, _)| own == name).map(|(_, rank)| rank);
        if at == index {
            return found;
        }
    }
    None
}

/// `_dl_cache_libcmp`: like `strcmp`, but runs of digits compare as numbers.
pub(super) fn libcmp(left: &[u8], right: &[u8], signed: bool) -> Ordering {
    let byte = |bytes: &[u8], at: usize| bytes.get(at).copied().unwrap_or(0);
    let value = |byte: u8| if signed { i32::from(byte.cast_signed()) } else { i32::from(byte) };
    let (mut l, mut r) = (0, 0);
    while l < left.len() {
        let (a, b) = (byte(left, l), byte(right, r));
        match (a.is_ascii_digit(), b.is_ascii_digit()) {
            (true, true) => {
                let (x, y) = (number(left, &mut l), number(right, &mut r));
                if x != y {
                    // The loader subtracts, so far apart numbers of a hostile file wrap round.
                    return x.wrapping_sub(y).cmp(&0);
                }
            }
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) if a != b => return value(a).cmp(&value(b)),
            (false, false) => {
                l += 1;
                r += 1;
            }
        }
    }
    0.cmp(&value(byte(right, r)))
}

/// Reads digits into a C `int`, which wraps.
fn number(bytes: &[u8], at: &mut usize) -> i32 {
    let mut value = 0_i32;
    while let Some(digit) = bytes.get(*at).filter(|byte| byte.is_ascii_digit()) {
        value = value.wrapping_mul(10).wrapping_add(i32::from(digit - b'0'));
        *at += 1;
    }
    value
}
