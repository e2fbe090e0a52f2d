//! What the build script and the release tool have in common: one text of each rule.
//! Nothing else may be written here; the files are those of `build/` at the root.

#[path = "../../build/checksums.rs"]
pub mod checksums;
#[path = "../../build/environment.rs"]
pub mod environment;
#[path = "../../build/universal.rs"]
pub mod universal;
#[path = "../../build/version.rs"]
pub mod version;
