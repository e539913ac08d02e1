//! InferenceX's published result (`agg_*.json`, of `utils/process_result.py`) → one measurement, with much missing.

use std::io::BufRead;

use super::fields::{self, Fields, SECONDS};
use super::format::{Asked, ResultFormat, ResultTrial, Tells, Told, has_key};
use crate::measurement::error::ParseError;
use crate::measurement::{Distribution, Facts, Measurement, Metric};
use crate::units::{LatencyLimits, TokensPerSecond};

const FILE: &str = "agg_result.json";

/// SemiAnalysis' collection of benchmarks. Lengths are drawn anew for each request, and of throughput only a figure per GPU
/// is kept: the file that the load tool itself wrote, which lies beside it, says more.
pub struct InferenceX;

impl ResultFormat for InferenceX {
    fn name(&self) -> &'static str {
        "InferenceX"
    }

    fn file(&self) -> &'static str {
        "agg_*.json"
    }

    fn tells(&self) -> Tells {
        Tells {
            versions: "`agg_*.json`; neither requests nor tokens are counted, so it is rejected: give the load tool's own file",
            concurrency: "`conc`",
            model: true,
            request_latency: Told::Yes,
            failed_requests: Told::No,
            warmup: Told::No,
            cached_tokens: Told::No,
            records: Told::No,
        }
    }

    fn recognizes(&self, beginning: &[u8]) -> bool {
        has_key(beginning, "infmax_model_prefix")
            || ["conc", "hw", "tput_per_gpu"].iter().all(|key| has_key(beginning, key))
    }

    fn read(
        &self,
        result: &mut dyn BufRead,
        _records: Option<&mut dyn BufRead>,
        _limits: Option<LatencyLimits>,
    ) -> Result<Vec<Result<ResultTrial, ParseError>>, ParseError> {
        let root = fields::read(FILE, result, &[])?;
        Ok(vec![read_run(&mut Fields::new(FILE, &root))])
    }
}

fn read_run(fields: &mut Fields<'_>) -> Result<ResultTrial, ParseError> {
    let users = fields.count("/conc")?.filter(|users| *users > 0);
    let concurrency = users.ok_or_else(|| fields.other_load("/conc", "no concurrency"))?;
    let asked = Asked { input_tokens: fields.optional("/isl")?, output_tokens: fields.optional("/osl")? };
    let throughput = throughput(fields)?;
    let measurement = Measurement {
        tool: "inferencex".into(),
        concurrency,
        requests: 0,
        errors: None,
        first_error: None,
        ttft: distribution(fields, Metric::Ttft, "ttft")?,
        tpot: distribution(fields, Metric::Tpot, "tpot")?,
        request_latency: distribution(fields, Metric::RequestLatency, "e2el")?,
        output_tokens_per_second: throughput,
        requests_per_second: None,
        good_requests_percent: None,
        counted: None,
        facts: Facts {
            model: fields.name("/model"),
            requests_unknown: Some(true),
            not_finite: std::mem::take(&mut fields.not_finite),
            ..Facts::default()
        },
    };
    Ok(ResultTrial { asked, ..measurement.by_littles_law().into() })
}

fn distribution(fields: &mut Fields<'_>, metric: Metric, name: &str) -> Result<Option<Distribution>, ParseError> {
    fields.distribution(metric, SECONDS, |statistic| {
        let statistic = if statistic == "p50" { "median" } else { statistic };
        format!("/{statistic}_{name}")
    })
}

/// Output tokens each second, of the figure per GPU and the GPUs it was divided by.
fn throughput(fields: &mut Fields<'_>) -> Result<Option<TokensPerSecond>, ParseError> {
    let size = |path: &str| -> Result<f64, ParseError> { Ok(fields.optional(path)?.unwrap_or(1.0)) };
    let gpus = if fields.flag("/is_multinode") == Some(true) {
        match fields.optional("/num_decode_gpu")?.filter(|gpus| *gpus > 0.0) {
            Some(gpus) => Some(gpus),
            None => fields.optional("/num_prefill_gpu")?,
        }
    } else if fields.at("/tp").is_some() {
        Some(size("/tp")? * size("/pp")? * size("/pcp_size")?)
    } else {
        None
    };
    let per_gpu = fields.number("/output_tput_per_gpu", Metric::OutputTokensPerSecond)?;
    Ok(per_gpu.zip(gpus).and_then(|(per_gpu, gpus)| TokensPerSecond::new(per_gpu * gpus).ok()))
}
