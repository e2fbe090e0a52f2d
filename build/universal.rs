//! How the universal helper is made: two empty stub libraries, then one program linked against them.
//! It must never take a flag, a library or a path from the machine it runs on, so that the bytes depend on the compiler alone.
//! Shared by the build script, which embeds the helper, and the release tool, which ships it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::environment;

/// One helper.
pub struct Universal {
    /// The compiler.
    pub rustc: OsString,
    /// Target triple of the helper.
    pub target: String,
    /// Whether that is this machine, so that the system's `cc` can link.
    pub native: bool,
    /// Root of this repository.
    pub root: PathBuf,
    /// What it calls itself.
    pub version: String,
    /// PT_INTERP.
    pub interpreter: String,
    /// A directory to work in.
    pub scratch: PathBuf,
}

#[derive(Clone, Copy)]
enum Linker {
    Lld,
    Cc,
    /// As `Cc`, told not to use the lld that newer compilers ask it for.
    CcOwn,
}

/// The loader that serves a processor family under glibc, if there is a `_start` for it.
pub fn interpreter(arch: &str) -> Option<&'static str> {
    match arch {
        "x86_64" => Some("/lib64/ld-linux-x86-64.so.2"),
        "aarch64" => Some("/lib/ld-linux-aarch64.so.1"),
        _ => None,
    }
}

impl Universal {
    /// Builds it as the file `helper`, with the toolchain's own linker or else the system's.
    ///
    /// # Errors
    /// What the linkers, or the compiler, had to say.
    pub fn build(&self, helper: &Path) -> Result<(), String> {
        let mut said = Vec::new();
        for linker in [Linker::Lld, Linker::Cc, Linker::CcOwn] {
            match self.build_with(helper, linker) {
                Ok(()) => return Ok(()),
                Err(why) => said.push(why),
            }
        }
        Err(said.join("; "))
    }

    /// Two empty libraries with the names of libc and libdl and no versions, then the program against them.
    fn build_with(&self, helper: &Path, linker: Linker) -> Result<(), String> {
        let sources = self.root.join("src/loader/universal");
        let stubs = self.scratch.join("stubs");
        std::fs::create_dir_all(&stubs).map_err(|e| e.to_string())?;
        for (name, soname) in [("c", "libc.so.6"), ("dl", "libdl.so.2")] {
            let soname = format!("-soname={soname}");
            let mut rustc = self.compiler();
            rustc
                .args(["--crate-type=cdylib", "--crate-name", name, "-o"])
                .arg(stubs.join(format!("lib{name}.so")));
            rustc.args(self.link(linker, &[&soname])).arg(sources.join(format!("stubs/{name}.rs")));
            run(rustc)?;
        }
        let mut rustc = self.compiler();
        rustc.env("TSUKU_DLTEST_VERSION", &self.version).args([
            "--crate-type=bin",
            "--crate-name=tsuku_dltest",
            "-Cstrip=symbols",
            "-o",
        ]);
        rustc.arg(helper).arg("-L").arg(&stubs).arg(sources.join("main.rs"));
        let loader = format!("--dynamic-linker={}", self.interpreter);
        let discard = format!("--script={}", sources.join("discard.ld").display());
        let wanted = [
            "-lc",
            "-ldl",
            "-pie",
            &loader,
            "-znow",
            "-znoseparate-code",
            "--gc-sections",
            "--build-id=none",
            "--hash-style=both",
            "--no-eh-frame-hdr",
            &discard,
        ];
        rustc.args(self.link(linker, &wanted));
        run(rustc)
    }

    fn link(&self, linker: Linker, args: &[&str]) -> Vec<String> {
        match linker {
            Linker::Lld => {
                let mut all = vec!["-Clinker=rust-lld".to_owned(), "-Clinker-flavor=ld.lld".to_owned()];
                all.extend(args.iter().map(|arg| format!("-Clink-arg={arg}")));
                all
            }
            Linker::Cc | Linker::CcOwn => {
                let mut all = vec![
                    "-Clinker-flavor=gcc".to_owned(),
                    "-Clink-arg=-nostdlib".to_owned(),
                    "-Clink-arg=-nostartfiles".to_owned(),
                ];
                let arch = self.target.split('-').next().unwrap_or_default();
                if matches!(linker, Linker::CcOwn) {
                    all.push("-Clinker-features=-lld".to_owned());
                }
                let cc = if self.native { "cc".to_owned() } else { format!("{arch}-linux-gnu-gcc") };
                all.push(format!("-Clinker={cc}"));
                all.extend(args.iter().map(|arg| format!("-Clink-arg=-Wl,{}", arg.replace(' ', ","))));
                all
            }
        }
    }

    fn compiler(&self) -> Command {
        let mut rustc = Command::new(&self.rustc);
        rustc.args([
            "--edition=2024",
            "--target",
            &self.target,
            "-Copt-level=z",
            "-Cpanic=abort",
            "-Cdebuginfo=0",
        ]);
        rustc.args([
            "-Ccodegen-units=1",
            "-Coverflow-checks=off",
            "-Crelocation-model=pic",
            "-Ctarget-feature=-crt-static",
            "--cap-lints=allow",
        ]);
        rustc.args(["-Clink-self-contained=no", "-Cdefault-linker-libraries=no", "-Cforce-unwind-tables=no"]);
        // The same bytes wherever the sources lie.
        rustc.arg(format!("--remap-path-prefix={}=.", self.root.display()));
        environment::clean(&mut rustc, std::env::vars_os());
        rustc
    }
}

fn run(mut command: Command) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(text.lines().rev().find(|line| line.starts_with("error")).unwrap_or("the compiler failed").to_owned())
}
