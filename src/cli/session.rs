//! The analyzer set up as the request asks: host, loader model, reference process, threads.
//! It must never judge or print; it lends everything to a command for as long as that runs.
//! The order is that of the data flow: disk, model, process.

use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

use super::complain;
use super::exit::Failure;
use super::report::escape::escaped;
use super::request::Judging;
use super::times;
use crate::analyzer::call;
use crate::analyzer::detect::{self, DetectError, DetectRequest, RunningSystem};
use crate::analyzer::disk::Disk;
use crate::analyzer::host::Host;
use crate::analyzer::host::real::{ByteStore, RealHost};
use crate::analyzer::link_map::Process;
use crate::analyzer::loader_model::cpu::Cpu;
use crate::analyzer::loader_model::{
    Distribution, GlibcVersion, LibcKind, LoaderChoice, LoaderModel, static_tls_surplus,
};
use crate::analyzer::loaders::Loaders;
use crate::analyzer::process::Start;
use crate::analyzer::timings::{self, Phase, Timings};

/// What a command works with.
pub struct Session<'s, 'h> {
    /// The disk access.
    pub host: &'s RealHost<'h>,
    /// The loader's model.
    pub model: &'s LoaderModel,
    /// The files read so far.
    pub disk: &'s Disk<'s, 'h>,
    /// Who judges which file.
    pub loaders: &'s Loaders<'s, 'h>,
    /// What the process consists of.
    start: &'s Start,
}

impl<'h> Session<'_, 'h> {
    /// Runs `work` for a process started with another LD_LIBRARY_PATH. What this session read is read for that one too.
    ///
    /// # Errors
    /// No such process starts.
    pub fn with_library_path<R>(
        &self,
        path: Option<Vec<u8>>,
        work: impl FnOnce(&Session<'_, 'h>) -> R,
    ) -> Result<R, Failure> {
        let disk = self.disk.with_library_path(path);
        let process = started(&disk, self.start)?;
        let loaders = Loaders::only(&disk, &process);
        Ok(work(&Session { host: self.host, model: disk.model(), disk: &disk, loaders: &loaders, ..*self }))
    }
}

fn started<'h>(disk: &Disk<'_, 'h>, start: &Start) -> Result<Process<'h>, Failure> {
    call::start(disk, start).map_err(|e| Failure::Unable(escaped(e.to_string().as_bytes())))
}

/// What is looked for, and what the judged process has.
fn request(store: &ByteStore, judging: &Judging) -> DetectRequest {
    DetectRequest {
        libc: None,
        machine: None,
        interpreter: None,
        cpu: judging.cpu.clone(),
        env: judging.env.clone(),
        cwd: judging.cwd.clone(),
        uid: judging.uid,
        // The kernel and the processor are those of the machine, whatever stands for `/`.
        system: Some(RunningSystem::read(&RealHost::new(store))),
    }
}

/// Finds out which loader is meant.
///
/// # Errors
/// The root is no directory, or no loader can be made out.
pub fn model(store: &ByteStore, host: &RealHost<'_>, judging: &Judging) -> Result<LoaderModel, Failure> {
    detected(host, judging, &request(store, judging))
}

fn detected(host: &RealHost<'_>, judging: &Judging, request: &DetectRequest) -> Result<LoaderModel, Failure> {
    if let Some(root) = &judging.root
        && let Err(errno) = host.list(b"/")
    {
        let root = escaped(root.as_os_str().as_bytes());
        return Err(Failure::Unable(format!("cannot use {root} as the root: {errno}")));
    }
    let choice = match &judging.loader {
        Some(name) => Some(name.parse::<LoaderChoice>().map_err(|e| Failure::Usage(e.to_string()))?),
        None => None,
    };
    let libc = choice.map(LoaderChoice::libc);
    let found = detect::detect(host, &DetectRequest { libc, ..request.clone() }).map_err(|e| match e {
        DetectError::Cpu(unknown) => Failure::Usage(unknown.to_string()),
        other => Failure::Unable(escaped(other.to_string().as_bytes())),
    })?;
    if found.kind() == LibcKind::Musl {
        let path = escaped(&found.interpreter);
        return Err(Failure::Unable(format!("the loader is musl's ({path}), which is not modelled here")));
    }
    match choice {
        Some(LoaderChoice::Glibc { version, distribution }) => {
            let distribution = distribution.unwrap_or(found.distribution);
            replaced(found, version, distribution, request)
        }
        Some(LoaderChoice::Musl(version)) => Ok(found.with_musl_version(version)),
        None => Ok(found),
    }
}

