//! A table aligned with spaces, with a line of heads, and one of groups where columns have some.

/// A column.
pub struct Column {
    /// Head over neighbouring columns of the same group; may be empty.
    pub group: &'static str,
    /// Its own head.
    pub name: &'static str,
    /// Text is aligned to the left, numbers to the right.
    pub is_text: bool,
}

const GAP: &str = "  ";

/// The table, its lines ended.
pub fn table(columns: &[Column], rows: &[Vec<String>]) -> String {
    let width = |index: usize, column: &Column| {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| length(cell));
        cells.chain([length(column.name)]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.iter().enumerate().map(|(index, column)| width(index, column)).collect();
    let names: Vec<String> = columns.iter().map(|column| column.name.to_owned()).collect();
    let grouped = columns.iter().any(|column| !column.group.is_empty());
    let mut text = if grouped { groups(columns, &widths) } else { String::new() };
    for row in std::iter::once(&names).chain(rows) {
        let cells =
            columns.iter().zip(&widths).zip(row).map(|((column, width), cell)| pad(cell, *width, column.is_text));
        text.push_str(cells.collect::<Vec<_>>().join(GAP).trim_end());
        text.push('\n');
    }
    text
}

/// The heads of groups, each in the middle of its columns.
fn groups(columns: &[Column], widths: &[usize]) -> String {
    let all: Vec<(&str, usize)> = columns.iter().map(|column| column.group).zip(widths.iter().copied()).collect();
    let spans = all.chunk_by(|a, b| a.0 == b.0).map(|span| {
        let (name, count) = (span.first().map_or("", |(name, _)| *name), span.len());
        let width = span.iter().map(|(_, width)| width).sum::<usize>() + GAP.len() * (count - 1);
        let free = width.saturating_sub(length(name));
        let fill = if name.is_empty() { " " } else { "─" };
        let (before, after) = (free - free / 2, free / 2);
        let space =
            |n: usize| if n > 0 && !name.is_empty() { format!("{} ", fill.repeat(n - 1)) } else { " ".repeat(n) };
        let end: String = space(after).chars().rev().collect();
        format!("{}{name}{end}", space(before))
    });
    spans.collect::<Vec<_>>().join(GAP).trim_end().to_owned() + "\n"
}

fn pad(cell: &str, width: usize, is_text: bool) -> String {
    let space = " ".repeat(width.saturating_sub(length(cell)));
    if is_text { format!("{cell}{space}") } else { format!("{space}{cell}") }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_below_their_group() {
        let columns = [
            Column { group: "", name: "c", is_text: false },
            Column { group: "TTFT", name: "predicted", is_text: false },
            Column { group: "TTFT", name: "measured", is_text: false },
            Column { group: "", name: "SLA", is_text: true },
        ];
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let text = table(&columns, &[row(["10", "1.5", "22.25", "met"]), row(["250", "–", "3", "missed"])]);
        let expected = "
     ─────── TTFT ──────
  c  predicted  measured  SLA
 10        1.5     22.25  met
250          –         3  missed
";
        assert_eq!(format!("\n{text}"), expected);
    }
}
