//! Code signatures: blobs, directories of every version and hash, and where the damage is.

use tsuku_verify::analyzer::image::macho::fault::Problem;
use tsuku_verify::analyzer::image::macho::read;
use tsuku_verify::analyzer::image::macho::signature::{HashKind, Pages, Signature};

use crate::image::*;

fn with<T>(bytes: &[u8], look: impl FnOnce(&Signature<'_>) -> T) -> T {
    let facts = read(bytes).expect("a header");
    look(facts.signature.as_ref().expect("a signature").as_ref().expect("a well-formed one"))
}

/// An image whose signature is these bytes.
fn holding(signature: &[u8]) -> Vec<u8> {
    let mut image = Image::library(ARM64);
    image.table(LC_CODE_SIGNATURE, signature);
    image.build()
}

fn problem(signature: &[u8]) -> Problem {
    read(&holding(signature)).unwrap().signature.unwrap().unwrap_err().problem
}

#[test]
fn every_hash_and_page_size() {
    let hashes =
        [(1, HashKind::Sha1), (2, HashKind::Sha256), (3, HashKind::Sha256Truncated), (4, HashKind::Sha384)];
    for (number, kind) in hashes {
        for (log2, pages) in [(12, 9), (14, 3)] {
            let bytes = Image::library(ARM64).signed(&[number], log2);
            with(&bytes, |s| {
                let d = s.directory().unwrap();
                assert_eq!((d.hash, d.identifier, d.version), (kind, &b"test"[..], 0x2_0400));
                assert!(
                    d.ad_hoc() && !d.linker_signed() && !d.hardened() && !d.scattered && d.team.is_none()
                );
                assert!(s.covers_image() && !s.has_identity);
                let whole = Pages { total: pages, damaged: 0, first_damaged: None };
                assert_eq!(s.check_pages(&bytes), whole, "{kind:?} {log2}");
            });
        }
    }
}

#[test]
fn an_edited_load_command_is_one_damaged_page() {
    let mut image = Image::library(ARM64);
    image.rpath("@loader_path/../lib");
    let mut bytes = image.signed(&[2], 12);
    let at = bytes.windows(4).position(|w| w == b"/lib").unwrap();
    bytes[at] = b'X';
    with(&bytes, |s| {
        assert_eq!(s.check_pages(&bytes), Pages { total: 9, damaged: 1, first_damaged: Some(0) });
    });
    // And one in the data.
    let mut bytes = image.signed(&[2], 12);
    bytes[0x5123] = 1;
    with(&bytes, |s| assert_eq!(s.check_pages(&bytes).first_damaged, Some(0x5000)));
    // The signature itself is not signed.
    let mut bytes = image.signed(&[2], 12);
    *bytes.last_mut().unwrap() ^= 0;
    bytes.push(1);
    with(&bytes, |s| assert_eq!(s.check_pages(&bytes).damaged, 0));
}

#[test]
fn of_several_directories_the_strongest_counts() {
    let bytes = Image::library(X86_64).signed(&[1, 2], 12);
    with(&bytes, |s| {
        assert_eq!(s.directories.len(), 2);
        assert_eq!(s.directory().unwrap().hash, HashKind::Sha256);
    });
    let bytes = Image::library(X86_64).signed(&[2, 1, 3], 12);
    with(&bytes, |s| assert_eq!(s.directory().unwrap().hash, HashKind::Sha256));
}

#[test]
fn old_versions_end_before_newer_fields() {
    for version in [0x2_0000, 0x2_0100, 0x2_0200, 0x2_0300] {
        let mut directory = code_directory(&[0; 0x2000], 2, 12, version);
        // What would be scatter (an end at once), team and the 64-bit limit, filled in.
        directory[44..48].copy_from_slice(&64u32.to_be_bytes());
        directory[48..52].copy_from_slice(&88u32.to_be_bytes());
        directory[56..64].copy_from_slice(&0x1_0000_0000u64.to_be_bytes());
        let bytes = holding(&super_blob(&[directory]));
        with(&bytes, |s| {
            let d = s.directory().unwrap();
            assert_eq!(d.scattered, version >= 0x2_0100);
            assert_eq!(d.team, (version >= 0x2_0200).then_some(&b"test"[..]));
            assert_eq!(d.limit, if version >= 0x2_0300 { 0x1_0000_0000 } else { 0x2000 });
            // Pages that are not there are damaged, and not looked for one by one.
            assert!(version < 0x2_0300 || s.check_pages(&bytes).total < 20);
        });
    }
}

#[test]
fn short_coverage() {
    let bytes = holding(&signature(&[0; 0x2000], &[2], 12));
    with(&bytes, |s| {
        assert!(!s.covers_image());
        assert_eq!(s.check_pages(&bytes).total, 2);
    });
}

#[test]
fn an_identity_is_a_message_of_more_than_its_head() {
    for (length, identity) in [(8u32, false), (9, true)] {
        let mut cms = [0xfade_0b01u32.to_be_bytes(), length.to_be_bytes()].concat();
        cms.resize(length as usize, 0);
        let mut blob = super_blob(&[code_directory(&[0; 16], 2, 12, 0x2_0400), cms]);
        blob[20..24].copy_from_slice(&0x1_0000u32.to_be_bytes());
        with(&holding(&blob), |s| assert_eq!(s.has_identity, identity));
    }
}

#[test]
fn blobs_that_cannot_be() {
    let good = signature(&[0; 0x2000], &[2], 12);
    let patched = |at: usize, value: u32| {
        let mut blob = good.clone();
        blob[at..at + 4].copy_from_slice(&value.to_be_bytes());
        problem(&blob)
    };
    assert_eq!(problem(&good[..7]), Problem::OutOfRange);
    assert_eq!(problem(&good[..11]), Problem::BadSize(good.len() as u64));
    assert_eq!(patched(0, 0xfade_0c01), Problem::BadMagic(0xfade_0c01));
    assert_eq!(patched(4, good.len() as u32 + 1), Problem::BadSize(good.len() as u64 + 1));
    assert_eq!(patched(8, u32::MAX), Problem::BadSize(u32::MAX.into()));
    assert_eq!(patched(8, 0), Problem::Incomplete);
    assert_eq!(patched(12, 6), Problem::Incomplete);
    assert_eq!(patched(16, u32::MAX), Problem::OutOfRange);
    // The directory is at 20: magic, length, version, flags, hash offset, identifier, special and code slots.
    assert_eq!(patched(20, 0xfade_0c01), Problem::BadMagic(0xfade_0c01));
    assert_eq!(patched(24, u32::MAX), Problem::OutOfRange);
    assert_eq!(patched(24, 43), Problem::OutOfRange);
    assert_eq!(patched(36, u32::MAX), Problem::BadSize(2));
    assert_eq!(patched(40, u32::MAX), Problem::Unterminated);
    assert_eq!(patched(44, u32::MAX), Problem::BadIndex(u32::MAX.into()));
    assert_eq!(patched(48, u32::MAX), Problem::BadSize(u32::MAX.into()));
    assert_eq!(patched(56, 0x2005_000c), Problem::UnknownFormat(5));
    assert_eq!(patched(56, 0x1402_000c), Problem::BadSize(0x14));
    for log2 in [0, 11, 13, 15, 16, 255] {
        assert_eq!(patched(56, 0x2002_0000 | log2), Problem::BadValue(log2.into()));
    }
    // A scatter vector that does not end in the directory.
    assert_eq!(patched(64, 10_000), Problem::OutOfRange);
    let two = |kinds: [u8; 2]| kinds.map(|kind| code_directory(&[0; 16], kind, 12, 0x2_0400));
    assert_eq!(problem(&super_blob(&two([2, 2]))), Problem::Duplicate);
    // A second one of a weaker hash is passed over.
    let three = [two([1, 2]).to_vec(), two([1, 1])[..1].to_vec()].concat();
    with(&holding(&super_blob(&three)), |s| assert_eq!(s.directories.len(), 2));
}

#[test]
fn a_directory_alone_is_a_signature() {
    let mut image = Image::library(ARM64);
    let bare = code_directory(&image.build()[..0x2000], 2, 12, 0x2_0400);
    image.table(LC_CODE_SIGNATURE, &bare);
    with(&image.build(), |s| assert_eq!(s.directory().unwrap().limit, 0x2000));
}

#[test]
fn entitlements_have_their_own_magic() {
    let blob = |magic: u32| [magic.to_be_bytes(), 8u32.to_be_bytes()].concat();
    let with_slots = |slots: &[(u32, u32)]| {
        let mut parts = vec![code_directory(&[0; 16], 2, 12, 0x2_0400)];
        parts.extend(slots.iter().map(|(_, magic)| blob(*magic)));
        let mut whole = super_blob(&parts);
        for (i, (slot, _)) in slots.iter().enumerate() {
            let at = 12 + 8 * (i + 1);
            whole[at..at + 4].copy_from_slice(&slot.to_be_bytes());
        }
        read(&holding(&whole)).unwrap().signature.unwrap().map(drop).map_err(|fault| fault.problem)
    };
    assert_eq!(with_slots(&[(5, 0xfade_7171), (7, 0xfade_7172), (11, 0xfade_8181)]), Ok(()));
    assert_eq!(with_slots(&[(5, 0xfade_7172)]), Err(Problem::BadMagic(0xfade_7172)));
    assert_eq!(with_slots(&[(7, 0xfade_7172), (7, 0xfade_7172)]), Err(Problem::Duplicate));
    // Requirements are anything.
    assert_eq!(with_slots(&[(2, 1), (2, 1)]), Ok(()));
}
