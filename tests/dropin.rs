//! The drop-in contract at its edges: slow beside hanging, odd arguments, no memory, and libraries that go for what is above them.
//! Whatever happens, there is one array with one entry a path, and the others' entries are theirs.
//! tsuku's helper protocol: it kills a batch of 50 after 5 s.
#![expect(clippy::disallowed_methods, reason = "tests make files and start the helpers")]
#![expect(clippy::print_stderr, reason = "skipped parts are said")]

#[path = "probe/libraries.rs"]
#[allow(dead_code, reason = "the other test uses the rest")]
mod libraries;
#[path = "probe/programs.rs"]
#[allow(dead_code, reason = "the other test uses the rest")]
mod programs;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;

use libraries::{compile, left_behind};
use programs::{eventually, helpers};
use serde_json::Value;

/// The tests look for processes and need the processors: one after the other.
static ONE: Mutex<()> = Mutex::new(());

fn array(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text:?}"))
}

fn ask(helper: &Path, paths: &[&Path]) -> Vec<Value> {
    array(&Command::new(helper).args(paths).output().unwrap())
}

#[test]
fn one_that_is_slow_has_its_time_beside_49_that_never_end() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let slow = compile(dir.path(), "slow", "sleep(2);");
    // Twenty milliseconds of a processor, whoever else wants it.
    let busy = compile(
        dir.path(),
        "busy",
        "struct timespec t; do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); while (t.tv_sec == 0 && t.tv_nsec < 20000000);",
    );
    for (what, body) in [("waits", "for (;;) pause();"), ("spins", "for (;;) __asm__ volatile(\"\");")] {
        let hang = compile(dir.path(), what, body);
        for (name, helper) in helpers() {
            let mut paths = vec![hang.as_path(); 48];
            paths.extend([slow.as_path(), &busy]);
            let answers = ask(helper, &paths);
            let ok = |entry: &Value| entry["ok"] == true;
            assert_eq!(answers.iter().filter(|entry| ok(entry)).count(), 2, "{name}, {what}: {answers:?}");
            assert!(ok(&answers[48]) && ok(&answers[49]), "{name}, {what}");
        }
    }
}

#[test]
fn any_word_may_be_a_path() {
    let dir = tempfile::tempdir().unwrap();
    for (name, helper) in helpers() {
        for word in ["serve", "--serve", "-", "__tsuku-dltest"] {
            let output = Command::new(helper).arg(word).current_dir(dir.path()).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{name}: {word}");
            let entries = array(&output);
            assert_eq!((entries.len(), &entries[0]["path"]), (1, &word.into()), "{name}");
        }
    }
}

#[test]
fn without_memory_there_are_still_answers() {
    let dir = tempfile::tempdir().unwrap();
    let good = compile(dir.path(), "good", "");
    for (name, helper) in helpers() {
        let mut met = 0;
        // From too little for the C library to more than enough.
        for kilobytes in (1000..8000).step_by(100) {
            let script = format!("ulimit -v {kilobytes} && exec \"$@\"");
            let output =
                Command::new("sh").args(["-c", &script, "sh"]).arg(helper).arg(&good).output().unwrap();
            // Its loader, or the start of its library, has no exit status of the contract or says why.
            let started = matches!(output.status.code(), Some(0 | 1)) && output.stderr.is_empty();
            if !started {
                assert!(output.stdout.is_empty(), "{name}: {output:?}");
                continue;
            }
            let entries = array(&output);
            assert_eq!(entries.len(), 1, "{name}");
            met += usize::from(entries[0]["error"].as_str().is_some_and(|e| e.contains("out of memory")));
        }
        // The other helper has a runtime that needs more than the answers do.
        assert!(met > 0 || *name == "portable", "no limit met the memory for answers");
    }
}

