//! docs/method.md says what the code computes: its worked examples, its codes and its limits are taken out of the page
//! and computed anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "method/auditing.rs"]
mod auditing;
#[path = "method/document.rs"]
mod document;
#[allow(dead_code)]
#[path = "judgement/support.rs"]
mod support;

use std::collections::BTreeSet;

use bcmp::api::{AccuracyResult, BenchmarkComparisonSpec, EvidenceCode, Statistic};
use bcmp::judgement::accuracy::error_percent;
use bcmp::judgement::at_limit::{Pair, Sample, at_limit};
use bcmp::judgement::decimals::{gain_interval, interval, signed, signed_ratio};
use bcmp::judgement::figures::figures;
use bcmp::judgement::gain::{Call, call, confidence};
use bcmp::judgement::sla::{SlaLimits, requests_needed};
use bcmp::judgement::statistics::{Estimate, geometric_mean, ratio, replicates};
use bcmp::judgement::{Case, judge, judge_rows};
use bcmp::measurement::Distribution;
use bcmp::measurement::record::{Purpose, Step, TrialRecord};
use bcmp::measurement::window::{Answer, Request, Window};
use bcmp::prediction::aiconfigurator::read_table;
use bcmp::prediction::checks::{Checked, check, context_tokens};
use bcmp::prediction::{Curve, CurvePoint, OperatingPoint, Row as Predicted, Serving, Workers};
use bcmp::sweep::{LoadRules, NextStep, SweepPlan, next};
use bcmp::units::{RequestsPerSecond, TokensPerSecond};
use document::{DOCUMENT, Row, example, marked, number, tables};
use support::{CALM, claimed, ms, rules, run, sweep, variant};

/// Examples and what computes them.
const EXAMPLES: &[(&str, fn())] = &[
    ("tpot", tpot),
    ("tokens per user", tokens_per_user),
    ("tokens per gpu", tokens_per_gpu),
    ("error", error),
    ("context tokens", prompt_tokens),
    ("interpolation", interpolation),
    ("replicas", over_replicas),
    ("beyond capacity", beyond_capacity),
    ("in flight", in_flight),
    ("consistency", consistency),
    ("size", size),
    ("timeout", timeout),
    ("window", window),
    ("percentile", percentile),
    ("replicates", rounds_count_once),
    ("audit", auditing::limits_of_the_audit),
    ("concurrency reached", auditing::concurrency_reached),
    ("scatter", auditing::scatter),
    ("drift", auditing::drift),
    ("order", auditing::order),
    ("usable", auditing::more_than_half),
    ("r", r),
    ("level", level),
    ("midpoint", midpoint),
    ("at the sla", at_the_sla),
    ("throughput", throughput),
    ("gain", gain),
    ("confidence", confidences),
    ("call", calls),
    ("verdict", verdict),
    ("cost", cost),
];

#[test]
fn the_examples_are_what_the_code_computes() {
    let known: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
    assert_eq!(marked("example"), known, "each example of the page is computed, and each is there");
    let wrong: Vec<&str> = EXAMPLES
        .iter()
        .filter(|(_, computes)| std::panic::catch_unwind(*computes).is_err())
        .map(|(name, _)| *name)
        .collect();
    assert!(wrong.is_empty(), "these examples are not what the code computes: {wrong:?}");
}

/// A formula nobody computes may be anything.
#[test]
fn each_formula_has_an_example() {
    let examples: BTreeSet<&str> = marked("example").into_iter().collect();
    let formulas = marked("formula");
    let blocks = DOCUMENT.matches("```text").count();
    assert_eq!(formulas.len(), blocks, "a formula stands in a block of its own, below its marker");
    let without: Vec<_> = formulas.iter().filter(|name| !examples.contains(*name)).collect();
    assert!(without.is_empty(), "no example of {without:?}");
}

fn tpot() {
    for row in example("tpot") {
        let answer = Answer {
            ttft: Some(row.number("TTFT, ms")),
            latency: row.number("request latency, ms"),
            output_tokens: Some(row.number("output tokens")),
        };
        row.shows("TPOT, ms", answer.tpot());
    }
}

fn tokens_per_user() {
    for row in example("tokens per user") {
        let point = OperatingPoint { tpot: ms(row.number("mean TPOT, ms")), ..OperatingPoint::default() };
        row.shows("tokens/s/user", point.tokens_per_second_per_user());
    }
}

fn tokens_per_gpu() {
    for row in example("tokens per gpu") {
        let rate = row.number("requests/s");
        let predicted =
            Predicted { gpus: row.count("GPUs"), output_tokens: row.count("OSL"), ..predicted(1, 1000.0, rate) };
        row.shows("tokens/s/GPU", predicted.tokens_per_second_per_gpu().get());
    }
}

