//! The set of assets: put together, and checked as a whole without running anything.
//! It must never accept a set by its size: names, sums, versions, pins and embedded helpers all have to fit.
//! The same check is made of what was built, of what was uploaded, and of what comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::files;
use crate::inspect::{builder_paths, inspect};
use crate::manifest::Manifest;
use crate::marks;
use crate::options::Options;
use crate::pins;
use crate::plan::Plan;
use crate::problem::Problem;
use crate::targets::{CHECKSUMS, INSTALLER, LICENCES, MANIFEST, Part, Platform, SBOM, Targets};
use crate::{archive, licences, sbom, tools};

/// Puts the binaries of all platforms in `from` and the documents together in the new directory `out`.
///
/// # Errors
/// A binary is missing, does not belong there or does not fit; see `check`.
pub fn assemble(root: &Path, targets: &Targets, plan: &Plan, from: &Path, out: &Path) -> Result<(), Problem> {
    let binaries = targets.platforms.iter().flat_map(|p| p.binaries()).map(|(_, b)| b.asset.clone());
    let built = binaries.chain(targets.platforms.iter().map(tools::file_name)).collect();
    let there = files::plain_files(from)?;
    same_names(&built, &there.keys().cloned().collect())?;
    files::make_new_dir(out)?;
    let mut manifest = Manifest::new(plan, targets);
    let builder = builder_paths(root);
    for platform in &targets.platforms {
        manifest.tools.insert(platform.name.clone(), tools::read(platform, from)?);
        for (_, binary) in platform.binaries() {
            let bytes = files::read(&there[&binary.asset])?;
            let facts = inspect(&bytes, platform, binary, &builder)?;
            manifest.add(&binary.asset, &bytes, Some((&platform.name, &facts)));
            let to = out.join(&binary.asset);
            files::write(&to, &bytes)?;
            files::make_executable(&to)?;
        }
    }
    let crates = sbom::crates(root, targets)?;
    let documents = [
        (INSTALLER, files::read(&root.join(INSTALLER))?),
        (SBOM, sbom::text(root, plan, &crates, &sbom::libraries(targets, &manifest.tools))?.into_bytes()),
        (LICENCES, licences::text(root, &crates)?.into_bytes()),
    ];
    for (name, bytes) in &documents {
        manifest.add(name, bytes, None);
        files::write(&out.join(name), bytes)?;
    }
    for platform in &targets.platforms {
        let mut members = Vec::new();
        for (name, asset) in archive::members(platform) {
            members.push((name, files::read(&out.join(asset))?));
        }
        let members: Vec<_> = members.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
        let packed = archive::pack(plan, &members);
        manifest.add(&platform.archive, &packed, None);
        files::write(&out.join(&platform.archive), packed)?;
    }
    files::write(&out.join(MANIFEST), manifest.text())?;
    files::write(&out.join(CHECKSUMS), sums(out)?)?;
    check(out, targets, plan)
}

/// The list of sums of a directory.
fn sums(dir: &Path) -> Result<String, Problem> {
    let mut rows = Vec::new();
    for (name, path) in files::plain_files(dir)?.into_iter().filter(|(name, _)| name != CHECKSUMS) {
        rows.push((name, files::sha256(&files::read(&path)?)));
    }
    Ok(pins::text(&rows))
}

/// The names are the wanted ones, no fewer and no more.
fn same_names(wanted: &BTreeSet<String>, there: &BTreeSet<String>) -> Result<(), Problem> {
    let names = |set: Vec<&String>| set.into_iter().cloned().collect::<Vec<_>>();
    let missing = names(wanted.difference(there).collect());
    if !missing.is_empty() {
        return Err(Problem::Missing(missing));
    }
    let unexpected = names(there.difference(wanted).collect());
    if unexpected.is_empty() { Ok(()) } else { Err(Problem::Unexpected(unexpected)) }
}

