//! The advice that fits one finding: what to install, move, rebuild or ask for.
//! It must never repeat the sentence or promise more than that the loader's complaint goes away.
//! General advice for a code is in its entry; this is made from the payload.

use super::words::{class_name, isa, machine_name, symbol};
use super::{base_name, lossy};
use crate::analyzer::defect::{Assertion, Defect};
use crate::analyzer::finding::Finding;
use crate::analyzer::host::Errno;
use crate::analyzer::image::vm::FaultKind;
use crate::analyzer::link_map::MissReason;
use crate::analyzer::provenance::{Attempt, Outcome, Provenance};

/// The advice.
pub fn hint(f: &Finding) -> String {
    match f {
        Finding::CannotOpen { errno } => cannot_open(*errno),
        Finding::NotAFile { kind: "directory" } => {
            "give the path of a file, or use `audit` for the directory".to_owned()
        }
        Finding::NotAFile { kind } => format!("remove the {kind} and install the library that belongs there"),
        Finding::ChangedWhileReading => "run again when nothing is being installed".to_owned(),
        Finding::File { object, defect } | Finding::Relocation { object, defect } => {
            of_defect(object, defect)
        }
        Finding::NeededNotFound { name, requester, reason, attempts } => {
            needed(name, requester, reason, attempts)
        }
        Finding::VersionNotFound { provider, version, requester, symbols, only_weak } => {
            let mut out = too_old(provider, version, requester);
            if *only_weak && !symbols.is_empty() {
                out.push_str("; only weak references carry the version, so the library may do without what they refer to");
            }
            out
        }
        Finding::VersionFileNotLoaded { file, requester } => format!(
            "give {} its DT_NEEDED entry for {} back, or relink it without that library",
            lossy(base_name(requester)),
            lossy(file)
        ),
        Finding::VersionRevision { object, .. } => reinstall(object),
        Finding::RelrWithoutVersion { object } => {
            format!("relink {} with -z pack-relative-relocs", lossy(base_name(object)))
        }
        Finding::IsaLevel { object, needed, .. } => format!(
            "install a baseline build of {}, or run it on a processor with {}",
            lossy(base_name(object)),
            isa(*needed)
        ),
        Finding::SymbolNotFound { object, reference, .. } => unresolved(object, reference),
        Finding::SymbolNotInVersionFile { object, reference } => format!(
            "use the {} that {} was linked against, or glibc 2.30 or newer, which takes {} from any library",
            lossy(reference.version_file.as_deref().unwrap_or_default()),
            lossy(base_name(object)),
            symbol(reference)
        ),
        Finding::InitialExecTls { object, owner, .. } => format!(
            "rebuild {} with -ftls-model=global-dynamic, or preload {} (LD_PRELOAD)",
            lossy(base_name(object)),
            lossy(base_name(owner))
        ),
        Finding::Unchecked { object, .. } => {
            format!("install a build of {} for this machine", lossy(base_name(object)))
        }
        Finding::StaticTls { owner, size, align, block_align, .. } => {
            let owner = lossy(base_name(owner));
            if align > block_align {
                format!(
                    "preload {owner} (LD_PRELOAD): an alignment of {align} can only be had when the program starts"
                )
            } else {
                format!(
                    "preload {owner} (LD_PRELOAD), rebuild it with -ftls-model=global-dynamic, or keep {size} more bytes free with the tunable glibc.rtld.optional_static_tls"
                )
            }
        }
        Finding::TlsWithoutSegment { object, owner } => format!(
            "make {} find the thread-local definition before the one of {}, or rename one of them",
            lossy(base_name(object)),
            lossy(base_name(owner))
        ),
        Finding::IfuncOrder { object, provider, .. } => format!(
            "add {} to the DT_NEEDED entries of {}, so that it is relocated first",
            lossy(base_name(provider)),
            lossy(base_name(object))
        ),
        Finding::OptionalMissing { sonames, feature, .. } => {
            let which = sonames.first().map_or("the library", String::as_str);
            let feature = if feature.is_empty() { "the feature" } else { feature };
            format!("install the package that owns {which} if {feature} is wanted")
        }
        Finding::FilteeMissing { name } => format!("install {} if its definitions are wanted", lossy(name)),
        Finding::BeyondEnd { object, end, size } => format!(
            "install {} again: {} bytes were cut off",
            lossy(base_name(object)),
            end.saturating_sub(*size)
        ),
        Finding::Unload { object, .. } => {
            format!("install {} again, or keep it loaded (-z nodelete)", lossy(base_name(object)))
        }
        Finding::WorkingDirectory { object, element, tag } => working_directory(object, element, tag),
        Finding::Undecidable { object, structure, fault } => match fault {
            Some(_) => format!(
                "{} has a damaged {}: install it again, or load it in a throw-away process",
                lossy(base_name(object)),
                structure.name()
            ),
            None => format!("look at {} itself, or load it in a throw-away process", lossy(object)),
        },
        Finding::Dyld(f) => super::dyld::hint(f),
        Finding::OtherTarget { made_for, loader } => {
            format!(
                "install the build for {}; this one is for systems with {}",
                loader.name(),
                made_for.name()
            )
        }
        Finding::InterpreterNotFound { interpreter } => {
            format!("install the C library that owns {}", lossy(interpreter))
        }
    }
}

