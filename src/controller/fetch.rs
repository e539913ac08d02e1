//! One comparison, read live. What cannot be read is an error of this comparison alone.

use kube::api::GetParams;
use kube::core::Request;
use kube::{Client, Resource};

use super::call::optional;
use super::error::Error;
use crate::api::BenchmarkComparison;

/// Reads a comparison; `None` when there is none of this name.
pub async fn fetch(client: &Client, namespace: &str, name: &str) -> Result<Option<BenchmarkComparison>, Error> {
    let request = Request::new(BenchmarkComparison::url_path(&(), Some(namespace)));
    let request = request.get(name, &GetParams::default()).map_err(|error| Error::Body(error.to_string()))?;
    let text = optional("get benchmarkcomparison", client.request_text(request)).await?;
    text.map(|text| read(namespace, name, &text)).transpose()
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
}
