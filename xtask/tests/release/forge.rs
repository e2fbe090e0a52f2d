//! The forge through a `gh` of our own: a script that keeps releases in a directory, notes what it was asked, and fails when told.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::assemble::difference;
use xtask::files;
use xtask::plan::Plan;

use crate::support::{Release, plan, root, targets};

/// Follows `gh`: flags in any order are not needed, texts and statuses are those of the real one.
const GH: &str = r#"#!/bin/sh
set -eu
here=$(dirname "$0")
echo "$*" >>"$here/log"
verb=$2 tag=$3
at=$here/releases/$tag
fail() { echo "$1" >&2; exit 1; }
if [ -e "$here/fail-$verb" ]; then
    count=$(cat "$here/fail-$verb")
    [ "$count" -gt 0 ] || fail "HTTP 502: Bad Gateway"
    echo $((count - 1)) >"$here/fail-$verb"
fi
case $verb in
view)
    if [ "$tag" = --repo ]; then
        [ -e "$here/latest" ] || fail "release not found"
        printf '{"tagName":"%s"}\n' "$(cat "$here/latest")"
        exit 0
    fi
    [ -d "$at" ] || fail "release not found"
    printf '{"isDraft":%s,"isPrerelease":%s,"body":"%s","assets":[' "$(cat "$at/draft")" "$(cat "$at/pre")" "$(head -n 1 "$at/body")"
    comma=
    for file in "$at/assets"/*; do
        [ -e "$file" ] || continue
        name=${file##*/} state=uploaded
        [ ! -e "$at/starter-$name" ] || state=starter
        printf '%s{"name":"%s","state":"%s"}' "$comma" "$name" "$state"
        comma=,
    done
    [ ! -e "$here/twice" ] || printf '%s{"name":"install.sh","state":"uploaded"},{"name":"install.sh","state":"uploaded"}' "$comma"
    echo ']}'
    ;;
create)
    [ ! -d "$at" ] || fail "a release with the same tag name already exists: $tag"
    mkdir -p "$at/assets"
    echo true >"$at/draft"
    case " $* " in *" --prerelease "*) echo true ;; *) echo false ;; esac >"$at/pre"
    while [ "$1" != --notes ]; do shift; done
    printf '%s\n' "$2" >"$at/body"
    ;;
upload)
    name=${6##*/}
    cp "$6" "$at/assets/"
    rm -f "$at/starter-$name"
    if [ "$name" = "$(cat "$here/die-inside" 2>/dev/null)" ]; then
        rm "$here/die-inside"
        : >"$at/assets/$name"
        : >"$at/starter-$name"
        fail "connection reset by peer"
    fi
    ;;
download)
    for file in "$at"/starter-*; do [ ! -e "$file" ] || fail "HTTP 404: Not Found"; done
    cp "$at/assets/"* "$7/" ;;
edit)
    case " $* " in *" --draft=false "*)
        [ "$(cat "$at/draft")" = true ] || fail "not a draft"
        echo false >"$at/draft"
    esac
    case " $* " in *" --latest "*)
        [ "$(cat "$at/draft")" = false ] || fail "a draft cannot be the latest"
        [ -e "$here/latest-is-stuck" ] || echo "$tag" >"$here/latest"
    esac
    ;;
*) fail "unknown command" ;;
esac
"#;

struct Forge {
    dir: tempfile::TempDir,
    release: Release,
    plan: PathBuf,
}

impl Forge {
    fn new(plan: &Plan, release: Release) -> Forge {
        let dir = tempfile::tempdir().unwrap();
        let gh = dir.path().join("gh");
        fs::write(&gh, GH).unwrap();
        files::make_executable(&gh).unwrap();
        let path = dir.path().join("plan.json");
        fs::write(&path, serde_json::to_string(plan).unwrap()).unwrap();
        Forge { dir, release, plan: path }
    }

    /// Runs the real command line; status and what it says.
    fn run(&self, verb: &str) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args([verb, "--backend", "gh", "--gh"])
            .arg(self.dir.path().join("gh"))
            .arg("--plan")
            .arg(&self.plan)
            .arg("--dir")
            .arg(self.release.set())
            .current_dir(root())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn refused(&self, verb: &str, code: &str) {
        let (status, text) = self.run(verb);
        assert_eq!(status, Some(1), "{text}");
        assert!(text.starts_with(&format!("xtask {verb}: {code}: ")), "{text}");
    }

    fn is_draft(&self) -> bool {
        fs::read_to_string(self.at("releases/v1.2.3/draft")).unwrap() == "true\n"
    }
}

fn forge() -> Forge {
    Forge::new(&plan(), Release::new())
}

