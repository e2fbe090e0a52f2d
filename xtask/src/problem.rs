//! Everything that stops a release, each with a code of its own.
//! It must never hold a bare string where a reader could need the parts.

use std::path::{Path, PathBuf};

/// A refusal.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Assets are not there.
    #[error("assets are missing: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// Files are there that no release has.
    #[error("files do not belong to a release: {}", .0.join(", "))]
    Unexpected(Vec<String>),
    /// A directory, a link, a pipe, or a file of another name in the place of an asset.
    #[error("{} is not a plain file", .0.display())]
    NotAFile(PathBuf),
    /// The list of sums is not of its form.
    #[error("{}: {fault}", path.display())]
    ChecksumsText {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        fault: crate::shared::checksums::ChecksumsFault,
    },
    /// The list has not exactly the assets.
    #[error("checksums.txt does not list the assets: absent {absent:?}, foreign {foreign:?}")]
    ChecksumsSet {
        /// Assets that it does not list.
        absent: Vec<String>,
        /// Names it lists that are no assets.
        foreign: Vec<String>,
    },
    /// A file is not the one the list means.
    #[error("{asset} has the SHA-256 {found}, checksums.txt says {listed}")]
    Checksum {
        /// The file.
        asset: String,
        /// What the list says.
        listed: String,
        /// What the file has.
        found: String,
    },
    /// A binary calls itself otherwise.
    #[error("{asset} calls itself {}, the release is {expected}", found.as_deref().unwrap_or("nothing"))]
    Version {
        /// The file.
        asset: String,
        /// The release.
        expected: String,
        /// What the file says, if anything.
        found: Option<String>,
    },
    /// A program pins another helper than the one of this release.
    #[error("{program} pins {helper} as {}, the file is {found}", pinned.as_deref().unwrap_or("nothing"))]
    Pin {
        /// The program.
        program: String,
        /// The helper.
        helper: String,
        /// The sum in the program.
        pinned: Option<String>,
        /// The sum of the file, or that there is none.
        found: String,
    },
    /// A program does not carry its platform's helper.
    #[error("{program} does not contain the bytes of {helper}")]
    Embedded {
        /// The program.
        program: String,
        /// The helper.
        helper: String,
    },
    /// A binary is not what its platform needs.
    #[error("{asset}: {}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Unfit {
        /// The file.
        asset: String,
        /// Everything that is wrong with it.
        faults: Vec<crate::inspect::Unfit>,
    },
    /// A document of the release does not say what the files say.
    #[error("{document} does not describe this release: {what}")]
    Document {
        /// The file.
        document: String,
        /// What differs.
        what: String,
    },
    /// The tag is not the one of this version.
    #[error("the tag {tag} does not name version {package}, nor a release candidate of it")]
    Tag {
        /// The tag.
        tag: String,
        /// Version of the package.
        package: String,
    },
    /// The tag is not on the commit that is checked out.
    #[error("the tag {tag} is on {there}, checked out is {here}")]
    TagElsewhere {
        /// The tag.
        tag: String,
        /// Its commit.
        there: String,
        /// The commit at hand.
        here: String,
    },
    /// The changelog has no entry.
    #[error("CHANGELOG.md has no section for {0}")]
    Changelog(String),
    /// Files differ from the commit.
    #[error("the work tree is not the commit: {}", .0.join(", "))]
    Dirty(Vec<String>),
    /// Another compiler.
    #[error("the compiler is {found}, a release is built with {expected}")]
    Toolchain {
        /// Named in `release/targets.toml`.
        expected: String,
        /// At hand.
        found: String,
    },
    /// The list of platforms contradicts itself.
    #[error("release/targets.toml: {0}")]
    Targets(String),
    /// No such platform.
    #[error("there is no platform {0}")]
    Platform(String),
    /// Two builds of one commit differ.
    #[error("{asset} is {first} and, built again in another directory, {second}")]
    NotReproducible {
        /// The asset.
        asset: String,
        /// SHA-256 of the one.
        first: String,
        /// Of the other.
        second: String,
    },
    /// A finished binary does not do what it is for.
    #[error("{step}: {what}")]
    Gate {
        /// Which check.
        step: &'static str,
        /// What happened.
        what: String,
    },
    /// A root has another C library than the one it stands for.
    #[error("{} stands for {expected} and has {}", root.display(), if found.is_empty() { "no C library".to_owned() } else { found.join(" and ") })]
    Root {
        /// The root.
        root: PathBuf,
        /// The C library it stands for.
        expected: String,
        /// What is in it.
        found: Vec<String>,
    },
    /// This user cannot change the root directory.
    #[error(
        "other roots cannot be entered here: neither as this user, nor in a user namespace, nor through sudo without a password"
    )]
    NoEntrance,
    /// It is published: nothing is changed any more.
    #[error("{0} is published already")]
    AlreadyPublished(String),
    /// What is the latest release has a name that cannot be compared.
    #[error(
        "the latest release is called {0}, which is no version: whether this one is newer cannot be told"
    )]
    Latest(String),
    /// There is nothing to publish.
    #[error("{0} is not a draft")]
    NotDraft(String),
    /// A draft of the same name that was made from something else.
    #[error("there is a draft of {tag} that is not of commit {commit}: remove it first")]
    ForeignDraft {
        /// The tag.
        tag: String,
        /// Ours.
        commit: String,
    },
    /// The draft is not a pre-release and should be, or the reverse.
    #[error("the draft of {tag} has pre-release {found}, it must be {expected}")]
    Kind {
        /// The tag.
        tag: String,
        /// As the version says.
        expected: bool,
        /// As the draft says.
        found: bool,
    },
    /// What was uploaded is not what comes back.
    #[error("read back from the release, {asset} {what}")]
    ReadBack {
        /// The asset.
        asset: String,
        /// `is missing`, `differs`, `does not belong there`.
        what: &'static str,
    },
    /// It was published, and then found to differ. The one refusal that comes too late; see docs/RELEASING.md.
    #[error("PUBLISHED, but {asset} {what}: withdraw the release")]
    PublishedDiffers {
        /// The asset.
        asset: String,
        /// How.
        what: &'static str,
    },
    /// Where releases are kept did not do what was asked.
    #[error("{action}: {what}")]
    Backend {
        /// What was asked.
        action: String,
        /// The answer.
        what: String,
    },
    /// Predictions that the loader does not share.
    #[error("{wrong} of {of} verdicts are not the loader's")]
    Disagrees {
        /// False passes, false fails, and libraries without a verdict.
        wrong: usize,
        /// All that were asked about.
        of: usize,
    },
    /// A program could not be run, or failed.
    #[error("{command}: {what}")]
    Command {
        /// The program with its arguments.
        command: String,
        /// How it ended.
        what: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
}

