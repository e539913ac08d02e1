//! Whole sweeps of servers that are formulas.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::method::testing::{OUTPUT_TOKENS, accepted, figures, means, rejected};
use crate::method::trial::Rejection;

/// TTFT and TPOT at a level, ms.
type Server<'a> = &'a dyn Fn(f64) -> (f64, f64);

const SIZE: SizeRules =
    SizeRules { trial_minutes: 10.0, unequal_lengths: false, request_timeout_seconds: 600, seed: 1 };

fn plan(ladder: &[u32]) -> SweepPlan {
    SweepPlan {
        round: 1,
        ladder: ladder.to_vec(),
        sla: means(500.0, 7.0),
        capacity: None,
        output_tokens: OUTPUT_TOKENS,
        decision_trials: 2,
        refinements: 2,
        stop_after_misses: 0,
        size: SIZE,
        warm: false,
    }
}

fn run(server: Server, key: TrialKey) -> Trial {
    let (ttft, tpot) = server(f64::from(key.concurrency));
    let latency = ttft + f64::from(OUTPUT_TOKENS - 1) * tpot;
    let tokens = f64::from(key.concurrency) / latency * 1000.0 * f64::from(OUTPUT_TOKENS) / 8.0;
    accepted(key, figures(key.concurrency, ttft, tpot, tokens))
}

/// Runs a round to its end, after what was published before.
fn sweep(plan: &SweepPlan, server: Server, mut published: Vec<Trial>) -> Vec<Trial> {
    while let Next::Run(trial) = next(plan, None, &published) {
        published.push(run(server, trial.key));
        assert!(published.len() < 200, "the sweep ends");
    }
    published
}

/// Levels in the order in which they were run for a purpose.
fn levels(trials: &[Trial], purpose: Purpose) -> Vec<u32> {
    trials.iter().filter(|trial| trial.key.purpose == purpose).map(|trial| trial.key.concurrency).collect()
}

/// TPOT reaches its limit of 7 ms at this level.
fn ends_at(level: f64) -> impl Fn(f64) -> (f64, f64) {
    move |c| (100.0, 3.5 * (1.0 + c / level))
}

/// Works on so many; more wait.
fn holds(capacity: f64, tpot: f64) -> impl Fn(f64) -> (f64, f64) {
    move |c| {
        let latency = 100.0 + 499.0 * tpot;
        (100.0 + (c - c.min(capacity)) * latency / capacity, tpot)
    }
}

#[test]
fn the_ladder_is_climbed_the_bracket_narrowed_and_its_ends_run_in_turns() {
    let trials = sweep(&plan(&[1, 2, 5, 10, 50, 100]), &ends_at(20.0), vec![]);
    assert_eq!(levels(&trials, Purpose::Ladder), [1, 2, 5, 10, 50, 100]);
    assert_eq!(levels(&trials, Purpose::Refinement), [22, 15]);
    assert_eq!(levels(&trials, Purpose::Decision), [15, 22, 22, 15], "lo hi hi lo");
}

#[test]
fn a_later_round_runs_the_deciding_levels_alone() {
    let first = sweep(&plan(&[1, 10, 50]), &ends_at(20.0), vec![]);
    let second = sweep(&SweepPlan { round: 2, ..plan(&[1, 10, 50]) }, &ends_at(20.0), first.clone());
    let new: Vec<TrialKey> = second[first.len()..].iter().map(|trial| trial.key).collect();
    assert!(new.iter().all(|key| key.purpose == Purpose::Decision && key.round == 2));
    assert_eq!(levels(&second[first.len()..], Purpose::Decision), [15, 22, 22, 15]);
}

#[test]
fn what_a_first_round_left_open_a_later_one_runs() {
    let whole = sweep(&plan(&[1, 10, 50]), &ends_at(20.0), vec![]);
    let rest = sweep(&SweepPlan { round: 2, ..plan(&[1, 10, 50]) }, &ends_at(20.0), whole[..2].to_vec());
    assert_eq!(levels(&rest, Purpose::Ladder), [1, 10, 50]);
    assert_eq!(levels(&rest, Purpose::Decision), [15, 22, 22, 15]);
}

