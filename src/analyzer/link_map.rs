//! The objects of one `dlopen`, in the loader's order, each with the reason it is there.
//! It must never look at a symbol; the first thing that ends the loader's work ends the map.
//! Follows glibc elf/dl-deps.c:_dl_map_object_deps and elf/dl-load.c:_dl_map_object.

pub mod listing;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::defect::Defect;
use super::disk::{Disk, ImageEntry, Opening};
use super::errno::Errno;
use super::image::dynamic::{DF_1_NODEFLIB, NeedKind};
use super::image::elf::{ElfFacts, Image, Role};
use super::image::limits;
use super::model::NodeIx;
use super::provenance::{Attempt, Provenance};
use super::search::glibc::{self, Request, Source};
use super::search::{Hit, tokens};
use super::static_tls::StaticTls;

/// One object of the process.
#[derive(Clone, Debug)]
pub struct Node<'h> {
    /// `l_name`.
    pub name: Vec<u8>,
    /// The file; none for the reference program and the vDSO.
    pub image: Option<Arc<ImageEntry<'h>>>,
    /// Names under which it was asked for (`l_libname`).
    pub aliases: Vec<Vec<u8>>,
    /// The object whose need loaded it.
    pub loader: Option<NodeIx>,
    /// Why it was found where it was.
    pub provenance: Provenance,
    /// What its needs resolved to (`l_initfini` without itself), in order.
    pub needs: Vec<NodeIx>,
    /// It was loaded and relocated before the call.
    pub before: bool,
}

impl<'h> Node<'h> {
    /// `_dl_name_match_p`: the name is the object's path or one it was asked for by.
    pub fn answers_to(&self, name: &[u8]) -> bool {
        self.name == name || self.aliases.iter().any(|a| a == name)
    }

    /// The facts of the file.
    pub fn facts(&self) -> Option<&ElfFacts<'h>> {
        match self.image.as_deref() {
            Some(ImageEntry { image: Image::Mapped(f), .. }) => Some(f),
            _ => None,
        }
    }
}

/// What the loader could not load, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissReason {
    /// Not found anywhere, with the errno of the message.
    NotFound(Errno),
    /// Only files of the other ELF class were found.
    OtherClass,
    /// This file ends the call.
    Refused {
        /// Path of the file.
        path: Vec<u8>,
        /// What is wrong with it.
        defect: Defect,
    },
    /// Opening it never returns (a pipe).
    Blocks(Vec<u8>),
    /// The file changed while it was read.
    Changed(Vec<u8>),
    /// A device, or a file too large to read.
    Unknowable(Vec<u8>),
    /// Reading the name, a SONAME to compare it with, or a path list fails.
    Memory(Defect),
    /// DT_AUXILIARY whose tokens have no value.
    EmptyToken,
    /// More objects than the limits allow.
    Limit,
}

/// A need that ended the call, or would have.
#[derive(Clone, Debug)]
pub struct Miss {
    /// The name as the message has it.
    pub name: Vec<u8>,
    /// The object that needs it; none for the root.
    pub requester: Option<NodeIx>,
    /// Why it is missing.
    pub reason: MissReason,
    /// The file was not found here: what was tried.
    pub attempts: Vec<Attempt>,
}

/// The process before the call: shared by all roots of a run.
#[derive(Clone, Debug)]
pub struct Process<'h> {
    /// Objects in load order; index 0 is the main program.
    pub nodes: Vec<Node<'h>>,
    /// The global scope.
    pub global: Vec<NodeIx>,
    /// LD_LIBRARY_PATH, split.
    pub env_path: Vec<Vec<u8>>,
    /// Name, alias or SONAME to the first object that answers to it.
    pub names: Names<'h>,
    /// (device, inode) to object.
    pub files: HashMap<(u64, u64), NodeIx, FixedState>,
    /// `$ORIGIN` of the main program.
    pub program_origin: Vec<u8>,
    /// Static TLS taken so far, its whole size and its alignment.
    pub static_tls: StaticTls,
}

/// Names of loaded objects.
pub type Names<'h> = HashMap<Cow<'h, [u8]>, NodeIx, FixedState>;

