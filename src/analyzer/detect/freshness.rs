//! Whether the loader's cache is as new as the directories it speaks of.
//! It must never change what the cache answers: an old cache is what the loader reads, too.
//! Follows ldconfig(8): it is to be run after a library was added to or removed from a directory it covers.

use std::collections::BTreeSet;

use crate::analyzer::host::{Host, Kind};
use crate::analyzer::ldcache::LdCache;

/// Where glibc keeps it.
const CACHE: &[u8] = b"/etc/ld.so.cache";
/// Directories looked at: a crafted cache may name any number.
const MOST: usize = 256;

/// The directories of the cache that changed after it was written; none at all if there is no such file.
pub fn changed_since<'h>(host: &dyn Host<'h>, cache: &LdCache) -> Option<Vec<Vec<u8>>> {
    let written = host.stat(CACHE).ok()?.mtime;
    let directory =
        |path: &[u8]| path.iter().rposition(|b| *b == b'/').and_then(|at| path.get(..at)).map(<[u8]>::to_vec);
    let directories: BTreeSet<Vec<u8>> = cache.entries().filter_map(|e| directory(e.path)).collect();
    let newer = |dir: &Vec<u8>| host.stat(dir).is_ok_and(|s| s.kind == Kind::Dir && s.mtime > written);
    Some(directories.into_iter().take(MOST).filter(newer).collect())
}
