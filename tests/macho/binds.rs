//! Binds of every form: opcode streams, their threaded dialect, chained imports, and the symbol table of old images.

use tsuku_verify::analyzer::image::macho::binds::{BindKind, Binds, Ordinal, Source};
use tsuku_verify::analyzer::image::macho::fault::{Fault, Part, Problem};
use tsuku_verify::analyzer::image::macho::read;

use crate::image::*;

/// Symbol, ordinal, weak import, addend.
type Row = (String, i32, bool, i64);

fn rows(binds: &Binds<'_>) -> Vec<Row> {
    let row = |b: &tsuku_verify::analyzer::image::macho::binds::Bind<'_>| {
        (String::from_utf8_lossy(b.name).into_owned(), b.ordinal.value(), b.weak_import, b.addend)
    };
    binds.records.iter().map(row).collect()
}

fn row(name: &str, ordinal: i32, weak: bool, addend: i64) -> Row {
    (name.to_owned(), ordinal, weak, addend)
}

fn with<T>(image: &Image, look: impl FnOnce(&Binds<'_>) -> T) -> T {
    look(&read(&image.build()).expect("a header").binds)
}

fn opcodes<T>(bind: &[u8], weak: &[u8], lazy: &[u8], look: impl FnOnce(&Binds<'_>) -> T) -> T {
    with(Image::library(X86_64).info(bind, weak, lazy, &[]), look)
}

/// `SET_SYMBOL name` with flags.
fn symbol(name: &str, flags: u8) -> Vec<u8> {
    [&[0x40 | flags], name.as_bytes(), &[0]].concat()
}

/// Segment 1 at an offset.
fn place(offset: u64) -> Vec<u8> {
    [vec![0x71], uleb(offset)].concat()
}

#[test]
fn every_operation() {
    let bind = [
        vec![0x11], // ordinal 1
        symbol("_a", 0),
        vec![0x51], // type pointer
        place(0),
        vec![0x90],       // bind
        vec![0x60, 0x7f], // addend -1
        vec![0x90],
        vec![0x20],
        uleb(300), // ordinal 300
        symbol("_b", 1),
        vec![0xa0],
        uleb(8),    // bind, add 8
        vec![0xb2], // bind, add 2 words
        vec![0x80],
        uleb(16), // add 16
        vec![0xc0],
        uleb(4),
        uleb(8),    // bind four times, skipping 8
        vec![0x3e], // special -2
        symbol("_flat", 0),
        vec![0x90],
        vec![0x3f],
        symbol("_main", 0),
        vec![0x90],
        vec![0x30],
        symbol("_self", 0),
        vec![0x90],
        vec![0x00], // done: nothing behind it counts
        vec![0xff],
    ]
    .concat();
    opcodes(&bind, &[], &[], |b| {
        assert_eq!((b.source, b.fault, b.place_fault), (Source::Opcodes, None, None));
        let expected = [
            row("_a", 1, false, 0),
            row("_a", 1, false, -1),
            row("_b", 300, true, -1),
            row("_flat", -2, false, -1),
            row("_main", -1, false, -1),
            row("_self", 0, false, -1),
        ];
        assert_eq!(rows(b), expected);
        assert_eq!(b.records[3].ordinal, Ordinal::Flat);
        assert!(b.records.iter().all(|r| r.kind == BindKind::Regular));
    });
}

#[test]
fn a_new_ordinal_alone_makes_no_new_target() {
    // dyld goes by symbol and addend only: the second bind gets the first one's library.
    let bind = [vec![0x11], symbol("_a", 0), place(0), vec![0x90, 0x12, 0x90]].concat();
    opcodes(&bind, &[], &[], |b| assert_eq!(rows(b), [row("_a", 1, false, 0)]));
}

#[test]
fn lazy_binds_are_separated_by_done() {
    let one =
        |name: &str, ordinal: u8| [place(0), vec![0x10 | ordinal], symbol(name, 0), vec![0x90, 0]].concat();
    let lazy = [one("_x", 1), one("_x", 1), one("_y", 2), vec![0; 3]].concat();
    opcodes(&[], &[], &lazy, |b| {
        assert_eq!(rows(b), [row("_x", 1, false, 0), row("_x", 1, false, 0), row("_y", 2, false, 0)]);
        assert!(b.records.iter().all(|r| r.kind == BindKind::Lazy) && b.fault.is_none());
    });
    for byte in [0x51, 0x81, 0xa1, 0xb1, 0xc1, 0xd0, 0xe0, 0xf0] {
        let bad = [one("_x", 1), vec![byte, 1]].concat();
        opcodes(&[], &[], &bad, |b| {
            let fault = b.fault.unwrap();
            assert_eq!((fault.part, fault.problem), (Part::LazyBinds, Problem::BadOpcode(byte & 0xf0)));
            assert_eq!(fault.loader_words().unwrap(), format!("bad lazy bind opcode 0x{:02X}", byte & 0xf0));
            assert_eq!(b.records.len(), 1);
        });
    }
}

#[test]
fn weak_binds_override() {
    let weak = [
        symbol("_strong", 8),
        symbol("_w", 0),
        place(0),
        vec![0x90],
        symbol("_w", 0),
        vec![0x90],
        symbol("_v", 1),
        vec![0x90, 0],
    ]
    .concat();
    opcodes(&[], &weak, &[], |b| {
        // The same name written again is one more target, and weak import means nothing here.
        assert_eq!(rows(b), [row("_w", -3, false, 0), row("_w", -3, false, 0), row("_v", -3, false, 0)]);
        assert!(b.records.iter().all(|r| r.kind == BindKind::WeakOverride && r.ordinal == Ordinal::Weak));
        assert_eq!(b.strong, [&b"_strong"[..]]);
    });
    opcodes(&[], &[0x11], &[], |b| {
        assert_eq!(b.fault.unwrap().loader_words().unwrap(), "unexpected dylib ordinal in weak_bind");
    });
}

#[test]
fn streams_that_cannot_be() {
    let fault = |bind: &[u8]| opcodes(bind, &[], &[], |b| b.fault.map(|f| f.problem));
    let words = |bind: &[u8]| opcodes(bind, &[], &[], |b| b.fault.and_then(|f| f.loader_words()));
    assert_eq!(fault(&[0x20, 0x80]), Some(Problem::BadLeb));
    assert_eq!(words(&[0x20, 0x80]).as_deref(), Some("malformed uleb128"));
    assert_eq!(words(&[&[0x20][..], &[0x80; 11]].concat()).as_deref(), Some("uleb128 too big for uint64"));
    assert_eq!(words(&[0x60, 0x80]).as_deref(), Some("malformed sleb128"));
    assert_eq!(fault(b"\x40_no_end"), Some(Problem::Unterminated));
    // dyld prints the byte behind the one it does not know.
    assert_eq!(words(&[0xd0, 0x42]).as_deref(), Some("bad bind opcode 0x42"));
    assert_eq!(fault(&[0xe0]), Some(Problem::BadOpcode(0)));
    // A bind without symbol, or without library.
    assert_eq!(fault(&[0x11, 0x70, 0, 0x90]), Some(Problem::Incomplete));
    assert_eq!(fault(&[symbol("_a", 0), place(0), vec![0x90]].concat()), Some(Problem::Incomplete));
    // Zero times is no bind.
    assert_eq!(fault(&[0xc0, 0, 0]), None);
    // What stands before the fault is bound first; later streams are not looked at.
    let bind = [vec![0x11], symbol("_a", 0), place(0), vec![0x90, 0x20]].concat();
    let lazy = [place(0), vec![0x11], symbol("_x", 0), vec![0x90]].concat();
    opcodes(&bind, &[], &lazy, |b| {
        assert_eq!((rows(b).len(), b.fault.map(|f| f.problem)), (1, Some(Problem::BadLeb)));
    });
}

#[test]
fn a_stream_outside_the_image() {
    let mut image = Image::library(X86_64);
    image.info(&[0x11], &[], &[], &[]);
    let command = image.commands.last_mut().unwrap();
    command[16..20].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    with(&image, |b| {
        assert_eq!(
            b.fault,
            Some(Fault { part: Part::Binds, offset: 0x7fff_ffff, problem: Problem::OutOfRange })
        );
    });
}

#[test]
fn places_are_inside_what_can_be_written() {
    let at = |place: Vec<u8>, bind: &[u8]| {
        let bind = [vec![0x11], symbol("_a", 0), place, bind.to_vec()].concat();
        opcodes(&bind, &[], &[], |b| (b.place_fault.map(|f| f.problem), b.records.len()))
    };
    assert_eq!(at(place(0x3ff8), &[0x90]), (None, 1));
    assert_eq!(at(place(0x3ff9), &[0x90]), (Some(Problem::OutOfRange), 1));
    assert_eq!(at(vec![0x70, 0], &[0x90]), (Some(Problem::BadValue(5)), 1));
    assert_eq!(at(vec![0x7f, 0], &[0x90]), (Some(Problem::BadIndex(15)), 1));
    assert_eq!(at(vec![], &[0x90]), (Some(Problem::Incomplete), 1));
    // Addresses are added with wrap-around: minus eight.
    let minus = [vec![0x80], uleb(8u64.wrapping_neg()), vec![0x90]].concat();
    assert_eq!(at(place(8), &minus), (None, 1));
    assert_eq!(at(place(0), &minus), (Some(Problem::OutOfRange), 1));
    // 2048 pointers fill the segment, one more does not fit, and 2^63 are no work.
    let times = |count: u64, skip: u64| [vec![0xc0], uleb(count), uleb(skip)].concat();
    assert_eq!(at(place(0), &times(2048, 0)), (None, 1));
    assert_eq!(at(place(0), &times(2049, 0)), (Some(Problem::OutOfRange), 1));
    assert_eq!(at(place(0), &times(1 << 63, 1 << 40)), (Some(Problem::OutOfRange), 1));
    // Backwards, from the last pointer to the first.
    assert_eq!(at(place(0x3ff8), &times(2048, 16u64.wrapping_neg())), (None, 1));
}

#[test]
fn old_arm64e_streams_are_tables() {
    let bind = [
        vec![0xd0],
        uleb(2),
        vec![0x11],
        symbol("_a", 0),
        vec![0x90],
        vec![0x12],
        symbol("_b", 1),
        vec![0x60],
        vec![4],
        vec![0x90],
        place(0),
        vec![0xd1, 0],
    ]
    .concat();
    let threaded = |bind: &[u8], check: &dyn Fn(&Binds<'_>)| {
        with(Image::library(ARM64E).info(bind, &[0x11], &[0xff], &[]), check);
    };
    threaded(&bind, &|b| {
        assert_eq!((b.source, b.fault), (Source::Threaded, None));
        assert_eq!(rows(b), [row("_a", 1, false, 0), row("_b", 2, true, 4)]);
    });
    threaded(&[vec![0xd0], uleb(65_536)].concat(), &|b| {
        let words = "BIND_SUBOPCODE_THREADED_SET_BIND_ORDINAL_TABLE_SIZE_ULEB size too large";
        assert_eq!(b.fault.unwrap().loader_words().unwrap(), words);
    });
    threaded(&[0xd7], &|b| {
        assert_eq!(b.fault.unwrap().loader_words().unwrap(), "bad BIND_OPCODE_THREADED sub-opcode 0x07");
    });
    threaded(&[0xa3], &|b| assert_eq!(b.fault.unwrap().loader_words().unwrap(), "bad bind opcode 0x03"));
}

#[test]
fn chained_imports() {
    let imports = [
        (1, false, "_one"),
        (2, true, "_two"),
        (0xfe, false, "_flat"),
        (0xf0, false, "_240"),
        (0xfd, false, "_weak"),
    ];
    let mut image = Image::library(ARM64);
    image.table(LC_DYLD_CHAINED_FIXUPS, &chained(&imports, 1, 3, &[]));
    with(&image, |b| {
        assert_eq!((b.source, b.fault), (Source::Chained, None));
        let expected = [
            row("_one", 1, false, 0),
            row("_two", 2, true, 0),
            row("_flat", -2, false, 0),
            row("_240", 240, false, 0),
            row("_weak", -3, false, 0),
        ];
        assert_eq!(rows(b), expected);
    });
}

#[test]
fn chained_imports_with_addends() {
    let header = |format: u32, entry: &[u8]| {
        let words = [0u32, 28, 32, 32 + entry.len() as u32, 1, format, 0, 0];
        let mut out: Vec<u8> = words.iter().flat_map(|v| v.to_le_bytes()).collect();
        out.extend(entry);
        out.extend(b"\0_x\0");
        let mut image = Image::library(ARM64);
        image.table(LC_DYLD_CHAINED_FIXUPS, &out);
        with(&image, |b| (rows(b), b.fault.and_then(|f| f.loader_words())))
    };
    let narrow = 2u32 | 1 << 8 | 1 << 9;
    let entry = [narrow.to_le_bytes(), (-5i32).to_le_bytes()].concat();
    assert_eq!(header(2, &entry), (vec![row("_x", 2, true, -5)], None));
    let wide = 0xfffeu64 | 1 << 32;
    let entry = [wide.to_le_bytes(), (1i64 << 40).to_le_bytes()].concat();
    assert_eq!(header(3, &entry), (vec![row("_x", -2, false, 1 << 40)], None));
    let large = 0xfff0u64 | 1 << 32;
    let entry = [large.to_le_bytes(), 0i64.to_le_bytes()].concat();
    assert_eq!(header(3, &entry).0, [row("_x", 0xfff0, false, 0)]);
    assert_eq!(header(4, &entry), (vec![], Some("unknown imports format".to_owned())));
    let far = 2u32 | 500 << 9;
    assert_eq!(header(1, &far.to_le_bytes()).1.as_deref(), Some("malformed import table, string overflow"));
}

#[test]
fn import_tables_that_cannot_be() {
    let fault = |at: usize, value: u32| {
        let mut table = chained(&[(1, false, "_one")], 1, 3, &[]);
        table[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let mut image = Image::library(ARM64);
        image.table(LC_DYLD_CHAINED_FIXUPS, &table);
        with(&image, |b| (b.fault.map(|f| f.loader_words()), b.records.len()))
    };
    let words = Some(Some("malformed import table".to_owned()));
    assert_eq!(fault(8, u32::MAX), (words.clone(), 0));
    assert_eq!(fault(12, u32::MAX), (words, 0));
    // dyld reads on behind the table; we stop where the image does.
    let (end, records) = fault(16, u32::MAX);
    assert!(end.is_some() && records < 100, "{records}");
}

#[test]
fn dyld_info_wins_over_chains_in_the_same_image() {
    let mut image = Image::library(X86_64);
    image.table(LC_DYLD_CHAINED_FIXUPS, &chained(&[(1, false, "_one")], 1, 3, &[]));
    image.info(&[vec![0x11], symbol("_two", 0), vec![0x90]].concat(), &[], &[], &[]);
    with(&image, |b| assert_eq!((b.source, rows(b)), (Source::Threaded, vec![row("_two", 1, false, 0)])));
}

/// An image with a symbol table: an undefined symbol of library 2, a weak definition, a plain one.
fn old_image(relocations: &[u8], indirect: &[u32], sections: Vec<Section>) -> Image {
    let mut image = Image::library(X86_64);
    image.sections = sections;
    let strings = b"\0_undefined\0_weakdef\0_plain\0";
    let entry = |name: u32, kind: u8, section: u8, desc: u16, value: u64| {
        let mut out = name.to_le_bytes().to_vec();
        out.extend([kind, section]);
        out.extend(desc.to_le_bytes());
        out.extend(value.to_le_bytes());
        out
    };
    let symbols =
        [entry(1, 1, 0, 0x0240, 0), entry(12, 0xf, 1, 0x80, 0x4000), entry(21, 0xf, 1, 0, 0x4008)].concat();
    let (symbols_at, _) = image.blob(&symbols);
    let (strings_at, strings_size) = image.blob(strings);
    let (relocations_at, _) = image.blob(relocations);
    let (indirect_at, _) = image.blob(&indirect.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
    let words = |v: &[u32]| v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    image.commands.push(words(&[2, 24, symbols_at, 3, strings_at, strings_size]));
    let mut dysymtab = vec![0xb, 80, 0, 0, 1, 2, 0, 1];
    dysymtab.extend([0; 6]);
    dysymtab.extend([indirect_at, indirect.len() as u32, relocations_at, relocations.len() as u32 / 8, 0, 0]);
    image.commands.push(words(&dysymtab));
    image
}

fn relocation(address: u32, symbol: u32) -> Vec<u8> {
    [address.to_le_bytes(), (symbol | 3 << 25 | 1 << 27).to_le_bytes()].concat()
}

fn pointers(flags: u32, count: u64, first: u32) -> Section {
    Section { name: "__pointers", addr: DATA_AT, size: count * 8, flags, reserved1: first, reserved2: 0 }
}

#[test]
fn images_older_than_bind_information() {
    let relocations = [relocation(16, 0), relocation(24, 0), relocation(32, 1)].concat();
    let indirect = [0x8000_0000, 2, 0, 0x4000_0000];
    let image = old_image(&relocations, &indirect, vec![pointers(6, 2, 0), pointers(7, 2, 2)]);
    with(&image, |b| {
        assert_eq!((b.source, b.fault), (Source::Relocations, None));
        let expected = [
            row("_undefined", 2, true, 0),
            row("_weakdef", -3, false, 0),
            row("_plain", 0, false, 0),
            row("_undefined", 2, true, 0),
        ];
        assert_eq!(rows(b), expected);
        assert_eq!(b.records[3].kind, BindKind::Lazy);
    });
    // Without two-level names everything is looked up flat.
    let mut flat = image.clone();
    flat.flags = 5;
    with(&flat, |b| assert_eq!(b.records[0].ordinal, Ordinal::Flat));
    // arm64 never had such images.
    let mut arm = image;
    arm.arch = ARM64;
    with(&arm, |b| assert_eq!((b.source, b.records.len()), (Source::None, 0)));
}

#[test]
fn old_tables_that_cannot_be() {
    let fault = |relocations: &[u8], indirect: &[u32], section: Section| {
        with(&old_image(relocations, indirect, vec![section]), |b| b.fault.map(|f| f.problem))
    };
    let none = || pointers(0, 0, 0);
    assert_eq!(fault(&relocation(0x10_0000, 0), &[], none()), Some(Problem::BadIndex(0x10_4000)));
    assert_eq!(fault(&relocation(0, 3), &[], none()), Some(Problem::BadIndex(3)));
    let wrong_length = [0u32.to_le_bytes(), (2u32 << 25).to_le_bytes()].concat();
    assert!(matches!(fault(&wrong_length, &[], none()), Some(Problem::BadValue(_))));
    assert_eq!(fault(&[], &[0], pointers(6, 2, 0)), Some(Problem::BadSize(16)));
    assert_eq!(fault(&[], &[9], pointers(6, 1, 0)), Some(Problem::BadIndex(9)));
    assert!(matches!(fault(&[], &[0], pointers(0x0400_0006, 1, 0)), Some(Problem::BadValue(_))));
}

#[test]
fn exports_of_old_images_come_from_the_symbol_table() {
    let bytes = old_image(&[], &[], vec![]).build();
    let facts = read(&bytes).unwrap();
    assert_eq!(facts.exports.find(b"_undefined"), Ok(None));
    assert!(facts.exports.find(b"_weakdef").unwrap().unwrap().weak);
    assert!(!facts.exports.find(b"_plain").unwrap().unwrap().weak);
}
