//! The simulation's own predictor: closed formulas over step times, in AIConfigurator's place.
//!
//! In a steady state each of q requests of an engine has its prompt computed once in the time of one request. So a request's
//! tokens wait for the prompts of the others, and its own prompt for the step under way.

use super::hardware::ModelOnGpu;
use super::manifests::graph;
use super::topology::{batch, step_tokens};
use crate::api::{Backend, Reason, ServingMode};
use crate::prediction::predictors::predictor::{
    DeployedEngine, Dialogue, DriverError, Estimation, Generated, NoFeasibleConfiguration, NotEstimated, NotGenerated,
    Task,
};
use crate::prediction::{Burst, Curve, CurvePoint, PredictionOrigin, Row, Serving, Shape, Workers};
use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

/// As status and report name it.
pub const TOOL: &str = concat!("bcmp simulation ", env!("CARGO_PKG_VERSION"));
/// The table of step times.
const DATABASE: &str = "Qwen3-32B on H200";
/// Requests that engines of the naive configuration take at once.
const NAIVE_BATCH: u32 = 128;
/// Tokens of a step beside one prompt.
const SPARE_TOKENS: u32 = 512;
/// Points of a curve lie at every number of requests up to here, and a tenth apart beyond.
const CLOSE_POINTS: u32 = 64;

/// The predictor, asked about one comparison.
pub struct Formulas<'a> {
    task: Task<'a>,
    hardware: ModelOnGpu,
}

/// What the formulas say of an engine with q requests.
#[derive(Clone, Copy)]
struct EngineFigures {
    ttft: f64,
    tpot: f64,
    latency: f64,
}

impl<'a> Formulas<'a> {
    /// The predictor for a comparison.
    pub fn new(task: Task<'a>) -> Self {
        let hardware = ModelOnGpu::of(&task.spec.model.name, &task.spec.hardware.system);
        Self { task, hardware }
    }

    fn figures(&self, prompt_gpus: u32, decode_gpus: u32, shared: bool, requests: u32) -> EngineFigures {
        let (prompt_steps, decode_steps) = (self.hardware.steps(prompt_gpus), self.hardware.steps(decode_gpus));
        let prompt = prompt_steps.prompt_token.get() * f64::from(self.task.input_tokens);
        let others = f64::from(requests.saturating_sub(1));
        let decode = decode_steps.decode.get() + decode_steps.further_decode.get() * others;
        let following = f64::from(self.task.output_tokens.saturating_sub(1)).max(1.0);
        // Its prompt shares a step with the tokens of the others, and comes in the middle of a step on average.
        let beside =
            if shared && requests > 1 { decode - decode_steps.further_decode.get() + decode / 2.0 } else { 0.0 };
        let between = if shared { others * prompt / following } else { 0.0 };
        let ttft = prompt + beside + if shared { 0.0 } else { decode };
        let tpot = decode + between;
        EngineFigures { ttft, tpot, latency: ttft + following * tpot }
    }

    fn of_workers(&self, workers: &Workers, requests: u32) -> EngineFigures {
        let gpus = workers.gpus_per_replica();
        self.figures(gpus, gpus, true, requests)
    }

    /// Requests an engine works on at once.
    fn capacity(&self, workers: &Workers) -> Option<u32> {
        let tokens = u64::from(self.task.input_tokens) + u64::from(self.task.output_tokens);
        let seats = self.hardware.seats(workers.gpus_per_replica(), tokens)?;
        Some(seats.get().min(batch(workers).get()).min(step_tokens(workers).get()))
    }

    /// Engines of so many GPUs, as many as there are GPUs for.
    fn workers(&self, gpus: u32, max_batch: u32) -> Workers {
        Workers {
            max_batch_size: Some(max_batch),
            max_num_tokens: Some(self.task.input_tokens.saturating_add(SPARE_TOKENS)),
            ..Workers::new(gpus, 1, self.task.gpus / gpus)
        }
    }

