//! Serve mode: a setup and then requests on standard input, replies on standard output, one at a time.
//! It must never let the probed process hold either stream, nor read the next request before the reply is out. When the requests
//! end while a library is probed, nobody waits any more: all it started is killed, and that is the end.
//! The format is in `wire.rs`.

use core::ffi::{CStr, c_int};

use super::probe::{self, Frame, Output, Tell};
use super::wire::*;
use super::{sys, watch};

/// Returns the exit status: 0 when the requests end, 2 when they make no sense.
pub fn serve() -> c_int {
    // SAFETY: takes nothing. In a session of its own there is no terminal that a library could read, type into or be stopped by.
    unsafe { sys::setsid() };
    let watcher = watch::become_watcher();
    let mut frame = Frame { lifeline: 0, ..Frame::plain() };
    let mut output = Output { bytes: [0; OUTPUT_CAP], len: 0 };
    let mut path = [0_u8; PATH_CAP];
    // SAFETY: the structure is numbers only, and both lengths are checked before they are used.
    let ready = unsafe {
        sys::read_all(0, (&raw mut frame.setup).cast(), size_of::<Setup>())
            && frame.setup.magic == MAGIC
            && frame.setup.version == VERSION
            && frame.setup.filter_len as usize <= FILTER_CAP
            && frame.setup.before_len as usize <= BEFORE_CAP
            && sys::read_all(0, frame.filter.as_mut_ptr().cast(), frame.setup.filter_len as usize * 8)
            && sys::read_all(0, frame.before.as_mut_ptr(), frame.setup.before_len as usize)
    };
    if !ready || !sys::write_all(1, &MAGIC.to_ne_bytes()) {
        return 2;
    }
    loop {
        let mut request = Request { nonce: [0; 16], deadline_ms: 0, flags: 0, path_len: 0, pad: 0 };
        // SAFETY: the structure is numbers only, and the length is checked before it is used.
        let got = unsafe {
            if !sys::read_all(0, (&raw mut request).cast(), size_of::<Request>()) {
                return 0;
            }
            let len = request.path_len as usize;
            len <= PATH_CAP && sys::read_all(0, path.as_mut_ptr(), len)
        };
        let Ok(name) = CStr::from_bytes_until_nul(&path) else { return 2 };
        if !got {
            return 2;
        }
        let mut told = false;
        let tell: &mut Tell<'_> = &mut |reply, message, output| {
            let mut reply = *reply;
            reply.message_len = message.len() as u32;
            // SAFETY: the structure has no padding: every byte of it is initialised.
            let head =
                unsafe { core::slice::from_raw_parts((&raw const reply).cast::<u8>(), size_of::<Reply>()) };
            told = sys::write_all(1, head) && sys::write_all(1, message) && sys::write_all(1, output);
        };
        if !probe::probe(&frame, &request, name, watcher, &mut output, tell) {
            return 0;
        }
        if !told {
            return 2;
        }
    }
}
