//! The dialogue with AIConfigurator about one comparison.

use std::collections::HashMap;

use super::estimates::{EstimateSubject, estimate};
use super::layout::TOOL;
use super::pick::pick;
use super::protocol::{
    CommandOutput, GenerationSubject, Naive, PredictorSystem, Question, SearchQuestion, ToolVersions, ask,
};
use super::runtime::{Templates, tag, templates};
use crate::api::{Backend, Reason, ServingMode, SourceKind};
use crate::prediction::predicted::PredictionOrigin;
use crate::prediction::predictors::predictor::{
    Ask, DeployedEngine, Dialogue, DriverError, Estimation, Files, Generated, NoFeasibleConfiguration, NotEstimated,
    NotGenerated, PickError, Picked, Task, Wanted, mode_word,
};
use crate::prediction::serving::Shape;

/// Rows asked for beyond the ranks that are wanted: those that miss the SLA do not count.
const SPARE_ROWS: usize = 5;
/// An SLA that everything meets, in milliseconds.
const NO_SLA: f64 = 1e9;
/// Name of the files with manifests.
const MANIFESTS: &str = "k8s_deploy.yaml";

pub(super) struct AiconfiguratorDialogue<'a> {
    task: Task<'a>,
    driver: &'a mut dyn Ask,
    about: PredictorSystem,
    versions: ToolVersions,
    /// Performance database the predictions use.
    database: Option<String>,
    /// Versions for engines other than the spec's, which manifests start.
    others: HashMap<Backend, ToolVersions>,
    templates: Templates,
    /// What the search left, once it was made: one serves all recommended variants.
    searched: Option<CommandOutput>,
}

impl<'a> AiconfiguratorDialogue<'a> {
    pub(super) fn open(task: Task<'a>, driver: &'a mut dyn Ask) -> Result<Self, DriverError> {
        let spec = task.spec;
        let about = PredictorSystem { system: spec.hardware.system.clone(), backend: spec.runtime.backend };
        let versions: ToolVersions = ask(driver, &Question::Versions(about.clone()))?;
        let asked = spec.predictor.database_version.clone().filter(|version| !version.is_empty());
        Ok(Self {
            task,
            driver,
            about,
            database: asked.or_else(|| versions.database.clone()),
            templates: templates(&spec.runtime, &versions),
            versions,
            others: HashMap::new(),
            searched: None,
        })
    }

    fn subject(&self) -> GenerationSubject {
        let spec = self.task.spec;
        let path = spec.model.path.as_ref().map(|path| format!("ServiceConfig.model_path={path}"));
        let name = format!("ServiceConfig.served_model_name={}", spec.model.served_name());
        GenerationSubject {
            about: self.about.clone(),
            model: spec.predicted_model().to_owned(),
            gpus: self.task.gpus,
            isl: self.task.input_tokens,
            osl: self.task.output_tokens,
            runtime_version: self.templates.runtime.clone(),
            settings: path.into_iter().chain([name]).chain(spec.predictor.extra_arguments.iter().cloned()).collect(),
        }
    }

    /// The row of the ranking, with its manifests.
    fn picked(&mut self, wanted: &Wanted<'_>) -> Result<Picked, NotGenerated> {
        if self.searched.is_none() {
            self.searched = Some(self.search()?);
        }
        let picked = match &self.searched {
            Some(output) if has_rankings(&output.files) => pick(&output.files, wanted),
            Some(output) if output.infeasible => {
                Err(PickError::NoFeasibleConfiguration(NoFeasibleConfiguration::new(std::iter::empty(), wanted)))
            }
            _ => return Err(self.search_refused()),
        };
        match picked {
            Ok(picked) => Ok(picked),
            // The strict search leaves nothing: another one tells what comes nearest.
            Err(PickError::NoFeasibleConfiguration(missing)) if !missing.has_nearest() => {
                let nearest = self.nearest(wanted)?;
                Err(NotGenerated::refused(Reason::NoFeasibleConfiguration, nearest))
            }
            Err(error @ PickError::NoFeasibleConfiguration(_)) => {
                Err(NotGenerated::refused(Reason::NoFeasibleConfiguration, error))
            }
            Err(error @ PickError::RankTooHigh { .. }) => Err(NotGenerated::refused(Reason::RankNotAvailable, error)),
            Err(error) => Err(NotGenerated::refused(Reason::PredictionUnreadable, error)),
        }
    }

