//! The parts of an audit, each alone: facts of one library, one look-up, a whole directory.
//! Real libraries are taken from `/usr/lib` by size when the benchmark starts, so compare runs of one machine only.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads libraries and builds some")]
#![expect(missing_docs, reason = "criterion's macros make an undocumented main")]

use std::fs;
use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tsuku_verify::analyzer::audit::{self, Level, Wanted};
use tsuku_verify::analyzer::call;
use tsuku_verify::analyzer::disk::Disk;
use tsuku_verify::analyzer::host::real::{ByteStore, RealHost};
use tsuku_verify::analyzer::image::elf::{self, Image, Role};
use tsuku_verify::analyzer::image::symbols::{Query, gnu_hash};
use tsuku_verify::analyzer::loader_model::LoaderModel;
use tsuku_verify::analyzer::loaders::Loaders;
use tsuku_verify::analyzer::process::Start;

#[path = "../tests/support/this_loader.rs"]
mod loader;
use loader::this_loader;

/// Libraries of the generated directory.
const TINY: usize = 200;

/// Contents of a small, a medium and a large library that this machine's loader maps.
fn by_size(model: &LoaderModel) -> Vec<(&'static str, Vec<u8>)> {
    let store = ByteStore::new();
    let host = RealHost::new(&store);
    let paths = audit::collect(&host, &[b"/usr/lib".to_vec()], Wanted::default()).paths;
    let mut sized: Vec<(u64, &Path)> = paths
        .iter()
        .map(|p| Path::new(std::ffi::OsStr::from_bytes(p)))
        .filter_map(|p| Some((fs::metadata(p).ok()?.len(), p)))
        .collect();
    sized.sort_unstable();
    let quantiles = [("small", 10), ("medium", 50), ("large", 97)];
    let pick = |(name, percent): (&'static str, usize)| {
        // The next one that is mapped: /usr/lib may hold libraries of other machines.
        sized.iter().skip(sized.len() * percent / 100).find_map(|(_, p)| {
            let bytes = fs::read(p).ok()?;
            matches!(elf::read(&bytes, model, false, Role::Library), Image::Mapped(_))
                .then_some((name, bytes))
        })
    };
    quantiles.into_iter().filter_map(pick).collect()
}

fn facts(c: &mut Criterion) {
    let store = ByteStore::new();
    let model = this_loader(&RealHost::new(&store));
    let mut group = c.benchmark_group("facts");
    for (name, bytes) in by_size(&model) {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), &bytes, |b, bytes| {
            b.iter(|| black_box(elf::read(black_box(bytes), &model, false, Role::Library)));
        });
    }
    group.finish();
}

fn look_up(c: &mut Criterion) {
    let store = ByteStore::new();
    let host = RealHost::new(&store);
    let model = this_loader(&host);
    let disk = Disk::new(&host, &model);
    let start = call::start(&disk, &Start::default()).expect("the reference process starts");
    let mut objects = start.nodes.iter().filter_map(|n| n.facts());
    let Some(libc) = objects.find(|f| matches!(&f.soname, Some(Ok(s)) if s.starts_with(b"libc."))) else {
        return;
    };
    let mut group = c.benchmark_group("look-up");
    for (what, name) in [("hit", b"fopen".as_slice()), ("miss", b"no_such_function_anywhere")] {
        let query =
            Query { name, hash: gnu_hash(name), version: None, plt: false, own: None, prefers_exact: false };
        group.bench_function(what, |b| {
            b.iter(|| black_box(libc.symbols.lookup(&libc.vm, &libc.versions, black_box(&query))))
        });
    }
    group.finish();
}

/// Tiny libraries, each needing a few others, as one C file and one call of the linker a library.
fn tiny_libraries(dir: &Path) -> Option<Vec<Vec<u8>>> {
    fs::write(dir.join("a.c"), "int NAME(void) { return 1; }\nextern int puts(const char *);\nint say_NAME(void) { return puts(\"\"); }\n").ok()?;
    let mut paths = Vec::new();
    for n in 0..TINY {
        let mut link = Command::new("cc");
        link.current_dir(dir).args(["-w", "-fPIC", "-shared", "-Wl,-rpath,$ORIGIN", "-Wl,--no-as-needed"]);
        link.arg(format!("-DNAME=f{n}")).arg("-o").arg(format!("libt{n}.so")).arg("a.c").arg("-L.");
        for need in [n / 2, n / 3].into_iter().filter(|m| *m != n) {
            link.arg(format!("-l:libt{need}.so"));
        }
        if !link.output().ok()?.status.success() {
            return None;
        }
        paths.push(dir.join(format!("libt{n}.so")).as_os_str().as_bytes().to_vec());
    }
    Some(paths)
}

fn directory(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let Some(paths) = tiny_libraries(dir.path()) else { return };
    let store = ByteStore::new();
    let model = this_loader(&RealHost::new(&store));
    let mut group = c.benchmark_group("directory");
    group.throughput(Throughput::Elements(paths.len() as u64));
    for (name, level) in [("level-1", Level::One), ("level-2", Level::Two)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let store = ByteStore::new();
                let host = RealHost::new(&store);
                let disk = Disk::new(&host, &model);
                let start = call::start(&disk, &Start::default()).expect("the reference process starts");
                black_box(audit::run(&Loaders::only(&disk, &start), &paths, level, &|_| {}).len())
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = facts, look_up, directory
}
criterion_main!(benches);
