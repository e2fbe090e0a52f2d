//! What makes a failing library load: libraries it should list, or plugins that its host has to open first.
//! It must never name a library without which it loads as well, nor one with which it was not judged again.
//! Follows glibc elf/dl-deps.c for what is listed, and `dlopen(..., RTLD_GLOBAL)` for what is opened first.

use super::Classifier;
use super::index::{Exporter, Pick};
use super::places::{base, parent};
use super::worlds::{Failure, Ground, Trial, Way};
use crate::analyzer::disk::Opening;
use crate::analyzer::finding::Finding;
use crate::analyzer::image::elf::Image;
use crate::analyzer::link_map::listing::Listing;

/// How often a library is tried with more and more.
const ROUNDS: usize = 8;
/// How deep a plugin that is opened first may itself need one.
const DEPTH: usize = 3;
/// Most libraries named.
const LIBRARIES: usize = 12;

impl<'h> Classifier<'_, 'h> {
    /// The libraries it should list: of its own directory, else those the loader finds by name.
    pub(super) fn to_list(&self, ground: Ground<'_>, path: &[u8], failure: &Failure) -> Option<Vec<Pick>> {
        let mut picks: Vec<Pick> = Vec::new();
        let mut unfit: Vec<Vec<u8>> = Vec::new();
        let mut failure = failure.clone();
        for _ in 0..ROUNDS {
            let more = match &failure.finding {
                Some(Finding::IfuncOrder { object, provider, symbol, .. }) => {
                    let known = self.lists(object, provider) || picks.iter().any(|p| p.path == *provider);
                    if known {
                        return None;
                    }
                    vec![Pick {
                        path: provider.clone(),
                        object: object.clone(),
                        symbols: vec![symbol.clone()],
                    }]
                }
                _ => self.definers(path, &failure, &unfit, true)?,
            };
            let added: Vec<Vec<u8>> = more.iter().map(|p| p.path.clone()).collect();
            picks.extend(more);
            if picks.len() > LIBRARIES {
                return None;
            }
            match self.worlds.try_in(ground, Way::Listed(&listings(&picks)), path) {
                Ok(Trial::Loads) => return Some(self.least(ground, path, picks)),
                Ok(Trial::Fails(next)) if next.missing.is_empty() && !order(&next) => {
                    // They bring a failure of their own: perhaps others define the same.
                    picks.retain(|p| !added.contains(&p.path));
                    unfit.extend(added);
                }
                Ok(Trial::Fails(next)) => failure = next,
                Err(_) => return None,
            }
        }
        None
    }

    /// The plugins of the same directory that the host has to open first.
    pub(super) fn to_open(
        &self,
        ground: Ground<'_>,
        path: &[u8],
        failure: &Failure,
        depth: usize,
    ) -> Option<Vec<Vec<u8>>> {
        let mut opened: Vec<Vec<u8>> = Vec::new();
        let mut failure = failure.clone();
        for _ in 0..ROUNDS {
            for pick in self.definers(path, &failure, &opened, false)? {
                let first = match self.worlds.try_in(ground, Way::Opened(&opened), &pick.path) {
                    Ok(Trial::Loads) => Vec::new(),
                    Ok(Trial::Fails(own)) if depth < DEPTH => {
                        self.to_open(ground, &pick.path, &own, depth + 1)?
                    }
                    Ok(Trial::Fails(_)) | Err(_) => return None,
                };
                opened.extend(first.into_iter().chain([pick.path]));
                let mut seen: Vec<Vec<u8>> = Vec::new();
                opened.retain(|p| {
                    !seen.contains(p) && {
                        seen.push(p.clone());
                        true
                    }
                });
            }
            if opened.len() > LIBRARIES {
                return None;
            }
            match self.worlds.try_in(ground, Way::Opened(&opened), path) {
                Ok(Trial::Loads) => return Some(opened),
                Ok(Trial::Fails(next)) => failure = next,
                Err(_) => return None,
            }
        }
        None
    }

    /// Who defines what is missing.
    fn definers(&self, path: &[u8], failure: &Failure, unfit: &[Vec<u8>], system: bool) -> Option<Vec<Pick>> {
        let own = match self.disk.open(path) {
            Opening::Image(image) => Some((image.stat.dev, image.stat.ino)),
            _ => None,
        };
        let usable = |e: &Exporter<'h>| Some(e.identity()) != own && !unfit.contains(&e.path);
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
            if matches!(self.worlds.try_in(ground, Way::Listed(&listings(&fewer)), path), Ok(Trial::Loads)) {
                picks = fewer;
            }
        }
        picks
    }
}

fn listings(picks: &[Pick]) -> Vec<Listing> {
    picks.iter().map(|p| (p.object.clone(), p.path.clone())).collect()
}

fn order(failure: &Failure) -> bool {
    matches!(failure.finding, Some(Finding::IfuncOrder { .. }))
}
