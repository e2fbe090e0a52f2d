//! Knows the system this program runs on, as far as its kernel and processor change what a loader does.
//! It must never be consulted for a foreign machine, and never reads environment variables.
//! It answers what glibc learns from the auxiliary vector (`dl-parse_auxv.h`) and from cpuid (`sysdeps/x86/cpu-features.c`).

use serde::{Deserialize, Serialize};

use crate::analyzer::host::{Host, Opened};
use crate::analyzer::loader_model::cpu::Cpu;
use crate::analyzer::model::Machine;

const AT_RSEQ_FEATURE_SIZE: usize = 27;
const AT_RSEQ_ALIGN: usize = 28;

/// Facts of the running system.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RunningSystem {
    /// The machine of this program, if it is modelled.
    pub machine: Option<Machine>,
    /// Page size.
    pub page_size: u64,
    /// Kernel version, `a << 16 | b << 8 | c`.
    pub kernel: Option<u32>,
    /// Size and alignment of the rseq area the kernel asks for; 0 if it does not say.
    pub rseq: (u64, u64),
    /// The processor.
    pub cpu: Cpu,
}

impl RunningSystem {
    /// A system nothing is known of.
    #[cfg(test)]
    pub(crate) fn unknown() -> RunningSystem {
        let cpu = Cpu::baseline(Machine::X86_64);
        RunningSystem { machine: None, page_size: 4096, kernel: None, rseq: (0, 0), cpu }
    }

    /// Asks the running system. `host` must be the real disk, not a root inside it: `/proc` is read.
    pub fn read(host: &dyn Host<'_>) -> RunningSystem {
        let machine = own_machine();
        let text = |path: &[u8]| match host.open(path) {
            Ok(Opened::File(_, bytes)) => bytes.to_vec(),
            _ => Vec::new(),
        };
        let auxv = text(b"/proc/self/auxv");
        let cpuinfo = String::from_utf8_lossy(&text(b"/proc/cpuinfo")).into_owned();
        let rseq = [AT_RSEQ_FEATURE_SIZE, AT_RSEQ_ALIGN].map(|tag| auxiliary(&auxv, tag).unwrap_or(0));
        RunningSystem {
            machine,
            page_size: rustix::param::page_size() as u64,
            kernel: kernel_version(&rustix::system::uname().release().to_string_lossy()),
            rseq: (rseq[0], rseq[1]),
            cpu: machine
                .map_or_else(|| Cpu::baseline(Machine::X86_64), |machine| processor(machine, &cpuinfo)),
        }
    }

    /// Whether a loader of `machine` can run here natively.
    pub fn runs(&self, machine: Machine) -> bool {
        self.machine == Some(machine)
            || matches!(
                (self.machine, machine),
                (Some(Machine::X86_64), Machine::I386) | (Some(Machine::Aarch64), Machine::Arm)
            )
    }

    /// The processor as a loader of `machine` sees it, if it runs here.
    pub fn cpu_for(&self, machine: Machine) -> Option<Cpu> {
        match machine {
            _ if !self.runs(machine) => None,
            // A 64-bit kernel passes a platform of its own to 32-bit programs.
            Machine::Arm if self.machine == Some(Machine::Aarch64) => Cpu::named(Machine::Arm, "armv8").ok(),
            Machine::I386 => Some(Cpu { platform: Some("i686".to_owned()), ..self.cpu.clone() }),
            _ => Some(self.cpu.clone()),
        }
    }
}

fn own_machine() -> Option<Machine> {
    match std::env::consts::ARCH {
        "x86_64" => Some(Machine::X86_64),
        "x86" => Some(Machine::I386),
        "aarch64" => Some(Machine::Aarch64),
        "arm" => Some(Machine::Arm),
        "riscv64" => Some(Machine::Riscv64),
        "powerpc64" if cfg!(target_endian = "little") => Some(Machine::Ppc64),
        "s390x" => Some(Machine::S390x),
        _ => None,
    }
}

/// A value of an auxiliary vector in this program's own word size and byte order.
fn auxiliary(auxv: &[u8], tag: usize) -> Option<u64> {
    const WORD: usize = size_of::<usize>();
    let mut words = auxv.chunks_exact(WORD).filter_map(|word| word.try_into().ok()).map(usize::from_ne_bytes);
    while let (Some(key), Some(value)) = (words.next(), words.next()) {
        if key == tag {
            return Some(value as u64);
        }
    }
    None
}

/// `6.1.0-13-amd64` as the loader packs it; a third part above 255 counts as 255 (`LINUX_VERSION_CODE`).
fn kernel_version(release: &str) -> Option<u32> {
    let numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    let mut numbers = numbers.take(3).map(|number| number.min(255));
    let first = numbers.next()?;
    let (second, third) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Some(first << 16 | second << 8 | third)
}

/// The value of the first line `key : value` of /proc/cpuinfo.
fn cpuinfo_value<'a>(cpuinfo: &'a str, key: &str) -> Option<&'a str> {
    let pairs = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    pairs
        .map(|(name, value)| (name.trim(), value.trim()))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value)
}

