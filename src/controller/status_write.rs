//! The status write: the only server-side apply, with the resourceVersion that was decided on. Then the events.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{Api, Patch, PatchParams};
use kube::core::response::Status;
use kube::runtime::events::{self, EventType, Recorder};
use kube::{Resource, ResourceExt};
use serde_json::json;

use super::context::Context;
use super::error::{Error, answer};
use crate::api::{BenchmarkComparison, BenchmarkComparisonStatus, FIELD_MANAGER, GROUP, KIND, Reason, VERSION};
use crate::lifecycle::decision::Event;
use crate::lifecycle::status::refused;
use crate::text;

/// Bytes of an event's note that the API server accepts.
const LONGEST_NOTE: usize = 1024;

/// How long publishing an event may take: nobody waits for it.
const EVENT: Duration = Duration::from_secs(10);

/// Writes the status if it differs from the stored one; returns the comparison with it if it was written.
///
/// A status that the API server refuses would be refused again at each look, and no fact be stored any more: the facts are
/// written without the rest then, and the run ends.
pub async fn record(
    context: &Context,
    comparison: &BenchmarkComparison,
    status: &BenchmarkComparisonStatus,
) -> Result<Option<BenchmarkComparison>, Error> {
    let error = match write(context, comparison, status).await {
        Err(Error::Api { call, source }) if is_refused(&source) => Error::Api { call, source },
        written => return written,
    };
    let answer = error.to_string();
    let Some(least) = refused::least(comparison.status.as_ref(), status, &answer, (context.clock)()) else {
        return Err(error);
    };
    tracing::error!(%error, "the status is refused: only the facts are written");
    let Some(written) = write(context, comparison, &least).await? else { return Ok(None) };
    let message = least.message.clone().unwrap_or_default();
    let event = Event { warning: true, reason: Reason::StatusRefused.into(), message };
    publish_events(context, comparison, &[event]).await;
    Ok(Some(written))
}

/// Whether the server has something against the content, which does not change by itself.
fn is_refused(error: &kube::Error) -> bool {
    answer(error)
        .is_some_and(|status| matches!(status.code, 400 | 413 | 422) || status.message.contains("request is too large"))
}

async fn write(
    context: &Context,
    comparison: &BenchmarkComparison,
    status: &BenchmarkComparisonStatus,
) -> Result<Option<BenchmarkComparison>, Error> {
    if comparison.status.as_ref() == Some(status) {
        return Ok(None);
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
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let (what, body) = (format!("write status of {namespace}/{name}"), Patch::Apply(&body));
    match context.write("status", what, api.patch_status(&name, &parameters, &body)).await {
        Ok(written) => {
            context.comparisons.learn(&written);
            Ok(Some(written))
        }
        Err(Error::Api { call, source }) if answer(&source).is_some_and(|status| is_outdated(status, &name)) => {
            Err(Error::Conflict(call))
        }
        Err(error) => Err(error),
    }
}

/// Whether the object is another one than was read: changed, or gone. A kind that is not served has no name.
fn is_outdated(status: &Status, name: &str) -> bool {
    let is_gone = status.code == 404 && status.details.as_ref().is_some_and(|details| details.name == name);
    status.code == 409 || is_gone
}

/// Publishes events. They are for people only: a failure is logged and not repeated.
pub async fn publish_events(context: &Context, comparison: &BenchmarkComparison, events: &[Event]) {
    let reference = comparison.object_ref(&());
    let publish = |event: &Event| {
        let kind = if event.warning { EventType::Warning } else { EventType::Normal };
        let (reason, message, reference) = (event.reason.to_string(), event.message.clone(), &reference);
        async move { publish(context, reference, kind, &reason, &message).await }
    };
    futures::future::join_all(events.iter().map(publish)).await;
}

pub async fn publish(context: &Context, about: &ObjectReference, kind: EventType, reason: &str, message: &str) {
    let body = events::Event {
        type_: kind,
        reason: reason.into(),
        note: Some(text::cut(message, LONGEST_NOTE)),
        action: "Reconcile".into(),
        secondary: None,
    };
    // A recorder that remembers earlier events would count the same reason of another variant as the same event once more, and
    // drop its message.
    let recorder = Recorder::new(context.client.clone(), context.reporter.clone());
    let publishing = context.write("event", "publish an event", recorder.publish(&body, about));
    match tokio::time::timeout(EVENT, publishing).await {
        Ok(Ok(()) | Err(Error::NotLeading)) => {}
        Ok(Err(error)) => tracing::warn!(%error, reason, "cannot publish an event"),
        Err(_) => tracing::warn!(reason, "cannot publish an event: no answer in time"),
    }
}
