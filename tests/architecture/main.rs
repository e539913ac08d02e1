//! The map in `src/lib.rs` is true: who may use whom, and what is computation alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod files;
mod rules;
mod source;
mod words;

use std::collections::BTreeMap;
use std::path::Path;

use rules::{FOREIGN, Map};

/// No file much beyond this: two subjects are two files.
const LINES: usize = 600;

/// All of `src`: path below it → text.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.clone()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

fn map() -> Map {
    Map::parse(&sources()["lib.rs"])
}

#[test]
fn every_module_is_on_the_map() {
    let sources = sources();
    let mut declared: Vec<&str> = sources["lib.rs"]
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .filter(|module| *module != "testing")
        .collect();
    declared.sort_unstable();
    let map = map();
    let mut mapped = map.modules();
    mapped.sort_unstable();
    assert_eq!(declared, mapped);
}

#[test]
fn the_map_is_true() {
    let broken = map().broken(&sources());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A wrong import is found in each module, and in the last line of its longest file.
#[test]
fn a_wrong_import_would_be_found_in_each_module() {
    let (map, sources) = (map(), sources());
    for module in map.modules() {
        let wrong: Vec<&str> = map.modules().into_iter().filter(|other| !map.may_use(module, other)).collect();
        assert!(!wrong.is_empty() || module == "cli", "{module} may use everything");
        for other in wrong {
            let added = with_line(&sources, module, &format!("use crate::{other}::Something;"));
            assert!(!map.broken(&added).is_empty(), "{module} could use {other}");
        }
    }
}

#[test]
fn what_only_edges_may_do_would_be_found_in_each_pure_module() {
    let (map, sources) = (map(), sources());
    for module in map.modules().into_iter().filter(|module| map.is_pure(module)) {
        for (word, _) in FOREIGN {
            let added = with_line(&sources, module, &format!("fn f() {{ {word}::g(); }}"));
            assert!(!map.broken(&added).is_empty(), "{module} could use {word}");
        }
    }
}

/// The operator is built without the simulation, and so must not need it.
#[test]
fn only_commands_use_the_simulation() {
    let map = map();
    let others = map.modules().into_iter().filter(|module| *module != "simulation");
    let users: Vec<&str> = others.filter(|module| map.may_use(module, "simulation")).collect();
    assert_eq!(users, ["cli"]);
}

#[test]
fn no_files_go_in_a_circle() {
    let sources = sources();
    let uses = files::Uses::read(&sources);
    let circles = uses.circles();
    assert!(circles.is_empty(), "these files take from each other: {circles:#?}");
}

#[test]
fn files_have_one_subject() {
    let sources = sources();
    let long = sources.iter().map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > LINES);
    let long: Vec<String> = long.map(|(path, lines)| format!("src/{path}: {lines} lines")).collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// A module's longest file with one more line at its end.
fn with_line(sources: &BTreeMap<String, String>, module: &str, line: &str) -> BTreeMap<String, String> {
    let is_of = |path: &str| path == format!("{module}.rs") || path.starts_with(&format!("{module}/"));
    let files = sources.iter().filter(|(path, _)| is_of(path) && !rules::is_test(path));
    let (path, text) = files.max_by_key(|(_, text)| text.len()).unwrap();
    [(path.clone(), format!("{text}\n{line}\n"))].into()
}
