//! The state of each comparison for gauges, as this process saw it last.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use crate::api::conditions::{ConditionStatus, ConditionType};
use crate::api::{BenchmarkComparisonStatus, Phase, Reason, VariantPhase};
use crate::lifecycle::facts::live;

/// Phases of variants in which GPUs can be held, as they are written in labels.
const HOLDING: [(VariantPhase, &str); 4] = [
    (VariantPhase::Deploying, "Deploying"),
    (VariantPhase::Measuring, "Measuring"),
    (VariantPhase::TearingDown, "TearingDown"),
    (VariantPhase::Failed, "Failed"),
];

/// What a reconciliation of a comparison found.
#[derive(Clone, Copy, Debug)]
pub struct GaugeInput<'a> {
    /// After the reconciliation.
    pub status: &'a BenchmarkComparisonStatus,
    /// When the next reconciliation is due, if one is planned.
    pub next_look: Option<Timestamp>,
    /// Objects and pods of runs that are over, except their records.
    pub leaked: usize,
    /// Since when nothing was published of what is being measured.
    pub silent_since: Option<Timestamp>,
    pub now: Timestamp,
}

#[derive(Clone, Debug, Default)]
struct ComparisonState {
    phase: Option<Phase>,
    phase_since: Timestamp,
    leaked: usize,
    gpus: BTreeMap<&'static str, i64>,
    teardown_overdue: bool,
    next_look: Option<Timestamp>,
    silent_since: Option<Timestamp>,
}

impl ComparisonState {
    fn of(seen: GaugeInput, before: Option<&Self>) -> Self {
        let GaugeInput { status, next_look, leaked, silent_since, now } = seen;
        let mut gpus = BTreeMap::new();
        for variant in &status.variants {
            // An endpoint has no object of the run: its GPUs are not held by it.
            let ours = variant.deployed.as_ref().is_some_and(|deployed| deployed.kind.is_some());
            let holds = live(variant).is_some_and(|of| of.scheduled.is_some() && of.freed.is_none());
            let phase = HOLDING.into_iter().find(|(phase, _)| variant.phase == Some(*phase));
            if let (true, true, Some((_, phase))) = (ours, holds, phase) {
                *gpus.entry(phase).or_default() += i64::from(variant.gpus.unwrap_or(0));
            }
        }
        let stalled = status.conditions.iter().find(|c| c.type_ == ConditionType::Stalled.as_str());
        let teardown_overdue = stalled
            .is_some_and(|c| c.status == ConditionStatus::True.as_str() && c.reason == Reason::TeardownStuck.as_str());
        let phase_since = match before {
            Some(before) if before.phase == status.phase => before.phase_since,
            Some(_) => now,
            // This process saw no change yet: the phase is at least as old as the last recorded fact.
            None => last_fact(status).unwrap_or(now),
        };
        Self { phase: status.phase, phase_since, leaked, gpus, teardown_overdue, next_look, silent_since }
    }
}

/// Time of the last recorded fact.
fn last_fact(status: &BenchmarkComparisonStatus) -> Option<Timestamp> {
    let run = status.run.as_ref()?;
    let held = run.paused.as_ref();
    let of_run = [
        Some(&run.queued_time),
        run.generated_time.as_ref(),
        held.map(|hold| &hold.since),
        held.and_then(|hold| hold.until.as_ref()),
        run.start_time.as_ref(),
        run.completion_time.as_ref(),
    ];
    let ended = run.ended.as_ref().map(|ended| &ended.time);
    let of_variants = status.variants.iter().flat_map(|variant| &variant.deployments).flat_map(|d| {
        [Some(&d.created), d.scheduled.as_ref(), d.serving.as_ref(), d.teardown.as_ref(), d.gone.as_ref()]
    });
    of_run.into_iter().chain([ended]).chain(of_variants).flatten().map(|time| time.0).max()
}

