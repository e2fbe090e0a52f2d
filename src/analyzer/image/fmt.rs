//! Word size and byte order of a file, and how integers are taken out of its bytes.
//! It knows nothing about ELF structures; every read is bounds-checked and may say "not there".
//! The layout numbers are those of the System V gABI.

use object::Endianness;

use crate::analyzer::model::Machine;

/// Class and byte order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Format {
    /// 64-bit structures.
    pub is64: bool,
    /// Most significant byte first.
    pub big: bool,
}

impl Format {
    /// The format of a loader's own files.
    pub fn of(machine: Machine) -> Format {
        Format { is64: machine.is_64(), big: machine.is_big_endian() }
    }

    /// The byte order as the structure reader names it.
    #[inline]
    pub fn endian(self) -> Endianness {
        if self.big { Endianness::Big } else { Endianness::Little }
    }

    /// Size of an address.
    #[inline]
    pub fn word(self) -> u64 {
        if self.is64 { 8 } else { 4 }
    }

    /// A half word at `at`.
    #[inline]
    pub fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let b: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) })
    }

    /// A word at `at`.
    #[inline]
    pub fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let b: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) })
    }

    /// A double word at `at`.
    #[inline]
    pub fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let b: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        Some(if self.big { u64::from_be_bytes(b) } else { u64::from_le_bytes(b) })
    }

    /// An address-sized value at `at`.
    #[inline]
    pub fn addr(self, bytes: &[u8], at: usize) -> Option<u64> {
        if self.is64 { self.u64(bytes, at) } else { self.u32(bytes, at).map(u64::from) }
    }

    /// The place of a link-time address among the process's pointers, for comparing two of them: an object lies
    /// below the top of the address space, so what is a little below its first byte is no high address.
    #[inline]
    pub fn pointer(self, value: u64) -> u64 {
        self.wrap(value.wrapping_add(if self.is64 { 0x7f00_0000_0000 } else { 0xf700_0000 }))
    }

    /// Cuts an address computation to the width of the class, as the loader's pointers do.
    #[inline]
    pub fn wrap(self, value: u64) -> u64 {
        if self.is64 { value } else { value & 0xffff_ffff }
    }
}
