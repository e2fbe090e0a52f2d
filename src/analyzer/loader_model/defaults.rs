//! Knows a complete loader for every machine, release and distribution, without looking at any disk.
//! It must never be mixed with facts of the running machine; whoever detected something overwrites the field.
//! It follows the configure fragments `sysdeps/unix/sysv/linux/**/configure.ac`, `elf/dl-tls.c` and Debian's build rules.

use super::cpu::Cpu;
use super::{Distribution, GlibcVersion, Libc, LoaderEnv, LoaderModel, Rules};
use crate::analyzer::model::Machine;

/// Bytes of the rseq area and their alignment with every kernel up to 6.18 (`RSEQ_AREA_SIZE_INITIAL`, `RSEQ_MIN_ALIGN`).
const RSEQ: (u64, u64) = (32, 32);

impl LoaderModel {
    /// The loader of a release on the machine's baseline processor, with an empty environment and no cache.
    pub fn default_for(machine: Machine, version: GlibcVersion, distribution: Distribution) -> LoaderModel {
        let rules = Rules::new(version, distribution, machine);
        let env = LoaderEnv::default();
        let (static_tls_extra, static_tls_extra_align) = rseq_area(version, RSEQ.0, RSEQ.1);
        let mut model = LoaderModel {
            libc: Libc::Glibc(version),
            distribution,
            package: String::new(),
            machine,
            cpu: String::new(),
            float_abi: float_abi(machine),
            page_size: page_size(machine),
            interpreter: interpreters(machine).first().copied().unwrap_or_default().as_bytes().to_vec(),
            system_dirs: system_dirs(machine, distribution),
            lib: lib(machine, distribution).as_bytes().to_vec(),
            platform: None,
            subdirs: Vec::new(),
            hwcaps: Vec::new(),
            isa: 0,
            legacy_hwcap: 0,
            cache: None,
            static_tls_surplus: static_tls_surplus(&rules, &env),
            env,
            cwd: b"/".to_vec(),
            uid: 0,
            kernel: None,
            static_tls_extra,
            static_tls_extra_align,
            program_needs: program_needs(version),
            rules,
        };
        model.set_cpu(&Cpu::baseline(machine));
        model
    }
}

/// The paths a program of the machine may name as its loader, the usual one first.
pub(crate) fn interpreters(machine: Machine) -> &'static [&'static str] {
    match machine {
        Machine::X86_64 => &["/lib64/ld-linux-x86-64.so.2"],
        Machine::I386 => &["/lib/ld-linux.so.2"],
        Machine::Aarch64 => &["/lib/ld-linux-aarch64.so.1"],
        Machine::Arm => &["/lib/ld-linux-armhf.so.3", "/lib/ld-linux.so.3"],
        Machine::Riscv64 => &["/lib/ld-linux-riscv64-lp64d.so.1", "/lib/ld-linux-riscv64-lp64.so.1"],
        Machine::Ppc64 => &["/lib64/ld64.so.2"],
        Machine::S390x => &["/lib/ld64.so.1"],
    }
}

/// Debian's name of the machine's directory.
pub(crate) fn multiarch(machine: Machine) -> &'static str {
    match machine {
        Machine::X86_64 => "x86_64-linux-gnu",
        Machine::I386 => "i386-linux-gnu",
        Machine::Aarch64 => "aarch64-linux-gnu",
        Machine::Arm => "arm-linux-gnueabihf",
        Machine::Riscv64 => "riscv64-linux-gnu",
        Machine::Ppc64 => "powerpc64le-linux-gnu",
        Machine::S390x => "s390x-linux-gnu",
    }
}

/// `slibdir` of an upstream build below `/` (and, with `/usr` before it, `libdir`).
fn slibdir(machine: Machine) -> &'static str {
    match machine {
        Machine::I386 | Machine::Arm => "lib",
        Machine::Riscv64 => "lib64/lp64d",
        Machine::X86_64 | Machine::Aarch64 | Machine::Ppc64 | Machine::S390x => "lib64",
    }
}

fn system_dirs(machine: Machine, distribution: Distribution) -> Vec<Vec<u8>> {
    let dirs = match distribution {
        Distribution::Upstream => {
            vec![format!("/{}/", slibdir(machine)), format!("/usr/{}/", slibdir(machine))]
        }
        Distribution::Debian => {
            let own = multiarch(machine);
            vec![
                format!("/lib/{own}/"),
                format!("/usr/lib/{own}/"),
                "/lib/".to_owned(),
                "/usr/lib/".to_owned(),
            ]
        }
    };
    dirs.into_iter().map(String::into_bytes).collect()
}

/// `$LIB`: upstream the last component of slibdir (elf/Makefile, `DL_DST_LIB`), in Debian the whole of it.
fn lib(machine: Machine, distribution: Distribution) -> String {
    match distribution {
        Distribution::Upstream => slibdir(machine).rsplit('/').next().unwrap_or_default().to_owned(),
        Distribution::Debian => format!("lib/{}", multiarch(machine)),
    }
}

fn float_abi(machine: Machine) -> u32 {
    match machine {
        Machine::Riscv64 => 4,
        Machine::Arm => 0x400,
        _ => 0,
    }
}

