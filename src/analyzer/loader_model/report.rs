//! Knows how a loader is told to people and programs: every input of the prediction, flat and printable.
//! It must never decide anything or leave out an input that can change a verdict.
//! The field names are the program's own; glibc's `ld.so --list-diagnostics` prints the same facts under other names.

use serde::Serialize;

use super::{Distribution, GlibcVersion, Libc, LoaderModel, MuslModel, MuslVersion, PathFile, Rules};
use crate::analyzer::dyld::DyldReport;

/// A loader model as reports show it: each kind with what it has. Paths are displayed lossily; the model itself keeps their bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ModelReport {
    /// glibc's.
    Glibc(Box<GlibcReport>),
    /// musl's.
    Musl(MuslReport),
    /// macOS's.
    Dyld(DyldReport),
}

impl ModelReport {
    /// Flavour and release, as in `glibc 2.36`.
    pub fn title(&self) -> String {
        match self {
            ModelReport::Glibc(m) => format!("glibc {}", m.version),
            ModelReport::Musl(m) => format!("musl {}", m.version),
            ModelReport::Dyld(m) => format!("dyld {} of macOS {}", m.version, m.macos),
        }
    }

    /// Path of the loader inside the root.
    pub fn interpreter(&self) -> &str {
        match self {
            ModelReport::Glibc(m) => &m.interpreter,
            ModelReport::Musl(m) => &m.interpreter,
            ModelReport::Dyld(_) => "/usr/lib/dyld",
        }
    }

    /// Entries of the loader's cache; none without one.
    pub fn cache_entries(&self) -> Option<usize> {
        match self {
            ModelReport::Glibc(m) => m.cache_entries,
            ModelReport::Musl(_) | ModelReport::Dyld(_) => None,
        }
    }
}

/// A musl loader as reports show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MuslReport {
    /// `musl`.
    pub flavour: &'static str,
    /// The release.
    pub version: MuslVersion,
    /// Machine name.
    pub machine: &'static str,
    /// Path of the loader, which is libc too.
    pub interpreter: String,
    /// Page size.
    pub page_size: u64,
    /// The system path, in search order.
    pub system_dirs: Vec<String>,
    /// Where the system path comes from: `default`, `file`, or `unreadable`.
    pub path_file: &'static str,
    /// `LD_LIBRARY_PATH`.
    pub library_path: Option<String>,
    /// Objects preloaded.
    pub preload: Vec<String>,
    /// Working directory of the judged process.
    pub cwd: String,
    /// User of the judged process.
    pub uid: u32,
    /// What this release does differently.
    pub rules: MuslRules,
}

/// Version dependent behaviour of musl, one flag a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MuslRules {
    /// DT_RELR is applied.
    pub relr: bool,
    /// LFS64 names are mapped to the names without `64`.
    pub maps_lfs64: bool,
    /// Segments without pages are no error.
    pub maps_empty_segments: bool,
}

/// A glibc loader as reports show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GlibcReport {
    /// `glibc`.
    pub flavour: &'static str,
    /// The release.
    pub version: GlibcVersion,
    /// Whose patches.
    pub distribution: Distribution,
    /// Package version from the banner, if known.
    pub package: Option<String>,
    /// Machine name.
    pub machine: &'static str,
    /// Processor assumed.
    pub cpu: String,
    /// Path of ld.so.
    pub interpreter: String,
    /// Page size.
    pub page_size: u64,
    /// Default directories in search order.
    pub system_dirs: Vec<String>,
    /// `$LIB`.
    pub lib: String,
    /// `$PLATFORM`.
    pub platform: Option<String>,
    /// Active `glibc-hwcaps` names, best first.
    pub hwcaps: Vec<String>,
    /// Sub-directories tried in every directory, the empty one (written `.`) included.
    pub subdirs: Vec<String>,
    /// x86 ISA level bits.
    pub isa: u32,
    /// Legacy hwcap bits accepted in the cache.
    pub legacy_hwcap: String,
    /// Entries of the cache; none without one.
    pub cache_entries: Option<usize>,
    /// `LD_LIBRARY_PATH`.
    pub library_path: Option<String>,
    /// Objects preloaded.
    pub preload: Vec<String>,
    /// `LD_BIND_NOW`.
    pub bind_now: bool,
    /// `LD_DYNAMIC_WEAK`.
    pub dynamic_weak: bool,
    /// Tunable `glibc.rtld.execstack`.
    pub execstack: Option<u64>,
    /// Tunable `glibc.rtld.nns`.
    pub nns: Option<u64>,
    /// Tunable `glibc.rtld.optional_static_tls`.
    pub optional_static_tls: Option<u64>,
    /// Tunable `glibc.rtld.dynamic_sort`.
    pub dynamic_sort: Option<u64>,
    /// Working directory of the judged process.
    pub cwd: String,
    /// User of the judged process.
    pub uid: u32,
    /// Kernel the loader compares ABI notes with.
    pub kernel: Option<String>,
    /// Static TLS kept free.
    pub static_tls_surplus: u64,
    /// Static TLS taken by the loader itself.
    pub static_tls_extra: u64,
    /// Its alignment.
    pub static_tls_extra_align: u64,
    /// Names the reference program needs.
    pub program_needs: Vec<String>,
    /// What this release does differently.
    pub rules: Rules,
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn all(list: &[Vec<u8>]) -> Vec<String> {
    list.iter().map(|bytes| lossy(bytes)).collect()
}

