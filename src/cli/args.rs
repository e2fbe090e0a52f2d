//! The command line as it is written, option by option.
//! It must never look at the disk, the terminal or the environment: that is `request.rs`.
//! Follows the conventions of GNU long options; every path is bytes, never assumed to be UTF-8.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::cmd_helper::HelperArgs;

/// Says whether shared libraries will load, and if not, why, without running them.
#[derive(Debug, Parser)]
#[command(name = "tsuku-verify", version = crate::loader::helper::VERSION, about, long_about = None, after_help = EXIT_STATUS)]
pub struct Raw {
    /// What to do.
    #[command(subcommand)]
    pub command: RawCommand,
}

const EXIT_STATUS: &str = "Exit status: 0 nothing broken, 7 at least one library failed, 1 the work could not be done, 2 wrong usage, 3 no such name in the home, or a helper that was refused.";

/// The sub-commands.
#[derive(Debug, Subcommand)]
pub enum RawCommand {
    /// Judge every shared library below directories; without one, all of the tsuku home.
    Audit(AuditArgs),
    /// Make one report of the reports of parts (`audit --shard`).
    Merge(MergeArgs),
    /// Judge libraries and tools of the tsuku home by name, or the given files.
    Verify(VerifyArgs),
    /// Report on the whole tsuku home: every library, what breaks it, what mends it.
    Doctor(DoctorArgs),
    /// Show what a library would bring into the process, from where, and what is missing.
    Tree(TreeArgs),
    /// Say what a finding means and how to mend it; without a code, list the codes.
    Explain(ExplainArgs),
    /// Show the loader whose verdict is predicted.
    Loader(LoaderArgs),
    /// The program that really loads libraries at level 3: write it to a file, or say what is built in.
    Helper(HelperArgs),
    /// Print the completions of a shell.
    Completions(CompletionsArgs),
    /// Print the manual page, of the program or of one of its commands.
    Man(ManArgs),
}

/// `doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tsuku-verify doctor\n  tsuku-verify doctor --json --no-integrity\n  TSUKU_HOME=/opt/tsuku tsuku-verify doctor"
)]
pub struct DoctorArgs {
    /// As --format json.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Do not compare files with their recorded sums.
    #[arg(long, conflicts_with = "integrity")]
    pub no_integrity: bool,
    /// The home.
    #[command(flatten)]
    pub home: HomeArgs,
    /// What to look at, and how to say it.
    #[command(flatten)]
    pub run: RunArgs,
    /// The loader and the process.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// `completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tsuku-verify completions bash > ~/.local/share/bash-completion/completions/tsuku-verify"
)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tsuku-verify man doctor | man -l -")]
pub struct ManArgs {
    /// The command (default: the program itself).
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

/// The home of tsuku.
#[derive(Debug, Args)]
#[command(next_help_heading = "Home")]
pub struct HomeArgs {
    /// The home (default: $TSUKU_HOME, or ~/.tsuku).
    #[arg(long, value_name = "DIR")]
    pub tsuku_home: Option<OsString>,
    /// Judge as tsuku's wrappers start tools, plainly, or both and say where they differ.
    #[arg(long = "as", value_enum, default_value_t = As::Both)]
    pub surroundings: As,
    /// Compare files with the sums recorded when they were installed.
    #[arg(long)]
    pub integrity: bool,
    /// Taken for tsuku's sake: nothing is loaded below level 3.
    #[arg(long)]
    pub skip_dlopen: bool,
}

/// Environments files of a home are judged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum As {
    /// Without the wrapper, and with it; the second counts.
    Both,
    /// LD_LIBRARY_PATH as asked for.
    Plain,
    /// LD_LIBRARY_PATH names the lib directory of every library.
    Wrapper,
}

/// `audit`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tsuku-verify audit\n  tsuku-verify audit /opt/app --executables --format sarif --output app.sarif\n  tsuku-verify audit --root image/ /usr/lib /opt"
)]
pub struct AuditArgs {
    /// Directories (inside the root, if one is given).
    #[arg(value_name = "DIR")]
    pub dirs: Vec<OsString>,
    /// Judge executables too.
    #[arg(long)]
    pub executables: bool,
    /// Judge the Ith of N parts only, told by path: `merge` makes one report of all parts.
    #[arg(long, value_name = "I/N", value_parser = shard, requires = "dirs")]
    pub shard: Option<(u32, u32)>,
    /// The home.
    #[command(flatten)]
    pub home: HomeArgs,
    /// What to look at, and how to say it.
    #[command(flatten)]
    pub run: RunArgs,
    /// The loader and the process.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// The part of an audit, as in 3/8.
fn shard(text: &str) -> Result<(u32, u32), String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    parts.filter(|(i, n)| (1..=*n).contains(i)).ok_or_else(|| "expected I/N with I from 1 to N".to_owned())
}

