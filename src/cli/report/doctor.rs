//! The whole home at a glance: surroundings, one row a tree, root causes with what mends them, left-overs.
//! It must never leave out a tree, nor repeat what another section has said.
//! A row is one line where nobody looks; on a screen the first cause has a line of its own below it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::escape::escaped;
use super::explainer::Explainer;
use super::home::{Shown, color, finding, hanging, mends};
use super::row::Row;
use super::surveyed::{Surveyed, TreeRow};
use super::table::{SHOWN_CAUSES, sentence};
use super::text::first_cause;
use super::{HEADING, counted, grouped};
use crate::analyzer::audit::{self, Level, RootCause};
use crate::analyzer::finding::Severity;
use crate::analyzer::verdict::{Class, Verdict};
use crate::home::causes;
use crate::home::finding::HomeFinding;
use crate::home::integrity::Integrity;
use crate::home::mend::Mend;
use crate::home::survey::{Status, TreeReport};
use crate::home::targets::Room;
use crate::loader::ProbeOutcome;
use crate::loader::helper;

/// Trees named with one root cause.
const NAMED_TREES: usize = 6;

/// Writes the report.
///
/// # Errors
/// The writer's.
pub fn doctor(out: &mut dyn Write, survey: &Surveyed<'_>, shown: Shown<'_>) -> io::Result<()> {
    let explainer = Explainer::wanting(shown.explain, shown.width);
    environment(out, survey, shown)?;
    rows(out, survey, shown)?;
    causes(out, survey, shown, &explainer)?;
    disagreements(out, survey, shown, &explainer)?;
    left_overs(out, survey, shown, &explainer)?;
    shown.level3(out, survey)?;
    summary(out, survey, shown)
}

fn environment(out: &mut dyn Write, survey: &Surveyed<'_>, shown: Shown<'_>) -> io::Result<()> {
    let home = &survey.survey.home;
    let place = &home.place;
    let mut path = format!("{} (from {})", escaped(&place.path), place.source.name());
    if home.real != place.path {
        path += &format!(", which is {}", escaped(&home.real));
    }
    let recorded = |room| home.trees.iter().filter(|t| t.room == room && t.is_tracked()).count();
    let state = match home.has_state {
        true => format!(
            "state.json: {}, {}",
            counted(recorded(Room::Library), "library"),
            counted(recorded(Room::Tool), "tool")
        ),
        false => "none: everything is untracked".to_owned(),
    };
    let title = escaped(shown.loader.title().as_bytes());
    let facts = [
        ("home", path),
        ("state", state),
        ("loader", format!("{title} ({})", escaped(shown.loader.interpreter().as_bytes()))),
        ("ld.so.cache", cache(shown)),
        ("judged", shown.surroundings.to_owned()),
        ("level 3", level3(shown)),
    ];
    for (name, value) in facts {
        writeln!(out, "{HEADING}{name:12}{HEADING:#}{value}")?;
    }
    writeln!(out)
}

/// The loader's cache, and whether somebody forgot `ldconfig`.
fn cache(shown: Shown<'_>) -> String {
    let Some(entries) = shown.loader.cache_entries() else { return "none".to_owned() };
    let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{} entries", grouped(entries)) };
    match shown.stale {
        None => entries,
        Some([]) => format!("{entries}, up to date"),
        Some([dir]) => format!("{entries}, older than {}: run ldconfig", escaped(dir)),
        Some([dir, more @ ..]) => format!(
            "{entries}, older than {} and {}: run ldconfig",
            escaped(dir),
            counted(more.len(), "other directory")
        ),
    }
}

/// The helper, whether it may be trusted, and what holds the code it loads.
fn level3(shown: Shown<'_>) -> String {
    let short = |sum: &str| sum.chars().take(12).collect::<String>();
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let Some(header) = shown.level3 else {
        let carried = match helper::status().embedded {
            Some(sum) => format!("helper inside, sha256:{}", short(&sum)),
            None => "no helper inside".to_owned(),
        };
        return format!("not asked for ({carried})");
    };
    match (&header.skipped, &header.helper) {
        (Some(why), _) => format!("left out: {}", escaped(why.as_bytes())),
        (None, None) => "left out".to_owned(),
        (None, Some(helper)) => format!(
            "helper {}, sha256:{}, {}; sandbox {}",
            word(json!(helper.source)),
            short(&helper.sha256),
            if helper.pinned { "trusted: the one this program was built with" } else { "chosen by the user" },
            word(json!(header.sandbox)),
        ),
    }
}

