//! AIConfigurator's output, all layouts of versions 0.1 to 0.12.
//!
//! | Versions | Predictions, below the run's directory | Manifests |
//! |---|---|---|
//! | 0.1, 0.2 | `{agg,disagg}_pareto.csv` | `backend_configs/{agg,disagg}/k8s_deploy.yaml` of the best row, or none |
//! | 0.3, 0.4 | `{agg,disagg}/best_config_topn.csv`, `pareto.csv` | `{agg,disagg}/topN/{agg,disagg}/k8s_deploy.yaml` |
//! | 0.8 … 0.12 | the same; the directory may have the name of an experiment | `{agg,disagg}/topN/k8s_deploy.yaml` |
//!
//! The run's directory lies one level deeper when the model's id has a slash.

mod layout;
mod table;

use layout::{Experiment, Run};
pub use table::{RankedRow, read_estimate, read_table};

use super::source::{NoFeasibleConfiguration, mode_word};
use super::source::{Picked, Source, SourceError, Wanted};
use super::{Files, Row, Serving};
use crate::api::ServingMode;

/// The predictor of NVIDIA Dynamo.
pub struct Aiconfigurator;

impl Source for Aiconfigurator {
    fn name(&self) -> &'static str {
        "aiconfigurator"
    }

    fn recognizes(&self, files: &Files) -> bool {
        !layout::runs(files).is_empty()
    }

    fn pick(&self, files: &Files, wanted: &Wanted) -> Result<Picked, SourceError> {
        let run = layout::only_run(files)?;
        let ranking = ranking(files, &run, wanted)?;
        pick(files, &run, ranking, wanted)
    }
}

/// A row of one experiment: its place in the tool's own ranking decides where its manifests lie.
struct Candidate<'a> {
    experiment: &'a Experiment,
    /// Place in the file, from 1.
    place: usize,
    ranked: RankedRow,
}

/// All rows of the wanted serving mode: those of the tool's ranking, and further ones.
struct Rankings<'a> {
    ranked: Vec<Candidate<'a>>,
    others: Vec<Row>,
}

fn ranking<'a>(files: &Files, run: &'a Run, wanted: &Wanted) -> Result<Rankings<'a>, SourceError> {
    let mut rankings = Rankings { ranked: vec![], others: vec![] };
    for experiment in &run.experiments {
        let table = |path: &str| -> Result<Vec<RankedRow>, SourceError> {
            let rows = read_table(path, files.get(path).map_or("", String::as_str))?;
            rows.iter().try_for_each(|ranked| same_workload(path, &ranked.row, wanted))?;
            Ok(rows.into_iter().filter(|ranked| is_wanted(&ranked.row.serving, wanted.serving_mode)).collect())
        };
        let mut ranked = table(&experiment.ranking)?;
        if !experiment.ranked {
            // Rows of the oldest layout come in no order; the tool took the best that keeps the limits.
            let misses = |ranked: &RankedRow| ranked.row.strain(wanted.limits) > 1.0;
            ranked
                .sort_by(|a, b| misses(a).cmp(&misses(b)).then(b.cluster_throughput.total_cmp(&a.cluster_throughput)));
        }
        let candidates = ranked.into_iter().enumerate();
        rankings.ranked.extend(candidates.map(|(index, ranked)| Candidate { experiment, place: index + 1, ranked }));
        if let Some(path) = &experiment.pareto {
            rankings.others.extend(table(path)?.into_iter().map(|ranked| ranked.row));
        }
    }
    Ok(rankings)
}

fn is_wanted(serving: &Serving, mode: ServingMode) -> bool {
    match mode {
        ServingMode::Aggregated => matches!(serving, Serving::Aggregated { .. }),
        ServingMode::Disaggregated => matches!(serving, Serving::Disaggregated { .. }),
        ServingMode::Best => true,
    }
}

fn same_workload(file: &str, row: &Row, wanted: &Wanted) -> Result<(), SourceError> {
    if (row.input_tokens, row.output_tokens) == (wanted.input_tokens, wanted.output_tokens) {
        return Ok(());
    }
    Err(SourceError::OtherWorkload {
        file: file.to_owned(),
        found_input: row.input_tokens,
        found_output: row.output_tokens,
        input: wanted.input_tokens,
        output: wanted.output_tokens,
    })
}

fn pick(files: &Files, run: &Run, rankings: Rankings<'_>, wanted: &Wanted) -> Result<Picked, SourceError> {
    let Rankings { ranked, mut others } = rankings;
    // The tool ranks rows that miss the SLA too, unless it is told to be strict.
    let (mut feasible, missed): (Vec<_>, Vec<_>) =
        ranked.into_iter().partition(|candidate| candidate.ranked.row.strain(wanted.limits) <= 1.0);
    if feasible.is_empty() {
        let rows = missed.into_iter().map(|candidate| candidate.ranked.row).chain(others);
        return Err(SourceError::NoFeasibleConfiguration(no_feasible_configuration(rows, wanted)));
    }
    if wanted.serving_mode == ServingMode::Best {
        feasible.sort_by(|a, b| b.ranked.cluster_throughput.total_cmp(&a.ranked.cluster_throughput));
    }
    let (found, mode) = (feasible.len(), mode_word(wanted.serving_mode));
    let index = wanted.rank.saturating_sub(1);
    if index >= found {
        return Err(SourceError::RankTooHigh { rank: wanted.rank, found, mode });
    }
    let picked = feasible.swap_remove(index);
    others.extend(feasible.into_iter().map(|candidate| candidate.ranked.row));
    Ok(Picked {
        manifests: run.manifests(files, picked.experiment, picked.place).map(str::to_owned),
        row: picked.ranked.row,
        tool: "aiconfigurator".into(),
        others,
    })
}

/// What is nearest among rows of which none keeps the limits.
pub fn no_feasible_configuration(rows: impl Iterator<Item = Row>, wanted: &Wanted) -> NoFeasibleConfiguration {
    let nearest = rows.min_by(|a, b| a.strain(wanted.limits).total_cmp(&b.strain(wanted.limits)));
    NoFeasibleConfiguration {
        mode: mode_word(wanted.serving_mode),
        gpus: wanted.gpus,
        limits: wanted.limits,
        nearest: nearest.map(Box::new),
    }
}
