//! Releases of `tsuku-verify`: plan, build, inspect, pins, assemble, gate, reproduce, host, flip, and all of it locally. And
//! `oracle`, the analyzer against the real loader.
//!
//! One rule runs through all verbs: nothing is published unless the whole set of assets is there, fits together, and was
//! read back from where it will be fetched. Every refusal is a value of `Problem`.

pub mod archive;
pub mod assemble;
pub mod backend;
pub mod compile;
pub mod files;
pub mod fixtures;
pub mod flip;
pub mod gate;
pub mod host;
pub mod inspect;
pub mod licences;
pub mod local;
pub mod manifest;
pub mod marks;
pub mod options;
pub mod oracle;
pub mod pins;
pub mod plan;
pub mod problem;
pub mod reproduce;
pub mod roots;
pub mod sbom;
pub mod shared;
pub mod targets;
pub mod tools;
pub mod verbs;
