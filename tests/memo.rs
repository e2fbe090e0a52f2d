//! What the shortcuts must not change: judging with what other calls found out equals judging alone, and the
//! number of threads changes nothing. Asked of generated libraries, of damaged ones and of those of this machine.
#![expect(clippy::disallowed_methods, reason = "a test builds its libraries and reads them")]

use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tsuku_verify::analyzer::audit::{self, Level};
use tsuku_verify::analyzer::call;
use tsuku_verify::analyzer::checks::{self, Judged, Mode};
use tsuku_verify::analyzer::disk::Disk;
use tsuku_verify::analyzer::host::real::{ByteStore, RealHost};
use tsuku_verify::analyzer::level_1;
use tsuku_verify::analyzer::link_map::Process;
use tsuku_verify::analyzer::loaders::Loaders;
use tsuku_verify::analyzer::memo::Memo;
use tsuku_verify::analyzer::process::Start;

#[path = "support/this_loader.rs"]
mod loader;
use loader::this_loader;

/// How many libraries are generated, and how many of each are damaged.
const GENERATED: usize = 60;
const DAMAGED: usize = 1500;
/// How many of this machine's libraries are asked.
const INSTALLED: usize = 400;

/// splitmix64: the same libraries on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// What a symbol is, as far as those who refer to it have to know.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Tls,
    Hidden,
}

/// One library to be: what it needs and defines.
struct Plan {
    needs: Vec<usize>,
    kinds: [(Kind, usize); 4],
}

/// A graph with circles: mostly to later libraries, sometimes back.
fn plan(n: usize, random: &mut Random) -> Plan {
    let needs = (0..random.below(4))
        .map(|_| if random.one_in(6) { random.below(GENERATED) } else { n + random.below(GENERATED - n) });
    let needs = needs.filter(|m| *m != n).collect();
    let kinds = [(); 4].map(|()| match random.below(12) {
        k @ 0 => (Kind::Hidden, k),
        k @ 1..=2 => (Kind::Tls, k),
        k => (Kind::Plain, k),
    });
    Plan { needs, kinds }
}

/// The source of library `n`: definitions of all kinds, and references, mostly to what its needs define.
fn source(n: usize, plans: &[Plan], random: &mut Random) -> String {
    let mut c = String::from("typedef int (*fn)(void);\nstatic int one(void) { return 1; }\n");
    for (k, (_, how)) in plans[n].kinds.iter().enumerate() {
        let s = format!("s{n}_{k}");
        let _ = match how {
            0 => writeln!(c, "__attribute__((visibility(\"hidden\"))) int {s}(void) {{ return {k}; }}"),
            1 | 2 => writeln!(c, "__thread int {s} = {k};"),
            3 | 4 => writeln!(
                c,
                "static fn pick{k}(void) {{ return one; }}\nint {s}(void) __attribute__((ifunc(\"pick{k}\")));"
            ),
            5 => writeln!(c, "__attribute__((visibility(\"protected\"))) int {s}(void) {{ return {k}; }}"),
            6 => writeln!(c, "__attribute__((weak)) int {s}(void) {{ return {k}; }}"),
            _ => writeln!(c, "int {s}(void) {{ return {k}; }}"),
        };
    }
    let mut table = String::new();
    for r in 0..5 {
        let near: &[usize] = &plans[n].needs;
        let m = match near.get(random.below(near.len() + 1)) {
            Some(m) => *m,
            None if random.one_in(12) => random.below(GENERATED),
            None => n,
        };
        let k = random.below(4);
        let (kind, _) = plans[m].kinds[k];
        if m == n || (kind == Kind::Hidden && !random.one_in(4)) {
            continue;
        }
        let s = format!("s{m}_{k}");
        let _ = match kind {
            Kind::Tls => writeln!(c, "extern __thread int {s}; int *t{n}_{r}(void) {{ return &{s}; }}"),
            _ if random.one_in(5) => writeln!(c, "extern __attribute__((weak)) int {s}(void);"),
            _ => writeln!(c, "extern int {s}(void);"),
        };
        if kind != Kind::Tls {
            let _ = write!(table, "(void *){s}, ");
        }
    }
    let own = if plans[n].kinds[0].0 == Kind::Plain { format!("(void *)s{n}_0,") } else { String::new() };
    let _ = writeln!(c, "void *table{n}[] = {{ {table} {own} 0 }};");
    c
}

