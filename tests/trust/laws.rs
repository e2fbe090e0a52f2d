//! Laws that hold for every input, not only for those somebody thought of: each is checked against a second, naive statement
//! of the loader's rule. It must never share code with what it checks.
//! The rules are those of glibc elf/dl-load.c (search, tokens) and elf/dl-deps.c (order).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::tiny::{EXTRA, Tiny};
use crate::world::{PLACE, with_made, with_made_and};
use proptest::prelude::*;
use tsuku_verify::analyzer::audit::{self, Level};
use tsuku_verify::analyzer::call;
use tsuku_verify::analyzer::loader_model::{Distribution, GlibcVersion, LoaderModel};
use tsuku_verify::analyzer::model::Machine;
use tsuku_verify::analyzer::provenance::Provenance;
use tsuku_verify::analyzer::search::tokens;
use tsuku_verify::analyzer::verdict::Verdict;

fn cases(n: u32) -> ProptestConfig {
    ProptestConfig { cases: n, failure_persistence: None, ..ProptestConfig::default() }
}

/// Directories by number, as a path list.
fn list(dirs: &[usize]) -> Option<String> {
    (!dirs.is_empty()).then(|| dirs.iter().map(|d| format!("{PLACE}/d{d}")).collect::<Vec<_>>().join(":"))
}

proptest! {
    #![proptest_config(cases(120))]

    /// RPATH (unless there is a RUNPATH), then the environment, then RUNPATH: the first directory that has the file.
    #[test]
    fn the_first_directory_of_the_first_list_wins(
        have in proptest::collection::btree_set(0usize..6, 0..6),
        rpath in proptest::collection::vec(0usize..6, 0..4),
        env in proptest::collection::vec(0usize..6, 0..4),
        runpath in proptest::collection::vec(0usize..6, 0..4),
    ) {
        let root = Tiny {
            needs: vec!["lib.so".to_owned()],
            rpath: list(&rpath),
            runpath: list(&runpath),
            ..Tiny::default()
        };
        let (root, lib) = (root.bytes(), Tiny::needing("lib.so", []).bytes());
        let names = (0..6).map(|d| format!("d{d}/other")).chain(["root.so".to_owned()]).collect();
        let make = |name: &str| match name {
            "root.so" => Some(root.clone()),
            _ => {
                let dir: usize = name.strip_prefix('d')?.strip_suffix("/lib.so")?.parse().ok()?;
                have.contains(&dir).then(|| lib.clone())
            }
        };
        let inherited = if runpath.is_empty() { &rpath[..] } else { &[] };
        let expected = inherited
            .iter()
            .map(|d| (d, "rpath"))
            .chain(env.iter().map(|d| (d, "env")))
            .chain(runpath.iter().map(|d| (d, "runpath")))
            .find(|(d, _)| have.contains(d));
        let environment = list(&env).map(|l| (b"LD_LIBRARY_PATH".to_vec(), l.into_bytes()));
        let found = with_made_and(environment.into_iter().collect(), names, &make, |loaders, _| {
            let room = loaders.main();
            let map = call::map(room.disk, room.process, format!("{PLACE}/root.so").as_bytes(), &[]);
            map.nodes.get(map.before + 1).map(|node| {
                let why = match node.provenance {
                    Provenance::Rpath(_) => "rpath",
                    Provenance::EnvPath => "env",
                    Provenance::Runpath => "runpath",
                    _ => "another",
                };
                (String::from_utf8(node.name.clone()).unwrap(), why)
            })
        });
        prop_assert_eq!(found, expected.map(|(d, why)| (format!("{PLACE}/d{d}/lib.so"), why)));
    }

    /// Breadth first: the list of objects is the queue of a plain walk, whatever the graph.
    #[test]
    fn objects_come_breadth_first(
        edges in proptest::collection::vec(proptest::collection::vec(0usize..12, 0..5), 12)
    ) {
        let make = |name: &str| {
            let n: usize = name.strip_prefix('l')?.strip_suffix(".so")?.parse().ok()?;
            let needs = edges.get(n)?.iter().map(|m| format!("l{m}.so"));
            Some(Tiny::needing(&format!("l{n}.so"), needs).bytes())
        };
        let mut expected = vec![0];
        let mut queue = VecDeque::from([0usize]);
        while let Some(n) = queue.pop_front() {
            for m in &edges[n] {
                if !expected.contains(m) {
                    expected.push(*m);
                    queue.push_back(*m);
                }
            }
        }
        let found = with_made(Vec::new(), &make, |loaders, _| {
            let room = loaders.main();
            let map = call::map(room.disk, room.process, format!("{PLACE}/l0.so").as_bytes(), &[]);
            let name = |ix: &_| String::from_utf8(map.node(*ix).unwrap().name.clone()).unwrap();
            map.list.iter().map(name).collect::<Vec<_>>()
        });
        let expected: Vec<String> = expected.iter().map(|n| format!("{PLACE}/l{n}.so")).collect();
        prop_assert_eq!(found, expected);
    }

    /// A library loads exactly if everything it needs, directly or not, is there; judging many at once changes nothing.
    #[test]
    fn a_missing_library_fails_all_that_reach_it_and_no_other(
        edges in proptest::collection::vec(proptest::collection::vec(0usize..10, 0..4), 10),
        missing in proptest::collection::btree_set(0usize..10, 0..3),
    ) {
        let make = |name: &str| {
            let n: usize = name.strip_prefix('l')?.strip_suffix(".so")?.parse().ok()?;
            if missing.contains(&n) {
                return None;
            }
            let needs = edges.get(n)?.iter().map(|m| format!("l{m}.so"));
            Some(Tiny::needing(&format!("l{n}.so"), needs).bytes())
        };
        let reach = |from: usize| {
            let mut seen = BTreeSet::from([from]);
            let mut todo = vec![from];
            while let Some(n) = todo.pop() {
                if !missing.contains(&n) {
                    todo.extend(edges[n].iter().filter(|m| seen.insert(**m)));
                }
            }
            seen
        };
        let there: Vec<usize> = (0..10).filter(|n| !missing.contains(n)).collect();
        let paths: Vec<Vec<u8>> = there.iter().map(|n| format!("{PLACE}/l{n}.so").into_bytes()).collect();
        let (together, alone) = with_made(Vec::new(), &make, |loaders, _| {
            let together = audit::run(loaders, &paths, Level::Two, &|_| {});
            let alone: Vec<_> = paths.iter().map(|p| audit::one(loaders, p, Level::Two)).collect();
            (together, alone)
        });
        for ((n, a), b) in there.iter().zip(&together).zip(&alone) {
            prop_assert_eq!(&a.judgement.verdict, &b.judgement.verdict);
            let whole = reach(*n).is_disjoint(&missing);
            prop_assert_eq!(a.judgement.verdict == Verdict::Loads, whole, "l{}: {:?}", n, a.judgement);
        }
    }
}

