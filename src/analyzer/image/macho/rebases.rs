//! The rebase stream of LC_DYLD_INFO: places that dyld moves with the image, and what is wrong with the stream.
//! It must never be asked of an image with chained fix-ups, and never unroll a repeated rebase.
//! Follows dyld common/MachOAnalyzer.cpp: forEachRebase_Opcodes.

use super::binds::Context;
use super::commands;
use super::facts::MachoFacts;
use super::fault::{Fault, Part, Problem};
use super::stream::Stream;

const DONE: u8 = 0x00;
const SET_TYPE: u8 = 0x10;
const SET_PLACE: u8 = 0x20;
const ADD_ADDRESS: u8 = 0x30;
const ADD_ADDRESS_SCALED: u8 = 0x40;
const TIMES: u8 = 0x50;
const TIMES_ULEB: u8 = 0x60;
const ADD_AFTER: u8 = 0x70;
const TIMES_SKIPPING: u8 = 0x80;
/// Padding that dyld allows behind the end.
const PADDING: usize = 15;

/// What reading the stream found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rebases {
    /// Places to move.
    pub places: u64,
    /// The first of them that is not in a segment that can be written: dyld writes there without looking.
    pub place_fault: Option<Fault>,
}

/// Reads the stream, if the image has one. dyld does so after every symbol was bound.
///
/// # Errors
/// The first thing dyld stops at.
pub fn check(facts: &MachoFacts<'_>) -> Result<Rebases, Fault> {
    let mut found = Rebases::default();
    let range = match facts.linkedit.info {
        Some(info) if facts.linkedit.chained.is_none() && !facts.arch.is_arm64e() => info.rebase,
        _ => return Ok(found),
    };
    let Ok(header) = commands::header(facts.bytes) else { return Ok(found) };
    if range.size == 0 {
        return Ok(found);
    }
    let base = u64::from(range.offset);
    let bytes =
        range.bytes(facts.bytes).ok_or_else(|| Fault::new(Part::Rebases, base, Problem::OutOfRange))?;
    let context = Context::new(facts.bytes, &header, &facts.segments, &facts.linkedit);
    let word = context.word();
    let mut s = Stream::new(Part::Rebases, bytes, base);
    let (mut segment, mut offset) = (None, 0u64);
    while !s.is_empty() {
        let place = s;
        let byte = s.byte()?;
        let immediate = byte & 0x0f;
        // How often, and how far apart.
        let (count, stride) = match byte & 0xf0 {
            DONE if s.rest().len() > PADDING => {
                let at = u32::try_from(s.at()).unwrap_or(u32::MAX);
                return Err(place.fault(Problem::EarlyEnd { at, of: range.size }));
            }
            DONE => break,
            SET_TYPE => continue,
            SET_PLACE => {
                segment = Some(immediate);
                offset = s.uleb()?;
                continue;
            }
            ADD_ADDRESS => {
                offset = offset.wrapping_add(s.uleb()?);
                continue;
            }
            ADD_ADDRESS_SCALED => {
                offset = offset.wrapping_add(u64::from(immediate) * word);
                continue;
            }
            TIMES => (immediate.into(), word),
            TIMES_ULEB => (s.uleb()?, word),
            ADD_AFTER => (1, s.uleb()?.wrapping_add(word)),
            TIMES_SKIPPING => {
                let count = s.uleb()?;
                (count, s.uleb()?.wrapping_add(word))
            }
            opcode => return Err(place.fault(Problem::BadOpcode(opcode))),
        };
        if count == 0 {
            continue;
        }
        if let Err(problem) = context.check_places(segment, offset, count, stride) {
            found.place_fault.get_or_insert(place.fault(problem));
        }
        found.places = found.places.saturating_add(count);
        offset = offset.wrapping_add(stride.wrapping_mul(count));
    }
    Ok(found)
}
