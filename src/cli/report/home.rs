//! A home in words and tables: each tree with its verdicts, what breaks it, and what mends it.
//! It must never wrap where nobody looks, or let a name of a file set colours or cursor.
//! Consequence first, then evidence, then what to do.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};

use super::escape::escaped;
use super::problem::severity_name;
use super::text::{details, first_cause};
use super::{FAINT, HEADING, counted, table};
use crate::analyzer::audit::Level;
use crate::analyzer::finding::Severity;
use crate::analyzer::loader_model::ModelReport;
use crate::analyzer::verdict::Verdict;
use crate::home::catalogue;
use crate::home::finding::HomeFinding;
use crate::home::integrity::Integrity;
use crate::home::mend::Mend;
use crate::home::survey::{Status, Survey, TreeReport};
use crate::home::targets::Room;

/// What a report is made of besides the survey.
#[derive(Clone, Copy)]
pub struct Shown<'r> {
    /// The loader.
    pub loader: &'r ModelReport,
    /// How deep it went.
    pub level: Level,
    /// Files that lack only their host fail too.
    pub strict: bool,
    /// Everything.
    pub verbose: bool,
    /// Columns to fill.
    pub width: Option<u16>,
    /// Environments judged.
    pub surroundings: &'static str,
}

fn color(status: Status) -> Style {
    let color = match status {
        Status::Ok | Status::NoLibraries => AnsiColor::Green,
        Status::Warned | Status::Undecided => AnsiColor::Yellow,
        Status::Missing | Status::Changed | Status::Broken => AnsiColor::Red,
    };
    Style::new().fg_color(Some(color.into()))
}

/// The chosen trees, one after the other, each in full.
///
/// # Errors
/// The writer's.
pub fn trees(out: &mut dyn Write, survey: &Survey, shown: Shown<'_>) -> io::Result<()> {
    for report in &survey.trees {
        tree(out, report, shown)?;
    }
    Ok(())
}

fn tree(out: &mut dyn Write, report: &TreeReport, shown: Shown<'_>) -> io::Result<()> {
    let status = report.status(shown.strict);
    let style = color(status);
    let mut facts = vec![counted(report.judged.len(), "file") + " judged"];
    match &report.integrity {
        Some(Integrity::Compared { same, .. }) => {
            facts.push(format!("{} as installed", counted(*same, "file")))
        }
        Some(Integrity::NotRecorded) => facts.push("no sums recorded".to_owned()),
        None => {}
    }
    if !report.tree.used_by.is_empty() {
        facts.push(format!("used by {}", escaped(report.tree.used_by.join(", ").as_bytes())));
    }
    let spec = escaped(report.tree.spec().as_bytes());
    let room = report.tree.room.name();
    writeln!(
        out,
        "{room} {HEADING}{spec}{HEADING:#}: {style}{}{style:#} {FAINT}[{}]{FAINT:#}",
        status.name(),
        facts.join("; ")
    )?;
    for j in &report.judged {
        let Some(l) = j.counting() else { continue };
        if l.judgement.verdict != Verdict::Loads || (shown.verbose && !l.judgement.findings.is_empty()) {
            details(out, l)?;
        } else if shown.verbose {
            writeln!(out, "{}: loads", escaped(&l.path))?;
        }
    }
    for f in report.all_findings().filter(|f| shown.verbose || f.severity() > Severity::Note) {
        finding(out, f)?;
    }
    mends(out, report.mends.iter())
}

fn finding(out: &mut dyn Write, f: &HomeFinding) -> io::Result<()> {
    let text = escaped(catalogue::text(f).as_bytes());
    writeln!(out, "  {} {}: {text}", severity_name(f.severity()), f.code())
}

fn mends<'m>(out: &mut dyn Write, all: impl Iterator<Item = &'m Mend>) -> io::Result<()> {
    for mend in all {
        writeln!(out, "  mend: {}", escaped(mend.text().as_bytes()))?;
        if let Some(command) = mend.command() {
            writeln!(out, "    $ {}", escaped(&command))?;
        }
    }
    Ok(())
}

/// The whole home: surroundings, one row a tree, root causes, what mends them, left-overs.
///
/// # Errors
/// The writer's.
pub fn doctor(out: &mut dyn Write, survey: &Survey, shown: Shown<'_>) -> io::Result<()> {
    surroundings(out, survey, shown)?;
    rows(out, survey, shown)?;
    table::root_causes(out, &survey.root_causes(), shown.verbose)?;
    let mut all: Vec<&Mend> = survey.trees.iter().flat_map(|t| &t.mends).collect();
    all.sort();
    all.dedup();
    if !all.is_empty() {
        writeln!(out, "\n{HEADING}What to do{HEADING:#}")?;
        mends(out, all.into_iter())?;
    }
    let trees = survey.trees.iter().flat_map(TreeReport::all_findings);
    let told: Vec<&HomeFinding> = trees
        .chain(&survey.home.left_overs)
        .filter(|f| shown.verbose || f.severity() > Severity::Note)
        .collect();
    if !told.is_empty() {
        writeln!(out, "\n{HEADING}Files and trees{HEADING:#}")?;
        told.into_iter().try_for_each(|f| finding(out, f))?;
    }
    summary(out, survey, shown)
}

