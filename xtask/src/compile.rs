//! From sources to the binaries of one platform.
//! It must never let the directory, the user, the time or a flag of this machine into the bytes.
//! The helper is built first; the program is given its bytes and the hashes of all.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files;
use crate::options::Options;
use crate::plan::Plan;
use crate::problem::Problem;
use crate::shared::environment;
use crate::shared::universal::Universal;
use crate::targets::{Part, Platform, Targets};

/// One build.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    /// The sources.
    pub root: &'a Path,
    /// What is released.
    pub plan: &'a Plan,
    /// For whom.
    pub platform: &'a Platform,
    /// Where cargo works.
    pub work: PathBuf,
}

/// Checks that the compiler is the one of releases.
///
/// # Errors
/// It is another.
pub fn check_toolchain(targets: &Targets) -> Result<(), Problem> {
    let found = files::run(Command::new(rustc()).arg("--version"))?;
    if found.split(' ').nth(1) == Some(targets.toolchain.as_str()) {
        return Ok(());
    }
    Err(Problem::Toolchain { expected: targets.toolchain.clone(), found: found.trim().to_owned() })
}

/// The compiler.
pub fn rustc() -> OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

impl Build<'_> {
    /// Builds every helper of the platform into `out`.
    ///
    /// # Errors
    /// The compiler's.
    pub fn helpers(&self, out: &Path) -> Result<(), Problem> {
        files::make_dir(out)?;
        for helper in &self.platform.helpers {
            let to = out.join(&helper.asset);
            if !self.platform.universal {
                self.cargo("tsuku-dltest", &[], &to)?;
                continue;
            }
            let host = files::run(Command::new(rustc()).arg("-vV"))?;
            let universal = Universal {
                rustc: rustc(),
                target: self.platform.target.clone(),
                native: host.lines().any(|line| line.strip_prefix("host: ") == Some(&self.platform.target)),
                root: self.root.to_owned(),
                version: self.plan.version.clone(),
                interpreter: helper.interpreter.clone().unwrap_or_default(),
                scratch: self.work.join("universal"),
            };
            let failed = |what| Problem::Command { command: format!("build {}", helper.asset), what };
            universal.build(&to).map_err(failed)?;
            files::make_executable(&to)?;
        }
        Ok(())
    }

    /// Builds the program into `out`, with the helpers' hashes from the list `pins` and its own helper from `helpers`.
    ///
    /// # Errors
    /// The compiler's; among them, that the list lacks this platform's helper.
    pub fn program(&self, pins: &Path, helpers: &Path, out: &Path) -> Result<(), Problem> {
        files::make_dir(out)?;
        let mut environment = vec![("TSUKU_DLTEST_PINS", absolute(pins)?)];
        if let Some(helper) = self.platform.helpers.first().filter(|_| self.platform.universal) {
            environment.push(("TSUKU_DLTEST_EMBED", absolute(&helpers.join(&helper.asset))?));
        }
        self.cargo("tsuku-verify", &environment, &out.join(&self.platform.program.asset))
    }

    fn cargo(&self, bin: &str, environment: &[(&str, PathBuf)], to: &Path) -> Result<(), Problem> {
        files::run(&mut self.command(bin, environment, std::env::vars_os())?)?;
        files::copy(&self.work.join(&self.platform.target).join("release").join(bin), to)?;
        files::make_executable(to)?;
        if self.platform.os() == "darwin" {
            // After everything that changes bytes, before the hash is taken. `-` is the signature without a certificate.
            files::run(Command::new("codesign").args(["--force", "--sign", "-"]).arg(to))?;
        }
        Ok(())
    }

    /// The command that builds one program, on a machine with these variables.
    fn command(
        &self,
        bin: &str,
        environment: &[(&str, PathBuf)],
        machine: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Command, Problem> {
        let mut cargo = Command::new(cargo());
        cargo.args(["build", "--release", "--locked", "--package", "tsuku-verify", "--bin", bin]);
        cargo
            .args(["--target", &self.platform.target])
            .arg("--manifest-path")
            .arg(self.root.join("Cargo.toml"));
        cargo.arg("--target-dir").arg(&self.work);
        environment::clean(&mut cargo, machine);
        // A wrapper can also be named in a file of settings; an empty name is none.
        cargo.env("RUSTC", rustc()).env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "");
        if let Some(oldest) = &self.platform.program.macos {
            cargo.env("MACOSX_DEPLOYMENT_TARGET", oldest);
        }
        cargo
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags()?.join("\u{1f}"))
            .env("CARGO_INCREMENTAL", "0")
            .env("SOURCE_DATE_EPOCH", self.plan.epoch.to_string())
            .env("TSUKU_RELEASE_VERSION", &self.plan.version)
            .envs(environment.iter().map(|(name, path)| (name, path)));
        Ok(cargo)
    }

    /// The platform's flags, and names in the place of directories. The last that matches a path counts.
    fn flags(&self) -> Result<Vec<String>, Problem> {
        let mut flags = self.platform.flags.clone();
        let mut remap =
            |from: &Path, to: &str| flags.push(format!("--remap-path-prefix={}={to}", from.display()));
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
        if let Some(sources) = home.map(|home| home.join("registry/src")) {
            remap(&sources, "registry");
            // One directory for each registry; its name depends on where this machine fetches crates.
            for entry in std::fs::read_dir(&sources).into_iter().flatten().flatten() {
                remap(&entry.path(), "registry");
            }
        }
        let sysroot = files::run(Command::new(rustc()).args(["--print", "sysroot"]))?;
        remap(&Path::new(sysroot.trim()).join("lib/rustlib/src/rust"), "rust");
        remap(&absolute(self.root)?, "tsuku-verify");
        remap(&absolute(&self.work)?, "target");
        Ok(flags)
    }
}

