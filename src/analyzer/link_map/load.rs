//! One name: an object of the map already, a file that the loader's search finds, or a miss.
//! It must never go on behind a file that ends the search, nor enter a file twice.
//! Follows glibc elf/dl-load.c:_dl_map_object and _dl_map_object_from_fd.

use std::borrow::Cow;
use std::sync::Arc;

use super::{LinkMap, Miss, MissReason, Node, Process};
use crate::analyzer::defect::Defect;
use crate::analyzer::disk::{Disk, ImageEntry, Opening};
use crate::analyzer::errno::Errno;
use crate::analyzer::image::dynamic::DF_1_NODEFLIB;
use crate::analyzer::image::elf::{Image, Role};
use crate::analyzer::image::versions::Name;
use crate::analyzer::loader_model::{LibcKind, LoaderModel};
use crate::analyzer::model::NodeIx;
use crate::analyzer::musl;
use crate::analyzer::provenance::{Attempt, Provenance};
use crate::analyzer::search::glibc::{self, Request, Source};
use crate::analyzer::search::{Hit, tokens};

impl<'h> LinkMap<'h> {
    /// `_dl_map_object`: the object for `name`, loaded if it is not there yet.
    pub(super) fn need(
        &mut self,
        disk: &Disk<'_, 'h>,
        process: &Process<'h>,
        requester: Option<NodeIx>,
        name: Cow<'h, [u8]>,
    ) -> Result<NodeIx, Box<Miss>> {
        let miss = |reason| Box::new(Miss { name: name.to_vec(), requester, reason, attempts: Vec::new() });
        let known = self.by_name(&name);
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
        if self.nodes.len() > self.objects {
            return Err(miss(MissReason::Limit));
        }
        let mut errno = self.errno;
        let hit = self.find(disk, &process.env_path, requester, &name, &mut errno, None);
        self.errno = errno;
        let (path, image, provenance) = match hit {
            Hit::Opened { path, image, provenance } => (path, image, provenance),
            Hit::Refused { path, defect } if self.passes(disk, &path, &defect).is_some() => {
                match self.passes(disk, &path, &defect) {
                    Some(Passes::Loaded(ix)) => {
                        self.call(name.clone(), ix);
                        self.alias(ix, name);
                        return Ok(ix);
                    }
                    Some(Passes::AtStart(image)) => (path, image, Provenance::Preloaded),
                    None => return Err(miss(MissReason::Refused { path, defect })),
                }
            }
            other => {
                let mut attempts = Vec::new();
                let _ = self.find(disk, &process.env_path, requester, &name, &mut errno, Some(&mut attempts));
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
        if let Some(ix) = self.by_file(key) {
            self.call(name.clone(), ix);
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
            && let Some(ix) = self.by_file((image.stat.dev, image.stat.ino))
        {
            return Some(Passes::Loaded(ix));
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
    pub(super) fn add(
        &mut self,
        path: Vec<u8>,
        name: Cow<'h, [u8]>,
        image: Arc<ImageEntry<'h>>,
        loader: Option<NodeIx>,
        provenance: Provenance,
    ) -> NodeIx {
        let ix = NodeIx::from_index(self.nodes.len());
        self.known.files.insert((image.stat.dev, image.stat.ino), ix);
        if let Image::Mapped(facts) = &image.image {
            match &facts.soname {
                Some(Ok(soname)) => {
                    self.call(soname.clone(), ix);
                }
                Some(Err(defect)) => {
                    self.poison.get_or_insert_with(|| (ix, (**defect).clone()));
                }
                None => {}
            }
        }
        self.call(name.clone(), ix);
        if !path.contains(&b'/') {
            self.call(Cow::Owned(path.clone()), ix);
        }
        let aliases = vec![name];
        self.nodes.push(Node {
            name: path,
            image: Some(image),
            aliases,
            loader,
            provenance,
            needs: Vec::new(),
            before: false,
            at_start: false,
        });
        ix
    }

    /// The object answers to a name it was found by in another way than by that name.
    fn alias(&mut self, ix: NodeIx, name: Cow<'h, [u8]>) {
        if let Some(n) = self.nodes.get_mut(ix.index())
            && !n.answers_to(&name)
        {
            n.aliases.push(name);
        }
    }

    /// Goes through the sources the requester's place in the map gives.
    pub(super) fn find(
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
        let search = |errno: &mut Errno, log| {
            let lists = self.lists(on_behalf, model);
            let rpaths =
                lists.rpaths.iter().map(|(why, dirs)| Source { provenance: why.clone(), dirs }).collect();
            let runpath = lists.runpath.as_ref().map(|dirs| Source { provenance: Provenance::Runpath, dirs });
            let nodeflib = self.facts(on_behalf).is_some_and(|f| f.dynamic.flags_1 & DF_1_NODEFLIB != 0);
            glibc::search(disk, &Request { name, rpaths, env, runpath, nodeflib }, errno, log)
        };
        match self.search_key(on_behalf, name).filter(|_| env.is_empty() && log.is_none()) {
            Some(key) => disk.found(&key, errno, |errno| search(errno, None)),
            None => search(errno, log),
        }
    }

    /// What the outcome of a search depends on besides the loader, if it is only the name, the requester's file and
    /// the directory that stands for `$ORIGIN`.
    fn search_key<'n>(&self, from: NodeIx, name: &'n [u8]) -> Option<Cow<'n, [u8]>> {
        let node = self.node(from)?;
        let facts = node.facts();
        if facts.is_none_or(|f| f.runpath.is_none()) {
            let mut at = Some(from);
            while let Some(ix) = at {
                if self.facts(ix).is_some_and(|f| f.rpath.is_some()) {
                    return None;
                }
                at = self.node(ix).and_then(|n| n.loader);
            }
            if self.facts(NodeIx(0)).is_some_and(|f| f.rpath.is_some()) {
                return None;
            }
        }
        let own = facts.is_some_and(|f| f.runpath.is_some() || f.dynamic.flags_1 & DF_1_NODEFLIB != 0);
        if !own {
            return Some(Cow::Borrowed(name));
        }
        let image = node.image.as_ref()?.id.index().to_ne_bytes();
        Some(Cow::Owned([name, b"/", image.as_slice(), node.name.as_slice()].concat()))
    }

    /// Whether a library of that name would be found on behalf of `from` (for optional libraries).
    pub fn would_find(&self, disk: &Disk<'_, 'h>, from: NodeIx, name: &[u8]) -> bool {
        if disk.model().kind() == LibcKind::Musl {
            return musl::load::would_find(self, disk, from, name);
        }
        if self.by_name(name).is_some() {
            return true;
        }
        let env: &[Vec<u8>] = &self.env_path;
        let mut errno = Errno::ENOENT;
        matches!(self.find(disk, env, Some(from), name, &mut errno, None), Hit::Opened { .. })
    }

    pub(super) fn origin(&self, ix: Option<NodeIx>, cwd: &[u8]) -> Option<Vec<u8>> {
        let node = self.node(ix.unwrap_or(NodeIx(0)))?;
        if node.name.is_empty() {
            return Some(self.program_origin.clone());
        }
        Some(tokens::origin(&node.name, cwd))
    }

    /// The RPATH chain of a requester and its RUNPATH.
    fn lists(&self, from: NodeIx, model: &LoaderModel) -> Lists {
        let split = |ix: NodeIx, list: &Name<'h>| match list {
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
