//! The runs of one concurrency of one variant, audited.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use super::rules::Rules;
use super::sla::{Rated, SELECTING, SINGLE_RUN_MARGIN, SlaLimits};
use super::statistics::{geometric_mean, mean, replicates};
use crate::api::{Finding, SlaState};
use crate::measurement::Measurement;
use crate::measurement::record::{Purpose, TrialRecord};

/// Confidence of intervals that are shown, and of the SLA's.
pub const CONFIDENCE: f64 = 0.95;

/// What an accepted run showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Values {
    /// TTFT or TPOT ÷ its limit, the larger.
    pub ratio: f64,
    /// Mean time to first token, ms.
    pub ttft: f64,
    /// Mean time per output token after the first, ms.
    pub tpot: f64,
    /// Output tokens per second ÷ GPUs held.
    pub tokens: f64,
    /// Its requests, where they are too few for the statistic of the SLA.
    pub too_few: Option<u32>,
}

/// One run of the load tool, audited.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// What was published.
    pub record: &'a TrialRecord,
    /// What speaks against it.
    pub findings: Vec<Finding>,
    /// What it showed; absent when it is rejected.
    pub accepted: Option<Values>,
}

/// Every run of one concurrency.
#[derive(Clone, Debug)]
pub struct Level<'a> {
    /// Requests in flight over the whole deployment.
    pub concurrency: u32,
    /// In the order of round, purpose, repetition and attempt.
    pub runs: Vec<Run<'a>>,
}

/// The levels of a variant, ascending. A finding about all its runs can be added.
pub fn levels<'a>(
    rules: &Rules,
    gpus: NonZeroU32,
    records: &'a [TrialRecord],
    about_all: Option<&Finding>,
) -> Vec<Level<'a>> {
    let mut records: Vec<&TrialRecord> = records.iter().collect();
    records.sort_by_key(|record| {
        let step = &record.step;
        (step.concurrency, step.round, step.purpose, step.repetition, step.attempt)
    });
    records
        .chunk_by(|a, b| a.step.concurrency == b.step.concurrency)
        .filter_map(|same| {
            Some(Level {
                concurrency: same.first()?.step.concurrency,
                runs: same.iter().map(|record| run(rules, gpus, record, about_all)).collect(),
            })
        })
        .collect()
}

fn run<'a>(rules: &Rules, gpus: NonZeroU32, record: &'a TrialRecord, about_all: Option<&Finding>) -> Run<'a> {
    let mut findings = rules.audit.findings(record);
    findings.extend(about_all.cloned());
    let accepted = if findings.iter().any(Finding::rejects) { None } else { values(&rules.limits, gpus, record) };
    Run { record, findings, accepted }
}

fn values(limits: &SlaLimits, gpus: NonZeroU32, record: &TrialRecord) -> Option<Values> {
    let measurement = record.measurement.as_ref()?;
    Some(Values {
        ratio: limits.measured_ratio(measurement)?,
        ttft: measurement.ttft?.mean.get(),
        tpot: measurement.tpot?.mean.get(),
        tokens: measurement.output_tokens_per_second?.get() / f64::from(gpus.get()),
        too_few: limits.too_few(measurement),
    })
}

impl<'a> Level<'a> {
    /// The accepted runs.
    pub fn accepted(&self) -> impl Iterator<Item = (&Run<'a>, Values)> {
        self.runs.iter().filter_map(|run| Some((run, run.accepted?)))
    }

    /// The measurements of accepted runs.
    pub fn measurements(&self) -> Vec<&'a Measurement> {
        self.accepted().filter_map(|(run, _)| run.record.measurement.as_ref()).collect()
    }

    /// Mean of a figure over the accepted runs.
    pub fn mean(&self, figure: fn(&Values) -> f64) -> Option<f64> {
        mean(&self.accepted().map(|(_, values)| figure(&values)).collect::<Vec<_>>())
    }

    /// How the level stands when the bracket is looked for; `None` when nothing of it was run for that.
    pub fn rated(&self) -> Option<Rated> {
        let selecting = |run: &Run| SELECTING.contains(&run.record.step.purpose);
        self.runs.iter().find(|run| selecting(run))?;
        let ratios: Vec<f64> = self.accepted().filter(|(run, _)| selecting(run)).map(|(_, v)| v.ratio.ln()).collect();
        Some(Rated { concurrency: self.concurrency, ratio: mean(&ratios).map(f64::exp) })
    }

    fn has_decision_runs(&self) -> bool {
        self.runs.iter().any(|run| run.record.step.purpose == Purpose::Decision)
    }

    /// Accepted runs that decide: the new ones where there are any, since the run that chose the level flatters it.
    pub fn deciding(&self) -> Vec<(&Run<'a>, Values)> {
        let decides = |run: &Run| (run.record.step.purpose == Purpose::Decision) == self.has_decision_runs();
        self.accepted().filter(|(run, _)| decides(run)).collect()
    }

    /// Whether enough repetitions count for the level to decide: more than half of those that were planned. `complete`:
    /// the variant's sweep came to its end, so that a level without new runs was never meant to have any.
    pub fn decides(&self, rules: &Rules, complete: bool) -> bool {
        let made: BTreeSet<(u32, Purpose, u32)> = self
            .runs
            .iter()
            .map(|run| &run.record.step)
            .filter(|step| (step.purpose == Purpose::Decision) == self.has_decision_runs())
            .map(|step| (step.round, step.purpose, step.repetition))
            .collect();
        let planned = rules.decision_trials as usize * rules.rounds as usize;
        let planned = if self.has_decision_runs() { planned.max(made.len()) } else { made.len() };
        (complete || self.has_decision_runs()) && self.deciding().len() * 2 > planned
    }

    /// The requests of a run that decides, where they are too few for the statistic of the SLA.
    pub fn too_few(&self) -> Option<u32> {
        self.deciding().iter().filter_map(|(_, values)| values.too_few).min()
    }

    /// Whether the level keeps the SLA; `None` without accepted runs.
    pub fn state(&self) -> Option<SlaState> {
        let logs: Vec<(u32, f64)> =
            self.deciding().iter().map(|(run, values)| (run.record.step.round, values.ratio.ln())).collect();
        let estimate = geometric_mean(&replicates(&logs), CONFIDENCE)?;
        let (low, high) = estimate
            .interval
            .unwrap_or((estimate.value * (1.0 - SINGLE_RUN_MARGIN), estimate.value * (1.0 + SINGLE_RUN_MARGIN)));
        Some(if (low <= 1.0 && 1.0 <= high) || self.too_few().is_some() {
            SlaState::Marginal
        } else if estimate.value <= 1.0 {
            SlaState::Met
        } else {
            SlaState::Missed
        })
    }
}
