//! What a graph becomes, with the names, labels and settings that Dynamo's operator 1.5 gives it.
//!
//! ```text
//! DynamoGraphDeployment ┬ DynamoComponentDeployment, one for each component ┬ Deployment … pods
//!                       │ (with a finalizer of its own)                     └ Service
//!                       └ ServiceAccount, Role, RoleBinding, by which its pods find each other
//! ```
//! The namespace keeps a ServiceAccount and a RoleBinding for planners, which belong to no graph and stay.

use serde_json::{Value, json};

use super::{COMPONENT_KIND, FINALIZER, list, text, to_beta};

const PLANNER: &str = "planner-serviceaccount";

/// What the operator adds to containers so that frontend and workers find each other.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Address of an etcd that pods reach. Without it nothing is added: no process ever runs.
    pub etcd: Option<String>,
}

/// What a graph itself owns, in either version of its API.
pub fn children(graph: &Value) -> Vec<Value> {
    let graph = to_beta(graph);
    let components = list(&graph["spec"]["components"]);
    access(&graph).into_iter().chain(components.iter().map(|spec| component(&graph, spec))).collect()
}

/// The Deployment and the Service of a component, as it is stored; none where the graph has no such component any more.
pub fn grandchildren(graph: &Value, component: &Value, environment: &Environment) -> Vec<Value> {
    let graph = to_beta(graph);
    let name = &component["metadata"]["labels"]["nvidia.com/dynamo-component"];
    let specs = list(&graph["spec"]["components"]);
    let spec = specs.iter().find(|spec| spec["name"] == *name);
    let mut made: Vec<Value> =
        spec.into_iter().flat_map(|spec| [deployment(&graph, spec, environment), service(&graph, spec)]).collect();
    for object in &mut made {
        object["metadata"]["ownerReferences"] = owned_by(component);
    }
    made
}

/// What the first graph of a namespace brings there, and no deletion takes away.
pub fn left_behind(namespace: &str) -> Vec<Value> {
    let metadata = |name: &str| json!({"name": name, "namespace": namespace, "labels": access_labels(PLANNER)});
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(PLANNER)}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata(&format!("{PLANNER}-binding")),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "dynamo-dynamo-operator-planner"},
            "subjects": [{"kind": "ServiceAccount", "name": PLANNER, "namespace": namespace}],
        }),
    ]
}

fn component(graph: &Value, spec: &Value) -> Value {
    let mut metadata = metadata(graph, spec);
    metadata["finalizers"] = json!([FINALIZER]);
    json!({"apiVersion": "nvidia.com/v1beta1", "kind": COMPONENT_KIND, "metadata": metadata, "spec": spec})
}

/// Pods find each other through the API server, which a ServiceAccount of the graph lets them ask.
fn access(graph: &Value) -> Vec<Value> {
    let (graph_name, namespace) = (text(&graph["metadata"], "name"), &graph["metadata"]["namespace"]);
    let name = format!("{graph_name}-k8s-service-discovery");
    let (labels, owner) = (access_labels(&name), owned_by(graph));
    let metadata =
        |name: String| json!({"name": name, "namespace": namespace, "labels": labels, "ownerReferences": owner});
    let group = "rbac.authorization.k8s.io";
    let read = ["get", "list", "watch"];
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(name.clone())}),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata(format!("{name}-role")),
            "rules": [
                {"apiGroups": [""], "resources": ["endpoints", "pods"], "verbs": read},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
            ],
        }),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata(format!("{name}-binding")),
            "roleRef": {"apiGroup": group, "kind": "Role", "name": format!("{name}-role")},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        }),
    ]
}

fn access_labels(name: &str) -> Value {
    json!({
        "app.kubernetes.io/component": "rbac", "app.kubernetes.io/managed-by": "dynamo-operator",
        "app.kubernetes.io/name": name,
    })
}

fn owned_by(owner: &Value) -> Value {
    json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    }])
}

fn is_frontend(component: &Value) -> bool {
    text(component, "type") == "frontend"
}

/// Name of what a component becomes: `<graph>-frontend`; workers have a hash of their spec behind.
pub fn child_name(graph: &Value, component: &Value) -> String {
    let name = format!("{}-{}", text(&graph["metadata"], "name"), text(component, "name").to_lowercase());
    if ["frontend", "planner", "epp"].contains(&text(component, "type")) {
        return name;
    }
    format!("{name}-{}", hash(component))
}

/// FNV-1a over the component as JSON.
fn hash(component: &Value) -> String {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    format!("{:08x}", component.to_string().bytes().fold(0x811c_9dc5, step))
}

fn dynamo_namespace(graph: &Value) -> String {
    format!("{}-{}", text(&graph["metadata"], "namespace"), text(&graph["metadata"], "name"))
}

/// Those of the graph's `spec`, and Dynamo's own.
fn labels(graph: &Value, component: &Value) -> Value {
    let mut labels = graph["spec"]["labels"].as_object().cloned().map_or_else(|| json!({}), Value::Object);
    labels["nvidia.com/dynamo-graph-deployment-name"] = graph["metadata"]["name"].clone();
    labels["nvidia.com/dynamo-component"] = component["name"].clone();
    labels["nvidia.com/dynamo-namespace"] = json!(dynamo_namespace(graph));
    if !is_frontend(component) {
        labels["nvidia.com/dynamo-worker-hash"] = json!(hash(component));
    }
    labels
}

