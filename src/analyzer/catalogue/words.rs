//! The sentence of a finding: consequence first, then the evidence by name, offset and path.
//! It must never escape or colour (renderers do) and never advise (that is `hints.rs`).
//! The loader's own sentence is in the verdict; this one is ours.

use super::lossy;
use crate::analyzer::bind::Reference;
use crate::analyzer::defect::{Assertion, Defect, Effect};
use crate::analyzer::finding::Finding;
use crate::analyzer::image::vm::{Fault, FaultKind};
use crate::analyzer::link_map::MissReason;
use crate::analyzer::model::{Death, e_machine_name};
use crate::analyzer::provenance::{Outcome, Provenance};

/// The sentence.
pub fn text(f: &Finding) -> String {
    match f {
        Finding::CannotOpen { errno } => format!("the file cannot be opened: {errno}"),
        Finding::NotAFile { kind } => match *kind {
            "pipe" => "opening it never returns: it is a pipe".to_owned(),
            kind => format!("the file cannot be loaded: it is a {kind}"),
        },
        Finding::ChangedWhileReading => "nothing can be said: the file changed while it was read".to_owned(),
        Finding::File { object, defect } => {
            format!("{}: {} {}", reaction(defect), lossy(object), fault_of(defect))
        }
        Finding::Relocation { object, defect } => {
            format!("{} while relocating: {} {}", reaction(defect), lossy(object), fault_of(defect))
        }
        Finding::NeededNotFound { name, requester, reason, attempts } => {
            let what = miss(name, reason);
            let tried = if attempts.is_empty() {
                String::new()
            } else {
                format!(" ({} places tried)", attempts.len())
            };
            format!("{what}; {} needs it{tried}", lossy(requester))
        }
        Finding::VersionNotFound { provider, version, requester, symbols, only_weak } => {
            let mut out = format!(
                "{} is too old: it does not define {}, which {} needs",
                lossy(provider),
                lossy(version),
                lossy(requester)
            );
            if !symbols.is_empty() {
                let list: Vec<_> = symbols.iter().map(|s| lossy(s)).collect();
                out.push_str(&format!(" for {}", list.join(", ")));
                out.push_str(if *only_weak { " (all weak)" } else { "" });
            }
            out
        }
        Finding::VersionFileNotLoaded { file, requester } => {
            format!(
                "the loader aborts: {} needs versions of {}, which nothing loads",
                lossy(requester),
                lossy(file)
            )
        }
        Finding::VersionRevision { object, revision, table } => {
            format!(
                "the loader refuses {}: a {table} record has revision {revision} instead of 1",
                lossy(object)
            )
        }
        Finding::RelrWithoutVersion { object } => format!(
            "the loader refuses {}: it has DT_RELR but does not need GLIBC_ABI_DT_RELR of libc.so.6",
            lossy(object)
        ),
        Finding::IsaLevel { object, needed, has } => format!(
            "the loader refuses {}: it is compiled for {}, the processor has {}",
            lossy(object),
            isa(*needed),
            isa(*has)
        ),
        Finding::SymbolNotFound { object, reference, more } => {
            let others = match more {
                0 => String::new(),
                1 => ", nor is one other".to_owned(),
                n => format!(", nor are {n} others"),
            };
            format!("{} is not defined by anything {} can see{others}", symbol(reference), lossy(object))
        }
        Finding::SymbolNotInVersionFile { object, reference } => format!(
            "{} is not defined by {}, which {} was linked against",
            symbol(reference),
            lossy(reference.version_file.as_deref().unwrap_or_default()),
            lossy(object)
        ),
        Finding::InitialExecTls { object, owner, symbol } => format!(
            "the loader refuses it: {} reaches {} of {} as if it had been there when the program started",
            lossy(object),
            if symbol.is_empty() { "a thread-local variable".into() } else { lossy(symbol) },
            lossy(owner)
        ),
        Finding::Unchecked { object, defect } => {
            format!("musl does not look, but {} {}", lossy(object), fault_of(defect))
        }
        Finding::StaticTls { owner, size, align, left, block_align } => format!(
            "no static TLS is left for {}: it wants {size} bytes aligned to {align}, there are {left} aligned to {block_align}",
            lossy(owner)
        ),
        Finding::TlsWithoutSegment { object, owner } => format!(
            "the loader dies of SIGFPE: {} refers to a thread-local variable and gets one of {}, which has none",
            lossy(object),
            lossy(owner)
        ),
        Finding::IfuncOrder { object, provider, symbol, harmless } => {
            let consequence = if *harmless { "works by luck" } else { "the loader dies of SIGSEGV" };
            format!(
                "{consequence}: {} is resolved for {} before {}, which defines it, is relocated",
                lossy(symbol),
                lossy(object),
                lossy(provider)
            )
        }
        Finding::OptionalMissing { sonames, priority, feature } => {
            let feature = if feature.is_empty() { "a feature" } else { feature };
            format!("{feature} is not available: {} ({priority}) is not found", sonames.join(" or "))
        }
        Finding::FilteeMissing { name } => {
            format!("the own definitions are used: the auxiliary library {} is not there", lossy(name))
        }
        Finding::BeyondEnd { object, end, size } => format!(
            "it loads, but not all of it is there: {} ends at byte {size} and should end at byte {end} or later",
            lossy(object)
        ),
        Finding::Unload { object, .. } => format!(
            "it loads, but dlclose or the end of the program will crash: DT_FINI of {} leads to no code",
            lossy(object)
        ),
        Finding::WorkingDirectory { object, element, tag } => {
            let element = if element.is_empty() { "an empty element".into() } else { lossy(element) };
            format!(
                "the verdict holds for one working directory only: {tag} of {} has {element}",
                lossy(object)
            )
        }
        Finding::Undecidable { object, structure, fault } => {
            let place = fault.map(|f| format!(" {}", access(&f))).unwrap_or_default();
            format!(
                "nobody can tell from the files: it depends on the {} of {}{place}",
                structure.name(),
                lossy(object)
            )
        }
        Finding::Dyld(f) => super::dyld::text(f),
        Finding::OtherTarget { made_for, loader } => {
            format!(
                "the file is made for {}, and was judged by the loader of {}",
                made_for.name(),
                loader.name()
            )
        }
        Finding::InterpreterNotFound { interpreter } => {
            format!("the kernel cannot start it: its interpreter {} is missing", lossy(interpreter))
        }
    }
}

