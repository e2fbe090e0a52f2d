//! Why a library fails, in terms of who has to act: its host program, its link line, or its owner.
//! It must never change a verdict.
//! Rests on the exports of real programs and libraries where they are installed.

use super::audit::MissingSymbol;
use super::disk::Disk;
use super::link_map::LinkMap;
use super::verdict::{Class, Judgement};

/// What a class rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// Nothing explains it.
    Nothing,
}

impl Because {
    /// The class.
    pub fn class(&self) -> Class {
        Class::Broken
    }
}

/// Sorts a failing library.
pub fn classify(
    _disk: &Disk<'_, '_>,
    _path: &[u8],
    _map: &LinkMap<'_>,
    _judgement: &Judgement,
    _missing: &[MissingSymbol],
) -> Because {
    Because::Nothing
}
