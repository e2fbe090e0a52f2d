//! What can be wrong with one file, taken alone: typed, with the loader's own sentence for each.
//! It never decides whether a library fails (that depends on the link map) and never formats for people.
//! Sentences are those of glibc elf/dl-load.c, elf/dl-reloc.c and elf/dl-version.c.

use super::errno::Errno;
use super::image::vm::{Fault, FaultKind};
use super::model::{Death, Signal};

/// The structure a defect was met in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Structure {
    /// The ELF header.
    Header,
    /// The program header table.
    ProgramHeaders,
    /// The loaded segments.
    Segments,
    /// The dynamic section.
    Dynamic,
    /// The dynamic string table.
    Strings,
    /// The dynamic symbol table.
    Symbols,
    /// DT_GNU_HASH or DT_HASH.
    Hash,
    /// DT_VERSYM.
    VersionIndex,
    /// The table of versions the loader makes of the records, on its heap.
    VersionTable,
    /// DT_VERNEED.
    VersionNeeds,
    /// DT_VERDEF.
    VersionDefinitions,
    /// DT_REL, DT_RELA, DT_JMPREL, DT_RELR.
    Relocations,
    /// The place a relocation writes to.
    RelocationTarget,
    /// A note segment.
    Notes,
    /// PT_GNU_RELRO.
    Relro,
    /// DT_INIT, DT_INIT_ARRAY, DT_PREINIT_ARRAY.
    Constructors,
    /// Code the loader calls while relocating.
    Resolver,
    /// PT_TLS.
    Tls,
}

impl Structure {
    /// The name used in messages.
    pub fn name(self) -> &'static str {
        match self {
            Structure::Header => "ELF header",
            Structure::ProgramHeaders => "program header table",
            Structure::Segments => "table of loaded segments",
            Structure::Dynamic => "dynamic section",
            Structure::Strings => "dynamic string table",
            Structure::Symbols => "dynamic symbol table",
            Structure::Hash => "symbol hash table",
            Structure::VersionIndex => "symbol version index",
            Structure::VersionTable => "version table",
            Structure::VersionNeeds => "version need table",
            Structure::VersionDefinitions => "version definition table",
            Structure::Relocations => "relocation table",
            Structure::RelocationTarget => "relocation target",
            Structure::Notes => "note",
            Structure::Relro => "read-only-after-relocation range",
            Structure::Constructors => "constructor table",
            Structure::Resolver => "IFUNC resolver",
            Structure::Tls => "TLS segment",
        }
    }
}

/// The assertion of ld.so that a file trips.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Assertion {
    /// DT_PLTREL is neither the machine's REL nor RELA.
    PltRel,
    /// DT_RELAENT is not the size of a record.
    RelaEnt,
    /// DT_RELENT is not the size of a record.
    RelEnt,
    /// DT_RELRENT is not the word size.
    RelrEnt,
    /// One of the first DT_RELACOUNT records is not RELATIVE.
    RelativeCount,
    /// The bloom filter's word count is not a power of two.
    BloomSize,
    /// A version is needed of a file that is not loaded.
    VersionFile,
    /// A versioned symbol is bound to the named file, which has no versions.
    UnversionedProvider,
    /// A filtee stands before the root in the search list.
    RootFirst,
    /// A version table offset of zero.
    VersionDefinitionOffset,
}

/// A defect of one file.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Defect {
    /// Fewer bytes than an ELF header.
    TooShort,
    /// The file cannot be read.
    Unreadable(Option<Errno>),
    /// No ELF magic.
    NotElf,
    /// EI_CLASS of another word size.
    WrongClass(u8),
    /// EI_DATA of the other byte order.
    WrongByteOrder {
        /// Value of EI_DATA.
        found: u8,
        /// The loader is big-endian.
        big: bool,
    },
    /// EI_VERSION is not 1.
    IdentVersion(u8),
    /// EI_OSABI is neither SysV nor GNU.
    OsAbi(u8),
    /// EI_ABIVERSION beyond what the loader knows.
    AbiVersion(u8),
    /// e_ident[9..16] not zero.
    IdentPadding,
    /// The header comparison failed for no reason the loader can name (ARM float ABI upstream).
    HeaderInternal,
    /// e_version is not 1.
    FileVersion(u32),
    /// e_machine (or its ABI flags) of another machine.
    WrongMachine(u16),
    /// e_type is neither ET_DYN nor ET_EXEC.
    FileType(u16),
    /// ET_EXEC.
    Executable,
    /// e_phentsize has another size.
    PhentSize(u16),
    /// The program headers are not all in the file.
    HeadersUnreadable(Option<Errno>),
    /// NT_GNU_ABI_TAG of another system or a newer kernel.
    AbiTag,
    /// `p_align` not a multiple of the page size (up to 2.34).
    AlignNotPage(u64),
    /// Address and offset differ modulo `p_align` (up to 2.34).
    OffsetNotAligned,
    /// Address and offset differ modulo the page size.
    OffsetNotPage,
    /// No PT_LOAD.
    NoSegments,
    /// No PT_DYNAMIC, or an empty one.
    NoDynamic,
    /// The kernel refuses the mapping (noexec, size).
    MapRefused,
    /// The kernel refuses a mapping with this errno, which the loader repeats (musl).
    Unmappable(Errno),
    /// The kernel refuses the anonymous part.
    ZeroFillRefused,
    /// The kernel refuses a protection change.
    ProtectRefused,
    /// DF_1_PIE.
    Pie,
    /// DF_1_NOOPEN.
    NoOpen,
    /// PT_GNU_STACK asks for, or its absence means, an executable stack.
    ExecStack,
    /// An assertion inside ld.so.
    Assertion(Assertion),
    /// A memory access of ld.so fails.
    Memory {
        /// What it was reading or writing.
        structure: Structure,
        /// How.
        fault: Fault,
    },
    /// A table the loader dereferences without looking is not there.
    MissingTable(Structure),
    /// A loop in a hash chain.
    HashCycle,
    /// A table of no buckets, by whose number the loader divides (musl).
    DividesByZero(Structure),
    /// A relocation type the loader does not know.
    RelocationType {
        /// The type.
        number: u32,
        /// Met in the lazy PLT pass.
        plt: bool,
    },
    /// Code that a relocation or constructor jumps to cannot be executed.
    Code(Fault),
    /// PT_GNU_RELRO leaves the mapping.
    RelroRange,
}

