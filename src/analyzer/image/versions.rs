//! Version needs and definitions in the order the loader walks them, and the index table it builds.
//! It must never use DT_VERNEEDNUM or DT_VERDEFNUM: chains end where `next` is 0.
//! Follows glibc elf/dl-version.c:_dl_check_map_versions and match_symbol.

use std::borrow::Cow;

use super::dynamic::Dynamic;
use super::limits;
use super::symbols::Symbols;
use super::vm::{Fault, FaultKind, Vm};
use crate::analyzer::defect::{Assertion, Defect, Structure};

/// A string of the string table, or what reading it does.
pub type Name<'h> = Result<Cow<'h, [u8]>, Box<Defect>>;

/// VER_FLG_WEAK.
pub const WEAK: u16 = 2;
/// VER_FLG_BASE.
pub const BASE: u16 = 1;

/// One step of the walk over DT_VERNEED.
#[derive(Clone, Debug)]
pub enum NeedStep<'h> {
    /// A record that names a file.
    File(Name<'h>),
    /// A version needed of that file.
    Version {
        /// `vna_hash`.
        hash: u32,
        /// `vna_flags`.
        flags: u16,
        /// `vna_other`.
        other: u16,
        /// Name of the version.
        name: Name<'h>,
    },
    /// The first record's revision is not 1.
    Revision(u16),
    /// Reading on does this.
    Fault(Defect),
}

/// One version definition.
#[derive(Clone, Debug)]
pub struct Definition<'h> {
    /// `vd_version`.
    pub revision: u16,
    /// `vd_flags`.
    pub flags: u16,
    /// `vd_ndx`.
    pub index: u16,
    /// `vd_hash`.
    pub hash: u32,
    /// First auxiliary name.
    pub name: Name<'h>,
    /// What reading the auxiliary record does (the table needs it, whether or not the name is compared).
    pub aux_fault: Option<Defect>,
}

/// One row of the version index table (`l_versions`).
#[derive(Clone, Debug)]
pub struct Entry<'h> {
    /// ELF hash of the name; 0 for an unused row.
    pub hash: u32,
    /// The hidden bit of the need.
    pub hidden: bool,
    name: Option<Name<'h>>,
    /// The file it is needed of; none for definitions.
    pub file: Option<Name<'h>>,
}

impl<'h> Entry<'h> {
    /// The version's name.
    ///
    /// # Errors
    /// What reading it does.
    pub fn name(&self) -> Result<&[u8], Defect> {
        match &self.name {
            Some(Ok(n)) => Ok(n),
            Some(Err(d)) => Err((**d).clone()),
            None => Ok(b""),
        }
    }
}

/// Everything about symbol versions of one object.
#[derive(Clone, Debug, Default)]
pub struct Versions<'h> {
    /// DT_VERNEED step by step.
    pub needs: Vec<NeedStep<'h>>,
    /// DT_VERDEF records.
    pub definitions: Vec<Definition<'h>>,
    /// The object has DT_VERDEF.
    pub has_definitions: bool,
    /// What the walk over DT_VERDEF runs into behind the last record.
    pub definition_fault: Option<Defect>,
    /// The index table.
    table: Vec<Entry<'h>>,
    /// What building the table does (after the needs were checked).
    pub table_fault: Option<Defect>,
}

impl<'h> Versions<'h> {
    /// Whether the loader makes an index table for the object.
    pub fn has_table(&self) -> bool {
        !self.table.is_empty()
    }

    /// Row `index` of the table.
    ///
    /// # Errors
    /// A read beyond the table hits whatever the heap holds there.
    pub fn entry(&self, index: u16) -> Result<Option<&Entry<'h>>, Defect> {
        match self.table.get(usize::from(index)) {
            Some(e) => Ok(Some(e)),
            None => {
                let fault = Fault { kind: FaultKind::Unknown, addr: u64::from(index) };
                Err(Defect::Memory { structure: Structure::VersionTable, fault })
            }
        }
    }

    /// How many rows the table has.
    pub fn rows(&self) -> usize {
        self.table.len()
    }

    /// All rows that carry a version, with their index.
    pub fn entries(&self) -> impl Iterator<Item = (usize, &Entry<'h>)> {
        self.table.iter().enumerate().filter(|(_, e)| e.name.is_some())
    }
}

/// Walks both chains and builds the table.
pub fn read<'h>(vm: &Vm<'h>, d: &Dynamic, symbols: &Symbols<'h>) -> Versions<'h> {
    let mut v = Versions { has_definitions: d.verdef.is_some(), ..Versions::default() };
    if d.strtab.is_none() {
        return v;
    }
    let mut steps = 0usize;
    if let Some(at) = d.verneed
        && let Err(fault) = needs(vm, at, symbols, &mut v.needs, &mut steps)
    {
        v.needs.push(NeedStep::Fault(fault));
        // The table is never built: the walk above ends the call.
        return v;
    }
    let mut own = Vec::new();
    let fault = d.verdef.and_then(|at| definitions(vm, at, symbols, &mut own, &mut steps).err());
    build_table(&mut v, d, &own, fault.clone());
    // Who needs a version of this object asserts that the table is not at its very beginning; the object itself does not.
    if d.verdef == Some(0) {
        v.definition_fault = Some(Defect::Assertion(Assertion::VersionDefinitionOffset));
    } else {
        (v.definitions, v.definition_fault) = (own, fault);
    }
    v
}

