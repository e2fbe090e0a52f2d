//! Level 1: would the loader of this machine open and map the file at all? By its first bytes and its size.
//! It must never say that a file fails: what is not in order here is judged from the whole file, in the loader's words.
//! Follows glibc elf/dl-load.c:open_verify and _dl_map_object_from_fd up to the dynamic section.

use super::disk::Disk;
use super::finding::Finding;
use super::host::Kind;
use super::image::elf::Role;
use super::image::{header, segments};
use super::loader_model::LibcKind;
use super::verdict::{Judgement, Verdict};

/// Bytes that are looked at. The loader reads 832; notes it wants to see may stand a little behind.
const HEAD: usize = 2048;

/// The judgement of a file whose header and program headers are in order; none of a program, if those are judged as
/// programs that start.
pub fn judge(disk: &Disk<'_, '_>, path: &[u8], programs: bool) -> Option<Judgement> {
    let model = disk.model();
    if model.kind() != LibcKind::Glibc {
        return None;
    }
    let asked = disk.absolute(path);
    let (stat, head, noexec) = disk.head(&asked, HEAD)?;
    if stat.kind != Kind::File || (programs && header::may_be_program(&head)) {
        return None;
    }
    let header = header::open_verify(&head, model).ok()?;
    segments::map(&head, stat.size, &header, model, noexec, Role::Library).ok()?;
    let end = header.loaded_end();
    let cut = end > stat.size;
    let findings =
        if cut { vec![Finding::BeyondEnd { object: asked, end, size: stat.size }] } else { Vec::new() };
    Some(Judgement { verdict: Verdict::Loads, findings, level_reached: 1 })
}
