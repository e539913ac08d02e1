//! Labels, annotations and owner references of everything a run creates, and the selectors that find it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::api::{self, labels};
use crate::dynamo;
use crate::plan::{Component, Identity, Plan};

/// Value of `app.kubernetes.io/name`, `managed-by` and `part-of` on everything a run creates.
pub const APPLICATION: &str = "bcmp";

/// Label that hands a pod or workload to a Kueue queue.
pub const KUEUE_QUEUE: &str = "kueue.x-k8s.io/queue-name";

/// What an object belongs to, and what it is for: becomes its labels and its owner reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership<'a> {
    comparison: &'a Identity,
    run: i64,
    component: Component,
    variant: Option<&'a str>,
    deployment: Option<u32>,
}

impl<'a> Ownership<'a> {
    /// Of the plan's run.
    pub fn new(plan: &'a Plan, component: Component) -> Self {
        Self { comparison: &plan.comparison, run: plan.run, component, variant: None, deployment: None }
    }

    pub fn variant(self, variant: &'a str) -> Self {
        Self { variant: Some(variant), ..self }
    }

    /// Of one deployment of the variant.
    pub fn deployment(self, deployment: u32) -> Self {
        Self { deployment: Some(deployment), ..self }
    }

    /// Labels of the object and of its pods.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let fixed = [
            (labels::NAME, APPLICATION.to_owned()),
            (labels::MANAGED_BY, APPLICATION.to_owned()),
            (labels::PART_OF, APPLICATION.to_owned()),
            (labels::COMPONENT, self.component.as_str().to_owned()),
            (labels::COMPARISON, self.comparison.name.clone()),
            (labels::RUN, self.run.to_string()),
        ];
        let variant = self.variant.map(|variant| (labels::VARIANT, variant.to_owned()));
        let deployment = self.deployment.map(|deployment| (labels::DEPLOYMENT, deployment.to_string()));
        fixed.into_iter().chain(variant).chain(deployment).map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Labels that distinguish the pods of one deployment of a variant from all others.
    pub fn identifying_labels(&self) -> BTreeMap<String, String> {
        let identifying = [labels::COMPARISON, labels::RUN, labels::VARIANT, labels::DEPLOYMENT];
        self.labels().into_iter().filter(|(key, _)| identifying.contains(&key.as_str())).collect()
    }

    /// Metadata of a child called `name`: namespace, labels, and the comparison as its owner.
    pub fn metadata(&self, name: String) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: Some(self.comparison.namespace.clone()),
            labels: Some(self.labels()),
            owner_references: Some(vec![owner_reference(self.comparison)]),
            ..ObjectMeta::default()
        }
    }

    /// Metadata of the pods of such a child.
    pub fn pod_metadata(&self) -> ObjectMeta {
        ObjectMeta { labels: Some(self.labels()), annotations: Some(pod_annotations()), ..ObjectMeta::default() }
    }
}

/// Annotations of every pod: no autoscaler may move a pod during a measurement, and no mesh may proxy its requests.
pub fn pod_annotations() -> BTreeMap<String, String> {
    [
        ("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
        ("karpenter.sh/do-not-disrupt", "true"),
        ("sidecar.istio.io/inject", "false"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// The comparison as controlling owner: garbage collection takes the child with it, GPUs included.
pub fn owner_reference(comparison: &Identity) -> OwnerReference {
    OwnerReference {
        api_version: format!("{}/{}", api::GROUP, api::VERSION),
        kind: api::KIND.to_owned(),
        name: comparison.name.clone(),
        uid: comparison.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Selects everything of all comparisons.
pub fn all_selector() -> String {
    selector(&[(labels::MANAGED_BY, APPLICATION)])
}

/// Selects everything of one comparison, over all runs.
pub fn comparison_selector(comparison: &str) -> String {
    selector(&[(labels::MANAGED_BY, APPLICATION), (labels::COMPARISON, comparison)])
}

/// Selects everything of one run.
pub fn run_selector(comparison: &str, run: i64) -> String {
    selector(&[(labels::MANAGED_BY, APPLICATION), (labels::COMPARISON, comparison), (labels::RUN, &run.to_string())])
}

/// Selects everything of one deployment of a variant, the load Job included.
pub fn deployment_selector(comparison: &str, run: i64, variant: &str, deployment: u32) -> String {
    selector(&[
        (labels::MANAGED_BY, APPLICATION),
        (labels::COMPARISON, comparison),
        (labels::RUN, &run.to_string()),
        (labels::VARIANT, variant),
        (labels::DEPLOYMENT, &deployment.to_string()),
    ])
}

/// Selects the pods that Dynamo's operator created for a DynamoGraphDeployment.
pub fn dynamo_selector(graph: &str) -> String {
    selector(&[(dynamo::GRAPH_LABEL, graph)])
}

fn selector(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}
