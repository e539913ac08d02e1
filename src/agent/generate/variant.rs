//! One variant: its manifests, what they deploy, and what is predicted for that.

use serde_json::Value;

use super::driver::{Predictor, ask};
use super::estimates::{Estimation, NotEstimated, Question, estimate};
use super::protocol::{About, Left, Naive, Request};
use super::{Session, Stop, only_manifests, said};
use crate::api::{EvidenceCode, Finding, SourceKind, Variant};
use crate::lifecycle::stages::measure::MOST_DEPLOYMENTS;
use crate::manifests::variant::{Origin as Author, Preparation, Prepared, instantiate, parse, prepare};
use crate::prediction::checks::{Checked, Versions, check, replicas_deployed};
use crate::prediction::configurations::Ready;
use crate::prediction::{Origin, Prediction, Row, Shape, hinted_shape, read_backend, read_shape};

/// What is known of a variant before anything is estimated.
struct Drafted {
    objects: Vec<Value>,
    /// What is deployed, or why it cannot be told.
    shape: Result<Shape, String>,
    /// The advertised row.
    row: Option<Row>,
    generated: bool,
}

impl<P: Predictor> Session<'_, P> {
    /// The variant, ready to be deployed.
    pub(super) async fn outcome(&mut self, variant: &Variant) -> Result<Ready, Stop> {
        let drafted = match variant.source.kind {
            SourceKind::Naive => self.naive(variant).await?,
            SourceKind::Recommended => {
                let settings = variant.source.recommended.clone().unwrap_or_default();
                let picked = self.recommended(settings.serving_mode, settings.rank as usize).await?;
                let manifests = picked.manifests.as_deref().unwrap_or_default();
                Drafted { row: Some(picked.row), ..self.drafted(variant, manifests, Author::Generated)? }
            }
            SourceKind::Manifests => self.drafted(variant, &self.given(variant)?, Author::Given)?,
            SourceKind::Endpoint => endpoint(variant),
        };
        let (prediction, shape) = self.predicted(variant, &drafted).await?;
        Ok(Ready { objects: drafted.objects, shape, prediction })
    }

    async fn naive(&mut self, variant: &Variant) -> Result<Drafted, Stop> {
        // The tool would guess the memory of a GPU it does not know.
        self.known_system()?;
        let request = Request::Naive(Naive { subject: self.subject() });
        let left: Left = ask(self.predictor, &request).await?;
        let Some(manifests) = only_manifests(&left.files) else {
            let message = format!("the predictor generates no configuration{}", said(&left));
            return Err(Stop::refused("PredictorRefused", message));
        };
        self.drafted(variant, manifests, Author::Generated)
    }

    fn given(&self, variant: &Variant) -> Result<String, Stop> {
        let inline = variant.source.manifests.as_ref().and_then(|manifests| manifests.inline.as_ref());
        let text = inline.or_else(|| self.plan.manifests.get(&variant.name)).cloned();
        text.ok_or_else(|| Stop::refused("ManifestsNotFound", "the plan holds no manifests for this variant"))
    }

    /// Manifests as they are to be deployed, and what that is: patches may have changed it.
    fn drafted(&self, variant: &Variant, text: &str, author: Author) -> Result<Drafted, Stop> {
        let preparation = Preparation {
            origin: author,
            namespace: &self.plan.comparison.namespace,
            spec: &self.plan.spec,
            patches: &variant.patches,
        };
        let prepared = parse(text).and_then(|objects| prepare(&objects, &preparation));
        let Prepared { objects, gpus, findings } = prepared.map_err(|error| Stop::refused(error.reason(), error))?;
        for finding in findings {
            println!("{}: {finding}", variant.name);
        }
        // The last deployment there may be has the longest name.
        let last = u32::try_from(MOST_DEPLOYMENTS).unwrap_or(u32::MAX);
        instantiate(&objects, self.plan, &variant.name, last).map_err(|error| Stop::refused(error.reason(), error))?;
        let shape = read_shape(&objects, gpus, variant.shape.as_ref()).map_err(|error| error.to_string());
        Ok(Drafted { objects, shape, row: None, generated: author == Author::Generated })
    }

    /// What is predicted for what is deployed, and what is doubtful about it. Types the manifests leave to the
    /// checkpoint are those the predictor read from it.
    async fn predicted(&mut self, variant: &Variant, drafted: &Drafted) -> Result<(Prediction, Option<Shape>), Stop> {
        let mut findings = vec![];
        if drafted.generated {
            findings.extend(self.templates.finding.clone());
        }
        let estimation = match &drafted.shape {
            Ok(shape) => match self.estimation(drafted, shape).await {
                Ok(estimation) => Some(estimation),
                Err(NotEstimated::Driver(error)) if !error.is_answer() => return Err(Stop::Failed(error)),
                Err(error @ NotEstimated::DoesNotFit(_)) if variant.source.kind == SourceKind::Naive => {
                    let message = format!("{error}: allow more GPUs, or compare manifests of your own");
                    return Err(Stop::refused("ModelDoesNotFit", message));
                }
                Err(error) => {
                    findings.push(not_predicted(&error.to_string()));
                    None
                }
            },
            Err(why) => {
                findings.push(not_predicted(why));
                None
            }
        };
        let (row, shape) = (drafted.row.as_ref(), drafted.shape.as_ref().ok());
        let origin = self.origin(drafted, estimation.as_ref());
        findings.extend(check(&Checked {
            row,
            shape,
            curve: estimation.as_ref().map(|estimation| &estimation.curve),
            input_tokens: self.input_tokens,
            versions: Versions {
                predicted_weights: origin.weights.as_deref(),
                predicted_kv_cache: origin.kv_cache.as_deref(),
                database: origin.database_version.as_deref(),
                engine: origin.engine_version.as_deref(),
            },
        }));
        let shape = shape.cloned().map(|shape| Shape {
            weights: shape.weights.or_else(|| origin.weights.clone()),
            kv_cache: shape.kv_cache.or_else(|| origin.kv_cache.clone()),
            ..shape
        });
        let is_predicted = row.is_some() || estimation.is_some();
        let prediction = Prediction {
            claim: row.map(|row| row.claim(self.replicas(row, shape.as_ref()))),
            curve: estimation.map(|estimation| estimation.curve),
            findings,
            origin: is_predicted.then_some(origin),
        };
        Ok((prediction, shape))
    }

    async fn estimation(&mut self, drafted: &Drafted, shape: &Shape) -> Result<Estimation, NotEstimated> {
        let backend = self.backend(drafted);
        let database = self.database_of(backend).await?;
        let question = Question {
            about: About { backend, ..self.about.clone() },
            model: self.plan.spec.model.name.clone(),
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            database_version: database,
        };
        estimate(self.predictor, &question, shape).await
    }

    /// The engine that is deployed; manifests may start another one than the spec names.
    fn backend(&self, drafted: &Drafted) -> &'static str {
        read_backend(&drafted.objects).map_or(self.about.backend, |backend| backend.as_str())
    }

    /// The performance database for an engine.
    async fn database_of(&mut self, backend: &'static str) -> Result<String, super::DriverError> {
        let newest = if backend == self.about.backend {
            self.database.clone()
        } else {
            let about = About { backend, ..self.about.clone() };
            let versions: super::Versions = ask(self.predictor, &Request::Versions(about)).await?;
            let database = versions.database.clone();
            self.others.insert(backend, versions);
            database
        };
        newest.ok_or_else(|| super::DriverError::Said(self.no_database()))
    }

    /// Replicas of the row that are deployed; where something else is, those the GPUs would hold.
    fn replicas(&self, row: &Row, shape: Option<&Shape>) -> u32 {
        let deployed = shape.and_then(|shape| replicas_deployed(&row.serving, &shape.serving));
        deployed.unwrap_or_else(|| row.replicas_on(self.gpus).max(1))
    }

    fn origin(&self, drafted: &Drafted, estimation: Option<&Estimation>) -> Origin {
        let row = drafted.row.as_ref();
        let own = || Some((self.about.backend, self.database.clone()?));
        let database = estimation.map(|estimation| estimation.database.clone()).or_else(own);
        let of_row = |read: fn(&Row) -> &Option<String>| row.and_then(|row| read(row).clone());
        let of_estimate = |read: fn(&Estimation) -> &Option<String>| estimation.and_then(|e| read(e).clone());
        Origin {
            tool: format!("aiconfigurator {}", self.versions.tool),
            backend: database.as_ref().map(|(backend, _)| (*backend).to_owned()),
            database_version: database.map(|(_, version)| version),
            engine_version: self.engine(drafted).map(str::to_owned),
            weights: of_estimate(|estimation| &estimation.weights).or_else(|| of_row(|row| &row.weights)),
            kv_cache: of_estimate(|estimation| &estimation.kv_cache).or_else(|| of_row(|row| &row.kv_cache)),
        }
    }

    /// Version of the engine in the runtime: that of the templates, or of the image given manifests name.
    fn engine(&self, drafted: &Drafted) -> Option<&str> {
        if drafted.generated {
            return self.templates.engine.as_deref();
        }
        let image = drafted.shape.as_ref().ok()?.image.as_deref()?;
        let tag = super::runtime::tag(image)?;
        let backend = self.backend(drafted);
        let versions = if backend == self.about.backend { Some(&self.versions) } else { self.others.get(backend) };
        versions?.runtimes.get(tag).map(String::as_str)
    }
}

fn endpoint(variant: &Variant) -> Drafted {
    let gpus = variant.source.endpoint.as_ref().map(|endpoint| endpoint.gpus).unwrap_or(1);
    let shape = hinted_shape(gpus, variant.shape.as_ref());
    let shape = shape.ok_or_else(|| "an endpoint does not tell what it is: give the variant's shape".to_owned());
    Drafted { objects: vec![], shape, row: None, generated: false }
}

fn not_predicted(why: &str) -> Finding {
    Finding::new(EvidenceCode::NotPredicted, format!("nothing is predicted for what is deployed: {why}"))
}
