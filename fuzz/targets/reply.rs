//! What a helper writes back: a probed library may have written it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsuku_verify::loader::protocol::{Head, reply};

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Head::Whole(answer, len) = reply(rest) {
        assert!(len <= rest.len() && len > 0, "a reply is as long as it says");
        std::hint::black_box(answer);
        rest = &rest[len..];
    }
});