/// What the loader does about a defect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Passes the file over, as if it were not there.
    Skip {
        /// The class is the other one: remembered for the final message.
        other_class: bool,
    },
    /// Gives up with a sentence.
    Error {
        /// The sentence without object name.
        text: String,
        /// The errno text behind it.
        errno: Option<&'static str>,
    },
    /// Dies.
    Dies(Death),
    /// Nobody can tell from the files.
    Unknown,
}

impl FaultKind {
    /// What happens to the process.
    pub fn effect(self) -> Effect {
        match self {
            FaultKind::Segv => Effect::Dies(Death::Signal(Signal::Segv)),
            FaultKind::Bus => Effect::Dies(Death::Signal(Signal::Bus)),
            FaultKind::Unknown | FaultKind::Limit => Effect::Unknown,
        }
    }
}

impl Defect {
    /// What the loader does.
    pub fn effect(&self) -> Effect {
        let error = |text: &str| Effect::Error { text: text.to_owned(), errno: None };
        match self {
            Defect::TooShort => error("file too short"),
            Defect::Unreadable(e) => {
                Effect::Error { text: "cannot read file data".to_owned(), errno: e.map(Errno::text) }
            }
            Defect::NotElf => error("invalid ELF header"),
            Defect::WrongClass(_) => Effect::Skip { other_class: true },
            Defect::WrongByteOrder { big: false, .. } => error("ELF file data encoding not little-endian"),
            Defect::WrongByteOrder { big: true, .. } => error("ELF file data encoding not big-endian"),
            Defect::IdentVersion(_) => error("ELF file version ident does not match current one"),
            Defect::OsAbi(_) => error("ELF file OS ABI invalid"),
            Defect::AbiVersion(_) => error("ELF file ABI version invalid"),
            Defect::IdentPadding => error("nonzero padding in e_ident"),
            Defect::HeaderInternal => error("internal error"),
            Defect::FileVersion(_) => error("ELF file version does not match current one"),
            Defect::WrongMachine(_) | Defect::AbiTag => Effect::Skip { other_class: false },
            Defect::FileType(_) => error("only ET_DYN and ET_EXEC can be loaded"),
            Defect::Executable => error("cannot dynamically load executable"),
            Defect::PhentSize(_) => error("ELF file's phentsize not the expected size"),
            Defect::HeadersUnreadable(e) => {
                Effect::Error { text: "cannot read file data".to_owned(), errno: e.map(Errno::text) }
            }
            Defect::AlignNotPage(_) => error("ELF load command alignment not page-aligned"),
            Defect::OffsetNotAligned => error("ELF load command address/offset not properly aligned"),
            Defect::OffsetNotPage => error("ELF load command address/offset not page-aligned"),
            Defect::NoSegments => error("object file has no loadable segments"),
            Defect::NoDynamic => error("object file has no dynamic section"),
            Defect::MapRefused => error("failed to map segment from shared object"),
            Defect::Unmappable(e) => Effect::Error { text: e.musl_text().to_owned(), errno: None },
            Defect::ZeroFillRefused => error("cannot map zero-fill pages"),
            Defect::ProtectRefused => error("cannot change memory protections"),
            Defect::Pie => error("cannot dynamically load position-independent executable"),
            Defect::NoOpen => error("shared object cannot be dlopen()ed"),
            Defect::ExecStack => Effect::Error {
                text: "cannot enable executable stack as shared object requires".to_owned(),
                errno: Some("Invalid argument"),
            },
            Defect::Assertion(_) => Effect::Dies(Death::Abort),
            Defect::Memory { fault, .. } | Defect::Code(fault) => fault.kind.effect(),
            Defect::MissingTable(_) => Effect::Dies(Death::Signal(Signal::Segv)),
            Defect::HashCycle => Effect::Dies(Death::Hang),
            Defect::DividesByZero(_) => Effect::Dies(Death::Signal(Signal::Fpe)),
            Defect::RelocationType { number, plt } => Effect::Error {
                text: format!(
                    "unexpected {}reloc type 0x{}",
                    if *plt { "PLT " } else { "" },
                    if *number > 0xff { format!("{number:08x}") } else { format!("{number:02x}") }
                ),
                errno: None,
            },
            Defect::RelroRange => Effect::Error {
                text: "cannot apply additional memory protection after relocation".to_owned(),
                errno: Some("Cannot allocate memory"),
            },
        }
    }

    /// Whether the message names the path that was opened (open_verify) rather than the name asked for.
    pub fn names_path(&self) -> bool {
        matches!(
            self,
            Defect::TooShort
                | Defect::Unreadable(_)
                | Defect::NotElf
                | Defect::WrongByteOrder { .. }
                | Defect::IdentVersion(_)
                | Defect::OsAbi(_)
                | Defect::AbiVersion(_)
                | Defect::IdentPadding
                | Defect::HeaderInternal
                | Defect::FileVersion(_)
                | Defect::FileType(_)
                | Defect::PhentSize(_)
                | Defect::HeadersUnreadable(_)
        )
    }
}
