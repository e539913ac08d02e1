//! What rounds of two variants amount to.

use rstest::rstest;

use super::*;
use crate::judgement::rules::RoundLimits;
use crate::method::testing::{accepted, figures, key, means, rejected};
use crate::method::trial::{Purpose, Rejection};
use crate::units::Percent;

fn rules() -> Rules {
    let percent = |value| Percent::new(value).unwrap();
    Rules {
        sla: means(500.0, 7.0),
        equivalence_margin: percent(5.0),
        accuracy_tolerance: percent(20.0),
        assumed_scatter: percent(2.5),
        rounds: RoundLimits { minimum: 1, maximum: 8 },
        repeatable: true,
    }
}

/// A variant whose TPOT is 3.5 ms × (1 + c ÷ `end`), so that it reaches 7 ms at `end`, each round times its own factor.
fn measured(end: f64, slower: &[f64]) -> Vec<Trial> {
    let (lo, hi) = (end.floor() as u32 - 1, end.ceil() as u32 + 2);
    let at = |level: u32, slower: f64| {
        let tpot = slower * 3.5 * (1.0 + f64::from(level) / end);
        let tokens = f64::from(level) / (100.0 + 499.0 * tpot) * 62_500.0;
        figures(level, 100.0, tpot, tokens)
    };
    let found = [lo, hi].map(|level| accepted(key(1, level, Purpose::Ladder, 1), at(level, 1.0)));
    let anew = (1..).zip(slower).flat_map(|(round, slower)| {
        [lo, hi].map(|level| accepted(key(round, level, Purpose::Decision, 1), at(level, *slower)))
    });
    found.into_iter().chain(anew).collect()
}

/// A variant of which these levels, with TPOT in ms, are run in each of so many rounds.
fn levels(levels: &[(u32, f64)], deciding: &[u32], rounds: u32) -> Vec<Trial> {
    let at = |(level, tpot): &(u32, f64)| {
        figures(*level, 100.0, *tpot, f64::from(*level) / (100.0 + 499.0 * tpot) * 62_500.0)
    };
    let found = levels.iter().map(|level| accepted(key(1, level.0, Purpose::Ladder, 1), at(level)));
    let anew = (1..=rounds).flat_map(|round| {
        let again = levels.iter().filter(|level| deciding.contains(&level.0));
        again.map(move |level| accepted(key(round, level.0, Purpose::Decision, 1), at(level)))
    });
    found.chain(anew).collect()
}

fn evidence(trials: &[Trial]) -> VariantEvidence<'_> {
    VariantEvidence { trials, origin: TrialOrigin::Sweep, failed_rounds: &[] }
}

fn after(rules: &Rules, rounds: u32, baseline: &[Trial], candidate: &[Trial]) -> Comparison {
    let progress = RoundsSoFar { candidates: 1, rounds, budget_spent: false };
    compare(rules, &evidence(baseline), &evidence(candidate), progress)
}

fn closed(outcome: Outcome, stopped: Stopped) -> Standing {
    Standing::Closed { outcome, stopped }
}

const STEADY: [f64; 8] = [1.0; 8];
const SCATTERED: [f64; 8] = [1.0, 1.04, 0.97, 1.03, 0.96, 1.04, 0.98, 1.01];

#[rstest]
#[case::much_better(20.0, 30.0, Outcome::CandidateBetter)]
#[case::much_worse(30.0, 20.0, Outcome::BaselineBetter)]
#[case::alike(20.0, 20.0, Outcome::NoDifference)]
fn rounds_that_repeat_decide(#[case] baseline: f64, #[case] candidate: f64, #[case] outcome: Outcome) {
    let comparison = after(&rules(), 8, &measured(baseline, &STEADY), &measured(candidate, &STEADY));
    assert_eq!(comparison.standing, closed(outcome, Stopped::Decided));
    assert!((2..=3).contains(&comparison.looks.len()), "{}", comparison.looks.len());
}

#[test]
fn candidates_share_the_error() {
    let (baseline, candidate) = (measured(20.0, &STEADY[..2]), measured(30.0, &STEADY[..2]));
    let of = |candidates| {
        let progress = RoundsSoFar { candidates, rounds: 2, budget_spent: false };
        let compared = compare(&rules(), &evidence(&baseline), &evidence(&candidate), progress);
        compared.last().unwrap().gain.as_ref().unwrap().half_width
    };
    assert!(of(3) > of(2) && of(2) > of(1));
}

#[test]
fn scatter_makes_a_small_difference_futile() {
    let backwards: Vec<f64> = SCATTERED.iter().rev().copied().collect();
    let comparison = after(&rules(), 8, &measured(20.0, &SCATTERED), &measured(20.6, &backwards));
    assert_eq!(comparison.standing, closed(Outcome::Undetermined, Stopped::Futile));
    assert!((3..8).contains(&comparison.looks.len()));
}

