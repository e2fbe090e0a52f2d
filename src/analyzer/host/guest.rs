//! Knows how a path is walked inside a sysroot: component by component, links and `..` never leaving it.
//! It must never open a file and never follow a link through the kernel, which would use the host's own root.
//! It follows path_resolution(7) as a process in a chroot of that directory would see it.
#![expect(clippy::disallowed_methods, reason = "part of the one disk access")]

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::RwLock;

use super::Errno;
use super::listings::Listings;

/// Links followed in one walk before the kernel gives up (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;
/// Length of a path, its final NUL included, that the kernel refuses (`PATH_MAX`).
const PATH_MAX: usize = 4096;

/// Components of a path inside the root with every link resolved.
pub(super) type Components = Vec<Vec<u8>>;

/// What the links of a walk are read from.
pub(super) trait Ground {
    /// The target of the link at a link-free path; `EINVAL` if something else is there.
    fn read_link(&self, at: &[Vec<u8>]) -> Result<Vec<u8>, Errno>;
    /// Directories of this machine that are visible inside.
    fn binds(&self) -> &[Components];
}

/// A directory that stands for `/`.
#[derive(Debug)]
pub(super) struct Root {
    root: PathBuf,
    binds: Vec<Components>,
    listings: Listings,
}

/// The walk over a ground.
#[derive(Debug)]
pub(super) struct Guest<G = Root> {
    ground: G,
    /// Directories already walked: the same few are asked for thousands of times.
    known: RwLock<HashMap<Vec<u8>, Components>>,
}

impl Guest {
    /// `binds` are host directories visible inside the root under their own absolute path.
    pub(super) fn new(root: PathBuf, binds: &[PathBuf]) -> Guest {
        let split = |bind: &PathBuf| split(bind.as_os_str().as_bytes());
        Guest::over(Root { root, binds: binds.iter().map(split).collect(), listings: Listings::default() })
    }

    /// The host path of `path`, which is absolute inside the root. With `follow`, a link in the last place is followed
    /// too, so the result can be opened with `O_NOFOLLOW`.
    pub(super) fn resolve(&self, path: &[u8], follow: bool) -> Result<PathBuf, Errno> {
        let (found, wants_directory) = self.components(path, follow)?;
        let mut real = self.ground.real(&found);
        if wants_directory && !found.is_empty() {
            real.push(".");
        }
        Ok(real)
    }
}

impl<G: Ground> Guest<G> {
    /// A walk over `ground`.
    pub(super) fn over(ground: G) -> Guest<G> {
        Guest { ground, known: RwLock::default() }
    }

    /// What is walked over.
    pub(super) fn ground(&self) -> &G {
        &self.ground
    }

    /// The link-free path of `path`, and whether it can only name a directory: `dir/` and `dir/.` do, whatever is there
    /// (the kernel says ENOTDIR for a file).
    pub(super) fn components(&self, path: &[u8], follow: bool) -> Result<(Components, bool), Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if path.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let cut = path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
        let (directory, last) = path.split_at(cut);
        let mut links = 0;
        let mut found = self.directory(directory, &mut links)?;
        let wants_directory = last.is_empty() || last == b"." || last == b"..";
        self.walk(&mut found, last, follow, &mut links)?;
        Ok((found, wants_directory))
    }

    /// Walks a directory path once.
    fn directory(&self, path: &[u8], links: &mut usize) -> Result<Components, Errno> {
        if let Ok(known) = self.known.read()
            && let Some(found) = known.get(path)
        {
            return Ok(found.clone());
        }
        let mut found = Vec::new();
        self.walk(&mut found, path, true, links)?;
        if let Ok(mut known) = self.known.write() {
            known.insert(path.to_vec(), found.clone());
        }
        Ok(found)
    }

    /// Extends `at` by `path`.
    fn walk(&self, at: &mut Components, path: &[u8], follow: bool, links: &mut usize) -> Result<(), Errno> {
        let mut todo: Vec<Vec<u8>> = components(path).map(<[u8]>::to_vec).collect();
        todo.reverse();
        while let Some(next) = todo.pop() {
            if next == b".." {
                at.pop();
                continue;
            }
            at.push(next);
            if todo.is_empty() && !follow {
                return Ok(());
            }
            match self.ground.read_link(at) {
                Ok(target) => {
                    *links += 1;
                    if *links > MAX_LINKS {
                        return Err(Errno::ELOOP);
                    }
                    if target.starts_with(b"/") {
                        at.clear();
                    } else {
                        at.pop();
                    }
                    todo.extend(
                        components(&target).map(<[u8]>::to_vec).collect::<Vec<_>>().into_iter().rev(),
                    );
                }
                // Not a link.
                Err(Errno::EINVAL) => {}
                // A mount point need not exist in the image for what is mounted below it to be reachable.
                Err(Errno::ENOENT) if self.leads_to_bind(at) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn leads_to_bind(&self, at: &[Vec<u8>]) -> bool {
        self.ground.binds().iter().any(|bind| bind.len() > at.len() && bind.starts_with(at))
    }
}

impl Root {
    /// Where a link-free path inside the root lies on the host.
    fn real(&self, at: &[Vec<u8>]) -> PathBuf {
        let bound = self.binds.iter().any(|bind| at.starts_with(bind));
        below(if bound { Path::new("/") } else { &self.root }, at)
    }
}

impl Ground for Root {
    fn read_link(&self, at: &[Vec<u8>]) -> Result<Vec<u8>, Errno> {
        let real = self.real(at);
        if self.listings.lack(&real) {
            return Err(Errno::ENOENT);
        }
        let target = read_link(&real);
        if target == Err(Errno::ENOENT) {
            self.listings.missed(&real);
        }
        target
    }

    fn binds(&self) -> &[Components] {
        &self.binds
    }
}

/// A link of this machine.
pub(super) fn read_link(real: &Path) -> Result<Vec<u8>, Errno> {
    let target = std::fs::read_link(real).map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno))?;
    Ok(target.into_os_string().into_vec())
}

