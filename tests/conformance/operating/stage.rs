//! The operator on a real API server as it is installed: with its ServiceAccount's token, the shipped roles and the shipped
//! admission policies. No pod runs there: the test does what the generating agent does.

use std::sync::Arc;
use std::time::Duration;

use bcmp::api::labels;
use bcmp::controller;
use bcmp::controller::context::{Context, Scope};
use bcmp::controller::metrics::Metrics;
use bcmp::lifecycle::world::Settings;
use bcmp::manifests::Names;
use bcmp::manifests::agent_contract::PLAN_KEY;
use bcmp::plan::{Images, Plan};
use bcmp::prediction::configurations;
use bcmp::simulation::serving::reality::predicted;
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::events::Reporter;
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::COMPARISONS;
use crate::bed::{Bed, KUBECONFIG, Reply};

const ACCOUNT: &str = "bcmp-operator";
/// Namespace in the shipped files.
const SHIPPED_IN: &str = "bcmp-system";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// The server, with the operator's identity installed.
pub struct Stage {
    /// The first namespace, and an administrator.
    pub bed: Bed,
    /// The second namespace that the operator watches.
    pub other: String,
    /// The operator.
    operator: Client,
    /// `allowedPodFeatures`.
    features: Value,
}

impl Stage {
    /// Installs the operator for two namespaces. `features` says what pods may have in each: the list for the first, and for
    /// the second.
    pub async fn of(case: &str, features: [Value; 2]) -> Option<Self> {
        let bed = Bed::real(case).await?;
        let other = format!("{}-other", bed.namespace);
        let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}});
        bed.post("/api/v1/namespaces", space).await.ok();
        let [first, second] = features;
        let mut lists = json!({});
        lists[&bed.namespace] = first;
        lists[&other] = second;
        give_rights(&bed, &other).await;
        give_policies(&bed, &lists).await;
        let operator = operator(&bed).await;
        let stage = Self { bed, other, operator, features: lists };
        stage.wait_for_policies().await;
        Some(stage)
    }

    /// Rights and policies are in force a moment after they are written.
    async fn wait_for_policies(&self) {
        let foreign = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign"}});
        for namespace in [&self.bed.namespace, &self.other] {
            self.bed
                .eventually("policies are in force", || async {
                    let map = self.try_as_operator(namespace, "configmaps", foreign.clone()).await;
                    let pods = super::own_deployment("node", &json!({"hostNetwork": true}));
                    let pods = self.try_as_operator(namespace, "deployments.apps", pods).await;
                    message(&map).contains("managed-by=bcmp") && message(&pods).contains("the node's network")
                })
                .await;
        }
    }

    /// What the API server answers when the operator creates an object, which it does not keep.
    pub async fn try_as_operator(&self, namespace: &str, resource: &str, object: Value) -> Reply {
        let collection = format!("{}?dryRun=All", self.collection(namespace, resource));
        self.as_operator("POST", &collection, Some(object)).await
    }

    /// Sends a request with the operator's token.
    pub async fn as_operator(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let bed = Bed::with_client(self.operator.clone(), &self.bed.namespace);
        bed.send(method, path, &[("content-type", "application/json")], body).await
    }

    /// Path of a collection in one of the namespaces.
    pub fn collection(&self, namespace: &str, resource: &str) -> String {
        Bed::with_client(self.operator.clone(), namespace).path(resource)
    }

    /// Path of an object in one of the namespaces.
    pub fn object(&self, namespace: &str, resource: &str, name: &str) -> String {
        format!("{}/{name}", self.collection(namespace, resource))
    }

    /// The comparison as it is now.
    pub async fn comparison(&self, namespace: &str, name: &str) -> Value {
        self.bed.get(&self.object(namespace, COMPARISONS, name)).await.ok()
    }

    /// Creates a comparison of these variants.
    pub async fn compare(&self, namespace: &str, name: &str, variants: Value) {
        let mut comparison = crate::comparison(name);
        comparison["spec"]["variants"] = variants;
        self.bed.post(&self.collection(namespace, COMPARISONS), comparison).await.ok();
    }

    /// Lets operator and agents work until the case is over.
    pub async fn play(&self, case: impl Future<Output = ()>) {
        let settings = Settings {
            images: Images { agent: "bcmp:1".into(), predictor: "tools:1".into(), load: "tools:1".into() },
            pod_features: self.features.to_string().parse().expect("a list of features"),
            run_limits: Default::default(),
            own_account: None,
        };
        let context = Context::new(
            self.operator.clone(),
            Arc::new(Timestamp::now),
            settings,
            Scope::Namespaces(vec![self.bed.namespace.clone(), self.other.clone()]),
            Reporter { controller: "bcmp".into(), instance: None },
            Metrics::default(),
        );
        tokio::select! {
            () = controller::run(Arc::new(context), std::future::pending()) => panic!("the operator ended"),
            () = self.agents() => panic!("the agents ended"),
            () = case => {}
        }
    }

    /// Predicts and generates for every plan there is.
    async fn agents(&self) {
        loop {
            for namespace in [&self.bed.namespace, &self.other] {
                self.generate(namespace).await;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    async fn generate(&self, namespace: &str) {
        let of = |component: &str| format!("labelSelector={}%3D{component}", labels::COMPONENT.replace('/', "%2F"));
        let maps = format!("/api/v1/namespaces/{namespace}/configmaps?{}", of("plan"));
        for map in self.bed.get(&maps).await.ok()["items"].as_array().into_iter().flatten() {
            let plan: Plan = serde_json::from_str(map["data"][PLAN_KEY].as_str().expect("a plan")).expect("a plan");
            let output = self.object(namespace, "configmaps", &Names::of(&plan).configurations());
            let found = self.bed.get(&output).await;
            if found.code == 200 && found.body["data"][configurations::KEY].is_null() {
                let text = serde_json::to_string(&predicted(&plan).expect("a prediction")).expect("JSON");
                // Its run may be gone by now.
                self.bed.merge(&output, json!({"data": {configurations::KEY: text}})).await;
            }
        }
        let pods = format!("/api/v1/namespaces/{namespace}/pods?{}", of("generate"));
        for pod in self.bed.get(&pods).await.ok()["items"].as_array().into_iter().flatten() {
            if pod["status"]["phase"] == "Pending" {
                let name = pod["metadata"]["name"].as_str().expect("a name");
                let path = format!("{}/status", self.object(namespace, "pods", name));
                self.bed.merge(&path, json!({"status": {"phase": "Succeeded"}})).await;
            }
        }
    }

    /// Removes what lies outside the first namespace, and that one.
    pub async fn clear(self) {
        for kind in ["validatingadmissionpolicybindings", "validatingadmissionpolicies"] {
            for what in ["writes", "pods"] {
                let path = format!("{ADMISSION}/{kind}/{ACCOUNT}-{what}.{}", self.bed.namespace);
                self.bed.delete(&path, json!({})).await.ok();
            }
        }
        self.bed.delete(&format!("/api/v1/namespaces/{}", self.other), json!({})).await;
        self.bed.clean_up().await;
    }
}

/// What a refusal says.
pub fn message(reply: &Reply) -> String {
    reply.body["message"].as_str().unwrap_or_default().to_owned()
}

/// Makes the server serve a CustomResourceDefinition without a conversion webhook, in this version alone.
pub async fn define(bed: &Bed, yaml: &str, version: &str) {
    let mut definition: Value = serde_saphyr::from_str(yaml).expect("YAML");
    definition["spec"]["conversion"] = json!({"strategy": "None"});
    for one in definition["spec"]["versions"].as_array_mut().expect("versions") {
        let it = one["name"] == version;
        one["served"] = json!(it);
        one["storage"] = json!(it);
    }
    let name = definition["metadata"]["name"].as_str().expect("a name").to_owned();
    let (plural, group) = name.split_once('.').expect("a plural and a group");
    let path = format!("{DEFINITIONS}/{name}");
    // Somebody else's test may have it served otherwise.
    if bed.get(&path).await.code == 404 {
        bed.apply(&path, "conformance", true, definition.clone()).await.ok();
    }
    let list = format!("/apis/{group}/{version}/{plural}");
    bed.eventually(&format!("{list} is served"), || async { bed.get(&list).await.code == 200 }).await;
}

async fn give_rights(bed: &Bed, other: &str) {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}});
    bed.post(&bed.path("serviceaccounts"), account).await.ok();
    let roles: Vec<Value> =
        serde_saphyr::from_multiple(include_str!("../../../config/rbac/cluster-role.yaml")).expect("roles");
    let role = roles.into_iter().find(|role| role["metadata"]["name"] == ACCOUNT).expect("the operator's role");
    bed.apply(&format!("{RBAC}/clusterroles/{ACCOUNT}"), "conformance", true, role).await.ok();
    for namespace in [bed.namespace.as_str(), other] {
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": bed.namespace}]});
        bed.post(&format!("{RBAC}/namespaces/{namespace}/rolebindings"), binding).await.ok();
    }
}

