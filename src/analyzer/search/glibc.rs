//! glibc's search for a name without a slash, source by source, directory by directory.
//! It must never skip a file that would end the search, nor end it at one that is passed over.
//! Follows glibc elf/dl-load.c:_dl_map_object, open_path and elf/dl-cache.c.

use super::Hit;
use crate::analyzer::defect::{Defect, Effect};
use crate::analyzer::disk::{Disk, Elsewhere, Opening};
use crate::analyzer::host::{Errno, Kind};
use crate::analyzer::image::elf::Image;
use crate::analyzer::provenance::{Attempt, Outcome, Provenance};

/// A directory list with the reason it is searched.
pub struct Source<'a> {
    /// Why.
    pub provenance: Provenance,
    /// Directories with a trailing slash, or ""; or what reading the list does.
    pub dirs: &'a Result<Vec<Vec<u8>>, Defect>,
}

/// What the requester contributes to a search.
pub struct Request<'a> {
    /// The name, without a slash.
    pub name: &'a [u8],
    /// RPATH lists, nearest first; empty when the requester has a RUNPATH.
    pub rpaths: Vec<Source<'a>>,
    /// LD_LIBRARY_PATH.
    pub env: &'a [Vec<u8>],
    /// The requester's RUNPATH.
    pub runpath: Option<Source<'a>>,
    /// The requester has DF_1_NODEFLIB.
    pub nodeflib: bool,
}

struct Search<'s, 'a, 'h> {
    disk: &'s Disk<'a, 'h>,
    other_class: bool,
    errno: Errno,
    log: Option<&'s mut Vec<Attempt>>,
}

/// What one candidate means for the search.
enum Tried<'h> {
    Opened(Hit<'h>),
    Passed(Errno),
    Ends(Hit<'h>),
}

/// Searches all sources in order.
///
/// `errno` is the process's: a search that tries nothing at all reports whatever stands there.
pub fn search<'h>(
    disk: &Disk<'_, 'h>,
    r: &Request<'_>,
    errno: &mut Errno,
    log: Option<&mut Vec<Attempt>>,
) -> Hit<'h> {
    let mut s = Search { disk, other_class: false, errno: *errno, log };
    let hit = s.all(r);
    *errno = if hit.is_some() { Errno::NONE } else { s.errno };
    match hit {
        Some(hit) => hit,
        None if s.other_class => Hit::OtherClass,
        None => Hit::NotFound(s.errno),
    }
}

/// Opens a name with a slash.
pub fn open_path<'h>(
    disk: &Disk<'_, 'h>,
    path: &[u8],
    errno: &mut Errno,
    log: Option<&mut Vec<Attempt>>,
) -> Hit<'h> {
    let mut s = Search { disk, other_class: false, errno: *errno, log };
    let tried = s.attempt(path, &Provenance::Slash);
    *errno = if let Tried::Passed(e) = tried { e } else { Errno::NONE };
    match tried {
        Tried::Opened(hit) | Tried::Ends(hit) => hit,
        Tried::Passed(_) if s.other_class => Hit::OtherClass,
        Tried::Passed(e) => Hit::NotFound(e),
    }
}

impl<'h> Search<'_, '_, 'h> {
    fn all(&mut self, r: &Request<'_>) -> Option<Hit<'h>> {
        // A list is only read when the search comes to it.
        for source in &r.rpaths {
            if let Some(hit) = self.source(source, r.name) {
                return Some(hit);
            }
        }
        if let Some(hit) = self.environment(r.env, r.name) {
            return Some(hit);
        }
        if let Some(hit) = r.runpath.as_ref().and_then(|s| self.source(s, r.name)) {
            return Some(hit);
        }
        if let Some(hit) = self.cache(r) {
            return Some(hit);
        }
        if r.nodeflib {
            return None;
        }
        let model = self.disk.model();
        self.list(&model.system_dirs, r.name, &Provenance::SystemDir)
    }

    /// The directories of LD_LIBRARY_PATH, which are the same in every search.
    fn environment(&mut self, dirs: &[Vec<u8>], name: &[u8]) -> Option<Hit<'h>> {
        if dirs.is_empty() || self.log.is_some() {
            return self.list(dirs, name, &Provenance::EnvPath);
        }
        let Elsewhere { hit, errno, other_class } = self.disk.in_environment(name, || {
            let mut s = Search { disk: self.disk, other_class: false, errno: Errno::NONE, log: None };
            let hit = s.list(dirs, name, &Provenance::EnvPath);
            Elsewhere { hit, errno: s.errno, other_class: s.other_class }
        });
        self.errno = errno;
        self.other_class |= other_class;
        hit
    }

