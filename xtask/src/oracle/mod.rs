//! The analyzer against this machine's loader, library by library: every one is predicted, really loaded, and compared.
//! It must never share code with what it checks: predictions come from the program's report, answers from a process that links only libc.
//! Not for a machine that matters: what is asked about is really loaded, with all its constructors.

mod loader;
mod packages;
mod score;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::value::RawValue;

use crate::files;
use crate::options::Options;
use crate::problem::Problem;
use score::{Agreement, Prediction, Score};

/// Disagreements that are shown with their trees.
const SHOWN: usize = 20;

/// One library's line of the report, as far as it is compared. A message stays as it is written: what is no UTF-8 has
/// escapes in it that are not text.
#[derive(serde::Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    path: &'l RawValue,
    verdict: String,
    #[serde(borrow)]
    message: &'l RawValue,
    dies: Option<serde_json::Value>,
}

/// The verb.
///
/// # Errors
/// Nothing can be asked, or the two disagree.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let mut dirs = options.all("--dir")?;
    let mut names = Vec::new();
    while let Some(name) = options.text("--debian")? {
        names.push(name);
    }
    let bin = options.value("--bin")?.map(PathBuf::from);
    let shown = options.text("--show")?;
    options.finish()?;
    let shown = match shown {
        Some(text) => text.parse().map_err(|_| Problem::Usage("--show needs a number".to_owned()))?,
        None => SHOWN,
    };
    if dirs.is_empty() && names.is_empty() {
        return Err(Problem::Usage("--dir DIR or --debian PACKAGE".to_owned()));
    }
    let scratch = tempfile::tempdir().map_err(Problem::file(Path::new("a temporary directory")))?;
    let mut library_path = Vec::new();
    if !names.is_empty() {
        let unpacked = packages::unpack(&names, scratch.path())?;
        library_path = packages::library_dirs(&unpacked);
        dirs.push(unpacked);
    }
    let bin = match bin {
        Some(bin) => bin.canonicalize().map_err(Problem::file(&bin))?,
        None => build(root)?,
    };
    let world = World { bin, library_path };
    let paths = world.libraries(&dirs)?;
    let predicted = world.predictions(&paths)?;
    let asked = loader::Asked::prepare(root, scratch.path())?;
    let answers = asked.all(&paths, &world.environment());
    let mut total = Score::default();
    let mut disagreements = Vec::new();
    for ((path, prediction), answer) in paths.iter().zip(&predicted).zip(&answers) {
        let agreement = score::compare(prediction.as_ref(), answer);
        total.add(agreement);
        if agreement.worth_showing() {
            disagreements.push((path, agreement, prediction, answer));
        }
    }
    for (path, agreement, prediction, answer) in disagreements.iter().take(shown) {
        let said = prediction.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        println!("{agreement}: {}\n  predicted: {said}\n  loader:    {answer}", path.display());
        println!("{}", indented(&world.tree(path)?));
    }
    if disagreements.len() > shown {
        println!("... and {} more (--show N)", disagreements.len() - shown);
    }
    println!("loader: {}{}", asked.version, if asked.apart { ", each in namespaces of its own" } else { "" });
    println!("{total}");
    if total.wrong() > 0 {
        return Err(Problem::Disagrees { wrong: total.wrong(), of: total.all() });
    }
    Ok(())
}

/// The program as it is released.
fn build(root: &Path) -> Result<PathBuf, Problem> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--locked", "--bin", "tsuku-verify", "--message-format", "json"]);
    let messages = files::run(build.current_dir(root).stderr(Stdio::inherit()))?;
    let made = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let program = made.filter_map(|m| m.get("executable")?.as_str().map(PathBuf::from)).next_back();
    program.ok_or_else(|| Problem::Usage("cargo built no program".to_owned()))
}

/// Lines as they stand below a heading.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// The program, and what both sides see of the environment.
struct World {
    bin: PathBuf,
    library_path: Vec<PathBuf>,
}

impl World {
    /// `LD_LIBRARY_PATH`, where there is one.
    fn environment(&self) -> Option<std::ffi::OsString> {
        (!self.library_path.is_empty()).then(|| std::env::join_paths(&self.library_path).unwrap_or_default())
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.bin);
        loader::clean(&mut command);
        command.arg(verb);
        if let Some(path) = self.environment() {
            let mut word = std::ffi::OsString::from("LD_LIBRARY_PATH=");
            word.push(path);
            command.arg("--env").arg(word);
        }
        command
    }

    /// What `audit` would judge below `dirs` by this machine's loader.
    fn libraries(&self, dirs: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
        let mut command = self.command("audit");
        command.args(["--level", "1", "--no-cache", "--format", "ndjson"]);
        for dir in dirs {
            command.arg(dir.canonicalize().map_err(Problem::file(dir))?);
        }
        let output = files::output(&mut command)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        // A name that is no UTF-8 cannot be told from the report alone; no package has one.
        let paths: Vec<PathBuf> = lines
            .filter(|line| line["loader"].as_str().is_some_and(|loader| loader.starts_with("glibc-")))
            .filter(|line| line["class"] != "foreign")
            .filter_map(|line| line["path"].as_str().map(PathBuf::from))
            .filter(|path| path.exists())
            .collect();
        if paths.is_empty() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Problem::Usage(format!("no library is there to be asked about. {said}")));
        }
        Ok(paths)
    }

    /// The program's word on each, in their order.
    fn predictions(&self, paths: &[PathBuf]) -> Result<Vec<Option<Prediction>>, Problem> {
        let mut command = self.command("verify");
        command.args(["--paths-from", "-", "--no-cache", "--format", "ndjson"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| Problem::Command { command: files::shown(&command), what: e.to_string() })?;
        let listed: Vec<u8> =
            paths.iter().flat_map(|p| [p.as_os_str().as_encoded_bytes(), b"\0"].concat()).collect();
        let mut stdin = child.stdin.take();
        let writer = std::thread::spawn(move || stdin.as_mut().map(|pipe| pipe.write_all(&listed)));
        let output = child.wait_with_output().map_err(Problem::file(&self.bin))?;
        let _ = writer.join();
        let text = String::from_utf8_lossy(&output.stdout);
        let mut by_path = std::collections::HashMap::new();
        for line in text.lines() {
            let line: Line = serde_json::from_str(line)
                .map_err(|e| Problem::Command { command: files::shown(&command), what: e.to_string() })?;
            let message = Some(line.message.get()).filter(|m| *m != "null").map(str::to_owned);
            let dies = line.dies.filter(|d| !d.is_null());
            by_path.insert(line.path.get().to_owned(), Prediction { verdict: line.verdict, message, dies });
        }
        let name = |path: &PathBuf| score::json_of(path.as_os_str().as_encoded_bytes());
        Ok(paths.iter().map(|path| by_path.remove(&name(path))).collect())
    }

    /// What would be loaded, from where.
    fn tree(&self, path: &Path) -> Result<String, Problem> {
        let output = files::output(self.command("tree").args(["--format", "text"]).arg(path))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Agreement {
    /// Whether a reader has to look at it.
    fn worth_showing(self) -> bool {
        !matches!(self, Agreement::Same | Agreement::Undecided | Agreement::OwnCode)
    }
}