fn surroundings(out: &mut dyn Write, survey: &Survey, shown: Shown<'_>) -> io::Result<()> {
    let place = &survey.home.place;
    let mut home = format!("{} (from {})", escaped(&place.path), place.source.name());
    if survey.home.real != place.path {
        home += &format!(", which is {}", escaped(&survey.home.real));
    }
    let state = if survey.home.has_state { "state.json" } else { "none: everything is untracked" };
    let loader = shown.loader.title();
    let cache = shown.loader.cache_entries();
    let cache = cache.map_or_else(|| "none".to_owned(), |n| counted(n, "entry"));
    let facts = [
        ("home", home),
        ("state", state.to_owned()),
        (
            "loader",
            format!("{} ({})", escaped(loader.as_bytes()), escaped(shown.loader.interpreter().as_bytes())),
        ),
        ("ld.so.cache", cache),
        ("judged", shown.surroundings.to_owned()),
    ];
    for (name, value) in facts {
        writeln!(out, "{HEADING}{name:12}{HEADING:#}{value}")?;
    }
    writeln!(out)
}

fn rows(out: &mut dyn Write, survey: &Survey, shown: Shown<'_>) -> io::Result<()> {
    let mut grid = Table::new();
    grid.load_style(presets::NOTHING);
    match shown.width {
        Some(width) => grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => grid.set_content_arrangement(ContentArrangement::Disabled),
    };
    grid.set_header(["STATUS", "NAME", "FILES", "L1", "L2", "INTEGRITY", "USED BY", "FIRST CAUSE"]);
    let mut styles = Vec::new();
    for report in &survey.trees {
        let status = report.status(shown.strict);
        styles.push(color(status));
        grid.add_row(row(report, status, shown));
    }
    if styles.is_empty() {
        return writeln!(out, "nothing is installed");
    }
    let gap = if shown.width.is_some_and(|w| w < 100) { 1 } else { 2 };
    for column in grid.column_iter_mut() {
        column.set_padding((0, gap));
    }
    let mut styles = styles.into_iter();
    for (i, line) in grid.lines().enumerate() {
        let line = line.trim_end();
        let style = if i == 0 {
            Some(HEADING)
        } else if line.starts_with(' ') {
            None
        } else {
            styles.next()
        };
        match style {
            Some(style) => writeln!(out, "{style}{line}{style:#}")?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

fn row(report: &TreeReport, status: Status, shown: Shown<'_>) -> [String; 8] {
    let all = report.judged.len();
    let passed = |enough: &dyn Fn(&crate::analyzer::audit::Library) -> bool| {
        let n = report.judged.iter().filter(|j| j.counting().is_some_and(enough)).count();
        if all == 0 { "-".to_owned() } else { format!("{n}/{all}") }
    };
    let loads = |l: &crate::analyzer::audit::Library| l.judgement.verdict == Verdict::Loads;
    let first = passed(&|l| loads(l) || l.judgement.level_reached >= 1);
    let second = if shown.level == Level::One { "-".to_owned() } else { passed(&loads) };
    let integrity = match &report.integrity {
        None => "-".to_owned(),
        Some(Integrity::NotRecorded) => "unrecorded".to_owned(),
        Some(Integrity::Compared { findings, .. }) => {
            let errors = findings.iter().filter(|f| f.severity() == Severity::Error).count();
            match (errors, findings.len()) {
                (0, 0) => "ok".to_owned(),
                (0, n) => format!("{n} added"),
                (n, _) => format!("{n} changed"),
            }
        }
    };
    let cause = first_problem(report, shown.strict);
    let name = match report.tree.room {
        Room::Library => report.tree.spec(),
        Room::Tool => format!("{} (tool)", report.tree.spec()),
    };
    let users = match report.tree.used_by.as_slice() {
        [] => "-".to_owned(),
        [one] => escaped(one.as_bytes()),
        [one, more @ ..] => format!("{} +{}", escaped(one.as_bytes()), more.len()),
    };
    [
        status.name().to_owned(),
        escaped(name.as_bytes()),
        report.listing.entries.len().to_string(),
        first,
        second,
        integrity,
        users,
        cause,
    ]
}

fn first_problem(report: &TreeReport, strict: bool) -> String {
    let inner = |path: &[u8]| -> Vec<u8> {
        let below = path.strip_prefix(report.tree.path.as_slice()).and_then(|p| p.strip_prefix(b"/"));
        below.unwrap_or(path).to_vec()
    };
    let broken = report.judged.iter().filter(|j| j.is_broken(strict)).find_map(|j| j.counting());
    if let Some(l) = broken {
        return format!("{}: {}", escaped(&inner(&l.path)), first_cause(l));
    }
    let worst = report.all_findings().max_by(|a, b| {
        // The first of equals.
        a.severity().cmp(&b.severity()).then(std::cmp::Ordering::Greater)
    });
    match worst.filter(|f| f.severity() > Severity::Note) {
        Some(f) if f.path() == report.tree.path => f.code().to_owned(),
        Some(f) => format!("{}: {}", escaped(&inner(f.path())), f.code()),
        None => {
            let undecided = report
                .judged
                .iter()
                .filter_map(|j| j.counting())
                .find(|l| l.judgement.verdict == Verdict::Undecided);
            undecided.map(|l| format!("{}: {}", escaped(&inner(&l.path)), first_cause(l))).unwrap_or_default()
        }
    }
}

/// `48 trees: 40 ok, 3 broken.`
fn summary(out: &mut dyn Write, survey: &Survey, shown: Shown<'_>) -> io::Result<()> {
    let mut counts = std::collections::BTreeMap::new();
    for report in &survey.trees {
        *counts.entry(report.status(shown.strict)).or_insert(0_usize) += 1;
    }
    let parts: Vec<String> = counts.iter().rev().map(|(s, n)| format!("{n} {}", s.name())).collect();
    let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    writeln!(
        out,
        "\n{}, {}{parts}.",
        counted(survey.trees.len(), "tree"),
        counted(survey.len(), "file") + " judged"
    )
}
