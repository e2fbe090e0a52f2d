//! Export tries: look-up, walk, and tries built to trap whoever walks them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use tsuku_verify::analyzer::image::macho::exports::{Export, ExportKind, Exports};
use tsuku_verify::analyzer::image::macho::fault::{Fault, Problem};
use tsuku_verify::analyzer::image::macho::read;

use crate::image::*;

fn with<T>(trie: &[u8], look: impl FnOnce(&Exports<'_>) -> T) -> T {
    let mut image = Image::library(ARM64);
    image.table(LC_DYLD_EXPORTS_TRIE, trie);
    look(&read(&image.build()).expect("a header").exports)
}

fn find(trie: &[u8], name: &str) -> Result<Option<&'static str>, Problem> {
    with(trie, |e| match e.find(name.as_bytes()) {
        Ok(found) => Ok(found.map(|_| "found")),
        Err(fault) => Err(fault.problem),
    })
}

fn walked(trie: &[u8]) -> Result<BTreeMap<String, bool>, Fault> {
    with(trie, |exports| {
        let mut names = BTreeMap::new();
        exports.walk(|name, export| {
            names.insert(String::from_utf8_lossy(name).into_owned(), export.weak);
            ControlFlow::Continue(())
        })?;
        Ok(names)
    })
}

#[test]
fn every_kind_of_export() {
    let reexport = |ordinal: u8, name: &[u8]| [&[8, ordinal][..], name, &[0]].concat();
    let made = trie(&[
        ("_a", regular(0x1234)),
        ("_ab", [vec![4], uleb(5)].concat()),
        ("_tls", [vec![1], uleb(6)].concat()),
        ("_abs", [vec![2], uleb(7)].concat()),
        ("_re", reexport(2, b"_other")),
        ("_same", reexport(1, b"")),
        ("_resolver", [vec![0x10], uleb(8), uleb(9)].concat()),
        ("_variant", [vec![0x20], uleb(10), uleb(3)].concat()),
        ("_odd", [vec![3], uleb(1)].concat()),
    ]);
    with(&made, |e| {
        let kind = |name: &str| {
            let export: Option<Export<'_>> = e.find(name.as_bytes()).unwrap();
            export.map(|e| (e.kind, e.weak))
        };
        assert_eq!(kind("_a"), Some((ExportKind::Regular(0x1234), false)));
        assert_eq!(kind("_ab"), Some((ExportKind::Regular(5), true)));
        assert_eq!(kind("_tls"), Some((ExportKind::ThreadLocal(6), false)));
        assert_eq!(kind("_abs"), Some((ExportKind::Absolute(7), false)));
        assert_eq!(kind("_re"), Some((ExportKind::Reexport { ordinal: 2, name: b"_other" }, false)));
        assert_eq!(kind("_same"), Some((ExportKind::Reexport { ordinal: 1, name: b"" }, false)));
        assert_eq!(kind("_resolver"), Some((ExportKind::Resolver { stub: 8, resolver: 9 }, false)));
        assert_eq!(kind("_variant"), Some((ExportKind::Variant { default: 10, table: 3 }, false)));
        assert_eq!(kind("_odd"), Some((ExportKind::Regular(1), false)));
        for absent in ["", "_", "_abc", "a", "_al", "_res"] {
            assert_eq!(kind(absent), None, "{absent}");
        }
    });
    assert_eq!(walked(&made).unwrap().len(), 9);
}

#[test]
fn no_exports() {
    let bytes = Image::library(ARM64).build();
    let facts = read(&bytes).unwrap();
    assert_eq!(facts.exports.find(b"_x"), Ok(None));
    // A table of size zero is a table.
    assert_eq!(find(&[], "_x"), Ok(None));
    assert!(walked(&[]).unwrap().is_empty());
    assert_eq!(find(&[0, 0], "_x"), Ok(None));
}

#[test]
fn the_newer_table_wins() {
    let mut image = Image::library(X86_64);
    image.table(LC_DYLD_EXPORTS_TRIE, &trie(&[("_new", regular(1))]));
    image.info(&[], &[], &[], &trie(&[("_old", regular(1))]));
    let bytes = image.build();
    let facts = read(&bytes).unwrap();
    assert!(facts.exports.find(b"_new").unwrap().is_some() && facts.exports.find(b"_old").unwrap().is_none());
}

