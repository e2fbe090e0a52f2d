//! The finished binaries of this machine's platform, at work: names, trust chain, levels 1 to 3, and what must be refused.
//! It must never run anything but the bytes of the set, in copies of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::files;
use crate::options::Options;
use crate::plan::Plan;
use crate::problem::Problem;
use crate::targets::{Platform, Targets};

/// Text of a library that loads anywhere: it needs nothing. It has code that runs when it is loaded, or it would be judged
/// without being loaded.
const GOOD: &str = "\
static int started;
__attribute__((constructor)) static void start(void) { started = 1; }
int tsuku_good(void) { return started; }
";
/// What the report says of a library that was loaded.
const LOADED: &str = "really loaded: loaded";
/// Text of one that loads nowhere: nobody has what it refers to.
const BROKEN: &str =
    "extern int tsuku_nobody_has_this; int *tsuku_broken(void) { return &tsuku_nobody_has_this; }\n";
/// What the loaders say of it, in part.
const BROKEN_SYMBOL: &str = "tsuku_nobody_has_this";

/// Two libraries to try a loader with.
pub struct Samples {
    /// It loads.
    pub good: PathBuf,
    /// It does not.
    pub broken: PathBuf,
}

/// Compiles the samples into a directory.
///
/// # Errors
/// There is no C compiler.
pub fn samples(dir: &Path) -> Result<Samples, Problem> {
    let make = |name: &str, source: &str| {
        let (text, library) = (dir.join(format!("{name}.c")), dir.join(format!("lib{name}.so")));
        files::write(&text, source)?;
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-nostdlib", "-o"]).arg(&library).arg(&text);
        if cfg!(target_os = "macos") {
            cc.args(["-undefined", "dynamic_lookup", "-lSystem"]);
        }
        files::run(&mut cc)?;
        Ok(library)
    };
    Ok(Samples { good: make("good", GOOD)?, broken: make("broken", BROKEN)? })
}

fn refuse(step: &'static str, what: impl Into<String>) -> Problem {
    Problem::Gate { step, what: what.into() }
}

/// Runs a step's command; its status must be the wanted one.
fn expect(step: &'static str, status: i32, command: &mut Command) -> Result<Output, Problem> {
    let output = files::output(command)?;
    if output.status.code() == Some(status) {
        return Ok(output);
    }
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(refuse(step, format!("{}: {}, wanted {status}: {text}", files::shown(command), output.status)))
}

/// A command without our environment.
pub fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command
}

/// Checks the binaries of one platform in `dir`, which must be this machine's.
///
/// # Errors
/// The first step that fails.
pub fn gate(dir: &Path, platform: &Platform, plan: &Plan) -> Result<(), Problem> {
    let scratch = tempfile::tempdir().map_err(Problem::file(dir))?;
    let own = |asset: &str, name: &str| {
        let to = scratch.path().join(name);
        files::copy(&dir.join(asset), &to)?;
        files::make_executable(&to)?;
        Ok(to)
    };
    let program = own(&platform.program.asset, "tsuku-verify")?;
    let helper = own(&platform.helpers[0].asset, "tsuku-dltest")?;
    let sum = files::sha256(&files::read(&helper)?);

    said("program-version", &format!("tsuku-verify {}\n", plan.version), bare(&program).arg("--version"))?;
    said("helper-version", &format!("tsuku-dltest v{}\n", plan.version), bare(&helper).arg("--version"))?;

    let status = expect("helper-status", 0, bare(&program).args(["helper", "status"]))?;
    let status: Value =
        serde_json::from_slice(&status.stdout).map_err(|e| refuse("helper-status", e.to_string()))?;
    let field = |name: &str| status.get(name).and_then(Value::as_str).unwrap_or("nothing").to_owned();
    if field("pin") != sum {
        return Err(refuse("helper-status", format!("it accepts {}, the helper is {sum}", field("pin"))));
    }
    if platform.universal {
        if field("embedded") != sum {
            return Err(refuse(
                "helper-status",
                format!("it carries {}, the helper is {sum}", field("embedded")),
            ));
        }
        let exported = expect("helper-export", 0, bare(&program).args(["helper", "export", "-"]))?;
        if exported.stdout != files::read(&helper)? {
            return Err(refuse("helper-export", "the exported helper is not the asset"));
        }
    }
    trust(&program, &helper, scratch.path())?;

    let samples = samples(scratch.path())?;
    drop_in("helper-loads", bare(&helper).args([&samples.good, &samples.broken]))?;
    levels(&program, &samples)?;
    println!("{}: versions, trust chain and levels 1 to 3 of {}", platform.name, plan.version);
    Ok(())
}

