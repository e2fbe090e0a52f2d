//! One `dlopen` under whichever loader the model is of: its map, its verdict, the process it starts in.
//! It must never know a rule itself; each loader's are in its own modules.
//! glibc's are `link_map`, `checks`, `process` and `program`; musl's are below `musl`.

use super::checks::{self, Judged, Mode};
use super::disk::Disk;
use super::image::limits;
use super::link_map::listing::{self, Listing};
use super::link_map::{LinkMap, Process};
use super::loader_model::LibcKind;
use super::memo::Memo;
use super::musl;
use super::process::{self, Start, StartError};
use super::program;
use super::verdict::{Judgement, Verdict};

/// The map of `dlopen(path)` as if `also` were listed.
pub fn map<'h>(disk: &Disk<'_, 'h>, process: &Process<'h>, path: &[u8], also: &[Listing]) -> LinkMap<'h> {
    map_within(disk, process, path, also, limits::LINK_MAP_NODES)
}

/// The same, of at most `objects` objects: with more nobody can tell.
pub fn map_within<'h>(
    disk: &Disk<'_, 'h>,
    process: &Process<'h>,
    path: &[u8],
    also: &[Listing],
    objects: usize,
) -> LinkMap<'h> {
    match disk.model().kind() {
        LibcKind::Glibc => listing::build(disk, process, path, also, objects),
        LibcKind::Musl => musl::load::build(disk, process, path, also, objects),
    }
}

/// The verdict on a call whose map is there.
pub fn judge(
    disk: &Disk<'_, '_>,
    map: &LinkMap<'_>,
    process: &Process<'_>,
    memo: Option<&Memo>,
    mode: Mode,
) -> Judged {
    match disk.model().kind() {
        LibcKind::Glibc => checks::judge_mode(map, process, disk.model(), memo, mode),
        LibcKind::Musl => musl::judge::judge(map, process, disk.model(), mode),
    }
}

/// Level 1 alone: would the loader map the root?
pub fn level_1(disk: &Disk<'_, '_>, map: &LinkMap<'_>) -> Judgement {
    match disk.model().kind() {
        LibcKind::Glibc => checks::level_1(map),
        LibcKind::Musl => musl::judge::level_1(map, disk.model()),
    }
}

/// The process before any call.
///
/// # Errors
/// If the program or its libraries would not start.
pub fn start<'h>(disk: &Disk<'_, 'h>, request: &Start) -> Result<Process<'h>, StartError> {
    let mut process = match disk.model().kind() {
        LibcKind::Glibc => process::start(disk, request)?,
        LibcKind::Musl => musl::process::start(disk, request)?,
    };
    preload(disk, &mut process, &request.preloaded)?;
    Ok(process)
}

/// The start of a program.
pub fn program<'h>(disk: &Disk<'_, 'h>, path: &[u8]) -> program::Start<'h> {
    match disk.model().kind() {
        LibcKind::Glibc => program::judge(disk, path),
        LibcKind::Musl => musl::program::judge(disk, path),
    }
}

/// Opens libraries with RTLD_GLOBAL, one after the other.
///
/// # Errors
/// The first that does not load; those before it stay.
pub fn preload<'h>(
    disk: &Disk<'_, 'h>,
    process: &mut Process<'h>,
    paths: &[Vec<u8>],
) -> Result<(), StartError> {
    for path in paths {
        let map = map(disk, process, path, &[]);
        // What is remembered of one process is wrong of the next: each call has a memo of its own.
        let judged = judge(disk, &map, process, Some(&Memo::new()), Mode::Now);
        match judged.judgement.verdict {
            Verdict::Fails { message, .. } => {
                let message = message.unwrap_or_else(|| b"the loader dies".to_vec());
                return Err(StartError::Preloaded { path: path.clone(), message });
            }
            Verdict::Loads | Verdict::Undecided => {
                process.absorb(map);
                process.static_tls = judged.static_tls;
            }
        }
    }
    Ok(())
}
