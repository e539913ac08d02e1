//! What is doubtful about a prediction (METHOD §2 and §4). All of these warn: they are shown beside the figures.

use super::burst::context_tokens;
use super::curve::{Curve, CurvePoint};
use super::predicted::PredictionOrigin;
use super::row::Row;
use super::serving::{Serving, Shape, Workers};
use crate::api::{EvidenceCode, Finding};

/// Tolerated distance between a predicted throughput and the one its own latencies amount to.
const CONSISTENCY: f64 = 0.15;
/// The same where a step holds less than one prompt: the tool's model of such steps is coarser.
const CONSISTENCY_OF_PARTIAL_PROMPTS: f64 = 0.20;

/// What is compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked<'a> {
    /// The claim, where there is one.
    pub row: Option<&'a Row>,
    /// What is deployed, where it is known.
    pub shape: Option<&'a Shape>,
    /// The estimate for what is deployed, where there is one.
    pub curve: Option<&'a Curve>,
    /// Tokens of each prompt.
    pub input_tokens: u32,
    /// Types and versions that the prediction assumes.
    pub origin: Option<&'a PredictionOrigin>,
}

pub fn check(checked: &Checked<'_>) -> Vec<Finding> {
    let mut findings = vec![];
    if let (Some(row), Some(shape)) = (checked.row, checked.shape) {
        findings.extend(claim_not_deployable(row, shape));
        findings.extend(not_the_deployed_shape(row, shape));
    }
    if let Some(shape) = checked.shape {
        findings.extend(prompts_do_not_fit(shape, checked.input_tokens));
        findings.extend(checked.origin.and_then(|origin| quantization_mismatch(shape, origin)));
    }
    findings.extend(checked.row.and_then(row_inconsistent));
    findings.extend(checked.row.and_then(inclusive_tpot));
    if let Some(curve) = checked.curve {
        findings.extend(curve_inconsistent(curve, checked));
    }
    findings.extend(checked.origin.and_then(database_version_mismatch));
    findings
}

/// The engine that does the row's fullest step.
fn stepping(serving: &Serving) -> &Workers {
    match serving {
        Serving::Aggregated { workers } => workers,
        Serving::Disaggregated { prefill, .. } => prefill,
    }
}

fn claim_not_deployable(row: &Row, shape: &Shape) -> Option<Finding> {
    let workers = stepping(&shape.serving);
    let (needs, allows) = (row.num_tokens?, workers.max_num_tokens?);
    if needs <= allows {
        return None;
    }
    let message = format!(
        "the claim ({}) needs {needs} tokens in a step, but the deployed engine allows max_num_tokens {allows}: the \
         deployment will not behave as advertised; the estimate is for the deployed limit",
        row.describe()
    );
    Some(Finding::new(EvidenceCode::ClaimNotDeployable, message))
}

fn prompts_do_not_fit(shape: &Shape, input_tokens: u32) -> Option<Finding> {
    let workers = stepping(&shape.serving);
    let allows = workers.max_num_tokens?;
    if workers.chunked_prefill || input_tokens <= allows {
        return None;
    }
    let message = format!(
        "prompts of {input_tokens} tokens do not fit into a step of max_num_tokens {allows}, so the engine will refuse \
         them: raise max_num_tokens or enable chunked prefill"
    );
    Some(Finding::new(EvidenceCode::ClaimNotDeployable, message))
}

fn not_the_deployed_shape(row: &Row, shape: &Shape) -> Option<Finding> {
    let message = match replicas_deployed(&row.serving, &shape.serving) {
        None => {
            format!("the claim is for {}, but {} is deployed", row.serving.describe(), shape.serving.describe())
        }
        Some(_) => {
            let (advertised, deployed) = (batch(&row.serving)?, batch(&shape.serving)?);
            if advertised <= deployed {
                return None;
            }
            format!("the claim has a batch of {advertised}, but the deployed engine allows {deployed}")
        }
    };
    Some(Finding::new(EvidenceCode::NotTheDeployedShape, message))
}

/// How many replicas of the row's workers are deployed; `None` where others are.
pub fn replicas_deployed(row: &Serving, deployed: &Serving) -> Option<u32> {
    let times = |row: &Workers, deployed: &Workers| {
        let whole = deployed.replicas.is_multiple_of(row.replicas.max(1));
        (row.same_parallelism(deployed) && whole).then(|| deployed.replicas / row.replicas.max(1))
    };
    match (row, deployed) {
        (Serving::Aggregated { workers: row }, Serving::Aggregated { workers }) => times(row, workers),
        (
            Serving::Disaggregated { prefill: row_prefill, decode: row_decode },
            Serving::Disaggregated { prefill, decode },
        ) => times(row_prefill, prefill).filter(|count| times(row_decode, decode) == Some(*count)),
        _ => None,
    }
    .filter(|count| *count > 0)
}

