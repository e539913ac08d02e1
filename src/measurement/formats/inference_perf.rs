//! inference-perf's report of a stage (`stage_N_lifecycle_metrics.json`) → one measurement.

use std::io::BufRead;
use std::path::Path;

use super::fields::{self, Fields, SECONDS, effective_concurrency};
use super::format::{FileRole, ResultFormat, ResultTrial, Tells, Told, has_key};
use crate::measurement::error::ParseError;
use crate::measurement::{Distribution, Facts, Measurement, Metric, percent};
use crate::text;
use crate::units::{LatencyLimits, RequestsPerSecond};

const FILE: &str = "stage_N_lifecycle_metrics.json";
const SUFFIX: &str = "_lifecycle_metrics.json";
/// Reports over all stages, of single requests, sessions and adapters.
const OTHERS: [&str; 4] = ["summary_", "per_", "adapter_", "session_"];

/// The Kubernetes project's load tool.
pub struct InferencePerf;

impl ResultFormat for InferencePerf {
    fn name(&self) -> &'static str {
        "inference-perf"
    }

    fn file(&self) -> &'static str {
        FILE
    }

    fn tells(&self) -> Tells {
        Tells {
            versions: "stages of the load type `concurrent` (a run of 0.7.0 is among the tests)",
            concurrency: "`load_summary.concurrency`",
            model: false,
            request_latency: Told::Yes,
            failed_requests: Told::Yes,
            warmup: Told::No,
            cached_tokens: Told::If("where the server reports them, and not 0"),
            records: Told::No,
        }
    }

    fn claims(&self, path: &Path) -> Option<FileRole> {
        let name = path.file_name()?.to_str()?;
        let kind = name.strip_suffix(SUFFIX).map(|kind| format!("{kind}_"))?;
        let is_stage = kind.starts_with("stage_") && !kind.contains("session");
        let is_other = OTHERS.iter().any(|other| kind.starts_with(other)) || kind.contains("session");
        if is_stage { Some(FileRole::Result) } else { is_other.then_some(FileRole::Other) }
    }

    fn recognizes(&self, beginning: &[u8]) -> bool {
        ["load_summary", "successes", "failures"].iter().all(|key| has_key(beginning, key))
    }

    fn read(
        &self,
        result: &mut dyn BufRead,
        _records: Option<&mut dyn BufRead>,
        _limits: Option<LatencyLimits>,
    ) -> Result<Vec<Result<ResultTrial, ParseError>>, ParseError> {
        let root = fields::read(FILE, result, &[])?;
        Ok(vec![read_run(&mut Fields::new(FILE, &root)).map(ResultTrial::from)])
    }
}

fn read_run(fields: &mut Fields<'_>) -> Result<Measurement, ParseError> {
    if fields.at("/successes").is_none() {
        return Err(fields.problem("/successes", "is missing; expected the report of a stage of inference-perf"));
    }
    let users = fields.count("/load_summary/concurrency")?.filter(|users| *users > 0);
    let Some(concurrency) = users else {
        let found = "no concurrency: a stage with a request rate, or the summary over all stages";
        return Err(fields.other_load("/load_summary/concurrency", found));
    };
    let requests = fields.count("/successes/count")?;
    let latency = distribution(fields, Metric::RequestLatency, "request_latency")?;
    let rate: Option<RequestsPerSecond> =
        fields.quantity("/successes/throughput/requests_per_sec", Metric::RequestsPerSecond)?;
    let (input, output) =
        (length(fields, "prompt_tokens", "prompt_len")?, length(fields, "output_tokens", "output_len")?);
    let cached = cached(fields, requests)?;
    Ok(Measurement {
        tool: "inference-perf".into(),
        concurrency,
        requests: requests.unwrap_or(0),
        errors: fields.count("/failures/count")?,
        first_error: first_error(fields),
        ttft: distribution(fields, Metric::Ttft, "time_to_first_token")?,
        tpot: distribution(fields, Metric::Tpot, "time_per_output_token")?,
        request_latency: latency,
        output_tokens_per_second: fields
            .quantity("/successes/throughput/output_tokens_per_sec", Metric::OutputTokensPerSecond)?,
        requests_per_second: rate,
        good_requests_percent: None,
        counted: None,
        facts: Facts {
            input_tokens: input,
            output_tokens: output,
            effective_concurrency: effective_concurrency(rate.map(RequestsPerSecond::get), latency),
            cached_prompt_tokens: cached,
            cached_prompt_percent: cached.and_then(|cached| percent(cached, input?)),
            requests_unknown: requests.is_none().then_some(true),
            not_finite: std::mem::take(&mut fields.not_finite),
            ..Facts::default()
        },
    }
    .by_littles_law())
}

/// An absent distribution is null: no answer was streamed.
fn distribution(fields: &mut Fields<'_>, metric: Metric, name: &str) -> Result<Option<Distribution>, ParseError> {
    fields.distribution(metric, SECONDS, |statistic| {
        let statistic = if statistic == "p50" { "median" } else { statistic };
        format!("/successes/latency/{name}/{statistic}")
    })
}

/// Mean tokens: by the server's count where there is one, under the newer name.
fn length(fields: &mut Fields<'_>, new: &str, old: &str) -> Result<Option<f64>, ParseError> {
    let counted = fields.optional(&format!("/successes/{new}/mean"))?;
    Ok(counted.or(fields.optional(&format!("/successes/{old}/mean"))?))
}

/// Cached tokens of a request. A server that reports none counts as 0, so 0 says nothing.
fn cached(fields: &Fields<'_>, requests: Option<u32>) -> Result<Option<f64>, ParseError> {
    let total = fields.optional("/successes/prompt_tokens/cached")?.filter(|total| *total > 0.0);
    Ok(total.zip(requests).filter(|(_, requests)| *requests > 0).map(|(total, requests)| total / f64::from(requests)))
}

fn first_error(fields: &Fields<'_>) -> Option<String> {
    let labels = fields.at("/failures/by_label")?.as_object()?;
    let count = |label: &serde_json::Value| label.get("count").and_then(serde_json::Value::as_u64).unwrap_or(0);
    let (label, _) = labels.iter().max_by_key(|(_, label)| count(label))?;
    Some(text::cut(label, 120))
}
