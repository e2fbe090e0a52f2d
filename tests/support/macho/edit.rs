//! Changes the bytes of a Mach-O file that a linker would not write: fields by name, slices of a fat file, signatures.

use sha2::{Digest, Sha256};

/// A little-endian thin 64-bit Mach-O file.
pub struct MachO {
    pub bytes: Vec<u8>,
}

const SIGNATURE: u64 = 0x1d;

impl MachO {
    pub fn get(&self, at: usize, size: usize) -> Result<u64, String> {
        let field = self.bytes.get(at..at + size).ok_or_else(|| format!("{at}: outside the file"))?;
        Ok(field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn put(&mut self, at: usize, size: usize, value: u64) -> Result<(), String> {
        let field = self.bytes.get_mut(at..at + size).ok_or_else(|| format!("{at}: outside the file"))?;
        for (byte, value) in field.iter_mut().zip(value.to_le_bytes()) {
            *byte = value;
        }
        Ok(())
    }

    /// Offsets of all load commands.
    fn commands(&self) -> Result<Vec<usize>, String> {
        let mut at = 32;
        let mut found = Vec::new();
        for _ in 0..self.get(16, 4)? {
            found.push(at);
            at += self.get(at + 4, 4)? as usize;
        }
        Ok(found)
    }

    /// Offset of the `nth` command of a type.
    pub fn command(&self, cmd: u64, nth: usize) -> Result<usize, String> {
        let all = self.commands()?.into_iter().filter(|at| self.get(*at, 4) == Ok(cmd));
        all.into_iter().nth(nth).ok_or_else(|| format!("no command {cmd:#x}#{nth}"))
    }

    fn segment(&self, name: &str) -> Result<usize, String> {
        let mut padded = [0; 16];
        padded[..name.len()].copy_from_slice(name.as_bytes());
        let is =
            |at: &usize| self.get(*at, 4) == Ok(0x19) && self.bytes.get(at + 8..at + 24) == Some(&padded);
        self.commands()?.into_iter().find(is).ok_or_else(|| format!("no segment {name}"))
    }

    /// Offset and size of a named field.
    pub fn place(&self, place: &str) -> Result<(usize, usize), String> {
        let (what, field) = place.rsplit_once('.').ok_or_else(|| format!("{place}: kind.field"))?;
        let field_of = |fields: &[(&str, usize, usize)]| {
            let found = fields.iter().find(|f| f.0 == field);
            found.map(|f| (f.1, f.2)).ok_or_else(|| format!("{place}: no such field"))
        };
        let (base, (at, size)) = match what.split_once(':') {
            None if what == "header" => (
                0,
                field_of(&[
                    ("magic", 0, 4),
                    ("cputype", 4, 4),
                    ("cpusubtype", 8, 4),
                    ("filetype", 12, 4),
                    ("ncmds", 16, 4),
                    ("sizeofcmds", 20, 4),
                    ("flags", 24, 4),
                ])?,
            ),
            Some(("seg", name)) => (
                self.segment(name)?,
                field_of(&[
                    ("name", 8, 8),
                    ("vmaddr", 24, 8),
                    ("vmsize", 32, 8),
                    ("fileoff", 40, 8),
                    ("filesize", 48, 8),
                    ("maxprot", 56, 4),
                    ("initprot", 60, 4),
                    ("nsects", 64, 4),
                    ("flags", 68, 4),
                ])?,
            ),
            Some(("lc", which)) => {
                let (cmd, nth) = which.split_once('#').unwrap_or((which, "0"));
                let base = self.command(number(cmd)?, number(nth)? as usize)?;
                let at = match field {
                    "cmd" => 0,
                    "size" => 4,
                    other => number(other)? as usize,
                };
                (base, (at, 4))
            }
            _ => return Err(format!("{place}: header, seg:NAME or lc:NUMBER#N")),
        };
        Ok((base + at, size))
    }

    /// Writes a field; a leading sign makes the value relative.
    pub fn set(&mut self, place: &str, value: &str) -> Result<(), String> {
        let (at, size) = self.place(place)?;
        let old = self.get(at, size)?;
        let value = match (value.strip_prefix('+'), value.strip_prefix('-')) {
            (Some(more), _) => old.wrapping_add(number(more)?),
            (_, Some(less)) => old.wrapping_sub(number(less)?),
            _ => number(value)?,
        };
        self.put(at, size, value)
    }

    /// Replaces every occurrence of a byte string by one of the same length, or a shorter one padded with NUL.
    pub fn replace(&mut self, old: &str, new: &str) -> Result<(), String> {
        if new.len() > old.len() {
            return Err(format!("{new} is longer than {old}"));
        }
        let mut new = new.as_bytes().to_vec();
        new.resize(old.len(), 0);
        let mut found = false;
        let mut at = 0;
        while at + old.len() <= self.bytes.len() {
            if self.bytes[at..].starts_with(old.as_bytes()) {
                self.bytes[at..at + old.len()].copy_from_slice(&new);
                found = true;
            }
            at += 1;
        }
        if found { Ok(()) } else { Err(format!("{old} is not in the file")) }
    }

    /// Makes the dependent of that name an upward one, which this linker cannot.
    pub fn upward(&mut self, name: &str) -> Result<(), String> {
        let is = |at: &usize| {
            let start = at + self.get(at + 8, 4).unwrap_or(0) as usize;
            self.get(*at, 4) == Ok(0xc)
                && self.bytes.get(start..).is_some_and(|b| b.starts_with(&[name.as_bytes(), b"\0"].concat()))
        };
        let at = self.commands()?.into_iter().find(is).ok_or_else(|| format!("{name} is not needed"))?;
        self.put(at, 4, 0x8000_0023)
    }

    /// Changes a record of the chained import table: `strong`, or another library number.
    pub fn import(&mut self, name: &str, ordinal: Option<u64>) -> Result<(), String> {
        let table = self.get(self.command(0x8000_0034, 0)? + 8, 4)? as usize;
        let (imports, names) = (self.get(table + 8, 4)? as usize, self.get(table + 12, 4)? as usize);
        for number in 0..self.get(table + 16, 4)? as usize {
            let at = table + imports + number * 4;
            let record = self.get(at, 4)?;
            let start = table + names + (record >> 9) as usize;
            if self.bytes.get(start..).is_some_and(|b| b.starts_with(&[name.as_bytes(), b"\0"].concat())) {
                let changed = ordinal.map_or(record & !0x100, |ordinal| record & !0xff | ordinal);
                return self.put(at, 4, changed);
            }
        }
        Err(format!("{name} is not imported"))
    }

    /// Offset of a part of the file that tables lie in: `fixups`, `bind` or `signature`.
    pub fn table(&self, what: &str) -> Result<usize, String> {
        let (cmd, field) = match what {
            "fixups" => (0x8000_0034, 8),
            "bind" => (0x8000_0022, 16),
            "signature" => (SIGNATURE, 8),
            other => return Err(format!("{other}: fixups, bind or signature")),
        };
        Ok(self.get(self.command(cmd, 0)? + field, 4)? as usize)
    }

    /// Number of a load command, from 1.
    pub fn number(&self, cmd: u64) -> Result<usize, String> {
        let at = self.command(cmd, 0)?;
        let before = self.commands()?.into_iter().take_while(|other| *other != at);
        Ok(before.count() + 1)
    }

    /// Moves the content of the only slice of a fat file.
    pub fn shift(&mut self, by: usize) -> Result<(), String> {
        let field = self.bytes.get(16..20).ok_or("no fat file")?;
        let start = field.iter().fold(0, |value, byte| value << 8 | usize::from(*byte));
        self.bytes.splice(start..start, std::iter::repeat_n(0, by));
        let moved = u32::try_from(start + by).map_err(|e| e.to_string())?;
        self.bytes[16..20].copy_from_slice(&moved.to_be_bytes());
        Ok(())
    }

    /// The UUID as dyld prints it.
    pub fn uuid(&self) -> Result<String, String> {
        let at = self.command(0x1b, 0)? + 8;
        let bytes = self.bytes.get(at..at + 16).ok_or("LC_UUID outside the file")?;
        let part = |range: std::ops::Range<usize>| -> String {
            bytes[range].iter().map(|byte| format!("{byte:02X}")).collect()
        };
        Ok(format!("{}-{}-{}-{}-{}", part(0..4), part(4..6), part(6..8), part(8..10), part(10..16)))
    }

    /// Computes the hashes of all pages again, as `codesign -f -s -` would. Files without a signature stay as they are.
    pub fn sign(&mut self) -> Result<(), String> {
        let Ok(command) = self.command(SIGNATURE, 0) else { return Ok(()) };
        let blob = self.get(command + 8, 4)? as usize;
        let big = |bytes: &[u8], at: usize| -> Result<usize, String> {
            let field = bytes.get(at..at + 4).ok_or("signature outside the file")?;
            Ok(field.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)))
        };
        let directory = blob + big(&self.bytes, blob + 16)?;
        let (hashes, slots, limit) = (
            directory + big(&self.bytes, directory + 16)?,
            big(&self.bytes, directory + 28)?,
            big(&self.bytes, directory + 32)?,
        );
        let page = 1usize << self.bytes[directory + 39];
        for slot in 0..slots {
            let end = ((slot + 1) * page).min(limit);
            let digest = Sha256::digest(self.bytes.get(slot * page..end).ok_or("page outside the file")?);
            self.bytes
                .get_mut(hashes + slot * 32..hashes + slot * 32 + 32)
                .ok_or("hash outside the file")?
                .copy_from_slice(&digest);
        }
        Ok(())
    }
}

