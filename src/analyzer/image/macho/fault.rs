//! What can be wrong with the bytes of a Mach-O file: where, what, and dyld's words where it has some.
//! It must never say whether a file loads: that depends on the release of dyld and on when it looks.
//! Words are those of dyld mach_o/UnsafeHeader.cpp, common/MachOFile.cpp and common/MachOLayout.cpp.

use std::fmt;

/// The structure a fault was met in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// `fat_header` and its table.
    FatHeader,
    /// `mach_header`.
    Header,
    /// The table of load commands.
    LoadCommands,
    /// A segment or section.
    Segments,
    /// The bind stream.
    Binds,
    /// The lazy-bind stream.
    LazyBinds,
    /// The weak-bind stream.
    WeakBinds,
    /// The rebase stream.
    Rebases,
    /// LC_DYLD_CHAINED_FIXUPS and the chains it starts.
    ChainedFixups,
    /// The export trie.
    ExportTrie,
    /// LC_SYMTAB, LC_DYSYMTAB and what they lead to.
    Symbols,
    /// LC_CODE_SIGNATURE.
    CodeSignature,
}

impl Part {
    /// The name used in messages.
    pub fn name(self) -> &'static str {
        match self {
            Part::FatHeader => "fat header",
            Part::Header => "Mach-O header",
            Part::LoadCommands => "load commands",
            Part::Segments => "segments",
            Part::Binds => "bind opcodes",
            Part::LazyBinds => "lazy bind opcodes",
            Part::WeakBinds => "weak bind opcodes",
            Part::Rebases => "rebase opcodes",
            Part::ChainedFixups => "chained fixups",
            Part::ExportTrie => "export trie",
            Part::Symbols => "symbol table",
            Part::CodeSignature => "code signature",
        }
    }
}

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Problem {
    /// It ends, or leads, beyond the bytes there are.
    OutOfRange,
    /// A size that cannot be.
    BadSize(u64),
    /// Not the magic number that belongs there.
    BadMagic(u32),
    /// A magic number of the other byte order (PowerPC).
    BigEndian,
    /// A format or version nobody knows.
    UnknownFormat(u32),
    /// A string that does not end where it must.
    Unterminated,
    /// An unsigned LEB128 number that does not end.
    BadLeb,
    /// A signed one that does not end.
    BadSignedLeb,
    /// An unsigned one that does not fit 64 bits.
    LebTooBig,
    /// An operation that is unknown there: the byte dyld prints.
    BadOpcode(u8),
    /// An unknown operation of old arm64e chains.
    BadSubOpcode(u8),
    /// A rebase stream that ends long before its bytes do.
    EarlyEnd {
        /// Bytes read.
        at: u32,
        /// Bytes there are.
        of: u32,
    },
    /// Old arm64e chains with more than 65,535 imports.
    TableTooLarge,
    /// A library ordinal in a weak-bind stream.
    Ordinal,
    /// An operation that needs another one before it.
    Incomplete,
    /// A number of a segment, symbol or import that is not there.
    BadIndex(u64),
    /// A structure that leads to itself.
    Cycle,
    /// More than one where there can be one.
    Duplicate,
    /// Wrong flags or type.
    BadValue(u64),
    /// More than this program is willing to read (`limits.rs`).
    TooMuch,
}

/// A fault in the bytes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fault {
    /// The structure.
    pub part: Part,
    /// Where, from the start of the slice (of the file for the fat header).
    pub offset: u64,
    /// What.
    pub problem: Problem,
}

impl Fault {
    /// A fault of `part` at `offset`.
    pub(super) fn new(part: Part, offset: u64, problem: Problem) -> Fault {
        Fault { part, offset, problem }
    }

    /// dyld's own sentence, where reading this makes it stop with one.
    pub fn loader_words(&self) -> Option<String> {
        let opcodes = matches!(self.part, Part::Binds | Part::LazyBinds | Part::WeakBinds | Part::Rebases);
        match self.problem {
            Problem::BadLeb if opcodes => Some("malformed uleb128".to_owned()),
            Problem::LebTooBig if opcodes => Some("uleb128 too big for uint64".to_owned()),
            Problem::BadSignedLeb if opcodes => Some("malformed sleb128".to_owned()),
            Problem::BadOpcode(op) if self.part == Part::LazyBinds => {
                Some(format!("bad lazy bind opcode 0x{op:02X}"))
            }
            Problem::EarlyEnd { at, of } => {
                Some(format!("rebase opcodes terminated early at offset {at} of {of}"))
            }
            Problem::BadOpcode(op) if self.part == Part::Rebases => {
                Some(format!("unknown rebase opcode 0x{op:02X}"))
            }
            Problem::BadOpcode(op) if opcodes => Some(format!("bad bind opcode 0x{op:02X}")),
            Problem::BadSubOpcode(op) => Some(format!("bad BIND_OPCODE_THREADED sub-opcode 0x{op:02X}")),
            Problem::TableTooLarge if opcodes => {
                Some("BIND_SUBOPCODE_THREADED_SET_BIND_ORDINAL_TABLE_SIZE_ULEB size too large".to_owned())
            }
            Problem::Ordinal if opcodes => Some("unexpected dylib ordinal in weak_bind".to_owned()),
            Problem::BadSize(_) if self.part == Part::ChainedFixups => {
                Some("malformed import table".to_owned())
            }
            Problem::Unterminated if self.part == Part::ChainedFixups => {
                Some("malformed import table, string overflow".to_owned())
            }
            Problem::UnknownFormat(_) if self.part == Part::ChainedFixups => {
                Some("unknown imports format".to_owned())
            }
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at 0x{:x}: ", self.part.name(), self.offset)?;
        match self.problem {
            Problem::OutOfRange => f.write_str("leads beyond the end"),
            Problem::BadSize(size) => write!(f, "impossible size {size}"),
            Problem::BadMagic(magic) => write!(f, "unknown magic number 0x{magic:08x}"),
            Problem::BigEndian => f.write_str("big-endian"),
            Problem::UnknownFormat(format) => write!(f, "unknown format {format}"),
            Problem::Unterminated => f.write_str("a string does not end"),
            Problem::BadLeb | Problem::BadSignedLeb => f.write_str("a number does not end"),
            Problem::LebTooBig => f.write_str("a number does not fit 64 bits"),
            Problem::BadOpcode(op) => write!(f, "unknown operation 0x{op:02x}"),
            Problem::EarlyEnd { at, of } => write!(f, "ends after {at} of {of} bytes"),
            Problem::BadSubOpcode(op) => write!(f, "unknown threaded operation 0x{op:02x}"),
            Problem::TableTooLarge => f.write_str("more imports than there can be"),
            Problem::Ordinal => f.write_str("a library number where none may be"),
            Problem::Incomplete => f.write_str("an operation lacks another before it"),
            Problem::BadIndex(index) => write!(f, "there is no number {index}"),
            Problem::Cycle => f.write_str("leads to itself"),
            Problem::Duplicate => f.write_str("is there more than once"),
            Problem::BadValue(value) => write!(f, "impossible value 0x{value:x}"),
            Problem::TooMuch => f.write_str("more than is looked at"),
        }
    }
}
