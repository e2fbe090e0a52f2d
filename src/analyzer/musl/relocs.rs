//! The relocations of one object as musl walks them: what it looks up, and the first thing that goes wrong in the object itself.
//! It must never depend on other objects, nor bound a table musl does not bound.
//! Follows musl ldso/dynlink.c: reloc_all, do_relocs, do_relr_relocs, and arch/*/reloc.h.

use std::collections::HashSet;

use crate::analyzer::defect::{Defect, Structure};
use crate::analyzer::image::dynamic::Dynamic;
use crate::analyzer::image::limits;
use crate::analyzer::image::relocs::{
    COPY, DEFINED, Import, LAZY, NEEDS_VALUE, OWN, PLT, Relocs, STATIC_TLS, Target, WEAK,
};
use crate::analyzer::image::symbols::{STB_LOCAL, STB_WEAK, Symbol, gnu_hash};
use crate::analyzer::image::versions::Versions;
use crate::analyzer::image::vm::{Fault, FaultKind, Vm};
use crate::analyzer::loader_model::{LoaderModel, MuslModel};
use crate::analyzer::model::Machine;

/// The name of an import that has none: the loader prints whatever its variable held.
pub(super) const NO_NAME: u32 = u32::MAX;

/// What a relocation does (`REL_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    /// Stores an address.
    Symbolic,
    /// The same into the GOT: no addend is read from the place, and RTLD_LAZY lets it wait.
    Got,
    /// The same into the PLT's table: undefined symbols do not satisfy it.
    Plt,
    /// Adds the load address.
    Relative,
    /// Stores 32 bits of a distance.
    Offset32,
    /// Copies the definition.
    Copy,
    /// Stores a module number.
    DtpMod,
    /// Stores an offset in a module.
    DtpOff,
    /// Stores an offset from the thread pointer.
    TpOff,
    /// Stores a descriptor.
    TlsDesc,
}

/// The types a machine's loader knows.
fn action(machine: Machine, number: u32) -> Option<Action> {
    use Action::{Copy, DtpMod, DtpOff, Got, Offset32, Plt, Relative, Symbolic, TlsDesc, TpOff};
    let table: &[(u32, Action)] = match machine {
        Machine::X86_64 => &[
            (1, Symbolic),
            (2, Offset32),
            (5, Copy),
            (6, Got),
            (7, Plt),
            (8, Relative),
            (16, DtpMod),
            (17, DtpOff),
            (18, TpOff),
            (36, TlsDesc),
        ],
        // PC32 is a whole word there, and there are two signs of TPOFF.
        Machine::I386 => &[
            (1, Symbolic),
            (2, Symbolic),
            (5, Copy),
            (6, Got),
            (7, Plt),
            (8, Relative),
            (14, TpOff),
            (35, DtpMod),
            (36, DtpOff),
            (37, TpOff),
            (41, TlsDesc),
        ],
        Machine::Aarch64 => &[
            (257, Symbolic),
            (1024, Copy),
            (1025, Got),
            (1026, Plt),
            (1027, Relative),
            (1028, DtpMod),
            (1029, DtpOff),
            (1030, TpOff),
            (1031, TlsDesc),
        ],
        Machine::Arm => &[
            (2, Symbolic),
            (13, TlsDesc),
            (17, DtpMod),
            (18, DtpOff),
            (19, TpOff),
            (20, Copy),
            (21, Got),
            (22, Plt),
            (23, Relative),
        ],
        Machine::Riscv64 => &[
            (2, Symbolic),
            (3, Relative),
            (4, Copy),
            (5, Plt),
            (7, DtpMod),
            (9, DtpOff),
            (11, TpOff),
            (12, TlsDesc),
        ],
        Machine::Ppc64 => &[
            (19, Copy),
            (20, Got),
            (21, Plt),
            (22, Relative),
            (38, Symbolic),
            (43, Symbolic),
            (68, DtpMod),
            (73, TpOff),
            (78, DtpOff),
        ],
        Machine::S390x => &[
            (9, Copy),
            (10, Got),
            (11, Plt),
            (12, Relative),
            (22, Symbolic),
            (54, DtpMod),
            (55, DtpOff),
            (56, TpOff),
        ],
    };
    table.iter().find(|(n, _)| *n == number).map(|(_, action)| *action)
}

