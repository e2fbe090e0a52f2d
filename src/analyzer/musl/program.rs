//! Will a program start under musl? The kernel's steps, and the loader's before the program's first instruction.
//! It must never stop at the first complaint: at the start musl prints all of them and only then gives up.
//! Follows Linux fs/binfmt_elf.c for the interpreter and musl ldso/dynlink.c: __dls3 for the rest.

use super::judge::{self, Work};
use super::{process, search};
use crate::analyzer::checks::Judged;
use crate::analyzer::disk::{Disk, Opening};
use crate::analyzer::image::elf::Image;
use crate::analyzer::image::header;
use crate::analyzer::link_map::{LinkMap, Node};
use crate::analyzer::model::NodeIx;
use crate::analyzer::program::{Start, checked_by_kernel, loads, refused};
use crate::analyzer::provenance::Provenance;
use crate::analyzer::static_tls::StaticTls;
use crate::analyzer::verdict::{Judgement, Verdict};

/// Judges the start of `path` in an empty process.
pub fn judge<'h>(disk: &Disk<'_, 'h>, path: &[u8]) -> Start<'h> {
    let image = match checked_by_kernel(disk, path) {
        Ok(image) => image,
        Err(start) => return *start,
    };
    let model = disk.model();
    let known = header::peek(image.bytes).is_some_and(|(format, machine, _)| {
        machine == model.machine.e_machine() && format.is64 == model.machine.is_64()
    });
    let facts = match &image.image {
        Image::Mapped(facts) if known => facts,
        Image::Refused(crate::analyzer::defect::Defect::NoDynamic) if known => return loads(None),
        _ => {
            let machine = header::peek(image.bytes).map_or(0, |(_, machine, _)| machine);
            let defect = crate::analyzer::defect::Defect::WrongMachine(machine);
            let finding = crate::analyzer::finding::Finding::File { object: path.to_vec(), defect };
            return refused(path, finding, None);
        }
    };
    let Some(interpreter) = facts.interpreter else { return loads(None) };
    if let Opening::Errno(errno) = disk.open(interpreter) {
        let interpreter = interpreter.to_vec();
        let finding = crate::analyzer::finding::Finding::InterpreterNotFound { interpreter };
        return refused(path, finding, Some(errno));
    }
    let main = Node {
        name: path.to_vec(),
        image: Some(image.clone()),
        provenance: Provenance::Root,
        ..Node::empty()
    };
    let origin = search::origin(&disk.real_path(path)).to_vec();
    let empty = process::empty(disk, main, origin);
    let mut map = LinkMap::new(&empty);
    map.before = 0;
    let judged = started(&mut map, disk);
    Start { map: Some(map), judged }
}

/// Every complaint of the start, each on a line of standard error.
fn started<'h>(map: &mut LinkMap<'h>, disk: &Disk<'_, 'h>) -> Judged {
    let misses = process::at_start(map, disk);
    let mut stops: Vec<_> = misses.iter().map(|miss| judge::miss_stop(map, miss)).collect();
    let all: Vec<NodeIx> = (0..map.nodes.len()).map(NodeIx::from_index).collect();
    map.list.clone_from(&all);
    let model = disk.model();
    let mut unresolved = Vec::new();
    if let Some(musl) = model.musl()
        && stops.iter().all(|s| s.message.is_some())
    {
        let mut work = Work::new(map, &all, model, musl, false);
        work.starting = true;
        // The program itself comes last: it may copy what its libraries relocate.
        for ix in all.iter().skip(1).chain(all.first()) {
            let Some(node) = map.node(*ix) else { continue };
            let Some(facts) = node.facts().filter(|_| node.name != model.interpreter) else { continue };
            stops.extend(work.every_complaint(*ix, node, facts));
            if stops.last().is_some_and(|s| s.message.is_none()) {
                break;
            }
        }
        unresolved = work.unresolved;
    }
    let judgement = if stops.is_empty() {
        Judgement { verdict: Verdict::Loads, findings: Vec::new(), level_reached: 2 }
    } else {
        let dies = stops.iter().find(|s| s.message.is_none()).map(|s| s.dies);
        let lines: Vec<Vec<u8>> = stops.iter().filter_map(|s| s.message.clone()).collect();
        let verdict = match dies {
            Some(None) => Verdict::Undecided,
            Some(dies) => Verdict::Fails { message: None, dies },
            None => Verdict::Fails { message: Some(lines.join(&b'\n')), dies: None },
        };
        let level_reached = u8::from(misses.is_empty());
        Judgement { verdict, findings: stops.into_iter().map(|s| s.finding).collect(), level_reached }
    };
    Judged { judgement, unresolved, static_tls: StaticTls::default() }
}
