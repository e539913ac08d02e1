//! `kubectl bcmp results`: what each run of the load tool measured.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use kube::ResourceExt;
use serde_json::json;

use super::Plugin;
use super::arguments::{Results as Arguments, ResultsForm};
use super::error::PluginError;
use super::screen::clean;
use super::stored::{self, StoredRun, stored_run};
use crate::api::EvidenceCode;
use crate::cli::evaluate::table::{Column, table};
use crate::manifests::agent_pod::pod_security_context;
use crate::manifests::load_job::{artifacts_directory, results_mount_path};
use crate::measurement::Distribution;
use crate::measurement::record::{SCHEMA_VERSION, TrialRecord};
use crate::report::words::{ABSENT, figure};

/// Bytes of an unpacked summary at most: no tool writes more.
const LARGEST_SUMMARY: u64 = 64 << 20;

/// Prints records, or writes raw summaries.
pub async fn results(plugin: &mut Plugin, arguments: &Arguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let comparison = cluster.comparison(&arguments.comparison).await?;
    let number = stored::number(&comparison, arguments.run.run)?;
    let mut run = stored_run(&cluster, &comparison, number).await?;
    if let Some(variant) = &arguments.variant {
        only(&mut run, variant)?;
    }
    if let Some(directory) = &arguments.directory {
        let written = write_raw(directory, &run)?;
        plugin.screen.document(&format!("{written} summaries are written to {}\n", directory.display()))?;
        return Ok(0);
    }
    let records: Vec<(&str, &TrialRecord)> = records(&run);
    let text = match arguments.output {
        ResultsForm::Json => {
            let records: BTreeMap<&String, _> =
                run.ledgers.iter().map(|(variant, ledger)| (variant, &ledger.records)).collect();
            let document = json!({
                "schemaVersion": SCHEMA_VERSION, "comparison": comparison.name_any(), "run": number, "records": records,
            });
            serde_json::to_string_pretty(&document).map_err(|error| PluginError::failed(error.to_string()))? + "\n"
        }
        ResultsForm::Csv => rows_as_csv(&records),
        ResultsForm::Table if records.is_empty() => {
            plugin.screen.note(&format!("nothing is measured yet in run {number} of {}", comparison.name_any()));
            return Ok(0);
        }
        ResultsForm::Table => rows_as_table(&records),
    };
    plugin.screen.document(&text)?;
    if arguments.output == ResultsForm::Table
        && let Some(place) = on_the_claim(&run)
    {
        plugin.screen.document(&format!("\n{place}"))?;
    }
    Ok(0)
}

fn only(run: &mut StoredRun, variant: &str) -> Result<(), PluginError> {
    let names: Vec<&str> = run.plan.spec.variants.iter().map(|of| of.name.as_str()).collect();
    if !names.contains(&variant) {
        let names = names.join(", ");
        return Err(PluginError::usage(format!("--variant {variant}: the run has no such variant, only {names}")));
    }
    run.ledgers.retain(|name, _| name == variant);
    run.raw.retain(|name, _| name == variant);
    Ok(())
}

/// Records in the order of the spec's variants, and of their times.
fn records(run: &StoredRun) -> Vec<(&str, &TrialRecord)> {
    let mut all = vec![];
    for variant in &run.plan.spec.variants {
        let mut of_variant: Vec<_> = run.records(&variant.name).iter().map(|r| (variant.name.as_str(), r)).collect();
        of_variant.sort_by_key(|(_, record)| (record.start_time, record.step.key()));
        all.extend(of_variant);
    }
    all
}

fn codes(record: &TrialRecord) -> String {
    let codes = record.findings.iter().map(|finding| finding.code.as_str());
    let none = record.measurement.is_none() && record.findings.is_empty();
    codes.chain(none.then_some(EvidenceCode::LoadToolFailed.as_str())).collect::<Vec<_>>().join(" ")
}

