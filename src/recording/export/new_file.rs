//! A new file that appears under its name only when it is complete, and only if that name is free: a partial
//! export is never taken for a whole one, and nothing is overwritten.
//!
//! Others may change the directory meanwhile. It is therefore opened once, and where the system supports it
//! (Linux, on most file systems) the file has no name until it is complete: a killed process leaves nothing
//! behind, and nobody can replace the file before it gets its name. Elsewhere it has a hidden temporary name,
//! which a killed process leaves behind, and the file that ends up under the final name is compared with the
//! one that was written.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Seek as _;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::UnlinkatFlags;

/// A method of giving a complete file its name. None may overwrite an existing file; it fails with
/// [`io::ErrorKind::AlreadyExists`] instead.
type Way = fn(&NewFile) -> io::Result<()>;

/// The methods, in the order in which they are tried. First a hard link to the open descriptor, which looks
/// up no name. Then a hard link from the hidden name, which every system supports. File systems that allow
/// one name per file (FAT, some network file systems) can usually rename to a free name. Where even that is
/// unsupported, the name is reserved first.
const WAYS: &[Way] = &[
    #[cfg(target_os = "linux")]
    opened,
    linked,
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    renamed,
    reserved,
];

/// A file that does not have its final name yet and that only its owner can read. Dropped before
/// [`NewFile::finish`], it leaves nothing behind. A killed process leaves nothing under the final name; where
/// unnamed files are unsupported, it leaves a hidden file `.hoopctl.RANDOM.unfinished`.
#[derive(Debug)]
pub struct NewFile {
    out: BufWriter<File>,
    folder: Folder,
    name: OsString,
    /// The temporary name. `None`: the file has no name. A file of this name is removed on drop.
    hidden: Option<OsString>,
}

/// A directory, opened once.
#[derive(Debug)]
struct Folder(File);

impl NewFile {
    /// Creates a file in the directory of `to`.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if something has that name already, including a dangling link;
    /// otherwise the error of the operating system.
    pub fn create(to: &Path) -> io::Result<Self> {
        if to.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let is_folder = to.as_os_str().as_bytes().ends_with(b"/");
        let name = to.file_name().filter(|_| !is_folder);
        let name = name.ok_or_else(|| io::Error::other("that names no file"))?;
        let folder = Folder::of(to)?;
        #[cfg(target_os = "linux")]
        if let Some(file) = folder.nameless() {
            let out = BufWriter::new(file);
            return Ok(Self { out, folder, name: name.to_owned(), hidden: None });
        }
        Self::hidden(folder, name)
    }

    /// Creates a file under a hidden name.
    fn hidden(folder: Folder, name: &OsStr) -> io::Result<Self> {
        let (hidden, file) = folder.hidden()?;
        Ok(Self { out: BufWriter::new(file), folder, name: name.to_owned(), hidden: Some(hidden) })
    }

    /// Syncs the file to disk and gives it its name.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if something took the name meanwhile; otherwise the error of the
    /// operating system. Nothing of the file is left then, with two exceptions: only the sync of the
    /// directory failed, or somebody replaced the file while it had a hidden name. In the second case the
    /// file under the name is theirs.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        self.take_name(WAYS)?;
        self.folder.sync()
    }

    /// Tries the methods in turn. Stops if the name is already taken.
    fn take_name(&mut self, ways: &[Way]) -> io::Result<()> {
        let mut failed = io::Error::from(io::ErrorKind::Unsupported);
        for (number, way) in ways.iter().enumerate() {
            if number > 0 && self.hidden.is_none() {
                self.take_hidden_name()?;
            }
            match way(self) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => failed = error,
                done => return done,
            }
        }
        Err(failed)
    }

    /// Copies a file without a name to one with a hidden name, which all methods but the first need.
    fn take_hidden_name(&mut self) -> io::Result<()> {
        let (hidden, mut file) = self.folder.hidden()?;
        self.hidden = Some(hidden);
        let mut nameless = self.out.get_ref();
        nameless.rewind()?;
        io::copy(&mut nameless, &mut file)?;
        file.sync_all()?;
        self.out = BufWriter::new(file);
        Ok(())
    }

    fn hidden_name(&self) -> io::Result<&OsStr> {
        self.hidden.as_deref().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// Checks that the file under the final name is the one that was written. A file looked up by its hidden
    /// name may be another: anyone who can change the directory may have replaced it.
    fn is_what_was_written(&self) -> io::Result<()> {
        if self.folder.has(&self.name, self.out.get_ref())? {
            return Ok(());
        }
        Err(io::Error::other(
            "somebody exchanged the file while it was written; what has the name now is not from here",
        ))
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

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            // Methods other than a link consume the hidden name.
            self.folder.remove(hidden);
        }
    }
}

