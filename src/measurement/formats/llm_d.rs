//! llm-d-benchmark's report, versions 0.2 and 0.2.1, as YAML or JSON → one measurement.

use std::io::BufRead;

use serde_json::Value;
use serde_saphyr::NonFiniteFloatPolicy;

use super::fields::{Fields, effective_concurrency};
use super::format::{Asked, ResultFormat, ResultTrial, Tells, Told};
use crate::measurement::error::{ParseError, Place};
use crate::measurement::{Distribution, Facts, Measurement, Metric, json};
use crate::text;
use crate::units::{LatencyLimits, RequestsPerSecond};

/// The tool names files after runs; this stands for them in messages.
const FILE: &str = "benchmark_report.json or .yaml";
const LARGEST: u64 = 16 << 20;
const AGGREGATE: &str = "/results/request_performance/aggregate";
const LOAD: &str = "/scenario/load/standardized";

/// The llm-d project's collection of benchmarks, which converts results of several load tools.
pub struct LlmDBenchmark;

impl ResultFormat for LlmDBenchmark {
    fn name(&self) -> &'static str {
        "llm-d-benchmark"
    }

    fn file(&self) -> &'static str {
        "a benchmark report v0.2"
    }

    fn tells(&self) -> Tells {
        Tells {
            versions: "benchmark report 0.2 and 0.2.1",
            concurrency: "`scenario.load.standardized.concurrency`",
            model: true,
            request_latency: Told::Yes,
            failed_requests: Told::If("yes; of AIPerf it has the number of kinds of errors, which is not taken"),
            warmup: Told::No,
            cached_tokens: Told::No,
            records: Told::No,
        }
    }

    fn recognizes(&self, beginning: &[u8]) -> bool {
        ["request_performance", "scenario", "standardized"]
            .iter()
            .all(|key| beginning.windows(key.len()).any(|window| window == key.as_bytes()))
    }

    fn read(
        &self,
        result: &mut dyn BufRead,
        _records: Option<&mut dyn BufRead>,
        _limits: Option<LatencyLimits>,
    ) -> Result<Vec<Result<ResultTrial, ParseError>>, ParseError> {
        let bytes = json::read_bytes(FILE, result, LARGEST)?;
        let broken = |problem: String| ParseError::new(FILE, Place::whole(), text::cut(&problem, 300));
        let yaml = std::str::from_utf8(&bytes).map_err(|_| broken("is not UTF-8 text".into()))?;
        let root: Value = match json::parse(FILE, None, &bytes) {
            Ok(root) => root,
            Err(_) => yaml_document(yaml).map_err(|error| broken(format!("is neither YAML nor JSON: {error}")))?,
        };
        Ok(vec![read_run(&mut Fields::new(FILE, &root))])
    }
}

/// An infinite concurrency, `.inf`, is how a load without a limit is written: it becomes null, as what is not finite does in
/// JSON.
fn yaml_document(text: &str) -> Result<Value, serde_saphyr::Error> {
    let passed = NonFiniteFloatPolicy::PassThrough;
    let options = serde_saphyr::options! { emit_comments: false, non_finite_float_policy: passed };
    serde_saphyr::from_str_with_options(text, options)
}

