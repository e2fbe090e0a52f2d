//! One file to its slices: a thin Mach-O file is one slice, a fat file lists up to sixteen.
//! It must never look into a slice further than its header, and never trust a count or an offset.
//! Follows dyld mach_o/Universal.cpp.

use object::macho::{FatArch32, FatArch64, FatHeader, MachHeader32};
use object::read::ReadRef;
use object::{BigEndian, LittleEndian};

use super::arch::Arch;
use super::fault::{Fault, Part, Problem};

/// `FAT_MAGIC`.
const FAT: u32 = 0xcafe_babe;
/// `FAT_MAGIC_64`.
const FAT_64: u32 = 0xcafe_babf;
/// dyld's kMaxSliceCount.
const MOST_SLICES: u32 = 16;
/// MH_OBJECT and MH_DSYM need no alignment.
const UNALIGNED_KINDS: [u32; 2] = [1, 10];

/// One entry of a fat file's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    /// The architecture the table claims.
    pub arch: Arch,
    /// Offset of its bytes in the file.
    pub offset: u64,
    /// Their number.
    pub size: u64,
}

impl Slice {
    /// Its bytes, as far as they are in the file.
    pub fn bytes<'h>(&self, file: &'h [u8]) -> &'h [u8] {
        let start = usize::try_from(self.offset).unwrap_or(usize::MAX).min(file.len());
        let rest = file.get(start..).unwrap_or_default();
        rest.get(..usize::try_from(self.size).unwrap_or(usize::MAX).min(rest.len())).unwrap_or_default()
    }
}

/// What keeps dyld from taking a fat file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FatFault {
    /// Not even one entry fits.
    TooShort,
    /// More than sixteen slices.
    TooMany(u32),
    /// The table is longer than the file.
    HeadersBeyondEnd,
    /// A slice is.
    SliceBeyondEnd(Arch),
    /// Two slices for one architecture.
    Duplicate(Arch),
    /// A slice does not start on a page of its architecture.
    Misaligned,
    /// The header in the slice says something else than the table.
    OtherArch {
        /// What the slice's own header says.
        header: Arch,
        /// What the table says.
        table: Arch,
    },
    /// Two slices share bytes.
    Overlap,
}

impl FatFault {
    /// dyld's sentence (since 1122; older ones look at less).
    pub fn loader_words(&self) -> String {
        match self {
            FatFault::TooShort => "fat file too short".to_owned(),
            // dyld prints the count as a signed number.
            FatFault::TooMany(count) => {
                format!("fat file has too many slices ({})", count.cast_signed())
            }
            FatFault::HeadersBeyondEnd => "slice headers extend beyond end of file".to_owned(),
            FatFault::SliceBeyondEnd(arch) => format!("{arch} slice extends beyond end of file"),
            FatFault::Duplicate(arch) => format!("duplicate {arch} slices"),
            FatFault::Misaligned => "slice is not page aligned".to_owned(),
            FatFault::OtherArch { header, table } => {
                format!("cpu type/subtype in slice ({header}) does not match fat header ({table})")
            }
            FatFault::Overlap => "overlapping slices".to_owned(),
        }
    }
}

/// A fat file's table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fat {
    /// 64-bit offsets.
    pub is64: bool,
    /// The entries that could be read, in the table's order; a hidden arm64 entry behind the last counts.
    pub slices: Vec<Slice>,
    /// The first thing dyld has against the file.
    pub fault: Option<FatFault>,
}

impl Fat {
    /// The slice a process with these grades takes.
    pub fn best(&self, grades: &[Arch]) -> Option<&Slice> {
        grades.iter().find_map(|grade| self.slices.iter().find(|slice| slice.arch.same(*grade)))
    }

    /// The architectures as dyld lists them: `x86_64,arm64`.
    pub fn names(&self) -> String {
        self.slices.iter().map(|slice| slice.arch.name()).collect::<Vec<_>>().join(",")
    }
}

/// A file with Mach-O content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Container {
    /// One image from the first byte on.
    Thin,
    /// A table of images.
    Fat(Fat),
}

/// Whether the first bytes are those of a Mach-O or fat file. A fat file has the magic number of a Java class,
/// whose next field is a version of 45 or more; dyld takes sixteen slices at most.
pub fn looks_like(bytes: &[u8]) -> bool {
    let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    match word(0) {
        Some(0xfeed_face | 0xfeed_facf | 0xcefa_edfe | 0xcffa_edfe | FAT_64) => true,
        Some(FAT) => word(4).is_some_and(|count| count < 45),
        _ => false,
    }
}

