//! `vllm bench serve --save-result` (and `benchmark_serving.py`, which other projects copied) → one measurement.

use std::io::BufRead;

use serde_json::Value;

use super::aiperf::narrow;
use super::fields::{self, Fields, MILLISECONDS, effective_concurrency};
use super::format::{ResultFormat, ResultTrial, Tells, Told, has_key};
use crate::measurement::error::ParseError;
use crate::measurement::window::{Answer, Request};
use crate::measurement::{Distribution, Facts, Measurement, Metric};
use crate::text;
use crate::units::{LatencyLimits, Milliseconds, RequestsPerSecond};

/// The tool names no file; this stands for it in messages.
const FILE: &str = "result.json";
/// Texts are of no use here.
const SKIPPED: [&str; 1] = ["generated_texts"];
/// How far mean times per token and per gap may be apart, as a share, for answers to count as equally long.
const EQUAL: f64 = 0.02;

/// vLLM's load tool.
pub struct VllmBench;

impl ResultFormat for VllmBench {
    fn name(&self) -> &'static str {
        "vllm bench serve"
    }

    fn file(&self) -> &'static str {
        "the JSON of --save-result"
    }

    fn tells(&self) -> Tells {
        Tells {
            versions: "with `max_concurrency` (runs of 0.11 and 0.33 are among the tests)",
            concurrency: "`max_concurrency`",
            model: true,
            request_latency: Told::If(
                "with `--percentile-metrics ttft,tpot,itl,e2el`; else computed where answers are equally long",
            ),
            failed_requests: Told::Yes,
            warmup: Told::No,
            cached_tokens: Told::No,
            records: Told::If("with `--save-detailed`, from versions that write `start_times`"),
        }
    }

    fn recognizes(&self, beginning: &[u8]) -> bool {
        ["tokenizer_id", "request_throughput", "max_concurrency"].iter().all(|key| has_key(beginning, key))
    }

    fn read(
        &self,
        result: &mut dyn BufRead,
        _records: Option<&mut dyn BufRead>,
        limits: Option<LatencyLimits>,
    ) -> Result<Vec<Result<ResultTrial, ParseError>>, ParseError> {
        let root = fields::read(FILE, result, &SKIPPED)?;
        Ok(vec![read_run(&mut Fields::new(FILE, &root), limits).map(ResultTrial::from)])
    }
}

fn read_run(fields: &mut Fields<'_>, limits: Option<LatencyLimits>) -> Result<Measurement, ParseError> {
    if fields.at("/median_ttft").is_some() && fields.at("/mean_ttft_ms").is_none() {
        let problem = "is missing: the file has medians in seconds alone, as InferenceX's experiments write it, and the \
                       method needs means. Give the result of `vllm bench serve --save-result`";
        return Err(fields.problem("/mean_ttft_ms", problem));
    }
    let concurrency = concurrency(fields)?;
    let requests = fields.count("/completed")?.unwrap_or(0);
    let per_request = |total: Option<f64>| total.filter(|_| requests > 0).map(|total| total / f64::from(requests));
    let output_tokens = per_request(fields.number("/total_output_tokens", Metric::OutputTokens)?);
    let ttft = distribution(fields, Metric::Ttft, "ttft")?;
    let tpot = distribution(fields, Metric::Tpot, "tpot")?;
    let latency = match distribution(fields, Metric::RequestLatency, "e2el")? {
        Some(latency) => Some(latency),
        None => computed_latency(fields, ttft, tpot, output_tokens)?,
    };
    let rate: Option<RequestsPerSecond> = fields.quantity("/request_throughput", Metric::RequestsPerSecond)?;
    let measurement = Measurement {
        tool: "vllm bench serve".into(),
        concurrency,
        requests,
        errors: match fields.count("/failed")? {
            Some(failed) => Some(failed),
            None => fields.count("/num_prompts")?.map(|sent| sent.saturating_sub(requests)),
        },
        first_error: first_error(fields),
        ttft,
        tpot,
        request_latency: latency,
        output_tokens_per_second: fields.quantity("/output_throughput", Metric::OutputTokensPerSecond)?,
        requests_per_second: rate,
        good_requests_percent: None,
        counted: None,
        facts: Facts {
            model: fields.name("/model_id"),
            input_tokens: per_request(fields.number("/total_input_tokens", Metric::InputTokens)?),
            output_tokens,
            effective_concurrency: effective_concurrency(rate.map(RequestsPerSecond::get), latency),
            not_finite: std::mem::take(&mut fields.not_finite),
            ..Facts::default()
        },
    };
    let mut measurement = measurement.by_littles_law();
    if let Some(mut requests) = requests_of(fields) {
        narrow(&mut measurement, &mut requests, limits.as_ref());
    }
    Ok(measurement)
}

