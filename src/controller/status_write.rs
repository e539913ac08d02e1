//! The status write: the only server-side apply, with the resourceVersion that was decided on. Then the events.

use kube::api::{Api, Patch, PatchParams};
use kube::runtime::events::{self, EventType, Recorder};
use kube::{Resource, ResourceExt};
use serde_json::json;

use super::call::call;
use super::context::Context;
use super::error::{Error, answer};
use crate::api::{BenchmarkComparison, BenchmarkComparisonStatus, FIELD_MANAGER, GROUP, KIND, VERSION};
use crate::lifecycle::decision::Event;
use crate::text;

/// Bytes of an event's note that the API server accepts.
const LONGEST_NOTE: usize = 1024;

/// Writes the status if it differs from the stored one; returns whether it was written.
pub async fn record(
    context: &Context,
    comparison: &BenchmarkComparison,
    status: &BenchmarkComparisonStatus,
) -> Result<bool, Error> {
    if comparison.status.as_ref() == Some(status) {
        return Ok(false);
    }
    let namespace = comparison.namespace().unwrap_or_default();
    let name = comparison.name_any();
    let api: Api<BenchmarkComparison> = Api::namespaced(context.client.clone(), &namespace);
    let body = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": KIND,
        "metadata": {"name": name, "uid": comparison.uid(), "resourceVersion": comparison.resource_version()},
        "status": status,
    });
    context.metrics.wrote("status");
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let written =
        call(format!("write status of {namespace}/{name}"), api.patch_status(&name, &parameters, &Patch::Apply(&body)))
            .await;
    match written {
        Ok(_) => Ok(true),
        Err(Error::Api { call, source }) if answer(&source).is_some_and(|status| status.code == 409) => {
            Err(Error::Conflict(call))
        }
        Err(error) => Err(error),
    }
}

/// Publishes events. They are for people only: a failure is logged and not repeated.
pub async fn publish_events(context: &Context, comparison: &BenchmarkComparison, events: &[Event]) {
    let reference = comparison.object_ref(&());
    for event in events {
        let body = events::Event {
            type_: if event.warning { EventType::Warning } else { EventType::Normal },
            reason: event.reason.to_string(),
            note: Some(text::cut(&event.message, LONGEST_NOTE)),
            action: "Reconcile".into(),
            secondary: None,
        };
        context.metrics.wrote("event");
        // A recorder that remembers earlier events would count the same reason of another variant as a repetition, and
        // drop its message.
        let recorder = Recorder::new(context.client.clone(), context.reporter.clone());
        if let Err(error) = recorder.publish(&body, &reference).await {
            tracing::warn!(%error, reason = %event.reason, "cannot publish an event");
        }
    }
}
