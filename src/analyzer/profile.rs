//! Makes the profile of a machine: which files of it a prediction could rest on, and what of each.
//! It must never leave out what a verdict needs: every library is judged again from the profile and has to fare alike.
//! Where a loader looks is taken from its model (directories, cache), and from what judging the libraries there asks for.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::audit::{self, Level, Library};
use super::call;
use super::detect::{self, DetectError, DetectRequest};
use super::disk::Disk;
use super::host::real::{ByteStore, RealHost};
use super::host::recorded::{Log, Recorder};
use super::host::stored::{StoredHost, Visible};
use super::host::{Entry, EntryKind, Host, Kind, Opened};
use super::image::{elf, footprint, header};
use super::link_map::Process;
use super::loader_model::{LibcKind, LoaderModel};
use super::loaders::Loaders;
use super::process::{Start, StartError};
use super::store::profile::{Contents, Node, Nodes, Profile};
use super::store::sparse;

/// Files that are no ELF files are kept whole up to this size, above it only their start.
const WHOLE: usize = 1 << 20;
/// Bytes kept of other files, and looked at to tell what a file is.
const HEAD: usize = 4096;
/// Links followed on one path.
const LINKS: usize = 40;

/// Why a profile cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// No loader.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The host program, or any program, does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The loader looks different from the profile.
    #[error("the loader is not told from the profile as it is from the disk")]
    OtherLoader,
}

/// A profile, and what to know of it.
#[derive(Debug)]
pub struct Taken {
    /// What to write.
    pub contents: Contents,
    /// How many libraries were judged twice.
    pub judged: usize,
    /// Libraries that are not judged alike from the profile.
    pub unlike: Vec<Vec<u8>>,
}

/// Makes the profile of what `host` shows, for `program` if one is given.
///
/// # Errors
/// There is no loader, or no process.
pub fn take<'h>(
    host: &dyn Host<'h>,
    request: &DetectRequest,
    program: Option<&[u8]>,
) -> Result<Taken, SaveError> {
    let log = Arc::new(Log::default());
    let recorder = Recorder::new(host, Arc::clone(&log));
    let model = detect::detect(&recorder, request)?;
    let other = other_loader(&recorder, request, &model);
    let told_by: BTreeSet<Vec<u8>> =
        log.seen().into_iter().filter(|(_, answers)| answers.read).map(|(path, _)| path).collect();
    let start = Start { program: program.map(<[u8]>::to_vec), preloaded: Vec::new() };
    let disk = Disk::new(&recorder, &model);
    let process = call::start(&disk, &start)?;
    let mut libraries = libraries(&recorder, &model);
    libraries.extend(other.iter().flat_map(|other| self::libraries(&recorder, other)));
    libraries.sort_unstable();
    libraries.dedup();
    let judged = audit::run(&loaders(&disk, &process, &recorder, request), &libraries, Level::Two, &|_| ());

    let mut tree = Tree { host, nodes: Nodes::new(), numbers: HashMap::new(), paths: Vec::new() };
    for (path, answers) in log.seen() {
        // What was only looked at may be as important as what was read.
        if path.starts_with(b"/") && answers.stat.is_some_and(|stat| stat.is_ok()) {
            tree.enter(&path);
        }
    }
    for path in &libraries {
        tree.enter(path);
    }
    let mut whole: BTreeSet<u32> = BTreeSet::new();
    let told_by: BTreeSet<u32> = told_by.iter().filter_map(|path| tree.enter(path)).collect();
    for model in [Some(&model), other.as_ref()].into_iter().flatten() {
        whole.extend(tree.enter(&model.interpreter));
    }
    let Some(system) = request.system.clone() else { return Err(SaveError::OtherLoader) };
    let mut taken = Taken {
        contents: Contents {
            system,
            program: program.map(<[u8]>::to_vec),
            files: tree.files(&model, &whole, &told_by),
            nodes: tree.nodes.clone(),
        },
        judged: judged.len(),
        unlike: Vec::new(),
    };
    taken.unlike = unlike(&taken.contents, request, &model, &start, &libraries, &judged)?;
    if !taken.unlike.is_empty() {
        // Whatever it was that is missing: nothing is.
        whole.extend(taken.unlike.iter().filter_map(|path| tree.enter(path)));
        taken.contents.files = tree.files(&model, &whole, &told_by);
        taken.unlike = unlike(&taken.contents, request, &model, &start, &libraries, &judged)?;
    }
    Ok(taken)
}