#[test]
fn below_the_ladder_the_lowest_level_is_halved() {
    let trials = sweep(&plan(&[32, 64]), &ends_at(10.0), vec![]);
    assert_eq!(levels(&trials, Purpose::Ladder), [32, 64, 16, 8]);
    assert_eq!(levels(&trials, Purpose::Refinement), [11, 9]);
    let trials = sweep(&plan(&[7]), &ends_at(0.9), vec![]);
    assert_eq!(levels(&trials, Purpose::Ladder), [7, 3, 1], "in whole numbers, down to 1");
}

#[rstest]
#[case::hardly(0.9, &[1, 1])]
#[case::hopelessly(0.49, &[])]
fn a_lowest_level_that_misses_is_run_again_unless_it_is_hopeless(#[case] end: f64, #[case] again: &[u32]) {
    assert_eq!(levels(&sweep(&plan(&[1, 10]), &ends_at(end), vec![]), Purpose::Decision), again);
}

#[test]
fn above_the_ladder_the_highest_level_is_doubled_twice() {
    let trials = sweep(&plan(&[1, 10]), &ends_at(1000.0), vec![]);
    assert_eq!(levels(&trials, Purpose::Ladder), [1, 10, 20, 40]);
    assert_eq!(levels(&trials, Purpose::Decision), [40, 40]);
    let trials = sweep(&plan(&[1, 10]), &ends_at(15.0), vec![]);
    assert_eq!(levels(&trials, Purpose::Ladder), [1, 10, 20]);
    assert_eq!(levels(&trials, Purpose::Refinement), [14, 17]);
}

#[test]
fn a_level_that_misses_below_one_that_meets_is_run_again() {
    let odd = |c: f64| if c == 8.0 { (100.0, 7.5) } else { ends_at(40.0)(c) };
    let trials = sweep(&plan(&[1, 2, 4, 8, 16, 32, 64]), &odd, vec![]);
    assert_eq!(levels(&trials, Purpose::Recheck), [8]);
    assert_eq!(levels(&trials, Purpose::Refinement), [6, 7], "it misses again and is the end");
    assert_eq!(levels(&trials, Purpose::Decision), [7, 8, 8, 7]);
    assert_eq!(Selection::of(plan(&[1, 2, 4, 8, 16, 32, 64]).search(), &trials).not_monotone, Some(8));
}

#[test]
fn a_level_that_missed_by_chance_is_forgotten() {
    let plan = plan(&[1, 2, 4, 8, 16, 32, 64]);
    let mut trials = vec![];
    while let Next::Run(trial) = next(&plan, None, &trials) {
        let unlucky = (trial.key.concurrency, trial.key.purpose) == (8, Purpose::Ladder);
        let server = |c: f64| if unlucky { (100.0, 7.5) } else { ends_at(40.0)(c) };
        trials.push(run(&server, trial.key));
    }
    assert_eq!(levels(&trials, Purpose::Recheck), [8]);
    assert_eq!(levels(&trials, Purpose::Decision), [38, 45, 45, 38]);
    assert_eq!(Selection::of(plan.search(), &trials).not_monotone, None);
}

#[test]
fn an_unknown_capacity_is_found() {
    // Of 10 and 50, 50 waits: its rate and the latency without waiting tell that 12 are worked on.
    let trials = sweep(&plan(&[1, 10, 50]), &holds(12.0, 6.0), vec![]);
    assert_eq!(levels(&trials, Purpose::Refinement), [12, 24]);
    let trials = sweep(&plan(&[10, 12, 50]), &holds(12.0, 6.0), vec![]);
    assert_eq!(levels(&trials, Purpose::Refinement), [24, 17], "it is not run twice");
}

