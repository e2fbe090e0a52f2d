//! dyld's inspection of headers: each sentence once, and the SDK from which it is spoken.

use tsuku_verify::analyzer::image::macho::platform::Version;
use tsuku_verify::analyzer::image::macho::read;
use tsuku_verify::analyzer::image::macho::valid::{Inspection, objection};

use crate::image::*;

const SPRING: Inspection = Inspection::Spring2025;
const FALL: Inspection = Inspection::Fall2025;

fn words_of(bytes: &[u8], inspection: Inspection) -> Option<String> {
    let facts = read(bytes).expect("a header");
    objection(&facts, bytes.len() as u64, inspection).map(|o| o.loader_words())
}

fn words(image: &Image, inspection: Inspection) -> Option<String> {
    words_of(&image.build(), inspection)
}

/// A library built with that SDK, without anything else dyld could object to.
fn library(sdk: u32) -> Image {
    let mut image = Image::library(ARM64);
    image.commands[2] = [0x32u32, 24, 1, 0x000b_0000, sdk, 0].iter().flat_map(|v| v.to_le_bytes()).collect();
    image
}

fn sdk(major: u32, minor: u32) -> u32 {
    major << 16 | minor << 8
}

/// The sentence, and the first of these SDKs at which it is spoken by each inspection.
fn from_sdk(change: impl Fn(&mut Image)) -> [Option<(String, String)>; 2] {
    let sdks = [
        (10, 10),
        (10, 11),
        (10, 14),
        (10, 15),
        (11, 0),
        (11, 3),
        (12, 0),
        (14, 0),
        (15, 0),
        (15, 4),
        (26, 0),
        (26, 4),
    ];
    [SPRING, FALL].map(|inspection| {
        sdks.iter().find_map(|(major, minor)| {
            let mut image = library(sdk(*major, *minor));
            change(&mut image);
            words(&image, inspection).map(|w| (w, format!("{major}.{minor}")))
        })
    })
}

fn both(sentence: &str, sdk: &str) -> [Option<(String, String)>; 2] {
    each(sentence, sdk, sdk)
}

fn each(sentence: &str, spring: &str, fall: &str) -> [Option<(String, String)>; 2] {
    [spring, fall].map(|sdk| Some((sentence.to_owned(), sdk.to_owned())))
}

const OLDEST: &str = "10.10";

#[test]
fn which_systems_inspect() {
    let of = |major, minor| Inspection::of_macos(Version::new(major, minor));
    assert_eq!((of(11, 0), of(15, 3)), (None, None));
    assert_eq!((of(15, 4), of(15, 6)), (Some(SPRING), Some(SPRING)));
    assert_eq!((of(26, 0), of(26, 5)), (Some(FALL), Some(FALL)));
}

#[test]
fn a_good_library_passes() {
    assert_eq!(from_sdk(|_| {}), [None, None]);
    // No SDK at all is the far future; that is no reason to object either.
    assert_eq!(words(&library(0), FALL), None);
    for arch in [X86_64, I386, ARM64E] {
        assert_eq!(words(&Image::library(arch), FALL), None);
    }
}

