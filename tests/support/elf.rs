//! A 64-bit little-endian ELF file as bytes with addressable fields. It exists to damage files on purpose, so it checks nothing.
//!
//! A place is written `KIND[:SELECTOR].FIELD`: `ehdr.machine`, `ident.7`, `phdr:LOAD#1.vaddr`, `dyn:NEEDED#1.value`,
//! `sym:f.shndx`, `versym:f.value`, `rela:0.type`, `jmprel:0.sym`, `verneed:0.version`, `vernaux:V1.hash`, `verdef:1.version`,
//! `gnuhash.bloomsize`, `sysvhash.nbuckets`. `#N` picks the N-th of several.

/// Where a field is in the file, and how wide it is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub offset: usize,
    pub width: usize,
}

type Field = (&'static str, usize, usize);

const EHDR: &[Field] = &[
    ("type", 16, 2),
    ("machine", 18, 2),
    ("version", 20, 4),
    ("entry", 24, 8),
    ("phoff", 32, 8),
    ("shoff", 40, 8),
    ("flags", 48, 4),
    ("ehsize", 52, 2),
    ("phentsize", 54, 2),
    ("phnum", 56, 2),
    ("shentsize", 58, 2),
    ("shnum", 60, 2),
    ("shstrndx", 62, 2),
];
const PHDR: &[Field] = &[
    ("type", 0, 4),
    ("flags", 4, 4),
    ("offset", 8, 8),
    ("vaddr", 16, 8),
    ("paddr", 24, 8),
    ("filesz", 32, 8),
    ("memsz", 40, 8),
    ("align", 48, 8),
];
const DYN: &[Field] = &[("tag", 0, 8), ("value", 8, 8)];
const SYM: &[Field] =
    &[("name", 0, 4), ("info", 4, 1), ("other", 5, 1), ("shndx", 6, 2), ("value", 8, 8), ("size", 16, 8)];
const RELA: &[Field] = &[("offset", 0, 8), ("type", 8, 4), ("sym", 12, 4), ("addend", 16, 8)];
const VERNEED: &[Field] = &[("version", 0, 2), ("cnt", 2, 2), ("file", 4, 4), ("aux", 8, 4), ("next", 12, 4)];
const VERNAUX: &[Field] =
    &[("hash", 0, 4), ("flags", 4, 2), ("other", 6, 2), ("name", 8, 4), ("next", 12, 4)];
const VERDEF: &[Field] = &[
    ("version", 0, 2),
    ("flags", 2, 2),
    ("ndx", 4, 2),
    ("cnt", 6, 2),
    ("hash", 8, 4),
    ("aux", 12, 4),
    ("next", 16, 4),
];
const VERSYM: &[Field] = &[("value", 0, 2)];
const GNU_HASH: &[Field] = &[("nbuckets", 0, 4), ("symoffset", 4, 4), ("bloomsize", 8, 4), ("shift", 12, 4)];
const SYSV_HASH: &[Field] = &[("nbuckets", 0, 4), ("nchain", 4, 4)];

const SEGMENTS: &[(&str, u64)] = &[
    ("LOAD", 1),
    ("DYNAMIC", 2),
    ("INTERP", 3),
    ("NOTE", 4),
    ("PHDR", 6),
    ("TLS", 7),
    ("EH_FRAME", 0x6474_e550),
    ("STACK", 0x6474_e551),
    ("RELRO", 0x6474_e552),
    ("PROPERTY", 0x6474_e553),
];
const TAGS: &[(&str, u64)] = &[
    ("NULL", 0),
    ("NEEDED", 1),
    ("PLTRELSZ", 2),
    ("PLTGOT", 3),
    ("HASH", 4),
    ("STRTAB", 5),
    ("SYMTAB", 6),
    ("RELA", 7),
    ("RELASZ", 8),
    ("RELAENT", 9),
    ("STRSZ", 10),
    ("SYMENT", 11),
    ("INIT", 12),
    ("FINI", 13),
    ("SONAME", 14),
    ("RPATH", 15),
    ("SYMBOLIC", 16),
    ("REL", 17),
    ("RELSZ", 18),
    ("RELENT", 19),
    ("PLTREL", 20),
    ("DEBUG", 21),
    ("TEXTREL", 22),
    ("JMPREL", 23),
    ("BIND_NOW", 24),
    ("INIT_ARRAY", 25),
    ("FINI_ARRAY", 26),
    ("INIT_ARRAYSZ", 27),
    ("RUNPATH", 29),
    ("FLAGS", 30),
    ("PREINIT_ARRAY", 32),
    ("PREINIT_ARRAYSZ", 33),
    ("RELRSZ", 35),
    ("RELR", 36),
    ("RELRENT", 37),
    ("GNU_HASH", 0x6fff_fef5),
    ("VERSYM", 0x6fff_fff0),
    ("RELACOUNT", 0x6fff_fff9),
    ("FLAGS_1", 0x6fff_fffb),
    ("VERDEF", 0x6fff_fffc),
    ("VERDEFNUM", 0x6fff_fffd),
    ("VERNEED", 0x6fff_fffe),
    ("VERNEEDNUM", 0x6fff_ffff),
    ("AUXILIARY", 0x7fff_fffd),
    ("FILTER", 0x7fff_ffff),
];

/// The bytes of one file.
pub struct Elf {
    pub bytes: Vec<u8>,
}

impl Elf {
    pub fn get(&self, place: Place) -> Result<u64, String> {
        let end = place.offset + place.width;
        let slice =
            self.bytes.get(place.offset..end).ok_or_else(|| format!("no bytes at {:#x}", place.offset))?;
        Ok(slice.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    pub fn put(&mut self, place: Place, value: u64) -> Result<(), String> {
        let end = place.offset + place.width;
        let slice = self
            .bytes
            .get_mut(place.offset..end)
            .ok_or_else(|| format!("no bytes at {:#x}", place.offset))?;
        slice.copy_from_slice(&value.to_le_bytes()[..place.width]);
        Ok(())
    }

    fn read(&self, base: usize, fields: &[Field], name: &str) -> Result<u64, String> {
        self.get(field(base, fields, name)?)
    }

    /// Turns a written place into an offset.
    pub fn place(&self, text: &str) -> Result<Place, String> {
        let (record, name) =
            text.rsplit_once('.').ok_or_else(|| format!("{text}: a place is KIND:SELECTOR.FIELD"))?;
        let (kind, selector) = record.split_once(':').unwrap_or((record, "0"));
        let (pick, nth) = match selector.rsplit_once('#') {
            Some((pick, nth)) => (pick, number(nth)? as usize),
            None => (selector, 0),
        };
        match kind {
            "ident" => Ok(Place { offset: number(name)? as usize, width: 1 }),
            "ehdr" => field(0, EHDR, name),
            "phdr" => field(self.segment(pick, nth)?, PHDR, name),
            "dyn" => field(self.dynamic(tag_number(pick)?, nth)?, DYN, name),
            "sym" => field(self.symbol(pick, nth)?.1, SYM, name),
            "versym" => field(self.table("VERSYM")? + 2 * self.symbol(pick, nth)?.0, VERSYM, name),
            "rela" => field(self.table("RELA")? + 24 * number(pick)? as usize, RELA, name),
            "jmprel" => field(self.table("JMPREL")? + 24 * number(pick)? as usize, RELA, name),
            "gnuhash" => field(self.table("GNU_HASH")?, GNU_HASH, name),
            "sysvhash" => field(self.table("HASH")?, SYSV_HASH, name),
            "verneed" => field(self.chained("VERNEED", VERNEED, number(pick)?)?, VERNEED, name),
            "verdef" => field(self.chained("VERDEF", VERDEF, number(pick)?)?, VERDEF, name),
            "vernaux" => field(self.version_need(pick, nth)?, VERNAUX, name),
            other => Err(format!("unknown kind of record {other}")),
        }
    }

    fn segment(&self, pick: &str, nth: usize) -> Result<usize, String> {
        let (first, count) = (self.read(0, EHDR, "phoff")? as usize, self.read(0, EHDR, "phnum")? as usize);
        let all = (0..count).map(|index| first + 56 * index);
        let wanted = SEGMENTS.iter().find(|(name, _)| *name == pick).map(|(_, kind)| *kind);
        let found = match wanted {
            Some(kind) => all.filter(|base| self.read(*base, PHDR, "type") == Ok(kind)).nth(nth),
            None => all.clone().nth(number(pick)? as usize),
        };
        found.ok_or_else(|| format!("no program header {pick}#{nth}"))
    }

    /// The dynamic section: offsets of its entries, including every spare null entry the linker left.
    fn dynamic_entries(&self) -> Result<Vec<usize>, String> {
        let base = self.segment("DYNAMIC", 0)?;
        let first = self.read(base, PHDR, "offset")? as usize;
        let count = self.read(base, PHDR, "filesz")? as usize / 16;
        Ok((0..count).map(|index| first + 16 * index).collect())
    }

    fn dynamic(&self, tag: u64, nth: usize) -> Result<usize, String> {
        let entries = self.dynamic_entries()?;
        let mut same = entries.into_iter().filter(|entry| self.read(*entry, DYN, "tag") == Ok(tag));
        same.nth(nth).ok_or_else(|| format!("no dynamic tag {tag:#x}#{nth}"))
    }

    fn file_offset(&self, address: u64) -> Result<usize, String> {
        for nth in 0.. {
            let base =
                self.segment("LOAD", nth).map_err(|_| format!("address {address:#x} is not mapped"))?;
            let start = self.read(base, PHDR, "vaddr")?;
            if (start..start + self.read(base, PHDR, "filesz")?).contains(&address) {
                return Ok((address - start + self.read(base, PHDR, "offset")?) as usize);
            }
        }
        unreachable!("the loop ends at the last segment")
    }

    fn table(&self, tag: &str) -> Result<usize, String> {
        let entry = self.dynamic(tag_number(tag)?, 0)?;
        self.file_offset(self.read(entry, DYN, "value")?)
    }

    fn text(&self, offset: usize) -> &[u8] {
        let rest = self.bytes.get(offset..).unwrap_or_default();
        rest.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// Index and offset of the n-th symbol of a name. The linker puts the string table behind the symbol table.
    pub fn symbol(&self, name: &str, nth: usize) -> Result<(usize, usize), String> {
        let (symbols, strings) = (self.table("SYMTAB")?, self.table("STRTAB")?);
        (0..strings.saturating_sub(symbols) / 24)
            .map(|index| (index, symbols + 24 * index))
            .filter(|(_, base)| {
                self.read(*base, SYM, "name")
                    .is_ok_and(|at| self.text(strings + at as usize) == name.as_bytes())
            })
            .nth(nth)
            .ok_or_else(|| format!("no symbol {name}#{nth}"))
    }

    fn chained(&self, tag: &str, fields: &[Field], index: u64) -> Result<usize, String> {
        let mut base = self.table(tag)?;
        for _ in 0..index {
            base += self.read(base, fields, "next")? as usize;
        }
        Ok(base)
    }

    fn version_need(&self, name: &str, nth: usize) -> Result<usize, String> {
        let (mut record, strings, mut seen) = (self.table("VERNEED")?, self.table("STRTAB")?, 0);
        loop {
            let mut aux = record + self.read(record, VERNEED, "aux")? as usize;
            for _ in 0..self.read(record, VERNEED, "cnt")? {
                let at = self.read(aux, VERNAUX, "name")? as usize;
                if self.text(strings + at) == name.as_bytes() {
                    if seen == nth {
                        return Ok(aux);
                    }
                    seen += 1;
                }
                aux += self.read(aux, VERNAUX, "next")? as usize;
            }
            match self.read(record, VERNEED, "next")? as usize {
                0 => return Err(format!("no version need {name}#{nth}")),
                next => record += next,
            }
        }
    }

    /// Offset of a string inside the dynamic string table.
    pub fn string_offset(&self, wanted: &str) -> Result<u64, String> {
        let strings = self.table("STRTAB")?;
        let size = self.get(self.place("dyn:STRSZ.value")?)? as usize;
        let needle = [wanted.as_bytes(), b"\0"].concat();
        let area = self.bytes.get(strings..strings + size).ok_or("string table outside the file")?;
        let found = area.windows(needle.len()).position(|window| window == needle);
        found.map(|at| at as u64).ok_or_else(|| format!("no string {wanted:?}"))
    }

    /// Overwrites a string of the dynamic string table with one that is not longer.
    pub fn replace_string(&mut self, old: &str, new: &str) -> Result<(), String> {
        if new.len() > old.len() {
            return Err(format!("{new:?} is longer than {old:?}"));
        }
        let start = self.table("STRTAB")? + self.string_offset(old)? as usize;
        self.bytes[start..start + old.len()].fill(0);
        self.bytes[start..start + new.len()].copy_from_slice(new.as_bytes());
        Ok(())
    }

    /// Writes a new entry over the first spare null entry.
    pub fn add_dynamic(&mut self, tag: u64, value: u64) -> Result<(), String> {
        let entry = self.dynamic(0, 0)?;
        self.dynamic(0, 1).map_err(|_| "no spare dynamic entry")?;
        self.put(field(entry, DYN, "tag")?, tag)?;
        self.put(field(entry, DYN, "value")?, value)
    }

    /// Removes an entry; what follows moves up.
    pub fn remove_dynamic(&mut self, tag: u64, nth: usize) -> Result<(), String> {
        let gone = self.dynamic(tag, nth)?;
        let last = self.dynamic_entries()?.pop().ok_or("no dynamic section")?;
        self.bytes.copy_within(gone + 16..last + 16, gone);
        self.bytes[last..last + 16].fill(0);
        Ok(())
    }
}

fn field(base: usize, fields: &[Field], name: &str) -> Result<Place, String> {
    let found = fields.iter().find(|(known, ..)| *known == name);
    found
        .map(|(_, offset, width)| Place { offset: base + offset, width: *width })
        .ok_or_else(|| format!("no field {name}"))
}

/// A dynamic tag by name or number.
pub fn tag_number(text: &str) -> Result<u64, String> {
    match TAGS.iter().find(|(name, _)| *name == text) {
        Some((_, tag)) => Ok(*tag),
        None => number(text),
    }
}

/// A decimal or `0x` number.
pub fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|e| format!("{text}: {e}"))
}