/// Requests are sent as soon as earlier ones end, and never more than so many at once.
fn concurrency(fields: &Fields<'_>) -> Result<u32, ParseError> {
    // Infinity is written as text, or not as JSON at all.
    let paced = fields.at("/request_rate").filter(|rate| rate.as_str() != Some("inf"));
    if paced.is_some() {
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

/// TTFT + time per output token × (output tokens − 1): by definition the mean latency where answers are equally long.
fn computed_latency(
    fields: &mut Fields<'_>,
    ttft: Option<Distribution>,
    tpot: Option<Distribution>,
    output_tokens: Option<f64>,
) -> Result<Option<Distribution>, ParseError> {
    let gap = distribution(fields, Metric::Tpot, "itl")?;
    let mean = || {
        let (ttft, tpot) = (ttft?.mean.get(), tpot?.mean.get());
        // Times per token weigh answers alike, gaps weigh tokens alike: they agree where answers are equally long.
        let alike = gap.is_none_or(|gap| (gap.mean.get() - tpot).abs() <= EQUAL * tpot);
        Milliseconds::new(ttft + tpot * (output_tokens? - 1.0).max(0.0)).ok().filter(|_| alike)
    };
    Ok(mean().map(|mean| Distribution { mean, p50: None, p90: None, p95: None, p99: None }))
}

fn first_error(fields: &Fields<'_>) -> Option<String> {
    let errors = fields.at("/errors")?.as_array()?.iter();
    let error = errors.filter_map(Value::as_str).find(|error| !error.is_empty())?;
    // A traceback ends with what happened.
    Some(text::cut(error.lines().rfind(|line| !line.trim().is_empty())?, 120))
}

/// Single requests: all but the prompts, where their starts are there too. Times are in seconds.
fn requests_of(fields: &Fields<'_>) -> Option<Vec<Request>> {
    let starts = fields.numbers("/start_times")?;
    let (ttfts, lengths) = (fields.numbers("/ttfts")?, fields.numbers("/output_lens")?);
    let gaps = fields.at("/itls")?.as_array()?;
    let errors = fields.at("/errors")?.as_array()?;
    let count = starts.len();
    if count == 0 || [ttfts.len(), lengths.len(), gaps.len(), errors.len()].iter().any(|of| *of != count) {
        return None;
    }
    let origin = starts.iter().copied().fold(f64::INFINITY, f64::min);
    let request = |at: usize| {
        let gaps: Option<Vec<f64>> = gaps[at].as_array()?.iter().map(Value::as_f64).collect();
        let latency = 1000.0 * (ttfts[at] + gaps?.iter().sum::<f64>());
        let start = 1000.0 * (starts[at] - origin);
        let failed = errors[at].as_str().is_some_and(|error| !error.is_empty()) || lengths[at] <= 0.0;
        let answer = Answer { ttft: Some(1000.0 * ttfts[at]), latency, output_tokens: Some(lengths[at]) };
        let whole = latency.is_finite() && latency >= 0.0 && start.is_finite();
        whole.then(|| Request { start, end: start + latency, wait: None, answer: (!failed).then_some(answer) })
    };
    (0..count).map(request).collect()
}
