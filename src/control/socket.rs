//! The admin socket: mode 0600 in a directory that no other user may enter, and never one that another
//! process serves.

use std::path::Path;

use crate::store::DataDirLock;
use crate::store::StoreError;
use crate::store::private_folder;
use crate::transport::local;
use crate::transport::local::LocalError;
use crate::transport::local::LocalSocket;

/// Why the admin socket could not be opened for listening.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The directory of the socket is missing, belongs to another user, or is accessible to others.
    #[error("the folder of the admin socket cannot be used")]
    Folder {
        /// The cause.
        source: StoreError,
    },
    /// The socket itself: its path, what exists there, or the operating system.
    #[error(transparent)]
    Local(#[from] LocalError),
}

/// A listening socket. Its file is removed on drop.
#[derive(Debug)]
pub struct AdminSocket(pub(super) LocalSocket);

impl AdminSocket {
    /// Listens on `path`. The directory is created with mode 0700 if it is missing. A socket left by a dead
    /// gateway is replaced: the lock on the data directory proves that no gateway uses this data directory,
    /// and an unanswered connection that no other one uses the socket. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`SocketError`]; nothing is removed except a dead socket.
    pub fn bind(path: &Path, _held: &DataDirLock) -> Result<Self, SocketError> {
        local::must_fit(path)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            private_folder(folder).map_err(|source| SocketError::Folder { source })?;
        }
        Ok(Self(LocalSocket::at(path)?))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::fs::PermissionsExt;

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
        assert!(matches!(AdminSocket::bind(&path, &lock), Err(SocketError::Local(LocalError::InUse { .. }))));
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
        assert!(matches!(
            AdminSocket::bind(&path, &lock),
            Err(SocketError::Local(LocalError::NotASocket { .. }))
        ));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");

        std::fs::remove_file(&path).unwrap();
        let other = dir.path().join("data/other.sock");
        drop(std::os::unix::net::UnixListener::bind(&other).unwrap());
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(matches!(
            AdminSocket::bind(&path, &lock),
            Err(SocketError::Local(LocalError::NotASocket { .. }))
        ));
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
        assert!(matches!(
            AdminSocket::bind(&long, &lock),
            Err(SocketError::Local(LocalError::PathTooLong { .. }))
        ));
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