/// What the loader does about a defect, as the beginning of a sentence.
fn reaction(d: &Defect) -> String {
    match d.effect() {
        Effect::Skip { .. } => "the loader passes it over".to_owned(),
        Effect::Error { .. } => "the loader refuses it".to_owned(),
        Effect::Dies(Death::Abort) => "the loader aborts".to_owned(),
        Effect::Dies(Death::Hang) => "the loader never returns".to_owned(),
        Effect::Dies(Death::Signal(s)) => format!("the loader dies of {}", s.name()),
        Effect::Unknown => "nobody can tell".to_owned(),
    }
}

/// What is wrong, as the end of a sentence whose subject is the file.
pub(super) fn fault_of(d: &Defect) -> String {
    match d {
        Defect::TooShort => "is shorter than an ELF header".to_owned(),
        Defect::Unreadable(Some(e)) => format!("cannot be read: {e}"),
        Defect::Unreadable(None) => "cannot be read".to_owned(),
        Defect::NotElf => "is no ELF file".to_owned(),
        Defect::WrongClass(class) => format!("is made for {}", class_name(*class)),
        Defect::WrongByteOrder { big, .. } => {
            format!("is {}-endian", if *big { "little" } else { "big" })
        }
        Defect::IdentVersion(v) => format!("has identification version {v} instead of 1"),
        Defect::OsAbi(abi) => format!("is made for {} (OS ABI {abi})", os_name(*abi)),
        Defect::AbiVersion(v) => format!("has ABI version {v}, more than this loader knows"),
        Defect::IdentPadding => "has bytes that are not zero in the padding of its identification".to_owned(),
        Defect::HeaderInternal => "is made for the other float ABI".to_owned(),
        Defect::FileVersion(v) => format!("has file version {v} instead of 1"),
        Defect::WrongMachine(m) => format!("is made for {}", machine_name(*m)),
        Defect::FileType(1) => "is an object file (ET_REL)".to_owned(),
        Defect::FileType(4) => "is a core dump (ET_CORE)".to_owned(),
        Defect::FileType(t) => format!("has file type {t}, which is neither library nor program"),
        Defect::Executable => "is a program at a fixed address (ET_EXEC)".to_owned(),
        Defect::Pie => "is a position-independent program (DF_1_PIE)".to_owned(),
        Defect::PhentSize(n) => format!("says that a program header has {n} bytes"),
        Defect::HeadersUnreadable(None) => "ends before its program headers do".to_owned(),
        Defect::HeadersUnreadable(Some(e)) => format!("has program headers that cannot be read: {e}"),
        Defect::AbiTag => "has an ABI note for another system or a newer kernel".to_owned(),
        Defect::AlignNotPage(n) => format!("has a segment with p_align {n:#x}, no multiple of the page size"),
        Defect::OffsetNotAligned => "has a segment whose address and offset differ modulo p_align".to_owned(),
        Defect::OffsetNotPage => {
            "has a segment whose address and offset differ modulo the page size".to_owned()
        }
        Defect::NoSegments => "has no segment to load".to_owned(),
        Defect::NoDynamic => "has no dynamic section".to_owned(),
        Defect::MapRefused => "has a segment the kernel will not map (noexec mount, or too large)".to_owned(),
        Defect::Unmappable(e) => format!("has a segment the kernel will not map: {e}"),
        Defect::ZeroFillRefused => "wants more zeroed memory than there is".to_owned(),
        Defect::ProtectRefused => "has a segment whose protection the kernel will not set".to_owned(),
        Defect::NoOpen => "was linked with -z nodlopen".to_owned(),
        Defect::ExecStack => "wants an executable stack, or does not say that it does without".to_owned(),
        Defect::Assertion(a) => assertion(*a).to_owned(),
        Defect::Memory { structure, fault } if fault.kind == FaultKind::Bus => {
            format!("ends before its {} ({})", structure.name(), access(fault))
        }
        Defect::Memory { structure, fault } => {
            format!("has a broken {} ({})", structure.name(), access(fault))
        }
        Defect::MissingTable(s) => format!("has no {}, which the loader takes for granted", s.name()),
        Defect::DividesByZero(s) => format!("has a {} of no buckets", s.name()),
        Defect::HashCycle => "has a hash chain that returns to itself".to_owned(),
        Defect::RelocationType { number, plt } => {
            format!("has a {}relocation of type {number:#x}", if *plt { "PLT " } else { "" })
        }
        Defect::Code(fault) => format!("has code that cannot be executed ({})", access(fault)),
        Defect::RelroRange => "has a read-only-after-relocation range outside its mapping".to_owned(),
    }
}

