//! `helper export`, `helper check` and `helper status`: the embedded helper as a file, and what this build carries and accepts.
//! It must never overwrite a file, nor write anything that is not the embedded bytes, nor run what it checks.
//! The exported file is the release asset, byte for byte.
#![expect(clippy::disallowed_methods, reason = "exporting a file is what the command is for")]

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure};
use super::report;
use super::report::escape::escaped;
use crate::loader::helper::{EMBEDDED, accept, status};

/// `helper`.
#[derive(Debug, Args)]
pub struct HelperArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: HelperCommand,
}

/// The sub-commands.
#[derive(Debug, Subcommand)]
pub enum HelperCommand {
    /// Write the embedded helper to a new file, or to standard output if FILE is `-`.
    Export {
        /// The file; it must not exist.
        #[arg(value_name = "FILE", default_value = "-")]
        file: OsString,
    },
    /// Say whether a file is the helper this build was made with; status 3 if it is not. Nothing is run.
    Check {
        /// The file.
        #[arg(value_name = "FILE")]
        file: OsString,
    },
    /// Show what is embedded and what is accepted, as JSON.
    Status,
}

/// Runs the command.
///
/// # Errors
/// Nothing is embedded, the file exists already, or it cannot be written.
pub fn run(args: &HelperArgs) -> Result<Exit, Failure> {
    let mut out = report::pipe();
    match &args.command {
        HelperCommand::Export { file } => {
            let bytes =
                EMBEDDED.ok_or_else(|| Failure::Unable("this build has no embedded helper".to_owned()))?;
            if file == "-" {
                out.write_all(bytes)?;
            } else {
                let unable = |e| Failure::Unable(format!("cannot write {}: {e}", escaped(file.as_bytes())));
                let options = OpenOptions::new().write(true).create_new(true).mode(0o755).open(file);
                options
                    .and_then(|mut to| to.write_all(bytes).and_then(|()| to.sync_all()))
                    .map_err(unable)?;
            }
        }
        HelperCommand::Check { file } => {
            let sum = accept(Path::new(file))?;
            writeln!(out, "{}: accepted, SHA-256 {sum}", escaped(file.as_bytes()))?;
        }
        HelperCommand::Status => {
            serde_json::to_writer_pretty(&mut out, &status()).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(Exit::Clean)
}
