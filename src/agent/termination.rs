//! Leaves a container's termination message where the kubelet reads it.

use std::path::Path;

use crate::manifests::termination::{TerminationMessage, TerminationReason};
use crate::text;

/// Longest message, in bytes: what the kubelet keeps, less what JSON adds.
const LONGEST: usize = 3000;

/// Writes the message, which the container's log gets too. That it cannot be written is not another failure.
pub fn leave(path: &Path, reason: TerminationReason, message: &str) {
    tracing::error!("{message}");
    let message = TerminationMessage { reason, message: text::beginning(message, LONGEST).to_owned() };
    let written = serde_json::to_string(&message).map_err(std::io::Error::from).and_then(|text| {
        // Not created: the kubelet mounts the file, and outside a pod nobody would read it.
        std::fs::OpenOptions::new().write(true).truncate(true).open(path)?;
        std::fs::write(path, text)
    });
    if let Err(error) = written {
        tracing::debug!("{}: {error}", path.display());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_message_replaces_an_older_one_and_fits() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "x".repeat(5000)).unwrap();
        leave(file.path(), TerminationReason::NotServing, &"é".repeat(3000));
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(text.len() <= 4096);
        assert_eq!(TerminationMessage::parse(&text).message, "é".repeat(LONGEST / 2));
    }

    #[test]
    fn no_file_is_made_outside_a_pod() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("termination-log");
        leave(&path, TerminationReason::NotServing, "m");
        assert!(!path.exists());
    }
}
