//! The record that is published of a trial: the measurement, and findings that only the agent can make. Pure.

use super::artifacts::TrialOutput;
use super::outbox::LARGEST_RECORD;
use super::process::{StopCause, ToolEnd};
use crate::api::evidence::LONGEST_FINDING;
use crate::api::{EvidenceCode, Finding};
use crate::measurement::ledger::Mark;
use crate::measurement::record::TrialRecord;
use crate::text;

/// Findings beside the measurement. The exit code is not evidence: the tool also exits with 0 on failure.
pub fn findings(ended: &ToolEnd, left: &TrialOutput, trial_seconds: u64) -> Vec<Finding> {
    let mut findings = vec![];
    let mut add = |code, message: String| findings.push(Finding::new(code, message));
    if ended.stopped == Some(StopCause::Deadline) {
        let message = format!("stopped after {trial_seconds} s (execution.deadlines.trialSeconds)");
        add(EvidenceCode::Cancelled, message);
    }
    match left {
        TrialOutput::Read(_) => {}
        TrialOutput::OnlyFailures { requests, first } => {
            add(EvidenceCode::ErrorRate, format!("all {requests} requests failed; the first: {first}"));
        }
        // The agent itself cut it short.
        TrialOutput::Nothing | TrialOutput::Unreadable(_) if ended.stopped.is_some() => {}
        TrialOutput::Unreadable(problem) => {
            add(EvidenceCode::LoadToolFailed, format!("the load tool's result cannot be used: {problem}"));
        }
        TrialOutput::Nothing => add(EvidenceCode::LoadToolFailed, no_result(ended)),
    }
    findings
}

fn no_result(ended: &ToolEnd) -> String {
    match &ended.exit {
        Err(problem) => format!("the load tool cannot be started: {problem}"),
        Ok(exit) if ended.last_output.is_empty() => format!("the load tool {exit} and left no result"),
        Ok(exit) => format!("the load tool {exit} and left no result; its last output: {}", ended.last_output),
    }
}

/// The finding about a trial that was begun again and again.
pub fn lost(last_start: &Mark) -> Finding {
    let message = format!(
        "the load pod was lost each time it ran this trial; the last one, {}, began it at {:.0}",
        last_start.pod_uid, last_start.time
    );
    Finding::new(EvidenceCode::LoadPodLost, message)
}

/// The finding about a trial that another pod had begun: one that was lost, or that went with a run that was suspended.
pub fn replaced(unfinished: &Mark) -> Finding {
    let message = format!(
        "another load pod began this trial at {:.0} and did not finish it; it was measured anew from its beginning",
        unfinished.time
    );
    Finding::new(EvidenceCode::LoadPodReplaced, message)
}

