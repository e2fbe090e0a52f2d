//! The payload of a finding as JSON: typed, snake_case, nothing a program would have to parse out of a sentence.
//! It must never drop a byte or hold a sentence; numbers stay numbers, addresses too.
//! One object a variant, with the variant's own field names.

use serde_json::{Map, Value, json};

use super::bytes_json;
use super::words::{machine_name, provenance_code};
use crate::analyzer::bind::Reference;
use crate::analyzer::defect::{Assertion, Defect};
use crate::analyzer::finding::{Finding, defect_code};
use crate::analyzer::host::Errno;
use crate::analyzer::image::vm::{Fault, FaultKind};
use crate::analyzer::link_map::MissReason;
use crate::analyzer::provenance::{Attempt, Outcome};

/// The payload.
pub fn evidence(f: &Finding) -> Value {
    match f {
        Finding::CannotOpen { errno: e } => json!({"errno": errno(*e)}),
        Finding::NotAFile { kind } => json!({"kind": kind}),
        Finding::ChangedWhileReading => json!({}),
        Finding::File { object, defect: d } | Finding::Relocation { object, defect: d } => {
            json!({"object": bytes_json(object), "defect": defect(d)})
        }
        Finding::NeededNotFound { name, requester, reason, attempts } => json!({
            "name": bytes_json(name),
            "requester": bytes_json(requester),
            "reason": miss(reason),
            "attempts": attempts.iter().map(attempt).collect::<Vec<_>>(),
        }),
        Finding::VersionNotFound { provider, version, requester, symbols, only_weak } => json!({
            "provider": bytes_json(provider),
            "version": bytes_json(version),
            "requester": bytes_json(requester),
            "symbols": symbols.iter().map(|s| bytes_json(s)).collect::<Vec<_>>(),
            "only_weak": only_weak,
        }),
        Finding::VersionFileNotLoaded { file, requester } => {
            json!({"file": bytes_json(file), "requester": bytes_json(requester)})
        }
        Finding::VersionRevision { object, revision, table } => {
            json!({"object": bytes_json(object), "revision": revision, "table": table})
        }
        Finding::RelrWithoutVersion { object } => json!({"object": bytes_json(object)}),
        Finding::IsaLevel { object, needed, has } => {
            json!({"object": bytes_json(object), "needed": needed, "has": has})
        }
        Finding::SymbolNotFound { object, reference: r, more } => {
            json!({"object": bytes_json(object), "reference": reference(r), "more": more})
        }
        Finding::SymbolNotInVersionFile { object, reference: r } => {
            json!({"object": bytes_json(object), "reference": reference(r)})
        }
        Finding::InitialExecTls { object, owner, symbol } => json!({
            "object": bytes_json(object), "owner": bytes_json(owner), "symbol": bytes_json(symbol),
        }),
        Finding::Unchecked { object, defect } => {
            json!({"object": bytes_json(object), "defect": self::defect(defect)})
        }
        Finding::StaticTls { owner, size, align, left, block_align } => json!({
            "owner": bytes_json(owner),
            "size": size,
            "align": align,
            "left": left,
            "block_align": block_align,
        }),
        Finding::TlsWithoutSegment { object, owner } => {
            json!({"object": bytes_json(object), "owner": bytes_json(owner)})
        }
        Finding::IfuncOrder { object, provider, symbol, harmless } => json!({
            "object": bytes_json(object),
            "provider": bytes_json(provider),
            "symbol": bytes_json(symbol),
            "harmless": harmless,
        }),
        Finding::OptionalMissing { sonames, priority, feature } => {
            json!({"sonames": sonames, "priority": priority, "feature": feature})
        }
        Finding::FilteeMissing { name } => json!({"name": bytes_json(name)}),
        Finding::BeyondEnd { object, end, size } => {
            json!({"object": bytes_json(object), "end": end, "size": size})
        }
        Finding::Unload { object, .. } => json!({"object": bytes_json(object)}),
        Finding::WorkingDirectory { object, element, tag } => {
            json!({"object": bytes_json(object), "element": bytes_json(element), "tag": tag})
        }
        Finding::Undecidable { object, structure, fault: f } => json!({
            "object": bytes_json(object),
            "structure": structure.name(),
            "fault": f.as_ref().map(fault),
        }),
        Finding::Dyld(f) => super::dyld::evidence(f),
        Finding::OtherTarget { made_for, loader } => {
            json!({"made_for": made_for.name(), "loader": loader.name()})
        }
        Finding::InterpreterNotFound { interpreter } => json!({"interpreter": bytes_json(interpreter)}),
    }
}

fn errno(e: Errno) -> Value {
    json!({"number": e.0, "text": e.text()})
}

fn fault(f: &Fault) -> Value {
    let kind = match f.kind {
        FaultKind::Segv => "not-mapped",
        FaultKind::Bus => "behind-end-of-file",
        FaultKind::Unknown => "outside-the-object",
        FaultKind::Limit => "limit",
    };
    json!({"kind": kind, "address": f.addr})
}

fn reference(r: &Reference) -> Value {
    json!({
        "name": bytes_json(&r.name),
        "version": r.version.as_deref().map(bytes_json),
        "version_file": r.version_file.as_deref().map(bytes_json),
    })
}

