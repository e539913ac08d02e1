//! Failures told apart: what is wrong with pods, Jobs and refused creations, and when it is final.

use jiff::Timestamp;

use crate::api::Reason;
use crate::lifecycle::time::after;
use crate::lifecycle::world::{Child, Complaint, Container, JobState, Pod, Refusal};
use crate::manifests::termination::{TerminationMessage, TerminationReason};
use crate::plan::Component;
use crate::text;

/// Bytes of what others say that a message quotes.
const QUOTED: usize = 400;
/// How long an image or configuration error, or a refusal, may last before it is final. It may be mended meanwhile.
const GRACE_SECONDS: i64 = 300;
/// Restarts after which a container is taken to fail for ever.
const RESTARTS: u32 = 3;

/// Exit codes of containers that were asked to end, or killed: the kubelet does so where a liveness probe fails, and then the
/// log holds nothing of it.
const ASKED_TO_END: [i32; 3] = [0, 137, 143];

/// A pod is deleted with what failed: its log has to be kept first.
const KEEP_AND_READ: &str = "set execution.keepOnFailureSeconds to keep the pods of a variant that fails, and read";
const KEEP_SERVERS: &str = "check that the servers answer to the name in spec.model.servedName, or in spec.model.name where that is unset; set execution.keepOnFailureSeconds to keep their pods and read their logs";
const ADMIT_PUBLISHING: &str = "check that network policies let the pod reach the API server";

/// Something that keeps a run from terminating on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is, for programs.
    pub reason: Reason,
    /// Names the object, what was found and the cure.
    pub message: String,
    /// When it is final; it is shown before.
    pub fatal: Timestamp,
}

impl Problem {
    /// Whether there is no more hope.
    pub fn is_final(&self, now: Timestamp) -> bool {
        now >= self.fatal
    }
}

/// The worst problem of some pods: the one that is final first.
/// `schedule_by` is when an unbound pod counts as never to be bound; one that takes another's place later has
/// `schedule_seconds` of its own.
pub fn of_pods<'a>(
    pods: impl Iterator<Item = &'a Pod>,
    schedule_seconds: u32,
    schedule_by: Timestamp,
    now: Timestamp,
) -> Option<Problem> {
    let of = |pod: &Pod| of_pod(pod, schedule_by.max(after(pod.created, schedule_seconds)), now);
    pods.filter(|pod| !pod.terminating).filter_map(of).min_by_key(|problem| problem.fatal)
}

fn of_pod(pod: &Pod, schedule_by: Timestamp, now: Timestamp) -> Option<Problem> {
    if pod.node.is_none() {
        return pod.unschedulable.as_ref().map(|message| Problem {
            reason: Reason::Unschedulable,
            message: format!(
                "pod {} cannot be scheduled: {}; {}",
                pod.name,
                text::one_line(message, QUOTED),
                cure_of_unbound(pod.component)
            ),
            fatal: schedule_by,
        });
    }
    pod.containers.iter().find_map(|container| of_container(pod, container, now))
}

fn cure_of_unbound(component: Component) -> &'static str {
    match component {
        Component::Generate => "free CPU and memory on a node, or correct the claims that the spec names",
        Component::Load => {
            "free CPU and memory on a node, or correct spec.load.pod (nodeSelector, tolerations, resources)"
        }
        _ => "free GPUs, or correct spec.hardware (nodeSelector, tolerations) and the claims that the spec names",
    }
}

fn of_container(pod: &Pod, container: &Container, now: Timestamp) -> Option<Problem> {
    let place = format!("container {} of pod {}", container.name, pod.name);
    if let Some(problem) = of_restarts(container, &pod.name, &place, now) {
        return Some(problem);
    }
    let (reason, message) = container.waiting.as_ref()?;
    let (reason, cure) = match reason.as_str() {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "RegistryUnavailable" => {
            (Reason::ImagePullFailed, "check the image's name and spec.imagePullSecrets")
        }
        "CreateContainerConfigError" | "CreateContainerError" => {
            (Reason::ContainerConfigError, "create what is missing, or correct its name in the spec")
        }
        _ => return None,
    };
    let cause = text::one_line(without_back_off(message), QUOTED);
    Some(Problem {
        reason,
        message: format!("{place} (image {}) cannot start: {cause}; {cure}", container.image),
        fatal: after(pod.bound.unwrap_or(pod.created), GRACE_SECONDS),
    })
}

/// Why an image cannot be pulled, the same whether the kubelet just tried or waits until it tries again.
fn without_back_off(message: &str) -> &str {
    let cause = message.strip_prefix("Back-off pulling image").and_then(|rest| rest.split_once(": "));
    cause.map_or(message, |(_, cause)| cause.trim_start_matches("ErrImagePull: "))
}

