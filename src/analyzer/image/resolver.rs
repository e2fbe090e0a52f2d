//! Does an IFUNC resolver touch anything that relocation has yet to fill in?
//! It must never claim to know what the code does; it only looks for addresses in it, one step deep per call.
//! Matters where the loader calls a resolver of an object it has not relocated (sysdeps/x86_64/dl-machine.h).

use super::elf::ElfFacts;
use super::fmt::Format;
use super::symbols::Symbol;
use super::vm::Vm;
use crate::analyzer::model::Machine;

/// Bytes looked at where a symbol has no size.
const DEFAULT_SIZE: u64 = 256;
/// Bytes looked at at most.
const MOST: u64 = 4096;
/// Functions looked at at most.
const FUNCTIONS: usize = 32;

/// Whether code reachable from the resolver refers to one of `slots` (sorted places that relocations fill in).
/// Machines whose code is not read here answer yes: such resolvers normally do.
pub fn needs_relocation(facts: &ElfFacts<'_>, symbol: &Symbol, slots: &[u64], machine: Machine) -> bool {
    if machine != Machine::X86_64 {
        return true;
    }
    let done = walk(&facts.vm, symbol, slots, &mut |_, _| {});
    done == Reached::Slot
}

/// The code that `needs_relocation` may look at, as address and length.
pub fn looked_at(vm: &Vm<'_>, symbol: &Symbol) -> Vec<(u64, u64)> {
    let mut code = Vec::new();
    walk(vm, symbol, &[], &mut |at, len| code.push((at, len)));
    code
}

/// What following the code came to.
#[derive(PartialEq, Eq)]
enum Reached {
    /// A slot, or something that cannot be followed.
    Slot,
    /// Nothing of the kind.
    Nothing,
}

fn walk(vm: &Vm<'_>, symbol: &Symbol, slots: &[u64], each: &mut dyn FnMut(u64, u64)) -> Reached {
    let mut todo = vec![(symbol.value, if symbol.size == 0 { DEFAULT_SIZE } else { symbol.size.min(MOST) })];
    let mut done: Vec<u64> = Vec::new();
    while let Some((start, size)) = todo.pop() {
        if done.contains(&start) {
            continue;
        }
        if done.len() >= FUNCTIONS {
            return Reached::Slot;
        }
        done.push(start);
        let Some(code) = vm.window(start) else { return Reached::Slot };
        let code = code.get(..usize::try_from(size).unwrap_or(0)).unwrap_or(code);
        each(start, code.len() as u64);
        if function(vm, start, code, slots, &mut todo) {
            return Reached::Slot;
        }
    }
    Reached::Nothing
}

/// One function: any 32-bit displacement that leads to a slot counts, at every offset.
fn function(vm: &Vm<'_>, start: u64, code: &[u8], slots: &[u64], todo: &mut Vec<(u64, u64)>) -> bool {
    let f = Format { is64: true, big: false };
    for at in 0..code.len() {
        let Some(raw) = f.u32(code, at) else { break };
        let displacement = i64::from(raw as i32) as u64;
        let next = start.wrapping_add(at as u64).wrapping_add(4);
        let target = next.wrapping_add(displacement);
        // An immediate operand may stand between the displacement and the next instruction.
        if [0, 1, 2, 4].iter().any(|extra| is_slot(slots, target.wrapping_add(*extra))) {
            return true;
        }
        let before = at.checked_sub(1).and_then(|b| code.get(b));
        if matches!(before, Some(0xe8 | 0xe9)) && target != next && vm.executable(target).is_ok() {
            todo.push((target, 64));
        }
    }
    false
}

fn is_slot(slots: &[u64], at: u64) -> bool {
    let i = slots.partition_point(|s| *s <= at);
    i.checked_sub(1).and_then(|i| slots.get(i)).is_some_and(|s| at - s < 8)
}