fn rows_as_table(records: &[(&str, &TrialRecord)]) -> String {
    let text = |name| Column { group: "", name, is_text: true };
    let number = |group, name| Column { group, name, is_text: false };
    let columns = [
        text("VARIANT"),
        number("", "C"),
        text("WHY"),
        number("", "ROUND"),
        number("", "REP"),
        number("", "TRY"),
        number("", "REQUESTS"),
        number("", "ERRORS"),
        number("TTFT, ms", "MEAN"),
        number("TTFT, ms", "P50"),
        number("TTFT, ms", "P99"),
        number("TPOT, ms", "MEAN"),
        number("TPOT, ms", "P50"),
        number("TPOT, ms", "P99"),
        number("", "TOKENS/S"),
        number("", "REQUESTS/S"),
        number("", "SECONDS"),
        text("FINDINGS"),
    ];
    let rows = records.iter().map(|(variant, record)| {
        let (step, measured) = (&record.step, record.measurement.as_ref());
        let shown = |value: Option<f64>| value.map_or_else(|| ABSENT.into(), figure);
        let three = |of: Option<Distribution>| {
            [of.map(|of| of.mean), of.and_then(|of| of.p50), of.and_then(|of| of.p99)]
                .map(|value| shown(value.map(|v| v.get())))
        };
        let count = |of: Option<u32>| of.map_or_else(|| ABSENT.into(), |count| count.to_string());
        let seconds = record.completion_time.as_second() - record.start_time.as_second();
        let mut row = vec![
            (*variant).to_owned(),
            step.concurrency.to_string(),
            format!("{:?}", step.purpose).to_lowercase(),
            step.round.to_string(),
            step.repetition.to_string(),
            step.attempt.to_string(),
            count(measured.map(|m| m.requests)),
            count(measured.and_then(|m| m.errors)),
        ];
        row.extend(three(measured.and_then(|m| m.ttft)));
        row.extend(three(measured.and_then(|m| m.tpot)));
        row.push(shown(measured.and_then(|m| m.output_tokens_per_second).map(|rate| rate.get())));
        row.push(shown(measured.and_then(|m| m.requests_per_second).map(|rate| rate.get())));
        row.push(seconds.to_string());
        row.push(clean(&codes(record)));
        row
    });
    table(&columns, &rows.collect::<Vec<_>>())
}

const CSV_COLUMNS: [&str; 33] = [
    "variant",
    "concurrency",
    "purpose",
    "round",
    "repetition",
    "attempt",
    "deployment",
    "seed",
    "start_time",
    "completion_time",
    "tool",
    "requests",
    "errors",
    "ttft_ms_mean",
    "ttft_ms_p50",
    "ttft_ms_p90",
    "ttft_ms_p95",
    "ttft_ms_p99",
    "tpot_ms_mean",
    "tpot_ms_p50",
    "tpot_ms_p90",
    "tpot_ms_p95",
    "tpot_ms_p99",
    "request_latency_ms_mean",
    "request_latency_ms_p50",
    "request_latency_ms_p90",
    "request_latency_ms_p95",
    "request_latency_ms_p99",
    "output_tokens_per_second",
    "requests_per_second",
    "good_requests_percent",
    "raw_key",
    "findings",
];

