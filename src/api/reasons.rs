//! Every reason that stands in a condition, a failure, an early end or an event: what it means and what to do.
//!
//! One source for `kubectl bcmp explain` and for docs/troubleshooting.md; `tests/reasons.rs` holds code and page to it.

/// What a reason is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Why a run or a variant failed, or is about to.
    Failure,
    /// Why no configuration of a variant can be deployed.
    Configuration,
    /// Why a run does not go on, or ended otherwise than by its verdict.
    Course,
    /// What follows from the measurements.
    Judgement,
    /// What happened: reasons of events only.
    Event,
}

impl About {
    /// Every group, in the order in which they are listed.
    pub const ALL: [Self; 5] = [Self::Failure, Self::Configuration, Self::Course, Self::Judgement, Self::Event];

    /// As a title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Failure => "Why a run or a variant fails",
            Self::Configuration => "Why a variant has no configuration",
            Self::Course => "Where a run is, and why it ended early",
            Self::Judgement => "What follows from the measurements",
            Self::Event => "What happened, as events say it",
        }
    }
}

/// A reason in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// As it is written in status and events.
    pub name: &'static str,
    /// What it is about.
    pub about: About,
    /// What was seen.
    pub meaning: &'static str,
    /// When it is final, where it is shown before.
    pub final_after: Option<&'static str>,
    /// What to do.
    pub remedy: &'static str,
}

/// The reason of this name.
pub fn reason(name: &str) -> Option<&'static Reason> {
    REASONS.iter().find(|reason| reason.name == name)
}

const fn failure(name: &'static str, meaning: &'static str, final_after: &'static str, remedy: &'static str) -> Reason {
    Reason { name, about: About::Failure, meaning, final_after: Some(final_after), remedy }
}

const fn of(about: About, name: &'static str, meaning: &'static str, remedy: &'static str) -> Reason {
    Reason { name, about, meaning, final_after: None, remedy }
}

use About::{Configuration, Course, Event, Judgement};

const AT_ONCE: &str = "at once";
const WITH_ITS_JOB: &str = "when its Job fails";
const AFTER_GRACE: &str = "after 300 s";
const AFTER_BINDING: &str = "300 s after the pod has a node";
const NOTHING: &str = "nothing";
const RUN_AGAIN: &str = "run again";
const LOG_OF_LOAD: &str =
    "`execution.keepOnFailureSeconds` keeps its pods; then its log: `kubectl logs job/…-load-d1 -c load`";
const CONFIGURATIONS_GONE: &str = "the ConfigMap of the run's predictions and manifests was changed or removed";

