//! Libraries of Debian packages that are not installed: fetched and unpacked, with what they depend on and this machine lacks.
//! It must never install anything, nor run a package's scripts.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files;
use crate::problem::Problem;

/// Fetches and unpacks packages below `scratch`; the directory.
///
/// # Errors
/// apt does not know one of them, or cannot fetch it.
pub fn unpack(names: &[String], scratch: &Path) -> Result<PathBuf, Problem> {
    if let Some(name) = names.iter().find(|name| name.starts_with('-')) {
        return Err(Problem::Usage(format!("{name} is no package")));
    }
    let (archives, unpacked) = (scratch.join("archives"), scratch.join("packages"));
    files::make_dir(&archives.join("partial"))?;
    files::make_dir(&unpacked)?;
    let mut apt = Command::new("apt-get");
    apt.args(["install", "--reinstall", "--download-only", "--yes", "--no-install-recommends", "--quiet=2"]);
    for option in [
        format!("Dir::Cache::archives={}", archives.display()),
        "Debug::NoLocking=1".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
    ] {
        apt.arg("-o").arg(option);
    }
    files::run(apt.args(names).env("DEBIAN_FRONTEND", "noninteractive"))?;
    let fetched = std::fs::read_dir(&archives).map_err(Problem::file(&archives))?;
    let mut found: Vec<PathBuf> = fetched
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "deb"))
        .collect();
    found.sort();
    for archive in &found {
        files::run(Command::new("dpkg-deb").arg("-x").arg(archive).arg(&unpacked))?;
    }
    Ok(unpacked)
}

/// Where a loader would look for libraries if the packages were installed.
pub fn library_dirs(unpacked: &Path) -> Vec<PathBuf> {
    let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
    let places = ["lib", "usr/lib"].map(|place| unpacked.join(place));
    places
        .iter()
        .map(|place| place.join(&multiarch))
        .chain(places.clone())
        .filter(|dir| dir.is_dir())
        .collect()
}
