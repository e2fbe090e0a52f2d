//! Which programs on this disk may be the host of a plugin, by rule: its own tree first, then the well-known prefixes.
//! It must never decide that a program is the host; it only lists what is worth a try, in an order that never changes.
//! Follows the Filesystem Hierarchy Standard (`PREFIX/bin`, `PREFIX/sbin`, `PREFIX/libexec`) and nothing else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::hosts::Kind;
use super::pattern::{fits_version, matches};
use crate::analyzer::disk::Disk;
use crate::analyzer::process::Start;

/// Prefixes tried for every plugin, behind those above it.
const PREFIXES: &[&str] = &["/usr/local", "/usr", ""];
/// Directory names that name no program.
const COMMON: &[&[u8]] = &[
    b"lib",
    b"lib32",
    b"lib64",
    b"libx32",
    b"libexec",
    b"usr",
    b"local",
    b"opt",
    b"share",
    b"modules",
    b"module",
    b"plugins",
    b"plugin",
    b"extensions",
    b"addons",
    b"home",
    b"var",
    b"tools",
    b"bin",
    b"sbin",
    b"src",
    b"build",
    b"target",
    b"test",
];
/// Most programs tried for one plugin and kind.
const TRIES: usize = 6;
/// Most directories above a plugin that are looked at.
const DEPTH: usize = 24;

/// One process worth a try.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// The program, or the library that is the host for programs that embed it.
    pub path: Vec<u8>,
    /// `path` is a program.
    pub is_program: bool,
    /// What is opened first.
    pub opens: Vec<Vec<u8>>,
    /// Which prefix it was found below.
    pub prefix: usize,
}

impl Candidate {
    /// The process.
    pub fn start(&self) -> Start {
        if self.is_program {
            return Start { program: Some(self.path.clone()), preloaded: self.opens.clone() };
        }
        Start { program: None, preloaded: vec![self.path.clone()] }
    }
}

/// Names in a directory, sorted.
type Names = Arc<Vec<Vec<u8>>>;
/// Programs and libraries that could be a host.
type Candidates = Arc<Vec<Candidate>>;

/// Directory listings of one run.
#[derive(Debug, Default)]
pub struct Places {
    listed: Mutex<HashMap<Vec<u8>, Names>>,
    /// Paths of the loader's cache by pattern of the name.
    cached: Mutex<HashMap<&'static str, Names>>,
    found: Mutex<HashMap<(&'static str, Vec<u8>), Candidates>>,
}

impl Places {
    /// The names in a directory, sorted; none if it cannot be listed.
    pub fn names(&self, disk: &Disk<'_, '_>, dir: &[u8]) -> Names {
        if let Some(known) = self.listed.lock().unwrap_or_else(PoisonError::into_inner).get(dir) {
            return Arc::clone(known);
        }
        let mut names = disk.list(if dir.is_empty() { b"/" } else { dir });
        names.sort_unstable();
        let names = Arc::new(names);
        let mut table = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(table.entry(dir.to_vec()).or_insert(names))
    }

    /// The hosts of `kind` that may be meant for the plugin `path`, best first.
    pub fn hosts(&self, disk: &Disk<'_, '_>, kind: &'static Kind, path: &[u8]) -> Vec<Candidate> {
        let all = self.below(disk, kind, parent(path));
        let version = kind.version(path);
        let fits = |c: &&Candidate| match &version {
            Some(v) => fits_version(base(&disk.real_path(&c.path)), v),
            None => true,
        };
        let fitting: Vec<&Candidate> = all.iter().filter(fits).collect();
        // A tree with a host of its own is made for that one; what programs embed stands in where there is no program.
        let Some(first) = fitting.first() else { return Vec::new() };
        let same = fitting.iter().filter(|c| c.is_program == first.is_program);
        let same = same.filter(|c| !c.is_program || c.prefix == first.prefix);
        same.take(TRIES).map(|c| (*c).clone()).collect()
    }

