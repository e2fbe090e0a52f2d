//! `explain`: what a finding means and how to mend it, from the catalogue.
//! It must never look at a file; it needs no loader.
//! Without a code it lists all of them.

use std::collections::HashSet;
use std::io::Write;

use super::args::{Color, ExplainArgs};
use super::exit::{Exit, Failure};
use super::report::escape::escaped;
use super::report::{self, HEADING, codes, entry, paragraph};
use super::request::Screen;
use crate::analyzer::catalogue::Entry;
use crate::home::near as slip;

/// Lines get no longer than this, however wide the screen is.
const READABLE: usize = 90;

/// Runs the command.
///
/// # Errors
/// Usage: there is no such code.
pub fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let screen = Screen::new(Color::Auto);
    let mut out = report::screen(screen.color);
    match &args.code {
        Some(code) => {
            let entry = entry(code).ok_or_else(|| unknown(code))?;
            let width = screen.width.map_or(READABLE, |w| usize::from(w).min(READABLE));
            write(&mut out, entry, width)?;
        }
        None => {
            let widest = codes().map(str::len).max().unwrap_or(0);
            for code in codes() {
                let title = entry(code).map_or("", |e| e.title);
                writeln!(out, "{HEADING}{code:widest$}{HEADING:#}  {title}")?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Clean)
}

fn write(out: &mut dyn Write, entry: &Entry, width: usize) -> std::io::Result<()> {
    writeln!(out, "{HEADING}{}{HEADING:#}: {}\n", entry.code, entry.title)?;
    paragraph(out, entry.explanation, "", width)?;
    writeln!(out, "\n{HEADING}What to do{HEADING:#}")?;
    paragraph(out, entry.mend, "", width)
}

fn unknown(code: &str) -> Failure {
    let mut near: Vec<_> = codes().map(|c| (shared_words(c, code), c)).filter(|(n, _)| *n > 0).collect();
    near.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    let slips = slip::near(code, codes()).into_iter();
    let mut near: Vec<&str> = slips.chain(near.into_iter().map(|(_, c)| c)).take(5).collect();
    let mut told = HashSet::new();
    near.retain(|code| told.insert(*code));
    let near = if near.is_empty() {
        "`explain` lists all".to_owned()
    } else {
        format!("near it: {}", near.join(", "))
    };
    Failure::Usage(format!("there is no finding with the code {}; {near}", escaped(code.as_bytes())))
}

/// How many words of `asked` are in `code`.
fn shared_words(code: &str, asked: &str) -> usize {
    let asked = asked.to_ascii_lowercase();
    asked.split(['-', '_', ' ']).filter(|word| word.len() > 2 && code.contains(word)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_leads_to_the_codes_it_may_mean() {
        assert!(unknown("needed_not-found").to_string().contains("needed-not-found"));
        assert!(unknown("symbl-not-fuond").to_string().contains("near it: symbol-not-found"));
        assert!(unknown("zz").to_string().contains("lists all"));
        assert!(unknown("\u{1b}[2J").to_string().contains("\\x1b[2J"));
    }
}
