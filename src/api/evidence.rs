//! Codes of the audit (METHOD §4): they are API, people write alerts and scripts on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text;

/// What a finding does to the level or prediction it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Severity {
    /// The evidence is used; the finding is shown.
    Warn,
    /// The evidence is not used.
    Reject,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident => $severity:ident,)*) => {
        /// Why a level or a prediction cannot be taken at face value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum EvidenceCode { $($(#[$doc])* $code,)* }

        impl EvidenceCode {
            /// Every code, in the order in which they are shown.
            pub const ALL: &'static [EvidenceCode] = &[$(EvidenceCode::$code,)*];

            /// The severity a finding with this code has unless its rule says otherwise.
            pub const fn severity(self) -> Severity {
                match self { $(EvidenceCode::$code => Severity::$severity,)* }
            }

            /// The code as it is written in status and reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(EvidenceCode::$code => stringify!($code),)* }
            }
        }
    };
}

codes! {
    /// No inter-token latency, or TTFT equals request latency.
    NotStreaming => Reject,
    /// The tool itself says that its run is not complete.
    Incomplete => Reject,
    /// The tool itself says that its run was cancelled.
    Cancelled => Reject,
    /// More failed requests than `evidence.maximumErrorPercent`.
    ErrorRate => Reject,
    /// Fewer requests than `evidence.minimumRequests` or five per user.
    TooFewRequests => Reject,
    /// Mean output tokens off the workload's.
    OutputLengthMismatch => Reject,
    /// Mean input tokens off the workload's, or different between variants.
    InputLengthMismatch => Reject,
    /// Fewer requests in flight than the level asks for.
    ConcurrencyNotReached => Reject,
    /// The load generator, not the server, limited the level.
    ClientSaturated => Reject,
    /// Prompts were answered from the prefix cache.
    PrefixCacheHits => Reject,
    /// Tokens per second contradicts requests per second times output length.
    ThroughputInconsistent => Reject,
    /// The file is about another model.
    ModelMismatch => Reject,
    /// A metric the judgement needs is not in the file.
    MissingMetric => Reject,
    /// A metric is NaN or infinite.
    NotFinite => Reject,
    /// A server container restarted while the level ran.
    ServerRestarted => Reject,
    /// The load pod was lost twice during the level.
    LoadPodLost => Reject,
    /// The load tool failed without a result.
    LoadToolFailed => Reject,
    /// No warm-up before the level.
    NoWarmup => Warn,
    /// Figures come from the tool's summary, the start-up burst included.
    RampIncluded => Warn,
    /// Repetitions scatter by more than 5 %.
    HighVariance => Warn,
    /// TPOT is more than 10 % above that of a level with more requests in flight.
    SlowerThanFuller => Warn,
    /// The first level repeated at the end differs by more than 3 %.
    Drift => Warn,
    /// Throughput changes by more than 10 % within the window.
    ThroughputDrift => Warn,
    /// One repetition only.
    SingleRun => Warn,
    /// All repetitions come from one deployment.
    SingleDeployment => Warn,
    /// Other GPU pods ran on the same node.
    SharedNodes => Warn,
    /// Variants ran on different nodes.
    DifferentNodes => Warn,
    /// The variant was deployed again in mid-run.
    Redeployed => Warn,
    /// The image behind the tag changed between deployments.
    ImageChanged => Warn,
    /// The advertised row needs more tokens per step than the deployed engine allows.
    RowNotDeployable => Warn,
    /// The predicted figures contradict each other.
    PredictionInconsistent => Warn,
    /// The prediction is not for the shape that is deployed.
    NotTheDeployedShape => Warn,
    /// Weights or KV cache of the prediction have another type than the deployed ones.
    QuantizationMismatch => Warn,
    /// The prediction's database is for another engine version.
    DatabaseVersionMismatch => Warn,
    /// No measured level at the advertised concurrency.
    ClaimedPointNotMeasured => Warn,
    /// The predictor has no template for the runtime version; the nearest was used.
    RuntimeVersionUnsupported => Warn,
    /// Nothing is predicted for what is deployed.
    NotPredicted => Warn,
}

impl std::fmt::Display for EvidenceCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The longest message of a finding, in bytes.
pub const LONGEST_FINDING: usize = 300;

/// One finding: the code for machines, the message for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was found.
    pub code: EvidenceCode,
    /// What it does to the evidence.
    pub severity: Severity,
    /// Names what was found and what was expected, with units. At most 300 characters.
    #[schemars(length(max = 300))]
    pub message: String,
}

impl Finding {
    /// A finding with the code's own severity.
    pub fn new(code: EvidenceCode, message: impl Into<String>) -> Self {
        Self::with_severity(code, code.severity(), message)
    }

    /// A finding whose rule lowers or raises the severity.
    pub fn with_severity(code: EvidenceCode, severity: Severity, message: impl Into<String>) -> Self {
        Self { code, severity, message: text::cut(&message.into(), LONGEST_FINDING) }
    }

    /// Whether the evidence must not be used.
    pub fn rejects(&self) -> bool {
        self.severity == Severity::Reject
    }
}
