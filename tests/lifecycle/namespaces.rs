//! An operator that watches named namespaces and has rights in no other.

use bcmp::api::Phase;

use bcmp::simulation::api_server::{ApiFailure, Fault};
use bcmp::simulation::lab::{Lab, seconds, small};

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_elsewhere() {
    let mut lab = Lab::new(&[8]);
    lab.restrict(&["default"]);
    lab.cluster.clear_log();
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    let elsewhere: Vec<String> = lab
        .cluster
        .requests()
        .iter()
        .filter(|logged| logged.request.verb.is_some() && logged.request.namespace.as_deref() != Some("default"))
        .map(|logged| logged.line())
        .collect();
    assert_eq!(elsewhere, Vec::<String>::new());
}

/// Its rights go with a namespace. Who waits in another one is served as before.
#[tokio::test(start_paused = true)]
async fn a_deleted_namespace_stops_no_queue() {
    let mut lab = Lab::new(&[8]);
    lab.cluster.faults(|request| {
        let gone = request.namespace.as_deref() == Some("gone");
        gone.then(|| Fault::Refuse(ApiFailure::new(403, "Forbidden", "no role in namespace gone")))
    });
    lab.restrict(&["gone", "default"]);
    lab.apply("first", small());
    tokio::time::sleep(seconds(2)).await;
    lab.apply("second", small());
    for name in ["first", "second"] {
        let status = lab.finished(name, 1).await;
        assert_eq!(status.phase, Some(Phase::Succeeded), "{name}: {:?}", status.message);
    }
}