/// The record as it is published, in at most [`LARGEST_RECORD`] bytes: texts are shortened as far as needed, numbers never.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn to_json(mut record: TrialRecord) -> serde_json::Result<String> {
    for longest in [LONGEST_FINDING, 150, 60, 0] {
        let text = serde_json::to_string(&record)?;
        if text.len() <= LARGEST_RECORD {
            return Ok(text);
        }
        for finding in &mut record.findings {
            finding.message = text::beginning(&finding.message, longest).to_owned();
        }
        if let Some(measurement) = &mut record.measurement {
            measurement.first_error =
                measurement.first_error.take().map(|error| text::beginning(&error, longest).to_owned());
        }
    }
    serde_json::to_string(&record)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::Timestamp;
    use rstest::rstest;

    use super::*;
    use crate::agent::process::Exit;
    use crate::measurement::counted::{CountedRequests, LimitRatios, OverLimit};
    use crate::measurement::record::{Purpose, SCHEMA_VERSION, TrialKey, TrialPlan};
    use crate::measurement::{Distribution, Facts, Measurement, Metric};
    use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

    fn ended(stopped: Option<StopCause>, exit: Result<Exit, String>) -> ToolEnd {
        ToolEnd { stopped, exit, last_output: "Traceback / ValueError: bad flag".into() }
    }

    fn failures() -> TrialOutput {
        TrialOutput::OnlyFailures { requests: 30, first: "connection refused".into() }
    }

    #[rstest]
    #[case::killed(None, Ok(Exit::Code(137)), TrialOutput::Nothing, &[EvidenceCode::LoadToolFailed], "was killed")]
    #[case::exit(None, Ok(Exit::Code(1)), TrialOutput::Nothing, &[EvidenceCode::LoadToolFailed], "ValueError: bad flag")]
    #[case::claims_success(None, Ok(Exit::Code(0)), TrialOutput::Nothing, &[EvidenceCode::LoadToolFailed], "left no result")]
    #[case::missing(None, Err("aiperf: not found".into()), TrialOutput::Nothing, &[EvidenceCode::LoadToolFailed], "aiperf: not found")]
    #[case::cut_off(None, Ok(Exit::Code(0)), TrialOutput::Unreadable("EOF".into()), &[EvidenceCode::LoadToolFailed], "EOF")]
    #[case::server_down(None, Ok(Exit::Code(1)), failures(), &[EvidenceCode::ErrorRate], "all 30 requests failed")]
    #[case::overdue(Some(StopCause::Deadline), Ok(Exit::Signal(9)), TrialOutput::Nothing, &[EvidenceCode::Cancelled], "stopped after 60 s")]
    #[case::overdue_cut_off(Some(StopCause::Deadline), Ok(Exit::Signal(9)), TrialOutput::Unreadable("EOF".into()), &[EvidenceCode::Cancelled], "stopped after")]
    #[case::overdue_down(Some(StopCause::Deadline), Ok(Exit::Code(1)), failures(), &[EvidenceCode::Cancelled, EvidenceCode::ErrorRate], "stopped after")]
    fn what_came_out_decides(
        #[case] stopped: Option<StopCause>,
        #[case] exit: Result<Exit, String>,
        #[case] left: TrialOutput,
        #[case] codes: &[EvidenceCode],
        #[case] said: &str,
    ) {
        let findings = findings(&ended(stopped, exit), &left, 60);
        assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), codes);
        assert!(findings[0].message.contains(said), "{}", findings[0].message);
    }

    #[test]
    fn a_result_counts_whatever_the_exit_code() {
        let left = TrialOutput::Read(Box::new(measurement("")));
        assert_eq!(findings(&ended(None, Ok(Exit::Code(1))), &left, 60), []);
    }

    #[test]
    fn long_messages_are_cut() {
        let ended = ToolEnd { last_output: "é".repeat(300), ..ended(None, Ok(Exit::Code(1))) };
        let message = &findings(&ended, &TrialOutput::Nothing, 60)[0].message;
        assert!(message.len() <= LONGEST_FINDING && message.ends_with('…'), "{message}");
    }

    /// Numbers as long as they get.
    fn measurement(error: &str) -> Measurement {
        let number = 12345.678901234567;
        let ms = Milliseconds::new(number).unwrap();
        let distribution = Some(Distribution { mean: ms, p50: Some(ms), p90: Some(ms), p95: Some(ms), p99: Some(ms) });
        Measurement {
            tool: "aiperf 0.13.0".into(),
            concurrency: 100_000,
            requests: 1_000_000,
            errors: Some(1_000_000),
            first_error: Some(error.into()),
            ttft: distribution,
            tpot: distribution,
            request_latency: distribution,
            output_tokens_per_second: Some(TokensPerSecond::new(number).unwrap()),
            requests_per_second: Some(RequestsPerSecond::new(number).unwrap()),
            good_requests_percent: Some(number),
            counted: Some(CountedRequests {
                requests: 1_000_000,
                failed: 1_000_000,
                over: OverLimit { ttft: 1_000_000, tpot: 1_000_000, request_latency: 1_000_000, any: 1_000_000 },
                good_ratio: Some(number),
                ratios: LimitRatios { ttft: Some(number), tpot: Some(number), request_latency: Some(number) },
            }),
            facts: Facts {
                model: Some("m".repeat(128)),
                complete: Some(false),
                cancelled: Some(false),
                streaming: Some(true),
                input_tokens: Some(number),
                output_tokens: Some(number),
                effective_concurrency: Some(number),
                client_wait_percent: Some(number),
                cached_prompt_percent: Some(number),
                cached_prompt_tokens: Some(number),
                warmup_requests: Some(100_000),
                unsteadiness_percent: Some(-number),
                loaded_seconds: Some(number),
                sm_clock_megahertz: Some(number),
                throttled_percent: Some(number),
                gpu_joules: Some(number),
                gpus_watched: Some(100_000),
                requests_unknown: None,
                not_finite: vec![Metric::OutputTokensPerSecond; 13],
            },
        }
    }

    fn record(message: &str) -> TrialRecord {
        TrialRecord {
            schema_version: SCHEMA_VERSION,
            trial: TrialPlan {
                key: TrialKey {
                    round: 8,
                    concurrency: 100_000,
                    purpose: Purpose::Refinement,
                    number: 20,
                    try_number: 2,
                },
                requests: 2_000_000,
                warmup: 1_000_000,
                ramp_seconds: Some(12345.678901234567),
                seed: u64::MAX >> 11,
                request_timeout_seconds: 86_400,
            },
            deployment: 30,
            pod_uid: "01234567-89ab-cdef-0123-456789abcdef".into(),
            start_time: Timestamp::MAX,
            completion_time: Timestamp::MAX,
            measurement: Some(measurement(message)),
            findings: vec![
                Finding::new(EvidenceCode::LoadToolFailed, message),
                Finding::new(EvidenceCode::Cancelled, message),
            ],
        }
    }

    #[rstest]
    #[case("short")]
    #[case(&"\"é\n".repeat(500))]
    fn the_largest_record_fits_and_keeps_its_numbers(#[case] message: &str) {
        let text = to_json(record(message)).unwrap();
        assert!(text.len() <= LARGEST_RECORD, "{} bytes", text.len());
        let read: TrialRecord = serde_json::from_str(&text).unwrap();
        assert_eq!(read.measurement.unwrap().ttft, record("").measurement.unwrap().ttft);
        assert_eq!(read.findings.len(), 2);
    }

    #[test]
    fn a_record_that_fits_is_not_cut() {
        let mut record = record("the reason");
        record.measurement = None;
        assert_eq!(serde_json::from_str::<TrialRecord>(&to_json(record.clone()).unwrap()).unwrap(), record);
    }
}
