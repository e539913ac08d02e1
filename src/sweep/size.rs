//! How large a trial is, how it starts and which prompts it gets (METHOD §3).

use crate::api::Load;
use crate::method::sla::SlaLimits;

/// Waves of a trial: one request of every user. The first and the last one do not count (METHOD §3).
const WAVES: u32 = 4;
/// Where a wave takes so long that this many waves do not fit in the time of a trial, one less will do (METHOD §3).
const FEWEST_WAVES: u32 = 3;
/// Requests of unequal lengths need more waves until users are out of step for good (METHOD §3).
const WAVES_OF_UNEQUAL_LENGTHS: u32 = 10;
/// Requests that count, of a level with few users (METHOD §3).
const COUNTED_AT_LEAST: u32 = 4;
/// Waves that do not count: the first and the last.
const WAVES_NOT_COUNTED: u32 = 2;
/// Requests beyond a percentile that a trial of the bracket needs, so that its quantile scatters little (METHOD §5).
const BEYOND_IN_BRACKET: f64 = 5.0;
/// The same for a trial of the ladder, which only has to find the bracket (METHOD §5).
const BEYOND_ON_LADDER: f64 = 1.0;
/// Seconds a request may take for each second it is expected to take (METHOD §3).
const PATIENCE: f64 = 5.0;

/// What the size of trials depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizeRules {
    /// How long a trial may take before it makes do with fewer waves, in minutes.
    pub trial_minutes: f64,
    /// Requests differ in length.
    pub unequal_lengths: bool,
    /// How long a request may take at least, in seconds.
    pub request_timeout_seconds: u32,
    /// Start of the sequence of seeds.
    pub seed: u64,
}

impl SizeRules {
    /// Of a specification, whose requests are all of one length.
    pub fn of(load: &Load) -> Self {
        Self {
            trial_minutes: f64::from(load.trial_minutes.max(1)),
            unequal_lengths: false,
            request_timeout_seconds: load.request_timeout_seconds.max(1),
            seed: u64::from(load.seed),
        }
    }
}

/// What a level is run for, as far as its size depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It finds the bracket.
    Ladder,
    /// It is an end of the bracket.
    Bracket,
}

/// Waves of a trial with so many users whose requests are expected to take so long, in seconds where known.
pub fn waves(
    rules: &SizeRules,
    sla: &SlaLimits,
    concurrency: u32,
    latency_seconds: Option<f64>,
    weight: Weight,
) -> u32 {
    let users = concurrency.max(1);
    let usual = if rules.unequal_lengths { WAVES_OF_UNEQUAL_LENGTHS } else { WAVES };
    let usual = usual.max(WAVES_NOT_COUNTED + COUNTED_AT_LEAST.div_ceil(users));
    // A float beyond u32 saturates.
    let fitting = latency_seconds.map_or(u32::MAX, |latency| (60.0 * rules.trial_minutes / latency).floor() as u32);
    let usual = usual.min(fitting.max(FEWEST_WAVES));
    let rare = sla.rarest_share().map_or(0, |share| {
        let beyond = match weight {
            Weight::Bracket => BEYOND_IN_BRACKET,
            Weight::Ladder => BEYOND_ON_LADDER,
        };
        let counted = (beyond / share - 1e-9).ceil() as u32;
        counted.div_ceil(users) + WAVES_NOT_COUNTED
    });
    usual.max(rare.min(fitting))
}

/// Seconds over which users start, so that they are not in step: one latency. Beyond capacity they start at once, as a queue
/// is there from the start; where the latency is not known there is no telling how long to take.
pub fn ramp_seconds(concurrency: u32, capacity: Option<u32>, latency_seconds: Option<f64>) -> Option<f64> {
    let within = capacity.is_none_or(|capacity| concurrency <= capacity);
    latency_seconds.filter(|_| within && concurrency > 1)
}

/// Seconds one request may take.
pub fn request_timeout_seconds(rules: &SizeRules, latency_seconds: Option<f64>) -> u32 {
    // A float beyond u32 saturates.
    let patient = latency_seconds.map_or(0, |latency| (PATIENCE * latency).ceil() as u32);
    rules.request_timeout_seconds.max(patient)
}

/// The seed of a trial's prompts: the same for all variants, another one for any two trials of a variant, so that no prompt is
/// answered from a cache. `number` counts all trials of a level in a round.
pub fn seed(rules: &SizeRules, round: u32, concurrency: u32, number: u32, try_number: u32) -> u64 {
    let parts = [round, concurrency, number, try_number];
    let seed = parts.into_iter().fold(rules.seed, |seed, part| mixed(seed ^ u64::from(part)));
    // JSON carries no more bits than a float has.
    seed >> 11
}

