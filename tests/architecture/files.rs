//! Which file uses which, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};

use super::{rules, source};

/// Files and the files they take something from.
pub struct Uses(BTreeMap<String, BTreeSet<String>>);

impl Uses {
    pub fn read(sources: &BTreeMap<String, String>) -> Self {
        let product = || sources.iter().filter(|(path, _)| !rules::is_test(path));
        let code: BTreeMap<&str, String> = product().map(|(path, text)| (path.as_str(), source::code(text))).collect();
        let house = House::new(&code);
        let uses = code.iter().map(|(path, code)| {
            let named = source::crate_paths(&without_reexports(code), &source::module_of(path));
            let files = named.iter().filter_map(|named| house.file(named, 0)).filter(|file| file != path);
            ((*path).to_owned(), files.collect())
        });
        Self(uses.collect())
    }

    /// Files that can be reached from themselves, in groups.
    pub fn circles(&self) -> Vec<BTreeSet<&str>> {
        let mut circles: Vec<BTreeSet<&str>> = vec![];
        for file in self.0.keys() {
            if circles.iter().any(|circle| circle.contains(file.as_str())) {
                continue;
            }
            let ahead = self.reached(file);
            let circle: BTreeSet<&str> =
                ahead.iter().copied().filter(|other| self.reached(other).contains(file.as_str())).collect();
            if !circle.is_empty() {
                circles.push(circle);
            }
        }
        circles
    }

    fn reached(&self, from: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![from];
        while let Some(file) = waiting.pop() {
            for next in self.0.get(file).into_iter().flatten() {
                if reached.insert(next.as_str()) {
                    waiting.push(next);
                }
            }
        }
        reached
    }
}

/// Where names are defined.
struct House<'a> {
    files: BTreeMap<Vec<String>, &'a str>,
    /// Module and name → where the module takes the name from.
    reexports: BTreeMap<(Vec<String>, String), Vec<String>>,
}

impl<'a> House<'a> {
    fn new(code: &BTreeMap<&'a str, String>) -> Self {
        let files: BTreeMap<_, _> = code.keys().map(|path| (source::module_of(path), *path)).collect();
        let mut reexports = BTreeMap::new();
        for (path, code) in code {
            let module = source::module_of(path);
            for line in reexport_statements(code) {
                let line = line.trim_start_matches("pub(crate) ").trim_start_matches("pub ").trim_start_matches("use ");
                let anchored = if line.starts_with("crate::") || line.starts_with("self::") {
                    line.to_owned()
                } else {
                    format!("self::{line}")
                };
                for target in source::crate_paths(&anchored, &module) {
                    let Some(name) = target.last().cloned() else { continue };
                    reexports.insert((module.clone(), name), target);
                }
            }
        }
        Self { files, reexports }
    }

    /// The file that defines what a path names, re-exports followed.
    fn file(&self, path: &[String], depth: usize) -> Option<String> {
        let deepest = (1..=path.len()).rev().find(|&parts| self.files.contains_key(&path[..parts]))?;
        let module = &path[..deepest];
        let followed = path.get(deepest).and_then(|name| self.reexports.get(&(module.to_vec(), name.clone())));
        match followed {
            Some(target) if depth < 4 && target != path => self.file(target, depth + 1),
            _ => self.files.get(module).map(|file| (*file).to_owned()),
        }
    }
}

fn reexport_statements(code: &str) -> Vec<String> {
    let mut statements = vec![];
    for start in ["pub use ", "pub(crate) use "] {
        for (at, _) in code.match_indices(start) {
            let end = code[at..].find(';').map_or(code.len(), |end| at + end);
            statements.push(code[at..end].split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    statements
}

/// A module that hands names on does not use them.
fn without_reexports(code: &str) -> String {
    let mut code = code.to_owned();
    for start in ["pub use ", "pub(crate) use "] {
        while let Some(at) = code.find(start) {
            let end = code[at..].find(';').map_or(code.len(), |end| at + end);
            code.replace_range(at..end, "");
        }
    }
    code
}

#[test]
fn a_circle_is_found_through_a_reexport() {
    let sources = |entries: &[(&str, &str)]| -> BTreeMap<String, String> {
        entries.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    };
    let circle = [
        ("a/mod.rs", "mod left;\nmod right;\npub use left::Left;\npub use right::Right;"),
        ("a/left.rs", "use super::Right;\npub struct Left(Right);"),
        ("a/right.rs", "use crate::a::Left;\npub struct Right(Box<Left>);"),
    ];
    assert_eq!(Uses::read(&sources(&circle)).circles(), [["a/left.rs", "a/right.rs"].into()]);
    assert_eq!(Uses::read(&sources(&circle[..2])).circles(), Vec::<BTreeSet<&str>>::new());
}
