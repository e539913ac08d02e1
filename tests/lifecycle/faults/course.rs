//! A course that a comparison takes, and what must be the same at its end whatever disturbs it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bcmp::api::labels;
use futures::future::BoxFuture;
use jiff::Timestamp;
use regex::Regex;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use bcmp::simulation::actors::has_label;
use bcmp::simulation::api_server::{ApiFailure, ApiRequest, Cluster, Fault, Logged};
use bcmp::simulation::lab::{COMPARISONS, GRAPHS, Lab, gpus_held, seconds};

pub struct Course {
    pub name: &'static str,
    /// The cluster with the operator on it.
    pub lab: fn() -> Lab,
    pub spec: Value,
    /// What a person does meanwhile.
    pub person: fn(Cluster) -> BoxFuture<'static, ()>,
    /// The run with whose end it ends.
    pub run: i64,
    /// Variants that may hold GPUs at once.
    pub at_once: usize,
    /// Whether the person interrupts a measurement: how far it is by then is a matter of time.
    pub interrupted: bool,
}

/// Nobody does anything.
pub fn nobody(_: Cluster) -> BoxFuture<'static, ()> {
    Box::pin(async {})
}

/// What no disturbance may change.
#[derive(Debug, PartialEq)]
pub struct End {
    /// The whole status but times.
    status: Value,
    /// Every object the operator ever created: nothing is deployed twice.
    created: Vec<String>,
    /// What was begun and what was measured: nothing is measured twice.
    steps: Vec<String>,
}

impl End {
    fn of(course: &Course, lab: &Lab) -> Self {
        let status = serde_json::to_value(lab.status("qwen")).expect("JSON");
        let steps = if course.interrupted { vec![] } else { steps(&lab.cluster) };
        Self { status: timeless(&status), created: created(&lab.cluster), steps }
    }

    pub fn phase(&self) -> &str {
        self.status["phase"].as_str().unwrap_or_default()
    }
}

/// What the names of a Deployment's pods end in, numbers of this server that count its requests, what those of nodes end in, and
/// times in sentences, or what follows from them: variants that are deployed at once take nodes in the order in which their creation succeeds.
static CHANCE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"-[0-9a-f]{8}-[0-9a-f]{5}|\bnode-\d+|\d{4}-\d\d-\d\dT[0-9:.]+Z|[0-9.]+ GPU-hours";
    Regex::new(pattern).expect("a pattern")
});

/// A status without times and names of pods and nodes, and what follows from them.
fn timeless(value: &Value) -> Value {
    match value {
        Value::String(text) if text.parse::<Timestamp>().is_ok() => json!("a time"),
        Value::String(text) => json!(CHANCE.replace_all(text, "").into_owned()),
        Value::Array(items) => items.iter().map(timeless).collect(),
        Value::Object(fields) => {
            let kept =
                fields.iter().filter(|(key, _)| !["gpuSeconds", "price", "lastReadySeconds"].contains(&key.as_str()));
            Value::Object(kept.map(|(key, value)| (key.clone(), timeless(value))).collect())
        }
        other => other.clone(),
    }
}

fn created(cluster: &Cluster) -> Vec<String> {
    let kinds = [
        "configmaps",
        "jobs.batch",
        "deployments.apps",
        "services",
        "serviceaccounts",
        "roles.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io",
        GRAPHS,
    ];
    let history = cluster.history();
    let new = history.iter().filter(|record| record.before.is_none() && kinds.contains(&record.key.resource.as_str()));
    let ours = new.filter(|record| record.after.as_ref().is_some_and(|o| has_label(o, labels::COMPARISON, "qwen")));
    let mut names: Vec<String> = ours.map(|record| format!("{} {}", record.key.resource, record.key.name)).collect();
    names.sort();
    names
}

fn steps(cluster: &Cluster) -> Vec<String> {
    let maps = cluster.list("configmaps").into_iter().filter(|map| has_label(map, labels::COMPONENT, "results"));
    let keys = |map: Arc<Value>| {
        let keys = map["data"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        keys.into_iter().map(move |key| format!("{} {key}", map["metadata"]["name"].as_str().unwrap_or("?")))
    };
    maps.flat_map(keys).collect()
}

/// The end without any disturbance, and what the operator asked the API server for until then.
pub async fn undisturbed(course: &Course) -> (End, Vec<Logged>) {
    let lab = play(course, "undisturbed", 0, |_| vec![]).await;
    (End::of(course, &lab), lab.cluster.requests())
}

/// Plays a course that something disturbs: the end must be the same.
pub async fn disturbed(
    course: &Course,
    expected: &End,
    what: &str,
    away: u64,
    disturb: impl FnOnce(&Lab) -> Vec<JoinHandle<()>>,
) {
    let lab = play(course, what, away, disturb).await;
    let end = End::of(course, &lab);
    assert_eq!(&end, expected, "{}: {what}\n{}", course.name, lab.cluster.story());
}

/// The same with requests that go wrong; an operator that dies is started again at once.
pub async fn faulty(
    course: &Course,
    expected: &End,
    what: &str,
    rule: impl FnMut(&ApiRequest) -> Option<Fault> + Send + 'static,
) {
    let hits = Arc::new(AtomicUsize::new(0));
    let counter = hits.clone();
    disturbed(course, expected, what, 0, |lab| {
        lab.cluster.faults(counted(rule, counter));
        vec![]
    })
    .await;
    assert!(hits.load(Ordering::Relaxed) > 0, "{}: {what}: no request was hit", course.name);
}

fn counted(
    mut rule: impl FnMut(&ApiRequest) -> Option<Fault> + Send + 'static,
    counter: Arc<AtomicUsize>,
) -> impl FnMut(&ApiRequest) -> Option<Fault> + Send + 'static {
    move |request: &ApiRequest| {
        let fault = rule(request);
        counter.fetch_add(usize::from(fault.is_some()), Ordering::Relaxed);
        fault
    }
}