/// The loader of the other libc, if the machine has one: it judges what is made for it.
fn other_loader<'h>(
    host: &dyn Host<'h>,
    request: &DetectRequest,
    model: &LoaderModel,
) -> Option<LoaderModel> {
    let libc = match model.kind() {
        LibcKind::Glibc => LibcKind::Musl,
        LibcKind::Musl => LibcKind::Glibc,
    };
    // As `Loaders` looks for it.
    let wanted = DetectRequest {
        libc: Some(libc),
        machine: Some(model.machine),
        interpreter: None,
        cpu: None,
        ..request.clone()
    };
    request.libc.is_none().then(|| detect::detect(host, &wanted).ok()).flatten()
}

/// As a run without further options has them.
fn loaders<'a, 'h>(
    disk: &'a Disk<'a, 'h>,
    process: &'a Process<'h>,
    host: &'a dyn Host<'h>,
    request: &DetectRequest,
) -> Loaders<'a, 'h> {
    let main = Loaders::only(disk, process);
    if request.libc.is_none() { main.with_others(host, request.clone()) } else { main }
}

/// Which libraries fare differently when they are read from the profile.
fn unlike(
    contents: &Contents,
    request: &DetectRequest,
    model: &LoaderModel,
    start: &Start,
    libraries: &[Vec<u8>],
    before: &[Library],
) -> Result<Vec<Vec<u8>>, SaveError> {
    let bytes = contents.write();
    let store = ByteStore::new();
    let profile = Profile::read(&bytes).map_err(|_| SaveError::OtherLoader)?;
    let visible = Visible::Only(Vec::new());
    let host = StoredHost::new(&store, profile, &visible, RealHost::new(&store), &request.cwd);
    if detect::detect(&host, request).ok().as_ref() != Some(model) {
        return Err(SaveError::OtherLoader);
    }
    let disk = Disk::new(&host, model);
    let process = call::start(&disk, start)?;
    let after = audit::run(&loaders(&disk, &process, &host, request), libraries, Level::Two, &|_| ());
    // Findings have no order of their own, but a form in which everything about them is written.
    let alike = |(a, b): &(&Library, &Library)| format!("{:?}", a.judgement) == format!("{:?}", b.judgement);
    Ok(before.iter().zip(&after).filter(|pair| !alike(pair)).map(|(a, _)| a.path.clone()).collect())
}

/// Every library where the loader looks by itself: default directories, those of the cache, and their sub-directories
/// for other processors than this one.
fn libraries<'h>(host: &dyn Host<'h>, model: &LoaderModel) -> Vec<Vec<u8>> {
    let mut dirs: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut tops: BTreeSet<Vec<u8>> =
        model.system_dirs.iter().map(|d| d.strip_suffix(b"/").unwrap_or(d).to_vec()).collect();
    for entry in model.cache.iter().flat_map(|cache| cache.entries()) {
        if let Some(at) = entry.path.iter().rposition(|b| *b == b'/').filter(|_| entry.path.starts_with(b"/"))
        {
            tops.extend(entry.path.get(..at).map(<[u8]>::to_vec));
        }
    }
    for top in tops {
        let capabilities = [top.as_slice(), b"/glibc-hwcaps"].concat();
        for level in host.list(&capabilities).unwrap_or_default() {
            dirs.insert([capabilities.as_slice(), b"/", &level.name].concat());
        }
        for sub in &model.subdirs {
            let sub = sub.strip_suffix(b"/").unwrap_or(sub);
            let gap: &[u8] = if sub.is_empty() { b"" } else { b"/" };
            dirs.insert([top.as_slice(), gap, sub].concat());
        }
        dirs.insert(top);
    }
    let mut found = Vec::new();
    for dir in dirs {
        let entries = host.list(&dir).unwrap_or_default();
        let paths = entries.into_iter().filter_map(|e| library(host, &dir, &e));
        found.extend(paths);
    }
    found.sort_unstable();
    found
}

