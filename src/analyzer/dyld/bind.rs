//! Every symbol the new images need bound, looked up as dyld does, in its order; the first that is missing decides.
//! It must never load or search. What only the system could tell is collected, not guessed.
//! Follows Loader.cpp (forEachBindTarget, resolveSymbol, hasExportedSymbol) and DyldAPIs.cpp (dlopen_from).

use super::files::Files;
use super::graph::{Body, Graph, Ix, Node, Target, newer};
use super::mapping;
use super::release::Quoting;
use super::system::{self, Presence};
use super::tbd::Stub;
use crate::analyzer::image::macho::binds::{Bind, BindKind, Ordinal, Source};
use crate::analyzer::image::macho::exports::ExportKind;
use crate::analyzer::image::macho::fault::Problem;
use crate::analyzer::image::macho::{MachoFacts, chains, tables};

/// Where a symbol was expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expected {
    /// In this library.
    Library(Vec<u8>),
    /// In a dependent that is not there.
    NoLibrary,
    /// In the main program.
    MainProgram,
    /// In any image.
    Flat,
    /// In any image that defines weak symbols.
    Coalesced,
}

/// A symbol that is certainly missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    /// The image that needs it.
    pub image: Ix,
    /// Its name.
    pub symbol: Vec<u8>,
    /// Where it should be.
    pub expected: Expected,
}

/// A symbol of which only the system could tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsure {
    /// The image that needs it.
    pub image: Ix,
    /// Its name.
    pub symbol: Vec<u8>,
    /// Where it is looked for; none for all images.
    pub library: Option<Vec<u8>>,
}

/// What else ends a call while images are bound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A symbol is missing.
    Missing,
    /// The tables say what cannot be; dyld's words, if it has any.
    Malformed(Option<String>),
    /// A library number that no dependent has.
    Ordinal(i32),
    /// Thread-local variables.
    ThreadLocals,
}

/// What binding found.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    /// What `dlopen` says, without its beginning; none if nothing is certainly wrong.
    pub failure: Option<(Ix, Fault, Vec<u8>)>,
    /// The process dies of tables that lie behind the end of a file.
    pub dies: Option<Ix>,
    /// Everything that is certainly missing, the deciding one first.
    pub missing: Vec<Missing>,
    /// What only the system could tell.
    pub unsure: Vec<Unsure>,
    /// Number of symbols taken for granted, and the libraries they are expected in.
    pub assumed: usize,
    /// Those libraries.
    pub assumed_in: Vec<Vec<u8>>,
    /// Tables whose faults dyld does not report.
    pub doubtful: Vec<Ix>,
}

/// What a look-up gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    Yes,
    No,
    /// A library of the system has it, as its user's SDK said.
    Granted(Ix),
    /// Only this library of the system could tell.
    Unsure(Ix),
}

/// Most symbols kept of each kind.
const MOST_KEPT: usize = 4096;
/// Most tables looked into for one call (real: below 10 million).
const MOST_STEPS: usize = 1 << 25;
/// Most images entered on the way of one symbol.
const DEEPEST: usize = 256;

/// Binds every image that the call brought.
pub fn all<'h>(
    files: &Files<'_, 'h>,
    graph: &Graph<'h>,
    lazy: bool,
    host_symbol: &dyn Fn(&[u8]) -> bool,
) -> Bound {
    let mut binding = Binding {
        files,
        graph,
        lazy,
        host_symbol,
        bound: Bound::default(),
        words: Vec::new(),
        newer: false,
        steps: 0,
    };
    for image in graph.before..graph.nodes.len() {
        binding.image(image);
    }
    if binding.bound.failure.is_none() && files.model().release.checks_thread_locals {
        binding.thread_locals();
    }
    let mut bound = binding.bound;
    bound.assumed_in.sort();
    bound.assumed_in.dedup();
    bound
}

struct Binding<'b, 'a, 'h> {
    files: &'b Files<'a, 'h>,
    graph: &'b Graph<'h>,
    lazy: bool,
    host_symbol: &'b dyn Fn(&[u8]) -> bool,
    bound: Bound,
    /// Words of faults met while looking one symbol up.
    words: Vec<u8>,
    /// The image that is bound was built for a newer system.
    newer: bool,
    /// Tables looked into.
    steps: usize,
}

