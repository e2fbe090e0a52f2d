//! Knows where a home is and what its directories are called: `libs`, `tools`, `state.json`, left-overs.
//! It must never write, lock, or take a directory for something its name does not say.
//! Follows tsuku's own configuration (TSUKU_HOME verbatim, else `~/.tsuku`) and the names its installer gives.

use std::cmp::Ordering;

use crate::analyzer::errno::Errno;
use crate::analyzer::host::{EntryKind, Host, Kind};

/// Where the home's place was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `--tsuku-home`.
    Option,
    /// The variable TSUKU_HOME.
    Variable,
    /// `.tsuku` in the user's directory.
    UserDirectory,
}

impl Source {
    /// As reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Source::Option => "--tsuku-home",
            Source::Variable => "TSUKU_HOME",
            Source::UserDirectory => "~/.tsuku",
        }
    }
}

/// A home's place, not yet looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The path, absolute; links in it are kept.
    pub path: Vec<u8>,
    /// Who named it.
    pub source: Source,
}

/// The place, from what was asked for, TSUKU_HOME and the user's directory: the first that is not empty.
pub fn locate(
    option: Option<&[u8]>,
    variable: Option<&[u8]>,
    user: Option<&[u8]>,
    cwd: &[u8],
) -> Option<Place> {
    let given = |path: Option<&[u8]>, source| {
        path.filter(|p| !p.is_empty()).map(|p| Place { path: joined(cwd, p), source })
    };
    given(option, Source::Option).or_else(|| given(variable, Source::Variable)).or_else(|| {
        given(user, Source::UserDirectory).map(|p| Place { path: joined(&p.path, b".tsuku"), ..p })
    })
}

/// `path` below `base`, unless it is absolute. Trailing slashes go.
pub fn joined(base: &[u8], path: &[u8]) -> Vec<u8> {
    let mut full = Vec::new();
    if !path.starts_with(b"/") {
        full.extend_from_slice(base);
        if !full.ends_with(b"/") {
            full.push(b'/');
        }
    }
    full.extend_from_slice(path);
    while full.len() > 1 && full.ends_with(b"/") {
        full.pop();
    }
    full
}

/// What a directory below `libs/` or `tools/` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kindred {
    /// An installed tree.
    Tree,
    /// `.name-version.staging` or `tools/.staging-*`: an installation that did not end.
    Staging,
    /// `.name-version.previous`: what a new installation replaced.
    Previous,
    /// Another hidden entry.
    Hidden,
    /// A link that leads to nothing.
    Dangling,
}

/// One directory below `libs/` or `tools/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Its name.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kindred,
}

/// The directories below `parent`, sorted by name as tsuku's own listing is; nothing if it does not exist.
///
/// # Errors
/// The errno of the listing, unless the directory is missing.
pub fn directories<'h>(host: &dyn Host<'h>, parent: &[u8]) -> Result<Vec<Directory>, Errno> {
    let entries = match host.list(parent) {
        Ok(entries) => entries,
        Err(Errno::ENOENT) => return Ok(Vec::new()),
        Err(errno) => return Err(errno),
    };
    let kind_of = |name: &[u8], kind: EntryKind| match kind {
        EntryKind::Dir => Some(kindred(name)),
        EntryKind::Link => match host.stat(&joined(parent, name)) {
            Ok(stat) => (stat.kind == Kind::Dir).then(|| kindred(name)),
            Err(Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR) => Some(Kindred::Dangling),
            // It is there, and what is said about a tree that cannot be read will be said about it.
            Err(_) => Some(kindred(name)),
        },
        EntryKind::File | EntryKind::Other => None,
    };
    let mut found: Vec<_> = entries
        .into_iter()
        .filter_map(|e| Some(Directory { kind: kind_of(&e.name, e.kind)?, name: e.name }))
        .collect();
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn kindred(name: &[u8]) -> Kindred {
    match name {
        [b'.', rest @ ..] if rest.ends_with(b".staging") || rest.starts_with(b"staging-") => Kindred::Staging,
        [b'.', rest @ ..] if rest.ends_with(b".previous") => Kindred::Previous,
        [b'.', ..] => Kindred::Hidden,
        _ => Kindred::Tree,
    }
}

/// Name and version in a directory name nobody recorded: cut at the first hyphen before a digit, else at the last one.
///
/// A name with hyphens stays whole (`libgit2-glib-1.2.0`), and so does a version with a revision (`foo-1.2.3-1`).
pub fn parsed(directory: &[u8]) -> (&[u8], &[u8]) {
    let cut = directory
        .windows(2)
        .position(|w| matches!(w, [b'-', d] if d.is_ascii_digit()))
        .filter(|at| *at > 0)
        .or_else(|| directory.iter().rposition(|b| *b == b'-').filter(|at| *at > 0));
    match cut {
        Some(at) => (directory.get(..at).unwrap_or_default(), directory.get(at + 1..).unwrap_or_default()),
        None => (directory, b""),
    }
}

/// `name-version`, the way tsuku names a directory (an empty version leaves the hyphen).
pub fn directory_name(name: &str, version: &str) -> Vec<u8> {
    format!("{name}-{version}").into_bytes()
}

/// Whether a recorded name or version stays one component of a path.
pub fn is_component(part: &str) -> bool {
    !part.contains(['/', '\\', '\0']) && part != ".." && part != "." && !part.contains("..")
}

/// Orders versions: numbers as numbers, a word behind a version as earlier than the version alone (`1.0-rc1` < `1.0`).
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (parts(a), parts(b));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(Part::Word(_))) => Ordering::Greater,
            (Some(Part::Word(_)), None) => Ordering::Less,
            (None, Some(Part::Number(_))) => Ordering::Less,
            (Some(Part::Number(_)), None) => Ordering::Greater,
            (Some(Part::Number(x)), Some(Part::Number(y))) => x.len().cmp(&y.len()).then_with(|| x.cmp(y)),
            (Some(Part::Word(x)), Some(Part::Word(y))) => x.cmp(y),
            (Some(Part::Number(_)), Some(Part::Word(_))) => Ordering::Greater,
            (Some(Part::Word(_)), Some(Part::Number(_))) => Ordering::Less,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

