//! Names with `64` that musl answers with the ones without, since it has no other kind of file offset.
//! It must never be asked about a name something defines.
//! Follows musl ldso/dynlink.c: get_lfs64, from 1.2.4 on.

use crate::analyzer::loader_model::{MuslModel, MuslVersion};

/// The names that may have `64` behind them.
const NAMES: [&str; 59] = [
    "aio_cancel",
    "aio_error",
    "aio_fsync",
    "aio_read",
    "aio_return",
    "aio_suspend",
    "aio_write",
    "alphasort",
    "creat",
    "fallocate",
    "fgetpos",
    "fopen",
    "freopen",
    "fseeko",
    "fsetpos",
    "fstat",
    "fstatat",
    "fstatfs",
    "fstatvfs",
    "ftello",
    "ftruncate",
    "ftw",
    "getdents",
    "getrlimit",
    "glob",
    "globfree",
    "lio_listio",
    "lockf",
    "lseek",
    "lstat",
    "mkostemp",
    "mkostemps",
    "mkstemp",
    "mkstemps",
    "mmap",
    "nftw",
    "open",
    "openat",
    "posix_fadvise",
    "posix_fallocate",
    "pread",
    "preadv",
    "prlimit",
    "pwrite",
    "pwritev",
    "readdir",
    "scandir",
    "sendfile",
    "setrlimit",
    "stat",
    "statfs",
    "statvfs",
    "tmpfile",
    "truncate",
    "versionsort",
    "__fxstat",
    "__fxstatat",
    "__lxstat",
    "__xstat",
];

/// The name libc is asked for in the place of `name`.
pub(super) fn plain<'n>(name: &'n [u8], musl: &MuslModel) -> Option<&'n [u8]> {
    if !musl.maps_lfs64() {
        return None;
    }
    if name == b"readdir64_r" {
        return Some(b"readdir_r");
    }
    // A buffer of 16 bytes up to 1.2.5, so that `posix_fallocate64` was not found.
    let longest = if musl.version <= (MuslVersion { minor: 2, patch: 5 }) { 16 } else { 18 };
    let plain = name.strip_suffix(b"64").filter(|_| name.len() <= longest)?;
    NAMES.iter().any(|n| n.as_bytes() == plain).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::loader_model::LoaderModel;
    use crate::analyzer::model::Machine;

    #[test]
    fn names_depend_on_the_release() {
        let of = |patch, name: &str| {
            let model = LoaderModel::musl_for(Machine::X86_64, MuslVersion { minor: 2, patch });
            plain(name.as_bytes(), model.musl().unwrap()).map(|n| String::from_utf8_lossy(n).into_owned())
        };
        assert_eq!(of(4, "fopen64").as_deref(), Some("fopen"));
        assert_eq!(of(3, "fopen64"), None);
        assert_eq!(of(5, "readdir64_r").as_deref(), Some("readdir_r"));
        assert_eq!(of(5, "posix_fallocate64"), None);
        assert_eq!(of(6, "posix_fallocate64").as_deref(), Some("posix_fallocate"));
        assert_eq!(of(6, "printf64"), None);
        assert_eq!(of(6, "64"), None);
    }
}
