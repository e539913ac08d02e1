//! `bcmp agent generate`: manifests and predictions of all variants, in one process of the predictor.

mod driver;
mod estimates;
mod pod;
mod protocol;
mod runtime;
mod variant;

use std::collections::BTreeMap;
use std::fmt::Display;

use driver::{Driver, Predictor, ask};
pub use driver::{DriverCommand, DriverError};
pub use pod::{Generate, run_in_pod};
use protocol::{About, Left, Request, Search, Subject, Versions};
use runtime::{Templates, templates};

use super::outbox::OutboxError;
use crate::api::{ServingMode, SourceKind};
use crate::plan::Plan;
use crate::prediction::aiconfigurator::{Aiconfigurator, no_feasible_configuration};
use crate::prediction::configurations::{Configuration, Configurations, GenerationOutcome, SCHEMA_VERSION};
use crate::prediction::source::{Source, mode_word};
use crate::prediction::{Files, Limits, Picked, SourceError, Wanted};

/// Rows asked for beyond the ranks that are wanted: those that miss the SLA do not count.
const SPARE_ROWS: usize = 5;
/// An SLA that everything keeps, in milliseconds.
const NO_SLA: f64 = 1e9;

/// Why nothing was generated. What the predictor refuses is no error: it is in the configurations.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The plan cannot be used.
    #[error("{0}")]
    Plan(String),
    /// The predictor failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The configurations could not be published.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The pod was asked to end.
    #[error("asked to end while generating: the next pod starts over")]
    Interrupted,
}

/// Generates and predicts everything a plan asks for. `load_tool` is what the load image said of itself.
///
/// # Errors
/// When the plan cannot be used, or the predictor fails without saying why it does not do what it is asked.
pub async fn run(
    plan: &Plan,
    command: &DriverCommand,
    load_tool: Option<String>,
) -> Result<Configurations, GenerateError> {
    let mut driver = Driver::start(command)?;
    let generated = generate(plan, &mut driver, load_tool).await;
    driver.end().await;
    generated
}

/// The same with anybody who answers.
async fn generate(
    plan: &Plan,
    predictor: &mut impl Predictor,
    load_tool: Option<String>,
) -> Result<Configurations, GenerateError> {
    let mut session = Session::start(plan, predictor).await?;
    let mut variants = vec![];
    for variant in &plan.spec.variants {
        let outcome = match session.outcome(variant).await {
            Ok(ready) => GenerationOutcome::Ready(Box::new(ready)),
            Err(Stop::Refused { reason, message }) => GenerationOutcome::Refused { reason: reason.into(), message },
            Err(Stop::Failed(error)) => return Err(error.into()),
        };
        variants.push(Configuration { variant: variant.name.clone(), outcome });
    }
    Ok(Configurations { schema_version: SCHEMA_VERSION, load_tool, variants })
}

/// Why a variant is not generated.
#[derive(Debug)]
enum Stop {
    /// A result.
    Refused { reason: &'static str, message: String },
    /// An accident.
    Failed(DriverError),
}

impl Stop {
    fn refused(reason: &'static str, message: impl Display) -> Self {
        Self::Refused { reason, message: message.to_string() }
    }
}

/// What the predictor says it will not do is a result.
impl From<DriverError> for Stop {
    fn from(error: DriverError) -> Self {
        if error.is_answer() { Self::refused("PredictorRefused", error) } else { Self::Failed(error) }
    }
}

/// Everything the variants share.
struct Session<'a, P> {
    plan: &'a Plan,
    predictor: &'a mut P,
    about: About,
    input_tokens: u32,
    output_tokens: u32,
    gpus: u32,
    limits: Limits,
    versions: Versions,
    /// Performance database the predictions use.
    database: Option<String>,
    /// Versions of engines other than the spec's, which manifests start.
    others: BTreeMap<&'static str, Versions>,
    templates: Templates,
    /// What the search left, once it was made.
    searched: Option<Left>,
}

