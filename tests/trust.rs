//! Can the analyzer be believed? Files that promise more than they hold, faults around the files, and laws for every input.
//! It must never share code with what it checks, nor wait for a clock.
#![expect(clippy::disallowed_methods, reason = "tests make, change and remove the files they judge")]

#[path = "trust/bombs.rs"]
mod bombs;
#[path = "trust/faults.rs"]
mod faults;
#[path = "trust/interrupts.rs"]
mod interrupts;
#[path = "trust/laws.rs"]
mod laws;
#[path = "support/tiny.rs"]
mod tiny;
#[path = "support/world.rs"]
mod world;

/// Every limit is documented with what happens at it.
#[test]
fn limits_are_told() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let limits = std::fs::read_to_string(root.join("src/analyzer/image/limits.rs")).unwrap();
    let told = std::fs::read_to_string(root.join("docs/SECURITY.md")).unwrap();
    let names = limits.lines().filter_map(|l| l.strip_prefix("pub const ")?.split(':').next());
    let untold: Vec<&str> = names.filter(|name| !told.contains(&format!("`{name}`"))).collect();
    assert!(untold.is_empty(), "docs/SECURITY.md does not tell of {untold:?}");
}
