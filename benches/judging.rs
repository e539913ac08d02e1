//! How long reading results takes: `cargo bench --bench reading`. Prints numbers; nothing passes or fails by them.
//!
//! The largest comparison there may be is 6 variants × 24 levels × 6 runs. Its files are made from fixtures: the records are
//! those of a level with 120 requests, with the times between chunks put back in, as the tool writes them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use bcmp::api::Evidence;
use bcmp::measurement::audit::{EvidenceLimits, Expectation, audit};
use bcmp::measurement::{Limits, aiperf, find};
use bcmp::units::Milliseconds;

const RUNS: (usize, usize, usize) = (6, 24, 6);
/// Bytes of records that are streamed to see speed and memory.
const STREAM_BYTES: u64 = 512 << 20;

fn main() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/aiperf/warmup/drained");
    let summary = fs::read(fixture.join(aiperf::SUMMARY_FILE)).unwrap();
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

fn tree(root: &Path, summary: &[u8], records: Option<&String>) {
    let (variants, levels, runs) = RUNS;
    for variant in 0..variants {
        for level in 1..=levels {
            for run in 1..=runs {
                let directory = root.join(format!("v{variant}/concurrency_{level}/run_{run}"));
                fs::create_dir_all(&directory).unwrap();
                fs::write(directory.join(aiperf::SUMMARY_FILE), summary).unwrap();
                if let Some(records) = records {
                    fs::write(directory.join(aiperf::RECORDS_FILE), records).unwrap();
                }
            }
        }
    }
}

fn comparison(root: &Path, with_records: bool) {
    let limits = Limits { ttft: Milliseconds::new(500.0).unwrap(), tpot: Milliseconds::new(25.0).unwrap() };
    let (files, bytes, plain) = timed_plain(root);
    let start = Instant::now();
    let runs = find::read_all(root, Some(limits)).unwrap();
    let reading = start.elapsed();
    let evidence = EvidenceLimits::parse(&Evidence::default()).unwrap();
    let expected = Expectation { model: "m".into(), input_tokens: 174, output_tokens: 60, concurrency: 12 };
    let start = Instant::now();
    let findings: usize = runs.iter().map(|run| audit(run.outcome.as_ref().unwrap(), &expected, &evidence).len()).sum();
    let auditing = start.elapsed();
    let content = if with_records { "summaries and records" } else { "summaries alone" };
    println!("{content}: {files} files, {:.1} MB", bytes as f64 / 1e6);
    println!("  only opening and reading the bytes   {}", milliseconds(plain));
    println!(
        "  finding, reading and parsing         {}   ({:.0} % of it parsing and reckoning)",
        milliseconds(reading),
        100.0 * (1.0 - plain.as_secs_f64() / reading.as_secs_f64())
    );
    println!("  auditing {} runs, {findings} findings   {}", runs.len(), milliseconds(auditing));
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
