//! Stage one: predictions and manifests, without a GPU.

use jiff::Timestamp;

use crate::api::{BenchmarkComparisonStatus, EarlyEnd, Failure, Reason, Run};
use crate::lifecycle::facts::active_run;
use crate::lifecycle::facts::end;
use crate::lifecycle::problem::{self, Problem};
use crate::lifecycle::remains::is_over;
use crate::lifecycle::stages::suspend::waits_since;
use crate::lifecycle::time::{after, stamp};
use crate::lifecycle::world::{Child, JobState, Output, World};
use crate::plan::Component;
use crate::prediction::configurations::GenerationOutcome;

/// Records that generation is over and what it refused, or that it failed.
pub fn advance(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let Some(run) = active_run(status).filter(|run| run.ended.is_none()) else { return };
    if let Output::Refused { reason, message } = &world.plan {
        return end(status, EarlyEnd::Failed, *reason, message.clone(), now);
    }
    if let Some((reason, message)) = lost_plan(run, world) {
        return end(status, EarlyEnd::Failed, reason, message, now);
    }
    let (is_admitted, plans) = (run.start_time.is_some(), may_plan(status, run, world));
    if let Some(run) = status.run.as_mut().filter(|_| plans) {
        run.plan_hash = Some(world.new_plan().hash());
    }
    match &world.configurations {
        Output::Present(_) => record(status, world, now),
        Output::Refused { reason, message } => end(status, EarlyEnd::Failed, *reason, message.clone(), now),
        Output::Unreadable(why) => {
            let message = format!("the run's predictions and manifests cannot be read: {why}; start another run");
            end(status, EarlyEnd::Failed, Reason::ConfigurationsUnreadable, message, now);
        }
        Output::Absent | Output::Empty if is_admitted => {
            let message = "the ConfigMap with the run's predictions and manifests is gone; start another run";
            end(status, EarlyEnd::Failed, Reason::ConfigurationsLost, message, now);
        }
        Output::Absent | Output::Empty => {
            if let Some(problem) = problem(status, world, now).filter(|problem| problem.is_final(now)) {
                end(status, EarlyEnd::Failed, problem.reason, problem.message, now);
            }
        }
    }
}

/// Whether the run's plan may be stored: there is none, and all that it is made of is there. Its hash is recorded first:
/// a plan that somebody else stores is then told from it.
pub fn may_plan(status: &BenchmarkComparisonStatus, run: &Run, world: &World) -> bool {
    world.plan == Output::Absent
        && run.start_time.is_none()
        && !world.spec.suspend
        && !is_over(status, world)
        && world.sources.missing().is_none()
}

/// What was generated, and so had a plan, has none that can be read.
fn lost_plan(run: &Run, world: &World) -> Option<(Reason, String)> {
    run.generated_time.as_ref()?;
    match &world.plan {
        Output::Present(_) => None,
        Output::Unreadable(why) => Some((Reason::PlanUnreadable, unreadable_plan(why))),
        Output::Refused { reason, message } => Some((*reason, message.clone())),
        Output::Absent | Output::Empty => {
            Some((Reason::PlanLost, "the ConfigMap with the run's plan is gone; start another run".into()))
        }
    }
}

fn unreadable_plan(why: &str) -> String {
    format!("the plan of the run cannot be read: {why}; start another run")
}

fn record(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    if let Some(run) = status.run.as_mut() {
        run.generated_time.get_or_insert(stamp(now));
        run.configurations_hash = run.configurations_hash.take().or_else(|| world.configurations_seal.hash.clone());
    }
    for variant in status.variants.iter_mut().filter(|v| v.failure.is_none()) {
        let Some(configuration) = world.configuration(&variant.name) else { continue };
        if let GenerationOutcome::Refused { reason, message } = &configuration.outcome {
            variant.failure = Some(Failure::new(reason, message, stamp(now)));
        }
    }
}

/// Since when generation is under way, or could be.
fn begin(run: &Run, job: Option<&Child>) -> Timestamp {
    job.map_or_else(|| waits_since(run, run.queued_time.0), |job| job.created)
}

/// When generation is overdue.
pub fn deadline(run: &Run, world: &World) -> Timestamp {
    after(begin(run, world.generate_job(run.number)), world.spec.execution.deadlines.generate_seconds)
}

/// What keeps generation from ending, and when that is final.
pub fn problem(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> Option<Problem> {
    let run = active_run(status)?;
    if world.spec.suspend || world.configurations.present().is_some() {
        return None;
    }
    let job = world.generate_job(run.number);
    let deadline = deadline(run, world);
    if matches!(world.plan, Output::Absent)
        && let Some((reason, message)) = world.sources.missing()
    {
        return Some(Problem { reason, message: message.to_owned(), fatal: deadline });
    }
    if let Output::Unreadable(why) = &world.plan {
        return Some(Problem { reason: Reason::PlanUnreadable, message: unreadable_plan(why), fatal: now });
    }
    let pods = || world.pods.iter().filter(|p| p.ours && p.run == run.number && p.component == Component::Generate);
    job.and_then(|job| problem::of_failed_job(job, pods(), now))
        .or_else(|| job.and_then(|job| finished_without_output(job, now)))
        .or_else(|| problem::of_pods(pods(), 0, deadline, now).map(|t| Problem { fatal: t.fatal.min(deadline), ..t }))
        .or_else(|| {
            let refusals = world.refusals.iter().filter(|r| r.variant.is_none() && r.run == run.number);
            let teardown_seconds = world.spec.execution.deadlines.teardown_seconds;
            problem::of_objects(job.into_iter(), refusals, begin(run, job), teardown_seconds)
                .map(|t| Problem { fatal: t.fatal.min(deadline), ..t })
        })
        .or_else(|| overdue(run.number, world, deadline, now))
}

/// A complete Job whose output is not there: the cache may lag, a minute later it is lost.
fn finished_without_output(job: &Child, now: Timestamp) -> Option<Problem> {
    (job.job == Some(JobState::Complete)).then(|| Problem {
        reason: Reason::GenerationFailed,
        message: format!(
            "Job {} is complete, but its predictions and manifests are missing; start another run",
            job.name
        ),
        fatal: after(job.created, 60).max(now),
    })
}

fn overdue(run: i64, world: &World, deadline: Timestamp, now: Timestamp) -> Option<Problem> {
    let job = world.generate_job(run).map_or("the generate Job".into(), |job| format!("Job {}", job.name));
    let limit = world.spec.execution.deadlines.generate_seconds;
    (now >= deadline).then(|| Problem {
        reason: Reason::GenerationDeadline,
        message: format!(
            "{job} did not generate predictions and manifests within {limit} s (execution.deadlines.generateSeconds): raise the \
             deadline, or start another run and check what its pod waits for"
        ),
        fatal: deadline,
    })
}
