//! Tables: what `kubectl get` shows of objects, with the columns of their definition.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::{Kind, PrinterColumn};

/// A table of objects, at a time.
pub fn table(kind: &Kind, objects: &[Arc<Value>], metadata: &Value, now: Timestamp) -> Value {
    let column = |name: &str, kind: &str, priority: i64| json!({"name": name, "type": kind, "format": "", "description": "", "priority": priority});
    let mut columns = vec![column("Name", "string", 0)];
    columns[0]["format"] = json!("name");
    columns.extend(kind.columns.iter().map(|of| column(&of.name, &of.kind, of.priority)));
    let rows: Vec<Value> = objects.iter().map(|object| row(kind, object, now)).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "columnDefinitions": columns, "rows": rows,
        "metadata": {"resourceVersion": metadata["resourceVersion"]},
    })
}

fn row(kind: &Kind, object: &Value, now: Timestamp) -> Value {
    let mut cells = vec![object["metadata"]["name"].clone()];
    cells.extend(kind.columns.iter().map(|column| cell(column, object, now)));
    let metadata = json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
    });
    json!({"cells": cells, "object": metadata})
}

fn cell(column: &PrinterColumn, object: &Value, now: Timestamp) -> Value {
    let value = column.path.split('.').filter(|field| !field.is_empty()).fold(object, |value, field| &value[field]);
    match (column.kind.as_str(), value.as_str().and_then(|text| text.parse::<Timestamp>().ok())) {
        ("date", Some(time)) => json!(age(now.as_second() - time.as_second())),
        _ => value.clone(),
    }
}

/// Two units while the first is small.
fn age(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..120 => format!("{}s", seconds.max(0)),
        120..600 if seconds % 60 > 0 => format!("{minutes}m{}s", seconds % 60),
        120..10_800 => format!("{minutes}m"),
        10_800..28_800 if minutes % 60 > 0 => format!("{hours}h{}m", minutes % 60),
        10_800..172_800 => format!("{hours}h"),
        _ => format!("{days}d"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::kinds::custom;
    use super::*;

    #[test]
    fn columns_come_from_the_definition() {
        let kind = custom(&serde_json::to_value(crate::api::crd::crd()).unwrap());
        let object = json!({
            "metadata": {"name": "qwen", "creationTimestamp": "2026-03-02T09:00:00Z", "resourceVersion": "7"},
            "status": {"phase": "Measuring", "progress": {"summary": "3/14"}},
        });
        let now = "2026-03-02T09:03:05Z".parse().unwrap();
        let table = table(&kind, &[Arc::new(object)], &json!({"resourceVersion": "9"}), now);
        let titles: Vec<&str> =
            table["columnDefinitions"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
        assert_eq!(&titles[..3], ["Name", "Phase", "Progress"]);
        let cells = &table["rows"][0]["cells"];
        assert_eq!((&cells[0], &cells[1], &cells[2]), (&json!("qwen"), &json!("Measuring"), &json!("3/14")));
        let at = titles.iter().position(|title| *title == "Age").unwrap();
        assert_eq!((&cells[at], &cells[3]), (&json!("3m5s"), &Value::Null));
        assert_eq!(table["metadata"]["resourceVersion"], "9");
    }
}
