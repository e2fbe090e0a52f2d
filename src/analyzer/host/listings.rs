//! Directories listed once, so that the kernel need not be asked for every name that is not in them.
//! It must never say that a name is missing which `open` would find: what a listing cannot tell for sure is asked for.
//! A search with hundreds of directories in LD_LIBRARY_PATH (glibc elf/dl-load.c:open_path) asks each of them for each name.
#![cfg_attr(target_os = "linux", expect(clippy::disallowed_methods, reason = "part of the one disk access"))]

use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::FixedState;

/// A directory is listed when this many names were not in it.
const PATIENCE: u32 = 8;
/// Larger directories are asked name by name.
#[cfg(target_os = "linux")]
const MOST_NAMES: usize = 1 << 16;
/// Longer names and paths may be refused for their length.
const LONGEST_NAME: usize = 128;
const LONGEST_PATH: usize = 4000;

/// File systems on which a listing names everything that can be opened: no automounter, no server with its own mind.
#[cfg(target_os = "linux")]
const COMPLETE: [u64; 11] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0x0102_1994, // tmpfs
    0x794c_7630, // overlayfs
    0xf2f5_2010, // F2FS
    0x2fc1_2fc1, // ZFS
    0x7371_7368, // squashfs
    0xe0f5_e1e2, // EROFS
    0x8584_58f6, // ramfs
    0xca45_1a4e, // bcachefs
];

type Map<K, V> = HashMap<K, V, FixedState>;
type Names = HashSet<Box<[u8]>, FixedState>;

/// What is known of a directory.
#[derive(Debug)]
enum Known {
    /// So many names were not in it.
    Misses(AtomicU32),
    /// All there is.
    Names(Names),
    /// A listing does not tell.
    Unsure,
}

/// The directories of a run.
#[derive(Debug, Default)]
pub(super) struct Listings {
    directories: RwLock<Map<Box<[u8]>, Arc<Known>>>,
}

impl Listings {
    /// Whether nothing is called so, for sure.
    pub(super) fn lack(&self, path: &Path) -> bool {
        let Some((directory, name)) = split(path) else { return false };
        match self.known(directory).as_deref() {
            Some(Known::Names(names)) => !names.contains(name),
            _ => false,
        }
    }

    /// The kernel says that nothing is called so.
    pub(super) fn missed(&self, path: &Path) {
        let Some((directory, _)) = split(path) else { return };
        let misses = match self.known(directory).as_deref() {
            Some(Known::Misses(count)) => count.fetch_add(1, Ordering::Relaxed),
            Some(_) => return,
            None => {
                let mut all = self.directories.write().unwrap_or_else(PoisonError::into_inner);
                all.entry(directory.into()).or_insert_with(|| Arc::new(Known::Misses(AtomicU32::new(1))));
                return;
            }
        };
        // Whoever counts to the end lists; the others go on asking.
        if misses + 1 == PATIENCE {
            let known = Arc::new(listed(directory).map_or(Known::Unsure, Known::Names));
            let mut all = self.directories.write().unwrap_or_else(PoisonError::into_inner);
            all.insert(directory.into(), known);
        }
    }

    fn known(&self, directory: &[u8]) -> Option<Arc<Known>> {
        self.directories.read().unwrap_or_else(PoisonError::into_inner).get(directory).cloned()
    }
}

/// Directory, with its slash, and a name that only a listing can make present.
fn split(path: &Path) -> Option<(&[u8], &[u8])> {
    let path = path.as_os_str().as_bytes();
    let cut = path.iter().rposition(|b| *b == b'/')? + 1;
    let (directory, name) = path.split_at(cut);
    // A name with a tilde may be the short form of another (FAT, NTFS); letters beyond ASCII may be written in several ways.
    let plain = |b: &u8| matches!(b, b'!'..=b'}');
    let fits = (1..=LONGEST_NAME).contains(&name.len()) && path.len() <= LONGEST_PATH;
    (fits && name != b"." && name != b".." && name.iter().all(plain)).then_some((directory, name))
}

