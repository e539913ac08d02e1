//! YAML documents → values.

use serde_json::Value;

use crate::manifests::ManifestError;

/// Reads YAML documents. Empty documents are dropped, and the items of a `List` take its place.
pub fn parse(text: &str) -> Result<Vec<Value>, ManifestError> {
    let documents =
        yaml_documents(text).map_err(|problem| ManifestError::NotYaml { problem, cure: cure_of_text(text) })?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).flat_map(list_items).collect())
}

fn cure_of_text(text: &str) -> &'static str {
    if has_placeholder(text) {
        "if this is a template, fill it in first, for example with envsubst or helm template"
    } else {
        "correct it"
    }
}

/// Whether a text still has a place that a template engine fills in.
pub(super) fn has_placeholder(text: &str) -> bool {
    text.contains("${") || text.contains("{{")
}

/// The documents of a text as kubectl reads them: with octal numbers (`defaultMode: 0644`), and with as many comments as
/// people write, of which the parser would keep few.
///
/// # Errors
/// What is wrong, and where.
pub fn yaml_documents(text: &str) -> Result<Vec<Value>, String> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true, emit_comments: false };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| error.to_string())
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
    fn comments_between_a_key_and_its_block_may_be_long() {
        let text = format!("spec:\n{}  - a\n", "  # said at length\n".repeat(100));
        assert_eq!(parse(&text).unwrap(), vec![json!({"spec": ["a"]})]);
    }

    #[test]
    fn what_is_not_yaml_is_refused_with_its_place() {
        let error = parse("a: [1\nb: 2\n").unwrap_err();
        assert!(matches!(&error, ManifestError::NotYaml { .. }));
        assert!(error.to_string().contains("line"), "{error}");
    }
}
