//! From HTTP request to HTTP answer: log, faults, rights, dispatch.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::BoxError;

use super::answer::{AnswerBody, json_response, show};
use super::failure::ApiFailure;
use super::faults::{Fault, Hold, Logged};
use super::kinds::Kind;
use super::object::{meta, remove_field};
use super::paging::ListPage;
use super::request::{ApiRequest, Verb};
use super::selectors::Selector;
use super::state::{Shared, State};
use super::store::ObjectKey;
use super::verbs::{Change, DeleteOptions, Writer, WrittenPart};
use super::{discovery, openapi, table, watches};
use crate::schema;

/// A client of the server. Numbered clients are logged and subject to faults.
pub fn client(shared: Arc<Shared>, number: Option<usize>) -> Client {
    let service = tower::service_fn(move |request: http::Request<Body>| serve(shared.clone(), number, request));
    Client::new(service, "default")
}

/// Answers one request; an error is a connection that breaks.
pub async fn serve(
    shared: Arc<Shared>,
    number: Option<usize>,
    request: http::Request<Body>,
) -> Result<AnswerBody, BoxError> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect_bytes().await?;
    let mut request = match ApiRequest::parse(&parts, &bytes) {
        Ok(request) => request,
        Err(failure) => return Ok(refusal(&failure)),
    };
    request.at = shared.now();
    let Some(number) = number else { return Ok(answer(&shared, &request, None)) };
    request.client = format!("product-{number}");
    if shared.lock().dead_clients >= number {
        std::future::pending::<()>().await;
    }
    let (index, fault) = arrive(&shared, &mut request);
    let refuse_drop = || BoxError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    match fault {
        Some(Fault::Refuse(failure)) => {
            finish(&shared, index, failure.code);
            return Ok(refusal(&failure));
        }
        Some(Fault::Conflict) => {
            finish(&shared, index, 409);
            return Ok(refusal(&conflict(&shared, &request)));
        }
        Some(Fault::Drop) => return Err(refuse_drop()),
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            if shared.lock().dead_clients >= number {
                std::future::pending::<()>().await;
            }
        }
        Some(Fault::CrashBefore) => crash(&shared).await,
        _ => {}
    }
    let answer = answer(&shared, &request, Some(number));
    match fault {
        Some(Fault::LoseAnswer) => return Err(refuse_drop()),
        Some(Fault::CrashAfter) => crash(&shared).await,
        _ => {}
    }
    finish(&shared, index, answer.status().as_u16());
    Ok(answer)
}

fn arrive(shared: &Shared, request: &mut ApiRequest) -> (usize, Option<Fault>) {
    let mut guard = shared.lock();
    let state = &mut *guard;
    request.version_then = state.store.version;
    request.index = state.log.last().map_or(0, |last| last.request.index + 1);
    if request.verb.is_some_and(Verb::writes) {
        request.write = Some(state.writes);
        state.writes += 1;
    }
    let fault = state.faults.as_mut().and_then(|rule| rule(request));
    state.log.push(Logged { request: request.clone(), code: None });
    (request.index, fault)
}

fn finish(shared: &Shared, index: usize, code: u16) {
    if let Some(entry) = shared.lock().log.iter_mut().rev().find(|entry| entry.request.index == index) {
        entry.code = Some(code);
    }
}

/// The client's process is dead from here on: this never returns.
async fn crash(shared: &Shared) {
    {
        let mut state = shared.lock();
        state.dead_clients = state.clients;
    }
    shared.announce();
    shared.crashed.send_replace(true);
    std::future::pending::<()>().await;
}

