//! Reading directories other programs wrote: nothing in them is trusted.

mod archive;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

pub use archive::{Tree, is_archive};

/// How much is read of a directory tree; more is not what somebody meant to give.
#[derive(Clone, Copy, Debug)]
pub struct TreeLimits {
    pub files: usize,
    /// Directories below each other.
    pub depth: usize,
    /// Files whose text is read.
    pub texts: usize,
    /// Bytes of one such file.
    pub text_bytes: u64,
}

impl Default for TreeLimits {
    fn default() -> Self {
        Self { files: 200_000, depth: 32, texts: 2000, text_bytes: 8 << 20 }
    }
}

/// Why a directory was not read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A file or directory cannot be read.
    #[error("{path}: cannot be read: {error}")]
    Io { path: String, error: std::io::Error },
    /// There is more than anyone meant to give.
    #[error("{path}: {what}: give a directory that holds the files and little else")]
    TooMuch {
        /// Where the limit was met.
        path: String,
        what: String,
    },
}

/// The regular files below `root`, as paths relative to it. Links are not followed.
///
/// # Errors
/// A directory cannot be listed, or a limit is exceeded.
pub fn list_tree(root: &Path, limits: TreeLimits) -> Result<Vec<PathBuf>, TreeError> {
    let too_much = |what: String| TreeError::TooMuch { path: root.display().to_string(), what };
    let mut files = vec![];
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        if directory.components().count() > limits.depth {
            return Err(too_much(format!("more than {} levels of directories", limits.depth)));
        }
        let path = if directory.as_os_str().is_empty() { root.to_path_buf() } else { root.join(&directory) };
        let failed = |error| TreeError::Io { path: path.display().to_string(), error };
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let relative = directory.join(entry.file_name());
            match entry.file_type().map_err(failed)? {
                kind if kind.is_dir() => directories.push(relative),
                kind if kind.is_file() => files.push(relative),
                _ => {}
            }
            if files.len() > limits.files {
                return Err(too_much(format!("more than {} files", limits.files)));
            }
        }
    }
    Ok(files)
}

/// The text files below `root` whose paths `keep` accepts: path below `root`, parts joined by `/` → content. Text that is
/// not UTF-8 is read with replacements.
///
/// # Errors
/// As of [`list_tree`]; a file cannot be read.
pub fn read_text_tree(
    root: &Path,
    limits: TreeLimits,
    keep: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, String>, TreeError> {
    let mut texts = BTreeMap::new();
    for path in list_tree(root, limits)? {
        let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        let name = parts.join("/");
        if !keep(&name) {
            continue;
        }
        if texts.len() >= limits.texts {
            let what = format!("more than {} files to read", limits.texts);
            return Err(TreeError::TooMuch { path: root.display().to_string(), what });
        }
        texts.insert(name, read_text(&root.join(&path), limits.text_bytes)?);
    }
    Ok(texts)
}

fn read_text(path: &Path, limit: u64) -> Result<String, TreeError> {
    let failed = |error| TreeError::Io { path: path.display().to_string(), error };
    let mut bytes = vec![];
    fs::File::open(path).map_err(failed)?.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(TreeError::TooMuch { path: path.display().to_string(), what: format!("more than {limit} bytes") });
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree(limits: TreeLimits) -> Result<BTreeMap<String, String>, TreeError> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::write(root.path().join("a/b/one.csv"), "1").unwrap();
        fs::write(root.path().join("two.csv"), "22").unwrap();
        fs::write(root.path().join("picture.png"), [0xff, 0xfe]).unwrap();
        symlink(root.path().join("two.csv"), root.path().join("link.csv")).unwrap();
        symlink("/", root.path().join("a/away")).unwrap();
        read_text_tree(root.path(), limits, |path| path.ends_with(".csv"))
    }

    #[test]
    fn regular_files_are_read_and_links_are_not_followed() {
        let files = tree(TreeLimits::default()).unwrap();
        assert_eq!(files, BTreeMap::from([("a/b/one.csv".into(), "1".into()), ("two.csv".into(), "22".into())]));
    }

    #[test]
    fn limits_are_named() {
        let error = |limits| tree(limits).unwrap_err().to_string();
        let default = TreeLimits::default();
        assert!(error(TreeLimits { files: 1, ..default }).contains(": more than 1 files: give"));
        assert!(error(TreeLimits { depth: 1, ..default }).contains(": more than 1 levels of directories: give"));
        assert!(error(TreeLimits { texts: 1, ..default }).contains(": more than 1 files to read: give"));
        assert!(error(TreeLimits { text_bytes: 1, ..default }).contains("two.csv: more than 1 bytes: give"));
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = read_text_tree(Path::new("/nowhere/at/all"), TreeLimits::default(), |_| true).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/at/all: "));
    }
}
