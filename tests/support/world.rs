//! This machine's loader over a disk of the test's own making: some files exist only while they are asked for.
//! It exists so that a hundred thousand libraries, or one that changes at the wrong moment, cost nothing to make.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use elsa::sync::FrozenVec;
use tsuku_verify::analyzer::audit;
use tsuku_verify::analyzer::call;
use tsuku_verify::analyzer::detect::{DetectRequest, RunningSystem, detect};
use tsuku_verify::analyzer::disk::Disk;
use tsuku_verify::analyzer::host::real::{ByteStore, RealHost};
use tsuku_verify::analyzer::host::{Entry, EntryKind, Errno, Host, Kind, Opened, Stat};
use tsuku_verify::analyzer::loaders::Loaders;
use tsuku_verify::analyzer::process::Start;

/// The directory of the files that are made on demand.
pub const PLACE: &str = "/made-on-demand";

/// Makes the bytes of a file of `PLACE` by its name; none: it does not exist.
pub type Maker<'a> = dyn Fn(&str) -> Option<Vec<u8>> + Sync + 'a;

/// The real disk, with a directory whose files come from a function.
pub struct Made<'h, 'a> {
    real: RealHost<'h>,
    kept: &'h FrozenVec<Box<[u8]>>,
    names: Vec<String>,
    dirs: HashSet<String>,
    make: &'a Maker<'a>,
}

impl Made<'_, '_> {
    fn name<'p>(&self, path: &'p [u8]) -> Option<&'p str> {
        let rest = std::str::from_utf8(path).ok()?.strip_prefix(PLACE)?;
        Some(rest.trim_start_matches('/'))
    }

    fn made(&self, name: &str) -> Result<(Stat, Vec<u8>), Errno> {
        let bytes = (self.make)(name).ok_or(Errno::ENOENT)?;
        let mut ino = DefaultHasher::new();
        name.hash(&mut ino);
        Ok((stat(Kind::File, ino.finish(), bytes.len() as u64), bytes))
    }

    fn is_dir(&self, name: &str) -> bool {
        let name = name.trim_end_matches('/');
        name.is_empty() || self.dirs.contains(name)
    }
}

fn stat(kind: Kind, ino: u64, size: u64) -> Stat {
    Stat { dev: 0xfade, ino, kind, size, mtime: 0, ctime: 0, rdev: None }
}

impl<'h> Host<'h> for Made<'h, '_> {
    fn open(&self, path: &[u8]) -> Result<Opened<'h>, Errno> {
        match self.name(path) {
            None => self.real.open(path),
            Some(name) if self.is_dir(name) => Ok(Opened::Other(stat(Kind::Dir, 1, 0))),
            Some(name) => {
                let (stat, bytes) = self.made(name)?;
                let at = self.kept.push_get_index(bytes.into_boxed_slice());
                Ok(Opened::File(stat, self.kept.get(at).ok_or(Errno::EIO)?))
            }
        }
    }

    fn stat(&self, path: &[u8]) -> Result<Stat, Errno> {
        match self.name(path) {
            None => self.real.stat(path),
            Some(name) if self.is_dir(name) => Ok(stat(Kind::Dir, 1, 0)),
            Some(name) => Ok(self.made(name)?.0),
        }
    }

    fn list(&self, path: &[u8]) -> Result<Vec<Entry>, Errno> {
        match self.name(path) {
            None => self.real.list(path),
            Some("") => {
                let entry = |n: &String| Entry { name: n.clone().into_bytes(), kind: EntryKind::File };
                Ok(self.names.iter().map(entry).collect())
            }
            Some(_) => Err(Errno::ENOTDIR),
        }
    }

    fn readlink(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        if self.name(path).is_some() { Err(Errno::EINVAL) } else { self.real.readlink(path) }
    }

    fn noexec(&self, path: &[u8]) -> bool {
        self.name(path).is_none() && self.real.noexec(path)
    }
}

/// Runs `work` with the files of `make` in place, listed under `names`.
pub fn with_made<R>(
    names: Vec<String>,
    make: &Maker<'_>,
    work: impl FnOnce(&Loaders<'_, '_>, &dyn Collects) -> R,
) -> R {
    with_made_and(Vec::new(), names, make, work)
}

/// The same in an environment.
pub fn with_made_and<R>(
    env: Vec<(Vec<u8>, Vec<u8>)>,
    names: Vec<String>,
    make: &Maker<'_>,
    work: impl FnOnce(&Loaders<'_, '_>, &dyn Collects) -> R,
) -> R {
    let (store, kept) = (ByteStore::new(), FrozenVec::new());
    // A directory is what a listed name has before a slash.
    let dirs = names.iter().filter_map(|n| Some(n.rsplit_once('/')?.0.to_owned())).collect();
    judge_over(&Made { real: RealHost::new(&store), kept: &kept, names, dirs, make }, env, work)
}

/// What can be walked.
pub trait Collects {
    /// The libraries below the directory of made files.
    fn collect(&self) -> Vec<Vec<u8>>;
}

struct Walk<'w, 'h>(&'w dyn Host<'h>);

impl Collects for Walk<'_, '_> {
    fn collect(&self) -> Vec<Vec<u8>> {
        audit::collect(self.0, &[PLACE.as_bytes().to_vec()], audit::Wanted::default()).paths
    }
}

/// Runs `work` over any host that shows this machine's files.
pub fn judge_over<'h, R>(
    host: &dyn Host<'h>,
    env: Vec<(Vec<u8>, Vec<u8>)>,
    work: impl FnOnce(&Loaders<'_, '_>, &dyn Collects) -> R,
) -> R {
    let request = DetectRequest {
        libc: None,
        machine: None,
        interpreter: None,
        cpu: None,
        env,
        cwd: b"/".to_vec(),
        uid: 0,
        system: Some(RunningSystem::read(host)),
    };
    let model = detect(host, &request).expect("this machine has a loader");
    let disk = Disk::new(host, &model);
    let process = call::start(&disk, &Start::default()).expect("the reference process starts");
    work(&Loaders::only(&disk, &process), &Walk(host))
}
