//! What a run is expected to cost, before any GPU is held, and what its next round is (METHOD §9).

use super::evidence::RunEvidence;
use super::judged::Judged;
use crate::api::{self, BenchmarkComparisonSpec, Outcome};
use crate::judgement::predicted::{PredictedSide, predicted_side};
use crate::method::estimate::Estimates;
use crate::sweep::price::{
    ExpectedPrice, PredictedEnd, Priced, PricedLoad, READY_MINUTES, RoundsCost, VariantMinutes, expected_rounds,
};
use crate::sweep::{HOPELESS, SizeRules};
use crate::units::count;

/// How long the variants of a run are deployed.
#[derive(Clone, Debug, PartialEq)]
pub struct RunPrice {
    /// Name and minutes, in the order of the spec.
    variants: Vec<(String, VariantMinutes)>,
    rounds: u32,
}

impl RunPrice {
    /// Of what is predicted; `None` where a variant has no estimate for a level of the ladder. `ready`: minutes until a variant
    /// is ready, where a deployment has shown it.
    pub fn of(judged: &Judged, spec: &BenchmarkComparisonSpec, ready: impl Fn(&str) -> Option<f64>) -> Option<Self> {
        let evidence = &judged.evidence;
        let size = SizeRules::of(&spec.load);
        let load = PricedLoad {
            ladder: &evidence.ladder,
            sla: &evidence.rules.sla,
            refinements: spec.load.refinements,
            decision_trials: spec.load.decision_trials.max(1),
            size: &size,
        };
        let minutes = evidence.variants.iter().map(|variant| {
            let curve = variant.prediction.as_ref()?.curve.as_ref()?;
            let end = match predicted_side(&evidence.rules.sla, curve)? {
                PredictedSide::Value { concurrency, .. } => PredictedEnd::At(concurrency.round() as u32),
                PredictedSide::None { r_at_one, .. } if r_at_one > HOPELESS => PredictedEnd::Nowhere,
                // Not so far off that it would not be run again.
                PredictedSide::None { .. } => PredictedEnd::At(1),
            };
            let ready_minutes = ready(&variant.name).unwrap_or(READY_MINUTES);
            let estimates: &dyn Estimates = curve;
            let priced = Priced { gpus: variant.gpus.get(), ready_minutes, estimates, end };
            Some((variant.name.clone(), VariantMinutes::of(&load, &priced)?))
        });
        Some(Self { variants: minutes.collect::<Option<_>>()?, rounds: rounds(judged) })
    }

    /// What is expected, of the run and of each variant, and what it is at most, as the status shows it.
    pub fn status(&self, evidence: &RunEvidence) -> api::Price {
        let minutes: Vec<VariantMinutes> = self.variants.iter().map(|(_, minutes)| *minutes).collect();
        let limits = evidence.rules.rounds;
        let maximum = if evidence.rules.repeatable { limits.maximum } else { 1 };
        let price = ExpectedPrice::of(&minutes, self.rounds, limits.minimum.min(maximum), maximum);
        let shown = |cost: RoundsCost, rounds| shown(cost, rounds, evidence.gpu_hourly_cost);
        let of_variant = |(name, minutes): &(String, VariantMinutes)| {
            let cost = RoundsCost::of(&[*minutes], price.rounds);
            let minutes = count(cost.minutes.round() as u64);
            api::VariantCost { name: name.clone(), minutes, gpu_hours: format!("{:.1}", cost.gpu_hours) }
        };
        api::Price {
            expected: Some(shown(price.expected, price.rounds)),
            most: Some(shown(price.most, maximum)),
            actual: None,
            variants: self.variants.iter().map(of_variant).collect(),
        }
    }

    /// What a round costs that deploys these variants: the first, or a later one.
    pub fn round(&self, number: u32, names: &[String]) -> RoundsCost {
        let of = self.variants.iter().filter(|(name, _)| names.contains(name)).map(|(_, minutes)| *minutes);
        let minutes: Vec<VariantMinutes> = of.collect();
        if number <= 1 { RoundsCost::of(&minutes, 1) } else { RoundsCost::of_another_round(&minutes) }
    }
}

/// Rounds that the predicted gains make one expect: as many as the candidate needs that takes longest.
fn rounds(judged: &Judged) -> u32 {
    let of = judged.judgement.candidates.iter().map(|candidate| {
        let first = candidate.predicted.first();
        let one_meets = matches!(
            first.map(|predicted| predicted.outcome),
            Some(Outcome::OnlyCandidateMeetsSla | Outcome::OnlyBaselineMeetsSla | Outcome::NeitherMeetsSla)
        );
        expected_rounds(first.and_then(|predicted| predicted.gain), one_meets)
    });
    of.max().unwrap_or(1)
}

/// A cost as the status shows it.
pub fn shown(cost: RoundsCost, rounds: u32, per_gpu_hour: Option<f64>) -> api::Cost {
    api::Cost {
        rounds: count(rounds),
        minutes: count(cost.minutes.round() as u64),
        gpu_hours: format!("{:.1}", cost.gpu_hours),
        cost: per_gpu_hour.map(|price| format!("{:.2}", cost.money(price))),
    }
}
