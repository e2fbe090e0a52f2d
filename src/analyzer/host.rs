//! The only door to the disk: open, stat, list, read a link.
//! A `Host` never interprets what it reads; every answer is an errno or bytes.
//! Paths are bytes as the loader would pass them to the kernel (no normalisation).

mod guest;
mod listings;
pub mod map;
#[cfg(any(test, fuzzing))]
pub mod memory;
pub mod real;
pub mod recorded;
pub mod stored;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use super::errno::Errno;

/// What kind of thing a path names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A pipe: opening it blocks.
    Fifo,
    /// A socket: cannot be opened.
    Socket,
    /// A character or block device.
    Device,
}

/// Identity and size of an opened path (links followed).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stat {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// What it is.
    pub kind: Kind,
    /// Size in bytes (0 for anything but a file).
    pub size: u64,
    /// Modification time, nanoseconds since the epoch.
    pub mtime: i128,
    /// Time of the last change of contents or rights, nanoseconds since the epoch. No program can set it.
    pub ctime: i128,
    /// Major and minor number of a character device.
    pub rdev: Option<(u32, u32)>,
}

/// What opening a path for reading gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opened<'h> {
    /// A regular file with its bytes.
    File(Stat, &'h [u8]),
    /// Something else that exists; it is not opened.
    Other(Stat),
    /// A regular file that another process changed while it was read: no verdict can rest on it.
    Changed(Stat),
}

/// A regular file that is open.
pub trait Pieces {
    /// Fills `bytes` from `offset`, as far as the file goes, and says how far that was.
    ///
    /// # Errors
    /// The errno of `pread`.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize, Errno>;
    /// Whether it still is what it was when it was opened.
    fn unchanged(&self) -> bool;
}

impl Pieces for &[u8] {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize, Errno> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let n = rest.len().min(bytes.len());
        if let (Some(to), Some(from)) = (bytes.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }

    fn unchanged(&self) -> bool {
        true
    }
}

/// One entry of a directory listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// File name.
    pub name: Vec<u8>,
    /// Kind of the entry itself (links not followed), if the file system told.
    pub kind: EntryKind,
}

/// The kind of a directory entry, without following links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// Anything else.
    Other,
}

/// The disk as the analyzer sees it. `'h` is the life of the bytes it hands out.
pub trait Host<'h>: Sync {
    /// Opens `path` for reading as the judged process would (permissions of `uid` included).
    ///
    /// # Errors
    /// The errno of `open` or `fstat`.
    fn open(&self, path: &[u8]) -> Result<Opened<'h>, Errno>;
    /// The same, unless `known` says of a regular file that it is there already: then it need not be opened.
    ///
    /// # Errors
    /// As `open`.
    fn open_unless(&self, path: &[u8], known: &mut dyn FnMut(&Stat) -> bool) -> Result<Opened<'h>, Errno> {
        let _ = known;
        self.open(path)
    }
    /// Opens a regular file for as long as `look` takes, which reads pieces of it; anything else is not opened.
    ///
    /// # Errors
    /// The errno of `open` or `fstat`.
    fn visit(&self, path: &[u8], look: &mut dyn FnMut(&Stat, &dyn Pieces)) -> Result<Stat, Errno> {
        match self.open(path)? {
            Opened::File(stat, bytes) => {
                look(&stat, &bytes);
                Ok(stat)
            }
            Opened::Other(stat) | Opened::Changed(stat) => Ok(stat),
        }
    }
    /// Reads the first bytes of a regular file, at most `len`; nothing of anything else.
    ///
    /// # Errors
    /// The errno of `open` or `read`.
    fn head(&self, path: &[u8], len: usize) -> Result<(Stat, Vec<u8>), Errno> {
        let mut head = Ok(Vec::new());
        let stat = self.visit(path, &mut |_, file| {
            let mut bytes = vec![0; len];
            head = file.read_at(0, &mut bytes).map(|n| {
                bytes.truncate(n);
                bytes
            });
        })?;
        Ok((stat, head?))
    }
    /// Follows links and says what is there.
    ///
    /// # Errors
    /// The errno of `stat`.
    fn stat(&self, path: &[u8]) -> Result<Stat, Errno>;
    /// Lists a directory, unsorted.
    ///
    /// # Errors
    /// The errno of `opendir` or `readdir`.
    fn list(&self, path: &[u8]) -> Result<Vec<Entry>, Errno>;
    /// Reads a symbolic link.
    ///
    /// # Errors
    /// The errno of `readlink`.
    fn readlink(&self, path: &[u8]) -> Result<Vec<u8>, Errno>;
    /// Where a path of the judged process is on this machine: another place if the process lives in a root.
    ///
    /// # Errors
    /// The errno that walking there gives; ENXIO if it is on no disk.
    fn on_this_machine(&self, path: &[u8]) -> Result<PathBuf, Errno> {
        let _ = path;
        Err(Errno::ENXIO)
    }
    /// Says that bytes handed out earlier are not needed soon: their memory may be given back.
    /// They stay readable.
    fn forget(&self, bytes: &'h [u8]) {
        let _ = bytes;
    }
    /// Whether the file system of `path` forbids mapping code (mount option noexec).
    fn noexec(&self, path: &[u8]) -> bool;
}

/// Passes every question on.
macro_rules! pass_on {
    ($pointer:ty) => {
        impl<'h, H: Host<'h> + ?Sized> Host<'h> for $pointer {
            fn open(&self, path: &[u8]) -> Result<Opened<'h>, Errno> {
                (**self).open(path)
            }
            fn open_unless(
                &self,
                path: &[u8],
                known: &mut dyn FnMut(&Stat) -> bool,
            ) -> Result<Opened<'h>, Errno> {
                (**self).open_unless(path, known)
            }
            fn visit(&self, path: &[u8], look: &mut dyn FnMut(&Stat, &dyn Pieces)) -> Result<Stat, Errno> {
                (**self).visit(path, look)
            }
            fn stat(&self, path: &[u8]) -> Result<Stat, Errno> {
                (**self).stat(path)
            }
            fn list(&self, path: &[u8]) -> Result<Vec<Entry>, Errno> {
                (**self).list(path)
            }
            fn readlink(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
                (**self).readlink(path)
            }
            fn on_this_machine(&self, path: &[u8]) -> Result<PathBuf, Errno> {
                (**self).on_this_machine(path)
            }
            fn forget(&self, bytes: &'h [u8]) {
                (**self).forget(bytes);
            }
            fn noexec(&self, path: &[u8]) -> bool {
                (**self).noexec(path)
            }
        }
    };
}
pass_on!(&H);
pass_on!(Box<H>);
