//! What the status shows of a variant: its levels, estimates beside measurements; its claim; its throughput at the SLA.

use std::collections::BTreeSet;

use super::decimals::{fixed, signed_share, throughput_interval};
use super::findings;
use super::judged::{Judged, JudgedVariant};
use super::sentences::why_not_known;
use crate::api::codes::About;
use crate::api::{
    AtSla, AtSlaKind, Claim, ErrorPercent, EstimateErrors, Estimated, EvidenceCode, Figures, Finding, Kept,
    LatencyCorrection, LevelEvidence, LevelStatus, MeanErrorPercent, Measured, Severity, SlaState, VariantStatus,
};
use crate::judgement::accuracy::{Accuracy, JudgedMetric};
use crate::judgement::level::{Level, Shown, levels};
use crate::judgement::side::Side;
use crate::measurement::Measurement;
use crate::measurement::audit::across;
use crate::method::trial::Trial;
use crate::prediction::{OperatingPoint, PredictedLevel, Prediction};
use crate::text;
use crate::units::count;

/// Findings a row can hold.
const MAXIMUM_REASONS: usize = 8;
/// Rows a variant has: a ladder, its refinements, and what lies below or above it.
const MOST_ROWS: usize = 32;
/// Rows a variant's status can hold.
const MAXIMUM_LEVELS: usize = 24;
/// What is said of all levels together, at most, in bytes: the figures of the largest comparison take 90 KiB, and an object
/// in the store should not weigh more than 128.
const MAXIMUM_REASONS_BYTES: usize = 24 * 1024;
/// A reason without its message.
const REASON_BYTES: usize = 70;

/// What a status shows of one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantRows {
    /// Name in the spec.
    pub name: String,
    /// One row for each concurrency.
    pub levels: Vec<LevelStatus>,
    /// What the predictor advertises, and whether it was kept.
    pub claim: Option<Claim>,
    /// How far its estimates are off.
    pub estimate: Option<EstimateErrors>,
    /// About its prediction or the variant as a whole.
    pub findings: Vec<Finding>,
    /// Throughput at the SLA.
    pub at_sla: Option<AtSla>,
}

/// The rows of all variants. `over`: no further round follows, so that conclusions are drawn.
pub fn rows(judged: &Judged, over: bool) -> Vec<VariantRows> {
    let rows = judged.variants().map(|variant| VariantRows {
        name: variant.records.name.clone(),
        levels: level_rows(judged, variant),
        claim: claim(variant),
        estimate: variant.shown.accuracy.as_ref().and_then(estimate_errors),
        findings: if over { findings::all(judged, variant) } else { findings::known(variant) },
        at_sla: over.then(|| at_sla(variant)),
    });
    rows.collect()
}

/// Writes rows into the variants of a status.
pub fn write_rows(rows: Vec<VariantRows>, variants: &mut [VariantStatus]) {
    for row in rows {
        let Some(variant) = variants.iter_mut().find(|variant| variant.name == row.name) else { continue };
        let VariantRows { name: _, levels, claim, estimate, findings, at_sla } = row;
        variant.levels = levels;
        variant.claim = claim;
        variant.estimate = estimate;
        variant.findings = findings;
        variant.at_sla = at_sla;
    }
}

/// Measured levels and those of the ladder, ascending. What was measured has a row before what was not.
fn level_rows(judged: &Judged, variant: JudgedVariant) -> Vec<LevelStatus> {
    let trials: Vec<&Trial> = variant.records.trials.iter().collect();
    let shown = levels(&judged.evidence.rules.sla, &trials);
    let measured = shown.iter().map(|level| level.concurrency);
    let mut concurrencies: BTreeSet<u32> = measured.take(MOST_ROWS).collect();
    let room = MOST_ROWS.saturating_sub(concurrencies.len());
    let ladder = judged.evidence.ladder.iter().filter(|level| !concurrencies.contains(level));
    let more: Vec<u32> = ladder.take(room).copied().collect();
    concurrencies.extend(more);
    let row = |concurrency| {
        let level = shown.iter().find(|level| level.concurrency == concurrency);
        level_row(concurrency, level, variant)
    };
    concurrencies.into_iter().map(row).collect()
}

