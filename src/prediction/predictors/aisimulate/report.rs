//! The figures of `prediction.json`: at the top, or below `summary` where details were asked for.

use serde_json::Value;

use super::config::Config;
use crate::prediction::row::Row;
use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

/// Keys that every report has.
const KEYS: [&str; 2] = ["\"output_throughput_tok_s\"", "\"mean_ttft_ms\""];
const MILLISECONDS_OF_AN_HOUR: f64 = 3_600_000.0;

pub(super) struct SimulationReport<'a> {
    summary: &'a Value,
}

impl<'a> SimulationReport<'a> {
    pub fn is_one(text: &str) -> bool {
        KEYS.iter().all(|key| text.contains(key))
    }

    pub fn read(value: &'a Value) -> Result<Self, String> {
        let summary = value.get("summary").filter(|summary| summary.is_object()).unwrap_or(value);
        let report = Self { summary };
        let (sent, completed) = (report.number("num_requests"), report.positive("completed_requests")?);
        if let Some(sent) = sent.filter(|sent| *sent > completed) {
            return Err(format!(
                "only {completed} of {sent} requests completed in the simulation: its means are of those alone"
            ));
        }
        Ok(report)
    }

    /// The whole deployment at its concurrency.
    pub fn row(&self, config: &Config) -> Result<Row, String> {
        let completed = self.positive("completed_requests")?;
        let tokens = |path: &str, total: &str| {
            let whole = || Some((self.number(total)? / completed).round()).filter(|mean| *mean >= 1.0);
            let count = config.count(path).or_else(|| whole().map(|mean| mean as u32));
            count.ok_or_else(|| format!("field {total} is missing or 0"))
        };
        let input_tokens = tokens("/traffic/source/input_tokens", "total_input_tokens")?;
        let output_tokens = tokens("/traffic/source/output_tokens", "total_output_tokens")?;
        if self.number("num_tpot_samples") == Some(0.0) {
            return Err("has no sample of time per output token".into());
        }
        let (ttft, tpot) = (self.positive("mean_ttft_ms")?, self.positive("mean_tpot_ms")?);
        let throughput = self.positive("output_throughput_tok_s")?;
        let sum = ttft + tpot * f64::from(output_tokens.saturating_sub(1));
        let serving = config.serving()?;
        let gpus = self.gpus().unwrap_or_else(|| serving.gpus()).max(1);
        let rate = self.number("request_throughput_rps").unwrap_or(throughput / f64::from(output_tokens.max(1)));
        let per_gpu = TokensPerSecond::new(throughput / f64::from(gpus)).map_err(|error| error.to_string())?;
        Ok(Row {
            serving,
            gpus,
            concurrency: config.concurrency()?,
            ttft: milliseconds(ttft)?,
            tpot: milliseconds(tpot)?,
            request_latency: milliseconds(self.number("mean_e2e_latency_ms").unwrap_or(sum))?,
            request_rate: RequestsPerSecond::new(rate).map_err(|error| error.to_string())?,
            advertised_tokens_per_second_per_gpu: per_gpu,
            num_tokens: None,
            context_tokens: None,
            input_tokens,
            output_tokens,
            weights: None,
            kv_cache: None,
            backend: Some(config.backend()),
            inclusive_tpot: None,
            database_version: config.backend_version(),
        })
    }

    /// GPUs held on average, by the report's own count.
    fn gpus(&self) -> Option<u32> {
        let of_hours = || Some(self.number("gpu_hours")? / (self.number("duration_ms")? / MILLISECONDS_OF_AN_HOUR));
        let gpus = self.number("num_total_gpus").or_else(of_hours)?.round();
        (1.0..=1e6).contains(&gpus).then_some(gpus as u32)
    }

    fn number(&self, field: &str) -> Option<f64> {
        self.summary.get(field)?.as_f64().filter(|number| number.is_finite() && *number >= 0.0)
    }

    fn positive(&self, field: &str) -> Result<f64, String> {
        self.number(field)
            .filter(|number| *number > 0.0)
            .ok_or_else(|| format!("field {field} is missing or not positive"))
    }
}

fn milliseconds(number: f64) -> Result<Milliseconds, String> {
    Milliseconds::new(number).map_err(|error| error.to_string())
}
