//! `cargo xtask VERB`: see `verbs.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::verbs::main(std::env::args_os().skip(1))
}
