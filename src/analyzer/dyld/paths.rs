//! Which paths dyld tries for a load path, in order: environment, the path itself, `@` prefixes, fallbacks.
//! It must never look whether anything is there; the caller does, and stops.
//! Follows DyldProcessConfig.cpp (PathOverrides::forEachPathVariant) and Loader.cpp (forEachPath, forEachResolvedAtPathVar).

use super::model::DyldModel;

/// How a candidate came about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// A directory of `DYLD_LIBRARY_PATH` or `DYLD_FRAMEWORK_PATH`.
    Environment,
    /// The load path itself, looked for on disk only.
    OnDisk,
    /// The same below the system's second volume.
    Cryptex,
    /// The load path itself, on disk or in the shared cache.
    Raw,
    /// `@loader_path` or `@executable_path`.
    Relative,
    /// `@rpath`: a directory of an LC_RPATH.
    Rpath,
    /// A default directory.
    Fallback,
    /// `DYLD_FALLBACK_LIBRARY_PATH` or `DYLD_FALLBACK_FRAMEWORK_PATH`.
    CustomFallback,
    /// With a suffix of `DYLD_IMAGE_SUFFIX`.
    Suffix,
}

impl Way {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Way::Environment => "environment",
            Way::OnDisk | Way::Raw => "path",
            Way::Cryptex => "cryptex",
            Way::Relative => "relative",
            Way::Rpath => "rpath",
            Way::Fallback | Way::CustomFallback => "fallback",
            Way::Suffix => "suffix",
        }
    }

    /// The shared cache does not count.
    pub fn on_disk_only(self) -> bool {
        matches!(self, Way::OnDisk)
    }
}

/// A candidate. No path: it starts at the main program, and nobody said where that is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Where to look.
    pub path: Option<Vec<u8>>,
    /// Why.
    pub way: Way,
}

/// One image of the chain of loaders, as far as searching needs it.
#[derive(Clone, Debug)]
pub struct Link<'l> {
    /// Its path; none for a main program nobody named.
    pub path: Option<&'l [u8]>,
    /// Its LC_RPATHs.
    pub rpaths: &'l [&'l [u8]],
}

/// What is asked.
pub struct Asked<'l> {
    /// The load path.
    pub path: &'l [u8],
    /// The requester first, then whoever loaded it, up to the main program.
    pub chain: &'l [Link<'l>],
    /// It is an argument of `dlopen`.
    pub dlopen: bool,
    /// The requester was linked with an SDK before macOS 14.
    pub old_requester: bool,
    /// The requester is an old framework image whose name lacks its version directory: a second `@loader_path`.
    pub unversioned: Option<&'l [u8]>,
}

/// Below this the system's updates are.
pub const CRYPTEX: &[u8] = b"/System/Volumes/Preboot/Cryptexes/OS";
/// dyld's buffers have this size.
const PATH_MAX: usize = 1024;
/// Most candidates of one question.
const MOST: usize = 1 << 14;

/// All candidates.
pub fn candidates(model: &DyldModel, asked: &Asked<'_>) -> Vec<Candidate> {
    let mut list = List { model, asked, out: Vec::new() };
    list.variants();
    list.out.truncate(MOST);
    list.out
}

struct List<'l> {
    model: &'l DyldModel,
    asked: &'l Asked<'l>,
    out: Vec<Candidate>,
}

