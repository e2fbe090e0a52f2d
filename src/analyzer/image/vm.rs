//! The memory a mapped object would occupy: which address holds which byte of the file, zeros, or a fault.
//! It never reads outside the slice it was given; every access says what the kernel would do instead.
//! Follows glibc elf/dl-map-segments.h and what Linux does beyond the end of a mapped file.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::fmt::Format;
use super::limits;

/// Memory protection: read.
pub const R: u8 = 4;
/// Memory protection: write.
pub const W: u8 = 2;
/// Memory protection: execute.
pub const X: u8 = 1;

/// What an access at an address does when it does not succeed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FaultKind {
    /// SIGSEGV: nothing mapped there, or the protection forbids it.
    Segv,
    /// SIGBUS: a mapped page beyond the end of the file.
    Bus,
    /// Outside the object but near it: other objects of the process lie there.
    Unknown,
    /// More work than the limits allow.
    Limit,
}

/// A failed access.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// Link-time address of the access.
    pub addr: u64,
}

/// Where the bytes of an area come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// File contents from this offset, all of it inside the file.
    File(u64),
    /// Zeros (bss, the rest of a page).
    Zero,
    /// File pages that do not exist.
    PastEnd,
    /// What the loader itself has written over: values of the dynamic section.
    Changed,
}

/// A run of addresses with one protection and one source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Area {
    /// First address.
    pub start: u64,
    /// First address behind it.
    pub end: u64,
    /// `R | W | X`.
    pub prot: u8,
    /// Where the bytes come from.
    pub source: Source,
}

/// How far outside an object other objects of the process may lie.
pub const NEIGHBOURHOOD: u64 = 64 << 20;

/// An object as mapped.
#[derive(Clone, Debug, Default)]
pub struct Vm<'h> {
    bytes: &'h [u8],
    areas: Vec<Area>,
    /// Byte order and class.
    pub format: Format,
    low: u64,
    high: u64,
}

impl Default for Format {
    fn default() -> Self {
        Format { is64: true, big: false }
    }
}

/// Collects areas; a later one replaces what it covers.
pub struct Builder<'h> {
    bytes: &'h [u8],
    /// Of the file, which may go on behind `bytes`.
    size: u64,
    page: u64,
    format: Format,
    areas: BTreeMap<u64, Area>,
}

impl<'h> Builder<'h> {
    /// An empty address space over the bytes of one file.
    pub fn new(bytes: &'h [u8], page: u64, format: Format) -> Self {
        Builder { bytes, size: bytes.len() as u64, page, format, areas: BTreeMap::new() }
    }

    /// Says how long the file is of which `bytes` is the beginning.
    #[must_use]
    pub fn of_size(self, size: u64) -> Self {
        Builder { size, ..self }
    }

    /// Whether the object is of the 64-bit class.
    pub fn is64(&self) -> bool {
        self.format.is64
    }

    /// Maps `len` bytes of the file from `offset` at `start` (both multiples of the page size).
    pub fn map_file(&mut self, start: u64, end: u64, prot: u8, offset: u64) {
        let len = end.saturating_sub(start);
        let in_file = self.size.saturating_sub(offset).min(len);
        let paged = in_file.checked_next_multiple_of(self.page).unwrap_or(len).min(len);
        let (at_file, at_page) = (start.saturating_add(in_file), start.saturating_add(paged));
        self.put(Area { start, end: at_file, prot, source: Source::File(offset) });
        self.put(Area { start: at_file, end: at_page, prot, source: Source::Zero });
        self.put(Area { start: at_page, end, prot, source: Source::PastEnd });
    }

    /// Maps zeros.
    pub fn map_zero(&mut self, start: u64, end: u64, prot: u8) {
        self.put(Area { start, end, prot, source: Source::Zero });
    }

