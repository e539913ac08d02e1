//! The agent's containers, run as in a pod: the binary, its directories, an API server, a load tool.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "agent/api_server.rs"]
mod api_server;
#[path = "agent/load.rs"]
mod load;
#[path = "agent/model_server.rs"]
mod model_server;
#[path = "agent/publish.rs"]
mod publish;

use std::time::Duration;

/// Waits until something holds; fails after a minute.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within a minute: {what}");
}
