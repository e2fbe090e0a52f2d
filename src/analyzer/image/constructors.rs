//! Which code the loader calls after relocation, and whether it can be fetched at all.
//! It must never say what that code does; an address it cannot know is passed over.
//! Follows glibc elf/dl-init.c:call_init and _dl_init.

use super::dynamic::Dynamic;
use super::limits;
use super::relocs::{Relocs, Target};
use super::vm::Vm;
use crate::analyzer::defect::{Defect, Structure};
use crate::analyzer::model::Machine;

/// The calls of one object.
#[derive(Clone, Debug, Default)]
pub struct Constructors {
    /// DT_INIT and DT_INIT_ARRAY: how many calls.
    pub calls: usize,
    /// Calls of code that is not recognised as what every compiler's start files add.
    pub own: usize,
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

/// Looks at DT_INIT, the arrays, and their targets. `fixed`: the file is loaded where it is linked (ET_EXEC). `most`: the
/// largest number of entries the loader can count to: glibc has it in an `unsigned int`, musl (ldso/dynlink.c:do_init_fini) in a `size_t`.
pub fn read(
    vm: &Vm<'_>,
    d: &Dynamic,
    relocs: &Relocs,
    fixed: bool,
    (machine, most): (Machine, u64),
) -> Constructors {
    let mut c = Constructors::default();
    c.fatal = init(vm, d, relocs, fixed, &mut c, (machine, most)).err();
    c.bound = bound(vm, d, relocs, most);
    c.unload = d.fini.and_then(|at| vm.executable(vm.format.wrap(at)).map_err(Defect::Code).err());
    if let (Some(at), Some(size)) = d.preinit_array {
        let count = entries(vm, size, most);
        c.preinit = count > 0;
        c.own = c.own.saturating_add(usize::from(c.preinit));
        c.preinit_fatal = array(vm, at, count, relocs, fixed).err();
    }
    c
}

/// The slots of DT_INIT_ARRAY that hold whatever a symbol is bound to.
fn bound(vm: &Vm<'_>, d: &Dynamic, relocs: &Relocs, most: u64) -> Vec<(u32, u64)> {
    let (Some(start), Some(size)) = d.init_array else { return Vec::new() };
    let end = start.saturating_add(entries(vm, size, most) * vm.format.word());
    let inside = relocs.slots.iter().filter(|(at, _)| *at >= start && *at < end);
    inside
        .filter_map(|(_, t)| match t {
            Target::Symbol(import, addend) => Some((*import, *addend)),
            Target::Address(_) => None,
        })
        .collect()
}

/// Entries of an array of `size` bytes, as many as the loader counts.
fn entries(vm: &Vm<'_>, size: u64, most: u64) -> u64 {
    (size / vm.format.word()) & most
}

fn init(
    vm: &Vm<'_>,
    d: &Dynamic,
    relocs: &Relocs,
    fixed: bool,
    c: &mut Constructors,
    (machine, most): (Machine, u64),
) -> Result<(), Defect> {
    if let Some(at) = d.init {
        c.calls += 1;
        c.own += usize::from(!is_start_file_code(vm, at, machine));
        vm.executable(vm.format.wrap(at)).map_err(Defect::Code)?;
    }
    if let Some(at) = d.init_array.0 {
        let size = d.init_array.1.ok_or(Defect::MissingTable(Structure::Constructors))?;
        let count = entries(vm, size, most);
        c.calls = c.calls.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
        c.own = c.own.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
        array(vm, at, count, relocs, fixed)?;
        // `frame_dummy` stands first; it is the only call of the table that a compiler adds.
        let first = relocs
            .slots
            .iter()
            .rev()
            .find(|(slot, _)| *slot == vm.format.wrap(at))
            .map(|(_, target)| *target);
        if let Some(Target::Address(target)) = first
            && count > 0
            && is_start_file_code(vm, target, machine)
        {
            c.own -= 1;
        }
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

/// The code that is looked at to tell start files from own code, as address and length.
pub fn looked_at(vm: &Vm<'_>, d: &Dynamic, relocs: &Relocs) -> Vec<(u64, u64)> {
    const LONGEST: u64 = 64;
    let slot = d.init_array.0.map(|at| vm.format.wrap(at));
    let first = relocs.slots.iter().rev().find(|(at, _)| Some(*at) == slot).and_then(|(_, t)| match t {
        Target::Address(at) => Some(*at),
        Target::Symbol(..) => None,
    });
    let mut code = Vec::new();
    for at in d.init.into_iter().chain(first) {
        code.push((at, LONGEST));
        code.extend(vm.window(vm.format.wrap(at)).and_then(|c| jump(vm, at, c)).map(|to| (to, LONGEST)));
    }
    code
}

/// Whether the code is that of `_init` or `frame_dummy` of the usual start files: nothing but a call through a weak, unset symbol.
/// On machines whose code is not read here it never is, so that such objects count as running code of their own.
fn is_start_file_code(vm: &Vm<'_>, at: u64, machine: Machine) -> bool {
    if machine != Machine::X86_64 {
        return false;
    }
    let Some(code) = vm.window(vm.format.wrap(at)) else { return false };
    let start = code;
    let code = code.strip_prefix(ENDBR).unwrap_or(code);
    // `_init`: sub rsp,8; mov rax,[rip+x]; test rax,rax; je; call rax; add rsp,8; ret - x is `__gmon_start__`.
    let init = matches!(
        code,
        [
            0x48,
            0x83,
            0xec,
            8,
            0x48,
            0x8b,
            5,
            _,
            _,
            _,
            _,
            0x48,
            0x85,
            0xc0,
            0x74,
            2,
            0xff,
            0xd0,
            0x48,
            0x83,
            0xc4,
            8,
            0xc3,
            ..
        ]
    );
    init || tail_jump(vm, at, start)
}

/// `frame_dummy` jumps to `register_tm_clones`, which compares two addresses that are equal in every library of today.
fn tail_jump(vm: &Vm<'_>, at: u64, code: &[u8]) -> bool {
    let Some(target) = jump(vm, at, code) else { return false };
    // lea rdi,[rip+x]; lea rsi,[rip+y]; sub rsi,rdi
    vm.window(vm.format.wrap(target)).is_some_and(|code| {
        matches!(code, [0x48, 0x8d, 0x3d, _, _, _, _, 0x48, 0x8d, 0x35, _, _, _, _, 0x48, 0x29, 0xfe, ..])
    })
}

/// `endbr64`.
const ENDBR: &[u8] = &[0xf3, 0x0f, 0x1e, 0xfa];

/// Where the code at `at` jumps, if that is the first thing it does.
fn jump(vm: &Vm<'_>, at: u64, code: &[u8]) -> Option<u64> {
    let body = code.strip_prefix(ENDBR).unwrap_or(code);
    let [0xe9, a, b, c, d, ..] = body else { return None };
    let end = at.wrapping_add((code.len() - body.len()) as u64).wrapping_add(5);
    let target = end.wrapping_add(i64::from(i32::from_le_bytes([*a, *b, *c, *d])) as u64);
    Some(vm.format.wrap(target))
}