    fn source(&mut self, source: &Source<'_>, name: &[u8]) -> Option<Hit<'h>> {
        match source.dirs {
            Ok(dirs) => self.list(dirs, name, &source.provenance),
            Err(defect) => Some(Hit::Fault(defect.clone())),
        }
    }

    /// `open_path` of glibc: one list.
    fn list(&mut self, dirs: &[Vec<u8>], name: &[u8], why: &Provenance) -> Option<Hit<'h>> {
        let model = self.disk.model();
        for dir in dirs {
            let relative = !dir.starts_with(b"/");
            let mut any = false;
            for sub in &model.subdirs {
                let mut path = Vec::with_capacity(dir.len() + sub.len() + name.len());
                path.extend_from_slice(dir);
                path.extend_from_slice(sub);
                if !relative && !self.disk.is_dir(&path) {
                    if sub.is_empty() {
                        self.note(why, &path, Outcome::NoDirectory);
                        self.errno = Errno::ENOENT;
                    }
                    continue;
                }
                any = true;
                path.extend_from_slice(name);
                match self.attempt(&path, why) {
                    Tried::Opened(hit) | Tried::Ends(hit) => return Some(hit),
                    Tried::Passed(e) => self.errno = e,
                }
            }
            let goes_on = matches!(self.errno, Errno::ENOENT | Errno::EACCES)
                || (self.errno == Errno::ENOTDIR && model.rules.tolerates_enotdir);
            if any && !goes_on {
                self.note(why, dir, Outcome::ListAbandoned(self.errno));
                return None;
            }
        }
        None
    }

    fn cache(&mut self, r: &Request<'_>) -> Option<Hit<'h>> {
        let model = self.disk.model();
        let path = model.cache.as_ref().and_then(|c| c.lookup(r.name, &model.cache_query()));
        let Some(path) = path else {
            self.note(&Provenance::Cache, r.name, Outcome::NotInCache);
            return None;
        };
        if r.nodeflib && model.system_dirs.iter().any(|d| path.starts_with(d)) {
            return None;
        }
        match self.attempt(path, &Provenance::Cache) {
            Tried::Opened(hit) | Tried::Ends(hit) => Some(hit),
            Tried::Passed(e) => {
                self.errno = e;
                None
            }
        }
    }

    /// One `open_verify`.
    fn attempt(&mut self, path: &[u8], why: &Provenance) -> Tried<'h> {
        let defect = match self.disk.open(path) {
            Opening::Errno(e) => {
                self.note(why, path, Outcome::Errno(e));
                return Tried::Passed(e);
            }
            Opening::Image(image) => match &image.image {
                Image::Mapped(_) => {
                    self.note(why, path, Outcome::Found);
                    let provenance = why.clone();
                    return Tried::Opened(Hit::Opened { path: path.to_vec(), image, provenance });
                }
                Image::Refused(d) => d.clone(),
            },
            Opening::Special(Kind::Fifo, _) => return Tried::Ends(Hit::Blocks(path.to_vec())),
            Opening::Special(Kind::Socket, _) => return Tried::Passed(Errno::ENXIO),
            Opening::Special(Kind::Dir, _) => Defect::Unreadable(Some(Errno::EISDIR)),
            Opening::Special(Kind::File | Kind::Device, stat) => match stat.rdev {
                Some((1, 3)) => Defect::TooShort,
                Some((1, 5 | 7)) => Defect::NotElf,
                _ => return Tried::Ends(Hit::Unknowable(path.to_vec())),
            },
            Opening::Changed => return Tried::Ends(Hit::Changed(path.to_vec())),
        };
        if let Effect::Skip { other_class } = defect.effect() {
            self.other_class |= other_class;
            self.note(why, path, Outcome::PassedOver(defect));
            return Tried::Passed(Errno::ENOENT);
        }
        self.note(why, path, Outcome::Refused(defect.clone()));
        Tried::Ends(Hit::Refused { path: path.to_vec(), defect })
    }

    fn note(&mut self, why: &Provenance, path: &[u8], outcome: Outcome) {
        if let Some(log) = self.log.as_deref_mut() {
            log.push(Attempt { provenance: why.clone(), path: path.to_vec(), outcome });
        }
    }
}
