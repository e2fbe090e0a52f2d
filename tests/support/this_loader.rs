// Shared by tests and benchmarks: the loader of the machine they run on.

use tsuku_verify::analyzer::detect::{DetectRequest, RunningSystem, detect};
use tsuku_verify::analyzer::host::Host;
use tsuku_verify::analyzer::loader_model::LoaderModel;

/// The loader of this machine, as a root process without an environment meets it.
pub fn this_loader<'h>(host: &dyn Host<'h>) -> LoaderModel {
    let request = DetectRequest {
        libc: None,
        machine: None,
        interpreter: None,
        cpu: None,
        env: Vec::new(),
        cwd: b"/".to_vec(),
        uid: 0,
        system: Some(RunningSystem::read(host)),
    };
    detect(host, &request).expect("this machine has a loader")
}
