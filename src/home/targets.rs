//! Joins state and disk: every installed tree once, with what is recorded of it and who uses it.
//! It must never pick one version of several, nor take a directory name apart that the state knows whole.
//! Order: libraries before tools, by name, then version; the same on every run.

use std::collections::BTreeSet;

use super::finding::HomeFinding;
use super::layout::{
    Kindred, Place, compare_versions, directories, directory_name, is_component, joined, parsed, resolved,
};
use super::state::{self, State, StateError};
use crate::analyzer::errno::Errno;
use crate::analyzer::host::{Host, Kind};

/// Why a home cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HomeError {
    /// Nothing names one.
    #[error("no home: TSUKU_HOME is not set and the user's directory is unknown")]
    Unnamed,
    /// It is not there, or no directory.
    #[error("cannot use {} as the home: {errno}", path.escape_ascii())]
    Unusable {
        /// Its path.
        path: Vec<u8>,
        /// Why.
        errno: Errno,
    },
    /// Its state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// A directory of it cannot be listed.
    #[error("cannot list {}: {errno}", path.escape_ascii())]
    Unlisted {
        /// Its path.
        path: Vec<u8>,
        /// Why.
        errno: Errno,
    },
}

/// Where a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Room {
    /// `libs/`.
    Library,
    /// `tools/`.
    Tool,
}

impl Room {
    /// As reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Room::Library => "library",
            Room::Tool => "tool",
        }
    }
}

/// What is recorded of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Its entry in the state; a tool's sums are those of its programs.
    Library(state::Library),
    /// A tool's entry.
    Tool(state::ToolVersion),
    /// No entry.
    None,
}

/// One installed tree, or one that should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Where.
    pub room: Room,
    /// Name of the library or tool.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The directory's name.
    pub directory: Vec<u8>,
    /// The directory's path.
    pub path: Vec<u8>,
    /// What is recorded.
    pub record: Record,
    /// The directory is there.
    pub present: bool,
    /// Tools that use it: those recorded, and those whose runtime dependencies name it.
    pub used_by: Vec<String>,
    /// A tool's version in use; a library has none.
    pub active: bool,
    /// A tool that is started with the directories of all libraries in front.
    pub wrapped: bool,
}

impl Tree {
    /// `name@version`, as the command line takes it.
    pub fn spec(&self) -> String {
        if self.version.is_empty() { self.name.clone() } else { format!("{}@{}", self.name, self.version) }
    }

    /// The state has an entry for it.
    pub fn is_tracked(&self) -> bool {
        self.record != Record::None
    }
}

/// A home, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Where it is.
    pub place: Place,
    /// The same without links.
    pub real: Vec<u8>,
    /// The state's file was there.
    pub has_state: bool,
    /// All trees.
    pub trees: Vec<Tree>,
    /// What installations left behind.
    pub left_overs: Vec<HomeFinding>,
}

/// Reads the home at `place`.
///
/// # Errors
/// It is not there, its state cannot be understood, or `libs` or `tools` cannot be listed.
pub fn read<'h>(host: &dyn Host<'h>, place: &Place) -> Result<Home, HomeError> {
    let unusable = |errno| HomeError::Unusable { path: place.path.clone(), errno };
    let stat = host.stat(&place.path).map_err(unusable)?;
    if stat.kind != Kind::Dir {
        return Err(unusable(Errno::ENOTDIR));
    }
    let state = state::read(host, &joined(&place.path, b"state.json"))?;
    let mut home = Home {
        place: place.clone(),
        real: resolved(host, &place.path).unwrap_or_else(|| place.path.clone()),
        has_state: state.present,
        trees: Vec::new(),
        left_overs: Vec::new(),
    };
    home.recorded(&state);
    home.found(host, Room::Library)?;
    home.found(host, Room::Tool)?;
    home.users(host, &state);
    home.trees.sort_by(|a, b| {
        (a.room, &a.name).cmp(&(b.room, &b.name)).then_with(|| compare_versions(&a.version, &b.version))
    });
    Ok(home)
}

impl Home {
    /// The directory of all libraries or of all tools.
    pub fn room(&self, room: Room) -> Vec<u8> {
        joined(
            &self.place.path,
            match room {
                Room::Library => b"libs",
                Room::Tool => b"tools",
            },
        )
    }

    fn tree(&self, room: Room, name: &str, version: &str, record: Record) -> Tree {
        let directory = directory_name(name, version);
        let path = joined(&self.room(room), &directory);
        Tree {
            room,
            name: name.to_owned(),
            version: version.to_owned(),
            directory,
            path,
            record,
            present: false,
            used_by: Vec::new(),
            active: false,
            wrapped: false,
        }
    }

