//! The dynamic section, tag by tag, with the assertions and stores the loader makes while reading it.
//! It must never bound a walk by DT_*NUM tags the loader ignores.
//! Follows glibc elf/get-dynamic-info.h:elf_get_dynamic_info.

use super::elf::Role;
use super::limits;
use super::segments::Mapped;
use super::vm::{Fault, FaultKind};
use crate::analyzer::defect::{Assertion, Defect, Structure};
use crate::analyzer::loader_model::LoaderModel;
use crate::analyzer::model::Machine;

/// What a dynamic entry asks to be loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NeedKind {
    /// DT_NEEDED.
    Needed,
    /// DT_AUXILIARY: may be missing.
    Auxiliary,
    /// DT_FILTER.
    Filter,
}

/// The tags the loader uses; for each the last occurrence counts.
#[derive(Clone, Debug, Default)]
pub struct Dynamic {
    /// DT_NEEDED, DT_AUXILIARY and DT_FILTER with their string offsets, in order.
    pub needs: Vec<(NeedKind, u64)>,
    /// DT_STRTAB.
    pub strtab: Option<u64>,
    /// DT_SYMTAB.
    pub symtab: Option<u64>,
    /// DT_HASH.
    pub hash: Option<u64>,
    /// DT_GNU_HASH.
    pub gnu_hash: Option<u64>,
    /// DT_SONAME.
    pub soname: Option<u64>,
    /// DT_RPATH, dropped when there is a DT_RUNPATH.
    pub rpath: Option<u64>,
    /// DT_RUNPATH.
    pub runpath: Option<u64>,
    /// DT_RELA, DT_RELASZ, DT_RELACOUNT.
    pub rela: (Option<u64>, Option<u64>, Option<u64>),
    /// DT_REL, DT_RELSZ, DT_RELCOUNT.
    pub rel: (Option<u64>, Option<u64>, Option<u64>),
    /// DT_RELR, DT_RELRSZ.
    pub relr: (Option<u64>, Option<u64>),
    /// DT_JMPREL, DT_PLTRELSZ, DT_PLTREL.
    pub jmprel: (Option<u64>, Option<u64>, Option<u64>),
    /// DT_VERSYM.
    pub versym: Option<u64>,
    /// DT_VERNEED.
    pub verneed: Option<u64>,
    /// DT_VERDEF.
    pub verdef: Option<u64>,
    /// DT_INIT.
    pub init: Option<u64>,
    /// DT_FINI.
    pub fini: Option<u64>,
    /// DT_INIT_ARRAY, DT_INIT_ARRAYSZ.
    pub init_array: (Option<u64>, Option<u64>),
    /// DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ.
    pub preinit_array: (Option<u64>, Option<u64>),
    /// DT_SYMBOLIC or DF_SYMBOLIC.
    pub symbolic: bool,
    /// DT_TEXTREL or DF_TEXTREL.
    pub textrel: bool,
    /// DT_BIND_NOW, DF_BIND_NOW or DF_1_NOW.
    pub bind_now: bool,
    /// DT_FLAGS_1.
    pub flags_1: u64,
    /// Values that had the load address added where they stand.
    pub adjusted: Vec<u64>,
    /// Values the loader reads again while it relocates or initialises: tag and address.
    pub live: Vec<(u64, u64)>,
    /// DT_PPC64_OPT with PPC64_OPT_TLS (ppc64 only).
    pub ppc64_opt_tls: bool,
}

impl Dynamic {
    /// One entry whose tag means the same to every loader: of those but DT_NEEDED the last counts.
    pub(crate) fn note(&mut self, tag: u64, value: u64) {
        let v = Some(value);
        match tag {
            1 => self.needs.push((NeedKind::Needed, value)),
            2 => self.jmprel.1 = v,
            4 => self.hash = v,
            5 => self.strtab = v,
            6 => self.symtab = v,
            7 => self.rela.0 = v,
            8 => self.rela.1 = v,
            12 => self.init = v,
            13 => self.fini = v,
            14 => self.soname = v,
            15 => self.rpath = v,
            17 => self.rel.0 = v,
            18 => self.rel.1 = v,
            20 => self.jmprel.2 = v,
            22 => self.textrel = true,
            23 => self.jmprel.0 = v,
            25 => self.init_array.0 = v,
            27 => self.init_array.1 = v,
            29 => self.runpath = v,
            35 => self.relr.1 = v,
            36 => self.relr.0 = v,
            0x6fff_fffc => self.verdef = v,
            0x6fff_fffe => self.verneed = v,
            _ => {}
        }
    }
}

/// DF_1_INITFIRST.
pub const DF_1_INITFIRST: u64 = 0x20;
/// DF_1_NOOPEN.
pub const DF_1_NOOPEN: u64 = 0x40;
/// DF_1_NODEFLIB.
pub const DF_1_NODEFLIB: u64 = 0x800;
/// DF_1_PIE.
pub const DF_1_PIE: u64 = 0x0800_0000;

#[derive(Default)]
struct Seen {
    relaent: Option<u64>,
    relent: Option<u64>,
    relrent: Option<u64>,
    /// Addresses of the entries the loader relocates in place.
    adjusted: Vec<u64>,
}

