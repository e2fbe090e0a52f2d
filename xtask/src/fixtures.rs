//! Stand-ins for the binaries of platforms that cannot be built here: real headers and marks around no code.
//! It must never be used where something is published to people; the rehearsal and the tests are for it.
//! Layouts follow the ELF specification and Apple's `mach-o/loader.h`.

use sha2::{Digest, Sha256};

use crate::targets::{Binary, Part, Platform};

/// An ELF executable without code.
#[derive(Clone, Debug)]
pub struct Elf {
    /// `e_machine`.
    pub machine: u16,
    /// `e_type`: 3 for a position-independent one.
    pub kind: u16,
    /// DT_NEEDED.
    pub needed: Vec<String>,
    /// PT_INTERP.
    pub interpreter: Option<String>,
    /// DT_RUNPATH.
    pub runpath: Option<String>,
    /// Flags of PT_GNU_STACK.
    pub stack: u32,
    /// Flags of the first segment.
    pub code: u32,
    /// With PT_GNU_RELRO.
    pub relro: bool,
    /// With DF_BIND_NOW.
    pub now: bool,
    /// What follows, unmapped.
    pub payload: Vec<u8>,
}

impl Elf {
    /// One that fits its platform.
    pub fn new(platform: &Platform, binary: &Binary) -> Elf {
        Elf {
            machine: if platform.arch() == "aarch64" { 183 } else { 62 },
            kind: 3,
            needed: binary.needed.clone(),
            interpreter: binary.interpreter.clone(),
            runpath: None,
            stack: 6,
            code: 5,
            relro: true,
            now: true,
            payload: Vec::new(),
        }
    }

    /// As a file: headers and strings in the first page, the dynamic section in the second, then the payload.
    pub fn bytes(&self) -> Vec<u8> {
        const PAGE: u64 = 0x1000;
        const HASH: u64 = 0x400;
        const SYMBOLS: u64 = 0x440;
        const STRINGS: u64 = 0x480;
        let mut strings = vec![0u8];
        let mut string = |text: &str| {
            let at = strings.len() as u64;
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
            at
        };
        let mut dynamic: Vec<(u64, u64)> = self.needed.iter().map(|name| (1, string(name))).collect();
        dynamic.extend(self.runpath.iter().map(|path| (29, string(path))));
        dynamic.extend([(4, HASH), (5, STRINGS), (6, SYMBOLS), (11, 24)]);
        dynamic.push((10, strings.len() as u64));
        if self.now {
            dynamic.extend([(30, 8), (0x6fff_fffb, 1)]);
        }
        dynamic.push((0, 0));
        let size = 16 * dynamic.len() as u64;
        // Kind, flags, offset and address, size in the file and in memory.
        let mut segments: Vec<(u32, u32, u64, u64, u64)> =
            vec![(1, self.code, 0, PAGE, PAGE), (1, 6, PAGE, size, PAGE), (2, 6, PAGE, size, size)];
        if let Some(path) = &self.interpreter {
            let length = path.len() as u64 + 1;
            segments.push((3, 4, 0x300, length, length));
        }
        if self.relro {
            segments.push((0x6474_e552, 4, PAGE, size, PAGE));
        }
        segments.push((0x6474_e551, self.stack, 0, 0, 0));
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend(self.kind.to_le_bytes());
        file.extend(self.machine.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        for word in [0u64, 64, 0] {
            file.extend(word.to_le_bytes());
        }
        file.extend(0u32.to_le_bytes());
        for half in [64, 56, segments.len() as u16, 64, 0, 0] {
            file.extend(half.to_le_bytes());
        }
        for (kind, flags, at, in_file, in_memory) in segments {
            file.extend(kind.to_le_bytes());
            file.extend(flags.to_le_bytes());
            let align = if kind == 1 { PAGE } else { 8 };
            for word in [at, at, at, in_file, in_memory, align] {
                file.extend(word.to_le_bytes());
            }
        }
        let mut put = |at: u64, bytes: &[u8]| {
            file.resize(at as usize, 0);
            file.extend_from_slice(bytes);
        };
        put(0x300, self.interpreter.as_deref().unwrap_or_default().as_bytes());
        // One bucket, one symbol: the empty one.
        put(HASH, &[1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        put(SYMBOLS, &[0; 24]);
        put(STRINGS, &strings);
        let dynamic: Vec<u8> = dynamic
            .iter()
            .flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()].concat())
            .collect();
        put(PAGE, &dynamic);
        file.extend_from_slice(&self.payload);
        file
    }
}

/// A Mach-O executable without code.
#[derive(Clone, Debug)]
pub struct MachO {
    /// `cputype`.
    pub processor: u32,
    /// Libraries.
    pub needed: Vec<String>,
    /// Oldest macOS, major and minor.
    pub macos: (u32, u32),
    /// `flags` of the header.
    pub flags: u32,
    /// Flags of the code directory; `None` leaves the signature out.
    pub signature: Option<u32>,
    /// What lies between the commands and the signature.
    pub payload: Vec<u8>,
}

impl MachO {
    /// One that fits its platform.
    pub fn new(platform: &Platform, binary: &Binary) -> MachO {
        let mut numbers =
            binary.macos.as_deref().unwrap_or("11.0").split('.').map(|part| part.parse().unwrap_or(0));
        MachO {
            processor: if platform.arch() == "aarch64" { 0x0100_000c } else { 0x0100_0007 },
            needed: binary.needed.clone(),
            macos: (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)),
            // MH_PIE, MH_TWOLEVEL, MH_DYLDLINK, MH_NOUNDEFS
            flags: 0x20_0085,
            signature: Some(2),
            payload: Vec::new(),
        }
    }

