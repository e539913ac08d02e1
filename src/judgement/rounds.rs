//! What each round says of the levels that decide (METHOD §6).

use crate::method::sla::{LogRatios, SlaLimits};
use crate::method::trial::{Purpose, Trial};
use crate::sweep::Deciding;

/// Where trials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialOrigin {
    /// From a sweep, which runs the levels that decide anew: what chose them does not count again.
    Sweep,
    /// From files: all trials count, whatever they were run for.
    Files,
}

/// What one round shows at one level: means over its accepted trials.
#[derive(Clone, Debug, PartialEq)]
pub struct Means {
    /// Of each criterion.
    pub ratios: LogRatios,
    /// ln of output tokens per second and GPU.
    pub log_tokens: f64,
}

impl Means {
    /// Of trials of one level; `None` where none is usable.
    pub fn of(sla: &SlaLimits, trials: &[&&Trial]) -> Option<Self> {
        let usable = trials.iter().filter_map(|trial| {
            let figures = trial.accepted()?;
            Some((sla.log_ratios(figures)?, figures.tokens_per_second_per_gpu.get().ln()))
        });
        let (ratios, tokens): (Vec<LogRatios>, Vec<f64>) = usable.filter(|(_, tokens)| tokens.is_finite()).unzip();
        Some(Self {
            ratios: LogRatios::mean(ratios.iter())?,
            log_tokens: tokens.iter().sum::<f64>() / tokens.len() as f64,
        })
    }

    /// The mean of several rounds; `None` of none.
    pub fn mean<'a>(rounds: impl Iterator<Item = &'a Self> + Clone) -> Option<Self> {
        let count = rounds.clone().count() as f64;
        Some(Self {
            ratios: LogRatios::mean(rounds.clone().map(|means| &means.ratios))?,
            log_tokens: rounds.map(|means| means.log_tokens).sum::<f64>() / count,
        })
    }
}

/// A round in which every level that decides has an accepted trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// Its number, from 1.
    pub number: u32,
    /// For each level that decides, ascending.
    pub levels: Vec<Means>,
}

/// The rounds of a variant that say something of the levels that decide, ascending.
pub fn rounds(sla: &SlaLimits, deciding: Deciding, trials: &[&Trial], origin: TrialOrigin) -> Vec<Round> {
    let levels = match deciding {
        Deciding::Lowest { at, .. } => vec![at],
        _ => deciding.levels(),
    };
    numbers(trials)
        .into_iter()
        .filter_map(|number| {
            let means = |level: &u32| {
                let counts = |trial: &&&Trial| {
                    (trial.key.round, trial.key.concurrency) == (number, *level) && speaks(trial, deciding, origin)
                };
                Means::of(sla, &trials.iter().filter(counts).collect::<Vec<_>>())
            };
            Some(Round { number, levels: levels.iter().map(means).collect::<Option<Vec<_>>>()? })
        })
        .collect()
}

/// A lowest level that is never run again is judged by the trial that found it.
fn speaks(trial: &Trial, deciding: Deciding, origin: TrialOrigin) -> bool {
    let hopeless = matches!(deciding, Deciding::Lowest { hopeless: true, .. });
    origin == TrialOrigin::Files || hopeless || trial.key.purpose == Purpose::Decision
}

/// The rounds there are trials of, ascending.
pub fn numbers(trials: &[&Trial]) -> Vec<u32> {
    let mut numbers: Vec<u32> = trials.iter().map(|trial| trial.key.round).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::{accepted, figures, key, means, rejected};
    use crate::method::trial::Rejection;

    const BRACKET: Deciding = Deciding::Bracket { lo: 10, hi: 14 };

    fn trials() -> Vec<Trial> {
        let run = |round, concurrency, purpose, number, tokens| {
            accepted(key(round, concurrency, purpose, number), figures(concurrency, 200.0, 6.0, tokens))
        };
        vec![
            run(1, 10, Purpose::Ladder, 1, 999.0),
            run(1, 14, Purpose::Refinement, 1, 999.0),
            run(1, 10, Purpose::Decision, 1, 100.0),
            run(1, 10, Purpose::Decision, 2, 121.0),
            run(1, 14, Purpose::Decision, 1, 150.0),
            rejected(key(1, 14, Purpose::Decision, 2), Rejection::ErrorRate),
            run(2, 10, Purpose::Decision, 1, 100.0),
            rejected(key(2, 14, Purpose::Decision, 1), Rejection::ErrorRate),
        ]
    }

    fn of(origin: TrialOrigin) -> Vec<(u32, Vec<f64>)> {
        let trials = trials();
        let trials: Vec<&Trial> = trials.iter().collect();
        let tokens = |round: &Round| round.levels.iter().map(|means| means.log_tokens.exp().round()).collect();
        let rounds = rounds(&means(500.0, 7.0), BRACKET, &trials, origin);
        rounds.iter().map(|round| (round.number, tokens(round))).collect()
    }

    #[test]
    fn only_new_trials_count_and_a_round_without_one_of_each_level_says_nothing() {
        assert_eq!(of(TrialOrigin::Sweep), [(1, vec![110.0, 150.0])]);
    }

    #[test]
    fn of_files_every_trial_counts() {
        assert_eq!(of(TrialOrigin::Files), [(1, vec![230.0, 387.0])]);
    }

    #[test]
    fn a_hopeless_level_is_judged_by_the_trial_that_found_it() {
        let trial = accepted(key(1, 1, Purpose::Ladder, 1), figures(1, 200.0, 18.0, 20.0));
        let hopeless = Deciding::Lowest { at: 1, hopeless: true };
        assert_eq!(rounds(&means(500.0, 7.0), hopeless, &[&trial], TrialOrigin::Sweep).len(), 1);
        let unsure = Deciding::Lowest { at: 1, hopeless: false };
        assert_eq!(rounds(&means(500.0, 7.0), unsure, &[&trial], TrialOrigin::Sweep).len(), 0);
    }
}
