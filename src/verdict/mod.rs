//! What was published of a run → its judgement, and how the judgement reads in a status: the one way, for the operator and
//! offline.
//!
//! ```text
//! evidence ─ judged ─┬─ rows ───── one for each level; claim, estimate and throughput at the SLA of each variant
//! (records, audited) ├─ findings ─ about each variant as a whole
//!                    ├─ sentences ─ status of the verdict
//!                    ├─ conditions
//!                    ├─ figures ── the numbers of a report
//!                    ├─ forecast ─ what is predicted to come out
//!                    └─ price ──── what the run costs
//! ```

pub mod conditions;
pub mod decimals;
pub mod evidence;
pub mod figures;
pub mod findings;
pub mod forecast;
pub mod judged;
pub mod open;
pub mod price;
pub mod rows;
pub mod sentences;
pub mod status;
pub mod surroundings;

pub use evidence::{
    EvidenceError, RunEvidence, RunProgress, Stored, VariantRecords, can_be_judged, evidence, judged_now,
};
pub use judged::Judged;
