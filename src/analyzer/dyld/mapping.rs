//! What a chosen slice meets between its header and its fix-ups: validation, signature, segments.
//! It must never read a table of `__LINKEDIT` except the signature, as dyld does not either.
//! Follows JustInTimeLoader.cpp (makeJustInTimeLoaderDisk), DyldDelegates.cpp (registerSignature), Loader.cpp (mapSegments).

use super::files::REAL;
use super::model::DyldModel;
use super::refusal::{Kind, Refusal};
use super::release::Release;
use crate::analyzer::image::macho::MachoFacts;
use crate::analyzer::image::macho::commands;
use crate::analyzer::image::macho::facts::Section;
use crate::analyzer::image::macho::valid;

/// What is known of an image that was mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mapped {
    /// The first page whose hash is not the signed one.
    pub damaged: Option<Damage>,
    /// A segment claims bytes behind the end of the file: touching them kills the process.
    pub beyond_end: bool,
}

/// A page that is not what was signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Its offset in the image.
    pub offset: u64,
    /// How many there are.
    pub pages: u64,
    /// dyld itself reads or writes it.
    pub touched: bool,
}

/// The largest address space a process can reserve.
const LARGEST: u64 = 1 << 46;
/// `EBADEXEC` of macOS: what the kernel says of a signature it cannot read.
const BAD_EXEC: i32 = 85;

/// The UUID of an image as dyld prints it.
pub fn uuid(facts: &MachoFacts<'_>) -> String {
    let Some(u) = facts.uuid else { return "no uuid".to_owned() };
    let hex = |part: &[u8]| part.iter().map(|b| format!("{b:02X}")).collect::<String>();
    let (a, b, c, d, e) = (&u[..4], &u[4..6], &u[6..8], &u[8..10], &u[10..]);
    [a, b, c, d, e].map(hex).join("-")
}

/// What a release has against a header, in its words.
pub fn objection(facts: &MachoFacts<'_>, file_size: u64, release: &Release) -> Option<String> {
    valid::objection(facts, file_size, release.inspection?).map(|objection| objection.loader_words())
}

/// Everything up to the fix-ups.
///
/// # Errors
/// The first thing dyld has against the image.
pub fn map(
    facts: &MachoFacts<'_>,
    file_size: u64,
    slice_offset: u64,
    model: &DyldModel,
) -> Result<Mapped, Refusal> {
    if let Some(words) = objection(facts, file_size, model.release) {
        return Err(Refusal::new(Kind::Header, words));
    }
    signature(facts, slice_offset, model.release)?;
    segments(facts, slice_offset)?;
    if facts.arch.is_arm64() && facts.encryption.is_some_and(|e| e.id != 0) {
        let words = "could not register fairplay decryption, mremap_encrypted() => -1";
        return Err(Refusal::new(Kind::Encrypted, words));
    }
    let beyond = |end: Option<u64>| end.is_none_or(|end| end > file_size.saturating_sub(slice_offset));
    Ok(Mapped {
        damaged: damage(facts),
        beyond_end: facts.segments.iter().any(|s| beyond(s.fileoff.checked_add(s.filesize))),
    })
}

fn signature(facts: &MachoFacts<'_>, slice_offset: u64, release: &Release) -> Result<(), Refusal> {
    let id = uuid(facts);
    let blob = facts.linkedit.signature.filter(|range| range.size != 0);
    let Some((range, signature)) = blob.zip(facts.signature.as_ref()) else {
        // Intel code may be unsigned, Apple silicon's may not.
        if !facts.arch.is_arm64() {
            return Ok(());
        }
        let (start, end) = (
            format!("code signature in <{id}> '"),
            "' not valid for use in process: mapped file has no cdhash, completely unsigned? \
             Code has to be at least ad-hoc signed.",
        );
        return Err(Refusal::of(Kind::Unsigned, &[start.as_bytes(), REAL, end.as_bytes()]));
    };
    let (offset, size) = (range.offset, range.size);
    match signature {
        Err(_) => {
            let numbers = format!(
                "sliceOffset=0x{slice_offset:08X}, codeBlobOffset=0x{offset:08X}, codeBlobSize=0x{size:08X}"
            );
            let (start, end) = if release.uuids {
                (format!("code signature invalid in <{id}> '"), format!("' (errno={BAD_EXEC}) {numbers}"))
            } else {
                (format!("code signature invalid (errno={BAD_EXEC}) {numbers} for '"), "'".to_owned())
            };
            Err(Refusal::of(Kind::Signature, &[start.as_bytes(), REAL, end.as_bytes()]))
        }
        Ok(signature) if !signature.covers_image() => {
            if !release.uuids {
                let words = "code signature does not cover entire file up to signature";
                return Err(Refusal::new(Kind::Signature, words));
            }
            let signed = signature.directory().map_or(0, |d| d.limit);
            let start = format!("code signature does not cover entire file up to signature in <{id}> '");
            let middle = format!("' (signed 0x{signed:08X}, expected 0x{offset:08X}) for '");
            Err(Refusal::of(
                Kind::Signature,
                &[start.as_bytes(), REAL, middle.as_bytes(), REAL, b"'".as_slice()],
            ))
        }
        Ok(_) => Ok(()),
    }
}

