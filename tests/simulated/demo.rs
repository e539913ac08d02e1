//! `bcmp demo`: what happens, what is written, and what changes with its options.

use rstest::rstest;
use tempfile::TempDir;

use super::command::{Ran, bcmp};

/// With the guide's own limit where no other is given.
fn demo(arguments: &[&str]) -> (Ran, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let limit: &[&str] = if arguments.contains(&"--tpot") { &[] } else { &["--tpot", "7"] };
    let ran = bcmp(directory.path(), &[&["demo"], limit, arguments].concat());
    (ran, directory)
}

fn shown(arguments: &[&str]) -> String {
    demo(arguments).0.ok()
}

/// From the table that `kubectl bcmp get` prints to the end.
fn numbers(shown: &str) -> &str {
    let table = &shown[shown.find("$ kubectl bcmp get").unwrap()..];
    &table[..table.find("on the simulated clock").unwrap()]
}

/// The same without what the time makes of it: times, and what a run has cost so far.
fn timeless(shown: &str) -> String {
    let kept = numbers(shown).lines().filter(|line| !line.contains("cost") && !line.contains(" min "));
    kept.collect::<Vec<_>>().join("\n")
}

/// What was measured, in the order in which it was.
fn trials(shown: &str) -> Vec<&str> {
    // Watches of the operator back off by chance, which moves times by parts of a second.
    shown.lines().filter_map(|line| line.get(10..)).filter(|line| is_trial(line)).collect()
}

/// After who, `r1`.
fn is_trial(line: &str) -> bool {
    let round = line.split_whitespace().nth(1).and_then(|word| word.strip_prefix('r'));
    round.is_some_and(|number| number.parse::<u32>().is_ok())
}

/// It is the first thing that people see, in a terminal of any size.
#[test]
fn nothing_of_the_story_is_wider_than_a_small_terminal() {
    let shown = shown(&[]);
    let story = &shown[..shown.find("$ kubectl bcmp get").unwrap()];
    let rows: Vec<&str> = story.lines().filter(|line| line.get(10..).is_some_and(is_trial)).collect();
    assert!(rows.len() > 10 && rows.iter().all(|row| row.len() <= 80), "{story}");
}

#[test]
fn the_guides_experiment_runs_from_its_creation_to_its_verdict() {
    let (ran, directory) = demo(&[]);
    let shown = ran.ok();
    let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("no `{text}` in\n{shown}"));
    let course = [
        "Generating ",
        "baseline     round 1: is deployed on 8 GPUs",
        "baseline     round 1: serves",
        "conc.  trial    TTFT ms  TPOT ms  tokens/s/GPU  SLA",
        "baseline     r1     1  ladder ",
        "baseline     round 1: is torn down",
        "optimized    round 1: is deployed on 8 GPUs",
        "optimized    r1    10  decides",
        "TearingDown ",
        "Succeeded ",
        "$ kubectl bcmp get qwen3-32b",
        "qwen3-32b, run 1: Succeeded",
        "optimized meets the SLA; baseline misses it at every load, as predicted.\n\n",
    ];
    assert!(course.map(at).is_sorted(), "{shown}");
    let page = std::fs::read_to_string(directory.path().join("bcmp-demo/report.html")).unwrap();
    let pictures = page.matches("<svg class=\"plot\"").count();
    assert!(pictures > 4 && page.matches(">simulated</text>").count() == pictures, "{pictures} pictures");
    assert!(page.contains("The figures are simulated."));
    let table = std::fs::read_to_string(directory.path().join("bcmp-demo/levels.csv")).unwrap();
    assert!(table.lines().count() > 15, "{table}");
}

/// The README's transcript shows the demo's own limit.
#[test]
fn a_limit_that_one_side_misses_has_no_gain() {
    let shown = shown(&[]);
    assert!(shown.contains("mean TPOT ≤ 7 ms: 1/2 meet") && !shown.contains("  gain "), "{shown}");
}

