//! Every directory `testdata/<family>/<case>` is built, predicted, really loaded and compared. The loader is the judge: a case
//! fails unless its directive, the prediction and the loader say the same. `testdata/README.md` has the directive language.
//!
//! `TSUKU_TEST_LOADER_ONLY=1` leaves the prediction out, `TSUKU_TEST_ONLY=text` picks cases by name, `TSUKU_TEST_KEEP=1` keeps
//! the built files, `TSUKU_TEST_REQUIRE_ALL=1` turns skips into failures.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(clippy::disallowed_methods, reason = "a test harness builds files and starts processes")]
#![expect(clippy::print_stderr, reason = "skipped cases are said")]

mod support;

macro_rules! families {
    ($($family:ident)*) => {
        const FAMILIES: &[&str] = &[$(stringify!($family)),*];
        $(
            #[test]
            fn $family() {
                support::run::family(stringify!($family));
            }
        )*
    };
}

families! {
    peers header object mapping stack dynamic loaded search tokens hwcaps filter versions lookup
    relocations order tls ifunc protection properties init combined musl
}

#[test]
fn every_case_is_registered_and_well_formed() {
    support::run::check_registration(FAMILIES);
}
