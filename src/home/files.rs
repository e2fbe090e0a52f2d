//! Knows what lies in one installed tree: libraries by content and by name, programs, links and where they lead.
//! It must never follow a link while walking, open a pipe, or drop a file because of its name.
//! A file under a library's name is one, whatever it holds, since that is what a loader would open.

use super::layout::{joined, resolved};
use crate::analyzer::audit;
use crate::analyzer::errno::Errno;
use crate::analyzer::host::{EntryKind, Host, Kind, Opened};
use crate::analyzer::image::header::{self, FileKind};
use crate::analyzer::target;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A loader would be asked to open it.
    Library,
    /// The kernel would be asked to start it.
    Program,
    /// A text with instructions for the link editor under a library's name; the loader never sees it.
    LinkerScript,
    /// Data.
    Data,
    /// A link.
    Link {
        /// What it says.
        target: Vec<u8>,
        /// Where it leads; none if nowhere.
        leads: Option<Vec<u8>>,
        /// The target's name is there, but so are only more links.
        round: bool,
    },
    /// A pipe, socket or device.
    Special,
}

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path inside the tree.
    pub rel: Vec<u8>,
    /// The whole path.
    pub path: Vec<u8>,
    /// What it is.
    pub what: What,
}

/// Everything in one tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// All but directories, sorted.
    pub entries: Vec<Entry>,
    /// Directories that could not be listed, files that could not be looked into.
    pub unlisted: Vec<(Vec<u8>, Errno)>,
}

/// Bytes looked at to tell what a file is.
const HEAD: usize = 4096;

/// Walks the tree at `dir`.
pub fn list<'h>(host: &dyn Host<'h>, dir: &[u8]) -> Listing {
    let mut out = Listing::default();
    let mut todo = vec![Vec::new()];
    let mut raw: Vec<(Vec<u8>, EntryKind)> = Vec::new();
    while let Some(rel) = todo.pop() {
        let at = if rel.is_empty() { dir.to_vec() } else { joined(dir, &rel) };
        let entries = match host.list(&at) {
            Ok(entries) => entries,
            Err(errno) => {
                out.unlisted.push((at, errno));
                continue;
            }
        };
        for e in entries {
            let mut inner = rel.clone();
            if !inner.is_empty() {
                inner.push(b'/');
            }
            inner.extend_from_slice(&e.name);
            match e.kind {
                EntryKind::Dir => todo.push(inner),
                kind => raw.push((inner, kind)),
            }
        }
    }
    raw.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let names: std::collections::HashSet<&[u8]> = raw.iter().map(|(rel, _)| rel.as_slice()).collect();
    let sorted = audit::parallel(&raw, |(rel, kind)| {
        let path = joined(dir, rel);
        let what = match kind {
            EntryKind::Link => Ok(link(host, &path)),
            EntryKind::Other => Ok(What::Special),
            EntryKind::File | EntryKind::Dir => file(host, &path, rel, &names),
        };
        (Entry { rel: rel.clone(), path: path.clone(), what: What::Data }, what)
    });
    for (entry, what) in sorted {
        let what = what.unwrap_or_else(|errno| {
            out.unlisted.push((entry.path.clone(), errno));
            if has_library_name(&entry.rel) { What::Library } else { What::Data }
        });
        out.entries.push(Entry { what, ..entry });
    }
    out.unlisted.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

fn link<'h>(host: &dyn Host<'h>, path: &[u8]) -> What {
    let target = host.readlink(path).unwrap_or_default();
    let round = matches!(host.stat(path), Err(Errno::ELOOP));
    let leads = host.stat(path).ok().and_then(|_| resolved(host, path));
    What::Link { target, leads, round }
}

