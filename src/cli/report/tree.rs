//! The link map of one library, for people.
//! It must never search or open anything: what is not in the `Tree` is not known here.
//! One line an edge, as `ldd` and `libtree` have it, but with the reason of each.

use std::collections::HashSet;
use std::io::{self, Write};

use super::escape::escaped;
use super::explainer::Explainer;
use super::{FAINT, HEADING, text as words};
use crate::analyzer::audit::Library;
use crate::analyzer::catalogue;
use crate::analyzer::link_map::MissReason;
use crate::analyzer::loader_model::ModelReport;
use crate::analyzer::provenance::{Attempt, Provenance};

/// Everything that is shown.
pub struct Tree {
    /// Index of the library's object, or what was tried in vain to open it.
    pub root: Result<usize, Vec<Attempt>>,
    /// The process's objects and the new ones.
    pub objects: Vec<Object>,
    /// What `.note.dlopen` of the library announces.
    pub optional: Vec<Optional>,
    /// The verdict.
    pub library: Library,
    /// The loader it is of.
    pub loader: ModelReport,
}

/// One object.
pub struct Object {
    /// Its path as the loader names it; empty for the program.
    pub path: Vec<u8>,
    /// Names it was asked for by.
    pub aliases: Vec<Vec<u8>>,
    /// In the process before the call.
    pub before: bool,
    /// The object whose need loaded it.
    pub loader: Option<usize>,
    /// Where it was found.
    pub provenance: Provenance,
    /// Whose DT_RPATH that was.
    pub provenance_owner: Option<Vec<u8>>,
    /// DT_SONAME.
    pub soname: Option<Vec<u8>>,
    /// DT_RPATH in effect.
    pub rpath: Option<Vec<u8>>,
    /// DT_RUNPATH.
    pub runpath: Option<Vec<u8>>,
    /// Its needs in order.
    pub edges: Vec<Edge>,
    /// Versions needed of files it does not need by that name.
    pub other_versions: Vec<VersionNeed>,
}

/// One need.
pub struct Edge {
    /// The name as written.
    pub name: Vec<u8>,
    /// "needed", "auxiliary" or "filter".
    pub kind: &'static str,
    /// What it led to.
    pub target: Target,
    /// Versions needed of it.
    pub versions: Vec<Version>,
}

/// What a need led to.
pub enum Target {
    /// This object.
    Object(usize),
    /// Nothing.
    Missing {
        /// In words.
        reason: String,
        /// Where it was looked for.
        attempts: Vec<Attempt>,
    },
    /// A token in the name has no value: the loader takes no notice of the need.
    PassedOver,
    /// The loader gave up before.
    NotReached,
}

/// A version needed.
pub struct Version {
    /// Its name.
    pub name: Vec<u8>,
    /// The provider defines it, or has no versions at all.
    pub defined: bool,
}

/// Versions needed of one file.
pub struct VersionNeed {
    /// The file.
    pub file: Vec<u8>,
    /// An object answers to that name.
    pub loaded: bool,
    /// The versions.
    pub versions: Vec<Version>,
}

/// An entry of `.note.dlopen`.
pub struct Optional {
    /// What it is for.
    pub feature: String,
    /// In words.
    pub description: String,
    /// How much it is missed.
    pub priority: String,
    /// Names that would do.
    pub sonames: Vec<String>,
    /// The first one that is there.
    pub found: Option<String>,
}

/// Levels below which the drawing is no longer indented.
const DEEPEST: usize = 60;

