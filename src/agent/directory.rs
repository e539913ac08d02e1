//! A directory another container writes too: opened once, then only plain files directly below it, never through links.

use std::ffi::CString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, mkdirat, openat, renameat, unlinkat};

/// A name that is both a key of a ConfigMap and a plain file name: letters, digits, `-`, `_` and `.`, not at the start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey(String);

impl FileKey {
    /// The name, or `None` if it is not one.
    pub fn new(name: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let fits = (1..=253).contains(&name.len()) && name.bytes().all(plain);
        (fits && name.starts_with(|first: char| first.is_ascii_alphanumeric())).then(|| Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens a directory; the last part of the path must not be a link.
    ///
    /// # Errors
    /// The system's error, with the path.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty()).map_err(|error| named(path, error.into()))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// A directory that somebody asks for, made if it is not there. Its path is theirs, links included.
    ///
    /// # Errors
    /// The system's error, with the path.
    pub fn given(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path).map_err(|error| match path.is_file() {
            true => io::Error::new(error.kind(), format!("{} is a file: name a directory", path.display())),
            false => named(path, error),
        })?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty()).map_err(|error| named(path, error.into()))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// A directory directly below this one, made if it is not there.
    ///
    /// # Errors
    /// The name leads elsewhere, or is that of a link or a file.
    pub fn below(&self, name: &str) -> io::Result<Self> {
        let path = self.path.join(name);
        let name = plain(name)?;
        match mkdirat(&self.fd, &name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(named(&path, error.into())),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&self.fd, &name, flags, Mode::empty()).map_err(|error| named(&path, error.into()))?;
        Ok(Self { fd, path })
    }

    /// Keys among the names in the directory, sorted. Other names (such as those of half-written files) are skipped.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn keys(&self) -> io::Result<Vec<FileKey>> {
        let entries = Dir::read_from(&self.fd).map_err(|error| named(&self.path, error.into()))?;
        let mut keys = vec![];
        for entry in entries {
            let entry = entry.map_err(|error| named(&self.path, error.into()))?;
            keys.extend(entry.file_name().to_str().ok().and_then(FileKey::new));
        }
        keys.sort();
        Ok(keys)
    }

    /// Content of a plain file of at most `limit` bytes, or `None` when there is no such name.
    ///
    /// # Errors
    /// As [`Self::file`], and for a file that is too large.
    pub fn read(&self, name: &str, limit: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.file(name)? else { return Ok(None) };
        let mut content = vec![];
        file.take(limit as u64 + 1).read_to_end(&mut content)?;
        if content.len() > limit {
            return Err(self.refused(name, &format!("is larger than {limit} bytes")));
        }
        Ok(Some(content))
    }

    /// Opens a plain file for reading, or `None` when there is no such name.
    ///
    /// # Errors
    /// A link, a directory, a pipe or another special file, or a file with a second name.
    pub fn file(&self, name: &str) -> io::Result<Option<File>> {
        // Not blocking: a pipe without a writer would hold us for ever.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = match openat(&self.fd, plain(name)?, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(self.refused(name, "is a link")),
            Err(error) => return Err(self.refused(name, &error.to_string())),
        };
        let status = fstat(&fd)?;
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Err(self.refused(name, "is not a plain file"));
        }
        if status.st_nlink > 1 {
            return Err(self.refused(name, "has a second name"));
        }
        Ok(Some(File::from(fd)))
    }

    /// Whether a name exists, as a file or anything else.
    pub fn has(&self, name: &str) -> bool {
        plain(name).is_ok_and(|name| rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok())
    }

    /// Writes a file that appears under its name only when it is complete, in place of one that is there.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let partial = CString::new(format!(".partial-{}", name.trim_start_matches('.')))?;
        let name = plain(name)?;
        let failed = |error: io::Error| named(&self.path, error);
        // An existing entry, such as a link, must not be written through.
        match unlinkat(&self.fd, &partial, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(failed(error.into())),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&self.fd, &partial, flags, Mode::from_raw_mode(0o644)).map_err(|error| failed(error.into()))?;
        File::from(fd).write_all(content).map_err(failed)?;
        renameat(&self.fd, &partial, &self.fd, &name).map_err(|error| failed(error.into()))
    }

    fn refused(&self, name: &str, why: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}/{name} {why}", self.path.display()))
    }
}

