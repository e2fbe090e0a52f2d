//! Says whether shared libraries will load, and if not, why: a static prediction of the loader's verdict.
//!
//! The analyzer reads files and never runs them; the command line is the only part that prints.
//! Data flow: paths, files, facts, link map, versions and bindings, verdict, report.

pub mod analyzer;
pub mod cli;
pub mod home;
pub mod loader;
