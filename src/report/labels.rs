//! What people read for the values of the API: verdicts, outcomes, roles and the like.

use crate::api::{
    EarlyEnd, Kept, Mode, Outcome, Phase, Role, ServingMode, Severity, SlaState, Source, SourceKind, Statistic,
    Stopped, VerdictResult,
};

/// How good news are. Decides a colour that always comes with a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    /// With reservations.
    Fair,
    Bad,
    Plain,
}

impl Tone {
    /// Class in the page.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Bad => "bad",
            Self::Plain => "plain",
        }
    }
}

/// How a phase reads.
pub const fn phase(phase: Option<Phase>) -> Tone {
    match phase {
        Some(Phase::Succeeded | Phase::Predicted) => Tone::Good,
        Some(Phase::Failed) => Tone::Bad,
        Some(Phase::Inconclusive | Phase::Cancelled) => Tone::Fair,
        _ => Tone::Plain,
    }
}

pub const fn result(result: VerdictResult) -> (&'static str, Tone) {
    match result {
        VerdictResult::Confirmed => ("Prediction confirmed", Tone::Good),
        VerdictResult::DirectionOnly => ("Only direction confirmed", Tone::Fair),
        VerdictResult::Refuted => ("Prediction refuted", Tone::Bad),
        VerdictResult::Inconclusive => ("Inconclusive", Tone::Fair),
        VerdictResult::NotPredicted => ("Not predicted", Tone::Plain),
    }
}

pub const fn ended(end: EarlyEnd) -> &'static str {
    match end {
        EarlyEnd::Failed => "Failed",
        EarlyEnd::Cancelled => "Cancelled",
        EarlyEnd::Superseded => "Superseded",
    }
}

pub const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::CandidateBetter => "candidate better",
        Outcome::BaselineBetter => "baseline better",
        Outcome::NoDifference => "no difference",
        Outcome::OnlyCandidateMeetsSla => "only the candidate meets the SLA",
        Outcome::OnlyBaselineMeetsSla => "only the baseline meets the SLA",
        Outcome::NeitherMeetsSla => "neither meets the SLA",
        Outcome::Undetermined => "cannot be determined",
    }
}

pub const fn kept(kept: Kept) -> (&'static str, Tone) {
    match kept {
        Kept::True => ("kept", Tone::Good),
        Kept::False => ("missed", Tone::Bad),
        Kept::Unknown => ("not measured", Tone::Plain),
    }
}

/// Why no further round was run.
pub const fn stopped(stopped: Stopped) -> &'static str {
    match stopped {
        Stopped::Decided => "the answer is known",
        Stopped::Futile => "more rounds would hardly help",
        Stopped::MaximumRounds => "as many rounds as allowed were run",
        Stopped::BudgetSpent => "the budget is spent",
        Stopped::RoundsLost => "deciding levels were not measured",
        Stopped::Unstable => "trials fail too often",
        Stopped::CannotRepeat => "it cannot be deployed again",
    }
}

pub const fn sla(state: SlaState) -> (&'static str, Tone) {
    match state {
        SlaState::Met => ("met", Tone::Good),
        SlaState::Missed => ("missed", Tone::Bad),
        SlaState::Marginal => ("marginal", Tone::Fair),
    }
}

pub const fn severity(severity: Severity) -> (&'static str, Tone) {
    match severity {
        Severity::Reject => ("rejected", Tone::Bad),
        Severity::Warn => ("warning", Tone::Fair),
    }
}

pub const fn role(role: Role) -> &'static str {
    match role {
        Role::Baseline => "baseline",
        Role::Candidate => "candidate",
    }
}

/// The role of a variant, where its name does not say it already.
pub fn role_beside(name: &str, of: Role) -> Option<&'static str> {
    Some(role(of)).filter(|role| *role != name)
}

/// The statistic that is compared with the limits.
pub const fn statistic(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Mean => "mean",
        Statistic::P50 => "median",
        Statistic::P90 => "90th percentile",
        Statistic::P95 => "95th percentile",
        Statistic::P99 => "99th percentile",
    }
}

pub const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Sequential => "sequential",
        Mode::Parallel => "parallel",
        Mode::Auto => "automatic",
    }
}

/// Where a configuration comes from.
pub fn source(source: &Source) -> String {
    match source.kind {
        SourceKind::Naive => "generated: the smallest shape that fits".into(),
        SourceKind::Recommended => {
            let recommended = source.recommended.clone().unwrap_or_default();
            let mode = match recommended.serving_mode {
                ServingMode::Aggregated => "the aggregated shapes",
                ServingMode::Disaggregated => "the disaggregated shapes",
                ServingMode::Best => "all shapes",
            };
            format!("generated: rank {} of {mode}", recommended.rank.max(1))
        }
        SourceKind::Manifests => "given manifests".into(),
        SourceKind::Endpoint => match &source.endpoint {
            Some(endpoint) => format!("already running at {}", endpoint.url),
            None => "already running".into(),
        },
    }
}
