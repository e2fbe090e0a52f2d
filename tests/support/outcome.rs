//! What a load comes to, in the three views that are compared: directive, prediction, loader.

use std::fmt;

/// The result of one `dlopen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Loads,
    /// The text of `dlerror`, byte for byte.
    Fails(String),
    /// `abort` (an assertion inside the loader), `hang`, or a signal name such as `SIGSEGV`.
    Dies(String),
    /// Anything a directive cannot say, so that it can never agree with one.
    Other(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loads => f.write_str("loads"),
            Self::Fails(text) => write!(f, "fails {text:?}"),
            Self::Dies(how) => write!(f, "dies {how}"),
            Self::Other(what) => write!(f, "({what})"),
        }
    }
}

/// Names of the signals a load dies of.
pub fn signal_name(number: i32) -> String {
    let name = match number {
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

/// How one case ended.
pub enum Report {
    Passed,
    Skipped(String),
    Failed(String),
}

/// Why a case could not be judged.
pub enum Stop {
    /// A tool or a processor feature is missing on this machine.
    Missing(String),
    /// The case itself is wrong: bad directive, compile error.
    Broken(String),
}

impl Stop {
    pub fn broken(text: impl Into<String>) -> Self {
        Self::Broken(text.into())
    }
}
