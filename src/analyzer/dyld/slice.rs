//! Which image of a file a process takes, or why none: container, architecture, platform.
//! It must never look at what follows the header more than dyld does at that point.
//! Follows MachOFile.cpp: compatibleSlice, isMachO, FatFile::forEachSlice (to 1286) and mach_o/Universal.cpp (from 1323).

use super::files::{PATH, Slice};
use super::mapping;
use super::model::DyldModel;
use super::refusal::{Kind, Refusal};
use super::release::{FatRules, Needs, Quoting, Release};
use crate::analyzer::image::macho::commands::{self, Commands, Walk};
use crate::analyzer::image::macho::fault::Problem;
use crate::analyzer::image::macho::platform::Platform;
use crate::analyzer::image::macho::{self, Arch, Container, Fat, MachoFacts};

/// The slice a process takes.
///
/// # Errors
/// What dyld has against the file.
pub fn choose<'h>(bytes: &'h [u8], model: &DyldModel) -> Result<Slice<'h>, Refusal> {
    let release = model.release;
    let not_macho = || Refusal::new(Kind::NotMachO, not_macho(release));
    let (image, offset) = match macho::container(bytes) {
        Ok(Container::Thin) => (bytes, 0),
        Ok(Container::Fat(fat)) => from_fat(bytes, &fat, model)?,
        Err(fault) if fault.problem == Problem::BigEndian => {
            return Err(not_macho());
        }
        Err(_) => return Err(not_macho()),
    };
    let facts = macho::read(image).map_err(|_| not_macho())?;
    if release.inspection.is_none()
        && let Some(words) = old_header(image)
    {
        return Err(Refusal::new(Kind::Header, words));
    }
    if !grades(model).iter().any(|grade| same(release, facts.arch, *grade)) {
        let have = arch_name(release, facts.arch).to_owned();
        let (l, r) = quotes(release);
        let need = needed(model);
        let words = format!(
            "mach-o file, but is an incompatible architecture (have {l}{have}{r}, need {l}{need}{r})"
        );
        return Err(Refusal::new(Kind::Arch { have }, words));
    }
    fits_platform(&facts, release)?;
    let mapped = mapping::map(&facts, bytes.len() as u64, offset, model);
    Ok(Slice { facts, offset, mapped })
}

/// What a release calls a file that begins with no Mach-O header.
fn not_macho(release: &Release) -> &'static str {
    if release.inspection.is_none() { "not a mach-o file" } else { "slice is not valid mach-o file" }
}

fn quotes(release: &Release) -> (&'static str, &'static str) {
    match release.quoting {
        Quoting::Plain => ("'", "'"),
        Quoting::Brackets => ("(", ")"),
    }
}

/// What the process takes, best first.
fn grades(model: &DyldModel) -> &'static [Arch] {
    match model.release.needs {
        Needs::All => model.arch.grades(),
        // The other way to write arm64, and later versions of arm64e, came with the new table.
        _ if model.arch == Arch::ARM64 => &[Arch::ARM64E, Arch::ARM64],
        _ => model.arch.grades(),
    }
}

/// The "need" part of a message.
fn needed(model: &DyldModel) -> String {
    let all = grades(model);
    let shown = if model.release.needs == Needs::First { all.get(..1).unwrap_or(all) } else { all };
    let names: Vec<&str> = shown.iter().map(|arch| arch.name()).collect();
    names.join("' or '")
}

/// Old tables compare without the capability byte.
fn same(release: &Release, a: Arch, b: Arch) -> bool {
    if release.needs == Needs::All { a.same(b) } else { a.cpu == b.cpu && (a.sub ^ b.sub) & 0x00ff_ffff == 0 }
}

fn arch_name(release: &Release, arch: Arch) -> &'static str {
    if release.needs == Needs::All {
        return arch.name();
    }
    let old = [
        (Arch::X86_64, "x86_64"),
        (Arch::X86_64H, "x86_64h"),
        (Arch::I386, "i386"),
        (Arch::ARM64, "arm64"),
        (Arch::ARM64E, "arm64e"),
        (Arch::ARM64_32, "arm64_32"),
        (Arch::ARMV7K, "armv7k"),
        (Arch::ARMV7S, "armv7s"),
        (Arch::ARMV7, "armv7"),
        (Arch::ARMV6M, "armv6m"),
        (Arch::ARMV7M, "armv7m"),
        (Arch::ARMV7EM, "armv7em"),
    ];
    old.iter().find(|(known, _)| same(release, arch, *known)).map_or("unknown", |(_, name)| name)
}

