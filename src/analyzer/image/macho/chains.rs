//! The chains of fix-ups that LC_DYLD_CHAINED_FIXUPS starts: is every link inside its page, is every import there?
//! It must never be part of reading facts: it touches every page that has a pointer in it, as the loader does.
//! Follows dyld mach_o/ChainedFixups.cpp: forEachFixupChainStartLocation, forEachFixupLocationInChain.

use object::macho as raw;
use object::read::ReadRef;
use object::{LittleEndian as LE, U16, U32};

use super::chained;
use super::facts::{MachoFacts, Range, Segment};
use super::fault::{Fault, Part, Problem};
use crate::analyzer::image::limits;

/// DYLD_CHAINED_PTR_START_NONE, _MULTI and _LAST.
const NONE: u16 = 0xffff;
const MULTI: u16 = 0x8000;

/// What walking the chains found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chains {
    /// Pointers in all chains.
    pub pointers: u64,
    /// Those that are bound to an import.
    pub binds: u64,
}

/// How a pointer of one format carries its link and its import.
#[derive(Clone, Copy)]
struct Shape {
    /// Bytes of a pointer.
    width: u64,
    /// Unit of the link.
    stride: u64,
    next_at: u32,
    next_bits: u32,
    /// The bit that says "bind", if there are binds in this format.
    bind_at: Option<u32>,
    ordinal_bits: u32,
}

impl Shape {
    fn of(format: raw::DyldChainedPtrFormat) -> Option<Shape> {
        let arm64e = |stride, ordinal_bits| Shape {
            width: 8,
            stride,
            next_at: 51,
            next_bits: 11,
            bind_at: Some(62),
            ordinal_bits,
        };
        let plain = |stride, next_at, next_bits| Shape {
            width: 8,
            stride,
            next_at,
            next_bits,
            bind_at: None,
            ordinal_bits: 0,
        };
        let narrow = |next_at, next_bits| Shape { width: 4, ..plain(4, next_at, next_bits) };
        Some(match format {
            raw::DYLD_CHAINED_PTR_ARM64E | raw::DYLD_CHAINED_PTR_ARM64E_USERLAND => arm64e(8, 16),
            raw::DYLD_CHAINED_PTR_ARM64E_USERLAND24 => arm64e(8, 24),
            raw::DYLD_CHAINED_PTR_ARM64E_KERNEL | raw::DYLD_CHAINED_PTR_ARM64E_FIRMWARE => arm64e(4, 16),
            raw::DYLD_CHAINED_PTR_64 | raw::DYLD_CHAINED_PTR_64_OFFSET => {
                Shape { bind_at: Some(63), ordinal_bits: 24, ..plain(4, 51, 12) }
            }
            raw::DYLD_CHAINED_PTR_32 => Shape { bind_at: Some(31), ordinal_bits: 20, ..narrow(26, 5) },
            raw::DYLD_CHAINED_PTR_32_CACHE => narrow(30, 2),
            raw::DYLD_CHAINED_PTR_32_FIRMWARE => narrow(26, 6),
            raw::DYLD_CHAINED_PTR_64_KERNEL_CACHE => plain(4, 51, 12),
            raw::DYLD_CHAINED_PTR_X86_64_KERNEL_CACHE => plain(1, 51, 12),
            raw::DYLD_CHAINED_PTR_ARM64E_SHARED_CACHE => plain(8, 52, 11),
            raw::DYLD_CHAINED_PTR_ARM64E_SEGMENTED => plain(4, 51, 12),
            _ => return None,
        })
    }

    fn next(self, pointer: u64) -> u64 {
        (pointer >> self.next_at & ((1 << self.next_bits) - 1)) * self.stride
    }

    fn import(self, pointer: u64) -> Option<u64> {
        (pointer >> self.bind_at? & 1 != 0).then_some(pointer & ((1 << self.ordinal_bits) - 1))
    }
}

/// Walks every chain of an image that has some. The first fault ends the walk.
pub fn check(facts: &MachoFacts<'_>) -> Result<Chains, Fault> {
    let mut walk = Walk { facts, base: 0, starts: 0, found: Chains::default() };
    match facts.linkedit.chained {
        Some(range) if facts.linkedit.info.is_none() => walk.image(range)?,
        _ => {}
    }
    Ok(walk.found)
}

struct Walk<'a, 'h> {
    facts: &'a MachoFacts<'h>,
    /// Offset of the fix-ups in the image.
    base: u64,
    /// Offset of `dyld_chained_starts_in_image` in the image.
    starts: u64,
    found: Chains,
}

