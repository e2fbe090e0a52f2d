//! Many libraries at a glance: a table, the totals, and what breaks the most.
//! It must never wrap where nobody looks, or let a name of a file set colours or cursor.
//! Layout by comfy-table, which passes cell text through raw: everything is escaped before.

use std::collections::HashMap;
use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};

use super::escape::escaped;
use super::row::Row;
use super::text::{first_cause, status};
use super::{FAINT, HEADING, Totals, class_name, counted, grouped};
use crate::analyzer::audit::{Library, RootCause};
use crate::analyzer::catalogue;
use crate::analyzer::verdict::{Class, Verdict};

/// Root causes shown unless all are asked for.
pub(super) const SHOWN_CAUSES: usize = 20;
/// The column of the probe, if there is one; the next is the path.
const PROBE: usize = 2;
/// A place where a path may be broken: no columns wide, and never in an escaped name.
const BREAK: char = '\u{200b}';

/// Writes one row a library. Without a width nothing is wrapped: one line a library.
///
/// # Errors
/// The writer's.
pub fn rows<'l>(
    out: &mut dyn Write,
    rows: impl Iterator<Item = impl Into<Row<'l>>>,
    width: Option<u16>,
) -> io::Result<()> {
    let rows: Vec<Row<'l>> = rows.map(Into::into).collect();
    let probed = rows.iter().any(|row| row.probed.is_some());
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    let cells = |cells: [String; 5]| {
        // No column for what was not asked for.
        cells.into_iter().enumerate().filter(move |(at, _)| probed || *at != PROBE).map(|(_, cell)| cell)
    };
    table.set_header(cells(["STATUS", "LEVEL", "PROBE", "LIBRARY", "FIRST CAUSE"].map(str::to_owned)));
    let mut styles = Vec::new();
    for row in rows {
        let path = escaped(&row.library.path).replace('/', &format!("/{BREAK}"));
        let level = row.level_reached().to_string();
        table.add_row(cells([status(row.library), level, row.probe_word(), path, first_cause(row)]));
        styles.push(row.style());
    }
    if styles.is_empty() {
        return Ok(());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    // Paths break behind slashes rather than inside names. A delimiter is swallowed where a line breaks, so it must not
    // be the slash itself.
    if let Some(column) = table.column_mut(PROBE + usize::from(probed)) {
        column.set_delimiter(BREAK);
    }
    let mut styles = styles.into_iter();
    for (i, line) in table.lines().enumerate() {
        let line = line.replace(BREAK, "");
        let line = line.trim_end();
        let color = match line.split_whitespace().next() {
            _ if i == 0 => Some(HEADING),
            // Only the first line of a row has a word in the first column.
            Some("loads" | "fails" | "undecided") if !line.starts_with(' ') => styles.next(),
            _ => None,
        };
        match color {
            Some(color) => writeln!(out, "{color}{line}{color:#}")?,
            None => writeln!(out, "{line}")?,
        }
    }
    writeln!(out)
}

/// One row a library, one column a machine; without `all` only libraries that do not load everywhere.
///
/// # Errors
/// The writer's.
pub fn machines(
    out: &mut dyn Write,
    machines: &[(&str, &[Library])],
    all: bool,
    width: Option<u16>,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    let names = machines.iter().map(|(name, _)| (*name).to_owned());
    table.set_header(names.chain(["LIBRARY".to_owned(), "FIRST CAUSE".to_owned()]));
    let mut paths: Vec<&[u8]> = Vec::new();
    let mut of: HashMap<&[u8], Vec<Option<&Library>>> = HashMap::new();
    for (column, (_, libraries)) in machines.iter().enumerate() {
        for l in *libraries {
            let cells = of.entry(&l.path).or_insert_with(|| {
                paths.push(&l.path);
                vec![None; machines.len()]
            });
            if let Some(cell) = cells.get_mut(column) {
                *cell = Some(l);
            }
        }
    }
    let mut shown = 0;
    for path in paths {
        let Some(cells) = of.get(path) else { continue };
        let loads = |l: &Library| l.judgement.verdict == Verdict::Loads;
        if !all && cells.iter().all(|l| l.is_some_and(loads)) {
            continue;
        }
        let cause = cells.iter().flatten().find(|l| !loads(l)).map(|l| first_cause(*l)).unwrap_or_default();
        let word = |l: &Option<&Library>| l.map_or_else(|| "-".to_owned(), status);
        let path = escaped(path).replace('/', &format!("/{BREAK}"));
        table.add_row(cells.iter().map(word).chain([path, cause]));
        shown += 1;
    }
    if shown == 0 {
        return Ok(());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    if let Some(column) = table.column_mut(machines.len()) {
        column.set_delimiter(BREAK);
    }
    for (i, line) in table.lines().enumerate() {
        let line = line.replace(BREAK, "");
        let line = line.trim_end();
        if i == 0 { writeln!(out, "{HEADING}{line}{HEADING:#}")? } else { writeln!(out, "{line}")? }
    }
    writeln!(out)
}

/// `5,021 libraries: 4,800 load, 221 fail (33 broken, 188 need their host program).`
///
/// # Errors
/// The writer's.
pub fn totals(out: &mut dyn Write, t: &Totals) -> io::Result<()> {
    let mut parts = vec![format!("{} {}", grouped(t.loads), if t.loads == 1 { "loads" } else { "load" })];
    if t.fails > 0 {
        let c = &t.by_class;
        let classes: Vec<String> = [
            (c.broken, "broken"),
            (c.needs_host, "needs-host"),
            (c.underlinked, "underlinked"),
            (c.foreign, "foreign"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| format!("{} {name}", grouped(n)))
        .collect();
        let verb = if t.fails == 1 { "fails" } else { "fail" };
        parts.push(format!("{} {verb} ({})", grouped(t.fails), classes.join(", ")));
    }
    if t.undecided > 0 {
        parts.push(format!("{} undecided", grouped(t.undecided)));
    }
    writeln!(out, "{}: {}.", counted(t.libraries, "library"), parts.join(", "))
}

/// What breaks the most libraries, largest first.
///
/// # Errors
/// The writer's.
pub fn root_causes(out: &mut dyn Write, causes: &[RootCause], all: bool) -> io::Result<()> {
    if causes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{HEADING}Root causes{HEADING:#}")?;
    let shown = if all { causes.len() } else { SHOWN_CAUSES.min(causes.len()) };
    for cause in causes.iter().take(shown) {
        let class = match cause.class {
            Class::Broken => String::new(),
            other => format!(" {FAINT}[{}]{FAINT:#}", class_name(other)),
        };
        let breaks = counted(cause.libraries.len(), "library");
        writeln!(out, "  {}: breaks {breaks}{class}", escaped(sentence(cause).as_bytes()))?;
    }
    if shown < causes.len() {
        writeln!(out, "  and {} more (--verbose lists all)", grouped(causes.len() - shown))?;
    }
    Ok(())
}

/// The cause in a few words. Not escaped.
pub(super) fn sentence(cause: &RootCause) -> String {
    let subject = String::from_utf8_lossy(&cause.subject);
    match cause.code {
        "needed-not-found" => format!("{subject} is missing"),
        "needed-wrong-class" => format!("{subject} is only there for the other word size"),
        "needed-unusable" => format!("the first {subject} that is found is unusable"),
        "version-not-found" => match subject.rsplit_once(' ') {
            Some((provider, version)) => format!("{provider} does not define {version}"),
            None => format!("{subject} is not defined"),
        },
        "version-file-not-loaded" => format!("versions of {subject} are needed, which nothing loads"),
        "ifunc-order" => format!("resolvers of {subject} are called before it is relocated"),
        "needs-host" => format!("plug-ins of {subject} outside their host"),
        "foreign" => format!("made for {subject}"),
        "underlinked" => format!("{subject} is not listed as needed"),
        "symbol-not-found" => format!("symbol {subject} is defined nowhere in scope"),
        code => {
            let title = catalogue::explain(code).map_or(code, |e| e.title);
            if subject.is_empty() { title.to_owned() } else { format!("{subject}: {title}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::audit::Library;
    use crate::analyzer::finding::Finding;
    use crate::analyzer::host::Errno;
    use crate::analyzer::verdict::Judgement;

    fn failing(path: &str, message: &str) -> Library {
        Library {
            path: path.into(),
            judgement: Judgement {
                verdict: Verdict::Fails { message: Some(message.into()), dies: None },
                findings: vec![Finding::CannotOpen { errno: Errno::ENOENT }],
                level_reached: 0,
            },
            class: Some(Class::Broken),
            missing: Vec::new(),
            because: None,
            loader: "".into(),
            init: None,
        }
    }

    fn printed(f: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        f(&mut out).unwrap();
        anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()
    }

    #[test]
    fn one_line_a_library_where_nobody_looks() {
        let long = "x".repeat(300);
        let libraries = [failing(&format!("/l/{long}.so"), &long), failing("/l/b.so", "m")];
        let text = printed(|out| rows(out, libraries.iter(), None));
        assert_eq!(text.lines().filter(|l| l.starts_with("fails (broken)")).count(), 2);
        assert!(text.contains(&long) && !text.lines().any(|l| l.ends_with(' ')));
    }

    #[test]
    fn wrapped_to_the_width_asked_for() {
        let libraries =
            [failing("/usr/lib/some/very/deep/directory/of/things/libfoo.so.1", &"word ".repeat(40))];
        let text = printed(|out| rows(out, libraries.iter(), Some(60)));
        assert!(text.contains(" /usr/lib/some/") && !text.contains(BREAK));
        assert!(text.lines().count() > 5 && text.lines().all(|l| l.chars().count() <= 60), "{text}");
    }

    #[test]
    fn forged_rows_in_names_stay_inside_their_cell() {
        let libraries = [failing("/l/a.so\n loads  2  /l/evil.so", "\x1b[2J")];
        let text = printed(|out| rows(out, libraries.iter(), None));
        assert_eq!(text.lines().filter(|l| l.trim_start().starts_with("loads")).count(), 0);
        assert!(text.contains("\\n loads") && text.contains("\\x1b[2J"));
    }

    #[test]
    fn totals_name_only_what_there_is() {
        let totals_of = |libraries: &[Library]| printed(|out| totals(out, &Totals::of(libraries)));
        assert_eq!(totals_of(&[]), "0 libraries: 0 load.\n");
        assert_eq!(totals_of(&[failing("a", "m")]), "1 library: 0 load, 1 fails (1 broken).\n");
    }

    #[test]
    fn causes_are_sentences() {
        let cause = |code, subject: &str| RootCause {
            code,
            subject: subject.into(),
            class: Class::Broken,
            libraries: vec![b"/l/a.so".to_vec(), b"/l/b.so".to_vec()],
        };
        let causes = [
            cause("needed-not-found", "libfoo.so.1"),
            cause("version-not-found", "/l/libc.so.6 GLIBC_2.38"),
            cause("not-elf", "/l/x.so"),
        ];
        let text = printed(|out| root_causes(out, &causes, false));
        assert!(text.contains("libfoo.so.1 is missing: breaks 2 libraries\n"));
        assert!(text.contains("/l/libc.so.6 does not define GLIBC_2.38: breaks"));
        assert!(text.contains("/l/x.so: the file is no ELF file: breaks"));
    }
}
