//! What can be said about a home beyond what the loader says about a file: one variant a code, typed evidence.
//! It must never decide whether a library loads; that is the analyzer's verdict.
//! The words follow those of `analyzer/catalogue`, whose table `catalogue.rs` continues.

use crate::analyzer::finding::Severity;

/// One thing found about one file or tree of a home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HomeFinding {
    /// A recorded file has other contents.
    FileChanged {
        /// Its path.
        path: Vec<u8>,
        /// SHA-256 that was recorded.
        recorded: String,
        /// SHA-256 it has; empty if it changed while it was read.
        actual: String,
    },
    /// A recorded file is gone, or is no regular file.
    FileMissing {
        /// Its path.
        path: Vec<u8>,
    },
    /// A file that was not recorded.
    FileAdded {
        /// Its path.
        path: Vec<u8>,
    },
    /// A link leads to another file than it did, or to one that was added.
    LinkRepointed {
        /// Its path.
        path: Vec<u8>,
        /// Where it leads.
        leads: Vec<u8>,
    },
    /// A link, or a directory on the way to a recorded file, leads out of the tree.
    LinkLeaves {
        /// Its path.
        path: Vec<u8>,
        /// Where it leads.
        leads: Vec<u8>,
    },
    /// A link leads nowhere.
    LinkDangling {
        /// Its path.
        path: Vec<u8>,
        /// What it says.
        target: Vec<u8>,
    },
    /// Links that lead to each other.
    LinkLoop {
        /// Its path.
        path: Vec<u8>,
    },
    /// A recorded name leads out of the tree.
    EscapingKey {
        /// The name.
        key: String,
    },
    /// The state names a tree that is not there.
    GhostEntry {
        /// The tree's path.
        path: Vec<u8>,
        /// It is a tool's: its libraries are nobody's.
        tool: bool,
    },
    /// A tree the state does not name.
    UntrackedTree {
        /// Its path.
        path: Vec<u8>,
    },
    /// The tree is a link to a directory outside of the home.
    TreeElsewhere {
        /// Its path.
        path: Vec<u8>,
        /// Where it leads.
        leads: Vec<u8>,
    },
    /// A tree without any file.
    EmptyTree {
        /// Its path.
        path: Vec<u8>,
    },
    /// What an installation left behind.
    LeftOver {
        /// Its path.
        path: Vec<u8>,
        /// A half-written tree; else a replaced one.
        staging: bool,
    },
    /// No sums were recorded.
    NotRecorded {
        /// The tree's path.
        path: Vec<u8>,
    },
    /// A recorded name of a library has no file or link of that name.
    SonameLinkMissing {
        /// The file that should be reachable.
        file: Vec<u8>,
        /// The name.
        soname: Vec<u8>,
    },
    /// The file loads alone, and fails with every library directory of the home in front.
    FailsUnderWrapper {
        /// Its path.
        path: Vec<u8>,
        /// What the loader says then.
        message: Vec<u8>,
        /// The file of the home that takes the place of another one.
        culprit: Option<Vec<u8>>,
    },
    /// The file loads with every library directory of the home in front, and fails alone.
    LoadsOnlyUnderWrapper {
        /// Its path.
        path: Vec<u8>,
        /// What the loader says without.
        message: Vec<u8>,
    },
    /// A directory or file that could not be looked at.
    Unlisted {
        /// Its path.
        path: Vec<u8>,
        /// The errno's text.
        errno: &'static str,
    },
    /// A text for the link editor under a library's name.
    LinkerScript {
        /// Its path.
        path: Vec<u8>,
    },
    /// A pipe, socket or device among the files.
    NotAFile {
        /// Its path.
        path: Vec<u8>,
    },
}

