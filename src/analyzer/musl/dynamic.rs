//! The dynamic section as musl decodes it: small tags into a vector, the last of each counting, others searched for, the first counting.
//! It must never assert anything: musl takes every value as it stands.
//! Follows musl ldso/dynlink.c: decode_vec, search_vec, decode_dyn.

use crate::analyzer::defect::{Defect, Structure};
use crate::analyzer::image::dynamic::Dynamic;
use crate::analyzer::image::limits;
use crate::analyzer::image::vm::{Fault, FaultKind, Vm};
use crate::analyzer::model::Machine;

/// DT_FLAGS: DF_BIND_NOW.
const BIND_NOW: u64 = 8;

/// Reads the section at `at`.
///
/// # Errors
/// The fault met before DT_NULL.
pub(super) fn read(vm: &Vm<'_>, at: u64, machine: Machine) -> Result<Dynamic, Defect> {
    let memory = |fault: Fault| Defect::Memory { structure: Structure::Dynamic, fault };
    let word = vm.format.word();
    // A table that is not named stands at the load address, as far as the loader is concerned.
    let mut d = Dynamic { strtab: Some(0), symtab: Some(0), ..Dynamic::default() };
    let mut first_flags_1 = None;
    let mut flags = 0;
    let mut at = at;
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
        if matches!(tag, 12 | 25 | 27) {
            d.live.push((tag, value_at));
        }
        match tag {
            30 => flags = value,
            0x6fff_fffb => {
                first_flags_1.get_or_insert(value);
            }
            _ => one(&mut d, tag, value),
        }
        at = vm.format.wrap(value_at.wrapping_add(word));
    }
    d.flags_1 = first_flags_1.unwrap_or(0);
    d.bind_now |= flags & BIND_NOW != 0 || d.flags_1 & 1 != 0;
    if d.runpath.is_some() {
        d.rpath = None;
    }
    // What is not called is not there: a null DT_INIT, and DT_INIT where an ABI never had it.
    d.init = d.init.filter(|at| *at != 0 && !matches!(machine, Machine::Aarch64 | Machine::Arm));
    if d.init_array.0.is_some() {
        d.init_array.1.get_or_insert(0);
    }
    Ok(d)
}

fn one(d: &mut Dynamic, tag: u64, value: u64) {
    match tag {
        24 => d.bind_now |= value != 0,
        0x6fff_fef5 => {
            d.gnu_hash.get_or_insert(value);
        }
        0x6fff_fff0 => {
            d.versym.get_or_insert(value);
        }
        _ => d.note(tag, value),
    }
}