/// The objects of one call.
#[derive(Clone, Debug)]
pub struct LinkMap<'h> {
    /// The process's objects and the new ones behind them, in load order.
    pub nodes: Vec<Node<'h>>,
    /// `l_searchlist` of the root: breadth first, with filtees moved forward.
    pub list: Vec<NodeIx>,
    /// The root.
    pub root: NodeIx,
    /// How many nodes were there before.
    pub before: usize,
    /// What ended the work.
    pub miss: Option<Miss>,
    /// Further needs that nothing satisfies (for the report; the loader stops at the first).
    pub more_misses: Vec<Miss>,
    /// Missing DT_AUXILIARY filtees.
    pub absent_filtees: Vec<Miss>,
    program_origin: Vec<u8>,
    env_path: Vec<Vec<u8>>,
    names: Names<'h>,
    files: HashMap<(u64, u64), NodeIx, FixedState>,
    /// The first object whose SONAME cannot be read.
    poison: Option<(NodeIx, Defect)>,
    /// The process's `errno`, as far as searches set it.
    errno: Errno,
    /// The program is only starting.
    starting: bool,
}

/// Builds the map of `dlopen(path)`.
pub fn build<'h>(disk: &Disk<'_, 'h>, process: &Process<'h>, path: &[u8]) -> LinkMap<'h> {
    listing::build(disk, process, path, &[])
}

impl<'h> LinkMap<'h> {
    fn new(process: &Process<'h>) -> Self {
        LinkMap {
            nodes: process.nodes.clone(),
            list: Vec::new(),
            root: NodeIx(0),
            before: process.nodes.len(),
            miss: None,
            more_misses: Vec::new(),
            absent_filtees: Vec::new(),
            program_origin: process.program_origin.clone(),
            env_path: process.env_path.clone(),
            names: process.names.clone(),
            files: process.files.clone(),
            poison: None,
            errno: Errno::NONE,
            starting: false,
        }
    }

