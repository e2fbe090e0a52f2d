//! The finished binaries inside other systems: roots that hold one C library and nothing else.
//! It must never write into a root it was given: what is needed of it is copied.
//! Roots are made from packages (`make.rs`), or taken from directories.

mod enter;
mod make;

use std::path::{Path, PathBuf};

pub use make::{choose, make, must_hold};

use crate::files;
use crate::gate::{Samples, bare, drop_in, levels, samples};
use crate::marks;
use crate::options::Options;
use crate::problem::Problem;
use crate::targets::{Platform, Targets};

/// Parts of glibc a program may ask for.
const GLIBC: [&str; 5] = ["libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1"];

/// A C library in some directory.
#[derive(Debug)]
struct Libc {
    name: String,
    musl: bool,
    /// Path inside the root, and the file it is copied from.
    files: Vec<(PathBuf, PathBuf)>,
}

/// The first that is a file of the root: a link in it may lead to a file of this machine.
fn first_file(root: &Path, candidates: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    let inside = |path: &PathBuf| path.canonicalize().is_ok_and(|path| path.starts_with(&root));
    candidates.into_iter().find(|path| path.is_file() && inside(path))
}

/// The C libraries of a root: glibc, musl, or both.
fn libcs(root: &Path, arch: &str) -> Result<Vec<Libc>, Problem> {
    let multiarch = format!("{arch}-linux-gnu");
    let (loader, loader_dir) = match arch {
        "aarch64" => ("ld-linux-aarch64.so.1", "lib"),
        _ => ("ld-linux-x86-64.so.2", "lib64"),
    };
    let places = ["lib", "usr/lib", "lib64", "usr/lib64"];
    let find = |name: &str| {
        let in_multiarch = places[..2].iter().map(|place| root.join(place).join(&multiarch).join(name));
        first_file(root, in_multiarch.chain(places.iter().map(|place| root.join(place).join(name))))
    };
    let mut found = Vec::new();
    if let (Some(ld), Some(libc)) = (find(loader), find("libc.so.6")) {
        let release = glibc_release(&files::read(&libc)?);
        let mut all = vec![(Path::new(loader_dir).join(loader), ld)];
        let parts =
            GLIBC.iter().filter_map(|name| Some((Path::new("lib").join(&multiarch).join(name), find(name)?)));
        all.extend(parts);
        found.push(Libc { name: format!("glibc {release}"), musl: false, files: all });
    }
    let musl = format!("ld-musl-{arch}.so.1");
    // Debian's loader is a link to this; unpacked elsewhere the link points nowhere.
    let target = root.join(format!("usr/lib/{arch}-linux-musl/libc.so"));
    if let Some(file) = find(&musl).or_else(|| first_file(root, [target])) {
        found.push(Libc {
            name: "musl".to_owned(),
            musl: true,
            files: vec![(Path::new("lib").join(&musl), file)],
        });
    }
    Ok(found)
}

/// `2.31` from the banner inside libc.
fn glibc_release(libc: &[u8]) -> String {
    let banner = b"stable release version ";
    let Some(at) = marks::find(libc, banner) else { return "?".to_owned() };
    let rest = &libc[at + banner.len()..];
    let end = rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(rest.len());
    String::from_utf8_lossy(&rest[..end]).trim_end_matches('.').to_owned()
}

/// Runs program and helpers in a root made of one C library.
fn try_in(
    way: &str,
    libc: &Libc,
    dir: &Path,
    platform: &Platform,
    version: &str,
    samples: &Samples,
) -> Result<(), Problem> {
    let scratch = tempfile::tempdir().map_err(Problem::file(dir))?;
    let root = &scratch.path().join("root");
    let inside = |path: &str| Path::new("/").join(path);
    let put = |from: &Path, to: &str| {
        let to = root.join(to);
        files::copy(from, &to)?;
        files::make_executable(&to)
    };
    for (to, from) in &libc.files {
        put(from, &to.to_string_lossy())?;
    }
    put(&dir.join(&platform.program.asset), "bin/tsuku-verify")?;
    let helper = platform
        .helpers
        .iter()
        .find(|h| h.asset.ends_with("-musl") == libc.musl)
        .unwrap_or(&platform.helpers[0]);
    put(&dir.join(&helper.asset), "bin/tsuku-dltest")?;
    put(&samples.good, "lib/libgood.so")?;
    put(&samples.broken, "lib/libbroken.so")?;
    let here = Samples { good: inside("lib/libgood.so"), broken: inside("lib/libbroken.so") };
    let failed = |problem: Problem| match problem {
        Problem::Gate { step, what } => {
            Problem::Gate { step, what: format!("under {} alone: {what}", libc.name) }
        }
        other => other,
    };
    files::make_dir(&root.join("proc"))?;
    let enter = |name: &str| enter::program(way, root, name);
    let (program, helper_inside) = (enter("tsuku-verify")?, enter("tsuku-dltest")?);
    let text = files::run(bare(&program).arg("--version"))?;
    if text != format!("tsuku-verify {version}\n") {
        return Err(failed(Problem::Gate { step: "program-version", what: format!("it says {text:?}") }));
    }
    drop_in("helper-loads", bare(&helper_inside).args([&here.good, &here.broken])).map_err(failed)?;
    levels(&program, &here).map_err(failed)?;
    println!("roots: {} alone: {} and {} work", libc.name, platform.program.asset, helper.asset);
    Ok(())
}

/// Runs the binaries of this machine's platform under every C library in `roots`.
///
/// # Errors
/// A root has no C library, it cannot be entered, or a binary does not work there.
pub fn sweep(dir: &Path, platform: &Platform, version: &str, roots: &[PathBuf]) -> Result<(), Problem> {
    let scratch = tempfile::tempdir().map_err(Problem::file(dir))?;
    let samples = samples(scratch.path())?;
    let way = enter::way()?;
    for root in roots {
        let found = libcs(root, platform.arch())?;
        if found.is_empty() {
            return Err(Problem::Usage(format!("{} has no C library for this machine", root.display())));
        }
        for libc in &found {
            try_in(way, libc, dir, platform, version, &samples)?;
        }
    }
    Ok(())
}

/// The verb. Without `--dir` it only makes roots; `--can-enter` only asks whether this user gets into one.
///
/// # Errors
/// See `sweep` and `make`.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let dir = options.value("--dir")?.map(PathBuf::from);
    let plan = options.value("--plan")?.map(PathBuf::from);
    let mut roots = options.all("--root")?;
    let make_in = options.value("--make")?.map(PathBuf::from);
    let can_enter = options.flag("--can-enter");
    options.finish()?;
    if can_enter {
        return enter::way().map(|_| ());
    }
    let targets = Targets::read(root)?;
    if let Some(into) = &make_in {
        roots.extend(make(into, &targets)?);
    }
    match (dir, plan) {
        _ if roots.is_empty() => Err(Problem::Usage("--root DIR, or --make DIR".to_owned())),
        (None, None) if make_in.is_some() => Ok(()),
        (Some(dir), Some(plan)) => {
            let plan = crate::plan::Plan::read(&plan)?;
            sweep(&dir, targets.this_machine()?, &plan.version, &roots)
        }
        _ => Err(Problem::Usage("--dir and --plan belong together".to_owned())),
    }
}