#[test]
fn the_last_round_ends_an_open_comparison() {
    let rules = Rules { rounds: RoundLimits { minimum: 1, maximum: 2 }, ..rules() };
    let comparison = after(&rules, 2, &measured(20.0, &SCATTERED[..2]), &measured(21.0, &STEADY[..2]));
    assert_eq!(comparison.standing, closed(Outcome::Undetermined, Stopped::MaximumRounds));
}

#[test]
fn a_budget_that_is_spent_ends_it_and_a_raised_one_lets_it_go_on() {
    let (baseline, candidate) = (measured(20.0, &STEADY[..1]), measured(21.0, &STEADY[..1]));
    let of = |budget_spent| {
        let progress = RoundsSoFar { candidates: 1, rounds: 1, budget_spent };
        compare(&rules(), &evidence(&baseline), &evidence(&candidate), progress).standing
    };
    assert_eq!(of(true), closed(Outcome::Undetermined, Stopped::BudgetSpent));
    assert_eq!(of(false), Standing::Open);
}

/// Raised, it would pay for more of the same.
#[test]
fn servers_that_fail_are_named_before_a_budget_that_is_spent() {
    let progress = RoundsSoFar { candidates: 1, rounds: 1, budget_spent: true };
    let standing =
        compare(&rules(), &evidence(&measured(20.0, &STEADY[..1])), &evidence(&failing(1, 3)), progress).standing;
    assert_eq!(standing, closed(Outcome::Undetermined, Stopped::Unstable));
}

#[rstest]
#[case::one_round(Rules { rounds: RoundLimits { minimum: 1, maximum: 1 }, ..rules() })]
#[case::endpoints(Rules { repeatable: false, ..rules() })]
fn where_nothing_can_follow_the_assumed_scatter_is_taken_as_known(#[case] rules: Rules) {
    // Leverages near 2: ±18 %.
    let baseline = measured(20.0, &STEADY[..1]);
    let told = after(&rules, 1, &baseline, &measured(26.0, &STEADY[..1]));
    assert_eq!(told.standing, closed(Outcome::CandidateBetter, Stopped::Decided));
    let half_width = told.last().unwrap().gain.as_ref().unwrap().half_width;
    assert!((0.15..0.25).contains(&half_width), "{half_width}");
    let not_told = after(&rules, 1, &baseline, &measured(22.0, &STEADY[..1]));
    assert_eq!(not_told.standing, closed(Outcome::Undetermined, Stopped::CannotRepeat));
}

#[test]
fn files_are_judged_once_by_all_their_rounds() {
    let (baseline, candidate) = (measured(20.0, &STEADY[..5]), measured(30.0, &STEADY[..5]));
    let files = |trials| VariantEvidence { trials, origin: TrialOrigin::Files, failed_rounds: &[] };
    let rules = Rules { repeatable: false, ..rules() };
    let progress = RoundsSoFar { candidates: 1, rounds: 5, budget_spent: false };
    let comparison = compare(&rules, &files(&baseline), &files(&candidate), progress);
    assert_eq!(comparison.looks.len(), 1);
    assert_eq!(comparison.last().unwrap().shared_rounds, 5);
}

const NOWHERE: [(u32, f64); 2] = [(1, 18.0), (10, 30.0)];
const HARDLY_NOWHERE: [(u32, f64); 2] = [(1, 7.1), (10, 20.0)];
const EVERYWHERE: [(u32, f64); 3] = [(1, 3.0), (10, 3.5), (40, 4.0)];
const SLOWER_EVERYWHERE: [(u32, f64); 3] = [(1, 3.0), (10, 3.6), (40, 4.1)];

fn standing(baseline: &[Trial], candidate: &[Trial]) -> Standing {
    after(&rules(), 1, baseline, candidate).standing
}

#[test]
fn a_variant_that_meets_the_sla_nowhere_loses_to_one_that_does() {
    let (nowhere, value) = (levels(&NOWHERE, &[], 1), measured(20.0, &STEADY[..1]));
    assert_eq!(standing(&nowhere, &value), closed(Outcome::OnlyCandidateMeetsSla, Stopped::Decided));
    assert_eq!(standing(&value, &nowhere), closed(Outcome::OnlyBaselineMeetsSla, Stopped::Decided));
    assert_eq!(standing(&nowhere, &nowhere), closed(Outcome::NeitherMeetsSla, Stopped::Decided));
    let everywhere = levels(&EVERYWHERE, &[40], 1);
    assert_eq!(standing(&nowhere, &everywhere), closed(Outcome::OnlyCandidateMeetsSla, Stopped::Decided));
}

#[test]
fn whether_one_that_hardly_misses_meets_it_takes_more_rounds() {
    let (hardly, nowhere) = (levels(&HARDLY_NOWHERE, &[1], 1), levels(&NOWHERE, &[], 1));
    assert_eq!(standing(&nowhere, &hardly), Standing::Open);
}

