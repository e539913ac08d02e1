//! The estimate of what is deployed: its engines at batches from one request to what they hold.

use super::protocol::{
    Engines, EstimateAnswer, EstimateAnswers, EstimatePoint, EstimateQuestion, EstimatedServing, PredictorSystem,
    Question, ask,
};
use super::table::read_estimate;
use crate::prediction::burst::{Burst, context_tokens};
use crate::prediction::curve::{Curve, CurvePoint};
use crate::prediction::predictors::predictor::{Ask, DriverError, Estimation, NotEstimated};
use crate::prediction::row::Row;
use crate::prediction::serving::{Serving, Shape, Workers};

/// Batches that are all estimated.
const DENSE: u32 = 16;
/// Batches estimated above them, in equal ratios.
const SPARSE: u32 = 22;
/// Largest batch that is tried where the engine's limit is not known.
const LARGEST_BATCH: u32 = 1024;

#[derive(Clone, Debug)]
pub(super) struct EstimateSubject {
    pub about: PredictorSystem,
    pub model: String,
    pub input_tokens: u32,
    pub output_tokens: u32,
    pub database_version: String,
}

/// Estimates a shape at batches from 1 to what its engines hold.
pub(super) fn estimate(
    driver: &mut dyn Ask,
    subject: EstimateSubject,
    shape: &Shape,
) -> Result<Estimation, NotEstimated> {
    let mut estimator = Estimator { driver, subject: &subject, shape };
    let capacity = estimator.capacity()?;
    let mut rows = vec![];
    for estimated in estimator.ask(&grid(capacity))? {
        // Beyond what fits nothing is estimated, and the search for it was by halves.
        let Some(columns) = estimated.row.filter(|_| !estimated.full) else { break };
        rows.push(read_estimate(&columns)?);
    }
    let replicas = match &shape.serving {
        Serving::Aggregated { workers } => workers.replicas,
        // All its workers serve the same requests.
        Serving::Disaggregated { .. } => 1,
    };
    let (weights, kv_cache) = rows.last().map(|row| (row.weights.clone(), row.kv_cache.clone())).unwrap_or_default();
    let burst = Burst::of_aiconfigurator(subject.about.backend.as_str(), &shape.serving, subject.input_tokens);
    let curve = Curve::new(points(&rows), replicas, shape.gpus, subject.output_tokens)?.with_burst(burst);
    let EstimateSubject { about, database_version, .. } = subject;
    Ok(Estimation { curve, backend: about.backend, database_version, weights, kv_cache })
}

/// Points by ascending concurrency; where decode places outnumber what prefill delivers, several batches carry
/// the same.
fn points(rows: &[Row]) -> Vec<CurvePoint> {
    let mut points: Vec<CurvePoint> = vec![];
    for row in rows {
        if points.last().is_none_or(|last| last.concurrency < row.concurrency) {
            points.push(CurvePoint {
                concurrency: row.concurrency,
                ttft: row.ttft,
                tpot: row.tpot,
                request_rate: row.request_rate,
            });
        }
    }
    points
}

/// Batches to estimate: all small ones, then in equal ratios, and the largest.
fn grid(capacity: u32) -> Vec<u32> {
    let mut batches: Vec<u32> = (1..=capacity.min(DENSE)).collect();
    if capacity > DENSE {
        let ratio = f64::from(capacity) / f64::from(DENSE);
        let sparse = (1..=SPARSE).map(|step| {
            let exact = f64::from(DENSE) * ratio.powf(f64::from(step) / f64::from(SPARSE));
            (exact.round() as u32).min(capacity)
        });
        batches.extend(sparse);
        batches.dedup();
    }
    batches
}

struct Estimator<'a> {
    driver: &'a mut dyn Ask,
    subject: &'a EstimateSubject,
    shape: &'a Shape,
}