#[test]
fn a_release_through_the_command_line() {
    let forge = forge();
    let done = |verb: &str| assert_eq!(forge.run(verb).0, Some(0), "{}", forge.run(verb).1);
    done("host");
    assert!(forge.is_draft());
    done("flip");
    assert!(!forge.is_draft());
    assert_eq!(difference(&forge.release.set(), &forge.at("releases/v1.2.3/assets")).unwrap(), None);
    let log = forge.log();
    let repository = targets().repository;
    let mut asked = log.lines().filter(|line| line.starts_with("release "));
    assert!(asked.all(|line| line.contains(&format!("--repo {repository}"))), "{log}");
    assert!(log.contains("--draft --verify-tag --title v1.2.3"), "{log}");
    assert!(!log.contains("--prerelease"), "{log}");
    // Published first, looked at again, and only then what people get who name none.
    let order = ["--draft=false --latest=false", "release download", "--repo OWNER --latest\n"];
    let places: Vec<_> =
        order.iter().map(|part| log.rfind(&part.replace("OWNER", &repository)).expect(part)).collect();
    assert!(places.is_sorted(), "{places:?}: {log}");
    assert_eq!(log.matches("--draft=false").count(), 1, "{log}");
    assert_eq!(fs::read_to_string(forge.at("latest")).unwrap(), "v1.2.3\n");
    let uploads: Vec<_> = log.lines().filter(|line| line.starts_with("release upload")).collect();
    assert_eq!(uploads.len(), targets().assets().len());
    assert!(uploads.last().unwrap().contains("checksums.txt"));
    forge.refused("host", "already-published");
    // A publication that is asked for again looks, and does nothing.
    done("flip");
    assert_eq!(forge.log().matches("release edit").count(), 2);
    assert_eq!(forge.log().matches("release upload").count(), uploads.len());
}

#[test]
fn what_is_published_otherwise_is_not_ours() {
    let forge = forge();
    assert_eq!(forge.run("host").0, Some(0));
    assert_eq!(forge.run("flip").0, Some(0));
    fs::write(forge.at("releases/v1.2.3/assets/install.sh"), "#!/bin/sh\n").unwrap();
    forge.refused("flip", "already-published");
}

#[test]
fn an_older_line_does_not_become_the_latest() {
    for (latest, edits) in
        [("v1.3.0", 1), ("v1.2.4-rc.1", 1), ("v1.2.2", 2), ("v1.2.3-rc.1", 2), ("v0.99.0", 2)]
    {
        let forge = forge();
        fs::write(forge.at("latest"), format!("{latest}\n")).unwrap();
        assert_eq!(forge.run("host").0, Some(0));
        assert_eq!(forge.run("flip").0, Some(0));
        assert!(!forge.is_draft());
        let now = if edits == 2 { "v1.2.3" } else { latest };
        assert_eq!(fs::read_to_string(forge.at("latest")).unwrap().trim(), now);
        assert_eq!(forge.log().matches("release edit").count(), edits, "{latest}");
    }
    // What cannot be compared stops the publication before it is one.
    let other = forge();
    fs::write(other.at("latest"), "nightly\n").unwrap();
    assert_eq!(other.run("host").0, Some(0));
    other.refused("flip", "latest-unknown");
    assert!(other.is_draft());
    // The forge says yes and does nothing.
    let stuck = forge();
    fs::write(stuck.at("latest-is-stuck"), "").unwrap();
    assert_eq!(stuck.run("host").0, Some(0));
    stuck.refused("flip", "backend-failed");
    fs::remove_file(stuck.at("latest-is-stuck")).unwrap();
    assert_eq!(stuck.run("flip").0, Some(0), "the next run does what was left");
    assert_eq!(fs::read_to_string(stuck.at("latest")).unwrap(), "v1.2.3\n");
}

#[test]
fn an_upload_that_dies_is_completed_by_the_next_run() {
    let forge = forge();
    fs::write(forge.at("fail-upload"), "4\n").unwrap();
    forge.refused("host", "backend-failed");
    assert!(forge.is_draft());
    fs::remove_file(forge.at("fail-upload")).unwrap();
    forge.refused("flip", "read-back-differs");
    assert!(forge.is_draft());
    assert_eq!(forge.run("host").0, Some(0));
    // Four were there already; one died; the rest and that one were sent by the second run.
    assert_eq!(forge.log().matches("release upload").count(), targets().assets().len() + 1);
    assert_eq!(forge.run("flip").0, Some(0));
}

#[test]
fn an_upload_that_dies_inside_a_file_leaves_a_name_that_is_taken() {
    let forge = forge();
    fs::write(forge.at("die-inside"), "install.sh").unwrap();
    forge.refused("host", "backend-failed");
    assert!(forge.at("releases/v1.2.3/starter-install.sh").exists());
    forge.refused("flip", "backend-failed");
    assert_eq!(forge.run("host").0, Some(0));
    assert_eq!(forge.run("flip").0, Some(0));
    assert_eq!(difference(&forge.release.set(), &forge.at("releases/v1.2.3/assets")).unwrap(), None);
}

