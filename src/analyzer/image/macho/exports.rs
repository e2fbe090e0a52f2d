//! What an image exports: one name at a time from the trie, or all names for the second reader.
//! It must never unfold a trie without a bound: a crafted one of 300 bytes stands for millions of names.
//! Follows dyld common/MachOFile.cpp: trieWalk, and dyld/Loader.cpp: Loader::hasExportedSymbol.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::facts::{Linkedit, Range};
use super::fault::{Fault, Part, Problem};
use super::stream::Stream;
use super::symbols::{self, Entry};
use crate::analyzer::image::limits;

/// EXPORT_SYMBOL_FLAGS_KIND_MASK and the flags beside it.
const KIND_MASK: u64 = 0x3;
const WEAK: u64 = 0x4;
const REEXPORT: u64 = 0x8;
const RESOLVER: u64 = 0x10;
const VARIANT: u64 = 0x20;

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ExportKind<'h> {
    /// An offset from the image's header.
    Regular(u64),
    /// A thread-local variable: offset of its descriptor.
    ThreadLocal(u64),
    /// A plain number.
    Absolute(u64),
    /// A stub, and the function that says at load time what it leads to.
    Resolver {
        /// Offset of the stub.
        stub: u64,
        /// Offset of the resolver.
        resolver: u64,
    },
    /// A default, and a table of variants for kinds of processors (dyld 1323).
    Variant {
        /// Offset of the default.
        default: u64,
        /// Number of the table.
        table: u64,
    },
    /// The export of a dependent.
    Reexport {
        /// Its number, from 1; it need not exist.
        ordinal: u64,
        /// Its name there; empty for the same name.
        name: &'h [u8],
    },
}

/// One export.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Export<'h> {
    /// What it is.
    pub kind: ExportKind<'h>,
    /// A weak definition: one that another image may replace. A re-export has none of its own.
    pub weak: bool,
}

/// The exports of an image.
#[derive(Clone, Debug, Default)]
pub enum Exports<'h> {
    /// A trie, perhaps empty, and where it is in the image.
    Trie(&'h [u8], u64),
    /// Symbols of an image older than tries.
    Symbols(HashMap<&'h [u8], Export<'h>, foldhash::fast::FixedState>),
    /// A table that is not in the image.
    Broken(Fault),
    /// No table at all.
    #[default]
    None,
}

/// Finds the table. `text` is the address of `__TEXT`.
pub(super) fn read<'h>(image: &'h [u8], linkedit: &Linkedit, is64: bool, text: u64) -> Exports<'h> {
    match (linkedit.trie, linkedit.info) {
        (Some(range), _) => trie(image, range),
        (None, Some(info)) => trie(image, info.export),
        (None, None) => symbol_table(image, linkedit, is64, text),
    }
}

fn trie(image: &[u8], range: Range) -> Exports<'_> {
    let at = u64::from(range.offset);
    match range.bytes(image) {
        _ if range.size == 0 => Exports::Trie(&[], at),
        Some(bytes) => Exports::Trie(bytes, at),
        None => Exports::Broken(Fault::new(Part::ExportTrie, at, Problem::OutOfRange)),
    }
}

fn symbol_table<'h>(image: &'h [u8], linkedit: &Linkedit, is64: bool, text: u64) -> Exports<'h> {
    let Some(table) = linkedit.symtab else { return Exports::None };
    let mut found = HashMap::default();
    for index in symbols::globals(&table, linkedit.dysymtab.as_ref()) {
        if found.len() >= limits::BINDS {
            return Exports::Broken(Fault::new(Part::Symbols, table.symbols.into(), Problem::TooMuch));
        }
        let Some(entry) = Entry::read(image, &table, is64, index) else {
            return Exports::Broken(Fault::new(Part::Symbols, table.symbols.into(), Problem::OutOfRange));
        };
        if entry.is_export()
            && let Some(name) = entry.name(image, &table)
        {
            let kind = ExportKind::Regular(entry.value.wrapping_sub(text));
            found.entry(name).or_insert(Export { kind, weak: entry.is_weak_definition() });
        }
    }
    Exports::Symbols(found)
}

impl<'h> Exports<'h> {
    /// The export of that name. A fault is one dyld would meet on the way to it.
    pub fn find(&self, name: &[u8]) -> Result<Option<Export<'h>>, Fault> {
        match self {
            Exports::None => Ok(None),
            Exports::Broken(fault) => Err(*fault),
            Exports::Symbols(map) => Ok(map.get(name).copied()),
            Exports::Trie(bytes, base) => find(bytes, *base, name),
        }
    }

    /// Every name, in no promised order, until `visit` breaks. For comparing readers, not for looking up.
    pub fn walk(&self, mut visit: impl FnMut(&[u8], Export<'h>) -> ControlFlow<()>) -> Result<(), Fault> {
        match self {
            Exports::None => Ok(()),
            Exports::Broken(fault) => Err(*fault),
            Exports::Symbols(map) => {
                let _ = map.iter().try_for_each(|(name, export)| visit(name, *export));
                Ok(())
            }
            Exports::Trie(bytes, base) => walk(bytes, *base, &mut visit),
        }
    }
}

