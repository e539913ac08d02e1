//! What the schema accepts can be read: one object that cannot is one that no list of its kind can be read with.

use bcmp::api::BenchmarkComparison;
use serde_json::{Value, json};

use super::COMPARISONS;
use super::full::{full, set, smallest, status};
use crate::bed::{Bed, Reply};

/// Every place in a document, the whole included.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, inner)| places(inner, &format!("{path}/{name}"), found))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| places(inner, &format!("{path}/{index}"), found));
        }
        _ => {}
    }
}

fn extremes() -> Vec<Value> {
    let nested = (0..200).fold(json!("deep"), |inner, _| json!([inner]));
    let numbers = [json!(-1), json!(0), json!(3_000_000_000_i64), json!(i64::MAX), json!(u64::MAX), json!(i64::MIN)];
    let others = [json!(""), json!("1"), json!("x".repeat(300)), json!(true), json!([]), json!({}), json!(1.5), nested];
    numbers.into_iter().chain(others).collect()
}

/// What keeps an accepted object from being read as an item of a list.
fn unreadable(reply: Reply) -> Option<String> {
    if reply.code >= 300 {
        return None;
    }
    let text = match reply.body {
        Value::String(text) => text,
        body => body.to_string(),
    };
    let list = format!("{{\"items\":[{text}]}}");
    #[derive(serde::Deserialize)]
    struct List {
        items: Vec<BenchmarkComparison>,
    }
    match serde_json::from_str::<List>(&list) {
        Ok(list) => {
            assert_eq!(list.items.len(), 1);
            None
        }
        Err(error) => Some(error.to_string()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_is_accepted_can_be_read() {
    let bed = Bed::in_memory();
    let mut paths = vec![];
    places(&full()["spec"], "/spec", &mut paths);
    assert!(paths.len() > 150, "{}", paths.len());
    let path = format!("{}?dryRun=All", bed.path(COMPARISONS));
    let mut bad = vec![];
    for place in &paths {
        for extreme in extremes() {
            let mut object = full();
            set(&mut object, place, extreme.clone());
            let why = unreadable(bed.post(&path, object).await);
            bad.extend(why.map(|why| format!("{place} = {:.40}: {why}", extreme.to_string())));
        }
    }
    assert_eq!(bad, Vec::<String>::new());
}

/// The status is the operator's, but whoever may write it can make it unreadable for all.
#[tokio::test(start_paused = true)]
async fn a_status_that_is_accepted_can_be_read() {
    let bed = Bed::in_memory();
    bed.post(&bed.path(COMPARISONS), smallest()).await.ok();
    let path = format!("{}/status?dryRun=All", bed.object(COMPARISONS, "smallest"));
    let mut whole = json!({ "status": status() });
    // One of each is enough.
    for list in ["/status/variants", "/status/conditions", "/status/history", "/status/verdict/comparisons"] {
        if let Some(items) = whole.pointer_mut(list).and_then(Value::as_array_mut) {
            items.drain(..items.len() - 1);
        }
    }
    whole["status"]["variants"][0]["levels"].as_array_mut().unwrap().truncate(1);
    let mut paths = vec![];
    places(&whole["status"], "/status", &mut paths);
    assert!(paths.len() > 100, "{}", paths.len());
    let mut bad = vec![];
    for place in &paths {
        for extreme in extremes() {
            let mut object = whole.clone();
            set(&mut object, place, extreme.clone());
            let why = unreadable(bed.merge(&path, object).await);
            bad.extend(why.map(|why| format!("{place} = {:.40}: {why}", extreme.to_string())));
        }
    }
    assert_eq!(bad, Vec::<String>::new());
}