/// Components joined to a directory.
pub(super) fn below(dir: &Path, at: &[Vec<u8>]) -> PathBuf {
    let mut real = dir.to_path_buf();
    real.extend(at.iter().map(|part| Path::new(OsStr::from_bytes(part))));
    real
}

/// The components of an absolute path.
pub(super) fn split(path: &[u8]) -> Components {
    components(path).map(<[u8]>::to_vec).collect()
}

/// The components of a path that move: no empty ones, no `.`.
fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("usr/lib/sub")).unwrap();
        fs::create_dir(at("etc")).unwrap();
        fs::write(at("usr/lib/file"), b"x").unwrap();
        symlink("usr/lib", at("lib")).unwrap();
        symlink("/usr/lib/file", at("etc/absolute")).unwrap();
        symlink("../../../../../../../etc/hostname", at("usr/lib/escape")).unwrap();
        symlink("b", at("etc/a")).unwrap();
        symlink("a", at("etc/b")).unwrap();
        root
    }

    #[test]
    fn links_and_dots_stay_inside() {
        let root = tree();
        let guest = Guest::new(root.path().to_path_buf(), &[]);
        let file = root.path().join("usr/lib/file");
        for path in ["/lib/file", "/lib/sub/../file", "/../../lib/./file", "//etc/absolute"] {
            assert_eq!(guest.resolve(path.as_bytes(), true), Ok(file.clone()), "{path}");
        }
        // `/etc/hostname` exists on the host but not inside.
        assert_eq!(guest.resolve(b"/lib/escape", true), Err(Errno::ENOENT));
        assert_eq!(guest.resolve(b"/lib/escape", false), Ok(root.path().join("usr/lib/escape")));
    }

    #[test]
    fn errors_are_the_kernels() {
        let root = tree();
        let guest = Guest::new(root.path().to_path_buf(), &[]);
        assert_eq!(guest.resolve(b"/etc/a", true), Err(Errno::ELOOP));
        assert_eq!(guest.resolve(b"/etc/a/x", true), Err(Errno::ELOOP));
        assert_eq!(guest.resolve(b"/lib/file/x", true), Err(Errno::ENOTDIR));
        assert_eq!(guest.resolve(b"/none/x", true), Err(Errno::ENOENT));
        assert_eq!(guest.resolve(b"", true), Err(Errno::ENOENT));
        assert_eq!(guest.resolve(&[b'a'; 5000], true), Err(Errno::ENAMETOOLONG));
        assert_eq!(guest.resolve(&[b"/".as_slice(), &[b'a'; 300]].concat(), true), Err(Errno::ENAMETOOLONG));
    }

    #[test]
    fn bind_is_seen_at_its_own_path_by_whole_components() {
        let root = tree();
        let outside = tempfile::tempdir().unwrap();
        let bind = fs::canonicalize(outside.path()).unwrap();
        fs::write(bind.join("lib.so"), b"y").unwrap();
        symlink("/usr/lib/file", bind.join("into-root")).unwrap();
        let guest = Guest::new(root.path().to_path_buf(), std::slice::from_ref(&bind));
        let inside = |name: &str| bind.join(name).as_os_str().as_bytes().to_vec();
        assert_eq!(guest.resolve(&inside("lib.so"), true), Ok(bind.join("lib.so")));
        assert_eq!(guest.resolve(&inside("into-root"), true), Ok(root.path().join("usr/lib/file")));
        let mut sibling = bind.as_os_str().as_bytes().to_vec();
        sibling.extend_from_slice(b"x/lib.so");
        assert_eq!(guest.resolve(&sibling, true), Err(Errno::ENOENT));
    }
}
