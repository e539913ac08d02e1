//! How a variant stands against the SLA: its throughput where r = 1, or why there is none (METHOD §5, §6).

use std::collections::BTreeSet;

use super::accuracy::predicted_at;
use super::at_limit::{Pair, Sample, at_limit};
use super::level::{CONFIDENCE, Level, Run, Values};
use super::rules::Rules;
use super::sla::{Bracket, Rated, SlaLimits, requests_needed};
use super::statistics::{Estimate, geometric_mean};
use super::stored::MAXIMUM_LEVELS;
use crate::api::{EvidenceCode, Reason, SlaState};
use crate::prediction::{Extent, OperatingPoint, Prediction};

/// How a variant stands against the SLA.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It keeps the SLA up to a throughput.
    Reaches {
        /// Logarithm of tokens/s/GPU at r = 1, one for each independent replication.
        logs: Vec<f64>,
        /// Whether some level keeps the SLA beyond doubt.
        certain: bool,
    },
    /// No level keeps it.
    Misses {
        /// Beyond doubt: the lowest level's interval does not contain the limit.
        certain: bool,
        /// The lowest level.
        lowest: u32,
    },
    /// Every level keeps it, up to the highest that was tried: how much more it could do is not known.
    Ceiling {
        /// The highest level.
        top: u32,
        /// Whether some level keeps it beyond doubt.
        certain: bool,
        /// As many levels were tried as a status has rows for.
        full: bool,
    },
    /// The SLA ends near two levels, but repeated, r is too much alike on both to tell where.
    Blurred {
        /// The last level that kept it when the levels were chosen.
        met: u32,
        /// The next.
        missed: u32,
        /// Whether some level keeps it beyond doubt.
        certain: bool,
    },
    /// A level that decides was rejected or not measured.
    Insufficient {
        /// Which one and why, for people.
        reason: String,
    },
}

impl Standing {
    /// What the runs of a variant say. `failure`: why its sweep did not come to its end, if it did not.
    pub fn measured(rules: &Rules, levels: &[Level], failure: Option<&str>) -> Self {
        let rated: Vec<Rated> = levels.iter().filter_map(Level::rated).collect();
        let bracket = Bracket::of(&rated);
        let deciding: Vec<&Level> = bracket
            .deciding_levels()
            .into_iter()
            .filter_map(|deciding| levels.iter().find(|level| level.concurrency == deciding))
            .collect();
        if let Some(lost) = deciding.iter().find(|level| !level.decides(rules, failure.is_none())) {
            return Self::Insufficient { reason: why_lost(lost, failure) };
        }
        if let Some(reason) = deciding.iter().find_map(|level| too_few(&rules.limits, level)) {
            return Self::Insufficient { reason };
        }
        match (bracket, deciding.as_slice()) {
            (Bracket::NoMiss { top }, _) if failure.is_none() => {
                Self::Ceiling { top, certain: keeps_up_to(levels, top), full: levels.len() >= MAXIMUM_LEVELS }
            }
            (Bracket::Between { .. }, [met, missed]) => reaches(levels, met, missed),
            (Bracket::NoneMeets { lowest }, [level]) => {
                Self::Misses { certain: level.state() == Some(SlaState::Missed), lowest }
            }
            _ => Self::Insufficient { reason: why_nothing(levels, failure) },
        }
    }

    /// What the prediction says: its curve where r = 1, or the advertised point where the curve does not tell. Beyond
    /// capacity nothing counts as kept, so a curve that keeps the SLA to its end reaches what it has there. Predictions are
    /// means: held against a limit for a percentile they promise too much.
    pub fn predicted(limits: &SlaLimits, prediction: &Prediction) -> Option<Self> {
        let ratio = |point: &OperatingPoint| limits.ratio(point.ttft, point.tpot);
        let reaches = |logs: Vec<f64>| Some(Self::Reaches { logs, certain: true });
        let tokens = |point: &OperatingPoint| vec![point.tokens_per_second_per_gpu.get().ln()];
        // An advertised point below a level that keeps the SLA as well is not where it ends.
        let advertised = |above: u32| {
            let claim = prediction.claim.as_ref().filter(|claim| claim.concurrency >= above)?;
            let level = predicted_at(prediction, claim.concurrency)?;
            (!level.beyond_operating_point && ratio(&level.point) <= 1.0).then(|| tokens(&level.point))
        };
        let Some(curve) = &prediction.curve else { return reaches(advertised(0)?) };
        let at = |concurrency: u32| curve.at(concurrency).map(|level| level.point);
        let kept = (1..=curve.end()).rev().find_map(|concurrency| {
            at(concurrency).filter(|point| ratio(point) <= 1.0).map(|point| (concurrency, point))
        });
        let Some((met, kept)) = kept else {
            // Latencies grow with load: what one request misses, more miss too.
            let hopeless = at(1).map(|_| Self::Misses { certain: true, lowest: 1 });
            return hopeless.or_else(|| reaches(advertised(0)?));
        };
        if met == curve.end() && curve.extent() != Extent::Rows {
            return reaches(tokens(&kept));
        }
        let Some(missed) = at(met.saturating_add(1)) else { return reaches(advertised(met)?) };
        let sample = |point: &OperatingPoint| Sample::new(ratio(point), point.tokens_per_second_per_gpu.get());
        let pair = Pair { round: 1, below: sample(&kept)?, above: sample(&missed)? };
        reaches(at_limit(&[pair]).unwrap_or_else(|| tokens(&kept)))
    }

