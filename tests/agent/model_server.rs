//! A server under test on loopback, which may say that it is healthy without serving.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

/// What the server answers to a chat request.
#[derive(Clone, Copy)]
pub enum Chat {
    Serves,
    NotFound,
    BreaksOff,
}

#[derive(Clone)]
struct Behaviour {
    asked: Arc<AtomicUsize>,
    /// The first requests' answers; then the last one, always.
    script: Arc<Vec<Chat>>,
}

/// Starts one and returns its base URL.
pub async fn start(script: &[Chat]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let behaviour = Behaviour { asked: Arc::default(), script: Arc::new(script.to_vec()) };
    let app = Router::new()
        .route("/health", get(|| async { r#"{"status":"healthy"}"# }))
        .route("/v1/models", get(|| async { r#"{"data":[{"id":"mock/tiny"}]}"# }))
        .route("/v1/chat/completions", post(chat))
        .with_state(behaviour);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

async fn chat(State(behaviour): State<Behaviour>) -> Response {
    let asked = behaviour.asked.fetch_add(1, Ordering::Relaxed);
    const TOKEN: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"one\"},\"finish_reason\":null}]}\n\n";
    const END: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n";
    let stream = |body: String| ([(CONTENT_TYPE, "text/event-stream")], body).into_response();
    match behaviour.script[asked.min(behaviour.script.len() - 1)] {
        Chat::Serves => stream(format!("{TOKEN}{END}")),
        Chat::BreaksOff => stream(TOKEN.to_owned()),
        Chat::NotFound => (StatusCode::NOT_FOUND, r#"{"message":"model not found"}"#).into_response(),
    }
}
