//! Counters and gauges, with the names people alert on.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Result of one reconciliation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    controller: &'static str,
    result: &'static str,
}

/// Category of an error.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabel {
    category: &'static str,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Writes to the API server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabel {
    verb: &'static str,
}

/// All metrics of the controller. Labels are bounded: no names of objects.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    reconciles: Family<ResultLabel, Counter>,
    errors: Family<ErrorLabel, Counter>,
    seconds: Histogram,
    runs: Family<OutcomeLabel, Counter>,
    gpu_seconds_held: Counter,
    gpu_seconds_measuring: Counter,
    writes: Family<WriteLabel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let reconciles = Family::default();
        let errors = Family::default();
        let seconds = Histogram::new(exponential_buckets(0.005, 2.0, 14));
        let runs = Family::default();
        let gpu_seconds_held = Counter::default();
        let gpu_seconds_measuring = Counter::default();
        let writes = Family::default();
        registry.register("controller_runtime_reconcile", "Reconciliations by result", reconciles.clone());
        registry.register("controller_runtime_reconcile_errors", "Failed reconciliations by category", errors.clone());
        registry.register("controller_runtime_reconcile_time_seconds", "Time of a reconciliation", seconds.clone());
        registry.register("bcmp_runs", "Finished runs by outcome", runs.clone());
        registry.register("bcmp_gpu_seconds_held", "GPU-seconds held by finished runs", gpu_seconds_held.clone());
        registry.register(
            "bcmp_gpu_seconds_measuring",
            "GPU-seconds of finished runs in which levels were measured",
            gpu_seconds_measuring.clone(),
        );
        registry.register("bcmp_api_writes", "Writes to the API server by verb", writes.clone());
        Self {
            registry: Arc::new(registry),
            reconciles,
            errors,
            seconds,
            runs,
            gpu_seconds_held,
            gpu_seconds_measuring,
            writes,
        }
    }
}

impl Metrics {
    /// One reconciliation is over.
    pub fn reconciled(&self, took: Duration, error: Option<&'static str>) {
        let result = if error.is_some() { "error" } else { "success" };
        self.reconciles.get_or_create(&ResultLabel { controller: "benchmarkcomparison", result }).inc();
        self.seconds.observe(took.as_secs_f64());
        if let Some(category) = error {
            self.errors.get_or_create(&ErrorLabel { category }).inc();
        }
    }

    /// One write to the API server.
    pub fn wrote(&self, verb: &'static str) {
        self.writes.get_or_create(&WriteLabel { verb }).inc();
    }

    /// One run is over.
    pub fn finished(&self, outcome: &'static str, held: i64, measuring: i64) {
        self.runs.get_or_create(&OutcomeLabel { outcome }).inc();
        self.gpu_seconds_held.inc_by(u64::try_from(held).unwrap_or(0));
        self.gpu_seconds_measuring.inc_by(u64::try_from(measuring).unwrap_or(0));
    }

    /// The metrics in OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
