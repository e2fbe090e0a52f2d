//! Reads a case: `testdata/macho/NAME.case`. The language is described in `testdata/macho/README.md`.

use std::fs;
use std::path::Path;

use super::build::Image;

/// One thing to do, in the order written.
#[derive(Debug)]
pub enum Step {
    Image(Box<Image>),
    /// (output, slices, 64-bit header).
    Fat(String, Vec<String>, bool),
    /// (file, verb, words, signed again).
    Edit(String, Vec<String>, bool),
    Write(String, String),
    Symlink(String, String),
    Copy(String, String),
    Dir(String),
}

/// What is expected of one loader.
#[derive(Debug)]
pub struct Expectation {
    /// Loader names; empty for the default.
    pub loaders: Vec<String>,
    /// `loads`, `fails`, `undecided`, `dies`.
    pub verdict: String,
    /// The text, or the signal.
    pub text: Option<String>,
    /// Codes that must be among the findings.
    pub findings: Vec<String>,
    /// The class, if it is said.
    pub class: Option<String>,
}

/// A parsed case.
#[derive(Debug, Default)]
pub struct Case {
    pub root: String,
    /// Further arguments of the program, `{D}` for the directory.
    pub options: Vec<String>,
    pub steps: Vec<Step>,
    pub expects: Vec<Expectation>,
    pub cites: Vec<String>,
    has_rule: bool,
}

impl Case {
    /// Parses one file.
    pub fn read(path: &Path) -> Result<Case, String> {
        let text = fs::read_to_string(path).map_err(|e| e.to_string())?;
        let mut case = Case { root: "libx.dylib".to_owned(), ..Case::default() };
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with('#') {
                case.has_rule = true;
            } else if !line.is_empty() {
                case.directive(line).map_err(|e| format!("line {}: {e}", number + 1))?;
            }
        }
        if !case.has_rule || case.expects.is_empty() {
            return Err("a case has a rule (# ...) and an expectation".to_owned());
        }
        if case.cites.is_empty() {
            return Err("a case cites the function it follows (cite: file function)".to_owned());
        }
        Ok(case)
    }

    fn directive(&mut self, line: &str) -> Result<(), String> {
        let (verb, rest) = line.split_once(':').ok_or("verb: words")?;
        let words = words(rest)?;
        let word = |at: usize| words.get(at).cloned().ok_or_else(|| format!("{verb}: word {at} is missing"));
        match verb {
            "cite" => self.cites.push(rest.trim().to_owned()),
            "root" => self.root = word(0)?,
            "option" => self.options.extend(words),
            "image" => self.steps.push(Step::Image(Box::new(image(&words)?))),
            "fat" | "fat64" => {
                let slices = words.get(1..).unwrap_or_default().to_vec();
                self.steps.push(Step::Fat(word(0)?, slices, verb == "fat64"));
            }
            "edit" | "damage" => {
                let rest = words.get(1..).unwrap_or_default().to_vec();
                self.steps.push(Step::Edit(word(0)?, rest, verb == "edit"));
            }
            "write" => self.steps.push(Step::Write(word(0)?, words.get(1).cloned().unwrap_or_default())),
            "symlink" => self.steps.push(Step::Symlink(word(0)?, word(1)?)),
            "copy" => self.steps.push(Step::Copy(word(0)?, word(1)?)),
            "dir" => self.steps.push(Step::Dir(word(0)?)),
            _ if verb == "expect" || verb.starts_with("expect ") => {
                self.expects.push(expectation(verb, &words)?);
            }
            _ => return Err(format!("unknown directive {verb}")),
        }
        Ok(())
    }
}

fn expectation(verb: &str, words: &[String]) -> Result<Expectation, String> {
    let loaders = verb.strip_prefix("expect").unwrap_or_default().split_whitespace().map(str::to_owned);
    let mut words = words.iter();
    let mut expected = Expectation {
        loaders: loaders.collect(),
        verdict: words.next().cloned().ok_or("a verdict")?,
        text: None,
        findings: Vec::new(),
        class: None,
    };
    if !["loads", "fails", "undecided", "dies"].contains(&expected.verdict.as_str()) {
        return Err(format!("{}: loads, fails, undecided or dies", expected.verdict));
    }
    for word in words {
        if let Some(code) = word.strip_prefix("finding=") {
            expected.findings.push(code.to_owned());
        } else if let Some(class) = word.strip_prefix("class=") {
            expected.class = Some(class.to_owned());
        } else if expected.text.is_none() {
            expected.text = Some(word.clone());
        } else {
            return Err(format!("what is {word}?"));
        }
    }
    let has_text = expected.text.is_some();
    if has_text != matches!(expected.verdict.as_str(), "fails" | "dies") {
        return Err("`fails` has the text, `dies` the signal, the others have none".to_owned());
    }
    Ok(expected)
}

fn image(words: &[String]) -> Result<Image, String> {
    let mut words = words.iter();
    let path = words.next().cloned().ok_or("the path of the image")?;
    let leaf = path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut image = Image {
        id: Some(format!("@rpath/{leaf}")),
        path,
        arch: "arm64".to_owned(),
        kind: "dylib".to_owned(),
        platform: "macos".to_owned(),
        min: "12.0".to_owned(),
        sdk: "14.0".to_owned(),
        chained: true,
        ..Image::default()
    };
    for word in words {
        let (key, value) = word.split_once('=').ok_or_else(|| format!("{word}: key=value"))?;
        let value = value.to_owned();
        match key {
            "arch" => image.arch = value,
            "type" => image.kind = value,
            "id" => image.id = Some(value),
            "platform" => image.platform = value,
            "min" => image.min = value,
            "sdk" => image.sdk = value,
            "fixups" => image.chained = value == "chained",
            "namespace" => image.flat_namespace = value == "flat",
            "rpath" => image.rpaths.push(value),
            "needs" | "weak" | "reexport" | "upward" => {
                let how = if key == "needs" { "load" } else { key };
                image.needs.push((value, how.to_owned()));
            }
            "exports" => image.exports.extend(value.split(',').map(str::to_owned)),
            "calls" => image.calls.push(value),
            "data" => image.data.push(value),
            "libsystem" => image.no_system = value == "no",
            "flag" => image.flags.push(value),
            _ => return Err(format!("unknown key {key}")),
        }
    }
    if image.kind != "dylib" {
        image.id = None;
    }
    Ok(image)
}

/// Words are separated by blanks; `"..."` holds blanks, `\n` and `\xNN`, and may begin in the middle of a word.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(out);
        }
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
            if c != '"' {
                word.push(c);
                continue;
            }
            loop {
                match chars.next().ok_or("quote not closed")? {
                    '"' => break,
                    '\\' => match chars.next().ok_or("quote not closed")? {
                        'n' => word.push('\n'),
                        'x' => {
                            let digits: String = chars.by_ref().take(2).collect();
                            let byte = u8::from_str_radix(&digits, 16).map_err(|e| e.to_string())?;
                            word.push(char::from(byte));
                        }
                        other => word.push(other),
                    },
                    other => word.push(other),
                }
            }
        }
        out.push(word);
    }
}
