//! Knows what the bytes of ld.so and libc.so.6 give away: machine, version, directories, rules.
//! It must never take a string for a fact unless it has the exact form its source gives it.
//! The strings come from glibc's `csu/version.c`, `elf/rtld.c` (banner), `elf/dl-load.c` (system_dirs, DL_DST_LIB).

use std::ops::Range;

use crate::analyzer::loader_model::{Evidence, GlibcVersion};
use crate::analyzer::model::Machine;

/// What the ELF header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Identity {
    pub(super) machine: Machine,
    pub(super) big_endian: bool,
    pub(super) float_abi: u32,
}

/// Reads the header of a loader or libc of a machine that is modelled.
pub(super) fn identify(bytes: &[u8]) -> Option<Identity> {
    let ident = bytes.strip_prefix(b"\x7fELF")?;
    let is_64 = match ident.first()? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let big_endian = match ident.get(1)? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let u16 = |at: usize| {
        let two = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if big_endian { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    };
    let machine = Machine::from_header(u16(18)?, is_64)?;
    if big_endian != machine.is_big_endian() || u16(16)? != 3 {
        return None;
    }
    let flags_at = if is_64 { 48 } else { 36 };
    // The low half is enough: all float-ABI bits are there, and every such machine is little-endian.
    let flags = u32::from(u16(flags_at)?);
    let float_abi = match machine {
        Machine::Riscv64 => flags & 6,
        Machine::Arm => flags & 0x600,
        _ => 0,
    };
    Some(Identity { machine, big_endian, float_abi })
}

/// The version line of a libc or loader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Banner {
    pub(super) version: GlibcVersion,
    /// `2.36-9+deb12u14` of `(Debian GLIBC 2.36-9+deb12u14)`.
    pub(super) package: String,
    /// `Debian` of the same.
    pub(super) vendor: String,
}

impl Banner {
    /// Finds `... (Vendor GLIBC package) stable release version 2.N.` in libc.so.6, or from 2.33 on in ld.so.
    pub(super) fn of(bytes: &[u8]) -> Option<Banner> {
        BANNERS.into_iter().find_map(|start| {
            let line = bytes.get(position(bytes, start)? + start.len()..)?.get(..200)?;
            let line =
                String::from_utf8_lossy(line.split(|&byte| byte == b'\n' || byte == 0).next()?).into_owned();
            Banner::parse(&line)
        })
    }

    fn parse(line: &str) -> Option<Banner> {
        let (package, rest) = line.split_once(") ")?;
        let (kind, number) = rest.split_once(" release version 2.")?;
        let mut parts = number.split('.');
        let digits = parts.next()?;
        let mut minor: u16 = digits.parse().ok()?;
        // 2.42.9000 is what will become 2.43.
        if kind == "development" && parts.next() == Some("9000") {
            minor = minor.checked_add(1)?;
        }
        let (vendor, package) = package.split_once(" GLIBC ").unwrap_or(("", ""));
        Some(Banner {
            version: GlibcVersion { minor },
            package: package.to_owned(),
            vendor: vendor.to_owned(),
        })
    }
}

/// The default directories: one run of NUL-terminated strings `/.../` in ld.so.
pub(super) fn system_dirs(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut best: Vec<Vec<u8>> = Vec::new();
    let mut run: Vec<Vec<u8>> = Vec::new();
    for word in words(bytes).chain([b"".as_slice()]) {
        if is_library_dir(word) {
            run.push(word.to_vec());
        } else if run.len() > best.len() {
            best = std::mem::take(&mut run);
        } else {
            run.clear();
        }
    }
    best
}

fn is_library_dir(word: &[u8]) -> bool {
    let component = |part: &[u8]| part.starts_with(b"lib");
    word.len() > 2
        && word.starts_with(b"/")
        && word.ends_with(b"/")
        && word.iter().all(u8::is_ascii_graphic)
        && word.split(|&b| b == b'/').any(component)
}

/// `$LIB`: Debian compiles in the whole of its first directory (`lib/x86_64-linux-gnu`), others its last component.
pub(super) fn lib(bytes: &[u8], first_dir: &[u8]) -> Vec<u8> {
    let whole: Vec<u8> =
        first_dir.strip_prefix(b"/").and_then(|dir| dir.strip_suffix(b"/")).unwrap_or(first_dir).to_vec();
    let last = whole.rsplit(|&b| b == b'/').next().unwrap_or_default().to_vec();
    if ending(bytes, &whole).any(|word| word == whole) { whole } else { last }
}

/// An absolute path to a file of that name (`/etc/ld.so.cache`, or below another prefix).
pub(super) fn path_ending(bytes: &[u8], name: &str) -> Option<Vec<u8>> {
    let suffix = format!("/etc/{name}");
    ending(bytes, suffix.as_bytes()).find(|word| word.starts_with(b"/")).map(<[u8]>::to_vec)
}

/// The words that end with `suffix`, which is not empty.
fn ending<'b>(bytes: &'b [u8], suffix: &[u8]) -> impl Iterator<Item = &'b [u8]> {
    memchr::memmem::find_iter(bytes, suffix).filter_map(move |at| {
        let end = at.checked_add(suffix.len())?;
        let start = memchr::memrchr(0, bytes.get(..at)?).map_or(0, |nul| nul + 1);
        bytes.get(end).is_none_or(|next| *next == 0).then_some(bytes.get(start..end)?)
    })
}

