//! Many comparisons of random servers.

use bcmp::api::VerdictResult;
use bcmp::judgement::accuracy::ClaimFigures;
use bcmp::judgement::{Case, VariantCase, judge};

use super::campaign::{Setting, course, evidence, rules};
use super::dice::Dice;
use super::server::{End, Server};
use super::tally::Tally;

/// Servers whose predicted SLA ends beyond are left out: nobody's ladder reaches there.
const FARTHEST: f64 = 1000.0;

/// So many random servers, each against one with this gain.
pub fn tally(setting: &Setting, gain: f64, end: End, comparisons: usize, seed: u64) -> Tally {
    let (mut dice, mut tally) = (Dice::new(seed), Tally::default());
    for _ in 0..comparisons {
        let (baseline, limits) = Server::random(end, &mut dice);
        let candidate = Server { scale: gain, ..baseline };
        let (Some((_, less)), Some((_, more))) = (baseline.end(limits), candidate.end(limits)) else { continue };
        let servers = [baseline, candidate];
        let course = course(servers, servers, &[], &rules(limits, setting), setting, &mut dice);
        tally.add(&course, (more / less).ln());
    }
    tally
}

/// Comparisons of random servers with predictions whose latencies are off by these factors: all, and how many were confirmed,
/// right in direction only, and refuted.
pub fn verdicts(factors: [f64; 2], gain: f64, setting: &Setting, comparisons: usize, seed: u64) -> (usize, [usize; 3]) {
    let (mut dice, mut all, mut counts) = (Dice::new(seed), 0, [0; 3]);
    for _ in 0..comparisons {
        let (baseline, limits) = Server::random(End::Random, &mut dice);
        let servers = [baseline, Server { scale: gain, ..baseline }];
        let predicted = [servers[0].slowed(factors[0]), servers[1].slowed(factors[1])];
        let ends = predicted.map(|server| server.end(limits));
        let [Some((baseline, _)), Some((candidate, _))] = ends else { continue };
        if baseline.max(candidate) > FARTHEST || servers.iter().any(|server| server.end(limits).is_none()) {
            continue;
        }
        all += 1;
        // The predictor advertises the last whole level that it expects to meet the SLA.
        let levels = [baseline, candidate].map(|end| end.floor().max(1.0));
        let rules = rules(limits, setting);
        let course = course(servers, predicted, &levels.map(|level| level as u32), &rules, setting, &mut dice);
        let claim = |at: usize| ClaimFigures {
            concurrency: levels[at] as u32,
            ttft: Some(predicted[at].latencies(levels[at]).0),
            tpot: predicted[at].latencies(levels[at]).1,
            tokens_per_second_per_gpu: predicted[at].tokens(levels[at]),
        };
        let variant = |at: usize| VariantCase {
            evidence: evidence(&course.trials[at]),
            estimates: Some(&predicted[at]),
            estimates_are_judged: true,
            claim: Some(claim(at)),
        };
        let candidates = [variant(1)];
        let judged = judge(&Case {
            rules: &rules,
            baseline: variant(0),
            candidates: &candidates,
            rounds: course.rounds,
            budget_spent: false,
        });
        match judged.candidates[0].verdict.result {
            VerdictResult::Confirmed => counts[0] += 1,
            VerdictResult::DirectionOnly => counts[1] += 1,
            VerdictResult::Refuted => counts[2] += 1,
            VerdictResult::Inconclusive | VerdictResult::NotPredicted => {}
        }
    }
    (all, counts)
}
