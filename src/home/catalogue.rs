//! What every code about a home means and what mends it: the continuation of the analyzer's table.
//! It must never decide anything; a code that is not in one of the two tables does not exist.
//! The words are tsuku's: home, state, library, tool, recipe, install.

use super::finding::HomeFinding;
use crate::analyzer::catalogue::Entry;

/// The entry of a code.
pub fn explain(code: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|e| e.code == code)
}

/// All codes.
pub fn codes() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|e| e.code)
}

/// The finding, as a sentence. Not escaped: the renderer does that.
pub fn text(f: &HomeFinding) -> String {
    text_below(f, b"/")
}

/// The same under a heading that names `dir`: what lies in there is named by its path inside, `dir` itself by its name.
pub fn text_below(f: &HomeFinding, dir: &[u8]) -> String {
    let lossy = |b: &[u8]| {
        let b = if b == dir { super::files::base(b) } else { b };
        let inner =
            b.strip_prefix(dir).and_then(|rest| rest.strip_prefix(b"/")).filter(|rest| !rest.is_empty());
        String::from_utf8_lossy(inner.unwrap_or(b)).into_owned()
    };
    let path = lossy(f.path());
    match f {
        HomeFinding::FileChanged { actual, .. } if actual.is_empty() => {
            format!("{path} is being written")
        }
        HomeFinding::FileChanged { recorded, actual, .. } if recorded.is_empty() => {
            format!("{path} has an empty sum in the state (SHA-256 {actual})")
        }
        HomeFinding::FileChanged { recorded, actual, .. } => {
            let short = |sum: &str| sum.chars().take(12).collect::<String>();
            format!(
                "{path} was changed since it was installed (SHA-256 {}, recorded {})",
                short(actual),
                short(recorded)
            )
        }
        HomeFinding::FileMissing { .. } => format!("{path} was installed and is gone"),
        HomeFinding::FileAdded { .. } => format!("{path} was not installed"),
        HomeFinding::LinkRepointed { leads, .. } => {
            format!("{path} leads to {}, which is not what was installed under that name", lossy(leads))
        }
        HomeFinding::LinkLeaves { leads, .. } => format!("{path} leads out of its tree, to {}", lossy(leads)),
        HomeFinding::LinkDangling { target, .. } => {
            format!("{path} is a link to {}, which is not there", lossy(target))
        }
        HomeFinding::LinkLoop { .. } => format!("{path} is a link that leads back to itself"),
        HomeFinding::EscapingKey { key } => {
            format!("the state records {key}, which leads out of its tree: not read")
        }
        HomeFinding::GhostEntry { .. } => format!("the state names {path}, which is not there"),
        HomeFinding::UntrackedTree { .. } => format!("{path} is not in the state"),
        HomeFinding::TreeElsewhere { leads, .. } => {
            format!("{path} is a link out of the home, to {}: what is judged lies there", lossy(leads))
        }
        HomeFinding::EmptyTree { .. } => format!("{path} holds no file"),
        HomeFinding::LeftOver { staging: true, .. } => {
            format!("{path} is of an installation that did not end")
        }
        HomeFinding::LeftOver { staging: false, .. } => {
            format!("{path} is what a later installation replaced")
        }
        HomeFinding::NotRecorded { .. } => format!("no sums are recorded for {path}"),
        HomeFinding::SonameLinkMissing { file, soname } => {
            format!(
                "{} is looked for as {}, and nothing of that name is beside it",
                lossy(file),
                lossy(soname)
            )
        }
        HomeFinding::FailsUnderWrapper { message, culprit, .. } => {
            let why = culprit
                .as_ref()
                .map(|c| format!(": {} is in front of another", lossy(c)))
                .unwrap_or_default();
            format!("{path} loads alone and fails under the wrapper{why} ({})", lossy(message))
        }
        HomeFinding::LoadsOnlyUnderWrapper { message, .. } => {
            format!("{path} loads under the wrapper and fails alone ({})", lossy(message))
        }
        HomeFinding::Unlisted { errno, .. } => format!("{path} could not be looked at: {errno}"),
        HomeFinding::LinkerScript { .. } => format!("{path} is a text for the link editor"),
        HomeFinding::NotAFile { .. } => format!("{path} is a pipe, a socket or a device"),
    }
}

const REINSTALL: &str = "Install the library again: tsuku install --reinstall NAME.";

