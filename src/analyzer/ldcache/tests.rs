//! Knows how to write caches of every format by hand and asks for what is in them.
//! It must never depend on what this machine has installed, save for the one sweep that compares with `ldconfig -p`.
//! The tables follow `elf/cache.c` of glibc, which writes them.
#![expect(clippy::disallowed_methods, reason = "the sweep reads the real cache")]

use std::cmp::Ordering;
use std::process::Command;

use super::search::libcmp;
use super::*;
use crate::analyzer::loader_model::GlibcVersion;
use crate::analyzer::model::Machine;

struct Row {
    name: &'static str,
    path: &'static str,
    flags: u32,
    osversion: u32,
    hwcap: u64,
}

fn row(name: &'static str, path: &'static str) -> Row {
    Row { name, path, flags: 0x303, osversion: 0, hwcap: 0 }
}

fn named(name: &'static str, path: &'static str, index: u64, level: u64) -> Row {
    Row { hwcap: 1 << 62 | level << 32 | index, ..row(name, path) }
}

struct Writer {
    big_endian: bool,
    mark: bool,
    align: usize,
}

const LITTLE: Writer = Writer { big_endian: false, mark: true, align: 8 };
const BIG: Writer = Writer { big_endian: true, mark: true, align: 8 };

impl Writer {
    fn u32(&self, out: &mut Vec<u8>, value: usize) {
        let value = u32::try_from(value).unwrap();
        out.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn new_table(&self, rows: &[Row], hwcaps: &[&str]) -> Vec<u8> {
        let mut strings = Vec::new();
        let base = NEW_HEADER + NEW_ENTRY * rows.len();
        let mut put = |text: &str| {
            let at = base + strings.len();
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
            at
        };
        let places: Vec<_> = rows.iter().map(|row| (put(row.name), put(row.path))).collect();
        let names: Vec<_> = hwcaps.iter().map(|name| put(name)).collect();
        let extension = (base + strings.len()).next_multiple_of(4);
        let mut out = NEW_MAGIC.to_vec();
        self.u32(&mut out, rows.len());
        self.u32(&mut out, strings.len());
        out.extend([
            if !self.mark {
                0
            } else if self.big_endian {
                3
            } else {
                2
            },
            0,
            0,
            0,
        ]);
        self.u32(&mut out, if hwcaps.is_empty() { 0 } else { extension });
        out.extend([0; 12]);
        for (row, (key, value)) in rows.iter().zip(places) {
            for number in [row.flags as usize, key, value, row.osversion as usize] {
                self.u32(&mut out, number);
            }
            out.extend(if self.big_endian { row.hwcap.to_be_bytes() } else { row.hwcap.to_le_bytes() });
        }
        out.extend(strings);
        if !hwcaps.is_empty() {
            out.resize(extension, 0);
            for number in
                [EXTENSION_MAGIC as usize, 1, TAG_HWCAPS as usize, 0, extension + 24, names.len() * 4]
            {
                self.u32(&mut out, number);
            }
            for at in names {
                self.u32(&mut out, at);
            }
        }
        out
    }

    fn old_table(&self, rows: &[Row]) -> Vec<u8> {
        let mut strings = Vec::new();
        let mut out = [OLD_MAGIC, &[0]].concat();
        self.u32(&mut out, rows.len());
        for row in rows {
            self.u32(&mut out, row.flags as usize);
            for text in [row.name, row.path] {
                self.u32(&mut out, strings.len());
                strings.extend_from_slice(text.as_bytes());
                strings.push(0);
            }
        }
        out.extend(strings);
        out
    }

    /// The old table, whose strings make room for the new one, as `ldconfig` wrote it up to 2.31.
    fn both(&self, old: usize, rows: &[Row]) -> Vec<u8> {
        let empty = || Row { flags: 3, ..row("", "") };
        let mut out = self.old_table(&std::iter::repeat_with(empty).take(old).collect::<Vec<_>>());
        out.truncate(OLD_HEADER + OLD_ENTRY * old);
        out.resize(out.len().next_multiple_of(self.align), 0);
        out.extend(self.new_table(rows, &[]));
        out
    }
}

fn query(minor: u16, hwcaps: &[Vec<u8>]) -> CacheQuery<'_> {
    CacheQuery {
        machine: Machine::X86_64,
        float_abi: 0,
        version: GlibcVersion { minor },
        hwcaps,
        isa: 0b111,
        legacy_hwcap: 1 << 63 | 2,
        no_legacy: minor >= 40,
        kernel: None,
    }
}

fn found(cache: &LdCache, name: &str, query: &CacheQuery<'_>) -> Option<String> {
    cache.lookup(name.as_bytes(), query).map(|path| String::from_utf8(path.to_vec()).unwrap())
}

