//! Facts of one ELF file, for every machine and several releases of the loader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsuku_verify::analyzer::image::elf::{self, Role};
use tsuku_verify::analyzer::loader_model::{Distribution, GlibcVersion, LoaderModel};
use tsuku_verify::analyzer::model::Machine;

fuzz_target!(|bytes: &[u8]| {
    // The file's own machine is the one worth reading it for; where it names none, the last byte chooses.
    let named = bytes.get(18..20).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let is_64 = bytes.get(4) == Some(&2);
    let last = bytes.last().copied().unwrap_or_default();
    let machine = named.and_then(|m| Machine::from_header(m, is_64));
    let machine = machine.unwrap_or(Machine::ALL[usize::from(last) % Machine::ALL.len()]);
    for (minor, role) in [(43, Role::Library), (36, Role::Program), (17, Role::Library)] {
        let version = GlibcVersion { minor };
        let model = LoaderModel::default_for(machine, version, Distribution::Debian);
        let _ = std::hint::black_box(elf::read(bytes, &model, false, role));
    }
});
