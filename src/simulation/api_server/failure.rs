//! Error answers of the API: `Status` bodies with the messages of the real server.

use serde_json::{Value, json};

use super::kinds::Kind;
use super::object::remove_field;

/// An error answer: HTTP code and `Status` body.
#[derive(Clone, Debug)]
pub struct ApiFailure {
    /// HTTP status code.
    pub code: u16,
    /// CamelCase reason of the `Status`.
    pub reason: String,
    /// Message of the `Status`.
    pub message: String,
    /// `details` of the `Status`.
    pub details: Value,
}

impl ApiFailure {
    /// An error with any code and reason.
    pub fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), message: message.into(), details: Value::Null }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.details = json!({"name": name, "group": kind.group, "kind": kind.plural});
        for field in ["name", "group"] {
            if self.details[field] == "" {
                remove_field(&mut self.details, field);
            }
        }
        self
    }

    /// The body that goes over the wire.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if !self.details.is_null() {
            body["details"] = self.details.clone();
        }
        body
    }

    /// 404 for an object that is not there.
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} {name:?} not found", kind.qualified())).about(kind, name)
    }

    /// 404 for a path that no API serves.
    pub fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// 409 for a name that is taken.
    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} {name:?} already exists", kind.qualified())).about(kind, name)
    }

    /// 409 for a write that rests on an outdated read.
    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.qualified());
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// 409 for an outdated resourceVersion.
    pub fn modified(kind: &Kind, name: &str) -> Self {
        Self::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409 for a creation that is counted against a quota which somebody else's creation changed in between.
    pub fn quota_modified(quota: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        let message = format!("Operation cannot be fulfilled on resourcequotas {quota:?}: {why}");
        let details = json!({"name": quota, "kind": "resourcequotas"});
        Self { details, ..Self::new(409, "Conflict", message) }
    }

    /// 403 with a message.
    pub fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        let subject = if name.is_empty() { kind.qualified() } else { format!("{} {name:?}", kind.qualified()) };
        Self::new(403, "Forbidden", format!("{subject} is forbidden: {why}")).about(kind, name)
    }

    /// 422 with one cause for each field.
    pub fn invalid(kind: &Kind, name: &str, causes: &[String]) -> Self {
        let list = if let [only] = causes { only.clone() } else { format!("[{}]", causes.join(", ")) };
        let qualified = if kind.group.is_empty() { kind.kind.clone() } else { format!("{}.{}", kind.kind, kind.group) };
        let mut failure = Self::new(422, "Invalid", format!("{qualified} {name:?} is invalid: {list}"));
        failure.details = json!({
            "name": name, "group": kind.group, "kind": kind.kind,
            "causes": causes.iter().map(|cause| {
                let (field, message) = cause.split_once(": ").unwrap_or(("", cause));
                json!({"reason": "FieldValueInvalid", "field": field, "message": message})
            }).collect::<Vec<_>>(),
        });
        failure
    }

    /// 400 for a request that cannot be read.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 410 for a watch or list from a version that is no longer kept.
    pub fn gone(version: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {version} ({oldest})"))
    }

    /// 410 for the next page of a list whose version is no longer kept.
    pub fn expired_token() -> Self {
        let message = "The provided continue parameter is too old to display a consistent list result. You can start a new list \
                     without the continue parameter, or use the continue token in this response to retrieve the remainder of \
                     the results. Continuing with the provided token results in an inconsistent list - objects that were \
                     created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";
        Self::new(410, "Expired", message)
    }

    /// 429, as a server under pressure answers.
    pub fn too_many_requests() -> Self {
        Self::new(
            429,
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        )
    }

    /// 500, as a broken webhook or store makes it.
    pub fn internal(message: &str) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {message}"))
    }

    /// 503, as a server that restarts.
    pub fn unavailable() -> Self {
        Self::new(503, "ServiceUnavailable", "the server is currently unable to handle the request")
    }

    /// 403, as a quota refuses a pod or another object.
    pub fn quota_exceeded(kind: &str, name: &str, quota: &str, resource: &str) -> Self {
        Self::new(
            403,
            "Forbidden",
            format!(
                "{kind} {name:?} is forbidden: exceeded quota: {quota}, requested: {resource}=8, used: {resource}=0, limited: {resource}=4"
            ),
        )
    }

    /// 403, as the Pod Security admission refuses a pod.
    pub fn pod_security(name: &str) -> Self {
        Self::new(
            403,
            "Forbidden",
            format!(
                "pods {name:?} is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false (container \"main\" must set securityContext.allowPrivilegeEscalation=false)"
            ),
        )
    }
}