/// Checks a whole set: names, kinds of files, sums, versions, pins, embedded helpers, binaries, manifest.
///
/// # Errors
/// The first thing that does not fit.
pub fn check(dir: &Path, targets: &Targets, plan: &Plan) -> Result<(), Problem> {
    let there = files::plain_files(dir)?;
    same_names(&targets.assets().into_iter().collect(), &there.keys().cloned().collect())?;
    let mut bytes = BTreeMap::new();
    for (name, path) in &there {
        bytes.insert(name.as_str(), files::read(path)?);
    }
    check_sums(&there[CHECKSUMS], &bytes)?;
    for platform in &targets.platforms {
        for (part, binary) in platform.binaries() {
            let file = &bytes[binary.asset.as_str()];
            let versions = match part {
                Part::Program => marks::versions(file),
                Part::Helper => marks::helper_versions(file),
            };
            if versions.len() != 1 || !versions.contains(&plan.version) {
                let found =
                    (!versions.is_empty()).then(|| versions.into_iter().collect::<Vec<_>>().join(" and "));
                let (asset, expected) = (binary.asset.clone(), plan.version.clone());
                return Err(Problem::Version { asset, expected, found });
            }
            if part == Part::Program {
                check_pins(&binary.asset, file, targets, &bytes)?;
            }
        }
        let helper = &platform.helpers[0].asset;
        let program = &platform.program.asset;
        if platform.universal && marks::find(&bytes[program.as_str()], &bytes[helper.as_str()]).is_none() {
            return Err(Problem::Embedded { program: program.clone(), helper: helper.clone() });
        }
        check_archive(platform, &bytes)?;
    }
    check_manifest(targets, plan, &bytes)
}

fn check_sums(list: &Path, bytes: &BTreeMap<&str, Vec<u8>>) -> Result<(), Problem> {
    let rows: BTreeMap<String, String> = pins::read(list)?.into_iter().collect();
    let wanted = || bytes.keys().filter(|name| **name != CHECKSUMS);
    let absent: Vec<String> =
        wanted().filter(|name| !rows.contains_key(**name)).map(|name| (*name).to_owned()).collect();
    let foreign: Vec<String> = rows
        .keys()
        .filter(|name| *name == CHECKSUMS || !bytes.contains_key(name.as_str()))
        .cloned()
        .collect();
    if !absent.is_empty() || !foreign.is_empty() {
        return Err(Problem::ChecksumsSet { absent, foreign });
    }
    for name in wanted() {
        let found = files::sha256(&bytes[name]);
        let listed = &rows[*name];
        if *listed != found {
            return Err(Problem::Checksum { asset: (*name).to_owned(), listed: listed.clone(), found });
        }
    }
    Ok(())
}

/// A program pins exactly the helpers of this release, each with the sum of its file.
fn check_pins(
    program: &str,
    file: &[u8],
    targets: &Targets,
    bytes: &BTreeMap<&str, Vec<u8>>,
) -> Result<(), Problem> {
    let mut pinned = marks::pins(file);
    let wrong = |helper: &str, pinned: Option<BTreeSet<String>>, found: String| Problem::Pin {
        program: program.to_owned(),
        helper: helper.to_owned(),
        pinned: pinned.map(|sums| sums.into_iter().collect::<Vec<_>>().join(" and ")),
        found,
    };
    for helper in targets.helpers() {
        let found = files::sha256(&bytes[helper.asset.as_str()]);
        let sums = pinned.remove(&helper.asset);
        if sums.as_ref().is_none_or(|sums| sums.len() != 1 || !sums.contains(&found)) {
            return Err(wrong(&helper.asset, sums, found));
        }
    }
    match pinned.pop_first() {
        None => Ok(()),
        Some((helper, sums)) => Err(wrong(&helper, Some(sums), "no asset".to_owned())),
    }
}

/// An archive holds the assets beside it, under the names they are installed by.
fn check_archive(platform: &Platform, bytes: &BTreeMap<&str, Vec<u8>>) -> Result<(), Problem> {
    let wrong = |what: String| Problem::Document { document: platform.archive.clone(), what };
    let mut there = archive::unpack(&bytes[platform.archive.as_str()]).map_err(wrong)?;
    for (name, asset) in archive::members(platform) {
        if there.remove(name).as_ref() != bytes.get(asset) {
            return Err(wrong(format!("its {name} is not {asset}")));
        }
    }
    match there.pop_first() {
        None => Ok(()),
        Some((name, _)) => Err(wrong(format!("{name} does not belong there"))),
    }
}

