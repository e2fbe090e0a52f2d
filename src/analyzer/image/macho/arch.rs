//! Processor types of Mach-O files: their names, when two are the same, and which a process takes.
//! It must never guess a process's list: who asks names the architecture of the process.
//! Follows dyld mach_o/Architecture.cpp and mach_o/GradedArchitectures.cpp.

use std::fmt;

/// The bits of a CPU subtype that are capabilities, not the subtype.
const CAPABILITIES: u32 = 0xff00_0000;
const CPU_I386: u32 = 7;
const CPU_X86_64: u32 = 0x0100_0007;
const CPU_ARM: u32 = 12;
const CPU_ARM64: u32 = 0x0100_000c;
const CPU_ARM64_32: u32 = 0x0200_000c;
const CPU_POWERPC: u32 = 18;

/// A CPU type and subtype as in `mach_header` or `fat_arch`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Arch {
    /// `CPU_TYPE_*`.
    pub cpu: u32,
    /// `CPU_SUBTYPE_*` with its capability byte.
    pub sub: u32,
}

macro_rules! known {
    ($($(#[$doc:meta])* $name:ident = ($cpu:expr, $sub:expr) $text:literal;)*) => {
        impl Arch {
            $($(#[$doc])* pub const $name: Arch = Arch { cpu: $cpu, sub: $sub };)*
            const KNOWN: &[(Arch, &'static str)] = &[$((Arch::$name, $text)),*];
        }
    };
}

// In the order in which dyld compares them.
known! {
    /// Any 64-bit Intel processor.
    X86_64 = (CPU_X86_64, 3) "x86_64";
    /// 64-bit Intel from Haswell on.
    X86_64H = (CPU_X86_64, 8) "x86_64h";
    /// 32-bit Intel; no process of today takes it.
    I386 = (CPU_I386, 3) "i386";
    /// Apple silicon without pointer authentication.
    ARM64 = (CPU_ARM64, 0) "arm64";
    /// Apple silicon with pointer authentication, ABI version 0.
    ARM64E = (CPU_ARM64, 0x8000_0002) "arm64e";
    /// 64-bit ARM with 32-bit pointers (watchOS).
    ARM64_32 = (CPU_ARM64_32, 1) "arm64_32";
    /// ARM version 4T.
    ARMV4T = (CPU_ARM, 5) "armv4t";
    /// ARM version 6.
    ARMV6 = (CPU_ARM, 6) "armv6";
    /// ARM version 6-M.
    ARMV6M = (CPU_ARM, 14) "armv6m";
    /// ARM version 7K (watchOS).
    ARMV7K = (CPU_ARM, 12) "armv7k";
    /// ARM version 7-M.
    ARMV7M = (CPU_ARM, 15) "armv7m";
    /// ARM version 7E-M.
    ARMV7EM = (CPU_ARM, 16) "armv7em";
    /// ARM version 8-M mainline.
    ARMV8M_MAIN = (CPU_ARM, 17) "armv8m.main";
    /// ARM version 8.1-M mainline.
    ARMV8_1M_MAIN = (CPU_ARM, 19) "armv8.1m.main";
    /// ARM version 7S (iOS).
    ARMV7S = (CPU_ARM, 11) "armv7s";
    /// ARM version 7.
    ARMV7 = (CPU_ARM, 9) "armv7";
    /// The other way to write arm64.
    ARM64_ALT = (CPU_ARM64, 1) "arm64";
    /// The other way to write `arm64_32`.
    ARM64_32_ALT = (CPU_ARM64_32, 0) "arm64_32";
    /// Pointer authentication ABI version 1.
    ARM64E_V1 = (CPU_ARM64, 0x8100_0002) "arm64e.v1";
    /// Pointer authentication before its ABI had versions.
    ARM64E_OLD = (CPU_ARM64, 2) "arm64e.old";
    /// Kernel ABI version 0 of pointer authentication.
    ARM64E_KERNEL = (CPU_ARM64, 0xc000_0002) "arm64e.kernel";
    /// Kernel ABI version 1.
    ARM64E_KERNEL_V1 = (CPU_ARM64, 0xc100_0002) "arm64e.kernel.v1";
    /// Kernel ABI version 2.
    ARM64E_KERNEL_V2 = (CPU_ARM64, 0xc200_0002) "arm64e.kernel.v2";
    /// PowerPC.
    PPC = (CPU_POWERPC, 0) "ppc";
}

impl Arch {
    /// Whether dyld takes the two for one: the capability byte counts on arm64 only.
    pub fn same(self, other: Arch) -> bool {
        self.cpu == other.cpu
            && self.sub & !CAPABILITIES == other.sub & !CAPABILITIES
            && (self.cpu != CPU_ARM64 || self.sub == other.sub)
    }

    /// dyld's name for it; `unknown` for what it has no name for.
    pub fn name(self) -> &'static str {
        Arch::KNOWN.iter().find(|(arch, _)| self.same(*arch)).map_or("unknown", |(_, name)| name)
    }

    /// The architecture a user names.
    pub fn by_name(name: &str) -> Option<Arch> {
        Arch::KNOWN.iter().find(|(_, known)| *known == name).map(|(arch, _)| *arch)
    }

    /// 64-bit instructions of ARM with 64-bit pointers.
    pub fn is_arm64(self) -> bool {
        self.cpu == CPU_ARM64
    }

    /// Pointer authentication, whatever version of its ABI.
    pub fn is_arm64e(self) -> bool {
        self.cpu == CPU_ARM64 && self.sub & !CAPABILITIES == 2
    }

    /// 64-bit Intel.
    pub fn is_x86_64(self) -> bool {
        self.cpu == CPU_X86_64
    }

    /// 32-bit Intel.
    pub fn is_i386(self) -> bool {
        self.cpu == CPU_I386
    }

    /// Whether the pages of its segments have 16 KiB.
    pub fn has_16k_pages(self) -> bool {
        self.cpu == CPU_ARM64 || self.cpu == CPU_ARM64_32 || (self.cpu == CPU_ARM && self.sub == 12)
    }

    /// What a process of this architecture takes, best first; empty for what no process of macOS is.
    pub fn grades(self) -> &'static [Arch] {
        match self {
            Arch::X86_64 => &[Arch::X86_64],
            Arch::X86_64H => &[Arch::X86_64H, Arch::X86_64],
            // dyld itself is arm64e with its keys off in a process that is arm64.
            Arch::ARM64 => &[Arch::ARM64E, Arch::ARM64E_V1, Arch::ARM64, Arch::ARM64_ALT],
            Arch::ARM64E => &[Arch::ARM64E],
            _ => &[],
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_count_on_arm64_only() {
        let x86 = Arch { cpu: CPU_X86_64, sub: 0x8000_0003 };
        assert!(x86.same(Arch::X86_64) && x86.name() == "x86_64");
        assert!(!Arch::ARM64E.same(Arch::ARM64E_OLD));
        let odd = Arch { cpu: CPU_ARM64, sub: 0x8000_0000 };
        assert_eq!(odd.name(), "unknown");
        assert!(Arch::ARM64E_OLD.is_arm64e() && !Arch::ARM64.is_arm64e());
    }

    #[test]
    fn names_lead_back() {
        for (arch, name) in Arch::KNOWN {
            assert_eq!(arch.name(), *name);
            assert_eq!(Arch::by_name(name).unwrap().name(), *name);
        }
    }
}
