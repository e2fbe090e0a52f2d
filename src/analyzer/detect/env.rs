//! Knows the variables and text files ld.so reads at start: `LD_*`, `GLIBC_TUNABLES`, ld.so.preload, os-release.
//! It must never read the environment of this program; the pairs are handed in.
//! It follows glibc `elf/rtld.c` (process_envvars, handle_preload_list) and `elf/dl-tunables.c` by release.

use crate::analyzer::loader_model::{GlibcVersion, LoaderEnv};

/// Takes what the loader takes from the environment of a process that is not privileged.
pub fn environment(pairs: &[(Vec<u8>, Vec<u8>)], version: GlibcVersion, package: &str) -> LoaderEnv {
    let mut env = LoaderEnv::default();
    for (name, value) in pairs {
        // Of a variable given twice the last one counts.
        match name.as_slice() {
            b"LD_LIBRARY_PATH" => env.library_path = Some(value.clone()).filter(|value| !value.is_empty()),
            b"LD_PRELOAD" => env.preload = split(value, b" :"),
            b"LD_BIND_NOW" => env.bind_now = !value.is_empty(),
            b"LD_DYNAMIC_WEAK" => env.dynamic_weak = true,
            // Tunables exist since 2.25.
            b"GLIBC_TUNABLES" if version.minor >= 25 => tunables(&mut env, value, version, package),
            _ => {}
        }
    }
    env
}

/// The objects a preload file lists.
pub(super) fn preload_list(text: &[u8]) -> Vec<Vec<u8>> {
    let lines = text.split(|&byte| byte == b'\n');
    let plain = lines.map(|line| line.split(|&byte| byte == b'#').next().unwrap_or_default());
    plain.flat_map(|line| split(line, b": \t")).collect()
}

/// Whether an os-release file is of Debian or something made from it.
pub(super) fn is_debian(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').any(|line| {
        let value = line.strip_prefix(b"ID=").or_else(|| line.strip_prefix(b"ID_LIKE="));
        value.is_some_and(|value| split(value, b" \"'").iter().any(|id| id == b"debian" || id == b"ubuntu"))
    })
}

pub(super) fn split(text: &[u8], separators: &[u8]) -> Vec<Vec<u8>> {
    let parts = text.split(|byte| separators.contains(byte));
    parts.filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect()
}

fn tunables(env: &mut LoaderEnv, text: &[u8], version: GlibcVersion, package: &str) {
    let strict = version.minor >= 39;
    let pairs: Vec<&[u8]> = text.split(|&byte| byte == b':').collect();
    // From 2.39 on one malformed pair spoils all: a second `=`, or an end without any.
    if strict && pairs.iter().any(|pair| pair.iter().filter(|&&byte| byte == b'=').count() > 1) {
        return;
    }
    if strict && pairs.last().is_none_or(|last| !last.contains(&b'=')) {
        return;
    }
    // In 2.41 only 0 and 1 are known; 2 came with 2.42 and, in April 2025, to the branch that became Debian 13.
    let most = if version.minor >= 42 || package.starts_with("2.41-12") { 2 } else { 1 };
    for pair in pairs {
        let Some(at) = pair.iter().position(|&byte| byte == b'=') else { continue };
        let (name, value) = pair.split_at(at);
        if name == b"glibc.cpu.hwcaps" {
            let list = value.get(1..).unwrap_or_default().split(|&byte| byte == b',');
            env.masked_features = list.filter_map(|f| f.strip_prefix(b"-")).map(<[u8]>::to_vec).collect();
            continue;
        }
        let Some(value) = number(value.get(1..).unwrap_or_default(), strict) else { continue };
        let within = |low: u64, high: u64| (low..=high).contains(&value).then_some(value);
        // A value out of bounds leaves what was there.
        match name {
            b"glibc.rtld.nns" if version.minor >= 31 => env.nns = within(1, 16).or(env.nns),
            b"glibc.rtld.optional_static_tls" if version.minor >= 31 => env.optional_static_tls = Some(value),
            b"glibc.rtld.dynamic_sort" if version.minor >= 35 => {
                env.dynamic_sort = within(1, 2).or(env.dynamic_sort)
            }
            b"glibc.rtld.execstack" if version.minor >= 41 => {
                env.execstack = within(0, most).or(env.execstack)
            }
            _ => {}
        }
    }
}

