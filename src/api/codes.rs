//! The one table of evidence codes and of reasons. They are API: people write alerts and scripts on them.
//!
//! What they mean and what to do about them is in [`explain`](crate::explain). The enum in the CRD and the tables in the
//! documents are generated from the two.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

use super::Phase;
use crate::text;

/// The longest reason of a condition, a failure or a run, in bytes. Kubernetes allows 1024: an object in the store should not
/// weigh that much.
pub const LONGEST_REASON: usize = 64;

/// What a finding does to the level or prediction it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Severity {
    /// The evidence is used; the finding is shown.
    Warn,
    /// The evidence is not used.
    Reject,
}

/// What a code is found about.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub enum About {
    /// One execution of the load tool.
    Trial,
    /// All trials of a level together.
    Level,
    /// A variant, or how it was deployed.
    Variant,
    /// What was predicted for a variant.
    Prediction,
    /// A variant beside the baseline.
    Comparison,
}

/// What a code does to what it is found about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The evidence is used; the finding is shown.
    Warn,
    /// The same, and the prediction takes no part in accuracy: it is for something else than what was measured.
    NotJudged,
    /// The evidence is not used. Another trial would most likely be no better.
    Reject,
    /// The evidence is not used, and the trial is run once more: the cause may be gone.
    Repeat,
}

