//! How much work one file may cause. The loader has no such bounds; a file that reaches one of these
//! is reported as undecided (or as a hang where the loader would really loop), never guessed.
//! Every limit is far above what real libraries need (figures: largest seen in a desktop distribution).

/// Entries read from one dynamic section (real: below 600).
pub const DYNAMIC_ENTRIES: usize = 1 << 20;
/// DT_NEEDED, DT_FILTER and DT_AUXILIARY entries kept (real: below 400).
pub const NEEDED_ENTRIES: usize = 1 << 16;
/// Records of one version table chain, needed and auxiliary ones together (real: below 3,000).
pub const VERSION_RECORDS: usize = 1 << 18;
/// Bytes of one string (the kernel's own limit for an argument is 128 KiB; C++ names reach 30 KiB).
pub const STRING_BYTES: usize = 1 << 20;
/// Steps of one SysV hash chain before it is called a cycle.
pub const SYSV_CHAIN_STEPS: usize = 1 << 20;
/// Steps of one GNU hash chain.
pub const GNU_CHAIN_STEPS: usize = 1 << 22;
/// Relocation records read from one file (real: below 3 million).
pub const RELOCATIONS: u64 = 1 << 26;
/// Properties read from the notes of one file.
pub const NOTE_STEPS: usize = 1 << 16;
/// Constructors looked at.
pub const CONSTRUCTORS: usize = 1 << 16;
/// Missing libraries that are named besides the one the loader stops at.
pub const FURTHER_MISSES: usize = 64;
/// Objects of one link map (real: below 600).
pub const LINK_MAP_NODES: usize = 1 << 17;
/// Objects of all link maps of one audit: libraries that all need each other would make it the square of their number. Each
/// map has its share, and what a real one needs in any case.
pub const AUDIT_NODES: usize = 1 << 26;
/// The least share of one link map in an audit.
pub const SHARE_NODES: usize = 1 << 10;

/// Objects of one link map where `roots` libraries are judged. It depends on nothing that is found on the way, so that the same
/// audit has the same answer with any number of threads.
pub fn share_of(roots: usize) -> usize {
    (AUDIT_NODES / roots.max(1)).clamp(SHARE_NODES, LINK_MAP_NODES)
}
/// Load commands read from one Mach-O image (real: below 200).
pub const LOAD_COMMANDS: usize = 1 << 16;
/// Bind records, or exports of an old symbol table, kept of one Mach-O image (largest seen: 7,233).
pub const BINDS: usize = 1 << 20;
/// Nodes of an export trie visited by one look-up; each consumes a byte of the name at least, or is a fault.
pub const TRIE_STEPS: usize = 1 << 16;
/// Pointers followed in fix-up chains of one image.
pub const CHAINED_POINTERS: u64 = 1 << 26;
