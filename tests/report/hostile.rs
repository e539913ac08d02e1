//! Text that others wrote stays text.

use bcmp::report::{HTML, LEVELS, render};
use serde_json::{Value, json};

use crate::fixture::{edited, simulated};

/// Closes whatever may be open, and runs if it is read as anything but text.
const EVIL: &str = "\"'></title></style></svg></pre><script>alert(1)</script><img src=x onerror=alert(2)>&{{ 7*7 }}";

/// Every text of the document that is not of a closed list of words becomes another.
fn rewritten(value: &mut Value, path: &str, word: &str) {
    let open = [
        "note",
        "forecast",
        "message",
        "summary",
        "reason",
        "slaReason",
        "image",
        "imageId",
        "earlierImageIds",
        "nodes",
        "gpuProducts",
        "tool",
        "loadTool",
        "agent",
        "predictor",
        "load",
        "url",
        "modeReason",
        "inputsHash",
        "databaseVersion",
        "interval",
        "gain",
        "gainPercent",
        "winner",
        "ttftMilliseconds",
        "name",
        "configMapName",
        "podUid",
        "firstError",
        "plan",
        "configurations",
        "system",
        "tokensPerSecondPerGpu",
        "sla",
        "candidate",
        "predictionError",
        "runId",
        "key",
    ];
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| rewritten(field, name, word)),
        Value::Array(items) => items.iter_mut().for_each(|item| rewritten(item, path, word)),
        Value::String(text) if open.contains(&path) && !["Met", "Missed", "Marginal"].contains(&text.as_str()) => {
            *text = word.into();
        }
        _ => {}
    }
}

#[test]
fn hostile_text_never_breaks_out() {
    let page = |word: &str| {
        let report = edited(&simulated(), |report| {
            rewritten(report, "", word);
            report["note"] = json!(word);
        });
        render(&report)[HTML].clone()
    };
    let (page, clean) = (page(EVIL), page("word"));
    assert!(page.matches("&#60;script").count() + page.matches("&lt;script").count() > 20, "hostile text is shown");
    for forbidden in ["<script", "<img", "onerror=alert(2)>", "</style></svg>"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    // The same elements as without it: nothing was opened or closed by text.
    for tag in ["</title>", "</style>", "</svg>", "</section>", "<h2", "<pre"] {
        assert_eq!(page.matches(tag).count(), clean.matches(tag).count(), "{tag}");
    }
}

#[test]
fn a_table_of_levels_keeps_its_columns() {
    let report = edited(&simulated(), |report| {
        report["variants"][0]["name"] = json!("a,\"b\"\nc");
    });
    let text = &render(&report)[LEVELS];
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(&rows[0][0], "a,\"b\"\nc");
    assert!(rows.iter().all(|row| row.len() == 38));
}

#[test]
fn the_page_allows_nothing_but_itself() {
    let page = &render(&simulated())[HTML];
    assert!(page.contains(r#"content="default-src 'none'; style-src 'unsafe-inline'; img-src data:""#));
    for reference in ["http://", "https://", "src=", "url(", "@import", "<script", "<link rel=\"stylesheet"] {
        assert!(!page.contains(reference), "{reference}");
    }
}

#[test]
fn values_of_the_environment_are_not_shown() {
    let mut spec = crate::fixture::spec();
    spec.load.env = serde_json::from_value(json!([{"name": "TOKEN", "value": "hunter2"}])).unwrap();
    let files = render(&crate::fixture::judged(&spec, |_| {}));
    assert!(files[HTML].contains("TOKEN") && files.values().all(|text| !text.contains("hunter2")));
}