fn read_run(fields: &mut Fields<'_>) -> Result<ResultTrial, ParseError> {
    let version = fields.text("/version").unwrap_or("none");
    if !version.starts_with("0.2") {
        let problem = format!("found {}; expected 0.2 or 0.2.1: convert the results anew", text::cut(version, 24));
        return Err(fields.problem("/version", problem));
    }
    let of = |path: &str| format!("{LOAD}/{path}");
    let tool = fields.text(&of("tool")).unwrap_or("an unknown tool");
    let users = fields.count(&of("concurrency"))?.filter(|users| *users > 0);
    let concurrency =
        users.ok_or_else(|| fields.other_load(&of("concurrency"), "no concurrency, or an infinite one"))?;
    if let Some(repeats) = repeating(fields)? {
        return Err(fields.other_load(&of(repeats), "prompts that begin alike or go on in turns"));
    }
    let (requests, errors) = counts(fields, tool)?;
    let latency = times(fields, Metric::RequestLatency, "request_latency")?;
    let tpot = match tool {
        // What GuideLLM calls time per output token includes the first.
        "guidellm" => None,
        _ => times(fields, Metric::Tpot, "time_per_output_token")?,
    };
    let tpot = if tpot.is_some() { tpot } else { times(fields, Metric::Tpot, "inter_token_latency")? };
    let throughput = |name: &str| format!("{AGGREGATE}/throughput/{name}/mean");
    let rate: Option<RequestsPerSecond> = fields.quantity(&throughput("request_rate"), Metric::RequestsPerSecond)?;
    let length = |name: &str| format!("{AGGREGATE}/requests/{name}/mean");
    let asked = |name: &str| fields.optional(&of(&format!("{name}/value")));
    let asked = Asked { input_tokens: asked("input_seq_len")?, output_tokens: asked("output_seq_len")? };
    let measurement = Measurement {
        tool: format!("{} (llm-d-benchmark)", text::cut(tool, 24)),
        concurrency,
        requests: requests.unwrap_or(0),
        errors,
        first_error: None,
        ttft: times(fields, Metric::Ttft, "time_to_first_token")?,
        tpot,
        request_latency: latency,
        output_tokens_per_second: fields.quantity(&throughput("output_token_rate"), Metric::OutputTokensPerSecond)?,
        requests_per_second: rate,
        good_requests_percent: None,
        counted: None,
        facts: Facts {
            model: model(fields),
            input_tokens: fields.number(&length("input_length"), Metric::InputTokens)?,
            output_tokens: fields.number(&length("output_length"), Metric::OutputTokens)?,
            effective_concurrency: effective_concurrency(rate.map(RequestsPerSecond::get), latency),
            requests_unknown: requests.is_none().then_some(true),
            not_finite: std::mem::take(&mut fields.not_finite),
            ..Facts::default()
        },
    };
    Ok(ResultTrial { asked, ..measurement.by_littles_law().into() })
}

/// The part of the load that makes prompts repeat, if any does: then they come from a cache.
fn repeating(fields: &Fields<'_>) -> Result<Option<&'static str>, ParseError> {
    let prefix = fields.optional(&format!("{LOAD}/prefix/prefix_len/value"))?.is_some_and(|tokens| tokens > 0.0);
    let turns = fields.flag(&format!("{LOAD}/multi_turn/enabled")) == Some(true);
    Ok(if prefix { Some("prefix") } else { turns.then_some("multi_turn") })
}

/// Completed and failed requests. The total is of all that were sent, but of AIPerf's it is of those that were completed,
/// and the failures are the number of kinds of errors.
fn counts(fields: &Fields<'_>, tool: &str) -> Result<(Option<u32>, Option<u32>), ParseError> {
    let of = |name: &str| fields.count(&format!("{AGGREGATE}/requests/{name}"));
    let (total, failed, incomplete) = (of("total")?, of("failures")?, of("incomplete")?);
    if tool == "aiperf" {
        return Ok((total, None));
    }
    let rest = failed.unwrap_or(0).saturating_add(incomplete.unwrap_or(0));
    Ok((total.map(|total| total.saturating_sub(rest)), failed))
}

/// Times, in the unit that is written beside them.
fn times(fields: &mut Fields<'_>, metric: Metric, name: &str) -> Result<Option<Distribution>, ParseError> {
    let of = |part: &str| format!("{AGGREGATE}/latency/{name}/{part}");
    if fields.at(&format!("{AGGREGATE}/latency/{name}")).is_none() {
        return Ok(None);
    }
    let scale = match fields.text(&of("units")) {
        Some("s" | "s/token") => 1000.0,
        Some("ms" | "ms/token") => 1.0,
        unit => {
            let found = text::cut(unit.unwrap_or("none"), 40);
            return Err(fields.problem(&of("units"), format!("found the unit `{found}`; expected `s` or `ms`")));
        }
    };
    fields.distribution(metric, scale, of)
}

/// The model of the first component that has one.
fn model(fields: &Fields<'_>) -> Option<String> {
    let stack = fields.at("/scenario/stack")?.as_array()?;
    let name = stack.iter().find_map(|component| component.pointer("/standardized/model/name")?.as_str())?;
    Some(text::cut(name, 128))
}
