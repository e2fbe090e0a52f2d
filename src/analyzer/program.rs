//! Will a program start? The kernel's and ld.so's steps before its first instruction, from files.
//! It must never run the program or its interpreter.
//! Follows Linux fs/binfmt_elf.c for the interpreter and glibc elf/rtld.c:dl_main for the rest.

use std::borrow::Cow;
use std::sync::Arc;

use super::checks::{self, Judged, Mode, sentence};
use super::disk::{Disk, ImageEntry, Opening};
use super::finding::Finding;
use super::host::{Errno, Kind};
use super::image::elf::{Image, Role};
use super::link_map::{self, Known, LinkMap, Node, Process};
use super::model::NodeIx;
use super::provenance::Provenance;
use super::search::tokens;
use super::static_tls::StaticTls;
use super::verdict::{Judgement, Verdict};

/// A judged program start.
#[derive(Clone, Debug)]
pub struct Start<'h> {
    /// The objects; the program is the root.
    pub map: Option<LinkMap<'h>>,
    /// Verdict, findings, missing symbols. The message is what the program's user reads on standard error.
    pub judged: Judged,
}

/// Judges the start of `path` in an empty process.
pub fn judge<'h>(disk: &Disk<'_, 'h>, path: &[u8]) -> Start<'h> {
    let model = disk.model();
    let image = match checked_by_kernel(disk, path) {
        Ok(image) => image,
        Err(start) => return *start,
    };
    let facts = match &image.image {
        Image::Mapped(facts) => facts,
        Image::Refused(super::defect::Defect::NoDynamic) => return loads(None),
        Image::Refused(defect) => {
            let finding = Finding::File { object: path.to_vec(), defect: defect.clone() };
            return refused(path, finding, None);
        }
    };
    let Some(interpreter) = facts.interpreter else { return loads(None) };
    if let Opening::Errno(errno) = disk.open(interpreter) {
        let finding = Finding::InterpreterNotFound { interpreter: interpreter.to_vec() };
        return refused(path, finding, Some(errno));
    }
    let main = Node {
        name: path.to_vec(),
        image: Some(image.clone()),
        aliases: vec![Cow::Borrowed(b"".as_slice())],
        loader: None,
        provenance: Provenance::Root,
        needs: Vec::new(),
        before: false,
        at_start: false,
    };
    let origin = tokens::origin(&disk.real_path(path), &model.cwd);
    let env_path = match &model.env.library_path {
        Some(list) => tokens::path_list(list, b":;", Some(&origin), model),
        None => Vec::new(),
    };
    let mut known = Known::default();
    known.names.insert(Cow::Borrowed(b""), NodeIx(0));
    known.files.insert((image.stat.dev, image.stat.ino), NodeIx(0));
    let empty = Process {
        nodes: vec![main],
        global: Vec::new(),
        env_path,
        known: Arc::new(known),
        program_origin: origin,
        // At start every block gets what it needs.
        static_tls: StaticTls { used: 0, size: 1 << 40, align: 1 << 30, optional: None, below: true },
    };
    let map = link_map::start_program(disk, &empty);
    let mut judged = checks::judge_mode(&map, &empty, model, None, Mode::Lazy);
    say_it_as_started(path, &map, &mut judged);
    Start { map: Some(map), judged }
}

/// The file as `execve` gets it, or how that ends.
pub(super) fn checked_by_kernel<'h>(
    disk: &Disk<'_, 'h>,
    path: &[u8],
) -> Result<Arc<ImageEntry<'h>>, Box<Start<'h>>> {
    Err(Box::new(match disk.open_as(path, Role::Program) {
        Opening::Image(image) => return Ok(image),
        Opening::Errno(errno) => refused(path, Finding::CannotOpen { errno }, Some(errno)),
        Opening::Special(kind, _) => {
            let kind = match kind {
                Kind::Fifo => "pipe",
                Kind::Socket => "socket",
                Kind::Dir => "directory",
                Kind::File | Kind::Device => "device",
            };
            refused(path, Finding::NotAFile { kind }, Some(Errno::EACCES))
        }
        Opening::Changed => undecided(Finding::ChangedWhileReading),
    }))
}

/// `PROG: error while loading shared libraries: ...` and `PROG: symbol lookup error: ...`; versions without either.
fn say_it_as_started(path: &[u8], map: &LinkMap<'_>, judged: &mut Judged) {
    let Verdict::Fails { message: Some(message), .. } = &mut judged.judgement.verdict else { return };
    let occasion: &[u8] = match judged.judgement.findings.first() {
        Some(Finding::VersionNotFound { .. }) => b"",
        Some(Finding::SymbolNotFound { .. } | Finding::SymbolNotInVersionFile { .. }) => {
            b"symbol lookup error: "
        }
        _ if map.miss.is_some() => b"error while loading shared libraries: ",
        _ => b"error while loading shared libraries: ",
    };
    let mut line = path.to_vec();
    line.extend_from_slice(b": ");
    line.extend_from_slice(occasion);
    line.extend_from_slice(message);
    *message = line;
}

/// It starts, as far as the loader is concerned.
pub(super) fn loads<'h>(map: Option<LinkMap<'h>>) -> Start<'h> {
    let judgement = Judgement { verdict: Verdict::Loads, findings: Vec::new(), level_reached: 2 };
    Start { map, judged: Judged { judgement, unresolved: Vec::new(), static_tls: StaticTls::default() } }
}

fn undecided<'h>(finding: Finding) -> Start<'h> {
    let judgement = Judgement { verdict: Verdict::Undecided, findings: vec![finding], level_reached: 0 };
    Start {
        map: None,
        judged: Judged { judgement, unresolved: Vec::new(), static_tls: StaticTls::default() },
    }
}

/// The kernel refuses to execute it: no loader speaks, so the text is that of `execve`.
pub(super) fn refused<'h>(path: &[u8], finding: Finding, errno: Option<Errno>) -> Start<'h> {
    let text = errno.map_or("Exec format error", Errno::text);
    let message = Some(sentence(path, text, None));
    let judgement = Judgement {
        verdict: Verdict::Fails { message, dies: None },
        findings: vec![finding],
        level_reached: 0,
    };
    Start {
        map: None,
        judged: Judged { judgement, unresolved: Vec::new(), static_tls: StaticTls::default() },
    }
}