fn of_restarts(container: &Container, pod: &str, place: &str, now: Timestamp) -> Option<Problem> {
    let ended = container.terminated.as_ref()?;
    if container.restarts == 0 {
        return None;
    }
    let fatal = if container.restarts >= RESTARTS { now } else { Timestamp::MAX };
    let times = container.restarts;
    Some(if ended.reason == "OOMKilled" {
        Problem {
            reason: Reason::OutOfMemory,
            message: format!(
                "{place} was killed for memory and restarted {times} times; raise its memory limit or lower its memory use"
            ),
            fatal,
        }
    } else {
        let message = text::one_line(&ended.message, QUOTED);
        let said = if message.is_empty() { String::new() } else { format!(": {message}") };
        let probed = if ASKED_TO_END.contains(&ended.exit_code) {
            format!(
                " check whether its liveness probe failed (kubectl describe pod {pod}); if so, raise the probe's timeoutSeconds with a \
                 patch, or give the container more CPU; otherwise"
            )
        } else {
            String::new()
        };
        Problem {
            reason: Reason::CrashLoop,
            message: format!(
                "{place} ended with exit code {} and restarted {times} times{said};{probed} {KEEP_AND_READ} the log: kubectl logs POD -c {} --previous",
                ended.exit_code, container.name
            ),
            fatal,
        }
    })
}

/// What objects themselves complain about, and creations the API server refused. `since` is when creating began. Both may be
/// mended meanwhile, and what has a taken name may be on its way out: it has as long as a teardown has.
pub fn of_objects<'a>(
    children: impl Iterator<Item = &'a Child>,
    refusals: impl Iterator<Item = &'a Refusal>,
    since: Timestamp,
    teardown_seconds: u32,
) -> Option<Problem> {
    let complaint = children.filter(|child| !child.terminating()).find_map(|child| {
        child.complaint.as_ref().map(|complaint| (format!("{} {}", child.kind, child.name), complaint))
    });
    if let Some((object, Complaint { message: said, since })) = complaint {
        let (reason, cure) = (reason_of_refusal(said), cure_of_refusal(said));
        let message = format!("{object} cannot create its pods: {}; {cure}", text::one_line(said, QUOTED));
        return Some(Problem { reason, message, fatal: after(*since, GRACE_SECONDS) });
    }
    refusals.map(|refusal| of_refusal(refusal, final_at(refusal, since, teardown_seconds))).next()
}

fn final_at(refusal: &Refusal, since: Timestamp, teardown_seconds: u32) -> Timestamp {
    if is_name_taken(refusal) {
        after(since, teardown_seconds)
    } else if refusal.is_failure() && !is_of_webhook(&refusal.message) {
        // A server that fails has not refused anything: the deadline of the stage ends it.
        Timestamp::MAX
    } else {
        after(refusal.since, GRACE_SECONDS)
    }
}

/// Whether the server could not ask a webhook, of admission or of conversion.
fn is_of_webhook(message: &str) -> bool {
    message.contains("failed calling webhook") || message.contains("conversion webhook")
}

fn of_refusal(refusal: &Refusal, fatal: Timestamp) -> Problem {
    let message = &refusal.message;
    let (reason, cure) = match refusal.reason.as_str() {
        _ if is_name_taken(refusal) => (Reason::NameTaken, "delete or rename the object that has the name"),
        _ if refusal.is_failure() && is_of_webhook(message) => (
            Reason::WebhookUnavailable,
            "start what serves this webhook (for DynamoGraphDeployment: Dynamo's operator), or correct its certificate; it is tried \
             again meanwhile",
        ),
        _ if refusal.is_failure() => {
            (Reason::CreationFailed, "wait for the next try, and check the API server if this persists")
        }
        "NotFound" => {
            (Reason::KindNotServed, "install what serves this kind (for DynamoGraphDeployment: Dynamo's operator)")
        }
        _ => (reason_of_refusal(message), cure_of_refusal(message)),
    };
    Problem {
        reason,
        message: format!(
            "{} {}: {}; {cure}",
            refusal.object,
            if refusal.is_failure() { "cannot be created" } else { "was refused" },
            text::one_line(message, QUOTED)
        ),
        fatal,
    }
}

fn is_name_taken(refusal: &Refusal) -> bool {
    refusal.reason == Reason::NameTaken.as_str()
}

fn reason_of_refusal(message: &str) -> Reason {
    if message.contains("exceeded quota") {
        Reason::QuotaExceeded
    } else if message.contains("PodSecurity") {
        Reason::PodSecurityRefused
    } else {
        Reason::AdmissionRefused
    }
}