fn rows(out: &mut dyn Write, survey: &Surveyed<'_>, shown: Shown<'_>) -> io::Result<()> {
    if survey.survey.trees.is_empty() {
        return writeln!(out, "nothing is installed");
    }
    let mut grid = Table::new();
    grid.load_style(presets::NOTHING);
    match shown.width {
        Some(width) => grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => grid.set_content_arrangement(ContentArrangement::Disabled),
    };
    let beside = shown.width.is_none();
    let columns = 8 + usize::from(beside);
    let header = ["STATUS", "NAME", "FILES", "L1", "L2", "L3", "SUMS", "USED BY", "FIRST CAUSE"];
    grid.set_header(header.into_iter().take(columns));
    let home = format!("{}/", escaped(&survey.survey.home.place.path));
    let mut told = Vec::new();
    for row in survey.trees() {
        let status = row.status(shown.strict);
        // Nobody needs to read in every row where the home is.
        let cause = first_problem(row, shown.strict).replace(&home, "");
        let line = cells(row, status, shown).into_iter().chain([cause.clone()]);
        grid.add_row(line.take(columns).collect::<Vec<_>>());
        told.push((status, cause));
    }
    for (at, column) in grid.column_iter_mut().enumerate() {
        column.set_padding((0, if shown.width.is_some_and(|w| w < 100) { 1 } else { 2 }));
        if (2..=5).contains(&at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut told = told.into_iter();
    let mut open: Option<String> = None;
    for (i, line) in grid.lines().enumerate() {
        let line = line.trim_end();
        if i == 0 {
            writeln!(out, "{HEADING}{line}{HEADING:#}")?;
        } else if line.starts_with(' ') {
            writeln!(out, "{line}")?;
        } else {
            below(out, open.take(), shown)?;
            let (status, cause) = told.next().unwrap_or((Status::Ok, String::new()));
            let (word, rest) = line.split_at(status.name().len().min(line.len()));
            let style = color(status);
            writeln!(out, "{style}{word}{style:#}{rest}")?;
            open = Some(cause).filter(|cause| !beside && !cause.is_empty());
        }
    }
    below(out, open, shown)
}

/// The first cause under its row.
fn below(out: &mut dyn Write, cause: Option<String>, shown: Shown<'_>) -> io::Result<()> {
    match cause {
        Some(cause) => hanging(out, &cause, "         ", shown),
        None => Ok(()),
    }
}

fn cells(row: TreeRow<'_>, status: Status, shown: Shown<'_>) -> [String; 8] {
    let report = row.report;
    let all = report.judged.len();
    let passed = |enough: &dyn Fn(&Row<'_>) -> bool| {
        let n = row.rows().filter(|(_, file)| enough(file)).count();
        if all == 0 { "-".to_owned() } else { format!("{n}/{all}") }
    };
    let loads = |file: &Row<'_>| file.library.judgement.verdict == Verdict::Loads;
    let first = passed(&|file| loads(file) || file.library.judgement.level_reached >= 1);
    let second = if shown.level == Level::One { "-".to_owned() } else { passed(&loads) };
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
        third(row),
        sums(report),
        users,
    ]
}

/// Files that were really loaded, of those that were tried.
fn third(row: TreeRow<'_>) -> String {
    let tried: Vec<bool> = row
        .rows()
        .filter_map(|(_, file)| file.probed)
        .filter(|probed| !matches!(probed.outcome, ProbeOutcome::NotRun { .. }))
        .map(|probed| probed.outcome == ProbeOutcome::Loaded)
        .collect();
    let loaded = tried.iter().filter(|loaded| **loaded).count();
    if tried.is_empty() { "-".to_owned() } else { format!("{loaded}/{}", tried.len()) }
}

fn sums(report: &TreeReport) -> String {
    match &report.integrity {
        None => "-".to_owned(),
        Some(Integrity::NotRecorded) => "none".to_owned(),
        Some(Integrity::Compared { findings, .. }) => {
            let errors = findings.iter().filter(|f| f.severity() == Severity::Error).count();
            match (errors, findings.len()) {
                (0, 0) => "ok".to_owned(),
                (0, n) => format!("{n} added"),
                (n, _) => format!("{n} differ"),
            }
        }
    }
}

fn first_problem(row: TreeRow<'_>, strict: bool) -> String {
    let report = row.report;
    let inner = |path: &[u8]| -> Vec<u8> {
        let below = path.strip_prefix(report.tree.path.as_slice()).and_then(|p| p.strip_prefix(b"/"));
        below.unwrap_or(path).to_vec()
    };
    let of_file = |file: &Row<'_>| format!("{}: {}", escaped(&inner(&file.library.path)), first_cause(*file));
    if let Some((_, file)) = row.rows().find(|(judged, file)| TreeRow::is_broken(judged, *file, strict)) {
        return of_file(&file);
    }
    let worst = report.all_findings().max_by(|a, b| {
        // The first of equals.
        a.severity().cmp(&b.severity()).then(std::cmp::Ordering::Greater)
    });
    match worst.filter(|f| f.severity() > Severity::Note) {
        Some(f) if f.path() == report.tree.path => f.code().to_owned(),
        Some(f) => format!("{}: {}", escaped(&inner(f.path())), f.code()),
        None => {
            let undecided = |file: &Row<'_>| file.library.judgement.verdict == Verdict::Undecided;
            row.rows().find(|(_, file)| undecided(file)).map(|(_, file)| of_file(&file)).unwrap_or_default()
        }
    }
}

/// What breaks files, whom, and what mends it.
fn causes(
    out: &mut dyn Write,
    survey: &Surveyed<'_>,
    shown: Shown<'_>,
    explainer: &Explainer,
) -> io::Result<()> {
    let mut known: HashMap<&[u8], (String, Option<&Mend>)> = HashMap::new();
    for tree in survey.trees() {
        for (judged, row) in tree.rows() {
            known.insert(&row.library.path, (tree.report.tree.spec(), judged.mend.as_ref()));
        }
    }
    let all = audit::root_causes(survey.rows().into_iter().map(|row| row.library));
    // What only lacks its host program is nobody's fault, and breaks nothing.
    let (plugins, all): (Vec<_>, Vec<_>) = causes::merged(survey.survey, all)
        .into_iter()
        .partition(|cause| cause.class == Class::NeedsHost && !shown.strict);
    let probed = survey.rows().iter().any(Row::breaks_when_loaded);
    if !all.is_empty() || !plugins.is_empty() || probed {
        writeln!(out, "\n{HEADING}Root causes{HEADING:#}")?;
    }
    let most = if shown.verbose { all.len() } else { SHOWN_CAUSES.min(all.len()) };
    for (at, cause) in all.iter().take(most).enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        let here = RootCause { subject: inside(survey, &cause.subject), ..cause.clone() };
        hanging(out, &escaped(sentence(&here).as_bytes()), "", shown)?;
        explainer.say(out, cause.code, "  ")?;
        let found: Vec<_> = cause.libraries.iter().filter_map(|path| known.get(path.as_slice())).collect();
        let trees: BTreeSet<&str> = found.iter().map(|(spec, _)| spec.as_str()).collect();
        let mut named: Vec<String> =
            trees.iter().take(NAMED_TREES).map(|spec| escaped(spec.as_bytes())).collect();
        if trees.len() > named.len() {
            named.push(format!("{} more", grouped(trees.len() - named.len())));
        }
        let files = counted(cause.libraries.len(), "file");
        hanging(out, &format!("breaks {files} of {}", named.join(", ")), "  ", shown)?;
        let suggested: BTreeSet<&Mend> = found.iter().filter_map(|(_, mend)| *mend).collect();
        match super::entry(cause.code).filter(|_| suggested.is_empty()) {
            Some(entry) => hanging(out, &format!("mend: {}", entry.mend), "  ", shown)?,
            None => mends(out, suggested.into_iter(), shown)?,
        }
    }
    if most < all.len() {
        writeln!(out, "\nand {} more (--verbose lists all)", grouped(all.len() - most))?;
    }
    for (_, row) in survey.trees().flat_map(|t| t.rows().collect::<Vec<_>>()) {
        let Some(first) = row.probe_findings().first().filter(|_| row.breaks_when_loaded()) else { continue };
        let path = inside(survey, &row.library.path);
        writeln!(out)?;
        hanging(out, &format!("{}: {}", escaped(&path), escaped(first.text().as_bytes())), "", shown)?;
        explainer.say(out, first.code(), "  ")?;
        let spec = known.get(row.library.path.as_slice()).map_or("", |(spec, _)| spec);
        hanging(out, &format!("breaks 1 file of {}", escaped(spec.as_bytes())), "  ", shown)?;
        hanging(out, &format!("mend: {}", escaped(first.hint().as_bytes())), "  ", shown)?;
    }
    if plugins.is_empty() {
        return Ok(());
    }
    let files: usize = plugins.iter().map(|cause| cause.libraries.len()).sum();
    let named = |cause: &RootCause| format!("{} of {}", cause.libraries.len(), escaped(&cause.subject));
    let named: Vec<String> = plugins.iter().map(named).collect();
    let gap = if all.is_empty() { "" } else { "\n" };
    let text = format!(
        "{} only lack their host program, and count as working: {}",
        counted(files, "plug-in"),
        named.join(", ")
    );
    write!(out, "{gap}")?;
    hanging(out, &text, "", shown)?;
    hanging(out, "mend: --host PROGRAM judges them as loaded into it", "  ", shown)
}

