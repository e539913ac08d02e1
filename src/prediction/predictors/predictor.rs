//! The interfaces of predictors: files that are read, and for some a dialogue in which they generate and estimate.
//!
//! Another predictor is one more folder beside `aiconfigurator` and one more entry in `PREDICTORS`. Nothing here starts a
//! process or waits: questions go to whoever implements [`Ask`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::api::{Backend, BenchmarkComparisonSpec, ClaimPredictor, Finding, LatencyLimit, Reason, ServingMode};
use crate::prediction::curve::{Curve, CurveError};
use crate::prediction::like::{Like, Unlike};
use crate::prediction::predicted::PredictionOrigin;
use crate::prediction::row::Row;
use crate::prediction::serving::Shape;
use crate::units::{LatencyLimits, Milliseconds};

/// Text files of a directory: path below it, with `/` between its parts → content.
pub type Files = BTreeMap<String, String>;

/// A tool that predicts how a deployment performs.
pub trait Predictor: Sync {
    /// Name of the tool, as its command is called.
    fn name(&self) -> &'static str;

    /// Its name in the API.
    fn kind(&self) -> ClaimPredictor;

    /// What of its output is read, for people who have to provide it.
    fn output(&self) -> &'static str;

    /// Whether a file of an output is needed, by its path. Others are not even read.
    fn needs(&self, path: &str) -> bool;

    /// Whether files look like its output. Whether they are complete shows when something is picked from them.
    fn recognizes(&self, files: &Files) -> bool;

    /// The row that is wanted.
    ///
    /// # Errors
    /// See [`PickError`].
    fn pick(&self, files: &Files, wanted: &Wanted<'_>) -> Result<Picked, PickError>;
}

/// A predictor that can be asked, beside its output being read.
pub trait Generator: Predictor {
    /// Python source of the driver that answers questions. It gets a directory for all that the tool writes as its only
    /// argument, reads one JSON object a line, `{"id": 1, …}`, and answers each with one line, `{"id": 1, "result": …}`
    /// or `{"id": 1, "error": "…"}`.
    fn driver(&self) -> &'static str;

    /// Begins a dialogue about a comparison.
    ///
    /// # Errors
    /// The tool cannot be started or asked for its versions.
    fn open<'a>(&self, task: Task<'a>, driver: &'a mut dyn Ask) -> Result<Box<dyn Dialogue + 'a>, DriverError>;
}

/// Passes questions to a driver.
pub trait Ask {
    /// The `result` of the answer to a question, which is a JSON object without `id`.
    ///
    /// # Errors
    /// The tool refuses or fails.
    fn ask(&mut self, question: &Value) -> Result<Value, DriverError>;
}

/// One predictor, asked about one comparison.
pub trait Dialogue {
    /// The smallest configuration that holds the model, with nothing optimized.
    ///
    /// # Errors
    /// See [`NotGenerated`].
    fn naive(&mut self) -> Result<Generated, NotGenerated>;

    /// The configuration at a place in the tool's ranking, from 1.
    ///
    /// # Errors
    /// See [`NotGenerated`].
    fn recommended(&mut self, serving_mode: ServingMode, rank: usize) -> Result<Generated, NotGenerated>;

    /// The estimate for what is deployed, from one request to what its engines hold. `backend` is the engine that the
    /// manifests start, where that can be read.
    ///
    /// # Errors
    /// See [`NotEstimated`].
    fn estimate(&mut self, backend: Option<Backend>, shape: &Shape) -> Result<Estimation, NotEstimated>;

    /// Tool, performance database and engine version of what is predicted for a deployment.
    fn origin(&self, deployed: &DeployedEngine<'_>, estimation: Option<&Estimation>) -> PredictionOrigin;
}

/// What is known of a deployed engine beside its shape.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeployedEngine<'a> {
    /// Whether the predictor generated its manifests.
    pub generated: bool,
    /// The engine that the manifests start, where that can be read.
    pub backend: Option<Backend>,
    /// Its image, where the manifests name one.
    pub image: Option<&'a str>,
}

/// A comparison, as far as predictors are asked about it.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// Model, hardware, runtime, and settings of the predictor.
    pub spec: &'a BenchmarkComparisonSpec,
    /// Tokens of each prompt.
    pub input_tokens: u32,
    /// Tokens of each answer.
    pub output_tokens: u32,
    /// GPUs a variant may use.
    pub gpus: u32,
    /// What the recommended configuration has to meet.
    pub limits: LatencyLimits,
}

/// A number of a comparison that cannot be used. The schema refuses it, but plans and files may hold it all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {found}; expected a positive number")]
pub struct InvalidTask {
    field: &'static str,
    found: String,
}

