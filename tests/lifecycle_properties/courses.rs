//! A run that goes well, looked at in every possible way: by an operator that dies between two calls or before its status is
//! stored, that is away, that sees lists of different times, and with clocks that jump by up to ten minutes. The end is the
//! same, and nothing is measured twice.
//!
//! `BCMP_SCHEDULES` says how many schedules are tried, `BCMP_SEED` which ones; `make schedules` tries many.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use bcmp::api::{BenchmarkComparisonSpec, Mode, Rounds};
use bcmp::simulation::engine::random::Random;
use jiff::Timestamp;
use regex::Regex;
use serde_json::{Value, json};

use crate::happenings::Happening;
use crate::{JUMP_SECONDS, Lab, Step, rules, specs};

/// Schedules where nobody asks for more.
const SHARE: usize = 100;
/// Steps in which a run must have ended.
const LONGEST: usize = 6000;

fn number(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text}: write a number")),
        Err(_) => default,
    }
}

fn courses() -> Vec<BenchmarkComparisonSpec> {
    let spec = |sources: &[&str], mode, rounds| {
        let mut spec = specs::base();
        spec.variants = sources.iter().enumerate().map(|(index, kind)| specs::variant(index, kind)).collect();
        spec.execution.mode = mode;
        spec.execution.rounds = Rounds { minimum: rounds, maximum: rounds };
        spec
    };
    vec![
        spec(&["Naive", "Recommended"], Mode::Sequential, 1),
        spec(&["Naive", "Recommended"], Mode::Parallel, 1),
        spec(&["Recommended", "Naive", "Endpoint"], Mode::Auto, 2),
        spec(&["Manifests", "Recommended"], Mode::Sequential, 3),
    ]
}

fn over(lab: &Lab) -> bool {
    lab.cluster.status.run.as_ref().is_some_and(|run| run.completion_time.is_some())
}

/// What deployments held, in sentences.
static HOURS: LazyLock<Regex> = LazyLock::new(|| Regex::new("[0-9.]+ GPU-hours").expect("a pattern"));

/// A status without times and what follows from them. Whether variants that are deployed side by side are there at the same time
/// is a matter of time, too; those that follow each other never are.
fn timeless(value: &Value, mode: Mode) -> Value {
    let is_chance = |item: &&Value| mode != Mode::Sequential && item["code"] == "SharedNodes";
    match value {
        Value::String(text) if text.parse::<Timestamp>().is_ok() => json!("a time"),
        Value::String(text) => json!(HOURS.replace_all(text, "").into_owned()),
        Value::Array(items) => items.iter().filter(|item| !is_chance(item)).map(|item| timeless(item, mode)).collect(),
        Value::Object(fields) => {
            let is_chance = |key: &str| mode != Mode::Sequential && key == "beside";
            let kept =
                fields.iter().filter(|(key, _)| !["gpuSeconds", "price"].contains(&key.as_str()) && !is_chance(key));
            let kept = kept.map(|(key, value)| (key.clone(), timeless(value, mode)));
            Value::Object(kept.filter(|(key, value)| key != "findings" || *value != json!([])).collect())
        }
        other => other.clone(),
    }
}

fn end(lab: &Lab, mode: Mode) -> Value {
    timeless(&serde_json::to_value(&lab.cluster.status).unwrap(), mode)
}

fn undisturbed(spec: &BenchmarkComparisonSpec) -> Value {
    let mut lab = Lab::new(spec.clone(), false);
    for _ in 0..LONGEST {
        lab.take(&Step::Settles);
        if over(&lab) {
            return end(&lab, spec.execution.mode);
        }
        lab.take(&Step::Happens(Happening::GoesWell));
    }
    panic!("does not end: {:?}", lab.cluster.status.message);
}

/// What one schedule does how often: each draws its own weights, so that rare things come often in some.
struct Schedule {
    random: Random,
    weights: [usize; 9],
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, 0);
        let mut weights = [6, 6, 2, 2, 2, 2, 1, 1, 2];
        weights[2..].iter_mut().for_each(|weight| *weight *= random.below(4));
        Self { random, weights }
    }

    fn jump(&mut self) -> i16 {
        let ahead = self.random.below(2 * JUMP_SECONDS.unsigned_abs() as usize + 1);
        i16::try_from(ahead).unwrap() - JUMP_SECONDS
    }

    fn step(&mut self) -> Step {
        let mut drawn = self.random.below(self.weights.iter().sum());
        let kind = self.weights.iter().position(|weight| {
            let this = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            this
        });
        match kind.unwrap_or(0) {
            0 => Step::Look,
            1 => Step::Happens(Happening::GoesWell),
            2 => Step::Dies(u8::try_from(self.random.below(4)).unwrap()),
            3 => Step::Torn(vec![Happening::GoesWell]),
            4 => Step::Settles,
            5 => Step::Happens(Happening::Wait(u16::try_from(self.random.below(40)).unwrap())),
            6 => Step::Happens(Happening::OperatorsClock(self.jump())),
            7 => Step::Happens(Happening::AgentsClock(self.jump())),
            _ => Step::Happens(Happening::GoingIsGone(0)),
        }
    }
}

/// Says how to repeat a schedule in which a rule is broken.
struct Repeatable(u64);

impl Drop for Repeatable {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat it: BCMP_SCHEDULES=1 BCMP_SEED={}", self.0);
        }
    }
}

fn disturbed(spec: &BenchmarkComparisonSpec, expected: &Value, seed: u64) {
    let _repeatable = Repeatable(seed);
    let (mut lab, mut schedule) = (Lab::new(spec.clone(), false), Schedule::new(seed));
    for _ in 0..LONGEST {
        lab.take(&schedule.step());
        if over(&lab) {
            lab.take(&Step::Settles);
            let end = end(&lab, spec.execution.mode);
            let differences = rules::differences(expected, &end);
            assert!(differences.is_empty(), "BCMP_SEED={seed}: another end: {differences}");
            return lab.nothing_is_left();
        }
    }
    panic!("BCMP_SEED={seed}: does not end: {:?}", lab.cluster.status.message);
}

#[test]
fn however_it_is_looked_at_the_end_is_the_same() {
    let (wanted, first, threads) =
        (number("BCMP_SCHEDULES", SHARE), number("BCMP_SEED", 20_261_129), number("BCMP_THREADS", 2));
    let courses: Vec<_> = courses().into_iter().map(|spec| (undisturbed(&spec), spec)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= wanted {
                        return;
                    }
                    let (expected, spec) = &courses[(first + number) % courses.len()];
                    disturbed(spec, expected, (first + number) as u64);
                }
            });
        }
    });
    println!("decisions: {wanted} schedules of {} courses, the same end in each", courses.len());
}