impl List<'_> {
    fn push(&mut self, path: Vec<u8>, way: Way) {
        let mut path = path;
        path.truncate(PATH_MAX - 1);
        self.out.push(Candidate { path: Some(path), way });
    }

    /// `forEachPathVariant`.
    fn variants(&mut self) {
        let path = self.asked.path;
        let framework = framework_part(path, &self.model.env.image_suffix);
        let env = &self.model.env;
        let (overrides, part) = match framework {
            Some(part) => (&env.framework_path, part),
            None => (&env.library_path, leaf(path)),
        };
        for dir in overrides {
            self.suffixed(&[dir, b"/".as_slice(), part].concat(), Way::Environment);
        }
        if !path.starts_with(b"@") && self.model.release.cryptex {
            self.suffixed(path, Way::OnDisk);
            self.suffixed(&[CRYPTEX, path].concat(), Way::Cryptex);
        }
        self.suffixed(path, Way::Raw);
        let slash = path.contains(&b'/');
        // An argument of dlopen with a slash is where it says it is.
        let skip = self.model.release.cryptex && self.asked.dlopen && slash && framework.is_none();
        if !skip {
            self.fallbacks(framework);
        }
    }

    fn fallbacks(&mut self, framework: Option<&[u8]>) {
        let (env, path) = (&self.model.env, self.asked.path);
        let (custom, defaults, part): (_, [&[u8]; 2], _) = match framework {
            Some(part) => {
                (&env.fallback_framework_path, [b"/Library/Frameworks", b"/System/Library/Frameworks"], part)
            }
            None => (&env.fallback_library_path, [b"/usr/local/lib", b"/usr/lib"], leaf(path)),
        };
        let wanted = self.model.release.fallbacks_for_all || self.asked.old_requester;
        // The variables are for leaf names.
        let custom =
            custom.as_ref().filter(|_| !self.asked.dlopen || framework.is_some() || !path.contains(&b'/'));
        let (dirs, way): (Vec<&[u8]>, _) = match custom {
            Some(dirs) => (dirs.iter().map(Vec::as_slice).collect(), Way::CustomFallback),
            None if wanted => (defaults.to_vec(), Way::Fallback),
            None => return,
        };
        for dir in dirs {
            let candidate = [dir, b"/", part].concat();
            if candidate != path {
                self.suffixed(&candidate, way);
            }
        }
    }

    /// `forEachImageSuffix`.
    fn suffixed(&mut self, path: &[u8], way: Way) {
        let suffixes: Vec<Vec<u8>> = self.model.env.image_suffix.clone();
        for suffix in suffixes {
            let name = path.len() - leaf(path).len();
            let dot = leaf(path).iter().rposition(|b| *b == b'.').map_or(path.len(), |at| name + at);
            let (stem, rest) = path.split_at(dot);
            self.variant(&[stem, &suffix, rest].concat(), Way::Suffix);
        }
        self.variant(path, way);
    }

    /// `forEachPath`: what a variant stands for.
    fn variant(&mut self, path: &[u8], way: Way) {
        let asked = self.asked;
        let relative = !matches!(asked.path.first(), Some(b'/' | b'@'));
        if asked.dlopen && way == Way::Raw && relative {
            let implicit = [b"@rpath/".as_slice(), path].concat();
            self.at(&implicit, way);
            self.push([b"/usr/lib/".as_slice(), asked.path].concat(), Way::Fallback);
            self.push(asked.path.to_vec(), way);
            return;
        }
        self.at(path, way);
    }

    /// `forEachResolvedAtPathVar`.
    fn at(&mut self, path: &[u8], way: Way) {
        if let Some(tail) = after(path, b"@loader_path") {
            let own = self.asked.chain.first().and_then(|link| link.path);
            self.below(own, tail, Way::Relative);
            if let Some(dir) = self.asked.unversioned {
                self.push([dir, tail].concat(), Way::Relative);
            }
        } else if let Some(tail) = after(path, b"@executable_path") {
            self.executable(tail, Way::Relative);
        } else if let Some(tail) = path.strip_prefix(b"@rpath").filter(|t| t.starts_with(b"/")) {
            for link in self.asked.chain {
                for rpath in link.rpaths {
                    self.rpath(link, rpath, tail);
                }
            }
        }
        if !path.starts_with(b"@") {
            self.push(path.to_vec(), way);
        }
    }

    fn rpath(&mut self, link: &Link<'_>, rpath: &[u8], tail: &[u8]) {
        if self.out.len() > MOST {
            return;
        }
        if let Some(rest) = after(rpath, b"@loader_path") {
            self.below(link.path, &joined(rest, tail), Way::Rpath);
        } else if let Some(rest) = after(rpath, b"@executable_path") {
            self.executable(&joined(rest, tail), Way::Rpath);
        } else {
            self.push(joined(rpath, tail), Way::Rpath);
            if rpath.starts_with(b"/") && self.model.release.cryptex {
                self.push(joined(&[CRYPTEX, rpath].concat(), tail), Way::Rpath);
            }
        }
    }

    /// A tail in the directory of an image; the main program may not have been named.
    fn below(&mut self, image: Option<&[u8]>, tail: &[u8], way: Way) {
        match image {
            None => self.out.push(Candidate { path: None, way }),
            Some(image) => {
                let dir = image.get(..image.len() - leaf(image).len()).unwrap_or_default();
                let dir = dir.strip_suffix(b"/").unwrap_or(dir);
                self.push([dir, tail].concat(), way);
            }
        }
    }

    /// `expandAndNormalizeAtExecutablePath`: leading `/..` are taken off the path of the program.
    fn executable(&mut self, tail: &[u8], way: Way) {
        let Some(program) = self.model.executable.as_deref() else {
            self.out.push(Candidate { path: None, way });
            return;
        };
        let mut dir = program.get(..program.len() - leaf(program).len()).unwrap_or_default();
        dir = dir.strip_suffix(b"/").unwrap_or(dir);
        let mut tail = tail;
        while let Some(rest) = tail.strip_prefix(b"/..") {
            match dir.iter().rposition(|b| *b == b'/') {
                Some(at) if at > 0 => dir = dir.get(..at).unwrap_or_default(),
                _ => break,
            }
            tail = rest;
        }
        self.push([dir, if tail.is_empty() { b"/" } else { b"" }, tail].concat(), way);
    }
}

