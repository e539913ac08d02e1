//! What comparisons cost, beside what was said before.

use bcmp::sweep::SizeRules;
use bcmp::sweep::price::{
    ExpectedPrice, PredictedEnd, Priced, PricedLoad, READY_MINUTES, VariantMinutes, expected_rounds,
};

use super::{SEED, head, named, row};
use crate::simulation::campaign::{Setting, USUAL, course, rules};
use crate::simulation::dice::Dice;
use crate::simulation::server::{End, LADDER, Server};
use crate::simulation::tally::quantile;

const USUALLY: usize = 1500;

/// Gain; actual ÷ expected at 5, 50 and 95 %, with predictions that are exact.
const PROMISED: [(f64, [f64; 3]); 4] =
    [(1.0, [0.68, 1.10, 1.66]), (1.1, [0.83, 1.08, 1.79]), (1.2, [0.76, 1.06, 1.67]), (1.5, [0.65, 1.07, 1.48])];

/// Prints the table. Its figures are no shares; none is held against chance.
pub fn print(comparisons: Option<usize>) -> usize {
    let comparisons = comparisons.unwrap_or(USUALLY);
    let title = format!("Price: {comparisons} comparisons a line, promised numbers in brackets");
    head(&title, &["predicted latencies", "truth", "actual ÷ expected, 5 %", "50 %", "95 %", "actual ÷ most, 99 %"]);
    for (factor, name) in [(1.0, "exact"), (1.2, "20 % too long"), (1.0 / 1.2, "20 % too short")] {
        for (gain, promised) in PROMISED {
            let ratios = ratios(factor, gain, comparisons);
            let beside = |share: f64, promised: f64| {
                let ours = quantile(&ratios.iter().map(|(expected, _)| *expected).collect::<Vec<_>>(), share);
                if factor == 1.0 { format!("{ours:.2} ({promised:.2})") } else { format!("{ours:.2}") }
            };
            let most = quantile(&ratios.iter().map(|(_, most)| *most).collect::<Vec<_>>(), 0.99);
            row(&[
                name.into(),
                named(gain),
                beside(0.05, promised[0]),
                beside(0.5, promised[1]),
                beside(0.95, promised[2]),
                format!("{most:.2} (≤ 1.13)"),
            ]);
        }
    }
    0
}

/// Actual hours by those expected, and by those said to be the most.
fn ratios(factor: f64, gain: f64, comparisons: usize) -> Vec<(f64, f64)> {
    let setting = Setting { deployment: 0.01, ..USUAL };
    let mut dice = Dice::new(SEED);
    let pairs = (0..comparisons).filter_map(|_| {
        let (baseline, limits) = Server::random(End::Random, &mut dice);
        let servers = [baseline, Server { scale: gain, ..baseline }];
        let predicted = servers.map(|server| server.slowed(factor));
        servers.iter().all(|server| server.end(limits).is_some()).then_some(())?;
        let rules = rules(limits, &setting);
        let course = course(servers, predicted, &[], &rules, &setting, &mut dice);
        let [Some((less, baseline)), Some((more, candidate))] = predicted.map(|server| server.end(limits)) else {
            return None;
        };
        let size = SizeRules { trial_minutes: 10.0, unequal_lengths: false, request_timeout_seconds: 600, seed: 0 };
        let load = PricedLoad { ladder: &LADDER, sla: &rules.sla, refinements: 2, decision_trials: 2, size: &size };
        let minutes = |at: usize, end: f64| {
            let end = PredictedEnd::At(end as u32);
            VariantMinutes::of(&load, &Priced { gpus: 8, ready_minutes: READY_MINUTES, estimates: &predicted[at], end })
        };
        let variants = [minutes(0, less)?, minutes(1, more)?];
        let rounds = expected_rounds(Some(candidate / baseline - 1.0), false);
        let price = ExpectedPrice::of(&variants, rounds, 1, 8);
        let minutes = 60.0 * course.hours;
        Some((minutes / price.expected.minutes, minutes / price.most.minutes))
    });
    pairs.collect()
}
