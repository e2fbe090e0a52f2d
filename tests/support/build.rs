//! Builds a case: runs its steps in order inside a directory of its own.

use super::directives::{Case, Loader, Step, Word, cpu_has};
use super::edit;
use super::outcome::Stop;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Fixed so that a case means the same with every distribution's compiler defaults.
const COMPILE: &[&str] =
    &["-O1", "-w", "-fPIC", "-fno-stack-protector", "-fcf-protection=none", "-U_FORTIFY_SOURCE", "-fno-lto"];
const LINK: &[&str] = &[
    "-Wl,--no-as-needed",
    "-Wl,--build-id=none",
    "-Wl,--hash-style=gnu",
    "-Wl,-z,noexecstack",
    "-Wl,-z,relro",
    "-Wl,-z,lazy",
    "-Wl,-z,separate-code",
];

/// The harness's own files, out of the way of the case's.
pub const SCRATCH: &str = ".build";

/// Runs every step of the case in `dir`.
pub fn build(case: &Case, dir: &Path) -> Result<(), Stop> {
    fs::create_dir_all(dir.join(SCRATCH)).map_err(|e| Stop::broken(e.to_string()))?;
    case.requires.iter().try_for_each(|what| require(what))?;
    for (index, step) in case.steps.iter().enumerate() {
        let at = |stop| match stop {
            Stop::Broken(text) => Stop::Broken(format!("line {}, {}: {text}", step.line, step.verb)),
            missing => missing,
        };
        Builder { case, dir, index }.step(step).map_err(at)?;
    }
    Ok(())
}

/// A tool on the PATH, or `cpu:FLAG` as in `/proc/cpuinfo`.
fn require(what: &str) -> Result<(), Stop> {
    let found = match what.strip_prefix("cpu:") {
        Some(flag) => cpu_has(flag),
        None => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|dir| dir.join(what).is_file())
        }
    };
    if found { Ok(()) } else { Err(Stop::Missing(format!("{what} is missing"))) }
}

struct Builder<'a> {
    case: &'a Case,
    dir: &'a Path,
    index: usize,
}