/// Reads the section and applies the loader's assertions.
///
/// # Errors
/// The first fault or assertion, in the loader's order.
pub fn read(mapped: &Mapped<'_>, model: &LoaderModel, role: Role) -> Result<Dynamic, Defect> {
    let vm = &mapped.vm;
    let word = vm.format.word();
    let memory = |fault: Fault| Defect::Memory { structure: Structure::Dynamic, fault };
    let mut d = Dynamic::default();
    let mut seen = Seen::default();
    let mut last_adjust: std::collections::BTreeMap<u64, u64> = std::collections::BTreeMap::new();
    let mut flags = 0;
    let mut at = mapped.dynamic;
    for step in 0.. {
        if step >= limits::DYNAMIC_ENTRIES || d.needs.len() > limits::NEEDED_ENTRIES {
            return Err(memory(Fault { kind: FaultKind::Limit, addr: at }));
        }
        let tag = vm.addr(at).map_err(memory)?;
        if tag == 0 {
            break;
        }
        let value_at = vm.format.wrap(at.wrapping_add(word));
        let value = vm.addr(value_at).map_err(memory)?;
        if matches!(tag, 3..=7 | 17 | 23 | 36 | 0x6fff_fff0 | 0x6fff_fef5) {
            last_adjust.insert(tag, value_at);
        }
        if is_live(tag) {
            d.live.push((tag, value_at));
        }
        one(&mut d, &mut seen, &mut flags, tag, value, model.machine);
        at = vm.format.wrap(value_at.wrapping_add(word));
    }
    seen.adjusted = last_adjust.iter().filter(|(t, _)| adjusts(**t, &d, model)).map(|(_, a)| *a).collect();
    if !(model.rules.readonly_dynamic && mapped.dynamic_readonly) {
        for a in &seen.adjusted {
            vm.writable(*a, word).map_err(memory)?;
        }
        d.adjusted = std::mem::take(&mut seen.adjusted);
    }
    assertions(&d, &seen, model)?;
    d.symbolic |= flags & 2 != 0;
    d.textrel |= flags & 4 != 0;
    d.bind_now |= flags & 8 != 0 || d.flags_1 & 1 != 0;
    if d.runpath.is_some() {
        d.rpath = None;
    }
    if role == Role::Program {
        return Ok(d);
    }
    if model.rules.refuses_pie && d.flags_1 & DF_1_PIE != 0 {
        return Err(Defect::Pie);
    }
    if d.flags_1 & DF_1_NOOPEN != 0 && role == Role::Library {
        return Err(Defect::NoOpen);
    }
    Ok(d)
}

/// What the relocation ranges are made of: read once, after RELR and before the first other record.
pub fn makes_ranges(tag: u64) -> bool {
    matches!(tag, 2 | 7 | 8 | 17 | 18 | 20 | 23 | 0x6fff_fff9 | 0x6fff_fffa)
}

/// Tags whose values are read where they stand after the section was gone through.
fn is_live(tag: u64) -> bool {
    makes_ranges(tag) || matches!(tag, 5 | 6 | 12 | 25 | 27 | 32 | 33 | 0x6fff_fff0)
}

/// `ADJUST_DYN_INFO`: the pointers that get the load address added where they stand.
fn adjusts(tag: u64, d: &Dynamic, model: &LoaderModel) -> bool {
    match tag {
        7 => d.rela.0 != Some(0) || !model.rules.relr,
        17 => model.machine.uses_rel() && (d.rel.0 != Some(0) || !model.rules.relr),
        36 => model.rules.relr,
        _ => true,
    }
}

fn one(d: &mut Dynamic, seen: &mut Seen, flags: &mut u64, tag: u64, value: u64, machine: Machine) {
    let v = Some(value);
    let mut need = |kind| d.needs.push((kind, value));
    match tag {
        0x7fff_fffd => need(NeedKind::Auxiliary),
        0x7fff_ffff => need(NeedKind::Filter),
        9 => seen.relaent = v,
        16 => d.symbolic = true,
        19 => seen.relent = v,
        24 => d.bind_now = true,
        30 => *flags = value,
        32 => d.preinit_array.0 = v,
        33 => d.preinit_array.1 = v,
        37 => seen.relrent = v,
        0x6fff_fef5 => d.gnu_hash = v,
        0x6fff_fff0 => d.versym = v,
        0x6fff_fff9 => d.rela.2 = v,
        0x6fff_fffa => d.rel.2 = v,
        0x6fff_fffb => d.flags_1 = value,
        0x7000_0003 if machine == Machine::Ppc64 => d.ppc64_opt_tls = value & 1 != 0,
        _ => d.note(tag, value),
    }
}

fn assertions(d: &Dynamic, seen: &Seen, model: &LoaderModel) -> Result<(), Defect> {
    let is64 = model.machine.is_64();
    let (rela, rel) = if is64 { (24, 16) } else { (12, 8) };
    let check = |present: bool, size: Option<u64>, want: u64, which: Assertion| match (present, size) {
        (false, _) => Ok(()),
        (true, None) => Err(Defect::MissingTable(Structure::Dynamic)),
        (true, Some(n)) if n == want => Ok(()),
        (true, Some(_)) => Err(Defect::Assertion(which)),
    };
    if let Some(kind) = d.jmprel.2 {
        let fits = kind == 7 || (model.machine.uses_rel() && kind == 17);
        if !fits {
            return Err(Defect::Assertion(Assertion::PltRel));
        }
    }
    check(d.rela.0.is_some(), seen.relaent, rela, Assertion::RelaEnt)?;
    if model.machine.uses_rel() {
        check(d.rel.0.is_some(), seen.relent, rel, Assertion::RelEnt)?;
    }
    if model.rules.relr {
        check(d.relr.0.is_some(), seen.relrent, model.machine.word(), Assertion::RelrEnt)?;
    }
    Ok(())
}
