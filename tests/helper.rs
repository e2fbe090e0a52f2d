//! The universal helper as a file: what it needs, and under which C libraries it runs.
//! A root directory with another C library is used where one is given in `TSUKU_TEST_ROOTS`; its absence is said.
//! The reader of the file is goblin, which the program itself does not use.
#![expect(clippy::disallowed_methods, reason = "tests make files and start the helper")]
#![expect(clippy::print_stderr, reason = "skipped parts are said")]

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tsuku_verify::loader::helper::{EMBEDDED, HelperRequest, resolve};
use tsuku_verify::loader::sandbox::Sandbox;
use tsuku_verify::loader::{ProbeOptions, probe};

fn skip(what: &str) {
    assert!(std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none(), "{what}");
    eprintln!("skipped: {what}");
}

#[test]
fn it_needs_only_libc_and_libdl_without_versions() {
    let Some(bytes) = EMBEDDED else { return skip("no universal helper was built") };
    assert!(bytes.len() < 16 << 10, "{} bytes", bytes.len());
    let elf = goblin::elf::Elf::parse(bytes).unwrap();
    assert_eq!(elf.libraries, ["libc.so.6", "libdl.so.2"]);
    assert!(elf.verneed.is_none() && elf.versym.is_none() && elf.verdef.is_none());
    assert!(elf.runpaths.is_empty() && elf.rpaths.is_empty());
    let functions = elf.dynsyms.iter().filter(|symbol| symbol.st_shndx == 0 && symbol.st_name != 0).count();
    assert!(functions <= 40, "{functions} functions of the C library");
}

/// A C library under which the helper has to run.
struct Libc {
    loader: PathBuf,
    options: Vec<String>,
    /// 2.31 as 231; none for musl.
    release: Option<u32>,
}

/// This machine's, musl's, and those of the roots.
fn at_hand() -> Vec<Libc> {
    let (name, tuple) = match std::env::consts::ARCH {
        "aarch64" => ("ld-linux-aarch64.so.1", "aarch64-linux-gnu"),
        _ => ("ld-linux-x86-64.so.2", "x86_64-linux-gnu"),
    };
    let mut places = vec![PathBuf::from("/lib").join(tuple), PathBuf::from("/lib64")];
    let mut all = Vec::new();
    let musl = PathBuf::from(format!("/lib/ld-musl-{}.so.1", std::env::consts::ARCH));
    if musl.exists() {
        all.push(Libc { loader: musl, options: Vec::new(), release: None });
    } else {
        skip("musl is not installed");
    }
    // Other releases of glibc cannot be installed beside this machine's: whoever has roots with them names their directory.
    match std::env::var_os("TSUKU_TEST_ROOTS") {
        None => eprintln!("skipped: TSUKU_TEST_ROOTS names no roots with other releases of glibc"),
        Some(roots) => {
            for root in std::fs::read_dir(roots).unwrap().filter_map(Result::ok) {
                places.extend(["lib", "usr/lib"].map(|lib| root.path().join(lib).join(tuple)));
            }
        }
    }
    for place in places.iter().filter(|place| place.join(name).exists() && place.join("libc.so.6").exists()) {
        let loader = place.join(name);
        let options = vec!["--library-path".to_owned(), place.to_str().unwrap().to_owned()];
        // Started as a program, glibc says what it is.
        let said = Command::new(&loader).args(&options).arg(place.join("libc.so.6")).output().unwrap().stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        let release = said.split("release version ").nth(1).and_then(|rest| {
            let mut parts = rest.split(|c: char| !c.is_ascii_digit());
            Some(parts.next()?.parse::<u32>().ok()? * 100 + parts.next()?.parse::<u32>().ok()?)
        });
        all.push(Libc { loader, options, release: Some(release.unwrap_or_else(|| panic!("{said}"))) });
    }
    all
}

#[test]
fn it_runs_under_every_c_library_at_hand() {
    let Some(bytes) = EMBEDDED else { return skip("no universal helper was built") };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tsuku-dltest");
    std::fs::write(&file, bytes).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Libraries that need no C library, so that each C library can load them.
    let make = |name: &str, body: &str| {
        let (source, library) =
            (dir.path().join(format!("{name}.c")), dir.path().join(format!("lib{name}.so")));
        std::fs::write(&source, format!("__attribute__((constructor)) static void c(void) {{ {body} }}\n"))
            .unwrap();
        let mut gcc = Command::new("gcc");
        gcc.args(["-w", "-nostdlib", "-shared", "-fPIC", "-fno-stack-protector", "-o"])
            .arg(&library)
            .arg(&source);
        assert!(gcc.status().unwrap().success());
        library
    };
    let gone = PathBuf::from("/nonexistent/libgone.so");
    let libraries =
        [make("good", ""), gone, make("crash", "*(volatile int *)0 = 1;"), make("hang", "for (;;);")];
    let chosen = HelperRequest { chosen: Some(file.clone()), ..HelperRequest::default() };
    let helper = resolve(&chosen).unwrap();
    let all = at_hand();
    for libc in &all {
        let at = format!("{}, release {:?}", libc.loader.display(), libc.release);
        // As a drop-in.
        let output =
            Command::new(&libc.loader).args(&libc.options).arg(&file).args(&libraries[..3]).output().unwrap();
        let answers: serde_json::Value = serde_json::from_slice(&output.stdout).expect(&at);
        assert_eq!(output.status.code(), Some(1), "{at}");
        let ok: Vec<bool> = answers.as_array().unwrap().iter().map(|entry| entry["ok"] == true).collect();
        assert_eq!(ok, [true, false, false], "{at}: {answers}");
        assert!(
            answers[1]["error"].as_str().unwrap().contains("No such file or directory"),
            "{at}: {answers}"
        );
        assert!(answers[2]["error"].as_str().unwrap().contains("signal 11"), "{at}: {answers}");
        // As a server, under every sandbox.
        for sandbox in [Sandbox::Off, Sandbox::Auto, Sandbox::Strict] {
            let mut options = ProbeOptions::new(&helper, "/".into());
            let arguments = libc.options.iter().map(Into::into).collect();
            options.loader = Some((libc.loader.clone(), arguments));
            (options.sandbox, options.deadline) = (sandbox, std::time::Duration::from_secs(1));
            let paths: Vec<Vec<u8>> =
                libraries.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
            let names: Vec<&str> =
                probe(&paths, &options).iter().map(|(outcome, _)| outcome.name()).collect();
            if sandbox == Sandbox::Strict && names[0] == "not-run" {
                skip("no strict sandbox here");
                continue;
            }
            assert_eq!(names, ["loaded", "refused", "crashed", "timed-out"], "{at}, {sandbox:?}");
        }
        eprintln!("runs under {at}");
    }
    let releases: Vec<u32> = all.iter().filter_map(|libc| libc.release).collect();
    assert!(!releases.is_empty());
    if std::env::var_os("TSUKU_TEST_ROOTS").is_some() {
        // With a libdl of its own, between, and as new as any.
        for (what, is) in
            [("2.31 or older", 0..232), ("2.34 to 2.40", 234..241), ("2.41 or newer", 241..u32::MAX)]
        {
            assert!(releases.iter().any(|release| is.contains(release)), "no glibc of {what}: {releases:?}");
        }
    }
}
