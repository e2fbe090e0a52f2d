//! One finding of every variant, and one defect of every kind, for the tests of the catalogue.
//! It must never be compiled into the product.
//! The match at the end stops compiling when a variant is added, which is the reminder to add it here.

use crate::analyzer::bind::Reference;
use crate::analyzer::defect::{Assertion, Defect, Structure};
use crate::analyzer::finding::Finding;
use crate::analyzer::host::Errno;
use crate::analyzer::image::vm::{Fault, FaultKind};
use crate::analyzer::link_map::MissReason;
use crate::analyzer::loader_model::LibcKind;
use crate::analyzer::model::NodeIx;
use crate::analyzer::provenance::{Attempt, Outcome, Provenance};
use crate::analyzer::target::Target;

const SEGV: Fault = Fault { kind: FaultKind::Segv, addr: 0x1000 };
const BUS: Fault = Fault { kind: FaultKind::Bus, addr: 0x2000 };
const UNKNOWN: Fault = Fault { kind: FaultKind::Unknown, addr: 0x3000 };

const STRUCTURES: [Structure; 17] = [
    Structure::Header,
    Structure::ProgramHeaders,
    Structure::Segments,
    Structure::Dynamic,
    Structure::Strings,
    Structure::Symbols,
    Structure::Hash,
    Structure::VersionIndex,
    Structure::VersionNeeds,
    Structure::VersionDefinitions,
    Structure::Relocations,
    Structure::RelocationTarget,
    Structure::Notes,
    Structure::Relro,
    Structure::Constructors,
    Structure::Resolver,
    Structure::Tls,
];

const ASSERTIONS: [Assertion; 10] = [
    Assertion::PltRel,
    Assertion::RelaEnt,
    Assertion::RelEnt,
    Assertion::RelrEnt,
    Assertion::RelativeCount,
    Assertion::RootFirst,
    Assertion::BloomSize,
    Assertion::VersionFile,
    Assertion::UnversionedProvider,
    Assertion::VersionDefinitionOffset,
];

/// Every defect.
pub(super) fn defects() -> Vec<Defect> {
    let mut all = vec![
        Defect::TooShort,
        Defect::Unreadable(None),
        Defect::Unreadable(Some(Errno::EISDIR)),
        Defect::NotElf,
        Defect::WrongClass(1),
        Defect::WrongByteOrder { found: 2, big: false },
        Defect::IdentVersion(0),
        Defect::OsAbi(9),
        Defect::AbiVersion(9),
        Defect::IdentPadding,
        Defect::HeaderInternal,
        Defect::FileVersion(2),
        Defect::WrongMachine(183),
        Defect::FileType(1),
        Defect::Executable,
        Defect::PhentSize(1),
        Defect::HeadersUnreadable(None),
        Defect::HeadersUnreadable(Some(Errno(22))),
        Defect::AbiTag,
        Defect::AlignNotPage(16),
        Defect::OffsetNotAligned,
        Defect::OffsetNotPage,
        Defect::NoSegments,
        Defect::NoDynamic,
        Defect::MapRefused,
        Defect::Unmappable(Errno::ENOMEM),
        Defect::ZeroFillRefused,
        Defect::ProtectRefused,
        Defect::Pie,
        Defect::NoOpen,
        Defect::ExecStack,
        Defect::HashCycle,
        Defect::DividesByZero(Structure::Hash),
        Defect::RelocationType { number: 3, plt: false },
        Defect::Code(SEGV),
        Defect::Code(BUS),
        Defect::RelroRange,
    ];
    for structure in STRUCTURES {
        all.push(Defect::MissingTable(structure));
        all.extend([SEGV, BUS, UNKNOWN].map(|fault| Defect::Memory { structure, fault }));
    }
    all.extend(ASSERTIONS.map(Defect::Assertion));
    all
}

