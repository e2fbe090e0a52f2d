//! Bytes of a Mach-O or fat file to plain facts about it, as dyld would read them.
//! It sees a byte slice; it must never open, list, print, or choose a slice on its own.
//! Follows dyld mach_o/, common/MachOFile.cpp and common/MachOLayout.cpp.

pub mod arch;
pub mod binds;
mod chained;
pub mod chains;
pub mod commands;
pub mod exports;
pub mod facts;
pub mod fat;
pub mod fault;
mod opcodes;
pub mod platform;
pub mod rebases;
mod relocations;
pub mod signature;
mod stream;
mod symbols;
pub mod tables;
pub mod valid;

pub use arch::Arch;
pub use facts::MachoFacts;
pub use fat::{Container, Fat, Slice, container, looks_like};
pub use fault::Fault;

/// Reads one image: a thin file, or the bytes of one slice. An error is an image without a header; whatever else
/// is wrong is in the facts, because dyld meets it later than other things, or never.
pub fn read(image: &[u8]) -> Result<MachoFacts<'_>, Fault> {
    let header = commands::header(image)?;
    let said = commands::read(image, &header);
    let text = said.segments.iter().find(|s| s.name == b"__TEXT").map_or(0, |s| s.vmaddr);
    let binds = binds::read(&binds::Context::new(image, &header, &said.segments, &said.linkedit));
    Ok(MachoFacts {
        bytes: image,
        arch: header.arch,
        is64: header.is64,
        kind: header.kind,
        flags: header.flags,
        commands_end: u64::from(header.size) + u64::from(header.commands),
        binds,
        exports: exports::read(image, &said.linkedit, header.is64, text),
        signature: said.linkedit.signature.map(|range| signature::read(image, range)),
        install_name: said.install_name,
        dependents: said.dependents,
        rpaths: said.rpaths,
        platforms: said.platforms,
        uuid: said.uuid,
        segments: said.segments,
        entry: said.entry,
        has_dylinker: said.has_dylinker,
        encryption: said.encryption,
        linkedit: said.linkedit,
        malformed: said.malformed,
    })
}
