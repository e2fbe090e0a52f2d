//! Knows processors as far as the loader tells them apart, and which directories and cache entries each makes it look at.
//! It must never ask the running machine (see `detect/system.rs`); a processor is data.
//! It follows glibc `elf/dl-hwcaps.c`, `dl-hwcaps-subdirs.c`, `dl-procinfo.*` and `sysdeps/x86/cpu-features.c` by release.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{GlibcVersion, LoaderModel};
use crate::analyzer::model::Machine;

/// Bit of a cache entry from a `tls/` directory; every loader up to 2.39 accepts it.
const HWCAP_TLS: u64 = 1 << 63;

/// A processor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cpu {
    /// Name for reports.
    pub name: String,
    /// How many steps above the baseline it is: x86-64-v2 to v4; power9, power10; z13 to z17.
    pub level: u8,
    /// x86: BMI1 and BMI2 are there. Loaders up to 2.36 call a processor v3 without them.
    pub bmi: bool,
    /// Capabilities under the names that loaders up to 2.36 look for as directories.
    pub features: Vec<Cow<'static, str>>,
    /// What the kernel passes as AT_PLATFORM, if anything.
    pub platform: Option<String>,
    /// `haswell` or `xeon_phi`, which the 64-bit loader puts in place of the platform on Intel processors only.
    pub intel: Option<Cow<'static, str>>,
}

/// No processor of that name.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("unknown processor `{name}` for {machine}: expected one of {known}")]
pub struct UnknownCpu {
    name: String,
    machine: Machine,
    known: String,
}

