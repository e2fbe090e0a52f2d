//! Header and load commands of one image to facts.
//! It must never follow an offset out of its own command; tables are read by others.
//! Follows dyld mach_o/UnsafeHeader.cpp: forEachLoadCommand and the readers on top of it.

use object::macho as raw;
use object::read::ReadRef;
use object::{LittleEndian as LE, Pod};

use super::arch::Arch;
use super::facts::{
    Dependent, DyldInfo, Dysymtab, Encryption, Entry, FileKind, Flags, InstallName, Linkage, Linkedit, Range,
    Section, Segment, Symtab,
};
use super::fault::{Fault, Part, Problem};
use super::platform::{Platform, PlatformVersion, Version};
use crate::analyzer::image::limits;

/// `dylib_use_command` carries this where older commands have a time stamp.
const USE_MARKER: u32 = 0x1a74_1800;

/// The header's fields.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Processor.
    pub arch: Arch,
    /// 64-bit structures.
    pub is64: bool,
    /// File type.
    pub kind: FileKind,
    /// Flags.
    pub flags: Flags,
    /// Number of load commands.
    pub count: u32,
    /// Size of the header itself.
    pub size: u32,
    /// Size of the load commands.
    pub commands: u32,
}

/// Reads the header. It can be read whenever the magic number is there: dyld looks at the processor before anything else.
pub fn header(image: &[u8]) -> Result<Header, Fault> {
    let fault = |problem| Fault::new(Part::Header, 0, problem);
    let header = image.read_at::<raw::MachHeader32<LE>>(0).map_err(|()| fault(Problem::OutOfRange))?;
    let is64 = match header.magic.get(object::BigEndian) {
        0xcefa_edfe => false,
        0xcffa_edfe => true,
        0xfeed_face | 0xfeed_facf => return Err(fault(Problem::BigEndian)),
        magic => return Err(fault(Problem::BadMagic(magic))),
    };
    let size = if is64 { size_of::<raw::MachHeader64<LE>>() } else { size_of::<raw::MachHeader32<LE>>() };
    Ok(Header {
        arch: Arch { cpu: header.cputype.get(LE).0, sub: header.cpusubtype.get(LE).0 },
        is64,
        kind: FileKind(header.filetype.get(LE).0),
        flags: Flags(header.flags.get(LE).0),
        count: header.ncmds.get(LE),
        size: u32::try_from(size).unwrap_or(0),
        commands: header.sizeofcmds.get(LE),
    })
}

/// One load command: its number from 1, its place in the image, its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Command<'h> {
    /// From 1, as dyld counts in messages.
    pub number: u32,
    /// From the start of the image.
    pub offset: u64,
    /// `LC_*`.
    pub cmd: u32,
    /// All of it, `cmdsize` bytes.
    pub bytes: &'h [u8],
}

impl<'h> Command<'h> {
    /// The command as a structure, if it is long enough for one.
    pub fn as_struct<T: Pod>(&self) -> Option<&'h T> {
        self.bytes.read_at::<T>(0).ok()
    }

    /// The string at `offset` of the command: up to its NUL, and whether there is one.
    pub fn string(&self, offset: u32) -> (&'h [u8], bool) {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let rest = self.bytes.get(start..).unwrap_or_default();
        match rest.iter().position(|b| *b == 0) {
            Some(end) => (rest.get(..end).unwrap_or_default(), true),
            None => (rest, false),
        }
    }

    fn u32(&self, at: usize) -> u32 {
        let word = self.bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
        word.map_or(0, u32::from_le_bytes)
    }
}

/// What is wrong with the table of load commands, as a place in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Walk {
    /// The header promises more of them than there are bytes.
    OffEnd,
    /// A `cmdsize` below 8.
    TooSmall(u32),
    /// A `cmdsize` beyond the end of the table.
    TooLarge(u32),
}

/// The load commands in order; after a malformed one there are no more.
pub struct Commands<'h> {
    image: &'h [u8],
    next: u64,
    end: u64,
    number: u32,
    count: u32,
}

