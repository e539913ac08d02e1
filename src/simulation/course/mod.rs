//! A comparison from its creation to its verdict on a cluster in memory, and what is seen on the way.

pub mod forecast;
pub mod story;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use kube::ResourceExt;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::story::{Line, Story};
use super::api_server::Cluster;
use super::lab::{Lab, is_finished};
use super::serving::reality::SimulatedServing;
use crate::api::{BenchmarkComparison, Start, Until};
use crate::report::{JSON, Report};

const NODE_GPUS: u32 = 8;
/// Nothing that is simulated takes longer.
const LONGEST: Duration = Duration::from_secs(60 * 86_400);
/// For how long the operator is away when it is killed.
const AWAY: Duration = Duration::from_secs(45);

/// What is carried out.
pub struct Course {
    /// The comparison. Its run begins at once and goes on to the verdict.
    pub comparison: BenchmarkComparison,
    /// ConfigMaps that it names, which are there before it: name → key → text.
    pub config_maps: BTreeMap<String, BTreeMap<String, String>>,
    /// What serves, and how it differs from what is predicted.
    pub served: SimulatedServing,
    /// The operator is killed after so many trials.
    pub kill_operator_at: Option<u32>,
}

/// A course that did not end.
#[derive(Debug, thiserror::Error)]
pub enum CourseError {
    /// The API server refuses the object.
    #[error("the comparison is refused: {0}")]
    Refused(String),
    /// It takes longer than anything should.
    #[error("the comparison {name} is not over after {} simulated days: {message}", LONGEST.as_secs() / 86_400)]
    Endless {
        name: String,
        /// Its last message.
        message: String,
    },
}

/// A comparison that is over, on the cluster on which it ran.
pub struct FinishedCourse {
    /// The cluster, for commands.
    pub lab: Lab,
    /// As it is at the end.
    pub comparison: BenchmarkComparison,
    /// How long it took, on the simulated clock.
    pub took: SignedDuration,
}

impl Course {
    /// Carries it out, and shows each line of the story to `watcher`. Has to run on paused time.
    ///
    /// # Errors
    /// See [`CourseError`].
    pub async fn run(self, mut watcher: impl FnMut(&Line)) -> Result<FinishedCourse, CourseError> {
        let Self { mut comparison, config_maps, served, kill_operator_at } = self;
        comparison.status = None;
        comparison.spec.suspend = false;
        comparison.spec.execution.until = Until::Verdict;
        comparison.spec.execution.start = Start::Automatic;
        let namespace = comparison.namespace().unwrap_or_else(|| "default".into());
        let name = comparison.name_any();
        let mut lab = Lab::of(&nodes(&comparison), served);
        furnish(&lab.cluster, &comparison, &namespace);
        for (name, data) in config_maps {
            let metadata = json!({"name": name, "namespace": namespace});
            lab.cluster.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}));
        }
        let start = lab.cluster.now();
        let cluster = lab.cluster.clone();
        let mut background = JoinSet::new();
        background.spawn(async move { cluster.forget_old_changes().await });
        let object = json!(comparison);
        lab.cluster.try_put(stripped(object, &namespace)).map_err(|failure| CourseError::Refused(failure.message))?;
        let mut story = Story::new(&comparison.spec);
        let mut kill_at = kill_operator_at;
        let mut changes = lab.cluster.changes();
        let deadline = tokio::time::Instant::now() + LONGEST;
        loop {
            changes.mark_unchanged();
            let seen = lab.cluster.find::<BenchmarkComparison>(&namespace, &name).unwrap_or_else(|| comparison.clone());
            story.look(&lab.cluster, &seen).iter().for_each(&mut watcher);
            if kill_at.is_some_and(|trials| story.trials() >= trials) {
                kill_at = None;
                lab.kill();
                watcher(&Line::operator(lab.cluster.now(), "is killed"));
                tokio::time::sleep(AWAY).await;
                lab.start();
                watcher(&Line::operator(lab.cluster.now(), "starts again, and remembers nothing"));
            }
            if seen.status.as_ref().is_some_and(|status| is_finished(status, 1)) {
                let took = lab.cluster.now().duration_since(start);
                return Ok(FinishedCourse { lab, comparison: seen, took });
            }
            if tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
                let message = seen.status.and_then(|status| status.message).unwrap_or_default();
                return Err(CourseError::Endless { name, message });
            }
        }
    }
}

impl FinishedCourse {
    /// The report that the operator stored, marked as simulated; `None` where there is none.
    pub fn report(&self) -> Option<Report> {
        let name = &self.comparison.status.as_ref()?.report.as_ref()?.config_map_name;
        let namespace = self.comparison.namespace()?;
        let map = self.lab.cluster.object("configmaps", &namespace, name)?;
        let stored: Report = serde_json::from_str(map["data"][JSON].as_str()?).ok()?;
        Some(stored.simulated())
    }
}

/// As many nodes as hold all variants side by side.
fn nodes(comparison: &BenchmarkComparison) -> Vec<u32> {
    let spec = &comparison.spec;
    let variants = u32::try_from(spec.variants.len()).unwrap_or(1);
    let each = spec.hardware.gpus_per_variant.div_ceil(NODE_GPUS).max(1);
    vec![NODE_GPUS; usize::try_from(each.saturating_mul(variants)).unwrap_or(1)]
}

/// What a person who applies the comparison has there already.
fn furnish(cluster: &Cluster, comparison: &BenchmarkComparison, namespace: &str) {
    if namespace != "default" {
        cluster.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
    }
    let labels = json!(comparison.spec.hardware.node_selector);
    for node in cluster.objects("nodes") {
        cluster.edit("nodes", "", node["metadata"]["name"].as_str().unwrap_or_default(), |node| {
            for (label, value) in labels.as_object().into_iter().flatten() {
                node["metadata"]["labels"][label] = value.clone();
            }
        });
    }
    let spec = &comparison.spec;
    let claims = spec
        .model
        .cache
        .iter()
        .map(|cache| &cache.claim_name)
        .chain(spec.results.iter().map(|results| &results.claim_name));
    for name in claims {
        cluster.put(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace}, "spec": {"accessModes": ["ReadWriteMany"]}}));
    }
}

/// The object as a person writes it.
fn stripped(object: Value, namespace: &str) -> Value {
    json!({
        "apiVersion": format!("{}/{}", crate::api::GROUP, crate::api::VERSION), "kind": crate::api::KIND,
        "metadata": {"name": object["metadata"]["name"], "namespace": namespace},
        "spec": object["spec"],
    })
}
