//! Comparisons, read live. What cannot be read is an error of this comparison alone.

use kube::api::{GetParams, ListParams};
use kube::core::Request;
use kube::{Client, Resource};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::call::{call, optional};
use super::error::Error;
use crate::api::BenchmarkComparison;

/// Reads a comparison; `None` when there is none of this name.
pub async fn fetch(client: &Client, namespace: &str, name: &str) -> Result<Option<BenchmarkComparison>, Error> {
    fetch_with(client, namespace, name, &GetParams::default()).await
}

/// Reads a comparison as the API server has it at hand, if that is not older than these versions, and else as it is now.
pub async fn fetch_not_older(
    client: &Client,
    namespace: &str,
    name: &str,
    versions: &[Option<String>],
) -> Result<Option<BenchmarkComparison>, Error> {
    let least: Option<Vec<u64>> = versions.iter().map(|version| version.as_ref()?.parse().ok()).collect();
    if let Some(least) = least {
        let at_hand = fetch_with(client, namespace, name, &GetParams::any()).await?;
        let version = at_hand.as_ref().and_then(|found| found.metadata.resource_version.as_ref()?.parse().ok());
        if version.is_some_and(|version: u64| least.iter().all(|least| version >= *least)) {
            return Ok(at_hand);
        }
    }
    fetch(client, namespace, name).await
}

async fn fetch_with(
    client: &Client,
    namespace: &str,
    name: &str,
    parameters: &GetParams,
) -> Result<Option<BenchmarkComparison>, Error> {
    let request = Request::new(BenchmarkComparison::url_path(&(), Some(namespace)));
    let request = request.get(name, parameters).map_err(|error| Error::Body(error.to_string()))?;
    let text = optional("get benchmarkcomparison", client.request_text(request)).await?;
    text.map(|text| read(namespace, name, &text)).transpose()
}

/// Reads a page of the comparisons of a namespace, or of all, and tells `learn` of each that can be read. Returns what the next
/// page is asked for with, if there is one.
pub async fn fetch_page(
    client: &Client,
    namespace: Option<&str>,
    page: &ListParams,
    learn: impl Fn(&BenchmarkComparison),
) -> Result<Option<String>, Error> {
    let request = Request::new(BenchmarkComparison::url_path(&(), namespace));
    let request = request.list(page).map_err(|error| Error::Body(error.to_string()))?;
    let text = call("list benchmarkcomparisons", client.request_text(request)).await?;
    read_page(&text, learn).map_err(|error| Error::Body(error.to_string()))
}

/// Each item is read by itself: one that is nested too deeply would hide all others, and only one is in memory at a time.
fn read_page(text: &str, learn: impl Fn(&BenchmarkComparison)) -> serde_json::Result<Option<String>> {
    #[derive(Deserialize)]
    struct RawList<'a> {
        #[serde(default)]
        metadata: RawListMeta,
        #[serde(borrow)]
        items: Vec<&'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct RawListMeta {
        r#continue: Option<String>,
    }
    let page: RawList = serde_json::from_str(text)?;
    page.items
        .iter()
        .filter_map(|item| serde_json::from_str(item.get()).ok())
        .for_each(|comparison| learn(&comparison));
    Ok(page.metadata.r#continue.filter(|token| !token.is_empty()))
}

fn read(namespace: &str, name: &str, text: &str) -> Result<BenchmarkComparison, Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| Error::Unreadable { place: format!("{namespace}/{name}"), problem: problem(&error) })
}

/// Where and what, without what is written there: it may be a secret.
fn problem(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let what = match error.inner().classify() {
        serde_json::error::Category::Data => "has a value that this version of the operator does not know",
        _ if error.inner().to_string().contains("recursion limit") => "is nested too deeply",
        _ => "is not JSON",
    };
    format!("{} {what}", error.path())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::RefCell;

    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn nested() -> Value {
        (0..200).fold(json!("s3cret"), |inner, _| json!([inner]))
    }

    #[rstest]
    #[case("/spec/load/seed", json!("s3cret"), "spec.load.seed has a value that this version of the operator does not know")]
    #[case("/spec/load/seed", nested(), "spec.load.seed has a value that this version of the operator does not know")]
    #[case("/metadata/managedFields", json!([{"fieldsV1": nested()}]), "is nested too deeply")]
    fn the_field_is_named_and_not_its_value(#[case] path: &str, #[case] value: Value, #[case] expected: &str) {
        let mut object = json!({"apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "metadata": {"name": "a", "managedFields": []},
            "spec": crate::testing::spec()});
        *object.pointer_mut(path).unwrap() = value;
        let error = read("team", "a", &object.to_string()).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("team/a") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn one_that_cannot_be_read_hides_no_other() {
        let comparison = |name: &str, managed: Value| json!({"metadata": {"name": name, "managedFields": managed}, "spec": crate::testing::spec()});
        let odd = json!({"metadata": {"name": "odd"}, "spec": 1});
        let items = [
            comparison("a", json!([])),
            comparison("deep", json!([{"fieldsV1": nested()}])),
            odd,
            comparison("b", json!([])),
        ];
        let names = RefCell::new(vec![]);
        let learn =
            |comparison: &BenchmarkComparison| names.borrow_mut().push(comparison.metadata.name.clone().unwrap());
        let next = read_page(&json!({"metadata": {"continue": "more"}, "items": items}).to_string(), learn).unwrap();
        assert_eq!((names.take(), next.as_deref()), (vec!["a".into(), "b".into()], Some("more")));
        let last = json!({"metadata": {"continue": ""}, "items": []});
        assert_eq!(read_page(&last.to_string(), learn).unwrap(), None);
    }
}
