//! Teardown that takes long: who holds it up is named, and no GPU waits for it.

use bcmp::api::Phase;
use bcmp::dynamo::FINALIZER;
use bcmp::simulation::actors::Actor;
use bcmp::simulation::api_server::{ApiFailure, ApiRequest, Cluster, Fault, Verb, finalizers, meta};
use bcmp::simulation::dynamo::COMPONENTS;
use bcmp::simulation::lab::{GRAPHS, Lab, condition, gpus_held, seconds, small};
use bcmp::simulation::truth;
use serde_json::json;

use crate::access::with_own_objects;

#[tokio::test(start_paused = true)]
async fn a_teardown_that_is_stuck_is_not_called_finished_and_names_the_finalizer() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.cast.stop(Actor::Dynamo);
    lab.until("qwen", "stuck", 7200, |status| condition(status, "Stalled") == ("True", "TeardownStuck")).await;
    let status = lab.status("qwen");
    assert_eq!((condition(&status, "Finished").0, condition(&status, "Reconciling").0), ("False", "False"));
    assert!(condition(&status, "TornDown").1 == "TeardownStuck");
    assert!(status.message.as_ref().unwrap().contains("nvidia.com/finalizer"), "{:?}", status.message);
    tokio::time::sleep(seconds(3600)).await;
    assert!(lab.status("qwen").variants[1].deployments.is_empty(), "the next variant waits");
    lab.cast.resume(Actor::Dynamo);
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "still watched, and it went on");
}

/// A graph is deleted in the background, where its pods stay until its finalizer goes. While Dynamo's operator is away they go
/// all the same, and what is left holds no GPU.
#[tokio::test(start_paused = true)]
async fn no_gpu_waits_for_dynamo_to_come_back() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.cast.stop(Actor::Dynamo);
    lab.annotate("qwen", "bcmp.dev/cancel-requested", "1");
    lab.cluster.until("no GPU is held", seconds(120), |cluster| gpus_held(cluster).is_empty()).await;
    let graphs = lab.cluster.objects(GRAPHS);
    assert_eq!((graphs.len(), finalizers(&graphs[0]).contains(&FINALIZER.to_owned())), (1, true), "Dynamo is away");
    lab.until("qwen", "the GPUs are free", 60, |status| status.variants[0].deployments[0].freed.is_some()).await;
    assert_eq!(condition(&lab.status("qwen"), "Finished").0, "False", "an object is left");
    lab.cast.resume(Actor::Dynamo);
    let status = lab.finished("qwen", 1).await;
    assert_eq!((status.phase, lab.leftovers("qwen")), (Some(Phase::Cancelled), vec![]));
}

/// What is left of a run that holds no GPU any more keeps nobody from them.
#[tokio::test(start_paused = true)]
async fn freed_gpus_are_taken_by_the_next_before_everything_is_gone() {
    let lab = Lab::predicting(&[8], |plan| match plan.comparison.name.as_str() {
        "other" => with_own_objects(truth::configurations(&plan.spec)),
        _ => truth::configurations(&plan.spec),
    });
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.cast.stop(Actor::Dynamo);
    lab.annotate("qwen", "bcmp.dev/cancel-requested", "1");
    lab.until("qwen", "the GPUs are free", 300, |status| status.variants[0].deployments[0].freed.is_some()).await;
    let mut spec = small();
    spec["variants"] = json!([
        {"name": "optimized", "role": "Baseline", "source": {"type": "Naive"}},
        {"name": "baseline", "role": "Candidate", "source": {"type": "Recommended"}},
    ]);
    lab.apply("other", spec);
    lab.until("other", "measuring", 600, |status| status.phase == Some(Phase::Measuring)).await;
    assert_eq!(lab.cluster.objects(GRAPHS).len(), 1, "Dynamo is still away");
}

/// Asked to delete in the foreground, Dynamo's operator up to 1.0.1 makes the children anew: it has its time from when the graph
/// was deleted, however long that took.
#[tokio::test(start_paused = true)]
async fn a_graph_that_was_deleted_late_is_not_deleted_twice() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    let deletes =
        |request: &ApiRequest| request.verb == Some(Verb::Delete) && request.plural == "dynamographdeployments";
    let down = ApiFailure::new(
        500,
        "InternalError",
        "Internal error occurred: failed calling webhook \"vdynamographdeployment.kb.io\"",
    );
    lab.cluster.faults(move |request| deletes(request).then(|| Fault::Refuse(down.clone())));
    lab.annotate("qwen", "bcmp.dev/cancel-requested", "1");
    lab.until("qwen", "decided", 60, |status| status.variants[0].deployments[0].teardown.is_some()).await;
    tokio::time::sleep(seconds(90)).await;
    lab.cast.stop(Actor::Dynamo);
    lab.cluster.no_faults();
    let deleted = |cluster: &Cluster| {
        cluster.objects(GRAPHS).iter().all(|graph| graph["metadata"]["deletionTimestamp"].is_string())
    };
    lab.cluster.until("the graph is deleted", seconds(60), deleted).await;
    tokio::time::sleep(seconds(20)).await;
    lab.cast.resume(Actor::Dynamo);
    let status = lab.finished("qwen", 1).await;
    assert_eq!((status.phase, lab.leftovers("qwen")), (Some(Phase::Cancelled), vec![]));
    let taken = lab.cluster.writes().into_iter().filter(|entry| deletes(&entry.request) && entry.code == Some(200));
    assert_eq!(taken.count(), 1);
}

/// Between a graph and its pods Dynamo's operator has objects with a finalizer of their own. Where it stops when the graph is
/// gone, the pods run on, and hold their GPUs.
#[tokio::test(start_paused = true)]
async fn pods_that_outlive_their_graph_are_not_gone() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.annotate("qwen", "bcmp.dev/cancel-requested", "1");
    lab.cluster.until("the graph is gone", seconds(60), |cluster| cluster.list(GRAPHS).is_empty()).await;
    lab.cast.stop(Actor::Dynamo);
    lab.until("qwen", "stuck", 7200, |status| condition(status, "Stalled") == ("True", "TeardownStuck")).await;
    let status = lab.status("qwen");
    let held = lab.cluster.objects(COMPONENTS);
    assert_eq!(
        (condition(&status, "TornDown").0, held.len(), finalizers(&held[0])),
        ("False", 2, vec![FINALIZER.to_owned()])
    );
    let message = status.message.unwrap();
    assert!(message.contains("was not deleted, because an object that owns it has a finalizer"), "{message}");
    lab.cast.resume(Actor::Dynamo);
    let status = lab.finished("qwen", 1).await;
    assert_eq!((status.phase, lab.leftovers("qwen")), (Some(Phase::Cancelled), vec![]));
}

/// What Dynamo's operator makes for a namespace, and never takes away, keeps no run from ending.
#[tokio::test(start_paused = true)]
async fn what_dynamo_leaves_in_a_namespace_is_nobody_s() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(condition(&status, "TornDown").0, "True");
    let unowned = |kind: &str| -> Vec<String> {
        let all =
            lab.cluster.objects(kind).into_iter().filter(|object| object["metadata"]["ownerReferences"].is_null());
        all.map(|object| meta(&object, "name").to_owned()).collect()
    };
    assert_eq!(unowned("serviceaccounts"), ["planner-serviceaccount"]);
    assert_eq!(unowned("rolebindings.rbac.authorization.k8s.io"), ["planner-serviceaccount-binding"]);
    assert_eq!(lab.leftovers("qwen"), Vec::<String>::new());
}
