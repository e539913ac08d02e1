//! The map of `src/lib.rs` as rules.

use std::collections::BTreeMap;

use super::source;

/// What computation alone must not name, and who may.
pub const FOREIGN: &[(&str, &str)] = &[
    ("kube::Client", "controller, agent and cli"),
    ("kube::Api", "controller, agent and cli"),
    ("kube::runtime", "controller and cli"),
    ("tokio", "controller, agent and cli"),
    ("futures", "controller, agent and cli"),
    ("hyper", "agent and cli"),
    ("axum", "controller"),
    ("Timestamp::now", "the caller: now is an argument"),
    ("Zoned::now", "the caller: now is an argument"),
    ("SystemTime::now", "the caller: now is an argument"),
    ("Instant::now", "the caller: now is an argument"),
    ("std::env", "cli"),
    ("std::fs", "files, agent and cli"),
    ("std::net", "controller and agent"),
    ("std::process", "agent and cli"),
    ("std::thread", "controller, agent and cli"),
];

/// The rows of the map, from left to right.
pub struct Map {
    rows: Vec<Vec<String>>,
    /// Rows that are computation alone.
    pure: usize,
}

impl Map {
    /// Reads the map between the fences of the crate's documentation: a row a line, what is computation alone above the
    /// line of dashes.
    pub fn parse(lib: &str) -> Self {
        let lines = lib.lines().map(|line| line.trim_start_matches("//!").trim());
        let map = lines.skip_while(|line| *line != "```text").skip(1).take_while(|line| *line != "```");
        let mut parsed = Self { rows: vec![], pure: 0 };
        for line in map.filter(|line| !line.is_empty()) {
            if line.starts_with('─') {
                parsed.pure = parsed.rows.len();
            } else {
                let modules = line.split("  ").next().unwrap();
                parsed.rows.push(modules.split_whitespace().map(str::to_owned).collect());
            }
        }
        assert!(parsed.pure > 0 && parsed.rows.len() > parsed.pure, "src/lib.rs has no map with a line of dashes");
        parsed
    }

    pub fn modules(&self) -> Vec<&str> {
        self.rows.iter().flatten().map(String::as_str).collect()
    }

    fn row(&self, module: &str) -> Option<usize> {
        self.rows.iter().position(|row| row.iter().any(|other| other == module))
    }

    pub fn is_pure(&self, module: &str) -> bool {
        self.row(module).is_some_and(|row| row < self.pure)
    }

    /// A module may use itself and whatever stands in a row above its own.
    pub fn may_use(&self, module: &str, other: &str) -> bool {
        module == other || self.row(other) < self.row(module)
    }

    /// Each file that breaks the map, with what it names and what to do.
    pub fn broken(&self, sources: &BTreeMap<String, String>) -> Vec<String> {
        let mut broken = vec![];
        for (path, text) in sources.iter().filter(|(path, _)| !is_test(path)) {
            let module = source::module_of(path);
            let Some(room) = module.first().filter(|room| self.row(room).is_some()) else { continue };
            let code = source::code(text);
            for named in source::crate_paths(&code, &module) {
                let other = &named[0];
                if self.row(other).is_some() && !self.may_use(room, other) {
                    broken.push(format!("src/{path} names {}: {other} does not stand above {room}", named.join("::")));
                }
            }
            if self.is_pure(room) {
                let named = FOREIGN.iter().filter(|(word, _)| names(&code, word));
                broken.extend(named.map(|(word, who)| format!("src/{path} names {word}, which is for {who}")));
            }
        }
        broken
    }
}

/// Whether code names a path, in full or in a `use` with its last part in braces, or anything of a crate.
fn names(code: &str, word: &str) -> bool {
    let Some((before, last)) = word.rsplit_once("::") else { return code.contains(&format!("{word}::")) };
    let group = format!("{before}::{{");
    code.contains(word)
        || code.match_indices(&group).any(|(at, _)| {
            let members = &code[at + group.len()..];
            let members = &members[..members.find('}').unwrap_or(members.len())];
            members.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|member| member == last)
        })
}

/// Files that are compiled for tests only.
pub fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.ends_with("testing.rs")
}
