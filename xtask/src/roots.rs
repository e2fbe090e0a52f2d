//! The finished binaries inside other systems: roots that hold one C library and nothing else.
//! It must never write into a root it was given: what is needed of it is copied.
//! Roots are made from Debian's packages with apt's private state, or taken from directories.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files;
use crate::gate::{Samples, drop_in, levels, samples};
use crate::marks;
use crate::options::Options;
use crate::problem::Problem;
use crate::targets::{Platform, Targets};

/// Suites of Debian and the packages that are unpacked: the oldest that is served, the newest, and musl.
const SUITES: [(&str, &str); 3] = [("bullseye", "libc6"), ("trixie", "libc6"), ("trixie", "musl")];
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

fn first_file(candidates: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    candidates.into_iter().find(|path| path.is_file())
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
        first_file(in_multiarch.chain(places.iter().map(|place| root.join(place).join(name))))
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
    if let Some(file) = find(&musl).or_else(|| {
        find("libc.so").filter(|_| root.join("usr/lib").join(format!("{arch}-linux-musl")).is_dir())
    }) {
        found.push(Libc {
            name: "musl".to_owned(),
            musl: true,
            files: vec![(Path::new("lib").join(&musl), file)],
        });
    } else if let Some(file) = first_file([root.join(format!("usr/lib/{arch}-linux-musl/libc.so"))]) {
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
    libc: &Libc,
    dir: &Path,
    platform: &Platform,
    version: &str,
    samples: &Samples,
) -> Result<(), Problem> {
    let root = tempfile::tempdir().map_err(Problem::file(dir))?;
    let inside = |path: &str| Path::new("/").join(path);
    let put = |from: &Path, to: &str| {
        let to = root.path().join(to);
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
    let mut chroot = enter(root.path());
    let text = files::run(chroot.arg("/bin/tsuku-verify").arg("--version"))?;
    if text != format!("tsuku-verify {version}\n") {
        return Err(failed(Problem::Gate { step: "program-version", what: format!("it says {text:?}") }));
    }
    drop_in("helper-loads", enter(root.path()).arg("/bin/tsuku-dltest").args([&here.good, &here.broken]))
        .map_err(failed)?;
    // The same judgement as outside, by a wrapper that goes through chroot.
    let wrapper = root.path().join("enter");
    let text =
        format!("#!/bin/sh\nexec /usr/sbin/chroot '{}' /bin/tsuku-verify \"$@\"\n", root.path().display());
    files::write(&wrapper, text)?;
    files::make_executable(&wrapper)?;
    levels(&wrapper, &here).map_err(failed)?;
    println!("{} alone: {} and {} work", libc.name, platform.program.asset, helper.asset);
    Ok(())
}

fn enter(root: &Path) -> Command {
    let mut command = Command::new("chroot");
    command.arg(root).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// Unpacks the suites' C libraries below `into`, one directory each.
///
/// # Errors
/// apt cannot fetch them.
pub fn make(into: &Path) -> Result<Vec<PathBuf>, Problem> {
    // Any mirror apt uses for Debian itself; the archive is told apart by its origin.
    let format = "$(ORIGIN) $(SITE) $(REPO_URI)";
    let known = files::run(Command::new("apt-get").args([
        "indextargets",
        "--format",
        format,
        "Created-By: Packages",
    ]))?;
    let mirror = known.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (origin, uri) = (words.next()?, words.next_back()?);
        (origin == "Debian" && !uri.contains("security")).then(|| uri.to_owned())
    });
    let mirror = mirror.ok_or_else(|| Problem::Usage("apt knows no archive of Debian".to_owned()))?;
    let mut roots = Vec::new();
    for (suite, package) in SUITES {
        let root = into.join(format!("{suite}-{package}"));
        roots.push(root.clone());
        if root.join("usr").exists() || root.join("lib").exists() {
            continue;
        }
        let state = into.join(format!(".apt-{suite}"));
        for dir in ["lists/partial", "cache/archives/partial"] {
            files::make_dir(&state.join(dir))?;
        }
        let signed = "/usr/share/keyrings/debian-archive-keyring.gpg";
        files::write(
            &state.join("sources.list"),
            format!("deb [signed-by={signed}] {mirror} {suite} main\n"),
        )?;
        files::write(&state.join("status"), "")?;
        let apt = |words: &[&str]| {
            let mut apt = Command::new("apt-get");
            for (name, value) in [
                ("Dir::State", state.clone()),
                ("Dir::State::lists", state.join("lists")),
                ("Dir::State::status", state.join("status")),
                ("Dir::Cache", state.join("cache")),
                ("Dir::Etc::SourceList", state.join("sources.list")),
                ("Dir::Etc::SourceParts", "/dev/null".into()),
                ("APT::Sandbox::User", "root".into()),
                ("Acquire::Languages", "none".into()),
                ("Acquire::Check-Valid-Until", "false".into()),
            ] {
                apt.arg("-o").arg(format!("{name}={}", value.display()));
            }
            apt.arg("-q").args(words).current_dir(&state);
            files::run(&mut apt)
        };
        apt(&["update"])?;
        apt(&["download", package])?;
        let archive = fs::read_dir(&state)
            .map_err(Problem::file(&state))?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .find(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with(&format!("{package}_")))
            })
            .ok_or_else(|| Problem::Usage(format!("apt fetched no {package}")))?;
        files::run(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&root))?;
    }
    Ok(roots)
}

/// Runs the binaries of this machine's platform under every C library in `roots`.
///
/// # Errors
/// There is none, or one does not work.
pub fn sweep(dir: &Path, platform: &Platform, version: &str, roots: &[PathBuf]) -> Result<(), Problem> {
    let scratch = tempfile::tempdir().map_err(Problem::file(dir))?;
    let samples = samples(scratch.path())?;
    for root in roots {
        let found = libcs(root, platform.arch())?;
        if found.is_empty() {
            return Err(Problem::Usage(format!("{} has no C library for this machine", root.display())));
        }
        for libc in &found {
            try_in(libc, dir, platform, version, &samples)?;
        }
    }
    Ok(())
}

/// The verb.
///
/// # Errors
/// See `sweep` and `make`.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let dir = options.path("--dir")?;
    let plan = crate::plan::Plan::read(&options.path("--plan")?)?;
    let mut roots = options.all("--root")?;
    if let Some(into) = options.value("--make")? {
        roots.extend(make(Path::new(&into))?);
    }
    options.finish()?;
    if roots.is_empty() {
        return Err(Problem::Usage("--root DIR, or --make DIR".to_owned()));
    }
    sweep(&dir, Targets::read(root)?.this_machine()?, &plan.version, &roots)
}
