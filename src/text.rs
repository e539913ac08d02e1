//! Texts of others in the space there is: the only place that shortens.

/// One line of at most `bytes` bytes (three at least), for text that came from a file, a tool or a server. Control
/// characters become spaces; what is left out shows as `…`.
pub fn cut(text: &str, bytes: usize) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(bytes + 1).collect();
    if line.len() > bytes {
        line.truncate(boundary(&line, bytes.saturating_sub('…'.len_utf8())));
        line.push('…');
    }
    line
}

/// The same with each run of white space as one space, for messages that were laid out over several lines.
pub fn one_line(text: &str, bytes: usize) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), bytes)
}

/// The first `most` of some parts, and how many more there are.
pub fn listed(parts: &[String], between: &str, most: usize) -> String {
    let shown = parts.iter().take(most).cloned();
    let more = parts.len().saturating_sub(most);
    shown.chain((more > 0).then(|| format!("{more} more"))).collect::<Vec<_>>().join(between)
}

/// The beginning of a text, as it is, in at most `bytes` bytes.
pub fn beginning(text: &str, bytes: usize) -> &str {
    &text[..boundary(text, bytes)]
}

/// A reason as Kubernetes writes it, one CamelCase word of at most `bytes` letters and digits; `Unknown` when nothing of
/// the text can be part of one.
pub fn reason(text: &str, bytes: usize) -> String {
    let letters = text.chars().filter(char::is_ascii_alphanumeric).skip_while(char::is_ascii_digit);
    let word: String = letters.take(bytes).collect();
    if word.is_empty() { "Unknown".into() } else { word }
}

/// The last place at or before `bytes` where a character ends.
fn boundary(text: &str, bytes: usize) -> usize {
    (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("short", 10, "short")]
    #[case("exactly", 7, "exactly")]
    #[case("a longer text", 9, "a long…")]
    #[case("ééé", 5, "é…")]
    #[case("two\nlines", 20, "two lines")]
    fn a_text_is_cut_to_one_line_between_characters(#[case] text: &str, #[case] bytes: usize, #[case] expected: &str) {
        assert_eq!(cut(text, bytes), expected);
    }

    #[rstest]
    #[case("abc", 5, "abc")]
    #[case("abc", 2, "ab")]
    #[case("aé", 2, "a")]
    fn a_beginning_ends_between_characters(#[case] text: &str, #[case] bytes: usize, #[case] expected: &str) {
        assert_eq!(beginning(text, bytes), expected);
    }

    #[rstest]
    #[case(2, "a; b; 1 more")]
    #[case(3, "a; b; c")]
    #[case(usize::MAX, "a; b; c")]
    fn what_is_left_out_of_a_list_is_counted(#[case] most: usize, #[case] expected: &str) {
        assert_eq!(listed(&["a", "b", "c"].map(str::to_owned), "; ", most), expected);
    }

    #[test]
    fn white_space_of_a_laid_out_message_collapses() {
        assert_eq!(one_line("  0/3 nodes:\n\t2 cordoned,  1 full ", 100), "0/3 nodes: 2 cordoned, 1 full");
    }

    #[rstest]
    #[case("NotServing", "NotServing")]
    #[case("not a word: é", "notaword")]
    #[case("42", "Unknown")]
    #[case("", "Unknown")]
    fn a_reason_is_one_word(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(reason(text, 64), expected);
    }

    proptest! {
        #[test]
        fn nothing_is_longer_than_it_may_be(text in ".{0,400}", bytes in 3..300_usize) {
            prop_assert!(cut(&text, bytes).len() <= bytes);
            prop_assert!(one_line(&text, bytes).len() <= bytes);
            prop_assert!(beginning(&text, bytes).len() <= bytes);
            prop_assert!(reason(&text, bytes).len() <= bytes.max("Unknown".len()));
        }
    }
}
