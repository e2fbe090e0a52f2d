//! Where musl looks for a name without a slash: the environment, the requester's and its requesters' paths, the system path.
//! It must never pass over a file that opens: the first one ends the search, whatever is in it.
//! Follows musl ldso/dynlink.c: path_open, fixup_rpath, and the search in load_library.

use crate::analyzer::disk::{Disk, Opening};
use crate::analyzer::errno::Errno;
use crate::analyzer::provenance::{Attempt, Outcome, Provenance};

/// Bytes of the buffer a candidate's path is made in, its NUL included: longer ones are passed over.
const BUFFER: usize = 512;
/// NAME_MAX.
pub(super) const LONGEST_NAME: usize = 255;

/// What opening a candidate gave.
pub(super) enum Opened<'h> {
    /// Something is open.
    Yes(Vec<u8>, Opening<'h>, Provenance),
    /// Nothing here: the search goes on.
    No,
    /// An error that ends the whole search.
    Ends,
}

/// One search.
pub(super) struct Search<'s, 'a, 'h> {
    pub(super) disk: &'s Disk<'a, 'h>,
    /// The process's `errno`.
    pub(super) errno: &'s mut Errno,
    pub(super) log: Option<&'s mut Vec<Attempt>>,
}

impl<'h> Search<'_, '_, 'h> {
    /// `path_open`: one list.
    pub(super) fn list(&mut self, dirs: &[Vec<u8>], name: &[u8], why: &Provenance) -> Opened<'h> {
        for dir in dirs {
            let path = [dir.as_slice(), b"/", name].concat();
            if path.len() >= BUFFER {
                continue;
            }
            match self.open(&path, why) {
                Opened::No => {}
                other => return other,
            }
        }
        Opened::No
    }

    /// `open` of one candidate.
    pub(super) fn open(&mut self, path: &[u8], why: &Provenance) -> Opened<'h> {
        let opening = self.disk.open(path);
        let errno = match &opening {
            Opening::Errno(errno) => *errno,
            Opening::Special(crate::analyzer::host::Kind::Socket, _) => Errno::ENXIO,
            _ => {
                self.note(why, path, Outcome::Found);
                return Opened::Yes(path.to_vec(), opening, why.clone());
            }
        };
        *self.errno = errno;
        let goes_on = matches!(errno, Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::ENAMETOOLONG);
        if goes_on {
            self.note(why, path, Outcome::Errno(errno));
            Opened::No
        } else {
            self.note(why, path, Outcome::ListAbandoned(errno));
            Opened::Ends
        }
    }

    fn note(&mut self, why: &Provenance, path: &[u8], outcome: Outcome) {
        if let Some(log) = self.log.as_deref_mut() {
            log.push(Attempt { provenance: why.clone(), path: path.to_vec(), outcome });
        }
    }
}

/// A path list with `$ORIGIN` replaced; none if it holds any other `$`, which disables all of it.
pub(super) fn expanded(list: &[u8], origin: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(list.len());
    let mut rest = list;
    while let Some(at) = rest.iter().position(|b| *b == b'$') {
        let (before, token) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(origin);
        rest = token.strip_prefix(b"$ORIGIN").or_else(|| token.strip_prefix(b"${ORIGIN}"))?;
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// The directory part of the path an object was opened by, as it stands.
pub(super) fn origin(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|b| *b == b'/') {
        Some(at) => path.get(..at).unwrap_or_default(),
        None => b".",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_origin_by_prefix_or_nothing_at_all() {
        let of = |list: &str| expanded(list.as_bytes(), b"/o").map(|l| String::from_utf8(l).unwrap());
        assert_eq!(of("$ORIGIN/x:${ORIGIN}/y:/z").as_deref(), Some("/o/x:/o/y:/z"));
        assert_eq!(of("$ORIGINAL/x").as_deref(), Some("/oAL/x"));
        assert_eq!(of("/a:$LIB/x"), None);
        assert_eq!(of("$ORIGIN:$"), None);
        assert_eq!(of("/plain").as_deref(), Some("/plain"));
        assert_eq!(of("$ORIGIN$ORIGIN").as_deref(), Some("/o/o"));
    }

    #[test]
    fn the_origin_is_what_was_opened() {
        assert_eq!(origin(b"/a/b/l.so"), b"/a/b");
        assert_eq!(origin(b"/l.so"), b"");
        assert_eq!(origin(b"l.so"), b".");
    }
}
