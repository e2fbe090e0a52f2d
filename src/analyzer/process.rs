//! The reference process before `dlopen`: a program that links only libc, or a given host program.
//! It must never run anything; the process is built from files as the kernel and ld.so would build it.
//! Follows glibc elf/rtld.c:dl_main and elf/dl-tls.c.

use std::borrow::Cow;
use std::sync::Arc;

use super::catalogue;
use super::checks;
use super::disk::{Disk, Opening};
use super::finding::Finding;
use super::image::elf::{Image, Role};
use super::link_map::{self, Node, Process};
use super::model::{Machine, NodeIx};
use super::provenance::Provenance;
use super::search::tokens;
use super::static_tls::StaticTls;
use super::verdict::Verdict;

/// Why the reference process cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The host program cannot be used.
    #[error("cannot use {} as the host program: {reason}", path.escape_ascii())]
    Program {
        /// Its path.
        path: Vec<u8>,
        /// Why.
        reason: String,
    },
    /// A library every program needs is missing.
    #[error("the reference program would not start: {}", message.escape_ascii())]
    Libraries {
        /// The loader's sentence.
        message: Vec<u8>,
    },
    /// A library that should be loaded before cannot be.
    #[error("{} cannot be loaded before the others: {}", path.escape_ascii(), message.escape_ascii())]
    Preloaded {
        /// Its path.
        path: Vec<u8>,
        /// The loader's sentence.
        message: Vec<u8>,
    },
}

/// What the process consists of besides the model.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The main program; none for one that links only libc.
    pub program: Option<Vec<u8>>,
    /// Libraries opened before with RTLD_GLOBAL.
    pub preloaded: Vec<Vec<u8>>,
}

/// Where the program that links only libc is taken to live.
pub(super) const DEFAULT_PROGRAM_DIRECTORY: &[u8] = b"/usr/bin";

/// The vDSO's name on a machine.
fn vdso(machine: Machine) -> &'static [u8] {
    match machine {
        Machine::I386 => b"linux-gate.so.1",
        Machine::Ppc64 | Machine::S390x => b"linux-vdso64.so.1",
        _ => b"linux-vdso.so.1",
    }
}

/// Builds the process, up to what is opened in it before (`call::start` does that).
///
/// # Errors
/// If the program or its libraries would not start.
pub fn start<'h>(disk: &Disk<'_, 'h>, request: &Start) -> Result<Process<'h>, StartError> {
    let model = disk.model();
    let main = main_program(disk, request)?;
    // The kernel resolves links of the executable; its directory is that of the real file.
    let origin = request.program.as_ref().map(|p| tokens::origin(&disk.real_path(p), &model.cwd));
    let env_path = match &model.env.library_path {
        Some(list) => tokens::path_list(list, b":;", origin.as_deref(), model),
        None => Vec::new(),
    };
    let mut process = Process {
        nodes: vec![main],
        global: vec![NodeIx(0)],
        env_path,
        known: Arc::default(),
        program_origin: origin.unwrap_or_else(|| DEFAULT_PROGRAM_DIRECTORY.to_vec()),
        static_tls: StaticTls::default(),
    };
    let known = Arc::make_mut(&mut process.known);
    known.names.insert(Cow::Borrowed(b""), NodeIx(0));
    // The kernel mapped the program: the loader does not know its inode, so that `dlopen` of its file finds a file.
    let gate = Node {
        name: vdso(model.machine).to_vec(),
        image: None,
        aliases: Vec::new(),
        loader: None,
        provenance: Provenance::Preloaded,
        needs: Vec::new(),
        before: true,
        at_start: false,
    };
    known.names.insert(Cow::Borrowed(vdso(model.machine)), NodeIx(1));
    process.nodes.push(gate);
    let map = link_map::start_up(disk, &process, &model.program_needs, &model.env.preload);
    if let Some(miss) = &map.miss {
        let judged = checks::judge(&map, &process, model);
        let message = match judged.judgement.verdict {
            Verdict::Fails { message: Some(m), .. } => m,
            _ => miss.name.clone(),
        };
        return Err(StartError::Libraries { message });
    }
    process.absorb(map);
    let blocks: Vec<_> = process.nodes.iter().filter_map(|n| n.facts().and_then(|f| f.tls)).collect();
    process.static_tls = StaticTls::at_start(&blocks, model);
    Ok(process)
}

fn main_program<'h>(disk: &Disk<'_, 'h>, request: &Start) -> Result<Node<'h>, StartError> {
    let mut node = Node {
        name: Vec::new(),
        image: None,
        aliases: vec![Cow::Borrowed(b"".as_slice())],
        loader: None,
        provenance: Provenance::Root,
        needs: Vec::new(),
        before: true,
        at_start: false,
    };
    let Some(path) = &request.program else { return Ok(node) };
    let fail = |reason: String| StartError::Program { path: path.clone(), reason };
    match disk.open_as(path, Role::Program) {
        Opening::Image(image) => match &image.image {
            Image::Mapped(_) => {
                node.image = Some(image);
                Ok(node)
            }
            Image::Refused(d) => {
                Err(fail(catalogue::text(&Finding::File { object: path.clone(), defect: d.clone() })))
            }
        },
        Opening::Errno(e) => Err(fail(e.text().to_owned())),
        Opening::Special(..) | Opening::Changed => Err(fail("it is no regular file".to_owned())),
    }
}

/// The names the start-up objects answer to, for reports.
pub fn names<'p>(process: &'p Process<'_>) -> impl Iterator<Item = &'p [u8]> {
    process.nodes.iter().skip(1).map(|n| n.name.as_slice())
}
