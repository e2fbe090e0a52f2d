//! What every finding code means, why the loader minds, and what mends it: the one table people read.
//! It must never decide anything; a code that is not here does not exist.
//! The explanations retell glibc's elf/dl-load.c, elf/dl-version.c and elf/dl-reloc.c in plain words.

pub mod because;
mod dyld;
mod entries;
mod evidence;
mod files;
mod hints;
#[cfg(test)]
mod samples;
mod words;

pub use super::finding::{Entry, bytes_json};
pub use dyld::tried;
pub use evidence::{attempt, evidence};
pub use hints::hint;
pub use words::{outcome, provenance_code, text};

/// The entry of a code.
pub fn explain(code: &str) -> Option<&'static Entry> {
    table().find(|e| e.code == code)
}

/// All codes in the order of the documentation: files first, then calls, then advice.
pub fn codes() -> impl Iterator<Item = &'static str> {
    table().map(|e| e.code)
}

fn table() -> impl Iterator<Item = &'static Entry> {
    files::FILES.iter().chain(entries::CALLS).chain(dyld::ENTRIES)
}

/// Bytes of a file in a sentence. Not escaped: the renderer does that.
fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The last part of a path.
fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn codes_are_unique_and_kebab_case() {
        let mut seen = HashSet::new();
        for code in codes() {
            assert!(seen.insert(code), "{code} is there twice");
            let word =
                |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            assert!(code.split('-').all(word), "{code}");
        }
    }

    #[test]
    fn entries_say_something() {
        for e in table() {
            assert_eq!(explain(e.code), Some(e));
            assert!(!e.title.is_empty() && !e.title.ends_with('.') && e.title.len() < 90, "{}", e.code);
            assert!(e.explanation.len() > 80 && e.explanation.ends_with('.'), "{}", e.code);
            assert!(e.mend.len() > 30 && e.mend.ends_with('.'), "{}", e.code);
        }
        assert_eq!(explain("no-such-code"), None);
    }

    #[test]
    fn every_finding_is_explained() {
        let mut met = HashSet::new();
        for f in samples::findings() {
            assert!(explain(f.code()).is_some(), "{} has no entry", f.code());
            assert!(!text(&f).is_empty() && !hint(&f).is_empty(), "{f:?}");
            assert!(evidence(&f).is_object(), "{f:?}");
            met.insert(f.code());
        }
        let silent: Vec<_> = codes().filter(|c| !met.contains(c)).collect();
        assert!(silent.is_empty(), "no finding has these codes: {silent:?}");
    }

    #[test]
    fn bytes_keep_their_value() {
        assert_eq!(bytes_json("libä.so".as_bytes()), json!("libä.so"));
        assert_eq!(bytes_json(b"lib\xff"), json!({"bytes": "6c6962ff"}));
    }
}
