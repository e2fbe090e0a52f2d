//! What a build of ours sees of this machine's environment: where tools and sources are, and how they are fetched.
//! It must never let a flag, a wrapper, another compiler or a setting of a profile through: they would be in the bytes.
//! Shared by the build script and the release tool.

use std::ffi::{OsStr, OsString};
use std::process::Command;

/// Names that are kept.
const NAMES: [&str; 15] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_AUTO_INSTALL",
    // Apple's tools: which Xcode, which SDK. What they make is checked afterwards.
    "DEVELOPER_DIR",
    "SDKROOT",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "NO_PROXY",
    "no_proxy",
];
/// Beginnings of names that are kept: registries, certificates.
const BEGINNINGS: [&str; 5] =
    ["CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTRY_", "CARGO_REGISTRIES_", "SSL_CERT_"];

/// Whether a build sees the variable.
pub fn is_kept(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        NAMES.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
    })
}

/// Takes everything else from a command.
pub fn clean(command: &mut Command, all: impl IntoIterator<Item = (OsString, OsString)>) {
    command.env_clear().envs(all.into_iter().filter(|(name, _)| is_kept(name)));
}