/// What follows an `@` word, which must end at a slash or at the end.
fn after<'p>(path: &'p [u8], word: &[u8]) -> Option<&'p [u8]> {
    path.strip_prefix(word).filter(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// `Utils::concatenatePaths`: one slash between the two.
fn joined(head: &[u8], tail: &[u8]) -> Vec<u8> {
    let tail = if head.ends_with(b"/") { tail.strip_prefix(b"/").unwrap_or(tail) } else { tail };
    [head, tail].concat()
}

/// The last part of a path.
pub fn leaf(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// `getFrameworkPartialPath`: `Foo.framework/.../Foo`.
fn framework_part<'p>(path: &'p [u8], suffixes: &[Vec<u8>]) -> Option<&'p [u8]> {
    const MARK: &[u8] = b".framework/";
    let dot = path.windows(MARK.len()).rposition(|w| w == MARK)?;
    let start = path.get(..dot)?.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
    let name = path.get(start..dot)?;
    let rest = leaf(path).strip_prefix(name)?;
    let fits = rest.is_empty() || suffixes.iter().any(|s| s == rest);
    fits.then(|| path.get(start..)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::model::{DEFAULT, DyldEnv, MacosChoice};
    use super::*;
    use crate::analyzer::image::macho::Arch;

    fn model(name: &str) -> DyldModel {
        DyldModel::new(name.parse::<MacosChoice>().unwrap_or(DEFAULT), Arch::ARM64)
    }

    fn shown(model: &DyldModel, asked: &Asked<'_>) -> Vec<String> {
        let text = |c: Candidate| c.path.map_or("?".to_owned(), |p| String::from_utf8(p).unwrap());
        candidates(model, asked).into_iter().map(text).collect()
    }

    fn asked<'l>(path: &'l [u8], chain: &'l [Link<'l>]) -> Asked<'l> {
        Asked { path, chain, dlopen: false, old_requester: false, unversioned: None }
    }

    #[test]
    fn an_absolute_path_is_tried_three_times() {
        let all = shown(&model("macos-14"), &asked(b"/opt/liba.dylib", &[]));
        let cryptex = "/System/Volumes/Preboot/Cryptexes/OS/opt/liba.dylib";
        assert_eq!(all, ["/opt/liba.dylib", cryptex, "/opt/liba.dylib"]);
        let old = shown(&model("macos-12"), &asked(b"/opt/liba.dylib", &[]));
        assert_eq!(old, ["/opt/liba.dylib", "/usr/local/lib/liba.dylib", "/usr/lib/liba.dylib"]);
    }

    #[test]
    fn rpaths_are_those_of_the_whole_chain() {
        let own: &[&[u8]] = &[b"@loader_path/../lib", b"/abs/"];
        let outer: &[&[u8]] = &[b"@executable_path/x", b"rel"];
        let chain = [
            Link { path: Some(b"/a/b/c.dylib"), rpaths: own },
            Link { path: Some(b"/d/e.dylib"), rpaths: outer },
        ];
        let all = shown(&model("macos-14"), &asked(b"@rpath/libz.dylib", &chain));
        let cryptex = "/System/Volumes/Preboot/Cryptexes/OS/abs/libz.dylib";
        assert_eq!(all, ["/a/b/../lib/libz.dylib", "/abs/libz.dylib", cryptex, "?", "rel/libz.dylib"]);
    }

    #[test]
    fn the_program_path_is_cut_back() {
        let mut model = model("macos-14");
        model.executable = Some(b"/Applications/X.app/Contents/MacOS/x".to_vec());
        let all = shown(&model, &asked(b"@executable_path/../Frameworks/l.dylib", &[]));
        assert_eq!(all, ["/Applications/X.app/Contents/Frameworks/l.dylib"]);
        model.executable = Some(b"/x".to_vec());
        assert_eq!(shown(&model, &asked(b"@executable_path/../l", &[])), ["/../l"]);
    }

    #[test]
    fn environment_suffixes_and_frameworks() {
        let mut model = model("macos-12");
        model.env = DyldEnv::new(&[
            (b"DYLD_FRAMEWORK_PATH".to_vec(), b"/fw".to_vec()),
            (b"DYLD_LIBRARY_PATH".to_vec(), b"/ll".to_vec()),
            (b"DYLD_IMAGE_SUFFIX".to_vec(), b"_debug".to_vec()),
        ]);
        let path = b"/q/Foo.framework/Versions/A/Foo";
        let all = shown(&model, &asked(path, &[]));
        assert_eq!(all[0], "/fw/Foo.framework/Versions/A/Foo_debug");
        assert_eq!(all[1], "/fw/Foo.framework/Versions/A/Foo");
        assert_eq!(all[4], "/Library/Frameworks/Foo.framework/Versions/A/Foo_debug");
        let all =
            shown(&model, &asked(b"@loader_path/libq.1.dylib", &[Link { path: Some(b"/r/x"), rpaths: &[] }]));
        assert_eq!(
            all[..4],
            ["/ll/libq.1_debug.dylib", "/ll/libq.1.dylib", "/r/libq.1_debug.dylib", "/r/libq.1.dylib"]
        );
    }
}
