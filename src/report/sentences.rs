//! Sentences that several files of a report have in common.

use super::format::{counted, readable};
use super::labels::{self, Tone};
use super::model::{Report, ReportVariant};
use crate::api::{AtSlaKind, ClaimPredictor, MeasuredOutcome, PredictedOutcome, Price, Sla, SlaState};
use crate::prediction::PredictedClaim;
use crate::verdict::figures::{Ordering, cost_per_million_tokens};

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
    let sentence = match (&report.forecast, is_measured) {
        (_, true) => "The run has no verdict.".into(),
        (Some(forecast), false) => format!("Nothing has been measured yet. By the predictions, {forecast}."),
        (None, false) => "Nothing has been measured yet.".into(),
    };
    Headline { badge: "No verdict", tone: Tone::Plain, sentence }
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

/// The limits of the SLA and the statistics they are for.
pub fn sla(sla: &Sla) -> String {
    let limits = [("TTFT", sla.ttft_limit()), ("TPOT", sla.tpot_limit()), ("latency", sla.request_latency.clone())];
    let limits = limits.into_iter().filter_map(|(name, limit)| Some((name, limit?)));
    let written: Vec<String> = match &sla.good_percent {
        Some(_) => limits.map(|(name, limit)| format!("{name} ≤ {} ms", limit.milliseconds)).collect(),
        None => limits
            .map(|(name, limit)| format!("{} {name} ≤ {} ms", labels::statistic(limit.statistic), limit.milliseconds))
            .collect(),
    };
    let share = sla.good_percent.as_ref().map(|percent| format!(" for {percent} % of the requests"));
    format!("{}{}", written.join(", "), share.unwrap_or_default())
}

/// What a run costs: expected, at most, and so far.
pub fn price(price: &Price) -> Vec<(&'static str, String)> {
    let costs = [("Expected cost", &price.expected), ("Cost at most", &price.most), ("Actual cost", &price.actual)];
    let shown = costs.into_iter().filter_map(|(name, cost)| {
        let cost = cost.as_ref()?;
        let money = cost.cost.as_ref().map(|money| format!(", {money}")).unwrap_or_default();
        let rounds = counted(cost.rounds, "round");
        Some((name, format!("{} GPU-hours{money}, {} min, {rounds}", cost.gpu_hours, cost.minutes)))
    });
    let mut shown: Vec<_> = shown.collect();
    let each = price.variants.iter().map(|of| format!("{} {} GPU-hours, {} min", of.name, of.gpu_hours, of.minutes));
    if let Some(each) = joined(each) {
        shown.insert(1.min(shown.len()), ("Per variant", each));
    }
    shown
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
    let Some(at) = &variant.at_sla else { return vec![] };
    let Some(tokens) = at.tokens_per_second_per_gpu else { return at.reason.clone().into_iter().collect() };
    let interval = at.interval.map(|(low, high)| format!(" (interval {low:.1}…{high:.1})")).unwrap_or_default();
    let bound = match at.kind {
        AtSlaKind::AtLeast => "at least ",
        AtSlaKind::AtMost => "at most ",
        _ => "",
    };
    let held = format!("{bound}{} tokens/s/GPU{interval}", readable(tokens));
    let (all, used) = (report.gpus_per_variant(), report.gpus(variant));
    let over_all = report.share_of_gpus_per_variant(variant).map(|share| {
        let (tokens, unused) = (readable(share * tokens), all - used);
        format!("{tokens} tokens/s/GPU over all {all} GPUs of hardware.gpusPerVariant, of which {unused} are unused")
    });
    let hourly = report.spec.hardware.gpu_hourly_cost.as_ref().and_then(|cost| cost.value());
    let cost = hourly
        .filter(|_| tokens > 0.0)
        .map(|hourly| format!("costs {} per million output tokens", readable(cost_per_million_tokens(hourly, tokens))));
    std::iter::once(held).chain(at.reason.clone()).chain(over_all).chain(cost).collect()
}

