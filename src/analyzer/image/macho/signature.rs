//! An embedded code signature: what it covers, how it hashes, who made it, and whether its pages are intact.
//! It must never say whether the kernel trusts it; pages are hashed only when asked, for that reads the whole image.
//! Follows xnu bsd/kern/ubc_subr.c: cs_validate_csblob, cs_validate_codedirectory, cs_validate_hash.

use object::BigEndian as BE;
use object::macho as raw;
use object::read::ReadRef;
use sha2::Digest as _;

use super::facts::Range;
use super::fault::{Fault, Part, Problem};
use super::stream;

const EMBEDDED: u32 = 0xfade_0cc0;
const DIRECTORY: u32 = 0xfade_0c02;
/// Slots that hold one kind of blob, and at most one of it: entitlements in two forms, launch constraints.
const SINGLE_SLOTS: [(u32, u32); 6] = [
    (5, 0xfade_7171),
    (7, 0xfade_7172),
    (8, 0xfade_8181),
    (9, 0xfade_8181),
    (10, 0xfade_8181),
    (11, 0xfade_8181),
];
/// Slots of the directory and of its alternates.
const DIRECTORY_SLOTS: [u32; 6] = [0, 0x1000, 0x1001, 0x1002, 0x1003, 0x1004];
/// Slot of the CMS message; eight bytes of it are only its head.
const CMS_SLOT: u32 = 0x1_0000;

/// A hash the kernel knows, weakest first: of several directories it uses the strongest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HashKind {
    /// SHA-1.
    Sha1,
    /// SHA-256 cut to 20 bytes.
    Sha256Truncated,
    /// SHA-256.
    Sha256,
    /// SHA-384, of which 48 bytes are kept.
    Sha384,
}

impl HashKind {
    fn of(number: u8) -> Option<HashKind> {
        Some(match number {
            1 => HashKind::Sha1,
            2 => HashKind::Sha256,
            3 => HashKind::Sha256Truncated,
            4 => HashKind::Sha384,
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            HashKind::Sha1 | HashKind::Sha256Truncated => 20,
            HashKind::Sha256 => 32,
            HashKind::Sha384 => 48,
        }
    }

    fn matches(self, page: &[u8], hash: &[u8]) -> bool {
        match self {
            HashKind::Sha1 => sha1::Sha1::digest(page).as_slice() == hash,
            HashKind::Sha256 => sha2::Sha256::digest(page).as_slice() == hash,
            HashKind::Sha256Truncated => sha2::Sha256::digest(page).as_slice().get(..20) == Some(hash),
            HashKind::Sha384 => sha2::Sha384::digest(page).as_slice() == hash,
        }
    }
}

/// One CodeDirectory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Directory<'h> {
    /// Where it is in the image.
    pub offset: u64,
    /// Its version.
    pub version: u32,
    /// `CS_*` flags.
    pub flags: u32,
    /// The hash of a page.
    pub hash: HashKind,
    /// Size of a page: 4 KiB or 16 KiB.
    pub page_size: u64,
    /// The bytes of the image that are signed, from its start.
    pub limit: u64,
    /// The hashes of all pages.
    pub hashes: &'h [u8],
    /// The name it was signed as.
    pub identifier: &'h [u8],
    /// The team of the certificate.
    pub team: Option<&'h [u8]>,
    /// The hashes are scattered over the pages in a way of their own, which no known tool writes: they are not checked.
    pub scattered: bool,
}

impl Directory<'_> {
    /// CS_ADHOC: signed by nobody.
    pub fn ad_hoc(&self) -> bool {
        self.flags & 0x2 != 0
    }
    /// CS_LINKER_SIGNED: made by the linker.
    pub fn linker_signed(&self) -> bool {
        self.flags & 0x2_0000 != 0
    }
    /// CS_RUNTIME: hardened runtime.
    pub fn hardened(&self) -> bool {
        self.flags & 0x1_0000 != 0
    }
}

/// A code signature whose blobs are well formed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature<'h> {
    /// Where it is in the image.
    pub range: Range,
    /// Its directories in the order of their slots.
    pub directories: Vec<Directory<'h>>,
    /// It holds a CMS message: somebody's certificate.
    pub has_identity: bool,
}

