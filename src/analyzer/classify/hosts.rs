//! The host programs whose plugins are known: how each is recognised, and where such a program may lie.
//! It must never name a single library or package; a kind is symbols, places and entry points, and the proof is elsewhere.
//! Rests on each host's documented plugin interface and on glibc's global scope (what a program exports to `dlopen`).

use super::applications::APPLICATIONS;
use super::languages::LANGUAGES;
use super::pattern::matches;

/// A kind of host program.
#[derive(Debug)]
pub struct Kind {
    /// Name for reports.
    pub name: &'static str,
    /// What its interface's symbols begin with.
    pub symbols: &'static [&'static str],
    /// Symbols by which it finds its way into a plugin; `@` is the file's name up to the first dot.
    pub entries: &'static [&'static str],
    /// Libraries that are in its process already (patterns of names).
    pub libraries: &'static [&'static str],
    /// Where its plugins lie (patterns of whole paths).
    pub paths: &'static [&'static str],
    /// Its programs, below a prefix such as `/usr` or any directory above the plugin, best first.
    pub programs: &'static [&'static str],
    /// What the program opens first with RTLD_GLOBAL, from the program's own directory.
    pub opens: &'static [&'static str],
    /// Libraries that are the host for programs which embed it: below a prefix, or without a slash names in the cache.
    pub embedded: &'static [&'static str],
    /// `(mark, head)`: a path with `mark` is for the version `head` followed by the digits behind the mark.
    pub versions: &'static [(&'static str, &'static str)],
    /// Its programs are different hosts: a plugin may be made for the one that is not installed.
    pub distinct: bool,
    /// It opens plugins with RTLD_GLOBAL, so that they may rest on each other.
    pub global: bool,
}

/// Nothing known: what the rows below leave out.
pub const NONE: Kind = Kind {
    name: "",
    symbols: &[],
    entries: &[],
    libraries: &[],
    paths: &[],
    programs: &[],
    opens: &[],
    embedded: &[],
    versions: &[],
    distinct: false,
    global: false,
};

/// All kinds. The order decides between kinds for which the same speaks.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    LANGUAGES.iter().chain(APPLICATIONS)
}

impl Kind {
    /// Whether its interface has a symbol of that name, as far as names tell.
    pub fn has_symbol(&self, name: &[u8]) -> bool {
        self.symbols.iter().any(|s| name.starts_with(s.as_bytes()))
    }

    /// Whether a library of that name is in its process.
    pub fn has_library(&self, name: &[u8]) -> bool {
        self.libraries.iter().any(|p| matches(p.as_bytes(), name))
    }

    /// Whether its plugins lie in such a place.
    pub fn has_place(&self, path: &[u8]) -> bool {
        self.paths.iter().any(|p| matches(p.as_bytes(), path))
    }

    /// The version a path is for, if it says one.
    pub fn version(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.versions.iter().find_map(|(mark, head)| {
            let at = path.windows(mark.len()).rposition(|w| w == mark.as_bytes())? + mark.len();
            let digits: Vec<u8> = path.get(at..)?.iter().copied().take_while(u8::is_ascii_digit).collect();
            (!digits.is_empty()).then(|| [head.as_bytes(), &digits].concat())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::classify::pattern::fits_version;

    fn kind(name: &str) -> &'static Kind {
        kinds().find(|k| k.name == name).unwrap()
    }

    #[test]
    fn versions_in_paths() {
        let python = kind("Python");
        assert_eq!(python.version(b"/a/python3/x.cpython-311-x86_64-linux-gnu.so"), Some(b"3.11".to_vec()));
        assert_eq!(python.version(b"/a/lib/python3.9/site-packages/x.abi3.so"), Some(b"3.9".to_vec()));
        assert_eq!(python.version(b"/a/lib/python3/dist-packages/x.abi3.so"), None);
        assert_eq!(kind("Lua").version(b"/l/liblua5.1-bit32.so.0.0.0"), Some(b"5.1".to_vec()));
        for (name, version, expected) in [
            ("python3.11", "3.11", true),
            ("python3.1", "3.11", false),
            ("python3.11", "3.1", false),
            ("python3", "3.11", true),
            ("libpython3.11.so.1.0", "3.11", true),
            ("liblua5.2.so.0", "5.1", false),
            ("luajit", "5.1", true),
        ] {
            assert_eq!(fits_version(name.as_bytes(), version.as_bytes()), expected, "{name} {version}");
        }
    }

    #[test]
    fn families() {
        assert!(kind("Python").has_symbol(b"_PyObject_New") && !kind("Python").has_symbol(b"pypy"));
        assert!(kind("Java").has_library(b"libjvm.so") && !kind("Java").has_library(b"libjvm.so.1"));
        assert!(kind("PHP").has_place(b"/usr/lib/php/20220829/gd.so"));
        let mut names: Vec<_> = kinds().map(|k| k.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), kinds().count());
    }
}
