//! The images of one `dlopen` in dyld's load order, every edge with its reason, every miss with what was tried.
//! It must never look a symbol up. Nothing is looked for twice that is loaded already, as dyld decides that.
//! Follows Loader.cpp (getLoader) and JustInTimeLoader.cpp (makeJustInTimeLoaderDisk, loadDependents).

use std::sync::Arc;

use super::files::{File, Files, PATH, REAL, Seen, Slice, darwin};
use super::mapping::uuid;
use super::paths::{self, Asked, Link, Way};
use super::refusal::{self, Kind, Refusal, Tried};
use super::release::Quoting;
use super::system::{self, Presence};
use crate::analyzer::errno::Errno;
use crate::analyzer::host::Stat;
use crate::analyzer::image::macho::MachoFacts;
use crate::analyzer::image::macho::facts::{FileKind, Linkage};
use crate::analyzer::image::macho::platform::{Platform, Version};

/// The library every image needs if it names none.
const LIB_SYSTEM: &[u8] = b"/usr/lib/libSystem.B.dylib";

/// Position of an image in load order.
pub type Ix = usize;

/// What an image is.
#[derive(Clone, Debug)]
pub enum Body<'h> {
    /// A main program nobody named: it links libSystem and nothing else.
    Bare,
    /// A file.
    File(Arc<File<'h>>),
    /// A library of the shared cache, and whether that is known.
    System(Presence),
}

/// One image.
#[derive(Clone, Debug)]
pub struct Node<'h> {
    /// Its path as dyld prints it: the real one of a file.
    pub path: Vec<u8>,
    /// What it is.
    pub body: Body<'h>,
    /// Who made dyld load it.
    pub loader: Option<Ix>,
    /// By which way.
    pub way: Way,
    /// Its dependents; empty until they are looked for.
    pub needs: Vec<Need>,
    /// Opened with RTLD_LOCAL.
    pub hidden: bool,
    /// Its dependents were looked for.
    done: bool,
}

impl<'h> Node<'h> {
    /// The chosen slice of a file.
    pub fn slice(&self) -> Option<&Slice<'h>> {
        match &self.body {
            Body::File(file) => file.slice.as_ref().ok(),
            _ => None,
        }
    }

    /// The facts of a file.
    pub fn facts(&self) -> Option<&MachoFacts<'h>> {
        self.slice().map(|slice| &slice.facts)
    }

    /// `matchesPath`: its path, or the name it was built under.
    fn matches(&self, path: &[u8]) -> bool {
        let named = |f: &MachoFacts<'_>| f.kind == FileKind::DYLIB && f.id() == Some(path);
        self.path == path || self.facts().is_some_and(named)
    }

    /// Its UUID as messages show it; that of a system library is not known here.
    pub fn uuid(&self) -> String {
        match self.facts() {
            Some(facts) => uuid(facts),
            None => "?".to_owned(),
        }
    }
}

/// What became of a dependent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// An image.
    Image(Ix),
    /// None, and that is no error.
    Null,
    /// Not found.
    Missing(Vec<Tried>),
    /// It depends on where the main program is, or on a file nobody could read.
    Unknown,
    /// The call had failed before.
    NotReached,
}

/// One dependent of an image.
#[derive(Clone, Debug)]
pub struct Need {
    /// The load path.
    pub name: Vec<u8>,
    /// How it is linked.
    pub linkage: Linkage,
    /// What became of it.
    pub target: Target,
}

/// A dependent that made the call fail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Miss {
    /// The load path.
    pub name: Vec<u8>,
    /// Who needs it.
    pub requester: Vec<u8>,
    /// What was tried.
    pub tried: Vec<Tried>,
}

/// A question that files do not answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// A path starts at the main program.
    MainProgram {
        /// The load path.
        name: Vec<u8>,
        /// Who needs it.
        requester: Vec<u8>,
    },
    /// A file changed, or is too large to be read.
    Unreadable(Vec<u8>),
    /// More work than is done for one call.
    TooMuch,
}

