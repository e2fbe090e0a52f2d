//! Sentences, advice and evidence of what dyld has against Mach-O files.
//! It must never decide anything; words of dyld stand in the verdict and are only quoted here.
//! Advice names Apple's own tools (`install_name_tool`, `codesign`, `lipo`) and what tsuku does with them.

mod entries;

use serde_json::{Value, json};

use super::{base_name, bytes_json, lossy};
use crate::analyzer::dyld::bind::Expected;
use crate::analyzer::dyld::finding::DyldFinding;
use crate::analyzer::dyld::refusal::{Kind, Tried};

pub(super) use entries::ENTRIES;

fn names(list: &[Vec<u8>]) -> String {
    list.iter().map(|name| lossy(name)).collect::<Vec<_>>().join(", ")
}

/// The sentence.
pub(super) fn text(f: &DyldFinding) -> String {
    match f {
        DyldFinding::Refused { path, refusal } => {
            let words = lossy(&refusal.words);
            let words = if words.is_empty() { "the file is empty" } else { &words };
            format!("dyld refuses {}: {words}", lossy(path))
        }
        DyldFinding::LibraryNotLoaded { name, requester, tried } => {
            let what = match f.code() {
                "dylib-unusable" => "no usable file is found for",
                _ => "dyld does not find",
            };
            format!("{what} {}, which {} needs ({} paths tried)", lossy(name), lossy(requester), tried.len())
        }
        DyldFinding::SymbolNotFound { image, symbol, expected, more } => {
            let place = match expected {
                Expected::Library(library) => format!("{} does not export it", lossy(library)),
                Expected::NoLibrary => "the library it should be in is not there".to_owned(),
                Expected::MainProgram => "the main program does not export it".to_owned(),
                Expected::Flat => "no image in the process exports it".to_owned(),
                Expected::Coalesced => "no image that defines weak symbols exports it".to_owned(),
            };
            let others = match more {
                0 => String::new(),
                1 => "; one other symbol is missing too".to_owned(),
                n => format!("; {n} other symbols are missing too"),
            };
            format!("{} needs {}: {place}{others}", lossy(image), lossy(symbol))
        }
        DyldFinding::BadOrdinal { image, ordinal } => {
            format!("{} binds a symbol to library number {ordinal}, which it does not have", lossy(image))
        }
        DyldFinding::MalformedTables { image, words } => match words {
            Some(words) => format!("dyld gives up on the tables of {}: {words}", lossy(image)),
            None => format!("the tables of {} are malformed in a way dyld does not report", lossy(image)),
        },
        DyldFinding::ThreadLocals { image } => {
            format!("the thread-local variables of {} are malformed", lossy(image))
        }
        DyldFinding::Truncated { image } => {
            format!("the process dies: dyld reads tables of {} behind the end of the file", lossy(image))
        }
        DyldFinding::SignatureDamaged { image, offset, pages, fatal } => {
            let end = if *fatal {
                "the kernel kills the process while dyld reads it"
            } else {
                "the kernel kills the process when that page is used"
            };
            format!(
                "{} was changed after it was signed ({pages} pages, the first at 0x{offset:x}): {end}",
                lossy(image)
            )
        }
        DyldFinding::SystemAssumed { libraries, symbols } => {
            format!("{symbols} symbols are taken for granted in {}", names(libraries))
        }
        DyldFinding::LibraryUnverified { library, requester, weak } => {
            let end = if *weak { ", and may be missing" } else { "" };
            format!(
                "only the system could have {}, which {} needs{end}; it is not known whether this macOS does",
                lossy(library),
                lossy(requester)
            )
        }
        DyldFinding::SymbolsUnverified { symbols, count } => {
            let shown: Vec<_> = symbols.iter().take(3).map(|(s, _)| lossy(s)).collect();
            let rest = count.saturating_sub(shown.len());
            let rest = if rest == 0 { String::new() } else { format!(" and {rest} others") };
            format!("only the libraries of the system could have {}{rest}", shown.join(", "))
        }
        DyldFinding::MainProgramUnknown { name, requester } => format!(
            "{} needs {}, which is looked for beside the main program; nobody said which that is",
            lossy(requester),
            lossy(name)
        ),
        DyldFinding::RefusedLater { macos, words } => {
            format!("macOS {macos} and later refuse the file: {words}")
        }
        DyldFinding::BuiltForNewer { built_for, macos } => {
            format!("it is built for macOS {built_for}, and judged for {macos}")
        }
    }
}