#[test]
fn a_killed_operator_changes_no_number() {
    let (undisturbed, killed) = (shown(&[]), shown(&["--kill-operator-at", "7"]));
    assert!(killed.contains("operator     is killed") && killed.contains("operator     starts again"), "{killed}");
    assert_eq!(timeless(&killed), timeless(&undisturbed));
    assert_eq!(trials(&killed), trials(&undisturbed), "a trial is lost, or measured twice");
}

#[test]
fn chance_comes_from_the_seed_alone() {
    let [first, again, other] = ["5", "5", "6"].map(|seed| shown(&["--seed", seed]));
    assert_eq!((timeless(&first), trials(&first)), (timeless(&again), trials(&again)));
    assert_ne!((timeless(&first), trials(&first)), (timeless(&other), trials(&other)));
}

/// TPOT of the candidate with one request, as the story shows it.
fn tpot(shown: &str) -> f64 {
    let line = shown.lines().find(|line| line.contains("optimized    r1     1  ")).unwrap();
    line.split_whitespace().nth(6).unwrap().parse().unwrap()
}

#[test]
fn slower_engines_end_with_another_verdict() {
    let (as_predicted, slower) = (shown(&[]), shown(&["--reality", "optimized=-50%"]));
    assert!((tpot(&slower) / tpot(&as_predicted) - 2.0).abs() < 0.02, "{slower}");
    assert!(as_predicted.contains("Confirmed:"), "{as_predicted}");
    assert!(!slower.contains("Confirmed:"), "{slower}");
}

#[test]
fn a_level_with_bad_evidence_is_rejected() {
    let shown = shown(&["--break", "optimized@10=NotStreaming", "--break", "baseline@5=ErrorRate"]);
    assert!(shown.contains("optimized    r1    10  ladder   rejected: NotStreaming"), "{shown}");
    assert!(shown.contains("baseline     r1     5  ladder   rejected: ErrorRate"), "{shown}");
    let rejected = numbers(&shown).lines().filter(|line| line.ends_with("rejected"));
    let rejected: Vec<&str> = rejected.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(rejected, ["5", "10"], "{shown}");
    assert!(shown.contains("the claim was not measured"), "{shown}");
}

/// The codes in the help are those that are accepted.
#[test]
fn the_help_names_every_code() {
    let help = shown(&["--help"]);
    let error = demo(&["--break", "baseline@10=Sabotage"]).0.usage();
    let codes = error.split("use ").nth(1).unwrap().split('\n').next().unwrap();
    assert!(codes.split(", ").count() > 4 && help.contains(&format!("{codes}.")), "{codes}\n{help}");
}

#[rstest]
#[case(&["--reality", "fast=-15%"], "--reality names the variant fast: the variants are baseline, optimized")]
#[case(&["--reality", "optimized=slow"], "`slow` is not a percentage from -90% to +900%")]
#[case(&["--break", "fast@10=NotStreaming"], "--break names the variant fast: the variants are baseline, optimized")]
#[case(&["--break", "baseline@11=NotStreaming"], "the comparison has no such level; its levels are 1, 2, 5, 10, 50")]
#[case(&["--break", "baseline@10"], "`baseline@10` is not VARIANT@CONCURRENCY=CODE")]
#[case(&["--kill-operator-at", "0"], "0 is not in 1..")]
#[case(&["--tpot", "0"], "0 is not in 1..=1000")]
#[case(&["--seed", "one"], "invalid digit")]
fn a_bad_option_is_named_with_what_is_allowed(#[case] arguments: &[&str], #[case] said: &str) {
    let error = demo(arguments).0.usage();
    assert!(error.contains(said), "{error}");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("taken"), "").unwrap();
    let ran = bcmp(directory.path(), &["demo", "-d", "taken"]);
    assert!(ran.code == 1 && ran.err.contains("taken") && ran.err.contains("-d"), "{}", ran.err);
}
