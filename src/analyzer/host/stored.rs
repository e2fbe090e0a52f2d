//! A disk out of a profile: another machine's files, with directories of this one where they are let in.
//! It must never let a system directory of this machine in unasked, nor fail otherwise than the kernel would.
//! Walked as `guest.rs` walks a root.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::guest::{Components, Ground, Guest, below, read_link, split};
use super::real::{ByteStore, RealHost};
use super::{Entry, EntryKind, Errno, Host, Kind, Opened, Pieces, Stat};
use crate::analyzer::store::profile::{Node, Profile};

/// Longest name the usual file systems have.
const NAME_MAX: usize = 255;
/// The device number of everything in a profile: none that a kernel gives.
const DEVICE: u64 = u64::MAX;
/// What belongs to the system wherever the Filesystem Hierarchy Standard is followed.
const SYSTEM: &[&str] =
    &["bin", "boot", "etc", "lib", "lib32", "lib64", "libexec", "libx32", "sbin", "usr", "var"];

/// What of this machine is seen inside.
#[derive(Clone, Debug)]
pub enum Visible {
    /// These directories and files only.
    Only(Vec<PathBuf>),
    /// Everything that is neither a system directory nor in the profile, and these: files in the place of the profile's
    /// own, directories where the profile has none.
    Beyond(Vec<PathBuf>),
}

struct Saved<'h> {
    profile: Profile<'h>,
    binds: Vec<Components>,
    /// Top directories that are not this machine's; none if only what is listed is.
    closed: Option<Vec<Vec<u8>>>,
}

impl Saved<'_> {
    fn bound(&self, at: &[Vec<u8>]) -> bool {
        let beyond = |closed: &Vec<Vec<u8>>| at.first().is_some_and(|top| !closed.contains(top));
        self.binds.iter().any(|bind| at.starts_with(bind)) || self.closed.as_ref().is_some_and(beyond)
    }

    fn node(&self, at: &[Vec<u8>]) -> Option<&Node> {
        if at.is_empty() { Some(&Node::Dir) } else { self.profile.nodes().get(&at.join(&b'/')) }
    }

    /// Why nothing is there.
    fn missing(&self, at: &[Vec<u8>]) -> Errno {
        let Some((last, above)) = at.split_last() else { return Errno::ENOENT };
        match self.node(above) {
            Some(Node::File(_)) => Errno::ENOTDIR,
            Some(_) if last.len() > NAME_MAX => Errno::ENAMETOOLONG,
            _ => Errno::ENOENT,
        }
    }
}

impl Ground for Saved<'_> {
    fn read_link(&self, at: &[Vec<u8>]) -> Result<Vec<u8>, Errno> {
        if self.bound(at) {
            return read_link(&below(Path::new("/"), at));
        }
        match self.node(at) {
            Some(Node::Link(target)) => Ok(target.clone()),
            Some(_) => Err(Errno::EINVAL),
            None => Err(self.missing(at)),
        }
    }

    fn binds(&self) -> &[Components] {
        &self.binds
    }
}

/// Where a path leads.
enum Place {
    /// To this machine.
    Here(Vec<u8>),
    /// Into the profile.
    There(Components),
}

/// The disk.
pub struct StoredHost<'h> {
    store: &'h ByteStore,
    guest: Guest<Saved<'h>>,
    real: RealHost<'h>,
    cwd: Vec<u8>,
    /// Contents that were unpacked.
    unpacked: Mutex<HashMap<u32, &'h [u8]>>,
}

impl<'h> StoredHost<'h> {
    /// The disk of `profile`; relative paths start from `cwd`.
    pub fn new(
        store: &'h ByteStore,
        profile: Profile<'h>,
        visible: &Visible,
        real: RealHost<'h>,
        cwd: &[u8],
    ) -> Self {
        let (paths, open) = match visible {
            Visible::Only(paths) => (paths, false),
            Visible::Beyond(paths) => (paths, true),
        };
        let mut binds: Vec<Components> =
            paths.iter().map(|path| split(path.as_os_str().as_bytes())).collect();
        let tops = profile.nodes().keys().filter(|path| !path.contains(&b'/')).cloned();
        let closed = open.then(|| tops.chain(SYSTEM.iter().map(|s| s.as_bytes().to_vec())).collect());
        if open {
            let guest = Guest::over(Saved { profile: profile.clone(), binds: Vec::new(), closed: None });
            binds =
                paths.iter().filter_map(|path| seen_at(&guest, &real, path.as_os_str().as_bytes())).collect();
        }
        let guest = Guest::over(Saved { profile, binds, closed });
        StoredHost { store, guest, real, cwd: cwd.to_vec(), unpacked: Mutex::default() }
    }

