//! The helper as a part of an ordinary program: for systems without the universal one, and as its second witness.
//! It must never run in a process that has threads, and never be taken for a bare one: its own libraries are loaded too.
//! The probing is that of `universal/`; only the calls to the loader differ (libloading, RTLD_NOW).

use std::ffi::{CStr, CString, OsString};
use std::os::unix::ffi::OsStringExt;

use super::protocol::wire;

#[path = "universal/child.rs"]
#[expect(unsafe_code, reason = "the forked process, as in the universal helper")]
mod child;
#[path = "universal/dropin.rs"]
#[expect(unsafe_code, reason = "shared memory and processes, as in the universal helper")]
mod dropin;
#[path = "universal/probe.rs"]
#[expect(unsafe_code, reason = "fork and the shared page, as in the universal helper")]
mod probe;
#[path = "universal/serve.rs"]
#[expect(unsafe_code, reason = "plain structures as bytes, as in the universal helper")]
mod serve;
#[path = "universal/sys.rs"]
#[expect(unsafe_code, reason = "the C library, as the universal helper sees it")]
mod sys;
#[path = "universal/watch.rs"]
#[expect(unsafe_code, reason = "processes, as in the universal helper")]
mod watch;

/// The loader through libloading.
mod dl {
    use std::cell::RefCell;
    use std::error::Error as _;
    use std::ffi::{CStr, OsStr};
    use std::os::unix::ffi::OsStrExt;

    use libloading::os::unix::{Library as Open, RTLD_GLOBAL, RTLD_LAZY, RTLD_LOCAL, RTLD_NOW};

    thread_local! {
        static LAST: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }

    /// An open library.
    pub struct Library(Open);

    /// The error's own words are in its source; its display only names the function.
    fn remember(error: &libloading::Error) {
        let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        LAST.with_borrow_mut(|last| *last = text.into_bytes());
    }

    /// Opens a library.
    #[expect(unsafe_code, reason = "loading runs the library's code, in a process made for that")]
    pub fn open(path: &CStr, lazy: bool, global: bool) -> Option<Library> {
        let flags = if lazy { RTLD_LAZY } else { RTLD_NOW } | if global { RTLD_GLOBAL } else { RTLD_LOCAL };
        // SAFETY: whatever the library's initialisers do, they do it to this process only.
        match unsafe { Open::open(Some(OsStr::from_bytes(path.to_bytes())), flags) } {
            Ok(library) => Some(Library(library)),
            Err(error) => {
                remember(&error);
                None
            }
        }
    }

    /// Closes a library; false if the loader refuses.
    pub fn close(library: Library) -> bool {
        library.0.close().inspect_err(remember).is_ok()
    }

    /// Shows the last message.
    pub fn error(to: impl FnOnce(&[u8])) {
        LAST.with_borrow(|last| to(last));
    }
}

/// The whole program: arguments without its name, to exit status.
pub fn run(arguments: Vec<OsString>) -> i32 {
    // Arguments come from `execve`: none can contain NUL.
    let arguments: Vec<CString> =
        arguments.into_iter().filter_map(|a| CString::new(a.into_vec()).ok()).collect();
    match arguments.as_slice() {
        [] => {
            sys::write_all(2, b"usage: tsuku-dltest <path>...\n");
            2
        }
        [one] if one.as_c_str() == c"--version" => {
            sys::write_all(1, concat!("tsuku-dltest v", env!("TSUKU_VERSION"), "\n").as_bytes());
            0
        }
        [first, second] if first.as_c_str() == wire::SERVE && second.is_empty() => serve::serve(),
        paths => {
            // The paths live as long as the process, which the shared code relies on.
            let paths: &'static [CString] = paths.to_vec().leak();
            let path_of = |index: usize| -> &'static CStr { paths.get(index).map_or(c"", |p| p.as_c_str()) };
            i32::from(!dropin::run(&path_of, paths.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::probe::{Told, judged};
    use super::wire::*;

    #[test]
    fn an_answer_counts_only_from_a_library_that_ended_as_behind_an_answer() {
        let told = |kind| Told { reached: OPENING, not_run: false, answered: true, kind, phase: CLOSING };
        assert_eq!(judged(&told(LOADED), Some(0)), (LOADED, 0, CLOSING));
        assert_eq!(judged(&told(REFUSED), Some(0)), (REFUSED, 0, CLOSING));
        // Without the nonce, with another status, by a signal, or too late.
        assert_eq!(judged(&Told { answered: false, ..told(LOADED) }, Some(0)), (EXITED, 0, CLOSING));
        assert_eq!(judged(&told(LOADED), Some(3 << 8)), (EXITED, 3, CLOSING));
        assert_eq!(judged(&told(LOADED), Some(11)), (CRASHED, 11, CLOSING));
        assert_eq!(judged(&told(LOADED), None), (TIMED_OUT, 0, CLOSING));
        // What no library can have.
        for kind in [0, CRASHED, EXITED, TIMED_OUT, NOT_RUN, HURT, 99, u32::MAX] {
            assert_eq!(judged(&told(kind), Some(0)), (EXITED, 0, CLOSING), "{kind}");
        }
        let odd = Told { phase: 77, not_run: true, ..told(NOT_RUN) };
        assert_eq!(judged(&odd, Some(0)), (EXITED, 0, OPENING));
    }

    #[test]
    fn nothing_was_run_only_before_the_library_was_opened() {
        let early = |reached| Told { reached, not_run: true, answered: true, kind: LOADED, phase: 0 };
        assert_eq!(judged(&early(STARTING), Some(0)), (NOT_RUN, 0, STARTING));
        assert_eq!(judged(&early(BEFORE), Some(0)), (NOT_RUN, 0, BEFORE));
        assert_eq!(judged(&early(BEFORE), Some(9)), (CRASHED, 9, BEFORE));
        assert_eq!(judged(&Told { not_run: false, ..early(BEFORE) }, Some(0)), (EXITED, 0, BEFORE));
    }
}
