//! Everything the analyzer can report: one variant a code, typed evidence, no sentences.
//! It must never format for people beyond the code's own texts (see `catalogue.rs`).
//! The loader's own sentences come from `defect.rs` and `checks/`.

use serde_json::{Value, json};

use super::bind::Reference;
use super::defect::{Assertion, Defect, Structure};
use super::dyld::finding::DyldFinding;
use super::errno::Errno;
use super::image::vm::Fault;
use super::link_map::MissReason;
use super::loader_model::LibcKind;
use super::provenance::Attempt;
use super::target::Target;

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// May fail elsewhere or later.
    Warning,
    /// The loader refuses the library, or dies of it.
    Error,
}

/// One code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The stable name.
    pub code: &'static str,
    /// One line.
    pub title: &'static str,
    /// What the loader does, and why.
    pub explanation: &'static str,
    /// What package owners and users can do.
    pub mend: &'static str,
}

/// Bytes of a file as JSON: a string where they are UTF-8, else `{"bytes": "<base 16>"}`, so that nothing is lost.
pub fn bytes_json(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => json!({"bytes": bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()}),
    }
}

/// One thing found about one library.
#[derive(Clone, PartialEq, Debug)]
pub enum Finding {
    /// The library itself cannot be opened.
    CannotOpen {
        /// Why.
        errno: Errno,
    },
    /// It is a pipe, a socket or a device.
    NotAFile {
        /// "pipe", "socket", "device".
        kind: &'static str,
    },
    /// It changed while it was read.
    ChangedWhileReading,
    /// A file is refused before it is mapped, or while.
    File {
        /// Path of the file (the root or a dependency).
        object: Vec<u8>,
        /// What is wrong.
        defect: Defect,
    },
    /// A needed library is not found, or only unusable ones are.
    NeededNotFound {
        /// The name.
        name: Vec<u8>,
        /// The object that needs it.
        requester: Vec<u8>,
        /// Why.
        reason: MissReason,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
    /// A version that a file needs is not defined where it should be.
    VersionNotFound {
        /// The file that should define it.
        provider: Vec<u8>,
        /// The version.
        version: Vec<u8>,
        /// The object that needs it.
        requester: Vec<u8>,
        /// Symbols of the requester that carry the version.
        symbols: Vec<Vec<u8>>,
        /// All those references are weak.
        only_weak: bool,
    },
    /// A version is needed of a file that nothing loads.
    VersionFileNotLoaded {
        /// The file name in the version need.
        file: Vec<u8>,
        /// The object.
        requester: Vec<u8>,
    },
    /// A version record of a revision the loader does not know.
    VersionRevision {
        /// The object.
        object: Vec<u8>,
        /// The revision.
        revision: u16,
        /// "Verneed" or "Verdef".
        table: &'static str,
    },
    /// DT_RELR without the version that announces it.
    RelrWithoutVersion {
        /// The object.
        object: Vec<u8>,
    },
    /// The processor lacks what the object was compiled for.
    IsaLevel {
        /// The object.
        object: Vec<u8>,
        /// Bits needed.
        needed: u32,
        /// Bits the processor has.
        has: u32,
    },
    /// A symbol nothing in scope defines.
    SymbolNotFound {
        /// The object that refers to it.
        object: Vec<u8>,
        /// The reference.
        reference: Reference,
        /// Further missing symbols of the same call, this one not counted.
        more: usize,
    },
    /// Up to 2.29: the file named with the version lacks the symbol.
    SymbolNotInVersionFile {
        /// The object that refers to it.
        object: Vec<u8>,
        /// The reference.
        reference: Reference,
    },
    /// Static TLS does not suffice.
    StaticTls {
        /// The object that owns the variables.
        owner: Vec<u8>,
        /// Bytes wanted.
        size: u64,
        /// Alignment wanted.
        align: u64,
        /// Bytes left.
        left: u64,
        /// Alignment of the block.
        block_align: u64,
    },
    /// musl: initial-exec access to variables of an object that was not there at the start.
    InitialExecTls {
        /// The object with the relocation.
        object: Vec<u8>,
        /// The object that owns the variable.
        owner: Vec<u8>,
        /// The variable; empty for one without a name.
        symbol: Vec<u8>,
    },
    /// musl takes the file, although it cannot work.
    Unchecked {
        /// The object.
        object: Vec<u8>,
        /// What another loader refuses it for.
        defect: Defect,
    },
    /// A TLS relocation is bound to an object without TLS: division by zero.
    TlsWithoutSegment {
        /// The object with the relocation.
        object: Vec<u8>,
        /// The object bound to.
        owner: Vec<u8>,
    },
    /// An IFUNC of an object that is relocated later.
    IfuncOrder {
        /// The object that refers to it.
        object: Vec<u8>,
        /// The object that defines it.
        provider: Vec<u8>,
        /// The symbol.
        symbol: Vec<u8>,
        /// The resolver works without its object being relocated, as far as its code shows.
        harmless: bool,
    },
    /// A defect of an object that shows while relocating or initialising it.
    Relocation {
        /// The object.
        object: Vec<u8>,
        /// What is wrong.
        defect: Defect,
    },
    /// An optional library that a `.note.dlopen` names is missing.
    OptionalMissing {
        /// Names that would do.
        sonames: Vec<String>,
        /// "required", "recommended" or "suggested".
        priority: String,
        /// What it is for.
        feature: String,
    },
    /// A filtee of DT_AUXILIARY is missing (no error).
    FilteeMissing {
        /// Its name.
        name: Vec<u8>,
    },
    /// A search path element depends on the working directory.
    WorkingDirectory {
        /// The object with the path.
        object: Vec<u8>,
        /// The element ("" is the working directory itself).
        element: Vec<u8>,
        /// "DT_RUNPATH", "DT_RPATH", "DT_NEEDED", "LD_LIBRARY_PATH".
        tag: &'static str,
    },
    /// A segment claims bytes behind the end of the file; nothing the loader touches lies there.
    BeyondEnd {
        /// The object.
        object: Vec<u8>,
        /// Where the segment should end in the file.
        end: u64,
        /// Where the file ends.
        size: u64,
    },
    /// It loads, but unloading it, or leaving the program, will kill the process.
    Unload {
        /// The object.
        object: Vec<u8>,
        /// What is wrong.
        defect: Defect,
    },
    /// The verdict cannot be known without running something.
    Undecidable {
        /// The object.
        object: Vec<u8>,
        /// Where.
        structure: Structure,
        /// The access, if it is one.
        fault: Option<Fault>,
    },
    /// The file is made for another system than the loader it was judged by.
    OtherTarget {
        /// What it is made for.
        made_for: Target,
        /// Whose loader judged it.
        loader: LibcKind,
    },
    /// What dyld has against a Mach-O file.
    Dyld(Box<DyldFinding>),
    /// A program: a segment of an interpreter is missing and so on.
    InterpreterNotFound {
        /// PT_INTERP.
        interpreter: Vec<u8>,
    },
}

impl Finding {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Finding::CannotOpen { .. } => "cannot-open",
            Finding::NotAFile { .. } => "not-a-file",
            Finding::ChangedWhileReading => "changed-while-reading",
            Finding::File { defect, .. } | Finding::Relocation { defect, .. } => defect_code(defect),
            Finding::NeededNotFound { reason, .. } => match reason {
                MissReason::NotFound(_) => "needed-not-found",
                MissReason::OtherClass => "needed-wrong-class",
                MissReason::Refused { .. } => "needed-unusable",
                MissReason::Blocks(_) => "needed-blocks",
                MissReason::EmptyToken => "needed-empty-token",
                MissReason::Memory(_) => "malformed-dynamic",
                MissReason::Changed(_) => "changed-while-reading",
                MissReason::Unknowable(_) | MissReason::Limit => "needed-unknowable",
            },
            Finding::VersionNotFound { .. } => "version-not-found",
            Finding::VersionFileNotLoaded { .. } => "version-file-not-loaded",
            Finding::VersionRevision { .. } => "version-revision",
            Finding::RelrWithoutVersion { .. } => "relr-without-version",
            Finding::IsaLevel { .. } => "isa-level",
            Finding::SymbolNotFound { .. } => "symbol-not-found",
            Finding::SymbolNotInVersionFile { .. } => "symbol-not-in-version-file",
            Finding::StaticTls { .. } => "static-tls-exhausted",
            Finding::TlsWithoutSegment { .. } => "tls-without-segment",
            Finding::InitialExecTls { .. } => "initial-exec-tls",
            Finding::Unchecked { .. } => "accepted-unchecked",
            Finding::IfuncOrder { .. } => "ifunc-order",
            Finding::OptionalMissing { .. } => "optional-missing",
            Finding::FilteeMissing { .. } => "filtee-missing",
            Finding::WorkingDirectory { .. } => "working-directory",
            Finding::Undecidable { .. } => "undecidable",
            Finding::BeyondEnd { .. } => "beyond-end-of-file",
            Finding::Unload { .. } => "unload-unreachable",
            Finding::InterpreterNotFound { .. } => "interpreter-not-found",
            Finding::OtherTarget { made_for: Target::MachO, .. } => "made-for-macos",
            Finding::OtherTarget { .. } => "made-for-another-libc",
            Finding::Dyld(f) => f.code(),
        }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Finding::WorkingDirectory { .. }
            | Finding::OtherTarget { .. }
            | Finding::Unchecked { .. }
            | Finding::Undecidable { .. }
            | Finding::BeyondEnd { .. }
            | Finding::Unload { .. } => Severity::Warning,
            Finding::FilteeMissing { .. } => Severity::Note,
            Finding::Dyld(f) => f.severity(),
            Finding::IfuncOrder { harmless: true, .. } => Severity::Warning,
            Finding::OptionalMissing { priority, .. } => match priority.as_str() {
                "required" | "recommended" => Severity::Warning,
                _ => Severity::Note,
            },
            _ => Severity::Error,
        }
    }

    /// The level that finds it.
    pub fn level(&self) -> u8 {
        match self {
            Finding::CannotOpen { .. }
            | Finding::NotAFile { .. }
            | Finding::ChangedWhileReading
            | Finding::InterpreterNotFound { .. }
            | Finding::OtherTarget { .. }
            | Finding::BeyondEnd { .. }
            | Finding::File { .. } => 1,
            Finding::Dyld(f) => f.level(),
            _ => 2,
        }
    }
}

