//! Just enough of a shell to find an engine's flags and the files its start script writes.

use std::collections::BTreeMap;

use super::variables::{Variables, kubernetes};
use super::words::{Token, tokens, words};

/// Scripts that start scripts are followed this deep.
const DEEPEST: usize = 3;

/// The words of a command, and the files its here-documents write.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Script {
    pub words: Vec<String>,
    /// Path → content.
    pub files: BTreeMap<String, String>,
}

impl Script {
    /// Reads a container's command: a script where a shell is given one, in a word or in one of the mounted `files`;
    /// else the words as they are.
    pub(super) fn of(
        command: &[String],
        environment: &BTreeMap<String, Option<String>>,
        files: &BTreeMap<String, String>,
    ) -> Self {
        let mut reader = ScriptReader { script: Self::default(), variables: Variables::of(environment), files };
        let mut after_dash_c = false;
        for argument in command {
            let argument = kubernetes(argument, environment);
            if after_dash_c || argument.contains('\n') {
                reader.read(&argument, DEEPEST);
            } else {
                let runs = argument.ends_with(".sh") || reader.script.words.last().is_some_and(|word| is_shell(word));
                match files.get(&argument).filter(|_| runs) {
                    Some(content) => reader.read(content, DEEPEST),
                    None => reader.script.words.push(argument.clone()),
                }
            }
            after_dash_c = is_shell_dash_c(&argument, reader.script.words.first());
        }
        reader.script
    }

    /// The last value of any of the flags, given as `--flag value` or `--flag=value`, with `-` or `_` between its words.
    pub(super) fn flag(&self, names: &[&str]) -> Option<&str> {
        let names: Vec<String> = names.iter().map(|name| dashed(name)).collect();
        let mut found = None;
        for (index, word) in self.words.iter().enumerate() {
            let (name, value) = split(word);
            if !names.contains(&name) {
                continue;
            }
            found = match value {
                Some(value) => Some(value),
                None => {
                    let next = self.words.get(index + 1).map(String::as_str);
                    next.filter(|next| !next.starts_with("--")).or(found)
                }
            };
        }
        found
    }

    /// Whether the flag is given, with any value or none.
    pub(super) fn has(&self, name: &str) -> bool {
        let name = dashed(name);
        self.words.iter().any(|word| split(word).0 == name)
    }

    /// Whether the later one of two flags that contradict each other is `on` or `off`; `None` where neither is given.
    pub(super) fn switch(&self, on: &str, off: &str) -> Option<bool> {
        let last = |name: &str| self.words.iter().rposition(|word| split(word).0 == dashed(name));
        match (last(on), last(off)) {
            (None, None) => None,
            (on, off) => Some(on > off),
        }
    }

    /// Puts settings of a file before the flags, which replace them.
    pub(super) fn put_before(&mut self, mut words: Vec<String>) {
        words.append(&mut self.words);
        self.words = words;
    }
}

/// A long flag as the engines' own parsers read it: `--max_num_seqs` is `--max-num-seqs`.
fn dashed(name: &str) -> String {
    if name.starts_with("--") { name.replace('_', "-") } else { name.to_owned() }
}

fn split(word: &str) -> (String, Option<&str>) {
    match word.split_once('=').filter(|_| word.starts_with('-')) {
        Some((name, value)) => (dashed(name), Some(value)),
        None => (dashed(word), None),
    }
}

fn is_shell(word: &str) -> bool {
    ["sh", "bash"].contains(&word.rsplit('/').next().unwrap_or_default())
}

fn is_shell_dash_c(argument: &str, first: Option<&String>) -> bool {
    let shell = first.is_some_and(|first| is_shell(first));
    shell && argument.starts_with('-') && !argument.starts_with("--") && argument.ends_with('c')
}

/// Reads scripts in the order in which they run.
struct ScriptReader<'a> {
    script: Script,
    variables: Variables,
    files: &'a BTreeMap<String, String>,
}

