//! The whole pipeline on one machine: its own platform for real, the others as stand-ins, ending with an installed program.
//! It must never leave a step out silently: what was left out is printed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::assemble::{Assembled, assemble};
use crate::backend::{Backend, Directory, Fault, Faulty};
use crate::compile::{Build, check_toolchain};
use crate::files;
use crate::fixtures::{pin_table, stand_in};
use crate::flip::flip;
use crate::gate::{bare, gate, levels, samples};
use crate::host::host;
use crate::inspect::{builder_paths, inspect};
use crate::options::Options;
use crate::pins;
use crate::plan::{Plan, Wanted};
use crate::problem::Problem;
use crate::reproduce::reproduce;
use crate::roots;
use crate::targets::{INSTALLER, Part, Platform, Targets};
use crate::tools;

/// What is left out or added.
#[derive(Clone, Debug, Default)]
struct Choices {
    allow_dirty: bool,
    any_toolchain: bool,
    no_reproduce: bool,
    roots: Vec<PathBuf>,
    make_roots: Option<PathBuf>,
}

/// The verb.
///
/// # Errors
/// The first step that fails.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let out = options.path("--out")?;
    let choices = Choices {
        allow_dirty: options.flag("--allow-dirty"),
        any_toolchain: options.flag("--any-toolchain"),
        no_reproduce: options.flag("--no-reproduce"),
        roots: options.all("--root")?,
        make_roots: options.value("--make-roots")?.map(PathBuf::from),
    };
    options.finish()?;
    local(root, &out, &choices)
}

fn local(root: &Path, out: &Path, choices: &Choices) -> Result<(), Problem> {
    let targets = Targets::read(root)?;
    let platform = targets.this_machine()?;
    files::make_new_dir(out)?;
    let out = &out.canonicalize().map_err(Problem::file(out))?;
    let plan = Plan::make(root, &Wanted::Rehearsal, choices.allow_dirty)?;
    files::write(&out.join("plan.json"), serde_json::to_string(&plan).expect("plain data"))?;
    println!("plan: {} of {}", plan.version, plan.commit);
    match check_toolchain(&targets) {
        Err(problem) if choices.any_toolchain => println!("left out: {problem}"),
        other => other?,
    }

    let built = out.join("built");
    let build = Build { root, plan: &plan, platform, work: root.join("target/release-build") };
    build.helpers(&built)?;
    let foreign = || targets.platforms.iter().filter(|p| p.name != platform.name);
    for p in foreign() {
        for helper in &p.helpers {
            files::write(
                &built.join(&helper.asset),
                stand_in(p, Part::Helper, helper, &plan.version, "", b""),
            )?;
        }
    }
    let table = out.join("pins.txt");
    files::write(&table, pins::table(&built, &targets)?)?;
    let rows = pins::read(&table)?;
    println!("pins: {} helpers, {} of them built here", rows.len(), platform.helpers.len());
    build.program(&table, &built, &built)?;
    for p in foreign() {
        let helper = files::read(&built.join(&p.helpers[0].asset))?;
        let program = stand_in(p, Part::Program, &p.program, &plan.version, &pin_table(&rows), &helper);
        files::write(&built.join(&p.program.asset), program)?;
        tools::write(p, &built, &tools::stand_in())?;
    }
    println!("tools: {}", serde_json::to_string(&tools::record(platform, &built)?).expect("plain data"));
    for (_, binary) in platform.binaries() {
        let facts =
            inspect(&files::read(&built.join(&binary.asset))?, platform, binary, &builder_paths(root))?;
        println!("inspect: {} {}", binary.asset, serde_json::to_string(&facts).expect("plain data"));
    }
    gate(&built, platform, &plan)?;
    if choices.no_reproduce {
        println!("left out: the build in another directory");
    } else {
        reproduce(root, &plan, platform, &targets, &built)?;
    }

    let assets = out.join("assets");
    assemble(root, &targets, &plan, &built, &assets)?;
    println!("assemble: {} assets", targets.assets().len());
    let set = Assembled::new(root, assets, plan)?;
    publish(&set, &out.join("releases"))?;
    install(&set, platform, out)?;

    let mut all_roots = choices.roots.clone();
    if let Some(into) = &choices.make_roots {
        all_roots.extend(roots::make(into, &targets)?);
    }
    if all_roots.is_empty() {
        println!("left out: other C libraries (--root DIR, --make-roots DIR)");
        return Ok(());
    }
    roots::sweep(&set.dir, platform, &set.plan.version, &all_roots)
}

/// A first attempt that dies, a second that completes it, and the publication.
fn publish(set: &Assembled, place: &Path) -> Result<(), Problem> {
    let first = Faulty::new(Directory::new(place), Fault::DieAfter(5));
    let Err(problem) = host(set, &first) else {
        return Err(Problem::Gate { step: "host", what: "an upload that died was not noticed".to_owned() });
    };
    println!("host: refused as it must be, {}: {problem}", problem.code());
    let place = Directory::new(place);
    host(set, &place)?;
    println!("host: the draft was completed and read back");
    flip(set, &place)?;
    println!("flip: {} is published, {:?}", set.plan.tag, place.state(&set.plan)?);
    Ok(())
}

/// What a user does: the installer from the release, then a library.
fn install(set: &Assembled, platform: &Platform, out: &Path) -> Result<(), Problem> {
    let releases = out.join("releases");
    let installer = releases.join("download").join(&set.plan.tag).join(INSTALLER);
    let bin = out.join("installed");
    let mut sh = Command::new("sh");
    sh.arg(&installer).args(["--version", &set.plan.tag, "--base-url"]);
    sh.arg(format!("file://{}", releases.display())).arg("--dir").arg(&bin);
    print!("install: {}", files::run(&mut sh)?);
    let program = bin.join("tsuku-verify");
    crate::reproduce::compare_file(&set.dir.join(&platform.program.asset), &program)?;
    let scratch = tempfile::tempdir().map_err(Problem::file(out))?;
    let samples = samples(scratch.path())?;
    levels(&program, &samples)?;
    let text = files::run(bare(&program).args(["verify", "--level", "3", "--verbose"]).arg(&samples.good))?;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        println!("verify: {}", line.trim());
    }
    Ok(())
}