/// What the predictor advertises, and at which load.
pub fn claim(claim: &PredictedClaim) -> String {
    let point = claim.advertised();
    format!(
        "{} tokens/s/GPU, {} tokens/s/user with {} (TTFT {} ms, TPOT {} ms){}",
        readable(point.tokens_per_second_per_gpu.get()),
        readable(point.tokens_per_second_per_user()),
        requests(claim.concurrency),
        readable(point.ttft.get()),
        readable(point.tpot.get()),
        claimed_by(claim.predictor),
    )
}

/// Who claims it, where that is not the predictor of the run.
fn claimed_by(predictor: Option<ClaimPredictor>) -> String {
    predictor.map(|predictor| format!(", by {}", predictor.as_str())).unwrap_or_default()
}

/// The same of a status.
pub fn status_claim(claim: &crate::api::Claim) -> String {
    let figures = &claim.figures;
    let of = |name: &str, figure: &Option<String>, unit: &str| {
        figure.as_ref().map(|figure| format!("{name}{figure} {unit}"))
    };
    let shown = [
        of("", &figures.tokens_per_second_per_gpu, "tokens/s/GPU"),
        of("TTFT ", &figures.ttft_milliseconds, "ms"),
        of("TPOT ", &figures.tpot_milliseconds, "ms"),
    ];
    let shown: Vec<String> = shown.into_iter().flatten().collect();
    format!("{} with {}{}", shown.join(", "), requests(claim.concurrency), claimed_by(claim.predictor))
}

/// The load of a level.
pub fn requests(concurrency: u32) -> String {
    counted(concurrency, "concurrent request")
}

/// Which side is predicted to be better, and by how much.
pub fn predicted(outcome: &PredictedOutcome) -> String {
    let gain = outcome.gain_percent.as_ref().map(|gain| format!(", {gain} % tokens/s/GPU at the SLA"));
    format!("{}{}", labels::outcome(outcome.outcome), gain.unwrap_or_default())
}

/// What is said of a gain whose interval is so wide that it tells nothing.
const NO_INTERVAL: &str = "interval too wide to state";

/// The interval of a gain.
pub fn interval(of: Option<&str>) -> String {
    of.map_or_else(|| NO_INTERVAL.into(), |interval| format!("{interval} %"))
}

/// Which side is better, by how much, over how many rounds, and why no further one was run.
pub fn measured(outcome: &MeasuredOutcome) -> String {
    let bound = if outcome.at_least { "at least " } else { "" };
    let gain = outcome.gain_percent.as_ref().map(|gain| format!(", {bound}{gain} % tokens/s/GPU at the SLA"));
    let interval = outcome.interval.as_ref().map(|interval| format!(" (interval {interval} %)"));
    let interval = interval.or_else(|| gain.as_ref().map(|_| format!(" ({NO_INTERVAL})")));
    let stopped = outcome.stopped.map(|stopped| format!("; {}", labels::stopped(stopped))).unwrap_or_default();
    let rounds = counted(outcome.rounds, "round");
    let (gain, interval) = (gain.unwrap_or_default(), interval.unwrap_or_default());
    format!("{}{gain}{interval}, {rounds}{stopped}", labels::outcome(outcome.outcome))
}

/// How a claim was kept, and how far the estimates are off; nothing of what was not measured.
pub fn claim_kept(variant: &ReportVariant) -> Option<String> {
    let claim = variant.claim.as_ref()?;
    let errors = claim.error_percent.as_ref()?;
    let of = |name: &str, error: &Option<String>| error.as_ref().map(|error| format!("{name} {error} %"));
    let errors = [of("tokens/s/GPU", &errors.tokens_per_second_per_gpu), of("TPOT", &errors.tpot)];
    Some(format!("{}: {}", labels::kept(claim.kept).0, errors.into_iter().flatten().collect::<Vec<_>>().join(", ")))
}

/// How far the estimates of a variant are off.
pub fn estimate(variant: &ReportVariant) -> Option<String> {
    let of = variant.estimate.as_ref()?;
    let (tokens, tpot) = (&of.mean_error_percent.tokens_per_second_per_gpu, &of.mean_error_percent.tpot);
    let levels = counted(of.levels, "level");
    let correction = of.latency_correction.as_ref().map(|factors| {
        let prefill = factors.prefill.as_ref().map(|factor| format!(", prefill {factor}")).unwrap_or_default();
        format!("; latency corrections: decode {}{prefill}", factors.decode)
    });
    Some(format!(
        "mean error {tokens} % in tokens/s/GPU and {tpot} % in TPOT over {levels}, worst {} %{}",
        of.worst_error_percent,
        correction.unwrap_or_default()
    ))
}

