//! One library in words: the verdict, what the loader says, every finding with its advice.
//! It must never print a string of a file unescaped.
//! Consequence first, then evidence, then hint.

use std::io::{self, Write};

use super::escape::escaped;
use super::explainer::Explainer;
use super::problem::severity_name;
use super::row::Row;
use super::{FAINT, class_name, counted, ndjson};
use crate::analyzer::audit::Library;
use crate::analyzer::catalogue;
use crate::analyzer::finding::Severity;
use crate::analyzer::model::Death;
use crate::analyzer::verdict::Verdict;
use crate::loader::ProbeOutcome;

/// Missing symbols named for people.
const NAMED_SYMBOLS: usize = 10;

/// `loads`, `fails (needs-host)`, `undecided`.
pub fn status(library: &Library) -> String {
    let (word, _, _) = ndjson::parts(&library.judgement.verdict);
    match library.class {
        Some(class) => format!("{word} ({})", class_name(class)),
        None => word.to_owned(),
    }
}

/// What the loader would say or do, in its own words where it has any, without the path that stands beside it. Escaped.
pub fn first_cause<'r>(row: impl Into<Row<'r>>) -> String {
    let row = row.into();
    let library = row.library;
    if let Some(first) = row.probe_findings().first().filter(|_| row.breaks_when_loaded()) {
        return escaped(first.text().as_bytes());
    }
    let ours = || library.judgement.findings.first().map(|f| escaped(catalogue::text(f).as_bytes()));
    match &library.judgement.verdict {
        Verdict::Loads => String::new(),
        Verdict::Fails { message: Some(message), .. } => {
            let rest = message.strip_prefix(library.path.as_slice()).and_then(|m| m.strip_prefix(b": "));
            escaped(rest.unwrap_or(message))
        }
        Verdict::Fails { .. } | Verdict::Undecided => ours().unwrap_or_default(),
    }
}

/// How the loader dies, as the end of a sentence.
pub fn dies(death: Death) -> String {
    match death {
        Death::Abort => "an assertion inside the loader ends the process with status 127".to_owned(),
        Death::Hang => "the loader never returns".to_owned(),
        Death::Signal(signal) => format!("the process dies of {}", signal.name()),
    }
}

/// Writes everything about one library.
///
/// # Errors
/// The writer's.
pub fn details<'r>(out: &mut dyn Write, row: impl Into<Row<'r>>, explainer: &Explainer) -> io::Result<()> {
    let row = row.into();
    let library = row.library;
    let verdict = &library.judgement.verdict;
    let color = row.style();
    let level = row.level_reached();
    let path = escaped(&library.path);
    writeln!(out, "{path}: {color}{}{color:#} {FAINT}[level {level} reached]{FAINT:#}", status(library))?;
    if let Verdict::Fails { message, dies: death } = verdict {
        if let Some(message) = message {
            writeln!(out, "  the loader says: {}", escaped(message))?;
        }
        if let Some(death) = death {
            writeln!(out, "  no message: {}", dies(*death))?;
        }
    }
    if let Some(words) = library.because.as_ref().and_then(catalogue::because::words) {
        writeln!(out, "  class {}: {}", library.class.map_or("", class_name), escaped(words.as_bytes()))?;
    }
    if let Some(probed) = row.probed {
        write!(out, "  really loaded: {}", row.probe_word())?;
        match &probed.outcome {
            ProbeOutcome::NotRun { reason } => writeln!(out, " ({})", escaped(reason.as_bytes()))?,
            ProbeOutcome::Refused { message } => writeln!(out, " ({})", escaped(message))?,
            _ => writeln!(out)?,
        }
    }
    for f in row.probe_findings() {
        told(out, f.severity(), f.code(), &f.text(), f.hint())?;
        explainer.say(out, f.code(), "    ")?;
    }
    for f in &library.judgement.findings {
        told(out, f.severity(), f.code(), &catalogue::text(f), &catalogue::hint(f))?;
        explainer.say(out, f.code(), "    ")?;
    }
    missing(out, library)
}

fn told(out: &mut dyn Write, severity: Severity, code: &str, text: &str, hint: &str) -> io::Result<()> {
    writeln!(out, "  {} {code}: {}", severity_name(severity), escaped(text.as_bytes()))?;
    writeln!(out, "    {FAINT}hint:{FAINT:#} {}", escaped(hint.as_bytes()))
}

fn missing(out: &mut dyn Write, library: &Library) -> io::Result<()> {
    if library.missing.len() < 2 {
        return Ok(());
    }
    writeln!(out, "  {} nothing defines:", counted(library.missing.len(), "symbol"))?;
    for s in library.missing.iter().take(NAMED_SYMBOLS) {
        let version = s.version.as_ref().map(|v| format!("@{}", escaped(v))).unwrap_or_default();
        let whose = match s.object == library.path {
            true => String::new(),
            false => format!(" {FAINT}(for {}){FAINT:#}", escaped(&s.object)),
        };
        writeln!(out, "    {}{version}{whose}", escaped(&s.name))?;
    }
    match library.missing.len().checked_sub(NAMED_SYMBOLS) {
        Some(more) if more > 0 => writeln!(out, "    and {more} more"),
        _ => Ok(()),
    }
}
