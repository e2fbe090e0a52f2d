//! The directory in which results are kept: whom it must belong to, how files get into it, and how large it may become.
//! It must never follow a link into another directory, use one that others can write to, or fail a run.
//! Files appear by rename(2) only, so that any number of runs may work side by side; what is old makes room.
#![expect(clippy::disallowed_methods, reason = "the one place that keeps files for itself, where it may")]

use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::loader::random;

/// Most bytes kept; the oldest files go first.
const MOST_BYTES: u64 = 256 << 20;
/// Most files kept.
const MOST_FILES: usize = 128;
/// Seconds after which a file that was never finished is removed.
const FORGOTTEN: i64 = 3600;
/// What the names of unfinished files begin with.
const UNFINISHED: &[u8] = b".tmp";

/// A directory that may be used.
pub struct Cache {
    dir: rustix::fd::OwnedFd,
    path: PathBuf,
}

/// Why it may not.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be made or opened; a link in its place counts as that.
    #[error("{0}")]
    Os(#[from] Errno),
    /// Somebody else could put files into it.
    #[error("it belongs to another user, or others can write to it")]
    NotOurs,
}

impl Cache {
    /// Opens the directory, and makes it if it is not there.
    ///
    /// # Errors
    /// It may not be used.
    pub fn open(path: &Path) -> Result<Cache, Unusable> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = match fs::open(path, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                if let Some(above) = path.parent() {
                    std::fs::create_dir_all(above)
                        .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
                }
                match fs::mkdir(path, Mode::RWXU) {
                    // Another run was quicker.
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno.into()),
                }
                fs::open(path, flags, Mode::empty())?
            }
            other => other?,
        };
        let stat = fs::fstat(&dir)?;
        let others = Mode::WGRP | Mode::WOTH;
        if stat.st_uid != rustix::process::geteuid().as_raw()
            || Mode::from_raw_mode(stat.st_mode).intersects(others)
        {
            return Err(Unusable::NotOurs);
        }
        Ok(Cache { dir, path: path.to_owned() })
    }

    /// Where a file of that name is, if it is there.
    pub fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The time by the clock of the file system, nanoseconds since the epoch: that of a file made just now.
    pub fn clock(&self) -> Option<i128> {
        let (_, name) = self.unfinished("clock").ok()?;
        let stat = fs::statat(&self.dir, &name, AtFlags::SYMLINK_NOFOLLOW);
        let _ = fs::unlinkat(&self.dir, &name, AtFlags::empty());
        let stat = stat.ok()?;
        Some(i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec))
    }

    /// Puts a file there, or leaves everything as it is.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let Ok((mut file, unfinished)) = self.unfinished(name) else { return };
        let kept =
            file.write_all(bytes).is_ok() && fs::renameat(&self.dir, &unfinished, &self.dir, name).is_ok();
        if !kept {
            let _ = fs::unlinkat(&self.dir, &unfinished, AtFlags::empty());
        }
        self.make_room(name.as_bytes());
    }

    fn unfinished(&self, name: &str) -> Result<(File, String), Errno> {
        let mut bytes = [0; 8];
        // Without random numbers the process id has to do; a clash only means that nothing is kept.
        let _ = random::fill(&mut bytes);
        let (id, random) = (std::process::id(), u64::from_ne_bytes(bytes));
        let unfinished = format!(".tmp.{name}.{id}.{random:x}");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&self.dir, &unfinished, flags, Mode::RUSR | Mode::WUSR)?;
        Ok((File::from(file), unfinished))
    }

    /// Removes the oldest files until the rest is small enough. `newest` stays.
    fn make_room(&self, newest: &[u8]) {
        let Ok(entries) = Dir::read_from(&self.dir) else { return };
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_sec;
        let mut files = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_bytes().to_vec();
            let Ok(stat) = fs::statat(&self.dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || name == newest {
                continue;
            }
            if name.starts_with(UNFINISHED) {
                // A clock that was put back must not keep it for ever.
                if now.abs_diff(stat.st_mtime) > FORGOTTEN.unsigned_abs() {
                    self.remove(&name);
                }
            } else if is_ours(&name) {
                files.push((stat.st_mtime, u64::try_from(stat.st_size).unwrap_or(0), name));
            }
        }
        files.sort_unstable_by(|a, b| b.cmp(a));
        let mut bytes = 0u64;
        for (at, (_, size, name)) in files.iter().enumerate() {
            bytes = bytes.saturating_add(*size);
            if at >= MOST_FILES || bytes > MOST_BYTES {
                self.remove(name);
            }
        }
    }

    fn remove(&self, name: &[u8]) {
        let _ = fs::unlinkat(&self.dir, std::ffi::OsStr::from_bytes(name), AtFlags::empty());
    }
}

/// Names of finished files: a directory somebody uses for other things, too, loses none of those.
fn is_ours(name: &[u8]) -> bool {
    name.strip_suffix(b".run").is_some_and(|stem| stem.len() == 16 && stem.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn directories_of_others_and_links_are_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        assert!(Cache::open(&at("new/deeper")).is_ok());
        symlink(at("new"), at("link")).unwrap();
        assert!(matches!(Cache::open(&at("link")), Err(Unusable::Os(_))));
        std::fs::write(at("file"), b"").unwrap();
        assert!(matches!(Cache::open(&at("file")), Err(Unusable::Os(_))));
        std::fs::set_permissions(at("new"), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Cache::open(&at("new")), Err(Unusable::NotOurs)));
        if rustix::process::geteuid().is_root() {
            std::fs::set_permissions(at("new"), std::fs::Permissions::from_mode(0o700)).unwrap();
            std::os::unix::fs::chown(at("new"), Some(12345), None).unwrap();
            assert!(matches!(Cache::open(&at("new")), Err(Unusable::NotOurs)));
        }
    }

    #[test]
    fn files_are_whole_and_few_and_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c");
        let cache = Cache::open(&path).unwrap();
        std::fs::write(path.join("notes.txt"), b"mine").unwrap();
        std::fs::write(path.join(".tmp.fresh"), b"").unwrap();
        let old = std::fs::File::create(path.join(".tmp.old")).unwrap();
        old.set_modified(std::time::UNIX_EPOCH).unwrap();
        for n in 0..MOST_FILES + 20 {
            cache.put(&format!("{n:016x}.run"), b"result");
        }
        let left = names(&path);
        assert!(left.contains(&"notes.txt".to_owned()) && left.contains(&".tmp.fresh".to_owned()));
        assert!(!left.contains(&".tmp.old".to_owned()));
        assert_eq!(left.iter().filter(|n| n.ends_with(".run")).count(), MOST_FILES + 1);
        let last = cache.place(&format!("{:016x}.run", MOST_FILES + 19));
        assert_eq!(std::fs::read(last).unwrap(), b"result");
        assert!(cache.clock().is_some());
        assert_eq!(names(&path), left);
    }
}
