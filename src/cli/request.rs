//! The command line resolved: every default filled in, every byte string in its place.
//! The only code of the product that looks at its own environment; nothing asks for it again.
//! Two stages as in ripgrep's flags: `args.rs` is what was written, this is what was meant.

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::args::{Color, HomeArgs, JudgeArgs, Level3Args, Probe, ReportFormat, RunArgs, SandboxMode};
use super::exit::Failure;
use super::interrupt::Interruption;
use super::remember::Recording;
use crate::analyzer::audit::Level;
use crate::analyzer::checks::Mode;
use crate::analyzer::loader_model::{ChoiceFault, TargetChoice};
use crate::home::layout::{self, Place};
use crate::loader::escalate::Escalation;
use crate::loader::helper::HelperRequest;
use crate::loader::options::allowed;
use crate::loader::sandbox::Sandbox;

/// The loader and the process, as asked for.
#[derive(Clone, Debug)]
pub struct Judging {
    /// Everything is judged inside this directory.
    pub root: Option<PathBuf>,
    /// Directories of this machine visible inside it, or beside the profile.
    pub binds: Vec<PathBuf>,
    /// Profiles of the machines that are meant.
    pub profiles: Vec<PathBuf>,
    /// The process is that of the profile's host program.
    pub in_host: bool,
    /// The host program is that of this profile.
    pub host_profile: Option<PathBuf>,
    /// What the disk is asked is written down here.
    pub recording: Option<Arc<Recording>>,
    /// Operands, which are seen beside a profile wherever they lie.
    pub shown: Vec<PathBuf>,
    /// The loader's name.
    pub loader: Option<String>,
    /// Whose files are at home here.
    pub target: Option<TargetChoice>,
    /// The processor level.
    pub cpu: Option<String>,
    /// The program.
    pub host: Option<Vec<u8>>,
    /// The process's environment.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// The user it runs as: ours, since it is our permissions that files are opened with.
    pub uid: u32,
    /// Its working directory, absolute.
    pub cwd: Vec<u8>,
    /// Libraries it has loaded.
    pub preloaded: Vec<Vec<u8>>,
    /// An SDK of macOS, absolute.
    pub sdk: Option<Vec<u8>>,
    /// Large files may be mapped.
    pub mmap: bool,
    /// Where the time goes is told in the end.
    pub timings: bool,
}

/// How much is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loudness {
    /// Errors only.
    Quiet,
    /// What fails.
    Normal,
    /// Everything.
    Verbose,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// One document.
    Json,
    /// One object a line.
    Ndjson,
    /// SARIF 2.1.0.
    Sarif,
    /// JUnit XML.
    Junit,
    /// Annotations of GitHub workflows.
    Github,
}

/// What surrounds the report.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Columns to fill; none when nobody looks.
    pub width: Option<u16>,
    /// When to use colours.
    pub color: Color,
}

/// A run over many libraries.
#[derive(Clone, Debug)]
pub struct Run {
    /// How deep.
    pub level: Level,
    /// How jump slots are bound.
    pub mode: Mode,
    /// The report's form.
    pub format: Format,
    /// The file it goes to; none for standard output.
    pub output: Option<PathBuf>,
    /// Threads; none for one a processor.
    pub jobs: Option<usize>,
    /// How much is printed.
    pub loudness: Loudness,
    /// What codes mean is said where they are used.
    pub explain: bool,
    /// Libraries that lack their host fail the run too.
    pub strict: bool,
    /// Where it is printed.
    pub screen: Screen,
    /// What an interrupt would have to say and to take away.
    pub interruption: Interruption,
    /// Somebody watches standard error.
    pub watched: bool,
    /// How libraries are really loaded; none below level 3.
    pub probing: Option<Probing>,
    /// Where results are kept.
    pub cache: Option<PathBuf>,
    /// Where those of homes are kept if nothing is said.
    pub home_cache: Option<PathBuf>,
    /// What is printed is written down here.
    pub recording: Option<Arc<Recording>>,
}

