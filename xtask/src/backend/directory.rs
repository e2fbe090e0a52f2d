//! Releases in a directory, laid out as the forge's addresses are: `download/TAG/ASSET` and `latest/download/ASSET`.
//! It must never show a release half: publishing is one rename of the whole draft.
//! An installer that is given `file://` and this directory finds what it would find on the forge.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Backend, Draft, State};
use crate::files;
use crate::plan::Plan;
use crate::problem::Problem;

/// Beside a draft's assets: its commit, and whether it is a pre-release.
const ABOUT: &str = "about";

/// A directory with releases.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// In `root`, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Directory {
        Directory { root: root.into() }
    }

    fn draft(&self, plan: &Plan) -> PathBuf {
        self.root.join("drafts").join(&plan.tag)
    }

    fn published(&self, plan: &Plan) -> PathBuf {
        self.root.join("download").join(&plan.tag)
    }

    fn latest_link(&self) -> PathBuf {
        self.root.join("latest").join("download")
    }

    fn where_it_is(&self, plan: &Plan) -> PathBuf {
        let published = self.published(plan);
        if published.exists() { published } else { self.draft(plan).join("assets") }
    }
}

impl Backend for Directory {
    fn state(&self, plan: &Plan) -> Result<State, Problem> {
        if fs::symlink_metadata(self.published(plan)).is_ok() {
            return Ok(State::Published);
        }
        let draft = self.draft(plan);
        let about = match fs::read_to_string(draft.join(ABOUT)) {
            Ok(about) => about,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(State::Absent),
            Err(e) => return Err(Problem::file(&draft)(e)),
        };
        let mut lines = about.lines();
        let assets = files::plain_files(&draft.join("assets"))?.into_keys().collect();
        let commit = lines.next().map(str::to_owned);
        let prerelease = lines.next() == Some("pre-release");
        Ok(State::Draft(Draft { assets, commit, prerelease, ..Draft::default() }))
    }

    fn create_draft(&self, plan: &Plan) -> Result<(), Problem> {
        // Made beside and renamed, so that of two runs one makes the draft and the other finds it whole.
        let drafts = self.root.join("drafts");
        files::make_dir(&drafts)?;
        let new =
            tempfile::Builder::new().prefix(".new-").tempdir_in(&drafts).map_err(Problem::file(&drafts))?;
        files::make_dir(&new.path().join("assets"))?;
        let kind = if plan.prerelease { "pre-release" } else { "release" };
        files::write(&new.path().join(ABOUT), format!("{}\n{kind}\n", plan.commit))?;
        let draft = self.draft(plan);
        fs::rename(new.path(), &draft).map_err(|e| Problem::Backend {
            action: format!("create the draft {}", plan.tag),
            what: e.to_string(),
        })?;
        // It has another name now, and is not temporary any more.
        let _ = new.keep();
        Ok(())
    }

    fn upload(&self, plan: &Plan, file: &Path) -> Result<(), Problem> {
        let draft = self.draft(plan);
        let name = file.file_name().unwrap_or_default();
        let part = tempfile::NamedTempFile::new_in(&draft).map_err(Problem::file(&draft))?;
        files::write(part.path(), files::read(file)?)?;
        if fs::metadata(file)
            .is_ok_and(|meta| std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o100 != 0)
        {
            files::make_executable(part.path())?;
        }
        let to = draft.join("assets").join(name);
        part.persist(&to).map(|_| ()).map_err(|e| Problem::file(&to)(e.error))
    }

    fn download(&self, plan: &Plan, into: &Path) -> Result<(), Problem> {
        files::make_new_dir(into)?;
        for (name, path) in files::plain_files(&self.where_it_is(plan))? {
            files::copy(&path, &into.join(name))?;
        }
        Ok(())
    }

    fn flip(&self, plan: &Plan) -> Result<(), Problem> {
        let published = self.published(plan);
        if let Some(parent) = published.parent() {
            files::make_dir(parent)?;
        }
        // A rename does not replace a directory that holds something: of two runs one publishes.
        fs::rename(self.draft(plan).join("assets"), &published)
            .map_err(|_| Problem::NotDraft(plan.tag.clone()))?;
        let draft = self.draft(plan);
        fs::remove_dir_all(&draft).map_err(Problem::file(&draft))
    }

    fn latest(&self) -> Result<Option<String>, Problem> {
        let link = self.latest_link();
        match fs::read_link(&link) {
            Ok(target) => Ok(target.file_name().map(|tag| tag.to_string_lossy().into_owned())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Problem::file(&link)(e)),
        }
    }

    fn make_latest(&self, plan: &Plan) -> Result<(), Problem> {
        let link = self.latest_link();
        let latest = self.root.join("latest");
        files::make_dir(&latest)?;
        // In a directory of this run's own: what a run that died left behind is in nobody's way.
        let new =
            tempfile::Builder::new().prefix(".new-").tempdir_in(&latest).map_err(Problem::file(&latest))?;
        let made = new.path().join("download");
        let target = Path::new("..").join("download").join(&plan.tag);
        std::os::unix::fs::symlink(target, &made).map_err(Problem::file(&made))?;
        fs::rename(&made, &link).map_err(Problem::file(&link))
    }
}
