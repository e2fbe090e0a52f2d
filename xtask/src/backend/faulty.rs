//! A backend with one fault, for rehearsals and tests: what networks and forges do now and then.
//! It must never be in the way of a real release: it exists only where a fault was asked for.

use std::cell::Cell;
use std::path::Path;

use super::{Backend, State};
use crate::files;
use crate::plan::Plan;
use crate::problem::Problem;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection dies after this many uploads.
    DieAfter(usize),
    /// The last byte of this asset is lost, and nobody says so.
    Truncate(String),
    /// One bit of this asset turns over on its way.
    Corrupt(String),
    /// This asset is accepted and gone.
    Lose(String),
    /// Somebody else adds a file while we upload.
    Stray(String),
    /// Somebody else replaces this asset between our last look and the publication.
    Swap(String),
    /// The publication is refused.
    RefuseFlip,
    /// The connection dies after the publication, before the release becomes the latest.
    DieBeforeLatest,
}

impl Fault {
    /// Reads `die-after=3`, `truncate=NAME`, `corrupt=NAME`, `lose=NAME`, `stray=NAME`, `swap=NAME`, `refuse-flip`, `die-before-latest`.
    ///
    /// # Errors
    /// It is none of them.
    pub fn parse(text: &str) -> Result<Fault, Problem> {
        let (kind, value) = text.split_once('=').unwrap_or((text, ""));
        let name = value.to_owned();
        Ok(match (kind, value.parse()) {
            ("die-after", Ok(count)) => Fault::DieAfter(count),
            ("truncate", _) => Fault::Truncate(name),
            ("corrupt", _) => Fault::Corrupt(name),
            ("lose", _) => Fault::Lose(name),
            ("stray", _) => Fault::Stray(name),
            ("swap", _) => Fault::Swap(name),
            ("refuse-flip", _) => Fault::RefuseFlip,
            ("die-before-latest", _) => Fault::DieBeforeLatest,
            _ => return Err(Problem::Usage(format!("{text:?} is no fault"))),
        })
    }
}

/// Another backend, disturbed.
pub struct Faulty<B> {
    inner: B,
    fault: Fault,
    uploads: Cell<usize>,
}

impl<B> Faulty<B> {
    /// Disturbs `inner`.
    pub fn new(inner: B, fault: Fault) -> Faulty<B> {
        Faulty { inner, fault, uploads: Cell::new(0) }
    }
}

/// Uploads other bytes under the name of `file`.
fn upload_changed<B: Backend>(
    inner: &B,
    plan: &Plan,
    file: &Path,
    change: impl FnOnce(&mut Vec<u8>),
) -> Result<(), Problem> {
    let dir = tempfile::tempdir().map_err(Problem::file(file))?;
    let other = dir.path().join(file.file_name().unwrap_or_default());
    let mut bytes = if file.exists() { files::read(file)? } else { Vec::new() };
    change(&mut bytes);
    files::write(&other, bytes)?;
    inner.upload(plan, &other)
}

impl<B: Backend> Backend for Faulty<B> {
    fn state(&self, plan: &Plan) -> Result<State, Problem> {
        self.inner.state(plan)
    }

    fn create_draft(&self, plan: &Plan) -> Result<(), Problem> {
        self.inner.create_draft(plan)
    }

    fn upload(&self, plan: &Plan, file: &Path) -> Result<(), Problem> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let count = self.uploads.replace(self.uploads.get() + 1);
        match &self.fault {
            Fault::DieAfter(limit) if count >= *limit => Err(Problem::Backend {
                action: format!("upload {name}"),
                what: "the connection was lost".to_owned(),
            }),
            Fault::Truncate(asset) if *asset == name => {
                upload_changed(&self.inner, plan, file, |bytes| bytes.truncate(bytes.len() - 1))
            }
            Fault::Corrupt(asset) if *asset == name => upload_changed(&self.inner, plan, file, |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            }),
            Fault::Lose(asset) if *asset == name => Ok(()),
            Fault::Stray(stray) if count == 0 => {
                upload_changed(&self.inner, plan, Path::new(stray), |bytes| bytes.push(b'?'))?;
                self.inner.upload(plan, file)
            }
            _ => self.inner.upload(plan, file),
        }
    }

    fn download(&self, plan: &Plan, into: &Path) -> Result<(), Problem> {
        self.inner.download(plan, into)
    }

    fn flip(&self, plan: &Plan) -> Result<(), Problem> {
        match &self.fault {
            Fault::RefuseFlip => {
                return Err(Problem::Backend {
                    action: format!("publish {}", plan.tag),
                    what: "HTTP 502".to_owned(),
                });
            }
            Fault::Swap(asset) => {
                upload_changed(&self.inner, plan, Path::new(asset), |bytes| bytes.push(b'?'))?
            }
            _ => {}
        }
        self.inner.flip(plan)
    }

    fn latest(&self) -> Result<Option<String>, Problem> {
        self.inner.latest()
    }

    fn make_latest(&self, plan: &Plan) -> Result<(), Problem> {
        if self.fault == Fault::DieBeforeLatest {
            return Err(Problem::Backend {
                action: format!("make {} the latest", plan.tag),
                what: "the connection was lost".to_owned(),
            });
        }
        self.inner.make_latest(plan)
    }
}

impl Backend for Box<dyn Backend> {
    fn state(&self, plan: &Plan) -> Result<State, Problem> {
        (**self).state(plan)
    }

    fn create_draft(&self, plan: &Plan) -> Result<(), Problem> {
        (**self).create_draft(plan)
    }

    fn upload(&self, plan: &Plan, file: &Path) -> Result<(), Problem> {
        (**self).upload(plan, file)
    }

    fn download(&self, plan: &Plan, into: &Path) -> Result<(), Problem> {
        (**self).download(plan, into)
    }

    fn flip(&self, plan: &Plan) -> Result<(), Problem> {
        (**self).flip(plan)
    }

    fn latest(&self) -> Result<Option<String>, Problem> {
        (**self).latest()
    }

    fn make_latest(&self, plan: &Plan) -> Result<(), Problem> {
        (**self).make_latest(plan)
    }
}