struct Walk<'a, 'h> {
    vm: &'a Vm<'h>,
    d: &'a Dynamic,
    versions: &'a Versions<'h>,
    machine: Machine,
    out: Relocs,
    /// Records read.
    records: u64,
    seen: HashSet<(u32, u16)>,
    /// The name of the last symbol, which the loader's variable still holds.
    last_name: u32,
    /// A record writes over what says where the constructors are.
    changed: bool,
}

/// Walks all relocations in the loader's order; and whether they change where the constructors are.
pub(super) fn read<'h>(
    vm: &Vm<'h>,
    d: &Dynamic,
    versions: &Versions<'h>,
    model: &LoaderModel,
    musl: &MuslModel,
) -> (Relocs, bool) {
    let mut w = Walk {
        vm,
        d,
        versions,
        machine: model.machine,
        out: Relocs::default(),
        records: 0,
        seen: HashSet::new(),
        last_name: NO_NAME,
        changed: false,
    };
    if let Err(defect) = w.all(musl) {
        w.out.fatal = Some((w.out.imports.len(), defect));
    }
    w.out.imports.shrink_to_fit();
    w.out.last_name = Some(w.last_name).filter(|name| *name != NO_NAME);
    (w.out, w.changed)
}

fn memory(structure: Structure) -> impl Fn(Fault) -> Defect {
    move |fault| Defect::Memory { structure, fault }
}

impl Walk<'_, '_> {
    fn all(&mut self, musl: &MuslModel) -> Result<(), Defect> {
        let (d, none) = (self.d, |v: Option<u64>| v.unwrap_or(0));
        let plt_words = if d.jmprel.2 == Some(7) { 3 } else { 2 };
        self.table(none(d.jmprel.0), none(d.jmprel.1), plt_words)?;
        self.table(none(d.rel.0), none(d.rel.1), 2)?;
        self.table(none(d.rela.0), none(d.rela.1), 3)?;
        if musl.relr() { self.relr(none(d.relr.0), none(d.relr.1)) } else { Ok(()) }
    }

    /// Ends where the size has come down to exactly nothing; a crooked one never does.
    fn table(&mut self, start: u64, size: u64, words: u64) -> Result<(), Defect> {
        let f = self.vm.format;
        let (mut at, mut left) = (start, size);
        while left != 0 {
            self.count(at)?;
            self.record(at, words)?;
            at = f.wrap(at.wrapping_add(words * f.word()));
            left = f.wrap(left.wrapping_sub(words * f.word()));
        }
        Ok(())
    }

    fn count(&mut self, at: u64) -> Result<(), Defect> {
        self.records += 1;
        if self.records > limits::RELOCATIONS {
            return Err(memory(Structure::Relocations)(Fault { kind: FaultKind::Limit, addr: at }));
        }
        Ok(())
    }

    fn record(&mut self, at: u64, words: u64) -> Result<(), Defect> {
        let (vm, f) = (self.vm, self.vm.format);
        let word = f.word();
        let field =
            |n: u64| vm.addr(f.wrap(at.wrapping_add(n * word))).map_err(memory(Structure::Relocations));
        let info = field(1)?;
        let (number, symbol) = if f.is64 {
            ((info & 0x7fff_ffff) as u32, (info >> 32) as u32)
        } else {
            ((info & 0xff) as u32, (info >> 8) as u32)
        };
        if number == 0 {
            return Ok(());
        }
        let place = field(0)?;
        let action = action(self.machine, number);
        let explicit = words > 2;
        let addend = if explicit {
            field(2)?
        } else if matches!(action, Some(Action::Got | Action::Plt | Action::Copy)) {
            0
        } else {
            vm.addr(place).map_err(memory(Structure::RelocationTarget))?
        };
        let bound = if symbol == 0 { self.symbolless(action)? } else { self.symbol(symbol, action)? };
        let Some(action) = action else { return Err(Defect::RelocationType { number, plt: false }) };
        let width = match action {
            Action::Offset32 => 4,
            Action::TlsDesc => 2 * word,
            Action::Copy => bound.size,
            _ => word,
        };
        if width > 0 {
            vm.writable(place, width).map_err(memory(Structure::RelocationTarget))?;
            self.out_of_date(place, width);
        }
        self.slot(place, action, bound.target, addend);
        Ok(())
    }

