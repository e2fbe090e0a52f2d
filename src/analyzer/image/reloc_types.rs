//! The relocation types each machine's loader knows, and what it does for each.
//! A type that is not here is refused by the loader with a sentence; nothing is guessed.
//! Follows glibc sysdeps/<machine>/dl-machine.h: elf_machine_rel(a) and elf_machine_type_class.

use crate::analyzer::loader_model::LoaderModel;
use crate::analyzer::model::Machine;

/// What a relocation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Nothing.
    None,
    /// Adds the load address.
    Relative,
    /// Calls a resolver.
    Irelative,
    /// Stores an address, or part of one.
    Address,
    /// Stores a function's address in the PLT's table: may wait for the first call (RTLD_LAZY).
    JumpSlot,
    /// Stores a symbol's size: a missing weak symbol is a null dereference.
    Size,
    /// Stores the module number of a TLS variable.
    TlsModule,
    /// Stores the offset in its module.
    TlsOffset,
    /// Stores the offset from the thread pointer: needs static TLS.
    TlsStatic,
    /// Stores a TLS descriptor: static if there is room.
    TlsDescriptor,
    /// Copies the definition's contents.
    Copy,
}

/// A known type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// What it does.
    pub action: Action,
    /// Undefined symbols do not satisfy it (ELF_RTYPE_CLASS_PLT).
    pub plt: bool,
    /// Bytes written.
    pub width: u8,
}

const fn kind(action: Action, plt: bool, width: u8) -> Option<Kind> {
    Some(Kind { action, plt, width })
}

/// The type's entry in the machine's table.
#[inline]
pub fn lookup(model: &LoaderModel, number: u32) -> Option<Kind> {
    use Action::{
        Address, Copy, Irelative, JumpSlot, None as Nothing, Relative, Size, TlsDescriptor, TlsModule,
        TlsOffset, TlsStatic,
    };
    match model.machine {
        Machine::X86_64 => match number {
            0 => kind(Nothing, false, 0),
            1 | 6 => kind(Address, false, 8),
            2 | 10 => kind(Address, false, 4),
            5 => kind(Copy, false, 0),
            7 => kind(JumpSlot, true, 8),
            8 | 38 => kind(Relative, false, 8),
            16 => kind(TlsModule, true, 8),
            17 => kind(TlsOffset, true, 8),
            18 => kind(TlsStatic, true, 8),
            32 => kind(Size, false, 4),
            33 => kind(Size, false, 8),
            36 => kind(TlsDescriptor, true, 16),
            37 => kind(Irelative, false, 8),
            _ => None,
        },
        Machine::I386 => match number {
            0 => kind(Nothing, false, 0),
            1 | 2 | 6 => kind(Address, false, 4),
            5 => kind(Copy, false, 0),
            7 => kind(JumpSlot, true, 4),
            8 => kind(Relative, false, 4),
            14 | 37 => kind(TlsStatic, true, 4),
            35 => kind(TlsModule, true, 4),
            36 => kind(TlsOffset, true, 4),
            38 => kind(Size, false, 4),
            41 => kind(TlsDescriptor, true, 8),
            42 => kind(Irelative, false, 4),
            _ => None,
        },
        Machine::Aarch64 => match number {
            0 => kind(Nothing, false, 0),
            257 | 1025 => kind(Address, false, 8),
            258 => kind(Address, false, 4),
            1024 => kind(Copy, false, 0),
            1026 => kind(JumpSlot, true, 8),
            1027 => kind(Relative, false, 8),
            1028 => kind(TlsModule, true, 8),
            1029 => kind(TlsOffset, true, 8),
            1030 => kind(TlsStatic, true, 8),
            1031 => kind(TlsDescriptor, true, 16),
            1032 => kind(Irelative, false, 8),
            _ => None,
        },
        Machine::Arm => match number {
            0 => kind(Nothing, false, 0),
            1 | 2 | 21 => kind(Address, false, 4),
            13 => kind(TlsDescriptor, true, 8),
            17 => kind(TlsModule, true, 4),
            18 => kind(TlsOffset, true, 4),
            19 => kind(TlsStatic, true, 4),
            20 => kind(Copy, false, 0),
            22 => kind(JumpSlot, true, 4),
            23 => kind(Relative, false, 4),
            160 => kind(Irelative, false, 4),
            _ => None,
        },
        Machine::Riscv64 => match number {
            0 => kind(Nothing, false, 0),
            2 => kind(Address, false, 8),
            3 => kind(Relative, false, 8),
            4 => kind(Copy, false, 0),
            5 => kind(JumpSlot, true, 8),
            7 => kind(TlsModule, true, 8),
            9 => kind(TlsOffset, true, 8),
            11 => kind(TlsStatic, true, 8),
            58 if model.rules.riscv_irelative => kind(Irelative, false, 8),
            _ => None,
        },
        Machine::Ppc64 => match number {
            0 => kind(Nothing, false, 0),
            1 | 26 | 24 | 37 => kind(Address, false, 4),
            2 => kind(Address, true, 4),
            7..=9 => kind(Address, false, 4),
            3..=6 | 25 | 39..=42 | 56 | 57 | 110 | 111 => kind(Address, false, 2),
            19 => kind(Copy, false, 0),
            20 | 38 | 43 | 44 => kind(Address, false, 8),
            21 => kind(JumpSlot, true, 8),
            22 => kind(Relative, false, 8),
            68 => kind(TlsModule, true, 8),
            69..=72 | 95..=100 | 112 | 113 => kind(TlsStatic, true, 2),
            73 => kind(TlsStatic, true, 8),
            78 => kind(TlsOffset, true, 8),
            247 | 248 => kind(Irelative, false, 8),
            _ => None,
        },
        Machine::S390x => match number {
            0 => kind(Nothing, false, 0),
            1 => kind(Address, false, 1),
            3 | 16 | 17 => kind(Address, false, 2),
            4 | 5 | 19 => kind(Address, false, 4),
            9 => kind(Copy, false, 0),
            10 | 22 | 23 => kind(Address, false, 8),
            11 => kind(JumpSlot, true, 8),
            12 => kind(Relative, false, 8),
            54 => kind(TlsModule, true, 8),
            55 => kind(TlsOffset, true, 8),
            56 => kind(TlsStatic, true, 8),
            61 => kind(Irelative, false, 8),
            _ => None,
        },
    }
}

/// The type that each record of the relative prefix is asserted to have.
pub fn asserts_relative(machine: Machine) -> Option<u32> {
    matches!(machine, Machine::X86_64 | Machine::I386).then_some(8)
}

/// Whether a symbol is looked up before the type is looked at, even for types that do nothing.
pub fn looks_up_always(machine: Machine) -> bool {
    machine == Machine::Riscv64
}
