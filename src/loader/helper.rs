//! Which helper may run: the user's choice, the embedded one, this program itself, or one whose hash was built in.
//! It must never fall through from a choice that was made aloud, nor run bytes other than those it hashed.
//! Order and outcomes are those of the release plan: refused is an error, unavailable a warning.

#![expect(clippy::disallowed_methods, reason = "opens the helper it is asked to check")]

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use sha2::{Digest, Sha256};

use super::foreign::{self, Unknown};
use super::pool::Household;
use super::seal::{self, Program, Sealed, Start};

mod pins {
    include!(concat!(env!("OUT_DIR"), "/pins.rs"));
}

/// What this build is called: the release's version, or one that ends in `-dev`.
pub const VERSION: &str = env!("TSUKU_VERSION");
/// False in a release that was built without the hash of its platform's helper; such a program does not compile.
pub const COMPLETE: bool = pins::COMPLETE;

/// The embedded helper's bytes.
#[cfg(tsuku_embedded)]
pub const EMBEDDED: Option<&[u8]> = Some(include_bytes!(concat!(env!("OUT_DIR"), "/tsuku-dltest")));
/// No helper was built.
#[cfg(not(tsuku_embedded))]
pub const EMBEDDED: Option<&[u8]> = None;

/// First argument that turns this program into the portable helper.
pub const SELF_ARGUMENT: &str = "__tsuku-dltest";
/// No helper is longer.
const LONGEST: u64 = 16 << 20;
/// Loaders to try where the helper's own is missing: musl's.
const OTHER_LOADERS: [&str; 2] = ["/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-aarch64.so.1"];
const OWN_LOADERS: [&str; 2] = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];

/// What is known when a helper is looked for.
#[derive(Clone, Debug, Default)]
pub struct HelperRequest {
    /// `--helper` or `TSUKU_DLTEST_PATH`.
    pub chosen: Option<PathBuf>,
    /// `$TSUKU_HOME`.
    pub home: Option<PathBuf>,
    /// This program, if it can be the portable helper.
    pub own_program: Option<PathBuf>,
    /// Who takes in what the helpers leave.
    pub household: Option<Arc<Household>>,
}

/// Where a helper comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The user said so.
    Override,
    /// Part of this program.
    Embedded,
    /// This program itself.
    OwnProgram,
    /// Installed beside, with the hash that was built in.
    Pinned,
}

/// How close to a process that links only libc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fidelity {
    /// Nothing else is loaded.
    Full,
    /// The helper's own libraries are loaded too.
    Reduced,
    /// Nobody looked.
    Unknown,
}

#[derive(Debug)]
enum Body {
    Sealed(Sealed),
    OwnProgram(PathBuf),
}

/// A helper that may run.
#[derive(Debug)]
pub struct Helper {
    /// Where it comes from.
    pub source: Source,
    /// SHA-256 of what runs, in hex.
    pub sha256: String,
    /// How close it is to the reference process.
    pub fidelity: Fidelity,
    /// What its user should know of it.
    pub warning: Option<String>,
    /// It is of another version, and only the drop-in protocol is common to both.
    pub(super) foreign: bool,
    body: Body,
}

