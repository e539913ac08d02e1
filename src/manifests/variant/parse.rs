//! YAML documents → values.

use serde_json::Value;

use crate::manifests::ManifestError;

/// Reads YAML documents. Empty documents are dropped, and the items of a `List` take its place.
///
/// Octal numbers (`defaultMode: 0644`) are read as kubectl reads them.
pub fn parse(text: &str) -> Result<Vec<Value>, ManifestError> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| ManifestError::NotYaml(error.to_string()))?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).flat_map(list_items).collect())
}

fn list_items(mut document: Value) -> Vec<Value> {
    if document.get("kind").and_then(Value::as_str) == Some("List")
        && let Some(items) = document.get_mut("items").and_then(Value::as_array_mut)
    {
        return std::mem::take(items);
    }
    vec![document]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_lists_and_empty_documents() {
        let text = "---\n# nothing\n---\nkind: A\n---\nkind: List\nitems:\n- kind: B\n- kind: C\n";
        assert_eq!(parse(text).unwrap(), vec![json!({"kind": "A"}), json!({"kind": "B"}), json!({"kind": "C"})]);
    }

    #[test]
    fn numbers_and_strings_stay_what_they_are() {
        let values = parse("gpu: '8'\nreplicas: 2\ndefaultMode: 0644\nenabled: \"true\"\n").unwrap();
        assert_eq!(values, vec![json!({"gpu": "8", "replicas": 2, "defaultMode": 420, "enabled": "true"})]);
    }

    #[test]
    fn what_is_not_yaml_is_refused_with_its_place() {
        let error = parse("a: [1\nb: 2\n").unwrap_err();
        assert!(matches!(&error, ManifestError::NotYaml(_)));
        assert!(error.to_string().contains("line"), "{error}");
    }
}