fn cure_of_refusal(message: &str) -> &'static str {
    match reason_of_refusal(message) {
        Reason::QuotaExceeded => "raise the quota of the namespace or free what uses it",
        Reason::PodSecurityRefused => {
            "patch the manifests to what the namespace's Pod Security level allows, or change the level"
        }
        // Of a graph; a comparison has another field for it.
        _ if message.contains("runtimeVersionOverride") => {
            "set spec.runtime.version to the Dynamo release in the image, for example 1.3.0, or runtimeVersionOverride in manifests \
             of your own"
        }
        _ => "correct what the server names",
    }
}

/// What the two Jobs' failures are called, and what is to be done about them.
struct FailureTexts {
    failed: Reason,
    tool_failed: Reason,
    memory: &'static str,
    /// When the container said what is wrong.
    cure: String,
    /// When it did not.
    log: String,
}

fn failure_texts(job: &Child) -> FailureTexts {
    match job.component {
        Component::Generate => FailureTexts {
            failed: Reason::GenerationFailed,
            tool_failed: Reason::GenerationFailed,
            memory: "its node is short of memory, or a LimitRange of the namespace allows too little: free memory, or raise the limit",
            cure: "correct what it names in the spec".into(),
            log: "start another run and follow the log of its generate Job".into(),
        },
        _ => {
            let log = format!("{KEEP_AND_READ} kubectl logs job/{} -c load", job.name);
            let memory = "raise spec.load.pod.resources";
            FailureTexts { failed: Reason::LoadFailed, tool_failed: Reason::ToolFailed, memory, cure: log.clone(), log }
        }
    }
}

/// What a failed Job's own pods say, or the Job itself.
pub fn of_failed_job<'a>(job: &Child, pods: impl Iterator<Item = &'a Pod>, now: Timestamp) -> Option<Problem> {
    let Some(JobState::Failed(why)) = &job.job else { return None };
    let pods: Vec<&Pod> = pods.collect();
    let last = pods
        .iter()
        .flat_map(|pod| pod.containers.iter())
        .filter_map(|container| container.terminated.as_ref().map(|ended| (container, ended)))
        .filter(|(_, ended)| ended.exit_code != 0)
        .max_by_key(|(_, ended)| (!ended.message.is_empty(), ended.finished));
    let FailureTexts { failed, tool_failed, memory, cure, log } = failure_texts(job);
    let (reason, said) = match last {
        Some((container, ended)) if ended.reason == "OOMKilled" => {
            (Reason::OutOfMemory, format!("container {} was killed for memory; {memory}", container.name))
        }
        Some((container, ended)) if !ended.message.is_empty() => {
            let termination = TerminationMessage::parse(&ended.message);
            let (reason, cure) = match termination.reason {
                TerminationReason::NotServing => (Reason::NotServing, KEEP_SERVERS),
                TerminationReason::ToolFailed => (tool_failed, cure.as_str()),
                TerminationReason::NotPublished => (Reason::ResultsNotPublished, ADMIT_PUBLISHING),
                _ => (failed, cure.as_str()),
            };
            (
                reason,
                format!("container {} said: {}; {cure}", container.name, text::one_line(&termination.message, QUOTED)),
            )
        }
        Some((container, ended)) => {
            (failed, format!("container {} ended with exit code {}; {log}", container.name, ended.exit_code))
        }
        None if pods.is_empty() => (failed, format!("its pods are gone; {log}")),
        None => (failed, format!("no container of its pods failed; {log}")),
    };
    let message = format!("Job {} failed ({}): {said}", job.name, text::one_line(why, QUOTED));
    Some(Problem { reason, message, fatal: now })
}

/// What is said of results that cannot be read, for the variant or the whole run.
pub fn unreadable(variant: &str, why: &str) -> (Reason, String) {
    let message = format!("the results of variant {variant} cannot be read: {why}; start another run");
    (Reason::ResultsUnreadable, message)
}

