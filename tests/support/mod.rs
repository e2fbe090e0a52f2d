//! The harness behind `loader_cases`: read directives, build, predict, load, compare.

pub mod build;
pub mod directives;
pub mod edit;
pub mod elf;
pub mod judge;
pub mod outcome;
pub mod predict;
pub mod run;
