//! Builds the small system that the target `analysis` damages: a libc, two libraries and a program's worth of tables.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=base");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let shared = |name: &str, source: &str, more: &[&str]| {
        let mut gcc = Command::new("gcc");
        gcc.args(["-shared", "-fPIC", "-O1", "-nostdlib", "-Wl,--hash-style=both", "-Wl,-z,now"]);
        gcc.arg(format!("-Wl,-soname,{name}")).arg("-o").arg(out.join(name)).arg(format!("base/{source}"));
        gcc.arg("-L").arg(&out).args(more);
        assert!(gcc.status().expect("gcc runs").success(), "{name} does not build");
    };
    shared("libc.so.6", "libc.c", &["-Wl,--version-script=base/libc.map"]);
    shared("libb.so.1", "b.c", &["-Wl,--version-script=base/b.map", "-l:libc.so.6", "-Wl,-z,relro"]);
    shared("liba.so", "a.c", &["-l:libb.so.1", "-l:libc.so.6", "-Wl,-rpath,$ORIGIN:$ORIGIN/../lib"]);
}
