//! ELF executables through the analyzer's own reader.
//! It must never add a reading of its own where the analyzer has one: what users' libraries are told, ours are told.
//! Rules: glibc elf/dl-version.c for versions; the kernel's fs/binfmt_elf.c for the rest.

use std::collections::BTreeMap;

use tsuku_verify::analyzer::image::dynamic::NeedKind;
use tsuku_verify::analyzer::image::elf::{self, ElfFacts, Image, Role};
use tsuku_verify::analyzer::image::header;
use tsuku_verify::analyzer::image::versions::{NeedStep, WEAK};
use tsuku_verify::analyzer::loader_model::{Distribution, GlibcVersion, LoaderModel};
use tsuku_verify::analyzer::model::Machine;

use super::{Facts, Unfit};

const PF_X: u32 = 1;
const PF_W: u32 = 2;
const PT_LOAD: u32 = 1;
const PT_GNU_STACK: u32 = 0x6474_e551;
const PT_GNU_RELRO: u32 = 0x6474_e552;
const ET_DYN: u16 = 3;
const STB_WEAK: u8 = 2;

/// Facts and faults of an executable; `dynamic` if it asks for a loader.
pub fn read(bytes: &[u8], dynamic: bool) -> Result<(Facts, Vec<Unfit>), String> {
    let (format, machine, kind) = header::peek(bytes).ok_or("it is no ELF file")?;
    let machine = Machine::from_header(machine, format.is64).ok_or(format!("unknown machine {machine}"))?;
    let model = LoaderModel::default_for(machine, GlibcVersion::NEWEST, Distribution::Upstream);
    let Image::Mapped(image) = elf::read(bytes, &model, false, Role::Program) else {
        return Err("the loader does not map it".to_owned());
    };
    let mut faults = Vec::new();
    let segments = &image.header.segments;
    if kind != ET_DYN {
        faults.push(Unfit::NotPie);
    }
    if !segments.iter().any(|s| s.kind == PT_GNU_RELRO && s.memsz > 0) || image.relro_fault.is_some() {
        faults.push(Unfit::NoRelro);
    }
    if dynamic && !image.dynamic.bind_now {
        faults.push(Unfit::NotNow);
    }
    // Without the header the stack is executable.
    if segments.iter().find(|s| s.kind == PT_GNU_STACK).is_none_or(|s| s.flags & PF_X != 0) {
        faults.push(Unfit::ExecutableStack);
    }
    if segments.iter().any(|s| s.kind == PT_LOAD && s.flags & (PF_W | PF_X) == PF_W | PF_X)
        || image.dynamic.textrel
    {
        faults.push(Unfit::WritableCode);
    }
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    for path in [&image.rpath, &image.runpath].into_iter().flatten() {
        faults.push(Unfit::Runpath(path.as_ref().map_or_else(|_| "?".to_owned(), |path| text(path))));
    }
    let needed = image.needs.iter().filter(|need| need.kind == NeedKind::Needed);
    let needed =
        needed.map(|need| need.name.as_ref().map_or_else(|_| "?".to_owned(), |name| text(name))).collect();
    let (glibc, weak_only) = floor(&image)?;
    let facts = Facts {
        arch: machine.name().replace('-', "_"),
        needed,
        interpreter: image.interpreter.map(text),
        glibc,
        weak_only,
        macos: None,
    };
    Ok((facts, faults))
}

/// The newest `GLIBC_2.N` among the version needs, and those that only weak symbols carry.
///
/// The loader checks needs, not symbols: a need without VER_FLG_WEAK is fatal even if every symbol that has it is weak.
fn floor(image: &ElfFacts<'_>) -> Result<(Option<String>, Vec<String>), String> {
    let mut strong_symbols = BTreeMap::<u16, bool>::new();
    for import in &image.relocs.imports {
        let symbol = image.symbols.symbol(&image.vm, import.symbol).map_err(|e| format!("{e:?}"))?;
        *strong_symbols.entry(import.version).or_default() |= symbol.binding() != STB_WEAK;
    }
    let (mut newest, mut weak_only) = (None::<u32>, Vec::new());
    for step in &image.versions.needs {
        match step {
            NeedStep::File(_) => {}
            NeedStep::Revision(_) | NeedStep::Fault(_) => {
                return Err("its version needs cannot be read".to_owned());
            }
            NeedStep::Version { flags, other, name, .. } => {
                let name = name.as_ref().map_err(|_| "a version has no name")?;
                let Some(text) = std::str::from_utf8(name).ok().and_then(|name| name.strip_prefix("GLIBC_"))
                else {
                    continue;
                };
                if flags & WEAK != 0 {
                    continue;
                }
                // GLIBC_PRIVATE and GLIBC_ABI_* tie a program to one glibc, or to recent ones.
                let minor = text.strip_prefix("2.").and_then(|rest| rest.split('.').next()?.parse().ok());
                let minor = minor.unwrap_or(u32::MAX);
                newest = newest.max(Some(minor));
                if strong_symbols.get(&(other & 0x7fff)) != Some(&true) {
                    weak_only.push(version(minor));
                }
            }
        }
    }
    Ok((newest.map(version), weak_only))
}

fn version(minor: u32) -> String {
    if minor == u32::MAX { "of one build only".to_owned() } else { format!("2.{minor}") }
}
