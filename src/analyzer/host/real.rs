//! Knows the real disk, or a directory of it that stands for `/`, and keeps every byte it read for the whole run.
//! It must never open anything but regular files and directories, never write, and never follow a path out of a given root.
//! It answers what the `open`, `read` and `mmap` of glibc's `elf/dl-load.c` would get from the kernel in its place.
#![expect(clippy::disallowed_methods, reason = "the one disk access: everything else asks a Host")]

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::RwLock;
use std::time::Duration;

use elsa::sync::FrozenVec;
use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags};

use super::guest::Guest;
use super::listings::Listings;
use super::map::Mapping;
use super::{Entry, EntryKind, Errno, Host, Kind, Opened, Pieces, Stat};

/// Files up to this size are read, larger ones mapped. Reading is cheaper below it (no page faults, no unmapping) and
/// cannot be disturbed by a file that shrinks; more than half of all libraries are smaller.
pub const READ_LIMIT: u64 = 64 * 1024;
/// With mapping switched off, files above this size are refused as `EFBIG`.
pub const SIZE_CAP: u64 = 4 << 30;
/// How often, and how many milliseconds at most, a free descriptor is waited for.
const PATIENCE: u64 = 40;
/// Files that report size 0 but have content (those of `/proc`) are read up to here.
const PROC_CAP: usize = 1 << 20;

/// The bytes of every file opened in a run. It only grows, so what it hands out lives as long as the store.
#[derive(Default)]
pub struct ByteStore {
    read: FrozenVec<Box<[u8]>>,
    mapped: FrozenVec<Box<Mapped>>,
    /// Address of a mapping to its place in `mapped`.
    places: RwLock<HashMap<usize, usize>>,
}

struct Mapped {
    mapping: Mapping,
    stat: Stat,
    path: PathBuf,
}

impl ByteStore {
    /// An empty store.
    pub fn new() -> ByteStore {
        ByteStore::default()
    }

    /// Keeps bytes that were made, not read.
    pub fn keep(&self, bytes: Box<[u8]>) -> &[u8] {
        self.read.push_get(bytes)
    }

    /// Bytes of all files mapped, and of all files read.
    pub fn sizes(&self) -> (u64, u64) {
        let mapped = self.mapped.into_iter().map(|file| file.stat.size).sum();
        (mapped, self.read.into_iter().map(|bytes| bytes.len() as u64).sum())
    }

    /// The mapped files that were shortened, or rewritten in place, after they were opened. A file replaced by rename is
    /// not among them: its old bytes are still there. To be asked once after the last byte was read.
    pub fn changed(&self) -> Vec<Stat> {
        let moved = |file: &&Mapped| {
            let now = rustix::fs::stat(&file.path).map(|now| stat_of(&now));
            let rewritten = now.is_ok_and(|now| same_file(&now, &file.stat) && now != file.stat);
            rewritten || file.mapping.changed()
        };
        self.mapped.into_iter().filter(moved).map(|file| file.stat).collect()
    }
}

/// The real disk. Permissions are those of the running process: to judge for another user, run as that user.
pub struct RealHost<'h> {
    store: &'h ByteStore,
    root: Option<Guest>,
    use_mmap: bool,
    cwd: Option<Vec<u8>>,
    noexec: RwLock<HashMap<Vec<u8>, bool>>,
    listings: Listings,
}

impl<'h> RealHost<'h> {
    /// The disk of this machine as it is.
    pub fn new(store: &'h ByteStore) -> RealHost<'h> {
        RealHost {
            store,
            root: None,
            use_mmap: true,
            cwd: None,
            noexec: RwLock::default(),
            listings: Listings::default(),
        }
    }

    /// Resolves every path inside `root`, links included; `binds` are host directories visible inside under their own
    /// path, as bind mounts would be.
    #[must_use]
    pub fn inside(mut self, root: PathBuf, binds: &[PathBuf]) -> RealHost<'h> {
        self.root = Some(Guest::new(root, binds));
        self
    }

