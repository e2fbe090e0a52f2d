//! Builds the universal helper, writes the pins, and says in code what came of it.
//! It must never stop a build because a linker is missing, except a release's.
//! The helper is one crate of its own: its panic strategy and its libraries are not those of this package.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script reads its environment and starts the compiler"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const SOURCES: &str = "src/loader/universal";

fn main() {
    for name in ["TSUKU_RELEASE_VERSION", "TSUKU_DLTEST_PINS", "TSUKU_DLTEST_EMBED"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={SOURCES}");
    println!("cargo::rustc-check-cfg=cfg(tsuku_embedded)");
    let version = version();
    println!("cargo::rustc-env=TSUKU_DLTEST_VERSION={version}");
    let out = PathBuf::from(variable("OUT_DIR"));
    fs::write(out.join("pins.rs"), pins(&version)).expect("OUT_DIR is writable");
    let helper = out.join("tsuku-dltest");
    match embed(&helper, &out, &version) {
        Ok(()) => println!("cargo::rustc-cfg=tsuku_embedded"),
        Err(why)
            if env::var_os("TSUKU_RELEASE_VERSION").is_some()
                && variable("CARGO_CFG_TARGET_OS") == "linux" =>
        {
            panic!("a release carries its helper: {why}");
        }
        Err(why) => {
            println!("cargo::warning=no helper is embedded, Level 3 will use the portable one: {why}")
        }
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// The version of a release is given; any other build is a development build and says so.
fn version() -> String {
    let package = variable("CARGO_PKG_VERSION");
    let Ok(release) = env::var("TSUKU_RELEASE_VERSION") else { return format!("{package}-dev") };
    let candidate =
        release.strip_prefix(&package).is_some_and(|rest| rest.is_empty() || rest.starts_with("-rc."));
    assert!(candidate, "TSUKU_RELEASE_VERSION is {release}, the package is {package}");
    release
}

/// The table of hashes, from a file of `<sha256>  <asset>` lines. A development build pins nothing and so accepts nothing.
fn pins(version: &str) -> String {
    let mut rows = String::new();
    if let Ok(path) = env::var("TSUKU_DLTEST_PINS") {
        println!("cargo::rerun-if-changed={path}");
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("TSUKU_DLTEST_PINS: {path}: {e}"));
        for (sum, asset) in text.lines().filter_map(|line| line.split_once("  ")) {
            assert!(
                sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()),
                "TSUKU_DLTEST_PINS: {sum:?} is no SHA-256"
            );
            if asset.starts_with("tsuku-dltest-") {
                rows += &format!("    ({asset:?}, {sum:?}),\n");
            }
        }
    }
    format!(
        "/// The version a helper beside us must have.\npub const PINNED_VERSION: &str = {version:?};\n\
         /// Asset and SHA-256.\npub const PINS: &[(&str, &str)] = &[\n{rows}];\n"
    )
}

fn embed(helper: &Path, out: &Path, version: &str) -> Result<(), String> {
    if let Some(given) = env::var_os("TSUKU_DLTEST_EMBED") {
        println!("cargo::rerun-if-changed={}", Path::new(&given).display());
        return fs::copy(&given, helper).map(|_| ()).map_err(|e| format!("TSUKU_DLTEST_EMBED: {e}"));
    }
    let (os, arch) = (variable("CARGO_CFG_TARGET_OS"), variable("CARGO_CFG_TARGET_ARCH"));
    let interpreter = match (os.as_str(), arch.as_str()) {
        ("linux", "x86_64") => "/lib64/ld-linux-x86-64.so.2",
        ("linux", "aarch64") => "/lib/ld-linux-aarch64.so.1",
        _ => return Err(format!("there is no universal helper for {arch}-{os}")),
    };
    let first = build(helper, out, version, interpreter, Linker::Lld);
    first.or_else(|lld| {
        build(helper, out, version, interpreter, Linker::Cc).map_err(|cc| format!("{lld}; {cc}"))
    })
}

#[derive(Clone, Copy)]
enum Linker {
    Lld,
    Cc,
}

impl Linker {
    fn arguments(self, args: &[&str]) -> Vec<String> {
        match self {
            Linker::Lld => {
                let mut all = vec!["-Clinker=rust-lld".to_owned(), "-Clinker-flavor=ld.lld".to_owned()];
                all.extend(args.iter().map(|arg| format!("-Clink-arg={arg}")));
                all
            }
            Linker::Cc => {
                let mut all = vec![
                    "-Clinker-flavor=gcc".to_owned(),
                    "-Clink-arg=-nostdlib".to_owned(),
                    "-Clink-arg=-nostartfiles".to_owned(),
                ];
                let native = variable("HOST") == variable("TARGET");
                all.push(format!(
                    "-Clinker={}",
                    if native {
                        "cc".to_owned()
                    } else {
                        format!("{}-linux-gnu-gcc", variable("CARGO_CFG_TARGET_ARCH"))
                    }
                ));
                all.extend(args.iter().map(|arg| format!("-Clink-arg=-Wl,{}", arg.replace(' ', ","))));
                all
            }
        }
    }
}

/// Two empty libraries with the names of libc and libdl and no versions, then the program against them.
fn build(helper: &Path, out: &Path, version: &str, interpreter: &str, linker: Linker) -> Result<(), String> {
    let stubs = out.join("stubs");
    fs::create_dir_all(&stubs).map_err(|e| e.to_string())?;
    for (name, soname) in [("c", "libc.so.6"), ("dl", "libdl.so.2")] {
        let soname = format!("-soname={soname}");
        let mut rustc = compiler();
        rustc
            .args(["--crate-type=cdylib", "--crate-name", name, "-o"])
            .arg(stubs.join(format!("lib{name}.so")));
        rustc.args(linker.arguments(&[&soname])).arg(format!("{SOURCES}/stubs/{name}.rs"));
        run(rustc)?;
    }
    let mut rustc = compiler();
    rustc.env("TSUKU_DLTEST_VERSION", version).args([
        "--crate-type=bin",
        "--crate-name=tsuku_dltest",
        "-Cstrip=symbols",
        "-o",
    ]);
    rustc.arg(helper).arg("-L").arg(&stubs).arg(format!("{SOURCES}/main.rs"));
    let loader = format!("--dynamic-linker={interpreter}");
    let wanted = [
        "-lc",
        "-ldl",
        "-pie",
        &loader,
        "-znow",
        "-znoseparate-code",
        "--gc-sections",
        "--build-id=none",
        "--hash-style=both",
        "--no-eh-frame-hdr",
    ];
    rustc.args(linker.arguments(&wanted));
    run(rustc)
}

fn compiler() -> Command {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args([
        "--edition=2024",
        "--target",
        &variable("TARGET"),
        "-Copt-level=z",
        "-Cpanic=abort",
        "-Cdebuginfo=0",
    ]);
    rustc.args([
        "-Ccodegen-units=1",
        "-Coverflow-checks=off",
        "-Crelocation-model=pic",
        "-Ctarget-feature=-crt-static",
        "--cap-lints=allow",
    ]);
    rustc.args(["-Clink-self-contained=no", "-Cdefault-linker-libraries=no", "-Cforce-unwind-tables=no"]);
    // The same bytes wherever the sources lie.
    rustc.arg(format!("--remap-path-prefix={}=.", variable("CARGO_MANIFEST_DIR")));
    rustc.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    rustc
}

fn run(mut command: Command) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(text.lines().rev().find(|line| line.starts_with("error")).unwrap_or("the compiler failed").to_owned())
}
