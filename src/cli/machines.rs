//! The same libraries judged for several machines, one profile each: who loads where.
//! It must never let one machine's result depend on another's: each has a run of its own.
//! For people a table library by machine; for programs one whole report a machine.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::batch::{self, Asked};
use super::exit::{Exit, Failure};
use super::report::escape::escaped;
use super::report::output::Sink;
use super::report::row::Row;
use super::report::{SCHEMA_VERSION, Totals, json, table};
use super::request::{Format, Judging, Loudness, Run};
use super::session::{self, Session};
use crate::analyzer::audit::{self, Collected, Library, Plan};
use crate::analyzer::loader_model::ModelReport;

/// What one machine said.
struct Machine {
    /// Name of its profile.
    name: String,
    loader: ModelReport,
    others: Vec<ModelReport>,
    found: Collected,
    libraries: Vec<Library>,
}

/// Judges for every profile and reports. `find` says what is to be judged on one machine.
///
/// # Errors
/// A profile cannot be used, the format has no place for several machines, or the report cannot be written.
pub fn run(
    judging: &Judging,
    run: &Run,
    asked: Asked,
    find: &(dyn Fn(&Session<'_, '_>) -> Collected + Sync),
) -> Result<Exit, Failure> {
    if !matches!(run.format, Format::Table | Format::Json) {
        return Err(Failure::Usage("several profiles fit into a table or into json only".to_owned()));
    }
    if run.probing.is_some() {
        return Err(Failure::Usage("level 3 is for this machine, not for profiles".to_owned()));
    }
    let plan = Plan { level: run.level, mode: run.mode, programs: asked == Asked::Audit };
    let mut machines = Vec::new();
    for profile in &judging.profiles {
        let one = Judging { profiles: vec![profile.clone()], ..judging.clone() };
        machines.push(session::with(&one, run.jobs, |s| {
            let found = find(s);
            let libraries = audit::run(s.loaders, &found.paths, plan, &|_| ());
            let (loader, others) = (s.model.describe(), s.loaders.others());
            Ok(Machine { name: name(profile), loader, others, found, libraries })
        })?);
    }
    let mut all = machines.iter().flat_map(|m| &m.libraries);
    let broken = all.any(|l| batch::breaks(l, asked, run.strict));
    let unable = asked == Asked::Audit && machines.iter().any(|m| !m.found.unlisted.is_empty());
    if run.loudness != Loudness::Quiet {
        if run.format == Format::Json { document(run, &machines)? } else { people(run, asked, &machines)? }
    }
    Ok(match (broken, unable) {
        (true, _) => Exit::Broken,
        (false, true) => Exit::Unable,
        (false, false) => Exit::Clean,
    })
}

fn name(profile: &Path) -> String {
    let name = profile.file_stem().unwrap_or(profile.as_os_str());
    escaped(name.as_encoded_bytes())
}

fn document(run: &Run, machines: &[Machine]) -> Result<(), Failure> {
    let mut out = Sink::data(run)?;
    write!(out, "{{\"schema_version\":{SCHEMA_VERSION},\n\"tool\":{},\n\"machines\":[", json::tool())?;
    for (i, m) in machines.iter().enumerate() {
        write!(out, "{}\n{{\"profile\":{},\"report\":", if i > 0 { "," } else { "" }, json!(m.name))?;
        let rows = Row::all(&m.libraries, &[]);
        let report = json::Document {
            loader: &m.loader,
            other_loaders: &m.others,
            rows: &rows,
            level3: None,
            root_causes: &audit::root_causes(&m.libraries),
            unlisted: &m.found.unlisted,
        };
        json::write(&mut out, &report)?;
        out.write_all(b"}")?;
    }
    out.write_all(b"]}\n")?;
    Ok(out.finish()?)
}

fn people(run: &Run, asked: Asked, machines: &[Machine]) -> Result<(), Failure> {
    let mut out = Sink::people(run)?;
    let columns: Vec<(&str, &[Library])> =
        machines.iter().map(|m| (m.name.as_str(), m.libraries.as_slice())).collect();
    let all = asked == Asked::Verify || run.loudness == Loudness::Verbose;
    table::machines(&mut out, &columns, all, run.screen.width)?;
    for m in machines {
        write!(out, "{} ({}): ", m.name, escaped(m.loader.title().as_bytes()))?;
        table::totals(&mut out, &Totals::of(&m.libraries))?;
    }
    Ok(out.finish()?)
}