#[test]
fn nobody_reaches_what_is_above_and_a_lost_watcher_costs_its_own_answer() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let good = compile(dir.path(), "good", "usleep(300000);");
    let above = "int p = getppid(), g = 0; char n[64], t[512]; sprintf(n, \"/proc/%d/stat\", p); FILE *f = fopen(n, \"r\"); \
        fgets(t, 512, f); sscanf(strrchr(t, ')') + 2, \"%*c %d\", &g); ";
    let attacks = [
        ("parent", format!("{above} kill(p, SIGKILL);")),
        ("grandparent", format!("{above} kill(g, SIGKILL); kill(g, SIGSTOP);")),
        ("group", format!("{above} kill(-g, SIGKILL); kill(-getsid(0), SIGKILL); kill(0, SIGCONT);")),
        ("thread", format!("{above} syscall(SYS_tgkill, g, g, SIGKILL); syscall(SYS_tkill, g, SIGKILL);")),
    ];
    for (name, helper) in helpers() {
        for (what, body) in &attacks {
            let attack = compile(dir.path(), what, body);
            let answers = ask(helper, &[&good, &attack, &good]);
            let ok: Vec<bool> = answers.iter().map(|entry| entry["ok"] == true).collect();
            // The signals do not arrive, so it loads like any other.
            assert_eq!(ok, [true; 3], "{name}, {what}: {answers:?}");
        }
        let crash = compile(dir.path(), "crash", "abort();");
        let script = "trap '' CHLD; exec \"$@\"";
        let output = Command::new("sh").args(["-c", script, "sh"]).arg(helper).arg(&crash).output().unwrap();
        let error = array(&output)[0]["error"].as_str().unwrap().to_owned();
        assert!(error.contains("signal 6"), "{name}: {error}");
    }
}

#[test]
fn when_it_is_killed_nothing_of_it_stays() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let stays = compile(
        dir.path(),
        "stays",
        "if (!fork()) { setsid(); name(); sleep(60); _exit(0); } name(); for (;;) pause();",
    );
    for (name, helper) in helpers() {
        let mut run =
            Command::new(helper).args([&stays, &stays]).stdout(std::process::Stdio::null()).spawn().unwrap();
        eventually(|| left_behind().len() == 4, name);
        run.kill().unwrap();
        run.wait().unwrap();
        eventually(|| left_behind().is_empty(), name);
    }
}

#[test]
fn a_limit_of_the_processor_is_time_that_is_over() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let spin = compile(dir.path(), "spin", "for (;;) __asm__ volatile(\"\");");
    let run = programs::verify(&["--format", "ndjson", "--timeout", "60"], &[&spin]);
    let script = "ulimit -t 4 && ulimit -n 300 && exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(run.get_program())
        .args(run.get_args())
        .output()
        .unwrap();
    let line: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    assert_eq!(line["probe"]["outcome"], "timed-out", "{line}");
    assert!(line["probe"]["in_force"].as_array().unwrap().contains(&"rlimits".into()), "{line}");
    // Less address space than it needs is a failure of its own.
    let small = programs::verify(
        &["--format", "ndjson", "--probe", "always", "--address-space", "16M"],
        &[&compile(dir.path(), "large", "static volatile char b[32 << 20]; b[5] = 1;")],
    )
    .output()
    .unwrap();
    let line: Value = serde_json::from_slice(&small.stdout).unwrap_or_else(|e| panic!("{e}: {small:?}"));
    assert_eq!(line["probe"]["outcome"], "refused", "{line}");
}

/// The program where the helper's loader is missing: in a view of the files in which it, and every other, is empty.
#[test]
fn a_helper_that_cannot_run_here_is_one_warning_or_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let good = compile(dir.path(), "good", "getpid();");
    let other = compile(dir.path(), "other", "getpid();");
    let own = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"].map(Path::new);
    let own = own.iter().find(|path| path.exists()).unwrap();
    let loader = dir.path().join("loader");
    std::fs::copy(own, &loader).unwrap();
    let script = format!(
        "for m in /lib/ld-musl-* {}; do [ ! -e \"$m\" ] || mount --bind /dev/null \"$(readlink -f \"$m\")\" || exit 99; done; exec \"$@\"",
        own.display()
    );
    let run = |more: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"]).arg(&loader);
        command
            .arg(env!("CARGO_BIN_EXE_tsuku-verify"))
            .args(["verify", "--level", "3", "--probe", "always"])
            .args(more);
        command.args([&good, &other]).env_remove("TSUKU_DLTEST_PATH").output().unwrap()
    };
    let output = run(&[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // A machine that lets nobody mount, or a shell that is started by the loader that is gone.
    if said.contains("unshare") || output.status.code() == Some(99) {
        return eprintln!("skipped: no view of the files of its own: {said}");
    }
    assert_eq!(said.matches("level 3 is left out").count(), 1, "{said}");
    assert_eq!(run(&["--require-level3"]).status.code(), Some(1));
    // The same for a loader that was asked for.
    let missing = ["--probe-loader", "/nonexistent/ld.so"];
    let output = programs::verify(&missing, &[&good, &other]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.matches("level 3 is left out").count()), (Some(0), 1), "{said}");
    let output =
        programs::verify(&[&missing[..], &["--require-level3"]].concat(), &[&good]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}
