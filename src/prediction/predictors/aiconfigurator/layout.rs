//! Where AIConfigurator's files are.

use std::collections::BTreeMap;

use crate::prediction::predictors::predictor::{Files, PickError};

/// The tool's name, as it calls itself.
pub(super) const TOOL: &str = "aiconfigurator";

const RANKING: &str = "best_config_topn.csv";
const PARETO: &str = "pareto.csv";
const MANIFESTS: &str = "k8s_deploy.yaml";
const SETTINGS: [&str; 2] = ["exp_config.yaml", "config.yaml"];
/// Rankings of the oldest layout, and the name of what they rank.
const OLD_RANKINGS: [(&str, &str); 2] = [("agg_pareto.csv", "agg"), ("disagg_pareto.csv", "disagg")];

/// What one call of the tool left behind.
#[derive(Debug, Default)]
pub(super) struct SaveDirectory {
    /// Path of its directory, empty where that is the root.
    directory: String,
    pub experiments: Vec<Experiment>,
}

/// What was ranked together: aggregated or disaggregated configurations, or an experiment of the user's.
#[derive(Debug)]
pub(super) struct Experiment {
    name: String,
    pub ranking: String,
    /// Whether they are in the tool's order.
    pub ranked: bool,
    /// Path of further rows.
    pub pareto: Option<String>,
}

/// All save directories, by their path.
pub(super) fn directories(files: &Files) -> BTreeMap<String, SaveDirectory> {
    let mut directories: BTreeMap<String, SaveDirectory> = BTreeMap::new();
    for path in files.keys() {
        let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
        let old = OLD_RANKINGS.iter().find(|(name, _)| *name == file);
        let (run, experiment) = if let Some((_, name)) = old {
            (directory, Experiment { name: (*name).into(), ranking: path.clone(), ranked: false, pareto: None })
        } else if file == RANKING {
            let (run, name) = directory.rsplit_once('/').unwrap_or(("", directory));
            let pareto = below(directory, PARETO);
            let pareto = files.contains_key(&pareto).then_some(pareto);
            (run, Experiment { name: name.into(), ranking: path.clone(), ranked: true, pareto })
        } else {
            continue;
        };
        directories
            .entry(run.to_owned())
            .or_insert_with(|| SaveDirectory { directory: run.to_owned(), experiments: vec![] })
            .experiments
            .push(experiment);
    }
    directories
}

/// The save directory, when there is exactly one.
pub(super) fn only_directory(files: &Files) -> Result<SaveDirectory, PickError> {
    let mut directories = directories(files);
    if directories.len() > 1 {
        return Err(PickError::Ambiguous { directories: directories.into_keys().collect() });
    }
    let only = directories.pop_first().map(|(_, directory)| directory);
    only.ok_or_else(|| PickError::NotFound { cure: missing(files) })
}

fn missing(files: &Files) -> String {
    let manifests = files.keys().find(|path| path.rsplit('/').next() == Some(MANIFESTS));
    match manifests {
        Some(path) => format!(
            "{path} comes without {RANKING}, because `aiconfigurator cli generate` predicts nothing: use `aiconfigurator cli \
             default`"
        ),
        None => format!("no {RANKING}, agg_pareto.csv or disagg_pareto.csv"),
    }
}

impl SaveDirectory {
    /// What an experiment was run with, as the tool wrote it down.
    pub(super) fn settings<'a>(&self, files: &'a Files, experiment: &Experiment) -> Option<&'a str> {
        let directory = below(&self.directory, &experiment.name);
        SETTINGS.iter().find_map(|name| files.get(&below(&directory, name))).map(String::as_str)
    }

    /// The manifests of the row at `place` in an experiment's ranking, from 1.
    pub(super) fn manifests<'a>(&self, files: &'a Files, experiment: &Experiment, place: usize) -> Option<&'a str> {
        let directory = if experiment.ranked {
            let experiment = below(&self.directory, &experiment.name);
            below(&experiment, &format!("top{place}"))
        } else if place == 1 {
            below(&self.directory, &format!("backend_configs/{}", experiment.name))
        } else {
            return None;
        };
        // 0.3 and 0.4 have one more directory.
        let inner = below(&directory, &experiment.name);
        [below(&directory, MANIFESTS), below(&inner, MANIFESTS)]
            .iter()
            .find_map(|path| files.get(path))
            .map(String::as_str)
    }
}

fn below(directory: &str, name: &str) -> String {
    match (directory, name) {
        ("", _) => name.to_owned(),
        (_, "") => directory.to_owned(),
        _ => format!("{directory}/{name}"),
    }
}