fn file<'h>(
    host: &dyn Host<'h>,
    path: &[u8],
    rel: &[u8],
    names: &std::collections::HashSet<&[u8]>,
) -> Result<What, Errno> {
    let (stat, head) = host.head(path, HEAD)?;
    if stat.kind != Kind::File {
        return Ok(What::Special);
    }
    let whole = || match host.open(path) {
        Ok(Opened::File(_, bytes)) => Some(bytes),
        _ => None,
    };
    let named = has_library_name(rel);
    Ok(match header::kind_of(&head, stat.size, whole) {
        _ if rel.ends_with(b".debug") => What::Data,
        FileKind::Library => What::Library,
        FileKind::NotElf if target::is_macho(&head) && target::is_macho_library(&head, whole) => {
            What::Library
        }
        _ if named && is_linker_script(&head) && has_versioned_sibling(rel, names) => What::LinkerScript,
        _ if named => What::Library,
        FileKind::Program => What::Program,
        FileKind::OtherElf | FileKind::NotElf => What::Data,
    })
}

/// `libx.so`, `libx.so.1.2`, `libx.1.dylib`: what a loader is asked for. (`libx.so.bak` is not.)
pub fn has_library_name(rel: &[u8]) -> bool {
    let name = base(rel);
    if let Some(stem) = name.strip_suffix(b".so").or_else(|| name.strip_suffix(b".dylib")) {
        return !stem.is_empty();
    }
    let Some(at) = name.windows(4).rposition(|w| w == b".so.") else { return false };
    let version = name.get(at + 4..).unwrap_or_default();
    !version.is_empty() && version.iter().all(|b| b.is_ascii_digit() || *b == b'.')
}

/// The last part of a path.
pub fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// All but the last part.
pub fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|b| *b == b'/').and_then(|at| path.get(..at)).unwrap_or_default()
}

fn is_linker_script(head: &[u8]) -> bool {
    let text = std::str::from_utf8(head).unwrap_or_default();
    ["INPUT(", "INPUT (", "GROUP(", "GROUP (", "GNU ld script"].iter().any(|word| text.contains(word))
}

/// `libx.so` stands for the link editor only if the loader's own name, `libx.so.N`, is beside it.
fn has_versioned_sibling(rel: &[u8], names: &std::collections::HashSet<&[u8]>) -> bool {
    if !rel.ends_with(b".so") {
        return false;
    }
    let stem = [rel, b"."].concat();
    let curses = rel.strip_suffix(b".so").map(|s| [s, b"w.so."].concat()).unwrap_or_default();
    names.iter().any(|n| n.starts_with(&stem) || n.starts_with(&curses))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::host::memory::{MemoryHost, Node};

    fn what(listing: &Listing, rel: &str) -> What {
        listing.entries.iter().find(|e| e.rel == rel.as_bytes()).map(|e| e.what.clone()).unwrap()
    }

    #[test]
    fn names_and_contents_decide() {
        let host = MemoryHost::new()
            .file("/t/lib/libx.so", b"/* GNU ld script */ INPUT(libx.so.1)")
            .file("/t/lib/libx.so.1", b"<html>")
            .file("/t/lib/plugin.so", b"INPUT(-lx)")
            .file("/t/lib/libx.so.bak", b"zzz")
            .file("/t/share/doc", b"text")
            .file("/t/lib/libcut.1.dylib", b"\xcf\xfa")
            .with("/t/lib/libpipe.so.1", Node::Fifo)
            .link("/t/lib/libgone.so.1", "libgone.so.1.2")
            .link("/t/lib/libl.so", "libl.so")
            .link("/t/lib/libok.so", "libx.so.1");
        let l = list(&&host, b"/t");
        assert_eq!(what(&l, "lib/libx.so"), What::LinkerScript);
        assert_eq!(what(&l, "lib/libx.so.1"), What::Library);
        assert_eq!(what(&l, "lib/plugin.so"), What::Library);
        assert_eq!(what(&l, "lib/libx.so.bak"), What::Data);
        assert_eq!(what(&l, "lib/libcut.1.dylib"), What::Library);
        assert_eq!(what(&l, "lib/libpipe.so.1"), What::Special);
        assert!(matches!(what(&l, "lib/libgone.so.1"), What::Link { leads: None, round: false, .. }));
        assert!(matches!(what(&l, "lib/libl.so"), What::Link { leads: None, round: true, .. }));
        assert!(
            matches!(what(&l, "lib/libok.so"), What::Link { leads: Some(p), .. } if p == b"/t/lib/libx.so.1")
        );
    }
}
