//! Names that somebody may have meant by another one.
//! It must never offer something far off: a wrong suggestion is worse than none.
//! Edit distance with neighbouring letters exchanged, as in Damerau's model of slips.

/// At most three of `names`, nearest first.
pub fn near<'n>(asked: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let asked = asked.split('@').next().unwrap_or(asked).to_lowercase();
    let tolerated = (asked.chars().count() / 3).clamp(1, 3);
    let mut found: Vec<(usize, &str)> = names
        .into_iter()
        .map(|name| {
            let lower = name.to_lowercase();
            let part =
                asked.len() > 2 && (lower.contains(&asked) || asked.contains(&lower) && lower.len() > 2);
            (if part { 1 } else { distance(&asked, &lower) }, name)
        })
        .filter(|(d, _)| *d <= tolerated)
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(_, name)| name).take(3).collect()
}

/// Letters to insert, delete, replace or exchange.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at =
                |r: usize, c: usize| rows.get(r).and_then(|r| r.get(c)).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(i, j) + usize::from(x != y);
            let mut best = replaced.min(at(i, j + 1) + 1).min(row.last().map_or(0, |l| l + 1));
            if i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                best = best.min(at(i - 1, j - 1) + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows.last().and_then(|r| r.last()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn slips_are_understood() {
        let names = ["zlib", "openssl", "libyaml", "zstd", "ncurses"];
        assert_eq!(near("zlbi", names), ["zlib"]);
        assert_eq!(near("opensll@3", names), ["openssl"]);
        assert_eq!(near("yaml", names), ["libyaml"]);
        assert_eq!(near("ZLIB", names), ["zlib"]);
        assert!(near("quite-another-thing", names).is_empty());
        assert!(near("", names).is_empty());
    }
}