    fn below(&self, disk: &Disk<'_, '_>, kind: &'static Kind, dir: &[u8]) -> Candidates {
        let key = (kind.name, dir.to_vec());
        if let Some(known) = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let mut out = List::default();
        let prefixes = prefixes(dir);
        for (number, prefix) in prefixes.iter().enumerate() {
            for pattern in kind.programs {
                for path in self.expand(disk, prefix, pattern) {
                    let home = parent(&disk.real_path(&path)).to_vec();
                    let opens =
                        kind.opens.iter().find_map(|o| self.expand(disk, &home, o).into_iter().next());
                    out.add(
                        disk,
                        Candidate {
                            path,
                            is_program: true,
                            opens: opens.into_iter().collect(),
                            prefix: number,
                        },
                    );
                }
            }
        }
        for pattern in kind.embedded {
            if pattern.contains('/') {
                for path in prefixes.iter().flat_map(|p| self.expand(disk, p, pattern)) {
                    out.add(disk, Candidate { path, is_program: false, opens: Vec::new(), prefix: 0 });
                }
            }
            for path in self.cached(disk, pattern).iter().rev() {
                let path = path.clone();
                out.add(disk, Candidate { path, is_program: false, opens: Vec::new(), prefix: 0 });
            }
        }
        let found = Arc::new(out.candidates);
        let mut table = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(table.entry(key).or_insert(found))
    }

    /// What the loader's cache has under names of a pattern, sorted.
    fn cached(&self, disk: &Disk<'_, '_>, pattern: &'static str) -> Names {
        if let Some(known) = self.cached.lock().unwrap_or_else(PoisonError::into_inner).get(pattern) {
            return Arc::clone(known);
        }
        let mut paths: Vec<Vec<u8>> = Vec::new();
        if let Some(cache) = &disk.model().cache {
            let query = disk.model().cache_query();
            let fits = cache.entries().filter(|e| matches(pattern.as_bytes(), e.name));
            paths.extend(fits.filter_map(|e| cache.lookup(e.name, &query)).map(<[u8]>::to_vec));
        }
        paths.sort_unstable();
        let paths = Arc::new(paths);
        let mut table = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(table.entry(pattern).or_insert(paths))
    }

    /// Programs that carry the name of a directory above the plugin: `lib/NAME/x.so` is for `bin/NAME` or `sbin/NAMEd`.
    pub fn namesakes(&self, disk: &Disk<'_, '_>, path: &[u8]) -> Vec<Candidate> {
        let mut out = List::default();
        // Only what is below a library directory: the name of a package's own tree says nothing of a host.
        let dirs = parent(path).split(|b| *b == b'/').filter(|d| !d.is_empty());
        let dirs: Vec<&[u8]> = dirs.skip_while(|d| !d.starts_with(b"lib")).collect();
        for dir in dirs.iter().rev() {
            let stem = stem(dir);
            if stem.len() < 2 || COMMON.contains(&stem.as_slice()) {
                continue;
            }
            for prefix in prefixes(parent(path)) {
                for place in [
                    b"bin".to_vec(),
                    b"sbin".to_vec(),
                    b"libexec".to_vec(),
                    [b"lib/".as_slice(), dir].concat(),
                ] {
                    let dir = [&prefix, b"/".as_slice(), &place].concat();
                    let names = self.names(disk, &dir);
                    for name in [stem.clone(), [&stem, b"d".as_slice()].concat()] {
                        if names.binary_search(&name).is_ok() {
                            let path = [&dir, b"/".as_slice(), &name].concat();
                            out.add(disk, Candidate { path, is_program: true, opens: Vec::new(), prefix: 0 });
                        }
                    }
                }
            }
        }
        out.candidates.truncate(TRIES);
        out.candidates
    }