fn processor(machine: Machine, cpuinfo: &str) -> Cpu {
    match machine {
        Machine::X86_64 | Machine::I386 => x86(machine, cpuinfo),
        Machine::Aarch64 => {
            let features = cpuinfo_value(cpuinfo, "Features").unwrap_or_default();
            let atomics = features.split(' ').any(|feature| feature == "atomics");
            Cpu::named(machine, if atomics { "armv8.1-a" } else { "armv8-a" })
                .unwrap_or_else(|_| Cpu::baseline(machine))
        }
        Machine::Arm => {
            let neon = cpuinfo_value(cpuinfo, "Features").unwrap_or_default().split(' ').any(|f| f == "neon");
            Cpu::named(machine, if neon { "armv7-neon" } else { "armv7" })
                .unwrap_or_else(|_| Cpu::baseline(machine))
        }
        Machine::Ppc64 => {
            let model = cpuinfo_value(cpuinfo, "cpu").unwrap_or_default().to_ascii_lowercase();
            let name = model.split([' ', '(', ',']).next().unwrap_or_default();
            Cpu::named(machine, name).unwrap_or_else(|_| Cpu::baseline(machine))
        }
        Machine::S390x => {
            let features = cpuinfo_value(cpuinfo, "features").unwrap_or_default();
            let has = |wanted: &str| features.split(' ').any(|feature| feature == wanted);
            // As dl-hwcaps-subdirs.c tests them. z17 shows no capability of its own here and is taken for a z16.
            let steps = [("vxp2", "z16"), ("vxe2", "z15"), ("vxe", "z14"), ("vx", "z13"), ("te", "zEC12")];
            let name = steps.into_iter().find(|(feature, _)| has(feature)).map_or("z196", |(_, name)| name);
            Cpu::named(machine, name).unwrap_or_else(|_| Cpu::baseline(machine))
        }
        Machine::Riscv64 => Cpu::baseline(machine),
    }
}

/// Level and vendor of an x86 processor. std's detection uses cpuid and XGETBV as glibc does; only the vendor and
/// LAHF/SAHF, which it does not tell, come from the kernel's list.
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
fn x86(machine: Machine, cpuinfo: &str) -> Cpu {
    macro_rules! all {
        ($($feature:tt)*) => { true $(&& std::is_x86_feature_detected!($feature))* };
    }
    let flags = cpuinfo_value(cpuinfo, "flags");
    let lahf = flags.is_none_or(|flags| flags.split(' ').any(|flag| flag == "lahf_lm"));
    let v2 = all!("cmpxchg16b" "popcnt" "sse3" "ssse3" "sse4.1" "sse4.2") && lahf;
    let v3 = v2 && all!("avx" "avx2" "f16c" "fma" "lzcnt" "movbe");
    let v4 = v3 && all!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl");
    let bmi = all!("bmi1" "bmi2");
    let level = u8::from(v2) + u8::from(v3) + u8::from(v4);
    let name = ["x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"]
        .get(usize::from(level))
        .copied()
        .unwrap_or_default();
    let mut cpu = Cpu::named(machine, name).unwrap_or_else(|_| Cpu::baseline(machine));
    cpu.bmi = bmi;
    if cpuinfo_value(cpuinfo, "vendor_id") == Some("GenuineIntel") {
        let has = |wanted: &str| flags.unwrap_or_default().split(' ').any(|flag| flag == wanted);
        if has("avx512er") && has("avx512pf") && all!("avx512cd") {
            cpu.intel = Some("xeon_phi".into());
        } else if all!("avx2" "fma" "bmi1" "bmi2" "lzcnt" "movbe" "popcnt") {
            cpu.intel = Some("haswell".into());
        }
        if !has("avx512er") && all!("avx512cd" "avx512bw" "avx512dq" "avx512vl") {
            cpu.features.push("avx512_1".into());
        }
    }
    cpu
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "x86")))]
fn x86(machine: Machine, _cpuinfo: &str) -> Cpu {
    Cpu::baseline(machine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::host::memory::MemoryHost;
    use crate::analyzer::loader_model::GlibcVersion;

    #[test]
    fn kernel_versions_are_packed() {
        assert_eq!(kernel_version("6.18.44-fc-v1"), Some(6 << 16 | 18 << 8 | 44));
        assert_eq!(kernel_version("5.15"), Some(5 << 16 | 15 << 8));
        assert_eq!(kernel_version("4.9.337"), Some(4 << 16 | 9 << 8 | 255));
        assert_eq!(kernel_version("rolling"), None);
    }

    #[test]
    fn rseq_comes_from_the_auxiliary_vector() {
        let words = [6_usize, 4096, 27, 33, 28, 64, 0, 0];
        let auxv: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let disk = MemoryHost::new().file("/proc/self/auxv", &auxv);
        assert_eq!(RunningSystem::read(&&disk).rseq, (33, 64));
        assert_eq!(RunningSystem::read(&&MemoryHost::new()).rseq, (0, 0));
    }

    #[test]
    fn foreign_processors_are_read_from_the_kernels_list() {
        let of = |machine, text: &str| processor(machine, text).name;
        assert_eq!(of(Machine::Ppc64, "processor\t: 0\ncpu\t\t: POWER9 (architected), altivec"), "power9");
        assert_eq!(of(Machine::S390x, "features\t: esan3 zarch vx vxd vxe gs vxe2 vxp \n"), "z15");
        assert_eq!(of(Machine::Aarch64, "Features\t: fp asimd atomics\n"), "armv8.1-a");
        assert_eq!(of(Machine::Arm, "Features\t: half neon vfp\n"), "armv7-neon");
    }

    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    #[test]
    fn only_intel_processors_have_a_platform_name() {
        let amd = x86(Machine::X86_64, "vendor_id : AuthenticAMD\n");
        assert_eq!(amd.intel, None);
        let intel = x86(Machine::X86_64, "vendor_id : GenuineIntel\nflags : lahf_lm\n");
        assert_eq!(intel.intel.is_some(), std::is_x86_feature_detected!("avx2"));
        let old = x86(Machine::X86_64, "flags : fpu sse2\n");
        assert_eq!(old.isa(Machine::X86_64, GlibcVersion { minor: 36 }), 1);
    }
}
