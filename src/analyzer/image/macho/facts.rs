//! What is known of one Mach-O image, as plain data borrowed from its bytes.
//! It must never hold an opinion: whether a value is acceptable is asked of the loader's rules.
//! Names follow mach-o/loader.h.

use super::arch::Arch;
use super::binds::Binds;
use super::exports::Exports;
use super::fault::Fault;
use super::platform::{PlatformVersion, Version};
use super::signature::Signature;

/// A `filetype`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FileKind(pub u32);

impl FileKind {
    /// A relocatable object.
    pub const OBJECT: FileKind = FileKind(1);
    /// A program.
    pub const EXECUTE: FileKind = FileKind(2);
    /// For programs loaded by firmware.
    pub const PRELOAD: FileKind = FileKind(5);
    /// A shared library.
    pub const DYLIB: FileKind = FileKind(6);
    /// dyld itself.
    pub const DYLINKER: FileKind = FileKind(7);
    /// A plugin.
    pub const BUNDLE: FileKind = FileKind(8);
    /// A shared library without content, for linking only.
    pub const DYLIB_STUB: FileKind = FileKind(9);
    /// Debug information.
    pub const DSYM: FileKind = FileKind(10);
    /// A kernel extension.
    pub const KEXT_BUNDLE: FileKind = FileKind(11);
    /// Several images of the kernel.
    pub const FILESET: FileKind = FileKind(12);
}

/// The `flags` of a Mach-O header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// MH_DYLDLINK: meant for dyld.
    pub fn for_dyld(self) -> bool {
        self.0 & 0x4 != 0
    }
    /// MH_TWOLEVEL: its references name libraries.
    pub fn two_level(self) -> bool {
        self.0 & 0x80 != 0
    }
    /// MH_WEAK_DEFINES: takes part in weak coalescing with definitions.
    pub fn weak_defines(self) -> bool {
        self.0 & 0x8000 != 0
    }
    /// MH_BINDS_TO_WEAK: takes part in weak coalescing with references.
    pub fn binds_to_weak(self) -> bool {
        self.0 & 0x1_0000 != 0
    }
    /// MH_PIE.
    pub fn pie(self) -> bool {
        self.0 & 0x20_0000 != 0
    }
    /// MH_HAS_TLV_DESCRIPTORS.
    pub fn has_thread_locals(self) -> bool {
        self.0 & 0x80_0000 != 0
    }
    /// MH_DYLIB_IN_CACHE.
    pub fn in_cache(self) -> bool {
        self.0 & 0x8000_0000 != 0
    }
    /// MH_NO_DYNAMIC_ACCESS: refuses to be opened directly (dyld 1378).
    pub fn no_dynamic_access(self) -> bool {
        self.0 & 0x40_0000 != 0
    }
}

/// How a dependent is linked (`DYLIB_USE_*`, or the load command's own kind).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Linkage {
    /// May be absent.
    pub weak: bool,
    /// Its exports are exports of this image too.
    pub reexport: bool,
    /// Lies above this image: initialised later.
    pub upward: bool,
    /// Initialised only when used.
    pub delay_init: bool,
}

/// A command that names a library dyld loads; its position is the library ordinal less one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dependent<'h> {
    /// The load path: what stands before the NUL, or before the end of the command if there is none.
    pub name: &'h [u8],
    /// How it is linked.
    pub linkage: Linkage,
    /// The version linked against.
    pub current: Version,
    /// The version asked for (enforced up to macOS 11).
    pub compatibility: Version,
    /// Where the command is, from the start of the image.
    pub offset: u64,
}

/// LC_ID_DYLIB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InstallName<'h> {
    /// The name other images are linked against.
    pub name: &'h [u8],
    /// Its version.
    pub current: Version,
    /// The oldest version it can stand for.
    pub compatibility: Version,
}

