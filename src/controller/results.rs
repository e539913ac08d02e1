//! What was measured, as gauges for dashboards. Their labels name comparisons, so they are there only where they are asked
//! for, and only for the comparisons that ended last.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::api::{BenchmarkComparisonStatus, LevelStatus, SlaState, VerdictResult};

/// Comparisons that are told of: those whose latest verdict is newest.
const MOST_COMPARISONS: usize = 200;

type DecimalGauge = Gauge<f64, AtomicU64>;

/// A level of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LevelLabel {
    namespace: String,
    comparison: String,
    variant: String,
    concurrency: i64,
}

/// A figure of a level that was estimated.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EstimateLabel {
    namespace: String,
    comparison: String,
    variant: String,
    concurrency: i64,
    figure: &'static str,
}

/// How a comparison ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabel {
    namespace: String,
    comparison: String,
    result: &'static str,
}

/// The measured levels of a comparison with a verdict.
#[derive(Clone, Debug)]
struct MeasuredRun {
    namespace: String,
    name: String,
    ended: Timestamp,
    result: VerdictResult,
    levels: Vec<MeasuredLevel>,
}

#[derive(Clone, Debug)]
struct MeasuredLevel {
    variant: String,
    concurrency: i64,
    /// In seconds.
    ttft: Option<f64>,
    /// In seconds.
    tpot: Option<f64>,
    tokens_per_second_per_gpu: Option<f64>,
    meets_sla: Option<bool>,
    /// Measured ÷ estimated − 1, by the name of the figure.
    errors: Vec<(&'static str, f64)>,
}

impl MeasuredLevel {
    fn of(variant: &str, level: &LevelStatus) -> Option<Self> {
        let figures = &level.measured.as_ref()?.figures;
        let error = level.error_percent.as_ref();
        let errors = [
            ("ttft", error.and_then(|error| error.ttft.as_ref())),
            ("tpot", error.and_then(|error| error.tpot.as_ref())),
            ("tokensPerSecondPerGpu", error.and_then(|error| error.tokens_per_second_per_gpu.as_ref())),
        ];
        Some(Self {
            variant: variant.to_owned(),
            concurrency: level.concurrency.into(),
            ttft: number(figures.ttft_milliseconds.as_ref()).map(|milliseconds| milliseconds / 1000.0),
            tpot: number(figures.tpot_milliseconds.as_ref()).map(|milliseconds| milliseconds / 1000.0),
            tokens_per_second_per_gpu: number(figures.tokens_per_second_per_gpu.as_ref()),
            meets_sla: match level.sla {
                Some(SlaState::Met) => Some(true),
                Some(SlaState::Missed) => Some(false),
                Some(SlaState::Marginal) | None => None,
            },
            errors: errors
                .into_iter()
                .filter_map(|(figure, percent)| Some((figure, number(percent)? / 100.0)))
                .collect(),
        })
    }
}

/// A decimal of a status, which is a string there.
fn number(decimal: Option<&String>) -> Option<f64> {
    decimal?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The gauges, and of which comparisons they tell.
#[derive(Default)]
pub struct ResultGauges {
    tokens_per_second_per_gpu: Family<LevelLabel, DecimalGauge>,
    ttft_seconds: Family<LevelLabel, DecimalGauge>,
    tpot_seconds: Family<LevelLabel, DecimalGauge>,
    meets_sla: Family<LevelLabel, Gauge>,
    estimate_error: Family<EstimateLabel, DecimalGauge>,
    verdict: Family<VerdictLabel, Gauge>,
    by_uid: Mutex<HashMap<String, MeasuredRun>>,
}

impl ResultGauges {
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "bcmp_level_tokens_per_second_per_gpu",
            "Output tokens per second and GPU, measured at a level",
            self.tokens_per_second_per_gpu.clone(),
        );
        registry.register(
            "bcmp_level_ttft_seconds",
            "Time to first token, measured at a level",
            self.ttft_seconds.clone(),
        );
        registry.register(
            "bcmp_level_tpot_seconds",
            "Time per output token after the first, measured at a level",
            self.tpot_seconds.clone(),
        );
        registry.register(
            "bcmp_level_meets_sla",
            "1 for a level that meets the SLA, 0 for one that misses it; absent within doubt",
            self.meets_sla.clone(),
        );
        registry.register(
            "bcmp_level_estimate_error_ratio",
            "Measured by estimated, less 1, of a figure of a level",
            self.estimate_error.clone(),
        );
        registry.register("bcmp_verdict", "1 for the result of a comparison's latest verdict", self.verdict.clone());
    }

