//! `kubectl bcmp serve`: a page of all comparisons on this machine, with the user's own rights.
//!
//! Other users of the machine and pages of other sites must not read it: the address has a part that nobody can guess, and
//! requests that name another host are not answered.

use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::arguments::ServeArguments;
use super::cluster::{NamespaceClient, parse_each};
use super::error::PluginError;
use super::{Clock, Plugin, report, stored};
use crate::report::overview;

/// What is served.
#[derive(Clone)]
pub struct ServedSite {
    pub cluster: NamespaceClient,
    pub all_namespaces: bool,
    pub clock: Clock,
    /// The part of the address that nobody can guess.
    pub token: Arc<str>,
    pub port: u16,
}

/// Serves until it is interrupted.
pub async fn serve(plugin: &mut Plugin, arguments: &ServeArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    // Asked for once before: this gives the best message if kind or permissions are wrong.
    cluster.objects(arguments.all_namespaces, None).await?;
    let taken = |error| PluginError::failed(format!("port {}: {error}: choose another with --port", arguments.port));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await.map_err(taken)?;
    let port = listener.local_addr()?.port();
    let token: Arc<str> = token().into();
    plugin.screen.document(&format!("http://127.0.0.1:{port}/{token}/\n"))?;
    plugin.screen.note("for this machine and with your rights; stop with Ctrl-C");
    let served =
        ServedSite { cluster, all_namespaces: arguments.all_namespaces, clock: plugin.clock.clone(), token, port };
    axum::serve(listener, router(served)).await?;
    Ok(0)
}

/// 128 bits from the keys that the operating system gives to hash maps.
fn token() -> String {
    format!("{:016x}{:016x}", RandomState::new().hash_one(1), RandomState::new().hash_one(2))
}

/// The pages.
pub fn router(served: ServedSite) -> Router {
    Router::new()
        .route("/{token}/", get(list))
        .route("/{token}/{namespace}/{name}/{run}", get(run))
        .layer(middleware::from_fn_with_state(served.clone(), guarded))
        .with_state(served)
}

/// Answers only those who know the address, and lets pages load nothing.
async fn guarded(State(served): State<ServedSite>, headers: HeaderMap, request: Request, next: Next) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let hosts = [format!("127.0.0.1:{}", served.port), format!("localhost:{}", served.port)];
    let token = request.uri().path().split('/').nth(1);
    if !hosts.iter().any(|known| known == host) || token != Some(&*served.token) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let protection = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (protection, next.run(request).await).into_response()
}

async fn list(State(served): State<ServedSite>) -> Result<Html<String>, Failed> {
    let objects = served.cluster.objects(served.all_namespaces, None).await?;
    let (comparisons, unreadable) = parse_each(objects);
    let place = match served.all_namespaces {
        true => "all namespaces".to_owned(),
        false => format!("namespace {}", served.cluster.namespace),
    };
    Ok(Html(overview::page(&place, &comparisons, &unreadable, (served.clock)())))
}

async fn run(
    State(served): State<ServedSite>,
    Path((_, namespace, name, run)): Path<(String, String, String, i64)>,
) -> Result<Html<String>, Failed> {
    let cluster = NamespaceClient::new(served.cluster.client().clone(), namespace);
    let comparison = cluster.comparison(&name).await?;
    let number = stored::number(&comparison, Some(run))?;
    Ok(Html(report::page(&report::of_run(&cluster, &comparison, number).await?)))
}

/// A page that cannot be made, with the message that a command would print.
struct Failed(PluginError);

impl From<PluginError> for Failed {
    fn from(error: PluginError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::BAD_GATEWAY, self.0.message).into_response()
    }
}
