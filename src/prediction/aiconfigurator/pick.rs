//! A row picked from AIConfigurator's files.

use super::layout::{self, Experiment, SaveDirectory, TOOL};
use super::table::{RankedRow, read_table};
use crate::api::ServingMode;
use crate::prediction::predictor::{Files, NoFeasibleConfiguration, PickError, Picked, Wanted, mode_word};
use crate::prediction::row::Row;
use crate::prediction::serving::Serving;

/// The row that is wanted, with the manifests the tool wrote for it.
pub(super) fn pick(files: &Files, wanted: &Wanted) -> Result<Picked, PickError> {
    let run = layout::only_directory(files)?;
    let rankings = ranking(files, &run, wanted)?;
    pick_from(files, &run, rankings, wanted)
}

/// A row of one experiment. Its place in the tool's own ranking decides where its manifests are.
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

fn ranking<'a>(files: &Files, run: &'a SaveDirectory, wanted: &Wanted) -> Result<Rankings<'a>, PickError> {
    let mut rankings = Rankings { ranked: vec![], others: vec![] };
    for experiment in &run.experiments {
        let table = |path: &str| -> Result<Vec<RankedRow>, PickError> {
            let rows = read_table(path, files.get(path).map_or("", String::as_str))?;
            rows.iter().try_for_each(|ranked| same_workload(path, &ranked.row, wanted))?;
            Ok(rows.into_iter().filter(|ranked| is_wanted(&ranked.row.serving, wanted.serving_mode)).collect())
        };
        let mut ranked = table(&experiment.ranking)?;
        if !experiment.ranked {
            // Rows of the oldest layout come in no order; the tool took the best that meets the limits.
            let misses = |ranked: &RankedRow| wanted.strain(&ranked.row) > 1.0;
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

fn same_workload(file: &str, row: &Row, wanted: &Wanted) -> Result<(), PickError> {
    if (row.input_tokens, row.output_tokens) == (wanted.input_tokens, wanted.output_tokens) {
        return Ok(());
    }
    Err(PickError::OtherWorkload {
        file: file.to_owned(),
        found_input: row.input_tokens,
        found_output: row.output_tokens,
        input: wanted.input_tokens,
        output: wanted.output_tokens,
    })
}

fn pick_from(files: &Files, run: &SaveDirectory, rankings: Rankings<'_>, wanted: &Wanted) -> Result<Picked, PickError> {
    let Rankings { ranked, mut others } = rankings;
    // The tool ranks rows that miss the SLA too, unless it is told to be strict.
    let (mut feasible, missed): (Vec<_>, Vec<_>) =
        ranked.into_iter().partition(|candidate| wanted.strain(&candidate.ranked.row) <= 1.0);
    if feasible.is_empty() {
        let rows = missed.into_iter().map(|candidate| candidate.ranked.row).chain(others);
        return Err(PickError::NoFeasibleConfiguration(NoFeasibleConfiguration::new(rows, wanted)));
    }
    if wanted.serving_mode == ServingMode::Best {
        feasible.sort_by(|a, b| b.ranked.cluster_throughput.total_cmp(&a.ranked.cluster_throughput));
    }
    let (found, mode) = (feasible.len(), mode_word(wanted.serving_mode));
    let index = wanted.rank.saturating_sub(1);
    if index >= found {
        return Err(PickError::RankTooHigh { rank: wanted.rank, found, mode });
    }
    let picked = feasible.swap_remove(index);
    others.extend(feasible.into_iter().map(|candidate| candidate.ranked.row));
    Ok(Picked {
        manifests: run.manifests(files, picked.experiment, picked.place).map(str::to_owned),
        row: picked.ranked.row,
        tool: TOOL.into(),
        others,
    })
}
