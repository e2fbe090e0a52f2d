//! tsuku's state.json.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsuku_verify::home::state;

fuzz_target!(|bytes: &[u8]| {
    let _ = std::hint::black_box(state::parse(b"state.json", bytes));
});