    /// Reads large files instead of mapping them.
    #[must_use]
    pub fn without_mmap(mut self) -> RealHost<'h> {
        self.use_mmap = false;
        self
    }

    /// The directory relative paths start from: the working directory of the judged process. Without it they start from
    /// that of this process, or from the root given.
    #[must_use]
    pub fn at(mut self, cwd: &[u8]) -> RealHost<'h> {
        self.cwd = Some(cwd.to_vec());
        self
    }

    /// The path to hand to the kernel.
    fn real<'p>(&self, path: &'p [u8], follow: bool) -> Result<Cow<'p, Path>, Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let path = match &self.cwd {
            Some(cwd) if !path.starts_with(b"/") => Cow::Owned([cwd, path].join(&b'/')),
            _ => Cow::Borrowed(path),
        };
        match (&self.root, path) {
            (Some(guest), path) => guest.resolve(&path, follow).map(Cow::Owned),
            (None, Cow::Borrowed(path)) => Ok(Cow::Borrowed(Path::new(OsStr::from_bytes(path)))),
            (None, Cow::Owned(path)) => Ok(Cow::Owned(PathBuf::from(OsStr::from_bytes(&path)))),
        }
    }

    /// What is there, links followed.
    fn look(&self, real: &Path) -> Result<Stat, Errno> {
        if self.listings.lack(real) {
            return Err(Errno::ENOENT);
        }
        let stat = rustix::fs::stat(real).map(|stat| stat_of(&stat)).map_err(errno);
        if stat == Err(Errno::ENOENT) {
            self.listings.missed(real);
        }
        stat
    }

    /// Opens a file or directory and says what was really opened: the name may have been given to something else since
    /// it was looked at.
    fn open_real(&self, real: &Path) -> Result<(File, Stat), Errno> {
        let mut flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        if self.root.is_some() {
            // The path is free of links; one that appeared meanwhile would lead out of the root.
            flags |= OFlags::NOFOLLOW;
        }
        let file = File::from(patient(|| rustix::fs::open(real, flags, Mode::empty()).map_err(errno))?);
        let stat = stat_fd(&file)?;
        Ok((file, stat))
    }

    /// Reads the whole of an open file; `None` if it changed under the reading.
    fn read(&self, file: &File, stat: &Stat, path: &Path) -> Result<Option<&'h [u8]>, Errno> {
        let size = usize::try_from(stat.size).map_err(|_| Errno::EFBIG)?;
        if stat.size > READ_LIMIT && self.use_mmap {
            let mapping = Mapping::of(file, size).map_err(|error| errno_of(&error))?;
            if stat_fd(file)? != *stat {
                return Ok(None);
            }
            let mapped = Mapped { mapping, stat: *stat, path: path.to_path_buf() };
            let place = self.store.mapped.push_get_index(Box::new(mapped));
            let Some(mapped) = self.store.mapped.get(place) else { return Ok(None) };
            let bytes = mapped.mapping.bytes();
            if let Ok(mut places) = self.store.places.write() {
                places.insert(bytes.as_ptr() as usize, place);
            }
            return Ok(Some(bytes));
        }
        if stat.size > SIZE_CAP {
            return Err(Errno::EFBIG);
        }
        // One read of the size; whether that was all, fstat tells afterwards.
        let bytes = beginning(file, if size == 0 { PROC_CAP } else { size })?;
        if (size != 0 && bytes.len() != size) || stat_fd(file)? != *stat {
            return Ok(None);
        }
        Ok(Some(self.store.read.push_get(bytes.into_boxed_slice())))
    }
}

impl<'h> Host<'h> for RealHost<'h> {
    fn open(&self, path: &[u8]) -> Result<Opened<'h>, Errno> {
        self.open_unless(path, &mut |_| false)
    }

    fn open_unless(&self, path: &[u8], known: &mut dyn FnMut(&Stat) -> bool) -> Result<Opened<'h>, Errno> {
        let real = self.real(path, true)?;
        let stat = self.look(&real)?;
        if stat.kind == Kind::File && known(&stat) {
            return Ok(Opened::Other(stat));
        }
        if !matches!(stat.kind, Kind::File | Kind::Dir) {
            // Opening a device may move a tape; ask for the permission only.
            rustix::fs::accessat(rustix::fs::CWD, real.as_ref(), Access::READ_OK, AtFlags::EACCESS)
                .map_err(errno)?;
            return Ok(Opened::Other(stat));
        }
        let (file, stat) = self.open_real(&real)?;
        if stat.kind != Kind::File {
            return Ok(Opened::Other(stat));
        }
        Ok(match self.read(&file, &stat, &real)? {
            Some(bytes) => Opened::File(stat, bytes),
            None => Opened::Changed(stat),
        })
    }

    fn visit(&self, path: &[u8], look: &mut dyn FnMut(&Stat, &dyn Pieces)) -> Result<Stat, Errno> {
        let real = self.real(path, true)?;
        let stat = self.look(&real)?;
        if stat.kind != Kind::File {
            return Ok(stat);
        }
        let (file, stat) = self.open_real(&real)?;
        if stat.kind == Kind::File {
            look(&stat, &Open { file, stat });
        }
        Ok(stat)
    }

    fn stat(&self, path: &[u8]) -> Result<Stat, Errno> {
        let real = self.real(path, true)?;
        self.look(&real)
    }

    fn list(&self, path: &[u8]) -> Result<Vec<Entry>, Errno> {
        let real = self.real(path, true)?;
        let mut entries = Vec::new();
        for entry in patient(|| std::fs::read_dir(&real).map_err(|error| errno_of(&error)))? {
            let entry = entry.map_err(|error| errno_of(&error))?;
            let kind = match entry.file_type() {
                Ok(kind) if kind.is_file() => EntryKind::File,
                Ok(kind) if kind.is_dir() => EntryKind::Dir,
                Ok(kind) if kind.is_symlink() => EntryKind::Link,
                _ => EntryKind::Other,
            };
            entries.push(Entry { name: entry.file_name().as_bytes().to_vec(), kind });
        }
        Ok(entries)
    }

    fn readlink(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let real = self.real(path, false)?;
        rustix::fs::readlink(real.as_ref(), Vec::new()).map(std::ffi::CString::into_bytes).map_err(errno)
    }

    fn on_this_machine(&self, path: &[u8]) -> Result<PathBuf, Errno> {
        self.real(path, true).map(Cow::into_owned)
    }

    fn forget(&self, bytes: &'h [u8]) {
        let place = self.store.places.read().ok().and_then(|p| p.get(&(bytes.as_ptr() as usize)).copied());
        if let Some(mapped) = place.and_then(|at| self.store.mapped.get(at)) {
            mapped.mapping.forget();
        }
    }

    fn noexec(&self, path: &[u8]) -> bool {
        // Remembered by directory, not by device: the flag belongs to the mount, and one device may be mounted twice.
        let directory =
            path.get(..path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1)).unwrap_or(path);
        if let Ok(known) = self.noexec.read()
            && let Some(&answer) = known.get(directory)
        {
            return answer;
        }
        let Ok(real) = self.real(path, true) else { return false };
        let Some(answer) = forbids_code(&real) else { return false };
        if let Ok(mut known) = self.noexec.write() {
            known.insert(directory.to_vec(), answer);
        }
        answer
    }
}

