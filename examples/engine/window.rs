//! How far a trial's throughput is off what the deployment does in the long run, by the rule that takes it.

use bcmp::measurement::window::Throughput;
use bcmp::simulation::engine::{Pool, Routing};

use crate::guide::{
    LongRun, OUTPUT, Off, closed_loop, mean, to_the_last_completion, tokens_per_second, tp1x8, tp8, tpot, unequal,
    waves, window,
};

/// A deployment and its users, and what another author's engine said of the four rules.
pub struct Row {
    pub name: &'static str,
    pub pool: Pool,
    pub concurrency: u32,
    pub theirs: Theirs,
    /// By how much ours may differ from each of theirs, in points.
    pub within: Theirs,
}

/// Means, in percent off the long run: to the last completion, to the last start, by Little's law with a ramp and without.
pub type Theirs = [f64; 4];

/// Both sides are means of 24 trials: with one engine or an even router they scatter by 0.03 points, with random routing by
/// 0.3 to 0.7. Their router freed a place one step too early, so their replicas kept another step. With a ramp beyond the
/// batch, which the method avoids, they took the users for the requests under way.
pub fn rows() -> Vec<Row> {
    let even = tp1x8(Routing::LeastLoaded);
    let random = tp1x8(Routing::Random);
    let row =
        |name, pool: &Pool, within, concurrency, theirs| Row { name, pool: pool.clone(), concurrency, theirs, within };
    let wide = |concurrency, theirs| row("TP8, batch 256", &tp8(256), [0.3; 4], concurrency, theirs);
    let capped =
        |concurrency, theirs| row("TP8, batch 12", &tp8(12), [0.3, 0.3, f64::INFINITY, 0.3], concurrency, theirs);
    let even = |concurrency, theirs| row("TP1 x 8, least loaded", &even, [1.5, 0.6, 0.3, 0.6], concurrency, theirs);
    let random = |concurrency, theirs| row("TP1 x 8, random", &random, [2.5, 2.5, 1.0, 1.0], concurrency, theirs);
    vec![
        wide(12, [9.2, 0.0, 0.0, 0.0]),
        wide(50, [23.0, 0.0, 0.0, 0.0]),
        wide(250, [36.7, 0.0, -0.2, 0.0]),
        capped(50, [5.1, 2.8, 7.8, 0.0]),
        capped(100, [1.1, 2.9, 10.7, 0.1]),
        even(12, [-0.2, -1.3, -0.1, 0.1]),
        even(50, [2.5, -2.7, 0.0, -0.1]),
        even(100, [8.9, -1.2, 0.0, 0.3]),
        even(250, [18.1, -1.2, 0.1, 0.3]),
        random(12, [-1.0, -3.3, -0.2, -0.5]),
        random(50, [1.2, -7.7, 0.1, -1.0]),
        random(100, [5.9, -7.9, 0.1, -1.0]),
        random(250, [16.4, -2.5, 0.6, -0.7]),
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
    pub fn means(&self) -> Theirs {
        [self.last_completion, self.last_start, self.ramp, self.no_ramp].map(|off| off.mean)
    }

    pub fn of(pool: &Pool, concurrency: u32, of_waves: u32, variation: f64, trials: u64) -> Self {
        let pool = if variation > 0.0 { unequal(pool.clone()) } else { pool.clone() };
        let requests = waves(concurrency, of_waves);
        let run = |ramp: f64| -> Vec<_> {
            (1..=trials).map(|seed| closed_loop(&pool, concurrency, requests, ramp, variation, seed)).collect()
        };
        let [at_once, ramped] = [false, true].map(|ramped| LongRun::of(&pool, concurrency, ramped, variation, 0));
        let truth = at_once.tokens_per_second;
        let burst = run(0.0);
        let off = |figure: &dyn Fn(&Vec<_>) -> f64| Off::of(&burst.iter().map(figure).collect::<Vec<f64>>(), truth);
        let little = |served: &Vec<_>| tokens_per_second(&window(served, concurrency));
        let counted = |served: &Vec<_>| {
            let window = window(served, concurrency);
            tokens_per_second(&window) * (1.0 + window.unsteadiness_percent.unwrap_or(f64::NAN) / 100.0)
        };
        let with_ramp: Vec<f64> = run(ramped.latency).iter().map(little).collect();
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
    pub fn of(pool: &Pool, concurrency: u32, of_waves: u32, trials: u64) -> Self {
        let truth = LongRun::of(pool, concurrency, true, 0.0, 0);
        let percent = |figure: f64, truth: f64| 100.0 * (figure / truth - 1.0);
        let trials = (1..=trials).map(|seed| {
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
