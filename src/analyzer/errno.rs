//! The error numbers a loader's behaviour and sentences depend on.
//! It holds numbers and their C-locale texts; it must never ask the system for either.
//! Texts are those of glibc's strerror (string/strerror.c, sysdeps/gnu/errlist.h).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The errno values the loader's behaviour depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Errno(pub i32);

impl Errno {
    /// No error has happened.
    pub const NONE: Errno = Errno(0);
    /// No such file or directory.
    pub const ENOENT: Errno = Errno(2);
    /// Operation not permitted.
    pub const EPERM: Errno = Errno(1);
    /// Input/output error.
    pub const EIO: Errno = Errno(5);
    /// No such device or address (a socket).
    pub const ENXIO: Errno = Errno(6);
    /// Exec format error.
    pub const ENOEXEC: Errno = Errno(8);
    /// Cannot allocate memory.
    pub const ENOMEM: Errno = Errno(12);
    /// Device or resource busy.
    pub const EBUSY: Errno = Errno(16);
    /// Value too large for defined data type.
    pub const EOVERFLOW: Errno = Errno(75);
    /// Permission denied.
    pub const EACCES: Errno = Errno(13);
    /// Not a directory.
    pub const ENOTDIR: Errno = Errno(20);
    /// Invalid argument.
    pub const EINVAL: Errno = Errno(22);
    /// Is a directory.
    pub const EISDIR: Errno = Errno(21);
    /// Too many open files in system.
    pub const ENFILE: Errno = Errno(23);
    /// Too many open files.
    pub const EMFILE: Errno = Errno(24);
    /// File too large.
    pub const EFBIG: Errno = Errno(27);
    /// File name too long.
    pub const ENAMETOOLONG: Errno = Errno(36);
    /// Too many levels of symbolic links.
    pub const ELOOP: Errno = Errno(40);

    /// It tells of our own want of descriptors, memory or address space, which the judged process need not have.
    pub fn is_our_want(self) -> bool {
        matches!(self, Errno::ENOMEM | Errno::ENFILE | Errno::EMFILE | Errno::EFBIG)
    }

    /// glibc's `strerror` in the C locale, for the values a file system gives.
    pub fn text(self) -> &'static str {
        match self.0 {
            1 => "Operation not permitted",
            2 => "No such file or directory",
            4 => "Interrupted system call",
            5 => "Input/output error",
            6 => "No such device or address",
            8 => "Exec format error",
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

impl Errno {
    /// musl's `strerror`, for the same values (src/errno/__strerror.h).
    pub fn musl_text(self) -> &'static str {
        match self.0 {
            5 => "I/O error",
            12 => "Out of memory",
            16 => "Resource busy",
            24 => "No file descriptors available",
            36 => "Filename too long",
            40 => "Symbolic link loop",
            75 => "Value too large for data type",
            95 => "Not supported",
            1 | 2 | 4 | 6 | 8 | 11 | 13 | 19..=23 | 26 | 27 | 112 | 116 => self.text(),
            _ => "No error information",
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
