//! The kinds the server knows: built-in ones and those of installed CustomResourceDefinitions.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::schema::Schema;

/// One kind of object and how it is served.
#[derive(Clone, Debug)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: String,
    /// Served versions, preferred first.
    pub versions: Vec<String>,
    /// Kind, such as `ConfigMap`.
    pub kind: String,
    /// Plural, as in paths.
    pub plural: String,
    /// Lives in a namespace.
    pub namespaced: bool,
    /// Has the subresource `status`.
    pub status: bool,
    /// `metadata.generation` counts changes of the spec.
    pub generations: bool,
    /// OpenAPI schema (custom resources only), the same for all versions.
    pub schema: Option<Arc<Schema>>,
    /// Defined by a CustomResourceDefinition.
    pub custom: bool,
    /// Other names on command lines.
    pub short_names: Vec<String>,
    /// Groups of kinds that are listed together.
    pub categories: Vec<String>,
    /// What tables show beside the name.
    pub columns: Vec<PrinterColumn>,
}

/// A column of the table that a list is shown as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrinterColumn {
    /// Its title.
    pub name: String,
    /// `string`, `integer`, `date`.
    pub kind: String,
    /// 0 is always shown, more with `-o wide`.
    pub priority: i64,
    /// Where its value is: names of fields, with a dot before each.
    pub path: String,
}

impl PrinterColumn {
    /// Every table ends with it, where no definition names other columns.
    fn age() -> Self {
        Self { name: "Age".into(), kind: "date".into(), priority: 0, path: ".metadata.creationTimestamp".into() }
    }

    /// As a CustomResourceDefinition has it.
    fn of(column: &Value) -> Self {
        let text = |field: &str| column[field].as_str().unwrap_or_default().to_owned();
        Self {
            name: text("name"),
            kind: text("type"),
            priority: column["priority"].as_i64().unwrap_or(0),
            path: text("jsonPath"),
        }
    }
}

impl Kind {
    /// The schema as JSON.
    pub fn openapi(&self) -> Option<&Value> {
        self.schema.as_deref().map(|schema| &**schema)
    }

    /// `configmaps`, `jobs.batch`: as error messages name it.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `v1`, `batch/v1`, in the given version.
    pub fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.into() } else { format!("{}/{version}", self.group) }
    }

    /// Entries of a discovery document for one version.
    pub fn discovery(&self) -> Vec<Value> {
        let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
        let mut entries = vec![json!({
            "name": self.plural, "singularName": self.kind.to_lowercase(), "namespaced": self.namespaced,
            "kind": self.kind, "verbs": verbs,
        })];
        for (field, names) in [("shortNames", &self.short_names), ("categories", &self.categories)] {
            if !names.is_empty() {
                entries[0][field] = json!(names);
            }
        }
        if self.status {
            entries.push(json!({
                "name": format!("{}/status", self.plural), "singularName": "", "namespaced": self.namespaced,
                "kind": self.kind, "verbs": ["get", "patch", "update"],
            }));
        }
        entries
    }
}

/// The built-in kinds the project touches, and a few neighbours.
pub fn built_in() -> Vec<Kind> {
    let rows = [
        // group, version, kind, plural, namespaced, status, generations
        ("", "v1", "Namespace", "namespaces", false, true, false),
        ("", "v1", "Node", "nodes", false, true, false),
        ("", "v1", "Pod", "pods", true, true, true),
        ("", "v1", "ConfigMap", "configmaps", true, false, false),
        ("", "v1", "Secret", "secrets", true, false, false),
        ("", "v1", "Service", "services", true, true, false),
        ("", "v1", "ServiceAccount", "serviceaccounts", true, false, false),
        ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true, true, false),
        ("", "v1", "ResourceQuota", "resourcequotas", true, true, false),
        ("", "v1", "Event", "events", true, false, false),
        ("apps", "v1", "Deployment", "deployments", true, true, true),
        ("apps", "v1", "ReplicaSet", "replicasets", true, true, true),
        ("apps", "v1", "StatefulSet", "statefulsets", true, true, true),
        ("leaderworkerset.x-k8s.io", "v1", "LeaderWorkerSet", "leaderworkersets", true, true, true),
        ("resource.k8s.io", "v1", "ResourceClaimTemplate", "resourceclaimtemplates", true, false, false),
        ("resource.k8s.io", "v1", "ResourceClaim", "resourceclaims", true, true, false),
        ("resource.k8s.io", "v1", "ResourceSlice", "resourceslices", false, false, true),
        ("resource.nvidia.com", "v1beta1", "ComputeDomain", "computedomains", true, true, true),
        ("batch", "v1", "Job", "jobs", true, true, true),
        ("rbac.authorization.k8s.io", "v1", "Role", "roles", true, false, false),
        ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true, false, false),
        ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false, false, false),
        ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false, false, false),
        ("events.k8s.io", "v1", "Event", "events", true, false, false),
        ("coordination.k8s.io", "v1", "Lease", "leases", true, false, false),
        ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true, false, true),
        ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false, true, true),
    ];
    rows.map(|(group, version, kind, plural, namespaced, status, generations)| Kind {
        group: group.into(),
        versions: vec![version.into()],
        kind: kind.into(),
        plural: plural.into(),
        namespaced,
        status,
        generations,
        schema: None,
        custom: false,
        short_names: short(plural).map(str::to_owned).into_iter().collect(),
        categories: vec![],
        columns: vec![PrinterColumn::age()],
    })
    .into()
}

/// The short name of a built-in kind.
fn short(plural: &str) -> Option<&'static str> {
    Some(match plural {
        "customresourcedefinitions" => "crd",
        "namespaces" => "ns",
        "nodes" => "no",
        "pods" => "po",
        "configmaps" => "cm",
        "services" => "svc",
        "serviceaccounts" => "sa",
        "persistentvolumeclaims" => "pvc",
        "events" => "ev",
        "deployments" => "deploy",
        "replicasets" => "rs",
        "statefulsets" => "sts",
        _ => return None,
    })
}

/// The kind a CustomResourceDefinition defines. Its served versions share the schema of the storage version.
pub fn custom(crd: &Value) -> Kind {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let names = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
    let versions = crd["spec"]["versions"].as_array().cloned().unwrap_or_default();
    let storage = versions.iter().find(|v| v["storage"] == true).unwrap_or(&Value::Null);
    let mut served: Vec<&Value> = versions.iter().filter(|v| v["served"] == true).collect();
    served.sort_by_key(|v| v["storage"] != true);
    Kind {
        group: text(&crd["spec"]["group"]),
        versions: served.iter().map(|v| text(&v["name"])).collect(),
        kind: text(&crd["spec"]["names"]["kind"]),
        plural: text(&crd["spec"]["names"]["plural"]),
        namespaced: crd["spec"]["scope"] == "Namespaced",
        status: storage["subresources"]["status"].is_object(),
        generations: true,
        schema: Some(storage["schema"]["openAPIV3Schema"].clone())
            .filter(|s| !s.is_null())
            .map(|s| Arc::new(Schema::new(s))),
        custom: true,
        short_names: names(&crd["spec"]["names"]["shortNames"]),
        categories: names(&crd["spec"]["names"]["categories"]),
        columns: match storage["additionalPrinterColumns"].as_array() {
            Some(columns) => columns.iter().map(PrinterColumn::of).collect(),
            None => vec![PrinterColumn::age()],
        },
    }
}
