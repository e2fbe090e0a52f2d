//! The profile of a machine: its files as far as a loader looks at them, its processor and kernel, in one file.
//! It must never be believed beyond its checksums, and what is missing in it is not there: no disk stands behind it.
//! An index in front names every file; contents are unpacked one by one when they are asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sealed::{self, Label, SealFault};
use super::sparse;
use crate::analyzer::detect::RunningSystem;

/// What a profile file begins with.
const LABEL: Label = Label { magic: *b"TSVPROF\n", format: 1 };

/// What is at a path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Node {
    /// A directory.
    Dir,
    /// A symbolic link.
    Link(Vec<u8>),
    /// A regular file: its number.
    File(u32),
}

/// Everything by its link-free path, without a slash in front.
pub type Nodes = BTreeMap<Vec<u8>, Node>;

/// A stored file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Stored {
    /// Size of the file.
    size: u64,
    /// Where its packed bytes start, and how many there are.
    at: u64,
    len: u64,
    /// Their checksum.
    sum: u64,
}

/// What stands in front.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Index {
    /// The program that wrote it.
    made_by: String,
    system: RunningSystem,
    program: Option<Vec<u8>>,
    nodes: Nodes,
    files: Vec<Stored>,
}

/// What a profile is made of.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Kernel and processor.
    pub system: RunningSystem,
    /// The host program it is saved for.
    pub program: Option<Vec<u8>>,
    /// The tree.
    pub nodes: Nodes,
    /// By number: size and packed bytes.
    pub files: Vec<(u64, Vec<u8>)>,
}

impl Contents {
    /// The profile as a file.
    pub fn write(&self) -> Vec<u8> {
        let mut at = 0;
        let files = self.files.iter().map(|(size, packed)| {
            let len = packed.len() as u64;
            at += len;
            Stored { size: *size, at: at - len, len, sum: sealed::sum(packed) }
        });
        let index = Index {
            made_by: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
            system: self.system.clone(),
            program: self.program.clone(),
            files: files.collect(),
            nodes: self.nodes.clone(),
        };
        // Writing into memory fails only where there is none.
        let plain = postcard::to_stdvec(&index).unwrap_or_default();
        let mut out = LABEL.seal(&plain);
        self.files.iter().for_each(|(_, packed)| out.extend_from_slice(packed));
        out
    }
}

/// An opened profile.
#[derive(Clone, Debug)]
pub struct Profile<'b> {
    index: Index,
    packed: &'b [u8],
    /// Where files that were added from another profile are packed, with their first number.
    added: Option<(usize, &'b [u8])>,
}

