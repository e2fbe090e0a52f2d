//! Compares a tree with what was recorded when it was installed: changed, missing and added files, links that lead elsewhere.
//! It must never read a file outside the tree, whatever a recorded name says, nor open anything but regular files.
//! SHA-256 in base 16, keys relative to the tree, links not recorded: as tsuku writes them.

use std::collections::{BTreeMap, HashSet};

use sha2::{Digest, Sha256};

use super::files::{Entry, Listing, What, base};
use super::finding::HomeFinding;
use super::layout::{joined, resolved};
use crate::analyzer::audit;
use crate::analyzer::host::{Host, Opened};

/// What the comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// Nothing was recorded.
    NotRecorded,
    /// Files compared, and whether all are as they were.
    Compared {
        /// Files with the recorded sum.
        same: usize,
        /// What is not as it was.
        findings: Vec<HomeFinding>,
    },
}

/// What is known of a tree from the state.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'r> {
    /// Sum of every file.
    pub checksums: &'r BTreeMap<String, String>,
    /// Names for the loader.
    pub sonames: &'r [String],
    /// Every file of the tree is in the list, so that others were added.
    pub whole: bool,
}

/// Compares the tree at `dir`. `soname` tells the DT_SONAME of a file.
pub fn compare<'h>(
    host: &dyn Host<'h>,
    dir: &[u8],
    recorded: Recorded<'_>,
    listing: &Listing,
    soname: &(dyn Fn(&[u8]) -> Option<Vec<u8>> + Sync),
) -> Integrity {
    let real = resolved(host, dir).unwrap_or_else(|| dir.to_vec());
    let sums: Vec<(&String, &String)> = recorded.checksums.iter().collect();
    let answers = audit::parallel(&sums, |(key, sum)| one(host, dir, &real, key, sum));
    let mut findings: Vec<HomeFinding> = answers.into_iter().flatten().collect();
    let same = sums.len().saturating_sub(findings.len());
    if recorded.whole {
        let known: HashSet<&[u8]> = recorded.checksums.keys().map(|k| k.as_bytes()).collect();
        for e in &listing.entries {
            findings.extend(added(e, dir, &real, &known, recorded.sonames, soname));
        }
    }
    Integrity::Compared { same, findings }
}

/// One recorded file.
fn one<'h>(host: &dyn Host<'h>, dir: &[u8], real: &[u8], key: &str, sum: &str) -> Option<HomeFinding> {
    if !is_inside(key) {
        return Some(HomeFinding::EscapingKey { key: key.to_owned() });
    }
    let path = joined(dir, key.as_bytes());
    let missing = || Some(HomeFinding::FileMissing { path: path.clone() });
    let Some(leads) = resolved(host, &path) else { return missing() };
    if !is_below(&leads, real) {
        return Some(HomeFinding::LinkLeaves { path, leads });
    }
    match host.open(&path) {
        Ok(Opened::File(_, bytes)) => {
            let actual = hex(&Sha256::digest(bytes));
            host.forget(bytes);
            (!actual.eq_ignore_ascii_case(sum.trim())).then(|| HomeFinding::FileChanged {
                path,
                recorded: sum.to_owned(),
                actual,
            })
        }
        Ok(Opened::Changed(_)) => {
            Some(HomeFinding::FileChanged { path, recorded: sum.to_owned(), actual: String::new() })
        }
        Ok(Opened::Other(_)) | Err(_) => missing(),
    }
}

