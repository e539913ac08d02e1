//! `/healthz`, `/readyz` and `/metrics`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use super::health::Health;
use super::metrics::Metrics;

#[derive(Clone)]
struct ServedState {
    health: Arc<Health>,
    metrics: Metrics,
}

/// Serves until `stop` resolves.
pub async fn serve(
    address: SocketAddr,
    health: Arc<Health>,
    metrics: Metrics,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let routes = Router::new()
        .route("/healthz", get(|State(served): State<ServedState>| async move { answer(served.health.alive()) }))
        .route("/readyz", get(|State(served): State<ServedState>| async move { answer(served.health.ready()) }))
        .route("/metrics", get(text))
        .with_state(ServedState { health, metrics });
    axum::serve(listen(address).await?, routes).with_graceful_shutdown(stop).await
}

/// `[::]` takes IPv4 too; a node without IPv6 has no such address, and is asked for all of IPv4 instead.
async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let all = address.ip().is_unspecified() && address.is_ipv6();
    match TcpListener::bind(address).await {
        Err(error) if all && error.kind() != io::ErrorKind::AddrInUse => {
            tracing::info!(%error, %address, "no IPv6 here: listening on IPv4");
            TcpListener::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port())).await
        }
        listener => listener,
    }
}

fn answer(result: Result<(), String>) -> impl IntoResponse {
    match result {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem),
    }
}

async fn text(State(served): State<ServedState>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], served.metrics.text())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Over IPv4 whether or not there is IPv6.
    #[tokio::test]
    async fn all_addresses_are_listened_on() {
        let listener = listen("[::]:0".parse().unwrap()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    }
}
