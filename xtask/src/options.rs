//! The words behind a verb: `--name value` and `--flag`.
//! It must never ignore a word: what nobody asked for is a mistake.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::problem::Problem;

/// The words not yet taken.
#[derive(Debug)]
pub struct Options {
    words: Vec<OsString>,
}

impl Options {
    /// All words behind the verb.
    pub fn new(words: impl IntoIterator<Item = OsString>) -> Options {
        Options { words: words.into_iter().collect() }
    }

    /// Takes `name`, if it is there.
    pub fn flag(&mut self, name: &str) -> bool {
        let at = self.words.iter().position(|word| word == name);
        at.map(|at| self.words.remove(at)).is_some()
    }

    /// Takes `name` and the word behind it.
    ///
    /// # Errors
    /// There is no word behind it.
    pub fn value(&mut self, name: &str) -> Result<Option<OsString>, Problem> {
        let Some(at) = self.words.iter().position(|word| word == name) else { return Ok(None) };
        if at + 1 == self.words.len() {
            return Err(Problem::Usage(format!("{name} needs a value")));
        }
        self.words.remove(at);
        Ok(Some(self.words.remove(at)))
    }

    /// The same, as text.
    ///
    /// # Errors
    /// There is no value, or it is not UTF-8.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let text = |word: OsString| {
            word.into_string().map_err(|_| Problem::Usage(format!("the value of {name} is not UTF-8")))
        };
        self.value(name)?.map(text).transpose()
    }

    /// The same, as a path that must be given.
    ///
    /// # Errors
    /// It is not given.
    pub fn path(&mut self, name: &str) -> Result<PathBuf, Problem> {
        self.value(name)?.map(PathBuf::from).ok_or_else(|| Problem::Usage(format!("{name} is needed")))
    }

    /// The same, as text that must be given.
    ///
    /// # Errors
    /// It is not given, or not UTF-8.
    pub fn needed(&mut self, name: &str) -> Result<String, Problem> {
        self.text(name)?.ok_or_else(|| Problem::Usage(format!("{name} is needed")))
    }

    /// Every value of a name that may come more than once.
    ///
    /// # Errors
    /// The last one has no value.
    pub fn all(&mut self, name: &str) -> Result<Vec<PathBuf>, Problem> {
        let mut found = Vec::new();
        while let Some(value) = self.value(name)? {
            found.push(PathBuf::from(value));
        }
        Ok(found)
    }

    /// All words have been taken.
    ///
    /// # Errors
    /// Some have not.
    pub fn finish(self) -> Result<(), Problem> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(Problem::Usage(format!("what is {:?}?", word.to_string_lossy()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_taken_or_refused() {
        let words = ["--out", "here", "--quick", "--root", "a", "--root", "b", "stray"];
        let mut options = Options::new(words.map(OsString::from));
        assert!(options.flag("--quick") && !options.flag("--quick"));
        assert_eq!(options.path("--out").unwrap(), PathBuf::from("here"));
        assert_eq!(options.all("--root").unwrap().len(), 2);
        assert!(matches!(options.needed("--tag"), Err(Problem::Usage(_))));
        assert!(matches!(options.finish(), Err(Problem::Usage(_))));
        assert!(Options::new(["--out".into()]).value("--out").is_err());
    }
}
