//! Mach-O executables through the analyzer's own reader.
//! It must never add a reading of its own where the analyzer has one: what users' libraries are told, ours are told.
//! Rules: dyld mach_o/Header.cpp for programs; the kernel's ubc_subr.c for signatures, page by page.

use tsuku_verify::analyzer::image::macho::facts::FileKind;
use tsuku_verify::analyzer::image::macho::platform::Platform;
use tsuku_verify::analyzer::image::macho::{self, Arch, MachoFacts};

use super::{Facts, Unfit};

/// MH_ALLOW_STACK_EXECUTION.
const STACK_EXECUTION: u32 = 0x2_0000;

/// Facts and faults of a 64-bit executable for one processor.
pub fn read(bytes: &[u8]) -> Result<(Facts, Vec<Unfit>), String> {
    let image = macho::read(bytes).map_err(|fault| fault.to_string())?;
    if let Some(fault) = &image.malformed {
        return Err(fault.to_string());
    }
    if !image.is64 || image.kind != FileKind::EXECUTE {
        return Err("it is no 64-bit program".to_owned());
    }
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let arch = match image.arch {
        Arch::ARM64 => "aarch64".to_owned(),
        other => other.to_string(),
    };
    let mut faults = Vec::new();
    if !image.flags.pie() {
        faults.push(Unfit::NotPie);
    }
    if image.flags.0 & STACK_EXECUTION != 0 {
        faults.push(Unfit::ExecutableStack);
    }
    if image.segments.iter().any(|segment| segment.writable() && segment.executable()) {
        faults.push(Unfit::WritableCode);
    }
    faults.extend(image.rpaths.iter().map(|path| Unfit::Runpath(text(path))));
    let macos = match image.platforms[..] {
        [said] if said.platform == Platform::MACOS => Some(said.minos.to_string()),
        _ => {
            faults.push(Unfit::MacOs("of any age: it does not say".to_owned()));
            None
        }
    };
    if let Err(why) = check_signature(&image) {
        faults.push(Unfit::Signature(why));
    }
    let needed = image.dependents.iter().map(|dependent| text(dependent.name)).collect();
    Ok((Facts { arch, needed, macos, ..Facts::default() }, faults))
}

/// The signature is an ad-hoc one at the very end, and every page in front of it is the one that was signed.
fn check_signature(image: &MachoFacts<'_>) -> Result<(), String> {
    let signature = image.signature.as_ref().ok_or("there is none")?.as_ref().map_err(ToString::to_string)?;
    let end = u64::from(signature.range.offset) + u64::from(signature.range.size);
    if end != image.bytes.len() as u64 {
        return Err("bytes follow it".to_owned());
    }
    let directory = signature.directory().ok_or("it has no code directory")?;
    if directory.limit != u64::from(signature.range.offset) {
        return Err("it does not cover the file".to_owned());
    }
    if !directory.ad_hoc() || signature.has_identity {
        return Err("it is not an ad-hoc one".to_owned());
    }
    let pages = signature.check_pages(image.bytes);
    if pages.damaged > 0 || pages.total == 0 {
        return Err(format!("{} of {} pages are not those that were signed", pages.damaged, pages.total));
    }
    Ok(())
}
