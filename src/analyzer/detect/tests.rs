//! Knows small roots in memory that have just what detection reads.
//! It must never read the disk of this machine.
//! The strings have the forms of the sources `binary.rs` names.

use super::*;
use crate::analyzer::host::memory::{MemoryHost, Node};
use crate::analyzer::loader_model::PathFile;

fn elf(machine: Machine, flags: u32, text: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..6].copy_from_slice(&[
        0x7f,
        b'E',
        b'L',
        b'F',
        1 + u8::from(machine.is_64()),
        1 + u8::from(machine.is_big_endian()),
    ]);
    let big = machine.is_big_endian();
    let u16 = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    bytes[16..18].copy_from_slice(&u16(3));
    bytes[18..20].copy_from_slice(&u16(machine.e_machine()));
    let at = if machine.is_64() { 48 } else { 36 };
    bytes[at..at + 4].copy_from_slice(&if big { flags.to_be_bytes() } else { flags.to_le_bytes() });
    for part in text {
        bytes.push(0);
        bytes.extend_from_slice(part);
    }
    bytes.extend([0; 200]);
    bytes
}

const MESSAGES: [&[u8]; 2] = [b"invalid ELF header", b"cannot dynamically load executable"];

fn request() -> DetectRequest {
    DetectRequest {
        libc: None,
        machine: None,
        interpreter: None,
        cpu: None,
        env: Vec::new(),
        cwd: b"/work".to_vec(),
        uid: 1000,
        system: None,
    }
}

#[test]
fn debian_root_with_an_old_loader() {
    let dirs: &[u8] = b"/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/";
    let loader = elf(
        Machine::X86_64,
        0,
        &[
            MESSAGES[0],
            MESSAGES[1],
            dirs,
            b"lib/x86_64-linux-gnu",
            b"/etc/ld.so.cache",
            b"cannot dynamically load position-independent executable",
            b"ELF load command alignment not page-aligned",
            b"glibc.rtld.optional_static_tls",
        ],
    );
    let libc = elf(
        Machine::X86_64,
        0,
        &[
            b"GNU C Library (Debian GLIBC 2.31-13+deb11u11) stable release version 2.31.\n",
            b"libc ABIs: UNIQUE IFUNC ABSOLUTE\n",
        ],
    );
    let disk = MemoryHost::new()
        .link("/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-2.31.so")
        .file("/lib/x86_64-linux-gnu/ld-2.31.so", &loader)
        .file("/lib/x86_64-linux-gnu/libc.so.6", &libc)
        .file("/etc/ld.so.preload", b"libx.so\n");
    let mut request = request();
    request.env = vec![(b"LD_PRELOAD".to_vec(), b"liby.so".to_vec())];
    request.cpu = Some("x86-64-v3".to_owned());
    let model = detect(&&disk, &request).unwrap();
    assert_eq!((model.glibc().minor, model.distribution), (31, Distribution::Debian));
    assert_eq!(model.package, "2.31-13+deb11u11");
    assert_eq!(model.interpreter, b"/lib64/ld-linux-x86-64.so.2");
    assert_eq!((model.system_dirs.len(), model.lib.as_slice()), (4, b"lib/x86_64-linux-gnu".as_slice()));
    assert!(model.rules.tlsdesc_capped && model.rules.refuses_pie && model.rules.strict_segment_align);
    assert!(!model.rules.asserts_unversioned_provider);
    assert_eq!(model.rules.max_abi_version, 3);
    assert_eq!(model.env.preload, [b"liby.so".to_vec(), b"libx.so".to_vec()]);
    assert_eq!((model.isa, model.subdirs.len(), model.uid), (7, 8, 1000));
    assert_eq!(model.cache, None);
}

#[test]
fn upstream_root_of_another_machine_and_byte_order() {
    let loader = elf(
        Machine::S390x,
        0,
        &[b"ld.so (GNU libc) stable release version 2.42.\n", b"/lib64/\0/usr/lib64/", b"lib64"],
    );
    let disk = MemoryHost::new().file("/lib/ld64.so.1", &loader);
    let model = detect(&&disk, &DetectRequest { cpu: Some("z17".to_owned()), ..request() }).unwrap();
    assert_eq!((model.machine, model.distribution), (Machine::S390x, Distribution::Upstream));
    assert_eq!(model.hwcaps.first().map(Vec::as_slice), Some(b"z17".as_slice()));
    assert_eq!((model.static_tls_extra, model.static_tls_extra_align), (32, 32));
    let wrong = DetectRequest { machine: Some(Machine::X86_64), ..request() };
    assert!(matches!(detect(&&disk, &wrong), Err(DetectError::NoLoader { .. })));
    let cpu = DetectRequest { cpu: Some("power9".to_owned()), ..request() };
    assert!(matches!(detect(&&disk, &cpu), Err(DetectError::Cpu(_))));
}

#[test]
fn loader_outside_the_usual_place_is_found_or_can_be_named() {
    let text: [&[u8]; 2] = [b"ld.so (GNU libc) stable release version 2.38.\n", b"/store/glibc/lib/"];
    let loader = elf(Machine::Riscv64, 5, &text);
    let disk = MemoryHost::new().file("/usr/lib64/ld-linux-odd.so.1", &loader).file("/store/ld.so", &loader);
    let model = detect(&&disk, &request()).unwrap();
    assert_eq!(
        (model.interpreter.as_slice(), model.float_abi),
        (b"/usr/lib64/ld-linux-odd.so.1".as_slice(), 4)
    );
    assert_eq!(model.system_dirs, [b"/store/glibc/lib/".to_vec()]);
    let named = DetectRequest { interpreter: Some(b"/store/ld.so".to_vec()), ..request() };
    assert_eq!(detect(&&disk, &named).unwrap().interpreter, b"/store/ld.so");
    let none = DetectRequest { interpreter: Some(b"/none".to_vec()), ..request() };
    let fault = detect(&&disk, &none).unwrap_err();
    assert_eq!(fault.to_string(), "/none: No such file or directory");
}

