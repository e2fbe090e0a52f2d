//! Chains of fix-ups: every pointer format, pages with several starts, and chains that leave their page.

use tsuku_verify::analyzer::image::macho::chains::{Chains, check};
use tsuku_verify::analyzer::image::macho::fault::Problem;
use tsuku_verify::analyzer::image::macho::read;

use crate::image::*;

/// An image whose `__DATA` holds `data`, with chains of `format` from `starts`.
fn image(arch: (u32, u32), format: u16, page_starts: &[u16], pages: u16, data: Vec<u8>) -> Image {
    let mut image = Image::library(arch);
    let table =
        chained(&[(1, false, "_one"), (1, false, "_two")], 1, 3, &starts(format, 0x1000, page_starts, pages));
    image.table(LC_DYLD_CHAINED_FIXUPS, &table);
    image.data = data;
    image
}

fn walk(image: &Image) -> Result<Chains, Problem> {
    check(&read(&image.build()).expect("a header")).map_err(|fault| fault.problem)
}

/// Three pointers eight bytes apart: a rebase, a bind of import 1, a rebase that ends the chain.
fn three(link_at: u32, stride: u64, bind: u64) -> Vec<u8> {
    let link = (8 / stride) << link_at;
    [link, link | bind | u64::from(bind != 0), 0].iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn every_format_of_64_bits() {
    // Format, where the link is, its unit, the bit that says bind.
    let formats = [
        (1, 51, 8, 1u64 << 62),
        (2, 51, 4, 1 << 63),
        (6, 51, 4, 1 << 63),
        (7, 51, 4, 1 << 62),
        (8, 51, 4, 0),
        (9, 51, 8, 1 << 62),
        (10, 51, 4, 1 << 62),
        (11, 51, 1, 0),
        (12, 51, 8, 1 << 62),
        (13, 52, 8, 0),
        (14, 51, 4, 0),
    ];
    for (format, link_at, stride, bind) in formats {
        let found = walk(&image(ARM64, format, &[0], 1, three(link_at, stride, bind)));
        let binds = u64::from(bind != 0);
        assert_eq!(found, Ok(Chains { pointers: 3, binds }), "format {format}");
        // There are two imports.
        if bind != 0 {
            let beyond = image(ARM64, format, &[0], 1, (bind | 2).to_le_bytes().to_vec());
            assert_eq!(walk(&beyond), Err(Problem::BadIndex(2)), "format {format}");
        }
    }
    // Authenticated pointers keep their import in the same place.
    let auth = image(ARM64E, 12, &[0], 1, (3u64 << 62 | 1).to_le_bytes().to_vec());
    assert_eq!(walk(&auth), Ok(Chains { pointers: 1, binds: 1 }));
}

#[test]
fn formats_of_32_bits() {
    for (format, link_at, stride, bind) in [(3u16, 26, 4u32, 1u32 << 31), (4, 30, 4, 0), (5, 26, 4, 0)] {
        let link = 1u32 << link_at;
        assert_eq!(stride, 4);
        let data = [link, link | bind, 0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let found = walk(&image(I386, format, &[0], 1, data));
        assert_eq!(found, Ok(Chains { pointers: 3, binds: u64::from(bind != 0) }), "format {format}");
    }
}

#[test]
fn pages_with_several_starts() {
    // Page 0 has the list behind both pages: starts 0 and 64. Page 1 has nothing.
    let page_starts = [0x8002, 0xffff, 0, 0x8000 | 64];
    let found = walk(&image(I386, 3, &page_starts, 2, vec![0; 0x1000]));
    assert_eq!(found, Ok(Chains { pointers: 2, binds: 0 }));
    // A list without end runs into a start outside of the page.
    let endless = walk(&image(I386, 3, &[0x8002, 0xffff, 0, 0x7fff], 2, vec![0; 0x1000]));
    assert_eq!(endless, Err(Problem::OutOfRange));
}

#[test]
fn chains_stay_in_their_page() {
    let at = |offset: u16, data: Vec<u8>| {
        let mut whole = vec![0; offset as usize];
        whole.extend(data);
        walk(&image(ARM64, 6, &[offset], 1, whole))
    };
    assert_eq!(at(0xff8, vec![0; 8]), Ok(Chains { pointers: 1, binds: 0 }));
    assert_eq!(at(0x1000, vec![0; 8]), Err(Problem::OutOfRange));
    // From the last pointer of the page to the next page.
    let link = (2u64 << 51).to_le_bytes().to_vec();
    assert_eq!(at(0xff8, link), Err(Problem::OutOfRange));
    // A page that is not in the segment.
    let far = image(ARM64, 6, &[0xffff, 0xffff, 0xffff, 0xffff, 0], 5, vec![]);
    assert_eq!(walk(&far), Err(Problem::OutOfRange));
}

#[test]
fn starts_that_cannot_be() {
    let unknown = image(ARM64, 99, &[0], 1, vec![]);
    assert_eq!(walk(&unknown), Err(Problem::UnknownFormat(99)));
    // A format of the other pointer size.
    assert_eq!(walk(&image(ARM64, 3, &[0], 1, vec![])), Err(Problem::UnknownFormat(3)));
    let patched = |at: usize, bytes: &[u8]| {
        let table = chained(&[], 1, 3, &starts(6, 0x1000, &[0], 1));
        let mut table = table;
        table[at..at + bytes.len()].copy_from_slice(bytes);
        let mut image = Image::library(ARM64);
        image.table(LC_DYLD_CHAINED_FIXUPS, &table);
        walk(&image)
    };
    // `dyld_chained_starts_in_segment` is at 32 + 16: size, page size, format, segment offset.
    assert_eq!(patched(48 + 4, &[0, 0x20]), Err(Problem::BadSize(0x2000)));
    assert_eq!(patched(48 + 8, &[8]), Err(Problem::BadValue(DATA_AT + 8)));
    assert_eq!(patched(48 + 20, &[0xff, 0xff]), Err(Problem::OutOfRange));
    // Offsets of the starts themselves.
    assert_eq!(patched(4, &[0xff, 0xff, 0xff, 0xff]), Err(Problem::OutOfRange));
    assert_eq!(patched(40, &[0xff, 0xff, 0xff, 0x7f]), Err(Problem::OutOfRange));
    // More segments in the table than in the image are not looked at.
    assert_eq!(patched(32, &[0xff, 0xff, 0xff, 0xff]), Ok(Chains { pointers: 1, binds: 0 }));
}

#[test]
fn images_without_chains_have_none() {
    assert_eq!(walk(&Image::library(X86_64)), Ok(Chains::default()));
}