    /// Overwrites mapped bytes by zeros without changing protections.
    pub fn clear(&mut self, start: u64, end: u64) {
        let covered: Vec<Area> = self.within(start, end);
        for a in covered {
            let (s, e) = (a.start.max(start), a.end.min(end));
            self.put(Area { start: s, end: e, prot: a.prot, source: Source::Zero });
        }
    }

    /// Changes the protection of a range.
    pub fn protect(&mut self, start: u64, end: u64, prot: u8) {
        for a in self.within(start, end) {
            let s = a.start.max(start);
            let source = match a.source {
                Source::File(o) => Source::File(o.saturating_add(s.saturating_sub(a.start))),
                other => other,
            };
            self.put(Area { start: s, end: a.end.min(end), prot, source });
        }
    }

    /// Whether a store at `addr` would fault, before the address space is finished.
    pub fn fault_at(&self, addr: u64) -> Option<FaultKind> {
        match self.areas.range(..=addr).next_back().map(|(_, a)| *a).filter(|a| addr < a.end) {
            None => Some(FaultKind::Segv),
            Some(a) if a.source == Source::PastEnd => Some(FaultKind::Bus),
            Some(_) => None,
        }
    }

    /// What a store at `addr` does, before the address space is finished.
    pub fn store_fault(&self, addr: u64) -> Option<FaultKind> {
        match self.areas.range(..=addr).next_back().map(|(_, a)| *a).filter(|a| addr < a.end) {
            Some(a) if a.prot & W == 0 => Some(FaultKind::Segv),
            _ => self.fault_at(addr),
        }
    }

    fn within(&self, start: u64, end: u64) -> Vec<Area> {
        let from = self.areas.range(..=start).next_back().map_or(start, |(k, _)| *k);
        self.areas
            .range(from..end.max(from))
            .map(|(_, a)| *a)
            .filter(|a| a.end > start && a.start < end)
            .collect()
    }

    fn put(&mut self, new: Area) {
        if new.start >= new.end {
            return;
        }
        for old in self.within(new.start, new.end) {
            self.areas.remove(&old.start);
            if old.start < new.start {
                self.areas.insert(old.start, Area { end: new.start, ..old });
            }
            if old.end > new.end {
                let source = match old.source {
                    Source::File(o) => Source::File(o.saturating_add(new.end.saturating_sub(old.start))),
                    other => other,
                };
                self.areas.insert(new.end, Area { start: new.end, source, ..old });
            }
        }
        self.areas.insert(new.start, new);
    }

    /// The finished address space of an object that reserved `[low, high)`.
    pub fn finish(self, low: u64, high: u64) -> Vm<'h> {
        Vm { bytes: self.bytes, areas: self.areas.into_values().collect(), format: self.format, low, high }
    }
}

impl<'h> Vm<'h> {
    /// All areas in address order.
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// The reserved range.
    pub fn range(&self) -> (u64, u64) {
        (self.low, self.high)
    }

    /// The area that holds `addr`.
    #[inline]
    pub fn area(&self, addr: u64) -> Option<&Area> {
        if self.areas.len() <= 8 {
            return self.areas.iter().find(|a| a.start <= addr && addr < a.end);
        }
        let i = self.areas.partition_point(|a| a.end <= addr);
        self.areas.get(i).filter(|a| a.start <= addr)
    }

    /// What an access to an unmapped `addr` does.
    pub fn unmapped(&self, addr: u64) -> Fault {
        let inside = addr >= self.low && addr < self.high;
        let below = self.format.wrap(self.low.wrapping_sub(addr));
        let above = self.format.wrap(addr.wrapping_sub(self.high));
        let near = below <= NEIGHBOURHOOD || above < NEIGHBOURHOOD;
        Fault { kind: if near && !inside { FaultKind::Unknown } else { FaultKind::Segv }, addr }
    }