/// What is said where nothing is there of what was measured of a variant.
pub fn records_gone(variant: &str) -> (Reason, String) {
    let message = format!(
        "what was measured of variant {variant} is gone: its ConfigMap was deleted or changed; start another run"
    );
    (Reason::ResultsLost, message)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::lifecycle::world::Termination;
    use crate::plan::ChildKind;

    fn job(component: Component) -> Child {
        Child {
            kind: ChildKind::Job,
            name: "qwen-r1-job".into(),
            uid: "u".into(),
            component,
            run: 1,
            variant: None,
            deployment: None,
            ours: true,
            deleted: None,
            finalizers: vec![],
            created: Timestamp::UNIX_EPOCH,
            job: Some(JobState::Failed("BackoffLimitExceeded".into())),
            has_pods: true,
            edition: None,
            complaint: None,
        }
    }

    fn pod(component: Component, reason: &str, message: &str) -> Pod {
        let ended = Termination { reason: reason.into(), exit_code: 1, message: message.into(), finished: None };
        Pod {
            name: "p".into(),
            component,
            run: 1,
            variant: None,
            deployment: None,
            ours: true,
            terminating: false,
            ends_by: None,
            over: true,
            node: Some("n".into()),
            bound: None,
            ready: false,
            created: Timestamp::UNIX_EPOCH,
            unschedulable: None,
            gpus: 0,
            containers: vec![Container { terminated: Some(ended), ..Container::default() }],
        }
    }

    /// A probe ends a container as a person does: the log says nothing.
    #[rstest]
    #[case::ends_by_itself_when_asked(0, true)]
    #[case::ended_by_the_signal(143, true)]
    #[case::killed(137, true)]
    #[case::fails(1, false)]
    fn what_a_liveness_probe_may_have_ended_says_so(#[case] exit_code: i32, #[case] expected: bool) {
        let mut server = Pod { over: false, ..pod(Component::Server, "Error", "") };
        let container = &mut server.containers[0];
        container.restarts = RESTARTS;
        container.terminated = container.terminated.take().map(|ended| Termination { exit_code, ..ended });
        let now = Timestamp::UNIX_EPOCH;
        let problem = of_pods([&server].into_iter(), 3600, now, now).unwrap();
        assert_eq!((problem.reason, problem.fatal), (Reason::CrashLoop, now));
        assert_eq!(problem.message.contains("liveness probe"), expected, "{}", problem.message);
    }

    /// A pod that takes another's place late has as long as the first had.
    #[rstest]
    #[case::at_first(0, 3600)]
    #[case::in_anothers_place(5000, 8600)]
    fn a_pod_without_a_node_is_given_its_time(#[case] created: i64, #[case] fatal: i64) {
        let at = |second| Timestamp::from_second(second).unwrap();
        let unbound = Pod {
            node: None,
            unschedulable: Some("0/1 nodes are available".into()),
            created: at(created),
            ..pod(Component::Server, "", "")
        };
        let problem = of_pods([&unbound].into_iter(), 3600, at(3600), at(created)).unwrap();
        assert_eq!((problem.reason, problem.fatal), (Reason::Unschedulable, at(fatal)));
    }

    const TOOL: &str = r#"{"reason":"ToolFailed","message":"no such database"}"#;
    const UNPUBLISHED: &str = r#"{"reason":"NotPublished","message":"10 min without"}"#;

    /// The predictor is not a load tool, and what helps one does not help the other.
    #[rstest]
    #[case(
        Component::Generate,
        "Error",
        TOOL,
        Reason::GenerationFailed,
        "no such database; correct what it names in the spec"
    )]
    #[case(Component::Generate, "Error", "", Reason::GenerationFailed, "follow the log of its generate Job")]
    #[case(Component::Generate, "OOMKilled", "", Reason::OutOfMemory, "LimitRange")]
    #[case(Component::Generate, "Error", UNPUBLISHED, Reason::ResultsNotPublished, "network policies")]
    #[case(Component::Load, "Error", TOOL, Reason::ToolFailed, "set execution.keepOnFailureSeconds")]
    #[case(Component::Load, "Error", "", Reason::LoadFailed, "kubectl logs job/qwen-r1-job -c load")]
    #[case(Component::Load, "OOMKilled", "", Reason::OutOfMemory, "raise spec.load.pod.resources")]
    fn a_failed_job_says_what_helps(
        #[case] component: Component,
        #[case] ended: &str,
        #[case] message: &str,
        #[case] reason: Reason,
        #[case] cure: &str,
    ) {
        let pods = [pod(component, ended, message)];
        let problem = of_failed_job(&job(component), pods.iter(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(problem.reason, reason);
        assert!(problem.message.contains(cure), "{}", problem.message);
        let others = if component == Component::Generate { "spec.load" } else { "generate" };
        assert!(!problem.message.contains(others), "{}", problem.message);
    }

    #[rstest]
    #[case::just_tried("not found", "not found")]
    #[case::waits(r#"Back-off pulling image "registry.example/a:1": ErrImagePull: not found"#, "not found")]
    #[case::waits_and_gives_no_cause(
        r#"Back-off pulling image "registry.example/a:1""#,
        r#"Back-off pulling image "registry.example/a:1""#
    )]
    fn an_image_that_cannot_be_pulled_has_one_message(#[case] kubelets: &str, #[case] expected: &str) {
        assert_eq!(without_back_off(kubelets), expected);
    }
}
