//! Reads the directives of a case. The language is described in `testdata/README.md`.

use super::outcome::Outcome;
use std::fs;
use std::path::{Path, PathBuf};

/// One word of a directive: `value` or `key=value`.
#[derive(Clone, Debug)]
pub struct Word {
    pub key: Option<String>,
    pub value: String,
}

/// One thing to do while building a case, in the order written.
#[derive(Debug)]
pub struct Step {
    pub line: usize,
    pub verb: String,
    pub words: Vec<Word>,
}

/// A fact about this machine that the outcome depends on.
#[derive(Clone, Debug)]
enum Condition {
    AtLeast((u32, u32)),
    Below((u32, u32)),
    /// The same of musl, whose major number has always been 1: its two others count.
    MuslAtLeast((u32, u32)),
    /// The processor lacks a flag of `/proc/cpuinfo`.
    Lacks(String),
}

impl Condition {
    fn holds(&self, loader: Loader, release: (u32, u32)) -> bool {
        match self {
            Self::AtLeast(version) => loader == Loader::Glibc && release >= *version,
            Self::Below(version) => loader == Loader::Glibc && release < *version,
            Self::MuslAtLeast(version) => loader == Loader::Musl && release >= *version,
            Self::Lacks(flag) => !cpu_has(flag),
        }
    }
}

/// Whether the first processor has a flag of `/proc/cpuinfo`.
pub fn cpu_has(flag: &str) -> bool {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = info.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    flags.split_whitespace().any(|word| word == flag)
}

/// Whose loader is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loader {
    Glibc,
    Musl,
}

/// A parsed case directory.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub dir: PathBuf,
    pub root: String,
    pub steps: Vec<Step>,
    pub env: Vec<(String, String)>,
    pub cwd: Option<String>,
    pub preloaded: Vec<String>,
    pub findings: Vec<String>,
    pub requires: Vec<String>,
    pub has_rule: bool,
    /// Whose loader the directive is about.
    pub loader: Loader,
    expects: Vec<(Option<Condition>, Outcome)>,
}

const STEPS: &[&str] =
    &["Lib", "Write", "Symlink", "Hardlink", "Copy", "Move", "Remove", "Dir", "Fifo", "Edit", "Run"];

impl Case {
    /// Parses `DIR/case.c`.
    pub fn read(dir: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(dir.join("case.c")).map_err(|e| format!("case.c: {e}"))?;
        let family = dir.parent().and_then(Path::file_name).unwrap_or_default();
        let name = Path::new(family).join(dir.file_name().unwrap_or_default());
        let mut case = Self {
            name: name.display().to_string(),
            dir: dir.to_owned(),
            root: "libx.so".to_owned(),
            steps: Vec::new(),
            env: Vec::new(),
            cwd: None,
            preloaded: Vec::new(),
            findings: Vec::new(),
            requires: Vec::new(),
            has_rule: false,
            loader: Loader::Glibc,
            expects: Vec::new(),
        };
        for (number, line) in text.lines().enumerate() {
            if let Some(directive) = line.strip_prefix("//#") {
                case.directive(number + 1, directive).map_err(|e| format!("line {}: {e}", number + 1))?;
            } else if line.starts_with("// ") {
                case.has_rule = true;
            }
        }
        if !case.expects.iter().any(|(condition, _)| condition.is_none()) {
            return Err("no unconditional //#Expect".to_owned());
        }
        Ok(case)
    }

