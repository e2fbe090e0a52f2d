//! A whole release of stand-ins, made once and copied for every test that damages it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;
use xtask::archive;
use xtask::assemble::{Assembled, assemble};
use xtask::files;
use xtask::fixtures::{pin_table, stand_in};
use xtask::inspect::inspect;
use xtask::manifest::Manifest;
use xtask::plan::Plan;
use xtask::targets::{CHECKSUMS, MANIFEST, Part, Targets};
use xtask::tools;

pub const VERSION: &str = "1.2.3";

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

pub fn targets() -> Targets {
    Targets::read(&root()).unwrap()
}

pub fn plan() -> Plan {
    let (version, commit) = (VERSION.to_owned(), "0123456789abcdef0123456789abcdef01234567".to_owned());
    Plan { tag: format!("v{version}"), prerelease: false, version, commit, epoch: 1_700_000_000 }
}

/// Stand-ins for all binaries, by name; `version` of every one.
pub fn binaries(targets: &Targets, version: &str) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for p in &targets.platforms {
        for helper in &p.helpers {
            all.insert(helper.asset.clone(), stand_in(p, Part::Helper, helper, version, "", b""));
        }
    }
    let rows: Vec<_> = all.iter().map(|(name, bytes)| (name.clone(), files::sha256(bytes))).collect();
    for p in &targets.platforms {
        let helper = all[&p.helpers[0].asset].clone();
        let program = stand_in(p, Part::Program, &p.program, version, &pin_table(&rows), &helper);
        all.insert(p.program.asset.clone(), program);
    }
    all
}

/// What the builds of all platforms leave in a directory.
pub fn build(targets: &Targets, dir: &Path) {
    for (name, bytes) in binaries(targets, VERSION) {
        files::write(&dir.join(name), bytes).unwrap();
    }
    for p in &targets.platforms {
        tools::write(p, dir, &tools::stand_in()).unwrap();
    }
}

/// A release that is in order.
fn good() -> &'static Path {
    static GOOD: OnceLock<TempDir> = OnceLock::new();
    let dir = GOOD.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        build(&targets(), &dir.path().join("built"));
        assemble(&root(), &targets(), &plan(), &dir.path().join("built"), &dir.path().join("set")).unwrap();
        dir
    });
    dir.path()
}

/// A copy of it to damage.
pub struct Release {
    dir: TempDir,
}

impl Release {
    pub fn new() -> Release {
        let dir = tempfile::tempdir().unwrap();
        for (name, path) in files::plain_files(&good().join("set")).unwrap() {
            files::copy(&path, &dir.path().join("set").join(name)).unwrap();
        }
        Release { dir }
    }

    pub fn set(&self) -> PathBuf {
        self.dir.path().join("set")
    }

    /// Where it would be published; nothing is there until something is.
    pub fn place(&self) -> PathBuf {
        self.dir.path().join("place")
    }

    pub fn assembled(&self) -> Assembled {
        Assembled::new(&root(), self.set(), plan()).unwrap()
    }

    /// Replaces a file and says so in archives and documents, as a build that went another way would.
    pub fn replace(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.set().join(name), bytes).unwrap();
        for p in &targets().platforms {
            let members = archive::members(p).map(|(name, asset)| (name, self.read(asset)));
            let packed = archive::pack(&plan(), &members.each_ref().map(|(name, bytes)| (*name, &bytes[..])));
            fs::write(self.set().join(&p.archive), packed).unwrap();
        }
        self.describe();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.set().join(name)).unwrap()
    }

    /// Writes manifest and list anew.
    pub fn describe(&self) {
        let (targets, plan) = (targets(), plan());
        let mut manifest = Manifest::new(&plan, &targets);
        for p in &targets.platforms {
            manifest.tools.insert(p.name.clone(), tools::stand_in());
            for (_, binary) in p.binaries() {
                let bytes = self.read(&binary.asset);
                let facts = inspect(&bytes, p, binary, &[]).unwrap();
                manifest.add(&binary.asset, &bytes, Some((&p.name, &facts)));
            }
            manifest.add(&p.archive, &self.read(&p.archive), None);
        }
        for name in targets.common.iter().filter(|name| *name != MANIFEST) {
            manifest.add(name, &self.read(name), None);
        }
        fs::write(self.set().join(MANIFEST), manifest.text()).unwrap();
        self.list();
    }

    /// Writes the list anew.
    pub fn list(&self) {
        let all = files::plain_files(&self.set()).unwrap().into_iter().filter(|(name, _)| name != CHECKSUMS);
        let rows: Vec<_> = all.map(|(name, path)| (name, files::sha256(&fs::read(path).unwrap()))).collect();
        fs::write(self.set().join(CHECKSUMS), xtask::pins::text(&rows)).unwrap();
    }
}
