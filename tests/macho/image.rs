//! A small Mach-O image put together by hand: `__TEXT`, `__DATA` and `__LINKEDIT`, and whatever commands a test wants.
//! It exists to make wrong files as easily as right ones, so it checks nothing.

use sha1::Digest as _;

pub const X86_64: (u32, u32) = (0x0100_0007, 3);
pub const ARM64: (u32, u32) = (0x0100_000c, 0);
pub const ARM64E: (u32, u32) = (0x0100_000c, 0x8000_0002);
pub const I386: (u32, u32) = (7, 3);

pub const DYLIB: u32 = 6;
pub const LC_SEGMENT_64: u32 = 0x19;
pub const LC_LOAD_DYLIB: u32 = 0xc;
pub const LC_LOAD_WEAK_DYLIB: u32 = 0x8000_0018;
pub const LC_REEXPORT_DYLIB: u32 = 0x8000_001f;
pub const LC_LOAD_UPWARD_DYLIB: u32 = 0x8000_0023;
pub const LC_ID_DYLIB: u32 = 0xd;
pub const LC_RPATH: u32 = 0x8000_001c;
pub const LC_UUID: u32 = 0x1b;
pub const LC_CODE_SIGNATURE: u32 = 0x1d;
pub const LC_DYLD_INFO_ONLY: u32 = 0x8000_0022;
pub const LC_DYLD_CHAINED_FIXUPS: u32 = 0x8000_0034;
pub const LC_DYLD_EXPORTS_TRIE: u32 = 0x8000_0033;

/// Where `__DATA` and `__LINKEDIT` are, in the file and in memory.
pub const DATA_AT: u64 = 0x4000;
pub const LINKEDIT_AT: u64 = 0x8000;

/// An image to be.
#[derive(Clone)]
pub struct Image {
    pub is64: bool,
    pub arch: (u32, u32),
    pub kind: u32,
    pub flags: u32,
    /// Load commands behind those of the segments.
    pub commands: Vec<Vec<u8>>,
    /// Content of `__DATA`.
    pub data: Vec<u8>,
    /// Sections of `__DATA`.
    pub sections: Vec<Section>,
    /// Content of `__LINKEDIT`.
    pub linkedit: Vec<u8>,
    /// `initprot` of `__DATA`.
    pub data_prot: u32,
}

/// A section of `__DATA`.
#[derive(Clone)]
pub struct Section {
    pub name: &'static str,
    pub addr: u64,
    pub size: u64,
    pub flags: u32,
    pub reserved1: u32,
    pub reserved2: u32,
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A load command with a string behind its fixed part; the string's offset is the first field.
pub fn string_command(cmd: u32, rest: &[u32], text: &str) -> Vec<u8> {
    let start = 12 + 4 * rest.len();
    let size = (start + text.len() + 1).next_multiple_of(8);
    let mut out = words(&[cmd, size as u32, start as u32]);
    out.extend(words(rest));
    out.extend(text.as_bytes());
    out.resize(size, 0);
    out
}

fn name16(name: &str) -> [u8; 16] {
    let mut out = [0; 16];
    out[..name.len()].copy_from_slice(name.as_bytes());
    out
}

impl Image {
    /// A library for macOS 13 with an install name, libSystem and a UUID.
    pub fn library(arch: (u32, u32)) -> Image {
        let mut image = Image::bare(arch);
        image.dylib(LC_ID_DYLIB, "/usr/local/lib/libtest.dylib");
        image.dylib(LC_LOAD_DYLIB, "/usr/lib/libSystem.B.dylib");
        image.platform(1, 0x000d_0000, 0x000e_0000);
        image.commands.push([words(&[LC_UUID, 24]), vec![7; 16]].concat());
        image
    }

    /// The same with segments only.
    pub fn bare(arch: (u32, u32)) -> Image {
        Image {
            is64: arch.0 & 0x0100_0000 != 0,
            arch,
            kind: DYLIB,
            flags: 0x85,
            commands: Vec::new(),
            data: Vec::new(),
            sections: Vec::new(),
            linkedit: vec![0; 8],
            data_prot: 3,
        }
    }

    pub fn dylib(&mut self, cmd: u32, name: &str) -> &mut Image {
        self.commands.push(string_command(cmd, &[2, 0x0001_0203, 0x0001_0000], name));
        self
    }

