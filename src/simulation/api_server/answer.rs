//! Answers as HTTP has them, and objects as a client sees them.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use serde_json::{Value, json};
use tower::BoxError;

use super::kinds::Kind;
use crate::simulation::dynamo;

pub type AnswerBody = http::Response<UnsyncBoxBody<Bytes, BoxError>>;

/// An object as a client of a version sees it.
pub fn show(kind: &Kind, object: &Value, version: &str, metadata_only: bool) -> Value {
    if metadata_only {
        return json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"],
        });
    }
    let mut shown = dynamo::convert(object.clone(), &kind.api_version(version));
    shown["apiVersion"] = json!(kind.api_version(version));
    shown
}

pub fn json_response(code: http::StatusCode, body: UnsyncBoxBody<Bytes, BoxError>) -> AnswerBody {
    let mut response = http::Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