impl ScriptReader<'_> {
    fn read(&mut self, text: &str, deepest: usize) {
        let mut lines = text.lines();
        let (mut rest, mut written) = (String::new(), vec![]);
        while let Some(line) = lines.next() {
            let Some(here) = HereDocument::of(line) else {
                rest.push_str(line);
                rest.push('\n');
                continue;
            };
            let ends = |line: &&str| line.trim_start_matches(if here.strips_tabs { '\t' } else { '\0' }) == here.end;
            let content: Vec<&str> = lines.by_ref().take_while(|line| !ends(line)).collect();
            written.push((here, content.join("\n")));
        }
        self.commands(&rest, deepest);
        for (here, content) in written {
            let Some(path) = here.path else { continue };
            let content = if here.is_literal { content } else { self.variables.expand(&content) };
            self.script.files.insert(self.variables.expand(&path), content);
        }
    }

    fn commands(&mut self, text: &str, deepest: usize) {
        let (mut place, files) = (ScriptPlace::default(), self.files);
        for token in tokens(text) {
            let Token::Word { text: word, bare } = token else {
                place.ends(&token);
                continue;
            };
            if place.takes_assignments
                && let Some((name, adds, value)) = assignment(&word)
            {
                let value = self.variables.expand(value);
                self.variables.assign(name, adds, value, place.is_conditional());
                continue;
            }
            place.passes(&word);
            let expanded = self.variables.expand(&word);
            match files.get(&expanded).filter(|_| deepest > 0 && expanded.ends_with(".sh")) {
                Some(content) => self.read(content, deepest - 1),
                // An unquoted variable may hold several words.
                None if bare && word.starts_with('$') => self.script.words.extend(words(&expanded)),
                None => self.script.words.push(expanded),
            }
        }
    }
}

/// Where in a script a word stands.
struct ScriptPlace {
    /// At the start of a command.
    takes_assignments: bool,
    /// `if`, `for` and the like that are open.
    depth: u32,
    /// After `&&` or `||`.
    depends: bool,
}

impl Default for ScriptPlace {
    fn default() -> Self {
        Self { takes_assignments: true, depth: 0, depends: false }
    }
}

impl ScriptPlace {
    fn is_conditional(&self) -> bool {
        self.depth > 0 || self.depends
    }

    fn ends(&mut self, token: &Token) {
        self.takes_assignments = true;
        self.depends = match token {
            Token::AndOr => true,
            // Parentheses divide words, not commands.
            Token::Parenthesis => self.depends,
            _ => false,
        };
    }

    fn passes(&mut self, word: &str) {
        if !self.takes_assignments {
            return;
        }
        match word {
            "if" | "case" | "for" | "while" | "until" => self.depth += 1,
            "fi" | "esac" | "done" => self.depth = self.depth.saturating_sub(1),
            "then" | "else" | "elif" | "do" | "{" | "!" | "export" | "declare" | "local" | "readonly" => {}
            flag if flag.starts_with('-') => {}
            _ => self.takes_assignments = false,
        }
    }
}

/// `NAME=value` or `NAME+=value`: the name, whether the value is added, and the value.
fn assignment(word: &str) -> Option<(&str, bool, &str)> {
    let (name, value) = word.split_once('=')?;
    let (name, adds) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
    super::variables::is_name(name).then_some((name, adds, value))
}

/// The start of `cat > PATH <<'END'`.
struct HereDocument {
    path: Option<String>,
    end: String,
    strips_tabs: bool,
    /// Whether variables in it stay as they are.
    is_literal: bool,
}

