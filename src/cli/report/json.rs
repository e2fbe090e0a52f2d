//! One JSON document for the whole run.
//! It must never differ from the NDJSON report in what it says about a library.
//! Object by object as `ndjson` writes them, so that paths keep every byte.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::super::level3::Header;
use super::ndjson::{self, write_json_bytes};
use super::probe;
use super::row::Row;
use super::{SCHEMA_VERSION, Totals, class_name};
use crate::analyzer::audit::{RootCause, Unlisted};
use crate::analyzer::loader_model::ModelReport;

/// Libraries listed with one root cause; the count is always whole.
pub const LISTED_LIBRARIES: usize = 20;

/// What the document says.
pub struct Document<'r> {
    /// The loader.
    pub loader: &'r ModelReport,
    /// Other loaders that judged files made for them.
    pub other_loaders: &'r [ModelReport],
    /// All libraries.
    pub rows: &'r [Row<'r>],
    /// Level 3, if it was asked for.
    pub level3: Option<&'r Header>,
    /// What they have in common.
    pub root_causes: &'r [RootCause],
    /// What could not be looked at.
    pub unlisted: &'r [Unlisted],
}

/// Name and version of this program.
pub fn tool() -> Value {
    json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")})
}

/// Writes the document.
///
/// # Errors
/// The writer's.
pub fn write(out: &mut dyn Write, document: &Document<'_>) -> io::Result<()> {
    write!(out, "{{\"schema_version\":{SCHEMA_VERSION},\n\"tool\":{},\n\"loader\":", tool())?;
    serde_json::to_writer(&mut *out, document.loader)?;
    out.write_all(b",\n\"other_loaders\":")?;
    serde_json::to_writer(&mut *out, document.other_loaders)?;
    if let Some(header) = document.level3 {
        out.write_all(b",\n\"level3\":")?;
        probe::write_header(out, header, document.rows)?;
    }
    out.write_all(b",\n\"libraries\":")?;
    list(out, document.rows, |out, row| ndjson::object(out, *row))?;
    let totals = serde_json::to_string(&Totals::of(document.rows.iter().map(|row| row.library)))?;
    write!(out, ",\n\"totals\":{totals},\n\"root_causes\":")?;
    list(out, document.root_causes, |out, cause| root_cause(out, cause))?;
    out.write_all(b",\n\"unlisted\":")?;
    list(out, document.unlisted, |out, u| {
        out.write_all(b"{\"path\":")?;
        write_json_bytes(out, &u.path)?;
        write!(out, ",\"errno\":{},\"text\":{}}}", u.errno.0, json!(u.errno.text()))
    })?;
    out.write_all(b"}\n")
}

fn root_cause(out: &mut dyn Write, cause: &RootCause) -> io::Result<()> {
    write!(out, "{{\"code\":{},\"subject\":", json!(cause.code))?;
    write_json_bytes(out, &cause.subject)?;
    let class = class_name(cause.class);
    write!(out, ",\"class\":\"{class}\",\"count\":{},\"libraries\":[", cause.libraries.len())?;
    for (i, path) in cause.libraries.iter().take(LISTED_LIBRARIES).enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        write_json_bytes(out, path)?;
    }
    out.write_all(b"]}")
}

/// An array with one element a line.
fn list<T>(
    out: &mut dyn Write,
    items: &[T],
    mut each: impl FnMut(&mut dyn Write, &T) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(b"[")?;
    for (i, item) in items.iter().enumerate() {
        out.write_all(if i > 0 { b",\n" } else { b"\n" })?;
        each(out, item)?;
    }
    out.write_all(b"]")
}
