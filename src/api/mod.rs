//! The API: `bcmp.dev/v1alpha1`, kind `BenchmarkComparison`. Types, defaults and schema attributes; no behaviour.

pub mod codes;
pub mod conditions;
pub mod crd;
pub mod decimal;
pub mod evidence;
pub mod execution;
pub mod spec;
pub mod status;
pub mod variants;

pub use codes::{AnyReason, EvidenceCode, Reason, Severity};
pub use decimal::{Decimal, Limit};
pub use evidence::Finding;
pub use execution::*;
pub use spec::*;
pub use status::*;
pub use variants::*;

/// `as_str` of the enums that people see: the value as the API writes it.
macro_rules! as_str {
    ($($name:ident),+ $(,)?) => {$(
        impl $name {
            /// The value as the API writes it.
            pub fn as_str(self) -> &'static str {
                self.into()
            }
        }
    )+};
}

as_str! {
    AtSlaKind, Backend, ClaimPredictor, EarlyEnd, FailOn, Kept, Mode, OnChange, OnVariantFailure, Outcome, PatchOp, Phase, PredictorKind, Probes, Role,
    ServingMode, SlaState, SourceKind, Start, Statistic, Stopped, Until, VariantPhase, VerdictResult,
}

/// API group of the custom resource.
pub const GROUP: &str = "bcmp.dev";
/// The only served version.
pub const VERSION: &str = "v1alpha1";
/// Kind of the custom resource.
pub const KIND: &str = "BenchmarkComparison";
/// The one field manager of every server-side apply.
pub const FIELD_MANAGER: &str = "bcmp";

/// Labels the operator puts on its children and on their pods.
pub mod labels {
    /// Name of the comparison that owns the object.
    pub const COMPARISON: &str = "bcmp.dev/comparison";
    /// Number of the run.
    pub const RUN: &str = "bcmp.dev/run";
    /// Name of the variant, on objects that belong to one.
    pub const VARIANT: &str = "bcmp.dev/variant";
    /// Number of the deployment, on objects that are created for each.
    pub const DEPLOYMENT: &str = "bcmp.dev/deployment";
    /// Purpose of the object: plan, generate, configurations, server, load, results, report, publish.
    pub const COMPONENT: &str = "app.kubernetes.io/component";
    /// Recommended labels with fixed values.
    pub const NAME: &str = "app.kubernetes.io/name";
    /// See [`NAME`].
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// See [`NAME`].
    pub const PART_OF: &str = "app.kubernetes.io/part-of";
}

/// Annotations people and tools set on a comparison.
pub mod annotations {
    /// Any new non-empty token starts a run.
    pub const RUN_REQUESTED: &str = "bcmp.dev/run-requested";
    /// Number of the run to cancel.
    pub const CANCEL_REQUESTED: &str = "bcmp.dev/cancel-requested";
}
