//! Two replicas that share a Lease: one acts, the other takes over.

use bcmp::api::{BenchmarkComparisonStatus, Phase};
use serde_json::{Value, json};

use bcmp::simulation::api_server::{ApiFailure, Fault};
use bcmp::simulation::lab::{LEASE, Lab, is_finished, seconds, small};

fn holder(lab: &Lab) -> String {
    let lease = lab.cluster.object("leases.coordination.k8s.io", "default", LEASE);
    lease.and_then(|lease| Some(lease["spec"]["holderIdentity"].as_str()?.to_owned())).unwrap_or_default()
}

/// What was measured and what follows from it.
fn numbers(status: &BenchmarkComparisonStatus) -> Value {
    let levels = status.variants.iter().map(|variant| json!([variant.name, variant.levels, variant.at_sla]));
    json!([levels.collect::<Vec<_>>(), status.verdict])
}

/// Writes by client, without those of the Lease: first and last, as numbers of requests.
fn writes(lab: &Lab, client: &str) -> Vec<usize> {
    let writes = lab.cluster.writes();
    let of_client = writes.iter().filter(|w| w.request.client == client && w.request.plural != "leases");
    of_client.map(|w| w.request.index).collect()
}

async fn undisturbed() -> Value {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    numbers(&lab.finished("qwen", 1).await)
}

#[tokio::test(start_paused = true)]
async fn one_of_two_acts() {
    let mut lab = Lab::new(&[8]);
    lab.share();
    let other = lab.another(seconds(1));
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    let clients: std::collections::BTreeSet<String> = lab
        .cluster
        .writes()
        .iter()
        .filter(|write| write.request.plural != "leases")
        .map(|write| write.request.client.clone())
        .collect();
    assert_eq!(clients.len(), 1, "{clients:?}");
    other.abort();
}

#[tokio::test(start_paused = true)]
async fn a_takeover_in_the_middle_of_a_measurement_changes_no_number() {
    let expected = undisturbed().await;
    let mut lab = Lab::new(&[8]);
    lab.share();
    let first = holder_within(&lab, 5).await;
    let other = lab.another(seconds(1));
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.kill();
    let lost = lab.cluster.now();
    lab.cluster.until("another one holds the lease", seconds(15), |_| holder(&lab) != first).await;
    lab.cluster
        .until("it looks at comparisons", seconds(15), |cluster| {
            cluster
                .requests()
                .iter()
                .any(|logged| logged.request.at > lost && logged.request.plural == "benchmarkcomparisons")
        })
        .await;
    let took = lab.cluster.now().as_second() - lost.as_second();
    assert!(took <= 15, "{took} s");
    let status = lab.finished("qwen", 1).await;
    assert_eq!(numbers(&status), expected);
    assert_eq!(lab.measured_twice(), Vec::<String>::new());
    let restarts: usize = status.variants.iter().flat_map(|v| &v.deployments).map(|d| d.restarts.len()).sum();
    assert_eq!(restarts, 0);
    other.abort();
}

async fn holder_within(lab: &Lab, limit: u64) -> String {
    lab.cluster.until("somebody holds the lease", seconds(limit), |_| !holder(lab).is_empty()).await;
    holder(lab)
}

/// The holder cannot reach the Lease, and everything else: it has stopped writing before the other one begins.
#[tokio::test(start_paused = true)]
async fn who_cannot_renew_stops_writing() {
    let expected = undisturbed().await;
    let mut lab = Lab::new(&[8]);
    lab.share();
    let first = holder_within(&lab, 5).await;
    // The first client is the lab's first operator, which was killed; the second one holds the lease.
    let clients: Vec<String> = lab.cluster.writes().iter().map(|write| write.request.client.clone()).collect();
    let cut_off = clients.last().cloned().unwrap();
    let other = lab.another(seconds(1));
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    let client = cut_off.clone();
    lab.cluster.faults(move |request| {
        let renews = request.client == client && request.plural == "leases";
        renews.then(|| Fault::Refuse(ApiFailure::internal("etcd has no leader")))
    });
    lab.cluster.until("another one holds the lease", seconds(15), |_| holder(&lab) != first).await;
    let status = lab.finished("qwen", 1).await;
    assert_eq!(numbers(&status), expected);
    let next =
        lab.cluster.writes().iter().map(|w| w.request.client.clone()).rfind(|client| *client != cut_off).unwrap();
    let (last, begin) = (writes(&lab, &cut_off).pop().unwrap(), writes(&lab, &next)[0]);
    assert!(last < begin, "{cut_off} wrote last at #{last}, {next} first at #{begin}");
    other.abort();
}

/// Both are faster than the other: one of them is told that the Lease has changed.
#[tokio::test(start_paused = true)]
async fn a_lease_is_taken_once() {
    let mut lab = Lab::new(&[8]);
    lab.share();
    let others: Vec<_> = (0..4).map(|_| lab.another(seconds(0))).collect();
    tokio::time::sleep(seconds(30)).await;
    let leases = lab.cluster.history().into_iter().filter(|record| record.key.resource == "leases.coordination.k8s.io");
    let holders: std::collections::BTreeSet<String> =
        leases.filter_map(|r| Some(r.after?["spec"]["holderIdentity"].as_str()?.to_owned())).collect();
    assert_eq!(holders.len(), 1, "{holders:?}");
    others.into_iter().for_each(|other| other.abort());
    assert!(!is_finished(&lab.status("none"), 1));
}
