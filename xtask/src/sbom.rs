//! The bill of materials: every crate in the binaries, as a small CycloneDX 1.5 document, from cargo's own resolution.
//! It must never hold a path or a time of the machine: same lock file and commit, same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::files;
use crate::plan::Plan;
use crate::problem::Problem;
use crate::targets::Targets;
use crate::tools::Tools;

/// One crate.
#[derive(Clone, Debug)]
pub struct Crate {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// SPDX expression.
    pub licence: String,
    /// Where its sources lie here.
    pub dir: PathBuf,
    /// The crates it uses.
    pub uses: BTreeSet<String>,
    /// From a registry, not from this repository.
    pub foreign: bool,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: PathBuf,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// Package URL of a crate, by which it is referred to.
pub fn purl(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{version}")
}

/// The crates in the binaries of all platforms, by package URL. Development and build dependencies are not in them.
///
/// # Errors
/// Cargo cannot resolve the lock file.
pub fn crates(root: &Path, targets: &Targets) -> Result<BTreeMap<String, Crate>, Problem> {
    let mut all = BTreeMap::<String, Crate>::new();
    for platform in &targets.platforms {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &platform.target]);
        let text = files::run(cargo.arg("--manifest-path").arg(root.join("Cargo.toml")))?;
        let document = |e: serde_json::Error| Problem::Document {
            document: "cargo metadata".to_owned(),
            what: e.to_string(),
        };
        let metadata: Metadata = serde_json::from_str(&text).map_err(document)?;
        let packages: BTreeMap<_, _> = metadata.packages.iter().map(|p| (p.id.as_str(), p)).collect();
        let nodes: BTreeMap<_, _> = metadata.resolve.nodes.iter().map(|n| (n.id.as_str(), n)).collect();
        let ours = metadata.packages.iter().find(|p| p.name == "tsuku-verify" && p.source.is_none());
        let mut open: Vec<&str> = ours.map(|p| p.id.as_str()).into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            let (Some(package), Some(node)) = (packages.get(id), nodes.get(id)) else { continue };
            if !seen.insert(id) {
                continue;
            }
            let linked = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            let linked: Vec<&str> = linked.map(|dep| dep.pkg.as_str()).collect();
            let uses = linked.iter().filter_map(|id| packages.get(id)).map(|p| purl(&p.name, &p.version));
            let entry = all.entry(purl(&package.name, &package.version)).or_insert_with(|| Crate {
                name: package.name.clone(),
                version: package.version.clone(),
                licence: package.license.clone().unwrap_or_else(|| "NOASSERTION".to_owned()),
                dir: package.manifest_path.parent().unwrap_or(Path::new("")).to_owned(),
                uses: BTreeSet::new(),
                foreign: package.source.is_some(),
            });
            entry.uses.extend(uses);
            open.extend(linked);
        }
    }
    Ok(all)
}

/// What is linked in and is no crate: name, version, SPDX expression.
pub type Library = (&'static str, String, &'static str);

/// Rust's own library, and what a static program takes from the system it was built on.
pub fn libraries(targets: &Targets, tools: &BTreeMap<String, Tools>) -> BTreeSet<Library> {
    let mut all = BTreeSet::from([("rust-std", targets.toolchain.clone(), "MIT OR Apache-2.0")]);
    let last = |tool: &str| tool.rsplit(' ').next().unwrap_or_default().to_owned();
    for platform in
        targets.platforms.iter().filter(|p| p.flags.iter().any(|flag| flag.contains("+crt-static")))
    {
        let of =
            |name: &str| tools.get(&platform.name).and_then(|tools| tools.get(name)).map(|tool| last(tool));
        all.extend(of("libc").map(|version| ("glibc", version, "LGPL-2.1-or-later")));
        all.extend(of("cc").map(|version| ("libgcc", version, "GPL-3.0-or-later WITH GCC-exception-3.1")));
    }
    all
}

