//! The documents say what the code does: nothing that people meet is missing from the page that explains it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use bcmp::api::{BenchmarkComparison, BenchmarkComparisonStatus};
use kube::CustomResourceExt;
use regex::Regex;
use serde_json::Value;

#[path = "../examples/doc-tables/tables.rs"]
mod tables;

const READING: &str = include_str!("../docs/reading-results.md");
const INSTALL: &str = include_str!("../docs/install.md");
const OPERATIONS: &str = include_str!("../docs/operations.md");

/// Each of them stands in the page as code.
fn explained(page: &str, name: &str, names: impl IntoIterator<Item = String>, at_least: usize) {
    let names: BTreeSet<String> = names.into_iter().collect();
    assert!(names.len() >= at_least, "too few to be true: {names:?}");
    let missing: Vec<&String> = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "{name} does not explain {missing:?}");
}

/// What conditions, reasons and codes mean is written in the code alone.
#[test]
fn the_generated_tables_are_committed() {
    let mut found = vec![];
    for path in tables::DOCUMENTS {
        let document = std::fs::read_to_string(tables::in_repository(path)).unwrap();
        found.extend(tables::names(&document).into_iter().map(str::to_owned));
        assert!(
            document == tables::updated(&document),
            "{path} does not say what the code says; write it anew: cargo run -q --example doc-tables"
        );
    }
    found.sort_unstable();
    let mut all = tables::TABLES;
    all.sort_unstable();
    assert_eq!(found, all, "each table stands in one document");
}

#[test]
fn each_column_is_explained() {
    let crd = BenchmarkComparison::crd();
    let columns = crd.spec.versions[0].additional_printer_columns.iter().flatten();
    explained(READING, "docs/reading-results.md", columns.map(|column| column.name.to_uppercase()), 12);
}

/// The values of every enum of the status but the evidence codes, which are docs/method.md's.
#[test]
fn each_name_of_the_status_is_explained() {
    let schema = serde_json::to_value(schemars::schema_for!(BenchmarkComparisonStatus)).unwrap();
    for name in ["Phase", "VariantPhase", "VerdictResult", "Outcome", "SlaState", "Severity"] {
        let values = schema["$defs"][name]["oneOf"].as_array().unwrap_or_else(|| panic!("no enum {name}"));
        let values = values.iter().map(|value| value["const"].as_str().unwrap().to_owned());
        explained(READING, "docs/reading-results.md", values, 2);
    }
}

#[test]
fn each_file_of_the_report_and_each_column_of_the_table_is_explained() {
    let files = [bcmp::report::SUMMARY, bcmp::report::JSON, bcmp::report::LEVELS, bcmp::report::HTML];
    explained(READING, "docs/reading-results.md", files.map(str::to_owned), 4);
    let columns = bcmp::report::levels::LevelRow::CSV.iter().map(|column| column.name.to_owned());
    explained(READING, "docs/reading-results.md", columns, 25);
}

