//! A home as reports see it: each tree with its verdicts and with what Level 3 found of its files.
//! It must never let a probe change a verdict; it only says how a tree is when both are looked at.
//! One shape for every format, so that none can forget the probes.

use super::super::level3::Probed;
use super::row::Row;
use crate::home::survey::{Judged, Status, Survey, TreeReport};

/// A survey and its probes.
#[derive(Clone, Copy)]
pub struct Surveyed<'s> {
    /// What files tell.
    pub survey: &'s Survey,
    /// One a judged file, tree by tree; none of a file that Level 3 did not look at.
    pub probes: &'s [Vec<Option<Probed>>],
}

/// One tree of it.
#[derive(Clone, Copy)]
pub struct TreeRow<'s> {
    /// What files tell.
    pub report: &'s TreeReport,
    probes: &'s [Option<Probed>],
}

impl<'s> Surveyed<'s> {
    /// All trees.
    pub fn trees(&self) -> impl Iterator<Item = TreeRow<'s>> {
        self.survey.trees.iter().zip(self.probes).map(|(report, probes)| TreeRow { report, probes })
    }

    /// The verdicts that count, and their probes.
    pub fn rows(&self) -> Vec<Row<'s>> {
        self.trees().flat_map(|tree| tree.rows().map(|(_, row)| row).collect::<Vec<_>>()).collect()
    }
}

impl<'s> TreeRow<'s> {
    /// The files that were judged.
    pub fn rows(&self) -> impl Iterator<Item = (&'s Judged, Row<'s>)> + use<'s> {
        self.report.judged.iter().zip(self.probes).filter_map(|(judged, probed)| {
            let library = judged.counting()?;
            Some((judged, Row { library, probed: probed.as_ref() }))
        })
    }

    /// Somebody has to mend the file.
    pub fn is_broken(judged: &Judged, row: Row<'_>, strict: bool) -> bool {
        judged.is_broken(strict) || row.breaks_when_loaded()
    }

    /// How it is. What breaks when it is really loaded is broken, whatever was predicted.
    pub fn status(&self, strict: bool) -> Status {
        let breaks = self.report.tree.present && self.rows().any(|(_, row)| row.breaks_when_loaded());
        if breaks { Status::Broken } else { self.report.status(strict) }
    }
}
