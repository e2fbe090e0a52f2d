//! Rebase streams: every operation, places, and what dyld stops at.

use tsuku_verify::analyzer::image::macho::fault::{Fault, Problem};
use tsuku_verify::analyzer::image::macho::read;
use tsuku_verify::analyzer::image::macho::rebases::{Rebases, check};

use crate::image::*;

fn run_on(arch: (u32, u32), stream: &[u8]) -> Result<Rebases, Fault> {
    let mut image = Image::library(arch);
    image.info(&[], &[], &[], &[]);
    let (at, size) = image.blob(stream);
    let command = image.commands.last_mut().unwrap();
    command[8..16].copy_from_slice(&[at.to_le_bytes(), size.to_le_bytes()].concat());
    check(&read(&image.build()).expect("a header"))
}

fn run(stream: &[u8]) -> Result<Rebases, Fault> {
    run_on(X86_64, stream)
}

/// Number of places, and the problem of the first that cannot be.
fn places(stream: &[u8]) -> (u64, Option<Problem>) {
    let found = run(stream).expect("a good stream");
    (found.places, found.place_fault.map(|f| f.problem))
}

#[test]
fn every_operation() {
    let stream = [0x11, 0x21, 0x10, 0x53, 0x30, 8, 0x42, 0x60, 4, 0x70, 16, 0x80, 5, 8, 0x00];
    assert_eq!(places(&stream), (3 + 4 + 1 + 5, None));
    assert_eq!(places(&[0x21, 0, 0x50, 0x60, 0]), (0, None));
    assert_eq!(run(&[]), Ok(Rebases::default()));
}

#[test]
fn places_are_in_data() {
    assert_eq!(places(&[0x21, 0xf8, 0x7f, 0x51]), (1, None));
    assert_eq!(places(&[0x21, 0xf8, 0x7f, 0x52]), (2, Some(Problem::OutOfRange)));
    assert_eq!(places(&[0x20, 0, 0x51]), (1, Some(Problem::BadValue(5))));
    assert_eq!(places(&[0x29, 0, 0x51]), (1, Some(Problem::BadIndex(9))));
    assert_eq!(places(&[0x51]), (1, Some(Problem::Incomplete)));
    let endless = [vec![0x21, 0, 0x60], uleb(u64::MAX)].concat();
    assert_eq!(places(&endless), (u64::MAX, Some(Problem::OutOfRange)));
}

#[test]
fn what_dyld_stops_at() {
    let words = |stream: &[u8]| run(stream).unwrap_err().loader_words();
    assert_eq!(words(&[0x93]).as_deref(), Some("unknown rebase opcode 0x90"));
    assert_eq!(words(&[0x21, 0x80]).as_deref(), Some("malformed uleb128"));
    // Fifteen bytes of padding are allowed.
    assert_eq!(run(&[0; 16]), Ok(Rebases::default()));
    assert_eq!(words(&[0; 17]).as_deref(), Some("rebase opcodes terminated early at offset 1 of 17"));
    assert_eq!(
        words(&[&[0x11, 0x00][..], &[0; 30]].concat()).as_deref(),
        Some("rebase opcodes terminated early at offset 2 of 32")
    );
}

#[test]
fn chained_images_have_no_rebase_stream() {
    assert_eq!(run_on(ARM64E, &[0xff]), Ok(Rebases::default()));
}