/// A second statement of token expansion, by table: longest spelling first, the character behind a bare name decides.
fn expanded(text: &str, values: &BTreeMap<&str, &str>) -> String {
    let mut out = String::new();
    let mut rest = text;
    'next: while let Some(c) = rest.chars().next() {
        if c == '$' {
            for (name, value) in values {
                if let Some(tail) = rest[1..].strip_prefix(&format!("{{{name}}}")) {
                    out.push_str(value);
                    rest = tail;
                    continue 'next;
                }
                if let Some(tail) = rest[1..].strip_prefix(name)
                    && !tail.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                {
                    out.push_str(value);
                    rest = tail;
                    continue 'next;
                }
            }
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

proptest! {
    #![proptest_config(cases(5_000))]

    #[test]
    fn tokens_are_replaced_and_nothing_else(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("$ORIGIN"), Just("${ORIGIN}"), Just("$LIB"), Just("${LIB}"), Just("$PLATFORM"), Just("${PLATFORM}"),
                Just("$"), Just("{"), Just("}"), Just("/"), Just("_"), Just("x"), Just("1"), Just("ORIGIN"), Just("LIB"), Just("."),
            ],
            0..8,
        )
    ) {
        let version = GlibcVersion { minor: 36 };
        let mut model = LoaderModel::default_for(Machine::X86_64, version, Distribution::Debian);
        model.platform = Some(b"haswell".to_vec());
        let lib = String::from_utf8(model.lib.clone()).unwrap();
        let values = BTreeMap::from([("ORIGIN", "/o"), ("LIB", lib.as_str()), ("PLATFORM", "haswell")]);
        let text = parts.concat();
        let ours = tokens::expand(text.as_bytes(), Some(b"/o"), &model, false).unwrap();
        prop_assert_eq!(String::from_utf8(ours.into_owned()).unwrap(), expanded(&text, &values));
    }
}

