//! Counters and gauges, with the names people alert on.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::error::Error;
use super::gauges::{ComparisonStates, GaugeInput};
use super::results::ResultGauges;
use crate::api::Phase;
use crate::lifecycle::world::Object;

/// The verbs of writes to the API server.
const WRITES: [&str; 5] = ["status", "event", "create", "patch", "delete"];

/// The one queue, as controller-runtime names it.
const CONTROLLER: &str = "benchmarkcomparison";

/// Which controller; there is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerLabel {
    controller: &'static str,
}

/// Which queue; there is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabel {
    name: &'static str,
}

/// Result of one reconciliation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    controller: &'static str,
    result: &'static str,
}

/// Category of an error.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabel {
    controller: &'static str,
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

/// What is listed and watched, by the plural of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabel {
    resource: String,
}

/// Where a comparison or a variant is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabel {
    phase: &'static str,
}

/// The present state; computed from the run states when metrics are scraped.
#[derive(Clone, Default)]
struct Gauges {
    comparisons: Family<PhaseLabel, Gauge>,
    phase_since: Family<PhaseLabel, Gauge>,
    gpus_held: Family<PhaseLabel, Gauge>,
    leaked_children: Gauge,
    teardowns_overdue: Gauge,
    next_look: Gauge,
    silent_since: Gauge,
}

impl Gauges {
    fn register(&self, registry: &mut Registry) {
        registry.register("bcmp_comparisons", "Comparisons by phase", self.comparisons.clone());
        registry.register(
            "bcmp_phase_since_timestamp_seconds",
            "When the comparison entered the phase that has been in it longest",
            self.phase_since.clone(),
        );
        registry.register(
            "bcmp_leaked_children",
            "Objects and pods of runs that are over, except their records",
            self.leaked_children.clone(),
        );
        registry.register(
            "bcmp_gpus_held",
            "GPUs of variants whose pods are all scheduled, by phase of the variant",
            self.gpus_held.clone(),
        );
        registry.register(
            "bcmp_teardowns_overdue",
            "Comparisons whose teardown takes longer than its deadline",
            self.teardowns_overdue.clone(),
        );
        registry.register(
            "bcmp_next_look_timestamp_seconds",
            "Earliest planned reconciliation of a comparison; 0 if none is planned",
            self.next_look.clone(),
        );
        registry.register(
            "bcmp_last_record_timestamp_seconds",
            "Oldest last record or mark of a variant that is being measured; 0 if none is",
            self.silent_since.clone(),
        );
    }

    fn set(&self, states: &ComparisonStates) {
        let families = [&self.comparisons, &self.phase_since, &self.gpus_held];
        let known = families.into_iter().zip([states.phases(), states.phases_since(), states.gpus_held()]);
        for (family, values) in known {
            family.clear();
            for (phase, value) in values {
                family.get_or_create(&PhaseLabel { phase }).set(value);
            }
        }
        self.leaked_children.set(states.leaked_children());
        self.teardowns_overdue.set(states.teardowns_overdue());
        self.next_look.set(states.next_look());
        self.silent_since.set(states.silent_since());
    }
}

/// All metrics of the controller. Labels are bounded: no names of objects, except in results, which are asked for.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    reconciles: Family<ResultLabel, Counter>,
    errors: Family<ErrorLabel, Counter>,
    seconds: Family<ControllerLabel, Histogram, fn() -> Histogram>,
    active_workers: Family<ControllerLabel, Gauge>,
    retries: Family<QueueLabel, Counter>,
    teardown_seconds: Histogram,
    runs: Family<OutcomeLabel, Counter>,
    gpu_seconds_held: Counter,
    gpu_seconds_measuring: Counter,
    writes: Family<WriteLabel, Counter>,
    unreadable_objects: Family<ResourceLabel, Counter>,
    watch_failures: Family<ResourceLabel, Counter>,
    gauges: Gauges,
    states: Arc<Mutex<ComparisonStates>>,
    results: Option<Arc<ResultGauges>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(false)
    }
}

/// A reconciliation that goes on.
pub struct ActiveWorker(Gauge);

