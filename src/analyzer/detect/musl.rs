//! Knows how to find musl's loader in a root and what its bytes and its path file say.
//! It must never run it, though it would print its version if it were run.
//! The strings are those of musl ldso/dynlink.c: `__dls3` (banner), `load_library` (path file), `SYS_PATH_DFLT`.

use super::binary::{position, words};
use super::{DetectError, DetectRequest, Found, candidate, display, split};
use crate::analyzer::host::{Host, Opened};
use crate::analyzer::loader_model::{
    DEFAULT_PATH, LoaderEnv, LoaderModel, MuslVersion, PathFile, musl_architectures,
};
use crate::analyzer::model::Machine;

/// Makes the model of a root's musl loader.
///
/// # Errors
/// There is none, or it does not tell its release.
pub(super) fn detect<'h>(host: &dyn Host<'h>, request: &DetectRequest) -> Result<LoaderModel, DetectError> {
    let found = find(host, request)?;
    let machine = found.identity.machine;
    let version =
        version(found.bytes).ok_or_else(|| DetectError::NoVersion { path: display(&found.path) })?;
    let mut model = LoaderModel::musl_for(machine, version);
    let (path_file, list) = path_file(host, &found);
    model.set_system_path(version, path_file, &list);
    model.float_abi = found.identity.float_abi;
    model.interpreter = found.path;
    model.cwd.clone_from(&request.cwd);
    model.uid = request.uid;
    model.env = environment(&request.env);
    if let Some(system) = request.system.as_ref().filter(|system| system.runs(machine)) {
        model.page_size = system.page_size;
    }
    Ok(model)
}

/// Whether these are the bytes of musl's loader.
pub(super) fn is_musl(bytes: &[u8]) -> bool {
    position(bytes, b"musl libc (").is_some()
}

fn find<'h>(host: &dyn Host<'h>, request: &DetectRequest) -> Result<Found<'h>, DetectError> {
    let musl = |path: &[u8]| candidate(host, path, request).filter(|found| is_musl(found.bytes));
    if let Some(path) = &request.interpreter {
        return musl(path).ok_or_else(|| super::not_a_loader(path, request));
    }
    let machines: Vec<Machine> = request.machine.map_or_else(
        || request.system.iter().filter_map(|system| system.machine).chain(Machine::ALL).collect(),
        |machine| vec![machine],
    );
    let mut looked_for = Vec::new();
    for arch in machines.into_iter().flat_map(musl_architectures) {
        let path = format!("/lib/ld-musl-{arch}.so.1");
        if let Some(found) = musl(path.as_bytes()) {
            return Ok(found);
        }
        looked_for.push(path);
    }
    Err(DetectError::NoLoader { libc: "musl", looked_for })
}

/// The release: the only string of the loader that is a version.
fn version(bytes: &[u8]) -> Option<MuslVersion> {
    words(bytes).find_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
}

/// The system path: the file below the loader's prefix, or what is compiled in.
fn path_file(host: &dyn Host<'_>, found: &Found<'_>) -> (PathFile, Vec<u8>) {
    let own: Vec<u8> = words(found.bytes)
        .find_map(|word| word.strip_prefix(b"%.*s").filter(|name| name.starts_with(b"/etc/ld-musl-")))
        .map_or_else(
            || format!("/etc/ld-musl-{}.path", found.identity.machine.name()).into_bytes(),
            <[u8]>::to_vec,
        );
    match host.open(&[prefix(&found.path), own.as_slice()].concat()) {
        Ok(Opened::File(_, bytes)) => (PathFile::Read, bytes.to_vec()),
        // Opening a directory succeeds and reading it does not: the list is empty.
        Ok(Opened::Other(_) | Opened::Changed(_)) => (PathFile::Read, Vec::new()),
        Err(crate::analyzer::errno::Errno::ENOENT) => (PathFile::Absent, default_path(found.bytes)),
        Err(errno) => (PathFile::Unreadable(errno), Vec::new()),
    }
}

/// The path of the loader without its last two components.
fn prefix(path: &[u8]) -> &[u8] {
    let slashes = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
    let at = slashes.rev().nth(1).unwrap_or(0);
    if path.starts_with(b"/") { path.get(..at).unwrap_or_default() } else { b"" }
}

/// The list of directories compiled in: builders change it.
fn default_path(bytes: &[u8]) -> Vec<u8> {
    let is_list = |word: &&[u8]| {
        let mut elements = word.split(|b| *b == b':');
        word.contains(&b':') && elements.all(|e| e.starts_with(b"/") && e.iter().all(u8::is_ascii_graphic))
    };
    words(bytes).find(is_list).unwrap_or(DEFAULT_PATH).to_vec()
}

/// What musl takes from the environment of a process that is not privileged.
fn environment(pairs: &[(Vec<u8>, Vec<u8>)]) -> LoaderEnv {
    let mut env = LoaderEnv::default();
    for (name, value) in pairs {
        match name.as_slice() {
            b"LD_LIBRARY_PATH" => env.library_path = Some(value.clone()),
            b"LD_PRELOAD" => env.preload = split(value, b": \t\n\x0b\x0c\r"),
            _ => {}
        }
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_the_path_without_two_components() {
        for (path, want) in [
            ("/lib/ld-musl-x86_64.so.1", ""),
            ("/opt/m/lib/ld.so", "/opt/m"),
            ("/ld.so", ""),
            ("lib/ld.so", ""),
        ] {
            assert_eq!(prefix(path.as_bytes()), want.as_bytes(), "{path}");
        }
    }

    #[test]
    fn the_compiled_list_is_one_of_absolute_directories() {
        let bytes = b"%s:%d\0/etc/passwd\0/lib:/opt/lib\0/usr:lib\0";
        assert_eq!(default_path(bytes), b"/lib:/opt/lib");
        assert_eq!(default_path(b"nothing"), DEFAULT_PATH);
    }

    #[test]
    fn a_preload_list_is_separated_by_colons_and_blanks() {
        let pairs = [(b"LD_PRELOAD".to_vec(), b" a.so:b.so\tc.so\n".to_vec())];
        assert_eq!(environment(&pairs).preload, [b"a.so".to_vec(), b"b.so".to_vec(), b"c.so".to_vec()]);
    }
}
