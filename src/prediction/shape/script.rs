//! Just enough of a shell to find an engine's flags and the files its start script writes.

use std::collections::BTreeMap;

/// The words of a command, and the files its here-documents write.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Script {
    pub words: Vec<String>,
    /// Path → content.
    pub files: BTreeMap<String, String>,
}

impl Script {
    /// Reads a container's command: a script where a shell is given one, else the words as they are.
    pub(super) fn of(command: &[String], environment: &BTreeMap<String, String>) -> Self {
        let mut script = Self::default();
        let mut after_dash_c = false;
        for argument in command {
            if after_dash_c || argument.contains('\n') {
                script.read(argument, environment);
            } else {
                script.words.push(expand(argument, environment));
            }
            after_dash_c = is_shell_dash_c(argument, script.words.first());
        }
        script
    }

    fn read(&mut self, text: &str, environment: &BTreeMap<String, String>) {
        let mut lines = text.lines();
        let mut rest = String::new();
        while let Some(line) = lines.next() {
            let Some(here) = HereDocument::of(line) else {
                rest.push_str(line);
                rest.push('\n');
                continue;
            };
            let ends = |line: &&str| line.trim_start_matches(if here.strips_tabs { '\t' } else { '\0' }) == here.end;
            let content: Vec<&str> = lines.by_ref().take_while(|line| !ends(line)).collect();
            if let Some(path) = here.path {
                self.files.insert(expand(&path, environment), content.join("\n"));
            }
        }
        self.words.extend(words(&rest).into_iter().map(|word| expand(&word, environment)));
    }

    /// The last value of any of the flags, given as `--flag value` or `--flag=value`.
    pub(super) fn flag(&self, names: &[&str]) -> Option<&str> {
        let mut found = None;
        for (index, word) in self.words.iter().enumerate() {
            for name in names {
                if word == name {
                    let next = self.words.get(index + 1).map(String::as_str);
                    found = next.filter(|next| !next.starts_with("--")).or(found);
                } else if let Some(value) = word.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
                    found = Some(value);
                }
            }
        }
        found
    }

    /// Whether the flag is given, with any value or none.
    pub(super) fn has(&self, name: &str) -> bool {
        self.words
            .iter()
            .any(|word| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
    }
}

fn is_shell_dash_c(argument: &str, first: Option<&String>) -> bool {
    let shell = first.is_some_and(|first| ["sh", "bash"].contains(&first.rsplit('/').next().unwrap_or_default()));
    shell && argument.starts_with('-') && !argument.starts_with("--") && argument.ends_with('c')
}

/// The start of `cat > PATH <<'END'`.
struct HereDocument {
    path: Option<String>,
    end: String,
    strips_tabs: bool,
}

impl HereDocument {
    fn of(line: &str) -> Option<Self> {
        let (_, after) = line.split_once("<<").filter(|(_, after)| !after.starts_with('<'))?;
        let strips_tabs = after.starts_with('-');
        let end = words(after.trim_start_matches('-')).into_iter().next()?;
        let redirected = line.split_once('>').map(|(_, target)| words(target.trim_start_matches('>')));
        let path = redirected.and_then(|target| target.into_iter().next()).filter(|path| !path.starts_with("<<"));
        Some(Self { path, end, strips_tabs })
    }
}

/// Splits at white space and shell punctuation outside quotes; quotes are dropped.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut started) = (vec![], String::new(), None, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => (quote, started) = (Some(character), true),
            (None | Some('"'), '\\') => match characters.next() {
                Some('\n') | None => {}
                Some(escaped) => {
                    word.push(escaped);
                    started = true;
                }
            },
            (None, '#') if !started => while characters.next_if(|c| *c != '\n').is_some() {},
            (None, c) if c.is_whitespace() || matches!(c, '(' | ')' | ';' | '|' | '&') => {
                if started {
                    words.push(std::mem::take(&mut word));
                }
                started = false;
            }
            (_, c) => {
                word.push(c);
                started = true;
            }
        }
    }
    if started {
        words.push(word);
    }
    words
}

/// Replaces `$NAME`, `${NAME}` and Kubernetes' `$(NAME)` where the variable has a fixed value.
fn expand(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut expanded = text.to_owned();
    // Longer names first, so that `$TP` does not eat the start of `$TP_SIZE`.
    let mut names: Vec<_> = environment.iter().collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    for (name, value) in names {
        for reference in [format!("${{{name}}}"), format!("$({name})"), format!("${name}")] {
            expanded = expanded.replace(&reference, value);
        }
    }
    expanded
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn script(command: &[&str]) -> Script {
        let environment = BTreeMap::from([("TP".into(), "4".into()), ("TP_SIZE".into(), "8".into())]);
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        Script::of(&command, &environment)
    }

    #[rstest]
    #[case::plain(&["python3", "-m", "dynamo.vllm", "--tp", "2"], Some("2"))]
    #[case::equals(&["x", "--tp=3"], Some("3"))]
    #[case::last_wins(&["x", "--tp", "1", "--tp=5"], Some("5"))]
    #[case::variable(&["x", "--tp", "$(TP)"], Some("4"))]
    #[case::longer_variable(&["sh", "-c", "exec x --tp $TP_SIZE"], Some("8"))]
    #[case::unknown_variable(&["sh", "-c", "exec x --tp ${OTHER}"], Some("${OTHER}"))]
    #[case::in_an_array(&["/bin/bash", "-c", "args=(\n  --tp \"6\"\n)\nexec x \"${args[@]}\""], Some("6"))]
    #[case::appended(&["/bin/bash", "-lc", "args+=(--tp 7)"], Some("7"))]
    #[case::continued_line(&["sh", "-c", "exec x \\\n  --tp \\\n 9"], Some("9"))]
    #[case::commented_out(&["sh", "-c", "# x --tp 9\nx"], None)]
    #[case::value_is_missing(&["x", "--tp", "--other"], None)]
    #[case::prefix_of_another(&["x", "--tp-something", "2"], None)]
    fn flags_are_found(#[case] command: &[&str], #[case] expected: Option<&str>) {
        assert_eq!(script(command).flag(&["--tp", "--tensor-parallel-size"]), expected);
    }

    #[rstest]
    #[case("cat > /a/b.yaml <<'YAML'\nx: 1\n  y: 2\nYAML\nexec z --w", "/a/b.yaml", "x: 1\n  y: 2")]
    #[case("cat <<EOF > \"/a b.yaml\"\nx: 1\nEOF\n", "/a b.yaml", "x: 1")]
    #[case("cat >/a.yaml <<-END\nx: 1\n\tEND\n", "/a.yaml", "x: 1")]
    fn here_documents_are_files(#[case] text: &str, #[case] path: &str, #[case] content: &str) {
        let script = script(&["bash", "-c", text]);
        assert_eq!(script.files, BTreeMap::from([(path.into(), content.into())]));
        assert!(!script.words.contains(&"1".to_owned()), "{:?}", script.words);
    }
}
