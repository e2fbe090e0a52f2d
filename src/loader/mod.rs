//! Level 3: really load a library, in a process made for nothing else.
//! It must never read a library's format, and never print; what may run, and what ran, is told as data.
//! The measure is `dlopen(path, RTLD_NOW | RTLD_LOCAL)` in a fresh process (glibc dlfcn/dlopen.c, musl ldso/dynlink.c).

pub mod escalate;
pub mod finding;
mod foreign;
pub mod helper;
pub mod options;
pub mod outcome;
pub mod pool;
pub mod portable;
#[cfg(not(fuzzing))]
mod protocol;
#[cfg(fuzzing)]
#[expect(missing_docs, reason = "open to the fuzz targets only")]
pub mod protocol;
pub mod random;
pub mod sandbox;
pub mod seal;

pub use options::ProbeOptions;
pub use outcome::{Agreement, Details, ProbeOutcome};
pub use pool::probe;
