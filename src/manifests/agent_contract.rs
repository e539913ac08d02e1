//! What the pods' manifests and the agent inside them agree on: paths, arguments, names, messages.
//!
//! ```text
//! initContainer  install   agent image   bcmp agent install /bcmp            → volume "agent"
//! native sidecar publish   agent image   /bcmp/bcmp agent publish …          token; outbox read-only, published
//! container      generate  predictor     /bcmp/bcmp agent generate …         outbox, published read-only, work
//!             or load      load image    /bcmp/bcmp agent load …             outbox, published read-only, work
//! ```
//!
//! The tool container writes what is to be published into the outbox; the sidecar, which alone has a token, puts it into
//! the output ConfigMap and answers with a file in `published`. Each side mounts the other's directory read-only.

use serde::{Deserialize, Serialize};

/// Where the volume with the agent's binary is mounted, in every container that runs it.
pub const BINARY_DIR: &str = "/bcmp";
/// The agent's binary in containers that mount [`BINARY_DIR`].
pub const BINARY: &str = "/bcmp/bcmp";
/// What the tool container wants published: an emptyDir, read-only for the publisher.
pub const OUTBOX_DIR: &str = "/run/bcmp/outbox";
/// What the output ConfigMap holds, a file for each key: an emptyDir, read-only for the tool container.
pub const PUBLISHED_DIR: &str = "/run/bcmp/published";
/// Where the plan's ConfigMap is mounted.
pub const PLAN_DIR: &str = "/run/bcmp/plan";
/// The plan's only key.
pub const PLAN_KEY: &str = "plan.json";
/// Where the configurations' ConfigMap is mounted in a load pod; its key is
/// [`crate::prediction::configurations::KEY`].
pub const CONFIGURATIONS_DIR: &str = "/run/bcmp/configurations";
/// Working directory, `HOME` and temporary files of the tool: an emptyDir. Short, because tools put sockets below it.
pub const WORK_DIR: &str = "/work";
/// Where the publisher's projected volume is mounted, with `token`, `ca.crt` and `namespace`.
pub const TOKEN_DIR: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Where a container leaves its last words (the default `terminationMessagePath`).
pub const TERMINATION_LOG: &str = "/dev/termination-log";
/// Environment variable with the pod's UID, from the downward API; arguments refer to it.
pub const POD_UID_VARIABLE: &str = "BCMP_POD_UID";

/// Largest document in the outbox, in bytes: configurations.
pub const LARGEST_DOCUMENT_BYTES: usize = 256 * 1024;
/// Largest record or mark in the outbox, in bytes.
pub const LARGEST_RECORD_BYTES: usize = 2 * 1024;
/// Raw files are published only while the ConfigMap stays below this, in bytes.
pub const LARGEST_CONFIG_MAP_BYTES: usize = 256 * 1024;
/// Prefix of keys with raw files: base64 of gzip. They are left out where there is no room.
pub const RAW_PREFIX: &str = "raw-";

/// Arguments of the initContainer that hands the agent to the others; the image's entrypoint is the binary.
pub fn install_arguments() -> Vec<String> {
    strings(&["agent", "install", BINARY_DIR])
}

/// Command of the sidecar that publishes into a ConfigMap of the pod's namespace.
pub fn publish_command(namespace: &str, config_map: &str) -> Vec<String> {
    strings(&[BINARY, "agent", "publish", "--namespace", namespace, "--config-map", config_map])
}

/// Command of the sidecar's startup probe: succeeds once everything published before lies in [`PUBLISHED_DIR`].
pub fn publish_check_command() -> Vec<String> {
    strings(&[BINARY, "agent", "publish", "--check"])
}

/// What a load pod is told beside the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadArguments<'a> {
    /// The variant that is measured.
    pub variant: &'a str,
    /// Round of deployment, from 1.
    pub round: u32,
    /// Deployment the load is driven against, from 1: counts redeployments within a round too.
    pub deployment: u32,
    /// Base URL of the OpenAI-compatible API.
    pub endpoint: &'a str,
    /// How long to wait for the first completed request: scheduling and starting, both deadlines together.
    pub serve_seconds: u32,
    /// Deadline of one repetition of one level.
    pub level_seconds: u32,
}

/// Command of the load container. Its environment must hold [`POD_UID_VARIABLE`].
pub fn load_command(arguments: &LoadArguments<'_>) -> Vec<String> {
    let numbers = [arguments.round, arguments.deployment, arguments.serve_seconds, arguments.level_seconds]
        .map(|number| number.to_string());
    strings(&[
        BINARY,
        "agent",
        "load",
        "--variant",
        arguments.variant,
        "--endpoint",
        arguments.endpoint,
        "--round",
        &numbers[0],
        "--deployment",
        &numbers[1],
        "--serve-seconds",
        &numbers[2],
        "--level-seconds",
        &numbers[3],
        "--pod-uid",
        &format!("$({POD_UID_VARIABLE})"),
    ])
}

fn strings(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// Why a container of the agent ended without having done its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TerminationReason {
    /// Plan, configurations or arguments cannot be used.
    InvalidInput,
    /// The server did not complete a request within its deadline.
    NotServing,
    /// The tool failed too often in a row, or cannot be started.
    ToolFailed,
    /// Publishing was not acknowledged, or was refused.
    NotPublished,
    /// Another pod works on the same deployment.
    AnotherPod,
    /// The pod was asked to end.
    Interrupted,
    /// Anything else, also reasons of a newer agent.
    #[serde(other)]
    Unknown,
}

/// The last words of a container, as JSON in [`TERMINATION_LOG`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TerminationMessage {
    /// For programs.
    pub reason: TerminationReason,
    /// For people: what was seen and what to do.
    pub message: String,
}

impl TerminationMessage {
    /// Reads what a container left. Text that is not the agent's own is kept as the message.
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text)
            .unwrap_or_else(|_| Self { reason: TerminationReason::Unknown, message: text.trim().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[test]
    fn a_termination_message_survives_the_way_to_the_operator() {
        let message = TerminationMessage { reason: TerminationReason::NotServing, message: "404, then 503".into() };
        assert_eq!(TerminationMessage::parse(&serde_json::to_string(&message).unwrap()), message);
    }

    #[rstest]
    #[case("out of disk\n", "out of disk")]
    #[case(r#"{"reason":"FromTheFuture","message":"m"}"#, "m")]
    fn other_text_is_kept(#[case] text: &str, #[case] message: &str) {
        let expected = TerminationMessage { reason: TerminationReason::Unknown, message: message.into() };
        assert_eq!(TerminationMessage::parse(text), expected);
    }
}
