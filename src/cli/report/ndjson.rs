//! One JSON object a library, in the order of the input, one a line.
//! It must never lose a byte of a path or a message: what is no UTF-8 becomes lone surrogates, as Python's surrogateescape has it.
//! RFC 8259 for the syntax; serde_json for all that is certain to be UTF-8.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::probe;
use super::row::Row;
use crate::analyzer::audit::MissingSymbol;
use crate::analyzer::catalogue::{self, because, bytes_json};
use crate::analyzer::finding::{Finding, Severity};
use crate::analyzer::model::Death;
use crate::analyzer::verdict::Verdict;
use crate::loader::finding::ProbeFinding;

/// Missing symbols that are listed one by one; the count is always whole.
const LISTED_SYMBOLS: usize = 50;

/// Writes the objects of all libraries, one a line.
///
/// # Errors
/// The writer's.
pub fn lines(out: &mut dyn Write, rows: &[Row<'_>]) -> io::Result<()> {
    for row in rows {
        object(out, *row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes the object of one library, without a newline.
///
/// # Errors
/// The writer's.
pub fn object<'r>(out: &mut dyn Write, row: impl Into<Row<'r>>) -> io::Result<()> {
    let row = row.into();
    let library = row.library;
    let (verdict, message, dies) = parts(&library.judgement.verdict);
    out.write_all(b"{\"path\":")?;
    write_json_bytes(out, &library.path)?;
    write!(out, ",\"verdict\":\"{verdict}\",\"class\":")?;
    serde_json::to_writer(&mut *out, &library.class)?;
    out.write_all(b",\"message\":")?;
    match message {
        Some(message) => write_json_bytes(out, message)?,
        None => out.write_all(b"null")?,
    }
    let mut findings: Vec<Told> = library.judgement.findings.iter().map(Told::new).collect();
    // What decides comes first.
    let at = if row.breaks_when_loaded() { 0 } else { findings.len() };
    findings.splice(at..at, row.probe_findings().iter().map(Told::of_probe));
    out.write_all(b",\"dies\":")?;
    serde_json::to_writer(&mut *out, &dies.map(death))?;
    write!(out, ",\"level_reached\":{},\"because\":", row.level_reached())?;
    serde_json::to_writer(&mut *out, &library.because.as_ref().map(because::evidence))?;
    out.write_all(b",\"findings\":")?;
    serde_json::to_writer(&mut *out, &findings)?;
    out.write_all(b",\"missing_symbols\":")?;
    serde_json::to_writer(&mut *out, &missing(&library.missing))?;
    out.write_all(b",\"loader\":")?;
    serde_json::to_writer(&mut *out, &*library.loader)?;
    if let Some(probed) = row.probed {
        out.write_all(b",\"probe\":")?;
        probe::write(out, probed)?;
    }
    out.write_all(b"}")
}

/// Writes bytes as a JSON string from which Python's `os.fsencode` gives the same bytes back.
///
/// # Errors
/// The writer's.
pub fn write_json_bytes(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(b"\"")?;
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find(is_escaped) {
            let (plain, tail) = rest.split_at(at);
            out.write_all(plain.as_bytes())?;
            let mut chars = tail.chars();
            match chars.next() {
                Some('"') => out.write_all(b"\\\"")?,
                Some('\\') => out.write_all(b"\\\\")?,
                Some('\n') => out.write_all(b"\\n")?,
                Some(c) => write!(out, "\\u{:04x}", u32::from(c))?,
                None => {}
            }
            rest = chars.as_str();
        }
        out.write_all(rest.as_bytes())?;
        for byte in chunk.invalid() {
            write!(out, "\\udc{byte:02x}")?;
        }
    }
    out.write_all(b"\"")
}

fn is_escaped(c: char) -> bool {
    c.is_control() || matches!(c, '"' | '\\' | '\u{2028}' | '\u{2029}')
}

/// The verdict's word, the loader's sentence, the loader's death.
pub fn parts(verdict: &Verdict) -> (&'static str, Option<&[u8]>, Option<Death>) {
    match verdict {
        Verdict::Loads => ("loads", None, None),
        Verdict::Undecided => ("undecided", None, None),
        Verdict::Fails { message, dies } => ("fails", message.as_deref(), *dies),
    }
}

fn death(death: Death) -> Value {
    match death {
        Death::Abort => json!({"how": "abort", "signal": null}),
        Death::Hang => json!({"how": "hang", "signal": null}),
        Death::Signal(signal) => json!({"how": "signal", "signal": signal.name()}),
    }
}

/// One finding, its fields in the order of the report.
#[derive(Serialize)]
struct Told {
    code: &'static str,
    severity: Severity,
    level: u8,
    text: String,
    evidence: Value,
    hint: String,
}

impl Told {
    fn new(f: &Finding) -> Told {
        Told {
            code: f.code(),
            severity: f.severity(),
            level: f.level(),
            text: catalogue::text(f),
            evidence: catalogue::evidence(f),
            hint: catalogue::hint(f),
        }
    }

    fn of_probe(f: &ProbeFinding) -> Told {
        Told {
            code: f.code(),
            severity: f.severity(),
            level: 3,
            text: f.text(),
            evidence: f.evidence(),
            hint: f.hint().to_owned(),
        }
    }
}

/// Missing symbols: how many, and the first of them.
#[derive(Serialize)]
struct Missing {
    count: usize,
    first: Vec<MissingTold>,
}

#[derive(Serialize)]
struct MissingTold {
    name: Value,
    object: Value,
    version: Option<Value>,
}

fn missing(symbols: &[MissingSymbol]) -> Missing {
    let told = |s: &MissingSymbol| MissingTold {
        name: bytes_json(&s.name),
        object: bytes_json(&s.object),
        version: s.version.as_deref().map(bytes_json),
    };
    Missing { count: symbols.len(), first: symbols.iter().take(LISTED_SYMBOLS).map(told).collect() }
}

#[cfg(test)]
mod tests {
    use super::write_json_bytes;

    fn written(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        write_json_bytes(&mut out, bytes).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn utf8_is_itself_and_reads_back() {
        for text in ["/usr/lib/libä日.so", "a\"b\\c\nd\te\u{1}\u{7f}\u{2028}", "", "😀"] {
            assert_eq!(serde_json::from_str::<String>(&written(text.as_bytes())).unwrap(), text);
        }
    }

    #[test]
    fn other_bytes_are_lone_surrogates() {
        assert_eq!(written(b"a\xffb"), "\"a\\udcffb\"");
        // An encoded surrogate is no UTF-8: byte by byte, as Python does.
        assert_eq!(written(b"\xed\xb3\xbf"), "\"\\udced\\udcb3\\udcbf\"");
        assert_eq!(written(b"\xe6\x97"), "\"\\udce6\\udc97\"");
    }
}
