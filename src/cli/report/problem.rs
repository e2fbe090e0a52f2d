//! What every list-like format needs: one case a judged file or tree, and the problems found in it.
//! It must never know a format; the formats know nothing of libraries and homes.
//! The neutral middle, as in ruff's diagnostics: one shape, one file per output.

use super::row::Row;
use super::surveyed::{Surveyed, TreeRow};
use crate::analyzer::catalogue;
use crate::analyzer::finding::{Finding, Severity};
use crate::analyzer::verdict::Verdict;
use crate::home;
use crate::home::finding::HomeFinding;
use crate::loader::finding::ProbeFinding;

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: Vec<u8>,
    /// The code.
    pub code: &'static str,
    /// How bad.
    pub severity: Severity,
    /// The sentence.
    pub text: String,
    /// What mends it.
    pub hint: String,
}

/// One thing that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The library or tool it belongs to, as `name@version`; empty for a file that was named.
    pub suite: String,
    /// Its path.
    pub path: Vec<u8>,
    /// The run fails for it.
    pub failed: bool,
    /// No verdict.
    pub undecided: bool,
    /// What was found.
    pub problems: Vec<Problem>,
}

impl Case {
    /// A library.
    pub fn of_library<'r>(row: impl Into<Row<'r>>, failed: bool) -> Case {
        let row = row.into();
        let l = row.library;
        let mut problems: Vec<Problem> =
            l.judgement.findings.iter().map(|f| of_finding(&l.path, f)).collect();
        if let (Verdict::Fails { message: Some(said), .. }, Some(first)) =
            (&l.judgement.verdict, problems.first_mut())
        {
            first.text = format!("{} (the loader says: {})", first.text, String::from_utf8_lossy(said));
        }
        let at = if row.breaks_when_loaded() { 0 } else { problems.len() };
        problems.splice(at..at, row.probe_findings().iter().map(|f| of_probe_finding(&l.path, f)));
        if !failed {
            // What keeps nobody from working is no error of this run.
            for p in &mut problems {
                p.severity = p.severity.min(Severity::Warning);
            }
        }
        Case {
            suite: String::new(),
            path: l.path.clone(),
            failed,
            undecided: l.judgement.verdict == Verdict::Undecided,
            problems,
        }
    }

    /// All of a home: its files, then what is to be said of each tree, then left-overs.
    pub fn of_survey(survey: &Surveyed<'_>, strict: bool) -> Vec<Case> {
        let mut cases = Vec::new();
        for tree in survey.trees() {
            let suite = tree.report.tree.spec();
            cases.extend(tree.rows().map(|(judged, row)| {
                let failed = TreeRow::is_broken(judged, row, strict);
                Case { suite: suite.clone(), ..Case::of_library(row, failed) }
            }));
            let problems: Vec<Problem> = tree.report.all_findings().map(of_home_finding).collect();
            cases.push(Case {
                failed: problems.iter().any(|p| p.severity == Severity::Error),
                suite,
                path: tree.report.tree.path.clone(),
                undecided: false,
                problems,
            });
        }
        let left = survey.survey.home.left_overs.iter().map(|f| Case {
            suite: "left-overs".to_owned(),
            path: f.path().to_vec(),
            failed: f.severity() == Severity::Error,
            undecided: false,
            problems: vec![of_home_finding(f)],
        });
        cases.extend(left);
        cases
    }
}

fn of_finding(path: &[u8], f: &Finding) -> Problem {
    Problem {
        path: path.to_vec(),
        code: f.code(),
        severity: f.severity(),
        text: catalogue::text(f),
        hint: catalogue::hint(f),
    }
}

fn of_probe_finding(path: &[u8], f: &ProbeFinding) -> Problem {
    Problem {
        path: path.to_vec(),
        code: f.code(),
        severity: f.severity(),
        text: f.text(),
        hint: f.hint().to_owned(),
    }
}

/// A finding about a home.
pub fn of_home_finding(f: &HomeFinding) -> Problem {
    Problem {
        path: f.path().to_vec(),
        code: f.code(),
        severity: f.severity(),
        text: home::catalogue::text(f),
        hint: home::catalogue::explain(f.code()).map_or("", |e| e.mend).to_owned(),
    }
}

/// The severity as reports print it.
pub fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