    /// The profile.
    pub fn profile(&self) -> &Profile<'h> {
        &self.guest.ground().profile
    }

    fn place(&self, path: &[u8], follow: bool) -> Result<Place, Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let joined;
        let path = if path.starts_with(b"/") {
            path
        } else {
            joined = [&self.cwd, path].join(&b'/');
            &joined
        };
        let (at, wants_directory) = self.guest.components(path, follow)?;
        let saved = self.guest.ground();
        if saved.bound(&at) {
            let mut real = below(Path::new("/"), &at);
            if wants_directory {
                real.push(".");
            }
            return Ok(Place::Here(real.as_os_str().as_bytes().to_vec()));
        }
        match saved.node(&at) {
            Some(Node::File(_)) if wants_directory => Err(Errno::ENOTDIR),
            _ => Ok(Place::There(at)),
        }
    }

    fn stat_of(&self, at: &[Vec<u8>]) -> Result<(Stat, Option<u32>), Errno> {
        let saved = self.guest.ground();
        let stat = |ino, kind, size| Stat { dev: DEVICE, ino, kind, size, mtime: 0, ctime: 0, rdev: None };
        match saved.node(at) {
            Some(Node::File(number)) => {
                let size = saved.profile.size(*number);
                Ok((stat(u64::from(*number) + 1, Kind::File, size), Some(*number)))
            }
            // Directories are told apart by nobody.
            Some(_) => Ok((stat(1 << 32, Kind::Dir, 0), None)),
            None => Err(saved.missing(at)),
        }
    }

    fn contents(&self, number: u32) -> Result<&'h [u8], Errno> {
        let mut unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = unpacked.get(&number) {
            return Ok(bytes);
        }
        // The checksums were compared before: what does not unpack was made by nobody of ours.
        let bytes = self.profile().contents(number).map_err(|_| Errno::EIO)?;
        let bytes = self.store.keep(bytes);
        unpacked.insert(number, bytes);
        Ok(bytes)
    }
}

/// Where something of this machine lies in the tree of a profile: a file in the place of the profile's own, a directory
/// where the profile has none.
fn seen_at(guest: &Guest<Saved<'_>>, real: &RealHost<'_>, path: &[u8]) -> Option<Components> {
    let kind = real.stat(path).ok()?.kind;
    let mut at = split(path);
    let known = guest.components(path, true);
    match known {
        Ok((at, _)) => (kind != Kind::Dir).then_some(at),
        Err(_) => {
            let last = at.pop()?;
            let above = [b"/".as_slice(), &at.join(&b'/'), b"/"].concat();
            let mut at = guest.components(&above, true).map_or(at, |(above, _)| above);
            at.push(last);
            Some(at)
        }
    }
}