/// What hashing the pages found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pages {
    /// Pages that were hashed.
    pub total: u64,
    /// Pages whose hash is another, or missing.
    pub damaged: u64,
    /// Offset of the first damaged page in the image.
    pub first_damaged: Option<u64>,
}

impl<'h> Signature<'h> {
    /// The directory the kernel uses.
    pub fn directory(&self) -> Option<&Directory<'h>> {
        self.directories.iter().max_by_key(|d| d.hash)
    }

    /// Whether everything before the signature is signed, as dyld demands; the kernel counts whole pages.
    pub fn covers_image(&self) -> bool {
        let end = |d: &Directory<'_>| d.limit.checked_next_multiple_of(d.page_size);
        self.directory().is_some_and(|d| end(d).is_none_or(|end| end >= u64::from(self.range.offset)))
    }

    /// Hashes every page of the image. This reads all of it.
    pub fn check_pages(&self, image: &[u8]) -> Pages {
        let mut pages = Pages::default();
        let Some(directory) = self.directory().filter(|d| !d.scattered) else { return pages };
        let mut hashes = directory.hashes.chunks_exact(directory.hash.size());
        let mut at = 0;
        while at < directory.limit {
            let end = at.saturating_add(directory.page_size).min(directory.limit);
            let range = usize::try_from(at).ok().zip(usize::try_from(end).ok());
            let page = range.and_then(|(start, end)| image.get(start..end));
            let intact = match (page, hashes.next()) {
                (Some(page), Some(hash)) => directory.hash.matches(page, hash),
                _ => false,
            };
            pages.total += 1;
            if !intact {
                pages.damaged += 1;
                pages.first_damaged.get_or_insert(at);
            }
            if page.is_none() {
                break;
            }
            at = end;
        }
        pages
    }
}

/// Reads the signature at `range`: a super blob, or a directory alone.
pub(super) fn read<'h>(image: &'h [u8], range: Range) -> Result<Signature<'h>, Fault> {
    let base = u64::from(range.offset);
    let fault = |offset: u64, problem| Fault::new(Part::CodeSignature, base + offset, problem);
    let bytes = range.bytes(image).ok_or_else(|| fault(0, Problem::OutOfRange))?;
    let head = bytes.read_at::<raw::CsGenericBlob>(0).map_err(|()| fault(0, Problem::OutOfRange))?;
    let length = head.length.get(BE);
    let blob = usize::try_from(length).ok().and_then(|n| bytes.get(..n));
    let blob = blob.ok_or_else(|| fault(4, Problem::BadSize(length.into())))?;
    let mut signature = Signature { range, directories: Vec::new(), has_identity: false };
    match head.magic.get(BE) {
        EMBEDDED => signature.index(blob, base)?,
        DIRECTORY => {
            let directory = directory(blob, base).map_err(|problem| fault(0, problem))?;
            signature.directories.push(directory);
        }
        magic => return Err(fault(0, Problem::BadMagic(magic))),
    }
    if signature.directories.is_empty() {
        return Err(fault(0, Problem::Incomplete));
    }
    Ok(signature)
}

impl<'h> Signature<'h> {
    /// Goes through the index of a super blob.
    fn index(&mut self, blob: &'h [u8], base: u64) -> Result<(), Fault> {
        let fault = |offset: u64, problem| Fault::new(Part::CodeSignature, base + offset, problem);
        let head = blob.read_at::<raw::CsSuperBlob>(0).map_err(|()| fault(0, Problem::OutOfRange))?;
        let count = usize::try_from(head.count.get(BE)).unwrap_or(usize::MAX);
        let index = blob
            .read_slice_at::<raw::CsBlobIndex>(size_of::<raw::CsSuperBlob>() as u64, count)
            .map_err(|()| fault(8, Problem::BadSize(count as u64)))?;
        let mut singles: Vec<u32> = Vec::new();
        for entry in index {
            let (slot, offset) = (entry.slot.get(BE).0, u64::from(entry.offset.get(BE)));
            let part = inner(blob, offset).ok_or_else(|| fault(offset, Problem::OutOfRange))?;
            if DIRECTORY_SLOTS.contains(&slot) {
                let found = directory(part, base + offset).map_err(|problem| fault(offset, problem))?;
                // A second one of the strongest hash so far is refused; a weaker one is passed over.
                if self.directory().is_some_and(|best| best.hash == found.hash) {
                    return Err(fault(offset, Problem::Duplicate));
                }
                if self.directories.iter().all(|d| d.hash != found.hash) {
                    self.directories.push(found);
                }
            } else if let Some((_, magic)) = SINGLE_SLOTS.iter().find(|(single, _)| *single == slot) {
                let found = part.read_at::<object::U32<BE>>(0).map_or(0, |m| m.get(BE));
                if found != *magic {
                    return Err(fault(offset, Problem::BadMagic(found)));
                }
                if singles.contains(&slot) {
                    return Err(fault(offset, Problem::Duplicate));
                }
                singles.push(slot);
            } else if slot == CMS_SLOT {
                self.has_identity = part.len() > 8;
            }
        }
        Ok(())
    }
}

