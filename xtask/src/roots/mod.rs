//! The finished binaries inside other systems: roots that hold one C library and nothing else.
//! It must never write into a root it was given: what is needed of it is copied.
//! Roots are made from Debian's packages with apt's private state, or taken from directories.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files;
use crate::gate::{Samples, bare, drop_in, levels, samples};
use crate::marks;
use crate::options::Options;
use crate::problem::Problem;
use crate::targets::{Platform, Targets};

/// An archive of packages: its origin, its key, and what is unpacked (suite, component, package): an old glibc (2.31), one
/// between, a new one (2.41 or later), musl.
type Archive = (&'static str, &'static str, [(&'static str, &'static str, &'static str); 4]);
const ARCHIVES: [Archive; 2] = [
    (
        "Debian",
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        [
            ("bullseye", "main", "libc6"),
            ("bookworm", "main", "libc6"),
            ("trixie", "main", "libc6"),
            ("trixie", "main", "musl"),
        ],
    ),
    (
        "Ubuntu",
        "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
        [
            ("focal", "main", "libc6"),
            ("jammy", "main", "libc6"),
            ("questing", "main", "libc6"),
            ("noble", "universe", "musl"),
        ],
    ),
];
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
    // Debian's loader is a link to this; unpacked elsewhere the link points nowhere.
    let target = root.join(format!("usr/lib/{arch}-linux-musl/libc.so"));
    if let Some(file) = find(&musl).or_else(|| first_file([target])) {
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
    // Programs outside that are the ones inside. The root has no device and no /proc; but where the helper's own loader is
    // missing and musl's is started by name, the sealed helper is handed to it through /proc, which containers have.
    let enter = |name: &str| {
        let path = scratch.path().join(name);
        let inside = format!("'{}' /bin/{name} \"$@\"", root.display());
        let proc = format!(
            "unshare --mount --propagation private sh -c 'mount --bind /proc \"$0/proc\" && exec chroot \"$0\" \"$@\"' {inside}"
        );
        let text = if libc.musl { proc } else { format!("chroot {inside}") };
        files::write(&path, format!("#!/bin/sh\nexec {text}\n"))?;
        files::make_executable(&path)?;
        Ok(path)
    };
    files::make_dir(&root.join("proc"))?;
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

/// Unpacks the C libraries of an archive that apt knows below `into`, one directory each. What is there already stays.
///
/// # Errors
/// apt cannot fetch them.
pub fn make(into: &Path) -> Result<Vec<PathBuf>, Problem> {
    files::make_dir(into)?;
    let into = &into.canonicalize().map_err(Problem::file(into))?;
    // Whichever mirror this machine uses; archives are told apart by their origin, not by an address.
    let format = "$(ORIGIN) $(REPO_URI)";
    let known = files::run(Command::new("apt-get").args([
        "indextargets",
        "--format",
        format,
        "Created-By: Packages",
    ]))?;
    let mirror = known.lines().find_map(|line| {
        let (origin, uri) = line.split_once(' ').filter(|(_, uri)| !uri.contains("security"))?;
        ARCHIVES.iter().find(|(name, ..)| *name == origin).map(|archive| (archive, uri))
    });
    let ((_, key, packages), uri) = mirror.ok_or_else(|| {
        Problem::Usage("apt knows no archive of Debian or Ubuntu (apt-get update?)".to_owned())
    })?;
    let mut roots = Vec::new();
    for (suite, component, package) in packages {
        let root = into.join(format!("{suite}-{package}"));
        if !root.exists() {
            let state = tempfile::tempdir_in(into).map_err(Problem::file(into))?;
            let source = format!("deb [signed-by={key}] {uri} {suite} {component}\n");
            let archive = download(state.path(), &source, package)?;
            let unpacked = state.path().join("root");
            files::run(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&unpacked))?;
            fs::rename(&unpacked, &root).map_err(Problem::file(&root))?;
        }
        roots.push(root);
    }
    Ok(roots)
}

/// Fetches one package with a state of apt's that is not this machine's.
fn download(state: &Path, source: &str, package: &str) -> Result<PathBuf, Problem> {
    for dir in ["lists/partial", "cache/archives/partial", "fetched"] {
        files::make_dir(&state.join(dir))?;
    }
    files::write(&state.join("sources.list"), source)?;
    files::write(&state.join("status"), "")?;
    let fetched = state.join("fetched");
    for words in [&["update"][..], &["download", package]] {
        let mut apt = Command::new("apt-get");
        for (name, value) in [
            ("Dir::State", state.to_owned()),
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
        files::run(apt.arg("-q").args(words).current_dir(&fetched))?;
    }
    let mut found = files::plain_files(&fetched)?.into_values();
    found.next().ok_or_else(|| Problem::Usage(format!("apt fetched no {package}")))
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

/// The verb. Without `--dir` it only makes roots.
///
/// # Errors
/// See `sweep` and `make`.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let dir = options.value("--dir")?.map(PathBuf::from);
    let plan = options.value("--plan")?.map(PathBuf::from);
    let mut roots = options.all("--root")?;
    let make_in = options.value("--make")?.map(PathBuf::from);
    options.finish()?;
    if let Some(into) = &make_in {
        roots.extend(make(into)?);
    }
    match (dir, plan) {
        _ if roots.is_empty() => Err(Problem::Usage("--root DIR, or --make DIR".to_owned())),
        (None, None) if make_in.is_some() => Ok(()),
        (Some(dir), Some(plan)) => {
            let plan = crate::plan::Plan::read(&plan)?;
            sweep(&dir, Targets::read(root)?.this_machine()?, &plan.version, &roots)
        }
        _ => Err(Problem::Usage("--dir and --plan belong together".to_owned())),
    }
}
