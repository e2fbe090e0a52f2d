//! Load commands: what they say, and tables of them that cannot be.

use tsuku_verify::analyzer::image::macho::facts::{Entry, FileKind, Linkage};
use tsuku_verify::analyzer::image::macho::fault::{Part, Problem};
use tsuku_verify::analyzer::image::macho::platform::{Platform, Version};
use tsuku_verify::analyzer::image::macho::{Arch, MachoFacts, read};

use crate::image::*;

fn facts(bytes: &[u8]) -> MachoFacts<'_> {
    read(bytes).expect("a header")
}

#[test]
fn a_whole_library() {
    for arch in [X86_64, ARM64, I386] {
        let mut image = Image::library(arch);
        image
            .dylib(LC_LOAD_WEAK_DYLIB, "@rpath/libw.dylib")
            .dylib(LC_REEXPORT_DYLIB, "@loader_path/libr.dylib");
        image.dylib(LC_LOAD_UPWARD_DYLIB, "/u").rpath("@loader_path/..").rpath("/x").rpath("@loader_path/..");
        let bytes = image.build();
        let f = facts(&bytes);
        assert_eq!(f.malformed, None);
        assert_eq!(
            (f.arch, f.kind, f.is64),
            (Arch { cpu: arch.0, sub: arch.1 }, FileKind::DYLIB, arch != I386)
        );
        assert!(f.flags.two_level() && f.is_dyld_managed());
        assert_eq!(f.id(), Some(&b"/usr/local/lib/libtest.dylib"[..]));
        let names: Vec<&[u8]> = f.dependents.iter().map(|d| d.name).collect();
        assert_eq!(
            names,
            [&b"/usr/lib/libSystem.B.dylib"[..], b"@rpath/libw.dylib", b"@loader_path/libr.dylib", b"/u"]
        );
        let linkage: Vec<Linkage> = f.dependents.iter().map(|d| d.linkage).collect();
        let plain = Linkage::default();
        assert_eq!(
            linkage,
            [
                plain,
                Linkage { weak: true, ..plain },
                Linkage { reexport: true, ..plain },
                Linkage { upward: true, ..plain }
            ]
        );
        assert_eq!(f.dependent(2).unwrap().name, b"@rpath/libw.dylib");
        assert!(f.dependent(0).is_none() && f.dependent(5).is_none());
        assert_eq!(
            (f.dependents[0].current.to_string(), f.dependents[0].compatibility.to_string()),
            ("1.2.3".into(), "1.0".into())
        );
        assert_eq!(f.rpaths, [&b"@loader_path/.."[..], b"/x", b"@loader_path/.."]);
        assert_eq!(f.uuid, Some([7; 16]));
        assert_eq!((f.platforms[0].platform, f.platforms[0].sdk), (Platform::MACOS, Version::new(14, 0)));
        let segments: Vec<&[u8]> = f.segments.iter().map(|s| s.name).collect();
        assert_eq!(segments, [&b"__TEXT"[..], b"__DATA", b"__LINKEDIT"]);
        assert_eq!(
            (f.segments[1].vmaddr, f.segments[1].initprot, f.segments[1].filesize),
            (DATA_AT, 3, 0x4000)
        );
    }
}

#[test]
fn the_new_form_of_a_dependent_carries_flags() {
    let mut image = Image::library(ARM64);
    // dylib_use_command: name at 28, marker, versions, flags.
    let mut command = string_command(LC_LOAD_WEAK_DYLIB, &[0x1a74_1800, 0, 0, 0xa], "/new.dylib");
    image.commands.push(command.clone());
    // Without the marker the word behind the versions is nothing.
    command[13] = 0;
    image.commands.push(command);
    let bytes = image.build();
    let f = facts(&bytes);
    let reexport_delayed = Linkage { reexport: true, delay_init: true, ..Linkage::default() };
    assert_eq!(f.dependents[1].linkage, reexport_delayed);
    assert_eq!(f.dependents[2].linkage, Linkage { weak: true, ..Linkage::default() });
}