/// The code of a defect of one file.
pub fn defect_code(d: &Defect) -> &'static str {
    match d {
        Defect::TooShort => "file-too-short",
        Defect::Unreadable(_) => "unreadable",
        Defect::NotElf => "not-elf",
        Defect::WrongClass(_) => "wrong-class",
        Defect::WrongByteOrder { .. } => "wrong-byte-order",
        Defect::WrongMachine(_) => "wrong-machine",
        Defect::IdentVersion(_)
        | Defect::OsAbi(_)
        | Defect::AbiVersion(_)
        | Defect::IdentPadding
        | Defect::HeaderInternal
        | Defect::FileVersion(_)
        | Defect::PhentSize(_)
        | Defect::AbiTag => "bad-header",
        Defect::HeadersUnreadable(_) => "truncated",
        Defect::FileType(_) | Defect::Executable | Defect::Pie => "not-a-library",
        Defect::NoOpen => "not-for-dlopen",
        Defect::AlignNotPage(_) | Defect::OffsetNotAligned | Defect::OffsetNotPage => "segment-alignment",
        Defect::NoSegments => "no-segments",
        Defect::NoDynamic => "no-dynamic-section",
        Defect::MapRefused | Defect::Unmappable(_) | Defect::ZeroFillRefused | Defect::ProtectRefused => {
            "mapping-refused"
        }
        Defect::ExecStack => "executable-stack",
        Defect::Assertion(a) => match a {
            Assertion::UnversionedProvider => "unversioned-provider",
            Assertion::VersionFile => "version-file-not-loaded",
            Assertion::VersionDefinitionOffset => "malformed-versions",
            Assertion::RootFirst => "filtee-before-root",
            Assertion::BloomSize => "malformed-hash",
            Assertion::PltRel
            | Assertion::RelaEnt
            | Assertion::RelEnt
            | Assertion::RelrEnt
            | Assertion::RelativeCount => "malformed-relocations",
        },
        Defect::Memory { fault, structure } => match fault.kind {
            super::image::vm::FaultKind::Bus => "truncated",
            _ => structure_code(*structure),
        },
        Defect::MissingTable(structure) | Defect::DividesByZero(structure) => structure_code(*structure),
        Defect::HashCycle => "malformed-hash",
        Defect::RelocationType { .. } => "relocation-type",
        Defect::Code(fault) => match fault.kind {
            super::image::vm::FaultKind::Bus => "truncated",
            _ => "code-unreachable",
        },
        Defect::RelroRange => "relro-range",
    }
}

fn structure_code(s: Structure) -> &'static str {
    match s {
        Structure::Header | Structure::ProgramHeaders | Structure::Segments => "malformed-segments",
        Structure::Dynamic | Structure::Strings => "malformed-dynamic",
        Structure::Symbols => "malformed-symbols",
        Structure::Hash => "malformed-hash",
        Structure::VersionIndex
        | Structure::VersionTable
        | Structure::VersionNeeds
        | Structure::VersionDefinitions => "malformed-versions",
        Structure::Relocations | Structure::RelocationTarget => "malformed-relocations",
        Structure::Notes => "malformed-notes",
        Structure::Relro => "relro-range",
        Structure::Constructors | Structure::Resolver => "code-unreachable",
        Structure::Tls => "malformed-tls",
    }
}