impl<'b> Profile<'b> {
    /// Reads the index.
    ///
    /// # Errors
    /// It is no profile, of another format, or damaged.
    pub fn read(bytes: &'b [u8]) -> Result<Profile<'b>, SealFault> {
        let (plain, packed) = LABEL.open(bytes)?;
        let index: Index =
            postcard::from_bytes(plain).map_err(|_| SealFault::Nonsense("the index cannot be read"))?;
        let inside = |f: &Stored| f.at.checked_add(f.len).is_some_and(|end| end <= packed.len() as u64);
        if !index.files.iter().all(inside) {
            return Err(SealFault::Short);
        }
        let cut = |v: u64| usize::try_from(v).unwrap_or(usize::MAX);
        let whole = |f: &Stored| {
            packed.get(cut(f.at)..cut(f.at.saturating_add(f.len))).is_some_and(|p| sealed::sum(p) == f.sum)
        };
        if !index.files.iter().all(whole) {
            return Err(SealFault::Damaged);
        }
        if index.files.iter().any(|f| f.size > sparse::LARGEST) {
            return Err(SealFault::Nonsense("a file is too large"));
        }
        let known = |n: &Node| !matches!(n, Node::File(number) if index.files.len() <= *number as usize);
        if !index.nodes.values().all(known) {
            return Err(SealFault::Nonsense("a file without contents"));
        }
        let page = index.system.page_size;
        if !page.is_power_of_two() || !(1 << 12..=1 << 20).contains(&page) {
            return Err(SealFault::Nonsense("no such page size"));
        }
        Ok(Profile { index, packed, added: None })
    }

    /// The same machine with the host program of another one, and with what that one has and this one has not: a
    /// program brings its own libraries, and takes the system's where they are.
    #[must_use]
    pub fn with_program_of(self, other: Profile<'b>) -> Profile<'b> {
        let mut index = self.index;
        let first = index.files.len();
        for (path, node) in other.index.nodes {
            let node = match node {
                Node::File(number) => {
                    match usize::try_from(number).ok().and_then(|n| u32::try_from(first + n).ok()) {
                        Some(number) => Node::File(number),
                        None => continue,
                    }
                }
                other => other,
            };
            // What lies below a name that is no directory here is not reached.
            index.nodes.entry(path).or_insert(node);
        }
        index.files.extend(other.index.files);
        index.program = other.index.program;
        Profile { index, packed: self.packed, added: Some((first, other.packed)) }
    }

    /// Kernel and processor.
    pub fn system(&self) -> &RunningSystem {
        &self.index.system
    }

    /// The host program it was saved for.
    pub fn program(&self) -> Option<&[u8]> {
        self.index.program.as_deref()
    }

    /// What wrote it.
    pub fn made_by(&self) -> &str {
        &self.index.made_by
    }

    /// The tree.
    pub fn nodes(&self) -> &Nodes {
        &self.index.nodes
    }

    /// How many files.
    pub fn len(&self) -> usize {
        self.index.files.len()
    }

    /// There are no files.
    pub fn is_empty(&self) -> bool {
        self.index.files.is_empty()
    }

    /// Size of a file.
    pub fn size(&self, number: u32) -> u64 {
        self.index.files.get(number as usize).map_or(0, |f| f.size)
    }

    /// Contents of a file, zeros where nothing is stored.
    ///
    /// # Errors
    /// Its part of the profile was not made by this program.
    pub fn contents(&self, number: u32) -> Result<Box<[u8]>, SealFault> {
        let f = self.index.files.get(number as usize).ok_or(SealFault::Short)?;
        let cut = |v: u64| usize::try_from(v).unwrap_or(usize::MAX);
        let all = match self.added {
            Some((first, packed)) if number as usize >= first => packed,
            _ => self.packed,
        };
        let packed = all.get(cut(f.at)..cut(f.at.saturating_add(f.len))).ok_or(SealFault::Short)?;
        sparse::unpack(packed, f.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Contents {
        Contents {
            system: RunningSystem::unknown(),
            program: Some(b"/usr/bin/p".to_vec()),
            nodes: BTreeMap::from([
                (b"usr".to_vec(), Node::Dir),
                (b"usr/l".to_vec(), Node::Link(b"f".to_vec())),
                (b"usr/f".to_vec(), Node::File(0)),
            ]),
            files: vec![(9, sparse::pack(b"012345678", &[0..2, 5..9]))],
        }
    }

    #[test]
    fn a_program_brings_what_the_machine_has_not() {
        let machine = small();
        let mut host = Contents { program: Some(b"/usr/bin/q".to_vec()), ..small() };
        host.nodes.insert(b"usr/q".to_vec(), Node::File(1));
        host.nodes.insert(b"usr/f".to_vec(), Node::File(1));
        host.files.push((3, sparse::pack(b"abc", std::slice::from_ref(&(0..3)))));
        let (machine, host) = (machine.write(), host.write());
        let both = Profile::read(&machine).unwrap().with_program_of(Profile::read(&host).unwrap());
        assert_eq!(both.program(), Some(b"/usr/bin/q".as_slice()));
        let contents = |path: &[u8]| match both.nodes().get(path) {
            Some(Node::File(number)) => (both.size(*number), both.contents(*number).unwrap()),
            other => panic!("{other:?}"),
        };
        assert_eq!(contents(b"usr/q"), (3, Box::from(b"abc".as_slice())));
        assert_eq!(contents(b"usr/f").0, 9);
        assert_eq!(both.len(), 3);
    }

    /// Whatever of it can be read.
    fn all(bytes: &[u8]) -> Result<Vec<Box<[u8]>>, SealFault> {
        let profile = Profile::read(bytes)?;
        (0..profile.len()).map(|n| profile.contents(u32::try_from(n).unwrap())).collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = small().write();
        assert_eq!(all(&bytes).unwrap()[0][..], *b"01\0\0\x005678");
        let profile = Profile::read(&bytes).unwrap();
        assert_eq!(profile.nodes(), &small().nodes);
        assert_eq!((profile.program(), profile.size(0), profile.size(7)), (Some(&b"/usr/bin/p"[..]), 9, 0));
        assert!(profile.contents(7).is_err());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = small().write();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                assert!(all(&bad).is_err(), "byte {at} bit {bit}");
            }
            assert!(all(&bytes[..at]).is_err(), "{at}");
        }
    }

    #[test]
    fn a_forged_index_neither_panics_nor_takes_memory() {
        // The checksum is right, every byte of the index is wrong once.
        let bytes = small().write();
        let (plain, packed) = LABEL.open(&bytes).unwrap();
        for at in 0..plain.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bad = plain.to_vec();
                bad[at] = value;
                let _ = all(&[LABEL.seal(&bad), packed.to_vec()].concat());
            }
        }
        assert!(all(&LABEL.seal(&[0xff; 64])).is_err());
        // Counts and lengths far beyond the file.
        let with = |f: &dyn Fn(&mut Index)| {
            let mut index = Index {
                made_by: String::new(),
                system: RunningSystem::unknown(),
                program: None,
                nodes: BTreeMap::from([(b"f".to_vec(), Node::File(0))]),
                files: vec![Stored { size: sparse::LARGEST, at: u64::MAX, len: u64::MAX, sum: 0 }],
            };
            f(&mut index);
            all(&LABEL.seal(&postcard::to_stdvec(&index).unwrap()))
        };
        assert_eq!(with(&|_| ()), Err(SealFault::Short));
        assert!(with(&|i| i.files[0] = Stored { size: u64::MAX, at: 0, len: 0, sum: 0 }).is_err());
        assert!(with(&|i| i.files.clear()).is_err());
        assert!(with(&|i| i.system.page_size = 0).is_err());
    }
}
