//! How far a trial's throughput is off what the deployment does in the long run, by the rule that takes it.

use bcmp::method::window::Throughput;
use bcmp::simulation::engine::{Pool, Routing};

use crate::guide::{
    LongRun, OUTPUT, Off, closed_loop, mean, tokens_per_second, tp1x8, tp8, to_the_last_completion, tpot, unequal, waves,
    window,
};

/// Trials of each kind.
pub const TRIALS: u64 = 24;

pub fn deployments() -> [(&'static str, Pool, u32); 4] {
    [
        ("TP8, batch 256", tp8(256), 256),
        ("TP8, batch 12", tp8(12), 12),
        ("TP1 x 8, least loaded", tp1x8(Routing::LeastLoaded), 416),
        ("TP1 x 8, random", tp1x8(Routing::Random), 416),
    ]
}

/// Tokens per second, off the long run.
#[derive(Clone, Copy, Debug)]
pub struct Bias {
    /// To the last completion, all users at once.
    pub last_completion: Off,
    /// Counted over whole waves to the last start, all users at once.
    pub last_start: Off,
    /// By Little's law over the requests that count (the method's), the users over one latency.
    pub ramp: Off,
    /// The same, all users at once.
    pub no_ramp: Off,
}

impl Bias {
    pub fn of(pool: &Pool, concurrency: u32, of_waves: u32, variation: f64) -> Self {
        let pool = if variation > 0.0 { unequal(pool.clone()) } else { pool.clone() };
        let requests = waves(concurrency, of_waves);
        let trials = |ramp: f64| -> Vec<_> {
            (1..=TRIALS).map(|seed| closed_loop(&pool, concurrency, requests, ramp, variation, seed)).collect()
        };
        let [at_once, ramped] = [false, true].map(|ramped| LongRun::of(&pool, concurrency, ramped, variation, 0));
        let truth = at_once.tokens_per_second;
        let burst = trials(0.0);
        let off = |figure: &dyn Fn(&Vec<_>) -> f64| Off::of(&burst.iter().map(figure).collect::<Vec<f64>>(), truth);
        let little = |served: &Vec<_>| tokens_per_second(&window(served, concurrency));
        let counted = |served: &Vec<_>| {
            let window = window(served, concurrency);
            tokens_per_second(&window) * (1.0 + window.unsteadiness_percent.unwrap_or(f64::NAN) / 100.0)
        };
        let with_ramp: Vec<f64> = trials(ramped.latency).iter().map(little).collect();
        Self {
            last_completion: off(&|served| to_the_last_completion(served, concurrency)),
            last_start: off(&counted),
            ramp: Off::of(&with_ramp, ramped.tokens_per_second),
            no_ramp: off(&little),
        }
    }
}

/// What a summary over all requests says, off the long run, in percent.
#[derive(Clone, Copy, Debug)]
pub struct SummaryBias {
    /// Tokens by the time from the first start to the last end, as tools give it.
    pub tool: f64,
    /// By Little's law from the means.
    pub throughput: f64,
    pub ttft: f64,
    pub tpot: f64,
}

impl SummaryBias {
    pub fn of(pool: &Pool, concurrency: u32, of_waves: u32) -> Self {
        let truth = LongRun::of(pool, concurrency, true, 0.0, 0);
        let percent = |figure: f64, truth: f64| 100.0 * (figure / truth - 1.0);
        let trials = (1..=TRIALS).map(|seed| {
            let served = closed_loop(pool, concurrency, of_waves * concurrency, 0.0, 0.0, seed);
            let last = served.iter().map(|served| served.end).fold(0.0, f64::max);
            let latency = mean(served.iter().map(|served| served.end - served.start));
            let little = Throughput::by_littles_law(f64::from(concurrency), latency, Some(f64::from(OUTPUT))).unwrap();
            [
                percent(served.len() as f64 * f64::from(OUTPUT) / last * 1000.0, truth.tokens_per_second),
                percent(little.output_tokens_per_second.unwrap().get(), truth.tokens_per_second),
                percent(mean(served.iter().map(|served| served.first - served.start)), truth.ttft),
                percent(mean(served.iter().map(tpot)), truth.tpot),
            ]
        });
        let trials: Vec<[f64; 4]> = trials.collect();
        let [tool, throughput, ttft, tpot] = [0, 1, 2, 3].map(|figure| mean(trials.iter().map(|trial| trial[figure])));
        Self { tool, throughput, ttft, tpot }
    }
}
