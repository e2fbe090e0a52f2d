//! Reads `state.json`: which tools and libraries tsuku believes to have installed, in every form it was ever written.
//! It must never lock, create or write anything, nor fail for a field it does not know.
//! Follows tsuku's reader: key names in any case, null as empty, a tool's old `version` as its active one.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::analyzer::errno::Errno;
use crate::analyzer::host::{Host, Opened};

/// Why a state file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It cannot be read.
    #[error("cannot read {}: {errno}", path.escape_ascii())]
    Unreadable {
        /// Its path.
        path: Vec<u8>,
        /// Why.
        errno: Errno,
    },
    /// It is no regular file, or changed while it was read.
    #[error("{} is no regular file, or is being written", path.escape_ascii())]
    NotAFile {
        /// Its path.
        path: Vec<u8>,
    },
    /// It is no JSON.
    #[error("{} is not JSON: {problem}", path.escape_ascii())]
    Syntax {
        /// Its path.
        path: Vec<u8>,
        /// What the parser says.
        problem: String,
    },
    /// A part of it has another type than tsuku writes.
    #[error("{}: {place} should be {wanted}", path.escape_ascii())]
    Shape {
        /// Its path.
        path: Vec<u8>,
        /// The part.
        place: String,
        /// The type.
        wanted: &'static str,
    },
}

/// What tsuku believes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The file was there.
    pub present: bool,
    /// Tools by name.
    pub tools: BTreeMap<String, Tool>,
    /// Libraries by name and version.
    pub libraries: BTreeMap<String, BTreeMap<String, Library>>,
}

/// One tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tool {
    /// The version in use.
    pub active: Option<String>,
    /// All versions.
    pub versions: BTreeMap<String, ToolVersion>,
    /// Libraries it runs with.
    pub runtime_dependencies: Vec<String>,
    /// Made visible only to other tools.
    pub hidden: bool,
    /// The entry is of the time before versions were recorded.
    pub legacy: bool,
}

/// One version of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolVersion {
    /// Its programs, as paths inside its directory or bare names.
    pub binaries: Vec<String>,
    /// SHA-256 of files, in base 16.
    pub checksums: BTreeMap<String, String>,
}

/// One version of a library.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Library {
    /// `tool-version` of its users.
    pub used_by: Vec<String>,
    /// SHA-256 of files, in base 16; none if nothing was recorded.
    pub checksums: Option<BTreeMap<String, String>>,
    /// Names of its files for the loader.
    pub sonames: Vec<String>,
}

/// Reads the file at `path`. A missing one is an empty state.
///
/// # Errors
/// It is there but cannot be read or understood.
pub fn read<'h>(host: &dyn Host<'h>, path: &[u8]) -> Result<State, StateError> {
    match host.open(path) {
        Err(Errno::ENOENT) => Ok(State::default()),
        Err(errno) => Err(StateError::Unreadable { path: path.to_vec(), errno }),
        Ok(Opened::File(_, bytes)) => parse(path, bytes),
        Ok(Opened::Other(_) | Opened::Changed(_)) => Err(StateError::NotAFile { path: path.to_vec() }),
    }
}

/// Understands the contents of the file.
///
/// # Errors
/// They are no JSON, or no state.
pub fn parse(path: &[u8], bytes: &[u8]) -> Result<State, StateError> {
    // tsuku's reader takes what is no UTF-8 as U+FFFD.
    let value: Value = serde_json::from_str(&String::from_utf8_lossy(bytes))
        .map_err(|e| StateError::Syntax { path: path.to_vec(), problem: e.to_string() })?;
    let reader = Reader { path };
    let root = reader.object(&value, "the file")?;
    let mut state = State { present: true, ..State::default() };
    for (name, tool) in reader.entries(root, "installed", "")? {
        state.tools.insert(name.clone(), reader.tool(tool, &format!("installed.{name}"))?);
    }
    for (name, versions) in reader.entries(root, "libs", "")? {
        let place = format!("libs.{name}");
        let versions = reader.object(versions, &place)?;
        let table = state.libraries.entry(name.clone()).or_default();
        for (version, library) in versions.iter() {
            table.insert(version.clone(), reader.library(library, &format!("{place}.{version}"))?);
        }
    }
    Ok(state)
}

