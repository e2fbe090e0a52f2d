//! The marks in finished binaries: version and pins as text, readable without running anything.
//! It must never take one mark for all: every occurrence counts, and they have to agree.
//! The marks are written by `build.rs` and obeyed by `src/loader/helper.rs`.

use std::collections::{BTreeMap, BTreeSet};

use crate::shared::checksums::is_asset_name;

/// Every version a program calls itself.
pub fn versions(program: &[u8]) -> BTreeSet<String> {
    entries(program, b"tsuku-version:", b';').into_iter().filter(|text| is_asset_name(text)).collect()
}

/// Every version a helper calls itself.
pub fn helper_versions(helper: &[u8]) -> BTreeSet<String> {
    entries(helper, b"tsuku-dltest v", b'\n').into_iter().filter(|text| is_asset_name(text)).collect()
}

/// Helper to the sums it is pinned with; more than one is a contradiction.
pub fn pins(program: &[u8]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for entry in entries(program, b"tsuku-pin:", b';') {
        if let Some((asset, sum)) = entry.split_once('=').filter(|(asset, _)| is_asset_name(asset)) {
            found.entry(asset.to_owned()).or_default().insert(sum.to_owned());
        }
    }
    found
}

/// What stands between each `mark` and the next `end`, if that is short and ASCII.
fn entries(bytes: &[u8], mark: &[u8], end: u8) -> Vec<String> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = find(&bytes[from..], mark) {
        from += at + mark.len();
        let rest = &bytes[from..bytes.len().min(from + 200)];
        let Some(length) = rest.iter().position(|byte| *byte == end) else { continue };
        if let Some(text) = std::str::from_utf8(&rest[..length]).ok().filter(|text| text.is_ascii()) {
            found.push(text.to_owned());
        }
    }
    found
}

/// Where `needle` starts.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_counts() {
        let sum = "0".repeat(64);
        let text = format!(
            "\0tsuku-version:1.2.3;tsuku-pin:a-b={sum};tsuku-pin:\0tsuku-version:\0tsuku-pin:a-b=ff;"
        );
        assert_eq!(versions(text.as_bytes()), BTreeSet::from(["1.2.3".to_owned()]));
        assert_eq!(pins(text.as_bytes())["a-b"].len(), 2);
        assert_eq!(
            helper_versions(b"usage\ntsuku-dltest v1.2.3-rc.1\n..."),
            BTreeSet::from(["1.2.3-rc.1".into()])
        );
        assert!(versions(b"tsuku-version:").is_empty());
        assert_eq!(find(b"aab", b"ab"), Some(1));
        assert_eq!(find(b"aab", b"abc"), None);
    }
}
