//! The rules for a single trial. Limits are here where they are the same for everyone.

use std::ops::RangeInclusive;

use super::super::{Distribution, Measurement, Metric, exceeds};
use super::{EvidenceLimits, Expectation};
use crate::api::{EvidenceCode, Finding, Severity};
use crate::units::{RequestsPerSecond, TokensPerSecond};

/// Concurrent requests at least, as share of the concurrency.
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
/// Of the tokens asked for, the share below which answers are so short that most of their tokens are somewhere else.
const FAR_FEWER: f64 = 0.5;
/// How far tokens/s may be off requests/s × output length, in percent.
const THROUGHPUT_PERCENT: f64 = 5.0;
/// How far completions counted over whole waves may differ from those by Little's law, in percent.
const UNSTEADY_PERCENT: f64 = 10.0;
/// Waves of a trial at least: the first and the last do not count.
const WAVES: u32 = 3;

/// Mean times of requests and tokens, in milliseconds: from a thousandth to thirty days.
const PLAUSIBLE_MILLISECONDS: RangeInclusive<f64> = 1e-3..=2.592e9;
/// Requests and tokens per second.
const PLAUSIBLE_RATES: RangeInclusive<f64> = 1e-9..=1e9;

/// A trial under audit.
pub(super) struct AuditedTrial<'a> {
    pub measurement: &'a Measurement,
    pub expected: &'a Expectation,
    pub limits: &'a EvidenceLimits,
}

impl AuditedTrial<'_> {
    /// Whether a metric was in the file, but not as a number: then [`not_finite`] reports it.
    fn is_not_finite(&self, metric: Metric) -> bool {
        self.measurement.facts.not_finite.contains(&metric)
    }
}

/// A rule finds at most one thing.
pub(super) type AuditRule = fn(&AuditedTrial) -> Option<Finding>;

/// Every rule for a single trial.
pub(super) const RULES: &[AuditRule] = &[
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
    not_plausible,
    ramp_included,
    not_steady,
];

fn finding(code: EvidenceCode, message: impl Into<String>) -> Option<Finding> {
    Some(Finding::new(code, message))
}

fn not_streaming(trial: &AuditedTrial) -> Option<Finding> {
    let AuditedTrial { measurement, expected, .. } = trial;
    let at_once = match (measurement.ttft, measurement.request_latency) {
        (Some(ttft), Some(latency)) => (latency.mean.get() - ttft.mean.get()).abs() <= 1e-6 * latency.mean.get(),
        _ => false,
    };
    let cause = if measurement.facts.streaming == Some(false) {
        "the load tool did not ask for streaming"
    } else if at_once && expected.output_tokens > 1 {
        "time to first token equals request latency, so each answer came in one piece"
    } else if measurement.tpot.is_none() && has_answers(measurement) && !trial.is_not_finite(Metric::Tpot) {
        "the result has no time per output token"
    } else {
        return None;
    };
    let message = format!("{cause}; TTFT and TPOT are meaningless. Run the load tool with streaming on");
    finding(EvidenceCode::NotStreaming, message)
}

fn has_answers(measurement: &Measurement) -> bool {
    measurement.requests > 0 || measurement.facts.requests_unknown == Some(true)
}

fn incomplete(AuditedTrial { measurement, .. }: &AuditedTrial) -> Option<Finding> {
    if measurement.facts.complete != Some(false) {
        return None;
    }
    let message = format!("the load tool marked its result as incomplete after {} requests", measurement.requests);
    finding(EvidenceCode::Incomplete, message)
}

fn cancelled(AuditedTrial { measurement, .. }: &AuditedTrial) -> Option<Finding> {
    if measurement.facts.cancelled != Some(true) {
        return None;
    }
    let message = format!("the load tool marked its result as cancelled after {} requests", measurement.requests);
    finding(EvidenceCode::Cancelled, message)
}

fn error_rate(AuditedTrial { measurement, limits, .. }: &AuditedTrial) -> Option<Finding> {
    let Some(errors) = measurement.errors else {
        let message = "the result does not count failed requests: an unstable server would go unnoticed";
        return Some(Finding::with_severity(EvidenceCode::ErrorRate, Severity::Warn, message));
    };
    let all = u64::from(measurement.requests) + u64::from(errors);
    let percent = 100.0 * f64::from(errors) / all.max(1) as f64;
    let maximum = limits.maximum_error_percent;
    if !exceeds(percent, maximum) {
        return None;
    }
    let cause = measurement.first_error.as_ref().map(|error| format!("; most often: {error}")).unwrap_or_default();
    let message = format!("{errors} of {all} requests failed ({percent:.1} %; up to {maximum} % is allowed){cause}");
    finding(EvidenceCode::ErrorRate, message)
}

