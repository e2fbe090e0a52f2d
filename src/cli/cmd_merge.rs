//! `merge`: reports of shards, or of many machines with the same loader, made into the report of one run.
//! It must never change a word of what was said about a library, nor mix what different loaders or helpers said.
//! What a run's order and counts follow from is in the reports: paths, verdicts, classes, causes.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::args::MergeArgs;
use super::exit::{Exit, Failure};
use super::report::escape::escaped;
use super::report::{SCHEMA_VERSION, Totals, json as report, pipe, probe};
use super::whole;
use crate::analyzer::host::real::{ByteStore, RealHost};
use crate::analyzer::host::{Host, Opened};

/// Libraries listed with one root cause, as in every report.
const LISTED: usize = report::LISTED_LIBRARIES;

/// A JSON report, its parts as they stand there.
#[derive(Deserialize)]
struct Document<'r> {
    schema_version: u32,
    #[serde(borrow)]
    loader: &'r RawValue,
    #[serde(borrow)]
    other_loaders: Vec<&'r RawValue>,
    #[serde(default, borrow)]
    level3: Option<&'r RawValue>,
    #[serde(borrow)]
    libraries: Vec<&'r RawValue>,
    #[serde(borrow)]
    root_causes: Vec<Cause<'r>>,
    #[serde(borrow)]
    unlisted: Vec<&'r RawValue>,
}

/// What is counted of a library.
#[derive(Deserialize)]
struct Head<'r> {
    #[serde(borrow)]
    path: &'r RawValue,
    verdict: &'r str,
    class: Option<&'r str>,
    #[serde(default, borrow)]
    probe: Option<Loaded<'r>>,
}

/// What is counted of a library that was to be loaded.
#[derive(Deserialize)]
struct Loaded<'r> {
    outcome: &'r str,
    #[serde(borrow)]
    message: &'r RawValue,
    agreement: &'r str,
    in_force: Vec<String>,
}

/// What a report of level 3 says above its libraries, made anew from them.
#[derive(Default)]
struct Level3 {
    totals: probe::Totals,
    /// What held every probe that was made.
    in_force: Option<Vec<String>>,
    /// Libraries that were not predicted to fail, and broke when they were loaded.
    broken: usize,
}

impl Level3 {
    fn count(&mut self, verdict: &str, loaded: Loaded<'_>) {
        *self.totals.outcomes.entry(loaded.outcome.to_owned()).or_default() += 1;
        if loaded.outcome == "not-run" {
            let reason = String::from_utf8_lossy(&bytes_of(loaded.message.get())).into_owned();
            *self.totals.not_run.entry(reason).or_default() += 1;
            return;
        }
        self.totals.probed += 1;
        let contradicts = matches!(loaded.agreement, "too-strict" | "too-lax" | "other-manner");
        self.totals.contradictions += usize::from(contradicts);
        self.broken += usize::from(verdict != "fails" && loaded.outcome != "loaded");
        match &mut self.in_force {
            None => self.in_force = Some(loaded.in_force),
            Some(held) => held.retain(|power| loaded.in_force.contains(power)),
        }
    }
}

#[derive(Deserialize, Clone)]
struct Cause<'r> {
    code: &'r str,
    #[serde(borrow)]
    subject: &'r RawValue,
    class: &'r str,
    count: usize,
    #[serde(borrow)]
    libraries: Vec<&'r RawValue>,
}

/// Runs the command.
///
/// # Errors
/// A report cannot be read, or they do not belong together.
pub fn run(args: &MergeArgs) -> Result<Exit, Failure> {
    let store = ByteStore::new();
    let host = RealHost::new(&store);
    let mut reports = Vec::new();
    for path in args.reports.iter().map(PathBuf::from) {
        let name = path.as_os_str().as_bytes();
        match host.open(name) {
            Ok(Opened::File(_, bytes)) => reports.push((path, bytes)),
            Ok(_) => return Err(Failure::Unable(format!("{} is no file", escaped(name)))),
            Err(errno) => return Err(Failure::Unable(format!("cannot read {}: {errno}", escaped(name)))),
        }
    }
    let is_document = |bytes: &[u8]| bytes.starts_with(b"{\"schema_version\"");
    let documents = reports.iter().filter(|(_, bytes)| is_document(bytes)).count();
    let mut out = Vec::new();
    let breaks = match documents {
        0 => lines(&mut out, &reports)?,
        n if n == reports.len() => document(&mut out, &reports)?,
        _ => return Err(Failure::Usage("json and ndjson cannot be merged with each other".to_owned())),
    };
    match &args.output {
        Some(place) => whole::write(Path::new(place), &out)?,
        None => {
            let mut screen = pipe();
            screen.write_all(&out)?;
            screen.flush()?;
        }
    }
    Ok(if breaks { Exit::Broken } else { Exit::Clean })
}

