//! What would mend a home, in the terms of the one who can: tsuku's commands, a recipe's fields, one link.
//! It must never suggest a file that is not there or that the loader would refuse as well.
//! A suggestion is typed; its sentence and its command are made here and nowhere else.

use std::collections::{BTreeSet, HashMap};

use super::files::{What, base, parent};
use super::finding::HomeFinding;
use super::survey::{Judged, Survey, TreeReport, soname};
use super::targets::{Room, Tree};
use crate::analyzer::audit::Library;
use crate::analyzer::disk::{Disk, Opening};
use crate::analyzer::finding::Finding;
use crate::analyzer::image::elf::Image;
use crate::analyzer::link_map::MissReason;
use crate::analyzer::provenance::Provenance;
use crate::analyzer::verdict::{Class, Verdict};

/// One suggestion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mend {
    /// Install the tree again.
    Reinstall {
        /// `name@version`.
        package: String,
        /// Why.
        because: Reason,
    },
    /// What is missing is in the home but not on the search path.
    AddDependency {
        /// The one that needs it.
        package: String,
        /// The name that is needed.
        needed: Vec<u8>,
        /// Name of the library that has it.
        dependency: String,
        /// The path element that would lead to it.
        rpath: Vec<u8>,
    },
    /// The path pins a version that is gone, while another is there.
    StalePin {
        /// The one with the path.
        package: String,
        /// The directory that is named.
        pinned: Vec<u8>,
        /// The one that is there.
        present: Vec<u8>,
    },
    /// A file lacks the link it is looked for under.
    LinkSoname {
        /// What the link says.
        target: Vec<u8>,
        /// The link's path.
        link: Vec<u8>,
    },
    /// Nothing in the home has it.
    InstallProvider {
        /// The one that needs it.
        package: String,
        /// The name that is needed.
        needed: Vec<u8>,
    },
    /// The C library of this system is too old.
    OlderBuild {
        /// The one that needs it.
        package: String,
        /// The library that lacks the version.
        provider: Vec<u8>,
        /// The version.
        version: Vec<u8>,
        /// The symbols that carry it.
        symbols: Vec<Vec<u8>>,
        /// All of them are weak.
        only_weak: bool,
    },
    /// A file of the home or of the system takes the place of the right one.
    Shadowed {
        /// The one that fails.
        package: String,
        /// The file in the way.
        by: Vec<u8>,
        /// It lies in the home.
        in_home: bool,
    },
    /// A plugin: its program gives it what it lacks.
    NeedsHost {
        /// The one that fails.
        package: String,
    },
    /// Remove what nobody needs.
    Remove {
        /// The directory.
        path: Vec<u8>,
    },
    /// Let the state know it.
    Track {
        /// `name@version`.
        package: String,
    },
}

/// Why a tree should be installed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Files are not as they were.
    Changed,
    /// Files are gone.
    Gone,
    /// A file is for another machine.
    WrongMachine,
    /// A file for another machine lies beside one for this machine.
    WrongMachineBesideRight,
    /// A file is damaged.
    Damaged,
}

