//! Accepted levels in the columns of AIConfigurator's `silicon_refs.csv`, by which its estimates are held to hardware.

use std::collections::BTreeMap;

use super::{Evaluated, OfflineVariant};
use crate::api::{BenchmarkComparisonSpec, LevelStatus, VariantStatus};
use crate::method::estimate::Estimates;
use crate::prediction::{Serving, Shape, Workers};
use crate::verdict::judged::JudgedVariant;

/// The columns, in the file's order.
const COLUMNS: [&str; 34] = [
    "id",
    "silicon_data_source",
    "backend",
    "backend_version",
    "model_path",
    "system",
    "precision",
    "mode",
    "isl",
    "osl",
    "gemm_quant_mode",
    "moe_quant_mode",
    "batch_size",
    "tp_size",
    "pp_size",
    "attention_dp_size",
    "moe_tp_size",
    "moe_ep_size",
    "prefill_batch_size",
    "prefill_num_workers",
    "prefill_tp_size",
    "prefill_pp_size",
    "prefill_attention_dp_size",
    "prefill_moe_tp_size",
    "prefill_moe_ep_size",
    "decode_batch_size",
    "decode_num_workers",
    "decode_tp_size",
    "decode_pp_size",
    "decode_attention_dp_size",
    "decode_moe_tp_size",
    "decode_moe_ep_size",
    "silicon_ttft_ms",
    "silicon_tpot_ms",
];

/// The table, and the variants that are not in it, with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Silicon {
    pub table: String,
    pub left_out: Vec<(String, &'static str)>,
}

/// One row for each level with accepted trials, up to what the engines work on at once.
pub fn export(
    name: &str,
    spec: &BenchmarkComparisonSpec,
    known: &BTreeMap<String, OfflineVariant>,
    evaluated: &Evaluated,
) -> Silicon {
    let mut silicon = Silicon { table: COLUMNS.join(",") + "\n", left_out: vec![] };
    for variant in &evaluated.variants {
        let Some(known) = known.get(&variant.name) else { continue };
        let Some(shape) = &known.shape else {
            let why = "its engines are unknown: describe them in spec.variants[].shape";
            silicon.left_out.push((variant.name.clone(), why));
            continue;
        };
        let estimated = known.prediction.as_ref().and_then(|prediction| prediction.curve.as_ref()?.capacity());
        let capacity = [capacity(&shape.serving), estimated].into_iter().flatten().min();
        let levels = variant.levels.iter().filter(|level| capacity.is_none_or(|most| level.concurrency <= most));
        let judged = evaluated.judged.variants().find(|judged| judged.records.name == variant.name);
        let subject = SiliconSubject { name, spec, variant, known, shape, judged };
        let rows: Vec<String> = levels.filter_map(|level| subject.row(level)).collect();
        if rows.is_empty() {
            silicon.left_out.push((variant.name.clone(), "no level within its capacity has an accepted trial"));
        }
        silicon.table.extend(rows);
    }
    silicon
}

/// Requests that the engines' batches hold at once, where they are known. The KV cache may hold fewer.
fn capacity(serving: &Serving) -> Option<u32> {
    let decoding = match serving {
        Serving::Aggregated { workers } => workers,
        Serving::Disaggregated { decode, .. } => decode,
    };
    Some(decoding.max_batch_size?.saturating_mul(engines(decoding)))
}

/// Places among which requests are spread: engines, and the groups in them that attend to their own requests.
fn engines(workers: &Workers) -> u32 {
    workers.replicas.saturating_mul(workers.data_parallel).max(1)
}

struct SiliconSubject<'a> {
    name: &'a str,
    spec: &'a BenchmarkComparisonSpec,
    variant: &'a VariantStatus,
    known: &'a OfflineVariant,
    shape: &'a Shape,
    judged: Option<JudgedVariant<'a>>,
}

