//! The same commit, built again in another directory, must give the same bytes.
//! It must never compare with what it has just built: the one side is the finished set.

use std::path::Path;

use crate::compile::Build;
use crate::files;
use crate::options::Options;
use crate::pins;
use crate::plan::{Plan, git};
use crate::problem::Problem;
use crate::targets::{Platform, Targets};
use crate::tools;

/// Rebuilds a platform's binaries from a copy of the tracked files and compares them with those in `dir`.
///
/// # Errors
/// One of them differs.
pub fn reproduce(
    root: &Path,
    plan: &Plan,
    platform: &Platform,
    targets: &Targets,
    dir: &Path,
) -> Result<(), Problem> {
    let elsewhere =
        tempfile::Builder::new().prefix("another-directory-").tempdir().map_err(Problem::file(root))?;
    let sources = elsewhere.path().join("sources");
    copy_tracked(root, &sources)?;
    let build = Build { root: &sources, plan, platform, work: elsewhere.path().join("work") };
    let again = elsewhere.path().join("again");
    build.helpers(&again)?;
    compare(dir, &again, platform.helpers.iter().map(|helper| helper.asset.as_str()))?;
    // The hashes of the other platforms' helpers are taken from the set; they cannot be built here.
    let table = elsewhere.path().join("pins.txt");
    files::write(&table, pins::table(dir, targets)?)?;
    build.program(&table, &again, &again)?;
    compare(dir, &again, [platform.program.asset.as_str()])
}

/// Copies what git tracks, as it is in the work tree.
fn copy_tracked(root: &Path, to: &Path) -> Result<(), Problem> {
    let tracked = git(root, &["ls-files", "-z"])?;
    for name in tracked.split_terminator('\0') {
        // A file that was deleted and not yet committed.
        if root.join(name).is_file() {
            files::copy(&root.join(name), &to.join(name))?;
        }
    }
    Ok(())
}

/// Compares files of the same name in two directories.
///
/// # Errors
/// The first that differs.
pub fn compare<'a>(
    first: &Path,
    second: &Path,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), Problem> {
    for name in names {
        let sum = compare_file(&first.join(name), &second.join(name))?;
        println!("reproduce: {name}: the same bytes again, {sum}");
    }
    Ok(())
}

/// Compares two files; their SHA-256.
///
/// # Errors
/// They differ.
pub fn compare_file(first: &Path, second: &Path) -> Result<String, Problem> {
    let sum = |path: &Path| files::read(path).map(|bytes| files::sha256(&bytes));
    let asset = first.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (first, second) = (sum(first)?, sum(second)?);
    if first == second { Ok(first) } else { Err(Problem::NotReproducible { asset, first, second }) }
}

/// The verb.
///
/// # Errors
/// See `reproduce`.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let (dir, plan) = (options.path("--dir")?, Plan::read(&options.path("--plan")?)?);
    let name = options.needed("--platform")?;
    options.finish()?;
    let targets = Targets::read(root)?;
    crate::compile::check_toolchain(&targets)?;
    let platform = targets.platform(&name)?;
    let here = tools::ask(platform)?;
    println!("tools: {}", serde_json::to_string(&here).expect("plain data"));
    let result = reproduce(root, &plan, platform, &targets, &dir);
    if let (Err(Problem::NotReproducible { .. }), Some(there)) = (&result, tools::recorded(platform, &dir)) {
        for line in tools::differences(&there, &here) {
            println!("tools: {line}");
        }
    }
    result
}
