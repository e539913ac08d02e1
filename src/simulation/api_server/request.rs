//! What a client asked for, read from path, query, headers and body.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::failure::ApiFailure;
use super::protobuf;

/// Verbs as RBAC names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Read one object.
    Get,
    /// Read many.
    List,
    /// Follow changes.
    Watch,
    /// Make an object.
    Create,
    /// Replace an object.
    Update,
    /// Change parts of an object.
    Patch,
    /// Remove an object.
    Delete,
    /// Remove many.
    DeleteCollection,
}

impl Verb {
    /// The verb in RBAC rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }

    /// Whether it changes something.
    pub const fn writes(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

/// One request, as it is logged and as faults see it.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// Number among all requests of logged clients, from 0.
    pub index: usize,
    /// Number among writing requests of logged clients, from 0; `None` for reads.
    pub write: Option<usize>,
    /// Virtual time of arrival.
    pub at: Timestamp,
    /// Version of the last change before it.
    pub version_then: u64,
    /// Name of the client.
    pub client: String,
    /// What is asked for; absent for discovery and other paths.
    pub verb: Option<Verb>,
    /// Path without the query.
    pub path: String,
    /// API group; empty for core.
    pub group: String,
    /// API version.
    pub version: String,
    /// Plural of the kind.
    pub plural: String,
    /// Namespace, if the path names one.
    pub namespace: Option<String>,
    /// Name, if the path names one (for creates: the one in the body).
    pub name: Option<String>,
    /// Subresource, or empty.
    pub subresource: String,
    /// Query parameters.
    pub query: BTreeMap<String, String>,
    pub content_type: String,
    /// A table for people is wanted.
    pub as_table: bool,
    /// Only metadata is wanted.
    pub metadata_only: bool,
    /// `User-Agent`, the name of the field manager where none is given.
    pub user_agent: String,
    /// Body, or null.
    pub body: Value,
}

impl ApiRequest {
    /// Reads a request. Index, write number, time, version and client are filled in by the caller.
    pub fn parse(parts: &http::request::Parts, bytes: &[u8]) -> Result<Self, ApiFailure> {
        let path = parts.uri.path().to_owned();
        let query: BTreeMap<String, String> =
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let body = if bytes.is_empty() {
            Value::Null
        } else if header("content-type") == "application/vnd.kubernetes.protobuf" {
            protobuf::object(bytes).ok_or_else(|| {
                let message = "of protobuf, the simulated server reads Namespaces, ServiceAccounts, ConfigMaps and Secrets: apply the object as YAML";
                ApiFailure::new(415, "UnsupportedMediaType", message)
            })?
        } else {
            serde_json::from_slice(bytes).map_err(|error| ApiFailure::bad_request(format!("body: {error}")))?
        };
        let mut request = Self {
            index: 0,
            write: None,
            at: Timestamp::UNIX_EPOCH,
            version_then: 0,
            client: String::new(),
            verb: None,
            group: String::new(),
            version: String::new(),
            plural: String::new(),
            namespace: None,
            name: None,
            subresource: String::new(),
            query,
            content_type: header("content-type"),
            as_table: header("accept").contains("as=Table"),
            metadata_only: header("accept").contains("as=PartialObjectMetadata"),
            user_agent: header("user-agent"),
            body,
            path,
        };
        request.read_path();
        request.verb = request.read_verb(&parts.method);
        if request.verb == Some(Verb::Create) && request.name.is_none() {
            request.name = request.body["metadata"]["name"].as_str().map(str::to_owned);
        }
        Ok(request)
    }

    fn read_path(&mut self) {
        let segments: Vec<String> = self.path.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
        let rest = match segments.first().map(String::as_str) {
            Some("api") if segments.len() > 2 => {
                self.version = segments[1].clone();
                &segments[2..]
            }
            Some("apis") if segments.len() > 3 => {
                self.group = segments[1].clone();
                self.version = segments[2].clone();
                &segments[3..]
            }
            _ => return,
        };
        let rest = if rest[0] == "namespaces" && rest.len() > 2 && rest[2] != "status" && rest[2] != "finalize" {
            self.namespace = Some(rest[1].clone());
            &rest[2..]
        } else {
            rest
        };
        self.plural = rest[0].clone();
        self.name = rest.get(1).cloned();
        self.subresource = rest.get(2).cloned().unwrap_or_default();
    }

    fn read_verb(&self, method: &http::Method) -> Option<Verb> {
        if self.plural.is_empty() {
            return None;
        }
        Some(match (method.as_str(), self.name.is_some()) {
            ("GET", true) => Verb::Get,
            ("GET", false) if self.query.get("watch").is_some_and(|w| w == "true" || w == "1") => Verb::Watch,
            ("GET", false) => Verb::List,
            ("POST", _) => Verb::Create,
            ("PUT", _) => Verb::Update,
            ("PATCH", _) => Verb::Patch,
            ("DELETE", true) => Verb::Delete,
            ("DELETE", false) => Verb::DeleteCollection,
            _ => return None,
        })
    }

    /// `plural.group`, or `plural/subresource` of it, as RBAC names resources.
    pub fn resource(&self) -> String {
        let plural = if self.subresource.is_empty() {
            self.plural.clone()
        } else {
            format!("{}/{}", self.plural, self.subresource)
        };
        if self.group.is_empty() { plural } else { format!("{plural}.{}", self.group) }
    }

    /// Name of the field manager that a write is booked under.
    pub fn manager(&self) -> String {
        let from_agent = || self.user_agent.split('/').next().unwrap_or_default().to_owned();
        let name = self.query.get("fieldManager").cloned().unwrap_or_else(from_agent);
        if name.is_empty() { "unknown".into() } else { name }
    }

    /// Whether it is a server-side apply.
    pub fn is_apply(&self) -> bool {
        self.verb == Some(Verb::Patch) && self.content_type.starts_with("application/apply-patch")
    }

    /// A query parameter that is `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.query.get(name).is_some_and(|value| value == "true")
    }

    /// One line for logs and failing assertions: `patch benchmarkcomparisons/status.bcmp.dev default/qwen`.
    pub fn line(&self) -> String {
        let verb = self.verb.map_or("-", Verb::as_str);
        let verb = if self.is_apply() { "apply" } else { verb };
        let place =
            [self.namespace.as_deref(), self.name.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("/");
        format!("{verb} {} {place}", if self.plural.is_empty() { self.path.clone() } else { self.resource() })
            .trim_end()
            .to_owned()
    }
}