impl Mend {
    /// A stable name.
    pub fn kind(&self) -> &'static str {
        match self {
            Mend::Reinstall { .. } => "reinstall",
            Mend::AddDependency { .. } => "add-dependency",
            Mend::StalePin { .. } => "stale-pin",
            Mend::LinkSoname { .. } => "link-soname",
            Mend::InstallProvider { .. } => "install-provider",
            Mend::OlderBuild { .. } => "older-build",
            Mend::Shadowed { .. } => "shadowed",
            Mend::NeedsHost { .. } => "needs-host",
            Mend::Remove { .. } => "remove",
            Mend::Track { .. } => "track",
        }
    }

    /// The suggestion, as a sentence.
    pub fn text(&self) -> String {
        let lossy = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        match self {
            Mend::Reinstall { package, because } => match because {
                Reason::Changed => format!("{package} was changed since it was installed: install it again"),
                Reason::Gone => format!("files of {package} are gone: install it again"),
                Reason::WrongMachine => {
                    format!("{package} holds a file for another machine: install it again for this one")
                }
                Reason::WrongMachineBesideRight => {
                    format!(
                        "{package} holds a file for another machine beside one for this machine: install it again, and remove the other from its recipe"
                    )
                }
                Reason::Damaged => format!("a file of {package} is damaged: install it again"),
            },
            Mend::AddDependency { package, needed, dependency, rpath } => format!(
                "{} is in {dependency} of this home but not on the search path of {package}: add {} to its runtime_dependencies, or the rpath {}",
                lossy(needed),
                dependency.split('@').next().unwrap_or(dependency),
                lossy(rpath)
            ),
            Mend::StalePin { package, pinned, present } => format!(
                "the rpath of {package} names {}, which is gone; {} is there: install {package} again so that it is named",
                lossy(pinned),
                lossy(present)
            ),
            Mend::LinkSoname { target, link } => {
                format!("{} lacks its link {}", lossy(target), lossy(link))
            }
            Mend::InstallProvider { package, needed } => format!(
                "nothing in this home and on this system is called {}: add the library that has it to the runtime_dependencies of {package}",
                lossy(needed)
            ),
            Mend::OlderBuild { package, provider, version, symbols, only_weak } => {
                let named: Vec<String> = symbols.iter().take(3).map(|s| lossy(s)).collect();
                let carried = match (named.is_empty(), only_weak) {
                    (true, _) => String::new(),
                    (false, true) => format!(" (only weak symbols need it: {})", named.join(", ")),
                    (false, false) => format!(" (needed by {})", named.join(", ")),
                };
                format!(
                    "{} does not define {}{carried}: take a build of {package} made for this system, or upgrade it",
                    lossy(provider),
                    lossy(version)
                )
            }
            Mend::Shadowed { package, by, in_home } => {
                let whose = if *in_home { "of this home" } else { "of the system" };
                format!(
                    "{} {whose} takes the place of the one {package} was built with: give {package} an rpath to its own",
                    lossy(by)
                )
            }
            Mend::NeedsHost { package } => {
                format!("{package} holds plugins: judge them inside their program with --host PROGRAM")
            }
            Mend::Remove { path } => format!("{} is left over and not used", lossy(path)),
            Mend::Track { package } => {
                format!(
                    "tsuku does not know that {package} is installed: install it by name to have it recorded"
                )
            }
        }
    }

    /// The command that does it, if one does.
    pub fn command(&self) -> Option<Vec<u8>> {
        let name = |package: &str| package.split('@').next().unwrap_or(package).to_owned();
        Some(match self {
            Mend::Reinstall { package, .. } | Mend::StalePin { package, .. } => {
                format!("tsuku install --reinstall {}", name(package)).into_bytes()
            }
            Mend::LinkSoname { target, link } => {
                [b"ln -s ".as_slice(), &quoted(target), b" ", &quoted(link)].concat()
            }
            Mend::Remove { path } => [b"rm -r ".as_slice(), &quoted(path)].concat(),
            Mend::Track { package } => format!("tsuku install {}", name(package)).into_bytes(),
            _ => return None,
        })
    }
}

/// A word for the shell.
fn quoted(word: &[u8]) -> Vec<u8> {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/._+-=@,:".contains(b);
    if !word.is_empty() && word.iter().all(plain) {
        return word.to_vec();
    }
    let mut out = vec![b'\''];
    for b in word {
        if *b == b'\'' { out.extend_from_slice(b"'\\''") } else { out.push(*b) }
    }
    out.push(b'\'');
    out
}

/// What the home has under each name a loader may ask for.
pub struct Index {
    names: HashMap<Vec<u8>, Vec<Provider>>,
    trees: Vec<Tree>,
    home: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Provider {
    tree: usize,
    path: Vec<u8>,
    /// The name is its own for the loader, but that of no file.
    only_soname: bool,
}

impl Index {
    /// Reads names off files, and off their contents where something failed.
    pub fn new(disk: &Disk<'_, '_>, survey: &Survey) -> Index {
        let mut index =
            Index { names: HashMap::new(), trees: Vec::new(), home: survey.home.place.path.clone() };
        let chosen = survey.trees.iter().map(|r| (&r.tree, &r.listing));
        let others = survey.others.iter().map(|(tree, listing)| (tree, listing));
        let failing = survey.trees.iter().flat_map(|t| &t.judged).any(|j| j.is_broken(false));
        for (tree, listing) in chosen.chain(others).filter(|(t, _)| t.room == Room::Library) {
            let at = index.trees.len();
            index.trees.push(tree.clone());
            for e in &listing.entries {
                let real = match &e.what {
                    What::Library => true,
                    What::Link { leads: Some(_), .. } => false,
                    _ => continue,
                };
                let mut add = |name: &[u8], only_soname| {
                    let provider = Provider { tree: at, path: e.path.clone(), only_soname };
                    index.names.entry(name.to_vec()).or_default().push(provider);
                };
                add(base(&e.rel), false);
                if real
                    && failing
                    && let Some(soname) = soname(disk, &e.path)
                    && soname != base(&e.rel)
                {
                    add(&soname, true);
                }
            }
        }
        index
    }

