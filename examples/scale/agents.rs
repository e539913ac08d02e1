//! What the agents' pods do: they publish configurations, and the records of trials that nobody ran.

use bcmp::api::labels;
use bcmp::manifests::Names;
use bcmp::manifests::agent_contract::{CONFIG_MAP_FLAG, PLAN_KEY, ROUND_FLAG};
use bcmp::measurement::ledger::{Mark, serving_key, started_key};
use bcmp::measurement::record::{SCHEMA_VERSION, TrialRecord};
use bcmp::plan::{Identity, Plan};
use bcmp::prediction::Serving;
use bcmp::prediction::configurations::{self, Configurations, GenerationOutcome};
use bcmp::simulation::reality::{PendingTrial, Ran, Reality};
use bcmp::simulation::truth::{self, Formula};
use bcmp::sweep::{Next, VariantSweep};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::kubelet::{Kubelets, label, server_key};

/// Between two looks at the servers.
const LOOK: Duration = Duration::from_millis(500);

/// Does what the pod is for; whether that has an end.
pub async fn works(kubelets: &Kubelets, pod: &Pod) -> kube::Result<bool> {
    let agent = Agent::of(kubelets, pod);
    match label(pod, labels::COMPONENT).as_str() {
        "generate" => agent.generate().await.map(|()| true),
        "load" => agent.load().await.map(|()| true),
        _ => Ok(false),
    }
}

struct Agent<'a> {
    kubelets: &'a Kubelets,
    pod: &'a Pod,
    maps: Api<ConfigMap>,
    names: Names,
}

impl<'a> Agent<'a> {
    fn of(kubelets: &'a Kubelets, pod: &'a Pod) -> Self {
        let namespace = pod.namespace().unwrap_or_default();
        let maps = Api::namespaced(kubelets.client.clone(), &namespace);
        let of = Identity { namespace, name: label(pod, labels::COMPARISON), uid: String::new() };
        let names = Names::new(&of, label(pod, labels::RUN).parse().unwrap_or(0));
        Self { kubelets, pod, maps, names }
    }

    /// A document of the run.
    async fn document<T: DeserializeOwned>(&self, map: &str, key: &str) -> kube::Result<T> {
        let map = self.maps.get(map).await?;
        let text = map.data.as_ref().and_then(|data| data.get(key)).map_or("null", String::as_str);
        serde_json::from_str(text).map_err(kube::Error::SerdeError)
    }

    fn argument(&self, flag: &str) -> String {
        let spec = self.pod.spec.as_ref();
        let containers =
            spec.map(|spec| [spec.containers.clone(), spec.init_containers.clone().unwrap_or_default()].concat());
        let arguments = containers
            .unwrap_or_default()
            .into_iter()
            .flat_map(|container| [container.command.unwrap_or_default(), container.args.unwrap_or_default()].concat());
        arguments.skip_while(|argument| argument != flag).nth(1).unwrap_or_default()
    }

    async fn publish(&self, key: &str, text: String) -> kube::Result<()> {
        let patch = Patch::Merge(json!({"data": {key: text}}));
        self.maps.patch(&self.argument(CONFIG_MAP_FLAG), &PatchParams::default(), &patch).await.map(drop)
    }

    fn mark(&self, deployment: u32) -> String {
        let pod_uid = self.pod.uid().unwrap_or_default();
        json!(Mark { schema_version: SCHEMA_VERSION, deployment, pod_uid, time: Timestamp::now() }).to_string()
    }

    async fn generate(&self) -> kube::Result<()> {
        let plan: Plan = self.document(&self.names.plan(), PLAN_KEY).await?;
        self.publish(configurations::KEY, json!(one_pod_each(&plan)).to_string()).await
    }

    /// Half to one and a half of what a trial takes: loads that began together do not end together.
    fn lasts(&self, trial: usize) -> Duration {
        let mut hasher = DefaultHasher::new();
        (self.pod.uid(), trial).hash(&mut hasher);
        Duration::from_millis(self.kubelets.trial.load(Ordering::Relaxed) * (50 + hasher.finish() % 101) / 100)
    }

    async fn load(&self) -> kube::Result<()> {
        let plan: Plan = self.document(&self.names.plan(), PLAN_KEY).await?;
        let configurations: Configurations = self.document(&self.names.configurations(), configurations::KEY).await?;
        while !self.kubelets.serves(&server_key(self.pod)) {
            tokio::time::sleep(LOOK).await;
        }
        let variant = label(self.pod, labels::VARIANT);
        let deployment: u32 = label(self.pod, labels::DEPLOYMENT).parse().unwrap_or(1);
        let round = self.argument(ROUND_FLAG).parse().unwrap_or(1);
        self.publish(&serving_key(deployment), self.mark(deployment)).await?;
        let sweep = VariantSweep::new(&plan.spec, &configurations, &variant, round)
            .map_err(|error| kube::Error::Service(error.to_string().into()))?;
        let reality = Formula(one_pod_each);
        let mut records: Vec<TrialRecord> = vec![];
        while let Next::Run(trial) = sweep.next(&records, deployment) {
            self.publish(&started_key(&trial.key, 1), self.mark(deployment)).await?;
            let start_time = Timestamp::now();
            if records.is_empty() {
                // Never closed, and its permits are not given back.
                self.kubelets.gate.acquire().await.map(tokio::sync::SemaphorePermit::forget).unwrap_or_default();
            }
            tokio::time::sleep(self.lasts(records.len())).await;
            let load =
                PendingTrial { plan: &plan, configurations: &configurations, variant: &variant, deployment, trial };
            let Ran { measurement, findings, .. } = reality.run(&load);
            let (pod_uid, completion_time) = (self.pod.uid().unwrap_or_default(), Timestamp::now());
            let schema_version = SCHEMA_VERSION;
            let record = TrialRecord {
                schema_version,
                trial,
                deployment,
                pod_uid,
                start_time,
                completion_time,
                measurement,
                findings,
            };
            self.publish(&trial.key.to_string(), json!(record).to_string()).await?;
            records.push(record);
        }
        Ok(())
    }
}

/// What the simulation predicts, with all eight GPUs of a variant in one pod: a run then has as few pods as it can.
fn one_pod_each(plan: &Plan) -> Configurations {
    let mut configurations = truth::configurations(&plan.spec);
    for configuration in &mut configurations.variants {
        let GenerationOutcome::Ready(ready) = &mut configuration.outcome else { continue };
        for worker in ready.objects.iter_mut().filter_map(|object| object.pointer_mut("/spec/components/1")) {
            worker["replicas"] = json!(1);
            let main = &mut worker["podTemplate"]["spec"]["containers"][0];
            main["resources"]["limits"]["nvidia.com/gpu"] = json!("8");
            main["args"][1] = Value::from("8");
        }
        if let Some(Serving::Aggregated { workers }) = ready.shape.as_mut().map(|shape| &mut shape.serving) {
            (workers.replicas, workers.tensor_parallel) = (1, 8);
        }
    }
    configurations
}
