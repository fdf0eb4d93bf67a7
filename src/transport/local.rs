//! A Unix socket for one user: mode 0600, in a folder where nobody else can replace it.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use socket2::Domain;
use socket2::SockAddr;
use socket2::Socket;
use socket2::Type;
use tokio::net::UnixListener;
use tokio::net::UnixStream;

/// The longest path of a Unix socket that the system accepts, in bytes (`sun_path` without its NUL).
pub const MAX_PATH: usize = 107;
/// How many streams may wait to be accepted.
const BACKLOG: i32 = 64;
/// The mode bits that let others write to a folder: group and others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why listening on the socket failed.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Others may write in the folder, and could replace the socket.
    #[error(
        "{} has mode {mode:03o} and belongs to user {owner}: others could put their own socket there; it must belong to you, with mode 700 or 755", path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Its owner's user id.
        owner: u32,
    },
    /// Another process listens there.
    #[error("another process listens on {}", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else is at that path, which is left alone.
    #[error("{} exists and is not a socket", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The path is longer than the system accepts.
    #[error("{} is longer than the {MAX_PATH} bytes that the path of a socket may have", path.display())]
    PathTooLong {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// The operation.
        operation: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// A listening socket. Its file is removed on drop.
#[derive(Debug)]
pub struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
    inode: (u64, u64),
}

impl LocalSocket {
    /// Listens on `name` in `folder`, which must exist, belong to this user or root, and be writable by
    /// nobody else. The socket of a dead process is replaced. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`LocalError`]; nothing but a dead socket is removed.
    pub fn bind(folder: &Path, name: &str) -> Result<Self, LocalError> {
        check(folder)?;
        Self::at(&folder.join(name))
    }

    /// Listens on `path`, whose folder the caller has checked. The socket of a dead process is replaced. Must
    /// be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`LocalError`]; nothing but a dead socket is removed.
    pub fn at(path: &Path) -> Result<Self, LocalError> {
        must_fit(path)?;
        remove_dead(path)?;
        let io = |operation| move |source| LocalError::Io { operation, path: path.to_owned(), source };
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(io("open a socket for"))?;
        let address = SockAddr::unix(path).map_err(io("bind"))?;
        socket.bind(&address).map_err(io("bind"))?;
        // Nobody can connect between bind and listen, so the mode is set before the first client.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(io("set the mode of"))?;
        let metadata = std::fs::symlink_metadata(path).map_err(io("look at"))?;
        socket.set_nonblocking(true).map_err(io("set up"))?;
        socket.listen(BACKLOG).map_err(io("listen on"))?;
        let listener = UnixListener::from_std(socket.into()).map_err(io("listen on"))?;
        Ok(Self { listener, inode: (metadata.dev(), metadata.ino()), path: path.to_owned() })
    }

    /// Accepts the next client.
    ///
    /// # Errors
    /// The system's error; the next call may succeed all the same.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        // Only our own file: another process may have created its socket there after ours was removed.
        let ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.inode);
        if ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "a socket was left behind");
        }
    }
}

/// Checks that the system accepts the length of a path.
///
/// # Errors
/// [`LocalError::PathTooLong`].
pub fn must_fit(path: &Path) -> Result<(), LocalError> {
    if path.as_os_str().as_bytes().len() > MAX_PATH {
        return Err(LocalError::PathTooLong { path: path.to_owned() });
    }
    Ok(())
}

fn check(folder: &Path) -> Result<(), LocalError> {
    let metadata = std::fs::metadata(folder).map_err(|source| LocalError::Io {
        operation: "look at",
        path: folder.to_owned(),
        source,
    })?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    let trusted = owner == nix::unistd::geteuid().as_raw() || owner == 0;
    if trusted && mode & WRITABLE_BY_OTHERS == 0 {
        return Ok(());
    }
    Err(LocalError::Folder { path: folder.to_owned(), mode, owner })
}

fn remove_dead(path: &Path) -> Result<(), LocalError> {
    let io = |operation| move |source| LocalError::Io { operation, path: path.to_owned(), source };
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("look at")(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(LocalError::NotASocket { path: path.to_owned() });
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(io("remove the dead socket"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A socket that denies access, or whose queue is full, is alive all the same.
        Ok(_) | Err(_) => Err(LocalError::InUse { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = ".s.PGSQL.5432";

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn the_socket_is_private_and_goes_away_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let socket = LocalSocket::bind(folder.path(), NAME).unwrap();
        let path = socket.path().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(matches!(LocalSocket::bind(folder.path(), NAME), Err(LocalError::InUse { .. })));
        assert!(path.exists(), "the refused one leaves the file alone");
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_folder_where_others_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, fits) in [(0o700, true), (0o755, true), (0o770, false), (0o757, false), (0o1777, false)] {
            chmod(folder.path(), mode);
            let bound = LocalSocket::bind(folder.path(), NAME);
            match bound {
                Ok(_) => assert!(fits, "{mode:o}"),
                Err(LocalError::Folder { mode: found, .. }) => assert!(!fits && found == mode, "{mode:o}"),
                Err(error) => panic!("{mode:o}: {error}"),
            }
        }
    }

    #[tokio::test]
    async fn what_a_dead_process_left_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        drop(LocalSocket::bind(folder.path(), NAME).unwrap());
        std::fs::write(&path, "mine").unwrap();
        assert!(matches!(LocalSocket::bind(folder.path(), NAME), Err(LocalError::NotASocket { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        let long = "x".repeat(MAX_PATH);
        assert!(matches!(LocalSocket::bind(folder.path(), &long), Err(LocalError::PathTooLong { .. })));
        let missing = folder.path().join("none");
        assert!(matches!(LocalSocket::bind(&missing, NAME), Err(LocalError::Io { .. })));
    }
}