/// A path by its way from the home, where it lies in it.
fn inside(survey: &Surveyed<'_>, subject: &[u8]) -> Vec<u8> {
    let home = survey.survey.home.place.path.as_slice();
    subject.strip_prefix(home).and_then(|rest| rest.strip_prefix(b"/")).unwrap_or(subject).to_vec()
}

/// What state and disk, or the two environments, do not agree about; tree by tree.
fn disagreements(
    out: &mut dyn Write,
    survey: &Surveyed<'_>,
    shown: Shown<'_>,
    explainer: &Explainer,
) -> io::Result<()> {
    let mut first = true;
    for report in &survey.survey.trees {
        let elsewhere = |f: &HomeFinding| matches!(f, HomeFinding::UntrackedTree { .. });
        let told: Vec<_> = report
            .all_findings()
            .filter(|f| !elsewhere(f) && (shown.verbose || f.severity() > Severity::Note))
            .collect();
        if told.is_empty() {
            continue;
        }
        writeln!(
            out,
            "{}",
            if first { format!("\n{HEADING}Files and trees{HEADING:#}") } else { String::new() }
        )?;
        first = false;
        writeln!(out, "{}", escaped(report.tree.spec().as_bytes()))?;
        for f in told {
            finding(out, f, &report.tree.path, shown, explainer)?;
        }
        let said: BTreeSet<&Mend> = report.judged.iter().filter_map(|j| j.mend.as_ref()).collect();
        let own = |mend: &&Mend| !said.contains(mend) && !matches!(mend, Mend::Track { .. });
        mends(out, report.mends.iter().filter(own), shown)?;
    }
    Ok(())
}