    /// Files that would do for `name`: those the loader maps.
    fn providers(&self, disk: &Disk<'_, '_>, name: &[u8]) -> Vec<&Provider> {
        let usable = |p: &&Provider| matches!(disk.open(&p.path), Opening::Image(i) if matches!(i.image, Image::Mapped(_)));
        self.names.get(name).into_iter().flatten().filter(usable).collect()
    }

    fn is_in_home(&self, path: &[u8]) -> bool {
        path.starts_with(&self.home)
    }
}

/// The suggestions for one tree, each once.
pub fn mends(index: &Index, disk: &Disk<'_, '_>, report: &TreeReport) -> Vec<Mend> {
    let package = report.tree.spec();
    let mut out = BTreeSet::new();
    let again = |because| Mend::Reinstall { package: package.clone(), because };
    for f in report.all_findings() {
        match f {
            HomeFinding::FileChanged { .. }
            | HomeFinding::LinkRepointed { .. }
            | HomeFinding::LinkLeaves { .. } => {
                out.insert(again(Reason::Changed));
            }
            HomeFinding::FileMissing { .. }
            | HomeFinding::LinkDangling { .. }
            | HomeFinding::LinkLoop { .. }
            | HomeFinding::GhostEntry { tool: false, .. } => {
                out.insert(again(Reason::Gone));
            }
            HomeFinding::SonameLinkMissing { file, soname } => {
                out.insert(link(file, soname));
            }
            HomeFinding::UntrackedTree { .. } if !report.listing.entries.is_empty() => {
                out.insert(Mend::Track { package: package.clone() });
            }
            HomeFinding::EmptyTree { path } | HomeFinding::LeftOver { path, .. } => {
                out.insert(Mend::Remove { path: path.clone() });
            }
            HomeFinding::FailsUnderWrapper { culprit: Some(by), .. } => {
                let in_home = index.is_in_home(by);
                out.insert(Mend::Shadowed { package: package.clone(), by: by.clone(), in_home });
            }
            _ => {}
        }
    }
    for l in report.judged.iter().filter_map(Judged::counting) {
        if matches!(l.judgement.verdict, Verdict::Fails { .. }) {
            out.extend(of_library(index, disk, report, l));
        }
    }
    out.into_iter().collect()
}

fn link(file: &[u8], soname: &[u8]) -> Mend {
    Mend::LinkSoname { target: base(file).to_vec(), link: [parent(file), b"/", soname].concat() }
}

fn of_library(index: &Index, disk: &Disk<'_, '_>, report: &TreeReport, l: &Library) -> Option<Mend> {
    let package = report.tree.spec();
    if l.class == Some(Class::NeedsHost) {
        return Some(Mend::NeedsHost { package });
    }
    let again = |because| Some(Mend::Reinstall { package: package.clone(), because });
    let of_file = |object: &[u8], code: &str| {
        if lexical(object) != lexical(&l.path) {
            return match index.owner(object) {
                Some(owner) => Some(Mend::Reinstall { package: owner.spec(), because: Reason::Damaged }),
                None => {
                    Some(Mend::Shadowed { package: package.clone(), by: object.to_vec(), in_home: false })
                }
            };
        }
        match code {
            "wrong-machine" | "wrong-class" | "wrong-byte-order" => {
                let beside = |p: &&Provider| p.path != l.path;
                let right = index.providers(disk, base(&l.path)).into_iter().find(beside).is_some();
                again(if right { Reason::WrongMachineBesideRight } else { Reason::WrongMachine })
            }
            _ => again(Reason::Damaged),
        }
    };
    let first = l.judgement.findings.first()?;
    match first {
        Finding::File { object, .. } | Finding::Relocation { object, .. } => of_file(object, first.code()),
        Finding::NeededNotFound { reason: MissReason::Refused { path, .. }, .. } => {
            of_file(path, first.code())
        }
        Finding::NeededNotFound { name, requester, attempts, .. } => {
            let requester: &[u8] = if requester.is_empty() { &l.path } else { requester };
            let found = index.providers(disk, name);
            let pins = attempts
                .iter()
                .filter(|a| matches!(a.provenance, Provenance::Rpath(_) | Provenance::Runpath));
            for attempt in pins {
                if let Some(mend) = index.stale_pin(&package, &attempt.path, name, &found) {
                    return Some(mend);
                }
            }
            match found.first() {
                Some(p) if p.only_soname => Some(link(&p.path, name)),
                Some(p) => {
                    let tree = index.trees.get(p.tree)?;
                    let rpath = relative(parent(requester), parent(&p.path));
                    Some(Mend::AddDependency {
                        package: index.owner(requester).map_or(package, Tree::spec),
                        needed: name.clone(),
                        dependency: tree.spec(),
                        rpath: [b"$ORIGIN/".as_slice(), &rpath].concat(),
                    })
                }
                None => Some(Mend::InstallProvider { package, needed: name.clone() }),
            }
        }
        Finding::VersionNotFound { provider, version, symbols, only_weak, .. } => {
            let name = base(provider).to_vec();
            if index.is_in_home(provider) {
                return Some(Mend::Shadowed { package, by: provider.clone(), in_home: true });
            }
            if !index.providers(disk, &name).is_empty() {
                return Some(Mend::Shadowed { package, by: provider.clone(), in_home: false });
            }
            Some(Mend::OlderBuild {
                package,
                provider: provider.clone(),
                version: version.clone(),
                symbols: symbols.clone(),
                only_weak: *only_weak,
            })
        }
        _ => None,
    }
}

impl Index {
    /// The library whose tree holds `path`.
    fn owner(&self, path: &[u8]) -> Option<&Tree> {
        let path = lexical(path);
        self.trees.iter().find(|t| path.strip_prefix(t.path.as_slice()).is_some_and(|r| r.starts_with(b"/")))
    }