/// A file that is read piece by piece.
struct Open {
    file: File,
    stat: Stat,
}

impl Pieces for Open {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize, Errno> {
        fill(&self.file, offset, bytes)
    }

    fn unchanged(&self) -> bool {
        stat_fd(&self.file) == Ok(self.stat)
    }
}

/// Whether code on the file system cannot be mapped; none if it does not say.
#[cfg(not(target_os = "macos"))]
fn forbids_code(real: &Path) -> Option<bool> {
    let mount = rustix::fs::statvfs(real).ok()?;
    Some(mount.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC))
}

/// Whether code on the file system cannot be mapped; none if it does not say. `statvfs` does not tell it here.
#[cfg(target_os = "macos")]
fn forbids_code(real: &Path) -> Option<bool> {
    /// `MNT_NOEXEC` of `<sys/mount.h>`.
    const NOEXEC: u32 = 4;
    Some(rustix::fs::statfs(real).ok()?.f_flags & NOEXEC != 0)
}

/// Calls again while there is no descriptor to be had: the other threads hold theirs only for the length of a read.
fn patient<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    for wait in 0..PATIENCE {
        match call() {
            Err(errno) if errno == Errno::EMFILE || errno == Errno::ENFILE => {
                std::thread::sleep(Duration::from_millis(wait));
            }
            done => return done,
        }
    }
    call()
}

/// Reads up to `len` bytes from the start, into memory that was not cleared for it.
fn beginning(file: &File, len: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Errno::ENOMEM)?;
    while bytes.len() < len {
        let at = bytes.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut bytes), at) {
            Ok(0) => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(errno(error)),
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// Reads from `offset` until the buffer is full or the file ends.
fn fill(file: &File, offset: u64, bytes: &mut [u8]) -> Result<usize, Errno> {
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset.saturating_add(length as u64)) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(errno_of(&error)),
        }
    }
    Ok(length)
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error())
}

fn errno_of(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno)
}

fn stat_fd(file: &File) -> Result<Stat, Errno> {
    rustix::fs::fstat(file).map(|stat| stat_of(&stat)).map_err(errno)
}

fn same_file(a: &Stat, b: &Stat) -> bool {
    (a.dev, a.ino) == (b.dev, b.ino)
}

