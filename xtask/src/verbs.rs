//! The table of verbs: a name, what it does, its options, the function. A new verb is a new row.
//! It must never do more than find the row and print how it ended.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::options::Options;
use crate::problem::Problem;
use crate::{assemble, compile, flip, gate, host, inspect, local, oracle, pins, plan, reproduce, roots};

/// One verb.
struct Verb {
    name: &'static str,
    usage: &'static str,
    help: &'static str,
    run: fn(&Path, Options) -> Result<(), Problem>,
}

const VERBS: &[Verb] = &[
    Verb {
        name: "plan",
        usage: "(--tag TAG | --rehearsal [--allow-dirty]) [--out FILE] [--github-output FILE]",
        help: "what is released: version, commit, platforms",
        run: plan::run,
    },
    Verb {
        name: "build",
        usage: "--part helper|program --platform NAME --plan FILE --out DIR [--helpers DIR]",
        help: "the binaries of one platform",
        run: compile::run,
    },
    Verb {
        name: "inspect",
        usage: "--dir DIR [--platform NAME]",
        help: "what finished binaries need and how they are hardened",
        run: inspect::run,
    },
    Verb { name: "pins", usage: "--dir DIR --out FILE", help: "the table of all helpers", run: pins::run },
    Verb {
        name: "assemble",
        usage: "--from DIR --plan FILE --out DIR",
        help: "the whole set of assets, checked",
        run: assemble::run,
    },
    Verb {
        name: "gate",
        usage: "--dir DIR --plan FILE",
        help: "this machine's binaries at work",
        run: gate::run,
    },
    Verb {
        name: "roots",
        usage: "[--dir DIR --plan FILE] [--root DIR]... [--make DIR] | --can-enter",
        help: "the binaries in systems with another C library",
        run: roots::run,
    },
    Verb {
        name: "reproduce",
        usage: "--dir DIR --plan FILE --platform NAME",
        help: "build again in another directory, compare",
        run: reproduce::run,
    },
    Verb {
        name: "host",
        usage: "--dir DIR --plan FILE --backend gh|dir:PATH [--gh PROGRAM] [--fault FAULT]",
        help: "make or complete the draft, read it back",
        run: host::run,
    },
    Verb {
        name: "flip",
        usage: "--dir DIR --plan FILE --backend gh|dir:PATH [--gh PROGRAM] [--fault FAULT]",
        help: "publish the draft",
        run: flip::run,
    },
    Verb {
        name: "local",
        usage: "--out DIR [--allow-dirty] [--any-toolchain] [--no-reproduce] [--root DIR]... [--make-roots DIR]",
        help: "all of it on this machine",
        run: local::run,
    },
    Verb {
        name: "oracle",
        usage: "[--dir DIR]... [--debian PACKAGE]... [--bin FILE] [--show N]",
        help: "predictions beside this machine's loader; really loads what it asks about",
        run: oracle::run,
    },
];

/// Runs one verb. Status 0: done; 1: refused; 2: wrong usage.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_default();
    let Some(verb) = VERBS.iter().find(|verb| name == verb.name) else {
        eprint!("{}", usage());
        return ExitCode::from(2);
    };
    let done =
        repository(std::env::current_dir().ok()).and_then(|root| (verb.run)(&root, Options::new(words)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem @ Problem::Usage(_)) => {
            eprintln!("xtask {}: {problem}\nusage: cargo xtask {} {}", verb.name, verb.name, verb.usage);
            ExitCode::from(2)
        }
        Err(problem) => {
            eprintln!("xtask {}: {}: {problem}", verb.name, problem.code());
            ExitCode::FAILURE
        }
    }
}

/// The directory with `release/targets.toml`, at or above `start`.
fn repository(start: Option<PathBuf>) -> Result<PathBuf, Problem> {
    let start = start.unwrap_or_default();
    let found = start.ancestors().find(|dir| dir.join("release/targets.toml").is_file());
    found.map(Path::to_owned).ok_or_else(|| Problem::Usage("this is not the repository".to_owned()))
}

fn usage() -> String {
    let mut text = "usage: cargo xtask VERB\n".to_owned();
    for verb in VERBS {
        text += &format!("  {:<10} {}\n             {}\n", verb.name, verb.help, verb.usage);
    }
    text
}
