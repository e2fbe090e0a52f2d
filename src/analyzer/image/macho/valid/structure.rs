//! The structural half of the inspection: sizes of load commands, strings in them, commands nobody knows.
//! It must never reject a command dyld lets pass.
//! Follows dyld mach_o/UnsafeHeader.cpp: validStructureLoadCommands, stringOverflow.

use object::macho as raw;

use super::super::commands::{Command, Commands};
use super::{Objection, Subject};

/// Bit of commands that dyld must understand.
const REQUIRED: u32 = 0x8000_0000;
/// Newer than the constants of the structure reader.
const LC_ATOM_INFO: u32 = 0x36;
const LC_FUNCTION_VARIANTS: u32 = 0x37;
const LC_FUNCTION_VARIANT_FIXUPS: u32 = 0x38;

impl<'h> Subject<'_, 'h> {
    /// Every load command by itself.
    pub(super) fn structure(&self) -> Result<(), Objection<'h>> {
        let length = u64::from(self.header.commands) + u64::from(self.header.size);
        if length > self.file_size {
            return Err(Objection::CommandsBeyondFile { length, file: self.file_size });
        }
        if !matches!(self.facts.kind.0, 1 | 2 | 5..=12) {
            return Err(Objection::FileKind(self.facts.kind.0));
        }
        for command in Commands::new(self.facts.bytes, &self.header) {
            let command = command.map_err(|(number, _, walk)| Objection::BadCommand {
                number,
                count: self.header.count,
                walk,
            })?;
            self.command(&command)?;
        }
        Ok(())
    }

    fn command(&self, c: &Command<'h>) -> Result<(), Objection<'h>> {
        use raw::LoadCommandType as Lc;
        // The name dyld writes, and the size it wants.
        let (name, size) = match Lc(c.cmd) {
            raw::LC_ID_DYLIB
            | raw::LC_LOAD_DYLIB
            | raw::LC_LOAD_WEAK_DYLIB
            | raw::LC_REEXPORT_DYLIB
            | raw::LC_LOAD_UPWARD_DYLIB
            | raw::LC_RPATH
            | raw::LC_SUB_UMBRELLA
            | raw::LC_SUB_CLIENT
            | raw::LC_SUB_LIBRARY => return self.string(c, 8),
            raw::LC_FILESET_ENTRY => return self.string(c, 24),
            raw::LC_SEGMENT => return self.sections(c, "LC_SEGMENT", 56, 48, 68),
            raw::LC_SEGMENT_64 => return self.sections(c, "LC_SEGMENT_64", 72, 64, 80),
            raw::LC_BUILD_VERSION => ("LC_BUILD_VERSION", 24 + u64::from(self.word(c, 20)) * 8),
            raw::LC_SYMTAB => ("LC_SYMTAB", 24),
            raw::LC_DYSYMTAB => ("LC_DYSYMTAB", 80),
            raw::LC_SEGMENT_SPLIT_INFO => ("LC_SEGMENT_SPLIT_INFO", 16),
            Lc(LC_ATOM_INFO) => ("LC_ATOM_INFO", 16),
            raw::LC_FUNCTION_STARTS => ("LC_FUNCTION_STARTS", 16),
            raw::LC_DYLD_EXPORTS_TRIE => ("LC_DYLD_EXPORTS_TRIE", 16),
            raw::LC_DYLD_CHAINED_FIXUPS => ("LC_DYLD_CHAINED_FIXUPS", 16),
            raw::LC_ENCRYPTION_INFO => ("LC_ENCRYPTION_INFO", 20),
            raw::LC_ENCRYPTION_INFO_64 => ("LC_ENCRYPTION_INFO_64", 24),
            raw::LC_DYLD_INFO | raw::LC_DYLD_INFO_ONLY => ("LC_DYLD_INFO_ONLY", 48),
            raw::LC_VERSION_MIN_MACOSX
            | raw::LC_VERSION_MIN_IPHONEOS
            | raw::LC_VERSION_MIN_TVOS
            | raw::LC_VERSION_MIN_WATCHOS => ("LC_VERSION_MIN_*", 16),
            raw::LC_UUID => ("LC_UUID", 24),
            raw::LC_MAIN => ("LC_MAIN", 24),
            Lc(LC_FUNCTION_VARIANTS) => ("LC_FUNCTION_VARIANTS", 16),
            Lc(LC_FUNCTION_VARIANT_FIXUPS) => ("LC_FUNCTION_VARIANT_FIXUPS", 16),
            Lc(cmd) if cmd & REQUIRED != 0 => {
                return Err(Objection::UnknownRequired { number: c.number, cmd });
            }
            _ => return Ok(()),
        };
        if c.bytes.len() as u64 == size {
            Ok(())
        } else {
            Err(Objection::CommandSize { number: c.number, name })
        }
    }

    /// A word of a command, read as dyld does: past the end of a short one.
    fn word(&self, c: &Command<'_>, at: u64) -> u32 {
        let start = usize::try_from(c.offset + at).unwrap_or(usize::MAX);
        let bytes = self.facts.bytes.get(start..).and_then(|rest| rest.first_chunk::<4>());
        bytes.map_or(0, |b| u32::from_le_bytes(*b))
    }

    fn string(&self, c: &Command<'_>, field: u64) -> Result<(), Objection<'h>> {
        let offset = self.word(c, field);
        let size = u32::try_from(c.bytes.len()).unwrap_or(u32::MAX);
        if offset >= size {
            return Err(Objection::StringOutside { number: c.number, offset, size });
        }
        if c.string(offset).1 { Ok(()) } else { Err(Objection::StringUnterminated(c.number)) }
    }

    fn sections(
        &self,
        c: &Command<'_>,
        name: &'static str,
        head: u64,
        count_at: u64,
        section: u64,
    ) -> Result<(), Objection<'h>> {
        let wanted = head + u64::from(self.word(c, count_at)) * section;
        if c.bytes.len() as u64 == wanted {
            Ok(())
        } else {
            Err(Objection::SectionCount { number: c.number, name })
        }
    }
}
