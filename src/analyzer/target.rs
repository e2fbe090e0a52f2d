//! What a file is made for: which format, which machine, which C library, by what stands in the file itself.
//! It must never look at a name or a place of the file, nor guess: a file that does not say has no target.
//! The marks are those linkers and C libraries leave: PT_INTERP, DT_NEEDED, version needs, the magic numbers of Mach-O.

use super::disk::ImageEntry;
use super::image::elf::{ElfFacts, Image};
use super::image::header;
use super::image::versions::NeedStep;
use super::loader_model::LibcKind;

/// What a file is made for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// A Linux machine with this C library.
    Libc(LibcKind),
    /// macOS or another system of Apple.
    MachO,
    /// It does not say, or is no library at all.
    Unsaid,
}

impl Target {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Target::Libc(libc) => libc.name(),
            Target::MachO => "macos",
            Target::Unsaid => "unknown",
        }
    }
}

/// The target of a file that a loader's eyes have seen.
pub fn of(entry: &ImageEntry<'_>) -> Target {
    if is_macho(entry.bytes) {
        return Target::MachO;
    }
    match &entry.image {
        Image::Mapped(facts) => libc_of(facts).map_or(Target::Unsaid, Target::Libc),
        // A program is no library, but says who starts it.
        Image::Refused(_) => header::interpreter(entry.bytes)
            .and_then(|path| loader_name(base_name(path)))
            .map_or(Target::Unsaid, Target::Libc),
    }
}

/// Whether a file begins as a Mach-O image or a universal file of them.
pub fn is_macho(head: &[u8]) -> bool {
    let Some(Ok(magic)) = head.get(..4).map(<[u8; 4]>::try_from) else { return false };
    match u32::from_be_bytes(magic) {
        0xfeed_face | 0xfeed_facf | 0xcefa_edfe | 0xcffa_edfe => true,
        // Class files of Java begin as universal files do; where those count slices they have a version from 45 on.
        0xcafe_babe | 0xcafe_babf => {
            let count = head.get(4..8).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
            count.is_some_and(|n| (1..=30).contains(&n))
        }
        _ => false,
    }
}

/// Whether a Mach-O file is a dynamic library or a bundle; of a universal file the first slice tells.
pub fn is_macho_library<'b>(head: &[u8], whole: impl FnOnce() -> Option<&'b [u8]>) -> bool {
    let word = |bytes: &[u8], at: usize, big: bool| {
        let four = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    };
    let is_library = |image: &[u8]| {
        let big = matches!(image.first(), Some(0xfe));
        matches!(word(image, 12, big), Some(6 | 8))
    };
    match word(head, 0, true) {
        // `offset` has 64 bits where the magic number says so.
        Some(magic @ (0xcafe_babe | 0xcafe_babf)) => {
            let at = word(head, if magic == 0xcafe_babe { 16 } else { 20 }, true).map(|at| at as usize);
            at.and_then(|at| whole()?.get(at..)).is_some_and(is_library)
        }
        _ => is_library(head),
    }
}

/// The C library an ELF file is linked against, if it shows.
pub fn libc_of(facts: &ElfFacts<'_>) -> Option<LibcKind> {
    if let Some(libc) = facts.interpreter.and_then(|path| loader_name(base_name(path))) {
        return Some(libc);
    }
    let versions = || {
        facts.versions.needs.iter().filter_map(|step| match step {
            NeedStep::Version { name: Ok(name), .. } => Some(name),
            _ => None,
        })
    };
    if versions().any(|v| v.starts_with(b"GLIBC_")) {
        return Some(LibcKind::Glibc);
    }
    let names = || facts.needs.iter().filter_map(|need| need.name.as_ref().ok());
    if let Some(libc) = names().find_map(|name| loader_name(base_name(name))) {
        return Some(libc);
    }
    // Other systems have a `libc.so` too; theirs has versions.
    let plain = names().any(|name| **name == *b"libc.so") && versions().next().is_none();
    plain.then_some(LibcKind::Musl)
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// Whether a needed name can be what tells a library of musl's.
pub(super) fn may_be_musls(name: &[u8]) -> bool {
    name == b"libc.so" || loader_name(base_name(name)) == Some(LibcKind::Musl)
}

/// Names only one C library's files have.
pub(super) fn loader_name(name: &[u8]) -> Option<LibcKind> {
    if name.starts_with(b"ld-musl-") || name.starts_with(b"libc.musl-") {
        return Some(LibcKind::Musl);
    }
    let glibc = name.starts_with(b"ld-linux") || name.starts_with(b"ld64.so.") || name == b"libc.so.6";
    glibc.then_some(LibcKind::Glibc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_loaders_and_libcs() {
        for (name, libc) in [
            ("ld-musl-x86_64.so.1", Some(LibcKind::Musl)),
            ("libc.musl-aarch64.so.1", Some(LibcKind::Musl)),
            ("libc.so.6", Some(LibcKind::Glibc)),
            ("ld-linux-x86-64.so.2", Some(LibcKind::Glibc)),
            ("ld64.so.1", Some(LibcKind::Glibc)),
            ("libc.so", None),
            ("libm.so.6", None),
            ("libc.so.7", None),
        ] {
            assert_eq!(loader_name(name.as_bytes()), libc, "{name}");
        }
    }

    #[test]
    fn mach_o_is_known_in_all_its_beginnings_and_java_is_not() {
        for magic in [b"\xfe\xed\xfa\xce", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe"] {
            assert!(is_macho(magic));
        }
        assert!(is_macho(b"\xca\xfe\xba\xbe\0\0\0\x02"));
        assert!(!is_macho(b"\xca\xfe\xba\xbe\0\0\0\x34"));
        assert!(!is_macho(b"\xca\xfe\xba\xbe\0\0\0"));
        assert!(!is_macho(b"\x7fELF") && !is_macho(b""));
        let thin = |kind: u8| [b"\xcf\xfa\xed\xfe\0\0\0\0\0\0\0\0".as_slice(), &[kind, 0, 0, 0]].concat();
        assert!(is_macho_library(&thin(6), || None) && is_macho_library(&thin(8), || None));
        assert!(!is_macho_library(&thin(2), || None));
        let head = [b"\xca\xfe\xba\xbe\0\0\0\x01".as_slice(), &[0; 8], &[0, 0, 0, 28], &[0; 8]].concat();
        let dylib: &'static [u8] = Box::leak([head.clone(), thin(6)].concat().into_boxed_slice());
        assert!(is_macho_library(&head, || Some(dylib)));
        assert!(!is_macho_library(&head, || None));
    }
}
