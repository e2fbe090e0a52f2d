//! Knows in which release each rule of the loader changed, and which of them Debian carries earlier.
//! It must never look at a machine or a file; what a binary gives away is handed in as [`Evidence`].
//! Every line was read in the sources of the releases on both sides of it, at the place the comment names.

use super::{Distribution, GlibcVersion, Rules};
use crate::analyzer::model::Machine;

/// What the text inside a loader binary says about its rules: each is a message or tunable name that exists in exactly
/// the releases that have (or lack) the rule. It shows backports and point releases that no version number shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// "cannot dynamically load position-independent executable".
    pub pie_message: bool,
    /// "ELF load command alignment not page-aligned".
    pub alignment_message: bool,
    /// "not defined in file ... with link time reference".
    pub link_time_message: bool,
    /// "CPU ISA level is lower than required".
    pub isa_message: bool,
    /// "DT_RELR without GLIBC_ABI_DT_RELR dependency".
    pub relr_message: bool,
    /// The assertion of `check_match`.
    pub provider_assertion: bool,
    /// Tunable `glibc.rtld.execstack`.
    pub execstack_tunable: bool,
    /// Tunable `glibc.rtld.optional_static_tls`.
    pub static_tls_tunable: bool,
    /// How many features "libc ABIs:" lists in libc.so.6.
    pub abis: Option<u8>,
}

impl Rules {
    /// The rules of a release, as its distribution ships it at the end of its life.
    pub fn new(version: GlibcVersion, distribution: Distribution, machine: Machine) -> Rules {
        let from = |minor: u16| version.minor >= minor;
        let up_to = |minor: u16| version.minor <= minor;
        let debian = distribution == Distribution::Debian;
        let x86 = matches!(machine, Machine::X86_64 | Machine::I386);
        Rules {
            // Debian's local-ld-multiarch.diff.
            skip_foreign_machine_early: debian,
            max_abi_version: max_abi_version(version, machine),
            // elf/dl-load.c, open_verify (bug 16634); elsewhere in `_dl_map_object_from_fd`.
            exec_refused_early: from(20) && up_to(30),
            // elf/dl-load.c, the PT_LOAD scan, and elf/dl-map-segments.h.
            strict_segment_align: up_to(34),
            honours_align: from(35),
            early_no_dynamic: from(35),
            // `call_lose_errno` after mmap; gone with the split of dl-map-segments.h.
            map_error_errno: up_to(19),
            refuses_pie: from(30),
            refuses_execstack: from(41),
            // include/link.h l_ld_readonly.
            readonly_dynamic: from(35),
            checks_abi_tag: up_to(35),
            // elf/dl-version.c.
            relr: from(36),
            // elf/dl-lookup.c.
            strict_version_file: up_to(29),
            asserts_unversioned_provider: up_to(40),
            // Also on the 2.39 to 2.41 branches since August 2025: see `refine`.
            prefers_exact_version: from(42),
            // elf/dl-sort-maps.c; the second is on the 2.35 and 2.36 branches since September 2022, so in Debian 12
            // but not in Ubuntu 22.04, which froze before.
            dfs_sort: from(35),
            root_first: from(37) || (debian && version.minor == 36),
            // sysdeps/x86/dl-prop.h.
            checks_isa: x86 && from(33),
            walks_gnu_property: from(32),
            gnu_property_segment: x86 && from(39),
            // elf/dl-load.c: is_dst, open_path.
            old_tokens: up_to(27),
            tolerates_enotdir: from(39),
            // elf/dl-cache.c.
            no_legacy_cache: from(40),
            root_element_bug: up_to(37),
            // elf/dl-reloc.c dl_tls_static_optional; Debian 2.31-1 has it as git-surplus-tls-accounting.diff.
            tlsdesc_capped: from(32) || (debian && version.minor == 31),
            riscv_irelative: from(33),
            asserts_root_first: !from(32),
            checks_holes: from(36),
            wide_hash_shift: !from(36),
        }
    }

    /// Corrects the rules by what the binary shows.
    pub fn apply(&mut self, evidence: &Evidence, machine: Machine) {
        self.refuses_pie = evidence.pie_message;
        self.strict_segment_align = evidence.alignment_message;
        self.honours_align = !evidence.alignment_message;
        self.strict_version_file = evidence.link_time_message;
        self.checks_isa = evidence.isa_message && matches!(machine, Machine::X86_64 | Machine::I386);
        self.relr = evidence.relr_message;
        self.asserts_unversioned_provider = evidence.provider_assertion;
        self.refuses_execstack = evidence.execstack_tunable;
        self.tlsdesc_capped = evidence.static_tls_tunable;
        if let Some(abis) = evidence.abis {
            self.max_abi_version = abis;
        }
    }