fn cannot_open(errno: Errno) -> String {
    match errno {
        Errno::ENOENT => "check the path and the links in it, or install the package that owns it",
        Errno::EACCES => "let this user read the file and search every directory above it",
        Errno::ENOTDIR => "a part of the path is a file: correct the path",
        Errno::ELOOP => "a link in the path leads back to itself: correct it",
        Errno::ENAMETOOLONG => "no file can have so long a name: correct the path",
        Errno::ENXIO => "remove the socket and install the library that belongs there",
        _ => "mend what the kernel complains about and run again",
    }
    .to_owned()
}

fn reinstall(object: &[u8]) -> String {
    format!(
        "install {} again from its package: it is damaged, or was rewritten wrongly",
        lossy(base_name(object))
    )
}

fn of_defect(object: &[u8], defect: &Defect) -> String {
    let name = lossy(base_name(object));
    match defect {
        Defect::WrongMachine(m) => {
            format!("install {name} for this processor; this file is for {}", machine_name(*m))
        }
        Defect::WrongClass(c) => {
            format!("install {name} for this loader; this file is for {}", class_name(*c))
        }
        Defect::WrongByteOrder { .. } => {
            format!("install {name} for this machine, and keep this file elsewhere")
        }
        Defect::TooShort => format!("install {name} again: it is empty or was cut off"),
        Defect::Unreadable(Some(Errno::EISDIR)) => {
            "it is a directory: use `audit` for it, or give the path of a file".to_owned()
        }
        Defect::NotElf => {
            format!(
                "look at the first bytes of {name}: a linker script or a failed download is likely; load the versioned name"
            )
        }
        Defect::OsAbi(_) | Defect::AbiVersion(_) | Defect::AbiTag => {
            format!("take a build of {name} made for this system")
        }
        Defect::HeaderInternal => format!("take a build of {name} for this float ABI"),
        Defect::FileType(1) => format!("link {name} with -shared first"),
        Defect::FileType(_) => reinstall(object),
        Defect::Executable | Defect::Pie => {
            format!("run {name} instead of loading it, or link it with -shared")
        }
        Defect::NoOpen => format!("link the program against {name}, or preload it (LD_PRELOAD)"),
        Defect::AlignNotPage(_) | Defect::OffsetNotAligned | Defect::OffsetNotPage => {
            format!("relink {name} with -z max-page-size=65536, and do not rewrite it afterwards")
        }
        Defect::NoSegments | Defect::NoDynamic => {
            format!("install the library itself: {name} looks like debug information or an object file")
        }
        Defect::MapRefused => format!("move {name} to a file system mounted without noexec"),
        Defect::ExecStack => {
            format!("clear the flag (patchelf --clear-execstack {name}), or relink with -z noexecstack")
        }
        Defect::RelocationType { .. } => format!("rebuild {name} with -fPIC"),
        Defect::Assertion(Assertion::UnversionedProvider) => {
            format!("put a build with symbol versions in front of the library {name} binds to")
        }
        Defect::Memory { fault, .. } | Defect::Code(fault) if fault.kind == FaultKind::Bus => {
            cut_off(object, fault.addr)
        }
        Defect::HeadersUnreadable(_) => cut_off(object, 0),
        Defect::Memory { structure, fault } => {
            format!("{}; see its {} at address {:#x}", reinstall(object), structure.name(), fault.addr)
        }
        Defect::MissingTable(structure) => format!("{}; its {} is gone", reinstall(object), structure.name()),
        _ => reinstall(object),
    }
}

fn cut_off(object: &[u8], addr: u64) -> String {
    let place =
        if addr == 0 { String::new() } else { format!(" (what belongs at address {addr:#x} is missing)") };
    format!("install {} again: the file was cut off{place}", lossy(base_name(object)))
}

