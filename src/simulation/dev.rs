//! The cluster in memory behind a socket, for real clients, on a clock that runs faster than time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::api_server::{ApiFailure, Cluster, meta};
use super::lab::Lab;
use super::serving::reality::SimulatedServing;

/// GPUs of the nodes.
const NODES: [u32; 2] = [8, 8];
/// How often the clock moves on, in real time.
const TICK: Duration = Duration::from_millis(20);
/// How far it moves at once. Whoever waits a moment and then a moment more is not held up.
const STEP: Duration = Duration::from_millis(50);
/// No request is larger.
const MOST_BYTES: usize = 8 << 20;

/// Serves a cluster with the operator on it, until `end` is over. Has to run on paused time.
///
/// # Errors
/// The socket fails.
pub async fn serve(
    listener: TcpListener,
    served: SimulatedServing,
    speed: u32,
    end: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let lab = Lab::of(&NODES, served);
    let dynamo = [super::dynamo::crd(&["v1beta1", "v1alpha1"]), super::dynamo::component_crd()];
    for definition in [serde_json::to_value(crate::api::crd::crd())?].into_iter().chain(dynamo) {
        // The kinds are there already: this is for those who look for their definitions.
        let _ = lab.cluster.try_put(definition);
    }
    let router = Router::new().fallback(answer).with_state(lab.cluster.clone());
    lab.cluster.admission(|resource, object| {
        super::dynamo::refusal(resource, object).map(|message| ApiFailure::new(403, "Forbidden", &message))
    });
    let clock = ClockThread::start(speed);
    let events = events(lab.cluster.clone());
    tokio::select! {
        result = async { axum::serve(listener, router).await } => result,
        () = clock.run() => Ok(()),
        () = events => Ok(()),
        () = lab.cluster.forget_old_changes() => Ok(()),
        () = end => Ok(()),
    }
}

async fn answer(State(cluster): State<Cluster>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, MOST_BYTES).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "the request is larger than 8 MiB").into_response();
    };
    let request = http::Request::from_parts(parts, kube::client::Body::from(bytes.to_vec()));
    match cluster.answer(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Keeps Events that came by their newer API under the older one too, where `kubectl describe` looks for them.
async fn events(cluster: Cluster) {
    let mut changes = cluster.changes();
    loop {
        changes.mark_unchanged();
        for event in cluster.list("events.events.k8s.io") {
            let (namespace, name) = (meta(&event, "namespace"), meta(&event, "name"));
            if cluster.object("events", namespace, name).is_none() {
                // A namespace that is going takes no Events.
                let _ = cluster.try_put(older(&event));
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

fn older(event: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": event["metadata"]["name"], "namespace": event["metadata"]["namespace"]},
        "involvedObject": event["regarding"], "reason": event["reason"], "message": event["note"], "type": event["type"],
        "firstTimestamp": event["eventTime"], "lastTimestamp": event["eventTime"], "count": 1,
        "source": {"component": event["reportingController"]}, "reportingComponent": event["reportingController"],
    })
}

/// Moves virtual time on in step with real time. While its thread lives, the runtime does not jump to the next timer.
struct ClockThread {
    ticks: mpsc::Receiver<()>,
    steps: u32,
    over: Arc<AtomicBool>,
}

impl ClockThread {
    fn start(speed: u32) -> Self {
        let (tick, ticks) = mpsc::channel(1);
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        tokio::task::spawn_blocking(move || {
            while !is_over.load(Ordering::Relaxed) && tick.blocking_send(()).is_ok() {
                std::thread::sleep(TICK);
            }
        });
        let per_tick = TICK * speed.max(1);
        let steps = u32::try_from(per_tick.as_millis() / STEP.as_millis()).unwrap_or(u32::MAX).max(1);
        Self { ticks, steps, over }
    }

    async fn run(mut self) {
        while self.ticks.recv().await.is_some() {
            for _ in 0..self.steps {
                tokio::time::advance(STEP).await;
            }
        }
    }
}

impl Drop for ClockThread {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// What kubectl needs to find the server.
pub fn kubeconfig(address: std::net::SocketAddr) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "bcmp-dev",
        "clusters": [{"name": "bcmp-dev", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "bcmp-dev", "user": {}}],
        "contexts": [{"name": "bcmp-dev", "context": {"cluster": "bcmp-dev", "user": "bcmp-dev", "namespace": "default"}}],
    })
}
