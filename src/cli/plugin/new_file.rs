//! Files that commands write: what is there already is kept unless it is to be replaced.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::error::PluginError;

/// Opens a file to be written.
///
/// # Errors
/// It exists and is not to be replaced, or cannot be written.
pub fn create(path: &Path, replace: bool) -> Result<File, PluginError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!replace);
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let path = path.display();
            PluginError::failed(format!("{path} exists: name another file with -o, or replace it with --force"))
        }
        _ => failed(path)(error),
    })
}

/// An error of a file, with its name.
pub fn failed(path: &Path) -> impl Fn(io::Error) -> PluginError {
    move |error| PluginError::failed(format!("{}: {error}", path.display()))
}
