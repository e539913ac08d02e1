//! The examples of the audit: limits of a level's figures, and what takes several levels or runs to see.

use bcmp::api::{EvidenceCode, Finding};
use bcmp::judgement::gain::percent;
use bcmp::measurement::audit::{EvidenceLimits, Expectation, across, audit};
use bcmp::measurement::record::Purpose;
use bcmp::measurement::{Distribution, Measurement};
use bcmp::sweep::usable;
use bcmp::units::{RequestsPerSecond, TokensPerSecond};

use crate::document::{Row, example};
use crate::support::{ms, run};

/// A level of ten users that nothing speaks against, with the defaults' limits.
fn clean() -> (Measurement, Expectation, EvidenceLimits) {
    let same = |value: f64| {
        Some(Distribution {
            mean: ms(value),
            p50: Some(ms(value)),
            p90: Some(ms(value)),
            p95: Some(ms(value)),
            p99: Some(ms(value)),
        })
    };
    let mut measurement = run(10, Purpose::Ladder, 1, 1.0, 125.0).measurement.unwrap();
    measurement.requests = 100;
    measurement.request_latency = same(5000.0);
    measurement.requests_per_second = RequestsPerSecond::new(2.0).ok();
    measurement.output_tokens_per_second = TokensPerSecond::new(1000.0).ok();
    measurement.facts.input_tokens = Some(4000.0);
    measurement.facts.output_tokens = Some(500.0);
    let expected = Expectation { model: "model".into(), input_tokens: 4000, output_tokens: 500, concurrency: 10 };
    (measurement, expected, EvidenceLimits::parse(&bcmp::api::Evidence::default()).unwrap())
}

pub fn limits_of_the_audit() {
    for row in example("audit") {
        for (column, is_found) in [("passes", false), ("found", true)] {
            let (mut measurement, expected, limits) = clean();
            set(&mut measurement, row.text("figure"), row.number(column));
            let found = audit(&measurement, &expected, &limits);
            let codes: Vec<&str> = found.iter().map(|finding| finding.code.as_str()).collect();
            let expected = if is_found { vec![row.text("Code")] } else { vec![] };
            // What the lack of a window says on top is not what the row is about.
            let codes: Vec<&str> = codes.into_iter().filter(|code| *code != "RampIncluded").collect();
            assert_eq!(codes, expected, "{column}: {row:?}");
        }
    }
}

fn set(measurement: &mut Measurement, figure: &str, value: f64) {
    let facts = &mut measurement.facts;
    match figure {
        "failed requests beside 100 completed" => measurement.errors = Some(value as u32),
        "completed requests, with a window" => measurement.requests = value as u32,
        "completed requests, without a window" => {
            measurement.requests = value as u32;
            facts.windowed = false;
        }
        "mean output tokens" => {
            facts.output_tokens = Some(value);
            measurement.output_tokens_per_second = TokensPerSecond::new(2.0 * value).ok();
        }
        "mean input tokens" => facts.input_tokens = Some(value),
        "waiting in the client, % of latency" => facts.client_wait_percent = Some(value),
        "cached tokens a request, of 4000" => {
            facts.cached_prompt_tokens = Some(value);
            facts.cached_prompt_percent = Some(value / 40.0);
        }
        "tokens/s, with 2 requests/s of 500 tokens" => {
            measurement.output_tokens_per_second = TokensPerSecond::new(value).ok();
        }
        "mean requests in flight" => facts.effective_concurrency = Some(value),
        "change from half to half, %" => facts.window_drift_percent = Some(value),
        "warm-up requests" => facts.warmup_requests = Some(value as u32),
        other => panic!("no such figure: {other}"),
    }
}

pub fn concurrency_reached() {
    for row in example("concurrency reached") {
        let (mut measurement, mut expected, limits) = clean();
        (expected.concurrency, measurement.concurrency) = (row.count("c"), row.count("c"));
        measurement.requests = row.count("N");
        measurement.facts.effective_concurrency = Some(0.01);
        let found = audit(&measurement, &expected, &limits);
        let message =
            &found.iter().find(|finding| finding.code == EvidenceCode::ConcurrencyNotReached).unwrap().message;
        let said = format!("at least {} are expected", row.text("at least"));
        assert!(message.contains(&said), "{message} does not say {said}");
    }
}

fn with_tokens(tokens: f64) -> Measurement {
    Measurement { output_tokens_per_second: TokensPerSecond::new(tokens).ok(), ..clean().0 }
}

pub fn scatter() {
    for row in example("scatter") {
        let runs: Vec<Measurement> = row.numbers("tokens/s of repetitions").into_iter().map(with_tokens).collect();
        let found = across::repetitions(&runs.iter().collect::<Vec<_>>());
        said_if_found(&row, "HighVariance", &found, &format!("tokens/s by {} %", row.text("scatter, %")));
        let values = row.numbers("tokens/s of repetitions");
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        row.shows("scatter, %", 100.0 * (squares / (values.len() as f64 - 1.0)).sqrt() / mean);
    }
}

pub fn drift() {
    for row in example("drift") {
        let (first, last) = (row.number("first, tokens/s"), row.number("last, tokens/s"));
        let found: Vec<_> = across::drift(&with_tokens(first), &with_tokens(last)).into_iter().collect();
        said_if_found(&row, "Drift", &found, &format!("tokens/s by {} %", row.text("drift, %")));
        row.shows("drift, %", percent(last / first));
    }
}

pub fn order() {
    for row in example("order") {
        let (own, fuller) = (row.number("TPOT, ms"), row.number("in a fuller level, ms"));
        let found: Vec<_> = across::slower_than_fuller((8, own), &[(8, own), (24, fuller)]).into_iter().collect();
        said_if_found(&row, "SlowerThanFuller", &found, "above a fuller level");
        row.shows("slower, %", percent(own / fuller));
    }
}

fn said_if_found(row: &Row, code: &str, found: &[Finding], said: &str) {
    assert_eq!(!found.is_empty(), row.says_yes(code), "{row:?}");
    for finding in found {
        assert_eq!(finding.code.as_str(), code);
        assert!(finding.message.contains(said), "{} does not say {said}", finding.message);
    }
}

pub fn more_than_half() {
    for row in example("usable") {
        let decides = usable(row.count("planned"), row.count("rejected") as usize);
        assert_eq!(decides, row.says_yes("decides"), "{row:?}");
    }
}
