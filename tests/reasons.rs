//! Every reason that is given is explained, and docs/troubleshooting.md has the words of the code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use bcmp::api::Phase;
use bcmp::api::reasons::{REASONS, reason};
use regex::Regex;

/// What gives reasons to runs, variants, conditions and events.
const SOURCES: &[&str] = &[
    include_str!("../src/prediction/aiconfigurator/dialogue.rs"),
    include_str!("../src/prediction/predictor.rs"),
    include_str!("../src/agent/generate/variant.rs"),
    include_str!("../src/lifecycle/stages/queue/mod.rs"),
    include_str!("../src/lifecycle/stages/finish.rs"),
    include_str!("../src/lifecycle/stages/generate.rs"),
    include_str!("../src/lifecycle/stages/measure.rs"),
    include_str!("../src/lifecycle/status/events.rs"),
    include_str!("../src/lifecycle/report.rs"),
    include_str!("../src/lifecycle/stages/start.rs"),
    include_str!("../src/lifecycle/status/conditions.rs"),
    include_str!("../src/lifecycle/problem.rs"),
    include_str!("../src/judgement/mod.rs"),
    include_str!("../src/judgement/position.rs"),
    include_str!("../src/manifests/error.rs"),
];

/// Texts in CamelCase that stand where a reason is given. Only words that follow one another are taken for reasons
/// everywhere; single ones where `statement(…)` or an event gives them.
fn reasons() -> BTreeSet<String> {
    let given = r#"(?:reason: |=> \(?|refused\(|wish\(|EarlyEnd::\w+, |ConditionStatus::\w+, |failed: |\(|else \{ )"#;
    let camel_case = Regex::new(&format!(r#"{given}"((?:[A-Z][a-z]+){{2,}})""#)).unwrap();
    let stated =
        Regex::new(r#"statement\((?:kind, )?(?:ConditionStatus::)?(?:True|False|Unknown), "([A-Z][A-Za-z]+)""#)
            .unwrap();
    let told = Regex::new(r#"(?:normal|warning|note)\("([A-Z][A-Za-z]+)""#).unwrap();
    let products = || SOURCES.iter().map(|source| source.split("#[cfg(test)]").next().unwrap());
    let found = products().flat_map(|product| {
        let all = [&camel_case, &stated, &told].into_iter().flat_map(|given| given.captures_iter(product));
        all.map(|found| found[1].to_owned()).collect::<Vec<_>>()
    });
    // A word of the server, a wish that ends no run, and what cannot happen to a plan that was read from JSON.
    let not_shown = ["PodSecurity", "FirstRun", "NotWritable"];
    found.filter(|word| !not_shown.contains(&word.as_str())).collect()
}

#[test]
fn each_reason_is_explained() {
    let reasons = reasons();
    assert!(reasons.len() > 40, "too few to be true: {reasons:?}");
    let missing: Vec<&String> = reasons.iter().filter(|name| reason(name).is_none()).collect();
    assert!(missing.is_empty(), "src/api/reasons.rs does not explain {missing:?}");
}

/// A phase is the reason where nothing else is.
#[test]
fn each_phase_is_explained() {
    let schema = serde_json::to_value(schemars::schema_for!(Phase)).unwrap();
    let phases: Vec<&str> =
        schema["oneOf"].as_array().unwrap().iter().map(|phase| phase["const"].as_str().unwrap()).collect();
    assert_eq!(phases.len(), 11);
    let missing: Vec<_> = phases.iter().filter(|phase| reason(phase).is_none()).collect();
    assert!(missing.is_empty(), "src/api/reasons.rs does not explain {missing:?}");
}

/// The page's tables are the code's words.
#[test]
fn the_page_agrees_with_the_code() {
    let document = include_str!("../docs/troubleshooting.md");
    let rows: Vec<Vec<&str>> = document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let mut named = BTreeSet::new();
    for reason in REASONS {
        let name = format!("`{}`", reason.name);
        let row = rows.iter().find(|row| row[1].split(", ").any(|cell| cell == name));
        let row = row.unwrap_or_else(|| panic!("docs/troubleshooting.md has no row for {name}"));
        named.insert(row[1]);
        let told: Vec<&str> =
            [Some(reason.meaning), reason.final_after, Some(reason.remedy)].into_iter().flatten().collect();
        assert_eq!(row[2..row.len() - 1], told, "docs/troubleshooting.md on {name}");
    }
    // Other tables begin with what is seen, in words.
    let names = Regex::new(r"^`\w+`(, `\w+`)*$").unwrap();
    let others: Vec<_> =
        rows.iter().map(|row| row[1]).filter(|cell| names.is_match(cell) && !named.contains(cell)).collect();
    assert!(others.is_empty(), "docs/troubleshooting.md explains what is no reason: {others:?}");
}