    fn search(&mut self) -> Result<CommandOutput, NotGenerated> {
        let variants = &self.task.spec.variants;
        let recommended = variants.iter().filter(|variant| variant.source.kind == SourceKind::Recommended);
        let settings: Vec<_> = recommended.map(|v| v.source.recommended.clone().unwrap_or_default()).collect();
        let rank = settings.iter().map(|r| usize::try_from(r.rank).unwrap_or(1)).max().unwrap_or(1);
        let all_of = |mode| settings.iter().all(|r| r.serving_mode == mode);
        let mode = match (all_of(ServingMode::Aggregated), all_of(ServingMode::Disaggregated)) {
            (true, _) => ServingMode::Aggregated,
            (_, true) => ServingMode::Disaggregated,
            _ => ServingMode::Best,
        };
        let limits = self.task.limits;
        let search = SearchQuestion {
            subject: self.subject(),
            serving_mode: mode_argument(mode),
            top_n: rank + SPARE_ROWS,
            ttft: limits.ttft.get(),
            tpot: limits.tpot.get(),
            strict: true,
            database_version: self.database()?,
        };
        Ok(ask(self.driver, &Question::Search(search))?)
    }

    /// What comes nearest to the SLA, from a search that does not ask for it.
    fn nearest(&mut self, wanted: &Wanted<'_>) -> Result<NoFeasibleConfiguration, NotGenerated> {
        let mode = wanted.serving_mode;
        let search = SearchQuestion {
            subject: self.subject(),
            serving_mode: mode_argument(mode),
            top_n: 1,
            ttft: NO_SLA,
            tpot: NO_SLA,
            strict: false,
            database_version: self.database()?,
        };
        let output: CommandOutput = ask(self.driver, &Question::Search(search))?;
        let rows = match pick(&output.files, &Wanted { limits: None, rank: 1, ..*wanted }) {
            Ok(picked) => std::iter::once(picked.row).chain(picked.others).collect(),
            Err(_) => vec![],
        };
        if rows.is_empty() {
            let (mode, gpus) = (mode_word(mode), self.task.gpus);
            let cause = cause(&output);
            return Err(NotGenerated::refused(
                Reason::NoFeasibleConfiguration,
                format!("the predictor finds no {mode} configuration of {gpus} GPUs at all, whatever the SLA{cause}"),
            ));
        }
        Ok(NoFeasibleConfiguration::new(rows.into_iter(), wanted))
    }

    fn search_refused(&self) -> NotGenerated {
        nothing_generated(self.searched.as_ref())
    }

    fn database(&self) -> Result<String, NotGenerated> {
        self.known_system()?;
        self.database.clone().ok_or_else(|| NotGenerated::refused(Reason::PredictorRefused, self.no_database()))
    }

    fn no_database(&self) -> String {
        let (tool, PredictorSystem { system, backend }) = (&self.versions.tool, &self.about);
        format!("{TOOL} {tool} has no performance data for {} on {system}", backend.as_str())
    }

    /// The tool would guess the memory of a GPU it does not know.
    fn known_system(&self) -> Result<(), NotGenerated> {
        let (systems, system, tool) = (&self.versions.systems, &self.about.system, &self.versions.tool);
        if systems.contains(system) {
            return Ok(());
        }
        let known = systems.join(", ");
        let message = format!("{TOOL} {tool} does not know the system {system}: set hardware.system to one of {known}");
        Err(NotGenerated::refused(Reason::SystemUnknown, message))
    }