fn odd(path: &Path, why: &str) -> Failure {
    Failure::Unable(format!("{}: {why}", escaped(path.as_os_str().as_bytes())))
}

/// Libraries in the order of one run, each once, and how many there are of each kind.
#[derive(Default)]
struct Libraries<'r> {
    by_path: BTreeMap<Vec<u8>, &'r str>,
    totals: Totals,
    level3: Level3,
}

impl<'r> Libraries<'r> {
    fn add(&mut self, report: &Path, text: &'r str) -> Result<(), Failure> {
        let head: Head<'r> = serde_json::from_str(text).map_err(|e| odd(report, &e.to_string()))?;
        let path = bytes_of(head.path.get());
        match self.by_path.insert(path.clone(), text) {
            None => {}
            Some(same) if same == text => return Ok(()),
            Some(_) => {
                let shown = escaped(&path);
                return Err(odd(report, &format!("another report says something else about {shown}")));
            }
        }
        self.totals.count(head.verdict, head.class);
        if let Some(loaded) = head.probe {
            self.level3.count(head.verdict, loaded);
        }
        Ok(())
    }
}

impl Libraries<'_> {
    /// Whether the one run would have failed.
    fn breaks(&self) -> bool {
        let classes = &self.totals.by_class;
        classes.broken + classes.underlinked + self.level3.broken > 0
    }
}