fn level_row(concurrency: u32, level: Option<&Level>, variant: JudgedVariant) -> LevelStatus {
    let shown = level.and_then(|level| level.shown.as_ref());
    let estimate = estimated_at(variant.records.prediction.as_ref(), concurrency);
    let errors =
        shown.zip(estimate).filter(|(_, at)| !at.beyond_operating_point).map(|(shown, at)| errors(shown, &at.point));
    LevelStatus {
        concurrency: count(concurrency),
        estimated: estimate
            .map(|at| Estimated { figures: of_point(&at.point), beyond_capacity: at.beyond_operating_point }),
        measured: shown.map(|shown| Measured {
            figures: figures(shown.ttft, shown.tpot, shown.tokens_per_second_per_gpu),
            requests: requests(concurrency, variant),
        }),
        error_percent: errors,
        sla: shown.map(|shown| shown.state),
        evidence: level.map(|level| evidence(level, variant)).unwrap_or_default(),
    }
}

/// What is estimated for what is deployed.
pub fn estimated_at(prediction: Option<&Prediction>, concurrency: u32) -> Option<PredictedLevel> {
    prediction?.curve.as_ref()?.at(concurrency)
}

fn errors(shown: &Shown, point: &OperatingPoint) -> ErrorPercent {
    let error = |measured: f64, predicted: f64| {
        Some(measured / predicted - 1.0).filter(|error| error.is_finite()).map(signed_share)
    };
    ErrorPercent {
        ttft: error(shown.ttft, point.ttft.get()),
        tpot: error(shown.tpot, point.tpot.get()),
        tokens_per_second_per_gpu: error(shown.tokens_per_second_per_gpu, point.tokens_per_second_per_gpu.get()),
    }
}

fn at_level(concurrency: u32, variant: JudgedVariant<'_>) -> impl Iterator<Item = (u32, &Measurement)> {
    let accepted = variant.records.accepted().map(|(of, measured)| (of.record.trial.key, measured));
    accepted.filter(move |(key, _)| key.concurrency == concurrency).map(|(key, measured)| (key.round, measured))
}

fn requests(concurrency: u32, variant: JudgedVariant) -> u32 {
    count(at_level(concurrency, variant).map(|(_, measured)| u64::from(measured.requests)).sum::<u64>())
}

fn of_point(point: &OperatingPoint) -> Figures {
    figures(point.ttft.get(), point.tpot.get(), point.tokens_per_second_per_gpu.get())
}

fn figures(ttft: f64, tpot: f64, tokens: f64) -> Figures {
    Figures {
        ttft_milliseconds: Some(fixed(ttft)),
        tpot_milliseconds: Some(fixed(tpot)),
        tokens_per_second_per_gpu: Some(fixed(tokens)),
    }
}

fn evidence(level: &Level, variant: JudgedVariant) -> LevelEvidence {
    let here = variant.records.records.iter().filter(|of| of.record.trial.key.concurrency == level.concurrency);
    let trials: Vec<&[Finding]> = here.map(|of| of.findings.as_slice()).collect();
    let rounds: BTreeSet<u32> = at_level(level.concurrency, variant).map(|(round, _)| round).collect();
    let together = rounds.into_iter().find_map(|round| {
        let of_round = at_level(level.concurrency, variant).filter(|(of, _)| *of == round);
        across::scatter(&of_round.map(|(_, measured)| measured).collect::<Vec<_>>())
    });
    LevelEvidence {
        accepted: count(level.accepted),
        rejected: count(level.rejected),
        reasons: digest(&trials, together, MAXIMUM_REASONS),
    }
}

