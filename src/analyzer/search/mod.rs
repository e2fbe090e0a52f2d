//! Where a loader looks for a needed library, and what it passes over on the way.
//! It must never decide whether a file is good: it only follows the loader from candidate to candidate.
//! Follows glibc elf/dl-load.c:_dl_map_object and open_path.

pub mod glibc;
pub mod tokens;

use std::sync::Arc;

use super::defect::Defect;
use super::disk::ImageEntry;
use super::errno::Errno;
use super::provenance::Provenance;

/// How a search ends.
#[derive(Clone, Debug)]
pub enum Hit<'h> {
    /// A file was opened.
    Opened {
        /// `l_name`: the path as opened.
        path: Vec<u8>,
        /// The file.
        image: Arc<ImageEntry<'h>>,
        /// Why it was looked for there.
        provenance: Provenance,
    },
    /// `NAME: cannot open shared object file[: ...]`; errno 0 means that nothing at all was tried.
    NotFound(Errno),
    /// `NAME: wrong ELF class: ...`
    OtherClass,
    /// A candidate ends the whole call.
    Refused {
        /// The candidate's path.
        path: Vec<u8>,
        /// Why.
        defect: Defect,
    },
    /// Reading a path list of the requester fails.
    Fault(Defect),
    /// Opening a pipe never returns.
    Blocks(Vec<u8>),
    /// The file changed while it was read.
    Changed(Vec<u8>),
    /// A device: what it would give cannot be known without reading it.
    Unknowable(Vec<u8>),
}
