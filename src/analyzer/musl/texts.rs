//! musl's sentences, byte for byte.
//! It must never be used for people: what they read comes from the catalogue.
//! Follows musl ldso/dynlink.c (every call of error) and src/errno/__strerror.h.

use crate::analyzer::defect::{Defect, Effect};
use crate::analyzer::errno::Errno;

/// `Error loading shared library NAME: ERRNO[ (needed by PATH)]`.
pub(super) fn loading(name: &[u8], errno: Errno, needed_by: Option<&[u8]>) -> Vec<u8> {
    let mut out = b"Error loading shared library ".to_vec();
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(errno.musl_text().as_bytes());
    if let Some(path) = needed_by {
        out.extend_from_slice(b" (needed by ");
        out.extend_from_slice(path);
        out.extend_from_slice(b")");
    }
    out
}

/// `Error relocating PATH: ...`.
pub(super) fn relocating(path: &[u8], rest: &[&[u8]]) -> Vec<u8> {
    let mut out = b"Error relocating ".to_vec();
    out.extend_from_slice(path);
    out.extend_from_slice(b": ");
    rest.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// The errno musl repeats for a file it does not map; none if it dies of it, or nobody knows.
pub(super) fn errno_of(defect: &Defect) -> Option<Errno> {
    match defect {
        Defect::TooShort | Defect::FileType(_) | Defect::HeadersUnreadable(_) | Defect::NoDynamic => {
            Some(Errno::ENOEXEC)
        }
        Defect::Unreadable(errno) => Some(errno.unwrap_or(Errno::EIO)),
        Defect::Unmappable(errno) => Some(*errno),
        _ => None,
    }
}

/// How the loader dies of a defect, if it does.
pub(super) fn death_of(defect: &Defect) -> Option<crate::analyzer::model::Death> {
    match defect.effect() {
        Effect::Dies(death) => Some(death),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_have_their_parts() {
        assert_eq!(
            loading(b"libx.so", Errno::ELOOP, Some(b"/l/a.so")),
            b"Error loading shared library libx.so: Symbolic link loop (needed by /l/a.so)"
        );
        assert_eq!(
            relocating(b"/l/a.so", &[b"f", b": symbol not found"]),
            b"Error relocating /l/a.so: f: symbol not found"
        );
        assert_eq!(errno_of(&Defect::NoDynamic), Some(Errno::ENOEXEC));
        assert_eq!(errno_of(&Defect::HashCycle), None);
    }
}
