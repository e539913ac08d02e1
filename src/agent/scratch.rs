//! A temporary directory of the tool's own, emptied with each trial: a tool that is killed leaves its prompts there.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::artifacts;

/// Variable that tells a tool where to put temporary files.
pub const VARIABLE: &str = "TMPDIR";

/// A directory below the container's own `TMPDIR`, whatever that is set to. Nothing else there is touched, since people
/// may set the variable to a place they share.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes the directory. Its path is short, because those of Unix sockets below it must be.
    ///
    /// # Errors
    /// When the file system refuses; the message names the path.
    pub fn new() -> io::Result<Self> {
        let directory = env::temp_dir().join(format!("bcmp-{}", std::process::id()));
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", directory.display()));
        artifacts::fresh(&directory).map_err(named)?;
        Ok(Self(directory))
    }

    /// Its path, for [`VARIABLE`].
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!("temporary files of the load tool are left behind: {}: {error}", self.0.display());
        }
    }
}
