//! A new file that has another name until it is whole, and takes its own only if there is none of that name: whatever happens, a part of a
//! recording is not taken for one, and nothing is written over.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

/// One way to give a whole file its name. None of them may write over a file that has that name: that is
/// [`io::ErrorKind::AlreadyExists`].
type Way = fn(&Path, &Path) -> io::Result<()>;

/// A hard link comes first, as every system knows it. Some file systems know one name for a file only (FAT, some network folders): they
/// mostly can rename to a name that is free. Where even that is not known the name is reserved first.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const WAYS: [Way; 3] = [linked, renamed, reserved];
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const WAYS: [Way; 2] = [linked, reserved];

/// A file that has not its own name yet; only its owner can read it. Dropped before [`NewFile::finish`] it leaves nothing. A process that is
/// killed leaves a hidden file, `.NAME.RANDOM.unfinished`, and none of the name that was asked for.
#[derive(Debug)]
pub struct NewFile {
    out: BufWriter<File>,
    unfinished: Unfinished,
    to: PathBuf,
}

/// The name until then. What has it is removed when this goes.
#[derive(Debug)]
struct Unfinished(PathBuf);

impl NewFile {
    /// Begins a file beside the place where it is to be.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where there is something of that name, a link that leads nowhere too; and what the system says.
    pub fn create(to: &Path) -> io::Result<Self> {
        if to.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let name = to.file_name().ok_or_else(|| io::Error::other("that names no file"))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        // Nobody else has this name: what a killed process left behind, with a number that comes again, must not be in the way.
        hidden.push(format!(".{:016x}.unfinished", rand::random::<u64>()));
        let path = to.with_file_name(hidden);
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { out: BufWriter::new(file), unfinished: Unfinished(path), to: to.to_owned() })
    }

    /// Brings it to the disk, and gives it its name.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where something took that name meanwhile; and what the system says. Then nothing is left of it.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        named(&self.unfinished.0, &self.to, &WAYS)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Where it took its name by another way than a link it is not there any more.
        drop(std::fs::remove_file(&self.0));
    }
}

/// Tries one way after another. That there is something of that name ends it.
fn named(unfinished: &Path, to: &Path, ways: &[Way]) -> io::Result<()> {
    let mut failed = io::Error::from(io::ErrorKind::Unsupported);
    for way in ways {
        match way(unfinished, to) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => failed = error,
            done => return done,
        }
    }
    Err(failed)
}

fn linked(unfinished: &Path, to: &Path) -> io::Result<()> {
    std::fs::hard_link(unfinished, to)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn renamed(unfinished: &Path, to: &Path) -> io::Result<()> {
    use nix::fcntl::AT_FDCWD;
    use nix::fcntl::RenameFlags;
    let flags = RenameFlags::RENAME_NOREPLACE;
    nix::fcntl::renameat2(AT_FDCWD, unfinished, AT_FDCWD, to, flags).map_err(io::Error::from)
}

/// The name is taken by an empty file, which fails where there is one, and the whole file replaces that. Between the two steps others can
/// only write over what has this name because they want to.
fn reserved(unfinished: &Path, to: &Path) -> io::Result<()> {
    drop(std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?);
    let done = std::fs::rename(unfinished, to);
    if done.is_err() {
        drop(std::fs::remove_file(to));
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("all.txt");
        let mut file = NewFile::create(&to).unwrap();
        file.write_all(b"whole").unwrap();
        assert_eq!(names(folder.path()).len(), 1, "it is written under another name");
        assert!(!to.exists());
        file.finish().unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"whole");
        assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["all.txt"]);
        let mut file = NewFile::create(&folder.path().join("half.txt")).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(names(folder.path()), ["all.txt"]);
    }

    #[test]
    fn what_is_there_and_what_comes_meanwhile_stays_by_each_way() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        std::fs::write(place("mine.txt"), "mine").unwrap();
        std::os::unix::fs::symlink(place("nowhere"), place("link.txt")).unwrap();
        for name in ["mine.txt", "link.txt"] {
            let error = NewFile::create(&place(name)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{name}");
        }
        let late = NewFile::create(&place("late.txt")).unwrap();
        std::fs::write(place("late.txt"), "theirs").unwrap();
        assert_eq!(late.finish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(place("late.txt")).unwrap(), b"theirs");
        assert_eq!(names(folder.path()), ["late.txt", "link.txt", "mine.txt"]);

        let no_links: Way = |_, _| Err(io::ErrorKind::PermissionDenied.into());
        for (number, way) in WAYS.into_iter().enumerate() {
            // As on a file system where the ways before it are not known.
            let ways = [vec![no_links; number], vec![way]].concat();
            std::fs::write(place("new"), "whole").unwrap();
            for name in ["late.txt", "link.txt", "mine.txt"] {
                let error = named(&place("new"), &place(name), &ways).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{number} {name}");
            }
            named(&place("new"), &place("done.txt"), &ways).unwrap();
            drop(Unfinished(place("new")));
            assert_eq!(std::fs::read(place("done.txt")).unwrap(), b"whole", "{number}");
            assert_eq!(names(folder.path()), ["done.txt", "late.txt", "link.txt", "mine.txt"], "{number}");
            std::fs::remove_file(place("done.txt")).unwrap();
        }
        assert_eq!(std::fs::read(place("mine.txt")).unwrap(), b"mine");
        assert_eq!(std::fs::read(place("late.txt")).unwrap(), b"theirs");
        assert!(!place("nowhere").exists());
        let error = named(&place("new"), &place("done.txt"), &[no_links]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }
}
