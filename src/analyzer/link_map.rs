//! The objects of one `dlopen`, in the loader's order, each with the reason it is there.
//! It must never look at a symbol; the first thing that ends the loader's work ends the map.
//! Follows glibc elf/dl-deps.c:_dl_map_object_deps and elf/dl-load.c:_dl_map_object.

pub mod listing;
mod load;
mod needs;
mod start;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::defect::Defect;
use super::disk::ImageEntry;
use super::errno::Errno;
use super::image::elf::{ElfFacts, Image};
use super::image::limits;
use super::model::NodeIx;
use super::provenance::{Attempt, Provenance};
use super::static_tls::StaticTls;

pub use start::{start_program, start_up};

/// One object of the process.
#[derive(Clone, Debug)]
pub struct Node<'h> {
    /// `l_name`.
    pub name: Vec<u8>,
    /// The file; none for the reference program and the vDSO.
    pub image: Option<Arc<ImageEntry<'h>>>,
    /// Names under which it was asked for (`l_libname`).
    pub aliases: Vec<Cow<'h, [u8]>>,
    /// The object whose need loaded it.
    pub loader: Option<NodeIx>,
    /// Why it was found where it was.
    pub provenance: Provenance,
    /// What its needs resolved to (`l_initfini` without itself), in order.
    pub needs: Vec<NodeIx>,
    /// It was loaded and relocated before the call.
    pub before: bool,
    /// It was loaded at program start, so that its thread-local storage is static (musl).
    pub at_start: bool,
}

impl<'h> Node<'h> {
    /// An object without name or file.
    pub(super) fn empty() -> Node<'h> {
        Node {
            name: Vec::new(),
            image: None,
            aliases: Vec::new(),
            loader: None,
            provenance: Provenance::Root,
            needs: Vec::new(),
            before: false,
            at_start: false,
        }
    }

    /// `_dl_name_match_p`: the name is the object's path or one it was asked for by.
    pub fn answers_to(&self, name: &[u8]) -> bool {
        self.name == name || self.aliases.iter().any(|a| **a == *name)
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
    /// Which of them answers to what.
    pub known: Arc<Known<'h>>,
    /// `$ORIGIN` of the main program.
    pub program_origin: Vec<u8>,
    /// Static TLS taken so far, its whole size and its alignment.
    pub static_tls: StaticTls,
}

/// By what loaded objects are known.
#[derive(Clone, Debug, Default)]
pub struct Known<'h> {
    /// Alias, SONAME, or path without a slash, to the first object that answers to it.
    pub names: HashMap<Cow<'h, [u8]>, NodeIx, FixedState>,
    /// (device, inode) to object.
    pub files: HashMap<(u64, u64), NodeIx, FixedState>,
}

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
    pub(super) program_origin: Vec<u8>,
    pub(super) env_path: Vec<Vec<u8>>,
    /// By what the process's objects are known, and the new ones.
    earlier: Arc<Known<'h>>,
    pub(super) known: Known<'h>,
    /// The first object whose SONAME cannot be read.
    poison: Option<(NodeIx, Defect)>,
    /// The process's `errno`, as far as searches set it.
    pub(super) errno: Errno,
    /// The program is only starting.
    starting: bool,
    /// How many objects it may have (`limits`).
    pub(super) objects: usize,
}

impl<'h> LinkMap<'h> {
    pub(super) fn new(process: &Process<'h>) -> Self {
        LinkMap::within(process, limits::LINK_MAP_NODES)
    }

    /// A map of at most `objects` objects.
    pub(super) fn within(process: &Process<'h>, objects: usize) -> Self {
        LinkMap {
            objects,
            nodes: process.nodes.clone(),
            list: Vec::new(),
            root: NodeIx(0),
            before: process.nodes.len(),
            miss: None,
            more_misses: Vec::new(),
            absent_filtees: Vec::new(),
            program_origin: process.program_origin.clone(),
            env_path: process.env_path.clone(),
            earlier: Arc::clone(&process.known),
            known: Known::default(),
            poison: None,
            errno: Errno::NONE,
            starting: false,
        }
    }

    /// The process's `errno` after the searches.
    pub fn last_errno(&self) -> Errno {
        self.errno
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
        let named = self.earlier.names.get(name).or_else(|| self.known.names.get(name)).copied();
        if !name.contains(&b'/') {
            return named;
        }
        let placed = self.nodes.iter().position(|n| n.name == name).map(NodeIx::from_index);
        named.into_iter().chain(placed).min()
    }

    /// The object of a file.
    pub(super) fn by_file(&self, file: (u64, u64)) -> Option<NodeIx> {
        self.earlier.files.get(&file).or_else(|| self.known.files.get(&file)).copied()
    }

    /// `ix` answers to `name`, unless an object before it does.
    pub(super) fn call(&mut self, name: Cow<'h, [u8]>, ix: NodeIx) {
        if !self.earlier.names.contains_key(&name) {
            self.known.names.entry(name).or_insert(ix);
        }
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
}
