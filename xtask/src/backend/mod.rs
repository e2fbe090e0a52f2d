//! Where releases are kept: a forge, or a directory of this machine.
//! It must never decide anything: what may be uploaded or published is decided by `host.rs` and `flip.rs`.

mod directory;
mod faulty;
mod forge;

use std::collections::BTreeSet;
use std::path::Path;

pub use directory::Directory;
pub use faulty::{Fault, Faulty};
pub use forge::Forge;

use crate::options::Options;
use crate::plan::Plan;
use crate::problem::Problem;

/// What there is of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// A draft that only maintainers see.
    Draft(Draft),
    /// Everybody can fetch it.
    Published,
}

/// A draft.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Names of its assets that arrived whole, as far as the backend knows.
    pub assets: BTreeSet<String>,
    /// Names that are taken by uploads that died; they cannot be fetched.
    pub broken: BTreeSet<String>,
    /// The commit it says it was made from.
    pub commit: Option<String>,
    /// Marked as a pre-release.
    pub prerelease: bool,
}

/// A place for releases.
pub trait Backend {
    /// What there is of the plan's tag.
    ///
    /// # Errors
    /// It cannot be told; that is never taken for "nothing".
    fn state(&self, plan: &Plan) -> Result<State, Problem>;

    /// Makes an empty draft that names the plan's commit.
    ///
    /// # Errors
    /// There is something of that tag, or the tag does not exist.
    fn create_draft(&self, plan: &Plan) -> Result<(), Problem>;

    /// Puts one file into the draft, in the place of one of the same name.
    ///
    /// # Errors
    /// It did not arrive.
    fn upload(&self, plan: &Plan, file: &Path) -> Result<(), Problem>;

    /// Fetches every asset into a new directory.
    ///
    /// # Errors
    /// One could not be fetched.
    fn download(&self, plan: &Plan, into: &Path) -> Result<(), Problem>;

    /// Publishes the draft, once, and not as the latest release.
    ///
    /// # Errors
    /// It is no draft any more.
    fn flip(&self, plan: &Plan) -> Result<(), Problem>;

    /// Tag of the release that people get who name none.
    ///
    /// # Errors
    /// It cannot be told.
    fn latest(&self) -> Result<Option<String>, Problem>;

    /// Makes the plan's release, which is published, the one people get who name none.
    ///
    /// # Errors
    /// It did not happen.
    fn make_latest(&self, plan: &Plan) -> Result<(), Problem>;
}

/// The first line of a draft's text, by which a later run knows its own draft.
pub fn built_from(commit: &str) -> String {
    format!("Built from {commit}.")
}

/// Reads `--backend gh` (with `--gh PROGRAM`) or `--backend dir:PATH`, and `--fault` for rehearsals.
///
/// # Errors
/// None is named.
pub fn from_options(options: &mut Options, repository: &str) -> Result<Box<dyn Backend>, Problem> {
    let name = options.needed("--backend")?;
    let program = options.value("--gh")?;
    let fault = options.text("--fault")?.map(|text| Fault::parse(&text)).transpose()?;
    let backend: Box<dyn Backend> = match name.strip_prefix("dir:") {
        Some(path) => Box::new(Directory::new(path)),
        None if name == "gh" => {
            Box::new(Forge::new(program.unwrap_or_else(|| "gh".into()), repository.to_owned()))
        }
        None => return Err(Problem::Usage(format!("{name:?} is no place for releases"))),
    };
    Ok(match fault {
        Some(fault) => Box::new(Faulty::new(backend, fault)),
        None => backend,
    })
}
