//! `loader`: the model whose verdict is predicted, with every input that can change one.
//! It must never leave out what a report's reader would need to repeat the run.
//! The same facts stand under `loader` in every JSON report.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::args::{Color, LoaderArgs, TextFormat};
use super::exit::{Exit, Failure};
use super::report::escape::escaped;
use super::report::json::tool;
use super::report::{self, HEADING, SCHEMA_VERSION};
use super::request::Judging;
use super::session;
use super::{complain, whole};
use crate::analyzer::dyld::DyldReport;
use crate::analyzer::host::real::ByteStore;
use crate::analyzer::loader_model::{GlibcReport, ModelReport, MuslReport};
use crate::analyzer::profile;

/// Runs the command.
///
/// # Errors
/// No loader can be made out.
pub fn run(args: LoaderArgs) -> Result<Exit, Failure> {
    let judging = Judging::new(args.judge)?;
    if let Some(file) = args.save {
        return save(&judging, Path::new(&file));
    }
    let store = ByteStore::new();
    let model = session::describe(&session::machine(&store, &judging)?, &judging)?;
    if args.format == TextFormat::Json {
        let mut out = report::pipe();
        write!(out, "{{\"schema_version\":{SCHEMA_VERSION},\"tool\":{},\"loader\":", tool())?;
        serde_json::to_writer(&mut out, &model).map_err(std::io::Error::from)?;
        writeln!(out, "}}")?;
        out.flush()?;
    } else {
        let mut out = report::screen(Color::Auto);
        for (name, value) in lines(&model) {
            writeln!(out, "{HEADING}{name:26}{HEADING:#}{}", escaped(value.as_bytes()))?;
        }
        out.flush()?;
    }
    Ok(Exit::Clean)
}

/// Writes the profile of a machine.
fn save(judging: &Judging, file: &Path) -> Result<Exit, Failure> {
    let store = ByteStore::new();
    let machine = session::machine(&store, judging)?;
    // Whoever judges by it names processor and environment then.
    session::model(&machine, judging)?;
    let request = machine.request(judging);
    let threads = session::threads(None)?;
    let taken = threads.install(|| profile::take(machine.host.as_ref(), &request, judging.host.as_deref()));
    let taken = taken.map_err(|e| Failure::Unable(escaped(e.to_string().as_bytes())))?;
    for path in &taken.unlike {
        complain(&format!("{} is not judged alike from the profile", escaped(path)));
    }
    let bytes = taken.contents.write();
    whole::write(file, &bytes)?;
    let mut out = report::pipe();
    writeln!(
        out,
        "{}: {} files of which {} libraries were judged again from it, {} bytes",
        escaped(file.as_os_str().as_bytes()),
        taken.contents.files.len(),
        taken.judged,
        bytes.len()
    )?;
    out.flush()?;
    Ok(if taken.unlike.is_empty() { Exit::Clean } else { Exit::Unable })
}

/// The model, one fact a line.
fn lines(model: &ModelReport) -> Vec<(&'static str, String)> {
    let facts = match model {
        ModelReport::Glibc(m) => glibc(m),
        ModelReport::Musl(m) => musl(m),
        ModelReport::Dyld(m) => dyld(m),
    };
    std::iter::once(("loader", model.title())).chain(facts).collect()
}

fn optional(text: &Option<String>, none: &str) -> String {
    text.clone().unwrap_or_else(|| none.to_owned())
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(" ") }
}

/// The rules in force, each by its name.
fn rules(all: &impl Serialize) -> String {
    let all = serde_json::to_value(all).unwrap_or_default();
    let in_force = all.as_object().into_iter().flatten().filter(|(_, v)| **v != Value::Bool(false));
    let words: Vec<String> =
        in_force.map(|(k, v)| if v.is_boolean() { k.clone() } else { format!("{k}={v}") }).collect();
    words.join(" ")
}

fn musl(m: &MuslReport) -> Vec<(&'static str, String)> {
    vec![
        ("interpreter", m.interpreter.clone()),
        ("machine", m.machine.to_owned()),
        ("page size", m.page_size.to_string()),
        ("system path", list(&m.system_dirs)),
        ("path file", m.path_file.to_owned()),
        ("LD_LIBRARY_PATH", optional(&m.library_path, "unset")),
        ("preloaded", list(&m.preload)),
        ("working directory", m.cwd.clone()),
        ("user", m.uid.to_string()),
        ("rules", rules(&m.rules)),
    ]
}

fn dyld(m: &DyldReport) -> Vec<(&'static str, String)> {
    let lists = |l: &Option<Vec<String>>| l.as_deref().map_or_else(|| "unset".to_owned(), list);
    let by = if m.machine_by_file { " (each file's own, arm64 first)" } else { "" };
    vec![
        ("machine", format!("{}{by}", m.machine)),
        ("main program", optional(&m.executable, "one that links only libSystem")),
        ("DYLD_LIBRARY_PATH", list(&m.library_path)),
        ("DYLD_FRAMEWORK_PATH", list(&m.framework_path)),
        ("DYLD_FALLBACK_LIBRARY_PATH", lists(&m.fallback_library_path)),
        ("DYLD_FALLBACK_FRAMEWORK_PATH", lists(&m.fallback_framework_path)),
        ("DYLD_IMAGE_SUFFIX", list(&m.image_suffix)),
        ("working directory", m.cwd.clone()),
        ("SDK", optional(&m.sdk, "none: symbols of the system are taken for granted")),
    ]
}

fn glibc(m: &GlibcReport) -> Vec<(&'static str, String)> {
    let word = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let number = |n: Option<u64>| n.map_or_else(|| "unset".to_owned(), |n| n.to_string());
    vec![
        ("distribution", word(serde_json::to_value(m.distribution).unwrap_or_default())),
        ("package", optional(&m.package, "unknown")),
        ("interpreter", m.interpreter.clone()),
        ("machine", m.machine.to_owned()),
        ("cpu", m.cpu.clone()),
        ("isa bits", m.isa.to_string()),
        ("kernel", optional(&m.kernel, "unknown")),
        ("page size", m.page_size.to_string()),
        ("default directories", list(&m.system_dirs)),
        ("sub-directories", list(&m.subdirs)),
        ("hwcaps", list(&m.hwcaps)),
        ("legacy hwcap bits", m.legacy_hwcap.clone()),
        ("$LIB", m.lib.clone()),
        ("$PLATFORM", optional(&m.platform, "unset")),
        ("ld.so.cache entries", m.cache_entries.map_or_else(|| "no cache".to_owned(), |n| n.to_string())),
        ("LD_LIBRARY_PATH", optional(&m.library_path, "unset")),
        ("preloaded", list(&m.preload)),
        ("LD_BIND_NOW", m.bind_now.to_string()),
        ("LD_DYNAMIC_WEAK", m.dynamic_weak.to_string()),
        ("rtld.execstack", number(m.execstack)),
        ("rtld.nns", number(m.nns)),
        ("rtld.optional_static_tls", number(m.optional_static_tls)),
        ("rtld.dynamic_sort", number(m.dynamic_sort)),
        ("working directory", m.cwd.clone()),
        ("user", m.uid.to_string()),
        ("static TLS surplus", m.static_tls_surplus.to_string()),
        ("static TLS of ld.so", m.static_tls_extra.to_string()),
        ("the program needs", list(&m.program_needs)),
        ("rules", rules(&m.rules)),
    ]
}
