//! What the load agent does next, from published records alone: a pod that takes over does what the lost one would have
//! done. Pure.

use crate::api::EvidenceCode;
use crate::measurement::ledger::{Ledger, Mark};
use crate::measurement::record::{TrialPlan, TrialRecord};
use crate::sweep::Next;

/// Starts without a result after which a trial is given up: the trial itself may be what ended the pods. Those that a
/// suspension ended were of another deployment and do not count.
const MOST_STARTS: usize = 2;
/// Failures of the tool in a row after which it is not started again.
const MOST_FAILURES: usize = 3;

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// Everything is measured.
    Finish,
    /// The tool fails again and again; its latest failure.
    GiveUp(String),
    /// The trial was begun too often: it gets a record with that finding.
    RecordLost { trial: TrialPlan, last_start: Mark },
    Run {
        trial: TrialPlan,
        /// Earlier starts of this trial, which came to no end.
        unfinished: Vec<Mark>,
        /// Which trial of its level it is, from 1: names its directory.
        number: usize,
    },
    /// The sweep asks for a trial that is over: its rules and the records contradict each other.
    Contradiction(TrialPlan),
}

/// Decides it for one deployment.
pub fn next_move(next: Next, ledger: &Ledger, deployment: u32) -> Move {
    let failing = failing(&ledger.records, deployment);
    let Next::Run(trial) = next else {
        // A sweep that is over has its records. Only if none of them has a measurement does the failure matter.
        let measured = ledger.records.iter().any(|record| record.measurement.is_some());
        return failing.filter(|_| !measured).map_or(Move::Finish, Move::GiveUp);
    };
    if let Some(message) = failing {
        return Move::GiveUp(message);
    }
    if ledger.records.iter().any(|record| record.trial.key == trial.key) {
        return Move::Contradiction(trial);
    }
    let starts = ledger.starts.get(&trial.key.to_string()).map_or(&[][..], Vec::as_slice);
    let ended_here: Vec<&Mark> = starts.iter().filter(|start| start.deployment == deployment).collect();
    if let Some(last_start) = ended_here.last().filter(|_| ended_here.len() >= MOST_STARTS) {
        return Move::RecordLost { trial, last_start: Mark::clone(last_start) };
    }
    let earlier = ledger.records.iter().filter(|record| record.trial.key.concurrency == trial.key.concurrency).count();
    Move::Run { trial, unfinished: starts.to_vec(), number: earlier + 1 }
}