fn name<'h>(vm: &Vm<'h>, symbols: &Symbols<'h>, offset: u32) -> Name<'h> {
    symbols.string(vm, u64::from(offset)).map_err(Box::new)
}

fn needs<'h>(
    vm: &Vm<'h>,
    start: u64,
    symbols: &Symbols<'h>,
    out: &mut Vec<NeedStep<'h>>,
    steps: &mut usize,
) -> Result<(), Defect> {
    let wrong = |fault: Fault| Defect::Memory { structure: Structure::VersionNeeds, fault };
    let mut at = start;
    let revision = vm.u16(at).map_err(wrong)?;
    if revision != 1 {
        out.push(NeedStep::Revision(revision));
        return Ok(());
    }
    loop {
        count(steps, at).map_err(wrong)?;
        let file = vm.u32(at.wrapping_add(4)).map_err(wrong)?;
        let aux = vm.u32(at.wrapping_add(8)).map_err(wrong)?;
        let next = vm.u32(at.wrapping_add(12)).map_err(wrong)?;
        out.push(NeedStep::File(name(vm, symbols, file)));
        let mut a = vm.format.wrap(at.wrapping_add(u64::from(aux)));
        loop {
            count(steps, a).map_err(wrong)?;
            let hash = vm.u32(a).map_err(wrong)?;
            let flags = vm.u16(a.wrapping_add(4)).map_err(wrong)?;
            let other = vm.u16(a.wrapping_add(6)).map_err(wrong)?;
            let text = vm.u32(a.wrapping_add(8)).map_err(wrong)?;
            out.push(NeedStep::Version { hash, flags, other, name: name(vm, symbols, text) });
            let next = vm.u32(a.wrapping_add(12)).map_err(wrong)?;
            if next == 0 {
                break;
            }
            a = vm.format.wrap(a.wrapping_add(u64::from(next)));
        }
        if next == 0 {
            return Ok(());
        }
        at = vm.format.wrap(at.wrapping_add(u64::from(next)));
    }
}

fn definitions<'h>(
    vm: &Vm<'h>,
    start: u64,
    symbols: &Symbols<'h>,
    out: &mut Vec<Definition<'h>>,
    steps: &mut usize,
) -> Result<(), Defect> {
    let wrong = |fault: Fault| Defect::Memory { structure: Structure::VersionDefinitions, fault };
    let mut at = start;
    loop {
        count(steps, at).map_err(wrong)?;
        let revision = vm.u16(at).map_err(wrong)?;
        let flags = vm.u16(at.wrapping_add(2)).map_err(wrong)?;
        let index = vm.u16(at.wrapping_add(4)).map_err(wrong)?;
        let hash = vm.u32(at.wrapping_add(8)).map_err(wrong)?;
        let aux = vm.u32(at.wrapping_add(12)).map_err(wrong)?;
        let next = vm.u32(at.wrapping_add(16)).map_err(wrong)?;
        let aux_at = vm.format.wrap(at.wrapping_add(u64::from(aux)));
        let aux = vm.u32(aux_at).map_err(wrong);
        let aux_fault = aux.clone().err();
        let name = aux.map_err(Box::new).and_then(|o| name(vm, symbols, o));
        out.push(Definition { revision, flags, index, hash, name, aux_fault });
        if next == 0 {
            return Ok(());
        }
        at = vm.format.wrap(at.wrapping_add(u64::from(next)));
    }
}

fn count(steps: &mut usize, addr: u64) -> Result<(), Fault> {
    *steps += 1;
    if *steps > limits::VERSION_RECORDS { Err(Fault { kind: FaultKind::Limit, addr }) } else { Ok(()) }
}

/// The second half of `_dl_check_map_versions`: highest index, then one row a version.
fn build_table<'h>(v: &mut Versions<'h>, d: &Dynamic, own: &[Definition<'h>], fault: Option<Defect>) {
    let need_high = v.needs.iter().map(|s| match s {
        NeedStep::Version { other, .. } => usize::from(other & 0x7fff),
        _ => 0,
    });
    let def_high = own.iter().map(|x| usize::from(x.index & 0x7fff));
    let high = need_high.chain(def_high).max().unwrap_or(0);
    if fault.is_some() {
        v.table_fault = fault;
        return;
    }
    if high == 0 {
        return;
    }
    if d.versym.is_none() {
        v.table_fault = Some(Defect::MissingTable(Structure::VersionIndex));
        return;
    }
    let mut table = vec![Entry { hash: 0, hidden: false, name: None, file: None }; high + 1];
    let mut file = None;
    for step in &v.needs {
        match step {
            NeedStep::File(f) => file = Some(f.clone()),
            NeedStep::Version { hash, other, name, .. } => {
                if let Some(row) = table.get_mut(usize::from(other & 0x7fff)) {
                    *row = Entry {
                        hash: *hash,
                        hidden: other & 0x8000 != 0,
                        name: Some(name.clone()),
                        file: file.clone(),
                    };
                }
            }
            NeedStep::Revision(_) | NeedStep::Fault(_) => {}
        }
    }
    for x in own {
        if x.flags & BASE == 0 {
            if let Some(fault) = &x.aux_fault {
                v.table_fault = Some(fault.clone());
                return;
            }
            if let Some(row) = table.get_mut(usize::from(x.index & 0x7fff)) {
                let hidden = row.hidden;
                *row = Entry { hash: x.hash, hidden, name: Some(x.name.clone()), file: None };
            }
        }
    }
    v.table = table;
}
