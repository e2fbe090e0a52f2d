//! What was predicted beside what happened.
//! It must never count in our favour what could not be compared: every library is in exactly one row.

use std::fmt;

use super::loader::Answer;

/// The program's word.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// `loads`, `fails` or `undecided`.
    pub verdict: String,
    /// The loader's sentence as JSON.
    pub message: Option<String>,
    /// How the loader itself dies.
    pub dies: Option<serde_json::Value>,
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.verdict)?;
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        self.dies.as_ref().map_or(Ok(()), |dies| write!(f, ", dies: {dies}"))
    }
}

/// How the two compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The same verdict, the same words.
    Same,
    /// The same verdict, other words.
    OtherText,
    /// A death was predicted as a refusal, or a refusal as a death.
    OtherManner,
    /// It was left open.
    Undecided,
    /// It was accepted and then died in code of its own, which no file tells.
    OwnCode,
    /// Predicted to load, and refused.
    FalsePass,
    /// Predicted to fail, and loaded.
    FalseFail,
    /// The program said nothing.
    NoAnswer,
    /// The loader could not be asked.
    NotAsked,
}

const ROWS: [(Agreement, &str); 9] = [
    (Agreement::Same, "agree"),
    (Agreement::OwnCode, "die in code of their own"),
    (Agreement::Undecided, "undecided"),
    (Agreement::OtherText, "other text"),
    (Agreement::OtherManner, "other manner"),
    (Agreement::FalsePass, "false pass"),
    (Agreement::FalseFail, "false fail"),
    (Agreement::NoAnswer, "no answer"),
    (Agreement::NotAsked, "not asked"),
];

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ROWS.iter().find(|(row, _)| row == self).map_or("", |(_, text)| text))
    }
}

/// A text as the report writes it.
pub fn json_of(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = tsuku_verify::cli::report::ndjson::write_json_bytes(&mut out, bytes);
    String::from_utf8_lossy(&out).into_owned()
}

/// Compares one library.
pub fn compare(prediction: Option<&Prediction>, answer: &Answer) -> Agreement {
    let Some(prediction) = prediction else { return Agreement::NoAnswer };
    let loads = prediction.verdict == "loads";
    match answer {
        Answer::NotAsked(_) => Agreement::NotAsked,
        _ if prediction.verdict == "undecided" => Agreement::Undecided,
        Answer::Loads if loads => Agreement::Same,
        Answer::Loads => Agreement::FalseFail,
        Answer::Refused(_) if loads => Agreement::FalsePass,
        Answer::Refused(_) if prediction.dies.is_some() => Agreement::OtherManner,
        Answer::Refused(message) if prediction.message.as_deref() == Some(json_of(message).as_str()) => {
            Agreement::Same
        }
        Answer::Refused(_) => Agreement::OtherText,
        Answer::Died(_) if loads => Agreement::OwnCode,
        Answer::Died(_) if prediction.dies.is_some() => Agreement::Same,
        Answer::Died(_) => Agreement::OtherManner,
    }
}

/// How many of each.
#[derive(Default)]
pub struct Score([usize; ROWS.len()]);

impl Score {
    /// One more.
    pub fn add(&mut self, agreement: Agreement) {
        for (count, (row, _)) in self.0.iter_mut().zip(ROWS) {
            *count += usize::from(row == agreement);
        }
    }

    /// How many there are of a kind.
    pub fn of(&self, agreement: Agreement) -> usize {
        self.0.iter().zip(ROWS).filter(|(_, (row, _))| *row == agreement).map(|(count, _)| count).sum()
    }

    /// All of them.
    pub fn all(&self) -> usize {
        self.0.iter().sum()
    }

    /// Verdicts that are wrong or missing.
    pub fn wrong(&self) -> usize {
        [Agreement::FalsePass, Agreement::FalseFail, Agreement::NoAnswer].map(|a| self.of(a)).iter().sum()
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
        writeln!(f, "libraries: {}", self.all())?;
        for (row, name) in ROWS {
            writeln!(f, "  {name:<25} {:>6}  {:>5.1} %", self.of(row), share(self.of(row), self.all()))?;
        }
        let exact = self.of(Agreement::Same);
        let spoken = exact + self.of(Agreement::OtherText) + self.of(Agreement::OtherManner);
        write!(f, "exact where both decide alike: {exact} of {spoken}, {:.1} %", share(exact, spoken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predicted(verdict: &str, message: Option<&str>, dies: bool) -> Prediction {
        let dies = dies.then(|| serde_json::json!({"how": "abort"}));
        Prediction { verdict: verdict.to_owned(), message: message.map(|m| json_of(m.as_bytes())), dies }
    }

    #[test]
    fn every_pair_has_one_row() {
        let (loads, refused) = (Answer::Loads, Answer::Refused(b"no \"such\" file".to_vec()));
        let died = Answer::Died("signal 11".to_owned());
        for (said, answer, row) in [
            (predicted("loads", None, false), &loads, Agreement::Same),
            (predicted("loads", None, false), &refused, Agreement::FalsePass),
            (predicted("loads", None, false), &died, Agreement::OwnCode),
            (predicted("fails", Some("no \"such\" file"), false), &refused, Agreement::Same),
            (predicted("fails", Some("another"), false), &refused, Agreement::OtherText),
            (predicted("fails", None, true), &refused, Agreement::OtherManner),
            (predicted("fails", None, true), &died, Agreement::Same),
            (predicted("fails", Some("x"), false), &died, Agreement::OtherManner),
            (predicted("fails", Some("x"), false), &loads, Agreement::FalseFail),
            (predicted("undecided", None, false), &loads, Agreement::Undecided),
        ] {
            assert_eq!(compare(Some(&said), answer), row, "{said} / {answer}");
            let mut score = Score::default();
            score.add(row);
            assert_eq!((score.all(), score.of(row)), (1, 1));
            let wrong = matches!(row, Agreement::FalsePass | Agreement::FalseFail);
            assert_eq!(score.wrong(), usize::from(wrong));
        }
        assert_eq!(compare(None, &loads), Agreement::NoAnswer);
        // What is no text keeps its bytes on both sides.
        assert_eq!(json_of(b"lib\xff.so"), r#""lib\udcff.so""#);
    }
}