impl Problem {
    /// A file that could not be read or written, for `map_err`.
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Problem + use<> {
        let path = path.to_owned();
        move |source| Problem::File { path, source }
    }

    /// The code, as it is printed.
    pub fn code(&self) -> &'static str {
        match self {
            Problem::Missing(_) => "missing-asset",
            Problem::Unexpected(_) => "unexpected-file",
            Problem::NotAFile(_) => "not-a-file",
            Problem::ChecksumsText { .. } => "checksums-malformed",
            Problem::ChecksumsSet { .. } => "checksums-incomplete",
            Problem::Checksum { .. } => "checksum-differs",
            Problem::Version { .. } => "version-differs",
            Problem::Pin { .. } => "pin-differs",
            Problem::Embedded { .. } => "helper-not-embedded",
            Problem::Unfit { .. } => "binary-unfit",
            Problem::Document { .. } => "document-differs",
            Problem::Tag { .. } => "tag-differs",
            Problem::TagElsewhere { .. } => "tag-elsewhere",
            Problem::Changelog(_) => "changelog-silent",
            Problem::Dirty(_) => "tree-dirty",
            Problem::Toolchain { .. } => "toolchain-differs",
            Problem::Targets(_) => "targets-malformed",
            Problem::Platform(_) => "platform-unknown",
            Problem::NotReproducible { .. } => "not-reproducible",
            Problem::Gate { .. } => "gate-refused",
            Problem::Root { .. } => "root-differs",
            Problem::NoEntrance => "root-not-entered",
            Problem::AlreadyPublished(_) => "already-published",
            Problem::Latest(_) => "latest-unknown",
            Problem::NotDraft(_) => "not-a-draft",
            Problem::ForeignDraft { .. } => "draft-foreign",
            Problem::Kind { .. } => "prerelease-differs",
            Problem::ReadBack { .. } => "read-back-differs",
            Problem::PublishedDiffers { .. } => "published-differs",
            Problem::Backend { .. } => "backend-failed",
            Problem::Disagrees { .. } => "loader-disagrees",
            Problem::Command { .. } => "command-failed",
            Problem::File { .. } => "file-failed",
            Problem::Usage(_) => "usage",
        }
    }
}
