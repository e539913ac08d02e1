//! Misbehaviour on demand: annotations on a graph that make its status say other than its pods do.
//!
//! | Annotation | Effect |
//! |---|---|
//! | `standin.bcmp.dev/ready-after-seconds` | not Ready before this age of the graph |
//! | `standin.bcmp.dev/never-ready` | never Ready |
//! | `standin.bcmp.dev/unready-after-seconds` | Ready is taken back so long after it was given |
//! | `standin.bcmp.dev/ready-without-workers` | Ready as soon as the frontend is, whatever the workers are |
//! | `standin.bcmp.dev/failed` | `state: failed` with this text |
//! | `standin.bcmp.dev/keep-finalizer` | deletion waits until the annotation is gone |

use serde_json::Value;

use super::{GraphStatus, list, text, to_beta};

const PREFIX: &str = "standin.bcmp.dev/";
const TAKEN_BACK: &str = "Ready was taken back, as the graph's annotation wants it";

/// What the annotations of a graph ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    after_seconds: Option<i64>,
    never: bool,
    unready_after_seconds: Option<i64>,
    without_workers: bool,
    failed: Option<String>,
    /// The finalizer stays.
    pub keep_finalizer: bool,
}

/// Reads the annotations of a graph.
pub fn annotated(graph: &Value) -> Readiness {
    let value = |name: &str| graph["metadata"]["annotations"][format!("{PREFIX}{name}")].as_str();
    let seconds = |name: &str| value(name).and_then(|text| text.parse().ok());
    Readiness {
        after_seconds: seconds("ready-after-seconds"),
        never: value("never-ready") == Some("true"),
        unready_after_seconds: seconds("unready-after-seconds"),
        without_workers: value("ready-without-workers") == Some("true"),
        failed: value("failed").map(str::to_owned),
        keep_finalizer: value("keep-finalizer") == Some("true"),
    }
}

impl Readiness {
    /// The status as the annotations want it, at a time in seconds since 1970.
    pub fn apply(&self, graph: &Value, status: GraphStatus, now: i64) -> GraphStatus {
        if let Some(message) = &self.failed {
            return GraphStatus {
                state: "failed",
                ready: "False",
                reason: "failed_to_reconcile_the_resources",
                message: message.clone(),
                ..status
            };
        }
        if self.never || self.too_early(graph, now) {
            return pending(status, "not yet, as the graph's annotation wants it");
        }
        if self.taken_back(graph, now) {
            return pending(status, TAKEN_BACK);
        }
        if self.without_workers && frontends_are_ready(graph, &status) {
            return GraphStatus {
                state: "successful",
                ready: "True",
                reason: "all_resources_are_ready",
                message: "All resources are ready".into(),
                ..status
            };
        }
        status
    }

    fn too_early(&self, graph: &Value, now: i64) -> bool {
        let created = seconds(text(&graph["metadata"], "creationTimestamp"));
        self.after_seconds.zip(created).is_some_and(|(after, created)| now < created + after)
    }

    fn taken_back(&self, graph: &Value, now: i64) -> bool {
        let Some(after) = self.unready_after_seconds else { return false };
        let ready = list(&graph["status"]["conditions"]).into_iter().find(|c| c["type"] == "Ready");
        let Some(ready) = ready else { return false };
        let since = seconds(text(&ready, "lastTransitionTime"));
        text(&ready, "message") == TAKEN_BACK
            || (ready["status"] == "True" && since.is_some_and(|since| now >= since + after))
    }
}

fn pending(status: GraphStatus, message: &str) -> GraphStatus {
    let reason = "some_resources_are_not_ready";
    GraphStatus { state: "pending", ready: "False", reason, message: message.into(), ..status }
}

fn frontends_are_ready(graph: &Value, status: &GraphStatus) -> bool {
    list(&to_beta(graph)["spec"]["components"]).iter().filter(|c| c["type"] == "frontend").all(|component| {
        let counts = &status.components[text(component, "name")];
        counts["readyReplicas"].as_u64() >= component["replicas"].as_u64().or(Some(1))
    })
}

fn seconds(time: &str) -> Option<i64> {
    time.parse::<jiff::Timestamp>().ok().map(|time| time.as_second())
}
