//! What the README shows is what the program prints.

use super::command::bcmp;

const README: &str = include_str!("../../README.md");
const BEGIN: &str = "<!-- transcript of: bcmp demo -->\n```text\n";
/// Stands for lines that are left out.
const MORE: &str = "…";

/// Times differ by parts of a second: watches of the operator back off by chance.
fn timeless(line: &str) -> String {
    let time = regex::Regex::new(r"\d{2}:\d{2}:\d{2}|\d+ min \d+ s|\d+\.\d GPU-hours, \d+ min").unwrap();
    time.replace_all(line.trim_end(), "(time)").into_owned()
}

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let shown = README.split(BEGIN).nth(1).expect("README.md has a transcript").split("```").next().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let printed: Vec<String> = bcmp(directory.path(), &["demo"]).ok().lines().map(timeless).collect();
    let (mut at, mut may_skip) = (0, false);
    for line in shown.lines() {
        if line == MORE {
            may_skip = true;
            continue;
        }
        let wanted = timeless(line);
        let found = printed[at..].iter().position(|line| *line == wanted);
        let found = found.unwrap_or_else(|| panic!("the demo does not print: {line}\n{}", printed.join("\n")));
        assert!(may_skip || found == 0, "README.md leaves out lines before `{line}` without {MORE}");
        (at, may_skip) = (at + found + 1, false);
    }
    assert!(may_skip || at == printed.len(), "README.md leaves out the last lines without {MORE}");
}
