//! Enums and numbers as a report words them.

use std::borrow::Cow;

use crate::api::{EarlyEnd, Outcome, Role, SlaState, Source, SourceKind, Statistic, VariantStatus, VerdictResult};

use super::model::Report;
use crate::judgement::figures::{Ordering, cost_per_million_tokens};

/// What stands for a figure that is not there.
pub const ABSENT: &str = "–";

/// How a result reads at a glance: decides the colour, never alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As hoped.
    Good,
    /// With reservations.
    Fair,
    /// Not as hoped.
    Bad,
    /// Nothing is said.
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

/// What stands above everything: a few words, how they read, and the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// A few words.
    pub badge: &'static str,
    /// How they read.
    pub tone: Tone,
    /// The sentence.
    pub sentence: String,
}

/// The headline of a report: the verdict, or why there is none.
pub fn headline(report: &Report) -> Headline {
    let ended = report.run.as_ref().and_then(|run| run.ended.as_ref());
    if let Some(ended) = ended {
        let badge = match ended.outcome {
            EarlyEnd::Failed => "Failed",
            EarlyEnd::Cancelled => "Cancelled",
            EarlyEnd::Superseded => "Superseded",
        };
        return Headline { badge, tone: Tone::Bad, sentence: ended.message.clone() };
    }
    if let Some(verdict) = &report.verdict {
        let (badge, tone) = result(verdict.result);
        return Headline { badge, tone, sentence: verdict.summary.clone() };
    }
    let sentence = if report.variants.iter().any(|variant| variant.levels.iter().any(|level| level.measured.is_some()))
    {
        "The run has no verdict."
    } else {
        "Predictions only: nothing has been measured."
    };
    Headline { badge: "No verdict", tone: Tone::Plain, sentence: sentence.into() }
}

/// A result in words.
pub const fn result(result: VerdictResult) -> (&'static str, Tone) {
    match result {
        VerdictResult::Confirmed => ("Prediction confirmed", Tone::Good),
        VerdictResult::DirectionOnly => ("Right in direction only", Tone::Fair),
        VerdictResult::Refuted => ("Prediction refuted", Tone::Bad),
        VerdictResult::Inconclusive => ("Inconclusive", Tone::Fair),
        VerdictResult::NotPredicted => ("Not predicted", Tone::Plain),
    }
}

/// An outcome in words.
pub const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::CandidateBetter => "candidate better",
        Outcome::BaselineBetter => "baseline better",
        Outcome::NoDifference => "no difference",
        Outcome::OnlyCandidateMeetsSla => "only the candidate keeps the SLA",
        Outcome::OnlyBaselineMeetsSla => "only the baseline keeps the SLA",
        Outcome::NeitherMeetsSla => "neither keeps the SLA",
        Outcome::Undetermined => "cannot be told",
    }
}

/// Whether a level keeps the SLA, in words.
pub const fn sla(state: SlaState) -> (&'static str, Tone) {
    match state {
        SlaState::Met => ("met", Tone::Good),
        SlaState::Missed => ("missed", Tone::Bad),
        SlaState::Marginal => ("marginal", Tone::Fair),
    }
}

/// A role in words.
pub const fn role(role: Role) -> &'static str {
    match role {
        Role::Baseline => "baseline",
        Role::Candidate => "candidate",
    }
}

/// Words behind a start, broken at a width in characters; further lines are indented. Control characters are left out:
/// the words may be anybody's, and are shown in terminals.
pub fn wrapped(start: &str, indent: usize, words: &str, width: usize) -> Vec<String> {
    let words: Vec<&str> =
        words.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(width)
        .initial_indent(start)
        .subsequent_indent(&indent)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::wrap(&words.join(" "), options).into_iter().map(Cow::into_owned).collect()
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

/// Where a configuration comes from, in words.
pub fn source(source: &Source) -> String {
    match source.kind {
        SourceKind::Naive => "generated: the smallest shape that fits".into(),
        SourceKind::Recommended => {
            let recommended = source.recommended.clone().unwrap_or_default();
            format!("generated: rank {} of {}", recommended.rank.max(1), recommended.serving_mode)
        }
        SourceKind::Manifests => "given manifests".into(),
        SourceKind::Endpoint => match &source.endpoint {
            Some(endpoint) => format!("already running at {}", endpoint.url),
            None => "already running".into(),
        },
    }
}

/// A number with three digits that count: latencies, throughputs.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A number stored as text, shortened; as it is when it is no number.
pub fn stored(text: Option<&String>) -> String {
    match text.map(|text| (text, text.parse::<f64>())) {
        None => ABSENT.into(),
        Some((_, Ok(value))) if value.is_finite() => figure(value),
        Some((text, _)) => text.clone(),
    }
}

/// A signed percent stored as text.
pub fn percent(text: Option<&String>) -> String {
    text.map_or_else(|| ABSENT.into(), |text| format!("{text}%"))
}

/// What else the throughput at the SLA says: over all GPUs where some are left unused, and what tokens cost.
pub fn beside_the_sla(report: &Report, variant: &VariantStatus) -> Vec<String> {
    let at_sla = variant.at_sla.as_ref().and_then(|at| at.tokens_per_second_per_gpu.parse::<f64>().ok());
    let Some(tokens) = at_sla.filter(|tokens| *tokens > 0.0) else { return vec![] };
    let all = report.spec.hardware.gpus_per_variant;
    let share = report.share_of_gpus_per_variant(variant).map(|share| {
        format!("{} tokens/s for each of the {all} GPUs of gpusPerVariant, some unused", figure(share * tokens))
    });
    let hourly = report.spec.hardware.gpu_hourly_cost.as_ref().and_then(|cost| cost.value());
    let cost = hourly.map(|hourly| figure(cost_per_million_tokens(hourly, tokens)));
    share.into_iter().chain(cost.map(|cost| format!("costs {cost} for a million output tokens"))).collect()
}

/// How well the predictor ordered the candidates.
pub fn ordering(ordering: &Ordering) -> String {
    format!("{} of {} pairs of candidates are measured in it", ordering.agreeing, ordering.pairs)
}

/// Seconds as hours, minutes and seconds.
pub fn duration(seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes} min {rest} s"),
        _ => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.0, "0.00")]
    #[case(6.5678, "6.57")]
    #[case(12.345, "12.3")]
    #[case(347.4, "347")]
    #[case(12345.6, "12346")]
    fn figures_have_three_digits_that_count(#[case] value: f64, #[case] expected: &str) {
        assert_eq!(figure(value), expected);
    }

    #[rstest]
    #[case(59, "59 s")]
    #[case(61, "1 min 1 s")]
    #[case(7260, "2 h 1 min")]
    fn durations_are_readable(#[case] seconds: i64, #[case] expected: &str) {
        assert_eq!(duration(seconds), expected);
    }

    #[test]
    fn text_that_is_no_number_is_shown_as_it_is() {
        assert_eq!(stored(Some(&"n/a".to_owned())), "n/a");
        assert_eq!(stored(None), ABSENT);
    }
}
