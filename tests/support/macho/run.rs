//! Builds a case in a directory of its own, asks `tsuku-verify` under every loader the case names, and compares.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::build::{self, Image};
use super::case::{Case, Expectation, Step};
use super::edit::{self, MachO, number};

/// The loader a case is judged by if it names none.
const DEFAULT_LOADER: &str = "macos-14-arm64";

/// Judges one case; the disagreements, none if all is as written.
///
/// # Errors
/// The case itself is broken.
pub fn judge(linker: &Path, path: &Path) -> Result<Vec<String>, String> {
    let case = Case::read(path)?;
    // The path is part of the expected text: it must be the one the kernel tells.
    let mut built = tempfile::Builder::new().prefix("tsuku-macho-").tempdir().map_err(|e| e.to_string())?;
    let dir = fs::canonicalize(built.path()).map_err(|e| e.to_string())?;
    for step in &case.steps {
        apply(linker, &dir, step)?;
    }
    let mut wrong = Vec::new();
    for expected in &case.expects {
        let default = [DEFAULT_LOADER.to_owned()];
        let loaders = if expected.loaders.is_empty() { default.as_slice() } else { &expected.loaders };
        for loader in loaders {
            if let Some(difference) = compare(&dir, &case, expected, loader)? {
                wrong.push(format!("  under {loader}: {difference}"));
            }
        }
    }
    if std::env::var_os("TSUKU_TEST_KEEP").is_some_and(|keep| keep == "1") {
        built.disable_cleanup(true);
        wrong.iter_mut().for_each(|text| text.push_str(&format!("\n  in {}", dir.display())));
    }
    Ok(wrong)
}

fn apply(linker: &Path, dir: &Path, step: &Step) -> Result<(), String> {
    let text = |e: std::io::Error| e.to_string();
    let parent = |path: &str| -> Result<PathBuf, String> {
        let full = dir.join(path);
        fs::create_dir_all(full.parent().unwrap_or(dir)).map_err(text)?;
        Ok(full)
    };
    match step {
        Step::Image(image) => {
            let image = placed(image, dir);
            build::build(linker, dir, &image)?;
            let upward: Vec<&String> = image.needs.iter().filter(|n| n.1 == "upward").map(|n| &n.0).collect();
            if upward.is_empty() {
                return Ok(());
            }
            let full = dir.join(&image.path);
            let mut file = MachO { bytes: fs::read(&full).map_err(text)? };
            upward.into_iter().try_for_each(|name| file.upward(name))?;
            file.sign()?;
            fs::write(full, file.bytes).map_err(text)
        }
        Step::Fat(output, slices, wide) => {
            let read = |slice: &String| fs::read(dir.join(slice)).map_err(|e| format!("{slice}: {e}"));
            let slices = slices.iter().map(read).collect::<Result<Vec<_>, _>>()?;
            fs::write(parent(output)?, edit::fat(&slices, *wide)?).map_err(text)
        }
        Step::Edit(path, words, signed) => {
            let full = dir.join(path);
            let mut file = MachO { bytes: fs::read(&full).map_err(|e| format!("{path}: {e}"))? };
            change(&mut file, words)?;
            if *signed {
                file.sign()?;
            }
            fs::write(full, file.bytes).map_err(text)
        }
        Step::Write(path, bytes) => {
            let bytes: Vec<u8> = bytes.chars().map(|c| c as u8).collect();
            fs::write(parent(path)?, bytes).map_err(text)
        }
        Step::Symlink(path, target) => symlink(target, parent(path)?).map_err(text),
        Step::Copy(from, to) => fs::copy(dir.join(from), parent(to)?).map(drop).map_err(text),
        Step::Dir(path) => fs::create_dir_all(dir.join(path)).map_err(text),
    }
}

/// `{D}` in names is the directory of the case.
fn placed(image: &Image, dir: &Path) -> Image {
    let place = |text: &mut String| *text = text.replace("{D}", &dir.display().to_string());
    let mut image = image.clone();
    image.id.as_mut().map(place);
    image.rpaths.iter_mut().for_each(place);
    image.needs.iter_mut().for_each(|(name, _)| place(name));
    image.calls.iter_mut().chain(&mut image.data).for_each(place);
    image
}

