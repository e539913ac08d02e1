//! The examples of trials, levels and prices.

use bcmp::api::Statistic;
use bcmp::measurement::Distribution;
use bcmp::measurement::record::{Purpose, TrialPlan};
use bcmp::measurement::window::{Answer, Request, Window};
use bcmp::method::estimate::{Estimate, Estimates};
use bcmp::method::sla::{LimitedMetric, SlaLimits};
use bcmp::method::trial::{Trial, TrialFigures};
use bcmp::sweep::deciding::Rated;
use bcmp::sweep::price::{
    ExpectedPrice, PredictedEnd, Priced, PricedLoad, READY_MINUTES, VariantMinutes, expected_rounds,
};
use bcmp::sweep::size::{Weight, ramp_seconds, request_timeout_seconds, waves};
use bcmp::sweep::{Deciding, Next, SizeRules, SweepPlan, ladder, next};
use bcmp::units::{RequestsPerSecond, TokensPerSecond};
use bcmp::verdict::figures::{cost_per_million_tokens, joules_per_token};

use crate::document::{Row, example, number, tables};
use crate::support::{accepted, figures, limit, means, ms, users};

fn size_rules() -> SizeRules {
    SizeRules::of(&bcmp::api::Load::default())
}

pub fn size() {
    for row in example("size") {
        let statistic: Statistic = row.text("statistic").parse().unwrap();
        let sla = SlaLimits::new(vec![limit(LimitedMetric::Ttft, 500.0, statistic)]).unwrap();
        let weight = match row.text("purpose") {
            "ladder" => Weight::Ladder,
            "decision" => Weight::Bracket,
            other => panic!("{other}"),
        };
        let c = row.count("c");
        let waves = waves(&size_rules(), &sla, c, Some(row.number("L, s")), weight);
        row.says("N", &(waves * c).to_string());
    }
}

fn known(row: &Row, column: &str) -> Option<f64> {
    (row.text(column) != "unknown").then(|| row.number(column))
}

pub fn ramp() {
    for row in example("ramp") {
        let capacity = known(&row, "C").map(|capacity| capacity as u32);
        row.shows("ramp, s", ramp_seconds(row.count("c"), capacity, known(&row, "L, s")));
    }
}

pub fn timeout() {
    for row in example("timeout") {
        let rules = SizeRules { request_timeout_seconds: row.count("requestTimeoutSeconds"), ..size_rules() };
        row.says("timeout, s", &request_timeout_seconds(&rules, Some(row.number("L, s"))).to_string());
    }
}

pub fn window() {
    let [requests, figures] = tables("window").try_into().unwrap();
    let request = |row: &Row| {
        let (start, end) = (row.number("sent, ms"), row.number("completed, ms"));
        let answer = Answer { ttft: Some(row.number("TTFT, ms")), latency: end - start, output_tokens: Some(10.0) };
        Request { start, end, wait: None, answer: Some(answer) }
    };
    let mut requests: Vec<Request> = requests.iter().map(request).collect();
    let window = Window::of(&mut requests, users(2)).unwrap();
    assert_eq!(window.requests, 4);
    figures[0].shows("mean TTFT, ms", window.ttft.unwrap().mean.get());
    figures[0].shows("mean TPOT, ms", window.tpot.unwrap().mean.get());
    figures[0].shows("requests/s", window.throughput.requests_per_second.get());
    figures[0].shows("tokens/s", window.throughput.output_tokens_per_second.unwrap().get());
}

pub fn percentile() {
    for row in example("percentile") {
        let distribution = Distribution::of(row.numbers("values, ms").into_iter()).unwrap();
        row.shows("mean", distribution.mean.get());
        row.shows("P50", distribution.p50.unwrap().get());
        row.shows("P90", distribution.p90.unwrap().get());
        row.shows("P99", distribution.p99.unwrap().get());
    }
}

fn whole(row: &Row, column: &str) -> Vec<u32> {
    row.numbers(column).into_iter().map(|level| level as u32).collect()
}

pub fn ladders() {
    for row in example("ladder") {
        let levels = ladder(&whole(&row, "workload.concurrency"), &whole(&row, "claims"), &whole(&row, "capacities"));
        let levels: Vec<String> = levels.iter().map(u32::to_string).collect();
        row.says("ladder", &levels.join(" "));
    }
}

