//! Which bytes of a file a prediction can rest on: tables, notes, start-up code and resolvers, but not the program in it.
//! It must never leave out what `elf::read` or a look-up could ask for; of a file that is out of the ordinary it keeps everything.
//! What it follows is the rest of this directory; whoever stores a footprint compares the verdicts.

use std::ops::Range;

use super::constructors;
use super::elf::{ElfFacts, Image};
use super::header;
use super::resolver;
use super::symbols::{Hash, STT_GNU_IFUNC};

/// Everything in front: header, program headers as they are usually placed, and what tells the kind of a file.
const HEAD: u64 = 4096;
/// Gaps up to this size are not worth a range of their own.
const GAP: usize = 64;

/// The ranges of `bytes`, sorted and apart; none if all of the file has to be kept.
pub fn of(bytes: &[u8], image: &Image<'_>) -> Option<Vec<Range<usize>>> {
    let mut out = Ranges { size: bytes.len(), list: Vec::new() };
    out.file(0, HEAD);
    match image {
        // A refusal rests on the headers; a foreign file is told from them, too.
        Image::Refused(_) => headers(bytes, &mut out)?,
        Image::Mapped(facts) => {
            headers(bytes, &mut out)?;
            mapped(facts, &mut out)?;
        }
    }
    merge(&mut out.list);
    Some(out.list)
}

/// Ranges of one file.
struct Ranges {
    size: usize,
    list: Vec<Range<usize>>,
}

impl Ranges {
    fn file(&mut self, start: u64, len: u64) {
        let cut = |v: u64| usize::try_from(v).unwrap_or(usize::MAX).min(self.size);
        let (start, end) = (cut(start), cut(start.saturating_add(len)));
        if start < end {
            self.list.push(start..end);
        }
    }

    /// `len` bytes of memory, as far as they come from the file in one piece.
    fn memory(&mut self, facts: &ElfFacts<'_>, at: u64, len: u64) {
        if let Some((offset, available)) = facts.vm.offset(facts.vm.format.wrap(at)) {
            self.file(offset, len.min(available));
        }
    }
}

/// Sorts ranges and joins those that touch, or nearly.
pub fn merge(list: &mut Vec<Range<usize>>) {
    list.sort_unstable_by_key(|r| (r.start, r.end));
    let mut out: Vec<Range<usize>> = Vec::with_capacity(list.len());
    for r in list.drain(..) {
        match out.last_mut() {
            Some(last) if r.start <= last.end.saturating_add(GAP) => last.end = last.end.max(r.end),
            _ => out.push(r),
        }
    }
    *list = out;
}

/// Program headers, wherever they are, and the segments that are read from the file or as notes.
fn headers(bytes: &[u8], out: &mut Ranges) -> Option<()> {
    let (format, _, _) = header::peek(bytes)?;
    let phoff = format.addr(bytes, if format.is64 { 32 } else { 28 }).unwrap_or(0);
    let count = format.u16(bytes, if format.is64 { 56 } else { 44 }).unwrap_or(0);
    out.file(phoff, u64::from(count) * if format.is64 { 56 } else { 32 });
    for s in header::program_headers(bytes, format, phoff, count).unwrap_or_default() {
        // PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_GNU_PROPERTY.
        if matches!(s.kind, 2..=4 | 0x6474_e553) {
            out.file(s.offset, s.filesz);
        }
    }
    Some(())
}

fn mapped(facts: &ElfFacts<'_>, out: &mut Ranges) -> Option<()> {
    let (d, f) = (&facts.dynamic, facts.vm.format);
    if !facts.traits.regular || facts.relocs.fatal.is_some() {
        return None;
    }
    for s in facts.header.segments.iter().filter(|s| matches!(s.kind, 2 | 4 | 0x6474_e553)) {
        out.memory(facts, s.vaddr, s.memsz);
    }
    for (at, size) in [d.init_array, d.preinit_array] {
        out.memory(facts, at.unwrap_or(0), size.unwrap_or(0));
    }
    for (at, len) in constructors::looked_at(&facts.vm, d, &facts.relocs) {
        out.memory(facts, at, len);
    }
    let count = hash_table(facts, out)?.max(relocations(facts, out)?);
    let entry = if f.is64 { 24 } else { 16 };
    out.memory(facts, d.symtab.unwrap_or(0), u64::from(count) * entry);
    out.memory(facts, d.versym.unwrap_or(0), u64::from(count) * 2);
    out.memory(facts, d.strtab.unwrap_or(0), string_size(facts)?);
    versions(facts, out)?;
    for index in 0..count {
        let symbol = facts.symbols.symbol(&facts.vm, index).ok()?;
        if symbol.kind() == STT_GNU_IFUNC && symbol.shndx != 0 {
            for (at, len) in resolver::looked_at(&facts.vm, &symbol) {
                out.memory(facts, at, len);
            }
        }
    }
    Some(())
}