/// One finding for each code, rejecting ones first; says of how many of the trials it is found. `together`: what is found of all.
fn digest(trials: &[&[Finding]], together: Option<Finding>, maximum: usize) -> Vec<Finding> {
    let all = || trials.iter().copied().flatten().chain(&together);
    let mut codes: Vec<(std::cmp::Reverse<Severity>, EvidenceCode)> =
        all().map(|finding| (std::cmp::Reverse(finding.severity), finding.code)).collect();
    codes.sort_unstable();
    codes.dedup();
    let digested = codes.into_iter().filter_map(|(severity, code)| {
        let same = |finding: &&Finding| finding.severity == severity.0 && finding.code == code;
        let first = all().find(same)?;
        // Of one trial a code may be found more than once.
        let times = trials.iter().filter(|of| of.iter().any(|finding| same(&finding))).count();
        let whole = times == trials.len() || code.about() == About::Level;
        let message = match whole {
            true => first.message.clone(),
            false => format!("{times} of {} trials: {}", trials.len(), first.message),
        };
        Some(Finding::with_severity(first.code, first.severity, message))
    });
    digested.take(maximum).collect()
}

fn claim(variant: JudgedVariant) -> Option<Claim> {
    let claim = variant.records.prediction.as_ref()?.claim.as_ref()?;
    let check = variant.shown.claim;
    Some(Claim {
        concurrency: count(claim.concurrency),
        figures: of_point(&claim.advertised()),
        tokens_per_second_per_user: Some(claim.point.tpot.get())
            .filter(|tpot| *tpot > 0.0)
            .map(|tpot| fixed(1000.0 / tpot)),
        predictor: claim.predictor,
        error_percent: check.map(|check| ErrorPercent {
            ttft: check.errors.ttft.map(signed_share),
            tpot: Some(signed_share(check.errors.tpot)),
            tokens_per_second_per_gpu: Some(signed_share(check.errors.tokens)),
        }),
        sla: check.map(|check| check.state),
        kept: match check {
            Some(check) if check.kept => Kept::True,
            Some(_) => Kept::False,
            None => Kept::Unknown,
        },
    })
}

fn estimate_errors(accuracy: &Accuracy) -> Option<EstimateErrors> {
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    Some(EstimateErrors {
        mean_error_percent: MeanErrorPercent {
            tpot: percent(accuracy.mean(JudgedMetric::Tpot)?),
            tokens_per_second_per_gpu: percent(accuracy.mean(JudgedMetric::Tokens)?),
        },
        worst_error_percent: signed_share(accuracy.worst()?.2),
        levels: count(accuracy.levels.len()),
        latency_correction: accuracy.decode_correction().map(|decode| LatencyCorrection {
            decode: fixed(decode),
            prefill: accuracy.prefill_correction().map(fixed),
        }),
    })
}

fn at_sla(variant: JudgedVariant) -> AtSla {
    let standpoint = &variant.shown.standpoint;
    let kind = match standpoint.side {
        Side::Value(_) => AtSlaKind::Value,
        Side::AtLeast(_) => AtSlaKind::AtLeast,
        Side::AtMost(_) => AtSlaKind::AtMost,
        Side::None { .. } => AtSlaKind::None,
        Side::NotKnown { .. } => AtSlaKind::Unknown,
    };
    let tokens = standpoint.side.throughput().map(|at| fixed(at.tokens_per_second_per_gpu()));
    let interval = standpoint.own.as_ref().filter(|_| kind == AtSlaKind::Value);
    AtSla {
        kind,
        tokens_per_second_per_gpu: tokens,
        interval: interval.and_then(|own| own.telling_interval()).map(throughput_interval),
        reason: why_not_known(variant).map(|why| text::cut(&why, 256)),
    }
}

/// Cuts rows as far as an object in the store needs it. The report has them all.
pub fn shorten(variants: &mut [VariantStatus]) {
    variants.iter_mut().for_each(|variant| drop_levels(&mut variant.levels));
    shorten_reasons(variants);
}