/// Writes the tree for people.
///
/// # Errors
/// The writer's.
pub fn text(out: &mut dyn Write, tree: &Tree, verbose: bool) -> io::Result<()> {
    match &tree.root {
        Err(attempts) => {
            writeln!(out, "{HEADING}{}{HEADING:#} => not opened", escaped(&tree.library.path))?;
            tried(out, attempts, "    ")?;
        }
        Ok(root) => {
            if let Some(object) = tree.objects.get(*root) {
                let note = if object.before { " [in the process already]" } else { "" };
                writeln!(out, "{HEADING}{}{HEADING:#}{note}", escaped(&tree.library.path))?;
                paths(out, object, "")?;
            }
            draw(out, tree, *root, verbose)?;
        }
    }
    if !tree.optional.is_empty() {
        writeln!(out, "\n{HEADING}Opened by the library itself (.note.dlopen){HEADING:#}")?;
    }
    for o in &tree.optional {
        let names = escaped(o.sonames.join(" or ").as_bytes());
        let found = match &o.found {
            Some(name) => format!("{} is found", escaped(name.as_bytes())),
            None => "not found".to_owned(),
        };
        let (feature, priority) = (escaped(o.feature.as_bytes()), escaped(o.priority.as_bytes()));
        let description = match o.description.as_str() {
            "" => String::new(),
            d => format!(" - {}", escaped(d.as_bytes())),
        };
        writeln!(out, "  {priority}: {names} [{feature}{description}] => {found}")?;
    }
    writeln!(out)?;
    words::details(out, &tree.library, &Explainer::silent())
}

/// One object whose edges are being drawn.
struct Open {
    object: usize,
    next: usize,
    prefix: String,
}

/// Depth first without recursion: the depth is the file's to choose, the stack is not.
fn draw(out: &mut dyn Write, tree: &Tree, root: usize, verbose: bool) -> io::Result<()> {
    let mut shown: HashSet<usize> = HashSet::from([root]);
    let mut open = vec![Open { object: root, next: 0, prefix: String::new() }];
    while let Some(Open { object, next, prefix }) = open.last_mut() {
        let requester = *object;
        let Some(from) = tree.objects.get(requester) else { break };
        let Some(edge) = from.edges.get(*next) else {
            open.pop();
            continue;
        };
        *next += 1;
        let last = *next >= from.edges.len();
        write!(out, "{prefix}{} ", if last { "└──" } else { "├──" })?;
        let below = format!("{prefix}{}", if last { "    " } else { "│   " });
        let expands = line(out, tree, requester, edge, verbose, &mut shown)?;
        if let Target::Missing { attempts, .. } = &edge.target {
            tried(out, attempts, &format!("{below}    "))?;
        }
        versions(out, &edge.versions, &below)?;
        if let Some(child) = expands {
            if let Some(object) = tree.objects.get(child) {
                paths(out, object, &below)?;
            }
            let prefix = if open.len() < DEEPEST { below } else { String::new() };
            open.push(Open { object: child, next: 0, prefix });
        }
    }
    Ok(())
}

/// One edge; the object to go on with, if it is to be expanded here.
fn line(
    out: &mut dyn Write,
    tree: &Tree,
    requester: usize,
    edge: &Edge,
    verbose: bool,
    shown: &mut HashSet<usize>,
) -> io::Result<Option<usize>> {
    let kind = match edge.kind {
        "needed" => String::new(),
        other => format!(" ({other})"),
    };
    write!(out, "{}{kind} => ", escaped(&edge.name))?;
    let target = match &edge.target {
        Target::Object(target) => *target,
        Target::Missing { reason, .. } => {
            writeln!(out, "{}", escaped(reason.as_bytes()))?;
            return Ok(None);
        }
        Target::PassedOver => {
            writeln!(out, "passed over: a token in the name has no value")?;
            return Ok(None);
        }
        Target::NotReached => {
            writeln!(out, "not looked for: the loader gives up before")?;
            return Ok(None);
        }
    };
    let Some(object) = tree.objects.get(target) else { return Ok(None) };
    let path = if object.path.is_empty() { "the program".to_owned() } else { escaped(&object.path) };
    let why = provenance(tree, object);
    if object.before {
        let repeated = !shown.insert(target);
        let mark = if repeated { ", shown above" } else { "" };
        writeln!(out, "{path}  {FAINT}[in the process already: {why}{mark}]{FAINT:#}")?;
        return Ok((verbose && !repeated).then_some(target));
    }
    if object.loader != Some(requester) {
        let place = match object.loader.and_then(|l| tree.objects.get(l)) {
            _ if shown.contains(&target) => "shown above".to_owned(),
            Some(loader) => format!("shown below {}", escaped(&loader.path)),
            None => "the library itself".to_owned(),
        };
        writeln!(out, "{path}  {FAINT}[already loaded: {why}; {place}]{FAINT:#}")?;
        return Ok(None);
    }
    if !shown.insert(target) {
        writeln!(out, "{path}  {FAINT}[already loaded: {why}; shown above]{FAINT:#}")?;
        return Ok(None);
    }
    writeln!(out, "{path}  {FAINT}[{why}]{FAINT:#}")?;
    Ok(Some(target))
}