    /// The tried path lies in a version of a library that is gone, while another version has the name.
    fn stale_pin(&self, package: &str, tried: &[u8], name: &[u8], found: &[&Provider]) -> Option<Mend> {
        let flat = lexical(tried);
        let at = flat.windows(6).rposition(|w| w == b"/libs/")? + 6;
        let directory = flat.get(at..)?.split(|b| *b == b'/').next()?;
        if self.trees.iter().any(|t| t.present && t.directory == directory) {
            return None;
        }
        let (gone, _) = super::layout::parsed(directory);
        let same = |p: &&&Provider| self.trees.get(p.tree).is_some_and(|t| t.name.as_bytes() == gone);
        let provider = found.iter().find(same).or(found.first())?;
        let present = self.trees.get(provider.tree)?.directory.clone();
        debug_assert!(!name.is_empty());
        Some(Mend::StalePin { package: package.to_owned(), pinned: directory.to_vec(), present })
    }
}

/// `path` with `.` and `..` taken out by their letters.
fn lexical(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".") {
        if part == b".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    [b"/".as_slice(), &parts.join(&b'/')].concat()
}

/// The way from one directory to another.
fn relative(from: &[u8], to: &[u8]) -> Vec<u8> {
    let split = |p: &[u8]| -> Vec<Vec<u8>> {
        lexical(p).split(|b| *b == b'/').filter(|p| !p.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (from, to) = (split(from), split(to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let mut way: Vec<Vec<u8>> = vec![b"..".to_vec(); from.len() - common];
    way.extend(to.into_iter().skip(common));
    way.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_directories_is_relative() {
        assert_eq!(relative(b"/h/libs/curl-8/lib", b"/h/libs/openssl-3/lib"), b"../../openssl-3/lib");
        assert_eq!(relative(b"/h/libs/a-1/lib/engines", b"/h/libs/a-1/lib"), b"..");
        assert_eq!(lexical(b"/h/libs/a-1/lib/../../z-1/lib/./x"), b"/h/libs/z-1/lib/x");
    }

    #[test]
    fn commands_are_safe_to_paste() {
        let command = Mend::Remove { path: b"/h/libs/.a b;rm -r ~'x".to_vec() }.command().unwrap();
        assert_eq!(command, b"rm -r '/h/libs/.a b;rm -r ~'\\''x'");
        let link = Mend::LinkSoname { target: b"liba.so.1.2".to_vec(), link: b"/h/liba.so.1".to_vec() };
        assert_eq!(link.command().unwrap(), b"ln -s liba.so.1.2 /h/liba.so.1");
    }
}
