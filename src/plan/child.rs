//! The kinds of a run's objects, and what each object is for.

use strum::{Display, EnumIter, EnumString, IntoStaticStr};

/// Kind of a child object, written as the API server writes it.
#[derive(Clone, Copy, Debug, Display, EnumIter, EnumString, IntoStaticStr, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChildKind {
    ConfigMap,
    Service,
    ServiceAccount,
    Role,
    RoleBinding,
    Job,
    Deployment,
    DynamoGraphDeployment,
    StatefulSet,
    LeaderWorkerSet,
    ResourceClaimTemplate,
    ComputeDomain,
}

impl ChildKind {
    /// Kinds whose objects create the pods of servers.
    pub const SERVERS: [Self; 4] =
        [Self::Deployment, Self::DynamoGraphDeployment, Self::StatefulSet, Self::LeaderWorkerSet];
    /// Kinds that only some variants consist of, and that not every cluster serves.
    pub const RARE: [Self; 4] =
        [Self::StatefulSet, Self::LeaderWorkerSet, Self::ResourceClaimTemplate, Self::ComputeDomain];

    /// Kinds of which every run has objects that neither hold nor publish anything.
    pub const QUIET: [Self; 4] = [Self::Service, Self::ServiceAccount, Self::Role, Self::RoleBinding];

    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether objects of the kind create pods.
    pub const fn creates_pods(self) -> bool {
        matches!(
            self,
            Self::Job | Self::Deployment | Self::DynamoGraphDeployment | Self::StatefulSet | Self::LeaderWorkerSet
        )
    }

    /// The kind that a manifest names, if it is one a run may have.
    pub fn parse(kind: &str) -> Option<Self> {
        kind.parse().ok()
    }

    /// Whether objects of the kind that a manifest names create the pods of servers.
    pub fn creates_servers(kind: &str) -> bool {
        Self::parse(kind).is_some_and(|kind| Self::SERVERS.contains(&kind))
    }
}

/// What an object is for: the value of the label `app.kubernetes.io/component`.
#[derive(Clone, Copy, Debug, Display, EnumIter, EnumString, IntoStaticStr, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[strum(serialize_all = "lowercase")]
pub enum Component {
    Plan,
    /// The Job that predicts and generates.
    Generate,
    /// The output of generation.
    Configurations,
    /// The objects of a variant.
    Server,
    /// The Job that drives the load.
    Load,
    /// The output of load.
    Results,
    Report,
    /// The identity under which agents publish.
    Publish,
}

impl Component {
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The component that a label names.
    pub fn parse(label: &str) -> Option<Self> {
        label.parse().ok()
    }

    /// Whether a run has objects of this kind for the component.
    pub const fn may_be(self, kind: ChildKind) -> bool {
        match self {
            Self::Plan | Self::Configurations | Self::Results | Self::Report => matches!(kind, ChildKind::ConfigMap),
            Self::Generate | Self::Load => matches!(kind, ChildKind::Job),
            Self::Publish => {
                matches!(kind, ChildKind::ServiceAccount | ChildKind::Role | ChildKind::RoleBinding)
            }
            Self::Server => matches!(
                kind,
                ChildKind::ConfigMap
                    | ChildKind::Service
                    | ChildKind::Deployment
                    | ChildKind::DynamoGraphDeployment
                    | ChildKind::StatefulSet
                    | ChildKind::LeaderWorkerSet
                    | ChildKind::ResourceClaimTemplate
                    | ChildKind::ComputeDomain
            ),
        }
    }

    /// Whether objects of this component outlive their run, as its record. All others are deleted with it.
    pub const fn is_record(self) -> bool {
        matches!(self, Self::Plan | Self::Configurations | Self::Results | Self::Report)
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn kinds_and_components_are_read_as_they_are_written() {
        assert!(ChildKind::iter().all(|kind| ChildKind::parse(kind.as_str()) == Some(kind)));
        assert!(Component::iter().all(|component| Component::parse(component.as_str()) == Some(component)));
        assert_eq!(ChildKind::parse("DynamoGraphDeploymentRequest"), None);
        assert_eq!(Component::parse("Server"), None);
    }
}
