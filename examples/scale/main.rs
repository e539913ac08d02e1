//! Plays the rest of a cluster for `make benchmark-scale`, on a control plane on which no pod runs: nodes that stay ready,
//! pods of others, kubelets, Dynamo's operator and the agents. It is told what to do line by line and says what it saw in
//! lines of JSON.
//!
//! | Line | Does |
//! |---|---|
//! | `namespaces` | creates those of teams and of others |
//! | `nodes N` | creates nodes of eight GPUs, and keeps them ready |
//! | `pods FROM TO` | creates pods of others; each of the first `--holders` takes all GPUs of a node |
//! | `comparisons FROM TO` | creates comparisons |
//! | `release N` | lets N load pods finish that wait for it |
//! | `go`, `hold` | lets all load pods finish; lets none finish that has not begun |
//! | `clear` | deletes all comparisons |

mod agents;
mod kubelet;
mod observer;
mod stock;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bcmp::simulation::dynamo::Environment;
use bcmp::simulation::standin;
use clap::Parser;
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use kubelet::Kubelets;
use stock::Stock;

/// More than there are load pods.
const ALL: usize = 1_000_000;

#[derive(Parser)]
#[command(about = "Plays the rest of a cluster for make benchmark-scale")]
struct Arguments {
    /// Kubeconfig of the cluster's administrator.
    #[arg(long)]
    kubeconfig: PathBuf,
    /// Nodes whose GPUs others hold.
    #[arg(long)]
    holders: usize,
}

/// A line of what was seen, with the time.
fn tell(mut line: Value) {
    line["at"] = json!(Timestamp::now().as_millisecond() as f64 / 1000.0);
    println!("{line}");
}

/// The lines of the standard input.
fn told() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok();
    });
    lines
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter("warn,kube_client=error")
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let arguments = Arguments::parse();
    let kubeconfig = Kubeconfig::read_from(&arguments.kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    let gate = Arc::new(Semaphore::new(0));
    let trial = Arc::new(AtomicU64::new(0));
    let stock = Stock { client: client.clone(), holders: arguments.holders };
    tokio::spawn(standin::run(client.clone(), Environment::default(), Timestamp::now));
    tokio::spawn(observer::run(client.clone()));
    tokio::spawn(Kubelets::new(client, gate.clone(), trial.clone()).run());
    let mut lines = told();
    while let Some(line) = lines.recv().await {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |index: usize| words.get(index).and_then(|word| word.parse::<usize>().ok()).unwrap_or(0);
        match words.first().copied().unwrap_or_default() {
            "namespaces" => stock.namespaces().await?,
            "nodes" => stock.nodes(number(1)).await?,
            "pods" => stock.pods(number(1)..number(2)).await?,
            "comparisons" => stock.comparisons(number(1)..number(2)).await?,
            "clear" => stock.clear().await?,
            "trial" => trial.store(number(1) as u64, Ordering::Relaxed),
            "release" => gate.add_permits(number(1)),
            "go" => gate.add_permits(ALL),
            "hold" => drop(gate.forget_permits(ALL)),
            other => return Err(format!("{other}: no such command").into()),
        }
        tell(json!({"done": line}));
    }
    Ok(())
}