/// The named processors of a machine, baseline first. `qemu` is what qemu-user 7.2 shows of its default processor.
fn names(machine: Machine) -> &'static [&'static str] {
    match machine {
        Machine::X86_64 => &["x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "haswell", "skylake-avx512"],
        Machine::I386 => &["i686", "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"],
        Machine::Aarch64 => &["armv8-a", "armv8.1-a", "qemu"],
        Machine::Arm => &["armv7", "armv7-neon", "armv8", "qemu"],
        Machine::Riscv64 => &["rv64gc"],
        Machine::Ppc64 => &["power8", "power9", "power10", "qemu"],
        Machine::S390x => &["z196", "zEC12", "z13", "z14", "z15", "z16", "z17", "qemu"],
    }
}

impl Cpu {
    /// The oldest processor the machine's distributions support.
    pub fn baseline(machine: Machine) -> Cpu {
        Cpu::of(machine, names(machine).first().copied().unwrap_or_default())
    }

    /// A processor by name; `baseline` is one for every machine.
    ///
    /// # Errors
    /// When the machine has no processor of that name.
    pub fn named(machine: Machine, name: &str) -> Result<Cpu, UnknownCpu> {
        if name == "baseline" {
            return Ok(Cpu::baseline(machine));
        }
        match names(machine).iter().find(|known| **known == name) {
            Some(known) => Ok(Cpu::of(machine, known)),
            None => Err(UnknownCpu { name: name.to_owned(), machine, known: names(machine).join(", ") }),
        }
    }

    fn of(machine: Machine, name: &'static str) -> Cpu {
        let step = |known: &[&str]| {
            known.iter().position(|k| *k == name).map_or(0, |at| u8::try_from(at + 1).unwrap_or(0))
        };
        let mut cpu = Cpu {
            name: name.to_owned(),
            level: 0,
            bmi: true,
            features: Vec::new(),
            platform: Some(name.to_owned()),
            intel: None,
        };
        match machine {
            Machine::X86_64 | Machine::I386 => {
                cpu.level = match name {
                    "haswell" => 2,
                    "skylake-avx512" => 3,
                    _ => step(&["x86-64-v2", "x86-64-v3", "x86-64-v4"]),
                };
                cpu.features = if name == "i686" { Vec::new() } else { words(&["sse2", "x86_64"]) };
                if matches!(name, "haswell" | "skylake-avx512") {
                    cpu.intel = Some("haswell".into());
                }
                if name == "skylake-avx512" {
                    cpu.features.push("avx512_1".into());
                }
                cpu.platform = Some(if machine == Machine::X86_64 { "x86_64" } else { "i686" }.to_owned());
            }
            Machine::Aarch64 => {
                cpu.features =
                    if name == "armv8-a" { words(&["cpuid"]) } else { words(&["cpuid", "atomics"]) };
                cpu.platform = Some("aarch64".to_owned());
            }
            Machine::Arm => {
                cpu.features = if name == "armv7" { words(&["vfp"]) } else { words(&["vfp", "neon"]) };
                cpu.platform = Some(if matches!(name, "armv8" | "qemu") { "v8l" } else { "v7l" }.to_owned());
            }
            // The kernel passes no platform.
            Machine::Riscv64 => cpu.platform = None,
            Machine::Ppc64 => {
                cpu.level = step(&["power9", "power10"]);
                cpu.features = words(&["dfp", "altivec"]);
                if name == "qemu" {
                    (cpu.level, cpu.platform) = (1, None);
                }
            }
            Machine::S390x => {
                cpu.level = step(&["z13", "z14", "z15", "z16", "z17"]);
                cpu.features = words(&["zarch", "ldisp", "eimm", "dfp"]);
                for (level, feature) in [(1, "vx"), (2, "vxe"), (3, "vxe2")] {
                    if cpu.level >= level {
                        cpu.features.push(feature.into());
                    }
                }
                if name == "qemu" {
                    (cpu.level, cpu.platform) = (1, None);
                    cpu.features = words(&["zarch", "ldisp", "eimm", "vx", "vxe"]);
                }
            }
        }
        cpu
    }

    fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|f| f == feature)
    }

    /// The x86 ISA level bits as this release computes them (`get_isa_level`), 0 on other machines.
    pub fn isa(&self, machine: Machine, version: GlibcVersion) -> u32 {
        if !matches!(machine, Machine::X86_64 | Machine::I386) || !self.has("sse2") {
            return 0;
        }
        let level = if self.bmi || version.minor <= 36 { self.level.min(3) } else { self.level.min(1) };
        (2 << level) - 1
    }

    /// Active names under `glibc-hwcaps/`, best first.
    pub fn hwcaps(&self, machine: Machine, version: GlibcVersion) -> Vec<Vec<u8>> {
        let minor = version.minor;
        let known: &[&str] = match machine {
            _ if minor < 33 => &[],
            Machine::X86_64 => &["x86-64-v2", "x86-64-v3", "x86-64-v4"],
            Machine::Ppc64 => &["power9", "power10"],
            Machine::S390x if minor >= 42 => &["z13", "z14", "z15", "z16", "z17"],
            Machine::S390x if minor >= 36 => &["z13", "z14", "z15", "z16"],
            Machine::S390x => &["z13", "z14", "z15"],
            _ => &[],
        };
        let level = match machine {
            // The same computation as for the ISA level: 0 baseline.
            Machine::X86_64 => self.isa(machine, version).count_ones().saturating_sub(1) as usize,
            _ => usize::from(self.level),
        };
        known.iter().take(level).rev().map(|name| name.as_bytes().to_vec()).collect()
    }

    /// Value of `$PLATFORM`.
    fn platform(&self, machine: Machine, version: GlibcVersion) -> Option<&str> {
        // sysdeps/x86/cpu-features.c has set it since 2.26.
        let intel = self.intel.as_deref().filter(|_| machine == Machine::X86_64 && version.minor >= 26);
        intel.or(self.platform.as_deref()).filter(|platform| !platform.is_empty())
    }

    /// Legacy capabilities in the order of their bits.
    fn important(
        &self,
        machine: Machine,
        version: GlibcVersion,
    ) -> impl Iterator<Item = (u32, &'static str)> {
        let known = important(machine, version);
        known.iter().copied().filter(|(_, name)| self.has(name))
    }
}

