//! What a look at the world leads to: either facts to record or actions to take, never both.

use std::fmt::{self, Display, Formatter};

use jiff::Timestamp;

use crate::api::{AnyReason, BenchmarkComparisonStatus, DeploymentStatus, VariantStatus};
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

impl Decision {
    /// Whether a fact is new on which the rest of the run depends: the run itself, a failure, a deployment, or that something
    /// is gone. Such a fact is recorded from what is now only: in an answer that may be old, what is missing may exist.
    pub fn is_decisive(&self, before: &BenchmarkComparisonStatus) -> bool {
        before.run != self.status.run || turning_points(before) != turning_points(&self.status)
    }
}

/// Of each variant, why it failed, and of its deployments what cannot be taken back.
fn turning_points(status: &BenchmarkComparisonStatus) -> impl PartialEq + use<'_> {
    let of_deployment = |d: &'_ DeploymentStatus| (d.number, d.teardown.clone(), d.freed.clone(), d.gone.clone());
    let of_variant = move |variant: &'_ VariantStatus| {
        (variant.failure.clone(), variant.deployments.iter().map(of_deployment).collect::<Vec<_>>())
    };
    status.variants.iter().map(of_variant).collect::<Vec<_>>()
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

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use rstest::rstest;

    use super::*;
    use crate::api::Role;
    use crate::units::count;

    fn now() -> Time {
        Time(Timestamp::UNIX_EPOCH)
    }

    fn deployment(number: u32) -> DeploymentStatus {
        DeploymentStatus::new(count(number), count(number), now())
    }

    /// A variant with one deployment.
    fn serving() -> BenchmarkComparisonStatus {
        let mut variant = VariantStatus::new("baseline", Role::Baseline);
        variant.deployments = vec![deployment(1)];
        BenchmarkComparisonStatus { variants: vec![variant], ..Default::default() }
    }

    type Deployments = Vec<DeploymentStatus>;

    #[rstest]
    #[case::nothing(|_: &mut Deployments| {}, false)]
    #[case::ready(|all: &mut Deployments| all[0].ready = Some(now()), false)]
    #[case::torn_down(|all: &mut Deployments| all[0].teardown = Some(now()), true)]
    #[case::freed(|all: &mut Deployments| all[0].freed = Some(now()), true)]
    #[case::gone(|all: &mut Deployments| all[0].gone = Some(now()), true)]
    #[case::deployed_again(|all: &mut Deployments| all.push(deployment(2)), true)]
    fn what_cannot_be_taken_back_is_decisive(#[case] change: fn(&mut Deployments), #[case] expected: bool) {
        let mut status = serving();
        change(&mut status.variants[0].deployments);
        let decision = Decision { actions: vec![], status, events: vec![], wake: Wake::OnChange };
        assert_eq!(decision.is_decisive(&serving()), expected);
    }
}