    /// Existing paths `PREFIX/PATTERN`, highest name first where the pattern leaves a choice.
    fn expand(&self, disk: &Disk<'_, '_>, prefix: &[u8], pattern: &str) -> Vec<Vec<u8>> {
        let mut found = vec![prefix.to_vec()];
        for part in pattern.split('/') {
            let mut next = Vec::new();
            for dir in found {
                if part == ".." {
                    next.push(parent(&dir).to_vec());
                    continue;
                }
                let names = self.names(disk, &dir);
                let join = |name: &[u8]| [dir.as_slice(), b"/", name].concat();
                if part.contains(['*', '#']) {
                    let mut fits: Vec<&Vec<u8>> =
                        names.iter().filter(|n| matches(part.as_bytes(), n)).collect();
                    fits.sort_by_key(|n| std::cmp::Reverse(natural(n)));
                    next.extend(fits.into_iter().map(|n| join(n)));
                } else if names.binary_search_by(|n| n.as_slice().cmp(part.as_bytes())).is_ok() {
                    next.push(join(part.as_bytes()));
                }
            }
            found = next;
        }
        found
    }
}

/// Candidates, each file once.
#[derive(Default)]
struct List {
    seen: Vec<(u64, u64)>,
    candidates: Vec<Candidate>,
}

impl List {
    fn add(&mut self, disk: &Disk<'_, '_>, candidate: Candidate) {
        let Some(identity) = disk.identity(&candidate.path) else { return };
        if !self.seen.contains(&identity) {
            self.seen.push(identity);
            self.candidates.push(candidate);
        }
    }
}

/// A name such that versions compare as numbers: `python3.11` is above `python3.9`.
fn natural(name: &[u8]) -> Vec<(Vec<u8>, u64)> {
    let mut out = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.iter().take_while(|b| !b.is_ascii_digit()).count();
        let (head, tail) = rest.split_at(text);
        let digits = tail.iter().take_while(|b| b.is_ascii_digit()).count();
        let (number, tail) = tail.split_at(digits);
        let number = number.iter().fold(0u64, |n, d| n.saturating_mul(10).saturating_add(u64::from(d & 15)));
        out.push((head.to_vec(), number));
        rest = tail;
    }
    out
}

/// The program a directory may be named after: lower case, without a version or what follows a hyphen.
fn stem(dir: &[u8]) -> Vec<u8> {
    let lower = dir.to_ascii_lowercase();
    let cut = lower.iter().position(|b| *b == b'-').unwrap_or(lower.len());
    let mut stem = lower.get(..cut).unwrap_or_default().to_vec();
    while stem.last().is_some_and(|b| b.is_ascii_digit() || *b == b'.') {
        stem.pop();
    }
    stem
}

/// The directories above a plugin's directory, nearest first, and the well-known prefixes. `/` is the empty prefix.
fn prefixes(dir: &[u8]) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    let mut at = dir;
    while !at.is_empty() && out.len() < DEPTH {
        out.push(at.to_vec());
        at = parent(at);
    }
    for p in PREFIXES {
        if !out.iter().any(|o| o == p.as_bytes()) {
            out.push(p.as_bytes().to_vec());
        }
    }
    out
}

/// The directory of a path, without a slash at the end; empty for `/`.
pub fn parent(path: &[u8]) -> &[u8] {
    let cut = path.iter().rposition(|b| *b == b'/').unwrap_or(0);
    let mut dir = path.get(..cut).unwrap_or_default();
    while let Some(shorter) = dir.strip_suffix(b"/") {
        dir = shorter;
    }
    dir
}

