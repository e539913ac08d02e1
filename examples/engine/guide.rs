//! The guide's two deployments as simulated engines, and trials against them.
//!
//! Constants are AIConfigurator 0.12.0's for Qwen3-32B on H200: a prompt of 4000 tokens takes 86.9 ms on eight GPUs and
//! 378 ms on one; a decoding step takes 5.15 ms and 0.03 ms for each further request, or 18.7 and 0.12 ms. A step's time
//! scatters by 2 %.

use std::num::{NonZeroU16, NonZeroU32};

use bcmp::measurement::window::{Request, Window};
use bcmp::simulation::engine::{
    Arrivals, Engine, Length, Linear, Mixing, Pool, Prefill, Routing, ServedRequest, StepTime, Topology, Traffic, trial,
};
use bcmp::units::{Milliseconds, Percent};

pub const PROMPT: u32 = 4000;
pub const OUTPUT: u32 = 500;
/// Of a step: the guide's engines take one whole prompt a step.
const MAX_NUM_TOKENS: u32 = 4512;

pub fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

pub fn ms(value: f64) -> Milliseconds {
    Milliseconds::new(value).unwrap()
}

pub fn percent(value: f64) -> Percent {
    Percent::new(value).unwrap()
}

fn engine(max_batch: u32, prefill: f64, decode: f64, further: f64) -> Engine {
    Engine {
        max_batch: count(max_batch),
        max_num_tokens: count(MAX_NUM_TOKENS),
        prefill: Prefill::Whole,
        prompts_per_step: None,
        mixing: Mixing::Together,
        kv_tokens: None,
        steps: StepTime::Linear(Linear {
            prompt: ms(0.0),
            prompt_token: ms(prefill / f64::from(PROMPT)),
            decode: ms(decode),
            further_decode: ms(further),
        }),
        scatter: percent(2.0),
    }
}

/// One worker on eight GPUs.
pub fn tp8(max_batch: u32) -> Pool {
    pool(engine(max_batch, 86.9, 5.15, 0.03), 1, Routing::LeastLoaded)
}

/// Eight workers on one GPU each; their KV memory holds 52 requests.
pub fn tp1x8(routing: Routing) -> Pool {
    pool(engine(52, 378.0, 18.7, 0.12), 8, routing)
}

pub fn pool(engine: Engine, workers: u16, routing: Routing) -> Pool {
    Pool { engine, workers: NonZeroU16::new(workers).unwrap(), routing }
}

/// How long prompts and answers are: as the guide's on average, scattered by so many per cent, and a prompt of any length
/// in one step.
pub fn unequal(pool: Pool) -> Pool {
    let engine = Engine { max_num_tokens: count(1 << 20), prompts_per_step: Some(count(1)), ..pool.engine };
    Pool { engine, ..pool }
}

pub fn lengths(variation: f64) -> [Length; 2] {
    [PROMPT, OUTPUT].map(|tokens| match variation {
        0.0 => Length::Fixed(count(tokens)),
        variation => Length::LogNormal { mean: count(tokens), variation: percent(variation) },
    })
}

/// A trial of so many requests.
pub fn closed_loop(
    pool: &Pool,
    concurrency: u32,
    requests: u32,
    ramp: f64,
    variation: f64,
    seed: u64,
) -> Vec<ServedRequest> {
    let arrivals = Arrivals::ClosedLoop { concurrency: count(concurrency), ramp: ms(ramp) };
    let [prompt, output] = lengths(variation);
    let traffic = Traffic { requests: count(requests), prompt, output, arrivals };
    trial(&Topology::Aggregated(pool.clone()), &traffic, seed).unwrap()
}

/// Requests of a trial of so many waves.
pub fn waves(concurrency: u32, waves: u32) -> u32 {
    (waves * concurrency).max(2 * concurrency + 4)
}

pub fn window(served: &[ServedRequest], concurrency: u32) -> Window {
    let mut requests: Vec<Request> = served.iter().map(Request::from).collect();
    Window::of(&mut requests, count(concurrency)).unwrap()
}

pub fn tokens_per_second(window: &Window) -> f64 {
    window.throughput.output_tokens_per_second.unwrap().get()
}

/// What a deployment does in the long run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongRun {
    pub ttft: f64,
    pub tpot: f64,
    pub latency: f64,
    /// Counted, not reckoned: tokens of some hundred waves by the time they took.
    pub tokens_per_second: f64,
}

impl LongRun {
    /// `ramped`: the users come in over one latency, otherwise all at once. Replicas keep the step in which they began.
    pub fn of(pool: &Pool, concurrency: u32, ramped: bool, variation: f64, seed: u64) -> Self {
        let latency = |served: &[ServedRequest]| mean(served.iter().map(|served| served.end - served.start));
        let ramp =
            if ramped { latency(&closed_loop(pool, concurrency, 10 * concurrency, 0.0, variation, seed)) } else { 0.0 };
        let requests = (160 * concurrency).max(4000.min(400 * concurrency));
        let mut served = closed_loop(pool, concurrency, requests, ramp, variation, seed);
        served.sort_by(|a, b| a.end.total_cmp(&b.end));
        let wave = |share: f64| (f64::from(requests) * share / f64::from(concurrency)) as usize * concurrency as usize;
        let middle = &served[wave(0.2)..wave(0.9)];
        let seconds = (middle[middle.len() - 1].end - served[wave(0.2) - 1].end) / 1000.0;
        Self {
            ttft: mean(middle.iter().map(|served| served.first - served.start)),
            tpot: mean(middle.iter().map(tpot)),
            latency: latency(middle),
            tokens_per_second: middle.iter().map(|served| f64::from(served.output.get())).sum::<f64>() / seconds,
        }
    }
}

pub fn tpot(served: &ServedRequest) -> f64 {
    (served.end - served.first) / f64::from(served.output.get() - 1)
}

/// Tokens per second from the c-th completion to the last: the window that keeps the end of a trial, for comparison.
pub fn to_the_last_completion(served: &[ServedRequest], concurrency: u32) -> f64 {
    let mut served = served.to_vec();
    served.sort_by(|a, b| a.end.total_cmp(&b.end));
    let (first, counted) = served.split_at(concurrency as usize);
    let seconds = (counted[counted.len() - 1].end - first[first.len() - 1].end) / 1000.0;
    counted.iter().map(|served| f64::from(served.output.get())).sum::<f64>() / seconds
}

pub fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// Mean and standard deviation of how far off a truth some figures are, in signed percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Off {
    pub mean: f64,
    pub deviation: f64,
}

impl Off {
    pub fn of(figures: &[f64], truth: f64) -> Self {
        let percents = || figures.iter().map(|figure| 100.0 * (figure / truth - 1.0));
        let mean = mean(percents());
        let variance = self::mean(percents().map(|percent| (percent - mean).powi(2)));
        Self { mean, deviation: variance.sqrt() }
    }
}

impl std::fmt::Display for Off {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Adding 0 takes the sign off a rounded −0.
        write!(f, "{:+.1} ({:.1})", (self.mean * 10.0).round() / 10.0 + 0.0, self.deviation)
    }
}