fn miss(reason: &MissReason) -> Value {
    match reason {
        MissReason::NotFound(e) => json!({"kind": "not-found", "errno": errno(*e)}),
        MissReason::OtherClass => json!({"kind": "other-class"}),
        MissReason::Refused { path, defect: d } => {
            json!({"kind": "refused", "path": bytes_json(path), "defect": defect(d)})
        }
        MissReason::Blocks(path) => json!({"kind": "blocks", "path": bytes_json(path)}),
        MissReason::Changed(path) => json!({"kind": "changed", "path": bytes_json(path)}),
        MissReason::Unknowable(path) => json!({"kind": "unknowable", "path": bytes_json(path)}),
        MissReason::Memory(d) => json!({"kind": "requester", "defect": defect(d)}),
        MissReason::EmptyToken => json!({"kind": "empty-token"}),
        MissReason::Limit => json!({"kind": "limit"}),
    }
}

/// One candidate of a search.
pub fn attempt(a: &Attempt) -> Value {
    let outcome = match &a.outcome {
        Outcome::Found => json!({"kind": "found"}),
        Outcome::Errno(e) => json!({"kind": "errno", "errno": errno(*e)}),
        Outcome::PassedOver(d) => json!({"kind": "passed-over", "defect": defect(d)}),
        Outcome::Refused(d) => json!({"kind": "refused", "defect": defect(d)}),
        Outcome::NoDirectory => json!({"kind": "no-directory"}),
        Outcome::ListAbandoned(e) => json!({"kind": "list-abandoned", "errno": errno(*e)}),
        Outcome::NotInCache => json!({"kind": "not-in-cache"}),
    };
    json!({"provenance": provenance_code(&a.provenance), "path": bytes_json(&a.path), "outcome": outcome})
}

/// A defect: its code, its kind within the code, its values.
fn defect(d: &Defect) -> Value {
    let (kind, values) = match d {
        Defect::TooShort => ("too-short", json!({})),
        Defect::Unreadable(e) => ("unreadable", json!({"errno": e.map(errno)})),
        Defect::NotElf => ("not-elf", json!({})),
        Defect::WrongClass(class) => ("class", json!({"found": class})),
        Defect::WrongByteOrder { found, big } => {
            ("byte-order", json!({"found": found, "loader_is_big_endian": big}))
        }
        Defect::IdentVersion(v) => ("ident-version", json!({"found": v})),
        Defect::OsAbi(v) => ("os-abi", json!({"found": v})),
        Defect::AbiVersion(v) => ("abi-version", json!({"found": v})),
        Defect::IdentPadding => ("ident-padding", json!({})),
        Defect::HeaderInternal => ("float-abi", json!({})),
        Defect::FileVersion(v) => ("file-version", json!({"found": v})),
        Defect::WrongMachine(m) => ("machine", json!({"found": m, "name": machine_name(*m)})),
        Defect::FileType(t) => ("file-type", json!({"found": t})),
        Defect::Executable => ("executable", json!({})),
        Defect::PhentSize(n) => ("program-header-size", json!({"found": n})),
        Defect::HeadersUnreadable(e) => ("program-headers-unreadable", json!({"errno": e.map(errno)})),
        Defect::AbiTag => ("abi-tag", json!({})),
        Defect::AlignNotPage(n) => ("align-not-page", json!({"found": n})),
        Defect::OffsetNotAligned => ("offset-not-aligned", json!({})),
        Defect::OffsetNotPage => ("offset-not-page", json!({})),
        Defect::NoSegments => ("no-segments", json!({})),
        Defect::NoDynamic => ("no-dynamic", json!({})),
        Defect::MapRefused => ("map", json!({})),
        Defect::Unmappable(e) => ("map", json!({"errno": e.0})),
        Defect::ZeroFillRefused => ("zero-fill", json!({})),
        Defect::ProtectRefused => ("protect", json!({})),
        Defect::Pie => ("pie", json!({})),
        Defect::NoOpen => ("no-open", json!({})),
        Defect::ExecStack => ("exec-stack", json!({})),
        Defect::Assertion(a) => ("assertion", json!({"assertion": assertion(*a)})),
        Defect::Memory { structure, fault: f } => {
            ("memory", json!({"structure": structure.name(), "fault": fault(f)}))
        }
        Defect::MissingTable(s) => ("missing-table", json!({"structure": s.name()})),
        Defect::HashCycle => ("hash-cycle", json!({})),
        Defect::DividesByZero(s) => ("no-buckets", json!({"structure": s.name()})),
        Defect::RelocationType { number, plt } => ("relocation-type", json!({"found": number, "plt": plt})),
        Defect::Code(f) => ("code", json!({"fault": fault(f)})),
        Defect::RelroRange => ("relro-range", json!({})),
    };
    let mut out = Map::new();
    out.insert("code".to_owned(), Value::from(defect_code(d)));
    out.insert("kind".to_owned(), Value::from(kind));
    if let Value::Object(values) = values {
        out.extend(values);
    }
    Value::Object(out)
}

fn assertion(a: Assertion) -> &'static str {
    match a {
        Assertion::PltRel => "plt-rel",
        Assertion::RelaEnt => "rela-entry-size",
        Assertion::RelEnt => "rel-entry-size",
        Assertion::RelrEnt => "relr-entry-size",
        Assertion::RelativeCount => "relative-count",
        Assertion::RootFirst => "root-first",
        Assertion::BloomSize => "bloom-size",
        Assertion::VersionFile => "version-file",
        Assertion::UnversionedProvider => "unversioned-provider",
        Assertion::VersionDefinitionOffset => "version-definition-offset",
    }
}
