//! Damaged images: whatever the bytes, reading and judging end, do not panic, and keep no more than the file can pay for.
//!
//! `TSUKU_TEST_MUTANTS=N` makes N mutants instead of a few thousand, `TSUKU_TEST_MUTANTS_OF=DIR` makes them of the files there,
//! `TSUKU_TEST_MUTANTS_SEED=S` makes others. `scripts/sweep-mutants-macho` sets them.

use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tsuku_verify::analyzer::dyld::{self, Depth, DyldEnv, Rooms, Wanted};
use tsuku_verify::analyzer::host::real::{ByteStore, RealHost};
use tsuku_verify::analyzer::image::macho::valid::{Inspection, objection};
use tsuku_verify::analyzer::image::macho::{Container, Slice, chains, container, looks_like, read, rebases};

use crate::image::*;

/// A small generator of numbers (xorshift), the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Everything that is read of a file by anyone.
fn exercise(bytes: &[u8]) {
    let whole = Slice {
        arch: tsuku_verify::analyzer::image::macho::Arch::X86_64,
        offset: 0,
        size: bytes.len() as u64,
    };
    let slices = match container(bytes) {
        Err(fault) => return drop(fault.to_string()),
        Ok(Container::Thin) => vec![whole],
        Ok(Container::Fat(fat)) => {
            drop(fat.fault.map(|fault| fault.loader_words()));
            assert!(fat.slices.len() <= 17);
            fat.slices
        }
    };
    for slice in slices {
        let image = slice.bytes(bytes);
        let Ok(facts) = read(image) else { continue };
        // Every record stands for bytes of the file, a byte each at least.
        let kept =
            facts.binds.records.len() + facts.dependents.len() + facts.rpaths.len() + facts.segments.len();
        assert!(kept <= image.len(), "{kept} records of {} bytes", image.len());
        let mut names = 0;
        let _ = facts.exports.walk(|name, _| {
            names += 1;
            if names < 50 {
                // It may be another export: a look-up follows the first edge that matches, as dyld does.
                let _ = facts.exports.find(name);
            }
            ControlFlow::Continue(())
        });
        for bind in facts.binds.records.iter().take(20) {
            let _ = facts.exports.find(bind.name);
        }
        let _ = chains::check(&facts).map_err(|fault| fault.to_string());
        let _ = rebases::check(&facts).map_err(|fault| fault.to_string());
        for inspection in [Inspection::Spring2025, Inspection::Fall2025] {
            drop(objection(&facts, bytes.len() as u64, inspection).map(|o| o.loader_words()));
        }
        if let Some(Ok(signature)) = &facts.signature {
            let pages = signature.check_pages(image);
            assert!(pages.total <= image.len() as u64 + 1);
        }
    }
}

/// A directory with a library that needs the mutant, one a processor.
struct Place {
    dir: tempfile::TempDir,
    users: Vec<PathBuf>,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().expect("a directory");
        let user = |(name, arch): (&str, (u32, u32))| {
            let mut user = Image::library(arch);
            let bind =
                [&[0x12][..], b"\x40_a\0", &[0x51, 0x71, 0, 0x90, 0x10], b"\x40_re\0", &[0x90, 0]].concat();
            user.data = vec![0; 32];
            user.dylib(LC_LOAD_DYLIB, "@loader_path/mutant.dylib").info(
                &bind,
                b"\x40_ab\0\x51\x71\x10\x90\0",
                &[],
                &[],
            );
            let path = dir.path().join(name);
            std::fs::write(&path, user.signed(&[2], 12)).expect("room");
            path
        };
        let users = [("user-arm64.dylib", ARM64), ("user-x86_64.dylib", X86_64)].map(user).to_vec();
        Place { dir, users }
    }

    /// What dyld makes of the mutant, and of a library that needs it.
    fn judge(&self, bytes: &[u8]) {
        let mutant = self.dir.path().join("mutant.dylib");
        std::fs::write(&mutant, bytes).expect("room for the mutant");
        for macos in ["macos-12", "macos-26"] {
            let store = ByteStore::new();
            let host = RealHost::new(&store);
            let wanted = Wanted {
                choice: macos.parse().expect("a macOS"),
                named: true,
                executable: None,
                env: DyldEnv::default(),
                cwd: b"/".to_vec(),
                sdk: None,
            };
            let rooms = Rooms::new(&host, &host, wanted);
            for path in self.users.iter().chain([&mutant]) {
                let path = path.as_os_str().as_bytes();
                let depth = Depth { file_only: false, lazy: false };
                let judged = dyld::judge(&rooms.of(path).files, path, depth);
                assert!(judged.judgement.findings.len() < 1000, "findings without end");
            }
        }
    }
}

const VALUES: [u32; 14] = [
    0,
    1,
    7,
    8,
    16,
    0xff,
    0x1000,
    0x4000,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
];

