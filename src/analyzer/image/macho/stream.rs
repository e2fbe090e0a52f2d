//! A cursor over one table's bytes: bytes, LEB128 numbers, strings, each bounded by the table's end.
//! It must never read past the end it was given, and every fault says where in the image it was.
//! Follows dyld common/MachOFile.cpp: read_uleb128, read_sleb128.

use super::fault::{Fault, Part, Problem};
use crate::analyzer::image::limits;

/// A cursor.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'h> {
    bytes: &'h [u8],
    at: usize,
    part: Part,
    base: u64,
}

impl<'h> Stream<'h> {
    /// Over `bytes`, which stand at `base` of the image.
    pub fn new(part: Part, bytes: &'h [u8], base: u64) -> Stream<'h> {
        Stream { bytes, at: 0, part, base }
    }

    /// Where it stands, from the start of the table.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Moves to a place in the table.
    pub fn seek(&mut self, at: usize) {
        self.at = at.min(self.bytes.len());
    }

    /// What is left.
    pub fn rest(&self) -> &'h [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// A fault at this place.
    pub fn fault(&self, problem: Problem) -> Fault {
        Fault::new(self.part, self.base + self.at as u64, problem)
    }

    /// The next byte, left where it is.
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, Fault> {
        let byte = self.peek().ok_or_else(|| self.fault(Problem::OutOfRange))?;
        self.at += 1;
        Ok(byte)
    }

    /// An unsigned number. Bits beyond the 64th are lost if their group begins below it, as in dyld.
    pub fn uleb(&mut self) -> Result<u64, Fault> {
        let mut value = 0u64;
        let mut bit = 0u32;
        loop {
            let byte = self.peek().ok_or_else(|| self.fault(Problem::BadLeb))?;
            if bit > 63 {
                return Err(self.fault(Problem::LebTooBig));
            }
            value |= u64::from(byte & 0x7f) << bit;
            bit += 7;
            self.at += 1;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
    }

    /// A signed number. dyld lets it be as long as it likes; what does not fit is lost.
    pub fn sleb(&mut self) -> Result<i64, Fault> {
        let mut value = 0u64;
        let mut bit = 0u32;
        loop {
            let byte = self.peek().ok_or_else(|| self.fault(Problem::BadSignedLeb))?;
            self.at += 1;
            if bit < 64 {
                value |= u64::from(byte & 0x7f) << bit;
            }
            bit = bit.saturating_add(7);
            if byte & 0x80 == 0 {
                if byte & 0x40 != 0 && bit < 64 {
                    value |= u64::MAX << bit;
                }
                return Ok(value.cast_signed());
            }
        }
    }

    /// A string and its NUL, which is not part of the result.
    pub fn string(&mut self) -> Result<&'h [u8], Fault> {
        let rest = self.rest();
        let end = end_of_string(rest).ok_or_else(|| self.fault(Problem::Unterminated))?;
        self.at += end + 1;
        Ok(rest.get(..end).unwrap_or_default())
    }
}

/// The string at `at`, if it ends inside `bytes`.
pub fn string_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    rest.get(..end_of_string(rest)?)
}

fn end_of_string(rest: &[u8]) -> Option<usize> {
    rest.iter().take(limits::STRING_BYTES).position(|b| *b == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(bytes: &[u8]) -> Stream<'_> {
        Stream::new(Part::Binds, bytes, 100)
    }

    #[test]
    fn unsigned_numbers() {
        assert_eq!(stream(&[0xe5, 0x8e, 0x26]).uleb(), Ok(624_485));
        assert_eq!(stream(&[0x80, 0x80, 0]).uleb(), Ok(0));
        let mut largest = [0xff; 10];
        largest[9] = 1;
        assert_eq!(stream(&largest).uleb(), Ok(u64::MAX));
        assert_eq!(stream(&[0x80]).uleb(), Err(Fault::new(Part::Binds, 101, Problem::BadLeb)));
        assert_eq!(stream(&[0x80; 20]).uleb(), Err(Fault::new(Part::Binds, 110, Problem::LebTooBig)));
    }

    #[test]
    fn signed_numbers() {
        assert_eq!(stream(&[0x7f]).sleb(), Ok(-1));
        assert_eq!(stream(&[0xc0, 0xbb, 0x78]).sleb(), Ok(-123_456));
        assert_eq!(stream(&[0x3f]).sleb(), Ok(63));
        let mut long = [0x80; 40];
        long[39] = 0;
        assert_eq!(stream(&long).sleb(), Ok(0));
        assert_eq!(stream(&[0xff; 3]).sleb().unwrap_err().problem, Problem::BadSignedLeb);
    }

    #[test]
    fn strings_end_inside_the_table() {
        let mut s = stream(b"ab\0c");
        assert_eq!(s.string(), Ok(&b"ab"[..]));
        assert_eq!(s.string(), Err(Fault::new(Part::Binds, 103, Problem::Unterminated)));
    }
}
