//! Every file of the run, opened and read once: path to outcome, (device, inode) to facts.
//! It must never interpret a search rule; it only remembers. Two threads may ask at once; the answer is the same.
//! Replaces what glibc does with open, fstat and mmap in elf/dl-load.c.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::FixedState;

use super::host::{Errno, Host, Kind, Opened, Pieces, Stat};
use super::image::elf::{self, Image, Role};
use super::image::header;
use super::loader_model::LoaderModel;
use super::model::ImageId;
use super::musl;
use super::search::Hit;
use super::timings::{self, Phase, Timings};

/// Up to so many files keep their memory.
const FEW: u32 = 2048;

/// One file.
#[derive(Debug)]
pub struct ImageEntry<'h> {
    /// Its id.
    pub id: ImageId,
    /// Its identity.
    pub stat: Stat,
    /// Its contents.
    pub bytes: &'h [u8],
    /// What the loader makes of it.
    pub image: Image<'h>,
}

/// What opening a path gives.
#[derive(Clone, Debug)]
pub enum Opening<'h> {
    /// A regular file.
    Image(Arc<ImageEntry<'h>>),
    /// `open` fails.
    Errno(Errno),
    /// Something that is no regular file.
    Special(Kind, Stat),
    /// The file changed while it was read.
    Changed,
}

type Map<K, V> = HashMap<K, V, FixedState>;
/// Files by device and inode.
type Images<'h> = Map<(u64, u64), Arc<ImageEntry<'h>>>;
const SHARDS: usize = 64;

/// The files of one run, as one loader sees them.
pub struct Disk<'a, 'h> {
    host: &'a dyn Host<'h>,
    model: Cow<'a, LoaderModel>,
    tables: Arc<Tables<'h>>,
    environment: Shards<Elsewhere<'h>>,
    timings: Option<&'a Timings>,
}

/// What a search in the directories of LD_LIBRARY_PATH comes to.
#[derive(Clone, Debug)]
pub struct Elsewhere<'h> {
    /// What ends the search; none if it goes on behind them.
    pub hit: Option<Hit<'h>>,
    /// The process's `errno` afterwards.
    pub errno: Errno,
    /// A file of the other ELF class was passed over.
    pub other_class: bool,
}

type Shards<V> = Vec<RwLock<Map<Box<[u8]>, V>>>;

fn shards<V>() -> Shards<V> {
    (0..SHARDS).map(|_| RwLock::default()).collect()
}

/// What was read so far.
struct Tables<'h> {
    paths: Shards<Opening<'h>>,
    images: Vec<RwLock<Images<'h>>>,
    dirs: RwLock<Map<Box<[u8]>, bool>>,
    found: Shards<Hit<'h>>,
    next: AtomicU32,
}

impl<'a, 'h> Disk<'a, 'h> {
    /// An empty table over `host`.
    pub fn new(host: &'a dyn Host<'h>, model: &'a LoaderModel) -> Self {
        Disk::of(host, Cow::Borrowed(model))
    }

    /// An empty table over `host` with a model of its own.
    pub fn owning(host: &'a dyn Host<'h>, model: LoaderModel) -> Self {
        Disk::of(host, Cow::Owned(model))
    }

    fn of(host: &'a dyn Host<'h>, model: Cow<'a, LoaderModel>) -> Self {
        let tables = Tables {
            paths: shards(),
            images: (0..SHARDS).map(|_| RwLock::default()).collect(),
            dirs: RwLock::default(),
            found: shards(),
            next: AtomicU32::new(0),
        };
        Disk { host, model, tables: Arc::new(tables), environment: shards(), timings: None }
    }

    /// The same files under the same loader, started with another LD_LIBRARY_PATH. That decides where a file is looked
    /// for and never what is in it, so everything read through one of the two is read for both.
    #[must_use]
    pub fn with_library_path(&self, path: Option<Vec<u8>>) -> Self {
        let mut model = LoaderModel::clone(&self.model);
        model.env.library_path = path;
        Disk {
            host: self.host,
            model: Cow::Owned(model),
            tables: Arc::clone(&self.tables),
            environment: shards(),
            timings: self.timings,
        }
    }

    /// The same, with a watch on where the time goes.
    #[must_use]
    pub fn timed(self, timings: Option<&'a Timings>) -> Self {
        Disk { timings, ..self }
    }