struct Reader<'p> {
    path: &'p [u8],
}

/// What stands for null.
static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

impl Reader<'_> {
    fn shape(&self, place: &str, wanted: &'static str) -> StateError {
        StateError::Shape { path: self.path.to_vec(), place: place.to_owned(), wanted }
    }

    fn object<'v>(&self, value: &'v Value, place: &str) -> Result<&'v Map<String, Value>, StateError> {
        match value {
            Value::Null => Ok(&EMPTY),
            Value::Object(map) => Ok(map),
            _ => Err(self.shape(place, "an object")),
        }
    }

    fn entries<'v>(
        &self,
        map: &'v Map<String, Value>,
        field: &str,
        place: &str,
    ) -> Result<&'v Map<String, Value>, StateError> {
        let place = if place.is_empty() { field.to_owned() } else { format!("{place}.{field}") };
        self.object(get(map, field), &place)
    }

    fn text(&self, map: &Map<String, Value>, field: &str, place: &str) -> Result<Option<String>, StateError> {
        match get(map, field) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone()).filter(|t| !t.is_empty())),
            _ => Err(self.shape(&format!("{place}.{field}"), "a string")),
        }
    }

    fn texts(&self, map: &Map<String, Value>, field: &str, place: &str) -> Result<Vec<String>, StateError> {
        let wrong = || self.shape(&format!("{place}.{field}"), "a list of strings");
        match get(map, field) {
            Value::Null => Ok(Vec::new()),
            Value::Array(all) => all
                .iter()
                .map(|v| match v {
                    Value::String(text) => Ok(text.clone()),
                    Value::Null => Ok(String::new()),
                    _ => Err(wrong()),
                })
                .collect(),
            _ => Err(wrong()),
        }
    }

    fn sums(
        &self,
        map: &Map<String, Value>,
        field: &str,
        place: &str,
    ) -> Result<BTreeMap<String, String>, StateError> {
        let table = self.entries(map, field, place)?;
        let wrong = || self.shape(&format!("{place}.{field}"), "an object of strings");
        let pair = |(key, value): (&String, &Value)| match value {
            Value::String(sum) => Ok((key.clone(), sum.clone())),
            Value::Null => Ok((key.clone(), String::new())),
            _ => Err(wrong()),
        };
        table.iter().map(pair).collect()
    }

    fn flag(&self, map: &Map<String, Value>, field: &str, place: &str) -> Result<bool, StateError> {
        match get(map, field) {
            Value::Null => Ok(false),
            Value::Bool(b) => Ok(*b),
            _ => Err(self.shape(&format!("{place}.{field}"), "true or false")),
        }
    }

    fn tool(&self, value: &Value, place: &str) -> Result<Tool, StateError> {
        let map = self.object(value, place)?;
        let mut tool = Tool {
            active: self.text(map, "active_version", place)?,
            versions: BTreeMap::new(),
            runtime_dependencies: self.texts(map, "runtime_dependencies", place)?,
            hidden: self.flag(map, "is_hidden", place)?,
            legacy: false,
        };
        for (version, v) in self.entries(map, "versions", place)? {
            let place = format!("{place}.versions.{version}");
            let v = self.object(v, &place)?;
            let binaries = self.texts(v, "binaries", &place)?;
            let checksums = self.sums(v, "binary_checksums", &place)?;
            tool.versions.insert(version.clone(), ToolVersion { binaries, checksums });
        }
        let old = self.text(map, "version", place)?;
        if let (None, Some(version)) = (&tool.active, old) {
            let binaries = self.texts(map, "binaries", place)?;
            tool.versions
                .entry(version.clone())
                .or_insert(ToolVersion { binaries, checksums: BTreeMap::new() });
            tool.active = Some(version);
            tool.legacy = true;
        }
        Ok(tool)
    }

    fn library(&self, value: &Value, place: &str) -> Result<Library, StateError> {
        let map = self.object(value, place)?;
        let checksums = match get(map, "checksums") {
            Value::Null => None,
            _ => Some(self.sums(map, "checksums", place)?).filter(|sums| !sums.is_empty()),
        };
        Ok(Library {
            used_by: self.texts(map, "used_by", place)?,
            checksums,
            sonames: self.texts(map, "sonames", place)?,
        })
    }
}

