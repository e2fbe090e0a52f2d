//! Where a report goes: standard output, or a file that is there whole or not at all.
//! It must never leave a half-written file under the name asked for, nor a temporary one when the run is given up.
//! See `whole.rs` for how the file is written.

use std::fs::File;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::Path;
use std::sync::Arc;

use anstream::{AutoStream, StripStream};

use super::super::remember::Recording;
use super::super::request::{Format, Run};
use super::super::whole::Pending;

/// The receiver of a report.
pub struct Sink {
    place: Out,
    for_people: bool,
    recording: Option<Arc<Recording>>,
    /// Lines are read while the work goes on: whoever stops reading wants it to end.
    streams: bool,
    /// Nobody reads any more. The work is done, and its status is still to be told.
    closed: bool,
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
        let streams = run.format == Format::Ndjson;
        Ok(Sink { place, for_people, recording: run.recording.clone(), streams, closed: false })
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

impl Out {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Out::Data(out) => out,
            Out::People(out) => out,
            Out::File(out, _) => out,
        }
    }
}

impl Sink {
    /// Does something with the receiver, unless it is gone; `lost` is what it then would have done.
    fn with<T>(&mut self, lost: T, work: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
        if self.closed {
            return Ok(lost);
        }
        match work(self.place.writer()) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe && !self.streams => {
                self.closed = true;
                Ok(lost)
            }
            done => done,
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.with(bytes.len(), |out| out.write(bytes))?;
        if let Some(recording) = &self.recording {
            recording.print(bytes.get(..written).unwrap_or(bytes), self.for_people);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with((), |out| out.flush())
    }
}
