//! Knows a disk made of a table, so that a rule can be tested or fuzzed without one.
//! It must never be compiled into the product or touch the real disk.
//! It answers with the errno values Linux gives in the same situation (path_resolution(7)).

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Entry, EntryKind, Errno, Host, Kind, Opened, Stat};

/// What a path of the table is.
#[derive(Clone, Debug)]
pub enum Node {
    /// A regular file.
    File(Vec<u8>),
    /// A directory.
    Dir,
    /// A symbolic link.
    Link(Vec<u8>),
    /// A pipe.
    Fifo,
    /// Opening or listing fails so; the path exists.
    Denied(Errno),
    /// A file that changes while it is read.
    Unstable(Vec<u8>),
}

/// A disk in memory; parents are made as needed. Inode numbers follow the order of the paths.
#[derive(Default)]
pub struct MemoryHost {
    nodes: BTreeMap<Vec<u8>, Node>,
    noexec: Vec<Vec<u8>>,
}

impl MemoryHost {
    /// An empty disk: only `/`.
    pub fn new() -> MemoryHost {
        MemoryHost { nodes: BTreeMap::from([(Vec::new(), Node::Dir)]), noexec: Vec::new() }
    }

    /// Adds a node at an absolute, plain path.
    #[must_use]
    pub fn with(mut self, path: &str, node: Node) -> MemoryHost {
        let path = path.trim_end_matches('/').as_bytes();
        for (at, _) in path.iter().enumerate().filter(|&(_, &b)| b == b'/') {
            self.nodes.entry(path[..at].to_vec()).or_insert(Node::Dir);
        }
        self.nodes.insert(path.to_vec(), node);
        self
    }

    /// Adds a regular file.
    #[must_use]
    pub fn file(self, path: &str, bytes: &[u8]) -> MemoryHost {
        self.with(path, Node::File(bytes.to_vec()))
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> MemoryHost {
        self.with(path, Node::Link(target.as_bytes().to_vec()))
    }

    /// Forbids mapping code from files below `prefix`.
    #[must_use]
    pub fn noexec_below(mut self, prefix: &str) -> MemoryHost {
        self.noexec.push(prefix.as_bytes().to_vec());
        self
    }

    fn resolve(&self, path: &[u8], follow: bool) -> Result<(&Vec<u8>, &Node), Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let mut todo: Vec<Vec<u8>> = path.split(|&b| b == b'/').rev().map(<[u8]>::to_vec).collect();
        let mut at = Vec::new();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            match self.nodes.get(&at) {
                Some(Node::Dir) => {}
                Some(_) => return Err(Errno::ENOTDIR),
                None => return Err(Errno::ENOENT),
            }
            if part == b".." {
                at.truncate(at.iter().rposition(|&b| b == b'/').unwrap_or(0));
            }
            if part.is_empty() || part == b"." || part == b".." {
                continue;
            }
            let parent = at.len();
            at.push(b'/');
            at.extend_from_slice(&part);
            if let Some(Node::Link(target)) = self.nodes.get(&at)
                && (follow || !todo.is_empty())
            {
                links += 1;
                if links > 40 {
                    return Err(Errno::ELOOP);
                }
                at.truncate(if target.starts_with(b"/") { 0 } else { parent });
                todo.extend(target.split(|&b| b == b'/').rev().map(<[u8]>::to_vec));
            }
        }
        self.nodes.get_key_value(&at).ok_or(Errno::ENOENT)
    }

    fn stat_of(&self, path: &[u8], node: &Node) -> Stat {
        let (kind, size) = match node {
            Node::File(bytes) | Node::Unstable(bytes) => (Kind::File, bytes.len() as u64),
            Node::Denied(_) | Node::Link(_) => (Kind::File, 0),
            Node::Dir => (Kind::Dir, 0),
            Node::Fifo => (Kind::Fifo, 0),
        };
        Stat {
            dev: 1,
            ino: self.nodes.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(path))).count() as u64 + 1,
            kind,
            size,
            mtime: 0,
            ctime: 0,
            rdev: None,
        }
    }
}

/// A borrowed disk is a host whose bytes live as long as the borrow.
impl<'h> Host<'h> for &'h MemoryHost {
    fn open(&self, path: &[u8]) -> Result<Opened<'h>, Errno> {
        let (path, node) = self.resolve(path, true)?;
        let stat = self.stat_of(path, node);
        match node {
            Node::File(bytes) => Ok(Opened::File(stat, bytes)),
            Node::Unstable(_) => Ok(Opened::Changed(stat)),
            Node::Denied(errno) => Err(*errno),
            Node::Dir | Node::Fifo | Node::Link(_) => Ok(Opened::Other(stat)),
        }
    }

    fn stat(&self, path: &[u8]) -> Result<Stat, Errno> {
        let (path, node) = self.resolve(path, true)?;
        Ok(self.stat_of(path, node))
    }

    fn list(&self, path: &[u8]) -> Result<Vec<Entry>, Errno> {
        let (path, node) = self.resolve(path, true)?;
        match node {
            Node::Dir => {}
            Node::Denied(errno) => return Err(*errno),
            _ => return Err(Errno::ENOTDIR),
        }
        let prefix = [path.as_slice(), b"/"].concat();
        let below = self.nodes.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
        let direct = below.filter(|(name, _)| !name[prefix.len()..].contains(&b'/'));
        let entry = |(name, node): (&Vec<u8>, &Node)| {
            let kind = match node {
                Node::File(_) | Node::Denied(_) | Node::Unstable(_) => EntryKind::File,
                Node::Dir => EntryKind::Dir,
                Node::Link(_) => EntryKind::Link,
                Node::Fifo => EntryKind::Other,
            };
            Entry { name: name[prefix.len()..].to_vec(), kind }
        };
        Ok(direct.map(entry).collect())
    }

    fn readlink(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        match self.resolve(path, false)? {
            (_, Node::Link(target)) => Ok(target.clone()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn noexec(&self, path: &[u8]) -> bool {
        self.noexec.iter().any(|prefix| path.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_like_a_disk() {
        let disk = MemoryHost::new()
            .file("/usr/lib/a.so", b"a")
            .link("/lib", "usr/lib")
            .link("/abs", "/lib/a.so")
            .link("/loop", "loop")
            .with("/pipe", Node::Fifo)
            .with("/secret", Node::Denied(Errno::EACCES))
            .noexec_below("/usr");
        let host = &disk;
        for path in ["/lib/a.so", "/abs", "/usr/../lib/./a.so", "/../usr//lib/a.so"] {
            assert!(matches!(host.open(path.as_bytes()), Ok(Opened::File(_, b"a"))), "{path}");
        }
        assert_eq!(host.open(b"/loop"), Err(Errno::ELOOP));
        assert_eq!(host.open(b"/abs/x"), Err(Errno::ENOTDIR));
        assert_eq!(host.open(b"/none"), Err(Errno::ENOENT));
        assert_eq!(host.open(b"/secret"), Err(Errno::EACCES));
        assert_eq!(host.stat(b"/pipe").map(|stat| stat.kind), Ok(Kind::Fifo));
        assert_eq!(host.stat(b"/lib/a.so"), host.stat(b"/abs"));
        assert_eq!(host.readlink(b"/lib"), Ok(b"usr/lib".to_vec()));
        let names: Vec<_> = host.list(b"/usr").unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, [b"lib".to_vec()]);
        assert!(host.noexec(b"/usr/lib/a.so") && !host.noexec(b"/abs"));
    }
}