#[test]
fn platforms_of_old_images() {
    let said = |arch: (u32, u32), command: Vec<u8>| {
        let mut image = Image::bare(arch);
        image.commands.push(command);
        let bytes = image.build();
        let p = facts(&bytes).effective_platforms();
        (p[0].platform, p[0].minos.to_string(), p[0].sdk.to_string())
    };
    let min = |cmd: u32, version: u32, sdk: u32| {
        [cmd, 16, version, sdk].iter().flat_map(|v| v.to_le_bytes()).collect()
    };
    assert_eq!(said(X86_64, min(0x24, 0x000a_0900, 0)), (Platform::MACOS, "10.9".into(), "10.9".into()));
    assert_eq!(
        said(X86_64, min(0x24, 0x000a_0900, 0x000b_0300)),
        (Platform::MACOS, "10.9".into(), "11.3".into())
    );
    assert_eq!(
        said(X86_64, min(0x25, 0x000d_0000, 0)),
        (Platform::IOS_SIMULATOR, "13.0".into(), "0.0".into())
    );
    assert_eq!(said(ARM64, min(0x25, 0x000d_0000, 0)).0, Platform::IOS);
    let none: Vec<u8> = [0x2au32, 16, 0, 0].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(said(X86_64, none.clone()), (Platform::MACOS, "10.5".into(), "10.5".into()));
    assert_eq!(said(ARM64, none), (Platform::MACOS, "11.0".into(), "11.0".into()));
    assert!(facts(&Image::bare((12, 9)).build()).effective_platforms().is_empty());
}

#[test]
fn programs_and_encryption() {
    let mut image = Image::bare(ARM64);
    image.kind = 2;
    for command in [vec![0x8000_0028, 24, 0x1234, 0, 0, 0], vec![0x2c, 24, 0x4000, 0x1000, 1, 0]] {
        image.commands.push(command.iter().flat_map(|v: &u32| v.to_le_bytes()).collect());
    }
    let bytes = image.build();
    let f = facts(&bytes);
    assert_eq!(f.entry, Some(Entry::Main(0x1234)));
    assert_eq!(f.encryption.map(|e| (e.offset, e.size, e.id)), Some((0x4000, 0x1000, 1)));
}

#[test]
fn command_sizes_that_cannot_be() {
    let first = 32; // Behind the header: LC_SEGMENT_64 of __TEXT, 72 bytes.
    let problem = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Image::library(X86_64).build();
        change(&mut bytes);
        let f = facts(&bytes);
        (f.malformed.map(|m| (m.part, m.offset, m.problem)), f.segments.len())
    };
    let size = |at: usize, value: u32| {
        problem(&move |b: &mut Vec<u8>| b[at + 4..at + 8].copy_from_slice(&value.to_le_bytes()))
    };
    let malformed = |at: u64, problem| Some((Part::LoadCommands, at, problem));
    assert_eq!(size(first, 0), (malformed(32, Problem::BadSize(0)), 0));
    assert_eq!(size(first, 7), (malformed(32, Problem::BadSize(7)), 0));
    assert_eq!(size(first + 72, u32::MAX), (malformed(104, Problem::BadSize(u32::MAX.into())), 1));
    // Too small for a segment, but a command; the rest of it is read as one more command of type zero and size zero.
    assert_eq!(size(first, 40).0, malformed(32, Problem::BadSize(40)));
    // Not a multiple of eight is no fault of dyld's; what stands there then is.
    assert!(size(first, 73).0.is_some());
}

