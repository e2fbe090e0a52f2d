//! The law of the architecture, read off the sources: who may use whom, where `unsafe` may be, how long a file may get.
//! What the compiler and clippy can enforce is not repeated here.
#![expect(clippy::disallowed_methods, reason = "a test of the sources reads the sources")]

use std::fs;
use std::path::{Path, PathBuf};

/// Hard limit of a source file, in lines.
const LONGEST: usize = 700;

/// `(who, must not use)`, as module paths. Whoever is listed is listed with everything below.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("analyzer", &["cli", "home", "loader"]),
    ("home", &["cli", "loader"]),
    ("loader", &["cli", "home"]),
    // The image reader sees a slice of bytes.
    ("analyzer::image", &["analyzer::host", "analyzer::search", "analyzer::link_map"]),
    // After the link map no path is searched, after the facts no file is read.
    ("analyzer::checks", &["analyzer::host", "analyzer::search", "analyzer::audit"]),
    ("analyzer::bind", &["analyzer::host", "analyzer::checks", "analyzer::audit"]),
    ("analyzer::link_map", &["analyzer::bind", "analyzer::checks", "analyzer::audit"]),
    ("analyzer::search", &["analyzer::link_map", "analyzer::bind", "analyzer::checks", "analyzer::audit"]),
    (
        "analyzer::host",
        &["analyzer::search", "analyzer::link_map", "analyzer::bind", "analyzer::checks", "analyzer::audit"],
    ),
    (
        "analyzer::model",
        &["analyzer::host", "analyzer::search", "analyzer::link_map", "analyzer::bind", "analyzer::checks"],
    ),
    // A report shows what the audit holds.
    ("cli::report", &["analyzer::host", "analyzer::search", "analyzer::image"]),
];

/// All the loader room may know of the analyzer.
const LOADER_KNOWS: &[&str] = &["analyzer::model", "analyzer::finding", "analyzer::verdict"];

/// The helper is loaded beside untrusted code: it carries none of these.
const HELPER: &[&str] = &["bin/tsuku-dltest.rs", "loader/universal/"];
const NOT_IN_HELPER: &[&str] = &["analyzer::", "rayon::", "clap::", "comfy_table::"];

/// The only files with `unsafe`.
const UNSAFE: &[&str] =
    &["analyzer/host/map.rs", "loader/seal.rs", "loader/portable.rs", "loader/universal/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(dir: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
    into.sort();
}

/// Path below `src/` and text of every source file that is not a file of unit tests.
fn sources() -> Vec<(String, String)> {
    let src = root().join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    assert!(!paths.is_empty(), "no sources below {}", src.display());
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("tests.rs"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(&src).unwrap().to_string_lossy().into_owned(), text)
    };
    paths.into_iter().map(read).collect()
}

/// The code of a file without its unit tests and comments, line by line.
fn code(text: &str) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    while let Some((number, line)) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            out.push((number, line.split("//").next().unwrap_or_default()));
            continue;
        }
        // The item behind the attribute: `mod tests;` on one line, or a block that rustfmt closes at the same depth.
        let indent = &line[..line.len() - line.trim_start().len()];
        let attribute = |line: &str| line.trim_start().starts_with("#[");
        let item = lines.by_ref().map(|(_, line)| line).find(|line| !attribute(line)).unwrap_or_default();
        if !item.trim_end().ends_with([';', '}']) {
            lines
                .by_ref()
                .find(|(_, line)| line.strip_prefix(indent).is_some_and(|rest| rest.starts_with('}')));
        }
    }
    out
}

/// `analyzer/host/real.rs` is the module `analyzer::host::real`.
fn module(file: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    if matches!(parts.last(), Some(&("mod" | "lib" | "main"))) {
        parts.pop();
    }
    parts
}

/// Every path of the crate that a file mentions, absolute, braces of `use` multiplied out.
fn mentions(file: &str, text: &str) -> Vec<String> {
    let flat: String = code(text).into_iter().map(|(_, line)| line).collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for start in ["crate::", "super::", "self::", "tsuku_verify::"] {
        for (at, _) in flat.match_indices(start) {
            // Not the middle of `super::super::` or of a longer word.
            if !flat[..at].ends_with(is_word) && !flat[..at].ends_with("::") {
                expand(&flat[at..], &[], &mut found);
            }
        }
    }
    found.into_iter().map(|path| absolute(file, &path)).collect()
}

/// Reads one path tree from the start of `text`; returns what follows it.
fn expand<'a>(text: &'a str, prefix: &[&'a str], found: &mut Vec<Vec<&'a str>>) -> &'a str {
    let mut path = prefix.to_vec();
    let mut rest = text.trim_start();
    loop {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end > 0 {
            path.push(&rest[..end]);
        }
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(more) if more.trim_start().starts_with('{') => {
                rest = more.trim_start().trim_start_matches('{');
                loop {
                    rest = expand(rest, &path, found).trim_start();
                    // An alias, or a glob, up to the next branch.
                    rest = rest.trim_start_matches(|c| c != ',' && c != '}');
                    match rest.strip_prefix(',') {
                        Some(more) if !more.trim_start().starts_with('}') => rest = more,
                        _ => {
                            return rest.trim_start_matches([',', ' ']).strip_prefix('}').unwrap_or(rest);
                        }
                    }
                }
            }
            Some(more) => rest = more,
            None => {
                found.push(path);
                return rest;
            }
        }
        if end == 0 {
            found.push(path);
            return rest;
        }
    }
}

