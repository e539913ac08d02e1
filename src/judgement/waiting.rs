//! What a bracket tells where requests wait at its upper end (METHOD §4).
//!
//! Throughput bends at the capacity, which then lies inside the bracket. A sweep runs a level there. Where none can be run, the
//! levels beside it say what it would show: prompts are not delayed, as at the lower end, and as many requests are worked on as at
//! the upper end.

use super::rounds::{Means, Round};
use crate::method::sla::{Criterion, LimitedMetric, SlaLimits};
use crate::method::trial::{Trial, TrialFigures};
use crate::sweep::Deciding;
use crate::sweep::deciding::rated;
use crate::sweep::selection::capacity_between;

/// The bracket and its rounds with the level at capacity in the place of the end that lies on the same side of the SLA; as they
/// are where nobody waits, or the SLA limits what the two ends do not tell of a level between them.
pub fn at_capacity(
    sla: &SlaLimits,
    deciding: Deciding,
    trials: &[&Trial],
    rounds: Vec<Round>,
) -> (Deciding, Vec<Round>) {
    let narrower = || {
        let Deciding::Bracket { lo, hi } = deciding else { return None };
        let capacity = capacity(sla, (lo, hi), trials)?;
        let levels: Vec<Levels> = rounds.iter().map(|round| Levels::of(sla, round)).collect::<Option<_>>()?;
        let meets = Means::mean(levels.iter().map(|levels| &levels.at_capacity))?.ratios.log_r() <= 0.0;
        let deciding = match meets {
            true => Deciding::Bracket { lo: capacity, hi },
            false => Deciding::Bracket { lo, hi: capacity },
        };
        Some((deciding, levels.into_iter().map(|levels| levels.narrower(meets)).collect()))
    };
    narrower().unwrap_or((deciding, rounds))
}

/// Ĉ, by all accepted trials.
fn capacity(sla: &SlaLimits, (lo, hi): (u32, u32), trials: &[&Trial]) -> Option<u32> {
    let levels = rated(sla, trials);
    let level = |concurrency| levels.iter().find(|level| level.concurrency == concurrency);
    let above = trials.iter().filter(|trial| trial.key.concurrency == hi).filter_map(|trial| trial.accepted());
    let following: Vec<f64> = above.map(following).collect();
    let following = following.iter().sum::<f64>() / following.len() as f64;
    capacity_between(level(lo)?, level(hi)?, following)
}

/// Output tokens of a request after the first, as latencies tell.
fn following(figures: &TrialFigures) -> f64 {
    (figures.request_latency.mean.get() - figures.ttft.mean.get()) / figures.tpot.mean.get()
}

/// A round's bracket, with the level at capacity between.
struct Levels {
    number: u32,
    below: Means,
    at_capacity: Means,
    above: Means,
}

impl Levels {
    fn of(sla: &SlaLimits, round: &Round) -> Option<Self> {
        let [below, above] = round.levels.as_slice() else { return None };
        let criteria = sla.criteria();
        let of = |metric| Criterion::Limit(metric);
        if !criteria.iter().all(|one| [of(LimitedMetric::Ttft), of(LimitedMetric::Tpot)].contains(one)) {
            return None;
        }
        let ratios = below.ratios.with_some_of(&above.ratios, |at| criteria.get(at) == Some(&of(LimitedMetric::Tpot)));
        let at_capacity = Means { ratios, log_tokens: above.log_tokens };
        Some(Self { number: round.number, below: below.clone(), at_capacity, above: above.clone() })
    }

    fn narrower(self, meets: bool) -> Round {
        let levels = if meets { vec![self.at_capacity, self.above] } else { vec![self.below, self.at_capacity] };
        Round { number: self.number, levels }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::judgement::rounds::{TrialOrigin, rounds};
    use crate::method::testing::{OUTPUT_TOKENS, accepted, figures, key, means};
    use crate::method::trial::Purpose;

    /// Eight GPUs that work on 12 requests at once: 100 ms for a prompt, then tokens at a speed that hangs on how many there are.
    fn trial(concurrency: u32, tpot: impl Fn(f64) -> f64) -> Trial {
        let at_once = f64::from(concurrency.min(12));
        let decoding = f64::from(OUTPUT_TOKENS - 1) * tpot(at_once);
        let rate = at_once / (100.0 + decoding) * 1000.0;
        let ttft = f64::from(concurrency) / rate * 1000.0 - decoding;
        let tokens = rate * f64::from(OUTPUT_TOKENS) / 8.0;
        accepted(key(1, concurrency, Purpose::Ladder, 1), figures(concurrency, ttft, tpot(at_once), tokens))
    }

    fn read(sla: &SlaLimits, levels: (u32, u32), tpot: impl Fn(f64) -> f64) -> (Deciding, Vec<f64>) {
        let trials = [trial(levels.0, &tpot), trial(levels.1, &tpot)];
        let trials: Vec<&Trial> = trials.iter().collect();
        let bracket = Deciding::Bracket { lo: levels.0, hi: levels.1 };
        let rounds = rounds(sla, bracket, &trials, TrialOrigin::Files);
        let (deciding, rounds) = at_capacity(sla, bracket, &trials, rounds);
        (deciding, rounds[0].levels.iter().map(|level| level.log_tokens.exp().round()).collect())
    }

    fn steps(requests: f64) -> f64 {
        5.0 + 0.1 * requests
    }

    /// 12 at once, 6.2 ms each token: 12 ÷ 3.194 s × 500 ÷ 8 = 235 tokens/s/GPU, from 12 requests on.
    #[rstest]
    #[case::waiting_alone_misses((8, 24), steps, Deciding::Bracket { lo: 12, hi: 24 }, [235.0, 235.0])]
    #[case::tokens_are_too_slow_at_capacity((8, 24), |n| 5.0 + 0.24 * n, Deciding::Bracket { lo: 8, hi: 12 }, [141.0, 186.0])]
    #[case::nobody_waits((4, 12), steps, Deciding::Bracket { lo: 4, hi: 12 }, [89.0, 235.0])]
    #[case::both_wait((13, 24), steps, Deciding::Bracket { lo: 13, hi: 24 }, [235.0, 235.0])]
    fn a_level_at_capacity_narrows_the_bracket(
        #[case] levels: (u32, u32),
        #[case] tpot: fn(f64) -> f64,
        #[case] deciding: Deciding,
        #[case] tokens: [f64; 2],
    ) {
        let (found, shown) = read(&means(500.0, 7.0), levels, tpot);
        assert_eq!((found, shown), (deciding, tokens.to_vec()));
    }

    #[test]
    fn what_the_ends_do_not_tell_of_is_not_made_up() {
        let limits = means(500.0, 7.0).limits().to_vec();
        let good = SlaLimits::good_requests(limits, 95.0).unwrap();
        let bracket = Deciding::Bracket { lo: 8, hi: 24 };
        let level = Means { ratios: crate::method::sla::LogRatios::of(vec![1.1]).unwrap(), log_tokens: 5.0 };
        let rounds = vec![Round { number: 1, levels: vec![level.clone(), level] }];
        let trials = [trial(8, steps), trial(24, steps)];
        let trials: Vec<&Trial> = trials.iter().collect();
        assert_eq!(at_capacity(&good, bracket, &trials, rounds.clone()), (bracket, rounds));
    }
}
