//! Stubs of an SDK (`.tbd`): which library a stub stands for, what it exports and re-exports.
//! It must never follow a name out of the text, nor take more than a bounded time and depth: stubs are input like any other.
//! Formats: TBD version 4 (a small part of YAML) and version 5 (JSON), as LLVM's TextAPI writes them.

use std::collections::HashSet;

use serde_json::Value;

/// Largest stub that is read.
const LARGEST: usize = 64 << 20;
/// Deepest nesting of the text; the format has four levels.
const DEEPEST: usize = 12;

/// One library of a stub file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stub {
    /// The install name.
    pub name: String,
    /// Everything it exports under its own name, for the targets asked for.
    pub exports: HashSet<String>,
    /// Libraries whose exports are its exports too.
    pub reexports: Vec<String>,
}

/// Reads all libraries of a stub file for one target (`arm64-macos`). None if it is no stub this reader knows.
pub fn read(text: &[u8], target: &str) -> Option<Vec<Stub>> {
    if text.len() > LARGEST {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    if text.trim_start().starts_with('{') {
        return json(&serde_json::from_str(text).ok()?, target);
    }
    let mut stubs = Vec::new();
    for document in documents(text) {
        let value = Yaml::document(document)?;
        stubs.push(yaml_stub(&value, target)?);
    }
    (!stubs.is_empty()).then_some(stubs)
}

fn documents(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("---") || line.trim_end() == "..." {
            out.push(text.get(start..at).unwrap_or_default());
            start = at + line.len();
        }
        at += line.len();
    }
    out.push(text.get(start..).unwrap_or_default());
    out.retain(|d| !d.trim().is_empty());
    out
}

/// `arm64e-macos` is what libraries of the system are built for: a process that is arm64 takes them.
fn fits(target: &str, wanted: &str) -> bool {
    let one = |t: &str| t == wanted || (wanted == "arm64-macos" && t == "arm64e-macos");
    one(target) || (wanted == "x86_64-macos" && target == "x86_64h-macos")
}

/// Names a key of the format stands for.
fn symbols(key: &str, name: &str, out: &mut HashSet<String>) {
    match key {
        "objc-classes" | "objc_class" => {
            out.insert(format!("_OBJC_CLASS_$_{name}"));
            out.insert(format!("_OBJC_METACLASS_$_{name}"));
        }
        "objc-eh-types" | "objc_eh_type" => {
            out.insert(format!("_OBJC_EHTYPE_$_{name}"));
        }
        "objc-ivars" | "objc_ivar" => {
            out.insert(format!("_OBJC_IVAR_$_{name}"));
        }
        "symbols" | "weak-symbols" | "thread-local-symbols" | "global" | "weak" | "thread_local" => {
            out.insert(name.to_owned());
        }
        _ => {}
    }
}

fn yaml_stub(value: &Yaml, target: &str) -> Option<Stub> {
    // Earlier versions of the format name architectures, not targets.
    (value.get("tbd-version")?.text()? == "4").then_some(())?;
    let mut stub = Stub { name: value.get("install-name")?.text()?.to_owned(), ..Stub::default() };
    let for_target = |entry: &Yaml| {
        entry
            .get("targets")
            .is_some_and(|t| t.list().iter().any(|t| t.text().is_some_and(|t| fits(t, target))))
    };
    for section in ["exports", "reexports"] {
        for entry in value.get(section).map(Yaml::list).unwrap_or_default().iter().filter(|e| for_target(e)) {
            let Yaml::Map(fields) = entry else { continue };
            for (key, names) in fields {
                names.list().iter().filter_map(Yaml::text).for_each(|n| symbols(key, n, &mut stub.exports));
            }
        }
    }
    for entry in value.get("reexported-libraries").map(Yaml::list).unwrap_or_default() {
        if for_target(entry) {
            let names = entry.get("libraries").map(Yaml::list).unwrap_or_default();
            stub.reexports.extend(names.iter().filter_map(Yaml::text).map(str::to_owned));
        }
    }
    Some(stub)
}