#[test]
fn sizes_and_strings() {
    let with = |command: Vec<u32>| {
        let mut image = library(sdk(11, 0));
        image.commands.push(command.iter().flat_map(|v| v.to_le_bytes()).collect());
        words(&image, SPRING).expect("an objection")
    };
    // Three segments and four commands of the library come first.
    assert_eq!(with(vec![2, 32, 0, 0, 0, 0, 0, 0]), "load command #8 LC_SYMTAB size wrong");
    assert_eq!(with(vec![0xb, 16, 0, 0]), "load command #8 LC_DYSYMTAB size wrong");
    assert_eq!(with(vec![0x1e, 8]), "load command #8 LC_SEGMENT_SPLIT_INFO size wrong");
    assert_eq!(with(vec![0x26, 8]), "load command #8 LC_FUNCTION_STARTS size wrong");
    assert_eq!(with(vec![0x36, 8]), "load command #8 LC_ATOM_INFO size wrong");
    assert_eq!(with(vec![LC_DYLD_EXPORTS_TRIE, 8]), "load command #8 LC_DYLD_EXPORTS_TRIE size wrong");
    assert_eq!(with(vec![LC_DYLD_CHAINED_FIXUPS, 8]), "load command #8 LC_DYLD_CHAINED_FIXUPS size wrong");
    assert_eq!(with(vec![0x21, 24, 0, 0, 0, 0]), "load command #8 LC_ENCRYPTION_INFO size wrong");
    assert_eq!(with(vec![0x2c, 8]), "load command #8 LC_ENCRYPTION_INFO_64 size wrong");
    assert_eq!(with(vec![0x22, 8]), "load command #8 LC_DYLD_INFO_ONLY size wrong");
    assert_eq!(with(vec![0x24, 8]), "load command #8 LC_VERSION_MIN_* size wrong");
    assert_eq!(with(vec![LC_UUID, 8]), "load command #8 LC_UUID size wrong");
    assert_eq!(with(vec![0x32, 24, 1, 0, 0, 1]), "load command #8 LC_BUILD_VERSION size wrong");
    assert_eq!(with(vec![0x8000_0028, 8]), "load command #8 LC_MAIN size wrong");
    assert_eq!(with(vec![0x37, 8]), "load command #8 LC_FUNCTION_VARIANTS size wrong");
    assert_eq!(with(vec![0x38, 8]), "load command #8 LC_FUNCTION_VARIANT_FIXUPS size wrong");
    assert_eq!(
        with([vec![LC_SEGMENT_64, 72], vec![0; 14], vec![1, 0]].concat()),
        "load command #8 LC_SEGMENT_64 size does not match number of sections"
    );
    assert_eq!(
        with([vec![1, 56], vec![0; 10], vec![7, 0]].concat()),
        "load command #8 LC_SEGMENT size does not match number of sections"
    );
    assert_eq!(with(vec![LC_RPATH, 16, 16, 0]), "load command #8 string offset (16) outside its size (16)");
    assert_eq!(
        with(vec![LC_RPATH, 16, 12, u32::MAX]),
        "load command #8 string extends beyond end of load command"
    );
    assert_eq!(with(vec![0x13, 16, 99, 0]), "load command #8 string offset (99) outside its size (16)");
    assert_eq!(with(vec![0x8000_0099, 8]), "load command #8 unknown required load command 0x80000099");
    assert_eq!(
        with(vec![0x2, 0]),
        "malformed load command (8 of 8) at 0x? with mh=0x?, size (0x0) too small"
    );
    assert_eq!(
        with(vec![0x2, 99]),
        "malformed load command (8 of 8) at 0x? with mh=0x?, size (0x63) is too large, load commands end at 0x?"
    );
}

#[test]
fn the_table_of_commands() {
    let good = library(sdk(11, 0)).build();
    let mut more = good.clone();
    more[16] += 1;
    let end = "malformed load command (8 of 8) at 0x? with mh=0x?, off end of load commands";
    assert_eq!(words_of(&more, SPRING).as_deref(), Some(end));
    let mut long = good.clone();
    long[20..24].copy_from_slice(&0x10_0000u32.to_le_bytes());
    let expected = format!("load commands length ({}) exceeds length of file ({})", 0x10_0020, long.len());
    assert_eq!(words_of(&long, SPRING), Some(expected));
    let mut kind = good;
    kind[12] = 13;
    assert_eq!(words_of(&kind, SPRING).as_deref(), Some("unknown filetype 13"));
}

#[test]
fn platforms() {
    let with = |platforms: &[u32]| {
        let mut image = library(sdk(11, 0));
        image.commands.remove(2);
        for platform in platforms {
            image.platform(*platform, sdk(11, 0), sdk(11, 0));
        }
        words(&image, SPRING)
    };
    assert_eq!(with(&[1]), None);
    assert_eq!(with(&[]), None);
    // Zippered, in any order and more than once.
    for zippered in [&[1, 6][..], &[6, 1], &[1, 6, 1], &[6, 1, 6]] {
        assert_eq!(with(zippered), None, "{zippered:?}");
    }
    assert_eq!(with(&[99]).as_deref(), Some("unknown platform"));
    assert_eq!(with(&[1, 0]).as_deref(), Some("unknown platform"));
    assert_eq!(with(&[1, 2]).as_deref(), Some("incompatible platforms: macOS - iOS"));
    assert_eq!(with(&[6, 1, 2]).as_deref(), Some("incompatible platforms: zippered(macOS/Catalyst) - iOS"));
    let mut arm32 = Image::library((12, 9));
    arm32.commands.remove(2);
    assert_eq!(words(&arm32, SPRING).as_deref(), Some("unknown platform"));
}

