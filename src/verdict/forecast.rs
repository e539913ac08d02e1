//! What is predicted to come out, in words, before anything is measured (METHOD §9).

use super::judged::{Judged, JudgedVariant};
use super::sentences::Compared;
use crate::api::Outcome;
use crate::judgement::predicted::{PredictedSide, estimated_r, predicted_side};
use crate::method::estimate::Estimates;
use crate::prediction::PredictedClaim;

/// Who is predicted to be better, up to what load each side meets the SLA, whether there can be a gain in percent, and which
/// claims are predicted to fail; `None` where nothing is predicted of any candidate.
pub fn forecast(judged: &Judged) -> Option<String> {
    let candidates = judged.variants().filter_map(|variant| Some((variant, variant.candidate?)));
    let predicted = candidates.filter_map(|(variant, of)| {
        let first = of.predicted.first()?;
        Some((first.outcome, Compared::new(judged, variant, of).said(first.outcome, first.gain)))
    });
    let (outcomes, said): (Vec<Outcome>, Vec<String>) = predicted.unzip();
    if said.is_empty() {
        return None;
    }
    let mut parts = said;
    let loads: Vec<(&str, String)> = judged.variants().filter_map(|variant| met_up_to(judged, variant)).collect();
    let one_meets = outcomes.iter().all(|outcome| one_sided(*outcome));
    match (loads.as_slice(), parts.as_mut_slice()) {
        ([], _) => {}
        // Whose load it is stands before it.
        ([(_, load)], [only]) if one_meets => only.push_str(&format!(", up to {load}")),
        (loads, _) => {
            let each: Vec<String> = loads.iter().map(|(name, load)| format!("{load} ({name})")).collect();
            parts.push(format!("the SLA is met up to {}", each.join(" and ")));
        }
    }
    if one_meets {
        parts.push("so there can be no gain in percent".into());
    }
    parts.extend(judged.variants().filter_map(|variant| doubtful_claim(judged, variant)));
    Some(parts.join("; "))
}

const fn one_sided(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::OnlyCandidateMeetsSla | Outcome::OnlyBaselineMeetsSla | Outcome::NeitherMeetsSla)
}

/// A variant's name, and the load up to which it is predicted to meet the SLA.
fn met_up_to<'a>(judged: &Judged, variant: JudgedVariant<'a>) -> Option<(&'a str, String)> {
    let curve = variant.records.prediction.as_ref()?.curve.as_ref()?;
    match predicted_side(&judged.evidence.rules.sla, curve)? {
        PredictedSide::Value { concurrency, .. } => {
            let held = concurrency.floor().max(1.0);
            let requests = if held == 1.0 { "request" } else { "requests" };
            Some((&variant.records.name, format!("{held:.0} concurrent {requests}")))
        }
        PredictedSide::None { .. } => None,
    }
}

/// A claim that the estimate for what is deployed does not keep.
fn doubtful_claim(judged: &Judged, variant: JudgedVariant) -> Option<String> {
    let prediction = variant.records.prediction.as_ref()?;
    let claim = prediction.claim.as_ref()?;
    let PredictedClaim { concurrency, point, .. } = *claim;
    let estimate = Estimates::at(prediction.curve.as_ref()?, concurrency)?;
    let rules = &judged.evidence.rules;
    let tolerance = rules.accuracy_tolerance.get() / 100.0;
    let (tokens, tpot) = (estimate.tokens_per_second_per_gpu.get(), estimate.tpot.get());
    let misses = estimated_r(&rules.sla, concurrency, &estimate).is_some_and(|r| r > 1.0);
    let fails = misses
        || tokens < point.tokens_per_second_per_gpu.get() * (1.0 - tolerance)
        || tpot > point.tpot.get() * (1.0 + tolerance);
    fails.then(|| {
        let advertised = claim.advertised();
        format!(
            "the claim of {} is predicted to fail: with {concurrency} concurrent requests, {tokens:.1} tokens/s/GPU and a TPOT of \
             {tpot:.2} ms are estimated for what is deployed, against {:.1} and {:.2} ms",
            variant.records.name,
            advertised.tokens_per_second_per_gpu.get(),
            advertised.tpot.get(),
        )
    })
}
