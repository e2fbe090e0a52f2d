//! From a draft to a release, and another look at what everybody now sees.
//! It must never publish what it has not just read back from the draft itself.

use std::path::Path;

use crate::assemble::{Assembled, check, difference};
use crate::backend::{Backend, State, from_options};
use crate::host::{check_draft, read_back};
use crate::options::Options;
use crate::problem::Problem;
use crate::targets::Targets;

/// Publishes the draft of a checked set.
///
/// # Errors
/// There is no draft of ours, its bytes are not those of the set, or it was changed while it was published.
pub fn flip(set: &Assembled, backend: &dyn Backend) -> Result<(), Problem> {
    let plan = &set.plan;
    match backend.state(plan)? {
        State::Draft(draft) => check_draft(set, &draft)?,
        State::Published => return Err(Problem::AlreadyPublished(plan.tag.clone())),
        State::Absent => return Err(Problem::NotDraft(plan.tag.clone())),
    }
    let scratch = tempfile::tempdir().map_err(Problem::file(&set.dir))?;
    let draft = scratch.path().join("draft");
    read_back(set, backend, &draft)?;
    check(&draft, &set.targets, plan)?;
    backend.flip(plan)?;
    if backend.state(plan)? != State::Published {
        return Err(Problem::Backend {
            action: format!("publish {}", plan.tag),
            what: "it was accepted, and did not happen".to_owned(),
        });
    }
    let public = scratch.path().join("public");
    backend.download(plan, &public)?;
    match difference(&set.dir, &public)? {
        None => Ok(()),
        Some((asset, what)) => Err(Problem::PublishedDiffers { asset, what }),
    }
}

/// The verb.
///
/// # Errors
/// See `flip`.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let backend = from_options(&mut options, &Targets::read(root)?.repository)?;
    let set = Assembled::from_options(root, &mut options)?;
    options.finish()?;
    flip(&set, &*backend)?;
    println!("{} is published", set.plan.tag);
    Ok(())
}
