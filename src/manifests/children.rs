//! The children of a run: the only list of them. `bcmp render` prints what it yields, and the operator creates it.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use k8s_openapi::Resource;
use serde::Serialize;
use serde_json::Value;

use super::ManifestError;
use super::configurations_map::configurations_config_map;
use super::generate_job::generate_job;
use super::load_job::{LoadTarget, load_job};
use super::plan_map::plan_config_map;
use super::publish_identity::{publish_role, publish_role_binding, publish_service_account};
use super::report_map::{ReportFiles, report_config_map};
use super::results_map::results_config_map;
use super::variant::{VariantDeployment, instantiate, is_generated};
use crate::api::{Deadlines, SourceKind, Variant};
use crate::dynamo;
use crate::plan::Plan;

/// A child to create, or several that are created together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Create {
    Plan,
    /// ServiceAccount, Role and RoleBinding of the agents.
    PublishIdentity,
    /// The ConfigMap that generation fills.
    Configurations,
    GenerateJob,
    /// The ConfigMap that the load Jobs of a variant fill.
    Results {
        variant: String,
    },
    /// The objects of a variant.
    Server {
        variant: String,
        /// Number of the deployment, from 1.
        deployment: u32,
    },
    LoadJob {
        variant: String,
        /// Number of the deployment, from 1.
        deployment: u32,
        /// Round the deployment belongs to, from 1.
        round: u32,
    },
    Report,
}

impl Display for Create {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.write_str("the plan"),
            Self::PublishIdentity => f.write_str("the agents' identity"),
            Self::Configurations => f.write_str("the ConfigMap of the configurations"),
            Self::GenerateJob => f.write_str("the generate Job"),
            Self::Results { variant } => write!(f, "the ConfigMap of the results of {variant}"),
            Self::Server { variant, deployment } => write!(f, "the server of {variant}, deployment {deployment}"),
            Self::LoadJob { variant, deployment, round } => {
                write!(f, "the load Job of {variant}, deployment {deployment} in round {round}")
            }
            Self::Report => f.write_str("the report"),
        }
    }
}

/// Why a child cannot be created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChildError {
    #[error(transparent)]
    Manifests(#[from] ManifestError),
    #[error("variant {0} has no configuration that can be deployed")]
    NotGenerated(String),
    #[error("there is nothing to report yet")]
    NothingToReport,
}

/// The children of one run, and what they are made from as far as it is known.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    pub plan: &'a Plan,
    /// The live object's: a Job gets those that hold when it is created.
    pub deadlines: &'a Deadlines,
    /// Variant → its prepared objects, of the variants that can be deployed; empty for an endpoint.
    pub servers: BTreeMap<&'a str, &'a [Value]>,
    pub report: Option<ReportFiles>,
    /// The cluster serves the version in which Dynamo's operator stores graphs: generated ones are created in it, and need no
    /// conversion. Those of users are created in the version in which they are given.
    pub newest_graphs: bool,
}

impl Children<'_> {
    /// What a run creates, in this order; of each variant its first deployment. Variants whose objects are not known
    /// are left out but for their results, and so is a report that does not exist yet.
    pub fn list(&self) -> Vec<Create> {
        let before = [Create::Plan, Create::PublishIdentity, Create::Configurations, Create::GenerateJob];
        let variants = self.plan.spec.variants.iter().flat_map(|variant| self.of_variant(variant));
        let report = self.report.as_ref().map(|_| Create::Report);
        before.into_iter().chain(variants).chain(report).collect()
    }

    fn of_variant(&self, variant: &Variant) -> Vec<Create> {
        let name = || variant.name.clone();
        let mut creates = vec![Create::Results { variant: name() }];
        if self.servers.contains_key(variant.name.as_str()) {
            if variant.source.kind != SourceKind::Endpoint {
                creates.push(Create::Server { variant: name(), deployment: 1 });
            }
            creates.push(Create::LoadJob { variant: name(), deployment: 1, round: 1 });
        }
        creates
    }

    /// All objects of [`list`](Self::list).
    ///
    /// # Errors
    /// The first object that cannot be created.
    pub fn all(&self) -> Result<Vec<Value>, ChildError> {
        let lists: Result<Vec<_>, _> = self.list().iter().map(|create| self.objects(create)).collect();
        Ok(lists?.into_iter().flatten().collect())
    }

    /// The objects of one entry, in the order in which they are created.
    ///
    /// # Errors
    /// What they are made from is missing, or has no room for names or data.
    pub fn objects(&self, create: &Create) -> Result<Vec<Value>, ChildError> {
        let plan = self.plan;
        Ok(match create {
            Create::Plan => vec![json(&plan_config_map(plan)?)?],
            Create::PublishIdentity => vec![
                json(&publish_service_account(plan))?,
                json(&publish_role(plan))?,
                json(&publish_role_binding(plan))?,
            ],
            Create::Configurations => vec![json(&configurations_config_map(plan))?],
            Create::GenerateJob => vec![json(&generate_job(plan, self.deadlines))?],
            Create::Results { variant } => vec![json(&results_config_map(plan, variant))?],
            Create::Server { variant, deployment } => {
                let objects = self.deployment(variant, *deployment)?.objects;
                let newest = self.newest_graphs && is_generated(&plan.spec, variant);
                let in_version = |object| if newest { dynamo::to_beta(&object).unwrap_or(object) } else { object };
                objects.into_iter().map(in_version).collect()
            }
            Create::LoadJob { variant, deployment, round } => {
                let url = self.deployment(variant, *deployment)?.endpoint_url;
                let (deployment, round) = (*deployment, *round);
                vec![json(&load_job(plan, LoadTarget { variant, deployment, round, url: &url }, self.deadlines))?]
            }
            Create::Report => {
                let report = self.report.as_ref().ok_or(ChildError::NothingToReport)?;
                vec![json(&report_config_map(plan, report))?]
            }
        })
    }

    fn deployment(&self, variant: &str, deployment: u32) -> Result<VariantDeployment, ChildError> {
        let objects = self.servers.get(variant).ok_or_else(|| ChildError::NotGenerated(variant.to_owned()))?;
        Ok(instantiate(objects, self.plan, variant, deployment)?)
    }
}

fn json<K: Resource + Serialize>(child: &K) -> Result<Value, ManifestError> {
    serde_json::to_value(child)
        .map_err(|error| ManifestError::NotJson { object: K::KIND.to_owned(), problem: error.to_string() })
}