    pub fn rpath(&mut self, path: &str) -> &mut Image {
        self.commands.push(string_command(LC_RPATH, &[], path));
        self
    }

    pub fn platform(&mut self, platform: u32, minos: u32, sdk: u32) -> &mut Image {
        self.commands.push(words(&[0x32, 24, platform, minos, sdk, 0]));
        self
    }

    /// Puts bytes into `__LINKEDIT` and says where they are.
    pub fn blob(&mut self, bytes: &[u8]) -> (u32, u32) {
        let at = LINKEDIT_AT as usize + self.linkedit.len();
        self.linkedit.extend(bytes);
        self.linkedit.resize(self.linkedit.len().next_multiple_of(8), 0);
        if bytes.is_empty() { (0, 0) } else { (at as u32, bytes.len() as u32) }
    }

    /// A command that names one table.
    pub fn table(&mut self, cmd: u32, bytes: &[u8]) -> &mut Image {
        let (at, size) = self.blob(bytes);
        self.commands.push(words(&[cmd, 16, at, size]));
        self
    }

    /// LC_DYLD_INFO_ONLY with the streams bind, weak bind, lazy bind and the export trie.
    pub fn info(&mut self, bind: &[u8], weak: &[u8], lazy: &[u8], trie: &[u8]) -> &mut Image {
        let mut fields = vec![LC_DYLD_INFO_ONLY, 48, 0, 0];
        for bytes in [bind, weak, lazy, trie] {
            let (at, size) = self.blob(bytes);
            fields.extend([at, size]);
        }
        self.commands.push(words(&fields));
        self
    }

