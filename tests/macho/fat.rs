//! Fat files: which slice, and what dyld has against a table.

use tsuku_verify::analyzer::image::macho::fat::FatFault;
use tsuku_verify::analyzer::image::macho::fault::Problem;
use tsuku_verify::analyzer::image::macho::{Arch, Container, Fat, container, looks_like};

use crate::image::{ARM64, ARM64E, I386, Image, X86_64, fat};

fn read(bytes: &[u8]) -> Fat {
    match container(bytes) {
        Ok(Container::Fat(fat)) => fat,
        other => panic!("not fat: {other:?}"),
    }
}

fn two(is64: bool) -> Vec<u8> {
    let (intel, arm) = (Image::library(X86_64).build(), Image::library(ARM64).build());
    fat(&[(X86_64, &intel), (ARM64, &arm)], is64)
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

#[test]
fn the_best_slice_of_a_process_is_taken() {
    for is64 in [false, true] {
        let bytes = two(is64);
        let fat = read(&bytes);
        assert_eq!((fat.is64, fat.fault.clone(), fat.names()), (is64, None, "x86_64,arm64".to_owned()));
        assert_eq!(fat.best(Arch::ARM64.grades()).unwrap().arch, Arch::ARM64);
        assert_eq!(fat.best(Arch::X86_64H.grades()).unwrap().arch, Arch::X86_64);
        assert_eq!(fat.best(Arch::ARM64E.grades()), None);
        let slice = fat.best(Arch::ARM64.grades()).unwrap();
        assert!(slice.offset > 0x4000 && slice.bytes(&bytes).starts_with(&[0xcf, 0xfa, 0xed, 0xfe]));
    }
}

#[test]
fn an_arm64_process_prefers_arm64e() {
    let (a, e) = (Image::library(ARM64).build(), Image::library(ARM64E).build());
    assert_eq!(
        read(&fat(&[(ARM64, &a), (ARM64E, &e)], false)).best(Arch::ARM64.grades()).unwrap().arch,
        Arch::ARM64E
    );
}

#[test]
fn old_tools_write_arm64e_without_its_version() {
    let e = Image::library(ARM64E).build();
    let fat = read(&fat(&[((0x0100_000c, 2), &e)], false));
    assert_eq!((fat.fault, fat.slices[0].arch), (None, Arch::ARM64E));
}

#[test]
fn a_hidden_arm64_entry_counts() {
    let mut bytes = two(false);
    put(&mut bytes, 4, 1);
    assert_eq!(read(&bytes).names(), "x86_64,arm64");
    // Only of the 32-bit form.
    let mut bytes = two(true);
    put(&mut bytes, 4, 1);
    assert_eq!(read(&bytes).names(), "x86_64");
}

#[test]
fn no_slices_at_all() {
    let bytes = fat(&[], false);
    assert_eq!(read(&bytes).fault, Some(FatFault::TooShort));
    let mut bytes = two(false);
    put(&mut bytes, 4, 0);
    let empty = read(&bytes);
    assert_eq!((empty.fault.clone(), empty.best(Arch::X86_64.grades())), (None, None));
}

#[test]
fn wrong_tables() {
    let fault = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = two(false);
        change(&mut bytes);
        read(&bytes).fault.map(|f| f.loader_words())
    };
    let words = |text: &str| Some(text.to_owned());
    assert_eq!(fault(&|b| put(b, 4, 17)), words("fat file has too many slices (17)"));
    assert_eq!(fault(&|b| put(b, 4, u32::MAX)), words("fat file has too many slices (-1)"));
    // Two slices and room for the hidden third: 8 + 3 * 20.
    assert_eq!(fault(&|b| b.truncate(67)), words("slice headers extend beyond end of file"));
    assert_eq!(fault(&|b| b.truncate(68)), words("x86_64 slice extends beyond end of file"));
    assert_eq!(fault(&|b| put(b, 40, u32::MAX)), words("arm64 slice extends beyond end of file"));
    assert_eq!(
        fault(&|b| put(b, 28, X86_64.0)).as_deref(),
        Some("cpu type/subtype in slice (arm64) does not match fat header (unknown)")
    );
    assert_eq!(
        fault(&|b| {
            put(b, 28, X86_64.0);
            put(b, 32, X86_64.1);
        }),
        words("duplicate x86_64 slices")
    );
    assert_eq!(
        fault(&|b| put(b, 8, I386.0)),
        words("cpu type/subtype in slice (x86_64) does not match fat header (i386)")
    );
    // Both entries lead to overlapping bytes.
    let overlap = fault(&|b| {
        let size = u32::from_be_bytes(b[20..24].try_into().unwrap());
        put(b, 20, size + 0x4000);
    });
    assert_eq!(overlap, words("overlapping slices"));
}

#[test]
fn slices_stand_on_pages_of_their_machine() {
    let (intel, arm) = (Image::library(X86_64).build(), Image::library(ARM64).build());
    for (arch, image, step, fault) in [
        (X86_64, &intel, 0x1000u32, None),
        (X86_64, &intel, 0x800, Some(FatFault::Misaligned)),
        (ARM64, &arm, 0x1000, Some(FatFault::Misaligned)),
    ] {
        let mut bytes = fat(&[(arch, image)], false);
        bytes.splice(0x4000..0x4000, vec![0; step as usize]);
        put(&mut bytes, 16, 0x4000 + step);
        assert_eq!(read(&bytes).fault, fault, "{step:#x}");
    }
}

#[test]
fn what_is_no_container() {
    assert_eq!(container(b"").unwrap_err().problem, Problem::OutOfRange);
    assert_eq!(container(b"\xca\xfe").unwrap_err().problem, Problem::OutOfRange);
    assert_eq!(container(b"\x7fELF....").unwrap_err().problem, Problem::BadMagic(0x7f45_4c46));
    assert_eq!(container(&[0xfe, 0xed, 0xfa, 0xce, 0, 0, 0, 18]).unwrap_err().problem, Problem::BigEndian);
    // A Java class of version 52 begins like a fat file.
    assert!(!looks_like(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52]));
    assert!(looks_like(&two(false)) && looks_like(&two(true)) && !looks_like(b"#!/bin/sh"));
}
