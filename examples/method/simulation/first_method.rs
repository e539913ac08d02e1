//! What a comparison cost by the method that this one replaced: one deployment of each variant, and the same trials whatever
//! they showed.

use super::campaign::{OBJECTS_MINUTES, TOOL_SECONDS};
use super::dice::Dice;
use super::server::{End, LADDER, Limits, Server};

/// Requests of a trial: for each concurrent one, and at least.
const REQUESTS: u32 = 10;
const LEAST_REQUESTS: u32 = 30;
/// Those before they count, for each concurrent one.
const WARMUP: u32 = 2;
/// Requests of a deciding trial, for each concurrent one, and how many such trials a level has.
const DECIDING_REQUESTS: u32 = 20;
const DECIDING_TRIALS: u32 = 5;
/// After two misses in a row levels were measured only to be shown: with fewer requests.
const MISSES_UNTIL_ONLY_SHOWN: u32 = 2;
const SHOWN_REQUESTS: u32 = 3;
const LEAST_SHOWN_REQUESTS: u32 = 100;
/// Levels added between the last one that met the SLA and the first one that missed it, and above where none did.
const REFINEMENTS: u32 = 2;
const DOUBLINGS: u32 = 2;

/// Mean hours of so many random servers, each against one with this gain.
pub fn mean_hours(gain: f64, loading_minutes: f64, comparisons: usize, seed: u64) -> f64 {
    let mut dice = Dice::new(seed);
    let both = (0..comparisons).map(|_| {
        let (baseline, limits) = Server::random(End::Random, &mut dice);
        let servers = [baseline, Server { scale: gain, ..baseline }];
        servers.iter().map(|server| hours(server, limits, loading_minutes)).sum::<f64>()
    });
    both.sum::<f64>() / comparisons as f64
}

/// Hours in which one variant was deployed and measured.
fn hours(server: &Server, limits: Limits, loading_minutes: f64) -> f64 {
    let mut variant = Variant { server, limits, levels: vec![], seconds: 60.0 * (loading_minutes + OBJECTS_MINUTES) };
    variant.climb();
    variant.refine();
    for level in variant.deciding() {
        for _ in 0..DECIDING_TRIALS {
            variant.trial(level, LEAST_REQUESTS.max(DECIDING_REQUESTS * level), WARMUP * level);
        }
    }
    // The lowest level once more, to see whether anything had changed.
    variant.usual_trial(LADDER[0]);
    variant.seconds / 3600.0
}

struct Variant<'a> {
    server: &'a Server,
    limits: Limits,
    /// Levels that were tried, ascending, and whether they met the SLA.
    levels: Vec<(u32, bool)>,
    seconds: f64,
}

impl Variant<'_> {
    fn trial(&mut self, level: u32, requests: u32, warmup: u32) {
        let concurrency = f64::from(level);
        let (ttft, tpot) = self.server.latencies(concurrency);
        let latency = (ttft + (self.server.output_tokens - 1.0) * tpot) / 1000.0;
        self.seconds += f64::from(requests + warmup) / concurrency * latency + TOOL_SECONDS;
    }

    fn usual_trial(&mut self, level: u32) {
        self.trial(level, LEAST_REQUESTS.max(REQUESTS * level), WARMUP * level);
    }

    fn meets(&self, level: u32) -> bool {
        let (ttft, tpot) = self.server.latencies(f64::from(level));
        ttft <= self.limits.ttft && tpot <= self.limits.tpot
    }

    fn climb(&mut self) {
        let mut misses = 0;
        for level in LADDER {
            if misses < MISSES_UNTIL_ONLY_SHOWN {
                self.usual_trial(level);
            } else {
                let shown = LEAST_SHOWN_REQUESTS.max(SHOWN_REQUESTS * level);
                self.trial(level, shown.min(LEAST_REQUESTS.max(REQUESTS * level)), level);
            }
            let met = self.meets(level);
            misses = if met { 0 } else { misses + 1 };
            self.levels.push((level, met));
        }
    }

    /// The last level that met the SLA, and the first one above it.
    fn bracket(&self) -> (Option<u32>, Option<u32>) {
        let met = self.levels.iter().rfind(|(_, met)| *met).map(|(level, _)| *level);
        let missed = self.levels.iter().find(|(level, _)| Some(*level) > met).map(|(level, _)| *level);
        (met, missed)
    }

    fn refine(&mut self) {
        let (mut refinements, mut doublings) = (0, 0);
        loop {
            let added = match self.bracket() {
                (Some(top), None) if doublings < DOUBLINGS => {
                    doublings += 1;
                    2 * top
                }
                (Some(met), Some(missed)) if refinements < REFINEMENTS => {
                    refinements += 1;
                    (f64::from(met) * f64::from(missed)).sqrt().round() as u32
                }
                _ => return,
            };
            if self.levels.iter().any(|(level, _)| *level == added) {
                return;
            }
            self.usual_trial(added);
            self.levels.push((added, self.meets(added)));
            self.levels.sort_unstable();
        }
    }

    fn deciding(&self) -> Vec<u32> {
        match self.bracket() {
            (Some(met), Some(missed)) => vec![met, missed],
            (Some(_), None) => vec![],
            (None, lowest) => lowest.into_iter().collect(),
        }
    }
}
