//! What a level shows over all its accepted trials, and whether it meets the SLA (METHOD §5).

use statrs::distribution::{Binomial, DiscreteCDF};

use crate::api::SlaState;
use crate::method::sla::{Criterion, LimitCount, LogRatios, SlaLimits};
use crate::method::trial::{Trial, TrialFigures};

/// r up to which a level meets the SLA beyond the scatter of a trial (METHOD §5).
const MET: f64 = 0.97;
/// r from which it misses it (METHOD §5).
const MISSED: f64 = 1.03;
/// Probability below which a count of requests over the limit is not chance (METHOD §5).
const CHANCE: f64 = 0.05;

/// What a level shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Concurrent requests.
    pub concurrency: u32,
    /// Accepted trials.
    pub accepted: u32,
    /// Rejected trials.
    pub rejected: u32,
    /// What the accepted ones show together; absent where there is none.
    pub shown: Option<Shown>,
}

/// What accepted trials of a level show together. Means are geometric over trials.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Mean TTFT, milliseconds.
    pub ttft: f64,
    /// It is taken over counted requests in all trials; of a tool's summary it holds the start, when all users come at once.
    pub is_ttft_counted: bool,
    /// Mean TPOT, milliseconds.
    pub tpot: f64,
    /// Mean request latency, milliseconds.
    pub request_latency: f64,
    /// Output tokens per second and GPU held.
    pub tokens_per_second_per_gpu: f64,
    /// How much of the SLA's limits is used.
    pub ratios: LogRatios,
    /// Whether the SLA is met.
    pub state: SlaState,
}

impl Shown {
    /// Requests that were being answered on average, by Little's law: tokens per second ÷ those that one request gets. Of the
    /// other concurrent requests the first token was still to come.
    pub fn in_service(&self, gpus: u32) -> f64 {
        self.tokens_per_second_per_gpu * f64::from(gpus) * self.tpot / 1000.0
    }
}

/// The levels of a variant, ascending, over the rounds given.
pub fn levels(sla: &SlaLimits, trials: &[&Trial]) -> Vec<Level> {
    let mut concurrencies: Vec<u32> = trials.iter().map(|trial| trial.key.concurrency).collect();
    concurrencies.sort_unstable();
    concurrencies.dedup();
    let mut below: Vec<(Criterion, LimitCount)> = vec![];
    concurrencies.into_iter().map(|concurrency| level(sla, trials, concurrency, &mut below)).collect()
}

/// `below` holds the counts of the levels below, and takes up this one's.
fn level(sla: &SlaLimits, trials: &[&Trial], concurrency: u32, below: &mut Vec<(Criterion, LimitCount)>) -> Level {
    let here = || trials.iter().filter(|trial| trial.key.concurrency == concurrency);
    let usable = |trial: &&&Trial| trial.accepted().is_some_and(|figures| sla.log_ratios(figures).is_some());
    let figures: Vec<&TrialFigures> = here().filter(usable).filter_map(|trial| trial.accepted()).collect();
    let own: Vec<(Criterion, LimitCount)> = figures.iter().flat_map(|figures| sla.counts(figures)).fold(vec![], added);
    *below = own.iter().fold(std::mem::take(below), |sum, count| added(sum, *count));
    let accepted = u32::try_from(figures.len()).unwrap_or(u32::MAX);
    let all = u32::try_from(here().count()).unwrap_or(u32::MAX);
    Level { concurrency, accepted, rejected: all - accepted, shown: shown(sla, &figures, &own, below) }
}

fn added(
    mut sum: Vec<(Criterion, LimitCount)>,
    (criterion, count): (Criterion, LimitCount),
) -> Vec<(Criterion, LimitCount)> {
    match sum.iter_mut().find(|(of, _)| *of == criterion) {
        Some((_, total)) => {
            total.over = total.over.saturating_add(count.over);
            total.of = total.of.saturating_add(count.of);
        }
        None => sum.push((criterion, count)),
    }
    sum
}