fn fault(at: u64, problem: Problem) -> Fault {
    Fault::new(Part::ChainedFixups, at, problem)
}

impl<'h> Walk<'_, 'h> {
    fn image(&mut self, range: Range) -> Result<(), Fault> {
        self.base = range.offset.into();
        let header = chained::header(self.facts.bytes, range)?;
        self.starts = self.base + u64::from(header.starts_offset.get(LE));
        let count = self.u32(self.starts)?;
        for (index, segment) in self.facts.segments.iter().enumerate().take(count as usize) {
            let at = self.u32(self.starts + 4 + index as u64 * 4)?;
            if at != 0 {
                self.segment(segment, self.starts + u64::from(at))?;
            }
        }
        Ok(())
    }

    fn u32(&self, at: u64) -> Result<u32, Fault> {
        let word = self.facts.bytes.read_at::<U32<LE>>(at);
        word.map(|w| w.get(LE)).map_err(|()| fault(at, Problem::OutOfRange))
    }

    fn segment(&mut self, segment: &Segment<'h>, at: u64) -> Result<(), Fault> {
        let head = self.facts.bytes.read_at::<raw::DyldChainedStartsInSegment<LE>>(at);
        let head = head.map_err(|()| fault(at, Problem::OutOfRange))?;
        let format = head.pointer_format.get(LE);
        let shape = Shape::of(format).filter(|s| (s.width == 8) == self.facts.is64);
        let shape = shape.ok_or_else(|| fault(at, Problem::UnknownFormat(format.0.into())))?;
        let page_size = u64::from(head.page_size.get(LE));
        if !matches!(page_size, 0x1000 | 0x4000) {
            return Err(fault(at, Problem::BadSize(page_size)));
        }
        // Old releases go by the offset, new ones by the number of the segment.
        let offset = segment.vmaddr.wrapping_sub(self.facts.text_address());
        if head.segment_offset.get(LE) != offset {
            return Err(fault(at, Problem::BadValue(head.segment_offset.get(LE))));
        }
        let pages = at + size_of_val(head) as u64;
        let start = |index: u64| {
            let at = pages + index * 2;
            let start = self.facts.bytes.read_at::<U16<LE>>(at);
            start.map(|s| s.get(LE)).map_err(|()| fault(at, Problem::OutOfRange))
        };
        let mut found = self.found;
        for page in 0..u64::from(head.page_count.get(LE)) {
            let chain = Chain { segment, page: page * page_size, page_size, shape };
            match start(page)? {
                NONE => {}
                first if first & MULTI == 0 => self.chain(&chain, first, &mut found)?,
                list => {
                    let mut index = u64::from(list & !MULTI);
                    loop {
                        let first = start(index)?;
                        self.chain(&chain, first & !MULTI, &mut found)?;
                        if first & MULTI != 0 {
                            break;
                        }
                        index += 1;
                    }
                }
            }
        }
        self.found = found;
        Ok(())
    }

    fn chain(&self, chain: &Chain<'_, 'h>, first: u16, found: &mut Chains) -> Result<(), Fault> {
        let Chain { segment, page, page_size, shape } = *chain;
        let mut offset = page + u64::from(first);
        loop {
            let at = segment.fileoff.saturating_add(offset);
            let inside = offset < page + page_size && offset + shape.width <= segment.filesize;
            if !inside {
                return Err(fault(at, Problem::OutOfRange));
            }
            let pointer = self.pointer(at, shape.width).ok_or_else(|| fault(at, Problem::OutOfRange))?;
            found.pointers += 1;
            if found.pointers > limits::CHAINED_POINTERS {
                return Err(fault(at, Problem::TooMuch));
            }
            if let Some(import) = shape.import(pointer) {
                if import >= self.facts.binds.records.len() as u64 {
                    return Err(fault(at, Problem::BadIndex(import)));
                }
                found.binds += 1;
            }
            match shape.next(pointer) {
                0 => return Ok(()),
                next => offset += next,
            }
        }
    }

    fn pointer(&self, at: u64, width: u64) -> Option<u64> {
        if width == 8 {
            Some(self.facts.bytes.read_at::<object::U64<LE>>(at).ok()?.get(LE))
        } else {
            Some(self.facts.bytes.read_at::<U32<LE>>(at).ok()?.get(LE).into())
        }
    }
}

/// One page of a segment.
struct Chain<'a, 'h> {
    segment: &'a Segment<'h>,
    /// Offset of the page in the segment.
    page: u64,
    page_size: u64,
    shape: Shape,
}
