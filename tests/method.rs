//! docs/method.md says what the code computes: its worked examples, its codes and its limits are taken out of the page
//! and computed anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "method/auditing.rs"]
mod auditing;
#[path = "method/document.rs"]
mod document;
#[path = "method/judging.rs"]
mod judging;
#[path = "method/loading.rs"]
mod loading;
#[path = "method/predicting.rs"]
mod predicting;
#[path = "method/support.rs"]
mod support;

use std::collections::BTreeSet;

use bcmp::api::{EvidenceCode, Judgement, Load, Rounds};
use document::{DOCUMENT, marked};

/// Examples and what computes them, in the order of the page.
const EXAMPLES: &[(&str, fn())] = &[
    ("tpot", predicting::tpot),
    ("tokens per user", predicting::tokens_per_user),
    ("tokens per gpu", predicting::tokens_per_gpu),
    ("error", judging::error),
    ("context tokens", predicting::prompt_tokens),
    ("burst factor", predicting::burst_factor),
    ("interpolation", predicting::interpolation),
    ("replicas", predicting::over_replicas),
    ("beyond capacity", predicting::beyond_capacity),
    ("concurrent requests", predicting::concurrent_requests),
    ("consistency", predicting::consistency),
    ("size", loading::size),
    ("ramp", loading::ramp),
    ("timeout", loading::timeout),
    ("window", loading::window),
    ("percentile", loading::percentile),
    ("ladder", loading::ladders),
    ("midpoint", loading::midpoint),
    ("capacity", loading::capacity),
    ("deciding", loading::deciding),
    ("r", judging::r),
    ("level", judging::level),
    ("counts", judging::counts),
    ("at the sla", judging::at_the_sla),
    ("gain", judging::gain),
    ("critical", judging::critical),
    ("alone", judging::alone),
    ("call", judging::calls),
    ("claim", judging::claim),
    ("verdict", judging::verdict),
    ("price", loading::price),
    ("cost", loading::cost),
    ("energy", loading::energy),
    ("audit", auditing::limits_of_the_audit),
    ("scatter", auditing::scatter),
];

#[test]
fn the_examples_are_what_the_code_computes() {
    let known: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
    assert_eq!(marked("example"), known, "each example of the page is computed, and each is there");
    let wrong: Vec<&str> = EXAMPLES
        .iter()
        .filter(|(_, computes)| std::panic::catch_unwind(*computes).is_err())
        .map(|(name, _)| *name)
        .collect();
    assert!(wrong.is_empty(), "these examples are not what the code computes: {wrong:?}");
}

/// A formula nobody computes may be anything.
#[test]
fn each_formula_has_an_example() {
    let examples: BTreeSet<&str> = marked("example").into_iter().collect();
    let formulas = marked("formula");
    let pictures = DOCUMENT.matches("<!-- picture -->").count();
    let blocks = DOCUMENT.matches("```text").count();
    assert_eq!(formulas.len() + pictures, blocks, "a formula stands in a block of its own, below its marker");
    let without: Vec<_> = formulas.iter().filter(|name| !examples.contains(*name)).collect();
    assert!(without.is_empty(), "no example of {without:?}");
}

/// Codes that nothing in the sources finds are said to be such.
#[test]
fn codes_that_are_never_found_are_named() {
    let mut sources = String::new();
    let mut directories = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let explains = path.ends_with("explain/codes.rs") || path.ends_with("api/codes.rs");
            if path.is_dir() {
                directories.push(path);
            } else if !explains && path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(path).unwrap();
                sources.push_str(text.split("#[cfg(test)]").next().unwrap());
            }
        }
    }
    let found = |code: &&EvidenceCode| sources.contains(&format!("EvidenceCode::{code}"));
    let never: Vec<String> =
        EvidenceCode::ALL.iter().filter(|code| !found(code)).map(|code| format!("`{code}`")).collect();
    let line = DOCUMENT.lines().find_map(|line| line.strip_prefix("Part of the API and not found by this version: "));
    let said: Vec<String> =
        line.map_or(vec![], |line| line.trim_end_matches('.').split(", ").map(str::to_owned).collect());
    assert_eq!(said, never);
}

/// Numbers that stand in the sentences of the page and in the code.
#[test]
fn defaults_in_sentences_are_the_specs() {
    let (load, judgement, rounds) = (Load::default(), Judgement::default(), Rounds::default());
    let (tolerance, margin) = (&judgement.accuracy_tolerance_percent, &judgement.equivalence_margin_percent);
    let sentences = [
        format!("With the default `trialMinutes` of {}:", load.trial_minutes),
        format!("`load.refinements` ({})", load.refinements),
        format!("`load.decisionTrials` ({})", load.decision_trials),
        format!("`execution.rounds.maximum` ({})", rounds.maximum),
        format!("±{} % between deployments", judgement.assumed_scatter_percent),
        format!("With the default margin of {margin} %:"),
        format!("With the default tolerance of {tolerance} % and margin of {margin} %"),
    ];
    for sentence in sentences {
        assert!(DOCUMENT.contains(&sentence), "docs/method.md does not say: {sentence}");
    }
}
