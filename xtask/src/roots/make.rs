//! Roots out of packages: fetched with a state of apt's that is not this machine's, unpacked without being root.
//! It must never take a root for what its name says: the C library inside is read.
//! Archives, suites and packages are those of `release/targets.toml`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::libcs;
use crate::files;
use crate::problem::Problem;
use crate::targets::{Archive, Root, Targets};

/// Unpacks the C libraries of the archive that apt knows below `into`, one directory each. What is there already stays.
///
/// # Errors
/// apt cannot fetch them, or a package holds something else.
pub fn make(into: &Path, targets: &Targets) -> Result<Vec<PathBuf>, Problem> {
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
    let (archive, mirror) = choose(&known, &targets.archives).ok_or_else(|| {
        let origins: Vec<_> = targets.archives.iter().map(|archive| archive.origin.as_str()).collect();
        Problem::Usage(format!("apt knows no archive of {} (apt-get update?)", origins.join(" or ")))
    })?;
    let mut roots = Vec::new();
    for wanted in &archive.roots {
        let root = into.join(format!("{}-{}", wanted.suite, wanted.package));
        if !root.exists() {
            let state = tempfile::tempdir_in(into).map_err(Problem::file(into))?;
            let package = fetch(state.path(), archive, mirror, wanted)?;
            let unpacked = state.path().join("root");
            files::run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&unpacked))?;
            must_hold(&unpacked, &wanted.libc, std::env::consts::ARCH)?;
            fs::rename(&unpacked, &root).map_err(Problem::file(&root))?;
        }
        must_hold(&root, &wanted.libc, std::env::consts::ARCH)?;
        println!("roots: {} has {}", root.display(), wanted.libc);
        roots.push(root);
    }
    Ok(roots)
}

/// The first archive among apt's lines of origin and address that we know, and its mirror.
pub fn choose<'a>(known: &'a str, archives: &'a [Archive]) -> Option<(&'a Archive, &'a str)> {
    known.lines().find_map(|line| {
        let (origin, uri) = line.split_once(' ').filter(|(_, uri)| !uri.contains("security"))?;
        archives.iter().find(|archive| archive.origin == origin).map(|archive| (archive, uri))
    })
}

/// A root holds one C library, and it is the wanted one.
///
/// # Errors
/// It holds another, none, or several.
pub fn must_hold(root: &Path, wanted: &str, arch: &str) -> Result<(), Problem> {
    let found: Vec<String> = libcs(root, arch)?.into_iter().map(|libc| libc.name).collect();
    if found == [wanted] {
        return Ok(());
    }
    Err(Problem::Root { root: root.to_owned(), expected: wanted.to_owned(), found })
}

/// Fetches a package from the mirror, or from where the archive keeps what mirrors have dropped.
fn fetch(state: &Path, archive: &Archive, mirror: &str, root: &Root) -> Result<PathBuf, Problem> {
    let from = |name: &str, uri: &str| {
        let state = state.join(name);
        let Root { suite, component, package, .. } = root;
        let key = archive.keyring.display();
        download(&state, &format!("deb [signed-by={key}] {uri} {suite} {component}\n"), package)
    };
    from("mirror", mirror).or_else(|first| {
        println!("roots: {} is not at this machine's mirror: {first}", root.suite);
        from("retired", &archive.retired)
    })
}

/// Fetches one package of one source.
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
            // Otherwise what could not be fetched is a warning.
            ("APT::Update::Error-Mode", "any".into()),
        ] {
            apt.arg("-o").arg(format!("{name}={}", value.display()));
        }
        files::run(apt.arg("-q").args(words).current_dir(&fetched))?;
    }
    let mut found = files::plain_files(&fetched)?.into_values();
    found.next().ok_or_else(|| Problem::Usage(format!("apt fetched no {package}")))
}