#[test]
fn a_wide_bracket_is_narrowed_further() {
    let trials = sweep(&plan(&[1, 1000]), &ends_at(30.0), vec![]);
    assert_eq!(levels(&trials, Purpose::Refinement), [32, 6, 14]);
    let unrefined = SweepPlan { refinements: 0, ..plan(&[1, 1000]) };
    assert_eq!(levels(&sweep(&unrefined, &ends_at(30.0), vec![]), Purpose::Refinement), [0; 0]);
}

#[test]
fn neighbours_are_not_narrowed() {
    let trials = sweep(&plan(&[1, 2]), &ends_at(1.5), vec![]);
    assert_eq!(levels(&trials, Purpose::Refinement), [0; 0]);
    assert_eq!(levels(&trials, Purpose::Decision), [1, 2, 2, 1]);
}

#[test]
fn the_level_with_the_most_throughput_decides_alone() {
    // Throughput falls from 8 on; TPOT reaches its limit later.
    let falls = |c: f64| (100.0, if c <= 8.0 { 2.0 } else { 2.0 * (c / 8.0).powf(1.5) });
    let trials = sweep(&plan(&[1, 2, 4, 8, 16, 32]), &falls, vec![]);
    assert_eq!(levels(&trials, Purpose::Decision), [8, 8]);
}

/// The level that decided was lucky: by its new trials it is on the other side.
#[test]
fn a_level_joins_where_both_ends_fall_on_one_side() {
    let plan = plan(&[1, 10, 14]);
    let mut trials = vec![];
    while let Next::Run(trial) = next(&plan, None, &trials) {
        let end = if trial.key.purpose == Purpose::Decision { 15.0 } else { 13.0 };
        trials.push(run(&ends_at(end), trial.key));
    }
    assert_eq!(levels(&trials, Purpose::Refinement), [12]);
    assert_eq!(levels(&trials, Purpose::Decision), [12, 14, 14, 12, 17, 17]);
    let later = sweep(&SweepPlan { round: 2, ..plan }, &ends_at(15.0), trials.clone());
    assert_eq!(levels(&later[trials.len()..], Purpose::Decision), [14, 17, 17, 14]);
}

#[test]
fn a_climb_may_end_after_misses() {
    let early = SweepPlan { stop_after_misses: 2, ..plan(&[1, 2, 5, 10, 50]) };
    let trials = sweep(&early, &ends_at(1.5), vec![]);
    assert_eq!(levels(&trials, Purpose::Ladder), [1, 2, 5]);
}

#[test]
fn only_a_deployments_first_trial_warms_up() {
    let plan = plan(&[5, 10]);
    let Next::Run(first) = next(&plan, None, &[]) else { panic!() };
    assert_eq!((first.requests, first.warmup, first.ramp_seconds), (20, 5, None));
    let trials = vec![run(&ends_at(20.0), first.key)];
    let warm = SweepPlan { warm: true, ..plan.clone() };
    let Next::Run(second) = next(&warm, None, &trials) else { panic!() };
    assert_eq!((second.requests, second.warmup), (40, 0));
    let latency = (100.0 + 499.0 * 3.5 * 1.25) / 1000.0;
    assert!((second.ramp_seconds.unwrap() - latency).abs() < 1e-9, "as the level below took");
    let Next::Run(anew) = next(&SweepPlan { round: 2, ..plan }, None, &trials) else { panic!() };
    assert_eq!(anew.warmup, 10);
}

#[test]
fn beyond_a_capacity_that_was_found_users_start_at_once() {
    let plan = plan(&[1, 10, 50]);
    let mut trials = vec![];
    let mut ramps = vec![];
    while let Next::Run(trial) = next(&plan, None, &trials) {
        ramps.push((trial.key.concurrency, trial.ramp_seconds.is_some()));
        trials.push(run(&holds(12.0, 6.0), trial.key));
    }
    assert_eq!(ramps[..5], [(1, false), (10, true), (50, true), (12, true), (24, false)]);
}

