//! Where a report goes: standard output, or a file that is there whole or not at all.
//! It must never leave a half-written file under the name asked for, nor a temporary one when the run is given up.
//! The file is written beside its place and renamed, which replaces an older one in one step.
#![expect(clippy::disallowed_methods, reason = "the one file that is written, because --output asks for it")]

use std::fs::{self, File};
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, StripStream};

use super::super::interrupt::Interruption;
use super::super::request::Run;

/// The receiver of a report.
pub enum Sink {
    /// Standard output, for programs.
    Data(BufWriter<StdoutLock<'static>>),
    /// Standard output, for people.
    People(BufWriter<AutoStream<StdoutLock<'static>>>),
    /// A file.
    File(Box<Pending>),
}

/// A file that is being written.
pub struct Pending {
    out: BufWriter<StripStream<File>>,
    temporary: PathBuf,
    place: PathBuf,
    done: bool,
    interruption: Interruption,
}

impl Sink {
    /// For programs.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn data(run: &Run) -> io::Result<Sink> {
        match &run.output {
            Some(place) => Pending::new(place, &run.interruption).map(Sink::File),
            None => Ok(Sink::Data(super::pipe())),
        }
    }

    /// For people.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn people(run: &Run) -> io::Result<Sink> {
        match &run.output {
            Some(place) => Pending::new(place, &run.interruption).map(Sink::File),
            None => Ok(Sink::People(super::screen(run.screen.color))),
        }
    }

    /// The report is whole.
    ///
    /// # Errors
    /// The writer's, or that of the rename.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        if let Sink::File(pending) = &mut self {
            fs::rename(&pending.temporary, &pending.place)?;
            pending.done = true;
        }
        Ok(())
    }
}

impl Pending {
    fn new(place: &Path, interruption: &Interruption) -> io::Result<Box<Pending>> {
        let name = place.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}", std::process::id()));
        let temporary = place.with_file_name(hidden);
        let file = File::create_new(&temporary)?;
        interruption.half_written(Some(&temporary));
        let out = BufWriter::new(StripStream::new(file));
        let (place, interruption) = (place.to_owned(), interruption.clone());
        Ok(Box::new(Pending { out, temporary, place, done: false, interruption }))
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

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Data(out) => out.write(bytes),
            Sink::People(out) => out.write(bytes),
            Sink::File(pending) => pending.out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Data(out) => out.flush(),
            Sink::People(out) => out.flush(),
            Sink::File(pending) => pending.out.flush(),
        }
    }
}