/// Numbers as they are in the records. Empty fields: not known.
fn rows_as_csv(records: &[(&str, &TrialRecord)]) -> String {
    let mut writer = csv::Writer::from_writer(vec![]);
    // Writing into memory cannot fail: every row has as many fields as the header.
    let _ = writer.write_record(CSV_COLUMNS);
    for (variant, record) in records {
        let _ = writer.write_record(csv_row(variant, record));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

fn csv_row(variant: &str, record: &TrialRecord) -> Vec<String> {
    let (step, measured) = (&record.step, record.measurement.as_ref());
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let five = |of: Option<Distribution>| {
        let all = of.map(|of| [Some(of.mean), of.p50, of.p90, of.p95, of.p99]);
        (0..5).map(move |index| number(all.and_then(|all| all[index]).map(|value| value.get())))
    };
    let mut row = vec![
        variant.to_owned(),
        step.concurrency.to_string(),
        format!("{:?}", step.purpose).to_lowercase(),
        step.round.to_string(),
        step.repetition.to_string(),
        step.attempt.to_string(),
        record.deployment.to_string(),
        step.seed.to_string(),
        record.start_time.to_string(),
        record.completion_time.to_string(),
        measured.map(|m| m.tool.clone()).unwrap_or_default(),
        measured.map(|m| m.requests.to_string()).unwrap_or_default(),
        measured.and_then(|m| m.errors).map(|errors| errors.to_string()).unwrap_or_default(),
    ];
    row.extend(five(measured.and_then(|m| m.ttft)));
    row.extend(five(measured.and_then(|m| m.tpot)));
    row.extend(five(measured.and_then(|m| m.request_latency)));
    row.push(number(measured.and_then(|m| m.output_tokens_per_second).map(|rate| rate.get())));
    row.push(number(measured.and_then(|m| m.requests_per_second).map(|rate| rate.get())));
    row.push(number(measured.and_then(|m| m.good_requests_percent)));
    row.push(step.key());
    row.push(codes(record));
    row
}

/// Writes the load tool's own summaries, `<variant>/<step>.json`, and says how many there were.
fn write_raw(directory: &Path, run: &StoredRun) -> Result<usize, PluginError> {
    let unwritten = |path: &Path, error: std::io::Error| PluginError::failed(format!("{}: {error}", path.display()));
    let mut written = 0;
    for (variant, summaries) in &run.raw {
        let below = directory.join(variant);
        std::fs::create_dir_all(&below).map_err(|error| unwritten(&below, error))?;
        for (key, text) in summaries {
            let summary =
                unpacked(text).map_err(|why| PluginError::failed(format!("raw-{key} of {variant}: {why}")))?;
            // Keys of ConfigMaps hold letters, digits, dashes, underscores and dots: never a path.
            let path = below.join(format!("{key}.json"));
            std::fs::write(&path, summary).map_err(|error| unwritten(&path, error))?;
            written += 1;
        }
    }
    Ok(written)
}

fn unpacked(text: &str) -> Result<Vec<u8>, String> {
    let packed = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let mut summary = vec![];
    let read = GzDecoder::new(packed.as_slice()).take(LARGEST_SUMMARY + 1).read_to_end(&mut summary);
    read.map_err(|error| error.to_string())?;
    if summary.len() as u64 > LARGEST_SUMMARY {
        return Err(format!("is larger than {} MiB", LARGEST_SUMMARY >> 20));
    }
    Ok(summary)
}

/// Where the load tool's files lie, and how to copy them: a pod that has the claim, and a copy out of it.
fn on_the_claim(run: &StoredRun) -> Option<String> {
    let results = run.plan.spec.results.as_ref()?;
    let comparison = &run.plan.comparison;
    let (namespace, number) = (&comparison.namespace, run.plan.run);
    let names: Vec<&String> = run.ledgers.keys().collect();
    let directory = artifacts_directory(&run.plan, names.first()?)?;
    let of_run = directory.rsplit_once('/')?.0;
    let pod = format!("{}-r{number}-copy", comparison.name);
    let overrides = json!({"spec": {
        "securityContext": pod_security_context(run.plan.spec.load.pod.security_context.as_ref()),
        "imagePullSecrets": run.plan.spec.image_pull_secrets,
        "containers": [{
            "name": "copy", "image": run.plan.images.load, "command": ["sleep", "3600"],
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "results", "mountPath": results_mount_path(&results.path), "readOnly": true}],
        }],
        "volumes": [{"name": "results", "persistentVolumeClaim": {"claimName": results.claim_name}}],
    }});
    Some(format!(
        "The load tool's files lie on the claim {}: {of_run}/VARIANT/concurrency_C/trial_K/. To copy them:\n  \
         kubectl -n {namespace} run {pod} --image={} --restart=Never --overrides='{overrides}'\n  \
         kubectl -n {namespace} wait pod/{pod} --for=condition=Ready --timeout=5m\n  \
         kubectl -n {namespace} cp {pod}:{of_run} ./{}-r{number}\n  \
         kubectl -n {namespace} delete pod {pod} --wait=false\n",
        results.claim_name, run.plan.images.load, comparison.name,
    ))
}