/// SplitMix64's finaliser: a one-to-one mixing of 64 bits.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rstest::rstest;

    use super::*;
    use crate::api::Statistic;
    use crate::method::sla::{LimitedMetric, SlaLimit};
    use crate::method::testing::means;
    use crate::units::Milliseconds;

    const RULES: SizeRules =
        SizeRules { trial_minutes: 10.0, unequal_lengths: false, request_timeout_seconds: 600, seed: 100 };

    fn requests(concurrency: u32, latency: Option<f64>) -> u32 {
        concurrency * waves(&RULES, &means(500.0, 7.0), concurrency, latency, Weight::Ladder)
    }

    #[rstest]
    #[case::one_user(1, Some(4.0), 6)]
    #[case::two_users(2, Some(4.0), 8)]
    #[case::many_users(250, Some(20.0), 1000)]
    #[case::not_known(250, None, 1000)]
    #[case::four_waves_just_fit(10, Some(150.0), 40)]
    #[case::four_waves_do_not_fit(10, Some(151.0), 30)]
    #[case::nor_do_three(10, Some(1000.0), 30)]
    #[case::one_user_of_long_requests(1, Some(110.0), 5)]
    fn a_trial_has_four_waves_where_they_fit(#[case] users: u32, #[case] latency: Option<f64>, #[case] expected: u32) {
        assert_eq!(requests(users, latency), expected);
    }

    #[test]
    fn unequal_lengths_need_ten_waves() {
        let rules = SizeRules { unequal_lengths: true, ..RULES };
        assert_eq!(waves(&rules, &means(500.0, 7.0), 50, Some(5.0), Weight::Ladder), 10);
        assert_eq!(waves(&rules, &means(500.0, 7.0), 50, Some(100.0), Weight::Ladder), 6);
    }

    /// Counted requests are those of all waves but two.
    #[rstest]
    #[case::p90_on_the_ladder(Statistic::P90, 1, Weight::Ladder, 10)]
    #[case::p90_in_the_bracket(Statistic::P90, 1, Weight::Bracket, 50)]
    #[case::p95_in_the_bracket(Statistic::P95, 10, Weight::Bracket, 100)]
    #[case::p99_on_the_ladder(Statistic::P99, 10, Weight::Ladder, 100)]
    #[case::p99_in_the_bracket(Statistic::P99, 10, Weight::Bracket, 500)]
    #[case::enough_users_bring_enough(Statistic::P90, 250, Weight::Bracket, 500)]
    fn a_percentile_needs_requests_beyond_it(
        #[case] statistic: Statistic,
        #[case] users: u32,
        #[case] weight: Weight,
        #[case] counted: u32,
    ) {
        let limit = SlaLimit { metric: LimitedMetric::Ttft, limit: Milliseconds::new(500.0).unwrap(), statistic };
        let sla = SlaLimits::new(vec![limit]).unwrap();
        assert_eq!((waves(&RULES, &sla, users, Some(4.0), weight) - 2) * users, counted);
    }

    #[test]
    fn a_percentile_gets_no_more_than_the_time_of_a_trial() {
        let limit = SlaLimit {
            metric: LimitedMetric::Ttft,
            limit: Milliseconds::new(500.0).unwrap(),
            statistic: Statistic::P99,
        };
        let sla = SlaLimits::new(vec![limit]).unwrap();
        assert_eq!(waves(&RULES, &sla, 1, Some(20.0), Weight::Bracket), 30, "thirty of 20 s take ten minutes");
        assert_eq!(waves(&RULES, &sla, 1, Some(300.0), Weight::Bracket), 3);
    }

    #[rstest]
    #[case::within_capacity(12, Some(12), Some(4.0), Some(4.0))]
    #[case::beyond(13, Some(12), Some(4.0), None)]
    #[case::capacity_not_known(13, None, Some(4.0), Some(4.0))]
    #[case::latency_not_known(12, Some(12), None, None)]
    #[case::one_user_has_nobody_to_be_in_step_with(1, None, Some(4.0), None)]
    fn users_start_over_one_latency_within_capacity(
        #[case] users: u32,
        #[case] capacity: Option<u32>,
        #[case] latency: Option<f64>,
        #[case] expected: Option<f64>,
    ) {
        assert_eq!(ramp_seconds(users, capacity, latency), expected);
    }

    #[rstest]
    #[case(None, 600)]
    #[case(Some(100.0), 600)]
    #[case(Some(200.0), 1000)]
    fn a_request_may_take_five_times_as_long_as_expected(#[case] latency: Option<f64>, #[case] seconds: u32) {
        assert_eq!(request_timeout_seconds(&RULES, latency), seconds);
    }

    #[test]
    fn no_two_trials_share_a_seed() {
        let mut seeds = HashSet::new();
        for round in 1..=8 {
            for concurrency in 1..=300 {
                for (number, try_number) in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (4, 1)] {
                    assert!(seeds.insert(seed(&RULES, round, concurrency, number, try_number)));
                }
            }
        }
        assert_eq!(seed(&RULES, 1, 10, 1, 1), seed(&RULES, 1, 10, 1, 1));
    }
}