/// What an entry that is there adds to what was recorded.
fn added(
    e: &Entry,
    dir: &[u8],
    real: &[u8],
    known: &HashSet<&[u8]>,
    sonames: &[String],
    soname: &dyn Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<HomeFinding> {
    let What::Link { leads, .. } = &e.what else {
        return (!known.contains(e.rel.as_slice())).then(|| HomeFinding::FileAdded { path: e.path.clone() });
    };
    let leads = leads.as_ref()?;
    if known.contains(e.rel.as_slice()) && is_below(leads, real) {
        return None;
    }
    if !is_below(leads, real) {
        return Some(HomeFinding::LinkLeaves { path: e.path.clone(), leads: leads.clone() });
    }
    let inner = leads.get(real.len() + 1..).unwrap_or_default();
    let name = base(&e.rel);
    let is_recorded_name = sonames.iter().any(|s| s.as_bytes() == name);
    let of_another = || soname(&joined(dir, inner)).is_some_and(|s| s != name);
    let is_directory = known.iter().any(|k| k.starts_with(inner) && k.get(inner.len()) == Some(&b'/'));
    let repointed = (!known.contains(inner) && !is_directory) || (is_recorded_name && of_another());
    repointed.then(|| HomeFinding::LinkRepointed { path: e.path.clone(), leads: leads.clone() })
}

/// A recorded name that names something below the tree, by its letters.
fn is_inside(key: &str) -> bool {
    let whole = |part: &str| !part.is_empty() && part != "." && part != "..";
    !key.contains('\0') && key.split('/').all(whole)
}

/// Component by component, not letter by letter.
pub fn is_below(path: &[u8], dir: &[u8]) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.starts_with(b"/"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::host::memory::{MemoryHost, Node};
    use crate::home::files;

    fn sum(bytes: &[u8]) -> String {
        hex(&Sha256::digest(bytes))
    }

    fn compared(host: &MemoryHost, sums: &[(&str, String)]) -> Vec<HomeFinding> {
        let checksums: BTreeMap<String, String> =
            sums.iter().map(|(k, s)| ((*k).to_owned(), s.clone())).collect();
        let recorded = Recorded { checksums: &checksums, sonames: &["libz.so.1".to_owned()], whole: true };
        let listing = files::list(&host, b"/h/libs/z-1");
        match compare(&host, b"/h/libs/z-1", recorded, &listing, &|_| None) {
            Integrity::Compared { findings, .. } => findings,
            Integrity::NotRecorded => panic!("something was recorded"),
        }
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let host = MemoryHost::new()
            .file("/h/libs/z-1/lib/same", b"a")
            .file("/h/libs/z-1/lib/changed", b"b")
            .file("/h/libs/z-1/lib/libevil.so", b"c")
            .link("/h/libs/z-1/lib/libz.so.1", "libevil.so")
            .link("/h/libs/z-1/lib/libout.so", "../../z-10/x")
            .file("/h/libs/z-10/x", b"")
            .with("/h/libs/z-1/lib/pipe", Node::Fifo)
            .file("/etc/hostname", b"secret");
        let sums = [
            ("lib/same", sum(b"a").to_uppercase()),
            ("lib/changed", sum(b"a")),
            ("lib/gone", sum(b"a")),
            ("lib/pipe", sum(b"")),
            ("../../../etc/hostname", sum(b"secret")),
            ("/etc/hostname", sum(b"secret")),
        ];
        let codes: Vec<_> = compared(&host, &sums).iter().map(HomeFinding::code).collect();
        assert_eq!(
            codes,
            [
                "escaping-key",
                "escaping-key",
                "file-changed",
                "file-missing",
                "file-missing",
                "file-added",
                "link-leaves",
                "link-repointed"
            ]
        );
    }

    #[test]
    fn recorded_files_behind_links_that_leave_are_not_read() {
        let host = MemoryHost::new().link("/h/libs/z-1/lib", "/etc").file("/etc/hostname", b"x");
        let found = compared(&host, &[("lib/hostname", sum(b"x"))]);
        assert_eq!(found.iter().map(HomeFinding::code).collect::<Vec<_>>(), ["link-leaves", "link-leaves"]);
    }

    #[test]
    fn an_untouched_tree_says_nothing() {
        let host = MemoryHost::new()
            .file("/h/libs/z-1/lib/libz.so.1.3", b"a")
            .link("/h/libs/z-1/lib/libz.so.1", "libz.so.1.3")
            .link("/h/libs/z-1/lib64", "lib");
        assert_eq!(compared(&host, &[("lib/libz.so.1.3", sum(b"a"))]), []);
    }
}
