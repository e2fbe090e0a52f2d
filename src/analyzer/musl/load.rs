//! The objects of one `dlopen` under musl, each with the reason it is there.
//! It must never compare a SONAME: a name stands for an object only if a search once found it under that name.
//! Follows musl ldso/dynlink.c: load_library, load_direct_deps, extend_bfs_deps.

use std::borrow::Cow;
use std::sync::Arc;

use super::scope::{Wanted, find_in};
use super::search::{self, LONGEST_NAME, Opened, Search};
use crate::analyzer::defect::{Defect, Structure};
use crate::analyzer::disk::{Disk, ImageEntry, Opening};
use crate::analyzer::errno::Errno;
use crate::analyzer::host::Kind;
use crate::analyzer::image::elf::Image;
use crate::analyzer::image::limits;
use crate::analyzer::image::segments::{ANONYMOUS_REFUSED, ANONYMOUS_SURE, Tls};
use crate::analyzer::image::symbols::gnu_hash;
use crate::analyzer::image::versions::Name;
use crate::analyzer::image::vm::{Fault, FaultKind};
use crate::analyzer::link_map::listing::Listing;
use crate::analyzer::link_map::{LinkMap, Miss, MissReason, Node, Process};
use crate::analyzer::loader_model::{PathFile, split_path};
use crate::analyzer::model::NodeIx;
use crate::analyzer::provenance::{Attempt, Provenance};

/// Names behind `lib` that are musl itself, with whatever follows the dot.
const RESERVED: [&[u8]; 7] = [b"c.", b"pthread.", b"rt.", b"m.", b"dl.", b"util.", b"xnet."];
/// Both in one file: it is a libc, and musl stands in for it.
const LIBC_SYMBOLS: [&[u8]; 2] = [b"__libc_start_main", b"stdin"];
/// Under which the loader is in the list.
const OWN_NAME: &[u8] = b"libc.so";

/// Builds the map of `dlopen(path)` as if `also` were listed.
pub fn build<'h>(
    disk: &Disk<'_, 'h>,
    process: &Process<'h>,
    path: &[u8],
    also: &[Listing],
    objects: usize,
) -> LinkMap<'h> {
    let mut m = LinkMap::within(process, objects);
    match library(&mut m, disk, path, None) {
        Ok(root) => {
            m.root = root;
            dependencies(&mut m, disk, also);
        }
        Err(miss) => m.miss = Some(*miss),
    }
    m
}

/// Whether a library of that name would be found on behalf of `from`.
pub fn would_find<'h>(map: &LinkMap<'h>, disk: &Disk<'_, 'h>, from: NodeIx, name: &[u8]) -> bool {
    let mut errno = Errno::NONE;
    is_own(disk, name)
        || by_short_name(map, name).is_some()
        || matches!(find(map, disk, name, Some(from), &mut errno, None), Opened::Yes(..))
}

/// Whether a name means musl itself.
fn is_own(disk: &Disk<'_, '_>, name: &[u8]) -> bool {
    let reserved = |rest: &[u8]| RESERVED.iter().any(|r| rest.starts_with(r));
    name.strip_prefix(b"lib").is_some_and(reserved) || name == disk.model().interpreter
}

