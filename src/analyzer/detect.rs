//! Knows how to find the loader of a root and to read its model from files: ld.so, libc.so.6, the cache, the preload list.
//! It must never run anything, and never ask our own environment: what the judged process has comes with the request.
//! What it reads was compiled in by glibc's `elf/Makefile` (trusted-dirs.h), `csu/version.c` and `elf/dl-load.c`.

mod binary;
mod env;
mod freshness;
mod musl;
mod system;

use thiserror::Error;

use super::host::{Errno, Host, Opened};
use super::ldcache::LdCache;
use super::loader_model::cpu::{Cpu, UnknownCpu};
use super::loader_model::{
    Distribution, GlibcVersion, LibcKind, LoaderModel, interpreters, multiarch, rseq_area, static_tls_surplus,
};
use super::model::Machine;
use binary::{Banner, Identity};
use env::split;

pub use binary::traces;
pub use env::environment;
pub use freshness::changed_since;
pub use system::RunningSystem;

/// What is to be detected, and what the judged process has.
#[derive(Clone, Debug)]
pub struct DetectRequest {
    /// Whose loader is meant; without it glibc's, and musl's where there is no glibc.
    pub libc: Option<LibcKind>,
    /// The machine whose loader is meant; without it that of the running system, then any.
    pub machine: Option<Machine>,
    /// Path of ld.so inside the root, if not the usual one.
    pub interpreter: Option<Vec<u8>>,
    /// Name of a processor (`--cpu`); without it the running one if it suits the machine, else the baseline.
    pub cpu: Option<String>,
    /// Environment of the judged process.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// Its working directory, absolute.
    pub cwd: Vec<u8>,
    /// Its user.
    pub uid: u32,
    /// The system the judged process runs on, if it is this one.
    pub system: Option<RunningSystem>,
}

/// Why no model could be made.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DetectError {
    /// There is no loader.
    #[error("no {libc} loader found: looked for {}", looked_for.join(", "))]
    NoLoader {
        /// Of which libc.
        libc: &'static str,
        /// The paths and patterns tried.
        looked_for: Vec<String>,
    },
    /// The loader named cannot be read.
    #[error("{path}: {errno}")]
    Unreadable {
        /// Its path.
        path: String,
        /// Why.
        errno: Errno,
    },
    /// The file named is not a loader of a machine that is modelled.
    #[error("{path}: not a loader of {wanted}")]
    NotALoader {
        /// Its path.
        path: String,
        /// The machine asked for.
        wanted: String,
    },
    /// Neither the loader nor, for glibc, libc.so.6 tells its version.
    #[error("{path}: no version of its libc found in it, nor in libc.so.6 of its directories")]
    NoVersion {
        /// Path of the loader.
        path: String,
    },
    /// A version older than every one modelled.
    #[error("glibc {version} ({path}) is older than {oldest}, the oldest modelled", oldest = GlibcVersion::OLDEST)]
    TooOld {
        /// Path of ld.so.
        path: String,
        /// Its version.
        version: GlibcVersion,
    },
    /// No such processor.
    #[error(transparent)]
    Cpu(#[from] UnknownCpu),
}

/// A loader binary that was found.
struct Found<'h> {
    path: Vec<u8>,
    bytes: &'h [u8],
    identity: Identity,
}

/// Makes the model of the loader of a root.
///
/// # Errors
/// When there is no loader there, or it does not tell enough.
pub fn detect<'h>(host: &dyn Host<'h>, request: &DetectRequest) -> Result<LoaderModel, DetectError> {
    match request.libc {
        Some(LibcKind::Glibc) => glibc(host, request),
        Some(LibcKind::Musl) => musl::detect(host, request),
        None => match glibc(host, request) {
            Err(fault @ (DetectError::NoLoader { .. } | DetectError::NotALoader { .. })) => {
                musl::detect(host, request).map_err(|_| fault)
            }
            other => other,
        },
    }
}

