//! How long it takes to judge a comparison from its files, and which share of that is reading and parsing them:
//! `cargo bench --bench judging`. Prints numbers; nothing passes or fails by them.
//!
//! The largest comparison there may be is 6 variants × 24 levels × 6 runs. Its files are made from fixtures: the records are
//! those of a level with 120 requests, with the times between chunks put back in, as the tool writes them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use bcmp::api::{BenchmarkComparisonSpec, Variant};
use bcmp::measurement::formats::aiperf;
use bcmp::offline::measured::records;
use bcmp::offline::results::{FoundTrial, read_trials};
use bcmp::offline::{OfflineVariant, evaluate_known};
use bcmp::prediction::{Curve, CurvePoint, Prediction};
use bcmp::units::{LatencyLimits, Milliseconds, RequestsPerSecond};
use serde_json::{Value, json};

const RUNS: (usize, usize, usize) = (6, 24, 6);
/// Bytes of records that are streamed to see speed and memory.
const STREAM_BYTES: u64 = 1 << 30;

fn main() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/aiperf/warmup/drained");
    let summary = serde_json::from_slice(&fs::read(fixture.join(aiperf::SUMMARY_FILE)).unwrap()).unwrap();
    let records = with_all_chunks(&fs::read_to_string(fixture.join(aiperf::RECORDS_FILE)).unwrap());
    let directory = tempfile::tempdir().unwrap();
    let (variants, levels, runs) = RUNS;
    println!("{variants} variants × {levels} levels × {runs} runs, 120 requests each");
    for with_records in [false, true] {
        tree(directory.path(), &summary, with_records.then_some(&records));
        comparison(directory.path(), with_records);
    }
    stream(&records);
}

/// The fixture keeps three times between chunks of a record; the tool writes one for each token.
fn with_all_chunks(records: &str) -> String {
    let all = format!(r#""inter_chunk_latency":{{"value":[{}20.48276499999],"#, "20.102765999999998,".repeat(58));
    let lines = records.lines().map(|line| {
        let start = line.find(r#""inter_chunk_latency":{"value":["#).unwrap();
        let end = start + line[start..].find("],").unwrap() + 2;
        format!("{}{all}{}\n", &line[..start], &line[end..])
    });
    lines.collect()
}

fn tree(root: &Path, summary: &Value, records: Option<&String>) {
    let (variants, levels, runs) = RUNS;
    for variant in 0..variants {
        for level in 1..=levels {
            let summary = of_level(summary.clone(), level).to_string();
            for run in 1..=runs {
                let directory = root.join(format!("v{variant}/concurrency_{level}/run_{run}"));
                fs::create_dir_all(&directory).unwrap();
                fs::write(directory.join(aiperf::SUMMARY_FILE), &summary).unwrap();
                if let Some(records) = records {
                    fs::write(directory.join(aiperf::RECORDS_FILE), records).unwrap();
                }
            }
        }
    }
}

/// The same figures, said of another number of users.
fn of_level(mut summary: Value, users: usize) -> Value {
    for phase in summary["input_config"]["phases"].as_array_mut().unwrap() {
        phase["concurrency"] = users.into();
    }
    summary
}

fn spec() -> BenchmarkComparisonSpec {
    let spec = json!({
        "model": {"name": "m"}, "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
        "workload": {"inputTokens": 174, "outputTokens": 60, "concurrency": [1, 2, 5, 10]},
        "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 25}, "runtime": {"image": "runtime:1"},
    });
    let mut spec: BenchmarkComparisonSpec = serde_json::from_value(spec).unwrap();
    let (baseline, candidate) = (spec.variants[0].clone(), spec.variants[1].clone());
    let variant =
        |number| Variant { name: format!("v{number}"), ..if number == 0 { &baseline } else { &candidate }.clone() };
    spec.variants = (0..RUNS.0).map(variant).collect();
    spec
}

fn prediction() -> Prediction {
    let ms = |value| Milliseconds::new(value).unwrap();
    let point = |concurrency: u32| CurvePoint {
        concurrency,
        ttft: ms(70.0 + f64::from(concurrency)),
        tpot: ms(18.0 + 0.2 * f64::from(concurrency)),
        request_rate: RequestsPerSecond::new(0.8 * f64::from(concurrency)).unwrap(),
    };
    let curve = Curve::new((1..=64).map(point).collect(), 1, 8, 60).unwrap();
    Prediction { curve: Some(curve), ..Prediction::default() }
}

fn comparison(root: &Path, with_records: bool) {
    let spec = spec();
    let limits = LatencyLimits::of(Milliseconds::new(500.0).unwrap(), Milliseconds::new(25.0).unwrap());
    let (files, bytes, plain) = timed_plain(root);
    let start = Instant::now();
    let read =
        |variant: &Variant| (variant.name.clone(), read_trials(&root.join(&variant.name), Some(limits)).unwrap());
    let runs: Vec<(String, Vec<FoundTrial>)> = spec.variants.iter().map(read).collect();
    let reading = start.elapsed();
    let start = Instant::now();
    let known = |(name, runs)| {
        (
            name,
            OfflineVariant { prediction: Some(prediction()), shape: None, gpus: None, records: records(runs).unwrap() },
        )
    };
    let known: BTreeMap<String, OfflineVariant> = runs.into_iter().map(known).collect();
    let evaluated = evaluate_known(&spec, &known).unwrap();
    let judging = start.elapsed();
    let rows: usize = evaluated.variants.iter().map(|variant| variant.levels.len()).sum();
    assert_eq!(rows, RUNS.0 * RUNS.1);
    let content = if with_records { "summaries and records" } else { "summaries alone" };
    let whole = (reading + judging).as_secs_f64();
    let share = |part: Duration| 100.0 * part.as_secs_f64() / whole;
    println!("{content}: {files} files, {:.1} MB", bytes as f64 / 1e6);
    println!("  from files to verdict      {}", milliseconds(reading + judging));
    println!("    opening and reading      {}   {:.0} %", milliseconds(plain), share(plain));
    println!(
        "    parsing and the window   {}   {:.0} %",
        milliseconds(reading.saturating_sub(plain)),
        share(reading.saturating_sub(plain))
    );
    println!("    auditing and judging     {}   {:.0} %", milliseconds(judging), share(judging));
}

/// Files, bytes and time to list and read all of a tree, with the page cache warm.
fn timed_plain(root: &Path) -> (usize, u64, Duration) {
    let once = || {
        let (mut files, mut bytes, mut directories) = (0, 0, vec![root.to_path_buf()]);
        let mut buffer = Vec::new();
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    directories.push(entry.path());
                } else {
                    buffer.clear();
                    bytes += fs::File::open(entry.path()).unwrap().read_to_end(&mut buffer).unwrap() as u64;
                    files += 1;
                }
            }
        }
        (files, bytes)
    };
    once();
    let start = Instant::now();
    let (files, bytes) = once();
    (files, bytes, start.elapsed())
}

