//! tsuku-verify: says whether shared libraries will load.
//! It must never do more than hand over to the command line.
//! The exit status is that of `cli::exit`.

fn main() -> std::process::ExitCode {
    tsuku_verify::cli::run()
}