fn absolute(file: &str, path: &[&str]) -> String {
    let mut base = module(file);
    let mut rest = path;
    match rest.first() {
        Some(&("crate" | "tsuku_verify")) => {
            base.clear();
            rest = &rest[1..];
        }
        Some(&"self") => rest = &rest[1..],
        _ => {}
    }
    while let Some((&"super", more)) = rest.split_first() {
        base.pop();
        rest = more;
    }
    base.extend(rest);
    base.join("::")
}

fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What in a file breaks the direction of dependencies.
fn wrong_directions(file: &str, text: &str) -> Vec<String> {
    let own = module(file).join("::");
    let mut wrong = Vec::new();
    for path in mentions(file, text) {
        for (who, targets) in FORBIDDEN.iter().filter(|(who, _)| is_within(&own, who)) {
            if targets.iter().any(|target| is_within(&path, target)) {
                wrong.push(format!("{file}: {who} must not use {path}"));
            }
        }
        let of_analyzer = is_within(&path, "analyzer") && path != "analyzer";
        if is_within(&own, "loader")
            && of_analyzer
            && !LOADER_KNOWS.iter().any(|known| is_within(&path, known))
        {
            wrong.push(format!("{file}: loader must not use {path}"));
        }
    }
    if HELPER.iter().any(|helper| file.starts_with(helper)) {
        for (number, line) in code(text) {
            if let Some(what) = NOT_IN_HELPER.iter().find(|what| line.contains(*what)) {
                wrong.push(format!("{file}:{number}: the helper must not use {what}"));
            }
        }
    }
    wrong
}

/// Lines with `word` as a whole word.
fn lines_with(text: &str, word: &str) -> Vec<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let whole = |line: &str| {
        line.match_indices(word)
            .any(|(at, _)| !line[..at].ends_with(is_word) && !line[at + word.len()..].starts_with(is_word))
    };
    code(text).into_iter().filter(|(_, line)| whole(line)).map(|(number, _)| number).collect()
}

/// An absolute path of somebody's machine. Put together here so that this file does not contain one.
fn machine_path(line: &str) -> bool {
    let roots = [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/")];
    let part_of_a_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | '/' | '*');
    roots.iter().any(|root| {
        line.match_indices(root).any(|(at, _)| {
            !line[..at].ends_with(part_of_a_path)
                && line[at + root.len()..].starts_with(|c: char| c.is_alphanumeric())
        })
    })
}