fn batch(serving: &Serving) -> Option<u32> {
    match serving {
        Serving::Aggregated { workers } => workers.max_batch_size,
        Serving::Disaggregated { decode, .. } => decode.max_batch_size,
    }
}

fn quantization_mismatch(shape: &Shape, origin: &PredictionOrigin) -> Option<Finding> {
    let pairs = [
        ("weights", origin.weights.as_deref(), shape.weights.as_deref()),
        ("a KV cache", origin.kv_cache.as_deref(), shape.kv_cache.as_deref()),
    ];
    let differ = pairs.into_iter().filter_map(|(what, predicted, deployed)| {
        let (predicted, deployed) = (predicted?, deployed?);
        (family(predicted) != family(deployed))
            .then(|| format!("{what} of type {predicted}, but {deployed} is deployed"))
    });
    let differ: Vec<_> = differ.collect();
    (!differ.is_empty()).then(|| {
        let message = format!("the prediction assumes {}", differ.join(", and "));
        Finding::new(EvidenceCode::QuantizationMismatch, message)
    })
}

/// Types that are the same for speed and size: names differ between tools and versions.
pub fn family(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    if ["bfloat16", "bf16", "float16", "fp16", "half"].contains(&name.as_str()) {
        return "16 bit".into();
    }
    if name.starts_with("fp8") || name.starts_with("float8") {
        return "fp8".into();
    }
    if name.contains("fp4") {
        return "fp4".into();
    }
    name
}

/// A throughput that its own latencies do not amount to (Little's law).
fn inconsistent(concurrency: f64, latency_ms: f64, rate: f64, tolerance: f64) -> Option<f64> {
    let expected = concurrency / (latency_ms / 1000.0);
    let off = rate / expected - 1.0;
    (off.abs() > tolerance && off.is_finite()).then_some(off * 100.0)
}

fn tolerance(context_tokens: Option<u32>, input_tokens: u32) -> f64 {
    let partial = context_tokens.is_some_and(|tokens| tokens < input_tokens);
    if partial { CONSISTENCY_OF_PARTIAL_PROMPTS } else { CONSISTENCY }
}

fn row_inconsistent(row: &Row) -> Option<Finding> {
    let tolerance = tolerance(row.context_tokens, row.input_tokens);
    let concurrency = f64::from(row.concurrency);
    let off = inconsistent(concurrency, row.request_latency.get(), row.request_rate.get(), tolerance)?;
    let message = format!(
        "the advertised throughput is {off:+.0} % off what its own latencies amount to ({}, request latency {:.0} ms)",
        row.describe(),
        row.request_latency.get()
    );
    Some(Finding::new(EvidenceCode::PredictionInconsistent, message))
}

fn inclusive_tpot(row: &Row) -> Option<Finding> {
    let (printed, tpot) = (row.inclusive_tpot?.get(), row.tpot.get());
    let message = format!(
        "the table's TPOT of {printed:.2} ms contradicts its request latency, as tables of --inclusive-tpot do: {tpot:.2} ms \
         are taken, (request latency − TTFT) ÷ (output tokens − 1)"
    );
    Some(Finding::new(EvidenceCode::InclusiveTpot, message))
}

fn curve_inconsistent(curve: &Curve, checked: &Checked<'_>) -> Option<Finding> {
    let workers = checked.shape.map(|shape| stepping(&shape.serving));
    let later = f64::from(curve.output_tokens().saturating_sub(1));
    let off = |point: &CurvePoint| {
        let tokens = workers.map(|workers| {
            let (limit, chunked) = (workers.max_num_tokens, workers.chunked_prefill);
            context_tokens(checked.input_tokens, limit, chunked, point.concurrency)
        });
        let latency = point.ttft.get() + point.tpot.get() * later;
        let tolerance = tolerance(tokens, checked.input_tokens);
        inconsistent(f64::from(point.concurrency), latency, point.request_rate.get(), tolerance)
    };
    let doubtful: Vec<_> =
        curve.points().iter().filter_map(|point| off(point).map(|off| (point.concurrency, off))).collect();
    let (concurrency, worst) = doubtful.iter().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
    let message = format!(
        "{} of {} estimates have a throughput that contradicts their own latencies; the worst, at {concurrency} concurrent \
         requests in a replica, is {worst:+.0} % off",
        doubtful.len(),
        curve.points().len(),
    );
    Some(Finding::new(EvidenceCode::PredictionInconsistent, message))
}

fn database_version_mismatch(origin: &PredictionOrigin) -> Option<Finding> {
    let (database, engine) = (origin.database_version.as_deref()?, origin.engine_version.as_deref()?);
    if release(database)? == release(engine)? {
        return None;
    }
    let message = format!(
        "the performance database was measured with engine version {database}, but the runtime has {engine}: set \
         predictor.databaseVersion to a nearer version where there is one"
    );
    Some(Finding::new(EvidenceCode::DatabaseVersionMismatch, message))
}

/// Major and minor number: candidates and patches of a release share its kernels.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().ok()
    });
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests;
