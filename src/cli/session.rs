//! The analyzer set up as the request asks: host, loader model, reference process, threads.
//! It must never judge or print; it lends everything to a command for as long as that runs.
//! The order is that of the data flow: disk, model, process.

use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::exit::Failure;
use super::macos;
use super::report::escape::escaped;
use super::request::Judging;
use super::times;
use crate::analyzer::call;
use crate::analyzer::detect::{self, DetectError, DetectRequest, RunningSystem};
use crate::analyzer::disk::Disk;
use crate::analyzer::dyld;
use crate::analyzer::host::real::{ByteStore, RealHost};
use crate::analyzer::host::recorded::Recorder;
use crate::analyzer::host::stored::{StoredHost, Visible};
use crate::analyzer::host::{Host, Opened};
use crate::analyzer::link_map::Process;
use crate::analyzer::loader_model::cpu::Cpu;
use crate::analyzer::loader_model::{
    Distribution, GlibcVersion, LoaderChoice, LoaderModel, ModelReport, static_tls_surplus,
};
use crate::analyzer::loaders::Loaders;
use crate::analyzer::process::Start;
use crate::analyzer::store::profile::Profile;
use crate::analyzer::timings::{self, Phase, Timings};

/// What a command works with.
pub struct Session<'s, 'h> {
    /// The disk access.
    pub host: &'s dyn Host<'h>,
    /// The loader's model.
    pub model: &'s LoaderModel,
    /// The files read so far.
    pub disk: &'s Disk<'s, 'h>,
    /// Who judges which file.
    pub loaders: &'s Loaders<'s, 'h>,
    /// What the process consists of.
    start: &'s Start,
    /// How the loader of another libc is looked for, if files made for it are judged by it.
    looking: Option<&'s DetectRequest>,
    /// Who judges Mach-O files.
    rooms: &'s dyld::Rooms<'s, 'h>,
}

/// The search path of a process in the variables of the loaders there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LibraryPath {
    /// `LD_LIBRARY_PATH`.
    pub elf: Option<Vec<u8>>,
    /// `DYLD_LIBRARY_PATH`.
    pub macho: Option<Vec<u8>>,
}

impl<'h> Session<'_, 'h> {
    /// Runs `work` for a process started with another search path. What this session read of ELF files is read for that
    /// one too.
    ///
    /// # Errors
    /// No such process starts.
    pub fn with_library_path<R>(
        &self,
        path: &LibraryPath,
        work: impl FnOnce(&Session<'_, 'h>) -> R,
    ) -> Result<R, Failure> {
        let disk = self.disk.with_library_path(path.elf.clone());
        let process = started(&disk, self.start)?;
        let rooms = self.rooms.with_library_path(path.macho.as_deref());
        let mut loaders = Loaders::only(&disk, &process);
        if self.loaders.judges_macos() {
            loaders = loaders.with_macos(&rooms);
        }
        if let Some(request) = self.looking {
            let mut request = request.clone();
            request.env.retain(|(name, _)| name != b"LD_LIBRARY_PATH");
            request.env.extend(path.elf.iter().map(|path| (b"LD_LIBRARY_PATH".to_vec(), path.clone())));
            loaders = loaders.with_others(self.host, request);
        }
        let (host, start, looking) = (self.host, self.start, self.looking);
        let model = disk.model();
        Ok(work(&Session { host, model, disk: &disk, loaders: &loaders, start, looking, rooms: &rooms }))
    }
}

fn started<'h>(disk: &Disk<'_, 'h>, start: &Start) -> Result<Process<'h>, Failure> {
    call::start(disk, start).map_err(|e| Failure::Unable(escaped(e.to_string().as_bytes())))
}

/// The machine a run is about: this one, a root in it, or another one by its profile.
pub struct Machine<'h> {
    /// Its disk.
    pub host: Box<dyn Host<'h> + 'h>,
    /// Its kernel and processor.
    system: RunningSystem,
    /// The host program its profile was saved for.
    program: Option<Vec<u8>>,
}

