//! The loader whose verdict is predicted, as explicit data: flavour, version, patches, directories,
//! processor, environment. Nothing here reads the disk (see `detect.rs`) and nothing is global.
//! Follows the version index of glibc's own history (NEWS, elf/*.c by tag).

mod choice;
pub mod cpu;
mod defaults;
mod musl;
mod report;
mod rules;

use std::fmt;

use serde::Serialize;

use super::ldcache::LdCache;
use super::model::Machine;

pub use choice::{ChoiceFault, LoaderChoice, TargetChoice};
pub use defaults::static_tls_surplus;
pub(crate) use defaults::{interpreters, multiarch, rseq_area};
pub(crate) use musl::{DEFAULT_PATH, architectures as musl_architectures};
pub use musl::{MuslModel, MuslVersion, PathFile, split_path};
pub use report::{GlibcReport, ModelReport, MuslReport};
pub use rules::Evidence;

/// A glibc release, `2.minor`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GlibcVersion {
    /// The number behind `2.`.
    pub minor: u16,
}

impl GlibcVersion {
    /// The oldest release whose rules were read.
    pub const OLDEST: GlibcVersion = GlibcVersion { minor: 17 };
    /// The newest release whose rules were read; later ones are taken to behave like it.
    pub const NEWEST: GlibcVersion = GlibcVersion { minor: 43 };
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "2.{}", self.minor)
    }
}

impl Serialize for GlibcVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whose patches the loader carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// glibc as released.
    Upstream,
    /// Debian, Ubuntu and derivatives: multiarch directories, foreign machines skipped early.
    Debian,
}

/// Whose loader it is, with its release.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Libc {
    /// glibc's `ld.so`. What makes its releases differ is in `LoaderModel::rules`.
    Glibc(GlibcVersion),
    /// musl's.
    Musl(MuslModel),
}

/// Whose loader.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LibcKind {
    /// glibc's.
    Glibc,
    /// musl's.
    Musl,
}

impl LibcKind {
    /// The name used in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            LibcKind::Glibc => "glibc",
            LibcKind::Musl => "musl",
        }
    }
}

/// Everything the prediction depends on besides the files themselves. What another libc's loader does not have (a cache,
/// sub-directories, spare static TLS) is empty in its model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoaderModel {
    /// Whose loader, and which release.
    pub libc: Libc,
    /// Whose patches.
    pub distribution: Distribution,
    /// The package version the loader's banner tells (`2.36-9+deb12u14`), empty if unknown: point releases matter.
    pub package: String,
    /// The processor family the loader serves.
    pub machine: Machine,
    /// Name of the processor assumed.
    pub cpu: String,
    /// `EF_RISCV_FLOAT_ABI` the loader accepts on riscv (4 for lp64d), `EF_ARM_ABI_FLOAT_*` on arm (0x400 for hard float).
    pub float_abi: u32,
    /// Page size in bytes, a power of two.
    pub page_size: u64,
    /// Path of ld.so inside the root (the `PT_INTERP` of the reference program).
    pub interpreter: Vec<u8>,
    /// Default directories in search order, each with a trailing slash.
    pub system_dirs: Vec<Vec<u8>>,
    /// Value of `$LIB`.
    pub lib: Vec<u8>,
    /// Value of `$PLATFORM`, none when the kernel gives no AT_PLATFORM.
    pub platform: Option<Vec<u8>>,
    /// Sub-directories tried inside every directory, in order, each with a trailing slash; the last is the empty one.
    pub subdirs: Vec<Vec<u8>>,
    /// Names under `glibc-hwcaps/` that are active, best first (cache entries).
    pub hwcaps: Vec<Vec<u8>>,
    /// x86 ISA level bits (1 baseline, 2 v2, 4 v3, 8 v4) of the processor; 0 elsewhere.
    pub isa: u32,
    /// Legacy hwcap bits a cache entry may carry (loaders up to 2.39).
    pub legacy_hwcap: u64,
    /// The parsed `ld.so.cache`, if there is one.
    pub cache: Option<LdCache>,
    /// The environment of the reference process, captured by ld.so at start.
    pub env: LoaderEnv,
    /// Working directory of the reference process (absolute).
    pub cwd: Vec<u8>,
    /// User the process runs as.
    pub uid: u32,
    /// Version of the kernel, `a << 16 | b << 8 | c`; none: unknown, nothing is compared with it. Loaders up to 2.35.
    pub kernel: Option<u32>,
    /// Bytes of static TLS the loader reserves beyond the start-up objects.
    pub static_tls_surplus: u64,
    /// Bytes of static TLS the loader itself takes at start-up behind the objects' (rseq area).
    pub static_tls_extra: u64,
    /// Alignment of those bytes: the offset is rounded up to it first, and it raises the alignment of the whole block.
    pub static_tls_extra_align: u64,
    /// Names the reference program needs, in order (before 2.34 libdl.so.2; libc.so.6).
    pub program_needs: Vec<Vec<u8>>,
    /// What differs between releases of glibc, derived once from version and distribution. Nobody else's loader reads it.
    pub rules: Rules,
}

impl LoaderModel {
    /// The glibc release; the newest where the loader is another libc's.
    pub fn glibc(&self) -> GlibcVersion {
        match self.libc {
            Libc::Glibc(version) => version,
            Libc::Musl(_) => GlibcVersion::NEWEST,
        }
    }

