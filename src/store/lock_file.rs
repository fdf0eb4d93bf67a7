//! The `lock` file in the data directory: only one process at a time uses it.

use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::store::error::StoreError;
use crate::store::folder;

/// Name of the lock file in the data directory.
const LOCK_FILE: &str = "lock";

/// The lock on a data directory. Released on drop or when the process dies; the file stays.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

/// Locks the data directory, creating it (mode 0700) if it is missing. Does not wait.
///
/// # Errors
/// [`StoreError::Locked`] with the process that holds it; else as [`folder::private_folder`].
pub fn lock_data_dir(data_dir: &Path) -> Result<DataDirLock, StoreError> {
    folder::private_folder(data_dir)?;
    let path = data_dir.join(LOCK_FILE);
    let io = |operation| {
        let path = path.clone();
        move |source| StoreError::Io { operation, path, source }
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
        .open(&path)
        .map_err(io("open"))?;
    folder::check_private_file(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Locked { path: data_dir.to_owned(), pid: read_pid(&mut file) });
        }
        Err(TryLockError::Error(source)) => {
            return Err(StoreError::Io { operation: "lock", path, source });
        }
    }
    file.set_len(0).map_err(io("empty"))?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes()).map_err(io("write"))?;
    Ok(DataDirLock { _file: file })
}

/// Returns the process id in the lock file; `None` if there is none.
fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