#[test]
fn uuids_and_names() {
    assert_eq!(from_sdk(|i| drop(i.commands.remove(3))), both("missing LC_UUID load command", "12.0"));
    assert_eq!(
        from_sdk(|i| i.commands.push(i.commands[3].clone())),
        both("too many LC_UUID load commands", OLDEST)
    );
    assert_eq!(from_sdk(|i| drop(i.commands.remove(0))), both("MH_DYLIB is missing LC_ID_DYLIB", OLDEST));
    assert_eq!(
        from_sdk(|i| i.commands.push(i.commands[0].clone())),
        both("multiple LC_ID_DYLIB found", OLDEST)
    );
    assert_eq!(from_sdk(|i| i.kind = 8), both("found LC_ID_DYLIB found in non-MH_DYLIB", OLDEST));
}

#[test]
fn duplicates() {
    let dependents = each("duplicate linked dylib '/usr/lib/libSystem.B.dylib'", "15.0", "26.0");
    assert_eq!(from_sdk(|i| _ = i.dylib(LC_LOAD_WEAK_DYLIB, "/usr/lib/libSystem.B.dylib")), dependents);
    let rpaths = each("duplicate LC_RPATH '@loader_path'", "15.4", "26.0");
    assert_eq!(from_sdk(|i| _ = i.rpath("@loader_path").rpath("/x").rpath("@loader_path")), rpaths);
    // dyld remembers the first 64.
    let many = |i: &mut Image, unique: usize| {
        for n in 0..unique {
            i.rpath(&format!("/{n}"));
        }
        i.rpath("/0");
    };
    assert_eq!(from_sdk(|i| many(i, 64)), [None, None]);
    assert!(from_sdk(|i| many(i, 63))[1].is_some());
    let none = both("missing LC_LOAD_DYLIB (must link with at least libSystem.dylib)", "15.4");
    assert_eq!(from_sdk(|i| drop(i.commands.remove(1))), none);
    // The libraries that make up libSystem may link with nothing.
    let bottom =
        |i: &mut Image| i.commands[0] = string_command(LC_ID_DYLIB, &[2, 0, 0], "/usr/lib/system/libx.dylib");
    assert_eq!(
        from_sdk(|i| {
            i.commands.remove(1);
            bottom(i)
        }),
        [None, None]
    );
}

/// The image with one field of one segment changed: name, vmaddr, vmsize, fileoff, filesize (8 bytes each from 24), maxprot, initprot, nsects, flags.
fn segment(i: usize, at: usize, value: u64, width: usize) -> impl Fn(&[u8]) -> Vec<u8> {
    move |bytes| {
        let mut bytes = bytes.to_vec();
        let at = 32 + 72 * i + at;
        bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        bytes
    }
}

fn patched(change: impl Fn(&[u8]) -> Vec<u8>) -> [Option<(String, String)>; 2] {
    let sdks = [(10, 10), (10, 11), (10, 15), (11, 0), (15, 4), (26, 0)];
    [SPRING, FALL].map(|inspection| {
        sdks.iter().find_map(|(major, minor)| {
            let bytes = change(&library(sdk(*major, *minor)).build());
            words_of(&bytes, inspection).map(|w| (w, format!("{major}.{minor}")))
        })
    })
}

