//! Trials: what was run, and what it showed once the audit has looked at it.

use crate::method::distribution::Distribution;
use crate::units::{RequestsPerSecond, TokensPerSecond};

/// One trial of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Which one.
    pub key: TrialKey,
    /// What came of it.
    pub outcome: TrialOutcome,
}

/// Names a trial among those of a variant and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrialKey {
    /// Round of deployment, from 1.
    pub round: u32,
    /// Concurrent requests over the whole deployment.
    pub concurrency: u32,
    /// What it is for.
    pub purpose: Purpose,
    /// Number among the trials of this level and purpose in the round, from 1.
    pub repetition: u32,
    /// Try, from 1.
    pub attempt: u32,
}

/// What a trial is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A level of the ladder, or one above or below it.
    Ladder,
    /// A level within the bracket.
    Refinement,
    /// A level that misses the SLA below one that meets it, once more.
    Recheck,
    /// A new trial of a level that decides.
    Decision,
}

impl Purpose {
    /// Whether it finds the levels that decide; such trials are run once in all rounds together.
    pub fn selects(self) -> bool {
        self != Self::Decision
    }
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq)]
pub enum TrialOutcome {
    /// The audit accepts it.
    Accepted(Figures),
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
    /// The load tool failed.
    LoadToolFailed,
    /// The server restarted meanwhile.
    ServerRestarted,
    /// Anything a repetition does not cure.
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
pub struct Figures {
    /// Time to first token.
    pub ttft: Distribution,
    /// Time per output token after the first.
    pub tpot: Distribution,
    /// From sending to the last token.
    pub request_latency: Distribution,
    /// Requests that count, failed ones included.
    pub counted: u32,
    /// Of these, how many exceed each limit.
    pub over: OverLimit,
    /// Where the SLA asks for a share p of good requests: the p-quantile over requests of their largest figure ÷ limit.
    pub good_ratio: Option<f64>,
    /// Over the whole deployment.
    pub requests_per_second: RequestsPerSecond,
    /// Output tokens per second and GPU held.
    pub tokens_per_second_per_gpu: TokensPerSecond,
}

/// Counted requests that exceed a limit; a failed request exceeds all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OverLimit {
    /// Of TTFT.
    pub ttft: u32,
    /// Of TPOT.
    pub tpot: u32,
    /// Of the request latency.
    pub request_latency: u32,
    /// Of any.
    pub any: u32,
}

impl Trial {
    /// What it showed, if the audit accepts it.
    pub fn accepted(&self) -> Option<&Figures> {
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
