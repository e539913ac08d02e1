//! What an administrator lets the runs of one namespace take at the same time: `runLimits`.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;

/// Namespace that stands for all that are not named.
const ANY_NAMESPACE: &str = "*";

/// Runs of a namespace that may hold GPUs of one kind, or wait for nodes to hold them on, at the same time; those of `*` where a
/// namespace is not named. Without a number there is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct RunLimits(BTreeMap<String, NonZeroU32>);

/// A run, as far as it matters to how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contender<'a> {
    /// UID of its comparison.
    pub uid: &'a str,
    pub namespace: &'a str,
    pub admitted: bool,
    pub queued: Timestamp,
}

impl RunLimits {
    /// How many runs of a namespace, where that is limited.
    pub fn of(&self, namespace: &str) -> Option<u32> {
        self.0.get(namespace).or_else(|| self.0.get(ANY_NAMESPACE)).map(|limit| limit.get())
    }

    /// UIDs of the runs that wait for others of their namespace: those that are admitted, and those that come before them. So no
    /// two are admitted at the same time where one may be.
    pub fn held_back<'a>(&self, runs: impl Iterator<Item = Contender<'a>>) -> BTreeSet<&'a str> {
        let mut of_namespaces: BTreeMap<&str, Vec<Contender>> = BTreeMap::new();
        for run in runs {
            of_namespaces.entry(run.namespace).or_default().push(run);
        }
        let mut held_back = BTreeSet::new();
        for (namespace, mut runs) in of_namespaces {
            let Some(limit) = self.of(namespace) else { continue };
            runs.sort_by_key(|run| (!run.admitted, run.queued, run.uid));
            let beyond = runs.iter().skip(limit as usize);
            held_back.extend(beyond.filter(|run| !run.admitted).map(|run| run.uid));
        }
        held_back
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

    fn contender(uid: &'static str, admitted: bool, second: i64) -> Contender<'static> {
        Contender { uid, namespace: &uid[..1], admitted, queued: Timestamp::from_second(second).unwrap() }
    }

    /// Of namespace a, one run is admitted and two wait, the second one for longer; in namespace b two wait.
    #[rstest]
    #[case::nothing_limits(r"{}", &[])]
    #[case::all_alike(r#"{"*": 1}"#, &["a2", "a3", "b2"])]
    #[case::one_of_its_own(r#"{"*": 1, "a": 2}"#, &["a3", "b2"])]
    #[case::one_alone(r#"{"a": 1}"#, &["a2", "a3"])]
    #[case::none_is_reached(r#"{"*": 3}"#, &[])]
    fn a_namespace_has_its_own_number_or_that_of_all(#[case] json: &str, #[case] expected: &[&str]) {
        let limits: RunLimits = json.parse().unwrap();
        let runs = [
            contender("a3", false, 7),
            contender("a1", true, 9),
            contender("a2", false, 5),
            contender("b2", false, 2),
            contender("b1", false, 1),
        ];
        assert_eq!(limits.held_back(runs.into_iter()).into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn whoever_is_admitted_goes_on_when_a_limit_is_lowered() {
        let limits: RunLimits = r#"{"a": 1}"#.parse().unwrap();
        assert!(limits.held_back([contender("a1", true, 1), contender("a2", true, 2)].into_iter()).is_empty());
    }

    #[rstest]
    #[case(r#"{"a": 0}"#)]
    #[case(r#"{"a": "1"}"#)]
    #[case("8")]
    fn what_is_no_number_is_refused(#[case] text: &str) {
        assert!(text.parse::<RunLimits>().unwrap_err().contains("NAMESPACE or *"));
    }
}