/// A field by its name, or else by its name in another case; null if there is none.
fn get<'v>(map: &'v Map<String, Value>, field: &str) -> &'v Value {
    map.get(field)
        .or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(field)).map(|(_, v)| v))
        .unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::host::memory::{MemoryHost, Node};

    fn parsed(text: &str) -> Result<State, StateError> {
        parse(b"/h/state.json", text.as_bytes())
    }

    #[test]
    fn every_empty_form_is_an_empty_state() {
        for text in ["{}", "null", r#"{"installed":null}"#, r#"{"libs":null,"llm_usage":{"x":1}}"#] {
            let state = parsed(text).unwrap();
            assert!(state.present && state.tools.is_empty() && state.libraries.is_empty(), "{text}");
        }
        let host = MemoryHost::new().with("/h", Node::Dir);
        assert_eq!(read(&&host, b"/h/state.json").unwrap(), State::default());
    }

    #[test]
    fn wrong_types_are_named_with_their_place() {
        assert!(matches!(parsed("[]"), Err(StateError::Shape { .. })));
        assert!(matches!(parsed("{"), Err(StateError::Syntax { .. })));
        assert!(matches!(parsed(""), Err(StateError::Syntax { .. })));
        let wrong = parsed(r#"{"libs":{"z":{"1":{"sonames":"x"}}}}"#).unwrap_err();
        assert_eq!(wrong.to_string(), "/h/state.json: libs.z.1.sonames should be a list of strings");
        let host = MemoryHost::new().with("/h/state.json", Node::Fifo);
        assert!(matches!(read(&&host, b"/h/state.json"), Err(StateError::NotAFile { .. })));
    }

    #[test]
    fn bytes_that_are_no_text_are_read_as_tsuku_reads_them() {
        let state = parse(b"/h/state.json", b"{\"libs\":{\"z\xff\":{\"1\":{}}}}").unwrap();
        assert!(state.libraries.contains_key("z\u{fffd}"));
    }

    #[test]
    fn old_tools_get_their_version() {
        let text = r#"{"installed":{"kubectl":{"version":"1.29.0","is_explicit":true,"required_by":[],"binaries":["kubectl"]}}}"#;
        let state = parsed(text).unwrap();
        let tool = state.tools.get("kubectl").unwrap();
        assert!(tool.legacy);
        assert_eq!(tool.active.as_deref(), Some("1.29.0"));
        assert_eq!(tool.versions.get("1.29.0").unwrap().binaries, ["kubectl"]);
    }

    #[test]
    fn keys_may_be_written_in_any_case_and_parts_may_be_missing() {
        let text = r#"{"Libs":{"zlib":{"1.3":{"Used_By":null},"1.2":{}, "1.1":null},"none":null},"new":[1]}"#;
        let state = parsed(text).unwrap();
        let zlib = state.libraries.get("zlib").unwrap();
        assert_eq!(zlib.len(), 3);
        assert!(zlib.values().all(|l| l.checksums.is_none() && l.used_by.is_empty()));
        assert!(state.libraries.get("none").unwrap().is_empty());
    }

    #[test]
    fn a_whole_entry_is_read() {
        let text = r#"{"libs":{"z":{"1":{"used_by":["jq-1"],"checksums":{"lib/a":"00"},"sonames":["a"]}}},
            "installed":{"jq":{"active_version":"1","versions":{"1":{"binaries":["bin/jq"],"binary_checksums":{"bin/jq":"11"}}},
            "version":"0","runtime_dependencies":["z"],"is_hidden":false}}}"#;
        let state = parsed(text).unwrap();
        let z = &state.libraries["z"]["1"];
        assert_eq!((z.used_by.len(), z.sonames.len(), z.checksums.as_ref().unwrap().len()), (1, 1, 1));
        let jq = &state.tools["jq"];
        assert!(!jq.legacy && jq.versions.len() == 1 && jq.runtime_dependencies == ["z"]);
        assert_eq!(jq.versions["1"].checksums["bin/jq"], "11");
    }
}