impl<'h> Host<'h> for StoredHost<'h> {
    fn open(&self, path: &[u8]) -> Result<Opened<'h>, Errno> {
        match self.place(path, true)? {
            Place::Here(real) => self.real.open(&real),
            Place::There(at) => match self.stat_of(&at)? {
                (stat, Some(number)) => Ok(Opened::File(stat, self.contents(number)?)),
                (stat, None) => Ok(Opened::Other(stat)),
            },
        }
    }

    fn visit(&self, path: &[u8], look: &mut dyn FnMut(&Stat, &dyn Pieces)) -> Result<Stat, Errno> {
        match self.place(path, true)? {
            Place::Here(real) => self.real.visit(&real, look),
            Place::There(at) => {
                let (stat, number) = self.stat_of(&at)?;
                if let Some(number) = number {
                    look(&stat, &self.contents(number)?);
                }
                Ok(stat)
            }
        }
    }

    fn stat(&self, path: &[u8]) -> Result<Stat, Errno> {
        match self.place(path, true)? {
            Place::Here(real) => self.real.stat(&real),
            Place::There(at) => self.stat_of(&at).map(|(stat, _)| stat),
        }
    }

    fn list(&self, path: &[u8]) -> Result<Vec<Entry>, Errno> {
        let at = match self.place(path, true)? {
            Place::Here(real) => return self.real.list(&real),
            Place::There(at) => at,
        };
        let (_, None) = self.stat_of(&at)? else { return Err(Errno::ENOTDIR) };
        let prefix = if at.is_empty() { Vec::new() } else { [at.join(&b'/').as_slice(), b"/"].concat() };
        let nodes = self.profile().nodes().range(prefix.clone()..);
        let entry = |(path, node): (&Vec<u8>, &Node)| {
            let name = path.strip_prefix(prefix.as_slice())?;
            let kind = match node {
                Node::Dir => EntryKind::Dir,
                Node::Link(_) => EntryKind::Link,
                Node::File(_) => EntryKind::File,
            };
            (!name.is_empty() && !name.contains(&b'/')).then(|| Entry { name: name.to_vec(), kind })
        };
        Ok(nodes.take_while(|(path, _)| path.starts_with(&prefix)).filter_map(entry).collect())
    }

    fn readlink(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        match self.place(path, false)? {
            Place::Here(real) => self.real.readlink(&real),
            Place::There(at) => match self.guest.ground().node(&at) {
                Some(Node::Link(target)) => Ok(target.clone()),
                Some(_) => Err(Errno::EINVAL),
                None => Err(self.guest.ground().missing(&at)),
            },
        }
    }

    fn forget(&self, bytes: &'h [u8]) {
        self.real.forget(bytes);
    }

    fn noexec(&self, path: &[u8]) -> bool {
        match self.place(path, true) {
            Ok(Place::Here(real)) => self.real.noexec(&real),
            _ => false,
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files they look at")]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::analyzer::detect::RunningSystem;
    use crate::analyzer::store::profile::Contents;
    use crate::analyzer::store::sparse;

    fn profile() -> Vec<u8> {
        let nodes = BTreeMap::from([
            (b"etc".to_vec(), Node::Dir),
            (b"lib".to_vec(), Node::Link(b"usr/lib".to_vec())),
            (b"usr".to_vec(), Node::Dir),
            (b"usr/lib".to_vec(), Node::Dir),
            (b"usr/lib/a.so".to_vec(), Node::File(0)),
            (b"usr/lib/again.so".to_vec(), Node::File(0)),
            (b"usr/lib/b.so".to_vec(), Node::Link(b"/lib/a.so".to_vec())),
            (b"usr/lib/loop".to_vec(), Node::Link(b"loop".to_vec())),
        ]);
        let files = vec![(3, sparse::pack(b"abc", std::slice::from_ref(&(0..3))))];
        Contents { system: RunningSystem::unknown(), program: None, nodes, files }.write()
    }

    #[test]
    fn links_errors_and_listings_are_those_of_a_disk() {
        let bytes = profile();
        let store = ByteStore::new();
        let visible = Visible::Only(Vec::new());
        let host = StoredHost::new(
            &store,
            Profile::read(&bytes).unwrap(),
            &visible,
            RealHost::new(&store),
            b"/usr/lib",
        );
        for path in ["/lib/b.so", "/usr/lib/../lib/./a.so", "a.so", "//lib//again.so"] {
            let Ok(Opened::File(stat, content)) = host.open(path.as_bytes()) else { panic!("{path}") };
            assert_eq!((stat.size, content), (3, b"abc".as_slice()));
            assert_eq!(host.stat(path.as_bytes()), Ok(stat));
        }
        for (path, errno) in [
            ("", Errno::ENOENT),
            ("/lib/none", Errno::ENOENT),
            ("/lib/a.so/x", Errno::ENOTDIR),
            ("/lib/a.so/", Errno::ENOTDIR),
            ("/lib/loop", Errno::ELOOP),
            ("/etc/hostname", Errno::ENOENT),
            ("/tmp", Errno::ENOENT),
        ] {
            assert_eq!(host.open(path.as_bytes()), Err(errno), "{path}");
        }
        let long = [b"/usr/".as_slice(), &[b'x'; 300]].concat();
        assert_eq!(host.stat(&long), Err(Errno::ENAMETOOLONG));
        let names: Vec<Vec<u8>> = host.list(b"/lib/").unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names, [&b"a.so"[..], b"again.so", b"b.so", b"loop"]);
        assert_eq!(host.list(b"/").unwrap().len(), 3);
        assert_eq!(host.list(b"/lib/a.so"), Err(Errno::ENOTDIR));
        assert_eq!(host.readlink(b"/lib/b.so"), Ok(b"/lib/a.so".to_vec()));
        assert_eq!(host.readlink(b"/lib/a.so"), Err(Errno::EINVAL));
    }

    #[test]
    fn this_machine_is_seen_where_it_is_let_in() {
        let dir = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(dir.path()).unwrap();
        fs::write(here.join("l.so"), b"real").unwrap();
        std::os::unix::fs::symlink("/usr/lib/a.so", here.join("into")).unwrap();
        let bytes = profile();
        let store = ByteStore::new();
        let open = |visible: Visible, path: &str| {
            let profile = Profile::read(&bytes).unwrap();
            let host = StoredHost::new(&store, profile, &visible, RealHost::new(&store), b"/");
            match host.open(path.as_bytes()) {
                Ok(Opened::File(_, bytes)) => Ok(bytes.to_vec()),
                Ok(_) => panic!("no file"),
                Err(errno) => Err(errno),
            }
        };
        let own = here.join("l.so").to_string_lossy().into_owned();
        let into = here.join("into").to_string_lossy().into_owned();
        assert_eq!(open(Visible::Only(Vec::new()), &own), Err(Errno::ENOENT));
        for visible in [Visible::Only(vec![here.clone()]), Visible::Beyond(Vec::new())] {
            assert_eq!(open(visible.clone(), &own), Ok(b"real".to_vec()));
            // A link of this machine leads into the other one.
            assert_eq!(open(visible.clone(), &into), Ok(b"abc".to_vec()));
            assert_eq!(open(visible, "/etc/hostname"), Err(Errno::ENOENT));
        }
        assert_eq!(open(Visible::Beyond(vec!["/etc/passwd".into()]), "/usr/lib/a.so"), Ok(b"abc".to_vec()));
        assert!(open(Visible::Beyond(vec!["/etc/passwd".into()]), "/etc/passwd").is_ok());
    }
}