/// Level 3 as asked for.
#[derive(Clone, Debug)]
pub struct Probing {
    /// Bytes of address space a library may have.
    pub address_space: u64,
    /// Which libraries.
    pub escalation: Escalation,
    /// Powers taken away.
    pub sandbox: Sandbox,
    /// Time for one library.
    pub deadline: Duration,
    /// Helper processes side by side.
    pub workers: usize,
    /// Another loader to run under.
    pub loader: Option<PathBuf>,
    /// Where the helper may come from; the home is not in it.
    pub helper: HelperRequest,
    /// The variables of ours that a loaded library sees.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// It is an error if it cannot be done.
    pub required: bool,
}

impl Judging {
    /// Resolves the options.
    ///
    /// # Errors
    /// Usage: an `--env` without `=`, a `--bind` into nothing.
    pub fn new(raw: JudgeArgs) -> Result<Judging, Failure> {
        let in_host = raw.host_profile.is_some();
        if !raw.bind.is_empty() && raw.root.is_none() && raw.profile.is_empty() && !in_host {
            return Err(Failure::Usage("--bind wants --root or --profile".to_owned()));
        }
        let here = working_directory();
        let cwd = raw.cwd.map_or_else(|| here.clone(), |d| absolute(&here, d.as_bytes()));
        let mut profiles: Vec<PathBuf> = raw.profile.into_iter().map(|p| profile_path(&here, p)).collect();
        let mut host_profile = raw.host_profile.map(|p| profile_path(&here, p));
        if profiles.is_empty() {
            profiles.extend(host_profile.take());
        }
        let host_path = |p: OsString| PathBuf::from(OsString::from_vec(absolute(&here, p.as_bytes())));
        let env = raw.env.into_iter().map(|pair| variable(&pair)).collect::<Result<_, _>>()?;
        Ok(Judging {
            root: raw.root.map(host_path),
            binds: raw.bind.into_iter().map(host_path).collect(),
            profiles,
            host_profile,
            in_host,
            recording: None,
            shown: Vec::new(),
            loader: raw.loader,
            target: raw
                .target
                .map(|t| t.parse().map_err(|e: ChoiceFault| Failure::Usage(e.to_string())))
                .transpose()?,
            cpu: raw.cpu,
            host: raw.host.map(OsString::into_vec),
            env,
            uid: rustix::process::getuid().as_raw(),
            cwd,
            preloaded: raw.preloaded.into_iter().map(OsString::into_vec).collect(),
            sdk: raw.sdk.map(|d| absolute(&here, d.as_bytes())),
            mmap: !raw.no_mmap,
            timings: raw.timings,
        })
    }
}

impl Judging {
    /// Lets operands be seen beside a profile.
    pub fn show(&mut self, operands: &[Vec<u8>]) {
        let path = |o: &Vec<u8>| PathBuf::from(OsString::from_vec(absolute(&self.cwd, o)));
        self.shown = operands.iter().map(path).collect();
    }
}

impl Run {
    /// The same for a home: results are kept, if they may be.
    #[must_use]
    pub fn of_home(self) -> Run {
        Run { cache: self.cache.clone().or_else(|| self.home_cache.clone()), ..self }
    }

