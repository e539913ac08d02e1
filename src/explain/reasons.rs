//! Reasons of runs, variants, conditions and events.

use super::explanation::{Explanation, NO_ACTION, explanation as of};
use crate::api::Reason;

const fn failure(meaning: &'static str, final_when: &'static str, remedy: &'static str) -> Explanation {
    Explanation { final_when: Some(final_when), ..of(meaning, remedy) }
}

const AT_ONCE: &str = "at once";
const WITH_ITS_JOB: &str = "when its Job fails";
const AFTER_GRACE: &str = "after 300 s";
const AFTER_SCHEDULING: &str = "300 s after the pod was scheduled";
const AFTER_GENERATE_SECONDS: &str = "after `execution.deadlines.generateSeconds`";
const AFTER_READY_SECONDS: &str = "after `execution.deadlines.readySeconds`";
const READ_THE_EVIDENCE: &str = "Read the levels' evidence (`kubectl bcmp report NAME`), fix the cause and run again.";
const RERUN: &str = "Run `kubectl bcmp rerun NAME` to start another.";
const LET_RUNS_FINISH: &str = "No action needed. Set `execution.onChange` to `FinishFirst` to let a run finish first.";

/// What a reason means.
pub const fn reason(reason: Reason) -> Explanation {
    match reason {
        Reason::Unschedulable => failure(
            "A pod cannot be scheduled; the message quotes the scheduler.",
            "after `execution.deadlines.scheduleSeconds`",
            "Free GPUs, or correct `hardware.nodeSelector`, `hardware.tolerations` or the name of a volume claim.",
        ),
        Reason::ImagePullFailed => failure(
            "A container's image cannot be pulled.",
            AFTER_SCHEDULING,
            "Correct the image's name or `spec.imagePullSecrets`.",
        ),
        Reason::ContainerConfigError => failure(
            "A container cannot be created, usually because a Secret or ConfigMap it refers to is missing.",
            AFTER_SCHEDULING,
            "Create what is missing, or correct its name.",
        ),
        Reason::CrashLoop => failure(
            "A container exited and was restarted.",
            "after 3 restarts",
            "Read the pod's log and events. Set `execution.keepOnFailureSeconds` to keep the pod. If its liveness probe failed, raise the probe's timeout with a patch.",
        ),
        Reason::OutOfMemory => failure(
            "A container was killed because it used more memory than it may.",
            "after 3 restarts, or when its Job fails",
            "Raise its memory limit: of the load tool, in `load.pod.resources`; of the predictor, in the namespace's LimitRange or by a larger node.",
        ),
        Reason::NotReady => failure(
            "Pods are running, but not all of them became Ready.",
            AFTER_READY_SECONDS,
            "Check what the readiness probe of the pod in the message waits for, and read its log. Set `execution.keepOnFailureSeconds` to keep the pod.",
        ),
        Reason::NotServing => failure(
            "Pods are Ready, but no streamed request was completed.",
            AFTER_READY_SECONDS,
            "Check that the servers answer to `model.servedName`, or to `model.name` where that is unset, and read their logs. Set `execution.keepOnFailureSeconds` to keep the pods.",
        ),
        Reason::QuotaExceeded => failure(
            "The namespace's quota does not allow the pods or objects.",
            AFTER_GRACE,
            "Raise the quota, or free what uses it.",
        ),
        Reason::PodSecurityRefused => failure(
            "The namespace's Pod Security level does not allow the pods.",
            AFTER_GRACE,
            "Patch the manifests to comply, or relax the level.",
        ),
        Reason::AdmissionRefused => failure(
            "The API server or an admission policy refused an object.",
            AFTER_GRACE,
            "Correct what the message names.",
        ),
        Reason::KindNotServed => failure(
            "The cluster does not serve a kind, for example `DynamoGraphDeployment`.",
            AFTER_GRACE,
            "Install the operator that serves it; for `DynamoGraphDeployment`, Dynamo's.",
        ),
        Reason::WebhookUnavailable => failure(
            "An object cannot be created because a webhook of its kind does not answer; it is tried again every 12 s.",
            AFTER_GRACE,
            "Restore the service that the message names (for `DynamoGraphDeployment`, Dynamo's operator), and check its certificate.",
        ),
        Reason::CreationFailed => failure(
            "The API server failed to create an object; it is tried again every 12 s.",
            "at the deadline of the stage",
            "Check the API server; the message quotes it.",
        ),
        Reason::PodsNotCreated => failure(
            "Nothing made the pods of a variant; the message names the object that should have made them.",
            "after `execution.deadlines.scheduleSeconds`",
            "Restore the controller of that object (for `DynamoGraphDeployment`, Dynamo's operator), and read the object's status.",
        ),
        Reason::NameTaken => failure(
            "Another object has a name that the run needs, or an object of a deleted comparison of the same name still exists.",
            "after `execution.deadlines.teardownSeconds`",
            "Delete or rename that object.",
        ),
        Reason::ManifestsNotFound => failure(
            "What `source.manifests` names does not exist: the ConfigMap, its key, or the graph of the DynamoGraphDeploymentRequest.",
            AFTER_GENERATE_SECONDS,
            "Create it, or correct the name.",
        ),
        Reason::ClaimNotFound => failure(
            "The ConfigMap that `variants[].claim` names does not exist, or holds no file of a predictor.",
            AFTER_GENERATE_SECONDS,
            "Create it from the predictor's files: `kubectl create configmap NAME --from-file=DIRECTORY`.",
        ),
        Reason::GenerationFailed => failure(
            "Predictions and manifests could not be generated; the message quotes the predictor.",
            WITH_ITS_JOB,
            "Correct the spec, or run again and follow the log of the generate Job. No GPU was held.",
        ),
        Reason::GenerationDeadline => failure(
            "Predictions and manifests were not generated in time.",
            AFTER_GENERATE_SECONDS,
            "Raise the deadline, or run again and check what the generate Job's pod waits for.",
        ),
        Reason::QueueDeadline => failure(
            "The run was queued behind other comparisons and got no GPUs in time.",
            "after `execution.deadlines.queueSeconds`",
            "Raise the deadline, or set it to 0 for no limit.",
        ),
        Reason::LoadFailed | Reason::ToolFailed => failure(
            "The load tool failed repeatedly.",
            WITH_ITS_JOB,
            "Set `execution.keepOnFailureSeconds` to keep the pods, run again, and read the log: `kubectl logs job/…-load-d1 -c load`.",
        ),
        Reason::LoadStalled => failure(
            "The load pod published nothing for as long as a trial and a new load pod may take.",
            "after `execution.deadlines.trialSeconds`, the time for a new load pod, and 300 s",
            "Check what the load pod in the message waits for, or raise the deadline. What was published is kept.",
        ),
        Reason::LoadPodStuck => failure(
            "The load pod does not start, or was deleted and does not go: the Job makes no other meanwhile.",
            "1800 s after it was scheduled, or after it should have been gone",
            "Check its node and its events; delete the pod by force if its node is lost.",
        ),
        Reason::ResultsNotPublished => failure(
            "A pod could not publish what it generated or measured.",
            WITH_ITS_JOB,
            "Check that network policies let the pod reach the API server.",
        ),
        Reason::ResultsUnreadable | Reason::ResultsLost => failure(
            "The ConfigMap with a variant's results was changed or deleted.",
            AT_ONCE,
            "Run again; nothing is measured twice within one run.",
        ),
        Reason::ConfigurationsUnreadable | Reason::ConfigurationsLost => failure(
            "The ConfigMap with the run's predictions and manifests was changed or deleted.",
            AT_ONCE,
            "Run again.",
        ),
        Reason::PlanLost => failure("The ConfigMap with the run's plan was deleted.", AT_ONCE, "Run again."),
        Reason::StatusRefused => failure(
            "The API server refuses the comparison's status; the message quotes it. Only the facts are written.",
            AT_ONCE,
            "Install the CustomResourceDefinition of the operator's version, or report it as a bug; then run again.",
        ),
        Reason::PlanUnreadable => {
            failure("The run's plan was changed, or was written by an incompatible version.", AT_ONCE, "Run again.")
        }
        Reason::ConfigurationsRefused => failure(
            "The predictions and manifests that were published contain what a comparison may not create, or are not those of the run's variants. Nothing of them was created.",
            AT_ONCE,
            "Check who wrote the ConfigMap that the message names: `predictor.image`, or somebody in the namespace. Then run again.",
        ),
        Reason::ConfigurationsChanged => failure(
            "The ConfigMap with the run's predictions and manifests is not what it was when the run began to use it.",
            AT_ONCE,
            "Check who may write ConfigMaps in the namespace, and run again.",
        ),
        Reason::PlanChanged => failure(
            "The ConfigMap that has the name of the run's plan holds something else.",
            AT_ONCE,
            "Check who may write ConfigMaps in the namespace, delete that ConfigMap, and run again.",
        ),
        Reason::ObjectsDeleted => {
            failure("Somebody deleted a variant's objects during the run.", AT_ONCE, "Run again.")
        }
        Reason::TooManyDeployments => failure(
            "A variant was deployed 24 times in one run: the run was suspended too often, or `Parallel` never found GPUs for all variants at once.",
            AT_ONCE,
            "Set `execution.mode` to `Sequential` or `Auto`, and run again.",
        ),

        Reason::BudgetTooSmall => failure(
            "The first round is expected to need more GPU-hours than `execution.budget.gpuHours` allows. No GPU was held.",
            AT_ONCE,
            "Raise the budget, and the same run goes on; or measure fewer levels.",
        ),

        Reason::NoFeasibleConfiguration => of(
            "No configuration that the predictor knows meets the SLA; the message says by how much the nearest misses it.",
            "Relax `sla`, raise `hardware.gpusPerVariant`, or set `recommended.servingMode` to `Best`.",
        ),
        Reason::RankNotAvailable => {
            of("Fewer configurations meet the SLA than `recommended.rank` asks for.", "Lower `recommended.rank`.")
        }
        Reason::ModelDoesNotFit => of(
            "The model and one request do not fit into the memory of the variant's GPUs.",
            "Raise `hardware.gpusPerVariant`.",
        ),
        Reason::SystemUnknown => of(
            "The predictor does not know `hardware.system`; the message lists the systems it knows.",
            "Correct `hardware.system`.",
        ),
        Reason::PredictorRefused => of(
            "The predictor returned an error, or generated nothing; the message quotes it.",
            "Correct what it names, for example `model.name` or `predictor.databaseVersion`.",
        ),
        Reason::PredictionUnreadable => {
            of("The predictor's output has an unknown layout.", "Set `predictor.image` to another version.")
        }
        Reason::ManifestsNotReadable => of("The variant's manifests are not valid YAML.", "Correct the manifests."),
        Reason::ManifestsRefused => of(
            "A manifest contains what a comparison may not create, or starts another model than the comparison is about; the message names it.",
            "Remove the field, or patch it away; compare variants of one model and revision.",
        ),
        Reason::ClaimRefused => of(
            "What `variants[].claim` names is not a claim for this variant: another model, GPU system, engine, workload or shape, or a file that cannot be read. No GPU was held.",
            "Correct what the message names: predict for what is compared, or remove `claim` to measure without it.",
        ),
        Reason::ManifestsIncomplete => of(
            "The manifests do not make a deployment: an object is missing, or there is one too many.",
            "Correct what the message names.",
        ),
        Reason::PatchFailed => {
            of("One of the variant's patches does not apply.", "Correct the patch that the message names.")
        }
        Reason::NotWritable => of("An object cannot be serialized as JSON.", "Report it: this is a bug."),
        Reason::TooLarge => of("The plan or the configurations do not fit into a ConfigMap.", "Shorten the manifests."),

        Reason::Pending => of("The run has not begun.", NO_ACTION),
        Reason::NotRequested => of(
            "`execution.start` is `OnRequest`, and no run was requested.",
            "Run `kubectl bcmp rerun NAME` to request one.",
        ),
        Reason::Generating => of("Predictions and manifests are being generated. No GPU is held.", NO_ACTION),
        Reason::Generated => of("Predictions and manifests of all variants are ready.", NO_ACTION),
        Reason::Predicted => of(
            "Predictions and manifests are ready, and `execution.until` asks for nothing more.",
            "Set `execution.until` to `Verdict` to measure.",
        ),
        Reason::Queued => of(
            "The run waits for GPUs; the message says what it waits for.",
            "Wait, or cancel the comparison that holds them (`kubectl bcmp cancel NAME`).",
        ),
        Reason::Measuring => of(
            "Variants are being deployed, measured and deleted.",
            "Run `kubectl bcmp watch NAME` to follow the progress.",
        ),
        Reason::NotMeasured => of("Some variants are not measured yet.", NO_ACTION),
        Reason::Measured => of("All levels were measured: of every variant, or of the one the event names.", NO_ACTION),
        Reason::Deployed => of("A variant is deployed and holds its GPUs.", NO_ACTION),
        Reason::TearingDown => {
            of("The run's last objects are being deleted; it is over when they are gone.", NO_ACTION)
        }
        Reason::TeardownStuck => of(
            "Objects or pods do not go away and may still hold GPUs; the message names the finalizer that blocks them.",
            "Restore the controller that owns the finalizer.",
        ),
        Reason::KeptForDebugging => of(
            "The failed variant is kept, with its GPUs, as `execution.keepOnFailureSeconds` asks.",
            "Wait, or set `execution.keepOnFailureSeconds` to 0 to release the GPUs.",
        ),
        Reason::Gone => of("Nothing that holds GPUs is left.", NO_ACTION),
        Reason::Suspended => of(
            "`spec.suspend` is true. Nothing is deployed, and what was measured is kept.",
            "Set `spec.suspend` to false to resume.",
        ),
        Reason::Succeeded => of(
            "The run ended with an answer, which `judgement.failOn` does not name. A refuted prediction is an answer.",
            NO_ACTION,
        ),
        Reason::Inconclusive => {
            of("The run ended, but the evidence is not sufficient for an answer.", READ_THE_EVIDENCE)
        }
        Reason::Failed => of(
            "The run ended without an answer, or with one that `judgement.failOn` names.",
            "Read `status.run.ended` and `status.variants[].failure`.",
        ),
        Reason::CaughtByFailOn => of(
            "The run has its answer, and counts as failed because `judgement.failOn` names it.",
            "Read the answer (`kubectl bcmp report NAME`). Remove it from `judgement.failOn` to accept it; nothing is measured again.",
        ),
        Reason::Cancelled => of("The run was cancelled, or superseded by another.", RERUN),
        Reason::CancelRequested => of("Somebody cancelled the run.", RERUN),
        Reason::RunRequested => {
            of("Another run was requested while this one was active, and superseded it.", LET_RUNS_FINISH)
        }
        Reason::RunIdChanged => {
            of("`spec.runId` changed while the run was active: another run superseded it.", LET_RUNS_FINISH)
        }
        Reason::InputsChanged => of(
            "The spec changed in what is measured while the run was active: another run superseded it.",
            LET_RUNS_FINISH,
        ),

        Reason::NotJudged => of("The run is not judged yet, or no prediction applies to what was measured.", NO_ACTION),
        Reason::Sufficient => of("Which variant is better is known beyond doubt.", NO_ACTION),
        Reason::Undetermined => of(
            "The measurements are too close to each other, or to the SLA, for an answer.",
            "Read in the message what stopped the run: raise `execution.rounds.maximum` or `execution.budget`, or fix what its findings name.",
        ),
        Reason::ClaimKept => of("Measured is at least what the predictor advertises, within the tolerance.", NO_ACTION),
        Reason::ClaimMissed => of(
            "Measured is worse than the predictor advertises at its own level, or that level misses the SLA.",
            "Use the measured throughput at the SLA in place of the advertised figures.",
        ),
        Reason::WithinTolerance => {
            of("Estimates are within `judgement.accuracyTolerancePercent` on average.", NO_ACTION)
        }
        Reason::OutsideTolerance => of(
            "Estimates are off by more than `judgement.accuracyTolerancePercent` on average.",
            "Compare the errors level by level; a newer `predictor.databaseVersion` may know the engine better.",
        ),
        Reason::SlaMet => of("A candidate meets the SLA at an accepted level.", NO_ACTION),
        Reason::SlaMissed => of(
            "No level of any candidate meets the SLA.",
            "Add lower levels to `workload.concurrency`, or relax `sla`.",
        ),
        Reason::Marginal => of(
            "Whether a candidate meets the SLA is within doubt, or its levels are missing.",
            "Read the levels' evidence; for more rounds, raise `execution.rounds.minimum` and start another run.",
        ),
        Reason::EvidenceInsufficient => {
            of("Too few accepted levels are left to know the variant's throughput at the SLA.", READ_THE_EVIDENCE)
        }

        Reason::RunStarted => of("A run began, with predictions and manifests. No GPU is held yet.", NO_ACTION),
        Reason::ConfigurationsGenerated => of("The variants' configurations are ready to be deployed.", NO_ACTION),
        Reason::Admitted => of("The run may use GPUs from now on; the message gives its mode and why.", NO_ACTION),
        Reason::ModeChanged => of(
            "A parallel run found GPUs for some variants only, and continues with one variant at a time.",
            "No action needed. Set `execution.mode` to `Sequential` to deploy one variant at a time from the start.",
        ),
        Reason::RoundStarted => of("Variants that are not decided yet are deployed once more.", NO_ACTION),
        Reason::RoundsSettled => of("No further round follows; the message says why.", NO_ACTION),
        Reason::Deploying => of("The objects of a variant are being created.", NO_ACTION),
        Reason::Scheduled => of("All pods of a variant are scheduled: it holds its GPUs from now on.", NO_ACTION),
        Reason::Serving => of("A variant completed its first request: its levels are measured from now on.", NO_ACTION),
        Reason::TornDown => of("All objects and pods of a variant are gone.", NO_ACTION),
        Reason::Finished => of("The run is over; the message has its answer, or why there is none.", NO_ACTION),
        Reason::CancelMissed => of(
            "`bcmp.dev/cancel-requested` names a run that is not active: nothing was cancelled.",
            "Run `kubectl bcmp stop NAME`, which names the active run.",
        ),
        Reason::ReportRefused => of(
            "The API server refused the report. The run ended without it; its answer is in the status.",
            "Fix what the message names: the report is then written.",
        ),
    }
}