impl<'h> Commands<'h> {
    /// Of an image whose header was read.
    pub fn new(image: &'h [u8], header: &Header) -> Commands<'h> {
        let start = u64::from(header.size);
        let end = (start + u64::from(header.commands)).min(image.len() as u64);
        Commands { image, next: start, end, number: 0, count: header.count }
    }
}

impl<'h> Iterator for Commands<'h> {
    type Item = Result<Command<'h>, (u32, u64, Walk)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.number >= self.count {
            return None;
        }
        self.number += 1;
        let offset = self.next;
        let mut fail = |walk| {
            let number = self.number;
            self.number = self.count;
            Some(Err((number, offset, walk)))
        };
        let Some(rest) = self.end.checked_sub(offset).filter(|rest| *rest > 0) else {
            return fail(Walk::OffEnd);
        };
        let Ok(head) = self.image.read_at::<raw::LoadCommand<LE>>(offset) else {
            return fail(Walk::OffEnd);
        };
        let size = head.cmdsize.get(LE);
        if size < 8 {
            return fail(Walk::TooSmall(size));
        }
        if u64::from(size) > rest {
            return fail(Walk::TooLarge(size));
        }
        let Ok(bytes) = self.image.read_bytes_at(offset, size.into()) else {
            return fail(Walk::TooLarge(size));
        };
        self.next = offset + u64::from(size);
        Some(Ok(Command { number: self.number, offset, cmd: head.cmd.get(LE).0, bytes }))
    }
}

/// Everything the load commands say.
#[derive(Default)]
pub(super) struct Said<'h> {
    pub install_name: Option<InstallName<'h>>,
    pub dependents: Vec<Dependent<'h>>,
    pub rpaths: Vec<&'h [u8]>,
    pub platforms: Vec<PlatformVersion>,
    pub uuid: Option<[u8; 16]>,
    pub segments: Vec<Segment<'h>>,
    pub entry: Option<Entry>,
    pub has_dylinker: bool,
    pub encryption: Option<Encryption>,
    pub linkedit: Linkedit,
    pub malformed: Option<Fault>,
}

/// Reads all load commands.
pub(super) fn read<'h>(image: &'h [u8], header: &Header) -> Said<'h> {
    let mut said = Said::default();
    let mut room = limits::LOAD_COMMANDS;
    for command in Commands::new(image, header) {
        let problem = match command {
            Err((_, offset, walk)) => {
                let problem = match walk {
                    Walk::OffEnd => Problem::OutOfRange,
                    Walk::TooSmall(size) | Walk::TooLarge(size) => Problem::BadSize(size.into()),
                };
                Some((offset, problem))
            }
            Ok(_) if room == 0 => {
                said.fail(header.size.into(), Problem::TooMuch);
                break;
            }
            Ok(command) => {
                room -= 1;
                said.learn(&command, header).err().map(|problem| (command.offset, problem))
            }
        };
        if let Some((offset, problem)) = problem {
            said.fail(offset, problem);
        }
    }
    said
}

impl<'h> Said<'h> {
    fn fail(&mut self, offset: u64, problem: Problem) {
        self.malformed.get_or_insert(Fault::new(Part::LoadCommands, offset, problem));
    }

    /// Takes in one command. An error is a command of the wrong size or with a bad string; what can be read of it is taken.
    fn learn(&mut self, c: &Command<'h>, header: &Header) -> Result<(), Problem> {
        let short = Problem::BadSize(c.bytes.len() as u64);
        match raw::LoadCommandType(c.cmd) {
            raw::LC_SEGMENT_64 => self.segments.push(segment64(c).ok_or(short)?),
            raw::LC_SEGMENT => self.segments.push(segment32(c).ok_or(short)?),
            raw::LC_ID_DYLIB => {
                let d = c.as_struct::<raw::DylibCommand<LE>>().ok_or(short)?;
                let (name, whole) = c.string(d.dylib.name.offset.get(LE));
                let current = Version(d.dylib.current_version.get(LE).0);
                let compatibility = Version(d.dylib.compatibility_version.get(LE).0);
                self.install_name.get_or_insert(InstallName { name, current, compatibility });
                return ended(whole);
            }
            raw::LC_LOAD_DYLIB
            | raw::LC_LOAD_WEAK_DYLIB
            | raw::LC_REEXPORT_DYLIB
            | raw::LC_LOAD_UPWARD_DYLIB => {
                let d = c.as_struct::<raw::DylibCommand<LE>>().ok_or(short)?;
                let (name, whole) = c.string(d.dylib.name.offset.get(LE));
                self.dependents.push(Dependent {
                    name,
                    linkage: linkage(c, d),
                    current: Version(d.dylib.current_version.get(LE).0),
                    compatibility: Version(d.dylib.compatibility_version.get(LE).0),
                    offset: c.offset,
                });
                return ended(whole);
            }
            raw::LC_RPATH => {
                let r = c.as_struct::<raw::RpathCommand<LE>>().ok_or(short)?;
                let (path, whole) = c.string(r.path.offset.get(LE));
                self.rpaths.push(path);
                return ended(whole);
            }
            raw::LC_UUID => {
                let u = c.as_struct::<raw::UuidCommand<LE>>().ok_or(short)?;
                self.uuid.get_or_insert(u.uuid);
            }
            raw::LC_BUILD_VERSION => {
                let v = c.as_struct::<raw::BuildVersionCommand<LE>>().ok_or(short)?;
                self.platforms.push(PlatformVersion {
                    platform: Platform(v.platform.get(LE).0),
                    minos: Version(v.minos.get(LE).0),
                    sdk: Version(v.sdk.get(LE).0),
                });
            }
            raw::LC_VERSION_MIN_MACOSX
            | raw::LC_VERSION_MIN_IPHONEOS
            | raw::LC_VERSION_MIN_TVOS
            | raw::LC_VERSION_MIN_WATCHOS => {
                let v = c.as_struct::<raw::VersionMinCommand<LE>>().ok_or(short)?;
                let (minos, sdk) = (Version(v.version.get(LE).0), Version(v.sdk.get(LE).0));
                self.platforms.push(old_platform(c.cmd, header.arch, minos, sdk));
            }
            raw::LC_MAIN => {
                let m = c.as_struct::<raw::EntryPointCommand<LE>>().ok_or(short)?;
                self.entry.get_or_insert(Entry::Main(m.entryoff.get(LE)));
            }
            raw::LC_UNIXTHREAD => {
                self.entry.get_or_insert(Entry::Thread);
            }
            raw::LC_LOAD_DYLINKER => self.has_dylinker = true,
            raw::LC_ENCRYPTION_INFO | raw::LC_ENCRYPTION_INFO_64 => {
                let e = c.as_struct::<raw::EncryptionInfoCommand32<LE>>().ok_or(short)?;
                let (offset, size) = (e.cryptoff.get(LE), e.cryptsize.get(LE));
                self.encryption.get_or_insert(Encryption { offset, size, id: e.cryptid.get(LE) });
            }
            _ => return self.learn_table(c),
        }
        Ok(())
    }