    /// One object.
    pub fn node(&self, ix: NodeIx) -> Option<&Node<'h>> {
        self.nodes.get(ix.index())
    }

    /// The facts of one object.
    pub fn facts(&self, ix: NodeIx) -> Option<&ElfFacts<'h>> {
        self.node(ix).and_then(Node::facts)
    }

    /// The root was in the process already: `dlopen` returns it at once.
    pub fn root_was_loaded(&self) -> bool {
        self.root.index() < self.before && self.miss.is_none()
    }

    /// The object a name stands for among those loaded (`_dl_name_match_p` and SONAME).
    pub fn by_name(&self, name: &[u8]) -> Option<NodeIx> {
        self.names.get(name).copied()
    }

    /// The first object that has `name` as path or alias (`find_needed` of elf/dl-version.c).
    pub fn by_alias(&self, name: &[u8]) -> Option<NodeIx> {
        let first = self.by_name(name)?;
        let answers = |ix: NodeIx| self.node(ix).is_some_and(|n| n.answers_to(name));
        if answers(first) {
            return Some(first);
        }
        (0..self.nodes.len()).map(NodeIx::from_index).find(|ix| answers(*ix))
    }

    /// `_dl_map_object`: the object for `name`, loaded if it is not there yet.
    fn need(
        &mut self,
        disk: &Disk<'_, 'h>,
        process: &Process<'h>,
        requester: Option<NodeIx>,
        name: &[u8],
    ) -> Result<NodeIx, Box<Miss>> {
        let miss = |reason| Box::new(Miss { name: name.to_vec(), requester, reason, attempts: Vec::new() });
        let known = self.names.get(name).copied();
        if let Some((at, defect)) = &self.poison
            && known.is_none_or(|k| k > *at)
        {
            return Err(miss(MissReason::Memory(defect.clone())));
        }
        if let Some(ix) = known {
            // A match by SONAME makes the SONAME an alias, which version needs can name.
            self.alias(ix, name);
            return Ok(ix);
        }
        if self.nodes.len() > limits::LINK_MAP_NODES {
            return Err(miss(MissReason::Limit));
        }
        let mut errno = self.errno;
        let hit = self.find(disk, &process.env_path, requester, name, &mut errno, None);
        self.errno = errno;
        let (path, image, provenance) = match hit {
            Hit::Opened { path, image, provenance } => (path, image, provenance),
            Hit::Refused { path, defect } if self.passes(disk, &path, &defect).is_some() => {
                match self.passes(disk, &path, &defect) {
                    Some(Passes::Loaded(ix)) => {
                        self.alias(ix, name);
                        return Ok(ix);
                    }
                    Some(Passes::AtStart(image)) => (path, image, Provenance::Preloaded),
                    None => return Err(miss(MissReason::Refused { path, defect })),
                }
            }
            other => {
                let mut attempts = Vec::new();
                let _ = self.find(disk, &process.env_path, requester, name, &mut errno, Some(&mut attempts));
                let reason = match other {
                    Hit::NotFound(e) => MissReason::NotFound(e),
                    Hit::OtherClass => MissReason::OtherClass,
                    Hit::Refused { path, defect } => MissReason::Refused { path, defect },
                    Hit::Fault(defect) => MissReason::Memory(defect),
                    Hit::Blocks(path) => MissReason::Blocks(path),
                    Hit::Changed(path) => MissReason::Changed(path),
                    Hit::Unknowable(path) | Hit::Opened { path, .. } => MissReason::Unknowable(path),
                };
                return Err(Box::new(Miss { attempts, ..*miss(reason) }));
            }
        };
        let key = (image.stat.dev, image.stat.ino);
        if let Some(ix) = self.files.get(&key).copied() {
            self.alias(ix, name);
            return Ok(ix);
        }
        Ok(self.add(path, name, image, requester, provenance))
    }

    /// What makes a refusal void: the file is loaded already (its inode is compared before anything is
    /// checked), or the program is only starting.
    fn passes(&self, disk: &Disk<'_, 'h>, path: &[u8], defect: &Defect) -> Option<Passes<'h>> {
        if defect.names_path() {
            return None;
        }
        if let Opening::Image(image) = disk.open(path)
            && let Some(ix) = self.files.get(&(image.stat.dev, image.stat.ino))
        {
            return Some(Passes::Loaded(*ix));
        }
        if !self.starting || !matches!(defect, Defect::NoOpen | Defect::ExecStack) {
            return None;
        }
        match disk.open_as(path, Role::StartUp) {
            Opening::Image(image) if matches!(image.image, Image::Mapped(_)) => Some(Passes::AtStart(image)),
            _ => None,
        }
    }

    /// Enters a new object.
    fn add(
        &mut self,
        path: Vec<u8>,
        name: &[u8],
        image: Arc<ImageEntry<'h>>,
        loader: Option<NodeIx>,
        provenance: Provenance,
    ) -> NodeIx {
        let ix = NodeIx::from_index(self.nodes.len());
        self.files.insert((image.stat.dev, image.stat.ino), ix);
        self.names.entry(Cow::Owned(path.clone())).or_insert(ix);
        self.names.entry(Cow::Owned(name.to_vec())).or_insert(ix);
        if let Image::Mapped(facts) = &image.image {
            match &facts.soname {
                Some(Ok(soname)) => {
                    self.names.entry(soname.clone()).or_insert(ix);
                }
                Some(Err(defect)) => {
                    self.poison.get_or_insert_with(|| (ix, (**defect).clone()));
                }
                None => {}
            }
        }
        let aliases = vec![name.to_vec()];
        self.nodes.push(Node {
            name: path,
            image: Some(image),
            aliases,
            loader,
            provenance,
            needs: Vec::new(),
            before: false,
        });
        ix
    }

    fn alias(&mut self, ix: NodeIx, name: &[u8]) {
        self.names.entry(Cow::Owned(name.to_vec())).or_insert(ix);
        if let Some(n) = self.nodes.get_mut(ix.index())
            && n.name != name
            && !n.aliases.iter().any(|a| a == name)
        {
            n.aliases.push(name.to_vec());
        }
    }

    /// Goes through the sources the requester's place in the map gives.
    fn find(
        &self,
        disk: &Disk<'_, 'h>,
        env: &[Vec<u8>],
        requester: Option<NodeIx>,
        name: &[u8],
        errno: &mut Errno,
        log: Option<&mut Vec<Attempt>>,
    ) -> Hit<'h> {
        let model = disk.model();
        if name.contains(&b'/') {
            let origin = self.origin(requester, model.cwd.as_slice());
            return match tokens::expand(name, origin.as_deref(), model, false) {
                Some(path) => glibc::open_path(disk, &path, errno, log),
                None => Hit::NotFound(Errno::ENOENT),
            };
        }
        // The name given to dlopen is looked up on behalf of the main program.
        let on_behalf = requester.unwrap_or(NodeIx(0));
        let lists = self.lists(on_behalf, model);
        let rpaths =
            lists.rpaths.iter().map(|(why, dirs)| Source { provenance: why.clone(), dirs }).collect();
        let runpath = lists.runpath.as_ref().map(|dirs| Source { provenance: Provenance::Runpath, dirs });
        let nodeflib = self.facts(on_behalf).is_some_and(|f| f.dynamic.flags_1 & DF_1_NODEFLIB != 0);
        let request = Request { name, rpaths, env, runpath, nodeflib };
        glibc::search(disk, &request, errno, log)
    }

    /// Whether a library of that name would be found on behalf of `from` (for optional libraries).
    pub fn would_find(&self, disk: &Disk<'_, 'h>, from: NodeIx, name: &[u8]) -> bool {
        if self.names.contains_key(name) {
            return true;
        }
        let env: &[Vec<u8>] = &self.env_path;
        let mut errno = Errno::ENOENT;
        matches!(self.find(disk, env, Some(from), name, &mut errno, None), Hit::Opened { .. })
    }

    fn origin(&self, ix: Option<NodeIx>, cwd: &[u8]) -> Option<Vec<u8>> {
        let node = self.node(ix.unwrap_or(NodeIx(0)))?;
        if node.name.is_empty() {
            return Some(self.program_origin.clone());
        }
        Some(tokens::origin(&node.name, cwd))
    }

    /// The RPATH chain of a requester and its RUNPATH.
    fn lists(&self, from: NodeIx, model: &super::loader_model::LoaderModel) -> Lists {
        let split = |ix: NodeIx, list: &super::image::versions::Name<'h>| match list {
            Ok(l) => Ok(tokens::path_list(l, b":", self.origin(Some(ix), &model.cwd).as_deref(), model)),
            Err(d) => Err((**d).clone()),
        };
        let mut out = Lists::default();
        let runpath = self.facts(from).and_then(|f| f.runpath.as_ref());
        if runpath.is_none() {
            let mut at = Some(from);
            let mut did_main = false;
            while let Some(ix) = at {
                if let Some(list) = self.facts(ix).and_then(|f| f.rpath.as_ref()) {
                    out.rpaths.push((Provenance::Rpath(ix), split(ix, list)));
                    did_main |= ix.index() == 0;
                }
                at = self.node(ix).and_then(|n| n.loader);
            }
            if !did_main && let Some(list) = self.facts(NodeIx(0)).and_then(|f| f.rpath.as_ref()) {
                out.rpaths.push((Provenance::ProgramRpath, split(NodeIx(0), list)));
            }
        }
        out.runpath = runpath.map(|list| split(from, list));
        out
    }

    /// Breadth-first over DT_NEEDED, with filtees inserted before the object that names them.
    fn dependencies(&mut self, disk: &Disk<'_, 'h>, process: &Process<'h>, also: &[listing::Listing]) {
        let mut list: Vec<(NodeIx, bool)> = vec![(self.root, false)];
        let mut listed = vec![false; self.nodes.len()];
        mark(&mut listed, self.root);
        let mut cursor = 0;
        while let Some(at) = list.iter().skip(cursor).position(|(_, done)| !done).map(|p| p + cursor) {
            cursor = at;
            let Some((ix, done)) = list.get_mut(at) else { break };
            *done = true;
            let ix = *ix;
            let needs = self.needs_of(disk, process, ix, at, &mut list, &mut listed);
            let all = needs.and_then(|()| self.list_also(disk, process, ix, also, &mut list, &mut listed));
            if let Err(miss) = all {
                self.miss = Some(*miss);
                break;
            }
        }
        self.list = list.into_iter().map(|(ix, _)| ix).collect();
        if self.miss.is_some() {
            self.collect_more_misses(disk, process, cursor);
        }
    }

    fn needs_of(
        &mut self,
        disk: &Disk<'_, 'h>,
        process: &Process<'h>,
        ix: NodeIx,
        at: usize,
        list: &mut Vec<(NodeIx, bool)>,
        listed: &mut Vec<bool>,
    ) -> Result<(), Box<Miss>> {
        let Some(node) = self.node(ix) else { return Ok(()) };
        if node.facts().is_none() {
            return Ok(());
        }
        let image = node.image.clone();
        let Some(ImageEntry { image: Image::Mapped(facts), .. }) = image.as_deref() else { return Ok(()) };
        let record = !node.before && ix != self.root;
        let mut place = at;
        let mut resolved = Vec::new();
        for need in &facts.needs {
            let asked = match self.expand(&need.name, ix, need.kind, disk) {
                Ok(Some(name)) => name,
                Ok(None) => continue,
                Err(miss) => return Err(miss),
            };
            match (need.kind, self.need(disk, process, Some(ix), &asked)) {
                (NeedKind::Needed, Ok(dep)) => {
                    if mark(listed, dep) {
                        list.push((dep, false));
                    }
                    resolved.push(dep);
                }
                (NeedKind::Auxiliary, Err(miss)) if survives(&miss.reason) => self.absent_filtees.push(*miss),
                (_, Err(miss)) => return Err(miss),
                // The main program is the head of the loader's list, and moving it loses the objects behind it.
                (_, Ok(filtee)) if filtee.index() == 0 => {
                    let (name, reason) = (asked, MissReason::Unknowable(Vec::new()));
                    return Err(Box::new(Miss { name, requester: Some(ix), reason, attempts: Vec::new() }));
                }
                (_, Ok(filtee)) => {
                    resolved.push(filtee);
                    if mark(listed, filtee) {
                        list.insert(place, (filtee, false));
                        place += 1;
                    } else if let Some(late) =
                        list.iter().position(|(n, _)| *n == filtee).filter(|p| *p > place)
                    {
                        list.remove(late);
                        list.insert(place, (filtee, false));
                        place += 1;
                    }
                }
            }
        }
        if (record || ix == self.root)
            && let Some(n) = self.nodes.get_mut(ix.index())
        {
            n.needs = resolved;
        }
        Ok(())
    }

    /// A need's string with its tokens replaced; `None` when the loader passes the entry over.
    fn expand(
        &self,
        name: &super::image::versions::Name<'h>,
        ix: NodeIx,
        kind: NeedKind,
        disk: &Disk<'_, 'h>,
    ) -> Result<Option<Vec<u8>>, Box<Miss>> {
        let miss = |name: &[u8], reason| {
            Box::new(Miss { name: name.to_vec(), requester: Some(ix), reason, attempts: Vec::new() })
        };
        let raw = match name {
            Ok(raw) => raw,
            Err(d) => return Err(miss(b"", MissReason::Memory((**d).clone()))),
        };
        if !raw.contains(&b'$') {
            return Ok(Some(raw.to_vec()));
        }
        let origin = self.origin(Some(ix), &disk.model().cwd);
        match tokens::expand(raw, origin.as_deref(), disk.model(), false) {
            Some(name) if !name.is_empty() => Ok(Some(name.into_owned())),
            _ if kind == NeedKind::Auxiliary => Err(miss(raw, MissReason::EmptyToken)),
            _ => Ok(None),
        }
    }

    /// After the first miss: what else of the objects already mapped cannot be found.
    fn collect_more_misses(&mut self, disk: &Disk<'_, 'h>, process: &Process<'h>, from: usize) {
        let first = self.miss.as_ref().map(|m| m.name.clone());
        let mut extra: Vec<Miss> = Vec::new();
        let mut looked_up: HashSet<Vec<u8>> = first.clone().into_iter().collect();
        for ix in self.list.iter().skip(from).copied().collect::<Vec<_>>() {
            let image = self.node(ix).and_then(|n| n.image.clone());
            let Some(ImageEntry { image: Image::Mapped(facts), .. }) = image.as_deref() else { continue };
            for need in facts.needs.iter().filter(|n| n.kind == NeedKind::Needed) {
                let Ok(Some(name)) = self.expand(&need.name, ix, need.kind, disk) else { continue };
                if extra.len() >= limits::FURTHER_MISSES {
                    break;
                }
                if self.names.contains_key(name.as_slice()) || !looked_up.insert(name.clone()) {
                    continue;
                }
                let mut errno = Errno::ENOENT;
                let reason = match self.find(disk, &process.env_path, Some(ix), &name, &mut errno, None) {
                    Hit::NotFound(e) => MissReason::NotFound(e),
                    Hit::OtherClass => MissReason::OtherClass,
                    Hit::Refused { path, defect } => MissReason::Refused { path, defect },
                    _ => continue,
                };
                extra.push(Miss { name, requester: Some(ix), reason, attempts: Vec::new() });
            }
        }
        self.more_misses = extra;
    }
}