fn glibc<'h>(host: &dyn Host<'h>, request: &DetectRequest) -> Result<LoaderModel, DetectError> {
    let found = find(host, request)?;
    let machine = found.identity.machine;
    let own_dirs = binary::system_dirs(found.bytes);
    let libc = own_dirs.iter().cloned().chain(library_dirs(machine)).find_map(|dir| {
        let bytes = file(host, &[dir.as_slice(), b"libc.so.6"].concat())?;
        (binary::identify(bytes)?.machine == machine).then_some(bytes)
    });
    let banner = Banner::of(found.bytes)
        .or_else(|| Banner::of(libc?))
        .or_else(|| banner_of_name(host, &found.path))
        .ok_or_else(|| DetectError::NoVersion { path: display(&found.path) })?;
    if banner.version < GlibcVersion::OLDEST {
        return Err(DetectError::TooOld { path: display(&found.path), version: banner.version });
    }
    let distribution = distribution(host, machine, &banner, &own_dirs);
    let mut model = LoaderModel::default_for(machine, banner.version, distribution);
    model.package = banner.package;
    model.float_abi = found.identity.float_abi;
    model.cwd.clone_from(&request.cwd);
    model.uid = request.uid;
    model.rules.refine(&model.package);
    if let Some(evidence) = binary::evidence(found.bytes, libc) {
        model.rules.apply(&evidence, machine);
    }
    if let Some(first) = own_dirs.first() {
        model.lib = binary::lib(found.bytes, first);
        model.system_dirs = own_dirs;
    }
    let file_named = |name: &str| {
        let path =
            binary::path_ending(found.bytes, name).unwrap_or_else(|| format!("/etc/{name}").into_bytes());
        file(host, &path)
    };
    // A cache the loader ignores is the same as none.
    model.cache =
        file_named("ld.so.cache").and_then(|b| LdCache::parse(b.to_vec(), found.identity.big_endian).ok());
    model.env = environment(&request.env, banner.version, &model.package);
    model.env.preload.extend(env::preload_list(file_named("ld.so.preload").unwrap_or_default()));
    model.static_tls_surplus = static_tls_surplus(&model.rules, &model.env);
    model.interpreter = found.path;
    let cpu = match &request.cpu {
        Some(name) => Cpu::named(machine, name)?,
        None => request
            .system
            .as_ref()
            .and_then(|system| system.cpu_for(machine))
            .unwrap_or_else(|| Cpu::baseline(machine)),
    };
    model.set_cpu(&cpu);
    if let Some(system) = request.system.as_ref().filter(|system| system.runs(machine)) {
        model.page_size = system.page_size;
        model.kernel = system.kernel;
        let (size, align) = system.rseq;
        (model.static_tls_extra, model.static_tls_extra_align) = rseq_area(banner.version, size, align);
    }
    Ok(model)
}

/// Finds ld.so: where programs expect it, then anywhere in the library directories.
fn find<'h>(host: &dyn Host<'h>, request: &DetectRequest) -> Result<Found<'h>, DetectError> {
    if let Some(path) = &request.interpreter {
        let bytes = match host.open(path) {
            Ok(Opened::File(_, bytes)) => bytes,
            Ok(Opened::Other(_)) => return Err(not_a_loader(path, request)),
            Ok(Opened::Changed(_)) => {
                return Err(DetectError::Unreadable { path: display(path), errno: Errno::EIO });
            }
            Err(errno) => return Err(DetectError::Unreadable { path: display(path), errno }),
        };
        let identity = binary::identify(bytes).filter(|identity| suits(identity, request));
        let identity =
            identity.filter(|_| !musl::is_musl(bytes)).ok_or_else(|| not_a_loader(path, request))?;
        return Ok(Found { path: path.clone(), bytes, identity });
    }
    let mut machines: Vec<Machine> = request.machine.map_or_else(
        || request.system.iter().filter_map(|system| system.machine).chain(Machine::ALL).collect(),
        |machine| vec![machine],
    );
    machines.dedup();
    let mut looked_for = Vec::new();
    for &machine in &machines {
        for path in interpreters(machine) {
            looked_for.push((*path).to_owned());
            if let Some(found) = glibc_candidate(host, path.as_bytes(), request) {
                return Ok(found);
            }
        }
    }
    for &machine in &machines {
        for dir in library_dirs(machine) {
            let mut names: Vec<_> =
                host.list(&dir).unwrap_or_default().into_iter().map(|entry| entry.name).collect();
            names.sort();
            for name in names.into_iter().filter(|name| looks_like_a_loader(name)) {
                if let Some(found) = glibc_candidate(host, &[dir.as_slice(), &name].concat(), request) {
                    return Ok(found);
                }
            }
        }
    }
    // A root that is not there at all deserves its own word.
    host.stat(b"/").map_err(|errno| DetectError::Unreadable { path: "/".to_owned(), errno })?;
    looked_for.push("ld-linux*.so.*, ld64.so.* or ld-2.*.so in the library directories".to_owned());
    Err(DetectError::NoLoader { libc: "glibc", looked_for })
}

