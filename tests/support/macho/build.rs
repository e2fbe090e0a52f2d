//! Makes Mach-O images on any machine: an object file written here, linked by the toolchain's own `rust-lld` against stubs
//! (`.tbd`) written here too. No compiler, no SDK and no Mac takes part.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::macho::{Platform, RelocationType, SymbolDesc, SymbolFlags as SymbolFlag, Version};
use object::write::{
    MachOBuildVersion, Mangling, Object, Relocation, StandardSection, Symbol, SymbolSection,
};
use object::{Architecture, BinaryFormat, Endianness, RelocationFlags, SymbolFlags, SymbolKind, SymbolScope};

/// What `image` of a case asks for.
#[derive(Clone, Debug, Default)]
pub struct Image {
    pub path: String,
    pub arch: String,
    pub kind: String,
    pub id: Option<String>,
    pub platform: String,
    pub min: String,
    pub sdk: String,
    pub chained: bool,
    pub flat_namespace: bool,
    pub rpaths: Vec<String>,
    /// (install name, how it is linked).
    pub needs: Vec<(String, String)>,
    pub exports: Vec<String>,
    pub calls: Vec<String>,
    pub data: Vec<String>,
    pub no_system: bool,
    pub flags: Vec<String>,
}

/// Where an import is expected: `_name@LIBRARY`, `_name@flat`, `_name@LIBRARY:weak`, `_name@LIBRARY:coalesced`.
struct Import<'a> {
    name: &'a str,
    library: &'a str,
    weak: bool,
    coalesced: bool,
}

