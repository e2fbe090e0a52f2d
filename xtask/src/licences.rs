//! `THIRD-PARTY.md`: whose work is in the binaries and under which terms, with the texts; the program itself comes first.
//! It must never leave out a crate: one without a text is listed as such.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::files;
use crate::problem::Problem;
use crate::sbom::Crate;

/// Longest text taken for a licence, in bytes.
const LONGEST: u64 = 200_000;

/// What is linked in and is no crate.
const RUNTIME: &str = "\
tsuku-verify itself is under the MIT licence or the Apache License 2.0, whichever you choose.

The binaries contain the Rust standard library (MIT OR Apache-2.0, https://github.com/rust-lang/rust).

The Linux programs `tsuku-verify-linux-*` are linked statically. They also contain, unchanged:

* the GNU C Library (LGPL-2.1-or-later, https://sourceware.org/glibc/), copyright of the Free Software Foundation and others.
  Its licence is at the end of this file. You may change that library and link the program with it again, and take the program
  apart to debug such changes; `docs/RELEASING.md`, \"Relinking\", says how.
* the unwinder of GCC, from libgcc (GPL-3.0-or-later WITH GCC-exception-3.1, https://gcc.gnu.org/).

`release-manifest.json` names the exact packages, under `tools`. Offer, valid for three years from the publication of a release:
who publishes it gives the complete source of the GNU C Library in it to anyone who asks in the repository's issues, for no more
than the cost of sending it.
";
/// Texts in the repository: of the C library and of this program.
const TEXTS: [(&str, &str); 2] = [("GNU C Library", "release/LGPL-2.1.txt"), ("tsuku-verify", "LICENSE-MIT")];

/// The document.
///
/// # Errors
/// A crate's directory cannot be read, or a text that belongs to the repository.
pub fn text(root: &Path, crates: &BTreeMap<String, Crate>) -> Result<String, Problem> {
    let mut out =
        format!("# Licences\n\n{RUNTIME}\n## Crates\n| crate | version | licence |\n|---|---|---|\n");
    let mut texts = BTreeMap::<String, Vec<String>>::new();
    for c in crates.values().filter(|c| c.foreign) {
        let _ = writeln!(out, "| {} | {} | {} |", c.name, c.version, c.licence);
        let found = licence_texts(&c.dir)?;
        if found.is_empty() {
            texts.entry(String::new()).or_default().push(c.name.clone());
        }
        for text in found {
            texts.entry(text).or_default().push(c.name.clone());
        }
    }
    out += "\n## Texts\n";
    for (text, names) in &texts {
        let names = names.join(", ");
        if text.is_empty() {
            let _ =
                writeln!(out, "\n### Without a text of their own\n{names}: the terms are those named above.");
        } else {
            let _ = writeln!(out, "\n### {names}\n```text\n{}\n```", text.trim_end());
        }
    }
    for (name, file) in TEXTS {
        let text = files::read_text(&root.join(file))?;
        let _ = writeln!(out, "\n### {name}\n```text\n{}\n```", text.trim_end());
    }
    Ok(out)
}

/// Texts of licences in a crate's directory, sorted by name of the file.
fn licence_texts(dir: &Path) -> Result<Vec<String>, Problem> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(Problem::file(dir))? {
        let path = entry.map_err(Problem::file(dir))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
        let is_text = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"]
            .iter()
            .any(|start| name.starts_with(start));
        if is_text && path.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= LONGEST) {
            paths.push(path);
        }
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            Ok(String::from_utf8_lossy(&files::read(path)?).replace("\r\n", "\n").replace("```", "'''"))
        })
        .collect()
}