/// The advice.
pub(super) fn hint(f: &DyldFinding) -> String {
    match f {
        DyldFinding::Refused { path, refusal } => of_kind(path, &refusal.kind),
        DyldFinding::LibraryNotLoaded { name, requester, tried } => not_loaded(name, requester, tried),
        DyldFinding::SymbolNotFound { image, symbol, expected, .. } => match expected {
            Expected::Library(library) => format!(
                "install the {} that {} was linked against; `nm -gU` lists what a library exports",
                lossy(base_name(library)),
                lossy(base_name(image))
            ),
            Expected::NoLibrary => "make the reference weak, or ship the library it is in".to_owned(),
            Expected::MainProgram => {
                format!("load {} into the program it was linked for (--host)", lossy(base_name(image)))
            }
            Expected::Flat | Expected::Coalesced => format!(
                "load {} into its host program (--host), or link it with the library that defines {}",
                lossy(base_name(image)),
                lossy(symbol)
            ),
        },
        DyldFinding::BadOrdinal { image, .. }
        | DyldFinding::MalformedTables { image, .. }
        | DyldFinding::ThreadLocals { image }
        | DyldFinding::Truncated { image } => reinstall(image),
        DyldFinding::SignatureDamaged { image, .. } => format!(
            "sign it again: codesign -f -s - {}; tools that edit load commands have to be followed by that",
            lossy(image)
        ),
        DyldFinding::SystemAssumed { .. } | DyldFinding::SymbolsUnverified { .. } => {
            "give the stubs of an SDK with --sdk to have them looked up".to_owned()
        }
        DyldFinding::LibraryUnverified { library, .. } => format!(
            "look for {} in that macOS or its SDK; name the SDK with --sdk",
            lossy(base_name(library))
        ),
        DyldFinding::MainProgramUnknown { .. } => {
            "name the main program with --host; libraries of their own find each other by @loader_path"
                .to_owned()
        }
        DyldFinding::RefusedLater { words, .. } if words.starts_with("duplicate LC_RPATH") => {
            "remove the second one: install_name_tool -delete_rpath, then codesign -f -s -".to_owned()
        }
        DyldFinding::RefusedLater { .. } => {
            "rebuild it with a current linker before those systems are used".to_owned()
        }
        DyldFinding::BuiltForNewer { built_for, .. } => {
            format!("take a build for an older system, or judge it for macOS {built_for}")
        }
    }
}

fn reinstall(image: &[u8]) -> String {
    format!("install {} again: the file is damaged", lossy(base_name(image)))
}

fn of_kind(path: &[u8], kind: &Kind) -> String {
    let file = lossy(base_name(path));
    match kind {
        Kind::NoFile => "give the path of a file that is there".to_owned(),
        Kind::NotAFile => "give the path of a regular file".to_owned(),
        Kind::Errno(_) => format!("make {file} readable for the user of the process"),
        Kind::Empty | Kind::Fat | Kind::Header | Kind::Mapping => reinstall(path),
        Kind::NotMachO => format!("install a build for macOS in the place of {file}"),
        Kind::Arch { have } => format!(
            "install a build for the architecture of the process, or a universal one (lipo -info says what is inside); this one has {have}"
        ),
        Kind::Platform { have } => format!("install a build for macOS; this one is for {have}"),
        Kind::Type(_) => "open the library or bundle that belongs to it".to_owned(),
        Kind::NoAccess => "open the library that links it instead".to_owned(),
        Kind::Unsigned => format!("sign it: codesign -s - {file}; tsuku does that after it edits a library"),
        Kind::Signature => format!("sign it again: codesign -f -s - {file}"),
        Kind::Encrypted => {
            "take the library from its maker: a store's copy works in the store's program only".to_owned()
        }
    }
}