fn answer(shared: &Arc<Shared>, request: &ApiRequest, client: Option<usize>) -> AnswerBody {
    if request.verb.is_none() {
        let kinds = shared.lock().store.kinds.clone();
        return discovery::document(&kinds, &request.path)
            .or_else(|| openapi::document(&kinds, &request.path))
            .map_or_else(|| refusal(&ApiFailure::no_such_resource()), |document| respond(200, &document));
    }
    let kind = {
        let state = shared.lock();
        let rights = client.and(state.forbidden.as_ref());
        if rights.is_some_and(|forbidden| forbidden(request)) {
            return refusal(&no_right(request));
        }
        state.store.kind(&request.group, &request.version, &request.plural).cloned()
    };
    let Some(kind) = kind else { return refusal(&ApiFailure::no_such_resource()) };
    if shared.lock().no_conversion && request.version != kind.versions[0] {
        let message = format!(
            "conversion webhook for {}, Kind={} failed: connection refused",
            kind.api_version(&kind.versions[0]),
            kind.kind
        );
        return refusal(&ApiFailure::internal(&message));
    }
    if request.verb == Some(Verb::Watch) {
        return match watches::start(shared.clone(), request, &kind, client) {
            Ok(answer) => answer,
            Err(failure) => refusal(&failure),
        };
    }
    let version = shared.lock().store.version;
    let result = dispatch(&mut shared.lock(), request, &kind);
    if shared.lock().store.version != version {
        shared.announce();
    }
    match result {
        Ok((code, object)) => respond(code, &object),
        Err(failure) => refusal(&failure),
    }
}

/// 409 as each verb is answered when somebody else was faster. A creation is where the quota was written in between.
fn conflict(shared: &Shared, request: &ApiRequest) -> ApiFailure {
    let kind = shared.lock().store.kind(&request.group, &request.version, &request.plural).cloned();
    let name = request.name.as_deref().unwrap_or_default();
    match (request.verb, kind) {
        (Some(Verb::Create), _) => ApiFailure::quota_modified("gpus"),
        (Some(Verb::Delete), Some(kind)) => {
            ApiFailure::conflict(&kind, name, "Precondition failed: UID in precondition: 1, UID in object meta: 2")
        }
        (_, Some(kind)) => ApiFailure::modified(&kind, name),
        (_, None) => ApiFailure::no_such_resource(),
    }
}

fn no_right(request: &ApiRequest) -> ApiFailure {
    let scope =
        request.namespace.as_ref().map_or("at the cluster scope".into(), |ns| format!("in the namespace {ns:?}"));
    let verb = request.verb.map_or("", Verb::as_str);
    let message = format!(
        "{} is forbidden: User \"system:serviceaccount:bcmp:bcmp\" cannot {verb} resource {:?} in API group {:?} {scope}",
        request.resource(),
        request.plural,
        request.group
    );
    ApiFailure::new(403, "Forbidden", message)
}

fn dispatch(state: &mut State, request: &ApiRequest, kind: &Kind) -> Result<(u16, Value), ApiFailure> {
    if !request.flag("dryRun") && request.query.get("dryRun").is_none_or(|v| v != "All") {
        return act(state, request, kind);
    }
    let (objects, log, version) = (state.store.objects.clone(), state.store.log.len(), state.store.version);
    let result = act(state, request, kind);
    state.store.objects = objects;
    state.store.log.truncate(log);
    state.store.version = version;
    result
}