impl HomeFinding {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            HomeFinding::FileChanged { .. } => "file-changed",
            HomeFinding::FileMissing { .. } => "file-missing",
            HomeFinding::FileAdded { .. } => "file-added",
            HomeFinding::LinkRepointed { .. } => "link-repointed",
            HomeFinding::LinkLeaves { .. } => "link-leaves",
            HomeFinding::LinkDangling { .. } => "link-dangling",
            HomeFinding::LinkLoop { .. } => "link-loop",
            HomeFinding::EscapingKey { .. } => "escaping-key",
            HomeFinding::GhostEntry { .. } => "ghost-entry",
            HomeFinding::UntrackedTree { .. } => "untracked-tree",
            HomeFinding::TreeElsewhere { .. } => "tree-elsewhere",
            HomeFinding::EmptyTree { .. } => "empty-tree",
            HomeFinding::LeftOver { .. } => "left-over",
            HomeFinding::NotRecorded { .. } => "not-recorded",
            HomeFinding::SonameLinkMissing { .. } => "soname-link-missing",
            HomeFinding::FailsUnderWrapper { .. } => "fails-under-wrapper",
            HomeFinding::LoadsOnlyUnderWrapper { .. } => "loads-only-under-wrapper",
            HomeFinding::Unlisted { .. } => "not-looked-at",
            HomeFinding::LinkerScript { .. } => "linker-script",
            HomeFinding::NotAFile { .. } => "special-file",
        }
    }

    /// How bad it is. Errors make a run fail.
    pub fn severity(&self) -> Severity {
        match self {
            HomeFinding::FileChanged { .. }
            | HomeFinding::FileMissing { .. }
            | HomeFinding::LinkRepointed { .. }
            | HomeFinding::LinkLeaves { .. }
            | HomeFinding::LinkDangling { .. }
            | HomeFinding::LinkLoop { .. }
            | HomeFinding::EscapingKey { .. }
            | HomeFinding::GhostEntry { tool: false, .. }
            | HomeFinding::FailsUnderWrapper { .. } => Severity::Error,
            HomeFinding::FileAdded { .. }
            | HomeFinding::GhostEntry { tool: true, .. }
            | HomeFinding::UntrackedTree { .. }
            | HomeFinding::TreeElsewhere { .. }
            | HomeFinding::EmptyTree { .. }
            | HomeFinding::LeftOver { .. }
            | HomeFinding::SonameLinkMissing { .. }
            | HomeFinding::LoadsOnlyUnderWrapper { .. }
            | HomeFinding::Unlisted { .. }
            | HomeFinding::NotAFile { .. } => Severity::Warning,
            HomeFinding::NotRecorded { .. } | HomeFinding::LinkerScript { .. } => Severity::Note,
        }
    }

    /// The file or tree it is about; a recorded name where there is no path.
    pub fn path(&self) -> &[u8] {
        match self {
            HomeFinding::FileChanged { path, .. }
            | HomeFinding::FileMissing { path }
            | HomeFinding::FileAdded { path }
            | HomeFinding::LinkRepointed { path, .. }
            | HomeFinding::LinkLeaves { path, .. }
            | HomeFinding::LinkDangling { path, .. }
            | HomeFinding::LinkLoop { path }
            | HomeFinding::GhostEntry { path, .. }
            | HomeFinding::UntrackedTree { path }
            | HomeFinding::TreeElsewhere { path, .. }
            | HomeFinding::EmptyTree { path }
            | HomeFinding::LeftOver { path, .. }
            | HomeFinding::NotRecorded { path }
            | HomeFinding::FailsUnderWrapper { path, .. }
            | HomeFinding::LoadsOnlyUnderWrapper { path, .. }
            | HomeFinding::Unlisted { path, .. }
            | HomeFinding::LinkerScript { path }
            | HomeFinding::NotAFile { path } => path,
            HomeFinding::SonameLinkMissing { file, .. } => file,
            HomeFinding::EscapingKey { key } => key.as_bytes(),
        }
    }

    /// Found by comparing with the recorded sums.
    pub fn is_integrity(&self) -> bool {
        matches!(
            self,
            HomeFinding::FileChanged { .. }
                | HomeFinding::FileMissing { .. }
                | HomeFinding::FileAdded { .. }
                | HomeFinding::LinkRepointed { .. }
                | HomeFinding::LinkLeaves { .. }
                | HomeFinding::EscapingKey { .. }
        )
    }
}
