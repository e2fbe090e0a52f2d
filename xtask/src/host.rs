//! From a checked set to a draft whose every byte was read back.
//! It must never touch the backend before the whole set was checked, nor leave anything but a draft behind.
//! A run that died is repeated: what is there already and right is not sent again.

use std::path::Path;

use crate::assemble::{Assembled, difference};
use crate::backend::{Backend, Draft, State, from_options};
use crate::files;
use crate::options::Options;
use crate::problem::Problem;
use crate::targets::{CHECKSUMS, Targets};

/// Makes or completes the draft.
///
/// # Errors
/// It is published already, or belongs to somebody else; an upload failed; what came back differs.
pub fn host(set: &Assembled, backend: &dyn Backend) -> Result<(), Problem> {
    let plan = &set.plan;
    let draft = match backend.state(plan)? {
        State::Published => return Err(Problem::AlreadyPublished(plan.tag.clone())),
        State::Draft(draft) => draft,
        State::Absent => {
            backend.create_draft(plan)?;
            our_draft(set, backend)?
        }
    };
    check_draft(set, &draft)?;
    for name in &draft.broken {
        backend.upload(plan, &set.dir.join(name))?;
    }
    let draft = if draft.broken.is_empty() { draft } else { our_draft(set, backend)? };
    let before = tempfile::tempdir().map_err(Problem::file(&set.dir))?;
    let there = before.path().join("there");
    if !draft.assets.is_empty() {
        backend.download(plan, &there)?;
    }
    let mut names = set.targets.assets();
    // The list goes last: where it is, everything it lists has been sent.
    names.sort_by_key(|name| name == CHECKSUMS);
    for name in names {
        let file = set.dir.join(&name);
        let same = draft.assets.contains(&name)
            && files::read(&there.join(&name))
                .is_ok_and(|old| files::read(&file).is_ok_and(|new| old == new));
        if !same {
            backend.upload(plan, &file)?;
        }
    }
    check_draft(set, &our_draft(set, backend)?)?;
    read_back(set, backend, &before.path().join("back"))
}

fn our_draft(set: &Assembled, backend: &dyn Backend) -> Result<Draft, Problem> {
    match backend.state(&set.plan)? {
        State::Draft(draft) => Ok(draft),
        State::Published => Err(Problem::AlreadyPublished(set.plan.tag.clone())),
        State::Absent => Err(Problem::NotDraft(set.plan.tag.clone())),
    }
}

/// A draft is ours: of the same commit, of the same kind, without files of others.
///
/// # Errors
/// It is not.
pub fn check_draft(set: &Assembled, draft: &Draft) -> Result<(), Problem> {
    let plan = &set.plan;
    if draft.commit.as_ref() != Some(&plan.commit) {
        return Err(Problem::ForeignDraft { tag: plan.tag.clone(), commit: plan.commit.clone() });
    }
    if draft.prerelease != plan.prerelease {
        return Err(Problem::Kind {
            tag: plan.tag.clone(),
            expected: plan.prerelease,
            found: draft.prerelease,
        });
    }
    let ours = set.targets.assets();
    let foreign: Vec<String> =
        draft.assets.union(&draft.broken).filter(|name| !ours.contains(name)).cloned().collect();
    if foreign.is_empty() { Ok(()) } else { Err(Problem::Unexpected(foreign)) }
}

/// Fetches everything and compares every byte.
///
/// # Errors
/// Something differs.
pub fn read_back(set: &Assembled, backend: &dyn Backend, into: &Path) -> Result<(), Problem> {
    backend.download(&set.plan, into)?;
    match difference(&set.dir, into)? {
        None => Ok(()),
        Some((asset, what)) => Err(Problem::ReadBack { asset, what }),
    }
}

/// The verb.
///
/// # Errors
/// See `host`.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let backend = from_options(&mut options, &Targets::read(root)?.repository)?;
    let set = Assembled::from_options(root, &mut options)?;
    options.finish()?;
    host(&set, &*backend)?;
    println!("{}: a draft with {} assets, read back", set.plan.tag, set.targets.assets().len());
    Ok(())
}