/// The images of a call.
#[derive(Clone, Debug, Default)]
pub struct Graph<'h> {
    /// In load order; the main program first.
    pub nodes: Vec<Node<'h>>,
    /// How many were there before the call.
    pub before: usize,
    /// The image that was asked for.
    pub root: Option<Ix>,
    /// Why it was not loaded.
    pub root_tried: Vec<Tried>,
    /// What `dlopen` says, without its beginning; none if all was loaded.
    pub failure: Option<Vec<u8>>,
    /// The dependents behind it.
    pub misses: Vec<Miss>,
    /// What nobody can know.
    pub doubts: Vec<Doubt>,
    /// Loading this file kills the process.
    pub killed_by: Option<Ix>,
}

/// Most images of a call, and most candidates looked at.
const MOST_NODES: usize = 1 << 12;
const MOST_TRIED: usize = 1 << 16;
/// Most candidates made up in all.
const MOST_CANDIDATES: usize = 1 << 20;

/// Everything `dlopen(path)` loads.
pub fn open<'h>(files: &Files<'_, 'h>, path: &[u8]) -> Graph<'h> {
    let mut loading =
        Loading { files, graph: Graph::default(), links: Vec::new(), tried: 0, made: 0, failure: Vec::new() };
    loading.start();
    loading.call(path);
    let mut graph = loading.graph;
    graph.failure = Some(loading.failure).filter(|failure| !failure.is_empty()).or(graph.failure);
    graph
}

/// An element of a chain of loaders: an image, and the element behind it.
#[derive(Clone, Copy)]
struct ChainLink {
    image: Ix,
    previous: Option<usize>,
}

/// `LoadOptions`.
#[derive(Clone, Copy)]
struct Options {
    dlopen: bool,
    may_be_missing: bool,
    old_requester: bool,
    chain: Option<usize>,
}

struct Loading<'f, 'a, 'h> {
    files: &'f Files<'a, 'h>,
    graph: Graph<'h>,
    links: Vec<ChainLink>,
    tried: usize,
    made: usize,
    /// dyld's buffer of error text: later errors go behind earlier ones.
    failure: Vec<u8>,
}

/// What a search gives.
enum Got {
    Image(Ix),
    /// Not there. Without anything tried dyld may have nothing to say, which is then no error.
    Nothing(Vec<Tried>, Option<&'static str>),
    Unknown,
}

impl<'h> Loading<'_, '_, 'h> {
    /// The process before the call: the main program and what it links.
    fn start(&mut self) {
        let model = self.files.model();
        let program = model.executable.clone();
        let file = program.as_deref().and_then(|path| match self.files.see(path) {
            Seen::File(stat) => self.files.open(path, &stat).ok().flatten(),
            _ => None,
        });
        let usable = file.filter(|f| f.slice.is_ok());
        let body = usable.map_or(Body::Bare, Body::File);
        let path = program.unwrap_or_else(|| b"the main program".to_vec());
        let main = self.add(path, body, None, Way::Raw);
        let first = self.link(main, None);
        self.dependents(main, Some(first));
        // A program that cannot start opens nothing; what is asked is what it would do.
        self.failure.clear();
        self.graph.misses.clear();
        self.graph.doubts.clear();
        self.graph.before = self.graph.nodes.len();
    }

    /// `dlopen` from the main program.
    fn call(&mut self, path: &[u8]) {
        let main = self.link(0, None);
        let caller = self.link(0, Some(main));
        let options = Options {
            dlopen: true,
            may_be_missing: false,
            old_requester: self.is_old(0),
            chain: Some(caller),
        };
        let mut tried = Vec::new();
        match self.get(path, options, &mut tried, 0) {
            Got::Image(root) => {
                self.graph.root = Some(root);
                if let Some(node) = self.graph.nodes.get_mut(root).filter(|_| root >= self.graph.before) {
                    node.hidden = true;
                }
                if self.graph.killed_by.is_some() {
                    return;
                }
                // The image stands twice in the chain of its own dependents.
                let own = self.link(root, Some(caller));
                self.dependents(root, Some(own));
            }
            Got::Unknown => {}
            Got::Nothing(all, words) => {
                let words = words.map_or_else(|| refusal::list(&all), |w| w.as_bytes().to_vec());
                self.graph.root_tried = all;
                self.graph.failure = Some(words);
            }
        }
    }

