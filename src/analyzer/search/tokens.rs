//! Dynamic string tokens: `$ORIGIN`, `$LIB`, `$PLATFORM`, with and without braces.
//! It must never normalise a path; an unknown token stays as it is written.
//! Follows glibc elf/dl-load.c:is_dst, _dl_dst_substitute, fillin_rpath and _dl_new_object (origin).

use std::borrow::Cow;

use crate::analyzer::loader_model::LoaderModel;

/// Length of the token behind a `$` in `input`, if it is `name`.
fn token_len(input: &[u8], name: &[u8], list: bool, old: bool) -> Option<usize> {
    let (curly, body) = match input.strip_prefix(b"{") {
        Some(rest) => (true, rest),
        None => (false, input),
    };
    let rest = body.strip_prefix(name)?;
    let next = rest.first().copied();
    if curly {
        return (next == Some(b'}')).then_some(name.len() + 2);
    }
    let ends = match next {
        None => true,
        Some(c) if old => c == b'/' || (list && c == b':'),
        Some(c) => !(c.is_ascii_alphanumeric() || c == b'_'),
    };
    ends.then_some(name.len())
}

/// Replaces the tokens of one string. `None` when a known token has no value: the loader drops the string.
pub fn expand<'a>(
    input: &'a [u8],
    origin: Option<&[u8]>,
    model: &LoaderModel,
    list: bool,
) -> Option<Cow<'a, [u8]>> {
    if !input.contains(&b'$') {
        return Some(Cow::Borrowed(input));
    }
    let old = model.rules.old_tokens;
    let mut out = Vec::with_capacity(input.len() + 64);
    let mut rest = input;
    while let Some((first, tail)) = rest.split_first() {
        if *first != b'$' {
            out.push(*first);
            rest = tail;
            continue;
        }
        let known: [(&[u8], Option<&[u8]>); 3] =
            [(b"ORIGIN", origin), (b"PLATFORM", model.platform.as_deref()), (b"LIB", Some(&model.lib))];
        match known.iter().find_map(|(name, value)| Some((token_len(tail, name, list, old)?, *value))) {
            Some((_, None)) => return None,
            Some((len, Some(value))) => {
                out.extend_from_slice(value);
                rest = tail.get(len..).unwrap_or_default();
            }
            None => {
                out.push(b'$');
                rest = tail;
            }
        }
    }
    Some(Cow::Owned(out))
}

/// `l_origin`: the directory of the path as opened, made absolute with the working directory.
pub fn origin(l_name: &[u8], cwd: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(l_name.len() + cwd.len() + 1);
    if !l_name.starts_with(b"/") {
        full.extend_from_slice(cwd);
        if !full.ends_with(b"/") {
            full.push(b'/');
        }
    }
    full.extend_from_slice(l_name);
    let cut = full.iter().rposition(|b| *b == b'/').unwrap_or(0);
    full.truncate(cut.max(1));
    full
}

/// The directories of a path list, each with one trailing slash; "" is the working directory.
pub fn path_list(list: &[u8], separators: &[u8], origin: Option<&[u8]>, model: &LoaderModel) -> Vec<Vec<u8>> {
    let mut dirs: Vec<Vec<u8>> = Vec::new();
    if list.is_empty() {
        return dirs;
    }
    for element in list.split(|b| separators.contains(b)) {
        let mut dir = Vec::new();
        if !element.is_empty() {
            let Some(expanded) = expand(element, origin, model, true) else { continue };
            dir = expanded.into_owned();
            if dir.is_empty() {
                continue;
            }
            while dir.len() > 1 && dir.ends_with(b"/") {
                dir.pop();
            }
            if !dir.ends_with(b"/") {
                dir.push(b'/');
            }
        }
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    dirs
}
