//! The releases of dyld whose rules were read, one row each: what they check and how they say it.
//! It must never be asked about a file; rows are data, and the branches that read them are elsewhere.
//! Rows are the tags of apple-oss-distributions/dyld; which macOS carries which is inferred from publication dates.

use crate::analyzer::image::macho::platform::Version;
use crate::analyzer::image::macho::valid::Inspection;

/// How names are set off in messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quoting {
    /// `Symbol not found: _a`.
    Plain,
    /// `Symbol not found: (_a)`, macOS 12.3 to 12.7.
    Brackets,
}

/// Which architectures of the process a message lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// The best one.
    First,
    /// `arm64e` and `arm64`: those the old table had.
    Old,
    /// Every one the process takes, two of them called arm64.
    All,
}

/// How the table of a fat file is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FatRules {
    /// `FatFile::forEachSlice`: slice by slice; duplicates and overlaps go unseen.
    Old,
    /// `Universal::valid`: the whole table before a slice is chosen.
    Universal,
}

/// One release.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Release {
    /// The first macOS that carries it.
    pub since: Version,
    /// The tag whose source was read.
    pub dyld: &'static str,
    /// How names are set off.
    pub quoting: Quoting,
    /// Messages name the UUID of files, and say when a file is newer than the system.
    pub uuids: bool,
    /// Search messages tell errno values and what is not in the cache; a second prefix is searched.
    pub cryptex: bool,
    /// The old default directories are searched for everybody, not only for files of an SDK before 14.
    pub fallbacks_for_all: bool,
    /// Which architectures a message lists as needed.
    pub needs: Needs,
    /// How a fat file is judged.
    pub fat: FatRules,
    /// How a header is inspected; before, nothing but the table of load commands is looked at.
    pub inspection: Option<Inspection>,
    /// A coalesced symbol that is missing has the long message.
    pub long_weak_text: bool,
    /// `no LC_RPATH's found` is said where nothing was tried.
    pub says_no_rpaths: bool,
    /// `no LC_RPATH's used` is said where none was usable.
    pub says_unused_rpaths: bool,
    /// MH_NO_DYNAMIC_ACCESS keeps `dlopen` away.
    pub honours_no_access: bool,
    /// Thread-local variables that are malformed fail the call.
    pub checks_thread_locals: bool,
}

/// The oldest release that was read.
pub const OLDEST: Release = Release {
    since: Version::new(12, 0),
    dyld: "940",
    quoting: Quoting::Plain,
    uuids: false,
    cryptex: false,
    fallbacks_for_all: true,
    needs: Needs::First,
    fat: FatRules::Old,
    inspection: None,
    long_weak_text: false,
    says_no_rpaths: false,
    says_unused_rpaths: false,
    honours_no_access: false,
    checks_thread_locals: false,
};
const V960: Release =
    Release { since: Version::new(12, 3), dyld: "960", quoting: Quoting::Brackets, ..OLDEST };
const V1042: Release = Release {
    since: Version::new(13, 0),
    dyld: "1042.1",
    quoting: Quoting::Plain,
    uuids: true,
    cryptex: true,
    fallbacks_for_all: false,
    needs: Needs::Old,
    ..V960
};
const V1122: Release = Release { since: Version::new(14, 0), dyld: "1122.1", says_no_rpaths: true, ..V1042 };
const V1231: Release = Release {
    since: Version::new(15, 0),
    dyld: "1231.3",
    long_weak_text: true,
    says_unused_rpaths: true,
    ..V1122
};
const V1284: Release = Release {
    since: Version::new(15, 4),
    dyld: "1284.13",
    inspection: Some(Inspection::Spring2025),
    checks_thread_locals: true,
    ..V1231
};
const V1323: Release = Release {
    since: Version::new(26, 0),
    dyld: "1323.3",
    needs: Needs::All,
    fat: FatRules::Universal,
    inspection: Some(Inspection::Fall2025),
    ..V1284
};
const V1378: Release = Release { since: Version::new(26, 5), dyld: "1378", honours_no_access: true, ..V1323 };

/// All releases, oldest first.
pub const RELEASES: &[Release] = &[OLDEST, V960, V1042, V1122, V1231, V1284, V1323, V1378];

/// The release a macOS carries; none before the first that was read.
pub fn of(macos: Version) -> Option<&'static Release> {
    RELEASES.iter().rev().find(|release| release.since <= macos)
}

/// The last minor version of a macOS that was named without one.
pub fn last_minor(major: u16) -> Option<u8> {
    Some(match major {
        12..=14 => 7,
        15 => 6,
        26 => 5,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_found() {
        assert!(RELEASES.windows(2).all(|pair| pair[0].since < pair[1].since));
        for (version, dyld) in
            [((12, 2), "940"), ((14, 7), "1122.1"), ((15, 3), "1231.3"), ((26, 4), "1323.3")]
        {
            assert_eq!(of(Version::new(version.0, version.1)).unwrap().dyld, dyld);
        }
        assert!(of(Version::new(11, 7)).is_none());
        assert!(RELEASES.iter().all(|r| r.inspection == Inspection::of_macos(r.since)));
    }
}
