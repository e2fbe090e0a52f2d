#![expect(clippy::disallowed_methods, reason = "tests make files and start programs")]

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

use super::super::helper::{HelperRequest, resolve};
use super::super::protocol::Frame;
use super::super::sandbox::Sandbox;
use super::*;

/// A library that tells by its status whether its signals leave it.
fn library(dir: &std::path::Path) -> Vec<u8> {
    let (source, library) = (dir.join("signals.c"), dir.join("libsignals.so"));
    let text = "#include <signal.h>\n#include <unistd.h>\n\
                __attribute__((constructor)) static void c(void) { if (!kill(getppid(), 0)) _exit(9); }\n";
    std::fs::write(&source, text).unwrap();
    let status = std::process::Command::new("gcc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .status();
    assert!(status.unwrap().success());
    library.into_os_string().into_encoded_bytes()
}

/// One request to a fresh helper under a frame of our own.
fn ask(frame: &Frame, path: &[u8]) -> protocol::Reply {
    let helper = resolve(&HelperRequest::default()).unwrap();
    let mut command = helper.command(None).unwrap();
    command.args([OsStr::from_bytes(wire::SERVE.to_bytes()), OsStr::new("")]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = Process::start(&mut command, None).unwrap();
    let (Some(mut requests), Some(mut replies), _) = process.streams() else { panic!("both were asked for") };
    requests.write_all(&protocol::setup(frame).unwrap()).unwrap();
    requests.write_all(&protocol::request(&[7; 16], 5000, 0, path).unwrap()).unwrap();
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let n = replies.read(&mut chunk).unwrap();
        assert!(n > 0, "the helper ended");
        bytes.extend(&chunk[..n]);
        if let Some((_, answer)) = bytes.split_first_chunk::<4>()
            && let Head::Whole(reply, _) = protocol::reply(answer)
        {
            return reply;
        }
    }
}

#[test]
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn where_landlock_fails_the_whole_filter_is_in_force() {
    if resolve(&HelperRequest::default()).is_err() {
        return;
    }
    let rules = Sandbox::Auto.rules().unwrap();
    if rules.spare.is_empty() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = library(dir.path());
    // No rules of Landlock: putting them in force fails.
    let wrong: OwnedFd = File::open("/dev/null").unwrap().into();
    seal::inherit(&wrong).unwrap();
    let frame = Frame {
        ruleset: Some(wrong.as_raw_fd()),
        filter: rules.filter.clone(),
        spare: rules.spare.clone(),
        ..Frame::default()
    };
    let reply = ask(&frame, &path);
    assert_eq!((reply.kind, reply.in_force & wire::LANDLOCK), (wire::LOADED, 0), "{reply:?}");
    assert_eq!(reply.in_force & wire::SECCOMP, wire::SECCOMP);
    // The part that may be left out is what keeps the signal inside.
    let mut filter = rules.filter;
    filter.drain(rules.spare);
    let reply = ask(&Frame { filter, spare: 0..0, ..frame }, &path);
    assert_eq!((reply.kind, reply.code), (wire::EXITED, 9), "{reply:?}");
}