    /// tokens/s/GPU at r = 1.
    pub fn throughput(&self) -> Option<Estimate> {
        match self {
            Self::Reaches { logs, .. } => geometric_mean(logs, CONFIDENCE),
            _ => None,
        }
    }

    /// Why there is no throughput at the SLA.
    pub fn reason(&self) -> Option<NotReached> {
        let (reason, text) = match self {
            Self::Reaches { .. } => return None,
            Self::Misses { certain: true, lowest } => {
                (Reason::SlaMissed, format!("no level keeps the SLA, already {lowest} in flight misses it"))
            }
            Self::Misses { certain: false, lowest } => (
                Reason::Marginal,
                format!("whether {lowest} in flight, the lowest level, keeps the SLA is within the scatter"),
            ),
            Self::Ceiling { top, full, .. } => {
                let why = if *full {
                    format!("{MAXIMUM_LEVELS} levels are tried at most: give fewer and higher ones")
                } else {
                    "more were not tried".into()
                };
                (Reason::CeilingReached, format!("every level keeps the SLA up to {top} in flight, and {why}"))
            }
            Self::Blurred { met, missed, .. } => {
                (Reason::Marginal, format!("the runs with {met} and {missed} in flight do not tell where the SLA ends"))
            }
            Self::Insufficient { reason } => (Reason::EvidenceInsufficient, reason.clone()),
        };
        Some(NotReached { reason, text })
    }
}

/// Why there is no throughput at the SLA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReached {
    /// For programs.
    pub reason: Reason,
    /// For people, without a full stop.
    pub text: String,
}

fn reaches(levels: &[Level], met: &Level, missed: &Level) -> Standing {
    let is_lowest = levels.first().is_some_and(|level| level.concurrency == met.concurrency);
    if is_lowest && met.state() == Some(SlaState::Missed) {
        return Standing::Misses { certain: true, lowest: met.concurrency };
    }
    let certain = keeps_up_to(levels, met.concurrency);
    match at_limit(&pairs(met, missed)) {
        Some(logs) => Standing::Reaches { logs, certain },
        None => Standing::Blurred { met: met.concurrency, missed: missed.concurrency, certain },
    }
}

/// The repetitions of both levels that count, in order within each round.
fn pairs(met: &Level, missed: &Level) -> Vec<Pair> {
    let (below, above) = (met.deciding(), missed.deciding());
    let rounds: BTreeSet<u32> = below.iter().map(|(run, _)| run.record.step.round).collect();
    let samples = |runs: &[(&Run, Values)], round: u32| {
        let of_round = runs.iter().filter(|(run, _)| run.record.step.round == round);
        of_round.filter_map(|(_, values)| Sample::new(values.ratio, values.tokens)).collect::<Vec<_>>()
    };
    let of_round = |round: u32| {
        let both = samples(&below, round).into_iter().zip(samples(&above, round));
        both.map(move |(below, above)| Pair { round, below, above }).collect::<Vec<_>>()
    };
    rounds.into_iter().flat_map(of_round).collect()
}

/// Whether some level up to this one keeps the SLA beyond doubt.
fn keeps_up_to(levels: &[Level], top: u32) -> bool {
    levels.iter().any(|level| level.concurrency <= top && level.state() == Some(SlaState::Met))
}

fn why_lost(level: &Level, failure: Option<&str>) -> String {
    let name = format!("the deciding level of {} in flight", level.concurrency);
    match (rejections(std::slice::from_ref(level)), failure) {
        (Some(codes), _) => format!("{name} was rejected ({codes})"),
        (None, Some(failure)) => format!("{name} was not measured to its end: {failure}"),
        (None, None) => format!("{name} was not measured to its end"),
    }
}

/// Why a level does not tell the statistic of the SLA, if it does not.
fn too_few(limits: &SlaLimits, level: &Level) -> Option<String> {
    let (sent, statistic) = (level.too_few()?, limits.statistic);
    Some(format!(
        "the deciding level of {} in flight has {sent} requests, {statistic:?} needs {}: measure it with more, or judge by \
         a statistic that needs fewer",
        level.concurrency,
        requests_needed(statistic)
    ))
}

fn why_nothing(levels: &[Level], failure: Option<&str>) -> String {
    match (failure, rejections(levels)) {
        (Some(failure), _) => failure.to_owned(),
        (None, Some(codes)) => format!("no level was accepted ({codes})"),
        (None, None) => "no level was measured".into(),
    }
}

/// The codes for which runs were rejected.
fn rejections(levels: &[Level]) -> Option<String> {
    let findings = levels.iter().flat_map(|level| &level.runs).flat_map(|run| &run.findings);
    let codes: BTreeSet<EvidenceCode> =
        findings.filter(|finding| finding.rejects()).map(|finding| finding.code).collect();
    let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    (!codes.is_empty()).then(|| codes.join(", "))
}
