//! Files and programs, with the name in every error.
//! It must never follow a link where an asset is wanted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// Bytes of a file.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    fs::read(path).map_err(Problem::file(path))
}

/// Text of a file.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Problem> {
    fs::read_to_string(path).map_err(Problem::file(path))
}

/// Writes a file, and the directories above it.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Problem> {
    if let Some(parent) = path.parent() {
        make_dir(parent)?;
    }
    fs::write(path, bytes).map_err(Problem::file(path))
}

/// Copies bytes; an existing file is replaced.
///
/// # Errors
/// One of the files.
pub fn copy(from: &Path, to: &Path) -> Result<(), Problem> {
    write(to, read(from)?)
}

/// Makes a file executable.
///
/// # Errors
/// It is not ours.
pub fn make_executable(path: &Path) -> Result<(), Problem> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(Problem::file(path))
}

/// Makes a directory and those above it.
///
/// # Errors
/// Something else is in the way.
pub fn make_dir(path: &Path) -> Result<(), Problem> {
    fs::create_dir_all(path).map_err(Problem::file(path))
}

/// A directory that must not have been there, or be empty.
///
/// # Errors
/// There is something in it.
pub fn make_new_dir(path: &Path) -> Result<(), Problem> {
    make_dir(path)?;
    match fs::read_dir(path).map_err(Problem::file(path))?.next() {
        None => Ok(()),
        Some(_) => Err(Problem::Usage(format!("{} is not empty", path.display()))),
    }
}

/// SHA-256 in hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Name to path of everything in a directory that holds plain files only.
///
/// # Errors
/// Something there is not a plain file, or has a name that is not UTF-8.
pub fn plain_files(dir: &Path) -> Result<BTreeMap<String, PathBuf>, Problem> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(Problem::file(dir))? {
        let path = entry.map_err(Problem::file(dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let is_file = fs::symlink_metadata(&path).map_err(Problem::file(&path))?.is_file();
        match name {
            Some(name) if is_file => found.insert(name, path),
            _ => return Err(Problem::NotAFile(path)),
        };
    }
    Ok(found)
}

/// What is printed of a command in an error.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a command to its end, whatever its status.
///
/// # Errors
/// It cannot be started.
pub fn output(command: &mut Command) -> Result<Output, Problem> {
    command
        .output()
        .map_err(|e| Problem::Command { command: shown(command), what: format!("cannot be run: {e}") })
}

/// Runs a command that must succeed; its standard output as text.
///
/// # Errors
/// It cannot be started, or fails.
pub fn run(command: &mut Command) -> Result<String, Problem> {
    let output = output(command)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let last = text.lines().rev().take(12).collect::<Vec<_>>();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        return Err(Problem::Command { command: shown(command), what: format!("{}\n{last}", output.status) });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