    /// The bytes of the file.
    pub fn build(&self) -> Vec<u8> {
        let linkedit = (self.linkedit.len() as u64).next_multiple_of(0x4000);
        let segments = [
            self.segment("__TEXT", 0, 0x4000, 0, 0x4000, 5, &[]),
            self.segment("__DATA", DATA_AT, 0x4000, DATA_AT, 0x4000, self.data_prot, &self.sections),
            self.segment(
                "__LINKEDIT",
                LINKEDIT_AT,
                linkedit,
                LINKEDIT_AT,
                self.linkedit.len() as u64,
                1,
                &[],
            ),
        ];
        let commands: Vec<&Vec<u8>> = segments.iter().chain(&self.commands).collect();
        let size: usize = commands.iter().map(|c| c.len()).sum();
        let magic = if self.is64 { 0xfeed_facf } else { 0xfeed_face };
        let mut out = words(&[
            magic,
            self.arch.0,
            self.arch.1,
            self.kind,
            commands.len() as u32,
            size as u32,
            self.flags,
        ]);
        if self.is64 {
            out.extend([0; 4]);
        }
        out.extend(commands.into_iter().flatten());
        assert!(out.len() <= 0x4000 || self.kind == 0, "load commands fit in a page of 16 KiB");
        out.resize(out.len().max(0x4000), 0);
        out.extend(&self.data);
        out.resize(out.len().max(LINKEDIT_AT as usize), 0);
        out.extend(&self.linkedit);
        out
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a segment command")]
    fn segment(
        &self,
        name: &str,
        vmaddr: u64,
        vmsize: u64,
        fileoff: u64,
        filesize: u64,
        prot: u32,
        sections: &[Section],
    ) -> Vec<u8> {
        let word = |v: u64| if self.is64 { v.to_le_bytes().to_vec() } else { words(&[v as u32]) };
        let (cmd, head, each) = if self.is64 { (LC_SEGMENT_64, 72, 80) } else { (1, 56, 68) };
        let mut out = words(&[cmd, (head + each * sections.len()) as u32]);
        out.extend(name16(name));
        out.extend([vmaddr, vmsize, fileoff, filesize].into_iter().flat_map(word));
        out.extend(words(&[7, prot, sections.len() as u32, 0]));
        for s in sections {
            out.extend(name16(s.name));
            out.extend(name16(name));
            out.extend([s.addr, s.size].into_iter().flat_map(word));
            let offset = (s.addr - vmaddr + fileoff) as u32;
            out.extend(words(&[offset, 0, 0, 0, s.flags, s.reserved1, s.reserved2]));
            if self.is64 {
                out.extend([0; 4]);
            }
        }
        out
    }

    /// The bytes with a signature behind everything else, made with these hash types (1, 2, 3, 4 as in CodeDirectories).
    pub fn signed(&self, hash_types: &[u8], page_log2: u8) -> Vec<u8> {
        let mut image = self.clone();
        image.linkedit.resize(image.linkedit.len().next_multiple_of(16), 0);
        let limit = LINKEDIT_AT + image.linkedit.len() as u64;
        let empty = signature(&vec![0; limit as usize], hash_types, page_log2);
        image.table(LC_CODE_SIGNATURE, &empty);
        let mut bytes = image.build();
        let made = signature(&bytes[..limit as usize], hash_types, page_log2);
        bytes[limit as usize..limit as usize + made.len()].copy_from_slice(&made);
        bytes
    }
}

/// A super blob with one CodeDirectory (version 0x20400, ad-hoc) for each hash type.
pub fn signature(code: &[u8], hash_types: &[u8], page_log2: u8) -> Vec<u8> {
    let directories: Vec<Vec<u8>> =
        hash_types.iter().map(|kind| code_directory(code, *kind, page_log2, 0x2_0400)).collect();
    super_blob(&directories)
}

/// Blobs under the slots of a CodeDirectory and its alternates.
pub fn super_blob(blobs: &[Vec<u8>]) -> Vec<u8> {
    let big = |values: &[u32]| values.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
    let head = 12 + 8 * blobs.len();
    let length = head + blobs.iter().map(Vec::len).sum::<usize>();
    let mut out = big(&[0xfade_0cc0, length as u32, blobs.len() as u32]);
    let mut at = head;
    for (index, blob) in blobs.iter().enumerate() {
        let slot = if index == 0 { 0 } else { 0x1000 + index as u32 - 1 };
        out.extend(big(&[slot, at as u32]));
        at += blob.len();
    }
    out.extend(blobs.iter().flatten());
    out
}

/// One CodeDirectory over `code`.
pub fn code_directory(code: &[u8], kind: u8, page_log2: u8, version: u32) -> Vec<u8> {
    let digest = |page: &[u8]| match kind {
        1 => sha1::Sha1::digest(page).to_vec(),
        2 => sha2::Sha256::digest(page).to_vec(),
        3 => sha2::Sha256::digest(page)[..20].to_vec(),
        _ => sha2::Sha384::digest(page).to_vec(),
    };
    let page = if page_log2 == 0 { code.len().max(1) } else { 1 << page_log2 };
    let hashes: Vec<Vec<u8>> = code.chunks(page).map(digest).collect();
    let size = hashes.first().map_or(20, Vec::len);
    let ident = b"test\0";
    let head = 88;
    let hash_at = head + ident.len();
    let length = hash_at + hashes.len() * size;
    let mut out = Vec::new();
    for v in [0xfade_0c02, length as u32, version, 2, hash_at as u32, head as u32, 0, hashes.len() as u32] {
        out.extend(u32::to_be_bytes(v));
    }
    out.extend((code.len() as u32).to_be_bytes());
    out.extend([size as u8, kind, 0, page_log2]);
    // spare2, scatter, team, spare3, then 64-bit limit and executable segment.
    out.extend([0; 16]);
    out.extend([0; 8]);
    out.extend([0; 24]);
    assert_eq!(out.len(), head);
    out.extend(ident);
    out.extend(hashes.into_iter().flatten());
    out
}

/// The slices one after the other behind a fat header; each starts at a multiple of 16 KiB.
pub fn fat(slices: &[((u32, u32), &[u8])], is64: bool) -> Vec<u8> {
    let big = |out: &mut Vec<u8>, values: &[u32]| values.iter().for_each(|v| out.extend(v.to_be_bytes()));
    let mut out = Vec::new();
    big(&mut out, &[if is64 { 0xcafe_babf } else { 0xcafe_babe }, slices.len() as u32]);
    let mut at = 0x4000u64;
    for ((cpu, sub), bytes) in slices {
        big(&mut out, &[*cpu, *sub]);
        if is64 {
            out.extend(at.to_be_bytes());
            out.extend((bytes.len() as u64).to_be_bytes());
            big(&mut out, &[14, 0]);
        } else {
            big(&mut out, &[at as u32, bytes.len() as u32, 14]);
        }
        at = (at + bytes.len() as u64).next_multiple_of(0x4000);
    }
    for (_, bytes) in slices {
        out.resize(out.len().next_multiple_of(0x4000), 0);
        out.extend(*bytes);
    }
    out
}

/// An unsigned LEB128 number.
pub fn uleb(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        out.push(if value == 0 { byte } else { byte | 0x80 });
        if value == 0 {
            return out;
        }
    }
}

/// A regular export's payload.
pub fn regular(offset: u64) -> Vec<u8> {
    [vec![0], uleb(offset)].concat()
}

/// An export trie of these names and payloads; nodes are shared by common prefixes of whole names only.
pub fn trie(exports: &[(&str, Vec<u8>)]) -> Vec<u8> {
    #[derive(Default)]
    struct Node {
        payload: Vec<u8>,
        children: Vec<(Vec<u8>, Node)>,
    }
    fn insert(node: &mut Node, name: &[u8], payload: &[u8]) {
        let Some((first, rest)) = name.split_first() else {
            node.payload = payload.to_vec();
            return;
        };
        let index = node.children.iter().position(|(edge, _)| edge[0] == *first).unwrap_or_else(|| {
            node.children.push((vec![*first], Node::default()));
            node.children.len() - 1
        });
        insert(&mut node.children[index].1, rest, payload);
    }
    // Child offsets take three bytes each, so that the size of a node is known before its place.
    fn emit(node: &Node, out: &mut Vec<u8>) {
        out.extend(uleb(node.payload.len() as u64));
        out.extend(&node.payload);
        out.push(node.children.len() as u8);
        let mut holes = Vec::new();
        for (edge, _) in &node.children {
            out.extend(edge);
            out.push(0);
            holes.push(out.len());
            out.extend([0; 3]);
        }
        for ((_, child), hole) in node.children.iter().zip(holes) {
            let at = out.len();
            out[hole] = (at & 0x7f) as u8 | 0x80;
            out[hole + 1] = (at >> 7 & 0x7f) as u8 | 0x80;
            out[hole + 2] = (at >> 14) as u8;
            emit(child, out);
        }
    }
    let mut root = Node::default();
    for (name, payload) in exports {
        insert(&mut root, name.as_bytes(), payload);
    }
    let mut out = Vec::new();
    emit(&root, &mut out);
    out
}

/// LC_DYLD_CHAINED_FIXUPS of format 1 imports `(ordinal, weak, name)`, with the starts of one segment.
pub fn chained(imports: &[(u8, bool, &str)], segment: u32, segments: u32, starts: &[u8]) -> Vec<u8> {
    let image_starts = 4 + 4 * segments as usize;
    let starts_at = 32;
    let imports_at = (starts_at + image_starts + starts.len()).next_multiple_of(4);
    let symbols_at = imports_at + 4 * imports.len();
    let mut out =
        words(&[0, starts_at as u32, imports_at as u32, symbols_at as u32, imports.len() as u32, 1, 0, 0]);
    out.extend(words(&[segments]));
    for index in 0..segments {
        let at = if index == segment && !starts.is_empty() { image_starts as u32 } else { 0 };
        out.extend(words(&[at]));
    }
    out.extend(starts);
    out.resize(imports_at, 0);
    let mut names = vec![0u8];
    for (ordinal, weak, name) in imports {
        let word = u32::from(*ordinal) | u32::from(*weak) << 8 | (names.len() as u32) << 9;
        out.extend(word.to_le_bytes());
        names.extend(name.as_bytes());
        names.push(0);
    }
    out.extend(names);
    out
}

/// `dyld_chained_starts_in_segment` for `__DATA`.
pub fn starts(format: u16, page_size: u16, page_starts: &[u16], pages: u16) -> Vec<u8> {
    let size = 22 + 2 * page_starts.len();
    let mut out = words(&[size as u32]);
    out.extend(page_size.to_le_bytes());
    out.extend(format.to_le_bytes());
    out.extend(DATA_AT.to_le_bytes());
    out.extend(words(&[0]));
    out.extend(pages.to_le_bytes());
    out.extend(page_starts.iter().flat_map(|s| s.to_le_bytes()));
    out
}