fn report(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn dependencies_point_one_way() {
    report(sources().iter().flat_map(|(file, text)| wrong_directions(file, text)).collect());
}

#[test]
fn the_direction_test_can_fail() {
    let wrong = |file, text| !wrong_directions(file, text).is_empty();
    assert!(wrong("analyzer/bind.rs", "use crate::loader::pool;"));
    assert!(wrong("analyzer/image/elf.rs", "use crate::{analyzer::{host::Host, model}, other};"));
    assert!(wrong("analyzer/image/elf.rs", "use super::super::host::Host;"));
    assert!(wrong("analyzer/checks/tls.rs", "fn f() { crate::analyzer::search::find(); }"));
    assert!(wrong("cli/report/json.rs", "use tsuku_verify::analyzer::host;"));
    assert!(wrong("loader/pool.rs", "use crate::analyzer::{model::Id, image::Facts};"));
    assert!(wrong("bin/tsuku-dltest.rs", "use clap::Parser;"));
    assert!(!wrong(
        "analyzer/image/elf.rs",
        "use super::limits::Limit; use crate::analyzer::model::{self, Id as I};"
    ));
    assert!(!wrong("analyzer/checks/tls.rs", "// crate::analyzer::search is not for us\n"));
    assert!(!wrong("analyzer/loader_model.rs", "use crate::analyzer::{loader_model_parts, names};"));
    assert!(!wrong("loader/pool.rs", "use crate::analyzer::{model::Id, verdict::*};"));
    assert!(!wrong("cli/cmd_verify.rs", "use crate::{analyzer, home, loader};"));
    assert!(!wrong("analyzer/bind.rs", "#[cfg(test)]\nmod tests {\n    use crate::cli;\n}\n"));
    assert!(wrong("analyzer/bind.rs", "#[cfg(test)]\nmod tests;\nuse crate::cli;\n"));
    assert!(wrong("analyzer/bind.rs", "#[cfg(test)]\nmod tests {\n}\nuse crate::cli;\n"));
}

#[test]
fn files_are_short() {
    let too_long = |(file, text): &(String, String)| {
        let lines = text.lines().count();
        (lines > LONGEST).then(|| format!("src/{file}: {lines} lines, the limit is {LONGEST}"))
    };
    report(sources().iter().filter_map(too_long).collect());
}

#[test]
fn every_file_says_what_it_is() {
    let silent = |(file, text): &(String, String)| {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        (!first.starts_with("//!")).then(|| format!("src/{file}: starts without a module doc"))
    };
    report(sources().iter().filter_map(silent).collect());
}

#[test]
fn the_analyzer_does_not_panic_on_purpose() {
    let mut wrong = Vec::new();
    for (file, text) in sources().iter().filter(|(file, _)| file.starts_with("analyzer")) {
        for (number, line) in code(text) {
            if [".unwrap(", "panic!("].iter().any(|call| line.contains(call)) {
                wrong.push(format!("src/{file}:{number}: {}", line.trim()));
            }
        }
    }
    report(wrong);
}

#[test]
fn unsafe_is_where_it_belongs() {
    let mut wrong = Vec::new();
    for (file, text) in
        sources().iter().filter(|(file, _)| !UNSAFE.iter().any(|place| file.starts_with(place)))
    {
        wrong.extend(
            lines_with(text, "unsafe").into_iter().map(|number| format!("src/{file}:{number}: unsafe")),
        );
    }
    report(wrong);
    assert_eq!(lines_with("#![deny(unsafe_code)]\nunsafe { x() }\n", "unsafe"), [2]);
}

/// Helpers are started in one place, which also ends them.
#[test]
fn processes_are_started_in_one_place() {
    let starts = |text: &str| [".spawn()", ".output()", ".status()"].iter().any(|call| text.contains(call));
    let mut found = Vec::new();
    // What has no command cannot start one, whatever else of it has a status.
    for (file, text) in sources().into_iter().filter(|(_, text)| text.contains("Command")) {
        found.extend(code(&text).iter().any(|(_, line)| starts(line)).then_some(file));
    }
    assert_eq!(found, ["loader/pool/process.rs"]);
}

/// What is written behind `SAFETY:` before an `unsafe`, or in the section `# Safety` of a function's doc.
fn contract(lines: &[&str], at: usize) -> Option<String> {
    let comment = |line: &str| {
        line.trim_start().strip_prefix("//").map(|c| c.trim_start_matches(['/', '!']).trim().to_owned())
    };
    let mut told = Vec::new();
    // The comment above the statement; the statement may have begun a few lines before.
    let mut above = lines[..at].iter().rev().take(12).skip_while(|line| comment(line).is_none());
    for text in above
        .by_ref()
        .map_while(|line| comment(line).or_else(|| line.trim().starts_with("#[").then(String::new)))
    {
        told.push(text);
    }
    told.reverse();
    let start = told.iter().position(|t| t.starts_with("SAFETY:") || t.starts_with("# Safety"))?;
    let text = told[start..].join(" ");
    Some(text.trim_start_matches("SAFETY:").trim_start_matches("# Safety").trim().to_owned())
}

/// Every `unsafe` with its contract, as a table.
fn inventory() -> String {
    let mut out = String::from(
        "# Unsafe code\n\nEvery block and what it rests on, read off the sources by `tests/tidy.rs`;\n\
         `TSUKU_WRITE_INVENTORY=1 cargo test --test tidy unsafe` writes it anew.\n\n| place | contract |\n|---|---|\n",
    );
    for (file, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for number in lines_with(&text, "unsafe") {
            // Declarations: the blocks that use them have the contracts.
            let line = lines[number - 1];
            if line.contains("unsafe extern") || line.contains("#[unsafe(") {
                continue;
            }
            let contract = contract(&lines, number - 1);
            let contract =
                contract.unwrap_or_else(|| panic!("src/{file}:{number}: unsafe without a contract"));
            out.push_str(&format!("| `src/{file}:{number}` | {} |\n", contract.replace('|', "\\|")));
        }
    }
    out
}

#[test]
fn unsafe_blocks_are_listed_with_their_contracts() {
    let place = root().join("docs/UNSAFE.md");
    let now = inventory();
    if std::env::var_os("TSUKU_WRITE_INVENTORY").is_some() {
        fs::write(&place, &now).unwrap();
    }
    let listed = fs::read_to_string(&place).unwrap_or_default();
    assert!(listed == now, "docs/UNSAFE.md is not what the sources say: see its head");
}

#[test]
fn no_path_of_one_machine() {
    let mut paths = Vec::new();
    for dir in ["src", "tests", "testdata", "scripts", ".ci", "benches", "docs", ".github", "xtask"] {
        files(&root().join(dir), &mut paths);
    }
    let top = fs::read_dir(root()).unwrap().filter_map(Result::ok).map(|entry| entry.path());
    paths.extend(top.filter(|path| path.extension().is_some_and(|ext| ext == "toml" || ext == "md")));
    let mut wrong = Vec::new();
    for path in paths {
        let bytes = fs::read(&path).unwrap();
        for (index, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            if machine_path(line) {
                wrong.push(format!("{}:{}: {}", path.display(), index + 1, line.trim()));
            }
        }
    }
    report(wrong);
    assert!(machine_path(concat!("cd /ho", "me/someone")));
    assert!(!machine_path("see src/home/layout.rs and $TSUKU_HOME/home/x"));
}