    /// The bytes from `addr` to the end of its area, if they are file contents and readable.
    #[inline]
    pub fn window(&self, addr: u64) -> Option<&'h [u8]> {
        let a = self.area(addr)?;
        let Source::File(off) = a.source else { return None };
        if a.prot & (R | W) == 0 {
            return None;
        }
        let from = usize::try_from(off.checked_add(addr.checked_sub(a.start)?)?).ok()?;
        let to = usize::try_from(off.checked_add(a.end.checked_sub(a.start)?)?).ok()?;
        self.bytes.get(from..to)
    }

    /// The place of `addr` in the file and how much of it follows there, if it holds file contents.
    pub fn offset(&self, addr: u64) -> Option<(u64, u64)> {
        let a = self.area(addr)?;
        let Source::File(off) = a.source else { return None };
        Some((off.checked_add(addr.checked_sub(a.start)?)?, a.end.checked_sub(addr)?))
    }

    /// Copies `buf.len()` bytes from `addr`.
    ///
    /// # Errors
    /// The fault of the first byte that cannot be read.
    pub fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Fault> {
        let mut done = 0usize;
        while done < buf.len() {
            let here = self.format.wrap(addr.wrapping_add(done as u64));
            let a = self.area(here).ok_or_else(|| self.unmapped(here))?;
            if a.prot & (R | W) == 0 {
                return Err(unreadable(a.prot, here));
            }
            let len = usize::try_from(a.end - here).unwrap_or(usize::MAX).min(buf.len() - done);
            let Some(out) = buf.get_mut(done..done + len) else { break };
            match a.source {
                Source::PastEnd => return Err(Fault { kind: FaultKind::Bus, addr: here }),
                Source::Changed => return Err(Fault { kind: FaultKind::Unknown, addr: here }),
                Source::Zero => out.fill(0),
                Source::File(off) => {
                    let from = usize::try_from(off + (here - a.start)).unwrap_or(usize::MAX);
                    match self.bytes.get(from..from.saturating_add(len)) {
                        Some(src) => out.copy_from_slice(src),
                        None => return Err(Fault { kind: FaultKind::Bus, addr: here }),
                    }
                }
            }
            done += len;
        }
        Ok(())
    }

    /// A half word.
    ///
    /// # Errors
    /// The fault of the access.
    #[inline]
    pub fn u16(&self, addr: u64) -> Result<u16, Fault> {
        let mut b = [0; 2];
        self.read(addr, &mut b)?;
        Ok(if self.format.big { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) })
    }

    /// A word.
    ///
    /// # Errors
    /// The fault of the access.
    #[inline]
    pub fn u32(&self, addr: u64) -> Result<u32, Fault> {
        let mut b = [0; 4];
        self.read(addr, &mut b)?;
        Ok(if self.format.big { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) })
    }

    /// An address-sized value.
    ///
    /// # Errors
    /// The fault of the access.
    #[inline]
    pub fn addr(&self, addr: u64) -> Result<u64, Fault> {
        if !self.format.is64 {
            return self.u32(addr).map(u64::from);
        }
        let mut b = [0; 8];
        self.read(addr, &mut b)?;
        Ok(if self.format.big { u64::from_be_bytes(b) } else { u64::from_le_bytes(b) })
    }

    /// A NUL-terminated string, without the NUL.
    ///
    /// # Errors
    /// The fault met before the NUL, or `Limit`.
    pub fn string(&self, addr: u64) -> Result<Cow<'h, [u8]>, Fault> {
        if let Some(w) = self.window(addr) {
            let head = w.get(..limits::STRING_BYTES).unwrap_or(w);
            if let Some(n) = memchr::memchr(0, head) {
                return Ok(Cow::Borrowed(head.get(..n).unwrap_or_default()));
            }
        }
        let mut out = Vec::new();
        let mut at = addr;
        loop {
            if out.len() > limits::STRING_BYTES {
                return Err(Fault { kind: FaultKind::Limit, addr });
            }
            match self.window(at) {
                Some(w) => match w.iter().take(limits::STRING_BYTES + 1).position(|b| *b == 0) {
                    Some(n) => {
                        out.extend_from_slice(w.get(..n).unwrap_or_default());
                        return Ok(Cow::Owned(out));
                    }
                    None => {
                        out.extend_from_slice(
                            w.get(..w.len().min(limits::STRING_BYTES + 1)).unwrap_or_default(),
                        );
                        at = at.wrapping_add(w.len() as u64);
                    }
                },
                None => {
                    let mut b = [0];
                    self.read(at, &mut b)?;
                    if b == [0] {
                        return Ok(Cow::Owned(out));
                    }
                    out.extend_from_slice(&b);
                    at = at.wrapping_add(1);
                }
            }
        }
    }

    /// Checks that `len` bytes at `addr` can be written.
    ///
    /// # Errors
    /// The fault of the first byte that cannot.
    pub fn writable(&self, addr: u64, len: u64) -> Result<(), Fault> {
        self.accessible(addr, len, W)
    }

    /// Checks that `len` bytes at `addr` can be read.
    ///
    /// # Errors
    /// The fault of the first byte that cannot.
    pub fn readable(&self, addr: u64, len: u64) -> Result<(), Fault> {
        if len == 0 { Ok(()) } else { self.accessible(addr, len, R | W) }
    }

    /// Checks that code at `addr` can be fetched.
    ///
    /// # Errors
    /// The fault of the fetch.
    pub fn executable(&self, addr: u64) -> Result<(), Fault> {
        self.accessible(addr, 1, X)
    }

    fn accessible(&self, addr: u64, len: u64, need: u8) -> Result<(), Fault> {
        let mut at = addr;
        let end = addr.wrapping_add(len);
        loop {
            let a = self.area(at).ok_or_else(|| self.unmapped(at))?;
            if a.prot & need == 0 {
                let readable = need & R != 0;
                return Err(unreadable(if readable { a.prot } else { 0 }, at));
            }
            if a.source == Source::PastEnd {
                return Err(Fault { kind: FaultKind::Bus, addr: at });
            }
            if end <= a.end || end < at {
                return Ok(());
            }
            at = a.end;
        }
    }

    /// Whether every page of `[start, end)` is mapped, whatever its protection.
    pub fn all_mapped(&self, start: u64, end: u64) -> Result<(), Fault> {
        let mut at = start;
        while at < end {
            let a = self.area(at).ok_or_else(|| self.unmapped(at))?;
            at = a.end;
        }
        Ok(())
    }

    /// The same areas with the contents from `addr` on given by `bytes`, and all other contents of the file unknown.
    /// `None` if the file does not give that range as one piece.
    pub fn showing<'b>(&self, addr: u64, bytes: &'b [u8]) -> Option<Vm<'b>> {
        let end = addr.checked_add(bytes.len() as u64)?;
        let mut areas = Vec::with_capacity(self.areas.len() + 2);
        let mut found = false;
        for a in &self.areas {
            let Source::File(_) = a.source else {
                areas.push(*a);
                continue;
            };
            let unknown = Area { source: Source::Changed, ..*a };
            if a.start <= addr && end <= a.end {
                found = true;
                let parts = [
                    Area { end: addr, ..unknown },
                    Area { start: addr, end, prot: a.prot, source: Source::File(0) },
                    Area { start: end, ..unknown },
                ];
                areas.extend(parts.into_iter().filter(|part| part.start < part.end));
            } else {
                areas.push(unknown);
            }
        }
        found.then_some(Vm { bytes, areas, format: self.format, low: self.low, high: self.high })
    }

    /// The areas with the words at `slots` no longer holding what the file holds.
    pub fn with_changed(&self, slots: &[u64]) -> Vm<'h> {
        let mut b = Builder::new(self.bytes, 1, self.format);
        for a in &self.areas {
            b.areas.insert(a.start, *a);
        }
        for start in slots {
            let end = start.saturating_add(self.format.word());
            for a in b.within(*start, end) {
                let (s, e) = (a.start.max(*start), a.end.min(end));
                b.put(Area { start: s, end: e, prot: a.prot, source: Source::Changed });
            }
        }
        b.finish(self.low, self.high)
    }

    /// The areas with every protection of `[start, end)` widened by `W` (text relocations).
    pub fn with_write(&self, ranges: &[(u64, u64)]) -> Vm<'h> {
        self.with_added(ranges, W)
    }

    /// The areas with every protection of `[start, end)` widened by `prot`.
    pub fn with_added(&self, ranges: &[(u64, u64)], prot: u8) -> Vm<'h> {
        let mut b = Builder::new(self.bytes, 1, self.format);
        for a in &self.areas {
            b.areas.insert(a.start, *a);
        }
        for (start, end) in ranges {
            for a in b.within(*start, *end) {
                let (s, e) = (a.start.max(*start), a.end.min(*end));
                b.protect(s, e, a.prot | prot);
            }
        }
        b.finish(self.low, self.high)
    }
}

