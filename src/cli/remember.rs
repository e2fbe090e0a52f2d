//! Results of whole runs, kept with everything they rest on: a run that would be told the same is not done again.
//! It must never give an old result before every question of that run was asked again and answered in the same way.
//! Questions are those to the disk, with the kernel's own marks of change; all else that a run depends on is in its key.

use std::fmt::Debug;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::cache::Cache;
use super::complain;
use super::exit::{Exit, Failure};
use super::interrupt::Interruption;
use super::report::escape::escaped;
use super::report::output::Sink;
use super::request::{Judging, Run};
use super::session;
use crate::analyzer::audit;
use crate::analyzer::detect::RunningSystem;
use crate::analyzer::host::real::{ByteStore, RealHost};
use crate::analyzer::host::recorded::{Answers, Log};
use crate::analyzer::host::{Host, Opened};
use crate::analyzer::store::sealed::{Label, sum};

/// What a kept result begins with. The format grows with every change of what is kept.
const LABEL: Label = Label { magic: *b"TSVRUN\0\n", format: 2 };
/// Larger results are not kept.
const MOST_BYTES: usize = 64 << 20;
/// A file that changed shortly before a run may change again without another mark: file systems count in steps of up to
/// two seconds. What rests on such a file is not kept.
const STEP: i128 = 2_000_000_000;

/// What is written down while a run is done.
#[derive(Debug, Default)]
pub struct Recording {
    /// What the disk was asked.
    pub log: Arc<Log>,
    /// What this machine's own disk was asked, where the judged one is another: of an SDK.
    pub own: Arc<Log>,
    /// What was printed.
    printed: Mutex<Vec<u8>>,
    /// It was printed for people.
    for_people: AtomicBool,
    /// Something happened that cannot be repeated from a file.
    spoiled: AtomicBool,
}

impl Recording {
    /// The result is not to be kept.
    pub fn spoil(&self) {
        self.spoiled.store(true, Ordering::Relaxed);
    }

    /// Notes what a report consists of.
    pub fn print(&self, bytes: &[u8], for_people: bool) {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        self.for_people.store(for_people, Ordering::Relaxed);
    }
}

/// A kept result.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Everything it depends on besides the disk.
    key: String,
    answers: Vec<(Vec<u8>, Answers)>,
    own: Vec<(Vec<u8>, Answers)>,
    exit: u8,
    for_people: bool,
    printed: Vec<u8>,
}

/// Does `work`, unless its result is known. `asked` is what the command works on.
///
/// # Errors
/// Those of `work`; a cache that cannot be used is only complained about.
pub fn remembered(
    judging: Judging,
    run: Run,
    asked: &dyn Debug,
    work: impl FnOnce(&Judging, &Run) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    // What loading shows depends on more than files.
    let Some(dir) = run.cache.clone().filter(|_| run.probing.is_none()) else { return work(&judging, &run) };
    let cache = match Cache::open(&dir) {
        Ok(cache) => cache,
        Err(why) => {
            let dir = escaped(dir.as_os_str().as_bytes());
            complain(&format!("{dir} is not used as a cache: {why}"));
            return work(&judging, &run);
        }
    };
    let key = key(&judging, &run, asked);
    let name = format!("{:016x}.run", sum(key.as_bytes()));
    let place = cache.place(&name);
    if let Some(exit) = recall(&judging, &run, place.as_os_str().as_bytes(), &key)? {
        return Ok(exit);
    }
    // Whoever's clock is behind decides.
    let begun = [Some(now()), cache.clock()].into_iter().flatten().min().unwrap_or(0);
    let recording = Arc::new(Recording::default());
    let judging = Judging { recording: Some(Arc::clone(&recording)), ..judging };
    let run = Run { recording: Some(Arc::clone(&recording)), ..run };
    let exit = work(&judging, &run)?;
    keep(&cache, &name, key, &recording, exit, begun);
    Ok(exit)
}

fn keep(cache: &Cache, name: &str, key: String, recording: &Recording, exit: Exit, begun: i128) {
    if recording.spoiled.load(Ordering::Relaxed) || !matches!(exit, Exit::Clean | Exit::Broken) {
        return;
    }
    let (answers, own) = (recording.log.seen(), recording.own.seen());
    let settled = |a: &Answers| !a.unstable && a.changed_at().is_none_or(|at| at < begun - STEP);
    if !answers.iter().chain(&own).all(|(_, a)| settled(a)) {
        return;
    }
    let printed = recording.printed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let for_people = recording.for_people.load(Ordering::Relaxed);
    let kept = Kept { key, answers, own, exit: exit.status(), for_people, printed };
    if let Ok(bytes) = postcard::to_stdvec(&kept)
        && bytes.len() <= MOST_BYTES
    {
        cache.put(name, &LABEL.seal(&bytes));
    }
}

/// Reports a kept result, if there is one and it still holds.
fn recall(judging: &Judging, run: &Run, place: &[u8], key: &str) -> Result<Option<Exit>, Failure> {
    let store = ByteStore::new();
    let Ok(Opened::File(_, bytes)) = RealHost::new(&store).open(place) else { return Ok(None) };
    // Damaged, of another program, of another request with the same checksum: as if it were not there.
    let Ok((contents, _)) = LABEL.open(bytes) else { return Ok(None) };
    let Ok(kept) = postcard::from_bytes::<Kept>(contents) else { return Ok(None) };
    let exit = match kept.exit {
        0 => Exit::Clean,
        7 => Exit::Broken,
        _ => return Ok(None),
    };
    if kept.key != key {
        return Ok(None);
    }
    let files = ByteStore::new();
    let machine = session::machine(&files, judging)?;
    let host = machine.host.as_ref();
    let own = RealHost::new(&files);
    let hold = || {
        audit::all(&kept.answers, |(path, answers)| answers.hold(host, path))
            && audit::all(&kept.own, |(path, answers)| answers.hold(&own, path))
    };
    if !session::threads(run.jobs)?.install(hold) {
        return Ok(None);
    }
    if !kept.printed.is_empty() || run.output.is_some() {
        let mut out = if kept.for_people { Sink::people(run)? } else { Sink::data(run)? };
        out.write_all(&kept.printed)?;
        out.finish()?;
    }
    Ok(Some(exit))
}

/// Everything besides the disk that a result depends on, in words.
fn key(judging: &Judging, run: &Run, asked: &dyn Debug) -> String {
    let store = ByteStore::new();
    let host = RealHost::new(&store);
    let marks = |path: &[u8]| host.stat(path);
    let all = judging.profiles.iter().chain(&judging.host_profile);
    let profiles: Vec<_> = all.map(|p| marks(p.as_os_str().as_bytes())).collect();
    let groups = rustix::process::getgroups().unwrap_or_default();
    let ids = (rustix::process::geteuid(), rustix::process::getegid(), groups);
    let interruption = Interruption::default();
    let run = Run { jobs: None, output: None, cache: None, watched: false, interruption, ..run.clone() };
    let program = (env!("CARGO_PKG_VERSION"), marks(b"/proc/self/exe"));
    let system = RunningSystem::read(&host);
    format!("{program:?} {system:?} {ids:?} {judging:?} {profiles:?} {run:?} {asked:?}")
}

/// Nanoseconds since the epoch.
fn now() -> i128 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}
