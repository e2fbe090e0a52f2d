//! A disk that notes what it was asked and what it answered, so that the same questions can be asked again.
//! It must never answer anything itself, nor note an answer that could not be compared later.
//! An answer is compared by the identity, size and times of what is there, as make(1) and git(1) do with their index.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::{Entry, Errno, Host, Kind, Opened, Pieces, Stat};

const SHARDS: usize = 64;

/// What was found out about one path.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Answers {
    /// What is there, links followed.
    pub stat: Option<Result<Stat, Errno>>,
    /// The link itself.
    pub link: Option<Result<Vec<u8>, Errno>>,
    /// Whether code can be mapped there.
    pub noexec: Option<bool>,
    /// Its bytes were handed out.
    pub read: bool,
    /// It was listed.
    pub listed: bool,
    /// Two answers did not fit together: something changes it right now.
    pub unstable: bool,
}

type Shard = Mutex<HashMap<Box<[u8]>, Answers, FixedState>>;

/// Questions and answers of any number of recording disks that show the same files.
#[derive(Debug)]
pub struct Log {
    shards: Vec<Shard>,
}

impl Default for Log {
    fn default() -> Log {
        Log { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl Log {
    /// All paths with their answers, sorted.
    pub fn seen(&self) -> Vec<(Vec<u8>, Answers)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.iter().map(|(path, answers)| (path.to_vec(), answers.clone())));
        }
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        all
    }

    fn note(&self, path: &[u8], note: impl FnOnce(&mut Answers)) {
        let place = path.iter().rev().take(16).fold(path.len(), |h, b| h.wrapping_mul(31) ^ usize::from(*b));
        let Some(shard) = self.shards.get(place % SHARDS) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        note(match shard.get_mut(path) {
            Some(known) => known,
            None => shard.entry(path.into()).or_default(),
        });
    }
}

/// The recording disk.
pub struct Recorder<'h, H> {
    inner: H,
    log: Arc<Log>,
    bytes: PhantomData<&'h [u8]>,
}

impl<'h, H: Host<'h>> Recorder<'h, H> {
    /// Notes in `log` what `inner` answers.
    pub fn new(inner: H, log: Arc<Log>) -> Self {
        Recorder { inner, log, bytes: PhantomData }
    }

    fn note(&self, path: &[u8], note: impl FnOnce(&mut Answers)) {
        self.log.note(path, note);
    }

    fn note_stat(&self, path: &[u8], stat: Result<Stat, Errno>) {
        self.note(path, |a| match &a.stat {
            None => a.stat = Some(stat),
            Some(earlier) => a.unstable |= *earlier != stat,
        });
    }

    /// What opening failed with can be asked again only if looking at the path fails in the same way.
    fn note_failure(&self, path: &[u8], errno: Errno) {
        let again = self.inner.stat(path);
        // Rights, sizes and kinds are part of what is there; a want of memory or descriptors is not.
        let lasts = matches!(errno, Errno::EACCES | Errno::ENXIO | Errno::EFBIG | Errno::EISDIR);
        if again == Err(errno) || (again.is_ok() && lasts) {
            self.note_stat(path, again);
        } else {
            self.spoil(path);
        }
    }

    fn spoil(&self, path: &[u8]) {
        self.note(path, |a| a.unstable = true);
    }
}

