//! Finished binaries, read by our own analyzer: what they need, how they are hardened, what they give away.
//! It must never run what it reads, nor trust the machine it was built on.
//! Limits are those of `release/targets.toml`.

mod elf;
mod macho;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::files;
use crate::marks;
use crate::options::Options;
use crate::problem::Problem;
use crate::targets::{Binary, Platform, Targets};

/// What a binary is, as far as a user's machine cares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// `x86_64` or `aarch64`.
    pub arch: String,
    /// Libraries it lists.
    pub needed: Vec<String>,
    /// PT_INTERP.
    pub interpreter: Option<String>,
    /// Newest version of glibc it needs, as `2.N`.
    pub glibc: Option<String>,
    /// Versions that only weak symbols carry: glibc refuses the start all the same.
    pub weak_only: Vec<String>,
    /// Oldest macOS it declares.
    pub macos: Option<String>,
}

/// One thing that is wrong with a binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The loader would not take it, or it is no executable of its system.
    Malformed(String),
    /// Made for another processor.
    Arch(String),
    /// A library that must not be listed.
    Needed(String),
    /// A library that must be listed and is not.
    NotNeeded(String),
    /// Another loader, or one where there must be none.
    Interpreter(Option<String>),
    /// Needs a newer glibc; whether only weak symbols carry the version.
    Glibc {
        /// The version.
        version: String,
        /// Only weak symbols carry it.
        weak_only: bool,
    },
    /// Needs a newer macOS.
    MacOs(String),
    /// Not position-independent.
    NotPie,
    /// Relocated data stays writable.
    NoRelro,
    /// Functions are bound late, so their addresses stay writable.
    NotNow,
    /// Its stack can be executed.
    ExecutableStack,
    /// A segment is writable and executable.
    WritableCode,
    /// Looks for libraries in a directory of its own.
    Runpath(String),
    /// Holds a path of the machine it was built on.
    BuilderPath(String),
    /// Not signed, or the signature does not cover the file.
    Signature(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Malformed(why) => write!(f, "is no program: {why}"),
            Unfit::Arch(arch) => write!(f, "is for {arch}"),
            Unfit::Needed(library) => write!(f, "needs {library}"),
            Unfit::NotNeeded(library) => write!(f, "does not list {library}"),
            Unfit::Interpreter(Some(path)) => write!(f, "asks for the loader {path}"),
            Unfit::Interpreter(None) => f.write_str("asks for no loader"),
            Unfit::Glibc { version, weak_only: false } => write!(f, "needs glibc {version}"),
            Unfit::Glibc { version, weak_only: true } => {
                write!(f, "needs glibc {version}, for nothing but weak symbols")
            }
            Unfit::MacOs(version) => write!(f, "needs macOS {version}"),
            Unfit::NotPie => f.write_str("is not position-independent"),
            Unfit::NoRelro => f.write_str("has no RELRO"),
            Unfit::NotNow => f.write_str("binds late"),
            Unfit::ExecutableStack => f.write_str("has an executable stack"),
            Unfit::WritableCode => f.write_str("has a segment that is writable and executable"),
            Unfit::Runpath(path) => write!(f, "searches in {path}"),
            Unfit::BuilderPath(path) => write!(f, "holds a path of its builder: {path}"),
            Unfit::Signature(why) => write!(f, "signature: {why}"),
        }
    }
}

/// Reads a binary and compares it with what its platform allows.
///
/// # Errors
/// `Problem::Unfit` with everything that is wrong.
pub fn inspect(
    bytes: &[u8],
    platform: &Platform,
    binary: &Binary,
    builder: &[PathBuf],
) -> Result<Facts, Problem> {
    let unfit = |faults| Problem::Unfit { asset: binary.asset.clone(), faults };
    let (facts, mut faults) = match platform.os() {
        "linux" => elf::read(bytes, binary.interpreter.is_some()),
        _ => macho::read(bytes),
    }
    .map_err(|why| unfit(vec![Unfit::Malformed(why)]))?;
    if facts.arch != platform.arch() {
        faults.push(Unfit::Arch(facts.arch.clone()));
    }
    let foreign = |library: &&String| !binary.needed.contains(library) && !binary.optional.contains(library);
    faults.extend(facts.needed.iter().filter(foreign).map(|library| Unfit::Needed(library.clone())));
    let absent = binary.needed.iter().filter(|library| !facts.needed.contains(library));
    faults.extend(absent.map(|library| Unfit::NotNeeded(library.clone())));
    if facts.interpreter != binary.interpreter {
        faults.push(Unfit::Interpreter(facts.interpreter.clone()));
    }
    if let Some(version) = facts.glibc.as_ref().filter(|found| newer(found, binary.glibc.as_deref())) {
        let weak_only = facts.weak_only.contains(version);
        faults.push(Unfit::Glibc { version: version.clone(), weak_only });
    }
    if let Some(version) = facts.macos.as_ref().filter(|found| newer(found, binary.macos.as_deref())) {
        faults.push(Unfit::MacOs(version.clone()));
    }
    for path in builder {
        use std::os::unix::ffi::OsStrExt;
        let text = path.as_os_str().as_bytes();
        if text.len() > 1 && marks::find(bytes, text).is_some() {
            faults.push(Unfit::BuilderPath(path.display().to_string()));
        }
    }
    if faults.is_empty() { Ok(facts) } else { Err(unfit(faults)) }
}

/// Whether a dotted version is above a limit; without one, or with `none`, every version is.
fn newer(found: &str, limit: Option<&str>) -> bool {
    let numbers =
        |text: &str| text.split('.').map(|part| part.parse::<u32>().unwrap_or(u32::MAX)).collect::<Vec<_>>();
    limit.is_none_or(|limit| limit == "none" || numbers(found) > numbers(limit))
}

/// Directories of this machine that no binary may name: the repository, cargo's home, the user's.
pub fn builder_paths(root: &Path) -> Vec<PathBuf> {
    let home = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cargo = home("CARGO_HOME").or_else(|| home("HOME").map(|home| home.join(".cargo")));
    let all = [Some(root.to_owned()), cargo, home("HOME").filter(|path| path.as_os_str().len() > 5)];
    all.into_iter().flatten().collect()
}

/// The verb: every binary of a platform in a directory.
///
/// # Errors
/// The first binary that is unfit.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let dir = options.path("--dir")?;
    let name = options.text("--platform")?;
    options.finish()?;
    let targets = Targets::read(root)?;
    let platform = match &name {
        Some(name) => targets.platform(name)?,
        None => targets.this_machine()?,
    };
    let builder = builder_paths(root);
    let mut there = 0;
    for (_, binary) in platform.binaries() {
        let path = dir.join(&binary.asset);
        if !path.exists() {
            continue;
        }
        there += 1;
        let facts = inspect(&files::read(&path)?, platform, binary, &builder)?;
        println!("{}: {}", binary.asset, serde_json::to_string(&facts).expect("plain data"));
    }
    if there == 0 {
        return Err(Problem::Missing(platform.binaries().map(|(_, binary)| binary.asset.clone()).collect()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
