//! The files of one process: opened once, the slice chosen, facts kept by device and inode.
//! It must never search; it answers for paths it is given, in dyld's words.
//! Follows DyldDelegates.cpp (fileExists, mapFileReadOnly) and MachOFile.cpp: compatibleSlice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::model::DyldModel;
use super::refusal::{Kind, Refusal};
use super::slice;
use super::{mapping, tbd};
use crate::analyzer::errno::Errno;
use crate::analyzer::host::{self, Host, Opened, Stat};
use crate::analyzer::image::macho::MachoFacts;

/// What `stat` tells dyld of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// A regular file.
    File(Stat),
    /// Something else.
    NotAFile,
    /// Nothing, with the reason.
    Nothing(Errno),
}

/// One file that dyld would take, as far as it can be told before it is asked in what role.
#[derive(Debug)]
pub struct File<'h> {
    /// Its real path, as the kernel tells it.
    pub path: Vec<u8>,
    /// Its identity.
    pub stat: Stat,
    /// The slice dyld takes, or what it has against the file. Words may hold `PATH` and `REAL`.
    pub slice: Result<Slice<'h>, Refusal>,
}

/// The chosen slice.
#[derive(Debug)]
pub struct Slice<'h> {
    /// Its facts.
    pub facts: MachoFacts<'h>,
    /// Where it is in the file.
    pub offset: u64,
    /// What mapping it meets, apart from its role.
    pub mapped: Result<mapping::Mapped, Refusal>,
}

/// The place of the path in words that are kept for all paths of a file.
pub const PATH: &[u8] = b"\0path\0";
/// The place of the real path.
pub const REAL: &[u8] = b"\0real\0";

type Table<K, V> = Mutex<HashMap<K, V, foldhash::fast::FixedState>>;

/// The files of one process.
pub struct Files<'a, 'h> {
    host: &'a dyn Host<'h>,
    sdk_host: &'a dyn Host<'h>,
    model: DyldModel,
    files: Table<(u64, u64), Option<Arc<File<'h>>>>,
    stubs: Table<Vec<u8>, Option<Arc<Vec<tbd::Stub>>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a, 'h> Files<'a, 'h> {
    /// Nothing read yet. The SDK's stubs are read through `sdk_host`.
    pub fn new(host: &'a dyn Host<'h>, sdk_host: &'a dyn Host<'h>, model: DyldModel) -> Self {
        Files { host, sdk_host, model, files: Table::default(), stubs: Table::default() }
    }

    /// The process they are seen from.
    pub fn model(&self) -> &DyldModel {
        &self.model
    }

    /// `path` from the working directory of the process.
    pub fn absolute(&self, path: &[u8]) -> Vec<u8> {
        if path.starts_with(b"/") {
            return path.to_vec();
        }
        [self.model.cwd.as_slice(), if self.model.cwd.ends_with(b"/") { b"" } else { b"/" }, path].concat()
    }

    /// `fileExists`.
    pub fn see(&self, path: &[u8]) -> Seen {
        match self.host.stat(&self.absolute(path)) {
            Ok(stat) if stat.kind == host::Kind::File => Seen::File(stat),
            Ok(_) => Seen::NotAFile,
            Err(errno) => Seen::Nothing(errno),
        }
    }

    /// The file at `path`; none if it changes while it is read, or is too large to be.
    ///
    /// # Errors
    /// Why dyld cannot open it.
    pub fn open(&self, path: &[u8], stat: &Stat) -> Result<Option<Arc<File<'h>>>, Refusal> {
        if stat.size == 0 {
            // A tombstone: no reason is given.
            return Err(Refusal::new(Kind::Empty, ""));
        }
        if let Some(known) = locked(&self.files).get(&(stat.dev, stat.ino)) {
            return Ok(known.clone());
        }
        let full = self.absolute(path);
        let file = match self.host.open(&full) {
            Ok(Opened::File(stat, bytes)) => Some(Arc::new(File {
                path: self.real_path(&full).unwrap_or(full),
                stat,
                slice: slice::choose(bytes, &self.model),
            })),
            Ok(Opened::Other(_) | Opened::Changed(_)) | Err(Errno::EFBIG) => None,
            Err(errno) => {
                let words = format!("open() failed with errno={}", darwin(errno));
                return Err(Refusal::new(Kind::Errno(errno), words));
            }
        };
        Ok(locked(&self.files).entry((stat.dev, stat.ino)).or_insert(file).clone())
    }

    /// `realpath`: every link followed, every `.` and `..` resolved; none if something on the way is not there.
    pub fn real_path(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut links = 0;
        let mut left: Vec<Vec<u8>> =
            self.absolute(path).split(|b| *b == b'/').rev().map(<[u8]>::to_vec).collect();
        let mut done: Vec<u8> = Vec::new();
        while let Some(part) = left.pop() {
            match part.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    done.truncate(done.iter().rposition(|b| *b == b'/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let before = done.len();
            done.push(b'/');
            done.extend_from_slice(&part);
            if let Ok(target) = self.host.readlink(&done) {
                links += 1;
                if links > 32 {
                    return None;
                }
                done.truncate(if target.starts_with(b"/") { 0 } else { before });
                left.extend(target.split(|b| *b == b'/').rev().map(<[u8]>::to_vec));
            }
        }
        if done.is_empty() {
            done.push(b'/');
        }
        self.host.stat(&done).ok().map(|_| done)
    }

    /// The stub of a library of the system, by its install name. None without an SDK, or if that has none.
    pub fn stub(&self, install_name: &[u8]) -> Option<Arc<Vec<tbd::Stub>>> {
        let sdk = self.model.sdk.as_deref()?;
        if let Some(known) = locked(&self.stubs).get(install_name) {
            return known.clone();
        }
        let base = install_name.strip_suffix(b".dylib").unwrap_or(install_name);
        let path = [sdk, base, b".tbd"].concat();
        let target = format!("{}-macos", self.model.arch);
        let read = match self.sdk_host.open(&path) {
            Ok(Opened::File(_, bytes)) => tbd::read(bytes, &target).map(Arc::new),
            _ => None,
        };
        locked(&self.stubs).entry(install_name.to_vec()).or_insert(read).clone()
    }

    /// Says that the bytes of a file are not needed soon.
    pub fn forget(&self, file: &File<'h>) {
        if let Ok(slice) = &file.slice {
            self.host.forget(slice.facts.bytes);
        }
    }
}

/// An errno of this machine as the same one of macOS.
pub fn darwin(errno: Errno) -> i32 {
    match errno {
        native if cfg!(target_os = "macos") => native.0,
        Errno::ELOOP => 62,
        Errno::ENAMETOOLONG => 63,
        other => other.0,
    }
}