/// The last component of a path.
pub fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::host::Host;
    use crate::analyzer::host::memory::MemoryHost;
    use crate::analyzer::loader_model::{Distribution, GlibcVersion, LoaderModel};
    use crate::analyzer::model::Machine;

    fn found(host: &MemoryHost, kind: &str, plugin: &str) -> Vec<String> {
        let model =
            LoaderModel::default_for(Machine::X86_64, GlibcVersion { minor: 36 }, Distribution::Upstream);
        let host: &dyn Host<'_> = &host;
        let disk = Disk::new(host, &model);
        let places = Places::default();
        let kind = crate::analyzer::classify::hosts::kinds().find(|k| k.name == kind);
        let all = match kind {
            Some(kind) => places.hosts(&disk, kind, plugin.as_bytes()),
            None => places.namesakes(&disk, plugin.as_bytes()),
        };
        let text = |p: &[u8]| String::from_utf8_lossy(p).into_owned();
        all.iter()
            .map(|c| match c.opens.first() {
                Some(first) => format!("{} after {}", text(&c.path), text(first)),
                None => text(&c.path),
            })
            .collect()
    }

    #[test]
    fn the_nearest_tree_and_the_version_of_the_plugin() {
        let disk = MemoryHost::new()
            .file("/usr/bin/python3.9", b"9")
            .file("/usr/bin/python3.11", b"11")
            .link("/usr/bin/python3", "python3.11")
            .file("/usr/bin/python3.11-config", b"c")
            .file("/opt/env/bin/python3.12", b"12")
            .link("/opt/env/bin/python", "python3.12");
        let for_311 = "/usr/lib/python3/dist-packages/x.cpython-311-x86_64-linux-gnu.so";
        assert_eq!(found(&disk, "Python", for_311), ["/usr/bin/python3.11"]);
        let for_any = "/usr/lib/python3/dist-packages/x.abi3.so";
        assert_eq!(found(&disk, "Python", for_any), ["/usr/bin/python3.11", "/usr/bin/python3.9"]);
        assert_eq!(found(&disk, "Python", "/opt/env/lib/python3.12/x.so"), ["/opt/env/bin/python3.12"]);
        // Its own tree has another version: the one it is made for is asked.
        assert_eq!(
            found(&disk, "Python", "/opt/env/x.cpython-39-x86_64-linux-gnu.so"),
            ["/usr/bin/python3.9"]
        );
        assert!(found(&disk, "Python", "/opt/env/lib/python3.8/x.so").is_empty());
    }

    #[test]
    fn what_a_host_opens_first_is_beside_the_real_program() {
        let disk = MemoryHost::new()
            .link("/usr/bin/java", "/etc/alternatives/java")
            .link("/etc/alternatives/java", "/usr/lib/jvm/21/bin/java")
            .file("/usr/lib/jvm/21/bin/java", b"j")
            .file("/usr/lib/jvm/21/lib/server/libjvm.so", b"v");
        let expected = ["/usr/bin/java after /usr/lib/jvm/21/lib/server/libjvm.so"];
        assert_eq!(found(&disk, "Java", "/usr/lib/jni/libx.so"), expected);
    }

    #[test]
    fn programs_named_like_a_directory() {
        let disk = MemoryHost::new()
            .file("/usr/sbin/tc", b"t")
            .file("/usr/libexec/packagekitd", b"p")
            .file("/usr/lib/systemd/systemd", b"s")
            .file("/usr/bin/lib", b"no");
        assert_eq!(found(&disk, "", "/usr/lib/x86_64-linux-gnu/tc/m_xt.so"), ["/usr/sbin/tc"]);
        let backend = "/usr/lib/packagekit-backend/libpk_backend_apt.so";
        assert_eq!(found(&disk, "", backend), ["/usr/libexec/packagekitd"]);
        let core = "/usr/lib/x86_64-linux-gnu/systemd/libsystemd-core-252.so";
        assert_eq!(found(&disk, "", core), ["/usr/lib/systemd/systemd"]);
        assert!(found(&disk, "", "/usr/lib/libx.so").is_empty());
        assert!(found(&disk.file("/t/tc-1.0/bin/tc", b"t"), "", "/t/tc-1.0/lib/libx.so").is_empty());
    }
}
