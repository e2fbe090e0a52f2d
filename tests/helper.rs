//! The universal helper as a file: what it needs, and under which C libraries it runs.
//! A root directory with another C library is used where one is given in `TSUKU_TEST_ROOTS`; its absence is said.
//! The reader of the file is goblin, which the program itself does not use.
#![expect(clippy::disallowed_methods, reason = "tests make files and start the helper")]
#![expect(clippy::print_stderr, reason = "skipped parts are said")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tsuku_verify::loader::helper::EMBEDDED;

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

#[test]
fn it_runs_under_every_c_library_at_hand() {
    let Some(bytes) = EMBEDDED else { return skip("no universal helper was built") };
    let dir = tempfile::tempdir().unwrap();
    let helper = dir.path().join("tsuku-dltest");
    std::fs::write(&helper, bytes).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ask = |loader: &Path, options: &[&str]| {
        let output = Command::new(loader)
            .args(options)
            .arg(&helper)
            .arg("/nonexistent/libgone.so")
            .arg("--")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{}: {text}", loader.display());
        assert_eq!(text.matches("\"ok\":false").count(), 2, "{}: {text}", loader.display());
        assert!(text.contains("No such file or directory"), "{}: {text}", loader.display());
    };
    let musl = PathBuf::from(format!("/lib/ld-musl-{}.so.1", std::env::consts::ARCH));
    if musl.exists() {
        ask(&musl, &[]);
    } else {
        skip("musl is not installed");
    }
    // Other releases of glibc cannot be installed beside this machine's: whoever has roots with them names their directory.
    let Some(roots) = std::env::var_os("TSUKU_TEST_ROOTS") else {
        return eprintln!("skipped: TSUKU_TEST_ROOTS names no roots with other releases of glibc");
    };
    let (name, tuple) = match std::env::consts::ARCH {
        "aarch64" => ("ld-linux-aarch64.so.1", "aarch64-linux-gnu"),
        _ => ("ld-linux-x86-64.so.2", "x86_64-linux-gnu"),
    };
    let mut asked = 0;
    for root in std::fs::read_dir(roots).unwrap().filter_map(Result::ok) {
        let places = ["lib", "usr/lib"].map(|lib| root.path().join(lib).join(tuple));
        if let Some(place) = places.iter().find(|place| place.join(name).exists()) {
            ask(&place.join(name), &["--library-path", place.to_str().unwrap()]);
            asked += 1;
        }
    }
    assert!(asked > 0, "no root has a loader for this machine");
}
