//! The examples of the audit: limits of a trial's figures, and what takes several trials to see.

use bcmp::measurement::Measurement;
use bcmp::measurement::audit::{EvidenceLimits, Expectation, across, audit};
use bcmp::units::TokensPerSecond;

use crate::document::example;
use crate::support::measurement;

pub fn limits_of_the_audit() {
    let expected = Expectation { model: "model".into(), input_tokens: 4000, output_tokens: 500, concurrency: 10 };
    let limits = EvidenceLimits::parse(&bcmp::api::Evidence::default()).unwrap();
    for row in example("audit") {
        for (column, is_found) in [("passes", false), ("found", true)] {
            let mut measurement = measurement();
            set(&mut measurement, row.text("figure"), row.number(column));
            let found = audit(&measurement, &expected, &limits);
            let codes: Vec<&str> = found.iter().map(|finding| finding.code.as_str()).collect();
            let expected = if is_found { vec![row.text("Code")] } else { vec![] };
            assert_eq!(codes, expected, "{column}: {row:?}");
        }
    }
}

fn set(measurement: &mut Measurement, figure: &str, value: f64) {
    let facts = &mut measurement.facts;
    match figure {
        "failed requests beside 100 completed" => measurement.errors = Some(value as u32),
        "completed requests" => measurement.requests = value as u32,
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
        "mean concurrent requests" => facts.effective_concurrency = Some(value),
        "completions over Little's law, %" => facts.unsteadiness_percent = Some(value),
        other => panic!("no such figure: {other}"),
    }
}

pub fn scatter() {
    for row in example("scatter") {
        let values = row.numbers("tokens/s of the trials");
        let with_tokens = |tokens: &f64| Measurement {
            output_tokens_per_second: TokensPerSecond::new(*tokens).ok(),
            ..measurement()
        };
        let trials: Vec<Measurement> = values.iter().map(with_tokens).collect();
        let found = across::scatter(&trials.iter().collect::<Vec<_>>());
        assert_eq!(found.is_some(), row.says_yes("HighVariance"), "{row:?}");
        if let Some(finding) = found {
            let said = format!("tokens/s by {} %", row.text("scatter, %"));
            assert!(finding.message.contains(&said), "{} does not say {said}", finding.message);
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        row.shows("scatter, %", 100.0 * (squares / (values.len() as f64 - 1.0)).sqrt() / mean);
    }
}