impl<'h> Binding<'_, '_, 'h> {
    fn node(&self, ix: Ix) -> Option<&Node<'h>> {
        self.graph.nodes.get(ix)
    }

    fn fail(&mut self, image: Ix, fault: Fault, words: Vec<u8>) {
        self.bound.failure.get_or_insert((image, fault, words));
    }

    /// The records in order. After the first failure the rest is only counted.
    fn image(&mut self, image: Ix) {
        let Some(slice) = self.graph.nodes.get(image).and_then(Node::slice) else { return };
        let binds = &slice.facts.binds;
        self.newer = newer(&slice.facts, self.files.model().macos).is_some();
        for bind in &binds.records {
            if self.steps > MOST_STEPS {
                self.bound.doubtful.push(image);
                return;
            }
            self.record(image, bind);
        }
        if let Some(fault) = &binds.fault {
            let words = fault.loader_words();
            let beyond = slice.mapped.as_ref().is_ok_and(|m| m.beyond_end);
            // What is not in the file is not in memory either.
            let absent = words.is_none() || fault.problem == Problem::OutOfRange;
            if absent && beyond && self.bound.failure.is_none() {
                self.bound.dies.get_or_insert(image);
            } else if let Some(said) = words {
                let bytes = said.clone().into_bytes();
                self.fail(image, Fault::Malformed(Some(said)), bytes);
            } else {
                self.bound.doubtful.push(image);
            }
        } else if binds.place_fault.is_some() {
            self.bound.doubtful.push(image);
        } else if self.bound.failure.is_none() {
            self.places(image, &slice.facts);
        }
    }

    /// The places that are written after all symbols were found.
    fn places(&mut self, image: Ix, facts: &MachoFacts<'_>) {
        let said = match facts.binds.source {
            Source::Opcodes => tables::conflict(facts),
            Source::Chained => match chains::check(facts) {
                Ok(_) => None,
                Err(fault) => fault.loader_words().or_else(|| {
                    self.bound.doubtful.push(image);
                    None
                }),
            },
            _ => None,
        };
        if let Some(said) = said {
            let bytes = said.clone().into_bytes();
            self.fail(image, Fault::Malformed(Some(said)), bytes);
        }
    }

    fn record(&mut self, image: Ix, bind: &Bind<'h>) {
        self.words.clear();
        let found = match bind.ordinal {
            Ordinal::Own => self.in_image(image, bind.name),
            Ordinal::Dependent(number) => match self.dependent(image, number) {
                None => return self.bad_ordinal(image, bind),
                Some(Target::Image(target)) => self.in_image(target, bind.name),
                Some(Target::Unknown | Target::NotReached) => return,
                Some(Target::Null | Target::Missing(_)) => Found::No,
            },
            Ordinal::MainExecutable => self.in_image(0, bind.name),
            Ordinal::Flat => self.flat(image, bind.name),
            Ordinal::Weak => self.coalesced(image, bind.name),
            Ordinal::Unknown(_) => return self.bad_ordinal(image, bind),
        };
        match found {
            Found::Yes => {}
            // Another definition may take its place; without one all stays as it is.
            _ if bind.kind == BindKind::WeakOverride => {}
            Found::Granted(library) if bind.weak_import || !self.newer => self.granted(library),
            _ if bind.weak_import => {
                if !self.words.is_empty() && found == Found::No {
                    let words = self.words.clone();
                    let said = String::from_utf8_lossy(&words).into_owned();
                    self.fail(image, Fault::Malformed(Some(said)), words);
                }
            }
            _ if bind.kind == BindKind::Lazy && self.lazy => {}
            // Built for a newer system: what that one has, this one may lack.
            Found::Unsure(library) | Found::Granted(library) => self.unsure(image, bind, library),
            Found::No => self.missing(image, bind),
        }
    }

    /// A dependent by its number; an image without any has the implied one.
    fn dependent(&self, image: Ix, number: u32) -> Option<Target> {
        let node = self.node(image)?;
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        if node.facts().is_some_and(|f| at >= f.dependents.len().max(1)) {
            return None;
        }
        Some(node.needs.get(at).map_or(Target::NotReached, |need| need.target.clone()))
    }

    fn bad_ordinal(&mut self, image: Ix, bind: &Bind<'_>) {
        let path = self.node(image).map(|n| n.path.clone()).unwrap_or_default();
        let number = bind.ordinal.value();
        let (head, tail) = (format!("unknown library ordinal {number} in "), bind.name);
        let words = if self.files.model().release.quoting == Quoting::Brackets {
            [head.as_bytes(), b"'", &path, b"' when binding (", tail, b")"].concat()
        } else {
            [head.as_bytes(), &path, b" when binding '", tail, b"'"].concat()
        };
        self.fail(image, Fault::Ordinal(number), words);
    }

    fn granted(&mut self, library: Ix) {
        self.bound.assumed += 1;
        let path = self.node(library).map(|n| n.path.clone()).unwrap_or_default();
        if self.bound.assumed_in.last() != Some(&path) && !self.bound.assumed_in.contains(&path) {
            self.bound.assumed_in.push(path);
        }
    }

    fn unsure(&mut self, image: Ix, bind: &Bind<'_>, library: Ix) {
        if self.bound.unsure.len() >= MOST_KEPT {
            return;
        }
        let all = matches!(bind.ordinal, Ordinal::Flat | Ordinal::Weak);
        let library = self.node(library).map(|n| n.path.clone()).filter(|_| !all);
        self.bound.unsure.push(Unsure { image, symbol: bind.name.to_vec(), library });
    }

    fn missing(&mut self, image: Ix, bind: &Bind<'_>) {
        let expected = match bind.ordinal {
            Ordinal::Flat => Expected::Flat,
            Ordinal::Weak => Expected::Coalesced,
            Ordinal::MainExecutable => Expected::MainProgram,
            Ordinal::Own => Expected::Library(self.node(image).map(|n| n.path.clone()).unwrap_or_default()),
            Ordinal::Dependent(number) => match self.dependent(image, number) {
                Some(Target::Image(ix)) => {
                    Expected::Library(self.node(ix).map(|n| n.path.clone()).unwrap_or_default())
                }
                _ => Expected::NoLibrary,
            },
            Ordinal::Unknown(_) => Expected::NoLibrary,
        };
        if self.bound.failure.is_none() {
            let words = self.sentence(image, bind, &expected);
            self.fail(image, Fault::Missing, words);
        }
        if self.bound.missing.len() < MOST_KEPT {
            self.bound.missing.push(Missing { image, symbol: bind.name.to_vec(), expected });
        }
    }

    /// What dyld says of a missing symbol.
    fn sentence(&self, image: Ix, bind: &Bind<'_>, expected: &Expected) -> Vec<u8> {
        let model = self.files.model();
        let release = model.release;
        let brackets = release.quoting == Quoting::Brackets;
        let (l, r): (&[u8], &[u8]) = if brackets { (b"(", b")") } else { (b"'", b"'") };
        let Some(node) = self.node(image) else { return Vec::new() };
        let (name, from) = (bind.name, node.path.as_slice());
        let uuid = node.uuid();
        let target = match (bind.ordinal, expected) {
            (_, Expected::Flat) => {
                return [b"symbol not found in flat namespace ", l, name, r].concat();
            }
            (_, Expected::Coalesced) if release.long_weak_text => {
                let head = format!("\n  Referenced from: <{uuid}> ");
                let tail = b"\n  Expected as weak-def export from some loaded dylib".as_slice();
                return [b"Symbol not found: ", name, head.as_bytes(), from, tail].concat();
            }
            (_, Expected::Coalesced) => return [b"weak-def symbol not found ", l, name, r].concat(),
            (Ordinal::Own, _) => Some(image),
            (Ordinal::MainExecutable, _) => Some(0),
            (Ordinal::Dependent(number), _) => match self.dependent(image, number) {
                Some(Target::Image(ix)) => Some(ix),
                _ => None,
            },
            _ => None,
        };
        let library = target.and_then(|ix| self.node(ix));
        let path = library.map_or(b"unknown".as_slice(), |n| n.path.as_slice());
        if !release.uuids {
            let (q, l, r): (&[u8], &[u8], &[u8]) =
                if brackets { (b"'", b"(", b")") } else { (b"", b"", b"") };
            let parts: [&[u8]; 13] = [
                &self.words,
                b"Symbol not found: ",
                l,
                name,
                r,
                b"\n  Referenced from: ",
                q,
                from,
                q,
                b"\n  Expected in: ",
                q,
                path,
                q,
            ];
            return parts.concat();
        }
        let newer = node.facts().and_then(|f| newer(f, model.macos)).unwrap_or_default();
        let theirs = library.map_or_else(|| "no uuid".to_owned(), Node::uuid);
        let head = if release.inspection.is_some() && !self.words.is_empty() {
            self.words.clone()
        } else {
            [self.words.as_slice(), b"Symbol not found: ", name].concat()
        };
        [
            head.as_slice(),
            format!("\n  Referenced from: <{uuid}> ").as_bytes(),
            from,
            newer.as_bytes(),
            format!("\n  Expected in:     <{theirs}> ").as_bytes(),
            path,
        ]
        .concat()
    }

    /// `hasExportedSymbol` with `staticLink`: the image, then what it re-exports.
    fn in_image(&mut self, image: Ix, name: &[u8]) -> Found {
        self.exported(image, name, false, &mut Vec::new(), 0)
    }

    fn exported(&mut self, image: Ix, name: &[u8], shallow: bool, seen: &mut Vec<Ix>, depth: usize) -> Found {
        if seen.contains(&image) {
            return Found::No;
        }
        if seen.len() > DEEPEST || depth > DEEPEST {
            return Found::Unsure(image);
        }
        seen.push(image);
        self.steps += 1;
        let Some(node) = self.graph.nodes.get(image) else { return Found::No };
        let Some(facts) = node.facts() else {
            return match node.body {
                Body::System(presence) => self.in_system(image, presence, name),
                _ => Found::No,
            };
        };
        match facts.exports.find(name) {
            Ok(None) => {}
            Ok(Some(export)) => {
                let ExportKind::Reexport { ordinal, name: other } = export.kind else { return Found::Yes };
                let count = facts.dependents.len().max(1) as u64;
                if ordinal == 0 || ordinal > count {
                    let head = format!("re-export ordinal {ordinal} in ");
                    self.words.extend([head.as_bytes(), &node.path, b" out of range for ", name].concat());
                    return Found::No;
                }
                let target = self.dependent(image, u32::try_from(ordinal).unwrap_or(0));
                let Some(Target::Image(target)) = target else { return Found::No };
                let renamed = !other.is_empty() && other != name;
                if renamed {
                    return self.exported(target, other, false, &mut Vec::new(), depth + 1);
                }
                return self.exported(target, name, shallow, seen, depth + 1);
            }
            Err(fault) => {
                let said = fault.loader_words().unwrap_or_default();
                self.words.extend_from_slice(said.as_bytes());
            }
        }
        if shallow {
            return Found::No;
        }
        let reexported: Vec<Ix> = node
            .needs
            .iter()
            .filter(|need| need.linkage.reexport)
            .filter_map(|need| match need.target {
                Target::Image(ix) => Some(ix),
                _ => None,
            })
            .collect();
        let mut answer = Found::No;
        for target in reexported {
            match self.exported(target, name, false, seen, depth + 1) {
                Found::No => {}
                // Somebody behind it may have it for certain.
                unsure @ (Found::Unsure(_) | Found::Granted(_)) => answer = unsure,
                Found::Yes => return Found::Yes,
            }
        }
        answer
    }

    /// A library of the system.
    fn in_system(&self, image: Ix, presence: Presence, name: &[u8]) -> Found {
        let Some(node) = self.node(image) else { return Found::No };
        let macos = self.files.model().macos;
        if system::exports(&node.path, name, macos) {
            return Found::Yes;
        }
        if let Some(answer) = self.in_stub(&node.path, name, &mut Vec::new()) {
            return if answer { Found::Yes } else { Found::No };
        }
        if presence == Presence::Known { Found::Granted(image) } else { Found::Unsure(image) }
    }

    /// By the SDK; none if it does not know the library.
    fn in_stub(&self, library: &[u8], name: &[u8], seen: &mut Vec<Vec<u8>>) -> Option<bool> {
        if seen.len() > DEEPEST || seen.iter().any(|s| s == library) {
            return Some(false);
        }
        seen.push(library.to_vec());
        let stubs = self.files.stub(library)?;
        let main = stubs.first()?;
        self.stub_exports(&stubs, main, name, seen)
    }

    fn stub_exports(&self, all: &[Stub], stub: &Stub, name: &[u8], seen: &mut Vec<Vec<u8>>) -> Option<bool> {
        let text = std::str::from_utf8(name).ok()?;
        if stub.exports.contains(text) {
            return Some(true);
        }
        let mut unknown = false;
        for other in &stub.reexports {
            // Libraries behind an umbrella are often in its own file.
            let own = all.iter().find(|s| s.name == *other);
            let answer = match own {
                Some(_) if seen.iter().any(|s| s == other.as_bytes()) => Some(false),
                Some(inner) => {
                    seen.push(other.clone().into_bytes());
                    self.stub_exports(all, inner, name, seen)
                }
                None => self.in_stub(other.as_bytes(), name, seen),
            };
            match answer {
                Some(true) => return Some(true),
                Some(false) => {}
                None => unknown = true,
            }
        }
        (!unknown).then_some(false)
    }

    /// All images in load order that are not hidden, and the image itself.
    fn flat(&mut self, image: Ix, name: &[u8]) -> Found {
        for ix in 0..self.graph.nodes.len() {
            let Some(node) = self.node(ix) else { continue };
            if node.hidden && ix != image {
                continue;
            }
            match &node.body {
                Body::System(_) => {
                    if self.in_system(ix, Presence::Assumed, name) == Found::Yes {
                        return Found::Yes;
                    }
                }
                _ => {
                    if self.exported(ix, name, true, &mut Vec::new(), 0) == Found::Yes {
                        return Found::Yes;
                    }
                }
            }
        }
        self.nowhere(name)
    }

    /// Images that define weak symbols.
    fn coalesced(&mut self, image: Ix, name: &[u8]) -> Found {
        let own = self.node(image).is_some_and(|n| n.hidden);
        for ix in 0..self.graph.nodes.len() {
            let Some(node) = self.node(ix) else { continue };
            let looks = match &node.body {
                Body::System(_) | Body::Bare => false,
                Body::File(_) => node.facts().is_some_and(|f| f.flags.weak_defines()) && !node.hidden,
            };
            if looks && self.exported(ix, name, true, &mut Vec::new(), 0) == Found::Yes {
                return Found::Yes;
            }
        }
        if own && self.exported(image, name, true, &mut Vec::new(), 0) == Found::Yes {
            return Found::Yes;
        }
        let system = |n: &Node<'_>| matches!(n.body, Body::System(_));
        let libraries: Vec<Vec<u8>> =
            self.graph.nodes.iter().filter(|n| system(n)).map(|n| n.path.clone()).collect();
        let in_stubs = libraries.iter().any(|l| self.in_stub(l, name, &mut Vec::new()) == Some(true));
        if in_stubs { Found::Yes } else { self.nowhere(name) }
    }

    /// No file has it. A library of the system may, unless the name is one that only a host program has.
    fn nowhere(&self, name: &[u8]) -> Found {
        if system::everywhere(name, self.files.model().macos) {
            return Found::Yes;
        }
        let system = self.graph.nodes.iter().position(|n| matches!(n.body, Body::System(_)));
        match system {
            Some(ix) if !(self.host_symbol)(name) => Found::Unsure(ix),
            _ => Found::No,
        }
    }

    fn thread_locals(&mut self) {
        for image in self.graph.before..self.graph.nodes.len() {
            let Some(node) = self.graph.nodes.get(image) else { continue };
            let Some(facts) = node.facts().filter(|f| f.flags.has_thread_locals()) else { continue };
            if let Some(said) = mapping::thread_locals(facts) {
                let head = b"failed to set up thread local variables for '".as_slice();
                let words = [head, &node.path, b"': ", said.as_bytes()].concat();
                self.fail(image, Fault::ThreadLocals, words);
                return;
            }
        }
    }
}
