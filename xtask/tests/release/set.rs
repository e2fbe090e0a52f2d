//! The set of assets: everything that does not fit is refused, and before anything is made anywhere.

use std::fs;
use std::os::unix::fs::symlink;

use xtask::archive::pack;
use xtask::assemble::{Assembled, assemble, check};
use xtask::backend::{Backend, Directory, State};
use xtask::files;
use xtask::fixtures::{pin_table, stand_in};
use xtask::problem::Problem;
use xtask::targets::{Binary, CHECKSUMS, MANIFEST, Part, Platform, Targets};
use xtask::tools;

use crate::support::{Release, VERSION, binaries, build, plan, root, targets};

/// The set is refused, and a place for releases stays untouched.
fn refused(release: &Release) -> Problem {
    let problem = check(&release.set(), &targets(), &plan()).unwrap_err();
    let again = Assembled::new(&root(), release.set(), plan()).err().map(|again| again.code());
    assert_eq!(again, Some(problem.code()), "the check of `host` and `flip` is the same one");
    assert_eq!(Directory::new(release.place()).state(&plan()).unwrap(), State::Absent);
    assert!(!release.place().exists());
    problem
}

#[test]
fn a_whole_set_is_accepted() {
    let release = Release::new();
    check(&release.set(), &targets(), &plan()).unwrap();
    release.describe();
    check(&release.set(), &targets(), &plan()).unwrap();
}

#[test]
fn any_one_asset_missing() {
    for asset in targets().assets() {
        let release = Release::new();
        fs::remove_file(release.set().join(&asset)).unwrap();
        assert!(matches!(refused(&release), Problem::Missing(names) if names == [asset]));
    }
}

#[test]
fn a_platform_whose_build_failed() {
    for p in &targets().platforms {
        let dir = tempfile::tempdir().unwrap();
        let (built, set) = (dir.path().join("built"), dir.path().join("set"));
        build(&targets(), &built);
        let mut lost: Vec<_> = p.binaries().map(|(_, binary)| binary.asset.clone()).collect();
        lost.push(tools::file_name(p));
        lost.sort();
        for name in &lost {
            fs::remove_file(built.join(name)).unwrap();
        }
        let problem = assemble(&root(), &targets(), &plan(), &built, &set).unwrap_err();
        assert!(matches!(problem, Problem::Missing(names) if names == lost));
        assert!(!set.exists());
    }
}

/// A platform is dropped by taking its section out of the list, and by nothing else.
#[test]
fn a_release_without_any_one_of_the_platforms() {
    let text = fs::read_to_string(root().join("release/targets.toml")).unwrap();
    for p in &targets().platforms {
        let from = text.find(&format!("[[platform]]\nname = \"{}\"", p.name)).unwrap();
        let end = text[from + 1..].find("\n[[").map_or(text.len(), |at| from + 1 + at + 1);
        let fewer = Targets::parse(&format!("{}{}", &text[..from], &text[end..])).unwrap();
        assert_eq!(fewer.platforms.len() + 1, targets().platforms.len(), "{}", p.name);
        assert!(!fewer.assets().iter().any(|asset| asset.contains(&p.name)));
        let dir = tempfile::tempdir().unwrap();
        let (built, set) = (dir.path().join("built"), dir.path().join("set"));
        build(&fewer, &built);
        assemble(&root(), &fewer, &plan(), &built, &set).unwrap();
        // For the list as it is, that is half a release.
        assert!(matches!(check(&set, &targets(), &plan()), Err(Problem::Missing(_))), "{}", p.name);
    }
}

