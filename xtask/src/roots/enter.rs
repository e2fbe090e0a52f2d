//! Into another root directory: as root, in a namespace of one's own, or through sudo, whichever this user may.
//! It must never ask for a password.

use std::path::{Path, PathBuf};
use std::process::Command;

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
/// The root has /proc, as containers have: the sealed helper has its name there. It has no device.
///
/// # Errors
/// The file cannot be written.
pub fn program(way: &str, root: &Path, name: &str) -> Result<PathBuf, Problem> {
    let path = root.with_file_name(name);
    let enter = "mount --rbind /proc \"$0/proc\" && exec chroot \"$0\" \"$@\"";
    let text = format!("exec {way} {MOUNTS} sh -c '{enter}' '{}' /bin/{name} \"$@\"", root.display());
    files::write(&path, format!("#!/bin/sh\nexport PATH={PATH}\n{text}\n"))?;
    files::make_executable(&path)?;
    Ok(path)
}