fn act(state: &mut State, request: &ApiRequest, kind: &Kind) -> Result<(u16, Value), ApiFailure> {
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let key = ObjectKey::new(kind, namespace, request.name.as_deref().unwrap_or_default());
    let part = match request.subresource.as_str() {
        "" => WrittenPart::Main,
        "status" if kind.status => WrittenPart::Status,
        _ => return Err(ApiFailure::no_such_resource()),
    };
    let writer = Writer { manager: request.manager(), now: request.at };
    let shown = |object: &Value| show(kind, object, &request.version, request.metadata_only);
    match request.verb {
        Some(Verb::Get) if request.as_table => {
            let object = get(state, request, kind, &key)?;
            Ok((200, table::table(kind, std::slice::from_ref(&object), &object["metadata"], request.at)))
        }
        Some(Verb::Get) => Ok((200, shown(&*get(state, request, kind, &key)?))),
        Some(Verb::List) if request.as_table => {
            let metadata = json!({"resourceVersion": state.store.version.to_string()});
            Ok((200, table::table(kind, &selected(state, request, None, kind)?, &metadata, request.at)))
        }
        Some(Verb::List) => Ok((200, list(state, request, kind)?)),
        Some(Verb::Create) => {
            let object = body_for(request, kind)?;
            state.admit(kind, &object)?;
            Ok((201, shown(&*state.store.create(kind, namespace, object, &writer)?)))
        }
        Some(Verb::Update) => {
            let object = body_for(request, kind)?;
            if kind.custom && meta(&object, "resourceVersion").is_empty() {
                let cause = "metadata.resourceVersion: Invalid value: 0: must be specified for an update".to_owned();
                return Err(ApiFailure::invalid(kind, &key.name, &[cause]));
            }
            Ok((200, shown(&*state.store.update(kind, &key, part, object, &writer, None)?)))
        }
        Some(Verb::Patch) if request.is_apply() => {
            if !request.query.contains_key("fieldManager") {
                let message = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
                return Err(ApiFailure::new(422, "Invalid", message));
            }
            let body = body_for(request, kind)?;
            let (code, object) = state.store.apply(kind, &key, part, &body, &writer, request.flag("force"))?;
            Ok((code, shown(&object)))
        }
        Some(Verb::Patch) => {
            let change = Change { version: &request.version, content_type: &request.content_type, body: &request.body };
            let object = state.store.patch(kind, &key, part, change, &writer)?;
            Ok((200, shown(&object)))
        }
        Some(Verb::Delete) => {
            let options = options(request)?;
            let deleted = state.store.delete(kind, &key, &options, request.at)?;
            if state.store.objects.contains_key(&key) {
                return Ok((200, shown(&deleted)));
            }
            let details =
                json!({"name": key.name, "group": kind.group, "kind": kind.plural, "uid": meta(&deleted, "uid")});
            Ok((
                200,
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}),
            ))
        }
        Some(Verb::DeleteCollection) => {
            let options = options(request)?;
            for object in selected(state, request, None, kind)? {
                let key = ObjectKey::new(kind, meta(&object, "namespace"), meta(&object, "name"));
                state.store.delete(kind, &key, &options, request.at)?;
            }
            Ok((200, list(state, request, kind)?))
        }
        Some(Verb::Watch) | None => Err(ApiFailure::no_such_resource()),
    }
}

fn get(state: &State, request: &ApiRequest, kind: &Kind, key: &ObjectKey) -> Result<Arc<Value>, ApiFailure> {
    let cached = request.query.get("resourceVersion").is_some_and(|v| v == "0");
    match state.hold {
        Hold::Cached(version) | Hold::Lists(version) if cached => state
            .store
            .list_at(&key.resource, Some(&key.namespace), version)
            .into_iter()
            .find(|object| meta(object, "name") == key.name)
            .ok_or_else(|| ApiFailure::not_found(kind, &key.name)),
        _ => state.store.get(kind, key),
    }
}

fn held(state: &State, request: &ApiRequest) -> Option<u64> {
    let cached = request.query.get("resourceVersion").is_some_and(|v| v == "0");
    match state.hold {
        Hold::Cached(version) if cached => Some(version),
        Hold::Lists(version) => Some(version),
        _ => None,
    }
}

fn selected(
    state: &State,
    request: &ApiRequest,
    version: Option<u64>,
    kind: &Kind,
) -> Result<Vec<Arc<Value>>, ApiFailure> {
    let query = |name: &str| request.query.get(name).map(String::as_str);
    let selector = Selector::parse(query("labelSelector"), query("fieldSelector"))?;
    let namespace = request.namespace.as_deref();
    let all = match version.or(held(state, request)) {
        Some(version) => state.store.list_at(&kind.qualified(), namespace, version),
        None => state.store.list(&kind.qualified(), namespace),
    };
    Ok(all.into_iter().filter(|object| selector.matches(object)).collect())
}