    /// Commands that name tables. Of several, dyld uses the last, except for the signature.
    fn learn_table(&mut self, c: &Command<'h>) -> Result<(), Problem> {
        let short = Problem::BadSize(c.bytes.len() as u64);
        let data = || {
            let d = c.as_struct::<raw::LinkeditDataCommand<LE>>().ok_or(short)?;
            Ok(Range { offset: d.dataoff.get(LE), size: d.datasize.get(LE) })
        };
        match raw::LoadCommandType(c.cmd) {
            raw::LC_SYMTAB => {
                let s = c.as_struct::<raw::SymtabCommand<LE>>().ok_or(short)?;
                self.linkedit.symtab = Some(Symtab {
                    symbols: s.symoff.get(LE),
                    count: s.nsyms.get(LE),
                    strings: Range { offset: s.stroff.get(LE), size: s.strsize.get(LE) },
                });
            }
            raw::LC_DYSYMTAB => {
                let d = c.as_struct::<raw::DysymtabCommand<LE>>().ok_or(short)?;
                self.linkedit.dysymtab = Some(Dysymtab {
                    first_global: d.iextdefsym.get(LE),
                    globals: d.nextdefsym.get(LE),
                    first_undefined: d.iundefsym.get(LE),
                    undefined: d.nundefsym.get(LE),
                    indirect: d.indirectsymoff.get(LE),
                    indirect_count: d.nindirectsyms.get(LE),
                    relocations: d.extreloff.get(LE),
                    relocation_count: d.nextrel.get(LE),
                });
            }
            raw::LC_DYLD_INFO | raw::LC_DYLD_INFO_ONLY => {
                c.as_struct::<raw::DyldInfoCommand<LE>>().ok_or(short)?;
                // Five pairs of offset and size behind the head.
                let pair = |i: usize| Range { offset: c.u32(8 + i * 8), size: c.u32(12 + i * 8) };
                self.linkedit.info = Some(DyldInfo {
                    rebase: pair(0),
                    bind: pair(1),
                    weak_bind: pair(2),
                    lazy_bind: pair(3),
                    export: pair(4),
                });
            }
            raw::LC_DYLD_CHAINED_FIXUPS => self.linkedit.chained = Some(data()?),
            raw::LC_DYLD_EXPORTS_TRIE => self.linkedit.trie = Some(data()?),
            raw::LC_SEGMENT_SPLIT_INFO => self.linkedit.split_info = Some(data()?),
            raw::LC_CODE_SIGNATURE => {
                let range = data()?;
                self.linkedit.signature.get_or_insert(range);
            }
            _ => {}
        }
        Ok(())
    }
}

fn ended(whole: bool) -> Result<(), Problem> {
    if whole { Ok(()) } else { Err(Problem::Unterminated) }
}