/// All names of a directory; none if others might be found in it too, or if it changes meanwhile.
#[cfg(target_os = "linux")]
fn listed(directory: &[u8]) -> Option<Names> {
    use rustix::fs::{Dir, Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::NONBLOCK;
    let file = rustix::fs::open(directory, flags, Mode::empty()).ok()?;
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        reason = "the type of `f_type` differs by machine"
    )]
    let kind = rustix::fs::fstatfs(&file).ok()?.f_type as u64 & 0xffff_ffff;
    if !COMPLETE.contains(&kind) {
        return None;
    }
    let times = || {
        let stat = rustix::fs::fstat(&file).ok()?;
        Some((stat.st_mtime, stat.st_mtime_nsec, stat.st_ctime, stat.st_ctime_nsec))
    };
    let before = times()?;
    let mut names = Names::default();
    for entry in Dir::read_from(&file).ok()? {
        names.insert(entry.ok()?.file_name().to_bytes().into());
        if names.len() > MOST_NAMES {
            return None;
        }
    }
    (times()? == before && is_exact(directory, &names)).then_some(names)
}

/// Elsewhere file systems take names apart in their own ways.
#[cfg(not(target_os = "linux"))]
fn listed(_directory: &[u8]) -> Option<Names> {
    None
}

/// Whether names are told apart letter by letter, and one that is not listed is missing rather than forbidden (a directory
/// may be readable and not searchable).
#[cfg(target_os = "linux")]
fn is_exact(directory: &[u8], names: &Names) -> bool {
    let swapped = |name: &[u8]| -> Vec<u8> {
        let swap =
            |b: &u8| if b.is_ascii_lowercase() { b.to_ascii_uppercase() } else { b.to_ascii_lowercase() };
        name.iter().map(swap).collect()
    };
    let lettered = names.iter().filter(|n| n.iter().any(u8::is_ascii_alphabetic));
    let other = lettered.map(|n| swapped(n)).find(|n| !names.contains(n.as_slice()));
    let asked = match other {
        Some(name) => name,
        // `.` and `..` are all there is.
        None if names.len() <= 2 => b"a".to_vec(),
        None => return false,
    };
    rustix::fs::stat([directory, &asked].concat()).err() == Some(rustix::io::Errno::NOENT)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// After enough misses, whether `name` is said to be missing.
    fn lacks(listings: &Listings, directory: &Path, name: &str) -> bool {
        for _ in 0..=PATIENCE {
            listings.missed(&directory.join("libmissing.so"));
        }
        listings.lack(&directory.join(name))
    }

    #[test]
    fn what_is_not_listed_is_missing_and_odd_names_are_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        fs::write(at.join("liba.so"), b"").unwrap();
        std::os::unix::fs::symlink("nowhere", at.join("liblink.so")).unwrap();
        let listings = Listings::default();
        assert!(!listings.lack(&at.join("libmissing.so")), "nothing is known before anything was missed");
        assert!(lacks(&listings, at, "libmissing.so"));
        for name in ["liba.so", "liblink.so", ".", "..", "LIBA~1.SO", "lib\u{e9}.so", "a b", &"l".repeat(200)]
        {
            assert!(!listings.lack(&at.join(name)), "{name}");
        }
        assert!(lacks(&listings, &at.join("./"), "libmissing.so"), "by another way");
        fs::create_dir(at.join("empty")).unwrap();
        assert!(lacks(&listings, &at.join("empty"), "liba.so"));
        assert!(!lacks(&listings, &at.join("none"), "liba.so"), "no directory, no listing");
        assert!(!lacks(&listings, Path::new("/proc/self"), "liba.so"), "threads are in no listing of /proc");
    }

    #[test]
    fn a_directory_that_may_not_be_searched_is_not_said_to_lack_anything() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("d");
        fs::create_dir(&at).unwrap();
        fs::write(at.join("liba.so"), b"").unwrap();
        // Who is allowed everything cannot be told so.
        let mode = |mode| fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o400);
        let forbidden = fs::metadata(at.join("liba.so")).is_err();
        assert_eq!(lacks(&Listings::default(), &at, "libb.so"), !forbidden);
        mode(0o100);
        let hidden = fs::read_dir(&at).is_err();
        assert_eq!(lacks(&Listings::default(), &at, "libb.so"), !hidden);
        mode(0o700);
    }

    #[test]
    fn letters_that_mean_their_other_case_are_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let directory = [dir.path().as_os_str().as_bytes(), b"/"].concat();
        let names = |all: &[&str]| all.iter().map(|n| Box::from(n.as_bytes())).collect::<Names>();
        // As a file system answers that takes `LIBA.SO` for `liba.so`.
        fs::write(dir.path().join("LIBA.SO"), b"").unwrap();
        assert!(!is_exact(&directory, &names(&[".", "..", "liba.so"])));
        assert!(is_exact(&directory, &names(&[".", "..", "LIBA.SO"])));
        assert!(!is_exact(&directory, &names(&[".", "..", "\u{e9}"])), "nothing to try it with");
    }
}
