//! macOS's loader: from the path of a Mach-O file to the verdict of a named release of dyld, on any machine.
//! It must never run, map or sign anything; what only a Mac could tell is a doubt that is shown.
//! Follows apple-oss-distributions/dyld from 940 (macOS 12) to 1378 (macOS 26.5).

pub mod bind;
pub mod files;
pub mod finding;
pub mod graph;
pub mod judge;
mod mapping;
pub mod model;
pub mod paths;
pub mod refusal;
pub mod release;
mod slice;
pub mod system;
pub mod tbd;

use std::sync::{Arc, OnceLock};

use files::Files;
pub use judge::{Depth, Judged, judge};
pub use model::{DyldEnv, DyldModel, DyldReport, MacosChoice};

use super::host::{Host, Opened};
use super::image::macho::{self, Arch, Container, commands};

/// What the Mach-O files of a run are judged by.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The system.
    pub choice: MacosChoice,
    /// The user named it: then it judges everything.
    pub named: bool,
    /// The main program.
    pub executable: Option<Vec<u8>>,
    /// The environment.
    pub env: DyldEnv,
    /// The working directory.
    pub cwd: Vec<u8>,
    /// The SDK, a path of this machine.
    pub sdk: Option<Vec<u8>>,
}

/// One process: its model, and the files as it sees them.
pub struct Room<'a, 'h> {
    /// The files.
    pub files: Files<'a, 'h>,
    /// The loader's name, as `--loader` takes it.
    pub name: Arc<str>,
}

/// Processes of a macOS, one an architecture, each made when the first file asks for it.
pub struct Rooms<'a, 'h> {
    host: &'a dyn Host<'h>,
    sdk_host: &'a dyn Host<'h>,
    wanted: Wanted,
    rooms: [OnceLock<Room<'a, 'h>>; 3],
}

const ARCHES: [Arch; 3] = [Arch::ARM64, Arch::X86_64, Arch::X86_64H];

impl<'a, 'h> Rooms<'a, 'h> {
    /// Nothing made yet. `sdk_host` reads this machine's own disk, where the SDK is.
    pub fn new(host: &'a dyn Host<'h>, sdk_host: &'a dyn Host<'h>, wanted: Wanted) -> Self {
        Rooms { host, sdk_host, wanted, rooms: [const { OnceLock::new() }; 3] }
    }

    /// The same process started with another DYLD_LIBRARY_PATH, with nothing read yet.
    #[must_use]
    pub fn with_library_path(&self, path: Option<&[u8]>) -> Rooms<'_, 'h> {
        let mut wanted = self.wanted.clone();
        wanted.env.set_library_path(path);
        Rooms::new(self.host, self.sdk_host, wanted)
    }

    /// Everything is judged here, whatever it is.
    pub fn named(&self) -> bool {
        self.wanted.named
    }

    /// The main program was named, and is a Mach-O file.
    pub fn has_program(&self) -> bool {
        self.wanted.executable.is_some()
    }

    /// The process that judges `path`: of the architecture that was named, else of the file's, arm64 first.
    pub fn of(&self, path: &[u8]) -> &Room<'a, 'h> {
        let arch = self.wanted.choice.arch.unwrap_or_else(|| self.arch_of(path));
        self.room(arch)
    }

    /// The process of the architecture that was named, or of arm64.
    pub fn main(&self) -> &Room<'a, 'h> {
        self.room(self.wanted.choice.arch.unwrap_or(Arch::ARM64))
    }

    /// The models of all processes that were needed.
    pub fn made(&self) -> impl Iterator<Item = &DyldModel> {
        self.rooms.iter().filter_map(|room| room.get().map(|room| room.files.model()))
    }

    fn room(&self, arch: Arch) -> &Room<'a, 'h> {
        let at = ARCHES.iter().position(|a| *a == arch).unwrap_or(0);
        let [arm64, x86_64, x86_64h] = &self.rooms;
        let cell = [arm64, x86_64, x86_64h].into_iter().nth(at).unwrap_or(arm64);
        cell.get_or_init(|| {
            let mut model = DyldModel::new(self.wanted.choice, arch);
            model.executable.clone_from(&self.wanted.executable);
            model.env = self.wanted.env.clone();
            model.cwd.clone_from(&self.wanted.cwd);
            model.sdk.clone_from(&self.wanted.sdk);
            let name = model.name().into();
            Room { files: Files::new(self.host, self.sdk_host, model), name }
        })
    }

    fn arch_of(&self, path: &[u8]) -> Arch {
        let full =
            [self.wanted.cwd.as_slice(), if self.wanted.cwd.ends_with(b"/") { b"" } else { b"/" }, path]
                .concat();
        let full = if path.starts_with(b"/") { path } else { &full };
        let Ok(Opened::File(_, bytes)) = self.host.open(full) else { return Arch::ARM64 };
        let slices: Vec<Arch> = match macho::container(bytes) {
            Ok(Container::Fat(fat)) => fat.slices.iter().map(|s| s.arch).collect(),
            Ok(Container::Thin) => commands::header(bytes).map(|h| h.arch).into_iter().collect(),
            Err(_) => Vec::new(),
        };
        let takes = |arch: &&Arch| slices.iter().any(|s| arch.grades().iter().any(|g| g.same(*s)));
        *ARCHES.iter().find(takes).unwrap_or(&Arch::ARM64)
    }
}