/// Where an object was found, in words.
fn provenance(tree: &Tree, object: &Object) -> String {
    let of = |path: Option<&[u8]>| match path {
        None | Some([]) => "the program".to_owned(),
        Some(path) => escaped(path),
    };
    let requester = || object.loader.and_then(|l| tree.objects.get(l)).map(|o| o.path.as_slice());
    let source = source(&object.provenance);
    match &object.provenance {
        Provenance::Rpath(_) => format!("{source} of {}", of(object.provenance_owner.as_deref())),
        Provenance::Runpath => format!("{source} of {}", of(requester())),
        _ => source.to_owned(),
    }
}

/// A source of a search, in words.
fn source(provenance: &Provenance) -> &'static str {
    match provenance {
        Provenance::Root => "asked for",
        Provenance::Preloaded => "from the start",
        Provenance::AlreadyLoaded => "already loaded",
        Provenance::Slash => "path",
        Provenance::Rpath(_) => "DT_RPATH",
        Provenance::ProgramRpath => "DT_RPATH of the program",
        Provenance::EnvPath => "LD_LIBRARY_PATH",
        Provenance::Runpath => "DT_RUNPATH",
        Provenance::Cache => "ld.so.cache",
        Provenance::SystemDir => "default directory",
    }
}

fn paths(out: &mut dyn Write, object: &Object, prefix: &str) -> io::Result<()> {
    for (tag, list) in [("DT_RPATH", &object.rpath), ("DT_RUNPATH", &object.runpath)] {
        if let Some(list) = list {
            writeln!(out, "{prefix}{FAINT}{tag} {}{FAINT:#}", escaped(list))?;
        }
    }
    for need in &object.other_versions {
        let loaded = if need.loaded { "" } else { ", which nothing loads" };
        let names = version_names(&need.versions);
        writeln!(out, "{prefix}{FAINT}versions of {}{loaded}:{FAINT:#} {names}", escaped(&need.file))?;
    }
    Ok(())
}

fn versions(out: &mut dyn Write, versions: &[Version], prefix: &str) -> io::Result<()> {
    if versions.is_empty() {
        return Ok(());
    }
    writeln!(out, "{prefix}{FAINT}versions:{FAINT:#} {}", version_names(versions))
}

fn version_names(versions: &[Version]) -> String {
    let name = |v: &Version| format!("{}{}", escaped(&v.name), if v.defined { "" } else { " (not defined)" });
    versions.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn tried(out: &mut dyn Write, attempts: &[Attempt], prefix: &str) -> io::Result<()> {
    for a in attempts {
        let outcome = escaped(catalogue::outcome(&a.outcome).as_bytes());
        let (why, path) = (source(&a.provenance), escaped(&a.path));
        writeln!(out, "{prefix}{FAINT}{why}:{FAINT:#} {path}: {outcome}")?;
    }
    Ok(())
}

/// Why a need led to nothing, in words. Not escaped.
pub fn miss(reason: &MissReason) -> String {
    let lossy = String::from_utf8_lossy;
    match reason {
        MissReason::NotFound(e) => format!("not found: {e}"),
        MissReason::OtherClass => "only there for the other word size".to_owned(),
        MissReason::Refused { path, .. } => format!("unusable: {}", lossy(path)),
        MissReason::Blocks(path) => format!("a pipe, which never opens: {}", lossy(path)),
        MissReason::Changed(path) => format!("changed while it was read: {}", lossy(path)),
        MissReason::Unknowable(path) => format!("a device, or too large: {}", lossy(path)),
        MissReason::Memory(_) => "not looked for: the requester is damaged".to_owned(),
        MissReason::EmptyToken => "not looked for: a token in the name has no value".to_owned(),
        MissReason::Limit => "not looked for: beyond the limits of the analysis".to_owned(),
    }
}
