//! How a run ends: the exit statuses, and the errors that are ours and not a library's.
//! It must never turn a verdict into an error; a failing library is a result.
//! 7 leaves 1 and 2 to their usual meaning in shells and build tools.

use std::io;
use std::process::ExitCode;

use super::report::escape::escaped;
use crate::loader::helper::HelperError;

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
    /// A helper is there for Level 3, and it is not the one that was built for this program. Nothing was run.
    HelperRefused,
}

impl Exit {
    /// The exit status.
    pub fn status(self) -> u8 {
        match self {
            Exit::Clean => 0,
            Exit::Broken => 7,
            Exit::Unable => 1,
            Exit::Usage => 2,
            // What is there under the name is not what may be used.
            Exit::UnknownName | Exit::HelperRefused => 3,
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
    /// There is no helper for Level 3 that may run.
    #[error("{}", escaped(.0.to_string().as_bytes()))]
    Helper(#[from] HelperError),
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
            Failure::Helper(HelperError::Refused { .. }) => Exit::HelperRefused,
            Failure::Unable(_) | Failure::Helper(_) => Exit::Unable,
            Failure::Output(_) if self.is_closed_pipe() => Exit::Clean,
            Failure::Output(_) => Exit::Unable,
        }
    }

    /// The reader went away.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Failure::Output(e) if e.kind() == io::ErrorKind::BrokenPipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_that_was_tampered_with_is_never_a_mere_warning() {
        let of = |error: HelperError| Failure::from(error).exit().status();
        let (path, reason) = (std::path::PathBuf::from("h"), String::new());
        assert_eq!(of(HelperError::Refused { path: path.clone(), reason: reason.clone() }), 3);
        assert_eq!(of(HelperError::Chosen { path, reason: reason.clone() }), 1);
        assert_eq!(of(HelperError::Unavailable { reason }), 1);
    }
}