fn assertion(a: Assertion) -> &'static str {
    match a {
        Assertion::PltRel => "has a DT_PLTREL that is neither REL nor RELA of this machine",
        Assertion::RelaEnt => "has a DT_RELAENT that is not the size of a record",
        Assertion::RelEnt => "has a DT_RELENT that is not the size of a record",
        Assertion::RelrEnt => "has a DT_RELRENT that is not the word size",
        Assertion::RelativeCount => "counts relocations as relative (DT_RELACOUNT) that are not",
        Assertion::RootFirst => {
            "has a filtee, which loaders up to 2.31 do not expect before the library itself"
        }
        Assertion::BloomSize => "has a bloom filter whose size is no power of two",
        Assertion::VersionFile => "needs versions of a file that nothing loads",
        Assertion::UnversionedProvider => "binds a versioned symbol to the named file, which has no versions",
        Assertion::VersionDefinitionOffset => "has a version table at offset zero",
    }
}

fn access(f: &Fault) -> String {
    match f.kind {
        FaultKind::Segv => format!("address {:#x} is not mapped for that", f.addr),
        FaultKind::Bus => format!("address {:#x} lies behind the end of the file", f.addr),
        FaultKind::Unknown => {
            format!("address {:#x} lies outside the library, in what others may occupy", f.addr)
        }
        FaultKind::Limit => format!("more work than the limits allow, at address {:#x}", f.addr),
    }
}