/// Reading a page that may only be executed: a matter of the processor (protection keys on x86) and the kernel.
fn unreadable(prot: u8, addr: u64) -> Fault {
    Fault { kind: if prot & X != 0 { FaultKind::Unknown } else { FaultKind::Segv }, addr }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm(bytes: &'static [u8]) -> Vm<'static> {
        let mut b = Builder::new(bytes, 16, Format { is64: true, big: false });
        b.map_file(0x100, 0x140, R, 0);
        b.map_zero(0x130, 0x140, R | W);
        b.finish(0x100, 0x140)
    }

    #[test]
    fn pages_beyond_the_file_are_a_bus_error_and_the_rest_of_its_last_page_is_zero() {
        let vm = vm(b"0123456789abcdefXY");
        assert_eq!(vm.string(0x110).as_deref(), Ok(b"XY".as_slice()));
        assert_eq!(vm.u16(0x120), Err(Fault { kind: FaultKind::Bus, addr: 0x120 }));
        assert_eq!(vm.u16(0x130), Ok(0));
        assert_eq!(vm.writable(0x138, 8), Ok(()));
        assert_eq!(vm.writable(0x110, 1).map_err(|f| f.kind), Err(FaultKind::Segv));
    }

    #[test]
    fn a_wild_address_is_a_segmentation_fault_and_a_near_one_is_unknown() {
        let vm = vm(b"0123456789abcdefXY");
        assert_eq!(vm.u16(0x7000_0000_0000).map_err(|f| f.kind), Err(FaultKind::Segv));
        assert_eq!(vm.u16(0x2000).map_err(|f| f.kind), Err(FaultKind::Unknown));
    }

    #[test]
    fn what_may_only_be_executed_may_or_may_not_be_read() {
        let mut b = Builder::new(b"0123456789abcdef", 16, Format { is64: true, big: false });
        b.map_file(0, 16, X, 0);
        let vm = b.finish(0, 16);
        let unknown = Err(Fault { kind: FaultKind::Unknown, addr: 4 });
        assert_eq!((vm.u16(4).map(drop), vm.readable(4, 2)), (unknown, unknown));
        assert_eq!((vm.window(4), vm.executable(4)), (None, Ok(())));
        assert_eq!(vm.writable(4, 1).map_err(|f| f.kind), Err(FaultKind::Segv));
    }

    #[test]
    fn a_string_may_run_across_areas() {
        let mut b = Builder::new(b"abcdefghijklmnop", 8, Format { is64: true, big: false });
        b.map_file(0, 8, R, 8);
        b.map_file(8, 16, R, 0);
        b.map_zero(16, 24, R);
        let vm = b.finish(0, 24);
        assert_eq!(vm.string(4).as_deref(), Ok(b"mnopabcdefgh".as_slice()));
    }
}