/// The page size most kernels of the machine run with.
fn page_size(machine: Machine) -> u64 {
    if machine == Machine::Ppc64 { 65_536 } else { 4096 }
}

fn program_needs(version: GlibcVersion) -> Vec<Vec<u8>> {
    // dlopen has a library of its own before 2.34; linkers put -ldl in front of the implied -lc.
    let dl = (version.minor < 34).then(|| b"libdl.so.2".to_vec());
    dl.into_iter().chain([b"libc.so.6".to_vec()]).collect()
}

/// Size and alignment of the area ld.so adds behind the static TLS of the start-up objects (2.41: `_dl_extra_tls_get_size`
/// and `_align`), for a kernel that asks for `size` bytes (AT_RSEQ_FEATURE_SIZE) at `align` (AT_RSEQ_ALIGN). Before 2.41 the
/// area lies in the thread descriptor and takes nothing.
pub(crate) fn rseq_area(version: GlibcVersion, size: u64, align: u64) -> (u64, u64) {
    if version.minor < 41 {
        return (0, 1);
    }
    let align = align.max(RSEQ.1);
    (size.max(RSEQ.0).checked_next_multiple_of(align).unwrap_or(align), align)
}

/// Bytes of static TLS kept free for libraries loaded later. 1664 unless tunables say otherwise: a constant of that value
/// up to 2.31, computed by `_dl_tls_static_surplus_init` to give it since.
pub fn static_tls_surplus(rules: &Rules, env: &LoaderEnv) -> u64 {
    const LIBC: u64 = 144;
    const OTHER: u64 = 144;
    const LEGACY: u64 = 144;
    if !rules.tlsdesc_capped {
        return 64 + 16 * 100;
    }
    let namespaces = env.nns.unwrap_or(4).clamp(1, 16);
    let optional = env.optional_static_tls.unwrap_or(512);
    ((namespaces - 1) * LIBC + namespaces * OTHER + LEGACY).saturating_add(optional)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(machine: Machine, minor: u16, distribution: Distribution) -> LoaderModel {
        LoaderModel::default_for(machine, GlibcVersion { minor }, distribution)
    }

    #[test]
    fn directories_are_those_of_the_builds() {
        let upstream = of(Machine::X86_64, 36, Distribution::Upstream);
        assert_eq!(upstream.system_dirs, [b"/lib64/".to_vec(), b"/usr/lib64/".to_vec()]);
        assert_eq!(upstream.lib, b"lib64");
        let debian = of(Machine::Ppc64, 36, Distribution::Debian);
        assert_eq!(debian.system_dirs[1], b"/usr/lib/powerpc64le-linux-gnu/");
        assert_eq!(
            (debian.system_dirs.len(), debian.lib.as_slice()),
            (4, b"lib/powerpc64le-linux-gnu".as_slice())
        );
        let riscv = of(Machine::Riscv64, 36, Distribution::Upstream);
        assert_eq!(
            (riscv.system_dirs[0].as_slice(), riscv.lib.as_slice()),
            (b"/lib64/lp64d/".as_slice(), b"lp64d".as_slice())
        );
    }

    #[test]
    fn every_machine_and_release_has_a_model() {
        for machine in Machine::ALL {
            for minor in GlibcVersion::OLDEST.minor..=GlibcVersion::NEWEST.minor {
                for distribution in [Distribution::Upstream, Distribution::Debian] {
                    let model = of(machine, minor, distribution);
                    assert_eq!(model.subdirs.last(), Some(&Vec::new()));
                    assert!(model.page_size.is_power_of_two() && model.interpreter.starts_with(b"/lib"));
                    assert!(model.system_dirs.iter().all(|dir| dir.starts_with(b"/") && dir.ends_with(b"/")));
                    assert_eq!(model.static_tls_surplus, 1664);
                    assert_eq!(model.program_needs.len(), if minor < 34 { 2 } else { 1 });
                }
            }
        }
    }

    #[test]
    fn static_tls_follows_tunables_and_rseq() {
        let new = of(Machine::X86_64, 32, Distribution::Upstream).rules;
        let old = of(Machine::X86_64, 31, Distribution::Upstream).rules;
        let env = |nns, optional_static_tls| LoaderEnv { nns, optional_static_tls, ..LoaderEnv::default() };
        assert_eq!(static_tls_surplus(&new, &env(Some(1), Some(0))), 288);
        assert_eq!(static_tls_surplus(&new, &env(Some(99), None)), 15 * 144 + 16 * 144 + 144 + 512);
        assert_eq!(static_tls_surplus(&old, &env(Some(1), Some(0))), 1664);
        assert_eq!(static_tls_surplus(&new, &env(None, Some(u64::MAX))), u64::MAX);
        let area = |minor, size, align| rseq_area(GlibcVersion { minor }, size, align);
        assert_eq!(
            [area(40, 28, 32), area(41, 20, 0), area(41, 28, 32), area(42, 33, 64)],
            [(0, 1), (32, 32), (32, 32), (64, 64)]
        );
    }
}
