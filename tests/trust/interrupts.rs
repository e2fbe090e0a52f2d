//! Ctrl-C in every phase: while paths are read, files are judged, libraries are really loaded, and the report is written.
//! It must never count on being quick: each phase is held open until the interrupt has come.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::faults::many;
use crate::tiny::Tiny;

/// 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;

fn program(args: &[&str], outside: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"));
    command.args(args).env("TMPDIR", outside).env("TSUKU_HOME", outside.join("none"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Presses Ctrl-C; how it ended, and what it said.
fn interrupt(mut child: Child) -> (ExitStatus, String) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let status = child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (status, said)
}

fn left_in(dir: &Path) -> Vec<std::ffi::OsString> {
    fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name()).collect()
}

#[test]
fn while_paths_are_read() {
    let outside = tempfile::tempdir().unwrap();
    // The list never ends.
    let mut child = program(&["verify", "--paths-from", "-", "--format", "ndjson"], outside.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let pipe = child.stdin.take().unwrap();
    // It sleeps in read(2) on the list once it has got so far.
    let waiting = || fs::read_to_string(format!("/proc/{}/wchan", child.id())).unwrap_or_default();
    // A kernel that tells nobody says 0.
    while !waiting().contains("pipe") && waiting() != "0" {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let (status, said) = interrupt(child);
    drop(pipe);
    // Nothing was begun: the signal may as well end it as signals do.
    let by_signal = std::os::unix::process::ExitStatusExt::signal(&status) == Some(2);
    assert!(by_signal || status.code() == Some(INTERRUPTED), "{status:?}: {said}");
    assert!(left_in(outside.path()).is_empty());
}

#[test]
fn while_files_are_judged() {
    let dir = many(200);
    for wait in [0, 5, 20, 60] {
        let outside = tempfile::tempdir().unwrap();
        let mut command = program(&["audit", "--format", "json", "--output"], outside.path());
        command.arg(outside.path().join("report")).arg(dir.path()).arg("/usr/lib");
        let child = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        let (status, _) = interrupt(child);
        let left = left_in(outside.path());
        // Either it was done before, or there is no half report and no temporary file.
        assert!(left.is_empty() || left == ["report"], "{left:?}");
        if left == ["report"] {
            let text = fs::read(outside.path().join("report")).unwrap();
            assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok(), "{status:?}");
        }
    }
}

#[test]
fn while_a_library_is_really_loaded() {
    let outside = tempfile::tempdir().unwrap();
    let (source, library, pid) = ["hangs.c", "hangs.so", "pid"].map(|n| outside.path().join(n)).into();
    fs::write(
        &source,
        "#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n\
         __attribute__((constructor)) static void hang(void) {\n\
         FILE *f = fopen(PID \".new\", \"w\"); fprintf(f, \"%d\", (int)getpid()); fclose(f);\n\
         rename(PID \".new\", PID); for (;;) pause(); }\n",
    )
    .unwrap();
    let define = format!("-DPID=\"{}\"", pid.display());
    let built = Command::new("gcc")
        .args(["-shared", "-fPIC", &define, "-o"])
        .arg(&library)
        .arg(&source)
        .status()
        .unwrap();
    assert!(built.success());
    // Without a sandbox: the library has to tell us its process.
    let mut command =
        program(&["verify", "--level", "3", "--sandbox", "off", "--timeout", "3600"], outside.path());
    let child = command.arg(&library).spawn().unwrap();
    while !pid.exists() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let loaded = fs::read_to_string(&pid).unwrap();
    let (status, said) = interrupt(child);
    assert_eq!(status.code(), Some(INTERRUPTED), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    // The kernel may take a moment; a process that stays is a test that never ends.
    while Path::new("/proc").join(&loaded).exists() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn while_the_report_is_written() {
    let outside = tempfile::tempdir().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for n in 0..2_000 {
        fs::write(dir.path().join(format!("l{n}.so")), Tiny::needing("alone.so", []).bytes()).unwrap();
    }
    let mut command = program(&["audit", "--format", "ndjson", "--verbose"], outside.path());
    let mut child = command.arg(dir.path()).spawn().unwrap();
    // Nobody reads on: soon the pipe is full, and it waits in the middle of a line.
    let mut reader = BufReader::with_capacity(1, child.stdout.take().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    assert!(first.ends_with("}\n"), "{first}");
    let (status, said) = interrupt(child);
    assert_eq!(status.code(), Some(INTERRUPTED), "{said}");
    assert!(left_in(outside.path()).is_empty());
}
