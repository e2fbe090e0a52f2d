//! The dyld whose verdict is predicted, as explicit data: macOS release, architecture, main program, environment.
//! It must never read the disk or guess: what a user does not name has a documented default, and every report shows it.
//! Follows dyld/DyldProcessConfig.cpp (Process, Security, PathOverrides).

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use super::release::{self, Release};
use crate::analyzer::image::macho::Arch;
use crate::analyzer::image::macho::platform::Version;

/// A macOS named by the user: `macos-14`, `macos-15.4-x86_64`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MacosChoice {
    /// The system.
    pub version: Version,
    /// The architecture of the process; none leaves it to each file.
    pub arch: Option<Arch>,
}

/// What judges Mach-O files if nobody says otherwise. Apple supports its last three systems; this is the oldest of them
/// whose strictness newer files were built against.
pub const DEFAULT: MacosChoice = MacosChoice { version: Version::new(14, 7), arch: None };

/// Why a name was refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MacosFault {
    /// Not of the form.
    #[error(
        "unknown loader `{0}`: expected macos-VERSION or macos-VERSION-ARCH, for example macos-14 or macos-15.4-arm64"
    )]
    Unknown(String),
    /// A system that was never read.
    #[error("macOS {0} is not modelled: known are 12.0 to 26.5")]
    Version(String),
    /// No process of macOS has it.
    #[error("unknown architecture `{0}` of a macOS process: expected arm64, x86_64 or x86_64h")]
    Arch(String),
}

impl FromStr for MacosChoice {
    type Err = MacosFault;

    fn from_str(name: &str) -> Result<MacosChoice, MacosFault> {
        let unknown = || MacosFault::Unknown(name.to_owned());
        let rest = name.strip_prefix("macos-").ok_or_else(unknown)?;
        let (version, arch) = rest.split_once('-').map_or((rest, None), |(v, a)| (v, Some(a)));
        let arch = match arch {
            None => None,
            Some(arch @ ("arm64" | "x86_64" | "x86_64h")) => Arch::by_name(arch),
            Some(other) => return Err(MacosFault::Arch(other.to_owned())),
        };
        let number = |text: &str| -> Result<u16, MacosFault> {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|_| digits).ok_or_else(unknown)
        };
        let not_known = || MacosFault::Version(version.to_owned());
        let (major, minor) = match version.split_once('.') {
            None => {
                let major = number(version)?;
                (major, release::last_minor(major).ok_or_else(not_known)?)
            }
            Some((major, minor)) => (number(major)?, u8::try_from(number(minor)?).map_err(|_| not_known())?),
        };
        release::last_minor(major).ok_or_else(not_known)?;
        Ok(MacosChoice { version: Version::new(major, minor), arch })
    }
}

impl fmt::Display for MacosChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "macos-{}", self.version)?;
        self.arch.map_or(Ok(()), |arch| write!(f, "-{arch}"))
    }
}

/// The variables dyld looks at, for a process that is not restricted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DyldEnv {
    /// `DYLD_LIBRARY_PATH`.
    pub library_path: Vec<Vec<u8>>,
    /// `DYLD_FRAMEWORK_PATH`.
    pub framework_path: Vec<Vec<u8>>,
    /// `DYLD_FALLBACK_LIBRARY_PATH`; an unset one has defaults.
    pub fallback_library_path: Option<Vec<Vec<u8>>>,
    /// `DYLD_FALLBACK_FRAMEWORK_PATH`.
    pub fallback_framework_path: Option<Vec<Vec<u8>>>,
    /// `DYLD_IMAGE_SUFFIX`.
    pub image_suffix: Vec<Vec<u8>>,
}

impl DyldEnv {
    /// From `NAME=VALUE` pairs; the last of a name counts.
    pub fn new(pairs: &[(Vec<u8>, Vec<u8>)]) -> DyldEnv {
        let value = |name: &[u8]| pairs.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_slice());
        let list = |name: &[u8]| value(name).map(split);
        DyldEnv {
            library_path: list(b"DYLD_LIBRARY_PATH").unwrap_or_default(),
            framework_path: list(b"DYLD_FRAMEWORK_PATH").unwrap_or_default(),
            fallback_library_path: list(b"DYLD_FALLBACK_LIBRARY_PATH"),
            fallback_framework_path: list(b"DYLD_FALLBACK_FRAMEWORK_PATH"),
            image_suffix: list(b"DYLD_IMAGE_SUFFIX").unwrap_or_default(),
        }
    }

    /// Replaces `DYLD_LIBRARY_PATH`.
    pub fn set_library_path(&mut self, path: Option<&[u8]>) {
        self.library_path = path.map(split).unwrap_or_default();
    }
}