fn segments(facts: &MachoFacts<'_>, slice_offset: u64) -> Result<(), Refusal> {
    let page = if facts.arch.has_16k_pages() { 0x4000 } else { 0x1000 };
    let base = facts.text_address();
    let end = facts.segments.iter().map(|s| s.vmaddr.saturating_add(s.vmsize)).max().unwrap_or(0);
    let space = end.saturating_sub(base);
    if space > LARGEST {
        let words = format!("vm_allocate(size=0x{space:X}) failed with result=3");
        return Err(Refusal::new(Kind::Mapping, words));
    }
    let mapped = facts.segments.iter().filter(|s| s.filesize != 0 && s.vmsize != 0);
    for (number, s) in mapped.enumerate() {
        if !s.fileoff.wrapping_add(slice_offset).is_multiple_of(page) {
            // The address is wherever the kernel finds room.
            let size = s.filesize & 0xffff_ffff;
            let words = format!("mmap(addr=0x…, size=0x{size:08X}) failed with errno=22 for ");
            return Err(Refusal::of(Kind::Mapping, &[words.as_bytes(), REAL]));
        }
        if number == 0
            && let Some(words) = first_segment(facts, s.fileoff, s.filesize)
        {
            return Err(Refusal::new(Kind::Mapping, words));
        }
    }
    Ok(())
}

/// What is mapped first has to begin with the header.
fn first_segment(facts: &MachoFacts<'_>, offset: u64, size: u64) -> Option<String> {
    let start = usize::try_from(offset).ok().and_then(|at| facts.bytes.get(at..));
    match start.map(commands::header) {
        Some(Ok(header)) if u64::from(header.size) + u64::from(header.commands) <= size => None,
        Some(Ok(_)) => Some("load commands exceed length of first segment".to_owned()),
        _ => Some("file does not start with MH_MAGIC[_64]".to_owned()),
    }
}

/// Pages that are not what was signed, where that kills: the kernel enforces it for arm64 code.
fn damage(facts: &MachoFacts<'_>) -> Option<Damage> {
    let signature = facts.signature.as_ref()?.as_ref().ok().filter(|_| facts.arch.is_arm64())?;
    let pages = signature.check_pages(facts.bytes);
    let first = pages.first_damaged?;
    let size = signature.directory()?.page_size;
    let meets = |offset: u64, length: u64| {
        length != 0 && offset < first.saturating_add(size) && first < offset.saturating_add(length)
    };
    let written = facts.segments.iter().any(|s| s.writable() && meets(s.fileoff, s.filesize));
    let tables = [facts.linkedit.chained, facts.linkedit.trie, facts.linkedit.info.map(|i| i.bind)];
    let read = tables.into_iter().flatten().any(|r| meets(r.offset.into(), r.size.into()));
    Some(Damage {
        offset: first,
        pages: pages.damaged,
        touched: meets(0, facts.commands_end) || written || read,
    })
}

/// What dyld says of malformed thread-local variables (from 1284 on).
pub fn thread_locals(facts: &MachoFacts<'_>) -> Option<String> {
    let word: u64 = if facts.is64 { 8 } else { 4 };
    let all = || facts.segments.iter().flat_map(|s| &s.sections);
    let content = all().filter(|s| s.is_thread_local_content());
    let range = content.fold(None, |range: Option<(u64, u64)>, s| {
        let end = s.addr.saturating_add(s.size);
        Some(range.map_or((s.addr, end), |(a, b)| (a.min(s.addr), b.max(end))))
    });
    let total = range.map_or(0, |(start, end)| end - start);
    for section in all().filter(|s| s.has_thread_locals()) {
        let size = section.size;
        if !size.is_multiple_of(3 * word) {
            let name = String::from_utf8_lossy(section.name);
            return Some(format!(
                "size ({size}) of thread-locals section {name} is not a multiple of {}",
                3 * word
            ));
        }
        if let Some(offset) = offsets(facts, section, word).find(|offset| *offset > total) {
            return Some(format!(
                "malformed thread-local, offset=0x{offset:X} is larger than total size=0x{total:X}"
            ));
        }
    }
    None
}

/// The third word of every descriptor.
fn offsets<'f>(
    facts: &'f MachoFacts<'_>,
    section: &Section<'_>,
    word: u64,
) -> impl Iterator<Item = u64> + use<'f> {
    let start = usize::try_from(section.offset).unwrap_or(usize::MAX);
    let bytes = facts.bytes.get(start..).unwrap_or_default();
    let bytes = bytes.get(..usize::try_from(section.size).unwrap_or(usize::MAX)).unwrap_or_default();
    let word = word as usize;
    bytes.chunks_exact(3 * word).filter_map(move |descriptor| {
        let last = descriptor.get(2 * word..)?;
        Some(last.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    })
}