    fn link(&mut self, image: Ix, previous: Option<usize>) -> usize {
        self.links.push(ChainLink { image, previous });
        self.links.len() - 1
    }

    fn add(&mut self, path: Vec<u8>, body: Body<'h>, loader: Option<Ix>, way: Way) -> Ix {
        let node = Node { path, body, loader, way, needs: Vec::new(), hidden: false, done: false };
        self.graph.nodes.push(node);
        self.graph.nodes.len() - 1
    }

    fn loaded(&self, path: &[u8]) -> Option<Ix> {
        self.graph.nodes.iter().position(|node| node.matches(path))
    }

    /// `pre2022Binary`: linked with an SDK before macOS 14.
    fn is_old(&self, image: Ix) -> bool {
        let Some(facts) = self.graph.nodes.get(image).and_then(Node::facts) else { return false };
        !facts.platforms.iter().any(|p| match p.platform {
            Platform::MACOS => p.sdk >= Version::new(14, 0),
            Platform::IOS | Platform::TVOS | Platform::MAC_CATALYST => p.sdk >= Version::new(17, 0),
            Platform::WATCHOS => p.sdk >= Version::new(10, 0),
            _ => true,
        })
    }

    /// The directory an old framework image also calls its own (`loaderPathsAreReal`).
    fn unversioned(&self, image: Ix) -> Option<Vec<u8>> {
        let node = self.graph.nodes.get(image)?;
        let facts = node.facts().filter(|f| f.kind == FileKind::DYLIB)?;
        let new = |p: &crate::analyzer::image::macho::platform::PlatformVersion| match p.platform {
            Platform::MACOS => p.sdk >= Version::new(13, 0),
            _ => true,
        };
        if facts.platforms.iter().any(new) {
            return None;
        }
        let name = facts.id()?;
        let leaf = name.get(name.iter().rposition(|b| *b == b'/')?..)?;
        let before = node.path.len().checked_sub(leaf.len() + 11).filter(|at| *at > 0)?;
        node.path
            .get(before..)?
            .starts_with(b"/Versions/")
            .then(|| node.path.get(..before).map(<[u8]>::to_vec))?
    }

    /// `getLoader`.
    fn get(&mut self, path: &[u8], options: Options, tried: &mut Vec<Tried>, depth: usize) -> Got {
        let bare = options.dlopen && !path.contains(&b'/') && !path.starts_with(b"@");
        let as_rpath = match path.strip_prefix(b"@rpath/") {
            Some(_) => Some(path.to_vec()),
            None if bare => Some([b"@rpath/", path].concat()),
            None => None,
        };
        if let Some(ix) = as_rpath.and_then(|path| self.loaded(&path)) {
            return Got::Image(ix);
        }
        let path = system::canonical(path);
        let mut unknown = false;
        let candidates = self.candidates(&path, options);
        self.made += candidates.len();
        if self.made > MOST_CANDIDATES {
            self.graph.doubts.push(Doubt::TooMuch);
            return Got::Unknown;
        }
        for candidate in candidates {
            let Some(at) = candidate.path else {
                unknown = true;
                continue;
            };
            self.tried += 1;
            if self.tried > MOST_TRIED || self.graph.nodes.len() > MOST_NODES {
                self.graph.doubts.push(Doubt::TooMuch);
                return Got::Unknown;
            }
            match self.candidate(&at, candidate.way, options) {
                Ok(Got::Image(ix)) => return Got::Image(ix),
                Ok(_) => {
                    self.graph.doubts.push(Doubt::Unreadable(at));
                    return Got::Unknown;
                }
                Err(refusal) => tried.push(Tried { path: at, refusal }),
            }
        }
        // The path may be spelled in another way, or lead through links to a library of the cache.
        if !path.starts_with(b"@")
            && !bare
            && depth == 0
            && let Some(real) = self.files.real_path(&path)
            && !path.starts_with(&real)
        {
            return self.get(&real, options, tried, 1);
        }
        if unknown {
            return Got::Unknown;
        }
        let words =
            if tried.is_empty() && path.starts_with(b"@rpath/") { self.no_rpath(options) } else { None };
        Got::Nothing(std::mem::take(tried), words)
    }