/// A name that cannot lead out of the directory.
fn plain(name: &str) -> io::Result<CString> {
    if name.is_empty() || name == "." || name == ".." || name.contains('/') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("`{}` is not a plain file name", name.escape_debug()),
        ));
    }
    Ok(CString::new(name)?)
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::symlink;

    use rstest::rstest;

    use super::*;

    fn directory() -> (tempfile::TempDir, Directory) {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::open(temporary.path()).unwrap();
        (temporary, directory)
    }

    #[rstest]
    #[case("r1-c000012-l1-t1", true)]
    #[case("configurations.json", true)]
    #[case("", false)]
    #[case(".ready", false)]
    #[case("..", false)]
    #[case("-rf", false)]
    #[case("a/b", false)]
    #[case("a b", false)]
    #[case("ä", false)]
    #[case("a\n", false)]
    fn keys_are_plain_names(#[case] name: &str, #[case] accepted: bool) {
        assert_eq!(FileKey::new(name).is_some(), accepted);
    }

    #[test]
    fn a_key_has_at_most_253_characters() {
        assert!(FileKey::new(&"a".repeat(253)).is_some());
        assert!(FileKey::new(&"a".repeat(254)).is_none());
    }

    #[test]
    fn what_is_written_can_be_read_and_listed() {
        let (temporary, directory) = directory();
        directory.write("b", b"2").unwrap();
        directory.write("a", b"1").unwrap();
        directory.write("a", b"3").unwrap();
        directory.write(".ready", b"").unwrap();
        std::fs::write(temporary.path().join("weird name"), "x").unwrap();
        assert_eq!(directory.read("a", 10).unwrap(), Some(b"3".to_vec()));
        assert_eq!(directory.keys().unwrap(), [FileKey::new("a").unwrap(), FileKey::new("b").unwrap()]);
        assert_eq!(directory.read("c", 10).unwrap(), None);
        assert!(directory.has(".ready") && !directory.has("c"));
    }

    #[rstest]
    #[case(3, true)]
    #[case(2, false)]
    fn a_file_is_read_up_to_the_limit(#[case] limit: usize, #[case] read: bool) {
        let (_temporary, directory) = directory();
        directory.write("a", b"123").unwrap();
        assert_eq!(directory.read("a", limit).is_ok(), read);
    }

    #[test]
    fn links_directories_pipes_and_second_names_are_refused() {
        let (temporary, directory) = directory();
        let path = |name: &str| temporary.path().join(name);
        let secret = tempfile::NamedTempFile::new().unwrap();
        symlink(secret.path(), path("link")).unwrap();
        symlink(path("nowhere"), path("dangling")).unwrap();
        std::fs::create_dir(path("directory")).unwrap();
        rustix::fs::mknodat(CWD, path("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::fs::write(path("file"), "x").unwrap();
        std::fs::hard_link(path("file"), path("twin")).unwrap();
        for name in ["link", "dangling", "directory", "pipe", "file", "twin"] {
            assert_eq!(directory.read(name, 100).unwrap_err().kind(), io::ErrorKind::InvalidData, "{name}");
        }
        for name in ["../x", "..", ".", ""] {
            assert_eq!(directory.read(name, 100).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name}");
        }
    }

    #[test]
    fn writing_does_not_follow_links() {
        let (temporary, directory) = directory();
        let victim = tempfile::NamedTempFile::new().unwrap();
        symlink(victim.path(), temporary.path().join(".partial-a")).unwrap();
        symlink(victim.path(), temporary.path().join("a")).unwrap();
        directory.write("a", b"1").unwrap();
        assert_eq!(directory.read("a", 10).unwrap(), Some(b"1".to_vec()));
        assert_eq!(std::fs::read(victim.path()).unwrap(), b"");
    }

    #[test]
    fn a_directory_below_is_never_elsewhere() {
        let (temporary, directory) = directory();
        symlink("/etc", temporary.path().join("link")).unwrap();
        std::fs::write(temporary.path().join("file"), "").unwrap();
        directory.below("a").unwrap().write("b", b"1").unwrap();
        assert_eq!(directory.below("a").unwrap().read("b", 1).unwrap(), Some(b"1".to_vec()));
        for name in ["..", ".", "", "a/b", "/etc", "link", "file"] {
            assert!(directory.below(name).is_err(), "{name}");
        }
        assert!(Directory::given(&temporary.path().join("c/d")).unwrap().below("e").is_ok());
    }

    #[test]
    fn a_linked_directory_is_not_opened() {
        let temporary = tempfile::tempdir().unwrap();
        symlink("/etc", temporary.path().join("outbox")).unwrap();
        assert!(Directory::open(&temporary.path().join("outbox")).is_err());
    }
}