fn words(list: &[&'static str]) -> Vec<Cow<'static, str>> {
    list.iter().map(|word| Cow::Borrowed(*word)).collect()
}

/// The capabilities (`HWCAP_IMPORTANT`) that make directories, by bit.
fn important(machine: Machine, version: GlibcVersion) -> &'static [(u32, &'static str)] {
    let minor = version.minor;
    match machine {
        Machine::X86_64 if minor >= 27 => &[(1, "x86_64"), (2, "avx512_1")],
        Machine::X86_64 if minor == 26 => &[(1, "avx512_1")],
        Machine::I386 if minor >= 26 => &[(0, "sse2")],
        Machine::I386 => &[(26, "sse2")],
        Machine::Aarch64 if minor >= 28 => &[(8, "atomics")],
        Machine::Aarch64 if minor >= 26 => &[(11, "cpuid")],
        Machine::Arm => &[(6, "vfp"), (12, "neon")],
        Machine::Ppc64 => &[(10, "dfp"), (28, "altivec")],
        Machine::S390x if minor >= 30 => {
            &[(1, "zarch"), (4, "ldisp"), (5, "eimm"), (6, "dfp"), (11, "vx"), (13, "vxe"), (15, "vxe2")]
        }
        Machine::S390x => &[(1, "zarch"), (4, "ldisp"), (5, "eimm"), (6, "dfp")],
        _ => &[],
    }
}

/// Bit of a platform in a cache entry (`_dl_string_platform`).
fn platform_bit(machine: Machine, version: GlibcVersion, platform: &str) -> u64 {
    let (first, known): (u32, &[&str]) = match machine {
        Machine::X86_64 if version.minor >= 26 => (50, &["haswell", "xeon_phi"]),
        Machine::I386 if version.minor >= 26 => (48, &["i586", "i686"]),
        Machine::I386 => (48, &["i386", "i486", "i586", "i686"]),
        Machine::Ppc64 => (45, &["power8", "power9", "power10"]),
        Machine::S390x => {
            (32, &["g5", "z900", "z990", "z9-109", "z10", "z196", "zEC12", "z13", "z14", "z15", "z16"])
        }
        _ => (0, &[]),
    };
    let at = known.iter().position(|name| *name == platform);
    let bit = at.and_then(|at| u32::try_from(at).ok()).map(|at| first + at);
    bit.and_then(|bit| 1_u64.checked_shl(bit)).unwrap_or(0)
}

/// The power set of `tls`, the platform and the important capabilities, most specific first, ending with nothing.
fn power_set(words: &[&str]) -> Vec<Vec<u8>> {
    let sets = (0_u32..1 << words.len().min(12)).rev();
    let path = |set: u32| {
        let chosen = words.iter().enumerate().rev().filter(|(bit, _)| set & 1 << bit != 0);
        chosen.flat_map(|(_, word)| word.bytes().chain([b'/'])).collect()
    };
    sets.map(path).collect()
}

impl LoaderModel {
    /// Drops the sub-directories of x86 levels that a tunable has taken a feature of (sysdeps/x86/cpu-tunables.c).
    /// The ISA level that libraries are checked against stays: it is computed before.
    fn mask(&mut self) {
        const LEVELS: [&[&str]; 3] = [
            &["CMPXCHG16B", "LAHF64_SAHF64", "POPCNT", "SSE3", "SSSE3", "SSE4_1", "SSE4_2"],
            &["AVX", "AVX2", "F16C", "FMA", "LZCNT", "MOVBE"],
            &["AVX512F", "AVX512BW", "AVX512CD", "AVX512DQ", "AVX512VL"],
        ];
        if self.machine != Machine::X86_64 {
            return;
        }
        let masked = |name: &&str| self.env.masked_features.iter().any(|m| m == name.as_bytes());
        let Some(lost) = LEVELS.iter().position(|level| level.iter().any(masked)) else { return };
        let gone: Vec<Vec<u8>> = (lost + 2..=4).map(|n| format!("x86-64-v{n}").into_bytes()).collect();
        self.hwcaps.retain(|h| !gone.contains(h));
        self.subdirs.retain(|d| {
            !gone
                .iter()
                .any(|g| d.strip_prefix(b"glibc-hwcaps/").and_then(|r| r.strip_suffix(b"/")) == Some(g))
        });
    }

