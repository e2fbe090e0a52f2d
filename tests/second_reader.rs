//! An independent second reader of the same files: goblin's strict `Elf::parse`, field by field, for the libraries
//! of this machine. Where the two differ, the difference must be one of goblin's documented gaps.
#![expect(clippy::disallowed_methods, reason = "a test reads the libraries of this machine")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use goblin::elf::Elf;
use tsuku_verify::analyzer::audit::{self, Wanted};
use tsuku_verify::analyzer::host::real::{ByteStore, RealHost};
use tsuku_verify::analyzer::image::dynamic::NeedKind;
use tsuku_verify::analyzer::image::elf::{self, ElfFacts, Image, Role};
use tsuku_verify::analyzer::image::relocs::OWN;
use tsuku_verify::analyzer::image::versions::{BASE, Name, NeedStep};
use tsuku_verify::analyzer::loader_model::{Distribution, GlibcVersion, LoaderModel};
use tsuku_verify::analyzer::model::Machine;

/// At most this many files, spread over their sorted order.
const FILES: usize = 600;

/// What both readers say of one file, in comparable form.
#[derive(Debug, PartialEq, Default)]
struct Reading {
    needed: Vec<String>,
    soname: Option<String>,
    rpath: Option<String>,
    runpath: Option<String>,
    /// Undefined symbols a relocation refers to.
    undefined: BTreeSet<String>,
    /// File to needed versions.
    version_needs: BTreeMap<String, BTreeSet<String>>,
    version_definitions: BTreeSet<String>,
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn readable(name: &Name<'_>) -> Option<String> {
    name.as_ref().ok().map(|n| text(n))
}

fn ours(f: &ElfFacts<'_>) -> Reading {
    let mut r = Reading {
        needed: f
            .needs
            .iter()
            .filter(|n| n.kind == NeedKind::Needed)
            .filter_map(|n| readable(&n.name))
            .collect(),
        soname: f.soname.as_ref().and_then(readable),
        rpath: f.rpath.as_ref().and_then(readable),
        runpath: f.runpath.as_ref().and_then(readable),
        ..Reading::default()
    };
    for i in f.relocs.imports.iter().filter(|i| i.flags & OWN == 0) {
        let s = f.symbols.symbol(&f.vm, i.symbol).expect("an import's symbol was read before");
        if s.shndx == 0 {
            r.undefined
                .insert(text(&f.symbols.string(&f.vm, u64::from(i.name)).expect("and so was its name")));
        }
    }
    let mut file = String::new();
    for step in &f.versions.needs {
        match step {
            NeedStep::File(name) => file = readable(name).unwrap_or_default(),
            NeedStep::Version { name, .. } => {
                r.version_needs.entry(file.clone()).or_default().extend(readable(name));
            }
            NeedStep::Revision(_) | NeedStep::Fault(_) => {}
        }
    }
    let named = f.versions.definitions.iter().filter(|d| d.flags & BASE == 0);
    r.version_definitions = named.filter_map(|d| readable(&d.name)).collect();
    r
}

fn goblins(e: &Elf<'_>) -> Reading {
    let own = |s: &&str| s.as_bytes().escape_ascii().to_string();
    let mut r = Reading {
        needed: e.libraries.iter().map(own).collect(),
        soname: e.soname.as_ref().map(own),
        // The last of several counts, and DT_RUNPATH makes the loader forget DT_RPATH.
        runpath: e.runpaths.last().map(own),
        rpath: e.rpaths.last().filter(|_| e.runpaths.is_empty()).map(own),
        ..Reading::default()
    };
    let none = relocation_that_does_nothing(e);
    let records = e.dynrelas.iter().chain(e.dynrels.iter()).chain(e.pltrelocs.iter());
    for record in records.filter(|p| p.r_sym != 0 && p.r_type != none) {
        let Some(s) = e.dynsyms.get(record.r_sym) else { continue };
        if s.st_shndx == 0 && s.st_bind() != 0 && !matches!(s.st_other & 3, 1 | 2) {
            r.undefined.extend(e.dynstrtab.get_at(s.st_name).map(|n| own(&n)));
        }
    }
    for need in e.verneed.iter().flat_map(|v| v.iter()) {
        let file = e.dynstrtab.get_at(need.vn_file).map(|n| own(&n)).unwrap_or_default();
        let versions = r.version_needs.entry(file).or_default();
        versions.extend(need.iter().filter_map(|a| e.dynstrtab.get_at(a.vna_name)).map(|n| own(&n)));
    }
    for definition in e.verdef.iter().flat_map(|v| v.iter()).filter(|d| d.vd_flags & BASE == 0) {
        // The first auxiliary record names it, the others its parents.
        let name = definition.iter().next().and_then(|a| e.dynstrtab.get_at(a.vda_name));
        r.version_definitions.extend(name.map(|n| own(&n)));
    }
    r
}

/// R_*_NONE, which is 0 everywhere: the loader looks nothing up for it.
fn relocation_that_does_nothing(_: &Elf<'_>) -> u32 {
    0
}

/// Why goblin may see something else here. Each is a gap of goblin's that was looked at.
fn documented_gap(e: &Elf<'_>, field: &str) -> Option<&'static str> {
    match field {
        // `verneed` and `verdef` are found through section headers, and dynsym's length through the hash table or them.
        "version_needs" | "version_definitions" if e.section_headers.is_empty() => {
            Some("no section headers: no version tables")
        }
        "undefined" if e.dynsyms.is_empty() => Some("no hash table: no symbols"),
        _ => None,
    }
}

fn compare(path: &str, a: &Reading, b: &Reading, e: &Elf<'_>, wrong: &mut Vec<String>, excused: &mut usize) {
    let fields: [(&str, String, String); 7] = [
        ("needed", format!("{:?}", a.needed), format!("{:?}", b.needed)),
        ("soname", format!("{:?}", a.soname), format!("{:?}", b.soname)),
        ("rpath", format!("{:?}", a.rpath), format!("{:?}", b.rpath)),
        ("runpath", format!("{:?}", a.runpath), format!("{:?}", b.runpath)),
        ("undefined", differing(&a.undefined, &b.undefined), differing(&b.undefined, &a.undefined)),
        ("version_needs", format!("{:?}", a.version_needs), format!("{:?}", b.version_needs)),
        (
            "version_definitions",
            format!("{:?}", a.version_definitions),
            format!("{:?}", b.version_definitions),
        ),
    ];
    for (field, ours, theirs) in fields {
        if ours == theirs {
            continue;
        }
        match documented_gap(e, field) {
            Some(_) => *excused += 1,
            None => wrong.push(format!("{path}: {field}\n  ours   {ours}\n  goblin {theirs}")),
        }
    }
}

/// What only the first has; both empty when the sets are equal.
fn differing(a: &BTreeSet<String>, b: &BTreeSet<String>) -> String {
    format!("{:?}", a.difference(b).collect::<Vec<_>>())
}

#[test]
fn goblin_reads_the_same_from_this_machines_libraries() {
    let store = ByteStore::new();
    let host = RealHost::new(&store);
    let all = audit::collect(&host, &[b"/usr/lib".to_vec()], Wanted::default()).paths;
    let step = all.len().div_ceil(FILES).max(1);
    let version = GlibcVersion { minor: 36 };
    let models = Machine::ALL.map(|m| (m, LoaderModel::default_for(m, version, Distribution::Debian)));
    let (mut wrong, mut read, mut excused, mut refused) = (Vec::new(), 0, 0, Vec::new());
    for path in all.iter().step_by(step) {
        let path = String::from_utf8_lossy(path).into_owned();
        let Ok(bytes) = fs::read(&path) else { continue };
        let Ok(e) = Elf::parse(&bytes) else {
            refused.push(path);
            continue;
        };
        let machine = Machine::from_header(e.header.e_machine, e.is_64);
        let Some((_, model)) = models.iter().find(|(m, _)| Some(*m) == machine) else { continue };
        match elf::read(&bytes, model, false, Role::Library) {
            Image::Mapped(f) => {
                read += 1;
                compare(&path, &ours(&f), &goblins(&e), &e, &mut wrong, &mut excused);
            }
            // goblin does not ask what a loader would do with the file.
            Image::Refused(_) => {}
        }
    }
    assert!(read > 0 || all.is_empty(), "no library was read by both");
    assert!(wrong.is_empty(), "{} of {read} files ({excused} gaps):\n{}", wrong.len(), wrong.join("\n"));
    // The strict reader may refuse what the loader takes, but not often.
    assert!(refused.len() * 50 <= read, "goblin refuses {refused:?}");
}