/// Every finding.
pub(super) fn findings() -> Vec<Finding> {
    let b = |s: &str| s.as_bytes().to_vec();
    let reference = Reference { name: b("f"), version: Some(b("V_1")), version_file: Some(b("libv.so.1")) };
    let plain = Reference { name: b("f"), version: None, version_file: None };
    let reasons = [
        MissReason::NotFound(Errno::ENOENT),
        MissReason::NotFound(Errno::EACCES),
        MissReason::OtherClass,
        MissReason::Refused { path: b("/l/libn.so"), defect: Defect::NotElf },
        MissReason::Blocks(b("/l/libn.so")),
        MissReason::Changed(b("/l/libn.so")),
        MissReason::Unknowable(b("/l/libn.so")),
        MissReason::Memory(Defect::MissingTable(Structure::Strings)),
        MissReason::EmptyToken,
        MissReason::Limit,
    ];
    let attempts = vec![
        attempt(Provenance::Rpath(NodeIx(1)), Outcome::NoDirectory),
        attempt(Provenance::Cache, Outcome::NotInCache),
    ];
    let mut all = vec![
        Finding::CannotOpen { errno: Errno::ENOENT },
        Finding::NotAFile { kind: "pipe" },
        Finding::NotAFile { kind: "directory" },
        Finding::ChangedWhileReading,
        Finding::VersionNotFound {
            provider: b("/l/libc.so.6"),
            version: b("GLIBC_2.38"),
            requester: b("/l/r.so"),
            symbols: vec![b("strlcpy")],
            only_weak: true,
        },
        Finding::VersionFileNotLoaded { file: b("libv.so.1"), requester: b("/l/r.so") },
        Finding::VersionRevision { object: b("/l/r.so"), revision: 2, table: "Verneed" },
        Finding::RelrWithoutVersion { object: b("/l/r.so") },
        Finding::IsaLevel { object: b("/l/r.so"), needed: 7, has: 3 },
        Finding::SymbolNotFound { object: b("/l/r.so"), reference: plain, more: 2 },
        Finding::SymbolNotFound { object: b("/l/r.so"), reference: reference.clone(), more: 0 },
        Finding::SymbolNotInVersionFile { object: b("/l/r.so"), reference },
        Finding::InitialExecTls { object: b("/l/r.so"), owner: b("/l/o.so"), symbol: b("v") },
        Finding::Unchecked { object: b("/l/r.so"), defect: Defect::WrongMachine(183) },
        Finding::StaticTls { owner: b("/l/r.so"), size: 4096, align: 64, left: 10, block_align: 32 },
        Finding::TlsWithoutSegment { object: b("/l/r.so"), owner: b("/l/o.so") },
        Finding::IfuncOrder {
            object: b("/l/r.so"),
            provider: b("/l/o.so"),
            symbol: b("memcpy"),
            harmless: false,
        },
        Finding::OptionalMissing {
            sonames: vec!["libopt.so.1".into()],
            priority: "recommended".into(),
            feature: "zstd".into(),
        },
        Finding::FilteeMissing { name: b("libfilt.so") },
        Finding::BeyondEnd { object: b("/l/r.so"), end: 4096, size: 100 },
        Finding::Unload { object: b("/l/r.so"), defect: Defect::Code(UNKNOWN) },
        Finding::WorkingDirectory { object: b("/l/r.so"), element: Vec::new(), tag: "DT_RUNPATH" },
        Finding::Undecidable { object: b("/l/r.so"), structure: Structure::Strings, fault: Some(UNKNOWN) },
        Finding::InterpreterNotFound { interpreter: b("/lib/ld.so") },
        Finding::OtherTarget { made_for: Target::Libc(LibcKind::Musl), loader: LibcKind::Glibc },
        Finding::OtherTarget { made_for: Target::MachO, loader: LibcKind::Musl },
    ];
    all.extend(super::dyld::samples().into_iter().map(|f| Finding::Dyld(Box::new(f))));
    all.extend(reasons.map(|reason| Finding::NeededNotFound {
        name: b("libn.so"),
        requester: b("/l/r.so"),
        reason,
        attempts: attempts.clone(),
    }));
    for defect in defects() {
        all.push(Finding::File { object: b("/l/r.so"), defect: defect.clone() });
        all.push(Finding::Relocation { object: b("/l/r.so"), defect });
    }
    all.iter().for_each(reminder);
    all
}

fn attempt(provenance: Provenance, outcome: Outcome) -> Attempt {
    Attempt { provenance, path: b"/l/".to_vec(), outcome }
}

/// Without an arm for a new variant this does not compile.
fn reminder(f: &Finding) {
    match f {
        Finding::CannotOpen { .. }
        | Finding::NotAFile { .. }
        | Finding::ChangedWhileReading
        | Finding::File { .. }
        | Finding::NeededNotFound { .. }
        | Finding::VersionNotFound { .. }
        | Finding::VersionFileNotLoaded { .. }
        | Finding::VersionRevision { .. }
        | Finding::RelrWithoutVersion { .. }
        | Finding::IsaLevel { .. }
        | Finding::SymbolNotFound { .. }
        | Finding::SymbolNotInVersionFile { .. }
        | Finding::InitialExecTls { .. }
        | Finding::Unchecked { .. }
        | Finding::StaticTls { .. }
        | Finding::TlsWithoutSegment { .. }
        | Finding::IfuncOrder { .. }
        | Finding::Relocation { .. }
        | Finding::OptionalMissing { .. }
        | Finding::FilteeMissing { .. }
        | Finding::BeyondEnd { .. }
        | Finding::Unload { .. }
        | Finding::WorkingDirectory { .. }
        | Finding::Undecidable { .. }
        | Finding::OtherTarget { .. }
        | Finding::Dyld(_)
        | Finding::InterpreterNotFound { .. } => {}
    }
}
