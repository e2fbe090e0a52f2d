//! What can be said of a Mach-O file under dyld: typed evidence, one variant a matter, no sentences.
//! It must never hold words other than dyld's own; ours are in the catalogue.
//! Codes are stable, like those of `analyzer/finding.rs`.

use super::bind::Expected;
use super::refusal::{Kind, Refusal, Tried};
use crate::analyzer::finding::Severity;
use crate::analyzer::image::macho::platform::Version;

/// One thing found about one Mach-O library.
#[derive(Clone, PartialEq, Debug)]
pub enum DyldFinding {
    /// The file itself is refused.
    Refused {
        /// The path that was asked for.
        path: Vec<u8>,
        /// Why.
        refusal: Refusal,
    },
    /// A dependent is nowhere, or only unusable files are there.
    LibraryNotLoaded {
        /// The load path.
        name: Vec<u8>,
        /// Who needs it.
        requester: Vec<u8>,
        /// What was tried.
        tried: Vec<Tried>,
    },
    /// A symbol is missing.
    SymbolNotFound {
        /// The image that needs it.
        image: Vec<u8>,
        /// Its name.
        symbol: Vec<u8>,
        /// Where it was expected.
        expected: Expected,
        /// Further symbols that are missing, this one not counted.
        more: usize,
    },
    /// A library number that no dependent has.
    BadOrdinal {
        /// The image.
        image: Vec<u8>,
        /// The number.
        ordinal: i32,
    },
    /// Tables of fix-ups or exports are malformed.
    MalformedTables {
        /// The image.
        image: Vec<u8>,
        /// dyld's words, if it has any.
        words: Option<String>,
    },
    /// Thread-local variables are malformed.
    ThreadLocals {
        /// The image.
        image: Vec<u8>,
    },
    /// Tables lie behind the end of the file.
    Truncated {
        /// The image.
        image: Vec<u8>,
    },
    /// Pages are not what was signed.
    SignatureDamaged {
        /// The image.
        image: Vec<u8>,
        /// The first of them.
        offset: u64,
        /// Their number.
        pages: u64,
        /// Loading touches them.
        fatal: bool,
    },
    /// Symbols of well-known libraries of the system are taken for granted.
    SystemAssumed {
        /// The libraries.
        libraries: Vec<Vec<u8>>,
        /// Number of symbols.
        symbols: usize,
    },
    /// A library that only the system could have, and that is not known.
    LibraryUnverified {
        /// The load path.
        library: Vec<u8>,
        /// Who needs it.
        requester: Vec<u8>,
        /// It may be missing.
        weak: bool,
    },
    /// Symbols of which only the system could tell.
    SymbolsUnverified {
        /// The first ones: symbol, and the library, if it is one.
        symbols: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        /// How many there are.
        count: usize,
    },
    /// A path starts at the main program, and nobody said where that is.
    MainProgramUnknown {
        /// The load path.
        name: Vec<u8>,
        /// Who needs it.
        requester: Vec<u8>,
    },
    /// A newer macOS refuses the file.
    RefusedLater {
        /// The first that does.
        macos: Version,
        /// In these words.
        words: String,
    },
    /// It was built for a newer macOS than the one it is judged for.
    BuiltForNewer {
        /// The oldest system it is for.
        built_for: Version,
        /// The system.
        macos: Version,
    },
}

impl DyldFinding {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            DyldFinding::Refused { refusal, .. } => refusal.kind.code(),
            DyldFinding::LibraryNotLoaded { tried, .. } => {
                let absent =
                    |t: &Tried| matches!(t.refusal.kind, Kind::NoFile | Kind::NotAFile | Kind::Errno(_));
                if tried.iter().all(absent) { "dylib-not-found" } else { "dylib-unusable" }
            }
            DyldFinding::SymbolNotFound { expected, .. } => match expected {
                Expected::Library(_) | Expected::NoLibrary => "dylib-symbol-not-found",
                Expected::MainProgram => "program-symbol-not-found",
                Expected::Flat => "flat-symbol-not-found",
                Expected::Coalesced => "coalesced-symbol-not-found",
            },
            DyldFinding::BadOrdinal { .. } => "bad-library-ordinal",
            DyldFinding::MalformedTables { .. } => "macho-malformed-tables",
            DyldFinding::ThreadLocals { .. } => "macho-malformed-thread-locals",
            DyldFinding::Truncated { .. } => "macho-truncated",
            DyldFinding::SignatureDamaged { .. } => "macho-signature-damaged",
            DyldFinding::SystemAssumed { .. } => "system-symbols-assumed",
            DyldFinding::LibraryUnverified { .. } => "system-library-unverified",
            DyldFinding::SymbolsUnverified { .. } => "system-symbols-unverified",
            DyldFinding::MainProgramUnknown { .. } => "main-program-unknown",
            DyldFinding::RefusedLater { .. } => "refused-by-newer-macos",
            DyldFinding::BuiltForNewer { .. } => "built-for-newer-macos",
        }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            DyldFinding::SystemAssumed { .. }
            | DyldFinding::BuiltForNewer { .. }
            | DyldFinding::LibraryUnverified { weak: true, .. } => Severity::Note,
            DyldFinding::LibraryUnverified { .. }
            | DyldFinding::SymbolsUnverified { .. }
            | DyldFinding::MainProgramUnknown { .. }
            | DyldFinding::RefusedLater { .. }
            | DyldFinding::MalformedTables { words: None, .. }
            | DyldFinding::SignatureDamaged { fatal: false, .. } => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// The level that finds it.
    pub fn level(&self) -> u8 {
        match self {
            DyldFinding::Refused { .. }
            | DyldFinding::SignatureDamaged { .. }
            | DyldFinding::RefusedLater { .. }
            | DyldFinding::BuiltForNewer { .. } => 1,
            _ => 2,
        }
    }

    /// What it is about, so that equal causes meet.
    pub fn subject(&self) -> Vec<u8> {
        match self {
            DyldFinding::Refused { path, .. } => path.clone(),
            DyldFinding::LibraryNotLoaded { name, .. } | DyldFinding::MainProgramUnknown { name, .. } => {
                name.clone()
            }
            DyldFinding::SymbolNotFound { symbol, .. } => symbol.clone(),
            DyldFinding::BadOrdinal { image, .. }
            | DyldFinding::MalformedTables { image, .. }
            | DyldFinding::ThreadLocals { image }
            | DyldFinding::Truncated { image }
            | DyldFinding::SignatureDamaged { image, .. } => image.clone(),
            DyldFinding::LibraryUnverified { library, .. } => library.clone(),
            DyldFinding::SystemAssumed { .. }
            | DyldFinding::SymbolsUnverified { .. }
            | DyldFinding::RefusedLater { .. }
            | DyldFinding::BuiltForNewer { .. } => Vec::new(),
        }
    }
}
