//! `release-manifest.json`: what every asset is, for people and programs that do not want to guess.
//! It must never hold a time or a name of the machine that wrote it: same release, same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::inspect::Facts;
use crate::plan::Plan;
use crate::targets::Targets;
use crate::tools::Tools;

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Form of this document.
    pub schema_version: u32,
    /// Version, tag, commit and time.
    pub release: Plan,
    /// The compiler.
    pub toolchain: String,
    /// By platform: compiler, linker and C library of its program.
    pub tools: BTreeMap<String, Tools>,
    /// Where it is published.
    pub repository: String,
    /// By name.
    pub assets: BTreeMap<String, Asset>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// Bytes.
    pub size: u64,
    /// In hex.
    pub sha256: String,
    /// `linux-amd64` and the like; none for documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// For binaries: what it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<serde_json::Value>,
}

impl Manifest {
    /// An empty one.
    pub fn new(plan: &Plan, targets: &Targets) -> Manifest {
        Manifest {
            schema_version: 1,
            release: plan.clone(),
            toolchain: targets.toolchain.clone(),
            tools: BTreeMap::new(),
            repository: targets.repository.clone(),
            assets: BTreeMap::new(),
        }
    }

    /// Adds a file.
    pub fn add(&mut self, name: &str, bytes: &[u8], facts: Option<(&str, &Facts)>) {
        let asset = Asset {
            size: bytes.len() as u64,
            sha256: crate::files::sha256(bytes),
            platform: facts.map(|(platform, _)| platform.to_owned()),
            needs: facts.map(|(_, facts)| serde_json::to_value(facts).expect("plain data")),
        };
        self.assets.insert(name.to_owned(), asset);
    }

    /// As a file.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data") + "\n"
    }
}
