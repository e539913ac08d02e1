//! AISimulate: the report that `aisimulate predict` writes, with the YAML it was given. Only files are read of it.
//!
//! `prediction.json` holds figures and not what they are for: model, GPUs, engine and load stand in the YAML of `--config`
//! alone, so that has to lie beside it.

mod config;
mod report;

use std::collections::BTreeMap;

use serde_json::Value;

use self::config::Config;
use self::report::SimulationReport;
use super::predictor::{Files, NoFeasibleConfiguration, PickError, Picked, Predictor, Wanted, mode_word};
use crate::api::{ClaimPredictor, ServingMode};
use crate::prediction::like::Unlike;
use crate::prediction::row::Row;
use crate::prediction::serving::Serving;

const TOOL: &str = "aisimulate";
const REPORT: &str = "prediction.json";

/// NVIDIA's simulator of schedulers.
pub struct Aisimulate;

impl Predictor for Aisimulate {
    fn name(&self) -> &'static str {
        TOOL
    }

    fn kind(&self) -> ClaimPredictor {
        ClaimPredictor::Aisimulate
    }

    fn output(&self) -> &'static str {
        "the directory that `aisimulate predict` wrote with --output-dir, with the YAML of --config in it"
    }

    fn needs(&self, path: &str) -> bool {
        is_report(path) || [".yaml", ".yml"].iter().any(|ending| path.ends_with(ending))
    }

    fn recognizes(&self, files: &Files) -> bool {
        files.iter().any(|(path, text)| is_report(path) && SimulationReport::is_one(text))
    }

    fn pick(&self, files: &Files, wanted: &Wanted<'_>) -> Result<Picked, PickError> {
        pick(files, wanted)
    }
}

fn is_report(path: &str) -> bool {
    path.rsplit('/').next() == Some(REPORT)
}

/// The best of the reports that meet the limits, by throughput per GPU.
fn pick(files: &Files, wanted: &Wanted<'_>) -> Result<Picked, PickError> {
    let configs: BTreeMap<&str, Config> = files
        .iter()
        .filter(|(path, _)| !is_report(path))
        .filter_map(|(path, text)| Some((path.as_str(), Config::read(&serde_saphyr::from_str(text).ok()?)?)))
        .collect();
    let reports = files.iter().filter(|(path, text)| is_report(path) && SimulationReport::is_one(text));
    let mut rows = vec![];
    for (path, text) in reports {
        let config = config_of(path, &configs)?;
        let row = row(path, text, config, wanted)?;
        if is_wanted(&row.serving, wanted.serving_mode) {
            rows.push(row);
        }
    }
    let (mut feasible, missed): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| wanted.strain(row) <= 1.0);
    let (found, index) = (feasible.len(), wanted.rank.saturating_sub(1));
    if feasible.is_empty() {
        let nearest = NoFeasibleConfiguration::new(missed.into_iter(), wanted);
        return Err(PickError::NoFeasibleConfiguration(nearest));
    }
    if index >= found {
        return Err(PickError::RankTooHigh { rank: wanted.rank, found, mode: mode_word(wanted.serving_mode) });
    }
    feasible.sort_by(|a, b| b.tokens_per_second_per_gpu().get().total_cmp(&a.tokens_per_second_per_gpu().get()));
    let row = feasible.remove(index);
    feasible.extend(missed);
    Ok(Picked { row, tool: TOOL.into(), manifests: None, others: feasible })
}

fn is_wanted(serving: &Serving, mode: ServingMode) -> bool {
    match mode {
        ServingMode::Aggregated => matches!(serving, Serving::Aggregated { .. }),
        ServingMode::Disaggregated => matches!(serving, Serving::Disaggregated { .. }),
        ServingMode::Best => true,
    }
}

/// The configuration in the report's directory, or else the only one there is.
fn config_of<'a>(report: &str, configs: &'a BTreeMap<&str, Config>) -> Result<&'a Config, PickError> {
    let directory = |path: &str| path.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
    let unreadable = |problem: &str| PickError::Unreadable { file: report.to_owned(), problem: problem.to_owned() };
    let beside: Vec<&Config> =
        configs.iter().filter(|(path, _)| directory(path) == directory(report)).map(|(_, config)| config).collect();
    let all: Vec<&Config> = configs.values().collect();
    match (beside.as_slice(), all.as_slice()) {
        ([config], _) | ([], [config]) => Ok(config),
        ([], _) => Err(unreadable(
            "does not show for which model, GPUs and load it was computed: put the YAML of --config beside it",
        )),
        _ => Err(unreadable("has several configurations beside it: leave the YAML of its own --config alone there")),
    }
}

fn row(path: &str, text: &str, config: &Config, wanted: &Wanted<'_>) -> Result<Row, PickError> {
    let unreadable = |problem: String| PickError::Unreadable { file: path.to_owned(), problem };
    let value: Value = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    let row = SimulationReport::read(&value).and_then(|report| report.row(config)).map_err(unreadable)?;
    if let Some(like) = wanted.like {
        let differs = like.differs(&row, &config.subject());
        if let Some(unlike) = differs.or(config.speculation().map(Unlike::Speculation)) {
            return Err(PickError::OtherSubject { file: path.to_owned(), unlike });
        }
    }
    if (row.input_tokens, row.output_tokens) != (wanted.input_tokens, wanted.output_tokens) {
        return Err(PickError::OtherWorkload {
            file: path.to_owned(),
            found_input: row.input_tokens,
            found_output: row.output_tokens,
            input: wanted.input_tokens,
            output: wanted.output_tokens,
        });
    }
    Ok(row)
}