#[test]
fn counts_that_cannot_be() {
    let mut bytes = Image::library(X86_64).build();
    bytes[16..20].copy_from_slice(&65_535u32.to_le_bytes());
    let f = facts(&bytes);
    assert_eq!(f.malformed.map(|m| m.problem), Some(Problem::OutOfRange));
    assert_eq!((f.segments.len(), f.dependents.len()), (3, 1));
    bytes[16..20].copy_from_slice(&0u32.to_le_bytes());
    assert_eq!((facts(&bytes).malformed, facts(&bytes).segments.len()), (None, 0));
    // The table is longer than the file.
    let mut bytes = Image::library(X86_64).build();
    bytes[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
    bytes.truncate(200);
    assert!(facts(&bytes).malformed.is_some());
}

#[test]
fn many_commands() {
    // 65,535 commands of eight bytes, and one more than is looked at.
    for (count, malformed) in [(65_535usize, None), (65_540, Some(Problem::TooMuch))] {
        let mut bytes = Image::bare(X86_64).build();
        bytes.truncate(32);
        bytes[16..20].copy_from_slice(&(count as u32).to_le_bytes());
        bytes[20..24].copy_from_slice(&(count as u32 * 8).to_le_bytes());
        for _ in 0..count {
            bytes.extend([0x2a, 0, 0, 0, 8, 0, 0, 0]);
        }
        assert_eq!(facts(&bytes).malformed.map(|m| m.problem), malformed, "{count}");
    }
}

#[test]
fn strings_without_end() {
    let mut image = Image::library(ARM64);
    image.rpath("/123456789012"); // Thirteen bytes from offset 12: ends with seven of padding.
    let at = image.commands.len() - 1;
    image.commands[at].truncate(24);
    image.commands[at][4] = 24;
    let bytes = image.build();
    let f = facts(&bytes);
    assert_eq!(f.malformed.map(|m| m.problem), Some(Problem::Unterminated));
    assert_eq!(f.rpaths, [&b"/12345678901"[..]]);
    // A string that begins behind its command is empty.
    let mut image = Image::library(ARM64);
    image.dylib(LC_LOAD_DYLIB, "/x");
    let at = image.commands.len() - 1;
    image.commands[at][8..12].copy_from_slice(&5000u32.to_le_bytes());
    let bytes = image.build();
    let f = facts(&bytes);
    assert_eq!(
        (f.malformed.map(|m| m.problem), f.dependents[1].name),
        (Some(Problem::Unterminated), &b""[..])
    );
}

#[test]
fn sections_no_more_than_fit() {
    let mut image = Image::library(X86_64);
    image.sections.push(Section {
        name: "__mod_init_func",
        addr: DATA_AT,
        size: 8,
        flags: 9,
        reserved1: 0,
        reserved2: 0,
    });
    image.sections.push(Section {
        name: "__thread_vars",
        addr: DATA_AT + 8,
        size: 24,
        flags: 0x13,
        reserved1: 0,
        reserved2: 0,
    });
    let mut bytes = image.build();
    {
        let f = facts(&bytes);
        let s = &f.segments[1].sections;
        assert_eq!(
            (s[0].name, s[0].offset, s[0].has_initialisers()),
            (&b"__mod_init_func"[..], DATA_AT, true)
        );
        assert!(s[1].has_thread_locals() && !s[1].has_initialisers());
    }
    bytes[104 + 64..104 + 68].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(facts(&bytes).segments[1].sections.len(), 2);
}

#[test]
fn headers_that_are_none() {
    let problem = |bytes: &[u8]| read(bytes).unwrap_err().problem;
    assert_eq!(problem(b""), Problem::OutOfRange);
    assert_eq!(problem(&[0xcf, 0xfa, 0xed, 0xfe]), Problem::OutOfRange);
    assert_eq!(problem(&[0; 64]), Problem::BadMagic(0));
    let mut bytes = Image::library(X86_64).build();
    bytes[..4].reverse();
    assert_eq!(problem(&bytes), Problem::BigEndian);
}

#[test]
fn tables_named_twice() {
    use tsuku_verify::analyzer::image::macho::tables::conflict;
    let with = |commands: &[&[u32]]| {
        let mut image = Image::bare(X86_64);
        for command in commands {
            image.commands.push(command.iter().flat_map(|v| v.to_le_bytes()).collect());
        }
        conflict(&facts(&image.build()))
    };
    let symtab: &[u32] = &[2, 24, 0, 0, 0, 0];
    let dysymtab: &[u32] = &[[0xb, 80].as_slice(), &[0; 18]].concat();
    let one = |text: &str| Some(text.to_owned());
    assert_eq!(with(&[symtab, dysymtab, &[0x26, 16, 0, 0]]), None);
    assert_eq!(with(&[symtab, symtab]), one("multiple LC_SYMTAB load commands"));
    assert_eq!(with(&[dysymtab]), one("LC_DYSYMTAB but no LC_SYMTAB load command"));
    assert_eq!(with(&[&[0x26, 8]]), one("LC_FUNCTION_STARTS load command size wrong"));
    assert_eq!(with(&[&[0x24, 8]]), one("LC_VERSION_* load command size wrong"));
    assert_eq!(with(&[&[0x24, 16, 0, 0], &[0x25, 16, 0, 0]]), one("multiple LC_VERSION_MIN_* load commands"));
    assert_eq!(with(&[&[0x21, 20, 0, 0, 0]]), one("LC_ENCRYPTION_INFO found in 64-bit mach-o"));
    // The last thing that is wrong is what dyld says.
    assert_eq!(with(&[symtab, symtab, &[0x29, 8]]), one("LC_DATA_IN_CODE load command size wrong"));
}