impl<'a> Task<'a> {
    /// Reads the numbers once.
    ///
    /// # Errors
    /// The first that is not positive.
    pub fn new(spec: &'a BenchmarkComparisonSpec) -> Result<Self, InvalidTask> {
        let count = |number: u32, field| {
            Some(number).filter(|number| *number > 0).ok_or_else(|| InvalidTask { field, found: number.to_string() })
        };
        let limit = |limit: Option<LatencyLimit>, field| {
            let given = limit.ok_or_else(|| InvalidTask { field, found: "missing".into() })?.milliseconds;
            let positive = given.value().filter(|value| *value > 0.0).and_then(|value| Milliseconds::new(value).ok());
            positive.ok_or_else(|| InvalidTask { field, found: given.to_string() })
        };
        Ok(Self {
            spec,
            input_tokens: count(spec.workload.input_tokens, "workload.inputTokens")?,
            output_tokens: count(spec.workload.output_tokens, "workload.outputTokens")?,
            gpus: count(spec.hardware.gpus_per_variant, "hardware.gpusPerVariant")?,
            limits: LatencyLimits::of(
                limit(spec.sla.ttft_limit(), "sla.ttftMilliseconds")?,
                limit(spec.sla.tpot_limit(), "sla.tpotMilliseconds")?,
            ),
        })
    }

    /// What is looked for in a ranking.
    pub fn wanted(&self, serving_mode: ServingMode, rank: usize) -> Wanted<'static> {
        Wanted {
            serving_mode,
            rank,
            limits: Some(self.limits),
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            gpus: self.gpus,
            like: None,
        }
    }
}

/// What is looked for in a predictor's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted<'a> {
    /// Ranking to take the row from.
    pub serving_mode: ServingMode,
    /// Place in the ranking among the rows that meet the limits, from 1.
    pub rank: usize,
    /// What a row has to meet; any row will do without limits.
    pub limits: Option<LatencyLimits>,
    /// Tokens of each prompt.
    pub input_tokens: u32,
    /// Tokens of each answer.
    pub output_tokens: u32,
    /// GPUs a variant may use.
    pub gpus: u32,
    /// What the prediction has to be for, where that is not certain: output that somebody hands in may be any.
    pub like: Option<Like<'a>>,
}

impl Wanted<'_> {
    /// How close a row comes to the limits: at most 1 when it meets them.
    pub fn strain(&self, row: &Row) -> f64 {
        self.limits.map_or(0.0, |limits| row.strain(limits))
    }
}

/// A row of the ranking, with what the tool generated for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Picked {
    /// The row, for one replica.
    pub row: Row,
    /// Tool, with its version where the output has it.
    pub tool: String,
    /// Kubernetes manifests the tool generated for the row, as YAML; absent where it wrote none.
    pub manifests: Option<String>,
    /// Further rows of the output, for one replica each: other operating points and shapes.
    pub others: Vec<Row>,
}

/// Manifests from a dialogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Kubernetes manifests, as YAML.
    pub manifests: String,
    /// The row they were generated for, where the tool advertises one.
    pub row: Option<Row>,
    /// What is doubtful about them.
    pub finding: Option<Finding>,
}

/// An estimate from a dialogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimation {
    pub curve: Curve,
    /// Inference engine of the performance database it was made with.
    pub backend: Backend,
    pub database_version: String,
    /// Type of the weights the estimate assumes.
    pub weights: Option<String>,
    /// Type of the KV cache the estimate assumes.
    pub kv_cache: Option<String>,
}

/// Why a question got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// The interpreter cannot be started.
    #[error("the predictor cannot be started: {0}")]
    NotStarted(String),
    /// The tool refuses: its own message.
    #[error("the predictor refused: {0}")]
    Refused(String),
    #[error("the predictor {how}; its last output: {last_output}")]
    Ended { how: String, last_output: String },
    #[error("the predictor did not answer within {} s; its last output: {last_output}", .limit.as_secs())]
    Deadline { limit: Duration, last_output: String },
    /// The answer is not one.
    #[error("the predictor's answer cannot be read: {0}")]
    Unreadable(String),
    /// Nobody passes questions on any more.
    #[error("the dialogue with the predictor was broken off")]
    BrokenOff,
}

