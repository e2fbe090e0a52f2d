//! How a run ends: the exit statuses, and the errors that are ours and not a library's.
//! It must never turn a verdict into an error; a failing library is a result.
//! 7 leaves 1 and 2 to their usual meaning in shells and build tools.

use std::io;
use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Nothing is broken.
    Clean,
    /// At least one library failed.
    Broken,
    /// The work, or a part of it, could not be done.
    Unable,
    /// The command line makes no sense.
    Usage,
    /// The home has no library or tool of that name.
    UnknownName,
}

impl Exit {
    /// The exit status.
    pub fn status(self) -> u8 {
        match self {
            Exit::Clean => 0,
            Exit::Broken => 7,
            Exit::Unable => 1,
            Exit::Usage => 2,
            Exit::UnknownName => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.status())
    }
}

/// Why a command gave up.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The home has nothing of that name.
    #[error("{0}")]
    UnknownName(String),
    /// Something needed for the work is not there.
    #[error("{0}")]
    Unable(String),
    /// The report cannot be written.
    #[error("cannot write the report: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// How the run ends. Whoever closes the pipe has read what they wanted.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Usage(_) => Exit::Usage,
            Failure::UnknownName(_) => Exit::UnknownName,
            Failure::Unable(_) => Exit::Unable,
            Failure::Output(_) if self.is_closed_pipe() => Exit::Clean,
            Failure::Output(_) => Exit::Unable,
        }
    }

    /// The reader went away.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Failure::Output(e) if e.kind() == io::ErrorKind::BrokenPipe)
    }
}
