//! What a run costs, before any GPU is held, and whether another round fits in the budget (METHOD §9).

use super::size::{SizeRules, Weight, waves};
use crate::method::estimate::Estimates;
use crate::method::sla::SlaLimits;

/// Minutes until a variant is ready, where no earlier run tells (METHOD §9).
pub const READY_MINUTES: f64 = 12.0;
/// Seconds the load tool takes to start and to write down what it saw (METHOD §9).
const TOOL_SECONDS: f64 = 20.0;
/// Rounds a run is expected to have, by the predicted gain: from so much on, so many (METHOD §9).
const ROUNDS_BY_GAIN: [(f64, u32); 3] = [(0.42, 2), (0.16, 3), (0.08, 4)];
/// Where the predicted gain is smaller, or none is predicted (METHOD §9).
const ROUNDS_OF_SMALL_GAINS: u32 = 5;

/// Where the predictor says that a variant's SLA ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredictedEnd {
    /// At so many concurrent requests.
    At(u32),
    /// No level meets the SLA, by so much that none is run again.
    Nowhere,
}

/// What the price of a variant depends on.
pub struct Priced<'a> {
    /// GPUs it holds while it is deployed.
    pub gpus: u32,
    /// Minutes until it is ready: its last run's, else [`READY_MINUTES`].
    pub ready_minutes: f64,
    pub estimates: &'a dyn Estimates,
    /// Where its SLA is predicted to end.
    pub end: PredictedEnd,
}

/// What the price of a run depends on besides its variants.
#[derive(Clone, Copy, Debug)]
pub struct PricedLoad<'a> {
    /// Levels to climb.
    pub ladder: &'a [u32],
    /// The SLA, which decides how many requests a trial needs.
    pub sla: &'a SlaLimits,
    /// Levels added within the bracket.
    pub refinements: u32,
    /// New trials of each level that decides.
    pub decision_trials: u32,
    /// How large trials are.
    pub size: &'a SizeRules,
}

/// Minutes that a variant is deployed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VariantMinutes {
    pub first_round: f64,
    /// In the first one, where it meets the SLA at some level, whatever was predicted.
    pub first_at_most: f64,
    /// In each later one; 0 where nothing is predicted to be run again.
    pub later_round: f64,
    /// In a later one that deploys it, whatever was predicted.
    pub another_round: f64,
    /// GPUs it holds meanwhile.
    pub gpus: u32,
}

impl VariantMinutes {
    /// Of a variant; `None` where a level of the ladder has no estimate.
    pub fn of(rules: &PricedLoad, variant: &Priced) -> Option<Self> {
        let seconds = |level: u32, weight: Weight| {
            let latency = variant.estimates.at(level)?.latency_seconds(level)?;
            let waves = f64::from(waves(rules.size, rules.sla, level, Some(latency), weight));
            Some(TOOL_SECONDS + waves * latency)
        };
        let climb = rules.ladder.iter().map(|level| seconds(*level, Weight::Ladder)).sum::<Option<f64>>()?;
        let end = match variant.end {
            PredictedEnd::Nowhere => 1,
            PredictedEnd::At(level) => level.max(1),
        };
        let trial = seconds(end, Weight::Bracket)?;
        let (found, anew) = (f64::from(rules.refinements) * trial, 2.0 * f64::from(rules.decision_trials) * trial);
        let another_round = variant.ready_minutes + anew / 60.0;
        let (later_round, more) = match variant.end {
            PredictedEnd::Nowhere => (0.0, 0.0),
            PredictedEnd::At(_) => (another_round, found + anew),
        };
        let first_round = |more: f64| variant.ready_minutes + (climb + more) / 60.0;
        let (first_round, first_at_most) = (first_round(more), first_round(found + anew));
        Some(Self { first_round, first_at_most, later_round, another_round, gpus: variant.gpus })
    }
}