#[test]
fn version_may_come_from_the_name_and_distribution_from_the_root() {
    let loader = elf(Machine::X86_64, 0, &MESSAGES);
    let disk = MemoryHost::new()
        .link("/lib64/ld-linux-x86-64.so.2", "ld-2.19.so")
        .file("/lib64/ld-2.19.so", &loader)
        .file("/etc/os-release", b"ID=raspbian\nID_LIKE=debian\n");
    let model = detect(&&disk, &request()).unwrap();
    assert_eq!((model.glibc().minor, model.distribution), (19, Distribution::Debian));
    let silent = MemoryHost::new().file("/lib64/ld-linux-x86-64.so.2", &loader);
    assert!(matches!(detect(&&silent, &request()), Err(DetectError::NoVersion { .. })));
    let old = MemoryHost::new()
        .link("/lib64/ld-linux-x86-64.so.2", "ld-2.12.so")
        .file("/lib64/ld-2.12.so", &loader);
    assert!(matches!(detect(&&old, &request()), Err(DetectError::TooOld { .. })));
}

#[test]
fn roots_without_glibc_are_told_apart() {
    let fault = detect(&&MemoryHost::new(), &request()).unwrap_err().to_string();
    assert!(fault.contains("/lib64/ld-linux-x86-64.so.2") && fault.contains("ld64.so."), "{fault}");
    let pipe = MemoryHost::new().with("/lib64/ld-linux-x86-64.so.2", Node::Fifo);
    assert!(matches!(detect(&&pipe, &request()), Err(DetectError::NoLoader { .. })));
}

#[test]
fn running_system_is_used_for_its_own_machines_only() {
    let loader = |machine| elf(machine, 0, &[b"ld.so (GNU libc) stable release version 2.41.\n"]);
    let system = RunningSystem {
        machine: Some(Machine::X86_64),
        page_size: 16_384,
        kernel: Some(7),
        rseq: (33, 64),
        cpu: Cpu::named(Machine::X86_64, "haswell").unwrap(),
    };
    let request = DetectRequest { system: Some(system), ..request() };
    let own = MemoryHost::new().file("/lib/ld-linux.so.2", &loader(Machine::I386));
    let own = detect(&&own, &request).unwrap();
    assert_eq!((own.page_size, own.isa, own.static_tls_extra), (16_384, 7, 64));
    assert_eq!(own.platform.as_deref(), Some(b"i686".as_slice()));
    let foreign = MemoryHost::new().file("/lib64/ld64.so.2", &loader(Machine::Ppc64));
    let foreign = detect(&&foreign, &request).unwrap();
    assert_eq!((foreign.page_size, foreign.isa, foreign.kernel), (65_536, 0, None));
}

fn musl(version: &[u8]) -> Vec<u8> {
    elf(
        Machine::Aarch64,
        0,
        &[
            b"musl libc (aarch64)\nVersion %s\n",
            b"1.2",
            version,
            b"/lib:/usr/lib",
            b"%.*s/etc/ld-musl-aarch64.path",
            b"",
        ],
    )
}

#[test]
fn roots_of_musl_tell_release_and_system_path() {
    let disk = MemoryHost::new()
        .file("/lib/ld-musl-aarch64.so.1", &musl(b"1.2.5"))
        .link("/lib/ld-linux-aarch64.so.1", "ld-musl-aarch64.so.1");
    let mut request = request();
    request.env = vec![(b"LD_LIBRARY_PATH".to_vec(), b"/a".to_vec())];
    let model = detect(&&disk, &request).unwrap();
    assert_eq!((model.name().as_str(), model.machine), ("musl-1.2.5", Machine::Aarch64));
    assert_eq!(model.interpreter, b"/lib/ld-musl-aarch64.so.1");
    assert_eq!(model.env.library_path.as_deref(), Some(b"/a".as_slice()));
    let own = model.musl().unwrap();
    assert_eq!((own.path_file, own.system_path.len()), (PathFile::Absent, 2));
    let disk = disk.file("/etc/ld-musl-aarch64.path", b"/opt\n/x:");
    let model = detect(&&disk, &request).unwrap();
    let own = model.musl().unwrap();
    assert_eq!(
        (own.path_file, own.system_path.as_slice()),
        (PathFile::Read, &[b"/opt".to_vec(), b"/x".to_vec()][..])
    );
    assert_eq!(model.system_dirs, [b"/opt/".to_vec(), b"/x/".to_vec()]);
}

#[test]
fn a_root_with_both_libcs_has_the_loader_that_is_asked_for() {
    let glibc = elf(Machine::Aarch64, 0, &[b"ld.so (GNU libc) stable release version 2.41.\n"]);
    let disk = MemoryHost::new()
        .file("/lib/ld-linux-aarch64.so.1", &glibc)
        .file("/lib/ld-musl-aarch64.so.1", &musl(b"1.2.6"));
    let name = |libc| detect(&&disk, &DetectRequest { libc, ..request() }).unwrap().name();
    assert_eq!(name(None), "glibc-2.41");
    assert_eq!(name(Some(LibcKind::Musl)), "musl-1.2.6");
    let silent = MemoryHost::new().file("/lib/ld-musl-aarch64.so.1", &musl(b"2.0"));
    assert!(matches!(
        detect(&&silent, &DetectRequest { libc: Some(LibcKind::Musl), ..request() }),
        Err(DetectError::NoVersion { .. })
    ));
}