#[test]
fn files_that_do_not_belong_there() {
    let release = Release::new();
    for stray in ["tsuku-verify-linux-riscv64", "tsuku-dltest-linux-amd64.sig", ".hidden", "Checksums.txt"] {
        files::write(&release.set().join(stray), b"?").unwrap();
        assert!(matches!(refused(&release), Problem::Unexpected(names) if names == [stray]));
        fs::remove_file(release.set().join(stray)).unwrap();
    }
    // An asset of the right name and bytes that is a link, a directory, a pipe.
    let place = release.set().join(&targets().helpers().next().unwrap().asset);
    let other = tempfile::NamedTempFile::new().unwrap();
    fs::copy(&place, other.path()).unwrap();
    fs::remove_file(&place).unwrap();
    symlink(other.path(), &place).unwrap();
    assert!(matches!(refused(&release), Problem::NotAFile(path) if path == place));
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    assert!(matches!(refused(&release), Problem::NotAFile(path) if path == place));
    fs::remove_dir(&place).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&place).status().unwrap().success());
    assert!(matches!(refused(&release), Problem::NotAFile(path) if path == place));
}

#[test]
fn a_directory_among_the_assets() {
    let release = Release::new();
    files::write(&release.set().join("linux-amd64/tsuku-verify-linux-amd64"), b"?").unwrap();
    assert!(matches!(refused(&release), Problem::NotAFile(_)));
}

#[test]
fn sums_that_are_stale_or_foreign() {
    for asset in targets().assets().into_iter().filter(|asset| asset != CHECKSUMS) {
        let release = Release::new();
        let mut bytes = release.read(&asset);
        bytes.push(b'\n');
        fs::write(release.set().join(&asset), bytes).unwrap();
        assert!(matches!(refused(&release), Problem::Checksum { asset: found, .. } if found == asset));
    }
    let release = Release::new();
    let list = String::from_utf8(release.read(CHECKSUMS)).unwrap();
    let write = |text: String| fs::write(release.set().join(CHECKSUMS), text).unwrap();
    write(format!("{list}{}  another\n", "0".repeat(64)));
    assert!(matches!(refused(&release), Problem::ChecksumsSet { foreign, .. } if foreign == ["another"]));
    write(list.lines().skip(1).map(|line| format!("{line}\n")).collect());
    assert!(matches!(refused(&release), Problem::ChecksumsSet { absent, .. } if absent.len() == 1));
    // The list of another release: the same names, other sums.
    write(list.replace('a', "b"));
    assert!(matches!(refused(&release), Problem::ChecksumsSet { .. } | Problem::Checksum { .. }));
    for text in [
        list.replace('\n', "\r\n"),
        list.replace("  ", " *"),
        list.to_uppercase(),
        list[..list.len() - 1].into(),
    ] {
        write(text);
        assert!(matches!(refused(&release), Problem::ChecksumsText { .. }));
    }
    write(format!("{list}{}\n", list.lines().next().unwrap()));
    assert!(
        matches!(refused(&release), Problem::ChecksumsText { fault, .. } if fault.reason == "the name comes twice")
    );
}

#[test]
fn a_helper_that_was_rebuilt_after_the_pin() {
    for p in targets().platforms {
        for helper in &p.helpers {
            let release = Release::new();
            // Another build of the same version: everything about it is in order but its hash.
            let again = Binary { asset: format!("{}-again", helper.asset), ..helper.clone() };
            let bytes = stand_in(&p, Part::Helper, &again, VERSION, "", b"");
            release.replace(&helper.asset, bytes);
            assert!(matches!(refused(&release), Problem::Pin { helper: found, .. } if found == helper.asset));
        }
    }
}

#[test]
fn binaries_of_another_version() {
    for (asset, bytes) in binaries(&targets(), "1.2.4") {
        let release = Release::new();
        release.replace(&asset, bytes);
        // A helper of another version is also not the pinned one; what is said first is what is checked first.
        match refused(&release) {
            Problem::Version { asset: found, found: version, .. } => {
                assert_eq!((found, version.as_deref()), (asset, Some("1.2.4")));
            }
            Problem::Pin { helper, .. } => assert_eq!(helper, asset),
            other => panic!("{other}"),
        }
    }
    // A development build, and one that says nothing.
    let all = targets();
    let p = &all.platforms[0];
    for (version, found) in [("1.2.3-dev", Some("1.2.3-dev")), ("", None)] {
        let release = Release::new();
        release.replace(&p.program.asset, stand_in(p, Part::Program, &p.program, version, "", b""));
        assert!(
            matches!(refused(&release), Problem::Version { found: said, .. } if said.as_deref() == found)
        );
    }
}

