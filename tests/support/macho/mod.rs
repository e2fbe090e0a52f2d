//! The harness behind `macho_cases`: read a case, link its images, ask the program, compare.

pub mod build;
pub mod case;
pub mod edit;
pub mod run;