impl HereDocument {
    fn of(line: &str) -> Option<Self> {
        let (_, after) = line.split_once("<<").filter(|(_, after)| !after.starts_with('<'))?;
        let strips_tabs = after.starts_with('-');
        let after = after.trim_start_matches('-').trim_start();
        let end = words(after).into_iter().next()?;
        let redirected = line.split_once('>').map(|(_, target)| words(target.trim_start_matches('>')));
        let path = redirected.and_then(|target| target.into_iter().next()).filter(|path| !path.starts_with("<<"));
        Some(Self { path, end, strips_tabs, is_literal: after.starts_with(['\'', '"', '\\']) })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn script(command: &[&str]) -> Script {
        let known = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
        let environment = BTreeMap::from([known("TP", "4"), known("TP_SIZE", "8"), ("SECRET".to_owned(), None)]);
        let files = BTreeMap::from([("/scripts/run.sh".to_owned(), "N=3\nexec x --tp $N \"$@\"".to_owned())]);
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        Script::of(&command, &environment, &files)
    }

    #[rstest]
    #[case::plain(&["python3", "-m", "dynamo.vllm", "--tp", "2"], Some("2"))]
    #[case::equals(&["x", "--tp=3"], Some("3"))]
    #[case::last_wins(&["x", "--tp", "1", "--tp=5"], Some("5"))]
    #[case::underscores(&["x", "--tensor_parallel_size", "2"], Some("2"))]
    #[case::underscores_and_equals(&["x", "--tensor_parallel_size=2"], Some("2"))]
    #[case::variable(&["x", "--tp", "$(TP)"], Some("4"))]
    #[case::variable_of_kubernetes_in_a_shell(&["sh", "-c", "x --tp $(TP)"], Some("4"))]
    #[case::longer_variable(&["sh", "-c", "exec x --tp $TP_SIZE"], Some("8"))]
    #[case::unknown_variable(&["sh", "-c", "exec x --tp ${OTHER}"], Some("${OTHER}"))]
    #[case::in_an_array(&["/bin/bash", "-c", "args=(\n  --tp \"6\"\n)\nexec x \"${args[@]}\""], Some("6"))]
    #[case::appended(&["/bin/bash", "-lc", "args+=(--tp 7)"], Some("7"))]
    #[case::continued_line(&["sh", "-c", "exec x \\\n  --tp \\\n 9"], Some("9"))]
    #[case::commented_out(&["sh", "-c", "# x --tp 9\nx"], None)]
    #[case::value_is_missing(&["x", "--tp", "--other"], None)]
    #[case::prefix_of_another(&["x", "--tp-something", "2"], None)]
    #[case::default_value(&["sh", "-c", "x --tp ${OTHER:-8}"], Some("8"))]
    #[case::default_that_is_not_needed(&["sh", "-c", "x --tp \"${TP:-8}\""], Some("4"))]
    #[case::set_at_run_time(&["sh", "-c", "x --tp ${SECRET:-8}"], Some("${SECRET:-8}"))]
    #[case::assigned(&["sh", "-c", "N=2\nx --tp $N"], Some("2"))]
    #[case::assigned_over_the_environment(&["sh", "-c", "export TP=2; x --tp $TP"], Some("2"))]
    #[case::assigned_with_a_default(&["sh", "-c", "N=${N:-16}\nx --tp $N"], Some("16"))]
    #[case::default_assigned(&["sh", "-c", ": ${N:=16}\nx --tp $N"], Some("16"))]
    #[case::assigned_under_a_condition(&["sh", "-c", "if test -f /x; then N=2; else N=4; fi\nx --tp $N"], Some("$N"))]
    #[case::assigned_after_a_test(&["sh", "-c", "N=2\n[ -f /x ] && N=4\nx --tp $N"], Some("$N"))]
    #[case::command_output(&["sh", "-c", "x --tp $(nvidia-smi -L | wc -l)"], Some("$"))]
    #[case::output_assigned(&["sh", "-c", "N=$(nproc)\nx --tp $N"], Some("$N"))]
    #[case::words_in_a_variable(&["sh", "-c", "ARGS=\"--pp 2 --tp 6\"\nx $ARGS"], Some("6"))]
    #[case::script_in_a_file(&["/bin/bash", "/scripts/run.sh", "--other"], Some("3"))]
    #[case::script_started_by_a_script(&["bash", "-c", "exec /scripts/run.sh --other"], Some("3"))]
    fn flags_are_found(#[case] command: &[&str], #[case] expected: Option<&str>) {
        assert_eq!(script(command).flag(&["--tp", "--tensor-parallel-size"]), expected);
    }

    #[rstest]
    #[case("cat > /a/b.yaml <<'YAML'\nx: 1\n  y: 2\nYAML\nexec z --w", "/a/b.yaml", "x: 1\n  y: 2")]
    #[case("cat <<EOF > \"/a b.yaml\"\nx: 1\nEOF\n", "/a b.yaml", "x: 1")]
    #[case("cat >/a.yaml <<-END\nx: 1\n\tEND\n", "/a.yaml", "x: 1")]
    #[case("N=${N:-2}\ncat >/a.yaml <<END\nx: $N\nEND\n", "/a.yaml", "x: 2")]
    #[case("N=2\ncat >/a.yaml <<'END'\nx: $N\nEND\n", "/a.yaml", "x: $N")]
    fn here_documents_are_files(#[case] text: &str, #[case] path: &str, #[case] content: &str) {
        let script = script(&["bash", "-c", text]);
        assert_eq!(script.files, BTreeMap::from([(path.into(), content.into())]));
        assert!(!script.words.contains(&"1".to_owned()), "{:?}", script.words);
    }
}
