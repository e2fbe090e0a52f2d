//! Processes a library is tried in: host programs, and what is opened in them first; each built once.
//! It must never mix what is remembered of one process with another: every process has a memo of its own.
//! Built as glibc elf/rtld.c starts a program and elf/dl-open.c opens with RTLD_GLOBAL (see `process.rs`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::places::Candidate;
use crate::analyzer::audit::MissingSymbol;
use crate::analyzer::call;
use crate::analyzer::checks::Mode;
use crate::analyzer::disk::Disk;
use crate::analyzer::finding::Finding;
use crate::analyzer::link_map::Process;
use crate::analyzer::link_map::listing::Listing;
use crate::analyzer::memo::Memo;
use crate::analyzer::process::StartError;
use crate::analyzer::verdict::Verdict;

/// What a process starts as.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ground<'c> {
    /// The process of the run.
    Given,
    /// A host.
    Host(&'c Candidate),
}

/// How a library is helped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way<'p> {
    /// Not at all.
    Alone,
    /// These are opened before with RTLD_GLOBAL.
    Opened(&'p [Vec<u8>]),
    /// It, or what it needs, lists these.
    Listed(&'p [Listing]),
}

/// One process with what is known of bindings in it.
#[derive(Debug)]
pub struct World<'h> {
    /// The process.
    pub process: Process<'h>,
    memo: Memo,
}

/// What one library did in one process.
#[derive(Clone, Debug)]
pub enum Trial {
    /// It loads.
    Loads,
    /// It does not.
    Fails(Failure),
}

/// Why it does not.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What decides.
    pub finding: Option<Finding>,
    /// All strong references without a definition.
    pub missing: Vec<MissingSymbol>,
}

type Cell<'h> = Arc<OnceLock<Result<World<'h>, Vec<u8>>>>;
type Key = (Option<Candidate>, Vec<Vec<u8>>);

/// The processes of one run. Nothing here depends on the order in which they are asked for.
pub struct Worlds<'a, 'h> {
    disk: &'a Disk<'a, 'h>,
    given: &'a Process<'h>,
    /// How many objects a map may have.
    objects: usize,
    table: Mutex<HashMap<Key, Cell<'h>>>,
}

impl<'a, 'h> Worlds<'a, 'h> {
    /// None yet.
    pub fn new(disk: &'a Disk<'a, 'h>, given: &'a Process<'h>, objects: usize) -> Self {
        Worlds { disk, given, objects, table: Mutex::default() }
    }

    /// Tries `path` in a process.
    ///
    /// # Errors
    /// The process cannot be made: the one of `opened` that does not load in it, or nothing if it does not start.
    pub fn try_in(&self, ground: Ground<'_>, way: Way<'_>, path: &[u8]) -> Result<Trial, Vec<u8>> {
        let (opened, also) = match way {
            Way::Alone => (&[] as &[_], &[] as &[_]),
            Way::Opened(paths) => (paths, &[] as &[_]),
            Way::Listed(listings) => (&[] as &[_], listings),
        };
        self.with(ground, opened, |world| {
            let path = self.disk.absolute(path);
            let map = call::map_within(self.disk, &world.process, &path, also, self.objects);
            let judged = call::judge(self.disk, &map, &world.process, Some(&world.memo), Mode::Now);
            match judged.judgement.verdict {
                Verdict::Loads => Trial::Loads,
                Verdict::Fails { .. } | Verdict::Undecided => {
                    let missing = judged.unresolved.into_iter().map(|u| MissingSymbol::of(&map, u)).collect();
                    let finding = judged.judgement.findings.into_iter().next();
                    Trial::Fails(Failure { finding, missing })
                }
            }
        })
    }

    /// Looks at a process.
    ///
    /// # Errors
    /// As `try_in`.
    pub fn with<R>(
        &self,
        ground: Ground<'_>,
        opened: &[Vec<u8>],
        look: impl FnOnce(&World<'h>) -> R,
    ) -> Result<R, Vec<u8>> {
        let host = match ground {
            Ground::Given => None,
            Ground::Host(candidate) => Some(candidate.clone()),
        };
        let cell = {
            let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(table.entry((host, opened.to_vec())).or_default())
        };
        // Building one never waits for another thread: nothing below starts parallel work.
        match cell.get_or_init(|| self.build(ground, opened)) {
            Ok(world) => Ok(look(world)),
            Err(refused) => Err(refused.clone()),
        }
    }

    fn build(&self, ground: Ground<'_>, opened: &[Vec<u8>]) -> Result<World<'h>, Vec<u8>> {
        let start = match ground {
            Ground::Given => Ok(self.given.clone()),
            Ground::Host(candidate) => call::start(self.disk, &candidate.start()),
        };
        let mut process = start.map_err(|_| Vec::new())?;
        call::preload(self.disk, &mut process, opened).map_err(|e| match e {
            StartError::Preloaded { path, .. } => path,
            StartError::Program { .. } | StartError::Libraries { .. } => Vec::new(),
        })?;
        // A compiler or a server is large, and only its symbol tables are looked at from here on.
        for image in process.nodes.iter().filter_map(|n| n.image.as_ref()) {
            self.disk.forget(image);
        }
        Ok(World { process, memo: Memo::new() })
    }
}
