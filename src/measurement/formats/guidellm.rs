//! GuideLLM's report (`benchmarks.json`), of schema 1 (to 0.6) and 2 (from 0.7) → one measurement for each benchmark in it.

use std::io::BufRead;

use serde_json::Value;

use super::fields::{self, Fields, MILLISECONDS, SECONDS, effective_concurrency};
use super::format::{Asked, ResultFormat, ResultTrial, Tells, Told, has_key};
use crate::measurement::error::ParseError;
use crate::measurement::{Facts, Measurement, Metric};
use crate::text;
use crate::units::{LatencyLimits, RequestsPerSecond};

const FILE: &str = "benchmarks.json";
/// Single requests, with their prompts and answers.
const SKIPPED: [&str; 1] = ["requests"];

/// vLLM project's load tool.
pub struct GuideLlm;

impl ResultFormat for GuideLlm {
    fn name(&self) -> &'static str {
        "GuideLLM"
    }

    fn file(&self) -> &'static str {
        FILE
    }

    fn tells(&self) -> Tells {
        Tells {
            versions: "0.3 to 0.8 (report schemas 1 and 2)",
            concurrency: "the strategy `concurrent` or `synchronous` of each benchmark",
            model: true,
            request_latency: Told::Yes,
            failed_requests: Told::Yes,
            warmup: Told::No,
            cached_tokens: Told::No,
            records: Told::No,
        }
    }

    fn recognizes(&self, beginning: &[u8]) -> bool {
        has_key(beginning, "guidellm_version") || has_key(beginning, "generative_benchmark")
    }

    fn read(
        &self,
        result: &mut dyn BufRead,
        _records: Option<&mut dyn BufRead>,
        _limits: Option<LatencyLimits>,
    ) -> Result<Vec<Result<ResultTrial, ParseError>>, ParseError> {
        let root = fields::read(FILE, result, &SKIPPED)?;
        let report = Fields::new(FILE, &root);
        let Some(benchmarks) = report.at("/benchmarks").and_then(Value::as_array).filter(|all| !all.is_empty()) else {
            return Err(report.problem("/benchmarks", "holds no benchmark; expected at least one"));
        };
        Ok((0..benchmarks.len()).map(|at| read_run(&mut Fields::new(FILE, &root), at)).collect())
    }
}

fn read_run(fields: &mut Fields<'_>, at: usize) -> Result<ResultTrial, ParseError> {
    let own = |path: &str| format!("/benchmarks/{at}{path}");
    let concurrency = concurrency(fields, &own)?;
    let metric = |name: &str| own(&format!("/metrics/{name}/successful/mean"));
    let times = |name: &'static str| {
        move |statistic: &str| match statistic {
            "mean" => format!("/benchmarks/{at}/metrics/{name}/successful/mean"),
            percentile => format!("/benchmarks/{at}/metrics/{name}/successful/percentiles/{percentile}"),
        }
    };
    // Counts have stood in three places.
    let count = |status: &str| {
        let places = ["/metrics/request_totals", "/request_totals", "/run_stats/requests_made"];
        let found = places.iter().find_map(|place| fields.count(&own(&format!("{place}/{status}"))).transpose());
        found.transpose()
    };
    let (requests, errors) = (count("successful")?, count("errored")?);
    let latency = fields.distribution(Metric::RequestLatency, SECONDS, times("request_latency"))?;
    let rate: Option<RequestsPerSecond> = fields.quantity(&metric("requests_per_second"), Metric::RequestsPerSecond)?;
    let asked = asked(fields)?;
    let version = fields.text("/metadata/guidellm_version").map(|version| format!(" {}", text::cut(version, 24)));
    let model = ["/config/backend/model", "/worker/backend_model"].iter().find_map(|path| fields.name(&own(path)));
    let measurement = Measurement {
        tool: format!("guidellm{}", version.unwrap_or_default()),
        concurrency,
        requests: requests.unwrap_or(0),
        errors,
        first_error: None,
        ttft: fields.distribution(Metric::Ttft, MILLISECONDS, times("time_to_first_token_ms"))?,
        // What it calls time per output token includes the first.
        tpot: fields.distribution(Metric::Tpot, MILLISECONDS, times("inter_token_latency_ms"))?,
        request_latency: latency,
        output_tokens_per_second: fields
            .quantity(&metric("output_tokens_per_second"), Metric::OutputTokensPerSecond)?,
        requests_per_second: rate,
        good_requests_percent: None,
        counted: None,
        facts: Facts {
            model: model.or_else(|| fields.name("/config/spec/backend/model")).or_else(|| fields.name("/args/model")),
            streaming: fields.flag(&own("/config/backend/stream")),
            input_tokens: fields.number(&metric("prompt_token_count"), Metric::InputTokens)?,
            output_tokens: fields.number(&metric("output_token_count"), Metric::OutputTokens)?,
            effective_concurrency: effective_concurrency(rate.map(RequestsPerSecond::get), latency),
            requests_unknown: requests.is_none().then_some(true),
            not_finite: std::mem::take(&mut fields.not_finite),
            ..Facts::default()
        },
    };
    Ok(ResultTrial { asked, ..measurement.by_littles_law().into() })
}

/// What the scheduler did, which since 0.6 stands under `config`.
fn concurrency(fields: &Fields<'_>, own: &impl Fn(&str) -> String) -> Result<u32, ParseError> {
    let new = own("/config/strategy");
    let strategy = if fields.at(&new).is_some() { new } else { own("/args/strategy") };
    let part = |name: &str| format!("{strategy}/{name}");
    match fields.text(&part("type_")).unwrap_or("nothing") {
        "synchronous" => Ok(1),
        "concurrent" => {
            let users = fields.count(&part("streams"))?.filter(|users| *users > 0);
            users.ok_or_else(|| fields.problem(&part("streams"), "is missing or 0; expected the number of streams"))
        }
        other => Err(fields.other_load(&part("type_"), &format!("load of the kind `{}`", text::cut(other, 40)))),
    }
}

/// The lengths of synthetic prompts, where there is one set of them.
fn asked(fields: &Fields<'_>) -> Result<Asked, ParseError> {
    if fields.text("/config/spec/data/0/kind") != Some("synthetic_text") || fields.at("/config/spec/data/1").is_some() {
        return Ok(Asked::default());
    }
    let length = |name: &str| fields.optional(&format!("/config/spec/data/0/{name}"));
    Ok(Asked { input_tokens: length("prompt_tokens")?, output_tokens: length("output_tokens")? })
}