#[test]
fn each_metric_and_each_alert_is_explained() {
    let source = include_str!("../src/controller/metrics.rs").split("#[cfg(test)]").next().unwrap();
    let registered = Regex::new(r#"register\(\s*"(\w+)""#).unwrap();
    for metric in registered.captures_iter(source).map(|found| found[1].to_owned()) {
        let family =
            metric.starts_with("controller_runtime_reconcile") && INSTALL.contains("`controller_runtime_reconcile_*`");
        assert!(family || INSTALL.contains(&metric), "docs/install.md does not explain {metric}");
    }
    let rules = include_str!("../charts/bcmp/templates/prometheusrule.yaml");
    let alerts = Regex::new(r"alert: (\w+)").unwrap();
    explained(OPERATIONS, "docs/operations.md", alerts.captures_iter(rules).map(|found| found[1].to_owned()), 5);
}

/// The table of deadlines has the defaults.
#[test]
fn deadlines_have_the_defaults_that_are_said() {
    let defaults = serde_json::to_value(bcmp::api::Deadlines::default()).unwrap();
    for (field, seconds) in defaults.as_object().unwrap() {
        let row = format!("| `{field}` | {seconds} |");
        assert!(OPERATIONS.contains(&row), "docs/operations.md has no row {row}");
    }
}

/// The README shows the guide's experiment as it lies in the samples.
#[test]
fn the_readme_shows_the_sample() {
    let sample = include_str!("../config/samples/guide.yaml");
    let object: Vec<&str> = sample.lines().filter(|line| !line.starts_with('#')).collect();
    let block = format!("```yaml\n{}\n```", object.join("\n"));
    assert!(include_str!("../README.md").contains(&block), "README.md does not show config/samples/guide.yaml");
}

/// The book and the index have every page.
#[test]
fn each_page_is_in_the_book_and_in_the_index() {
    let docs = tables::in_repository("docs");
    let pages = std::fs::read_dir(docs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for page in pages.filter(|page| page.ends_with(".md") && page != "SUMMARY.md") {
        let link = format!("]({page})");
        assert!(include_str!("../docs/SUMMARY.md").contains(&link), "docs/SUMMARY.md has no {page}");
        assert!(
            page == "README.md" || include_str!("../docs/README.md").contains(&link),
            "docs/README.md has no {page}"
        );
    }
}

/// Links lead somewhere: files are there, and so are the headings.
#[test]
fn links_lead_somewhere() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "config/gitops-example/README.md"]
        .map(|page| root.join(page));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    // What looks like a link within code is none.
    let code = Regex::new(r"`[^`\n]*`").unwrap();
    let mut broken = vec![];
    for page in pages.into_iter().chain(docs.filter(|path| path.extension().is_some_and(|e| e == "md"))) {
        let text = code.replace_all(&std::fs::read_to_string(&page).unwrap(), "`").into_owned();
        for target in
            link.captures_iter(&text).map(|found| found[1].to_owned()).filter(|target| !target.contains("://"))
        {
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let there = path.exists() && (anchor.is_empty() || headings(&path).contains(anchor));
            if !there {
                broken.push(format!("{}: {target}", page.strip_prefix(root).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Anchors as code hosts make them from headings.
fn headings(page: &std::path::Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(page).unwrap();
    let titles = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |title: &str| {
        let kept =
            title.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
        kept.replace(' ', "-")
    };
    titles.map(anchor).collect()
}

#[path = "report/fixture.rs"]
#[allow(dead_code)]
mod fixture;

/// The schema that programs read reports by is the one of the types.
#[test]
fn the_schema_of_a_report_is_committed() {
    let committed = std::fs::read_to_string(tables::report_schema_path()).unwrap_or_default();
    assert!(committed == tables::report_schema(), "write it anew: cargo run -q --example doc-tables");
}

/// Whatever is in a report is in its schema, and what the schema requires is in the report.
#[test]
fn a_report_is_as_its_schema_says() {
    let schema: Value = serde_json::from_str(&tables::report_schema()).unwrap();
    let mut report = serde_json::to_value(fixture::simulated()).unwrap();
    assert_eq!(found(&schema, &schema, &report, "report"), Vec::<String>::new());
    report["records"]["baseline"][0]["measurement"]["mood"] = "good".into();
    let unlike = found(&schema, &schema, &report, "report");
    assert_eq!(unlike, ["report.records.baseline.measurement.mood: not in the schema"]);
    assert!(report["records"]["baseline"].as_array().is_some_and(|records| records.len() > 10), "an empty report");
}

/// Adds fields that the schema does not have, and fields that it requires and the value does not have.
fn compare(root: &Value, schema: &Value, value: &Value, path: &str, unlike: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{path}: no {name}"));
        compare(root, target, value, path, unlike);
    }
    for choices in ["anyOf", "oneOf", "allOf"].map(|kind| schema[kind].as_array()).into_iter().flatten() {
        let choices = choices.iter().filter(|choice| (choice["type"] == "null") == value.is_null());
        let tried: Vec<Vec<String>> = choices.map(|choice| found(root, choice, value, path)).collect();
        unlike.extend(tried.into_iter().min_by_key(Vec::len).unwrap_or_default());
    }
    match value {
        Value::Object(fields) if schema["properties"].is_object() || schema["additionalProperties"].is_object() => {
            for (name, field) in fields {
                let path = format!("{path}.{name}");
                match (&schema["properties"][name], &schema["additionalProperties"]) {
                    (Value::Null, Value::Null) => unlike.push(format!("{path}: not in the schema")),
                    (Value::Null, any) => compare(root, any, field, &path, unlike),
                    (known, _) => compare(root, known, field, &path, unlike),
                }
            }
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            unlike.extend(
                required.filter(|name| !fields.contains_key(*name)).map(|name| format!("{path}.{name}: absent")),
            );
        }
        Value::Array(items) => items.iter().for_each(|item| compare(root, &schema["items"], item, path, unlike)),
        _ => {}
    }
}

fn found(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut unlike = vec![];
    compare(root, schema, value, path, &mut unlike);
    unlike
}
