//! dyld's inspection of a header before it maps an image, macOS 15.4 and later: the first objection, in dyld's order.
//! It must never look at the contents of `__LINKEDIT`: dyld does not either, when it opens a library.
//! Follows dyld mach_o/UnsafeHeader.cpp: UnsafeHeader::valid, and mach_o/Policy.cpp (1284 to 1378).

mod epoch;
mod overlap;
mod semantics;
mod structure;

use epoch::Epoch;

use super::commands::{self, Command, Commands, Header, Walk};
use super::facts::{FileKind, MachoFacts};
use super::platform::{Platform, Version};

/// Which release of dyld inspects: the rows of its policy that differ.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Inspection {
    /// dyld 1284 to 1286: macOS 15.4 to 15.6.
    Spring2025,
    /// From dyld 1323: macOS 26.
    Fall2025,
}

impl Inspection {
    /// What the dyld of a macOS does; nothing before 15.4.
    pub fn of_macos(version: Version) -> Option<Inspection> {
        if version >= Version::new(26, 0) {
            Some(Inspection::Fall2025)
        } else if version >= Version::new(15, 4) {
            Some(Inspection::Spring2025)
        } else {
            None
        }
    }
}

/// dyld's first objection to a header, with what its sentence names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Objection<'h> {
    /// The load commands are longer than the file.
    CommandsBeyondFile {
        /// Header and load commands.
        length: u64,
        /// The whole file, not the slice.
        file: u64,
    },
    /// An unknown file type.
    FileKind(u32),
    /// A load command that cannot be.
    BadCommand {
        /// Its number, from 1.
        number: u32,
        /// How many there should be.
        count: u32,
        /// What is wrong.
        walk: Walk,
    },
    /// A string that begins outside its load command.
    StringOutside {
        /// Number of the command.
        number: u32,
        /// Where the string should begin.
        offset: u32,
        /// Size of the command.
        size: u32,
    },
    /// A string without end in its load command.
    StringUnterminated(u32),
    /// A load command of the wrong size.
    CommandSize {
        /// Its number.
        number: u32,
        /// Its name as dyld writes it.
        name: &'static str,
    },
    /// A segment command whose size is not that of its sections.
    SectionCount {
        /// Its number.
        number: u32,
        /// `LC_SEGMENT` or `LC_SEGMENT_64`.
        name: &'static str,
    },
    /// A load command dyld must understand and does not.
    UnknownRequired {
        /// Its number.
        number: u32,
        /// `LC_*`.
        cmd: u32,
    },
    /// A platform number dyld does not know, or none at all.
    UnknownPlatform,
    /// Two platforms that do not go together.
    IncompatiblePlatforms(&'static str, &'static str),
    /// One of the sentences without a value.
    Plain(&'static str),
    /// A library linked twice.
    DuplicateDependent(&'h [u8]),
    /// An LC_RPATH that is there twice.
    DuplicateRpath(&'h [u8]),
    /// Something about one segment: dyld's words before and after its name.
    Segment {
        /// Before.
        before: &'static str,
        /// The segment.
        name: &'h [u8],
        /// After.
        after: &'static str,
    },
    /// Permission bits nobody knows.
    SegmentBits {
        /// The segment.
        name: &'h [u8],
        /// Its `initprot`.
        bits: u32,
    },
    /// A section larger than half the address space.
    SectionSize {
        /// The section.
        name: &'h [u8],
        /// Its size.
        size: u64,
    },
    /// A section that begins before its segment.
    SectionBefore {
        /// The section.
        name: &'h [u8],
        /// Its address.
        section: u64,
        /// That of the segment.
        segment: u64,
    },
    /// A section that ends behind its segment.
    SectionBeyond {
        /// The section.
        name: &'h [u8],
        /// Its end.
        section: u64,
        /// That of the segment.
        segment: u64,
    },
    /// Two segments that share addresses or bytes.
    SegmentOverlap {
        /// `vm` or `file`.
        what: &'static str,
        /// The one.
        first: &'h [u8],
        /// The other.
        second: &'h [u8],
    },
}

impl Objection<'_> {
    /// dyld's sentence. Addresses that dyld prints are not known beforehand and stand as `0x?`.
    pub fn loader_words(&self) -> String {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        match self {
            Objection::CommandsBeyondFile { length, file } => {
                format!("load commands length ({length}) exceeds length of file ({file})")
            }
            Objection::FileKind(kind) => format!("unknown filetype {}", kind.cast_signed()),
            Objection::BadCommand { number, count, walk } => {
                let start = format!("malformed load command ({number} of {count}) at 0x? with mh=0x?, ");
                start
                    + &match walk {
                        Walk::OffEnd => "off end of load commands".to_owned(),
                        Walk::TooSmall(size) => format!("size (0x{size:X}) too small"),
                        Walk::TooLarge(size) => {
                            format!("size (0x{size:X}) is too large, load commands end at 0x?")
                        }
                    }
            }
            Objection::StringOutside { number, offset, size } => {
                format!("load command #{number} string offset ({offset}) outside its size ({size})")
            }
            Objection::StringUnterminated(number) => {
                format!("load command #{number} string extends beyond end of load command")
            }
            Objection::CommandSize { number, name } => format!("load command #{number} {name} size wrong"),
            Objection::SectionCount { number, name } => {
                format!("load command #{number} {name} size does not match number of sections")
            }
            Objection::UnknownRequired { number, cmd } => {
                format!("load command #{number} unknown required load command 0x{cmd:08X}")
            }
            Objection::UnknownPlatform => "unknown platform".to_owned(),
            Objection::IncompatiblePlatforms(a, b) => format!("incompatible platforms: {a} - {b}"),
            Objection::Plain(words) => (*words).to_owned(),
            Objection::DuplicateDependent(name) => format!("duplicate linked dylib '{}'", text(name)),
            Objection::DuplicateRpath(path) => format!("duplicate LC_RPATH '{}'", text(path)),
            Objection::Segment { before, name, after } => format!("{before}'{}'{after}", text(name)),
            Objection::SegmentBits { name, bits } => {
                format!("{} segment permissions has invalid bits set (0x{bits:08X})", text(name))
            }
            Objection::SectionSize { name, size } => {
                format!("section '{}' size too large 0x{size:X}", text(name))
            }
            Objection::SectionBefore { name, section, segment } => format!(
                "section '{}' start address 0x{section:X} is before containing segment's address 0x{segment:X}",
                text(name)
            ),
            Objection::SectionBeyond { name, section, segment } => format!(
                "section '{}' end address 0x{section:X} is beyond containing segment's end address 0x{segment:X}",
                text(name)
            ),
            Objection::SegmentOverlap { what, first, second } => {
                format!("{what} range of segment '{}' overlaps segment '{}'", text(first), text(second))
            }
        }
    }
}

/// What one inspection is about.
struct Subject<'a, 'h> {
    facts: &'a MachoFacts<'h>,
    header: Header,
    file_size: u64,
    inspection: Inspection,
    /// When the SDK came out, which decides how strict dyld is.
    epoch: Epoch,
}

/// dyld's first objection to a header. `file_size` is the size of the whole file, even for a slice.
pub fn objection<'h>(
    facts: &MachoFacts<'h>,
    file_size: u64,
    inspection: Inspection,
) -> Option<Objection<'h>> {
    // The facts exist, so the header can be read again.
    let header = commands::header(facts.bytes).ok()?;
    let mut subject = Subject { facts, header, file_size, inspection, epoch: Epoch::default() };
    let inspect = |subject: &mut Subject<'_, 'h>| {
        subject.structure()?;
        let (platform, sdk) = subject.platform()?;
        subject.epoch = Epoch::of(platform, sdk);
        subject.uuid()?;
        subject.install_name()?;
        subject.dependents()?;
        subject.rpaths()?;
        subject.segments()?;
        subject.linker_options()?;
        subject.entry()
    };
    inspect(&mut subject).err()
}

impl<'h> Subject<'_, 'h> {
    /// The well-formed load commands.
    fn commands(&self) -> impl Iterator<Item = Command<'h>> + use<'h> {
        Commands::new(self.facts.bytes, &self.header).map_while(Result::ok)
    }

    /// Whether the SDK came out at that time or later.
    fn since(&self, epoch: Epoch) -> bool {
        self.epoch >= epoch
    }

    fn is(&self, kind: FileKind) -> bool {
        self.facts.kind == kind
    }

    /// A program that no dyld starts.
    fn is_static_program(&self) -> bool {
        self.is(FileKind::EXECUTE) && !self.facts.has_dylinker
    }

    fn is_driverkit(&self) -> bool {
        self.facts.effective_platforms().iter().any(|p| p.platform == Platform::DRIVERKIT)
    }
}
