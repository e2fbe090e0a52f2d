//! `tree`: one library's link map made ready to be shown, with the reason of every edge.
//! It must never search again for what the map already knows; only optional libraries are looked for here.
//! An object stands below the requester that made the loader load it, as in `l_loader` of glibc.

use std::io::Write;
use std::os::unix::ffi::OsStringExt;

use super::args::{TextFormat, TreeArgs};
use super::batch::{self, Asked};
use super::exit::{Exit, Failure};
use super::report::tree::{self, Edge, Object, Optional, Target, Tree, Version, VersionNeed};
use super::report::{self, tree_json, tree_macos};
use super::request::{Judging, Screen};
use super::session::{self, Session};
use crate::analyzer::audit::{self, Level};
use crate::analyzer::call;
use crate::analyzer::checks::advice::dlopen_entries;
use crate::analyzer::dyld;
use crate::analyzer::image::dynamic::NeedKind;
use crate::analyzer::image::elf::ElfFacts;
use crate::analyzer::image::versions::{Definition, Name, NeedStep};
use crate::analyzer::link_map::{LinkMap, Miss, Node};
use crate::analyzer::loader_model::LibcKind;
use crate::analyzer::loaders::Room;
use crate::analyzer::model::NodeIx;
use crate::analyzer::provenance::Provenance;
use crate::analyzer::search::tokens;

/// Runs the command.
///
/// # Errors
/// What keeps the work from being done.
pub fn run(args: TreeArgs) -> Result<Exit, Failure> {
    let screen = Screen::new(args.color);
    let judging = Judging::new(args.judge)?;
    let path = args.path.into_vec();
    session::with(&judging, None, |s| {
        if let Some(macos) = s.loaders.assign(&path).macos {
            return on_macos(s, &macos.files, &path, args.format, screen);
        }
        let tree = build(s, &path);
        if args.format == TextFormat::Json {
            let mut out = report::pipe();
            tree_json::write(&mut out, &tree)?;
            out.flush()?;
        } else {
            let mut out = report::screen(screen.color);
            tree::text(&mut out, &tree, args.verbose)?;
            out.flush()?;
        }
        Ok(if batch::breaks(&tree.library, Asked::Verify, false) { Exit::Broken } else { Exit::Clean })
    })
}

/// The tree of a Mach-O file.
fn on_macos(
    s: &Session<'_, '_>,
    files: &dyld::files::Files<'_, '_>,
    path: &[u8],
    format: TextFormat,
    screen: Screen,
) -> Result<Exit, Failure> {
    let graph = dyld::graph::open(files, &files.absolute(path));
    let library = audit::one(s.loaders, path, Level::Two);
    let loader = files.model().describe();
    let tree = tree_macos::Tree { graph: &graph, library: &library, loader: &loader };
    let mut out: Box<dyn Write> = match format {
        TextFormat::Json => Box::new(report::pipe()),
        _ => Box::new(report::screen(screen.color)),
    };
    match format {
        TextFormat::Json => tree_macos::json(&mut out, &tree)?,
        _ => tree_macos::text(&mut out, &tree)?,
    }
    out.flush()?;
    Ok(if batch::breaks(&library, Asked::Verify, false) { Exit::Broken } else { Exit::Clean })
}

fn build(s: &Session<'_, '_>, path: &[u8]) -> Tree {
    let room = s.loaders.assign(path).room;
    let map = call::map(room.disk, room.process, &room.disk.absolute(path), &[]);
    let view = View { room, map: &map };
    let has_root = map.miss.as_ref().is_none_or(|m| m.requester.is_some());
    let objects: Vec<Object> =
        (0u32..).zip(&map.nodes).map(|(i, node)| view.object(NodeIx(i), node)).collect();
    Tree {
        root: if has_root {
            Ok(map.root.index())
        } else {
            Err(map.miss.iter().flat_map(|m| m.attempts.clone()).collect())
        },
        optional: if has_root { view.optional() } else { Vec::new() },
        objects,
        library: audit::one(s.loaders, path, Level::Two),
        loader: room.disk.model().describe(),
    }
}

/// One map under the eyes of somebody.
struct View<'v, 'h> {
    room: Room<'v, 'v, 'h>,
    map: &'v LinkMap<'h>,
}