    /// Corrects the rules by the package version (`2.41-12+deb13u4`), where only that shows a point release.
    pub fn refine(&mut self, package: &str) {
        // 3f3b4fdd0b of the 2.41 branch came with the second update of Debian 13.
        if let Some(update) = package.strip_prefix("2.41-12+deb13u").and_then(|rest| rest.parse::<u16>().ok())
        {
            self.prefers_exact_version |= update >= 2;
        }
        // da5f134f6d of the 2.36 branch is younger than the first packages of 2.36.
        if matches!(package, "2.36-1" | "2.36-2" | "2.36-3" | "2.36-4") {
            self.root_first = false;
        }
    }
}

/// `LIBC_ABI_MAX` - 1: the features libc-abis lists for the machine.
fn max_abi_version(version: GlibcVersion, machine: Machine) -> u8 {
    let ifunc = match machine {
        Machine::X86_64 | Machine::I386 | Machine::Ppc64 => true,
        Machine::Riscv64 => version.minor >= 33,
        // These have IFUNC too but never got a line there.
        Machine::Aarch64 | Machine::Arm | Machine::S390x => false,
    };
    let absolute = version.minor >= 28;
    1 + u8::from(ifunc) + u8::from(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(minor: u16, distribution: Distribution, machine: Machine) -> Rules {
        Rules::new(GlibcVersion { minor }, distribution, machine)
    }

    #[test]
    fn abi_versions_follow_libc_abis() {
        let of = |minor, machine| rules(minor, Distribution::Upstream, machine).max_abi_version;
        assert_eq!([of(27, Machine::X86_64), of(28, Machine::X86_64)], [2, 3]);
        assert_eq!([of(27, Machine::Aarch64), of(36, Machine::S390x)], [1, 2]);
        assert_eq!([of(32, Machine::Riscv64), of(33, Machine::Riscv64)], [2, 3]);
        assert_eq!(of(36, Machine::Ppc64), 3);
    }

    #[test]
    fn each_rule_changes_once_over_the_releases() {
        let flags = |minor| {
            let r = rules(minor, Distribution::Upstream, Machine::X86_64);
            [
                (r.exec_refused_early, 0),
                (r.strict_segment_align, 35),
                (r.honours_align, 35),
                (r.early_no_dynamic, 35),
                (r.map_error_errno, 20),
                (r.refuses_pie, 30),
                (r.refuses_execstack, 41),
                (r.readonly_dynamic, 35),
                (r.checks_abi_tag, 36),
                (r.relr, 36),
                (r.strict_version_file, 30),
                (r.asserts_unversioned_provider, 41),
                (r.prefers_exact_version, 42),
                (r.dfs_sort, 35),
                (r.root_first, 37),
                (r.checks_isa, 33),
                (r.walks_gnu_property, 32),
                (r.gnu_property_segment, 39),
                (r.old_tokens, 28),
                (r.tolerates_enotdir, 39),
                (r.no_legacy_cache, 40),
                (r.root_element_bug, 38),
                (r.tlsdesc_capped, 32),
                (r.riscv_irelative, 33),
            ]
        };
        for minor in 18..=43 {
            for (before, now) in flags(minor - 1).iter().zip(flags(minor)) {
                if now.1 != 0 {
                    assert_eq!(before.0 != now.0, minor == now.1, "{minor}: rule of {}", now.1);
                }
            }
        }
        let early = |minor| rules(minor, Distribution::Upstream, Machine::X86_64).exec_refused_early;
        assert_eq!([early(19), early(20), early(30), early(31)], [false, true, true, false]);
    }

    #[test]
    fn point_releases_of_debian_differ() {
        let debian = |minor| rules(minor, Distribution::Debian, Machine::X86_64);
        assert!(debian(31).tlsdesc_capped && debian(36).root_first && debian(36).skip_foreign_machine_early);
        assert!(!debian(35).root_first);
        let mut trixie = debian(41);
        trixie.refine("2.41-12");
        assert!(!trixie.prefers_exact_version);
        trixie.refine("2.41-12+deb13u4");
        assert!(trixie.prefers_exact_version);
    }
}
