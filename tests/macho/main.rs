//! Facts of Mach-O files: hand-made images, right and wrong ones, against what dyld's source says about each.
#![expect(clippy::disallowed_methods, reason = "mutants are made of files, if one says so")]

mod binds;
mod chains;
mod commands;
mod exports;
mod fat;
mod image;
mod mutants;
mod rebases;
mod second_reader;
mod signature;
mod valid;
