//! Failures told apart: what is wrong with pods, Jobs and refused creations, and when it is final.

use jiff::Timestamp;

use super::time::after;
use super::world::{Child, Container, JobState, Pod, Refusal};
use crate::manifests::termination::{TerminationMessage, TerminationReason};

/// How long an image or configuration error, or a refusal, may last before it is final. It may be mended meanwhile.
const GRACE_SECONDS: i64 = 300;
/// Reason of a refusal: something else has the name.
const NAME_TAKEN: &str = "NameTaken";
/// Restarts after which a container is taken to fail for ever.
const RESTARTS: u32 = 3;

/// Something that keeps a run from going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// CamelCase reason.
    pub reason: &'static str,
    /// Names the object, what was found and the cure.
    pub message: String,
    /// When it is final; it is shown before.
    pub fatal: Timestamp,
}

impl Trouble {
    /// Whether there is no more hope.
    pub fn is_final(&self, now: Timestamp) -> bool {
        now >= self.fatal
    }
}

/// The worst trouble of some pods: the one that is final first.
/// `schedule_by` is when an unbound pod counts as never to be bound.
pub fn of_pods<'a>(pods: impl Iterator<Item = &'a Pod>, schedule_by: Timestamp, now: Timestamp) -> Option<Trouble> {
    pods.filter(|pod| !pod.going).filter_map(|pod| of_pod(pod, schedule_by, now)).min_by_key(|trouble| trouble.fatal)
}

fn of_pod(pod: &Pod, schedule_by: Timestamp, now: Timestamp) -> Option<Trouble> {
    if pod.node.is_none() {
        return pod.unschedulable.as_ref().map(|words| Trouble {
            reason: "Unschedulable",
            message: format!("pod {} finds no node: {words}", pod.name),
            fatal: schedule_by,
        });
    }
    pod.containers.iter().find_map(|container| of_container(pod, container, now))
}

fn of_container(pod: &Pod, container: &Container, now: Timestamp) -> Option<Trouble> {
    let place = format!("container {} of pod {}", container.name, pod.name);
    if let Some(trouble) = of_restarts(container, &place, now) {
        return Some(trouble);
    }
    let (reason, words) = container.waiting.as_ref()?;
    let (reason, cure) = match reason.as_str() {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "RegistryUnavailable" => {
            ("ImagePullFailed", "check the image's name and spec.imagePullSecrets")
        }
        "CreateContainerConfigError" | "CreateContainerError" => {
            ("ContainerConfigError", "create what is missing, or correct its name in the spec")
        }
        _ => return None,
    };
    Some(Trouble {
        reason,
        message: format!("{place} (image {}) cannot start: {}; {cure}", container.image, shortened(words)),
        fatal: after(pod.bound.unwrap_or(pod.created), GRACE_SECONDS),
    })
}

fn of_restarts(container: &Container, place: &str, now: Timestamp) -> Option<Trouble> {
    let ended = container.terminated.as_ref()?;
    if container.restarts == 0 {
        return None;
    }
    let fatal = if container.restarts >= RESTARTS { now } else { Timestamp::MAX };
    let times = container.restarts;
    Some(if ended.reason == "OOMKilled" {
        Trouble {
            reason: "OutOfMemory",
            message: format!(
                "{place} was killed for memory and restarted {times} times; raise its memory limit or lower its memory use"
            ),
            fatal,
        }
    } else {
        let words = shortened(&ended.message);
        let said = if words.is_empty() { String::new() } else { format!(": {words}") };
        Trouble {
            reason: "CrashLoop",
            message: format!(
                "{place} ended with exit code {} and restarted {times} times{said}; read its log with kubectl logs --previous",
                ended.exit_code
            ),
            fatal,
        }
    })
}

/// What objects themselves complain about, and creations the API server refused. `since` is when creating began. What has a
/// taken name may be on its way out: it has as long as a teardown has.
pub fn of_objects<'a>(
    children: impl Iterator<Item = &'a Child>,
    refusals: impl Iterator<Item = &'a Refusal>,
    since: Timestamp,
) -> Option<Trouble> {
    let fatal = after(since, GRACE_SECONDS);
    let complaint = children
        .filter(|child| !child.going)
        .find_map(|child| child.complaint.as_ref().map(|words| (format!("{:?} {}", child.kind, child.name), words)));
    if let Some((object, words)) = complaint {
        let message = format!("{object} cannot create its pods: {}; {}", shortened(words), cure_of_refusal(words));
        return Some(Trouble { reason: reason_of_refusal(words), message, fatal });
    }
    let final_at = |refusal: &Refusal| match refusal.reason.as_str() {
        NAME_TAKEN => after(since, teardown_seconds),
        _ => fatal,
    };
    refusals.map(|refusal| of_refusal(refusal, final_at(refusal))).next()
}

fn of_refusal(refusal: &Refusal, fatal: Timestamp) -> Trouble {
    let words = &refusal.message;
    let (reason, cure) = match refusal.reason.as_str() {
        NAME_TAKEN => ("NameTaken", "delete or rename the object that has the name"),
        "NotFound" => ("KindNotServed", "install what serves this kind (for DynamoGraphDeployment: Dynamo's operator)"),
        _ => (reason_of_refusal(words), cure_of_refusal(words)),
    };
    Trouble { reason, message: format!("{} was refused: {}; {cure}", refusal.object, shortened(words)), fatal }
    teardown_seconds: i32,
}

fn reason_of_refusal(words: &str) -> &'static str {
    if words.contains("exceeded quota") {
        "QuotaExceeded"
    } else if words.contains("PodSecurity") {
        "PodSecurityRefused"
    } else {
        "AdmissionRefused"
    }
}

fn cure_of_refusal(words: &str) -> &'static str {
    match reason_of_refusal(words) {
        "QuotaExceeded" => "raise the quota of the namespace or free what uses it",
        "PodSecurityRefused" => {
            "patch the manifests to what the namespace's Pod Security level allows, or change the level"
        }
        _ => "correct what the server names",
    }
}

/// What a failed Job's own pods say, or the Job itself.
pub fn of_failed_job<'a>(
    reason: &'static str,
    job: &Child,
    pods: impl Iterator<Item = &'a Pod>,
    now: Timestamp,
) -> Option<Trouble> {
    let Some(JobState::Failed(words)) = &job.job else { return None };
    let last = pods
        .flat_map(|pod| pod.containers.iter())
        .filter_map(|container| container.terminated.as_ref().map(|ended| (container, ended)))
        .filter(|(_, ended)| ended.exit_code != 0)
        .max_by_key(|(_, ended)| (!ended.message.is_empty(), ended.finished));
    let (reason, said) = match last {
        Some((container, ended)) if ended.reason == "OOMKilled" => (
            "OutOfMemory",
            format!("container {} was killed for memory; raise spec.load.pod.resources", container.name),
        ),
        Some((container, ended)) if !ended.message.is_empty() => {
            let words = TerminationMessage::parse(&ended.message);
            let reason = match words.reason {
                TerminationReason::NotServing => "NotServing",
                TerminationReason::ToolFailed => "ToolFailed",
                TerminationReason::NotPublished => "ResultsNotPublished",
                _ => reason,
            };
            (reason, format!("container {} said: {}", container.name, shortened(&words.message)))
        }
        Some((container, ended)) => {
            (reason, format!("container {} ended with exit code {}", container.name, ended.exit_code))
        }
        None => (reason, "its pods are gone".into()),
    };
    let message = format!("Job {} failed ({}): {said}", job.name, shortened(words));
    Some(Trouble { reason, message, fatal: now })
}

/// One line of at most 400 characters.
pub fn shortened(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(400) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
