//! Where a report goes: standard output, or a file that is there whole or not at all.
//! It must never leave a half-written file under the name asked for, nor a temporary one when the run is given up.
//! See `whole.rs` for how the file is written.

use std::fs::File;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::Path;
use std::sync::Arc;

use anstream::{AutoStream, StripStream};

use super::super::remember::Recording;
use super::super::request::Run;
use super::super::whole::Pending;

/// The receiver of a report.
pub struct Sink {
    place: Out,
    for_people: bool,
    recording: Option<Arc<Recording>>,
}

/// What it writes to.
enum Out {
    /// Standard output, for programs.
    Data(BufWriter<StdoutLock<'static>>),
    /// Standard output, for people.
    People(BufWriter<AutoStream<StdoutLock<'static>>>),
    /// A file.
    File(BufWriter<StripStream<File>>, Pending),
}

impl Sink {
    /// For programs.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn data(run: &Run) -> io::Result<Sink> {
        Sink::new(run, false, || Out::Data(super::pipe()))
    }

    /// For people.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn people(run: &Run) -> io::Result<Sink> {
        Sink::new(run, true, || Out::People(super::screen(run.screen.color)))
    }

    fn new(run: &Run, for_people: bool, screen: impl FnOnce() -> Out) -> io::Result<Sink> {
        let place = match &run.output {
            Some(place) => Out::file(place, run)?,
            None => screen(),
        };
        Ok(Sink { place, for_people, recording: run.recording.clone() })
    }

    /// The report is whole.
    ///
    /// # Errors
    /// The writer's, or that of the rename.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        match self.place {
            Out::File(_, pending) => pending.finish(),
            Out::Data(_) | Out::People(_) => Ok(()),
        }
    }
}

impl Out {
    fn file(place: &Path, run: &Run) -> io::Result<Out> {
        let (file, pending) = Pending::new(place, &run.interruption)?;
        Ok(Out::File(BufWriter::new(StripStream::new(file)), pending))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.place {
            Out::Data(out) => out.write(bytes),
            Out::People(out) => out.write(bytes),
            Out::File(out, _) => out.write(bytes),
        }?;
        if let Some(recording) = &self.recording {
            recording.print(bytes.get(..written).unwrap_or(bytes), self.for_people);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.place {
            Out::Data(out) => out.flush(),
            Out::People(out) => out.flush(),
            Out::File(out, _) => out.flush(),
        }
    }
}