fn too_few_requests(AuditedTrial { measurement, expected, .. }: &AuditedTrial) -> Option<Finding> {
    if measurement.facts.requests_unknown == Some(true) {
        // Reported by `missing_metric`.
        return None;
    }
    let minimum = u64::from(WAVES) * u64::from(expected.concurrency);
    let failed = u64::from(measurement.errors.unwrap_or(0));
    let sent = u64::from(measurement.requests) + failed;
    if sent >= minimum {
        return None;
    }
    let failed = if failed > 0 { format!(" ({failed} failed)") } else { String::new() };
    let message = format!(
        "{sent} requests{failed}; {WAVES} for each of {} concurrent requests are needed, {minimum} in all: the first and the last \
         of each do not count",
        expected.concurrency
    );
    finding(EvidenceCode::TooFewRequests, message)
}

fn output_length(AuditedTrial { measurement, expected, limits }: &AuditedTrial) -> Option<Finding> {
    let (found, wanted) = (measurement.facts.output_tokens?, f64::from(expected.output_tokens));
    let off = 100.0 * (found / wanted - 1.0);
    let tolerance = limits.length_tolerance_percent;
    if !exceeds(off.abs(), tolerance) {
        return None;
    }
    let hint = match found < FAR_FEWER * wanted {
        true => {
            ". Is it a reasoning model? Then count tokens by the server's usage, or turn off the server's reasoning parser, \
             which moves tokens out of the content"
        }
        false => "",
    };
    let message = format!(
        "answers have {found:.1} tokens on average, {off:+.1} % off the requested {wanted}; ±{tolerance} % is allowed{hint}"
    );
    finding(EvidenceCode::OutputLengthMismatch, message)
}

fn input_length(AuditedTrial { measurement, expected, limits }: &AuditedTrial) -> Option<Finding> {
    let (found, wanted) = (measurement.facts.input_tokens?, f64::from(expected.input_tokens));
    let tolerance = wanted * limits.length_tolerance_percent / 100.0;
    let (least, most) = (wanted - tolerance, wanted + tolerance.max(TEMPLATE_TOKENS));
    if !exceeds(least, found) && !exceeds(found, most) {
        return None;
    }
    let message = format!(
        "prompts have {found:.1} tokens on average; {wanted} were requested, and {least:.0} to {most:.0} are allowed"
    );
    finding(EvidenceCode::InputLengthMismatch, message)
}

fn concurrency_not_reached(AuditedTrial { measurement, expected, .. }: &AuditedTrial) -> Option<Finding> {
    // A trial is known by its file, not by its folder.
    let users = expected.concurrency;
    if measurement.concurrency != users {
        let message = format!("the result is for {} concurrent requests; expected {users}", measurement.concurrency);
        return finding(EvidenceCode::ConcurrencyNotReached, message);
    }
    let found = measurement.facts.effective_concurrency?;
    let least = CONCURRENCY_REACHED * f64::from(users) * whole_share(measurement);
    if !exceeds(least, found) {
        return None;
    }
    let message = format!("{found:.1} concurrent requests on average; at least {least:.1} are expected at {users}");
    finding(EvidenceCode::ConcurrencyNotReached, message)
}

/// The share of its concurrency that a trial can reach on average: over the whole trial it stays below, since the first
/// requests start and the last ones end one by one; over the requests that count it does not.
fn whole_share(measurement: &Measurement) -> f64 {
    let sent = f64::from(measurement.sent());
    if measurement.counted.is_some() { 1.0 } else { sent / (sent + f64::from(measurement.concurrency)) }
}

fn client_saturated(AuditedTrial { measurement, .. }: &AuditedTrial) -> Option<Finding> {
    let percent = measurement.facts.client_wait_percent.filter(|percent| exceeds(*percent, CLIENT_WAIT_PERCENT))?;
    let message = format!(
        "requests waited in the load generator for {percent:.1} % of their latency; up to {CLIENT_WAIT_PERCENT} % is \
         allowed. Give the load generator more CPUs"
    );
    finding(EvidenceCode::ClientSaturated, message)
}