fn miss(name: &[u8], reason: &MissReason) -> String {
    let name = lossy(name);
    match reason {
        MissReason::NotFound(e) if e.0 == 2 => format!("{name} is not found"),
        MissReason::NotFound(e) => format!("{name} cannot be opened ({e})"),
        MissReason::OtherClass => format!("{name} is only there for the other word size"),
        MissReason::Refused { path, defect } => {
            format!("{name} is unusable: {} {}", lossy(path), fault_of(defect))
        }
        MissReason::Blocks(path) => format!("{name} never opens: {} is a pipe", lossy(path)),
        MissReason::Changed(path) | MissReason::Unknowable(path) => {
            format!("{name} cannot be judged: {} is a device or changes", lossy(path))
        }
        MissReason::Memory(defect) => {
            format!("{name} is not even looked for: the requester {}", fault_of(defect))
        }
        MissReason::EmptyToken => format!("{name} has a token without a value"),
        MissReason::Limit => format!("{name} is one library too many for the limits of the analysis"),
    }
}

/// `sym@VERSION`.
pub(super) fn symbol(r: &Reference) -> String {
    match &r.version {
        Some(v) => format!("{}@{}", lossy(&r.name), lossy(v)),
        None => lossy(&r.name).into_owned(),
    }
}

/// Names of x86-64 ISA levels.
pub(super) fn isa(bits: u32) -> String {
    match 32 - bits.leading_zeros() {
        0 | 1 => "the x86-64 baseline".to_owned(),
        n @ 2..=4 => format!("x86-64-v{n}"),
        _ => format!("x86 ISA bits {bits:#x}"),
    }
}

/// The machine of an `e_machine` for people.
pub(super) fn machine_name(value: u16) -> String {
    match e_machine_name(value) {
        "an unknown machine" => format!("machine {value}"),
        name => name.to_owned(),
    }
}

/// The word size of an `EI_CLASS`.
pub(super) fn class_name(class: u8) -> String {
    match class {
        1 => "32-bit processes".to_owned(),
        2 => "64-bit processes".to_owned(),
        n => format!("class {n}, which does not exist"),
    }
}

fn os_name(abi: u8) -> &'static str {
    match abi {
        1 => "HP-UX",
        2 => "NetBSD",
        6 => "Solaris",
        9 => "FreeBSD",
        12 => "OpenBSD",
        _ => "another system",
    }
}

/// Where a search looked, in a word for JSON.
pub fn provenance_code(p: &Provenance) -> &'static str {
    match p {
        Provenance::Root => "root",
        Provenance::Preloaded => "preloaded",
        Provenance::AlreadyLoaded => "already-loaded",
        Provenance::Slash => "path",
        Provenance::Rpath(_) => "rpath",
        Provenance::ProgramRpath => "program-rpath",
        Provenance::EnvPath => "ld-library-path",
        Provenance::Runpath => "runpath",
        Provenance::Cache => "ld-so-cache",
        Provenance::SystemDir => "default-directory",
    }
}

/// What came of one candidate, for people.
pub fn outcome(o: &Outcome) -> String {
    match o {
        Outcome::Found => "found".to_owned(),
        Outcome::Errno(e) => e.text().to_owned(),
        Outcome::PassedOver(d) => format!("passed over: it {}", fault_of(d)),
        Outcome::Refused(d) => format!("refused: it {}", fault_of(d)),
        Outcome::NoDirectory => "no such directory".to_owned(),
        Outcome::ListAbandoned(e) => format!("rest of the list given up: {e}"),
        Outcome::NotInCache => "not in the cache".to_owned(),
    }
}