/// The latest failure of the tool, if it failed in each of the last trials of this deployment.
fn failing(records: &[TrialRecord], deployment: u32) -> Option<String> {
    let mut records: Vec<_> = records.iter().filter(|record| record.deployment == deployment).collect();
    records.sort_by_key(|record| record.completion_time);
    let failure = |record: &&TrialRecord| {
        let failed = |finding: &&crate::api::Finding| finding.code == EvidenceCode::LoadToolFailed;
        record.findings.iter().find(failed).map(|finding| finding.message.clone())
    };
    let last: Vec<String> = records.iter().rev().map_while(failure).take(MOST_FAILURES).collect();
    (last.len() == MOST_FAILURES).then(|| last.into_iter().next()).flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;
    use crate::api::Finding;
    use crate::measurement::record::{Purpose, SCHEMA_VERSION, TrialKey};
    use crate::measurement::{Facts, Measurement};

    fn trial(concurrency: u32, try_number: u32) -> TrialPlan {
        TrialPlan {
            key: TrialKey { round: 1, concurrency, purpose: Purpose::Ladder, number: 1, try_number },
            requests: 30,
            warmup: 2,
            ramp_seconds: None,
            seed: 1,
            request_timeout_seconds: 600,
        }
    }

    fn record(trial: TrialPlan, deployment: u32, second: i64, code: Option<EvidenceCode>) -> TrialRecord {
        let time = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
        TrialRecord {
            schema_version: SCHEMA_VERSION,
            trial,
            deployment,
            pod_uid: "u".into(),
            start_time: time,
            completion_time: time,
            measurement: None,
            findings: code.map(|code| Finding::new(code, format!("at {second}"))).into_iter().collect(),
        }
    }

    fn measurement() -> Measurement {
        Measurement {
            tool: "aiperf 0.13.0".into(),
            concurrency: 9,
            requests: 30,
            errors: Some(0),
            first_error: None,
            ttft: None,
            tpot: None,
            request_latency: None,
            output_tokens_per_second: None,
            requests_per_second: None,
            good_requests_percent: None,
            counted: None,
            facts: Facts::default(),
        }
    }

    /// Set with deployment 1.
    fn mark(pod: &str) -> Mark {
        Mark { schema_version: SCHEMA_VERSION, deployment: 1, pod_uid: pod.into(), time: Timestamp::UNIX_EPOCH }
    }

    fn started(trial: &TrialPlan, pods: &[&str]) -> Ledger {
        let marks = pods.iter().map(|pod| mark(pod)).collect();
        Ledger { starts: BTreeMap::from([(trial.key.to_string(), marks)]), ..Ledger::default() }
    }

    fn failures(deployment: u32, codes: &[Option<EvidenceCode>]) -> Ledger {
        let records = codes.iter().enumerate().map(|(place, code)| {
            let number = u32::try_from(place).unwrap_or(0) + 1;
            record(trial(number, 1), deployment, i64::from(number), *code)
        });
        Ledger { records: records.rev().collect(), ..Ledger::default() }
    }

    fn run(trial: TrialPlan, unfinished: &[&str], number: usize) -> Move {
        Move::Run { trial, unfinished: unfinished.iter().map(|pod| mark(pod)).collect(), number }
    }

    #[test]
    fn a_level_nobody_began_is_begun() {
        assert_eq!(next_move(Next::Run(trial(5, 1)), &Ledger::default(), 1), run(trial(5, 1), &[], 1));
    }

    #[test]
    fn the_end_is_the_end_unless_nothing_was_measured() {
        let mut ledger = failures(1, &[Some(EvidenceCode::LoadToolFailed); 3]);
        assert_eq!(next_move(Next::Done, &ledger, 1), Move::GiveUp("at 3".into()));
        ledger.records.push(TrialRecord { measurement: Some(measurement()), ..record(trial(9, 1), 1, 0, None) });
        assert_eq!(next_move(Next::Done, &ledger, 1), Move::Finish);
        assert_eq!(next_move(Next::Done, &Ledger::default(), 1), Move::Finish);
    }

    #[test]
    fn a_level_whose_pod_was_lost_is_begun_once_more_and_then_given_up() {
        let once = trial(5, 1);
        let next = |pods: &[&str]| next_move(Next::Run(once), &started(&once, pods), 1);
        assert_eq!(next(&["a"]), run(once, &["a"], 1));
        assert_eq!(next(&["a", "b"]), Move::RecordLost { trial: once, last_start: mark("b") });
    }

    #[test]
    fn a_level_that_suspensions_ended_is_begun_as_often_as_it_takes() {
        let ledger = started(&trial(5, 1), &["a", "b", "c"]);
        let next = |deployment| next_move(Next::Run(trial(5, 1)), &ledger, deployment);
        assert_eq!(next(2), run(trial(5, 1), &["a", "b", "c"], 1));
        assert_eq!(next(1), Move::RecordLost { trial: trial(5, 1), last_start: mark("c") });
    }

    #[test]
    fn starts_of_another_try_do_not_count() {
        let ledger = started(&trial(5, 1), &["a", "b"]);
        assert_eq!(next_move(Next::Run(trial(5, 2)), &ledger, 1), run(trial(5, 2), &[], 1));
    }

    #[test]
    fn runs_are_numbered_by_concurrency() {
        let records = vec![record(trial(5, 1), 1, 1, None), record(trial(6, 1), 1, 2, None)];
        let ledger = Ledger { records, ..Ledger::default() };
        assert_eq!(next_move(Next::Run(trial(5, 2)), &ledger, 1), run(trial(5, 2), &[], 2));
    }

    #[test]
    fn three_failures_of_the_tool_in_a_row_end_it() {
        let (failed, other) = (Some(EvidenceCode::LoadToolFailed), Some(EvidenceCode::ErrorRate));
        let next = |ledger: &Ledger, deployment| next_move(Next::Run(trial(50, 1)), ledger, deployment);
        assert_eq!(next(&failures(1, &[None, failed, failed, failed]), 1), Move::GiveUp("at 4".into()));
        for codes in [&[failed, failed][..], &[failed, failed, None, failed], &[failed, failed, failed, other]] {
            assert!(matches!(next(&failures(1, codes), 1), Move::Run { .. }), "{codes:?}");
        }
        assert!(matches!(next(&failures(1, &[failed; 3]), 2), Move::Run { .. }), "a new deployment is tried anew");
    }

    #[test]
    fn nothing_published_is_run_again() {
        let ledger = Ledger { records: vec![record(trial(5, 1), 1, 1, None)], ..Ledger::default() };
        assert_eq!(next_move(Next::Run(trial(5, 1)), &ledger, 1), Move::Contradiction(trial(5, 1)));
    }
}
