//! Platforms and versions as Mach-O load commands write them.
//! It must never compare versions of different platforms.
//! Follows dyld mach_o/Platform.cpp and mach_o/Version32.cpp.

use std::fmt;

use super::arch::Arch;

/// `xxxx.yy.zz` in nibbles.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Version(pub u32);

impl Version {
    /// `major.minor`.
    pub const fn new(major: u16, minor: u8) -> Version {
        Version((major as u32) << 16 | (minor as u32) << 8)
    }
    /// The first number.
    pub fn major(self) -> u32 {
        self.0 >> 16
    }
    /// The second number.
    pub fn minor(self) -> u32 {
        self.0 >> 8 & 0xff
    }
    /// The third number.
    pub fn patch(self) -> u32 {
        self.0 & 0xff
    }
}

/// As dyld prints it: the third number only if it is not zero.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major(), self.minor())?;
        if self.patch() == 0 { Ok(()) } else { write!(f, ".{}", self.patch()) }
    }
}

/// A `PLATFORM_*` number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Platform(pub u32);

impl Platform {
    /// macOS.
    pub const MACOS: Platform = Platform(1);
    /// iOS.
    pub const IOS: Platform = Platform(2);
    /// tvOS.
    pub const TVOS: Platform = Platform(3);
    /// watchOS.
    pub const WATCHOS: Platform = Platform(4);
    /// bridgeOS.
    pub const BRIDGEOS: Platform = Platform(5);
    /// Mac Catalyst.
    pub const MAC_CATALYST: Platform = Platform(6);
    /// Simulator of iOS.
    pub const IOS_SIMULATOR: Platform = Platform(7);
    /// Simulator of tvOS.
    pub const TVOS_SIMULATOR: Platform = Platform(8);
    /// Simulator of watchOS.
    pub const WATCHOS_SIMULATOR: Platform = Platform(9);
    /// DriverKit.
    pub const DRIVERKIT: Platform = Platform(10);

    /// dyld's name for it, if it knows the number.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "macOS",
            2 => "iOS",
            3 => "tvOS",
            4 => "watchOS",
            5 => "bridgeOS",
            6 => "macCatalyst",
            7 => "iOS-simulator",
            8 => "tvOS-simulator",
            9 => "watchOS-simulator",
            10 => "driverKit",
            11 => "visionOS",
            12 => "visionOS-simulator",
            13 => "firmware",
            14 => "sepOS",
            15 => "macOS-exclaveCore",
            16 => "macOS-exclaveKit",
            17 => "iOS-exclaveCore",
            18 => "iOS-exclaveKit",
            19 => "tvOS-exclaveCore",
            20 => "tvOS-exclaveKit",
            21 => "watchOS-exclaveCore",
            22 => "watchOS-exclaveKit",
            23 => "visionOS-exclaveCore",
            24 => "visionOS-exclaveKit",
            _ => return None,
        })
    }
}

/// One platform command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PlatformVersion {
    /// The platform.
    pub platform: Platform,
    /// The oldest system it is for; dyld does not refuse older ones.
    pub minos: Version,
    /// What it was built with; dyld's strictness follows it. LC_VERSION_MIN_MACOSX without it means `minos`.
    pub sdk: Version,
}

impl PlatformVersion {
    /// What dyld takes an image without a platform command for, on macOS.
    pub fn implied(arch: Arch) -> Option<PlatformVersion> {
        let version = if arch.is_x86_64() || arch.is_i386() {
            Version::new(10, 5)
        } else if arch.is_arm64() {
            Version::new(11, 0)
        } else {
            return None;
        };
        Some(PlatformVersion { platform: Platform::MACOS, minos: version, sdk: version })
    }
}
