//! Mach-O executables: libraries, oldest system, signature. Only what a release promises of them.
//! It must never read past the load commands it was told of.
//! Follows Apple's `mach-o/loader.h` and the code directory of `cs_blobs.h`.

use super::{Facts, Unfit};

const MAGIC: u32 = 0xfeed_facf;
const CPU_X86_64: u32 = 0x0100_0007;
const CPU_ARM64: u32 = 0x0100_000c;
const MH_EXECUTE: u32 = 2;
const MH_PIE: u32 = 0x20_0000;
const MH_ALLOW_STACK_EXECUTION: u32 = 0x2_0000;
const LC_REQ_DYLD: u32 = 0x8000_0000;
const LC_LOAD_DYLIB: u32 = 0xc;
const LC_LOAD_WEAK_DYLIB: u32 = 0x18 | LC_REQ_DYLD;
const LC_REEXPORT_DYLIB: u32 = 0x1f | LC_REQ_DYLD;
const LC_LOAD_UPWARD_DYLIB: u32 = 0x23 | LC_REQ_DYLD;
const LC_RPATH: u32 = 0x1c | LC_REQ_DYLD;
const LC_CODE_SIGNATURE: u32 = 0x1d;
const LC_VERSION_MIN_MACOSX: u32 = 0x24;
const LC_BUILD_VERSION: u32 = 0x32;
const PLATFORM_MACOS: u32 = 1;
const SUPERBLOB: u32 = 0xfade_0cc0;
const CODE_DIRECTORY: u32 = 0xfade_0c02;
/// Slot of the code directory in the super blob.
const CODE_DIRECTORY_SLOT: u32 = 0;
/// `CS_ADHOC`, set in the code directory of a signature without a certificate.
const ADHOC: u32 = 2;

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn big_word(bytes: &[u8], at: usize) -> Option<u32> {
    word(bytes, at).map(u32::swap_bytes)
}

/// Facts and faults of a 64-bit executable for one processor.
pub fn read(bytes: &[u8]) -> Result<(Facts, Vec<Unfit>), String> {
    parse(bytes).ok_or("its load commands are cut off")?
}

fn parse(bytes: &[u8]) -> Option<Result<(Facts, Vec<Unfit>), String>> {
    if word(bytes, 0)? != MAGIC || word(bytes, 12)? != MH_EXECUTE {
        return Some(Err("it is no 64-bit Mach-O executable".to_owned()));
    }
    let arch = match word(bytes, 4)? {
        CPU_X86_64 => "x86_64".to_owned(),
        CPU_ARM64 => "aarch64".to_owned(),
        other => format!("processor {other:#x}"),
    };
    let (count, flags) = (word(bytes, 16)?, word(bytes, 24)?);
    let commands = bytes.get(32..32usize.checked_add(word(bytes, 20)? as usize)?)?;
    let mut facts = Facts { arch, ..Facts::default() };
    let mut faults = Vec::new();
    if flags & MH_PIE == 0 {
        faults.push(Unfit::NotPie);
    }
    if flags & MH_ALLOW_STACK_EXECUTION != 0 {
        faults.push(Unfit::ExecutableStack);
    }
    let (mut at, mut signature) = (0usize, Err("there is none".to_owned()));
    for _ in 0..count {
        let (kind, size) = (word(commands, at)?, word(commands, at + 4)? as usize);
        let command = commands.get(at..at.checked_add(size).filter(|_| size >= 8)?)?;
        at += size;
        match kind {
            LC_LOAD_DYLIB | LC_LOAD_WEAK_DYLIB | LC_REEXPORT_DYLIB | LC_LOAD_UPWARD_DYLIB => {
                facts.needed.push(string(command, word(command, 8)? as usize)?);
            }
            LC_RPATH => faults.push(Unfit::Runpath(string(command, word(command, 8)? as usize)?)),
            LC_VERSION_MIN_MACOSX => facts.macos = Some(version(word(command, 8)?)),
            LC_BUILD_VERSION if word(command, 8)? == PLATFORM_MACOS => {
                facts.macos = Some(version(word(command, 12)?));
            }
            LC_CODE_SIGNATURE => {
                let (start, size) = (word(command, 8)? as usize, word(command, 12)? as usize);
                signature = check_signature(bytes, start, size);
            }
            _ => {}
        }
    }
    if facts.macos.is_none() {
        faults.push(Unfit::MacOs("of any age: it does not say".to_owned()));
    }
    if let Err(why) = signature {
        faults.push(Unfit::Signature(why));
    }
    Some(Ok((facts, faults)))
}

fn string(command: &[u8], at: usize) -> Option<String> {
    let text = command.get(at..)?;
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    Some(String::from_utf8_lossy(&text[..end]).into_owned())
}

fn version(packed: u32) -> String {
    format!("{}.{}", packed >> 16, packed >> 8 & 0xff)
}

/// The signature is at the very end, and its code directory covers everything in front of it.
fn check_signature(bytes: &[u8], start: usize, size: usize) -> Result<(), String> {
    let cut = || "it is cut off".to_owned();
    let blob = start.checked_add(size).and_then(|end| bytes.get(start..end)).ok_or_else(cut)?;
    if start + size != bytes.len() {
        return Err("bytes follow it".to_owned());
    }
    if big_word(blob, 0) != Some(SUPERBLOB) {
        return Err("it is no super blob".to_owned());
    }
    let count = big_word(blob, 8).ok_or_else(cut)?;
    for index in 0..count.min(64) as usize {
        let slot = big_word(blob, 12 + 8 * index).ok_or_else(cut)?;
        let at = big_word(blob, 16 + 8 * index).ok_or_else(cut)? as usize;
        if slot != CODE_DIRECTORY_SLOT {
            continue;
        }
        let directory = blob.get(at..).ok_or_else(cut)?;
        let (magic, flags, limit) =
            (big_word(directory, 0), big_word(directory, 12), big_word(directory, 32));
        if magic != Some(CODE_DIRECTORY) {
            return Err("it has no code directory".to_owned());
        }
        if limit.map(|limit| limit as usize) != Some(start) {
            return Err("it does not cover the file".to_owned());
        }
        return if flags.is_some_and(|flags| flags & ADHOC != 0) {
            Ok(())
        } else {
            Err("it is not an ad-hoc one".to_owned())
        };
    }
    Err("it has no code directory".to_owned())
}
