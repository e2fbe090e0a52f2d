//! Why a library has its class, in words and as typed evidence.
//! It must never soften a verdict: the library fails as described, whoever has to act.
//! The facts come from `classify`.

use serde_json::{Value, json};

use super::bytes_json;
use crate::analyzer::classify::{Because, NeedsHost};

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// One sentence; none where nothing explains the failure. Not escaped.
pub fn words(because: &Because) -> Option<String> {
    match because {
        Because::Nothing { .. } => None,
        Because::Foreign { .. } => Some("it is made for another machine".to_owned()),
        Because::OtherTarget(target) => Some(format!("it is made for {}", target.name())),
        Because::OtherMachO(have) => Some(format!("it is made for {have}")),
        Because::NeedsHost(n) => Some(needs_host(n)),
        Because::Underlinked(u) => {
            let names: Vec<String> = u.libraries.iter().map(|p| lossy(file_name(&p.path))).collect();
            let host = match &u.host {
                Some((host, program)) => format!(", and it is loaded into {host} ({})", lossy(program)),
                None => String::new(),
            };
            Some(format!("it would load if it listed {}{host}", names.join(" and ")))
        }
    }
}

fn needs_host(n: &NeedsHost) -> String {
    match (&n.program, n.proved) {
        (Some(program), true) => format!("it is a plug-in of {}: it loads into {}", n.host, lossy(program)),
        (Some(program), false) => {
            format!("it is a plug-in of {}; {} alone does not settle it", n.host, lossy(program))
        }
        (None, _) => {
            format!("it is a plug-in of {}, by the names it lacks; no such host is installed here", n.host)
        }
    }
}

/// What the root causes call it: the host, or the libraries not listed.
pub fn subject(because: &Because) -> Option<(&'static str, Vec<u8>)> {
    match because {
        Because::NeedsHost(n) => Some(("needs-host", n.host.clone().into_bytes())),
        Because::Underlinked(u) => {
            let names: Vec<&[u8]> = u.libraries.iter().map(|p| file_name(&p.path)).collect();
            Some(("underlinked", names.join(b" and ".as_slice())))
        }
        Because::OtherTarget(target) => Some(("foreign", target.name().into())),
        Because::OtherMachO(have) => Some(("foreign", have.clone().into_bytes())),
        Because::Nothing { .. } | Because::Foreign { .. } => None,
    }
}

/// The typed evidence.
pub fn evidence(because: &Because) -> Value {
    match because {
        Because::Nothing { tried } => {
            let tried: Vec<Value> = tried
                .iter()
                .map(|t| {
                    json!({"host": t.host, "program": bytes_json(&t.program), "code": t.code,
                           "subject": bytes_json(&t.subject)})
                })
                .collect();
            json!({"kind": "nothing", "tried": tried})
        }
        Because::Foreign { .. } => json!({"kind": "foreign"}),
        Because::OtherTarget(target) => json!({"kind": "foreign", "made_for": target.name()}),
        Because::OtherMachO(have) => json!({"kind": "foreign", "made_for": have}),
        Because::NeedsHost(n) => json!({
            "kind": "needs-host",
            "host": n.host,
            "program": n.program.as_deref().map(bytes_json),
            "proved": n.proved,
            "after": n.after.iter().map(|a| bytes_json(a)).collect::<Vec<_>>(),
            "symbols": n.symbols,
        }),
        Because::Underlinked(u) => json!({
            "kind": "underlinked",
            "libraries": u.libraries.iter().map(|p| bytes_json(&p.path)).collect::<Vec<_>>(),
            "host": u.host.as_ref().map(|(h, _)| h),
        }),
    }
}
