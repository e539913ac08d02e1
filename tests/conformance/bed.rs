//! One place to run a case in: a namespace of the in-memory server, or of a real one.

use std::io::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use bcmp::simulation::actors::Cast;
use bcmp::simulation::api_server::Cluster;

/// Names the kubeconfig of a real cluster.
pub const KUBECONFIG: &str = "BCMP_TEST_KUBECONFIG";

/// An answer of a server.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status code.
    pub code: u16,
    /// Body as JSON.
    pub body: Value,
}

impl Reply {
    /// The body of a request that must have gone well.
    pub fn ok(self) -> Value {
        assert!(self.code < 300, "{} {:.2000}", self.code, self.body.to_string());
        self.body
    }

    /// Asserts code, reason and parts of the message of a refusal.
    pub fn refused(&self, code: u16, reason: &str, fragments: &[&str]) {
        let message = self.body["message"].as_str().unwrap_or_default();
        assert_eq!((self.code, self.body["reason"].as_str()), (code, Some(reason)), "{message}");
        assert_eq!((self.body["kind"].as_str(), self.body["code"].as_u64()), (Some("Status"), Some(code.into())));
        for fragment in fragments {
            assert!(message.contains(fragment), "{fragment:?} is not in {message:?}");
        }
    }
}

/// A namespace on a server, and a client for it.
pub struct Bed {
    /// Client of the server.
    pub client: Client,
    /// The case's own namespace.
    pub namespace: String,
    /// The in-memory server, where it is one.
    pub cluster: Option<Cluster>,
    _cast: Option<Cast>,
}

impl Bed {
    /// On the in-memory server, with all actors and no node.
    pub fn in_memory() -> Self {
        let cluster = Cluster::new();
        let cast = Cast::new(&cluster);
        let namespace = "case".to_owned();
        cluster.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
        Self { client: cluster.admin(), namespace, cluster: Some(cluster), _cast: Some(cast) }
    }

    /// On the real server that the environment names; says so on standard error where it names none.
    pub async fn real(case: &str) -> Option<Self> {
        static SAID: Once = Once::new();
        static INSTALLED: OnceCell<()> = OnceCell::const_new();
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let Ok(path) = std::env::var(KUBECONFIG) else {
            // Not eprintln: the test runner would swallow it.
            SAID.call_once(|| {
                let message = format!("NOT RUN against a real API server: {KUBECONFIG} is not set\n");
                let _ = std::io::stderr().write_all(message.as_bytes());
            });
            return None;
        };
        let kubeconfig = Kubeconfig::read_from(&path).unwrap_or_else(|error| panic!("{KUBECONFIG}={path}: {error}"));
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let client = Client::try_from(config.expect("a usable kubeconfig")).expect("a client");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name: String = case.replace('_', "-").chars().take(30).collect();
        let namespace = format!("bcmp-{}-{number}-{}", std::process::id(), name.trim_end_matches('-'));
        let bed = Self { client, namespace, cluster: None, _cast: None };
        INSTALLED.get_or_init(|| bed.install()).await;
        let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": bed.namespace}});
        bed.post("/api/v1/namespaces", space).await.ok();
        Some(bed)
    }

    /// A namespace that is there, for somebody else.
    pub fn with_client(client: Client, namespace: &str) -> Self {
        Self { client, namespace: namespace.to_owned(), cluster: None, _cast: None }
    }

    async fn install(&self) {
        let crd = serde_json::to_value(bcmp::api::crd::crd()).expect("a CRD is JSON");
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/benchmarkcomparisons.bcmp.dev";
        self.apply(path, "conformance", true, crd).await.ok();
        self.eventually("CRD is served", || async {
            self.get("/apis/bcmp.dev/v1alpha1/benchmarkcomparisons").await.code == 200
        })
        .await;
    }

    /// The server's version: the number behind `1.`.
    pub async fn minor_version(&self) -> u32 {
        let version = self.get("/version").await.ok();
        version["minor"].as_str().and_then(|minor| minor.trim_end_matches('+').parse().ok()).expect("a number")
    }

