//! A second reader of the same images: the iterators of the `object` crate, which share no code with ours but the structures.

use std::collections::BTreeSet;

use object::LittleEndian as LE;
use object::macho::MachHeader64;
use object::read::macho::{LoadCommandVariant, MachHeader as _};
use tsuku_verify::analyzer::image::macho::binds::BindKind;
use tsuku_verify::analyzer::image::macho::read;

use crate::image::*;

/// What both say, in comparable form.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    id: Option<String>,
    dependents: Vec<String>,
    rpaths: Vec<String>,
    /// Symbol, ordinal, weak import.
    binds: BTreeSet<(String, i32, bool)>,
    exports: BTreeSet<String>,
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn ours(bytes: &[u8]) -> Reading {
    let f = read(bytes).unwrap();
    let mut r = Reading {
        id: f.id().map(text),
        dependents: f.dependents.iter().map(|d| text(d.name)).collect(),
        rpaths: f.rpaths.iter().map(|p| text(p)).collect(),
        ..Reading::default()
    };
    for b in &f.binds.records {
        // The other reader keeps the weak import flag of overrides.
        let weak = b.weak_import || b.kind == BindKind::WeakOverride;
        r.binds.insert((text(b.name), b.ordinal.value(), weak));
    }
    f.exports
        .walk(|name, _| {
            r.exports.insert(text(name));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    r
}

fn theirs(bytes: &[u8]) -> Reading {
    let header = MachHeader64::<LE>::parse(bytes, 0).unwrap();
    let mut r = Reading::default();
    let mut commands = header.load_commands(LE, bytes, 0).unwrap();
    while let Some(command) = commands.next().unwrap() {
        match command.variant().unwrap() {
            LoadCommandVariant::IdDylib(d) => r.id = Some(text(command.string(LE, d.dylib.name).unwrap())),
            LoadCommandVariant::Dylib(d) => {
                r.dependents.push(text(command.string(LE, d.dylib.name).unwrap()))
            }
            LoadCommandVariant::Rpath(p) => r.rpaths.push(text(command.string(LE, p.path).unwrap())),
            LoadCommandVariant::DyldInfo(info) => {
                for bind in info.binds(LE, bytes, 8).unwrap().chain(info.lazy_binds(LE, bytes, 8).unwrap()) {
                    let bind = bind.unwrap();
                    r.binds.insert((text(bind.symbol), bind.dylib.0, bind.flags.0 & 1 != 0));
                }
                for bind in info.weak_binds(LE, bytes, 8).unwrap() {
                    r.binds.insert((text(bind.unwrap().symbol), -3, true));
                }
                for export in info.exports_trie(LE, bytes).unwrap() {
                    r.exports.insert(text(export.unwrap().name()));
                }
            }
            LoadCommandVariant::LinkeditData(data)
                if data.cmd.get(LE) == object::macho::LC_DYLD_CHAINED_FIXUPS =>
            {
                for import in data.chained_fixups(LE, bytes).unwrap().imports(LE).unwrap() {
                    let import = import.unwrap();
                    r.binds.insert((text(import.name), import.dylib.0, import.weak_import));
                }
            }
            LoadCommandVariant::LinkeditData(data)
                if data.cmd.get(LE) == object::macho::LC_DYLD_EXPORTS_TRIE =>
            {
                for export in data.exports_trie(LE, bytes).unwrap() {
                    r.exports.insert(text(export.unwrap().name()));
                }
            }
            _ => {}
        }
    }
    r
}

#[test]
fn both_readers_agree() {
    let names: Vec<String> = (0..500).map(|i| format!("_symbol{}", i * 7919 % 1000)).collect();
    let exports: Vec<(&str, Vec<u8>)> = names.iter().map(|n| (n.as_str(), regular(n.len() as u64))).collect();
    let exports = trie(&exports);
    let bind = |name: &str, ordinal: u8, flags: u8| {
        [vec![0x10 | ordinal, 0x40 | flags], name.as_bytes().to_vec(), vec![0, 0x51, 0x71, 0, 0x90]].concat()
    };
    let mut opcodes = Image::library(X86_64);
    opcodes
        .rpath("@loader_path/a")
        .rpath("/b")
        .rpath("@loader_path/a")
        .dylib(LC_LOAD_WEAK_DYLIB, "@rpath/libx.dylib");
    let stream =
        [bind("_one", 1, 0), bind("_two", 2, 1), vec![0x3e], b"\x40_flat\0\x90\xc0\x05\x08\0".to_vec()]
            .concat();
    let lazy = |name: &str, ordinal: u8| {
        [&[0x71, 0, 0x10 | ordinal, 0x40][..], name.as_bytes(), &[0, 0x90, 0]].concat()
    };
    let lazy = [lazy("_lazy", 1), lazy("_lazier", 2)].concat();
    opcodes.info(&stream, b"\x40_weak\0\x71\0\x90\0", &lazy, &exports);
    let mut fixups = Image::library(ARM64);
    let imports = [
        (1, false, "_one"),
        (2, true, "_two"),
        (0xfe, false, "_flat"),
        (0, false, "_self"),
        (0xfd, false, "_weak"),
    ];
    fixups.table(LC_DYLD_CHAINED_FIXUPS, &chained(&imports, 1, 3, &starts(6, 0x4000, &[0], 1)));
    fixups
        .table(LC_DYLD_EXPORTS_TRIE, &exports)
        .dylib(LC_REEXPORT_DYLIB, "/r")
        .dylib(LC_LOAD_UPWARD_DYLIB, "/u");
    for image in [opcodes, fixups] {
        let bytes = image.build();
        let reading = ours(&bytes);
        assert_eq!(
            (reading.exports.len(), reading.binds.len() >= 5, reading.dependents.len() >= 2),
            (names.len(), true, true),
            "{:?}",
            reading.binds
        );
        assert_eq!(reading, theirs(&bytes));
    }
}