/// The blob at an offset of the super blob, cut to its own length.
fn inner(blob: &[u8], offset: u64) -> Option<&[u8]> {
    let head = blob.read_at::<raw::CsGenericBlob>(offset).ok()?;
    blob.read_bytes_at(offset, head.length.get(BE).into()).ok()
}

/// `cs_validate_codedirectory`.
fn directory(bytes: &[u8], offset: u64) -> Result<Directory<'_>, Problem> {
    let d = bytes.read_at::<raw::CsCodeDirectoryV0>(0).map_err(|()| Problem::OutOfRange)?;
    if d.magic.get(BE) != DIRECTORY {
        return Err(Problem::BadMagic(d.magic.get(BE)));
    }
    let version = d.version.get(BE).0;
    let hash = HashKind::of(d.hash_type.0).ok_or(Problem::UnknownFormat(d.hash_type.0.into()))?;
    if usize::from(d.hash_size) != hash.size() {
        return Err(Problem::BadSize(d.hash_size.into()));
    }
    let size = hash.size() as u64;
    let (at, special) = (u64::from(d.hash_offset.get(BE)), u64::from(d.n_special_slots.get(BE)));
    if at / size < special {
        return Err(Problem::BadIndex(special));
    }
    let slots = u64::from(d.n_code_slots.get(BE));
    let hashes = bytes.read_bytes_at(at, slots * size).map_err(|()| Problem::BadSize(slots))?;
    let text = |at: u32| {
        stream::string_at(bytes, usize::try_from(at).unwrap_or(usize::MAX)).ok_or(Problem::Unterminated)
    };
    let extra = |version_with: u32, at: u64| {
        let value = bytes.read_at::<object::U32<BE>>(at).ok().map(|v| v.get(BE));
        if version >= version_with { value.filter(|v| *v != 0) } else { None }
    };
    let identifier = match d.ident_offset.get(BE) {
        0 => &[],
        at => text(at)?,
    };
    let limit64 = bytes.read_at::<object::U64<BE>>(56).ok().map(|v| v.get(BE));
    let limit = match limit64 {
        Some(limit) if version >= 0x20300 && limit != 0 => limit,
        _ => d.code_limit.get(BE).into(),
    };
    // Pages of the kernel (16 KiB on Apple silicon), or of 4 KiB everywhere.
    let page_size = match d.page_size {
        log2 @ (12 | 14) => 1 << log2,
        log2 => return Err(Problem::BadValue(log2.into())),
    };
    let scatter = extra(0x20100, 44);
    if let Some(at) = scatter {
        scatter_ends(bytes, at.into())?;
    }
    Ok(Directory {
        offset,
        version,
        flags: d.flags.get(BE).0,
        hash,
        page_size,
        limit,
        hashes,
        identifier,
        team: extra(0x20200, 48).map(text).transpose()?,
        scattered: scatter.is_some(),
    })
}

/// The scatter vector ends inside the directory.
fn scatter_ends(bytes: &[u8], mut at: u64) -> Result<(), Problem> {
    loop {
        let entry = bytes.read_at::<raw::CsScatter>(at).map_err(|()| Problem::OutOfRange)?;
        if entry.count.get(BE) == 0 {
            return Ok(());
        }
        at += size_of_val(entry) as u64;
    }
}
