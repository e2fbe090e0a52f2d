//! Which macOS Mach-O files are judged by: the one that was named, this Mac's, or the default one.
//! It must never start a process; a Mac that does not say what it is is taken for the default one.
//! The file is the one `sw_vers` prints.

use super::exit::Failure;
use super::request::Judging;
use crate::analyzer::dyld::{self, MacosChoice};
use crate::analyzer::host::Host;
use crate::analyzer::loader_model::{Distribution, GlibcVersion, LoaderModel};
use crate::analyzer::model::Machine;
use crate::analyzer::target;

/// Whether a loader's name is that of a macOS.
pub fn is_name(name: &str) -> bool {
    name.starts_with("macos")
}

/// What Mach-O files are judged by. In a root that is a macOS, and on a Mac, everything is.
///
/// # Errors
/// A name that is none.
pub fn wanted<'h>(host: &dyn Host<'h>, judging: &Judging) -> Result<dyld::Wanted, Failure> {
    let name = judging.loader.as_deref().filter(|name| is_name(name));
    let choice = match name {
        Some(name) => name.parse::<MacosChoice>().map_err(|e| Failure::Usage(e.to_string()))?,
        None => here().unwrap_or(dyld::model::DEFAULT),
    };
    let nothing_named = judging.loader.is_none() && judging.target.is_none();
    let is_mac = || host.stat(b"/System/Library/CoreServices/SystemVersion.plist").is_ok();
    let macho = |path: &Vec<u8>| host.head(path, 8).is_ok_and(|(_, head)| target::is_macho(&head));
    Ok(dyld::Wanted {
        choice,
        named: name.is_some() || (nothing_named && is_mac()),
        executable: judging.host.clone().filter(macho),
        env: dyld::DyldEnv::new(&judging.env),
        cwd: judging.cwd.clone(),
        sdk: judging.sdk.clone(),
    })
}

/// The model that stands in the place of an ELF loader's where none is asked anything.
pub fn nobody(judging: &Judging) -> LoaderModel {
    let mut model = LoaderModel::default_for(Machine::X86_64, GlibcVersion::NEWEST, Distribution::Upstream);
    model.program_needs.clear();
    model.cwd.clone_from(&judging.cwd);
    model.uid = judging.uid;
    model
}

/// The macOS this runs on.
#[cfg(target_os = "macos")]
#[expect(clippy::disallowed_methods, reason = "the request describes the machine, and is built here")]
fn here() -> Option<MacosChoice> {
    let text = std::fs::read_to_string("/System/Library/CoreServices/SystemVersion.plist").ok()?;
    let (_, rest) = text.split_once("<key>ProductVersion</key>")?;
    let (_, rest) = rest.split_once("<string>")?;
    let (version, _) = rest.split_once("</string>")?;
    let parts: Vec<&str> = version.split('.').take(2).collect();
    format!("macos-{}", parts.join(".")).parse().ok()
}

/// The macOS this runs on: none.
#[cfg(not(target_os = "macos"))]
fn here() -> Option<MacosChoice> {
    None
}
