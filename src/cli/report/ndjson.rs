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
    write!(out, ",\"verdict\":\"{verdict}\",\"class\":{},\"message\":", json!(library.class))?;
    match message {
        Some(message) => write_json_bytes(out, message)?,
        None => out.write_all(b"null")?,
    }
    let mut findings: Vec<Told> = library.judgement.findings.iter().map(Told::new).collect();
    // What decides comes first.
    let at = if row.breaks_when_loaded() { 0 } else { findings.len() };
    findings.splice(at..at, row.probe_findings().iter().map(Told::of_probe));
    write!(
        out,
        ",\"dies\":{},\"level_reached\":{},\"because\":{},\"findings\":{},\"missing_symbols\":{},\"loader\":{}",
        dies.map_or(Value::Null, death),
        row.level_reached(),
        library.because.as_ref().map_or(Value::Null, because::evidence),
        serde_json::to_string(&findings)?,
        missing(&library.missing),
        json!(&*library.loader),
    )?;
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
        for c in chunk.valid().chars() {
            match c {
                '"' => out.write_all(b"\\\"")?,
                '\\' => out.write_all(b"\\\\")?,
                '\n' => out.write_all(b"\\n")?,
                c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                    write!(out, "\\u{:04x}", u32::from(c))?;
                }
                c => out.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?,
            }
        }
        for byte in chunk.invalid() {
            write!(out, "\\udc{byte:02x}")?;
        }
    }
    out.write_all(b"\"")
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

fn missing(symbols: &[MissingSymbol]) -> Value {
    let first: Vec<Value> = symbols
        .iter()
        .take(LISTED_SYMBOLS)
        .map(|s| {
            json!({
                "object": bytes_json(&s.object),
                "name": bytes_json(&s.name),
                "version": s.version.as_deref().map(bytes_json),
            })
        })
        .collect();
    json!({"count": symbols.len(), "first": first})
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