    /// The constructors are looked for once more after relocation: a store into their entries changes what is called.
    fn out_of_date(&mut self, place: u64, width: u64) {
        let word = self.vm.format.word();
        let hit = |at: &u64| *at < place.saturating_add(width) && place < at.saturating_add(word);
        self.changed |= self.d.live.iter().any(|(_, at)| hit(at));
    }

    /// Without a symbol everything is the object's own.
    fn symbolless(&mut self, action: Option<Action>) -> Result<Bound, Defect> {
        match action {
            // It takes the size to copy from a symbol that is not there.
            Some(Action::Copy) => Err(memory(Structure::Symbols)(Fault { kind: FaultKind::Segv, addr: 0 })),
            Some(Action::TpOff) => {
                self.import(0, self.last_name, 0, STATIC_TLS | OWN);
                Ok(Bound::default())
            }
            Some(Action::Relative) => Ok(Bound { target: Some(Target::Address(0)), size: 0 }),
            _ => Ok(Bound::default()),
        }
    }

    fn symbol(&mut self, index: u32, action: Option<Action>) -> Result<Bound, Defect> {
        let s = self.entry(index).map_err(memory(Structure::Symbols))?;
        self.last_name = s.name;
        let tls = matches!(action, Some(Action::DtpMod | Action::TpOff | Action::TlsDesc));
        let mut flags = 0;
        if action == Some(Action::TpOff) {
            flags |= STATIC_TLS;
        }
        let own = s.binding() == STB_LOCAL;
        if own {
            let target = Some(Target::Address(s.value));
            if flags & STATIC_TLS != 0 {
                self.import(index, s.name, 0, flags | OWN);
            }
            return Ok(Bound { target, size: s.size });
        }
        let name = self.name(s.name)?;
        if action == Some(Action::Plt) {
            flags |= PLT;
        }
        if matches!(action, Some(Action::Plt | Action::Got)) {
            flags |= LAZY;
        }
        if action == Some(Action::Copy) {
            flags |= COPY;
        }
        if s.binding() == STB_WEAK && s.shndx == 0 {
            flags |= WEAK;
            if tls || (action == Some(Action::Copy) && s.size > 0) {
                flags |= NEEDS_VALUE;
            }
        }
        if s.shndx != 0 {
            flags |= DEFINED;
        }
        let at = self.import(index, s.name, gnu_hash(&name), flags);
        Ok(Bound { target: Some(Target::Symbol(at, 0)), size: s.size })
    }