impl<'a> Import<'a> {
    fn read(text: &'a str) -> Result<Import<'a>, String> {
        let (name, rest) = text.split_once('@').ok_or_else(|| format!("{text}: name@library"))?;
        let (rest, weak) = rest.strip_suffix(":weak").map_or((rest, false), |r| (r, true));
        let (library, coalesced) = rest.strip_suffix(":coalesced").map_or((rest, false), |r| (r, true));
        Ok(Import { name, library, weak, coalesced })
    }
}

/// The linker that comes with the compiler; none if this toolchain has none.
pub fn linker() -> Option<PathBuf> {
    let out = Command::new("rustc").args(["--print", "target-libdir"]).output().ok()?;
    let lib = PathBuf::from(String::from_utf8(out.stdout).ok()?.trim());
    let found = lib.parent()?.join("bin").join("rust-lld");
    found.is_file().then_some(found)
}

const SYSTEM: &str = "/usr/lib/libSystem.B.dylib";

/// Links one image into `dir`.
///
/// # Errors
/// What the object writer or the linker says.
pub fn build(linker: &Path, dir: &Path, image: &Image) -> Result<(), String> {
    let output = dir.join(&image.path);
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let object = scratch.path().join("image.o");
    fs::write(&object, object_file(image)?).map_err(|e| e.to_string())?;
    if let Some(parent) = output.parent() {
        fs::create_dir_all(parent).map_err(|e| e.to_string())?;
    }
    let mut command = Command::new(linker);
    command.args(["-flavor", "darwin", "-arch", &image.arch]);
    command.args(["-platform_version", &image.platform, &image.min, &image.sdk]);
    command.arg(match image.kind.as_str() {
        "dylib" => "-dylib",
        "bundle" => "-bundle",
        _ => "-execute",
    });
    if image.kind == "exe" {
        command.args(["-e", "_main"]);
    }
    if let Some(id) = &image.id {
        command.args(["-install_name", id]);
    }
    command.arg(if image.chained { "-fixup_chains" } else { "-no_fixup_chains" });
    if image.flat_namespace {
        command.arg("-flat_namespace");
    }
    for rpath in &image.rpaths {
        command.args(["-rpath", rpath]);
    }
    for (number, (name, how, text)) in stubs(image)?.into_iter().enumerate() {
        let stub = scratch.path().join(format!("{number}.tbd"));
        fs::write(&stub, text).map_err(|e| format!("{name}: {e}"))?;
        match how.as_str() {
            "weak" => command.arg("-weak_library"),
            "reexport" => command.arg("-reexport_library"),
            _ => &mut command,
        };
        command.arg(stub);
    }
    for import in image.calls.iter().chain(&image.data) {
        let import = Import::read(import)?;
        if import.library == "flat" {
            command.args(["-U", import.name]);
        }
    }
    command.args(&image.flags);
    command.arg(&object).arg("-o").arg(&output);
    let out = command.output().map_err(|e| format!("{}: {e}", linker.display()))?;
    if out.status.success() {
        Ok(())
    } else {
        Err(format!("{}: {}", image.path, String::from_utf8_lossy(&out.stderr)))
    }
}

/// One stub a library, with the names that are imported from it.
fn stubs(image: &Image) -> Result<Vec<(String, String, String)>, String> {
    let mut names: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for import in image.calls.iter().chain(&image.data) {
        let import = Import::read(import)?;
        let entry = names.entry(import.library).or_default();
        if import.coalesced { entry.1.push(import.name) } else { entry.0.push(import.name) }
    }
    let mut libraries: Vec<(String, String)> = image.needs.clone();
    if !image.no_system && !libraries.iter().any(|(name, _)| name == SYSTEM) {
        libraries.push((SYSTEM.to_owned(), "load".to_owned()));
    }
    let known = |library: &str| library == "flat" || libraries.iter().any(|(name, _)| name == library);
    if let Some(unknown) = names.keys().find(|l| !known(l)) {
        return Err(format!("{}: {unknown} is not needed", image.path));
    }
    let platform = match image.platform.as_str() {
        "ios" => "ios",
        "mac-catalyst" => "maccatalyst",
        "ios-simulator" => "ios-simulator",
        _ => "macos",
    };
    let target = format!("{}-{platform}", image.arch);
    let stub = |(name, how): (String, String)| {
        let (strong, weak) = names.get(name.as_str()).cloned().unwrap_or_default();
        let mut strong = strong;
        if name == SYSTEM {
            strong.extend(["dyld_stub_binder", "_tlv_bootstrap"]);
        }
        let mut text = format!(
            "--- !tapi-tbd\ntbd-version: 4\ntargets: [ {target} ]\ninstall-name: '{name}'\nexports:\n  \
             - targets: [ {target} ]\n    symbols: [ {} ]\n",
            strong.join(", ")
        );
        if !weak.is_empty() {
            text.push_str(&format!("    weak-symbols: [ {} ]\n", weak.join(", ")));
        }
        text.push_str("...\n");
        (name, how, text)
    };
    Ok(libraries.into_iter().map(stub).collect())
}

fn version(text: &str) -> Result<u32, String> {
    let mut parts = text.split('.').map(str::parse::<u32>);
    let mut next = || parts.next().unwrap_or(Ok(0)).map_err(|e| format!("{text}: {e}"));
    Ok(next()? << 16 | next()? << 8 | next()?)
}

/// The object: one function or variable for every export, one reference for every import.
fn object_file(image: &Image) -> Result<Vec<u8>, String> {
    let arm = image.arch.starts_with("arm64");
    let architecture = if arm { Architecture::Aarch64 } else { Architecture::X86_64 };
    let mut object = Object::new(BinaryFormat::MachO, architecture, Endianness::Little);
    object.set_mangling(Mangling::None);
    object.set_subsections_via_symbols();
    let mut build = MachOBuildVersion::default();
    build.platform = Platform(match image.platform.as_str() {
        "ios" => 2,
        "mac-catalyst" => 6,
        "ios-simulator" => 7,
        _ => 1,
    });
    build.minos = Version(version(&image.min)?);
    build.sdk = Version(version(&image.sdk)?);
    object.set_macho_build_version(build);
    let text = object.section_id(StandardSection::Text);
    let data = object.section_id(StandardSection::Data);
    let ret: &[u8] = if arm { &[0xc0, 0x03, 0x5f, 0xd6] } else { &[0xc3, 0x90, 0x90, 0x90] };
    let symbol = |name: &str, kind, section, value, flags| Symbol {
        name: name.as_bytes().to_vec(),
        value,
        size: 4,
        kind,
        scope: if section == SymbolSection::Undefined { SymbolScope::Unknown } else { SymbolScope::Dynamic },
        weak: false,
        section,
        flags,
    };
    // N_EXT, in the section's or the undefined form.
    let desc = |n_type, bits| SymbolFlags::MachO { n_type: SymbolFlag(n_type), n_desc: SymbolDesc(bits) };
    let main = (image.kind == "exe").then(|| "_main".to_owned());
    for export in image.exports.iter().chain(&main) {
        let (name, how) = export.split_once(':').unwrap_or((export, ""));
        match how {
            "tlv" => {
                let at = Symbol {
                    flags: SymbolFlags::None,
                    ..symbol(name, SymbolKind::Tls, SymbolSection::Undefined, 0, SymbolFlags::None)
                };
                let id = object.add_symbol(Symbol { scope: SymbolScope::Dynamic, ..at });
                let tls = object.section_id(StandardSection::Tls);
                object.add_symbol_data(id, tls, &[7; 8], 8);
            }
            _ => {
                let at = object.append_section_data(text, ret, 4);
                let flags = if how == "weak" { desc(0xf, 0x80) } else { SymbolFlags::None };
                object.add_symbol(symbol(name, SymbolKind::Text, SymbolSection::Section(text), at, flags));
            }
        }
    }
    for (imports, in_data) in [(&image.calls, false), (&image.data, true)] {
        for import in imports {
            let import = Import::read(import)?;
            let flags = if import.weak { desc(0x1, 0x40) } else { SymbolFlags::None };
            let existing = object.symbol_id(import.name.as_bytes());
            let id = existing.unwrap_or_else(|| {
                object.add_symbol(symbol(
                    import.name,
                    SymbolKind::Unknown,
                    SymbolSection::Undefined,
                    0,
                    flags,
                ))
            });
            let (section, bytes, skip, flags): (_, &[u8], u64, _) = if in_data {
                (
                    data,
                    &[0; 8],
                    0,
                    RelocationFlags::MachO { r_type: RelocationType(0), r_pcrel: false, r_length: 3 },
                )
            } else {
                let call: &[u8] = if arm { &[0, 0, 0, 0x94] } else { &[0xe8, 0, 0, 0, 0, 0xc3, 0x90, 0x90] };
                let skip = u64::from(!arm);
                (
                    text,
                    call,
                    skip,
                    RelocationFlags::MachO { r_type: RelocationType(2), r_pcrel: true, r_length: 2 },
                )
            };
            let at = object.append_section_data(section, bytes, 8);
            let local = format!("l_{}{at}", if in_data { "d" } else { "t" });
            object.add_symbol(Symbol {
                scope: SymbolScope::Linkage,
                ..symbol(
                    &local,
                    if in_data { SymbolKind::Data } else { SymbolKind::Text },
                    SymbolSection::Section(section),
                    at,
                    SymbolFlags::None,
                )
            });
            let addend = if arm || in_data { 0 } else { -4 };
            object
                .add_relocation(section, Relocation { offset: at + skip, symbol: id, addend, flags })
                .map_err(|e| e.to_string())?;
        }
    }
    object.write().map_err(|e| e.to_string())
}