    /// What only musl has, if the loader is musl's.
    pub fn musl(&self) -> Option<&MuslModel> {
        match &self.libc {
            Libc::Glibc(_) => None,
            Libc::Musl(musl) => Some(musl),
        }
    }

    /// Whose loader it is.
    pub fn kind(&self) -> LibcKind {
        match self.libc {
            Libc::Glibc(_) => LibcKind::Glibc,
            Libc::Musl(_) => LibcKind::Musl,
        }
    }

    /// The loader's name as `--loader` takes it: `glibc-2.36`, `musl-1.2.5`.
    pub fn name(&self) -> String {
        match &self.libc {
            Libc::Glibc(version) => format!("glibc-{version}"),
            Libc::Musl(musl) => format!("musl-{}", musl.version),
        }
    }
}

/// The variables ld.so looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoaderEnv {
    /// `LD_LIBRARY_PATH`.
    pub library_path: Option<Vec<u8>>,
    /// `LD_PRELOAD`, and the lines of `/etc/ld.so.preload`.
    pub preload: Vec<Vec<u8>>,
    /// `LD_BIND_NOW` not empty.
    pub bind_now: bool,
    /// `LD_DYNAMIC_WEAK` set: weak definitions give way to strong ones.
    pub dynamic_weak: bool,
    /// Processor features that `glibc.cpu.hwcaps` takes away.
    pub masked_features: Vec<Vec<u8>>,
    /// `glibc.rtld.execstack` (2 lets `dlopen` make stacks executable).
    pub execstack: Option<u64>,
    /// `glibc.rtld.nns`.
    pub nns: Option<u64>,
    /// `glibc.rtld.optional_static_tls`.
    pub optional_static_tls: Option<u64>,
    /// `glibc.rtld.dynamic_sort` (1 old, 2 depth first).
    pub dynamic_sort: Option<u64>,
}

/// Version dependent behaviour, one flag a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// Foreign `e_machine` is passed over before the byte-order check (Debian patch local-ld-multiarch).
    pub skip_foreign_machine_early: bool,
    /// Largest `EI_ABIVERSION` accepted with `ELFOSABI_GNU`.
    pub max_abi_version: u8,
    /// `ET_EXEC` is refused in `open_verify` (2.20 to 2.30).
    pub exec_refused_early: bool,
    /// `p_align` of every PT_LOAD must be a multiple of the page size (up to 2.34).
    pub strict_segment_align: bool,
    /// Missing PT_DYNAMIC is found before mapping (2.35).
    pub early_no_dynamic: bool,
    /// The largest `p_align` is honoured when mapping (2.35).
    pub honours_align: bool,
    /// Mapping errors carry an errno text (up to 2.19).
    pub map_error_errno: bool,
    /// DF_1_PIE is refused (2.30).
    pub refuses_pie: bool,
    /// `dlopen` never makes stacks executable (2.41).
    pub refuses_execstack: bool,
    /// A read-only PT_DYNAMIC is left unrelocated (2.35).
    pub readonly_dynamic: bool,
    /// NT_GNU_ABI_TAG is checked against the kernel (up to 2.35).
    pub checks_abi_tag: bool,
    /// DT_RELR is processed and checked (2.36).
    pub relr: bool,
    /// A versioned reference must be satisfied by the file its version names (up to 2.29).
    pub strict_version_file: bool,
    /// `check_match` asserts on a version-less provider of a versioned name (up to 2.40).
    pub asserts_unversioned_provider: bool,
    /// An exact version is preferred to a default inside one object (2.42).
    pub prefers_exact_version: bool,
    /// Depth-first order of objects (2.35).
    pub dfs_sort: bool,
    /// The root comes first in the sorted list whatever the cycles (2.37, and the 2.35/2.36 branches).
    pub root_first: bool,
    /// x86 ISA level is checked (2.33).
    pub checks_isa: bool,
    /// PT_GNU_PROPERTY is walked on every machine, whether or not anything in it counts (2.32).
    pub walks_gnu_property: bool,
    /// PT_GNU_PROPERTY is read before PT_NOTE on x86 (2.39).
    pub gnu_property_segment: bool,
    /// `$TOKEN` matches only before `/` or the end of the element (up to 2.27).
    pub old_tokens: bool,
    /// ENOTDIR lets a directory list go on (2.39).
    pub tolerates_enotdir: bool,
    /// Cache entries with legacy hwcap bits are passed over (2.40).
    pub no_legacy_cache: bool,
    /// ENOENT-like result when the element `/` was missed once (up to 2.37).
    pub root_element_bug: bool,
    /// Static TLS: TLSDESC may only take the optional part (2.32).
    pub tlsdesc_capped: bool,
    /// Overlapping outer segments are found before the gap between them is protected (2.36).
    pub checks_holes: bool,
    /// An assertion forbids filtees of a root opened by `dlopen` (up to 2.31).
    pub asserts_root_first: bool,
    /// Hashes are shifted as 64-bit numbers on 64-bit machines (up to 2.35).
    pub wide_hash_shift: bool,
    /// RISC-V accepts R_RISCV_IRELATIVE (2.33).
    pub riscv_irelative: bool,
}
