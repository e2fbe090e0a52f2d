//! Tags, commits and trees: what may be planned at all.

use std::path::Path;

use tempfile::TempDir;
use xtask::files;
use xtask::plan::{Plan, Wanted, git, workflow_outputs};
use xtask::problem::Problem;

use crate::support::targets;

fn repository() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    files::write(&at.join("Cargo.toml"), "[package]\nname = \"x\"\nversion = \"1.2.3\"\n").unwrap();
    files::write(&at.join("CHANGELOG.md"), "# Changelog\n\n## Unreleased\n\n## 1.2.3\n").unwrap();
    git(at, &["init", "--quiet", "--initial-branch=main"]).unwrap();
    commit(at);
    dir
}

fn commit(at: &Path) {
    git(at, &["add", "--all"]).unwrap();
    let who = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
    git(at, &[&who[..], &["commit", "--quiet", "--allow-empty", "--message", "x"]].concat()).unwrap();
}

fn tag(at: &Path, name: &str) -> Wanted {
    git(at, &["-c", "tag.gpgsign=false", "tag", "--force", name]).unwrap();
    Wanted::Tag(name.to_owned())
}

#[test]
fn a_tag_is_the_version_or_one_of_its_candidates() {
    let dir = repository();
    for (name, version, prerelease) in [("v1.2.3", "1.2.3", false), ("v1.2.3-rc.2", "1.2.3-rc.2", true)] {
        let plan = Plan::make(dir.path(), &tag(dir.path(), name), false).unwrap();
        assert_eq!((plan.version.as_str(), plan.prerelease, plan.tag.as_str()), (version, prerelease, name));
        assert_eq!(plan.commit.len(), 40);
        assert!(plan.epoch > 1_500_000_000);
    }
    for name in [
        "v1.2.4",
        "1.2.3",
        "v1.2.3-rc.0",
        "v1.2.3-rc.01",
        "v1.2.3-rc",
        "v1.2.3-beta.1",
        "v1.2.3+1",
        "vv1.2.3",
    ] {
        let problem = Plan::make(dir.path(), &tag(dir.path(), name), false).unwrap_err();
        assert!(matches!(problem, Problem::Tag { .. }), "{name}: {problem}");
    }
    let rehearsal = Plan::make(dir.path(), &Wanted::Rehearsal, false).unwrap();
    assert_eq!(rehearsal.version, "1.2.3-rc.0");
}

#[test]
fn a_tag_of_another_commit_or_none() {
    let dir = repository();
    let wanted = tag(dir.path(), "v1.2.3");
    commit(dir.path());
    assert!(matches!(Plan::make(dir.path(), &wanted, false), Err(Problem::TagElsewhere { .. })));
    let absent = Wanted::Tag("v1.2.3-rc.9".to_owned());
    assert!(matches!(Plan::make(dir.path(), &absent, false), Err(Problem::Command { .. })));
}

#[test]
fn a_tree_that_is_not_the_commit() {
    let dir = repository();
    files::write(&dir.path().join("stray"), "?").unwrap();
    for wanted in [tag(dir.path(), "v1.2.3"), Wanted::Rehearsal] {
        assert!(
            matches!(Plan::make(dir.path(), &wanted, false), Err(Problem::Dirty(names)) if names == ["?? stray"])
        );
    }
    assert!(Plan::make(dir.path(), &Wanted::Rehearsal, true).is_ok());
}

#[test]
fn a_changelog_that_says_nothing() {
    let dir = repository();
    files::write(&dir.path().join("CHANGELOG.md"), "# Changelog\n\n## Unreleased\n").unwrap();
    commit(dir.path());
    assert!(matches!(Plan::make(dir.path(), &tag(dir.path(), "v1.2.3"), false), Err(Problem::Changelog(_))));
}

#[test]
fn the_workflow_gets_every_platform() {
    let dir = repository();
    let plan = Plan::make(dir.path(), &Wanted::Rehearsal, false).unwrap();
    let text = workflow_outputs(&plan, &targets());
    let value =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().to_owned();
    let matrix: serde_json::Value = serde_json::from_str(&value("matrix")).unwrap();
    let rows = matrix["include"].as_array().unwrap();
    assert_eq!(rows.len(), targets().platforms.len());
    for (row, platform) in rows.iter().zip(targets().platforms) {
        assert_eq!(row["platform"], platform.name.as_str());
        assert_eq!(row["runner"], platform.runner.as_str());
    }
    let again: Plan = serde_json::from_str(&value("plan")).unwrap();
    assert_eq!(again, plan);
    assert_eq!(text.lines().count(), 4, "one line each: a workflow splits at line breaks");
}