    /// The performance database for an engine.
    fn database_of(&mut self, backend: Backend) -> Result<String, DriverError> {
        let newest = if backend == self.about.backend {
            self.database.clone()
        } else {
            let about = PredictorSystem { backend, ..self.about.clone() };
            let versions: ToolVersions = ask(self.driver, &Question::Versions(about))?;
            let database = versions.database.clone();
            self.others.insert(backend, versions);
            database
        };
        newest.ok_or_else(|| DriverError::Refused(self.no_database()))
    }

    /// Version of the engine in the runtime: that of the templates, or of the image that given manifests name.
    fn engine_version(&self, deployed: &DeployedEngine<'_>) -> Option<&str> {
        if deployed.generated {
            return self.templates.engine.as_deref();
        }
        let tag = tag(deployed.image?)?;
        let backend = deployed.backend.unwrap_or(self.about.backend);
        let versions = if backend == self.about.backend { Some(&self.versions) } else { self.others.get(&backend) };
        versions?.runtimes.get(tag).map(String::as_str)
    }
}

impl Dialogue for AiconfiguratorDialogue<'_> {
    fn naive(&mut self) -> Result<Generated, NotGenerated> {
        self.known_system()?;
        let question = Question::Naive(Naive { subject: self.subject() });
        let output: CommandOutput = ask(self.driver, &question)?;
        let manifests = output.files.iter().find(|(path, _)| path.rsplit('/').next() == Some(MANIFESTS));
        let Some((_, manifests)) = manifests else { return Err(nothing_generated(Some(&output))) };
        Ok(Generated { manifests: manifests.clone(), row: None, finding: self.templates.finding.clone() })
    }

    fn recommended(&mut self, serving_mode: ServingMode, rank: usize) -> Result<Generated, NotGenerated> {
        let picked = self.picked(&self.task.wanted(serving_mode, rank))?;
        let Some(manifests) = picked.manifests else { return Err(self.search_refused()) };
        Ok(Generated { manifests, row: Some(picked.row), finding: self.templates.finding.clone() })
    }

    fn estimate(&mut self, backend: Option<Backend>, shape: &Shape) -> Result<Estimation, NotEstimated> {
        let backend = backend.unwrap_or(self.about.backend);
        let database_version = self.database_of(backend)?;
        let subject = EstimateSubject {
            about: PredictorSystem { backend, ..self.about.clone() },
            model: self.task.spec.predicted_model().to_owned(),
            input_tokens: self.task.input_tokens,
            output_tokens: self.task.output_tokens,
            database_version,
        };
        estimate(self.driver, subject, shape)
    }

    fn origin(&self, deployed: &DeployedEngine<'_>, estimation: Option<&Estimation>) -> PredictionOrigin {
        let own = || Some((self.about.backend, self.database.clone()?));
        let database = estimation.map(|e| (e.backend, e.database_version.clone())).or_else(own);
        PredictionOrigin {
            tool: format!("{TOOL} {}", self.versions.tool),
            backend: database.as_ref().map(|(backend, _)| backend.as_str().to_owned()),
            database_version: database.map(|(_, version)| version),
            engine_version: self.engine_version(deployed).map(str::to_owned),
            weights: None,
            kv_cache: None,
        }
    }
}

fn has_rankings(files: &Files) -> bool {
    !super::layout::directories(files).is_empty()
}

/// The tool's own name for a serving mode.
fn mode_argument(mode: ServingMode) -> &'static str {
    match mode {
        ServingMode::Aggregated => "agg",
        ServingMode::Disaggregated => "disagg",
        ServingMode::Best => "auto",
    }
}

fn nothing_generated(output: Option<&CommandOutput>) -> NotGenerated {
    let cause = output.map(cause).unwrap_or_default();
    NotGenerated::refused(Reason::PredictorRefused, format!("the predictor generates no configuration{cause}"))
}

/// The tool's own messages, for the end of a sentence.
fn cause(output: &CommandOutput) -> String {
    let messages: Vec<_> = output.messages.iter().map(|line| line.trim().trim_end_matches(['.', ':'])).collect();
    match (messages.is_empty(), &output.failed) {
        (false, _) => format!(": {}", messages.join("; ")),
        (true, Some(failed)) => format!(": it ended with {failed}"),
        (true, None) => String::new(),
    }
}