macro_rules! evidence_codes {
    ($($(#[doc = $rule:literal])+ $code:ident: $about:ident => $effect:ident,)*) => {
        /// Why a trial, a level, a variant or a prediction cannot be taken at face value.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, Display,
            EnumIter, IntoStaticStr,
        )]
        pub enum EvidenceCode { $($(#[doc = $rule])+ $code,)* }

        impl EvidenceCode {
            /// Every code, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// When the code is found, with its limits: the row of the method page.
            pub const fn rule(self) -> &'static str {
                match self { $(Self::$code => concat!($($rule),+).trim_ascii(),)* }
            }

            /// What the code is found about.
            pub const fn about(self) -> About {
                match self { $(Self::$code => About::$about,)* }
            }

            /// What follows from it.
            pub const fn effect(self) -> Effect {
                match self { $(Self::$code => Effect::$effect,)* }
            }
        }
    };
}

evidence_codes! {
    /// There is no time per token, or TTFT equals request latency.
    NotStreaming: Trial => Reject,
    /// The tool marks its result as incomplete, whatever its exit code.
    Incomplete: Trial => Repeat,
    /// The tool marks its result as cancelled.
    Cancelled: Trial => Repeat,
    /// Failed ÷ all requests is above `maximumErrorPercent`. A warning when the tool does not count failed requests.
    ErrorRate: Trial => Repeat,
    /// Fewer than 3c requests, failed ones included: the first and the last wave do not count, and less than one is left.
    TooFewRequests: Trial => Reject,
    /// Mean output tokens differ from `outputTokens` by more than `lengthTolerancePercent`.
    OutputLengthMismatch: Trial => Reject,
    /// The mean prompt is shorter than `inputTokens` by more than `lengthTolerancePercent`, longer by more than the larger
    /// of that and 128 tokens (a chat template), or more than 1 % apart between a variant and the baseline.
    InputLengthMismatch: Trial => Reject,
    /// Fewer than 0.95c requests were concurrent on average, or the file is about another level.
    ConcurrencyNotReached: Trial => Repeat,
    /// Requests waited in the client for more than 5 % of their latency.
    ClientSaturated: Trial => Reject,
    /// More than 2 % of the prompt tokens *and* more than 64 a request came from a cache. A warning when the server does
    /// not report it.
    PrefixCacheHits: Trial => Reject,
    /// tokens/s differs from requests/s × output length by more than 5 %, or more than 1.05c requests were concurrent.
    ThroughputInconsistent: Trial => Reject,
    /// The file is about another model. A warning when it names none.
    ModelMismatch: Trial => Reject,
    /// A figure that is needed is not in the file.
    MissingMetric: Trial => Reject,
    /// A figure is NaN, infinite or null.
    NotFinite: Trial => Reject,
    /// A mean is below 0.001 ms or above 30 days, or a rate below 10⁻⁹ or above 10⁹ per second.
    NotPlausible: Trial => Reject,
    /// A server's container restarted, or another pod took a server's place, during the trial.
    // Not repeated: the operator sees restarts, and the load pod, which decides what comes next, does not. Requests that
    // fail in a restart make the trial `ErrorRate` or `Incomplete`, and that is repeated.
    ServerRestarted: Trial => Reject,
    /// The load pod was lost twice during the trial.
    LoadPodLost: Trial => Repeat,
    /// Another load pod had begun the trial and not finished it, so it was measured anew.
    LoadPodReplaced: Trial => Warn,
    /// The tool left no result that can be read.
    LoadToolFailed: Trial => Repeat,
    /// The figures come from the tool's summary over all requests, those of the start included; TTFT is not judged.
    RampIncluded: Trial => Warn,
    /// Completions counted over whole waves differ from those by Little's law by more than 10 %.
    NotSteady: Trial => Warn,
    /// Accepted trials of a level scatter within a round by more than 5 % in tokens/s or TPOT.
    HighVariance: Level => Warn,
    /// A level misses the SLA twice although a higher one meets it; the lower one is where the SLA ends.
    NotMonotone: Variant => Warn,
    /// Latency hardly grows with load where the SLA ends (a slope below 0.05 on logarithmic axes): the limit does not fix a
    /// throughput.
    FlatLatency: Variant => Warn,
    /// At a level whose predicted throughput was missed by more than the tolerance, fewer than half of the concurrent
    /// requests were being answered: tokens/s × TPOT is below 0.5c. The others waited for their first token.
    MostRequestsWait: Variant => Warn,
    /// All trials come from one deployment.
    SingleDeployment: Variant => Warn,
    /// Deployments scatter more than `assumedScatterPercent`: the variance of rounds is above four times the assumed one.
    ScatterAboveAssumed: Comparison => Warn,
    /// Pods of another variant ran on the same node at the same time.
    SharedNodes: Variant => Warn,
    /// A variant ran on other nodes than the baseline.
    DifferentNodes: Comparison => Warn,
    /// Weights or KV cache have another type than the baseline's; whether answers are as good was not measured.
    PrecisionDiffers: Comparison => Warn,
    /// The engines guess tokens ahead (speculative decoding) in another way than the baseline's, or only one side does.
    SpeculationDiffers: Comparison => Warn,
    /// The longest request that the engines accept differs from the baseline's, as the manifests of both say.
    ContextDiffers: Comparison => Warn,
    /// Mean SM clocks of the GPUs are more than 3 % apart from the baseline's, or the power limit held a GPU back for more than 1 %
    /// of a trial, where the load tool was told to watch them (`--gpu-telemetry`).
    ClocksDiffer: Comparison => Warn,
    /// The engines have another image than the baseline's.
    ImageDiffers: Comparison => Warn,
    /// The variant was deployed again within a round.
    Redeployed: Variant => Warn,
    /// The manifests hold a PersistentVolumeClaim, which is not created with the variant.
    VolumeNotCreated: Variant => Warn,
    /// The image behind the tag changed between deployments, of the variant or of it and the baseline.
    ImageChanged: Variant => Warn,
    /// The claim needs more tokens in a step than the deployed engine allows.
    ClaimNotDeployable: Prediction => Warn,
    /// The predicted figures contradict each other (§2).
    PredictionInconsistent: Prediction => Warn,
    /// The table's time per output token includes the first; it was put right by the request latency (§1).
    InclusiveTpot: Prediction => Warn,
    /// The claim is for another shape or for fewer GPUs than what is deployed.
    NotTheDeployedShape: Prediction => Warn,
    /// Weights or KV cache have another type than the deployed ones.
    QuantizationMismatch: Prediction => NotJudged,
    /// The performance database was measured with another engine version.
    DatabaseVersionMismatch: Prediction => NotJudged,
    /// No trial was accepted at the claimed concurrency.
    ClaimNotMeasured: Prediction => NotJudged,
    /// The predictor has no template for the runtime's version; the nearest was used.
    RuntimeVersionUnsupported: Prediction => Warn,
    /// Nothing is predicted for what is deployed.
    NotPredicted: Prediction => Warn,
}

impl EvidenceCode {
    /// The code as status and reports have it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The severity of a finding with this code, unless its rule says otherwise.
    pub const fn severity(self) -> Severity {
        match self.effect() {
            Effect::Warn | Effect::NotJudged => Severity::Warn,
            Effect::Reject | Effect::Repeat => Severity::Reject,
        }
    }
}

/// What reasons have in common.
#[derive(Clone, Copy, Debug, EnumIter, PartialEq, Eq)]
pub enum ReasonGroup {
    /// Why a run or a variant failed, or is about to.
    Failure,
    /// Why a variant has no configuration that can be deployed.
    Configuration,
    /// Where a run is, and why it ended without a verdict.
    Course,
    /// What follows from the measurements.
    Judgement,
    /// What happened: only events have these.
    Event,
}

macro_rules! reasons {
    ($($group:ident { $($reason:ident,)* })*) => {
        /// Why a run, a variant, a condition or an event is what it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumIter, EnumString, IntoStaticStr)]
        pub enum Reason { $($($reason,)*)* }

        impl Reason {
            /// What it has in common with others.
            pub const fn group(self) -> ReasonGroup {
                match self { $($(Self::$reason)|* => ReasonGroup::$group,)* }
            }
        }
    };
}

reasons! {
    Failure {
        Unschedulable,
        ImagePullFailed,
        ContainerConfigError,
        CrashLoop,
        OutOfMemory,
        NotReady,
        NotServing,
        QuotaExceeded,
        PodSecurityRefused,
        AdmissionRefused,
        KindNotServed,
        WebhookUnavailable,
        CreationFailed,
        PodsNotCreated,
        NameTaken,
        ManifestsNotFound,
        ClaimNotFound,
        GenerationFailed,
        GenerationDeadline,
        QueueDeadline,
        LoadFailed,
        LoadStalled,
        LoadPodStuck,
        ToolFailed,
        ResultsNotPublished,
        ResultsUnreadable,
        ResultsLost,
        ConfigurationsUnreadable,
        ConfigurationsLost,
        ConfigurationsRefused,
        ConfigurationsChanged,
        PlanUnreadable,
        PlanChanged,
        PlanLost,
        StatusRefused,
        ObjectsDeleted,
        TooManyDeployments,
        BudgetTooSmall,
    }
    Configuration {
        NoFeasibleConfiguration,
        RankNotAvailable,
        ModelDoesNotFit,
        SystemUnknown,
        PredictorRefused,
        PredictionUnreadable,
        ManifestsNotReadable,
        ManifestsRefused,
        ManifestsIncomplete,
        ClaimRefused,
        PatchFailed,
        NotWritable,
        TooLarge,
    }
    Course {
        Pending,
        NotRequested,
        Generating,
        Generated,
        Predicted,
        Queued,
        Measuring,
        NotMeasured,
        Measured,
        Deployed,
        TearingDown,
        TeardownStuck,
        KeptForDebugging,
        Gone,
        Suspended,
        Succeeded,
        Inconclusive,
        Failed,
        CaughtByFailOn,
        Cancelled,
        CancelRequested,
        RunRequested,
        RunIdChanged,
        InputsChanged,
    }
    Judgement {
        NotJudged,
        Sufficient,
        Undetermined,
        ClaimKept,
        ClaimMissed,
        WithinTolerance,
        OutsideTolerance,
        SlaMet,
        SlaMissed,
        Marginal,
        EvidenceInsufficient,
    }
    Event {
        RunStarted,
        ConfigurationsGenerated,
        Admitted,
        ModeChanged,
        RoundStarted,
        RoundsSettled,
        Deploying,
        Scheduled,
        Serving,
        TornDown,
        Finished,
        CancelMissed,
        ReportRefused,
    }
}

impl Reason {
    /// The reason as status and events have it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A phase is the reason where nothing more is known.
impl From<Phase> for Reason {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Pending => Self::Pending,
            Phase::Queued => Self::Queued,
            Phase::Generating => Self::Generating,
            Phase::Predicted => Self::Predicted,
            Phase::Measuring => Self::Measuring,
            Phase::TearingDown => Self::TearingDown,
            Phase::Succeeded => Self::Succeeded,
            Phase::Failed => Self::Failed,
            Phase::Inconclusive => Self::Inconclusive,
            Phase::Cancelled => Self::Cancelled,
            Phase::Suspended => Self::Suspended,
        }
    }
}

/// A reason that was read: one of ours, or a word that another version or a tool's pod wrote. A run goes on across a
/// change of the operator's version, and what was stored once does not change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AnyReason {
    /// One of ours.
    Known(Reason),
    /// One CamelCase word of limited length.
    Foreign(String),
}

