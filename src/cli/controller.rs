//! `bcmp controller`: the operator.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use kube::api::{Api, ListParams};
use kube::runtime::events::Reporter;
use kube::{Client, Config};
use tracing_subscriber::EnvFilter;

use crate::api::BenchmarkComparison;
use crate::controller::context::{Context, Scope};
use crate::controller::health::Health;
use crate::controller::lease::LeaseSettings;
use crate::controller::metrics::Metrics;
use crate::controller::run;
use crate::controller::serve::serve;
use crate::lifecycle::run_limits::RunLimits;
use crate::lifecycle::world::Settings;
use crate::manifests::checked::ReservedAccount;
use crate::plan::{AllowedPodFeatures, Images};

/// How the operator is configured.
#[derive(Args)]
pub struct ControllerArgs {
    /// Namespaces to watch, comma-separated [default: all]
    #[arg(long, env = "BCMP_NAMESPACES", value_delimiter = ',')]
    namespaces: Vec<String>,
    /// The operator's own image, which installs the agent in pods
    #[arg(long, env = "BCMP_AGENT_IMAGE")]
    agent_image: String,
    /// Image of the predictor, for comparisons that name none
    #[arg(long, env = "BCMP_PREDICTOR_IMAGE")]
    predictor_image: String,
    /// Image of the load tool, for comparisons that name none
    #[arg(long, env = "BCMP_LOAD_IMAGE")]
    load_image: String,
    /// What pods of variants may have beside the ordinary: JSON, NAMESPACE or * → list of rdma, ipcLock, hostIPC,
    /// privileged, capability:NAME, hostPath:/PATH [default: rdma, ipcLock, and the capabilities SYS_PTRACE and
    /// SYS_RESOURCE]
    #[arg(long, env = "BCMP_ALLOWED_POD_FEATURES", default_value = "{}", hide_default_value = true)]
    allowed_pod_features: AllowedPodFeatures,
    /// How many runs of a namespace may hold GPUs, or wait for nodes, at the same time: JSON, NAMESPACE or * → number
    /// [default: no limit]
    #[arg(long, env = "BCMP_RUN_LIMITS", default_value = "{}", hide_default_value = true)]
    run_limits: RunLimits,
    /// Namespace of the operator's own pod
    #[arg(long, env = "BCMP_OWN_NAMESPACE")]
    own_namespace: Option<String>,
    /// ServiceAccount of the operator's own pod, which no comparison may use
    #[arg(long, env = "BCMP_OWN_SERVICE_ACCOUNT")]
    own_service_account: Option<String>,
    /// Also show what was measured as metrics, whose labels name comparisons: of the 200 whose verdict is newest
    #[arg(long, env = "BCMP_RESULT_METRICS")]
    result_metrics: bool,
    /// Address that serves /healthz, /readyz and /metrics; [::] is every address, of IPv4 too
    #[arg(long, env = "BCMP_LISTEN", default_value = "[::]:8080")]
    listen: SocketAddr,
    /// Namespace of the Lease that decides which of several replicas acts [default: there is one replica]
    #[arg(long, env = "BCMP_LEASE_NAMESPACE", requires = "identity")]
    lease_namespace: Option<String>,
    /// Name of the Lease
    #[arg(long, env = "BCMP_LEASE_NAME", default_value = "bcmp-operator")]
    lease_name: String,
    /// Name of this replica; it must differ between replicas
    #[arg(long, env = "BCMP_IDENTITY")]
    identity: Option<String>,
}

impl ControllerArgs {
    fn lease(&self) -> Option<LeaseSettings> {
        let namespace = self.lease_namespace.clone().filter(|namespace| !namespace.is_empty())?;
        let identity = self.identity.clone()?;
        Some(LeaseSettings { namespace, name: self.lease_name.clone(), identity })
    }
}

/// Runs the operator until it receives SIGTERM or SIGINT.
pub fn controller(arguments: ControllerArgs) -> ExitCode {
    log_as_json();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(operate(arguments)),
        Err(error) => Err(error.into()),
    };
    super::finish(result)
}

fn log_as_json() {
    let filter = quiet(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube_runtime=warn")));
    // A second call in one process changes nothing.
    let _ = tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).try_init();
}

