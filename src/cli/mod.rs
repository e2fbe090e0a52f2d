//! The command line: from arguments to an exit status.
//! The only part of the product that prints, and it must never judge anything itself.
//! One file a command; `args` is what was written, `request` what was meant, `session` what it takes.

pub mod args;
mod batch;
mod cache;
mod cmd_audit;
mod cmd_completions;
mod cmd_doctor;
mod cmd_explain;
mod cmd_helper;
mod cmd_home;
mod cmd_loader;
mod cmd_merge;
mod cmd_tree;
mod cmd_verify;
pub mod exit;
mod interrupt;
pub mod level3;
mod machines;
mod macos;
mod progress;
mod remember;
pub mod report;
pub mod request;
mod session;
mod times;
mod whole;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{Raw, RawCommand};
use exit::Exit;

use crate::loader::helper::SELF_ARGUMENT;
use crate::loader::portable;

/// Runs the program.
pub fn run() -> ExitCode {
    if let Some(status) = as_helper() {
        return status;
    }
    let raw = match Raw::try_parse() {
        Ok(raw) => raw,
        Err(answer) => {
            // Help and version are answers too; a closed pipe is nobody's problem.
            let _ = answer.print();
            return if answer.use_stderr() { Exit::Usage.into() } else { Exit::Clean.into() };
        }
    };
    let done = match raw.command {
        RawCommand::Verify(args) => cmd_verify::run(args),
        RawCommand::Merge(args) => cmd_merge::run(&args),
        RawCommand::Audit(args) => cmd_audit::run(args),
        RawCommand::Doctor(args) => cmd_doctor::run(args),
        RawCommand::Tree(args) => cmd_tree::run(args),
        RawCommand::Explain(args) => cmd_explain::run(&args),
        RawCommand::Loader(args) => cmd_loader::run(args),
        RawCommand::Helper(args) => cmd_helper::run(&args),
        RawCommand::Completions(args) => cmd_completions::completions(&args),
        RawCommand::Man(args) => cmd_completions::man(&args),
    };
    done.unwrap_or_else(|failure| {
        if !failure.is_closed_pipe() {
            complain(&failure.to_string());
        }
        failure.exit()
    })
    .into()
}

/// This program started as its own portable helper. Decided before anything else: the helper has one thread.
fn as_helper() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    arguments.next().filter(|first| first == SELF_ARGUMENT)?;
    Some(ExitCode::from(u8::try_from(portable::run(arguments.collect())).unwrap_or(1)))
}

/// Says something on standard error. If nobody can be told, nobody is told.
fn complain(what: &str) {
    let _ = writeln!(std::io::stderr(), "tsuku-verify: {what}");
}