/// The states of all comparisons, by UID.
#[derive(Debug, Default)]
pub struct ComparisonStates {
    by_uid: HashMap<String, ComparisonState>,
}

impl ComparisonStates {
    /// A reconciliation succeeded.
    pub fn saw(&mut self, uid: &str, seen: GaugeInput) {
        let state = ComparisonState::of(seen, self.by_uid.get(uid));
        self.by_uid.insert(uid.to_owned(), state);
    }

    pub fn forget(&mut self, uid: &str) {
        self.by_uid.remove(uid);
    }

    /// Forgets all but these.
    pub fn retain(&mut self, exists: &HashSet<String>) {
        self.by_uid.retain(|uid, _| exists.contains(uid));
    }

    /// Comparisons by phase.
    pub fn phases(&self) -> BTreeMap<&'static str, i64> {
        let mut phases = BTreeMap::new();
        for phase in self.by_uid.values().filter_map(|state| state.phase) {
            *phases.entry(phase.as_str()).or_default() += 1;
        }
        phases
    }

    /// Phase → when the comparison entered it that has been in it longest, in seconds since 1970.
    pub fn phases_since(&self) -> BTreeMap<&'static str, i64> {
        let mut phases = BTreeMap::new();
        for state in self.by_uid.values() {
            let Some(phase) = state.phase else { continue };
            let since = state.phase_since.as_second();
            phases.entry(phase.as_str()).and_modify(|first: &mut i64| *first = since.min(*first)).or_insert(since);
        }
        phases
    }

    /// Objects and pods of runs that are over, except their records.
    pub fn leaked_children(&self) -> i64 {
        i64::try_from(self.by_uid.values().map(|state| state.leaked).sum::<usize>()).unwrap_or(i64::MAX)
    }

    /// GPUs held, by the phase of the variant that holds them. Every phase is present, if only with zero: for an alert, a
    /// series that vanishes keeps its last value.
    pub fn gpus_held(&self) -> BTreeMap<&'static str, i64> {
        let held = |label| self.by_uid.values().filter_map(|state| state.gpus.get(label)).sum();
        HOLDING.into_iter().map(|(_, label)| (label, held(label))).collect()
    }

    /// Comparisons whose teardown is overdue.
    pub fn teardowns_overdue(&self) -> i64 {
        i64::try_from(self.by_uid.values().filter(|state| state.teardown_overdue).count()).unwrap_or(i64::MAX)
    }

    /// Since when nothing was published of the variant that has been measured in silence longest, in seconds since 1970; 0 if
    /// none is measured.
    pub fn silent_since(&self) -> i64 {
        self.by_uid.values().filter_map(|state| state.silent_since).min().map_or(0, Timestamp::as_second)
    }

    /// The earliest planned reconciliation, in seconds since 1970; 0 if none is planned.
    pub fn next_look(&self) -> i64 {
        self.by_uid.values().filter_map(|state| state.next_look).min().map_or(0, Timestamp::as_second)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn status(phase: &str, variant: &str, kind: Option<&str>, stalled: &str) -> BenchmarkComparisonStatus {
        serde_json::from_value(json!({
            "observedGeneration": 1,
            "phase": phase,
            "conditions": [{
                "type": "Stalled", "status": stalled, "reason": "TeardownStuck", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"
            }],
            "variants": [{
                "name": "tp8", "role": "Candidate", "phase": variant, "gpus": 8, "deployed": {"kind": kind},
                "deployments": [{
                    "number": 1, "round": 1, "created": "2026-01-01T00:00:00Z", "scheduled": "2026-01-01T00:00:10Z"
                }]
            }]
        }))
        .unwrap()
    }

    /// A reconciliation at second 100 that found nothing leaked.
    fn seen(status: &BenchmarkComparisonStatus) -> GaugeInput<'_> {
        GaugeInput { status, next_look: None, leaked: 0, silent_since: None, now: Timestamp::from_second(100).unwrap() }
    }

    fn next_look(status: &BenchmarkComparisonStatus, second: i64) -> GaugeInput<'_> {
        GaugeInput { next_look: Some(Timestamp::from_second(second).unwrap()), ..seen(status) }
    }

    #[test]
    fn a_phase_is_as_old_as_its_oldest_comparison() {
        let (queued, measuring) =
            (status("Queued", "Waiting", None, "False"), status("Measuring", "Measuring", None, "False"));
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut states = ComparisonStates::default();
        states.saw("a", GaugeInput { now: at(10), ..seen(&queued) });
        states.saw("b", GaugeInput { now: at(20), ..seen(&queued) });
        states.saw("a", GaugeInput { now: at(30), ..seen(&queued) });
        assert_eq!(states.phases_since(), [("Queued", 10)].into());
        states.saw("a", GaugeInput { now: at(40), ..seen(&measuring) });
        assert_eq!(states.phases_since(), [("Measuring", 40), ("Queued", 20)].into());
    }

    #[test]
    fn after_a_restart_a_phase_is_as_old_as_the_last_fact() {
        let mut measuring = status("Measuring", "Measuring", None, "False");
        measuring.run = serde_json::from_value(json!({
            "number": 1, "inputsHash": "v1:0", "queuedTime": "2026-01-01T00:00:00Z", "startTime": "2026-01-01T00:00:05Z"
        }))
        .unwrap();
        let mut states = ComparisonStates::default();
        states.saw("a", seen(&measuring));
        let scheduled = measuring.variants[0].deployments[0].scheduled.as_ref().unwrap().0.as_second();
        assert_eq!(states.phases_since(), [("Measuring", scheduled)].into());
    }

    #[test]
    fn leftovers_of_runs_are_summed_up() {
        let done = status("Succeeded", "Done", None, "False");
        let mut states = ComparisonStates::default();
        states.saw("a", GaugeInput { leaked: 2, ..seen(&done) });
        states.saw("b", GaugeInput { leaked: 1, ..seen(&done) });
        assert_eq!(states.leaked_children(), 3);
    }

    #[test]
    fn gpus_are_counted_by_what_their_variant_does() {
        let mut states = ComparisonStates::default();
        let graph = Some("DynamoGraphDeployment");
        states.saw("a", seen(&status("Measuring", "Measuring", graph, "False")));
        states.saw("b", seen(&status("Measuring", "Deploying", graph, "False")));
        states.saw("c", seen(&status("Measuring", "Measuring", None, "False")));
        assert_eq!(states.gpus_held(), [("Deploying", 8), ("Failed", 0), ("Measuring", 8), ("TearingDown", 0)].into());
        assert_eq!(states.phases(), [("Measuring", 3)].into());
        states.forget("a");
        assert_eq!(states.gpus_held()["Measuring"], 0);
    }

    #[test]
    fn a_deployment_that_is_gone_holds_no_gpus() {
        let mut gone = status("Measuring", "Deploying", Some("Deployment"), "False");
        gone.variants[0].deployments[0].gone = gone.variants[0].deployments[0].scheduled.clone();
        let mut states = ComparisonStates::default();
        states.saw("a", seen(&gone));
        assert_eq!(states.gpus_held().values().sum::<i64>(), 0);
    }

    #[test]
    fn overdue_teardowns_and_the_earliest_look() {
        let mut states = ComparisonStates::default();
        assert_eq!((states.teardowns_overdue(), states.next_look()), (0, 0));
        let stuck = status("TearingDown", "TearingDown", Some("Deployment"), "True");
        states.saw("a", next_look(&stuck, 700));
        states.saw("b", next_look(&status("Queued", "Waiting", None, "False"), 400));
        states.saw("c", seen(&status("Succeeded", "Done", None, "False")));
        assert_eq!((states.teardowns_overdue(), states.next_look()), (1, 400));
    }
}