    /// Enters an import once; where a constructor's slot needs it, its position.
    fn import(&mut self, symbol: u32, name: u32, hash: u32, flags: u16) -> u32 {
        if self.seen.insert((symbol, flags)) {
            let version = self.version(symbol);
            self.out.imports.push(Import { symbol, name, hash, version, flags });
            return u32::try_from(self.out.imports.len() - 1).unwrap_or(u32::MAX);
        }
        let same = |i: &Import| i.symbol == symbol && i.flags == flags;
        // Only asked for where it matters: constructors bound by name are rare.
        u32::try_from(self.out.imports.iter().position(same).unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// The row of the version table, for people: the loader does not look at it.
    fn version(&self, symbol: u32) -> u16 {
        let Some(table) = self.d.versym.filter(|_| self.versions.has_table()) else { return 0 };
        let row = self.vm.u16(table.wrapping_add(2 * u64::from(symbol))).unwrap_or(0) & 0x7fff;
        if usize::from(row) < self.versions.rows() && row > 1 { row } else { 0 }
    }

    fn name(&self, offset: u32) -> Result<Vec<u8>, Defect> {
        let strings = self.d.strtab.unwrap_or(0);
        let at = self.vm.format.wrap(strings.wrapping_add(u64::from(offset)));
        self.vm.string(at).map(std::borrow::Cow::into_owned).map_err(memory(Structure::Strings))
    }

    fn entry(&self, index: u32) -> Result<Symbol, Fault> {
        super::scope::entry(self.vm, self.d, index)
    }

    /// Remembers what a constructor's slot gets.
    fn slot(&mut self, place: u64, action: Action, target: Option<Target>, addend: u64) {
        let (Some(start), Some(size)) = self.d.init_array else { return };
        if place < start || place >= start.saturating_add(size) {
            return;
        }
        let f = self.vm.format;
        let target = match (action, target) {
            (Action::Relative, _) => Target::Address(addend),
            (Action::Symbolic | Action::Got | Action::Plt, Some(Target::Address(at))) => {
                Target::Address(f.wrap(at.wrapping_add(addend)))
            }
            (Action::Symbolic | Action::Got | Action::Plt, Some(Target::Symbol(at, _))) => {
                Target::Symbol(at, addend)
            }
            _ => return,
        };
        self.out.slots.push((place, target));
    }

    fn relr(&mut self, start: u64, size: u64) -> Result<(), Defect> {
        let (vm, f) = (self.vm, self.vm.format);
        let word = f.word();
        let (mut at, mut left) = (start, size);
        let mut place: Option<u64> = None;
        while left != 0 {
            self.count(at)?;
            let entry = vm.addr(at).map_err(memory(Structure::Relocations))?;
            if entry & 1 == 0 {
                self.relr_word(entry)?;
                place = Some(f.wrap(entry.wrapping_add(word)));
            } else {
                let mut bits = entry >> 1;
                let mut i = 0;
                while bits != 0 {
                    if bits & 1 != 0 {
                        // A bitmap that stands first leads to wherever a variable nobody has set points.
                        let base = place.ok_or_else(|| {
                            memory(Structure::Relocations)(Fault { kind: FaultKind::Unknown, addr: at })
                        })?;
                        self.relr_word(f.wrap(base.wrapping_add(i * word)))?;
                    }
                    bits >>= 1;
                    i += 1;
                }
                place = place.map(|p| f.wrap(p.wrapping_add((8 * word - 1) * word)));
            }
            at = f.wrap(at.wrapping_add(word));
            left = f.wrap(left.wrapping_sub(word));
        }
        Ok(())
    }

    fn relr_word(&mut self, place: u64) -> Result<(), Defect> {
        self.vm.writable(place, self.vm.format.word()).map_err(memory(Structure::RelocationTarget))?;
        let value = self.vm.addr(place).map_err(memory(Structure::RelocationTarget))?;
        self.slot(place, Action::Relative, None, value);
        Ok(())
    }
}

/// What a record's symbol is.
#[derive(Default)]
struct Bound {
    target: Option<Target>,
    size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_those_of_the_machines() {
        assert_eq!(action(Machine::X86_64, 7), Some(Action::Plt));
        assert_eq!(action(Machine::X86_64, 37), None, "IRELATIVE");
        assert_eq!(action(Machine::Aarch64, 1032), None, "IRELATIVE");
        assert_eq!(action(Machine::X86_64, 1026), None, "another machine's");
        for machine in Machine::ALL {
            let known: Vec<u32> = (0..2048).filter(|n| action(machine, *n).is_some()).collect();
            let count = |want: Action| known.iter().filter(|n| action(machine, **n) == Some(want)).count();
            assert_eq!((count(Action::Plt), count(Action::Relative), count(Action::Copy)), (1, 1, 1));
            assert!(!known.contains(&0));
        }
    }
}
