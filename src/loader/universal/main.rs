//! `tsuku-dltest` without the standard library: only libc and libdl are in the process beside the probed library.
//! It must never need a symbol version, so that the same bytes run under any glibc and under musl.
//! Process start follows glibc csu/libc-start.c and musl src/env/__libc_start_main.c.
#![no_std]
#![no_main]

mod child;
mod dl;
mod dropin;
mod probe;
mod serve;
mod sys;
mod watch;
mod wire;

use core::ffi::{CStr, c_char, c_int};

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".globl _start", "_start:", "xorl %ebp, %ebp", "movq %rdx, %r9", "popq %rsi", "movq %rsp, %rdx", "andq $-16, %rsp",
    "pushq %rax", "pushq %rsp", "xorl %r8d, %r8d", "xorl %ecx, %ecx", "leaq {main}(%rip), %rdi",
    "callq *{start}@GOTPCREL(%rip)", "hlt",
    main = sym main, start = sym __libc_start_main, options(att_syntax)
);
#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(
    ".globl _start", "_start:", "mov x29, #0", "mov x30, #0", "mov x5, x0", "ldr x1, [sp]", "add x2, sp, #8", "mov x6, sp",
    "adrp x0, {main}", "add x0, x0, :lo12:{main}", "mov x3, #0", "mov x4, #0", "bl {start}", "brk #0",
    main = sym main, start = sym __libc_start_main
);

unsafe extern "C" {
    fn __libc_start_main();
}

extern "C" fn main(count: c_int, args: *const *const c_char) -> c_int {
    let count = count.max(1) as usize - 1;
    // SAFETY: the C library gives `count` strings that end with NUL and live as long as the process.
    let argument = |index: usize| -> &'static CStr { unsafe { CStr::from_ptr(*args.add(index + 1)) } };
    match count {
        0 => {
            sys::write_all(2, b"usage: tsuku-dltest <path>...\n");
            2
        }
        1 if argument(0) == c"--version" => {
            sys::write_all(1, concat!("tsuku-dltest v", env!("TSUKU_DLTEST_VERSION"), "\n").as_bytes());
            0
        }
        2 if argument(0) == wire::SERVE && argument(1).is_empty() => serve::serve(),
        _ => c_int::from(!dropin::run(&argument, count)),
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: ends this process; nothing that is not watched by another can panic.
    unsafe { sys::_exit(134) }
}

/// Named by the unwind tables of the core library; nothing ever unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
