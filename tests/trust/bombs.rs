//! Files that promise more than they hold, and graphs that never end: work and memory stay bounded, and the answer says why.
//! It must never wait for a clock: a hang shows as a test run that does not end.
//! Where the real loader can be asked in reasonable time, `testdata/` has the case; here it is about us.

use crate::tiny::{EXTRA, Tiny};
use crate::world::{PLACE, with_made};
use tsuku_verify::analyzer::audit::{self, Level, Library};
use tsuku_verify::analyzer::verdict::Verdict;

const HASH: u64 = 4;
const GNU_HASH: u64 = 0x6fff_fef5;
const SYMTAB: u64 = 6;
const RELA: u64 = 7;
const RELASZ: u64 = 8;
const RELAENT: u64 = 9;
const VERNEED: u64 = 0x6fff_fffe;
const VERNEEDNUM: u64 = 0x6fff_ffff;
const VERSYM: u64 = 0x6fff_fff0;

fn path(name: &str) -> Vec<u8> {
    format!("{PLACE}/{name}").into_bytes()
}

/// Judges `l0.so` among files made by `make`.
fn judged(make: impl Fn(usize) -> Option<Vec<u8>> + Sync) -> Library {
    let make = |name: &str| make(name.strip_prefix('l')?.strip_suffix(".so")?.parse().ok()?);
    with_made(Vec::new(), &make, |loaders, _| audit::one(loaders, &path("l0.so"), Level::Two))
}

fn alone(library: &Tiny) -> Library {
    let bytes = library.bytes();
    judged(move |n| (n == 0).then(|| bytes.clone()))
}

fn codes(library: &Library) -> Vec<&'static str> {
    library.judgement.findings.iter().map(|f| f.code()).collect()
}

fn words(values: impl IntoIterator<Item = u32>) -> Vec<u8> {
    values.into_iter().flat_map(u32::to_le_bytes).collect()
}

fn longs(values: impl IntoIterator<Item = u64>) -> Vec<u8> {
    values.into_iter().flat_map(u64::to_le_bytes).collect()
}

/// A reference to symbol 1, `name`, whose string lies at offset 1 of the dynamic strings.
fn referring(mut library: Tiny) -> Tiny {
    let symbol = [0, 0, 0, 1 | 0x10 << 32, 0, 0];
    let place = EXTRA + library.extra.len() as u64;
    library.extra.extend(longs(symbol));
    library.extra.extend(longs([EXTRA, 1 << 32 | 6, 0]));
    library.entries.extend([(SYMTAB, place), (RELA, place + 48), (RELASZ, 24), (RELAENT, 24)]);
    library
}

#[test]
fn claimed_counts_of_four_thousand_million_symbols() {
    for (tag, header) in [
        (HASH, vec![u32::MAX, u32::MAX, 1, 1]),
        (HASH, vec![1, u32::MAX, 1, u32::MAX]),
        (GNU_HASH, vec![u32::MAX, 1, 1, 6, 0, 0, 0, 0]),
        (GNU_HASH, vec![1, u32::MAX, 1, 6, u32::MAX, u32::MAX, u32::MAX, 1]),
        (GNU_HASH, vec![1, 1, 0x8000_0000, 6, u32::MAX, u32::MAX, 1, 1]),
        (GNU_HASH, vec![1, 1, 1, 6, u32::MAX, u32::MAX, 0xffff_fff0, 0]),
    ] {
        let mut library = Tiny { extra: words(header.clone()), ..Tiny::needing("name", []) };
        library.entries.push((tag, EXTRA));
        let library = alone(&referring(library));
        // Which of the tables' lies is met first is the loader's business; that none costs anything is ours.
        assert!(!library.judgement.findings.is_empty(), "{header:x?}: {:?}", library.judgement);
    }
}

#[test]
fn hash_chains_in_circles_hang_the_loader_and_not_us() {
    // Bucket 0 leads to symbol 1, whose chain leads to symbol 1: no symbol has the name wanted.
    let mut library = Tiny { extra: words([1, 2, 1, 0, 1, 0]), ..Tiny::needing("other", []) };
    library.entries.push((HASH, EXTRA));
    let library = alone(&referring(library));
    assert!(!codes(&library).is_empty(), "{:?}", library.judgement);
    assert!(!matches!(library.judgement.verdict, Verdict::Loads), "{:?}", library.judgement);
}

#[test]
fn version_tables_in_circles() {
    // One record after another for ever: each is its own successor (vn_next 0 ends, so two take turns).
    for count in [1, 0xffff_ffff] {
        let records = words([1 | 1 << 16, 1, 16, 32, 0, 0, 0, 0, 1 | 1 << 16, 1, 16, 32u32.wrapping_neg()]);
        let mut library = Tiny { extra: records, ..Tiny::needing("name", ["l1.so".to_owned()]) };
        library.entries.extend([(VERNEED, EXTRA), (VERNEEDNUM, count), (VERSYM, EXTRA)]);
        let (root, other) = (library.bytes(), Tiny::needing("l1.so", []).bytes());
        let library = judged(move |n| [&root, &other].get(n).map(|b| b.to_vec()));
        assert!(!codes(&library).is_empty(), "{:?}", library.judgement);
    }
}