    /// Puts a processor into the model: ISA level, hwcaps, sub-directories, `$PLATFORM`, cache bits.
    ///
    /// The environment must be set before: a tunable can take features away.
    pub fn set_cpu(&mut self, cpu: &Cpu) {
        let (machine, version) = (self.machine, self.glibc());
        let platform = cpu.platform(machine, version);
        self.cpu.clone_from(&cpu.name);
        self.isa = cpu.isa(machine, version);
        self.hwcaps = cpu.hwcaps(machine, version);
        self.platform = platform.map(|platform| platform.as_bytes().to_vec());
        self.subdirs =
            self.hwcaps.iter().map(|name| [b"glibc-hwcaps/", name.as_slice(), b"/"].concat()).collect();
        if version.minor <= 36 {
            let important = cpu.important(machine, version).map(|(_, name)| name);
            let words: Vec<&str> = important.chain(platform).chain(["tls"]).collect();
            self.subdirs.extend(power_set(&words));
        } else {
            self.subdirs.push(Vec::new());
        }
        self.mask();
        self.legacy_hwcap = 0;
        if !self.rules.no_legacy_cache {
            let bits = cpu.important(machine, version).fold(0, |bits, (bit, _)| bits | 1 << bit);
            let own = platform.map_or(0, |platform| platform_bit(machine, version, platform));
            self.legacy_hwcap = HWCAP_TLS | bits | own;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::loader_model::Distribution;

    fn model(machine: Machine, minor: u16, cpu: &str) -> LoaderModel {
        let mut model = LoaderModel::default_for(machine, GlibcVersion { minor }, Distribution::Upstream);
        model.set_cpu(&Cpu::named(machine, cpu).unwrap());
        model
    }

    fn subdirs(machine: Machine, minor: u16, cpu: &str) -> Vec<String> {
        let subdirs = model(machine, minor, cpu).subdirs;
        subdirs.into_iter().map(|subdir| String::from_utf8(subdir).unwrap()).collect()
    }

    #[test]
    fn power_set_has_the_measured_order() {
        let measured = [
            "tls/x86_64/x86_64/",
            "tls/x86_64/",
            "tls/x86_64/",
            "tls/",
            "x86_64/x86_64/",
            "x86_64/",
            "x86_64/",
            "",
        ];
        assert_eq!(subdirs(Machine::X86_64, 31, "x86-64-v3"), measured);
        let mut with_hwcaps = vec!["glibc-hwcaps/x86-64-v3/", "glibc-hwcaps/x86-64-v2/"];
        with_hwcaps.extend(measured);
        assert_eq!(subdirs(Machine::X86_64, 36, "x86-64-v3"), with_hwcaps);
        assert_eq!(
            subdirs(Machine::X86_64, 41, "x86-64-v4"),
            ["glibc-hwcaps/x86-64-v4/", "glibc-hwcaps/x86-64-v3/", "glibc-hwcaps/x86-64-v2/", ""]
        );
        let intel = subdirs(Machine::X86_64, 31, "skylake-avx512");
        assert_eq!(
            intel[..3],
            ["tls/haswell/avx512_1/x86_64/", "tls/haswell/avx512_1/", "tls/haswell/x86_64/"]
        );
        assert_eq!(subdirs(Machine::X86_64, 17, "baseline"), ["tls/x86_64/", "tls/", "x86_64/", ""]);
        assert_eq!(subdirs(Machine::Riscv64, 36, "baseline"), ["tls/", ""]);
        assert_eq!(subdirs(Machine::I386, 36, "x86-64")[0], "tls/i686/sse2/");
        assert_eq!(subdirs(Machine::Arm, 36, "armv8")[0], "tls/v8l/neon/vfp/");
        assert_eq!(
            subdirs(Machine::Ppc64, 36, "power10")[0..3],
            ["glibc-hwcaps/power10/", "glibc-hwcaps/power9/", "tls/power10/altivec/dfp/"]
        );
        assert_eq!(subdirs(Machine::S390x, 36, "z15").len(), 3 + 512);
    }

    #[test]
    fn emulated_processors_are_as_measured() {
        let power = subdirs(Machine::Ppc64, 36, "qemu");
        assert_eq!(power[..3], ["glibc-hwcaps/power9/", "tls/altivec/dfp/", "tls/altivec/"]);
        let s390 = subdirs(Machine::S390x, 36, "qemu");
        assert_eq!(
            s390[..3],
            ["glibc-hwcaps/z13/", "tls/vxe/vx/eimm/ldisp/zarch/", "tls/vxe/vx/eimm/ldisp/"]
        );
        assert_eq!(subdirs(Machine::Aarch64, 36, "qemu")[..2], ["tls/aarch64/atomics/", "tls/aarch64/"]);
    }

    #[test]
    fn hwcaps_names_grow_with_the_releases() {
        let best = |minor| model(Machine::S390x, minor, "z17").hwcaps.first().cloned();
        assert_eq!(best(32), None);
        assert_eq!(best(35), Some(b"z15".to_vec()));
        assert_eq!(best(41), Some(b"z16".to_vec()));
        assert_eq!(best(42), Some(b"z17".to_vec()));
        assert!(model(Machine::Aarch64, 42, "armv8.1-a").hwcaps.is_empty());
        assert!(model(Machine::I386, 42, "x86-64-v3").hwcaps.is_empty());
    }

    #[test]
    fn isa_level_needs_bmi_from_2_37_on() {
        let cpu = Cpu { bmi: false, ..Cpu::named(Machine::X86_64, "x86-64-v3").unwrap() };
        assert_eq!(cpu.isa(Machine::X86_64, GlibcVersion { minor: 36 }), 0b111);
        assert_eq!(cpu.isa(Machine::X86_64, GlibcVersion { minor: 37 }), 0b11);
        assert_eq!(model(Machine::I386, 36, "x86-64-v4").isa, 0b1111);
        assert_eq!(model(Machine::X86_64, 36, "baseline").isa, 1);
        assert_eq!(model(Machine::I386, 36, "i686").isa, 0);
        assert_eq!(model(Machine::Aarch64, 36, "baseline").isa, 0);
    }

    #[test]
    fn legacy_bits_are_those_of_the_release() {
        assert_eq!(model(Machine::X86_64, 36, "haswell").legacy_hwcap, 1 << 63 | 1 << 50 | 2);
        assert_eq!(model(Machine::X86_64, 25, "haswell").legacy_hwcap, 1 << 63);
        assert_eq!(model(Machine::I386, 39, "x86-64").legacy_hwcap, 1 << 63 | 1 << 49 | 1);
        assert_eq!(model(Machine::X86_64, 40, "haswell").legacy_hwcap, 0);
        assert_eq!(model(Machine::X86_64, 36, "haswell").platform.as_deref(), Some(b"haswell".as_slice()));
    }

    #[test]
    fn unknown_processor_is_an_error_with_the_known_ones() {
        let fault = Cpu::named(Machine::Ppc64, "z14").unwrap_err().to_string();
        assert!(fault.contains("power9, power10") && fault.contains("ppc64le"), "{fault}");
    }
}