    /// What a comparison's status says now. A run without a verdict leaves the figures of the one before in place.
    pub fn saw(&self, uid: &str, namespace: &str, name: &str, status: &BenchmarkComparisonStatus) {
        let ended = status.run.as_ref().and_then(|run| run.completion_time.as_ref());
        let (Some(verdict), Some(ended)) = (&status.verdict, ended) else { return };
        let levels = status
            .variants
            .iter()
            .flat_map(|variant| variant.levels.iter().filter_map(|level| MeasuredLevel::of(&variant.name, level)));
        let run = MeasuredRun {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            ended: ended.0,
            result: verdict.result,
            levels: levels.collect(),
        };
        self.measured().insert(uid.to_owned(), run);
    }

    pub fn forget(&self, uid: &str) {
        self.measured().remove(uid);
    }

    /// Forgets all comparisons but these.
    pub fn retain(&self, exists: &HashSet<String>) {
        self.measured().retain(|uid, _| exists.contains(uid));
    }

    fn measured(&self) -> std::sync::MutexGuard<'_, HashMap<String, MeasuredRun>> {
        self.by_uid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the gauges up to date.
    pub fn set(&self) {
        self.clear();
        let runs = self.measured();
        let mut newest: Vec<&MeasuredRun> = runs.values().collect();
        newest.sort_by_key(|run| std::cmp::Reverse(run.ended));
        for run in newest.into_iter().take(MOST_COMPARISONS) {
            self.show(run);
        }
    }

    fn clear(&self) {
        for family in [&self.tokens_per_second_per_gpu, &self.ttft_seconds, &self.tpot_seconds] {
            family.clear();
        }
        self.meets_sla.clear();
        self.estimate_error.clear();
        self.verdict.clear();
    }