fn list(state: &State, request: &ApiRequest, kind: &Kind) -> Result<Value, ApiFailure> {
    let page = ListPage::of(request)?;
    let version = page.version.or(held(state, request)).unwrap_or(state.store.version);
    if page.version.is_some_and(|version| version < state.store.oldest) {
        return Err(ApiFailure::expired_token());
    }
    let (objects, rest) = page.cut(selected(state, request, page.version, kind)?);
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let Some(last) = objects.last().filter(|_| rest > 0) {
        metadata["continue"] = json!(ListPage::token(version, last));
        if request.query.get("labelSelector").or(request.query.get("fieldSelector")).is_none() {
            metadata["remainingItemCount"] = json!(rest);
        }
    }
    let items: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut item = show(kind, object, &request.version, request.metadata_only);
            if !kind.custom && !request.metadata_only {
                remove_field(&mut item, "apiVersion");
                remove_field(&mut item, "kind");
            }
            item
        })
        .collect();
    let (api_version, name) = if request.metadata_only {
        ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned())
    } else {
        (kind.api_version(&request.version), format!("{}List", kind.kind))
    };
    Ok(json!({
        "apiVersion": api_version, "kind": name, "metadata": metadata, "items": items,
    }))
}

fn body_for(request: &ApiRequest, kind: &Kind) -> Result<Value, ApiFailure> {
    let mut object = request.body.clone();
    if !object.is_object() {
        return Err(ApiFailure::bad_request("the body of the request is not an object"));
    }
    let (api_version, name) =
        (object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default());
    if (!name.is_empty() && name != kind.kind)
        || (!api_version.is_empty() && api_version != kind.api_version(&request.version))
    {
        let message = format!(
            "the API version in the data ({api_version} {name}) does not match the expected API version ({} {})",
            kind.api_version(&request.version),
            kind.kind
        );
        return Err(ApiFailure::bad_request(message));
    }
    if (name.is_empty() || api_version.is_empty()) && (kind.custom || request.is_apply()) {
        return Err(ApiFailure::bad_request("Object 'Kind' is missing in the body"));
    }
    let (ours, theirs) = (request.namespace.as_deref().unwrap_or_default(), meta(&object, "namespace"));
    if !theirs.is_empty() && theirs != ours {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(ApiFailure::bad_request(message));
    }
    let named = meta(&object, "name");
    if request.verb != Some(Verb::Create) && !named.is_empty() && Some(named) != request.name.as_deref() {
        let message = format!(
            "the name of the object ({named}) does not match the name on the URL ({})",
            request.name.as_deref().unwrap_or_default()
        );
        return Err(ApiFailure::bad_request(message));
    }
    if let Some(schema) = kind.openapi().filter(|_| request.query.get("fieldValidation").is_some_and(|v| v == "Strict"))
    {
        let unknown = schema::unknown_fields(schema, &object);
        if !unknown.is_empty() {
            let list = unknown.iter().map(|field| format!("unknown field {field:?}")).collect::<Vec<_>>().join(", ");
            let (name, version) = (&kind.kind, &request.version);
            return Err(ApiFailure::bad_request(format!(
                "{name} in version {version:?} cannot be handled as a {name}: strict decoding error: {list}"
            )));
        }
    }
    object["apiVersion"] = json!(kind.api_version(&request.version));
    object["kind"] = json!(kind.kind);
    Ok(object)
}

fn options(request: &ApiRequest) -> Result<DeleteOptions, ApiFailure> {
    if request.body.is_null() {
        return Ok(DeleteOptions::default());
    }
    serde_json::from_value(request.body.clone()).map_err(|error| ApiFailure::bad_request(error.to_string()))
}

fn refusal(failure: &ApiFailure) -> AnswerBody {
    respond(failure.code, &failure.body())
}

fn respond(code: u16, body: &Value) -> AnswerBody {
    let full = Full::new(Bytes::from(serde_json::to_vec(body).unwrap_or_default()));
    let body = full.map_err(|never: Infallible| -> BoxError { match never {} }).boxed_unsync();
    json_response(http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR), body)
}
