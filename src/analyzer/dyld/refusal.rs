//! Why dyld does not take one file: what stands in the parentheses behind a tried path.
//! It must never hold our own opinion; the kinds are for sorting, the words are dyld's.
//! Words follow JustInTimeLoader.cpp, MachOFile.cpp, Universal.cpp, DyldDelegates.cpp and Loader.cpp (mapSegments).

use crate::analyzer::errno::Errno;
use crate::analyzer::image::macho::facts::FileKind;

/// What kind of reason it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Nothing is there.
    NoFile,
    /// A directory, pipe or device.
    NotAFile,
    /// A file of no bytes: dyld takes it for a tombstone.
    Empty,
    /// It cannot be opened or looked at.
    Errno(Errno),
    /// It is no Mach-O file.
    NotMachO,
    /// Its table of slices is malformed.
    Fat,
    /// None of its slices is for the process.
    Arch {
        /// What there is, as dyld lists it.
        have: String,
    },
    /// It is made for another system.
    Platform {
        /// Which.
        have: &'static str,
    },
    /// It is no library or bundle, or may not be loaded in this way.
    Type(FileKind),
    /// It refuses to be opened directly.
    NoAccess,
    /// Its header or load commands are malformed.
    Header,
    /// It is not signed, and code of this architecture must be.
    Unsigned,
    /// Its signature is malformed or covers too little.
    Signature,
    /// A segment cannot be mapped.
    Mapping,
    /// It is encrypted for an account.
    Encrypted,
}

impl Kind {
    /// The kebab-case name, a suffix of finding codes.
    pub fn code(&self) -> &'static str {
        match self {
            Kind::NoFile => "macho-no-file",
            Kind::NotAFile => "macho-not-a-file",
            Kind::Empty => "macho-empty",
            Kind::Errno(_) => "macho-unreadable",
            Kind::NotMachO => "not-macho",
            Kind::Fat => "macho-malformed-fat",
            Kind::Arch { .. } => "macho-wrong-arch",
            Kind::Platform { .. } => "macho-wrong-platform",
            Kind::Type(_) => "macho-not-a-library",
            Kind::NoAccess => "macho-not-for-dlopen",
            Kind::Header => "macho-malformed-header",
            Kind::Unsigned => "macho-unsigned",
            Kind::Signature => "macho-bad-signature",
            Kind::Mapping => "macho-malformed-segments",
            Kind::Encrypted => "macho-encrypted",
        }
    }
}

/// A reason with dyld's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// What kind.
    pub kind: Kind,
    /// dyld's words, which may name the path that was asked for.
    pub words: Vec<u8>,
}

impl Refusal {
    /// Of words that are text.
    pub fn new(kind: Kind, words: impl Into<String>) -> Refusal {
        Refusal { kind, words: words.into().into_bytes() }
    }

    /// Of words with bytes of a path in them.
    pub fn of(kind: Kind, parts: &[&[u8]]) -> Refusal {
        Refusal { kind, words: parts.concat() }
    }
}

/// One path that was tried, and why it was no good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tried {
    /// The path as dyld prints it.
    pub path: Vec<u8>,
    /// Why.
    pub refusal: Refusal,
}

/// `tried: 'a' (no such file), 'b' (...)`.
pub fn list(tried: &[Tried]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, t) in tried.iter().enumerate() {
        out.extend_from_slice(if number == 0 { b"tried: '" } else { b", '" });
        out.extend_from_slice(&t.path);
        out.extend_from_slice(b"' (");
        out.extend_from_slice(&t.refusal.words);
        out.push(b')');
    }
    out
}