/// `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Reports, all json or all ndjson.
    #[arg(value_name = "REPORT", required = true)]
    pub reports: Vec<OsString>,
    /// Write the report to FILE, whole or not at all.
    #[arg(long, value_name = "FILE")]
    pub output: Option<OsString>,
}

/// `verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tsuku-verify verify zlib openssl@3.6.0 --integrity\n  tsuku-verify verify zlib --level 3\n  tsuku-verify verify ./libfoo.so.1 --explain\n  find . -name '*.so' -print0 | tsuku-verify verify --paths-from -"
)]
pub struct VerifyArgs {
    /// Names of the home, as zlib or zlib@1.3.1, or files (inside the root, if one is given). What has a slash is a file.
    #[arg(value_name = "NAME|PATH", required_unless_present = "paths_from", conflicts_with = "paths_from")]
    pub paths: Vec<OsString>,
    /// Read the paths from FILE, or from standard input if it is `-`; separated by NUL, or by newline if there is no NUL.
    #[arg(long, value_name = "FILE")]
    pub paths_from: Option<OsString>,
    /// The home.
    #[command(flatten)]
    pub home: HomeArgs,
    /// What to look at, and how to say it.
    #[command(flatten)]
    pub run: RunArgs,
    /// The loader and the process.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// `tree`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tsuku-verify tree /usr/lib/libfoo.so.1\n  tsuku-verify tree libfoo.so.1 --env LD_LIBRARY_PATH=/opt/lib"
)]
pub struct TreeArgs {
    /// The library (inside the root, if one is given).
    #[arg(value_name = "PATH")]
    pub path: OsString,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = TextFormat::Auto)]
    pub format: TextFormat,
    /// Show what libraries need that the process has loaded before, too.
    #[arg(long, short)]
    pub verbose: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// The loader and the process.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// `explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tsuku-verify explain\n  tsuku-verify explain needed-not-found")]
pub struct ExplainArgs {
    /// The code, as reports print it.
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

/// `loader`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tsuku-verify loader\n  tsuku-verify loader --root image/ --format json")]
pub struct LoaderArgs {
    /// How to say it.
    #[arg(long, value_enum, default_value_t = TextFormat::Auto)]
    pub format: TextFormat,
    /// Write the profile of this machine, or of the root, to FILE: judge with --profile FILE elsewhere. With --host for
    /// that program.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["profile", "host_profile", "loader", "preloaded"])]
    pub save: Option<OsString>,
    /// The loader and the process.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// What is common to the commands that judge many libraries.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// 1: would the loader open the file; 2: would the whole call succeed; 3: does it survive being loaded.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=3), default_value_t = 2)]
    pub level: u8,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = ReportFormat::Auto)]
    pub format: ReportFormat,
    /// Write the report to FILE, whole or not at all.
    #[arg(long, value_name = "FILE")]
    pub output: Option<OsString>,
    /// Threads (default: one a processor).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Bind as RTLD_LAZY does: a function that is missing is only missed when it is called.
    #[arg(long)]
    pub lazy: bool,
    /// Keep results in DIR, and give them again while nothing they rest on has changed (default: for a home, in the user's
    /// cache directory, unless CI is set).
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    pub cache: Option<OsString>,
    /// Keep no results and use none.
    #[arg(long)]
    pub no_cache: bool,
    /// Print nothing but errors.
    #[arg(long, short, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print the libraries that load too, and every finding.
    #[arg(long, short)]
    pub verbose: bool,
    /// Say below the first finding of each kind what it means.
    #[arg(long)]
    pub explain: bool,
    /// Let a library that only lacks its host program, or is made for another machine, fail the run.
    #[arg(long)]
    pub strict: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Loading for real.
    #[command(flatten)]
    pub level3: Level3Args,
}

