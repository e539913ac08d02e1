//! serve: a page for this machine alone.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use tower::ServiceExt;

use bcmp::cli::plugin::cluster::NamespaceClient;
use bcmp::cli::plugin::serve::{ServedSite, router};
use bcmp::simulation::lab::{Lab, small};

use crate::harness::measured;

/// Status, one header, and text of an answer.
async fn asked(lab: &Lab, path: &str, host: &str) -> (StatusCode, String, String) {
    let served = ServedSite {
        cluster: NamespaceClient::new(lab.cluster.client(), "default"),
        all_namespaces: false,
        clock: Arc::new(lab.cluster.clock()),
        token: "t0ken".into(),
        port: 8000,
    };
    let request = Request::get(path).header(header::HOST, host).body(Body::empty()).unwrap();
    let response = router(served).oneshot(request).await.unwrap();
    let policy = response.headers().get(header::CONTENT_SECURITY_POLICY);
    let policy = policy.map(|policy| policy.to_str().unwrap().to_owned()).unwrap_or_default();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 10 << 20).await.unwrap();
    (status, policy, String::from_utf8(body.to_vec()).unwrap())
}

const HOST: &str = "127.0.0.1:8000";

#[tokio::test(start_paused = true)]
async fn comparisons_and_their_runs_are_pages() {
    let lab = measured().await;
    lab.apply("next", small());
    lab.records("next", 1).await;
    let (status, policy, page) = asked(&lab, "/t0ken/", HOST).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(page.contains("default/qwen") && page.contains("<a href=\"default/qwen/1\">run 1</a> Succeeded"), "{page}");
    assert!(page.contains("<progress value=\"1\"") && page.contains("http-equiv=\"refresh\""), "{page}");
    let (status, _, page) = asked(&lab, "/t0ken/default/qwen/1", HOST).await;
    assert!(status == StatusCode::OK && page.starts_with("<!doctype html>") && page.contains("Prediction confirmed"));
    // A run that is not there is a message, and no page.
    let (status, _, page) = asked(&lab, "/t0ken/default/qwen/7", HOST).await;
    assert_eq!(
        (status, page.as_str()),
        (StatusCode::BAD_GATEWAY, "comparison qwen has no run 7: choose one of the stored runs 1")
    );
}

/// Neither another user of the machine nor a page of another site reads anything.
#[tokio::test(start_paused = true)]
async fn only_who_knows_the_address_is_answered() {
    let lab = Lab::new(&[]);
    for (path, host) in
        [("/t0ken/", "evil.example:8000"), ("/t0ken/", "127.0.0.1:9000"), ("/other/", HOST), ("/", HOST)]
    {
        let (status, _, page) = asked(&lab, path, host).await;
        assert_eq!((status, page.as_str()), (StatusCode::NOT_FOUND, ""), "{path} {host}");
    }
    let (status, _, page) = asked(&lab, "/t0ken/", "localhost:8000").await;
    assert!(status == StatusCode::OK && page.contains("There are no comparisons here."), "{page}");
}

#[tokio::test(start_paused = true)]
async fn what_the_cluster_says_is_text() {
    let mut lab = measured().await;
    lab.kill();
    lab.edit("qwen", |object| object["status"]["message"] = serde_json::json!("<script>evil()</script>"));
    let (_, _, page) = asked(&lab, "/t0ken/", HOST).await;
    assert!(page.contains("evil()") && !page.contains("<script"), "{page}");
}
