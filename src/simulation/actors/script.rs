//! How one pod lives.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kube::Client;
use serde_json::Value;

use crate::simulation::api_server::{Cluster, meta};

/// What the main container of a pod does: given its pod, it ends with an exit code.
pub type Work = Arc<dyn Fn(PodContext) -> BoxFuture<'static, i32> + Send + Sync>;

/// The pod some work runs in.
#[derive(Clone)]
pub struct PodContext {
    /// The cluster; work uses it directly, or through [`Self::client`].
    pub cluster: Cluster,
    /// The pod as it was when its container started.
    pub pod: Value,
}

impl PodContext {
    /// Namespace of the pod.
    pub fn namespace(&self) -> String {
        meta(&self.pod, "namespace").to_owned()
    }

    /// Name of the pod.
    pub fn name(&self) -> String {
        meta(&self.pod, "name").to_owned()
    }

    /// UID of the pod.
    pub fn uid(&self) -> String {
        meta(&self.pod, "uid").to_owned()
    }

    /// Value of a label of the pod, or empty.
    pub fn label(&self, label: &str) -> String {
        self.pod["metadata"]["labels"][label].as_str().unwrap_or_default().to_owned()
    }

    /// Arguments of the container with this name, command first; empty when there is none.
    pub fn arguments(&self, container: &str) -> Vec<String> {
        let spec = &self.pod["spec"];
        let all = [&spec["containers"], &spec["initContainers"]].into_iter().filter_map(Value::as_array).flatten();
        let found = all.into_iter().find(|c| c["name"] == container).cloned().unwrap_or_default();
        let list = |field: &str| found[field].as_array().cloned().unwrap_or_default();
        [list("command"), list("args")].concat().iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    }

    /// A client that is not logged.
    pub fn client(&self) -> Client {
        self.cluster.admin()
    }
}

/// What a pod's main container does once it runs.
#[derive(Clone)]
pub enum Life {
    /// Runs for ever; ready after this time.
    Serve {
        /// Time until the readiness probe succeeds.
        ready_after: Duration,
    },
    /// Runs for ever, never ready.
    NeverReady,
    /// Ready, and then not any more.
    ReadyThenNot {
        /// Time until the readiness probe succeeds.
        ready_after: Duration,
        /// Time after which it fails again.
        lost_after: Duration,
    },
    /// Ends again and again.
    CrashLoop {
        /// Time a start lasts.
        after: Duration,
        exit_code: i32,
        /// `Error` or `OOMKilled`.
        reason: &'static str,
    },
    /// Does this, and ends with its exit code.
    Run(Work),
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serve { .. } => "Serve",
            Self::NeverReady => "NeverReady",
            Self::ReadyThenNot { .. } => "ReadyThenNot",
            Self::CrashLoop { .. } => "CrashLoop",
            Self::Run(_) => "Run",
        })
    }
}

/// How one pod lives, from creation to the end.
#[derive(Clone, Debug)]
pub struct PodScript {
    /// Time the scheduler lets it wait though it fits.
    pub schedule_after: Duration,
    /// Never scheduled, with this message.
    pub unschedulable: Option<String>,
    /// Time in `ContainerCreating`.
    pub create: Duration,
    /// The image cannot be pulled, with this message.
    pub pull_error: Option<String>,
    /// What the container does.
    pub life: Life,
    /// Time from deletion to the end, at most the grace period.
    pub stop_after: Duration,
    /// Deletion has no effect (a hung container runtime).
    pub ignores_deletion: bool,
    /// Digest the image resolves to.
    pub image_id: String,
}

impl PodScript {
    /// A pod with this life and usual times.
    pub fn new(life: Life) -> Self {
        Self {
            schedule_after: Duration::ZERO,
            unschedulable: None,
            create: Duration::from_secs(2),
            pull_error: None,
            life,
            stop_after: Duration::from_secs(2),
            ignores_deletion: false,
            image_id: format!("registry.example/image@sha256:{}", "5a".repeat(32)),
        }
    }

    /// Pods of Jobs succeed after a second, others serve after twelve.
    pub fn usual(pod: &Value) -> Self {
        let of_job = pod["metadata"]["ownerReferences"][0]["kind"] == "Job";
        if of_job { Self::succeed(Duration::from_secs(1)) } else { Self::serve(Duration::from_secs(12)) }
    }

    /// Serves after this time.
    pub fn serve(ready_after: Duration) -> Self {
        Self::new(Life::Serve { ready_after })
    }

    /// Runs and never gets ready.
    pub fn never_ready() -> Self {
        Self::new(Life::NeverReady)
    }

    /// Gets ready and loses it again.
    pub fn ready_then_not(ready_after: Duration, lost_after: Duration) -> Self {
        Self::new(Life::ReadyThenNot { ready_after, lost_after })
    }

    /// Crashes after five seconds, again and again.
    pub fn crash_loop() -> Self {
        Self::new(Life::CrashLoop { after: Duration::from_secs(5), exit_code: 1, reason: "Error" })
    }

    /// Is killed for its memory after twenty seconds, again and again.
    pub fn out_of_memory() -> Self {
        Self::new(Life::CrashLoop { after: Duration::from_secs(20), exit_code: 137, reason: "OOMKilled" })
    }

    /// Its image cannot be pulled.
    pub fn image_pull_error() -> Self {
        let message = "failed to pull and unpack image \"registry.example/missing:1\": not found";
        Self { pull_error: Some(message.into()), ..Self::never_ready() }
    }

    /// Never gets a node.
    pub fn unschedulable(message: &str) -> Self {
        Self { unschedulable: Some(message.into()), ..Self::never_ready() }
    }

    /// Ends well after this time.
    pub fn succeed(after: Duration) -> Self {
        Self::run(move |_| async move {
            tokio::time::sleep(after).await;
            0
        })
    }

    /// Fails after this time.
    pub fn fail(after: Duration, exit_code: i32) -> Self {
        Self::run(move |_| async move {
            tokio::time::sleep(after).await;
            exit_code
        })
    }

    /// Does some work: the way to play the agent.
    pub fn run<F>(work: impl Fn(PodContext) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = i32> + Send + 'static,
    {
        Self::new(Life::Run(Arc::new(move |context| Box::pin(work(context)))))
    }

    /// The same, with a node after this time only.
    pub fn scheduled_after(self, schedule_after: Duration) -> Self {
        Self { schedule_after, ..self }
    }

    /// The same, ending only this long after its deletion.
    pub fn stopping_after(self, stop_after: Duration) -> Self {
        Self { stop_after, ..self }
    }

    /// The same, deaf to deletion.
    pub fn deaf(self) -> Self {
        Self { ignores_deletion: true, ..self }
    }
}