fn prefix_cache_hits(AuditedTrial { measurement, .. }: &AuditedTrial) -> Option<Finding> {
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

fn throughput_inconsistent(trial: &AuditedTrial) -> Option<Finding> {
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

fn model_mismatch(AuditedTrial { measurement, expected, .. }: &AuditedTrial) -> Option<Finding> {
    let Some(found) = &measurement.facts.model else {
        let message = "the result does not name the model: another one's would go unnoticed";
        return Some(Finding::with_severity(EvidenceCode::ModelMismatch, Severity::Warn, message));
    };
    if *found == expected.model {
        return None;
    }
    finding(EvidenceCode::ModelMismatch, format!("the result is for the model {found}; expected {}", expected.model))
}

fn missing_metric(trial: &AuditedTrial) -> Option<Finding> {
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
        (Metric::Requests, facts.requests_unknown == Some(true)),
    ];
    let missing = needed.iter().filter(|(metric, absent)| *absent && !trial.is_not_finite(*metric));
    let names = listed(missing.map(|(metric, _)| metric));
    if names.is_empty() {
        return None;
    }
    finding(EvidenceCode::MissingMetric, format!("missing from the result: {names}"))
}

fn not_finite(AuditedTrial { measurement, .. }: &AuditedTrial) -> Option<Finding> {
    let names = listed(measurement.facts.not_finite.iter());
    if names.is_empty() {
        return None;
    }
    finding(EvidenceCode::NotFinite, format!("not a finite number: {names}"))
}

fn not_plausible(trial: &AuditedTrial) -> Option<Finding> {
    let AuditedTrial { measurement, expected, .. } = trial;
    // Answers that come at once have no time per token, whatever the file says.
    if not_streaming(trial).is_some() {
        return None;
    }
    let mean = |distribution: Option<Distribution>| distribution.map(|d| d.mean.get());
    let times = [
        (Metric::Ttft, mean(measurement.ttft)),
        (Metric::Tpot, mean(measurement.tpot).filter(|_| expected.output_tokens > 1)),
        (Metric::RequestLatency, mean(measurement.request_latency)),
    ];
    let rates = [
        (Metric::OutputTokensPerSecond, measurement.output_tokens_per_second.map(TokensPerSecond::get)),
        (Metric::RequestsPerSecond, measurement.requests_per_second.map(RequestsPerSecond::get)),
    ];
    let times = times.map(|(metric, value)| (metric, value, PLAUSIBLE_MILLISECONDS, "ms"));
    let rates = rates.map(|(metric, value)| (metric, value, PLAUSIBLE_RATES, "per second"));
    let absurd = times.into_iter().chain(rates).find_map(|(metric, value, range, unit)| {
        let value = value.filter(|value| !range.contains(value))?;
        Some(format!("{metric} is {value:e} {unit}; {:e} to {:e} are plausible", range.start(), range.end()))
    });
    finding(EvidenceCode::NotPlausible, absurd?)
}

fn listed<'a>(metrics: impl Iterator<Item = &'a Metric>) -> String {
    metrics.map(Metric::to_string).collect::<Vec<_>>().join(", ")
}

fn ramp_included(AuditedTrial { measurement, .. }: &AuditedTrial) -> Option<Finding> {
    if measurement.counted.is_some() {
        return None;
    }
    let message = "no per-request records: the figures include the burst in which all requests start, so TTFT is shown and not \
                   judged, and TPOT reads up to 4 % low";
    finding(EvidenceCode::RampIncluded, message)
}

fn not_steady(AuditedTrial { measurement, .. }: &AuditedTrial) -> Option<Finding> {
    let percent = measurement.facts.unsteadiness_percent.filter(|percent| exceeds(percent.abs(), UNSTEADY_PERCENT))?;
    let than = if percent < 0.0 { "fewer" } else { "more" };
    let message = format!(
        "{:.1} % {than} requests ended per second than concurrency and latency say (up to {UNSTEADY_PERCENT} % is normal): the \
         server was not in a steady state",
        percent.abs()
    );
    finding(EvidenceCode::NotSteady, message)
}