#[test]
fn pins_that_are_not_this_release() {
    let all = targets();
    let good: Vec<_> = {
        let release = Release::new();
        all.helpers().map(|h| (h.asset.clone(), files::sha256(&release.read(&h.asset)))).collect()
    };
    let tables = [
        // Of another platform.
        good.iter()
            .enumerate()
            .map(|(i, (name, _))| (name.clone(), good[(i + 1) % good.len()].1.clone()))
            .collect(),
        good[1..].to_vec(),
        [good.clone(), vec![("tsuku-dltest-linux-riscv64".to_owned(), "0".repeat(64))]].concat(),
        // Two answers for one helper.
        [good.clone(), vec![(good[0].0.clone(), "0".repeat(64))]].concat(),
        Vec::new(),
    ];
    for p in &all.platforms {
        for table in &tables {
            let release = Release::new();
            let helper = release.read(&p.helpers[0].asset);
            let program = stand_in(p, Part::Program, &p.program, VERSION, &pin_table(table), &helper);
            release.replace(&p.program.asset, program);
            assert!(matches!(refused(&release), Problem::Pin { program, .. } if program == p.program.asset));
        }
    }
}

#[test]
fn a_program_that_carries_another_helper() {
    let all = targets();
    let rows = |release: &Release| -> Vec<(String, String)> {
        all.helpers().map(|h| (h.asset.clone(), files::sha256(&release.read(&h.asset)))).collect()
    };
    for p in all.platforms.iter().filter(|p| p.universal) {
        let release = Release::new();
        let mut helper = release.read(&p.helpers[0].asset);
        helper.truncate(helper.len() - 2);
        let program = stand_in(p, Part::Program, &p.program, VERSION, &pin_table(&rows(&release)), &helper);
        release.replace(&p.program.asset, program);
        assert!(matches!(refused(&release), Problem::Embedded { program, .. } if program == p.program.asset));
    }
}

#[test]
fn an_archive_of_something_else() {
    for p in &targets().platforms {
        let release = Release::new();
        let read = |asset: &str| release.read(asset);
        let (program, helper) = (read(&p.program.asset), read(&p.helpers[0].asset));
        let terms = ("THIRD-PARTY.md", &read("THIRD-PARTY.md")[..]);
        let stale = [&helper[..], b"?"].concat();
        let (program, helper) = (("tsuku-verify", &program[..]), ("tsuku-dltest", &helper[..]));
        let members: [&[(&str, &[u8])]; 6] = [
            &[program, terms],
            &[program, helper],
            &[program, ("tsuku-dltest", &stale), terms],
            &[program, helper, ("THIRD-PARTY.md", b"# Third-party software")],
            &[program, helper, terms, ("tsuku-verify.d", b"?")],
            &[program, helper, terms, helper],
        ];
        let packed = members.map(|members| pack(&plan(), members));
        for bytes in packed.into_iter().chain([b"no archive".to_vec()]) {
            fs::write(release.set().join(&p.archive), bytes).unwrap();
            release.describe();
            assert!(matches!(refused(&release), Problem::Document { document, .. } if document == p.archive));
        }
    }
}

