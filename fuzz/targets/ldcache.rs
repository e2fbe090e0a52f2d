//! The cache of the dynamic loader: parsing, listing, looking up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsuku_verify::analyzer::ldcache::LdCache;

fuzz_target!(|bytes: &[u8]| {
    for big_endian in [false, true] {
        let Ok(cache) = LdCache::parse(bytes.to_vec(), big_endian) else { continue };
        let names: Vec<Vec<u8>> = cache.entries().take(4096).map(|e| e.name.to_vec()).collect();
        let query = tsuku_verify::analyzer::loader_model::LoaderModel::default_for(
            tsuku_verify::analyzer::model::Machine::X86_64,
            tsuku_verify::analyzer::loader_model::GlibcVersion { minor: if big_endian { 31 } else { 41 } },
            tsuku_verify::analyzer::loader_model::Distribution::Debian,
        );
        for name in names.iter().take(64).map(Vec::as_slice).chain([&b"libc.so.6"[..], b""]) {
            std::hint::black_box(cache.lookup(name, &query.cache_query()));
        }
    }
});