impl Builder<'_> {
    fn step(&self, step: &Step) -> Result<(), Stop> {
        let words: Vec<Word> = step
            .words
            .iter()
            .map(|w| Word {
                key: w.key.clone(),
                value: w.value.replace("{D}", &self.dir.display().to_string()),
            })
            .collect();
        let plain: Vec<&str> = words.iter().filter(|w| w.key.is_none()).map(|w| w.value.as_str()).collect();
        let first = *plain.first().ok_or_else(|| Stop::broken("a step names a file"))?;
        let io = |result: std::io::Result<()>| result.map_err(|e| Stop::broken(format!("{first}: {e}")));
        match (step.verb.as_str(), plain.as_slice()) {
            ("Lib", _) => self.library(first, &words),
            ("Write", [name, text]) => {
                io(fs::write(self.place(name)?, text.chars().map(|c| c as u8).collect::<Vec<_>>()))
            }
            ("Symlink", [name, target]) => io(symlink(target, self.place(name)?)),
            ("Hardlink", [name, target]) => io(fs::hard_link(self.dir.join(target), self.place(name)?)),
            ("Copy", [from, to]) => io(fs::copy(self.dir.join(from), self.place(to)?).map(drop)),
            ("Move", [from, to]) => io(fs::rename(self.dir.join(from), self.place(to)?)),
            ("Remove", [name]) => io(fs::remove_file(self.dir.join(name))),
            ("Dir", [name]) => io(fs::create_dir_all(self.dir.join(name))),
            ("Fifo", [name]) => {
                require("mkfifo")?;
                let fifo = self.place(name)?;
                self.command("mkfifo", &[fifo.display().to_string()])
            }
            ("Edit", [name, rest @ ..]) => edit::apply(&self.dir.join(name), rest).map_err(Stop::Broken),
            ("Run", [tool, rest @ ..]) => {
                require(tool)?;
                self.command(tool, rest)
            }
            (verb, _) => Err(Stop::broken(format!("wrong number of words for {verb}"))),
        }
    }

    /// A path inside the case, its directory made.
    fn place(&self, name: &str) -> Result<PathBuf, Stop> {
        let path = self.dir.join(name);
        let parent = path.parent().unwrap_or(self.dir);
        fs::create_dir_all(parent).map_err(|e| Stop::broken(format!("{name}: {e}")))?;
        Ok(path)
    }

    fn library(&self, name: &str, words: &[Word]) -> Result<(), Stop> {
        let output = self.place(name)?;
        let stem: String = output.file_name().unwrap_or_default().display().to_string();
        let value =
            |key: &str| words.iter().find(|w| w.key.as_deref() == Some(key)).map(|w| w.value.as_str());
        let scratch = self.dir.join(SCRATCH);
        let mut args: Vec<String> = COMPILE.iter().chain(LINK).map(|s| (*s).to_owned()).collect();
        match value("link").unwrap_or("shared") {
            "shared" => args.push("-shared".to_owned()),
            "exe" => args.push("-no-pie".to_owned()),
            "pie" => args.push("-pie".to_owned()),
            "object" => args.push("-c".to_owned()),
            other => return Err(Stop::broken(format!("unknown link={other}"))),
        }
        match value("soname") {
            Some("none") => {}
            Some(soname) => args.extend(pair("-soname", soname)),
            None => args.extend(pair("-soname", &stem)),
        }
        for (key, dtags) in [("rpath", "--disable-new-dtags"), ("runpath", "--enable-new-dtags")] {
            if let Some(path) = value(key) {
                args.push(format!("-Wl,{dtags}"));
                args.extend(pair("-rpath", path));
            }
        }
        if let Some(text) = value("map") {
            let map = scratch.join(format!("{}.map", self.index));
            fs::write(&map, text).map_err(|e| Stop::broken(e.to_string()))?;
            args.extend(pair("--version-script", &map.display().to_string()));
        }
        args.extend(["-o".to_owned(), output.display().to_string()]);
        args.push(self.source(&stem, words, &scratch)?);
        args.push(format!("-DIN_{}", stem.split('.').next().unwrap_or_default().replace('-', "_")));
        if !words.iter().any(|w| w.key.is_none() && w.value == "libc") && value("link").is_none() {
            args.push("-nostdlib".to_owned());
        }
        for need in value("needs").unwrap_or_default().split(',').filter(|n| !n.is_empty()) {
            args.extend(self.link_with(need));
        }
        args.extend(value("flags").unwrap_or_default().split_whitespace().map(str::to_owned));
        // musl's compiler is told apart only by the libc it links.
        let compiler = if self.case.loader == Loader::Musl { "musl-gcc" } else { "gcc" };
        require(compiler)?;
        self.command(compiler, &args)
    }

    /// By its path, so that no directory order matters; without a soname DT_NEEDED would become that path, so by name.
    fn link_with(&self, need: &str) -> Vec<String> {
        let path = self.dir.join(need);
        let word = |step: &Step, key: Option<&str>, text: &str| {
            step.words.iter().any(|w| w.key.as_deref() == key && w.value == text)
        };
        let mut built = self.case.steps[..self.index].iter().filter(|step| word(step, None, need));
        if built.any(|step| word(step, Some("soname"), "none")) {
            let parent = path.parent().unwrap_or(self.dir);
            return vec![
                format!("-L{}", parent.display()),
                format!("-l:{}", path.file_name().unwrap_or_default().display()),
            ];
        }
        vec![path.display().to_string()]
    }

    /// The source: inline text, a file of the case, or case.c itself.
    fn source(&self, stem: &str, words: &[Word], scratch: &Path) -> Result<String, Stop> {
        if let Some(inline) = words.iter().find(|w| w.key.as_deref() == Some("inline")) {
            let file = scratch.join(format!("{}-{stem}.c", self.index));
            fs::write(&file, &inline.value).map_err(|e| Stop::broken(e.to_string()))?;
            return Ok(file.display().to_string());
        }
        let named = words.iter().skip(1).find(|w| w.key.is_none() && w.value.contains('.'));
        let file = self.case.dir.join(named.map_or("case.c", |w| w.value.as_str()));
        Ok(file.display().to_string())
    }

    fn command(&self, tool: &str, args: &[impl AsRef<std::ffi::OsStr>]) -> Result<(), Stop> {
        let out = Command::new(tool)
            .args(args)
            .current_dir(self.dir)
            .env("LC_ALL", "C")
            .env_remove("LD_RUN_PATH")
            .stdin(Stdio::null())
            .output()
            .map_err(|e| Stop::broken(format!("{tool}: {e}")))?;
        if out.status.success() {
            return Ok(());
        }
        Err(Stop::broken(format!("{tool}: {}\n{}", out.status, String::from_utf8_lossy(&out.stderr))))
    }
}

/// An option of the linker whose value may contain commas.
fn pair(option: &str, value: &str) -> [String; 4] {
    ["-Xlinker".to_owned(), option.to_owned(), "-Xlinker".to_owned(), value.to_owned()]
}
