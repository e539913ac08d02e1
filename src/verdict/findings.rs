//! What is found about a variant as a whole.

use std::collections::BTreeSet;

use super::decimals::signed_share;
use super::judged::{Judged, JudgedVariant};
use crate::api::{EvidenceCode, Finding};
use crate::judgement::crossing::NotKnown;
use crate::judgement::side::{Side, WhyNotKnown};
use crate::measurement::audit::across;
use crate::measurement::record::Purpose;
use crate::method::trial::Trial;

/// Findings a variant's status can hold.
const MAXIMUM_FINDINGS: usize = 16;
/// Of the concurrent requests, the share that is being answered at least where engines are not short of places.
const SERVED: f64 = 0.5;

/// What is known of a variant before anything is concluded from its trials.
pub fn known(variant: JudgedVariant) -> Vec<Finding> {
    let predicted = variant.records.prediction.iter().flat_map(|prediction| &prediction.findings);
    once_each(variant.records.findings.iter().chain(predicted).cloned().collect())
}

/// The same, and what follows from all its trials.
pub fn all(judged: &Judged, variant: JudgedVariant) -> Vec<Finding> {
    let mut findings = known(variant);
    let said: BTreeSet<EvidenceCode> = findings.iter().map(|finding| finding.code).collect();
    findings.extend(following(judged, variant).into_iter().filter(|finding| !said.contains(&finding.code)));
    findings.truncate(MAXIMUM_FINDINGS);
    findings
}

fn following(judged: &Judged, variant: JudgedVariant) -> Vec<Finding> {
    let rounds: BTreeSet<u32> = variant.records.accepted().map(|(of, _)| of.record.trial.key.round).collect();
    let found = [
        unmeasured_claim(variant),
        flat_latency(variant),
        most_requests_wait(judged, variant),
        not_monotone(&variant.records.trials, judged),
        scatter_above_assumed(variant),
        across::deployments(rounds.len()),
    ];
    found.into_iter().flatten().collect()
}

/// Findings of one code may be about different things: what is the same in code and message is shown once.
fn once_each(findings: Vec<Finding>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let is_new = |finding: &Finding| seen.insert((finding.code, finding.message.clone()));
    findings.into_iter().filter(is_new).take(MAXIMUM_FINDINGS).collect()
}

fn unmeasured_claim(variant: JudgedVariant) -> Option<Finding> {
    let claim = variant.records.prediction.as_ref()?.claim.as_ref()?;
    variant.shown.claim.is_none().then(|| {
        let message = format!("no accepted trial with {} concurrent requests, the claim's level", claim.concurrency);
        Finding::new(EvidenceCode::ClaimNotMeasured, message)
    })
}

fn flat_latency(variant: JudgedVariant) -> Option<Finding> {
    let Side::NotKnown { why: WhyNotKnown::Levels(NotKnown::FlatLatency { slope, .. }), .. } =
        variant.shown.standpoint.side
    else {
        return None;
    };
    let message = format!(
        "latency hardly grows with load where the SLA ends (slope {slope:.3}): the limit does not fix a throughput. Lower the \
         limit, or compare at the same load"
    );
    Some(Finding::new(EvidenceCode::FlatLatency, message))
}

/// Where far less throughput was measured than predicted and most requests waited, the limits of the engines are the reason,
/// not their speed. The claim's level goes first, then the estimates' from the highest down.
fn most_requests_wait(judged: &Judged, variant: JudgedVariant) -> Option<Finding> {
    let claim = variant.records.prediction.as_ref().and_then(|prediction| prediction.claim.as_ref());
    let claimed = claim.zip(variant.shown.claim).map(|(claim, check)| (claim.concurrency, check.errors.tokens));
    let estimated = variant.shown.accuracy.iter().flat_map(|accuracy| accuracy.levels.iter().rev());
    let errors = claimed.into_iter().chain(estimated.map(|(concurrency, errors)| (*concurrency, errors.tokens)));
    let is_missed = |error: f64| error < -judged.evidence.rules.tolerance();
    errors.filter(|(_, error)| is_missed(*error)).find_map(|(concurrency, error)| {
        let level = variant.shown.levels.iter().find(|level| level.concurrency == concurrency)?;
        let in_service = level.shown.as_ref()?.in_service(variant.records.gpus.get());
        if in_service >= SERVED * f64::from(concurrency) {
            return None;
        }
        let message = format!(
            "with {concurrency} concurrent requests throughput is {} % off what was predicted, and {in_service:.0} were being \
             answered on average (tokens/s × TPOT); the others waited for their first token. Check the engines' maximum batch \
             size and KV cache",
            signed_share(error)
        );
        Some(Finding::new(EvidenceCode::MostRequestsWait, message))
    })
}

/// A level that was run again because a higher one meets the SLA, and missed it again.
fn not_monotone(trials: &[Trial], judged: &Judged) -> Option<Finding> {
    let misses = |trial: &&Trial| {
        let ratios = trial.accepted().and_then(|figures| judged.evidence.rules.sla.log_ratios(figures));
        trial.key.purpose == Purpose::Recheck && ratios.is_some_and(|ratios| ratios.r() > 1.0)
    };
    let level = trials.iter().filter(misses).map(|trial| trial.key.concurrency).min()?;
    let message = format!(
        "{level} concurrent requests miss the SLA twice although a higher level meets it; the SLA ends at the lower one"
    );
    Some(Finding::new(EvidenceCode::NotMonotone, message))
}

fn scatter_above_assumed(variant: JudgedVariant) -> Option<Finding> {
    let gain = variant.candidate?.comparison.last()?.gain.as_ref()?;
    gain.scatter.is_above_assumed().then(|| {
        let message = "deployments scatter more than judgement.assumedScatterPercent says: raise it, or look for what differs \
                       between them";
        Finding::new(EvidenceCode::ScatterAboveAssumed, message)
    })
}