/// How well the predictor ordered the candidates.
pub fn ordering(ordering: &Ordering) -> String {
    format!("holds for {} of {} pairs of candidates", ordering.agreeing, ordering.pairs)
}

/// Claims beside what was measured at their load, in tokens/s/GPU.
pub fn claimed(report: &Report) -> Option<String> {
    let each = report.variants.iter().filter_map(|variant| {
        let claim = report.claim(variant)?;
        let kept = variant.claim.as_ref().map(|claim| format!(", {}", labels::kept(claim.kept).0));
        let advertised = claim.advertised().tokens_per_second_per_gpu.get();
        let held = held(variant, claim.concurrency, advertised)?;
        Some(format!("{} {held}{}", variant.name, kept.unwrap_or_default()))
    });
    joined(each)
}

/// Estimates beside what was measured, in tokens/s/GPU: at the claim's load or, without a claim, at the highest level that
/// meets the SLA.
pub fn estimated(report: &Report) -> Option<String> {
    let each = report.variants.iter().filter_map(|variant| {
        let meeting = variant.levels.iter().filter(|level| level.sla == Some(SlaState::Met));
        let concurrency = match report.claim(variant) {
            Some(claim) => claim.concurrency,
            None => meeting.map(|level| level.concurrency).max()?,
        };
        let level = variant.levels.iter().find(|level| level.concurrency == concurrency)?;
        let estimate = level.estimate.filter(|estimate| !estimate.beyond_operating_point)?;
        let held = held(variant, concurrency, estimate.point.tokens_per_second_per_gpu.get())?;
        Some(format!("{} {held}", variant.name))
    });
    joined(each)
}

/// `286 → 215 (-24.8 %) at 12 requests`, in tokens/s/GPU and concurrent requests; `None` where that load was not measured.
fn held(variant: &ReportVariant, concurrency: u32, promised: f64) -> Option<String> {
    let level = variant.levels.iter().find(|level| level.concurrency == concurrency)?;
    let measured = level.measured?.point.tokens_per_second_per_gpu.get();
    let error = (promised > 0.0).then(|| 100.0 * (measured / promised - 1.0))?;
    let (promised, measured) = (readable(promised), readable(measured));
    Some(format!("{promised} → {measured} ({error:+.1} %) at {}", counted(concurrency, "request")))
}

fn joined(parts: impl Iterator<Item = String>) -> Option<String> {
    Some(parts.collect::<Vec<_>>().join("; ")).filter(|text| !text.is_empty())
}

/// What the mark beside TTFT means, with the factors in the estimates of the levels where they are known.
pub fn burst(report: &Report) -> String {
    let factors = report.variants.iter().flat_map(|variant| {
        let curve = report.predictions.get(&variant.name).and_then(|prediction| prediction.curve.as_ref());
        variant.levels.iter().filter_map(move |level| curve?.burst_factor(level.concurrency))
    });
    let factors: Vec<f64> = factors.filter(|factor| *factor != 1.0).collect();
    let Some(lowest) = factors.iter().copied().reduce(f64::min) else {
        return "† the predictor's TTFT may hold a factor for requests that arrive at once: its error is shown, not judged".into();
    };
    let highest = factors.iter().copied().fold(lowest, f64::max);
    let range = match format!("{lowest:.1}") == format!("{highest:.1}") {
        true => format!("{lowest:.1}"),
        false => format!("{lowest:.1} to {highest:.1}"),
    };
    format!(
        "† the predictor multiplies its TTFT by {range} for requests that arrive at once, which those of a steady load do not: its \
         error is shown, not judged"
    )
}

/// What the mark behind an estimate means.
pub const BEYOND: &str = "* more requests than the engines hold at once: the estimate is shown, not judged";
