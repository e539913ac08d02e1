//! The examples of the SLA, of gains and of verdicts.

use bcmp::api::{SlaState, Statistic};
use bcmp::judgement::accuracy::{Accuracy, ClaimCheck, ClaimFigures, LevelErrors};
use bcmp::judgement::comparison::{RoundsSoFar, VariantEvidence, compare};
use bcmp::judgement::crossing::crossing;
use bcmp::judgement::gain::{Allowed, Call, Margin};
use bcmp::judgement::level::{Level, levels};
use bcmp::judgement::predicted::{OutcomeForecast, PredictedSide, predicted_outcomes};
use bcmp::judgement::rounds::{Means, TrialOrigin};
use bcmp::judgement::side::Side;
use bcmp::judgement::statistics::{Scatter, critical_assumed, critical_observed};
use bcmp::judgement::verdict::{Findings, ReachedVerdict};
use bcmp::measurement::record::Purpose;
use bcmp::method::sla::{LimitedMetric, LogRatios, SlaLimits};
use bcmp::method::trial::{Trial, TrialFigures};
use bcmp::verdict::decimals::{gain_interval, signed_log, signed_share};

use crate::document::{DOCUMENT, Row, example, tables};
use crate::support::{accepted, counted, figures, limit, means, rules};

pub fn r() {
    for row in example("r") {
        let sla = means(row.number("TTFT limit"), row.number("TPOT limit"));
        let figures = figures(10, row.number("TTFT, ms"), row.number("TPOT, ms"), 200.0);
        row.shows("r", sla.log_ratios(&figures).unwrap().r());
    }
}

fn judged(sla: &SlaLimits, all: Vec<TrialFigures>) -> Level {
    let trial = |(number, figures)| accepted(1, 10, Purpose::Decision, number, figures);
    let trials: Vec<Trial> = (1..).zip(all).map(trial).collect();
    levels(sla, &trials.iter().collect::<Vec<_>>()).remove(0)
}

pub fn level() {
    for row in example("level") {
        let all = row.numbers("r of the trials").into_iter().map(|r| figures(10, 500.0 * r, 1.0, 200.0)).collect();
        row.says("level", &judged(&means(500.0, 7.0), all).shown.unwrap().state.to_string());
    }
}

pub fn counts() {
    for row in example("counts") {
        let statistic: Statistic = row.text("statistic").parse().unwrap();
        let sla = SlaLimits::new(vec![limit(LimitedMetric::Ttft, 500.0, statistic)]).unwrap();
        let counted = counted(row.count("of"), row.count("over the limit"));
        let figures = TrialFigures { counted: Some(counted), ..figures(10, 499.0, 1.0, 200.0) };
        row.says("level", &judged(&sla, vec![figures]).shown.unwrap().state.to_string());
    }
}

pub fn at_the_sla() {
    let sla = SlaLimits::new(vec![limit(LimitedMetric::Tpot, 7.0, Statistic::Mean)]).unwrap();
    for row in example("at the sla") {
        let means = |r: &str, tokens: &str| Means {
            ratios: LogRatios::of(vec![row.number(r)]).unwrap(),
            log_tokens: row.number(tokens).ln(),
        };
        let ends = (row.count("lo"), row.count("hi"));
        let found = crossing(&sla, ends, &means("r at lo", "T at lo"), &means("r at hi", "T at hi")).ok();
        row.shows("T", found.map(|found| found.tokens_per_second_per_gpu()));
        row.shows("x", found.map(|found| found.concurrency));
        row.shows("A", found.map(|found| found.leverage));
    }
}

fn new_trials(rounds: &[Row], side: &str) -> Vec<Trial> {
    let read = |row: &Row, level: &str| -> (u32, TrialFigures) {
        let [concurrency, ttft, tpot, tokens] = row.numbers(&format!("{side} {level}")).try_into().unwrap();
        (concurrency as u32, figures(concurrency as u32, ttft, tpot, tokens))
    };
    let of = |row: &Row, purpose| {
        ["lo", "hi"].map(|level| {
            let (concurrency, figures) = read(row, level);
            accepted(row.count("round"), concurrency, purpose, 1, figures)
        })
    };
    let found = of(&rounds[0], Purpose::Ladder);
    found.into_iter().chain(rounds.iter().flat_map(|row| of(row, Purpose::Decision))).collect()
}

pub fn gain() {
    let [rounds, results] = tables("gain").try_into().unwrap();
    let (baseline, candidate) = (new_trials(&rounds, "baseline"), new_trials(&rounds, "candidate"));
    let evidence = |trials| VariantEvidence { trials, origin: TrialOrigin::Sweep, failed_rounds: &[] };
    for row in results {
        let progress = RoundsSoFar { candidates: 1, rounds: row.count("after"), budget_spent: false };
        // More rounds than are needed, so that the third is looked at too.
        let rules = rules(means(500.0, 7.0), 3);
        let comparison = compare(&rules, &evidence(&baseline), &evidence(&candidate), progress);
        let look = comparison.last().unwrap();
        let columns =
            [(&look.baseline, ["T baseline", "x", "A"]), (&look.candidate, ["T candidate", "x of it", "A of it"])];
        for (standpoint, [tokens, concurrency, leverage]) in columns {
            let Side::Value(found) = standpoint.side else { panic!("{row:?}") };
            row.shows(tokens, found.tokens_per_second_per_gpu());
            row.shows(concurrency, found.concurrency);
            row.shows(leverage, found.leverage);
        }
        let gain = look.gain.as_ref().unwrap();
        row.says("gain, %", &signed_log(gain.log));
        row.shows("(a)", gain.scatter.half_width_assumed(1));
        row.shows("(b)", gain.scatter.half_width_observed(1));
        row.says("interval, %", &gain_interval(gain.interval()));
    }
    let said = compare(
        &rules(means(500.0, 7.0), 1),
        &evidence(&baseline),
        &evidence(&candidate),
        RoundsSoFar { candidates: 1, rounds: 3, budget_spent: false },
    );
    assert_eq!(said.looks.len(), 2, "the second round decides");
    assert!(DOCUMENT.contains("The second round decides: the candidate is better."));
}