/// Another release's rules in the place of the loader found: directories, cache and processor stay.
fn replaced(
    found: LoaderModel,
    version: GlibcVersion,
    distribution: Distribution,
    request: &DetectRequest,
) -> Result<LoaderModel, Failure> {
    let mut model = LoaderModel::default_for(found.machine, version, distribution);
    let cpu = match &request.cpu {
        Some(name) => Cpu::named(found.machine, name).map_err(|e| Failure::Usage(e.to_string()))?,
        None => request
            .system
            .as_ref()
            .and_then(|s| s.cpu_for(found.machine))
            .unwrap_or_else(|| Cpu::baseline(found.machine)),
    };
    model.env = detect::environment(&request.env, version, &model.package);
    model.env.preload.clone_from(&found.env.preload);
    model.static_tls_surplus = static_tls_surplus(&model.rules, &model.env);
    model.float_abi = found.float_abi;
    model.page_size = found.page_size;
    model.kernel = found.kernel;
    model.interpreter = found.interpreter;
    model.system_dirs = found.system_dirs;
    model.lib = found.lib;
    model.cache = found.cache;
    model.cwd = found.cwd;
    model.uid = found.uid;
    model.set_cpu(&cpu);
    Ok(model)
}

/// The disk as the request sees it.
pub fn host<'h>(store: &'h ByteStore, judging: &Judging) -> RealHost<'h> {
    let mut host = RealHost::new(store).at(&judging.cwd);
    if let Some(root) = &judging.root {
        // A process inside the root has the devices of the kernel, not those of an unpacked image.
        let mut binds = judging.binds.clone();
        binds.push("/dev".into());
        host = host.inside(root.clone(), &binds);
    }
    if !judging.mmap {
        host = host.without_mmap();
    }
    host
}

/// Runs `work` with everything in place, on `jobs` threads.
///
/// # Errors
/// What keeps the process from being built, or what `work` gives.
pub fn with<R: Send>(
    judging: &Judging,
    jobs: Option<usize>,
    work: impl FnOnce(&Session<'_, '_>) -> Result<R, Failure> + Send,
) -> Result<R, Failure> {
    let timings = judging.timings.then(Timings::default);
    let begin = Instant::now();
    // The process ends behind this: nothing of what was read is taken apart piece by piece.
    let store = ManuallyDrop::new(ByteStore::new());
    let host = host(&store, judging);
    let request = request(&store, judging);
    let model = timings::time(timings.as_ref(), Phase::Model, || detected(&host, judging, &request))?;
    let disk = ManuallyDrop::new(Disk::new(&host, &model).timed(timings.as_ref()));
    let start = Start { program: judging.host.clone(), preloaded: judging.preloaded.clone() };
    let process = timings::time(timings.as_ref(), Phase::Process, || started(&disk, &start))?;
    let loaders = Loaders::only(&disk, &process);
    let session = Session { host: &host, model: &model, disk: &disk, loaders: &loaders, start: &start };
    let done = on_threads(jobs, || work(&session))?;
    let changed = store.changed().len();
    if changed > 0 {
        complain(&format!(
            "{changed} files changed while they were read; what is said about them may be wrong"
        ));
    }
    if let Some(timings) = &timings {
        times::tell(timings, &store, begin.elapsed());
    }
    done
}

/// Runs `work` where `jobs` threads wait for parallel parts, this one among them.
fn on_threads<R: Send>(jobs: Option<usize>, work: impl FnOnce() -> R + Send) -> Result<R, Failure> {
    let pool = || rayon::ThreadPoolBuilder::new().num_threads(jobs.unwrap_or(0));
    let failed = |e| Failure::Unable(format!("cannot start the threads: {e}"));
    match pool().use_current_thread().build() {
        Ok(_alive) => Ok(work()),
        // A thread can only be of one pool, and was of one before.
        Err(_) => Ok(pool().build().map_err(failed)?.install(work)),
    }
}
