//! What an administrator lets the runs of one namespace take at the same time: `runLimits`.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::Deserialize;

/// Namespace that stands for all that are not named.
const ANY_NAMESPACE: &str = "*";

/// Runs of a namespace that may hold GPUs of one kind, or wait for nodes to hold them on, at the same time; those of `*` where a
/// namespace is not named. Without a number there is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct RunLimits(BTreeMap<String, NonZeroU32>);

impl RunLimits {
    /// How many runs of a namespace, where that is limited.
    pub fn of(&self, namespace: &str) -> Option<u32> {
        self.0.get(namespace).or_else(|| self.0.get(ANY_NAMESPACE)).map(|limit| limit.get())
    }

    /// Namespaces of which no other run is admitted. `admitted`: that of each run that is.
    pub fn reached<'a>(&self, admitted: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for namespace in admitted {
            let count = counts.entry(namespace).or_default();
            *count = count.saturating_add(1);
        }
        let is_reached = |(namespace, count): (&'a str, u32)| {
            self.of(namespace).is_some_and(|limit| count >= limit).then_some(namespace)
        };
        counts.into_iter().filter_map(is_reached).collect()
    }
}

impl FromStr for RunLimits {
    type Err = String;

    /// Reads JSON: namespace or `*` → number of runs.
    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("expected {{\"NAMESPACE or *\": RUNS, …}}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing_limits(r"{}", &[])]
    #[case::all_alike(r#"{"*": 1}"#, &["a", "b"])]
    #[case::one_of_its_own(r#"{"*": 1, "a": 3}"#, &["b"])]
    #[case::reached(r#"{"a": 2}"#, &["a"])]
    fn a_namespace_has_its_own_number_or_that_of_all(#[case] json: &str, #[case] expected: &[&str]) {
        let limits: RunLimits = json.parse().unwrap();
        assert_eq!(limits.reached(["a", "b", "a"].into_iter()).into_iter().collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case(r#"{"a": 0}"#)]
    #[case(r#"{"a": "1"}"#)]
    #[case("8")]
    fn what_is_no_number_is_refused(#[case] text: &str) {
        assert!(text.parse::<RunLimits>().unwrap_err().contains("NAMESPACE or *"));
    }
}