/// The trial after a level that meets the SLA and one that misses it.
fn refined(below: (u32, TrialFigures), above: (u32, TrialFigures)) -> Option<u32> {
    let plan = SweepPlan {
        round: 1,
        ladder: vec![below.0, above.0],
        sla: means(500.0, 7.0),
        capacity: None,
        output_tokens: 500,
        decision_trials: 2,
        refinements: 2,
        stop_after_misses: 0,
        size: size_rules(),
        warm: true,
    };
    let trial = |(concurrency, figures)| accepted(1, concurrency, Purpose::Ladder, 1, figures);
    let trials: Vec<Trial> = [below, above].map(trial).to_vec();
    match next(&plan, None, &trials) {
        Next::Run(TrialPlan { key, .. }) if key.purpose == Purpose::Refinement => Some(key.concurrency),
        _ => None,
    }
}

fn shows_level(row: &Row, level: Option<u32>) {
    row.says("next level", &level.map_or("none".to_owned(), |level| level.to_string()));
}

pub fn midpoint() {
    for row in example("midpoint") {
        let (lo, hi) = (row.count("lo"), row.count("hi"));
        let level = refined((lo, figures(lo, 100.0, 6.0, 100.0)), (hi, figures(hi, 110.0, 8.0, 120.0)));
        shows_level(&row, level);
    }
}

pub fn capacity() {
    for row in example("capacity") {
        let (lo, hi) = (row.count("lo"), row.count("hi"));
        let above = TrialFigures {
            requests_per_second: RequestsPerSecond::new(row.number("requests/s at hi")).unwrap(),
            ..figures(hi, row.number("TTFT at hi, ms"), row.number("TPOT at hi, ms"), 120.0)
        };
        shows_level(&row, refined((lo, figures(lo, row.number("TTFT at lo, ms"), 6.0, 100.0)), (hi, above)));
    }
}

pub fn deciding() {
    for row in example("deciding") {
        let rated = |text: &str| {
            let (concurrency, figures) = text.split_once(": ").unwrap();
            let (r, tokens) = figures.split_once(' ').unwrap();
            Rated {
                concurrency: concurrency.trim().parse().unwrap(),
                r: number(r),
                ttft: 1.0,
                tpot: 1.0,
                requests_per_second: 1.0,
                tokens_per_second_per_gpu: number(tokens),
            }
        };
        let levels: Vec<Rated> = row.text("c: r, tokens/s/GPU").split(", ").map(rated).collect();
        let said = match Deciding::of(&levels).unwrap() {
            Deciding::Bracket { lo, hi } => format!("bracket {lo} {hi}"),
            Deciding::Peak { at, .. } => format!("peak {at}"),
            Deciding::Top { at } => format!("top {at}"),
            Deciding::Lowest { at, hopeless: false } => format!("lowest {at}"),
            Deciding::Lowest { at, hopeless: true } => format!("hopeless {at}"),
        };
        row.says("deciding", &said);
    }
}

/// Every request takes 4 s.
struct Steady;

impl Estimates for Steady {
    fn at(&self, concurrency: u32) -> Option<Estimate> {
        let rate = f64::from(concurrency) / 4.0;
        Some(Estimate {
            ttft: None,
            tpot: ms(8.0),
            requests_per_second: RequestsPerSecond::new(rate).unwrap(),
            tokens_per_second_per_gpu: TokensPerSecond::new(rate * 62.5).unwrap(),
        })
    }

    fn capacity(&self) -> Option<u32> {
        None
    }
}

pub fn price() {
    let load = bcmp::api::Load::default();
    let (sla, size) = (means(500.0, 7.0), size_rules());
    let rules = PricedLoad {
        ladder: &[1, 10, 100],
        sla: &sla,
        refinements: load.refinements,
        decision_trials: load.decision_trials,
        size: &size,
    };
    let of = Priced { gpus: 8, ready_minutes: READY_MINUTES, estimates: &Steady, end: PredictedEnd::At(20) };
    let minutes = VariantMinutes::of(&rules, &of).unwrap();
    for row in example("price") {
        let rounds = expected_rounds(Some(row.number("predicted gain, %") / 100.0), false);
        let price = ExpectedPrice::of(&[minutes, minutes], rounds, 1, 8);
        row.says("rounds", &price.rounds.to_string());
        row.shows("minutes", price.expected.minutes);
        row.shows("GPU-hours", price.expected.gpu_hours);
    }
    assert_eq!(expected_rounds(None, true), 1);
}

pub fn cost() {
    for row in example("cost") {
        row.shows("per million tokens", cost_per_million_tokens(row.number("hourly cost"), row.number("tokens/s/GPU")));
    }
}

pub fn energy() {
    for row in example("energy") {
        let joules = row.number("watts") * row.number("seconds");
        let joules_each = joules_per_token(joules, row.number("requests") as u32, row.number("output tokens"));
        row.shows("joules per token", joules_each);
    }
}