    /// As a file.
    pub fn bytes(&self) -> Vec<u8> {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let mut commands = vec![words(&[0x32, 24, 1, self.macos.0 << 16 | self.macos.1 << 8, 0, 0])];
        for name in &self.needed {
            let size = (24 + name.len() + 1).next_multiple_of(8);
            let mut command = words(&[0xc, size as u32, 24, 0, 0, 0]);
            command.extend_from_slice(name.as_bytes());
            command.resize(size, 0);
            commands.push(command);
        }
        let signed = self.signature.is_some();
        let length = commands.iter().map(Vec::len).sum::<usize>() + if signed { 16 } else { 0 };
        let end = 32 + length + self.payload.len();
        // One super blob with one code directory: 44 bytes, a name of two, and a hash for each page of 4 KiB.
        const HEAD: usize = 20;
        const HASHES: usize = 44 + 2;
        let pages = end.div_ceil(4096);
        let directory = HASHES + 32 * pages;
        if signed {
            commands.push(words(&[0x1d, 16, end as u32, (HEAD + directory) as u32]));
        }
        let mut file = words(&[
            0xfeed_facf,
            self.processor,
            if self.processor == 0x0100_0007 { 3 } else { 0 },
            2,
            commands.len() as u32,
            length as u32,
            self.flags,
            0,
        ]);
        file.extend(commands.concat());
        file.extend_from_slice(&self.payload);
        if let Some(flags) = self.signature {
            let big = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
            let hashes: Vec<u8> = file.chunks(4096).flat_map(|page| Sha256::digest(page).to_vec()).collect();
            file.extend(big(&[0xfade_0cc0, (HEAD + directory) as u32, 1, 0, HEAD as u32]));
            file.extend(big(&[
                0xfade_0c02,
                directory as u32,
                0x2_0001,
                flags,
                HASHES as u32,
                44,
                0,
                pages as u32,
                end as u32,
            ]));
            // Size and kind of a hash (SHA-256), platform, page size as a power of two; nothing; the name.
            file.extend([32, 2, 0, 12, 0, 0, 0, 0, b'x', 0]);
            file.extend(hashes);
        }
        file
    }
}

/// A stand-in for one binary: `table` is the text of pins in a program, `helper` what it carries.
pub fn stand_in(
    platform: &Platform,
    part: Part,
    binary: &Binary,
    version: &str,
    table: &str,
    helper: &[u8],
) -> Vec<u8> {
    let payload = match part {
        Part::Helper => format!("{}\0tsuku-dltest v{version}\n", binary.asset).into_bytes(),
        Part::Program => [format!("tsuku-version:{version};{table}\0").as_bytes(), helper].concat(),
    };
    if platform.os() == "linux" {
        Elf { payload, ..Elf::new(platform, binary) }.bytes()
    } else {
        MachO { payload, ..MachO::new(platform, binary) }.bytes()
    }
}

/// The pins of a program for a list of sums.
pub fn pin_table(rows: &[(String, String)]) -> String {
    rows.iter().map(|(name, sum)| format!("tsuku-pin:{name}={sum};")).collect()
}