fn error() {
    for row in example("error") {
        let error = error_percent(row.number("measured"), row.number("predicted")).unwrap();
        row.says("error, %", &signed(error));
    }
}

fn prompt_tokens() {
    for row in example("context tokens") {
        let chunked = row.says_yes("chunked prefill");
        let tokens = context_tokens(row.count("ISL"), Some(row.count("max_num_tokens")), chunked, row.count("q"));
        row.says("context tokens", &tokens.to_string());
    }
}

fn curve(points: [(u32, f64, f64, f64); 2], replicas: u32) -> Curve {
    let point = |(in_flight, ttft, tpot, rate)| CurvePoint {
        in_flight,
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

fn interpolation() {
    example("interpolation").iter().for_each(|row| shows_level(row, &one_replica(), row.count("q")));
}

fn over_replicas() {
    let curve = curve([(1, 700.0, 19.0, 0.1), (2, 900.0, 20.0, 0.19)], 8);
    example("replicas").iter().for_each(|row| shows_level(row, &curve, row.count("c")));
}

fn beyond_capacity() {
    for row in example("beyond capacity") {
        let level = one_replica().at(row.count("c")).unwrap();
        row.shows("TTFT, ms", level.point.ttft.get());
        row.shows("TPOT, ms", level.point.tpot.get());
        assert_eq!(level.beyond_operating_point, row.says_yes("beyond the operating point"));
    }
}

fn in_flight() {
    for row in example("in flight") {
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
        row.says("in flight", &read[0].row.in_flight.to_string());
    }
}

fn predicted(in_flight: u32, latency: f64, rate: f64) -> Predicted {
    Predicted {
        serving: Serving::Aggregated { workers: Workers::new(8, 1, 1) },
        gpus: 8,
        in_flight,
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

fn consistency() {
    for row in example("consistency") {
        let (in_flight, latency) = (row.count("in flight"), row.number("request latency, ms"));
        let rate = row.number("requests/s");
        let context_tokens = Some(row.count("context tokens of 4000"));
        let predicted = Predicted { context_tokens, ..predicted(in_flight, latency, rate) };
        let findings = check(&Checked { row: Some(&predicted), ..Checked::default() });
        row.shows("off, %", 100.0 * (rate / (f64::from(in_flight) / (latency / 1000.0)) - 1.0));
        assert_eq!(!findings.is_empty(), row.says_yes("PredictionInconsistent"), "{row:?}");
        for finding in findings {
            let said = format!("{} % off", row.text("off, %"));
            assert!(finding.message.contains(&said), "{} does not say {said}", finding.message);
        }
    }
}

fn default_load() -> LoadRules {
    LoadRules::from(&bcmp::api::Load::default())
}

fn plan(ladder: &[u32], statistic: Statistic, curve: Option<Curve>) -> SweepPlan {
    let limits = SlaLimits { statistic, ..rules().limits };
    SweepPlan {
        variant: "optimized".into(),
        round: 1,
        rounds: 1,
        ladder: ladder.to_vec(),
        limits,
        audit: rules().audit,
        load: LoadRules { refinements: 0, ..default_load() },
        curve,
    }
}

fn next_step(plan: &SweepPlan, records: &[TrialRecord]) -> Step {
    match next(plan, records) {
        NextStep::Run(step) => step,
        NextStep::Done => panic!("the sweep is over"),
    }
}

fn size() {
    for row in example("size") {
        let c = row.count("c");
        let statistic: Statistic = serde_json::from_value(row.text("statistic").into()).unwrap();
        // Above the one request that this curve holds nothing is judged.
        let small = curve([(1, 10.0, 1.0, 1.0), (2, 10.0, 1.0, 1.5)], 1).clipped(1);
        let step = match row.text("kind") {
            "ladder" => next_step(&plan(&[c], statistic, None), &[]),
            "shown" => next_step(&plan(&[c], statistic, small), &[]),
            "deciding" => {
                let chosen = [run(c, Purpose::Ladder, 1, 0.5, 100.0), run(2 * c, Purpose::Ladder, 1, 2.0, 200.0)];
                next_step(&plan(&[c, 2 * c], statistic, None), &chosen)
            }
            other => panic!("{other}"),
        };
        assert_eq!(step.concurrency, c);
        row.says("N", &step.requests.to_string());
        row.says("warm-up", &step.warmup.to_string());
    }
    let needed = [Statistic::P90, Statistic::P95, Statistic::P99].map(requests_needed);
    let said = format!("{} requests for P90, {} for P95, {} for P99", needed[0], needed[1], needed[2]);
    assert!(DOCUMENT.contains(&said), "{said}");
}

fn timeout() {
    for row in example("timeout") {
        let point = CurvePoint {
            in_flight: 1,
            ttft: ms(row.number("predicted TTFT, ms")),
            tpot: ms(row.number("predicted TPOT, ms")),
            request_rate: RequestsPerSecond::new(1.0).unwrap(),
        };
        let curve = Curve::new(vec![point], 1, 8, row.count("OSL")).unwrap();
        let mut plan = plan(&[1], Statistic::Mean, Some(curve));
        plan.load.request_timeout_seconds = row.count("requestTimeoutSeconds");
        row.says("timeout, s", &next_step(&plan, &[]).request_timeout_seconds.to_string());
    }
}

fn window() {
    let [requests, figures] = tables("window").try_into().unwrap();
    let request = |row: &Row| {
        let (start, end) = (row.number("sent, ms"), row.number("completed, ms"));
        let answer = Answer { ttft: Some(row.number("TTFT, ms")), latency: end - start, output_tokens: Some(10.0) };
        Request { start, end, wait: None, answer: Some(answer) }
    };
    let mut requests: Vec<Request> = requests.iter().map(request).collect();
    let window = Window::of(&mut requests, 2, None).unwrap();
    figures[0].shows("mean TTFT, ms", window.ttft.unwrap().mean.get());
    figures[0].shows("tokens/s", window.output_tokens_per_second.unwrap().get());
    figures[0].shows("requests/s", window.requests_per_second.unwrap().get());
}

fn percentile() {
    for row in example("percentile") {
        let distribution = Distribution::of(row.numbers("values, ms").into_iter()).unwrap();
        row.shows("mean", distribution.mean.get());
        row.shows("P50", distribution.p50.unwrap().get());
        row.shows("P90", distribution.p90.unwrap().get());
        row.shows("P99", distribution.p99.unwrap().get());
    }
}

fn rounds_count_once() {
    for row in example("replicates") {
        let value = |pair: &str| {
            let (round, value) = pair.split_once(':').unwrap();
            (round.trim().parse().unwrap(), number(value.trim()))
        };
        let values: Vec<(u32, f64)> = row.text("round: value").split(',').map(value).collect();
        let counted: Vec<String> = replicates(&values).iter().map(|value| format!("{value:.1}")).collect();
        row.says("values that count", &counted.join(" "));
    }
}

fn r() {
    for row in example("r") {
        let limits = SlaLimits {
            ttft: ms(row.number("TTFT limit")),
            tpot: ms(row.number("TPOT limit")),
            statistic: Statistic::Mean,
        };
        row.shows("r", limits.ratio(ms(row.number("TTFT, ms")), ms(row.number("TPOT, ms"))));
    }
}

fn level() {
    for row in example("level") {
        let ratios = row.numbers("r of the repetitions");
        let records = (1..).zip(&ratios).map(|(n, ratio)| run(10, Purpose::Decision, n, *ratio, 100.0)).collect();
        let variants = vec![variant("baseline", records, None), variant("optimized", vec![], None)];
        let judged = judge_rows(&Case::new(rules(), vec![], variants).unwrap());
        row.says("level", &format!("{:?}", judged[0].levels[0].sla.unwrap()));
    }
}

fn midpoint() {
    for row in example("midpoint") {
        let (met, missed) = (row.count("met"), row.count("missed"));
        let records = [run(met, Purpose::Ladder, 1, 0.9, 100.0), run(missed, Purpose::Ladder, 1, 1.2, 120.0)];
        let mut plan = plan(&[met, missed], Statistic::Mean, None);
        plan.load.refinements = 1;
        let step = next_step(&plan, &records);
        let refined = (step.purpose == Purpose::Refinement).then_some(f64::from(step.concurrency));
        row.shows("midpoint", refined);
    }
}

fn at_the_sla() {
    for row in example("at the sla") {
        let sample = |r: &str, tokens: &str| Sample::new(row.number(r), row.number(tokens)).unwrap();
        let pair = Pair { round: 1, below: sample("r₀", "T₀"), above: sample("r₁", "T₁") };
        row.shows("T", at_limit(&[pair]).map(|logs| logs[0].exp()));
    }
}

fn logs(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value.ln()).collect()
}

fn none(text: Option<String>) -> String {
    text.unwrap_or_else(|| "none".into())
}

fn throughput() {
    for row in example("throughput") {
        let estimate = geometric_mean(&logs(&row.numbers("Tᵢ")), 0.95).unwrap();
        row.shows("value", estimate.value);
        row.says("interval", &none(interval(&estimate)));
    }
}

fn gain() {
    for row in example("gain") {
        let sides = ["candidate", "baseline"].map(|side| logs(&row.numbers(side)));
        let gain = ratio(&sides[0], &sides[1], confidence(1)).unwrap();
        row.says("gain, %", &signed_ratio(gain.value));
        row.says("interval, %", &none(gain_interval(&gain)));
    }
}

fn confidences() {
    for row in example("confidence") {
        row.shows("confidence", confidence(row.count("candidates") as usize));
    }
}

fn calls() {
    let ratio = |percent: &str| 1.0 + number(percent) / 100.0;
    for row in example("call") {
        let interval = row.text("interval, %").split_once('…').map(|(low, high)| (ratio(low), ratio(high)));
        let call = call(&Estimate { value: ratio(row.text("gain, %")), interval }, rules().margin_percent);
        let words = match call {
            Call::Better => "Better",
            Call::Worse => "Worse",
            Call::NoDifference => "NoDifference",
            Call::Undetermined => "Undetermined",
        };
        row.says("call", words);
    }
}

fn verdict() {
    for row in example("verdict") {
        let tokens = |column: &str| 100.0 * (1.0 + row.number(column) / 100.0);
        let judged = judge(&support::case(vec![
            variant("baseline", sweep(100.0, &CALM), claimed(100.0)),
            variant("optimized", sweep(tokens("measured gain, %"), &CALM), claimed(tokens("predicted gain, %"))),
        ]));
        row.says("result", &format!("{:?}", judged.verdict.result));
        assert_ne!(judged.verdict.accuracy.unwrap().result, AccuracyResult::NotJudged);
    }
}

fn cost() {
    for row in example("cost") {
        let mut rules = rules();
        rules.gpu_hourly_cost = Some(row.number("hourly cost"));
        let records = vec![run(10, Purpose::Ladder, 1, 0.5, row.number("tokens/s/GPU"))];
        let variants = vec![variant("baseline", records, None), variant("optimized", vec![], None)];
        let figures = figures(&Case::new(rules, vec![], variants).unwrap());
        row.shows("per million tokens", figures.variants[0].levels[0].cost_per_million_output_tokens);
    }
}

/// Codes that nothing in the sources finds are said to be such.
#[test]
fn codes_that_are_never_found_are_named() {
    let mut sources = String::new();
    let mut directories = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let explains = path.ends_with("explain/codes.rs") || path.ends_with("api/codes.rs");
            if path.is_dir() {
                directories.push(path);
            } else if !explains && path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(path).unwrap();
                sources.push_str(text.split("#[cfg(test)]").next().unwrap());
            }
        }
    }
    let found = |code: &&EvidenceCode| sources.contains(&format!("EvidenceCode::{code}"));
    let never: Vec<String> =
        EvidenceCode::ALL.iter().filter(|code| !found(code)).map(|code| format!("`{code}`")).collect();
    let line = DOCUMENT.lines().find_map(|line| line.strip_prefix("Part of the API and not found by this version: "));
    let said: Vec<String> =
        line.map_or(vec![], |line| line.trim_end_matches('.').split(", ").map(str::to_owned).collect());
    assert_eq!(said, never);
}