/// The client logs an answer that it cannot read as a whole, which may be a list of every comparison with all that is
/// written there: never, whatever RUST_LOG says.
fn quiet(filter: EnvFilter) -> EnvFilter {
    match "kube_client::client=error".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}

async fn operate(arguments: ControllerArgs) -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::infer().await?;
    config.read_timeout = Some(Duration::from_secs(300));
    // What is answered is said at once and tried again at the next look; a write is not repeated when another replica may write.
    config.default_retry = false;
    let client = Client::try_from(config)?;
    let metrics = Metrics::new(arguments.result_metrics);
    let lease = arguments.lease();
    let namespaces: Vec<String> = arguments.namespaces.into_iter().filter(|name| !name.is_empty()).collect();
    let scope = if namespaces.is_empty() { Scope::Cluster } else { Scope::Namespaces(namespaces) };
    let reporter = Reporter { controller: "bcmp".into(), instance: None };
    let context = Context::new(
        client.clone(),
        Arc::new(Timestamp::now),
        Settings {
            images: Images {
                agent: arguments.agent_image,
                predictor: arguments.predictor_image,
                load: arguments.load_image,
            },
            pod_features: arguments.allowed_pod_features,
            run_limits: arguments.run_limits,
            own_account: own_account(arguments.own_namespace, arguments.own_service_account),
        },
        scope.clone(),
        reporter,
        metrics.clone(),
    );
    let context = Arc::new(match lease {
        Some(lease) => context.sharing(lease),
        None => context,
    });
    let stop = asked_to_stop();
    let server = tokio::spawn(serve(arguments.listen, context.health.clone(), metrics, stop.clone()));
    tokio::select! {
        () = served(&client, &scope, &context.health) => {}
        () = stop.clone() => return Ok(()),
    }
    tracing::info!(%scope, version = env!("CARGO_PKG_VERSION"), "watching comparisons");
    run(context, stop).await;
    server.await??;
    Ok(())
}

/// The operator's ServiceAccount, where its pod's manifest says which it is.
fn own_account(namespace: Option<String>, name: Option<String>) -> Option<ReservedAccount> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    Some(ReservedAccount { namespace: given(namespace)?, name: given(name)? })
}

/// Waits until comparisons can be listed: the CustomResourceDefinition may come after the operator. One of several
/// namespaces is enough: another may have been deleted, and the operator's rights with it.
async fn served(client: &Client, scope: &Scope, health: &Health) {
    let apis: Vec<Api<BenchmarkComparison>> = match scope {
        Scope::Namespaces(names) if !names.is_empty() => {
            names.iter().map(|name| Api::namespaced(client.clone(), name)).collect()
        }
        _ => vec![Api::all(client.clone())],
    };
    loop {
        for api in &apis {
            match api.list_metadata(&ListParams::default().limit(1)).await {
                Ok(_) => return,
                Err(error) => {
                    health.failed(None, &error.to_string());
                    tracing::warn!(%error, "cannot list benchmarkcomparisons.bcmp.dev yet");
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Resolves when the process receives SIGTERM or SIGINT; may be awaited in several places.
fn asked_to_stop() -> futures::future::Shared<futures::future::BoxFuture<'static, ()>> {
    use futures::FutureExt;
    use tokio::signal::unix::{SignalKind, signal};
    async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
            }
            Err(_) => {
                let _ = tokio::signal::ctrl_c().await;
            }
        }
        tracing::info!("stopping");
    }
    .boxed()
    .shared()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;
    use std::sync::Mutex;

    use rstest::rstest;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[rstest]
    #[case::default("info,kube_runtime=warn")]
    #[case::everything("trace")]
    #[case::asked_for("info,kube_client=debug")]
    fn no_answer_is_logged_as_a_whole(#[case] directives: &str) {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(quiet(EnvFilter::new(directives)))
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(target: "kube_client::client", "{}", r#"{"items":[{"value":"s3cret"}]}, error"#);
            tracing::warn!(target: "bcmp::controller", "reconciliation failed");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("reconciliation failed") && !text.contains("s3cret"), "{text}");
    }
}