    /// Resolves the options.
    ///
    /// # Errors
    /// Usage: Level 3 is required and not asked for.
    pub fn new(raw: &RunArgs) -> Result<Run, Failure> {
        if raw.level3.require_level3 && raw.level < 3 {
            return Err(Failure::Usage("--require-level3 wants --level 3".to_owned()));
        }
        Ok(Run {
            level: if raw.level == 1 { Level::One } else { Level::Two },
            mode: if raw.lazy { Mode::Lazy } else { Mode::Now },
            format: match raw.format {
                ReportFormat::Auto | ReportFormat::Table => Format::Table,
                ReportFormat::Json => Format::Json,
                ReportFormat::Ndjson => Format::Ndjson,
                ReportFormat::Sarif => Format::Sarif,
                ReportFormat::Junit => Format::Junit,
                ReportFormat::Github => Format::Github,
            },
            output: raw.output.clone().map(PathBuf::from),
            jobs: raw.jobs.map(usize::from),
            loudness: match (raw.quiet, raw.verbose) {
                (true, _) => Loudness::Quiet,
                (_, true) => Loudness::Verbose,
                _ => Loudness::Normal,
            },
            explain: raw.explain,
            interruption: Interruption::caught(),
            strict: raw.strict,
            screen: Screen::new(raw.color),
            watched: std::io::stderr().is_terminal() && !raw.quiet,
            probing: (raw.level >= 3).then(|| Probing::new(&raw.level3, raw.jobs)),
            cache: raw
                .cache
                .clone()
                .map(|dir| PathBuf::from(OsString::from_vec(absolute(&working_directory(), dir.as_bytes())))),
            home_cache: user_cache().filter(|_| !raw.no_cache),
            recording: None,
        })
    }
}

impl Probing {
    #[expect(clippy::disallowed_methods, reason = "the request holds the environment, and is built here")]
    fn new(raw: &Level3Args, jobs: Option<u16>) -> Probing {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let workers = jobs.map(usize::from).map_or_else(std::thread::available_parallelism, |n| {
            std::num::NonZeroUsize::new(n).ok_or_else(|| std::io::ErrorKind::InvalidInput.into())
        });
        // A program that is linked statically cannot load anything itself.
        let own_program =
            if cfg!(target_feature = "crt-static") { None } else { std::env::current_exe().ok() };
        let ours = std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec()));
        Probing {
            escalation: match raw.probe {
                Probe::Auto => Escalation::Auto,
                Probe::Always => Escalation::Always,
                Probe::Never => Escalation::Never,
            },
            sandbox: match raw.sandbox {
                SandboxMode::Auto => Sandbox::Auto,
                SandboxMode::Off => Sandbox::Off,
                SandboxMode::Strict => Sandbox::Strict,
            },
            deadline: Duration::from_secs_f64(raw.timeout),
            workers: workers.map_or(1, usize::from),
            loader: raw.probe_loader.clone().map(PathBuf::from),
            address_space: raw.address_space,
            helper: HelperRequest {
                chosen: raw.helper.clone().or_else(|| set("TSUKU_DLTEST_PATH")).map(PathBuf::from),
                home: None,
                own_program,
                household: None,
            },
            env: ours.filter(|(name, _)| allowed(name)).collect(),
            required: raw.require_level3,
        }
    }
}

/// A profile as named: a path, or the name of one kept for all projects.
#[expect(clippy::disallowed_methods, reason = "the request holds the environment, and is built here")]
fn profile_path(here: &[u8], name: OsString) -> PathBuf {
    let path = PathBuf::from(OsString::from_vec(absolute(here, name.as_bytes())));
    if name.as_bytes().contains(&b'/') || path.is_file() {
        return path;
    }
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let kept = data.or_else(|| Some(std::env::home_dir()?.join(".local/share")));
    kept.map(|dir| dir.join(PROFILES).join(&name)).filter(|kept| kept.is_file()).unwrap_or(path)
}

/// Where results of homes are kept: below the user's cache directory, but not on machines that build things, where every
/// run is meant to be done.
#[expect(clippy::disallowed_methods, reason = "the request holds the environment, and is built here")]
fn user_cache() -> Option<PathBuf> {
    if std::env::var_os("CI").is_some_and(|value| !value.is_empty()) {
        return None;
    }
    let dir = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    dir.or_else(|| Some(std::env::home_dir()?.join(".cache"))).map(|dir| dir.join("tsuku-verify"))
}

/// Where profiles are kept below the user's data directory.
const PROFILES: &str = "tsuku-verify/profiles";

