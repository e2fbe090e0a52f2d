//! What breaks a home, file by file: causes that name one file under several paths are one cause.
//! It must never merge causes of two files, nor change what the analyzer found.
//! Paths are compared after `.` and `..` are taken out and the home's own links are followed, as the listings tell them.

use std::collections::HashMap;

use super::files::What;
use super::providers::lexical;
use super::survey::Survey;
use crate::analyzer::audit::RootCause;

/// The causes with each file under one name, the one that breaks most first.
pub fn merged(survey: &Survey, causes: Vec<RootCause>) -> Vec<RootCause> {
    let chosen = survey.trees.iter().map(|t| &t.listing);
    let others = survey.others.iter().map(|(_, listing)| listing);
    let mut real: HashMap<&[u8], &[u8]> = HashMap::new();
    for e in chosen.chain(others).flat_map(|listing| &listing.entries) {
        if let What::Link { leads: Some(leads), .. } = &e.what {
            real.insert(&e.path, leads);
        }
    }
    // Where links lead is told without the links on the way to the home itself.
    let (home, whole) = (survey.home.place.path.as_slice(), survey.home.real.as_slice());
    let name = |subject: &[u8]| {
        if !subject.starts_with(b"/") {
            return subject.to_vec();
        }
        let flat = lexical(subject);
        let end = real.get(flat.as_slice()).map_or(flat.clone(), |leads| leads.to_vec());
        match end.strip_prefix(whole).filter(|rest| rest.starts_with(b"/")) {
            Some(rest) => [home, rest].concat(),
            None => end,
        }
    };
    let mut places: HashMap<(&'static str, Vec<u8>), usize> = HashMap::new();
    let mut out: Vec<RootCause> = Vec::new();
    for cause in causes {
        // A version's subject is a path and more; it is compared as it is.
        let subject =
            if cause.subject.contains(&b' ') { cause.subject.clone() } else { name(&cause.subject) };
        let at = *places.entry((cause.code, subject.clone())).or_insert(out.len());
        match out.get_mut(at) {
            Some(first) => first.libraries.extend(cause.libraries),
            None => out.push(RootCause { subject, ..cause }),
        }
    }
    out.sort_by_key(|cause| std::cmp::Reverse(cause.libraries.len()));
    out
}