/// Rounds without scatter of two sides with this leverage.
fn unseen(rounds: usize, leverage: f64) -> Scatter {
    let sigma: f64 = bcmp::api::Judgement::default().assumed_scatter_percent.value().unwrap() / 100.0;
    Scatter { rounds, assumed_variance: 2.0 * (sigma * leverage).powi(2), squares: 0.0 }
}

pub fn critical() {
    for row in example("critical") {
        let rounds = row.count("n") as usize;
        row.shows("q (a)", critical_assumed(rounds, 1));
        row.shows("q (b)", critical_observed(rounds, 1));
        row.shows("noticed, %", 100.0 * unseen(rounds, 2.0).half_width_assumed(1).exp_m1());
    }
}

pub fn alone() {
    for row in example("alone") {
        row.shows("half-width", unseen(1, row.number("A of both")).half_width_alone(1));
    }
}

fn margin() -> f64 {
    bcmp::api::Judgement::default().equivalence_margin_percent.value().unwrap() / 100.0
}

const VALUES: Allowed = Allowed { better: true, worse: true, alike: true };

pub fn calls() {
    for row in example("call") {
        let allowed = match row.text("sides") {
            "values" => VALUES,
            "candidate at least" => Allowed { better: true, worse: false, alike: false },
            other => panic!("{other}"),
        };
        let log = (row.number("gain, %") / 100.0).ln_1p();
        let call = match Margin::of(margin()).call(log, row.number("half-width"), allowed) {
            Some(Call::Better) => "Better",
            Some(Call::Worse) => "Worse",
            Some(Call::NoDifference) => "NoDifference",
            None => "Undetermined",
        };
        row.says("call", call);
    }
}

pub fn claim() {
    for row in example("claim") {
        let claim = ClaimFigures { concurrency: 10, ttft: None, tpot: 6.2, tokens_per_second_per_gpu: 200.0 };
        let figures = figures(10, 100.0, row.number("TPOT, ms"), row.number("tokens/s/GPU"));
        let check = ClaimCheck::of(&claim, &[judged(&means(500.0, 7.0), vec![figures])], 0.2).unwrap();
        row.says("tokens/s/GPU, %", &signed_share(check.errors.tokens));
        row.says("TPOT, %", &signed_share(check.errors.tpot));
        assert_eq!(check.kept, row.says_yes("kept"), "{row:?}");
    }
}

pub fn error() {
    for row in example("error") {
        let claim =
            ClaimFigures { concurrency: 10, ttft: None, tpot: 1.0, tokens_per_second_per_gpu: row.number("predicted") };
        let level = judged(&means(500.0, 7.0), vec![figures(10, 100.0, 1.0, row.number("measured"))]);
        let check = ClaimCheck::of(&claim, &[level], 0.2).unwrap();
        row.says("error, %", &signed_share(check.errors.tokens));
    }
}

/// A side that is predicted to reach so much.
fn side(tokens: f64) -> PredictedSide {
    PredictedSide::Value { log_tokens: tokens.ln(), concurrency: 10.0, binding: None, r_at_one: 0.5 }
}

pub fn verdict() {
    use bcmp::api::Outcome;
    for row in example("verdict") {
        let share = |column: &str| row.number(column) / 100.0;
        let (log, half_width) = (share("measured gain, %").ln_1p(), row.number("half-width"));
        let outcome = match Margin::of(margin()).call(log, half_width, VALUES) {
            Some(Call::Better) => Outcome::CandidateBetter,
            Some(Call::Worse) => Outcome::BaselineBetter,
            Some(Call::NoDifference) => Outcome::NoDifference,
            None => Outcome::Undetermined,
        };
        let predicted: Vec<OutcomeForecast> =
            predicted_outcomes(&side(100.0), &side(100.0 * (1.0 + share("predicted gain, %"))), margin());
        let errors = |error: f64| LevelErrors { ttft: None, tpot: 0.0, tokens: error };
        let accuracy = Accuracy { levels: vec![(10, errors(share("mean error, %")))] };
        let check = |error| ClaimCheck { errors: errors(error), state: SlaState::Met, kept: error >= -0.2 };
        let claim = (row.text("claim's error, %") != "none").then(|| Some(check(share("claim's error, %"))));
        let verdict = ReachedVerdict::of(&Findings {
            outcome,
            gain: Some((log, (log - half_width, log + half_width))),
            gain_is_exact: true,
            predicted: &predicted,
            claim,
            baseline: Some(&accuracy),
            candidate: Some(&accuracy),
            margin: margin(),
            tolerance: bcmp::api::Judgement::default().accuracy_tolerance_percent.value().unwrap() / 100.0,
        });
        row.says("result", &verdict.result.to_string());
    }
}
