//! `completions` and `man`: the command line described for shells and for manual readers.
//! It must never say anything that `args.rs` does not say.
//! Made by clap's own generators, so that they cannot fall behind.

use std::io::Write;

use clap::CommandFactory;

use super::args::{CompletionsArgs, ManArgs, Raw};
use super::exit::{Exit, Failure};
use super::report;
use super::report::escape::escaped;
use crate::home::near::near;

/// Prints the completions of a shell.
///
/// # Errors
/// They cannot be written.
pub fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    let mut command = Raw::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut text);
    let mut out = report::pipe();
    out.write_all(&text)?;
    out.flush()?;
    Ok(Exit::Clean)
}

fn unknown(whole: &clap::Command, name: &str) -> Failure {
    let near = near(name, whole.get_subcommands().map(clap::Command::get_name));
    let near = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
    Failure::Usage(format!("there is no command {}{near}", escaped(name.as_bytes())))
}

/// Prints a manual page.
///
/// # Errors
/// Usage: there is no such command.
pub fn man(args: &ManArgs) -> Result<Exit, Failure> {
    let mut whole = Raw::command();
    whole.build();
    let command = match &args.command {
        None => whole,
        Some(name) => whole.find_subcommand(name).cloned().ok_or_else(|| unknown(&whole, name))?,
    };
    let mut out = report::pipe();
    clap_mangen::Man::new(command).render(&mut out)?;
    out.flush()?;
    Ok(Exit::Clean)
}