fn not_loaded(name: &[u8], requester: &[u8], tried: &[Tried]) -> String {
    let unusable = |t: &&Tried| !matches!(t.refusal.kind, Kind::NoFile | Kind::NotAFile | Kind::Errno(_));
    if let Some(t) = tried.iter().find(unusable) {
        return of_kind(&t.path, &t.refusal.kind);
    }
    let requester = lossy(base_name(requester));
    if let Some(leaf) = name.strip_prefix(b"@rpath/") {
        return format!(
            "put {} beside {requester} and give that one a path to it: install_name_tool -add_rpath @loader_path {requester}, then codesign -f -s - {requester}",
            lossy(leaf)
        );
    }
    let leaf = lossy(base_name(name));
    if name.starts_with(b"@") {
        return format!("ship {leaf} where {requester} looks for it");
    }
    format!(
        "install {leaf} there, or ship it beside {requester}: install_name_tool -change {} @loader_path/{leaf} {requester}, then codesign -f -s - {requester}",
        lossy(name)
    )
}

/// One tried path.
pub fn tried(t: &Tried) -> Value {
    json!({
        "path": bytes_json(&t.path),
        "reason": t.refusal.kind.code(),
        "words": bytes_json(&t.refusal.words),
    })
}

fn list(items: &[Vec<u8>]) -> Vec<Value> {
    items.iter().map(|item| bytes_json(item)).collect()
}

/// The payload.
pub(super) fn evidence(f: &DyldFinding) -> Value {
    match f {
        DyldFinding::Refused { path, refusal } => json!({
            "path": bytes_json(path),
            "reason": refusal.kind.code(),
            "words": bytes_json(&refusal.words),
        }),
        DyldFinding::LibraryNotLoaded { name, requester, tried: all } => json!({
            "name": bytes_json(name),
            "requester": bytes_json(requester),
            "tried": all.iter().map(tried).collect::<Vec<_>>(),
        }),
        DyldFinding::SymbolNotFound { image, symbol, expected, more } => {
            let (kind, library) = match expected {
                Expected::Library(library) => ("library", bytes_json(library)),
                Expected::NoLibrary => ("absent-library", Value::Null),
                Expected::MainProgram => ("main-program", Value::Null),
                Expected::Flat => ("any-image", Value::Null),
                Expected::Coalesced => ("any-weak-definition", Value::Null),
            };
            json!({
                "image": bytes_json(image), "symbol": bytes_json(symbol), "expected_in": kind,
                "library": library, "more": more,
            })
        }
        DyldFinding::BadOrdinal { image, ordinal } => {
            json!({"image": bytes_json(image), "ordinal": ordinal})
        }
        DyldFinding::MalformedTables { image, words } => {
            json!({"image": bytes_json(image), "words": words})
        }
        DyldFinding::ThreadLocals { image } | DyldFinding::Truncated { image } => {
            json!({"image": bytes_json(image)})
        }
        DyldFinding::SignatureDamaged { image, offset, pages, fatal } => {
            json!({"image": bytes_json(image), "offset": offset, "pages": pages, "fatal": fatal})
        }
        DyldFinding::SystemAssumed { libraries, symbols } => {
            json!({"libraries": list(libraries), "symbols": symbols})
        }
        DyldFinding::LibraryUnverified { library, requester, weak } => {
            json!({"library": bytes_json(library), "requester": bytes_json(requester), "weak": weak})
        }
        DyldFinding::SymbolsUnverified { symbols, count } => {
            let one = |(symbol, library): &(Vec<u8>, Option<Vec<u8>>)| json!({"symbol": bytes_json(symbol), "library": library.as_deref().map(bytes_json)});
            json!({"symbols": symbols.iter().map(one).collect::<Vec<_>>(), "count": count})
        }
        DyldFinding::MainProgramUnknown { name, requester } => {
            json!({"name": bytes_json(name), "requester": bytes_json(requester)})
        }
        DyldFinding::RefusedLater { macos, words } => json!({"macos": macos.to_string(), "words": words}),
        DyldFinding::BuiltForNewer { built_for, macos } => {
            json!({"built_for": built_for.to_string(), "macos": macos.to_string()})
        }
    }
}