fn from_fat<'h>(bytes: &'h [u8], fat: &Fat, model: &DyldModel) -> Result<(&'h [u8], u64), Refusal> {
    let release = model.release;
    let mut before = String::new();
    let best = match release.fat {
        FatRules::Universal => {
            if let Some(fault) = &fat.fault {
                return Err(Refusal::new(Kind::Fat, fault.loader_words()));
            }
            fat.best(grades(model)).copied()
        }
        FatRules::Old => {
            let table = old_table(bytes, fat, release);
            before = table.complaint;
            let grades = grades(model);
            let best = grades.iter().find_map(|g| table.usable.iter().find(|s| same(release, s.arch, *g)));
            best.filter(|_| before.is_empty()).copied()
        }
    };
    if let Some(slice) = best {
        // A thin reader bounds itself by the slice; header checks know the length of the file.
        return Ok((slice.bytes(bytes), slice.offset));
    }
    let listed: Vec<&str> = fat.slices.iter().map(|s| arch_name(release, s.arch)).collect();
    let have = if old_table_is_refused(bytes, fat) { String::new() } else { listed.join(",") };
    let (l, r) = quotes(release);
    let need = needed(model);
    let kind = if before.is_empty() { Kind::Arch { have: have.clone() } } else { Kind::Fat };
    // A complaint about a slice stands before this one in the same buffer.
    let words = format!(
        "{before}fat file, but missing compatible architecture (have {l}{have}{r}, need {l}{need}{r})"
    );
    Err(Refusal::new(kind, words))
}

/// What the old reader makes of a table.
struct OldTable {
    complaint: String,
    usable: Vec<macho::Slice>,
}