/// Plays a course to its end. An operator that dies is started again after `away` seconds.
async fn play(course: &Course, what: &str, away: u64, disturb: impl FnOnce(&Lab) -> Vec<JoinHandle<()>>) -> Lab {
    let what = format!("{}: {what}", course.name);
    let the_end = format!("{what}: the end");
    let mut lab = (course.lab)();
    let others = disturb(&lab);
    lab.apply("qwen", course.spec.clone());
    let person = tokio::spawn((course.person)(lab.cluster.clone()));
    let watch = tokio::spawn(too_many_hold_gpus(lab.cluster.clone(), course.at_once));
    let cluster = lab.cluster.clone();
    loop {
        tokio::select! {
            () = cluster.crashed() => {}
            () = cluster.until(&the_end, seconds(200_000), |c| is_over(c, course.run)) => break,
        }
        lab.kill();
        if away > 0 {
            tokio::time::sleep(seconds(away)).await;
        }
        lab.start();
    }
    others.iter().for_each(JoinHandle::abort);
    assert!(person.is_finished(), "{what}: nothing happened to do something about");
    assert!(!watch.is_finished(), "{what}: more than {} variants held GPUs at once", course.at_once);
    watch.abort();
    assert_eq!(lab.measured_twice(), Vec::<String>::new(), "{what}");
    assert_eq!(lab.leftovers("qwen"), Vec::<String>::new(), "{what}");
    lab
}

async fn too_many_hold_gpus(cluster: Cluster, most: usize) {
    while gpus_held(&cluster).len() <= most {
        cluster.changed().await;
    }
}

/// Asked after every change: reads the stored object as it is.
fn is_over(cluster: &Cluster, run: i64) -> bool {
    let finished = |c: &Value| c["type"] == "Finished" && c["status"] == "True";
    let over = |object: &Arc<Value>| {
        let conditions = object["status"]["conditions"].as_array();
        object["status"]["run"]["number"] == run && conditions.is_some_and(|list| list.iter().any(finished))
    };
    cluster.list(COMPARISONS).iter().any(over)
}

/// Every point at which the operator's death can make a difference: before each request, and after each write.
///
/// A dead operator leaves nothing but what is stored, so that requests at the same moment, with nothing changed in
/// between, are one point: reads in a row. What follows a write at the same moment is the point before the next request.
pub fn crash_points(log: &[Logged]) -> Vec<(usize, Fault)> {
    let moment = |logged: &Logged| (logged.request.at, logged.request.version_then);
    let mut points = vec![];
    for (number, logged) in log.iter().enumerate() {
        let index = logged.request.index;
        if number == 0 || moment(logged) != moment(&log[number - 1]) {
            points.push((index, Fault::CrashBefore));
        }
        let last_of_moment = log.get(number + 1).is_none_or(|next| next.request.at > logged.request.at);
        if logged.request.write.is_some() && last_of_moment {
            points.push((index, Fault::CrashAfter));
        }
    }
    points
}

/// The operator dies at this point.
pub async fn crash_at(course: &Course, expected: &End, (index, fault): (usize, Fault), log: &[Logged]) {
    let asked = log.iter().find(|logged| logged.request.index == index).map(Logged::line).unwrap_or_default();
    let what = format!("{fault:?} {asked}");
    faulty(course, expected, &what, move |request| (request.index == index).then(|| fault.clone())).await;
}

/// Ways in which a write goes wrong, and is right when it is tried again.
pub const OF_WRITES: usize = 6;

pub fn of_write(number: usize) -> Fault {
    match number % OF_WRITES {
        0 => Fault::LoseAnswer,
        1 => Fault::Drop,
        2 => Fault::Conflict,
        3 => Fault::Refuse(ApiFailure::too_many_requests()),
        4 => Fault::Refuse(ApiFailure::internal("etcdserver: request timed out")),
        _ => too_late(),
    }
}

/// Ways in which a read goes wrong.
pub fn of_read(number: usize) -> Fault {
    match number % 4 {
        0 => Fault::Drop,
        1 => Fault::Refuse(ApiFailure::too_many_requests()),
        2 => Fault::Refuse(ApiFailure::internal("etcdserver: request timed out")),
        _ => too_late(),
    }
}

/// Nobody waits that long for an answer.
fn too_late() -> Fault {
    Fault::Delay(Duration::from_secs(45))
}

/// One write in so many goes wrong, from the `offset`th on, one way after the other from the `first` on.
pub fn writes_go_wrong(every: usize, offset: usize, first: usize) -> impl FnMut(&ApiRequest) -> Option<Fault> + Send {
    move |request: &ApiRequest| {
        let number = request.write?;
        (number % every == offset).then(|| of_write(first + number / every))
    }
}

/// One read in so many goes wrong: lists, gets, watches and discovery.
pub fn reads_go_wrong(every: usize, offset: usize) -> impl FnMut(&ApiRequest) -> Option<Fault> + Send {
    let mut reads = 0;
    move |request: &ApiRequest| {
        if request.write.is_some() {
            return None;
        }
        reads += 1;
        ((reads - 1) % every == offset).then(|| of_read(reads / every))
    }
}