#[test]
fn a_lower_bound_tells_of_more_and_not_of_less() {
    let (everywhere, value) = (levels(&EVERYWHERE, &[40], 1), measured(8.0, &STEADY[..1]));
    assert_eq!(standing(&value, &everywhere), closed(Outcome::CandidateBetter, Stopped::Decided));
    assert_eq!(standing(&everywhere, &value), closed(Outcome::BaselineBetter, Stopped::Decided));
    // The value is far above what the other has at its highest level.
    let small = levels(&[(1, 3.0), (2, 3.1)], &[2], 1);
    assert_eq!(standing(&small, &measured(80.0, &STEADY[..1])), Standing::Open);
}

#[test]
fn two_lower_bounds_tell_nothing() {
    let both = standing(&levels(&EVERYWHERE, &[40], 1), &levels(&SLOWER_EVERYWHERE, &[40], 1));
    assert_eq!(both, closed(Outcome::Undetermined, Stopped::Futile));
}

#[test]
fn an_upper_bound_within_doubt_tells_beside_one_that_surely_meets_the_sla_there() {
    let hardly = levels(&HARDLY_NOWHERE, &[1], 1);
    // With one request 3.7 ms of 7 are used.
    let mut better = measured(20.0, &STEADY[..1]);
    assert_eq!(standing(&hardly, &better), Standing::Open, "nothing is known of a single request");
    better.push(accepted(key(1, 1, Purpose::Ladder, 1), figures(1, 100.0, 3.7, 32.0)));
    assert_eq!(standing(&hardly, &better), closed(Outcome::CandidateBetter, Stopped::Decided));
}

fn failing(rounds: u32, failed: u32) -> Vec<Trial> {
    let mut trials = measured(30.0, &STEADY[..rounds as usize]);
    let failures = (1..=failed).map(|number| rejected(key(1, 500, Purpose::Decision, number), Rejection::ErrorRate));
    trials.extend(failures);
    trials
}

#[rstest]
#[case::two_are_chance(2, Outcome::CandidateBetter, Stopped::Decided)]
#[case::three_of_nine_are_not(3, Outcome::Undetermined, Stopped::Unstable)]
fn a_variant_whose_trials_fail_is_unstable(#[case] failed: u32, #[case] outcome: Outcome, #[case] stopped: Stopped) {
    let comparison = after(&rules(), 2, &measured(20.0, &STEADY[..2]), &failing(2, failed));
    assert_eq!(comparison.standing, closed(outcome, stopped));
}

#[test]
fn a_first_round_of_failures_is_no_end_unless_it_decided() {
    let baseline = measured(20.0, &STEADY[..1]);
    assert_eq!(standing(&baseline, &failing(1, 3)), Standing::Open);
    let value = levels(&NOWHERE, &[], 1);
    assert_eq!(standing(&value, &failing(1, 3)), closed(Outcome::Undetermined, Stopped::Unstable));
}

#[test]
fn one_round_may_be_lost_and_not_two() {
    let lossy = |lost: &[u32]| -> Vec<Trial> {
        let trials = measured(20.2, &SCATTERED[..4]).into_iter();
        let lose = |trial: Trial| {
            let loses = lost.contains(&trial.key.round) && trial.key.purpose == Purpose::Decision;
            if loses { rejected(trial.key, Rejection::Other) } else { trial }
        };
        trials.map(lose).collect()
    };
    let baseline = measured(20.0, &SCATTERED[..4]);
    let one = after(&rules(), 2, &baseline, &lossy(&[2]));
    assert_eq!((one.standing, one.last().unwrap().shared_rounds), (Standing::Open, 1));
    let two = after(&rules(), 3, &baseline, &lossy(&[2, 3]));
    assert_eq!(two.standing, closed(Outcome::Undetermined, Stopped::RoundsLost));
    let nothing = after(&rules(), 1, &baseline, &[rejected(key(1, 1, Purpose::Ladder, 1), Rejection::Other)]);
    assert_eq!(nothing.standing, closed(Outcome::Undetermined, Stopped::RoundsLost));
}

#[test]
fn a_gain_uses_the_rounds_that_both_were_measured_in() {
    let candidate = measured(30.0, &STEADY[..2]);
    let mut baseline = measured(20.0, &SCATTERED[..3]);
    let with_more = after(&rules(), 2, &baseline, &candidate);
    baseline.retain(|trial| trial.key.round < 3);
    assert_eq!(with_more, after(&rules(), 2, &baseline, &candidate));
}

#[rstest]
#[case::odd(1, &[0, 1, 2])]
#[case::even(2, &[2, 1, 0])]
fn deployments_take_turns(#[case] round: u32, #[case] order: &[usize]) {
    assert_eq!(deployment_order(round, vec![1, 2, 0]), order);
}
