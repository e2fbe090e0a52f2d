//! Asks the real loader: one short-lived process per case, under a deadline.
//!
//! The process is a C program, not this one through libloading: a Rust process drags libgcc_s into the probed process, and a
//! library that brings a broken one would look fine.

use super::build::SCRATCH;
use super::directives::{Case, Loader, parse_version};
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
    loader: Loader,
    /// Minor and micro number for musl, major and minor for glibc.
    pub release: (u32, u32),
}

/// Compiles the probe of a libc once per test process.
pub fn judge(loader: Loader) -> Result<&'static Judge, Stop> {
    static GLIBC: OnceLock<Result<Judge, String>> = OnceLock::new();
    static MUSL: OnceLock<Result<Judge, String>> = OnceLock::new();
    let (cell, make): (_, fn() -> _) = match loader {
        Loader::Glibc => (&GLIBC, glibc),
        Loader::Musl => (&MUSL, musl),
    };
    cell.get_or_init(make).as_ref().map_err(|text| Stop::Missing(text.clone()))
}

fn glibc() -> Result<Judge, String> {
    let probe = compile("gcc", "loader-probe", &["-ldl"])?;
    let version = Command::new(&probe).arg("version").output().map_err(|e| format!("probe: {e}"))?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let release = parse_version(&version).ok_or_else(|| format!("unknown glibc version {version}"))?;
    Ok(Judge { probe, loader: Loader::Glibc, release })
}

fn musl() -> Result<Judge, String> {
    let probe = compile("musl-gcc", "loader-probe-musl", &[])?;
    // Without a program to start, the loader says what it is.
    let said = Command::new("/lib/ld-musl-x86_64.so.1").output().map_err(|e| format!("musl: {e}"))?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    let version = said.lines().find_map(|line| line.strip_prefix("Version 1."));
    let release = version.and_then(parse_version).ok_or_else(|| format!("unknown musl version: {said}"))?;
    Ok(Judge { probe, loader: Loader::Musl, release })
}

fn compile(compiler: &str, name: &str, flags: &[&str]) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/probe.c");
    let probe = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let finished = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let out = Command::new(compiler).arg("-O1").arg("-o").arg(&probe).arg(source).args(flags).output();
    let out = out.map_err(|e| format!("{compiler}: {e}"))?;
    if !out.status.success() {
        return Err(format!("probe.c: {}", String::from_utf8_lossy(&out.stderr)));
    }
    fs::rename(&probe, &finished).map_err(|e| format!("probe: {e}"))?;
    Ok(finished)
}

impl Judge {
    /// The loader as `--loader` takes it.
    pub fn name(&self) -> String {
        let (first, second) = self.release;
        match self.loader {
            Loader::Glibc => format!("glibc-{first}.{second}"),
            Loader::Musl => format!("musl-1.{first}.{second}"),
        }
    }

    /// Loads the root of a built case.
    pub fn load(&self, case: &Case, dir: &Path, expected: &Outcome) -> Result<Outcome, Stop> {
        let place = |text: &str| text.replace("{D}", &dir.display().to_string());
        let root = dir.join(&case.root);
        let name = |what: &str| dir.join(SCRATCH).join(format!("{what}-{:?}", self.loader));
        let (reply, stderr) = (name("reply"), name("stderr"));
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
