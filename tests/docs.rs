//! The documents say what the code does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use regex::Regex;

/// Reasons for which a run or a variant fails, by the file that gives them.
const SOURCES: &[&str] = &[
    include_str!("../src/engine/trouble.rs"),
    include_str!("../src/engine/generation.rs"),
    include_str!("../src/engine/measuring.rs"),
    include_str!("../src/engine/admission.rs"),
];

/// Texts in CamelCase that stand where a reason is given: `reason: "…"`, or the first of a pair with its cure.
fn reasons() -> BTreeSet<String> {
    let camel_case = Regex::new(r#"(?:reason: |=> \(?)"((?:[A-Z][a-z]+){2,})""#).unwrap();
    let products = SOURCES.iter().map(|source| source.split("#[cfg(test)]").next().unwrap());
    products.flat_map(|product| camel_case.captures_iter(product).map(|found| found[1].to_owned())).collect()
}

#[test]
fn each_reason_has_its_cure() {
    let document = include_str!("../docs/troubleshooting.md");
    let reasons = reasons();
    assert!(reasons.len() > 8, "too few to be true: {reasons:?}");
    let missing: Vec<&String> = reasons.iter().filter(|reason| !document.contains(&format!("`{reason}`"))).collect();
    assert!(missing.is_empty(), "docs/troubleshooting.md does not explain {missing:?}");
}
