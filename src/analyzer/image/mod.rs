//! Bytes of one file to plain facts about it, read the way the loader would map and read them.
//! It sees a byte slice and a loader model; it must never open, list or print anything.
//! Follows glibc elf/dl-load.c, elf/get-dynamic-info.h, elf/dl-reloc.c and the machines' dl-machine.h.

pub mod constructors;
pub mod dynamic;
pub mod elf;
pub mod fmt;
pub mod footprint;
pub mod header;
pub mod limits;
pub mod macho;
pub mod notes;
pub mod reloc_types;
pub mod relocs;
pub mod resolver;
pub mod scan;
pub mod segments;
pub mod symbols;
pub mod versions;
pub mod vm;
