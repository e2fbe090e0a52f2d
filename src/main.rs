//! TEMPORARY driver
#![allow(clippy::print_stdout, clippy::disallowed_methods, missing_docs)]
use std::io::Write;
use tsuku_verify::analyzer::{audit, disk::Disk, host::real::*, process, verdict::Verdict, model::Death};
fn js(b: &[u8]) -> String {
    let mut o = String::from("\"");
    for c in b.utf8_chunks() {
        for ch in c.valid().chars() { match ch { '"' => o.push_str("\\\""), '\\' => o.push_str("\\\\"), c if (c as u32) < 32 => o.push_str(&format!("\\u{:04x}", c as u32)), c => o.push(c) } }
        for b in c.invalid() { o.push_str(&format!("\\udc{:02x}", b)); }
    }
    o.push('"'); o
}
fn main() {
    use std::os::unix::ffi::OsStringExt;
    let args: Vec<Vec<u8>> = std::env::args_os().skip(1).map(|a| a.into_vec()).collect();
    let mut paths = vec![]; let mut env = vec![]; let mut pre = vec![]; let mut i = 1;
    let (mut root, mut binds, mut minor) = (None::<Vec<u8>>, vec![], 36u16); let mut cwdo = None;
    while i < args.len() {
        match args[i].as_slice() {
            b"--level" | b"--format" => i += 1,
            b"--env" => { i += 1; env.push(args[i].clone()) }
            b"--preloaded" => { i += 1; pre.push(args[i].clone()) }
            b"--cwd" => { i += 1; cwdo = Some(args[i].clone()) }
            b"--root" => { i += 1; root = Some(args[i].clone()) }
            b"--bind" => { i += 1; binds.push(std::path::PathBuf::from(std::ffi::OsString::from_vec(args[i].clone()))) }
            b"--loader" => { i += 1; minor = String::from_utf8_lossy(&args[i]).rsplit('.').next().unwrap().parse().unwrap() }
            b"--paths-from" => { i += 1; let t = std::fs::read(std::path::Path::new(&std::ffi::OsString::from_vec(args[i].clone()))).unwrap(); paths.extend(t.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| l.to_vec())); }
            p => paths.push(p.to_vec()),
        }
        i += 1;
    }
    let store = ByteStore::new();
    let mut host = RealHost::new(&store);
    if let Some(r) = &root { host = host.inside(std::path::PathBuf::from(std::ffi::OsString::from_vec(r.clone())), &binds); }
    let cwd = std::env::current_dir().unwrap().into_os_string().into_vec();
    let bare = RealHost::new(&store);
    let env = env.into_iter().filter_map(|e| { let at = e.iter().position(|b| *b == b'=')?; Some((e[..at].to_vec(), e[at + 1..].to_vec())) }).collect();
    let machine = (root.is_some() && std::env::var("TSM").is_ok()).then(|| tsuku_verify::analyzer::model::Machine::ALL.into_iter().find(|m| m.name() == std::env::var("TSM").unwrap()).unwrap());
    let model = tsuku_verify::analyzer::detect::detect(&host, &tsuku_verify::analyzer::detect::DetectRequest { machine, interpreter: None, cpu: std::env::var("TSC").ok(), env, cwd: cwdo.unwrap_or(cwd), uid: 0, system: Some(tsuku_verify::analyzer::detect::RunningSystem::read(&bare)) }).unwrap();
    let _ = minor;
    let disk = Disk::new(&host, &model);
    let process = process::start(&disk, &process::Start { program: None, preloaded: pre }).unwrap();
    let out = audit::run(&disk, &process, &paths, audit::Level::Two, &|_| {});
    let mut so = std::io::BufWriter::new(std::io::stdout().lock());
    for l in out {
        let (v, m, d) = match &l.judgement.verdict { Verdict::Loads => ("loads", None, None), Verdict::Undecided => ("undecided", None, None), Verdict::Fails { message, dies } => ("fails", message.clone(), *dies) };
        let d = match d { None => "null".into(), Some(Death::Abort) => "{\"how\":\"abort\"}".to_string(), Some(Death::Hang) => "{\"how\":\"hang\"}".into(), Some(Death::Signal(s)) => format!("{{\"how\":\"signal\",\"signal\":\"{}\"}}", s.name()) };
        writeln!(so, "{{\"path\":{},\"verdict\":\"{v}\",\"message\":{},\"dies\":{d},\"f\":{}}}", js(&l.path), m.map_or("null".into(), |m| js(&m)), js(format!("{:?}", l.judgement.findings).as_bytes())).ok();
    }
}
