//! Tables: columns are defined once, with what is read from a row and how it is headed; every writer (text, CSV, HTML) goes by
//! the same definitions. Cells stay numbers until they are written.

use super::format::{ABSENT, readable};
use super::labels::Tone;

/// A column of a table with rows of type `R`.
#[derive(Debug)]
pub struct Column<R> {
    /// Its name in CSV, unit included.
    pub name: &'static str,
    /// The head it shares with its neighbours, usually a quantity and its unit; may be empty.
    pub group: &'static str,
    /// Its own head.
    pub title: &'static str,
    /// Text starts at the left; numbers end at the right.
    pub is_text: bool,
    pub cell: fn(&R) -> Cell,
}

/// One value, before it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Not known.
    Absent,
    Text(String),
    /// A word that says how a row is to be read.
    Badge(&'static str, Tone),
    Count(u64),
    /// A quantity in the unit of its column.
    Number(f64),
    /// The same, marked: it is shown and not judged.
    Marked(f64),
    /// A signed percentage.
    Percent(f64),
}

/// How many digits a reader gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digits {
    /// Three that count.
    Readable,
    /// Three decimals.
    Decimals,
    /// As many as it takes to read the same number back.
    All,
}

/// Stands after a number that is shown and not judged.
pub const MARK: &str = "*";

impl<R> Clone for Column<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Column<R> {}

impl<R> Column<R> {
    pub const fn number(name: &'static str, group: &'static str, title: &'static str, cell: fn(&R) -> Cell) -> Self {
        Self { name, group, title, is_text: false, cell }
    }

    pub const fn text(name: &'static str, title: &'static str, cell: fn(&R) -> Cell) -> Self {
        Self { name, group: "", title, is_text: true, cell }
    }

    /// The same column under another head.
    pub const fn titled(self, title: &'static str) -> Self {
        Self { title, ..self }
    }
}

impl Cell {
    pub fn count(value: Option<u32>) -> Self {
        value.map_or(Self::Absent, |value| Self::Count(value.into()))
    }

    pub fn number(value: Option<f64>) -> Self {
        value.map_or(Self::Absent, Self::Number)
    }

    pub fn percent(value: Option<f64>) -> Self {
        value.map_or(Self::Absent, Self::Percent)
    }

    /// The cell for people.
    pub fn shown(&self, digits: Digits) -> String {
        match self {
            Self::Absent => ABSENT.into(),
            Self::Marked(value) => number(*value, digits) + MARK,
            Self::Percent(value) => signed(*value) + "%",
            other => other.stored(digits),
        }
    }

    /// The cell for programs: without marks and units.
    pub fn stored(&self, digits: Digits) -> String {
        match self {
            Self::Absent => String::new(),
            Self::Text(text) => text.clone(),
            Self::Badge(text, _) => (*text).into(),
            Self::Count(count) => count.to_string(),
            Self::Number(value) | Self::Marked(value) => number(*value, digits),
            Self::Percent(value) => signed(*value),
        }
    }

    pub const fn tone(&self) -> Option<Tone> {
        match self {
            Self::Badge(_, tone) => Some(*tone),
            _ => None,
        }
    }
}

fn number(value: f64, digits: Digits) -> String {
    match digits {
        Digits::Readable => readable(value),
        Digits::Decimals => format!("{value:.3}"),
        Digits::All => value.to_string(),
    }
}

/// One decimal and a sign; nothing is `+0.0`, never `-0.0`.
pub fn signed(percent: f64) -> String {
    let text = format!("{percent:+.1}");
    if text == "-0.0" { "+0.0".into() } else { text }
}

const GAP: &str = "  ";

/// A table for terminals and plain files: aligned with spaces, each line ended.
pub fn text<R>(columns: &[Column<R>], rows: &[R], digits: Digits) -> String {
    let heads: Vec<TextHead> =
        columns.iter().map(|c| TextHead { group: c.group, title: c.title, is_text: c.is_text }).collect();
    let cells = rows.iter().map(|row| columns.iter().map(|column| (column.cell)(row).shown(digits)).collect());
    aligned(&heads, &cells.collect::<Vec<_>>())
}

/// A table for a terminal of so many columns: with decimals where there is room, else with three digits that count and, one
/// after the other, without the columns that are `expendable`. What has no room even then is as wide as it is.
pub fn within<R>(columns: &[Column<R>], rows: &[R], width: usize, expendable: &[&str]) -> String {
    let fits = |shown: &String| shown.lines().all(|line| length(line) <= width);
    let whole = text(columns, rows, Digits::Decimals);
    if fits(&whole) {
        return whole;
    }
    let mut columns = columns.to_vec();
    let mut shown = text(&columns, rows, Digits::Readable);
    for name in expendable {
        if fits(&shown) {
            break;
        }
        columns.retain(|column| column.name != *name);
        shown = text(&columns, rows, Digits::Readable);
    }
    shown
}