/// What was not measured goes first, then what lies far beyond the end of the SLA, then the lowest ones.
fn drop_levels(levels: &mut Vec<LevelStatus>) {
    while levels.len() > MAXIMUM_LEVELS {
        let is_measured = |level: &LevelStatus| level.evidence.accepted > 0 || level.evidence.rejected > 0;
        let misses = |level: &LevelStatus| level.sla == Some(SlaState::Missed);
        let beyond = levels.iter().rev().take(2).all(misses).then(|| levels.len() - 1);
        let least = levels.iter().rposition(|level| !is_measured(level)).or(beyond).unwrap_or(0);
        levels.remove(least);
    }
}

/// The messages first, then the last reasons of each level.
fn shorten_reasons(variants: &mut [VariantStatus]) {
    for (longest, most) in [(300, 8), (150, 8), (80, 8), (80, 4), (40, 2), (20, 2)] {
        let reasons = |variant: &mut VariantStatus| {
            variant.levels.iter_mut().map(|level| &mut level.evidence.reasons).for_each(|reasons| {
                reasons.truncate(most);
                reasons.iter_mut().for_each(|reason| reason.message = text::cut(&reason.message, longest));
            });
        };
        variants.iter_mut().for_each(reasons);
        if reasons_bytes(variants) <= MAXIMUM_REASONS_BYTES {
            return;
        }
    }
}

/// What the reasons of all levels take in JSON, near enough.
fn reasons_bytes(variants: &[VariantStatus]) -> usize {
    let levels = variants.iter().flat_map(|variant| &variant.levels);
    levels.flat_map(|level| &level.evidence.reasons).map(|reason| REASON_BYTES + reason.message.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: EvidenceCode, message: &str) -> Finding {
        Finding::new(code, message)
    }

    fn level(concurrency: u32, accepted: u32, sla: Option<SlaState>) -> LevelStatus {
        LevelStatus {
            concurrency,
            estimated: None,
            measured: None,
            error_percent: None,
            sla,
            evidence: LevelEvidence { accepted, rejected: 0, reasons: vec![] },
        }
    }

    #[test]
    fn levels_around_the_end_of_the_sla_stay() {
        let (met, missed) = (Some(SlaState::Met), Some(SlaState::Missed));
        let end = |at: u32| move |of: u32| level(of, 1, if of <= at { met } else { missed });
        let kept = |mut levels: Vec<LevelStatus>| {
            drop_levels(&mut levels);
            levels.iter().map(|level| level.concurrency).collect::<Vec<_>>()
        };
        let mut with_gaps: Vec<LevelStatus> = (1..=26).map(end(20)).collect();
        (with_gaps[3], with_gaps[25]) = (level(4, 0, None), level(26, 0, None));
        assert_eq!(kept(with_gaps), (1..=25).filter(|of| *of != 4).collect::<Vec<_>>());
        assert_eq!(kept((1..=30).map(end(10)).collect()), (1..=24).collect::<Vec<_>>());
        assert_eq!(kept((1..=30).map(end(29)).collect()), (7..=30).collect::<Vec<_>>());
    }

    /// One trial may have a code twice, for two reasons.
    #[test]
    fn a_digest_counts_trials_and_not_findings() {
        let (rate, length) = (EvidenceCode::ThroughputInconsistent, EvidenceCode::OutputLengthMismatch);
        let first = [finding(rate, "by Little's law"), finding(rate, "by its length"), finding(length, "too long")];
        let second = [finding(rate, "by Little's law")];
        let digested = digest(&[&first, &second], None, 8);
        let said: Vec<_> = digested.iter().map(|of| (of.code, of.message.as_str())).collect();
        assert_eq!(said, [(length, "1 of 2 trials: too long"), (rate, "by Little's law")]);
    }
}