#[test]
fn sixty_five_thousand_program_headers() {
    let mut bytes = Tiny::needing("name", []).bytes();
    let table: Vec<u8> = bytes[64..64 + 56 * 3].to_vec();
    for kind in [1u32, 2, 4, 7, 0x6474_e553] {
        let mut all = table.clone();
        let mut one = table[..56].to_vec();
        one[..4].copy_from_slice(&kind.to_le_bytes());
        for _ in 3..65_535 {
            all.extend_from_slice(&one);
        }
        let mut file = bytes.clone();
        let at = (file.len() as u64).next_multiple_of(8);
        file.resize(at as usize, 0);
        file.extend_from_slice(&all);
        file[32..40].copy_from_slice(&at.to_le_bytes());
        file[56..58].copy_from_slice(&65_535u16.to_le_bytes());
        let library = judged(move |n| (n == 0).then(|| file.clone()));
        assert!(library.judgement.level_reached <= 2, "{:?}", library.judgement);
    }
    // The same claim without the table.
    bytes[56..58].copy_from_slice(&65_535u16.to_le_bytes());
    let library = judged(move |n| (n == 0).then(|| bytes.clone()));
    assert!(matches!(library.judgement.verdict, Verdict::Fails { .. }), "{:?}", library.judgement);
}

#[test]
fn ten_thousand_needed_entries() {
    let all = |n: usize| {
        let needs = (1..=10_000).map(|m| format!("l{m}.so"));
        Some(
            if n == 0 { Tiny::needing("l0.so", needs) } else { Tiny::needing(&format!("l{n}.so"), []) }
                .bytes(),
        )
    };
    let library = judged(all);
    assert_eq!(library.judgement.verdict, Verdict::Loads, "{:?}", library.judgement.findings);
    let library = judged(|n| if n == 9_999 { None } else { all(n) });
    let Verdict::Fails { message: Some(message), .. } = &library.judgement.verdict else { panic!() };
    assert_eq!(
        message.escape_ascii().to_string(),
        "l9999.so: cannot open shared object file: No such file or directory"
    );
    // The same name over and over is one library; more than anybody reads is not judged by a part of it.
    for (count, verdict) in [(60_000, Verdict::Loads), (70_000, Verdict::Undecided)] {
        let again = Tiny::needing("l0.so", std::iter::repeat_n("l1.so".to_owned(), count)).bytes();
        let other = Tiny::needing("l1.so", []).bytes();
        let library = judged(move |n| Some(if n == 0 { again.clone() } else { other.clone() }));
        assert_eq!(library.judgement.verdict, verdict, "{:?}", library.judgement.findings);
    }
}

/// A chain or ring of `count` libraries, each of which needs the next.
fn chain(count: usize, ring: bool, rpath: bool) -> impl Fn(usize) -> Option<Vec<u8>> + Sync {
    move |n| {
        let next = if n + 1 < count { Some(n + 1) } else { ring.then_some(0) };
        let mut library = Tiny::needing(&format!("l{n}.so"), next.map(|m| format!("l{m}.so")));
        if rpath {
            library.rpath = library.runpath.take();
        }
        (n < count).then(|| library.bytes())
    }
}

#[test]
fn a_hundred_thousand_libraries_deep() {
    for ring in [false, true] {
        let library = judged(chain(100_000, ring, false));
        assert_eq!(library.judgement.verdict, Verdict::Loads, "{:?}", library.judgement.findings);
    }
    // An RPATH counts for everything below: the list to search grows with every step.
    let library = judged(chain(3_000, true, true));
    assert_eq!(library.judgement.verdict, Verdict::Loads, "{:?}", library.judgement.findings);
}

#[test]
fn more_libraries_than_a_process_can_have() {
    let library = judged(chain(200_000, false, false));
    assert_eq!(library.judgement.verdict, Verdict::Undecided);
    assert_eq!(codes(&library).first(), Some(&"needed-unknowable"), "{:?}", library.judgement.findings);
}

#[test]
fn a_hundred_thousand_libraries_that_need_each_other() {
    const COUNT: usize = 100_000;
    let needs = |n: usize| [1, 7, COUNT / 2].map(|step| format!("l{}.so", (n + step) % COUNT));
    let make = |name: &str| {
        let n: usize = name.strip_prefix('l')?.strip_suffix(".so")?.parse().ok()?;
        Some(Tiny::needing(name, needs(n)).bytes())
    };
    let names: Vec<String> = (0..COUNT).map(|n| format!("l{n}.so")).collect();
    let paths: Vec<Vec<u8>> = names.iter().map(|name| path(name)).collect();
    let libraries = with_made(names, &make, |loaders, _| audit::run(loaders, &paths, Level::Two, &|_| {}));
    assert_eq!(libraries.len(), COUNT);
    // Each would need all others: more than its share, and said.
    for library in &libraries {
        assert_eq!(library.judgement.verdict, Verdict::Undecided, "{:?}", library.judgement);
        assert_eq!(codes(library).first(), Some(&"needed-unknowable"));
    }
}