/// `load_library`: the object for `name`, needed by `requester` (none: the main program).
pub(super) fn library<'h>(
    m: &mut LinkMap<'h>,
    disk: &Disk<'_, 'h>,
    name: &[u8],
    requester: Option<NodeIx>,
) -> Result<NodeIx, Box<Miss>> {
    let miss = |reason, attempts| Box::new(Miss { name: name.to_vec(), requester, reason, attempts });
    if name.is_empty() {
        m.errno = Errno::EINVAL;
        return Err(miss(MissReason::NotFound(Errno::EINVAL), Vec::new()));
    }
    if is_own(disk, name) {
        let ix = own(m, disk);
        m.call(Cow::Owned(name.to_vec()), ix);
        return Ok(ix);
    }
    if !name.contains(&b'/')
        && let Some(ix) = by_short_name(m, name)
    {
        m.call(Cow::Owned(name.to_vec()), ix);
        return Ok(ix);
    }
    if m.nodes.len() > m.objects {
        return Err(miss(MissReason::Limit, Vec::new()));
    }
    if let Some(defect) = unreadable_path(m, name, requester) {
        return Err(miss(MissReason::Memory(defect), Vec::new()));
    }
    let mut errno = m.errno;
    let found = find(m, disk, name, requester, &mut errno, None);
    m.errno = errno;
    let Opened::Yes(path, opening, provenance) = found else {
        let mut attempts = Vec::new();
        let _ = find(m, disk, name, requester, &mut Errno::NONE.clone(), Some(&mut attempts));
        return Err(miss(MissReason::NotFound(errno), attempts));
    };
    let image = match opened(opening, &path) {
        Ok(image) => image,
        Err(reason) => return Err(miss(reason, Vec::new())),
    };
    let searched = provenance != Provenance::Slash;
    if let Some(ix) = m.by_file((image.stat.dev, image.stat.ino)) {
        // What was loaded by its path can from now on be found by its name.
        if let Some(node) = m.nodes.get_mut(ix.index()).filter(|n| searched && n.aliases.is_empty()) {
            node.aliases.push(Cow::Owned(file_name(&node.name).to_vec()));
        }
        m.call(Cow::Owned(name.to_vec()), ix);
        return Ok(ix);
    }
    let facts = match &image.image {
        Image::Mapped(facts) => facts,
        Image::Refused(defect) => {
            return Err(miss(MissReason::Refused { path, defect: defect.clone() }, Vec::new()));
        }
    };
    let defines = |name: &[u8]| {
        find_in(facts, Wanted { name, hash: gnu_hash(name), defined: true }).map(|s| s.is_some())
    };
    let libc = LIBC_SYMBOLS.iter().try_fold(true, |all, name| Ok(all && defines(name)?));
    let refused = match (libc, facts.tls.and_then(too_much_tls)) {
        (Ok(true), _) => {
            let ix = own(m, disk);
            m.call(Cow::Owned(name.to_vec()), ix);
            return Ok(ix);
        }
        (Err(defect), _) | (Ok(false), Some(defect)) => Some(defect),
        (Ok(false), None) => None,
    };
    if let Some(defect) = refused {
        return Err(miss(MissReason::Refused { path, defect }, Vec::new()));
    }
    let aliases = if searched { vec![Cow::Owned(file_name(&path).to_vec())] } else { Vec::new() };
    let node = Node {
        name: path,
        image: Some(image),
        aliases,
        loader: requester,
        provenance: if requester.is_none() { Provenance::Root } else { provenance },
        ..Node::empty()
    };
    Ok(enter(m, name, node))
}

/// Memory for the library's thread-local variables comes with the library, and may be refused.
fn too_much_tls(tls: Tls) -> Option<Defect> {
    match tls.size.checked_add(tls.align).and_then(|n| n.checked_add(64)) {
        Some(n) if n <= ANONYMOUS_SURE => None,
        Some(n) if n > ANONYMOUS_REFUSED => Some(Defect::Unmappable(Errno::ENOMEM)),
        // It depends on how much memory there is; or the sum wraps round, and so becomes small.
        _ => {
            let fault = Fault { kind: FaultKind::Unknown, addr: tls.image.0 };
            Some(Defect::Memory { structure: Structure::Tls, fault })
        }
    }
}

fn enter<'h>(m: &mut LinkMap<'h>, name: &[u8], node: Node<'h>) -> NodeIx {
    let ix = NodeIx::from_index(m.nodes.len());
    if let Some(image) = &node.image {
        m.known.files.insert((image.stat.dev, image.stat.ino), ix);
    }
    m.call(Cow::Owned(name.to_vec()), ix);
    m.call(Cow::Owned(node.name.clone()), ix);
    m.nodes.push(node);
    ix
}

/// The loader itself, put at the end of the list when it is first needed.
fn own<'h>(m: &mut LinkMap<'h>, disk: &Disk<'_, 'h>) -> NodeIx {
    if let Some(ix) = by_short_name(m, OWN_NAME) {
        return ix;
    }
    let path = &disk.model().interpreter;
    let image = match disk.open(path) {
        Opening::Image(image) => Some(image),
        _ => None,
    };
    let node = Node {
        name: path.clone(),
        image,
        aliases: vec![Cow::Borrowed(OWN_NAME)],
        provenance: Provenance::Preloaded,
        before: true,
        at_start: true,
        ..Node::empty()
    };
    let ix = NodeIx::from_index(m.nodes.len());
    m.call(Cow::Owned(path.clone()), ix);
    m.nodes.push(node);
    ix
}