impl Drop for ActiveWorker {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// `results`: whether measured figures are told of, too.
    pub fn new(results: bool) -> Self {
        let mut registry = Registry::default();
        let reconciles = Family::default();
        let errors = Family::default();
        let seconds: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.005, 2.0, 14)));
        let active_workers = Family::default();
        let retries = Family::default();
        let teardown_seconds = Histogram::new(exponential_buckets(1.0, 2.0, 12));
        let runs = Family::default();
        let gpu_seconds_held = Counter::default();
        let gpu_seconds_measuring = Counter::default();
        let writes = Family::default();
        let unreadable_objects = Family::default();
        let watch_failures = Family::default();
        registry.register("controller_runtime_reconcile", "Reconciliations by result", reconciles.clone());
        registry.register("controller_runtime_reconcile_errors", "Failed reconciliations by category", errors.clone());
        registry.register("controller_runtime_reconcile_time_seconds", "Time of a reconciliation", seconds.clone());
        registry.register("controller_runtime_active_workers", "Reconciliations under way", active_workers.clone());
        registry.register("workqueue_retries", "Comparisons requeued after an error", retries.clone());
        registry.register(
            "bcmp_teardown_seconds",
            "Seconds from the decision to tear a deployment down until all of it was gone",
            teardown_seconds.clone(),
        );
        registry.register("bcmp_runs", "Finished runs by outcome", runs.clone());
        registry.register("bcmp_gpu_seconds_held", "GPU-seconds held by finished runs", gpu_seconds_held.clone());
        registry.register(
            "bcmp_gpu_seconds_measuring",
            "GPU-seconds of finished runs in which levels were measured",
            gpu_seconds_measuring.clone(),
        );
        registry.register("bcmp_api_writes", "Writes to the API server by verb", writes.clone());
        registry.register(
            "bcmp_unreadable_objects",
            "Objects that could not be read and were left out, by resource",
            unreadable_objects.clone(),
        );
        registry.register("bcmp_watch_failures", "Watches that failed, by resource", watch_failures.clone());
        // A counter that appears only with the first thing it counts shows no increase.
        for verb in WRITES {
            drop(writes.get_or_create(&WriteLabel { verb }));
        }
        for category in Error::CATEGORIES {
            drop(errors.get_or_create(&ErrorLabel { controller: CONTROLLER, category }));
        }
        drop(retries.get_or_create(&QueueLabel { name: CONTROLLER }));
        for phase in [Phase::Succeeded, Phase::Inconclusive, Phase::Failed, Phase::Cancelled, Phase::Predicted] {
            drop(runs.get_or_create(&OutcomeLabel { outcome: phase.as_str() }));
        }
        let gauges = Gauges::default();
        gauges.register(&mut registry);
        let results = results.then(|| Arc::new(ResultGauges::default()));
        if let Some(results) = &results {
            results.register(&mut registry);
        }
        Self {
            registry: Arc::new(registry),
            reconciles,
            errors,
            seconds,
            active_workers,
            retries,
            teardown_seconds,
            runs,
            gpu_seconds_held,
            gpu_seconds_measuring,
            writes,
            unreadable_objects,
            watch_failures,
            gauges,
            states: Arc::default(),
            results,
        }
    }

    /// A reconciliation begins; it is active until what is returned is dropped.
    pub fn begins(&self) -> ActiveWorker {
        let workers = self.active_workers.get_or_create_owned(&ControllerLabel { controller: CONTROLLER });
        workers.inc();
        ActiveWorker(workers)
    }

    /// A reconciliation ended; `error` is its category.
    pub fn reconciled(&self, took: Duration, error: Option<&'static str>) {
        let result = if error.is_some() { "error" } else { "success" };
        self.reconciles.get_or_create(&ResultLabel { controller: CONTROLLER, result }).inc();
        self.seconds.get_or_create(&ControllerLabel { controller: CONTROLLER }).observe(took.as_secs_f64());
        if let Some(category) = error {
            self.errors.get_or_create(&ErrorLabel { controller: CONTROLLER, category }).inc();
            self.retries.get_or_create(&QueueLabel { name: CONTROLLER }).inc();
        }
    }

    pub fn wrote(&self, verb: &'static str) {
        self.writes.get_or_create(&WriteLabel { verb }).inc();
    }

    /// An object of this resource cannot be read.
    pub fn left_out(&self, resource: &str) {
        self.unreadable_objects.get_or_create(&ResourceLabel { resource: resource.to_owned() }).inc();
    }

    pub fn watch_failed(&self, resource: &str) {
        self.watch_failures.get_or_create(&ResourceLabel { resource: resource.to_owned() }).inc();
    }

    /// A run ended; `held` and `measuring` are GPU-seconds.
    pub fn finished(&self, outcome: &'static str, held: i64, measuring: i64) {
        self.runs.get_or_create(&OutcomeLabel { outcome }).inc();
        self.gpu_seconds_held.inc_by(u64::try_from(held).unwrap_or(0));
        self.gpu_seconds_measuring.inc_by(u64::try_from(measuring).unwrap_or(0));
    }

    /// A deployment is gone, `seconds` after its teardown was decided.
    pub fn torn_down(&self, seconds: i64) {
        // Exact for times that a histogram's buckets can hold.
        self.teardown_seconds.observe(seconds as f64);
    }

    fn states(&self) -> std::sync::MutexGuard<'_, ComparisonStates> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reconciliation of a comparison succeeded.
    pub fn saw(&self, object: &Object, seen: GaugeInput) {
        let uid = &object.uid;
        if let Some(results) = &self.results {
            results.saw(uid, &object.namespace, &object.name, seen.status);
        }
        self.states().saw(uid, seen);
    }

    pub fn forget(&self, uid: &str) {
        self.states().forget(uid);
        if let Some(results) = &self.results {
            results.forget(uid);
        }
    }

    /// Forgets all comparisons but these.
    pub fn retain(&self, exists: &HashSet<String>) {
        self.states().retain(exists);
        if let Some(results) = &self.results {
            results.retain(exists);
        }
    }

    /// The metrics in OpenMetrics text.
    pub fn text(&self) -> String {
        self.gauges.set(&self.states());
        if let Some(results) = &self.results {
            results.set();
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reconciliation_that_is_broken_off_is_not_active() {
        let metrics = Metrics::default();
        let active = || {
            metrics
                .text()
                .lines()
                .any(|line| line.starts_with("controller_runtime_active_workers{") && line.ends_with(" 1"))
        };
        let worker = metrics.begins();
        assert!(active());
        drop(worker);
        assert!(!active());
    }

    /// Dashboards made for controller-runtime select by this label.
    #[test]
    fn all_metrics_of_a_reconciliation_name_the_controller() {
        let metrics = Metrics::default();
        drop(metrics.begins());
        metrics.reconciled(Duration::from_millis(7), Some("api"));
        let text = metrics.text();
        let samples: Vec<&str> = text.lines().filter(|line| line.starts_with("controller_runtime_")).collect();
        assert!(samples.len() > 17, "{text}");
        for sample in samples {
            assert!(sample.contains(r#"controller="benchmarkcomparison""#), "{sample}");
        }
    }
}