/// The document.
///
/// # Errors
/// The lock file cannot be read.
pub fn text(
    root: &Path,
    plan: &Plan,
    crates: &BTreeMap<String, Crate>,
    libraries: &BTreeSet<Library>,
) -> Result<String, Problem> {
    let sums = locked_sums(&files::read_text(&root.join("Cargo.lock"))?)?;
    let component = |purl: &String, c: &Crate| {
        let mut value = json!({
            "type": "library", "bom-ref": purl, "name": c.name, "version": c.version, "purl": purl,
            "licenses": [{ "expression": c.licence.replace('/', " OR ") }],
        });
        if let Some(sum) = sums.get(purl) {
            value["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
        }
        value
    };
    let own =
        crates.iter().find(|(_, c)| !c.foreign && c.name == "tsuku-verify").map(|(purl, _)| purl.clone());
    let own_ref = format!("pkg:cargo/tsuku-verify@{}", plan.version);
    let name = |purl: &String| if Some(purl) == own.as_ref() { own_ref.clone() } else { purl.clone() };
    let mut components: Vec<Value> =
        crates.iter().filter(|(_, c)| c.foreign).map(|(purl, c)| component(purl, c)).collect();
    let mut dependencies: Vec<Value> =
        crates.iter().map(|(purl, c)| json!({ "ref": name(purl), "dependsOn": c.uses })).collect();
    let mut linked = Vec::new();
    for (library, version, licence) in libraries {
        let reference = format!("{library}@{version}");
        components.push(json!({
            "type": "library", "bom-ref": reference, "name": library, "version": version,
            "licenses": [{ "expression": licence }],
        }));
        linked.push(reference);
    }
    if let Some(ours) = dependencies.iter_mut().find(|one| one["ref"] == own_ref.as_str()) {
        let uses = ours["dependsOn"].as_array().cloned().unwrap_or_default();
        ours["dependsOn"] = uses.into_iter().chain(linked.into_iter().map(Value::from)).collect();
    }
    let id = files::sha256(format!("tsuku-verify {} {}", plan.version, plan.commit).as_bytes());
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "serialNumber": format!("urn:uuid:{}-{}-5{}-8{}-{}", &id[..8], &id[8..12], &id[13..16], &id[17..20], &id[20..32]),
        "metadata": {
            "timestamp": timestamp(plan.epoch),
            "component": {
                "type": "application", "bom-ref": own_ref, "name": "tsuku-verify", "version": plan.version,
                "purl": own_ref, "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            },
        },
        "components": components, "dependencies": dependencies,
    });
    Ok(serde_json::to_string_pretty(&document).expect("plain data") + "\n")
}

/// Package URL to SHA-256 of the crate's archive.
fn locked_sums(lock: &str) -> Result<BTreeMap<String, String>, Problem> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: String,
        checksum: Option<String>,
    }
    let lock: Lock = toml::from_str(lock).map_err(|e| Problem::Usage(format!("Cargo.lock: {e}")))?;
    Ok(lock.package.into_iter().filter_map(|p| Some((purl(&p.name, &p.version), p.checksum?))).collect())
}

/// Seconds since 1970 as `2026-01-31T12:00:00Z` (the civil calendar, counted in eras of 400 years from March).
fn timestamp(epoch: u64) -> String {
    let (days, second) = (epoch / 86_400 + 719_468, epoch % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_the_system_are_listed_once_for_each_version() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let targets = Targets::read(&root).unwrap();
        let tools = |libc: &str| {
            Tools::from([
                ("libc".to_owned(), libc.to_owned()),
                ("cc".to_owned(), "cc (Debian 12.2.0-14) 12.2.0".to_owned()),
            ])
        };
        // macOS has neither in its programs, whatever its tools are called.
        let all = targets.platforms.iter().enumerate().map(|(index, p)| {
            let libc = if index == 0 { "libc6-dev 2.36-9, source glibc 2.36-9" } else { "glibc 2.39" };
            (p.name.clone(), tools(libc))
        });
        let found = libraries(&targets, &all.collect());
        let is_static = |p: &&crate::targets::Platform| p.os() == "linux";
        let count = targets.platforms.iter().filter(is_static).count();
        let mut wanted = BTreeSet::from([
            ("rust-std", targets.toolchain.clone(), "MIT OR Apache-2.0"),
            ("glibc", "2.36-9".to_owned(), "LGPL-2.1-or-later"),
            ("libgcc", "12.2.0".to_owned(), "GPL-3.0-or-later WITH GCC-exception-3.1"),
        ]);
        if count > 1 {
            wanted.insert(("glibc", "2.39".to_owned(), "LGPL-2.1-or-later"));
        }
        assert_eq!(found, wanted);
    }

    #[test]
    fn seconds_become_a_date() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(timestamp(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(timestamp(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
