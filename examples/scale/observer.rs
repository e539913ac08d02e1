//! Says what becomes of comparisons.

use std::collections::HashMap;

use bcmp::api::{BenchmarkComparison, Phase};
use futures::StreamExt;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::json;

use crate::tell;

/// What was told of a comparison.
#[derive(Default)]
struct Told {
    admitted: bool,
    phase: Option<Phase>,
}

pub async fn run(client: Client) {
    let api: Api<BenchmarkComparison> = Api::all(client);
    let mut changes = watcher(api, watcher::Config::default()).default_backoff().touched_objects().boxed();
    let mut all: HashMap<String, Told> = HashMap::new();
    while let Some(change) = changes.next().await {
        match change {
            Ok(comparison) => see(&comparison, &mut all),
            Err(error) => tracing::warn!(%error, "comparisons cannot be watched"),
        }
    }
}

fn see(comparison: &BenchmarkComparison, all: &mut HashMap<String, Told>) {
    let name = format!("{}/{}", comparison.namespace().unwrap_or_default(), comparison.name_any());
    let told = all.entry(name.clone()).or_default();
    let status = comparison.status.as_ref();
    let admitted = status.and_then(|status| status.run.as_ref()).is_some_and(|run| run.start_time.is_some());
    if admitted && !told.admitted {
        told.admitted = true;
        tell(json!({"admitted": name}));
    }
    let phase = status.and_then(|status| status.phase);
    if phase != told.phase {
        told.phase = phase;
        tell(json!({"phase": phase.map(Phase::as_str), "of": name}));
    }
}