enum Part<'v> {
    /// Digits without leading zeros.
    Number(&'v str),
    Word(&'v str),
}

fn parts(version: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = version;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        let first = rest.chars().next()?;
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits || !c.is_alphanumeric());
        let (part, more) = rest.split_at(end.unwrap_or(rest.len()));
        rest = more;
        Some(match digits {
            true => Part::Number(part.trim_start_matches('0')),
            false => Part::Word(part),
        })
    })
}

/// Where a path leads when every link in it is followed; none if a part is missing or the links go round.
pub fn resolved<'h>(host: &dyn Host<'h>, path: &[u8]) -> Option<Vec<u8>> {
    let mut todo: Vec<Vec<u8>> = path.split(|b| *b == b'/').rev().map(<[u8]>::to_vec).collect();
    let mut at: Vec<u8> = Vec::new();
    let mut links = 0;
    while let Some(part) = todo.pop() {
        match part.as_slice() {
            b"" | b"." => continue,
            b".." => {
                at.truncate(at.iter().rposition(|b| *b == b'/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let mut next = at.clone();
        next.push(b'/');
        next.extend_from_slice(&part);
        match host.readlink(&next) {
            Ok(target) => {
                links += 1;
                if links > 40 {
                    return None;
                }
                if target.starts_with(b"/") {
                    at.clear();
                }
                todo.extend(target.split(|b| *b == b'/').rev().map(<[u8]>::to_vec));
            }
            Err(Errno::EINVAL) => at = next,
            Err(_) => return None,
        }
    }
    Some(if at.is_empty() { b"/".to_vec() } else { at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::host::memory::MemoryHost;

    #[test]
    fn the_first_place_that_is_named_counts() {
        let at = |o: Option<&str>, v: Option<&str>, u: Option<&str>| {
            let bytes = |s: Option<&str>| s.map(|s| s.as_bytes().to_vec());
            let (o, v, u) = (bytes(o), bytes(v), bytes(u));
            locate(o.as_deref(), v.as_deref(), u.as_deref(), b"/cwd")
                .map(|p| (String::from_utf8(p.path).unwrap(), p.source))
        };
        assert_eq!(at(None, Some("/t"), Some("/u")), Some(("/t".into(), Source::Variable)));
        assert_eq!(at(None, Some(""), Some("/u")), Some(("/u/.tsuku".into(), Source::UserDirectory)));
        assert_eq!(at(Some("x/"), Some("/t"), None), Some(("/cwd/x".into(), Source::Option)));
        assert_eq!(at(None, None, None), None);
    }

    #[test]
    fn names_with_hyphens_stay_whole() {
        let cut = |d: &'static str| {
            let (n, v) = parsed(d.as_bytes());
            (std::str::from_utf8(n).unwrap(), std::str::from_utf8(v).unwrap())
        };
        assert_eq!(cut("libgit2-glib-1.2.0"), ("libgit2-glib", "1.2.0"));
        assert_eq!(cut("foo-1.2.3-1"), ("foo", "1.2.3-1"));
        assert_eq!(cut("libcurl-source-8.5"), ("libcurl-source", "8.5"));
        assert_eq!(cut("tsuku-dltest-dev"), ("tsuku-dltest", "dev"));
        assert_eq!(cut("zlib"), ("zlib", ""));
        assert_eq!(cut("-1"), ("-1", ""));
    }

    #[test]
    fn versions_are_ordered_as_numbers() {
        let mut all = ["1.10", "1.9", "1.9-rc1", "1.9.1", "2", "dev", "1.09.2", "3.6.0a", "3.6.0"];
        all.sort_by(|a, b| compare_versions(a, b));
        assert_eq!(all, ["dev", "1.9-rc1", "1.9", "1.9.1", "1.09.2", "1.10", "2", "3.6.0a", "3.6.0"]);
    }

    #[test]
    fn hidden_directories_and_lost_links_are_left_overs() {
        let host = MemoryHost::new()
            .file("/h/libs/.z-1.staging/lib/x", b"")
            .file("/h/libs/.z-1.previous/lib/x", b"")
            .file("/h/libs/z-1/lib/x", b"")
            .file("/h/libs/README", b"")
            .link("/h/libs/linked-2", "/h/libs/z-1")
            .link("/h/libs/lost-3", "/h/libs/none")
            .link("/h/libs/readme", "README")
            .file("/h/libs/.git/x", b"");
        let kinds: Vec<_> = directories(&&host, b"/h/libs").unwrap().into_iter().map(|d| d.kind).collect();
        assert_eq!(
            kinds,
            [
                Kindred::Hidden,
                Kindred::Previous,
                Kindred::Staging,
                Kindred::Tree,
                Kindred::Dangling,
                Kindred::Tree
            ]
        );
        assert_eq!(directories(&&host, b"/h/none").unwrap(), []);
    }

    #[test]
    fn links_are_followed_part_by_part() {
        let host = MemoryHost::new()
            .file("/r/a/b/f", b"")
            .link("/l", "r/a")
            .link("/r/a/up", "../a/b/f")
            .link("/x", "y")
            .link("/y", "x");
        assert_eq!(resolved(&&host, b"/l/b/../up").unwrap(), b"/r/a/b/f");
        assert_eq!(resolved(&&host, b"/x"), None);
        assert_eq!(resolved(&&host, b"/l/none"), None);
    }
}
