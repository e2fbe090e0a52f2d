//! What is released: version, tag, commit, time, and the platforms as data for the workflow.
//! It must never plan a release of a tree that is not a commit, or of a tag that says another version.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::options::Options;
use crate::problem::Problem;
use crate::shared::checksums::is_asset_name;
use crate::shared::version::is_release_of;
use crate::targets::Targets;

/// A release that may be built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// `1.2.3` or `1.2.3-rc.1`.
    pub version: String,
    /// `v` and the version.
    pub tag: String,
    /// A release candidate.
    pub prerelease: bool,
    /// What it is built from.
    pub commit: String,
    /// Time of the commit, in seconds since 1970: the time inside all files.
    pub epoch: u64,
}

/// Where a plan's version comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A tag that exists.
    Tag(String),
    /// No tag: the candidate number 0, which is never published.
    Rehearsal,
}

/// Candidate of a rehearsal.
const REHEARSAL: &str = "-rc.0";

impl Plan {
    /// Plans a release of the repository at `root`.
    ///
    /// # Errors
    /// The tag names another version or another commit, the changelog is silent, or the tree differs from the commit.
    pub fn make(root: &Path, wanted: &Wanted, allow_dirty: bool) -> Result<Plan, Problem> {
        let package = package_version(&files::read_text(&root.join("Cargo.toml"))?)?;
        let commit = git(root, &["rev-parse", "HEAD"])?.trim().to_owned();
        let version = match wanted {
            Wanted::Rehearsal => format!("{package}{REHEARSAL}"),
            Wanted::Tag(tag) => {
                let version = tag.strip_prefix('v').unwrap_or_default();
                let ordered = Release::of_tag(tag).is_some();
                if !ordered || !is_release_of(version, &package) || version.ends_with(REHEARSAL) {
                    return Err(Problem::Tag { tag: tag.clone(), package });
                }
                let there = git(root, &["rev-parse", "--verify", &format!("refs/tags/{tag}^{{commit}}")])?;
                if there.trim() != commit {
                    let there = there.trim().to_owned();
                    return Err(Problem::TagElsewhere { tag: tag.clone(), there, here: commit });
                }
                if !has_section(&files::read_text(&root.join("CHANGELOG.md"))?, &package) {
                    return Err(Problem::Changelog(package));
                }
                version.to_owned()
            }
        };
        let status = git(root, &["status", "--porcelain"])?;
        if !status.is_empty() && !allow_dirty {
            return Err(Problem::Dirty(status.lines().take(10).map(|line| line.trim().to_owned()).collect()));
        }
        let epoch = git(root, &["show", "--no-patch", "--format=%ct", "HEAD"])?;
        let epoch = epoch.trim().parse().map_err(|_| Problem::Usage("git tells no time".to_owned()))?;
        Ok(Plan { tag: format!("v{version}"), prerelease: version != package, version, commit, epoch })
    }

    /// Reads a plan that was written as JSON.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(path: &Path) -> Result<Plan, Problem> {
        let what = |e: serde_json::Error| Problem::Document {
            document: path.display().to_string(),
            what: e.to_string(),
        };
        let plan: Plan = serde_json::from_slice(&files::read(path)?).map_err(what)?;
        let hex = plan.commit.len() == 40 && plan.commit.bytes().all(|b| b.is_ascii_hexdigit());
        let fits =
            plan.tag == format!("v{}", plan.version) && plan.prerelease == plan.version.contains("-rc.");
        // The version becomes part of paths and commands.
        if hex && fits && is_asset_name(&plan.version) {
            return Ok(plan);
        }
        Err(Problem::Document {
            document: path.display().to_string(),
            what: "it contradicts itself".to_owned(),
        })
    }

    /// A rehearsal is not for the public.
    ///
    /// # Errors
    /// It is one.
    pub fn must_be_public(&self) -> Result<(), Problem> {
        match self.version.strip_suffix(REHEARSAL) {
            None => Ok(()),
            Some(package) => Err(Problem::Tag { tag: self.tag.clone(), package: package.to_owned() }),
        }
    }
}

/// A release by its tag, ordered: a candidate comes before what it is a candidate of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    numbers: [u64; 3],
    /// Number of the candidate; the release itself is above all of them.
    candidate: u64,
}

impl Release {
    /// Reads `v1.2.3` or `v1.2.3-rc.4`.
    pub fn of_tag(tag: &str) -> Option<Release> {
        let version = tag.strip_prefix('v')?;
        let (numbers, candidate) = match version.split_once("-rc.") {
            None => (version, u64::MAX),
            Some((numbers, candidate)) => (numbers, number(candidate)?),
        };
        let mut parts = numbers.split('.').map(number);
        let numbers = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(Release { numbers, candidate })
    }
}

/// Digits and nothing else, without leading zeros.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok().filter(|number| *number < u64::MAX) } else { None }
}