/// A segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment<'h> {
    /// Its name without padding.
    pub name: &'h [u8],
    /// Address.
    pub vmaddr: u64,
    /// Size in memory.
    pub vmsize: u64,
    /// Offset in the image.
    pub fileoff: u64,
    /// Size in the image.
    pub filesize: u64,
    /// `initprot`: 1 read, 2 write, 4 execute.
    pub initprot: u32,
    /// `maxprot`.
    pub maxprot: u32,
    /// `SG_*`.
    pub flags: u32,
    /// Its sections, in order.
    pub sections: Vec<Section<'h>>,
}

impl Segment<'_> {
    /// SG_READ_ONLY: read-only after fix-ups.
    pub fn read_only_data(&self) -> bool {
        self.flags & 0x10 != 0
    }
    /// May be written while fix-ups are applied.
    pub fn writable(&self) -> bool {
        self.initprot & 2 != 0
    }
    /// May be executed.
    pub fn executable(&self) -> bool {
        self.initprot & 4 != 0
    }
}

/// A section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Section<'h> {
    /// Its name without padding.
    pub name: &'h [u8],
    /// Address.
    pub addr: u64,
    /// Size.
    pub size: u64,
    /// Offset in the image.
    pub offset: u64,
    /// Type and attributes.
    pub flags: u32,
    /// First entry in the indirect symbol table, for sections of pointers and stubs.
    pub reserved1: u32,
    /// Size of a stub.
    pub reserved2: u32,
}

impl Section<'_> {
    /// The section type (`S_*`).
    pub fn kind(&self) -> u32 {
        self.flags & 0xff
    }
    /// S_MOD_INIT_FUNC_POINTERS or S_INIT_FUNC_OFFSETS: runs when the image is loaded.
    pub fn has_initialisers(&self) -> bool {
        matches!(self.kind(), 0x9 | 0x16)
    }
    /// S_THREAD_LOCAL_VARIABLES: descriptors of thread-locals.
    pub fn has_thread_locals(&self) -> bool {
        self.kind() == 0x13
    }
    /// S_THREAD_LOCAL_REGULAR or S_THREAD_LOCAL_ZEROFILL: their initial content.
    pub fn is_thread_local_content(&self) -> bool {
        matches!(self.kind(), 0x11 | 0x12)
    }
}

/// Where a program starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// LC_MAIN: an offset in the image.
    Main(u64),
    /// LC_UNIXTHREAD.
    Thread,
}

/// LC_ENCRYPTION_INFO.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Encryption {
    /// First encrypted byte.
    pub offset: u32,
    /// Number of encrypted bytes.
    pub size: u32,
    /// The system; 0 is not encrypted.
    pub id: u32,
}

/// A range of an image that a load command names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Range {
    /// From the start of the image.
    pub offset: u32,
    /// In bytes.
    pub size: u32,
}

impl Range {
    /// Its bytes, if they are all there.
    pub fn bytes<'h>(&self, image: &'h [u8]) -> Option<&'h [u8]> {
        let start = usize::try_from(self.offset).ok()?;
        image.get(start..start.checked_add(usize::try_from(self.size).ok()?)?)
    }
}

/// LC_SYMTAB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Symtab {
    /// Offset of the entries.
    pub symbols: u32,
    /// Their number.
    pub count: u32,
    /// The string table.
    pub strings: Range,
}

/// LC_DYSYMTAB, as far as dyld uses it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dysymtab {
    /// First exported symbol.
    pub first_global: u32,
    /// Number of exported symbols.
    pub globals: u32,
    /// First undefined symbol.
    pub first_undefined: u32,
    /// Number of undefined symbols.
    pub undefined: u32,
    /// Offset of the indirect symbol table.
    pub indirect: u32,
    /// Its number of entries.
    pub indirect_count: u32,
    /// Offset of the external relocations.
    pub relocations: u32,
    /// Their number.
    pub relocation_count: u32,
}

/// LC_DYLD_INFO(_ONLY).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DyldInfo {
    /// Rebase stream.
    pub rebase: Range,
    /// Bind stream.
    pub bind: Range,
    /// Weak-bind stream.
    pub weak_bind: Range,
    /// Lazy-bind stream.
    pub lazy_bind: Range,
    /// Export trie.
    pub export: Range,
}

