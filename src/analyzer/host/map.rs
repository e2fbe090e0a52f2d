//! Knows how to map a file read-only and how to survive when somebody shortens it meanwhile.
//! It must never interpret a byte, never map for writing and never take over a fault outside its own mappings.
//! It serves what glibc's `elf/dl-map-segments.h` takes for granted: that a mapped file keeps its length.
#![expect(
    unsafe_code,
    reason = "the only mmap of the program, and the signal handler that makes it safe to read"
)]
#![expect(clippy::disallowed_methods, reason = "the only file that maps; its test needs a second thread")]

use std::fs::File;
use std::io;

/// A read-only private mapping of a whole file.
///
/// # Contract
/// * The bytes are what the file held at some moment after [`Mapping::of`]; they may change if another process writes into
///   the file in place. Readers therefore treat them like any untrusted input and copy what they decide upon.
/// * If the file is cut short, pages behind its new end read as zero and [`Mapping::changed`] says so from then on. The
///   caller must ask after its last read and discard what it concluded.
/// * The mapping is not removed while a borrow of [`Mapping::bytes`] lives; the borrow checker sees to it.
#[derive(Debug)]
pub struct Mapping {
    map: memmap2::Mmap,
    watch: guard::Watch,
}

impl Mapping {
    /// Maps `length` bytes of `file`, which must be a regular file of at least that size.
    ///
    /// # Errors
    /// The errno of `mmap`.
    pub fn of(file: &File, length: usize) -> io::Result<Mapping> {
        guard::install();
        // SAFETY: the mapping is private, read-only and never handed out as anything but `&[u8]`. A file that shrinks is
        // made harmless by the handler installed above; one that is overwritten shows new bytes, which every reader of
        // this program tolerates because it takes no decision twice on the same byte without a bounds check.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(file)? };
        let watch = guard::Watch::on(map.as_ptr() as usize, map.len());
        Ok(Mapping { map, watch })
    }

    /// The bytes, for as long as the mapping lives.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Drops the pages from memory; the next read brings them back from the page cache.
    pub fn forget(&self) {
        // SAFETY: for a private read-only mapping of a file that nobody wrote to, the pages come back with the same
        // contents as any first read would see. Zero pages put in by the handler come back as zero pages.
        let _ = unsafe { self.map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    }

    /// Whether a page had to be replaced because the file behind it went away.
    pub fn changed(&self) -> bool {
        self.watch.changed()
    }
}

#[cfg(target_os = "linux")]
mod guard {
    //! Knows which address ranges are ours and turns a bus error inside them into a zero page and a mark.
    //! It must never allocate, lock or print inside the handler, and never swallow a fault of anybody else.
    //! It follows signal-safety(7): atomics, `mmap`, `sigaction` and `raise` only.

    use std::mem;
    use std::ptr;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

    /// One range under watch. Nodes are never freed, so the handler may walk the list at any moment.
    #[derive(Debug)]
    struct Node {
        start: AtomicUsize,
        /// Zero once the mapping is gone: the addresses may belong to somebody else then.
        length: AtomicUsize,
        changed: AtomicBool,
        next: AtomicPtr<Node>,
    }

    static HEAD: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());
    static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();
    static PAGE: AtomicUsize = AtomicUsize::new(4096);

