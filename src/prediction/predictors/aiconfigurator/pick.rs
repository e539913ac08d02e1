//! A row picked from AIConfigurator's files.

use super::layout::{self, Experiment, SaveDirectory, TOOL};
use super::table::{RankedRow, read_table};
use crate::api::ServingMode;
use crate::prediction::like::Unlike;
use crate::prediction::predictors::predictor::{Files, NoFeasibleConfiguration, PickError, Picked, Wanted, mode_word};
use crate::prediction::row::Row;
use crate::prediction::serving::Serving;

/// The row that is wanted, with the manifests the tool wrote for it.
pub(super) fn pick(files: &Files, wanted: &Wanted<'_>) -> Result<Picked, PickError> {
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

fn ranking<'a>(files: &Files, run: &'a SaveDirectory, wanted: &Wanted<'_>) -> Result<Rankings<'a>, PickError> {
    let mut rankings = Rankings { ranked: vec![], others: vec![] };
    // One directory may hold experiments with several engines or models (`--backend auto`, `exp`).
    let (mut alike, mut unlike) = (false, None);
    for experiment in &run.experiments {
        let speculation = speculation(files, run, experiment).filter(|_| wanted.like.is_some());
        let mut table = |path: &str| -> Result<Vec<Candidate<'a>>, PickError> {
            let rows = read_table(path, files.get(path).map_or("", String::as_str))?;
            let candidates = rows.into_iter().enumerate();
            let mut kept = vec![];
            for (index, ranked) in candidates {
                let differs = wanted.like.and_then(|like| like.differs(&ranked.row, &ranked.subject));
                match differs.or(speculation.map(Unlike::Speculation)) {
                    None => kept.push(Candidate { experiment, place: index + 1, ranked }),
                    Some(why) => {
                        let error = || PickError::OtherSubject { file: path.to_owned(), unlike: why.clone() };
                        unlike.get_or_insert_with(error);
                    }
                }
            }
            alike |= !kept.is_empty();
            kept.iter().try_for_each(|candidate| same_workload(path, &candidate.ranked.row, wanted))?;
            kept.retain(|candidate| is_wanted(&candidate.ranked.row.serving, wanted.serving_mode));
            Ok(kept)
        };
        let mut ranked = table(&experiment.ranking)?;
        if let Some(path) = &experiment.pareto {
            rankings.others.extend(table(path)?.into_iter().map(|candidate| candidate.ranked.row));
        }
        if !experiment.ranked {
            // Rows of the oldest layout come in no order; the tool took the best that meets the limits.
            let misses = |candidate: &Candidate<'_>| wanted.strain(&candidate.ranked.row) > 1.0;
            let throughput = |candidate: &Candidate<'_>| candidate.ranked.cluster_throughput;
            ranked.sort_by(|a, b| misses(a).cmp(&misses(b)).then(throughput(b).total_cmp(&throughput(a))));
            (1..).zip(&mut ranked).for_each(|(place, candidate)| candidate.place = place);
        }
        rankings.ranked.extend(ranked);
    }
    match unlike {
        Some(error) if !alike => Err(error),
        _ => Ok(rankings),
    }
}

/// Tokens guessed ahead in an experiment, by the settings that the tool wrote beside its tables.
fn speculation(files: &Files, run: &SaveDirectory, experiment: &Experiment) -> Option<u32> {
    let settings = run.settings(files, experiment)?;
    let line = settings.lines().find_map(|line| line.trim().strip_prefix("nextn:"))?;
    line.trim().parse().ok().filter(|nextn| *nextn > 0)
}

fn is_wanted(serving: &Serving, mode: ServingMode) -> bool {
    match mode {
        ServingMode::Aggregated => matches!(serving, Serving::Aggregated { .. }),
        ServingMode::Disaggregated => matches!(serving, Serving::Disaggregated { .. }),
        ServingMode::Best => true,
    }
}

fn same_workload(file: &str, row: &Row, wanted: &Wanted<'_>) -> Result<(), PickError> {
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

fn pick_from(
    files: &Files,
    run: &SaveDirectory,
    rankings: Rankings<'_>,
    wanted: &Wanted<'_>,
) -> Result<Picked, PickError> {
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
