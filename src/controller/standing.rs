//! How each comparison stands, for gauges: what is true now, as far as this process has looked.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::api::conditions::{ConditionStatus, ConditionType};
use crate::api::{BenchmarkComparisonStatus, Phase, VariantPhase};
use crate::engine::facts::live;

/// Phases of variants in which GPUs can be held, as they are written in labels.
const HOLDING: [(VariantPhase, &str); 4] = [
    (VariantPhase::Deploying, "Deploying"),
    (VariantPhase::Measuring, "Measuring"),
    (VariantPhase::TearingDown, "TearingDown"),
    (VariantPhase::Failed, "Failed"),
];

/// What gauges need of one comparison.
#[derive(Clone, Debug, Default)]
struct Standing {
    phase: Option<Phase>,
    gpus: BTreeMap<&'static str, i64>,
    teardown_overdue: bool,
    next_look: Option<Timestamp>,
}

impl Standing {
    fn of(status: &BenchmarkComparisonStatus, next_look: Option<Timestamp>) -> Self {
        let mut gpus = BTreeMap::new();
        for variant in &status.variants {
            // An endpoint has no object of ours: its GPUs are somebody else's.
            let ours = variant.deployed.as_ref().is_some_and(|deployed| deployed.kind.is_some());
            let holds = live(variant).is_some_and(|deployment| deployment.scheduled.is_some());
            let phase = HOLDING.into_iter().find(|(phase, _)| variant.phase == Some(*phase));
            if let (true, true, Some((_, phase))) = (ours, holds, phase) {
                *gpus.entry(phase).or_default() += i64::from(variant.gpus.unwrap_or(0));
            }
        }
        let stalled = status.conditions.iter().find(|c| c.type_ == ConditionType::Stalled.as_str());
        let teardown_overdue =
            stalled.is_some_and(|c| c.status == ConditionStatus::True.as_str() && c.reason == "TeardownStuck");
        Self { phase: status.phase, gpus, teardown_overdue, next_look }
    }
}

/// All comparisons that were looked at.
#[derive(Debug, Default)]
pub struct Standings {
    by_uid: HashMap<String, Standing>,
}

impl Standings {
    /// A look went well and wants the next one at that time, if at any.
    pub fn saw(&mut self, uid: &str, status: &BenchmarkComparisonStatus, next_look: Option<Timestamp>) {
        self.by_uid.insert(uid.to_owned(), Standing::of(status, next_look));
    }

    /// The comparison is gone.
    pub fn forget(&mut self, uid: &str) {
        self.by_uid.remove(uid);
    }

    /// Comparisons by phase.
    pub fn phases(&self) -> BTreeMap<&'static str, i64> {
        let mut phases = BTreeMap::new();
        for phase in self.by_uid.values().filter_map(|standing| standing.phase) {
            *phases.entry(phase.as_str()).or_default() += 1;
        }
        phases
    }

    /// GPUs held, by the phase of the variant that holds them. Every phase is there, with zero if need be: a series
    /// that vanishes keeps its last value in the eyes of an alert.
    pub fn gpus_held(&self) -> BTreeMap<&'static str, i64> {
        let held = |label| self.by_uid.values().filter_map(|standing| standing.gpus.get(label)).sum();
        HOLDING.into_iter().map(|(_, label)| (label, held(label))).collect()
    }

    /// Comparisons whose teardown is overdue.
    pub fn teardowns_overdue(&self) -> i64 {
        i64::try_from(self.by_uid.values().filter(|standing| standing.teardown_overdue).count()).unwrap_or(i64::MAX)
    }

    /// The earliest time at which a comparison is to be looked at again, in seconds since 1970; 0: none is.
    pub fn next_look(&self) -> i64 {
        self.by_uid.values().filter_map(|standing| standing.next_look).min().map_or(0, Timestamp::as_second)
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
                    "attempt": 1, "round": 1, "created": "2026-01-01T00:00:00Z", "scheduled": "2026-01-01T00:00:10Z"
                }]
            }]
        }))
        .unwrap()
    }

    #[test]
    fn gpus_are_counted_by_what_their_variant_does() {
        let mut standings = Standings::default();
        let graph = Some("DynamoGraphDeployment");
        standings.saw("a", &status("Measuring", "Measuring", graph, "False"), None);
        standings.saw("b", &status("Measuring", "Deploying", graph, "False"), None);
        standings.saw("c", &status("Measuring", "Measuring", None, "False"), None);
        assert_eq!(
            standings.gpus_held(),
            [("Deploying", 8), ("Failed", 0), ("Measuring", 8), ("TearingDown", 0)].into()
        );
        assert_eq!(standings.phases(), [("Measuring", 3)].into());
        standings.forget("a");
        assert_eq!(standings.gpus_held()["Measuring"], 0);
    }

    #[test]
    fn what_is_gone_is_not_held() {
        let mut gone = status("Measuring", "Deploying", Some("Deployment"), "False");
        gone.variants[0].deployments[0].gone = gone.variants[0].deployments[0].scheduled.clone();
        let mut standings = Standings::default();
        standings.saw("a", &gone, None);
        assert_eq!(standings.gpus_held().values().sum::<i64>(), 0);
    }

    #[test]
    fn overdue_teardowns_and_the_earliest_look() {
        let mut standings = Standings::default();
        assert_eq!((standings.teardowns_overdue(), standings.next_look()), (0, 0));
        let stuck = status("TearingDown", "TearingDown", Some("Deployment"), "True");
        standings.saw("a", &stuck, Some(Timestamp::from_second(700).unwrap()));
        standings.saw("b", &status("Queued", "Waiting", None, "False"), Some(Timestamp::from_second(400).unwrap()));
        standings.saw("c", &status("Succeeded", "Done", None, "False"), None);
        assert_eq!((standings.teardowns_overdue(), standings.next_look()), (1, 400));
    }
}
