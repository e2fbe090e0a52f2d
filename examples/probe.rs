//! Probes libraries and tells how long it took: the measuring instrument of Level 3.
//! It must never be a second command line: it takes what `scripts/bench-probe` needs and nothing else.
//! Options: `--helper FILE`, `--workers N`, `--sandbox off`, then `LIST`, a file with one path a line.
#![allow(clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use std::time::Instant;

use tsuku_verify::loader::ProbeOutcome;
use tsuku_verify::loader::helper::{HelperRequest, resolve};
use tsuku_verify::loader::options::ProbeOptions;
use tsuku_verify::loader::probe;
use tsuku_verify::loader::sandbox::Sandbox;

fn main() {
    let (mut request, mut workers, mut sandbox) = (HelperRequest::default(), 1, Sandbox::Auto);
    let (mut args, mut list) = (std::env::args().skip(1), String::new());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--helper" => request.chosen = args.next().map(Into::into),
            "--workers" => workers = args.next().and_then(|n| n.parse().ok()).expect("a number"),
            "--sandbox" => sandbox = args.next().map_or(Sandbox::Auto, |_| Sandbox::Off),
            _ => list = arg,
        }
    }
    let text = std::fs::read_to_string(list).expect("a list of paths");
    let paths: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
    let helper = resolve(&request).expect("a helper");
    let mut options = ProbeOptions::new(&helper, "/".into());
    (options.workers, options.sandbox) = (workers, sandbox);
    let start = Instant::now();
    let answers = probe(&paths, &options);
    let loaded = answers.iter().filter(|(outcome, _)| *outcome == ProbeOutcome::Loaded).count();
    println!("{} {loaded} {:.6}", answers.len(), start.elapsed().as_secs_f64());
}