/// The version in a `Cargo.toml`.
fn package_version(text: &str) -> Result<String, Problem> {
    #[derive(Deserialize)]
    struct Manifest {
        package: Package,
    }
    #[derive(Deserialize)]
    struct Package {
        version: String,
    }
    let manifest: Manifest = toml::from_str(text).map_err(|e| Problem::Usage(format!("Cargo.toml: {e}")))?;
    Ok(manifest.package.version)
}

/// Whether the changelog has `## VERSION`, alone or with a date behind it.
fn has_section(changelog: &str, version: &str) -> bool {
    let heading = |line: &str| {
        line.strip_prefix("## ").and_then(|title| title.split([' ', '(']).next()) == Some(version)
    };
    changelog.lines().any(heading)
}

/// Runs git.
///
/// # Errors
/// It fails.
pub fn git(root: &Path, words: &[&str]) -> Result<String, Problem> {
    files::run(Command::new("git").arg("-C").arg(root).args(words))
}

/// The verb. Prints the plan, or writes it where a workflow wants it.
///
/// # Errors
/// See `Plan::make`.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let tag = options.text("--tag")?;
    let rehearsal = options.flag("--rehearsal");
    let out = options.value("--out")?;
    let outputs = options.value("--github-output")?;
    let dirty = options.flag("--allow-dirty");
    options.finish()?;
    let wanted = match (tag, rehearsal) {
        (Some(tag), false) => Wanted::Tag(tag),
        (None, true) => Wanted::Rehearsal,
        _ => return Err(Problem::Usage("either --tag TAG or --rehearsal".to_owned())),
    };
    if dirty && wanted != Wanted::Rehearsal {
        return Err(Problem::Usage("--allow-dirty is for rehearsals".to_owned()));
    }
    let targets = Targets::read(root)?;
    let plan = Plan::make(root, &wanted, dirty)?;
    let json = serde_json::to_string(&plan).expect("plain data");
    match &out {
        Some(path) => files::write(Path::new(path), &json)?,
        None => println!("{json}"),
    }
    if let Some(path) = outputs {
        let path = Path::new(&path);
        let mut file =
            std::fs::OpenOptions::new().append(true).create(true).open(path).map_err(Problem::file(path))?;
        file.write_all(workflow_outputs(&plan, &targets).as_bytes()).map_err(Problem::file(path))?;
    }
    Ok(())
}

/// `name=value` lines: the plan, the matrix and the compiler.
pub fn workflow_outputs(plan: &Plan, targets: &Targets) -> String {
    let rows: Vec<_> = targets
        .platforms
        .iter()
        .map(|p| serde_json::json!({"platform": p.name, "runner": p.runner, "target": p.target}))
        .collect();
    format!(
        "plan={}\nmatrix={}\ntoolchain={}\ntag={}\n",
        serde_json::to_string(plan).expect("plain data"),
        serde_json::json!({ "include": rows }),
        targets.toolchain,
        plan.tag
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_the_package_or_its_candidates() {
        for good in ["1.2.3", "1.2.3-rc.1", "1.2.3-rc.12", "1.2.3-rc.0"] {
            assert!(is_release_of(good, "1.2.3"), "{good}");
        }
        for bad in [
            "1.2.4",
            "1.2.3-rc",
            "1.2.3-rc.",
            "1.2.3-rc.01",
            "1.2.3-rc.x",
            "1.2.3-beta.1",
            "1.2.30",
            "1.2.3-rc.1 ",
            "",
        ] {
            assert!(!is_release_of(bad, "1.2.3"), "{bad}");
        }
    }

    #[test]
    fn releases_have_an_order() {
        let tags = [
            "v0.9.10",
            "v1.0.0-rc.2",
            "v1.0.0-rc.10",
            "v1.0.0",
            "v1.0.1",
            "v1.9.0",
            "v1.10.0",
            "v2.0.0-rc.0",
        ];
        for pair in tags.windows(2) {
            assert!(Release::of_tag(pair[0]).unwrap() < Release::of_tag(pair[1]).unwrap(), "{pair:?}");
        }
        for bad in [
            "1.2.3",
            "v1.2",
            "v1.2.3.4",
            "v1.02.3",
            "v1.2.x",
            "v1.2.3-rc.",
            "v1.2.3-beta.1",
            "nightly",
            "v+1.2.3",
            "",
        ] {
            assert_eq!(Release::of_tag(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_changelog_speaks_of_a_version_in_a_heading() {
        assert!(has_section("# Changelog\n## 1.2.3 (2026-01-01)\n", "1.2.3"));
        assert!(has_section("## 1.2.3\n", "1.2.3"));
        assert!(!has_section("## 1.2.30\n* see 1.2.3\n### 1.2.3\n", "1.2.3"));
    }
}
