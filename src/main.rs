//! tsuku-verify: says whether shared libraries will load.
//! It must never do more than hand over to the command line.
//! The exit status is that of `cli::exit`.

const _: () = assert!(
    tsuku_verify::loader::helper::COMPLETE,
    "TSUKU_RELEASE_VERSION is set, but TSUKU_DLTEST_PINS has no hash of this platform's helper"
);

fn main() -> std::process::ExitCode {
    tsuku_verify::cli::run()
}
