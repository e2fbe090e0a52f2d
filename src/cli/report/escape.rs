//! Strings from files made safe and honest for a screen.
//! It must never let a byte of a file command the terminal, hide itself, or reorder what stands around it.
//! The idea is that of fd's `sanitize.rs`; the classes are those of Unicode (Cc, Cf, Zl, Zp) and its default-ignorables.

/// `bytes` as one line of visible text: what is invisible, reorders text, or is no UTF-8 is written as an escape.
pub fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            put(&mut out, c);
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

fn put(out: &mut String, c: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
        c if is_unseen(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        c => out.push(c),
    }
}

/// Characters that show nothing themselves, or change how others are shown.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xad // soft hyphen
            | 0x34f // combining grapheme joiner
            | 0x61c // Arabic letter mark
            | 0x115f..=0x1160 | 0x3164 | 0xffa0 // Hangul fillers
            | 0x17b4..=0x17b5 // Khmer inherent vowels
            | 0x180b..=0x180f // Mongolian selectors and separator
            | 0x200b..=0x200f // zero width, marks of direction
            | 0x2028..=0x202e // line and paragraph separators, embeddings, overrides
            | 0x2060..=0x206f // word joiner, invisible operators, isolates
            | 0xfe00..=0xfe0f // variation selectors
            | 0xfeff // byte order mark
            | 0xfff0..=0xfffb // interlinear annotations
            | 0x1bca0..=0x1bca3 // shorthand format controls
            | 0x1d173..=0x1d17a // musical format controls
            | 0xe0000..=0xe0fff) // tags and selectors
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn plain_names_stay() {
        assert_eq!(escaped("/usr/lib/libstdc++.so.6".as_bytes()), "/usr/lib/libstdc++.so.6");
        assert_eq!(escaped("libzäh-日本.so".as_bytes()), "libzäh-日本.so");
    }

    #[test]
    fn clear_screen() {
        assert_eq!(escaped(b"lib\x1b[2Jfoo.so"), "lib\\x1b[2Jfoo.so");
    }

    #[test]
    fn one_byte_csi() {
        assert_eq!(escaped("lib\u{9b}2Jfoo.so".as_bytes()), "lib\\u{9b}2Jfoo.so");
        assert_eq!(escaped(b"lib\x9b2Jfoo.so"), "lib\\x9b2Jfoo.so");
    }

    #[test]
    fn window_title_and_bell() {
        assert_eq!(escaped(b"\x1b]0;owned\x07"), "\\x1b]0;owned\\x07");
    }

    #[test]
    fn forged_line() {
        assert_eq!(escaped(b"lib.so\nloads  2  /bin/evil\r"), "lib.so\\nloads  2  /bin/evil\\r");
        assert_eq!(escaped("a\u{2028}b\u{85}c".as_bytes()), "a\\u{2028}b\\u{85}c");
    }

    #[test]
    fn right_to_left_override() {
        assert_eq!(escaped("lib\u{202e}os.gpj".as_bytes()), "lib\\u{202e}os.gpj");
        assert_eq!(
            escaped("\u{2066}\u{2069}\u{61c}\u{200f}".as_bytes()),
            "\\u{2066}\\u{2069}\\u{61c}\\u{200f}"
        );
    }

    #[test]
    fn twin_by_zero_width_space() {
        assert_eq!(escaped("lib\u{200b}z.so".as_bytes()), "lib\\u{200b}z.so");
        assert_eq!(escaped("\u{feff}lib\u{ad}z.so".as_bytes()), "\\u{feff}lib\\u{ad}z.so");
    }

    #[test]
    fn smuggled_tags_and_fillers() {
        assert_eq!(escaped("z\u{e0041}\u{3164}\u{fe0f}".as_bytes()), "z\\u{e0041}\\u{3164}\\u{fe0f}");
    }

    #[test]
    fn name_that_looks_like_an_escape() {
        assert_eq!(escaped(br"\x1b"), r"\\x1b");
    }

    #[test]
    fn invalid_and_overlong_utf8() {
        assert_eq!(escaped(b"\xc0\x9b\xff"), "\\xc0\\x9b\\xff");
        assert_eq!(escaped(b"\xed\xb3\xbf"), "\\xed\\xb3\\xbf");
    }
}