fn shown(
    sla: &SlaLimits,
    figures: &[&TrialFigures],
    own: &[(Criterion, LimitCount)],
    pooled: &[(Criterion, LimitCount)],
) -> Option<Shown> {
    let ratios: Vec<LogRatios> = figures.iter().filter_map(|figures| sla.log_ratios(figures)).collect();
    let ratios = LogRatios::mean(ratios.iter())?;
    let mean = |of: fn(&TrialFigures) -> f64| {
        (figures.iter().map(|figures| of(figures).ln()).sum::<f64>() / figures.len() as f64).exp()
    };
    let state = state(&sla.criteria(), &ratios, own, pooled);
    Some(Shown {
        ttft: mean(|figures| figures.ttft.mean.get()),
        is_ttft_counted: figures.iter().all(|figures| figures.counted.is_some()),
        tpot: mean(|figures| figures.tpot.mean.get()),
        request_latency: mean(|figures| figures.request_latency.mean.get()),
        tokens_per_second_per_gpu: mean(|figures| figures.tokens_per_second_per_gpu.get()),
        ratios,
        state,
    })
}

/// A level misses the SLA if it misses one criterion beyond doubt, and meets it if it meets all of them.
fn state(
    criteria: &[Criterion],
    ratios: &LogRatios,
    own: &[(Criterion, LimitCount)],
    pooled: &[(Criterion, LimitCount)],
) -> SlaState {
    let count =
        |of: &[(Criterion, LimitCount)], criterion| of.iter().find(|(at, _)| *at == criterion).map(|(_, count)| *count);
    let states = criteria.iter().zip(ratios.each()).map(|(criterion, log_ratio)| {
        match (count(own, *criterion), count(pooled, *criterion)) {
            (Some(own), Some(pooled)) => by_count(own, pooled),
            _ => by_mean(log_ratio.exp()),
        }
    });
    states.fold(SlaState::Met, |worst, state| match (worst, state) {
        (SlaState::Missed, _) | (_, SlaState::Missed) => SlaState::Missed,
        (SlaState::Marginal, _) | (_, SlaState::Marginal) => SlaState::Marginal,
        _ => SlaState::Met,
    })
}

fn by_mean(r: f64) -> SlaState {
    match r {
        r if r <= MET => SlaState::Met,
        r if r >= MISSED => SlaState::Missed,
        _ => SlaState::Marginal,
    }
}

/// A share is missed where so many requests over the limit are not chance, and met where so few are none. Latencies grow
/// with load, so what lower levels show vouches for this one too; against it only its own requests speak.
fn by_count(own: LimitCount, pooled: LimitCount) -> SlaState {
    if own.over > 0 && at_least(own) <= CHANCE {
        SlaState::Missed
    } else if at_most(pooled) <= CHANCE {
        SlaState::Met
    } else {
        SlaState::Marginal
    }
}

/// Probability of so many requests over the limit or fewer, were exactly the allowed share to exceed it.
fn at_most(count: LimitCount) -> f64 {
    Binomial::new(count.share_over, u64::from(count.of)).map_or(1.0, |binomial| binomial.cdf(u64::from(count.over)))
}

