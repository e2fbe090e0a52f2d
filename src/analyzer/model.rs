//! The nouns every phase shares: ids, machines, the words of an ELF identification.
//! It holds plain data only and must never touch the disk or decide anything.
//! Numbers follow the System V gABI and the processor supplements.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Makes a `u32` newtype used as an index into exactly one table.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// The position in the owning table.
            pub fn index(self) -> usize {
                self.0 as usize
            }

        }
    };
}

id! {
    /// One file, by device and inode, in the image table.
    ImageId
}
id! {
    /// One interned byte string.
    NameId
}
id! {
    /// One object of a link map, in load order.
    NodeIx
}

impl NodeIx {
    /// Makes an id from a table position. A map of more than `u32::MAX` objects is refused by the limits
    /// long before; the last id is reused instead of wrapping.
    pub(crate) fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

/// A processor family the loader models know.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Machine {
    /// AMD64, `EM_X86_64` with class 64.
    X86_64,
    /// 80386, `EM_386`.
    I386,
    /// `EM_AARCH64`.
    Aarch64,
    /// `EM_ARM`, EABI 5.
    Arm,
    /// `EM_RISCV` with class 64.
    Riscv64,
    /// `EM_PPC64`, either byte order.
    Ppc64,
    /// `EM_S390` with class 64.
    S390x,
}

impl Machine {
    /// Every machine, in the order of the documentation.
    pub const ALL: [Machine; 7] = [
        Machine::X86_64,
        Machine::I386,
        Machine::Aarch64,
        Machine::Arm,
        Machine::Riscv64,
        Machine::Ppc64,
        Machine::S390x,
    ];

    /// The `e_machine` value its loader accepts.
    pub fn e_machine(self) -> u16 {
        match self {
            Machine::X86_64 => 62,
            Machine::I386 => 3,
            Machine::Aarch64 => 183,
            Machine::Arm => 40,
            Machine::Riscv64 => 243,
            Machine::Ppc64 => 21,
            Machine::S390x => 22,
        }
    }

    /// Whether the machine's pointers have 64 bits.
    pub fn is_64(self) -> bool {
        !matches!(self, Machine::I386 | Machine::Arm)
    }

    /// Size of an address in bytes.
    pub fn word(self) -> u64 {
        if self.is_64() { 8 } else { 4 }
    }

    /// Whether the loader's dynamic relocations are REL rather than RELA by default.
    pub fn uses_rel(self) -> bool {
        matches!(self, Machine::I386 | Machine::Arm)
    }

    /// Whether data is big-endian (the usual ABI of that name; ppc64 is ppc64le here).
    pub fn is_big_endian(self) -> bool {
        matches!(self, Machine::S390x)
    }

    /// The name used in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Machine::X86_64 => "x86_64",
            Machine::I386 => "i386",
            Machine::Aarch64 => "aarch64",
            Machine::Arm => "arm",
            Machine::Riscv64 => "riscv64",
            Machine::Ppc64 => "ppc64le",
            Machine::S390x => "s390x",
        }
    }

    /// The machine of an `e_machine` and class, if a model for it exists.
    pub fn from_header(e_machine: u16, is_64: bool) -> Option<Machine> {
        Machine::ALL.into_iter().find(|m| m.e_machine() == e_machine && m.is_64() == is_64)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of an `e_machine` value for messages.
pub fn e_machine_name(value: u16) -> &'static str {
    match value {
        2 => "SPARC",
        3 => "i386",
        4 => "m68k",
        8 => "MIPS",
        15 => "PA-RISC",
        18 => "SPARC v8+",
        20 => "PowerPC",
        21 => "ppc64",
        22 => "s390",
        40 => "arm",
        42 => "SuperH",
        43 => "SPARC v9",
        50 => "IA-64",
        62 => "x86_64",
        183 => "aarch64",
        243 => "riscv",
        247 => "BPF",
        258 => "loongarch",
        0x9026 => "Alpha",
        0xA390 => "s390 (old)",
        _ => "an unknown machine",
    }
}

/// A POSIX signal the loader may die of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Signal {
    /// Access to unmapped or protected memory.
    Segv,
    /// Access to a mapped page beyond the end of the file.
    Bus,
    /// Integer division by zero.
    Fpe,
    /// An instruction the processor does not know.
    Ill,
    /// The kernel does not go on with the process.
    Kill,
}

impl Signal {
    /// `SIGSEGV` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Segv => "SIGSEGV",
            Signal::Bus => "SIGBUS",
            Signal::Fpe => "SIGFPE",
            Signal::Ill => "SIGILL",
            Signal::Kill => "SIGKILL",
        }
    }
}

/// How the loader itself ends when it does not return from `dlopen`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Death {
    /// An assertion of ld.so: exit status 127.
    Abort,
    /// A signal inside ld.so.
    Signal(Signal),
    /// It never returns.
    Hang,
}
