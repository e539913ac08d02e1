//! Six variants with 24 levels of six runs each, and text as long as it gets: still one ConfigMap.

use bcmp::measurement::record::Purpose;
use bcmp::report::{HTML, JSON, LEVELS, LIMIT, Report, SUMMARY, render};
use serde_json::{Value, json};

use crate::fixture::{edited, judged, simulated, spec};

fn size(report: &Report) -> usize {
    let files = render(report);
    for (name, content) in &files {
        println!("{name}: {} bytes", content.len());
    }
    files.iter().map(|(name, content)| name.len() + content.len()).sum()
}

/// A comparison of six variants; each has 24 levels with six runs.
fn full() -> Report {
    let mut spec = spec();
    spec.load.decision_trials = 1;
    spec.load.refinements = 0;
    // The claim's concurrency is a level too.
    spec.workload.concurrency = (1..17).map(|n| 100 + 7 * n).collect();
    let candidate = spec.variants[1].clone();
    for number in 2..6 {
        let name = format!("variant-name-{number}");
        spec.variants.push(bcmp::api::Variant { name, ..candidate.clone() });
    }
    judged(&spec, |evidence| {
        let pattern = evidence.records[0].clone();
        evidence.records = (0..24)
            .flat_map(|level| (0..6).map(move |run| (if level == 0 { 12 } else { 100 + 7 * level }, run)))
            .map(|(concurrency, run)| {
                let mut record = pattern.clone();
                record.trial.key.concurrency = concurrency;
                record.trial.key.purpose = if run == 0 { Purpose::Ladder } else { Purpose::Decision };
                record.trial.key.number = run.max(1);
                record.trial.requests = 20 * concurrency;
                let measurement = record.measurement.as_mut().unwrap();
                measurement.concurrency = concurrency;
                measurement.requests = 20 * concurrency;
                measurement.facts.effective_concurrency = Some(f64::from(concurrency));
                measurement.facts.client_wait_percent = Some(if run == 3 { 12.5 } else { 1.0 });
                measurement.facts.unsteadiness_percent = Some(11.0 + f64::from(run));
                let tokens = measurement.output_tokens_per_second.unwrap().get() * (1.0 + 0.013 * f64::from(run));
                measurement.output_tokens_per_second = Some(bcmp::units::TokensPerSecond::new(tokens).unwrap());
                record
            })
            .collect();
    })
}

#[test]
fn a_usual_report_holds_everything() {
    let files = render(&simulated());
    let read: Report = serde_json::from_str(&files[JSON]).unwrap();
    assert!(read.left_out.is_empty() && read.records.values().map(Vec::len).sum::<usize>() > 30);
}

#[test]
fn a_full_report_fits_and_says_what_it_leaves_out() {
    let report = full();
    assert_eq!(report.records.values().map(Vec::len).sum::<usize>(), 6 * 24 * 6);
    let measured =
        |variant: &bcmp::report::ReportVariant| variant.levels.iter().filter(|l| l.measured.is_some()).count();
    assert!(report.variants.iter().all(|variant| measured(variant) == 24));
    assert!(size(&report) <= LIMIT, "{}", size(&report));
    let files = render(&report);
    let read: Report = serde_json::from_str(&files[JSON]).unwrap();
    assert!(read.records.is_empty() && !read.variants.is_empty());
    assert!(read.left_out[0].contains("864 trial records"), "{:?}", read.left_out);
    for file in [SUMMARY, HTML] {
        assert!(files[file].contains("864 trial records"), "{file}");
    }
    assert!(files[LEVELS].lines().count() > 6 * 24, "levels are all there");
    assert_eq!(
        files[HTML].matches(r##"<use href="#k"##).count(),
        7 * 6 * 24 + 7 * 6 + 6,
        "so are the points: seven plots, their legends, headings"
    );
}

/// Names and messages as long as they get, of what takes the most room when it is escaped.
fn swollen(value: &mut Value, path: &str) {
    let bytes = match path {
        "message" => 300,
        "reason" | "summary" => 512,
        "image" | "imageId" | "earlierImageIds" => 512,
        "nodes" => 253,
        "gpuProducts" => 63,
        _ => 0,
    };
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| swollen(field, name)),
        Value::Array(items) => items.iter_mut().for_each(|item| swollen(item, path)),
        Value::String(text) if bytes > 0 => *text = "<\"".repeat(bytes / 2),
        _ => {}
    }
}

#[test]
fn the_worst_report_fits() {
    let report = edited(&full(), |report| {
        let finding = json!({"code": "ThroughputInconsistent", "severity": "Reject", "message": ""});
        for variant in report["variants"].as_array_mut().unwrap() {
            variant["findings"] = json!(vec![finding.clone(); 16]);
            variant["deployed"]["nodes"] = json!(vec![""; 12]);
            variant["deployed"]["earlierImageIds"] = json!(vec![""; 2]);
            variant["deployments"] = json!(vec![variant["deployments"][0].clone(); 24]);
            for level in variant["levels"].as_array_mut().unwrap() {
                level["findings"] = json!([finding]);
            }
        }
        for variant in report["spec"]["variants"].as_array_mut().unwrap() {
            variant["source"] = json!({"type": "Manifests", "manifests": {"inline": "<".repeat(65_536)}});
        }
        swollen(report, "");
    });
    assert!(size(&report) <= LIMIT, "{}", size(&report));
    let read: Report = serde_json::from_str(&render(&report)[JSON]).unwrap();
    assert!(read.left_out.len() >= 2, "{:?}", read.left_out);
    let drawn = render(&report)[HTML].matches(r##"<use href="#k"##).count() > 6 * 24;
    let said = read.left_out.iter().any(|what| what.starts_with("plots"));
    assert_ne!(drawn, said, "what is measured is drawn, or said to be left out: {:?}", read.left_out);
}