#[test]
fn every_format_and_byte_order_is_read() {
    let rows =
        || [row("libc.so.6", "/c"), row("libb.so.10", "/b10"), row("libb.so.9", "/b9"), row("liba.so", "/a")];
    for writer in [LITTLE, BIG, Writer { mark: false, ..BIG }] {
        let files = [
            (CacheFormat::New, writer.new_table(&rows(), &[])),
            (CacheFormat::Old, writer.old_table(&rows())),
            (CacheFormat::Both, writer.both(3, &rows())),
            (CacheFormat::Both, writer.both(4, &rows())),
        ];
        for (format, bytes) in files {
            let cache = LdCache::parse(bytes, writer.big_endian).unwrap();
            assert_eq!((cache.format(), cache.len()), (format, 4));
            let entries: Vec<_> = cache.entries().map(|entry| (entry.name, entry.path)).collect();
            assert_eq!(entries[1], (b"libb.so.10".as_slice(), b"/b10".as_slice()));
            for minor in [17, 33, 34, 42] {
                let query = query(minor, &[]);
                for row in rows() {
                    assert_eq!(found(&cache, row.name, &query).as_deref(), Some(row.path));
                }
                assert_eq!(found(&cache, "libd.so", &query), None);
                assert_eq!(found(&cache, "", &query), None);
            }
        }
    }
}

#[test]
fn i386_looks_for_the_new_table_at_four_bytes() {
    let rows = || [Row { flags: 3, ..row("liba.so", "/a") }];
    let i386 = CacheQuery { machine: Machine::I386, ..query(31, &[]) };
    let other = CacheQuery { machine: Machine::S390x, ..query(31, &[]) };
    let eight = LdCache::parse(LITTLE.both(1, &rows()), false).unwrap();
    assert_eq!(found(&eight, "liba.so", &i386), None);
    let four = LdCache::parse(Writer { align: 4, ..LITTLE }.both(1, &rows()), false).unwrap();
    assert_eq!(found(&four, "liba.so", &i386).as_deref(), Some("/a"));
    assert_eq!(found(&four, "liba.so", &other), None);
    assert_eq!(four.len(), 1);
}

#[test]
fn digits_compare_as_numbers_and_bytes_as_char() {
    let cmp = |a: &str, b: &str| libcmp(a.as_bytes(), b.as_bytes(), true);
    assert_eq!(cmp("libx.so.01", "libx.so.1"), Ordering::Equal);
    assert_eq!(cmp("libx.so.10", "libx.so.9"), Ordering::Greater);
    assert_eq!(cmp("lib1", "liba"), Ordering::Greater);
    assert_eq!(cmp("liba", "lib1"), Ordering::Less);
    assert_eq!(cmp("lib", "liba"), Ordering::Less);
    assert_eq!(cmp("liba", "lib"), Ordering::Greater);
    assert_eq!(libcmp(b"\xc3", b"a", true), Ordering::Less);
    assert_eq!(libcmp(b"\xc3", b"a", false), Ordering::Greater);
    assert_eq!(cmp("9999999999999999999999", "1"), cmp("9999999999999999999999", "1"));
}

#[test]
fn flags_of_the_machine_decide() {
    let rows = [
        Row { flags: 0x903, ..row("lib", "/hard") },
        Row { flags: 0xb03, ..row("lib", "/soft") },
        Row { flags: 0x303, ..row("lib", "/x86-64") },
        Row { flags: 1, ..row("lib", "/libc5") },
        Row { flags: 0x403, ..row("lib", "/s390x") },
    ];
    let cache = LdCache::parse(LITTLE.new_table(&rows, &[]), false).unwrap();
    let of = |machine, float_abi| found(&cache, "lib", &CacheQuery { machine, float_abi, ..query(36, &[]) });
    assert_eq!(of(Machine::Arm, 0x400).as_deref(), Some("/hard"));
    assert_eq!(of(Machine::Arm, 0x200).as_deref(), Some("/soft"));
    assert_eq!(of(Machine::X86_64, 0).as_deref(), Some("/x86-64"));
    assert_eq!(of(Machine::I386, 0).as_deref(), Some("/libc5"));
    assert_eq!(of(Machine::Aarch64, 0), None);
    // Entries of one name with the generic flags first: from 2.33 the first ends the walk, before the exact one wins.
    let mixed = [Row { flags: 1, ..row("lib", "/generic") }, row("lib", "/exact")];
    let cache = LdCache::parse(LITTLE.new_table(&mixed, &[]), false).unwrap();
    assert_eq!(found(&cache, "lib", &query(32, &[])).as_deref(), Some("/exact"));
    assert_eq!(found(&cache, "lib", &query(33, &[])).as_deref(), Some("/generic"));
    let old = LdCache::parse(LITTLE.old_table(&mixed), false).unwrap();
    assert_eq!(found(&old, "lib", &query(36, &[])).as_deref(), Some("/exact"));
}