#[test]
fn segments_alone() {
    let end = "segment '__LINKEDIT' load command content extends beyond end of file";
    assert_eq!(patched(segment(2, 48, 0x4000, 8)), both(end, OLDEST));
    assert_eq!(patched(segment(2, 40, u64::MAX, 8)), both(end, OLDEST));
    assert_eq!(patched(segment(1, 32, 0x1000, 8)), both("segment '__DATA' filesize exceeds vmsize", OLDEST));
    assert_eq!(
        patched(segment(1, 60, 0x13, 4)),
        both("__DATA segment permissions has invalid bits set (0x00000013)", OLDEST)
    );
    assert_eq!(patched(segment(0, 60, 7, 4)), both("__TEXT segment permissions is not 'r-x'", "10.15"));
    assert_eq!(patched(segment(2, 60, 3, 4)), both("__LINKEDIT segment permissions is not 'r--'", "10.11"));
    assert_eq!(patched(segment(1, 60, 1, 4)), both("__DATA segment permissions is not 'rw-'", "26.0"));
    assert_eq!(patched(segment(1, 24, u64::MAX, 8)), both("'__DATA' segment vm range wraps", OLDEST));
    // What is not mapped is not looked at.
    let unmapped = |bytes: &[u8]| segment(1, 60, 0, 4)(&segment(1, 32, 0, 8)(bytes));
    assert_eq!(patched(unmapped), [None, None]);
}

#[test]
fn constant_data_is_read_only_after_fix_ups() {
    let named = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[32 + 72 + 8..32 + 72 + 20].copy_from_slice(b"__DATA_CONST");
        bytes
    };
    assert_eq!(patched(named), both("__DATA_CONST segment missing SG_READ_ONLY flag", "26.0"));
    assert_eq!(patched(|b: &[u8]| segment(1, 68, 0x10, 4)(&named(b))), [None, None]);
    assert_eq!(
        patched(|b: &[u8]| segment(1, 60, 1, 4)(&named(b))),
        both("__DATA_CONST segment permissions is not 'rw-'", "26.0")
    );
    // Libraries for the shared cache are exempt.
    let mut image = library(sdk(26, 0));
    image.table(0x1e, &[1]);
    assert_eq!(words_of(&named(&image.build()), FALL), None);
}

#[test]
fn sections_in_their_segment() {
    let with = |addr: u64, size: u64| {
        from_sdk(move |i| {
            i.sections.push(Section {
                name: "__data",
                addr: DATA_AT,
                size: 8,
                flags: 0,
                reserved1: 0,
                reserved2: 0,
            });
            i.sections[0].size = size;
            i.sections[0].addr = addr.max(DATA_AT);
        })
    };
    assert_eq!(with(DATA_AT, 0x4000), [None, None]);
    let beyond = "section '__data' end address 0x8008 is beyond containing segment's end address 0x8000";
    assert_eq!(with(DATA_AT + 8, 0x4000), both(beyond, "11.0"));
    assert_eq!(with(DATA_AT, 1 << 63), both("section '__data' size too large 0x8000000000000000", OLDEST));
    let before = |bytes: &[u8]| segment(1, 24, DATA_AT + 0x100, 8)(bytes);
    let mut image = library(sdk(10, 10));
    image.sections.push(Section {
        name: "__data",
        addr: DATA_AT,
        size: 8,
        flags: 0,
        reserved1: 0,
        reserved2: 0,
    });
    assert_eq!(
        words_of(&before(&image.build()), SPRING).as_deref(),
        Some("section '__data' start address 0x4000 is before containing segment's address 0x4100")
    );
}

#[test]
fn segments_together() {
    let text = |at: usize, value: u64| patched(segment(0, at, value, 8));
    assert_eq!(text(40, 0x100), both("__TEXT segment fileoffset is not zero", OLDEST));
    assert_eq!(text(48, 0x10), both("load commands do not fit in __TEXT segment filesize", OLDEST));
    let vmsize = |bytes: &[u8]| segment(0, 48, 0, 8)(&segment(0, 32, 0x10, 8)(bytes));
    assert_eq!(patched(vmsize), both("load commands do not fit in __TEXT segment filesize", OLDEST));
    let rename = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[32 + 8..32 + 14].copy_from_slice(b"__TExT");
        bytes
    };
    assert_eq!(patched(rename), both("missing __TEXT segment", OLDEST));
    assert_eq!(
        patched(segment(1, 24, 0x3000, 8)),
        both("vm range of segment '__TEXT' overlaps segment '__DATA'", OLDEST)
    );
    assert_eq!(
        patched(segment(1, 40, 0x3000, 8)),
        both("file range of segment '__TEXT' overlaps segment '__DATA'", OLDEST)
    );
    // The last segment is not compared, so the order of the first two is what counts.
    let far = |bytes: &[u8]| segment(0, 24, 0x10_0000, 8)(bytes);
    assert_eq!(patched(far), both("segment '__DATA' vm address out of order", "10.15"));
    let same_name = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[32 + 72 + 8..32 + 72 + 24].copy_from_slice(b"__LINKEDIT\0\0\0\0\0\0");
        segment(1, 60, 1, 4)(&bytes)
    };
    assert_eq!(
        patched(same_name),
        [None, Some(("duplicate segment name '__LINKEDIT'".to_owned(), "26.0".to_owned()))]
    );
}

