//! Patterns of names and paths, and the versions in them: the little language of the host tables.
//! It must never take more than quadratic time, whatever the path: paths come from strangers.
//! After glob(7), with `#` for a version number; a star may pass slashes here.

/// Whether a program's file name is for `version`, or says no version at all.
pub fn fits_version(name: &[u8], version: &[u8]) -> bool {
    let numbers: Vec<&[u8]> = name
        .split(|b| !b.is_ascii_digit() && *b != b'.')
        .map(|n| n.strip_prefix(b".").unwrap_or(n))
        .filter(|n| n.contains(&b'.'))
        .collect();
    numbers.is_empty()
        || numbers.iter().any(|n| {
            n.strip_prefix(version).is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_digit))
        })
}

/// `*` stands for any bytes, `#` for one or more digits and dots. Takes no more than quadratic time.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows fails: the wildcard, and the text it has swallowed so far.
    let mut choices: Vec<(usize, usize)> = Vec::new();
    loop {
        let goes_on = match (pattern.get(p), text.get(t)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                // A later star can swallow whatever an earlier choice could.
                choices.clear();
                choices.push((p, t));
                p += 1;
                true
            }
            (Some(b'#'), Some(b)) if is_number(*b) => {
                choices.push((p, t + 1));
                p += 1;
                t += 1;
                true
            }
            (Some(a), Some(b)) if a == b && *a != b'#' => {
                p += 1;
                t += 1;
                true
            }
            _ => false,
        };
        if goes_on {
            continue;
        }
        loop {
            let Some((at, swallowed)) = choices.pop() else { return false };
            let Some(next) = text.get(swallowed) else { continue };
            if pattern.get(at) == Some(&b'*') || is_number(*next) {
                choices.push((at, swallowed + 1));
                (p, t) = (at + 1, swallowed + 1);
                break;
            }
        }
    }
}

fn is_number(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'.'
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("python3.#", "python3.11", true),
            ("python3.#", "python3.11-config", false),
            ("python3.#", "python3.", false),
            ("lib*.so.#", "libperl.so.5.36.0", true),
            ("liblua5.#.so.#", "liblua5.2-c++.so.0", false),
            ("*/auto/*/*.so", "/x/auto/a/b/c.so", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
