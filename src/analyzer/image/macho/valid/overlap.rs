//! The first pair of segments that share addresses, bytes or a name, as dyld's loop over all pairs would find it.
//! It must never compare all pairs: a header can hold 60,000 segments.
//! Follows dyld mach_o/UnsafeHeader.cpp: Interval::overlaps, validSemanticsSegments.

use std::collections::HashSet;

use super::super::facts::Segment;
use super::Objection;

/// An interval of dyld: an empty one overlaps what it lies inside of.
#[derive(Clone, Copy)]
struct Interval {
    start: u64,
    end: u64,
}

impl Interval {
    fn of(start: u64, size: u64) -> Interval {
        Interval { start, end: start.wrapping_add(size) }
    }

    fn overlaps(self, other: Interval) -> bool {
        other.start < self.end && other.end > self.start
    }
}

/// Intervals by their starts, each with the two largest ends up to there.
struct Sorted {
    starts: Vec<u64>,
    ends: Vec<[Option<(u64, usize)>; 2]>,
}

impl Sorted {
    fn new(intervals: &[Interval]) -> Sorted {
        let mut order: Vec<(usize, Interval)> = intervals.iter().copied().enumerate().collect();
        order.sort_by_key(|(_, interval)| interval.start);
        let mut best: [Option<(u64, usize)>; 2] = [None, None];
        let mut ends = Vec::with_capacity(order.len());
        for (index, interval) in &order {
            let new = Some((interval.end, *index));
            let [first, second] = best;
            best = if new > first { [new, first] } else { [first, second.max(new)] };
            ends.push(best);
        }
        Sorted { starts: order.iter().map(|(_, interval)| interval.start).collect(), ends }
    }

    /// Whether any other interval overlaps the one with that number.
    fn meets(&self, index: usize, interval: Interval) -> bool {
        let before = self.starts.partition_point(|start| *start < interval.end);
        let Some([first, second]) = before.checked_sub(1).and_then(|last| self.ends.get(last)) else {
            return false;
        };
        let other = if first.is_some_and(|(_, i)| i == index) { second } else { first };
        other.is_some_and(|(end, _)| end > interval.start)
    }
}

/// The objection to the first pair. Files are not compared for what lies in the shared cache; names only if one says so.
pub(super) fn first_pair<'h>(segments: &[Segment<'h>], files: bool, names: bool) -> Option<Objection<'h>> {
    let vm: Vec<Interval> = segments.iter().map(|s| Interval::of(s.vmaddr, s.vmsize)).collect();
    let file: Vec<Interval> = segments.iter().map(|s| Interval::of(s.fileoff, s.filesize)).collect();
    let (sorted_vm, sorted_file) = (Sorted::new(&vm), Sorted::new(&file));
    let mut seen = HashSet::new();
    let repeated: HashSet<&[u8]> =
        segments.iter().map(|s| s.name).filter(|name| !seen.insert(*name)).collect();
    for (i, (a, (a_vm, a_file))) in segments.iter().zip(vm.iter().zip(&file)).enumerate() {
        let meets = sorted_vm.meets(i, *a_vm)
            || (files && sorted_file.meets(i, *a_file))
            || (names && repeated.contains(a.name));
        if !meets {
            continue;
        }
        for (j, (b, (b_vm, b_file))) in segments.iter().zip(vm.iter().zip(&file)).enumerate() {
            let overlap = |what| Objection::SegmentOverlap { what, first: a.name, second: b.name };
            if i == j {
                continue;
            }
            if a_vm.overlaps(*b_vm) {
                return Some(overlap("vm"));
            }
            if files && a_file.overlaps(*b_file) {
                return Some(overlap("file"));
            }
            if names && a.name == b.name {
                return Some(Objection::Segment {
                    before: "duplicate segment name ",
                    name: a.name,
                    after: "",
                });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(name: &'static [u8], vm: (u64, u64), file: (u64, u64)) -> Segment<'static> {
        Segment {
            name,
            vmaddr: vm.0,
            vmsize: vm.1,
            fileoff: file.0,
            filesize: file.1,
            initprot: 1,
            maxprot: 1,
            flags: 0,
            sections: Vec::new(),
        }
    }

    /// dyld's own loop.
    fn slow(segments: &[Segment<'static>]) -> Option<Objection<'static>> {
        let vm = |s: &Segment<'_>| Interval::of(s.vmaddr, s.vmsize);
        let file = |s: &Segment<'_>| Interval::of(s.fileoff, s.filesize);
        for (i, a) in segments.iter().enumerate() {
            for (_, b) in segments.iter().enumerate().filter(|(j, _)| *j != i) {
                if vm(a).overlaps(vm(b)) {
                    return Some(Objection::SegmentOverlap { what: "vm", first: a.name, second: b.name });
                }
                if file(a).overlaps(file(b)) {
                    return Some(Objection::SegmentOverlap { what: "file", first: a.name, second: b.name });
                }
                if a.name == b.name {
                    return Some(Objection::Segment {
                        before: "duplicate segment name ",
                        name: a.name,
                        after: "",
                    });
                }
            }
        }
        None
    }

    #[test]
    fn the_same_pair_as_the_loop_over_all() {
        let names: [&[u8]; 8] = [b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"a"];
        let mut state = 1u64;
        let mut number = |end: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % end
        };
        let (mut clean, mut dirty) = (0, 0);
        for _ in 0..20_000 {
            let count = number(6) as usize + 1;
            let segments: Vec<Segment<'static>> = (0..count)
                .map(|i| {
                    let vm = (number(40), number(5));
                    let file = (number(60), number(4));
                    let name = if number(8) == 0 { names[number(8) as usize] } else { names[i] };
                    segment(name, vm, file)
                })
                .collect();
            let expected = slow(&segments);
            *(if expected.is_some() { &mut dirty } else { &mut clean }) += 1;
            assert_eq!(first_pair(&segments, true, true), expected);
        }
        assert!(clean > 1000 && dirty > 1000, "{clean} {dirty}");
    }

    #[test]
    fn wrapping_ends_are_compared_as_they_are() {
        let all = [segment(b"a", (u64::MAX - 1, 2), (0, 0)), segment(b"b", (0, 8), (0, 0))];
        assert_eq!(first_pair(&all, true, true), slow(&all));
    }
}