/// A loaded object that a search found under this name; the main program has none.
fn by_short_name(m: &LinkMap<'_>, name: &[u8]) -> Option<NodeIx> {
    let at = m.nodes.iter().skip(1).position(|n| n.aliases.first().is_some_and(|a| **a == *name))?;
    Some(NodeIx::from_index(at + 1))
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// What an open file is to the loader.
fn opened<'h>(opening: Opening<'h>, path: &[u8]) -> Result<Arc<ImageEntry<'h>>, MissReason> {
    let refused = |defect| MissReason::Refused { path: path.to_vec(), defect };
    match opening {
        Opening::Image(image) => Ok(image),
        Opening::Special(Kind::Fifo, _) => Err(MissReason::Blocks(path.to_vec())),
        Opening::Special(Kind::Dir, _) => Err(refused(Defect::Unreadable(Some(Errno::EISDIR)))),
        Opening::Special(_, stat) => match stat.rdev {
            Some((1, 3)) => Err(refused(Defect::TooShort)),
            Some((1, 5 | 7)) => Err(refused(Defect::FileType(0))),
            _ => Err(MissReason::Unknowable(path.to_vec())),
        },
        Opening::Changed => Err(MissReason::Changed(path.to_vec())),
        Opening::Errno(errno) => Err(MissReason::NotFound(errno)),
    }
}

/// The requester, what made it be loaded, and so on up to the main program.
fn requesters(m: &LinkMap<'_>, from: Option<NodeIx>) -> Vec<NodeIx> {
    let mut chain = Vec::new();
    let mut at = Some(from.unwrap_or(NodeIx(0)));
    while let Some(ix) = at.filter(|_| chain.len() <= m.nodes.len()) {
        chain.push(ix);
        let Some(node) = m.node(ix).filter(|_| ix.index() != 0) else { break };
        // Nobody needs what LD_PRELOAD names; what was opened, the main program needs.
        let opened = node.provenance != Provenance::Preloaded;
        at = node.loader.or(opened.then_some(NodeIx(0)));
    }
    chain
}

fn rpath_of<'m, 'h>(m: &'m LinkMap<'h>, ix: NodeIx) -> Option<&'m Name<'h>> {
    let facts = m.facts(ix)?;
    facts.runpath.as_ref().or(facts.rpath.as_ref())
}

/// A path list of a requester that cannot be read, if the search would come to it: it is read before anything is tried there.
fn unreadable_path(m: &LinkMap<'_>, name: &[u8], requester: Option<NodeIx>) -> Option<Defect> {
    if name.contains(&b'/') {
        return None;
    }
    let mut all = requesters(m, requester).into_iter().filter_map(|ix| rpath_of(m, ix));
    all.find_map(|list| list.as_ref().err().map(|defect| (**defect).clone()))
}

/// The search for a name.
fn find<'h>(
    m: &LinkMap<'h>,
    disk: &Disk<'_, 'h>,
    name: &[u8],
    requester: Option<NodeIx>,
    errno: &mut Errno,
    log: Option<&mut Vec<Attempt>>,
) -> Opened<'h> {
    let mut s = Search { disk, errno, log };
    if name.contains(&b'/') {
        return s.open(name, &Provenance::Slash);
    }
    if name.len() > LONGEST_NAME {
        return Opened::Ends;
    }
    match s.list(&m.env_path, name, &Provenance::EnvPath) {
        Opened::No => {}
        other => return other,
    }
    for ix in requesters(m, requester) {
        let Some(Ok(list)) = rpath_of(m, ix) else { continue };
        let origin = match m.node(ix) {
            Some(node) if ix.index() != 0 => search::origin(&node.name),
            _ => m.program_origin.as_slice(),
        };
        let Some(list) = search::expanded(list, origin) else { continue };
        let why = if ix.index() == 0 { Provenance::ProgramRpath } else { Provenance::Rpath(ix) };
        match s.list(&split_path(&list), name, &why) {
            Opened::No => {}
            other => return other,
        }
    }
    let Some(musl) = disk.model().musl() else { return Opened::No };
    match musl.path_file {
        // Looking for the file leaves its mark.
        PathFile::Absent => *s.errno = Errno::ENOENT,
        PathFile::Unreadable(errno) => *s.errno = errno,
        PathFile::Read => {}
    }
    s.list(&musl.system_path, name, &Provenance::SystemDir)
}

