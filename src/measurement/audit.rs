//! The audit of one level (METHOD §4): which findings speak against using a measurement, each with its numbers.
//!
//! The limits are here where they are the same for everyone, and in `spec.evidence` where people may set them.

use super::{Measurement, exceeds};
use serde::{Deserialize, Serialize};

use crate::api::{Decimal, Evidence, EvidenceCode, Finding, Severity};

/// Effective concurrency at least, as share of what a run with its start and its end can reach.
const CONCURRENCY_REACHED: f64 = 0.95;
/// More requests in flight than users, as share: figures that contradict each other.
const CONCURRENCY_EXCEEDED: f64 = 1.05;
/// Waiting in the client at most, in percent of request latency. Saturated clients show 20, others at most 1.
const CLIENT_WAIT_PERCENT: f64 = 5.0;
/// Cached prompt tokens at most, in percent of the prompts.
const CACHED_PERCENT: f64 = 2.0;
/// Cached prompt tokens at most, per request: a chat template or system prompt may well be cached.
const CACHED_TOKENS: f64 = 64.0;
/// Tokens a chat template may add to a prompt.
const TEMPLATE_TOKENS: f64 = 128.0;
/// How far tokens/s may be off requests/s × output length, in percent.
const THROUGHPUT_PERCENT: f64 = 5.0;
/// Change of throughput within the window at most, in percent.
const WINDOW_DRIFT_PERCENT: f64 = 10.0;
/// Requests of each user at least, where the start-up burst stays in the figures.
const REQUESTS_PER_USER: u32 = 5;
/// Requests of each user at least, where the window leaves the first of them out.
const REQUESTS_PER_USER_WINDOWED: u32 = 3;

/// What a level must show to be used: `spec.evidence`, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceLimits {
    /// Failed requests of all, in percent.
    pub maximum_error_percent: f64,
    /// Completed requests.
    pub minimum_requests: u32,
    /// How far mean token counts may be off, in percent.
    pub length_tolerance_percent: f64,
}

/// A limit of `spec.evidence` that is no number. The schema refuses it; files read offline may hold it all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("spec.evidence.{field}: found `{found}`; expected {expected}")]
pub struct LimitError {
    /// Field below `spec.evidence`.
    pub field: &'static str,
    /// Its value.
    pub found: String,
    /// What would do.
    pub expected: &'static str,
}

impl EvidenceLimits {
    /// Parses the limits once.
    ///
    /// # Errors
    /// The first field that is not a non-negative decimal, or is below its minimum.
    pub fn parse(evidence: &Evidence) -> Result<Self, LimitError> {
        let percent = |field, decimal: &Decimal| {
            let expected = "a decimal number from 0 up, such as \"2.5\"";
            decimal.value().ok_or_else(|| LimitError { field, found: decimal.to_string(), expected })
        };
        let requests = Some(evidence.minimum_requests).filter(|requests| *requests > 0);
        Ok(Self {
            maximum_error_percent: percent("maximumErrorPercent", &evidence.maximum_error_percent)?,
            minimum_requests: requests.ok_or_else(|| LimitError {
                field: "minimumRequests",
                found: evidence.minimum_requests.to_string(),
                expected: "a whole number from 1 up",
            })?,
            length_tolerance_percent: percent("lengthTolerancePercent", &evidence.length_tolerance_percent)?,
        })
    }
}

/// What the level was meant to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Id the server answers to.
    pub model: String,
    /// Tokens of each prompt.
    pub input_tokens: u32,
    /// Tokens of each answer.
    pub output_tokens: u32,
    /// Requests in flight over the whole deployment.
    pub concurrency: u32,
}

