//! Numbers, durations and sentences as people read them.

use std::borrow::Cow;

/// Stands for a figure that is not known.
pub const ABSENT: &str = "–";

/// A latency or a throughput with three digits that count.
pub fn readable(value: f64) -> String {
    // By what the number is rounded to: 99.96 is 100, not 100.0.
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Seconds as hours, minutes and seconds.
pub fn duration(seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes} min {rest} s"),
        _ => format!("{hours} h {minutes} min"),
    }
}

/// `1 GPU`, `2 GPUs`.
pub fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(0);
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A text that begins with `start`, broken at `width` characters; further lines are indented. Control characters are left
/// out: the text may come from anywhere and is shown in terminals.
pub fn wrapped(start: &str, indent: usize, text: &str, width: usize) -> Vec<String> {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(width)
        .initial_indent(start)
        .subsequent_indent(&indent)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::wrap(&words.join(" "), options).into_iter().map(Cow::into_owned).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.0, "0.00")]
    #[case(6.5678, "6.57")]
    #[case(9.996, "10.0")]
    #[case(12.345, "12.3")]
    #[case(99.96, "100")]
    #[case(347.4, "347")]
    #[case(12345.6, "12346")]
    fn figures_have_three_digits_that_count(#[case] value: f64, #[case] expected: &str) {
        assert_eq!(readable(value), expected);
    }

    #[rstest]
    #[case(59, "59 s")]
    #[case(61, "1 min 1 s")]
    #[case(7260, "2 h 1 min")]
    fn durations_are_readable(#[case] seconds: i64, #[case] expected: &str) {
        assert_eq!(duration(seconds), expected);
    }

    #[rstest]
    #[case(0, "0 GPUs")]
    #[case(1, "1 GPU")]
    #[case(8, "8 GPUs")]
    fn nouns_agree_with_their_count(#[case] count: i32, #[case] expected: &str) {
        assert_eq!(counted(count, "GPU"), expected);
    }

    #[test]
    fn long_text_is_indented_and_does_not_steer_a_terminal() {
        assert_eq!(wrapped("a: ", 3, "one\ttwo \u{1b}three", 9), ["a: one", "   two", "   three"]);
    }
}
