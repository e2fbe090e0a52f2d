//! Why an object is in a link map, and what was tried before it: the words every report uses.
//! It holds plain data only; the list of attempts is the explanation.
//! The sources are those of glibc elf/dl-load.c:_dl_map_object, in its order.

use super::defect::Defect;
use super::errno::Errno;
use super::model::NodeIx;

/// Why the loader looked in a place, and so why an edge of the link map is what it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Provenance {
    /// The library asked for, or the program itself.
    Root,
    /// In the process before the library was opened.
    Preloaded,
    /// A loaded object has that name, alias or SONAME.
    AlreadyLoaded,
    /// The name has a slash: a path.
    Slash,
    /// DT_RPATH of this object, which is the requester or one of those that caused it to be loaded.
    Rpath(NodeIx),
    /// DT_RPATH of the main program.
    ProgramRpath,
    /// LD_LIBRARY_PATH.
    EnvPath,
    /// DT_RUNPATH of the requester.
    Runpath,
    /// ld.so.cache.
    Cache,
    /// A default directory.
    SystemDir,
}

/// Why a candidate was passed over, or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Opened.
    Found,
    /// `open` failed.
    Errno(Errno),
    /// The file is for another loader: passed over.
    PassedOver(Defect),
    /// The file ends the search with an error.
    Refused(Defect),
    /// The directory does not exist.
    NoDirectory,
    /// The list was given up after this errno.
    ListAbandoned(Errno),
    /// The cache has no entry, or there is no cache.
    NotInCache,
}

/// One candidate the loader tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// Why it was tried.
    pub provenance: Provenance,
    /// The path, as the loader would print it.
    pub path: Vec<u8>,
    /// What came of it.
    pub outcome: Outcome,
}
