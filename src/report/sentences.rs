//! Sentences that several files of a report have in common.

use super::format::{counted, readable};
use super::labels::{self, Tone};
use super::model::{Report, ReportVariant};
use crate::api::OutcomeStatus;
use crate::judgement::figures::{Ordering, cost_per_million_tokens};
use crate::prediction::Claim;

/// What is above everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// The answer in a few words, and how good news they are.
    pub badge: &'static str,
    pub tone: Tone,
    pub sentence: String,
}

/// The verdict, or why there is none.
pub fn headline(report: &Report) -> Headline {
    if let Some(ended) = report.run.as_ref().and_then(|run| run.ended.as_ref()) {
        return Headline { badge: labels::ended(ended.outcome), tone: Tone::Bad, sentence: ended.message.clone() };
    }
    if let Some(verdict) = &report.verdict {
        let (badge, tone) = labels::result(verdict.result);
        return Headline { badge, tone, sentence: verdict.summary.clone() };
    }
    let is_measured = report.variants.iter().any(|variant| variant.levels.iter().any(|level| level.accepted > 0));
    let sentence = if is_measured { "The run has no verdict." } else { "Predictions only: nothing has been measured." };
    Headline { badge: "No verdict", tone: Tone::Plain, sentence: sentence.into() }
}

/// The hardware of each variant.
pub fn hardware(report: &Report) -> String {
    let hardware = &report.spec.hardware;
    format!("{}, {} per variant", hardware.system, counted(hardware.gpus_per_variant, "GPU"))
}

pub fn workload(report: &Report) -> String {
    let workload = &report.spec.workload;
    format!("{} input tokens, {} output tokens", workload.input_tokens, workload.output_tokens)
}

/// The limits of the SLA and the statistic they are for.
pub fn sla(report: &Report) -> String {
    let sla = &report.spec.sla;
    let statistic = labels::statistic(sla.statistic);
    format!("{statistic} TTFT ≤ {} ms, {statistic} TPOT ≤ {} ms", sla.ttft_milliseconds, sla.tpot_milliseconds)
}

/// How many variants meet the SLA.
pub fn meeting(report: &Report) -> Option<String> {
    Some(format!("{} the SLA", report.verdict.as_ref()?.sla.as_ref()?))
}

pub fn winner(report: &Report) -> Option<String> {
    Some(report.verdict.as_ref()?.winner.clone().unwrap_or_else(|| "none with confidence".into()))
}

/// Throughput at the SLA with its interval, over all GPUs where some are left unused, and its cost; or why there is none.
pub fn at_sla(report: &Report, variant: &ReportVariant) -> Vec<String> {
    let Some(at) = variant.at_sla else { return variant.sla_reason.clone().into_iter().collect() };
    let tokens = at.tokens_per_second_per_gpu;
    let interval = at.interval.map(|(low, high)| format!(" (95 % interval {low:.1}…{high:.1})")).unwrap_or_default();
    let held = format!("{} tokens/s/GPU{interval}", readable(tokens));
    let (all, used) = (report.gpus_per_variant(), report.gpus(variant));
    let over_all = report.share_of_gpus_per_variant(variant).map(|share| {
        let (tokens, unused) = (readable(share * tokens), all - used);
        format!("{tokens} tokens/s/GPU over all {all} GPUs of hardware.gpusPerVariant, of which {unused} are unused")
    });
    let hourly = report.spec.hardware.gpu_hourly_cost.as_ref().and_then(|cost| cost.value());
    let cost = hourly
        .filter(|_| tokens > 0.0)
        .map(|hourly| format!("costs {} per million output tokens", readable(cost_per_million_tokens(hourly, tokens))));
    std::iter::once(held).chain(over_all).chain(cost).collect()
}

/// What the predictor advertises, and at which load.
pub fn claim(claim: &Claim) -> String {
    let point = claim.advertised();
    format!(
        "{} tokens/s/GPU, {} tokens/s/user with {} (TTFT {} ms, TPOT {} ms)",
        readable(point.tokens_per_second_per_gpu.get()),
        readable(point.tokens_per_second_per_user()),
        requests(claim.concurrency),
        readable(point.ttft.get()),
        readable(point.tpot.get()),
    )
}

/// The load of a level.
pub fn requests(concurrency: u32) -> String {
    counted(concurrency, "concurrent request")
}

/// Which side is better, and by how much.
pub fn outcome(outcome: &OutcomeStatus) -> String {
    let gain = outcome.gain_percent.as_ref().map(|gain| format!(", {gain}% tokens/s/GPU at the SLA"));
    let interval = outcome.interval.as_ref().map(|interval| format!(" (95 % interval {interval} %)"));
    format!("{}{}{}", labels::outcome(outcome.outcome), gain.unwrap_or_default(), interval.unwrap_or_default())
}

/// How well the predictor ordered the candidates.
pub fn ordering(ordering: &Ordering) -> String {
    format!("holds for {} of {} pairs of candidates", ordering.agreeing, ordering.pairs)
}

/// What the mark behind an estimate means.
pub const BEYOND: &str = "* more requests than the engines hold at once: the estimate is shown, not judged";
