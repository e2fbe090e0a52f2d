//! The edits a case may ask for. Values are sums of numbers, places (`phdr:LOAD#1.offset`), `str:NAME` (offset in the dynamic
//! string table), `sym:NAME` (its address), `index:NAME` (its place in the symbol table) and `size`; a leading sign makes a
//! value relative to what is there.

use super::elf::{Elf, number, tag_number};
use std::fs;
use std::path::Path;

/// Applies one edit to a file.
pub fn apply(path: &Path, words: &[&str]) -> Result<(), String> {
    let mut elf = Elf { bytes: fs::read(path).map_err(|e| format!("{}: {e}", path.display()))? };
    match words {
        ["set", place, value] => {
            let at = elf.place(place)?;
            let value = relative(&elf, elf.get(at)?, value)?;
            elf.put(at, value)?;
        }
        ["add", tag, value] => {
            let value = sum(&elf, value)?;
            elf.add_dynamic(tag_number(tag)?, value)?;
        }
        ["del", tag] => {
            let (tag, nth) = tag.split_once('#').unwrap_or((tag, "0"));
            elf.remove_dynamic(tag_number(tag)?, number(nth)? as usize)?;
        }
        ["string", old, new] => elf.replace_string(old, new)?,
        ["truncate", size] => {
            let size = sum(&elf, size)? as usize;
            elf.bytes.truncate(size);
        }
        ["append", text] => elf.bytes.extend(text.chars().map(|c| c as u8)),
        ["fill", start, length, byte] => {
            let (start, length) = (sum(&elf, start)? as usize, sum(&elf, length)? as usize);
            let byte = number(byte)? as u8;
            elf.bytes.get_mut(start..start + length).ok_or("fill outside the file")?.fill(byte);
        }
        other => return Err(format!("unknown edit {other:?}")),
    }
    // A new file, not a rewrite in place: a hard link or a running loader keeps what it has.
    fs::remove_file(path)
        .and_then(|()| fs::write(path, &elf.bytes))
        .map_err(|e| format!("{}: {e}", path.display()))
}

fn relative(elf: &Elf, old: u64, text: &str) -> Result<u64, String> {
    match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(more), _) => Ok(old.wrapping_add(sum(elf, more)?)),
        (_, Some(less)) => Ok(old.wrapping_sub(sum(elf, less)?)),
        _ => sum(elf, text),
    }
}

fn sum(elf: &Elf, text: &str) -> Result<u64, String> {
    let mut total = 0u64;
    let mut rest = text;
    let mut minus = false;
    loop {
        let end = rest.find(['+', '-']).unwrap_or(rest.len());
        let value = atom(elf, &rest[..end])?;
        total = if minus { total.wrapping_sub(value) } else { total.wrapping_add(value) };
        if end == rest.len() {
            return Ok(total);
        }
        minus = rest[end..].starts_with('-');
        rest = &rest[end + 1..];
    }
}

fn atom(elf: &Elf, text: &str) -> Result<u64, String> {
    match text.split_once(':') {
        _ if text == "size" => Ok(elf.bytes.len() as u64),
        Some(("str", name)) => elf.string_offset(name),
        Some(("index", name)) => Ok(elf.symbol(name, 0)?.0 as u64),
        Some(("sym", name)) if !name.contains('.') => elf.get(elf.place(&format!("sym:{name}.value"))?),
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => number(text),
        _ => elf.get(elf.place(text)?),
    }
}