impl Estimator<'_> {
    /// Largest batch that memory and KV cache hold, up to the engine's own limit.
    fn capacity(&mut self) -> Result<u32, NotEstimated> {
        let limit = match &self.shape.serving {
            Serving::Aggregated { workers } => workers.max_batch_size,
            Serving::Disaggregated { decode, .. } => decode.max_batch_size,
        };
        let limit = limit.unwrap_or(LARGEST_BATCH).clamp(1, 100_000);
        if self.fits(limit)? {
            return Ok(limit);
        }
        if limit == 1 || !self.fits(1)? {
            return Err(NotEstimated::DoesNotFit(self.shape.serving.describe()));
        }
        let (mut fits, mut full) = (1, limit);
        while full - fits > 1 {
            let middle = fits + (full - fits) / 2;
            if self.fits(middle)? {
                fits = middle;
            } else {
                full = middle;
            }
        }
        Ok(fits)
    }

    fn fits(&mut self, batch: u32) -> Result<bool, NotEstimated> {
        let estimates = self.ask(&[batch])?;
        Ok(estimates.first().is_some_and(|estimated| !estimated.full))
    }

    fn ask(&mut self, batches: &[u32]) -> Result<Vec<EstimateAnswer>, NotEstimated> {
        let EstimateSubject { about, model, input_tokens, output_tokens, database_version } = self.subject;
        let serving = match &self.shape.serving {
            Serving::Aggregated { workers } => EstimatedServing::Aggregated { workers: Engines::new(workers, 1) },
            Serving::Disaggregated { prefill, decode } => EstimatedServing::Disaggregated {
                prefill: Engines::new(prefill, prefill.replicas),
                decode: Engines::new(decode, decode.replicas),
            },
        };
        let question = EstimateQuestion {
            about: about.clone(),
            model: model.clone(),
            isl: *input_tokens,
            osl: *output_tokens,
            database_version: database_version.clone(),
            weights: self.shape.weights.clone(),
            kv_cache: self.shape.kv_cache.clone(),
            serving,
            points: batches.iter().map(|batch| point(&self.shape.serving, *input_tokens, *batch)).collect(),
        };
        let estimates: EstimateAnswers = ask(self.driver, &Question::Estimate(Box::new(question)))?;
        if estimates.points.len() == batches.len() {
            return Ok(estimates.points);
        }
        let problem = format!("{} estimates for {} operating points", estimates.points.len(), batches.len());
        Err(DriverError::Unreadable(problem).into())
    }
}

fn point(serving: &Serving, input_tokens: u32, batch: u32) -> EstimatePoint {
    let context = |workers: &Workers, concurrency: u32| {
        context_tokens(input_tokens, workers.max_num_tokens, workers.chunked_prefill, concurrency)
    };
    match serving {
        Serving::Aggregated { workers } => {
            EstimatePoint { batch, context_tokens: context(workers, batch), prefill_batch: 1 }
        }
        Serving::Disaggregated { prefill, .. } => {
            let context_tokens = context(prefill, prefill.max_batch_size.unwrap_or(1));
            let prefill_batch = (context_tokens / input_tokens.max(1)).max(1);
            EstimatePoint { batch, context_tokens, prefill_batch }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(1, 1)]
    #[case(12, 12)]
    #[case(16, 16)]
    #[case(17, 17)]
    #[case(52, 38)]
    #[case(128, 38)]
    #[case(512, 38)]
    #[case(1024, 38)]
    fn the_grid_is_ascending_ends_at_capacity_and_stays_small(#[case] capacity: u32, #[case] length: usize) {
        let batches = grid(capacity);
        assert!(batches.is_sorted_by(|a, b| a < b), "{batches:?}");
        assert_eq!((batches.first(), batches.last()), (Some(&1), Some(&capacity)));
        assert_eq!(batches.len(), length, "{batches:?}");
    }

    #[test]
    fn neighbours_in_the_grid_are_close() {
        for capacity in 1..2000 {
            let batches = grid(capacity);
            for (a, b) in batches.iter().zip(batches.iter().skip(1)) {
                assert!(f64::from(*b) / f64::from(*a) <= 2.0, "{a} and {b} of {capacity}");
                assert!(*a < DENSE || f64::from(*b) / f64::from(*a) < 1.3, "{a} and {b} of {capacity}");
            }
        }
    }
}