/// Everything that speaks against a measurement taken at face value, in the order of the codes; empty for a clean one.
///
/// What only others can see (a server that restarted, a load pod that was lost, shared nodes) is not here, nor is what
/// takes several measurements to see: [`across`](super::across).
pub fn audit(measurement: &Measurement, expected: &Expectation, limits: &EvidenceLimits) -> Vec<Finding> {
    let level = Level { measurement, expected, limits };
    let rules: [fn(&Level) -> Option<Finding>; 17] = [
        not_streaming,
        incomplete,
        cancelled,
        error_rate,
        too_few_requests,
        output_length,
        input_length,
        concurrency_not_reached,
        client_saturated,
        prefix_cache_hits,
        throughput_inconsistent,
        model_mismatch,
        missing_metric,
        not_finite,
        no_warmup,
        ramp_included,
        throughput_drift,
    ];
    let mut findings: Vec<Finding> = rules.iter().filter_map(|rule| rule(&level)).collect();
    findings.sort_by_key(|finding| finding.code);
    findings
}

/// Whether a level with these findings must not be used.
pub fn rejected(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::rejects)
}

struct Level<'a> {
    measurement: &'a Measurement,
    expected: &'a Expectation,
    limits: &'a EvidenceLimits,
}

fn finding(code: EvidenceCode, message: String) -> Option<Finding> {
    Some(Finding::new(code, message))
}

fn not_streaming(Level { measurement, expected, .. }: &Level) -> Option<Finding> {
    let not_finite = |name: &str| measurement.facts.not_finite.iter().any(|known| known == name);
    let at_once = match (measurement.ttft, measurement.request_latency) {
        (Some(ttft), Some(latency)) => (latency.mean.get() - ttft.mean.get()).abs() <= 1e-6 * latency.mean.get(),
        _ => false,
    };
    let cause = if measurement.facts.streaming == Some(false) {
        "the tool did not ask for a stream"
    } else if at_once && expected.output_tokens > 1 {
        "time to first token equals request latency: each answer came in one piece"
    } else if measurement.tpot.is_none() && measurement.requests > 0 && !not_finite("inter_token_latency") {
        "there is no time per token"
    } else {
        return None;
    };
    finding(EvidenceCode::NotStreaming, format!("{cause}; TTFT and TPOT say nothing. Run the tool with --streaming"))
}

fn incomplete(Level { measurement, .. }: &Level) -> Option<Finding> {
    if measurement.facts.complete != Some(false) {
        return None;
    }
    finding(
        EvidenceCode::Incomplete,
        format!("the tool says that its run is not complete, after {} requests", measurement.requests),
    )
}

fn cancelled(Level { measurement, .. }: &Level) -> Option<Finding> {
    if measurement.facts.cancelled != Some(true) {
        return None;
    }
    finding(
        EvidenceCode::Cancelled,
        format!("the tool says that its run was cancelled, after {} requests", measurement.requests),
    )
}

fn error_rate(Level { measurement, limits, .. }: &Level) -> Option<Finding> {
    let all = u64::from(measurement.requests) + u64::from(measurement.errors);
    let percent = 100.0 * f64::from(measurement.errors) / all.max(1) as f64;
    if !exceeds(percent, limits.maximum_error_percent) {
        return None;
    }
    let cause = measurement.first_error.as_ref().map(|error| format!("; most often: {error}")).unwrap_or_default();
    let (errors, maximum) = (measurement.errors, limits.maximum_error_percent);
    finding(
        EvidenceCode::ErrorRate,
        format!("{errors} of {all} requests failed, {percent:.1} %; at most {maximum} % may{cause}"),
    )
}

fn too_few_requests(Level { measurement, expected, limits }: &Level) -> Option<Finding> {
    let windowed = measurement.facts.windowed;
    let each = if windowed { REQUESTS_PER_USER_WINDOWED } else { REQUESTS_PER_USER };
    let for_users = u64::from(each) * u64::from(expected.concurrency);
    let (completed, failed) = (u64::from(measurement.requests), u64::from(measurement.errors));
    // A user whose request failed has gone on to the next: its start-up burst is over all the same.
    let bounds = [
        (completed + failed, for_users, format!("{each} for each of {} users", expected.concurrency)),
        (completed, u64::from(limits.minimum_requests), "evidence.minimumRequests".into()),
    ];
    let (found, minimum, reason) =
        bounds.into_iter().filter(|(found, minimum, _)| found < minimum).max_by_key(|(_, minimum, _)| *minimum)?;
    let what = if found > completed { format!("completed and {failed} failed") } else { "completed".into() };
    finding(
        EvidenceCode::TooFewRequests,
        format!("{completed} {what} requests; at least {minimum} are needed ({reason})"),
    )
}