/// A listing for a terminal of so many columns, and the titles of those columns that there was no room for.
pub fn listing_within(
    titles: &[&'static str],
    rows: &[Vec<String>],
    width: usize,
    expendable: &[&'static str],
) -> (String, Vec<&'static str>) {
    let (mut titles, mut rows, mut left_out) = (titles.to_vec(), rows.to_vec(), vec![]);
    let mut shown = listing(&titles, &rows);
    for name in expendable {
        if shown.lines().all(|line| length(line) <= width) {
            break;
        }
        let Some(at) = titles.iter().position(|title| title == name) else { continue };
        titles.remove(at);
        rows.iter_mut().filter(|row| at < row.len()).for_each(|row| drop(row.remove(at)));
        left_out.push(*name);
        shown = listing(&titles, &rows);
    }
    (shown, left_out)
}

/// A table of text alone.
pub fn listing(titles: &[&'static str], rows: &[Vec<String>]) -> String {
    let heads: Vec<TextHead> = titles.iter().map(|title| TextHead { group: "", title, is_text: true }).collect();
    aligned(&heads, rows)
}

struct TextHead {
    group: &'static str,
    title: &'static str,
    is_text: bool,
}

fn aligned(heads: &[TextHead], rows: &[Vec<String>]) -> String {
    let longest = |index: usize| rows.iter().filter_map(|row| row.get(index)).map(|cell| length(cell)).max();
    let width = |(index, head): (usize, &TextHead)| longest(index).unwrap_or(0).max(length(head.title));
    let widths: Vec<usize> = heads.iter().enumerate().map(width).collect();
    let titles: Vec<String> = heads.iter().map(|head| head.title.to_owned()).collect();
    let is_grouped = heads.iter().any(|head| !head.group.is_empty());
    let mut text = if is_grouped { groups(heads, &widths) } else { String::new() };
    for row in std::iter::once(&titles).chain(rows) {
        let cells = heads.iter().zip(&widths).zip(row).map(|((head, width), cell)| pad(cell, *width, head.is_text));
        text += cells.collect::<Vec<_>>().join(GAP).trim_end();
        text.push('\n');
    }
    text
}

/// The heads of groups, each in the middle of its columns.
fn groups(heads: &[TextHead], widths: &[usize]) -> String {
    let all: Vec<(&str, usize)> = heads.iter().map(|head| head.group).zip(widths.iter().copied()).collect();
    let heads = all.chunk_by(|a, b| a.0 == b.0).map(|span| {
        let name = span.first().map_or("", |(name, _)| *name);
        let width = span.iter().map(|(_, width)| width).sum::<usize>() + GAP.len() * (span.len() - 1);
        group(name, width)
    });
    heads.collect::<Vec<_>>().join(GAP).trim_end().to_owned() + "\n"
}

fn group(name: &str, width: usize) -> String {
    // A line to both sides of the name, a space off it.
    match width.saturating_sub(length(name)) {
        free if name.is_empty() => " ".repeat(free),
        free if free < 4 => format!("{name}{}", " ".repeat(free)),
        free => format!("{} {name} {}", "─".repeat(free - free / 2 - 1), "─".repeat(free / 2 - 1)),
    }
}

fn pad(cell: &str, width: usize, is_text: bool) -> String {
    let space = " ".repeat(width.saturating_sub(length(cell)));
    if is_text { format!("{cell}{space}") } else { format!("{space}{cell}") }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// A table for spreadsheets and scripts. Empty fields are not known.
pub fn csv<R>(columns: &[Column<R>], rows: &[R], digits: Digits) -> String {
    let mut writer = csv::Writer::from_writer(vec![]);
    // Writing to memory cannot fail: every row has as many fields as there are columns.
    let _ = writer.write_record(columns.iter().map(|column| column.name));
    for row in rows {
        let _ = writer.write_record(columns.iter().map(|column| harmless((column.cell)(row), digits)));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// What a spreadsheet would take for a formula begins with an apostrophe: texts come from files and tools.
fn harmless(cell: Cell, digits: Digits) -> String {
    match cell {
        Cell::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        cell => cell.stored(digits),
    }
}

/// The two lines of heads of a table in HTML.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heads {
    /// Groups, and columns without one: these take both lines.
    pub upper: Vec<Head>,
    /// The columns of groups.
    pub lower: Vec<Head>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    pub text: &'static str,
    /// Columns below it; 0 for a single column without a group.
    pub columns: usize,
    pub is_text: bool,
}

pub fn heads<R>(columns: &[Column<R>]) -> Heads {
    let mut heads = Heads::default();
    for same in columns.chunk_by(|a, b| a.group == b.group) {
        let own = same.iter().map(|column| Head { text: column.title, columns: 0, is_text: column.is_text });
        match same.first().map_or("", |column| column.group) {
            "" => heads.upper.extend(own),
            group => {
                heads.upper.push(Head { text: group, columns: same.len(), is_text: true });
                heads.lower.extend(own);
            }
        }
    }
    heads
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    struct Row(u32, Option<f64>, Option<f64>);

    const COLUMNS: [Column<Row>; 4] = [
        Column::number("concurrency", "", "conc.", |row| Cell::Count(row.0.into())),
        Column::number("ttft_ms_estimated", "TTFT, ms", "est.", |row| row.1.map_or(Cell::Absent, Cell::Marked)),
        Column::number("ttft_error_percent", "TTFT, ms", "error", |row| Cell::percent(row.2)),
        Column::text("sla", "SLA", |_| Cell::Badge("met", Tone::Good)),
    ];
    const ROWS: [Row; 2] = [Row(10, Some(1.25), Some(-0.04)), Row(250, None, None)];

    #[test]
    fn numbers_end_at_the_right_below_their_group() {
        let expected = "
       ─ TTFT, ms ─
conc.   est.  error  SLA
   10  1.25*  +0.0%  met
  250      –      –  met
";
        let shown = text(&COLUMNS, &ROWS, Digits::Readable);
        assert_eq!(format!("\n{shown}"), expected);
    }

    #[rstest]
    #[case::roomy(40, "1.250*", true)]
    #[case::narrow(24, "1.25*", true)]
    #[case::narrower(22, "1.25*", false)]
    #[case::too_narrow(3, "1.25*", false)]
    fn what_is_expendable_goes_where_there_is_no_room(
        #[case] width: usize,
        #[case] estimate: &str,
        #[case] has_error: bool,
    ) {
        let shown = within(&COLUMNS, &ROWS, width, &["ttft_error_percent"]);
        assert!(shown.contains(estimate) && shown.contains("error") == has_error, "{shown}");
    }

    #[test]
    fn a_listing_names_the_columns_it_had_no_room_for() {
        let rows = [vec!["qwen".to_owned(), "Succeeded".into(), "12.5".into()]];
        let titles = ["NAME", "PHASE", "GPU-H"];
        let (shown, left_out) = listing_within(&titles, &rows, 16, &["GPU-H", "PHASE"]);
        assert_eq!((shown.as_str(), left_out), ("NAME  PHASE\nqwen  Succeeded\n", vec!["GPU-H"]));
        assert!(listing_within(&titles, &rows, 80, &["GPU-H"]).1.is_empty());
    }

    #[test]
    fn programs_get_names_and_bare_numbers() {
        let expected = "\
concurrency,ttft_ms_estimated,ttft_error_percent,sla
10,1.250,+0.0,met
250,,,met
";
        assert_eq!(csv(&COLUMNS, &ROWS, Digits::Decimals), expected);
    }

    #[test]
    fn a_group_is_above_its_columns() {
        let heads = heads(&COLUMNS);
        let upper: Vec<(&str, usize)> = heads.upper.iter().map(|head| (head.text, head.columns)).collect();
        assert_eq!(upper, [("conc.", 0), ("TTFT, ms", 2), ("SLA", 0)]);
        assert_eq!(heads.lower.iter().map(|head| head.text).collect::<Vec<_>>(), ["est.", "error"]);
    }

    #[rstest]
    #[case(4.06, "+4.1")]
    #[case(-12.04, "-12.0")]
    #[case(-0.04, "+0.0")]
    fn percentages_are_signed(#[case] value: f64, #[case] expected: &str) {
        assert_eq!(signed(value), expected);
    }

    #[rstest]
    #[case(Digits::Readable, "347")]
    #[case(Digits::Decimals, "347.396")]
    #[case(Digits::All, "347.39584")]
    fn a_number_has_as_many_digits_as_its_reader_needs(#[case] digits: Digits, #[case] expected: &str) {
        assert_eq!(Cell::Number(347.39584).stored(digits), expected);
    }
}
