//! Knows what is special to musl's loader: its releases, its system path, its names.
//! It must never hold anything of glibc: musl has no cache, no sub-directories, no symbol versions, no spare static TLS.
//! Follows musl ldso/dynlink.c by tag, `load_library` and `get_lfs64`.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::{Distribution, GlibcVersion, LoaderEnv, LoaderModel, Rules};
use crate::analyzer::errno::Errno;
use crate::analyzer::model::Machine;

/// A musl release, `1.minor.patch`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MuslVersion {
    /// The second number.
    pub minor: u16,
    /// The third number.
    pub patch: u16,
}

impl MuslVersion {
    /// The oldest release whose rules were read.
    pub const OLDEST: MuslVersion = MuslVersion { minor: 1, patch: 24 };
    /// The newest release whose rules were read; later ones are taken to behave like it.
    pub const NEWEST: MuslVersion = MuslVersion { minor: 2, patch: 6 };
}

impl fmt::Display for MuslVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}.{}", self.minor, self.patch)
    }
}

impl FromStr for MuslVersion {
    type Err = ();

    /// `1.2.5`, and what builds of a development tree append (`1.2.5-git-12-gabcdef0`).
    fn from_str(text: &str) -> Result<MuslVersion, ()> {
        let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) {
            true => text.parse().map_err(|_| ()),
            false => Err(()),
        };
        let plain = text.split_once("-git-").map_or(text, |(plain, _)| plain);
        let mut parts = plain.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("1"), Some(minor), Some(patch), None) => {
                Ok(MuslVersion { minor: number(minor)?, patch: number(patch)? })
            }
            _ => Err(()),
        }
    }
}

impl Serialize for MuslVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where the system path comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathFile {
    /// There is no path file: the default holds, and looking for the file leaves ENOENT behind.
    Absent,
    /// Its contents replace the default, even if they are empty.
    Read,
    /// It is there and cannot be opened: there are no system directories at all.
    Unreadable(Errno),
}

/// What only musl has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MuslModel {
    /// The release.
    pub version: MuslVersion,
    /// The path file.
    pub path_file: PathFile,
    /// The system path as it stands there, empty elements left out.
    pub system_path: Vec<Vec<u8>>,
}

/// The default system path, compiled into the loader (`SYS_PATH_DFLT`).
pub(crate) const DEFAULT_PATH: &[u8] = b"/lib:/usr/local/lib:/usr/lib";

impl MuslModel {
    /// DT_RELR is applied (1.2.4).
    pub fn relr(&self) -> bool {
        self.version >= MuslVersion { minor: 2, patch: 4 }
    }

    /// `fopen64` and the like are no symbols but found by name (1.2.4).
    pub fn maps_lfs64(&self) -> bool {
        self.relr()
    }

    /// A segment of no pages is nothing to be mapped, rather than an error (1.2.3).
    pub fn maps_empty_segments(&self) -> bool {
        self.version >= MuslVersion { minor: 2, patch: 3 }
    }
}

/// The names of a machine in musl's file names (`LDSO_ARCH`), the usual one first.
pub(crate) fn architectures(machine: Machine) -> &'static [&'static str] {
    match machine {
        Machine::X86_64 => &["x86_64"],
        Machine::I386 => &["i386"],
        Machine::Aarch64 => &["aarch64"],
        Machine::Arm => &["armhf", "arm"],
        Machine::Riscv64 => &["riscv64", "riscv64-sf", "riscv64-sp"],
        Machine::Ppc64 => &["powerpc64le"],
        Machine::S390x => &["s390x"],
    }
}

/// Splits a path list as `path_open` does: at colons and newlines, up to the first NUL, empty elements left out.
pub fn split_path(list: &[u8]) -> Vec<Vec<u8>> {
    let list = list.split(|b| *b == 0).next().unwrap_or_default();
    let elements = list.split(|b| matches!(b, b':' | b'\n'));
    elements.filter(|e| !e.is_empty()).map(<[u8]>::to_vec).collect()
}

impl LoaderModel {
    /// musl's loader of a release, with an empty environment and the default path.
    pub fn musl_for(machine: Machine, version: MuslVersion) -> LoaderModel {
        let mut model = LoaderModel::default_for(machine, GlibcVersion::NEWEST, Distribution::Upstream);
        model.rules = Rules::new(GlibcVersion::NEWEST, Distribution::Upstream, machine);
        let arch = architectures(machine).first().copied().unwrap_or_default();
        model.interpreter = format!("/lib/ld-musl-{arch}.so.1").into_bytes();
        model.env = LoaderEnv::default();
        model.lib = Vec::new();
        model.platform = None;
        model.hwcaps = Vec::new();
        model.subdirs = vec![Vec::new()];
        model.isa = 0;
        model.legacy_hwcap = 0;
        (model.static_tls_surplus, model.static_tls_extra, model.static_tls_extra_align) = (0, 0, 1);
        model.program_needs = vec![b"libc.so".to_vec()];
        model.set_system_path(version, PathFile::Absent, DEFAULT_PATH);
        model
    }

    /// Another release of musl in the place of the one found; the symbols of libc stay those of the file.
    #[must_use]
    pub fn with_musl_version(mut self, version: MuslVersion) -> LoaderModel {
        if let super::Libc::Musl(musl) = &mut self.libc {
            musl.version = version;
        }
        self
    }

    /// Makes the loader musl's, with `list` as the system path.
    pub(crate) fn set_system_path(&mut self, version: MuslVersion, path_file: PathFile, list: &[u8]) {
        let system_path = split_path(list);
        self.system_dirs = system_path.iter().map(|dir| [dir.as_slice(), b"/"].concat()).collect();
        self.libc = super::Libc::Musl(MuslModel { version, path_file, system_path });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_whole_or_not_at_all() {
        let of = |text: &str| text.parse::<MuslVersion>().map(|v| v.to_string());
        assert_eq!(of("1.2.5").as_deref(), Ok("1.2.5"));
        assert_eq!(of("1.2.5-git-12-gabcdef0").as_deref(), Ok("1.2.5"));
        for wrong in ["1.2", "2.2.5", "1.2.5.1", "1.2.x", "", "1..5", "1.2.+5"] {
            assert_eq!(of(wrong), Err(()), "{wrong}");
        }
    }

    #[test]
    fn rules_change_with_releases() {
        let rules = |patch| {
            let model = LoaderModel::musl_for(Machine::X86_64, MuslVersion { minor: 2, patch });
            let musl = model.musl().unwrap().clone();
            (musl.relr(), musl.maps_lfs64(), musl.maps_empty_segments())
        };
        assert_eq!(rules(2), (false, false, false));
        assert_eq!(rules(3), (false, false, true));
        assert_eq!(rules(4), (true, true, true));
    }

    #[test]
    fn path_lists_have_no_empty_elements() {
        assert_eq!(split_path(b":/a::/b/\n\n/c:"), [b"/a".to_vec(), b"/b/".to_vec(), b"/c".to_vec()]);
        assert_eq!(split_path(b"/a\0/b"), [b"/a".to_vec()]);
        assert!(split_path(b"\n:").is_empty());
    }
}
