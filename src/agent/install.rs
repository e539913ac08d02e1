//! `bcmp agent install DIR`: the binary copies itself into a volume, so that images with tools need nothing of ours.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Name of the installed binary in its directory.
const NAME: &str = "bcmp";

/// Copies the running binary to `DIR/bcmp`, executable by everyone, and returns that path.
///
/// The copy appears under its name only when it is complete. It can be repeated, also while the copy runs.
///
/// # Errors
/// When the directory cannot be written or the running binary cannot be read; the message names the path.
pub fn install(directory: &Path) -> io::Result<PathBuf> {
    copy(Path::new("/proc/self/exe"), directory)
}

fn copy(binary: &Path, directory: &Path) -> io::Result<PathBuf> {
    let target = directory.join(NAME);
    let partial = directory.join(format!(".{NAME}.partial"));
    let named = |path: &Path, error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));

    let mut source = File::open(binary).map_err(|e| named(binary, e))?;
    let mut file = File::create(&partial).map_err(|e| named(&partial, e))?;
    io::copy(&mut source, &mut file).and_then(|_| file.sync_all()).map_err(|e| named(&partial, e))?;
    fs::set_permissions(&partial, Permissions::from_mode(0o755)).map_err(|e| named(&partial, e))?;
    drop(file);
    fs::rename(&partial, &target).map_err(|e| named(&target, e))?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_copy_is_complete_executable_and_repeatable() {
        let directory = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let installed = install(directory.path()).unwrap();
            assert_eq!(fs::read(&installed).unwrap(), fs::read("/proc/self/exe").unwrap());
            assert_eq!(fs::metadata(&installed).unwrap().permissions().mode() & 0o777, 0o755);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = install(Path::new("/nonexistent/dir")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/dir"), "{error}");
    }
}
