//! Trials: what was run, and what it showed once the audit has looked at it.

use std::num::NonZeroU32;

use crate::api::{EvidenceCode, Finding};
use crate::measurement::record::TrialRecord;
pub use crate::measurement::record::{Purpose, TrialKey};
use crate::measurement::{CountedRequests, Distribution, Measurement};
use crate::units::{RequestsPerSecond, TokensPerSecond};

/// One trial of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Which one.
    pub key: TrialKey,
    /// What came of it.
    pub outcome: TrialOutcome,
}

/// What came of a trial.
#[expect(clippy::large_enum_variant, reason = "most trials are accepted")]
#[derive(Clone, Debug, PartialEq)]
pub enum TrialOutcome {
    /// The audit accepts it.
    Accepted(TrialFigures),
    /// The audit rejects it.
    Rejected(Rejection),
}

/// Why a trial is rejected, as far as it matters to what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// The tool did not finish.
    Incomplete,
    /// The tool was stopped.
    Cancelled,
    /// It ran into its deadline, and would again.
    DeadlineReached,
    /// Too many requests failed.
    ErrorRate,
    /// Fewer requests were under way than intended.
    ConcurrencyNotReached,
    /// The load pod went away.
    LoadPodLost,
    LoadToolFailed,
    /// The server restarted meanwhile.
    ServerRestarted,
    /// Anything that another try does not cure.
    Other,
}

impl Rejection {
    /// Whether it may not happen again, so that one more try is worth its time (METHOD §3).
    pub fn may_pass(self) -> bool {
        matches!(
            self,
            Self::Incomplete
                | Self::Cancelled
                | Self::ErrorRate
                | Self::ConcurrencyNotReached
                | Self::LoadPodLost
                | Self::LoadToolFailed
        )
    }

    /// Whether the server is to blame; such rejections make a variant unstable (METHOD §6).
    pub fn is_the_servers(self) -> bool {
        matches!(self, Self::ErrorRate | Self::Incomplete | Self::ServerRestarted)
    }
}

/// What an accepted trial showed, over its counted requests (METHOD §3).
#[derive(Clone, Debug, PartialEq)]
pub struct TrialFigures {
    /// Time to first token.
    pub ttft: Distribution,
    /// Time per output token after the first.
    pub tpot: Distribution,
    /// From sending to the last token.
    pub request_latency: Distribution,
    /// The requests they are taken over; absent where only the load tool's summary over all requests is there.
    pub counted: Option<CountedRequests>,
    /// Over the whole deployment.
    pub requests_per_second: RequestsPerSecond,
    /// Output tokens per second and GPU held.
    pub tokens_per_second_per_gpu: TokensPerSecond,
}

impl TrialFigures {
    /// What a measurement shows of a variant that holds so many GPUs; `None` where a figure is missing.
    pub fn of(measurement: &Measurement, gpus: NonZeroU32) -> Option<Self> {
        let tokens = measurement.output_tokens_per_second?.get() / f64::from(gpus.get());
        Some(Self {
            ttft: measurement.ttft?,
            tpot: measurement.tpot?,
            request_latency: measurement.request_latency?,
            counted: measurement.counted,
            requests_per_second: measurement.requests_per_second?,
            tokens_per_second_per_gpu: TokensPerSecond::new(tokens).ok()?,
        })
    }
}

impl Rejection {
    /// The cause among the findings that reject a record; `None` where none does. Others are taken for its consequences: a
    /// trial that failed half-way has too few requests, too.
    fn of(record: &TrialRecord, findings: &[Finding]) -> Option<Self> {
        // Only the agent's own deadline makes a finding of the agent's; a tool that was cancelled says so in its result.
        let is_overdue = record.findings.iter().any(|finding| finding.code == EvidenceCode::Cancelled);
        let causes = findings.iter().filter(|finding| finding.rejects()).map(|finding| match finding.code {
            EvidenceCode::Incomplete => Self::Incomplete,
            EvidenceCode::Cancelled if is_overdue => Self::DeadlineReached,
            EvidenceCode::Cancelled => Self::Cancelled,
            EvidenceCode::ErrorRate => Self::ErrorRate,
            EvidenceCode::ConcurrencyNotReached => Self::ConcurrencyNotReached,
            EvidenceCode::LoadPodLost => Self::LoadPodLost,
            EvidenceCode::LoadToolFailed => Self::LoadToolFailed,
            EvidenceCode::ServerRestarted => Self::ServerRestarted,
            _ => Self::Other,
        });
        Self::cause(&causes.collect::<Vec<_>>())
    }

    /// What the others are consequences of.
    fn cause(causes: &[Self]) -> Option<Self> {
        let cause = *causes.iter().min_by_key(|cause| match cause {
            Self::DeadlineReached => 0,
            cause if cause.may_pass() => 2 - u8::from(cause.is_the_servers()),
            Self::ServerRestarted => 3,
            _ => 4,
        })?;
        // What broke off, or had too few requests, while a server restarted is the server's fault, and may pass all the same.
        let restarted = causes.contains(&Self::ServerRestarted);
        Some(if restarted && cause.may_pass() { Self::Incomplete } else { cause })
    }
}

impl Trial {
    /// A record with all that was found about it.
    pub fn of(record: &TrialRecord, findings: &[Finding], gpus: NonZeroU32) -> Self {
        let figures = || record.measurement.as_ref().and_then(|measurement| TrialFigures::of(measurement, gpus));
        let outcome = match Rejection::of(record, findings) {
            Some(rejection) => TrialOutcome::Rejected(rejection),
            None => figures().map_or(TrialOutcome::Rejected(Rejection::Other), TrialOutcome::Accepted),
        };
        Self { key: record.trial.key, outcome }
    }

    /// What it showed, if the audit accepts it.
    pub fn accepted(&self) -> Option<&TrialFigures> {
        match &self.outcome {
            TrialOutcome::Accepted(figures) => Some(figures),
            TrialOutcome::Rejected(_) => None,
        }
    }

    /// Why it is rejected, if it is.
    pub fn rejected(&self) -> Option<Rejection> {
        match self.outcome {
            TrialOutcome::Accepted(_) => None,
            TrialOutcome::Rejected(rejection) => Some(rejection),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(&[], None)]
    #[case::alone(&[Rejection::LoadToolFailed], Some(Rejection::LoadToolFailed))]
    #[case::what_may_pass_first(&[Rejection::Other, Rejection::ErrorRate], Some(Rejection::ErrorRate))]
    #[case::the_deadline_before_all(&[Rejection::Incomplete, Rejection::DeadlineReached], Some(Rejection::DeadlineReached))]
    #[case::a_restart_alone(&[Rejection::ServerRestarted], Some(Rejection::ServerRestarted))]
    #[case::a_restart_that_broke_the_tool(&[Rejection::LoadToolFailed, Rejection::ServerRestarted], Some(Rejection::Incomplete))]
    #[case::a_restart_that_left_fewer(&[Rejection::ServerRestarted, Rejection::ConcurrencyNotReached], Some(Rejection::Incomplete))]
    fn a_trial_is_rejected_for_what_the_rest_follows_from(
        #[case] causes: &[Rejection],
        #[case] expected: Option<Rejection>,
    ) {
        assert_eq!(Rejection::cause(causes), expected);
        let restarted = causes.contains(&Rejection::ServerRestarted);
        assert!(!restarted || expected.is_some_and(Rejection::is_the_servers), "it counts as the server's");
    }
}
