//! The envelope of everything that is stored: what it is, which format, how long, and a checksum.
//! It must never hand out contents whose checksum is not right; it is against damage, not against forgery.
//! Numbers are little-endian; the checksum is XXH3 with 64 bits.

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes in front of the contents.
pub const HEADER: usize = 32;

/// Why an envelope is not opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SealFault {
    /// Something else.
    #[error("it is no file of this kind")]
    OtherKind,
    /// Written by an older or newer program.
    #[error("it has format {0}, which this program does not read")]
    OtherFormat(u32),
    /// Shorter than it says.
    #[error("it is cut off")]
    Short,
    /// The checksum is not right.
    #[error("it is damaged")]
    Damaged,
    /// The checksum is right, but the contents make no sense.
    #[error("its contents make no sense: {0}")]
    Nonsense(&'static str),
}

/// Kind and format of an envelope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label {
    /// The first bytes.
    pub magic: [u8; 8],
    /// The format; another one is not read.
    pub format: u32,
}

/// The checksum of stored bytes.
pub fn sum(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

impl Label {
    /// Puts contents into an envelope.
    pub fn seal(self, contents: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + contents.len());
        out.extend_from_slice(&self.magic);
        out.extend_from_slice(&self.format.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(contents.len() as u64).to_le_bytes());
        out.extend_from_slice(&sum(contents).to_le_bytes());
        out.extend_from_slice(contents);
        out
    }

    /// The contents of the envelope at the start of `bytes`, and what follows it.
    ///
    /// # Errors
    /// It is not one of this label, or not whole.
    pub fn open(self, bytes: &[u8]) -> Result<(&[u8], &[u8]), SealFault> {
        let (header, rest) = bytes.split_at_checked(HEADER).ok_or(SealFault::Short)?;
        let (magic, header) = header.split_at_checked(8).ok_or(SealFault::Short)?;
        if magic != self.magic {
            return Err(SealFault::OtherKind);
        }
        let (&format, header) = header.split_first_chunk::<4>().ok_or(SealFault::Short)?;
        let format = u32::from_le_bytes(format);
        if format != self.format {
            return Err(SealFault::OtherFormat(format));
        }
        let (padding, header) = header.split_at_checked(4).ok_or(SealFault::Short)?;
        let (&length, header) = header.split_first_chunk::<8>().ok_or(SealFault::Short)?;
        let (&expected, _) = header.split_first_chunk::<8>().ok_or(SealFault::Short)?;
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(|_| SealFault::Short)?;
        let (contents, behind) = rest.split_at_checked(length).ok_or(SealFault::Short)?;
        if padding != [0; 4] || sum(contents) != u64::from_le_bytes(expected) {
            return Err(SealFault::Damaged);
        }
        Ok((contents, behind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: Label = Label { magic: *b"testseal", format: 3 };

    #[test]
    fn no_single_changed_or_missing_byte_is_believed() {
        let whole = LABEL.seal(b"contents");
        assert_eq!(LABEL.open(&whole), Ok((b"contents".as_slice(), b"".as_slice())));
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bad = whole.clone();
                bad[at] ^= 1 << bit;
                assert!(LABEL.open(&bad).is_err(), "byte {at} bit {bit}");
            }
            assert!(LABEL.open(&whole[..at]).is_err(), "{at}");
        }
        assert_eq!(Label { format: 4, ..LABEL }.open(&whole), Err(SealFault::OtherFormat(3)));
    }

    #[test]
    fn huge_lengths_are_only_numbers() {
        let mut bad = LABEL.seal(b"");
        bad[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(LABEL.open(&bad), Err(SealFault::Short));
    }
}
