//! Directories and archives of them, read alike.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::{TreeError, TreeLimits, list_tree};

/// What is kept of an archive: it is unpacked in memory.
const MOST_BYTES: u64 = 512 << 20;
/// Endings of archives that can be read.
const ENDINGS: [&str; 4] = [".zip", ".tar.gz", ".tgz", ".tar"];

/// Whether a file is an archive of a directory, by its name.
pub fn is_archive(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| ENDINGS.iter().any(|end| name.ends_with(end)))
}

/// The files of a directory, or of an archive of one.
pub enum Tree {
    Directory(PathBuf),
    /// Content by path.
    Archive(BTreeMap<PathBuf, Vec<u8>>),
}

impl Tree {
    /// Opens a directory, or unpacks those files of an archive whose paths `keep` accepts.
    ///
    /// # Errors
    /// The archive cannot be read, or holds more than anybody meant to give.
    pub fn open(path: &Path, keep: impl Fn(&Path) -> bool) -> Result<Self, TreeError> {
        if !is_archive(path) {
            return Ok(Self::Directory(path.to_path_buf()));
        }
        let failed = |error| TreeError::Io { path: path.display().to_string(), error };
        let too_much = |what: String| TreeError::TooMuch { path: path.display().to_string(), what };
        let mut kept = KeptFiles { files: BTreeMap::new(), seen: 0, left: MOST_BYTES };
        let file = BufReader::new(File::open(path).map_err(failed)?);
        let name = path.to_string_lossy();
        let unpacked = if name.ends_with(".zip") {
            kept.zip(file, &keep)
        } else if name.ends_with(".tar") {
            kept.tar(file, &keep)
        } else {
            kept.tar(BufReader::new(MultiGzDecoder::new(file)), &keep)
        };
        match unpacked {
            Ok(()) => Ok(Self::Archive(kept.files)),
            Err(Full::Bytes) => Err(too_much(format!("more than {} MiB when unpacked", MOST_BYTES >> 20))),
            Err(Full::Files) => Err(too_much(format!("more than {} files", TreeLimits::default().files))),
            Err(Full::Broken(error)) => Err(failed(error)),
        }
    }

    /// The paths of its regular files, relative to its root.
    ///
    /// # Errors
    /// As of [`list_tree`].
    pub fn list(&self) -> Result<Vec<PathBuf>, TreeError> {
        match self {
            Self::Directory(root) => list_tree(root, TreeLimits::default()),
            Self::Archive(files) => Ok(files.keys().cloned().collect()),
        }
    }

    /// Opens one of its files. A link that a tool left behind must not lead elsewhere.
    ///
    /// # Errors
    /// It is not there, or no regular file.
    pub fn read(&self, path: &Path) -> io::Result<Box<dyn BufRead + '_>> {
        match self {
            Self::Directory(root) => {
                let path = root.join(path);
                if !fs::symlink_metadata(&path)?.is_file() {
                    return Err(io::Error::other("it is not a regular file"));
                }
                Ok(Box::new(BufReader::new(File::open(path)?)))
            }
            Self::Archive(files) => match files.get(path) {
                Some(content) => Ok(Box::new(content.as_slice())),
                None => Err(io::ErrorKind::NotFound.into()),
            },
        }
    }
}

/// Why unpacking ended early.
enum Full {
    Bytes,
    Files,
    Broken(io::Error),
}

impl From<io::Error> for Full {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

struct KeptFiles {
    files: BTreeMap<PathBuf, Vec<u8>>,
    seen: usize,
    left: u64,
}

impl KeptFiles {
    fn zip(&mut self, file: BufReader<File>, keep: impl Fn(&Path) -> bool) -> Result<(), Full> {
        let broken = |error: zip::result::ZipError| Full::Broken(io::Error::other(error.to_string()));
        let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
        for at in 0..archive.len() {
            let mut entry = archive.by_index(at).map_err(broken)?;
            let path = entry.enclosed_name().filter(|_| entry.is_file());
            self.take(path, &mut entry, &keep)?;
        }
        Ok(())
    }

    fn tar(&mut self, file: impl Read, keep: impl Fn(&Path) -> bool) -> Result<(), Full> {
        let mut archive = tar::Archive::new(file);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.header().entry_type().is_file().then(|| entry.path().map(|path| within(&path)));
            let path = path.transpose()?.flatten();
            self.take(path, &mut entry, &keep)?;
        }
        Ok(())
    }

    /// Keeps one file; directories, links and paths that lead out of the archive are passed over.
    fn take(&mut self, path: Option<PathBuf>, content: impl Read, keep: impl Fn(&Path) -> bool) -> Result<(), Full> {
        self.seen += 1;
        if self.seen > TreeLimits::default().files {
            return Err(Full::Files);
        }
        let Some(path) = path.filter(|path| keep(path)) else { return Ok(()) };
        let mut bytes = vec![];
        content.take(self.left + 1).read_to_end(&mut bytes)?;
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(Full::Bytes)?;
        self.files.insert(path, bytes);
        Ok(())
    }
}

/// A path of names alone.
fn within(path: &Path) -> Option<PathBuf> {
    let names = path.components().filter(|part| *part != Component::CurDir).map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    names.collect::<Option<PathBuf>>().filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rstest::rstest;

    use super::*;

    fn written(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        (directory, path)
    }

    fn tar() -> Vec<u8> {
        let mut builder = tar::Builder::new(vec![]);
        for (path, content) in [("./a/one.json", "1"), ("two.txt", "22")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn gzipped(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zipped() -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(vec![]));
        let options = zip::write::SimpleFileOptions::default();
        for (path, content) in [("a/one.json", "1"), ("two.txt", "22"), ("../out.json", "3")] {
            writer.start_file(path, options).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[rstest]
    #[case("x.tar", tar())]
    #[case("x.tar.gz", gzipped(&tar()))]
    #[case("x.tgz", gzipped(&tar()))]
    #[case("x.zip", zipped())]
    fn archives_are_read_like_directories(#[case] name: &str, #[case] content: Vec<u8>) {
        let (_directory, path) = written(name, &content);
        let tree = Tree::open(&path, |path| path.extension().is_some_and(|end| end == "json")).unwrap();
        assert_eq!(tree.list().unwrap(), [PathBuf::from("a/one.json")]);
        let mut text = String::new();
        tree.read(Path::new("a/one.json")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "1");
        assert!(tree.read(Path::new("two.txt")).is_err());
    }

    #[rstest]
    #[case("x.zip")]
    #[case("x.tar.gz")]
    fn broken_archives_are_named(#[case] name: &str) {
        let (_directory, path) = written(name, b"no archive");
        let error = Tree::open(&path, |_| true).err().unwrap().to_string();
        assert!(error.contains(&format!("{name}: cannot be read: ")), "{error}");
    }
}
