//! Opening a page in a browser.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::PluginError;

/// What opens files, by preference.
const OPENERS: [&str; 2] = if cfg!(target_os = "macos") { ["open", "xdg-open"] } else { ["xdg-open", "open"] };

/// Opens the page with whatever the desktop has for it.
///
/// # Errors
/// There is nothing that opens files, or it failed.
pub fn open(page: &Path) -> Result<(), PluginError> {
    for opener in OPENERS {
        let started =
            Command::new(opener).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        match started {
            Ok(ended) if ended.success() => return Ok(()),
            Ok(ended) => return Err(PluginError::failed(format!("{opener} {}: {ended}", page.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(PluginError::failed(format!("{opener}: {error}"))),
        }
    }
    Err(PluginError::failed(format!(
        "xdg-open and open are not on the PATH: open {} yourself, or use -d DIR",
        page.display()
    )))
}

/// Where files of the user are kept that can be made again.
///
/// # Errors
/// The environment names no home.
pub fn cache_directory() -> Result<PathBuf, PluginError> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("XDG_CACHE_HOME")
        .or_else(|| named("HOME").map(|home| home.join(".cache")))
        .ok_or_else(|| PluginError::failed("neither HOME nor XDG_CACHE_HOME is set: use -d DIR"))
}
