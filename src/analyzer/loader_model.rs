//! The loader whose verdict is predicted, as explicit data: flavour, version, patches, directories,
//! processor, environment. Nothing here reads the disk (see `detect.rs`) and nothing is global.
//! Follows the version index of glibc's own history (NEWS, elf/*.c by tag).

use serde::Serialize;

use super::ldcache::LdCache;
use super::model::Machine;

/// A glibc release, `2.minor`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GlibcVersion {
    /// The number behind `2.`.
    pub minor: u16,
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

/// Everything the prediction depends on besides the files themselves.
#[derive(Clone, Debug)]
pub struct LoaderModel {
    /// The release.
    pub version: GlibcVersion,
    /// Whose patches.
    pub distribution: Distribution,
    /// The processor family the loader serves.
    pub machine: Machine,
    /// `EF_RISCV_FLOAT_ABI` the loader accepts (riscv only), 4 for lp64d.
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
    /// Kernel version (a<<16|b<<8|c) ld.so sees, if known.
    pub kernel: Option<u32>,
    /// User the process runs as.
    pub uid: u32,
    /// Bytes of static TLS the loader reserves beyond the start-up objects.
    pub static_tls_surplus: u64,
    /// Bytes of static TLS the loader itself takes at start-up behind the objects' (rseq area).
    pub static_tls_extra: u64,
    /// Names the reference program needs, in order (libc.so.6; before 2.34 also libdl.so.2).
    pub program_needs: Vec<Vec<u8>>,
    /// What differs between releases, derived once from version and distribution.
    pub rules: Rules,
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
    /// `ET_EXEC` is refused in `open_verify` (up to 2.29).
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
    /// PT_GNU_PROPERTY is read before PT_NOTE on x86 (2.39).
    pub gnu_property_segment: bool,
    /// `$TOKEN` matches only before `/`, the end, or `:` in lists (up to 2.27).
    pub old_tokens: bool,
    /// ENOTDIR lets a directory list go on (2.39).
    pub tolerates_enotdir: bool,
    /// Cache entries with legacy hwcap bits are passed over (2.40).
    pub no_legacy_cache: bool,
    /// ENOENT-like result when the element `/` was missed once (up to 2.37).
    pub root_element_bug: bool,
    /// Static TLS: TLSDESC may only take the optional part (2.32).
    pub tlsdesc_capped: bool,
    /// RISC-V accepts R_RISCV_IRELATIVE (2.33).
    pub riscv_irelative: bool,
}

impl Rules {
    /// TEMPORARY
    pub fn tmp(minor: u16, debian: bool) -> Rules {
        Rules {
            skip_foreign_machine_early: debian,
            max_abi_version: if minor >= 28 { 4 } else { 3 },
            exec_refused_early: minor <= 29,
            strict_segment_align: minor <= 34,
            early_no_dynamic: minor >= 35,
            honours_align: minor >= 35,
            map_error_errno: minor <= 19,
            refuses_pie: minor >= 30,
            refuses_execstack: minor >= 41,
            readonly_dynamic: minor >= 35,
            checks_abi_tag: minor <= 35,
            relr: minor >= 36,
            strict_version_file: minor <= 29,
            asserts_unversioned_provider: minor <= 40,
            prefers_exact_version: minor >= 42,
            dfs_sort: minor >= 35,
            root_first: minor >= 35,
            checks_isa: minor >= 33,
            gnu_property_segment: minor >= 39,
            old_tokens: minor <= 27,
            tolerates_enotdir: minor >= 39,
            no_legacy_cache: minor >= 40,
            root_element_bug: minor <= 37,
            tlsdesc_capped: minor >= 32 || (debian && minor == 31),
            riscv_irelative: minor >= 33,
        }
    }
}
impl LoaderModel {
    /// TEMPORARY
    pub fn tmp(minor: u16, cache: Option<LdCache>) -> LoaderModel {
        let v = |s: &str| s.as_bytes().to_vec();
        let mut subdirs = vec![];
        if minor >= 33 { for l in ["v4", "v3", "v2"] { subdirs.push(v(&format!("glibc-hwcaps/x86-64-{l}/"))); } }
        if minor <= 36 { for l in ["tls/x86_64/x86_64/","tls/x86_64/","tls/","x86_64/x86_64/","x86_64/"] { subdirs.push(v(l)); } }
        subdirs.push(vec![]);
        LoaderModel {
            version: GlibcVersion { minor }, distribution: Distribution::Debian, machine: Machine::X86_64, float_abi: 4, page_size: 4096,
            interpreter: v("/lib64/ld-linux-x86-64.so.2"),
            system_dirs: ["/lib/x86_64-linux-gnu/","/usr/lib/x86_64-linux-gnu/","/lib/","/usr/lib/"].map(|s| v(s)).to_vec(),
            lib: v("lib/x86_64-linux-gnu"), platform: Some(v("x86_64")), subdirs, hwcaps: ["x86-64-v4","x86-64-v3","x86-64-v2"].map(v).to_vec(), isa: 15, legacy_hwcap: 0, cache,
            env: LoaderEnv::default(), cwd: v("/"), kernel: None, uid: 0, static_tls_surplus: 1664, static_tls_extra: if minor >= 41 { 32 } else { 0 },
            program_needs: if minor < 34 { vec![v("libdl.so.2"), v("libc.so.6")] } else { vec![v("libc.so.6")] },
            rules: Rules::tmp(minor, true),
        }
    }
}
