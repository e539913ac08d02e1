//! The termination messages of the agent's containers, which the kubelet copies into the pod's status.

use serde::{Deserialize, Serialize};

/// Why a container of the agent ended without having done its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TerminationReason {
    /// Plan, configurations, arguments or directories cannot be used.
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

/// The termination message of a container, as JSON in
/// [`TERMINATION_LOG`](super::agent_contract::TERMINATION_LOG).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TerminationMessage {
    pub reason: TerminationReason,
    /// What was found and what to do.
    pub message: String,
}

impl TerminationMessage {
    /// Reads a termination message. Text that is not from the agent becomes the message.
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
    fn a_message_reaches_the_operator_unchanged() {
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