/// How libraries are really loaded at `--level 3`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Level 3: really loading")]
pub struct Level3Args {
    /// Which libraries are loaded: those where it can add something, all, or none.
    #[arg(long, value_enum, default_value_t = Probe::Auto)]
    pub probe: Probe,
    /// What loaded code may not do: what keeps verdicts as they are, nothing, or everything or no probe.
    #[arg(long, value_enum, default_value_t = SandboxMode::Auto)]
    pub sandbox: SandboxMode,
    /// Seconds one library may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pub timeout: f64,
    /// Address space a library may have, in bytes or with K, M, G or T: less than it reserves makes it fail.
    #[arg(long, value_name = "SIZE", default_value = "32T", value_parser = size)]
    pub address_space: u64,
    /// Load under this dynamic loader instead of the machine's.
    #[arg(long, value_name = "PATH")]
    pub probe_loader: Option<OsString>,
    /// Use this helper program and no other (default: $TSUKU_DLTEST_PATH, or the one inside).
    #[arg(long, value_name = "FILE")]
    pub helper: Option<OsString>,
    /// It is an error if libraries that should be loaded could not be tried.
    #[arg(long)]
    pub require_level3: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.01..=3600.0).contains(&value) { Ok(value) } else { Err("between 0.01 and 3600".to_owned()) }
}

/// Bytes, or as many times 1024 of them as the letter says.
fn size(text: &str) -> Result<u64, String> {
    let powers = [("K", 10), ("M", 20), ("G", 30), ("T", 40)];
    let (digits, shift) = powers
        .iter()
        .find_map(|(letter, shift)| Some((text.strip_suffix(letter)?, *shift)))
        .unwrap_or((text, 0));
    let count: u64 = digits.parse().map_err(|_| "not a number of bytes".to_owned())?;
    match count.checked_mul(1 << shift) {
        // With less no library is loaded, whatever it is.
        Some(bytes) if bytes >= 16 << 20 => Ok(bytes),
        Some(_) => Err("at least 16M".to_owned()),
        None => Err("too much".to_owned()),
    }
}

/// `--probe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Probe {
    /// Where loading can add something.
    Auto,
    /// All, also those predicted to fail.
    Always,
    /// None.
    Never,
}

/// `--sandbox`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SandboxMode {
    /// What the kernel offers and ordinary libraries do not notice.
    Auto,
    /// Nothing.
    Off,
    /// All of it, or no probe.
    Strict,
}

/// The loader whose verdict is predicted, and the process it works in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Loader and process")]
pub struct JudgeArgs {
    /// Judge as seen inside this directory: every path, operands too, is one inside it.
    #[arg(long, value_name = "DIR")]
    pub root: Option<OsString>,
    /// Judge for the machine whose profile this is (`loader --save`); with several, for each of them.
    #[arg(long, value_name = "FILE", conflicts_with = "root")]
    pub profile: Vec<OsString>,
    /// As --profile, and as loaded into the host program the profile was saved for. With --profile: for that machine, in
    /// this profile's host program, with what the program needs and the machine has not.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["root", "host"])]
    pub host_profile: Option<OsString>,
    /// A directory of this machine that is visible inside the root, or beside the profile, under its own path (default
    /// with a profile: all that is no system directory).
    #[arg(long, value_name = "DIR")]
    pub bind: Vec<OsString>,
    /// The loader, as in glibc-2.31, musl-1.2.5, macos-14 or macos-15.4-x86_64 (default: the one found; macos-14 for Mach-O files). It judges everything.
    #[arg(long, value_name = "LOADER")]
    pub loader: Option<String>,
    /// Only files for this are at home here, as in musl, i386 or aarch64-glibc (default: each is judged by the loader it is made for).
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// The processor level, as in x86-64-v3 (default: this machine's).
    #[arg(long, value_name = "LEVEL")]
    pub cpu: Option<String>,
    /// Judge libraries as loaded into this program (default: one that links only libc).
    #[arg(long, value_name = "PROGRAM")]
    pub host: Option<OsString>,
    /// A variable of the process's environment, which is empty otherwise.
    #[arg(long, value_name = "K=V")]
    pub env: Vec<OsString>,
    /// The process's working directory (default: the caller's).
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<OsString>,
    /// A library the process has loaded already.
    #[arg(long, value_name = "LIB")]
    pub preloaded: Vec<OsString>,
    /// An SDK of macOS, whose stubs tell what the system's libraries export.
    #[arg(long, value_name = "DIR")]
    pub sdk: Option<OsString>,
    /// Read files instead of mapping them.
    #[arg(long)]
    pub no_mmap: bool,
    /// Say on standard error where the time went.
    #[arg(long)]
    pub timings: bool,
}

/// Formats of `audit` and `verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A table.
    Auto,
    /// For people.
    Table,
    /// One document.
    Json,
    /// One object a line and library.
    Ndjson,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, for test reports.
    Junit,
    /// Annotations of GitHub workflows.
    Github,
}

/// Formats of `tree` and `loader`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TextFormat {
    /// Text.
    Auto,
    /// For people.
    Text,
    /// One document.
    Json,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
