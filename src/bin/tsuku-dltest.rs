//! `tsuku-dltest`, the portable helper: loads libraries with the system's loader and tells how it went.
//! It must never do more than hand its arguments to the loader room.
//! The protocol is tsuku's: paths in, one JSON array out.

#![expect(clippy::disallowed_methods, reason = "a program reads its arguments and ends with a status")]

fn main() {
    std::process::exit(tsuku_verify::loader::portable::run(std::env::args_os().skip(1).collect()));
}
