//! Reading what a predictor left behind. Another predictor is one more file and one more entry in [`SOURCES`].

use std::collections::BTreeMap;

use super::{Limits, Row};
use crate::api::ServingMode;

/// Text files of a directory: path below it, with `/` between its parts → content.
pub type Files = BTreeMap<String, String>;

/// What is looked for in a predictor's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// Ranking to take the row from.
    pub serving_mode: ServingMode,
    /// Place in the ranking among the rows that keep the limits, 1 is best.
    pub rank: usize,
    /// What a row has to keep.
    pub limits: Limits,
    /// Tokens of each prompt.
    pub input_tokens: u32,
    /// Tokens of each answer.
    pub output_tokens: u32,
    /// GPUs a variant may use.
    pub gpus: u32,
}

/// A row of the ranking, with what the tool generated for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Picked {
    /// The row, for one replica.
    pub row: Row,
    /// Tool, and its version where the output tells.
    pub tool: String,
    /// Kubernetes manifests the tool generated for the row, as YAML; absent where it wrote none.
    pub manifests: Option<String>,
    /// Further rows of the output, for one replica each: other operating points and shapes.
    pub others: Vec<Row>,
}

/// Why nothing was picked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SourceError {
    /// The files are not any known predictor's.
    #[error("no predictor's output found: {looked_for}")]
    NotFound {
        /// What was looked for.
        looked_for: String,
    },
    /// The files hold more than one run.
    #[error("there are {} runs, name one of them: {}", .runs.len(), .runs.join(", "))]
    Ambiguous {
        /// Directories of the runs.
        runs: Vec<String>,
    },
    /// A file cannot be read as what it should be.
    #[error("{file}: {problem}")]
    Unreadable {
        /// Path of the file.
        file: String,
        /// What is wrong, with line and column where they are known.
        problem: String,
    },
    /// The output is for another workload.
    #[error(
        "{file} is for {found_input} input and {found_output} output tokens, the workload has {input} and {output}"
    )]
    OtherWorkload {
        /// Path of the file.
        file: String,
        /// Input tokens found.
        found_input: u32,
        /// Output tokens found.
        found_output: u32,
        /// Input tokens wanted.
        input: u32,
        /// Output tokens wanted.
        output: u32,
    },
    /// No row keeps the limits.
    #[error("{0}")]
    NoFeasibleConfiguration(NoFeasibleConfiguration),
    /// The ranking is shorter.
    #[error(
        "rank {rank} is asked for, but only {found} {mode} configurations keep the SLA: ask for rank {found} or better"
    )]
    RankTooHigh {
        /// Rank asked for.
        rank: usize,
        /// Rows that keep the limits.
        found: usize,
        /// Serving mode in a word.
        mode: &'static str,
    },
}

/// What is nearest to a configuration that keeps the limits.
#[derive(Clone, Debug, PartialEq)]
pub struct NoFeasibleConfiguration {
    /// Serving mode in a word.
    pub mode: &'static str,
    /// GPUs that were allowed.
    pub gpus: u32,
    /// What was to be kept.
    pub limits: Limits,
    /// The row that misses by the least, where the tool tells of any.
    pub nearest: Option<Box<Row>>,
}

impl std::fmt::Display for NoFeasibleConfiguration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { mode, gpus, limits, nearest } = self;
        write!(
            f,
            "no {mode} configuration of at most {gpus} GPUs keeps TTFT ≤ {} ms and TPOT ≤ {} ms",
            limits.ttft, limits.tpot
        )?;
        if let Some(row) = nearest {
            let misses = [("TTFT", row.ttft.get() / limits.ttft), ("TPOT", row.tpot.get() / limits.tpot)]
                .into_iter()
                .filter(|(_, strain)| *strain > 1.0)
                .map(|(name, strain)| format!("misses {name} by {:.0} %", ((strain - 1.0) * 100.0).ceil()))
                .collect::<Vec<_>>();
            write!(f, "; the nearest, {}, {}", row.describe(), misses.join(" and "))?;
        }
        f.write_str(": relax spec.sla, allow more GPUs, or compare manifests of your own")
    }
}

/// The word for a serving mode.
pub fn mode_word(mode: ServingMode) -> &'static str {
    match mode {
        ServingMode::Aggregated => "aggregated",
        ServingMode::Disaggregated => "disaggregated",
        ServingMode::Best => "aggregated or disaggregated",
    }
}

/// A predictor whose output can be read.
pub trait Source: Sync {
    /// Name of the tool.
    fn name(&self) -> &'static str;

    /// Whether the files look like its output; says no more than that.
    fn recognizes(&self, files: &Files) -> bool;

    /// The row that is wanted.
    fn pick(&self, files: &Files, wanted: &Wanted) -> Result<Picked, SourceError>;
}

/// All predictors whose output can be read.
pub const SOURCES: &[&dyn Source] = &[&super::aiconfigurator::Aiconfigurator];

/// The wanted row of whichever predictor's output the files are.
pub fn pick(files: &Files, wanted: &Wanted) -> Result<Picked, SourceError> {
    let source = SOURCES.iter().find(|source| source.recognizes(files));
    source.ok_or_else(|| SourceError::NotFound { looked_for: looked_for() })?.pick(files, wanted)
}

fn looked_for() -> String {
    let names: Vec<_> = SOURCES.iter().map(|source| source.name()).collect();
    format!("looked for that of {}", names.join(", "))
}