impl<'h> View<'_, 'h> {
    fn object(&self, ix: NodeIx, node: &Node<'h>) -> Object {
        let facts = node.facts();
        let list = |name: Option<&Name<'h>>| match name {
            Some(Ok(list)) => Some(list.to_vec()),
            _ => None,
        };
        let mut edges = Vec::new();
        let mut versions = facts.map(|f| self.versions(f)).unwrap_or_default();
        for need in facts.iter().flat_map(|f| &f.needs) {
            let Ok(name) = &need.name else { continue };
            let of_it = versions.iter().position(|v| v.file == **name).map(|at| versions.remove(at));
            edges.push(Edge {
                name: name.to_vec(),
                kind: match need.kind {
                    NeedKind::Needed => "needed",
                    NeedKind::Auxiliary => "auxiliary",
                    NeedKind::Filter => "filter",
                },
                target: self.target(ix, node, name, need.kind),
                versions: of_it.map(|v| v.versions).unwrap_or_default(),
            });
        }
        Object {
            path: node.name.clone(),
            aliases: node.aliases.iter().map(|a| a.to_vec()).collect(),
            before: node.before,
            loader: node.loader.map(NodeIx::index),
            provenance: node.provenance.clone(),
            provenance_owner: match &node.provenance {
                Provenance::Rpath(owner) => self.map.node(*owner).map(|n| n.name.clone()),
                _ => None,
            },
            soname: list(facts.and_then(|f| f.soname.as_ref())),
            rpath: list(facts.and_then(|f| f.rpath.as_ref())),
            runpath: list(facts.and_then(|f| f.runpath.as_ref())),
            edges,
            other_versions: versions,
        }
    }

    /// What a need led to.
    fn target(&self, ix: NodeIx, node: &Node<'h>, raw: &[u8], kind: NeedKind) -> Target {
        let model = self.room.disk.model();
        let origin = tokens::origin(&node.name, &model.cwd);
        let name = match tokens::expand(raw, Some(&origin), model, false) {
            // musl takes the string as it stands.
            _ if model.kind() == LibcKind::Musl => raw.into(),
            Some(name) if !name.is_empty() || raw.is_empty() => name,
            _ if kind == NeedKind::Auxiliary => raw.into(),
            _ => return Target::PassedOver,
        };
        if let Some(found) = self.map.by_name(&name) {
            return Target::Object(found.index());
        }
        let all = || self.map.miss.iter().chain(&self.map.more_misses).chain(&self.map.absent_filtees);
        let own = |m: &&Miss| m.requester == Some(ix) && m.name == *name;
        match all().find(own).or_else(|| all().find(|m| m.name == *name)) {
            Some(miss) => {
                Target::Missing { reason: tree::miss(&miss.reason), attempts: miss.attempts.clone() }
            }
            None => Target::NotReached,
        }
    }

    /// The version needs, file by file.
    fn versions(&self, facts: &ElfFacts<'h>) -> Vec<VersionNeed> {
        let mut out: Vec<VersionNeed> = Vec::new();
        let mut provider = None;
        for step in &facts.versions.needs {
            match step {
                NeedStep::File(Ok(file)) => {
                    provider = self.map.by_alias(file);
                    out.push(VersionNeed {
                        file: file.to_vec(),
                        loaded: provider.is_some(),
                        versions: Vec::new(),
                    });
                }
                NeedStep::Version { name: Ok(name), .. } => {
                    let defined = provider.is_none_or(|p| self.defines(p, name));
                    if let Some(need) = out.last_mut() {
                        need.versions.push(Version { name: name.to_vec(), defined });
                    }
                }
                _ => {}
            }
        }
        out
    }

    fn defines(&self, provider: NodeIx, version: &[u8]) -> bool {
        let Some(facts) = self.map.facts(provider) else { return true };
        let defined = |d: &Definition<'h>| d.name.as_deref().is_ok_and(|n| n == version);
        !facts.versions.has_definitions || facts.versions.definitions.iter().any(defined)
    }

    fn optional(&self) -> Vec<Optional> {
        let (disk, root) = (self.room.disk, self.map.root);
        let Some(facts) = self.map.facts(root) else { return Vec::new() };
        dlopen_entries(facts)
            .into_iter()
            .map(|e| Optional {
                found: e.soname.iter().find(|n| self.map.would_find(disk, root, n.as_bytes())).cloned(),
                priority: if e.priority.is_empty() { "suggested".to_owned() } else { e.priority },
                feature: e.feature,
                description: e.description,
                sonames: e.soname,
            })
            .collect()
    }
}