// The field types differ between systems; none of the values is negative.
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    reason = "the types of `struct stat` differ by system"
)]
fn stat_of(stat: &rustix::fs::Stat) -> Stat {
    let raw = FileType::from_raw_mode(stat.st_mode);
    let character = raw == FileType::CharacterDevice;
    let kind = match raw {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Dir,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        _ => Kind::Device,
    };
    Stat {
        dev: stat.st_dev as u64,
        ino: stat.st_ino as u64,
        kind,
        size: if kind == Kind::File { stat.st_size as u64 } else { 0 },
        mtime: i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec),
        ctime: i128::from(stat.st_ctime) * 1_000_000_000 + i128::from(stat.st_ctime_nsec),
        rdev: character.then(|| (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn bytes(path: &Path) -> Vec<u8> {
        path.as_os_str().as_bytes().to_vec()
    }

    #[test]
    fn small_and_large_files_give_their_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let store = ByteStore::new();
        let mapping = RealHost::new(&store);
        let reading = RealHost::new(&store).without_mmap();
        for size in [0, 1, READ_LIMIT - 1, READ_LIMIT, READ_LIMIT + 1, 3 * READ_LIMIT] {
            let path = dir.path().join("f");
            fs::write(&path, vec![9; usize::try_from(size).unwrap()]).unwrap();
            for host in [&mapping, &reading] {
                let Ok(Opened::File(stat, content)) = host.open(&bytes(&path)) else { panic!("{size}") };
                assert_eq!((stat.size, content.len() as u64), (size, size));
                assert!(content.iter().all(|&b| b == 9));
                assert_eq!(host.stat(&bytes(&path)), Ok(stat));
            }
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(store.changed(), []);
        fs::write(dir.path().join("h"), b"abc").unwrap();
        let head = |len| mapping.head(&bytes(&dir.path().join("h")), len).map(|(_, head)| head);
        assert_eq!([head(2), head(9)], [Ok(b"ab".to_vec()), Ok(b"abc".to_vec())]);
    }

    #[test]
    fn mapped_file_rewritten_in_place_is_reported_and_a_replaced_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = ByteStore::new();
        let host = RealHost::new(&store);
        let (kept, cut) = (dir.path().join("kept"), dir.path().join("cut"));
        let content = vec![1; usize::try_from(READ_LIMIT * 2).unwrap()];
        fs::write(&kept, &content).unwrap();
        fs::write(&cut, &content).unwrap();
        assert!(matches!(host.open(&bytes(&kept)), Ok(Opened::File(..))));
        let Ok(Opened::File(stat, mapped)) = host.open(&bytes(&cut)) else { panic!() };
        fs::write(dir.path().join("new"), b"new").unwrap();
        fs::rename(dir.path().join("new"), &kept).unwrap();
        fs::File::options().write(true).open(&cut).unwrap().set_len(10).unwrap();
        assert_eq!(mapped.last(), Some(&0));
        assert_eq!(store.changed(), [stat]);
    }

    #[test]
    fn only_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let store = ByteStore::new();
        let host = RealHost::new(&store);
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
        let kind = |path: &Path| match host.open(&bytes(path)) {
            Ok(Opened::Other(stat)) => Ok(stat.kind),
            Ok(_) => panic!("read"),
            Err(errno) => Err(errno),
        };
        assert_eq!(kind(&fifo), Ok(Kind::Fifo));
        assert_eq!(kind(dir.path()), Ok(Kind::Dir));
        assert_eq!(kind(Path::new("/dev/null")), Ok(Kind::Device));
        assert_eq!(host.stat(b"/dev/null").map(|stat| stat.rdev), Ok(Some((1, 3))));
        assert!(matches!(host.head(&bytes(&fifo), 4), Ok((_, head)) if head.is_empty()));
        symlink("loop", dir.path().join("loop")).unwrap();
        assert_eq!(kind(&dir.path().join("loop")), Err(Errno::ELOOP));
        assert_eq!(kind(&dir.path().join("none")), Err(Errno::ENOENT));
        fs::write(dir.path().join("f"), b"x").unwrap();
        assert_eq!(kind(&dir.path().join("f/x")), Err(Errno::ENOTDIR));
        assert_eq!(host.open(b""), Err(Errno::ENOENT));
    }

    #[test]
    fn relative_paths_start_where_the_judged_process_stands() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("f"), b"x").unwrap();
        let store = ByteStore::new();
        let host = RealHost::new(&store).at(&bytes(dir.path()));
        assert!(matches!(host.open(b"f"), Ok(Opened::File(_, b"x"))));
        let inside = RealHost::new(&store).inside(dir.path().to_path_buf(), &[]).at(b"/");
        assert!(matches!(inside.open(b"./f"), Ok(Opened::File(_, b"x"))));
        assert!(matches!(inside.open(b"/f"), Ok(Opened::File(_, b"x"))));
    }

    #[test]
    fn directories_and_links_are_listed_as_themselves() {
        let dir = tempfile::tempdir().unwrap();
        symlink("target", dir.path().join("link")).unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        let store = ByteStore::new();
        let host = RealHost::new(&store);
        let mut entries = host.list(&bytes(dir.path())).unwrap();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let link = Entry { name: b"link".to_vec(), kind: EntryKind::Link };
        let sub = Entry { name: b"sub".to_vec(), kind: EntryKind::Dir };
        assert_eq!(entries, [link, sub]);
        assert_eq!(host.readlink(&bytes(&dir.path().join("link"))), Ok(b"target".to_vec()));
        assert_eq!(host.readlink(&bytes(&dir.path().join("sub"))), Err(Errno::EINVAL));
    }
}
