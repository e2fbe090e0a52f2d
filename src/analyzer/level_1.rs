//! Level 1: would the loader of this machine open and map the file at all? By a few small pieces of the file.
//! It must never say that a file fails: what is not in order here is judged from the whole file, in the loader's words.
//! Follows glibc elf/dl-load.c:open_verify and _dl_map_object_from_fd, up to the hash table.

use super::disk::Disk;
use super::host::{Pieces, Stat};
use super::image::dynamic::{self, Dynamic};
use super::image::elf::{self, Role};
use super::image::segments::Mapped;
use super::image::{header, segments, symbols};
use super::loader_model::{LibcKind, LoaderModel};
use super::target;
use super::verdict::{Judgement, Verdict};

/// Bytes from the beginning. The loader reads 832; notes it wants to see may stand a little behind.
const HEAD: usize = 2048;
/// Most bytes of a dynamic section.
const DYNAMIC: usize = 4096;
/// The words a hash table begins with.
const HASH: usize = 16;
/// More bytes than the names of a C library's own files have, and most others.
const NAME: usize = 64;
/// Names that are looked at, from the last.
const NAMES: usize = 4;

/// The judgement of a file that the loader maps; none of a program, if those are judged as programs that start.
pub fn judge(disk: &Disk<'_, '_>, path: &[u8], programs: bool) -> Option<Judgement> {
    let model = disk.model();
    if model.kind() != LibcKind::Glibc {
        return None;
    }
    let mut in_order = false;
    disk.visit(&disk.absolute(path), &mut |stat, file, noexec| {
        in_order = maps(model, stat, file, noexec, programs).is_some() && file.unchanged();
    });
    in_order.then(|| Judgement { verdict: Verdict::Loads, findings: Vec::new(), level_reached: 1 })
}

/// Goes through the file as far as it is in order.
fn maps(model: &LoaderModel, stat: &Stat, file: &dyn Pieces, noexec: bool, programs: bool) -> Option<()> {
    let mut head = [0; HEAD];
    let head = piece(file, 0, &mut head)?;
    if programs && header::may_be_program(head) {
        return None;
    }
    let header = header::open_verify(head, model).ok()?;
    let starts = |s: &header::Segment| s.kind == object::elf::PT_INTERP.0;
    if header.loaded_end() > stat.size || header.segments.iter().any(starts) {
        return None;
    }
    let mapped = segments::map(head, stat.size, &header, model, noexec, Role::Library).ok()?;
    let mut section = [0; DYNAMIC];
    let of_section = |s: &&header::Segment| s.vaddr == mapped.dynamic && s.kind == object::elf::PT_DYNAMIC.0;
    let length = usize::try_from(header.segments.iter().rfind(of_section)?.filesz).ok()?;
    let section = window(file, &mapped, mapped.dynamic, section.get_mut(..length)?)?;
    let vm = mapped.vm.showing(mapped.dynamic, section)?;
    let dynamic = dynamic::read(&Mapped { vm, ..mapped.clone() }, model, Role::Library).ok()?;
    elf::after_dynamic(&mapped, &header, model, Role::Library).ok()?;
    let mut table = [0; HASH];
    if let Some(at) = dynamic.gnu_hash.or(dynamic.hash) {
        let table = in_head(head, &mapped, at).or_else(|| window(file, &mapped, at, &mut table))?;
        let own = mapped.dynamic.checked_sub(at).is_none_or(|before| before >= HASH as u64)
            && at.checked_sub(mapped.dynamic).is_none_or(|behind| behind >= length as u64);
        let vm = mapped.vm.showing(at, table).filter(|_| own)?;
        symbols::setup(&vm, &dynamic, false).ok()?;
    }
    if dynamic.needs.is_empty() || is_glibcs(file, &mapped, &dynamic) { Some(()) } else { None }
}

/// Whether the needs leave no other C library than glibc: the last names say so, or all of them together.
fn is_glibcs(file: &dyn Pieces, mapped: &Mapped<'_>, dynamic: &Dynamic) -> bool {
    let mut last = dynamic.needs.iter().rev().take(NAMES);
    let mut buffer = [0; NAME];
    if last.any(|(_, at)| {
        let name = need(file, mapped, dynamic, *at, &mut buffer);
        name.and_then(target::loader_name) == Some(LibcKind::Glibc)
    }) {
        return true;
    }
    dynamic.needs.len() <= NAMES
        && dynamic.needs.iter().all(|(_, at)| {
            need(file, mapped, dynamic, *at, &mut buffer).is_some_and(|name| !target::may_be_musls(name))
        })
}

/// A needed name, if it is not longer than those that matter.
fn need<'b>(
    file: &dyn Pieces,
    mapped: &Mapped<'_>,
    dynamic: &Dynamic,
    offset: u64,
    buffer: &'b mut [u8; NAME],
) -> Option<&'b [u8]> {
    let (at, rest) = mapped.vm.offset(dynamic.strtab?.wrapping_add(offset))?;
    let longest = usize::try_from(rest).unwrap_or(NAME).min(NAME);
    let bytes = piece(file, at, buffer.get_mut(..longest)?)?;
    bytes.get(..memchr::memchr(0, bytes)?)
}

/// The words a hash table at `addr` begins with, if they were read with the head already.
fn in_head<'b>(head: &'b [u8], mapped: &Mapped<'_>, addr: u64) -> Option<&'b [u8]> {
    let at = usize::try_from(mapped.vm.offset(addr)?.0).ok()?;
    head.get(at..at.checked_add(HASH)?)
}

/// The bytes the object has at `addr`, all of them contents of the file.
fn window<'b>(file: &dyn Pieces, mapped: &Mapped<'_>, addr: u64, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let wanted = buffer.len();
    let (at, _) = mapped.vm.offset(addr)?;
    piece(file, at, buffer).filter(|found| found.len() == wanted)
}

fn piece<'b>(file: &dyn Pieces, at: u64, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let n = file.read_at(at, buffer).ok()?;
    buffer.get(..n)
}
