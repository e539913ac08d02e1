//! The examples of quantities and predictions.

use bcmp::measurement::window::Answer;
use bcmp::prediction::burst::{Burst, context_tokens};
use bcmp::prediction::checks::{Checked, check};
use bcmp::prediction::predictors::aiconfigurator::read_table;
use bcmp::prediction::{Curve, CurvePoint, OperatingPoint, Row as Predicted, Serving, Workers};
use bcmp::units::{RequestsPerSecond, TokensPerSecond};

use crate::document::{Row, example};
use crate::support::ms;

pub fn tpot() {
    for row in example("tpot") {
        let answer = Answer {
            ttft: Some(row.number("TTFT, ms")),
            latency: row.number("request latency, ms"),
            output_tokens: Some(row.number("output tokens")),
        };
        row.shows("TPOT, ms", answer.tpot());
    }
}

pub fn tokens_per_user() {
    for row in example("tokens per user") {
        let point = OperatingPoint { tpot: ms(row.number("mean TPOT, ms")), ..OperatingPoint::default() };
        row.shows("tokens/s/user", point.tokens_per_second_per_user());
    }
}

pub fn tokens_per_gpu() {
    for row in example("tokens per gpu") {
        let rate = row.number("requests/s");
        let predicted =
            Predicted { gpus: row.count("GPUs"), output_tokens: row.count("OSL"), ..predicted(1, 1000.0, rate) };
        row.shows("tokens/s/GPU", predicted.tokens_per_second_per_gpu().get());
    }
}

pub fn prompt_tokens() {
    for row in example("context tokens") {
        let chunked = row.says_yes("chunked prefill");
        let tokens = context_tokens(row.count("ISL"), Some(row.count("max_num_tokens")), chunked, row.count("q"));
        row.says("context tokens", &tokens.to_string());
    }
}

pub fn burst_factor() {
    for row in example("burst factor") {
        let burst = Burst::Steps {
            input_tokens: row.count("ISL"),
            max_num_tokens: Some(row.count("max_num_tokens")),
            chunked_prefill: false,
            ranks: 1,
        };
        row.shows("f", burst.factor(row.count("q")));
    }
}

fn curve(points: [(u32, f64, f64, f64); 2], replicas: u32) -> Curve {
    let point = |(concurrency, ttft, tpot, rate)| CurvePoint {
        concurrency,
        ttft: ms(ttft),
        tpot: ms(tpot),
        request_rate: RequestsPerSecond::new(rate).unwrap(),
    };
    Curve::new(points.map(point).to_vec(), replicas, 8, 500).unwrap()
}

/// The curve of the page.
fn one_replica() -> Curve {
    curve([(4, 100.0, 10.0, 2.0), (16, 400.0, 20.0, 4.0)], 1)
}

fn shows_level(row: &Row, curve: &Curve, concurrency: u32) {
    let point = curve.at(concurrency).unwrap().point;
    row.shows("TTFT, ms", point.ttft.get());
    row.shows("TPOT, ms", point.tpot.get());
    row.shows("tokens/s/GPU", point.tokens_per_second_per_gpu.get());
}

pub fn interpolation() {
    example("interpolation").iter().for_each(|row| shows_level(row, &one_replica(), row.count("q")));
}

pub fn over_replicas() {
    let curve = curve([(1, 700.0, 19.0, 0.1), (2, 900.0, 20.0, 0.19)], 8);
    example("replicas").iter().for_each(|row| shows_level(row, &curve, row.count("c")));
}

pub fn beyond_capacity() {
    for row in example("beyond capacity") {
        let level = one_replica().at(row.count("c")).unwrap();
        row.shows("TTFT, ms", level.point.ttft.get());
        row.shows("TPOT, ms", level.point.tpot.get());
        assert_eq!(level.beyond_operating_point, row.says_yes("beyond capacity"));
    }
}

pub fn concurrent_requests() {
    for row in example("concurrent requests") {
        let table = format!(
            "isl,osl,concurrency,ttft,tpot,seq/s,tokens/s/gpu,num_total_gpus,\
             (p)tp,(p)pp,(p)dp,(p)workers,(d)tp,(d)pp,(d)dp,(d)workers\n\
             4000,{},{},{},{},{},1,8,1,1,1,4,1,1,1,4\n",
            row.text("OSL"),
            row.text("concurrency"),
            row.text("TTFT, ms"),
            row.text("TPOT, ms"),
            row.text("requests/s")
        );
        let read = read_table("example", &table).unwrap();
        row.says("concurrent requests", &read[0].row.concurrency.to_string());
    }
}

fn predicted(concurrency: u32, latency: f64, rate: f64) -> Predicted {
    Predicted {
        serving: Serving::Aggregated { workers: Workers::new(8, 1, 1) },
        gpus: 8,
        concurrency,
        inclusive_tpot: None,
        ttft: ms(100.0),
        tpot: ms(10.0),
        request_latency: ms(latency),
        request_rate: RequestsPerSecond::new(rate).unwrap(),
        advertised_tokens_per_second_per_gpu: TokensPerSecond::default(),
        num_tokens: None,
        context_tokens: None,
        input_tokens: 4000,
        output_tokens: 500,
        weights: None,
        kv_cache: None,
        backend: None,
        database_version: None,
    }
}

pub fn consistency() {
    for row in example("consistency") {
        let (concurrency, latency) = (row.count("concurrent requests"), row.number("request latency, ms"));
        let rate = row.number("requests/s");
        let context_tokens = Some(row.count("context tokens of 4000"));
        let predicted = Predicted { context_tokens, ..predicted(concurrency, latency, rate) };
        let findings = check(&Checked { row: Some(&predicted), ..Checked::default() });
        row.shows("off, %", 100.0 * (rate / (f64::from(concurrency) / (latency / 1000.0)) - 1.0));
        assert_eq!(!findings.is_empty(), row.says_yes("PredictionInconsistent"), "{row:?}");
        for finding in findings {
            let said = format!("{} % off", row.text("off, %"));
            assert!(finding.message.contains(&said), "{} does not say {said}", finding.message);
        }
    }
}