    fn show(&self, run: &MeasuredRun) {
        let (namespace, comparison) = (&run.namespace, &run.name);
        let verdict =
            VerdictLabel { namespace: namespace.clone(), comparison: comparison.clone(), result: run.result.into() };
        self.verdict.get_or_create(&verdict).set(1);
        for level in &run.levels {
            let label = LevelLabel {
                namespace: namespace.clone(),
                comparison: comparison.clone(),
                variant: level.variant.clone(),
                concurrency: level.concurrency,
            };
            let figures = [
                (&self.tokens_per_second_per_gpu, level.tokens_per_second_per_gpu),
                (&self.ttft_seconds, level.ttft),
                (&self.tpot_seconds, level.tpot),
            ];
            for (family, value) in figures {
                if let Some(value) = value {
                    family.get_or_create(&label).set(value);
                }
            }
            if let Some(meets) = level.meets_sla {
                self.meets_sla.get_or_create(&label).set(i64::from(meets));
            }
            let LevelLabel { namespace, comparison, variant, concurrency } = label;
            for (figure, value) in &level.errors {
                let (namespace, comparison, variant) = (namespace.clone(), comparison.clone(), variant.clone());
                let label = EstimateLabel { namespace, comparison, variant, concurrency, figure };
                self.estimate_error.get_or_create(&label).set(*value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use prometheus_client::encoding::text::encode;
    use serde_json::{Value, json};

    use super::*;

    fn status(second: i64, verdict: Value) -> BenchmarkComparisonStatus {
        serde_json::from_value(json!({
            "run": {"number": 1, "inputsHash": "v1:0", "queuedTime": "2026-01-01T00:00:00Z",
                    "completionTime": Timestamp::from_second(second).unwrap().to_string()},
            "verdict": verdict,
            "variants": [{
                "name": "tp8", "role": "Candidate",
                "levels": [
                    {"concurrency": 16, "evidence": {"accepted": 1, "rejected": 0}, "sla": "Met",
                     "measured": {"ttftMilliseconds": "250", "tpotMilliseconds": "12.5", "tokensPerSecondPerGpu": "140.5", "requests": 100},
                     "errorPercent": {"tpot": "+25.0"}},
                    {"concurrency": 32, "evidence": {"accepted": 0, "rejected": 1}}
                ]
            }]
        }))
        .unwrap()
    }

    fn verdict() -> Value {
        json!({
            "result": "Confirmed", "summary": "", "comparisons": [],
            "predicted": {"outcome": "CandidateBetter"}, "measured": {"outcome": "CandidateBetter", "rounds": 1},
        })
    }

    /// Samples alone, without the lines that describe them.
    fn samples(gauges: &ResultGauges) -> Vec<String> {
        let mut registry = Registry::default();
        gauges.register(&mut registry);
        gauges.set();
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn each_measured_level_has_its_figures() {
        let gauges = ResultGauges::default();
        gauges.saw("a", "benchmarks", "qwen", &status(100, verdict()));
        let level = r#"{namespace="benchmarks",comparison="qwen",variant="tp8",concurrency="16"}"#;
        let error = r#"{namespace="benchmarks",comparison="qwen",variant="tp8",concurrency="16",figure="tpot"}"#;
        assert_eq!(
            samples(&gauges),
            [
                format!("bcmp_level_tokens_per_second_per_gpu{level} 140.5"),
                format!("bcmp_level_ttft_seconds{level} 0.25"),
                format!("bcmp_level_tpot_seconds{level} 0.0125"),
                format!("bcmp_level_meets_sla{level} 1"),
                format!("bcmp_level_estimate_error_ratio{error} 0.25"),
                r#"bcmp_verdict{namespace="benchmarks",comparison="qwen",result="Confirmed"} 1"#.to_owned(),
            ]
        );
    }

    #[test]
    fn a_run_without_a_verdict_says_nothing_and_what_is_deleted_is_forgotten() {
        let gauges = ResultGauges::default();
        gauges.saw("a", "benchmarks", "qwen", &status(100, Value::Null));
        assert_eq!(samples(&gauges), Vec::<String>::new());
        gauges.saw("a", "benchmarks", "qwen", &status(100, verdict()));
        gauges.saw("a", "benchmarks", "qwen", &status(100, Value::Null));
        assert!(!samples(&gauges).is_empty(), "the next run has begun");
        gauges.forget("a");
        assert_eq!(samples(&gauges), Vec::<String>::new());
        gauges.saw("a", "benchmarks", "qwen", &status(100, verdict()));
        gauges.retain(&HashSet::new());
        assert_eq!(samples(&gauges), Vec::<String>::new());
    }

    #[test]
    fn only_the_newest_are_told_of() {
        let gauges = ResultGauges::default();
        for number in 0..MOST_COMPARISONS + 5 {
            let second = i64::try_from(number).unwrap();
            gauges.saw(&number.to_string(), "benchmarks", &format!("c{number}"), &status(second, verdict()));
        }
        let verdicts: Vec<_> = samples(&gauges).into_iter().filter(|line| line.starts_with("bcmp_verdict")).collect();
        assert_eq!(verdicts.len(), MOST_COMPARISONS);
        assert!(!verdicts.iter().any(|line| line.contains(r#"comparison="c4""#)), "{verdicts:?}");
    }
}