fn slice_count(bytes: &[u8]) -> u32 {
    bytes.get(4..8).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// The old reader gives up before the first slice: nothing is listed.
fn old_table_is_refused(bytes: &[u8], fat: &Fat) -> bool {
    old_table_fault(bytes, fat).is_some()
}

fn old_table_fault(bytes: &[u8], fat: &Fat) -> Option<String> {
    let count = slice_count(bytes);
    let (entry, extra) = if fat.is64 { (32, 0) } else { (20, 1) };
    if u64::from(count) > (4096 - 8) / entry {
        return Some(format!("fat header too large: {count} entries"));
    }
    (8 + (u64::from(count) + extra) * entry > bytes.len() as u64)
        .then(|| "fat header malformed, architecture slices extend beyond end of file".to_owned())
}

/// `FatFile::forEachSlice` with validation.
fn old_table(bytes: &[u8], fat: &Fat, release: &Release) -> OldTable {
    let mut table = OldTable { complaint: String::new(), usable: Vec::new() };
    if let Some(fault) = old_table_fault(bytes, fat) {
        table.complaint = fault;
        return table;
    }
    let counted = slice_count(bytes) as usize;
    for (index, slice) in fat.slices.iter().enumerate() {
        match old_slice(bytes, slice, index, release) {
            Ok(true) => table.usable.push(*slice),
            Ok(false) => {}
            Err(fault) => {
                table.complaint.push_str(&fault);
                // Only slices of a 32-bit table that are counted have a separator behind them.
                if !fat.is64 && index < counted {
                    table.complaint.push_str(", ");
                }
            }
        }
    }
    table
}

/// `FatFile::isValidSlice`: usable, passed over in silence, or a complaint.
fn old_slice(bytes: &[u8], slice: &macho::Slice, index: usize, release: &Release) -> Result<bool, String> {
    if slice.offset.checked_add(slice.size).is_none_or(|end| end > bytes.len() as u64) {
        return Err(format!("slice {index} extends beyond end of file"));
    }
    let image = slice.bytes(bytes);
    let header = match commands::header(image) {
        Ok(header) => header,
        // PowerPC slices are no error.
        Err(fault) if fault.problem == Problem::BigEndian => return Ok(false),
        Err(fault) if fault.problem == Problem::OutOfRange => {
            return Err("MachO header exceeds file length".to_owned());
        }
        Err(_) => return Err("file does not start with MH_MAGIC[_64]".to_owned()),
    };
    if let Some(words) = old_header(image) {
        return Err(words);
    }
    if header.arch.cpu != slice.arch.cpu {
        return Err(format!(
            "cpu type in slice (0x{:08X}) does not match fat header (0x{:08X})",
            header.arch.cpu, slice.arch.cpu
        ));
    }
    if !same(release, header.arch, slice.arch) {
        return Err(format!(
            "cpu subtype in slice (0x{:08X}) does not match fat header (0x{:08X})",
            header.arch.sub, slice.arch.sub
        ));
    }
    let page = if header.arch.has_16k_pages() { 0x4000 } else { 0x1000 };
    if slice.offset.is_multiple_of(page) { Ok(true) } else { Err("slice is not page aligned".to_owned()) }
}

/// `MachOFile::isMachO` behind the magic number: the table of load commands, as releases before 1284 walk it.
fn old_header(image: &[u8]) -> Option<String> {
    let header = commands::header(image).ok()?;
    if u64::from(header.size) + u64::from(header.commands) > image.len() as u64 {
        return Some("load commands exceed length of first segment".to_owned());
    }
    if header.kind.0 > 12 {
        return Some(format!("unknown mach-o filetype ({})", header.kind.0));
    }
    for command in Commands::new(image, &header) {
        let (number, words) = match command {
            Ok(c) if c.bytes.len().is_multiple_of(4) => continue,
            Ok(c) => (c.number, format!("size (0x{:X}) not multiple of 4", c.bytes.len())),
            Err((number, _, Walk::OffEnd)) => (number, "extends past sizeofcmds".to_owned()),
            Err((number, _, Walk::TooSmall(size))) => (number, format!("size (0x{size:X}) too small")),
            Err((number, _, Walk::TooLarge(size))) => {
                (number, format!("size (0x{size:X}) is too large, load commands end at 0x…"))
            }
        };
        // Numbered from 0; the addresses are those of a mapping nobody knows.
        let (at, of) = (number.saturating_sub(1), header.count);
        return Some(format!("malformed load command #{at} of {of} at 0x… with mh=0x…, {words}"));
    }
    None
}

/// `loadableIntoProcess` for a macOS process.
fn fits_platform(facts: &MachoFacts<'_>, release: &Release) -> Result<(), Refusal> {
    let all = facts.effective_platforms();
    let is = |platform: Platform| all.iter().any(|p| p.platform == platform);
    if is(Platform::MACOS) {
        return Ok(());
    }
    let only = |platform| all.iter().all(|p| p.platform == platform) && !all.is_empty();
    let program = facts.kind == macho::facts::FileKind::EXECUTE;
    let on_mac = only(Platform::MAC_CATALYST) || (only(Platform::IOS) && facts.arch.is_arm64());
    if program && on_mac {
        return Ok(());
    }
    let have = all.last().map_or("unknown", |p| platform_name(release, p.platform));
    let (l, r) = quotes(release);
    let words = format!("), but incompatible platform (have {l}{have}{r}, need {l}macOS{r})");
    Err(Refusal::of(Kind::Platform { have }, &[b"mach-o file (", PATH, words.as_bytes()]))
}

fn platform_name(release: &Release, platform: Platform) -> &'static str {
    let old = match platform {
        Platform::MAC_CATALYST => "MacCatalyst",
        Platform::IOS_SIMULATOR => "iOS-sim",
        Platform::TVOS_SIMULATOR => "tvOS-sim",
        Platform::WATCHOS_SIMULATOR => "watchOS-sim",
        Platform(11) if release.uuids => "xrOS",
        Platform(12) if release.uuids => "xrOS-sim",
        Platform(11..) => "unknown",
        other => other.name().unwrap_or("unknown"),
    };
    if release.inspection.is_none() { old } else { platform.name().unwrap_or("unknown") }
}
