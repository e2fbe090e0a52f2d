//! What a program was built with besides its sources: compiler, linker, C library. Bytes can be compared only where they are the same.
//! It must never name the machine, its user or a directory: a program's own first line about itself, or a version of a package.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::compile::rustc;
use crate::files;
use crate::manifest::Manifest;
use crate::problem::Problem;
use crate::targets::{MANIFEST, Platform};

/// Tool to what it says it is.
pub type Tools = BTreeMap<String, String>;

/// Name of the file that a build leaves beside a platform's program.
pub fn file_name(platform: &Platform) -> String {
    format!("tools-{}.json", platform.name)
}

/// Asks the tools of this machine.
///
/// # Errors
/// There is no compiler or no linker.
pub fn ask(platform: &Platform) -> Result<Tools, Problem> {
    let mut tools = Tools::new();
    let mut say = |name: &str, command: &mut Command| {
        let text = files::run(command.env("LC_ALL", "C"))?;
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
        tools.insert(name.to_owned(), line);
        Ok::<(), Problem>(())
    };
    say("rustc", Command::new(rustc()).arg("--version"))?;
    say("cc", Command::new("cc").arg("--version"))?;
    if platform.os() == "darwin" {
        say("sdk", Command::new("xcrun").args(["--sdk", "macosx", "--show-sdk-version"]))?;
        return Ok(tools);
    }
    say("ld", Command::new("ld").arg("--version"))?;
    // The package is exact; a system without dpkg names the release.
    let format = "--showformat=libc6-dev ${Version}, source ${source:Package} ${source:Version}\n";
    let package = say("libc", Command::new("dpkg-query").args(["--show", format, "libc6-dev"]));
    if package.is_err() {
        say("libc", Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    }
    Ok(tools)
}

/// Writes them beside a program.
///
/// # Errors
/// See `ask`.
pub fn record(platform: &Platform, dir: &Path) -> Result<Tools, Problem> {
    let tools = ask(platform)?;
    write(platform, dir, &tools)?;
    Ok(tools)
}

/// Writes what is known of a build.
///
/// # Errors
/// The file cannot be written.
pub fn write(platform: &Platform, dir: &Path, tools: &Tools) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(tools).expect("plain data") + "\n";
    files::write(&dir.join(file_name(platform)), text)
}

/// Reads it again.
///
/// # Errors
/// It is not there, or no such record.
pub fn read(platform: &Platform, dir: &Path) -> Result<Tools, Problem> {
    let path = dir.join(file_name(platform));
    serde_json::from_slice(&files::read(&path)?)
        .map_err(|e| Problem::Document { document: file_name(platform), what: e.to_string() })
}

/// What a platform's program in `dir` was built with, if a build or a manifest there says so.
pub fn recorded(platform: &Platform, dir: &Path) -> Option<Tools> {
    let from_manifest = || {
        let manifest: Manifest = serde_json::from_slice(&files::read(&dir.join(MANIFEST)).ok()?).ok()?;
        manifest.tools.get(&platform.name).cloned()
    };
    read(platform, dir).ok().or_else(from_manifest)
}

/// One line for each tool that is another there than here.
pub fn differences(there: &Tools, here: &Tools) -> Vec<String> {
    let names: BTreeSet<&String> = there.keys().chain(here.keys()).collect();
    let said =
        |tools: &Tools, name: &String| tools.get(name).cloned().unwrap_or_else(|| "nothing".to_owned());
    let lines = names.into_iter().filter(|name| there.get(*name) != here.get(*name));
    lines.map(|name| format!("{name}: {} here, {} there", said(here, name), said(there, name))).collect()
}

/// Stands for tools where a stand-in stands for a program.
pub fn stand_in() -> Tools {
    Tools::from([("stand-in".to_owned(), "nothing was built".to_owned())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::Targets;

    #[test]
    fn this_machine_says_what_it_builds_with() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let targets = Targets::read(&root).unwrap();
        let (platform, dir) = (targets.this_machine().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(recorded(platform, dir.path()), None);
        let tools = record(platform, dir.path()).unwrap();
        assert_eq!(read(platform, dir.path()).unwrap(), tools);
        assert_eq!(recorded(platform, dir.path()).as_ref(), Some(&tools));
        assert!(tools["rustc"].starts_with("rustc 1.") && !tools["cc"].is_empty(), "{tools:?}");
        let last = if platform.os() == "linux" { "libc" } else { "sdk" };
        let number = tools[last].rsplit(' ').next().unwrap();
        assert!(number.starts_with(|first: char| first.is_ascii_digit()), "{tools:?}");
        for text in tools.values() {
            assert!(!text.contains('\n') && !text.contains(dir.path().to_str().unwrap()), "{text}");
        }
        assert!(differences(&tools, &tools).is_empty());
        let mut other = tools.clone();
        other.insert(last.to_owned(), "0".to_owned());
        other.remove("cc");
        assert_eq!(
            differences(&other, &tools),
            [
                format!("cc: {} here, nothing there", tools["cc"]),
                format!("{last}: {} here, 0 there", tools[last])
            ]
        );
    }
}