/// Rounds a run is expected to have: `gain` as predicted, candidate ÷ baseline − 1, none where one side alone is predicted to
/// meet the SLA, which one round shows.
pub fn expected_rounds(gain: Option<f64>, only_one_meets: bool) -> u32 {
    if only_one_meets {
        return 1;
    }
    let told = gain.and_then(|gain| ROUNDS_BY_GAIN.iter().find(|(from, _)| gain.abs() >= *from));
    told.map_or(ROUNDS_OF_SMALL_GAINS, |(_, rounds)| *rounds)
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundsCost {
    /// Minutes while GPUs are held, with variants one after the other.
    pub minutes: f64,
    /// GPUs held × hours.
    pub gpu_hours: f64,
}

impl RoundsCost {
    /// Of so many rounds with all of these variants.
    pub fn of(variants: &[VariantMinutes], rounds: u32) -> Self {
        let minutes = |variant: &VariantMinutes| match rounds {
            0 => 0.0,
            rounds => variant.first_round + f64::from(rounds - 1) * variant.later_round,
        };
        Self::sum(variants.iter().map(|variant| (minutes(variant), variant.gpus)))
    }

    /// The same where each meets the SLA somewhere, whatever is predicted, and is deployed in every round.
    pub fn at_most(variants: &[VariantMinutes], rounds: u32) -> Self {
        let minutes = |variant: &VariantMinutes| match rounds {
            0 => 0.0,
            rounds => variant.first_at_most + f64::from(rounds - 1) * variant.another_round,
        };
        Self::sum(variants.iter().map(|variant| (minutes(variant), variant.gpus)))
    }

    /// Of one more round that deploys these variants.
    pub fn of_another_round(variants: &[VariantMinutes]) -> Self {
        Self::sum(variants.iter().map(|variant| (variant.another_round, variant.gpus)))
    }

    fn sum(deployed: impl Iterator<Item = (f64, u32)>) -> Self {
        deployed.fold(Self { minutes: 0.0, gpu_hours: 0.0 }, |sum, (minutes, gpus)| Self {
            minutes: sum.minutes + minutes,
            gpu_hours: sum.gpu_hours + minutes / 60.0 * f64::from(gpus),
        })
    }

    /// In money, at a price for one GPU and hour.
    pub fn money(&self, per_gpu_hour: f64) -> f64 {
        self.gpu_hours * per_gpu_hour
    }
}

/// What a run is expected to cost, and at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpectedPrice {
    /// Rounds it is expected to have.
    pub rounds: u32,
    pub expected: RoundsCost,
    /// As many rounds as are allowed.
    pub most: RoundsCost,
}

impl ExpectedPrice {
    /// Of a run of these variants that is expected to have so many rounds, with so many at least and at most.
    pub fn of(variants: &[VariantMinutes], expected_rounds: u32, minimum: u32, maximum: u32) -> Self {
        let rounds = expected_rounds.max(minimum).min(maximum);
        Self { rounds, expected: RoundsCost::of(variants, rounds), most: RoundsCost::at_most(variants, maximum) }
    }
}

/// Whether a round may begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RoundBudget {
    /// It fits, or there is no budget.
    Fits,
    /// It does not: so many GPU-hours are left, and the round is expected to need so many.
    TooSmall { left: f64, needed: f64 },
}

