//! SGLang's `bench_serving` → one measurement a line of its JSONL, to which each call appends.

use std::io::BufRead;

use super::fields::{self, Fields, MILLISECONDS, effective_concurrency};
use super::format::{Asked, ResultFormat, ResultTrial, Tells, Told, has_key};
use crate::measurement::error::ParseError;
use crate::measurement::{Distribution, Facts, Measurement, Metric};
use crate::units::{LatencyLimits, RequestsPerSecond};

/// The tool names no file the same twice; this stands for it in messages.
const FILE: &str = "result.jsonl";
/// Texts, single requests and the server's inner state are of no use here.
const SKIPPED: [&str; 4] = ["generated_texts", "itls", "internal_states", "errors"];

/// SGLang's load tool.
pub struct SglangBench;

impl ResultFormat for SglangBench {
    fn name(&self) -> &'static str {
        "SGLang bench_serving"
    }

    fn file(&self) -> &'static str {
        "the JSONL of --output-file"
    }

    fn tells(&self) -> Tells {
        Tells {
            versions: "with `max_concurrency`; each line is a run (runs of 0.5.9 and 0.5.23 are among the tests)",
            concurrency: "`max_concurrency`",
            model: false,
            request_latency: Told::Yes,
            failed_requests: Told::No,
            warmup: Told::No,
            cached_tokens: Told::No,
            records: Told::No,
        }
    }

    fn recognizes(&self, beginning: &[u8]) -> bool {
        ["total_output_tokens_retokenized", "request_rate"].iter().all(|key| has_key(beginning, key))
    }

    fn read(
        &self,
        result: &mut dyn BufRead,
        _records: Option<&mut dyn BufRead>,
        _limits: Option<LatencyLimits>,
    ) -> Result<Vec<Result<ResultTrial, ParseError>>, ParseError> {
        let lines = fields::read_lines(FILE, result, &SKIPPED)?;
        Ok(lines.into_iter().map(|(line, root)| read_run(&mut Fields::new(FILE, &root?).on_line(line))).collect())
    }
}

fn read_run(fields: &mut Fields<'_>) -> Result<ResultTrial, ParseError> {
    let concurrency = concurrency(fields)?;
    let requests = fields.count("/completed")?.unwrap_or(0);
    let per_request = |total: Option<f64>| total.filter(|_| requests > 0).map(|total| total / f64::from(requests));
    let latency = distribution(fields, Metric::RequestLatency, "e2e_latency")?;
    let rate: Option<RequestsPerSecond> = fields.quantity("/request_throughput", Metric::RequestsPerSecond)?;
    let average = fields.optional("/concurrency")?;
    let random = fields.text("/dataset_name").is_some_and(|name| name.starts_with("random"));
    let length = |path: &str| fields.optional(path).map(|length| length.filter(|_| random));
    let asked = Asked { input_tokens: length("/random_input_len")?, output_tokens: length("/random_output_len")? };
    let measurement = Measurement {
        tool: "sglang bench_serving".into(),
        concurrency,
        requests,
        // Only those that were completed are counted.
        errors: None,
        first_error: None,
        ttft: distribution(fields, Metric::Ttft, "ttft")?,
        tpot: distribution(fields, Metric::Tpot, "tpot")?,
        request_latency: latency,
        output_tokens_per_second: fields.quantity("/output_throughput", Metric::OutputTokensPerSecond)?,
        requests_per_second: rate,
        good_requests_percent: None,
        counted: None,
        facts: Facts {
            model: fields.name("/server_info/served_model_name").or_else(|| fields.name("/server_info/model_path")),
            input_tokens: per_request(fields.number("/total_input_tokens", Metric::InputTokens)?),
            output_tokens: per_request(fields.number("/total_output_tokens", Metric::OutputTokens)?),
            effective_concurrency: average.or_else(|| effective_concurrency(rate.map(RequestsPerSecond::get), latency)),
            not_finite: std::mem::take(&mut fields.not_finite),
            ..Facts::default()
        },
    };
    Ok(ResultTrial { asked, ..measurement.by_littles_law().into() })
}

/// Python writes an infinite rate as `Infinity`, which is read as null.
fn concurrency(fields: &Fields<'_>) -> Result<u32, ParseError> {
    if fields.at("/request_rate").is_some_and(|rate| rate.as_str() != Some("inf")) {
        return Err(fields.other_load("/request_rate", "a request rate"));
    }
    let users = fields.count("/max_concurrency")?.filter(|users| *users > 0);
    users.ok_or_else(|| fields.other_load("/max_concurrency", "no limit, so that all requests were sent at once"))
}

fn distribution(fields: &mut Fields<'_>, metric: Metric, name: &str) -> Result<Option<Distribution>, ParseError> {
    fields.distribution(metric, MILLISECONDS, |statistic| {
        let statistic = if statistic == "p50" { "median" } else { statistic };
        format!("/{statistic}_{name}_ms")
    })
}
