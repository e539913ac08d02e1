//! A tool's output: copied into our log, bounded, and searched for the reason of its end.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::plan::secrets::masked;
use crate::text;

/// Longest output that is shown, in bytes.
const LONGEST_OUTPUT: usize = 1 << 20;
/// Longest part of a line that is shown, in bytes.
const LONGEST_LINE: usize = 2048;
/// Lines that are searched for the reason: a tool may print a page of advice after its error.
const KEPT_LINES: usize = 60;
/// Longest part of a line that is kept, in bytes.
const KEPT_LINE: usize = 400;
/// Lines that stand in for a reason where none of them is an error.
const LAST_LINES: usize = 3;

/// The lines of one process, both streams together.
#[derive(Clone)]
pub(super) struct ToolOutput {
    label: &'static str,
    secrets: Arc<Vec<String>>,
    state: Arc<Mutex<OutputState>>,
}

#[derive(Default)]
struct OutputState {
    shown: usize,
    kept: VecDeque<String>,
}

impl ToolOutput {
    /// Lines go to stdout with this label in front, and without the secrets.
    pub(super) fn new(label: &'static str, secrets: Vec<String>) -> Self {
        Self { label, secrets: Arc::new(secrets), state: Arc::default() }
    }

    /// Reads a stream to its end.
    pub(super) async fn read(self, mut pipe: impl AsyncRead + Unpin) {
        let mut lines = Lines::default();
        let mut buffer = [0; 8192];
        while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
            lines.feed(&buffer[..length], |line| self.show(line));
        }
        lines.finish(|line| self.show(line));
    }

    fn show(&self, line: &[u8]) {
        let line = masked(&plain(&String::from_utf8_lossy(line)), &self.secrets);
        if line.is_empty() {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.kept.len() == KEPT_LINES {
            state.kept.pop_front();
        }
        state.kept.push_back(text::beginning(&line, KEPT_LINE).to_owned());
        if state.shown < LONGEST_OUTPUT {
            state.shown += line.len();
            self.print(&line);
            if state.shown >= LONGEST_OUTPUT {
                self.print("… more is not shown");
            }
        }
    }

    fn print(&self, line: &str) {
        // A log that cannot be written is not a reason to stop measuring.
        let _ = writeln!(std::io::stdout(), "{} | {line}", self.label);
    }

    /// The reason the tool gave for its end.
    pub(super) fn last_output(&self) -> String {
        last_output(self.state.lock().unwrap_or_else(PoisonError::into_inner).kept.make_contiguous())
    }
}

/// The last error among the lines, or else the last lines.
fn last_output(lines: &[String]) -> String {
    let last = |matches: fn(&str) -> bool| lines.iter().rev().find(|line| matches(line)).cloned();
    last(is_exception).or_else(|| last(is_error)).unwrap_or_else(|| {
        lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(String::as_str).collect::<Vec<_>>().join(" / ")
    })
}

/// The last line of a Python traceback: `package.SomeError: what happened`.
fn is_exception(line: &str) -> bool {
    let kind = line.split(':').next().unwrap_or_default();
    (kind.ends_with("Error") || kind.ends_with("Exception")) && line.len() > kind.len() && !kind.contains(' ')
}

/// A line of a log.
fn is_error(line: &str) -> bool {
    [" ERROR ", " CRITICAL "].iter().any(|level| line.contains(level)) || line.starts_with("ERROR")
}

/// A line without colours, frames and other control of terminals.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            // ESC [ … letter
            '\u{1b}' => {
                if characters.next() == Some('[') {
                    characters.by_ref().find(char::is_ascii_alphabetic);
                }
            }
            '\u{2500}'..='\u{257f}' => {}
            '\t' => text.push(' '),
            _ if character.is_control() => {}
            _ => text.push(character),
        }
    }
    text.trim().to_owned()
}

/// Cuts a stream into lines, and lines that do not end.
#[derive(Default)]
struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.add(&bytes[..end]);
            line(&self.partial);
            self.partial.clear();
            bytes = &bytes[end + 1..];
        }
        self.add(bytes);
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE - self.partial.len();
        self.partial.extend(&bytes[..bytes.len().min(room)]);
    }

    fn finish(&self, mut line: impl FnMut(&[u8])) {
        line(&self.partial);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn lines_are_cut_and_never_grow() {
        let (mut lines, mut seen) = (Lines::default(), vec![]);
        let long = vec![b'x'; 3 * LONGEST_LINE];
        for chunk in [b"a\nb".as_slice(), b"c\rd\n", &long, &long, b"\nend"] {
            lines.feed(chunk, |line| seen.push(line.to_vec()));
        }
        lines.finish(|line| seen.push(line.to_vec()));
        let expected: [&[u8]; 5] = [b"a", b"bc", b"d", &long[..LONGEST_LINE], b"end"];
        assert_eq!(seen, expected);
    }

    #[rstest]
    #[case("\u{1b}[33m│\u{1b}[0m  Stopping   \u{1b}[33m│\u{1b}[0m", "Stopping")]
    #[case("╭─ Error ──╮", "Error")]
    #[case("╰──────────╯", "")]
    #[case("a\tb\u{7}\u{1b}", "a b")]
    fn terminal_control_is_left_out(#[case] line: &str, #[case] expected: &str) {
        assert_eq!(plain(line), expected);
    }

    #[rstest]
    #[case::exception_before_advice(
        &["Traceback (most recent call last):", "raise TokenizerError(", "aiperf.TokenizerError: Failed to load 'x'", "Suggested Fixes:", "Clear cache and retry"],
        "aiperf.TokenizerError: Failed to load 'x'"
    )]
    #[case::log(&["13:40:46.614 ERROR    All 6 requests failed (a.py:1)", "Log File: /w"], "13:40:46.614 ERROR    All 6 requests failed (a.py:1)")]
    #[case::neither(&["Usage", "Error", "Unknown option: --nope."], "Usage / Error / Unknown option: --nope.")]
    #[case::not_an_exception(&["NoError", "the last Error: none"], "NoError / the last Error: none")]
    #[case::silence(&[], "")]
    fn the_reason_for_an_end_is_found(#[case] lines: &[&str], #[case] expected: &str) {
        let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(last_output(&lines), expected);
    }
}