    /// Whether the server allocates devices by claims: Kubernetes 1.33 does not, unless it is told to.
    pub async fn allocates_devices(&self) -> bool {
        self.get("/apis/resource.k8s.io/v1").await.code == 200
    }

    /// Path of a collection in the case's namespace: `configmaps`, `jobs.batch`, `benchmarkcomparisons.bcmp.dev`.
    pub fn path(&self, resource: &str) -> String {
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        let root = match group {
            "" => "/api/v1".to_owned(),
            "bcmp.dev" => "/apis/bcmp.dev/v1alpha1".to_owned(),
            "nvidia.com" | "resource.nvidia.com" => format!("/apis/{group}/v1beta1"),
            group => format!("/apis/{group}/v1"),
        };
        format!("{root}/namespaces/{}/{plural}", self.namespace)
    }

    /// Path of an object in the case's namespace.
    pub fn object(&self, resource: &str, name: &str) -> String {
        format!("{}/{name}", self.path(resource))
    }

    /// Sends a request and reads the answer, refusals included.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Reply {
        let mut request = http::Request::builder().method(method).uri(path).header("user-agent", "conformance/1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let response = self.client.send(request.body(bytes.into()).expect("a request")).await.expect("an answer");
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        let text = String::from_utf8_lossy(&bytes);
        Reply { code, body: serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned())) }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], None).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, &[("content-type", "application/json")], Some(body)).await
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send("PUT", path, &[("content-type", "application/json")], Some(body)).await
    }

    /// PATCH with a merge patch.
    pub async fn merge(&self, path: &str, body: Value) -> Reply {
        self.send("PATCH", path, &[("content-type", "application/merge-patch+json")], Some(body)).await
    }

    /// PATCH with a JSON patch.
    pub async fn json_patch(&self, path: &str, body: Value) -> Reply {
        self.send("PATCH", path, &[("content-type", "application/json-patch+json")], Some(body)).await
    }

    /// PATCH as server-side apply.
    pub async fn apply(&self, path: &str, manager: &str, force: bool, body: Value) -> Reply {
        let path = format!("{path}?fieldManager={manager}&force={force}");
        self.send("PATCH", &path, &[("content-type", "application/apply-patch+yaml")], Some(body)).await
    }

    /// DELETE with options.
    pub async fn delete(&self, path: &str, options: Value) -> Reply {
        self.send("DELETE", path, &[("content-type", "application/json")], Some(options)).await
    }

    /// The lines of a watch, until the server ends it.
    pub async fn watch(&self, path: &str, headers: &[(&str, &str)]) -> Vec<Value> {
        let reply = self.send("GET", path, headers, None).await;
        assert_eq!(reply.code, 200, "{}", reply.body);
        match reply.body {
            Value::String(text) => text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect(),
            one => vec![one],
        }
    }

    /// Looks again and again, for two minutes: the garbage collector asks every half minute which kinds there are, and a
    /// cluster of a test has been told of ours a moment ago.
    pub async fn eventually<F: Future<Output = bool>>(&self, what: &str, mut holds: impl FnMut() -> F) {
        for _ in 0..600 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("not within 120 s: {what}");
    }

    /// Waits until an object is gone.
    pub async fn gone(&self, path: &str) {
        self.eventually(&format!("{path} is gone"), || async { self.get(path).await.code == 404 }).await;
    }

    /// Removes the namespace of a real server, without waiting.
    pub async fn clean_up(self) {
        if self.cluster.is_none() {
            self.delete(&format!("/api/v1/namespaces/{}", self.namespace), json!({})).await;
        }
    }
}

/// Makes each case two tests: `in_memory::case` and `real::case`.
macro_rules! on_both_servers {
    ($($(#[$doc:meta])* $case:ident,)*) => {
        mod in_memory {
            $($(#[$doc])* #[tokio::test(start_paused = true)] async fn $case() {
                super::$case(&$crate::bed::Bed::in_memory()).await;
            })*
        }
        mod real {
            $($(#[$doc])* #[tokio::test] async fn $case() {
                let Some(bed) = $crate::bed::Bed::real(stringify!($case)).await else { return };
                super::$case(&bed).await;
                bed.clean_up().await;
            })*
        }
    };
}

pub(crate) use on_both_servers;