#[test]
fn many_segments_are_not_compared_for_ever() {
    let mut image = library(sdk(11, 0));
    for n in 0..60_000u64 {
        let mut command: Vec<u8> = [LC_SEGMENT_64, 72].iter().flat_map(|v| v.to_le_bytes()).collect();
        command.extend([0; 16]);
        command.extend((0x100_0000 + n * 0x1000).to_le_bytes());
        command.extend([0; 40]);
        image.commands.push(command);
    }
    image.kind = 0;
    let mut bytes = image.build();
    bytes[12] = 6;
    bytes.resize(0x60_0000, 0);
    // `__TEXT` holds all those commands, the other two are behind it and empty.
    let place = |bytes: &mut [u8], command: usize, fields: [u64; 4]| {
        let at = command + 24;
        bytes[at..at + 32].copy_from_slice(&fields.map(u64::to_le_bytes).concat());
    };
    place(&mut bytes, 32, [0, 0x50_0000, 0, 0x50_0000]);
    place(&mut bytes, 32 + 72, [0x60_0000, 0, 0, 0]);
    place(&mut bytes, 32 + 144, [0x70_0000, 0, 0, 0]);
    assert_eq!(words_of(&bytes, SPRING), None);
    // The last two at one place, and not empty.
    let end = 32 + u32::from_le_bytes(bytes[20..24].try_into().unwrap()) as usize;
    for command in [end - 144, end - 72] {
        place(&mut bytes, command, [0x1000_0000_0000, 0x1000, 0, 0]);
    }
    assert_eq!(words_of(&bytes, SPRING).as_deref(), Some("vm range of segment '' overlaps segment ''"));
}

#[test]
fn linker_options() {
    let with = |count: u32, text: &[u8]| {
        from_sdk(move |i| {
            let mut command: Vec<u8> =
                [0x2du32, 12 + text.len() as u32, count].iter().flat_map(|v| v.to_le_bytes()).collect();
            command.extend(text);
            i.commands.push(command);
        })
    };
    assert_eq!(with(2, b"-la\0-lb\0"), [None, None]);
    assert_eq!(with(3, b"-la\0-lb\0"), both("malformed LC_LINKER_OPTION command", OLDEST));
    assert_eq!(with(u32::MAX, &[0; 8]), both("malformed LC_LINKER_OPTION command", OLDEST));
}

#[test]
fn programs_start_somewhere() {
    let program = |commands: &[&[u32]]| {
        let mut image = library(sdk(26, 0));
        image.kind = 2;
        image.commands.remove(0);
        for command in commands {
            image.commands.push(command.iter().flat_map(|v| v.to_le_bytes()).collect());
        }
        words(&image, FALL)
    };
    let main: &[u32] = &[0x8000_0028, 24, 0, 0, 0, 0];
    let thread: &[u32] = &[5, 16, 6, 0];
    assert_eq!(program(&[main]), None);
    assert_eq!(program(&[thread]), None);
    let one = |text: &str| Some(text.to_owned());
    assert_eq!(program(&[]), one("missing LC_MAIN or LC_UNIXTHREAD in main executable"));
    assert_eq!(program(&[main, thread]), one("can't have LC_MAIN and LC_UNIXTHREAD load commands"));
    assert_eq!(program(&[main, main]), one("multiple LC_MAIN load commands"));
    assert_eq!(program(&[thread, thread]), one("multiple LC_UNIXTHREAD load commands"));
}
