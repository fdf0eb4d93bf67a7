//! The admin socket: mode 0600 in a folder that nobody else may enter, and never one that somebody else serves.

use std::io;
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

use crate::store::DataDirLock;
use crate::store::StoreError;
use crate::store::private_folder;

/// The longest path of a Unix socket that the system takes, in bytes (`sun_path` without its NUL).
pub const MAX_PATH: usize = 107;
/// How many callers may wait to be accepted.
const BACKLOG: i32 = 64;

/// The admin socket could not be opened for listening.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The folder of the socket is missing, of another user, or open to others.
    #[error("the folder of the admin socket cannot be used")]
    Folder {
        /// Why.
        source: StoreError,
    },
    /// Another gateway, of another data directory, serves it.
    #[error("another process listens on {}", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// There is something else at its place, which is left alone.
    #[error("{} is there and not a socket", path.display())]
    NotASocket {
        /// What was found.
        path: PathBuf,
    },
    /// The path is longer than the system takes.
    #[error("{} is longer than the {MAX_PATH} bytes that the path of a socket may have", path.display())]
    PathTooLong {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// With which path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// A socket that is listened on. Its file is removed when this is dropped.
#[derive(Debug)]
pub struct AdminSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    inode: (u64, u64),
}

impl AdminSocket {
    /// Listens on `path`. The folder is made with mode 0700 where it is missing. A socket that a dead gateway left is
    /// replaced: holding the lock of the data directory proves that no gateway of this data directory lives, and
    /// nobody answering proves that none of another does. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// [`SocketError`]; nothing is removed that is not a dead socket.
    pub fn bind(path: &Path, _held: &DataDirLock) -> Result<Self, SocketError> {
        use std::os::unix::ffi::OsStrExt;
        if path.as_os_str().as_bytes().len() > MAX_PATH {
            return Err(SocketError::PathTooLong { path: path.to_owned() });
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            private_folder(folder).map_err(|source| SocketError::Folder { source })?;
        }
        remove_dead(path)?;
        let io = |operation| move |source| SocketError::Io { operation, path: path.to_owned(), source };
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(io("open a socket for"))?;
        let address = SockAddr::unix(path).map_err(io("bind"))?;
        socket.bind(&address).map_err(io("bind"))?;
        // Between binding and listening nobody can connect, so the mode holds before the first caller.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(io("set the mode of"))?;
        let metadata = std::fs::symlink_metadata(path).map_err(io("look at"))?;
        socket.set_nonblocking(true).map_err(io("set up"))?;
        socket.listen(BACKLOG).map_err(io("listen on"))?;
        let listener = UnixListener::from_std(socket.into()).map_err(io("listen on"))?;
        Ok(Self { listener, path: path.to_owned(), inode: (metadata.dev(), metadata.ino()) })
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // Only our own file: another process may have put its socket there after ours was removed.
        let ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.inode);
        if ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the admin socket was left behind");
        }
    }
}

fn remove_dead(path: &Path) -> Result<(), SocketError> {
    let io = |operation| move |source| SocketError::Io { operation, path: path.to_owned(), source };
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("look at")(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path.to_owned() });
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(io("remove the dead socket"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) => Err(SocketError::InUse { path: path.to_owned() }),
        // A full queue of callers, say: somebody is there.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(SocketError::InUse { path: path.to_owned() })
        }
        Err(error) => Err(io("probe")(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::lock_data_dir;

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[tokio::test]
    async fn the_socket_is_private_and_goes_away_with_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let lock = lock_data_dir(&dir.path().join("data")).unwrap();
        let path = dir.path().join("data/run/admin.sock");
        let socket = AdminSocket::bind(&path, &lock).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert!(matches!(AdminSocket::bind(&path, &lock), Err(SocketError::InUse { .. })));
        assert!(path.exists(), "the refused one must leave the file alone");
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn only_a_dead_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let lock = lock_data_dir(&dir.path().join("data")).unwrap();
        let path = dir.path().join("data/admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(AdminSocket::bind(&path, &lock).unwrap());

        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(AdminSocket::bind(&path, &lock), Err(SocketError::NotASocket { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");

        std::fs::remove_file(&path).unwrap();
        let other = dir.path().join("data/other.sock");
        drop(std::os::unix::net::UnixListener::bind(&other).unwrap());
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(matches!(AdminSocket::bind(&path, &lock), Err(SocketError::NotASocket { .. })));
        assert!(other.exists());
    }

    #[tokio::test]
    async fn a_folder_that_lets_others_in_and_a_long_path_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let lock = lock_data_dir(&dir.path().join("data")).unwrap();
        let wide = dir.path().join("wide");
        std::fs::create_dir(&wide).unwrap();
        std::fs::set_permissions(&wide, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(AdminSocket::bind(&wide.join("a"), &lock), Err(SocketError::Folder { .. })));
        let long = dir.path().join("x".repeat(120));
        assert!(matches!(AdminSocket::bind(&long, &lock), Err(SocketError::PathTooLong { .. })));
    }

    #[tokio::test]
    async fn a_socket_put_there_by_another_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let lock = lock_data_dir(&dir.path().join("data")).unwrap();
        let path = dir.path().join("data/admin.sock");
        let first = AdminSocket::bind(&path, &lock).unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = AdminSocket::bind(&path, &lock).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
    }
}