/// Loads what the new objects need, object by object in the order they came, and lists the root's dependencies breadth first.
pub(super) fn dependencies<'h>(m: &mut LinkMap<'h>, disk: &Disk<'_, 'h>, also: &[Listing]) {
    let mut at = if m.root.index() < m.before { m.nodes.len() } else { m.root.index() };
    while at < m.nodes.len() {
        if let Err(miss) = direct(m, disk, NodeIx::from_index(at), also) {
            m.miss = Some(*miss);
            more_misses(m, disk, at);
            return;
        }
        at += 1;
    }
    m.list = breadth_first(m, m.root);
    m.list.insert(0, m.root);
}

/// `load_direct_deps`.
pub(super) fn direct<'h>(
    m: &mut LinkMap<'h>,
    disk: &Disk<'_, 'h>,
    ix: NodeIx,
    also: &[Listing],
) -> Result<(), Box<Miss>> {
    let Some(node) = m.node(ix).filter(|n| !n.before) else { return Ok(()) };
    let image = node.image.clone();
    let Some(ImageEntry { image: Image::Mapped(facts), .. }) = image.as_deref() else { return Ok(()) };
    let path = node.name.clone();
    let mut needs = Vec::with_capacity(facts.needs.len());
    for need in &facts.needs {
        let name = match &need.name {
            Ok(name) => name,
            Err(defect) => {
                let reason = MissReason::Memory((**defect).clone());
                let (name, requester) = (Vec::new(), Some(ix));
                return Err(Box::new(Miss { name, requester, reason, attempts: Vec::new() }));
            }
        };
        needs.push(library(m, disk, name, Some(ix))?);
    }
    for (_, library_path) in also.iter().filter(|(object, _)| *object == path) {
        needs.push(library(m, disk, library_path, Some(ix))?);
    }
    if let Some(node) = m.nodes.get_mut(ix.index()) {
        node.needs = needs;
    }
    Ok(())
}

/// The same at the start of a program, where a miss does not end the work: all misses.
pub(super) fn all_direct<'h>(m: &mut LinkMap<'h>, disk: &Disk<'_, 'h>, ix: NodeIx) -> Vec<Miss> {
    let image = m.node(ix).filter(|n| !n.before).and_then(|n| n.image.clone());
    let Some(ImageEntry { image: Image::Mapped(facts), .. }) = image.as_deref() else { return Vec::new() };
    let mut misses = Vec::new();
    let mut needs = Vec::new();
    for name in facts.needs.iter().filter_map(|need| need.name.as_ref().ok()) {
        match library(m, disk, name, Some(ix)) {
            Ok(need) => needs.push(need),
            Err(miss) => misses.push(*miss),
        }
    }
    if let Some(node) = m.nodes.get_mut(ix.index()) {
        node.needs = needs;
    }
    misses
}

/// `extend_bfs_deps`: everything `from` needs, once each.
pub(super) fn breadth_first(m: &LinkMap<'_>, from: NodeIx) -> Vec<NodeIx> {
    let mut marked = vec![false; m.nodes.len()];
    let mut list: Vec<NodeIx> = Vec::new();
    let mut at = 0;
    let mut next = Some(from);
    while let Some(ix) = next {
        for need in m.node(ix).map_or(&[][..], |n| &n.needs) {
            if let Some(seen) = marked.get_mut(need.index()).filter(|seen| !**seen) {
                *seen = true;
                list.push(*need);
            }
        }
        next = list.get(at).copied();
        at += 1;
    }
    list
}

/// After the first miss: what else of the objects mapped so far cannot be found.
fn more_misses<'h>(m: &mut LinkMap<'h>, disk: &Disk<'_, 'h>, from: usize) {
    let mut known: Vec<Vec<u8>> = m.miss.iter().map(|miss| miss.name.clone()).collect();
    let mut extra = Vec::new();
    for at in from..m.nodes.len() {
        let ix = NodeIx::from_index(at);
        let Some(node) = m.node(ix).filter(|n| !n.before) else { continue };
        let names = node.facts().into_iter().flat_map(|f| &f.needs).filter_map(|n| n.name.as_ref().ok());
        for name in names {
            if extra.len() >= limits::FURTHER_MISSES {
                break;
            }
            if is_own(disk, name) || by_short_name(m, name).is_some() || known.iter().any(|k| *k == **name) {
                continue;
            }
            known.push(name.to_vec());
            let mut errno = Errno::NONE;
            if !matches!(find(m, disk, name, Some(ix), &mut errno, None), Opened::Yes(..)) {
                let reason = MissReason::NotFound(errno);
                extra.push(Miss { name: name.to_vec(), requester: Some(ix), reason, attempts: Vec::new() });
            }
        }
    }
    m.more_misses = extra;
}