/// Reads the container. An error is a file that is neither.
pub fn container(bytes: &[u8]) -> Result<Container, Fault> {
    let fault = |problem| Fault::new(Part::Header, 0, problem);
    let Ok(header) = bytes.read_at::<FatHeader>(0) else { return Err(fault(Problem::OutOfRange)) };
    match header.magic.get(BigEndian) {
        FAT => Ok(Container::Fat(fat(bytes, header.nfat_arch.get(BigEndian), false))),
        FAT_64 => Ok(Container::Fat(fat(bytes, header.nfat_arch.get(BigEndian), true))),
        0xcefa_edfe | 0xcffa_edfe => Ok(Container::Thin),
        0xfeed_face | 0xfeed_facf => Err(fault(Problem::BigEndian)),
        magic => Err(fault(Problem::BadMagic(magic))),
    }
}

fn fat(bytes: &[u8], count: u32, is64: bool) -> Fat {
    let mut fat = Fat { is64, slices: Vec::new(), fault: None };
    let entry = if is64 { size_of::<FatArch64>() } else { size_of::<FatArch32>() };
    let size = size_of::<FatHeader>();
    if bytes.len() < size + entry {
        fat.fault = Some(FatFault::TooShort);
        return fat;
    }
    // A 32-bit table has room for one more entry, which old tools do not count.
    let room = u64::from(count) + u64::from(!is64);
    fat.fault = if count > MOST_SLICES {
        Some(FatFault::TooMany(count))
    } else if size as u64 + room * entry as u64 > bytes.len() as u64 {
        Some(FatFault::HeadersBeyondEnd)
    } else {
        None
    };
    for index in 0..count.min(MOST_SLICES) {
        let Some(mut slice) = entry_at(bytes, index, is64) else { return fat };
        if !is64 && slice.arch == Arch::ARM64E_OLD {
            slice.arch = Arch::ARM64E;
        }
        fat.slices.push(slice);
    }
    if !is64
        && count <= MOST_SLICES
        && let Some(hidden) = entry_at(bytes, count, false)
        && hidden.arch.same(Arch::ARM64)
    {
        fat.slices.push(hidden);
    }
    if fat.fault.is_none() {
        fat.fault = check(bytes, &fat.slices);
    }
    fat
}

fn entry_at(bytes: &[u8], index: u32, is64: bool) -> Option<Slice> {
    let at = |size: usize| size_of::<FatHeader>() as u64 + u64::from(index) * size as u64;
    let arch = |cpu: u32, sub: u32| Arch { cpu, sub };
    if is64 {
        let e = bytes.read_at::<FatArch64>(at(size_of::<FatArch64>())).ok()?;
        Some(Slice {
            arch: arch(e.cputype.get(BigEndian).0, e.cpusubtype.get(BigEndian).0),
            offset: e.offset.get(BigEndian),
            size: e.size.get(BigEndian),
        })
    } else {
        let e = bytes.read_at::<FatArch32>(at(size_of::<FatArch32>())).ok()?;
        Some(Slice {
            arch: arch(e.cputype.get(BigEndian).0, e.cpusubtype.get(BigEndian).0),
            offset: e.offset.get(BigEndian).into(),
            size: e.size.get(BigEndian).into(),
        })
    }
}

/// `Universal::valid`, slice by slice.
fn check(bytes: &[u8], slices: &[Slice]) -> Option<FatFault> {
    let length = bytes.len() as u64;
    for (index, slice) in slices.iter().enumerate() {
        if slice.offset.checked_add(slice.size).is_none_or(|end| end > length) {
            return Some(FatFault::SliceBeyondEnd(slice.arch));
        }
        if slices.iter().take(index).any(|other| other.arch.same(slice.arch)) {
            return Some(FatFault::Duplicate(slice.arch));
        }
        if let Some(fault) = check_slice(slice, slice.bytes(bytes)) {
            return Some(fault);
        }
    }
    let overlap = |a: &Slice, b: &Slice| a.offset < b.offset + b.size && b.offset < a.offset + a.size;
    let any = |(index, a): (usize, &Slice)| slices.iter().skip(index + 1).any(|b| overlap(a, b));
    slices.iter().enumerate().any(any).then_some(FatFault::Overlap)
}

fn check_slice(slice: &Slice, bytes: &[u8]) -> Option<FatFault> {
    let header = bytes.read_at::<MachHeader32<LittleEndian>>(0).ok()?;
    if !matches!(header.magic.get(BigEndian), 0xcefa_edfe | 0xcffa_edfe) {
        return None;
    }
    let own = Arch { cpu: header.cputype.get(LittleEndian).0, sub: header.cpusubtype.get(LittleEndian).0 };
    if !UNALIGNED_KINDS.contains(&header.filetype.get(LittleEndian).0) {
        let page = if own.has_16k_pages() { 0x4000 } else { 0x1000 };
        if !slice.offset.is_multiple_of(page) {
            return Some(FatFault::Misaligned);
        }
    }
    let loose = own.is_arm64e() && slice.arch.is_arm64e();
    (!own.same(slice.arch) && !loose).then_some(FatFault::OtherArch { header: own, table: slice.arch })
}