/// Builds the libraries in `dir`, the last first; those not built yet are empty stubs with the right SONAMEs.
fn generate(dir: &Path, random: &mut Random) -> Vec<PathBuf> {
    let gcc = |out: &Path, args: &[String]| {
        let mut c = Command::new("gcc");
        c.current_dir(dir).args(["-w", "-O1", "-fPIC", "-shared", "-o"]).arg(out).args(args);
        c.output().expect("gcc runs").status.success()
    };
    let name = |n: usize| format!("libm{n}.so");
    fs::create_dir(dir.join("stubs")).unwrap();
    fs::write(dir.join("empty.c"), "").unwrap();
    for n in 0..GENERATED {
        assert!(gcc(
            &dir.join("stubs").join(name(n)),
            &[format!("-Wl,-soname,{}", name(n)), "empty.c".to_owned()]
        ));
    }
    let plans: Vec<Plan> = (0..GENERATED).map(|n| plan(n, random)).collect();
    let mut built = Vec::new();
    for n in (0..GENERATED).rev() {
        let mut args: Vec<String> =
            ["-Wl,--no-as-needed", "-Wl,-rpath,$ORIGIN", "-Wl,--allow-shlib-undefined", "-L.", "-Lstubs"]
                .map(str::to_owned)
                .to_vec();
        args.push(format!("-Wl,-soname,{}", name(n)));
        args.push(
            ["-Wl,--hash-style=gnu", "-Wl,--hash-style=sysv", "-Wl,--hash-style=both"][random.below(3)]
                .to_owned(),
        );
        args.push(["-Wl,--enable-new-dtags", "-Wl,--disable-new-dtags"][random.below(2)].to_owned());
        if random.one_in(5) {
            args.push("-Wl,-Bsymbolic".to_owned());
        }
        if random.one_in(4) {
            let map = format!("v{n}.map");
            fs::write(
                dir.join(&map),
                format!("A{n} {{ global: s{n}_0; s{n}_1; }}; B{n} {{ global: *; }} A{n};\n"),
            )
            .unwrap();
            args.push(format!("-Wl,--version-script={map}"));
        }
        fs::write(dir.join(format!("m{n}.c")), source(n, &plans, random)).unwrap();
        args.push(format!("m{n}.c"));
        args.extend(plans[n].needs.iter().map(|m| format!("-l:{}", name(*m))));
        let out = dir.join(name(n));
        if gcc(&out, &args) {
            built.push(out);
        }
    }
    assert!(built.len() * 4 > GENERATED * 3, "gcc refused too many: {} of {GENERATED} are left", built.len());
    built
}

/// Copies with some words of the tables or bytes anywhere changed, beside their dependencies.
fn damage(dir: &Path, from: &[PathBuf], random: &mut Random) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for i in 0..DAMAGED {
        let mut bytes = fs::read(&from[random.below(from.len())]).unwrap();
        for _ in 0..=random.below(2) {
            // The symbol, string and version tables and the relocations stand in the first segment.
            let at = match random.below(5) {
                0 => random.below(bytes.len()),
                1 => random.below(0x260),
                _ => 0x260 + random.below(0x600),
            };
            let value = [0, 1, 0xff, random.next()][random.below(4)].to_le_bytes();
            let (at, len) = if random.one_in(2) { (at & !7, 8) } else { (at, 1) };
            if let Some(place) = bytes.get_mut(at..at + len) {
                place.copy_from_slice(&value[..len]);
            }
        }
        let path = dir.join(format!("damaged{i}.so"));
        fs::write(&path, bytes).unwrap();
        out.push(path);
    }
    out
}

/// Some of the files below `/usr/lib` that look like libraries, spread over their sorted order.
fn installed() -> Vec<Vec<u8>> {
    let store = ByteStore::new();
    let host = RealHost::new(&store);
    let all = audit::collect(&host, &[b"/usr/lib".to_vec()], audit::Wanted::default()).paths;
    let step = all.len().div_ceil(INSTALLED).max(1);
    all.into_iter().step_by(step).collect()
}

