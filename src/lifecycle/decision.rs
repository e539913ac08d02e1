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
    /// How new what this was decided from has to be. A fact on which the rest of the run depends - the run itself, a
    /// deployment, that something is gone - is recorded only where what is missing does not exist: in an answer that may be
    /// old, it may. What ends a deployment or a run, as a deadline does, is decided from what is now.
    pub fn needs(&self, before: &BenchmarkComparisonStatus) -> Freshness {
        if endings(before) != endings(&self.status) {
            Freshness::Now
        } else if before.run != self.status.run || deployments(before) != deployments(&self.status) {
            Freshness::Certain
        } else {
            Freshness::AtHand
        }
    }
}

/// How new an answer is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// What the API server has at hand, which is there at once, if it shows what was written by ourselves. It may lack what
    /// others wrote a moment ago.
    AtHand,
    /// The same of objects that only we create, once they were read anew: what is missing is gone. Everything else as it is
    /// now.
    Certain,
    /// Everything that was written before it was asked. The API server first waits until it has seen all that was written
    /// anywhere: up to a tenth of a second.
    Now,
}

/// When the run was over, why variants failed, and which deployments are to go.
fn endings(status: &BenchmarkComparisonStatus) -> impl PartialEq + use<'_> {
    let torn_down = |variant: &VariantStatus| variant.deployments.iter().filter(|d| d.teardown.is_some()).count();
    let of_variants: Vec<_> = status.variants.iter().map(|v| (v.failure.clone(), torn_down(v))).collect();
    (status.run.as_ref().and_then(|run| run.completion_time.clone()), of_variants)
}

/// Of each variant's deployments what cannot be taken back.
fn deployments(status: &BenchmarkComparisonStatus) -> impl PartialEq + use<'_> {
    let of_deployment = |d: &'_ DeploymentStatus| (d.number, d.freed.clone(), d.gone.clone());
    let of_variant =
        move |variant: &'_ VariantStatus| variant.deployments.iter().map(of_deployment).collect::<Vec<_>>();
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
    use crate::api::{Failure, Reason, Role};
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

    type Variant = VariantStatus;

    #[rstest]
    #[case::nothing(|_: &mut Variant| {}, Freshness::AtHand)]
    #[case::ready(|variant: &mut Variant| variant.deployments[0].ready = Some(now()), Freshness::AtHand)]
    #[case::freed(|variant: &mut Variant| variant.deployments[0].freed = Some(now()), Freshness::Certain)]
    #[case::gone(|variant: &mut Variant| variant.deployments[0].gone = Some(now()), Freshness::Certain)]
    #[case::deployed_again(|variant: &mut Variant| variant.deployments.push(deployment(2)), Freshness::Certain)]
    #[case::torn_down(|variant: &mut Variant| variant.deployments[0].teardown = Some(now()), Freshness::Now)]
    #[case::failed(|variant: &mut Variant| variant.failure = Some(Failure::new(Reason::LoadFailed, "", now())), Freshness::Now)]
    fn what_cannot_be_taken_back_needs_certainty(#[case] change: fn(&mut Variant), #[case] expected: Freshness) {
        let mut status = serving();
        change(&mut status.variants[0]);
        let decision = Decision { actions: vec![], status, events: vec![], wake: Wake::OnChange };
        assert_eq!(decision.needs(&serving()), expected);
    }
}