fn change(file: &mut MachO, words: &[String]) -> Result<(), String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["set", place, value] => file.set(place, value),
        ["replace", old, new] => file.replace(old, new),
        ["truncate", size] => {
            file.bytes.truncate(number(size)? as usize);
            Ok(())
        }
        ["byte", at, value] => {
            let at = number(at)? as usize;
            *file.bytes.get_mut(at).ok_or("byte outside the file")? = number(value)? as u8;
            Ok(())
        }
        ["import", name, "strong"] => file.import(name, None),
        ["import", name, "ordinal", ordinal] => file.import(name, Some(number(ordinal)?)),
        ["table", what, at, value] => {
            let at = file.table(what)? + number(at)? as usize;
            *file.bytes.get_mut(at).ok_or("outside the file")? = number(value)? as u8;
            Ok(())
        }
        ["shift", by] => file.shift(number(by)? as usize),
        other => Err(format!("unknown edit {other:?}")),
    }
}

/// `{D}` the directory, `{U:PATH}` the UUID of a built image, `{N:PATH:CMD}` the number of a load command,
/// `{S:PATH:FIELD}` a field of the command that names the signature.
fn expand(dir: &Path, text: &str) -> Result<String, String> {
    let mut text = text.replace("{D}", &dir.display().to_string());
    for mark in ["{N:", "{S:"] {
        while let Some(start) = text.find(mark) {
            let end = text.get(start..).and_then(|t| t.find('}')).ok_or("{ not closed")? + start;
            let (path, what) = text[start + 3..end].split_once(':').ok_or("PATH:WHAT")?;
            let file = MachO { bytes: fs::read(dir.join(path)).map_err(|e| format!("{path}: {e}"))? };
            let what = number(what)?;
            let value = match mark {
                "{N:" => file.number(what)?.to_string(),
                _ => format!("0x{:08X}", file.get(file.command(0x1d, 0)? + what as usize, 4)?),
            };
            text.replace_range(start..=end, &value);
        }
    }
    while let Some(start) = text.find("{U:") {
        let end = text.get(start..).and_then(|t| t.find('}')).ok_or("{U: not closed")? + start;
        let path = text.get(start + 3..end).unwrap_or_default().to_owned();
        let bytes = fs::read(dir.join(&path)).map_err(|e| format!("{path}: {e}"))?;
        text.replace_range(start..=end, &MachO { bytes }.uuid()?);
    }
    Ok(text)
}

fn compare(dir: &Path, case: &Case, expected: &Expectation, loader: &str) -> Result<Option<String>, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"));
    command.args(["verify", "--format", "ndjson", "--loader", loader]);
    for option in &case.options {
        command.arg(expand(dir, option)?);
    }
    command.arg(dir.join(&case.root)).current_dir(dir);
    let out = command.output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&out.stdout);
    let Ok(value) = serde_json::from_str::<Value>(said.trim()) else {
        return Ok(Some(format!("no answer: {} {}", said, String::from_utf8_lossy(&out.stderr))));
    };
    let word = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let mut verdict = word(&value["verdict"]);
    let mut text = value["message"].as_str().map(str::to_owned);
    if !value["dies"].is_null() {
        verdict = "dies".to_owned();
        text = value["dies"]["signal"].as_str().map(str::to_owned);
    }
    let wanted = expected.text.as_ref().map(|text| expand(dir, text)).transpose()?;
    let codes: Vec<String> =
        value["findings"].as_array().into_iter().flatten().map(|f| word(&f["code"])).collect();
    let absent: Vec<_> = expected.findings.iter().filter(|code| !codes.contains(code)).collect();
    let class = word(&value["class"]);
    let class_is_wrong = expected.class.as_ref().is_some_and(|wanted| *wanted != class);
    if verdict == expected.verdict && text == wanted && absent.is_empty() && !class_is_wrong {
        return Ok(None);
    }
    Ok(Some(format!(
        "expected {} {wanted:?} findings {:?} class {:?}\n    got {verdict} {text:?} findings {codes:?} class {class}",
        expected.verdict, expected.findings, expected.class
    )))
}
