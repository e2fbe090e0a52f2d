//! The table of helpers: every helper of every platform with its SHA-256, in the form of `checksums.txt`.
//! It must never list fewer helpers than a release has.

use std::path::Path;

use crate::files;
use crate::options::Options;
use crate::problem::Problem;
use crate::shared::checksums;
use crate::targets::Targets;

/// The table for the helpers in a directory.
///
/// # Errors
/// A helper is missing or no plain file.
pub fn table(dir: &Path, targets: &Targets) -> Result<String, Problem> {
    let there = files::plain_files(dir)?;
    let absent: Vec<_> =
        targets.helpers().map(|h| h.asset.clone()).filter(|asset| !there.contains_key(asset)).collect();
    if !absent.is_empty() {
        return Err(Problem::Missing(absent));
    }
    let sums =
        targets.helpers().map(|h| Ok((h.asset.clone(), files::sha256(&files::read(&there[&h.asset])?))));
    Ok(text(&sums.collect::<Result<Vec<_>, Problem>>()?))
}

/// `(name, sum)` rows as the text of a list, in the order of names.
pub fn text(rows: &[(String, String)]) -> String {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort();
    rows.into_iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect()
}

/// Reads a list from a file.
///
/// # Errors
/// It cannot be read, or is not of the form.
pub fn read(path: &Path) -> Result<Vec<(String, String)>, Problem> {
    let text = files::read(path)?;
    let text = String::from_utf8_lossy(&text);
    checksums::parse(&text).map_err(|fault| Problem::ChecksumsText { path: path.to_owned(), fault })
}

/// The verb.
///
/// # Errors
/// See `table`.
pub fn run(root: &Path, mut options: Options) -> Result<(), Problem> {
    let (dir, out) = (options.path("--dir")?, options.path("--out")?);
    options.finish()?;
    files::write(&out, table(&dir, &Targets::read(root)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_one_form() {
        let sum = "ab".repeat(32);
        let rows = vec![("b.txt".to_owned(), sum.clone()), ("a-1".to_owned(), sum.clone())];
        assert_eq!(text(&rows), format!("{sum}  a-1\n{sum}  b.txt\n"));
        assert_eq!(checksums::parse(&text(&rows)).unwrap().len(), 2);
        assert_eq!(checksums::parse("").unwrap(), []);
        let upper = sum.to_uppercase();
        for (bad, line) in [
            (format!("{sum}  a\r\n"), 1),
            (format!("{upper}  a\n"), 1),
            (format!("{sum} *a\n"), 1),
            (format!("{sum}  *a\n"), 1),
            (format!("{sum}\ta\n"), 1),
            (format!("{sum}   a\n"), 1),
            (format!("{sum}  ../a\n"), 1),
            (format!("{sum}  .a\n"), 1),
            (format!("{sum}  -a\n"), 1),
            (format!("{sum}  a b\n"), 1),
            (format!("{sum}  a\n\n"), 2),
            (format!("{sum}  a\n{sum}  a\n"), 2),
            (format!("{sum}  a\n{sum}  b"), 2),
            (format!("\u{feff}{sum}  a\n"), 1),
            (format!("{}  a\n", &sum[1..]), 1),
            (format!("# comment\n{sum}  a\n"), 1),
        ] {
            assert_eq!(checksums::parse(&bad).map_err(|fault| fault.line), Err(line), "{bad:?}");
        }
    }
}