    /// Numbers of GPUs of an engine, that divide all there are.
    fn sizes(&self) -> impl Iterator<Item = u32> {
        let all = self.task.gpus;
        (0..10).map(|exponent| 1 << exponent).filter(move |gpus| *gpus <= all && all.is_multiple_of(*gpus))
    }

    fn row(&self, gpus: u32, requests: u32) -> Option<Row> {
        let workers = self.workers(gpus, requests);
        let EngineFigures { ttft, tpot, latency } = self.of_workers(&workers, requests);
        let (rate, ms) = (f64::from(requests) / latency * 1000.0, |value: f64| Milliseconds::new(value).ok());
        Some(Row {
            serving: Serving::Aggregated { workers: Workers { replicas: 1, ..workers.clone() } },
            gpus,
            concurrency: requests,
            ttft: ms(ttft)?,
            tpot: ms(tpot)?,
            request_latency: ms(latency)?,
            request_rate: RequestsPerSecond::new(rate).ok()?,
            advertised_tokens_per_second_per_gpu: TokensPerSecond::new(
                rate * f64::from(self.task.output_tokens) / f64::from(gpus),
            )
            .ok()?,
            num_tokens: None,
            context_tokens: None,
            input_tokens: self.task.input_tokens,
            output_tokens: self.task.output_tokens,
            weights: None,
            kv_cache: None,
            backend: Some(self.task.spec.runtime.backend.as_str().into()),
            database_version: Some(DATABASE.into()),
            inclusive_tpot: None,
        })
    }

    /// The most requests within the limits, for each size of engine; the best first.
    fn ranking(&self) -> Vec<Row> {
        let limits = self.task.limits;
        let best = |gpus: u32| {
            let most = self.capacity(&self.workers(gpus, u32::MAX))?.min(super::topology::USUAL_BATCH);
            (1..=most).filter_map(|requests| self.row(gpus, requests)).rev().find(|row| row.strain(limits) <= 1.0)
        };
        let mut rows: Vec<Row> = self.sizes().filter_map(best).collect();
        let tokens = |row: &Row| row.tokens_per_second_per_gpu().get();
        rows.sort_by(|a, b| tokens(b).total_cmp(&tokens(a)));
        rows
    }

    fn generated(&self, workers: &Workers, row: Option<Row>) -> Result<Generated, NotGenerated> {
        let spec = self.task.spec;
        let image = spec.runtime.image.as_deref().unwrap_or("runtime");
        let model = spec.model.path.as_deref().unwrap_or(&spec.model.name);
        let manifests = graph(spec.runtime.backend, image, model, workers).ok_or_else(|| {
            NotGenerated::refused(Reason::PredictorRefused, "the manifests cannot be written as YAML")
        })?;
        Ok(Generated { manifests, row, finding: None })
    }

    fn points(&self, capacity: u32, figures: impl Fn(u32) -> EngineFigures) -> Result<Vec<CurvePoint>, NotEstimated> {
        let mut points = vec![];
        let mut requests = 1;
        while requests <= capacity {
            let EngineFigures { ttft, tpot, latency } = figures(requests);
            let unreadable = |error: &dyn std::fmt::Display| DriverError::Unreadable(error.to_string());
            points.push(CurvePoint {
                concurrency: requests,
                ttft: Milliseconds::new(ttft).map_err(|error| unreadable(&error))?,
                tpot: Milliseconds::new(tpot).map_err(|error| unreadable(&error))?,
                request_rate: RequestsPerSecond::new(f64::from(requests) / latency * 1000.0)
                    .map_err(|error| unreadable(&error))?,
            });
            let step = if requests < CLOSE_POINTS { 1 } else { requests / 10 };
            requests = if requests < capacity { (requests + step).min(capacity) } else { capacity + 1 };
        }
        Ok(points)
    }

