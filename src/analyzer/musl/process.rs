//! The reference process under musl: a program that links only libc, or a given host program, with what is loaded at its start.
//! It must never run anything; the process is built from files as the kernel and the loader would build it.
//! Follows musl ldso/dynlink.c: __dls3.

use std::borrow::Cow;
use std::sync::Arc;

use super::{judge, load, search};
use crate::analyzer::catalogue;
use crate::analyzer::disk::{Disk, Opening};
use crate::analyzer::finding::Finding;
use crate::analyzer::image::elf::{Image, Role};
use crate::analyzer::link_map::{Known, LinkMap, Node, Process};
use crate::analyzer::loader_model::split_path;
use crate::analyzer::model::NodeIx;
use crate::analyzer::process::{DEFAULT_PROGRAM_DIRECTORY, Start, StartError};
use crate::analyzer::provenance::Provenance;
use crate::analyzer::static_tls::StaticTls;

/// The vDSO's name, on every machine.
const VDSO: &[u8] = b"linux-gate.so.1";

/// Builds the process, up to what is opened in it before.
///
/// # Errors
/// If the program or its libraries would not start.
pub fn start<'h>(disk: &Disk<'_, 'h>, request: &Start) -> Result<Process<'h>, StartError> {
    let program = request.program.as_deref();
    let main = main_program(disk, program)?;
    let origin = program.map(|p| search::origin(&disk.real_path(p)).to_vec());
    let empty = empty(disk, main, origin.unwrap_or_else(|| DEFAULT_PROGRAM_DIRECTORY.to_vec()));
    let mut map = LinkMap::new(&empty);
    if let Some(miss) = at_start(&mut map, disk).into_iter().next() {
        let message = judge::miss_stop(&map, &miss).message.unwrap_or_else(|| miss.name.clone());
        return Err(StartError::Libraries { message });
    }
    if map.nodes.iter().all(|n| n.name != disk.model().interpreter || n.facts().is_none()) {
        let message = [b"there is no ".as_slice(), &disk.model().interpreter].concat();
        return Err(StartError::Libraries { message });
    }
    map.list = (0..map.nodes.len()).map(NodeIx::from_index).collect();
    let mut process = empty;
    process.absorb(map);
    process.nodes.iter_mut().for_each(|n| n.at_start = true);
    // Behind all others, and in no scope.
    let gate = Node {
        name: VDSO.to_vec(),
        aliases: vec![Cow::Borrowed(VDSO)],
        provenance: Provenance::Preloaded,
        before: true,
        at_start: true,
        ..Node::empty()
    };
    let ix = NodeIx::from_index(process.nodes.len());
    Arc::make_mut(&mut process.known).names.insert(Cow::Borrowed(VDSO), ix);
    process.nodes.push(gate);
    Ok(process)
}

/// A process of nothing but the program.
pub(super) fn empty<'h>(disk: &Disk<'_, 'h>, main: Node<'h>, origin: Vec<u8>) -> Process<'h> {
    let env = &disk.model().env;
    let mut known = Known::default();
    known.names.insert(Cow::Borrowed(b""), NodeIx(0));
    Process {
        nodes: vec![main],
        global: vec![NodeIx(0)],
        env_path: env.library_path.as_deref().map(split_path).unwrap_or_default(),
        known: Arc::new(known),
        program_origin: origin,
        static_tls: StaticTls::default(),
    }
}

/// Loads what is there when the program begins: preloads, then what it and they need. What is missed.
pub(super) fn at_start<'h>(
    map: &mut LinkMap<'h>,
    disk: &Disk<'_, 'h>,
) -> Vec<crate::analyzer::link_map::Miss> {
    let model = disk.model();
    for name in &model.env.preload {
        // What cannot be preloaded is passed over without a word.
        if let Ok(ix) = load::library(map, disk, name, None)
            && let Some(node) = map.nodes.get_mut(ix.index())
        {
            node.provenance = Provenance::Preloaded;
        }
    }
    let mut misses = Vec::new();
    if map.facts(NodeIx(0)).is_none() {
        for name in &model.program_needs {
            if let Err(miss) = load::library(map, disk, name, Some(NodeIx(0))) {
                misses.push(*miss);
            }
        }
    }
    let mut at = 0;
    while at < map.nodes.len() {
        misses.extend(load::all_direct(map, disk, NodeIx::from_index(at)));
        at += 1;
    }
    misses
}

fn main_program<'h>(disk: &Disk<'_, 'h>, program: Option<&[u8]>) -> Result<Node<'h>, StartError> {
    let node = Node { provenance: Provenance::Root, ..Node::empty() };
    let Some(path) = program else { return Ok(node) };
    let fail = |reason: String| StartError::Program { path: path.to_vec(), reason };
    match disk.open_as(path, Role::Program) {
        Opening::Image(image) => match &image.image {
            Image::Mapped(_) => Ok(Node { image: Some(image), ..node }),
            Image::Refused(d) => {
                Err(fail(catalogue::text(&Finding::File { object: path.to_vec(), defect: d.clone() })))
            }
        },
        Opening::Errno(e) => Err(fail(e.text().to_owned())),
        Opening::Special(..) | Opening::Changed => Err(fail("it is no regular file".to_owned())),
    }
}
