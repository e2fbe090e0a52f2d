//! From a draft to a release, and another look at what everybody now sees.
//! It must never publish what it has not just read back from the draft itself.

use std::path::Path;

use crate::assemble::{Assembled, check, difference};
use crate::backend::{Backend, State, from_options};
use crate::host::{check_draft, read_back};
use crate::options::Options;
use crate::plan::Release;
use crate::problem::Problem;
use crate::targets::Targets;

/// How a publication ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flipped {
    /// This run published it.
    Now,
    /// A run before this one did, with the same bytes.
    Before,
}

/// Publishes the draft of a checked set, and makes it the latest release if no newer one is. What a run that died has done is
/// not done again.
///
/// # Errors
/// There is no draft of ours, its bytes are not those of the set, it was changed while it was published, or something else is
/// published under its tag.
pub fn flip(set: &Assembled, backend: &dyn Backend) -> Result<Flipped, Problem> {
    let plan = &set.plan;
    let newest = is_newest(set, backend)?;
    let scratch = tempfile::tempdir().map_err(Problem::file(&set.dir))?;
    let flipped = match backend.state(plan)? {
        State::Absent => return Err(Problem::NotDraft(plan.tag.clone())),
        State::Published => Flipped::Before,
        State::Draft(draft) => {
            check_draft(set, &draft)?;
            let back = scratch.path().join("draft");
            read_back(set, backend, &back)?;
            check(&back, &set.targets, plan)?;
            backend.flip(plan)?;
            if backend.state(plan)? != State::Published {
                return Err(did_not_happen(format!("publish {}", plan.tag)));
            }
            Flipped::Now
        }
    };
    let public = scratch.path().join("public");
    backend.download(plan, &public)?;
    match difference(&set.dir, &public)? {
        None => {}
        Some((asset, what)) if flipped == Flipped::Now => {
            return Err(Problem::PublishedDiffers { asset, what });
        }
        Some(_) => return Err(Problem::AlreadyPublished(plan.tag.clone())),
    }
    // Only now, and only if it is in order: until then whoever names no release gets the one before.
    if newest {
        backend.make_latest(plan)?;
        if backend.latest()?.as_ref() != Some(&plan.tag) {
            return Err(did_not_happen(format!("make {} the latest", plan.tag)));
        }
    }
    Ok(flipped)
}

fn did_not_happen(action: String) -> Problem {
    Problem::Backend { action, what: "it was accepted, and did not happen".to_owned() }
}

/// Whether this release is to be the latest: it is no candidate, and newer than what is the latest now.
fn is_newest(set: &Assembled, backend: &dyn Backend) -> Result<bool, Problem> {
    if set.plan.prerelease {
        return Ok(false);
    }
    let read = |tag: &str| Release::of_tag(tag).ok_or_else(|| Problem::Latest(tag.to_owned()));
    let ours = read(&set.plan.tag)?;
    match backend.latest()? {
        None => Ok(true),
        Some(latest) => Ok(read(&latest)? < ours),
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
    let tag = &set.plan.tag;
    match flip(&set, &*backend)? {
        Flipped::Now => println!("{tag} is published"),
        Flipped::Before => println!("{tag} was published before, with these bytes"),
    }
    println!("latest: {}", backend.latest()?.as_deref().unwrap_or("none"));
    Ok(())
}
