//! The loaders of one run, and which of them judges a file: the one it is made for, where there is one.
//! It must never judge, nor make a loader nobody needs: another libc's is looked for when the first file asks for it.
//! A loader that was named judges everything; then a file made for another one only gets a finding that says so.

use std::sync::{Arc, OnceLock};

use super::call;
use super::detect::{self, DetectRequest};
use super::disk::{Disk, Opening};
use super::dyld;
use super::host::Host;
use super::link_map::Process;
use super::loader_model::{LibcKind, ModelReport};
use super::process::Start;
use super::target::{self, Target};

/// One loader of ELF files: the files as it sees them, and the process its calls start from.
#[derive(Clone, Copy)]
pub struct Room<'l, 'a, 'h> {
    /// Its files.
    pub disk: &'l Disk<'a, 'h>,
    /// Its process.
    pub process: &'l Process<'h>,
    /// Its name, as `--loader` takes it.
    pub name: &'l Arc<str>,
    /// It is not the run's main loader.
    pub other: bool,
}

/// Who judges a file.
#[derive(Clone, Copy)]
pub struct Assigned<'l, 'a, 'h> {
    /// The loader.
    pub room: Room<'l, 'a, 'h>,
    /// What the file is made for, if that is not what the loader loads.
    pub foreign: Option<Target>,
    /// The process of macOS that judges it in the place of the room.
    pub macos: Option<&'l dyld::Room<'a, 'h>>,
}

/// A loader with all it needs.
struct Own<'a, 'h> {
    disk: Disk<'a, 'h>,
    process: Process<'h>,
    name: Arc<str>,
}

/// The loaders of a run.
pub struct Loaders<'a, 'h> {
    disk: &'a Disk<'a, 'h>,
    process: &'a Process<'h>,
    name: Arc<str>,
    /// How another libc's loader is looked for; none if the main one judges everything.
    looking: Option<(&'a dyn Host<'h>, DetectRequest)>,
    other: OnceLock<Option<Own<'a, 'h>>>,
    /// Who judges Mach-O files; none if they are foreign.
    macos: Option<&'a dyld::Rooms<'a, 'h>>,
}

impl<'a, 'h> Loaders<'a, 'h> {
    /// One loader, which judges everything.
    pub fn only(disk: &'a Disk<'a, 'h>, process: &'a Process<'h>) -> Self {
        let name = disk.model().name().into();
        Loaders { disk, process, name, looking: None, other: OnceLock::new(), macos: None }
    }

    /// Files made for another libc are judged by its loader, if `host` has one. `request` is what the main loader
    /// was detected with.
    #[must_use]
    pub fn with_others(self, host: &'a dyn Host<'h>, request: DetectRequest) -> Self {
        Loaders { looking: Some((host, request)), ..self }
    }

    /// Mach-O files are judged by a dyld; if the user named one, everything is.
    #[must_use]
    pub fn with_macos(self, rooms: &'a dyld::Rooms<'a, 'h>) -> Self {
        Loaders { macos: Some(rooms), ..self }
    }

    /// Whether Mach-O files have a loader of their own.
    pub fn judges_macos(&self) -> bool {
        self.macos.is_some()
    }

    /// What reports say of the loader that was asked for.
    pub fn describe(&self) -> ModelReport {
        match self.macos.filter(|rooms| rooms.named()) {
            Some(rooms) => ModelReport::Dyld(rooms.main().files.model().describe()),
            None => self.disk.model().describe(),
        }
    }

    /// The loader everything is judged by that does not ask for another.
    pub fn main(&self) -> Room<'_, 'a, 'h> {
        Room { disk: self.disk, process: self.process, name: &self.name, other: false }
    }

    /// Who judges `path`.
    pub fn assign(&self, path: &[u8]) -> Assigned<'_, 'a, 'h> {
        let room = self.main();
        if let Some(rooms) = self.macos.filter(|rooms| rooms.named()) {
            return Assigned { room, foreign: None, macos: Some(rooms.of(path)) };
        }
        let made_for = match self.disk.open(&self.disk.absolute(path)) {
            Opening::Image(image) => target::of(&image),
            _ => Target::Unsaid,
        };
        match made_for {
            Target::Libc(libc) if libc != self.disk.model().kind() => match self.room_of(libc) {
                Some(room) => Assigned { room, foreign: None, macos: None },
                None => Assigned { room, foreign: Some(made_for), macos: None },
            },
            Target::MachO => {
                let macos = self.macos.map(|rooms| rooms.of(path));
                Assigned { room, foreign: macos.is_none().then_some(made_for), macos }
            }
            Target::Libc(_) | Target::Unsaid => Assigned { room, foreign: None, macos: None },
        }
    }

    /// Who judges a file that passes the main loader's look at its header; none if that one is asked about nothing.
    pub fn by_header(&self) -> Option<Assigned<'_, 'a, 'h>> {
        let named = self.macos.is_some_and(|rooms| rooms.named());
        (!named).then(|| Assigned { room: self.main(), foreign: None, macos: None })
    }

    /// What reports say of the loaders besides the main one that had something to judge.
    pub fn others(&self) -> Vec<ModelReport> {
        let libcs = self.other.get().into_iter().flatten().map(|own| own.disk.model().describe());
        let main = self.macos.filter(|rooms| rooms.named()).map(|rooms| rooms.main().files.model().arch);
        let models = self.macos.into_iter().flat_map(dyld::Rooms::made);
        let macos = models.filter(|model| Some(model.arch) != main);
        libcs.chain(macos.map(|model| ModelReport::Dyld(model.describe()))).collect()
    }

    /// The `ld.so` behind the name of a loader that is not the main one, if it had something to judge.
    pub fn other_interpreter(&self, name: &str) -> Option<&[u8]> {
        let own = self.other.get()?.as_ref().filter(|own| *own.name == *name)?;
        Some(&own.disk.model().interpreter)
    }

    fn room_of(&self, libc: LibcKind) -> Option<Room<'_, 'a, 'h>> {
        let (host, request) = self.looking.as_ref()?;
        let own = self.other.get_or_init(|| {
            let machine = Some(self.disk.model().machine);
            let wanted =
                DetectRequest { libc: Some(libc), machine, interpreter: None, cpu: None, ..request.clone() };
            let disk = Disk::owning(*host, detect::detect(*host, &wanted).ok()?).timed(self.disk.timings());
            let process = call::start(&disk, &Start::default()).ok()?;
            let name = disk.model().name().into();
            Some(Own { disk, process, name })
        });
        let own = own.as_ref()?;
        Some(Room { disk: &own.disk, process: &own.process, name: &own.name, other: true })
    }
}
