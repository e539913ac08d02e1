//! The numbers of the specification that a judgement depends on.

use super::gain::Margin;
use super::side::Doubt;
use crate::method::sla::SlaLimits;
use crate::units::Percent;

/// How a comparison is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// What has to be met.
    pub sla: SlaLimits,
    /// m: a smaller gain is not a difference.
    pub equivalence_margin: Percent,
    /// tol: a prediction that is further off is not accurate.
    pub accuracy_tolerance: Percent,
    /// σ: how much the speed of deployments of the same variant is assumed to scatter.
    pub assumed_scatter: Percent,
    /// How many rounds.
    pub rounds: RoundLimits,
    /// Whether variants can be deployed again; what only runs elsewhere, or lies in files, cannot.
    pub repeatable: bool,
}

/// How many rounds a comparison has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundLimits {
    /// Before so many nothing is decided.
    pub minimum: u32,
    /// After so many it is over.
    pub maximum: u32,
}

impl Rules {
    /// The margin of equivalence on a logarithmic axis.
    pub fn margin(&self) -> Margin {
        Margin::of(share(self.equivalence_margin))
    }

    /// How doubts are weighed, with so many candidates.
    pub fn doubt(&self, candidates: usize) -> Doubt {
        let alone = !self.repeatable || self.rounds.maximum <= 1;
        Doubt { assumed_scatter: share(self.assumed_scatter), candidates, alone }
    }

    /// The tolerance as a share.
    pub fn tolerance(&self) -> f64 {
        share(self.accuracy_tolerance)
    }
}

fn share(percent: Percent) -> f64 {
    percent.get() / 100.0
}
