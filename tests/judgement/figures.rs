//! What the report shows beside the status (METHOD §8).

use bcmp::judgement::Case;
use bcmp::judgement::figures::{Ordering, figures};
use bcmp::judgement::rules::Rules;
use bcmp::prediction::Prediction;
use rstest::rstest;

use crate::support::*;

#[test]
fn percentiles_are_averaged_over_accepted_runs() {
    let mut records = sweep(100.0, &[1.0, 1.0]);
    let p99 = [200.0, 300.0, 900.0];
    for (record, p99) in records.iter_mut().filter(|record| record.step.concurrency == 10).zip(p99) {
        let measurement = record.measurement.as_mut().unwrap();
        measurement.tpot.as_mut().unwrap().p99 = Some(ms(p99));
        measurement.good_requests_percent = Some(p99 / 10.0);
    }
    let records = reject(records, |step| step.concurrency == 10 && step.repetition == 2);
    let figures = figures(&case(vec![variant("baseline", records, None), variant("optimized", vec![], None)]));
    let level = figures.variants[0].levels.iter().find(|level| level.concurrency == 10).unwrap();
    assert_eq!((level.runs, level.tpot.unwrap().p99, level.tpot.unwrap().p50), (2, Some(ms(250.0)), Some(ms(50.0))));
    assert_eq!(level.good_requests_percent, Some(25.0));
    assert_eq!(level.requests_per_second.unwrap().get(), 50.0 * 8.0 / 100.0);
    assert!(figures.variants[1].levels.is_empty());
}

#[test]
fn a_level_without_accepted_runs_has_no_figures() {
    let records = reject(sweep(100.0, &CALM), |step| step.concurrency == 1);
    let figures = figures(&case(vec![variant("baseline", records, None), variant("optimized", vec![], None)]));
    let levels: Vec<u32> = figures.variants[0].levels.iter().map(|level| level.concurrency).collect();
    assert_eq!(levels, [10, 20]);
}

#[rstest]
// 50 tokens/s on a GPU are 180 000 an hour: a million take 5.56 GPU-hours.
#[case(Some(1.8), Some(10.0))]
#[case(Some(0.0), Some(0.0))]
#[case(None, None)]
fn tokens_have_a_price(#[case] gpu_hourly_cost: Option<f64>, #[case] cost: Option<f64>) {
    let rules = Rules { gpu_hourly_cost, ..rules() };
    let variants = vec![variant("baseline", sweep(100.0, &[1.0]), None), variant("optimized", vec![], None)];
    let figures = figures(&Case::new(rules, vec![], variants).unwrap());
    assert_eq!(figures.variants[0].levels[1].cost_per_million_output_tokens, cost);
}

#[rstest]
#[case::in_the_predicted_order([110.0, 120.0, 130.0], [210.0, 220.0, 290.0], Some(Ordering { agreeing: 3, pairs: 3 }))]
#[case::two_swapped([110.0, 120.0, 130.0], [110.0, 140.0, 130.0], Some(Ordering { agreeing: 2, pairs: 3 }))]
#[case::the_other_way([110.0, 120.0, 130.0], [130.0, 120.0, 110.0], Some(Ordering { agreeing: 0, pairs: 3 }))]
fn the_predictor_s_order_of_candidates(
    #[case] predictions: [f64; 3],
    #[case] tokens: [f64; 3],
    #[case] expected: Option<Ordering>,
) {
    let order = |predict: fn(f64) -> Option<Prediction>| {
        let names = ["one", "two", "three"].into_iter().zip(predictions.into_iter().zip(tokens));
        let candidates = names.map(|(name, (said, found))| variant(name, sweep(found, &CALM), predict(said)));
        let baseline = variant("baseline", sweep(100.0, &CALM), claimed(100.0));
        figures(&case(std::iter::once(baseline).chain(candidates).collect())).ordering
    };
    assert_eq!(order(claimed), expected);
    assert_eq!(order(|_| None), None, "nothing was predicted");
}
