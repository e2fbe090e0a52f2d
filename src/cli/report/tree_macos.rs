//! The images of one Mach-O library's call, for people and for programs.
//! It must never search or open anything: what is not in the graph is not known here.
//! An image stands below the one that made dyld load it; one line a dependent, with how it was found.

use std::collections::HashSet;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::escape::escaped;
use super::explainer::Explainer;
use super::json::tool;
use super::{FAINT, HEADING, SCHEMA_VERSION, ndjson, text as words};
use crate::analyzer::audit::Library;
use crate::analyzer::catalogue::{bytes_json, tried as tried_json};
use crate::analyzer::dyld::DyldReport;
use crate::analyzer::dyld::graph::{Body, Graph, Need, Node, Target};
use crate::analyzer::dyld::refusal::Tried;

/// Everything that is shown.
pub struct Tree<'t, 'h> {
    /// The images.
    pub graph: &'t Graph<'h>,
    /// The verdict.
    pub library: &'t Library,
    /// The loader it is of.
    pub loader: &'t DyldReport,
}

/// Levels below which the drawing is no longer indented.
const DEEPEST: usize = 60;

fn how(need: &Need) -> String {
    let l = need.linkage;
    let words =
        [(l.weak, "weak"), (l.reexport, "re-exported"), (l.upward, "upward"), (l.delay_init, "delayed")];
    let said: Vec<&str> = words.into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}

fn what(node: &Node<'_>) -> &'static str {
    match node.body {
        Body::Bare => "the main program",
        Body::File(_) => node.way.name(),
        Body::System(crate::analyzer::dyld::system::Presence::Known) => "shared cache",
        Body::System(_) => "shared cache, unverified",
    }
}

/// Writes the tree for people.
///
/// # Errors
/// The writer's.
pub fn text(out: &mut dyn Write, tree: &Tree<'_, '_>) -> io::Result<()> {
    let path = escaped(&tree.library.path);
    match tree.graph.root {
        None => {
            writeln!(out, "{HEADING}{path}{HEADING:#} => not opened")?;
            tried(out, &tree.graph.root_tried, "    ")?;
        }
        Some(root) => {
            writeln!(out, "{HEADING}{path}{HEADING:#}")?;
            if let Some(node) = tree.graph.nodes.get(root) {
                rpaths(out, node, "")?;
            }
            draw(out, tree.graph, root)?;
        }
    }
    writeln!(out)?;
    words::details(out, tree.library, &Explainer::silent())
}

fn rpaths(out: &mut dyn Write, node: &Node<'_>, prefix: &str) -> io::Result<()> {
    for rpath in node.facts().map(|f| f.rpaths.as_slice()).unwrap_or_default() {
        writeln!(out, "{prefix}{FAINT}LC_RPATH {}{FAINT:#}", escaped(rpath))?;
    }
    Ok(())
}

/// Depth first without recursion: the depth is the file's to choose, the stack is not.
fn draw(out: &mut dyn Write, graph: &Graph<'_>, root: usize) -> io::Result<()> {
    let mut shown = HashSet::from([root]);
    let mut open = vec![(root, 0, String::new())];
    while let Some((image, next, prefix)) = open.last_mut() {
        let Some(node) = graph.nodes.get(*image) else { break };
        let Some(need) = node.needs.get(*next) else {
            open.pop();
            continue;
        };
        *next += 1;
        let last = *next >= node.needs.len();
        let below = format!("{prefix}{}", if last { "    " } else { "│   " });
        write!(out, "{prefix}{} {}{} => ", if last { "└──" } else { "├──" }, escaped(&need.name), how(need))?;
        match &need.target {
            Target::Image(ix) => {
                let Some(found) = graph.nodes.get(*ix) else { continue };
                let new = shown.insert(*ix);
                let mark = if new { "" } else { "; shown already" };
                writeln!(out, "{}  {FAINT}[{}{mark}]{FAINT:#}", escaped(&found.path), what(found))?;
                if new && found.facts().is_some() {
                    rpaths(out, found, &below)?;
                    let prefix = if open.len() < DEEPEST { below } else { String::new() };
                    open.push((*ix, 0, prefix));
                }
            }
            Target::Null => writeln!(out, "not there, and not missed")?,
            Target::Unknown => writeln!(out, "cannot be known")?,
            Target::NotReached => writeln!(out, "not looked for: dyld gives up before")?,
            Target::Missing(all) => {
                writeln!(out, "not loaded")?;
                tried(out, all, &format!("{below}    "))?;
            }
        }
    }
    Ok(())
}

fn tried(out: &mut dyn Write, all: &[Tried], prefix: &str) -> io::Result<()> {
    for t in all {
        writeln!(out, "{prefix}{}{FAINT}: {}{FAINT:#}", escaped(&t.path), escaped(&t.refusal.words))?;
    }
    Ok(())
}

/// Writes the tree as one JSON document.
///
/// # Errors
/// The writer's.
pub fn json(out: &mut dyn Write, tree: &Tree<'_, '_>) -> io::Result<()> {
    let objects: Vec<Value> =
        tree.graph.nodes.iter().enumerate().map(|(ix, n)| object(tree, ix, n)).collect();
    let attempts: Vec<Value> = tree.graph.root_tried.iter().map(tried_json).collect();
    write!(out, "{{\"schema_version\":{SCHEMA_VERSION},\n\"tool\":{},\n\"loader\":", tool())?;
    serde_json::to_writer(&mut *out, tree.loader)?;
    out.write_all(b",\n\"library\":")?;
    ndjson::object(out, tree.library)?;
    let root = json!(tree.graph.root);
    write!(out, ",\n\"root\":{root},\n\"root_attempts\":{},\n\"objects\":", Value::Array(attempts))?;
    serde_json::to_writer(&mut *out, &objects)?;
    out.write_all(b",\n\"optional\":[]}\n")
}

fn object(tree: &Tree<'_, '_>, ix: usize, node: &Node<'_>) -> Value {
    let facts = node.facts();
    let rpaths: Vec<Value> = facts.into_iter().flat_map(|f| &f.rpaths).map(|r| bytes_json(r)).collect();
    json!({
        "path": bytes_json(&node.path),
        "before": ix < tree.graph.before,
        "loader": node.loader,
        "provenance": what(node),
        "install_name": facts.and_then(|f| f.id()).map(bytes_json),
        "rpaths": rpaths,
        "needs": node.needs.iter().map(need).collect::<Vec<_>>(),
    })
}

fn need(n: &Need) -> Value {
    let (object, status, attempts) = match &n.target {
        Target::Image(ix) => (Some(*ix), "found", Vec::new()),
        Target::Null => (None, "passed-over", Vec::new()),
        Target::Unknown => (None, "unknown", Vec::new()),
        Target::NotReached => (None, "not-reached", Vec::new()),
        Target::Missing(all) => (None, "missing", all.iter().map(tried_json).collect()),
    };
    json!({
        "name": bytes_json(&n.name), "weak": n.linkage.weak, "reexport": n.linkage.reexport,
        "upward": n.linkage.upward, "object": object, "status": status, "attempts": attempts,
    })
}
