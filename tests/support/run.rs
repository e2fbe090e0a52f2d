//! Runs the cases of a family, two at a time, and compares the three views.

use super::directives::{Case, Loader};
use super::outcome::{Outcome, Report, Stop};
use super::{build, judge, predict};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

/// Builds and loads at a time, over all families: the test runner starts several of them.
const WORKERS: usize = 2;

static FREE: Mutex<usize> = Mutex::new(WORKERS);
static FREED: Condvar = Condvar::new();

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

fn set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| value == "1")
}

/// The environment both the probe and the program under test start from.
pub fn clean_environment(command: &mut Command, cwd: &Path) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").unwrap_or_else(|| "/".into());
    command.env_clear().env("PATH", path).env("HOME", home).env("LC_ALL", "C").current_dir(cwd);
}

/// The directory of the root library, unless the case names another.
pub fn working_directory(case: &Case, dir: &Path) -> PathBuf {
    match &case.cwd {
        Some(cwd) => dir.join(cwd.replace("{D}", &dir.display().to_string())),
        None => dir.join(&case.root).parent().unwrap_or(dir).to_owned(),
    }
}

fn directories(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).unwrap_or_else(|e| panic!("{}: {e}", parent.display()));
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut found: Vec<PathBuf> = paths.filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// Judges every case of a family.
///
/// # Panics
/// If any case fails, with the three views of each.
pub fn family(name: &str) {
    let only = std::env::var("TSUKU_TEST_ONLY").unwrap_or_default();
    let cases: Vec<PathBuf> = directories(&testdata().join(name))
        .into_iter()
        .filter(|dir| dir.to_string_lossy().contains(&only))
        .collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let work = || {
        while let Some(dir) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let shown = dir.strip_prefix(testdata()).unwrap_or(dir).display().to_string();
            let failure = match in_turn(|| judge_case(dir)) {
                Report::Passed => continue,
                Report::Skipped(why) => {
                    eprintln!("skipped {shown}: {why}");
                    if !set("TSUKU_TEST_REQUIRE_ALL") {
                        continue;
                    }
                    format!("  skipped, and TSUKU_TEST_REQUIRE_ALL is set: {why}")
                }
                Report::Failed(text) => text,
            };
            failures.lock().unwrap().push(format!("{shown}\n{failure}"));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    assert!(
        failures.is_empty(),
        "{} of {} cases failed\n\n{}\n",
        failures.len(),
        cases.len(),
        failures.join("\n\n")
    );
}

/// Waits for one of the free slots.
fn in_turn<T>(work: impl FnOnce() -> T) -> T {
    *FREED.wait_while(FREE.lock().unwrap(), |free| *free == 0).unwrap() -= 1;
    let result = work();
    *FREE.lock().unwrap() += 1;
    FREED.notify_one();
    result
}

fn judge_case(dir: &Path) -> Report {
    match try_case(dir) {
        Ok(None) => Report::Passed,
        Ok(Some(text)) => Report::Failed(text),
        Err(Stop::Missing(why)) => Report::Skipped(why),
        Err(Stop::Broken(why)) => Report::Failed(format!("  broken case: {why}")),
    }
}

/// The disagreement, if there is one.
fn try_case(dir: &Path) -> Result<Option<String>, Stop> {
    let case = Case::read(dir).map_err(Stop::Broken)?;
    let judge = judge::judge(case.loader)?;
    let mut built = tempfile::Builder::new()
        .prefix("tsuku-verify-case-")
        .tempdir()
        .map_err(|e| Stop::broken(e.to_string()))?;
    built.disable_cleanup(set("TSUKU_TEST_KEEP"));
    let place = built.path().canonicalize().map_err(|e| Stop::broken(e.to_string()))?;
    build::build(&case, &place)?;
    let expected = case.expected(judge.release, &place.display().to_string());
    let loader = judge.load(&case, &place, &expected)?;
    let mut text = format!("  built in  {}\n  directive {expected}\n  loader    {loader}", place.display());
    let mut agree = expected == loader;
    if set("TSUKU_TEST_LOADER_ONLY") {
        return Ok((!agree).then_some(text));
    }
    // The machine's own loader is not named, so that finding it is tried too.
    let named = (case.loader == Loader::Musl).then(|| judge.name());
    let prediction = predict::predict(&case, &place, named.as_deref())?;
    agree &= prediction.outcome == loader;
    text += &format!("\n  predicted {}", prediction.outcome);
    for code in case.findings.iter().filter(|code| !prediction.findings.contains(code)) {
        agree = false;
        text += &format!("\n  no finding {code}");
    }
    text += &format!("\n  report    {}", prediction.line);
    if case.loader == Loader::Glibc
        && let Some(under_musl) = also_under_musl(&case, &place)?
    {
        agree = false;
        text += &under_musl;
    }
    Ok((!agree).then_some(text))
}

/// Every case of glibc is one of musl too, without a directive: what it says and what is predicted must be the same.
fn also_under_musl(case: &Case, place: &Path) -> Result<Option<String>, Stop> {
    let judge = match judge::judge(Loader::Musl) {
        Ok(judge) => judge,
        Err(Stop::Missing(_)) if !set("TSUKU_TEST_REQUIRE_ALL") => return Ok(None),
        Err(other) => return Err(other),
    };
    let prediction = predict::predict(case, place, Some(&judge.name()))?;
    let loader = judge.load(case, place, &prediction.outcome)?;
    // A host that does not load under musl makes no case of it, and a doubt is no claim.
    let no_host = matches!(&loader, Outcome::Other(text) if text.starts_with("the preloaded"));
    let doubt = prediction.line.contains("\"verdict\":\"undecided\"");
    if prediction.outcome == loader || no_host || doubt {
        return Ok(None);
    }
    Ok(Some(format!(
        "\n  musl      {loader}\n  predicted {}\n  report    {}",
        prediction.outcome, prediction.line
    )))
}

/// No dead case: every family has a test, every directory is a case, every file of a case is used.
///
/// # Panics
/// With the list of what is wrong.
pub fn check_registration(families: &[&str]) {
    let mut wrong = Vec::new();
    let known: BTreeSet<String> = families.iter().map(|name| (*name).to_owned()).collect();
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let found: BTreeSet<String> =
        directories(&testdata()).iter().map(|dir| name(dir)).filter(|dir| dir != "macho").collect();
    for family in known.symmetric_difference(&found) {
        wrong.push(format!(
            "{family}: listed in tests/loader_cases.rs and present in testdata/ must be the same"
        ));
    }
    for family in found.iter().filter(|family| directories(&testdata().join(family)).is_empty()) {
        wrong.push(format!("{family}: no cases"));
    }
    for dir in found.iter().flat_map(|family| directories(&testdata().join(family))) {
        let case = match Case::read(&dir) {
            Ok(case) => case,
            Err(why) => {
                wrong.push(format!("{}: {why}", dir.display()));
                continue;
            }
        };
        if !case.has_rule {
            wrong.push(format!("{}: no comment says which rule it shows", case.name));
        }
        if case.steps.is_empty() {
            wrong.push(format!("{}: builds nothing", case.name));
        }
        let named: BTreeSet<&str> =
            case.steps.iter().flat_map(|s| &s.words).map(|w| w.value.as_str()).collect();
        for entry in fs::read_dir(&dir).unwrap().filter_map(Result::ok) {
            let file = name(&entry.path());
            if file != "case.c" && !named.contains(file.as_str()) {
                wrong.push(format!("{}: {file} is not used", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
