//! What many simulated comparisons say about one that has not been run: its price, and how likely an answer is.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::api::{BenchmarkComparisonStatus, Cost, VerdictResult};

/// What is to be expected.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// Simulated comparisons.
    pub runs: usize,
    /// Of the simulated ones.
    pub minutes: Range,
    /// Of the simulated ones.
    pub gpu_hours: Range,
    /// Of the simulated ones.
    pub rounds: Range,
    /// Measured gains in percent, where they are numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain_percent: Option<Range>,
    /// Result → how many ended with it.
    pub results: BTreeMap<String, usize>,
    /// Why runs ended without a verdict → how many did.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ended: BTreeMap<String, usize>,
    /// Share of comparisons with an answer: with any result but Inconclusive.
    pub answered_percent: f64,
    /// Who holds GPUs when, in the first of them.
    pub course: Vec<Held>,
}

/// The smallest, the middle and the largest of some figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Range {
    /// Of all.
    pub lowest: f64,
    /// Half are below.
    pub median: f64,
    /// Of all.
    pub highest: f64,
}

/// One deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Round it belongs to.
    pub round: u32,
    /// What was deployed.
    pub variant: String,
    /// GPUs it held.
    pub gpus: u32,
    /// Minutes after the start of the run.
    pub from_minute: i64,
    /// Minutes until it was gone.
    pub minutes: i64,
}

impl Range {
    /// `None` of no figures.
    fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied();
        let middle = figures.len() / 2;
        let median =
            if figures.len() % 2 == 1 { at(middle)? } else { (at(middle.checked_sub(1)?)? + at(middle)?) / 2.0 };
        Some(Self { lowest: at(0)?, median, highest: at(figures.len() - 1)? })
    }
}

impl Forecast {
    /// Of finished comparisons that differ in nothing but chance.
    pub fn of(statuses: &[BenchmarkComparisonStatus]) -> Self {
        let prices = || statuses.iter().filter_map(|status| status.price.as_ref());
        let actual = |read: fn(&Cost) -> f64| {
            Range::of(prices().filter_map(|price| price.actual.as_ref()).map(read).collect()).unwrap_or_default()
        };
        let verdicts = || statuses.iter().filter_map(|status| status.verdict.as_ref());
        let (mut results, mut ended) = (BTreeMap::new(), BTreeMap::new());
        for status in statuses {
            if status.verdict.is_none() {
                *ended.entry(why_it_ended(status)).or_default() += 1;
            }
            if let Some(verdict) = &status.verdict {
                *results.entry(verdict.result.to_string()).or_default() += 1;
            }
        }
        let answered = verdicts().filter(|verdict| verdict.result != VerdictResult::Inconclusive).count();
        let gains = verdicts().filter_map(|verdict| verdict.measured.gain_percent.as_ref()?.parse().ok()).collect();
        Self {
            runs: statuses.len(),
            minutes: actual(|cost| f64::from(cost.minutes)),
            gpu_hours: actual(|cost| cost.gpu_hours.parse().unwrap_or_default()),
            rounds: actual(|cost| f64::from(cost.rounds)),
            gain_percent: Range::of(gains),
            results,
            ended,
            answered_percent: 100.0 * answered as f64 / statuses.len().max(1) as f64,
            course: statuses.first().map(course).unwrap_or_default(),
        }
    }
}

/// Why a run came to no verdict: what is said of the variants that failed, or else of the run.
fn why_it_ended(status: &BenchmarkComparisonStatus) -> String {
    let failures = status.variants.iter().filter_map(|variant| {
        let failure = variant.failure.as_ref()?;
        Some(format!("{} of {}: {}", failure.reason.as_str(), variant.name, failure.message))
    });
    let failures: Vec<String> = failures.collect();
    if !failures.is_empty() {
        return failures.join("; ");
    }
    let ended = status.run.as_ref().and_then(|run| run.ended.as_ref());
    let said = ended.map(|ended| format!("{}: {}", ended.reason.as_str(), ended.message));
    said.or_else(|| status.message.clone()).unwrap_or_else(|| "nothing was said".into())
}

fn course(status: &BenchmarkComparisonStatus) -> Vec<Held> {
    let Some(run) = &status.run else { return vec![] };
    let minutes = |from: &jiff::Timestamp, to: &jiff::Timestamp| (to.as_second() - from.as_second() + 30) / 60;
    let mut held: Vec<(jiff::Timestamp, Held)> = vec![];
    for variant in &status.variants {
        for deployment in &variant.deployments {
            let (Some(from), Some(to)) = (&deployment.scheduled, &deployment.gone) else { continue };
            let row = Held {
                round: deployment.round,
                variant: variant.name.clone(),
                gpus: variant.gpus.unwrap_or(0),
                from_minute: minutes(&run.queued_time.0, &from.0),
                minutes: minutes(&from.0, &to.0),
            };
            held.push((from.0, row));
        }
    }
    held.sort_by_key(|(from, _)| *from);
    held.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(result: &str, gain: &str, minutes: u32) -> BenchmarkComparisonStatus {
        let outcome = json!({"outcome": "CandidateBetter"});
        let cost = json!({"rounds": 2, "minutes": minutes, "gpuHours": "4.5"});
        serde_json::from_value(json!({
            "price": {"actual": cost},
            "verdict": {"result": result, "summary": "", "predicted": outcome, "comparisons": [],
                        "measured": {"outcome": "CandidateBetter", "gainPercent": gain, "rounds": 2}},
        }))
        .unwrap()
    }

    #[test]
    fn results_are_counted_and_figures_ranged() {
        let all = [
            status("Confirmed", "+10.0", 30),
            status("Confirmed", "+20.0", 50),
            status("Inconclusive", "+12.0", 40),
            status("DirectionOnly", "+14.0", 60),
        ];
        let forecast = Forecast::of(&all);
        assert_eq!(forecast.answered_percent, 75.0);
        assert_eq!(forecast.results["Confirmed"], 2);
        assert_eq!(forecast.minutes, Range { lowest: 30.0, median: 45.0, highest: 60.0 });
        assert_eq!(forecast.gain_percent.unwrap().median, 13.0);
    }

    #[test]
    fn nothing_is_forecast_from_nothing() {
        assert_eq!(Forecast::of(&[]).gain_percent, None);
        let forecast = Forecast::of(&[BenchmarkComparisonStatus::default()]);
        assert_eq!((forecast.answered_percent, forecast.results.len(), forecast.ended.len()), (0.0, 0, 1));
    }

    #[test]
    fn what_comes_to_no_verdict_says_why() {
        let failed: BenchmarkComparisonStatus = serde_json::from_value(json!({
            "variants": [
                {"name": "a", "role": "Baseline", "failure": {"reason": "NoFeasibleConfiguration", "message": "none meets the SLA", "time": "2026-01-01T00:00:00Z"}},
                {"name": "b", "role": "Candidate"},
            ],
        }))
        .unwrap();
        let stopped: BenchmarkComparisonStatus =
            serde_json::from_value(json!({"message": "6 GPU-hours are needed"})).unwrap();
        let forecast = Forecast::of(&[failed.clone(), stopped, failed, status("Confirmed", "+10.0", 30)]);
        let ended: Vec<_> = forecast.ended.iter().map(|(why, runs)| (why.as_str(), *runs)).collect();
        assert_eq!(ended, [("6 GPU-hours are needed", 1), ("NoFeasibleConfiguration of a: none meets the SLA", 2)]);
    }
}