fn output_length(Level { measurement, expected, limits }: &Level) -> Option<Finding> {
    let (found, wanted) = (measurement.facts.output_tokens?, f64::from(expected.output_tokens));
    let off = 100.0 * (found / wanted - 1.0);
    if !exceeds(off.abs(), limits.length_tolerance_percent) {
        return None;
    }
    let tolerance = limits.length_tolerance_percent;
    finding(
        EvidenceCode::OutputLengthMismatch,
        format!(
            "answers have {found:.1} tokens on average, {off:+.1} % off the {wanted} asked for; ±{tolerance} % is allowed"
        ),
    )
}

fn input_length(Level { measurement, expected, limits }: &Level) -> Option<Finding> {
    let (found, wanted) = (measurement.facts.input_tokens?, f64::from(expected.input_tokens));
    let tolerance = wanted * limits.length_tolerance_percent / 100.0;
    let (least, most) = (wanted - tolerance, wanted + tolerance.max(TEMPLATE_TOKENS));
    if !exceeds(least, found) && !exceeds(found, most) {
        return None;
    }
    finding(
        EvidenceCode::InputLengthMismatch,
        format!(
            "prompts have {found:.1} tokens on average; {wanted} were asked for and {least:.0} to {most:.0} are allowed"
        ),
    )
}

fn concurrency_not_reached(Level { measurement, expected, .. }: &Level) -> Option<Finding> {
    // A level is known by its file, not by its folder.
    if measurement.concurrency != expected.concurrency {
        let message = format!("the file is about {} users; expected {}", measurement.concurrency, expected.concurrency);
        return finding(EvidenceCode::ConcurrencyNotReached, message);
    }
    let found = measurement.facts.effective_concurrency?;
    let users = f64::from(expected.concurrency);
    let requests = f64::from(measurement.requests) + f64::from(measurement.errors);
    // The first requests start and the last ones end one by one: a mean over the whole run stays below the number of users.
    let least = CONCURRENCY_REACHED * users * requests / (requests + users);
    if !exceeds(least, found) {
        return None;
    }
    finding(
        EvidenceCode::ConcurrencyNotReached,
        format!("{found:.1} requests were in flight on average; at least {least:.1} are expected of {users} users"),
    )
}

fn client_saturated(Level { measurement, .. }: &Level) -> Option<Finding> {
    let percent = measurement.facts.client_wait_percent.filter(|percent| exceeds(*percent, CLIENT_WAIT_PERCENT))?;
    finding(
        EvidenceCode::ClientSaturated,
        format!(
            "requests waited {percent:.1} % of their latency in the load generator; at most {CLIENT_WAIT_PERCENT} % is \
             allowed. Give it more CPUs"
        ),
    )
}

fn prefix_cache_hits(Level { measurement, .. }: &Level) -> Option<Finding> {
    let (percent, tokens) = match (measurement.facts.cached_prompt_percent, measurement.facts.cached_prompt_tokens) {
        (None, None) => {
            let message =
                "the server does not report cached prompt tokens: hits in its prefix cache would go unnoticed";
            return Some(Finding::with_severity(EvidenceCode::PrefixCacheHits, Severity::Warn, message));
        }
        (percent, tokens) => (percent.unwrap_or(100.0), tokens.unwrap_or(f64::INFINITY)),
    };
    if !exceeds(percent, CACHED_PERCENT) || !exceeds(tokens, CACHED_TOKENS) {
        return None;
    }
    finding(
        EvidenceCode::PrefixCacheHits,
        format!(
            "{percent:.1} % of the prompts, {tokens:.0} tokens a request, came from the server's prefix cache; at most \
             {CACHED_PERCENT} % or {CACHED_TOKENS} tokens may"
        ),
    )
}