fn candidate<'h>(host: &dyn Host<'h>, path: &[u8], request: &DetectRequest) -> Option<Found<'h>> {
    let bytes = file(host, path)?;
    let identity = binary::identify(bytes).filter(|identity| suits(identity, request))?;
    Some(Found { path: path.to_vec(), bytes, identity })
}

/// Where musl's loader stands under glibc's name (for programs that ask for it), there is no glibc.
fn glibc_candidate<'h>(host: &dyn Host<'h>, path: &[u8], request: &DetectRequest) -> Option<Found<'h>> {
    candidate(host, path, request).filter(|found| !musl::is_musl(found.bytes))
}

fn suits(identity: &Identity, request: &DetectRequest) -> bool {
    request.machine.is_none_or(|wanted| wanted == identity.machine)
}

fn not_a_loader(path: &[u8], request: &DetectRequest) -> DetectError {
    let wanted = request.machine.map_or("a known machine", Machine::name);
    DetectError::NotALoader { path: display(path), wanted: wanted.to_owned() }
}

fn looks_like_a_loader(name: &[u8]) -> bool {
    let versioned = name.starts_with(b"ld-2.") && name.ends_with(b".so");
    versioned || name.starts_with(b"ld-linux") || name.starts_with(b"ld64.so.")
}

/// Where a libc may live, each with a trailing slash.
fn library_dirs(machine: Machine) -> impl Iterator<Item = Vec<u8>> {
    let own = multiarch(machine);
    let dirs = [format!("/lib/{own}/"), format!("/usr/lib/{own}/")];
    dirs.into_iter()
        .chain(["/lib64/", "/usr/lib64/", "/lib/", "/usr/lib/"].map(str::to_owned))
        .map(String::into_bytes)
}

fn file<'h>(host: &dyn Host<'h>, path: &[u8]) -> Option<&'h [u8]> {
    match host.open(path) {
        Ok(Opened::File(_, bytes)) => Some(bytes),
        _ => None,
    }
}

fn display(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// The version in a link like `ld-linux-x86-64.so.2 -> ld-2.31.so`, the custom up to 2.33.
fn banner_of_name(host: &dyn Host<'_>, path: &[u8]) -> Option<Banner> {
    let target = host.readlink(path).unwrap_or_else(|_| path.to_vec());
    let name = target.rsplit(|&b| b == b'/').next()?;
    let minor = std::str::from_utf8(name.strip_prefix(b"ld-2.")?.strip_suffix(b".so")?).ok()?;
    Some(Banner {
        version: GlibcVersion { minor: minor.parse().ok()? },
        package: String::new(),
        vendor: String::new(),
    })
}

/// Whose patches: the banner says it; a silent one is Debian's if the directories are or the root says so.
fn distribution(host: &dyn Host<'_>, machine: Machine, banner: &Banner, dirs: &[Vec<u8>]) -> Distribution {
    if matches!(banner.vendor.as_str(), "Debian" | "Ubuntu") {
        return Distribution::Debian;
    }
    let multiarch =
        dirs.first().is_some_and(|dir| *dir == format!("/lib/{}/", multiarch(machine)).into_bytes());
    let release =
        [b"/etc/os-release".as_slice(), b"/usr/lib/os-release"].into_iter().find_map(|path| file(host, path));
    let derived = dirs.is_empty() && release.is_some_and(env::is_debian);
    if multiarch || derived { Distribution::Debian } else { Distribution::Upstream }
}

#[cfg(test)]
mod tests;
