//! Stands in for Dynamo's operator on a test cluster: a process beside the cluster that makes Deployments and Services
//! of DynamoGraphDeployments and shows how their pods are. Started by `tests/cluster/standin`.

use std::path::PathBuf;

use bcmp::simulation::dynamo::Environment;
use bcmp::simulation::standin;
use clap::Parser;
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

#[derive(Parser)]
#[command(about = "Stands in for Dynamo's operator on a test cluster")]
struct Arguments {
    /// Kubeconfig of the cluster.
    #[arg(long)]
    kubeconfig: PathBuf,
    /// Address of an etcd, as pods reach it, through which frontends and workers find each other.
    #[arg(long)]
    etcd: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_env_filter("info,kube_client=warn").with_ansi(false).init();
    let arguments = Arguments::parse();
    let kubeconfig = Kubeconfig::read_from(&arguments.kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    standin::run(Client::try_from(config)?, Environment { etcd: arguments.etcd }, Timestamp::now).await?;
    Ok(())
}