    fn no_rpath(&self, options: Options) -> Option<&'static str> {
        let release = self.files.model().release;
        let any = self.chain(options.chain).into_iter().any(|ix| {
            self.graph.nodes.get(ix).and_then(Node::facts).is_some_and(|facts| !facts.rpaths.is_empty())
        });
        if !any && release.says_no_rpaths {
            return Some("no LC_RPATH's found");
        }
        let unused = "no LC_RPATH's used.  They may be invalid, eg, not start with '@loader_path' or '@executable_path'";
        (any && release.says_unused_rpaths).then_some(unused)
    }

    fn chain(&self, from: Option<usize>) -> Vec<Ix> {
        let link = |at: &Option<usize>| at.and_then(|at| self.links.get(at));
        let mut images = Vec::new();
        let mut at = from;
        while let Some(l) = link(&at) {
            images.push(l.image);
            at = l.previous;
        }
        images
    }

    fn candidates(&self, path: &[u8], options: Options) -> Vec<paths::Candidate> {
        let images: Vec<&Node<'_>> =
            self.chain(options.chain).into_iter().filter_map(|ix| self.graph.nodes.get(ix)).collect();
        let links: Vec<Link<'_>> = images
            .iter()
            .map(|node| Link {
                path: Some(node.path.as_slice()).filter(|_| !matches!(node.body, Body::Bare)),
                rpaths: node.facts().map(|f| f.rpaths.as_slice()).unwrap_or_default(),
            })
            .collect();
        let requester = options.chain.and_then(|at| self.links.get(at)).map(|link| link.image);
        let unversioned = requester.and_then(|ix| self.unversioned(ix));
        let asked = Asked {
            path,
            chain: &links,
            dlopen: options.dlopen,
            old_requester: options.old_requester,
            unversioned: unversioned.as_deref(),
        };
        paths::candidates(self.files.model(), &asked)
    }

    /// One possible path. `Got::Unknown`: nobody can say.
    fn candidate(&mut self, at: &[u8], way: Way, options: Options) -> Result<Got, Refusal> {
        if let Some(ix) = self.loaded(at) {
            return Ok(Got::Image(ix));
        }
        let model = self.files.model();
        let canonical = system::canonical(at);
        let presence = system::presence(&canonical, model.macos);
        let cached = match presence {
            Presence::Known => true,
            // A default directory may not conjure up what nobody named.
            Presence::Assumed => way == Way::Raw || canonical.starts_with(b"/usr/lib/swift/"),
            Presence::Gone => false,
            Presence::Never => false,
        };
        if cached && let Some(ix) = self.loaded(&canonical) {
            return Ok(Got::Image(ix));
        }
        let requester = options.chain.and_then(|at| self.links.get(at)).map(|link| link.image);
        let errno = match self.files.see(at) {
            Seen::File(stat) => return self.on_disk(at, stat, way, options, requester),
            Seen::NotAFile => None,
            Seen::Nothing(errno) => Some(errno),
        };
        if cached && !way.on_disk_only() {
            let stub = model.sdk.is_some() && self.files.stub(&canonical).is_some();
            let presence = if stub { Presence::Known } else { presence };
            return Ok(Got::Image(self.add(canonical, Body::System(presence), requester, way)));
        }
        Err(self.absent(at, errno, way))
    }

