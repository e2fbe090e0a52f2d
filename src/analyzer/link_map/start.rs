//! The objects of a program that starts, before its first instruction.
//! It must never enter an object into the global scope that nothing needs.
//! Follows glibc elf/rtld.c:dl_main.

use std::borrow::Cow;
use std::sync::Arc;

use super::needs::mark;
use super::{LinkMap, Process};
use crate::analyzer::disk::Disk;
use crate::analyzer::errno::Errno;
use crate::analyzer::model::NodeIx;
use crate::analyzer::search::Hit;
use crate::analyzer::search::glibc;

impl<'h> Process<'h> {
    /// Loads `path` into the process as a program's own dependency or an earlier `dlopen` with RTLD_GLOBAL would.
    pub fn absorb(&mut self, map: LinkMap<'h>) {
        let list = map.list;
        self.nodes = map.nodes;
        let known = Arc::make_mut(&mut self.known);
        known.names.extend(map.known.names);
        known.files.extend(map.known.files);
        for n in &mut self.nodes {
            n.before = true;
        }
        for ix in list {
            if !self.global.contains(&ix) {
                self.global.push(ix);
            }
        }
    }
}

/// The objects of a program that starts: node 0 of `process` is the program.
pub fn start_program<'h>(disk: &Disk<'_, 'h>, process: &Process<'h>) -> LinkMap<'h> {
    let mut map = start_up(disk, process, &[], &disk.model().env.preload);
    map.before = 0;
    map
}

/// The start-up objects of a program: the interpreter, preloads, and what the program needs.
pub fn start_up<'h>(
    disk: &Disk<'_, 'h>,
    process: &Process<'h>,
    needs: &[Vec<u8>],
    preload: &[Vec<u8>],
) -> LinkMap<'h> {
    let mut m = LinkMap::new(process);
    m.starting = true;
    let model = disk.model();
    // ld.so is there first; it enters the scope where something needs it.
    let mut errno = Errno::NONE;
    if let Hit::Opened { path, image, provenance } =
        glibc::open_path(disk, &model.interpreter, &mut errno, None)
    {
        let name = Cow::Owned(model.interpreter.clone());
        m.add(path, name, image, None, provenance);
    }
    let mut list = vec![(NodeIx(0), false)];
    let mut listed = Vec::new();
    mark(&mut listed, NodeIx(0));
    for name in preload {
        // A preload that cannot be loaded is only warned about.
        if let Ok(ix) = m.need(disk, process, Some(NodeIx(0)), Cow::Owned(name.clone()))
            && mark(&mut listed, ix)
        {
            list.push((ix, false));
        }
    }
    let has_program = m.facts(NodeIx(0)).is_some();
    if !has_program {
        for name in needs {
            match m.need(disk, process, Some(NodeIx(0)), Cow::Owned(name.clone())) {
                Ok(ix) => {
                    if mark(&mut listed, ix) {
                        list.push((ix, false));
                    }
                    if let Some(main) = m.nodes.first_mut() {
                        main.needs.push(ix);
                    }
                }
                Err(miss) => {
                    m.miss = Some(*miss);
                    return m;
                }
            }
        }
    }
    let mut at = 0;
    while let Some((ix, _)) = list.get(at).copied() {
        if let Err(miss) = m.needs_of(disk, process, ix, at, &mut list, &mut listed) {
            m.miss = Some(*miss);
            return m;
        }
        at += 1;
    }
    m.list = list.into_iter().map(|(ix, _)| ix).collect();
    m
}
