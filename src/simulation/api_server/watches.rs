//! Watches: replay of the log from a version, bookmarks, time limits, 410.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tower::BoxError;

use super::answer::{AnswerBody, json_response, show};
use super::failure::ApiFailure;
use super::kinds::Kind;
use super::request::ApiRequest;
use super::selectors::Selector;
use super::state::{Shared, State};
use super::store::Record;
use super::table;

struct OpenWatch {
    shared: Arc<Shared>,
    wakes: watch::Receiver<u64>,
    kind: Kind,
    api_version: String,
    namespace: Option<String>,
    selector: Selector,
    metadata_only: bool,
    as_table: bool,
    bookmarks: bool,
    client: Option<usize>,
    closed_before: u64,
    cursor: u64,
    deadline: Instant,
    pending: Vec<String>,
    over: bool,
}

enum NextEvent {
    Line(String),
    Wait,
    End,
}

/// Starts a watch.
pub fn start(
    shared: Arc<Shared>,
    request: &ApiRequest,
    kind: &Kind,
    client: Option<usize>,
) -> Result<AnswerBody, ApiFailure> {
    let query = |name: &str| request.query.get(name).map(String::as_str);
    let selector = Selector::parse(query("labelSelector"), query("fieldSelector"))?;
    let seconds = query("timeoutSeconds").and_then(|s| s.parse().ok()).filter(|s| *s > 0).unwrap_or(1800);
    let from = query("resourceVersion").unwrap_or_default().to_owned();
    let closed_before = shared.lock().closed_watches;
    let mut watch = OpenWatch {
        wakes: shared.changed.subscribe(),
        kind: kind.clone(),
        api_version: request.version.clone(),
        namespace: request.namespace.clone(),
        selector,
        metadata_only: request.metadata_only,
        as_table: request.as_table,
        bookmarks: request.flag("allowWatchBookmarks"),
        client,
        closed_before,
        cursor: 0,
        deadline: Instant::now() + Duration::from_secs(seconds),
        pending: vec![],
        over: false,
        shared,
    };
    if from.is_empty() || from == "0" {
        watch.begin_with_everything(request.flag("sendInitialEvents"));
    } else {
        watch.cursor =
            from.parse().map_err(|_| ApiFailure::bad_request(format!("invalid resource version {from:?}")))?;
    }
    let lines = stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((Ok::<_, BoxError>(Frame::data(Bytes::from(line))), watch))
    });
    Ok(json_response(http::StatusCode::OK, StreamBody::new(lines).boxed_unsync()))
}

impl OpenWatch {
    fn begin_with_everything(&mut self, mark_end: bool) {
        let state = self.shared.lock();
        let version = state.store.version.min(state.hold.watched());
        let objects = state.store.list_at(&self.kind.qualified(), self.namespace.as_deref(), version);
        drop(state);
        self.cursor = version;
        let selected: Vec<_> = objects.into_iter().filter(|object| self.selector.matches(object)).collect();
        self.pending = selected.iter().rev().map(|object| self.line("ADDED", object)).collect();
        if mark_end {
            self.pending.insert(0, self.bookmark(true));
        }
    }

    async fn next(&mut self) -> Option<String> {
        if let Some(line) = self.pending.pop() {
            return Some(line);
        }
        if self.over {
            return None;
        }
        loop {
            self.wakes.mark_unchanged();
            match self.look() {
                NextEvent::Line(line) => return Some(line),
                NextEvent::End => return None,
                NextEvent::Wait => {}
            }
            if tokio::time::timeout_at(self.deadline, self.wakes.changed()).await.is_err() {
                self.over = true;
                return self.bookmarks.then(|| self.bookmark(false));
            }
        }
    }

    fn look(&mut self) -> NextEvent {
        let shared = self.shared.clone();
        let state = shared.lock();
        if self.client.is_some_and(|client| state.dead_clients >= client) {
            return NextEvent::Wait;
        }
        if state.closed_watches != self.closed_before {
            return NextEvent::End;
        }
        if self.cursor < state.store.oldest {
            self.over = true;
            let gone = ApiFailure::gone(self.cursor, state.store.oldest);
            return NextEvent::Line(format!("{}\n", json!({"type": "ERROR", "object": gone.body()})));
        }
        self.replay(&state)
    }

    fn replay(&mut self, state: &State) -> NextEvent {
        let log = &state.store.log;
        let start = log.partition_point(|record| record.version <= self.cursor);
        let resource = self.kind.qualified();
        for record in log[start..].iter().take_while(|record| record.version <= state.hold.watched()) {
            self.cursor = record.version;
            let elsewhere = self.namespace.as_ref().is_some_and(|ns| *ns != record.key.namespace);
            if record.key.resource != resource || elsewhere || state.dropped.as_ref().is_some_and(|rule| rule(record)) {
                continue;
            }
            if let Some(line) = self.event(record) {
                return NextEvent::Line(line);
            }
        }
        NextEvent::Wait
    }

    /// What a change is to this watch: an object that no longer fits the selector is gone, one that now does is new.
    fn event(&self, record: &Record) -> Option<String> {
        let before = record.before.as_ref().filter(|object| self.selector.matches(object));
        let after = record.after.as_ref().filter(|object| self.selector.matches(object));
        match (before, after) {
            (None, None) => None,
            (None, Some(now)) => Some(self.line("ADDED", now)),
            (Some(_), Some(now)) => Some(self.line("MODIFIED", now)),
            (Some(then), None) => {
                let mut last = (**then).clone();
                last["metadata"]["resourceVersion"] = json!(record.version.to_string());
                Some(self.line("DELETED", &last))
            }
        }
    }

    fn line(&self, event: &str, object: &Value) -> String {
        if self.as_table {
            let object = Arc::new(object.clone());
            let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
            let table = table::table(&self.kind, &[object], &metadata, self.shared.now());
            return format!("{}\n", json!({"type": event, "object": table}));
        }
        let object = show(&self.kind, object, &self.api_version, self.metadata_only);
        format!("{}\n", json!({"type": event, "object": object}))
    }

    fn bookmark(&self, initial_end: bool) -> String {
        let (api_version, kind) = if self.metadata_only {
            ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadata".to_owned())
        } else {
            (self.kind.api_version(&self.api_version), self.kind.kind.clone())
        };
        let mut metadata = json!({"resourceVersion": self.cursor.to_string(), "creationTimestamp": null});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
        format!("{}\n", json!({"type": "BOOKMARK", "object": object}))
    }
}