/// The SysV hash of a name, as the gABI states it.
fn sysv(name: &str) -> u32 {
    name.bytes().fold(0, |h: u32, byte| {
        let h = h.wrapping_mul(16).wrapping_add(u32::from(byte));
        let top = h & 0xf000_0000;
        (h ^ (top >> 24)) & !top
    })
}

/// A version table under construction, its names behind it.
struct Table {
    records: Vec<u8>,
    names: Vec<u8>,
}

/// Bytes kept for the records of one table.
const RECORDS: usize = 1024;

impl Table {
    /// Where `name` lies, counted from the dynamic strings.
    fn name(&mut self, name: &str) -> u32 {
        // Headers, one symbol and the hash table lie before the strings (`Tiny::bytes`).
        const STRINGS: u64 = 64 + 3 * 56 + 24 + 16;
        let at = EXTRA - STRINGS + (RECORDS + self.names.len()) as u64;
        self.names.extend_from_slice(name.as_bytes());
        self.names.push(0);
        u32::try_from(at).unwrap()
    }

    fn put(&mut self, halves: &[u16], words: &[u32]) {
        self.records.extend(halves.iter().flat_map(|v| v.to_le_bytes()));
        self.records.extend(words.iter().flat_map(|v| v.to_le_bytes()));
    }

    fn bytes(mut self) -> Vec<u8> {
        assert!(self.records.len() <= RECORDS);
        self.records.resize(RECORDS, 0);
        self.records.extend(self.names);
        // Row 0 for symbol 0.
        self.records.extend([0; 2]);
        self.records
    }
}

fn with_table(mut library: Tiny, tag: u64, count: usize, table: Table) -> Tiny {
    library.extra = table.bytes();
    let versym = EXTRA + library.extra.len() as u64 - 2;
    library.entries.extend([(tag, EXTRA), (tag + 1, count as u64), (0x6fff_fff0, versym)]);
    library
}

proptest! {
    #![proptest_config(cases(200))]

    /// The first version that is needed, not weak, and not defined ends the call; without any definition all are taken.
    #[test]
    fn versions_are_matched_in_order_by_name(
        defined in proptest::collection::btree_set(0usize..8, 0..6),
        needed in proptest::collection::vec((0usize..8, any::<bool>()), 1..6),
    ) {
        let version = |n: usize| format!("V_{n}");
        let mut needs = Table { records: Vec::new(), names: Vec::new() };
        let file = needs.name("l1.so");
        needs.put(&[1, needed.len() as u16], &[file, 16, 0]);
        for (row, (n, weak)) in needed.iter().enumerate() {
            let name = needs.name(&version(*n));
            let next = if row + 1 < needed.len() { 16 } else { 0 };
            needs.put(&[], &[sysv(&version(*n))]);
            needs.put(&[if *weak { 2 } else { 0 }, row as u16 + 2], &[name, next]);
        }
        let mut definitions = Table { records: Vec::new(), names: Vec::new() };
        for (row, n) in defined.iter().enumerate() {
            let name = definitions.name(&version(*n));
            let next = if row + 1 < defined.len() { 28 } else { 0 };
            definitions.put(&[1, 0, row as u16 + 2, 1], &[sysv(&version(*n)), 20, next, name, 0]);
        }
        let root = with_table(Tiny::needing("l0.so", ["l1.so".to_owned()]), 0x6fff_fffe, 1, needs).bytes();
        let provider = Tiny::needing("l1.so", []);
        let provider = if defined.is_empty() { provider } else { with_table(provider, 0x6fff_fffc, defined.len(), definitions) };
        let provider = provider.bytes();
        let make = |name: &str| match name {
            "l0.so" => Some(root.clone()),
            "l1.so" => Some(provider.clone()),
            _ => None,
        };
        let asked = format!("{PLACE}/l0.so").into_bytes();
        let library = with_made(Vec::new(), &make, |loaders, _| audit::one(loaders, &asked, Level::Two));
        let absent = needed.iter().find(|(n, weak)| !defined.is_empty() && !weak && !defined.contains(n));
        match (absent, &library.judgement.verdict) {
            (None, verdict) => prop_assert_eq!(verdict, &Verdict::Loads),
            (Some((n, _)), Verdict::Fails { message: Some(message), .. }) => {
                let text = format!("{PLACE}/l1.so: version `V_{n}' not found (required by {PLACE}/l0.so)");
                prop_assert_eq!(String::from_utf8_lossy(message), text);
            }
            (Some(_), verdict) => prop_assert!(false, "{verdict:?}"),
        }
    }
}