/// By which a Service finds its pods.
fn selector(graph: &Value, component: &Value) -> Value {
    json!({
        "nvidia.com/dynamo-component": component["name"], "nvidia.com/dynamo-component-type": component["type"],
        "nvidia.com/dynamo-namespace": dynamo_namespace(graph),
    })
}

fn metadata(graph: &Value, component: &Value) -> Value {
    json!({
        "name": child_name(graph, component), "namespace": graph["metadata"]["namespace"],
        "labels": labels(graph, component), "ownerReferences": owned_by(graph),
    })
}

/// Labels and annotations of the graph's own metadata do not reach pods; those of `spec` and of the template do.
fn pod_metadata(graph: &Value, component: &Value) -> Value {
    let mut metadata = json!({"labels": {}, "annotations": {}});
    for field in ["labels", "annotations"] {
        for source in [&graph["spec"][field], &component["podTemplate"]["metadata"][field]] {
            for (key, value) in source.as_object().into_iter().flatten() {
                metadata[field][key] = value.clone();
            }
        }
    }
    for (key, value) in labels(graph, component).as_object().into_iter().flatten() {
        metadata["labels"][key] = value.clone();
    }
    metadata["labels"]["nvidia.com/dynamo-component-type"] = component["type"].clone();
    metadata["labels"]["nvidia.com/selector"] = json!(child_name(graph, component));
    metadata
}

fn deployment(graph: &Value, component: &Value, environment: &Environment) -> Value {
    let mut pod = component["podTemplate"]["spec"].clone();
    if pod["terminationGracePeriodSeconds"].is_null() {
        pod["terminationGracePeriodSeconds"] = json!(60);
    }
    let shared_memory = &component["sharedMemorySize"];
    if !shared_memory.is_null() {
        let volume = json!({"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": shared_memory}});
        pod["volumes"] = Value::Array([list(&pod["volumes"]), vec![volume]].concat());
    }
    let injected = injected(graph, component, environment);
    for main in pod["containers"].as_array_mut().into_iter().flatten().filter(|c| c["name"] == "main") {
        let env = [injected.clone(), list(&graph["spec"]["env"]), list(&main["env"])].concat();
        if !env.is_empty() {
            main["env"] = Value::Array(env);
        }
        if !shared_memory.is_null() {
            let mount = json!({"name": "shared-memory", "mountPath": "/dev/shm"});
            main["volumeMounts"] = Value::Array([list(&main["volumeMounts"]), vec![mount]].concat());
        }
        ports_and_probes(main, component);
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(graph, component),
        "spec": {
            "replicas": component["replicas"].as_u64().unwrap_or(1),
            "selector": {"matchLabels": {"nvidia.com/selector": child_name(graph, component)}},
            "template": {"metadata": pod_metadata(graph, component), "spec": pod},
        },
    })
}

fn port(component: &Value) -> (u16, &'static str) {
    if is_frontend(component) { (8000, "http") } else { (9090, "system") }
}

/// Where a container has none of its own. The first look comes sooner than Dynamo's operator has it.
fn ports_and_probes(main: &mut Value, component: &Value) {
    let (port, name) = port(component);
    if main["ports"].is_null() {
        main["ports"] = json!([{"name": name, "containerPort": port, "protocol": "TCP"}]);
    }
    let probe = |path: &str, failures: u32| {
        json!({"httpGet": {"path": path, "port": port}, "initialDelaySeconds": 2, "periodSeconds": 2,
               "timeoutSeconds": 5, "failureThreshold": failures})
    };
    if main["readinessProbe"].is_null() {
        main["readinessProbe"] = probe("/health", 3);
    }
    if main["livenessProbe"].is_null() {
        main["livenessProbe"] = probe("/live", 15);
    }
    if main["startupProbe"].is_null() && !is_frontend(component) {
        main["startupProbe"] = probe("/live", 3600);
    }
}

/// The settings that the command lines of manifests say nothing of.
fn injected(graph: &Value, component: &Value, environment: &Environment) -> Vec<Value> {
    let Some(etcd) = &environment.etcd else { return vec![] };
    let mut settings = vec![
        ("DYN_NAMESPACE", dynamo_namespace(graph)),
        ("DYN_DISCOVERY_BACKEND", "etcd".into()),
        ("ETCD_ENDPOINTS", etcd.clone()),
        ("DYN_REQUEST_PLANE", "tcp".into()),
        ("DYN_EVENT_PLANE", "zmq".into()),
        ("DYN_TCP_RPC_HOST", "$(POD_IP)".into()),
        ("DYN_TCP_RESPONSE_STREAM_HOST", "$(POD_IP)".into()),
        ("DYN_EVENT_PLANE_HOST", "$(POD_IP)".into()),
    ];
    if is_frontend(component) {
        settings.push(("DYN_HTTP_HOST", "$(POD_IP)".into()));
    } else {
        settings.extend([("DYN_SYSTEM_PORT", "9090".into()), ("DYN_SYSTEM_HOST", "$(POD_IP)".into())]);
    }
    let address = json!({"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}});
    let plain = settings.into_iter().map(|(name, value)| json!({"name": name, "value": value}));
    [address].into_iter().chain(plain).collect()
}

fn service(graph: &Value, component: &Value) -> Value {
    let (port, name) = port(component);
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata(graph, component),
        "spec": {
            "selector": selector(graph, component),
            "ports": [{"name": name, "port": port, "targetPort": port, "protocol": "TCP"}],
        },
    })
}
