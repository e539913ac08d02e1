//! One ConfigMap behind HTTP on loopback: GET and JSON Patch as the API server answers them, and faults on demand.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// What happens to the next write instead of success.
pub enum Fault {
    /// Success after all.
    None,
    /// The server answers with this status.
    Status(u16),
    /// Somebody else writes this key a moment earlier.
    Overtaken(&'static str, &'static str),
    /// The write happens, but the answer says 504.
    LostAnswer,
}

struct Inner {
    config_map: Option<Value>,
    faults: VecDeque<Fault>,
    writes: usize,
}

#[derive(Clone)]
pub struct ApiServer {
    inner: Arc<Mutex<Inner>>,
    url: String,
}

impl ApiServer {
    /// Serves a ConfigMap `results` in namespace `ns` with this data.
    pub async fn start(data: Value) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config_map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "results", "namespace": "ns"}, "data": data,
        });
        let inner = Inner { config_map: Some(config_map), faults: VecDeque::new(), writes: 0 };
        let server = Self { inner: Arc::new(Mutex::new(inner)), url };
        let app = Router::new()
            .route("/api/v1/namespaces/ns/configmaps/results", axum::routing::any(handle))
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        server
    }

    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.inner.lock().unwrap().faults.extend(faults);
    }

    pub fn edit(&self, edit: impl FnOnce(&mut Option<Value>)) {
        edit(&mut self.inner.lock().unwrap().config_map);
    }

    pub fn data(&self) -> Value {
        self.inner.lock().unwrap().config_map.as_ref().unwrap()["data"].clone()
    }

    /// Writes that changed something.
    pub fn writes(&self) -> usize {
        self.inner.lock().unwrap().writes
    }

    pub fn client(&self) -> kube::Client {
        let mut config = kube::Config::new(self.url.parse().unwrap());
        config.default_retry = false;
        kube::Client::try_from(config).unwrap()
    }

    /// A kubeconfig for other processes.
    pub fn kubeconfig(&self, directory: &Path) -> PathBuf {
        let path = directory.join("kubeconfig");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {}}],
        });
        std::fs::write(&path, config.to_string()).unwrap();
        path
    }
}

async fn handle(State(server): State<ApiServer>, method: Method, body: String) -> Response {
    let mut inner = server.inner.lock().unwrap();
    let inner = &mut *inner;
    let Some(config_map) = &mut inner.config_map else { return status(404) };
    if method == Method::GET {
        return answer(200, config_map);
    }
    assert_eq!(method, Method::PATCH);
    let lost = match inner.faults.pop_front() {
        Some(Fault::Status(code)) => return status(code),
        Some(Fault::Overtaken(key, value)) => {
            config_map["data"][key] = json!(value);
            false
        }
        Some(Fault::LostAnswer) => true,
        Some(Fault::None) | None => false,
    };
    if config_map["immutable"] == json!(true) || !apply(config_map, &body) {
        return status(422);
    }
    inner.writes += 1;
    if lost { status(504) } else { answer(200, config_map) }
}

/// Applies a patch if its tests hold. Unlike RFC 6902, and like the API server, a test for null holds where nothing is.
fn apply(document: &mut Value, patch: &str) -> bool {
    let mut operations: Vec<Value> = serde_json::from_str(patch).unwrap();
    operations.retain(|operation| {
        let path = operation["path"].as_str().unwrap();
        !(operation["op"] == "test" && operation["value"].is_null() && document.pointer(path).is_none())
    });
    let patch: json_patch::Patch = serde_json::from_value(json!(operations)).unwrap();
    json_patch::patch(document, &patch).is_ok()
}

fn status(code: u16) -> Response {
    let body = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code,
        "message": format!("made to answer {code}"), "reason": "Test",
    });
    answer(code, &body)
}

fn answer(code: u16, body: &Value) -> Response {
    let headers = [(CONTENT_TYPE, "application/json")];
    (StatusCode::from_u16(code).unwrap(), headers, body.to_string()).into_response()
}
