//! Builds the universal helper, writes the version and the pins, and says in code what came of it.
//! It must never stop a build because a linker is missing, except a release's.
//! The helper is one crate of its own: its panic strategy and its libraries are not those of this package.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script reads its environment and starts the compiler"
)]

use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

#[path = "build/checksums.rs"]
mod checksums;
#[path = "build/environment.rs"]
mod environment;
#[path = "build/universal.rs"]
mod universal;
#[path = "build/version.rs"]
mod version;

fn main() {
    for name in ["TSUKU_RELEASE_VERSION", "TSUKU_DLTEST_PINS", "TSUKU_DLTEST_EMBED"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    for path in ["build.rs", "build", "src/loader/universal"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rustc-check-cfg=cfg(tsuku_embedded)");
    let release = env::var("TSUKU_RELEASE_VERSION").ok();
    let version = version(release.as_deref());
    println!("cargo::rustc-env=TSUKU_VERSION={version}");
    let out = PathBuf::from(variable("OUT_DIR"));
    let pins = read_pins(release.is_some());
    fs::write(out.join("pins.rs"), table(&version, release.is_some(), &pins)).expect("OUT_DIR is writable");
    let helper = out.join("tsuku-dltest");
    match embed(&helper, &out, &version) {
        Ok(()) => {
            if release.is_some() {
                must_be_pinned(&helper, &pins);
            }
            println!("cargo::rustc-cfg=tsuku_embedded");
        }
        Err(why) if release.is_some() && variable("CARGO_CFG_TARGET_OS") == "linux" => {
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
fn version(release: Option<&str>) -> String {
    let package = variable("CARGO_PKG_VERSION");
    let Some(release) = release else { return format!("{package}-dev") };
    assert!(
        version::is_release_of(release, &package),
        "TSUKU_RELEASE_VERSION is {release}, the package is {package}"
    );
    release.to_owned()
}

/// The hashes of all helpers, by asset, from a file of `<sha256>  <asset>` lines.
fn read_pins(release: bool) -> Vec<(String, String)> {
    let Ok(path) = env::var("TSUKU_DLTEST_PINS") else { return Vec::new() };
    // A build that is no release has no helper of its own version to pin: it must not look like one that has.
    assert!(release, "TSUKU_DLTEST_PINS is for releases: TSUKU_RELEASE_VERSION is not set");
    println!("cargo::rerun-if-changed={path}");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("TSUKU_DLTEST_PINS: {path}: {e}"));
    let mut rows =
        checksums::parse(&text).unwrap_or_else(|fault| panic!("TSUKU_DLTEST_PINS: {path}: {fault}"));
    rows.retain(|(asset, _)| asset.starts_with("tsuku-dltest-"));
    rows
}

/// Version and hashes as one text. A development build pins nothing and so accepts nothing. The text is also the mark by
/// which a release tool reads them off the finished program.
fn table(version: &str, release: bool, pins: &[(String, String)]) -> String {
    let rows: String = pins.iter().map(|(asset, sum)| format!("tsuku-pin:{asset}={sum};")).collect();
    let text = format!("tsuku-version:{version};{rows}");
    let complete = !release || pin_of_this_platform(pins).is_some();
    format!(
        "/// `tsuku-version:` and `tsuku-pin:` entries, each ended by `;`.\npub const TABLE: &str = {text:?};\n\
         /// Whether this build may be a program: a release needs the hash of its own platform's helper.\n\
         pub const COMPLETE: bool = {complete};\n"
    )
}

fn pin_of_this_platform(pins: &[(String, String)]) -> Option<&str> {
    let own = own_asset();
    pins.iter().find(|(asset, _)| *asset == own).map(|(_, sum)| sum.as_str())
}

/// The helper inside a release is the one whose hash it has. That there is a hash is checked where the program is compiled.
fn must_be_pinned(helper: &Path, pins: &[(String, String)]) {
    let Some(pin) = pin_of_this_platform(pins) else { return };
    let bytes = fs::read(helper).expect("it was written just now");
    let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(sum == pin, "the helper to be embedded has the SHA-256 {sum}, TSUKU_DLTEST_PINS says {pin}");
}

/// Name of the helper's asset for the platform built for.
fn own_asset() -> String {
    let os = match variable("CARGO_CFG_TARGET_OS").as_str() {
        "macos" => "darwin".to_owned(),
        other => other.to_owned(),
    };
    let arch = match variable("CARGO_CFG_TARGET_ARCH").as_str() {
        "x86_64" => "amd64".to_owned(),
        "aarch64" => "arm64".to_owned(),
        other => other.to_owned(),
    };
    format!("tsuku-dltest-{os}-{arch}")
}

fn embed(helper: &Path, out: &Path, version: &str) -> Result<(), String> {
    if let Some(given) = env::var_os("TSUKU_DLTEST_EMBED") {
        println!("cargo::rerun-if-changed={}", Path::new(&given).display());
        return fs::copy(&given, helper).map(|_| ()).map_err(|e| format!("TSUKU_DLTEST_EMBED: {e}"));
    }
    let (os, arch) = (variable("CARGO_CFG_TARGET_OS"), variable("CARGO_CFG_TARGET_ARCH"));
    let interpreter = universal::interpreter(&arch)
        .filter(|_| os == "linux")
        .ok_or_else(|| format!("there is no universal helper for {arch}-{os}"))?;
    let recipe = universal::Universal {
        rustc: env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()),
        target: variable("TARGET"),
        native: variable("HOST") == variable("TARGET"),
        root: variable("CARGO_MANIFEST_DIR").into(),
        version: version.to_owned(),
        interpreter: interpreter.to_owned(),
        scratch: out.to_owned(),
    };
    recipe.build(helper)
}