    /// The watch.
    pub fn timings(&self) -> Option<&'a Timings> {
        self.timings
    }

    /// The loader model the files are read for.
    pub fn model(&self) -> &LoaderModel {
        &self.model
    }

    /// Opens `path` (relative ones from the reference process's working directory).
    pub fn open(&self, path: &[u8]) -> Opening<'h> {
        let Some(shard) = self.tables.paths.get(shard_of(path)) else { return Opening::Errno(Errno::ENOENT) };
        if let Some(o) = shard.read().unwrap_or_else(PoisonError::into_inner).get(path) {
            return o.clone();
        }
        let opening = self.load(path);
        let mut map = shard.write().unwrap_or_else(PoisonError::into_inner);
        map.entry(path.into()).or_insert(opening).clone()
    }

    /// What a search came to whose outcome depends on `key` alone. Searches that find nothing are done every time:
    /// what they say depends on the one before. `errno` is the process's.
    pub fn found(
        &self,
        key: &[u8],
        errno: &mut Errno,
        search: impl FnOnce(&mut Errno) -> Hit<'h>,
    ) -> Hit<'h> {
        let Some(shard) = self.tables.found.get(shard_of(key)) else { return search(errno) };
        if let Some(hit) = shard.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            *errno = Errno::NONE;
            return hit.clone();
        }
        let hit = search(errno);
        if matches!(hit, Hit::Opened { .. }) {
            shard.write().unwrap_or_else(PoisonError::into_inner).insert(key.into(), hit.clone());
        }
        hit
    }

    /// What a search in LD_LIBRARY_PATH comes to for a name: done once, if the directories are the same for everybody.
    /// `search` is not to depend on anything but the name.
    pub fn in_environment(&self, name: &[u8], search: impl FnOnce() -> Elsewhere<'h>) -> Elsewhere<'h> {
        let own = self.model.env.library_path.as_ref().is_none_or(|path| path.contains(&b'$'));
        let Some(shard) = self.environment.get(shard_of(name)).filter(|_| !own) else { return search() };
        if let Some(known) = shard.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return known.clone();
        }
        let new = search();
        shard.write().unwrap_or_else(PoisonError::into_inner).insert(name.into(), new.clone());
        new
    }

    /// What a program start makes of `path`: not remembered, since the same file opened later is another thing.
    pub fn open_as(&self, path: &[u8], role: Role) -> Opening<'h> {
        match self.open(path) {
            Opening::Image(known) => {
                let ImageEntry { stat, bytes, .. } = *known;
                let image = self.read(bytes, &self.absolute(path), role);
                let id = ImageId(self.tables.next.fetch_add(1, Ordering::Relaxed));
                Opening::Image(Arc::new(ImageEntry { id, stat, bytes, image }))
            }
            other => other,
        }
    }

    /// Opens a regular file for as long as `look` takes, which also hears whether code cannot be mapped there.
    /// Nothing of it is remembered, nor why it could not be opened.
    pub fn visit(&self, path: &[u8], look: &mut dyn FnMut(&Stat, &dyn Pieces, bool)) {
        let noexec = self.host.noexec(path);
        let _ = self.host.visit(path, &mut |stat, file| look(stat, file, noexec));
    }

    /// Whether a file is an executable, by its contents.
    pub fn is_program(&self, path: &[u8]) -> bool {
        let Opening::Image(image) = self.open(path) else { return false };
        let kind = header::kind_of(image.bytes, image.stat.size, || Some(image.bytes));
        kind == header::FileKind::Program
    }

    /// Whether `path` is a directory (followed).
    pub fn is_dir(&self, path: &[u8]) -> bool {
        if let Some(d) = self.tables.dirs.read().unwrap_or_else(PoisonError::into_inner).get(path) {
            return *d;
        }
        let answer = self.host.stat(&self.absolute(path)).is_ok_and(|s| s.kind == Kind::Dir);
        self.tables.dirs.write().unwrap_or_else(PoisonError::into_inner).insert(path.into(), answer);
        answer
    }

    /// Where a chain of links leads in the end, link by link of the last component (the kernel's view of a program).
    pub fn real_path(&self, path: &[u8]) -> Vec<u8> {
        let mut at = self.absolute(path);
        for _ in 0..40 {
            let Ok(target) = self.host.readlink(&at) else { break };
            if target.starts_with(b"/") {
                at = target;
            } else {
                let cut = at.iter().rposition(|b| *b == b'/').map_or(0, |i| i + 1);
                at.truncate(cut);
                at.extend_from_slice(&target);
            }
        }
        at
    }

    /// The names in a directory, in no order; none if it cannot be listed.
    pub fn list(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let entries = self.host.list(&self.absolute(path)).unwrap_or_default();
        entries.into_iter().map(|e| e.name).collect()
    }

    /// Device and inode of a regular file (links followed).
    pub fn identity(&self, path: &[u8]) -> Option<(u64, u64)> {
        let stat = self.host.stat(&self.absolute(path)).ok()?;
        (stat.kind == Kind::File).then_some((stat.dev, stat.ino))
    }

    /// Says so of every file read so far.
    pub fn forget_all(&self) {
        if self.tables.next.load(Ordering::Relaxed) <= FEW {
            return;
        }
        for shard in &self.tables.images {
            for image in shard.read().unwrap_or_else(PoisonError::into_inner).values() {
                self.host.forget(image.bytes);
            }
        }
    }

    /// Says that the contents of a file are not needed soon. Few files take little memory, and most of it is asked for
    /// again.
    pub fn forget(&self, image: &ImageEntry<'h>) {
        if self.tables.next.load(Ordering::Relaxed) > FEW {
            self.host.forget(image.bytes);
        }
    }

    /// `path` from the working directory of the reference process.
    pub fn absolute(&self, path: &[u8]) -> Vec<u8> {
        if path.starts_with(b"/") {
            return path.to_vec();
        }
        let mut full = self.model.cwd.clone();
        if !full.ends_with(b"/") {
            full.push(b'/');
        }
        full.extend_from_slice(path);
        full
    }

    fn load(&self, path: &[u8]) -> Opening<'h> {
        if path.is_empty() {
            return Opening::Errno(Errno::ENOENT);
        }
        let full = self.absolute(path);
        let mut known = None;
        let opened = timings::time(self.timings, Phase::Host, || {
            self.host.open_unless(&full, &mut |stat| {
                known = self.known(stat);
                known.is_some()
            })
        });
        if let Some(image) = known {
            return Opening::Image(image);
        }
        match opened {
            // Our own caps and wants, which the loader does not have.
            Err(errno) if errno.is_our_want() => match self.host.stat(&full) {
                Ok(stat) => Opening::Special(stat.kind, stat),
                Err(e) => Opening::Errno(e),
            },
            Err(e) => Opening::Errno(e),
            Ok(Opened::Other(stat)) => Opening::Special(stat.kind, stat),
            Ok(Opened::Changed(_)) => Opening::Changed,
            Ok(Opened::File(stat, bytes)) => self.file(&full, stat, bytes),
        }
    }

    /// One file through the eyes of the model's loader.
    fn read(&self, bytes: &'h [u8], path: &[u8], role: Role) -> Image<'h> {
        let noexec = self.host.noexec(path);
        match self.model.musl() {
            None => elf::read(bytes, &self.model, noexec, role),
            Some(musl) => musl::read::read(bytes, &self.model, musl, noexec, role),
        }
    }

    /// The file that is known already under another name.
    fn known(&self, stat: &Stat) -> Option<Arc<ImageEntry<'h>>> {
        let shard = self.tables.images.get((stat.ino as usize) % SHARDS)?;
        let images = shard.read().unwrap_or_else(PoisonError::into_inner);
        images.get(&(stat.dev, stat.ino)).filter(|image| image.stat == *stat).map(Arc::clone)
    }

    fn file(&self, path: &[u8], stat: Stat, bytes: &'h [u8]) -> Opening<'h> {
        let key = (stat.dev, stat.ino);
        let Some(shard) = self.tables.images.get((stat.ino as usize) % SHARDS) else {
            return Opening::Errno(Errno::ENOENT);
        };
        if let Some(i) = shard.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Opening::Image(Arc::clone(i));
        }
        let image = timings::time(self.timings, Phase::Facts, || self.read(bytes, path, Role::Library));
        self.timings.inspect(|t| t.file());
        let id = ImageId(self.tables.next.fetch_add(1, Ordering::Relaxed));
        let entry = Arc::new(ImageEntry { id, stat, bytes, image });
        let mut map = shard.write().unwrap_or_else(PoisonError::into_inner);
        Opening::Image(Arc::clone(map.entry(key).or_insert(entry)))
    }
}

fn shard_of(path: &[u8]) -> usize {
    path.iter().rev().take(24).fold(path.len(), |h, b| h.wrapping_mul(31).wrapping_add(usize::from(*b)))
        % SHARDS
}