    /// Keeps a range on the list while its mapping lives.
    #[derive(Debug)]
    pub(super) struct Watch(&'static Node);

    impl Watch {
        pub(super) fn on(start: usize, length: usize) -> Watch {
            let node: &'static Node = Box::leak(Box::new(Node {
                start: AtomicUsize::new(start),
                length: AtomicUsize::new(length),
                changed: AtomicBool::new(false),
                next: AtomicPtr::new(HEAD.load(Ordering::Acquire)),
            }));
            loop {
                let seen = node.next.load(Ordering::Relaxed);
                let new = ptr::from_ref(node).cast_mut();
                match HEAD.compare_exchange_weak(seen, new, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => return Watch(node),
                    Err(other) => node.next.store(other, Ordering::Relaxed),
                }
            }
        }

        pub(super) fn changed(&self) -> bool {
            self.0.changed.load(Ordering::Acquire)
        }
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            self.0.length.store(0, Ordering::Release);
        }
    }

    /// Installs the handler the first time it is called.
    pub(super) fn install() {
        PREVIOUS.get_or_init(|| {
            PAGE.store(rustix::param::page_size(), Ordering::Relaxed);
            // SAFETY: both structures are plain data for which all-zero is a valid value, the handler has the signature
            // SA_SIGINFO asks for, and it is installed before the first mapping exists.
            unsafe {
                let mut action: libc::sigaction = mem::zeroed();
                let mut previous: libc::sigaction = mem::zeroed();
                let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                    on_bus_error;
                action.sa_sigaction = handler as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                libc::sigemptyset(&raw mut action.sa_mask);
                libc::sigaction(libc::SIGBUS, &raw const action, &raw mut previous);
                previous
            }
        });
    }

    /// Finds the watched range that holds `address`.
    fn owner(address: usize) -> Option<&'static Node> {
        let mut at = HEAD.load(Ordering::Acquire);
        // SAFETY: every pointer of the list came from `Box::leak` and is never freed.
        while let Some(node) = unsafe { at.as_ref() } {
            let start = node.start.load(Ordering::Relaxed);
            if address.wrapping_sub(start) < node.length.load(Ordering::Acquire) {
                return Some(node);
            }
            at = node.next.load(Ordering::Acquire);
        }
        None
    }

    /// Puts a zero page over the faulting one if it is ours; otherwise gives the signal back to whoever had it before, so
    /// that the faulting instruction, run again, ends the process as it would have without us.
    extern "C" fn on_bus_error(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
        // SAFETY: the kernel passes a valid siginfo; errno is thread-local and put back; MAP_FIXED only replaces a page of
        // a range whose `Mapping` is alive, because the faulting thread is reading through a borrow of it.
        unsafe {
            let errno = libc::__errno_location();
            let saved = *errno;
            let page = PAGE.load(Ordering::Relaxed);
            let code = (*info).si_code;
            if code > 0 {
                let address = (*info).si_addr() as usize;
                if let Some(node) = owner(address) {
                    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
                    let start = (address & !(page - 1)) as *mut libc::c_void;
                    if libc::mmap(start, page, libc::PROT_READ, flags, -1, 0) != libc::MAP_FAILED {
                        node.changed.store(true, Ordering::Release);
                        *errno = saved;
                        return;
                    }
                }
            }
            if let Some(previous) = PREVIOUS.get() {
                libc::sigaction(libc::SIGBUS, previous, ptr::null_mut());
            } else {
                libc::signal(libc::SIGBUS, libc::SIG_DFL);
            }
            if code <= 0 {
                // Sent by a process: nothing faults again by itself.
                libc::raise(signal);
            }
            *errno = saved;
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod guard {
    //! Knows nothing: on other systems a shortened file ends the process, and `--no-mmap` avoids it.
    //! It must never pretend that a change would be noticed.
    //! It has the shape of its Linux twin so that no caller needs a condition.

    #[derive(Debug)]
    pub(super) struct Watch;

    impl Watch {
        pub(super) fn on(_start: usize, _length: usize) -> Watch {
            Watch
        }

        pub(super) fn changed(&self) -> bool {
            false
        }
    }

    pub(super) fn install() {}
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn file_of(length: usize) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7_u8; length]).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn bytes_are_the_file() {
        let file = file_of(10_000);
        let mapping = Mapping::of(&file, 10_000).unwrap();
        assert_eq!(mapping.bytes().len(), 10_000);
        assert!(mapping.bytes().iter().all(|&b| b == 7));
        assert!(!mapping.changed());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn truncated_file_reads_as_zero_and_is_marked() {
        let page = rustix::param::page_size();
        let file = file_of(page * 4);
        let other = file_of(page * 2);
        let mapping = Mapping::of(&file, page * 4).unwrap();
        let untouched = Mapping::of(&other, page * 2).unwrap();
        file.set_len(page as u64).unwrap();
        assert_eq!(mapping.bytes()[page - 1], 7);
        assert!(!mapping.changed());
        assert_eq!(mapping.bytes()[page * 3 + 5], 0);
        assert_eq!(mapping.bytes()[page * 2], 0);
        assert!(mapping.changed());
        assert!(!untouched.changed());
        assert_eq!(untouched.bytes()[page * 2 - 1], 7);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn faults_of_several_threads_are_all_survived() {
        let page = rustix::param::page_size();
        let file = file_of(page * 64);
        let mapping = Mapping::of(&file, page * 64).unwrap();
        file.set_len(0).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert!(mapping.bytes().iter().all(|&b| b == 0)));
            }
        });
        assert!(mapping.changed());
    }
}
