//! Asks the real loader: one short-lived process per case, under a deadline.
//!
//! The process is a C program, not this one through libloading: a Rust process drags libgcc_s into the probed process, and a
//! library that brings a broken one would look fine.

use super::build::SCRATCH;
use super::directives::{Case, parse_version};
use super::outcome::{Outcome, Stop, signal_name};
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A load takes milliseconds; the rest is for a loaded machine.
const DEADLINE: Duration = Duration::from_secs(10);
/// Cases that are expected to hang need not wait that long.
const HANG_DEADLINE: Duration = Duration::from_secs(2);

/// The compiled probe and the loader it runs under.
pub struct Judge {
    probe: PathBuf,
    pub glibc: (u32, u32),
}

/// Compiles the probe once per test process.
pub fn judge() -> Result<&'static Judge, Stop> {
    static JUDGE: OnceLock<Result<Judge, String>> = OnceLock::new();
    JUDGE.get_or_init(compile).as_ref().map_err(|text| Stop::Missing(text.clone()))
}

fn compile() -> Result<Judge, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/probe.c");
    let probe = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("probe-{}", std::process::id()));
    let finished = Path::new(env!("CARGO_TARGET_TMPDIR")).join("loader-probe");
    let gcc = Command::new("gcc").arg("-O1").arg("-o").arg(&probe).arg(source).arg("-ldl").output();
    let gcc = gcc.map_err(|e| format!("gcc: {e}"))?;
    if !gcc.status.success() {
        return Err(format!("probe.c: {}", String::from_utf8_lossy(&gcc.stderr)));
    }
    fs::rename(&probe, &finished).map_err(|e| format!("probe: {e}"))?;
    let version = Command::new(&finished).arg("version").output().map_err(|e| format!("probe: {e}"))?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let glibc = parse_version(&version).ok_or_else(|| format!("unknown glibc version {version}"))?;
    Ok(Judge { probe: finished, glibc })
}

impl Judge {
    /// Loads the root of a built case.
    pub fn load(&self, case: &Case, dir: &Path, expected: &Outcome) -> Result<Outcome, Stop> {
        let place = |text: &str| text.replace("{D}", &dir.display().to_string());
        let root = dir.join(&case.root);
        let (reply, stderr) = (dir.join(SCRATCH).join("reply"), dir.join(SCRATCH).join("stderr"));
        let log = File::create(&stderr).map_err(|e| Stop::broken(format!("stderr: {e}")))?;
        let mut command = Command::new(&self.probe);
        command.arg(&reply).arg(&root).args(case.preloaded.iter().map(|p| dir.join(place(p))));
        super::run::clean_environment(&mut command, &super::run::working_directory(case, dir));
        command.envs(case.env.iter().map(|(key, value)| (key, place(value))));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        let deadline = if *expected == Outcome::Dies("hang".to_owned()) { HANG_DEADLINE } else { DEADLINE };
        let mut child = command.spawn().map_err(|e| Stop::broken(format!("probe: {e}")))?;
        let Some(status) = wait(&mut child, deadline).map_err(|e| Stop::broken(format!("probe: {e}")))?
        else {
            return Ok(Outcome::Dies("hang".to_owned()));
        };
        Ok(read_outcome(status, &reply, &stderr))
    }
}

/// The exit status, or nothing if the child had to be killed.
fn wait(child: &mut Child, deadline: Duration) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn read_outcome(status: ExitStatus, reply: &Path, stderr: &Path) -> Outcome {
    let said = String::from_utf8_lossy(&fs::read(stderr).unwrap_or_default()).into_owned();
    if let Some(signal) = status.signal() {
        return Outcome::Dies(signal_name(signal));
    }
    if status.code() == Some(127) && said.contains("Inconsistency detected by ld.so") {
        return Outcome::Dies("abort".to_owned());
    }
    let answer = String::from_utf8_lossy(&fs::read(reply).unwrap_or_default()).into_owned();
    match (status.code(), answer.split_once('\n')) {
        (Some(0), Some(("loads", ""))) => Outcome::Loads,
        (Some(0), Some(("fails", text))) => Outcome::Fails(text.to_owned()),
        (Some(0), Some(("setup", text))) => {
            Outcome::Other(format!("the preloaded library does not load: {text}"))
        }
        _ => Outcome::Other(format!("{status}: {}", said.trim())),
    }
}
