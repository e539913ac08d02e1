//! What a check found: a table of check, finding and remedy.

use crate::report::format::{counted, wrapped};
use crate::report::labels::Tone;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    Good,
    /// It works, or may work: somebody should look.
    Warning,
    /// A comparison cannot run like this.
    Bad,
    /// Nobody with these rights can see it.
    Unknown,
}

impl CheckOutcome {
    /// One word, as it stands in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warning",
            Self::Bad => "missing",
            Self::Unknown => "unknown",
        }
    }

    pub const fn tone(self) -> Tone {
        match self {
            Self::Good => Tone::Good,
            Self::Warning => Tone::Fair,
            Self::Bad => Tone::Bad,
            Self::Unknown => Tone::Plain,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRow {
    pub check: String,
    pub outcome: CheckOutcome,
    pub found: String,
    /// What to do; empty when there is nothing to do.
    pub remedy: String,
}

impl CheckRow {
    pub fn good(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self { check: check.into(), outcome: CheckOutcome::Good, found: found.into(), remedy: String::new() }
    }

    /// What nobody with these rights can see: `why`, and whom to ask.
    pub fn unknown(check: impl Into<String>, why: &str) -> Self {
        let (found, remedy) =
            why.split_once(": ask ").map_or((why, String::new()), |(why, ask)| (why, format!("ask {ask}")));
        Self::other(CheckOutcome::Unknown, check, found, remedy)
    }

    pub fn other(
        outcome: CheckOutcome,
        check: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { check: check.into(), outcome, found: found.into(), remedy: remedy.into() }
    }
}

/// Columns of the first two cells of a row.
const CHECK: usize = 22;
const OUTCOME: usize = 8;

/// The lines of a row: check, outcome, what was found and, below it, what to do.
pub fn lines(finding: &CheckRow, width: usize) -> Vec<String> {
    let head = format!("{:<CHECK$} {:<OUTCOME$} ", finding.check, finding.outcome.word());
    let indent = CHECK + OUTCOME + 2;
    let mut lines = wrapped(&head, indent, &finding.found, width);
    if !finding.remedy.is_empty() {
        let start = format!("{}→ ", " ".repeat(indent));
        lines.extend(wrapped(&start, indent + 2, &finding.remedy, width));
    }
    lines
}

/// The heads of the columns.
pub fn heading() -> String {
    format!("{:<CHECK$} {:<OUTCOME$} FOUND, AND → WHAT TO DO", "CHECK", "RESULT")
}

/// What follows from all of them, as a sentence, and whether a comparison can run.
pub fn summary(findings: &[CheckRow]) -> (String, bool) {
    let count = |outcome: CheckOutcome| findings.iter().filter(|finding| finding.outcome == outcome).count();
    let (bad, warnings, unknown) =
        (count(CheckOutcome::Bad), count(CheckOutcome::Warning), count(CheckOutcome::Unknown));
    let rest: Vec<String> =
        [(warnings, counted(warnings, "warning")), (unknown, format!("{unknown} could not be checked"))]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(_, what)| what)
            .collect();
    let rest = if rest.is_empty() { String::new() } else { format!(" ({})", rest.join(", ")) };
    match bad {
        0 => (format!("Nothing is missing{rest}."), true),
        1 => (format!("1 thing is missing{rest}."), false),
        _ => (format!("{bad} things are missing{rest}."), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_was_found_and_what_to_do() {
        let finding = CheckRow::other(CheckOutcome::Bad, "GPUs", "no node has 8", "use another cluster, or fewer GPUs");
        let expected = "\
GPUs                   missing  no node has 8
                                → use another
                                  cluster, or
                                  fewer GPUs";
        assert_eq!(lines(&finding, 46).join("\n"), expected);
        assert_eq!(lines(&CheckRow::good("GPUs", "8"), 46), ["GPUs                   ok       8"]);
    }

    #[test]
    fn only_what_is_missing_keeps_a_comparison_from_running() {
        let of = |outcome| CheckRow::other(outcome, "a", "b", "c");
        assert_eq!(
            summary(&[of(CheckOutcome::Good), of(CheckOutcome::Warning)]),
            ("Nothing is missing (1 warning).".into(), true)
        );
        let two = [of(CheckOutcome::Bad), of(CheckOutcome::Bad), of(CheckOutcome::Unknown)];
        assert_eq!(summary(&two), ("2 things are missing (1 could not be checked).".into(), false));
    }
}