impl Folder {
    /// Opens the directory of `file`.
    fn of(file: &Path) -> io::Result<Self> {
        let path =
            file.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let open =
            |flags| nix::fcntl::open(path, flags | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
        let folder = open(OFlag::O_RDONLY);
        // A directory that may be changed but not listed.
        #[cfg(target_os = "linux")]
        let folder = if matches!(folder, Err(Errno::EACCES)) { open(OFlag::O_PATH) } else { folder };
        Ok(Self(folder?.into()))
    }

    /// Creates a file that only its owner can read.
    fn make(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let file = nix::fcntl::openat(&self.0, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
        Ok(file.into())
    }

    /// Creates a file under a random name, so that leftovers of a killed process whose id is reused are not
    /// in the way. Its length does not depend on the final name.
    fn hidden(&self) -> io::Result<(OsString, File)> {
        let name = OsString::from(format!(".hoopctl.{:016x}.unfinished", rand::random::<u64>()));
        let file = self.make(&name)?;
        Ok((name, file))
    }

    /// Creates a file that can be named later. `None` if the file system or the operating system has no such
    /// files.
    #[cfg(target_os = "linux")]
    fn nameless(&self) -> Option<File> {
        let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
        let file = nix::fcntl::openat(&self.0, ".", flags, Mode::S_IRUSR | Mode::S_IWUSR);
        let file = File::from(file.ok()?);
        // Without /proc there would be no way to name it.
        std::fs::metadata(descriptor(&file)).ok()?;
        Some(file)
    }

    fn has(&self, name: &OsStr, file: impl AsFd) -> io::Result<bool> {
        let there = nix::sys::stat::fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let own = nix::sys::stat::fstat(file)?;
        Ok((there.st_dev, there.st_ino) == (own.st_dev, own.st_ino))
    }

    fn remove(&self, name: &OsStr) {
        nix::unistd::unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir).ok();
    }

    /// Syncs the directory, if that is supported for directories and this one may be read.
    fn sync(&self) -> io::Result<()> {
        match nix::unistd::fsync(&self.0) {
            Err(Errno::EBADF | Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(()),
            done => Ok(done?),
        }
    }
}

#[cfg(target_os = "linux")]
fn descriptor(file: &File) -> String {
    use std::os::fd::AsRawFd as _;
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

#[cfg(target_os = "linux")]
fn opened(new: &NewFile) -> io::Result<()> {
    let from = descriptor(new.out.get_ref());
    let flags = AtFlags::AT_SYMLINK_FOLLOW;
    Ok(nix::unistd::linkat(nix::fcntl::AT_FDCWD, from.as_str(), &new.folder.0, &*new.name, flags)?)
}

fn linked(new: &NewFile) -> io::Result<()> {
    let folder = &new.folder.0;
    nix::unistd::linkat(folder, new.hidden_name()?, folder, &*new.name, AtFlags::empty())?;
    new.is_what_was_written()
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn renamed(new: &NewFile) -> io::Result<()> {
    let folder = &new.folder.0;
    let flags = nix::fcntl::RenameFlags::RENAME_NOREPLACE;
    nix::fcntl::renameat2(folder, new.hidden_name()?, folder, &*new.name, flags)?;
    new.is_what_was_written()
}

/// Reserves the name with an empty file, which fails if the name is taken, and replaces that file with the
/// complete one. Between the two steps others can overwrite it only on purpose. A process killed there leaves
/// the empty file.
fn reserved(new: &NewFile) -> io::Result<()> {
    let folder = &new.folder;
    let empty = folder.make(&new.name)?;
    let done = nix::fcntl::renameat(&folder.0, new.hidden_name()?, &folder.0, &*new.name);
    // Somebody else may have taken the name by now.
    if done.is_err() && folder.has(&new.name, &empty).unwrap_or(false) {
        folder.remove(&new.name);
    }
    done?;
    new.is_what_was_written()
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

    /// Returns a file with a hidden name, as on file systems without unnamed files.
    fn hidden(to: &Path) -> NewFile {
        NewFile::hidden(Folder::of(to).unwrap(), to.file_name().unwrap()).unwrap()
    }

    fn written(mut new: NewFile) -> NewFile {
        new.write_all(b"whole").unwrap();
        new.flush().unwrap();
        new
    }

    const UNKNOWN: Way = |_| Err(io::ErrorKind::PermissionDenied.into());

    /// Tries each method in turn, as on a file system that does not support the ones before it.
    fn each() -> impl Iterator<Item = Vec<Way>> {
        (0..WAYS.len()).map(|number| [vec![UNKNOWN; number], vec![WAYS[number]]].concat())
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let begin: [fn(&Path) -> NewFile; 2] = [|to| NewFile::create(to).unwrap(), hidden];
        // The longest file name allowed.
        let longest = "n".repeat(255);
        for (begin, name) in begin.into_iter().flat_map(|begin| [(begin, "all.txt"), (begin, &*longest)]) {
            let to = folder.path().join(name);
            let file = written(begin(&to));
            assert!(!to.exists(), "it is written under another name");
            file.finish().unwrap();
            assert_eq!(std::fs::read(&to).unwrap(), b"whole");
            assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(names(folder.path()), [name]);
            drop(written(begin(&folder.path().join("half.txt"))));
            assert_eq!(names(folder.path()), [name]);
            std::fs::remove_file(to).unwrap();
        }
        for name in ["", "..", "new/"] {
            assert!(NewFile::create(&folder.path().join(name)).is_err(), "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_is_killed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // A killed process drops nothing.
        std::mem::forget(written(NewFile::create(&folder.path().join("all.txt")).unwrap()));
        let place = folder.path().display();
        assert_eq!(names(folder.path()), [""; 0], "TMPDIR must know O_TMPFILE (ext4, xfs, tmpfs): {place}");
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

        for ways in each() {
            let number = ways.len();
            for name in ["late.txt", "link.txt", "mine.txt"] {
                let error = written(hidden(&place(name))).take_name(&ways).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{number} {name}");
            }
            // With a hidden name, and without one where unnamed files are supported.
            for begin in [hidden, |to: &Path| NewFile::create(to).unwrap()] {
                written(begin(&place("done.txt"))).take_name(&ways).unwrap();
                assert_eq!(std::fs::read(place("done.txt")).unwrap(), b"whole", "{number}");
                assert_eq!(
                    names(folder.path()),
                    ["done.txt", "late.txt", "link.txt", "mine.txt"],
                    "{number}"
                );
                std::fs::remove_file(place("done.txt")).unwrap();
            }
        }
        assert_eq!(std::fs::read(place("mine.txt")).unwrap(), b"mine");
        assert_eq!(std::fs::read(place("late.txt")).unwrap(), b"theirs");
        assert!(!place("nowhere").exists());
        let error = written(hidden(&place("done.txt"))).take_name(&[UNKNOWN]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_file_that_somebody_exchanged_is_not_taken_for_what_was_written() {
        for ways in each() {
            let folder = tempfile::tempdir().unwrap();
            let to = folder.path().join("done.txt");
            let mut file = written(hidden(&to));
            let name = folder.path().join(file.hidden.as_ref().unwrap());
            std::fs::rename(&name, folder.path().join("taken")).unwrap();
            std::fs::write(&name, "theirs").unwrap();
            match file.take_name(&ways) {
                Ok(()) => assert_eq!(std::fs::read(&to).unwrap(), b"whole", "{}", ways.len()),
                Err(error) => assert!(error.to_string().contains("exchanged"), "{} {error}", ways.len()),
            }
        }
    }

    #[test]
    fn a_name_that_could_not_be_taken_is_free_again_unless_somebody_else_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("done.txt");
        let file = written(hidden(&to));
        std::fs::remove_file(folder.path().join(file.hidden.as_ref().unwrap())).unwrap();
        assert_eq!(reserved(&file).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(names(folder.path()), [""; 0]);
        let empty = file.folder.make(&file.name).unwrap();
        std::fs::remove_file(&to).unwrap();
        std::fs::write(&to, "theirs").unwrap();
        assert!(!file.folder.has(&file.name, &empty).unwrap());
    }

    #[test]
    fn a_folder_that_moves_meanwhile_keeps_its_file() {
        let outer = tempfile::tempdir().unwrap();
        let (old, new) = (outer.path().join("old"), outer.path().join("new"));
        for begin in [hidden, |to: &Path| NewFile::create(to).unwrap()] {
            std::fs::create_dir(&old).unwrap();
            let file = written(begin(&old.join("done.txt")));
            std::fs::rename(&old, &new).unwrap();
            // Another directory in its place gets nothing.
            std::fs::create_dir(&old).unwrap();
            file.finish().unwrap();
            assert_eq!((names(&old).len(), names(&new)), (0, vec!["done.txt".to_owned()]));
            std::fs::remove_dir_all(&old).unwrap();
            std::fs::remove_dir_all(&new).unwrap();
        }
    }
}