impl AnyReason {
    /// The reason of a text from anywhere.
    pub fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(reason) => Self::Known(reason),
            Err(_) => Self::Foreign(text::reason(text, LONGEST_REASON)),
        }
    }

    /// The reason as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(reason) => reason.as_str(),
            Self::Foreign(word) => word,
        }
    }
}

impl From<Reason> for AnyReason {
    fn from(reason: Reason) -> Self {
        Self::Known(reason)
    }
}

impl From<&AnyReason> for AnyReason {
    fn from(reason: &AnyReason) -> Self {
        reason.clone()
    }
}

impl PartialEq<Reason> for AnyReason {
    fn eq(&self, reason: &Reason) -> bool {
        *self == Self::Known(*reason)
    }
}

impl fmt::Display for AnyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for AnyReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AnyReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(deserializer)?))
    }
}

/// A string: an API server that knows fewer reasons must not refuse the status of a newer operator.
impl JsonSchema for AnyReason {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Reason".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": LONGEST_REASON })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_reason_survives_the_way_through_a_status() {
        for reason in Reason::iter() {
            let stored = serde_json::to_value(AnyReason::from(reason)).unwrap();
            assert_eq!(stored, reason.as_str());
            assert_eq!(serde_json::from_value::<AnyReason>(stored).unwrap(), reason);
            assert!(reason.as_str().len() <= LONGEST_REASON, "{reason}");
        }
    }

    /// What is stored once does not change, and what a pod hands over cannot break the schema.
    #[rstest]
    #[case("FromTheFuture", "FromTheFuture")]
    #[case("a b\n<c>", "abc")]
    #[case("", "Unknown")]
    fn a_foreign_reason_is_one_word(#[case] given: &str, #[case] kept: &str) {
        let read: AnyReason = serde_json::from_value(given.into()).unwrap();
        assert_eq!(read, AnyReason::Foreign(kept.into()));
        assert_eq!(serde_json::to_value(&read).unwrap(), kept);
        assert_eq!(AnyReason::parse(&"x".repeat(1000)).as_str().len(), LONGEST_REASON);
    }

    /// The page has a row for each: a rule is whole and ends.
    #[test]
    fn every_code_has_a_rule_and_no_two_have_the_same() {
        let mut seen = std::collections::BTreeSet::new();
        for code in EvidenceCode::iter() {
            assert!(code.rule().ends_with('.') && !code.rule().contains("  "), "{code}: {}", code.rule());
            assert!(seen.insert(code.rule()), "{code}: {}", code.rule());
        }
    }

    /// Only a trial can be run again, and only a prediction can be left out.
    #[test]
    fn an_effect_fits_what_a_code_is_about() {
        for code in EvidenceCode::iter() {
            match code.effect() {
                Effect::Reject | Effect::Repeat => assert_eq!(code.about(), About::Trial, "{code}"),
                Effect::NotJudged => assert_eq!(code.about(), About::Prediction, "{code}"),
                Effect::Warn => {}
            }
        }
    }
}
