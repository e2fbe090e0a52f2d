//! What dyld has against the set of tables in `__LINKEDIT` when it applies opcode fix-ups: wrong sizes, tables named twice.
//! It must never be asked of an image with chained fix-ups: dyld does not look at this there.
//! Follows dyld common/MachOLoaded.cpp: getLinkEditLoadCommands.

use object::macho as raw;

use super::commands::{self, Commands};
use super::facts::MachoFacts;

/// dyld's sentence. It comes after every symbol was bound; of several the last one stands.
pub fn conflict(facts: &MachoFacts<'_>) -> Option<String> {
    let header = commands::header(facts.bytes).ok()?;
    let mut seen: Vec<&str> = Vec::new();
    let mut words = None;
    for c in Commands::new(facts.bytes, &header).map_while(Result::ok) {
        // Its name in both sentences, and its size.
        let (name, size) = match raw::LoadCommandType(c.cmd) {
            raw::LC_DYLD_INFO | raw::LC_DYLD_INFO_ONLY => ("LC_DYLD_INFO", 48),
            raw::LC_DYLD_EXPORTS_TRIE => ("LC_DYLD_EXPORTS_TRIE", 16),
            raw::LC_DYLD_CHAINED_FIXUPS => ("LC_DYLD_CHAINED_FIXUPS", 16),
            raw::LC_SYMTAB => ("LC_SYMTAB", 24),
            raw::LC_DYSYMTAB => ("LC_DYSYMTAB", 80),
            raw::LC_SEGMENT_SPLIT_INFO => ("LC_SEGMENT_SPLIT_INFO", 16),
            raw::LC_FUNCTION_STARTS => ("LC_FUNCTION_STARTS", 16),
            raw::LC_DATA_IN_CODE => ("LC_DATA_IN_CODE", 16),
            raw::LC_CODE_SIGNATURE => ("LC_CODE_SIGNATURE", 16),
            raw::LC_UUID => ("LC_UUID", 24),
            raw::LC_VERSION_MIN_MACOSX
            | raw::LC_VERSION_MIN_IPHONEOS
            | raw::LC_VERSION_MIN_TVOS
            | raw::LC_VERSION_MIN_WATCHOS => ("LC_VERSION_MIN_*", 16),
            raw::LC_ENCRYPTION_INFO => ("LC_ENCRYPTION_INFO", 20),
            raw::LC_ENCRYPTION_INFO_64 => ("LC_ENCRYPTION_INFO_64", 24),
            _ => continue,
        };
        let wide = name == "LC_ENCRYPTION_INFO_64";
        if c.bytes.len() != size {
            let name = if name == "LC_VERSION_MIN_*" { "LC_VERSION_*" } else { name };
            words = Some(format!("{name} load command size wrong"));
        } else if seen.contains(&name) {
            words = Some(format!("multiple {name} load commands"));
        } else if name.starts_with("LC_ENCRYPTION") && wide != facts.is64 {
            let bits = if facts.is64 { 64 } else { 32 };
            words = Some(format!("{name} found in {bits}-bit mach-o"));
        }
        seen.push(name);
    }
    if words.is_none() && seen.contains(&"LC_DYSYMTAB") && !seen.contains(&"LC_SYMTAB") {
        words = Some("LC_DYSYMTAB but no LC_SYMTAB load command".to_owned());
    }
    words
}
