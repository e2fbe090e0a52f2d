//! A program's bytes in a file that nobody can change any more, ready to be started.
//! It must never hand out a file that was hashed but could be rewritten: what runs is exactly what was given.
//! Follows memfd_create(2), execveat(2) and landlock(7); the ladder goes down where a kernel or its policy refuses.

#![expect(
    clippy::disallowed_methods,
    reason = "makes unnamed files, and the commands that `pool/process.rs` starts"
)]

#[cfg(target_os = "linux")]
use std::fs::File;
use std::io;
#[cfg(target_os = "linux")]
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::Command;

/// How the sealed file can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// By the kernel.
    Direct,
    /// Only as an argument of a dynamic loader: the kernel's policy wants memory files not to be executable.
    ThroughLoader,
}

/// Bytes that cannot be changed.
#[derive(Debug)]
pub struct Sealed {
    file: OwnedFd,
    /// How it can be started.
    pub start: Start,
}

impl Sealed {
    /// Its name in this process and in those it starts.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}

/// Where files without a name are tried.
#[cfg(target_os = "linux")]
fn directories() -> [PathBuf; 3] {
    let runtime = rustix::process::getuid().as_raw();
    [PathBuf::from(format!("/run/user/{runtime}")), PathBuf::from("/dev/shm"), PathBuf::from("/tmp")]
}

/// Makes the sealed copy.
///
/// # Errors
/// If neither a memory file nor a file without a name can be made.
#[cfg(target_os = "linux")]
pub fn seal(bytes: &[u8]) -> io::Result<Sealed> {
    memory(bytes)
        .or_else(|first| unnamed(bytes).map_err(|second| io::Error::other(format!("{first}; {second}"))))
}

/// Makes the sealed copy.
///
/// # Errors
/// Always: this system has no files that can be sealed.
#[cfg(not(target_os = "linux"))]
pub fn seal(_bytes: &[u8]) -> io::Result<Sealed> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn memory(bytes: &[u8]) -> io::Result<Sealed> {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    use rustix::io::Errno;

    let base = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let (file, start) = match memfd_create("tsuku-dltest", base | MemfdFlags::EXEC) {
        Ok(file) => (file, Start::Direct),
        // Before 6.3 the flag is unknown and memory files are executable.
        Err(Errno::INVAL) => (memfd_create("tsuku-dltest", base)?, Start::Direct),
        Err(Errno::ACCESS) => {
            (memfd_create("tsuku-dltest", base | MemfdFlags::NOEXEC_SEAL)?, Start::ThroughLoader)
        }
        Err(errno) => return Err(errno.into()),
    };
    let mut file = File::from(file);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(Sealed { file: file.into(), start })
}

/// A file that never had a name: nobody else can open it but through us, and our only writer is closed.
#[cfg(target_os = "linux")]
fn unnamed(bytes: &[u8]) -> io::Result<Sealed> {
    use rustix::fs::{Mode, OFlags, StatVfsMountFlags, fstatvfs, open};

    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for directory in directories() {
        let attempt = || -> io::Result<Sealed> {
            let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
            let mut writer = File::from(open(&directory, flags, Mode::from_raw_mode(0o500))?);
            if fstatvfs(&writer)?.f_flag.contains(StatVfsMountFlags::NOEXEC) {
                return Err(io::Error::other("mounted noexec"));
            }
            writer.write_all(bytes)?;
            let again = format!("/proc/self/fd/{}", writer.as_raw_fd());
            // A file that is open for writing cannot be started.
            let file = open(again, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            Ok(Sealed { file, start: Start::Direct })
        };
        match attempt() {
            Ok(sealed) => return Ok(sealed),
            Err(why) => last = io::Error::other(format!("{}: {why}", directory.display())),
        }
    }
    Err(last)
}

/// What is to be started.
#[derive(Debug)]
pub struct Program<'a> {
    /// The program.
    pub sealed: &'a Sealed,
    /// Start it as an argument of this loader, with these arguments before it.
    pub loader: Option<(PathBuf, Vec<std::ffi::OsString>)>,
}

/// The command, and the descriptors that have to survive into it. No `pre_exec`: it would copy our whole address space.
///
/// # Errors
/// If a descriptor cannot be made inheritable.
pub fn command(program: &Program<'_>) -> io::Result<Command> {
    match &program.loader {
        Some((loader, arguments)) => {
            inherit(&program.sealed.file)?;
            let mut command = Command::new(loader);
            command.args(arguments).arg(program.sealed.path());
            Ok(command)
        }
        None => Ok(Command::new(program.sealed.path())),
    }
}

/// Lets the program's own file survive into it.
///
/// # Errors
/// If it is not open.
pub fn inherit_program(sealed: &Sealed) -> io::Result<()> {
    inherit(&sealed.file)
}

/// Lets a descriptor survive into the programs we start.
///
/// # Errors
/// If it is not open.
pub fn inherit(fd: &OwnedFd) -> io::Result<()> {
    Ok(rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?)
}

/// Landlock rules that can be put in force.
#[derive(Debug)]
pub struct Landlock {
    /// The rules.
    pub ruleset: OwnedFd,
    /// They keep signals inside.
    pub signals_kept: bool,
}

/// Landlock rules: files may be read, only devices that swallow all written; no TCP; no signals outwards. `strict`: nothing is
/// executed either.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the C library has no functions for landlock")]
pub fn landlock_ruleset(strict: bool) -> Option<Landlock> {
    use rustix::fs::{Mode, OFlags, open};
    use std::os::fd::FromRawFd;

    #[repr(C)]
    struct Attributes {
        files: u64,
        net: u64,
        scoped: u64,
    }
    #[repr(C, packed)]
    struct Beneath {
        allowed: u64,
        parent: i32,
    }
    const EXECUTE: u64 = 1;
    const WRITE_FILE: u64 = 1 << 1;
    const READ: u64 = 1 << 2 | 1 << 3;
    const TRUNCATE: u64 = 1 << 14;
    const IOCTL: u64 = 1 << 15;
    // SAFETY: with a null pointer and the version flag the call only tells a number.
    let abi =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<Attributes>(), 0, 1) };
    // Each version of the interface knows more rights: 13, then renaming across, truncating, device control.
    let known: u64 = match abi {
        ..=0 => return None,
        1 => (1 << 13) - 1,
        2 => (1 << 14) - 1,
        3 | 4 => (1 << 15) - 1,
        _ => (1 << 16) - 1,
    };
    let attributes = Attributes {
        files: known & !READ & if strict { u64::MAX } else { !EXECUTE },
        net: if abi >= 4 { 3 } else { 0 },
        scoped: if abi >= 6 { 3 } else { 0 },
    };
    let size = if abi >= 6 {
        24
    } else if abi >= 4 {
        16
    } else {
        8
    };
    // SAFETY: the structure lives through the call and is at least `size` long; the result is a new descriptor or -1.
    let ruleset = unsafe {
        let fd = libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0);
        OwnedFd::from_raw_fd(i32::try_from(fd).ok().filter(|fd| *fd >= 0)?)
    };
    let devices = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
    for device in devices {
        let Ok(device) = open(device, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else { continue };
        let beneath = Beneath {
            allowed: attributes.files & (WRITE_FILE | TRUNCATE | IOCTL),
            parent: device.as_raw_fd(),
        };
        // SAFETY: both descriptors are open and the structure lives through the call. A failure leaves the rules stricter.
        unsafe { libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), 1, &raw const beneath, 0) };
    }
    Some(Landlock { ruleset, signals_kept: attributes.scoped != 0 })
}

/// No rules: this system has no landlock.
#[cfg(not(target_os = "linux"))]
pub fn landlock_ruleset(_strict: bool) -> Option<Landlock> {
    None
}