impl Machine<'_> {
    /// What is looked for, and what the judged process has.
    pub fn request(&self, judging: &Judging) -> DetectRequest {
        let target = judging.target.unwrap_or_default();
        DetectRequest {
            libc: target.libc,
            machine: target.machine,
            interpreter: None,
            cpu: judging.cpu.clone(),
            env: judging.env.clone(),
            cwd: judging.cwd.clone(),
            uid: judging.uid,
            system: Some(self.system.clone()),
        }
    }
}

/// Finds out which loader is meant, for whoever wants to know.
///
/// # Errors
/// The root is no directory, or no loader can be made out.
pub fn describe(machine: &Machine<'_>, judging: &Judging) -> Result<ModelReport, Failure> {
    let host = machine.host.as_ref();
    let wanted = macos::wanted(host, judging)?;
    if wanted.named {
        let rooms = dyld::Rooms::new(host, host, wanted);
        return Ok(ModelReport::Dyld(rooms.main().files.model().describe()));
    }
    Ok(model(machine, judging)?.describe())
}

/// Finds out which loader is meant.
///
/// # Errors
/// The root is no directory, or no loader can be made out.
pub fn model(machine: &Machine<'_>, judging: &Judging) -> Result<LoaderModel, Failure> {
    let (host, request) = (machine.host.as_ref(), &machine.request(judging));
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
    let libc = choice.map(LoaderChoice::libc).or(request.libc);
    let found = detect::detect(host, &DetectRequest { libc, ..request.clone() }).map_err(|e| match e {
        DetectError::Cpu(unknown) => Failure::Usage(unknown.to_string()),
        other => Failure::Unable(escaped(other.to_string().as_bytes())),
    })?;
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

/// The machine as the request sees it. Of several profiles it is the first.
///
/// # Errors
/// The profile cannot be used.
pub fn machine<'h>(store: &'h ByteStore, judging: &Judging) -> Result<Machine<'h>, Failure> {
    let machine = unrecorded(store, judging)?;
    let Some(recording) = &judging.recording else { return Ok(machine) };
    let host = Recorder::new(machine.host, Arc::clone(&recording.log));
    Ok(Machine { host: Box::new(host), ..machine })
}

fn unrecorded<'h>(store: &'h ByteStore, judging: &Judging) -> Result<Machine<'h>, Failure> {
    let mut real = RealHost::new(store);
    if !judging.mmap {
        real = real.without_mmap();
    }
    if let Some(path) = judging.profiles.first() {
        return stored(store, real, path, judging);
    }
    // The kernel and the processor are those of the machine, whatever stands for `/`.
    let system = RunningSystem::read(&real);
    let mut host = real.at(&judging.cwd);
    if let Some(root) = &judging.root {
        // A process inside the root has the devices of the kernel, not those of an unpacked image.
        let mut binds = judging.binds.clone();
        binds.push("/dev".into());
        host = host.inside(root.clone(), &binds);
    }
    Ok(Machine { host: Box::new(host), system, program: None })
}

fn unusable(profile: &Path, why: &str) -> Failure {
    let name = escaped(profile.as_os_str().as_bytes());
    Failure::Unable(format!("cannot use the profile {name}: {why}"))
}

/// A profile, read.
fn profile<'h>(real: &RealHost<'h>, path: &Path) -> Result<Profile<'h>, Failure> {
    match real.open(path.as_os_str().as_bytes()) {
        Ok(Opened::File(_, bytes)) => {
            Profile::read(bytes).map_err(|fault| unusable(path, &fault.to_string()))
        }
        Ok(_) => Err(unusable(path, "it is no file")),
        Err(errno) => Err(unusable(path, &errno.to_string())),
    }
}