impl<'a, P: Predictor> Session<'a, P> {
    async fn start(plan: &'a Plan, predictor: &'a mut P) -> Result<Self, GenerateError> {
        let spec = &plan.spec;
        let count = |number: u32, field: &str| {
            let positive = Some(number).filter(|number| *number > 0);
            positive.ok_or_else(|| GenerateError::Plan(format!("{field} is {number}: it must be positive")))
        };
        let limit = |limit: &crate::api::Limit, field: &str| {
            limit
                .value()
                .ok_or_else(|| GenerateError::Plan(format!("{field} is {limit}: it must be a positive number")))
        };
        let about = About { system: spec.hardware.system.clone(), backend: spec.runtime.backend.as_str() };
        let versions: Versions = ask(predictor, &Request::Versions(about.clone())).await?;
        let asked = spec.predictor.database_version.clone().filter(|version| !version.is_empty());
        Ok(Self {
            plan,
            about,
            input_tokens: count(spec.workload.input_tokens, "workload.inputTokens")?,
            output_tokens: count(spec.workload.output_tokens, "workload.outputTokens")?,
            gpus: count(spec.hardware.gpus_per_variant, "hardware.gpusPerVariant")?,
            limits: Limits {
                ttft: limit(&spec.sla.ttft_milliseconds, "sla.ttftMilliseconds")?,
                tpot: limit(&spec.sla.tpot_milliseconds, "sla.tpotMilliseconds")?,
            },
            database: asked.or_else(|| versions.database.clone()),
            templates: templates(&spec.runtime, &versions),
            versions,
            predictor,
            others: BTreeMap::new(),
            searched: None,
        })
    }

    fn subject(&self) -> Subject {
        let spec = &self.plan.spec;
        let path = spec.model.path.as_ref().map(|path| format!("ServiceConfig.model_path={path}"));
        let name = format!("ServiceConfig.served_model_name={}", spec.model.name);
        Subject {
            about: self.about.clone(),
            model: spec.model.name.clone(),
            gpus: self.gpus,
            isl: self.input_tokens,
            osl: self.output_tokens,
            runtime_version: self.templates.runtime.clone(),
            settings: path.into_iter().chain([name]).chain(spec.predictor.extra_arguments.iter().cloned()).collect(),
        }
    }

    /// The row of the predictor's ranking.
    async fn recommended(&mut self, serving_mode: ServingMode, rank: usize) -> Result<Picked, Stop> {
        let wanted = Wanted {
            serving_mode,
            rank,
            limits: self.limits,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            gpus: self.gpus,
        };
        if self.searched.is_none() {
            self.searched = Some(self.search().await?);
        }
        let picked = match &self.searched {
            Some(left) if Aiconfigurator.recognizes(&left.files) => Aiconfigurator.pick(&left.files, &wanted),
            Some(left) if left.infeasible => {
                Err(SourceError::NoFeasibleConfiguration(no_feasible_configuration(std::iter::empty(), &wanted)))
            }
            _ => return Err(self.search_refused()),
        };
        match picked {
            Ok(picked) if picked.manifests.is_none() => Err(self.search_refused()),
            Ok(picked) => Ok(picked),
            Err(SourceError::NoFeasibleConfiguration(missing)) if missing.nearest.is_none() => {
                let rows = self.relaxed(serving_mode, &wanted).await?;
                Err(Stop::refused("NoFeasibleConfiguration", rows))
            }
            Err(error @ SourceError::NoFeasibleConfiguration(_)) => {
                Err(Stop::refused("NoFeasibleConfiguration", error))
            }
            Err(error @ SourceError::RankTooHigh { .. }) => Err(Stop::refused("RankNotAvailable", error)),
            Err(error) => Err(Stop::refused("PredictionUnreadable", error)),
        }
    }

