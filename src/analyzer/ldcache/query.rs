//! Knows what a loader brings to a cache look-up: the flags of its machine, its processor, its release.
//! It must never read the cache or the disk.
//! It follows glibc's `sysdeps/**/dl-cache.h` and the `_DL_CACHE_DEFAULT_ID` of each machine.

use crate::analyzer::loader_model::{GlibcVersion, LoaderModel};
use crate::analyzer::model::Machine;

/// The loader's side of a cache look-up.
#[derive(Clone, Copy, Debug)]
pub struct CacheQuery<'m> {
    /// Machine the loader is built for.
    pub machine: Machine,
    /// Float ABI of the loader on riscv (4 double, 0 soft) and arm (0x400 hard, 0x200 soft).
    pub float_abi: u32,
    /// Release: the walk over entries of one name changed in 2.33, 2.34 and 2.40.
    pub version: GlibcVersion,
    /// Active names under `glibc-hwcaps/`, best first.
    pub hwcaps: &'m [Vec<u8>],
    /// ISA level bits of the processor (x86).
    pub isa: u32,
    /// Legacy bits an entry may carry, platform and TLS bits included.
    pub legacy_hwcap: u64,
    /// Entries with legacy bits are passed over (2.40).
    pub no_legacy: bool,
    /// Version of the kernel, `a << 16 | b << 8 | c`; none where the loader does not compare it.
    pub kernel: Option<u32>,
}

impl LoaderModel {
    /// What this loader brings to a look-up in its cache.
    pub fn cache_query(&self) -> CacheQuery<'_> {
        CacheQuery {
            machine: self.machine,
            float_abi: self.float_abi,
            version: self.glibc(),
            hwcaps: &self.hwcaps,
            isa: self.isa,
            legacy_hwcap: self.legacy_hwcap,
            no_legacy: self.rules.no_legacy_cache,
            kernel: self.kernel.filter(|_| self.rules.checks_abi_tag),
        }
    }
}

impl CacheQuery<'_> {
    /// The flags of the machine's own libraries: an entry that has them ends the walk.
    pub(super) fn own_flags(&self) -> i32 {
        match self.machine {
            Machine::X86_64 => 0x0303,
            Machine::Aarch64 => 0x0a03,
            Machine::Riscv64 if self.float_abi == 4 => 0x1003,
            Machine::Riscv64 => 0x0f03,
            Machine::Ppc64 => 0x0503,
            Machine::S390x => 0x0403,
            // arm accepts marked entries too but keeps the generic number as its own.
            Machine::I386 | Machine::Arm => 3,
        }
    }

    /// Whether an entry with these flags may be taken (`_dl_cache_check_flags`).
    pub(super) fn accepts(&self, flags: i32) -> bool {
        match self.machine {
            Machine::Arm if self.float_abi == 0x200 => matches!(flags, 0x0b03 | 3),
            Machine::Arm => matches!(flags, 0x0903 | 3),
            Machine::Aarch64 | Machine::Riscv64 => flags == self.own_flags(),
            // Generic: libc5 libraries are let through.
            Machine::X86_64 | Machine::I386 | Machine::Ppc64 | Machine::S390x => {
                flags == 1 || flags == self.own_flags()
            }
        }
    }

    /// Whether `char` is signed in the loader's C: it decides where names with bytes above 127 are sorted.
    pub(super) fn signed_chars(&self) -> bool {
        matches!(self.machine, Machine::X86_64 | Machine::I386)
    }

    /// Whether an entry's ISA level suits the processor. Only x86 looks at it.
    pub(super) fn level_fits(&self, level: u32) -> bool {
        match self.machine {
            Machine::X86_64 | Machine::I386 => {
                1_u32.checked_shl(level).is_some_and(|bit| self.isa & bit != 0)
            }
            _ => true,
        }
    }
}