/// Puts thin files into a fat one.
pub fn fat(slices: &[Vec<u8>], wide: bool) -> Result<Vec<u8>, String> {
    let count = u32::try_from(slices.len()).map_err(|e| e.to_string())?;
    let mut header: Vec<u8> = Vec::new();
    header.extend(if wide { 0xcafe_babf_u32 } else { 0xcafe_babe }.to_be_bytes());
    header.extend(count.to_be_bytes());
    let mut body = Vec::new();
    for slice in slices {
        let thin = MachO { bytes: slice.clone() };
        let align = 14;
        let start = 0x4000 + body.len();
        for field in [thin.get(4, 4)?, thin.get(8, 4)?] {
            header.extend((field as u32).to_be_bytes());
        }
        for field in [start, slice.len()] {
            if wide {
                header.extend((field as u64).to_be_bytes());
            } else {
                header.extend((field as u32).to_be_bytes());
            }
        }
        header.extend(u32::to_be_bytes(align));
        if wide {
            header.extend([0; 4]);
        }
        body.extend(slice);
        body.resize(body.len().next_multiple_of(0x4000), 0);
    }
    header.resize(0x4000, 0);
    header.extend(body);
    Ok(header)
}

/// A decimal or `0x` number.
pub fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|e| format!("{text}: {e}"))
}
