//! What many comparisons said, held against the truth.

use std::collections::BTreeMap;

use bcmp::api::{Outcome, Stopped};
use bcmp::judgement::comparison::{Look, Standing};
use bcmp::judgement::side::Side;

use super::campaign::Course;

/// How far outside its interval the truth may lie and still count as covered: intervals without width are not wrong by rounding.
const ROUNDING: f64 = 0.0005;

/// Counts of comparisons.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// All.
    pub all: usize,
    /// The candidate is better, or alone meets the SLA.
    pub better: usize,
    /// The baseline is, or does.
    pub worse: usize,
    /// No difference, or neither meets the SLA.
    pub alike: usize,
    /// Undetermined.
    pub open: usize,
    /// Undetermined because a variant is unstable.
    pub unstable: usize,
    /// Comparisons with an interval, and those whose interval holds the truth.
    pub intervals: usize,
    pub covering: usize,
    /// Estimates less the truth, in logarithms.
    pub errors: Vec<f64>,
    /// Hours of each.
    pub hours: Vec<f64>,
    /// Rounds of all together.
    pub rounds: u32,
    /// Why they stopped.
    pub stopped: BTreeMap<&'static str, usize>,
}

impl Tally {
    /// Counts one, whose true ln(candidate ÷ baseline) is this.
    pub fn add(&mut self, course: &Course, truth: f64) {
        self.all += 1;
        self.hours.push(course.hours);
        self.rounds += course.rounds;
        match course.comparison.outcome() {
            Outcome::CandidateBetter | Outcome::OnlyCandidateMeetsSla => self.better += 1,
            Outcome::BaselineBetter | Outcome::OnlyBaselineMeetsSla => self.worse += 1,
            Outcome::NoDifference | Outcome::NeitherMeetsSla => self.alike += 1,
            Outcome::Undetermined => self.open += 1,
        }
        if let Standing::Closed { stopped, .. } = course.comparison.standing {
            *self.stopped.entry(name(stopped)).or_default() += 1;
            self.unstable += usize::from(stopped == Stopped::Unstable);
        }
        let exact =
            |look: &&Look| matches!((&look.baseline.side, &look.candidate.side), (Side::Value(_), Side::Value(_)));
        if let Some(gain) = course.comparison.last().filter(exact).and_then(|look| look.gain.as_ref()) {
            let (low, high) = gain.interval();
            self.intervals += 1;
            self.covering += usize::from(low <= truth + ROUNDING && high >= truth - ROUNDING);
            self.errors.push(gain.log - truth);
        }
    }

    /// Percent of all.
    pub fn percent(&self, count: usize) -> f64 {
        100.0 * count as f64 / self.all as f64
    }

    /// Called different, in percent.
    pub fn different(&self) -> f64 {
        self.percent(self.better + self.worse)
    }

    /// Intervals that hold the truth, in percent.
    pub fn covers(&self) -> f64 {
        100.0 * self.covering as f64 / self.intervals as f64
    }

    /// Mean hours.
    pub fn mean_hours(&self) -> f64 {
        self.hours.iter().sum::<f64>() / self.all as f64
    }

    /// Mean rounds.
    pub fn mean_rounds(&self) -> f64 {
        f64::from(self.rounds) / self.all as f64
    }

    /// A quantile of the estimates' errors, in percent.
    pub fn error(&self, share: f64) -> f64 {
        100.0 * quantile(&self.errors, share)
    }
}

/// Of any values.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(((values.len().saturating_sub(1)) as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}

fn name(stopped: Stopped) -> &'static str {
    match stopped {
        Stopped::Decided => "decided",
        Stopped::Futile => "futile",
        Stopped::MaximumRounds => "maximum",
        Stopped::BudgetSpent => "budget",
        Stopped::RoundsLost => "lost",
        Stopped::Unstable => "unstable",
        Stopped::CannotRepeat => "cannot repeat",
    }
}
