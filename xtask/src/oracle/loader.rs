//! The real loader's answers: one process a library, which links only libc (`testdata/probe.c`), under a deadline.
//! It must never load anything here: a library may end, stop or rewrite the process it is loaded into.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::files;
use crate::problem::Problem;

/// One load takes milliseconds; a library that waits for something gets this long.
const DEADLINE: Duration = Duration::from_secs(10);
/// Namespaces that keep a library's processes and packets to itself. The shell is their first process: signals do not reach that one.
const APART: [&str; 7] = ["unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-c"];
/// Tells the probe's end by its status, as a shell has it.
const THROUGH: &str = "\"$@\"; exit $?";

/// What happened to one library.
#[derive(Clone, Debug)]
pub enum Answer {
    /// `dlopen` returned it.
    Loads,
    /// `dlerror`, byte for byte.
    Refused(Vec<u8>),
    /// The process ended in between.
    Died(String),
    /// The process could not be started.
    NotAsked(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Loads => f.write_str("loads"),
            Answer::Refused(message) => write!(f, "fails: {}", super::score::json_of(message)),
            Answer::Died(how) => write!(f, "dies: {how}"),
            Answer::NotAsked(why) => write!(f, "could not be asked: {why}"),
        }
    }
}

/// What both sides see: nothing of ours but PATH and HOME.
pub fn clean(command: &mut Command) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("HOME", "/nonexistent").env("LC_ALL", "C").current_dir("/");
}

/// The compiled question.
pub struct Asked {
    probe: PathBuf,
    replies: PathBuf,
    /// Of the C library.
    pub version: String,
    /// Whether each library has namespaces of its own.
    pub apart: bool,
}

impl Asked {
    /// Compiles the probe into `scratch`.
    ///
    /// # Errors
    /// There is no C compiler, or this is not glibc.
    pub fn prepare(root: &Path, scratch: &Path) -> Result<Asked, Problem> {
        let (probe, replies) = (scratch.join("probe"), scratch.join("replies"));
        files::make_dir(&replies)?;
        files::run(
            Command::new("gcc")
                .args(["-O1", "-o"])
                .arg(&probe)
                .arg(root.join("testdata/probe.c"))
                .arg("-ldl"),
        )?;
        let version = format!("glibc {}", files::run(Command::new(&probe).arg("version"))?.trim());
        let mut tried = Command::new(APART[0]);
        tried.args(&APART[1..]).args([THROUGH, "sh", "true"]).stderr(Stdio::null());
        let apart = tried.status().is_ok_and(|status| status.success());
        Ok(Asked { probe, replies, version, apart })
    }

    /// Asks about every path, on all processors; answers in the order of the paths.
    pub fn all(&self, paths: &[PathBuf], library_path: &Option<OsString>) -> Vec<Answer> {
        let answers: Mutex<Vec<Option<Answer>>> = Mutex::new(vec![None; paths.len()]);
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(path) = paths.get(at) else { return };
                let answer = self.one(path, at, library_path);
                if let Ok(mut answers) = answers.lock() {
                    answers[at] = Some(answer);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        let none = || Answer::NotAsked("its turn never came".to_owned());
        answers.into_inner().unwrap_or_default().into_iter().map(|a| a.unwrap_or_else(none)).collect()
    }

    /// The probe, with what stands before it.
    fn question(&self, library_path: Option<&OsString>) -> Command {
        let mut words: Vec<OsString> = Vec::new();
        if self.apart {
            words.extend(APART.iter().chain(&[THROUGH, "sh"]).map(OsString::from));
        }
        if let Some(path) = library_path {
            // For the probe alone: what stands before it would be loaded by that path too.
            let mut setting = OsString::from("LD_LIBRARY_PATH=");
            setting.push(path);
            words.extend(["env".into(), setting]);
        }
        words.push(self.probe.clone().into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        clean(&mut command);
        command
    }

    fn one(&self, path: &Path, number: usize, library_path: &Option<OsString>) -> Answer {
        let reply = self.replies.join(number.to_string());
        let mut command = self.question(library_path.as_ref());
        command
            .arg(&reply)
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(e) => return Answer::NotAsked(e.to_string()),
        };
        let begin = Instant::now();
        let ended = loop {
            match child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if begin.elapsed() < DEADLINE => std::thread::sleep(Duration::from_millis(2)),
                Ok(None) => break None,
                Err(e) => return Answer::NotAsked(e.to_string()),
            }
        };
        // Whatever the library started is in its group.
        let _ = Command::new("kill")
            .args(["-KILL", "--", &format!("-{}", child.id())])
            .stderr(Stdio::null())
            .status();
        let _ = child.wait();
        let said = std::fs::read(&reply).unwrap_or_default();
        let _ = std::fs::remove_file(&reply);
        match (said.strip_prefix(b"fails\n"), ended) {
            (Some(message), _) => Answer::Refused(message.to_vec()),
            (None, _) if said == b"loads\n" => Answer::Loads,
            (None, None) => Answer::Died(format!("still busy after {} s", DEADLINE.as_secs())),
            (None, Some(status)) => Answer::Died(match (status.signal(), status.code()) {
                (Some(signal), _) => format!("signal {signal}"),
                (None, Some(code)) if self.apart && code > 128 => format!("signal {}", code - 128),
                (None, code) => format!("exit status {}", code.unwrap_or_default()),
            }),
        }
    }
}
