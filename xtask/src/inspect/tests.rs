use std::process::Command;

use super::*;
use crate::fixtures::{Elf, MachO};

fn targets() -> Targets {
    Targets::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

/// A list of these tests' own: what is released may change, what is a fault does not.
fn two_systems() -> Targets {
    Targets::parse(
        r#"
repository = "o/n"
toolchain = "1"
coordinator = "c"
libcs = ["musl"]
common = ["install.sh", "release-manifest.json", "tsuku-verify.cdx.json", "THIRD-PARTY.md"]
[[platform]]
name = "linux-amd64"
runner = "r"
target = "x86_64-unknown-linux-gnu"
archive = "tsuku-verify-x86_64-unknown-linux-gnu.tar.gz"
flags = []
universal = true
program = { asset = "tsuku-verify-linux-amd64", needed = [], glibc = "none" }
helpers = [{ asset = "tsuku-dltest-linux-amd64", needed = ["libc.so.6", "libdl.so.2"], optional = ["libm.so.6"], interpreter = "/lib64/ld-linux-x86-64.so.2", glibc = "none" }]
[[platform]]
name = "darwin-arm64"
runner = "r"
target = "aarch64-apple-darwin"
archive = "tsuku-verify-aarch64-apple-darwin.tar.gz"
flags = []
universal = false
program = { asset = "tsuku-verify-darwin-arm64", needed = ["/usr/lib/libSystem.B.dylib"], optional = ["/usr/lib/libiconv.2.dylib"], macos = "11.0" }
helpers = [{ asset = "tsuku-dltest-darwin-arm64", needed = ["/usr/lib/libSystem.B.dylib"], macos = "11.0" }]
[[archive]]
origin = "D"
keyring = "/k"
retired = "http://example.org"
roots = [{ suite = "s", component = "c", package = "musl", libc = "musl" }]
"#,
    )
    .unwrap()
}

/// The faults of bytes, judged as a binary of a platform.
fn faults(platform: &Platform, binary: &Binary, bytes: &[u8]) -> Vec<Unfit> {
    match inspect(bytes, platform, binary, &[PathBuf::from("/build/er")]) {
        Ok(_) => Vec::new(),
        Err(Problem::Unfit { faults, .. }) => faults,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn stand_ins_fit_their_platforms() {
    for p in &targets().platforms {
        for (_, binary) in p.binaries() {
            let bytes =
                if p.os() == "linux" { Elf::new(p, binary).bytes() } else { MachO::new(p, binary).bytes() };
            let facts = inspect(&bytes, p, binary, &[]).unwrap();
            assert_eq!((facts.arch.as_str(), &facts.needed), (p.arch(), &binary.needed));
            assert_eq!(facts.interpreter, binary.interpreter);
        }
    }
}

#[test]
fn every_fault_of_an_elf_file_is_seen() {
    let all = two_systems();
    let p = all.platform("linux-amd64").unwrap();
    let helper = &p.helpers[0];
    let good = Elf::new(p, helper);
    let with = |change: &dyn Fn(&mut Elf)| {
        let mut elf = good.clone();
        change(&mut elf);
        faults(p, helper, &elf.bytes())
    };
    assert_eq!(with(&|_| {}), []);
    assert_eq!(with(&|e| e.machine = 183), [Unfit::Arch("aarch64".into())]);
    assert_eq!(with(&|e| e.needed.push("libgcc_s.so.1".into())), [Unfit::Needed("libgcc_s.so.1".into())]);
    // All of them and no others, but for those it may list besides.
    assert_eq!(with(&|e| e.needed = vec!["libc.so.6".into()]), [Unfit::NotNeeded("libdl.so.2".into())]);
    assert_eq!(
        with(&|e| e.needed = vec![]),
        [Unfit::NotNeeded("libc.so.6".into()), Unfit::NotNeeded("libdl.so.2".into())]
    );
    assert_eq!(with(&|e| e.needed.push("libm.so.6".into())), []);
    assert_eq!(with(&|e| e.interpreter = None), [Unfit::Interpreter(None)]);
    let musl = "/lib/ld-musl-x86_64.so.1".to_owned();
    assert_eq!(with(&|e| e.interpreter = Some(musl.clone())), [Unfit::Interpreter(Some(musl.clone()))]);
    assert_eq!(with(&|e| e.runpath = Some("$ORIGIN".into())), [Unfit::Runpath("$ORIGIN".into())]);
    assert_eq!(with(&|e| e.stack = 7), [Unfit::ExecutableStack]);
    assert_eq!(with(&|e| e.code = 7), [Unfit::WritableCode]);
    assert_eq!(with(&|e| e.relro = false), [Unfit::NoRelro]);
    assert_eq!(with(&|e| e.now = false), [Unfit::NotNow]);
    assert_eq!(
        with(&|e| e.payload = b"..../build/er/src..".to_vec()),
        [Unfit::BuilderPath("/build/er".into())]
    );
    assert!(with(&|e| e.kind = 2).contains(&Unfit::NotPie));
    assert!(matches!(faults(p, helper, b"#!/bin/sh\n")[..], [Unfit::Malformed(_)]));
    let bytes = good.bytes();
    for length in [0, 4, 63, 100, 0x1000] {
        assert!(!faults(p, helper, &bytes[..length]).is_empty(), "{length}");
    }
}

#[test]
fn every_fault_of_a_mach_o_file_is_seen() {
    let all = two_systems();
    let p = all.platform("darwin-arm64").unwrap();
    let good = MachO::new(p, &p.program);
    let with = |change: &dyn Fn(&mut MachO)| {
        let mut file = good.clone();
        change(&mut file);
        faults(p, &p.program, &file.bytes())
    };
    assert_eq!(with(&|_| {}), []);
    assert_eq!(with(&|m| m.processor = 0x0100_0007), [Unfit::Arch("x86_64".into())]);
    let brew = "/opt/homebrew/lib/libzstd.1.dylib".to_owned();
    assert_eq!(with(&|m| m.needed.push(brew.clone())), [Unfit::Needed(brew.clone())]);
    assert_eq!(with(&|m| m.needed.push("/usr/lib/libiconv.2.dylib".into())), []);
    assert_eq!(with(&|m| m.needed.clear()), [Unfit::NotNeeded("/usr/lib/libSystem.B.dylib".into())]);
    assert_eq!(with(&|m| m.macos = (15, 0)), [Unfit::MacOs("15.0".into())]);
    assert_eq!(with(&|m| m.flags = 0x85), [Unfit::NotPie]);
    assert!(matches!(with(&|m| m.signature = None)[..], [Unfit::Signature(_)]));
    assert!(matches!(with(&|m| m.signature = Some(0))[..], [Unfit::Signature(_)]));
    // A changed page, bytes behind the signature, and a file that is cut off anywhere.
    let mut changed = MachO { payload: vec![0; 10_000], ..good.clone() }.bytes();
    changed[9_000] ^= 1;
    assert!(
        matches!(&faults(p, &p.program, &changed)[..], [Unfit::Signature(why)] if why.starts_with("1 of 3 pages"))
    );
    let mut longer = good.bytes();
    longer.push(0);
    assert!(matches!(faults(p, &p.program, &longer)[..], [Unfit::Signature(_)]));
    let bytes = good.bytes();
    for length in 0..bytes.len() {
        assert!(!faults(p, &p.program, &bytes[..length]).is_empty(), "{length}");
    }
}

#[test]
fn the_floor_is_read_from_the_needs_and_weak_symbols_do_not_lower_it() {
    let dir = tempfile::tempdir().unwrap();
    let build = |name: &str, source: &str| {
        let (text, program) = (dir.path().join(format!("{name}.c")), dir.path().join(name));
        files::write(&text, source).unwrap();
        files::run(Command::new("gcc").args(["-O0", "-o"]).arg(&program).arg(&text)).unwrap();
        let bytes = files::read(&program).unwrap();
        elf::read(&bytes, true).unwrap().0
    };
    let plain = build("plain", "int main(void) { return 0; }\n");
    // Of glibc 2.34: the one function every program starts with.
    assert_eq!(plain.glibc.as_deref(), Some("2.34"));
    // `__cxa_finalize` is weak too, of the first glibc for this processor.
    assert!(!plain.weak_only.contains(&"2.34".to_owned()));
    let weak = build(
        "weak",
        "extern unsigned arc4random(void) __attribute__((weak));\nint main(void) { return arc4random ? arc4random() & 1 : 0; }\n",
    );
    assert_eq!(weak.glibc.as_deref(), Some("2.36"), "of arc4random, which is weak");
    assert!(weak.weak_only.contains(&"2.36".to_owned()));
    let strong =
        build("strong", "extern unsigned arc4random(void);\nint main(void) { return arc4random() & 1; }\n");
    assert_eq!(strong.glibc.as_deref(), Some("2.36"));
    assert!(!strong.weak_only.contains(&"2.36".to_owned()));
    assert!(newer("2.36", Some("2.17")) && newer("2.36", Some("none")) && newer("10.12", None));
    assert!(!newer("2.9", Some("2.17")) && !newer("2.17", Some("2.17")));
}