fn json(value: &Value, target: &str) -> Option<Vec<Stub>> {
    (value.get("tapi_tbd_version")?.as_u64()? == 5).then_some(())?;
    let more = value.get("libraries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let all = std::iter::once(value.get("main_library")?).chain(more);
    Some(all.filter_map(|library| json_stub(library, target)).collect())
}

fn json_stub(library: &Value, target: &str) -> Option<Stub> {
    let list = |value: &Value, key: &str| -> Vec<Value> {
        value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let name = list(library, "install_names").first()?.get("name")?.as_str()?.to_owned();
    let mut stub = Stub { name, ..Stub::default() };
    let for_target = |entry: &Value| {
        let targets = list(entry, "targets");
        targets.is_empty() || targets.iter().any(|t| t.as_str().is_some_and(|t| fits(t, target)))
    };
    for section in ["exported_symbols", "reexported_symbols"] {
        for entry in list(library, section).iter().filter(|e| for_target(e)) {
            for part in ["data", "text"] {
                let fields = entry.get(part).and_then(Value::as_object);
                for (key, names) in fields.into_iter().flatten() {
                    let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
                    names.for_each(|n| symbols(key, n, &mut stub.exports));
                }
            }
        }
    }
    for entry in list(library, "reexported_libraries").iter().filter(|e| for_target(e)) {
        let names = list(entry, "names");
        stub.reexports.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    Some(stub)
}

/// The part of YAML that stubs are written in.
#[derive(Debug, PartialEq)]
enum Yaml {
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    fn get(&self, key: &str) -> Option<&Yaml> {
        match self {
            Yaml::Map(fields) => fields.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Yaml::Text(text) => Some(text),
            _ => None,
        }
    }

    fn list(&self) -> &[Yaml] {
        match self {
            Yaml::List(items) => items,
            _ => &[],
        }
    }

    fn document(text: &str) -> Option<Yaml> {
        let mut lines: Vec<(usize, &str)> = Vec::new();
        for line in text.lines() {
            let content = line.trim_start();
            if !content.is_empty() && !content.starts_with('#') {
                lines.push((line.len() - content.len(), content.trim_end()));
            }
        }
        let mut reader = Reader { lines, next: 0 };
        let indent = reader.lines.first()?.0;
        let value = reader.block(indent, 0)?;
        (reader.next == reader.lines.len()).then_some(value)
    }
}

/// Lines with their indentation.
struct Reader<'t> {
    lines: Vec<(usize, &'t str)>,
    next: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<(usize, &'t str)> {
        self.lines.get(self.next).copied()
    }

    /// A map or a list whose lines have this indentation.
    fn block(&mut self, indent: usize, depth: usize) -> Option<Yaml> {
        if depth > DEEPEST {
            return None;
        }
        let is_item = |text: &str| text == "-" || text.starts_with("- ");
        if self.peek().is_some_and(|(_, text)| is_item(text)) {
            let mut items = Vec::new();
            while let Some((at, text)) = self.peek().filter(|(at, text)| *at == indent && is_item(text)) {
                // What stands behind the dash begins a block of its own, further in.
                let inner = text.get(1..).unwrap_or_default();
                let content = inner.trim_start();
                let deeper = at + text.len() - content.len();
                if content.is_empty() {
                    self.next += 1;
                    let below = self.peek().filter(|(at, _)| *at > indent)?.0;
                    items.push(self.block(below, depth + 1)?);
                } else {
                    *self.lines.get_mut(self.next)? = (deeper, content);
                    items.push(self.block(deeper, depth + 1)?);
                }
            }
            return Some(Yaml::List(items));
        }
        let mut fields = Vec::new();
        while let Some((_, text)) = self.peek().filter(|(at, text)| *at == indent && !is_item(text)) {
            let Some((key, rest)) = key(text) else {
                // A value that stands alone.
                return if fields.is_empty() { self.value(text) } else { None };
            };
            self.next += 1;
            let value = match rest {
                "" => match self.peek() {
                    Some((at, text)) if at > indent || (at == indent && is_item(text)) => {
                        self.block(at, depth + 1)?
                    }
                    _ => Yaml::Text(String::new()),
                },
                rest => {
                    self.next -= 1;
                    self.value(rest)?
                }
            };
            fields.push((key.to_owned(), value));
        }
        Some(Yaml::Map(fields))
    }

    /// A scalar, or a flow list that may go on over lines. The current line is used up.
    fn value(&mut self, first: &str) -> Option<Yaml> {
        self.next += 1;
        if !first.starts_with('[') {
            return Some(Yaml::Text(unquoted(first)));
        }
        let mut items = Vec::new();
        let mut rest = first.get(1..)?.to_owned();
        loop {
            if flow_items(&rest, &mut items)? {
                return Some(Yaml::List(items));
            }
            rest = self.peek()?.1.to_owned();
            self.next += 1;
        }
    }
}

/// `key: rest`; the keys of stubs are words.
fn key(text: &str) -> Option<(&str, &str)> {
    let (key, rest) = text.split_once(':')?;
    let word = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    (word && (rest.is_empty() || rest.starts_with(' '))).then(|| (key, rest.trim()))
}

/// Takes the items of one line of a flow list; whether the list ends on it.
fn flow_items(line: &str, items: &mut Vec<Yaml>) -> Option<bool> {
    let mut rest = line.trim_start();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        match rest.chars().next() {
            None => return Some(false),
            Some(']') => return Some(true),
            Some('[' | '{') => return None,
            Some(quote @ ('\'' | '"')) => {
                let end = rest.get(1..)?.find(quote)? + 1;
                items.push(Yaml::Text(rest.get(1..end)?.to_owned()));
                rest = rest.get(end + 1..)?;
            }
            Some(_) => {
                let end = rest.find([',', ']']).unwrap_or(rest.len());
                items.push(Yaml::Text(rest.get(..end)?.trim().to_owned()));
                rest = rest.get(end..)?;
            }
        }
    }
}

fn unquoted(text: &str) -> String {
    let inner = |quote: char| text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote));
    inner('\'').or_else(|| inner('"')).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: &str = "--- !tapi-tbd
tbd-version:     4
targets:         [ x86_64-macos, arm64e-macos ]
uuids:
  - target:          x86_64-macos
    value:           00000000-0000-0000-0000-000000000000
install-name:    '/usr/lib/libz.1.dylib'
current-version: 1.2.12
reexported-libraries:
  - targets:         [ arm64e-macos ]
    libraries:       [ '/usr/lib/system/liba.dylib', \"/usr/lib/system/libb.dylib\" ]
exports:
  - targets:         [ x86_64-macos ]
    symbols:         [ _only_intel ]
  - targets:         [ x86_64-macos, arm64e-macos ]
    symbols:         [ _adler32, '_odd$name',
                       _compress ]
    weak-symbols:    [ __ZTI1A ]
    objc-classes:    [ Foo ]
--- !tapi-tbd
tbd-version: 4
targets: [ arm64-macos ]
install-name: /usr/lib/second.dylib
...
";

    #[test]
    fn version_four() {
        let stubs = read(FOUR.as_bytes(), "arm64-macos").unwrap();
        assert_eq!(stubs.len(), 2);
        let z = &stubs[0];
        assert_eq!(z.name, "/usr/lib/libz.1.dylib");
        assert_eq!(z.reexports, ["/usr/lib/system/liba.dylib", "/usr/lib/system/libb.dylib"]);
        for name in
            ["_adler32", "_odd$name", "_compress", "__ZTI1A", "_OBJC_CLASS_$_Foo", "_OBJC_METACLASS_$_Foo"]
        {
            assert!(z.exports.contains(name), "{name}");
        }
        assert!(!z.exports.contains("_only_intel"));
        assert!(read(FOUR.as_bytes(), "x86_64-macos").unwrap()[0].exports.contains("_only_intel"));
    }

    #[test]
    fn version_five() {
        let text = r#"{"main_library": {"install_names": [{"name": "/usr/lib/libq.dylib"}],
            "exported_symbols": [{"targets": ["arm64-macos"], "text": {"global": ["_q"]}, "data": {"objc_class": ["Q"]}},
                                 {"targets": ["x86_64-macos"], "text": {"global": ["_intel"]}}],
            "reexported_libraries": [{"names": ["/usr/lib/libr.dylib"]}]},
            "libraries": [{"install_names": [{"name": "/usr/lib/libr.dylib"}]}], "tapi_tbd_version": 5}"#;
        let stubs = read(text.as_bytes(), "arm64-macos").unwrap();
        assert_eq!(
            stubs.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
            ["/usr/lib/libq.dylib", "/usr/lib/libr.dylib"]
        );
        assert!(stubs[0].exports.contains("_q") && stubs[0].exports.contains("_OBJC_CLASS_$_Q"));
        assert!(!stubs[0].exports.contains("_intel"));
        assert_eq!(stubs[0].reexports, ["/usr/lib/libr.dylib"]);
    }

    #[test]
    fn garbage_is_no_stub_and_ends() {
        let deep = format!("a:\n{}", (1..5000).map(|n| format!("{}b:\n", " ".repeat(n))).collect::<String>());
        let dashes = format!("{}x", "- ".repeat(20_000));
        for text in
            ["", "---\n", "a: [ b", "a: [ [ b ] ]", "- - - a", "{}", "[1", deep.as_str(), dashes.as_str()]
        {
            assert!(read(text.as_bytes(), "arm64-macos").is_none());
        }
        assert!(read(b"\xff", "arm64-macos").is_none());
        assert!(
            read(FOUR.replace("tbd-version:     4", "tbd-version: 3").as_bytes(), "arm64-macos").is_none()
        );
    }
}
