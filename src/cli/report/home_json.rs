//! A home as one JSON document, or as one object a tree.
//! It must never say about a file what the other JSON reports do not: the objects of files are theirs.
//! The schema is `docs/home.schema.json`, which a test holds against real output.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::home::Shown;
use super::json::tool;
use super::ndjson::{self, write_json_bytes};
use super::problem::{Case, of_home_finding, severity_name};
use super::row::Row;
use super::surveyed::{Surveyed, TreeRow};
use super::{SCHEMA_VERSION, Totals, probe};
use crate::home::finding::HomeFinding;
use crate::home::integrity::Integrity;
use crate::home::survey::{Judged, Surroundings};
use crate::home::vocabulary::category;

/// Writes the document.
///
/// # Errors
/// The writer's.
pub fn write(out: &mut dyn Write, surveyed: &Surveyed<'_>, shown: Shown<'_>) -> io::Result<()> {
    let survey = surveyed.survey;
    write!(out, "{{\"schema_version\":{SCHEMA_VERSION},\n\"tool\":{},\n\"loader\":", tool())?;
    serde_json::to_writer(&mut *out, shown.loader)?;
    out.write_all(b",\n\"home\":{\"path\":")?;
    write_json_bytes(out, &survey.home.place.path)?;
    out.write_all(b",\"real\":")?;
    write_json_bytes(out, &survey.home.real)?;
    write!(
        out,
        ",\"source\":{},\"state\":{}}},\n\"judged\":{},\n\"trees\":[",
        json!(survey.home.place.source.name()),
        survey.home.has_state,
        json!(shown.surroundings)
    )?;
    for (i, row) in surveyed.trees().enumerate() {
        out.write_all(if i > 0 { b",\n" } else { b"\n" })?;
        tree(out, row, shown.strict)?;
    }
    let rows = surveyed.rows();
    let totals = Totals::of(rows.iter().map(|row| row.library));
    let failed = Case::of_survey(surveyed, shown.strict).iter().filter(|c| c.failed).count();
    write!(
        out,
        "],\n\"totals\":{},\n\"failed\":{failed},\n\"left_overs\":",
        serde_json::to_string(&totals)?
    )?;
    findings(out, survey.home.left_overs.iter())?;
    if let Some(header) = shown.level3 {
        out.write_all(b",\n\"level3\":")?;
        probe::write_header(out, header, &rows)?;
    }
    out.write_all(b"}\n")
}

/// Writes the object of one tree, without a newline.
///
/// # Errors
/// The writer's.
pub fn tree(out: &mut dyn Write, row: TreeRow<'_>, strict: bool) -> io::Result<()> {
    let report = row.report;
    let tree = &report.tree;
    write!(
        out,
        "{{\"room\":{},\"name\":{},\"version\":{},\"status\":{},\"tracked\":{},\"present\":{},\"active\":{},\"used_by\":{},\"path\":",
        json!(tree.room.name()),
        json!(tree.name),
        json!(tree.version),
        json!(row.status(strict).name()),
        tree.is_tracked(),
        tree.present,
        tree.active,
        json!(tree.used_by),
    )?;
    write_json_bytes(out, &tree.path)?;
    let integrity = match &report.integrity {
        None => Value::Null,
        Some(Integrity::NotRecorded) => json!({"recorded": false, "same": 0}),
        Some(Integrity::Compared { same, .. }) => json!({"recorded": true, "same": same}),
    };
    write!(out, ",\"entries\":{},\"integrity\":{integrity},\"files\":[", report.listing.entries.len())?;
    for (i, (j, of_file)) in row.rows().enumerate() {
        out.write_all(if i > 0 { b"," } else { b"" })?;
        file(out, j, of_file, strict)?;
    }
    out.write_all(b"],\"findings\":")?;
    findings(out, report.all_findings())?;
    out.write_all(b",\"mends\":[")?;
    for (i, mend) in report.mends.iter().enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        write!(out, "{{\"kind\":{},\"text\":{},\"command\":", json!(mend.kind()), json!(mend.text()))?;
        match mend.command() {
            Some(command) => write_json_bytes(out, &command)?,
            None => out.write_all(b"null")?,
        }
        out.write_all(b"}")?;
    }
    out.write_all(b"]}")
}

fn file(out: &mut dyn Write, j: &Judged, row: Row<'_>, strict: bool) -> io::Result<()> {
    out.write_all(b"{\"path\":")?;
    write_json_bytes(out, &j.path)?;
    let in_wrapper = j.counting_in(Surroundings::Wrapper).is_some();
    write!(
        out,
        ",\"program\":{},\"broken\":{},\"category\":{},\"counts\":\"{}\"",
        j.program,
        TreeRow::is_broken(j, row, strict),
        category(row.library).map_or(Value::Null, |c| json!({"value": c.value(), "text": c.text()})),
        if in_wrapper { "wrapper" } else { "plain" },
    )?;
    // The probe stands beside the verdict it was made for.
    for (name, verdict, counts) in [("plain", &j.plain, !in_wrapper), ("wrapper", &j.wrapper, in_wrapper)] {
        write!(out, ",\"{name}\":")?;
        match verdict {
            Some(_) if counts => ndjson::object(out, row)?,
            Some(library) => ndjson::object(out, library)?,
            None => out.write_all(b"null")?,
        }
    }
    out.write_all(b"}")
}

fn findings<'f>(out: &mut dyn Write, all: impl Iterator<Item = &'f HomeFinding>) -> io::Result<()> {
    out.write_all(b"[")?;
    for (i, f) in all.enumerate() {
        let p = of_home_finding(f);
        out.write_all(if i > 0 { b",{\"path\":" } else { b"{\"path\":" })?;
        write_json_bytes(out, &p.path)?;
        write!(
            out,
            ",\"code\":{},\"severity\":\"{}\",\"text\":{},\"hint\":{}}}",
            json!(p.code),
            severity_name(p.severity),
            json!(p.text),
            json!(p.hint)
        )?;
    }
    out.write_all(b"]")
}
