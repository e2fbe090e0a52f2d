//! Knows the names of loaders a user may give: `glibc-2.31`, `glibc-2.31-debian`, `musl-1.2.5`.
//! It must never guess: a name it does not know is an error that says what would be one.
//! The releases are those whose sources the rules were read in.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::analyzer::model::Machine;

use super::{Distribution, GlibcVersion, LibcKind, MuslVersion};

/// A loader named instead of detected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoaderChoice {
    /// glibc's.
    Glibc {
        /// The release.
        version: GlibcVersion,
        /// Whose patches; none leaves it to the loader found.
        distribution: Option<Distribution>,
    },
    /// musl's.
    Musl(MuslVersion),
}

impl LoaderChoice {
    /// Whose loader it is.
    pub fn libc(self) -> LibcKind {
        match self {
            LoaderChoice::Glibc { .. } => LibcKind::Glibc,
            LoaderChoice::Musl(_) => LibcKind::Musl,
        }
    }
}

/// A kind of system named instead of found: `musl`, `i386`, `aarch64-glibc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TargetChoice {
    /// Its C library; any if none is named.
    pub libc: Option<LibcKind>,
    /// Its machine; any if none is named.
    pub machine: Option<Machine>,
}

impl FromStr for TargetChoice {
    type Err = ChoiceFault;

    fn from_str(name: &str) -> Result<TargetChoice, ChoiceFault> {
        let mut choice = TargetChoice::default();
        for word in name.split('-') {
            let libc = [LibcKind::Glibc, LibcKind::Musl].into_iter().find(|l| l.name() == word);
            let machine = Machine::ALL.into_iter().find(|m| m.name() == word);
            match (libc, machine) {
                (Some(_), _) if choice.libc.is_none() => choice.libc = libc,
                (_, Some(_)) if choice.machine.is_none() => choice.machine = machine,
                _ => return Err(ChoiceFault::Target(name.to_owned())),
            }
        }
        Ok(choice)
    }
}

/// Why a loader name was refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ChoiceFault {
    /// Of none of the forms.
    #[error(
        "unknown loader `{0}`: expected glibc-2.N, glibc-2.N-debian or musl-1.N.N, for example glibc-2.36-debian"
    )]
    Unknown(String),
    /// Another libc.
    #[error("unknown loader `{0}`: only glibc and musl can be named; dyld is not modelled this way")]
    OtherLibc(String),
    /// Neither a machine nor a C library.
    #[error("unknown target `{0}`: expected glibc, musl, a machine ({machines}), or both, as in aarch64-musl", machines = Machine::ALL.map(Machine::name).join(", "))]
    Target(String),
    /// A suffix that is no distribution.
    #[error("unknown distribution `{0}`: expected `debian` (also for Ubuntu) or nothing")]
    Distribution(String),
    /// A release that was never read.
    #[error("glibc {0} is not modelled: known are {oldest} to {newest}", oldest = GlibcVersion::OLDEST, newest = GlibcVersion::NEWEST)]
    Version(GlibcVersion),
    /// A musl release that was never read.
    #[error("musl {0} is not modelled: known are {oldest} to {newest}", oldest = MuslVersion::OLDEST, newest = MuslVersion::NEWEST)]
    MuslVersion(MuslVersion),
}

impl FromStr for LoaderChoice {
    type Err = ChoiceFault;

    fn from_str(name: &str) -> Result<LoaderChoice, ChoiceFault> {
        let unknown = || ChoiceFault::Unknown(name.to_owned());
        if name.starts_with("dyld") {
            return Err(ChoiceFault::OtherLibc(name.to_owned()));
        }
        if let Some(version) = name.strip_prefix("musl-") {
            let version: MuslVersion = version.parse().map_err(|()| unknown())?;
            let known = (MuslVersion::OLDEST..=MuslVersion::NEWEST).contains(&version);
            return if known {
                Ok(LoaderChoice::Musl(version))
            } else {
                Err(ChoiceFault::MuslVersion(version))
            };
        }
        let rest = name.strip_prefix("glibc-2.").ok_or_else(unknown)?;
        let (minor, suffix) =
            rest.split_once('-').map_or((rest, None), |(minor, suffix)| (minor, Some(suffix)));
        if minor.is_empty() || !minor.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(unknown());
        }
        let version = GlibcVersion { minor: minor.parse().map_err(|_| unknown())? };
        let distribution = match suffix {
            None => None,
            Some("upstream") => Some(Distribution::Upstream),
            Some("debian" | "ubuntu") => Some(Distribution::Debian),
            Some(other) => return Err(ChoiceFault::Distribution(other.to_owned())),
        };
        if version < GlibcVersion::OLDEST || version > GlibcVersion::NEWEST {
            return Err(ChoiceFault::Version(version));
        }
        Ok(LoaderChoice::Glibc { version, distribution })
    }
}

impl fmt::Display for LoaderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, distribution) = match self {
            LoaderChoice::Musl(version) => return write!(f, "musl-{version}"),
            LoaderChoice::Glibc { version, distribution } => (version, distribution),
        };
        let suffix = match distribution {
            None => "",
            Some(Distribution::Upstream) => "-upstream",
            Some(Distribution::Debian) => "-debian",
        };
        write!(f, "glibc-{version}{suffix}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in ["glibc-2.17", "glibc-2.31-debian", "glibc-2.43", "musl-1.2.5"] {
            assert_eq!(name.parse::<LoaderChoice>().map(|choice| choice.to_string()).as_deref(), Ok(name));
        }
        assert_eq!(
            "glibc-2.35-ubuntu".parse(),
            Ok(LoaderChoice::Glibc {
                version: GlibcVersion { minor: 35 },
                distribution: Some(Distribution::Debian)
            })
        );
    }

    #[test]
    fn targets_are_a_machine_a_libc_or_both() {
        let of = |name: &str| name.parse::<TargetChoice>();
        let musl = Some(LibcKind::Musl);
        assert_eq!(of("musl"), Ok(TargetChoice { libc: musl, machine: None }));
        assert_eq!(of("aarch64-musl"), Ok(TargetChoice { libc: musl, machine: Some(Machine::Aarch64) }));
        assert_eq!(of("i386"), Ok(TargetChoice { libc: None, machine: Some(Machine::I386) }));
        for wrong in ["", "musl-musl", "sparc", "musl-1.2.5", "x86_64-"] {
            assert!(of(wrong).unwrap_err().to_string().contains("aarch64-musl"), "{wrong}");
        }
    }

    #[test]
    fn faults_say_what_was_expected() {
        let fault = |name: &str| name.parse::<LoaderChoice>().unwrap_err().to_string();
        assert!(fault("2.31").contains("glibc-2.N"));
        assert!(fault("glibc-2.").contains("glibc-2.N"));
        assert!(fault("glibc-2.+31").contains("glibc-2.N"));
        assert!(fault("glibc-2.31-arch").contains("`arch`"));
        assert!(fault("glibc-2.12").contains("2.17 to 2.43"));
        assert!(fault("musl-1.0.5").contains("1.1.24 to 1.2.6"));
        assert!(fault("musl-1.2").contains("musl-1.N.N"));
        assert!(fault("dyld").contains("dyld"));
    }
}
