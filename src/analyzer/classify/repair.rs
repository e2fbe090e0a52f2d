//! Which libraries, opened first, make a failing library load: found by what it lacks, proved by judging it again.
//! It must never name a library without which it loads as well.
//! What is opened first is in the global scope and relocated, as after glibc `dlopen(..., RTLD_GLOBAL)`.

use super::Classifier;
use super::index::{Exporter, Pick};
use super::places::{base, parent};
use super::worlds::{Failure, Ground, Trial};
use crate::analyzer::disk::Opening;
use crate::analyzer::finding::Finding;
use crate::analyzer::image::elf::Image;

/// How often a library is tried with more and more opened before.
const ROUNDS: usize = 6;
/// How deep what is opened first may itself need something first.
const DEPTH: usize = 3;
/// Most libraries named.
const LIBRARIES: usize = 12;

impl<'h> Classifier<'_, 'h> {
    /// The libraries to open first; with `system`, those the loader finds by name count too.
    pub(super) fn repair(
        &self,
        ground: Ground<'_>,
        path: &[u8],
        failure: &Failure,
        system: bool,
        depth: usize,
    ) -> Option<Vec<Pick>> {
        let mut picks: Vec<Pick> = Vec::new();
        let mut unfit: Vec<Vec<u8>> = Vec::new();
        let mut failure = failure.clone();
        for _ in 0..ROUNDS {
            let more = self.provider_of(path, &failure, &picks, &unfit, system)?;
            let before = picks.len();
            for pick in more {
                self.enter(ground, pick, &mut picks, &mut unfit, system, depth);
            }
            if picks.len() == before && unfit.is_empty() || picks.len() > LIBRARIES {
                return None;
            }
            match self.worlds.try_in(ground, &paths(&picks), path) {
                Ok(Trial::Loads) => return Some(self.least(ground, path, picks)),
                Ok(Trial::Fails(next)) => failure = next,
                Err(_) => return None,
            }
        }
        None
    }

    /// Adds a library, and before it what it needs first; one that cannot be opened at all is unfit.
    fn enter(
        &self,
        ground: Ground<'_>,
        pick: Pick,
        picks: &mut Vec<Pick>,
        unfit: &mut Vec<Vec<u8>>,
        system: bool,
        depth: usize,
    ) {
        match self.worlds.try_in(ground, &paths(picks), &pick.path) {
            Ok(Trial::Loads) => picks.push(pick),
            Ok(Trial::Fails(failure)) if depth < DEPTH => {
                match self.repair(ground, &pick.path, &failure, system, depth + 1) {
                    Some(first) => {
                        for p in first {
                            if !picks.iter().any(|known| known.path == p.path) {
                                picks.push(p);
                            }
                        }
                        picks.push(pick);
                    }
                    None => unfit.push(pick.path),
                }
            }
            Ok(Trial::Fails(_)) | Err(_) => unfit.push(pick.path),
        }
    }

    /// Who defines what is missing, or should be relocated earlier.
    fn provider_of(
        &self,
        path: &[u8],
        failure: &Failure,
        picks: &[Pick],
        unfit: &[Vec<u8>],
        system: bool,
    ) -> Option<Vec<Pick>> {
        if let Some(Finding::IfuncOrder { object, provider, symbol, .. }) = &failure.finding {
            let listed = !system || self.lists(object, provider) || picks.iter().any(|p| p.path == *provider);
            return (!listed).then(|| vec![Pick { path: provider.clone(), symbols: vec![symbol.clone()] }]);
        }
        if failure.missing.is_empty() {
            return None;
        }
        let own = match self.disk.open(path) {
            Opening::Image(image) => Some((image.stat.dev, image.stat.ino)),
            _ => None,
        };
        let usable = |e: &Exporter<'h>| {
            Some(e.identity()) != own && !unfit.contains(&e.path) && !picks.iter().any(|p| p.path == e.path)
        };
        let beside = || self.index.directory(&self.places, parent(path));
        let known = || self.index.system(&self.places);
        if system {
            self.index.cover(&failure.missing, &[&beside, &known], &usable)
        } else {
            self.index.cover(&failure.missing, &[&beside], &usable)
        }
    }

    /// Whether `object` has a DT_NEEDED for `provider`.
    fn lists(&self, object: &[u8], provider: &[u8]) -> bool {
        let Opening::Image(image) = self.disk.open(object) else { return false };
        let Image::Mapped(facts) = &image.image else { return false };
        let soname = match self.disk.open(provider) {
            Opening::Image(other) => match &other.image {
                Image::Mapped(f) => f.soname.as_ref().and_then(|s| s.as_ref().ok()).map(|s| s.to_vec()),
                Image::Refused(_) => None,
            },
            _ => None,
        };
        facts.needs.iter().filter_map(|n| n.name.as_ref().ok()).any(|n| {
            **n == *provider || base(n) == base(provider) || soname.as_ref().is_some_and(|s| **n == **s)
        })
    }

    /// Leaves out what is not needed, the last first.
    fn least(&self, ground: Ground<'_>, path: &[u8], mut picks: Vec<Pick>) -> Vec<Pick> {
        let mut at = picks.len();
        while at > 0 && picks.len() > 1 {
            at -= 1;
            let mut fewer = picks.clone();
            fewer.remove(at);
            if matches!(self.worlds.try_in(ground, &paths(&fewer), path), Ok(Trial::Loads)) {
                picks = fewer;
            }
        }
        picks
    }
}

fn paths(picks: &[Pick]) -> Vec<Vec<u8>> {
    picks.iter().map(|p| p.path.clone()).collect()
}
