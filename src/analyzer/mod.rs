//! Levels 1 and 2: from paths to verdicts, without running anything.
//! It must never print, start a process or read the environment.
//! The phases are those of the loader (glibc elf/dl-open.c), one module each.

pub mod audit;
pub mod bind;
pub mod call;
pub mod catalogue;
pub mod checks;
pub mod classify;
pub mod defect;
pub mod detect;
pub mod disk;
pub mod dyld;
pub mod errno;
pub mod finding;
pub mod host;
pub mod image;
pub mod ldcache;
pub mod level_1;
pub mod link_map;
pub mod loader_model;
pub mod loaders;
pub mod memo;
pub mod model;
pub mod musl;
pub mod process;
pub mod profile;
pub mod program;
pub mod provenance;
pub mod search;
pub mod static_tls;
pub mod store;
pub mod target;
pub mod timings;
pub mod verdict;