/// One level with very many requests: speed, and how much memory the reader takes for them.
fn stream(records: &str) {
    let text = records.as_bytes();
    let copies = STREAM_BYTES / text.len() as u64;
    let reader = BufReader::new(Repeated { text, left: copies, at: 0 });
    // Leaves the number of requests open.
    let summary = br#"{"aiperf_version":"0","input_config":{"phases":[{"concurrency":12}]}}"#;
    let before = peak_kilobytes();
    let start = Instant::now();
    let level = aiperf::read(&summary[..], Some(reader), None).unwrap();
    let elapsed = start.elapsed();
    let bytes = copies * text.len() as u64;
    println!(
        "one level of {} requests, {:.0} MB of records: {}, {:.0} MB/s",
        level.requests,
        bytes as f64 / 1e6,
        milliseconds(elapsed),
        bytes as f64 / 1e6 / elapsed.as_secs_f64()
    );
    if let (Some(before), Some(after)) = (before, peak_kilobytes()) {
        println!(
            "  peak memory grew by {:.1} MB, {:.0} bytes a request",
            (after - before) / 1e3,
            (after - before) * 1024.0 / f64::from(level.requests)
        );
    }
}

struct Repeated<'a> {
    text: &'a [u8],
    left: u64,
    at: usize,
}

impl Read for Repeated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let read = (&self.text[self.at..]).read(buffer)?;
        self.at += read;
        if self.at == self.text.len() {
            (self.at, self.left) = (0, self.left - 1);
        }
        Ok(read)
    }
}

/// Highest resident memory of this process so far, where the kernel tells.
fn peak_kilobytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn milliseconds(duration: Duration) -> String {
    format!("{:>9.1} ms", duration.as_secs_f64() * 1e3)
}
