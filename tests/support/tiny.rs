//! Shared libraries of a few hundred bytes, written field by field: enough for a loader, and nothing is compiled.
//! It exists to make very many files, or files that claim what they do not hold; it checks nothing.

/// One library to be.
#[derive(Clone, Debug, Default)]
pub struct Tiny {
    /// DT_SONAME.
    pub soname: Option<String>,
    /// DT_NEEDED, in order.
    pub needs: Vec<String>,
    /// DT_RUNPATH.
    pub runpath: Option<String>,
    /// DT_RPATH.
    pub rpath: Option<String>,
    /// Further dynamic entries, tag and value.
    pub entries: Vec<(u64, u64)>,
    /// Bytes behind everything else, mapped; they begin at [`Tiny::EXTRA`].
    pub extra: Vec<u8>,
}

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const HEADERS: usize = HEADER + 3 * PROGRAM_HEADER;
/// Where `Tiny::extra` lies, in the file and in memory.
pub const EXTRA: u64 = 0x10_0000;

impl Tiny {
    /// A library that needs others, which lie beside it.
    pub fn needing(soname: &str, needs: impl IntoIterator<Item = String>) -> Tiny {
        Tiny {
            soname: Some(soname.to_owned()),
            needs: needs.into_iter().collect(),
            runpath: Some("$ORIGIN".to_owned()),
            ..Tiny::default()
        }
    }

    /// Its bytes: x86-64, one readable and writable segment, an empty symbol table.
    pub fn bytes(&self) -> Vec<u8> {
        let mut strings = vec![0u8];
        let mut string = |text: &str| {
            let at = strings.len() as u64;
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
            at
        };
        let mut dynamic: Vec<(u64, u64)> = self.needs.iter().map(|n| (1, string(n))).collect();
        dynamic.extend(self.soname.as_deref().map(|s| (14, string(s))));
        dynamic.extend(self.runpath.as_deref().map(|s| (29, string(s))));
        dynamic.extend(self.rpath.as_deref().map(|s| (15, string(s))));
        // Behind the headers: symbol 0, a hash table without buckets' contents, strings, then the dynamic section.
        let symbols = HEADERS as u64;
        let hash = symbols + 24;
        let table = hash + 16;
        let at = (table + strings.len() as u64).next_multiple_of(8);
        dynamic.extend([(5, table), (10, strings.len() as u64), (11, 24)]);
        if !self.entries.iter().any(|(tag, _)| *tag == 6) {
            dynamic.push((6, symbols));
        }
        if !self.entries.iter().any(|(tag, _)| matches!(*tag, 4 | 0x6fff_fef5)) {
            dynamic.push((4, hash));
        }
        dynamic.extend(&self.entries);
        dynamic.push((0, 0));
        let size = dynamic.len() as u64 * 16;
        let end = if self.extra.is_empty() { at + size } else { EXTRA + self.extra.len() as u64 };
        assert!(self.extra.is_empty() || at + size <= EXTRA, "the tables fit below what follows");

        let mut out = Vec::with_capacity(end as usize);
        out.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        half(&mut out, &[3, 62]);
        word(&mut out, &[1]);
        long(&mut out, &[0, HEADER as u64, 0]);
        word(&mut out, &[0]);
        half(&mut out, &[HEADER as u16, PROGRAM_HEADER as u16, 3, 64, 0, 0]);
        for (kind, flags, start, length) in [(1, 6, 0, end), (2, 6, at, size), (0x6474_e551, 6, 0, 0)] {
            word(&mut out, &[kind, flags]);
            long(&mut out, &[start, start, start, length, length, if kind == 1 { 0x1000 } else { 8 }]);
        }
        out.resize(hash as usize, 0);
        word(&mut out, &[1, 1, 0, 0]);
        out.extend_from_slice(&strings);
        out.resize(at as usize, 0);
        for (tag, value) in dynamic {
            long(&mut out, &[tag, value]);
        }
        out.resize(end as usize - self.extra.len(), 0);
        out.extend_from_slice(&self.extra);
        out
    }
}

fn half(out: &mut Vec<u8>, values: &[u16]) {
    out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
}

fn word(out: &mut Vec<u8>, values: &[u32]) {
    out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
}

fn long(out: &mut Vec<u8>, values: &[u64]) {
    out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
}