/// Why a refused file is taken all the same.
enum Passes<'h> {
    /// It is this object.
    Loaded(NodeIx),
    /// It is loaded at program start.
    AtStart(Arc<ImageEntry<'h>>),
}

/// Directory lists of one requester.
#[derive(Default)]
struct Lists {
    rpaths: Vec<(Provenance, Dirs)>,
    runpath: Option<Dirs>,
}

/// A path list, split, or what reading it does.
type Dirs = Result<Vec<Vec<u8>>, Defect>;

/// A missing DT_AUXILIARY filtee is forgiven unless the loader dies or never returns.
fn survives(reason: &MissReason) -> bool {
    use super::defect::Effect;
    match reason {
        MissReason::NotFound(_) | MissReason::OtherClass => true,
        MissReason::Refused { defect, .. } => {
            matches!(defect.effect(), Effect::Error { .. } | Effect::Skip { .. })
        }
        _ => false,
    }
}

/// Marks an object as listed; true if it was not.
fn mark(listed: &mut Vec<bool>, ix: NodeIx) -> bool {
    if ix.index() >= listed.len() {
        listed.resize(ix.index() + 1, false);
    }
    match listed.get_mut(ix.index()) {
        Some(seen) if !*seen => {
            *seen = true;
            true
        }
        _ => false,
    }
}