fn check_manifest(targets: &Targets, plan: &Plan, bytes: &BTreeMap<&str, Vec<u8>>) -> Result<(), Problem> {
    let wrong = |what: String| Problem::Document { document: MANIFEST.to_owned(), what };
    let manifest: Manifest = serde_json::from_slice(&bytes[MANIFEST]).map_err(|e| wrong(e.to_string()))?;
    let mut wanted = Manifest::new(plan, targets);
    // What it was built with cannot be read off a program; that it is said of each can be seen.
    let names: Vec<_> = targets.platforms.iter().map(|platform| &platform.name).collect();
    if manifest.tools.len() != names.len()
        || !names.iter().all(|name| manifest.tools.get(*name).is_some_and(|tools| !tools.is_empty()))
    {
        return Err(wrong("it does not say what each platform was built with".to_owned()));
    }
    wanted.tools.clone_from(&manifest.tools);
    let builder = [];
    for platform in &targets.platforms {
        for (_, binary) in platform.binaries() {
            let file = &bytes[binary.asset.as_str()];
            let facts = inspect(file, platform, binary, &builder)?;
            wanted.add(&binary.asset, file, Some((&platform.name, &facts)));
        }
        wanted.add(&platform.archive, &bytes[platform.archive.as_str()], None);
    }
    for name in targets.common.iter().filter(|name| *name != MANIFEST) {
        wanted.add(name, &bytes[name.as_str()], None);
    }
    if manifest.release != wanted.release {
        return Err(wrong(format!("it is of {} at {}", manifest.release.version, manifest.release.commit)));
    }
    match wanted.assets.iter().find(|(name, asset)| manifest.assets.get(*name) != Some(*asset)) {
        Some((name, _)) => Err(wrong(format!("{name} is described otherwise"))),
        None if manifest != wanted => Err(wrong("it describes something else".to_owned())),
        None => Ok(()),
    }
}

/// What differs between a checked set and what came back, if anything.
///
/// # Errors
/// A file cannot be read, or what came back is not plain files.
pub fn difference(ours: &Path, back: &Path) -> Result<Option<(String, &'static str)>, Problem> {
    let (ours, back) = (files::plain_files(ours)?, files::plain_files(back)?);
    for (name, path) in &ours {
        match back.get(name) {
            None => return Ok(Some((name.clone(), "is missing"))),
            Some(other) if files::read(path)? != files::read(other)? => {
                return Ok(Some((name.clone(), "differs")));
            }
            Some(_) => {}
        }
    }
    Ok(back.keys().find(|name| !ours.contains_key(*name)).map(|name| (name.clone(), "does not belong there")))
}

/// What verbs on a finished set are given.
pub struct Assembled {
    /// The set.
    pub dir: PathBuf,
    /// What it is a release of.
    pub plan: Plan,
    /// The list it was checked against.
    pub targets: Targets,
}

impl Assembled {
    /// Reads `--dir` and `--plan`, and checks the set.
    ///
    /// # Errors
    /// See `check`.
    pub fn from_options(root: &Path, options: &mut Options) -> Result<Assembled, Problem> {
        let (dir, plan) = (options.path("--dir")?, Plan::read(&options.path("--plan")?)?);
        Assembled::new(root, dir, plan)
    }

    /// The same.
    ///
    /// # Errors
    /// See `check`.
    pub fn new(root: &Path, dir: PathBuf, plan: Plan) -> Result<Assembled, Problem> {
        let targets = Targets::read(root)?;
        check(&dir, &targets, &plan)?;
        Ok(Assembled { dir, plan, targets })
    }
}

/// The verb.
///
/// # Errors
/// See `assemble`.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let (from, out) = (options.path("--from")?, options.path("--out")?);
    let plan = Plan::read(&options.path("--plan")?)?;
    options.finish()?;
    let targets = Targets::read(root)?;
    assemble(root, &targets, &plan, &from, &out)?;
    println!("{} assets of {} in {}", targets.assets().len(), plan.tag, out.display());
    Ok(())
}