/// What the messages and tunables show; nothing if this does not look like a loader with its messages.
pub(super) fn evidence(bytes: &[u8], libc: Option<&[u8]>) -> Option<Evidence> {
    let has = |text: &str| position(bytes, text.as_bytes()).is_some();
    // There in every release from 2.17 on.
    if !has("invalid ELF header") || !has("cannot dynamically load executable") {
        return None;
    }
    Some(Evidence {
        pie_message: has("cannot dynamically load position-independent executable"),
        alignment_message: has("ELF load command alignment not page-aligned"),
        link_time_message: has(" with link time reference"),
        isa_message: has("CPU ISA level is lower than required"),
        relr_message: has("DT_RELR without GLIBC_ABI_DT_RELR dependency"),
        provider_assertion: has("version->filename == NULL || ! _dl_name_match_p (version->filename, map)"),
        execstack_tunable: has("glibc.rtld.execstack"),
        static_tls_tunable: has("glibc.rtld.optional_static_tls"),
        abis: libc.and_then(abis),
    })
}

/// Where a libc tells its release: what `Banner::of` and `abis` find first, and nothing that could come before.
pub fn traces(bytes: &[u8]) -> Vec<Range<usize>> {
    const LONGEST: usize = 256;
    let texts: [&[u8]; 3] = [BANNERS[0], BANNERS[1], ABIS];
    let found = texts.into_iter().filter_map(|text| position(bytes, text));
    found.map(|at| at..at.saturating_add(LONGEST).min(bytes.len())).collect()
}

/// How the line with the release starts, in libc and in ld.so.
const BANNERS: [&[u8]; 2] = [b"GNU C Library (", b"ld.so ("];
/// How the line with the features starts.
const ABIS: &[u8] = b"libc ABIs: ";

/// Counts the features of the line "libc ABIs: UNIQUE IFUNC ABSOLUTE".
fn abis(libc: &[u8]) -> Option<u8> {
    let line = libc.get(position(libc, ABIS)? + ABIS.len()..)?.get(..80)?;
    let line = line.split(|&byte| byte == b'\n' || byte == 0).next()?;
    let features = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).count();
    u8::try_from(features).ok().filter(|&features| features > 0)
}

pub(super) fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&byte| byte == 0)
}

pub(super) fn position(bytes: &[u8], text: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banners_of_several_vendors() {
        let of = |line: &str| Banner::of([&b"\0\0"[..], line.as_bytes(), &[0; 200]].concat().as_slice());
        let debian =
            of("GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.\nmore").unwrap();
        assert_eq!((debian.version.minor, debian.package.as_str()), (36, "2.36-9+deb12u14"));
        assert_eq!(debian.vendor, "Debian");
        let ubuntu = of("ld.so (Ubuntu GLIBC 2.35-0ubuntu3.8) stable release version 2.35.\n").unwrap();
        assert_eq!((ubuntu.version.minor, ubuntu.vendor.as_str()), (35, "Ubuntu"));
        let fedora = of("GNU C Library (GNU libc) stable release version 2.39.\n").unwrap();
        assert_eq!((fedora.version.minor, fedora.vendor.as_str()), (39, ""));
        let head = of("GNU C Library (GNU libc) development release version 2.42.9000.\n").unwrap();
        assert_eq!(head.version.minor, 43);
        assert_eq!(of("GNU C Library (GNU libc) stable release version 3.1.\n"), None);
    }

    #[test]
    fn directories_are_the_longest_run() {
        let bytes = b"x\0/var/tmp\0/usr/lib/\0text\0/lib64/\0/usr/lib64/\0\0/etc/ld.so.cache\0lib64\0";
        assert_eq!(system_dirs(bytes), [b"/lib64/".to_vec(), b"/usr/lib64/".to_vec()]);
        assert_eq!(lib(bytes, b"/lib64/"), b"lib64");
        assert_eq!(lib(b"\0lib/x-y\0", b"/lib/x-y/"), b"lib/x-y");
        assert_eq!(lib(b"\0", b"/lib/x-y/"), b"x-y");
        assert_eq!(path_ending(bytes, "ld.so.cache").as_deref(), Some(b"/etc/ld.so.cache".as_slice()));
        assert_eq!(path_ending(bytes, "ld.so.preload"), None);
        assert_eq!(system_dirs(b"\0/store/abc-glibc/lib/\0"), [b"/store/abc-glibc/lib/".to_vec()]);
        assert!(system_dirs(b"").is_empty());
    }

    #[test]
    fn abis_are_counted() {
        let libc = |text: &str| abis([text.as_bytes(), &[0; 80]].concat().as_slice());
        assert_eq!(libc("libc ABIs: UNIQUE IFUNC ABSOLUTE\nFor bug"), Some(3));
        assert_eq!(libc("libc ABIs: UNIQUE\n"), Some(1));
        assert_eq!(libc("nothing"), None);
    }

    #[test]
    fn a_loader_without_messages_gives_no_evidence() {
        assert_eq!(evidence(b"CPU ISA level is lower than required", None), None);
        let text = b"invalid ELF header\0cannot dynamically load executable\0glibc.rtld.execstack";
        let evidence = evidence(text, None).unwrap();
        assert!(evidence.execstack_tunable && !evidence.alignment_message && evidence.abis.is_none());
    }
}