/// A command prints exactly this.
fn said(step: &'static str, wanted: &str, command: &mut Command) -> Result<(), Problem> {
    let output = expect(step, 0, command)?;
    // tsuku reads both streams of the helper.
    let text = [output.stdout, output.stderr].concat();
    if text == wanted.as_bytes() {
        return Ok(());
    }
    Err(refuse(step, format!("it says {:?}, wanted {wanted:?}", String::from_utf8_lossy(&text))))
}

/// The helper, asked as tsuku asks it about a good and a broken library.
///
/// # Errors
/// It does not answer as tsuku expects.
pub fn drop_in(step: &'static str, command: &mut Command) -> Result<(), Problem> {
    let output = expect(step, 1, command)?;
    let answers: Vec<Value> =
        serde_json::from_slice(&output.stdout).map_err(|e| refuse(step, e.to_string()))?;
    let ok: Vec<Option<bool>> = answers.iter().map(|answer| answer["ok"].as_bool()).collect();
    let named = answers
        .get(1)
        .and_then(|answer| answer["error"].as_str())
        .is_some_and(|error| error.contains(BROKEN_SYMBOL));
    if ok == [Some(true), Some(false)] && named {
        return Ok(());
    }
    Err(refuse(step, format!("it answers {}", String::from_utf8_lossy(&output.stdout).trim())))
}

/// Levels 2 and 3 of the program, on a good and a broken library.
///
/// # Errors
/// It judges them otherwise.
pub fn levels(program: &Path, samples: &Samples) -> Result<(), Problem> {
    for level in ["2", "3"] {
        let mut words = vec!["verify", "--level", level];
        if level == "3" {
            words.push("--require-level3");
        }
        let good = expect("good-library", 0, bare(program).args(&words).arg(&samples.good))?;
        let loaded = String::from_utf8_lossy(&good.stdout).contains(LOADED);
        if loaded != (level == "3") {
            return Err(refuse("good-library", format!("at level {level}, {LOADED:?} is said: {loaded}")));
        }
        let broken = expect("broken-library", 7, bare(program).args(&words).arg(&samples.broken))?;
        if !String::from_utf8_lossy(&broken.stdout).contains(BROKEN_SYMBOL) {
            return Err(refuse("broken-library", "the report does not name the missing symbol"));
        }
    }
    Ok(())
}

/// Which helpers the program accepts: the one of this release, and no other.
fn trust(program: &Path, helper: &Path, scratch: &Path) -> Result<(), Problem> {
    const STEP: &str = "helper-trust";
    let bytes = files::read(helper)?;
    let check = |name: &str, bytes: &[u8], mode: u32, status: i32| {
        let path = scratch.join(name);
        files::write(&path, bytes)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(Problem::file(&path))?;
        expect(STEP, status, bare(program).args(["helper", "check"]).arg(&path)).map(|_| path)
    };
    check("accepted", &bytes, 0o755, 0)?;
    let mut flipped = bytes.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    check("flipped", &flipped, 0o755, 3)?;
    check("cut-off", &bytes[..bytes.len() - 1], 0o755, 3)?;
    check("longer", &[&bytes[..], b"\0"].concat(), 0o755, 3)?;
    check("empty", b"", 0o755, 3)?;
    let writable = check("writable", &bytes, 0o777, 3)?;
    // A chosen helper is used or refused, never passed over.
    for chosen in [writable, scratch.join("gone")] {
        let mut command = bare(program);
        command.args(["verify", "--level", "3", "--helper"]).arg(&chosen).arg(helper);
        let output = files::output(&mut command)?;
        if matches!(output.status.code(), Some(0 | 7)) {
            return Err(refuse(STEP, format!("{} was passed over", chosen.display())));
        }
    }
    Ok(())
}

/// The verb.
///
/// # Errors
/// See `gate`.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let (dir, plan) = (options.path("--dir")?, Plan::read(&options.path("--plan")?)?);
    options.finish()?;
    gate(&dir, Targets::read(root)?.this_machine()?, &plan)
}
