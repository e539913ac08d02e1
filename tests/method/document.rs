//! The worked examples of docs/method.md.

use std::collections::BTreeMap;

pub const DOCUMENT: &str = include_str!("../../docs/method.md");

/// A row of a table: header → cell.
#[derive(Clone, Debug)]
pub struct Row(BTreeMap<String, String>);

impl Row {
    pub fn text(&self, header: &str) -> &str {
        self.0.get(header).map_or_else(|| panic!("no column {header} in {:?}", self.0), String::as_str)
    }

    pub fn number(&self, header: &str) -> f64 {
        number(self.text(header))
    }

    pub fn count(&self, header: &str) -> u32 {
        self.text(header).parse().unwrap_or_else(|error| panic!("{header}: {error}"))
    }

    pub fn numbers(&self, header: &str) -> Vec<f64> {
        self.text(header).split_whitespace().map(number).collect()
    }

    pub fn says_yes(&self, header: &str) -> bool {
        match self.text(header) {
            "yes" => true,
            "no" => false,
            other => panic!("{header}: {other} is neither yes nor no"),
        }
    }

    /// The cell shows this value, rounded to the decimals it has.
    pub fn shows(&self, header: &str, value: impl Into<Option<f64>>) {
        let cell = self.text(header);
        let decimals = cell.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let shown = match value.into() {
            None => "none".to_owned(),
            Some(value) if cell.starts_with(['+', '-']) => format!("{value:+.decimals$}"),
            Some(value) => format!("{value:.decimals$}"),
        };
        self.says(header, &shown);
    }

    /// The cell says just this.
    pub fn says(&self, header: &str, computed: &str) {
        assert_eq!(self.text(header), computed, "column `{header}` of {:?}", self.0);
    }
}

pub fn number(text: &str) -> f64 {
    text.trim_start_matches('+').parse().unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

/// What is marked with `<!-- KIND: NAME -->`: the names in order.
pub fn marked(kind: &str) -> Vec<&'static str> {
    let start = format!("<!-- {kind}: ");
    DOCUMENT.lines().filter_map(|line| line.strip_prefix(&start)?.strip_suffix(" -->")).collect()
}

/// The tables of an example, in order.
pub fn tables(name: &str) -> Vec<Vec<Row>> {
    let marker = format!("<!-- example: {name} -->");
    let after = DOCUMENT.split_once(&marker).unwrap_or_else(|| panic!("no example {name}")).1;
    let mut tables: Vec<Vec<&str>> = vec![];
    let mut inside = false;
    for line in after.lines().skip(1) {
        match line.starts_with('|') {
            true if inside => tables.last_mut().into_iter().for_each(|table| table.push(line)),
            true => tables.push(vec![line]),
            false if line.is_empty() || tables.is_empty() => {}
            false => break,
        }
        inside = line.starts_with('|');
    }
    assert!(!tables.is_empty(), "the example {name} has no table");
    tables.iter().map(|lines| rows(lines)).collect()
}

/// The rows of an example of one table.
pub fn example(name: &str) -> Vec<Row> {
    let mut tables = tables(name);
    assert_eq!(tables.len(), 1, "{name}");
    tables.remove(0)
}

/// The rows of the table below a marker.
pub fn rows(lines: &[&str]) -> Vec<Row> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    let headers = cells(lines[0]);
    let row = |line: &&str| {
        let cells = cells(line);
        assert_eq!(cells.len(), headers.len(), "{line}");
        Row(headers.iter().cloned().zip(cells).collect())
    };
    let rows: Vec<Row> = lines[2..].iter().map(row).collect();
    assert!(!rows.is_empty(), "{lines:?}");
    rows
}
