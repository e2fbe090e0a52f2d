//! Failing libraries made on the spot, each with the class it should get and what the class should rest on.
//! The programs and libraries are tiny; none of them depends on what is installed besides a compiler.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(clippy::disallowed_methods, reason = "a test harness builds files and starts processes")]

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tsuku_verify::analyzer::audit::{self, Level, Library};
use tsuku_verify::analyzer::call;
use tsuku_verify::analyzer::classify::Because;
use tsuku_verify::analyzer::disk::Disk;
use tsuku_verify::analyzer::host::real::{ByteStore, RealHost};
use tsuku_verify::analyzer::loaders::Loaders;
use tsuku_verify::analyzer::process::Start;
use tsuku_verify::analyzer::verdict::{Class, Verdict};

#[path = "support/this_loader.rs"]
mod loader;
use loader::this_loader;

/// A directory that is its own little prefix.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Tree {
        Tree(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    /// Compiles `source` to `name`.
    fn build(&self, name: &str, source: &str, args: &[&str]) -> PathBuf {
        let out = self.path(name);
        fs::create_dir_all(out.parent().unwrap()).unwrap();
        let c = self.path("source.c");
        fs::write(&c, source).unwrap();
        let mut gcc = Command::new("gcc");
        gcc.args(["-w", "-O1", "-fPIC", "-Wl,--no-as-needed", "-o"]).arg(&out).arg(&c).args(args);
        let done = gcc.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        out
    }

    fn library(&self, name: &str, source: &str) -> PathBuf {
        self.build(name, source, &["-shared"])
    }

    fn program(&self, name: &str, source: &str, pie: bool) -> PathBuf {
        self.build(name, source, &["-rdynamic", if pie { "-pie" } else { "-no-pie" }])
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

/// Judges `paths` on `jobs` threads, in a process of `program` if there is one.
fn judge(paths: &[&Path], program: Option<&Path>, jobs: usize) -> Vec<Library> {
    let store = ByteStore::new();
    let host = RealHost::new(&store).at(b"/");
    let model = this_loader(&host);
    let disk = Disk::new(&host, &model);
    let start = Start { program: program.map(bytes), preloaded: Vec::new() };
    let process = call::start(&disk, &start).unwrap();
    let paths: Vec<Vec<u8>> = paths.iter().map(|p| bytes(p)).collect();
    let threads = rayon::ThreadPoolBuilder::new().num_threads(jobs).build().unwrap();
    threads.install(|| audit::run(&Loaders::only(&disk, &process), &paths, Level::Two, &|_| {}))
}

fn because(path: &Path) -> Because {
    let mut judged = judge(&[path], None, 1);
    let library = judged.remove(0);
    assert!(matches!(library.judgement.verdict, Verdict::Fails { .. }), "{:?}", library.judgement);
    let because = library.because.unwrap();
    assert_eq!(library.class, Some(because.class()));
    because
}

const PYTHON_PLUGIN: &str =
    "extern int PyTest_Only(void), *PyTest_Data; int use(void) { return PyTest_Only() + *PyTest_Data; }";
const PYTHON_PROGRAM: &str =
    "int PyTest_Only(void) { return 0; } int x, *PyTest_Data = &x; int main(void) { return 0; }";

#[test]
fn a_plugin_without_its_host() {
    let tree = Tree::new();
    // No machine has this version, so that what is installed does not matter.
    let plugin = tree.library("lib/python3.999/x.cpython-3999-x86_64-linux-gnu.so", PYTHON_PLUGIN);
    let Because::NeedsHost(n) = because(&plugin) else { panic!("needs a host") };
    assert_eq!((n.host.as_str(), n.program, n.proved, n.symbols), ("Python", None, false, 2));
}

#[test]
fn a_plugin_in_the_host_of_its_own_tree() {
    for pie in [true, false] {
        let tree = Tree::new();
        let plugin = tree.library("lib/python3.999/x.cpython-3999-x86_64-linux-gnu.so", PYTHON_PLUGIN);
        let program = tree.program("bin/python3.999", PYTHON_PROGRAM, pie);
        tree.program("bin/python3.998", "int main(void) { return 0; }", pie);
        let Because::NeedsHost(n) = because(&plugin) else { panic!("needs a host") };
        assert_eq!((n.program, n.proved, n.after), (Some(bytes(&program)), true, Vec::new()));
        // The same judged as loaded into that program.
        let inside = judge(&[&plugin], Some(&program), 1);
        assert_eq!(inside[0].judgement.verdict, Verdict::Loads);
    }
}

#[test]
fn a_plugin_its_own_host_refuses_is_broken() {
    let tree = Tree::new();
    let plugin = tree.library("lib/python3.999/x.cpython-3999-x86_64-linux-gnu.so", PYTHON_PLUGIN);
    let program = tree.program(
        "bin/python3.999",
        "int PyTest_Only(void) { return 0; } int main(void) { return 0; }",
        true,
    );
    let Because::Nothing { tried } = because(&plugin) else { panic!("broken") };
    assert_eq!(tried.len(), 1);
    assert_eq!(
        (tried[0].program.as_slice(), tried[0].code),
        (bytes(&program).as_slice(), "symbol-not-found")
    );
    assert_eq!(tried[0].subject, b"PyTest_Data");
}

#[test]
fn modules_that_rest_on_each_other() {
    let tree = Tree::new();
    let program = tree.program("sbin/nginx", "int ngx_test_cycle; int main(void) { return 0; }", true);
    let core = tree.library(
        "lib/nginx/modules/a.so",
        "extern int ngx_test_cycle; int *ngx_test_core = &ngx_test_cycle;",
    );
    let more = tree.library(
        "lib/nginx/modules/b.so",
        "extern int *ngx_test_core; int **ngx_test_more = &ngx_test_core;",
    );
    let last =
        tree.library("lib/nginx/modules/c.so", "extern int **ngx_test_more; int ***use = &ngx_test_more;");
    for (module, after) in [(&core, vec![]), (&more, vec![&core]), (&last, vec![&core, &more])] {
        let Because::NeedsHost(n) = because(module) else { panic!("needs a host") };
        assert_eq!((n.proved, n.program), (true, Some(bytes(&program))));
        assert_eq!(n.after, after.into_iter().map(|p| bytes(p)).collect::<Vec<_>>());
    }
}

#[test]
fn a_library_only_the_host_has() {
    let tree = Tree::new();
    let jvm = tree.build("jdk/lib/server/libjvm.so", "int JVM_Test;", &["-shared", "-Wl,-soname,libjvm.so"]);
    let program = tree.program("jdk/bin/java", "int main(void) { return 0; }", true);
    let plugin = tree.build(
        "jdk/lib/libx.so",
        "extern int JVM_Test; int *use = &JVM_Test;",
        &["-shared", jvm.to_str().unwrap()],
    );
    let Because::NeedsHost(n) = because(&plugin) else { panic!("needs a host") };
    assert_eq!((n.host.as_str(), n.program, n.proved), ("Java", Some(bytes(&program)), true));
    assert_eq!(n.libraries, [(b"libjvm.so".to_vec(), Some(bytes(&jvm)))]);
}

#[test]
fn a_directory_named_after_its_program() {
    let tree = Tree::new();
    let program = tree.program("sbin/hostingd", "int only_here; int main(void) { return 0; }", true);
    let plugin = tree.library("lib/hosting-2.0/x.so", "extern int only_here; int *use = &only_here;");
    let Because::NeedsHost(n) = because(&plugin) else { panic!("needs a host") };
    assert_eq!((n.host.as_str(), n.program), ("hostingd", Some(bytes(&program))));
}

#[test]
fn the_mathematics_library_is_not_listed() {
    let tree = Tree::new();
    let library =
        tree.library("lib/libx.so", "extern double sin(double); double use(double x) { return sin(x); }");
    let Because::Underlinked(u) = because(&library) else { panic!("underlinked") };
    let [libm] = u.libraries.as_slice() else { panic!("{u:?}") };
    assert!(libm.path.ends_with(b"/libm.so.6"), "{u:?}");
    assert_eq!(
        (libm.symbols.as_slice(), libm.object.as_slice()),
        ([b"sin".to_vec()].as_slice(), bytes(&library).as_slice())
    );
}

#[test]
fn libraries_of_the_same_directory_as_few_as_will_do() {
    let tree = Tree::new();
    tree.library("lib/liba.so", "int one_a;");
    tree.library("lib/libab.so", "int one_a, one_b;");
    let other = tree.library("lib/libother.so", "extern int one_d; int one_c, *d = &one_d;");
    let last = tree.library("lib/libzlast.so", "int one_d;");
    let library = tree
        .library("lib/libx.so", "extern int one_a, one_b, one_c; int *use[] = { &one_a, &one_b, &one_c };");
    let Because::Underlinked(u) = because(&library) else { panic!("underlinked") };
    let named: Vec<_> = u.libraries.iter().map(|l| l.path.clone()).collect();
    // What libother lacks itself is missing once it is there.
    assert_eq!(named, [bytes(&tree.path("lib/libab.so")), bytes(&other), bytes(&last)]);
    assert_eq!(u.libraries[2].object, bytes(&other));
}

#[test]
fn an_unlisted_resolver_that_comes_too_late() {
    let tree = Tree::new();
    // The resolver goes through the GOT, which is empty until its object is relocated.
    let provider = tree.build(
        "lib/libp.so",
        "int zero(void) { return 0; } int (*volatile go)(void) = zero; int (*pick(void))(void) { return go() ? 0 : zero; }\n\
         int quick(void) __attribute__((ifunc(\"pick\")));",
        &["-shared", "-Wl,-z,now"],
    );
    let user = tree.library(
        "lib/libu.so",
        "extern int quick(void); int use(void) { return quick(); } int (*take)(void) = quick;",
    );
    // The provider is listed before the user, so that it is relocated after it.
    let args = ["-shared", provider.to_str().unwrap(), user.to_str().unwrap()];
    let root = tree.build("lib/libroot.so", "int root;", &args);
    let judged = &judge(&[&root], None, 1)[0];
    if judged.judgement.findings.first().is_some_and(|f| f.code() == "ifunc-order") {
        let Some(Because::Underlinked(u)) = &judged.because else { panic!("{:?}", judged.because) };
        assert_eq!(
            (u.libraries[0].object.clone(), u.libraries[0].path.clone()),
            (bytes(&user), bytes(&provider))
        );
    } else {
        panic!("{:?}", judged.judgement);
    }
}

#[test]
fn foreign_and_broken() {
    let tree = Tree::new();
    let library =
        tree.library("lib/libx.so", "extern int nobody_defines_this; int *use = &nobody_defines_this;");
    assert_eq!(because(&library), Because::Nothing { tried: Vec::new() });
    let mut file = fs::read(&library).unwrap();
    file[18] = 243;
    fs::write(tree.path("lib/liby.so"), &file).unwrap();
    assert_eq!(because(&tree.path("lib/liby.so")).class(), Class::Foreign);
    fs::write(tree.path("lib/libz.so"), b"text").unwrap();
    assert_eq!(because(&tree.path("lib/libz.so")).class(), Class::Broken);
}

#[test]
fn the_host_program_itself_is_no_library() {
    let tree = Tree::new();
    let program = tree.program("bin/host", "int main(void) { return 0; }", true);
    let judged = &judge(&[&program], Some(&program), 1)[0];
    assert!(matches!(judged.judgement.verdict, Verdict::Fails { .. }), "{:?}", judged.judgement);
}

#[test]
fn the_same_for_any_number_of_threads_and_any_order() {
    let tree = Tree::new();
    tree.program("sbin/nginx", "int ngx_test_cycle; int main(void) { return 0; }", true);
    let mut paths = Vec::new();
    for i in 0..12 {
        let source = match i % 3 {
            0 => format!("extern int ngx_test_cycle; int *ngx_test_{i} = &ngx_test_cycle;"),
            1 => format!("extern int *ngx_test_{}; int **ngx_test_{i} = &ngx_test_{};", i - 1, i - 1),
            _ => format!(
                "extern double sin(double), cos(double); double use_{i}(double x) {{ return sin(x) + cos(x); }}"
            ),
        };
        paths.push(tree.library(&format!("lib/nginx/modules/{i}.so"), &source));
    }
    let forward: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let backward: Vec<&Path> = forward.iter().rev().copied().collect();
    let reasons = |judged: Vec<Library>| {
        let mut all: Vec<_> = judged.into_iter().map(|l| (l.path, l.because)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    let one = reasons(judge(&forward, None, 1));
    assert!(one.iter().all(|(_, b)| b.as_ref().is_some_and(|b| b.class() != Class::Broken)), "{one:?}");
    assert_eq!(one, reasons(judge(&backward, None, 1)));
    assert_eq!(one, reasons(judge(&backward, None, 4)));
}