/// `_dl_strtoul`: base by prefix, and up to 2.38 whatever follows the digits is ignored.
fn number(text: &[u8], strict: bool) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.trim_start_matches([' ', '\t']);
    let text = text.strip_prefix('+').unwrap_or(text);
    let (digits, base) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(rest) => (rest, 16),
        None if text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(base)).unwrap_or(digits.len());
    if strict && (end != digits.len() || end == 0) {
        return None;
    }
    let digits = digits.get(..end)?;
    Some(if digits.is_empty() { 0 } else { u64::from_str_radix(digits, base).unwrap_or(u64::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(minor: u16, pairs: &[(&str, &str)]) -> LoaderEnv {
        let pairs: Vec<_> =
            pairs.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        environment(&pairs, GlibcVersion { minor }, "")
    }

    #[test]
    fn variables_are_taken_as_ld_so_takes_them() {
        let got = env(
            36,
            &[
                ("LD_LIBRARY_PATH", "/first"),
                ("LD_LIBRARY_PATH", "/a:/b"),
                ("LD_PRELOAD", " liba.so:libb.so  libc.so "),
                ("LD_BIND_NOW", "0"),
                ("LD_DYNAMIC_WEAK", ""),
                ("PATH", "/bin"),
            ],
        );
        assert_eq!(got.library_path.as_deref(), Some(b"/a:/b".as_slice()));
        assert_eq!(got.preload, [b"liba.so".to_vec(), b"libb.so".to_vec(), b"libc.so".to_vec()]);
        assert!(got.bind_now && got.dynamic_weak);
        assert_eq!(env(36, &[("LD_LIBRARY_PATH", ""), ("LD_BIND_NOW", "")]), LoaderEnv::default());
    }

    #[test]
    fn tunables_have_bounds_and_a_strict_form_from_2_39_on() {
        let of = |minor, text| env(minor, &[("GLIBC_TUNABLES", text)]);
        let good = of(42, "glibc.rtld.nns=0x2:glibc.rtld.execstack=2:other=x:glibc.rtld.dynamic_sort=1");
        assert_eq!((good.nns, good.execstack, good.dynamic_sort), (Some(2), Some(2), Some(1)));
        assert_eq!(of(41, "glibc.rtld.execstack=2").execstack, None);
        assert_eq!(of(42, "glibc.rtld.nns=17").nns, None);
        assert_eq!(of(36, "glibc.rtld.nns=2:junk").nns, Some(2));
        assert_eq!(of(39, "glibc.rtld.nns=2:junk").nns, None);
        assert_eq!(of(39, "glibc.rtld.nns=2=3").nns, None);
        assert_eq!(of(36, "glibc.rtld.nns=3x").nns, Some(3));
        assert_eq!(of(39, "glibc.rtld.nns=3x").nns, None);
        assert_eq!(of(24, "glibc.rtld.nns=3"), LoaderEnv::default());
        let debian = environment(
            &[(b"GLIBC_TUNABLES".to_vec(), b"glibc.rtld.execstack=2".to_vec())],
            GlibcVersion { minor: 41 },
            "2.41-12+deb13u4",
        );
        assert_eq!(debian.execstack, Some(2));
    }

    #[test]
    fn preload_file_has_comments() {
        let text = b"# all\n/lib/a.so:b.so\tc.so # d.so\n\n  e.so";
        let names: Vec<&[u8]> = vec![b"/lib/a.so", b"b.so", b"c.so", b"e.so"];
        assert_eq!(preload_list(text), names);
        assert!(preload_list(b"").is_empty());
    }

    #[test]
    fn derivatives_of_debian_are_known_by_id_like() {
        assert!(is_debian(b"NAME=x\nID=debian\n"));
        assert!(is_debian(b"ID=mint\nID_LIKE=\"ubuntu debian\""));
        assert!(!is_debian(b"ID=fedora\nVERSION_ID=debian\n"));
    }
}
