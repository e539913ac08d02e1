//! Results made from the one clean AIPerf run among the fixtures: slower, faster and with more users.

use std::fs;
use std::path::Path;

use serde_json::Value;

const CLEAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/aiperf/clean");
const SUMMARY: &str = "profile_export_aiperf.json";
const RECORDS: &str = "profile_export.jsonl";
const USERS: u64 = 4;

/// Writes a run of `copies` × 4 users in which everything takes `factor` times as long as in the clean run.
///
/// The users of the copies do just what those of the original do, at the same times, so that the throughput is
/// `copies` ÷ `factor` times the original's and every latency `factor` times.
pub fn write_run(directory: &Path, copies: u64, factor: f64) {
    fs::create_dir_all(directory).unwrap();
    let records = fs::read_to_string(Path::new(CLEAN).join(RECORDS)).unwrap();
    let records: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let start = records.iter().filter_map(|record| record["metadata"]["credit_issued_ns"].as_u64()).min().unwrap();
    let mut text = String::new();
    for record in &records {
        let line = slower_record(record, start, factor).to_string();
        (0..copies).for_each(|_| text.push_str(&format!("{line}\n")));
    }
    fs::write(directory.join(RECORDS), text).unwrap();
    fs::write(directory.join(SUMMARY), summary(copies, factor).to_string()).unwrap();
}

fn slower_record(record: &Value, start: u64, factor: f64) -> Value {
    let mut record = record.clone();
    for (name, time) in record["metadata"].as_object_mut().unwrap() {
        if let Some(at) = time.as_u64().filter(|_| name.ends_with("_ns")) {
            *time = (start + ((at - start) as f64 * factor) as u64).into();
        }
    }
    for name in ["request_latency", "time_to_first_token", "inter_token_latency"] {
        scale(&mut record["metrics"][name]["value"], factor);
    }
    record
}

fn summary(copies: u64, factor: f64) -> Value {
    let mut summary: Value =
        serde_json::from_str(&fs::read_to_string(Path::new(CLEAN).join(SUMMARY)).unwrap()).unwrap();
    for name in ["request_count", "completed_request_count"] {
        scale(&mut summary[name]["avg"], copies as f64);
    }
    for phase in summary["input_config"]["phases"].as_array_mut().unwrap() {
        let requests = phase["requests"].as_u64().unwrap();
        phase["requests"] = (requests * copies).into();
        phase["concurrency"] = (USERS * copies).into();
    }
    scale(&mut summary["effective_concurrency"]["avg"], copies as f64);
    for name in ["request_throughput", "output_token_throughput"] {
        scale(&mut summary[name]["avg"], copies as f64 / factor);
    }
    for name in ["request_latency", "time_to_first_token", "inter_token_latency", "credit_to_start_latency"] {
        for (statistic, value) in summary[name].as_object_mut().unwrap() {
            if statistic != "count" {
                scale(value, factor);
            }
        }
    }
    summary
}

fn scale(value: &mut Value, factor: f64) {
    if let Some(number) = value.as_f64() {
        *value = (number * factor).into();
    }
}

/// Three runs of 4 and of 8 users, the latter with 1.5 times the latency, `factor` times as slow as the clean run; the
/// runs scatter by half a percent.
pub fn write_variant(directory: &Path, factor: f64) {
    for (copies, slower) in [(1, 1.0), (2, 1.5)] {
        for (run, scatter) in [0.995, 1.0, 1.005].into_iter().enumerate() {
            let level = directory.join(format!("concurrency_{}/run_{}", USERS * copies, run + 1));
            write_run(&level, copies, factor * slower * scatter);
        }
    }
}
