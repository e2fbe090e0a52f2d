//! Into another root directory: as root, in a namespace of one's own, or through sudo, whichever this user may.
//! It must never ask for a password.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Libc;
use crate::files;
use crate::problem::Problem;

/// Words in front of a command that then may change its root.
const WAYS: [&str; 3] = ["", "unshare --user --map-root-user", "sudo -n --"];
/// A mount namespace of its own, for the ways that need one.
const MOUNTS: &str = "unshare --mount --propagation private";

/// Where the programs are that do it: not everybody's PATH has those of the administrator.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// The first way that works on this machine.
///
/// # Errors
/// None does.
pub fn way() -> Result<&'static str, Problem> {
    let works = |way: &&&str| {
        let try_it = format!("{way} {MOUNTS} chroot / true");
        files::output(Command::new("sh").args(["-c", &try_it]).env_clear().env("PATH", PATH))
            .is_ok_and(|output| output.status.success())
    };
    WAYS.iter().find(works).copied().ok_or(Problem::NoEntrance)
}

/// A program outside that is `/bin/NAME` inside `root`.
///
/// The root has no device and no /proc; but where the helper's own loader is missing and musl's is started by name, the sealed
/// helper is handed to it through /proc, which containers have.
///
/// # Errors
/// The file cannot be written.
pub fn program(way: &str, root: &Path, libc: &Libc, name: &str) -> Result<PathBuf, Problem> {
    let path = root.with_file_name(name);
    let inside = format!("'{}' /bin/{name} \"$@\"", root.display());
    let text = if libc.musl {
        let proc = "mount --rbind /proc \"$0/proc\" && exec chroot \"$0\" \"$@\"";
        format!("{way} {MOUNTS} sh -c '{proc}' {inside}")
    } else {
        format!("{way} chroot {inside}")
    };
    files::write(&path, format!("#!/bin/sh\nexport PATH={PATH}\nexec {text}\n"))?;
    files::make_executable(&path)?;
    Ok(path)
}
