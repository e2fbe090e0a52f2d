//! Static TLS: how much the process has, who takes it, and what happens when it runs out.
//! It must never count general-dynamic TLS; only what relocations force to be static.
//! Follows glibc elf/dl-tls.c:_dl_determine_tlsoffset and elf/dl-reloc.c:_dl_try_allocate_static_tls.

use super::image::segments::Tls;
use super::loader_model::LoaderModel;
use super::model::Machine;

/// The static TLS block of a process. Sizes in bytes, without the thread control block where it stands behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StaticTls {
    /// `GL(dl_tls_static_used)`.
    pub used: u64,
    /// `GLRO(dl_tls_static_size)`.
    pub size: u64,
    /// `GLRO(dl_tls_static_align)`.
    pub align: u64,
    /// `GL(dl_tls_static_optional)`: what TLS descriptors may still take; none where it is not counted.
    pub optional: Option<u64>,
    /// Blocks lie below the thread pointer (TLS_TCB_AT_TP).
    pub below: bool,
}

/// What a request for static TLS does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grant {
    /// There was room.
    Given,
    /// There was none.
    Refused,
    /// The loader divides by an alignment of zero.
    DividesByZero,
}

/// Blocks below the thread pointer.
fn below(machine: Machine) -> bool {
    matches!(machine, Machine::X86_64 | Machine::I386 | Machine::S390x)
}

/// `TLS_TCB_SIZE` where blocks lie above the thread pointer.
fn tcb_size(machine: Machine) -> u64 {
    match machine {
        Machine::Aarch64 => 16,
        Machine::Arm => 8,
        _ => 0,
    }
}

/// `TCB_ALIGNMENT`: the least alignment of the block.
fn tcb_alignment(machine: Machine) -> u64 {
    match machine {
        Machine::X86_64 | Machine::I386 => 64,
        Machine::S390x => 32,
        _ => 16,
    }
}

fn round_up(value: u64, align: u64) -> u64 {
    match align {
        0 => value,
        a => value.div_ceil(a).saturating_mul(a),
    }
}

impl StaticTls {
    /// The layout of the start-up objects' blocks, in module order.
    pub fn at_start(blocks: &[Tls], model: &LoaderModel) -> StaticTls {
        let below = below(model.machine);
        let mut align = tcb_alignment(model.machine);
        let mut offset = if below { 0 } else { tcb_size(model.machine) };
        for b in blocks {
            let block_align = b.align.max(1);
            align = align.max(block_align);
            let first = b.first_byte.wrapping_neg() & (block_align.wrapping_sub(1));
            if below {
                offset = round_up((offset + b.size).saturating_sub(first), block_align) + first;
            } else {
                let mut off = round_up(offset, block_align);
                if off - offset < first {
                    off += block_align;
                }
                offset = off + b.size - first;
            }
        }
        if model.static_tls_extra > 0 {
            // The rseq area (2.41).
            align = align.max(model.static_tls_extra_align);
            offset = round_up(offset, model.static_tls_extra_align) + model.static_tls_extra;
        }
        let size = if below {
            round_up(offset + model.static_tls_surplus, align)
        } else {
            round_up(offset + model.static_tls_surplus, tcb_alignment(model.machine))
        };
        let optional = model.rules.tlsdesc_capped.then(|| model.env.optional_static_tls.unwrap_or(512));
        StaticTls { used: offset, size, align, optional, below }
    }

    /// `_dl_try_allocate_static_tls` for an object with `tls` (none: no PT_TLS).
    pub fn allocate(&mut self, tls: Option<Tls>, optional: bool) -> Grant {
        let t = tls.unwrap_or(Tls { size: 0, align: 0, first_byte: 0, image: (0, 0) });
        if t.align > self.align {
            return Grant::Refused;
        }
        let cap = if optional { self.optional } else { None };
        let (taken, used) = if self.below {
            let free = self.size.saturating_sub(self.used);
            let block = t.size.saturating_add(t.first_byte);
            if free < block {
                return Grant::Refused;
            }
            let Some(n) = (free - block).checked_div(t.align) else { return Grant::DividesByZero };
            let taken = free - n * t.align - t.first_byte;
            (taken, self.used + taken)
        } else {
            let offset = match t.align {
                0 => 0,
                a => round_up(self.used.saturating_sub(t.first_byte), a).saturating_add(t.first_byte),
            };
            let used = offset.saturating_add(t.size);
            if used > self.size {
                return Grant::Refused;
            }
            (used.wrapping_sub(self.used), used)
        };
        if cap.is_some_and(|c| taken > c) {
            return Grant::Refused;
        }
        if optional {
            self.optional = self.optional.map(|o| o.saturating_sub(taken));
        }
        self.used = used;
        Grant::Given
    }
}