/// What is a library by its contents, or might be asked for as one by its name.
fn library<'h>(host: &dyn Host<'h>, dir: &[u8], entry: &Entry) -> Option<Vec<u8>> {
    let path = [dir, b"/", &entry.name].concat();
    if !matches!(entry.kind, EntryKind::File | EntryKind::Link) {
        return None;
    }
    let (stat, head) = host.head(&path, HEAD).ok()?;
    let named = entry.name.windows(3).any(|w| w == b".so");
    let whole = || match host.open(&path) {
        Ok(Opened::File(_, bytes)) => Some(bytes),
        _ => None,
    };
    let like_one = || header::kind_of(&head, stat.size, whole) == header::FileKind::Library;
    (stat.kind == Kind::File && (named || like_one())).then_some(path)
}

/// The tree of the profile while it grows.
struct Tree<'t, 'h> {
    host: &'t dyn Host<'h>,
    nodes: Nodes,
    /// Device and inode to number.
    numbers: HashMap<(u64, u64), u32>,
    /// By number: a path that leads to the file.
    paths: Vec<Vec<u8>>,
}

impl<'h> Tree<'_, 'h> {
    /// Notes everything a walk along `path` comes by; the number of the file at its end.
    fn enter(&mut self, path: &[u8]) -> Option<u32> {
        let parts = |path: &[u8]| -> Vec<Vec<u8>> {
            let moving = path.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".");
            moving.rev().map(<[u8]>::to_vec).collect()
        };
        let mut todo = parts(path);
        let mut at: Vec<Vec<u8>> = Vec::new();
        let mut links = 0;
        while let Some(next) = todo.pop() {
            if next == b".." {
                at.pop();
                continue;
            }
            at.push(next);
            let key = at.join(&b'/');
            let full = [b"/".as_slice(), &key].concat();
            if let Ok(target) = self.host.readlink(&full) {
                links += 1;
                if links > LINKS {
                    return None;
                }
                if target.starts_with(b"/") {
                    at.clear();
                } else {
                    at.pop();
                }
                todo.extend(parts(&target));
                self.nodes.insert(key, Node::Link(target));
                continue;
            }
            let stat = self.host.stat(&full).ok()?;
            match stat.kind {
                Kind::Dir => {
                    self.nodes.insert(key, Node::Dir);
                }
                Kind::File => {
                    let next = u32::try_from(self.paths.len()).ok()?;
                    let number = *self.numbers.entry((stat.dev, stat.ino)).or_insert(next);
                    if number == next {
                        self.paths.push(full);
                    }
                    self.nodes.insert(key, Node::File(number));
                    return Some(number);
                }
                Kind::Fifo | Kind::Socket | Kind::Device => return None,
            }
        }
        None
    }

    /// What is kept of every file; of those in `whole` everything.
    fn files(
        &self,
        model: &LoaderModel,
        whole: &BTreeSet<u32>,
        told_by: &BTreeSet<u32>,
    ) -> Vec<(u64, Vec<u8>)> {
        let numbered: Vec<(u32, &Vec<u8>)> = (0..).zip(&self.paths).collect();
        audit::parallel(&numbered, |(number, path)| {
            let Ok(Opened::File(_, bytes)) = self.host.open(path) else { return (0, sparse::pack(b"", &[])) };
            let all = || Vec::from([Range { start: 0, end: bytes.len() }]);
            let kept =
                if whole.contains(number) { all() } else { kept(bytes, model, told_by.contains(number)) };
            let packed = sparse::pack(bytes, &kept);
            self.host.forget(bytes);
            (bytes.len() as u64, packed)
        })
    }
}

/// The parts of one file that are kept.
fn kept(bytes: &[u8], model: &LoaderModel, tells_the_loader: bool) -> Vec<Range<usize>> {
    let all = || Vec::from([Range { start: 0, end: bytes.len() }]);
    if header::peek(bytes).is_none() {
        return if bytes.len() <= WHOLE || tells_the_loader {
            all()
        } else {
            Vec::from([Range { start: 0, end: HEAD }])
        };
    }
    // As a program: then nothing is refused that could be one.
    let image = elf::read(bytes, model, false, elf::Role::Program);
    let Some(mut kept) = footprint::of(bytes, &image) else { return all() };
    if tells_the_loader {
        kept.extend(detect::traces(bytes));
        footprint::merge(&mut kept);
    }
    kept
}