/// Everything about a judgement that a report could show.
fn answer(j: &Judged) -> String {
    let mut missing: Vec<String> = j
        .unresolved
        .iter()
        .map(|u| {
            format!("{} {} {:?}", u.object.index(), u.reference.name.escape_ascii(), u.reference.version)
        })
        .collect();
    missing.sort();
    missing.dedup();
    format!("{:?}, missing {missing:?}", j.judgement.verdict)
}

/// Runs `work` with the loader of this machine.
fn with_this_loader<T>(work: impl FnOnce(&Disk<'_, 'static>, &Process<'static>) -> T) -> T {
    // The host lends its bytes for as long as the test runs.
    let store: &'static ByteStore = Box::leak(Box::new(ByteStore::new()));
    let host = RealHost::new(store);
    let model = this_loader(&host);
    let disk = Disk::new(&host, &model);
    let start = call::start(&disk, &Start::default()).expect("the reference process starts");
    work(&disk, &start)
}

fn differences(paths: &[Vec<u8>]) -> Vec<String> {
    with_this_loader(|disk, start| {
        let memo = Memo::new();
        let mut wrong = Vec::new();
        // Twice: the second time everything is known.
        for round in 0..2 {
            for path in paths {
                let map = call::map(disk, start, path, &[]);
                let alone = answer(&checks::judge(&map, start, disk.model()));
                let shared = answer(&call::judge(disk, &map, start, Some(&memo), Mode::Now));
                if alone != shared {
                    wrong.push(format!(
                        "{} (round {round})\n  alone  {alone}\n  shared {shared}",
                        path.escape_ascii()
                    ));
                }
            }
        }
        wrong
    })
}

/// What Level 1 says by pieces of the files, held against what it says with all of each read; none if it never
/// was content with pieces, or always was.
fn level_1_differences(paths: &[Vec<u8>]) -> Option<Vec<String>> {
    with_this_loader(|disk, start| {
        let by_pieces = paths.iter().filter_map(|path| Some((path, level_1::judge(disk, path, false)?)));
        let by_pieces: Vec<_> = by_pieces.collect();
        let whole = |path: &[u8]| call::level_1(disk, &call::map(disk, start, path, &[]));
        let wrong = by_pieces.iter().map(|(path, judged)| (path, &judged.verdict, whole(path).verdict));
        let wrong = wrong.filter(|(_, pieces, whole)| *pieces != whole);
        let wrong = wrong.map(|(path, _, whole)| format!("{}: {whole:?}", path.escape_ascii())).collect();
        (1..paths.len()).contains(&by_pieces.len()).then_some(wrong)
    })
}

fn bytes_of(paths: &[PathBuf]) -> Vec<Vec<u8>> {
    paths.iter().map(|p| p.as_os_str().as_bytes().to_vec()).collect()
}

#[test]
fn memoised_judging_equals_naive_judging_on_generated_and_damaged_libraries() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(7);
    let built = generate(dir.path(), &mut random);
    let damaged = damage(dir.path(), &built, &mut random);
    let wrong = differences(&bytes_of(&[built, damaged].concat()));
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn memoised_judging_equals_naive_judging_on_this_machines_libraries() {
    let wrong = differences(&installed());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn level_1_by_pieces_of_a_file_is_level_1() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(13);
    let built = generate(dir.path(), &mut random);
    let damaged = damage(dir.path(), &built, &mut random);
    let mut paths = bytes_of(&[built, damaged].concat());
    paths.extend(installed());
    assert_eq!(level_1_differences(&paths), Some(Vec::new()));
}

#[test]
fn the_number_of_jobs_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut paths = bytes_of(&generate(dir.path(), &mut Random(11)));
    paths.extend(installed().into_iter().step_by(4));
    let run = |jobs: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build().unwrap();
        pool.install(|| {
            with_this_loader(|disk, start| {
                format!("{:#?}", audit::run(&Loaders::only(disk, start), &paths, Level::Two, &|_| {}))
            })
        })
    };
    let one = run(1);
    assert!(one.matches("judgement:").count() == paths.len());
    assert!(one == run(4), "one job and four jobs give different results");
}
