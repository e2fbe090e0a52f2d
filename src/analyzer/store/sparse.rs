//! A file without the parts nobody asks for: ranges with their bytes, and zeros in between.
//! It must never make more of stored bytes than a file of the announced size, and that one only up to a limit.
//! Compressed by deflate (RFC 1951) where that is worth it.

use std::ops::Range;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::sealed::SealFault;

/// Largest file that is stored.
pub const LARGEST: u64 = 1 << 30;
/// Most bytes the stored parts of one file unpack to.
const MOST: usize = 256 << 20;
/// Deflate level: higher ones take longer and save a percent.
const LEVEL: u8 = 8;

/// The given ranges of `bytes` (sorted, apart), packed.
pub fn pack(bytes: &[u8], ranges: &[Range<usize>]) -> Vec<u8> {
    compress_to_vec(&plain(bytes, ranges), LEVEL)
}

/// The same, not compressed.
pub fn plain(bytes: &[u8], ranges: &[Range<usize>]) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, ranges.len());
    let mut at = 0;
    for r in ranges {
        number(&mut out, r.start.saturating_sub(at));
        number(&mut out, r.len());
        at = r.end;
    }
    for r in ranges {
        out.extend_from_slice(bytes.get(r.clone()).unwrap_or_default());
    }
    out
}

/// The file of `size` bytes that `pack` was given.
///
/// # Errors
/// The stored bytes are not what `pack` writes.
pub fn unpack(packed: &[u8], size: u64) -> Result<Box<[u8]>, SealFault> {
    let plain = decompress_to_vec_with_limit(packed, MOST)
        .map_err(|_| SealFault::Nonsense("a file does not unpack"))?;
    spread(&plain, size)
}

/// The file of `size` bytes that `plain` was given.
///
/// # Errors
/// The stored bytes are not what `plain` writes.
pub fn spread(plain: &[u8], size: u64) -> Result<Box<[u8]>, SealFault> {
    const WRONG: SealFault = SealFault::Nonsense("ranges outside of their file");
    let size = usize::try_from(size).ok().filter(|s| *s as u64 <= LARGEST).ok_or(WRONG)?;
    let mut rest = plain;
    let count = take(&mut rest).ok_or(WRONG)?;
    let mut ranges = Vec::new();
    let (mut at, mut sum) = (0usize, 0usize);
    for _ in 0..count {
        let start = take(&mut rest).and_then(|gap| at.checked_add(gap)).ok_or(WRONG)?;
        at =
            take(&mut rest).and_then(|len| start.checked_add(len)).filter(|end| *end <= size).ok_or(WRONG)?;
        sum = sum.saturating_add(at - start);
        ranges.push(start..at);
    }
    if sum != rest.len() {
        return Err(WRONG);
    }
    // Fresh zero pages cost nothing until they are touched.
    let mut file = vec![0; size];
    for r in ranges {
        let (from, behind) = rest.split_at_checked(r.len()).ok_or(WRONG)?;
        file.get_mut(r).ok_or(WRONG)?.copy_from_slice(from);
        rest = behind;
    }
    Ok(file.into_boxed_slice())
}

/// LEB128.
fn number(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn take(from: &mut &[u8]) -> Option<usize> {
    let mut value = 0usize;
    for shift in (0..63).step_by(7) {
        let (first, rest) = from.split_first()?;
        *from = rest;
        value |= usize::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_come_back_and_the_rest_is_zero() {
        let file: Vec<u8> = (0..=255).cycle().take(100_000).map(|b: u8| b | 1).collect();
        let ranges = [0..10, 500..700, 99_999..100_000];
        let back = unpack(&pack(&file, &ranges), 100_000).unwrap();
        for (at, byte) in back.iter().enumerate() {
            let kept = ranges.iter().any(|r| r.contains(&at));
            assert_eq!(*byte, if kept { file[at] } else { 0 }, "{at}");
        }
        assert_eq!(unpack(&pack(b"", &[]), 0).unwrap().len(), 0);
    }

    #[test]
    fn hostile_ranges_are_refused_without_memory() {
        let packed = pack(&[1; 64], std::slice::from_ref(&(0..64)));
        assert!(unpack(&packed, 63).is_err());
        assert!(unpack(&packed, u64::MAX).is_err());
        for plain in [&b""[..], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x01\x00", b"\x01\x00\x05abc"]
        {
            assert!(spread(plain, 1 << 20).is_err(), "{plain:?}");
        }
        assert!(spread(b"\xff\xff\xff\xff\x7f\x00\x00", 1 << 20).is_err());
        let plain = plain(&[7; 32], &[3..9, 20..30]);
        for at in 0..plain.len() {
            let mut bad = plain.clone();
            bad[at] ^= 0xff;
            let _ = spread(&bad, 32);
            let _ = spread(&plain[..at], 32);
        }
    }
}
