//! Which containers' logs somebody wants to read.

use crate::plan::Component;

/// A pod of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPod {
    pub name: String,
    pub component: Component,
    pub variant: Option<String>,
    /// Names of its containers, the main ones first, init containers last.
    pub containers: Vec<String>,
}

/// Which logs are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedLogs<'a> {
    pub component: Option<Component>,
    pub variant: Option<&'a str>,
    pub container: Option<&'a str>,
}

/// A container whose log is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSource {
    pub pod: String,
    pub container: String,
    /// What it is, for people: `load tool of optimized`.
    pub title: String,
}

/// The components that have logs, in the order in which they are looked for when none is named.
const ORDER: [Component; 3] = [Component::Load, Component::Generate, Component::Server];

/// The containers that are meant. Without a component, the load tool's; before it runs, the generator's; else the servers'.
///
/// # Errors
/// No pod or no container is meant: the message names those that exist.
pub fn sources(pods: &[LogPod], wanted: &WantedLogs) -> Result<Vec<LogSource>, String> {
    let of_variant = |pod: &&LogPod| {
        wanted
            .variant
            .is_none_or(|variant| pod.component == Component::Generate || pod.variant.as_deref() == Some(variant))
    };
    let of = |component: Component| {
        let mut found: Vec<&LogPod> = pods.iter().filter(|pod| pod.component == component).filter(of_variant).collect();
        found.sort_by_key(|pod| &pod.name);
        found
    };
    let found = match wanted.component {
        Some(component) => of(component),
        None => ORDER.into_iter().map(of).find(|found| !found.is_empty()).unwrap_or_default(),
    };
    if found.is_empty() {
        return Err(nothing(pods, wanted));
    }
    let sources: Vec<LogSource> = found.iter().filter_map(|pod| source(pod, wanted.container)).collect();
    if sources.is_empty() {
        let mut names: Vec<&str> = found.iter().flat_map(|pod| &pod.containers).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let container = wanted.container.unwrap_or_default();
        return Err(format!("no container {container} in these pods: choose one of {}", names.join(", ")));
    }
    Ok(sources)
}

fn source(pod: &LogPod, container: Option<&str>) -> Option<LogSource> {
    let has = |name: &str| pod.containers.iter().any(|one| one == name);
    let container = match container {
        Some(name) => has(name).then(|| name.to_owned())?,
        None => [pod.component.as_str(), "main"]
            .into_iter()
            .find(|name| has(name))
            .map_or_else(|| pod.containers.first().cloned(), |name| Some(name.to_owned()))?,
    };
    let of = pod.variant.as_ref().map(|variant| format!(" of {variant}")).unwrap_or_default();
    Some(LogSource { pod: pod.name.clone(), container, title: format!("{}{of}", what(pod.component)) })
}

fn what(component: Component) -> &'static str {
    match component {
        Component::Load => "load tool",
        Component::Generate => "generator",
        Component::Server => "server",
        _ => "pod",
    }
}

fn nothing(pods: &[LogPod], wanted: &WantedLogs) -> String {
    let of = wanted.variant.map(|variant| format!(" of variant {variant}")).unwrap_or_default();
    let which = wanted.component.map(|component| format!("{} ", what(component))).unwrap_or_default();
    if pods.is_empty() {
        return "the run has no pods now: the logs of a pod go with it; what failed is shown by `kubectl bcmp get NAME`, and \
                execution.keepOnFailureSeconds keeps the pods of failed variants"
            .into();
    }
    let mut there: Vec<String> = pods
        .iter()
        .map(|pod| match &pod.variant {
            Some(variant) => format!("{} of {variant}", what(pod.component)),
            None => what(pod.component).to_owned(),
        })
        .collect();
    there.sort_unstable();
    there.dedup();
    format!("the run has no {which}pod{of} now: there are pods of the {}", there.join(", "))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn pod(name: &str, component: Component, variant: Option<&str>, containers: &[&str]) -> LogPod {
        let containers = containers.iter().map(|name| (*name).to_owned()).collect();
        LogPod { name: name.into(), component, variant: variant.map(Into::into), containers }
    }

    fn pods() -> Vec<LogPod> {
        vec![
            pod("gen", Component::Generate, None, &["generate"]),
            pod("load-b", Component::Load, Some("b"), &["load", "install"]),
            pod("load-a", Component::Load, Some("a"), &["load", "install"]),
            pod("engine-a", Component::Server, Some("a"), &["sidecar", "main"]),
            pod("mine-a", Component::Server, Some("a"), &["vllm"]),
        ]
    }

    fn shown(wanted: &WantedLogs) -> String {
        match sources(&pods(), wanted) {
            Ok(sources) => {
                let each = sources.iter().map(|one| format!("{}/{} ({})", one.pod, one.container, one.title));
                each.collect::<Vec<_>>().join(", ")
            }
            Err(message) => message,
        }
    }

    #[rstest]
    #[case::the_load_tool_first(None, None, None, "load-a/load (load tool of a), load-b/load (load tool of b)")]
    #[case::of_one_variant(None, Some("a"), None, "load-a/load (load tool of a)")]
    #[case::servers(Some(Component::Server), Some("a"), None, "engine-a/main (server of a), mine-a/vllm (server of a)")]
    #[case::a_container(Some(Component::Server), None, Some("sidecar"), "engine-a/sidecar (server of a)")]
    #[case::generation_is_of_all_variants(Some(Component::Generate), Some("a"), None, "gen/generate (generator)")]
    #[case::no_such_pod(
        Some(Component::Server),
        Some("b"),
        None,
        "the run has no server pod of variant b now: there are pods of the generator, load tool of a, load tool of b, server of a"
    )]
    #[case::no_such_container(None, None, Some("x"), "no container x in these pods: choose one of install, load")]
    fn the_right_containers_are_found(
        #[case] component: Option<Component>,
        #[case] variant: Option<&str>,
        #[case] container: Option<&str>,
        #[case] expected: &str,
    ) {
        assert_eq!(shown(&WantedLogs { component, variant, container }), expected);
    }

    #[test]
    fn before_load_is_driven_the_generator_is_read() {
        let pods = [pods().remove(0)];
        assert_eq!(sources(&pods, &WantedLogs::default()).unwrap()[0].title, "generator");
        assert!(sources(&[], &WantedLogs::default()).unwrap_err().starts_with("the run has no pods now"));
    }
}
