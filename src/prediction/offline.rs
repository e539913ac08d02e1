//! The prediction for a deployment from a predictor's output alone, without asking the predictor.

use super::burst::{Burst, context_tokens};
use super::checks::{Checked, check, replicas_deployed};
use super::claim::PredictedClaim;
use super::curve::{Curve, CurvePoint};
use super::predicted::{Prediction, PredictionOrigin};
use super::predictors::predictor::{Picked, Wanted};
use super::row::Row;
use super::serving::{Serving, Shape};
use crate::api::{EvidenceCode, Finding};
use crate::units::TokensPerSecond;

/// The prediction that a picked row and the rows beside it make for what is deployed.
///
/// `shape` is read from the deployed manifests, which hold `held` GPUs; `gpus` is what a variant may use, for rows that come
/// without manifests.
/// The curve consists of the rows whose engines do the same in a step as the deployed ones. Where there is no such row, or
/// those are too far apart, there is only the claim.
pub fn predict_from_output(picked: &Picked, shape: Option<&Shape>, held: Option<u32>, gpus: u32) -> Prediction {
    let row = &picked.row;
    let (claim, gap) = claim_held(row, shape, held, gpus);
    let mut prediction = Prediction { claim: Some(claim), ..predict(picked, Some(row), shape) };
    prediction.findings.extend(gap);
    prediction
}

/// What a row claims for what is deployed, which may hold more GPUs than the row counts: throughput is by those held, as it
/// is measured, and the gap is said.
pub fn claim_held(row: &Row, shape: Option<&Shape>, held: Option<u32>, gpus: u32) -> (PredictedClaim, Option<Finding>) {
    let mut claim = row.claim(replicas(row, shape, gpus));
    let counted = gpus_claimed(row, shape, gpus);
    let Some(held) = shape.map(|shape| shape.gpus).or(held).filter(|held| *held > counted) else {
        return (claim, None);
    };
    let rate = claim.point.tokens_per_second_per_gpu.get() * f64::from(counted) / f64::from(held);
    claim.point.tokens_per_second_per_gpu = TokensPerSecond::new(rate).unwrap_or_default();
    let message = format!(
        "the claim is for {counted} GPUs, and {held} are held: its throughput is divided by those, {rate:.1} tokens/s/GPU, as the \
         measured one is"
    );
    (claim, Some(Finding::new(EvidenceCode::NotTheDeployedShape, message)))
}

/// Why an output claims nothing for what is deployed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the predictor's output is for {claimed} and has no row within the SLA for {deployed}, which is deployed: run the \
     predictor for that"
)]
pub struct NotDeployed {
    claimed: String,
    deployed: String,
}

/// The pick of the row that is best for what is deployed, among those that meet the limits.
///
/// # Errors
/// No row is for it.
pub fn pick_deployed(picked: Picked, shape: &Shape, wanted: &Wanted<'_>) -> Result<Picked, NotDeployed> {
    let Picked { row, tool, others, .. } = picked;
    let (claimed, deployed) = (row.serving.describe(), shape.serving.describe());
    let is_for = |row: &Row| wanted.strain(row) <= 1.0 && replicas_deployed(&row.serving, &shape.serving).is_some();
    let mut rows: Vec<Row> = std::iter::once(row).chain(others).collect();
    let per_gpu = |at: &usize| rows.get(*at).map_or(0.0, |row: &Row| row.tokens_per_second_per_gpu().get());
    let fit = (0..rows.len()).filter(|at| rows.get(*at).is_some_and(is_for));
    let best = fit.max_by(|a, b| per_gpu(a).total_cmp(&per_gpu(b)));
    let row = rows.swap_remove(best.ok_or(NotDeployed { claimed, deployed })?);
    Ok(Picked { row, tool, manifests: None, others: rows })
}

/// GPUs of the replicas that a row's claim is for.
pub fn gpus_claimed(row: &Row, shape: Option<&Shape>, gpus: u32) -> u32 {
    row.gpus.saturating_mul(replicas(row, shape, gpus))
}

fn replicas(row: &Row, shape: Option<&Shape>, gpus: u32) -> u32 {
    let deployed = shape.and_then(|shape| replicas_deployed(&row.serving, &shape.serving));
    deployed.unwrap_or_else(|| row.replicas_on(gpus).max(1))
}

/// The estimate that the rows of an output give for `shape`, without any claim.
pub fn predict_deployed(picked: &Picked, shape: &Shape) -> Prediction {
    predict(picked, None, Some(shape))
}

fn predict(picked: &Picked, advertised: Option<&Row>, shape: Option<&Shape>) -> Prediction {
    let row = &picked.row;
    let curve = shape.and_then(|shape| curve(picked, shape));
    let origin = origin_of(picked);
    let findings = check(&Checked {
        row: advertised,
        shape,
        curve: curve.as_ref(),
        input_tokens: row.input_tokens,
        origin: Some(&origin),
    });
    Prediction { claim: None, curve, findings, origin: Some(origin) }
}

/// Where a picked row comes from.
pub fn origin_of(picked: &Picked) -> PredictionOrigin {
    let row = &picked.row;
    PredictionOrigin {
        tool: picked.tool.clone(),
        backend: row.backend.clone(),
        database_version: row.database_version.clone(),
        // The image names a release of the runtime; which engine is in it only the predictor itself knows.
        engine_version: None,
        weights: row.weights.clone(),
        kv_cache: row.kv_cache.clone(),
    }
}

/// The rows of the deployed shape, up to what its engines hold. A ranking keeps the best rows only, so there are gaps.
fn curve(picked: &Picked, shape: &Shape) -> Option<Curve> {
    let Serving::Aggregated { workers } = &shape.serving else { return None };
    let does_the_same = |row: &&Row| {
        let Serving::Aggregated { workers: own } = &row.serving else { return false };
        let batch = own.max_batch_size.unwrap_or(row.concurrency);
        let tokens = context_tokens(row.input_tokens, workers.max_num_tokens, workers.chunked_prefill, batch);
        own.same_parallelism(workers) && workers.max_num_tokens.is_some() && row.context_tokens == Some(tokens)
    };
    let mut rows: Vec<&Row> = std::iter::once(&picked.row).chain(&picked.others).filter(does_the_same).collect();
    rows.sort_by_key(|row| row.concurrency);
    rows.dedup_by_key(|row| row.concurrency);
    let points = rows.iter().map(|row| CurvePoint {
        concurrency: row.concurrency,
        ttft: row.ttft,
        tpot: row.tpot,
        request_rate: row.request_rate,
    });
    let limit = workers.max_batch_size.map(|batch| batch.saturating_mul(workers.data_parallel));
    let curve = Curve::of_rows(points.collect(), workers.replicas, shape.gpus, picked.row.output_tokens, limit).ok()?;
    let backend = picked.row.backend.as_deref().unwrap_or_default();
    Some(curve.with_burst(Burst::of_aiconfigurator(backend, &shape.serving, picked.row.input_tokens)))
}
