//! What a look at the world leads to: either facts to record or actions to take, never both.

use std::fmt::{self, Display, Formatter};

use jiff::Timestamp;

use crate::api::{AnyReason, BenchmarkComparisonStatus};
pub use crate::manifests::children::Create;
use crate::plan::ChildKind;

/// The outcome of one decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to do, in order. Empty whenever `status` records a new fact: actions follow from stored facts.
    pub actions: Vec<Action>,
    /// The status to store, if it differs from the stored one.
    pub status: BenchmarkComparisonStatus,
    /// What people want to know about; sent once the status is stored.
    pub events: Vec<Event>,
    /// When to look again at the latest.
    pub wake: Wake,
}

/// One call to the API server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Create a child; exists already and is ours: done.
    Create(Create),
    /// Delete a child.
    Delete(Delete),
    /// Make an output ConfigMap immutable.
    Seal {
        /// Name of the ConfigMap.
        name: String,
    },
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(create) => write!(f, "create {create}"),
            Self::Delete(Delete { kind, name, .. }) => write!(f, "delete {kind} {name}"),
            Self::Seal { name } => write!(f, "seal ConfigMap {name}"),
        }
    }
}

/// A child to delete.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delete {
    pub kind: ChildKind,
    pub name: String,
    /// Only the object with this UID.
    pub uid: String,
    /// It was deleted before, and what it owns is to go although it stays itself.
    pub abandoned: bool,
}

/// Something a person wants to know about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether it is a problem.
    pub warning: bool,
    /// What happened, for programs.
    pub reason: AnyReason,
    /// What happened, for people.
    pub message: String,
}

/// When to look again at the latest; changes of watched objects come on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// At once.
    Now,
    /// At this time.
    At(Timestamp),
    /// Only when something changes: nothing is under way.
    OnChange,
}