/// Whether a round that is expected to need so many GPU-hours fits in what is left of the budget (METHOD §9).
pub fn budget(gpu_hours: Option<f64>, spent: f64, round: RoundsCost) -> RoundBudget {
    let left = gpu_hours.map(|budget| (budget - spent).max(0.0));
    match left {
        Some(left) if round.gpu_hours > left => RoundBudget::TooSmall { left, needed: round.gpu_hours },
        _ => RoundBudget::Fits,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::method::estimate::Estimate;
    use crate::method::testing::means;
    use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

    /// Every request takes 4 s up to `capacity`, and waits beyond.
    struct Steady {
        capacity: u32,
    }

    impl Estimates for Steady {
        fn at(&self, concurrency: u32) -> Option<Estimate> {
            let rate = f64::from(concurrency.min(self.capacity)) / 4.0;
            Some(Estimate {
                ttft: None,
                tpot: Milliseconds::new(8.0).unwrap(),
                requests_per_second: RequestsPerSecond::new(rate).unwrap(),
                tokens_per_second_per_gpu: TokensPerSecond::new(rate * 62.5).unwrap(),
            })
        }

        fn capacity(&self) -> Option<u32> {
            Some(self.capacity)
        }
    }

    const SIZE: SizeRules =
        SizeRules { trial_minutes: 10.0, unequal_lengths: false, request_timeout_seconds: 600, seed: 0 };

    fn minutes(end: PredictedEnd, capacity: u32) -> VariantMinutes {
        let sla = means(500.0, 7.0);
        let rules = PricedLoad { ladder: &[1, 10, 100], sla: &sla, refinements: 2, decision_trials: 2, size: &SIZE };
        let priced = Priced { gpus: 8, ready_minutes: 12.0, estimates: &Steady { capacity }, end };
        VariantMinutes::of(&rules, &priced).unwrap()
    }

    #[test]
    fn a_round_is_loading_and_the_waves_of_its_trials() {
        // 1: 20 + 6 × 4 s, 10 and 100: 20 + 4 × 4 s; two refinements and four new trials of 36 s.
        let of = minutes(PredictedEnd::At(20), 1000);
        assert!((of.first_round - (12.0 + (44.0 + 36.0 + 36.0 + 6.0 * 36.0) / 60.0)).abs() < 1e-9);
        assert!((of.later_round - (12.0 + 4.0 * 36.0 / 60.0)).abs() < 1e-9);
    }

    #[test]
    fn beyond_capacity_a_wave_takes_its_turn() {
        // Of 100, 50 are worked on: a wave takes 8 s.
        let longer = minutes(PredictedEnd::At(20), 50).first_round - minutes(PredictedEnd::At(20), 100).first_round;
        assert!((longer - 4.0 * 4.0 / 60.0).abs() < 1e-9);
    }

    #[test]
    fn a_variant_that_never_meets_the_sla_is_deployed_once() {
        let of = minutes(PredictedEnd::Nowhere, 1000);
        assert_eq!(of.later_round, 0.0);
        // Measured to meet it after all, it is: two new trials of each level that decides, taken at a single request.
        assert!((of.another_round - (12.0 + 4.0 * 44.0 / 60.0)).abs() < 1e-9, "{of:?}");
        assert!((of.first_round - (12.0 + 116.0 / 60.0)).abs() < 1e-9);
        // Two refinements of 44 s, and those new trials.
        assert!((of.first_at_most - (12.0 + (116.0 + 6.0 * 44.0) / 60.0)).abs() < 1e-9);
    }

    #[rstest]
    #[case::one_side_alone(None, true, 1)]
    #[case(Some(0.50), false, 2)]
    #[case(Some(-0.42), false, 2)]
    #[case(Some(0.41), false, 3)]
    #[case(Some(0.15), false, 4)]
    #[case(Some(0.07), false, 5)]
    #[case::not_predicted(None, false, 5)]
    fn the_predicted_gain_says_how_many_rounds(#[case] gain: Option<f64>, #[case] one: bool, #[case] rounds: u32) {
        assert_eq!(expected_rounds(gain, one), rounds);
    }

    #[test]
    fn a_price_is_that_of_the_expected_rounds_and_of_all_that_are_allowed() {
        let variants = [
            VariantMinutes { first_round: 20.0, first_at_most: 20.0, later_round: 15.0, another_round: 15.0, gpus: 8 },
            VariantMinutes { first_round: 30.0, first_at_most: 38.0, later_round: 0.0, another_round: 14.0, gpus: 4 },
        ];
        let price = ExpectedPrice::of(&variants, 3, 1, 8);
        assert_eq!(price.rounds, 3);
        assert!((price.expected.minutes - (20.0 + 2.0 * 15.0 + 30.0)).abs() < 1e-9);
        assert!((price.expected.gpu_hours - (50.0 * 8.0 + 30.0 * 4.0) / 60.0).abs() < 1e-9);
        assert!((price.most.minutes - (20.0 + 7.0 * 15.0 + 38.0 + 7.0 * 14.0)).abs() < 1e-9);
        assert!((price.expected.money(2.5) - 2.5 * price.expected.gpu_hours).abs() < 1e-9);
        assert_eq!(ExpectedPrice::of(&variants, 3, 4, 8).rounds, 4);
        assert_eq!(ExpectedPrice::of(&variants, 3, 1, 2).rounds, 2);
    }

    #[rstest]
    #[case::no_budget(None, 100.0, RoundBudget::Fits)]
    #[case::it_fits(Some(10.0), 8.0, RoundBudget::Fits)]
    #[case::it_does_not(Some(10.0), 8.5, RoundBudget::TooSmall { left: 1.5, needed: 2.0 })]
    #[case::nothing_is_left(Some(10.0), 11.0, RoundBudget::TooSmall { left: 0.0, needed: 2.0 })]
    fn no_round_begins_that_does_not_fit(
        #[case] hours: Option<f64>,
        #[case] spent: f64,
        #[case] expected: RoundBudget,
    ) {
        assert_eq!(budget(hours, spent, RoundsCost { minutes: 15.0, gpu_hours: 2.0 }), expected);
    }
}
