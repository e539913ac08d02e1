//! What the API server says of each object: in memory, and the same on a real control plane.

use std::collections::BTreeMap;

use bcmp::api::BenchmarkComparison;
use serde_json::Value;

use crate::base::base;
use crate::bed::{Bed, Reply};
use crate::generator::{Mutant, mutants};
use crate::{number, schema, seed};

const COMPARISONS: &str = "benchmarkcomparisons.bcmp.dev";
/// Objects that are tried where nobody asks for more.
const SHARE: usize = 1500;

/// How the messages of refusals bid somebody do something.
const CURES: [&str; 10] = [
    "must",
    "should",
    "equire",
    "supported values",
    "may not be more than",
    "allowed only",
    "set ",
    "write ",
    "has no effect",
    "expected",
];

fn wanted() -> Vec<Mutant> {
    mutants(&schema(), &base(), number("BCMP_OBJECTS", SHARE), seed())
}

async fn create(bed: &Bed, object: &Value) -> Reply {
    let mut object = object.clone();
    if object["metadata"].is_object() {
        object["metadata"]["namespace"] = bed.namespace.clone().into();
    }
    bed.post(&format!("{}?dryRun=All", bed.path(COMPARISONS)), object).await
}

/// Whether an answer is of use to whoever gets it.
fn complaint(mutant: &Mutant, reply: &Reply) -> Option<String> {
    let message = reply.body["message"].as_str().unwrap_or_default();
    match reply.code {
        // How the server in memory reads JSON.
        400 if message.contains("recursion limit exceeded") => None,
        201 => {
            let text = reply.body.to_string();
            serde_json::from_str::<BenchmarkComparison>(&text).err().map(|error| format!("cannot be read: {error}"))
        }
        400 | 422 => {
            let named = mutant.0.iter().any(|change| is_named(&change.field(), message));
            let cured = CURES.iter().any(|cure| message.contains(cure));
            (!named || !cured).then(|| format!("field named: {named}, cure: {cured}: {message:.400}"))
        }
        code => Some(format!("answered with {code}: {message:.400}")),
    }
}

/// Whether a message names a field, what it is part of (below the spec), or what is part of it.
fn is_named(field: &str, message: &str) -> bool {
    let above = |field: &str| field.rfind(['.', '[']).map(|end| field[..end].to_owned());
    let mut name = Some(field.to_owned());
    while let Some(field) = name.filter(|field| field.contains('.')) {
        let short = field.trim_start_matches("spec.");
        if message.contains(&field) || message.contains(short) {
            return true;
        }
        name = above(&field);
    }
    // A rule of the whole spec, or of a list's item, names the last part only.
    let last = field.rsplit('.').next().unwrap_or(field).split('[').next().unwrap_or(field);
    message.contains(last)
}

fn tell(server: &str, answers: &BTreeMap<u16, usize>) {
    let total: usize = answers.values().sum();
    let of = |code: u16| answers.get(&code).copied().unwrap_or(0);
    let refused = total - of(201);
    println!("{server}: {total} objects: {} accepted and read, {refused} refused", of(201));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_field_and_cure_and_what_is_accepted_can_be_read() {
    let (bed, base) = (Bed::in_memory(), base());
    create(&bed, &base).await.ok();
    let (mut bad, mut answers) = (vec![], BTreeMap::new());
    for mutant in wanted() {
        let reply = create(&bed, &mutant.of(&base)).await;
        *answers.entry(reply.code).or_default() += 1;
        bad.extend(complaint(&mutant, &reply).map(|why| format!("{}: {why}", mutant.line())));
    }
    tell("in memory", &answers);
    assert!(bad.is_empty(), "{} of {:?}: {:#?}", bad.len(), answers, bad.iter().take(40).collect::<Vec<_>>());
}

/// Whoever tries something in memory must learn what a real server would say.
#[tokio::test]
async fn both_servers_answer_alike() {
    let Some(real) = Bed::real("misoperation").await else { return };
    let (memory, base) = (Bed::in_memory(), base());
    let (mut bad, mut answers) = (vec![], BTreeMap::new());
    for mutant in wanted() {
        let object = mutant.of(&base);
        let (there, here) = (create(&real, &object).await, create(&memory, &object).await);
        *answers.entry(there.code).or_default() += 1;
        bad.extend(complaint(&mutant, &there).map(|why| format!("{}: {why}", mutant.line())));
        bad.extend(difference(&there, &here).map(|why| format!("{}: {why}", mutant.line())));
    }
    tell("on a real control plane", &answers);
    real.clean_up().await;
    assert!(bad.is_empty(), "{} of {:?}: {:#?}", bad.len(), answers, bad.iter().take(40).collect::<Vec<_>>());
}

fn difference(there: &Reply, here: &Reply) -> Option<String> {
    let (accepted, also) = (there.code < 300, here.code < 300);
    let message =
        |reply: &Reply| format!("{} {:.300}", reply.code, reply.body["message"].as_str().unwrap_or("accepted"));
    if accepted != also {
        return Some(format!("really: {}; in memory: {}", message(there), message(here)));
    }
    let stored = accepted && there.body["spec"] != here.body["spec"];
    stored.then(|| format!("really stored: {:.300}; in memory: {:.300}", there.body["spec"], here.body["spec"]))
}
