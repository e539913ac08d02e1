//! Reading directories other programs wrote: nothing in them is trusted.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

/// How much is read of a directory.
#[derive(Clone, Copy, Debug)]
pub struct TreeLimits {
    /// Files that are kept.
    pub files: usize,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Directories below each other.
    pub depth: usize,
}

impl Default for TreeLimits {
    fn default() -> Self {
        Self { files: 2000, file_bytes: 8 << 20, depth: 12 }
    }
}

/// Why a directory was not read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A file or directory cannot be read.
    #[error("{path}: {error}")]
    Io {
        /// What cannot be read.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// There is more than anyone meant to give.
    #[error("{path}: {what}")]
    TooMuch {
        /// Where the limit was met.
        path: String,
        /// Which limit.
        what: String,
    },
}

/// The text files below `root` whose paths `keep` accepts: path below `root`, parts joined by `/` → content.
/// Only regular files are read, links are not followed, and text that is not UTF-8 is read with replacements.
pub fn read_text_tree(
    root: &Path,
    limits: TreeLimits,
    keep: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, String>, TreeError> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![(root.to_path_buf(), String::new(), 0)];
    while let Some((directory, prefix, depth)) = waiting.pop() {
        let failed = |error| TreeError::Io { path: directory.display().to_string(), error };
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() && depth < limits.depth {
                waiting.push((entry.path(), format!("{name}/"), depth + 1));
            } else if kind.is_file() && keep(&name) {
                if files.len() >= limits.files {
                    let what = format!("more than {} files", limits.files);
                    return Err(TreeError::TooMuch { path: root.display().to_string(), what });
                }
                files.insert(name, read_text(&entry.path(), limits.file_bytes)?);
            }
        }
    }
    Ok(files)
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
        assert!(error(TreeLimits { files: 1, ..default }).ends_with("more than 1 files"));
        assert!(error(TreeLimits { file_bytes: 1, ..default }).ends_with("two.csv: more than 1 bytes"));
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = read_text_tree(Path::new("/nowhere/at/all"), TreeLimits::default(), |_| true).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/at/all: "));
    }
}