    /// One replica's estimates, how many replicas there are, and GPUs in all.
    fn curve(&self, shape: &Shape) -> Result<Curve, NotEstimated> {
        let does_not_fit = || NotEstimated::DoesNotFit(shape.serving.describe());
        let (points, replicas) = match &shape.serving {
            Serving::Aggregated { workers } => {
                let capacity = self.capacity(workers).ok_or_else(does_not_fit)?;
                (self.points(capacity, |requests| self.of_workers(workers, requests))?, workers.replicas)
            }
            Serving::Disaggregated { prefill, decode } => {
                let capacity = self.capacity(decode).ok_or_else(does_not_fit)?.saturating_mul(decode.replicas);
                let (of_prompts, of_tokens) = (prefill.gpus_per_replica(), decode.gpus_per_replica());
                let each = |requests: u32| requests.div_ceil(decode.replicas.max(1));
                (
                    self.points(capacity, |all| {
                        let one = self.figures(of_prompts, of_tokens, false, each(all));
                        // Prompts queue where they come faster than the prefill workers compute them.
                        let prompts = f64::from(all) * (one.ttft / f64::from(prefill.replicas.max(1)));
                        EngineFigures { latency: one.latency.max(prompts), ..one }
                    })?,
                    1,
                )
            }
        };
        Ok(Curve::new(points, replicas, shape.gpus, self.task.output_tokens)?.with_burst(Burst::Steady))
    }
}

impl Dialogue for Formulas<'_> {
    fn naive(&mut self) -> Result<Generated, NotGenerated> {
        let holds = |gpus: &u32| self.capacity(&self.workers(*gpus, NAIVE_BATCH)).is_some();
        let Some(gpus) = self.sizes().find(holds) else {
            let (model, gpus) = (&self.task.spec.model.name, self.task.gpus);
            let message = format!("{model} and one request do not fit into the memory of {gpus} GPUs: allow more GPUs");
            return Err(NotGenerated::refused(Reason::ModelDoesNotFit, message));
        };
        self.generated(&self.workers(gpus, NAIVE_BATCH), None)
    }

    fn recommended(&mut self, serving_mode: ServingMode, rank: usize) -> Result<Generated, NotGenerated> {
        if serving_mode == ServingMode::Disaggregated {
            let message = "the simulation's predictor recommends aggregated configurations only: set servingMode to \
                           Aggregated, or use what AIConfigurator generated";
            return Err(NotGenerated::refused(Reason::PredictorRefused, message));
        }
        let ranking = self.ranking();
        let found = ranking.len();
        match ranking.into_iter().nth(rank.saturating_sub(1)) {
            Some(row) => {
                let workers = self.workers(row.gpus, row.concurrency);
                self.generated(&workers, Some(row))
            }
            None if found == 0 => {
                let rows = self.sizes().filter_map(|gpus| self.row(gpus, 1));
                let nearest = NoFeasibleConfiguration::new(rows, &self.task.wanted(serving_mode, rank));
                Err(NotGenerated::refused(Reason::NoFeasibleConfiguration, nearest))
            }
            None => {
                let message = format!("there is no rank {rank}: only {found} configurations meet the SLA");
                Err(NotGenerated::refused(Reason::NoFeasibleConfiguration, message))
            }
        }
    }

    fn estimate(&mut self, backend: Option<Backend>, shape: &Shape) -> Result<Estimation, NotEstimated> {
        Ok(Estimation {
            curve: self.curve(shape)?,
            backend: backend.unwrap_or(self.task.spec.runtime.backend),
            database_version: DATABASE.into(),
            weights: None,
            kv_cache: None,
        })
    }

    fn origin(&self, deployed: &DeployedEngine<'_>, _: Option<&Estimation>) -> PredictionOrigin {
        PredictionOrigin {
            tool: TOOL.into(),
            backend: Some(deployed.backend.unwrap_or(self.task.spec.runtime.backend).as_str().into()),
            database_version: Some(DATABASE.into()),
            ..PredictionOrigin::default()
        }
    }
}