/// Where the tables are that dyld reads after mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Linkedit {
    /// LC_SYMTAB.
    pub symtab: Option<Symtab>,
    /// LC_DYSYMTAB.
    pub dysymtab: Option<Dysymtab>,
    /// LC_DYLD_INFO(_ONLY).
    pub info: Option<DyldInfo>,
    /// LC_DYLD_CHAINED_FIXUPS.
    pub chained: Option<Range>,
    /// LC_DYLD_EXPORTS_TRIE.
    pub trie: Option<Range>,
    /// LC_CODE_SIGNATURE.
    pub signature: Option<Range>,
    /// LC_SEGMENT_SPLIT_INFO.
    pub split_info: Option<Range>,
}

/// One image: a thin file, or one slice of a fat one.
#[derive(Clone, Debug)]
pub struct MachoFacts<'h> {
    /// All bytes of the image.
    pub bytes: &'h [u8],
    /// Processor.
    pub arch: Arch,
    /// Pointers have 64 bits.
    pub is64: bool,
    /// Library, plugin, program or something dyld does not load.
    pub kind: FileKind,
    /// Flags of the header.
    pub flags: Flags,
    /// Size of the load commands with the header before them.
    pub commands_end: u64,
    /// The first LC_ID_DYLIB.
    pub install_name: Option<InstallName<'h>>,
    /// Libraries in load-command order, which is the order of ordinals.
    pub dependents: Vec<Dependent<'h>>,
    /// LC_RPATH in load-command order, duplicates and all.
    pub rpaths: Vec<&'h [u8]>,
    /// What the platform commands say, in order; empty if there is none.
    pub platforms: Vec<PlatformVersion>,
    /// The first LC_UUID.
    pub uuid: Option<[u8; 16]>,
    /// Segments in load-command order, which is the order of their numbers.
    pub segments: Vec<Segment<'h>>,
    /// Entry point of a program.
    pub entry: Option<Entry>,
    /// LC_LOAD_DYLINKER: a program that dyld starts.
    pub has_dylinker: bool,
    /// Encrypted part.
    pub encryption: Option<Encryption>,
    /// Places of the tables.
    pub linkedit: Linkedit,
    /// What it needs bound.
    pub binds: Binds<'h>,
    /// What it exports.
    pub exports: Exports<'h>,
    /// Its code signature, or what is wrong with it.
    pub signature: Option<Result<Signature<'h>, Fault>>,
    /// The first malformed load command, or string of one. What stands before it is in the facts.
    pub malformed: Option<Fault>,
}

impl<'h> MachoFacts<'h> {
    /// The install name alone.
    pub fn id(&self) -> Option<&'h [u8]> {
        self.install_name.map(|id| id.name)
    }

    /// Address of `__TEXT`, from which dyld counts.
    pub fn text_address(&self) -> u64 {
        self.segments.iter().find(|s| s.name == b"__TEXT").map_or(0, |s| s.vmaddr)
    }

    /// The platforms dyld takes it for: an image that says none is an old macOS one.
    pub fn effective_platforms(&self) -> Vec<PlatformVersion> {
        if !self.platforms.is_empty() {
            return self.platforms.clone();
        }
        PlatformVersion::implied(self.arch).into_iter().collect()
    }

    /// The dependent with a library ordinal (from 1).
    pub fn dependent(&self, ordinal: u32) -> Option<&Dependent<'h>> {
        self.dependents.get(usize::try_from(ordinal).ok()?.checked_sub(1)?)
    }

    /// Whether dyld loads such a file at all (`isDyldManaged`).
    pub fn is_dyld_managed(&self) -> bool {
        match self.kind {
            FileKind::DYLIB | FileKind::BUNDLE => true,
            FileKind::EXECUTE => self.flags.for_dyld(),
            _ => false,
        }
    }
}
