//! Which code the loader calls after relocation, and whether it can be fetched at all.
//! It must never say what that code does; an address it cannot know is passed over.
//! Follows glibc elf/dl-init.c:call_init and _dl_init.

use super::dynamic::Dynamic;
use super::limits;
use super::relocs::{Relocs, Target};
use super::vm::Vm;
use crate::analyzer::defect::{Defect, Structure};

/// The calls of one object.
#[derive(Clone, Debug, Default)]
pub struct Constructors {
    /// DT_INIT and DT_INIT_ARRAY: how many calls.
    pub calls: usize,
    /// The first call (or read of the table) that cannot work.
    pub fatal: Option<Defect>,
    /// The same for DT_PREINIT_ARRAY, which only the root's is run of.
    pub preinit_fatal: Option<Defect>,
    /// What calling DT_FINI will do, at `dlclose` or exit.
    pub unload: Option<Defect>,
    /// Slots filled by a binding: position of the import, and what is added.
    pub bound: Vec<(u32, u64)>,
    /// DT_PREINIT_ARRAY is there and not empty.
    pub preinit: bool,
}

/// Looks at DT_INIT, the arrays, and their targets. `fixed`: the file is loaded where it is linked (ET_EXEC).
pub fn read(vm: &Vm<'_>, d: &Dynamic, relocs: &Relocs, fixed: bool) -> Constructors {
    let mut c = Constructors::default();
    c.fatal = init(vm, d, relocs, fixed, &mut c.calls).err();
    c.bound = bound(vm, d, relocs);
    c.unload = d.fini.and_then(|at| vm.executable(vm.format.wrap(at)).map_err(Defect::Code).err());
    if let (Some(at), Some(size)) = d.preinit_array {
        let count = size / vm.format.word();
        c.preinit = count > 0;
        c.preinit_fatal = array(vm, at, count, relocs, fixed).err();
    }
    c
}

/// The slots of DT_INIT_ARRAY that hold whatever a symbol is bound to.
fn bound(vm: &Vm<'_>, d: &Dynamic, relocs: &Relocs) -> Vec<(u32, u64)> {
    let (Some(start), Some(size)) = d.init_array else { return Vec::new() };
    let end = start.saturating_add(size / vm.format.word() * vm.format.word());
    let inside = relocs.slots.iter().filter(|(at, _)| *at >= start && *at < end);
    inside
        .filter_map(|(_, t)| match t {
            Target::Symbol(import, addend) => Some((*import, *addend)),
            Target::Address(_) => None,
        })
        .collect()
}

fn init(vm: &Vm<'_>, d: &Dynamic, relocs: &Relocs, fixed: bool, calls: &mut usize) -> Result<(), Defect> {
    if let Some(at) = d.init {
        *calls += 1;
        vm.executable(vm.format.wrap(at)).map_err(Defect::Code)?;
    }
    if let Some(at) = d.init_array.0 {
        let size = d.init_array.1.ok_or(Defect::MissingTable(Structure::Constructors))?;
        let count = size / vm.format.word();
        *calls = calls.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
        array(vm, at, count & 0xffff_ffff, relocs, fixed)?;
    }
    Ok(())
}

fn array(vm: &Vm<'_>, start: u64, count: u64, relocs: &Relocs, fixed: bool) -> Result<(), Defect> {
    let word = vm.format.word();
    for i in 0..count.min(limits::CONSTRUCTORS as u64) {
        let slot = vm.format.wrap(start.wrapping_add(i * word));
        let raw =
            vm.addr(slot).map_err(|fault| Defect::Memory { structure: Structure::Constructors, fault })?;
        match relocs.slots.iter().rev().find(|(at, _)| *at == slot).map(|(_, t)| *t) {
            // Where it leads is a matter of binding.
            Some(Target::Symbol(..)) => {}
            Some(Target::Address(at)) => vm.executable(vm.format.wrap(at)).map_err(Defect::Code)?,
            // A program at a fixed address needs no relocation.
            None if fixed => vm.executable(raw).map_err(Defect::Code)?,
            // Nothing relocates the slot: the loader calls the raw number, which is no load address.
            None => {
                return Err(Defect::Code(super::vm::Fault { kind: super::vm::FaultKind::Segv, addr: raw }));
            }
        }
    }
    Ok(())
}