#[test]
fn best_active_hwcaps_directory_wins() {
    let names = ["x86-64-v2", "x86-64-v3", "x86-64-v4"];
    let rows = [
        named("lib", "/v2", 0, 1),
        named("lib", "/v3", 1, 2),
        named("lib", "/v4", 2, 3),
        row("lib", "/plain"),
    ];
    let cache = LdCache::parse(LITTLE.new_table(&rows, &names), false).unwrap();
    let active: Vec<Vec<u8>> =
        ["x86-64-v3", "x86-64-v2"].iter().map(|name| name.as_bytes().to_vec()).collect();
    assert_eq!(found(&cache, "lib", &query(36, &active)).as_deref(), Some("/v3"));
    assert_eq!(found(&cache, "lib", &query(42, &active[1..])).as_deref(), Some("/v2"));
    assert_eq!(found(&cache, "lib", &query(42, &[])).as_deref(), Some("/plain"));
    let no_v3 = CacheQuery { isa: 0b11, ..query(42, &active) };
    assert_eq!(found(&cache, "lib", &no_v3).as_deref(), Some("/v2"));
    // Before 2.33 the mark is an unknown hwcap.
    assert_eq!(found(&cache, "lib", &query(32, &active)).as_deref(), Some("/plain"));
    let entry = cache.entries().nth(1).unwrap();
    assert_eq!(entry.hwcap, EntryHwcap::Named { name: b"x86-64-v3", level: 2 });
}

#[test]
fn legacy_bits_and_kernel_versions_are_compared_by_old_loaders_only() {
    let rows = [
        Row { hwcap: 1 << 50, ..row("lib", "/haswell") },
        Row { hwcap: 2, ..row("lib", "/x86_64") },
        Row { osversion: 0x3_11_00, ..row("lib", "/new-kernel") },
        row("lib", "/plain"),
    ];
    let cache = LdCache::parse(LITTLE.new_table(&rows, &[]), false).unwrap();
    assert_eq!(found(&cache, "lib", &query(36, &[])).as_deref(), Some("/x86_64"));
    let intel = CacheQuery { legacy_hwcap: 1 << 63 | 1 << 50 | 2, ..query(36, &[]) };
    assert_eq!(found(&cache, "lib", &intel).as_deref(), Some("/haswell"));
    assert_eq!(found(&cache, "lib", &query(40, &[])).as_deref(), Some("/new-kernel"));
    let old = CacheQuery { legacy_hwcap: 0, kernel: Some(0x2_06_20), ..query(31, &[]) };
    assert_eq!(found(&cache, "lib", &old).as_deref(), Some("/plain"));
}

#[test]
fn damaged_files_are_refused_or_read_within_bounds() {
    let good = LITTLE.new_table(&[row("libb", "/b"), named("liba", "/a", 0, 1)], &["x86-64-v2"]);
    let old = LITTLE.both(3, &[row("liba", "/a")]);
    assert_eq!(LdCache::parse(b"\x7fELF".to_vec(), false), Err(CacheFault::NotACache));
    assert_eq!(LdCache::parse(Vec::new(), false), Err(CacheFault::NotACache));
    assert_eq!(LdCache::parse(good.clone(), true), Err(CacheFault::WrongByteOrder));
    assert_eq!(LdCache::parse(good[..60].to_vec(), false), Err(CacheFault::Truncated));
    let active = [b"x86-64-v2".to_vec()];
    let mut tried = 0;
    for bytes in [good, old] {
        for cut in 0..bytes.len() {
            tried += usize::from(use_up(&bytes[..cut], &active));
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                tried += usize::from(use_up(&bytes, &active));
            }
        }
    }
    assert!(tried > 100);
}

/// Reads everything there is; must neither panic nor run away.
fn use_up(bytes: &[u8], active: &[Vec<u8>]) -> bool {
    let Ok(cache) = LdCache::parse(bytes.to_vec(), false) else { return false };
    assert!(cache.entries().count() <= cache.len());
    let _ = cache.generator();
    for minor in [31, 33, 42] {
        let _ = cache.lookup(b"liba", &query(minor, active));
        let _ = cache.lookup(b"libb", &CacheQuery { machine: Machine::I386, ..query(minor, active) });
    }
    true
}

#[test]
fn real_cache_agrees_with_ldconfig() {
    let Ok(bytes) = std::fs::read("/etc/ld.so.cache") else { return };
    let Ok(output) = Command::new("/sbin/ldconfig").arg("-p").output() else { return };
    let Ok(cache) = LdCache::parse(bytes, cfg!(target_endian = "big")) else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    let printed: Vec<_> = text.lines().filter_map(|line| line.trim().split_once(" => ")).collect();
    let ours: Vec<_> = cache.entries().collect();
    assert_eq!(printed.len(), ours.len());
    for ((left, path), entry) in printed.iter().zip(&ours) {
        assert_eq!(path.as_bytes(), entry.path);
        assert_eq!(left.split(" (").next().unwrap().as_bytes(), entry.name);
    }
    if cfg!(target_arch = "x86_64") {
        for entry in ours.iter().filter(|entry| entry.flags == 0x303 && entry.hwcap == EntryHwcap::None) {
            assert!(cache.lookup(entry.name, &query(36, &[])).is_some());
        }
    }
}