#[test]
fn a_manifest_of_something_else() {
    let release = Release::new();
    let text = String::from_utf8(release.read(MANIFEST)).unwrap();
    for (from, to) in [
        ("0123456789abcdef0", "1123456789abcdef0"),
        ("\"glibc\": null", "\"glibc\": \"2.99\""),
        (&targets().toolchain, "1.0.0"),
        // What a platform was built with, or that it is said of that platform.
        ("\"stand-in\": \"nothing was built\"", ""),
        (&format!("\"{}\": {{", targets().platforms[0].name), "\"another\": {"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(text, changed, "{from}");
        fs::write(release.set().join(MANIFEST), changed).unwrap();
        release.list();
        assert!(matches!(refused(&release), Problem::Document { .. }), "{from}");
        release.describe();
    }
}

#[test]
fn documents_are_the_same_bytes_every_time_and_name_no_directory() {
    let (first, dir) = (Release::new(), tempfile::tempdir().unwrap());
    build(&targets(), &dir.path().join("built"));
    assemble(&root(), &targets(), &plan(), &dir.path().join("built"), &dir.path().join("set")).unwrap();
    for asset in targets().assets() {
        let again = files::read(&dir.path().join("set").join(&asset)).unwrap();
        assert!(again == first.read(&asset), "{asset}");
        let builder = root();
        assert!(!String::from_utf8_lossy(&again).contains(builder.to_str().unwrap()), "{asset}");
    }
    let sbom: serde_json::Value = serde_json::from_slice(&first.read("tsuku-verify.cdx.json")).unwrap();
    let components = sbom["components"].as_array().unwrap();
    assert!(components.iter().any(|c| c["name"] == "rust-std" && c["version"] == targets().toolchain));
    let crates = components.iter().filter(|c| c["purl"].is_string());
    let names: Vec<_> = crates.map(|c| c["name"].as_str().unwrap()).collect();
    assert!(
        names.contains(&"rayon") && names.contains(&"sha2") && !names.contains(&"criterion"),
        "{names:?}"
    );
    let licences = String::from_utf8(first.read("THIRD-PARTY.md")).unwrap();
    for name in names {
        assert!(licences.contains(&format!("| {name} |")), "{name} has no licence");
    }
    // What is linked in and is no crate: named, with its text, and with what it asks for.
    for part in [
        "GNU LESSER GENERAL PUBLIC LICENSE",
        "GCC-exception-3.1",
        "Relinking",
        "Offer, valid for three years",
        "### tsuku-verify\n",
    ] {
        assert!(licences.contains(part), "{part}");
    }
}

#[test]
fn a_list_of_platforms_that_contradicts_itself() {
    let text = fs::read_to_string(root().join("release/targets.toml")).unwrap();
    let all = targets();
    let (first, last) = (all.platforms.first().unwrap(), all.platforms.last().unwrap());
    let program = |p: &Platform| format!("asset = \"{}\"", p.program.asset);
    let libc = all.libcs.last().unwrap();
    let changes: Vec<(String, String)> = vec![
        // Two names that differ in case only, a list that lists itself, a document that is not there.
        (format!("\"{}\"", last.helpers[0].asset), format!("\"{}\"", first.program.asset.to_uppercase())),
        ("\"install.sh\"".into(), "\"install.sh\", \"checksums.txt\"".into()),
        ("\"install.sh\", ".into(), String::new()),
        (program(last), "asset = \"../tsuku-verify\"".into()),
        (program(last), format!("{}-other\"", program(last).trim_end_matches('"'))),
        (format!("\"{}\"", last.archive), "\"tsuku-verify.tar.gz\"".into()),
        (format!("name = \"{}\"", last.name), format!("name = \"{}\"", first.name)),
        ("coordinator".into(), "co_ordinator".into()),
        // A limit of another system.
        ("macos = \"".into(), "glibc = \"".into()),
        // An archive that does not give one of the C libraries.
        (format!("libc = \"{libc}\""), "libc = \"another\"".into()),
        (format!("\"{libc}\"]"), format!("\"{libc}\", \"uclibc\"]")),
    ];
    assert!(Targets::parse(&text).is_ok());
    for (from, to) in changes {
        assert!(text.contains(&from), "{from}");
        assert!(
            matches!(Targets::parse(&text.replacen(&from, &to, 1)), Err(Problem::Targets(_))),
            "{from} -> {to}"
        );
    }
}
