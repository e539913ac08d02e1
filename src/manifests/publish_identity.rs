//! The identity under which a run's agents publish: it can write this run's output ConfigMaps, and nothing else.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};

use super::{Names, Ownership};
use crate::plan::{Component, Plan};

/// ServiceAccount of the run's pods. Its token is mounted into the publishing container only.
pub fn publish_service_account(plan: &Plan) -> ServiceAccount {
    ServiceAccount {
        metadata: Ownership::new(plan, Component::Publish).metadata(Names::of(plan).publish()),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// Role to read and patch the run's output ConfigMaps, by name.
pub fn publish_role(plan: &Plan) -> Role {
    let names = Names::of(plan);
    let results = plan.spec.variants.iter().map(|variant| names.results(&variant.name));
    Role {
        metadata: Ownership::new(plan, Component::Publish).metadata(names.publish()),
        rules: Some(vec![PolicyRule {
            api_groups: Some(vec![String::new()]),
            resources: Some(vec!["configmaps".to_owned()]),
            resource_names: Some([names.configurations()].into_iter().chain(results).collect()),
            verbs: vec!["get".to_owned(), "patch".to_owned()],
            ..PolicyRule::default()
        }]),
    }
}

/// Binds the role to the service account.
pub fn publish_role_binding(plan: &Plan) -> RoleBinding {
    let name = Names::of(plan).publish();
    RoleBinding {
        metadata: Ownership::new(plan, Component::Publish).metadata(name.clone()),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: name.clone(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name,
            namespace: Some(plan.comparison.namespace.clone()),
            ..Subject::default()
        }]),
    }
}
