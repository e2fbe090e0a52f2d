//! When an SDK came out, as dyld reckons it from a platform and a version: years, and autumn or spring.
//! It must never be used for anything but dyld's policy: the arithmetic is dyld's, wrapping included.
//! Follows dyld mach_o/Platform.cpp: PlatformInfo::yearForVersion.

use super::super::platform::{Platform, Version};

/// Ten times the year, and five more for autumn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(super) struct Epoch(u32);

impl Epoch {
    pub const FALL_2015: Epoch = Epoch::new(2015, false);
    pub const FALL_2019: Epoch = Epoch::new(2019, false);
    pub const FALL_2020: Epoch = Epoch::new(2020, false);
    pub const FALL_2021: Epoch = Epoch::new(2021, false);
    pub const FALL_2024: Epoch = Epoch::new(2024, false);
    pub const SPRING_2025: Epoch = Epoch::new(2025, true);
    pub const FALL_2025: Epoch = Epoch::new(2025, false);

    const fn new(year: u16, spring: bool) -> Epoch {
        Epoch(year as u32 * 10 + if spring { 0 } else { 5 })
    }

    /// The time of a version of a platform.
    pub fn of(platform: Option<Platform>, version: Version) -> Epoch {
        let Some(platform) = platform else { return Epoch::default() };
        match platform.0 {
            // macOS before 11: the second number is the year. No version at all (0) wraps around into the far future.
            1 | 15 | 16 if version < Version::new(11, 0) => {
                let minor = version.0.wrapping_sub(0x000a_0000) >> 8;
                let year = 2004u16.wrapping_add((minor & 0xffff) as u16);
                let spring = version.patch() >= 4;
                Epoch::new(year.wrapping_sub(u16::from(spring)), spring)
            }
            1 | 15 | 16 => {
                let spring_minor = if version.major() <= 13 { 3 } else { 4 };
                Epoch::by_major(2009, true, version, spring_minor)
            }
            2 | 3 | 6 | 7 | 8 | 17..=20 => Epoch::by_major(2006, true, version, 4),
            4 | 9 | 21 | 22 => Epoch::by_major(2013, true, version, 4),
            5 => Epoch::by_major(2015, false, version, if version.major() <= 8 { 3 } else { 4 }),
            10 => Epoch::by_major(2000, false, version, 4),
            11 | 12 | 23 | 24 => Epoch::by_major(2022, true, version, 4),
            13 | 14 => Epoch::new(2020, false),
            _ => Epoch::default(),
        }
    }

    /// Platforms that were aligned in 2025 jumped to version 26 then.
    fn by_major(base: u16, aligned: bool, version: Version, spring_minor: u32) -> Epoch {
        let major = (version.major() & 0xffff) as u16;
        let year = if aligned && major >= 26 {
            2000u16.wrapping_add(major - 1)
        } else {
            let year = base.wrapping_add(major);
            if aligned { year.min(2026) } else { year }
        };
        let spring = version.minor() >= spring_minor;
        Epoch::new(year.wrapping_add(u16::from(spring)), spring)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn macos(major: u16, minor: u8) -> Epoch {
        Epoch::of(Some(Platform::MACOS), Version::new(major, minor))
    }

    #[test]
    fn versions_of_macos() {
        assert_eq!(macos(10, 15), Epoch::FALL_2019);
        assert_eq!(macos(11, 0), Epoch::FALL_2020);
        assert_eq!(macos(12, 2), Epoch::FALL_2021);
        assert_eq!(macos(12, 3), Epoch::new(2022, true));
        assert_eq!(macos(14, 3), Epoch::new(2023, false));
        assert_eq!(macos(15, 0), Epoch::FALL_2024);
        assert_eq!(macos(15, 4), Epoch::SPRING_2025);
        assert_eq!(macos(26, 0), Epoch::FALL_2025);
        assert!(macos(26, 4) > Epoch::FALL_2025);
    }

    #[test]
    fn no_version_is_the_far_future() {
        assert!(macos(0, 0) > Epoch::FALL_2025);
        assert_eq!(Epoch::of(Some(Platform(99)), Version::new(26, 0)), Epoch::default());
    }

    #[test]
    fn other_platforms() {
        assert_eq!(Epoch::of(Some(Platform::IOS), Version::new(13, 0)), Epoch::FALL_2019);
        assert_eq!(Epoch::of(Some(Platform::WATCHOS), Version::new(26, 0)), Epoch::FALL_2025);
    }
}
