//! What is kept between runs, from outside: profiles of machines judged as the machines themselves, damaged files of ours
//! never believed. What a kept file looks like inside is the business of unit tests.
#![expect(clippy::disallowed_methods, reason = "tests make the files they judge")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn program() -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"));
    c.env_remove("COLUMNS").env_remove("NO_COLOR").env_remove("CI").stdin(Stdio::null());
    c
}

fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    program().args(args).output().unwrap()
}

fn stderr(o: &Output) -> String {
    String::from_utf8_lossy(&o.stderr).into_owned()
}

/// Builds a shared library; `None` where there is no compiler, unless everything is required.
fn library(path: &Path, source: &str, flags: &[&str]) -> Option<()> {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let c = path.with_extension("c");
    fs::write(&c, source).unwrap();
    let name = path.file_name().unwrap().to_string_lossy();
    let soname = format!("-Wl,-soname,{name}");
    let built = Command::new("gcc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(path)
        .arg(&c)
        .arg(soname)
        .args(flags)
        .status();
    fs::remove_file(&c).unwrap();
    match built {
        Ok(status) => assert!(status.success(), "gcc failed"),
        Err(_) if std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none() => return None,
        Err(e) => panic!("gcc: {e}"),
    }
    Some(())
}

/// This machine's loader, as `loader` shows it.
fn loader() -> Value {
    let o = run(["loader", "--format", "json"]);
    let document: Value = serde_json::from_slice(&o.stdout).unwrap();
    document["loader"].clone()
}

/// A root with this machine's loader and libc, a few system libraries, and beside it a directory with libraries to judge.
fn root() -> Option<(TempDir, PathBuf, PathBuf)> {
    let dir = tempfile::tempdir().unwrap();
    let base = fs::canonicalize(dir.path()).unwrap();
    let (root, own) = (base.join("root"), base.join("own"));
    let model = loader();
    let interpreter = model["interpreter"].as_str().unwrap().to_owned();
    let system = model["system_dirs"][0].as_str().unwrap().trim_matches('/').to_owned();
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    for place in [interpreter.as_str(), &format!("{system}/libc.so.6")] {
        fs::create_dir_all(below(place).parent().unwrap()).unwrap();
        fs::copy(Path::new("/").join(place.trim_start_matches('/')), below(place)).unwrap();
    }
    let lib = |name: &str| below(&format!("{system}/{name}"));
    let version = base.join("v.map");
    fs::write(&version, "V_1 { global: old; }; V_2 { global: new; };").unwrap();
    let script = format!("-Wl,--version-script={}", version.display());
    library(&lib("libsys.so.1"), "int old(void){return 1;} int new(void){return 2;}", &[&script])?;
    let ifunc = "static int one(void){return 1;} static int (*pick(void))(void){return one;}\n\
                 int chosen(void) __attribute__((ifunc(\"pick\")));";
    library(&lib("libifunc.so.1"), ifunc, &[])?;
    let tls = "__thread char block[300] = {1}; char *tls(void){return block;}";
    library(&lib("libtls.so.1"), tls, &["-ftls-model=initial-exec"])?;
    library(&lib("libgap.so.1"), "int nowhere(void); int gap(void){return nowhere();}", &[])?;
    let private = format!("{}/private", lib("x").parent().unwrap().display());
    library(&Path::new(&private).join("libpriv.so.1"), "int priv(void){return 1;}", &[])?;
    let runpath = format!("-Wl,-rpath,/{system}/private");
    let needs_private = [&*format!("-L{private}"), "-l:libpriv.so.1", &*runpath];
    library(&lib("libuser.so.1"), "int priv(void); int user(void){return priv();}", &needs_private)?;
    std::os::unix::fs::symlink("libsys.so.1", lib("liblink.so.1")).unwrap();
    fs::write(lib("libtext.so.1"), "INPUT(libsys.so.1)").unwrap();

    let from = format!("-L{}", below(&system).display());
    for (name, source, needs) in [
        ("libgood.so", "int new(void); int f(void){return new();}", "libsys.so.1"),
        ("libver.so", "int f(void){return 1;}", "libsys.so.1"),
        ("libifuncs.so", "int chosen(void); int (*p)(void) = chosen;", "libifunc.so.1"),
        ("libtlsuser.so", "char *tls(void); char *f(void){return tls();}", "libtls.so.1"),
        ("libgapuser.so", "int gap(void); int f(void){return gap();}", "libgap.so.1"),
        ("libprivuser.so", "int user(void); int f(void){return user();}", "libuser.so.1"),
        ("libmissing.so", "int absent(void); int f(void){return absent();}", "libsys.so.1"),
    ] {
        let needs = format!("-l:{needs}");
        library(&own.join(name), source, &["-Wl,--no-as-needed,--allow-shlib-undefined", &from, &needs])?;
    }
    for (name, needed) in
        [("libbytext.so", "libtext.so.1"), ("libbylink.so", "liblink.so.1"), ("libnone.so", "libx.so.9")]
    {
        let other = own.join(needed);
        library(&other, "int x(void){return 1;}", &[])?;
        let other = other.display().to_string();
        library(&own.join(name), "int f(void){return 1;}", &["-Wl,--no-as-needed", &other])?;
        fs::remove_file(other).unwrap();
    }
    Some((dir, root, own))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Puts musl's loader into the root, and beside the others a library made for it; false where there is none.
fn of_the_other_libc(root: &Path, own: &Path) -> bool {
    let name = format!("ld-musl-{}.so.1", std::env::consts::ARCH);
    let musl = Path::new("/lib").join(&name);
    let required = std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_some();
    assert!(musl.exists() || !required, "no musl");
    if !musl.exists() {
        return false;
    }
    fs::create_dir_all(root.join("lib")).unwrap();
    fs::copy(musl, root.join("lib").join(name)).unwrap();
    let c = own.join("m.c");
    fs::write(&c, "int puts(const char *); int f(void){return puts(\"m\");}").unwrap();
    let built = Command::new("musl-gcc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(own.join("libmusl.so"))
        .arg(&c)
        .status();
    fs::remove_file(&c).unwrap();
    let built = built.is_ok_and(|status| status.success());
    assert!(built || !required, "no musl-gcc");
    built
}

#[test]
fn a_profile_is_judged_as_the_root_it_was_saved_from() {
    let Some((dir, root, own)) = root() else { return };
    let other = of_the_other_libc(&root, &own);
    let (root, own) = (text(&root), text(&own));
    let profile = text(&dir.path().join("m.prof"));
    let saved = run(["loader", "--save", &profile, "--root", &root]);
    assert_eq!(saved.status.code(), Some(0), "{}", stderr(&saved));
    for more in [vec![], vec!["--lazy"], vec!["--loader", "glibc-2.35"], vec!["--cpu", "baseline"]] {
        let audit = |place: &[&str]| {
            let common = ["audit", &own, "--bind", &own, "--format", "json", "--strict"];
            let o = run(common.iter().chain(place).chain(&more));
            (o.status.code(), String::from_utf8_lossy(&o.stdout).into_owned(), stderr(&o))
        };
        let (there, here) = (audit(&["--root", &root]), audit(&["--profile", &profile]));
        assert_eq!(there, here, "{more:?}");
        assert_eq!(there.0, Some(7), "{}", there.2);
        let judged = there.1.matches("\"loader\":\"musl-").count();
        assert_eq!(judged, usize::from(other && !more.contains(&"glibc-2.35")), "{}", there.1);
        // Loads, and fails for what is missing here and for what is missing there.
        assert!(there.1.matches("\"loads\",\"class\"").count() >= 3, "{}", there.1);
        for missed in ["nowhere", "absent", "libx.so.9"] {
            // Functions are only missed when they are called.
            assert!(there.1.contains(missed) || more == ["--lazy"], "{missed}: {}", there.1);
        }
    }
    // Without --bind the operand is seen, and no system directory of this machine.
    let good = format!("{own}/libgood.so");
    assert_eq!(run(["verify", &good, "--profile", &profile]).status.code(), Some(0));
    assert_eq!(
        run(["verify", "/etc/hostname", "/usr/bin/env", "--profile", &profile]).status.code(),
        Some(7)
    );
}

#[test]
fn several_profiles_make_a_table() {
    let Some((dir, root, own)) = root() else { return };
    let (full, bare) = (text(&dir.path().join("full.prof")), text(&dir.path().join("bare.prof")));
    assert!(run(["loader", "--save", &full, "--root", &text(&root)]).status.success());
    let lib = |name: &str| {
        let model = loader();
        let system = model["system_dirs"][0].as_str().unwrap().trim_matches('/').to_owned();
        root.join(system).join(name)
    };
    fs::remove_file(lib("libtls.so.1")).unwrap();
    assert!(run(["loader", "--save", &bare, "--root", &text(&root)]).status.success());
    let (good, tls) = (text(&own.join("libgood.so")), text(&own.join("libtlsuser.so")));
    let words = ["verify", &good, &tls, "--profile", &full, "--profile", &bare];
    let o = run(words);
    assert_eq!(o.status.code(), Some(7), "{}", stderr(&o));
    let shown = String::from_utf8_lossy(&o.stdout).into_owned();
    let row = |end: &str| -> Vec<String> {
        let line = shown.lines().find(|l| l.contains(end)).unwrap_or_else(|| panic!("{shown}"));
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(row("LIBRARY")[..2], ["full", "bare"]);
    assert_eq!(row("libgood.so")[..2], ["loads", "loads"]);
    assert_eq!(row("libtlsuser.so")[..2], ["loads", "fails"]);
    let o = run(words.iter().chain(&["--format", "json"]));
    let document: Value = serde_json::from_slice(&o.stdout).unwrap();
    let fails = |at: usize| document["machines"][at]["report"]["totals"]["fails"].as_u64();
    assert_eq!((fails(0), fails(1)), (Some(0), Some(1)));
    assert_eq!(document["machines"][1]["profile"], "bare");
    assert_eq!(run(words.iter().chain(&["--format", "sarif"])).status.code(), Some(2));
}

#[test]
fn a_host_profile_brings_the_symbols_of_its_program() {
    let Some((dir, root, own)) = root() else { return };
    let app = root.join("usr/bin/app");
    fs::create_dir_all(app.parent().unwrap()).unwrap();
    let source = dir.path().join("app.c");
    fs::write(&source, "int absent(void){return 1;} int main(void){return 0;}").unwrap();
    let built = Command::new("gcc").args(["-rdynamic", "-o"]).arg(&app).arg(&source).status();
    assert!(built.unwrap().success());
    let profile = text(&dir.path().join("app.prof"));
    let saved = run(["loader", "--save", &profile, "--root", &text(&root), "--host", "/usr/bin/app"]);
    assert_eq!(saved.status.code(), Some(0), "{}", stderr(&saved));
    let plugin = text(&own.join("libmissing.so"));
    assert_eq!(run(["verify", &plugin, "--profile", &profile, "--strict"]).status.code(), Some(7));
    assert_eq!(run(["verify", &plugin, "--host-profile", &profile]).status.code(), Some(0));
    // By name from where profiles are kept.
    let kept = dir.path().join("data/tsuku-verify/profiles");
    fs::create_dir_all(&kept).unwrap();
    fs::copy(&profile, kept.join("app1")).unwrap();
    let by_name = program()
        .args(["verify", &plugin, "--host-profile", "app1"])
        .env("XDG_DATA_HOME", dir.path().join("data"))
        .status();
    assert_eq!(by_name.unwrap().code(), Some(0));
    let plain = text(&dir.path().join("plain.prof"));
    assert!(run(["loader", "--save", &plain, "--root", &text(&root)]).status.success());
    let refused = run(["verify", &plugin, "--host-profile", &plain]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("--host PROGRAM"));
    // The program on a machine that has not got it.
    assert_eq!(run(["verify", &plugin, "--profile", &plain, "--strict"]).status.code(), Some(7));
    let both = run(["verify", &plugin, "--profile", &plain, "--host-profile", &profile, "--strict"]);
    assert_eq!(both.status.code(), Some(0), "{}", stderr(&both));
    let refused = run(["verify", &plugin, "--profile", &profile, "--host-profile", &plain]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("plain.prof"), "{}", stderr(&refused));
}

#[test]
fn damaged_and_foreign_profiles_are_refused_in_words() {
    let Some((dir, root, own)) = root() else { return };
    let profile = dir.path().join("m.prof");
    assert!(run(["loader", "--save", &text(&profile), "--root", &text(&root)]).status.success());
    let whole = fs::read(&profile).unwrap();
    let good = text(&own.join("libgood.so"));
    let judge = |bytes: &[u8]| {
        fs::write(&profile, bytes).unwrap();
        let o = run(["verify", &good, "--profile", &text(&profile)]);
        (o.status.code(), stderr(&o))
    };
    assert_eq!(judge(&whole).0, Some(0));
    let mut at = 0;
    while at < whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 0x10;
        let (status, said) = judge(&bad);
        assert!(status == Some(1) && said.contains("cannot use the profile"), "byte {at}: {status:?} {said}");
        at = if at < 64 { at + 7 } else { at + whole.len() / 40 };
    }
    for cut in [0, 1, 31, 32, 200, whole.len() / 2, whole.len() - 1] {
        assert_eq!(judge(&whole[..cut]).0, Some(1), "{cut}");
    }
    let elf = judge(b"\x7fELF");
    assert!(elf.1.contains("cut off") || elf.1.contains("no file of this kind"), "{}", elf.1);
    let mut newer = whole.clone();
    newer[8] = 9;
    assert!(judge(&newer).1.contains("format 9"));
    assert_eq!(run(["verify", &good, "--profile", "/nonexistent"]).status.code(), Some(1));
    assert_eq!(run(["verify", &good, "--profile", &text(dir.path())]).status.code(), Some(1));
    assert_eq!(run(["verify", &good, "--bind", "/tmp"]).status.code(), Some(2));
}

#[test]
fn parts_merge_into_the_report_of_one_run() {
    let Some((dir, root, own)) = root() else { return };
    let (root, own) = (text(&root), text(&own));
    for n in 0..6 {
        fs::copy(Path::new(&own).join("libmissing.so"), Path::new(&own).join(format!("libcopy{n}.so")))
            .unwrap();
        fs::copy(Path::new(&own).join("libgapuser.so"), Path::new(&own).join(format!("libgap{n}.so")))
            .unwrap();
    }
    let common = ["audit", &own, "--root", &root, "--bind", &own, "--no-cache", "--format"];
    for format in ["json", "ndjson"] {
        let whole = run(common.iter().chain(&[format]));
        for parts in [1, 2, 5, 40] {
            let mut names = Vec::new();
            for part in 1..=parts {
                let name = text(&dir.path().join(format!("{part}.report")));
                let shard = format!("{part}/{parts}");
                let status = run(common.iter().chain(&[format, "--shard", &shard, "--output", &name])).status;
                assert!(matches!(status.code(), Some(0 | 7)), "{shard}");
                names.push(name);
            }
            names.reverse();
            let merged = run(["merge"].into_iter().chain(names.iter().map(String::as_str)));
            assert_eq!(merged.status.code(), whole.status.code(), "{}", stderr(&merged));
            let (a, b) = (String::from_utf8_lossy(&merged.stdout), String::from_utf8_lossy(&whole.stdout));
            assert_eq!(a, b, "{format} in {parts}");
        }
    }
    // Reports that do not belong together, and files that are none.
    let other = text(&dir.path().join("other.report"));
    run(common.iter().chain(&["json", "--lazy", "--env", "LD_BIND_NOW=1", "--output", &other]));
    let one = text(&dir.path().join("one.report"));
    run(common.iter().chain(&["json", "--output", &one]));
    assert_eq!(run(["merge", &one, &other]).status.code(), Some(1));
    assert_eq!(run(["merge", &one, &text(&dir.path().join("1.report"))]).status.code(), Some(2));
    fs::write(&other, "not a report").unwrap();
    assert_eq!(run(["merge", &other]).status.code(), Some(1));
    fs::write(&other, "{\"schema_version\":1,\"libraries\":[[[[").unwrap();
    assert_eq!(run(["merge", &other]).status.code(), Some(1));
    assert_eq!(run(["merge", "/nonexistent"]).status.code(), Some(1));
    for bad in ["0/2", "3/2", "1", "1/0", "a/b", "-1/2"] {
        assert_eq!(run(["audit", &own, "--shard", bad]).status.code(), Some(2), "{bad}");
    }
}

#[test]
fn parts_of_a_level_3_run_merge_too() {
    let dir = tempfile::tempdir().unwrap();
    let base = fs::canonicalize(dir.path()).unwrap();
    let (own, part) = (base.join("own"), |n: u32| text(&base.join(format!("{n}.report"))));
    let constructor = |body: &str| {
        format!("#include <stdlib.h>\n__attribute__((constructor)) static void c(void) {{ {body} }}")
    };
    let bodies =
        [("a", "srand(1);"), ("b", "*(volatile int *)0 = 1;"), ("c", "srand(2);"), ("d", "exit(3);")];
    for (name, body) in bodies {
        if library(&own.join(format!("lib{name}.so")), &constructor(body), &[]).is_none() {
            return;
        }
    }
    let own = text(&own);
    for format in ["json", "ndjson"] {
        let common = ["audit", &own, "--no-cache", "--level", "3", "--format", format];
        let whole = run(common);
        assert_eq!(whole.status.code(), Some(7), "{}", stderr(&whole));
        for n in 1..=2 {
            run(common.iter().chain(&["--shard", &format!("{n}/2"), "--output", &part(n)]));
        }
        let merged = run(["merge", &part(2), &part(1)]);
        assert_eq!(merged.status.code(), Some(7), "{}", stderr(&merged));
        let (a, b) = (String::from_utf8_lossy(&merged.stdout), String::from_utf8_lossy(&whole.stdout));
        assert_eq!(a, b, "{format}");
    }
    // Loaded in another way, or not loaded.
    let common = ["audit", &own, "--no-cache", "--format", "json", "--output"];
    run(common.iter().chain(&[&*part(1), "--level", "3"]));
    for other in [&["--level", "3", "--timeout", "7"][..], &["--level", "2"]] {
        run(common.iter().chain(&[&*part(2)]).chain(other));
        assert_eq!(run(["merge", &part(1), &part(2)]).status.code(), Some(1), "{other:?}");
    }
}