/// The home that is meant; none if nothing names one. Inside a root, it is a path inside it.
#[expect(clippy::disallowed_methods, reason = "the request holds the environment, and is built here")]
pub fn home_place(raw: &HomeArgs) -> Option<Place> {
    let variable = std::env::var_os("TSUKU_HOME");
    let user = std::env::home_dir().map(PathBuf::into_os_string);
    layout::locate(
        raw.tsuku_home.as_deref().map(OsStr::as_bytes),
        variable.as_deref().map(OsStr::as_bytes),
        user.as_deref().map(OsStr::as_bytes),
        &working_directory(),
    )
}

impl Screen {
    /// What standard output is.
    #[expect(clippy::disallowed_methods, reason = "the request holds the environment, and is built here")]
    pub fn new(color: Color) -> Screen {
        let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
        let terminal = std::io::stdout().is_terminal();
        let measured = if terminal { terminal_size::terminal_size().map(|(w, _)| w.0) } else { None };
        Screen { width: measured.or_else(columns).map(|w: u16| w.max(40)), color }
    }
}

/// The paths of a list: separated by NUL if there is one, else by newline. Empty ones are nobody's.
pub fn split_paths(list: &[u8]) -> Vec<Vec<u8>> {
    let separator = if list.contains(&0) { 0 } else { b'\n' };
    list.split(|b| *b == separator).filter(|p| !p.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Reads a list of paths from a file, or from standard input for `-`.
///
/// # Errors
/// The file cannot be read.
#[expect(clippy::disallowed_methods, reason = "a list of operands belongs to the request; it may be a pipe")]
pub fn read_paths(from: &OsStr) -> Result<Vec<Vec<u8>>, Failure> {
    let mut list = Vec::new();
    let done = if from == "-" {
        std::io::stdin().lock().read_to_end(&mut list)
    } else {
        std::fs::File::open(from).and_then(|mut file| file.read_to_end(&mut list))
    };
    match done {
        Ok(_) => Ok(split_paths(&list)),
        Err(e) => Err(Failure::Unable(format!(
            "cannot read the paths from {}: {e}",
            from.as_bytes().escape_ascii()
        ))),
    }
}

#[expect(clippy::disallowed_methods, reason = "the request holds the working directory, and is built here")]
fn working_directory() -> Vec<u8> {
    // A deleted working directory has no name; absolute operands do not need one.
    std::env::current_dir().map_or_else(|_| b"/".to_vec(), |d| d.into_os_string().into_vec())
}

/// `path` as seen from `base`.
pub fn absolute(base: &[u8], path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") {
        return path.to_vec();
    }
    let mut full = base.to_vec();
    if !full.ends_with(b"/") {
        full.push(b'/');
    }
    full.extend_from_slice(path);
    full
}

fn variable(pair: &OsStr) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let bytes = pair.as_bytes();
    match bytes.iter().position(|b| *b == b'=') {
        Some(at) if at > 0 => Ok((
            bytes.get(..at).unwrap_or_default().to_vec(),
            bytes.get(at + 1..).unwrap_or_default().to_vec(),
        )),
        _ => Err(Failure::Usage(format!("--env wants NAME=VALUE, not {}", bytes.escape_ascii()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_nul_makes_newlines_part_of_names() {
        assert_eq!(split_paths(b"a\nb\n"), [b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(split_paths(b"a\nb\0c\0"), [b"a\nb".to_vec(), b"c".to_vec()]);
        assert_eq!(split_paths(b"\n\n"), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn variables_may_contain_equal_signs_and_any_byte() {
        let pair = variable(OsStr::from_bytes(b"K=a=\xff")).unwrap();
        assert_eq!(pair, (b"K".to_vec(), b"a=\xff".to_vec()));
        assert!(variable(OsStr::new("K")).is_err());
        assert!(variable(OsStr::new("=v")).is_err());
    }

    #[test]
    fn paths_are_joined_not_normalised() {
        assert_eq!(absolute(b"/a", b"../b"), b"/a/../b");
        assert_eq!(absolute(b"/", b"b"), b"/b");
        assert_eq!(absolute(b"/a", b"/b"), b"/b");
    }
}
