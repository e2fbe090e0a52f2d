//! The names of libdl that the helper calls, without versions: linked against, never run and never shipped.
//! It must never hold a name whose oldest version behaves differently from the newest.
//! The helper is bound to the real libdl by the loader (glibc elf/dl-lookup.c: an unversioned reference takes the oldest).
#![no_std]
#![allow(missing_docs)]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

macro_rules! names {
    ($($name:ident)*) => { $(
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() {}
    )* };
}

names! {
    dlopen dlclose dlerror
}
