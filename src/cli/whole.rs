//! A file written so that it is there whole or not at all.
//! It must never leave a half-written file under the name asked for, nor a temporary one when the run is given up.
//! The file is written beside its place and renamed, which replaces an older one in one step (rename(2)).
#![expect(clippy::disallowed_methods, reason = "writes the files that the user asked for")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::interrupt::Interruption;

/// A file that is being written. Dropped before it is finished, it is gone.
pub struct Pending {
    temporary: PathBuf,
    place: PathBuf,
    done: bool,
    interruption: Interruption,
}

impl Pending {
    /// Begins.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn new(place: &Path, interruption: &Interruption) -> io::Result<(File, Pending)> {
        let name = place.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}", std::process::id()));
        let temporary = place.with_file_name(hidden);
        let file = File::create_new(&temporary)?;
        interruption.half_written(Some(&temporary));
        let (place, interruption) = (place.to_owned(), interruption.clone());
        Ok((file, Pending { temporary, place, done: false, interruption }))
    }

    /// It is whole.
    ///
    /// # Errors
    /// That of the rename.
    pub fn finish(mut self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.place)?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.interruption.half_written(None);
        if !self.done {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Writes all of a file.
///
/// # Errors
/// The writer's, or that of the rename.
pub fn write(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let (mut file, pending) = Pending::new(place, &Interruption::default())?;
    file.write_all(bytes)?;
    pending.finish()
}
