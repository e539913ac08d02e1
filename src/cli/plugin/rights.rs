//! How to get a right that is missing, from what the API server says.

use super::shell::quoted;
use crate::api::GROUP;

/// What to ask for. The server's message names user, verb, resource and namespace:
/// `User "jane" cannot list resource "pods" in API group "" in the namespace "team"`.
pub fn how_to_get(message: &str) -> String {
    let verb = between(message, " cannot ", " resource ");
    let resource = between(message, " resource \"", "\"");
    let namespace = between(message, "in the namespace \"", "\"");
    match (verb, resource, namespace) {
        (Some(verb), Some(resource), None) if message.contains("at the cluster scope") => {
            format!("ask an administrator for a ClusterRole that may {verb} {resource}")
        }
        // The roles for users hold neither of these.
        (Some(verb), Some(resource), Some(namespace)) if BEYOND_ROLES.contains(&resource) || is_of_others(message) => {
            format!("ask an administrator for a Role in namespace {namespace} that may {verb} {resource}")
        }
        (Some(verb), Some(_), Some(namespace)) => {
            let role = if matches!(verb, "get" | "list" | "watch") { "view" } else { "edit" };
            let user = between(message, "User \"", "\"").map_or_else(|| "--user=YOU".into(), subject);
            let namespace = quoted(namespace);
            format!(
                "ask an administrator for the role {role}: kubectl -n {namespace} create rolebinding bcmp-{role} --clusterrole={role} {user}"
            )
        }
        _ => "ask for the role view, or for edit to start and cancel runs".into(),
    }
}

/// What the roles `view` and `edit` do not show.
const BEYOND_ROLES: [&str; 3] = ["secrets", "roles", "rolebindings"];

/// Whether the message is about a kind whose own operator grants rights to it.
fn is_of_others(message: &str) -> bool {
    let group = between(message, "in API group \"", "\"").unwrap_or_default();
    group.contains('.') && !group.ends_with(".k8s.io") && group != GROUP
}

/// The option that names whom a right is given to.
fn subject(user: &str) -> String {
    match user.strip_prefix("system:serviceaccount:") {
        Some(account) => format!("--serviceaccount={}", quoted(account)),
        None => format!("--user={}", quoted(user)),
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found).filter(|found| !found.is_empty())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::secret(
        r#"secrets "x" is forbidden: User "jane" cannot get resource "secrets" in API group "" in the namespace "team""#,
        "ask an administrator for a Role in namespace team that may get secrets"
    )]
    #[case::of_dynamo(
        r#"dynamographdeployments.nvidia.com is forbidden: User "jane" cannot list resource "dynamographdeployments" in API group "nvidia.com" in the namespace "team""#,
        "ask an administrator for a Role in namespace team that may list dynamographdeployments"
    )]
    #[case::reading(
        r#"pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "team""#,
        "ask an administrator for the role view: kubectl -n team create rolebinding bcmp-view --clusterrole=view --user=jane"
    )]
    #[case::writing(
        r#"benchmarkcomparisons.bcmp.dev "a" is forbidden: User "system:serviceaccount:ci:bot" cannot patch resource "benchmarkcomparisons" in API group "bcmp.dev" in the namespace "team""#,
        "ask an administrator for the role edit: kubectl -n team create rolebinding bcmp-edit --clusterrole=edit --serviceaccount=ci:bot"
    )]
    #[case::of_the_cluster(
        r#"nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope"#,
        "ask an administrator for a ClusterRole that may list nodes"
    )]
    #[case::a_name_that_is_no_word(
        r#"User "a; rm" cannot get resource "pods" in API group "" in the namespace "team""#,
        "ask an administrator for the role view: kubectl -n team create rolebinding bcmp-view --clusterrole=view --user='a; rm'"
    )]
    #[case::something_else("no", "ask for the role view, or for edit to start and cancel runs")]
    fn the_right_and_who_gives_it_are_named(#[case] message: &str, #[case] expected: &str) {
        assert_eq!(how_to_get(message), expected);
    }
}
