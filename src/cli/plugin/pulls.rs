//! `kubectl bcmp check --pull`: pulls the images that a comparison names, each with a Job of its own.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use tokio::time::Instant;

use super::cluster::NamespaceClient;
use super::error::PluginError;
use crate::api::BenchmarkComparisonSpec;
use crate::controller::call::{call, optional};
use crate::controller::error::Error;
use crate::inspect::check::{ImagePull, Lookup};
use crate::inspect::pulls::{MANAGER, Pull, WantedImage, job, named};

/// How often the pods are looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// What became of each image within `limit`. The Jobs are gone afterwards.
pub async fn pulled(cluster: &NamespaceClient, spec: &BenchmarkComparisonSpec, limit: Duration) -> Vec<ImagePull> {
    let jobs = PullJobs::new(cluster, limit);
    let mut pulls = vec![];
    for (field, wanted) in named(spec) {
        pulls.push((field, jobs.create(&wanted).await));
    }
    let (start, mut found) = (Instant::now(), vec![]);
    loop {
        found.clear();
        for (field, created) in &pulls {
            let pull = match created {
                Ok(name) => jobs.look(name).await,
                Err(why) => Err(why.clone()),
            };
            found.push(ImagePull { field, pull, seconds: limit.as_secs() });
        }
        let waits = |one: &ImagePull| one.pull.as_ref().is_ok_and(|pull| !pull.is_over());
        if !found.iter().any(waits) || start.elapsed() >= limit {
            break;
        }
        tokio::time::sleep(INTERVAL).await;
    }
    for name in pulls.iter().filter_map(|(_, created)| created.as_ref().ok()) {
        jobs.delete(name).await;
    }
    found
}

struct PullJobs {
    jobs: Api<Job>,
    pods: Api<Pod>,
    limit: Duration,
}

impl PullJobs {
    fn new(cluster: &NamespaceClient, limit: Duration) -> Self {
        let client = cluster.client();
        let jobs = Api::namespaced(client.clone(), &cluster.namespace);
        Self { jobs, pods: Api::namespaced(client.clone(), &cluster.namespace), limit }
    }

    /// The name of the Job, or why there is none.
    async fn create(&self, wanted: &WantedImage<'_>) -> Lookup<String> {
        let job: Job = serde_json::from_value(job(wanted, self.limit.as_secs()))
            .map_err(|error| format!("BUG: the Job cannot be made: {error}"))?;
        let parameters = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        let created = call("create a job", self.jobs.create(&parameters, &job)).await;
        created.map(|job| job.name_any()).map_err(said)
    }

    async fn look(&self, job: &str) -> Lookup<Pull> {
        let selector = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
        call("list pods", self.pods.list(&selector)).await.map(|pods| Pull::of(&pods.items)).map_err(said)
    }

    /// Without an answer it goes by itself, a while later.
    async fn delete(&self, job: &str) {
        drop(optional(format!("delete job {job}"), self.jobs.delete(job, &DeleteParams::background())).await);
    }
}

fn said(error: Error) -> String {
    PluginError::from(error).message
}
