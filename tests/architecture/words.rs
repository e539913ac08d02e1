//! One word for each thing: names of types, and the words that were given up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{rules, source};

/// Names that stand for the same thing in two places, and why they do.
const SAME: &[(&str, &str)] = &[("FileError", "a build without the feature `cel` has it in the other one's place")];

/// What is not said any more, and what is said instead. `words` alone stays right for what a shell splits.
const GIVEN_UP: &[(&str, &str)] = &[
    ("in flight", "concurrent requests"),
    ("in_flight", "concurrent requests"),
    ("attempt", "deployment, or try of a trial"),
    ("attempts", "deployments, or tries of a trial"),
    ("repetition", "trial"),
    ("repetitions", "trials"),
    ("foretold", "estimated"),
    ("advertised point", "claim"),
    ("claimed point", "claim"),
    ("ClaimedPointNotMeasured", "ClaimNotMeasured"),
    ("RowNotDeployable", "ClaimNotDeployable"),
    ("keeps the SLA", "meets the SLA"),
    ("keep the SLA", "meet the SLA"),
    ("stands back", "waits in the queue"),
    ("its turn", "its place in the queue"),
    ("turn of a run", "the queue"),
    ("cannot be told", "cannot be determined"),
    ("words_of", "message_of"),
    ("own words", "own message"),
    ("last words", "last message"),
];

/// Where people and programmers read.
const ROOMS: &[&str] = &["src", "docs", "examples", "charts", "config", "crds", "tests"];

/// Others' data, and this list.
const OTHERS: &[&str] = &["tests/fixtures", "tests/architecture", "tests/cluster/go"];

/// Types by name, with the files that declare them. An associated type has its trait's name for it, and is not one of ours.
pub fn types(sources: &BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut declared: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources.iter().filter(|(path, _)| !rules::is_test(path)) {
        for line in source::code(text).lines() {
            if let Some(name) = declaration(line) {
                declared.entry(name.to_owned()).or_default().insert(path.clone());
            }
        }
    }
    declared
}

fn declaration(line: &str) -> Option<&str> {
    let item = line.trim_start();
    let is_nested = item.len() < line.len();
    let item = match item.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')')?.1.trim_start(),
        Some(rest) => rest.trim_start(),
        None => item,
    };
    let (keyword, rest) = item.split_once(' ')?;
    let declares = matches!(keyword, "struct" | "enum" | "trait") || keyword == "type" && !is_nested;
    let name = rest.split(|c: char| !c.is_alphanumeric()).next().filter(|name| !name.is_empty())?;
    declares.then_some(name)
}

/// Where a word stands, apart from being a part of another.
fn stands_in(text: &str, word: &str) -> Option<usize> {
    let is_letter = |c: char| c.is_alphanumeric();
    let found = text.match_indices(word).find(|(at, _)| {
        let (before, after) = (&text[..*at], &text[at + word.len()..]);
        !before.ends_with(is_letter) && !after.starts_with(is_letter)
    });
    found.map(|(at, _)| at)
}

/// Each word that is not said any more, with its place and the one to use.
fn given_up(path: &str, text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let found = GIVEN_UP.iter().filter_map(|(word, instead)| {
        let at = stands_in(&text, &word.to_lowercase())?;
        Some(format!("{path}:{} says \"{word}\": say \"{instead}\"", text[..at].lines().count()))
    });
    found.collect()
}

fn files(root: &Path, below: &str, found: &mut Vec<(String, String)>) {
    if OTHERS.contains(&below) {
        return;
    }
    for entry in std::fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{below}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            files(root, &path, found);
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            found.push((path, text));
        }
    }
}

#[test]
fn a_type_name_means_one_thing() {
    let declared = types(&super::sources());
    let twice = declared.iter().filter(|(name, files)| files.len() > 1 && !SAME.iter().any(|(same, _)| name == same));
    let twice: Vec<String> = twice.map(|(name, files)| format!("{name}: {files:?}")).collect();
    assert!(twice.is_empty(), "rename all but one of each:\n{}", twice.join("\n"));
    let needless = SAME.iter().filter(|(name, _)| declared.get(*name).is_none_or(|files| files.len() < 2));
    assert_eq!(needless.count(), 0, "a name in SAME is declared once");
}

#[test]
fn words_that_were_given_up_do_not_come_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut read = vec![];
    ROOMS.iter().for_each(|room| files(root, room, &mut read));
    for name in ["README.md", "CONTRIBUTING.md"] {
        read.push((name.to_owned(), std::fs::read_to_string(root.join(name)).unwrap()));
    }
    assert!(read.len() > 500, "only {} files were found", read.len());
    let found: Vec<String> = read.iter().flat_map(|(path, text)| given_up(path, text)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_second_type_of_a_name_and_an_old_word_would_be_found() {
    let sources = [
        ("a.rs", "pub(crate) struct Row<T>(T);\nimpl Iterator for Row<u8> {\n    type Item = u8;\n}"),
        ("b.rs", "fn f() {\n    enum Row {}\n}\ntype Item = u8;\n#[cfg(test)]\nmod tests {\n    struct Other;\n}"),
        ("c.rs", "// struct Row\nstruct Other;"),
    ];
    let sources = sources.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
    let twice: Vec<String> =
        types(&sources).into_iter().filter(|(_, files)| files.len() > 1).map(|(name, _)| name).collect();
    assert_eq!(twice, ["Row"]);
    for (word, _) in GIVEN_UP {
        assert!(!given_up("a.rs", &format!("one\nit {word}, too")).is_empty(), "{word} would pass");
    }
    assert!(given_up("a.rs", "attempted, and words alone").is_empty());
}