#[test]
fn a_trie_outside_the_image_is_broken() {
    let mut image = Image::library(ARM64);
    image
        .commands
        .push([LC_DYLD_EXPORTS_TRIE, 16, 0x8000, u32::MAX].iter().flat_map(|v| v.to_le_bytes()).collect());
    let bytes = image.build();
    assert_eq!(read(&bytes).unwrap().exports.find(b"_x").unwrap_err().problem, Problem::OutOfRange);
}

#[test]
fn cycles_end() {
    // The root's only edge, empty, leads to the root: dyld calls offset zero out of range.
    assert_eq!(find(&[0, 1, 0, 0], "_x"), Err(Problem::BadIndex(0)));
    // To a node that leads to itself, by an empty edge and by one that eats a byte.
    let to_itself = |edge: &[u8]| [&[0, 1, b'_', 0, 5][..], &[0, 1], edge, &[0, 5]].concat();
    assert_eq!(find(&to_itself(b""), "_x"), Err(Problem::Cycle));
    assert_eq!(find(&to_itself(b"x"), "_xxxx"), Err(Problem::Cycle));
    assert_eq!(find(&to_itself(b"x"), "_y"), Ok(None));
    assert_eq!(walked(&to_itself(b"x")).unwrap_err().problem, Problem::Cycle);
}

#[test]
fn a_trie_of_300_bytes_that_stands_for_millions_of_names() {
    // Each level has two edges to the next one.
    let mut bytes = Vec::new();
    for level in 1..=60u32 {
        let next = level as u64 * 12;
        bytes.extend([0, 2, b'a', 0]);
        bytes.extend([(next & 0x7f) as u8 | 0x80, (next >> 7) as u8 | 0x80, 0, b'b']);
        bytes.extend([0, (next & 0x7f) as u8 | 0x80, (next >> 7) as u8, 0]);
        bytes.truncate(level as usize * 12);
    }
    bytes.extend([2, 0, 1, 0]);
    let name: String = "ab".repeat(30);
    assert_eq!(find(&bytes, &name), Ok(Some("found")));
    assert_eq!(walked(&bytes).unwrap_err().problem, Problem::Cycle);
}

#[test]
fn deep_tries_are_no_recursion() {
    // 100,000 levels with one byte each: a look-up of that length is refused, not followed for ever.
    let mut bytes = Vec::new();
    let levels = 100_000u64;
    for level in 1..=levels {
        bytes.extend([0, 1, b'a', 0]);
        let next = level * 8;
        bytes.extend([(next & 0x7f) as u8 | 0x80, (next >> 7 & 0x7f) as u8 | 0x80]);
        bytes.extend([(next >> 14 & 0x7f) as u8 | 0x80, (next >> 21) as u8]);
    }
    bytes.extend([2, 0, 1, 0]);
    assert_eq!(walked(&bytes).unwrap().len(), 1);
    assert_eq!(find(&bytes, &"a".repeat(1000)), Ok(None));
    assert_eq!(find(&bytes, &"a".repeat(levels as usize)), Err(Problem::Cycle));
}

#[test]
fn tries_that_end_too_early() {
    let good = trie(&[("_abc", regular(0x1234)), ("_xyz", regular(1))]);
    for length in 0..good.len() {
        // Neither answer matters, only that there is one; but a name must not be found half.
        let _ = find(&good[..length], "_abc");
        let _ = walked(&good[..length]);
    }
    // A terminal beyond the end ends the search without a word; an edge without end is a fault.
    assert_eq!(find(&[100, 0, 1], "_x"), Ok(None));
    assert_eq!(find(&[0, 1, b'_', b'x'], "_x"), Err(Problem::Unterminated));
    assert_eq!(find(&[0, 1, b'_', 0, 0x80], "_x"), Err(Problem::BadLeb));
    assert_eq!(find(&[0, 1, b'_', 0, 100], "_x"), Err(Problem::BadIndex(100)));
    assert_eq!(find(&[0x80; 12], "_x"), Err(Problem::LebTooBig));
    // The number of an edge that does not match is skipped, however long.
    let mut long = vec![0, 2, b'a', 0];
    long.extend([0x80; 30]);
    long.extend([0, b'b', 0, 38, 2, 0, 1, 0]);
    assert_eq!(find(&long, "b"), Ok(Some("found")));
}
