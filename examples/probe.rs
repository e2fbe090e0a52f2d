//! Probes libraries and prints one JSON line for each: the measuring instrument of Level 3.
//! It must never be a second command line: it takes what the scripts need and nothing else.
//! Options: `--helper FILE`, `--workers N`, `--timeout S`, `--env K=V`, `--preloaded LIB`, `--sandbox MODE`, `--close`, `--paths-from FILE`.
#![allow(clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tsuku_verify::loader::helper::{HelperRequest, resolve};
use tsuku_verify::loader::options::{ProbeOptions, allowed, environment};
use tsuku_verify::loader::probe;
use tsuku_verify::loader::sandbox::Sandbox;

fn main() {
    let mut args = std::env::args_os().skip(1).map(OsString::into_vec);
    let (mut request, mut paths, mut preloaded) = (HelperRequest::default(), Vec::new(), Vec::new());
    let (mut workers, mut timeout, mut sandbox, mut close, mut time) = (1, 5.0, Sandbox::Auto, false, false);
    let mut env: Vec<_> =
        std::env::vars_os().map(|(k, v)| (k.into_vec(), v.into_vec())).filter(|(k, _)| allowed(k)).collect();
    let mut loader = None;
    while let Some(arg) = args.next() {
        let mut value = || args.next().expect("a value");
        let text = |v: Vec<u8>| String::from_utf8(v).expect("text");
        match arg.as_slice() {
            b"verify" => {}
            b"--level" | b"--format" | b"--probe" => drop(value()),
            b"--helper" => request.chosen = Some(PathBuf::from(OsString::from_vec(value()))),
            b"--workers" => workers = text(value()).parse().expect("a number"),
            b"--timeout" => timeout = text(value()).parse().expect("a number"),
            b"--preloaded" => preloaded.push(value()),
            b"--close" => close = true,
            b"--time" => time = true,
            b"--probe-loader" => {
                let mut words = text(value()).split(' ').map(OsString::from).collect::<Vec<_>>().into_iter();
                loader = words.next().map(|first| (PathBuf::from(first), words.collect()));
            }
            b"--env" => {
                let pair = value();
                let at = pair.iter().position(|b| *b == b'=').expect("NAME=VALUE");
                env.push((pair[..at].to_vec(), pair[at + 1..].to_vec()));
            }
            b"--sandbox" => {
                sandbox = match value().as_slice() {
                    b"off" => Sandbox::Off,
                    b"strict" => Sandbox::Strict,
                    _ => Sandbox::Auto,
                }
            }
            b"--paths-from" => {
                let list = std::fs::read(PathBuf::from(OsString::from_vec(value()))).expect("a list");
                paths.extend(list.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec));
            }
            path => paths.push(path.to_vec()),
        }
    }
    let helper = resolve(&request).expect("a helper");
    let mut options = ProbeOptions::new(&helper, std::env::current_dir().expect("a directory"));
    (options.workers, options.deadline, options.sandbox) =
        (workers, Duration::from_secs_f64(timeout), sandbox);
    (options.preloaded, options.close, options.loader, options.env) =
        (preloaded, close, loader, environment(env));
    let start = Instant::now();
    let answers = probe(&paths, &options);
    if time {
        println!("{} {:.6}", answers.len(), start.elapsed().as_secs_f64());
        return;
    }
    for (path, (outcome, details)) in paths.iter().zip(answers) {
        let line = serde_json::json!({
            "path": String::from_utf8_lossy(path), "probe": outcome, "in_force": details.in_force,
            "open_us": details.open.as_micros(), "output": String::from_utf8_lossy(&details.output),
            "attacked_helper": details.attacked_helper, "phase": format!("{:?}", details.phase),
        });
        println!("{line}");
    }
}
