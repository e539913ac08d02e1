//! Rust source as far as imports go: comments, texts and test items blanked, paths resolved.

use std::collections::BTreeSet;

/// The code of a file without comments, without the content of literals, and without items under `#[cfg(test)]`. What is
/// left out becomes blanks, so that lines stay where they are.
pub fn code(text: &str) -> String {
    without_tests(&without_comments_and_literals(text))
}

fn without_comments_and_literals(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let end = skipped(&characters, at);
        if end > at {
            code.extend(characters[at..end].iter().map(|&c| if c == '\n' { c } else { ' ' }));
            at = end;
        } else {
            code.push(characters[at]);
            at += 1;
        }
    }
    code
}

/// Where the comment or literal that begins at `at` ends; `at` itself where none begins.
fn skipped(characters: &[char], at: usize) -> usize {
    let starts = |text: &str| text.chars().enumerate().all(|(i, c)| characters.get(at + i) == Some(&c));
    let find = |from: usize, text: &str| {
        let text: Vec<char> = text.chars().collect();
        (from..=characters.len().saturating_sub(text.len())).find(|&i| characters[i..i + text.len()] == text[..])
    };
    if starts("//") {
        return find(at, "\n").unwrap_or(characters.len());
    }
    if starts("/*") {
        return find(at + 2, "*/").map_or(characters.len(), |end| end + 2);
    }
    let identifier_before = at > 0 && (characters[at - 1].is_alphanumeric() || characters[at - 1] == '_');
    if starts("r\"") || starts("r#") && !identifier_before {
        let hashes = characters[at + 1..].iter().take_while(|&&c| c == '#').count();
        if characters.get(at + 1 + hashes) == Some(&'"') && !identifier_before {
            let close = format!("\"{}", "#".repeat(hashes));
            return find(at + 2 + hashes, &close).map_or(characters.len(), |end| end + close.len());
        }
    }
    if starts("\"") {
        let mut end = at + 1;
        while end < characters.len() && characters[end] != '"' {
            end += if characters[end] == '\\' { 2 } else { 1 };
        }
        return (end + 1).min(characters.len());
    }
    // A character, not a lifetime: a quote follows after one character or an escape.
    if starts("'\\") {
        return find(at + 3, "'").map_or(characters.len(), |end| end + 1);
    }
    if starts("'") && characters.get(at + 2) == Some(&'\'') {
        return at + 3;
    }
    at
}

fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut code = code.to_owned();
    while let Some(start) = code.find(MARK) {
        let end = end_of_item(&code, start + MARK.len());
        let blank: String = code[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        code.replace_range(start..end, &blank);
    }
    code
}

/// Behind the item's closing brace, or behind its semicolon where it has no body.
fn end_of_item(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code[from..].char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth <= 1 => return from + at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return from + at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Module of a file below `src`: `lifecycle/stages/queue/mod.rs` → `[lifecycle, stages, queue]`.
pub fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs");
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

/// Paths within the crate that the code names, from the root, with braces opened up.
pub fn crate_paths(code: &str, module: &[String]) -> BTreeSet<Vec<String>> {
    let mut paths = BTreeSet::new();
    for (start, word) in words(code) {
        // `pub(super)` and `pub(crate)` name nothing.
        if !code[start + word.len()..].trim_start().starts_with("::") {
            continue;
        }
        let anchored = match word {
            "crate" => vec![],
            "super" if !code[..start].ends_with("::") => module[..module.len().saturating_sub(1)].to_vec(),
            "self" if code[start..].starts_with("self::") && !code[..start].ends_with("::") => module.to_vec(),
            _ => continue,
        };
        open(&code[start + word.len()..], anchored, &mut paths);
    }
    paths
}

fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + code[at..].find(is_word)?;
        let end = start + code[start..].find(|c| !is_word(c)).unwrap_or(code.len() - start);
        at = end;
        Some((start, &code[start..end]))
    })
}

/// Follows `::a::{b, c::d}` from a prefix.
fn open(rest: &str, mut prefix: Vec<String>, paths: &mut BTreeSet<Vec<String>>) {
    let mut rest = rest;
    while let Some(next) = rest.trim_start().strip_prefix("::") {
        let next = next.trim_start();
        if let Some(group) = next.strip_prefix('{') {
            for part in members(group) {
                open(&format!("::{part}"), prefix.clone(), paths);
            }
            return;
        }
        let end = next.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(next.len());
        match &next[..end] {
            "super" => drop(prefix.pop()),
            "self" => {}
            word => prefix.push(word.to_owned()),
        }
        rest = &next[end..];
        if end == 0 {
            break;
        }
    }
    if !prefix.is_empty() {
        paths.insert(prefix);
    }
}

/// The members of a group that was opened, up to its closing brace.
fn members(group: &str) -> Vec<String> {
    let mut members = vec![String::new()];
    let mut depth = 0_usize;
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            ',' if depth == 0 => {
                members.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        members.last_mut().unwrap().push(character);
    }
    members.into_iter().map(|member| member.trim().to_owned()).filter(|member| !member.is_empty()).collect()
}

#[test]
fn comments_literals_and_tests_are_no_code() {
    let text = r##"
use crate::api; // crate::cli
/* crate::agent */
const A: &str = "crate::offline \" crate::cli";
const B: &str = r#"crate::report"#;
const C: char = '"';
#[cfg(test)]
mod testing;
fn f<'a>(x: &'a str) {}
#[cfg(test)]
mod tests {
    use crate::controller;
    fn g() { if true { } }
}
use crate::plan;
"##;
    let code = code(text);
    let paths: Vec<String> = crate_paths(&code, &[]).into_iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["api", "plan"]);
    assert_eq!(code.lines().count(), text.lines().count());
}

#[test]
fn groups_are_opened_and_super_is_followed() {
    let code =
        "use crate::{api::{self, Phase}, plan}; use super::super::units; pub(super) fn f() { crate::text::cut() }";
    let module = ["a".to_owned(), "b".to_owned()];
    let paths: Vec<String> = crate_paths(code, &module).into_iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["api", "api::Phase", "plan", "text::cut", "units"]);
}