impl<'h> Process<'h> {
    /// Loads `path` into the process as a program's own dependency or an earlier `dlopen` with RTLD_GLOBAL would.
    pub fn absorb(&mut self, map: LinkMap<'h>) {
        let list = map.list;
        self.nodes = map.nodes;
        self.names = map.names;
        self.files = map.files;
        for n in &mut self.nodes {
            n.before = true;
        }
        for ix in list {
            if !self.global.contains(&ix) {
                self.global.push(ix);
            }
        }
    }
}

/// The objects of a program that starts: node 0 of `process` is the program.
pub fn start_program<'h>(disk: &Disk<'_, 'h>, process: &Process<'h>) -> LinkMap<'h> {
    let mut map = start_up(disk, process, &[], &disk.model().env.preload);
    map.before = 0;
    map
}

/// The start-up objects of a program: the interpreter, preloads, and what the program needs.
pub fn start_up<'h>(
    disk: &Disk<'_, 'h>,
    process: &Process<'h>,
    needs: &[Vec<u8>],
    preload: &[Vec<u8>],
) -> LinkMap<'h> {
    let mut m = LinkMap::new(process);
    m.starting = true;
    let model = disk.model();
    // ld.so is there first; it enters the scope where something needs it.
    let mut errno = Errno::NONE;
    if let Hit::Opened { path, image, provenance } =
        glibc::open_path(disk, &model.interpreter, &mut errno, None)
    {
        m.add(path, &model.interpreter, image, None, provenance);
    }
    let mut list = vec![(NodeIx(0), false)];
    let mut listed = Vec::new();
    mark(&mut listed, NodeIx(0));
    for name in preload {
        // A preload that cannot be loaded is only warned about.
        if let Ok(ix) = m.need(disk, process, Some(NodeIx(0)), name)
            && mark(&mut listed, ix)
        {
            list.push((ix, false));
        }
    }
    let has_program = m.facts(NodeIx(0)).is_some();
    if !has_program {
        for name in needs {
            match m.need(disk, process, Some(NodeIx(0)), name) {
                Ok(ix) => {
                    if mark(&mut listed, ix) {
                        list.push((ix, false));
                    }
                    if let Some(main) = m.nodes.first_mut() {
                        main.needs.push(ix);
                    }
                }
                Err(miss) => {
                    m.miss = Some(*miss);
                    return m;
                }
            }
        }
    }
    let mut at = 0;
    while let Some((ix, _)) = list.get(at).copied() {
        if let Err(miss) = m.needs_of(disk, process, ix, at, &mut list, &mut listed) {
            m.miss = Some(*miss);
            return m;
        }
        at += 1;
    }
    m.list = list.into_iter().map(|(ix, _)| ix).collect();
    m
}
