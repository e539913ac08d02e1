//! What the server in memory does not serve, in front of it: logs, access reviews and the Date of an answer.

use bytes::Bytes;
use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use bcmp::simulation::api_server::Cluster;

/// Whether a verb on a resource is allowed.
pub type Rights = fn(&str, &str) -> bool;

/// A client of the cluster behind the front. A log says whose it is.
pub fn client(cluster: &Cluster, rights: Rights) -> Client {
    let (inner, cluster) = (cluster.client(), cluster.clone());
    let service = tower::service_fn(move |request: Request<Body>| {
        let (inner, cluster) = (inner.clone(), cluster.clone());
        async move {
            let path = request.uri().path().to_owned();
            if path.ends_with("/log") {
                return Ok::<_, tower::BoxError>(log(&cluster, request.uri()));
            }
            if path.ends_with("/selfsubjectaccessreviews") {
                return Ok(review(request, rights).await);
            }
            let is_version = path == "/version";
            let mut response = inner.send(request).await?;
            if is_version {
                // Two minutes behind the clock of the plugin.
                let date = (cluster.now() - jiff::SignedDuration::from_secs(120)).strftime("%a, %d %b %Y %H:%M:%S GMT");
                response.headers_mut().insert(http::header::DATE, date.to_string().parse().unwrap());
            }
            Ok(response)
        }
    });
    Client::new(service, "default")
}

fn respond(code: u16, body: impl Into<Bytes>) -> Response<Body> {
    let builder = Response::builder().status(code).header("content-type", "application/json");
    builder.body(Body::from(body.into())).unwrap()
}

fn log(cluster: &Cluster, uri: &http::Uri) -> Response<Body> {
    let parts: Vec<&str> = uri.path().split('/').collect();
    let (namespace, pod) = (parts[4], parts[6]);
    if cluster.object("pods", namespace, pod).is_none() {
        return respond(
            404,
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound",
            "message": format!("pods {pod:?} not found"), "details": {"name": pod, "kind": "pods"}})
            .to_string(),
        );
    }
    let query = uri.query().unwrap_or_default();
    respond(200, format!("{pod} {query}\nusing hunter2-token\n"))
}

async fn review(request: Request<Body>, rights: Rights) -> Response<Body> {
    let body = request.into_body().collect_bytes().await.unwrap();
    let mut review: Value = serde_json::from_slice(&body).unwrap();
    let asked = &review["spec"]["resourceAttributes"];
    assert_eq!(asked["namespace"], "default");
    let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
    let resource = match text("subresource") {
        sub if sub.is_empty() => text("resource"),
        sub => format!("{}/{sub}", text("resource")),
    };
    review["status"] = json!({"allowed": rights(&text("verb"), &resource)});
    respond(201, review.to_string())
}