    fn directive(&mut self, line: usize, text: &str) -> Result<(), String> {
        let (verb, rest) = text.split_once(':').ok_or("a directive is //#Verb: words")?;
        let rest = rest.trim();
        match verb {
            "Root" => self.root = rest.to_owned(),
            "Cwd" => self.cwd = Some(rest.to_owned()),
            "Loader" if rest == "musl" => self.loader = Loader::Musl,
            "Preload" => self.preloaded.push(rest.to_owned()),
            "Finding" => self.findings.push(rest.to_owned()),
            "Requires" => self.requires.extend(rest.split_whitespace().map(str::to_owned)),
            "Env" => {
                let (key, value) = rest.split_once('=').ok_or("Env is NAME=value")?;
                self.env.push((key.to_owned(), value.to_owned()));
            }
            "Expect" => self.expects.push((None, outcome(&words(rest)?)?)),
            "ExpectIf" => {
                let mut all = words(rest)?;
                let condition = condition(&all.remove(0))?;
                self.expects.push((Some(condition), outcome(&all)?));
            }
            _ if STEPS.contains(&verb) => {
                let words = words(rest)?;
                self.steps.push(Step { line, verb: verb.to_owned(), words });
            }
            other => return Err(format!("unknown directive {other}")),
        }
        Ok(())
    }

    /// The expectation on this machine: the last conditional one that applies, else the unconditional one.
    pub fn expected(&self, release: (u32, u32), dir: &str) -> Outcome {
        let holds =
            |condition: &Option<Condition>| condition.as_ref().is_some_and(|c| c.holds(self.loader, release));
        let conditional = self.expects.iter().rev().find(|(condition, _)| holds(condition));
        let chosen = conditional.or_else(|| self.expects.iter().find(|(condition, _)| condition.is_none()));
        match chosen.map(|(_, outcome)| outcome) {
            Some(Outcome::Fails(text)) => Outcome::Fails(text.replace("{D}", dir)),
            Some(other) => other.clone(),
            None => Outcome::Other("no directive".to_owned()),
        }
    }
}

fn condition(word: &Word) -> Result<Condition, String> {
    let text = word.value.as_str();
    let version = |text: &str| parse_version(text).ok_or_else(|| format!("bad version {text}"));
    if let Some(least) = text.strip_prefix("glibc>=") {
        Ok(Condition::AtLeast(version(least)?))
    } else if let Some(limit) = text.strip_prefix("glibc<") {
        Ok(Condition::Below(version(limit)?))
    } else if let Some(least) = text.strip_prefix("musl>=1.") {
        Ok(Condition::MuslAtLeast(version(least)?))
    } else if let Some(flag) = text.strip_prefix("lacks:") {
        Ok(Condition::Lacks(flag.to_owned()))
    } else {
        Err(format!("unknown condition {text}"))
    }
}

/// `2.36` as a pair that compares in order.
pub fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once('.')?;
    let minor: String = minor.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn outcome(words: &[Word]) -> Result<Outcome, String> {
    let values: Vec<&str> = words.iter().map(|w| w.value.as_str()).collect();
    match values.as_slice() {
        ["loads"] => Ok(Outcome::Loads),
        ["fails", text] => Ok(Outcome::Fails((*text).to_owned())),
        ["dies", how] if matches!(*how, "abort" | "hang") || how.starts_with("SIG") => {
            Ok(Outcome::Dies((*how).to_owned()))
        }
        _ => Err("expected: loads | fails \"text\" | dies abort|hang|SIGNAL".to_owned()),
    }
}

/// Splits a directive into words. Quotes may start anywhere; inside them `\n`, `\"`, `\\` and `\xNN` are understood.
/// A `\xNN` becomes the character with that number, which `Write` turns back into one byte.
pub fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(out);
        }
        let mut word = Word { key: None, value: String::new() };
        let mut bare = true;
        while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
            let is_key = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase());
            match c {
                '"' => {
                    bare = false;
                    quoted(&mut chars, &mut word.value)?;
                }
                '=' if bare && word.key.is_none() && is_key(&word.value) => {
                    word.key = Some(std::mem::take(&mut word.value));
                }
                other => word.value.push(other),
            }
        }
        out.push(word);
    }
}

fn quoted(chars: &mut impl Iterator<Item = char>, value: &mut String) -> Result<(), String> {
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok(()),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some('x') => {
                    let digits: String = chars.by_ref().take(2).collect();
                    let byte = u8::from_str_radix(&digits, 16).map_err(|e| format!("\\x{digits}: {e}"))?;
                    value.push(char::from(byte));
                }
                Some(other) => value.push(other),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("quote not closed".to_owned())
}