fn throughput_inconsistent(level: &Level) -> Option<Finding> {
    tokens_contradict_requests(level.measurement)
        .or_else(|| more_in_flight_than_users(level.measurement))
        .and_then(|message| finding(EvidenceCode::ThroughputInconsistent, message))
}

fn tokens_contradict_requests(measurement: &Measurement) -> Option<String> {
    let tokens = measurement.output_tokens_per_second?.get();
    let (requests, length) = (measurement.requests_per_second?.get(), measurement.facts.output_tokens?);
    let product = requests * length;
    let off = if product > 0.0 { 100.0 * (tokens / product - 1.0) } else { 0.0 };
    exceeds(off.abs(), THROUGHPUT_PERCENT).then(|| {
        format!("{tokens:.1} tokens/s is {off:+.0} % off {requests:.2} requests/s × {length:.1} tokens = {product:.1} tokens/s")
    })
}

fn more_in_flight_than_users(measurement: &Measurement) -> Option<String> {
    let (found, users) = (measurement.facts.effective_concurrency?, measurement.concurrency);
    exceeds(found, CONCURRENCY_EXCEEDED * f64::from(users))
        .then(|| format!("requests/s × latency means {found:.1} requests in flight, which {users} users cannot have"))
}

fn model_mismatch(Level { measurement, expected, .. }: &Level) -> Option<Finding> {
    let found = measurement.facts.model.as_ref().filter(|found| **found != expected.model)?;
    finding(EvidenceCode::ModelMismatch, format!("the file is about the model {found}; expected {}", expected.model))
}

fn missing_metric(Level { measurement, .. }: &Level) -> Option<Finding> {
    let not_finite = |name: &str| measurement.facts.not_finite.iter().any(|known| known == name);
    // A missing time per token is NotStreaming's matter.
    let needed = [
        ("time to first token", "time_to_first_token", measurement.ttft.is_none()),
        ("request latency", "request_latency", measurement.request_latency.is_none()),
        ("output tokens per second", "output_token_throughput", measurement.output_tokens_per_second.is_none()),
        ("requests per second", "request_throughput", measurement.requests_per_second.is_none()),
        ("output length", "output_sequence_length", measurement.facts.output_tokens.is_none()),
        ("input length", "input_sequence_length", measurement.facts.input_tokens.is_none()),
    ];
    let absent: Vec<&str> =
        needed.iter().filter(|(_, tag, absent)| *absent && !not_finite(tag)).map(|(name, ..)| *name).collect();
    if absent.is_empty() {
        return None;
    }
    finding(EvidenceCode::MissingMetric, format!("the file does not say: {}", absent.join(", ")))
}

fn not_finite(Level { measurement, .. }: &Level) -> Option<Finding> {
    let names = &measurement.facts.not_finite;
    if names.is_empty() {
        return None;
    }
    finding(EvidenceCode::NotFinite, format!("not a finite number: {}", names.join(", ")))
}

fn no_warmup(Level { measurement, .. }: &Level) -> Option<Finding> {
    let message = match measurement.facts.warmup_requests {
        Some(0) => "no warm-up before the level: first requests may have paid for compilation and tuning",
        None => "the file does not say whether there was a warm-up before the level",
        Some(_) => return None,
    };
    finding(EvidenceCode::NoWarmup, message.into())
}

fn ramp_included(Level { measurement, .. }: &Level) -> Option<Finding> {
    if measurement.facts.windowed {
        return None;
    }
    let message = "no per-request records: the figures include the burst with which all users start, which worsens TTFT and \
                   tokens/s";
    finding(EvidenceCode::RampIncluded, message.into())
}

fn throughput_drift(Level { measurement, .. }: &Level) -> Option<Finding> {
    let percent =
        measurement.facts.window_drift_percent.filter(|percent| exceeds(percent.abs(), WINDOW_DRIFT_PERCENT))?;
    finding(
        EvidenceCode::ThroughputDrift,
        format!(
            "the second half of the level had {percent:+.1} % of throughput against the first; ±{WINDOW_DRIFT_PERCENT} % is usual"
        ),
    )
}