fn needed(name: &[u8], requester: &[u8], reason: &MissReason, attempts: &[Attempt]) -> String {
    let (shown, by) = (lossy(name), lossy(base_name(requester)));
    match reason {
        MissReason::NotFound(errno) => {
            if let Some((path, defect)) = attempts.iter().find_map(passed_over) {
                return format!(
                    "{} is there, but not for this loader: {}",
                    lossy(path),
                    of_defect(path, defect)
                );
            }
            if let Some(path) = attempts.iter().find_map(denied) {
                return format!("let this user read {}, or install another copy of {shown}", lossy(path));
            }
            if *errno != Errno::ENOENT {
                return cannot_open(*errno);
            }
            if name.contains(&b'/') {
                return format!(
                    "put the library at {shown}, or relink {by} with a plain name and a DT_RUNPATH"
                );
            }
            let mut out =
                format!("install the package that owns {shown}, or add its directory to DT_RUNPATH of {by}");
            if let Some(dir) = attempts.iter().find_map(absent_directory) {
                out.push_str(&format!(" (which names {}, where there is nothing)", lossy(dir)));
            }
            out
        }
        MissReason::OtherClass => match attempts.iter().find_map(passed_over) {
            Some((path, Defect::WrongClass(c))) => {
                format!(
                    "install {shown} for the word size of {by}; {} is for {}",
                    lossy(path),
                    class_name(*c)
                )
            }
            _ => format!("install {shown} for the word size of {by}"),
        },
        MissReason::Refused { path, defect } => {
            format!(
                "replace or remove {}, so that {by} finds a good one: {}",
                lossy(path),
                of_defect(path, defect)
            )
        }
        MissReason::Blocks(path) => format!("remove the pipe {}", lossy(path)),
        MissReason::Changed(path) | MissReason::Unknowable(path) => {
            format!("look at {}, and run again when nothing changes", lossy(path))
        }
        MissReason::Memory(_) => reinstall(requester),
        MissReason::EmptyToken => format!("name the library in {by} without the token"),
        MissReason::Limit => format!("look for libraries of {by} that are generated without end"),
    }
}

fn passed_over(a: &Attempt) -> Option<(&[u8], &Defect)> {
    match &a.outcome {
        Outcome::PassedOver(d) => Some((&a.path, d)),
        _ => None,
    }
}

fn denied(a: &Attempt) -> Option<&[u8]> {
    matches!(a.outcome, Outcome::Errno(Errno::EACCES)).then_some(a.path.as_slice())
}

fn absent_directory(a: &Attempt) -> Option<&[u8]> {
    let own = matches!(a.provenance, Provenance::Runpath | Provenance::Rpath(_));
    (own && a.outcome == Outcome::NoDirectory).then_some(a.path.as_slice())
}

fn too_old(provider: &[u8], version: &[u8], requester: &[u8]) -> String {
    let (by, library) = (lossy(base_name(requester)), lossy(base_name(provider)));
    let version = lossy(version);
    let need =
        |what: &str| format!("upgrade {library} to {what}, or take a build of {by} made for this system");
    match version.as_ref() {
        "GLIBC_PRIVATE" => {
            format!(
                "{by} and {library} must come from one build of the C library: install both from the same package"
            )
        }
        "GLIBC_ABI_DT_RELR" => need("glibc 2.36 or newer"),
        v if v.starts_with("GLIBC_2.") => need(&format!("glibc {} or newer", v.trim_start_matches("GLIBC_"))),
        v => match GCC_OF_VERSION.iter().find(|(name, _)| *name == v) {
            Some((_, gcc)) => need(&format!("the one of GCC {gcc} or newer")),
            None => need(&format!("a release that defines {v}")),
        },
    }
}

/// The GCC release whose libstdc++ defines a version first (libstdc++ manual, "ABI Policy and Guidelines").
const GCC_OF_VERSION: &[(&str, &str)] = &[
    ("GLIBCXX_3.4.20", "4.9"),
    ("GLIBCXX_3.4.21", "5"),
    ("GLIBCXX_3.4.22", "6"),
    ("GLIBCXX_3.4.23", "7"),
    ("GLIBCXX_3.4.24", "7.2"),
    ("GLIBCXX_3.4.25", "8"),
    ("GLIBCXX_3.4.26", "9"),
    ("GLIBCXX_3.4.27", "9.2"),
    ("GLIBCXX_3.4.28", "9.3"),
    ("GLIBCXX_3.4.29", "11"),
    ("GLIBCXX_3.4.30", "12"),
    ("GLIBCXX_3.4.31", "13"),
    ("GLIBCXX_3.4.32", "13.2"),
    ("GLIBCXX_3.4.33", "14"),
    ("CXXABI_1.3.8", "4.9"),
    ("CXXABI_1.3.9", "5"),
    ("CXXABI_1.3.11", "7"),
    ("CXXABI_1.3.12", "9"),
    ("CXXABI_1.3.13", "11"),
];

fn unresolved(object: &[u8], reference: &crate::analyzer::bind::Reference) -> String {
    let by = lossy(base_name(object));
    match &reference.version_file {
        Some(file) => {
            format!("install a {} that defines {}; the one in scope does not", lossy(file), symbol(reference))
        }
        None => format!(
            "link {by} with the library that defines {}, or judge it with --host PROGRAM if a program gives it",
            symbol(reference)
        ),
    }
}

fn working_directory(object: &[u8], element: &[u8], tag: &str) -> String {
    let by = lossy(base_name(object));
    match (tag, element) {
        ("DT_NEEDED", _) => format!("relink {by} against the library's plain name and give it a DT_RUNPATH"),
        ("LD_LIBRARY_PATH", _) => "write absolute directories into LD_LIBRARY_PATH".to_owned(),
        (_, []) => format!("remove the empty element (a stray colon) from {tag} of {by}"),
        (_, element) => format!("write $ORIGIN/{} in {tag} of {by}", lossy(element)),
    }
}
