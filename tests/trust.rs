//! Can the analyzer be believed? Files that promise more than they hold, faults around the files, and laws for every input.
//! It must never share code with what it checks, nor wait for a clock.
#![expect(clippy::disallowed_methods, reason = "tests make, change and remove the files they judge")]

#[path = "trust/bombs.rs"]
mod bombs;
#[path = "trust/faults.rs"]
mod faults;
#[path = "trust/laws.rs"]
mod laws;
#[path = "support/tiny.rs"]
mod tiny;
#[path = "support/world.rs"]
mod world;