/// Why there is no helper.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// The user chose one that cannot be used.
    #[error("cannot use {} as the helper: {reason}", path.display())]
    Chosen {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// One is there, but it is not the one that was built for this program.
    #[error("refusing to run {}: {reason}", path.display())]
    Refused {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is none.
    #[error("no helper: {reason}")]
    Unavailable {
        /// What was tried.
        reason: String,
    },
}

impl HelperError {
    /// Without a helper Level 3 is left out with a warning; anything else is an error of the whole run.
    pub fn is_error(&self) -> bool {
        !matches!(self, HelperError::Unavailable { .. })
    }
}

/// Finds the helper, seals it, and says what it is.
///
/// # Errors
/// See `HelperError`.
pub fn resolve(request: &HelperRequest) -> Result<Helper, HelperError> {
    let household = request.household.as_deref();
    if let Some(path) = &request.chosen {
        return chosen(path, household);
    }
    let mut reasons = Vec::new();
    match EMBEDDED.map(|bytes| sealed(bytes, Source::Embedded, Fidelity::Full)) {
        None => reasons.push("none is embedded".to_owned()),
        Some(Err(why)) => reasons.push(format!("the embedded one cannot be sealed: {why}")),
        Some(Ok(helper)) => match speaks(&helper, household) {
            Ok(()) => return Ok(helper),
            Err(why) => reasons.push(format!("the embedded one cannot be used here: {}", why.reason())),
        },
    }
    if let Some(path) = &request.own_program {
        let helper = read_own(path).map(|bytes| Helper {
            source: Source::OwnProgram,
            sha256: sha256(&bytes),
            fidelity: Fidelity::Reduced,
            warning: None,
            foreign: false,
            body: Body::OwnProgram(path.clone()),
        });
        match helper.and_then(|helper| {
            speaks(&helper, household).map_err(Unknown::reason)?;
            Ok(helper)
        }) {
            Ok(helper) => return Ok(helper),
            Err(why) => reasons.push(format!("{}: {why}", path.display())),
        }
    }
    if let Some(home) = &request.home {
        let path = home.join(format!("tools/tsuku-dltest-{VERSION}/bin/tsuku-dltest"));
        match pinned(&path, pin(), household) {
            Err(HelperError::Unavailable { reason }) => reasons.push(reason),
            other => return other,
        }
    }
    Err(HelperError::Unavailable { reason: reasons.join("; ") })
}

/// The user's choice, or nothing; and never without a word.
fn chosen(path: &Path, household: Option<&Household>) -> Result<Helper, HelperError> {
    let fail = |reason: String| HelperError::Chosen { path: path.to_owned(), reason };
    let bytes = read(path).map_err(fail)?;
    let helper = sealed(&bytes, Source::Override, Fidelity::Unknown).map_err(fail)?;
    let version = foreign::version(&helper, household).map_err(|why| fail(why.reason()))?;
    let foreign = version != VERSION;
    let how = if foreign {
        format!("version {version}, not {VERSION}: it is asked one library at a time, without a sandbox")
    } else {
        format!("it says that it is of this version, and is taken at its word (SHA-256 {})", helper.sha256)
    };
    let warning = Some(format!("{} is the helper that was chosen; {how}", path.display()));
    Ok(Helper { foreign, warning, ..helper })
}

/// A helper of this version that runs on this machine.
fn speaks(helper: &Helper, household: Option<&Household>) -> Result<(), Unknown> {
    match foreign::version(helper, household)? {
        version if version == VERSION => Ok(()),
        version => Err(Unknown::Other(format!("it is version {version}, not {VERSION}"))),
    }
}

/// An installed helper, if it is the one whose hash is known. What has another hash, or could be changed, is refused; what
/// cannot be run here is not there.
fn pinned(path: &Path, pin: Option<&str>, household: Option<&Household>) -> Result<Helper, HelperError> {
    let unavailable = |why: String| HelperError::Unavailable { reason: format!("{}: {why}", path.display()) };
    let Some(pin) = pin else {
        return Err(HelperError::Unavailable { reason: "this build knows no hash of another".to_owned() });
    };
    if rustix::fs::access(path, rustix::fs::Access::EXISTS) == Err(rustix::io::Errno::NOENT) {
        return Err(unavailable("it is not installed".to_owned()));
    }
    let refuse = |reason: String| HelperError::Refused { path: path.to_owned(), reason };
    let bytes = read(path).map_err(refuse)?;
    let sum = sha256(&bytes);
    if sum != pin {
        return Err(refuse(format!("its SHA-256 is {sum}, not {pin}")));
    }
    let helper = sealed(&bytes, Source::Pinned, Fidelity::Unknown).map_err(unavailable)?;
    // The right bytes say the right version, or the table was made of something else.
    match speaks(&helper, household) {
        Ok(()) => Ok(helper),
        Err(Unknown::Silent(why)) => Err(unavailable(why)),
        Err(Unknown::Other(why)) => Err(refuse(why)),
    }
}

/// Says whether a file is a helper of this very build, without running it: the embedded one, or one made for this
/// platform whose hash was built in. Its SHA-256.
///
/// # Errors
/// It is another, or somebody else could change it; or this build knows none.
pub fn accept(path: &Path) -> Result<String, HelperError> {
    let table = std::hint::black_box(pins::TABLE);
    let pins = ["", "-musl"].into_iter().filter_map(|libc| pin_of(table, &format!("{}{libc}", own_asset())));
    let known: Vec<String> = EMBEDDED.map(sha256).into_iter().chain(pins.map(str::to_owned)).collect();
    if known.is_empty() {
        return Err(HelperError::Unavailable { reason: "this build knows no hash of one".to_owned() });
    }
    let refuse = |reason: String| HelperError::Refused { path: path.to_owned(), reason };
    let sum = sha256(&read(path).map_err(refuse)?);
    if known.contains(&sum) { Ok(sum) } else { Err(refuse(format!("its SHA-256 is {sum}"))) }
}

/// Name of the helper made for this platform.
fn own_asset() -> String {
    let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    format!("tsuku-dltest-{os}-{arch}")
}

/// The hash of the helper made for this platform.
fn pin() -> Option<&'static str> {
    pin_of(std::hint::black_box(pins::TABLE), &own_asset())
}