/// What nobody knows, and what installations left.
fn left_overs(
    out: &mut dyn Write,
    survey: &Surveyed<'_>,
    shown: Shown<'_>,
    explainer: &Explainer,
) -> io::Result<()> {
    let untracked = |f: &&HomeFinding| matches!(f, HomeFinding::UntrackedTree { .. });
    let trees = &survey.survey.trees;
    let mut told: Vec<(&HomeFinding, Option<Mend>)> = Vec::new();
    for report in trees {
        let mend = report.mends.iter().find(|m| matches!(m, Mend::Track { .. }));
        told.extend(report.all_findings().filter(untracked).map(|f| (f, mend.cloned())));
    }
    let removed = |f: &HomeFinding| match f {
        HomeFinding::LeftOver { path, .. } | HomeFinding::LinkDangling { path, .. } => {
            Some(Mend::Remove { path: path.clone() })
        }
        _ => None,
    };
    told.extend(survey.survey.home.left_overs.iter().map(|f| (f, removed(f))));
    if told.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{HEADING}Left-overs and untracked trees{HEADING:#}")?;
    for (f, mend) in told {
        finding(out, f, &survey.survey.home.place.path, shown, explainer)?;
        if let Some(command) = mend.and_then(|m| m.command()) {
            writeln!(out, "    $ {HEADING}{}{HEADING:#}", escaped(&command))?;
        }
    }
    Ok(())
}

/// `48 trees: 40 ok, 3 broken.`
fn summary(out: &mut dyn Write, survey: &Surveyed<'_>, shown: Shown<'_>) -> io::Result<()> {
    let mut counts = BTreeMap::new();
    for row in survey.trees() {
        *counts.entry(row.status(shown.strict)).or_insert(0_usize) += 1;
    }
    let told = |(status, n): (&Status, &usize)| {
        let style = color(*status);
        format!("{style}{} {}{style:#}", grouped(*n), status.name())
    };
    let parts: Vec<String> = counts.iter().rev().map(told).collect();
    let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    let trees = counted(survey.survey.trees.len(), "tree");
    writeln!(out, "\n{trees}, {} judged{parts}.", counted(survey.survey.len(), "file"))
}