impl DriverError {
    /// Whether the tool itself refused: asking again would give the same answer.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// Why a variant is not generated.
#[derive(Clone, Debug, PartialEq)]
pub enum NotGenerated {
    /// The tool cannot do it, which is a result of the comparison.
    Refused {
        /// CamelCase reason.
        reason: Reason,
        /// What was found, and what to do.
        message: String,
    },
    Failed(DriverError),
}

impl NotGenerated {
    /// A result of the comparison.
    pub fn refused(reason: Reason, message: impl std::fmt::Display) -> Self {
        Self::Refused { reason, message: message.to_string() }
    }
}

impl From<DriverError> for NotGenerated {
    fn from(error: DriverError) -> Self {
        if error.is_refusal() { Self::refused(Reason::PredictorRefused, error) } else { Self::Failed(error) }
    }
}

/// Why there is no estimate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotEstimated {
    /// Not even one request.
    #[error("the predictor estimates that the model and one request do not fit into the memory of the GPUs of {0}")]
    DoesNotFit(String),
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The answer cannot be read.
    #[error(transparent)]
    Unreadable(#[from] PickError),
    /// The estimates contradict each other.
    #[error(transparent)]
    NoCurve(#[from] CurveError),
}

/// Why nothing was picked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PickError {
    /// The files are not any known predictor's.
    #[error("no output of a predictor found: {cure}")]
    NotFound { cure: String },
    /// The files are another predictor's.
    #[error("holds output of {found}, not of {named}: set claim.predictor to {found}, or give the files of {named}")]
    OtherPredictor { found: ClaimPredictor, named: ClaimPredictor },
    /// The files are of more than one call of the tool.
    #[error("holds the output of {} calls of the predictor: give the directory of one of them, {}", .directories.len(), .directories.join(", "))]
    Ambiguous {
        /// Directories of the calls.
        directories: Vec<String>,
    },
    /// A file cannot be read as what it should be.
    #[error("{file}: {problem}")]
    Unreadable {
        file: String,
        /// What is wrong, with line and column where they are known.
        problem: String,
    },
    /// The output is for another workload.
    #[error(
        "{file} is for {found_input} input and {found_output} output tokens, the workload has {input} and {output}: run \
         the predictor for this workload"
    )]
    OtherWorkload { file: String, found_input: u32, found_output: u32, input: u32, output: u32 },
    /// No row is for the comparison's model, GPUs and engine.
    #[error("{file} {unlike}")]
    OtherSubject { file: String, unlike: Unlike },
    /// No row meets the limits.
    #[error("{0}")]
    NoFeasibleConfiguration(NoFeasibleConfiguration),
    /// The ranking is shorter.
    #[error(
        "there is no rank {rank}: only {found} {mode} configurations meet the SLA. Set the rank to {found} or lower"
    )]
    RankTooHigh {
        rank: usize,
        /// Rows that meet the limits.
        found: usize,
        mode: &'static str,
    },
}

/// What comes nearest to a configuration that meets the limits.
#[derive(Clone, Debug, PartialEq)]
pub struct NoFeasibleConfiguration {
    mode: &'static str,
    gpus: u32,
    limits: Option<Box<LatencyLimits>>,
    nearest: Option<Box<Row>>,
}

impl NoFeasibleConfiguration {
    /// The nearest of rows of which none meets the limits.
    pub fn new(rows: impl Iterator<Item = Row>, wanted: &Wanted<'_>) -> Self {
        let nearest = rows.min_by(|a, b| wanted.strain(a).total_cmp(&wanted.strain(b)));
        Self {
            mode: mode_word(wanted.serving_mode),
            gpus: wanted.gpus,
            limits: wanted.limits.map(Box::new),
            nearest: nearest.map(Box::new),
        }
    }

    /// What was found, without what to do.
    pub fn found(&self) -> String {
        let Self { mode, gpus, limits, nearest } = self;
        let mut text = format!("no {mode} configuration of at most {gpus} GPUs");
        let Some(limits) = limits else { return text };
        text.push_str(&format!(" meets TTFT ≤ {} ms and TPOT ≤ {} ms", limits.ttft.get(), limits.tpot.get()));
        if let Some(row) = nearest {
            let misses = [("TTFT", row.ttft, limits.ttft), ("TPOT", row.tpot, limits.tpot)]
                .into_iter()
                .map(|(name, figure, limit)| (name, figure.get() / limit.get()))
                .filter(|(_, strain)| *strain > 1.0)
                .map(|(name, strain)| format!("misses {name} by {:.0} %", ((strain - 1.0) * 100.0).ceil()))
                .collect::<Vec<_>>();
            text.push_str(&format!("; the nearest, {}, {}", row.describe(), misses.join(" and ")));
        }
        text
    }

    /// Whether the tool reported any row.
    pub fn has_nearest(&self) -> bool {
        self.nearest.is_some()
    }
}

impl std::fmt::Display for NoFeasibleConfiguration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.found())?;
        f.write_str(": relax spec.sla, allow more GPUs, or compare manifests of your own")
    }
}

pub fn mode_word(mode: ServingMode) -> &'static str {
    match mode {
        ServingMode::Aggregated => "aggregated",
        ServingMode::Disaggregated => "disaggregated",
        ServingMode::Best => "aggregated or disaggregated",
    }
}
