//! Level 3 in reports: the field of a library, the head of a document, the lines below a table.
//! It must never print what a library wrote, nor a message unescaped.
//! Outcomes are those of `loader::outcome`; a contradiction is shown with its evidence, as a fault of this program.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::super::level3::{Header, Probed};
use super::escape::escaped;
use super::ndjson::write_json_bytes;
use super::row::Row;
use super::{FAINT, HEADING, counted, grouped, paragraph};
use crate::loader::ProbeOutcome;
use crate::loader::finding::ProbeFinding;
use crate::loader::outcome::signal_name;

/// Writes the value of the field `probe`.
///
/// # Errors
/// The writer's.
pub fn write(out: &mut dyn Write, probed: &Probed) -> io::Result<()> {
    let outcome = &probed.outcome;
    write!(out, "{{\"outcome\":\"{}\",\"message\":", outcome.name())?;
    match outcome {
        ProbeOutcome::Refused { message } => write_json_bytes(out, message)?,
        ProbeOutcome::NotRun { reason } => write_json_bytes(out, reason.as_bytes())?,
        _ => out.write_all(b"null")?,
    }
    let signal = match outcome {
        ProbeOutcome::Crashed { signal } => match signal_name(*signal) {
            Some(name) => json!(name),
            None => json!(signal.to_string()),
        },
        _ => Value::Null,
    };
    let status = match outcome {
        ProbeOutcome::Exited { status } => json!(status),
        _ => Value::Null,
    };
    let (agreement, in_force) = (json!(probed.agreement), json!(probed.details.in_force));
    write!(
        out,
        ",\"signal\":{signal},\"status\":{status},\"agreement\":{agreement},\"in_force\":{in_force}}}"
    )
}

/// Writes the field `level3` of a document: who probed, under what, with which results.
///
/// # Errors
/// The writer's.
pub fn write_header(out: &mut dyn Write, header: &Header, rows: &[Row<'_>]) -> io::Result<()> {
    let mut value = json!(header);
    if let Value::Object(fields) = &mut value {
        fields.insert("in_force".to_owned(), json!(in_force(rows)));
        fields.insert("totals".to_owned(), json!(Totals::of(rows)));
    }
    serde_json::to_writer(out, &value)?;
    Ok(())
}

/// How many probes ended how.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Really loaded, or tried to.
    pub probed: usize,
    /// By outcome, those that were not run too.
    pub outcomes: BTreeMap<String, usize>,
    /// Why the others were not.
    pub not_run: BTreeMap<String, usize>,
    /// Where the loader did something else than was predicted.
    pub contradictions: usize,
}

impl Totals {
    /// Counts all of them.
    pub fn of(rows: &[Row<'_>]) -> Totals {
        let mut totals = Totals::default();
        for probed in rows.iter().filter_map(|row| row.probed) {
            *totals.outcomes.entry(probed.outcome.name().to_owned()).or_default() += 1;
            match &probed.outcome {
                ProbeOutcome::NotRun { reason } => *totals.not_run.entry(reason.clone()).or_default() += 1,
                _ => totals.probed += 1,
            }
            totals.contradictions += usize::from(probed.agreement.is_our_bug());
        }
        totals
    }
}

/// What held every probe that was made.
fn in_force(rows: &[Row<'_>]) -> Vec<&'static str> {
    let made = rows.iter().filter_map(|row| row.probed);
    let made = made.filter(|probed| !matches!(probed.outcome, ProbeOutcome::NotRun { .. }));
    let mut all = made.map(|probed| &probed.details.in_force);
    let first = all.next().cloned().unwrap_or_default();
    all.fold(first, |mut held, other| {
        held.retain(|power| other.contains(power));
        held
    })
}

/// Writes what a table says of Level 3: who probed, how much, and every contradiction with its evidence.
///
/// # Errors
/// The writer's.
pub fn section(out: &mut dyn Write, header: &Header, rows: &[Row<'_>], width: usize) -> io::Result<()> {
    writeln!(out, "\n{HEADING}Level 3{HEADING:#}")?;
    if let Some(why) = &header.skipped {
        return writeln!(out, "  left out: {}", escaped(why.as_bytes()));
    }
    let totals = Totals::of(rows);
    let ended: Vec<String> = totals
        .outcomes
        .iter()
        .filter(|(name, _)| *name != "not-run")
        .map(|(name, n)| format!("{} {name}", grouped(*n)))
        .collect();
    let all: usize = totals.outcomes.values().sum();
    let percent = totals.probed * 100 / all.max(1);
    let ended = if ended.is_empty() { String::new() } else { format!(": {}", ended.join(", ")) };
    writeln!(
        out,
        "  {} of {} really loaded ({percent} %){ended}.",
        grouped(totals.probed),
        counted(all, "library")
    )?;
    for (reason, n) in &totals.not_run {
        writeln!(out, "  {} not: {}", grouped(*n), escaped(reason.as_bytes()))?;
    }
    if let Some(helper) = &header.helper {
        let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
        let held = in_force(rows);
        let held = if held.is_empty() { "nothing".to_owned() } else { held.join(", ") };
        writeln!(
            out,
            "  {FAINT}helper: {} sha256:{}, fidelity {}; sandbox {}: {held}{FAINT:#}",
            word(json!(helper.source)),
            helper.sha256,
            word(json!(helper.fidelity)),
            word(json!(header.sandbox)),
        )?;
    }
    contradictions(out, rows, width)
}

fn contradictions(out: &mut dyn Write, rows: &[Row<'_>], width: usize) -> io::Result<()> {
    let wrong = |f: &&ProbeFinding| matches!(f, ProbeFinding::PredictionWrong { .. });
    let mut found = rows
        .iter()
        .flat_map(|row| row.probe_findings().iter().filter(wrong).map(move |f| (row.library, f)))
        .peekable();
    let Some((_, first)) = found.peek() else { return Ok(()) };
    writeln!(out, "\n{HEADING}Contradictions ({}){HEADING:#}", first.code())?;
    let hint = first.hint();
    for (library, finding) in found {
        writeln!(out, "  {}: {}", escaped(&library.path), escaped(finding.text().as_bytes()))?;
    }
    paragraph(out, hint, "  ", width)
}
