//! tsuku's own words for what is wrong with a file: its error categories, with their numbers and texts.
//! It must never give a category that tsuku would understand as something else: what it has no word for has none here.
//! Follows the categories of tsuku's `verify` (a missing word is a level it does not have, such as symbol binding).

use crate::analyzer::audit::Library;
use crate::analyzer::finding::Finding;
use crate::analyzer::verdict::Verdict;

/// A category of tsuku's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// The file cannot be opened or read.
    Unreadable,
    /// It is in no format a loader knows.
    InvalidFormat,
    /// It is a program, or something else that is not loaded.
    NotSharedLibrary,
    /// It is for another machine.
    WrongArchitecture,
    /// It ends too early.
    Truncated,
    /// Its parts contradict each other.
    Corrupted,
    /// It is made for another C library, or for a newer one.
    AbiMismatch,
    /// Something it needs is not found.
    UnknownDependency,
}

impl Category {
    /// Its number.
    pub fn value(self) -> u8 {
        match self {
            Category::Unreadable => 0,
            Category::InvalidFormat => 1,
            Category::NotSharedLibrary => 2,
            Category::WrongArchitecture => 3,
            Category::Truncated => 4,
            Category::Corrupted => 5,
            Category::AbiMismatch => 10,
            Category::UnknownDependency => 11,
        }
    }

    /// Its text.
    pub fn text(self) -> &'static str {
        match self {
            Category::Unreadable => "unreadable",
            Category::InvalidFormat => "invalid format",
            Category::NotSharedLibrary => "not a shared library",
            Category::WrongArchitecture => "wrong architecture",
            Category::Truncated => "truncated",
            Category::Corrupted => "corrupted",
            Category::AbiMismatch => "ABI mismatch",
            Category::UnknownDependency => "unknown dependency",
        }
    }
}

/// The category of a library that fails; none if it does not, or if tsuku has no word for why.
pub fn category(library: &Library) -> Option<Category> {
    let Verdict::Fails { .. } = library.judgement.verdict else { return None };
    if library.judgement.findings.iter().any(|f| f.code() == "made-for-another-libc") {
        return Some(Category::AbiMismatch);
    }
    library.judgement.findings.first().and_then(|f| of(f.code(), f))
}

fn of(code: &str, finding: &Finding) -> Option<Category> {
    Some(match code {
        "cannot-open" | "not-a-file" | "unreadable" | "changed-while-reading" => Category::Unreadable,
        "not-elf" | "not-macho" => Category::InvalidFormat,
        "not-a-library" | "not-for-dlopen" | "macho-not-a-library" | "macho-not-for-dlopen" => {
            Category::NotSharedLibrary
        }
        "wrong-machine"
        | "wrong-class"
        | "wrong-byte-order"
        | "macho-wrong-arch"
        | "macho-wrong-platform" => Category::WrongArchitecture,
        "file-too-short" | "truncated" | "beyond-end-of-file" | "macho-truncated" | "macho-empty" => {
            Category::Truncated
        }
        "macho-unreadable" => Category::Unreadable,
        "dylib-not-found" | "dylib-unusable" => Category::UnknownDependency,
        "version-not-found" | "isa-level" | "relr-without-version" => Category::AbiMismatch,
        _ if code.starts_with("needed-") => Category::UnknownDependency,
        _ if matches!(finding, Finding::File { .. }) || code.starts_with("macho-") => Category::Corrupted,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::defect::Defect;
    use crate::analyzer::host::Errno;
    use crate::analyzer::verdict::Judgement;

    fn of_finding(verdict: Verdict, finding: Finding) -> Option<(u8, &'static str)> {
        let judgement = Judgement { verdict, findings: vec![finding], level_reached: 0 };
        let library = Library {
            path: b"/l".to_vec(),
            judgement,
            class: None,
            missing: Vec::new(),
            because: None,
            loader: "".into(),
            init: None,
        };
        category(&library).map(|c| (c.value(), c.text()))
    }

    #[test]
    fn failures_have_tsukus_numbers() {
        let fails = || Verdict::Fails { message: None, dies: None };
        let file = |defect| Finding::File { object: b"/l".to_vec(), defect };
        assert_eq!(of_finding(fails(), file(Defect::TooShort)), Some((4, "truncated")));
        assert_eq!(of_finding(fails(), file(Defect::NotElf)), Some((1, "invalid format")));
        assert_eq!(of_finding(fails(), file(Defect::Pie)), Some((2, "not a shared library")));
        assert_eq!(of_finding(fails(), file(Defect::WrongMachine(183))), Some((3, "wrong architecture")));
        assert_eq!(of_finding(fails(), file(Defect::NoSegments)), Some((5, "corrupted")));
        let gone = Finding::CannotOpen { errno: Errno::ENOENT };
        assert_eq!(of_finding(fails(), gone.clone()), Some((0, "unreadable")));
        assert_eq!(of_finding(Verdict::Loads, gone), None);
    }
}
