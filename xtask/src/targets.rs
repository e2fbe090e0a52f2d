//! `release/targets.toml`: platforms, runners, compilation targets, assets and what they may need.
//! It must never have a second list beside it: whoever needs a name or a runner asks here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files;
use crate::problem::Problem;
use crate::shared::checksums::is_asset_name;

/// Name of the list of sums, the one asset it does not list.
pub const CHECKSUMS: &str = "checksums.txt";
/// Name of the manifest.
pub const MANIFEST: &str = "release-manifest.json";
/// Name of the bill of materials.
pub const SBOM: &str = "tsuku-verify.cdx.json";
/// Name of the list of licences.
pub const LICENCES: &str = "THIRD-PARTY.md";
/// Name of the installer.
pub const INSTALLER: &str = "install.sh";

/// The whole list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// `owner/name` on the forge.
    pub repository: String,
    /// Version of the compiler.
    pub toolchain: String,
    /// Runner of jobs that belong to no platform.
    pub coordinator: String,
    /// C libraries the Linux binaries must be tried under.
    pub libcs: Vec<String>,
    /// Assets of no platform.
    pub common: Vec<String>,
    /// Platforms.
    #[serde(rename = "platform")]
    pub platforms: Vec<Platform>,
    /// Archives of packages with C libraries.
    #[serde(rename = "archive")]
    pub archives: Vec<Archive>,
}

/// An archive of packages, and the C libraries that are taken from it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// What apt calls it.
    pub origin: String,
    /// Keys of its lists.
    pub keyring: PathBuf,
    /// Where suites are that its mirrors have dropped.
    pub retired: String,
    /// What is unpacked.
    pub roots: Vec<Root>,
}

/// One package with a C library.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Release of the distribution.
    pub suite: String,
    /// Part of it.
    pub component: String,
    /// The package.
    pub package: String,
    /// What it holds: `glibc 2.31`, `musl`.
    pub libc: String,
}

/// One platform.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// `os-arch` as tsuku writes it.
    pub name: String,
    /// Label of its runner.
    pub runner: String,
    /// Triple.
    pub target: String,
    /// Archive of program and helper.
    pub archive: String,
    /// Flags of the compiler.
    pub flags: Vec<String>,
    /// The helper has no standard library.
    pub universal: bool,
    /// The program.
    pub program: Binary,
    /// The helpers; the first is the one the program carries.
    pub helpers: Vec<Binary>,
}

/// One executable and what it may need.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// Its name.
    pub asset: String,
    /// Libraries it lists.
    pub needed: Vec<String>,
    /// Libraries it may list besides.
    #[serde(default)]
    pub optional: Vec<String>,
    /// PT_INTERP.
    pub interpreter: Option<String>,
    /// Newest version of glibc, `2.17` or `none`; for Linux.
    pub glibc: Option<String>,
    /// Oldest macOS; for macOS.
    pub macos: Option<String>,
}

/// Which of the two an asset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `tsuku-verify`.
    Program,
    /// `tsuku-dltest`.
    Helper,
}

impl Platform {
    /// `linux` or `darwin`.
    pub fn os(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }

    /// `x86_64` or `aarch64`.
    pub fn arch(&self) -> &str {
        self.target.split('-').next().unwrap_or_default()
    }

    /// Program and helpers.
    pub fn binaries(&self) -> impl Iterator<Item = (Part, &Binary)> {
        std::iter::once((Part::Program, &self.program)).chain(self.helpers.iter().map(|h| (Part::Helper, h)))
    }
}

impl Targets {
    /// Reads `release/targets.toml` below `root`.
    ///
    /// # Errors
    /// It cannot be read, or contradicts itself.
    pub fn read(root: &Path) -> Result<Targets, Problem> {
        Targets::parse(&files::read_text(&root.join("release/targets.toml"))?)
    }

    /// Reads its text.
    ///
    /// # Errors
    /// It is no such list, or contradicts itself.
    pub fn parse(text: &str) -> Result<Targets, Problem> {
        let targets: Targets = toml::from_str(text).map_err(|e| Problem::Targets(e.to_string()))?;
        let wrong = |what: String| Err(Problem::Targets(what));
        let mut seen = BTreeSet::new();
        for asset in targets.assets() {
            if !is_asset_name(&asset) {
                return wrong(format!("{asset:?} cannot be the name of an asset"));
            }
            // Some systems tell names apart by case and some do not.
            if !seen.insert(asset.to_ascii_lowercase()) {
                return wrong(format!("{asset} comes twice"));
            }
        }
        for needed in [MANIFEST, SBOM, LICENCES, INSTALLER] {
            if !targets.common.iter().any(|asset| asset == needed) {
                return wrong(format!("`common` lacks {needed}"));
            }
        }
        let mut names = BTreeSet::new();
        for p in &targets.platforms {
            let (os, arch) = (p.os(), p.arch());
            let short = if arch == "x86_64" { "amd64" } else { "arm64" };
            if p.name != format!("{os}-{short}") || !names.insert(&p.name) || p.helpers.is_empty() {
                return wrong(format!("platform {} has no name of its own, or no helper", p.name));
            }
            if p.program.asset != format!("tsuku-verify-{}", p.name)
                || p.helpers.first().is_none_or(|h| h.asset != format!("tsuku-dltest-{}", p.name))
            {
                return wrong(format!("the assets of {} are not named after it", p.name));
            }
            if p.archive != format!("tsuku-verify-{}.tar.gz", p.target) {
                return wrong(format!("the archive of {} is not named after its target", p.name));
            }
            let fits = |b: &Binary| match os {
                "linux" => b.glibc.is_some() && b.macos.is_none() && p.target.contains("-linux-"),
                "darwin" => b.macos.is_some() && b.glibc.is_none() && p.target.ends_with("-apple-darwin"),
                _ => false,
            };
            if let Some((_, binary)) = p.binaries().find(|(_, binary)| !fits(binary)) {
                return wrong(format!("{} is not described as its system needs", binary.asset));
            }
        }
        // A change of the runner's distribution must not change what is proved.
        for archive in &targets.archives {
            let gives = |libc: &&String| archive.roots.iter().any(|root| root.libc == **libc);
            if let Some(libc) = targets.libcs.iter().find(|libc| !gives(libc)) {
                return wrong(format!("{} does not give {libc}", archive.origin));
            }
        }
        if targets.archives.is_empty() || targets.libcs.is_empty() || targets.platforms.is_empty() {
            return wrong("there is no platform, no archive or no C library".to_owned());
        }
        Ok(targets)
    }

    /// Every asset, `checksums.txt` last.
    pub fn assets(&self) -> Vec<String> {
        let binaries = self.platforms.iter().flat_map(Platform::binaries).map(|(_, b)| b.asset.clone());
        let archives = self.platforms.iter().map(|platform| platform.archive.clone());
        binaries.chain(archives).chain(self.common.iter().cloned()).chain([CHECKSUMS.to_owned()]).collect()
    }

    /// Every helper.
    pub fn helpers(&self) -> impl Iterator<Item = &Binary> {
        self.platforms.iter().flat_map(|platform| &platform.helpers)
    }

    /// A platform by name.
    ///
    /// # Errors
    /// There is none.
    pub fn platform(&self, name: &str) -> Result<&Platform, Problem> {
        self.platforms.iter().find(|p| p.name == name).ok_or_else(|| Problem::Platform(name.to_owned()))
    }

    /// The platform of this machine.
    ///
    /// # Errors
    /// A release has none.
    pub fn this_machine(&self) -> Result<&Platform, Problem> {
        let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        self.platform(&format!("{os}-{arch}"))
    }
}
