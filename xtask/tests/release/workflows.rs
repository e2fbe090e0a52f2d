//! The workflows: pinned, without rights they do not need, and about the platforms of `release/targets.toml`.
//! The published schema and the auditor judge them too, where they are installed (scripts/test installs them).

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use yaml_rust2::{Yaml, YamlLoader};

use xtask::plan::git;

use crate::support::{root, targets};

/// Actions that may be used, at the commits that were read. All are GitHub's own.
const ACTIONS: [(&str, &str, &str); 4] = [
    ("actions/checkout", "3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    ("actions/upload-artifact", "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
    ("actions/download-artifact", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    ("actions/attest-build-provenance", "a2bbfa25375fe432b6a289bc6b6cd05ecd0c4c32", "v4.1.0"),
];
/// Labels of runners that GitHub provides; a label that does not exist waits for a day and then fails.
const RUNNERS: [&str; 8] = [
    "ubuntu-22.04",
    "ubuntu-24.04",
    "ubuntu-22.04-arm",
    "ubuntu-24.04-arm",
    "macos-14",
    "macos-15",
    "macos-15-intel",
    "macos-26",
];
/// The order of a release: who waits for whom.
const NEEDS: [(&str, &[&str]); 7] = [
    ("plan", &[]),
    ("helper", &["plan"]),
    ("main", &["plan", "helper"]),
    ("gate", &["plan", "main"]),
    ("reproduce", &["plan", "main"]),
    ("draft", &["plan", "gate", "reproduce"]),
    ("publish", &["plan", "draft"]),
];
/// The only jobs that may write, and what.
const WRITERS: [(&str, &[&str]); 2] =
    [("draft", &["contents", "id-token", "attestations"]), ("publish", &["contents"])];

fn text(name: &str) -> String {
    fs::read_to_string(root().join(".github/workflows").join(name)).unwrap()
}

fn workflow(name: &str) -> Yaml {
    YamlLoader::load_from_str(&text(name)).unwrap().remove(0)
}

const ALL: [&str; 2] = ["ci.yml", "release.yml"];

/// Name, job and steps of every job.
fn jobs(workflow: &Yaml) -> Vec<(String, Yaml)> {
    let jobs = workflow["jobs"].as_hash().unwrap();
    jobs.iter().map(|(name, job)| (name.as_str().unwrap().to_owned(), job.clone())).collect()
}

fn words(value: &Yaml) -> Vec<String> {
    match value {
        Yaml::String(one) => vec![one.clone()],
        Yaml::Array(all) => all.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn there_are_no_other_workflows() {
    let names: BTreeSet<_> = fs::read_dir(root().join(".github/workflows"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, ALL.map(str::to_owned).into());
}

#[test]
fn actions_are_pinned_to_commits_that_were_read() {
    let mut used = BTreeSet::new();
    for line in ALL.iter().flat_map(|name| text(name).lines().map(str::to_owned).collect::<Vec<_>>()) {
        let Some((_, rest)) = line.split_once("uses: ") else { continue };
        let known = ACTIONS.iter().find(|(name, sha, version)| rest == format!("{name}@{sha} # {version}"));
        used.insert(known.unwrap_or_else(|| panic!("not pinned as it should be: {line}")).0);
    }
    assert_eq!(used.len(), ACTIONS.len(), "an action of the list is not used any more");
}

#[test]
fn rights_are_given_job_by_job() {
    for name in ALL {
        let workflow = workflow(name);
        assert_eq!(workflow["permissions"].as_hash().map(|all| all.len()), Some(0), "{name}");
        for (job, value) in jobs(&workflow) {
            let rights =
                value["permissions"].as_hash().unwrap_or_else(|| panic!("{name}: {job} has no list"));
            let written: Vec<_> = rights
                .iter()
                .filter(|(_, right)| right.as_str() != Some("read"))
                .map(|(right, _)| right.as_str().unwrap())
                .collect();
            let may = WRITERS.iter().find(|(writer, _)| name == "release.yml" && *writer == job);
            assert_eq!(written, may.map_or(&[][..], |(_, rights)| *rights), "{name}: {job}");
            assert_eq!(may.is_some(), value["environment"].as_str() == Some("release"), "{name}: {job}");
            assert!(value["timeout-minutes"].as_i64().is_some(), "{name}: {job} has no limit");
        }
    }
}

#[test]
fn nothing_is_pasted_into_a_script_and_nothing_is_cached() {
    for name in ALL {
        for (job, value) in jobs(&workflow(name)) {
            for step in value["steps"].as_vec().unwrap() {
                let run = step["run"].as_str().unwrap_or_default();
                assert!(!run.contains("${{"), "{name}: {job}: {run}");
                if step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/checkout@")) {
                    assert_eq!(step["with"]["persist-credentials"].as_bool(), Some(false), "{name}: {job}");
                }
                // The token is there for the one command that needs it.
                let token = step["env"]["GH_TOKEN"].as_str().is_some();
                assert_eq!(token, run.contains("--backend gh"), "{name}: {job}: {run}");
            }
        }
        let text = text(name);
        assert!(!text.contains("cache") && !text.contains("secrets."), "{name}");
    }
}

#[test]
fn the_order_is_that_of_a_release() {
    let jobs = jobs(&workflow("release.yml"));
    let found: Vec<_> = jobs.iter().map(|(name, job)| (name.as_str(), words(&job["needs"]))).collect();
    let wanted: Vec<_> =
        NEEDS.iter().map(|(name, needs)| (*name, needs.iter().map(|n| (*n).to_owned()).collect())).collect();
    assert_eq!(found, wanted);
    for (name, job) in &jobs {
        let scripts: String =
            job["steps"].as_vec().unwrap().iter().filter_map(|step| step["run"].as_str()).collect();
        assert_eq!(scripts.contains("xtask host"), name == "draft", "{name}");
        assert_eq!(scripts.contains("xtask flip"), name == "publish", "{name}");
        // A rehearsal ends before the draft.
        let condition = job["if"].as_str().unwrap_or_default();
        let tags_only = condition == "github.event_name == 'push' && github.ref_type == 'tag'";
        assert_eq!(tags_only, ["draft", "publish"].contains(&name.as_str()), "{name}: {condition}");
    }
}

/// What a release is made of and by, besides the program's own sources: a change here is rehearsed before it is merged.
const REHEARSED: [&str; 9] = [
    ".cargo/",
    ".github/workflows/release.yml",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-MIT",
    "install.sh",
    "release/",
    "rust-toolchain.toml",
    "xtask/",
];

#[test]
fn a_change_of_what_a_release_depends_on_is_rehearsed() {
    let filters = words(&workflow("release.yml")["on"]["pull_request"]["paths"]);
    let matches = |filter: &str, file: &str| match filter.strip_suffix("**") {
        Some(directory) => file.starts_with(directory),
        None => file == filter,
    };
    let tracked = git(&root(), &["ls-files", "-z"]).unwrap();
    let tracked: Vec<&str> = tracked.split_terminator('\0').collect();
    // What the build script reads, as it says itself; which helper is trusted, and how it is run.
    let script = fs::read_to_string(root().join("build.rs")).unwrap();
    let (_, list) = script.split_once("for path in [").unwrap();
    let read = list.split_once(']').unwrap().0.split(',').map(|path| path.trim().trim_matches('"'));
    let wanted: Vec<&str> = read.chain(REHEARSED).chain(["src/loader/", "src/bin/tsuku-dltest.rs"]).collect();
    for input in &wanted {
        let mut files = tracked.iter().filter(|file| file.starts_with(input)).peekable();
        assert!(files.peek().is_some(), "{input} is not in the repository");
        for file in files {
            assert!(filters.iter().any(|filter| matches(filter, file)), "{file} is not in the filter");
        }
    }
    for filter in &filters {
        let used = tracked.iter().any(|file| matches(filter, file));
        assert!(used, "{filter} matches nothing");
        assert!(!filter.trim_end_matches("**").contains('*'), "{filter} is read otherwise by this test");
    }
}

#[test]
fn platforms_and_runners_come_from_the_one_list() {
    let targets = targets();
    for label in targets.platforms.iter().map(|p| &p.runner).chain([&targets.coordinator]) {
        assert!(RUNNERS.contains(&label.as_str()), "there is no runner {label}");
    }
    for name in ALL {
        for (job, value) in jobs(&workflow(name)) {
            let native = ["helper", "main", "gate", "reproduce"].contains(&job.as_str());
            let runner = value["runs-on"].as_str().unwrap();
            if native {
                assert_eq!(runner, "${{ matrix.runner }}");
                assert_eq!(
                    value["strategy"]["matrix"].as_str(),
                    Some("${{ fromJSON(needs.plan.outputs.matrix) }}")
                );
                assert_eq!(value["strategy"]["fail-fast"].as_bool(), Some(true));
                assert_eq!(value["env"]["PLATFORM"].as_str(), Some("${{ matrix.platform }}"));
            } else {
                assert_eq!(runner, targets.coordinator);
            }
        }
        let text = text(name);
        for p in &targets.platforms {
            assert!(!text.contains(&p.name) && !text.contains(&p.target), "{name} has a list of its own");
        }
    }
}

#[test]
fn every_verb_exists() {
    let usage = Command::new(env!("CARGO_BIN_EXE_xtask")).output().unwrap();
    let usage = String::from_utf8(usage.stderr).unwrap();
    let known: BTreeSet<_> = usage
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let mut used = BTreeSet::new();
    for line in text("release.yml").lines() {
        for (_, rest) in line.match_indices("xtask ").map(|(at, word)| line.split_at(at + word.len())) {
            used.insert(rest.split_whitespace().next().unwrap_or_default().to_owned());
        }
    }
    let used: BTreeSet<_> =
        used.iter().map(String::as_str).filter(|verb| !verb.contains(['`', ';'])).collect();
    assert!(used.is_subset(&known), "{used:?}, known {known:?}");
    for verb in ["plan", "build", "inspect", "gate", "roots", "reproduce", "assemble", "host", "flip"] {
        assert!(used.contains(verb), "{verb} is not used");
    }
}

/// What a reader is told to type, and which refusals there are.
#[test]
fn the_guide_names_the_compiler_and_refusals_that_exist() {
    let guide = fs::read_to_string(root().join("docs/RELEASING.md")).unwrap();
    let compilers: Vec<_> =
        guide.split("cargo +").skip(1).map(|rest| rest.split(' ').next().unwrap().to_owned()).collect();
    assert!(
        compilers.len() >= 2 && compilers.iter().all(|name| *name == targets().toolchain),
        "{compilers:?}"
    );
    let source = fs::read_to_string(root().join("xtask/src/problem.rs")).unwrap();
    let codes: BTreeSet<&str> =
        source.split("=> \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let (_, table) = guide.split_once("| job | does | refuses |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut told = 0;
    for code in rows.flat_map(|row| row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2)) {
        let exists = match code.strip_suffix('*') {
            Some(beginning) => codes.iter().any(|known| known.starts_with(beginning)),
            None => codes.contains(code),
        };
        assert!(exists, "{code} is no refusal");
        told += 1;
    }
    assert!(told > 20, "{told}");
    // `oracle` asks loaders and releases nothing.
    for code in codes.iter().filter(|code| **code != "loader-disagrees") {
        let begins = |end: usize| guide.contains(&format!("`{}*`", &code[..end]));
        let told =
            guide.contains(&format!("`{code}`")) || code.match_indices('-').any(|(at, _)| begins(at + 1));
        assert!(told, "{code} is not in the guide");
    }
    assert_eq!(codes.len(), source.matches("=> \"").count(), "a code is there twice");
}

/// `--locked` refuses a lock file that does not have a new dependency yet; the one of `fuzz/` is easily forgotten.
#[test]
fn the_lock_file_of_the_fuzz_targets_has_every_dependency() {
    let table =
        |name: &str| -> toml::Table { fs::read_to_string(root().join(name)).unwrap().parse().unwrap() };
    let (manifest, lock) = (table("Cargo.toml"), table("fuzz/Cargo.lock"));
    let ours =
        lock["package"].as_array().unwrap().iter().find(|p| p["name"].as_str() == Some("tsuku-verify"));
    let locked: BTreeSet<&str> = ours.unwrap()["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().split(' ').next().unwrap())
        .collect();
    let wanted: BTreeSet<&str> = ["dependencies", "build-dependencies"]
        .iter()
        .flat_map(|kind| manifest[*kind].as_table().unwrap().keys().map(String::as_str))
        .collect();
    assert_eq!(locked, wanted, "cargo update --workspace --manifest-path fuzz/Cargo.toml");
}

/// The guide's table of releases that must not happen is about tests and refusals there are.
#[test]
fn every_release_that_must_not_happen_has_its_test() {
    let guide = fs::read_to_string(root().join("docs/RELEASING.md")).unwrap();
    let (_, table) = guide.split_once("| what happens | ends with | test |").unwrap();
    let mut seen = 0;
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let names = row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2);
        for (module, test) in names.map(|name| name.split_once("::").unwrap()) {
            let place = match module {
                "inspect" => "xtask/src/inspect/tests.rs".to_owned(),
                _ => format!("xtask/tests/release/{module}.rs"),
            };
            let source = fs::read_to_string(root().join(place)).unwrap();
            assert!(source.contains(&format!("#[test]\nfn {test}() {{")), "{row}");
            seen += 1;
        }
    }
    assert!(seen >= 25, "{seen}");
}

/// Runs a judge that may not be installed.
fn judge(command: &mut Command) {
    match command.current_dir(root()).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
        }
        Err(_) => {
            let name = command.get_program().display();
            assert!(
                std::env::var_os("TSUKU_TEST_REQUIRE_RELEASE_TOOLS").is_none(),
                "{name} is not installed"
            );
            eprintln!("skipped: {name} is not installed");
        }
    }
}

#[test]
fn the_published_schema_accepts_them() {
    let files = ALL.map(|name| format!(".github/workflows/{name}"));
    judge(Command::new("check-jsonschema").args(["--builtin-schema", "vendor.github-workflows"]).args(files));
    judge(Command::new("check-jsonschema").args(["--builtin-schema", "vendor.github-actions", "action.yml"]));
}

#[test]
fn the_strictest_auditor_finds_nothing() {
    judge(Command::new("zizmor").args([
        "--offline",
        "--no-progress",
        "--persona=auditor",
        ".github/workflows",
        "action.yml",
    ]));
}
