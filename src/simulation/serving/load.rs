//! A trial of the load tool against simulated engines.

use std::num::NonZeroU32;
use std::time::Duration;

use super::predictor::TOOL;
use crate::measurement::record::TrialPlan;
use crate::measurement::window::{Counted, NoWindow, Request};
use crate::measurement::{CountedRequests, Facts, Measurement};
use crate::simulation::engine::{Arrivals, Length, Topology, Traffic, TrialError, trial};
use crate::units::{LatencyLimits, Milliseconds};

/// The load tool starts and writes for so long (METHOD §9).
pub const TOOL_TIME: Duration = Duration::from_secs(20);

/// What is asked of the engines.
#[derive(Clone, Debug)]
pub struct Requests {
    /// The model that requests name.
    pub model: String,
    /// Tokens of a prompt.
    pub input_tokens: NonZeroU32,
    /// Tokens of an answer.
    pub output_tokens: NonZeroU32,
    /// Limits of the SLA.
    pub limits: LatencyLimits,
}

/// Why a trial brings nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMeasurement {
    /// The engines refuse a request.
    #[error(transparent)]
    Refused(#[from] TrialError),
    /// The window is empty.
    #[error(transparent)]
    Window(#[from] NoWindow),
    /// Nobody asks for anything.
    #[error("A trial needs a request and a user: raise the concurrency")]
    Nothing,
}

/// A measured trial, and how long it took.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredTrial {
    /// What a load tool reports.
    pub measurement: Measurement,
    /// With the tool's own time.
    pub took: Duration,
}

/// Runs a trial. The same seed gives the same figures.
///
/// # Errors
/// See [`NoMeasurement`].
pub fn measure(
    topology: &Topology,
    requests: &Requests,
    plan: &TrialPlan,
    seed: u64,
) -> Result<MeasuredTrial, NoMeasurement> {
    let concurrency = NonZeroU32::new(plan.key.concurrency).ok_or(NoMeasurement::Nothing)?;
    let traffic = |count: u32, ramp: Option<f64>| {
        Some(Traffic {
            requests: NonZeroU32::new(count)?,
            prompt: Length::Fixed(requests.input_tokens),
            output: Length::Fixed(requests.output_tokens),
            arrivals: Arrivals::ClosedLoop {
                concurrency,
                ramp: Milliseconds::new(ramp.unwrap_or(0.0) * 1000.0).unwrap_or_default(),
            },
        })
    };
    let served = trial(topology, &traffic(plan.requests, plan.ramp_seconds).ok_or(NoMeasurement::Nothing)?, seed)?;
    let warmup = traffic(plan.warmup, None).map(|traffic| trial(topology, &traffic, seed)).transpose()?;
    let end =
        |served: &[crate::simulation::engine::ServedRequest]| served.iter().map(|one| one.end).fold(0.0, f64::max);
    let milliseconds = end(&served) + warmup.as_deref().map_or(0.0, end);
    let mut all: Vec<Request> = served.iter().map(Request::from).collect();
    let counted = Counted::of(&mut all, concurrency)?;
    let window = counted.window()?;
    let of_sla = CountedRequests::of(&counted, &requests.limits);
    let measurement = Measurement {
        tool: TOOL.into(),
        concurrency: plan.key.concurrency,
        requests: plan.requests,
        errors: Some(0),
        first_error: None,
        ttft: window.ttft,
        tpot: window.tpot,
        request_latency: window.request_latency,
        output_tokens_per_second: window.throughput.output_tokens_per_second,
        requests_per_second: Some(window.throughput.requests_per_second),
        good_requests_percent: Some(of_sla.good_percent()),
        counted: Some(of_sla),
        facts: Facts {
            model: Some(requests.model.clone()),
            complete: Some(true),
            cancelled: Some(false),
            streaming: Some(true),
            input_tokens: Some(f64::from(requests.input_tokens.get())),
            output_tokens: Some(f64::from(requests.output_tokens.get())),
            effective_concurrency: Some(window.mean_concurrency),
            client_wait_percent: window.client_wait_percent,
            cached_prompt_percent: Some(0.0),
            cached_prompt_tokens: Some(0.0),
            warmup_requests: Some(plan.warmup),
            loaded_seconds: Some(milliseconds / 1000.0),
            unsteadiness_percent: window.unsteadiness_percent,
            sm_clock_megahertz: None,
            throttled_percent: None,
            gpu_joules: None,
            gpus_watched: None,
            requests_unknown: None,
            not_finite: vec![],
        },
    };
    let took = Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default() + TOOL_TIME;
    Ok(MeasuredTrial { measurement, took })
}