/// `trieWalk`: down the edges that match. A node once entered is not entered again.
fn find<'h>(bytes: &'h [u8], base: u64, name: &[u8]) -> Result<Option<Export<'h>>, Fault> {
    let mut s = Stream::new(Part::ExportTrie, bytes, base);
    let mut left = name;
    let mut visited = vec![0u64];
    while !s.is_empty() {
        let terminal = s.uleb()?;
        if left.is_empty() && terminal != 0 {
            return export(&mut s).map(Some);
        }
        // A terminal that leads out of the trie ends the search without a word.
        let Some(children) = skip(&s, terminal) else { return Ok(None) };
        s = children;
        let Ok(count) = s.byte() else { return Ok(None) };
        let mut next = None;
        for _ in 0..count {
            let edge = s.string()?;
            if let Some(rest) = left.strip_prefix(edge) {
                let at = s;
                let child = s.uleb()?;
                if child == 0 || child > bytes.len() as u64 {
                    return Err(at.fault(Problem::BadIndex(child)));
                }
                left = rest;
                next = Some((at, child));
                break;
            }
            skip_number(&mut s)?;
        }
        let Some((at, child)) = next else { return Ok(None) };
        if visited.contains(&child) || visited.len() >= limits::TRIE_STEPS {
            return Err(at.fault(Problem::Cycle));
        }
        visited.push(child);
        s.seek(usize::try_from(child).unwrap_or(usize::MAX));
    }
    Ok(None)
}

/// The stream behind `count` more bytes, if they are there.
fn skip<'h>(s: &Stream<'h>, count: u64) -> Option<Stream<'h>> {
    let at = s.at().checked_add(usize::try_from(count).ok()?)?;
    let mut behind = *s;
    behind.seek(at);
    (behind.at() == at).then_some(behind)
}

/// An edge that does not match is passed over without reading its number, however long.
fn skip_number(s: &mut Stream<'_>) -> Result<(), Fault> {
    while s.byte()? & 0x80 != 0 {}
    Ok(())
}

/// The payload of a terminal node. Its end is that of the trie: dyld does not hold it to its own size.
fn export<'h>(s: &mut Stream<'h>) -> Result<Export<'h>, Fault> {
    let flags = s.uleb()?;
    if flags & REEXPORT != 0 {
        let ordinal = s.uleb()?;
        return Ok(Export { kind: ExportKind::Reexport { ordinal, name: s.string()? }, weak: false });
    }
    let value = s.uleb()?;
    let kind = match flags & KIND_MASK {
        _ if flags & VARIANT != 0 => ExportKind::Variant { default: value, table: s.uleb()? },
        _ if flags & RESOLVER != 0 => ExportKind::Resolver { stub: value, resolver: s.uleb()? },
        1 => ExportKind::ThreadLocal(value),
        2 => ExportKind::Absolute(value),
        // dyld takes the fourth kind, which nobody has defined, for a regular one.
        _ => ExportKind::Regular(value),
    };
    Ok(Export { kind, weak: flags & WEAK != 0 })
}

/// Depth first, each node once: a trie in which two edges lead to one node is a fault here.
fn walk<'h>(
    bytes: &'h [u8],
    base: u64,
    visit: &mut impl FnMut(&[u8], Export<'h>) -> ControlFlow<()>,
) -> Result<(), Fault> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut seen = vec![false; bytes.len()];
    let mut name = Vec::new();
    let mut stack = Vec::new();
    let mut enter = Some(Stream::new(Part::ExportTrie, bytes, base));
    loop {
        if let Some(mut s) = enter.take() {
            match seen.get_mut(s.at()) {
                Some(seen) if !*seen => *seen = true,
                Some(_) => return Err(s.fault(Problem::Cycle)),
                None => return Err(s.fault(Problem::OutOfRange)),
            }
            let terminal = s.uleb()?;
            if terminal != 0 && visit(&name, export(&mut { s })?).is_break() {
                return Ok(());
            }
            let mut s = skip(&s, terminal).ok_or_else(|| s.fault(Problem::BadSize(terminal)))?;
            let count = s.byte()?;
            stack.push((s, count, name.len()));
        }
        let Some((s, count, length)) = stack.last_mut() else { return Ok(()) };
        name.truncate(*length);
        if *count == 0 {
            stack.pop();
            continue;
        }
        *count -= 1;
        name.extend_from_slice(s.string()?);
        if name.len() > limits::STRING_BYTES {
            return Err(s.fault(Problem::TooMuch));
        }
        let mut child = *s;
        let to = s.uleb()?;
        if to == 0 {
            return Err(child.fault(Problem::BadIndex(0)));
        }
        child.seek(usize::try_from(to).unwrap_or(usize::MAX));
        enter = Some(child);
    }
}