    fn absent(&self, at: &[u8], errno: Option<Errno>, way: Way) -> Refusal {
        let release = self.files.model().release;
        let cache = release.cryptex && !way.on_disk_only() && system::might_be_in_cache(at);
        let cache = if cache { ", not in dyld cache" } else { "" };
        match errno {
            None => Refusal::new(Kind::NotAFile, format!("not a file{cache}")),
            Some(errno) if errno == Errno::ENOENT || !release.cryptex => {
                Refusal::new(Kind::NoFile, format!("no such file{cache}"))
            }
            Some(errno) => Refusal::new(Kind::Errno(errno), format!("errno={}{cache}", darwin(errno))),
        }
    }

    fn on_disk(
        &mut self,
        at: &[u8],
        stat: Stat,
        way: Way,
        options: Options,
        requester: Option<Ix>,
    ) -> Result<Got, Refusal> {
        let same = |node: &Node<'_>| match &node.body {
            Body::File(file) => {
                let known = &file.stat;
                // dyld compares whole seconds.
                let second = |t: i128| t.div_euclid(1_000_000_000);
                (known.dev, known.ino, second(known.mtime)) == (stat.dev, stat.ino, second(stat.mtime))
            }
            _ => false,
        };
        if let Some(ix) = self.graph.nodes.iter().position(same) {
            return Ok(Got::Image(ix));
        }
        let Some(file) = self.files.open(at, &stat)? else { return Ok(Got::Unknown) };
        self.accept(at, &file, options)?;
        let ix = self.add(file.path.clone(), Body::File(Arc::clone(&file)), requester, way);
        let touched = file
            .slice
            .as_ref()
            .ok()
            .and_then(|slice| slice.mapped.as_ref().ok()?.damaged)
            .is_some_and(|damage| damage.touched);
        if touched {
            self.graph.killed_by.get_or_insert(ix);
        }
        Ok(Got::Image(ix))
    }

    /// `makeJustInTimeLoaderDisk`, in its order.
    fn accept(&self, at: &[u8], file: &File<'_>, options: Options) -> Result<(), Refusal> {
        let told = |r: &Refusal| Refusal {
            kind: r.kind.clone(),
            words: replaced(&replaced(&r.words, PATH, at), REAL, &file.path),
        };
        let slice = file.slice.as_ref().map_err(told)?;
        let kind = slice.facts.kind;
        let typed = |words: String| Err(Refusal::of(Kind::Type(kind), &[words.as_bytes(), at, b"'"]));
        match kind {
            FileKind::DYLIB => {}
            FileKind::BUNDLE if options.dlopen => {}
            FileKind::BUNDLE => return typed("cannot link against bundle '".to_owned()),
            FileKind::EXECUTE if options.dlopen => {}
            FileKind::EXECUTE => return typed("cannot link against a main executable '".to_owned()),
            other => return typed(format!("unloadable mach-o file type {} '", other.0)),
        }
        let model = self.files.model();
        if options.dlopen && model.release.honours_no_access && slice.facts.flags.no_dynamic_access() {
            let words = b"cannot dlopen() image marked for no dynamic access '".as_slice();
            return Err(Refusal::of(Kind::NoAccess, &[words, at, b"'"]));
        }
        slice.mapped.as_ref().map(|_| ()).map_err(told)
    }

    /// `loadDependents`, of an image and of all it brings: direct ones first, then theirs, in order.
    fn dependents(&mut self, image: Ix, chain: Option<usize>) {
        let mut open = vec![(image, chain)];
        while let Some((image, chain)) = open.pop() {
            let Some(node) = self.graph.nodes.get_mut(image).filter(|node| !node.done) else { continue };
            node.done = true;
            let own = self.link(image, chain);
            self.direct(image, own);
            if self.graph.killed_by.is_some() {
                return;
            }
            if !self.failure.is_empty() {
                // Images next to this one are still asked, and what they lack is said too.
                continue;
            }
            let needs = self.graph.nodes.get(image).map(|node| node.needs.as_slice()).unwrap_or_default();
            let next = needs.iter().rev().filter_map(|need| match need.target {
                Target::Image(ix) => Some((ix, Some(own))),
                _ => None,
            });
            open.extend(next);
        }
    }

    fn direct(&mut self, image: Ix, chain: usize) {
        let Some(node) = self.graph.nodes.get(image) else { return };
        let named: Vec<(Vec<u8>, Linkage)> = match (&node.body, node.facts()) {
            (_, Some(facts)) if !facts.dependents.is_empty() => {
                facts.dependents.iter().map(|d| (d.name.to_vec(), d.linkage)).collect()
            }
            (Body::System(_), _) => return,
            _ => vec![(LIB_SYSTEM.to_vec(), Linkage::default())],
        };
        let old_requester = self.is_old(image);
        let mut stopped = false;
        for (name, mut linkage) in named {
            // What is exported further must be there.
            linkage.weak &= !linkage.reexport;
            let target = if stopped {
                Target::NotReached
            } else {
                let options = Options {
                    dlopen: false,
                    may_be_missing: linkage.weak,
                    old_requester,
                    chain: Some(chain),
                };
                self.need(image, &name, options)
            };
            stopped |= matches!(target, Target::Missing(_)) || self.graph.killed_by.is_some();
            if let Some(node) = self.graph.nodes.get_mut(image) {
                node.needs.push(Need { name, linkage, target });
            }
        }
    }

    fn need(&mut self, image: Ix, name: &[u8], options: Options) -> Target {
        if name.starts_with(b"/")
            && let Some(ix) = self.loaded(name)
        {
            return Target::Image(ix);
        }
        let doubts = self.graph.doubts.len();
        match self.get(name, options, &mut Vec::new(), 0) {
            Got::Image(ix) => Target::Image(ix),
            Got::Unknown => {
                let requester = self.graph.nodes.get(image).map(|n| n.path.clone()).unwrap_or_default();
                if self.graph.doubts.len() == doubts {
                    self.graph.doubts.push(Doubt::MainProgram { name: name.to_vec(), requester });
                }
                Target::Unknown
            }
            Got::Nothing(_, _) if options.may_be_missing => Target::Null,
            // Nothing was tried and nothing is said: dyld goes on without it.
            Got::Nothing(tried, None) if tried.is_empty() => Target::Null,
            Got::Nothing(tried, words) => {
                let reason = words.map_or_else(|| refusal::list(&tried), |w| w.as_bytes().to_vec());
                self.fail(image, name, &reason);
                let requester = self.graph.nodes.get(image).map(|n| n.path.clone()).unwrap_or_default();
                self.graph.misses.push(Miss { name: name.to_vec(), requester, tried: tried.clone() });
                Target::Missing(tried)
            }
        }
    }

    /// `Library not loaded: ...`.
    fn fail(&mut self, image: Ix, name: &[u8], reason: &[u8]) {
        let Some(node) = self.graph.nodes.get(image) else { return };
        let model = self.files.model();
        let from = if model.release.uuids {
            let newer = node.facts().and_then(|f| newer(f, model.macos)).unwrap_or_default();
            [format!("<{}> ", node.uuid()).as_bytes(), &node.path, newer.as_bytes()].concat()
        } else {
            node.path.clone()
        };
        let quote: &[u8] = if model.release.quoting == Quoting::Brackets { b"'" } else { b"" };
        let parts: [&[u8]; 10] = [
            b"Library not loaded: ",
            quote,
            name,
            quote,
            b"\n  Referenced from: ",
            quote,
            &from,
            quote,
            b"\n  Reason: ",
            reason,
        ];
        self.failure.extend(parts.concat());
    }
}

/// ` (built for macOS 15.0 which is newer than running OS)`, if it is.
pub fn newer(facts: &MachoFacts<'_>, macos: Version) -> Option<String> {
    let built = facts.effective_platforms().into_iter().find(|p| p.platform == Platform::MACOS)?;
    (built.minos > macos)
        .then(|| format!(" (built for macOS {} which is newer than running OS)", built.minos))
}

fn replaced(text: &[u8], mark: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(mark.len()).position(|w| w == mark) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        out.extend_from_slice(with);
        rest = rest.get(at + mark.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}