impl SiliconSubject<'_> {
    /// `None` where nothing was accepted at the level.
    fn row(&self, level: &LevelStatus) -> Option<String> {
        let figures = &level.measured.as_ref()?.figures;
        let tpot = figures.tpot_milliseconds.clone()?;
        // One that holds the start of the load is not a reference.
        let ttft = figures.ttft_milliseconds.clone().filter(|_| self.is_ttft_counted(level.concurrency));
        let mut cells: Vec<String> = self.about(level.concurrency);
        let (agg, prefill, decode) = match &self.shape.serving {
            Serving::Aggregated { workers } => (Some(workers), None, None),
            Serving::Disaggregated { prefill, decode } => (None, Some(prefill), Some(decode)),
        };
        cells.extend(parallel(agg, level.concurrency, false));
        // Prompts are taken one by one, as AIConfigurator's own references have it.
        cells.extend(parallel(prefill, prefill.map_or(0, engines), true));
        cells.extend(parallel(decode, level.concurrency, true));
        cells.extend([ttft.unwrap_or_default(), tpot]);
        Some(cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n")
    }

    fn is_ttft_counted(&self, concurrency: u32) -> bool {
        let levels = self.judged.map_or(&[][..], |judged| &judged.shown.levels);
        let level = levels.iter().find(|level| level.concurrency == concurrency);
        level.and_then(|level| level.shown.as_ref()).is_some_and(|shown| shown.is_ttft_counted)
    }

    fn about(&self, concurrency: u32) -> Vec<String> {
        let Self { name, spec, variant, known, shape, judged: _ } = self;
        let origin = known.prediction.as_ref().and_then(|prediction| prediction.origin.as_ref());
        let weights = shape.weights.clone().or_else(|| origin.and_then(|origin| origin.weights.clone()));
        let weights = weights.unwrap_or_default();
        let image = shape.image.as_deref().or(spec.runtime.image.as_deref()).unwrap_or("unknown");
        let mode = if matches!(shape.serving, Serving::Aggregated { .. }) { "agg" } else { "disagg" };
        let (isl, osl) = (spec.workload.input_tokens, spec.workload.output_tokens);
        let backend = spec.runtime.backend.as_str();
        let version = origin.and_then(|origin| origin.engine_version.clone()).unwrap_or_default();
        let id: &str = &format!("bcmp_{name}_{}_{mode}_{isl}x{osl}_c{concurrency}", variant.name);
        let source: &str = &format!(
            "bcmp comparison {name}; variant={}; silicon_concurrency={concurrency}; image={image}",
            variant.name
        );
        let (model, system) = (spec.predicted_model(), spec.hardware.system.as_str());
        let named: [&str; 8] = [id, source, backend, &version, model, system, precision(&weights), mode];
        let mut cells = named.map(|cell: &str| cell.to_owned()).to_vec();
        cells.extend([isl.to_string(), osl.to_string(), weights.clone(), weights]);
        cells
    }
}

/// The parallelism of workers, with the requests that each place holds; empty where there are no such workers.
fn parallel(workers: Option<&Workers>, requests: u32, with_count: bool) -> Vec<String> {
    let Some(workers) = workers else { return vec![String::new(); if with_count { 7 } else { 6 }] };
    let batch = requests.div_ceil(engines(workers)).max(1);
    let mut cells = vec![batch];
    cells.extend(with_count.then_some(workers.replicas));
    cells.extend([workers.tensor_parallel, workers.pipeline_parallel, workers.data_parallel]);
    cells.extend([workers.moe_tensor_parallel.unwrap_or(1), workers.moe_expert_parallel.unwrap_or(1)]);
    cells.iter().map(u32::to_string).collect()
}

fn precision(weights: &str) -> &'static str {
    match weights {
        of if of.contains("fp8") || of.contains("float8") => "fp8",
        of if of.contains("fp4") => "fp4",
        "" => "",
        _ => "bf16",
    }
}

/// A cell as CSV needs it.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Workers::new(8, 1, 1), 12, "12 8 1 1 1 1")]
    #[case(Workers::new(1, 1, 8), 12, "2 1 1 1 1 1")]
    #[case(Workers { data_parallel: 4, moe_expert_parallel: Some(4), ..Workers::new(1, 1, 2) }, 64, "8 1 1 4 1 4")]
    fn a_batch_is_what_one_engine_holds(#[case] workers: Workers, #[case] requests: u32, #[case] expected: &str) {
        assert_eq!(parallel(Some(&workers), requests, false).join(" "), expected);
    }

    #[test]
    fn columns_are_as_many_as_cells() {
        let cells = 12 + parallel(None, 1, false).len() + 2 * parallel(None, 1, true).len() + 2;
        assert_eq!(cells, COLUMNS.len());
    }

    #[rstest]
    #[case("bfloat16", "bf16")]
    #[case("fp8_block", "fp8")]
    #[case("nvfp4", "fp4")]
    #[case("", "")]
    fn types_have_the_names_of_the_references(#[case] weights: &str, #[case] expected: &str) {
        assert_eq!(precision(weights), expected);
    }
}