/// The shipped policies, of an operator in the first namespace.
async fn give_policies(bed: &Bed, lists: &Value) {
    let shipped = [
        include_str!("../../../config/admission/operator-writes.yaml"),
        include_str!("../../../config/admission/operator-pods.yaml"),
    ];
    for text in shipped {
        let objects: Vec<Value> = serde_saphyr::from_multiple(&text.replace(SHIPPED_IN, &bed.namespace)).expect("YAML");
        for mut object in objects {
            for variable in object["spec"]["variables"].as_array_mut().into_iter().flatten() {
                if variable["name"] == "lists" {
                    variable["expression"] = json!(lists.to_string());
                }
            }
            let plural = if object["kind"] == "ValidatingAdmissionPolicy" {
                "validatingadmissionpolicies"
            } else {
                "validatingadmissionpolicybindings"
            };
            bed.post(&format!("{ADMISSION}/{plural}"), object).await.ok();
        }
    }
}

/// A client with the ServiceAccount's token, and nothing else.
async fn operator(bed: &Bed) -> Client {
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let path = format!("{}/token", bed.object("serviceaccounts", ACCOUNT));
    let token = bed.post(&path, request).await.ok()["status"]["token"].clone();
    let path = std::env::var(KUBECONFIG).expect("a kubeconfig");
    let mut kubeconfig = serde_json::to_value(Kubeconfig::read_from(path).expect("a kubeconfig")).expect("JSON");
    for user in kubeconfig["users"].as_array_mut().into_iter().flatten() {
        user["user"] = json!({"token": token});
    }
    let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.expect("a usable kubeconfig")).expect("a client")
}