/// The path from the root directory, without links.
fn absolute(path: &Path) -> Result<PathBuf, Problem> {
    files::make_dir(path.parent().unwrap_or(path))?;
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(_) => std::path::absolute(path).map_err(Problem::file(path)),
    }
}

/// The verb.
///
/// # Errors
/// The compiler's.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let part = match options.needed("--part")?.as_str() {
        "helper" => Part::Helper,
        "program" => Part::Program,
        other => return Err(Problem::Usage(format!("{other:?} is no part"))),
    };
    let plan = Plan::read(&options.path("--plan")?)?;
    let name = options.needed("--platform")?;
    let out = options.path("--out")?;
    let helpers = if part == Part::Program { Some(options.path("--helpers")?) } else { None };
    options.finish()?;
    let targets = Targets::read(root)?;
    check_toolchain(&targets)?;
    let platform = targets.platform(&name)?;
    let build = Build { root, plan: &plan, platform, work: root.join("target/release-build") };
    match helpers {
        None => build.helpers(&out),
        Some(helpers) => {
            let pins = build.work.join("pins.txt");
            files::write(&pins, crate::pins::table(&helpers, &targets)?)?;
            build.program(&pins, &helpers, &out)?;
            crate::tools::record(platform, &out).map(|_| ())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn nothing_of_a_machine_reaches_the_compiler() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let targets = Targets::read(&root).unwrap();
        let plan = Plan {
            version: "1.2.3".into(),
            tag: "v1.2.3".into(),
            prerelease: false,
            commit: "0".repeat(40),
            epoch: 1_700_000_000,
        };
        let foreign = [
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTC_BOOTSTRAP",
            "CARGO_BUILD_RUSTC",
            "CARGO_BUILD_RUSTC_WRAPPER",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            "CARGO_UNSTABLE_BUILD_STD",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_INCREMENTAL",
            "MACOSX_DEPLOYMENT_TARGET",
            "TSUKU_DLTEST_PINS",
            "TSUKU_DLTEST_EMBED",
            "TSUKU_RELEASE_VERSION",
            "LIBRARY_PATH",
            "LD_PRELOAD",
            "CC",
            "CFLAGS",
        ];
        let machine = foreign.iter().chain(&["PATH", "CARGO_HOME", "CARGO_REGISTRIES_CRATES_IO_INDEX"]);
        let machine: Vec<_> = machine
            .map(|name| (OsString::from(name), OsString::from(format!("of the machine: {name}"))))
            .collect();
        for platform in &targets.platforms {
            let work = std::env::temp_dir().join("tsuku-work");
            let build = Build { root: &root, plan: &plan, platform, work };
            let command = build.command("tsuku-verify", &[], machine.clone()).unwrap();
            let seen: Vec<_> = command.get_envs().collect();
            let value =
                |name: &str| seen.iter().find(|(found, _)| *found == name).and_then(|(_, value)| *value);
            for (name, value) in &seen {
                let is_foreign =
                    value.is_some_and(|value| value.to_string_lossy().starts_with("of the machine"));
                assert_eq!(is_foreign, environment::is_kept(name), "{name:?}");
                assert!(!is_foreign || !foreign.iter().any(|foreign| foreign == name), "{name:?}");
            }
            assert!(value("PATH").is_some() && value("CARGO_REGISTRIES_CRATES_IO_INDEX").is_some());
            assert_eq!(value("RUSTC_WRAPPER"), Some(OsStr::new("")));
            assert_eq!(value("TSUKU_RELEASE_VERSION"), Some(OsStr::new("1.2.3")));
            assert_eq!(value("TSUKU_DLTEST_PINS"), None);
            let oldest = platform.program.macos.as_deref().map(OsStr::new);
            assert_eq!(value("MACOSX_DEPLOYMENT_TARGET"), oldest);
        }
    }
}