/// Probability of so many (at least one) or more.
fn at_least(count: LimitCount) -> f64 {
    let below = u64::from(count.over.saturating_sub(1));
    Binomial::new(count.share_over, u64::from(count.of)).map_or(1.0, |binomial| binomial.sf(below))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::api::Statistic;
    use crate::method::sla::{LimitedMetric, SlaLimit};
    use crate::method::testing::{accepted, figures, key, means, rejected};
    use crate::method::trial::{Purpose, Rejection};
    use crate::units::Milliseconds;

    fn of(sla: &SlaLimits, trials: &[Trial]) -> Vec<Level> {
        levels(sla, &trials.iter().collect::<Vec<_>>())
    }

    fn state_of(level: &Level) -> SlaState {
        level.shown.as_ref().unwrap().state
    }

    #[rstest]
    #[case(0.97, SlaState::Met)]
    #[case(0.98, SlaState::Marginal)]
    #[case(1.0, SlaState::Marginal)]
    #[case(1.02, SlaState::Marginal)]
    #[case(1.031, SlaState::Missed)]
    fn a_mean_is_met_or_missed_by_three_per_cent(#[case] r: f64, #[case] state: SlaState) {
        let trial = accepted(key(1, 10, Purpose::Ladder, 1), figures(10, 200.0, 7.0 * r - 1e-12, 200.0));
        assert_eq!(state_of(&of(&means(500.0, 7.0), &[trial])[0]), state);
    }

    fn percentile(statistic: Statistic) -> SlaLimits {
        SlaLimits::new(vec![SlaLimit {
            metric: LimitedMetric::Tpot,
            limit: Milliseconds::new(7.0).unwrap(),
            statistic,
        }])
        .unwrap()
    }

    fn counted(concurrency: u32, counted: u32, over: u32) -> Trial {
        let mut figures = figures(concurrency, 200.0, 6.0, 200.0);
        let of = figures.counted.as_mut().unwrap();
        (of.requests, of.over.tpot) = (counted, over);
        accepted(key(1, concurrency, Purpose::Ladder, 1), figures)
    }

    /// METHOD §5: with none over the limit, so many requests are enough.
    #[rstest]
    #[case(Statistic::P90, 29)]
    #[case(Statistic::P95, 59)]
    #[case(Statistic::P99, 299)]
    fn a_percentile_is_met_by_enough_requests_below_it(#[case] statistic: Statistic, #[case] enough: u32) {
        let state = |requests| state_of(&of(&percentile(statistic), &[counted(10, requests, 0)])[0]);
        assert_eq!(state(enough), SlaState::Met);
        assert_eq!(state(enough - 1), SlaState::Marginal);
    }

    #[rstest]
    #[case::as_many_as_allowed(100, 10, SlaState::Marginal)]
    #[case::hardly_more(100, 15, SlaState::Marginal)]
    #[case::more_than_chance(100, 16, SlaState::Missed)]
    #[case::fewer_than_chance(100, 4, SlaState::Met)]
    #[case::hardly_fewer(100, 5, SlaState::Marginal)]
    #[case::two_of_two(2, 2, SlaState::Missed)]
    #[case::none_counted(0, 0, SlaState::Marginal)]
    fn counts_are_held_against_chance(#[case] requests: u32, #[case] over: u32, #[case] state: SlaState) {
        assert_eq!(state_of(&of(&percentile(Statistic::P90), &[counted(10, requests, over)])[0]), state);
    }

    #[test]
    fn lower_levels_vouch_for_higher_ones_and_not_against_them() {
        let sla = percentile(Statistic::P90);
        let states = |trials: &[Trial]| of(&sla, trials).iter().map(state_of).collect::<Vec<_>>();
        use SlaState::{Marginal, Met, Missed};
        assert_eq!(states(&[counted(1, 15, 0), counted(2, 15, 0)]), [Marginal, Met]);
        assert_eq!(states(&[counted(1, 15, 9), counted(2, 15, 0)]), [Missed, Marginal]);
        assert_eq!(states(&[counted(1, 200, 0), counted(2, 15, 9)]), [Met, Missed]);
    }

    #[test]
    fn a_level_counts_what_was_rejected() {
        let trials = [
            accepted(key(1, 10, Purpose::Ladder, 1), figures(10, 200.0, 6.0, 200.0)),
            accepted(key(1, 10, Purpose::Decision, 1), figures(10, 200.0, 6.0 * 1.21, 220.0)),
            rejected(key(1, 10, Purpose::Decision, 2), Rejection::Other),
        ];
        let level = &of(&means(500.0, 7.0), &trials)[0];
        assert_eq!((level.accepted, level.rejected), (2, 1));
        assert!((level.shown.as_ref().unwrap().tpot - 6.6).abs() < 1e-9, "means are geometric");
        let none = &of(&means(500.0, 7.0), &trials[2..])[0];
        assert_eq!((none.accepted, none.shown.is_none()), (0, true));
    }
}