/// DT_STRSZ, which no loader looks at.
fn string_size(facts: &ElfFacts<'_>) -> Option<u64> {
    let dynamic = facts.header.segments.iter().rev().find(|s| s.kind == 2)?;
    let (vm, word) = (&facts.vm, facts.vm.format.word());
    let mut at = dynamic.vaddr;
    for _ in 0..dynamic.memsz / (2 * word) {
        match vm.addr(at).ok()? {
            0 => break,
            10 => return vm.addr(at.wrapping_add(word)).ok(),
            _ => at = at.wrapping_add(2 * word),
        }
    }
    // Without names nothing is asked for.
    facts.dynamic.strtab.is_none().then_some(0)
}

/// The hash table in force; one more than the highest symbol it leads to.
fn hash_table(facts: &ElfFacts<'_>, out: &mut Ranges) -> Option<u32> {
    let (vm, d, f) = (&facts.vm, &facts.dynamic, facts.vm.format);
    out.memory(facts, d.gnu_hash.or(d.hash).unwrap_or(0), 16);
    match facts.symbols.hash {
        Hash::None => Some(0),
        Hash::Gnu { buckets, mask, bloom_at, buckets_at, chain_zero, .. } => {
            out.memory(facts, bloom_at, (u64::from(mask) + 1) * f.word());
            out.memory(facts, buckets_at, 4 * u64::from(buckets));
            let heads = vm.window(buckets_at)?.get(..usize::try_from(buckets).ok()?.checked_mul(4)?)?;
            let values = || heads.chunks_exact(4).filter_map(|b| f.u32(b, 0)).filter(|v| *v != 0);
            let (Some(first), Some(last)) = (values().min(), values().max()) else { return Some(0) };
            let tail = vm.window(f.wrap(chain_zero.wrapping_add(4 * u64::from(last))))?;
            let end = tail.chunks_exact(4).position(|c| f.u32(c, 0).is_none_or(|v| v & 1 != 0))?;
            let count = last.checked_add(u32::try_from(end).ok()?)?.checked_add(1)?;
            let chain = chain_zero.wrapping_add(4 * u64::from(first));
            out.memory(facts, chain, 4 * u64::from(count - first));
            Some(count)
        }
        Hash::Sysv { buckets, .. } => {
            let at = d.hash?;
            let count = vm.u32(at.wrapping_add(4)).ok()?;
            out.memory(facts, at, 8 + 4 * (u64::from(buckets) + u64::from(count)));
            Some(count)
        }
    }
}

/// The relocation tables; one more than the highest symbol they refer to.
fn relocations(facts: &ElfFacts<'_>, out: &mut Ranges) -> Option<u32> {
    let (d, f) = (&facts.dynamic, facts.vm.format);
    out.memory(facts, d.relr.0.unwrap_or(0), d.relr.1.unwrap_or(0));
    let tables = [
        (d.rela.0, d.rela.1, true),
        (d.rel.0, d.rel.1, false),
        (d.jmprel.0, d.jmprel.1, d.jmprel.2 == Some(7)),
    ];
    let word = usize::try_from(f.word()).ok()?;
    let mut count = 0;
    for (at, size, with_addend) in tables {
        let (Some(at), Some(size)) = (at, size) else { continue };
        out.memory(facts, at, size);
        let window = facts.vm.window(f.wrap(at)).unwrap_or_default();
        let table = window.get(..usize::try_from(size).ok()?)?;
        for record in table.chunks_exact(word * if with_addend { 3 } else { 2 }) {
            let info = f.addr(record, word)?;
            let (symbol, kind) = if f.is64 {
                (u32::try_from(info >> 32).ok()?, info & 0xffff_ffff)
            } else {
                (u32::try_from(info >> 8).ok()?, info & 0xff)
            };
            count = count.max(symbol.checked_add(1)?);
            // R_386_IRELATIVE, R_ARM_IRELATIVE: the resolver's address stands where the value goes.
            if !with_addend && matches!((facts.header.machine, kind), (3, 42) | (40, 160)) {
                out.memory(facts, f.addr(record, 0)?, f.word());
            }
        }
    }
    Some(count)
}

/// The records of both version chains.
fn versions(facts: &ElfFacts<'_>, out: &mut Ranges) -> Option<()> {
    let (vm, d, f) = (&facts.vm, &facts.dynamic, facts.vm.format);
    let next = |at: u64, field: u64| -> Option<Option<u64>> {
        let step = u64::from(vm.u32(at.wrapping_add(field)).ok()?);
        Some((step != 0).then(|| f.wrap(at.wrapping_add(step))))
    };
    let mut record = d.verdef.filter(|_| !facts.versions.definitions.is_empty());
    for _ in &facts.versions.definitions {
        let Some(at) = record else { break };
        let names = u64::from(vm.u16(at.wrapping_add(6)).ok()?);
        out.memory(facts, at, 20);
        out.memory(facts, at.wrapping_add(u64::from(vm.u32(at.wrapping_add(12)).ok()?)), 8 * names.max(1));
        record = next(at, 16)?;
    }
    let mut left = facts.versions.needs.len();
    let mut file = d.verneed.filter(|_| left > 0);
    while let Some(at) = file {
        out.memory(facts, at, 16);
        let mut version = next(at, 8)?;
        while let Some(aux) = version {
            left = left.checked_sub(1)?;
            out.memory(facts, aux, 16);
            version = next(aux, 12)?;
        }
        file = next(at, 12)?;
    }
    Some(())
}
