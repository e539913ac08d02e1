//! Engines with a predictor's step times in place of constants.

use bcmp::simulation::engine::{Grid, GridPoints, Pool, Routing, StepTime, Topology};
use serde_json::Value;

use crate::guide::{count, percent, tp1x8, tp8};
use crate::reference::{Case, Lasting};

const STEPS: &str = include_str!("../../tests/fixtures/engine/steps-qwen3-32b-h200.json");

/// What decoding adds to a step with prompts.
#[derive(Clone, Copy, PartialEq)]
pub enum Mixed {
    /// What it takes alone.
    Sum,
    /// What the predictor says.
    AsPredicted,
}

/// Step times of one or eight GPUs.
fn step_time(gpus: u64, mixed: Mixed) -> StepTime {
    let shapes: Vec<Value> = serde_json::from_str(STEPS).unwrap();
    let shape = shapes.iter().find(|shape| shape["tensorParallel"] == gpus).unwrap();
    let row = |value: &Value| -> Vec<f64> { value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect() };
    let rows = |value: &Value| -> Vec<Vec<f64>> { value.as_array().unwrap().iter().map(row).collect() };
    let points = GridPoints {
        prompt_tokens: row(&shape["promptTokens"]),
        prefill: row(&shape["prefill"]),
        batches: row(&shape["batches"]),
        contexts: row(&shape["contexts"]),
        decode: rows(&shape["decode"]),
        beside_prompts: if mixed == Mixed::Sum { vec![] } else { rows(&shape["besidePrompts"]) },
    };
    StepTime::Grid(Grid::try_from(points).unwrap())
}

fn predicted(mut pool: Pool, gpus: u64, mixed: Mixed) -> Pool {
    pool.engine.steps = step_time(gpus, mixed);
    pool.engine.scatter = percent(0.0);
    pool
}

/// As the predictor writes the guide's naive deployment: 128 seats, two prompts a step, KV memory for 52 requests.
fn naive(mixed: Mixed) -> Pool {
    let mut pool = predicted(tp1x8(Routing::LeastLoaded), 1, mixed);
    pool.engine.max_batch = count(128);
    pool.engine.max_num_tokens = count(8192);
    pool.engine.kv_tokens = std::num::NonZeroU64::new(234_655);
    pool
}

/// Held against a prototype by another author, which agrees with `aisimulate-core`.
pub fn cases() -> Vec<Case> {
    let case = |name, pool: fn(Mixed) -> Pool, concurrency, [sum, as_predicted]: [[f64; 2]; 2]| {
        [(Mixed::Sum, sum), (Mixed::AsPredicted, as_predicted)].map(|(mixed, [ttft, tpot])| Case {
            name,
            topology: Topology::Aggregated(pool(mixed)),
            concurrency,
            theirs: Lasting { ttft, tpot },
            within: 0.15,
        })
    };
    let capped = |mixed| predicted(tp8(12), 8, mixed);
    let wide = |mixed| predicted(tp8(256), 8, mixed);
    let both = [
        case("TP8, batch 12", capped, 4, [[92.0, 5.632], [87.9, 5.607]]),
        case("TP8, batch 12", capped, 12, [[92.5, 7.544], [88.2, 7.450]]),
        case("TP8, batch 256", wide, 50, [[96.4, 18.121], [91.3, 17.621]]),
        case("TP1 x 8", naive, 56, [[723.8, 25.912], [706.3, 25.806]]),
        case("TP1 x 8", naive, 104, [[750.6, 31.838], [733.5, 31.632]]),
        case("TP1 x 8", naive, 256, [[784.2, 50.770], [768.6, 50.300]]),
        case("TP1 x 8", naive, 384, [[789.6, 68.419], [774.4, 67.721]]),
    ];
    both.into_iter().flatten().collect()
}
