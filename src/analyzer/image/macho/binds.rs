//! What an image needs bound: symbol, library ordinal and flags, in the order in which dyld asks.
//! It must never look a symbol up, and never fall back to the symbol table where there is a newer form.
//! Follows dyld common/MachOLayout.cpp: Fixups::forEachBindTarget.

use super::chained;
use super::facts::{Linkedit, Segment};
use super::fault::{Fault, Problem};
use super::opcodes;
use super::relocations;
use super::{arch::Arch, commands::Header};

/// Which library a bind looks into.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ordinal {
    /// The image itself.
    Own,
    /// The dependent with this number, from 1; it need not exist.
    Dependent(u32),
    /// The main executable.
    MainExecutable,
    /// All images in load order.
    Flat,
    /// All images that define weak symbols.
    Weak,
    /// A negative number without meaning.
    Unknown(i32),
}

impl Ordinal {
    /// Of the signed number dyld computes.
    pub fn of(value: i32) -> Ordinal {
        match value {
            0 => Ordinal::Own,
            -1 => Ordinal::MainExecutable,
            -2 => Ordinal::Flat,
            -3 => Ordinal::Weak,
            value => u32::try_from(value).map_or(Ordinal::Unknown(value), Ordinal::Dependent),
        }
    }

    /// The number again, as dyld prints it.
    pub fn value(self) -> i32 {
        match self {
            Ordinal::Own => 0,
            Ordinal::Dependent(number) => number.cast_signed(),
            Ordinal::MainExecutable => -1,
            Ordinal::Flat => -2,
            Ordinal::Weak => -3,
            Ordinal::Unknown(value) => value,
        }
    }
}

/// When a bind is made, and what happens when the symbol is not found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BindKind {
    /// At load.
    Regular,
    /// At first use, unless the image is opened with RTLD_NOW.
    Lazy,
    /// From the weak-bind stream: overrides another bind if some image defines the symbol, else nothing happens.
    WeakOverride,
}

/// One symbol to bind.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Bind<'h> {
    /// The symbol, with its leading underscore.
    pub name: &'h [u8],
    /// Where it is looked for.
    pub ordinal: Ordinal,
    /// May be missing: then it is null.
    pub weak_import: bool,
    /// Added to its address.
    pub addend: i64,
    /// When.
    pub kind: BindKind,
}

/// Which form of the information dyld uses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Source {
    /// LC_DYLD_CHAINED_FIXUPS.
    Chained,
    /// LC_DYLD_INFO: bind, lazy-bind and weak-bind streams.
    Opcodes,
    /// LC_DYLD_INFO with the threaded operations of old arm64e images.
    Threaded,
    /// External relocations and the indirect symbol table, before macOS 10.6.
    Relocations,
    /// There is none.
    #[default]
    None,
}

/// Everything an image needs bound.
#[derive(Clone, Debug, Default)]
pub struct Binds<'h> {
    /// The form it was read from.
    pub source: Source,
    /// Targets in dyld's order; one place or a thousand may need each.
    pub records: Vec<Bind<'h>>,
    /// Symbols the weak-bind stream says are defined here and are not weak.
    pub strong: Vec<&'h [u8]>,
    /// Where reading stopped; dyld binds the records before it, then gives up.
    pub fault: Option<Fault>,
    /// The first bind whose place is not in a segment that can be written: dyld writes there without looking.
    pub place_fault: Option<Fault>,
}

/// What the readers of one form need to know of the image.
#[derive(Clone, Copy)]
pub(super) struct Context<'a, 'h> {
    pub image: &'h [u8],
    pub arch: Arch,
    pub is64: bool,
    pub two_level: bool,
    pub segments: &'a [Segment<'h>],
    pub linkedit: &'a Linkedit,
}

impl<'a, 'h> Context<'a, 'h> {
    pub fn new(
        image: &'h [u8],
        header: &Header,
        segments: &'a [Segment<'h>],
        linkedit: &'a Linkedit,
    ) -> Self {
        Context {
            image,
            arch: header.arch,
            is64: header.is64,
            two_level: header.flags.two_level(),
            segments,
            linkedit,
        }
    }

    /// Size of a pointer.
    pub fn word(&self) -> u64 {
        if self.is64 { 8 } else { 4 }
    }

    /// Whether `count` places, at least one, are inside a segment that can be written.
    pub fn check_places(
        &self,
        segment: Option<u8>,
        offset: u64,
        count: u64,
        stride: u64,
    ) -> Result<(), Problem> {
        let index = segment.ok_or(Problem::Incomplete)?;
        let segment = self.segments.get(usize::from(index)).ok_or(Problem::BadIndex(index.into()))?;
        // A stride may lead backwards.
        let first = i128::from(offset);
        let last = first + i128::from(stride.cast_signed()) * i128::from(count - 1);
        let end = i128::from(segment.vmsize) - i128::from(self.word());
        if [first, last].iter().any(|at| *at < 0 || *at > end) {
            return Err(Problem::OutOfRange);
        }
        // Text relocations of 32-bit Intel are the one kind of fix-up in code.
        if !segment.writable() && !self.arch.is_i386() {
            return Err(Problem::BadValue(segment.initprot.into()));
        }
        Ok(())
    }
}

/// Reads what the image needs bound.
pub(super) fn read<'h>(context: &Context<'_, 'h>) -> Binds<'h> {
    let linkedit = context.linkedit;
    let threaded = linkedit.info.is_some() && (linkedit.chained.is_some() || context.arch.is_arm64e());
    match (linkedit.info, linkedit.chained) {
        (Some(info), _) if threaded => opcodes::read_threaded(context, &info),
        (_, Some(chained)) => chained::imports(context, chained),
        (Some(info), None) => opcodes::read(context, &info),
        (None, None) if context.arch.is_x86_64() || context.arch.is_i386() => relocations::read(context),
        (None, None) => Binds::default(),
    }
}