impl LoaderModel {
    /// The model as reports show it.
    pub fn describe(&self) -> ModelReport {
        match &self.libc {
            Libc::Glibc(version) => ModelReport::Glibc(Box::new(self.describe_glibc(*version))),
            Libc::Musl(musl) => ModelReport::Musl(self.describe_musl(musl)),
        }
    }

    fn describe_musl(&self, musl: &MuslModel) -> MuslReport {
        MuslReport {
            flavour: "musl",
            version: musl.version,
            machine: self.machine.name(),
            interpreter: lossy(&self.interpreter),
            page_size: self.page_size,
            system_dirs: all(&musl.system_path),
            path_file: match musl.path_file {
                PathFile::Absent => "default",
                PathFile::Read => "file",
                PathFile::Unreadable(_) => "unreadable",
            },
            library_path: self.env.library_path.as_deref().map(lossy),
            preload: all(&self.env.preload),
            cwd: lossy(&self.cwd),
            uid: self.uid,
            rules: MuslRules {
                relr: musl.relr(),
                maps_lfs64: musl.maps_lfs64(),
                maps_empty_segments: musl.maps_empty_segments(),
            },
        }
    }

    fn describe_glibc(&self, version: GlibcVersion) -> GlibcReport {
        let env = &self.env;
        let kernel = |version: u32| format!("{}.{}.{}", version >> 16, version >> 8 & 0xff, version & 0xff);
        let subdir = |subdir: &Vec<u8>| if subdir.is_empty() { ".".to_owned() } else { lossy(subdir) };
        GlibcReport {
            flavour: "glibc",
            version,
            distribution: self.distribution,
            package: Some(self.package.clone()).filter(|package| !package.is_empty()),
            machine: self.machine.name(),
            cpu: self.cpu.clone(),
            interpreter: lossy(&self.interpreter),
            page_size: self.page_size,
            system_dirs: all(&self.system_dirs),
            lib: lossy(&self.lib),
            platform: self.platform.as_deref().map(lossy),
            hwcaps: all(&self.hwcaps),
            subdirs: self.subdirs.iter().map(subdir).collect(),
            isa: self.isa,
            legacy_hwcap: format!("{:#x}", self.legacy_hwcap),
            cache_entries: self.cache.as_ref().map(super::LdCache::len),
            library_path: env.library_path.as_deref().map(lossy),
            preload: all(&env.preload),
            bind_now: env.bind_now,
            dynamic_weak: env.dynamic_weak,
            execstack: env.execstack,
            nns: env.nns,
            optional_static_tls: env.optional_static_tls,
            dynamic_sort: env.dynamic_sort,
            cwd: lossy(&self.cwd),
            uid: self.uid,
            kernel: self.kernel.map(kernel),
            static_tls_surplus: self.static_tls_surplus,
            static_tls_extra: self.static_tls_extra,
            static_tls_extra_align: self.static_tls_extra_align,
            program_needs: all(&self.program_needs),
            rules: self.rules,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::model::Machine;

    #[test]
    fn report_is_flat_json_of_printable_values() {
        let version = GlibcVersion { minor: 31 };
        let mut model = LoaderModel::default_for(Machine::X86_64, version, Distribution::Debian);
        model.env.library_path = Some(b"/odd\xff".to_vec());
        model.kernel = Some(0x06_12_2c);
        let json = serde_json::to_value(model.describe()).unwrap();
        assert_eq!(json["version"], "2.31");
        assert_eq!(json["distribution"], "debian");
        assert_eq!(json["library_path"], "/odd\u{fffd}");
        assert_eq!(json["kernel"], "6.18.44");
        assert_eq!(json["subdirs"][7], ".");
        assert_eq!(json["rules"]["max_abi_version"], 3);
        assert!(json["cache_entries"].is_null() && json["package"].is_null());
    }

    #[test]
    fn a_musl_loader_has_a_report_of_its_own() {
        let model = LoaderModel::musl_for(Machine::Aarch64, MuslVersion { minor: 2, patch: 5 });
        let json = serde_json::to_value(model.describe()).unwrap();
        assert_eq!((&json["flavour"], &json["version"]), (&"musl".into(), &"1.2.5".into()));
        assert_eq!(json["interpreter"], "/lib/ld-musl-aarch64.so.1");
        assert_eq!(json["system_dirs"][1], "/usr/local/lib");
        assert_eq!(json["rules"]["relr"], true);
        assert!(json.get("hwcaps").is_none());
    }
}