/// One to four changes: a field of the headers, a byte anywhere, a piece of the tables, a cut, a hole, a doubled piece.
fn mutant(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let start = if seed.starts_with(&[0xca, 0xfe]) { numbers.below(2) * 0x4000 } else { 0 };
    for _ in 0..=numbers.below(4) {
        if bytes.len() < 64 {
            break;
        }
        let commands = bytes.len().min(0x600);
        match numbers.below(8) {
            0..=2 => {
                let at = (start + numbers.below(commands / 4) * 4).min(bytes.len() - 4);
                let old = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
                let value = match numbers.below(4) {
                    0 => old.wrapping_add(numbers.below(17) as u32).wrapping_sub(8),
                    1 => bytes.len() as u32 - numbers.below(32) as u32,
                    _ => VALUES[numbers.below(VALUES.len())],
                };
                bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            3 => {
                let at = numbers.below(bytes.len());
                bytes[at] = numbers.next() as u8;
            }
            4 => {
                // The tables stand at the end.
                let tail = bytes.len() - bytes.len().min(0x800);
                for _ in 0..=numbers.below(8) {
                    let at = tail + numbers.below(bytes.len() - tail);
                    bytes[at] = [0, 0x7f, 0x80, 0xff, numbers.next() as u8][numbers.below(5)];
                }
            }
            5 => bytes.truncate(numbers.below(bytes.len())),
            6 => {
                let at = numbers.below(bytes.len() - 16);
                bytes.drain(at..at + 1 + numbers.below(16));
            }
            _ => {
                let from = numbers.below(bytes.len() - 16);
                let piece = bytes[from..from + 1 + numbers.below(16)].to_vec();
                let at = numbers.below(bytes.len());
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// Images that have everything between them.
fn seeds() -> Vec<Vec<u8>> {
    let exports = trie(&[("_a", regular(0x100)), ("_ab", vec![4, 5]), ("_re", vec![8, 1, b'_', b'x', 0])]);
    let bind = [&[0x11][..], b"\x40_a\0", &[0x51, 0x71, 8, 0x90, 0x60, 4, 0xa0, 8, 0xc0, 3, 8, 0]].concat();
    let lazy = [&[0x71, 0x10, 0x11][..], b"\x41_lazy\0", &[0x90, 0]].concat();
    let weak = [&b"\x48_strong\0\x40_w\0"[..], &[0x71, 0, 0x90, 0]].concat();
    let mut opcodes = Image::library(X86_64);
    opcodes
        .info(&bind, &weak, &lazy, &exports)
        .rpath("@loader_path/../lib")
        .dylib(LC_REEXPORT_DYLIB, "@rpath/libr.dylib");
    let mut narrow = Image::library(I386);
    narrow.info(&bind, &weak, &lazy, &exports);
    let mut fixups = Image::library(ARM64);
    let table = chained(&[(1, false, "_one"), (0xfe, true, "_flat")], 1, 3, &starts(6, 0x4000, &[0], 1));
    fixups.table(LC_DYLD_CHAINED_FIXUPS, &table).table(LC_DYLD_EXPORTS_TRIE, &exports);
    fixups.data = [2u64 << 51, 2 << 51 | 1 << 63, 0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut threaded = Image::library(ARM64E);
    threaded.info(&[&[0xd0, 1, 0x11][..], b"\x40_a\0", &[0x90, 0x71, 0, 0xd1]].concat(), &[], &[], &exports);
    let mut old = Image::library(X86_64);
    old.commands.push([2u32, 24, 0x8000, 1, 0x8000, 8].iter().flat_map(|v| v.to_le_bytes()).collect());
    old.commands
        .push([vec![0xb, 80], vec![0; 18]].concat().iter().flat_map(|v: &u32| v.to_le_bytes()).collect());
    let (a, b) = (opcodes.signed(&[1, 2], 12), fixups.signed(&[2], 14));
    let both = [fat(&[(X86_64, &a), (ARM64, &b)], false), fat(&[(X86_64, &a), (ARM64, &b)], true)];
    let mut all = vec![a, b, narrow.build(), threaded.build(), old.build()];
    all.extend(both);
    all
}

fn files(dir: &Path, into: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path(), into),
            Ok(kind) if kind.is_file() => {
                into.extend(std::fs::read(entry.path()).ok().filter(|b| looks_like(b) && b.len() < 400_000));
            }
            _ => {}
        }
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
#[expect(clippy::print_stdout, reason = "the sweep reads this line")]
fn mutants_are_read_to_the_end() {
    let mut seeds = seeds();
    if let Ok(dir) = std::env::var("TSUKU_TEST_MUTANTS_OF") {
        seeds.clear();
        files(Path::new(&dir), &mut seeds);
        assert!(!seeds.is_empty(), "no Mach-O file below {dir}");
        seeds.sort();
    }
    let place = Place::new();
    for seed in &seeds {
        exercise(seed);
        place.judge(seed);
    }
    let mut numbers = Numbers(number("TSUKU_TEST_MUTANTS_SEED", 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let count = number("TSUKU_TEST_MUTANTS", 3000);
    let (mut slowest, start) = (Duration::ZERO, Instant::now());
    for index in 0..count {
        let bytes = mutant(&seeds[index as usize % seeds.len()], &mut numbers);
        let began = Instant::now();
        let both = || {
            exercise(&bytes);
            place.judge(&bytes);
        };
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(both)).is_err() {
            let path = std::env::temp_dir().join(format!("tsuku-macho-mutant-{index}"));
            std::fs::write(&path, &bytes).expect("room for the mutant");
            panic!("mutant {index} is kept as {}", path.display());
        }
        slowest = slowest.max(began.elapsed());
    }
    println!("{count} mutants of {} files, slowest {slowest:?}, all {:?}", seeds.len(), start.elapsed());
}
