//! Lists in pages: `limit` and `continue`.

use std::sync::Arc;

use serde_json::Value;

use super::failure::ApiFailure;
use super::object::meta;
use super::request::ApiRequest;

/// What part of a list is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The version that the first page showed; later ones show the same.
    pub version: Option<u64>,
    after: Option<(String, String)>,
    limit: usize,
}

impl ListPage {
    /// Reads `limit` and `continue`.
    pub fn of(request: &ApiRequest) -> Result<Self, ApiFailure> {
        let limit = request.query.get("limit").map_or(Ok(0), |limit| limit.parse());
        let limit = limit.map_err(|_| ApiFailure::bad_request("limit must be a number"))?;
        let Some(token) = request.query.get("continue").filter(|token| !token.is_empty()) else {
            return Ok(Self { limit, ..Self::default() });
        };
        let parts: Vec<&str> = token.split('/').collect();
        match parts[..] {
            [version, namespace, name] if version.parse::<u64>().is_ok() => {
                Ok(Self { version: version.parse().ok(), after: Some((namespace.into(), name.into())), limit })
            }
            _ => Err(ApiFailure::bad_request("continue key is not valid: illegal base64 data")),
        }
    }

    /// Where the next page begins.
    pub fn token(version: u64, last: &Value) -> String {
        format!("{version}/{}/{}", meta(last, "namespace"), meta(last, "name"))
    }

    /// The objects of this page, and how many come after it.
    pub fn cut(&self, objects: Vec<Arc<Value>>) -> (Vec<Arc<Value>>, usize) {
        let is_after = |object: &Arc<Value>| {
            let place = (meta(object, "namespace").to_owned(), meta(object, "name").to_owned());
            self.after.as_ref().is_none_or(|after| place > *after)
        };
        let mut objects: Vec<Arc<Value>> = objects.into_iter().filter(is_after).collect();
        let rest = if self.limit == 0 { 0 } else { objects.len().saturating_sub(self.limit) };
        objects.truncate(objects.len() - rest);
        (objects, rest)
    }
}