impl<'h, H: Host<'h>> Host<'h> for Recorder<'h, H> {
    fn open(&self, path: &[u8]) -> Result<Opened<'h>, Errno> {
        let opened = self.inner.open(path);
        match &opened {
            Ok(Opened::File(stat, _)) => {
                self.note_stat(path, Ok(*stat));
                self.note(path, |a| a.read = true);
            }
            Ok(Opened::Other(stat)) => self.note_stat(path, Ok(*stat)),
            Ok(Opened::Changed(_)) => self.spoil(path),
            Err(errno) => self.note_failure(path, *errno),
        }
        opened
    }

    fn visit(&self, path: &[u8], look: &mut dyn FnMut(&Stat, &dyn Pieces)) -> Result<Stat, Errno> {
        let stat = self.inner.visit(path, look);
        match stat {
            Ok(stat) => self.note_stat(path, Ok(stat)),
            Err(errno) => self.note_failure(path, errno),
        }
        stat
    }

    fn stat(&self, path: &[u8]) -> Result<Stat, Errno> {
        let stat = self.inner.stat(path);
        self.note_stat(path, stat);
        stat
    }

    fn list(&self, path: &[u8]) -> Result<Vec<Entry>, Errno> {
        let before = self.inner.stat(path);
        let listed = self.inner.list(path);
        self.note_stat(path, before);
        self.note(path, |a| a.listed = true);
        if before != self.inner.stat(path) {
            self.spoil(path);
        }
        listed
    }

    fn readlink(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let link = self.inner.readlink(path);
        self.note(path, |a| a.link = Some(link.clone()));
        link
    }

    fn on_this_machine(&self, path: &[u8]) -> Result<PathBuf, Errno> {
        self.inner.on_this_machine(path)
    }

    fn forget(&self, bytes: &'h [u8]) {
        self.inner.forget(bytes);
    }

    fn noexec(&self, path: &[u8]) -> bool {
        let noexec = self.inner.noexec(path);
        self.note(path, |a| a.noexec = Some(noexec));
        noexec
    }
}

impl Answers {
    /// Whether `host` still answers so.
    pub fn hold<'h>(&self, host: &dyn Host<'h>, path: &[u8]) -> bool {
        !self.unstable
            && self.stat.as_ref().is_none_or(|stat| host.stat(path) == *stat)
            && self.link.as_ref().is_none_or(|link| host.readlink(path) == *link)
            && self.noexec.is_none_or(|noexec| host.noexec(path) == noexec)
    }

    /// The latest time at which what is there is known to have changed; none where nothing with such a time is there.
    pub fn changed_at(&self) -> Option<i128> {
        let stat = self.stat?.ok()?;
        matches!(stat.kind, Kind::File | Kind::Dir).then_some(stat.ctime.max(stat.mtime))
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::{MemoryHost, Node};
    use super::*;

    #[test]
    fn every_kind_of_answer_is_noted_and_compared() {
        let disk =
            MemoryHost::new().file("/l/a", b"x").link("/l/b", "a").with("/l/d", Node::Denied(Errno::EACCES));
        let host = &disk;
        let log = Arc::new(Log::default());
        let recorder = Recorder::new(host, Arc::clone(&log));
        assert!(recorder.open(b"/l/b").is_ok());
        assert_eq!(recorder.open(b"/l/none"), Err(Errno::ENOENT));
        assert_eq!(recorder.open(b"/l/d"), Err(Errno::EACCES));
        assert!(recorder.list(b"/l").is_ok() && recorder.readlink(b"/l/b").is_ok());
        let seen = log.seen();
        assert!(seen.iter().all(|(path, answers)| answers.hold(&host, path)));
        let paths: Vec<&[u8]> = seen.iter().map(|(p, _)| p.as_slice()).collect();
        assert_eq!(paths, [&b"/l"[..], b"/l/b", b"/l/d", b"/l/none"]);
        // A file appears, a link leads elsewhere, something is gone.
        let others = [
            MemoryHost::new().file("/l/a", b"x").link("/l/b", "a").file("/l/none", b"n"),
            MemoryHost::new().file("/l/a", b"x").file("/l/c", b"x").link("/l/b", "c"),
            MemoryHost::new().file("/l/a", b"longer").link("/l/b", "a"),
            MemoryHost::new(),
        ];
        for other in &others {
            assert!(!seen.iter().all(|(path, answers)| answers.hold(&other, path)));
        }
    }

    #[test]
    fn what_changes_meanwhile_is_never_taken_for_the_same() {
        let disk = MemoryHost::new().with("/l", Node::Unstable(b"x".to_vec()));
        let host = &disk;
        let log = Arc::new(Log::default());
        let recorder = Recorder::new(host, Arc::clone(&log));
        assert!(matches!(recorder.open(b"/l"), Ok(Opened::Changed(_))));
        assert!(log.seen().iter().all(|(path, answers)| !answers.hold(&host, path)));
    }
}
