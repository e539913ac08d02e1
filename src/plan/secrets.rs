//! Secrets among the load tool's arguments: which they are, how they are taken from variables, and what is shown instead.

use serde_json::Value;

/// Flags of the load tool whose value is or may be a secret, and whether more than one value may follow.
const FLAGS: [(&str, bool); 3] = [("--api-key", false), ("--header", true), ("-H", true)];
/// What stands in the place of a secret.
pub const HIDDEN: &str = "(not shown)";
/// Shorter parts of a secret are not looked for in texts: they are words like others.
const SHORTEST_PART: usize = 8;
const SHORTEST: usize = 4;

enum ArgumentPart<'a> {
    Plain(&'a str),
    /// Flag, and its secret after `=`.
    WithSecret(&'a str, &'a str),
    Secret(&'a str),
}

fn parts(arguments: &[String]) -> impl Iterator<Item = ArgumentPart<'_>> {
    // Values that the flag before still takes.
    let mut values = 0_usize;
    arguments.iter().map(move |argument| {
        let (flag, value) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (argument.as_str(), None),
        };
        let known = FLAGS.iter().find(|(known, _)| *known == flag);
        match (known, value) {
            _ if values > 0 && !argument.starts_with('-') => {
                values -= 1;
                ArgumentPart::Secret(argument)
            }
            (Some(_), Some(value)) => {
                values = 0;
                ArgumentPart::WithSecret(flag, value)
            }
            (Some((_, several)), None) => {
                values = if *several { usize::MAX } else { 1 };
                ArgumentPart::Plain(argument)
            }
            // A value that looks like a flag is one all the same: an API key may begin with a dash.
            (None, _) if values == 1 => {
                values = 0;
                ArgumentPart::Secret(argument)
            }
            (None, _) => {
                values = 0;
                ArgumentPart::Plain(argument)
            }
        }
    })
}

/// The arguments as they may be handed on.
pub fn hidden(arguments: &[String]) -> Vec<String> {
    let shown = parts(arguments).map(|part| match part {
        ArgumentPart::Plain(text) => text.to_owned(),
        ArgumentPart::WithSecret(flag, _) => format!("{flag}={HIDDEN}"),
        ArgumentPart::Secret(_) => HIDDEN.to_owned(),
    });
    shown.collect()
}

/// The secrets, and the parts of headers that are secrets, the longest first: a tool may show either. Those of a few
/// letters are words like others, and are not looked for.
pub fn secrets(arguments: &[String]) -> Vec<String> {
    let mut secrets = vec![];
    for part in parts(arguments) {
        let (ArgumentPart::WithSecret(_, secret) | ArgumentPart::Secret(secret)) = part else { continue };
        let value = secret.split_once(':').map_or(secret, |(_, value)| value.trim());
        let token = value.rsplit(' ').next().unwrap_or_default();
        secrets.push(secret.to_owned());
        secrets.extend([value, token].into_iter().filter(|part| part.len() >= SHORTEST_PART).map(str::to_owned));
    }
    secrets.retain(|secret| secret.trim().len() >= SHORTEST);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.dedup();
    secrets
}

/// Replaces `$(NAME)` by the variable that `value` knows, and `$$(NAME)` by the text `$(NAME)`, as Kubernetes does in
/// arguments. What is not known stays as it is.
pub fn expanded(argument: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some(at) = rest.find('$') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            text.push('$');
            rest = after;
            continue;
        }
        let name = rest.strip_prefix("$(").and_then(|name| name.split_once(')'));
        let known = name.and_then(|(name, after)| Some((value(name)?, after)));
        match known {
            Some((value, after)) => {
                text.push_str(&value);
                rest = after;
            }
            None => {
                text.push('$');
                rest = &rest[1..];
            }
        }
    }
    text + rest
}

/// A text without any of the secrets, as they are and as they are written in JSON.
pub fn masked(text: &str, secrets: &[String]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| {
        let json = Value::from(secret.as_str()).to_string();
        let escaped = json.get(1..json.len().saturating_sub(1)).unwrap_or(secret);
        text.replace(secret.as_str(), HIDDEN).replace(escaped, HIDDEN)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[rstest]
    #[case(&["--api-key", "hunter2", "-v"], &["--api-key", "(not shown)", "-v"])]
    #[case(&["--api-key=hunter2"], &["--api-key=(not shown)"])]
    #[case(&["--api-key", "-hunter2"], &["--api-key", "(not shown)"])]
    #[case(&["-H", "Authorization: Bearer x", "X-Team: y", "--transport", "http"], &["-H", "(not shown)", "(not shown)", "--transport", "http"])]
    #[case(&["--header=A:b", "--workers-max", "8"], &["--header=(not shown)", "--workers-max", "8"])]
    #[case(&["-H=A:b"], &["-H=(not shown)"])]
    #[case(&["--header", "A:b", "--verbose", "word"], &["--header", "(not shown)", "--verbose", "word"])]
    #[case(&["--tokenizer-revision", "main"], &["--tokenizer-revision", "main"])]
    fn secrets_are_hidden_and_nothing_else(#[case] given: &[&str], #[case] shown: &[&str]) {
        assert_eq!(hidden(&strings(given)), strings(shown));
    }

    #[test]
    fn a_token_of_a_header_is_a_secret_too() {
        let secrets = secrets(&strings(&["-H", "Authorization: Bearer abcdefgh", "--api-key", "k"]));
        assert_eq!(secrets, ["Authorization: Bearer abcdefgh", "Bearer abcdefgh", "abcdefgh"]);
        assert_eq!(masked(r#"{"Authorization": "Bearer abcdefgh"}"#, &secrets), r#"{"Authorization": "(not shown)"}"#);
        assert_eq!(masked(r#"{"key": "a\"b\"c"}"#, &[r#"a"b"c"#.into()]), r#"{"key": "(not shown)"}"#);
    }

    #[rstest]
    #[case("Bearer $(TOKEN)", "Bearer t0p")]
    #[case("$(TOKEN)$(TOKEN)", "t0pt0p")]
    #[case("$$(TOKEN)", "$(TOKEN)")]
    #[case("$(OTHER) $(TOKEN", "$(OTHER) $(TOKEN")]
    #[case("5$ $", "5$ $")]
    fn variables_are_expanded_as_kubernetes_does(#[case] given: &str, #[case] expected: &str) {
        assert_eq!(expanded(given, |name| (name == "TOKEN").then(|| "t0p".into())), expected);
    }

    proptest! {
        /// Whatever is given, a value of a secret flag is never shown, and nothing gets lost.
        #[test]
        fn no_secret_is_shown(before in prop::collection::vec("[a-z-]{0,6}", 0..4), key in "[A-Z0-9]{9,20}", inline in any::<bool>()) {
            let mut arguments = before;
            arguments.extend(if inline { vec![format!("--api-key={key}")] } else { vec!["--api-key".into(), key.clone()] });
            let shown = hidden(&arguments);
            prop_assert_eq!(shown.len(), arguments.len());
            prop_assert!(!shown.join(" ").contains(&key));
        }
    }
}
