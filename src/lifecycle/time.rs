//! Times as the API stores them: whole seconds.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{BenchmarkComparisonStatus, DeploymentStatus};

/// How far a clock may have been ahead for its times to count, in seconds.
const MOST_AHEAD: i64 = 3600;

/// The time of a look: the clock's, but not before what is recorded.
///
/// A clock that is set back would otherwise let a deployment begin before its predecessor was gone, and the two would seem to
/// have shared their nodes. A time that is further ahead than an hour is no reason to hold GPUs until then. What is counted
/// from a recorded time comes late by what the clock was ahead when it was recorded.
pub fn not_before_what_is_recorded(status: &BenchmarkComparisonStatus, now: Timestamp) -> Timestamp {
    let recorded = status.variants.iter().flat_map(|variant| &variant.deployments).flat_map(recorded);
    recorded.filter(|time| *time <= after(now, MOST_AHEAD)).fold(now, Timestamp::max)
}

fn recorded(deployment: &DeploymentStatus) -> impl Iterator<Item = Timestamp> {
    let DeploymentStatus {
        number: _,
        round: _,
        beside: _,
        // By the clocks of nodes.
        restarts: _,
        created,
        scheduled,
        ready,
        serving,
        measured,
        teardown,
        freed,
        gone,
    } = deployment;
    let times = [scheduled, ready, serving, measured, teardown, freed, gone];
    times.into_iter().flatten().chain([created]).map(|time| time.0)
}

/// `now` as it is stored; the API keeps whole seconds.
pub fn stamp(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

pub fn after(time: Timestamp, seconds: impl Into<i64>) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX)
}

/// Whole seconds from one time to another, never negative.
pub fn seconds_between(from: &Time, to: &Time) -> i64 {
    (to.0.as_second() - from.0.as_second()).max(0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::api::{Role, VariantStatus};
    use crate::testing::{at, deployment};

    #[rstest]
    #[case::as_the_clock_says(10_200, 10_200)]
    #[case::set_back(9700, 10_000)]
    #[case::far_ahead_once(6000, 6000)]
    fn no_look_is_before_what_is_recorded(#[case] clock: i64, #[case] expected: i64) {
        let gone = DeploymentStatus { gone: Some(stamp(at(10_000))), ..deployment() };
        let variant = VariantStatus { deployments: vec![gone], ..VariantStatus::new("baseline", Role::Baseline) };
        let status = BenchmarkComparisonStatus { variants: vec![variant], ..Default::default() };
        assert_eq!(not_before_what_is_recorded(&status, at(clock)), at(expected));
    }
}