/// The machine of a profile.
fn stored<'h>(
    store: &'h ByteStore,
    real: RealHost<'h>,
    path: &Path,
    judging: &Judging,
) -> Result<Machine<'h>, Failure> {
    let mut profile = profile(&real, path)?;
    if let Some(other) = &judging.host_profile {
        profile = profile.with_program_of(self::profile(&real, other)?);
    }
    let program = profile.program().map(<[u8]>::to_vec).filter(|_| judging.in_host);
    if judging.in_host && program.is_none() {
        let named = judging.host_profile.as_deref().unwrap_or(path);
        let why = "it was saved without a host program (loader --save FILE --host PROGRAM)";
        return Err(unusable(named, why));
    }
    let mut paths = judging.binds.clone();
    paths.push("/dev".into());
    let visible = if judging.binds.is_empty() {
        paths.extend(judging.shown.iter().cloned());
        Visible::Beyond(paths)
    } else {
        Visible::Only(paths)
    };
    let system = profile.system().clone();
    let host = StoredHost::new(store, profile, &visible, real, &judging.cwd);
    Ok(Machine { host: Box::new(host), system, program })
}

/// The threads of a run.
///
/// # Errors
/// They cannot be started.
pub fn threads(jobs: Option<usize>) -> Result<rayon::ThreadPool, Failure> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(jobs.unwrap_or(0))
        .build()
        .map_err(|e| Failure::Unable(format!("cannot start the threads: {e}")))
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
    let machine = machine(&store, judging)?;
    let host = machine.host.as_ref();
    // The SDK is this machine's, whatever the root is.
    let own: Box<dyn Host<'_> + '_> = match &judging.recording {
        Some(recording) => Box::new(Recorder::new(RealHost::new(&store), Arc::clone(&recording.own))),
        None => Box::new(RealHost::new(&store)),
    };
    let wanted = macos::wanted(host, judging)?;
    let model = timings::time(timings.as_ref(), Phase::Model, || {
        if wanted.named { Ok(macos::nobody(judging)) } else { model(&machine, judging) }
    })?;
    let rooms = dyld::Rooms::new(host, own.as_ref(), wanted);
    let disk = ManuallyDrop::new(Disk::new(host, &model).timed(timings.as_ref()));
    let program = judging.host.clone().or_else(|| machine.program.clone());
    let start = match rooms.named() || rooms.has_program() {
        true => Start::default(),
        false => Start { program, preloaded: judging.preloaded.clone() },
    };
    let process = timings::time(timings.as_ref(), Phase::Process, || started(&disk, &start))?;
    let request = machine.request(judging);
    let mut loaders = Loaders::only(&disk, &process);
    // A machine of Linux has no dyld: what a target names is all there is.
    if judging.target.is_none() && judging.loader.as_deref().is_none_or(macos::is_name) {
        loaders = loaders.with_macos(&rooms);
    }
    // A loader that is named is asked about everything, and a target that is named is the only one.
    let looking =
        (judging.loader.is_none() && judging.target.is_none() && !rooms.named()).then_some(&request);
    if let Some(request) = looking {
        loaders = loaders.with_others(host, request.clone());
    }
    let rooms = &rooms;
    let session =
        Session { host, model: &model, disk: &disk, loaders: &loaders, start: &start, looking, rooms };
    let done = on_threads(jobs, || work(&session))?;
    if let Some(timings) = &timings {
        times::tell(timings, &store, begin.elapsed());
    }
    match (done, store.changed().len()) {
        (Ok(_), changed @ 1..) => Err(Failure::Unable(format!(
            "{changed} files changed while they were read; what is said about them may be wrong"
        ))),
        (done, _) => done,
    }
}

/// Runs `work` where `jobs` threads wait for parallel parts, this one among them.
fn on_threads<R: Send>(jobs: Option<usize>, work: impl FnOnce() -> R + Send) -> Result<R, Failure> {
    let ours = rayon::ThreadPoolBuilder::new().num_threads(jobs.unwrap_or(0)).use_current_thread();
    match ours.build() {
        Ok(_alive) => Ok(work()),
        // A thread can only be of one pool, and was of one before.
        Err(_) => Ok(threads(jobs)?.install(work)),
    }
}
