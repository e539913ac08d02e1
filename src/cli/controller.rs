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

use crate::api::BenchmarkComparison;
use crate::controller::context::{Context, Scope};
use crate::controller::metrics::Metrics;
use crate::controller::run;
use crate::controller::serve::{Health, serve};
use crate::lifecycle::world::Settings;
use crate::plan::Images;

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
    /// Address that serves /healthz, /readyz and /metrics
    #[arg(long, env = "BCMP_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
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
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,kube_runtime=warn"));
    // A second call in one process changes nothing.
    let _ = tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).try_init();
}

async fn operate(arguments: ControllerArgs) -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::infer().await?;
    config.read_timeout = Some(Duration::from_secs(300));
    let client = Client::try_from(config)?;
    let metrics = Metrics::default();
    let health = Health::new(metrics.clone());
    let namespaces: Vec<String> = arguments.namespaces.into_iter().filter(|name| !name.is_empty()).collect();
    let scope = if namespaces.is_empty() { Scope::Cluster } else { Scope::Namespaces(namespaces) };
    let reporter = Reporter { controller: "bcmp".into(), instance: None };
    let context = Arc::new(Context::new(
        client.clone(),
        Arc::new(Timestamp::now),
        Settings {
            images: Images {
                agent: arguments.agent_image,
                predictor: arguments.predictor_image,
                load: arguments.load_image,
            },
        },
        scope.clone(),
        reporter,
        metrics,
    ));
    let stop = asked_to_stop();
    let server = tokio::spawn(serve(arguments.listen, health.clone(), stop.clone()));
    tokio::select! {
        () = served(&client, &scope) => {}
        () = stop.clone() => return Ok(()),
    }
    health.ready();
    tracing::info!(%scope, version = env!("CARGO_PKG_VERSION"), "watching comparisons");
    run(context, stop).await;
    server.await??;
    Ok(())
}

/// Waits until comparisons can be listed: the CustomResourceDefinition may come after the operator. One of several
/// namespaces is enough: another may have been deleted, and the operator's rights with it.
async fn served(client: &Client, scope: &Scope) {
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
                Err(error) => tracing::warn!(%error, "cannot list benchmarkcomparisons.bcmp.dev yet"),
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