const ENTRIES: &[Entry] = &[
    Entry {
        code: "file-changed",
        title: "a file is not the one that was installed",
        explanation: "tsuku records the SHA-256 of every file it installs. This file's contents have another sum: it was edited, damaged, or replaced.",
        mend: REINSTALL,
    },
    Entry {
        code: "file-missing",
        title: "a file that was installed is gone",
        explanation: "The state records a sum for a file that is not there, or whose place is taken by something that is no regular file.",
        mend: REINSTALL,
    },
    Entry {
        code: "file-added",
        title: "a file was not there when the library was installed",
        explanation: "The tree holds a file without a recorded sum. Whoever looks for a library by name in this directory may find it instead of another.",
        mend: "Remove the file if nobody put it there on purpose, or install the library again.",
    },
    Entry {
        code: "link-repointed",
        title: "a link leads to another file than it should",
        explanation: "Links have no sums, so a link can be turned to another file without any recorded file changing. This one leads to a file that was not installed, or to one with another name for the loader.",
        mend: REINSTALL,
    },
    Entry {
        code: "link-leaves",
        title: "a link leads out of its tree",
        explanation: "tsuku does not install links that leave the tree of their library. What lies behind this one is not what was installed, and it is not read.",
        mend: REINSTALL,
    },
    Entry {
        code: "link-dangling",
        title: "a link leads to nothing",
        explanation: "A link below the tree names a file that is not there. A loader that looks for the link's name passes it over as if it did not exist.",
        mend: REINSTALL,
    },
    Entry {
        code: "link-loop",
        title: "links lead to each other",
        explanation: "Following the link never ends at a file. The kernel refuses to open it, and a loader that looks for its name passes it over.",
        mend: REINSTALL,
    },
    Entry {
        code: "escaping-key",
        title: "the state names a file outside the tree",
        explanation: "A recorded file name is absolute, has `..` in it, or an entry's name or version has. tsuku writes no such names; reading the file would compare something that does not belong to the library.",
        mend: "Find out who changed state.json; then install the library again.",
    },
    Entry {
        code: "ghost-entry",
        title: "the state names a tree that is not there",
        explanation: "state.json has an entry for this version, and its directory is missing. Whoever depends on it will not find it.",
        mend: "Install the library again, or remove it: tsuku remove NAME.",
    },
    Entry {
        code: "untracked-tree",
        title: "a tree is not in the state",
        explanation: "The directory exists and state.json has no entry for it. tsuku itself leaves it so when a library is installed only as a dependency.",
        mend: "Install the library by name to have it recorded; remove the directory if nobody uses it.",
    },
    Entry {
        code: "tree-elsewhere",
        title: "a tree is a link to a directory outside of the home",
        explanation: "tsuku makes directories, not links, for what it installs. Somebody replaced this one by a link. The files behind it are judged and compared as if they were here, but an update or removal would meet the link.",
        mend: "Install the library again, or leave it if the link was made on purpose.",
    },
    Entry {
        code: "empty-tree",
        title: "a tree holds no file",
        explanation: "The directory of a library or tool is there, and no file is in it. An installation was interrupted, or its files were removed.",
        mend: "Install the library again, or remove the directory.",
    },
    Entry {
        code: "left-over",
        title: "an installation left a directory behind",
        explanation: "Directories named .NAME-VERSION.staging and .NAME-VERSION.previous, or tools/.staging-*, exist only while something is being installed. Nothing reads them later.",
        mend: "Remove the directory when no installation is going on.",
    },
    Entry {
        code: "not-recorded",
        title: "no sums were recorded",
        explanation: "The entry of the library was written by an old tsuku, or only because another tool depends on it. Whether its files are those that were installed cannot be told.",
        mend: "Install the library again to have its sums recorded.",
    },
    Entry {
        code: "soname-link-missing",
        title: "a library lacks the link it is looked for under",
        explanation: "Other libraries name what they need by DT_SONAME. The file with that DT_SONAME is there under a longer name, and no link of the short name is beside it.",
        mend: "Make the link (ln -s FILE SONAME in the same directory), or install the library again.",
    },
    Entry {
        code: "fails-under-wrapper",
        title: "a library loads alone and fails under tsuku's wrapper",
        explanation: "Tools with runtime dependencies are started with LD_LIBRARY_PATH naming the lib directory of every library of the home. There, a file of the home takes the place of one the library would get otherwise, and that one is broken or does not fit.",
        mend: "Mend the file that is in front, or give the library a DT_RPATH to what it was built with: that one is looked at before LD_LIBRARY_PATH.",
    },
    Entry {
        code: "loads-only-under-wrapper",
        title: "a library loads only under tsuku's wrapper",
        explanation: "With LD_LIBRARY_PATH naming the lib directory of every library of the home it loads; without, something it needs is not found. A program that is started directly cannot use it.",
        mend: "Name what it needs in the recipe's runtime_dependencies, so that its rpath leads there.",
    },
    Entry {
        code: "not-looked-at",
        title: "a directory or file could not be looked at",
        explanation: "Listing the directory or reading the file failed. What is in it is not part of the report, and the loader may not be able to read it either.",
        mend: "Mend the permissions, or run as the user the libraries are for.",
    },
    Entry {
        code: "linker-script",
        title: "a text for the link editor has a library's name",
        explanation: "The file is no library: it tells the link editor which ones to take, and the loader's own name, with a version, is beside it. No program opens it by this name.",
        mend: "Nothing is to be done.",
    },
    Entry {
        code: "special-file",
        title: "a pipe, socket or device is among the files",
        explanation: "Libraries are regular files. Opening a pipe waits for somebody at its other end, so it is never opened here.",
        mend: "Remove it, or install the library again.",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::analyzer::catalogue;

    #[test]
    fn codes_are_in_one_table_only() {
        let mut seen: HashSet<&str> = catalogue::codes().collect();
        for e in ENTRIES {
            assert!(seen.insert(e.code), "{} is there twice", e.code);
            assert!(
                !e.title.ends_with('.') && e.explanation.ends_with('.') && e.mend.ends_with('.'),
                "{}",
                e.code
            );
        }
        let p = || b"/p".to_vec();
        let samples = [
            HomeFinding::FileAdded { path: p() },
            HomeFinding::LinkLoop { path: p() },
            HomeFinding::EscapingKey { key: "..".into() },
            HomeFinding::TreeElsewhere { path: p(), leads: p() },
            HomeFinding::GhostEntry { path: p(), tool: false },
            HomeFinding::Unlisted { path: p(), errno: "no" },
            HomeFinding::NotAFile { path: p() },
        ];
        for f in samples {
            assert!(explain(f.code()).is_some() && !text(&f).is_empty(), "{f:?}");
        }
    }
}
