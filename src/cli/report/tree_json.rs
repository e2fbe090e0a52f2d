//! The link map of one library, for programs.
//! It must never say less than the tree for people does.
//! One array of objects that refer to each other by index, so that a cycle is no problem.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::tool;
use super::tree::{Edge, Object, Target, Tree, Version};
use super::{SCHEMA_VERSION, ndjson};
use crate::analyzer::catalogue::{self, bytes_json, provenance_code};

/// Writes the tree as one JSON document.
///
/// # Errors
/// The writer's.
pub fn write(out: &mut dyn Write, tree: &Tree) -> io::Result<()> {
    let objects: Vec<Value> = tree.objects.iter().map(object).collect();
    let optional: Vec<Value> = tree
        .optional
        .iter()
        .map(|o| {
            json!({
                "feature": o.feature, "description": o.description, "priority": o.priority,
                "sonames": o.sonames, "found": o.found,
            })
        })
        .collect();
    let attempts: Vec<Value> =
        tree.root.as_ref().err().into_iter().flatten().map(catalogue::attempt).collect();
    write!(out, "{{\"schema_version\":{SCHEMA_VERSION},\n\"tool\":{},\n\"loader\":", tool())?;
    serde_json::to_writer(&mut *out, &tree.loader)?;
    out.write_all(b",\n\"library\":")?;
    ndjson::object(out, &tree.library)?;
    let root = json!(tree.root.as_ref().ok());
    write!(out, ",\n\"root\":{root},\n\"root_attempts\":{},\n\"objects\":", Value::Array(attempts))?;
    serde_json::to_writer(&mut *out, &objects)?;
    writeln!(out, ",\n\"optional\":{}}}", Value::Array(optional))
}

fn object(o: &Object) -> Value {
    let bytes = |b: &Option<Vec<u8>>| b.as_deref().map(bytes_json);
    json!({
        "path": bytes_json(&o.path),
        "aliases": o.aliases.iter().map(|a| bytes_json(a)).collect::<Vec<_>>(),
        "before": o.before,
        "loader": o.loader,
        "provenance": provenance_code(&o.provenance),
        "rpath_owner": bytes(&o.provenance_owner),
        "soname": bytes(&o.soname),
        "rpath": bytes(&o.rpath),
        "runpath": bytes(&o.runpath),
        "needs": o.edges.iter().map(edge).collect::<Vec<_>>(),
        "other_versions": o.other_versions.iter().map(|v| json!({
            "file": bytes_json(&v.file), "loaded": v.loaded, "versions": version_list(&v.versions),
        })).collect::<Vec<_>>(),
    })
}

fn edge(e: &Edge) -> Value {
    let (target, status, attempts) = match &e.target {
        Target::Object(i) => (Some(*i), "found", Vec::new()),
        Target::Missing { attempts, .. } => {
            (None, "missing", attempts.iter().map(catalogue::attempt).collect())
        }
        Target::PassedOver => (None, "passed-over", Vec::new()),
        Target::NotReached => (None, "not-reached", Vec::new()),
    };
    json!({
        "name": bytes_json(&e.name), "kind": e.kind, "object": target, "status": status,
        "attempts": attempts, "versions": version_list(&e.versions),
    })
}

fn version_list(versions: &[Version]) -> Value {
    versions.iter().map(|v| json!({"name": bytes_json(&v.name), "defined": v.defined})).collect()
}
