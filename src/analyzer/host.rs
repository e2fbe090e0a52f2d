//! The only door to the disk: open, stat, list, read a link.
//! A `Host` never interprets what it reads; every answer is an errno or bytes.
//! Paths are bytes as the loader would pass them to the kernel (no normalisation).

mod guest;
pub mod map;
#[cfg(test)]
pub mod memory;
pub mod real;

use std::fmt;

/// The errno values the loader's behaviour depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Errno(pub i32);

impl Errno {
    /// No error has happened.
    pub const NONE: Errno = Errno(0);
    /// No such file or directory.
    pub const ENOENT: Errno = Errno(2);
    /// Input/output error.
    pub const EIO: Errno = Errno(5);
    /// No such device or address (a socket).
    pub const ENXIO: Errno = Errno(6);
    /// Permission denied.
    pub const EACCES: Errno = Errno(13);
    /// Not a directory.
    pub const ENOTDIR: Errno = Errno(20);
    /// Invalid argument.
    pub const EINVAL: Errno = Errno(22);
    /// Is a directory.
    pub const EISDIR: Errno = Errno(21);
    /// File too large.
    pub const EFBIG: Errno = Errno(27);
    /// File name too long.
    pub const ENAMETOOLONG: Errno = Errno(36);
    /// Too many levels of symbolic links.
    pub const ELOOP: Errno = Errno(40);

    /// glibc's `strerror` in the C locale, for the values a file system gives.
    pub fn text(self) -> &'static str {
        match self.0 {
            1 => "Operation not permitted",
            2 => "No such file or directory",
            4 => "Interrupted system call",
            5 => "Input/output error",
            6 => "No such device or address",
            11 => "Resource temporarily unavailable",
            12 => "Cannot allocate memory",
            13 => "Permission denied",
            16 => "Device or resource busy",
            19 => "No such device",
            20 => "Not a directory",
            21 => "Is a directory",
            22 => "Invalid argument",
            23 => "Too many open files in system",
            24 => "Too many open files",
            26 => "Text file busy",
            27 => "File too large",
            36 => "File name too long",
            40 => "Too many levels of symbolic links",
            75 => "Value too large for defined data type",
            95 => "Operation not supported",
            112 => "Host is down",
            116 => "Stale file handle",
            117 => "Structure needs cleaning",
            _ => "Unknown error",
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// What kind of thing a path names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
    /// Reads the first bytes of a regular file, at most `len`; nothing of anything else.
    ///
    /// # Errors
    /// The errno of `open` or `read`.
    fn head(&self, path: &[u8], len: usize) -> Result<(Stat, Vec<u8>), Errno> {
        match self.open(path)? {
            Opened::File(stat, bytes) => Ok((stat, bytes.get(..len).unwrap_or(bytes).to_vec())),
            Opened::Other(stat) | Opened::Changed(stat) => Ok((stat, Vec::new())),
        }
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
    /// Says that bytes handed out earlier are not needed soon: their memory may be given back.
    /// They stay readable.
    fn forget(&self, bytes: &'h [u8]) {
        let _ = bytes;
    }
    /// Whether the file system of `path` forbids mapping code (mount option noexec).
    fn noexec(&self, path: &[u8]) -> bool;
}