/// Every reason.
pub const REASONS: &[Reason] = &[
    failure(
        "Unschedulable",
        "a pod finds no node; the message has the scheduler's words",
        "after `deadlines.scheduleSeconds`",
        "free GPUs, correct `hardware.nodeSelector` and `tolerations`, or the name of a claim",
    ),
    failure(
        "ImagePullFailed",
        "a container's image cannot be pulled",
        AFTER_BINDING,
        "correct the image's name, `spec.imagePullSecrets`",
    ),
    failure(
        "ContainerConfigError",
        "a Secret or ConfigMap that a container refers to is missing",
        AFTER_BINDING,
        "create it, or correct its name",
    ),
    failure(
        "CrashLoop",
        "a container has ended and restarted",
        "after 3 restarts",
        "its log; `execution.keepOnFailureSeconds` keeps its pod for that",
    ),
    failure(
        "OutOfMemory",
        "a container was killed for memory",
        "after 3 restarts",
        "raise its limit; for the load tool: `load.pod.resources`; the predictor has the limit of a LimitRange, or its node's",
    ),
    failure(
        "NotReady",
        "pods run, but not all of them became Ready",
        "after `deadlines.readySeconds`",
        "what does the readiness probe of the pod in the message ask for? Its log; `execution.keepOnFailureSeconds` keeps it for that",
    ),
    failure(
        "NotServing",
        "pods are Ready, but no streamed request was completed",
        "after `deadlines.readySeconds`",
        "is `model.name` the name they serve? Their logs; `execution.keepOnFailureSeconds` keeps their pods for that",
    ),
    failure("QuotaExceeded", "the namespace's quota refuses pods or objects", AFTER_GRACE, "raise the quota"),
    failure(
        "PodSecurityRefused",
        "Pod Security refuses the pods",
        AFTER_GRACE,
        "patch the manifests, or relax the namespace's level",
    ),
    failure("AdmissionRefused", "an admission rule refuses an object", AFTER_GRACE, "correct what the message names"),
    failure(
        "KindNotServed",
        "the cluster does not know a kind, for example `DynamoGraphDeployment`",
        AFTER_GRACE,
        "install Dynamo's operator",
    ),
    failure(
        "NameTaken",
        "another object has the name of one the run needs, or something of a deleted comparison of the same name is still there",
        "after `deadlines.teardownSeconds`",
        "delete or rename it",
    ),
    failure(
        "ManifestsNotFound",
        "`manifests.configMapName` or its key is not there",
        "after `deadlines.generateSeconds`",
        "create it",
    ),
    failure(
        "GenerationFailed",
        "configurations could not be made; the message has the predictor's words",
        WITH_ITS_JOB,
        "correct the spec, or run again and follow the log of the generate Job; no GPU was held",
    ),
    failure(
        "GenerationDeadline",
        "configurations were not ready in time",
        "after `deadlines.generateSeconds`",
        "raise the deadline, or run again and see what the generate Job's pod waits for",
    ),
    failure(
        "QueueDeadline",
        "other comparisons held the GPUs for too long",
        "after `deadlines.queueSeconds`",
        "raise it; 0 waits for ever",
    ),
    failure("LoadFailed", "the load tool failed again and again", WITH_ITS_JOB, LOG_OF_LOAD),
    failure("ToolFailed", "the load tool failed again and again", WITH_ITS_JOB, LOG_OF_LOAD),
    failure(
        "ResultsNotPublished",
        "a pod could not hand over what it made or measured",
        WITH_ITS_JOB,
        "network policies between pods and the API server",
    ),
    failure(
        "ResultsUnreadable",
        "the ConfigMap of a variant's records was changed or removed",
        AT_ONCE,
        "run again; nothing is measured twice within one run",
    ),
    failure(
        "ResultsLost",
        "the ConfigMap of a variant's records was changed or removed",
        AT_ONCE,
        "run again; nothing is measured twice within one run",
    ),
    failure("ConfigurationsUnreadable", CONFIGURATIONS_GONE, AT_ONCE, RUN_AGAIN),
    failure("ConfigurationsLost", CONFIGURATIONS_GONE, AT_ONCE, RUN_AGAIN),
    failure("PlanUnreadable", "the run's plan was changed, or is from a version too far away", AT_ONCE, RUN_AGAIN),
    failure("ObjectsDeleted", "somebody deleted a variant's objects in mid-run", AT_ONCE, RUN_AGAIN),
    failure(
        "TooManyDeployments",
        "a variant was deployed 24 times in one run: it was suspended too often, or Parallel never found GPUs for all at once",
        AT_ONCE,
        "use Sequential or Auto; run again",
    ),
    of(
        Configuration,
        "NoFeasibleConfiguration",
        "no configuration the predictor knows keeps the SLA; the message says by what the nearest misses",
        "relax `sla`, give more GPUs, or let `recommended.servingMode` be `Best`",
    ),
    of(
        Configuration,
        "RankNotAvailable",
        "fewer configurations keep the SLA than `recommended.rank` asks for",
        "lower `recommended.rank`",
    ),
    of(
        Configuration,
        "ModelDoesNotFit",
        "the GPUs of a variant do not hold the model and one request",
        "raise `hardware.gpusPerVariant`",
    ),
    of(
        Configuration,
        "SystemUnknown",
        "the predictor knows no such `hardware.system`; the message lists those it knows",
        "correct it",
    ),
    of(
        Configuration,
        "PredictorRefused",
        "the predictor answered with an error, or generated nothing; the message has its words",
        "correct what it names, for example `model.name` or `predictor.databaseVersion`",
    ),
    of(
        Configuration,
        "PredictionUnreadable",
        "the predictor's output has another layout than those that are known",
        "name another version of its image in `predictor.image`",
    ),
    of(Configuration, "ManifestsNotReadable", "the variant's manifests are no valid YAML", "correct them"),
    of(
        Configuration,
        "ManifestsRefused",
        "a manifest holds what a comparison may not create; the message names object and field",
        "remove the field, or patch it away",
    ),
    of(
        Configuration,
        "ManifestsIncomplete",
        "the manifests do not make a deployment: an object is missing, or there is one too many",
        "correct what the message names",
    ),
    of(
        Configuration,
        "PatchFailed",
        "one of the variant's patches does not apply",
        "correct the patch the message names",
    ),
    of(
        Configuration,
        "NotWritable",
        "an object cannot be written as JSON",
        "report it: this is a fault of the operator",
    ),
    of(Configuration, "TooLarge", "plan or configurations do not fit into a ConfigMap", "shorten the manifests"),
    of(Course, "Pending", "the run has not begun", NOTHING),
    of(Course, "Queued", "another comparison holds the GPUs; the message names it", "wait, or cancel the other one"),
    of(Course, "Generating", "predictions and manifests are being made; no GPU is held", NOTHING),
    of(Course, "Generated", "predictions and manifests of all variants are ready", NOTHING),
    of(
        Course,
        "Predicted",
        "predictions and manifests are ready, and nothing more was asked for",
        "set `execution.until` to `Verdict` to measure",
    ),
    of(Course, "Measuring", "variants are deployed and measured", "`kubectl bcmp watch NAME` shows how far it is"),
    of(Course, "Measured", "all variants are measured", NOTHING),
    of(Course, "NotMeasured", "not all variants are measured yet", NOTHING),
    of(Course, "Deployed", "a variant is deployed and holds its GPUs", NOTHING),
    of(Course, "TearingDown", "the last objects are going; the run is not over before they are gone", NOTHING),
    of(Course, "Gone", "nothing that holds GPUs is left", NOTHING),
    of(Course, "Succeeded", "the run ended with an answer, and `judgement.failOn` does not name it", NOTHING),
    of(
        Course,
        "Failed",
        "the run ended without an answer, or with one that `judgement.failOn` names",
        "see `status.run.ended` and `status.variants[].failure`",
    ),
    of(
        Course,
        "Inconclusive",
        "the run ended; the evidence does not suffice for an answer",
        "see the levels' evidence (`kubectl bcmp report NAME`), mend its cause and run again",
    ),
    of(
        Course,
        "CaughtByFailOn",
        "the run has its answer, and `judgement.failOn` names it: by that rule it counts as failed",
        "see the answer (`kubectl bcmp report NAME`); without its word in `judgement.failOn` the run ends well, and nothing is measured again",
    ),
    of(
        Course,
        "Cancelled",
        "the run was cancelled, or superseded by another",
        "`kubectl bcmp rerun NAME` starts another",
    ),
    of(
        Course,
        "NotRequested",
        "`execution.start` is `OnRequest` and no run was asked for",
        "`kubectl bcmp rerun NAME`",
    ),
    of(
        Course,
        "Suspended",
        "`spec.suspend` is true; nothing is held",
        "set it to false: the run goes on at the next level",
    ),
    of(
        Course,
        "TeardownStuck",
        "objects or pods do not go away; the message names the finalizer that holds them",
        "make the finalizer's owner work again; GPUs may still be held",
    ),
    of(
        Course,
        "KeptForDebugging",
        "the failed variant is kept, as asked for",
        "wait for `keepOnFailureSeconds`, or set it to 0",
    ),
    of(Course, "CancelRequested", "somebody cancelled the run", "`kubectl bcmp rerun NAME` starts another"),
    of(
        Course,
        "RunRequested",
        "another run was asked for while this one was active; this one was superseded",
        "nothing; `execution.onChange: FinishFirst` lets a run end first",
    ),
    of(
        Course,
        "RunIdChanged",
        "`spec.runId` changed while the run was active; it was superseded",
        "nothing; `execution.onChange: FinishFirst` lets a run end first",
    ),
    of(
        Course,
        "InputsChanged",
        "what is measured changed in the spec while the run was active; it was superseded",
        "nothing; `execution.onChange: FinishFirst` lets a run end first",
    ),
    of(
        Judgement,
        "Confirmed",
        "measured as predicted: same direction, and the figures are within the tolerance",
        NOTHING,
    ),
    of(
        Judgement,
        "DirectionOnly",
        "the better variant was predicted, but figures are off, or the advertised point misses its SLA or was not measured",
        "see the reason in the report",
    ),
    of(
        Judgement,
        "Refuted",
        "another variant is better than predicted, or none is",
        "trust the measurement; see what is doubtful about the prediction in the report",
    ),
    of(
        Judgement,
        "NotPredicted",
        "nothing is predicted for what was measured, so there is nothing to confirm",
        "give the variant's `shape` what its manifests do not tell",
    ),
    of(Judgement, "NotJudged", "not all variants are measured, or nothing is predicted for what was measured", NOTHING),
    of(Judgement, "Sufficient", "every deciding level was measured, and the outcome is beyond doubt", NOTHING),
    of(
        Judgement,
        "DecidingLevelLost",
        "a level the outcome rests on was rejected or is missing",
        "see the level's evidence (`kubectl bcmp report NAME`), mend its cause and run again",
    ),
    of(
        Judgement,
        "Undetermined",
        "the measurements lie too close to each other, or to the SLA, for an answer",
        "raise `load.decisionTrials`, set `execution.rounds` to 2 or more",
    ),
    of(Judgement, "WithinTolerance", "predictions are within `judgement.accuracyTolerancePercent`", NOTHING),
    of(
        Judgement,
        "OutsideTolerance",
        "a prediction is off by more than `judgement.accuracyTolerancePercent`",
        "see the levels' errors; a newer `predictor.databaseVersion` may know the engine better",
    ),
    of(Judgement, "SlaMet", "a candidate has an accepted level that keeps the SLA", NOTHING),
    of(
        Judgement,
        "SlaMissed",
        "no candidate keeps the SLA at any level",
        "add lower levels to `workload.concurrency`, or relax `sla`",
    ),
    of(
        Judgement,
        "NotKnown",
        "whether a candidate keeps the SLA cannot be told: its levels scatter around the limit, or are missing",
        "raise `load.decisionTrials`; see the levels' evidence",
    ),
    of(
        Judgement,
        "CeilingReached",
        "every level keeps the SLA, and no higher one was tried: throughput at the SLA is not known",
        "add higher levels to `workload.concurrency`",
    ),
    of(
        Judgement,
        "EvidenceInsufficient",
        "too few accepted levels are left to say what a variant delivers at the SLA",
        "see the levels' evidence (`kubectl bcmp report NAME`), mend its cause and run again",
    ),
    of(Event, "RunStarted", "a run began; predictions and manifests come first, and hold no GPU", NOTHING),
    of(Event, "ConfigurationsGenerated", "predictions and manifests of all variants are ready", NOTHING),
    of(Event, "Admitted", "the run may hold GPUs now; the message has its mode and why", NOTHING),
    of(
        Event,
        "ModeChanged",
        "a parallel run found GPUs for a part only and goes on one variant after the other",
        "nothing; `execution.mode: Sequential` does not try",
    ),
    of(Event, "Deploying", "the objects of a variant are being created", NOTHING),
    of(Event, "Scheduled", "all pods of a variant have a node: from now on it holds its GPUs", NOTHING),
    of(Event, "Serving", "a variant completed its first request; its levels are measured from now on", NOTHING),
    of(Event, "TornDown", "everything of a variant was seen to be gone", NOTHING),
    of(Event, "Finished", "the run is over; the message has its answer, or why there is none", NOTHING),
    of(
        Event,
        "ReportRefused",
        "the API server refused the report; the run ended without it, and the status has its answer",
        "mend what the message names: the report is written then",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_is_there_once_and_says_what_to_do() {
        let mut seen = BTreeSet::new();
        for reason in REASONS {
            assert!(seen.insert(reason.name), "{} is there twice", reason.name);
            assert!(reason.meaning.len() > 15 && !reason.remedy.is_empty(), "{}", reason.name);
            assert!(!reason.meaning.ends_with('.') && !reason.remedy.ends_with('.'), "{}", reason.name);
        }
    }
}
