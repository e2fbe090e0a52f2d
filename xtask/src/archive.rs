//! One archive a platform, with program and helper under their own names, as `cargo binstall` wants a package with two programs,
//! and the terms they come under.
//! It must never hold other bytes than the assets beside it, nor anything of the machine that packed it.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};

use crate::plan::Plan;
use crate::targets::{LICENCES, Platform};

/// Packs `(name, bytes)`: owner 0, time of the commit, in the given order.
pub fn pack(plan: &Plan, members: &[(&str, &[u8])]) -> Vec<u8> {
    // Time 0 and no name in the outer header. Writing to memory cannot fail.
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(gzip);
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(if *name == LICENCES { 0o644 } else { 0o755 });
        header.set_mtime(plan.epoch);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, name, *bytes).expect("memory takes it");
    }
    tar.into_inner().and_then(|gzip| gzip.finish()).expect("memory takes it")
}

/// The members of an archive, by path.
///
/// # Errors
/// It is no archive, or holds something that is no plain file, or a path twice.
pub fn unpack(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut found = BTreeMap::new();
    let mut tar = tar::Archive::new(GzDecoder::new(bytes));
    for entry in tar.entries().map_err(|e| e.to_string())? {
        let mut entry = entry.map_err(|e| e.to_string())?;
        let path = entry.path().map_err(|e| e.to_string())?.to_string_lossy().into_owned();
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(format!("{path} is no plain file"));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(|e| e.to_string())?;
        if found.insert(path.clone(), content).is_some() {
            return Err(format!("{path} comes twice"));
        }
    }
    Ok(found)
}

/// What the archive of a platform holds: name inside, and the asset it is.
pub fn members(platform: &Platform) -> [(&'static str, &str); 3] {
    [
        ("tsuku-verify", &platform.program.asset),
        ("tsuku-dltest", &platform.helpers[0].asset),
        (LICENCES, LICENCES),
    ]
}
