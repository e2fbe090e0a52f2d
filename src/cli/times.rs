//! What `--timings` says: where the time went and how much was done.
//! It must never touch standard output.
//! The phases are those of DESIGN.md; page faults are the kernel's count, proc(5).

use std::fmt::Write;
use std::time::Duration;

use super::complain;
use crate::analyzer::host::real::{ByteStore, RealHost};
use crate::analyzer::host::{Host, Opened};
use crate::analyzer::timings::Timings;

/// Tells all of it. `store` holds the bytes of the run, `wall` is the time from the beginning.
pub fn tell(timings: &Timings, store: &ByteStore, wall: Duration) {
    let mut text = String::from("timings, milliseconds over all threads:");
    for (name, spent) in timings.phases() {
        let _ = write!(text, "\n  {name:<24}{spent:>12.2}");
    }
    let _ = write!(text, "\n  {:<24}{:>12.2}", "wall", wall.as_secs_f64() * 1000.0);
    let (mapped, read) = store.sizes();
    let sizes = [("bytes mapped", mapped), ("bytes read", read)];
    for (name, count) in timings.counts().into_iter().chain(sizes) {
        let _ = write!(text, "\n  {name:<24}{count:>12}");
    }
    if let Some(faults) = page_faults() {
        let _ = write!(text, "\n  {:<24}{faults:>12}", "page faults");
    }
    complain(&text);
}

/// Page faults of this process that needed no disk.
fn page_faults() -> Option<u64> {
    let store = ByteStore::new();
    let Ok(Opened::File(_, stat)) = RealHost::new(&store).open(b"/proc/self/stat") else { return None };
    // The name stands in brackets and may hold anything.
    let behind = stat.get(stat.iter().rposition(|b| *b == b')')? + 2..)?;
    let field = behind.split(|b| *b == b' ').nth(7)?;
    std::str::from_utf8(field).ok()?.parse().ok()
}
