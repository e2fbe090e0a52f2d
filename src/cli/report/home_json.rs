//! A home as one JSON document, or as one object a tree.
//! It must never say about a file what the other JSON reports do not: the objects of files are theirs.
//! The schema is `docs/home.schema.json`, which a test holds against real output.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::home::Shown;
use super::json::tool;
use super::ndjson::{self, write_json_bytes};
use super::problem::{Case, of_home_finding, severity_name};
use super::{SCHEMA_VERSION, Totals};
use crate::analyzer::audit::Library;
use crate::home::finding::HomeFinding;
use crate::home::integrity::Integrity;
use crate::home::survey::{Judged, Survey, TreeReport};

/// Writes the document.
///
/// # Errors
/// The writer's.
pub fn write(out: &mut dyn Write, survey: &Survey, shown: Shown<'_>) -> io::Result<()> {
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
    for (i, report) in survey.trees.iter().enumerate() {
        out.write_all(if i > 0 { b",\n" } else { b"\n" })?;
        tree(out, report, shown)?;
    }
    let mut totals = Totals::default();
    survey.trees.iter().flat_map(|t| &t.judged).filter_map(Judged::counting).for_each(|l| totals.add(l));
    let failed = Case::of_survey(survey, shown.strict).iter().filter(|c| c.failed).count();
    write!(
        out,
        "],\n\"totals\":{},\n\"failed\":{failed},\n\"left_overs\":",
        serde_json::to_string(&totals)?
    )?;
    findings(out, survey.home.left_overs.iter())?;
    out.write_all(b"}\n")
}

/// Writes the object of one tree, without a newline.
///
/// # Errors
/// The writer's.
pub fn tree(out: &mut dyn Write, report: &TreeReport, shown: Shown<'_>) -> io::Result<()> {
    let tree = &report.tree;
    write!(
        out,
        "{{\"room\":{},\"name\":{},\"version\":{},\"status\":{},\"tracked\":{},\"present\":{},\"active\":{},\"used_by\":{},\"path\":",
        json!(tree.room.name()),
        json!(tree.name),
        json!(tree.version),
        json!(report.status(shown.strict).name()),
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
    for (i, j) in report.judged.iter().enumerate() {
        out.write_all(if i > 0 { b"," } else { b"" })?;
        file(out, j, shown.strict)?;
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

fn file(out: &mut dyn Write, j: &Judged, strict: bool) -> io::Result<()> {
    out.write_all(b"{\"path\":")?;
    write_json_bytes(out, &j.path)?;
    let counts = if j.wrapped && j.wrapper.is_some() || j.plain.is_none() { "wrapper" } else { "plain" };
    write!(
        out,
        ",\"program\":{},\"broken\":{},\"counts\":\"{counts}\",\"plain\":",
        j.program,
        j.is_broken(strict)
    )?;
    let mut verdict = |name: &str, l: &Option<Library>| -> io::Result<()> {
        out.write_all(name.as_bytes())?;
        match l {
            Some(l) => ndjson::object(out, l),
            None => out.write_all(b"null"),
        }
    };
    verdict("", &j.plain)?;
    verdict(",\"wrapper\":", &j.wrapper)?;
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