#[test]
fn a_rehearsal_is_never_sent_to_the_forge() {
    let mut rehearsal = plan();
    (rehearsal.version, rehearsal.tag, rehearsal.prerelease) =
        ("1.2.3-rc.0".into(), "v1.2.3-rc.0".into(), true);
    let set = xtask::assemble::Assembled { dir: Release::new().set(), plan: rehearsal, targets: targets() };
    let dir = tempfile::tempdir().unwrap();
    let gh = dir.path().join("gh");
    fs::write(&gh, GH).unwrap();
    files::make_executable(&gh).unwrap();
    let forge = xtask::backend::Forge::new(gh.into(), "owner/name".to_owned());
    let problem = xtask::host::host(&set, &forge).unwrap_err();
    assert_eq!(problem.code(), "tag-differs");
    assert!(!fs::read_to_string(dir.path().join("log")).unwrap().contains("create"));
}

#[test]
fn a_plan_that_contradicts_itself() {
    let good = plan();
    for change in [
        |p: &mut Plan| p.tag = "v1.2.4".into(),
        |p: &mut Plan| p.prerelease = true,
        |p: &mut Plan| p.commit = "HEAD".into(),
        |p: &mut Plan| (p.version, p.tag) = ("../1.2.3".into(), "v../1.2.3".into()),
        |p: &mut Plan| (p.version, p.tag) = ("1.2.3 --latest".into(), "v1.2.3 --latest".into()),
    ] {
        let mut plan = good.clone();
        change(&mut plan);
        let forge = Forge::new(&plan, Release::new());
        forge.refused("host", "document-differs");
        assert_eq!(forge.log(), "");
    }
}

#[test]
fn an_answer_that_is_not_understood_is_not_taken_for_nothing() {
    for verb in ["view", "create", "download"] {
        let forge = forge();
        fs::write(forge.at(&format!("fail-{verb}")), "0\n").unwrap();
        forge.refused("host", "backend-failed");
        assert!(!forge.log().contains("release edit"));
    }
    let forge = forge();
    assert_eq!(forge.run("host").0, Some(0));
    fs::write(forge.at("fail-edit"), "0\n").unwrap();
    forge.refused("flip", "backend-failed");
    assert!(forge.is_draft());
}

#[test]
fn what_others_did_to_the_draft() {
    let forge = forge();
    assert_eq!(forge.run("host").0, Some(0));
    let assets = forge.at("releases/v1.2.3/assets");
    fs::write(assets.join("tsuku-verify-linux-s390x"), "?").unwrap();
    forge.refused("flip", "unexpected-file");
    fs::remove_file(assets.join("tsuku-verify-linux-s390x")).unwrap();
    fs::write(assets.join("install.sh"), "?").unwrap();
    forge.refused("flip", "read-back-differs");
    assert_eq!(forge.run("host").0, Some(0));
    fs::write(forge.at("twice"), "").unwrap();
    forge.refused("flip", "backend-failed");
    fs::remove_file(forge.at("twice")).unwrap();
    fs::write(forge.at("releases/v1.2.3/body"), "Something else.\n").unwrap();
    forge.refused("flip", "draft-foreign");
    fs::write(forge.at("releases/v1.2.3/pre"), "true\n").unwrap();
    fs::write(forge.at("releases/v1.2.3/body"), format!("Built from {}.\n", plan().commit)).unwrap();
    forge.refused("flip", "prerelease-differs");
    assert!(forge.is_draft());
}

#[test]
fn a_set_that_does_not_fit_asks_the_forge_nothing() {
    let forge = forge();
    let helper = targets().helpers().last().unwrap().asset.clone();
    fs::remove_file(forge.release.set().join(helper)).unwrap();
    forge.refused("host", "missing-asset");
    forge.refused("flip", "missing-asset");
    assert_eq!(forge.log(), "");
}

#[test]
fn words_that_nobody_understands() {
    let run = |words: &[&str], at: &Path| {
        Command::new(env!("CARGO_BIN_EXE_xtask")).args(words).current_dir(at).output().unwrap().status.code()
    };
    for words in [
        &[][..],
        &["publish"],
        &["plan"],
        &["plan", "--rehearsal", "--tag", "v1"],
        &["host", "--backend", "ftp"],
        &["pins", "--dir"],
    ] {
        assert_eq!(run(words, &root()), Some(2), "{words:?}");
    }
    assert_eq!(run(&["plan", "--rehearsal"], Path::new("/")), Some(2));
}