    /// What the state knows. Names that would leave the directory are nobody's tree.
    fn recorded(&mut self, state: &State) {
        for (name, versions) in &state.libraries {
            for (version, library) in versions {
                if is_component(name) && is_component(version) {
                    let mut tree = self.tree(Room::Library, name, version, Record::Library(library.clone()));
                    tree.used_by = library.used_by.clone();
                    self.trees.push(tree);
                } else {
                    self.left_overs.push(HomeFinding::EscapingKey { key: format!("{name}-{version}") });
                }
            }
        }
        for (name, tool) in &state.tools {
            for (version, recorded) in &tool.versions {
                if is_component(name) && is_component(version) {
                    let mut tree = self.tree(Room::Tool, name, version, Record::Tool(recorded.clone()));
                    tree.active = tool.active.as_deref() == Some(version);
                    tree.wrapped = !tool.runtime_dependencies.is_empty();
                    self.trees.push(tree);
                } else {
                    self.left_overs.push(HomeFinding::EscapingKey { key: format!("{name}-{version}") });
                }
            }
        }
    }

    /// What the disk holds.
    fn found<'h>(&mut self, host: &dyn Host<'h>, room: Room) -> Result<(), HomeError> {
        let parent = self.room(room);
        let directories = directories(host, &parent)
            .map_err(|errno| HomeError::Unlisted { path: parent.clone(), errno })?;
        for directory in directories {
            let path = joined(&parent, &directory.name);
            match directory.kind {
                Kindred::Staging => self.left_overs.push(HomeFinding::LeftOver { path, staging: true }),
                Kindred::Previous => self.left_overs.push(HomeFinding::LeftOver { path, staging: false }),
                Kindred::Hidden => {}
                Kindred::Dangling => {
                    let target = host.readlink(&path).unwrap_or_default();
                    self.left_overs.push(HomeFinding::LinkDangling { path, target });
                }
                Kindred::Tree if room == Room::Tool && directory.name == b"current" => {}
                Kindred::Tree => {
                    let known =
                        self.trees.iter_mut().filter(|t| t.room == room && t.directory == directory.name);
                    let mut any = false;
                    for tree in known {
                        tree.present = true;
                        any = true;
                    }
                    if !any {
                        let (name, version) = parsed(&directory.name);
                        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
                        let tree = self.tree(room, &text(name), &text(version), Record::None);
                        self.trees.push(Tree { directory: directory.name, path, present: true, ..tree });
                    }
                }
            }
        }
        Ok(())
    }

    /// Users that the entries of libraries do not name, and tools whose start goes through a wrapper.
    fn users<'h>(&mut self, host: &dyn Host<'h>, state: &State) {
        let current = joined(&self.room(Room::Tool), b"current");
        for tree in self.trees.iter_mut().filter(|t| t.room == Room::Tool && t.active) {
            let Record::Tool(recorded) = &tree.record else { continue };
            tree.wrapped |= recorded.binaries.iter().any(|b| {
                let name = b.rsplit('/').next().unwrap_or(b);
                host.readlink(&joined(&current, name.as_bytes())).is_err()
                    && host
                        .head(&joined(&current, name.as_bytes()), 1 << 16)
                        .is_ok_and(|(_, text)| text.windows(15).any(|w| w == b"LD_LIBRARY_PATH"))
            });
        }
        for tree in self.trees.iter_mut().filter(|t| t.room == Room::Library) {
            let mut users: BTreeSet<String> = tree.used_by.drain(..).filter(|u| !u.is_empty()).collect();
            for (name, tool) in &state.tools {
                if let Some(version) = &tool.active
                    && tool.runtime_dependencies.contains(&tree.name)
                {
                    users.insert(format!("{name}-{version}"));
                }
            }
            tree.used_by = users.into_iter().collect();
        }
    }

    /// The directories tsuku's wrappers put in front, in their order: every `libs/*/lib`, sorted by directory name.
    pub fn wrapper_path<'h>(&self, host: &dyn Host<'h>) -> Vec<u8> {
        let mut names: Vec<&[u8]> = self
            .trees
            .iter()
            .filter(|t| t.room == Room::Library && t.present)
            .map(|t| t.directory.as_slice())
            .collect();
        names.sort_unstable();
        names.dedup();
        let libs = self.room(Room::Library);
        let dirs = names.iter().map(|n| joined(&joined(&libs, n), b"lib"));
        let dirs: Vec<_> = dirs.filter(|d| host.stat(d).is_ok_and(|s| s.kind == Kind::Dir)).collect();
        dirs.join(&b':')
    }

    /// The trees meant by `NAME` or `NAME@VERSION`; none if there is no such name.
    pub fn select(&self, asked: &str) -> Option<Vec<usize>> {
        let matching = |name: &str, version: Option<&str>| -> Vec<usize> {
            let fits = |t: &Tree| {
                t.name == name
                    && version.is_none_or(|v| t.version == v.trim_start_matches('v') || t.version == v)
            };
            self.trees.iter().enumerate().filter(|(_, t)| fits(t)).map(|(ix, _)| ix).collect()
        };
        let mut found = matching(asked, None);
        if found.is_empty()
            && let Some((name, version)) = asked.rsplit_once('@')
        {
            found = matching(name, Some(version));
        }
        if found.is_empty() {
            let whole = |(_, t): &(usize, &Tree)| t.directory == asked.as_bytes();
            found = self.trees.iter().enumerate().filter(whole).map(|(ix, _)| ix).collect();
        }
        (!found.is_empty()).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::host::memory::MemoryHost;
    use crate::home::layout::Source;

    fn place() -> Place {
        Place { path: b"/h".to_vec(), source: Source::Option }
    }

    fn sample() -> MemoryHost {
        let state = r#"{"installed":{"jq":{"version":"1.7","binaries":["bin/jq"],"runtime_dependencies":["z"]}},
          "libs":{"z":{"1.10":{"used_by":["a-1"]},"1.9":{}},"libcurl":{"8":{}},"ghost":{"1":{}},"evil":{"../x":{}}}}"#;
        MemoryHost::new()
            .file("/h/state.json", state.as_bytes())
            .file("/h/libs/z-1.10/lib/a", b"")
            .file("/h/libs/z-1.9/lib/a", b"")
            .file("/h/libs/libcurl-8/lib/a", b"")
            .file("/h/libs/libcurl-source-8.5-1/a", b"")
            .file("/h/libs/.z-2.staging/a", b"")
            .file("/h/tools/jq-1.7/bin/jq", b"")
            .file("/h/tools/.staging-17/a", b"")
            .file("/h/tools/current/jq", b"#!/bin/sh\n")
            .link("/h/libs/lost-1", "/elsewhere")
    }

    #[test]
    fn state_and_disk_meet() {
        let home = read(&&sample(), &place()).unwrap();
        let specs: Vec<_> = home.trees.iter().map(|t| (t.spec(), t.present, t.is_tracked())).collect();
        let expected = [
            ("ghost@1", false, true),
            ("libcurl@8", true, true),
            ("libcurl-source@8.5-1", true, false),
            ("z@1.9", true, true),
            ("z@1.10", true, true),
            ("jq@1.7", true, true),
        ];
        assert_eq!(specs, expected.map(|(s, p, t)| (s.to_owned(), p, t)));
        let codes: Vec<_> = home.left_overs.iter().map(HomeFinding::code).collect();
        assert_eq!(codes, ["escaping-key", "left-over", "link-dangling", "left-over"]);
        let z = home.trees.iter().find(|t| t.version == "1.10").unwrap();
        assert_eq!(z.used_by, ["a-1", "jq-1.7"]);
        let jq = home.trees.iter().find(|t| t.name == "jq").unwrap();
        assert!(jq.active && jq.wrapped);
        let path = home.wrapper_path(&&sample());
        assert_eq!(path, b"/h/libs/libcurl-8/lib:/h/libs/z-1.10/lib:/h/libs/z-1.9/lib");
    }

    #[test]
    fn names_select_all_versions_or_one() {
        let home = read(&&sample(), &place()).unwrap();
        let specs = |asked| {
            home.select(asked)
                .map(|found| found.into_iter().map(|ix| home.trees[ix].spec()).collect::<Vec<_>>())
        };
        assert_eq!(specs("z").unwrap(), ["z@1.9", "z@1.10"]);
        assert_eq!(specs("z@1.10").unwrap(), ["z@1.10"]);
        assert_eq!(specs("z-1.9").unwrap(), ["z@1.9"]);
        assert_eq!(specs("libcurl").unwrap(), ["libcurl@8"]);
        assert_eq!(specs("z@3"), None);
        assert_eq!(specs("libcur"), None);
    }

    #[test]
    fn a_home_that_is_not_there_is_an_error_and_an_empty_one_is_not() {
        let host = MemoryHost::new().file("/h/x", b"").file("/f", b"");
        assert_eq!(read(&&host, &place()).unwrap().trees, []);
        let at = |p: &[u8]| Place { path: p.to_vec(), source: Source::Variable };
        assert!(matches!(read(&&host, &at(b"/none")), Err(HomeError::Unusable { .. })));
        assert!(matches!(read(&&host, &at(b"/f")), Err(HomeError::Unusable { .. })));
        let broken = MemoryHost::new().file("/h/state.json", b"[]");
        assert!(matches!(read(&&broken, &place()), Err(HomeError::State(_))));
    }
}
