//! The relocations of one object as a list of what must be looked up, and the first thing that goes
//! wrong for reasons the object carries in itself. It must never depend on other objects.
//! Follows glibc elf/dynamic-link.h, elf/do-rel.h and elf/dl-reloc.c:resolve_map.

mod record;
mod reference;
mod walk;

use super::dynamic::Dynamic;
use super::symbols::Symbols;
use super::versions::Versions;
use super::vm::Vm;
use crate::analyzer::defect::Defect;
use crate::analyzer::loader_model::LoaderModel;
use walk::walk;

/// The reference is weak: not finding it is no error.
pub const WEAK: u16 = 1;
/// PLT class.
pub const PLT: u16 = 2;
/// Copy class: the main program is not searched.
pub const COPY: u16 = 4;
/// Binds to the object itself without a look-up.
pub const OWN: u16 = 8;
/// A missing weak definition is a null dereference.
pub const NEEDS_VALUE: u16 = 16;
/// The definition's object needs static TLS.
pub const STATIC_TLS: u16 = 32;
/// The definition's object gets static TLS if there is room.
pub const TLS_DESCRIPTOR: u16 = 64;
/// The object itself defines the symbol.
pub const DEFINED: u16 = 128;
/// A jump slot: bound at the first call where binding is lazy.
pub const LAZY: u16 = 512;
/// The object's own definition is an IFUNC.
pub const OWN_IFUNC: u16 = 1024;
/// STV_PROTECTED reference: binds to itself when found elsewhere.
pub const PROTECTED: u16 = 256;

/// One thing a relocation refers to; the first of equal ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Import {
    /// Symbol table index.
    pub symbol: u32,
    /// Offset of the name.
    pub name: u32,
    /// GNU hash of the name.
    pub hash: u32,
    /// Row of the version table, 0 for none.
    pub version: u16,
    /// The constants above.
    pub flags: u16,
}

/// What ends up in a constructor slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// An address of this object.
    Address(u64),
    /// The address of what this import is bound to, plus a number.
    Symbol(u32, u64),
}

/// The relocations of one object.
#[derive(Clone, Debug, Default)]
pub struct Relocs {
    /// What is looked up, in the loader's order, without repetitions.
    pub imports: Vec<Import>,
    /// What goes wrong, after this many imports.
    pub fatal: Option<(usize, Defect)>,
    /// Constructor slots that a relocation fills.
    pub slots: Vec<(u64, Target)>,
    /// Positions of imports that do more than bind: static TLS, and own IFUNCs.
    pub special: Vec<u32>,
    /// Any weak import with NEEDS_VALUE.
    pub may_need_value: bool,
    /// Any IRELATIVE record.
    pub irelative: bool,
    /// Offset of the name of the last record's symbol, which musl's loader may print again.
    pub last_name: Option<u32>,
}

/// Walks all relocations in the loader's order.
pub fn read<'h>(
    vm: &Vm<'h>,
    d: &Dynamic,
    symbols: &Symbols<'h>,
    versions: &Versions<'h>,
    model: &LoaderModel,
) -> Relocs {
    let mut w = walk(vm, d, symbols, versions, model);
    if let Err(defect) = w.all(d) {
        w.out.fatal = Some((w.out.imports.len(), defect));
    }
    w.out.imports.shrink_to_fit();
    let special = STATIC_TLS | TLS_DESCRIPTOR | OWN | OWN_IFUNC;
    let all = w.out.imports.iter().enumerate().filter(|(_, i)| i.flags & special != 0);
    w.out.special = all.filter_map(|(at, _)| u32::try_from(at).ok()).collect();
    w.out
}

/// The places that relocation fills in, sorted.
pub fn places<'h>(
    vm: &Vm<'h>,
    d: &Dynamic,
    symbols: &Symbols<'h>,
    versions: &Versions<'h>,
    model: &LoaderModel,
) -> Vec<u64> {
    let mut w = walk(vm, d, symbols, versions, model);
    w.written = Some(Vec::new());
    let _ = w.all(d);
    let mut places = w.written.take().unwrap_or_default();
    places.sort_unstable();
    places
}

/// The places that are still to be filled when the first record of `symbol` is reached, sorted.
pub fn places_behind<'h>(
    vm: &Vm<'h>,
    d: &Dynamic,
    symbols: &Symbols<'h>,
    versions: &Versions<'h>,
    model: &LoaderModel,
    symbol: u32,
) -> Vec<u64> {
    let mut w = walk(vm, d, symbols, versions, model);
    w.written = Some(Vec::new());
    w.mark = Some((symbol, None));
    let _ = w.all(d);
    let from = w.mark.and_then(|(_, at)| at).unwrap_or(0);
    let mut places = w.written.take().unwrap_or_default().split_off(from);
    places.sort_unstable();
    places
}
