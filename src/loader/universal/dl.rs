//! The three calls the helper exists for.
//! It must never look at what it loads; the loader's sentence is handed on as it is.
//! POSIX `dlopen`, `dlclose`, `dlerror`.

use core::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlclose(handle: *mut c_void) -> c_int;
    fn dlerror() -> *const c_char;
}

/// An open library.
pub struct Library(*mut c_void);

/// Opens with RTLD_NOW or RTLD_LAZY, and RTLD_LOCAL or RTLD_GLOBAL.
///
/// # Errors
/// The handler is given the loader's sentence.
pub fn open(path: &CStr, lazy: bool, global: bool) -> Option<Library> {
    // SAFETY: the path ends with NUL; the library's own code runs, which is why this process exists.
    let handle = unsafe { dlopen(path.as_ptr(), if lazy { 1 } else { 2 } | if global { 0x100 } else { 0 }) };
    if handle.is_null() { None } else { Some(Library(handle)) }
}

/// Closes; false if the loader refuses.
pub fn close(library: Library) -> bool {
    // SAFETY: the handle came from `dlopen` and is given up here.
    unsafe { dlclose(library.0) == 0 }
}

/// Shows the loader's last sentence to `to`.
pub fn error(to: impl FnOnce(&[u8])) {
    // SAFETY: the loader's text lives until its next call, and no call is made before `to` returns.
    let text = unsafe {
        let text = dlerror();
        if text.is_null() { c"(no message)" } else { CStr::from_ptr(text) }
    };
    to(text.to_bytes());
}
