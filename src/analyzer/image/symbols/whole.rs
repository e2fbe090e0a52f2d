//! Hash tables that were found whole: no look-up in them can fault, loop or read beyond a table.
//! It must never be asked of a table that `scan.rs` did not go through.
//! Follows glibc elf/dl-lookup.c:do_lookup_x where nothing can go wrong.

use super::super::fmt::Format;
use super::super::vm::Vm;
use super::{Hash, Symbols};

/// The bloom filter of whole tables: one word says that most names are not there.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'h> {
    words: &'h [u8],
    mask: u32,
    shift: u32,
    /// The shift is that of a 64-bit number.
    wide: bool,
    format: Format,
}

impl Filter<'_> {
    /// Whether no symbol has this hash.
    #[inline]
    pub fn rules_out(&self, hash: u32) -> bool {
        let f = self.format;
        if f.is64 && !f.big && !self.wide {
            // The layout most machines use, without a question left.
            let at = ((hash / 64) & self.mask) as usize * 8;
            let Some(Ok(b)) = self.words.get(at..at + 8).map(<[u8; 8]>::try_from) else { return false };
            let word = u64::from_le_bytes(b);
            return (word >> (hash & 63)) & (word >> (hash.wrapping_shr(self.shift) & 63)) & 1 == 0;
        }
        let word = if f.is64 {
            f.u64(self.words, ((hash / 64) & self.mask) as usize * 8)
        } else {
            f.u32(self.words, ((hash / 32) & self.mask) as usize * 4).map(u64::from)
        };
        let bits = if f.is64 { 63 } else { 31 };
        let second = second_hash(hash, self.shift, self.wide);
        word.is_some_and(|b| (b >> (hash & bits)) & (b >> (second & bits)) & 1 == 0)
    }
}

/// A DT_GNU_HASH in which every look-up stays inside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole<'h> {
    pub(super) filter: Filter<'h>,
    buckets: &'h [u8],
    count: u32,
    chain: &'h [u8],
    first: u32,
}

impl Whole<'_> {
    /// The first symbol of a hash's chain; 0 if there is none.
    #[inline]
    pub(super) fn head(&self, hash: u32) -> u32 {
        self.filter.format.u32(self.buckets, (hash % self.count) as usize * 4).unwrap_or(0)
    }

    /// The chain entry of symbol `index`: its hash, with the lowest bit saying that the chain ends.
    #[inline]
    pub(super) fn entry(&self, index: u32) -> Option<u32> {
        self.filter.format.u32(self.chain, index.wrapping_sub(self.first) as usize * 4)
    }
}

impl<'h> Symbols<'h> {
    /// Says that the tables were checked (see `scan.rs`) and that chains start at symbol `first`.
    pub fn vouch(&mut self, vm: &Vm<'h>, first: u32) {
        if let Hash::Gnu { buckets: count, mask, shift, wide, bloom_at, buckets_at, chain_zero } = self.hash {
            let words = (u64::from(mask) + 1) * vm.format.word();
            let part = |at: u64, len: u64| vm.window(at).and_then(|w| w.get(..usize::try_from(len).ok()?));
            let chain = vm.window(chain_zero.wrapping_add(4 * u64::from(first)));
            if let (Some(words), Some(buckets), Some(chain)) =
                (part(bloom_at, words), part(buckets_at, 4 * u64::from(count)), chain)
            {
                let filter = Filter { words, mask, shift, wide, format: vm.format };
                self.whole = Some(Whole { filter, buckets, count, chain, first });
            }
        }
    }

    /// The bloom filter, if the tables are whole.
    #[inline]
    pub fn filter(&self) -> Option<Filter<'h>> {
        self.whole.as_ref().map(|w| w.filter)
    }

    /// Whether the bloom filter of whole tables rules a hash out. Cheap, so that callers ask it first.
    #[inline]
    pub fn rules_out(&self, hash: u32) -> bool {
        self.whole.as_ref().is_some_and(|w| w.filter.rules_out(hash))
    }

    /// Whether symbol `index` is the first of its hash that a look-up in whole tables comes to.
    #[inline]
    pub fn passes(&self, hash: u32, index: u32) -> bool {
        let Some(w) = self.whole.as_ref().filter(|w| !w.filter.rules_out(hash)) else { return false };
        let mut at = w.head(hash);
        if at == 0 {
            return false;
        }
        while at < index {
            match w.entry(at) {
                // One before it with that hash might be what the look-up stops at.
                Some(entry) if entry & 1 == 0 && (entry ^ hash) >> 1 != 0 => at += 1,
                _ => return false,
            }
        }
        at == index && w.entry(index).is_some_and(|entry| (entry ^ hash) >> 1 == 0)
    }
}

/// The hash for the second bloom bit; the processor masks the count to the width it shifts.
#[inline]
pub(super) fn second_hash(hash: u32, shift: u32, wide: bool) -> u32 {
    if wide { u64::from(hash).wrapping_shr(shift) as u32 } else { hash.wrapping_shr(shift) }
}