    /// One search serves all recommended variants.
    async fn search(&mut self) -> Result<Left, Stop> {
        let recommended = self.plan.spec.variants.iter().filter(|v| v.source.kind == SourceKind::Recommended);
        let settings: Vec<_> = recommended.map(|v| v.source.recommended.clone().unwrap_or_default()).collect();
        let rank = settings.iter().map(|r| r.rank as usize).max().unwrap_or(1);
        let all_of = |mode| settings.iter().all(|r| r.serving_mode == mode);
        let serving_mode = match (all_of(ServingMode::Aggregated), all_of(ServingMode::Disaggregated)) {
            (true, _) => "agg",
            (_, true) => "disagg",
            _ => "auto",
        };
        let search = Search {
            subject: self.subject(),
            serving_mode,
            top_n: rank + SPARE_ROWS,
            ttft: self.limits.ttft,
            tpot: self.limits.tpot,
            strict: true,
            database_version: self.database()?,
        };
        Ok(ask(self.predictor, &Request::Search(search)).await?)
    }

    /// What is nearest to the SLA, from a search that does not ask for it. The first search tells only that there is
    /// nothing.
    async fn relaxed(&mut self, mode: ServingMode, wanted: &Wanted) -> Result<SourceError, Stop> {
        let search = Search {
            subject: self.subject(),
            serving_mode: match mode {
                ServingMode::Aggregated => "agg",
                ServingMode::Disaggregated => "disagg",
                ServingMode::Best => "auto",
            },
            top_n: 1,
            ttft: NO_SLA,
            tpot: NO_SLA,
            strict: false,
            database_version: self.database()?,
        };
        let left: Left = ask(self.predictor, &Request::Search(search)).await?;
        let everything = Wanted { limits: Limits { ttft: NO_SLA, tpot: NO_SLA }, ..*wanted };
        let rows = match Aiconfigurator.pick(&left.files, &Wanted { rank: 1, ..everything }) {
            Ok(picked) => std::iter::once(picked.row).chain(picked.others).collect(),
            Err(_) => vec![],
        };
        if rows.is_empty() {
            let (mode, gpus) = (mode_word(mode), self.gpus);
            let said = said(&left);
            return Err(Stop::refused(
                "NoFeasibleConfiguration",
                format!("the predictor finds no {mode} configuration of {gpus} GPUs at all, whatever the SLA{said}"),
            ));
        }
        Ok(SourceError::NoFeasibleConfiguration(no_feasible_configuration(rows.into_iter(), wanted)))
    }

    fn search_refused(&self) -> Stop {
        let said = self.searched.as_ref().map(said).unwrap_or_default();
        Stop::refused("PredictorRefused", format!("the predictor generates no configuration{said}"))
    }

    fn database(&self) -> Result<String, Stop> {
        self.known_system()?;
        self.database.clone().ok_or_else(|| Stop::refused("PredictorRefused", self.no_database()))
    }

    fn no_database(&self) -> String {
        let (tool, about) = (&self.versions.tool, &self.about);
        format!("aiconfigurator {tool} has no performance data for {} on {}", about.backend, about.system)
    }

    fn known_system(&self) -> Result<(), Stop> {
        let (systems, system, tool) = (&self.versions.systems, &self.about.system, &self.versions.tool);
        if systems.contains(system) {
            return Ok(());
        }
        let known = systems.join(", ");
        let message = format!("aiconfigurator {tool} knows no system {system}: hardware.system must be one of {known}");
        Err(Stop::refused("SystemUnknown", message))
    }
}

/// The tool's own words, for the end of a sentence.
fn said(left: &Left) -> String {
    let words: Vec<_> = left.messages.iter().map(|line| line.trim().trim_end_matches(['.', ':'])).collect();
    match (words.is_empty(), &left.failed) {
        (false, _) => format!(": {}", words.join("; ")),
        (true, Some(failed)) => format!(": it ended with {failed}"),
        (true, None) => String::new(),
    }
}

/// The one file of a run without predictions.
fn only_manifests(files: &Files) -> Option<&str> {
    files.iter().find(|(path, _)| path.rsplit('/').next() == Some("k8s_deploy.yaml")).map(|(_, text)| text.as_str())
}

#[cfg(test)]
mod tests;