/// Numbers that stand in the sentences of the page and in the code.
#[test]
fn defaults_in_sentences_are_the_specs() {
    let spec = |json: serde_json::Value| serde_json::from_value::<BenchmarkComparisonSpec>(json).unwrap();
    let spec = spec(serde_json::json!({
        "model": {"name": "m"}, "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
        "workload": {"inputTokens": 4000, "outputTokens": 500},
        "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 7}, "runtime": {"image": "i"}
    }));
    let load = &spec.load;
    let sentences = [
        format!(
            "With the defaults (`minimumRequests` {}, `requestsPerConcurrency` {}, `warmupPerConcurrency` {}):",
            load.minimum_requests, load.requests_per_concurrency, load.warmup_per_concurrency
        ),
        format!("With the default margin of {} %:", spec.judgement.equivalence_margin_percent),
        format!(
            "With the default tolerance of {} % and margin of {} %",
            spec.judgement.accuracy_tolerance_percent, spec.judgement.equivalence_margin_percent
        ),
    ];
    for sentence in sentences {
        assert!(DOCUMENT.contains(&sentence), "docs/method.md does not say: {sentence}");
    }
    assert_eq!(rules().margin_percent.to_string(), spec.judgement.equivalence_margin_percent.to_string());
    assert_eq!(rules().tolerance_percent.to_string(), spec.judgement.accuracy_tolerance_percent.to_string());
}