/// One finding of every code.
#[cfg(test)]
pub(super) fn samples() -> Vec<DyldFinding> {
    use crate::analyzer::dyld::refusal::Refusal;
    use crate::analyzer::errno::Errno;
    use crate::analyzer::image::macho::facts::FileKind;
    use crate::analyzer::image::macho::platform::Version;

    let image = || b"/opt/liba.dylib".to_vec();
    let kinds = [
        Kind::NoFile,
        Kind::NotAFile,
        Kind::Empty,
        Kind::Errno(Errno::EACCES),
        Kind::NotMachO,
        Kind::Fat,
        Kind::Arch { have: "x86_64".to_owned() },
        Kind::Platform { have: "iOS" },
        Kind::Type(FileKind::OBJECT),
        Kind::NoAccess,
        Kind::Header,
        Kind::Unsigned,
        Kind::Signature,
        Kind::Mapping,
        Kind::Encrypted,
    ];
    let refusal = |kind: Kind| Refusal::new(kind, "words");
    let mut all: Vec<DyldFinding> = kinds
        .into_iter()
        .map(|kind| DyldFinding::Refused { path: image(), refusal: refusal(kind) })
        .collect();
    for kind in [Kind::NoFile, Kind::Unsigned] {
        for name in ["@rpath/libb.dylib", "/opt/libb.dylib", "@loader_path/libb.dylib"] {
            let tried = vec![Tried { path: b"/x".to_vec(), refusal: refusal(kind.clone()) }];
            all.push(DyldFinding::LibraryNotLoaded { name: name.into(), requester: image(), tried });
        }
    }
    let places = [
        Expected::Library(b"/opt/libb.dylib".to_vec()),
        Expected::NoLibrary,
        Expected::MainProgram,
        Expected::Flat,
        Expected::Coalesced,
    ];
    for (more, expected) in places.into_iter().enumerate() {
        all.push(DyldFinding::SymbolNotFound { image: image(), symbol: b"_a".to_vec(), expected, more });
    }
    let version = Version::new(15, 4);
    let words = "duplicate LC_RPATH 'x'".to_owned();
    all.extend([
        DyldFinding::BadOrdinal { image: image(), ordinal: 9 },
        DyldFinding::MalformedTables { image: image(), words: Some("bad bind opcode 0xF0".to_owned()) },
        DyldFinding::MalformedTables { image: image(), words: None },
        DyldFinding::ThreadLocals { image: image() },
        DyldFinding::Truncated { image: image() },
        DyldFinding::SignatureDamaged { image: image(), offset: 0, pages: 1, fatal: true },
        DyldFinding::SignatureDamaged { image: image(), offset: 0x4000, pages: 2, fatal: false },
        DyldFinding::SystemAssumed { libraries: vec![b"/usr/lib/libz.1.dylib".to_vec()], symbols: 3 },
        DyldFinding::LibraryUnverified {
            library: b"/usr/lib/x.dylib".to_vec(),
            requester: image(),
            weak: true,
        },
        DyldFinding::SymbolsUnverified { symbols: vec![(b"_a".to_vec(), None)], count: 7 },
        DyldFinding::MainProgramUnknown { name: b"@executable_path/x".to_vec(), requester: image() },
        DyldFinding::RefusedLater { macos: version, words },
        DyldFinding::BuiltForNewer { built_for: version, macos: Version::new(14, 7) },
    ]);
    all
}
