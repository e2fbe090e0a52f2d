//! What is known of an object's own binding, so that it is computed once and not once a root.
//! It must only remember what stays true in every larger scope: that a definition exists.
//! Rests on glibc elf/dl-lookup.c: the first definition wins, so more objects can only add candidates.

use std::collections::HashMap;
use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use foldhash::fast::FixedState;

use super::model::ImageId;
use super::timings::Timings;

/// An object together with the set of objects it can reach.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    /// The object.
    pub image: ImageId,
    /// Sum over the reachable objects of a mixed id.
    pub closure: u64,
    /// A second, independent sum.
    pub check: u64,
}

impl Key {
    /// The key of an object that reaches nothing yet.
    pub fn new(image: ImageId) -> Key {
        Key { image, closure: 0, check: 0 }
    }

    /// Adds one reachable object; the order does not matter.
    pub fn reach(&mut self, image: ImageId) {
        let x = u64::from(image.0).wrapping_add(1);
        self.closure = self.closure.wrapping_add(mix(x));
        self.check = self.check.wrapping_add(mix(x ^ 0x9e37_79b9_7f4a_7c15));
    }
}

/// splitmix64's finaliser.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The binding of one object within what it reaches.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Positions in its import list of strong references without a definition.
    pub missing: Vec<u32>,
    /// How many objects' tables were looked into for that.
    pub lookups: u64,
}

/// What each object needed when it was met first. In a map where all objects need just that, what one of them reaches
/// follows from itself, so that its binding is known by its id alone.
#[derive(Debug)]
struct Usual {
    /// The needed objects, in order; none for one without a file.
    needs: Box<[Option<ImageId>]>,
    own: OnceLock<Own>,
}

/// A table by image id that grows without moving what it holds. Chunk `n` has room for `FIRST << n` rows.
#[derive(Debug)]
struct Table<T> {
    chunks: [OnceLock<Box<[OnceLock<T>]>>; CHUNKS],
}

const FIRST: usize = 256;
const CHUNKS: usize = 20;

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { chunks: [const { OnceLock::new() }; CHUNKS] }
    }
}

impl<T> Table<T> {
    /// The row of an id; none if the table would grow beyond all measure.
    fn row(&self, id: ImageId) -> Option<&OnceLock<T>> {
        let (chunk, at) = place(id.index());
        let room = || iter::repeat_with(OnceLock::new).take(FIRST << chunk).collect();
        self.chunks.get(chunk)?.get_or_init(room).get(at)
    }
}

/// Chunk and position of a row.
fn place(index: usize) -> (usize, usize) {
    let chunk = (index / FIRST + 1).ilog2() as usize;
    (chunk, index - FIRST * ((1 << chunk) - 1))
}

type Shard<K, V> = RwLock<HashMap<K, V, FixedState>>;
/// Positions of imports, by referring and defining object.
type Pairs = Shard<(ImageId, ImageId), Arc<[u32]>>;
const SHARDS: usize = 32;

/// Results shared by all roots of a run.
#[derive(Debug, Default)]
pub struct Memo {
    usual: Table<Usual>,
    own: Shard<Key, Arc<Own>>,
    pairs: OnceLock<Vec<Pairs>>,
    /// Look-ups that were answered from here.
    hits: AtomicU64,
    /// Bindings that were computed.
    misses: AtomicU64,
    lookups: AtomicU64,
}

impl Memo {
    /// An empty memo.
    pub fn new() -> Memo {
        Memo::default()
    }

    /// Whether an object needs what it needed when it was met first.
    pub fn is_usual(&self, image: ImageId, needs: impl Iterator<Item = Option<ImageId>> + Clone) -> bool {
        let Some(row) = self.usual.row(image) else { return false };
        let first = || Usual { needs: needs.clone().collect(), own: OnceLock::new() };
        row.get_or_init(first).needs.iter().copied().eq(needs)
    }

    /// The binding of an object that is usual, like all it reaches.
    pub fn usual_own(&self, image: ImageId, compute: impl FnOnce() -> Own) -> Option<&Own> {
        let usual = self.usual.row(image)?.get()?;
        let known = usual.own.get();
        self.count(known.is_some());
        Some(known.unwrap_or_else(|| usual.own.get_or_init(|| self.counted(compute()))))
    }

    /// The binding under `key`, computed if it is not known. Two threads may both compute it; they get the same.
    pub fn own(&self, key: Key, compute: impl FnOnce() -> Own) -> Arc<Own> {
        if let Some(known) = self.own.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            self.count(true);
            return Arc::clone(known);
        }
        self.count(false);
        let new = Arc::new(self.counted(compute()));
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(own.entry(key).or_insert(new))
    }

    /// The imports of `from` that name an IFUNC of `to`.
    pub fn pair(&self, from: ImageId, to: ImageId, compute: impl FnOnce() -> Vec<u32>) -> Arc<[u32]> {
        let pairs = self.pairs.get_or_init(|| iter::repeat_with(Pairs::default).take(SHARDS).collect());
        let Some(shard) = pairs.get(from.index() % SHARDS) else { return compute().into() };
        if let Some(known) = shard.read().unwrap_or_else(PoisonError::into_inner).get(&(from, to)) {
            return Arc::clone(known);
        }
        let new: Arc<[u32]> = compute().into();
        shard.write().unwrap_or_else(PoisonError::into_inner).insert((from, to), Arc::clone(&new));
        new
    }

    fn counted(&self, own: Own) -> Own {
        self.lookups.fetch_add(own.lookups, Ordering::Relaxed);
        own
    }

    fn count(&self, known: bool) {
        let counter = if known { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells what was done and what was known.
    pub fn tell(&self, timings: &Timings) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        timings.add(count(&self.lookups), count(&self.misses), count(&self.hits));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_table_follow_each_other() {
        let mut next = (0, 0);
        for index in 0..10 * FIRST {
            let (chunk, at) = place(index);
            assert!((chunk, at) == next || (chunk, at) == (next.0 + 1, 0), "{index}");
            assert!(at < FIRST << chunk);
            next = (chunk, at + 1);
        }
        let table = Table::default();
        for index in [0, FIRST - 1, FIRST, 3 * FIRST, 1 << 20] {
            let id = ImageId(u32::try_from(index).unwrap());
            assert_eq!(table.row(id).map(|row| *row.get_or_init(|| index)), Some(index));
        }
        assert!(table.row(ImageId(u32::MAX)).is_none());
    }

    #[test]
    fn an_object_is_usual_while_it_needs_the_same() {
        let memo = Memo::new();
        let (a, b) = (ImageId(7), Some(ImageId(9)));
        assert!(memo.is_usual(a, [b, None].into_iter()));
        assert!(memo.is_usual(a, [b, None].into_iter()));
        assert!(!memo.is_usual(a, [None, b].into_iter()));
        assert!(!memo.is_usual(a, [b].into_iter()));
    }
}