fn linkage(c: &Command<'_>, d: &raw::DylibCommand<LE>) -> Linkage {
    if let Some(u) = c.as_struct::<raw::DylibUseCommand<LE>>()
        && u.marker.get(LE) == USE_MARKER
        && u.nameoff.get(LE) as usize == size_of::<raw::DylibUseCommand<LE>>()
    {
        let flags = u.flags.get(LE).0;
        return Linkage {
            weak: flags & 1 != 0,
            reexport: flags & 2 != 0,
            upward: flags & 4 != 0,
            delay_init: flags & 8 != 0,
        };
    }
    let kind = d.cmd.get(LE);
    Linkage {
        weak: kind == raw::LC_LOAD_WEAK_DYLIB,
        reexport: kind == raw::LC_REEXPORT_DYLIB,
        upward: kind == raw::LC_LOAD_UPWARD_DYLIB,
        delay_init: false,
    }
}

/// Old simulator images carry the device's command.
fn old_platform(cmd: u32, arch: Arch, minos: Version, sdk: Version) -> PlatformVersion {
    let simulated = arch.is_x86_64() || arch.is_i386();
    let platform = match raw::LoadCommandType(cmd) {
        raw::LC_VERSION_MIN_IPHONEOS if simulated => Platform::IOS_SIMULATOR,
        raw::LC_VERSION_MIN_IPHONEOS => Platform::IOS,
        raw::LC_VERSION_MIN_TVOS if arch.is_x86_64() => Platform::TVOS_SIMULATOR,
        raw::LC_VERSION_MIN_TVOS => Platform::TVOS,
        raw::LC_VERSION_MIN_WATCHOS if simulated => Platform::WATCHOS_SIMULATOR,
        raw::LC_VERSION_MIN_WATCHOS => Platform::WATCHOS,
        _ => Platform::MACOS,
    };
    // The first form of the macOS command had no SDK.
    let sdk = if platform == Platform::MACOS && sdk.0 == 0 { minos } else { sdk };
    PlatformVersion { platform, minos, sdk }
}

/// A name of sixteen bytes, padded with NUL.
fn name16(name: &[u8; 16]) -> &[u8] {
    let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
    name.get(..end).unwrap_or_default()
}

fn segment64<'h>(c: &Command<'h>) -> Option<Segment<'h>> {
    let s = c.as_struct::<raw::SegmentCommand64<LE>>()?;
    let room = (c.bytes.len() - size_of_val(s)) / size_of::<raw::Section64<LE>>();
    let count = usize::try_from(s.nsects.get(LE)).ok()?.min(room);
    let sections = c.bytes.read_slice_at::<raw::Section64<LE>>(size_of_val(s) as u64, count).ok()?;
    let section = |x: &'h raw::Section64<LE>| Section {
        name: name16(&x.sectname),
        addr: x.addr.get(LE),
        size: x.size.get(LE),
        offset: x.offset.get(LE).into(),
        flags: x.flags.get(LE).0,
        reserved1: x.reserved1.get(LE),
        reserved2: x.reserved2.get(LE),
    };
    Some(Segment {
        name: name16(&s.segname),
        vmaddr: s.vmaddr.get(LE),
        vmsize: s.vmsize.get(LE),
        fileoff: s.fileoff.get(LE),
        filesize: s.filesize.get(LE),
        initprot: s.initprot.get(LE).0,
        maxprot: s.maxprot.get(LE).0,
        flags: s.flags.get(LE).0,
        sections: sections.iter().map(section).collect(),
    })
}

fn segment32<'h>(c: &Command<'h>) -> Option<Segment<'h>> {
    let s = c.as_struct::<raw::SegmentCommand32<LE>>()?;
    let room = (c.bytes.len() - size_of_val(s)) / size_of::<raw::Section32<LE>>();
    let count = usize::try_from(s.nsects.get(LE)).ok()?.min(room);
    let sections = c.bytes.read_slice_at::<raw::Section32<LE>>(size_of_val(s) as u64, count).ok()?;
    let section = |x: &'h raw::Section32<LE>| Section {
        name: name16(&x.sectname),
        addr: x.addr.get(LE).into(),
        size: x.size.get(LE).into(),
        offset: x.offset.get(LE).into(),
        flags: x.flags.get(LE).0,
        reserved1: x.reserved1.get(LE),
        reserved2: x.reserved2.get(LE),
    };
    Some(Segment {
        name: name16(&s.segname),
        vmaddr: s.vmaddr.get(LE).into(),
        vmsize: s.vmsize.get(LE).into(),
        fileoff: s.fileoff.get(LE).into(),
        filesize: s.filesize.get(LE).into(),
        initprot: s.initprot.get(LE).0,
        maxprot: s.maxprot.get(LE).0,
        flags: s.flags.get(LE).0,
        sections: sections.iter().map(section).collect(),
    })
}
