//! Levels 1 and 2 as musl's loader has them: what it maps, where it looks, what it binds, how it fails.
//! It must never apply a rule of glibc, nor leave out a check only because musl does: that is what its verdicts are.
//! Follows musl ldso/dynlink.c, one module for each of its steps.

pub mod judge;
pub mod load;
pub mod process;
pub mod program;
pub mod read;

mod dynamic;
mod lfs64;
mod order;
mod relocs;
mod scope;
mod search;
mod texts;
mod unchecked;
