//! Servers of particular shapes: capacities, falling throughput, odd levels, bounds, long outputs.

use super::{Beside, Fault, SEED, head, row};
use crate::simulation::campaign::{Setting, USUAL, course, rules};
use crate::simulation::dice::Dice;
use crate::simulation::server::{LADDER, Limits, Server, UNLIMITED};
use crate::simulation::tally::Tally;

const USUALLY: usize = 500;
const PROMISED_OF: usize = 500;

const BASE: Server = Server {
    tpot: 5.0,
    knee: 30.0,
    power: 1.3,
    ttft: 165.0,
    ttft_knee: 40.0,
    scale: 1.0,
    capacity: UNLIMITED,
    output_tokens: 500.0,
    slow_at: None,
};
/// One per cent of scatter between trials and between deployments.
const QUIET: Setting = Setting { deployment: 0.01, ..USUAL };

/// A pair of servers, and what is promised of it.
struct Shape {
    name: String,
    servers: [Server; 2],
    limits: (f64, f64),
    setting: Setting,
    /// Better, worse, no difference, in percent.
    promised: [f64; 3],
    remark: &'static str,
    /// There is a throughput at the SLA on both sides, and it is the most there is.
    has_truth: bool,
    /// More found than promised is not a fault.
    at_least: bool,
}

impl Shape {
    fn without_truth(self) -> Self {
        Self { has_truth: false, ..self }
    }

    fn at_least(self) -> Self {
        Self { at_least: true, ..self }
    }
}

fn shape(
    name: &str,
    servers: [Server; 2],
    limits: (f64, f64),
    setting: Setting,
    promised: [f64; 3],
    remark: &'static str,
) -> Shape {
    Shape { name: name.into(), servers, limits, setting, promised, remark, has_truth: true, at_least: false }
}

const BETTER: [f64; 3] = [100.0, 0.0, 0.0];
const WORSE: [f64; 3] = [0.0, 100.0, 0.0];
const ALIKE: [f64; 3] = [0.0, 0.0, 100.0];

fn capacities() -> Vec<Shape> {
    let pairs = [
        (10.0, 12.0, BETTER, "+14.2 %, error ±1.8"),
        (12.0, 10.0, WORSE, "−12.4 %, ±1.8"),
        (22.0, 20.0, [0.0, 0.1, 26.0], "0 %, ±2.7; the rest is futile"),
        (15.0, 12.0, WORSE, "−13.8 %, ±2.0"),
        (12.0, 16.0, BETTER, "+20.8 %, ±1.9"),
        (12.0, 12.0, ALIKE, "0 %, ±1.2"),
        (16.0, 16.0, [0.2, 0.0, 99.4], "0 %, ±1.2"),
    ];
    let known = [true, false].into_iter().flat_map(|known| {
        pairs.into_iter().map(move |(from, to, promised, remark)| {
            let servers = [from, to].map(|capacity| Server { capacity, ..BASE });
            let known_as = if known { "known" } else { "unknown" };
            let setting = Setting { capacities_known: known, ..QUIET };
            shape(&format!("capacity {from} → {to}, {known_as}"), servers, (500.0, 7.5), setting, promised, remark)
        })
    });
    known.collect()
}

