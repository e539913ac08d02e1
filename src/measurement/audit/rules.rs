//! The rules for a single trial. Limits are here where they are the same for everyone.

use super::super::{Measurement, Metric, exceeds};
use super::{EvidenceLimits, Expectation};
use crate::api::{EvidenceCode, Finding, Severity};

/// Effective concurrency at least, as share of what a trial with a start and an end can reach.
const CONCURRENCY_REACHED: f64 = 0.95;
/// Effective concurrency at most, as share of the concurrency: more is a contradiction.
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

/// A trial under audit.
pub(super) struct Trial<'a> {
    pub measurement: &'a Measurement,
    pub expected: &'a Expectation,
    pub limits: &'a EvidenceLimits,
}

impl Trial<'_> {
    /// Whether a metric was in the file, but not as a number: then [`not_finite`] reports it.
    fn is_not_finite(&self, metric: Metric) -> bool {
        self.measurement.facts.not_finite.contains(&metric)
    }
}

/// A rule finds at most one thing.
pub(super) type Rule = fn(&Trial) -> Option<Finding>;

/// Every rule for a single trial.
pub(super) const RULES: &[Rule] = &[
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

fn finding(code: EvidenceCode, message: impl Into<String>) -> Option<Finding> {
    Some(Finding::new(code, message))
}

fn not_streaming(trial: &Trial) -> Option<Finding> {
    let Trial { measurement, expected, .. } = trial;
    let at_once = match (measurement.ttft, measurement.request_latency) {
        (Some(ttft), Some(latency)) => (latency.mean.get() - ttft.mean.get()).abs() <= 1e-6 * latency.mean.get(),
        _ => false,
    };
    let cause = if measurement.facts.streaming == Some(false) {
        "the load tool did not ask for streaming"
    } else if at_once && expected.output_tokens > 1 {
        "time to first token equals request latency, so each answer came in one piece"
    } else if measurement.tpot.is_none() && measurement.requests > 0 && !trial.is_not_finite(Metric::Tpot) {
        "the result has no time per output token"
    } else {
        return None;
    };
    let message = format!("{cause}; TTFT and TPOT are meaningless. Run the load tool with streaming on");
    finding(EvidenceCode::NotStreaming, message)
}

fn incomplete(Trial { measurement, .. }: &Trial) -> Option<Finding> {
    if measurement.facts.complete != Some(false) {
        return None;
    }
    let message = format!("the load tool marked its result as incomplete after {} requests", measurement.requests);
    finding(EvidenceCode::Incomplete, message)
}

fn cancelled(Trial { measurement, .. }: &Trial) -> Option<Finding> {
    if measurement.facts.cancelled != Some(true) {
        return None;
    }
    let message = format!("the load tool marked its result as cancelled after {} requests", measurement.requests);
    finding(EvidenceCode::Cancelled, message)
}

fn error_rate(Trial { measurement, limits, .. }: &Trial) -> Option<Finding> {
    let errors = measurement.errors?;
    let all = u64::from(measurement.requests) + u64::from(errors);
    let percent = 100.0 * f64::from(errors) / all.max(1) as f64;
    let maximum = limits.maximum_error_percent;
    if !exceeds(percent, maximum) {
        return None;
    }
    let cause = measurement.first_error.as_ref().map(|error| format!("; most often: {error}")).unwrap_or_default();
    let message = format!("{errors} of {all} requests failed ({percent:.1} %, allowed are {maximum} %){cause}");
    finding(EvidenceCode::ErrorRate, message)
}

fn too_few_requests(Trial { measurement, expected, limits }: &Trial) -> Option<Finding> {
    let windowed = measurement.facts.windowed;
    let each = if windowed { REQUESTS_PER_USER_WINDOWED } else { REQUESTS_PER_USER };
    let for_users = u64::from(each) * u64::from(expected.concurrency);
    let (completed, failed) = (u64::from(measurement.requests), u64::from(measurement.errors.unwrap_or(0)));
    // A user whose request failed has gone on to the next: its start-up burst is over all the same.
    let bounds = [
        (completed + failed, for_users, format!("{each} for each of {} concurrent requests", expected.concurrency)),
        (completed, u64::from(limits.minimum_requests), "evidence.minimumRequests".into()),
    ];
    let (found, minimum, reason) =
        bounds.into_iter().filter(|(found, minimum, _)| found < minimum).max_by_key(|(_, minimum, _)| *minimum)?;
    let what = if found > completed { format!("completed and {failed} failed") } else { "completed".into() };
    let message = format!("{completed} {what} requests; at least {minimum} are needed ({reason})");
    finding(EvidenceCode::TooFewRequests, message)
}

fn output_length(Trial { measurement, expected, limits }: &Trial) -> Option<Finding> {
    let (found, wanted) = (measurement.facts.output_tokens?, f64::from(expected.output_tokens));
    let off = 100.0 * (found / wanted - 1.0);
    let tolerance = limits.length_tolerance_percent;
    if !exceeds(off.abs(), tolerance) {
        return None;
    }
    let message = format!(
        "answers have {found:.1} tokens on average, {off:+.1} % off the requested {wanted}; ±{tolerance} % is allowed"
    );
    finding(EvidenceCode::OutputLengthMismatch, message)
}

fn input_length(Trial { measurement, expected, limits }: &Trial) -> Option<Finding> {
    let (found, wanted) = (measurement.facts.input_tokens?, f64::from(expected.input_tokens));
    let tolerance = wanted * limits.length_tolerance_percent / 100.0;
    let (least, most) = (wanted - tolerance, wanted + tolerance.max(TEMPLATE_TOKENS));
    if !exceeds(least, found) && !exceeds(found, most) {
        return None;
    }
    let message = format!(
        "prompts have {found:.1} tokens on average; requested were {wanted}, and {least:.0} to {most:.0} are allowed"
    );
    finding(EvidenceCode::InputLengthMismatch, message)
}

fn concurrency_not_reached(Trial { measurement, expected, .. }: &Trial) -> Option<Finding> {
    // A trial is known by its file, not by its folder.
    let users = expected.concurrency;
    if measurement.concurrency != users {
        let message = format!("the result is for {} concurrent requests; expected {users}", measurement.concurrency);
        return finding(EvidenceCode::ConcurrencyNotReached, message);
    }
    let found = measurement.facts.effective_concurrency?;
    let requests = f64::from(measurement.requests) + f64::from(measurement.errors.unwrap_or(0));
    // The first requests start and the last ones end one by one, so the mean over a whole trial stays below its concurrency.
    let least = CONCURRENCY_REACHED * f64::from(users) * requests / (requests + f64::from(users));
    if !exceeds(least, found) {
        return None;
    }
    let message = format!("{found:.1} concurrent requests on average; at least {least:.1} are expected at {users}");
    finding(EvidenceCode::ConcurrencyNotReached, message)
}

fn client_saturated(Trial { measurement, .. }: &Trial) -> Option<Finding> {
    let percent = measurement.facts.client_wait_percent.filter(|percent| exceeds(*percent, CLIENT_WAIT_PERCENT))?;
    let message = format!(
        "requests waited in the load generator for {percent:.1} % of their latency; up to {CLIENT_WAIT_PERCENT} % is \
         allowed. Give the load generator more CPUs"
    );
    finding(EvidenceCode::ClientSaturated, message)
}

fn prefix_cache_hits(Trial { measurement, .. }: &Trial) -> Option<Finding> {
    let (percent, tokens) = match (measurement.facts.cached_prompt_percent, measurement.facts.cached_prompt_tokens) {
        (None, None) => {
            let message = "the result has no count of cached prompt tokens: prefix cache hits would go unnoticed";
            return Some(Finding::with_severity(EvidenceCode::PrefixCacheHits, Severity::Warn, message));
        }
        (percent, tokens) => (percent.unwrap_or(100.0), tokens.unwrap_or(f64::INFINITY)),
    };
    if !exceeds(percent, CACHED_PERCENT) || !exceeds(tokens, CACHED_TOKENS) {
        return None;
    }
    let message = format!(
        "{percent:.1} % of the prompt tokens, {tokens:.0} a request, came from the server's prefix cache; up to \
         {CACHED_PERCENT} % or {CACHED_TOKENS} tokens are allowed"
    );
    finding(EvidenceCode::PrefixCacheHits, message)
}

fn throughput_inconsistent(trial: &Trial) -> Option<Finding> {
    tokens_contradict_requests(trial.measurement)
        .or_else(|| latency_contradicts_concurrency(trial.measurement))
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

fn latency_contradicts_concurrency(measurement: &Measurement) -> Option<String> {
    let (found, users) = (measurement.facts.effective_concurrency?, measurement.concurrency);
    exceeds(found, CONCURRENCY_EXCEEDED * f64::from(users)).then(|| {
        format!("requests/s × latency amounts to {found:.1} concurrent requests, but there were at most {users}")
    })
}

fn model_mismatch(Trial { measurement, expected, .. }: &Trial) -> Option<Finding> {
    let found = measurement.facts.model.as_ref().filter(|found| **found != expected.model)?;
    finding(EvidenceCode::ModelMismatch, format!("the result is for the model {found}; expected {}", expected.model))
}

fn missing_metric(trial: &Trial) -> Option<Finding> {
    let Measurement { ttft, request_latency, output_tokens_per_second, requests_per_second, facts, .. } =
        trial.measurement;
    // A missing time per token is reported by `not_streaming`.
    let needed = [
        (Metric::Ttft, ttft.is_none()),
        (Metric::RequestLatency, request_latency.is_none()),
        (Metric::OutputTokensPerSecond, output_tokens_per_second.is_none()),
        (Metric::RequestsPerSecond, requests_per_second.is_none()),
        (Metric::OutputTokens, facts.output_tokens.is_none()),
        (Metric::InputTokens, facts.input_tokens.is_none()),
    ];
    let missing = needed.iter().filter(|(metric, absent)| *absent && !trial.is_not_finite(*metric));
    let names = listed(missing.map(|(metric, _)| metric));
    if names.is_empty() {
        return None;
    }
    finding(EvidenceCode::MissingMetric, format!("missing from the result: {names}"))
}

fn not_finite(Trial { measurement, .. }: &Trial) -> Option<Finding> {
    let names = listed(measurement.facts.not_finite.iter());
    if names.is_empty() {
        return None;
    }
    finding(EvidenceCode::NotFinite, format!("not a finite number: {names}"))
}

fn listed<'a>(metrics: impl Iterator<Item = &'a Metric>) -> String {
    metrics.map(Metric::to_string).collect::<Vec<_>>().join(", ")
}

fn no_warmup(Trial { measurement, .. }: &Trial) -> Option<Finding> {
    let message = match measurement.facts.warmup_requests {
        Some(0) => "no warm-up before the trial: its first requests may include compilation and tuning",
        None => "the result does not show whether there was a warm-up before the trial",
        Some(_) => return None,
    };
    finding(EvidenceCode::NoWarmup, message)
}

fn ramp_included(Trial { measurement, .. }: &Trial) -> Option<Finding> {
    if measurement.facts.windowed {
        return None;
    }
    let message = "no per-request records: the figures include the burst in which all requests start, which worsens TTFT \
                   and tokens/s";
    finding(EvidenceCode::RampIncluded, message)
}

fn throughput_drift(Trial { measurement, .. }: &Trial) -> Option<Finding> {
    let percent =
        measurement.facts.window_drift_percent.filter(|percent| exceeds(percent.abs(), WINDOW_DRIFT_PERCENT))?;
    let verb = if percent < 0.0 { "fell" } else { "rose" };
    let message = format!(
        "throughput {verb} {:.1} % from the first half of the trial to the second (up to {WINDOW_DRIFT_PERCENT} % is \
         normal)",
        percent.abs()
    );
    finding(EvidenceCode::ThroughputDrift, message)
}
