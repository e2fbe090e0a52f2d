//! The other half of the inspection: what the load commands say together, as strictly as the SDK calls for.
//! It must never be asked before the structure was found in order.
//! Follows dyld mach_o/UnsafeHeader.cpp: validSemantics*, validSegment.

use object::macho as raw;

use super::super::facts::{FileKind, Segment};
use super::super::platform::{Platform, PlatformVersion, Version};
use super::{Epoch, Inspection, Objection, Subject, overlap};

/// dyld remembers that many names when it looks for duplicates.
const REMEMBERED_DEPENDENTS: usize = 256;
const REMEMBERED_RPATHS: usize = 64;

type Verdict<'h> = Result<(), Objection<'h>>;

impl<'h> Subject<'_, 'h> {
    /// One platform, or macOS and Mac Catalyst together. The result is what the policy goes by.
    pub(super) fn platform(&self) -> Result<(Option<Platform>, Version), Objection<'h>> {
        if self.is(FileKind::FILESET) {
            return Ok((None, Version::default()));
        }
        let name = |p: Platform| p.name().unwrap_or("future");
        let mut joined: Option<PlatformVersion> = None;
        let mut zippered = false;
        for next in self.facts.effective_platforms() {
            if next.platform.name().is_none() {
                return Err(Objection::UnknownPlatform);
            }
            let pair = joined.map(|j| (j.platform, next.platform));
            joined = match pair {
                // Catalyst beside macOS, in either order: macOS decides.
                Some((Platform::MACOS, Platform::MAC_CATALYST)) => {
                    zippered = true;
                    joined
                }
                Some((Platform::MAC_CATALYST, Platform::MACOS)) => {
                    zippered = true;
                    Some(next)
                }
                None => Some(next),
                Some((old, new)) if old == new => Some(next),
                Some((_, new)) if zippered => {
                    return Err(Objection::IncompatiblePlatforms("zippered(macOS/Catalyst)", name(new)));
                }
                Some((old, new)) => return Err(Objection::IncompatiblePlatforms(name(old), name(new))),
            };
        }
        match joined {
            Some(p) => Ok((Some(p.platform), p.sdk)),
            None if self.is(FileKind::PRELOAD) || self.is_static_program() => Ok((None, Version::default())),
            None => Err(Objection::UnknownPlatform),
        }
    }

    pub(super) fn uuid(&self) -> Verdict<'h> {
        match self.count(raw::LC_UUID) {
            0 if self.enforces_uuid() => Err(Objection::Plain("missing LC_UUID load command")),
            0 | 1 => Ok(()),
            _ => Err(Objection::Plain("too many LC_UUID load commands")),
        }
    }

    fn enforces_uuid(&self) -> bool {
        match self.facts.kind {
            FileKind::OBJECT => false,
            FileKind::EXECUTE if self.inspection == Inspection::Fall2025 => self.since(Epoch::FALL_2025),
            _ => self.since(Epoch::FALL_2021),
        }
    }

    pub(super) fn install_name(&self) -> Verdict<'h> {
        let count = self.count(raw::LC_ID_DYLIB);
        let library = matches!(self.facts.kind, FileKind::DYLIB | FileKind::DYLIB_STUB);
        match count {
            0 if library => Err(Objection::Plain("MH_DYLIB is missing LC_ID_DYLIB")),
            1 if !library => Err(Objection::Plain("found LC_ID_DYLIB found in non-MH_DYLIB")),
            0 | 1 => Ok(()),
            _ => Err(Objection::Plain("multiple LC_ID_DYLIB found")),
        }
    }

    pub(super) fn dependents(&self) -> Verdict<'h> {
        let unique = self.since(match self.inspection {
            Inspection::Spring2025 => Epoch::FALL_2024,
            Inspection::Fall2025 => Epoch::FALL_2025,
        });
        let names: Vec<&'h [u8]> = self.facts.dependents.iter().map(|d| d.name).collect();
        if unique && let Some(name) = first_repeated(&names, REMEMBERED_DEPENDENTS) {
            return Err(Objection::DuplicateDependent(name));
        }
        let bottom = || {
            let directory: &[u8] =
                if self.is_driverkit() { b"/System/DriverKit/usr/lib/system/" } else { b"/usr/lib/system/" };
            self.facts.id().is_some_and(|id| id.starts_with(directory))
        };
        if names.is_empty() && self.facts.is_dyld_managed() && self.since(Epoch::SPRING_2025) && !bottom() {
            return Err(Objection::Plain("missing LC_LOAD_DYLIB (must link with at least libSystem.dylib)"));
        }
        Ok(())
    }

    pub(super) fn rpaths(&self) -> Verdict<'h> {
        let unique = self.since(match self.inspection {
            Inspection::Spring2025 => Epoch::SPRING_2025,
            Inspection::Fall2025 => Epoch::FALL_2025,
        });
        match first_repeated(&self.facts.rpaths, REMEMBERED_RPATHS) {
            Some(path) if unique => Err(Objection::DuplicateRpath(path)),
            _ => Ok(()),
        }
    }

    pub(super) fn segments(&self) -> Verdict<'h> {
        let segments = &self.facts.segments;
        segments.iter().try_for_each(|segment| self.segment(segment))?;
        let managed = self.facts.is_dyld_managed();
        let in_cache = self.facts.flags.in_cache();
        if managed {
            let text = segments.iter().rev().find(|s| s.name == b"__TEXT");
            let text = text.ok_or(Objection::Plain("missing __TEXT segment"))?;
            if !in_cache && text.fileoff != 0 {
                return Err(Objection::Plain("__TEXT segment fileoffset is not zero"));
            }
            if text.filesize < self.facts.commands_end {
                return Err(Objection::Plain("load commands do not fit in __TEXT segment filesize"));
            }
            if text.vmsize < self.facts.commands_end {
                return Err(Objection::Plain("load commands do not fit in __TEXT segment vmsize"));
            }
        }
        let names = managed && self.inspection == Inspection::Fall2025 && self.since(Epoch::FALL_2025);
        if let Some(objection) = overlap::first_pair(segments, !in_cache, names) {
            return Err(objection);
        }
        let enforce_order = !in_cache
            && self.since(match (self.facts.kind, self.inspection) {
                (FileKind::EXECUTE, Inspection::Fall2025) => Epoch::FALL_2025,
                _ => Epoch::FALL_2019,
            });
        if !enforce_order {
            return Ok(());
        }
        // The last segment is not compared.
        for pair in segments.get(..segments.len().saturating_sub(1)).unwrap_or_default().windows(2) {
            let [a, b] = pair else { continue };
            if b.fileoff < a.fileoff && b.filesize != 0 {
                return Err(Objection::Segment {
                    before: "segment ",
                    name: a.name,
                    after: " file offset out of order",
                });
            }
            let exempt = (self.is(FileKind::FILESET) && b.name == b"__PRELINK_INFO")
                || (self.inspection == Inspection::Fall2025
                    && self.facts.arch.is_x86_64()
                    && self.is(FileKind::EXECUTE)
                    && self.facts.has_dylinker
                    && !self.facts.flags.pie());
            if b.vmaddr < a.vmaddr && !exempt {
                return Err(Objection::Segment {
                    before: "segment ",
                    name: b.name,
                    after: " vm address out of order",
                });
            }
        }
        Ok(())
    }

    /// One segment by itself.
    fn segment(&self, s: &Segment<'h>) -> Verdict<'h> {
        let name = s.name;
        let about = |after| Objection::Segment { before: "segment ", name, after };
        let limit = if self.facts.is64 { u64::MAX } else { u64::from(u32::MAX) };
        let end = s.fileoff.checked_add(s.filesize).filter(|end| *end <= limit);
        if end.is_none_or(|end| end > self.file_size) {
            return Err(about(" load command content extends beyond end of file"));
        }
        if !self.is(FileKind::OBJECT) && s.filesize > s.vmsize {
            // What is not mapped is not looked at any further.
            return if s.vmsize == 0 && s.initprot == 0 {
                Ok(())
            } else {
                Err(about(" filesize exceeds vmsize"))
            };
        }
        if s.initprot & !7 != 0 {
            return Err(Objection::SegmentBits { name, bits: s.initprot });
        }
        self.permissions(s)?;
        if s.vmaddr.checked_add(s.vmsize).is_none_or(|end| end > limit) {
            return Err(Objection::Segment { before: "", name, after: " segment vm range wraps" });
        }
        if self.is(FileKind::DYLIB_STUB) {
            return Ok(());
        }
        for section in &s.sections {
            let name = section.name;
            if self.facts.is64 && section.size.cast_signed() < 0 {
                return Err(Objection::SectionSize { name, size: section.size });
            }
            if section.addr < s.vmaddr {
                return Err(Objection::SectionBefore { name, section: section.addr, segment: s.vmaddr });
            }
            let end = section.addr.wrapping_add(section.size) & limit;
            let segment = s.vmaddr.wrapping_add(s.vmsize) & limit;
            if self.since(Epoch::FALL_2020) && end > segment {
                return Err(Objection::SectionBeyond { name, section: end, segment });
            }
        }
        Ok(())
    }

    fn permissions(&self, s: &Segment<'h>) -> Verdict<'h> {
        const READ: u32 = 1;
        const WRITE: u32 = 2;
        const EXECUTE: u32 = 4;
        let plain = |bad: bool, words| if bad { Err(Objection::Plain(words)) } else { Ok(()) };
        let strict_linkedit = self.since(match (self.facts.kind, self.inspection) {
            (FileKind::EXECUTE, Inspection::Fall2025) => Epoch::FALL_2025,
            _ => Epoch::FALL_2015,
        });
        match s.name {
            b"__TEXT" if self.facts.is_dyld_managed() && self.since(Epoch::FALL_2019) => {
                plain(s.initprot != READ | EXECUTE, "__TEXT segment permissions is not 'r-x'")
            }
            b"__LINKEDIT" if strict_linkedit => {
                plain(s.initprot != READ, "__LINKEDIT segment permissions is not 'r--'")
            }
            b"__DATA" | b"__DATA_CONST" if self.is(FileKind::DYLIB_STUB) || !self.since(Epoch::FALL_2025) => {
                Ok(())
            }
            b"__DATA" => plain(s.initprot != READ | WRITE, "__DATA segment permissions is not 'rw-'"),
            b"__DATA_CONST" => {
                plain(s.initprot != READ | WRITE, "__DATA_CONST segment permissions is not 'rw-'")?;
                // Libraries meant for the shared cache say so by their split information.
                let for_cache = self.is(FileKind::DYLIB)
                    && self.facts.linkedit.split_info.is_some_and(|range| range.size != 0);
                let exempt = for_cache
                    || self.facts.flags.in_cache()
                    || self.is_static_program()
                    || self.is(FileKind::DSYM);
                plain(!s.read_only_data() && !exempt, "__DATA_CONST segment missing SG_READ_ONLY flag")
            }
            _ => Ok(()),
        }
    }

    pub(super) fn linker_options(&self) -> Verdict<'h> {
        for c in self.commands().filter(|c| c.cmd == raw::LC_LINKER_OPTION.0) {
            let count =
                c.bytes.get(8..).and_then(|b| b.first_chunk::<4>()).map_or(0, |b| u32::from_le_bytes(*b));
            let mut rest = c.bytes.get(12..).unwrap_or_default();
            for _ in 0..count {
                let Some(end) = rest.iter().position(|b| *b == 0) else {
                    return Err(Objection::Plain("malformed LC_LINKER_OPTION command"));
                };
                rest = rest.get(end + 1..).unwrap_or_default();
            }
        }
        Ok(())
    }

    /// A program has exactly one entry point.
    pub(super) fn entry(&self) -> Verdict<'h> {
        if !self.is(FileKind::EXECUTE) {
            return Ok(());
        }
        if self.facts.flags.in_cache() && self.since(Epoch::FALL_2021) {
            return Err(Objection::Plain("MH_EXECUTE has MH_DYLIB_IN_CACHE bit set"));
        }
        let (mains, threads) = (self.count(raw::LC_MAIN), self.count(raw::LC_UNIXTHREAD));
        // dyld keeps the last thing that is wrong; several of one kind are as wrong as each other.
        let words = match (mains, threads) {
            (2.., _) => "multiple LC_MAIN load commands",
            (_, 2..) => "multiple LC_UNIXTHREAD load commands",
            (1, 1) => "can't have LC_MAIN and LC_UNIXTHREAD load commands",
            (0, 0) if !self.is_driverkit() => "missing LC_MAIN or LC_UNIXTHREAD in main executable",
            (1, 0) | (0, 1) if self.is_driverkit() => "LC_MAIN not allowed for driverkit",
            _ => return Ok(()),
        };
        Err(Objection::Plain(words))
    }

    fn count(&self, cmd: raw::LoadCommandType) -> usize {
        self.commands().filter(|c| c.cmd == cmd.0).count()
    }
}

/// The first name that stands before it already, among the first `remembered`.
fn first_repeated<'h>(names: &[&'h [u8]], remembered: usize) -> Option<&'h [u8]> {
    let names = names.get(..names.len().min(remembered)).unwrap_or_default();
    names
        .iter()
        .enumerate()
        .find(|(i, name)| names.iter().take(*i).any(|n| n == *name))
        .map(|(_, name)| *name)
}