fn others() -> Vec<Shape> {
    let ladder = |ladder| Setting { ladder, ..QUIET };
    let long = Server { tpot: 15.0, knee: 40.0, power: 1.0, ttft: 200.0, output_tokens: 8000.0, ..BASE };
    let falling = Server { knee: 10.0, power: 2.5, ttft_knee: 1e4, ..BASE };
    let even = Server { knee: 60.0, power: 1.0, ..BASE };
    let below = Server { tpot: 6.0, knee: 14.0, power: 1.0, ..BASE };
    let slow = |tpot: f64| Server { tpot, ..BASE };
    let held = |capacity: f64| Server { capacity, ..BASE };
    let quieter = Setting { run: 0.005, capacities_known: false, ..QUIET };
    let powers: &[u32] = &[1, 2, 4, 8, 16, 32, 64];
    vec![
        shape(
            "ladder 32, 64; capacity 12 → 16, unknown",
            [held(12.0), held(16.0)],
            (500.0, 7.5),
            Setting { ladder: &[32, 64], ..quieter },
            BETTER,
            "+20.8 %, found going down, ±1.8",
        ),
        shape(
            "ladder 8, 16, 32; ends at 2 and 6",
            [below, Server { tpot: 5.0, ..below }],
            (500.0, 7.0),
            Setting { ladder: &[8, 16, 32], ..quieter },
            BETTER,
            "+139 %, 1 % high, ±10",
        ),
        shape("throughput falls, A/A", [falling, falling], (1e4, 60.0), ladder(powers), ALIKE, "±1.2"),
        shape(
            "throughput falls, +15 %",
            [falling, falling.slowed(1.0 / 1.15)],
            (1e4, 60.0),
            ladder(powers),
            BETTER,
            "found",
        ),
        shape(
            "candidate slow at 8 alone",
            [even, Server { scale: 1.2, slow_at: Some(8.0), ..even }],
            (500.0, 7.2),
            ladder(powers),
            WORSE,
            "the first miss ends it, 1 round",
        )
        .without_truth(),
        shape(
            "no level misses, candidate × 2",
            [BASE, slow(2.5)],
            (1e6, 7.0),
            ladder(&[1, 2, 4, 8]),
            BETTER,
            "1 round, 0.57 h",
        )
        .without_truth(),
        shape(
            "no level misses, candidate +10 %",
            [Server { knee: 1e6, ..BASE }, Server { tpot: 4.5, knee: 1e6, ..BASE }],
            (1e6, 7.0),
            ladder(&[1, 2, 4, 8]),
            [0.0; 3],
            "undetermined at once",
        )
        .without_truth(),
        shape("baseline misses by 1 %", [slow(7.05), BASE], (500.0, 7.0), QUIET, [96.2, 0.0, 0.0], "1.4 rounds")
            .without_truth()
            .at_least(),
        shape("the same, deployments 2 %", [slow(7.05), BASE], (500.0, 7.0), USUAL, [93.7, 0.0, 0.0], "1.8 rounds")
            .without_truth()
            .at_least(),
        shape("baseline misses by 5 %", [slow(7.33), BASE], (500.0, 7.0), QUIET, BETTER, "1 round").without_truth(),
        shape("baseline misses by 10 %", [slow(7.68), BASE], (500.0, 7.0), QUIET, BETTER, "1 round").without_truth(),
        shape("baseline misses by 170 %", [slow(18.77), BASE], (500.0, 7.0), QUIET, BETTER, "1 round").without_truth(),
        shape(
            "8000 output tokens, +50 %",
            [long, Server { scale: 1.5, ..long }],
            (2000.0, 25.0),
            Setting { run: 0.005, ladder: &LADDER, ..USUAL },
            BETTER,
            "7.8 h, 2.1 rounds",
        ),
    ]
}

/// Prints the table.
pub fn print(comparisons: Option<usize>) -> usize {
    let comparisons = comparisons.unwrap_or(USUALLY);
    let title = format!("Shapes: {comparisons} comparisons a line, promised numbers in brackets");
    head(
        &title,
        &[
            "shape",
            "truth",
            "better %",
            "worse %",
            "no difference %",
            "error, 5…95 %",
            "h",
            "rounds",
            "promised",
            "stopped",
        ],
    );
    let shapes = capacities().into_iter().chain(others());
    shapes.map(|shape| print_line(&shape, comparisons)).sum()
}

fn print_line(shape: &Shape, comparisons: usize) -> usize {
    let limits = Limits { ttft: shape.limits.0, tpot: shape.limits.1 };
    let [baseline, candidate] = shape.servers;
    let truth = (candidate.most(limits) / baseline.most(limits)).ln();
    let (mut dice, mut tally) = (Dice::new(SEED), Tally::default());
    for _ in 0..comparisons {
        let rules = rules(limits, &shape.setting);
        tally.add(&course(shape.servers, shape.servers, &[], &rules, &shape.setting, &mut dice), truth);
    }
    let shares = [tally.better, tally.worse, tally.alike].into_iter().zip(shape.promised);
    let of = (tally.all, PROMISED_OF);
    let beside = |(ours, promised)| {
        let fault = if shape.at_least { Fault::Less } else { Fault::Either };
        Beside { fault, ..Beside::new(tally.percent(ours), promised, of) }
    };
    let shares: Vec<Beside> = shares.map(beside).collect();
    let known = |text: String| if shape.has_truth { text } else { "–".into() };
    row(&[
        shape.name.clone(),
        known(format!("{:+.1} %", 100.0 * truth.exp_m1())),
        shares[0].to_string(),
        shares[1].to_string(),
        shares[2].to_string(),
        known(format!("{:+.1}…{:+.1}", tally.error(0.05), tally.error(0.95))),
        format!("{:.2}", tally.mean_hours()),
        format!("{:.1}", tally.mean_rounds()),
        shape.remark.into(),
        tally.stopped.iter().map(|(why, count)| format!("{why} {count}")).collect::<Vec<_>>().join(", "),
    ]);
    shares.iter().filter(|share| !share.is_chance()).count()
}
