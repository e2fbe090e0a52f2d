//! Releases on GitHub, through its own `gh` program, which has the credentials.
//! It must never take an answer it does not understand for "there is nothing".
//! Follows the documented options of `gh release`; a draft is found by its tag, assets are replaced with `--clobber`, and
//! one whose upload died stays in the state `starter` under its name.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Backend, Draft, State, built_from};
use crate::files;
use crate::plan::Plan;
use crate::problem::Problem;

/// What `gh` says of a release that does not exist.
const NOT_FOUND: &str = "release not found";

/// A repository on the forge.
#[derive(Debug)]
pub struct Forge {
    program: OsString,
    repository: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    is_draft: bool,
    is_prerelease: bool,
    body: String,
    assets: Vec<Asset>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Latest {
    tag_name: String,
}

#[derive(Deserialize)]
struct Asset {
    name: String,
    state: String,
}

impl Forge {
    /// Releases of `repository` (`owner/name`), through `program`.
    pub fn new(program: OsString, repository: String) -> Forge {
        Forge { program, repository }
    }

    fn command(&self, verb: &str, plan: &Plan) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["release", verb, &plan.tag, "--repo", &self.repository]);
        command
    }

    fn must(command: &mut Command) -> Result<(), Problem> {
        let output = files::output(command)?;
        if output.status.success() {
            return Ok(());
        }
        let what = format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
        Err(Problem::Backend { action: files::shown(command), what })
    }

    /// What `gh release view` answers, or that there is no such release.
    fn view<T: DeserializeOwned>(command: &mut Command) -> Result<Option<T>, Problem> {
        let output = files::output(command)?;
        let failed = |what: String| Problem::Backend { action: files::shown(command), what };
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return if text.trim() == NOT_FOUND { Ok(None) } else { Err(failed(text.trim().to_owned())) };
        }
        serde_json::from_slice(&output.stdout).map(Some).map_err(|e| failed(e.to_string()))
    }
}

impl Backend for Forge {
    fn state(&self, plan: &Plan) -> Result<State, Problem> {
        let mut command = self.command("view", plan);
        command.args(["--json", "isDraft,isPrerelease,body,assets"]);
        let Some(view) = Self::view::<View>(&mut command)? else { return Ok(State::Absent) };
        if !view.is_draft {
            return Ok(State::Published);
        }
        let first = view.body.lines().next().unwrap_or_default().trim_end();
        let commit =
            first.strip_prefix("Built from ").and_then(|rest| rest.strip_suffix('.')).map(str::to_owned);
        let (mut assets, mut broken) = (BTreeSet::new(), BTreeSet::new());
        for Asset { name, state } in view.assets {
            if assets.contains(&name) || broken.contains(&name) {
                let what = format!("there are two assets called {name}");
                return Err(Problem::Backend { action: files::shown(&command), what });
            }
            if state == "uploaded" { &mut assets } else { &mut broken }.insert(name);
        }
        Ok(State::Draft(Draft { assets, broken, commit, prerelease: view.is_prerelease }))
    }

    fn create_draft(&self, plan: &Plan) -> Result<(), Problem> {
        plan.must_be_public()?;
        let notes = format!(
            "{}\n\nSee CHANGELOG.md. To verify a file: docs/RELEASING.md.\n",
            built_from(&plan.commit)
        );
        let mut command = self.command("create", plan);
        command.args(["--draft", "--verify-tag", "--title", &plan.tag, "--notes", &notes]);
        if plan.prerelease {
            command.arg("--prerelease");
        }
        Self::must(&mut command)
    }

    fn upload(&self, plan: &Plan, file: &Path) -> Result<(), Problem> {
        Self::must(self.command("upload", plan).arg(file).arg("--clobber"))
    }

    fn download(&self, plan: &Plan, into: &Path) -> Result<(), Problem> {
        files::make_new_dir(into)?;
        Self::must(self.command("download", plan).arg("--dir").arg(into))
    }

    fn flip(&self, plan: &Plan) -> Result<(), Problem> {
        let mut command = self.command("edit", plan);
        command.arg("--draft=false");
        command.arg(if plan.prerelease { "--prerelease" } else { "--latest=false" });
        Self::must(&mut command)
    }

    fn latest(&self) -> Result<Option<String>, Problem> {
        let mut command = Command::new(&self.program);
        // Without a tag it is the latest one.
        command.args(["release", "view", "--repo", &self.repository, "--json", "tagName"]);
        let latest: Option<Latest> = Self::view(&mut command)?;
        Ok(latest.map(|latest| latest.tag_name))
    }

    fn make_latest(&self, plan: &Plan) -> Result<(), Problem> {
        Self::must(self.command("edit", plan).arg("--latest"))
    }
}