/// The hash of an asset in a table of `tsuku-pin:<asset>=<sha256>;` entries. The table in the finished program is this
/// very text, so what a release tool reads there is what is obeyed here.
fn pin_of<'t>(table: &'t str, asset: &str) -> Option<&'t str> {
    let pins = table.split(';').filter_map(|entry| entry.strip_prefix("tsuku-pin:"));
    pins.filter_map(|pin| pin.split_once('=')).find(|(name, _)| *name == asset).map(|(_, sum)| sum)
}

fn sealed(bytes: &[u8], source: Source, fidelity: Fidelity) -> Result<Helper, String> {
    let sealed = seal::seal(bytes).map_err(|e| e.to_string())?;
    if bytes.starts_with(b"#!") {
        // The interpreter opens the script by its descriptor.
        seal::inherit_program(&sealed).map_err(|e| e.to_string())?;
    }
    let body = Body::Sealed(sealed);
    Ok(Helper { source, sha256: sha256(bytes), fidelity, warning: None, foreign: false, body })
}

/// SHA-256 in hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a helper that somebody else wrote: a regular file of ours or of root that nobody else may write.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = open(path, flags, Mode::empty()).map_err(|e| e.to_string())?;
    let stat = fstat(&file).map_err(|e| e.to_string())?;
    let me = rustix::process::geteuid().as_raw();
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err("it is not a regular file".into());
    }
    if stat.st_uid != me && stat.st_uid != 0 {
        return Err(format!("it belongs to user {}", stat.st_uid));
    }
    if stat.st_mode & 0o022 != 0 {
        return Err(format!("others may write to it (mode {:o})", stat.st_mode & 0o7777));
    }
    let mut bytes = Vec::new();
    File::from(file).take(LONGEST + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > LONGEST {
        return Err("it is longer than 16 MiB".into());
    }
    Ok(bytes)
}

fn read_own(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(|e| e.to_string())?;
    File::from(file).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes)
}

impl Helper {
    /// The command that starts it, under a given loader or its own.
    pub(super) fn command(&self, loader: Option<&(PathBuf, Vec<OsString>)>) -> std::io::Result<Command> {
        match &self.body {
            Body::Sealed(sealed) => {
                let there = |path: &&str| rustix::fs::access(*path, rustix::fs::Access::EXEC_OK).is_ok();
                let own = OWN_LOADERS.iter().find(|p| there(p));
                let needed = sealed.start == Start::ThroughLoader || own.is_none();
                let other = || {
                    own.or_else(|| OTHER_LOADERS.iter().find(|p| there(p)))
                        .map(|p| (PathBuf::from(p), Vec::new()))
                };
                let loader = loader.cloned().or_else(|| if needed { other() } else { None });
                seal::command(&Program { sealed, loader })
            }
            Body::OwnProgram(path) => {
                let mut command = match loader {
                    Some((loader, arguments)) => {
                        let mut command = Command::new(loader);
                        command.args(arguments).arg(path);
                        command
                    }
                    None => Command::new(path),
                };
                command.arg(SELF_ARGUMENT);
                Ok(command)
            }
        }
    }
}

/// What `helper status` tells.
#[derive(Debug, serde::Serialize)]
pub struct Status {
    /// Version a helper beside us must have.
    pub version: &'static str,
    /// SHA-256 of the embedded helper.
    pub embedded: Option<String>,
    /// Its size.
    pub embedded_size: Option<usize>,
    /// SHA-256 that an installed helper must have.
    pub pin: Option<&'static str>,
}

/// What this build carries and accepts.
pub fn status() -> Status {
    Status {
        version: VERSION,
        embedded: EMBEDDED.map(sha256),
        embedded_size: EMBEDDED.map(<[u8]>::len),
        pin: pin(),
    }
}

#[cfg(test)]
mod tests;
