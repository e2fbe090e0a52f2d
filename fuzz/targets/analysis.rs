//! The whole analysis of a small directory some of whose files were damaged: link map, versions, binding, class.
//! The input is a list of edits, most of them of fields the loader reads; judging alone must equal judging with a memo.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tsuku_verify::analyzer::audit::{self, Level};
use tsuku_verify::analyzer::call;
use tsuku_verify::analyzer::disk::Disk;
use tsuku_verify::analyzer::host::memory::MemoryHost;
use tsuku_verify::analyzer::loader_model::{Distribution, GlibcVersion, LoaderModel};
use tsuku_verify::analyzer::loaders::Loaders;
use tsuku_verify::analyzer::model::Machine;
use tsuku_verify::analyzer::process::Start;

static FILES: [&[u8]; 3] = [
    include_bytes!(concat!(env!("OUT_DIR"), "/liba.so")),
    include_bytes!(concat!(env!("OUT_DIR"), "/libb.so.1")),
    include_bytes!(concat!(env!("OUT_DIR"), "/libc.so.6")),
];

/// Where the tables of each file are: (start, length) of header, program headers and what DT_ entries point at.
static TABLES: LazyLock<[Vec<(usize, usize)>; 3]> = LazyLock::new(|| FILES.map(tables));

#[derive(Arbitrary, Debug)]
struct Input {
    release: u8,
    edits: Vec<Edit>,
}

#[derive(Arbitrary, Debug)]
struct Edit {
    file: u8,
    place: Place,
    value: Value,
}

#[derive(Arbitrary, Debug)]
enum Place {
    Table(u8, u16),
    Anywhere(u16),
}

#[derive(Arbitrary, Debug)]
enum Value {
    Byte(u8),
    Half(u16),
    Word(u32),
    Long(u64),
    Add(i8),
    Power(u8),
    Copy(u8, u16),
    Truncate,
}

fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    let field = bytes.get(at..at + width).unwrap_or_default();
    field.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))
}

/// The files are our own and link at their offsets (the first segments), so an address below the file's size is one.
fn tables(file: &[u8]) -> Vec<(usize, usize)> {
    let (phoff, phnum) = (number(file, 32, 8) as usize, number(file, 56, 2) as usize);
    let mut found = vec![(0, 64), (phoff, phnum * 56)];
    for header in (0..phnum).map(|i| phoff + i * 56) {
        if number(file, header, 4) == 2 {
            let (at, size) = (number(file, header + 8, 8) as usize, number(file, header + 32, 8) as usize);
            found.push((at, size));
            for entry in (0..size / 16).map(|i| at + i * 16) {
                let value = number(file, entry + 8, 8) as usize;
                if value > 64 && value + 256 < file.len() {
                    found.push((value, 256));
                }
            }
        }
    }
    found
}

fn damage(files: &mut [Vec<u8>; 3], edit: &Edit) {
    let which = usize::from(edit.file) % 3;
    let at = match edit.place {
        Place::Table(table, offset) => {
            let (start, len) = TABLES[which][usize::from(table) % TABLES[which].len()];
            start + usize::from(offset) % len.max(1)
        }
        Place::Anywhere(at) => usize::from(at),
    };
    let file = &mut files[which];
    if file.is_empty() {
        return;
    }
    let at = at % file.len();
    let write = |file: &mut [u8], bytes: &[u8]| {
        for (to, from) in file.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    };
    match edit.value {
        Value::Byte(v) => write(file, &[v]),
        Value::Half(v) => write(file, &v.to_le_bytes()),
        Value::Word(v) => write(file, &v.to_le_bytes()),
        Value::Long(v) => write(file, &v.to_le_bytes()),
        Value::Add(v) => {
            let old = file[at];
            write(file, &[old.wrapping_add(v as u8)]);
        }
        Value::Power(v) => write(file, &(1u64 << (v % 64)).wrapping_sub(u64::from(v / 64)).to_le_bytes()),
        Value::Copy(table, offset) => {
            let (start, len) = TABLES[which][usize::from(table) % TABLES[which].len()];
            let from = (start + usize::from(offset) % len.max(1)) % file.len();
            let bytes: Vec<u8> = file.iter().skip(from).take(8).copied().collect();
            write(file, &bytes);
        }
        Value::Truncate => file.truncate(at),
    }
}

fuzz_target!(|input: Input| {
    let mut files = FILES.map(<[u8]>::to_vec);
    for edit in input.edits.iter().take(16) {
        damage(&mut files, edit);
    }
    // The process has an undamaged libc; the directory has the damaged one, found only if a path list says so.
    let disk = MemoryHost::new()
        .file("/lib/x86_64-linux-gnu/libc.so.6", FILES[2])
        .file("/lib/x86_64-linux-gnu/libdl.so.2", FILES[2])
        .file("/t/liba.so", &files[0])
        .file("/t/libb.so.1", &files[1])
        .file("/t/other/libc.so.6", &files[2]);
    let host = &disk;
    let minor = [17, 23, 28, 31, 34, 36, 39, 41, 43][usize::from(input.release) % 9];
    let version = GlibcVersion { minor };
    let model = LoaderModel::default_for(Machine::X86_64, version, Distribution::Debian);
    let table = Disk::new(&host, &model);
    let Ok(process) = call::start(&table, &Start::default()) else { return };
    let loaders = Loaders::only(&table, &process);
    let paths = [&b"/t/liba.so"[..], b"/t/libb.so.1", b"/t/other/libc.so.6"].map(<[u8]>::to_vec);
    let together = audit::run(&loaders, &paths, Level::Two, &|_| {});
    for (path, together) in paths.iter().zip(together) {
        let alone = audit::one(&loaders, path, Level::Two);
        assert_eq!(alone.judgement.verdict, together.judgement.verdict, "company changes the verdict");
    }
});