fn split(list: &[u8]) -> Vec<Vec<u8>> {
    list.split(|b| *b == b':').map(<[u8]>::to_vec).collect()
}

/// Everything a prediction depends on besides the files.
#[derive(Clone, Debug)]
pub struct DyldModel {
    /// The system.
    pub macos: Version,
    /// Its dyld.
    pub release: &'static Release,
    /// The architecture of the process.
    pub arch: Arch,
    /// It was left to the file.
    pub arch_by_file: bool,
    /// The main program's path; none for a bare process that links only libSystem.
    pub executable: Option<Vec<u8>>,
    /// The environment.
    pub env: DyldEnv,
    /// Its working directory.
    pub cwd: Vec<u8>,
    /// The SDK whose stubs tell what the system's libraries export.
    pub sdk: Option<Vec<u8>>,
}

impl DyldModel {
    /// The model of a choice in a bare process.
    pub fn new(choice: MacosChoice, arch: Arch) -> DyldModel {
        DyldModel {
            macos: choice.version,
            release: release::of(choice.version).unwrap_or(&release::OLDEST),
            arch,
            arch_by_file: choice.arch.is_none(),
            executable: None,
            env: DyldEnv::default(),
            cwd: b"/".to_vec(),
            sdk: None,
        }
    }

    /// The loader's name as `--loader` takes it.
    pub fn name(&self) -> String {
        MacosChoice { version: self.macos, arch: Some(self.arch) }.to_string()
    }

    /// The model as reports show it.
    pub fn describe(&self) -> DyldReport {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let all = |list: &[Vec<u8>]| list.iter().map(|bytes| lossy(bytes)).collect::<Vec<_>>();
        DyldReport {
            flavour: "dyld",
            version: self.release.dyld,
            macos: self.macos.to_string(),
            machine: self.arch.name(),
            machine_by_file: self.arch_by_file,
            executable: self.executable.as_deref().map(lossy),
            library_path: all(&self.env.library_path),
            framework_path: all(&self.env.framework_path),
            fallback_library_path: self.env.fallback_library_path.as_deref().map(all),
            fallback_framework_path: self.env.fallback_framework_path.as_deref().map(all),
            image_suffix: all(&self.env.image_suffix),
            cwd: lossy(&self.cwd),
            sdk: self.sdk.as_deref().map(lossy),
        }
    }
}

/// A model as reports show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DyldReport {
    /// `dyld`.
    pub flavour: &'static str,
    /// The release of dyld whose source was read.
    pub version: &'static str,
    /// The system.
    pub macos: String,
    /// Architecture of the process.
    pub machine: &'static str,
    /// It is what each file prefers: arm64 if it has that.
    pub machine_by_file: bool,
    /// The main program.
    pub executable: Option<String>,
    /// `DYLD_LIBRARY_PATH`.
    pub library_path: Vec<String>,
    /// `DYLD_FRAMEWORK_PATH`.
    pub framework_path: Vec<String>,
    /// `DYLD_FALLBACK_LIBRARY_PATH`, if set.
    pub fallback_library_path: Option<Vec<String>>,
    /// `DYLD_FALLBACK_FRAMEWORK_PATH`, if set.
    pub fallback_framework_path: Option<Vec<String>>,
    /// `DYLD_IMAGE_SUFFIX`.
    pub image_suffix: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// The SDK that tells exports of the system.
    pub sdk: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_releases() {
        let choice = |name: &str| name.parse::<MacosChoice>();
        assert_eq!(choice("macos-14").unwrap().version, Version::new(14, 7));
        assert_eq!(choice("macos-15.4-x86_64").unwrap().to_string(), "macos-15.4-x86_64");
        assert_eq!(DyldModel::new(choice("macos-15").unwrap(), Arch::ARM64).release.dyld, "1284.13");
        assert!(matches!(choice("macos-11"), Err(MacosFault::Version(_))));
        assert!(matches!(choice("macos-14-i386"), Err(MacosFault::Arch(_))));
        for bad in ["macos", "macos-", "macos-x", "macos-14.", "darwin-14"] {
            assert!(choice(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_last_variable_counts_and_lists_are_split() {
        let pair = |n: &str, v: &str| (n.as_bytes().to_vec(), v.as_bytes().to_vec());
        let env = DyldEnv::new(&[pair("DYLD_LIBRARY_PATH", "/x"), pair("DYLD_LIBRARY_PATH", "/a:/b")]);
        assert_eq!(env.library_path, [b"/a".to_vec(), b"/b".to_vec()]);
        assert!(env.fallback_library_path.is_none());
    }
}