/// NDJSON in, NDJSON out.
fn lines(out: &mut Vec<u8>, reports: &[(PathBuf, &[u8])]) -> Result<bool, Failure> {
    let mut all = Libraries::default();
    for (path, bytes) in reports {
        let text = std::str::from_utf8(bytes).map_err(|_| odd(path, "it is no report"))?;
        for line in text.lines().filter(|line| !line.is_empty()) {
            all.add(path, line)?;
        }
    }
    for line in all.by_path.values() {
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    Ok(all.breaks())
}

/// Documents in, one document out.
fn document(out: &mut Vec<u8>, reports: &[(PathBuf, &[u8])]) -> Result<bool, Failure> {
    let mut all = Libraries::default();
    let mut loader: Option<&str> = None;
    let mut level3: Option<Option<Map<String, Value>>> = None;
    let (mut others, mut unlisted): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut causes: BTreeMap<(String, Vec<u8>), Vec<Cause<'_>>> = BTreeMap::new();
    for (path, bytes) in reports {
        let one: Document<'_> = serde_json::from_slice(bytes).map_err(|e| odd(path, &e.to_string()))?;
        if one.schema_version != SCHEMA_VERSION {
            return Err(odd(path, "it is of another version"));
        }
        let this = one.level3.map(|raw| conditions(path, raw)).transpose()?;
        if *level3.get_or_insert_with(|| this.clone()) != this {
            return Err(odd(path, "its libraries were loaded in another way, or not at all"));
        }
        if *loader.get_or_insert(one.loader.get()) != one.loader.get() {
            return Err(odd(path, "another loader was predicted, or in another environment"));
        }
        one.libraries.iter().try_for_each(|l| all.add(path, l.get()))?;
        // Every shard looks at all directories: each says the same of what it could not look at.
        for (list, more) in [(&mut others, one.other_loaders), (&mut unlisted, one.unlisted)] {
            for said in more.iter().map(|raw| raw.get()) {
                if !list.contains(&said) {
                    list.push(said);
                }
            }
        }
        for cause in one.root_causes {
            let key = (cause.code.to_owned(), bytes_of(cause.subject.get()));
            causes.entry(key).or_default().push(cause);
        }
    }
    write!(out, "{{\"schema_version\":{SCHEMA_VERSION},\n\"tool\":{},\n\"loader\":", report::tool())?;
    write!(out, "{},\n\"other_loaders\":[{}]", loader.unwrap_or("null"), others.join(","))?;
    if let Some(mut head) = level3.flatten() {
        head.insert("in_force".to_owned(), json!(all.level3.in_force.clone().unwrap_or_default()));
        head.insert("totals".to_owned(), json!(all.level3.totals));
        write!(out, ",\n\"level3\":{}", Value::Object(head))?;
    }
    out.extend_from_slice(b",\n\"libraries\":");
    list(out, all.by_path.values())?;
    let totals = serde_json::to_string(&all.totals).map_err(io::Error::from)?;
    write!(out, ",\n\"totals\":{totals},\n\"root_causes\":")?;
    list(out, merged(causes).iter())?;
    out.extend_from_slice(b",\n\"unlisted\":");
    list(out, unlisted.iter())?;
    out.extend_from_slice(b"}\n");
    Ok(all.breaks())
}

/// How libraries were loaded: the head of level 3 without what follows from the libraries.
fn conditions(path: &Path, raw: &RawValue) -> Result<Map<String, Value>, Failure> {
    let mut head: Map<String, Value> =
        serde_json::from_str(raw.get()).map_err(|e| odd(path, &e.to_string()))?;
    head.remove("in_force");
    head.remove("totals");
    Ok(head)
}

fn list(out: &mut Vec<u8>, items: impl Iterator<Item = impl AsRef<str>>) -> io::Result<()> {
    out.push(b'[');
    for (i, item) in items.enumerate() {
        write!(out, "{}{}", if i > 0 { ",\n" } else { "\n" }, item.as_ref())?;
    }
    out.push(b']');
    Ok(())
}

/// Causes in the order of a report: most libraries first.
fn merged(causes: BTreeMap<(String, Vec<u8>), Vec<Cause<'_>>>) -> Vec<String> {
    let mut rows = Vec::new();
    for ((code, _), parts) in causes {
        let count: usize = parts.iter().map(|c| c.count).sum();
        let mut listed: Vec<(Vec<u8>, &str, &str)> = Vec::new();
        for part in &parts {
            listed.extend(part.libraries.iter().map(|l| (bytes_of(l.get()), l.get(), part.class)));
        }
        listed.sort();
        listed.dedup();
        let class = listed.first().map_or("broken", |(_, _, class)| class);
        let subject = parts.first().map_or("\"\"", |c| c.subject.get());
        let names: Vec<&str> = listed.iter().take(LISTED).map(|(_, raw, _)| *raw).collect();
        let row = format!(
            "{{\"code\":\"{code}\",\"subject\":{subject},\"class\":\"{class}\",\"count\":{count},\"libraries\":[{}]}}",
            names.join(",")
        );
        rows.push((std::cmp::Reverse(count), row));
    }
    // Those of the same count stay in the order of code and subject.
    rows.sort_by_key(|(count, _)| *count);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The bytes behind a JSON string of a report: a lone surrogate `\udcxx` is the byte xx.
fn bytes_of(raw: &str) -> Vec<u8> {
    let inside = raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')).unwrap_or(raw);
    let mut out = Vec::new();
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let code = escape.get(2..6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let (len, one) = match (escape.as_bytes().get(1), code) {
            (Some(b'u'), Some(code @ 0xdc80..=0xdcff)) => {
                out.push((code & 0xff) as u8);
                (6, None)
            }
            (Some(b'u'), Some(code)) => (6, char::from_u32(code)),
            (Some(b'n'), _) => (2, Some('\n')),
            (Some(other), _) => (2, Some(char::from(*other))),
            (None, _) => (1, None),
        };
        if let Some(c) = one {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        rest = escape.get(len..).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::super::report::ndjson::write_json_bytes;
    use super::*;

    #[test]
    fn strings_come_back_byte_by_byte() {
        for bytes in [&b"/usr/lib"[..], b"a\"b\\c\nd\x01\xff\x80e", "\u{e9}\u{2028}".as_bytes(), b""] {
            let mut raw = Vec::new();
            write_json_bytes(&mut raw, bytes).unwrap();
            assert_eq!(bytes_of(std::str::from_utf8(&raw).unwrap()), bytes);
        }
    }
}
