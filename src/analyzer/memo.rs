//! What is known of an object's own binding, so that it is computed once and not once a root.
//! It must only remember what stays true in every larger scope: that a definition exists.
//! Rests on glibc elf/dl-lookup.c: the first definition wins, so more objects can only add candidates.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::FixedState;

use super::model::ImageId;

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
}

type Shard<K, V> = RwLock<HashMap<K, V, FixedState>>;
/// Positions of imports, by referring and defining object.
type Pairs = Shard<(ImageId, ImageId), Arc<[u32]>>;
const SHARDS: usize = 32;

/// Results shared by all roots of a run.
#[derive(Debug, Default)]
pub struct Memo {
    own: Vec<Shard<Key, Arc<Own>>>,
    pairs: Vec<Pairs>,
    /// Look-ups that were answered from here.
    hits: AtomicU64,
    /// Bindings that were computed.
    misses: AtomicU64,
}

impl Memo {
    /// An empty memo.
    pub fn new() -> Memo {
        Memo {
            own: (0..SHARDS).map(|_| RwLock::default()).collect(),
            pairs: (0..SHARDS).map(|_| RwLock::default()).collect(),
            ..Memo::default()
        }
    }

    /// The binding under `key`, computed if it is not known. Two threads may both compute it; they get the same.
    pub fn own(&self, key: Key, compute: impl FnOnce() -> Own) -> Arc<Own> {
        let Some(shard) = self.own.get(key.image.index() % SHARDS) else { return Arc::new(compute()) };
        if let Some(known) = shard.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Arc::clone(known);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let new = Arc::new(compute());
        shard.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert_with(|| Arc::clone(&new));
        new
    }

    /// The imports of `from` that name an IFUNC of `to`.
    pub fn pair(&self, from: ImageId, to: ImageId, compute: impl FnOnce() -> Vec<u32>) -> Arc<[u32]> {
        let Some(shard) = self.pairs.get(from.index() % SHARDS) else { return compute().into() };
        if let Some(known) = shard.read().unwrap_or_else(PoisonError::into_inner).get(&(from, to)) {
            return Arc::clone(known);
        }
        let new: Arc<[u32]> = compute().into();
        shard.write().unwrap_or_else(PoisonError::into_inner).insert((from, to), Arc::clone(&new));
        new
    }

    /// Answers from memory, and bindings computed.
    pub fn counts(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }
}