fn spoilt(trials: &[Trial], at: usize, why: Rejection) -> Vec<Trial> {
    let mut trials = trials[..=at].to_vec();
    trials[at] = rejected(trials[at].key, why);
    trials
}

#[test]
fn a_spoilt_trial_is_run_once_more_and_then_passed_over() {
    let plan = plan(&[1, 10, 50]);
    let whole = sweep(&plan, &ends_at(20.0), vec![]);
    let once = spoilt(&whole, 1, Rejection::ErrorRate);
    let Next::Run(again) = next(&plan, None, &once) else { panic!() };
    assert_eq!((again.key.concurrency, again.key.try_number), (10, 2));
    let mut twice = once.clone();
    twice.push(rejected(again.key, Rejection::ErrorRate));
    let Next::Run(after) = next(&plan, None, &twice) else { panic!() };
    assert_eq!(after.key.concurrency, 50);
    let over = spoilt(&whole, 1, Rejection::Other);
    let Next::Run(after) = next(&plan, None, &over) else { panic!() };
    assert_eq!(after.key.concurrency, 50);
}

#[test]
fn a_level_that_decides_and_cannot_be_measured_ends_the_round() {
    let plan = plan(&[1, 10, 12]);
    let mut trials = vec![];
    while let Next::Run(trial) = next(&plan, None, &trials) {
        let fails = (trial.key.concurrency, trial.key.purpose) == (12, Purpose::Decision);
        trials.push(if fails { rejected(trial.key, Rejection::Other) } else { run(&ends_at(11.0), trial.key) });
    }
    // 10 12 12, and then the last trial of 10 would tell nothing.
    assert_eq!(levels(&trials, Purpose::Decision), [11, 12, 12]);
}

#[test]
fn progress_counts_what_is_left() {
    let plan = plan(&[1, 10, 50]);
    let whole = sweep(&plan, &ends_at(20.0), vec![]);
    let at = |done: usize| progress(&plan, &whole[..done]);
    assert_eq!(at(0), SweepProgress { done: 0, expected: 9 });
    assert_eq!(at(4), SweepProgress { done: 4, expected: 9 });
    assert_eq!(at(6), SweepProgress { done: 6, expected: 9 });
    assert_eq!(at(9), SweepProgress { done: 9, expected: 9 });
    assert_eq!(progress(&SweepPlan { round: 2, ..plan }, &whole), SweepProgress { done: 0, expected: 4 });
}

proptest! {
    /// A sweep that is asked again after any of its trials, with them in any order, goes on as it would have.
    #[test]
    fn a_crash_changes_nothing(
        end in 0.5f64..400.0,
        fails in proptest::collection::vec(0u8..8, 200),
        crash in 0usize..40,
        shuffle in any::<u64>(),
    ) {
        let plan = plan(&[1, 2, 5, 10, 50, 100]);
        let outcome = |key: TrialKey, number: usize| match fails[number] {
            0 => rejected(key, Rejection::ErrorRate),
            1 => rejected(key, Rejection::Other),
            _ => run(&ends_at(end), key),
        };
        let go_on = |mut trials: Vec<Trial>| {
            while let Next::Run(trial) = next(&plan, None, &trials) {
                let number = trials.len();
                assert!(number < 100, "the sweep ends");
                trials.push(outcome(trial.key, number));
            }
            trials
        };
        let whole = go_on(vec![]);
        let mut keys: Vec<TrialKey> = whole.iter().map(|trial| trial.key).collect();
        keys.sort_unstable();
        keys.dedup();
        prop_assert_eq!(keys.len(), whole.len(), "no trial is run twice");
        let mut rest = whole[..crash.min(whole.len())].to_vec();
        rest.sort_by_key(|trial| size::seed(&plan.size, trial.key.round, trial.key.concurrency, trial.key.try_number, shuffle as u32));
        let resumed = go_on(rest);
        let same = whole.iter().all(|trial| resumed.contains(trial));
        prop_assert!(same && resumed.len() == whole.len());
    }
}
